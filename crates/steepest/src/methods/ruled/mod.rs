//! A rule as a method: over full batches, mini-batches or single terms; at a rate that is given, or finds itself.
//!
//! The rate, where none is given:
//! - full batch: it doubles until a step raises the value, steps back, and from then on creeps up and halves;
//! - batches, a rule that tunes itself (`momo_adam`): its cap for a rate that falls, along a cosine;
//! - batches, any other rule: a race of eight rates over a fifth of the budget, then the winner along a cosine.
mod batch_step;
mod batches;
mod chain_state;
mod full;
mod gap_estimate;
mod race;
mod schedule;
mod sure;

use super::standing::FAR;
use crate::chain::{self, Named};
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::methods::convergence::{Claims, not_finite};
use crate::methods::sampler::SAMPLING;
use crate::problem::Problem;
use crate::settings::{Kind, Parameter, checked};
use crate::state::{Bad, State, Visitor};
use crate::status::Halt;
use crate::units::Units;
use chain_state::Mover;
use gap_estimate::Still;
pub use schedule::{LAST, RateFactor, Schedule};
use std::borrow::Cow;

/// Rules with checked settings, one after the other.
pub type Rules = Vec<(&'static crate::rule::Entry, Vec<f64>)>;

/// Some of the tensors that the variables are, with rules of their own.
#[derive(Clone)]
pub struct Group {
    /// Their rules.
    pub rules: Rules,
    /// Their rate over that of [`Plan::rules`]; none: that of the rules' usual rates.
    pub ratio: Option<f64>,
    /// How their rate changes over the run; none: as that of [`Plan::rules`] does.
    pub schedule: Option<Schedule>,
    /// Which of the tensors, by their places.
    pub tensors: Vec<usize>,
}

impl Group {
    /// A chain of rules by name for the tensors at these places.
    pub fn new(rules: &[Named<'_>], tensors: &[usize]) -> Result<Self, String> {
        let (rules, tensors) = (chain::plan(rules)?, tensors.to_vec());
        Ok(Group { rules, ratio: None, schedule: None, tensors })
    }
}

/// How a rule is to be run. [`Plan::new`] gives the defaults.
#[derive(Clone)]
pub struct Plan {
    /// The rules: those that turn the gradient, and the one that takes the step, with checked settings.
    pub rules: Rules,
    /// Tensors that have rules of their own; all others go by `rules`. What a rule adds up over all tensors (a norm that
    /// is clipped, say) it adds up over its own.
    pub groups: Vec<Group>,
    /// The rate; none: it finds its own.
    pub rate: Option<f64>,
    /// How the rate changes over the run; none: constant for a rate that was given, else a cosine over batches.
    pub schedule: Option<Schedule>,
    /// Terms a batch; 0: all of them at each step.
    pub batch: usize,
    /// How batches are drawn: the place of its name.
    pub sampling: f64,
    /// Whether batches grow where their noise hides the gradient.
    pub growing: bool,
    /// Rounds through all terms, where there are batches.
    pub epochs: u64,
    /// Of the order of the terms.
    pub seed: u64,
}

impl Plan {
    /// A chain of rules by name, everything else at its default.
    pub fn new(rules: &[Named<'_>]) -> Result<Self, String> {
        let rules = chain::plan(rules)?;
        Ok(Plan {
            rules,
            groups: Vec::new(),
            rate: None,
            schedule: None,
            batch: 0,
            sampling: 0.0,
            growing: false,
            epochs: 20,
            seed: 0,
        })
    }
    /// The rule that takes the step.
    fn step_rule(&self) -> &'static crate::rule::Entry {
        step_rule(&self.rules)
    }
    /// Sets what is said by the names of [`PARAMETERS`]; what is not named stays.
    pub fn set(mut self, given: &[(&str, f64)]) -> Result<Self, String> {
        let values = checked(self.step_rule().name, PARAMETERS, given)?;
        for (p, v) in PARAMETERS.iter().zip(values) {
            if !given.iter().any(|(name, _)| *name == p.name) {
                continue;
            }
            match p.name {
                "rate" => self.rate = (v > 0.0).then_some(v),
                "batch_size" => self.batch = v as usize,
                "sampling" => self.sampling = v,
                "growing" => self.growing = v > 0.0,
                "epochs" => self.epochs = v as u64,
                _ => self.seed = v as u64,
            }
        }
        Ok(self)
    }
    /// Where nothing was said of the rate, it falls along a cosine over batches.
    fn falling(&mut self) {
        if self.rate.is_none() && self.schedule.is_none() && !self.growing {
            self.schedule = Some(Schedule::named("cosine", &[]).expect("a registered schedule"));
        }
    }
    /// Sets the schedule by name.
    pub fn schedule(mut self, name: &str, given: &[(&str, f64)]) -> Result<Self, String> {
        self.schedule = Some(Schedule::named(name, given)?);
        Ok(self)
    }
    /// The method.
    pub fn method(self) -> Box<dyn Method + Send> {
        Box::new(Ruled::new(self))
    }
    /// The row that a registry of methods would have of it: refusals are made from it.
    pub fn entry(&self) -> Entry {
        let rule = self.step_rule();
        Entry { name: rule.name, doc: rule.doc, parameters: rule.parameters, ..ENTRY }
    }
}

/// The rule of a chain that takes the step.
fn step_rule(rules: &Rules) -> &'static crate::rule::Entry {
    let step = rules.iter().find(|(e, _)| e.kind == crate::rule::Kind::Parameter);
    step.expect("a chain that was planned has one").0
}

/// The settings of every rule used as a method, beside its own.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "rate",
        default: 0.0,
        low: 0.0,
        high: f64::MAX,
        kind: Kind::Number,
        doc: "The rate (the learning rate); 0: it finds its own.",
    },
    Parameter {
        name: "batch_size",
        default: 0.0,
        low: 0.0,
        high: 4294967295.0,
        kind: Kind::Whole,
        doc: "Terms a step looks at: 1 is stochastic, more is mini-batch, 0 is all of them.",
    },
    SAMPLING,
    Parameter {
        name: "growing",
        default: 0.0,
        low: 0.0,
        high: 1.0,
        kind: Kind::Switch,
        doc: "Whether batches grow after an epoch in which the noise of their gradients was larger than the gradient of all \
              terms; a rate that finds itself then stays as it is.",
    },
    Parameter {
        name: "epochs",
        default: 20.0,
        low: 1.0,
        high: 4294967295.0,
        kind: Kind::Whole,
        doc: "Rounds through all terms, where there are batches.",
    },
    Parameter {
        name: "seed",
        default: 0.0,
        low: 0.0,
        high: 9007199254740992.0,
        kind: Kind::Whole,
        doc: "Of the order in which batches are drawn.",
    },
];

