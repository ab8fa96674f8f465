//! Levenberg's and Marquardt's method for sums of squared residuals, within bounds, in a region of trust.
use crate::certificate::{Certificate, Kind};
use crate::curvature::Curvature;
use crate::health::{Finding, Severity};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::doubt::{self, Doubt, Known};
use crate::objective::{Ask, Rows};
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state::{Bad, State, Visitor};
use crate::state;
use crate::status::{Halt, Status};
use crate::vectors::{dot, room};
use model::{Model, Moved};

mod model;

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
        reason: format!("a sum of squares of {} residuals: their derivatives tell its curvature", facts.residuals),
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
/// What differences are wrong by, beside the lengths of the columns.
const ROUGH: f64 = 1e-7;
/// Of its largest length a column may lose so much before its variable is said to have lost its influence.
const FADED: f64 = 1e-9;
/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;
/// A loss that hardly bends at a residual is taken to bend by this part of its slope over the residual: outliers would
/// else count for nothing in the model, and steps be far too long.
const LEAST_BEND: f64 = 0.1;

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
    /// The largest length that each column has had.
    scale: Vec<f64>,
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
}

state!(Work {
    n, x, f, first, r, slope, bend, jacobian, gradient, scale, radius, low, high, left, at, tried, verify, escapes, slow,
});

