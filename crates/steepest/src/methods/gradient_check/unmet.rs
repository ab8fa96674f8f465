//! Where F bends down as no curvature that a method has met says.

/// What is left of a step that is smaller than this of it was met.
const PART: f64 = 0.1;
/// Bending down by less than this of what lengths and slopes allow is rounding, or a model that is not yet exact.
const CLEARLY: f64 = 0.01;

/// What the inverse curvature H that is known does not explain of a step s, along which the slopes were seen to turn by y:
/// s − Hy, where F bends down along it by what is seen of such a step, for nothing was met of what lies there. In lengths;
/// none where that is little, or it bends up. `met` is −Hy.
pub fn unmet(step: &[f64], lengths: &[f64], turned: &[f64], met: &[f64]) -> Option<Vec<f64>> {
    let (mut whole, mut along, mut rise) = (0.0f64, 0.0, 0.0);
    let (mut slopes, mut long) = (0.0, 0.0);
    let mut rest = vec![0.0; step.len()];
    for (j, rest) in rest.iter_mut().enumerate() {
        let (by, slope) = (step[j] / lengths[j], turned[j] * lengths[j]);
        *rest = (step[j] + met[j]) / lengths[j];
        (along, rise) = (along + by * *rest, rise + slope * *rest);
        (slopes, long) = (slopes + slope * slope, long + *rest * *rest);
        whole = whole.max(by.abs());
    }
    let size = rest.iter().fold(0.0f64, |m, r| m.max(r.abs()));
    let down = rise * along.signum() < -CLEARLY * (slopes * long).sqrt();
    if !(size.is_normal() && size > PART * whole && down) {
        return None;
    }
    rest.iter_mut().for_each(|r| *r /= size);
    Some(rest)
}
