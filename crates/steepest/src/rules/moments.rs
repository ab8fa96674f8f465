//! What the rules of Adam's kind share: averages with fading memory, and what corrects them for having started at 0.
use crate::numbers::real::Real;

/// The mean and the mean square of the gradient moved on; `new` is the share of the newest of each.
#[inline(always)]
pub(super) fn moments<N: Real>(new: [N; 2], g: N, [m, v]: [N; 2]) -> [N; 2] {
    [m + new[0] * (g - m), v + new[1] * (g * g - v)]
}

/// What a mean is multiplied by after so many steps, 1 / (1 − decayᵏ).
pub(super) fn unbiased<N: Real>(decay: N, step: N) -> N {
    let one = N::lit(1.0);
    one / (one - decay.pow(step))
}

/// What the root of a mean square is multiplied by after so many steps.
pub(super) fn unbiased_root<N: Real>(decay: N, step: N) -> N {
    let one = N::lit(1.0);
    one / (one - decay.pow(step)).sqrt()
}
