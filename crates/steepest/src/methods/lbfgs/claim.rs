//! When it says that it is done: what it claims, what it looks at before, and where that leads.
use super::{ESCAPES, FAR, Work};
use crate::method::Step;
use crate::methods::claims::{STEEP, not_finite};
use crate::methods::doubt::{self, Doubt, Known};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::units::Units;
use crate::vectors::{self, largest};

impl Work {
    /// Convergence, unless a look at both sides says otherwise.
    pub(super) fn claim(&mut self, problem: &mut Problem<'_>, verdict: Status, explained: f64) -> Result<Step, Halt> {
        self.notice(problem);
        if !largest(&self.g).is_finite() {
            // At the edge of where F has values, differences know no slope.
            self.predicted = None;
            return Ok(self.ended(Status::Plateau));
        }
        let certificate = Some(self.claims.certificate(self.sight(), verdict == Status::PrecisionLimit, explained));
        let sure = Step { certificate, ..self.ended(verdict) };
        if !self.verify {
            return Ok(sure);
        }
        if self.beyond(problem)? {
            return self.escape(problem);
        }
        let n = self.memory.dim();
        doubt::scattered(n, &mut self.d);
        let mut doubt = self.look(problem, true)?;
        // Where nothing is known of any direction, all of them are looked at below.
        if matches!(doubt, Doubt::None | Doubt::Kink(_)) && !self.memory.is_empty() {
            let lengths = self.lengths();
            doubt::scattered_else(n, &mut self.d);
            (0..n).for_each(|j| self.d[j] *= lengths[j]);
            if self.memory.unexplored(&mut self.d) {
                (0..n).for_each(|j| self.d[j] /= lengths[j]);
                let size = largest(&self.d);
                self.d.iter_mut().for_each(|d| *d /= size);
                doubt = self.look(problem, false)?;
            }
        }
        if matches!(doubt, Doubt::None | Doubt::Kink(_))
            && let Some(j) = self.unmoved(problem)?
        {
            return self.stretched(problem, j);
        }
        if !matches!(doubt, Doubt::Inconsistent(_)) {
            let seen = self.xn.to_vec();
            if self.below(problem)? {
                return self.anew(problem);
            }
            self.xn.copy_from_slice(&seen);
        }
        match doubt {
            Doubt::Inconsistent(status) => Ok(self.ended(status)),
            Doubt::Lower => self.escape(problem),
            // Stairs, or the edge of where F has values: slopes tell nothing there.
            Doubt::Stairs => {
                self.predicted = None;
                Ok(self.ended(Status::Plateau))
            }
            _ => {
                self.aim();
                Ok(sure)
            }
        }
    }

    /// Where steps close in from one side only: whether F goes on to fall some steps beyond, as x³ does behind 0. One value;
    /// the lower point is in `xn`.
    pub(super) fn beyond(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        const STEPS: f64 = 8.0;
        let predicted = self.predicted.unwrap_or(0.0);
        if self.claims.as_scipy() || !self.claims.crawls(predicted) || !self.aim() {
            return Ok(false);
        }
        vectors::ahead(&self.x, STEPS, &self.d, &mut self.xn);
        if let Some(b) = &self.bounds {
            b.project(&mut self.xn);
        }
        let f = problem.total(&self.xn[..self.memory.dim()])?;
        let foretold = 4.0 * predicted + self.explained(problem).max(self.claims.rounding(self.f));
        Ok(f < self.f - foretold)
    }

    /// Coordinates that no step has moved by what matters, though they have a slope: one of them that leads lower, and
    /// as far as it does, in `xn`.
    pub(super) fn unmoved(&mut self, problem: &mut Problem<'_>) -> Result<Option<usize>, Halt> {
        const TRIED: usize = 8;
        let n = self.memory.dim();
        if self.memory.is_empty() {
            return Ok(None);
        }
        let metric = self.memory.metric();
        let unknown = (0..n).filter(|j| metric[*j].is_nan() && self.g[*j] != 0.0);
        let decrease = 1e2 * self.claims.small(self.f).max(self.claims.rounding(self.f));
        for j in unknown.take(TRIED) {
            let room = self.room(j, -self.g[j]);
            let mut by = (decrease / self.g[j].abs()).min(room);
            self.xn.copy_from_slice(&self.x);
            self.xn[j] = self.x[j] - by.copysign(self.g[j]);
            if self.xn[j] == self.x[j] || by * self.g[j].abs() < 0.5 * decrease {
                continue;
            }
            let mut f = problem.total(&self.xn[..n])?;
            if !(f < self.f - 0.25 * decrease) {
                continue;
            }
            for _ in 0..300 {
                let (before, last) = (f, self.xn[j]);
                by = (4.0 * by).min(room);
                self.xn[j] = self.x[j] - by.copysign(self.g[j]);
                f = problem.total(&self.xn[..n])?;
                if !(f < before) || self.xn[j] == last {
                    self.xn[j] = last;
                    break;
                }
            }
            return Ok(Some(j));
        }
        Ok(None)
    }

