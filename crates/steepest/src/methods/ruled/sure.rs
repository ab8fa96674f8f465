//! Before a rule may claim anything: whether the gradient is the function's, whether a lower point lies near by, and
//! how much the function's own curvature says is left. In a valley the steps of a rule see the steep sides alone.
use super::Ruled;
use super::gap_estimate::target;
use crate::certificate::{Certificate, Kind};
use crate::linalg::vectors::largest;
use crate::method::Step;
use crate::methods::convergence::{Claims, STEEP, Sight, WayBack, on_the_way_back};
use crate::methods::gradient_check::{self, Come, Doubt, Gap, Hull, Known};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Gradients that a look at the curvature around may take.
const PRODUCTS: usize = 20;
/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;

/// What is to be said of a step that a rule has taken.
pub(super) fn judged(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    step: Step,
) -> Result<Step, Halt> {
    r.claims.took(r.value);
    let [foretold, change] = r.still.foretold;
    let odd = r.claims.odd(change, foretold);
    if r.value == f64::NEG_INFINITY || (largest(x) > r.reach && r.value < r.start) {
        return Ok(Step { verdict: Some(Status::Unbounded), certificate: None, ..step });
    }
    if r.claims.due() && gradient_check::doubtful(problem) && r.value.is_finite() {
        let mut u = vec![0.0; x.len()];
        gradient_check::scattered(x.len(), &mut u);
        if let Doubt::Inconsistent(status) = look(r, problem, x, &mut u, false)?.0 {
            return Ok(Step { verdict: Some(status), certificate: None, ..step });
        }
    }
    if odd && gradient_check::doubtful(problem) && r.value.is_finite() {
        let mut u: Vec<f64> = r.gradient.iter().map(|g| -g).collect();
        if let Doubt::Inconsistent(status) = look(r, problem, x, &mut u, true)?.0 {
            return Ok(Step { verdict: Some(status), certificate: None, ..step });
        }
    }
    match step.verdict {
        Some(Status::Converged) if r.claims.steps() < r.patience => {
            Ok(Step { verdict: None, certificate: None, ..step })
        }
        Some(Status::Converged | Status::Plateau) if begins_here(r, problem, x) => {
            Ok(Step { verdict: None, certificate: None, ..step })
        }
        Some(Status::Converged | Status::Plateau) => claim(r, problem, x, step),
        _ => Ok(step),
    }
}

/// What is claimed counts from here where it came down from far above: as if it had begun at twice what F is.
fn begins_here(r: &mut Ruled, problem: &Problem<'_>, x: &[f64]) -> bool {
    /// Steps before it may claim anything.
    const PATIENCE: usize = 10;
    let room = gradient_check::room(problem, x);
    let free = |j: usize| room[j][usize::from(r.gradient[j] < 0.0)] > 0.0;
    let slopes = on_the_way_back(&r.gradient, x, &r.from, free);
    let begins = gradient_check::cheap(problem) && r.claims.came_down(r.value, slopes);
    if begins {
        (r.start, r.least) = (r.value + r.value.abs(), r.value);
        (r.patience, r.escapes) = (PATIENCE, 0);
        r.claims = Claims::new(r.start, problem.tolerance(), -1.0, -1.0).slow();
        r.claims.took(r.value);
    }
    begins
}

/// A claim, or standing still: as the looks around say.
fn claim(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    step: Step,
) -> Result<Step, Halt> {
    let none = Step { certificate: None, ..step.clone() };
    if gradient_check::cheap(problem)
        && let Some(step) = doubted(r, problem, x, &step, &none)?
    {
        return Ok(step);
    }
    // Where no step is lower, the tolerance itself is near enough; but not where lower points lay beside those at which it
    // stood still, as where the rule pulls x elsewhere (weight decay, far from 0).
    let resting = if step.verdict == Some(Status::Plateau) && r.escapes == 0 { 100.0 } else { 1.0 };
    let target = resting * target(problem, r.value, r.start);
    let mut explained = r.claims.rounding(r.value).max(differenced(r, problem));
    let left = match left(r, problem, x, explained)? {
        Left::Much(left) => left,
        Left::Lower(at) => return lower(r, problem, x, &at, none),
    };
    if step.verdict == Some(Status::Plateau)
        && left > target.max(explained)
        && gradient_check::cheap(problem)
    {
        let most = 1e-3 * r.claims.size(r.value);
        let mut trial = vec![0.0; x.len()];
        let noise = known(r, problem, x, |problem, at| {
            gradient_check::noise(problem, at, gradient_check::NEAR, &mut trial)
        })?;
        explained = explained.max((4.0 * noise).min(most));
    }
    let unit = problem.units().value();
    let certificate = left.is_finite().then_some(Certificate {
        kind: Kind::Estimated,
        bound: left * unit,
        target: target * unit,
        rounding: explained * unit,
        assumption: "the function's curvature here, along its slopes, is that between here and the nearest minimum",
    });
    let room = gradient_check::room(problem, x);
    let free = |j: usize| room[j][usize::from(r.gradient[j] < 0.0)] > 0.0;
    let back = WayBack::new(&r.gradient, &problem.noise_of_slopes(x.len()), x, &r.from, free);
    let sight = Sight { back: Some(back), ..Sight::new(r.value, f64::NAN, Some(left)) };
    // A rule's steps are no finer than its rate: what a claim asks for is coarser.
    let little = (1e-2 * problem.tolerance() * r.value.abs()).max(explained);
    let hasty = step.verdict == Some(Status::Converged) && r.claims.far_off(sight)
        || r.claims.hastier(sight, little, back.certain, STEEP[1]);
    let verdict = match step.verdict {
        // Slopes that were the same wherever they were asked for, though lower points were found beside, tell nothing.
        _ if r.escapes > 0 && r.still.seen.blind() => Some(Status::Plateau),
        // Noise that hides so much makes slopes that are small by chance.
        _ if left <= target && !hasty => match r.claims.limit(r.value, explained) {
            Status::NoiseFloor => Some(Status::NoiseFloor),
            _ => Some(Status::Converged),
        },
        Some(Status::Plateau) if left <= explained && !hasty => {
            Some(r.claims.limit(r.value, explained))
        }
        Some(Status::Plateau) => Some(Status::Plateau),
        _ => None,
    };
    if verdict.is_none() {
        r.patience = r.claims.steps() + r.claims.steps() / 4 + 10;
    }
    if verdict.as_ref().is_some_and(Status::success) {
        let mut trial = vec![0.0; x.len()];
        match closed_in(r, problem, x, &mut trial)? {
            Hull::Lower => return lower(r, problem, x, &trial, none),
            Hull::Open => return Ok(Step { verdict: Some(Status::Plateau), ..none }),
            Hull::Whole | Hull::Loud => {}
        }
    }
    let certificate = certificate.filter(|_| verdict.is_some());
    Ok(Step { verdict, certificate, ..none })
}

