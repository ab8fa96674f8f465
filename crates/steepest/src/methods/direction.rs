//! What a direction is: which way to go, from the gradient and the last steps.
use super::pairs::Pairs;
use crate::curvature::Curvature;
use crate::method::{Needs, Suit};
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state::State;
use crate::status::Halt;

/// Where a direction is asked for. Vectors are padded with zeros to whole lanes.
pub struct Iterate<'a, 'p> {
    /// What is minimised: for directions that ask it for more than the gradient.
    pub problem: &'a mut Problem<'p>,
    /// The point.
    pub x: &'a [f64],
    /// The gradient.
    pub g: &'a [f64],
    /// The last steps, and the changes of the gradient over them; there is one at least, unless a preconditioner is offered
    /// and taken ([`Directed::PRECONDITIONED`]).
    pub pairs: &'a mut Pairs,
    /// 1 where a coordinate is free to move, 0 where a bound holds it; none where all are free.
    pub free: Option<&'a [f64]>,
    /// The lower and the upper bounds, where there are any and the direction is to keep within them ([`Directed::WITHIN`]).
    pub ends: Option<[&'a [f64]; 2]>,
}

/// A step that was taken.
pub struct StepTaken<'a> {
    /// The gradient where it began, and where it ended.
    pub g: [&'a [f64]; 2],
    /// The direction that it took.
    pub d: &'a [f64],
    /// How far it went along it.
    pub a: f64,
    /// The slope along it where it began.
    pub slope: f64,
    /// What it lowered F by.
    pub fall: f64,
    /// Whether the gradient grew along it: then its pair is the newest of those remembered.
    pub kept: bool,
}

/// What a direction foretells by the function's own curvature.
#[derive(Clone, Copy, Debug)]
pub struct Foretold {
    /// The decrease to the least value of the quadratic model, or as much of it as was found; infinite where that has none.
    pub fall: f64,
    /// Whether it is nearly all of it, and what was foretold of the last step came to pass.
    pub believed: bool,
}

/// Which way to go. Before any step, and where it knows none, that is against the gradient.
pub trait Direction: Send {
    /// It begins anew, with n variables.
    fn begin(&mut self, n: usize) -> Result<(), Halt> {
        let _ = n;
        Ok(())
    }
    /// A step was taken.
    fn learn(&mut self, step: &StepTaken<'_>) {
        let _ = step;
    }
    /// The direction, in `d`, and the length to try first along it; none where it knows no direction.
    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt>;
    /// The decrease that the function's own curvature foretells along the last direction; none where it knows none.
    fn foretells(&self) -> Option<Foretold> {
        None
    }
    /// The next direction is to be as exact as it can be, since a claim rests on it; whether that makes a difference.
    fn exactly(&mut self) -> bool {
        false
    }
    /// What it has learned leads nowhere: it is forgotten.
    fn forget(&mut self) {}
    /// What it remembers from one step to the next, where that is more than the pairs.
    fn state(&mut self) -> Option<&mut dyn State> {
        None
    }
    /// What it knows of the second derivatives, where that is more than the pairs tell.
    fn curvature(&self) -> Option<Curvature> {
        None
    }
}

/// Settings of which a direction is made, and what the method does with it.
pub trait Directed: Described {
    /// The search that it goes with unless another is asked for.
    const SEARCH: &'static str;
    /// How much of its slope a line may be left with, where the search asks.
    const FLAT: Option<f64> = None;
    /// What the method needs.
    const NEEDS: Needs = Needs::GRADIENT;
    /// Whether −½ g'd is the decrease that its own metric predicts; else that of L-BFGS over the last steps is taken.
    const PREDICTS: bool = false;
    /// Whether its steps gain so little each that what was gained in half of them counts.
    const SLOW: bool = false;
    /// How many pairs of steps and changes are remembered.
    fn memory(&self) -> usize {
        10
    }
    /// Whether the pairs are asked for L-BFGS's direction at every step, which may then be had cheaper.
    const BY_PAIRS: bool = false;
    /// Whether its directions end within the bounds, so that no coordinate has to be held for them.
    const WITHIN: bool = false;
    /// Whether it takes a preconditioner where one is offered and nothing is bounded: then it is asked before there are pairs.
    const PRECONDITIONED: bool = false;
    /// The direction at work.
    fn direction(self) -> Box<dyn Direction>;
    /// Whether `auto` may take it.
    fn suits(facts: &Facts) -> Option<Suit> {
        let _ = facts;
        None
    }
}