impl State for Descent {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("work", &mut self.work)?;
        let n = v.dim();
        let fits = |w: &Work| {
            let m = w.r.len();
            let of_n = [&w.x, &w.gradient, &w.scale, &w.low, &w.high, &w.at].iter().all(|v| v.len() == n);
            let of_m = [&w.slope, &w.bend].into_iter().chain(&w.tried).all(|v| v.len() == m);
            w.n == n && of_n && of_m && w.jacobian.len() == m * n
        };
        v.check("work", self.work.as_ref().is_some_and(fits), "is of another run")
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (n, m) = (x.len(), problem.offers().residuals);
        room(n.saturating_mul(m.saturating_add(2 * n))).map_err(|why| {
            Halt::Failed(format!("levenberg_marquardt holds a matrix of {m} x {n} numbers, and {why}: take lbfgs").into())
        })?;
        let bounded = problem.penalty.offers().bounds;
        let bound = |j: usize| if bounded { problem.penalty.bounds(j) } else { (f64::NEG_INFINITY, f64::INFINITY) };
        let (low, high): (Vec<f64>, Vec<f64>) = (0..n).map(bound).unzip();
        (0..n).for_each(|j| x[j] = x[j].clamp(low[j], high[j]));
        let row = || vec![0.0; m];
        let mut work = Work {
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
            radius: f64::NAN,
            low,
            high,
            left: f64::NAN,
            at: x.to_vec(),
            tried: [row(), row(), row()],
            verify: self.set.verify > 0.0,
            escapes: 0,
            slow: 0,
        };
        let value = work.try_there(problem)?;
        work.accept(value);
        work.first = value;
        if !value.is_finite() {
            return Ok(work.ended(Status::NotFinite("a residual at the start".into())));
        }
        if let Some(status) = work.turn(problem)? {
            return Ok(work.ended(status));
        }
        let size = (0..n).map(|j| (work.scale[j] * work.x[j]).powi(2)).sum::<f64>().sqrt();
        work.radius = self.set.factor * if size > 0.0 && size.is_finite() { size } else { 1.0 };
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
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
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
            if self.radius.is_finite() && moved.damped && value.is_finite() && self.left > 1e-6 * self.f {
                value = self.bent(problem, &model, &moved, value)?;
            }
            let foretold = value.is_finite() && moved.promise > 0.0;
            let ratio = if foretold { (self.f - value) / moved.promise } else { -1.0 };
            if trial == 0 && problem.counts.iterations == 0 {
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
                let little = self.f - value <= LITTLE * problem.stop.tolerance * self.height();
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
    fn bent(&mut self, problem: &mut Problem<'_>, model: &Model, moved: &Moved, value: f64) -> Result<f64, Halt> {
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
    }

    /// The derivatives at the point whose residuals were asked for last, and what follows from them.
    fn turn(&mut self, problem: &mut Problem<'_>) -> Result<Option<Status>, Halt> {
        problem.ask(&self.x, Rows::All, &mut [Ask::Jacobian(&mut self.jacobian)])?;
        if let Some(i) = self.jacobian.iter().position(|j| !j.is_finite()) {
            let (row, column) = (i / self.n, i % self.n);
            return Ok(Some(Status::NotFinite(format!("the derivative of residual {row} by variable {column}"))));
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
        for (scale, q) in self.scale.iter_mut().zip(squares) {
            *scale = scale.max(q.sqrt());
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

    /// What the tolerance is a part of.
    fn height(&self) -> f64 {
        self.f.max(FLOOR * self.first)
    }

    /// Looks how far down the model sees, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>, rate: f64, set: &LevenbergMarquardt) -> Result<Step, Halt> {
        let (weight, c) = self.weighed();
        let model = Model::new(&self.jacobian, &weight, &c, &self.scale);
        let whole = model.step(f64::INFINITY, &self.gradient, [&self.x, &self.low, &self.high]);
        self.left = whole.promise.max(self.by_one());
        let close = if set.ftol >= 0.0 { set.ftol } else { CLOSE * problem.stop.tolerance };
        if self.left <= close * self.height() || self.flattest() <= set.gtol {
            return self.claim(problem, rate, Status::Converged, 0.0, set);
        }
        if self.slow >= SLOW {
            self.slow = 0;
            let left = self.measured(problem, &model)?;
            if left <= LITTLE * problem.stop.tolerance * self.height() {
                self.left = left;
                return self.claim(problem, rate, Status::Converged, 0.0, set);
            }
        }
        Ok(Step { rate, ..self.here() })
    }

    /// By how much F can fall where it bends more than JᵀJ says, as it does where J is singular and r is not 0: the curvature
    /// that the model lacks is measured along its step, and damps it.
    fn measured(&mut self, problem: &mut Problem<'_>, model: &Model<'_>) -> Result<f64, Halt> {
        const H: f64 = 1e-4;
        let bounds = || [&self.x[..], &self.low[..], &self.high[..]];
        let whole = model.step(f64::INFINITY, &self.gradient, bounds());
        let by: Vec<f64> = whole.x.iter().zip(&self.x).map(|(to, x)| to - x).collect();
        let h = H * (self.size() / whole.length).min(1.0);
        let mut sides = [0.0; 2];
        for (side, sign) in sides.iter_mut().zip([h, -h]) {
            for j in 0..self.n {
                self.at[j] = (self.x[j] + sign * by[j]).clamp(self.low[j], self.high[j]);
            }
            *side = self.try_there(problem)?;
        }
        let bent = (sides[0] - self.f + (sides[1] - self.f)) / (h * h);
        let foretold = 2.0 * (-whole.slope - whole.promise);
        let lacks = (bent - foretold) / (whole.length * whole.length);
        // What differences leave of columns that depend on each other is a direction that leads nowhere.
        let noise = if problem.offers().differences > 0 { ROUGH * ROUGH } else { 0.0 };
        let damping = if lacks.is_finite() { lacks.max(noise) } else { noise };
        if damping <= 0.0 {
            return Ok(self.left);
        }
        let bounds = [&self.x[..], &self.low[..], &self.high[..]];
        Ok(model.step_damped(damping, &self.gradient, bounds).promise.max(self.by_one()))
    }

    /// By how much F can fall along one variable at most: what a step that bounds bend may miss.
    fn by_one(&self) -> f64 {
        let one = |j: usize| {
            let slope = self.gradient[j];
            if slope == 0.0 {
                return 0.0;
            }
            let far = (slope.abs() / (self.scale[j] * self.scale[j])).min(self.slack(j, -slope));
            far * (slope.abs() - 0.5 * far * self.scale[j] * self.scale[j])
        };
        (0..self.n).map(one).fold(0.0, f64::max)
    }

    /// The largest entry of the gradient that leads within the bounds.
    fn flattest(&self) -> f64 {
        let free = |j: &usize| self.slack(*j, -self.gradient[*j]) > 0.0;
        (0..self.n).filter(free).map(|j| self.gradient[j].abs()).fold(0.0, f64::max)
    }

    /// How far coordinate j can go, up (for a number above 0) or down.
    fn slack(&self, j: usize, sign: f64) -> f64 {
        if sign > 0.0 { self.high[j] - self.x[j] } else { self.x[j] - self.low[j] }
    }

    fn here(&self) -> Step {
        Step { value: self.f, residual: (self.left / self.height().max(f64::MIN_POSITIVE)).sqrt(), ..Step::default() }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    fn certificate(&self, problem: &Problem<'_>, rounding: f64, set: &LevenbergMarquardt) -> Certificate {
        let flattest = self.flattest();
        if flattest <= set.gtol {
            let assumption = "no entry of the gradient is larger than gtol";
            return Certificate { kind: Kind::Stationary, bound: flattest, target: set.gtol, rounding, assumption };
        }
        let tolerance = if set.ftol >= 0.0 { set.ftol } else { problem.stop.tolerance };
        Certificate {
            kind: Kind::Estimated,
            bound: self.left,
            target: tolerance * self.height(),
            rounding,
            assumption: "the residuals are as good as straight from here to where F is least near by",
        }
    }

    /// What the rounding of x itself does to F.
    fn grain(&self) -> f64 {
        let one = |j: usize| {
            let grain = f64::EPSILON * self.x[j].abs();
            self.gradient[j].abs() * grain + 0.5 * (self.scale[j] * grain).powi(2)
        };
        (0..self.n).map(one).sum()
    }

    /// Nothing is lower along any step of the model's.
    fn rest(&mut self, problem: &mut Problem<'_>, set: &LevenbergMarquardt) -> Result<Step, Halt> {
        if problem.sharpen()? {
            self.at.copy_from_slice(&self.x);
            let value = self.try_there(problem)?;
            self.accept(value);
            self.radius = self.radius.max(self.size() * 1e-3);
            if let Some(status) = self.turn(problem)? {
                return Ok(self.ended(status));
            }
            return self.stand(problem, 0.0, set);
        }
        let (weight, c) = self.weighed();
        let jacobian = std::mem::take(&mut self.jacobian);
        let scale = self.scale.clone();
        let left = self.measured(problem, &Model::new(&jacobian, &weight, &c, &scale));
        self.jacobian = jacobian;
        self.left = left?;
        let noise = self.known(problem, |problem, at, _, trial| doubt::noise(problem, at, doubt::NEAR, trial))?;
        let explained = (4.0 * noise).max(4.0 * f64::EPSILON * self.f).min(1e-3 * self.f).max(4.0 * self.grain());
        let near = self.left <= explained || self.left <= problem.stop.tolerance * self.height();
        self.claim(problem, 0.0, if near { Status::PrecisionLimit } else { Status::Plateau }, explained, set)
    }

    /// What is claimed, unless a look around says otherwise.
    fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        rate: f64,
        verdict: Status,
        explained: f64,
        set: &LevenbergMarquardt,
    ) -> Result<Step, Halt> {
        self.faded(problem);
        let certificate = Some(self.certificate(problem, explained, set));
        let sure = Step { certificate, rate, ..self.ended(verdict) };
        if !self.verify || self.f == 0.0 {
            return Ok(sure);
        }
        let look = self.known(problem, |problem, at, u, trial| {
            doubt::scattered(at.x.len(), u);
            doubt::look(problem, at, u, trial)
        })?;
        let lower = match look {
            Doubt::Inconsistent(status) => return Ok(self.ended(status)),
            Doubt::Lower => true,
            _ if self.blind() => self.known(problem, |problem, at, _, trial| doubt::below(problem, at, trial))?,
            _ => false,
        };
        if !lower || self.escapes >= ESCAPES {
            return Ok(sure);
        }
        self.escapes += 1;
        let value = self.try_there(problem)?;
        if !(value < self.f) {
            return Ok(sure);
        }
        self.accept(value);
        self.radius = self.size().max(1.0);
        match self.turn(problem)? {
            Some(status) => Ok(self.ended(status)),
            None => Ok(Step { rate, ..self.here() }),
        }
    }

    /// Whether the model knows no curvature along some variable: its derivatives are all 0.
    fn blind(&self) -> bool {
        (0..self.n).any(|j| self.jacobian.iter().skip(j).step_by(self.n).all(|d| *d == 0.0))
    }

    /// Runs `ask` with what is known here; the point that it leaves is `at`.
    fn known<T>(
        &mut self,
        problem: &mut Problem<'_>,
        ask: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let metric: Vec<f64> = (0..self.n)
            .map(|j| self.jacobian.iter().skip(j).step_by(self.n).map(|d| d * d).sum::<f64>())
            .map(|square| if square > 0.0 { 1.0 / square } else { f64::NAN })
            .collect();
        let slack = |j: usize, sign: f64| self.slack(j, sign);
        let lengths = doubt::lengths(&metric, &self.x, &self.gradient, self.height(), &slack);
        let small = problem.stop.tolerance * self.height();
        let known = Known {
            x: &self.x,
            value: self.f,
            gradient: &self.gradient,
            lengths: &lengths,
            room: &slack,
            enough: small,
            small,
            given: doubt::doubtful(problem),
            ahead: false,
            blind: self.blind(),
        };
        let (mut u, mut trial) = (vec![0.0; self.n], vec![0.0; self.n]);
        let answer = ask(problem, &known, &mut u, &mut trial)?;
        self.at = trial;
        Ok(answer)
    }

    /// Says which variables have lost their influence on the way: at such a point F is flat, and seldom least.
    fn faded(&self, problem: &mut Problem<'_>) {
        for j in 0..self.n {
            let now = self.jacobian.iter().skip(j).step_by(self.n).map(|d| d * d).sum::<f64>().sqrt();
            let share = now / self.scale[j];
            if self.scale[j] > 0.0 && share < FADED {
                problem.findings.push(Finding {
                    kind: "without_influence",
                    severity: Severity::Warning,
                    sentence: format!(
                        "Variable {j} has lost its influence on the way: the residuals change by {share:.1e} of what they did with it."
                    ),
                    evidence: vec![("variable", j as f64), ("share", share)],
                    threshold: FADED,
                    remedy: "Start elsewhere, or bound the variable: this may be a plateau far from the least sum of squares.".into(),
                });
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descend::descend;
    use crate::vectors::largest;
    use crate::penalties::none::NoPenalty;
    use crate::penalty::Each;
    use crate::residuals::{Residuals, Squares};
    use crate::watch::{Stop, Unwatched};

    struct Curve<F, G>(usize, usize, F, G);
    impl<F: FnMut(&[f64], &mut [f64]), G: FnMut(&[f64], &mut [f64])> Residuals for Curve<F, G> {
        fn dim(&self) -> usize {
            self.0
        }
        fn count(&self) -> usize {
            self.1
        }
        fn residuals(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
            self.2(x, to);
            Ok(())
        }
        fn jacobian(&mut self, x: &[f64], to: &mut [f64]) -> Result<u64, Halt> {
            self.3(x, to);
            Ok(0)
        }
    }

    #[test]
    fn rosenbrock_in_a_few_steps() {
        let curve = Curve(
            2,
            2,
            |x: &[f64], r: &mut [f64]| r.copy_from_slice(&[10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]]),
            |x: &[f64], j: &mut [f64]| j.copy_from_slice(&[-20.0 * x[0], 10.0, -1.0, 0.0]),
        );
        let method = (ENTRY.build)(&[-1.0, -1.0, 1.0, 1.0]);
        let none = Each::uniform(NoPenalty::default(), 1.0, 2);
        let s = descend(&mut Squares::of(curve), &none, method, &[-1.2, 1.0], Stop::default(), &mut Unwatched).unwrap();
        assert!(s.status.success(), "{:?}", s.status);
        assert!(largest(&[s.x[0] - 1.0, s.x[1] - 1.0]) < 1e-8 && s.counts.values < 30, "{:?}", s.counts);
    }

    #[test]
    fn the_top_of_a_hill_is_left() {
        let curve = Curve(
            1,
            1,
            |x: &[f64], r: &mut [f64]| r[0] = 1.0 - x[0] * x[0],
            |x: &[f64], j: &mut [f64]| j[0] = -2.0 * x[0],
        );
        let method = (ENTRY.build)(&[-1.0, -1.0, 1.0, 1.0]);
        let none = Each::uniform(NoPenalty::default(), 1.0, 1);
        let s = descend(&mut Squares::of(curve), &none, method, &[0.0], Stop::default(), &mut Unwatched).unwrap();
        assert!(s.status.success() && (s.x[0].abs() - 1.0).abs() < 1e-6, "{:?} {:?}", s.status, s.x);
    }
}
