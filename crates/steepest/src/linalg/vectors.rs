//! Sums and combinations of long vectors, for each instruction set; the bits are the same on all.
use crate::numbers::real::Float;
use crate::state::{Bad, Long, State, Visitor};
use std::ops::{Deref, DerefMut};

/// Sums run in as many lanes on every machine, so that the bits do not depend on it.
pub const LANES: usize = 8;

/// Numbers that begin on a cache line and are padded with zeros to whole lanes.
#[derive(Debug, Default)]
pub struct Aligned {
    store: Vec<f64>,
    offset: usize,
    len: usize,
}

/// Whether there is room for so many numbers; asked before a matrix is made whose failure would end the process.
pub fn room(numbers: usize) -> Result<(), String> {
    let gigabytes = numbers as f64 * 8.0 / (1u64 << 30) as f64;
    Vec::<f64>::new()
        .try_reserve_exact(numbers)
        .map_err(|_| format!("{gigabytes:.1} GiB, more than is available"))
}

/// The next multiple of [`LANES`].
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

impl Aligned {
    /// `padded(n)` zeros.
    pub fn zeros(n: usize) -> Self {
        let len = padded(n);
        let store = vec![0.0; len + LANES];
        // A foreign allocator may refuse to tell; then the vector is unaligned and only slower.
        let offset = store.as_ptr().align_offset(64).min(LANES);
        Aligned { store, offset, len }
    }
}

impl State for Aligned {
    /// As long as it is, or as x.
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        if v.loads() && self.is_empty() {
            *self = Aligned::zeros(v.dim());
        }
        v.slice(self)?;
        // What lies beyond x is nothing.
        if self.len() == padded(v.dim()) {
            self[v.dim()..].fill(0.0);
        }
        Ok(())
    }
}

impl Long for Aligned {
    /// It is loaded at its own length only.
    fn is_long(&self, _: usize) -> bool {
        true
    }
}

impl Deref for Aligned {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        &self.store[self.offset..self.offset + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.store[self.offset..self.offset + self.len]
    }
}

/// Out of sight of the loops: the shape of this sum would otherwise decide (badly) how wide they are.
#[inline(never)]
fn fold(a: &[f64; 32]) -> f64 {
    let mut a = *a;
    let mut w = 16;
    while w > 0 {
        for l in 0..w {
            a[l] += a[l + w];
        }
        w /= 2;
    }
    a[0]
}

/// The sum of eight lanes, pairwise.
#[inline(always)]
pub fn fold8(a: &[f64; 8]) -> f64 {
    ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
}
/// [`fold8`] out of sight of a loop, which would otherwise be cut to two lanes.
#[inline(never)]
pub fn fold8_apart(a: &[f64; 8]) -> f64 {
    fold8(a)
}

