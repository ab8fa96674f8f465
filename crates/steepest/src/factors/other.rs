//! What a row sees of the other side, and sums over the entries there: scores, slopes, the upper triangles of products.
use super::MatrixShape;
use crate::linalg::vectors::{Aligned, LANES, fold8, padded};
use crate::numbers::simd::{Level, level};
use crate::parallel::pool::pool;

/// Rows of the other side that a task sums up.
const ROWS: usize = 2048;

/// What a row sees of the other side: its factors, padded to whole lanes, and what it adds to a score.
pub(super) struct Other {
    pub(super) width: usize,
    pub(super) factors: Aligned,
    pub(super) added: Vec<f64>,
    pub(super) background: f64,
}

impl Other {
    pub(super) fn new(factors: &[f64], biases: &[f64], shape: MatrixShape) -> Self {
        let MatrixShape { rank, centre, background, .. } = shape;
        let width = padded(rank);
        let rows = factors.len() / rank;
        let mut all = Aligned::zeros(rows * width);
        for (to, from) in all.chunks_exact_mut(width).zip(factors.chunks_exact(rank)) {
            to[..rank].copy_from_slice(from);
        }
        let added = if biases.is_empty() {
            vec![centre; rows]
        } else {
            biases.iter().map(|b| centre + b).collect()
        };
        Other { width, factors: all, added, background }
    }
    /// Σ q q′, whole, row after row.
    pub(super) fn gram(&self) -> Vec<f64> {
        let (w, rows) = (self.width, self.added.len());
        let parts = pool().map(rows.div_ceil(ROWS), |p| {
            let named: Vec<u32> =
                (p * ROWS..((p + 1) * ROWS).min(rows)).map(|i| i as u32).collect();
            let mut sum = vec![0.0; w * (w + LANES)];
            let ones = vec![1.0; named.len()];
            let entries = Summed { named: &named, weight: &ones, slope: &ones };
            squares(&self.factors, w, entries, &mut sum);
            sum
        });
        let mut sum = vec![0.0; w * w];
        for part in parts {
            for a in 0..w {
                for b in a..w {
                    sum[a * w + b] += part[a * (w + LANES) + b];
                }
            }
        }
        for a in 0..w {
            (0..a).for_each(|b| sum[a * w + b] = sum[b * w + a]);
        }
        sum
    }
}

/// Adds whose factors are added without a rounding between, where the machine has that.
trait Adds: Copy {
    fn add(self, a: f64, b: f64, to: f64) -> f64;
}
#[derive(Clone, Copy)]
struct Fused;
#[derive(Clone, Copy)]
struct Apart;
impl Adds for Fused {
    #[inline(always)]
    fn add(self, a: f64, b: f64, to: f64) -> f64 {
        a.mul_add(b, to)
    }
}
impl Adds for Apart {
    #[inline(always)]
    fn add(self, a: f64, b: f64, to: f64) -> f64 {
        a * b + to
    }
}

/// The entries of a row: which rows of the other side, what each weighs in the matrix and in the right-hand side.
#[derive(Clone, Copy)]
pub(super) struct Summed<'a> {
    pub(super) named: &'a [u32],
    pub(super) weight: &'a [f64],
    pub(super) slope: &'a [f64],
}

/// The upper triangle of Σ weight q q′, by tiles of eight, added to rows of w + 8 numbers; Σ weight q and Σ slope q stand
/// behind it.
pub(super) fn squares(q: &[f64], w: usize, entries: Summed<'_>, to: &mut [f64]) {
    if level() >= Level::Avx2 {
        tiles(Fused, q, w, entries, to)
    } else {
        tiles(Apart, q, w, entries, to)
    }
}

crate::simd! {
    fn tiles[P: Adds](by: P, q: &[f64], w: usize, entries: Summed<'_>, to: &mut [f64]) {
        let Summed { named, weight, slope } = entries;
        for a in (0..w).step_by(LANES) {
            for b in (a + LANES..w).step_by(LANES) {
                let mut sum = [[0.0; LANES]; LANES];
                for (&i, &v) in named.iter().zip(weight) {
                    let row = &q[i as usize * w..][..w];
                    let (left, right) = (&row[a..][..LANES], &row[b..][..LANES]);
                    let mut scaled = [0.0; LANES];
                    for l in 0..LANES { scaled[l] = v * right[l] }
                    for r in 0..LANES {
                        for l in 0..LANES { sum[r][l] = by.add(left[r], scaled[l], sum[r][l]) }
                    }
                }
                for r in 0..LANES {
                    let to = &mut to[(a + r) * (w + LANES) + b..][..LANES];
                    for l in 0..LANES { to[l] += sum[r][l] }
                }
            }
            let mut sum = [[0.0; LANES]; LANES];
            let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
            for ((&i, &v), &s) in named.iter().zip(weight).zip(slope) {
                let left = &q[i as usize * w + a..][..LANES];
                let mut scaled = [0.0; LANES];
                for l in 0..LANES { scaled[l] = v * left[l] }
                for l in 0..LANES { first[l] += scaled[l] }
                for l in 0..LANES { second[l] = by.add(s, left[l], second[l]) }
                for r in 0..LANES {
                    for l in 0..LANES { sum[r][l] = by.add(left[r], scaled[l], sum[r][l]) }
                }
            }
            for r in 0..LANES {
                let to = &mut to[(a + r) * (w + LANES)..][..w + LANES];
                for l in 0..LANES { to[a + l] += sum[r][l] }
                to[w] = first[r];
                to[w + 1] = second[r];
            }
        }
    }
}
crate::simd! {
    /// Σ slope q, added.
    pub(super) fn combined[](q: &[f64], w: usize, named: &[u32], slope: &[f64], to: &mut [f64]) {
        for a in (0..w).step_by(LANES) {
            let mut sum = [0.0; LANES];
            for (&i, &s) in named.iter().zip(slope) {
                let row = &q[i as usize * w + a..][..LANES];
                for l in 0..LANES { sum[l] += s * row[l] }
            }
            for l in 0..LANES { to[a + l] += sum[l] }
        }
    }
}
crate::simd! {
    /// to = base + q′x.
    pub(super) fn scores[](q: &[f64], w: usize, named: &[u32], x: &[f64], added: &[f64], base: f64, to: &mut [f64]) {
        for (&i, to) in named.iter().zip(to) {
            let row = &q[i as usize * w..][..w];
            let mut sum = [0.0; LANES];
            for (row, x) in row.as_chunks::<LANES>().0.iter().zip(x.as_chunks::<LANES>().0) {
                for l in 0..LANES { sum[l] += row[l] * x[l] }
            }
            // Out of sight, or the shape of this sum would decide how wide the loop is.
            *to = base + added[i as usize] + fold8(&std::hint::black_box(sum));
        }
    }
}
