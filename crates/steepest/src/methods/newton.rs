//! Newton's method for functions of a few hundred variables, regularised where the function bends the wrong way.
use crate::cholesky::Cholesky;
use crate::descend::{Halt, Problem, Status};
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, not_finite};
use crate::methods::doubt::{self, Doubt, Known};
use crate::settings::Described;
use crate::vectors::{dot, largest, room};

crate::settings! {
    /// Newton's method: (H + λ D) d = −g, D the diagonal of |H|; λ follows from how well the quadratic model
    /// foretold the last decrease, and is 0 near a proper minimum, where convergence is quadratic.
    ///
    /// H is the Hessian where it is given, else its products with the axes, else differences of gradients.
    /// At a stationary point that is no minimum it leaves along a direction of negative curvature.
    ///
    /// Levenberg 1944; Marquardt 1963; Moré and Sorensen 1983; Nocedal and Wright 2006, chapter 4.
    "newton" Newton {
        /// SciPy's criterion: claim convergence where max |g| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// 1 to look at both sides of the point before convergence is claimed (two evaluations), 0 not to.
        verify = 1.0 in 0.0 => 1.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Newton::<f64>::NAME,
    doc: Newton::<f64>::DOC,
    parameters: Newton::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Quadratic, ..Needs::GRADIENT },
    suits,
    build: |settings| Box::new(Descent { set: Newton::of(settings), work: None }),
};

/// Up to here the factorisation is cheap beside most functions.
const SMALL: usize = 200;

fn suits(facts: &Facts) -> Option<Suit> {
    // One output over a table has better; several have their Hessian in a read or two.
    let few = if facts.glm { facts.outputs > 1 && facts.dim <= 5 * SMALL } else { facts.dim <= SMALL };
    (facts.hessian && few).then(|| Suit {
        passes: 15.0,
        reason: format!("the Hessian is given and {} variables are few enough to solve with it", facts.dim),
    })
}

struct Descent {
    set: Newton,
    work: Option<Work>,
}

struct Work {
    n: usize,
    claims: Claims,
    x: Vec<f64>,
    xn: Vec<f64>,
    g: Vec<f64>,
    gn: Vec<f64>,
    h: Vec<f64>,
    d: Vec<f64>,
    f: f64,
    residual: f64,
    lambda: f64,
    factor: Option<Cholesky>,
    /// Whether H itself is positive definite at x.
    convex: bool,
    /// Whether the model foretold the last decrease.
    foretold: bool,
    verify: bool,
    escapes: u32,
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        // The Hessian, its factor, and one more while either is made.
        room(n.saturating_mul(n).saturating_mul(3)).map_err(|why| {
            Halt::Failed(format!("newton holds matrices of {n} x {n} numbers, and {why}: take lbfgs").into())
        })?;
        let mut g = vec![0.0; n];
        let f = problem.total_gradient(x, &mut g)?;
        let residual = largest(&g);
        let Newton { gtol, ftol, verify, .. } = self.set;
        let mut work = Work {
            n,
            claims: Claims::new(f, residual, problem.stop.tolerance, gtol, ftol),
            x: x.to_vec(),
            xn: vec![0.0; n],
            gn: vec![0.0; n],
            h: vec![0.0; n * n],
            d: vec![0.0; n],
            lambda: 0.0,
            factor: None,
            convex: false,
            foretold: false,
            verify: verify > 0.0 && doubt::doubtful(problem),
            escapes: 0,
            g,
            f,
            residual,
        };
        let step = match not_finite(f, &work.g) {
            Some(why) => work.ended(why),
            None => work.stand(problem, 0.0)?,
        };
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem)?;
        x.copy_from_slice(&work.x);
        Ok(step)
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().map(|w| &w.g[..])
    }
}

impl Work {
    /// Steps shortened by more and more λ until one goes down.
    fn step(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        for _ in 0..60 {
            let promised = -(dot(&self.g, &self.d) + 0.5 * self.bend());
            (0..self.n).for_each(|j| self.xn[j] = self.x[j] + self.d[j]);
            if self.xn == self.x {
                break;
            }
            let f = problem.total_gradient(&self.xn, &mut self.gn)?;
            if f == f64::NEG_INFINITY {
                return Ok(self.ended(Status::Unbounded));
            }
            let sound = f.is_finite() && largest(&self.gn).is_finite();
            let ratio = (self.f - f) / promised;
            let near = f <= self.f + 1e-13 * self.f.abs() && largest(&self.gn) < self.residual;
            if sound && (ratio > 1e-4 && f < self.f || near) {
                return self.take(problem, f, ratio, near);
            }
            self.lambda = (10.0 * self.lambda).max(1e-3);
            if !self.aim() {
                break;
            }
        }
        self.rest(problem)
    }

