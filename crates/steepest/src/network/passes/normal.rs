//! Rows, or columns, less their mean, over their deviation, and slopes back through that.
use crate::numbers::real::Float;

/// What is added to a variance.
const LEAST: f64 = 1e-5;

/// Each row less its mean, over its deviation; then gain and shift.
pub fn normalise<N: Float>(
    before: &[N],
    after: &mut [N],
    (width, stride): (usize, usize),
    gain: &[N],
    shift: &[N],
    mut plain: Option<&mut [N]>,
    mut inverse: Option<&mut [N]>,
) {
    let rows = before.chunks_exact(stride).zip(after.chunks_exact_mut(stride));
    for (row, (before, after)) in rows.enumerate() {
        let (z, n) = (&before[..width], width as f64);
        let mean = z.iter().map(|z| z.to_f64()).sum::<f64>() / n;
        let spread = z.iter().map(|z| (z.to_f64() - mean).powi(2)).sum::<f64>() / n;
        let by = 1.0 / (spread + LEAST).sqrt();
        if let Some(inverse) = &mut inverse {
            inverse[row] = N::of_f64(by);
        }
        for j in 0..width {
            let v = N::of_f64((z[j].to_f64() - mean) * by);
            after[j] = gain[j] * v + shift[j];
            if let Some(plain) = &mut plain {
                plain[row * stride + j] = v;
            }
        }
    }
}

/// With v the normalised row and d = gain · slope: (d − mean d − v · mean(d v)) / deviation.
pub fn normalise_back<N: Float>(
    delta: &[N],
    plain: &[N],
    inverse: &[N],
    gain: &[N],
    stride: usize,
    before: &mut [N],
    adds: bool,
) {
    let n = gain.len() as f64;
    let rows = delta.chunks_exact(stride).zip(plain.chunks_exact(stride));
    for ((row, (delta, v)), before) in rows.enumerate().zip(before.chunks_exact_mut(stride)) {
        let (mut mean, mut along) = (0.0, 0.0);
        for j in 0..gain.len() {
            let d = (gain[j] * delta[j]).to_f64();
            mean += d / n;
            along += d * v[j].to_f64() / n;
        }
        for j in 0..gain.len() {
            let d = (gain[j] * delta[j]).to_f64() - mean - v[j].to_f64() * along;
            let d = N::of_f64(d * inverse[row].to_f64());
            before[j] = if adds { before[j] + d } else { d };
        }
    }
}

/// Of each column of a batch: its mean, its variance and its inverse deviation; on the way back the mean of the slopes
/// behind it, and of their products with what it is once normalised. So many numbers a column.
pub const OF_A_COLUMN: usize = 5;

crate::simd! {
    /// sum ← sum + by · z.
    fn add_up[N: Float](sum: &mut [f64], by: f64, z: &[N]) {
        for (sum, z) in sum.iter_mut().zip(z) {
            *sum += by * z.to_f64();
        }
    }
}
crate::simd! {
    /// sum ← sum + by · (z − mean)².
    fn add_squares[N: Float](sum: &mut [f64], by: f64, mean: &[f64], z: &[N]) {
        for ((sum, mean), z) in sum.iter_mut().zip(mean).zip(z) {
            let d = z.to_f64() - *mean;
            *sum += by * (d * d);
        }
    }
}
crate::simd! {
    /// sum ← sum + a · b.
    fn add_products[N: Float](sum: &mut [f64], a: &[N], b: &[N]) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum += a.to_f64() * b.to_f64();
        }
    }
}
crate::simd! {
    /// plain ← (z − mean) · inverse.
    fn less_mean[N: Float](plain: &mut [N], z: &[N], mean: &[f64], inverse: &[f64]) {
        for (((plain, z), mean), inverse) in plain.iter_mut().zip(z).zip(mean).zip(inverse) {
            *plain = N::of_f64((z.to_f64() - *mean) * *inverse);
        }
    }
}

/// What the rows of a batch weigh.
#[derive(Clone, Copy, Default)]
pub struct Heft {
    /// Their sum.
    pub total: f64,
    /// As many rows of one weight say as much as these do.
    pub rows: f64,
}

/// The weights of rows; where all are 0, which teach nothing, each is 1.
pub fn weighed(weights: &mut [f64]) -> Heft {
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        let squares: f64 = weights.iter().map(|w| (w / total).powi(2)).sum();
        return Heft { total, rows: 1.0 / squares };
    }
    weights.fill(1.0);
    Heft { total: weights.len() as f64, rows: 0.0 }
}