/// What the looks around say against a claim, if anything: a step without it.
fn doubted(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    step: &Step,
    none: &Step,
) -> Result<Option<Step>, Halt> {
    let some = |step| Ok(Some(step));
    if problem.sharpen()? {
        // A step to one side that reaches across a valley sees no slope: on both sides it does.
        r.value = problem.total_gradient(x, &mut r.gradient)?;
        r.still.look(problem, x, &r.gradient, r.value);
        if step.verdict == Some(Status::Plateau) {
            return some(Step { verdict: None, ..none.clone() });
        }
    }
    let mut u = vec![0.0; x.len()];
    gradient_check::scattered(x.len(), &mut u);
    gradient_check::onward(&r.from, x, &mut u);
    let mut found = look(r, problem, x, &mut u, false)?;
    if matches!(found.0, Doubt::None | Doubt::Kink(_)) && r.still.seen.unmoved(&mut u) {
        found = look(r, problem, x, &mut u, false)?;
    }
    if matches!(found.0, Doubt::None | Doubt::Kink(_)) && r.escapes > 0 && r.still.seen.blind() {
        let mut trial = vec![0.0; x.len()];
        let doubt = known(r, problem, x, |problem, at| {
            gradient_check::look_along_each(problem, at, &mut trial)
        })?;
        found = (doubt, trial);
    }
    match found {
        (Doubt::Inconsistent(status), _) => {
            return some(Step { verdict: Some(status), ..none.clone() });
        }
        (Doubt::Lower, at) => return lower(r, problem, x, &at, none.clone()).map(Some),
        (Doubt::Stairs, _) if r.still.seen.blind() => {
            return some(Step { verdict: Some(Status::Plateau), ..none.clone() });
        }
        _ if below(r, problem, x, &mut u)? || curved(r, problem, x, &mut u)? => {
            return lower(r, problem, x, &u, none.clone()).map(Some);
        }
        (Doubt::Kink(slopes), _) if step.verdict == Some(Status::Plateau) => {
            problem.report(gradient_check::kink(slopes));
        }
        _ => {}
    }
    Ok(None)
}

/// What is left below a point.
enum Left {
    /// So much.
    Much(f64),
    /// A lower point.
    Lower(Vec<f64>),
}

/// By the curvature around, and by a look beyond the point that it leads to.
fn left(r: &Ruled, problem: &mut Problem<'_>, x: &[f64], explained: f64) -> Result<Left, Halt> {
    let (mut trial, mut along) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let gap = known(r, problem, x, |problem, at| {
        gradient_check::gap(problem, at, PRODUCTS, f64::INFINITY, &mut along, &mut trial)
    })?;
    let Gap::Left(left) = gap else {
        let (doubt, at) = look(r, problem, x, &mut along, false)?;
        let lower = matches!(doubt, Doubt::Lower);
        return Ok(if lower { Left::Lower(at) } else { Left::Much(f64::INFINITY) });
    };
    let beyond = gradient_check::cheap(problem)
        && known(r, problem, x, |problem, at| {
            gradient_check::beyond(problem, at, &along, [left, explained], &mut trial)
        })?;
    Ok(if beyond { Left::Lower(trial) } else { Left::Much(left) })
}

