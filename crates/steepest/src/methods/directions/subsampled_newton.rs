//! Newton's method for means of many terms, by second derivatives of a few of them.
use super::truncated_newton::{InnerIteration, norm};
use crate::linalg::vectors::{Aligned, ahead, dot, scaled};
use crate::method::{Needs, Takes};
use crate::methods::direction::{Directed, Direction, Iterate, StepTaken};
use crate::methods::progressive::stage_rows::{self, Sides};
use crate::numbers::random::Random;
use crate::objective::{Ask, Rows};
use crate::state::State;
use crate::status::Halt;
use crate::table::{OfRows, Sample, Slot};

crate::settings! {
    /// Sub-sampled Newton, for means of many terms: the gradient is that of all terms, the second derivatives are those of a few,
    /// drawn anew at each step. Down the model g'd + ½ d'H_S d by conjugate gradients, preconditioned by L-BFGS over the last
    /// steps; then a line search over all terms. A product with H_S reads the terms of S alone (of a table; elsewhere it is a
    /// difference of their gradients), so that a step costs little more than a gradient. The sample is doubled where full
    /// steps gain too little.
    ///
    /// Convergence is claimed by the gradient of all terms alone, as every method along lines claims it. It takes far fewer
    /// reads than `lbfgs` and `svrg` where terms are many more than variables and F is badly conditioned.
    ///
    /// Erdogdu and Montanari 2015, <https://arxiv.org/abs/1508.02810>; Roosta-Khorasani and Mahoney 2019,
    /// <https://doi.org/10.1007/s10107-018-1346-5>; products and conjugate gradients: Byrd, Chin, Neveitt and Nocedal 2011,
    /// <https://doi.org/10.1137/10079923X>.
    "subsampled_newton" SubsampledNewton {
        /// Terms whose second derivatives a step looks at; 0: twenty for each variable to begin with.
        sample = 0 in 0 => 4294967295.0,
        /// Whether the sample grows where full steps gain too little.
        growing = 1 in 0 => 1,
        /// Pairs of steps and changes of the gradient that are remembered, to precondition by.
        memory = 30 in 1 => 1000,
        /// Products with the Hessian of the sample at most for a step.
        products = 100 in 1 => 1e9,
        /// Of the terms that are drawn.
        seed = 0 in 0 => 9007199254740992.0,
    }
}

impl Directed for SubsampledNewton {
    const SEARCH: &'static str = "approximate_wolfe";
    const NEEDS: Needs = Needs { terms: true, penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT };
    const BY_PAIRS: bool = true;
    fn memory(&self) -> usize {
        self.memory as usize
    }
    fn direction(self) -> Box<dyn Direction> {
        Box::new(Sampled { set: self, ..Sampled::default() })
    }
}

/// Terms for each variable in the first sample, and terms at least.
const EACH: usize = 20;
const LEAST: usize = 100;
/// Conjugate gradients stop where what is left of the model's fall is this share of it, as the preconditioner tells; before
/// a claim, and as long as all products together read less than a quarter of the terms.
const LEFT: [f64; 2] = [1e-2, 1e-4];
/// The sample grows where what it got wrong of the change of the gradient over a full step is worth more than this share of
/// what the model promised; where its products cost more than a read of all terms, that.
const SLOW: [f64; 2] = [0.25, 0.75];
/// And after so many steps in a row each of which promised more than half of what the one before did.
const STALLED: u32 = 3;
/// Of the terms drawn: a stream of random numbers.
const DRAWN: u32 = 6;
/// Margins of the rows of a sample, and their changes.
const HERE: Slot = Slot(0);
const CHANGE: Slot = Slot(1);

