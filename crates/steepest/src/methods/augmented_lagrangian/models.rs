//! Quadratic models of the Lagrangian over the constraints as they are bent at x, solved one after another.
mod bends;
mod confirm;
mod gradients;
mod lower;
mod program;
mod proposal;
mod search;

use crate::linalg::vectors::{dot, largest};
use crate::method::Step;
use crate::methods::bounds::Bounds;
use crate::methods::convergence::short;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use confirm::Claim;
pub(super) use confirm::Confirmed;
use proposal::Proposal;
use search::Landing;

/// Variables and constraints at most: each step solves a dense program of that size.
pub(in super::super) const MOST: usize = 500;
/// Steps at most.
const STEPS: u32 = 200;
/// Saddles left at most.
const SADDLES: u32 = 5;
/// Steps that only meet constraints, at most.
const POLISHED: u32 = 3;
/// So many times the noise of one value is what it hides of where the least is.
const HIDDEN: f64 = 16.0;
/// After fewer steps than these, where the descent began may be all that they have seen: a saddle is looked for along every way.
const LEARNED: u32 = 3;
/// What rounding may hide of a merit, as a part of it.
const NOISE: f64 = 8.0 * f64::EPSILON;
/// f is told from 0 down to this part of what it has fallen by.
pub(super) const FLOOR: f64 = 1e-9;
/// Steps after which f counts: the first may have come from anywhere.
const FIRST: usize = 3;
/// What does not matter of f, as a part of it, times the tolerance.
const LITTLE: f64 = 1e-4;
/// Where y′s is below this part of s′Bs, y is moved towards Bs: B stays positive definite (Powell 1978).
const DAMPED: f64 = 0.2;

/// Where the models stand.
#[derive(Default)]
pub(super) struct Models {
    /// What the Lagrangian is taken to bend by.
    bend: Vec<f64>,
    gradient: Vec<f64>,
    /// A row a constraint.
    jacobian: Vec<f64>,
    c: Vec<f64>,
    pub lambda: Vec<f64>,
    /// What a constraint costs that is missed by 1, in the merit that steps are held to.
    weight: Vec<f64>,
    value: f64,
    /// How large f was where they began, or how far it has come of late.
    size: f64,
    /// f at each step.
    values: Vec<f64>,
    steps: u32,
    /// Pairs learned from; what the last step promised, if it was taken whole (else 0); steps that only met constraints.
    learned: u32,
    last: f64,
    polished: u32,
    /// Saddles left.
    saddles: u32,
    /// Where they began.
    from: Vec<f64>,
}

crate::state!(Models {
    bend: square,
    gradient: vector,
    jacobian,
    c,
    lambda,
    weight,
    value,
    size,
    values: some,
    steps,
    learned,
    last,
    polished,
    saddles,
    from: vector,
});

/// What came of a step.
pub(super) enum Came {
    /// A step, and there are more.
    On(Step),
    /// Nothing is left that a step would gain, and what looks around say of that.
    Rest(Confirmed),
    /// No step that the models propose is one.
    Stuck,
}

/// The limits of the constraints and of the variables.
struct Limits {
    low: Vec<f64>,
    high: Vec<f64>,
    bounds: Option<Bounds>,
}

impl Limits {
    fn of(problem: &Problem<'_>) -> Self {
        let (low, high) = problem.limits();
        let mut bounds = Bounds::of(problem);
        if let Some(bounds) = &mut bounds {
            bounds.measure(problem.units());
        }
        Limits { low: low.to_vec(), high: high.to_vec(), bounds }
    }

    fn within(&self) -> Within<'_> {
        Within { low: &self.low, high: &self.high, bounds: self.bounds.as_ref() }
    }
}

/// The same, lent.
#[derive(Clone, Copy)]
struct Within<'a> {
    low: &'a [f64],
    high: &'a [f64],
    bounds: Option<&'a Bounds>,
}

