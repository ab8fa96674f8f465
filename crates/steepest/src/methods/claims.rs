//! When a method that sees values and gradients only may say that it is done: shared by the methods for functions.
use crate::certificate::{Certificate, Kind};
use crate::descend::Status;

/// A decrease over as many steps must be small before convergence is claimed.
const WINDOW: usize = 10;
/// As many steps in a row that change nothing but rounding, and the method stops.
const IDLE: u32 = 20;
/// After the arithmetic's end is reached, the gradient decides whether it was a success.
pub const SMALL: f64 = 1e-5;

/// Keeps what the claims rest on.
#[derive(Clone, Debug)]
pub struct Claims {
    first_value: f64,
    first_residual: f64,
    steepness: f64,
    recent: [f64; WINDOW + 1],
    steps: usize,
    idle: u32,
    gradient: f64,
    value: f64,
    scipy: Option<(f64, f64)>,
}

impl Claims {
    /// From the start; `tolerance` bounds F − F* relative to F. Since nothing proves that bound here, the
    /// predicted and the seen decrease are held to a ten-thousandth of it, the gradient to a hundredth.
    /// `gtol` and `ftol` at or above 0 replace this by SciPy's criteria of that name.
    pub fn new(value: f64, residual: f64, tolerance: f64, gtol: f64, ftol: f64) -> Self {
        Claims {
            first_value: value,
            first_residual: residual,
            steepness: residual,
            recent: [value; WINDOW + 1],
            steps: 0,
            idle: 0,
            gradient: 1e-2 * tolerance,
            value: 1e-4 * tolerance,
            scipy: (gtol >= 0.0 || ftol >= 0.0).then_some((gtol, ftol)),
        }
    }

    /// The largest slope at the start along a coordinate that may move: between bounds the residual says less,
    /// for it is never longer than they are apart.
    pub fn steep(self, slope: f64) -> Self {
        Claims { steepness: self.steepness.max(slope), ..self }
    }

    /// The steepest slope at the start, and at least 1: what "small" is held against at the arithmetic's end.
    pub fn scale(&self) -> f64 {
        self.steepness.max(1.0)
    }

    /// What the residual must fall to.
    pub fn target(&self) -> f64 {
        match self.scipy {
            Some((gtol, _)) => gtol.max(0.0),
            None => self.gradient * self.first_residual.max(1.0),
        }
    }

    /// A step was taken; true where the last twenty changed nothing but rounding.
    pub fn took(&mut self, value: f64) -> bool {
        let before = self.recent[self.steps % (WINDOW + 1)];
        self.steps += 1;
        self.recent[self.steps % (WINDOW + 1)] = value;
        let still = before - value <= 4.0 * f64::EPSILON * value.abs();
        self.idle = if still { self.idle + 1 } else { 0 };
        self.idle >= IDLE
    }

    /// Whether the last step lowered the value beyond rounding.
    pub fn lowered(&self) -> bool {
        self.idle == 0
    }

    /// Whether convergence may be claimed: the residual, the decrease that the next step predicts (none
    /// where the metric is not scaled yet) and the decrease over the last ten steps are all small.
    pub fn converged(&self, value: f64, residual: f64, predicted: Option<f64>) -> bool {
        if residual == 0.0 {
            return true;
        }
        let before = self.recent[(self.steps + WINDOW) % (WINDOW + 1)];
        if let Some((gtol, ftol)) = self.scipy {
            let fell = (before - value) / before.abs().max(value.abs()).max(1.0);
            return residual <= gtol || (self.steps > 0 && fell <= ftol);
        }
        let size = value.abs().max((self.first_value - value).min(1.0));
        let oldest = self.recent[(self.steps + 1) % (WINDOW + 1)];
        residual <= self.target()
            && predicted.is_some_and(|p| p <= self.value * size)
            && (oldest - value <= self.value * size || residual <= 1e-12 * self.first_residual)
    }

    /// The same for a method whose model, the function's own curvature, has foretold its last decrease well:
    /// what it predicts then needs no ten steps to be believed.
    pub fn foretold(&self, value: f64, residual: f64, predicted: Option<f64>) -> bool {
        let mut young = self.clone();
        young.recent = [value; WINDOW + 1];
        match self.scipy {
            None => young.converged(value, residual, predicted),
            Some(_) => self.converged(value, residual, predicted),
        }
    }

    /// The verdict where no step lowers the value any more.
    pub fn at_rest(&self, residual: f64) -> Status {
        if residual <= SMALL * self.scale() { Status::PrecisionLimit } else { Status::Plateau }
    }

    /// What stands behind a claim.
    pub fn certificate(&self, residual: f64) -> Certificate {
        Certificate {
            kind: Kind::Stationary,
            bound: residual,
            target: self.target(),
            rounding: SMALL * self.scale(),
            assumption: "nothing is known of the function but values and gradients: a stationary point, \
                         the least only where the function is convex",
        }
    }
}

/// What is wrong with a start that is not finite.
pub fn not_finite(value: f64, gradient: &[f64]) -> Option<Status> {
    if !value.is_finite() {
        return Some(Status::NotFinite(format!("the value at the start is {value}")));
    }
    let j = gradient.iter().position(|g| !g.is_finite())?;
    let g = gradient[j];
    Some(Status::NotFinite(format!("entry {j} of the gradient at the start is {g}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_are_asked_for() {
        let mut c = Claims::new(5.0, 2.0, 1e-6, -1.0, -1.0);
        assert!(c.converged(5.0, 0.0, None));
        assert!(!c.converged(5.0, 1e-9, None));
        for _ in 0..11 {
            assert!(!c.converged(1.0, 1e-9, Some(1e-12)) || c.steps > 9, "at {}", c.steps);
            c.took(1.0);
        }
        assert!(c.converged(1.0, 1e-9, Some(1e-12)));
        assert!(!c.converged(1.0, 1e-9, Some(1e-9)));
        assert!(!c.converged(1.0, 1e-7, Some(1e-12)));
        assert_eq!(c.at_rest(1e-6), Status::PrecisionLimit);
        assert_eq!(c.at_rest(1e-3), Status::Plateau);
    }

    #[test]
    fn twenty_idle_steps_are_the_end() {
        let mut c = Claims::new(5.0, 2.0, 1e-6, -1.0, -1.0);
        assert!(!c.took(4.0));
        assert_eq!(
            (0..20).map(|_| c.took(4.0)).collect::<Vec<_>>().iter().position(|b| *b),
            Some(19)
        );
    }

    #[test]
    fn scipys_criteria_where_asked_for() {
        let mut c = Claims::new(5.0, 2.0, 1e-6, 1e-5, -1.0);
        assert!(c.converged(5.0, 1e-5, None) && !c.converged(5.0, 2e-5, Some(0.0)));
        c.took(4.0);
        assert!(!c.converged(4.0, 1.0, None));
    }
}