#[derive(Default)]
struct Sampled {
    set: SubsampledNewton,
    /// Steps so far, by which terms are drawn.
    steps: u64,
    /// Terms in a sample.
    size: usize,
    /// What the model promised of the last direction; 0 where none was found by products.
    promised: f64,
    /// Products that it took.
    spent: u64,
    /// The gradient of the model where the last direction ends, and what was promised of it, where it was taken in full and
    /// kept that; else 0.
    foreseen: Vec<f64>,
    before: f64,
    /// Steps in a row that lowered what is promised by less than half.
    stalled: u32,
    /// Whether the next one is to be exact.
    exact: bool,
    /// The rarer side of a table's targets, once it was looked for.
    sides: Option<Option<Sides>>,
}

crate::state!(Sampled { steps, size, promised, spent, foreseen: vector, before, stalled, exact } but set, sides);

impl Direction for Sampled {
    fn begin(&mut self, n: usize) -> Result<(), Halt> {
        self.foreseen = vec![0.0; n];
        Ok(())
    }

    fn learn(&mut self, step: &StepTaken<'_>) {
        self.steps += 1;
        let kept = step.a == 1.0 && (step.fall / self.promised - 1.0).abs() < 0.5;
        self.before = if kept { self.promised } else { 0.0 };
    }

    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        if !here.pairs.down(here.free, here.g, d) {
            return Ok(None);
        }
        let (n, terms) = (here.problem.dim(), here.problem.offers().terms);
        if self.size == 0 {
            let size =
                if self.set.sample > 0.0 { self.set.sample as usize } else { LEAST.max(EACH * n) };
            self.size = size.min(terms);
        }
        self.grow(here, terms);
        let (drawn, last) = (self.draw(here, terms)?, self.promised);
        self.descend(here, &drawn, d)?;
        self.stalled = if self.promised > 0.5 * last { self.stalled + 1 } else { 0 };
        self.exact = false;
        Ok(Some(1.0))
    }

    fn exactly(&mut self) -> bool {
        self.exact = true;
        true
    }

    fn forget(&mut self) {
        self.before = 0.0;
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
}

/// The terms whose second derivatives are looked at, and what is known of them at the point.
enum Drawn {
    /// Rows of a table, or all of them, whose margins are kept.
    Rows(Option<Sample>),
    /// Terms, and the gradient of their mean.
    Terms(Vec<u32>, Vec<f64>),
}

impl Sampled {
    /// Takes more terms where those of the last step were too few.
    fn grow(&mut self, here: &mut Iterate<'_, '_>, terms: usize) {
        let before = std::mem::replace(&mut self.before, 0.0);
        if self.set.growing == 0.0 || self.size == terms {
            return;
        }
        if self.stalled >= STALLED {
            self.stalled = 0;
            self.size = self.size.saturating_mul(2).min(terms);
        }
        if before == 0.0 {
            return;
        }
        let [mut off, mut z] = [0; 2].map(|_| Aligned::zeros(here.g.len()));
        off.iter_mut().zip(here.g).zip(&self.foreseen).for_each(|((o, g), f)| *o = g - f);
        if let Some(free) = here.free {
            off.iter_mut().zip(free).for_each(|(o, f)| *o *= f);
        }
        here.pairs.applied(here.free, &off, &mut z);
        let dear = self.spent as usize * self.size > terms;
        if -0.5 * dot(&off, &z) > SLOW[usize::from(dear)] * before {
            self.size = self.size.saturating_mul(2).min(terms);
        }
    }

