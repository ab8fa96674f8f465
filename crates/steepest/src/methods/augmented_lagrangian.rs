//! Constraints beside bounds: a descent of the objective with what they are missed by, round after round; by itself, or
//! after quadratic models have led to where it can begin.
mod by_models;
mod lagrangian;
pub(super) mod models;

use super::bounds::Bounds;
use crate::certificate::{Certificate, Kind};
use crate::linalg::vectors::largest;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::lbfgs;
use crate::methods::standing::sizes_within;
use crate::objective::{Ask, Rows};
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state;
use crate::state::{Bad, Reference, State, Visitor};
use crate::status::{Halt, Status};
use crate::units::Units;
use lagrangian::{Lagrangian, Terms};
use models::{FLOOR, Models};

crate::settings! {
    /// The augmented Lagrangian method, for constraints low ≤ c(x) ≤ high beside bounds: L-BFGS goes down
    ///
    /// ```text
    /// L(x) = f(x) + ½ρ Σ_i dist(c_i(x) + λ_i / ρ, [low_i, high_i])²
    /// ```
    ///
    /// and λ_i ← ρ (c_i + λ_i / ρ less its nearest point of [low_i, high_i]) after each round; ρ grows where constraints
    /// are not missed by much less than before. Constraints are measured by the length of their gradients: at the start, and
    /// anew where a round ends and one has become a hundred times as steep, or that part of it.
    /// It has converged where L has, the constraints are met to a hundredth of the tolerance, λ has come to rest, and what
    /// constraints are still away from where λ holds them is worth no more than the tolerance of f.
    ///
    /// Hestenes 1969; Powell 1969; Nocedal and Wright, *Numerical Optimization*, section 17.3; Andreani, Birgin, Martinez and
    /// Schuverdt 2008, <https://doi.org/10.1137/060654797>.
    "augmented_lagrangian" AugmentedLagrangian {}
}

pub(super) const ENTRY: Entry = Entry {
    name: AugmentedLagrangian::<f64>::NAME,
    doc: AugmentedLagrangian::<f64>::DOC,
    parameters: AugmentedLagrangian::<f64>::PARAMETERS,
    needs: Needs { constraints: true, penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT },
    suits,
    build: |_| rounds(false),
};

/// The rounds, from the start or after quadratic models of the Lagrangian.
pub(super) fn rounds(by_models: bool) -> Box<dyn Method + Send> {
    Box::new(Rounds { now: None, by_models })
}

fn suits(facts: &Facts) -> Option<Suit> {
    (facts.constraints > 0).then(|| Suit {
        passes: 200.0,
        reason:
            "there are constraints beside bounds: they are met by multipliers, round after round"
                .into(),
    })
}

/// Rounds at most; each takes some ten to hundreds of evaluations.
const ROUNDS: u32 = 60;
/// A round that does not miss the constraints by less than this part of the round before makes ρ grow.
const ENOUGH: f64 = 0.25;
/// Times as large.
const GROWTH: f64 = 10.0;
/// So many rounds that are no claim, and find f where it was, are enough.
const IDLE: u32 = 4;
/// Where f was measured by more than so many times what it is, and what the last round changed it by, the measure is
/// lowered and another round follows.
const AFAR: f64 = 1e6;
/// ρ is not made larger than so many times what it was: beyond, L is nothing but its constraints.
const MOST: f64 = 1e12;

#[derive(Default)]
struct Now {
    /// While they propose steps.
    models: Option<Models>,
    terms: Terms,
    units: Units,
    inner: Option<Box<dyn Method + Send>>,
    round: u32,
    /// By how much the constraints were missed after the last round, at most, and were off from where λ holds them.
    missed: f64,
    off: f64,
    /// Rounds in a row that hardly came nearer, at a ρ as large as it gets.
    vain: u32,
    /// Findings before the first round.
    noticed: usize,
    /// |f| where the descent began.
    begun: f64,
    /// The measure of f: how large it was where the descent began, or the most that a round has changed it by, until lowered.
    size: f64,
    /// The gradient of f where the models claim.
    gradient: Vec<f64>,
    /// Whether quadratic models come first, and how often a point that was level has been left.
    by_models: bool,
    left: u32,
    /// f after the last round, and rounds in a row that found nothing lower and claimed nothing.
    was: f64,
    idle: u32,
    /// The scales where the descent began; empty once the rounds have begun anew by them, and where no models did.
    at_first: Vec<f64>,
}

