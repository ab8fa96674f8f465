//! L-BFGS along the projected path, for smooth functions of any size, with or without bounds.
use crate::curvature::Curvature;
use crate::problem::{Facts, Problem};
use crate::status::{Halt, Status};
use crate::units::Units;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, STEEP, Sight, diagonal, not_finite, sizes};
use crate::methods::doubt::{self, Doubt, Known};
use crate::settings::Described;
use crate::vectors::{self, Aligned, dot, largest};
use bounds::Bounds;
use memory::Memory;
use search::Path;

mod bounds;
mod loops;
mod memory;
mod search;

crate::settings! {
    /// L-BFGS: quasi-Newton steps from the last `memory` changes of the gradient, along the projected path
    /// where there are bounds; a line search by approximate Wolfe conditions.
    ///
    /// d = −H g, x ← P(x + a d). Convergence is claimed only where the decrease that the next step predicts, by H
    /// and by its diagonal alone, and the decrease over the last ten steps are all small. Variables whose sizes at
    /// the start lie far apart are measured in units of their own.
    ///
    /// Nocedal 1980; Liu and Nocedal 1989; Hager and Zhang 2005; Bertsekas 1982.
    "lbfgs" Lbfgs {
        /// Pairs of steps and changes of the gradient that are remembered; all of them where there are no more variables.
        memory = 30 in 1 => 1000,
        /// SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Lbfgs::<f64>::NAME,
    doc: Lbfgs::<f64>::DOC,
    parameters: Lbfgs::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT },
    suits,
    build: |settings| Box::new(Descent { set: Lbfgs::of(settings), work: None }),
};

fn suits(_: &Facts) -> Option<Suit> {
    Some(Suit {
        passes: 60.0,
        reason: "the function is smooth, and L-BFGS needs nothing but its values and gradients"
            .into(),
    })
}

struct Descent {
    set: Lbfgs,
    work: Option<Work>,
}

/// What it holds while at work, in the problem's units. Vectors are padded to whole lanes.
struct Work {
    set: Lbfgs,
    memory: Memory,
    bounds: Option<Bounds>,
    claims: Claims,
    /// Where it began.
    start: Vec<f64>,
    x: Aligned,
    xn: Aligned,
    g: Aligned,
    gn: Aligned,
    d: Aligned,
    slope: f64,
    f: f64,
    /// What F is a multiple of.
    unit: f64,
    /// Whether its units are the problem's own.
    plain: bool,
    /// max |P(x − g) − x| in its own units: only where SciPy's criteria ask for it.
    residual: f64,
    /// The decrease that is predicted where it stands; none before anything is known of the curvature.
    predicted: Option<f64>,
    /// Inverse curvatures along the coordinates, as they were when the pairs were last forgotten.
    metric: Option<Vec<f64>>,
    /// How far the gradient alone should be followed where nothing is remembered.
    gamma: Option<f64>,
    /// Searches in a row that found nothing.
    failures: u32,
    escapes: u32,
    verify: bool,
    warned: bool,
    reach: f64,
}

/// A point beyond this times the start's size, reached downhill, is on its way to nowhere.
const FAR: f64 = 1e20;
/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut work = Work::new(&self.set, problem, x)?;
        let step = match not_finite(work.f, &work.g[..x.len()]) {
            Some(why) => work.ended(why),
            None => work.stand(problem, 0.0)?,
        };
        problem.units.outward(&work.x[..x.len()], x);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem)?;
        problem.units.outward(&work.x[..x.len()], x);
        Ok(step)
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().filter(|w| w.plain).map(|w| &w.g[..w.memory.dim()])
    }
    fn curvature(&self) -> Option<Curvature> {
        self.work.as_ref().and_then(|w| w.memory.curvature())
    }
}

