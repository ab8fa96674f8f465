//! When to stop, what has been spent, and who looks on.
use crate::status::Halt;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// F(x) − F* relative to max(F(x), 1e-12 F(null)).
    pub tolerance: f64,
    /// Steps at most.
    pub iterations: u64,
    /// Evaluations at most (a value and a gradient at one point count one).
    pub evaluations: u64,
    /// Reads of the data at most.
    pub passes: f64,
    /// Wall-clock seconds at most.
    pub seconds: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Stop {
            tolerance: 1e-6,
            iterations: u64::MAX,
            evaluations: u64::MAX,
            passes: f64::INFINITY,
            seconds: f64::INFINITY,
        }
    }
}

crate::state!(Counts { iterations, values, gradients, products, passes });

/// What has been spent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Steps.
    pub iterations: u64,
    /// Values asked for (a gradient brings its value along).
    pub values: u64,
    /// Gradients asked for.
    pub gradients: u64,
    /// Hessians or products asked for.
    pub products: u64,
    /// Reads of the data; a sampled row counts its share.
    pub passes: f64,
}

/// Where a descent stands, for those who look on.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What has been spent.
    pub counts: Counts,
    /// F at x.
    pub value: f64,
    /// The scaled residual.
    pub residual: f64,
    /// The rate or step length.
    pub rate: f64,
    /// Wall-clock seconds so far.
    pub seconds: f64,
    /// The point.
    pub x: &'a [f64],
}

/// Who looks on. One of these is called on the calling thread only.
pub trait Watch {
    /// Called after each iteration; an `Err` ends the descent.
    fn iteration(&mut self, progress: &Progress<'_>) -> Result<(), Halt> {
        let _ = progress;
        Ok(())
    }
    /// Called at least some twenty times a second while the arithmetic runs (signals, other threads).
    fn poll(&mut self) -> Result<(), Halt> {
        Ok(())
    }
}

/// Nobody looks on.
pub struct Unwatched;
impl Watch for Unwatched {}