impl State for Now {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let Now {
            models,
            terms,
            units,
            inner,
            round,
            missed,
            off,
            vain,
            noticed,
            begun,
            size,
            gradient: _,
            by_models,
            left,
            was,
            idle,
            at_first,
        } = self;
        v.field("models", models)?;
        v.field("terms", terms)?;
        let Terms { low, high, scale, lambda, c, price, reach, .. } = terms;
        let count = low.len();
        let alike = [high, scale, lambda, c].into_iter().all(|of| of.len() == low.len());
        let priced = price.is_empty() || price.len() == low.len();
        v.check("terms", alike && priced, "are of different lengths")?;
        v.check("terms", (0.0..=1.0).contains(reach), "are out of their range")?;
        v.field("units", units)?;
        let mut within = inner.is_some();
        v.field("within", &mut within)?;
        if v.loads() {
            *inner = within.then(first);
        }
        if let Some(inner) = inner {
            // The value is that of L, and the tolerance another.
            let (unit, plain, unknown) = (units.value(), units.plain(), f64::NAN);
            let outside = v.known.replace(Reference {
                tolerance: f64::INFINITY,
                unit,
                plain,
                value: unknown,
                highest: unknown,
            });
            v.field("inner", inner.state())?;
            v.known = outside;
        }
        v.field("round", round)?;
        v.field("missed", missed)?;
        v.field("off", off)?;
        v.field("vain", vain)?;
        v.field("noticed", noticed)?;
        v.field("begun", begun)?;
        v.field("size", size)?;
        v.field("by_models", by_models)?;
        v.field("left", left)?;
        v.field("was", was)?;
        v.field("idle", idle)?;
        v.field("at_first", at_first)?;
        let fits = at_first.is_empty() || at_first.len() == count;
        v.check("at_first", fits, "is of other constraints")?;
        v.check("size", (0.0..=f64::MAX).contains(size), "is out of its range")
    }
}

state!(Rounds { now: begun } but by_models);

/// What goes down L.
fn first() -> Box<dyn Method + Send> {
    let settings: Vec<f64> = lbfgs::ENTRY.parameters.iter().map(|p| p.default).collect();
    (lbfgs::ENTRY.build)(&settings)
}

struct Rounds {
    now: Option<Now>,
    /// Whether they begin with quadratic models.
    by_models: bool,
}

/// Whether the constraints are met, as far as a claim asks for.
fn met(terms: &Terms, tolerance: f64) -> bool {
    terms.missed() <= 1e-2 * tolerance && terms.most(|i| terms.unit(i)) <= tolerance
}

/// x in the units of the problem.
fn inward(problem: &Problem<'_>, x: &[f64]) -> Vec<f64> {
    let mut z = x.to_vec();
    problem.units().inward(x, &mut z);
    z
}

impl Now {
    fn begin(problem: &mut Problem<'_>, x: &mut [f64], by_models: bool) -> Result<Self, Halt> {
        let bounds = Bounds::of(problem);
        if let Some(bounds) = &bounds {
            bounds.project(x);
        }
        let (low, high) = problem.limits();
        let (low, high) = (low.to_vec(), high.to_vec());
        let m = low.len();
        let (mut c, mut pulled, mut by) = (vec![0.0; m], vec![0.0; x.len()], vec![0.0; m]);
        let mut gradient = vec![0.0; x.len()];
        let mut value = problem.total_gradient(x, &mut gradient)?;
        if problem.scalable() {
            // f and the constraints are weighed against each other: by their slopes, whatever either is measured in, and the
            // variables too.
            let lengths = sizes_within(bounds.as_ref(), x, value, &gradient);
            problem.set_units(Units::of_slopes(lengths, value, &gradient));
            value /= problem.units().value();
            problem.units().slopes(&mut gradient);
        }
        let x = &inward(problem, x)[..];
        problem.ask(x, Rows::All, &mut [Ask::Constraints(&mut c)])?;
        if let Some(i) = c.iter().position(|c| !c.is_finite()) {
            let why = format!("constraint {i} is {} where the descent starts", c[i]);
            return Err(Halt::Status(Status::NotFinite(why)));
        }
        let mut scale = vec![1.0; m];
        for i in 0..m {
            by[i] = 1.0;
            problem.ask(x, Rows::All, &mut [Ask::Pull { by: &by, to: &mut pulled }])?;
            by[i] = 0.0;
            let steepest = pulled.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            if steepest.is_finite() && steepest > 0.0 {
                scale[i] = 1.0 / steepest;
            }
        }
        let lambda = vec![0.0; m];
        let mut terms =
            Terms { low, high, scale, lambda, rho: 1.0, c, price: Vec::new(), pulled, reach: 1.0 };
        let missed = terms.missed();
        // As much weight on what is missed as on the objective.
        if missed > 0.0 && value.is_finite() {
            terms.rho = (2.0 * value.abs() / (missed * missed)).clamp(1e-3, 1e3);
        }
        let models = match by_models {
            true => Models::begin(problem, x, (value, gradient), &terms.c)?,
            false => None,
        };
        let at_first = if models.is_some() { terms.scale.clone() } else { Vec::new() };
        Ok(Now {
            models,
            terms,
            at_first,
            units: Units::default(),
            inner: None,
            round: 0,
            missed,
            off: f64::INFINITY,
            vain: 0,
            noticed: problem.findings().len(),
            begun: value.abs(),
            size: value.abs(),
            gradient: Vec::new(),
            by_models,
            left: 0,
            was: value,
            idle: 0,
        })
    }

