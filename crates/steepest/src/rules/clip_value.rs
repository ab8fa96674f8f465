use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Gradient clipping by value: each coordinate is kept between −`most` and `most`. Stands before another rule.
    ///
    /// Mikolov 2012, *Statistical Language Models Based on Neural Networks* (thesis), section 3.2.
    "clip_value" ClipValue {
        /// The largest entry let through.
        most = 1.0 in 1e-300 => f64::MAX,
    }
}

impl Rule<0, 1> for ClipValue {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["limit"];
    const KIND: Kind = Kind::Gradient;

    fn scalars<N: Real>(rule: ClipValue<N>, _: At<N>) -> [N; 1] {
        [rule.most]
    }
    #[inline(always)]
    fn element<N: Real>([limit]: [N; 1], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (g.clamp(-limit, limit), [])
    }
}
