//! How a descent ends: its statuses, whose messages are sentences.
use crate::certificate::Certificate;
use std::error::Error;

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Steps of the method.
    Iterations,
    /// Evaluations of the function or its gradient.
    Evaluations,
    /// Reads of the data.
    Passes,
    /// Rounds of batches that a stochastic method was given.
    Epochs,
    /// Wall-clock time.
    Seconds,
}

/// How a descent ended. The message is a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Within the tolerance.
    Converged,
    /// As near as the arithmetic allows; a success.
    PrecisionLimit,
    /// Steps are as small as the noise of the batches. No success: how far the optimum is, batches do not tell.
    NoiseFloor,
    /// The loss on held-out rows stopped falling; the best point there is returned.
    HeldOut,
    /// A budget ran out first.
    Budget(Budget),
    /// A callback asked to stop.
    Stopped,
    /// The value grows without end.
    Diverged,
    /// A value or an input is not finite; says where.
    NotFinite(String),
    /// The objective has no lower bound.
    Unbounded,
    /// The classes can be separated by what is not penalised: the infimum is not attained.
    Separable,
    /// The gradient given is not the function's; says by how much.
    GradientInconsistent(String),
    /// No point satisfies the constraints.
    Infeasible,
    /// No further decrease was found, though the certificate is not what was asked for.
    Plateau,
}

/// What rounding to single precision may cost, for a success: of the value, and, where rows are as good as fitted exactly, of
/// what was lost at the start.
pub fn single(value: f64, lost: f64) -> f64 {
    (1e-6 * value).max(1e-12 * lost)
}

impl Status {
    /// The name that results carry.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::PrecisionLimit => "precision_limit",
            Status::NoiseFloor => "noise_floor",
            Status::HeldOut => "held_out",
            Status::Budget(_) => "budget",
            Status::Stopped => "stopped",
            Status::Diverged => "diverged",
            Status::NotFinite(_) => "not_finite",
            Status::Unbounded => "unbounded",
            Status::Separable => "separable",
            Status::GradientInconsistent(_) => "gradient_inconsistent",
            Status::Infeasible => "infeasible",
            Status::Plateau => "plateau",
        }
    }
    /// SciPy's number: 0 for success.
    pub fn number(&self) -> i32 {
        match self {
            Status::Converged | Status::PrecisionLimit | Status::HeldOut => 0,
            Status::Budget(_) => 1,
            Status::Plateau => 2,
            Status::Diverged => 3,
            Status::NotFinite(_) => 4,
            Status::Unbounded => 5,
            Status::Separable => 6,
            Status::GradientInconsistent(_) => 7,
            Status::Infeasible => 8,
            Status::NoiseFloor => 9,
            Status::Stopped => 99,
        }
    }
    /// Whether the point returned is what was asked for.
    pub fn success(&self) -> bool {
        self.number() == 0
    }
    /// The one gate: what a method claims, as far as the certificate beside it bears it out. No success passes whose
    /// own bound is above what was asked for, or, at the limit of precision, above what rounding can explain.
    pub fn admitted(self, certificate: Option<&Certificate>) -> Status {
        match (self, certificate) {
            (Status::Converged | Status::PrecisionLimit, Some(c)) if c.reached() => {
                Status::Converged
            }
            (Status::Converged | Status::PrecisionLimit, Some(c)) if c.within_rounding() => {
                Status::PrecisionLimit
            }
            (Status::Converged | Status::PrecisionLimit, _) => Status::Plateau,
            (other, _) => other,
        }
    }
    /// The sentence.
    pub fn message(&self) -> String {
        match self {
            Status::Converged => "Converged: within the tolerance of the best possible.".into(),
            Status::PrecisionLimit => "Converged to the precision of the arithmetic: no step lowers the value any more.".into(),
            Status::NoiseFloor => "Reached the noise floor: what is left is no more than the noise of the values or the batches, which is large; more of the same steps gain nothing, and how far the optimum is they do not tell.".into(),
            Status::HeldOut => "Stopped early: the loss on held-out rows no longer falls; the best point there is returned.".into(),
            Status::Budget(b) => {
                let (what, setting) = match b {
                    Budget::Iterations => ("iterations", "max_iter"),
                    Budget::Evaluations => ("evaluations", "max_evaluations"),
                    Budget::Passes => ("passes over the data", "max_passes"),
                    Budget::Epochs => ("epochs", "epochs"),
                    Budget::Seconds => ("seconds", "max_seconds"),
                };
                format!("Stopped by the budget of {what}: not converged yet; raise {setting} to go on.")
            }
            Status::Stopped => "Stopped by the callback.".into(),
            Status::Diverged => "Diverged: the value grows without end; take a smaller rate, or give none.".into(),
            Status::NotFinite(what) => format!("Not finite: {what}."),
            Status::Unbounded => "Unbounded: the value falls without end.".into(),
            Status::Separable => "Separable classes, and no penalty on what separates them: the loss comes to its least only as the coefficients grow without end; add an l2 penalty.".into(),
            Status::GradientInconsistent(what) => format!("The gradient is not the function's: {what}."),
            Status::Infeasible => "Infeasible where it ended: no step brings the constraints nearer there. Where they are convex no point satisfies them; else another start may.".into(),
            Status::Plateau => "Stuck: its steps no longer lower the value, and that this is the least is not known.".into(),
        }
    }
}

/// An error that is not ours: a [`Refusal`](crate::refusal::Refusal), words, or what an objective or whoever looks on has failed with.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Why a descent ends before its method says so.
#[derive(Debug)]
pub enum Halt {
    /// A callback asked to.
    Stopped,
    /// A budget ran out.
    Budget(Budget),
    /// A status found out in the middle of a step.
    Status(Status),
    /// The objective or a callback failed: the error comes out as itself, and nothing else does.
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Kind;

    fn certificate(bound: f64) -> Certificate {
        Certificate { kind: Kind::DualityGap, bound, target: 1e-6, rounding: 1e-3, assumption: "" }
    }

    #[test]
    fn no_success_is_above_its_own_bound() {
        for claimed in [Status::Converged, Status::PrecisionLimit] {
            let admitted = |c: Option<&Certificate>| claimed.clone().admitted(c);
            assert_eq!(admitted(Some(&certificate(1e-6))), Status::Converged);
            assert_eq!(admitted(Some(&certificate(1e-4))), Status::PrecisionLimit);
            for bound in [1e-2, f64::INFINITY, f64::NAN, -1e-12] {
                assert_eq!(admitted(Some(&certificate(bound))), Status::Plateau, "{bound}");
            }
            let endless = Certificate { rounding: f64::INFINITY, ..certificate(1.0) };
            assert_eq!(admitted(Some(&endless)), Status::Plateau);
            assert_eq!(admitted(None), Status::Plateau);
        }
        assert_eq!(Status::Separable.admitted(None), Status::Separable);
    }
}
