//! Losses made of straight parts: where they bend, and their conjugates.

/// A place where a loss bends: it adds `up` · max(margin − at, 0) + `down` · max(at − margin, 0), both at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kink {
    /// The margin.
    pub at: f64,
    /// Minus the slope below.
    pub down: f64,
    /// The slope above.
    pub up: f64,
}

/// How many kinks a loss has at most.
pub const KINKS: usize = 2;

fn value(kinks: &[Kink], margin: f64) -> f64 {
    let each = |k: &Kink| (k.up * (margin - k.at)).max(k.down * (k.at - margin)).max(0.0);
    kinks.iter().map(each).sum()
}

/// sup_d u·d − D(d) at a margin where the slope is this: it is attained at a kink, or nowhere.
pub(super) fn conjugate(kinks: &[Kink], (margin, slope): (f64, f64), u: f64) -> f64 {
    let (low, high) = ends(kinks);
    // The sum is rounded, and an end is met exactly.
    let slack = 4.0 * f64::EPSILON * (high - low);
    if !(slope + u >= low - slack && slope + u <= high + slack) {
        return f64::INFINITY;
    }
    let dual = (slope + u).clamp(low, high);
    let best = |k: &Kink| dual * (k.at - margin) - value(kinks, k.at);
    let most = kinks.iter().filter(|k| k.up + k.down > 0.0).map(best).reduce(f64::max);
    (most.unwrap_or(0.0) + value(kinks, margin)).max(0.0)
}

/// The least and the largest slope.
pub(super) fn ends(kinks: &[Kink]) -> (f64, f64) {
    kinks.iter().fold((0.0, 0.0), |(low, high), k| (low - k.down, high + k.up))
}
