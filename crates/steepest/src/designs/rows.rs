//! The two loops over a few rows that lie side by side: products with vectors, and sums of rows. What is
//! a row for one storage order is a column for the other, so these serve both.
use crate::linalg::vectors::fold8_apart;
use crate::numbers::real::{Float, Real};
use crate::numbers::simd::prefetch;

const LANES: usize = 8;

/// Inner products of four rows with `w`.
#[inline(always)]
pub(super) fn dot4<N: Float>(rows: [&[N]; 4], w: &[f64]) -> [f64; 4] {
    let d = w.len();
    let (wc, wt) = w.as_chunks::<LANES>();
    let [(c0, t0), (c1, t1), (c2, t2), (c3, t3)] = rows.map(|r| r[..d].as_chunks::<LANES>());
    let mut acc = [[0.0; LANES]; 4];
    for ((((w, x0), x1), x2), x3) in wc.iter().zip(c0).zip(c1).zip(c2).zip(c3) {
        for l in 0..LANES {
            acc[0][l] += x0[l].to_f64() * w[l];
        }
        for l in 0..LANES {
            acc[1][l] += x1[l].to_f64() * w[l];
        }
        for l in 0..LANES {
            acc[2][l] += x2[l].to_f64() * w[l];
        }
        for l in 0..LANES {
            acc[3][l] += x3[l].to_f64() * w[l];
        }
    }
    // Seen through, this sum too would cut the loop above to single numbers.
    let acc = std::hint::black_box(acc);
    let mut rest = [0.0; 4];
    for j in 0..wt.len() {
        let w = wt[j];
        rest[0] += t0[j].to_f64() * w;
        rest[1] += t1[j].to_f64() * w;
        rest[2] += t2[j].to_f64() * w;
        rest[3] += t3[j].to_f64() * w;
    }
    [
        fold8_apart(&acc[0]) + rest[0],
        fold8_apart(&acc[1]) + rest[1],
        fold8_apart(&acc[2]) + rest[2],
        fold8_apart(&acc[3]) + rest[3],
    ]
}

/// Adds four rows, each times its number, to `g`.
#[inline(always)]
pub(super) fn add4<N: Float>(g: &mut [f64], rows: [&[N]; 4], s: [f64; 4]) {
    let d = g.len();
    let [x0, x1, x2, x3] = rows.map(|r| &r[..d]);
    for j in 0..d {
        g[j] += (x0[j].to_f64() * s[0] + x1[j].to_f64() * s[1])
            + (x2[j].to_f64() * s[2] + x3[j].to_f64() * s[3]);
    }
}

/// Inner products of four rows with two vectors: the rows are loaded once.
#[inline(always)]
fn dot4x2<N: Float>(rows: [&[N]; 4], u: &[f64], v: &[f64]) -> [[f64; 4]; 2] {
    let d = u.len();
    let (uc, ut) = u.as_chunks::<LANES>();
    let (vc, vt) = v[..d].as_chunks::<LANES>();
    let [(c0, t0), (c1, t1), (c2, t2), (c3, t3)] = rows.map(|r| r[..d].as_chunks::<LANES>());
    let mut a = [[0.0; LANES]; 4];
    let mut b = [[0.0; LANES]; 4];
    for (((((u, v), x0), x1), x2), x3) in uc.iter().zip(vc).zip(c0).zip(c1).zip(c2).zip(c3) {
        for l in 0..LANES {
            a[0][l] += x0[l].to_f64() * u[l];
        }
        for l in 0..LANES {
            a[1][l] += x1[l].to_f64() * u[l];
        }
        for l in 0..LANES {
            a[2][l] += x2[l].to_f64() * u[l];
        }
        for l in 0..LANES {
            a[3][l] += x3[l].to_f64() * u[l];
        }
        for l in 0..LANES {
            b[0][l] += x0[l].to_f64() * v[l];
        }
        for l in 0..LANES {
            b[1][l] += x1[l].to_f64() * v[l];
        }
        for l in 0..LANES {
            b[2][l] += x2[l].to_f64() * v[l];
        }
        for l in 0..LANES {
            b[3][l] += x3[l].to_f64() * v[l];
        }
    }
    let (a, b) = (std::hint::black_box(a), std::hint::black_box(b));
    let tails = [t0, t1, t2, t3];
    let mut out = [[0.0; 4]; 2];
    for r in 0..4 {
        let (mut p, mut q) = (0.0, 0.0);
        for j in 0..ut.len() {
            p += tails[r][j].to_f64() * ut[j];
            q += tails[r][j].to_f64() * vt[j];
        }
        out[0][r] = fold8_apart(&a[r]) + p;
        out[1][r] = fold8_apart(&b[r]) + q;
    }
    out
}

