//! Symmetric systems: A = L L′, by halves, the products between them on all threads.
use crate::linalg::strided::{Gemm, MatMut, gemm};
use crate::linalg::vectors::dot_of;
use crate::numbers::real::Float;
use crate::parallel::cancel;
use crate::parallel::pool::pool;
use crate::state::{Bad, State, Visitor};

/// Columns factored at once.
const PANEL: usize = 16;
/// Columns of the rest that a thread updates at once.
const STRIP: usize = 128;

/// So few multiplications are handed to no thread.
const LITTLE: usize = 1 << 18;

/// Numbers that a matrix may be of.
pub trait Factored: Gemm {
    /// What one operation rounds by, at most.
    const ROUNDING: f64;
}
impl Factored for f32 {
    const ROUNDING: f64 = f32::EPSILON as f64;
}
impl Factored for f64 {
    const ROUNDING: f64 = f64::EPSILON;
}

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
    let rows = m[to * n..n * n].chunks_mut(STRIP * n);
    let each = |_, rows: &mut [N]| {
        rows.chunks_exact_mut(n).for_each(|row| substitute(&mut row[from..to], &panel));
    };
    if (n - to) * PANEL * PANEL < LITTLE {
        rows.for_each(|rows| each(0, rows));
    } else {
        pool().each_of(rows, each);
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
    let (left, right) = MatMut::of(&mut m[at * n..n * n], n - at, n, n).split_columns(at);
    let (left, right) = (left.columns(from, to).read(), right.columns(0, end - at));
    // Rows from this one on, of columns from that one on.
    let take = |row: usize, column: usize, of: MatMut<'_, N>| {
        let (high, wide) = of.shape();
        let (a, b) = (left.rows(row, row + high), left.rows(column, column + wide).transposed());
        gemm(N::lit(-1.0), a, b, N::lit(1.0), of);
    };
    let work = (n - at) * (to - from) * (end - at);
    if work < LITTLE {
        take(0, 0, right);
    } else if end < n || end - at <= STRIP {
        // Few columns: by rows of them all.
        pool().each_of(right.strips(STRIP), |s, strip| take(s * STRIP, 0, strip));
    } else {
        pool().each_of(right.transposed().strips(STRIP), |s, strip| {
            let strip = strip.transposed();
            take(s * STRIP, s * STRIP, strip.split_rows(s * STRIP).1);
        });
    }
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
