//! What the schedule-free rules share: where they stand, how much the newest point counts, and what they show.
use crate::numbers::real::Real;
use crate::rule::At;

/// The rate with its warm-up, and the state moved on: the largest rate and the sum of the weights.
pub(super) fn moved_on<N: Real>(at: At<N, 2>, warm_up: N, later: N) -> (N, N, [N; 2]) {
    let one = N::lit(1.0);
    let rate = at.rate * (at.step / warm_up.max(one)).min(one);
    let [largest, weights] = at.state;
    let largest = largest.max(rate);
    let weight = at.step.pow(later) * largest.square();
    let weights = weights + weight;
    (rate, weights.positive(weight / weights, N::lit(0.0)), [largest, weights])
}

/// The change of y, where gradients are asked, and the next z, which goes down u.
#[inline(always)]
pub(super) fn change<N: Real>([begin, part, lean, rate]: [N; 4], y: N, u: N, z: N) -> (N, N) {
    let z = z + begin * (y - z);
    (part * (z - y) + lean * u, z - rate * u)
}

/// How far y leans along u: rate·(momentum·(1 − part) − 1).
pub(super) fn lean<N: Real>(rate: N, momentum: N, part: N) -> N {
    let one = N::lit(1.0);
    rate * (momentum * (one - part) - one)
}