pub(super) const ENTRY: Entry = Entry {
    name: "ruled",
    doc: "A rule applied to the gradient of all terms, of batches or of single ones (stochastic gradient descent).\n\
          Under its own name it takes momo_adam; the name of any rule is this method with that rule.\n\
          With no rate given it finds its own.",
    parameters: PARAMETERS,
    needs: Needs { penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT },
    suits: |_| None,
    build: |values| {
        let given: Vec<_> = PARAMETERS.iter().map(|p| p.name).zip(values.iter().copied()).collect();
        let plan = Plan::new(&[("momo_adam", &[])]).and_then(|p| p.set(&given));
        plan.expect("a registered rule and checked settings").method()
    },
};

/// What the ways of running a rule share.
struct Ruled {
    plan: Plan,
    mover: Mover,
    way: Way,
    /// The rate before the schedule.
    rate: f64,
    /// Steps that the schedule has gone through.
    taken: u64,
    /// F and its gradient at x.
    value: f64,
    gradient: Vec<f64>,
    /// Where it began, and F there.
    from: Vec<f64>,
    start: f64,
    least: f64,
    still: Still,
    claims: Claims,
    /// Steps before the next look around, lower points found by one, and a point beyond which there is no way back.
    patience: usize,
    escapes: u32,
    reach: f64,
    /// Whether the gradient is in the problem's own units.
    unscaled: bool,
}

