//! A run that began as low as it ends: how large F is has to be looked at.
use super::{PRODUCTS, Standing, View};
use crate::methods::gradient_check::{self, Gap};
use crate::problem::Problem;
use crate::status::Halt;

impl Standing {
    /// What is left where no step has told anything of the curvature, and the step to there: by the function's own, which is
    /// looked at.
    pub fn left(
        &mut self,
        problem: &mut Problem<'_>,
        view: View<'_>,
    ) -> Result<(f64, Vec<f64>), Halt> {
        if !self.verify {
            return Ok((f64::INFINITY, Vec::new()));
        }
        let lengths = self.lengths(view.metric);
        let gap = self.known(problem, view, |problem, at, d, xn| {
            gradient_check::gap(problem, at, PRODUCTS, f64::INFINITY, d, xn)
        })?;
        let left = if let Gap::Left(left) = gap { left } else { f64::INFINITY };
        Ok((left, lengths.iter().zip(&self.d[..]).map(|(l, d)| l * d).collect()))
    }

    /// What slopes change F by over a variable's own length, of each together.
    pub fn by_slopes(&self) -> f64 {
        let free = |j: usize| self.room(j, -self.g[j]) > 0.0;
        (0..self.n).filter(|&j| free(j)).map(|j| self.g[j].abs() * self.own(j)).sum()
    }

    /// The own length of a variable.
    fn own(&self, j: usize) -> f64 {
        if self.plain { self.x[j].abs() } else { self.x[j].abs().max(1.0) }
    }

    /// Whether it began so low that all of F is next to nothing of what it is a variable's own length away, both ways along
    /// the step that is left. Four values. The rise is to be a parabola's: a kink, a wall and what is not finite tell no
    /// height. And what is `left` has to be some of F, or it is that of a steep valley's sides, and F that of its floor.
    pub fn low(
        &mut self,
        problem: &mut Problem<'_>,
        step: &[f64],
        left: f64,
    ) -> Result<bool, Halt> {
        /// How much nearer the second look is, and what it has to rise by of the first, beside the square of that.
        const NEARER: f64 = 1e-3;
        const ALIKE: f64 = 1e-2;
        /// What has to be left of F, and what slopes may make of the height.
        const FORETOLD: f64 = 1e-4;
        const SLIGHT: f64 = 1e-8;
        if !self.verify || self.claims.as_scipy() || !(left >= FORETOLD * self.f.abs()) {
            return Ok(false);
        }
        let one = |(j, by): (usize, &f64)| {
            let free = self.room(j, 1.0).min(self.room(j, -1.0)) > 0.0;
            let own = self.own(j);
            if free && own > 0.0 { (*by, by.abs() / own) } else { (0.0, 0.0) }
        };
        let steps: Vec<(f64, f64)> = step.iter().enumerate().map(one).collect();
        let most = steps.iter().fold(0.0, |most: f64, (_, share)| most.max(*share));
        if most == 0.0 {
            return Ok(false);
        }
        let mut rise = [f64::INFINITY; 2];
        for (rise, share) in rise.iter_mut().zip([1.0, NEARER]) {
            for side in [share, -share] {
                for (j, (by, _)) in steps.iter().enumerate() {
                    self.xn[j] = self.x[j] + side * by / most;
                }
                if let Some(b) = &self.bounds {
                    b.project(&mut self.xn);
                }
                let f = problem.total(&self.xn[..self.n])?;
                *rise = rise.min(if f.is_finite() { f - self.f } else { f64::NEG_INFINITY });
            }
        }
        let [height, near] = rise;
        let square = NEARER * NEARER * height;
        let parabola = near >= ALIKE * square && near <= square / ALIKE;
        let low = height > 0.0
            && parabola
            && self.claims.nothing_of(self.f, height)
            && self.by_slopes() <= SLIGHT * height;
        if low {
            self.claims.saw(self.f + height);
        }
        Ok(low)
    }
}