    /// Goes on from the lower point along coordinate j, which was measured in far too small a unit: all coordinates are
    /// measured anew, by what is known of them now.
    pub(super) fn stretched(&mut self, problem: &mut Problem<'_>, j: usize) -> Result<Step, Halt> {
        let n = self.memory.dim();
        let mut lengths = self.lengths();
        lengths[j] = (self.xn[j] - self.x[j]).abs();
        self.escapes += 1;
        let f = problem.total_gradient(&self.xn[..n], &mut self.gn[..n])?;
        if !(f < self.f && largest(&self.gn).is_finite()) || self.escapes > ESCAPES {
            return Ok(self.ended(Status::Plateau));
        }
        self.adopt(problem, f);
        self.claims.took(f);
        if problem.scalable() {
            let units = problem.units.stretched(&lengths);
            for k in 0..n {
                let factor = units.length(k) / problem.units.length(k);
                self.x[k] /= factor;
                self.start[k] /= factor;
                self.g[k] *= factor;
                if let Some(b) = &mut self.bounds {
                    b.stretch(k, factor);
                }
            }
            *problem.units = units;
            self.reach = FAR * largest(&self.x).max(1.0);
            self.plain = false;
            self.measure(problem);
        }
        self.memory.clear();
        (self.metric, self.gamma) = (None, None);
        self.stand(problem, 0.0)
    }

