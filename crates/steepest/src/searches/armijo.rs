//! Armijo's rule.
use crate::search::{End, Line, Next, Search, Searching, Trial, parabola};

crate::settings! {
    /// Armijo's backtracking: the first length at which the value has fallen by a share of what the slope promised,
    /// φ(a) ≤ φ(0) + c₁ a φ′(0); else a shorter one, by the parabola through what is known, within a tenth and a half.
    ///
    /// No slope but the first is looked at: a rejected trial costs a value only. Right for directions whose first length is
    /// nearly right, as Newton's.
    ///
    /// Armijo 1966, <https://doi.org/10.2140/pjm.1966.16.1>; Nocedal and Wright 2006, section 3.5.
    "armijo" Armijo {
        /// c₁, the share of the promised fall that is enough.
        decrease = 1e-4 in 0.0 => 0.5,
    }
}

impl Searching for Armijo {
    fn search(self) -> Box<dyn Search> {
        Box::new(Halving { decrease: self.decrease, top: f64::NAN, line: None })
    }
}

/// Backtracking below a value that may lie above the first.
pub(super) struct Halving {
    pub(super) decrease: f64,
    pub(super) top: f64,
    pub(super) line: Option<Line>,
}

impl Search for Halving {
    fn begin(&mut self, line: Line) -> f64 {
        (self.line, self.top) = (Some(line), line.value);
        line.length.min(line.last)
    }

    fn next(&mut self, trial: Trial) -> Next {
        let Some(line) = self.line else { return Next::Stop };
        if !trial.finite() {
            return Next::Try(0.1 * trial.a);
        }
        if trial.value <= self.top + self.decrease * trial.expected {
            // The slope is needed for the next direction anyway: where it is none, the point is not taken.
            return if trial.slope.is_some() { Next::Take } else { Next::Slope };
        }
        let start = End { a: 0.0, value: line.value, slope: Some(line.slope) };
        let end = End { a: trial.a, value: trial.value, slope: None };
        Next::Try(parabola(start, end).clamp(0.1 * trial.a, 0.5 * trial.a))
    }
}
