//! What came of a descent.
use crate::certificate::Certificate;
use crate::health::Finding;
use crate::status::Status;
use crate::watch::Counts;

/// One line of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// Steps so far.
    pub iteration: u64,
    /// F.
    pub value: f64,
    /// Scaled residual.
    pub residual: f64,
    /// Rate or step length.
    pub rate: f64,
    /// Evaluations so far.
    pub evaluations: u64,
    /// Passes so far.
    pub passes: f64,
    /// Seconds so far.
    pub seconds: f64,
}

/// What came of a descent.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The best point, never merely the last.
    pub x: Vec<f64>,
    /// F there.
    pub value: f64,
    /// By how much the constraints beside bounds are missed there at most, in their own units.
    pub violation: f64,
    /// How it ended.
    pub status: Status,
    /// What stands behind that.
    pub certificate: Option<Certificate>,
    /// What was spent.
    pub counts: Counts,
    /// Seconds.
    pub seconds: f64,
    /// The descent, thinned to some thousand lines.
    pub history: Vec<Record>,
    /// The points gone through, where asked for.
    pub path: Vec<Vec<f64>>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// The iteration that it went on from, where it had been stopped and saved.
    pub resumed: Option<u64>,
    /// The gradient of the smooth part at x, where the method had it.
    pub gradient: Option<Vec<f64>>,
}

impl Solution {
    /// How it ended, in a sentence that claims no more than the certificate holds.
    pub fn message(&self) -> String {
        let stationary = self.certificate.as_ref().is_some_and(|c| !c.kind.proves());
        if self.status == Status::Converged && stationary {
            return "Converged: the gradient is as good as zero and no step lowers the value by more than the tolerance.".into();
        }
        match &self.certificate {
            Some(c) if self.status == Status::Plateau => format!(
                "Stuck: its steps no longer lower the value, {}.",
                if c.bound.is_finite() && c.kind.proves() {
                    format!(
                        "and this is proved to be within {:.2e} of the least only, where {:.2e} was asked for",
                        c.bound, c.target
                    )
                } else if c.bound.is_finite() {
                    format!(
                        "though {:.2e} is left of what should be at most {:.2e}",
                        c.bound, c.target
                    )
                } else {
                    "and how far the least is could not be told".into()
                }
            ),
            Some(c) if self.status == Status::PrecisionLimit && c.kind.proves() => format!(
                "Converged to the precision of the arithmetic: within {:.2e} of the least, and rounding hides up to {:.2e}.",
                c.bound, c.rounding
            ),
            _ => self.status.message(),
        }
    }
}