    /// How exactly this round is gone down: to the tolerance in the end.
    fn exactly(&self, tolerance: f64) -> f64 {
        tolerance.max(1e-2 * 0.1f64.powi(self.round as i32))
    }

    /// A step of L-BFGS down L, which has units of its own for the variables.
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (exactly, raised) = (self.exactly(problem.tolerance()), FLOOR * self.size);
        let unit = problem.units().value();
        let Now { terms, units, inner, .. } = self;
        problem.wrapped(
            |objective| Lagrangian { inner: objective, terms, unit, raised },
            exactly,
            units,
            |problem| match inner {
                Some(method) => method.step(problem, x),
                None => {
                    problem.set_units(Units::default());
                    inner.insert(first()).start(problem, x)
                }
            },
        )
    }

    /// What a step is beside the constraints, and what comes after the round that it ended.
    fn told(&mut self, problem: &mut Problem<'_>, x: &[f64], mut step: Step) -> Result<Step, Halt> {
        step.violation = self.terms.most(|_| 1.0);
        let unit = problem.units().value();
        step.certificate = step.certificate.map(|c| Certificate {
            bound: c.bound * unit,
            target: c.target * unit,
            rounding: c.rounding * unit,
            ..c
        });
        let Some(verdict) = step.verdict.take() else {
            // The value is that of L less what the constraints add: not known of itself between rounds.
            step.value = (step.value - FLOOR * self.size) * unit;
            step.residual = step.residual.max(self.terms.missed());
            return Ok(step);
        };
        let value = problem.total(x)?;
        problem.ask(x, Rows::All, &mut [Ask::Constraints(&mut self.terms.c)])?;
        self.terms.reach = largest(x).min(1.0);
        let tolerance = problem.tolerance();
        let missed = self.terms.missed();
        step.value = value * unit;
        step.violation = self.terms.most(|_| 1.0);
        step.residual = step.residual.max(missed);
        // What f was at first says nothing of what counts.
        let now = (value - self.was).abs();
        let most = (AFAR * now.max(value.abs())).max(FLOOR * self.begun);
        let fell = self.size > most && most > 0.0;
        self.size = if fell { most } else { self.size.max(now) };
        let settled = matches!(verdict, Status::Converged | Status::PrecisionLimit);
        if !settled && !matches!(verdict, Status::Plateau | Status::NoiseFloor | Status::Unbounded)
        {
            step.verdict = Some(verdict);
            return Ok(step);
        }
        // Where the constraints are met nothing keeps f from falling.
        if matches!(verdict, Status::Unbounded) && met(&self.terms, tolerance) {
            step.verdict = Some(verdict);
            return Ok(step);
        }
        // What was noticed on the way is of L, and of this round alone.
        if self.terms.measure(problem, x)? {
            problem.forget_findings(self.noticed);
            self.next(&mut step);
            (self.missed, self.off, self.vain) = (self.terms.missed(), f64::INFINITY, 0);
            return Ok(step);
        }
        let lambda = self.terms.prices();
        let size = lambda.iter().fold(0.0, |m: f64, l| m.max(l.abs()));
        let moves = lambda.iter().zip(&self.terms.lambda).map(|(a, b)| (a - b).abs());
        let moved = moves.clone().fold(0.0, f64::max);
        // A constraint with room left is met, and held by its λ nevertheless: f falls by as much as that is worth.
        let room =
            |i: usize| self.terms.c[i] > self.terms.low[i] && self.terms.c[i] < self.terms.high[i];
        let worth: f64 =
            moves.enumerate().map(|(i, by)| if room(i) { lambda[i].abs() * by } else { 0.0 }).sum();
        let (off, worth) = (moved / self.terms.rho, worth / self.terms.rho);
        let held = worth <= tolerance * self.size.max(value.abs());
        let met = met(&self.terms, tolerance);
        let share = tolerance / self.exactly(tolerance);
        let exact = step.certificate.as_ref().is_some_and(|c| c.bound <= share * c.target);
        // A fall of f is not seen beside what is far above it.
        let added = 0.5 * lambda.iter().map(|u| u * u).sum::<f64>() / self.terms.rho;
        let seen = added <= self.size.max(value.abs()).max(1.0);
        if met && held && exact && seen && settled && !fell && moved <= 1e-3 * size.max(1e-3) {
            step.verdict = Some(verdict);
            step.certificate = step.certificate.map(|c| Certificate {
                kind: if c.kind.proves() { Kind::Estimated } else { c.kind },
                assumption: "the constraints are met to a hundredth of the tolerance, and their multipliers have come to rest",
                ..c
            });
            return Ok(step);
        }
        problem.forget_findings(self.noticed);
        self.next(&mut step);
        let near = off <= ENOUGH * self.off || met && held;
        let largest = self.terms.rho >= MOST;
        // A round that is as exact as it gets, and no claim, where f is what it was: another one is the same.
        let same = (value - self.was).abs() <= tolerance * self.size.max(value.abs());
        let known = settled && exact || share < 1.0 || missed > tolerance;
        self.idle = if same && !known { self.idle + 1 } else { 0 };
        self.was = value;
        if self.idle >= IDLE {
            step.verdict = Some(if settled { Status::Plateau } else { verdict });
        }
        self.vain = if !met && missed > 0.9 * self.missed { self.vain + 1 } else { 0 };
        if self.vain >= 4 && (largest || self.vain >= 10) && missed > tolerance.sqrt() {
            step.verdict = Some(Status::Infeasible);
        }
        if near || self.round == 1 {
            self.terms.lambda = lambda;
        }
        if !near || !seen {
            self.terms.rho = (GROWTH * self.terms.rho).min(MOST);
        }
        (self.missed, self.off) = (missed, off);
        Ok(step)
    }
    /// Where the rounds after the models end at no answer and the constraints are missed, once more without what the models
    /// took them to cost: near a point that is as near to them as any around, that grows without end, and says nothing.
    fn anew(&mut self, problem: &mut Problem<'_>, mut step: Step) -> Step {
        let failed = matches!(step.verdict, Some(Status::Plateau | Status::NotFinite(_)));
        let missed = self.terms.missed();
        if !failed
            || self.at_first.is_empty()
            || !step.value.is_finite()
            || !(problem.tolerance().sqrt()..f64::INFINITY).contains(&missed)
        {
            return step;
        }
        problem.forget_findings(self.noticed);
        self.terms.scale = std::mem::take(&mut self.at_first);
        self.terms.lambda.fill(0.0);
        self.terms.rho = 1.0;
        (self.round, self.vain, self.idle, self.inner) = (0, 0, 0, None);
        (self.missed, self.off) = (self.terms.missed(), f64::INFINITY);
        (step.verdict, step.certificate) = (None, None);
        step
    }
    /// The next round, where there is one.
    fn next(&mut self, step: &mut Step) {
        step.certificate = None;
        self.round += 1;
        self.inner = None;
        if self.round >= ROUNDS {
            step.verdict = Some(Status::Plateau);
        }
    }
}

