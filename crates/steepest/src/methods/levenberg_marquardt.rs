//! Levenberg's and Marquardt's method for sums of squared residuals, within bounds, in a region of trust.
use crate::curvature::Curvature;
use crate::linalg::vectors::{dot, room};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::convergence::{QUADRATIC, THIN, on_the_way_back, short};
use crate::objective::{Ask, Rows};
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use model::{Model, Moved};

mod claim;
mod model;
mod otherwise;
#[cfg(test)]
mod tests;

crate::settings! {
    /// The Levenberg-Marquardt method, for F(x) = Σ_i ψ(r_i(x)), ½ Σ r_i² as a rule: the step p is least for
    ///
    /// ½ ‖r + J p‖² where ‖D p‖ ≤ Δ and low ≤ x + p ≤ high
    ///
    /// D_j is the largest length that column j of J has had, so that the units of the variables do not matter; Δ follows from
    /// how well the last decrease was foretold. Solved by QR, never by JᵀJ, whose condition is the square. Where Δ cuts a
    /// step short, what r did beyond J p bends it: x + p − (JᵀJ + λD²)⁻¹Jᵀ(r(x + p) − r − J p) is taken where it is lower.
    /// Along curved valleys it often is, which saves more than half of the Jacobians for one evaluation a step. Losses other
    /// than the square weigh the rows by their curvatures, and the residuals by their slopes (Triggs).
    ///
    /// Levenberg 1944; Marquardt 1963; Moré 1978; Triggs, McLauchlan, Hartley and Fitzgibbon 2000; Transtrum and Sethna 2012,
    /// <https://arxiv.org/abs/1201.5885>.
    "levenberg_marquardt" LevenbergMarquardt {
        /// Claim convergence where F can fall by at most this, relative; below 0 the method's own: a thousand-millionth of
        /// the tolerance.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// Claim convergence where no entry of the gradient of F is larger; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// The longest first step, in lengths of D x.
        factor = 1.0 in 1e-12 => 1e12,
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: LevenbergMarquardt::<f64>::NAME,
    doc: LevenbergMarquardt::<f64>::DOC,
    parameters: LevenbergMarquardt::<f64>::PARAMETERS,
    needs: Needs { residuals: true, penalty: Takes::Bounds, ..Needs::GRADIENT },
    suits,
    build: |settings| Box::new(Descent { set: LevenbergMarquardt::of(settings), work: None }),
};

fn suits(facts: &Facts) -> Option<Suit> {
    (facts.residuals > 0).then(|| Suit {
        passes: 10.0,
        reason: format!(
            "a sum of squares of {} residuals: their derivatives tell its curvature",
            facts.residuals
        ),
    })
}

struct Descent {
    set: LevenbergMarquardt,
    work: Option<Work>,
}

/// Trials within a step: each is shorter than the one before.
const TRIALS: u32 = 60;
/// As near as this part of the tolerance before convergence is claimed: steps are cheap there, and each brings digits.
const CLOSE: f64 = 1e-9;
/// F is told down to this part of what it was at the start.
const FLOOR: f64 = 1e-12;
/// A bent step that is no longer than this part of the step that it bends.
const BENT: f64 = 0.75;
/// Steps that lower F by less than this part of the tolerance are slow; as many in a row, and the curvature is measured.
const LITTLE: f64 = 1e-5;
const SLOW: u32 = 8;
/// A loss that hardly bends at a residual is taken to bend by this part of its slope over the residual: outliers would
/// else count for nothing in the model, and steps be far too long.
const LEAST_BEND: f64 = 0.1;

/// So many steps are remembered at most: of a longer way one of 2, 4, …
const TRAIL: usize = 200;

#[derive(Default)]
struct Work {
    n: usize,
    x: Vec<f64>,
    f: f64,
    first: f64,
    r: Vec<f64>,
    slope: Vec<f64>,
    bend: Vec<f64>,
    jacobian: Vec<f64>,
    gradient: Vec<f64>,
    /// The largest length that each column has had; or lately, where [`Work::decay`] is below 1.
    scale: Vec<f64>,
    /// The largest that each has ever had.
    largest: Vec<f64>,
    /// What is left at each step of the lengths that columns have had.
    decay: f64,
    radius: f64,
    low: Vec<f64>,
    high: Vec<f64>,
    /// By how much F can fall by the model.
    left: f64,
    /// At the point tried.
    at: Vec<f64>,
    tried: [Vec<f64>; 3],
    verify: bool,
    escapes: u32,
    /// Steps in a row that hardly lowered F, though the model foretold more.
    slow: u32,
    /// Where it began, and F and x at steps on the way, one after the other.
    start: Vec<f64>,
    trail: Vec<f64>,
    /// Of so many steps one is, and how many went by since.
    apart: u64,
    since: u64,
    /// Whether other ways from the start were tried, or this is one of them.
    again: bool,
    inner: bool,
}

state!(Work {
    n,
    x,
    f,
    first,
    r,
    slope,
    bend,
    jacobian,
    gradient,
    scale,
    radius,
    low,
    high,
    left,
    at,
    tried,
    verify,
    escapes,
    slow,
    largest,
    decay,
    start,
    trail,
    apart,
    since,
    again,
    inner,
});

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("work", &mut self.work)?;
        let n = v.dim();
        let fits = |w: &Work| {
            let m = w.r.len();
            let of_n = [&w.x, &w.gradient, &w.scale, &w.largest, &w.low, &w.high, &w.at, &w.start]
                .iter()
                .all(|v| v.len() == n)
                && w.trail.len().is_multiple_of(n + 1);
            let of_m = [&w.slope, &w.bend].into_iter().chain(&w.tried).all(|v| v.len() == m);
            w.n == n && of_n && of_m && w.jacobian.len() == m * n && w.decay > 0.0 && w.decay <= 1.0
        };
        v.check("work", self.work.as_ref().is_some_and(fits), "is of another run")
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (n, m) = (x.len(), problem.offers().residuals);
        room(n.saturating_mul(m.saturating_add(2 * n))).map_err(|why| {
            Halt::Failed(
                format!(
                    "levenberg_marquardt holds a matrix of {m} x {n} numbers, and {why}: take lbfgs"
                )
                .into(),
            )
        })?;
        let bounded = problem.penalty().offers().bounds;
        let bound = |j: usize| {
            if bounded { problem.penalty().bounds(j) } else { (f64::NEG_INFINITY, f64::INFINITY) }
        };
        let (low, high): (Vec<f64>, Vec<f64>) = (0..n).map(bound).unzip();
        (0..n).for_each(|j| x[j] = x[j].clamp(low[j], high[j]));
        let mut work = Work::new(x, m, (low, high));
        work.verify = self.set.verify > 0.0;
        if let Some(status) = work.begin(problem, self.set.factor)? {
            return Ok(work.ended(status));
        }
        let step = work.stand(problem, 0.0, &self.set)?;
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step = work.step(problem, &self.set)?;
        x.copy_from_slice(&work.x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().map(|w| &w.gradient[..])
    }
    fn curvature(&self) -> Option<Curvature> {
        self.work.as_ref().map(|w| Curvature::Hessian(w.hessian()))
    }
}

