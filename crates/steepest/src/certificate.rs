//! How far from the best possible: what is known, and on what assumption.

use crate::state::{Bad, State, Visitor};

/// What kind of knowledge stands behind a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// F(x) − F* ≤ bound holds by convex duality.
    DualityGap,
    /// A quadratic's error, computed.
    EnergyNorm,
    /// inf F is known (0, for a separable table without a penalty), so F(x) is the gap itself.
    ExactGap,
    /// Nothing is proved: F(x) − F* is estimated, by what the assumption says (the curvature that steps met, what a model
    /// promises, a gap that bounds it where the function is convex).
    Estimated,
    /// Nothing is proved: the scaled residual is small, and nothing else is meant by it. It is the length of the step
    /// x − prox(x − D∇f(x)) in the method's own diagonal metric D, relative to √F: of the order of the root of the part of
    /// F that such a step would still gain, whatever units x and F are in.
    #[default]
    Stationary,
    /// Nothing is proved: a criterion that was asked for by its own name (`gtol`, `ftol`) is met, and the bound is what it
    /// measures.
    Criterion,
}

impl Kind {
    /// The name that results carry.
    pub fn name(self) -> &'static str {
        match self {
            Kind::DualityGap => "duality_gap",
            Kind::EnergyNorm => "energy_norm",
            Kind::ExactGap => "exact_gap",
            Kind::Estimated => "estimated",
            Kind::Stationary => "stationary",
            Kind::Criterion => "criterion",
        }
    }
    /// Whether it proves the bound.
    pub fn proves(self) -> bool {
        !matches!(self, Kind::Estimated | Kind::Stationary | Kind::Criterion)
    }
}

impl State for Kind {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        use Kind::*;
        v.one_of(self, &[DualityGap, EnergyNorm, ExactGap, Estimated, Stationary, Criterion])
    }
}
crate::state!(Certificate { kind, bound, target, rounding, assumption });

/// A bound on F(x) − F* (of `Stationary` the scaled residual, of `Criterion` what that measures), what it was held against,
/// and why it holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificate {
    /// What kind of knowledge.
    pub kind: Kind,
    /// F(x) − F* is at most this, by proof or by estimate; or what the kind measures.
    pub bound: f64,
    /// What the bound was held against: tol · max(F(x), 1e-12 F(null)), or what was asked for of the kind's measure.
    pub target: f64,
    /// What the rounding of this very objective, at this very point, can hide: a bound no larger than this is the
    /// limit of the arithmetic. Computed, never assumed; 0 where it was not.
    pub rounding: f64,
    /// What must be true for the bound to hold.
    pub assumption: &'static str,
}

impl Certificate {
    /// Whether the bound is what was asked for. A bound that is not a number, or below 0, bounds nothing; a target that has
    /// overflown asks for nothing.
    pub fn reached(&self) -> bool {
        self.bound >= 0.0 && self.bound <= self.target && self.target.is_finite()
    }
    /// Whether what is left may be rounding alone.
    pub fn within_rounding(&self) -> bool {
        self.bound >= 0.0 && self.bound <= self.rounding && self.rounding.is_finite()
    }
}
