//! Newton's method by conjugate gradients, for functions of any size.
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::vectors::{Aligned, add_over, ahead, dot, scaled};
use crate::method::{Needs, Suit, Takes};
use crate::methods::direction::{Directed, Direction, Foretold, Iterate, StepTaken};
use crate::methods::{gradient_check, newton};
use crate::problem::{Facts, Problem};
use crate::state::State;
use crate::status::Halt;

crate::settings! {
    /// Truncated Newton: down the quadratic model g'd + ½ d'Hd by conjugate gradients, preconditioned by L-BFGS over the last
    /// steps, as long as a product with H lowers the model by more than its share of what the step costs; to the edge of the
    /// region in which the model has proved right, and along what bends downward. Then a line search goes on from there.
    ///
    /// Products are those given (`hess`, `hessp`, or of a table), else differences of gradients. Where they have not been worth
    /// what they cost, the next steps are those of L-BFGS. Convergence is claimed only once the model was minimised nearly
    /// exactly. It takes fewer evaluations than `lbfgs` where F is badly conditioned, and about as many elsewhere.
    ///
    /// Steihaug 1983, <https://doi.org/10.1137/0720042>; Nocedal and Yuan 1998 (region and search together); Morales and
    /// Nocedal 2000, <https://doi.org/10.1137/S1052623497327854> (L-BFGS to precondition by); Nash 2000 (when to stop).
    "truncated_newton" TruncatedNewton {
        /// Pairs of steps and changes of the gradient that are remembered, to precondition by.
        memory = 30 in 1 => 1000,
        /// Products with the Hessian at most for a step.
        products = 100 in 1 => 1e9,
    }
}

impl Directed for TruncatedNewton {
    const SEARCH: &'static str = "approximate_wolfe";
    const NEEDS: Needs = Needs { penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT };
    const BY_PAIRS: bool = true;
    fn memory(&self) -> usize {
        self.memory as usize
    }
    fn direction(self) -> Box<dyn Direction> {
        Box::new(ByProducts { most: self.products as u64, ..ByProducts::default() })
    }
    fn suits(facts: &Facts) -> Option<Suit> {
        // Of few variables a whole Hessian is solved with, a product over a table is a read, and within bounds little is saved.
        let free = facts.offers.smooth && !(facts.hessian && facts.dim <= newton::SMALL);
        (facts.products && !facts.glm && free).then(|| Suit {
            passes: 50.0,
            reason: "products with the Hessian are given, and are taken where they are worth what they cost"
                .into(),
        })
    }
}

/// Conjugate gradients stop where the residual is so much less than at the start, or by the square root of how much the
/// gradient has fallen.
const LOOSE: f64 = 0.1;
/// Where it is so much less, they have come to the model's least value; and before a claim.
const CLOSE: [f64; 2] = [1e-2, 1e-3];
/// They stop where a product lowers the model by less than this times the mean of the step's costs so far; before a claim.
const WORTH: [f64; 2] = [0.5, 0.1];
/// What a step costs beside products: a value and a gradient.
const STEP: f64 = 2.0;
/// Steps in a row at most that are left to the pairs alone.
const REST: u64 = 16;
/// A bend below this of what H could bend is none.
const FLAT: f64 = 1e-14;
/// The same of differences: what bends down by less is their noise.
const NOISE: f64 = 1e-6;

crate::state!(ByProducts {
    steepest, radius, rest, rested, taken, promised, alone, spent, down, least, kept, exact
} but most, known);

#[derive(Default)]
struct ByProducts {
    /// Products at most.
    most: u64,
    /// The largest ‖g‖ so far.
    steepest: f64,
    /// How far the model is trusted; 0 where nothing is known of that.
    radius: f64,
    /// Steps to come that are left to the pairs alone; how many they were last.
    rest: u64,
    rested: u64,
    /// Whether the last direction was found by products.
    taken: bool,
    /// What the model promised along it, and along the pairs' direction alone; the products that it took.
    promised: f64,
    alone: f64,
    spent: u64,
    /// Whether the model bends down along it; whether it leads to the model's least value, nearly.
    down: bool,
    least: bool,
    /// Whether the last promise was kept.
    kept: bool,
    /// Whether the next one is to be exact.
    exact: bool,
    /// The gradient at which the last direction was found, and that direction.
    known: Option<(Aligned, Aligned)>,
}