impl Work {
    fn new(x: &[f64], m: usize, (low, high): (Vec<f64>, Vec<f64>)) -> Self {
        let n = x.len();
        let row = || vec![0.0; m];
        Work {
            n,
            x: x.to_vec(),
            f: f64::NAN,
            first: f64::NAN,
            r: row(),
            slope: row(),
            bend: row(),
            jacobian: vec![0.0; m * n],
            gradient: vec![0.0; n],
            scale: vec![0.0; n],
            largest: vec![0.0; n],
            decay: 1.0,
            radius: f64::NAN,
            low,
            high,
            left: f64::NAN,
            at: x.to_vec(),
            tried: [row(), row(), row()],
            start: x.to_vec(),
            ..Work::default()
        }
    }

    /// F and its derivatives at the start, and the first radius.
    fn begin(&mut self, problem: &mut Problem<'_>, factor: f64) -> Result<Option<Status>, Halt> {
        let value = self.try_there(problem)?;
        self.accept(value);
        self.first = value;
        if !value.is_finite() {
            return Ok(Some(Status::NotFinite("a residual at the start".into())));
        }
        if let Some(status) = self.turn(problem)? {
            return Ok(Some(status));
        }
        let size = self.size();
        self.radius = factor * if size > 0.0 && size.is_finite() { size } else { 1.0 };
        Ok(None)
    }

