//! What a method claims of a loss over a table is proved, where it can be: the same proof whoever walked there.
use super::convergence::Claims;
use super::gradient_check::{self, Known};
use super::{coordinate, lbfgs, natural, progressive};
use crate::curvature::Curvature;
use crate::method::{Method, Step};
use crate::problem::Problem;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use crate::units::Units;

/// A method that sees values and gradients only, made to prove what it claims of a convex loss over a table: a gradient
/// that is small says little where columns differ in scale. Where the proof falls short it goes on; where it has come
/// to rest, that is said, with how far. Of any other objective the claim is the method's own; or, of a method that does
/// not look round before it claims, that of L-BFGS from where it came to rest.
pub struct Proved {
    inner: Box<dyn Method + Send>,
    /// Whether the method's own claims of functions are followed up.
    followed: bool,
    /// Steps to go before the next proof, and how many they were last time: a proof costs some passes.
    wait: u64,
    waited: u64,
    /// Where it began, and the value there; where claims of functions are not followed up no point.
    from: Vec<f64>,
    began: f64,
    /// Whether a claim was followed up: the point is no longer the method's own.
    left: bool,
}

/// Noise that hides no more than this share of a fall leaves the fall to be seen.
const QUIET: f64 = 1e-4;

impl Proved {
    /// Round a method.
    pub fn new(inner: Box<dyn Method + Send>) -> Self {
        Proved {
            inner,
            followed: false,
            wait: 0,
            waited: 1,
            from: Vec::new(),
            began: f64::NAN,
            left: false,
        }
    }
    /// Round a method whose claims of functions are to be followed up.
    pub fn followed(inner: Box<dyn Method + Send>) -> Self {
        Proved { followed: true, ..Proved::new(inner) }
    }

    fn judged(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        mut step: Step,
    ) -> Result<Step, Halt> {
        let Some(claimed) = step.verdict.clone() else { return Ok(step) };
        if step.certificate.as_ref().is_some_and(|c| c.kind.proves() && c.reached()) {
            return Ok(step);
        }
        let claims = claimed == Status::Converged;
        if !claims && claimed != Status::PrecisionLimit && claimed != Status::Plateau {
            return Ok(step);
        }
        if claims && self.wait > 0 {
            self.wait -= 1;
            step.verdict = None;
            return Ok(step);
        }
        if self.followed && !problem.facts().glm {
            let end = follow(problem, x, self.began, step.value)?;
            self.left |= end.is_some();
            return self.at_kinks(problem, x, end.unwrap_or(step));
        }
        let Some(mut judged) = prove(problem, x)? else { return Ok(step) };
        let explained =
            |j: &Step| j.certificate.as_ref().is_some_and(|c| !c.reached() && c.within_rounding());
        if !claims
            && judged.verdict != Some(Status::Separable)
            && explained(&judged)
            && let Some(value) = closer(problem, x, step.value)?
        {
            step.value = value;
            judged = prove(problem, x)?.unwrap_or(judged);
        }
        let reached = judged.certificate.as_ref().is_some_and(|c| c.reached());
        step.certificate = judged.certificate;
        step.verdict = match judged.verdict {
            Some(Status::Separable) => Some(Status::Separable),
            _ if reached => Some(Status::Converged),
            _ if claims => None,
            // The gate tells rounding from a failure.
            _ => Some(Status::PrecisionLimit),
        };
        self.waited = (2 * self.waited).min(64);
        self.wait = self.waited;
        Ok(step)
    }
}

impl Proved {
    /// What was claimed, unless it is at a kink.
    fn at_kinks(&self, problem: &mut Problem<'_>, x: &[f64], step: Step) -> Result<Step, Halt> {
        let success = step.verdict.as_ref().is_some_and(Status::success);
        let penalty = problem.penalty().offers();
        if !(success && gradient_check::cheap(problem) && (penalty.smooth || penalty.bounds)) {
            return Ok(step);
        }
        let own = problem.set_units(Units::default());
        let seen = kinked(problem, x, (&self.from, self.began), step.value);
        problem.set_units(own);
        let Some(slopes) = seen? else { return Ok(step) };
        problem.report(gradient_check::kink(slopes));
        Ok(Step { verdict: Some(Status::Plateau), certificate: None, ..step })
    }
}

/// Times that it is followed at most, and how many times the fall from the start each may fall by to be the last.
const FOLLOWED: usize = 4;
const HIGH: f64 = 1e3;

/// To the end from here by L-BFGS, which looks round before it claims: at once where nothing is left to gain; none where
/// that is not for it. F was `began` at the start, and is `value` here. Where that is far above the start, what is left is
/// small beside such a fall however much it is: from the end once more.
fn follow(
    problem: &mut Problem<'_>,
    x: &mut [f64],
    began: f64,
    value: f64,
) -> Result<Option<Step>, Halt> {
    let facts = problem.facts();
    if facts.glm || lbfgs::ENTRY.refusal(&facts, &[]).is_some() {
        return Ok(None);
    }
    // x is in the objective's units, whatever the method's own are; these it needs again where it goes on.
    let own = problem.set_units(Units::default());
    let end = to_the_end(problem, x, began, value);
    if !matches!(end, Ok(Some(_))) {
        problem.set_units(own);
    }
    end
}

