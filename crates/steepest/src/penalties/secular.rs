//! What proxes of Euclidean norms and projections on balls have in common.

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

/// Whether a sum is the whole but for rounding, of so many terms.
pub(super) fn reaches(sum: f64, whole: f64, terms: usize) -> bool {
    (sum - whole).abs() <= SLACK * whole * terms as f64
}

/// How far a sum may be from the whole, or beyond it, for rounding alone.
pub(super) const SLACK: f64 = 1e-12;
