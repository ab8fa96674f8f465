//! Newton's method for functions of a few hundred variables, regularised where the function bends the wrong way.
use crate::curvature::Curvature;
use crate::cholesky::Cholesky;
use crate::problem::{Facts, Problem};
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use crate::units::Units;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, Sight, diagonal, not_finite, sizes};
use crate::methods::doubt::{self, Doubt};
use crate::settings::Described;
use crate::health::{Finding, Severity};
use crate::vectors::{dot, largest, room};

mod claim;

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
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
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

#[derive(Default)]
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
    unit: f64,
    plain: bool,
    /// max |g| in its own units.
    residual: f64,
    /// The decrease that H predicts; none where H is not positive definite.
    predicted: Option<f64>,
    lambda: f64,
    /// d'Hd of the step that was aimed at.
    bent: f64,
    /// Steps in a row over which the gradient changed by other than H foretold.
    odd: u32,
    /// Steps in a row that the noise of the differences would have hidden.
    drowned: u32,
    /// H is not the function's: differences of gradients stand in for it.
    own: bool,
    factor: Option<Cholesky>,
    /// Whether H itself is positive definite at x.
    convex: bool,
    /// Whether the model foretold the last decrease.
    foretold: bool,
    verify: bool,
    escapes: u32,
    reach: f64,
}

/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;
/// As many steps in a row whose foretold decrease noise would hide, and nothing more is to be gained by such slopes.
const DROWNED: u32 = 3;

state!(Work {
    n, claims, x: vector, xn: vector, g: vector, gn: vector, h: square, d: vector, f, unit, plain, residual, predicted,
    lambda, bent, odd, drowned, own, factor, convex, foretold, verify, escapes, reach,
});

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("work", &mut self.work)?;
        v.check("work", self.work.as_ref().is_some_and(|w| w.n == v.dim()), "is of another run")
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        // The Hessian, its factor, and one more while either is made.
        room(n.saturating_mul(n).saturating_mul(3)).map_err(|why| {
            Halt::Failed(format!("newton needs {n} x {n} matrices of {why}; use lbfgs").into())
        })?;
        let (mut at, mut g) = (x.to_vec(), vec![0.0; n]);
        let mut f = problem.total_gradient(x, &mut g)?;
        let fit = not_finite(f, &g);
        if problem.scalable() && fit.is_none() {
            *problem.units = Units::new(sizes(x, f, &g, |_| f64::INFINITY), f, &g);
            problem.units.inward(x, &mut at);
            problem.units.slopes(&mut g);
            f /= problem.units.value();
        }
        let Newton { gtol, ftol, verify, .. } = self.set;
        let mut work = Work {
            n,
            claims: Claims::new(f, problem.stop.tolerance, gtol, ftol),
            reach: 1e20 * largest(&at).max(1.0),
            xn: vec![0.0; n],
            gn: vec![0.0; n],
            h: vec![0.0; n * n],
            d: vec![0.0; n],
            lambda: 0.0,
            factor: None,
            convex: false,
            foretold: false,
            verify: verify > 0.0 && doubt::cheap(problem),
            unit: problem.units.value(),
            plain: problem.units.plain(),
            predicted: None,
            bent: 0.0,
            odd: 0,
            drowned: 0,
            own: false,
            escapes: 0,
            residual: f64::NAN,
            x: at,
            g,
            f,
        };
        work.measure(problem);
        let step = match fit {
            Some(why) => work.ended(why),
            None => work.stand(problem, 0.0)?,
        };
        // A look around may have left the start already.
        problem.units.outward(&work.x, x);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem)?;
        problem.units.outward(&work.x, x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().filter(|w| w.plain).map(|w| &w.g[..])
    }
    fn curvature(&self) -> Option<Curvature> {
        self.work.as_ref().filter(|w| w.convex).map(|w| Curvature::Hessian(w.h.clone()))
    }
}

impl Work {
    /// Steps shortened by more and more λ until one goes down.
    fn step(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        for _ in 0..60 {
            self.bent = self.bend();
            let promised = -(dot(&self.g, &self.d) + 0.5 * self.bent);
            (0..self.n).for_each(|j| self.xn[j] = self.x[j] + self.d[j]);
            if self.xn == self.x {
                break;
            }
            let (f, hopeful) = self.try_there(problem)?;
            if f == f64::NEG_INFINITY {
                return Ok(self.ended(Status::Unbounded));
            }
            let sound = hopeful && largest(&self.gn).is_finite();
            let ratio = (self.f - f) / promised;
            // So small a decrease that rounding may hide it: then the slopes say whether it is nearer.
            let near = hopeful && promised <= 1e-8 * self.f.abs() && largest(&self.gn) < largest(&self.g);
            if sound && (ratio > 1e-4 && f < self.f || near) {
                self.drowned = if promised <= self.explained(problem) { self.drowned + 1 } else { 0 };
                return self.take(problem, f, ratio, near);
            }
            self.lambda = (10.0 * self.lambda).max(1e-3);
            if !self.aim() {
                break;
            }
        }
        self.rest(problem)
    }