impl Direction for ByProducts {
    fn learn(&mut self, step: &StepTaken<'_>) {
        self.known = None;
        if !self.taken {
            return;
        }
        let (length, ratio) = (norm(step.d), step.fall / self.promised);
        self.kept = (ratio - 1.0).abs() < 0.5 && step.a == 1.0;
        if step.a < 1.0 {
            self.radius = 2.0 * step.a * length;
        } else if step.a > 1.0 {
            self.radius = self.radius.max(2.0 * step.a * length);
        } else if ratio < 0.25 {
            self.radius = 0.5 * length;
        } else if ratio > 0.75 && self.radius > 0.0 && length > 0.9 * self.radius {
            self.radius = 2.0 * length;
        }
        // What it has brought for its cost, beside what the pairs alone promised for theirs.
        let brought = step.fall.min(self.promised) * STEP;
        if !self.down && !(brought >= self.alone * (STEP + self.spent as f64)) {
            self.rested = (2 * self.rested).clamp(1, REST);
            self.rest = self.rested;
        } else {
            self.rested = 0;
        }
    }

    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        if let Some((g, known)) = &self.known
            && !self.exact
            && here.free.is_none()
            && g[..] == *here.g
        {
            d.copy_from_slice(known);
            return Ok(Some(1.0));
        }
        if !here.pairs.down(here.free, here.g, d) {
            return Ok(None);
        }
        self.steepest = self.steepest.max(norm(here.g));
        // Differences of differences are noise.
        let able = products(here.problem) || here.problem.offers().differences == 0;
        self.taken = able && (self.exact || self.rest == 0);
        if self.taken {
            self.descend(here, d)?;
            let [mut g, mut known] = [0; 2].map(|_| Aligned::zeros(d.len()));
            g.copy_from_slice(here.g);
            known.copy_from_slice(d);
            self.known = Some((g, known));
        }
        self.rest = self.rest.saturating_sub(1);
        self.exact = false;
        Ok(Some(1.0))
    }

    fn foretells(&self) -> Option<Foretold> {
        let fall = if self.down { f64::INFINITY } else { self.promised };
        self.taken.then_some(Foretold { fall, believed: self.kept && self.least })
    }

    fn exactly(&mut self) -> bool {
        self.exact = true;
        true
    }

    fn forget(&mut self) {
        (self.known, self.taken, self.radius) = (None, false, 0.0);
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
}

impl ByProducts {
    /// Down the model, from the pairs' direction in `d`, whose place the result takes.
    fn descend(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<(), Halt> {
        let mut way = InnerIteration::new(here, d, products(here.problem));
        let (first, claim) = (norm(&way.cg.r), usize::from(self.exact));
        let close = CLOSE[claim] * first;
        let enough = LOOSE.min((first / self.steepest).sqrt()) * first;
        let enough = if self.exact { close } else { enough };
        (self.promised, self.alone, self.spent) = (0.0, 0.0, 0);
        (self.down, self.least) = (false, false);
        while self.spent < self.most {
            if !product(here, &way.cg.p, &mut way.hp)? {
                break;
            }
            self.spent += 1;
            let bend = dot(&way.cg.p, &way.hp);
            if !bend.is_finite() {
                break;
            }
            let (length, end) = way.length(bend, self.radius);
            let fall = length * (way.cg.energy - 0.5 * length * bend);
            self.promised += fall;
            if self.spent == 1 {
                self.alone = fall;
            }
            way.cg.go(length, &way.hp);
            self.down = end == Some(Stopping::Down);
            if end.is_some() {
                break;
            }
            let left = norm(&way.cg.r);
            self.least = left <= close;
            let cost = STEP + self.spent as f64;
            if left <= enough || fall * cost < WORTH[claim] * self.promised || !way.turn(here) {
                break;
            }
        }
        self.taken = self.promised > 0.0;
        if self.taken {
            d.copy_from_slice(&way.cg.v);
        }
        Ok(())
    }
}

/// What ends the way down the model before it is at its least value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stopping {
    /// The edge of the region, or of what can be told.
    Edge,
    /// The model bends down.
    Down,
}

/// Conjugate gradients under way down the model, from the pairs' direction: what is left is minus the model's gradient.
pub(super) struct InnerIteration {
    pub cg: ConjugateGradients<Aligned>,
    /// What H makes of the direction to go on along.
    pub hp: Aligned,
    z: Aligned,
    /// Whether products are given, and no differences.
    exact: bool,
}

