//! Newton's method for functions of a few hundred variables, regularised where the function bends the wrong way.
use crate::curvature::Curvature;
use crate::health::{Finding, Severity};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::{self, dot, largest, room};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::convergence::diagonal;
use crate::methods::gradient_check;
use crate::methods::standing::Standing;
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};

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
pub(super) const SMALL: usize = 200;

fn suits(facts: &Facts) -> Option<Suit> {
    // One output over a table has better; several have their Hessian in a read or two.
    let few =
        if facts.glm { facts.outputs > 1 && facts.dim <= 5 * SMALL } else { facts.dim <= SMALL };
    (facts.hessian && few).then(|| Suit {
        passes: 15.0,
        reason: format!(
            "the Hessian is given and {} variables are few enough to solve with it",
            facts.dim
        ),
    })
}

struct Descent {
    set: Newton,
    work: Option<Work>,
}

#[derive(Default)]
struct Work {
    /// Where it stands; what it predicts there is none where H is not positive definite.
    at: Standing,
    h: Vec<f64>,
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
}

/// As many steps in a row whose foretold decrease noise would hide, and nothing more is to be gained by such slopes.
const DROWNED: u32 = 3;
/// So many lengths, each a thousandth of the last, are tried where gradients on both sides are not finite.
const NEARER: usize = 4;

state!(Work { at, h: square, lambda, bent, odd, drowned, own, factor, convex, foretold });

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("work", &mut self.work)?;
        v.check("work", self.work.as_ref().is_some_and(|w| w.at.n == v.dim()), "is of another run")
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        // The Hessian, its factor, and one more while either is made.
        room(n.saturating_mul(n).saturating_mul(3)).map_err(|why| {
            Halt::Failed(format!("newton needs {n} x {n} matrices of {why}; use lbfgs").into())
        })?;
        let Newton { gtol, ftol, verify, .. } = self.set;
        let at = Standing::new(problem, x, [gtol, ftol, verify])?;
        let mut work = Work { at, h: vec![0.0; n * n], ..Work::default() };
        let step = match work.at.unfit() {
            Some(why) => work.at.ended(why),
            None => work.stand(problem)?,
        };
        // A look around may have left the start already.
        problem.units().outward(&work.at.x[..x.len()], x);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem)?;
        problem.units().outward(&work.at.x[..x.len()], x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().filter(|w| w.at.plain).map(|w| &w.at.g[..w.at.n])
    }
    fn curvature(&self) -> Option<Curvature> {
        self.work.as_ref().filter(|w| w.convex).map(|w| Curvature::Hessian(w.h.clone()))
    }
}

