//! The path along a direction, bent by bounds, and a search on it.
use crate::linalg::vectors::{self, dot, largest};
use crate::methods::bounds::Bounds;
use crate::problem::Problem;
use crate::search::{Line, Phi, Search, TRIALS, along};
use crate::status::{Halt, Status};

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
    /// The length to try first.
    pub length: f64,
    /// The bounds that bend it.
    pub bounds: Option<&'a Bounds>,
    /// Whether nothing is known yet of the right length.
    pub first: bool,
}

impl Path<'_> {
    /// The length and the value of a point that the search takes, which is left in `xn` with its gradient in `gn`;
    /// none where nothing lower was found.
    pub fn search(
        &self,
        search: &mut dyn Search,
        problem: &mut Problem<'_>,
        xn: &mut [f64],
        gn: &mut [f64],
    ) -> Result<Option<(f64, f64)>, Halt> {
        let last = self.bounds.map_or(f64::INFINITY, |b| b.last_break(self.x, self.d));
        let Path { f: value, slope, length, first, .. } = *self;
        let line = Line { value, slope, length, last, first };
        let mut phi = OnPath { path: self, problem, xn, gn, best: None };
        if let Some(taken) = along(search, line, TRIALS, &mut phi)? {
            return Ok(Some(taken));
        }
        let best = phi.best;
        self.settle(problem, best, xn, gn)
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

/// The values along a path.
struct OnPath<'a, 'p> {
    path: &'a Path<'a>,
    problem: &'a mut Problem<'p>,
    xn: &'a mut [f64],
    gn: &'a mut [f64],
    /// The lowest point below the first: how far out, and its value.
    best: Option<(f64, f64)>,
}

impl Phi for OnPath<'_, '_> {
    type End = Halt;

    fn value(&mut self, a: f64) -> Result<Option<[f64; 2]>, Halt> {
        let OnPath { path, problem, xn, gn, best } = self;
        let n = problem.dim();
        path.go(a, xn);
        if xn[..n] == path.x[..n] {
            return Ok(None);
        }
        let (x, g) = (&xn[..n], &mut gn[..n]);
        let cheap = problem.offers().values_are_cheap;
        let f = if cheap { problem.total(x)? } else { problem.total_gradient(x, g)? };
        if f == f64::NEG_INFINITY {
            return Err(Halt::Status(Status::Unbounded));
        }
        if f < best.map_or(path.f, |b| b.1) {
            *best = Some((a, f));
        }
        Ok(Some([f, path.expected(a, x)]))
    }

    fn slope(&mut self, a: f64) -> Result<f64, Halt> {
        let n = self.problem.dim();
        let (x, g) = (&self.xn[..n], &mut self.gn[..n]);
        if self.problem.offers().values_are_cheap {
            self.problem.total_gradient_there(x, g)?;
        }
        Ok(if largest(g).is_finite() { self.path.slope_at(a, x, g) } else { f64::NAN })
    }
}
