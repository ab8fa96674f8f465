//! When it says that it is done: what it claims, what it looks at before, and where that leads.
use super::{ESCAPES, PRODUCTS, Work, evaluate};
use crate::linalg::vectors::{self, dot, largest};
use crate::method::Step;
use crate::methods::convergence::{Sight, WayBack};
use crate::methods::gradient_check::{self, Come, Doubt, Gap, Hull, Known, room};
use crate::problem::Problem;
use crate::status::{Halt, Status};

impl Work {
    pub(super) fn sight(&self, problem: &mut Problem<'_>) -> Sight {
        self.claims.looking_back(self.seen(), || self.way_back(problem))
    }

    pub(super) fn seen(&self) -> Sight {
        Sight::new(self.f, self.residual, self.predicted)
    }

    /// None where the slopes are of F without its penalty.
    fn way_back(&self, problem: &mut Problem<'_>) -> Option<WayBack> {
        let (n, offers) = (self.n, problem.penalty().offers());
        (offers.smooth || offers.bounds).then(|| {
            let (noise, room) = (problem.noise_of_slopes(n), room(problem, &self.x[..n]));
            let free = |j: usize| room[j][usize::from(self.g[j] < 0.0)] > 0.0;
            WayBack::new(&self.g[..n], &noise, &self.x, &self.start, free)
        })
    }

    /// Where no step lowers F, and so much is left: the verdict.
    fn at_rest(&self, problem: &mut Problem<'_>, left: f64, explained: f64) -> Status {
        let held = Sight { predicted: Some(left), back: self.way_back(problem), ..self.seen() };
        self.claims.held_at_rest(held, explained)
    }

