//! A point lower than what is claimed, seen on the way: by differences, as across a stair, which tell of slopes alone.
use crate::certificate::Kind;
use crate::method::Step;
use crate::penalty::Penalty;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// How often a descent begins again from such a point.
pub(super) const RETURNS: u32 = 8;
/// Of what F has fallen by since the start as much is nothing.
const NOTHING: f64 = 1e-12;
/// Noise of F may make a value lower by so many times itself.
const NOISE: f64 = 16.0;

/// The lowest point seen, in the units of the caller, and F there, where it is lower there than where success is claimed by more than that
/// claim leaves open: it is asked for once more. None where the claim is proved, slopes are given (of what lies beside they say
/// all that they can), or F alone is not what is made small.
pub(super) fn seen(
    problem: &mut Problem<'_>,
    penalty: &dyn Penalty,
    claim: &Step,
    highest: f64,
) -> Result<Option<(f64, Vec<f64>)>, Halt> {
    let open = |kind: Kind| !kind.proves() && kind != Kind::Criterion;
    let kind = claim.certificate.as_ref().map(|c| c.kind);
    if !(claim.verdict.as_ref().is_some_and(Status::success) && kind.is_none_or(open))
        || claim.sampled
        || problem.offers().differences == 0
        || problem.offers().constraints > 0
    {
        return Ok(None);
    }
    let fallen = (highest - claim.value).clamp(0.0, f64::MAX);
    let matters = (problem.tolerance() * claim.value.abs()).max(NOTHING * fallen);
    let Some((value, x)) = problem.lowest() else { return Ok(None) };
    if !(value + penalty.value(&x) < claim.value - matters) {
        return Ok(None);
    }
    let n = x.len();
    let noise = NOISE * problem.accuracy(&mut vec![0.0; n]) * problem.units().value();
    let mut there = vec![0.0; n];
    problem.units().inward(&x, &mut there);
    let value = problem.value(&there)? * problem.units().value() + penalty.value(&x);
    if value < claim.value - matters.max(noise) {
        return Ok(Some((value, x)));
    }
    // What is lower by noise is not asked for again.
    problem.forget_lowest();
    Ok(None)
}
