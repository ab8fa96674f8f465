//! Symmetric systems: A = L L′, by halves, the products between them on all threads.
use crate::linalg::vectors::dot_of;
use crate::numbers::real::Float;
use crate::parallel::cancel;
use crate::parallel::pool::pool;
use crate::state::{Bad, State, Visitor};
use std::sync::{Mutex, PoisonError};

/// Columns factored at once.
const PANEL: usize = 16;
/// Columns of the rest that a thread updates at once.
const STRIP: usize = 128;

/// So few multiplications are handed to no thread.
const LITTLE: usize = 1 << 18;

/// Numbers that a matrix may be of.
pub trait Factored: Float {
    /// What one operation rounds by, at most.
    const ROUNDING: f64;
    /// c −= a b of m × k and k × n numbers, each with what lies between rows and between columns.
    ///
    /// # Safety
    ///
    /// The pointers reach over all of them, and nobody else touches what is written.
    #[doc(hidden)]
    unsafe fn take(
        sizes: [usize; 3],
        a: (*const Self, [isize; 2]),
        b: (*const Self, [isize; 2]),
        c: (*mut Self, [isize; 2]),
    );
}

macro_rules! factored {
    ($t:ident, $gemm:ident) => {
        impl Factored for $t {
            const ROUNDING: f64 = $t::EPSILON as f64;
            unsafe fn take(
                [m, k, n]: [usize; 3],
                (a, [ra, ca]): (*const Self, [isize; 2]),
                (b, [rb, cb]): (*const Self, [isize; 2]),
                (c, [rc, cc]): (*mut Self, [isize; 2]),
            ) {
                // SAFETY: as the trait demands.
                unsafe {
                    matrixmultiply::$gemm(m, k, n, -1.0, a, ra, ca, b, rb, cb, 1.0, c, rc, cc);
                }
            }
        }
    };
}
factored!(f32, sgemm);
factored!(f64, dgemm);

/// The lower triangle of a symmetric matrix of n rows becomes its factor, in place; what is above the diagonal means
/// nothing afterwards. False where `enough(row, what is left of its pivot, its diagonal)` is: not safely positive.
pub fn factor<N: Factored>(
    m: &mut [N],
    n: usize,
    enough: impl Fn(usize, f64, f64) -> bool,
) -> bool {
    assert!(m.len() >= n * n);
    let diagonal: Vec<f64> = (0..n).map(|i| m[i * n + i].to_f64()).collect();
    n == 0 || columns(m, n, (0, n), &|i, left| left.is_finite() && enough(i, left, diagonal[i]))
}

/// Factors columns from..to, of which all that lies to the left was taken off: one half, what that takes off the other, and
/// the other, so that most of the work is products of large blocks.
fn columns<N: Factored>(
    m: &mut [N],
    n: usize,
    (from, to): (usize, usize),
    enough: &dyn Fn(usize, f64) -> bool,
) -> bool {
    if to - from > PANEL {
        let middle = from + ((to - from) / 2).next_multiple_of(PANEL);
        if !columns(m, n, (from, middle), enough) {
            return false;
        }
        update(m, n, (from, middle), (middle, to));
        return columns(m, n, (middle, to), enough);
    }
    cancel::check();
    let mut panel = [[N::default(); PANEL]; PANEL];
    for i in from..to {
        let row = &mut m[i * n..=i * n + i];
        substitute(&mut row[from..i], &panel);
        let square = |v: &N| v.to_f64() * v.to_f64();
        let left = row[i].to_f64() - row[from..i].iter().map(square).sum::<f64>();
        if !enough(i, left) {
            return false;
        }
        row[i] = N::of_f64(left.sqrt());
        row[from..=i].iter().zip(&mut panel).for_each(|(v, column)| column[i - from] = *v);
    }
    let rows: Vec<_> = m[to * n..n * n].chunks_mut(STRIP * n).map(Mutex::new).collect();
    let each = |p: usize| {
        let mut rows = rows[p].lock().unwrap_or_else(PoisonError::into_inner);
        rows.chunks_exact_mut(n).for_each(|row| substitute(&mut row[from..to], &panel));
    };
    if (n - to) * PANEL * PANEL < LITTLE {
        (0..rows.len()).for_each(each)
    } else {
        pool().each(rows.len(), each)
    }
    true
}

/// row ← L⁻¹ row, where L's columns are those of the panel.
fn substitute<N: Factored>(row: &mut [N], panel: &[[N; PANEL]; PANEL]) {
    let mut all = [N::default(); PANEL];
    all[..row.len()].copy_from_slice(row);
    for (k, column) in panel.iter().enumerate().take(row.len()) {
        let v = all[k] / column[k];
        // Whole, for the sake of its vectors: place k is not read again, and those before it lose nothing.
        all.iter_mut().zip(column).for_each(|(a, l)| *a = *a - v * *l);
        row[k] = v;
    }
}