    pub(super) fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        verdict: Status,
        explained: f64,
    ) -> Result<Step, Halt> {
        if self.verify {
            gradient_check::scattered(self.n, &mut self.s);
            gradient_check::onward(&self.start, &self.x, &mut self.s);
            let mut doubt = self.look(problem)?;
            if matches!(doubt, Doubt::None | Doubt::Kink(_))
                && self.seen.unmoved(&mut self.s[..self.n])
            {
                doubt = self.look(problem)?;
            }
            if matches!(doubt, Doubt::None | Doubt::Kink(_))
                && self.escapes > 0
                && self.seen.blind()
            {
                doubt = self.known(problem, |problem, at, _, xn| {
                    gradient_check::look_along_each(problem, at, xn)
                })?;
            }
            match doubt {
                Doubt::Inconsistent(status) => return Ok(self.ended(status)),
                Doubt::Lower => return self.escape(problem),
                Doubt::Stairs if self.seen.blind() => return Ok(self.ended(Status::Plateau)),
                _ if self.below(problem)? || self.curved(problem)? => return self.escape(problem),
                // Slopes that were the same wherever they were asked for, though lower points were found beside, tell nothing.
                _ if self.escapes > 0 && self.seen.blind() => {
                    return Ok(self.ended(Status::Plateau));
                }
                _ => {}
            }
            let enough = match verdict {
                Status::Converged => {
                    self.claims.fine(self.f, self.predicted.unwrap_or(f64::INFINITY))
                }
                _ => self.claims.small(self.f).max(explained),
            };
            if !self.claims.as_scipy() && self.predicted != Some(0.0) {
                match self.gap(problem, enough)? {
                    Gap::Left(left) => {
                        self.predicted = Some(left);
                        if self.beyond(problem, left)? {
                            return self.escape(problem);
                        }
                    }
                    Gap::Down => match self.look(problem)? {
                        Doubt::Lower => return self.escape(problem),
                        _ => self.predicted = None,
                    },
                }
            }
            let near =
                |p: f64| p <= enough || verdict != Status::Converged && self.near(p, explained);
            let sight = self.sight(problem);
            let hasty = verdict == Status::Converged && self.claims.hasty(sight);
            if (!self.predicted.is_some_and(near) || hasty) && !self.claims.as_scipy() {
                // The steps have seen the steep side alone: on, and a later look.
                self.patience = self.steps + self.steps / 4 + 10;
                return Ok(if verdict == Status::Converged {
                    self.here()
                } else {
                    self.ended(Status::Plateau)
                });
            }
        }
        match self.closed_in(problem)? {
            Hull::Lower => return self.escape(problem),
            Hull::Open => {
                self.predicted = None;
                return Ok(self.ended(Status::Plateau));
            }
            Hull::Whole | Hull::Loud => {}
        }
        let certificate = Some(self.claims.certificate(
            self.seen(),
            verdict == Status::PrecisionLimit,
            explained,
        ));
        Ok(Step { certificate, ..self.ended(verdict) })
    }

    /// Whether steps have closed in on a kink, and whether anything leads lower from there. Within bounds or free alike.
    fn closed_in(&mut self, problem: &mut Problem<'_>) -> Result<Hull, Halt> {
        if !self.verify || self.claims.as_scipy() {
            return Ok(Hull::Whole);
        }
        let room = room(problem, &self.x[..self.n]);
        let counts = |j: usize| room[j][usize::from(self.g[j] < 0.0)] > 0.0;
        let come = Come {
            way: (0..self.n).map(|j| (self.x[j] - self.start[j]).abs()).collect(),
            fallen: self.claims.before(self.claims.steps()) - self.f,
            hidden: 4.0 * self.differenced(problem),
            abrupt: self.claims.abrupt(&self.x, &self.start, &self.g, counts),
            sharp: true,
        };
        self.known(problem, |problem, at, u, xn| {
            gradient_check::closed_in(problem, at, come, u, xn)
        })
    }

    /// Goes on from the lower point in `xn`.
    pub(super) fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.escapes += 1;
        let n = self.n;
        let f = evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?;
        if f == f64::NEG_INFINITY {
            return Ok(self.ended(Status::Unbounded));
        }
        if !(f < self.f && largest(&self.gn).is_finite()) || self.escapes > ESCAPES {
            return Ok(self.ended(Status::Plateau));
        }
        vectors::minus(&self.xn, &self.x, &mut self.s);
        let ss = dot(&self.s, &self.s);
        self.take(problem, f, ss);
        Ok(self.here())
    }

    /// No step lowers the value any more.
    pub(super) fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.n;
        if self.verify && problem.sharpen()? {
            self.f = evaluate(problem, self.smooth, &self.x[..n], &mut self.g[..n])?;
            return self.stand(problem);
        }
        if !self.verify {
            let left = self.predicted.unwrap_or(f64::INFINITY);
            let explained = self.claims.rounding(self.f);
            let verdict = self.at_rest(problem, left, explained);
            let certificate = Some(self.claims.certificate(
                self.seen(),
                verdict == Status::PrecisionLimit,
                explained,
            ));
            return Ok(Step {
                certificate: certificate.filter(|_| verdict.success()),
                ..self.ended(verdict)
            });
        }
        let mut explained = self.claims.rounding(self.f).max(self.differenced(problem));
        let left = match self.gap(problem, f64::INFINITY)? {
            Gap::Left(left) => left,
            Gap::Down => f64::INFINITY,
        };
        self.predicted = left.is_finite().then_some(left);
        if left > explained && left.is_finite() {
            explained = explained.max(self.noise(problem)?);
        }
        let verdict = self.at_rest(problem, left, explained);
        if verdict == Status::PrecisionLimit {
            return self.claim(problem, verdict, explained);
        }
        if verdict == Status::NoiseFloor {
            return Ok(self.stuck(verdict, explained));
        }
        self.downhill(problem);
        let mut doubt = self.look(problem)?;
        if matches!(doubt, Doubt::None) {
            gradient_check::scattered(self.n, &mut self.s);
            doubt = self.look(problem)?;
        }
        match doubt {
            Doubt::Inconsistent(status) => return Ok(self.ended(status)),
            Doubt::Kink(slopes) => problem.report(gradient_check::kink(slopes)),
            Doubt::Lower => return self.escape(problem),
            Doubt::None | Doubt::Stairs => {}
        }
        Ok(self.stuck(Status::Plateau, explained))
    }

    /// What the noise of differences can hide.
    pub(super) fn differenced(&self, problem: &mut Problem<'_>) -> f64 {
        if problem.offers().differences == 0 {
            return 0.0;
        }
        let mut noise = vec![0.0; self.n];
        let value = problem.accuracy(&mut noise);
        let metric = self.seen.metric();
        let slopes = metric.iter().zip(&noise).map(|(d, v)| d * v * v).filter(|e| !e.is_nan());
        (4.0 * value).max(slopes.sum::<f64>().min(1e4 * self.claims.small(self.f)))
    }

    /// The direction along which the slopes lead down, in lengths.
    pub(super) fn downhill(&mut self, problem: &Problem<'_>) {
        let lengths = self.seen.lengths(problem, &self.x, &self.g, self.claims.looks(self.f));
        (0..self.n).for_each(|j| self.s[j] = -self.g[j] * lengths[j]);
        let size = largest(&self.s[..self.n]);
        self.s.iter_mut().for_each(|s| *s /= size);
    }

    /// Runs `ask` with what is known here.
    pub(super) fn known<R>(
        &mut self,
        problem: &mut Problem<'_>,
        ask: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> R,
    ) -> R {
        let n = self.n;
        let lengths = self.seen.lengths(problem, &self.x, &self.g, self.claims.looks(self.f));
        let room = room(problem, &self.x[..n]);
        let known = Known {
            x: &self.x[..n],
            value: self.f,
            gradient: &self.g[..n],
            lengths: &lengths,
            room: &|j, way| room[j][usize::from(way > 0.0)],
            enough: self.claims.small(self.f),
            small: self.claims.slight(self.f),
            given: gradient_check::doubtful(problem),
            ahead: true,
            blind: self.seen.blind(),
        };
        ask(problem, &known, &mut self.s, &mut self.xn)
    }

    /// Looks at both sides along s (which is lost), a multiple of the lengths.
    pub(super) fn look(&mut self, problem: &mut Problem<'_>) -> Result<Doubt, Halt> {
        self.known(problem, gradient_check::look)
    }

    /// A lower point at any scale, in `xn`: where its steps tell nothing of some coordinate, or all are few.
    pub(super) fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let known =
            self.n > gradient_check::TRIED && !self.seen.doubtful() && self.claims.left(self.f);
        // What is found again and again is no saddle: a flat valley's floor, which steps come down to as well.
        if known || self.escapes >= gradient_check::SADDLES {
            return Ok(false);
        }
        let matters = 1e3 * self.claims.lost(self.f);
        self.known(problem, |problem, at, _, xn| {
            gradient_check::below(problem, &Known { small: at.small.max(matters), ..*at }, xn)
        })
    }

    /// A lower point by the values around, in `xn`, where slopes are differences of such as are noisy.
    fn curved(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let rounding = self.claims.rounding(self.f);
        if problem.offers().differences == 0 {
            return Ok(false);
        }
        self.known(problem, |problem, at, _, xn| gradient_check::curved(problem, at, rounding, xn))
    }

    pub(super) fn gap(&mut self, problem: &mut Problem<'_>, enough: f64) -> Result<Gap, Halt> {
        self.known(problem, |problem, at, s, xn| {
            gradient_check::gap(problem, at, PRODUCTS, enough, s, xn)
        })
    }

    /// Whether F goes on to fall beyond the point that the last look at the curvature led to, which is in s.
    fn beyond(&mut self, problem: &mut Problem<'_>, left: f64) -> Result<bool, Halt> {
        let hidden = self.differenced(problem).max(self.claims.rounding(self.f));
        self.known(problem, |problem, at, s, xn| {
            gradient_check::beyond(problem, at, s, [left, hidden], xn)
        })
    }

    /// What the noise of F can hide, measured: up to a thousandth of F's size.
    pub(super) fn noise(&mut self, problem: &mut Problem<'_>) -> Result<f64, Halt> {
        let most = 1e-3 * self.claims.size(self.f);
        self.known(problem, |problem, at, _, xn| {
            gradient_check::noise(problem, at, gradient_check::NEAR, xn)
        })
        .map(|noise| (4.0 * noise).min(most))
    }
}
