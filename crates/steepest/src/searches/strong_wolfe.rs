//! Strong Wolfe conditions, as in the textbook.
use crate::search::{End, Line, Next, Search, Searching, Trial, cubic, parabola};

crate::settings! {
    /// A search by the strong Wolfe conditions, φ(a) ≤ φ(0) + c₁ a φ′(0) and |φ′(a)| ≤ c₂ |φ′(0)|: longer steps until a
    /// bracket is found, then cubics and parabolas inside it.
    ///
    /// Nocedal and Wright 2006, algorithms 3.5 and 3.6.
    "strong_wolfe" StrongWolfe {
        /// c₁, the share of the promised fall that is enough.
        decrease = 1e-4 in 0.0 => 0.5,
        /// c₂, the share of the slope that may be left.
        curvature = 0.9 in 0.0 => 1.0,
    }
}

impl Searching for StrongWolfe {
    fn search(self) -> Box<dyn Search> {
        Box::new(Zoom { set: self, line: None, low: START, high: None })
    }
}

/// A value this near counts as no worse: rounding.
const NEAR: f64 = 1e-13;
const START: End = End { a: 0.0, value: f64::NAN, slope: None };

struct Zoom {
    set: StrongWolfe,
    line: Option<Line>,
    /// The lowest point that has fallen by enough.
    low: End,
    /// The other end, before or behind it, once there is a minimum between.
    high: Option<End>,
}

impl Search for Zoom {
    fn begin(&mut self, line: Line) -> f64 {
        self.low = End { a: 0.0, value: line.value, slope: Some(line.slope) };
        (self.line, self.high) = (Some(line), None);
        line.length.min(line.last)
    }

    fn next(&mut self, trial: Trial) -> Next {
        let Some(line) = self.line else { return Next::Stop };
        let end = End { a: trial.a, value: trial.value, slope: trial.slope };
        if !trial.finite() {
            self.high = Some(End { slope: None, ..end });
            return Next::Try(self.low.a + 0.1 * (trial.a - self.low.a));
        }
        let enough = trial.value <= line.value + self.set.decrease * trial.expected;
        // Where rounding hides the fall of the value, the slope tells.
        let near = (trial.value - line.value).abs() <= NEAR * line.value.abs();
        if !(enough || near) || (self.low.a > 0.0 && trial.value >= self.low.value && !near) {
            self.high = Some(end);
            return self.inside();
        }
        let Some(slope) = trial.slope else { return Next::Slope };
        if slope.abs() <= -self.set.curvature * line.slope {
            return Next::Take;
        }
        let before = std::mem::replace(&mut self.low, end);
        match self.high {
            None if slope >= 0.0 => self.high = Some(before),
            None if trial.a >= line.last => return Next::Take,
            None => return Next::Try(further(before, end).min(line.last)),
            Some(high) if slope * (high.a - end.a) >= 0.0 => self.high = Some(before),
            Some(_) => {}
        }
        self.inside()
    }
}

impl Zoom {
    fn inside(&self) -> Next {
        let (low, Some(high)) = (self.low, self.high) else { return Next::Stop };
        let w = high.a - low.a;
        if w.abs() <= 1e-15 * low.a.max(high.a) {
            return Next::Stop;
        }
        let by_cubic = cubic(low, high) - low.a;
        let inner = if by_cubic.is_finite() { by_cubic } else { parabola(low, high) };
        let share = (inner / w).clamp(0.1, 0.9);
        Next::Try(low.a + if share.is_nan() { 0.5 } else { share } * w)
    }
}

/// Twice as far again at least, and ten times at most: where the cubic through both ends has its least.
fn further(before: End, end: End) -> f64 {
    let stretch = end.a - before.a;
    let least = cubic(before, end) - end.a;
    let by = if least > 0.0 { least } else { f64::INFINITY };
    end.a + by.clamp(stretch, 9.0 * stretch)
}