/// Takes the products of columns from..to off columns at..end, from row `at` down.
fn update<N: Factored>(
    m: &mut [N],
    n: usize,
    (from, to): (usize, usize),
    (at, end): (usize, usize),
) {
    struct SharedMatrix<N>(*mut N);
    // SAFETY: each task writes rows or columns of its own, and what all read (columns from..to) none writes.
    unsafe impl<N> Sync for SharedMatrix<N> {}
    impl<N> SharedMatrix<N> {
        fn at(&self, row: usize, column: usize, n: usize) -> *mut N {
            self.0.wrapping_add(row * n + column)
        }
    }
    let shared = SharedMatrix(m.as_mut_ptr());
    let product = |rows: (usize, usize), columns: (usize, usize)| {
        let sizes = [rows.1 - rows.0, to - from, columns.1 - columns.0];
        let down = n as isize;
        let left = (shared.at(rows.0, from, n).cast_const(), [down, 1]);
        let right = (shared.at(columns.0, from, n).cast_const(), [1, down]);
        // SAFETY: rows of columns from..to are read, and the named rows of the named columns, all to the right of those, are
        // written: inside the n·n numbers, and apart from what other tasks write.
        unsafe { N::take(sizes, left, right, (shared.at(rows.0, columns.0, n), [down, 1])) };
    };
    let work = (n - at) * (to - from) * (end - at);
    if work < LITTLE {
        product((at, n), (at, end));
        return;
    }
    // Few columns: by rows of them all.
    let few = end < n || end - at <= STRIP;
    let task = |s: usize| {
        let (low, high) = (at + s * STRIP, at + (s + 1) * STRIP);
        if few {
            product((low, high.min(n)), (at, end))
        } else {
            product((low, n), (low, high.min(end)))
        }
    };
    pool().each((if few { n } else { end } - at).div_ceil(STRIP), task);
}

/// b ← L⁻¹ b, for a factor of `b.len()` rows.
pub fn forward<N: Float>(l: &[N], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        let row = &l[i * n..=i * n + i];
        b[i] = (b[i] - dot_of(&row[..i], &b[..i])) / row[i].to_f64();
    }
}

/// b ← L′⁻¹ b.
pub fn backward<N: Float>(l: &[N], b: &mut [f64]) {
    let n = b.len();
    for i in (0..n).rev() {
        let row = &l[i * n..=i * n + i];
        b[i] /= row[i].to_f64();
        let (head, tail) = b.split_at_mut(i);
        head.iter_mut().zip(row).for_each(|(b, l)| *b -= tail[0] * l.to_f64());
    }
}

/// The factor of a symmetric matrix.
#[derive(Default)]
pub struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl State for Cholesky {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("n", &mut self.n)?;
        v.field("l", &mut self.l)?;
        v.check("l", self.n == v.dim() && self.l.len() == self.n * self.n, "has another length")
    }
}

impl Cholesky {
    /// Of `a + diag(shift)`, row after row, of which only the lower triangle is read; none where it is not safely
    /// positive definite: what is left of a pivot must be more than the rounding of what was taken from it.
    pub fn new(n: usize, a: &[f64], shift: impl Fn(usize) -> f64) -> Option<Self> {
        Self::with(n, a, shift, 0.0)
    }

    /// The same where that is to be more than so much of the pivot, too.
    pub fn with(n: usize, a: &[f64], shift: impl Fn(usize) -> f64, least: f64) -> Option<Self> {
        let mut l = a[..n * n].to_vec();
        (0..n).for_each(|j| l[j * n + j] += shift(j));
        let enough = |i: usize, left: f64, pivot: f64| {
            left > least.max(16.0 * f64::EPSILON * (i + 1) as f64) * pivot.abs()
        };
        factor(&mut l, n, enough).then_some(Cholesky { n, l })
    }

    /// b ← A⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        forward(&self.l, &mut b[..self.n]);
        backward(&self.l, &mut b[..self.n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_what_it_factors() {
        for n in [0, 1, 2, 7, 16, 17, 40, 64, 65, 200, 333] {
            let entry = |i: usize, j: usize| 1.0 / (1.0 + (i as f64 - j as f64).abs());
            let mut a: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
            let x: Vec<f64> = (0..n).map(|i| i as f64 - 3.0).collect();
            let mut b: Vec<f64> = (0..n)
                .map(|i| (0..n).map(|j| a[i * n + j] * x[j]).sum::<f64>() + 0.5 * x[i])
                .collect();
            // What is above the diagonal is not read.
            (0..n).for_each(|i| a[i * n + i + 1..(i + 1) * n].fill(f64::NAN));
            Cholesky::new(n, &a, |_| 0.5).unwrap().solve(&mut b);
            assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-9), "{n}");
        }
        assert!(Cholesky::new(2, &[1.0, 2.0, 2.0, 1.0], |_| 0.0).is_none());
        assert!(Cholesky::new(2, &[1.0, 1.0, 1.0, 1.0], |_| 0.0).is_none());
        assert!(Cholesky::new(1, &[f64::NAN], |_| 0.0).is_none());
    }

    #[test]
    fn short_numbers_lose_their_digits_alone() {
        let n = 150;
        let entry = |i: usize, j: usize| 1.0 / (1.0 + (i as f64 - j as f64).abs());
        let a: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
        let solved = |mut b: Vec<f64>| {
            let mut l: Vec<f32> = a.iter().map(|v| *v as f32).collect();
            assert!(factor(&mut l, n, |_, left, _| left > 0.0));
            forward(&l, &mut b);
            backward(&l, &mut b);
            b
        };
        let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
        let b = (0..n).map(|i| (0..n).map(|j| a[i * n + j] * x[j]).sum()).collect();
        let off = solved(b).iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-5, "{off}");
        assert!(!factor(&mut [1.0f32, 0.0, 1.0, 1.0], 2, |_, left, _| left > 0.0));
    }

    #[test]
    fn the_same_bits_on_any_number_of_threads() {
        let n = 300;
        let a: Vec<f64> =
            (0..n * n).map(|k| (-((k / n) as f64 - (k % n) as f64).powi(2) / 9.0).exp()).collect();
        let run = |threads| {
            crate::parallel::pool::with_threads(threads, || {
                Cholesky::new(n, &a, |_| 0.1).unwrap().l
            })
        };
        let lower = |l: Vec<f64>| -> Vec<f64> {
            (0..n).flat_map(|i| l[i * n..=i * n + i].to_vec()).collect()
        };
        let first = lower(run(1));
        assert!(lower(run(2)) == first && lower(run(7)) == first);
    }
}
