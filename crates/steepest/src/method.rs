//! What a method is: how to take one step.
use crate::certificate::Certificate;
use crate::curvature::Curvature;
use crate::objective::Objective;
use crate::penalty::Offers;
use crate::problem::{Facts, Problem};
use crate::settings::Parameter;
use crate::state::State;
use crate::status::{Halt, Status};

/// What a method needs of an objective and a penalty; refusals are made from the same declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Single terms of a mean (mini-batches).
    pub terms: bool,
    /// Products with the second derivatives.
    pub products: bool,
    /// The matrix of second derivatives.
    pub hessian: bool,
    /// Residuals of whose losses it is the sum.
    pub residuals: bool,
    /// Blocks of variables that it can be minimised over while the others stay.
    pub blocks: bool,
    /// A loss over a design.
    pub glm: bool,
    /// Whether it is for functions of which nothing is known but values; losses over a design have more to go by.
    pub plain: bool,
    /// A loss of one margin a row (not softmax).
    pub single: bool,
    /// Whether, of losses over a design, it takes those with numbers that are learnt beside the coefficients.
    pub learnt: bool,
    /// Whether it is for losses made of straight parts; all others refuse them.
    pub straight: bool,
    /// Whether it is for constraints beside bounds; all others refuse them.
    pub constraints: bool,
    /// The penalties it can take.
    pub penalty: Takes,
}

/// The penalties a method can take, from the fewest to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Bounds on the variables, or nothing.
    Bounds,
    /// Those with a gradient.
    Smooth,
    /// ½ Σ a_j x_j².
    Quadratic,
    /// Those with a gradient, and bounds.
    SmoothOrBounds,
    /// ½ Σ a_j x_j², and those whose prox can be taken coordinate by coordinate.
    QuadraticOrDiagonal,
    /// Absolute values, squares and bounds, coordinate by coordinate.
    Pieces,
    /// Shares of a whole that are all variables, or nothing.
    SharesOrNone,
    /// Bounded sets over which a linear function can be minimised.
    Atoms,
    /// All that have a prox.
    Prox,
}

impl Takes {
    /// Whether a penalty with such offers can be taken.
    pub fn takes(self, o: Offers) -> bool {
        match self {
            Takes::Bounds => o.bounds,
            Takes::Smooth => o.smooth,
            Takes::Quadratic => o.quadratic,
            Takes::SmoothOrBounds => o.smooth || o.bounds,
            Takes::QuadraticOrDiagonal => o.quadratic || o.diagonal_prox,
            Takes::Pieces => o.pieces,
            Takes::SharesOrNone => o.shares || (o.smooth && o.bounds),
            Takes::Atoms => o.atoms,
            Takes::Prox => true,
        }
    }
}

impl Needs {
    /// Values and gradients, smooth penalties.
    pub const GRADIENT: Needs = Needs {
        terms: false,
        products: false,
        hessian: false,
        residuals: false,
        blocks: false,
        glm: false,
        plain: false,
        single: false,
        learnt: false,
        straight: false,
        constraints: false,
        penalty: Takes::Smooth,
    };
}

/// How well a method suits a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Suit {
    /// Predicted passes (evaluations of value and gradient) to the tolerance.
    pub passes: f64,
    /// Why, in a sentence that the result repeats.
    pub reason: String,
}

crate::state!(Step { value, sampled, residual, rate, violation, certificate } but verdict);

/// What one step did.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// F at the new point, penalty included.
    pub value: f64,
    /// Whether `value` is only an estimate, from a sample of the rows.
    pub sampled: bool,
    /// Scaled residual: how far from stationary, in the method's own measure; 0 at a stationary point.
    pub residual: f64,
    /// The rate or the length of the step taken.
    pub rate: f64,
    /// By how much the constraints are missed at most; 0 where there are none.
    pub violation: f64,
    /// The method's own verdict, where it has come to one.
    pub verdict: Option<Status>,
    /// What stands behind the verdict.
    pub certificate: Option<Certificate>,
}