impl Within<'_> {
    /// By how much constraint i is beyond its limits, signed.
    fn beyond(&self, i: usize, c: f64) -> f64 {
        c - c.clamp(self.low[i], self.high[i])
    }
}

impl Models {
    /// At x, where f and its gradient, and the constraints, are these; none where there are too many variables or constraints.
    pub fn begin(
        problem: &mut Problem<'_>,
        x: &[f64],
        (value, gradient): (f64, Vec<f64>),
        c: &[f64],
    ) -> Result<Option<Self>, Halt> {
        let (n, m) = (x.len(), c.len());
        if n.max(m) > MOST {
            return Ok(None);
        }
        let (jacobian, none) = (vec![0.0; n * m], || vec![0.0; m]);
        let (lambda, weight, size) = (none(), none(), value.abs());
        let (c, values) = (c.to_vec(), vec![value]);
        let mut models = Models {
            gradient,
            jacobian,
            c,
            lambda,
            weight,
            value,
            size,
            values,
            from: x.to_vec(),
            ..Models::default()
        };
        models.bend_rows(problem, x)?;
        // As if a step along the gradient came to be as long as x is.
        let size = |v: &[f64]| v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let unit = size(&models.gradient) / size(x).max(1.0);
        models.bend = vec![0.0; n * n];
        let unit = if unit > 0.0 && unit.is_finite() { unit } else { 1.0 };
        (0..n).for_each(|j| models.bend[j * n + j] = unit);
        Ok(models.finite().then_some(models))
    }

    fn finite(&self) -> bool {
        let all = [&self.gradient, &self.jacobian, &self.c, &self.bend];
        self.value.is_finite() && all.into_iter().all(|v| v.iter().all(|v| v.is_finite()))
    }

    /// Whether what was loaded is of so many variables and constraints.
    pub fn fits(&self, n: usize, m: usize) -> bool {
        let alike = [&self.c, &self.lambda, &self.weight].into_iter().all(|v| v.len() == m);
        alike && self.jacobian.len() == n * m && self.from.len() == n && self.finite()
    }

    /// Where they begin, with constraints that are missed by so much.
    pub fn start(&self, missed: f64) -> Step {
        let steepest = self.gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        let (value, residual) = (self.value, steepest.max(missed));
        Step { value, residual, violation: missed, ..Step::default() }
    }

    /// How large f was where they began, or how far it has come of late.
    pub fn size(&self) -> f64 {
        self.size
    }

    /// f.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Its gradient.
    pub fn gradient(&self) -> &[f64] {
        &self.gradient
    }

    /// A decrease that does not matter.
    pub fn small(&self, tolerance: f64) -> f64 {
        LITTLE * tolerance * self.value.abs().max(FLOOR / LITTLE * self.size)
    }

