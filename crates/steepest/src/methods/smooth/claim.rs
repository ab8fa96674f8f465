//! When it says that it is done: what it claims, what it looks at before, and where that leads.
use super::Run;
use crate::linalg::vectors::{Aligned, dot, largest};
use crate::method::Step;
use crate::methods::gradient_check::{self, Doubt, Front, Hull, NEAR};
use crate::methods::standing::{ESCAPES, FAR};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::units::Units;

/// Two ways are the same where the square of the cosine between them is above this.
const SAME: f64 = 0.9;

impl Run {
    /// Convergence, unless a look at both sides says otherwise.
    pub(super) fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        verdict: Status,
        explained: f64,
    ) -> Result<Step, Halt> {
        self.notice(problem);
        if !largest(&self.at.g).is_finite() {
            // At the edge of where F has values, differences know no slope.
            self.at.predicted = None;
            return Ok(self.at.ended(Status::Plateau));
        }
        let left = self.at.predicted.unwrap_or(f64::INFINITY);
        if self.at.dubious(problem, left, explained) && self.sharper(problem)? {
            return self.stand_after_look(problem);
        }
        if self.at.verify && self.at.stale(problem, left, explained) {
            self.at.xn.copy_from_slice(&self.at.x);
            return self.anew(problem);
        }
        let gainsaid = self.at.gainsaid(problem, left, explained);
        if gainsaid && self.unlearns() {
            return self.stand_after_look(problem);
        }
        let sure = if gainsaid {
            self.at.predicted = None;
            self.at.ended(Status::Plateau)
        } else {
            self.at.sure(verdict, explained)
        };
        if !self.at.verify {
            return Ok(sure);
        }
        if self.beyond(problem)? {
            return self.escape(problem);
        }
        if problem.offers().differences > 0
            && self.with(false, |at, view| at.curved(problem, view))?
        {
            return self.escape(problem);
        }
        let clear = |doubt: &Doubt| matches!(doubt, Doubt::None | Doubt::Kink(_));
        let mut front = Front::default();
        self.at.scatter();
        let mut doubt = self.with(true, |at, view| at.look_ahead(problem, view, &mut front))?;
        let mut sharp = self.at.sharp(problem, &front);
        let mut unforeseen = vec![self.unforeseen(&front.gradient)];
        let further = if clear(&doubt) { self.turned() } else { Vec::new() };
        for way in further {
            if !clear(&doubt) {
                break;
            }
            self.at.d[..self.at.n].copy_from_slice(&way);
            front = Front::default();
            doubt = self.with(true, |at, view| at.look_ahead(problem, view, &mut front))?;
            sharp |= self.at.sharp(problem, &front);
            unforeseen.push(self.unforeseen(&front.gradient));
        }
        for rest in unforeseen.into_iter().rev().flatten() {
            if !clear(&doubt) {
                break;
            }
            self.at.d[..self.at.n].copy_from_slice(&rest);
            match self.with(false, |at, view| at.look(problem, view))? {
                Doubt::None => {}
                found => doubt = found,
            }
        }
        if clear(&doubt)
            && let Some(j) = self.unmoved(problem)?
        {
            return self.stretched(problem, j);
        }
        if !matches!(doubt, Doubt::Inconsistent(_)) {
            let seen = self.at.xn.to_vec();
            if self.below(problem)? {
                return self.anew(problem);
            }
            self.at.xn.copy_from_slice(&seen);
        }
        match doubt {
            Doubt::Inconsistent(status) => Ok(self.at.ended(status)),
            Doubt::Lower => self.escape(problem),
            // Stairs, or the edge of where F has values: slopes tell nothing there.
            Doubt::Stairs => {
                self.at.predicted = None;
                Ok(self.at.ended(Status::Plateau))
            }
            _ if self.with(false, |at, view| at.on_stairs(problem, view))? => {
                self.at.predicted = None;
                Ok(self.at.ended(Status::Plateau))
            }
            _ => {
                if matches!(doubt, Doubt::Kink(_))
                    && let Some(why) = self.with(false, |at, view| at.jagged(problem, view))?
                {
                    self.at.predicted = None;
                    return Ok(self.at.ended(why));
                }
                match self.at.closed_in(problem, sharp)? {
                    Hull::Whole => {}
                    Hull::Loud => {
                        self.forget();
                        self.at.predicted = None;
                        return self.stand_after_look(problem);
                    }
                    Hull::Lower => {
                        self.forget();
                        return self.escape(problem);
                    }
                    Hull::Open => {
                        self.at.predicted = None;
                        return Ok(self.at.ended(Status::Plateau));
                    }
                }
                self.aim(problem)?;
                Ok(sure)
            }
        }
    }

    /// The ways of further looks, in lengths: what no step of all, and what none of the last pairs has explored, where that is
    /// another (rounding has gone ways too, steep ones that hide how F bends along the others); or, from where a look has led,
    /// the way back. Against the way of the first, which `d` holds, for the gradient was looked at there. None where the first
    /// was enough.
    fn turned(&mut self) -> Vec<Vec<f64>> {
        if self.pairs.is_empty() {
            return Vec::new();
        }
        // Where nothing is known of any direction, all of them are looked at below.
        let (n, lengths, way) = (self.at.n, self.lengths(), self.at.d[..self.at.n].to_vec());
        let mut scattered = Aligned::zeros(n);
        gradient_check::scattered_else(n, &mut scattered);
        (0..n).for_each(|j| scattered[j] *= lengths[j]);
        let mut ways: Vec<Vec<f64>> = Vec::new();
        let (mut left, at) = (scattered[..n].to_vec(), &self.at);
        let free = |j: usize| at.room(j, 1.0).min(at.room(j, -1.0)) > 0.0;
        if self.explored.unexplored(&mut left, free) {
            ways.push(left);
        }
        if self.pairs.unexplored(&mut scattered) {
            ways.push(scattered[..n].to_vec());
        }
        if ways.is_empty() && self.at.escapes > 0 {
            ways.push(way.clone());
        }
        for d in &mut ways {
            let back = if dot(d, &way) > 0.0 { -1.0 } else { 1.0 };
            (0..n).for_each(|j| d[j] *= back / lengths[j]);
            let size = largest(d);
            d.iter_mut().for_each(|d| *d /= size);
        }
        ways.retain(|d| d.iter().all(|d| d.is_finite()));
        if let [one, other] = &ways[..]
            && dot(one, other).powi(2) > SAME * dot(one, one) * dot(other, other)
        {
            ways.pop();
        }
        ways
    }

    /// What H does not explain of the step to where the gradient was looked at ahead, which `d` holds: see
    /// [`unmet`](gradient_check::unmet).
    fn unforeseen(&mut self, front: &[f64]) -> Option<Vec<f64>> {
        if front.is_empty() || self.pairs.is_empty() || !largest(front).is_finite() {
            return None;
        }
        let (n, lengths) = (self.at.n, self.lengths());
        let [mut turned, mut met] = [0; 2].map(|_| Aligned::zeros(n));
        (0..n).for_each(|j| turned[j] = (front[j] - self.at.g[j]) / NEAR);
        let free = self.at.bounds.as_ref().filter(|b| !b.all_free()).map(|b| &*b.free);
        // −H y.
        self.pairs.applied(free, &turned, &mut met);
        gradient_check::unmet(&self.at.d[..n], &lengths, &turned, &met)
    }

    fn lengths(&self) -> Vec<f64> {
        let unknown = || vec![f64::NAN; self.at.n];
        self.at.lengths(&self.learned().unwrap_or_else(unknown))
    }

    /// Where steps close in from one side only: whether F goes on to fall some steps beyond.
    fn beyond(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let forgotten = self.metric.is_some() && self.pairs.few();
        if (self.set.slow || forgotten) && !self.at.claims.as_scipy() {
            // Its steps go where the last curvature says, whatever they have closed in on.
            return self.with(false, |at, view| at.past(problem, view));
        }
        if !self.at.closes_in() || !self.aim(problem)? {
            return Ok(false);
        }
        self.at.beyond(problem, self.length)
    }

    /// Coordinates that no step has moved by what matters, though they have a slope: one of them that leads lower, and
    /// as far as it does, in `xn`.
    fn unmoved(&mut self, problem: &mut Problem<'_>) -> Result<Option<usize>, Halt> {
        const TRIED: usize = 8;
        if self.pairs.is_empty() {
            return Ok(None);
        }
        let (metric, at) = (self.pairs.metric(), &mut self.at);
        let n = at.n;
        let decrease = 1e2 * at.claims.small(at.f).max(at.claims.rounding(at.f));
        let unknown: Vec<usize> =
            (0..n).filter(|j| metric[*j].is_nan() && at.g[*j] != 0.0).take(TRIED).collect();
        for j in unknown {
            let (room, g) = (at.room(j, -at.g[j]), at.g[j]);
            let mut by = (decrease / g.abs()).min(room);
            at.xn.copy_from_slice(&at.x);
            at.xn[j] = at.x[j] - by.copysign(g);
            if at.xn[j] == at.x[j] || by * g.abs() < 0.5 * decrease {
                continue;
            }
            let mut f = problem.total(&at.xn[..n])?;
            if !(f < at.f - 0.25 * decrease) {
                continue;
            }
            for _ in 0..300 {
                let (before, last) = (f, at.xn[j]);
                by = (4.0 * by).min(room);
                at.xn[j] = at.x[j] - by.copysign(g);
                f = problem.total(&at.xn[..n])?;
                if !(f < before) || at.xn[j] == last {
                    at.xn[j] = last;
                    break;
                }
            }
            return Ok(Some(j));
        }
        Ok(None)
    }

    /// Goes on from the lower point along coordinate j, which was measured in far too small a unit: all coordinates are
    /// measured anew, by what is known of them now.
    fn stretched(&mut self, problem: &mut Problem<'_>, j: usize) -> Result<Step, Halt> {
        let mut lengths = self.lengths();
        lengths[j] = (self.at.xn[j] - self.at.x[j]).abs();
        let f = match self.at.lower(problem)? {
            Ok(f) => f,
            Err(why) => return Ok(why),
        };
        let at = &mut self.at;
        at.adopt(problem, f);
        at.claims.took(f);
        if problem.scalable() {
            let units = problem.units().stretched(&lengths);
            for k in 0..at.n {
                let factor = units.length(k) / problem.units().length(k);
                at.x[k] /= factor;
                at.start[k] /= factor;
                at.g[k] *= factor;
                if let Some(b) = &mut at.bounds {
                    b.stretch(k, factor);
                }
            }
            problem.set_units(units);
            at.reach = FAR * largest(&at.x).max(1.0);
            at.plain = false;
            at.measure(problem);
        }
        self.pairs.clear();
        self.explored.clear();
        self.direction.forget();
        (self.metric, self.gamma) = (None, None);
        self.stand_after_look(problem)
    }

    /// Goes on from the lower point that was seen.
    pub(super) fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let f = match self.at.lower(problem)? {
            Ok(f) => f,
            Err(why) => return Ok(why),
        };
        if self.pairs.store(&self.at.x, &self.at.xn, &self.at.g, &self.at.gn) {
            self.gamma = Some(self.pairs.gamma());
            self.direction.forget();
        } else {
            self.forget();
            self.gamma = None;
        }
        self.at.adopt(problem, f);
        self.at.claims.took(f);
        self.stand_after_look(problem)
    }

    /// From a point that no step led to.
    pub(super) fn stand_after_look(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.at.rate = 0.0;
        self.stand(problem)
    }

    /// Starts again from the lower point that was seen in `xn`, as if it had begun there: nothing was known before.
    pub(super) fn anew(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.at.n;
        let (escapes, mut x) = (self.at.escapes + 1, vec![0.0; n]);
        let first = self.at.first;
        if escapes > ESCAPES {
            self.at.predicted = None;
            return Ok(self.at.ended(Status::Plateau));
        }
        problem.units().outward(&self.at.xn[..n], &mut x);
        let units = problem.set_units(Units::default());
        let run = match Run::new(&self.set, problem, &x) {
            Ok(run) => run,
            Err(halt) => {
                // What it stands at is in the units before.
                problem.set_units(units);
                return Err(halt);
            }
        };
        let from = std::mem::take(&mut self.at.from);
        *self = Run { warned: self.warned, ..run };
        (self.at.escapes, self.at.from, self.at.first) = (escapes, from, first);
        match self.at.unfit() {
            Some(_) if self.at.f == f64::NEG_INFINITY => Ok(self.at.ended(Status::Unbounded)),
            Some(_) => Ok(self.at.ended(Status::Plateau)),
            None => self.stand(problem),
        }
    }

    /// The slopes gainsay a claim: what steps have learned was further up, and is forgotten, if F has fallen since it was last.
    fn unlearns(&mut self) -> bool {
        let f = self.at.f;
        let matters = 1e3 * self.at.claims.rounding(f);
        if self.unlearnt_at.is_some_and(|before| !(before - f > matters)) {
            return false;
        }
        self.unlearnt_at = Some(f);
        self.at.predicted = None;
        self.pairs.clear();
        self.explored.clear();
        self.direction.forget();
        (self.gamma, self.metric, self.failures) = (None, None, 0);
        true
    }

    /// Sees where it stands more exactly, where that can be had.
    pub(super) fn sharper(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        if !self.at.verify || !problem.sharpen()? {
            return Ok(false);
        }
        let n = self.at.n;
        self.at.f = problem.total_gradient(&self.at.x[..n], &mut self.at.g[..n])?;
        self.at.predicted = None;
        Ok(true)
    }

    /// Where nothing is known of the curvature, or F was seen to bend down: a lower point at any scale, in `xn`.
    pub(super) fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        if self.learned().is_none() || !self.at.claims.left(self.at.f) {
            return self.with(false, |at, view| {
                at.known(problem, view, |problem, known, _, xn| {
                    gradient_check::below(problem, known, xn)
                })
            });
        }
        if self.at.claims.as_scipy() {
            return Ok(false);
        }
        let mut down = self.pairs.bent_down();
        let (metric, lengths, at) = (self.pairs.metric(), self.lengths(), &self.at);
        // Where a slope presses against a bound, F is least there whatever it did on the way.
        down.retain(|j| at.g[*j] == 0.0 || at.room(*j, -at.g[*j]) > 0.0);
        let still = |j: &usize| (at.x[*j] - at.start[*j]).abs() <= 1e-6 * lengths[*j];
        let free = |j: &usize| at.room(*j, -at.g[*j]) > 0.0 && still(j);
        let unseen: Vec<usize> = (0..at.n).filter(|j| metric[*j].is_nan()).filter(free).collect();
        if down.is_empty() && unseen.is_empty() {
            return Ok(false);
        }
        self.with(false, |at, view| {
            at.known(problem, view, |problem, known, _, xn| {
                gradient_check::below_along(problem, known, &down, &unseen, xn)
            })
        })
    }

    pub(super) fn notice(&mut self, problem: &mut Problem<'_>) {
        let scales = if self.warned { None } else { self.pairs.scales(problem.units()) };
        if let Some((ratio, steep, flat)) = scales
            && let Some(finding) = gradient_check::bad_scaling(ratio, steep, flat)
        {
            self.warned = true;
            problem.report(finding);
        }
    }
}