/// The columns' means and deviations over the rows of a batch, each by its weight. A row of none may hold anything.
pub fn spread<N: Float>(
    rows: &[N],
    (width, stride): (usize, usize),
    (weights, heft): (&[f64], Heft),
    columns: &mut [f64],
) {
    let counted = || rows.chunks_exact(stride).zip(weights).filter(|(_, by)| **by > 0.0);
    let (mean, rest) = columns.split_at_mut(width);
    let (variance, rest) = rest.split_at_mut(width);
    mean.fill(0.0);
    variance.fill(0.0);
    counted().for_each(|(z, by)| add_up(mean, *by, z));
    mean.iter_mut().for_each(|m| *m /= heft.total);
    counted().for_each(|(z, by)| add_squares(variance, *by, mean, z));
    variance.iter_mut().for_each(|v| *v /= heft.total);
    invert(variance, &mut rest[..width]);
}

/// The columns' running means and variances in the place of a batch's.
pub fn recall<N: Float>(running: &[N], width: usize, columns: &mut [f64]) {
    let (both, rest) = columns.split_at_mut(2 * width);
    both.iter_mut().zip(running).for_each(|(to, r)| *to = r.to_f64());
    invert(&both[width..], &mut rest[..width]);
}

fn invert(variance: &[f64], inverse: &mut [f64]) {
    inverse.iter_mut().zip(variance).for_each(|(to, v)| *to = 1.0 / (v + LEAST).sqrt());
}

/// Brings running means and variances nearer to those of a batch that says as much as so many rows, by this share; as in torch
/// the variance is the one that its rows estimate. One row has none.
pub fn follow<N: Float>(running: &mut [N], width: usize, columns: &[f64], n: f64, share: f64) {
    if n <= 1.0 {
        return;
    }
    let (means, variances) = running[..2 * width].split_at_mut(width);
    let nearer = |to: &mut N, now: f64| *to = N::of_f64((1.0 - share) * to.to_f64() + share * now);
    means.iter_mut().zip(columns).for_each(|(to, m)| nearer(to, *m));
    let estimate = columns[width..].iter().map(|v| v * n / (n - 1.0));
    variances.iter_mut().zip(estimate).for_each(|(to, v)| nearer(to, v));
}

/// Each column less its mean, over its deviation; then gain and shift.
pub fn normalise_columns<N: Float>(
    before: &[N],
    after: &mut [N],
    (width, stride): (usize, usize),
    columns: &[f64],
    (gain, shift): (&[N], &[N]),
    mut plain: Option<&mut [N]>,
) {
    let (mean, inverse) = (&columns[..width], &columns[2 * width..3 * width]);
    let rows = before.chunks_exact(stride).zip(after.chunks_exact_mut(stride));
    for (row, (z, after)) in rows.enumerate() {
        let after = &mut after[..width];
        less_mean(after, z, mean, inverse);
        if let Some(plain) = &mut plain {
            plain[row * stride..row * stride + width].copy_from_slice(after);
        }
        for ((to, gain), shift) in after.iter_mut().zip(gain).zip(shift) {
            *to = *gain * *to + *shift;
        }
    }
}

/// The sums of the columns' slopes, and of their products with the normalised rows, over what the rows weigh: times that they
/// are the slopes of shift and gain. The slopes have the weights in them.
pub fn gather_back<N: Float>(
    delta: &[N],
    plain: &[N],
    (width, stride): (usize, usize),
    (weights, heft): (&[f64], Heft),
    columns: &mut [f64],
) {
    let (mean, along) = columns[3 * width..].split_at_mut(width);
    mean.fill(0.0);
    along.fill(0.0);
    let rows = delta.chunks_exact(stride).zip(plain.chunks_exact(stride)).zip(weights);
    for ((delta, plain), _) in rows.filter(|(_, by)| **by > 0.0) {
        add_up(mean, 1.0, delta);
        add_products(along, delta, plain);
    }
    mean.iter_mut().chain(along).for_each(|m| *m /= heft.total);
}

/// With v the normalised column, d its slopes and w the weights: gain · (d − w · mean d − w · v · mean(d v)) / deviation.
pub fn normalise_columns_back<N: Float>(
    (delta, plain): (&[N], &[N]),
    columns: &[f64],
    gain: &[N],
    (stride, weights): (usize, &[f64]),
    before: &mut [N],
    adds: bool,
) {
    let width = gain.len();
    let (inverse, rest) = columns[2 * width..].split_at(width);
    let (mean, along) = rest.split_at(width);
    let rows = delta.chunks_exact(stride).zip(plain.chunks_exact(stride));
    for (((delta, v), before), by) in rows.zip(before.chunks_exact_mut(stride)).zip(weights) {
        if *by == 0.0 {
            // It teaches nothing, and what it holds may be anything.
            if !adds {
                before[..width].fill(N::default());
            }
            continue;
        }
        for j in 0..width {
            let d = delta[j].to_f64() - by * mean[j] - by * (v[j].to_f64() * along[j]);
            let d = N::of_f64(gain[j].to_f64() * d * inverse[j]);
            before[j] = if adds { before[j] + d } else { d };
        }
    }
}