impl Method for Rounds {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut now = Now::begin(problem, x, self.by_models)?;
        let unit = problem.units().value();
        let step = match &now.models {
            Some(models) => {
                let step = models.start(now.terms.most(|_| 1.0));
                Ok(Step { value: step.value * unit, ..step })
            }
            None => now.advance(problem, x),
        };
        self.now = Some(now);
        step
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        self.now.as_mut().expect("begun").advance(problem, x)
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let Some(now) = &self.now else { return Ok(()) };
        let (low, high) = problem.limits();
        let (terms, sound) = (&now.terms, |v: f64| v > 0.0 && v.is_finite());
        let same = terms.low == low && terms.high == high && terms.scale.len() == low.len();
        let scaled = sound(terms.rho) && terms.scale.iter().all(|s| sound(*s));
        let fits = now.models.as_ref().is_none_or(|models| models.fits(problem.dim(), low.len()));
        let bad = |words: &str| Err(Halt::Failed(Box::new(Bad(format!("'method.now.{words}")))));
        match (same && scaled, fits) {
            (false, _) => bad("terms' is of other constraints"),
            (_, false) => bad("models' is of other constraints"),
            _ => Ok(()),
        }
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.now.as_ref().map(|now| &now.gradient[..]).filter(|g| !g.is_empty())
    }
    /// The last point: a lower value may be had where constraints are missed.
    fn monotone(&self) -> bool {
        true
    }
}