    /// The value at `xn`, and whether it is low enough for a step; its gradient only where it is, or comes along.
    fn try_there(&mut self, problem: &mut Problem<'_>) -> Result<(f64, bool), Halt> {
        let low = |f: f64| f.is_finite() && f <= self.f + 1e-13 * self.f.abs();
        if !problem.offers().values_are_cheap {
            let f = problem.total_gradient(&self.xn, &mut self.gn)?;
            return Ok((f, low(f)));
        }
        let f = problem.total(&self.xn)?;
        if low(f) {
            problem.total_gradient_there(&self.xn, &mut self.gn)?;
        }
        Ok((f, low(f)))
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
        let (before, now) = (dot(&self.gn, &self.d), dot(&self.g, &self.d));
        let odd = self.claims.odd(f - self.f, 0.5 * (before + now));
        let far = (now - before - self.bent).abs() > 0.3 * (now - before).abs().max(self.bent.abs());
        self.odd = if far && self.claims.matters(f - self.f) { self.odd + 1 } else { 0 };
        self.f = f;
        self.measure(problem);
        if odd && self.verify && doubt::doubtful(problem) {
            let lengths = self.lengths();
            self.downhill(&lengths);
            if let Doubt::Inconsistent(status) = self.look(problem)? {
                return Ok(self.ended(status));
            }
        }
        if self.claims.took(f) || self.drowned >= DROWNED {
            self.drowned = 0;
            return self.rest(problem);
        }
        if largest(&self.x) > self.reach {
            return Ok(self.ended(Status::Unbounded));
        }
        if self.claims.due() && self.verify && doubt::doubtful(problem) {
            let before = self.d.clone();
            doubt::scattered(self.n, &mut self.d);
            if let Doubt::Inconsistent(status) = self.look(problem)? {
                return Ok(self.ended(status));
            }
            self.d = before;
        }
        let rate = dot(&self.d, &self.d).sqrt();
        self.suspect(problem)?;
        self.stand(problem, rate)
    }

    /// max |g|, where SciPy's criteria ask for it.
    fn measure(&mut self, problem: &Problem<'_>) {
        if self.claims.as_scipy() {
            let units = &problem.units;
            let slope = |j: usize| self.g[j].abs() * units.value() / units.length(j);
            self.residual = (0..self.n).map(slope).fold(0.0, f64::max);
        }
    }

    /// Where the gradient changes by other than H foretells, a few times in a row: looks whether H is the function's.
    fn suspect(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        const ODD: u32 = 3;
        if self.odd < ODD || !self.verify || self.own || !problem.offers().products {
            return Ok(());
        }
        self.odd = 0;
        self.curvature(problem)?;
        self.d.iter_mut().zip(&self.g).for_each(|(d, g)| *d = -g);
        self.agree(problem).map(|_| ())
    }

    /// Whether the gradient changes along d as H says (d is lost). Where not, says so and takes differences instead.
    fn agree(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        if self.own || !problem.offers().products {
            return Ok(true);
        }
        let lengths = self.lengths();
        let far = |d: &[f64]| d.iter().zip(&lengths).map(|(d, l)| (d / l).abs()).fold(0.0, f64::max);
        let size = far(&self.d);
        if !(size > 0.0 && size.is_finite()) {
            return Ok(true);
        }
        self.d.iter_mut().for_each(|d| *d /= size);
        let claimed = self.bend();
        let mut seen = [0.0; 2];
        for (h, seen) in [1e-4, 1e-5].into_iter().zip(&mut seen) {
            (0..self.n).for_each(|j| self.xn[j] = self.x[j] + h * self.d[j]);
            problem.total_gradient(&self.xn, &mut self.gn)?;
            let slopes = [dot(&self.gn, &self.d), dot(&self.g, &self.d)];
            *seen = (slopes[0] - slopes[1]) / h;
            let size = seen.abs().max(claimed.abs());
            // The rounding of a slope over the step is not to be taken for curvature.
            let noise = f64::EPSILON * 1e2 * slopes[0].abs().max(slopes[1].abs()) / h;
            if !((*seen - claimed).abs() > 0.1 * size + noise) {
                return Ok(true);
            }
        }
        if (seen[0] - seen[1]).abs() > 0.05 * seen[0].abs().max(seen[1].abs()) {
            return Ok(true);
        }
        self.own = true;
        let unit = problem.units.value();
        problem.findings.push(Finding {
            kind: "hessian_inconsistent",
            severity: Severity::Problem,
            sentence: format!(
                "The Hessian given is not the function's: along one direction the gradient changes by {:.6e} where the Hessian says {:.6e}. Differences of gradients were taken instead.",
                seen[1] * unit, claimed * unit
            ),
            evidence: vec![("seen", seen[1] * unit), ("claimed", claimed * unit)],
            threshold: 0.1,
            remedy: "Check hess (or hessp) against differences of jac.".into(),
        });
        Ok(false)
    }

