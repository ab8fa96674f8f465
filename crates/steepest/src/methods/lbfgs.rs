//! L-BFGS along the projected path, for smooth functions of any size, with or without bounds.
use crate::descend::{Halt, Problem, Status};
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, not_finite};
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
    /// d = −H g, x ← P(x + a d). Convergence is claimed only where the projected gradient, the decrease that
    /// the next step predicts and the decrease over the last ten steps are all small.
    ///
    /// Nocedal 1980; Liu and Nocedal 1989; Hager and Zhang 2005; Bertsekas 1982.
    "lbfgs" Lbfgs {
        /// Pairs of steps and changes of the gradient that are remembered; all of them where there are no more variables.
        memory = 30.0 in 1.0 => 1000.0,
        /// SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// 1 to look at both sides of the point before convergence is claimed (two evaluations), 0 not to.
        verify = 1.0 in 0.0 => 1.0,
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

/// What it holds while at work. Vectors are padded to whole lanes.
struct Work {
    memory: Memory,
    bounds: Option<Bounds>,
    claims: Claims,
    x: Aligned,
    xn: Aligned,
    g: Aligned,
    gn: Aligned,
    d: Aligned,
    slope: f64,
    f: f64,
    residual: f64,
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

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut work = Work::new(&self.set, problem, x)?;
        let step = match not_finite(work.f, &work.g[..x.len()]) {
            Some(why) => work.ended(why),
            None => work.stand(problem, 0.0)?,
        };
        x.copy_from_slice(&work.x[..x.len()]);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem)?;
        x.copy_from_slice(&work.x[..x.len()]);
        Ok(step)
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().map(|w| &w.g[..w.memory.dim()])
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
        let f = problem.total_gradient(&x[..n], &mut g[..n])?;
        let residual = bounds.as_ref().map_or_else(|| largest(&g), |b| b.residual(&x, &g));
        Ok(Work {
            memory: Memory::new(n, set.memory as usize, bounds.is_some()),
            claims: Claims::new(f, residual, problem.stop.tolerance, set.gtol, set.ftol)
                .steep(bounds.as_mut().map_or(residual, |b| b.steepest(&x, &g))),
            reach: FAR * largest(&x).max(1.0),
            verify: set.verify > 0.0 && doubt::doubtful(problem),
            slope: 0.0,
            gamma: None,
            failures: 0,
            escapes: 0,
            warned: false,
            bounds,
            x,
            xn,
            g,
            gn,
            d,
            f,
            residual,
        })
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
            if self.memory.is_empty() || self.failures > 3 {
                return self.rest(problem);
            }
            self.memory.clear();
            if !self.aim() {
                return self.rest(problem);
            }
        }
    }

    /// Where it stands, and why it goes no further.
    fn ended(&self, verdict: Status) -> Step {
        Step { value: self.f, residual: self.residual, verdict: Some(verdict), ..Step::default() }
    }

    /// Moves to the point that the search has left.
    fn take(&mut self, problem: &mut Problem<'_>, a: f64, f: f64) -> Result<Step, Halt> {
        let first = self.memory.is_empty();
        if self.memory.store(&self.x, &self.xn, &self.g, &self.gn) {
            self.gamma = Some(self.memory.gamma());
        } else if first && self.gamma.is_none() {
            vectors::minus(&self.xn, &self.x, &mut self.d);
            self.gamma = Some(4.0 * (dot(&self.d, &self.d) / dot(&self.g, &self.g)).sqrt());
        }
        self.adopt(f);
        if self.claims.took(f) {
            return self.rest(problem);
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
    fn adopt(&mut self, f: f64) {
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        let bounds = self.bounds.as_ref();
        self.residual = bounds.map_or_else(|| largest(&self.g), |b| b.residual(&self.x, &self.g));
    }

    /// Aims from where it stands, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>, rate: f64) -> Result<Step, Halt> {
        let step = Step { value: self.f, residual: self.residual, rate, ..Step::default() };
        let down = self.residual > 0.0 && self.aim();
        let scaled = !self.memory.is_empty() && down;
        let predicted = scaled.then_some(-0.5 * self.slope);
        if self.claims.converged(self.f, self.residual, predicted) {
            return self.claim(problem, step, Status::Converged);
        }
        if !down {
            return self.rest(problem);
        }
        Ok(step)
    }

    /// Convergence, unless a look at both sides says otherwise.
    fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        step: Step,
        verdict: Status,
    ) -> Result<Step, Halt> {
        self.notice(problem);
        let certificate = Some(self.claims.certificate(self.residual));
        let sure = Step { verdict: Some(verdict), certificate, ..step.clone() };
        if !self.verify
            || self.residual == 0.0 && self.bounds.as_ref().is_some_and(Bounds::none_free)
        {
            return Ok(sure);
        }
        let n = self.memory.dim();
        doubt::scattered(n, &mut self.d);
        let doubt = self.look(problem)?;
        match doubt {
            Doubt::Inconsistent(status) => {
                Ok(Step { verdict: Some(status), certificate: None, ..step })
            }
            Doubt::Lower(_) if self.escapes < 5 => self.escape(problem),
            _ => {
                self.aim();
                Ok(sure)
            }
        }
    }

    /// Leaves a saddle or a maximum by the lower side that was seen.
    fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.escapes += 1;
        self.memory.clear();
        let n = self.memory.dim();
        let f = problem.total_gradient(&self.xn[..n], &mut self.gn[..n])?;
        if !(f < self.f && largest(&self.gn).is_finite()) {
            return self.rest(problem);
        }
        self.adopt(f);
        self.claims.took(f);
        self.stand(problem, 0.0)
    }

    /// Nothing lower is found any more: the arithmetic's end, a kink, or a gradient that is not the function's.
    fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.notice(problem);
        let step = Step { value: self.f, residual: self.residual, ..Step::default() };
        let verdict = self.claims.at_rest(self.residual);
        if verdict == Status::PrecisionLimit {
            return self.claim(problem, step, verdict);
        }
        if !doubt::doubtful(problem) {
            return Ok(Step { verdict: Some(verdict), ..step });
        }
        vectors::scaled(-1.0 / dot(&self.g, &self.g).sqrt(), &self.g, &mut self.d);
        let verdict = match self.look(problem)? {
            Doubt::Inconsistent(status) => status,
            Doubt::Kink(slopes) => {
                problem.findings.push(doubt::kink(slopes));
                verdict
            }
            _ => verdict,
        };
        Ok(Step { verdict: Some(verdict), ..step })
    }

    /// Looks at both sides along d (which is lost).
    fn look(&mut self, problem: &mut Problem<'_>) -> Result<Doubt, Halt> {
        let n = self.memory.dim();
        let free = self.bounds.as_ref().map(|b| {
            b.interior(&self.x, &mut self.gn);
            &self.gn[..n]
        });
        let known = Known {
            x: &self.x[..n],
            value: self.f,
            gradient: &self.g[..n],
            scale: self.claims.scale(),
            free,
        };
        doubt::look(problem, &known, &mut self.d, &mut self.xn)
    }

    fn notice(&mut self, problem: &mut Problem<'_>) {
        let scales = if self.warned { None } else { self.memory.scales() };
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
                self.memory.clear();
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
            self.memory.clear();
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