    /// Draws the terms of this step: one of each of so many runs, or runs of a table's rows.
    fn draw(&mut self, here: &mut Iterate<'_, '_>, terms: usize) -> Result<Drawn, Halt> {
        let (n, m) = (here.problem.dim(), self.size);
        let mut random = Random::new(self.set.seed as u64, DRAWN, self.steps as u32, 0);
        if let Some(table) = here.problem.table() {
            let mut sample = None;
            if m < terms {
                if self.sides.is_none() {
                    self.sides = Some(Sides::of(here.problem, &table)?);
                }
                let sides = self.sides.as_ref().and_then(Option::as_ref);
                let stream = u64::from(random.next_u32());
                sample = Some(stage_rows::rows(here.problem, &table, sides, m, stream)?);
            }
            let rows = sample.as_ref().map_or(Rows::All, Rows::Sample);
            here.problem.ask(&here.x[..n], rows, &mut [Ask::Rows(OfRows::Keep(HERE))])?;
            return Ok(Drawn::Rows(sample));
        }
        let place = |k: usize| (k * terms / m) as u32;
        let one = |k: usize| place(k) + random.below(place(k + 1) - place(k));
        let named: Vec<u32> = (0..m).map(one).collect();
        let mut gradient = vec![0.0; n];
        here.problem.batch(&named, &here.x[..n], &mut gradient)?;
        Ok(Drawn::Terms(named, gradient))
    }

    /// Down the model, from the pairs' direction in `d`, whose place the result takes.
    fn descend(
        &mut self,
        here: &mut Iterate<'_, '_>,
        drawn: &Drawn,
        d: &mut [f64],
    ) -> Result<(), Halt> {
        let mut way = InnerIteration::new(here, d, matches!(drawn, Drawn::Rows(_)));
        let terms = here.problem.offers().terms;
        (self.promised, self.spent) = (0.0, 0);
        while self.spent < self.set.products as u64 {
            product(here, drawn, &way.cg.p, &mut way.hp)?;
            self.spent += 1;
            let bend = dot(&way.cg.p, &way.hp);
            if !bend.is_finite() {
                break;
            }
            let (length, end) = way.length(bend, 0.0);
            self.promised += length * (way.cg.energy - 0.5 * length * bend);
            way.cg.go(length, &way.hp);
            let cheap = 4 * self.spent as usize * self.size < terms;
            let left = LEFT[usize::from(self.exact || cheap)];
            if end.is_some() || !way.turn(here) || 0.5 * way.cg.energy <= left * self.promised {
                break;
            }
        }
        if self.promised > 0.0 {
            d.copy_from_slice(&way.cg.v);
        }
        scaled(-1.0, &way.cg.r[..self.foreseen.len()], &mut self.foreseen);
        Ok(())
    }
}

/// hp ← (H_S + the penalty's) p over the free coordinates.
fn product(
    here: &mut Iterate<'_, '_>,
    drawn: &Drawn,
    p: &[f64],
    hp: &mut [f64],
) -> Result<(), Halt> {
    let Iterate { problem, x, free, .. } = here;
    let n = problem.dim();
    let length = 2.0 * f64::EPSILON.sqrt() * (1.0 + norm(x)) / norm(p);
    let mut near = Aligned::zeros(n);
    ahead(x, length, p, &mut near);
    match drawn {
        Drawn::Rows(sample) => {
            let rows = sample.as_ref().map_or(Rows::All, Rows::Sample);
            let bent = OfRows::Bent { at: HERE, along: &p[..n], to: &mut hp[..n], keep: CHANGE };
            problem.ask(&[], rows, &mut [Ask::Rows(bent)])?;
        }
        Drawn::Terms(named, gradient) => {
            problem.batch(named, &near[..n], &mut hp[..n])?;
            (0..n).for_each(|j| hp[j] = (hp[j] - gradient[j]) / length);
        }
    }
    let offers = problem.penalty().offers();
    if offers.quadratic {
        (0..n).for_each(|j| hp[j] += problem.penalty().quadratic(j) * p[j]);
    } else if offers.smooth && !offers.bounds {
        let [mut there, mut at] = [0; 2].map(|_| vec![0.0; n]);
        problem.added_gradient(&near[..n], &mut there);
        problem.added_gradient(&x[..n], &mut at);
        (0..n).for_each(|j| hp[j] += (there[j] - at[j]) / length);
    }
    if let Some(free) = free {
        hp.iter_mut().zip(*free).for_each(|(h, f)| *h *= f);
    }
    Ok(())
}
