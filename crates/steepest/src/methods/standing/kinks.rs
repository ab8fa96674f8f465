//! Kinks, at which steps have closed in: what can be said of them.
use super::{Standing, View};
use crate::methods::gradient_check::{self, Come, Front, Hull, NEAR};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Of all that F has fallen by: what it would rise by over the whole way at the jumps of slopes that look like a kink.
const SHARP: f64 = 0.01;
/// Noise that is so many times what it was measured to be has grown.
const GROWN: f64 = 10.0;

impl Standing {
    /// Where slopes are steeper than what steps have learned explains, or a look around was `sharp`: whether steps have closed
    /// in on a kink, which is then reported, or stand between some, and whether anything leads lower from there, to what is
    /// in `xn`.
    pub fn closed_in(&mut self, problem: &mut Problem<'_>, sharp: bool) -> Result<Hull, Halt> {
        if self.claims.as_scipy() {
            return Ok(Hull::Whole);
        }
        let counts = |j: usize| self.room(j, -self.g[j]) > 0.0;
        let come = Come {
            way: self.way(problem),
            fallen: self.fallen(),
            hidden: self.hidden(problem),
            abrupt: self.claims.abrupt(&self.x, &self.start, &self.g, counts),
            sharp,
        };
        let metric = vec![f64::NAN; self.n];
        let view = View { metric: &metric, ahead: false, blind: false };
        let found = self.known(problem, view, |problem, at, u, xn| {
            gradient_check::closed_in(problem, at, come, u, xn)
        })?;
        if matches!(found, Hull::Loud) && !self.louder(problem)? {
            return Ok(Hull::Whole);
        }
        Ok(found)
    }

    /// Whether F rose on both sides of the look along d by so much as it does at a kink, for how short a part of the way here
    /// that was: it may be how far it bends, but then it bends more than on the way. What a step could have learned tells
    /// less where differences on both sides of a kink are the same.
    pub fn sharp(&self, problem: &Problem<'_>, front: &Front) -> bool {
        let (way, fallen) = (self.way(problem), self.fallen());
        let share = |j: usize| NEAR * self.d[j].abs() / way[j];
        let part = (0..self.n).map(share).filter(|s| s.is_finite()).fold(0.0, f64::max);
        fallen > 0.0 && part > 0.0 && front.rise > SHARP * part * fallen
    }

    /// Whether the noise of F has grown on the way, as where large terms come to cancel: it is measured again then, and the
    /// slopes where it stands are by what it is there.
    fn louder(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let mut slopes = vec![0.0; self.n];
        let before = problem.accuracy(&mut slopes);
        if !problem.measure_again()? {
            return Ok(false);
        }
        self.f = problem.total_gradient(&self.x[..self.n], &mut self.g[..self.n])?;
        Ok(problem.accuracy(&mut slopes) > GROWN * before)
    }

    /// How far each coordinate has come.
    fn way(&self, problem: &Problem<'_>) -> Vec<f64> {
        let units = problem.units();
        (0..self.n).map(|j| (self.x[j] - self.from[j] / units.length(j)).abs()).collect()
    }

    /// What F has fallen by.
    fn fallen(&self) -> f64 {
        self.first / self.unit - self.f
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
        let mut loud = self.claims.limit(self.f, noise) == Status::NoiseFloor;
        if loud {
            self.scatter();
            let far: Vec<f64> = (0..self.n).map(|j| self.d[j] * self.x[j].abs().max(1.0)).collect();
            let left = self.predicted.unwrap_or(0.0);
            loud = !self.low(problem, &far, left)?
                || self.claims.limit(self.f, noise) == Status::NoiseFloor;
        }
        Ok(loud.then_some(Status::NoiseFloor))
    }
}
