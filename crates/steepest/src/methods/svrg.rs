//! Stochastic gradients whose variance is taken away by the whole gradient at a point near by.
use super::epochs::Whole;
use super::pairs::Pairs;
use super::proved::Proved;
use super::sampler::{NAMES, Sampler};
use crate::linalg::vectors::{dot, padded};
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::numbers::random::Random;
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::State;
use crate::status::Halt;

crate::settings! {
    /// Stochastic variance reduced gradient: each epoch begins with the gradient of all terms at x̃, and each of its steps is
    /// x ← prox(x − η (∇f_B(x) − ∇f_B(x̃) + ∇f(x̃))) over a batch B. η is one over what curvature the differences show, so
    /// that there is no rate to set; an epoch that ends higher than it began is taken back. An iteration is an epoch: three
    /// reads of all terms. What is claimed is claimed of the gradient of all terms at its end.
    ///
    /// Johnson and Zhang 2013, <https://papers.nips.cc/paper/4937>; with a prox: Xiao and Zhang 2014,
    /// <https://doi.org/10.1137/140961791>.
    "svrg" Svrg {
        /// Terms a step looks at; 0: a thousandth of them.
        batch_size = 0 in 0 => 4294967295.0,
        /// How batches are drawn: `shuffle` (each term once an epoch), `replacement`, `blocks` (runs of neighbours), `importance`.
        sampling = 0 in 0 => 3; NAMES,
        /// Of the order in which batches are drawn.
        seed = 0 in 0 => 9007199254740992.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Svrg::<f64>::NAME,
    doc: Svrg::<f64>::DOC,
    parameters: Svrg::<f64>::PARAMETERS,
    needs: Needs { terms: true, penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        let Svrg { batch_size, sampling, seed, .. } = Svrg::of(settings);
        Box::new(Proved::followed(Box::new(Anchored::new(
            batch_size as usize,
            sampling,
            seed as u64,
            0,
        ))))
    },
};

/// What the step is shorter than one over the curvature seen.
const SAFE: f64 = 1.5;
/// An epoch that was taken back is tried again with steps so many times shorter.
const SHORTER: f64 = 4.0;
/// What is remembered of the curvature of the epoch before.
const KEPT: f64 = 0.5;
/// Steps between two pairs, and batches whose terms make one.
const BETWEEN: usize = 20;
const WIDE: usize = 10;
/// Terms drawn for pairs: a stream of random numbers.
const PAIRS: u32 = 4;

/// At work; with a memory of pairs it is the stochastic L-BFGS method.
#[derive(Default)]
pub(super) struct Anchored {
    batch: usize,
    sampling: f64,
    seed: u64,
    memory: usize,
    sampler: Option<Sampler>,
    whole: Whole,
    /// The curvature that steps go by, in the metric of the pairs where there are some.
    bend: f64,
    /// The curvature that was seen last, as it is: what residuals are measured by.
    seen: f64,
    pairs: Option<Pairs>,
}

crate::state!(Anchored { sampler, whole, bend, seen, pairs } but batch, sampling, seed, memory);

impl Anchored {
    pub fn new(batch: usize, sampling: f64, seed: u64, memory: usize) -> Self {
        Anchored { batch, sampling, seed, memory, ..Anchored::default() }
    }

    /// One epoch, from x to x. One that is broken off is gone through again.
    fn epoch(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<(), Halt> {
        let mut sampler = self.sampler.take().expect("made at the start");
        let (mut pairs, bend) = (self.pairs.take(), self.bend);
        sampler.begin();
        let done = self.steps(problem, x, &mut sampler, pairs.as_mut());
        if done.is_err() {
            sampler.epoch -= 1;
            self.bend = bend;
        }
        (self.sampler, self.pairs) = (Some(sampler), pairs);
        done
    }

    fn steps(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        sampler: &mut Sampler,
        mut pairs: Option<&mut Pairs>,
    ) -> Result<(), Halt> {
        let n = x.len();
        let from = x.to_vec();
        let mut means = Means { sum: vec![0.0; n], last: Vec::new() };
        let [mut here, mut change] = [0; 2].map(|_| vec![0.0; n]);
        let [mut slope, mut way] = [0; 2].map(|_| vec![0.0; padded(n)]);
        let (mut most, mut seen) = (0.0f64, 0.0f64);
        for turn in 0..sampler.batches() {
            slope[..n].copy_from_slice(&self.whole.gradient);
            // At first it is where it began, and the difference 0.
            if turn > 0 {
                let batch = sampler.batch(turn);
                let (place, weight) = (batch.place, batch.weight);
                problem.batch(batch.terms, x, &mut here)?;
                problem.batch(batch.terms, &from, &mut change)?;
                let size = dot(&here, &here).sqrt();
                change.iter_mut().zip(&here).for_each(|(c, h)| *c = h - *c);
                let step: Vec<f64> = x.iter().zip(&from).map(|(x, f)| x - f).collect();
                let plain = self.whole.bend(&change, &step, size);
                if !plain.is_finite() {
                    break;
                }
                sampler.saw(place, plain);
                seen = seen.max(plain);
                let bent = match pairs.as_deref_mut().filter(|p| plain > 0.0 && !p.is_empty()) {
                    Some(pairs) => weight * within(pairs, &change, &step, &mut way),
                    None => weight * plain,
                };
                (most, self.bend) = (most.max(bent), self.bend.max(bent));
                slope.iter_mut().zip(&change).for_each(|(s, c)| *s += weight * c);
            }
            let t = 1.0 / (SAFE * self.bend);
            match pairs.as_deref_mut().filter(|p| !p.is_empty()) {
                Some(pairs) => {
                    problem.added_gradient(x, &mut slope[..n]);
                    pairs.direction(&slope, &mut way);
                    x.iter_mut().zip(&way).for_each(|(x, d)| *x += t * d);
                }
                None => self.whole.descend(problem, x, &slope[..n], t),
            }
            if let Some(pairs) = pairs.as_deref_mut() {
                means.sum.iter_mut().zip(&*x).for_each(|(m, x)| *m += x / BETWEEN as f64);
                if (turn + 1).is_multiple_of(BETWEEN) && sampler.batches() > BETWEEN {
                    let was = pairs.is_empty();
                    self.pair(problem, sampler, turn, &mut means, pairs)?;
                    if was && !pairs.is_empty() {
                        (self.bend, most) = (1.0, 1.0);
                    }
                }
            }
        }
        if most > 0.0 {
            (self.bend, self.seen) = (most.max(KEPT * self.bend), seen);
        }
        Ok(())
    }

    /// A pair of the change of the mean of the last points and of the gradient of so many terms, drawn for it, there.
    fn pair(
        &self,
        problem: &mut Problem<'_>,
        sampler: &Sampler,
        turn: usize,
        means: &mut Means,
        pairs: &mut Pairs,
    ) -> Result<(), Halt> {
        let n = means.sum.len();
        let mean = std::mem::replace(&mut means.sum, vec![0.0; n]);
        let last = std::mem::replace(&mut means.last, mean);
        if last.is_empty() {
            return Ok(());
        }
        let terms = problem.offers().terms as u32;
        let mut random = Random::new(self.seed, PAIRS, sampler.epoch as u32, turn as u32);
        let named: Vec<u32> = (0..WIDE * sampler.size).map(|_| random.below(terms)).collect();
        let mut slopes = [0; 2].map(|_| vec![0.0; n]);
        for (slope, at) in slopes.iter_mut().zip([&last, &means.last]) {
            problem.batch(&named, at, slope)?;
            problem.added_gradient(at, slope);
        }
        pairs.store(&long(&last), &long(&means.last), &long(&slopes[0]), &long(&slopes[1]));
        Ok(())
    }
}

/// The mean of the points since the last pair, and that before.
struct Means {
    sum: Vec<f64>,
    last: Vec<f64>,
}

/// As long as pairs are.
fn long(v: &[f64]) -> Vec<f64> {
    let mut all = vec![0.0; padded(v.len())];
    all[..v.len()].copy_from_slice(v);
    all
}

/// How much a batch bends along a step in the metric of the pairs: Δg′HΔg / Δg′Δx.
fn within(pairs: &mut Pairs, change: &[f64], step: &[f64], way: &mut [f64]) -> f64 {
    pairs.direction(&long(change), way);
    let by = -dot(change, &way[..change.len()]) / dot(change, step);
    if by > 0.0 && by.is_finite() { by } else { 1.0 }
}

impl Method for Anchored {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let terms = problem.offers().terms;
        let size = if self.batch == 0 { terms.div_ceil(1000) } else { self.batch };
        let mut sampler = Sampler::new(self.sampling, size, terms, self.seed, false);
        if self.memory > 0 {
            self.pairs = Some(Pairs::new(x.len(), self.memory, true));
        }
        let (whole, wrong) = Whole::begin(problem, x)?;
        self.whole = whole;
        if let Some(status) = wrong {
            return Ok(Step {
                value: self.whole.value,
                residual: f64::NAN,
                verdict: Some(status),
                ..Step::default()
            });
        }
        sampler.begin();
        let batches = (0..sampler.batches()).map(|turn| sampler.batch(turn).terms);
        self.bend = self.whole.probe(problem, x, batches)?;
        (self.seen, sampler.epoch) = (self.bend, 0);
        self.sampler = Some(sampler);
        self.whole.judged(problem, x, self.seen)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (from, mut before) = (x.to_vec(), self.whole.gradient.clone());
        self.epoch(problem, x)?;
        if x.iter().any(|x| !x.is_finite()) || !self.whole.look(problem, x)? {
            x.copy_from_slice(&from);
            self.bend *= SHORTER;
        } else if let Some(pairs) = &mut self.pairs {
            let mut after = self.whole.gradient.clone();
            problem.added_gradient(&from, &mut before);
            problem.added_gradient(x, &mut after);
            let was = pairs.is_empty();
            if pairs.store(&long(&from), &long(x), &long(&before), &long(&after)) && was {
                self.bend = 1.0;
            }
        }
        self.whole.judged(problem, x, self.seen)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let Some(sampler) = &mut self.sampler else { return Ok(()) };
        sampler.again(self.sampling, problem.offers().terms, self.seed, false)
    }
    fn monotone(&self) -> bool {
        true
    }
    fn rate(&self) -> Option<f64> {
        Some(1.0 / (SAFE * self.bend))
    }
}
