//! Moré and Thuente's search.
use crate::search::{Line, Next, Search, Searching, Trial};

crate::settings! {
    /// Moré and Thuente's search for φ(a) ≤ φ(0) + c₁ a φ′(0) and |φ′(a)| ≤ c₂ |φ′(0)|: an interval that is known to hold
    /// such a point shrinks by cubics and secants that are chosen by how values and slopes lie; as long as the value has
    /// not fallen by enough, of φ(a) − c₁ a φ′(0) in φ's place. MINPACK's, and that of L-BFGS-B.
    ///
    /// Moré and Thuente 1994, <https://doi.org/10.1145/192115.192132>.
    "more_thuente" MoreThuente {
        /// c₁, the share of the promised fall that is enough.
        decrease = 1e-4 in 0.0 => 0.5,
        /// c₂, the share of the slope that may be left.
        curvature = 0.9 in 0.0 => 1.0,
    }
}

impl Searching for MoreThuente {
    fn search(self) -> Box<dyn Search> {
        Box::new(Interval::new(self))
    }
}

/// A length with φ and φ′ there, or with the auxiliary function's.
#[derive(Clone, Copy, Debug, Default)]
struct TrialPoint {
    a: f64,
    f: f64,
    d: f64,
}

impl TrialPoint {
    /// The auxiliary function φ(a) − slope · a.
    fn less(self, slope: f64) -> TrialPoint {
        TrialPoint { f: self.f - slope * self.a, d: self.d - slope, ..self }
    }
}

struct Interval {
    set: MoreThuente,
    line: Option<Line>,
    /// The end with the lowest value, and the other.
    best: TrialPoint,
    other: TrialPoint,
    bracketed: bool,
    /// Whether the auxiliary function stands for φ.
    first: bool,
    /// The last two widths.
    widths: [f64; 2],
    /// Between these the next trial has to lie.
    range: [f64; 2],
}

/// How far a trial may go beyond the next, in stretches from the best.
const BEYOND: [f64; 2] = [1.1, 4.0];

impl Interval {
    fn new(set: MoreThuente) -> Self {
        let none = TrialPoint::default();
        Interval {
            set,
            line: None,
            best: none,
            other: none,
            bracketed: false,
            first: true,
            widths: [f64::INFINITY; 2],
            range: [0.0, f64::INFINITY],
        }
    }
}

impl Search for Interval {
    fn begin(&mut self, line: Line) -> f64 {
        let start = TrialPoint { a: 0.0, f: line.value, d: line.slope };
        let a = line.length.min(line.last);
        *self = Interval {
            line: Some(line),
            best: start,
            other: start,
            range: [0.0, a + BEYOND[1] * a],
            ..Interval::new(self.set)
        };
        a
    }

    fn next(&mut self, trial: Trial) -> Next {
        let Some(line) = self.line else { return Next::Stop };
        if !trial.value.is_finite() || trial.slope.is_some_and(|s| !s.is_finite()) {
            // An end of the line, short of which the search goes on.
            self.line = Some(Line { last: line.last.min(trial.a), ..line });
            return Next::Try(self.best.a + 0.1 * (trial.a - self.best.a));
        }
        let Some(slope) = trial.slope else { return Next::Slope };
        let now = TrialPoint { a: trial.a, f: trial.value, d: slope };
        let promised = self.set.decrease * line.slope;
        let enough = now.f <= line.value + self.set.decrease * trial.expected;
        if enough && slope.abs() <= -self.set.curvature * line.slope {
            return Next::Take;
        }
        if now.a >= line.last && enough && slope <= promised {
            return Next::Take;
        }
        self.first &= !(enough && slope >= 0.0);
        let a = if self.first && now.f <= self.best.f && !enough {
            // By the auxiliary function, and back.
            let (mut best, mut other) = (self.best.less(promised), self.other.less(promised));
            let a =
                shrink(&mut best, &mut other, now.less(promised), &mut self.bracketed, self.range);
            (self.best, self.other) = (best.less(-promised), other.less(-promised));
            a
        } else {
            shrink(&mut self.best, &mut self.other, now, &mut self.bracketed, self.range)
        };
        self.then(a, line.last)
    }
}

