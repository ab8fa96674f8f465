//! How far from standing still: the residual, and the certificate `estimated` that rests on it.
use crate::certificate::{Certificate, Kind};
use crate::linalg::vectors::dot;
use crate::method::Step;
use crate::methods::seen::Seen;
use crate::problem::Problem;
use crate::status::Status;

/// Steps whose curvature is remembered.
const REMEMBERED: usize = 10;

/// The longest inverse curvature seen along the last steps, s = ‖Δx‖² / |⟨Δx, Δg⟩| (Barzilai and Borwein): a quadratic
/// with that curvature would lie ½ s ‖g‖² above its least value. In a narrow valley steps go across and see the steep
/// side alone, so what the value still does has a say too.
#[derive(Clone, Debug, Default)]
pub(super) struct Still {
    x: Vec<f64>,
    g: Vec<f64>,
    inverse: Vec<f64>,
    /// The least value after each step.
    least: Vec<f64>,
    /// ‖g‖², without what pushes against a bound.
    square: f64,
    /// What the steps told of each coordinate.
    pub seen: Seen,
    /// What the slopes at both ends of the last step foretold of its change, and the change.
    pub foretold: [f64; 2],
    value: f64,
}

crate::state!(Still { x: vector, g: vector, inverse, least, square, seen, foretold, value });

impl Still {
    pub fn begin(&mut self, problem: &Problem<'_>, x: &[f64], g: &[f64], value: f64) {
        (self.seen, self.value) = (Seen::new(x.len()), value);
        (self.x, self.g) = (x.to_vec(), g.to_vec());
        self.square = free_square(problem, x, g);
    }
    /// Looks at a new point.
    pub fn look(&mut self, problem: &Problem<'_>, x: &[f64], g: &[f64], value: f64) {
        self.least.push(self.least.last().map_or(value, |l| l.min(value)));
        let (mut dx2, mut dxg) = (0.0, 0.0);
        let s: Vec<f64> = x.iter().zip(&self.x).map(|(x, x0)| x - x0).collect();
        self.foretold = [0.5 * (dot(&s, &self.g) + dot(&s, g)), value - self.value];
        self.value = value;
        self.seen.step(&s, &self.g, g);
        for (((x, g), x0), g0) in x.iter().zip(g).zip(&mut self.x).zip(&mut self.g) {
            let d = x - *x0;
            dx2 += d * d;
            dxg += d * (g - *g0);
            (*x0, *g0) = (*x, *g);
        }
        if dx2 > 0.0 && dxg != 0.0 {
            if self.inverse.len() == REMEMBERED {
                self.inverse.remove(0);
            }
            self.inverse.push(dx2 / dxg.abs());
        }
        self.square = free_square(problem, x, g);
    }
    /// The estimate of F(x) − F*; infinite before the first step, 0 where the gradient is.
    pub fn gap(&self) -> f64 {
        if self.square == 0.0 {
            return 0.0;
        }
        let longest = self.inverse.iter().fold(f64::NAN, |m, &s| m.max(s));
        if longest.is_nan() {
            f64::INFINITY
        } else {
            (0.5 * longest * self.square).max(self.to_fall())
        }
    }
    /// What is still to fall if it goes on as in the last two eighths of the steps: a geometric series.
    fn to_fall(&self) -> f64 {
        let n = self.least.len();
        let part = n / 8;
        if part < 2 {
            return 0.0;
        }
        let back = |k: usize| self.least[n - 1 - k * part];
        let (before, last) = (back(2) - back(1), back(1) - back(0));
        if last <= 0.0 {
            return 0.0;
        }
        if last < before { last * last / (before - last) } else { f64::INFINITY }
    }
    /// The step that led here; converged where the estimate is within the tolerance.
    pub fn step(
        &self,
        problem: &Problem<'_>,
        value: f64,
        start: f64,
        rate: f64,
        ended: bool,
    ) -> Step {
        let gap = self.gap();
        let target = target(problem, value, start);
        let certificate = Certificate {
            kind: Kind::Estimated,
            bound: gap,
            target,
            rounding: 0.0,
            assumption: "the curvature seen along the last steps is that between here and the nearest minimum",
        };
        let converged = gap <= target && value.is_finite();
        // The root, as the residual of a slope is: 1 where nothing is known, or the tolerance is met.
        let residual =
            if gap.is_finite() { (gap / target.max(f64::MIN_POSITIVE)).sqrt() } else { 1.0 };
        let unit = problem.units().value();
        let certificate = Certificate {
            bound: certificate.bound * unit,
            target: certificate.target * unit,
            ..certificate
        };
        Step {
            violation: 0.0,
            value: value * unit,
            residual: if converged { residual.min(1.0) } else { residual },
            rate,
            verdict: converged.then_some(Status::Converged),
            sampled: false,
            certificate: (converged || ended).then_some(certificate),
        }
    }
}

/// What the estimate is held against: a hundredth of the tolerance, for nothing proves it, of F or of what it has fallen
/// by where that is less (F may stand on anything), and no less than rounding.
pub(super) fn target(problem: &Problem<'_>, value: f64, start: f64) -> f64 {
    let size = (1e-2 * value.abs().min((start - value).max(0.0))).max(1e-12 * start.abs());
    (problem.tolerance() * size).max(16.0 * f64::EPSILON * value.abs())
}

fn free_square(problem: &Problem<'_>, x: &[f64], g: &[f64]) -> f64 {
    if problem.penalty().offers().smooth {
        return dot(g, g);
    }
    let free = |(j, (x, g)): (usize, (&f64, &f64))| {
        let (low, high) = problem.penalty().bounds(j);
        let blocked = (*x <= low && *g > 0.0) || (*x >= high && *g < 0.0);
        if blocked { 0.0 } else { g * g }
    };
    x.iter().zip(g).enumerate().map(free).sum()
}