enum Way {
    Full(full::Full),
    Batches(batches::Batches),
}

impl State for Way {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut batches = matches!(self, Way::Batches(_));
        v.field("batches", &mut batches)?;
        if v.loads() && batches {
            *self = Way::Batches(batches::Batches::default());
        }
        match self {
            Way::Full(full) => v.field("full", full),
            Way::Batches(batches) => v.field("all", batches),
        }
    }
}

impl State for Plan {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut scheduled = self.schedule.is_some();
        v.field("scheduled", &mut scheduled)?;
        if v.loads() && scheduled {
            self.falling();
        }
        v.check("scheduled", scheduled == self.schedule.is_some(), "is of another run")?;
        if let Some(schedule) = &mut self.schedule {
            v.field("schedule", schedule)?;
        }
        for (k, group) in self.groups.iter_mut().enumerate() {
            if let Some(schedule) = &mut group.schedule {
                v.field(&format!("group.{k}"), schedule)?;
            }
        }
        Ok(())
    }
}

crate::state!(Ruled {
    plan,
    mover,
    way,
    rate,
    taken,
    value: value,
    gradient: vector,
    from: vector,
    start: seen,
    least,
    still,
    claims,
    patience,
    escapes,
    reach: within(FAR, f64::INFINITY),
    unscaled: plain,
});

impl Ruled {
    fn new(plan: Plan) -> Self {
        Ruled {
            mover: Mover::new(&plan, &[]),
            way: Way::Full(full::Full::new(&plan)),
            rate: plan.rate.unwrap_or(0.0),
            taken: 0,
            value: f64::NAN,
            gradient: Vec::new(),
            from: Vec::new(),
            start: f64::NAN,
            least: f64::INFINITY,
            still: Still::default(),
            claims: Claims::new(0.0, 0.0, -1.0, -1.0),
            patience: 0,
            escapes: 0,
            reach: f64::INFINITY,
            unscaled: true,
            plan,
        }
    }

    fn rule(&self) -> &'static crate::rule::Entry {
        self.mover.rule()
    }

    /// The rate at a place of the run, `done` of it is behind; those that change in ways of their own are set.
    fn scheduled(&mut self, done: f64) -> Result<f64, Halt> {
        let at = |schedule: &Schedule| Ok(self.rate * schedule.factor(done, self.taken)?);
        for (k, group) in self.plan.groups.iter().enumerate() {
            self.mover.set_rate(k, group.schedule.as_ref().map(at).transpose()?);
        }
        self.plan.schedule.as_ref().map_or(Ok(self.rate), at)
    }
    /// Shows the schedules the value of the whole objective.
    fn look(&mut self) {
        let own = self.plan.groups.iter_mut().filter_map(|group| group.schedule.as_mut());
        own.chain(&mut self.plan.schedule).for_each(|s| s.look(self.value, self.taken));
    }

    /// Moves x by the rule and back into the bounds, where there are some. Where the rule stands elsewhere, or asks for
    /// a second gradient, gradients of the whole objective are asked.
    fn advance(&mut self, problem: &mut Problem<'_>, rate: f64, x: &mut [f64]) -> Result<(), Halt> {
        let stand = self.mover.stand(x);
        let (mut value, mut gradient) = (self.value, Cow::Borrowed(&self.gradient[..]));
        if let Cow::Owned(stand) = &stand {
            value = problem.total_gradient(stand, gradient.to_mut())?;
        }
        gradient = Cow::Owned(inside(problem, &stand, &gradient).into_owned());
        if self.mover.asks_twice() {
            let mut place = self.mover.place(rate, value, &stand, &gradient);
            within(problem, &mut place);
            problem.total_gradient(&place, gradient.to_mut())?;
            gradient = Cow::Owned(inside(problem, &stand, &gradient).into_owned());
        }
        self.mover.advance(rate, value, x, &gradient, |x| within(problem, x));
        Ok(())
    }
}

