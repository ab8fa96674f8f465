//! FIRE: atoms, or whatever moves, fall with friction and are stopped where they would climb.
use super::proved::Proved;
use super::standing::{Standing, View};
use crate::linalg::vectors::{self, Aligned, dot, largest};
use crate::method::{Entry, Method, Needs, Step};
use crate::methods::gradient_check::Doubt;
use crate::problem::Problem;
use crate::settings::Described;
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};

crate::settings! {
    /// FIRE 2.0, the fast inertial relaxation engine: v ← v − Δt ∇f, turned towards the slope, v ← (1 − α) v − α |v| ∇f/|∇f|, and
    /// x ← x + Δt v. Where the slope pushes against v (power below 0) it takes half a step back and stops.
    ///
    /// One gradient a step, and the value is looked at only where it ends. Here Δt follows the curvature that the last steps have
    /// met, c = |Δg| / |Δx|: it grows up to a share of 1/√c, beyond which a mass on a spring as stiff would swing ever further. So
    /// no unit of length, mass or energy has to be known. Many steps, each of them safe: for energies whose forces are noisy or, with
    /// `verify` off, are no gradient at all; `lbfgs` takes fewer where they are.
    ///
    /// Bitzek, Koskinen, Gähler, Moseler and Gumbsch 2006; Guénolé et al. 2020, <https://arxiv.org/abs/1908.02038>.
    "fire" Fire {
        /// The largest time step, as a share of 1/√c.
        reach = 0.3 in 0.01 => 1.4,
        /// What the time step grows by, once it goes downhill.
        grow = 2.0 in 1.0 => 10.0,
        /// What it shrinks by where the slope pushes back.
        shrink = 0.9 in 0.01 => 1.0,
        /// Steps downhill before it grows.
        delay = 1 in 0 => 1000,
        /// α at first, and after each stop.
        mix = 0.4 in 0.0 => 1.0,
        /// What α falls by while it goes downhill.
        fade = 0.95 in 0.0 => 1.0,
        /// How far one step may lead, in units of the size of x.
        longest = 0.2 in 0.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Fire::<f64>::NAME,
    doc: Fire::<f64>::DOC,
    parameters: Fire::<f64>::PARAMETERS,
    needs: Needs::GRADIENT,
    suits: |_| None,
    build: |settings| {
        let set = Fire::of(settings);
        let method = Box::new(Inertial { set, run: None });
        // By its own criterion it may claim only what another method finds too.
        if set.gtol >= 0.0 || set.ftol >= 0.0 { method } else { Box::new(Proved::followed(method)) }
    },
};

/// How far the first step leads, by which the curvature is first seen.
const FIRST: f64 = 1e-3;
/// What is remembered of the largest curvature from step to step.
const KEPT: f64 = 0.8;
/// Steps that led to no number before it is left at that.
const LOST: u32 = 60;

struct Inertial {
    set: Fire,
    run: Option<Motion>,
}

#[derive(Default)]
struct Motion {
    at: Standing,
    v: Aligned,
    /// Δt; 0 before the first step.
    time: f64,
    mix: f64,
    /// Steps downhill since it was stopped last.
    downhill: u32,
    /// The largest curvature of late.
    bend: f64,
    /// Steps in a row that led to no number.
    lost: u32,
}

state!(Motion { at, v, time: within(0.0, f64::MAX), mix, downhill, bend, lost });

impl State for Inertial {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("run", &mut self.run)?;
        v.check("run", self.run.as_ref().is_some_and(|r| r.at.n == v.dim()), "is of another run")
    }
}

impl Method for Inertial {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let Fire { gtol, ftol, verify, mix, .. } = self.set;
        let at = Standing::new(problem, x, [gtol, ftol, verify])?;
        let mut run = Motion { v: Aligned::zeros(at.n), mix, at, ..Motion::default() };
        run.at.claims = run.at.claims.slow();
        let step = match run.at.unfit() {
            Some(why) => run.at.ended(why),
            None => run.stand(problem)?,
        };
        problem.units().outward(&run.at.x[..x.len()], x);
        self.run = Some(run);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let run = self.run.as_mut().expect("start is called first");
        let step = run.step(&self.set, problem)?;
        problem.units().outward(&run.at.x[..x.len()], x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.run.as_ref().filter(|r| r.at.plain).map(|r| &r.at.g[..r.at.n])
    }
}

