//! How far to go: a line search along the projected path, by approximate Wolfe conditions (Hager and Zhang 2005).
use super::bounds::Bounds;
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::vectors::{self, dot, largest};

/// Sufficient decrease.
const C1: f64 = 1e-4;
/// Sufficient flattening.
const C2: f64 = 0.9;
/// A value this near counts as no worse: rounding.
const NEAR: f64 = 1e-13;
const TRIALS: usize = 40;

/// The path from x along d.
pub struct Path<'a> {
    /// Where it begins.
    pub x: &'a [f64],
    /// The gradient there.
    pub g: &'a [f64],
    /// The direction.
    pub d: &'a [f64],
    /// The value there.
    pub f: f64,
    /// g'd, below 0.
    pub slope: f64,
    /// The bounds that bend it.
    pub bounds: Option<&'a Bounds>,
    /// Whether nothing is known yet of the right length.
    pub first: bool,
}

/// A point on the path; the slope where it was asked for.
#[derive(Clone, Copy)]
struct End {
    a: f64,
    f: f64,
    slope: Option<f64>,
}

enum Judged {
    Accept,
    Low(f64),
    High(Option<f64>),
}

impl Path<'_> {
    /// The length and the value of an acceptable point, which is left in `xn` with its gradient in `gn`;
    /// none where nothing lower was found.
    pub fn search(
        &self,
        problem: &mut Problem<'_>,
        xn: &mut [f64],
        gn: &mut [f64],
    ) -> Result<Option<(f64, f64)>, Halt> {
        let n = problem.dim();
        let last = self.bounds.map_or(f64::INFINITY, |b| b.last_break(self.x, self.d));
        let (mut low, mut high) = (End { a: 0.0, f: self.f, slope: Some(self.slope) }, None);
        let mut best: Option<(f64, f64)> = None;
        let mut a = last.min(1.0);
        for _ in 0..TRIALS {
            self.go(a, xn);
            if xn[..n] == self.x[..n] {
                break;
            }
            let together = !problem.offers().values_are_cheap;
            let f = self.value(problem, together, &mut xn[..n], &mut gn[..n])?;
            if f < best.map_or(self.f, |b| b.1) {
                best = Some((a, f));
            }
            let judged = self.judge(problem, together, a, f, low, &xn[..n], &mut gn[..n])?;
            let next = match judged {
                None => {
                    high = Some(End { a, f, slope: None });
                    low.a + 0.1 * (a - low.a)
                }
                Some(Judged::Accept) => return Ok(Some((a, f))),
                Some(Judged::Low(slope)) => {
                    let before = std::mem::replace(&mut low, End { a, f, slope: Some(slope) });
                    match high {
                        None if a >= last => return Ok(Some((a, f))),
                        None => self.further(before, low).min(last),
                        Some(high) => between(low, high),
                    }
                }
                Some(Judged::High(slope)) => {
                    let end = End { a, f, slope };
                    high = Some(end);
                    if slope.is_some() { between(low, end) } else { self.back(low, end) }
                }
            };
            a = next;
            if let Some(high) = high
                && (high.a - low.a).abs() <= 1e-15 * high.a
            {
                break;
            }
        }
        self.settle(problem, best, xn, gn)
    }

    /// The value at the trial point; with its gradient where they come together.
    fn value(
        &self,
        problem: &mut Problem<'_>,
        together: bool,
        xn: &mut [f64],
        gn: &mut [f64],
    ) -> Result<f64, Halt> {
        let f = if together { problem.total_gradient(xn, gn)? } else { problem.total(xn)? };
        if f == f64::NEG_INFINITY {
            return Err(Halt::Status(Status::Unbounded));
        }
        Ok(f)
    }

    /// What the trial at `a` is good for; none where it is not finite.
    #[allow(clippy::too_many_arguments)]
    fn judge(
        &self,
        problem: &mut Problem<'_>,
        together: bool,
        a: f64,
        f: f64,
        low: End,
        xn: &[f64],
        gn: &mut [f64],
    ) -> Result<Option<Judged>, Halt> {
        if !f.is_finite() {
            return Ok(None);
        }
        let expected = self.expected(a, xn);
        let armijo = f <= self.f + C1 * expected;
        let near = f <= self.f + NEAR * self.f.abs();
        if !(armijo || near) || (low.a > 0.0 && f > low.f + NEAR * self.f.abs()) {
            return Ok(Some(Judged::High(None)));
        }
        if !together {
            problem.total_gradient_there(xn, gn)?;
        }
        if !largest(gn).is_finite() {
            return Ok(None);
        }
        let slope = self.slope_at(a, xn, gn);
        let flat = slope >= C2 * self.slope;
        if flat && (armijo || slope <= (2.0 * C1 - 1.0) * self.slope) {
            return Ok(Some(Judged::Accept));
        }
        Ok(Some(if flat { Judged::High(Some(slope)) } else { Judged::Low(slope) }))
    }

    fn go(&self, a: f64, xn: &mut [f64]) {
        vectors::ahead(self.x, a, self.d, xn);
        if let Some(bounds) = self.bounds {
            bounds.project(xn);
        }
    }

    /// The decrease that the slope promises for the way actually gone.
    fn expected(&self, a: f64, xn: &[f64]) -> f64 {
        if self.bounds.is_some() {
            let gone: f64 = self.g.iter().zip(xn).zip(self.x).map(|((g, n), x)| g * (n - x)).sum();
            if gone < 0.0 {
                return gone;
            }
        }
        a * self.slope
    }

    /// The slope of the path at `a`: coordinates that stand at their bound no longer move.
    fn slope_at(&self, a: f64, xn: &[f64], gn: &[f64]) -> f64 {
        let n = xn.len();
        if self.bounds.is_none() {
            return dot(&gn[..n], &self.d[..n]);
        }
        (0..n).filter(|&j| xn[j] == self.x[j] + a * self.d[j]).map(|j| gn[j] * self.d[j]).sum()
    }

    /// Beyond the lower end: the secant through its slope and the one before it.
    fn further(&self, before: End, low: End) -> f64 {
        let stretch = low.a - before.a;
        let (s0, s1) = (before.slope.unwrap_or(self.slope), low.slope.unwrap_or(self.slope));
        let secant = if s1 > s0 { stretch * s0 / (s0 - s1) } else { f64::INFINITY };
        let most = if self.first { 100.0 } else { 11.0 };
        before.a + secant.clamp(2.0 * stretch, most * stretch)
    }

    /// Between the lower end and a value too high, by the parabola through both.
    fn back(&self, low: End, high: End) -> f64 {
        let w = high.a - low.a;
        let least = if self.first { 0.02 } else { 0.1 };
        low.a + parabola(low, high).clamp(least * w, 0.5 * w)
    }

    /// Nothing was acceptable: the lowest point there was, if any was lower.
    fn settle(
        &self,
        problem: &mut Problem<'_>,
        best: Option<(f64, f64)>,
        xn: &mut [f64],
        gn: &mut [f64],
    ) -> Result<Option<(f64, f64)>, Halt> {
        let n = problem.dim();
        let Some((a, _)) = best else { return Ok(None) };
        self.go(a, xn);
        let f = problem.total_gradient(&xn[..n], &mut gn[..n])?;
        let sound = f < self.f && largest(&gn[..n]).is_finite();
        Ok(sound.then_some((a, f)))
    }
}

/// How far from `low` the parabola through its value and slope and the other value has its least.
fn parabola(low: End, high: End) -> f64 {
    let w = high.a - low.a;
    let slope = low.slope.unwrap_or(0.0);
    let bend = high.f - low.f - slope * w;
    let least = -0.5 * slope * w * w / bend;
    if least.is_finite() { least } else { 0.5 * w }
}

/// Inside a bracket: the secant on the slopes, or the parabola where one of them is not known.
fn between(low: End, high: End) -> f64 {
    let w = high.a - low.a;
    let inner = match (low.slope, high.slope) {
        (Some(s0), Some(s1)) if s1 > s0 => w * s0 / (s0 - s1),
        _ if high.f.is_finite() => parabola(low, high),
        _ => 0.5 * w,
    };
    let inner = if inner.is_finite() { inner } else { 0.5 * w };
    low.a + inner.clamp(0.1 * w, 0.9 * w)
}