    /// How steep each constraint is here.
    pub fn slopes(&self) -> impl Iterator<Item = f64> + '_ {
        self.jacobian.chunks_exact(self.gradient.len().max(1)).map(largest)
    }

    /// What the constraints are.
    pub fn c(&self) -> &[f64] {
        &self.c
    }

    /// What noise hides of f, where that is little beside what it has come by: more is not asked for. Else 0.
    pub fn hidden(&self, problem: &mut Problem<'_>) -> f64 {
        if problem.offers().differences == 0 {
            return 0.0;
        }
        let hidden = HIDDEN * problem.accuracy(&mut vec![0.0; self.gradient.len()]);
        let most = problem.tolerance() * self.size.max(self.value.abs());
        if hidden <= most { hidden } else { 0.0 }
    }

    /// The largest curvature along a variable.
    pub fn steepest(&self) -> f64 {
        let n = self.gradient.len();
        (0..n).map(|j| self.bend[j * n + j]).fold(0.0, f64::max)
    }

    /// The gradients of the constraints at x.
    fn bend_rows(&mut self, problem: &mut Problem<'_>, x: &[f64]) -> Result<(), Halt> {
        let mut by = vec![0.0; self.c.len()];
        for (i, row) in self.jacobian.chunks_exact_mut(x.len().max(1)).enumerate() {
            by[i] = 1.0;
            problem.ask(x, Rows::All, &mut [Ask::Pull { by: &by, to: row }])?;
            by[i] = 0.0;
        }
        Ok(())
    }

    /// A step to the least of the model, as far along it as the merit falls; `met` says whether the constraints are met.
    pub fn step(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        met: bool,
    ) -> Result<Came, Halt> {
        let limits = Limits::of(problem);
        let within = limits.within();
        self.steps += 1;
        let Some(proposal) = self.least(x, &self.c, within, true) else { return Ok(Came::Stuck) };
        let largest = proposal.price.iter().fold(0.0, |m: f64, p| m.max(p.abs()));
        for (w, p) in self.weight.iter_mut().zip(&proposal.price) {
            *w = p.abs().max(0.5 * (*w + p.abs())).max(1e-2 * largest);
        }
        let here = self.merit(self.value, &self.c, within);
        let promised =
            dot(&self.gradient, &proposal.d) - (1.0 - proposal.left) * (here - self.value);
        let (small, hidden) = (self.small(problem.tolerance()), self.hidden(problem));
        // Where a program's answer has the value rise, it is none.
        if !(promised <= small.max(hidden)) {
            return Ok(Came::Stuck);
        }
        let promised = -promised.abs();
        let claim = Claim { x: &*x, price: &proposal.price, promised, small, hidden, within };
        let little = self.little(problem.tolerance(), here, promised);
        if -promised <= hidden || little && self.close(problem.tolerance(), x, &proposal.d) {
            // A step that gains nothing meets constraints nevertheless, and tells how fast it goes.
            let again = self.polished < POLISHED;
            if met || !again {
                let confirmed = if met { self.confirm(problem, &claim)? } else { Confirmed::Open };
                let level = matches!(confirmed, Confirmed::Left(_) | Confirmed::Open);
                if met && level && self.learned < LEARNED {
                    let lower = self.lower(problem, &claim)?;
                    if let Some(d) = lower {
                        return Ok(Came::Rest(Confirmed::Down(d)));
                    }
                }
                if matches!(confirmed, Confirmed::Rough) && problem.sharpen()? {
                    self.value = problem.total_gradient(x, &mut self.gradient)?;
                    if self.finite() && self.steps <= STEPS {
                        return self.step(problem, x, met);
                    }
                }
                if let Confirmed::Down(way) = &confirmed
                    && self.saddles < SADDLES
                    && let Some(landing) = self.leave(problem, &claim, way)?
                {
                    self.saddles += 1;
                    (self.last, self.polished) = (0.0, 0);
                    return self.moved(problem, x, within, proposal, landing);
                }
                if !(matches!(confirmed, Confirmed::Early) && again) {
                    self.lambda = proposal.price;
                    return Ok(Came::Rest(confirmed));
                }
            }
            self.polished += 1;
        }
        if self.steps > STEPS {
            return Ok(Came::Stuck);
        }
        let Some(taken) = self.search(problem, x, within, &proposal, [here, promised])? else {
            return Ok(Came::Stuck);
        };
        self.last = if taken.along == 1.0 { -promised } else { 0.0 };
        self.moved(problem, x, within, proposal, taken)
    }

    /// Whether a step that promises so much gains nothing: a value is known to the square of the tolerance; x, and how far the
    /// constraints are met, to the tolerance itself. Never more than [`small`](Self::small), which a claim is held to.
    fn little(&self, tolerance: f64, here: f64, promised: f64) -> bool {
        let nothing = (NOISE * (self.value.abs() + here.abs()))
            .max(tolerance * tolerance.min(LITTLE) * self.value.abs())
            .max(tolerance * FLOOR * self.size);
        !(promised < 0.0) || -promised <= nothing
    }

    /// Whether a step that gains nothing of what f has fallen by is short as well, where that is not nothing beside f itself: from
    /// a start that is far off, anything near the answer is nothing of that.
    fn close(&self, tolerance: f64, x: &[f64], d: &[f64]) -> bool {
        let (mut gain, mut most) = (0.0, 0.0);
        for (j, row) in self.bend.chunks_exact(x.len().max(1)).enumerate() {
            let bent = dot(row, d);
            gain += bent * d[j];
            most += bent.abs() * short(x[j], (x[j] - self.from[j]).abs());
        }
        gain <= most || 0.5 * gain <= LITTLE * tolerance * self.value.abs()
    }

    /// f has come to a value. What it was at first, large penalties and exponentials, says nothing of what counts.
    fn came(&mut self, value: f64) {
        self.values.push(value);
        let since = (self.values.len() / 4).max(FIRST.min(self.values.len().saturating_sub(2)));
        let late = self.values[since..].iter();
        self.size = late.fold(0.0, |m, v| (v - value).abs().max(m));
    }

    /// x moves on, and the model by how the Lagrangian's gradient has changed.
    fn moved(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        within: Within<'_>,
        Proposal { d, price, .. }: Proposal,
        Landing { at, value, c, along }: Landing,
    ) -> Result<Came, Halt> {
        let bent = self.bend.chunks_exact(x.len()).map(|row| dot(row, &d).abs());
        let residual = bent.fold(0.0, f64::max);
        let before = self.slope(&price);
        problem.total_gradient_there(&at, &mut self.gradient)?;
        let s: Vec<f64> = at.iter().zip(&*x).map(|(a, b)| a - b).collect();
        x.copy_from_slice(&at);
        self.came(value);
        (self.value, self.c) = (value, c);
        let beyond = |(i, c): (usize, &f64)| within.beyond(i, *c).abs();
        let missed = self.c.iter().enumerate().map(beyond).fold(0.0, f64::max);
        if value == f64::NEG_INFINITY && missed <= problem.tolerance() {
            return Ok(Came::Rest(Confirmed::Ended(Status::Unbounded)));
        }
        self.bend_rows(problem, x)?;
        if !self.finite() {
            return Ok(Came::Stuck);
        }
        let y: Vec<f64> = self.slope(&price).iter().zip(&before).map(|(a, b)| a - b).collect();
        self.learn(&s, y);
        self.lambda = price;
        Ok(Came::On(Step {
            value,
            residual: residual.max(missed),
            rate: along,
            violation: missed,
            ..Step::default()
        }))
    }

    /// B ← B − Bs s′B / s′Bs + yy′ / y′s, with y moved towards Bs where it bends too little.
    fn learn(&mut self, s: &[f64], mut y: Vec<f64>) {
        let n = s.len();
        let (sy, ss) = (dot(s, &y), dot(s, s));
        if self.steps == 1 && sy > 0.0 {
            // How much it bends along the first step stands for all others.
            let unit = dot(&y, &y) / sy;
            self.bend.fill(0.0);
            (0..n).for_each(|j| self.bend[j * n + j] = unit);
        }
        let bs: Vec<f64> = self.bend.chunks_exact(n).map(|row| dot(row, s)).collect();
        let sbs = dot(s, &bs);
        if !(sbs > 0.0) || !(ss > 0.0) {
            return;
        }
        if sy < DAMPED * sbs {
            let t = (1.0 - DAMPED) * sbs / (sbs - sy);
            y.iter_mut().zip(&bs).for_each(|(y, b)| *y = t * *y + (1.0 - t) * b);
        }
        let sy = dot(s, &y);
        self.learned += 1;
        for (j, row) in self.bend.chunks_exact_mut(n).enumerate() {
            for (k, b) in row.iter_mut().enumerate() {
                *b += y[j] * y[k] / sy - bs[j] * bs[k] / sbs;
            }
        }
    }
}