    /// One step: shorter and shorter trials until one goes down.
    fn step(&mut self, problem: &mut Problem<'_>, set: &LevenbergMarquardt) -> Result<Step, Halt> {
        let (weight, c) = self.weighed();
        let model = Model::new(&self.jacobian, &weight, &c, &self.scale);
        for trial in 0..TRIALS {
            let moved = model.step(self.radius, &self.gradient, [&self.x, &self.low, &self.high]);
            self.at.copy_from_slice(&moved.x);
            if self.at == self.x {
                break;
            }
            let mut value = self.try_there(problem)?;
            if self.radius.is_finite()
                && moved.damped
                && value.is_finite()
                && self.left > 1e-6 * self.f
            {
                value = self.bent(problem, &model, &moved, value)?;
            }
            let foretold = value.is_finite() && moved.promise > 0.0;
            let ratio = if foretold { (self.f - value) / moved.promise } else { -1.0 };
            if trial == 0 && problem.counts().iterations == 0 {
                self.radius = self.radius.min(moved.length);
            }
            self.radius = if ratio < 0.25 {
                self.shorter(value, &moved)
            } else if ratio >= 0.75 || !moved.damped {
                self.radius.max(2.0 * moved.length)
            } else {
                self.radius
            };
            if ratio > 1e-4 && value < self.f {
                let little = self.f - value <= LITTLE * problem.tolerance() * self.height();
                self.slow = if little { self.slow + 1 } else { 0 };
                self.accept(value);
                if let Some(status) = self.turn(problem)? {
                    return Ok(self.ended(status));
                }
                return self.stand(problem, moved.length, set);
            }
            // A step bent by bounds may promise nothing: a shorter one does.
            let nothing = moved.promise > 0.0 && moved.promise <= f64::EPSILON * self.f;
            if nothing || moved.length <= f64::EPSILON * self.size() {
                break;
            }
        }
        self.rest(problem, set)
    }

    /// The radius after a step that brought less than a quarter of what it promised: by the parabola along it.
    fn shorter(&self, value: f64, moved: &Moved) -> f64 {
        let over = moved.slope.abs() - (self.f - value);
        let part = if value < 100.0 * self.f && over > 0.0 {
            (0.5 * moved.slope.abs() / over).clamp(0.1, 0.5)
        } else {
            0.1
        };
        part * self.radius.min(10.0 * moved.length)
    }

    /// The step bent by what the residuals did beyond what their derivatives foretold, where that is lower.
    fn bent(
        &mut self,
        problem: &mut Problem<'_>,
        model: &Model,
        moved: &Moved,
        value: f64,
    ) -> Result<f64, Halt> {
        let by: Vec<f64> = self.at.iter().zip(&self.x).map(|(a, x)| a - x).collect();
        let beyond: Vec<f64> = self
            .jacobian
            .chunks_exact(self.n)
            .zip(self.tried[0].iter().zip(&self.r))
            .map(|(row, (there, here))| there - here - dot(row, &by))
            .collect();
        let (weight, _) = self.weighed();
        let turn = model.answer(&self.jacobian, &weight, &beyond, moved.damping);
        let length = (0..self.n).map(|j| (self.scale[j] * turn[j]).powi(2)).sum::<f64>().sqrt();
        if !(length > 0.0 && length <= BENT * moved.length) {
            return Ok(value);
        }
        let straight = (self.at.clone(), self.tried.clone());
        for j in 0..self.n {
            self.at[j] = (self.at[j] + turn[j]).clamp(self.low[j], self.high[j]);
        }
        let lower = self.try_there(problem)?;
        if lower < value {
            return Ok(lower);
        }
        (self.at, self.tried) = straight;
        Ok(value)
    }

    /// F at `at`, with its residuals.
    fn try_there(&mut self, problem: &mut Problem<'_>) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        let [to, slope, bend] = &mut self.tried;
        let asks = &mut [Ask::Value(&mut value), Ask::Residuals { to, slope, bend }];
        problem.ask(&self.at, Rows::All, asks)?;
        Ok(value)
    }

    fn accept(&mut self, value: f64) {
        self.f = value;
        std::mem::swap(&mut self.x, &mut self.at);
        let [r, slope, bend] = &mut self.tried;
        std::mem::swap(&mut self.r, r);
        std::mem::swap(&mut self.slope, slope);
        std::mem::swap(&mut self.bend, bend);
        self.remember();
    }

