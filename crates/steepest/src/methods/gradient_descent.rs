//! Steepest descent: at a rate that is given, or at its own.
use super::standing::FAR;
use crate::linalg::vectors::{self, Aligned, dot, largest};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::convergence::{Claims, not_finite};
use crate::methods::gradient_check::{self, Doubt, Gap, room};
use crate::methods::seen::Seen;
use crate::methods::sizes::sizes;
use crate::penalty::Steps;
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use crate::units::Units;

mod claim;
mod given;
mod units;

crate::settings! {
    /// Gradient descent, x ← prox(x − rate · ∇f(x)), at a rate that is given, or at Barzilai and Borwein's with a line search.
    ///
    /// Without a penalty that is x − rate · ∇f(x). With no rate it finds its own from the curvature that the last step met, s's / s'y, shortened until the
    /// value is below the largest of the last ten: so over any ten steps it goes down. Variables whose sizes lie far apart, at
    /// the start or by how the function turns out to bend, are then measured in units of their own.
    ///
    /// Cauchy 1847; Barzilai and Borwein 1988; Grippo, Lampariello and Lucidi 1986; Wright, Nowak and Figueiredo 2009.
    "gradient_descent" GradientDescent {
        /// The step length; 0 to let it find its own at each step.
        rate = 0.0 in 0.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: GradientDescent::<f64>::NAME,
    doc: GradientDescent::<f64>::DOC,
    parameters: GradientDescent::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits,
    build: |settings| {
        let set = GradientDescent::of(settings);
        Box::new(Descent { rate: set.rate, set, armijo: false, work: None })
    },
};

fn suits(_: &Facts) -> Option<Suit> {
    Some(Suit {
        passes: 2000.0,
        reason: "plain gradient steps can take any penalty with a prox".into(),
    })
}

/// Values that a new one is held against.
const RECENT: usize = 10;
const SHORTEST: f64 = 1e-30;
const LONGEST: f64 = 1e30;

/// The textbook's: at the rate given, or by Armijo's rule.
pub(super) fn plain(set: GradientDescent) -> Box<dyn Method + Send> {
    Box::new(Descent { rate: set.rate, set, armijo: true, work: None })
}

struct Descent {
    set: GradientDescent,
    /// Whether steps are found by trying from twice the last one down, and not from the curvature.
    armijo: bool,
    /// 0: its own.
    rate: f64,
    work: Option<Work>,
}

#[derive(Default)]
struct Work {
    n: usize,
    /// Whether the penalty is added to the gradient (else its prox is taken).
    smooth: bool,
    /// Where it is bounds: these, in the problem's units.
    ranges: Option<Vec<[f64; 2]>>,
    claims: Claims,
    /// Where it began.
    start: Vec<f64>,
    x: Aligned,
    xn: Aligned,
    g: Aligned,
    gn: Aligned,
    s: Aligned,
    f: f64,
    first: f64,
    /// A point beyond this, reached downhill, is taken to be diverging.
    reach: f64,
    /// Where a rate that was given began: to say which would have done.
    began: Option<(Aligned, Aligned)>,
    /// What F is a multiple of.
    unit: f64,
    plain: bool,
    /// max |x − prox(x − g)| in its own units: only where SciPy's criteria ask for it.
    residual: f64,
    predicted: Option<f64>,
    /// What the steps have told of the coordinates.
    seen: Seen,
    /// Steps before the next look at the curvature around.
    patience: usize,
    recent: [f64; RECENT],
    steps: usize,
    /// s's / s'y of the last step, where the function bent upwards along it.
    bent: Option<f64>,
    /// The rate in force.
    a: f64,
    /// Whether it was found by shortening.
    halved: bool,
    /// Steps in a row after which the noise of the differences would have hidden what is left.
    drowned: u32,
    verify: bool,
    escapes: u32,
}

/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;
/// Gradients that a look at the curvature around may take.
const PRODUCTS: usize = 10;
/// Steps that are a long way.
const LONG: usize = 4096;
/// As many steps in a row whose foretold decrease noise would hide, and nothing more is to be gained by such slopes.
const DROWNED: u32 = 10;

state!(Work {
    n,
    smooth,
    ranges,
    claims,
    start: vector,
    x: point,
    xn,
    g,
    gn,
    s,
    f: value,
    first,
    reach: within(FAR, f64::INFINITY),
    began,
    unit: unit,
    plain: plain,
    residual,
    predicted,
    seen,
    patience,
    recent,
    steps,
    bent,
    a,
    halved,
    drowned,
    verify,
    escapes,
});

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("rate", &mut self.rate)?;
        v.field("work", &mut self.work)?;
        let fits = |w: &Work| w.n == v.dim() && w.ranges.as_ref().is_none_or(|r| r.len() == w.n);
        v.check("work", self.work.as_ref().is_some_and(fits), "is of another run")
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut work = Work::new(&self.set, self.armijo, problem, x)?;
        let step = match not_finite(work.f, &work.g[..x.len()]) {
            Some(why) => work.ended(why),
            None => work.stand(problem)?,
        };
        problem.units().outward(&work.x[..x.len()], x);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = if self.rate > 0.0 {
            work.fixed(problem, self.rate)?
        } else {
            work.own(problem, self.armijo)?
        };
        problem.units().outward(&work.x[..x.len()], x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn rate(&self) -> Option<f64> {
        let own = self.work.as_ref().map_or(0.0, |w| w.a / w.unit);
        Some(if self.rate > 0.0 { self.rate } else { own })
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.rate = rate;
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().filter(|w| w.plain).map(|w| &w.g[..w.n])
    }
}

impl Work {
    fn new(
        set: &GradientDescent,
        armijo: bool,
        problem: &mut Problem<'_>,
        x0: &[f64],
    ) -> Result<Self, Halt> {
        let n = problem.dim();
        let smooth = problem.penalty().offers().smooth;
        let [mut x, xn, mut g, gn, s] = [0; 5].map(|_| Aligned::zeros(n));
        x[..n].copy_from_slice(x0);
        if !smooth && !problem.penalty().value(&x[..n]).is_finite() {
            // outside a constraint: its projection is the nearest point within
            problem.penalty().prox(&mut x[..n], Steps::Uniform(1.0));
        }
        let mut f = evaluate(problem, smooth, &x[..n], &mut g[..n])?;
        let bounded = problem.penalty().offers().bounds;
        if problem.scalable()
            && (smooth || bounded)
            && set.rate == 0.0
            && not_finite(f, &g[..n]).is_none()
        {
            let room = room(problem, &x[..n]);
            // The textbook's descent is seen in the variables as they are.
            let own = if armijo {
                Vec::new()
            } else {
                sizes(&x[..n], f, &g[..n], |j| room[j][0] + room[j][1])
            };
            problem.set_units(Units::new(own, f, &g[..n]));
            let at = x[..n].to_vec();
            problem.units().inward(&at, &mut x[..n]);
            problem.units().slopes(&mut g[..n]);
            f /= problem.units().value();
        }
        let ranges = (!smooth && bounded).then(|| units::ranges(problem, n));
        if ranges.iter().flatten().any(|[low, high]| low > high) {
            return Err(Halt::Status(Status::Infeasible));
        }
        let mut work = Work {
            n,
            smooth,
            ranges,
            drowned: 0,
            claims: Claims::new(f, problem.tolerance(), set.gtol, set.ftol).slow(),
            start: x[..n].to_vec(),
            xn,
            gn,
            s,
            f,
            first: f,
            reach: FAR * largest(&x).max(1.0),
            began: (set.rate > 0.0).then(|| (copy(&x), copy(&g))),
            seen: Seen::new(n),
            x,
            g,
            unit: problem.units().value(),
            plain: problem.units().plain(),
            residual: f64::NAN,
            predicted: None,
            patience: 0,
            recent: [f; RECENT],
            steps: 0,
            bent: None,
            a: 0.0,
            halved: false,
            verify: set.verify > 0.0 && (smooth || bounded) && gradient_check::cheap(problem),
            escapes: 0,
        };
        let size = dot(&work.g, &work.g).sqrt();
        work.a = if set.rate > 0.0 { set.rate } else { (1.0 / size).clamp(SHORTEST, 1.0) };
        Ok(work)
    }

    /// The prox step of length `a` in `s`; its largest entry, and the decrease that it predicts.
    fn prox_step(&mut self, problem: &Problem<'_>, a: f64) -> (f64, f64) {
        if self.smooth {
            return (a * largest(&self.g), 0.5 * a * dot(&self.g, &self.g));
        }
        // Not x − prox(x − a g): where g is small beside x that is rounding.
        if let Some(ranges) = &self.ranges {
            for (j, [low, high]) in ranges.iter().enumerate() {
                self.s[j] =
                    (-a * self.g[j]).clamp((low - self.x[j]).min(0.0), (high - self.x[j]).max(0.0));
            }
        } else {
            vectors::ahead(&self.x, -a, &self.g, &mut self.s);
            problem.penalty().prox(&mut self.s[..self.n], Steps::Uniform(a));
            (0..self.n).for_each(|j| self.s[j] -= self.x[j]);
        }
        (largest(&self.s[..self.n]), 0.5 * dot(&self.s, &self.s) / a)
    }

    /// The point at rate `a`, left in `xn`; the square of how far it is.
    fn go(&mut self, problem: &Problem<'_>, a: f64) -> f64 {
        vectors::ahead(&self.x, -a, &self.g, &mut self.xn);
        if let Some(ranges) = &self.ranges {
            self.xn.iter_mut().zip(ranges).for_each(|(x, [low, high])| *x = x.clamp(*low, *high));
        } else if !self.smooth {
            problem.penalty().prox(&mut self.xn[..self.n], Steps::Uniform(a));
        }
        vectors::minus(&self.xn, &self.x, &mut self.s);
        dot(&self.s, &self.s)
    }

    /// A step at a rate of its own: the last curvature's, shortened until the value is low enough.
    /// By Armijo's rule: the last rate (twice that, where it was taken at once), halved until the value falls by enough.
    fn own(&mut self, problem: &mut Problem<'_>, armijo: bool) -> Result<Step, Halt> {
        let n = self.n;
        let top = self.recent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let top = if armijo { self.f } else { top };
        let bent = self.bent.filter(|_| !armijo);
        let grown = match (armijo, self.halved) {
            (true, true) => self.a,
            (true, false) => 2.0 * self.a,
            (false, _) => 4.0 * self.a,
        };
        let mut a = bent.unwrap_or(if self.steps > 0 { grown } else { self.a });
        a = a.clamp(SHORTEST, LONGEST);
        for trial in 0..60 {
            let gone = self.go(problem, a);
            if gone == 0.0 {
                break;
            }
            let (f, known) = self.try_there(problem)?;
            if f == f64::NEG_INFINITY {
                return Ok(self.ended(Status::Unbounded));
            }
            if f <= top - 1e-4 / (2.0 * a) * gone {
                if !known {
                    problem.total_gradient_there(&self.xn[..n], &mut self.gn[..n])?;
                }
                if largest(&self.gn).is_finite() {
                    (self.a, self.halved) = (a, trial > 0);
                    let (idle, odd) = self.take(problem, f, gone);
                    if let Some(status) = self.suspect(problem, odd)? {
                        return Ok(self.ended(status));
                    }
                    if idle {
                        return self.rest(problem);
                    }
                    if !armijo {
                        self.fit_units(problem);
                    }
                    return self.stand(problem);
                }
            }
            a *= match (f.is_finite(), armijo) {
                (true, true) => 0.5,
                (true, false) => shorter(self.f, f, gone / a),
                (false, _) => 0.1,
            };
        }
        self.rest(problem)
    }

    /// The value at `xn`, and whether its gradient came along.
    fn try_there(&mut self, problem: &mut Problem<'_>) -> Result<(f64, bool), Halt> {
        let n = self.n;
        if problem.offers().values_are_cheap && self.smooth {
            return Ok((problem.total(&self.xn[..n])?, false));
        }
        Ok((evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?, true))
    }

    /// Moves to `xn`; whether nothing has changed for a while, and whether F keeps changing by other than its slopes say.
    fn take(&mut self, problem: &Problem<'_>, f: f64, ss: f64) -> (bool, bool) {
        // s'y before the buffers change places
        let (before, after) = (dot(&self.s, &self.g), dot(&self.s, &self.gn));
        let sy = after - before;
        self.bent = (sy > 0.0).then_some(ss / sy);
        self.seen.step(&self.s, &self.g, &self.gn);
        let odd = self.claims.odd(f - self.f, 0.5 * (before + after));
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.steps += 1;
        self.recent[self.steps % RECENT] = f;
        if self.claims.as_scipy() {
            self.residual = self.outside(problem);
        }
        (self.claims.took(f), odd)
    }

    /// Where F changes by other than its slopes say: whether the gradient is the function's.
    fn suspect(&mut self, problem: &mut Problem<'_>, odd: bool) -> Result<Option<Status>, Halt> {
        if !(odd || self.claims.due()) || !self.verify || !gradient_check::doubtful(problem) {
            return Ok(None);
        }
        if odd {
            self.downhill(problem);
        } else {
            gradient_check::scattered(self.n, &mut self.s);
        }
        Ok(match self.look(problem)? {
            Doubt::Inconsistent(status) => Some(status),
            _ => None,
        })
    }

    fn here(&self) -> Step {
        let residual = self.claims.residual(self.f, self.predicted);
        let residual = if self.claims.as_scipy() { self.residual } else { residual };
        Step { value: self.f * self.unit, residual, rate: self.a / self.unit, ..Step::default() }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// No further, and no success, with what is left beside it, where that can be told.
    fn stuck(&self, verdict: Status, explained: f64) -> Step {
        let certificate =
            self.predicted.map(|_| self.claims.certificate(self.seen(), true, explained));
        Step { certificate, ..self.ended(verdict) }
    }

    /// Claims convergence where it may: the decrease that the curvature predicts is small too.
    fn stand(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let bent = self.bent;
        self.predicted = bent.map(|b| self.prox_step(problem, b).1);
        if largest(&self.x) > self.reach && self.f < self.first {
            return Ok(self.ended(Status::Unbounded));
        }
        if self.prox_step(problem, self.a).0 == 0.0 {
            self.predicted = Some(0.0);
            return self.claim(problem, Status::Converged, 0.0);
        }
        let sight = self.sight(problem);
        if self.steps >= self.patience && self.claims.converged(sight, || 0.0) {
            return self.claim(problem, Status::Converged, 0.0);
        }
        if self.claims.due() && self.verify && !self.claims.as_scipy() && self.enough(problem)? {
            return self.rest(problem);
        }
        let hidden = self.predicted.is_some_and(|p| p <= self.differenced(problem));
        self.drowned = if hidden { self.drowned + 1 } else { 0 };
        if self.drowned >= DROWNED && !self.claims.as_scipy() {
            self.drowned = 0;
            return self.rest(problem);
        }
        Ok(self.here())
    }

    /// Whether so little is left by the curvature around that steps this small need not go on.
    fn enough(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let explained = self.claims.rounding(self.f).max(self.differenced(problem));
        Ok(match self.gap(problem, f64::INFINITY)? {
            Gap::Left(left) => self.near(left, explained),
            Gap::Down => false,
        })
    }

    /// Whether that is near enough where steps gain little; after a long way a hundredth of the tolerance is.
    fn near(&self, left: f64, explained: f64) -> bool {
        left <= self.claims.small(self.f).max(explained)
            || self.steps >= LONG
                && self.claims.at_rest(self.f, 10.0 * left, explained) == Status::PrecisionLimit
    }
}

fn copy(v: &Aligned) -> Aligned {
    let mut to = Aligned::zeros(v.len());
    to.copy_from_slice(v);
    to
}

/// How much to shorten a step that was too long: the parabola through both values, within a tenth and a half.
fn shorter(f: f64, beyond: f64, slope: f64) -> f64 {
    let least = 0.5 * slope / (beyond - f + slope);
    if least.is_finite() { least.clamp(0.1, 0.5) } else { 0.5 }
}

/// F and the gradient of what has one.
fn evaluate(
    problem: &mut Problem<'_>,
    smooth: bool,
    x: &[f64],
    g: &mut [f64],
) -> Result<f64, Halt> {
    if smooth {
        return problem.total_gradient(x, g);
    }
    let value = problem.gradient(x, g)?;
    // Within bounds they add nothing, and know of no units.
    Ok(if problem.penalty().offers().bounds { value } else { value + problem.penalty().value(x) })
}
