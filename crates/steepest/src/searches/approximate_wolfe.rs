//! Approximate Wolfe conditions by secants: what L-BFGS searches with.
use crate::search::{End, Line, Next, Search, Searching, Trial, parabola};

crate::settings! {
    /// A search by Wolfe's conditions, φ(a) ≤ φ(0) + c₁ a φ′(0) and φ′(a) ≥ c₂ φ′(0), or, where rounding hides the fall of
    /// the value, Hager and Zhang's (2 c₁ − 1) φ′(0) ≥ φ′(a). Secants through the slopes inside a bracket and beyond it, a
    /// parabola where only the value is known; the slope is asked for only where the value is low enough.
    ///
    /// Hager and Zhang 2005, <https://doi.org/10.1137/030601880>.
    "approximate_wolfe" ApproximateWolfe {
        /// c₁, the share of the promised fall that is enough.
        decrease = 1e-4 in 0.0 => 0.5,
        /// c₂, the share of the slope that may be left.
        curvature = 0.9 in 0.0 => 1.0,
    }
}

impl Searching for ApproximateWolfe {
    fn search(self) -> Box<dyn Search> {
        let start = End { a: 0.0, value: f64::NAN, slope: None };
        let line = Line {
            value: f64::NAN,
            slope: f64::NAN,
            length: 1.0,
            last: f64::INFINITY,
            first: true,
        };
        Box::new(Bracket { set: self, line, low: start, high: None })
    }
}

/// A value this near counts as no worse: rounding.
const NEAR: f64 = 1e-13;

struct Bracket {
    set: ApproximateWolfe,
    line: Line,
    low: End,
    high: Option<End>,
}

impl Search for Bracket {
    fn begin(&mut self, line: Line) -> f64 {
        self.line = line;
        (self.low, self.high) = (End { a: 0.0, value: line.value, slope: Some(line.slope) }, None);
        line.last.min(line.length)
    }

    fn next(&mut self, trial: Trial) -> Next {
        let (Line { value: f0, slope: s0, last, .. }, low) = (self.line, self.low);
        let (a, f, near) = (trial.a, trial.value, NEAR * self.line.value.abs());
        if !trial.finite() {
            self.high = Some(End { a, value: f, slope: None });
            return self.within(low.a + 0.1 * (a - low.a));
        }
        let enough = f <= f0 + self.set.decrease * trial.expected;
        if !(enough || f <= f0 + near) || (low.a > 0.0 && f > low.value + near) {
            let high = End { a, value: f, slope: None };
            self.high = Some(high);
            return self.within(self.back(low, high));
        }
        let Some(slope) = trial.slope else { return Next::Slope };
        let flat = slope >= self.set.curvature * s0;
        if flat && (enough || slope <= (2.0 * self.set.decrease - 1.0) * s0) {
            return Next::Take;
        }
        let end = End { a, value: f, slope: Some(slope) };
        if flat {
            self.high = Some(end);
            return self.within(between(low, end));
        }
        self.low = end;
        match self.high {
            None if a >= last => Next::Take,
            None => Next::Try(self.further(low, end).min(last)),
            Some(high) => self.within(between(end, high)),
        }
    }
}

impl Bracket {
    /// A trial inside the bracket, unless that has shrunk to nothing.
    fn within(&self, a: f64) -> Next {
        match self.high {
            Some(high) if (high.a - self.low.a).abs() <= 1e-15 * high.a => Next::Stop,
            _ => Next::Try(a),
        }
    }

    /// Beyond the lower end: the secant through its slope and the one before it.
    fn further(&self, before: End, low: End) -> f64 {
        let stretch = low.a - before.a;
        let (s0, s1) =
            (before.slope.unwrap_or(self.line.slope), low.slope.unwrap_or(self.line.slope));
        let secant = if s1 > s0 { stretch * s0 / (s0 - s1) } else { f64::INFINITY };
        let most = if self.line.first { 100.0 } else { 11.0 };
        before.a + secant.clamp(2.0 * stretch, most * stretch)
    }

    /// Between the lower end and a value too high, by the parabola through both.
    fn back(&self, low: End, high: End) -> f64 {
        let w = high.a - low.a;
        let least = if self.line.first { 0.02 } else { 0.1 };
        low.a + parabola(low, high).clamp(least * w, 0.5 * w)
    }
}

/// Inside a bracket: the secant on the slopes, or the parabola where one of them is not known.
fn between(low: End, high: End) -> f64 {
    let w = high.a - low.a;
    let inner = match (low.slope, high.slope) {
        (Some(s0), Some(s1)) if s1 > s0 => w * s0 / (s0 - s1),
        _ if high.value.is_finite() => parabola(low, high),
        _ => 0.5 * w,
    };
    let inner = if inner.is_finite() { inner } else { 0.5 * w };
    low.a + inner.clamp(0.1 * w, 0.9 * w)
}
