//! The curvature of a loss over some columns of a table, from all rows or from some.
use crate::calloff::breathe;
use crate::glm::Glm;
use crate::pool::pool;
use std::ops::Range;

/// Σ share·h·(x − shift)(x − shift)′ over the columns of a working set, and what the intercept adds.
pub(super) struct Gram {
    /// The matrix, row after row.
    pub matrix: Vec<f64>,
    /// Σ share·h·(x − shift).
    pub cross: Vec<f64>,
    /// Σ share·h.
    pub total: f64,
}

/// Rows of a block: together with a working set of some hundred columns they stay in the cache.
const BLOCK: usize = 128;
/// Parts that the rows are split in, whatever the number of threads.
const PARTS: usize = 8;

/// Some rows as runs: all, or about `m` spread evenly, in runs of 32.
pub(super) fn runs(n: usize, m: usize) -> Vec<Range<usize>> {
    if m >= n {
        return (0..n).step_by(BLOCK).map(|i| i..(i + BLOCK).min(n)).collect();
    }
    let count = m.div_ceil(32).max(1);
    (0..count)
        .map(|k| {
            let (low, high) = (k * n / count, (k + 1) * n / count);
            let room = (high - low).saturating_sub(32);
            // Jittered, so that no period of the table is met.
            let jitter = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let from = low + if room > 0 { jitter as usize % (room + 1) } else { 0 };
            from..(from + 32).min(high)
        })
        .collect()
}

/// The curvature of the rows in `runs` at `margin` (one of all rows), over `columns`.
pub(super) fn gram(
    glm: &Glm<'_>,
    runs: &[Range<usize>],
    margin: &[f64],
    columns: &[u32],
    shift: &[f64],
) -> Gram {
    let k = columns.len();
    // A part brings a matrix of its own: fewer where it is large.
    let parts = if k > 1024 { 2 } else { PARTS };
    let per = runs.len().div_ceil(parts).max(1);
    let sums = pool().map(runs.len().div_ceil(per), |p| {
        part(glm, &runs[p * per..((p + 1) * per).min(runs.len())], margin, columns, shift)
    });
    let rows: usize = runs.iter().map(ExactSizeIterator::len).sum();
    let mut all = Gram { matrix: vec![0.0; k * k], cross: vec![0.0; k], total: 0.0 };
    let (mut share, n) = (0.0, glm.design.rows());
    for (g, s) in sums {
        all.matrix.iter_mut().zip(&g.matrix).for_each(|(a, b)| *a += b);
        all.cross.iter_mut().zip(&g.cross).for_each(|(a, b)| *a += b);
        all.total += g.total;
        share += s;
    }
    if rows < n && share > 0.0 {
        // The rows stand for all.
        all.matrix.iter_mut().chain(&mut all.cross).for_each(|v| *v /= share);
        all.total /= share;
    }
    all
}

fn part(
    glm: &Glm<'_>,
    runs: &[Range<usize>],
    margin: &[f64],
    columns: &[u32],
    shift: &[f64],
) -> (Gram, f64) {
    let k = columns.len();
    let mut g = Gram { matrix: vec![0.0; k * k], cross: vec![0.0; k], total: 0.0 };
    let mut share = 0.0;
    let mut x = vec![0.0; BLOCK * k];
    let (mut value, mut slope, mut curvature) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    for run in runs {
        breathe();
        let n = run.len();
        let rows: Vec<u32> = run.clone().map(|i| i as u32).collect();
        glm.loss.jets(
            &glm.target[run.clone()],
            &margin[run.clone()],
            &mut value[..n],
            &mut slope[..n],
            &mut curvature[..n],
        );
        glm.design.select(&rows, columns, &mut x[..n * k]);
        for (r, i) in run.clone().enumerate() {
            let s = glm.share(i);
            share += s;
            let h = s * curvature[r].max(0.0);
            g.total += h;
            let root = h.sqrt();
            let row = &mut x[r * k..(r + 1) * k];
            for ((x, shift), cross) in row.iter_mut().zip(shift).zip(&mut g.cross) {
                let v = *x - shift;
                *cross += h * v;
                *x = root * v;
            }
        }
        if glm.design.dense() {
            square(&x[..n * k], n, k, &mut g.matrix);
        } else {
            outer(&x[..n * k], k, &mut g.matrix);
        }
    }
    (g, share)
}

/// Adds x′x of n rows of k.
fn square(x: &[f64], n: usize, k: usize, to: &mut [f64]) {
    assert!(x.len() >= n * k && to.len() >= k * k);
    let (one, wide) = (1isize, k as isize);
    // SAFETY: x holds n rows of k and `to` k rows of k, as the strides say.
    unsafe {
        matrixmultiply::dgemm(
            k, n, k, 1.0, x.as_ptr(), one, wide, x.as_ptr(), wide, one, 1.0, to.as_mut_ptr(), wide, one,
        );
    }
}

/// The same over the entries that are not zero.
fn outer(x: &[f64], k: usize, to: &mut [f64]) {
    let mut there = Vec::with_capacity(k);
    for row in x.chunks_exact(k.max(1)) {
        there.clear();
        there.extend((0..k).filter(|&j| row[j] != 0.0));
        for &i in &there {
            for &j in &there {
                to[i * k + j] += row[i] * row[j];
            }
        }
    }
}
