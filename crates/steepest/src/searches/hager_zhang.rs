//! Hager and Zhang's search.
use crate::search::{End, Line, Next, Search, Searching, Trial};

crate::settings! {
    /// Hager and Zhang's search, CG_DESCENT's: a bracket whose ends have slopes of opposite sign shrinks by a secant at
    /// either end at once, until Wolfe's conditions hold, or the approximate ones that see through the rounding of values.
    ///
    /// Hager and Zhang 2005, <https://doi.org/10.1137/030601880>; 2006, <https://doi.org/10.1145/1132973.1132979>.
    "hager_zhang" HagerZhang {
        /// δ, the share of the promised fall that is enough.
        decrease = 0.1 in 0.0 => 0.5,
        /// σ, the share of the slope that may be left.
        curvature = 0.9 in 0.0 => 1.0,
    }
}

impl Searching for HagerZhang {
    fn search(self) -> Box<dyn Search> {
        let none = End { a: 0.0, value: f64::NAN, slope: None };
        Box::new(Secants {
            set: self,
            line: None,
            low: none,
            high: none,
            stage: Stage::Out,
            ends: [none; 2],
        })
    }
}

/// So much higher than the first, relative, a value may lie: rounding.
const NEAR: f64 = 1e-6;
/// How much further out a bracket is looked for, and by how much two secants have to shrink it.
const FURTHER: f64 = 5.0;
const SHRUNK: f64 = 0.66;

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// No upper end yet.
    Out,
    /// The first secant's point was tried, then the second's, then the middle.
    First,
    Second,
    Middle,
}

struct Secants {
    set: HagerZhang,
    line: Option<Line>,
    /// Where the slope leads down and the value is low enough.
    low: End,
    /// Where the slope leads up; without a slope where it leads down from a value that is too high.
    high: End,
    stage: Stage,
    /// Both ends when the secants began.
    ends: [End; 2],
}

impl Search for Secants {
    fn begin(&mut self, line: Line) -> f64 {
        self.line = Some(line);
        self.low = End { a: 0.0, value: line.value, slope: Some(line.slope) };
        self.high = End { a: f64::INFINITY, value: f64::INFINITY, slope: None };
        self.stage = Stage::Out;
        line.length.min(line.last)
    }

    fn next(&mut self, trial: Trial) -> Next {
        let Some(line) = self.line else { return Next::Stop };
        let (a, value) = (trial.a, trial.value);
        if !trial.finite() {
            self.high = End { a, value, slope: None };
            return Next::Try(self.low.a + 0.1 * (a - self.low.a));
        }
        let Some(slope) = trial.slope else { return Next::Slope };
        let (d, near) = (self.set.decrease, value <= line.value + NEAR * line.value.abs());
        let flat = slope >= self.set.curvature * line.slope;
        let wolfe = value <= line.value + d * trial.expected;
        if flat && (wolfe || near && slope <= (2.0 * d - 1.0) * line.slope) {
            return Next::Take;
        }
        let end = End { a, value, slope: Some(slope) };
        if slope >= 0.0 {
            self.high = end;
        } else if near {
            self.low = end;
            if self.high.a == f64::INFINITY {
                return if a >= line.last {
                    Next::Take
                } else {
                    Next::Try((FURTHER * a).min(line.last))
                };
            }
        } else {
            self.high = End { slope: None, ..end };
        }
        if self.high.a - self.low.a <= 1e-15 * self.high.a {
            return Next::Stop;
        }
        if self.high.slope.is_none() {
            // Between a fall and a value too high: halves, until the slopes bracket a minimum.
            return Next::Try(0.5 * (self.low.a + self.high.a));
        }
        self.inside(a)
    }
}

impl Secants {
    /// The next trial of the double secant, after the one at `a`.
    fn inside(&mut self, a: f64) -> Next {
        if self.stage == Stage::First {
            let [low, high] = self.ends;
            let second = if a == self.high.a {
                secant(high, self.high)
            } else if a == self.low.a {
                secant(low, self.low)
            } else {
                f64::NAN
            };
            self.stage = Stage::Second;
            if self.within(second) {
                return Next::Try(second);
            }
        }
        let before = self.ends[1].a - self.ends[0].a;
        if self.stage == Stage::Second && self.high.a - self.low.a > SHRUNK * before {
            return self.middle();
        }
        self.ends = [self.low, self.high];
        let first = secant(self.low, self.high);
        if !self.within(first) {
            return self.middle();
        }
        self.stage = Stage::First;
        Next::Try(first)
    }

    fn middle(&mut self) -> Next {
        self.stage = Stage::Middle;
        Next::Try(0.5 * (self.low.a + self.high.a))
    }

    fn within(&self, a: f64) -> bool {
        a > self.low.a && a < self.high.a
    }
}

/// Where the slopes of both would meet 0.
fn secant(a: End, b: End) -> f64 {
    let (Some(s0), Some(s1)) = (a.slope, b.slope) else { return f64::NAN };
    (a.a * s1 - b.a * s0) / (s1 - s0)
}