/// Whether steps have closed in on a kink, and whether anything leads lower from there: the shorter they are, the less is left
/// by what they see.
fn closed_in(
    r: &Ruled,
    problem: &mut Problem<'_>,
    x: &[f64],
    trial: &mut [f64],
) -> Result<Hull, Halt> {
    if !gradient_check::cheap(problem) || r.claims.as_scipy() {
        return Ok(Hull::Whole);
    }
    let room = gradient_check::room(problem, x);
    let counts = |j: usize| room[j][usize::from(r.gradient[j] < 0.0)] > 0.0;
    let come = Come {
        way: x.iter().zip(&r.from).map(|(x, from)| (x - from).abs()).collect(),
        fallen: r.claims.before(r.claims.steps()) - r.value,
        hidden: differenced(r, problem),
        abrupt: r.claims.abrupt(x, &r.from, &r.gradient, counts),
        sharp: true,
    };
    let mut u = vec![0.0; x.len()];
    known(r, problem, x, |problem, at| gradient_check::closed_in(problem, at, come, &mut u, trial))
}

/// Goes on from a lower point that was seen; what the rule remembers is of another place.
fn lower(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    at: &[f64],
    step: Step,
) -> Result<Step, Halt> {
    let mut gradient = vec![0.0; x.len()];
    let value = problem.total_gradient(at, &mut gradient)?;
    r.escapes += 1;
    if r.escapes > ESCAPES || !(value < r.value) || !largest(&gradient).is_finite() {
        let verdict = if value == f64::NEG_INFINITY { Status::Unbounded } else { Status::Plateau };
        return Ok(Step { verdict: Some(verdict), ..step });
    }
    x.copy_from_slice(at);
    (r.value, r.gradient, r.least) = (value, gradient, r.least.min(value));
    r.mover.clear();
    r.still.look(problem, x, &r.gradient, r.value);
    Ok(Step { value: r.value * problem.units().value(), verdict: None, ..step })
}

/// Runs `ask` with what is known here.
fn known<R>(
    r: &Ruled,
    problem: &mut Problem<'_>,
    x: &[f64],
    ask: impl FnOnce(&mut Problem<'_>, &Known<'_>) -> R,
) -> R {
    let lengths = r.still.seen.lengths(problem, x, &r.gradient, r.claims.looks(r.value));
    let room = gradient_check::room(problem, x);
    let given = gradient_check::doubtful(problem);
    let enough = r.claims.small(r.value).max(target(problem, r.value, r.start));
    let at = Known {
        x,
        value: r.value,
        gradient: &r.gradient,
        lengths: &lengths,
        room: &|j, way| room[j][usize::from(way > 0.0)],
        enough,
        small: r.claims.slight(r.value),
        given,
        ahead: true,
        blind: r.still.seen.blind(),
    };
    ask(problem, &at)
}

/// A look along u, in lengths unless it is `plain`; and the lower point, if one was found.
fn look(
    r: &Ruled,
    problem: &mut Problem<'_>,
    x: &[f64],
    u: &mut [f64],
    plain: bool,
) -> Result<(Doubt, Vec<f64>), Halt> {
    let mut trial = vec![0.0; x.len()];
    let found = known(r, problem, x, |problem, at| {
        if plain {
            u.iter_mut().zip(at.lengths).for_each(|(u, l)| *u *= l);
            let size = largest(u);
            u.iter_mut().for_each(|u| *u /= size);
        }
        gradient_check::look(problem, at, u, &mut trial)
    })?;
    Ok((found, trial))
}

/// A lower point at any scale, in `to`: where its steps tell nothing of some coordinate, or all are few.
fn below(r: &Ruled, problem: &mut Problem<'_>, x: &[f64], to: &mut [f64]) -> Result<bool, Halt> {
    let told =
        x.len() > gradient_check::TRIED && !r.still.seen.doubtful() && r.claims.left(r.value);
    if told || r.escapes >= gradient_check::SADDLES {
        return Ok(false);
    }
    let matters = 1e3 * r.claims.lost(r.value);
    known(r, problem, x, |problem, at| {
        gradient_check::below(problem, &Known { small: at.small.max(matters), ..*at }, to)
    })
}

/// A lower point by the values around, in `to`, where slopes are differences of such as are noisy.
fn curved(r: &Ruled, problem: &mut Problem<'_>, x: &[f64], to: &mut [f64]) -> Result<bool, Halt> {
    if problem.offers().differences == 0 {
        return Ok(false);
    }
    let rounding = r.claims.rounding(r.value);
    known(r, problem, x, |problem, at| gradient_check::curved(problem, at, rounding, to))
}

/// What the noise of differences can hide.
fn differenced(r: &Ruled, problem: &mut Problem<'_>) -> f64 {
    if problem.offers().differences == 0 {
        return 0.0;
    }
    let mut noise = vec![0.0; r.gradient.len()];
    let value = problem.accuracy(&mut noise);
    let metric = r.still.seen.metric();
    let slopes = metric.iter().zip(&noise).map(|(d, v)| d * v * v).filter(|e| !e.is_nan());
    (4.0 * value).max(slopes.sum::<f64>().min(1e4 * r.claims.small(r.value)))
}
