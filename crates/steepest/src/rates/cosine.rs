use crate::rate::Rate;
use crate::real::Real;

crate::settings! {
    /// Falls along half a cosine over the run, from 1 to `end`: end + (1 − end)·(1 + cos(π·done)) / 2.
    ///
    /// Loshchilov and Hutter 2017, <https://arxiv.org/abs/1608.03983>.
    "cosine" Cosine {
        /// The factor that the run ends at.
        end = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rate for Cosine {
    /// (1 + cos πt) / 2 = cos² (πt/2) as a series in (t − ½)·π about its point of inflection: the numbers have no cosine.
    fn factor<N: Real>(s: Cosine<N>, done: N, _: N) -> N {
        let n = N::lit;
        let u = (done - n(0.5)) * n(std::f64::consts::PI);
        let z = u.square();
        // sin u, |u| ≤ π/2, by Taylor's series to u^19: exact to the last digits.
        let mut sine = n(1.0);
        for k in (1..=9).rev() {
            let k = k as f64;
            sine = n(1.0) - sine * z / n(2.0 * k * (2.0 * k + 1.0));
        }
        let half = n(0.5) * (n(1.0) - u * sine);
        s.end + (n(1.0) - s.end) * half
    }
}
