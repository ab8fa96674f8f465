//! How large each variable is taken to be, where a start tells that they lie far apart.

/// Sizes of variables at the start that are further apart than this are measured in units of their own.
const APART: f64 = 1e4;

/// From so many variables on the tenth at either end does not count.
const MANY: usize = 20;

/// A variable whose own size changes F by less than this of F, or of what another's does, starts at 0 for all that is known.
const NOWHERE: f64 = 1e-14;

/// The sizes of the variables where they lie far apart (else none): by where they start and by their room; of those that
/// start at 0, or at 1e-200 with a slope as steep as the others', as far as it takes to change F as much as those do.
pub fn sizes(x: &[f64], value: f64, g: &[f64], width: impl Fn(usize) -> f64) -> Vec<f64> {
    let change = |j: usize| x[j].abs() * g[j].abs();
    let most = (0..x.len()).map(change).fold(value.abs(), f64::max);
    let own = |j: usize| {
        let nowhere = x[j] == 0.0 || g[j] != 0.0 && change(j) < NOWHERE * most;
        let size = if nowhere { width(j) } else { x[j].abs().min(width(j)) };
        if size > 0.0 && size.is_finite() { size } else { f64::NAN }
    };
    let mut size: Vec<f64> = (0..x.len()).map(own).collect();
    let steepest = g.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    let tiny = size.iter().all(|s| *s < 1.0 / APART);
    let mut changes: Vec<f64> =
        size.iter().zip(g).map(|(s, g)| s * g.abs()).filter(|c| *c > 0.0).collect();
    changes.sort_by(f64::total_cmp);
    let change = changes.get(changes.len() / 2).copied().unwrap_or(if value == 0.0 {
        steepest
    } else {
        value.abs()
    });
    for (size, g) in size.iter_mut().zip(g) {
        // What is rounding beside the others, or beside F, tells nothing: a slope is a sum whose rounding adds up.
        let tells = g.abs() > 1e2 * f64::EPSILON * steepest.max(value.abs());
        if size.is_nan() && tells {
            *size = change / g.abs();
        }
    }
    // Of many, some lie near 0 by chance: the bulk of them tells.
    let mut known: Vec<f64> = size.iter().copied().filter(|s| s.is_normal()).collect();
    known.sort_by(f64::total_cmp);
    let odd = if known.len() < MANY { 0 } else { known.len() / 10 };
    let end = |from_top: bool| {
        let at = if from_top { known.len().checked_sub(1 + odd) } else { Some(odd) };
        at.and_then(|i| known.get(i)).copied()
    };
    let (low, high) = (end(false).unwrap_or(f64::INFINITY), end(true).unwrap_or(0.0));
    // Far apart, or all of them far from 1.
    if !(high > APART * low || low > APART || tiny) {
        return Vec::new();
    }
    let middle = (low.log2() / 2.0 + high.log2() / 2.0).exp2();
    size.iter().map(|s| if s.is_normal() { *s } else { middle }).collect()
}
