//! What penalties on many coordinates together have in common: Euclidean norms, sums along a gradient, rounding.

/// √Σ v², safe from overflow.
pub(super) fn norm(v: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = v.clone().fold(0.0f64, |m, v| if v.is_nan() { v } else { m.max(v.abs()) });
    if most == 0.0 || !most.is_finite() {
        return most;
    }
    most * v.map(|v| (v / most) * (v / most)).sum::<f64>().sqrt()
}

/// The ν ≥ 0 at which Σ (a / (ν + b))² = 1, where it is more than 1 at ν = 0: Newton's steps on one over its root, which is
/// concave in ν, so that they come from below and do not pass it; one step where all b are alike.
pub(super) fn secular<I: Iterator<Item = (f64, f64)> + Clone>(parts: impl Fn() -> I) -> f64 {
    let most = parts().fold(0.0f64, |m, (_, b)| m.max(b));
    let mut nu = (norm(parts().map(|(a, _)| a)) - most).max(0.0);
    for _ in 0..100 {
        let size = norm(parts().map(|(a, b)| a / (nu + b)));
        let slope: f64 = parts().map(|(a, b)| (a / (nu + b) / size).powi(2) / (nu + b)).sum();
        // With h = 1 / size, h′ = h · slope: the step is (1 − h) / h′.
        let step = (size - 1.0) / slope;
        if !(step > 4.0 * f64::EPSILON * nu) {
            break;
        }
        nu += step;
    }
    nu
}

/// The coordinates of weight > 0: those that a penalty on all of them together is over.
pub(super) fn penalised(weight: &[f64]) -> Vec<usize> {
    (0..weight.len()).filter(|&j| weight[j] != 0.0).collect()
}

/// Σ s_j x_j over some coordinates, at least, where s_j is known up to `spread`.
pub(super) fn along(inside: &[usize], x: &[f64], s: &[f64], spread: &[f64]) -> f64 {
    inside.iter().map(|&j| s[j] * x[j] - spread[j] * x[j].abs()).sum()
}

/// How far a norm's `value` at x is above s′x, whichever s within its spread is meant: none is where they leave the dual ball.
pub(super) fn excess(
    within: bool,
    value: f64,
    inside: &[usize],
    [x, s, spread]: [&[f64]; 3],
) -> Option<f64> {
    Some(if within { (value - along(inside, x, s, spread)).max(0.0) } else { f64::INFINITY })
}

/// Whether a sum is the whole but for rounding, of so many terms.
pub(super) fn reaches(sum: f64, whole: f64, terms: usize) -> bool {
    (sum - whole).abs() <= SLACK * whole * terms as f64
}

/// How far a sum may be from the whole, or beyond it, for rounding alone.
pub(super) const SLACK: f64 = 1e-12;