/// The rows of a slice with a stride between them; an index beyond the last is the last.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a, N> {
    pub x: &'a [N],
    pub stride: usize,
    pub width: usize,
}

impl<'a, N> Strided<'a, N> {
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [N] {
        &self.x[i * self.stride..i * self.stride + self.width]
    }
    #[inline(always)]
    fn four(&self, i: usize, last: usize) -> [&'a [N]; 4] {
        [
            self.row(i),
            self.row((i + 1).min(last)),
            self.row((i + 2).min(last)),
            self.row((i + 3).min(last)),
        ]
    }
    /// Brings rows of `ahead`, `each` of them at every step.
    #[inline(always)]
    fn bring(&self, ahead: &std::ops::Range<usize>, step: usize, each: usize) {
        let from = ahead.start + step * each;
        for i in from..(from + each).min(ahead.end) {
            prefetch(self.row(i));
        }
    }
}

crate::simd! {
    /// Inner products of rows `from..to` with each of the vectors in `w`, side by side a row.
    pub(super) fn products[N: Float](
        x: Strided<'_, N>, from: usize, to: usize, ahead: std::ops::Range<usize>,
        w: &[f64], outputs: usize, out: &mut [f64],
    ) {
        let d = x.width;
        let each = ahead.len().div_ceil((to - from).div_ceil(4).max(1));
        if outputs == 1 {
            let (whole, rest) = out.as_chunks_mut::<4>();
            for (step, out) in whole.iter_mut().enumerate() {
                let i = from + 4 * step;
                x.bring(&ahead, step, each);
                *out = dot4([x.row(i), x.row(i + 1), x.row(i + 2), x.row(i + 3)], w);
            }
            if !rest.is_empty() {
                x.bring(&ahead, whole.len(), each);
                rest.copy_from_slice(&dot4(x.four(from + 4 * whole.len(), to - 1), w)[..rest.len()]);
            }
            return;
        }
        for (step, i) in (from..to).step_by(4).enumerate() {
            x.bring(&ahead, step, each);
            let rows = x.four(i, to - 1);
            let n = 4.min(to - i);
            for k in (0..outputs).step_by(2) {
                let k2 = (k + 1).min(outputs - 1);
                let m = dot4x2(rows, &w[k * d..(k + 1) * d], &w[k2 * d..(k2 + 1) * d]);
                for r in 0..n {
                    out[(i - from + r) * outputs + k] = m[0][r];
                    out[(i - from + r) * outputs + k2] = m[1][r];
                }
            }
        }
    }
}
crate::simd! {
    /// Adds Σ_i s_ik x_i over rows `from..to` to vector k of `g`.
    pub(super) fn sums[N: Float](
        x: Strided<'_, N>, from: usize, to: usize, ahead: std::ops::Range<usize>,
        s: &[f64], outputs: usize, g: &mut [f64],
    ) {
        let d = x.width;
        let each = ahead.len().div_ceil((to - from).div_ceil(4).max(1));
        if outputs == 1 {
            let (whole, rest) = s.as_chunks::<4>();
            for (step, s) in whole.iter().enumerate() {
                let i = from + 4 * step;
                x.bring(&ahead, step, each);
                add4(g, [x.row(i), x.row(i + 1), x.row(i + 2), x.row(i + 3)], *s);
            }
            if !rest.is_empty() {
                x.bring(&ahead, whole.len(), each);
                let s = std::array::from_fn(|r| rest.get(r).copied().unwrap_or(0.0));
                add4(g, x.four(from + 4 * whole.len(), to - 1), s);
            }
            return;
        }
        for (step, i) in (from..to).step_by(4).enumerate() {
            x.bring(&ahead, step, each);
            let rows = x.four(i, to - 1);
            for k in 0..outputs {
                let at = |r: usize| if i + r < to { s[(i - from + r) * outputs + k] } else { 0.0 };
                add4(&mut g[k * d..(k + 1) * d], rows, [at(0), at(1), at(2), at(3)]);
            }
        }
    }
}
/// Σ_j ((x_j − centre_j) · inverse_j)² of four rows.
#[inline(always)]
fn far4<N: Float>(rows: [&[N]; 4], centre: &[f64], inverse: &[f64]) -> [f64; 4] {
    let d = centre.len();
    let ((cc, ct), (vc, vt)) = (centre.as_chunks::<LANES>(), inverse[..d].as_chunks::<LANES>());
    let [(c0, t0), (c1, t1), (c2, t2), (c3, t3)] = rows.map(|r| r[..d].as_chunks::<LANES>());
    let mut acc = [[0.0; LANES]; 4];
    for (((((c, v), x0), x1), x2), x3) in cc.iter().zip(vc).zip(c0).zip(c1).zip(c2).zip(c3) {
        for l in 0..LANES {
            acc[0][l] += ((x0[l].to_f64() - c[l]) * v[l]).square();
        }
        for l in 0..LANES {
            acc[1][l] += ((x1[l].to_f64() - c[l]) * v[l]).square();
        }
        for l in 0..LANES {
            acc[2][l] += ((x2[l].to_f64() - c[l]) * v[l]).square();
        }
        for l in 0..LANES {
            acc[3][l] += ((x3[l].to_f64() - c[l]) * v[l]).square();
        }
    }
    let acc = std::hint::black_box(acc);
    let mut rest = [0.0; 4];
    for j in 0..ct.len() {
        for (rest, t) in rest.iter_mut().zip([t0, t1, t2, t3]) {
            *rest += ((t[j].to_f64() - ct[j]) * vt[j]).square();
        }
    }
    std::array::from_fn(|r| fold8_apart(&acc[r]) + rest[r])
}