/// Σ a_i b_i.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    dot_of(a, b)
}
crate::simd! {
    /// Σ a_i b_i of numbers that may be short.
    pub fn dot_of[N: Float](a: &[N], b: &[f64]) -> f64 {
        let ((a, ra), (b, rb)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
        let mut acc = [0.0; 32];
        for (a, b) in a.iter().zip(b) { for l in 0..32 { acc[l] += a[l].to_f64() * b[l] } }
        let ((a, ra), (b, rb)) = (ra.as_chunks::<8>(), rb.as_chunks::<8>());
        for (a, b) in a.iter().zip(b) { for l in 0..8 { acc[l] += a[l].to_f64() * b[l] } }
        let rest: f64 = ra.iter().zip(rb).map(|(a, b)| a.to_f64() * b).sum();
        fold(&acc) + rest
    }
}
crate::simd! {
    /// Σ a_i.
    pub fn sum[](a: &[f64]) -> f64 {
        let (chunks, rest) = a.as_chunks::<8>();
        let mut acc = [0.0; 8];
        for a in chunks { for l in 0..8 { acc[l] += a[l] } }
        fold8(&std::hint::black_box(acc)) + rest.iter().fold(0.0, |sum, v| sum + v)
    }
}
crate::simd! {
    /// to = a − b.
    pub fn minus[](a: &[f64], b: &[f64], to: &mut [f64]) {
        let n = to.len();
        let (a, b) = (&a[..n], &b[..n]);
        for i in 0..n { to[i] = a[i] - b[i] }
    }
}
crate::simd! {
    /// to = x + t·d.
    pub fn ahead[](x: &[f64], t: f64, d: &[f64], to: &mut [f64]) {
        let n = to.len();
        let (x, d) = (&x[..n], &d[..n]);
        for i in 0..n { to[i] = x[i] + t * d[i] }
    }
}
crate::simd! {
    /// to += s·x.
    pub fn add_scaled[](s: f64, x: &[f64], to: &mut [f64]) {
        let n = to.len();
        let x = &x[..n];
        for i in 0..n { to[i] += s * x[i] }
    }
}
crate::simd! {
    /// to = s·x.
    pub fn scaled[](s: f64, x: &[f64], to: &mut [f64]) {
        let n = to.len();
        let x = &x[..n];
        for i in 0..n { to[i] = s * x[i] }
    }
}
crate::simd! {
    /// max |x_i|; not finite where one of them is not.
    pub fn largest[](x: &[f64]) -> f64 {
        let (c, rest) = x.as_chunks::<16>();
        let (mut top, mut sum) = ([0.0f64; 16], [0.0f64; 16]);
        for c in c {
            for l in 0..16 { let v = c[l].abs(); top[l] = if v > top[l] { v } else { top[l] } }
            for l in 0..16 { sum[l] += c[l] * 0.0 }
        }
        let (top, sum) = (std::hint::black_box(top), std::hint::black_box(sum));
        let m = top.iter().chain(rest).fold(0.0, |m: f64, v| m.max(v.abs()));
        m + sum.iter().sum::<f64>() + rest.iter().map(|v| v * 0.0).sum::<f64>()
    }
}
crate::simd! {
    /// Σ a_i b_i over the coordinates where `mask` is 1 (it is 0 elsewhere).
    pub fn dot_over[](mask: &[f64], a: &[f64], b: &[f64]) -> f64 {
        let n = mask.len();
        let ((a, ra), (b, rb), (m, rm)) = (a[..n].as_chunks::<8>(), b[..n].as_chunks::<8>(), mask.as_chunks::<8>());
        let mut acc = [0.0; 8];
        for ((a, b), m) in a.iter().zip(b).zip(m) { for l in 0..8 { acc[l] += m[l] * a[l] * b[l] } }
        let rest: f64 = ra.iter().zip(rb).zip(rm).map(|((a, b), m)| m * a * b).sum();
        fold8(&std::hint::black_box(acc)) + rest
    }
}
crate::simd! {
    /// y += s·x over the coordinates where `mask` is 1.
    pub fn add_over[](mask: &[f64], s: f64, x: &[f64], y: &mut [f64]) {
        let n = mask.len();
        let (x, y) = (&x[..n], &mut y[..n]);
        for i in 0..n { y[i] += mask[i] * s * x[i] }
    }
}

/// What numbers of up to this size are multiplied by so that their squares neither overflow nor vanish: a power of two,
/// and 1 but for the largest and the smallest of numbers.
pub fn unit(size: f64) -> f64 {
    if size == 0.0 || (1e-140..1e140).contains(&size) {
        return 1.0;
    }
    (-size.log2().round()).clamp(-1020.0, 1020.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_right_at_every_length() {
        for n in 0..70 {
            let a: Vec<f64> = (0..n).map(|i| i as f64 - 20.0).collect();
            let b: Vec<f64> = (0..n).map(|i| (i * i % 7) as f64).collect();
            let plain: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            assert_eq!(dot(&a, &b), plain);
            assert_eq!(sum(&a), a.iter().sum::<f64>());
            assert_eq!(dot_over(&vec![1.0; n], &a, &b), plain);
            assert_eq!(largest(&a), a.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for at in 0..n {
                    let mut a = a.clone();
                    a[at] = bad;
                    assert!(!largest(&a).is_finite());
                }
            }
        }
        let aligned = Aligned::zeros(13);
        assert_eq!((aligned.len(), aligned.as_ptr() as usize % 64), (16, 0));
    }
}
