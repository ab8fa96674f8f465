//! Kinks, at which steps have closed in: what can be said of them.
use super::{Standing, View};
use crate::methods::gradient_check::{self, Hull};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Of what F has fallen by and of F itself: no more may be left at a kink that is claimed.
const LEFT: [f64; 2] = [1e-9, 1e-7];
/// What F has to have fallen by, as a part of it, for the start to count as far.
const FAR: f64 = 0.01;

impl Standing {
    /// Where slopes are steeper than what steps have learned explains: whether they have closed in on a kink, which is then
    /// reported, or stand between some, and whether anything leads lower from there, to what is in `xn`.
    pub fn closed_in(&mut self, problem: &mut Problem<'_>) -> Result<Hull, Halt> {
        let counts = |j: usize| self.room(j, -self.g[j]) > 0.0;
        let fallen = self.claims.before(self.claims.steps()) - self.f;
        // From a start that was good already, what is left of slopes is much beside the little that F has fallen by.
        let far = fallen > FAR * self.f.abs() && self.bounds.is_none();
        let rough = problem.offers().differences > 0 && self.n > 1 && far;
        if !self.claims.abrupt(&self.x, &self.start, &self.g, rough, counts) {
            return Ok(Hull::Whole);
        }
        let (mut way, hidden) = (self.way(), self.hidden(problem));
        let enough = (LEFT[0] * fallen).max(LEFT[1] * self.f.abs());
        let metric = vec![f64::NAN; self.n];
        let view = View { metric: &metric, ahead: false, blind: false };
        self.known(problem, view, |problem, at, u, xn| {
            let slopes = gradient_check::kinked(problem, at, &way, hidden, u, xn)?;
            let mut found = if slopes.is_some() { Hull::Open } else { Hull::Whole };
            if rough {
                let still = way.iter_mut().zip(at.lengths).filter(|(way, _)| **way == 0.0);
                still.for_each(|(way, own)| *way = *own);
                match gradient_check::hull(problem, at, &way, enough, u, xn)? {
                    Hull::Open => {}
                    seen => found = seen,
                }
            }
            if let (Hull::Open, Some(slopes)) = (&found, slopes) {
                problem.report(gradient_check::kink(slopes));
            }
            Ok(found)
        })
    }

    /// How far each coordinate has come.
    fn way(&self) -> Vec<f64> {
        (0..self.n).map(|j| (self.x[j] - self.start[j]).abs()).collect()
    }

    /// What is to be said where slopes on both sides were seen to differ however near one looked: a kink, at which in more
    /// than one dimension nothing tells that no way along it leads lower; noise as large as F; or neither.
    pub fn jagged(
        &mut self,
        problem: &mut Problem<'_>,
        view: View<'_>,
    ) -> Result<Option<Status>, Halt> {
        if self.n < 2 || self.claims.as_scipy() {
            return Ok(None);
        }
        let (hidden, lengths) = (self.hidden(problem), self.lengths(view.metric));
        let (kink, noise) = self.known(problem, view, |problem, at, u, xn| {
            let kink = gradient_check::kinked(problem, at, &lengths, hidden, u, xn)?;
            let noise = match kink {
                Some(_) => 0.0,
                None => gradient_check::noise(problem, at, gradient_check::NEAR, xn)?,
            };
            Ok::<_, Halt>((kink, noise))
        })?;
        if let Some(slopes) = kink {
            problem.report(gradient_check::kink(slopes));
            return Ok(Some(Status::Plateau));
        }
        let loud = self.claims.limit(self.f, noise) == Status::NoiseFloor;
        Ok(loud.then_some(Status::NoiseFloor))
    }
}
