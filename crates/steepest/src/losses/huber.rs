use crate::loss::Loss;
use crate::numbers::real::Real;

crate::settings! {
    /// Squared near the target and linear beyond `width` from it: outliers pull with a bounded force.
    /// With r = margin − target: ½ r² where |r| ≤ width, width·(|r| − ½ width) beyond.
    ///
    /// Huber 1964, <https://doi.org/10.1214/aoms/1177703732>.
    "huber" Huber {
        /// Distance from the target at which the square turns into a line, in units of the target.
        width = 1.35 in 1e-12 => f64::MAX,
    }
}

impl Loss for Huber {
    #[inline(always)]
    fn value<N: Real>(s: Huber<N>, target: N, margin: N) -> N {
        let r = margin - target;
        let c = r.clamp(-s.width, s.width);
        c * (r - N::lit(0.5) * c)
    }
    fn conjugate_distance(s: &Self, target: f64, margin: f64, u: f64) -> f64 {
        let r = margin - target;
        let c = r.clamp(-s.width, s.width);
        if (c + u).abs() <= s.width { 0.5 * u * u + u * (c - r) } else { f64::INFINITY }
    }
    fn conjugate_edge(s: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        let c = (margin - target).clamp(-s.width, s.width);
        if sign > 0.0 { s.width - c } else { s.width + c }
    }
}
