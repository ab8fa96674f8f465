//! Rows less their mean, over their deviation, and slopes back through that.
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