impl InnerIteration {
    /// From the direction that the pairs know, in `d`; products are those of H, or differences.
    pub fn new(here: &Iterate<'_, '_>, d: &[f64], exact: bool) -> Self {
        let [step, mut r, mut p, hp, z] = [0; 5].map(|_| Aligned::zeros(d.len()));
        match here.free {
            Some(free) => add_over(free, -1.0, here.g, &mut r),
            None => scaled(-1.0, here.g, &mut r),
        }
        p.copy_from_slice(d);
        InnerIteration { cg: ConjugateGradients::within(step, r, p), hp, z, exact }
    }

    /// How far to go along p, where the model bends so much and is trusted so far; what ends the way there, if anything.
    pub fn length(&self, bend: f64, radius: f64) -> (f64, Option<Stopping>) {
        let InnerIteration { cg: ConjugateGradients { v: step, p, energy, .. }, hp, .. } = self;
        let (ss, sp, pp) = (dot(step, step), dot(step, p), dot(p, p));
        let edge = |far: f64| (-sp + (sp * sp + pp * (far * far - ss).max(0.0)).sqrt()) / pp;
        let known = radius > 0.0;
        let (most, noise) = ((dot(hp, hp) * pp).sqrt(), if self.exact { FLAT } else { NOISE });
        if !(bend > FLAT * most) {
            let down = bend < -noise * most;
            let length = match ss == 0.0 {
                // At least as far as the pairs would go; the search goes on from there.
                true if known && down => edge(radius).max(1.0),
                true => 1.0,
                false if down => edge(if known { radius } else { 2.0 * ss.sqrt() }),
                false => 0.0,
            };
            return (length, Some(if down { Stopping::Down } else { Stopping::Edge }));
        }
        let a = energy / bend;
        if known && ss + a * (2.0 * sp + a * pp) > radius * radius {
            return (edge(radius), Some(Stopping::Edge));
        }
        (a, None)
    }

    /// Turns p; false where rounding has left nothing to go along.
    pub fn turn(&mut self, here: &mut Iterate<'_, '_>) -> bool {
        here.pairs.applied(here.free, &self.cg.r, &mut self.z);
        self.z.iter_mut().for_each(|z| *z = -*z);
        self.cg.turn(Some(&self.z));
        self.cg.energy > 0.0
    }
}

pub(super) fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

/// Whether H is given: that of a penalty is known where it is a sum of squares.
fn products(problem: &Problem<'_>) -> bool {
    let penalty = problem.penalty().offers();
    problem.offers().products && (penalty.quadratic || penalty.bounds)
}

/// hp ← H p over the free coordinates; false where there is no room for a difference.
fn product(here: &mut Iterate<'_, '_>, p: &[f64], hp: &mut [f64]) -> Result<bool, Halt> {
    let Iterate { problem, x, g, free, .. } = here;
    let n = problem.dim();
    if p[..n].iter().all(|p| *p == 0.0) {
        // The gradient is 0, where whoever gives products need not expect to be asked.
        hp.fill(0.0);
        return Ok(true);
    }
    if products(problem) {
        problem.product(&x[..n], &p[..n], &mut hp[..n])?;
        if !problem.penalty().offers().bounds {
            (0..n).for_each(|j| hp[j] += problem.penalty().quadratic(j) * p[j]);
        }
    } else {
        let wanted = 2.0 * f64::EPSILON.sqrt() * (1.0 + norm(x)) / norm(p);
        let room = gradient_check::room(problem, &x[..n]);
        let most = |side: f64| {
            let far = |j: usize| 0.9 * room[j][usize::from(side * p[j] > 0.0)] / p[j].abs();
            (0..n).filter(|j| p[*j] != 0.0).map(far).fold(wanted, f64::min)
        };
        let [up, down] = [1.0, -1.0].map(most);
        let h = if up >= down { up } else { -down };
        if !(h.abs() > 0.1 * wanted) {
            return Ok(false);
        }
        let mut near = Aligned::zeros(n);
        ahead(x, h, p, &mut near);
        if problem.offers().values_are_cheap {
            problem.total_gradient_there(&near[..n], &mut hp[..n])?;
        } else {
            problem.total_gradient(&near[..n], &mut hp[..n])?;
        }
        (0..n).for_each(|j| hp[j] = (hp[j] - g[j]) / h);
    }
    if let Some(free) = free {
        hp.iter_mut().zip(*free).for_each(|(h, f)| *h *= f);
    }
    Ok(true)
}