impl Work {
    /// Steps shortened by more and more λ until one goes down.
    fn step(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.at.n;
        for _ in 0..60 {
            self.bent = self.bend();
            let promised = -(dot(&self.at.g[..n], &self.at.d[..n]) + 0.5 * self.bent);
            (0..n).for_each(|j| self.at.xn[j] = self.at.x[j] + self.at.d[j]);
            if *self.at.xn == *self.at.x {
                break;
            }
            let (f, hopeful) = self.try_there(problem)?;
            if f == f64::NEG_INFINITY {
                return Ok(self.at.ended(Status::Unbounded));
            }
            let sound = hopeful && largest(&self.at.gn).is_finite();
            let ratio = (self.at.f - f) / promised;
            // So small a decrease that rounding may hide it: then the slopes say whether it is nearer.
            let near = hopeful
                && promised <= 1e-8 * self.at.f.abs()
                && largest(&self.at.gn) < largest(&self.at.g);
            if sound && (ratio > 1e-4 && f < self.at.f || near) {
                self.drowned =
                    if promised <= self.explained(problem) { self.drowned + 1 } else { 0 };
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
        let (n, before) = (self.at.n, self.at.f);
        let low = |f: f64| f.is_finite() && f <= before + 1e-13 * before.abs();
        let (x, g) = (&self.at.xn[..n], &mut self.at.gn[..n]);
        if !problem.offers().values_are_cheap {
            let f = problem.total_gradient(x, g)?;
            return Ok((f, low(f)));
        }
        let f = problem.total(x)?;
        if low(f) {
            problem.total_gradient_there(x, g)?;
        }
        Ok((f, low(f)))
    }

    fn take(
        &mut self,
        problem: &mut Problem<'_>,
        f: f64,
        ratio: f64,
        near: bool,
    ) -> Result<Step, Halt> {
        self.foretold = self.lambda == 0.0 && (near || (ratio - 1.0).abs() < 0.5);
        if ratio > 0.75 || near {
            self.lambda = if self.lambda < 1e-7 { 0.0 } else { 0.1 * self.lambda };
        } else if ratio < 0.25 {
            self.lambda = (4.0 * self.lambda).max(1e-3);
        }
        let (n, at) = (self.at.n, &mut self.at);
        let (before, now) = (dot(&at.g[..n], &at.d[..n]), dot(&at.gn[..n], &at.d[..n]));
        let change = f - at.f;
        let odd = at.claims.odd(change, 0.5 * (before + now));
        let far =
            (now - before - self.bent).abs() > 0.3 * (now - before).abs().max(self.bent.abs());
        self.odd = if far && at.claims.matters(change) { self.odd + 1 } else { 0 };
        at.rate = dot(&at.d[..n], &at.d[..n]).sqrt();
        at.adopt(problem, f);
        if odd && let Some(status) = self.wrong(problem, true)? {
            return Ok(self.at.ended(status));
        }
        if self.at.claims.took(f) || self.drowned >= DROWNED {
            self.drowned = 0;
            return self.rest(problem);
        }
        if largest(&self.at.x) > self.at.reach {
            return Ok(self.at.ended(Status::Unbounded));
        }
        if self.at.claims.due()
            && let Some(status) = self.wrong(problem, false)?
        {
            return Ok(self.at.ended(status));
        }
        self.suspect(problem)?;
        self.stand(problem)
    }

    /// Whether a look says that the gradient is not the function's.
    fn wrong(&mut self, problem: &mut Problem<'_>, odd: bool) -> Result<Option<Status>, Halt> {
        self.with(|at, view| at.suspect(problem, odd, view))
    }

    /// Where the gradient changes by other than H foretells, a few times in a row: looks whether H is the function's.
    fn suspect(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        const ODD: u32 = 3;
        if self.odd < ODD || !self.at.verify || self.own || !problem.offers().products {
            return Ok(());
        }
        self.odd = 0;
        self.curvature(problem)?;
        vectors::scaled(-1.0, &self.at.g, &mut self.at.d);
        self.agree(problem).map(|_| ())
    }

    /// Whether the gradient changes along d as H says (d is lost). Where not, says so and takes differences instead.
    fn agree(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        if self.own || !problem.offers().products {
            return Ok(true);
        }
        let (n, lengths) = (self.at.n, self.lengths());
        let far =
            |d: &[f64]| d.iter().zip(&lengths).map(|(d, l)| (d / l).abs()).fold(0.0, f64::max);
        let size = far(&self.at.d);
        if !(size > 0.0 && size.is_finite()) {
            return Ok(true);
        }
        self.at.d.iter_mut().for_each(|d| *d /= size);
        let claimed = self.bend();
        let mut seen = [0.0; 2];
        for (h, seen) in [1e-4, 1e-5].into_iter().zip(&mut seen) {
            (0..n).for_each(|j| self.at.xn[j] = self.at.x[j] + h * self.at.d[j]);
            problem.total_gradient(&self.at.xn[..n], &mut self.at.gn[..n])?;
            let slopes =
                [dot(&self.at.gn[..n], &self.at.d[..n]), dot(&self.at.g[..n], &self.at.d[..n])];
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
        let unit = problem.units().value();
        problem.report(Finding {
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
    fn stand(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.at.n;
        self.curvature(problem)?;
        if !self.h.iter().all(|h| h.is_finite()) {
            return Ok(self.at.ended(Status::NotFinite("an entry of the Hessian".into())));
        }
        let aimed = self.aim();
        self.convex = false;
        self.at.predicted = None;
        if aimed && self.lambda == 0.0 {
            (self.convex, self.at.predicted) =
                (true, Some(-0.5 * dot(&self.at.g[..n], &self.at.d[..n])));
        } else if let Some(factor) = Cholesky::new(n, &self.h, |_| 0.0) {
            self.at.xn.copy_from_slice(&self.at.g);
            factor.solve(&mut self.at.xn[..n]);
            let left = 0.5 * dot(&self.at.g[..n], &self.at.xn[..n]);
            (self.convex, self.at.predicted) = (left.is_finite(), left.is_finite().then_some(left));
        }
        if largest(&self.at.g) == 0.0 {
            self.at.predicted = Some(0.0);
            return self.claim(problem, Status::Converged, 0.0);
        }
        let sight = self.at.sight(problem);
        let done = if self.foretold && self.convex {
            self.at.claims.foretold(sight)
        } else {
            self.at.claims.converged(sight, || self.by_diagonal())
        };
        if done {
            return self.claim(problem, Status::Converged, 0.0);
        }
        if !aimed {
            return self.rest(problem);
        }
        Ok(self.at.here())
    }

    /// One over what H has along each coordinate.
    fn metric(&self) -> Vec<f64> {
        let one = |j: usize| match self.h[j * self.at.n + j].abs() {
            0.0 => f64::NAN,
            h => 1.0 / h,
        };
        (0..self.at.n).map(one).collect()
    }

    fn by_diagonal(&self) -> f64 {
        diagonal(&self.at.g[..self.at.n], &self.metric(), gradient_check::endless)
    }

    /// H at x, symmetric: given, or from products, or from gradients on both sides.
    fn curvature(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let n = self.at.n;
        let offers = problem.offers();
        let whole = (offers.products && !self.own).then_some(offers.hessian);
        match whole {
            Some(true) => problem.hessian(&self.at.x[..n], &mut self.h)?,
            Some(false) => {
                for j in 0..n {
                    self.at.d.fill(0.0);
                    self.at.d[j] = 1.0;
                    problem.product(&self.at.x[..n], &self.at.d[..n], &mut self.h[j * n..][..n])?;
                }
            }
            None => return self.differences(problem),
        }
        if problem.penalty().offers().quadratic {
            for j in 0..n {
                self.h[j * n + j] += problem.penalty().quadratic(j);
            }
        }
        self.symmetric();
        Ok(())
    }

    fn differences(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let n = self.at.n;
        self.at.xn.copy_from_slice(&self.at.x);
        let lengths: Vec<f64> = (0..n).map(|j| self.reach_of(j)).collect();
        // The noisier the gradients, the further apart they have to be.
        let mut noise = vec![0.0; n];
        problem.accuracy(&mut noise);
        let size = self.at.claims.size(self.at.f);
        // Where F is 0 and has not fallen nothing is known of its size.
        let of_size = |v: f64| if size > 0.0 { v / size } else { 0.0 };
        let share =
            noise.iter().zip(&lengths).map(|(v, l)| of_size(v * l)).fold(f64::EPSILON, f64::max);
        let share = share.min(1e-3).cbrt();
        for (j, length) in lengths.into_iter().enumerate() {
            let mut h = share * length;
            for _ in 0..NEARER {
                self.at.xn[j] = self.at.x[j] + h;
                problem.total_gradient(&self.at.xn[..n], &mut self.at.gn[..n])?;
                self.at.xn[j] = self.at.x[j] - h;
                problem.total_gradient(&self.at.xn[..n], &mut self.at.d[..n])?;
                self.at.xn[j] = self.at.x[j];
                if largest(&self.at.gn[..n]).is_finite() && largest(&self.at.d[..n]).is_finite() {
                    break;
                }
                h *= 1e-3;
            }
            for k in 0..n {
                self.h[j * n + k] = (self.at.gn[k] - self.at.d[k]) / (2.0 * h);
            }
        }
        self.symmetric();
        Ok(())
    }

    /// How far differences of gradients go along a coordinate: by its own size, and what the curvature was before, or else
    /// as far as its slope would take to change F by all that it is.
    fn reach_of(&self, j: usize) -> f64 {
        let (own, size) = (self.at.x[j].abs(), self.at.claims.size(self.at.f));
        let by_curvature = (size / self.h[j * self.at.n + j].abs()).sqrt();
        let by_slope = size / self.at.g[j].abs();
        let known = if by_curvature.is_normal() { by_curvature } else { by_slope };
        if known.is_normal() { known.min(own.max(1.0)).max(1e-6 * own) } else { own.max(1.0) }
    }

    fn symmetric(&mut self) {
        let n = self.at.n;
        for i in 0..n {
            for j in 0..i {
                let mean = 0.5 * (self.h[i * n + j] + self.h[j * n + i]);
                (self.h[i * n + j], self.h[j * n + i]) = (mean, mean);
            }
        }
    }

    /// The scale of each coordinate that λ is measured in; never 0, also where nothing bends.
    fn scale(&self) -> Vec<f64> {
        let n = self.at.n;
        let slope = largest(&self.at.g) / (1.0 + largest(&self.at.x));
        let floor = 1e-8 * largest(&self.h).max(slope).max(f64::MIN_POSITIVE);
        (0..n).map(|j| self.h[j * n + j].abs().max(floor)).collect()
    }

    /// d from (H + λ D) d = −g, with as much λ as the factorisation needs; false where none will do.
    fn aim(&mut self) -> bool {
        let (n, scale) = (self.at.n, self.scale());
        for _ in 0..60 {
            let lambda = self.lambda;
            self.factor = Cholesky::new(n, &self.h, |j| lambda * scale[j]);
            if let Some(factor) = &self.factor {
                vectors::scaled(-1.0, &self.at.g, &mut self.at.d);
                factor.solve(&mut self.at.d[..n]);
                if self.at.d.iter().all(|d| d.is_finite()) {
                    return true;
                }
            }
            self.lambda = (10.0 * self.lambda).max(1e-6);
        }
        false
    }

    /// d'Hd.
    fn bend(&self) -> f64 {
        let n = self.at.n;
        (0..n).map(|i| self.at.d[i] * dot(&self.h[i * n..][..n], &self.at.d[..n])).sum()
    }
}