impl Work {
    fn new(set: &Lbfgs, problem: &mut Problem<'_>, x0: &[f64]) -> Result<Self, Halt> {
        let n = problem.dim();
        let mut bounds = Bounds::of(problem);
        let [mut x, xn, mut g, gn, d] = [0; 5].map(|_| Aligned::zeros(n));
        x[..n].copy_from_slice(x0);
        if let Some(b) = &bounds {
            if b.infeasible() {
                return Err(Halt::Status(Status::Infeasible));
            }
            b.project(&mut x);
        }
        let mut f = problem.total_gradient(&x[..n], &mut g[..n])?;
        if problem.scalable() && not_finite(f, &g[..n]).is_none() {
            let sizes = sizes(&x[..n], f, &g[..n], |j| bounds.as_ref().map_or(f64::INFINITY, |b| b.width(j)));
            *problem.units = Units::new(sizes, f, &g[..n]);
            let at = x[..n].to_vec();
            problem.units.inward(&at, &mut x[..n]);
            problem.units.slopes(&mut g[..n]);
            f /= problem.units.value();
            if let Some(b) = &mut bounds {
                b.measure(problem.units);
            }
        }
        let mut work = Work {
            set: *set,
            memory: Memory::new(n, set.memory as usize, bounds.is_some()),
            claims: Claims::new(f, problem.stop.tolerance, set.gtol, set.ftol),
            reach: FAR * largest(&x).max(1.0),
            verify: set.verify > 0.0 && doubt::cheap(problem),
            unit: problem.units.value(),
            plain: problem.units.plain(),
            slope: 0.0,
            residual: f64::NAN,
            predicted: None,
            metric: None,
            gamma: None,
            failures: 0,
            escapes: 0,
            warned: false,
            bounds,
            start: x[..n].to_vec(),
            x,
            xn,
            g,
            gn,
            d,
            f,
        };
        work.measure(problem);
        Ok(work)
    }

    /// SciPy's residual, where it is asked for.
    fn measure(&mut self, problem: &Problem<'_>) {
        if !self.claims.as_scipy() {
            return;
        }
        let units = &problem.units;
        let one = |j: usize| {
            let (l, g) = (units.length(j), -self.g[j] * units.value() / units.length(j));
            let room = self.bounds.as_ref().map_or(f64::INFINITY, |b| b.room(&self.x, j, g));
            g.abs().min(room * l)
        };
        self.residual = if self.bounds.is_none() && self.plain {
            largest(&self.g)
        } else {
            (0..self.memory.dim()).map(one).fold(0.0, f64::max)
        };
    }

    /// One step: search, and where nothing is found forget the pairs and search again.
    fn step(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        loop {
            let path = Path {
                x: &self.x,
                g: &self.g,
                d: &self.d,
                f: self.f,
                slope: self.slope,
                bounds: self.bounds.as_ref(),
                first: self.memory.is_empty() && self.gamma.is_none(),
            };
            if let Some((a, f)) = path.search(problem, &mut self.xn, &mut self.gn)? {
                return self.take(problem, a, f);
            }
            self.failures += 1;
            let known = self.predicted.is_some_and(|p| p <= self.explained(problem));
            if self.memory.is_empty() || self.failures > 3 || self.memory.dim() == 1 || known {
                return self.rest(problem);
            }
            self.forget();
            if !self.aim() {
                return self.rest(problem);
            }
        }
    }

    /// Forgets the pairs; what they told of the coordinates is kept.
    fn forget(&mut self) {
        if !self.memory.is_empty() {
            self.metric = Some(self.memory.metric());
        }
        self.memory.forget();
    }

    fn here(&self) -> Step {
        let residual = self.claims.residual(self.f, self.predicted);
        let residual = if self.claims.as_scipy() { self.residual } else { residual };
        Step { value: self.f * self.unit, residual, ..Step::default() }
    }

    /// Where it stands, and why it goes no further.
    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// Stuck, with what is left beside it, where that can be told.
    fn stuck(&self, explained: f64) -> Step {
        let certificate = self.predicted.map(|_| self.claims.certificate(self.sight(), true, explained));
        Step { certificate, ..self.ended(Status::Plateau) }
    }

    /// Moves to the point that the search has left.
    fn take(&mut self, problem: &mut Problem<'_>, a: f64, f: f64) -> Result<Step, Halt> {
        let first = self.memory.is_empty();
        let kept = self.memory.store(&self.x, &self.xn, &self.g, &self.gn);
        let odd = self.verify && {
            let promised = if self.bounds.is_some() {
                vectors::minus(&self.xn, &self.x, &mut self.d);
                dot(&self.g, &self.d)
            } else {
                a * self.slope
            };
            self.claims.odd(f - self.f, promised + 0.5 * self.memory.bent())
        };
        if kept {
            self.gamma = Some(self.memory.gamma());
        } else if first && self.gamma.is_none() {
            vectors::minus(&self.xn, &self.x, &mut self.d);
            self.gamma = Some(4.0 * (dot(&self.d, &self.d) / dot(&self.g, &self.g)).sqrt());
        }
        self.adopt(problem, f);
        if odd && doubt::doubtful(problem) {
            self.downhill();
            if let Doubt::Inconsistent(status) = self.look(problem, false)? {
                return Ok(self.ended(status));
            }
        }
        if self.claims.took(f) {
            return self.rest(problem);
        }
        if self.claims.due() && self.verify && doubt::doubtful(problem) {
            doubt::scattered(self.memory.dim(), &mut self.d);
            if let Doubt::Inconsistent(status) = self.look(problem, false)? {
                return Ok(self.ended(status));
            }
        }
        if self.claims.lowered() {
            self.failures = 0;
        }
        if largest(&self.x) > self.reach {
            return Ok(self.ended(Status::Unbounded));
        }
        self.stand(problem, a)
    }