    /// The derivatives at the point whose residuals were asked for last, and what follows from them.
    fn turn(&mut self, problem: &mut Problem<'_>) -> Result<Option<Status>, Halt> {
        problem.ask(&self.x, Rows::All, &mut [Ask::Jacobian(&mut self.jacobian)])?;
        if let Some(i) = self.jacobian.iter().position(|j| !j.is_finite()) {
            let (row, column) = (i / self.n, i % self.n);
            return Ok(Some(Status::NotFinite(format!(
                "the derivative of residual {row} by variable {column}"
            ))));
        }
        let mut squares = vec![0.0; self.n];
        self.gradient.fill(0.0);
        let (weight, _) = self.weighed();
        for ((row, s), w) in self.jacobian.chunks_exact(self.n).zip(&self.slope).zip(&weight) {
            for ((j, g), q) in row.iter().zip(&mut self.gradient).zip(&mut squares) {
                *g += s * j;
                *q += (w * j) * (w * j);
            }
        }
        for ((scale, largest), q) in self.scale.iter_mut().zip(&mut self.largest).zip(squares) {
            *scale = q.sqrt().max(self.decay * *scale);
            *largest = largest.max(q.sqrt());
        }
        Ok(None)
    }

    /// √ψ″ and ψ′/√ψ″ by residuals: what weighs a row of J, and its residual in the model.
    fn weighed(&self) -> (Vec<f64>, Vec<f64>) {
        let one = |((s, b), r): ((&f64, &f64), &f64)| {
            let secant = if *r == 0.0 { *b } else { s / r };
            let weight = b.max(LEAST_BEND * secant).max(f64::MIN_POSITIVE).sqrt();
            (weight, s / weight)
        };
        self.slope.iter().zip(&self.bend).zip(&self.r).map(one).unzip()
    }

    fn size(&self) -> f64 {
        (0..self.n).map(|j| (self.scale[j] * self.x[j]).powi(2)).sum::<f64>().sqrt()
    }

    /// What the tolerance is a part of: F, or a part of what it was where half of the steps were behind; the start may be as
    /// high as it likes.
    fn height(&self) -> f64 {
        let steps = self.trail.len() / (self.n + 1);
        let high = self.trail.get(steps / 2 * (self.n + 1)).copied().unwrap_or(self.first);
        self.f.max(FLOOR * high)
    }

    /// Whether so much is no more than a share of F, or, where F goes to 0, of what it was: then it is next to nothing of
    /// what slopes would make of the way back, or more is left than the model sees; and where all of F is, the step that takes
    /// it there is short.
    fn is_little(&self, left: f64, share: f64) -> bool {
        let way = on_the_way_back(&self.gradient, &self.x, &self.start, |_| true);
        let near =
            |j: usize| self.gradient[j].abs() * short(self.x[j], (self.x[j] - self.start[j]).abs());
        let short = || left <= 0.5 * (0..self.n).map(near).sum::<f64>();
        left <= share * self.f
            || left <= share * self.height()
                && left <= THIN * way
                && (left < QUADRATIC * self.f || short())
    }

    /// Looks how far down the model sees, and claims convergence if it may.
    fn stand(
        &mut self,
        problem: &mut Problem<'_>,
        rate: f64,
        set: &LevenbergMarquardt,
    ) -> Result<Step, Halt> {
        let (weight, c) = self.weighed();
        let model = Model::new(&self.jacobian, &weight, &c, &self.scale);
        let whole = model.step(f64::INFINITY, &self.gradient, [&self.x, &self.low, &self.high]);
        self.left = whole.promise.max(self.by_one());
        let close = if set.ftol >= 0.0 { set.ftol } else { CLOSE * problem.tolerance() };
        if self.is_little(self.left, close) || self.flattest() <= set.gtol {
            return self.claim(problem, rate, Status::Converged, 0.0, set);
        }
        if self.slow >= SLOW {
            self.slow = 0;
            let left = self.measured(problem, &model)?;
            if self.is_little(left, LITTLE * problem.tolerance()) {
                self.left = left;
                return self.claim(problem, rate, Status::Converged, 0.0, set);
            }
        }
        Ok(Step { rate, ..self.here() })
    }

    /// How far coordinate j can go, up (for a number above 0) or down.
    fn slack(&self, j: usize, sign: f64) -> f64 {
        if sign > 0.0 { self.high[j] - self.x[j] } else { self.x[j] - self.low[j] }
    }

    fn here(&self) -> Step {
        Step {
            value: self.f,
            residual: (self.left / self.height().max(f64::MIN_POSITIVE)).sqrt(),
            ..Step::default()
        }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// JᵀJ, weighed.
    fn hessian(&self) -> Vec<f64> {
        let n = self.n;
        let (weight, _) = self.weighed();
        let mut h = vec![0.0; n * n];
        for (row, w) in self.jacobian.chunks_exact(n).zip(weight) {
            for i in 0..n {
                let by = w * w * row[i];
                h[i * n..][..n].iter_mut().zip(row).for_each(|(h, j)| *h += by * j);
            }
        }
        h
    }
}