    /// Looks at the curvature where it stands, aims, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>, rate: f64) -> Result<Step, Halt> {
        self.curvature(problem)?;
        if !self.h.iter().all(|h| h.is_finite()) {
            return Ok(self.ended(Status::NotFinite("an entry of the Hessian".into())));
        }
        let aimed = self.aim();
        self.convex = false;
        self.predicted = None;
        if aimed && self.lambda == 0.0 {
            (self.convex, self.predicted) = (true, Some(-0.5 * dot(&self.g, &self.d)));
        } else if let Some(factor) = Cholesky::new(self.n, &self.h, |_| 0.0) {
            self.xn.copy_from_slice(&self.g);
            factor.solve(&mut self.xn);
            let left = 0.5 * dot(&self.g, &self.xn);
            (self.convex, self.predicted) = (left.is_finite(), left.is_finite().then_some(left));
        }
        if largest(&self.g) == 0.0 {
            self.predicted = Some(0.0);
            return self.claim(problem, rate, Status::Converged, 0.0);
        }
        let done = if self.foretold && self.convex {
            self.claims.foretold(self.sight())
        } else {
            self.claims.converged(self.sight(), || self.by_diagonal())
        };
        if done {
            return self.claim(problem, rate, Status::Converged, 0.0);
        }
        if !aimed {
            return self.rest(problem);
        }
        Ok(Step { rate, ..self.here() })
    }

    fn sight(&self) -> Sight {
        Sight { value: self.f, slope: self.residual, predicted: self.predicted }
    }

    /// One over what H has along each coordinate.
    fn metric(&self) -> Vec<f64> {
        let one = |j: usize| match self.h[j * self.n + j].abs() {
            0.0 => f64::NAN,
            h => 1.0 / h,
        };
        (0..self.n).map(one).collect()
    }

    fn by_diagonal(&self) -> f64 {
        diagonal(&self.g, &self.metric(), doubt::endless)
    }

    /// H at x, symmetric: given, or from products, or from gradients on both sides.
    fn curvature(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let n = self.n;
        let offers = problem.offers();
        let whole = (offers.products && !self.own).then_some(offers.hessian);
        match whole {
            Some(true) => problem.hessian(&self.x, &mut self.h)?,
            Some(false) => {
                for j in 0..n {
                    self.d.fill(0.0);
                    self.d[j] = 1.0;
                    problem.product(&self.x, &self.d, &mut self.h[j * n..][..n])?;
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
        let lengths: Vec<f64> = (0..n).map(|j| self.reach_of(j)).collect();
        // The noisier the gradients, the further apart they have to be.
        let mut noise = vec![0.0; n];
        problem.accuracy(&mut noise);
        let size = self.claims.size(self.f).max(f64::MIN_POSITIVE);
        let share = noise.iter().zip(&lengths).map(|(v, l)| v * l / size).fold(f64::EPSILON, f64::max);
        let share = share.min(1e-3).cbrt();
        for (j, length) in lengths.into_iter().enumerate() {
            let h = share * length;
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

    /// How far differences of gradients go along a coordinate: by its own size, and what the curvature was before.
    fn reach_of(&self, j: usize) -> f64 {
        let size = self.x[j].abs();
        let by_curvature = (self.claims.size(self.f) / self.h[j * self.n + j].abs()).sqrt();
        if by_curvature.is_normal() { by_curvature.min(size.max(1.0)).max(1e-3 * size) } else { size.max(1.0) }
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
        let slope = largest(&self.g) / (1.0 + largest(&self.x));
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
        let residual = self.claims.residual(self.f, self.predicted);
        let residual = if self.claims.as_scipy() { self.residual } else { residual };
        Step { value: self.f * self.unit, residual, ..Step::default() }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// Stuck, with what is left beside it, where that can be told.
    fn stuck(&self, explained: f64) -> Step {
        let certificate = self.predicted.map(|_| self.claims.certificate(self.sight(), true, explained));
        Step { certificate, ..self.ended(Status::Plateau) }
    }
}