/// The gradient without what pushes against a bound: a rule's memory would keep the rest from moving.
fn inside<'g>(problem: &Problem<'_>, x: &[f64], gradient: &'g [f64]) -> Cow<'g, [f64]> {
    if problem.penalty().offers().smooth || !problem.penalty().offers().bounds {
        return Cow::Borrowed(gradient);
    }
    let one = |(j, (x, g)): (usize, (&f64, &f64))| {
        let (low, high) = problem.penalty().bounds(j);
        if (*x <= low && *g > 0.0) || (*x >= high && *g < 0.0) { 0.0 } else { *g }
    };
    x.iter().zip(gradient).enumerate().map(one).collect()
}

/// Puts x back into the bounds, where the penalty is bounds.
fn within(problem: &Problem<'_>, x: &mut [f64]) {
    if !problem.penalty().offers().smooth {
        problem.penalty().prox(x, crate::penalty::Steps::Uniform(1.0));
    }
}

impl Method for Ruled {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let tensors = problem.tensors();
        if let Some(place) =
            self.plan.groups.iter().flat_map(|g| &g.tensors).find(|t| **t >= tensors.len())
        {
            let all = tensors.len();
            return Err(Halt::Failed(
                format!("a group of rules names tensor {place} of {all}").into(),
            ));
        }
        self.mover = Mover::new(&self.plan, &tensors);
        self.gradient = vec![0.0; x.len()];
        within(problem, x);
        self.value = problem.total_gradient(x, &mut self.gradient)?;
        if let Some(why) = not_finite(self.value, &self.gradient) {
            return Ok(Step {
                value: self.value,
                residual: 1.0,
                verdict: Some(why),
                ..Step::default()
            });
        }
        if self.plan.rate.is_none() && self.plan.batch == 0 && problem.scalable() {
            problem.set_units(Units::new(Vec::new(), self.value, &self.gradient));
            problem.units().slopes(&mut self.gradient);
            self.value /= problem.units().value();
            self.unscaled = problem.units().plain();
        }
        self.from = x.to_vec();
        (self.start, self.least) = (self.value, self.value);
        self.claims = Claims::new(self.value, problem.tolerance(), -1.0, -1.0).slow();
        (self.patience, self.escapes) = (0, 0);
        self.reach = FAR * x.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        let terms = problem.offers().terms;
        if self.plan.batch > 0 && self.plan.batch < terms {
            self.way = Way::Batches(batches::Batches::start(self, problem, x, terms)?);
        } else {
            full::start(self, problem, x)?;
        }
        self.still.begin(problem, x, &self.gradient, self.value);
        let step = self.still.step(problem, self.value, self.start, self.rate, false);
        sure::judged(self, problem, x, step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let step = match self.way {
            Way::Full(_) => full::step(self, problem, x),
            Way::Batches(_) => batches::step(self, problem, x),
        };
        sure::judged(self, problem, x, step?)
    }
    fn rate(&self) -> Option<f64> {
        Some(self.rate)
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.rate = rate;
        if let Way::Full(full) = &mut self.way {
            full.given = true;
        }
        true
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        match &mut self.way {
            Way::Full(_) => Ok(()),
            Way::Batches(batches) => batches.again(&self.plan, problem.offers().terms),
        }
    }
    fn gradient(&self) -> Option<&[f64]> {
        (!self.gradient.is_empty() && self.unscaled).then_some(&self.gradient)
    }
}
