//! L-BFGS along the projected path, for smooth functions of any size, with or without bounds.
use crate::curvature::Curvature;
use crate::problem::{Facts, Problem};
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use crate::units::Units;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, STEEP, Sight, diagonal, not_finite, sizes};
use crate::methods::doubt::{self, Doubt};
use crate::settings::Described;
use crate::vectors::{self, Aligned, dot, largest};
use bounds::Bounds;
use memory::Memory;
use search::Path;

mod bounds;
mod claim;
mod loops;
pub(super) mod memory;
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
#[derive(Default)]
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

/// A point beyond this times the start's size, reached downhill, is taken to be diverging.
const FAR: f64 = 1e20;
/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;

state!(Work {
    memory, bounds, claims, start: vector, x, xn, g, gn, d, slope, f, unit, plain, residual, predicted, metric: vector,
    gamma, failures, escapes, verify, warned, reach,
} but set);

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("work", &mut self.work)?;
        v.check("work", self.work.is_some(), "has not begun")?;
        self.work.iter_mut().for_each(|w| w.set = self.set);
        Ok(())
    }
}

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
    fn state(&mut self) -> &mut dyn State {
        self
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
