//! Test functions full of local minima: a bowl with cosines on it.
use super::Entry;
use std::f64::consts::{E, TAU};

pub(super) const RASTRIGIN: Entry = Entry {
    name: "rastrigin",
    formula: "Σ 10 + x_j² − 10 cos(2π x_j)",
    doc: "A local minimum near every whole number. Rastrigin 1974.",
    parameters: &[],
    takes: |n| n > 0,
    dim: 2,
    start: |n| (0..n).map(|j| if j % 2 == 0 { 2.2 } else { -1.3 }).collect(),
    region: (-5.12, 5.12),
    least: Some(|_| 0.0),
    minima: |n| vec![vec![0.0; n]],
    value: |_, x| x.iter().map(|x| 10.0 + x * x - 10.0 * (TAU * x).cos()).sum(),
    gradient: |s, x, g| {
        for (g, x) in g.iter_mut().zip(x) {
            *g = 2.0 * x + 10.0 * TAU * (TAU * x).sin();
        }
        (RASTRIGIN.value)(s, x)
    },
    hessian: |_, x, h| {
        h.fill(0.0);
        for (j, xj) in x.iter().enumerate() {
            h[j * x.len() + j] = 2.0 + 10.0 * TAU * TAU * (TAU * xj).cos();
        }
    },
};

pub(super) const ACKLEY: Entry = Entry {
    name: "ackley",
    formula: "20 (1 − exp(−r/5)) + e − exp(mean cos(2π x_j)),  r² = mean x_j²",
    doc: "A narrow funnel in a nearly flat, rippled plain; not smooth at its bottom. Ackley 1987.",
    parameters: &[],
    takes: |n| n > 0,
    dim: 2,
    start: |n| (0..n).map(|j| if j % 2 == 0 { 2.1 } else { -1.4 }).collect(),
    region: (-5.0, 5.0),
    least: Some(|_| 0.0),
    minima: |n| vec![vec![0.0; n]],
    value: |_, x| {
        let (r, c) = ackley(x);
        20.0 * (1.0 - (-0.2 * r).exp()) + E - c.exp()
    },
    gradient: |s, x, g| {
        let (n, (r, c)) = (x.len() as f64, ackley(x));
        let funnel = if r > 0.0 { 4.0 * (-0.2 * r).exp() / (n * r) } else { 0.0 };
        for (g, x) in g.iter_mut().zip(x) {
            *g = funnel * x + c.exp() * TAU * (TAU * x).sin() / n;
        }
        (ACKLEY.value)(s, x)
    },
    hessian: |_, x, h| {
        let (n, (r, c)) = (x.len() as f64, ackley(x));
        let r = r.max(f64::MIN_POSITIVE);
        let (funnel, wave) = (4.0 * (-0.2 * r).exp() / n, c.exp() * TAU / n);
        let w = x.len();
        for (i, xi) in x.iter().enumerate() {
            for (j, xj) in x.iter().enumerate() {
                let round = -xi * xj / (n * r * r) * (0.2 + 1.0 / r);
                let ripples = -(TAU * xi).sin() * (TAU * xj).sin() * TAU / n;
                h[i * w + j] = funnel * round + wave * ripples;
            }
            h[i * w + i] += funnel / r + wave * TAU * (TAU * xi).cos();
        }
    },
};

/// Root mean square, and mean cosine.
fn ackley(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let r = (x.iter().map(|x| x * x).sum::<f64>() / n).sqrt();
    (r, x.iter().map(|x| (TAU * x).cos()).sum::<f64>() / n)
}