/// A method at work on one problem.
pub trait Method {
    /// Called once, before the first step: looks at the problem and evaluates where it starts.
    /// The answer is the state at x as if a step had led there.
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt>;
    /// One step: changes x. A rejected trial is no step; a step that cannot be taken says why in its verdict.
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt>;
    /// Rows of a table, ascending, that it is sure to look at from 0 or from a point that was given: what else is looked at
    /// before is then held in the same read. None of a table in memory.
    fn foresees(&self, _objective: &mut dyn Objective, _given: bool) -> Result<Vec<u32>, Halt> {
        Ok(Vec::new())
    }
    /// Whether `start` may be called once more where it stands, over the same objective under a penalty of another weight:
    /// it then goes on with what it knows of the table.
    fn serves_again(&self) -> bool {
        false
    }
    /// Whether no step is ever worse than the one before (then the last point is the best).
    fn monotone(&self) -> bool {
        false
    }
    /// The rate in force, where there is one that can be set.
    fn rate(&self) -> Option<f64> {
        None
    }
    /// Sets the rate for the steps to come; false where the method has none.
    fn set_rate(&mut self, rate: f64) -> bool {
        let _ = rate;
        false
    }
    /// The gradient of the objective and of a smooth penalty at the last point, where the method keeps it.
    fn gradient(&self) -> Option<&[f64]> {
        None
    }
    /// All that it remembers, for runs that are stopped and go on.
    fn state(&mut self) -> &mut dyn State;
    /// After that was loaded: makes again what is not saved, since it follows from the problem. [`Bad`](crate::state::Bad),
    /// where what was loaded is not of this problem.
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let _ = problem;
        Ok(())
    }
    /// What it knows of the second derivatives, where it has them or learns them.
    fn curvature(&self) -> Option<Curvature> {
        None
    }
}

/// A row of the registry.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// What it needs.
    pub needs: Needs,
    /// How well it suits a problem; none where `auto` should not take it.
    pub suits: fn(&Facts) -> Option<Suit>,
    /// The method at work, from checked settings.
    pub build: fn(&[f64]) -> Box<dyn Method + Send>,
}

impl Entry {
    /// Why this method cannot take the problem on, and which could.
    pub fn refusal(&self, facts: &Facts, all: &[Entry]) -> Option<String> {
        let lack = self.lack(facts)?;
        let could: Vec<&str> =
            all.iter().filter(|e| e.lack(facts).is_none()).map(|e| e.name).collect();
        let remedy = match could.split_last() {
            None => "No method here can.".to_string(),
            Some((last, [])) => format!("Use {last}."),
            Some((last, rest)) => format!("Use {} or {last}.", rest.join(", ")),
        };
        Some(format!("{} cannot handle {lack}. {remedy}", self.name))
    }

    fn lack(&self, f: &Facts) -> Option<String> {
        let n = self.needs;
        if !n.penalty.takes(f.offers) {
            let why = match n.penalty {
                Takes::Bounds => "it takes bounds only",
                Takes::Smooth => "it needs a penalty with a gradient",
                Takes::Quadratic => "it needs a quadratic penalty",
                Takes::SmoothOrBounds => "it needs a penalty with a gradient, or bounds",
                Takes::SharesOrNone => "it takes the simplex over all variables, or nothing",
                Takes::Atoms => "it needs a bounded set over all variables",
                Takes::Pieces => "it needs absolute values, squares or bounds",
                _ => "its step differs by coordinate",
            };
            return Some(format!("the penalty {}: {why}", f.penalty));
        }
        if f.constraints > 0 && !n.constraints {
            return Some("constraints beside bounds".into());
        }
        if n.constraints && f.constraints == 0 {
            return Some("a problem without constraints: it needs some beside bounds".into());
        }
        if n.glm && !f.glm {
            return Some("a plain function: it needs a loss over a table".into());
        }
        if n.plain && f.glm {
            return Some("a loss over a table: it is for functions known by their values".into());
        }
        if n.glm && f.coupled && !n.learnt {
            return Some("a loss with numbers that are learnt beside the coefficients".into());
        }
        if f.straight && !n.straight {
            return Some("a loss made of straight parts: it has no slope where they meet".into());
        }
        if n.straight && !f.straight {
            return Some("a loss with a slope everywhere: it is for straight parts".into());
        }
        if n.single && f.outputs > 1 {
            return Some(format!("a loss of {} outputs: it needs one", f.outputs));
        }
        if n.terms && f.terms == 0 {
            return Some("a function that is not a mean of terms: it needs batches".into());
        }
        if n.residuals && f.residuals == 0 {
            return Some(
                "a function that is no sum of squared residuals: use least_squares".into(),
            );
        }
        if n.blocks && f.blocks == 0 {
            return Some(
                "a function whose variables it cannot minimise over in blocks: it needs factors"
                    .into(),
            );
        }
        if n.hessian && !f.hessian {
            return Some("a function without its Hessian: pass hess".into());
        }
        if n.products && !f.products {
            return Some("a function without Hessian products: pass hess or hessp".into());
        }
        None
    }
}