crate::simd! {
    /// Σ_j ((x_ij − centre_j) · inverse_j)² of rows `from..to`.
    pub(super) fn distances[N: Float](
        x: Strided<'_, N>, from: usize, to: usize, centre: &[f64], inverse: &[f64], out: &mut [f64],
    ) {
        for (i, out) in (from..to).step_by(4).zip(out.chunks_mut(4)) {
            let n = out.len();
            out.copy_from_slice(&far4(x.four(i, to - 1), centre, inverse)[..n]);
        }
    }
}

crate::simd! {
    /// Rows by name, one after another.
    pub(super) fn gather[N: Float](x: Strided<'_, N>, rows: &[u32], out: &mut [f64]) {
        const AHEAD: usize = 4;
        rows.iter().take(AHEAD).for_each(|i| prefetch(x.row(*i as usize)));
        for (at, out) in out.chunks_exact_mut(x.width).take(rows.len()).enumerate() {
            if let Some(next) = rows.get(at + AHEAD) {
                prefetch(x.row(*next as usize));
            }
            for (o, x) in out.iter_mut().zip(x.row(rows[at] as usize)) {
                *o = x.to_f64();
            }
        }
    }
}
crate::simd! {
    /// Rows before the first that has a number that is not finite.
    pub(super) fn finite[N: Float](x: Strided<'_, N>, rows: usize) -> usize {
        (0..rows)
            .position(|i| {
                let (chunks, tail) = x.row(i).as_chunks::<LANES>();
                // Times 0 it is 0, or NaN from then on.
                let mut seen = [0.0; LANES];
                for chunk in chunks {
                    for l in 0..LANES {
                        seen[l] += chunk[l].to_f64() * 0.0;
                    }
                }
                let rest = tail.iter().fold(0.0, |seen, x| seen + x.to_f64() * 0.0);
                fold8_apart(&seen) + rest != 0.0
            })
            .unwrap_or(rows)
    }
}
crate::simd! {
    /// Adds Σ weight_i x_i and Σ weight_i x_i², by columns, of rows `from..to`.
    pub(super) fn moments[N: Float](
        x: Strided<'_, N>, from: usize, to: usize, weight: &[f64], sum: &mut [f64], square: &mut [f64],
    ) {
        for (i, w) in (from..to).zip(weight) {
            for ((x, sum), square) in x.row(i).iter().zip(&mut *sum).zip(&mut *square) {
                let v = x.to_f64();
                let by = w * v;
                *sum += by;
                *square += by * v;
            }
        }
    }
}