    /// The new point becomes where it stands.
    fn adopt(&mut self, problem: &Problem<'_>, f: f64) {
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.measure(problem);
    }

    /// Aims from where it stands, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>, rate: f64) -> Result<Step, Halt> {
        let down = self.aim();
        let scaled = !self.memory.is_empty() && down;
        self.predicted = scaled.then_some(-0.5 * self.slope);
        if !down && self.still() {
            self.predicted = Some(0.0);
            return self.claim(problem, Status::Converged, 0.0);
        }
        let exactly = self.claims.as_scipy();
        if self.claims.converged(self.sight(), || self.by_diagonal(&self.memory.metric()))
            && (exactly || self.steep() <= STEEP[0])
        {
            return self.claim(problem, Status::Converged, 0.0);
        }
        if !down {
            return self.rest(problem);
        }
        if scaled && problem.offers().differences > 0 && !self.claims.as_scipy() {
            let explained = self.explained(problem);
            if self.drowned(problem, explained) {
                return self.claim(problem, Status::PrecisionLimit, explained);
            }
        }
        Ok(Step { rate, ..self.here() })
    }

    /// Whether what is left lies below the noise of the differences, and all that this noise can hide, by what the steps
    /// have met, is far below the tolerance: ten steps more would only wander about.
    fn drowned(&mut self, problem: &mut Problem<'_>, explained: f64) -> bool {
        if self.claims.plunged() {
            return false;
        }
        let n = self.memory.dim();
        let mut noise = Aligned::zeros(n);
        // F is 0 but for its rounding: nothing is small beside that, but what it has fallen by is known.
        let zero = self.f.abs() <= 1e2 * problem.accuracy(&mut noise[..n]);
        let small = self.claims.small(self.f).max(if zero { self.claims.lost(self.f) } else { 0.0 });
        let small = 1e2 * small;
        let left = self.predicted.unwrap_or(f64::INFINITY).max(self.by_diagonal(&self.memory.metric()));
        if !(left <= explained.min(small)) || self.steep() > STEEP[0] {
            return false;
        }
        let mut hidden = Aligned::zeros(n);
        self.memory.direction(&noise, &mut hidden);
        -0.5 * dot(&noise, &hidden) <= small
    }

    /// See [`Claims::steep`].
    fn steep(&self) -> f64 {
        // A slope far below those that the steps went through is no kink's.
        let counts = |j: usize| self.room(j, -self.g[j]) > 0.0 && self.g[j].abs() > 0.03 * self.memory.turned(j);
        self.claims.steep(&self.x, &self.start, &self.g, counts)
    }

    fn sight(&self) -> Sight {
        Sight { value: self.f, slope: self.residual, predicted: self.predicted }
    }

    fn room(&self, j: usize, way: f64) -> f64 {
        self.bounds.as_ref().map_or(f64::INFINITY, |b| b.room(&self.x, j, way))
    }

    /// Whether no coordinate has a slope that it could follow.
    fn still(&self) -> bool {
        (0..self.memory.dim()).all(|j| self.g[j] == 0.0 || self.room(j, -self.g[j]) == 0.0)
    }

    /// The decrease that the diagonal metric predicts; where it is not known of a coordinate, the length of the whole.
    fn by_diagonal(&self, metric: &[f64]) -> f64 {
        let whole = self.gamma.unwrap_or(f64::INFINITY);
        let known: Vec<f64> = metric.iter().map(|d| if d.is_nan() { whole } else { *d }).collect();
        diagonal(&self.g[..self.memory.dim()], &known, |j, way| self.room(j, way))
    }

    /// What rounding, and the noise of what is differenced, can hide of a decrease.
    fn explained(&self, problem: &mut Problem<'_>) -> f64 {
        let rounding = self.claims.rounding(self.f);
        if problem.offers().differences == 0 {
            return rounding;
        }
        let n = self.memory.dim();
        let mut noise = vec![0.0; n];
        let value = problem.accuracy(&mut noise);
        let metric = match (&self.metric, self.memory.is_empty()) {
            (_, false) => self.memory.metric(),
            (Some(metric), true) => metric.clone(),
            _ => return rounding.max(value),
        };
        let small = 1e4 * self.claims.small(self.f);
        let slopes: f64 = (0..n).map(|j| metric[j] * noise[j] * noise[j]).filter(|e| !e.is_nan()).sum();
        rounding.max(4.0 * value).max(slopes.min(small))
    }

    /// Convergence, unless a look at both sides says otherwise.
    fn claim(&mut self, problem: &mut Problem<'_>, verdict: Status, explained: f64) -> Result<Step, Halt> {
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
    fn beyond(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
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
    fn unmoved(&mut self, problem: &mut Problem<'_>) -> Result<Option<usize>, Halt> {
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
    fn stretched(&mut self, problem: &mut Problem<'_>, j: usize) -> Result<Step, Halt> {
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
    fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
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
    fn anew(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
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
    fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
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
    fn downhill(&mut self) {
        let lengths = self.lengths();
        let n = self.memory.dim();
        (0..n).for_each(|j| self.d[j] = -self.g[j] * lengths[j]);
        let size = largest(&self.d);
        self.d.iter_mut().for_each(|d| *d /= size);
    }

    /// How far each coordinate has to go to make a difference.
    fn lengths(&self) -> Vec<f64> {
        let n = self.memory.dim();
        let metric = match (&self.metric, self.memory.is_empty()) {
            (_, false) => self.memory.metric(),
            (Some(metric), true) => metric.clone(),
            _ => vec![f64::NAN; n],
        };
        doubt::lengths(&metric, &self.x[..n], &self.g[..n], self.claims.near(self.f), &|j, way| self.room(j, way))
    }

    /// Looks at both sides along d (which is lost), a multiple of the lengths.
    fn look(&mut self, problem: &mut Problem<'_>, ahead: bool) -> Result<Doubt, Halt> {
        self.known(problem, ahead, doubt::look)
    }

    /// Where nothing is known of the curvature, or F was seen to bend down: a lower point at any scale, in `xn`.
    fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
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
    fn known<T>(
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
    fn noise(&mut self, problem: &mut Problem<'_>) -> Result<f64, Halt> {
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

    fn notice(&mut self, problem: &mut Problem<'_>) {
        let scales = if self.warned { None } else { self.memory.scales(problem.units) };
        if let Some((ratio, steep, flat)) = scales
            && let Some(finding) = doubt::bad_scaling(ratio, steep, flat)
        {
            self.warned = true;
            problem.findings.push(finding);
        }
    }

    /// Finds the direction; false where no direction leads down.
    fn aim(&mut self) -> bool {
        loop {
            if !self.memory.is_empty() && !self.direct() {
                self.forget();
            }
            if self.memory.is_empty() {
                self.plain();
            }
            self.slope = dot(&self.g, &self.d);
            if self.slope < 0.0 && self.slope.is_finite() {
                return true;
            }
            if self.memory.is_empty() {
                return false;
            }
            self.forget();
        }
    }

    /// d = −a g over the free coordinates.
    fn plain(&mut self) {
        if let Some(b) = &mut self.bounds {
            b.release(&self.x, &self.g);
            self.d.fill(0.0);
            vectors::add_over(&b.free, -1.0, &self.g, &mut self.d);
        } else {
            vectors::scaled(-1.0, &self.g, &mut self.d);
        }
        let a = self.gamma.unwrap_or_else(|| (1.0 / dot(&self.d, &self.d).sqrt()).min(1.0));
        self.d.iter_mut().for_each(|d| *d *= a);
    }

    /// d = −H g over the free coordinates, none of which is pushed out of its bounds; false where no pair is fit.
    fn direct(&mut self) -> bool {
        let Some(b) = &mut self.bounds else {
            self.memory.direction(&self.g, &mut self.d);
            return true;
        };
        b.release(&self.x, &self.g);
        for _ in 0..10 {
            if b.all_free() {
                self.memory.direction(&self.g, &mut self.d);
            } else if !self.memory.direction_over(&b.free, &self.g, &mut self.d) {
                return false;
            }
            if b.hold(&self.x, &self.d) == 0 {
                return true;
            }
        }
        for (d, free) in self.d.iter_mut().zip(&*b.free) {
            *d *= free;
        }
        true
    }
}