fn to_the_end(
    problem: &mut Problem<'_>,
    x: &mut [f64],
    began: f64,
    mut value: f64,
) -> Result<Option<Step>, Halt> {
    let settings: Vec<f64> = lbfgs::ENTRY.parameters.iter().map(|p| p.default).collect();
    let fallen = began - value;
    let (mut at, mut times) = (x.to_vec(), 0);
    let step = loop {
        let mut method = (lbfgs::ENTRY.build)(&settings);
        problem.set_units(Units::default());
        let mut step = method.start(problem, &mut at)?;
        while step.verdict.is_none() {
            step = method.step(problem, &mut at)?;
        }
        times += 1;
        let far = value - step.value > HIGH * (began - step.value).abs();
        value = step.value;
        if !far || step.verdict != Some(Status::Converged) || times == FOLLOWED {
            break step;
        }
    };
    let noise = problem.accuracy(&mut vec![0.0; at.len()]) * problem.units().value();
    if step.verdict == Some(Status::NoiseFloor) && gradient_check::HIDES * noise <= QUIET * fallen {
        // It knows of no fall but its own, beside which the noise is large.
        return Ok(None);
    }
    x.copy_from_slice(&at);
    Ok(Some(step))
}

/// The slopes on both sides, where all the steps from the start have closed in on a kink: the other method, which begins
/// beside it, has seen no way there.
fn kinked(
    problem: &mut Problem<'_>,
    x: &[f64],
    (from, began): (&[f64], f64),
    value: f64,
) -> Result<Option<[f64; 2]>, Halt> {
    let (n, mut gradient) = (x.len(), vec![0.0; x.len()]);
    problem.total_gradient(x, &mut gradient)?;
    let room = gradient_check::room(problem, x);
    let room = |j: usize, way: f64| room[j][usize::from(way > 0.0)];
    let mut claims = Claims::new(began, problem.tolerance(), -1.0, -1.0);
    claims.took(value);
    if !claims.abrupt(x, from, &gradient, |j| room(j, -gradient[j]) > 0.0) {
        return Ok(None);
    }
    let hidden = 4.0 * problem.accuracy(&mut vec![0.0; n]);
    let known = Known {
        x,
        value,
        gradient: &gradient,
        lengths: &vec![1.0; n],
        room: &room,
        enough: claims.small(value),
        small: claims.slight(value),
        given: gradient_check::doubtful(problem),
        ahead: false,
        blind: false,
    };
    let (mut u, mut trial) = (vec![0.0; n], vec![0.0; n]);
    let way: Vec<f64> = x.iter().zip(from).map(|(x, from)| (x - from).abs()).collect();
    gradient_check::kinked(problem, &known, &way, hidden, &mut u, &mut trial)
}

/// Steps by the other method at most.
const CLOSER: usize = 50;

/// Where rounding may explain what is left, the slopes that it rests on may be large only because the point is not the
/// least: that no step lowers the value is said where the method that proves such a problem finds none either. The value at
/// the lower point that it finds, left in x; none where there is none.
fn closer(problem: &mut Problem<'_>, x: &mut [f64], value: f64) -> Result<Option<f64>, Halt> {
    let facts = problem.facts();
    let entry = if facts.offers.quadratic { &progressive::ENTRY } else { &coordinate::ENTRY };
    if entry.refusal(&facts, &[]).is_some() {
        return Ok(None);
    }
    let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
    let (mut method, mut at) = ((entry.build)(&settings), x.to_vec());
    let mut step = method.start(problem, &mut at)?;
    for _ in 0..CLOSER {
        if step.verdict.is_some() {
            break;
        }
        step = method.step(problem, &mut at)?;
    }
    if step.sampled || !(step.value < value) {
        return Ok(None);
    }
    x.copy_from_slice(&at);
    Ok(Some(step.value))
}

/// A step of no length by the method that proves such a problem; none where there is none.
fn prove(problem: &mut Problem<'_>, x: &[f64]) -> Result<Option<Step>, Halt> {
    let facts = problem.facts();
    if !facts.glm {
        return Ok(None);
    }
    if facts.offers.quadratic {
        return progressive::judged(problem, x);
    }
    let pieces = facts.offers.pieces && coordinate::ENTRY.refusal(&facts, &[]).is_none();
    if !pieces && problem.penalty().shares().is_none() {
        return natural::proof(problem, x);
    }
    // At this very point: the method itself would begin elsewhere where a start is worth nothing.
    coordinate::proof(problem, x).map(Some)
}

impl State for Proved {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let Proved { inner, followed: _, wait, waited, from, began, left } = self;
        v.field("inner", inner.state())?;
        v.field("wait", wait)?;
        v.field("waited", waited)?;
        v.field("from", from)?;
        v.check("from", from.is_empty() || from.len() == v.dim(), "is of another run")?;
        v.field("began", began)?;
        v.field("left", left)
    }
}

impl Method for Proved {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if self.followed {
            self.from = x.to_vec();
        }
        let mut step = self.inner.start(problem, x);
        let value = match &step {
            Ok(step) => step.value,
            Err(Halt::Status(Status::NotFinite(_))) => f64::INFINITY,
            Err(_) => return step,
        };
        if let Some(other) = coordinate::instead(problem, x, value)? {
            x.copy_from_slice(&other);
            step = self.inner.start(problem, x);
        }
        let step = step?;
        self.began = step.value;
        self.judged(problem, x, step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let step = self.inner.step(problem, x)?;
        self.judged(problem, x, step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        self.inner.again(problem)
    }
    fn monotone(&self) -> bool {
        self.inner.monotone()
    }
    fn rate(&self) -> Option<f64> {
        self.inner.rate()
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.inner.set_rate(rate)
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.inner.gradient().filter(|_| !self.left)
    }
    fn curvature(&self) -> Option<Curvature> {
        self.inner.curvature().filter(|_| !self.left)
    }
}