impl Interval {
    /// The next trial: where the interval shrinks too slowly its middle.
    fn then(&mut self, mut a: f64, last: f64) -> Next {
        let (best, other) = (self.best.a, self.other.a);
        if self.bracketed {
            let width = (other - best).abs();
            if width >= 0.66 * self.widths[1] {
                a = best + 0.5 * (other - best);
            }
            self.widths = [width, self.widths[0]];
            self.range = [best.min(other), best.max(other)];
            if !(a > self.range[0] && a < self.range[1]) || width <= 1e-15 * self.range[1] {
                return Next::Stop;
            }
        } else {
            self.range = BEYOND.map(|times| a + times * (a - best));
        }
        Next::Try(a.min(last))
    }
}

/// Takes a trial into the interval, and says where to try next: MINPACK's `dcstep`.
fn shrink(
    best: &mut TrialPoint,
    other: &mut TrialPoint,
    now: TrialPoint,
    bracketed: &mut bool,
    [low, high]: [f64; 2],
) -> f64 {
    let opposite = now.d * best.d.signum() < 0.0;
    // The cubic through both, by its value s, its discriminant and the signs of the slopes.
    let theta = 3.0 * (best.f - now.f) / (now.a - best.a) + best.d + now.d;
    let s = theta.abs().max(best.d.abs()).max(now.d.abs());
    let root = |v: f64| s * v.max(0.0).sqrt();
    let discriminant = (theta / s).powi(2) - (best.d / s) * (now.d / s);
    let secant = now.a + now.d / (now.d - best.d) * (best.a - now.a);
    let a = if now.f > best.f {
        let gamma = root(discriminant).copysign(now.a - best.a);
        let r = (gamma - best.d + theta) / (2.0 * gamma - best.d + now.d);
        let by_cubic = best.a + r * (now.a - best.a);
        let bend = (best.f - now.f) / (now.a - best.a) + best.d;
        let by_parabola = best.a + best.d / bend / 2.0 * (now.a - best.a);
        *bracketed = true;
        if (by_cubic - best.a).abs() < (by_parabola - best.a).abs() {
            by_cubic
        } else {
            by_cubic + (by_parabola - by_cubic) / 2.0
        }
    } else if opposite {
        let gamma = root(discriminant).copysign(best.a - now.a);
        let r = (gamma - now.d + theta) / (2.0 * gamma - now.d + best.d);
        let by_cubic = now.a + r * (best.a - now.a);
        *bracketed = true;
        if (by_cubic - now.a).abs() > (secant - now.a).abs() { by_cubic } else { secant }
    } else if now.d.abs() < best.d.abs() {
        let gamma = root(discriminant).copysign(best.a - now.a);
        let r = (gamma - now.d + theta) / (gamma + (best.d - now.d) + gamma);
        let by_cubic = if r < 0.0 && gamma != 0.0 {
            now.a + r * (best.a - now.a)
        } else if now.a > best.a {
            high
        } else {
            low
        };
        let nearer = (by_cubic - now.a).abs() < (secant - now.a).abs();
        if *bracketed {
            let a = if nearer { by_cubic } else { secant };
            let limit = now.a + 0.66 * (other.a - now.a);
            if now.a > best.a { a.min(limit) } else { a.max(limit) }
        } else {
            (if nearer { secant } else { by_cubic }).clamp(low, high)
        }
    } else if *bracketed {
        let theta = 3.0 * (now.f - other.f) / (other.a - now.a) + other.d + now.d;
        let s = theta.abs().max(other.d.abs()).max(now.d.abs());
        let gamma = s * ((theta / s).powi(2) - (other.d / s) * (now.d / s)).max(0.0).sqrt();
        let gamma = gamma.copysign(other.a - now.a);
        let r = (gamma - now.d + theta) / (2.0 * gamma - now.d + other.d);
        now.a + r * (other.a - now.a)
    } else if now.a > best.a {
        high
    } else {
        low
    };
    if now.f > best.f {
        *other = now;
    } else {
        if opposite {
            *other = *best;
        }
        *best = now;
    }
    a
}