    fn take(&mut self, problem: &mut Problem<'_>, f: f64, ratio: f64, near: bool) -> Result<Step, Halt> {
        self.foretold = self.lambda == 0.0 && (near || (ratio - 1.0).abs() < 0.5);
        if ratio > 0.75 || near {
            self.lambda = if self.lambda < 1e-7 { 0.0 } else { 0.1 * self.lambda };
        } else if ratio < 0.25 {
            self.lambda = (4.0 * self.lambda).max(1e-3);
        }
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.residual = largest(&self.g);
        if self.claims.took(f) {
            return self.rest(problem);
        }
        if largest(&self.x) > 1e20 {
            return Ok(self.ended(Status::Unbounded));
        }
        self.stand(problem, dot(&self.d, &self.d).sqrt())
    }

    /// Looks at the curvature where it stands, aims, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>, rate: f64) -> Result<Step, Halt> {
        let step = Step { rate, ..self.here() };
        self.curvature(problem)?;
        if !self.h.iter().all(|h| h.is_finite()) {
            return Ok(self.ended(Status::NotFinite("an entry of the Hessian".into())));
        }
        let aimed = self.aim();
        self.convex = aimed && (self.lambda == 0.0 || Cholesky::new(self.n, &self.h, |_| 0.0).is_some());
        let predicted = aimed.then(|| -0.5 * dot(&self.g, &self.d));
        let predicted = predicted.filter(|_| self.convex || self.residual == 0.0);
        let done = if self.foretold && self.convex {
            self.claims.foretold(self.f, self.residual, predicted)
        } else {
            self.claims.converged(self.f, self.residual, predicted)
        };
        if done {
            return self.claim(problem, step, Status::Converged);
        }
        if !aimed {
            return self.rest(problem);
        }
        Ok(step)
    }

    /// H at x, symmetric: given, or from products, or from gradients on both sides.
    fn curvature(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let n = self.n;
        match problem.objective.curvature().map(|c| c.whole()) {
            Some(true) => {
                problem.counts.products += 1;
                let c = problem.objective.curvature().expect("asked a line ago");
                c.hessian(&self.x, &mut self.h)?;
            }
            Some(false) => {
                for j in 0..n {
                    problem.pause()?;
                    problem.counts.products += 1;
                    self.d.fill(0.0);
                    self.d[j] = 1.0;
                    let c = problem.objective.curvature().expect("asked above");
                    c.product(&self.x, &self.d, &mut self.h[j * n..][..n])?;
                }
            }
            None => return self.differences(problem),
        }
        if problem.penalty.offers().quadratic {
            for j in 0..n {
                self.h[j * n + j] += problem.penalty.quadratic(j);
            }
        }
        self.symmetric();
        Ok(())
    }

    fn differences(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let n = self.n;
        self.xn.copy_from_slice(&self.x);
        for j in 0..n {
            let h = f64::EPSILON.cbrt() * self.x[j].abs().max(1.0);
            self.xn[j] = self.x[j] + h;
            problem.total_gradient(&self.xn, &mut self.gn)?;
            self.xn[j] = self.x[j] - h;
            problem.total_gradient(&self.xn, &mut self.d)?;
            self.xn[j] = self.x[j];
            for k in 0..n {
                self.h[j * n + k] = (self.gn[k] - self.d[k]) / (2.0 * h);
            }
        }
        self.symmetric();
        Ok(())
    }

    fn symmetric(&mut self) {
        let n = self.n;
        for i in 0..n {
            for j in 0..i {
                let mean = 0.5 * (self.h[i * n + j] + self.h[j * n + i]);
                (self.h[i * n + j], self.h[j * n + i]) = (mean, mean);
            }
        }
    }

    /// The scale of each coordinate that λ is measured in; never 0, also where nothing bends.
    fn scale(&self) -> Vec<f64> {
        let n = self.n;
        let slope = self.residual / (1.0 + largest(&self.x));
        let floor = 1e-8 * largest(&self.h).max(slope).max(f64::MIN_POSITIVE);
        (0..n).map(|j| self.h[j * n + j].abs().max(floor)).collect()
    }

    /// d from (H + λ D) d = −g, with as much λ as the factorisation needs; false where none will do.
    fn aim(&mut self) -> bool {
        let scale = self.scale();
        for _ in 0..60 {
            let lambda = self.lambda;
            self.factor = Cholesky::new(self.n, &self.h, |j| lambda * scale[j]);
            if let Some(factor) = &self.factor {
                (0..self.n).for_each(|j| self.d[j] = -self.g[j]);
                factor.solve(&mut self.d);
                if self.d.iter().all(|d| d.is_finite()) {
                    return true;
                }
            }
            self.lambda = (10.0 * self.lambda).max(1e-6);
        }
        false
    }

    /// d'Hd.
    fn bend(&self) -> f64 {
        let n = self.n;
        (0..n).map(|i| self.d[i] * dot(&self.h[i * n..][..n], &self.d)).sum()
    }

    fn here(&self) -> Step {
        Step { value: self.f, residual: self.residual, ..Step::default() }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// Convergence, unless the curvature or a look at both sides says otherwise.
    fn claim(&mut self, problem: &mut Problem<'_>, step: Step, verdict: Status) -> Result<Step, Halt> {
        if !self.convex && self.escapes < 5 && self.bent_down()
            && let Some(f) = self.down(problem)? {
                return self.escape(problem, f);
            }
        self.notice(problem);
        let certificate = Some(self.claims.certificate(self.residual));
        let sure = Step { verdict: Some(verdict), certificate, ..step };
        if self.verify {
            doubt::scattered(self.n, &mut self.d);
            if let Doubt::Inconsistent(status) = self.look(problem)? {
                return Ok(self.ended(status));
            }
        }
        Ok(sure)
    }

    /// A direction of negative curvature left in d, by inverse iteration; false where there is none to speak of.
    fn bent_down(&mut self) -> bool {
        let Some(factor) = &self.factor else { return false };
        let mut v = vec![0.0; self.n];
        doubt::scattered(self.n, &mut v);
        for _ in 0..20 {
            factor.solve(&mut v);
            let size = dot(&v, &v).sqrt();
            v.iter_mut().for_each(|v| *v /= size);
        }
        self.d = v;
        self.bend() < -1e-8 * largest(&self.h)
    }

    /// The value at the lowest point along ±d, left in `xn`; none where nothing is lower.
    fn down(&mut self, problem: &mut Problem<'_>) -> Result<Option<f64>, Halt> {
        let size = largest(&self.x).max(1.0);
        for t in [1.0, 0.1, 1e-2, 1e-3, 1e-4] {
            for t in [t * size, -t * size] {
                (0..self.n).for_each(|j| self.xn[j] = self.x[j] + t * self.d[j]);
                let f = problem.total(&self.xn)?;
                if f.is_finite() && f < self.f - 64.0 * f64::EPSILON * self.f.abs() {
                    return Ok(Some(f));
                }
            }
        }
        Ok(None)
    }

    fn escape(&mut self, problem: &mut Problem<'_>, f: f64) -> Result<Step, Halt> {
        self.escapes += 1;
        problem.total_gradient_there(&self.xn, &mut self.gn)?;
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.residual = largest(&self.g);
        self.foretold = false;
        self.claims.took(f);
        if !self.residual.is_finite() {
            return self.rest(problem);
        }
        self.stand(problem, 0.0)
    }

    /// No step lowers the value any more.
    fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let verdict = self.claims.at_rest(self.residual);
        if verdict == Status::PrecisionLimit {
            let here = self.here();
            return self.claim(problem, here, verdict);
        }
        if !doubt::doubtful(problem) {
            return Ok(self.ended(verdict));
        }
        let size = dot(&self.g, &self.g).sqrt();
        (0..self.n).for_each(|j| self.d[j] = -self.g[j] / size);
        let verdict = match self.look(problem)? {
            Doubt::Inconsistent(status) => status,
            Doubt::Kink(slopes) => {
                problem.findings.push(doubt::kink(slopes));
                verdict
            }
            _ => verdict,
        };
        Ok(self.ended(verdict))
    }

    /// Looks at both sides along d (which is lost).
    fn look(&mut self, problem: &mut Problem<'_>) -> Result<Doubt, Halt> {
        let known = Known {
            x: &self.x,
            value: self.f,
            gradient: &self.g,
            scale: self.claims.scale(),
            free: None,
        };
        doubt::look(problem, &known, &mut self.d, &mut self.xn)
    }

    fn notice(&mut self, problem: &mut Problem<'_>) {
        let n = self.n;
        let bend = |j: usize| self.h[j * n + j].abs();
        let by_bend = |a: &usize, b: &usize| bend(*a).total_cmp(&bend(*b));
        let (Some(steep), Some(flat)) = (
            (0..n).max_by(by_bend),
            (0..n).filter(|j| bend(*j) > 0.0).min_by(by_bend),
        ) else {
            return;
        };
        if let Some(finding) = doubt::bad_scaling(bend(steep) / bend(flat), steep, flat) {
            problem.findings.push(finding);
        }
    }
}
