//! One step of a rule on some of the terms.
use super::{Ruled, within};
use crate::problem::Problem;
use crate::status::Halt;

/// One step of the rule on the terms named, whose mean is weighted; the value of the batch and the squared length of its
/// gradient.
pub(super) fn batch_step(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    (named, weight): (&[u32], f64),
    rate: f64,
    gradient: &mut [f64],
) -> Result<(f64, f64), Halt> {
    let batch = |problem: &mut Problem<'_>, x: &[f64], gradient: &mut [f64]| -> Result<f64, Halt> {
        let value = weight * problem.batch(named, x, gradient)?;
        if weight != 1.0 {
            gradient.iter_mut().for_each(|g| *g *= weight);
        }
        Ok(value + problem.added_gradient(x, gradient))
    };
    let stand = r.mover.stand(x);
    let value = batch(problem, &stand, gradient)?;
    let square = gradient.iter().map(|g| g * g).sum();
    if r.mover.asks_twice() {
        let mut place = r.mover.place(rate, value, &stand, gradient);
        within(problem, &mut place);
        batch(problem, &place, gradient)?;
    }
    r.mover.advance(rate, value, x, gradient, |x| within(problem, x));
    Ok((value, square))
}