impl Motion {
    fn step(&mut self, set: &Fire, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let at = &mut self.at;
        let (n, most) = (at.n, set.longest * largest(&at.x).max(1.0));
        if self.time == 0.0 {
            vectors::scaled(-FIRST.min(most) / largest(&at.g), &at.g, &mut at.d);
        } else {
            self.fall(set, most);
        }
        let at = &mut self.at;
        vectors::ahead(&at.x, 1.0, &at.d, &mut at.xn);
        let f = problem.total_gradient(&at.xn[..n], &mut at.gn[..n])?;
        if f == f64::NEG_INFINITY {
            return Ok(at.ended(Status::Unbounded));
        }
        if !f.is_finite() || !largest(&at.gn).is_finite() {
            self.lost += 1;
            self.stop(set, 0.1);
            let lost = self.lost > LOST;
            return Ok(if lost { self.at.ended(Status::Plateau) } else { self.at.here() });
        }
        self.lost = 0;
        at.rate = dot(&at.d, &at.d).sqrt();
        let foretold = 0.5 * (dot(&at.g, &at.d) + dot(&at.gn, &at.d));
        let odd = at.claims.odd(f - at.f, foretold);
        vectors::minus(&at.gn, &at.g, &mut at.d);
        let bend = dot(&at.d, &at.d).sqrt() / at.rate;
        if bend.is_normal() {
            self.bend = bend.max(KEPT * self.bend);
        }
        let most = set.reach / self.bend.sqrt();
        if self.time == 0.0 && most.is_normal() {
            self.time = 0.3 * most;
        } else if most.is_normal() {
            self.time = self.time.min(most);
        }
        at.adopt(problem, f);
        let idle = at.claims.took(f);
        if (odd || self.at.claims.due())
            && let Some(status) = self.suspect(problem, odd)?
        {
            return Ok(self.at.ended(status));
        }
        if idle {
            return self.rest(problem);
        }
        if largest(&self.at.x) > self.at.reach {
            return Ok(self.at.ended(Status::Unbounded));
        }
        self.stand(problem)
    }

    /// The step to come, in `d`.
    fn fall(&mut self, set: &Fire, most: f64) {
        let at = &mut self.at;
        at.d.fill(0.0);
        if dot(&at.g, &self.v) <= 0.0 {
            self.downhill += 1;
            if self.downhill > set.delay as u32 {
                let longest = set.reach / self.bend.sqrt();
                self.time = (self.time * set.grow).min(longest.max(f64::MIN_POSITIVE));
                self.mix *= set.fade;
            }
        } else {
            vectors::scaled(-0.5 * self.time, &self.v, &mut at.d);
            self.stop(set, set.shrink);
        }
        let at = &mut self.at;
        let (time, steep) = (self.time, dot(&at.g, &at.g).sqrt());
        for (v, g) in self.v.iter_mut().zip(&*at.g) {
            *v -= time * g;
        }
        let turn = self.mix * dot(&self.v, &self.v).sqrt() / steep;
        let keep = 1.0 - self.mix;
        for (v, g) in self.v.iter_mut().zip(&*at.g) {
            *v = keep * *v - turn * g;
        }
        let far = time * largest(&self.v);
        if far > most {
            let short = most / far;
            self.v.iter_mut().for_each(|v| *v *= short);
        }
        for (d, v) in at.d.iter_mut().zip(&*self.v) {
            *d += time * v;
        }
    }

    fn stop(&mut self, set: &Fire, shorter: f64) {
        self.v.fill(0.0);
        self.time *= shorter;
        (self.downhill, self.mix) = (0, set.mix);
    }

    /// Claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let at = &mut self.at;
        let square = dot(&at.g, &at.g);
        if square == 0.0 {
            at.predicted = Some(0.0);
            return self.claim(problem, Status::Converged);
        }
        at.predicted = (self.bend > 0.0).then(|| 0.5 * square / self.bend);
        let left = at.predicted.unwrap_or(f64::INFINITY);
        if !at.claims.risen(at.f) && at.claims.converged(at.sight(problem), || left) {
            return self.claim(problem, Status::Converged);
        }
        Ok(self.at.here())
    }

    /// What is known of how much F bends, as looks take it: along all coordinates alike.
    fn metric(&self) -> Vec<f64> {
        vec![if self.bend > 0.0 { 1.0 / self.bend } else { f64::NAN }; self.at.n]
    }

    /// Whether slopes that steps were told wrong by are not the function's.
    fn suspect(&mut self, problem: &mut Problem<'_>, odd: bool) -> Result<Option<Status>, Halt> {
        let metric = self.metric();
        self.at.suspect(problem, odd, View { metric: &metric, ahead: false, blind: false })
    }

    /// Nothing changes but rounding.
    fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let explained = self.at.explained(problem, None);
        let left = self.at.predicted.unwrap_or(f64::INFINITY);
        let verdict = self.at.at_rest(problem, left, explained);
        if verdict == Status::PrecisionLimit && !self.at.claims.risen(self.at.f) {
            return self.claim(problem, verdict);
        }
        Ok(match self.suspect(problem, true)? {
            Some(status) => self.at.ended(status),
            None => self.at.stuck(Status::Plateau, explained),
        })
    }

    /// The claim, unless a look at both sides finds a lower point: it goes on from there.
    fn claim(&mut self, problem: &mut Problem<'_>, verdict: Status) -> Result<Step, Halt> {
        let explained = self.at.explained(problem, None);
        let sure = self.at.sure(verdict, explained);
        if !self.at.verify {
            return Ok(sure);
        }
        let metric = self.metric();
        match self
            .at
            .look_scattered(problem, View { metric: &metric, ahead: true, blind: false })?
        {
            Doubt::Inconsistent(status) => Ok(self.at.ended(status)),
            Doubt::Lower => {
                let f = match self.at.lower(problem)? {
                    Ok(f) => f,
                    Err(why) => return Ok(why),
                };
                self.at.adopt(problem, f);
                self.at.claims.took(f);
                self.v.fill(0.0);
                self.downhill = 0;
                Ok(self.at.here())
            }
            Doubt::Stairs => {
                self.at.predicted = None;
                Ok(self.at.ended(Status::Plateau))
            }
            _ => Ok(sure),
        }
    }
}