    /// Goes on from the lower point that was seen.
    pub(super) fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.escapes += 1;
        let n = self.memory.dim();
        let f = problem.total_gradient(&self.xn[..n], &mut self.gn[..n])?;
        if f == f64::NEG_INFINITY {
            return Ok(self.ended(Status::Unbounded));
        }
        if !(f < self.f && largest(&self.gn).is_finite()) || self.escapes > ESCAPES {
            self.predicted = None;
            return Ok(self.ended(Status::Plateau));
        }
        if self.memory.store(&self.x, &self.xn, &self.g, &self.gn) {
            self.gamma = Some(self.memory.gamma());
        } else {
            self.forget();
            self.gamma = None;
        }
        self.adopt(problem, f);
        self.claims.took(f);
        self.stand(problem, 0.0)
    }

    /// Starts again from the lower point that was seen in `xn`, as if it had begun there: nothing was known before.
    pub(super) fn anew(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.memory.dim();
        let (escapes, mut x) = (self.escapes + 1, vec![0.0; n]);
        if escapes > ESCAPES {
            self.predicted = None;
            return Ok(self.ended(Status::Plateau));
        }
        problem.units.outward(&self.xn[..n], &mut x);
        *problem.units = Units::default();
        let set = self.set;
        *self = Work { escapes, warned: self.warned, ..Work::new(&set, problem, &x)? };
        match not_finite(self.f, &self.g[..n]) {
            Some(_) if self.f == f64::NEG_INFINITY => Ok(self.ended(Status::Unbounded)),
            Some(_) => Ok(self.ended(Status::Plateau)),
            None => self.stand(problem, 0.0),
        }
    }

    /// Nothing lower is found any more: the arithmetic's end, a kink, or a gradient that is not the function's.
    pub(super) fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.memory.dim();
        if self.verify && problem.sharpen()? {
            self.f = problem.total_gradient(&self.x[..n], &mut self.g[..n])?;
            (self.failures, self.predicted) = (0, None);
            self.forget();
            return self.stand(problem, 0.0);
        }
        self.notice(problem);
        let metric = if self.memory.is_empty() { self.metric.clone() } else { Some(self.memory.metric()) };
        let left = match &metric {
            Some(metric) => self.by_diagonal(metric).max(self.predicted.unwrap_or(0.0)),
            None if self.still() => 0.0,
            None => f64::INFINITY,
        };
        self.predicted = left.is_finite().then_some(left);
        let mut explained = self.explained(problem);
        if left > explained && self.verify && left.is_finite() {
            explained = explained.max(self.noise(problem)?);
        }
        let verdict = self.claims.at_rest(self.f, left, explained);
        if verdict == Status::PrecisionLimit && self.steep() <= STEEP[1] {
            return self.claim(problem, verdict, explained);
        }
        if !self.verify {
            return Ok(self.stuck(explained));
        }
        self.downhill();
        let mut doubt = self.look(problem, false)?;
        if matches!(doubt, Doubt::None) {
            doubt::scattered(n, &mut self.d);
            doubt = self.look(problem, false)?;
        }
        match doubt {
            Doubt::Inconsistent(status) => return Ok(self.ended(status)),
            Doubt::Kink(slopes) => problem.findings.push(doubt::kink(slopes)),
            Doubt::Lower => return self.escape(problem),
            Doubt::None | Doubt::Stairs => {
                if self.below(problem)? {
                    return self.anew(problem);
                }
            }
        }
        if verdict == Status::PrecisionLimit {
            // The metric has shrunk with the steps: what it says is left is not known.
            self.predicted = None;
        }
        Ok(self.stuck(explained))
    }

    /// The direction along which the slopes lead down, in lengths (see [`look`](Self::look)).
    pub(super) fn downhill(&mut self) {
        let lengths = self.lengths();
        let n = self.memory.dim();
        (0..n).for_each(|j| self.d[j] = -self.g[j] * lengths[j]);
        let size = largest(&self.d);
        self.d.iter_mut().for_each(|d| *d /= size);
    }

    /// How far each coordinate has to go to make a difference.
    pub(super) fn lengths(&self) -> Vec<f64> {
        let n = self.memory.dim();
        let metric = match (&self.metric, self.memory.is_empty()) {
            (_, false) => self.memory.metric(),
            (Some(metric), true) => metric.clone(),
            _ => vec![f64::NAN; n],
        };
        doubt::lengths(&metric, &self.x[..n], &self.g[..n], self.claims.near(self.f), &|j, way| self.room(j, way))
    }

    /// Looks at both sides along d (which is lost), a multiple of the lengths.
    pub(super) fn look(&mut self, problem: &mut Problem<'_>, ahead: bool) -> Result<Doubt, Halt> {
        self.known(problem, ahead, doubt::look)
    }

    /// Where nothing is known of the curvature, or F was seen to bend down: a lower point at any scale, in `xn`.
    pub(super) fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        if self.memory.is_empty() && self.metric.is_none() || !self.claims.left(self.f) {
            return self.known(problem, false, |problem, at, _, xn| doubt::below(problem, at, xn));
        }
        if self.claims.as_scipy() {
            return Ok(false);
        }
        let down = self.memory.bent_down();
        let metric = self.memory.metric();
        let lengths = self.lengths();
        let still = |j: &usize| (self.x[*j] - self.start[*j]).abs() <= 1e-6 * lengths[*j];
        let free = |j: &usize| self.room(*j, -self.g[*j]) > 0.0 && still(j);
        let unseen: Vec<usize> =
            (0..metric.len()).filter(|j| metric[*j].is_nan()).filter(free).collect();
        if down.is_empty() && unseen.is_empty() {
            return Ok(false);
        }
        self.known(problem, false, |problem, at, _, xn| doubt::below_along(problem, at, &down, &unseen, xn))
    }

    /// With what is known where it stands: `d` and `xn` are lent.
    pub(super) fn known<T>(
        &mut self,
        problem: &mut Problem<'_>,
        ahead: bool,
        look: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let lengths = self.lengths();
        let n = self.memory.dim();
        let (bounds, x) = (&self.bounds, &self.x);
        let room = |j: usize, way: f64| bounds.as_ref().map_or(f64::INFINITY, |b| b.room(x, j, way));
        let known = Known {
            x: &self.x[..n],
            value: self.f,
            gradient: &self.g[..n],
            lengths: &lengths,
            room: &room,
            enough: self.claims.small(self.f),
            small: self.claims.slight(self.f),
            given: doubt::doubtful(problem),
            ahead,
            // A claim looks at all lengths itself.
            blind: !ahead && self.memory.is_empty() && self.metric.is_none(),
        };
        look(problem, &known, &mut self.d, &mut self.xn)
    }

    /// What the noise of F can hide, measured: up to a thousandth of F's size.
    pub(super) fn noise(&mut self, problem: &mut Problem<'_>) -> Result<f64, Halt> {
        let lengths = self.lengths();
        let n = self.memory.dim();
        let (bounds, x) = (&self.bounds, &self.x);
        let room = |j: usize, way: f64| bounds.as_ref().map_or(f64::INFINITY, |b| b.room(x, j, way));
        let known = Known {
            x: &self.x[..n],
            value: self.f,
            gradient: &self.g[..n],
            lengths: &lengths,
            room: &room,
            enough: 0.0,
            small: 0.0,
            given: true,
            ahead: false,
            blind: false,
        };
        let noise = doubt::noise(problem, &known, doubt::NEAR, &mut self.xn)?;
        Ok((4.0 * noise).min(1e-3 * self.claims.size(self.f)))
    }

    pub(super) fn notice(&mut self, problem: &mut Problem<'_>) {
        let scales = if self.warned { None } else { self.memory.scales(problem.units) };
        if let Some((ratio, steep, flat)) = scales
            && let Some(finding) = doubt::bad_scaling(ratio, steep, flat)
        {
            self.warned = true;
            problem.findings.push(finding);
        }
    }
}
