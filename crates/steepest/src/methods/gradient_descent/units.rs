//! The units of the variables, once more where steps tell that those of the start no longer fit.
use super::Work;
use crate::linalg::vectors::largest;
use crate::methods::standing::FAR;
use crate::problem::Problem;

/// Steps before curvatures are looked at: after so many, twice as many, …
const FIRST: usize = 32;
/// Curvatures further apart than this are those of units that do not fit.
const APART: f64 = 1e6;

/// The bounds, in the problem's units.
pub(super) fn ranges(problem: &Problem<'_>, n: usize) -> Vec<[f64; 2]> {
    let one = |j: usize| {
        let ((low, high), l) = (problem.penalty().bounds(j), problem.units().length(j));
        [low / l, high / l]
    };
    (0..n).map(one).collect()
}

impl Work {
    /// Where F bends far more along some coordinates than along others, they are measured anew, so that it bends alike along
    /// all: of x − ln x from 100, and from 0.002, the sizes at the start say nothing any more at the least value.
    pub(super) fn fit_units(&mut self, problem: &mut Problem<'_>) {
        let due = self.steps >= FIRST && self.steps.is_power_of_two();
        if !due || !problem.scalable() || !(self.smooth || self.ranges.is_some()) {
            return;
        }
        let metric = self.seen.metric();
        let known = || metric.iter().copied().filter(|d| d.is_normal());
        let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(0.0, f64::max));
        if !(high > APART * low) {
            return;
        }
        let middle = (low.log2() / 2.0 + high.log2() / 2.0).exp2();
        let by: Vec<f64> = metric.iter().map(|d| (d / middle).sqrt()).collect();
        let units = problem.units().stretched(&by);
        let factors: Vec<f64> =
            (0..self.n).map(|j| units.length(j) / problem.units().length(j)).collect();
        problem.set_units(units);
        for (j, factor) in factors.iter().enumerate() {
            self.x[j] /= factor;
            self.start[j] /= factor;
            self.g[j] *= factor;
        }
        self.seen.stretch(&factors);
        if self.ranges.is_some() {
            self.ranges = Some(ranges(problem, self.n));
        }
        self.reach = FAR * largest(&self.x).max(1.0);
        self.plain = false;
        self.bent = Some(middle);
    }

    /// max |x − P(x − ∇F)| as it is outside of all units: SciPy's residual.
    pub(super) fn outside(&mut self, problem: &Problem<'_>) -> f64 {
        if !(self.smooth || self.ranges.is_some()) {
            return self.prox_step(problem, self.unit).0;
        }
        let one = |j: usize| {
            let l = problem.units().length(j);
            let step = -self.g[j] * self.unit / l / l;
            let [low, high] = match &self.ranges {
                Some(ranges) => ranges[j],
                None => [f64::NEG_INFINITY, f64::INFINITY],
            };
            l * step.clamp((low - self.x[j]).min(0.0), (high - self.x[j]).max(0.0)).abs()
        };
        (0..self.n).map(one).fold(0.0, f64::max)
    }
}
