//! Stochastic gradients whose variance is taken away by the last gradient of each batch.
use super::composite;
use super::epochs::Whole;
use super::proved::Proved;
use super::sampler::{NAMES, Sampler};
use crate::linalg::vectors::dot;
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::{Bad, State};
use crate::status::Halt;

crate::settings! {
    /// SAGA: every batch's last gradient a_B is remembered, and a step is x ← prox(x − η (∇f_B(x) − a_B + ā)) with their mean ā.
    /// η = 1/2L, L found on the way: at every eighth step the curvature along the batch's own gradient is looked at. Batches
    /// stay the same over the epochs. An iteration is an epoch: an eighth more than one read of all terms. Where ā says that
    /// little is left the gradient of all terms is looked at, and only of that is anything claimed.
    ///
    /// Memory is that of a gradient a batch, at most 256 MB: batches are larger where that would be more.
    ///
    /// Defazio, Bach and Lacoste-Julien 2014, <https://arxiv.org/abs/1407.0202>; L on the way: Schmidt, Le Roux and Bach 2017,
    /// section 4.6, <https://doi.org/10.1007/s10107-016-1030-6>.
    "saga" Saga {
        /// Terms a step looks at; 0: a thousandth of them.
        batch_size = 0 in 0 => 4294967295.0,
        /// How batches are drawn: `shuffle` (each once an epoch), `replacement`, `blocks` (runs of neighbours), `importance`.
        sampling = 0 in 0 => 3; NAMES,
        /// Of the order in which batches are drawn.
        seed = 0 in 0 => 9007199254740992.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Saga::<f64>::NAME,
    doc: Saga::<f64>::DOC,
    parameters: Saga::<f64>::PARAMETERS,
    needs: Needs { terms: true, penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        Box::new(Proved::followed(Box::new(Average {
            set: Saga::of(settings),
            ..Average::default()
        })))
    },
};

/// The step is one over so many times the curvature seen.
const SAFE: f64 = 2.0;
/// Steps between two looks at the curvature.
const BETWEEN: usize = 8;
/// What is remembered of the curvature of the epoch before.
const KEPT: f64 = 0.5;
/// Steps are so many times shorter where an epoch led up.
const SHORTER: f64 = 4.0;
/// Numbers remembered at most.
const ROOM: usize = 1 << 25;

#[derive(Default)]
struct Average {
    set: Saga,
    sampler: Option<Sampler>,
    whole: Whole,
    /// Where all terms were looked at last.
    sure: Vec<f64>,
    /// The curvature that steps go by, and that which was seen last: what residuals are measured by.
    bend: f64,
    seen: f64,
    /// The last gradient of each batch, one after another, and their mean.
    last: Vec<f64>,
    mean: Vec<f64>,
}

crate::state!(Average { sampler, whole, sure: vector, bend, seen, last, mean: vector } but set);

impl Average {
    fn sampler(&mut self) -> &mut Sampler {
        self.sampler.as_mut().expect("made at the start")
    }

    /// The gradients of all batches at x.
    fn fill(&mut self, problem: &mut Problem<'_>, x: &[f64]) -> Result<(), Halt> {
        let n = x.len();
        let mut sampler = self.sampler.take().expect("made at the start");
        self.last.resize(sampler.batches() * n, 0.0);
        self.mean = vec![0.0; n];
        let mut filled = Ok(());
        for (place, last) in self.last.chunks_exact_mut(n).enumerate() {
            filled = problem.batch(sampler.fixed(place).terms, x, last).map(|_| ());
            if filled.is_err() {
                break;
            }
            let share = sampler.share(place);
            self.mean.iter_mut().zip(last).for_each(|(m, l)| *m += share * *l);
        }
        self.sampler = Some(sampler);
        filled
    }

    /// One epoch, from x to x; the mean of the values that its batches had.
    fn epoch(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        sampler: &mut Sampler,
    ) -> Result<f64, Halt> {
        let n = x.len();
        let [mut here, mut ahead, mut there, mut slope] = [0; 4].map(|_| vec![0.0; n]);
        let (mut value, mut most) = (0.0, 0.0f64);
        for turn in 0..sampler.batches() {
            let batch = sampler.batch(turn);
            let (place, weight, share) = (batch.place, batch.weight, sampler.share(batch.place));
            value += weight * problem.batch(batch.terms, x, &mut here)? / sampler.batches() as f64;
            let square = dot(&here, &here);
            if !square.is_finite() {
                return Ok(f64::INFINITY);
            }
            if turn.is_multiple_of(BETWEEN) && square > 0.0 {
                let t = 1.0 / self.bend;
                there.copy_from_slice(x);
                self.whole.ahead(&mut there, &here, t);
                problem.batch(batch.terms, &there, &mut ahead)?;
                there.iter_mut().zip(&*x).for_each(|(to, x)| *to -= x);
                ahead.iter_mut().zip(&here).for_each(|(a, h)| *a -= h);
                let seen = self.whole.bend(&ahead, &there, square.sqrt());
                if seen.is_finite() {
                    (most, self.bend) = (most.max(weight * seen), self.bend.max(weight * seen));
                }
            }
            let last = &mut self.last[place * n..(place + 1) * n];
            let t = 1.0 / (SAFE * self.bend);
            let mut changed = 0.0;
            for (((s, m), g), a) in slope.iter_mut().zip(&mut self.mean).zip(&here).zip(last) {
                let off = g - *a;
                *s = weight * off + *m;
                *m += share * off;
                *a = *g;
                changed += off * off;
            }
            sampler.saw(place, changed.sqrt());
            self.whole.descend(problem, x, &slope, t);
        }
        if most > 0.0 {
            (self.bend, self.seen) = (most.max(KEPT * self.bend), most);
        }
        Ok(value)
    }
}

impl Method for Average {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (terms, given) = (problem.offers().terms, self.set.batch_size as usize);
        let size = if given == 0 { terms.div_ceil(1000) } else { given };
        let size = size.max((terms * x.len()).div_ceil(ROOM));
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
        let mut sampler = Sampler::new(self.set.sampling, size, terms, self.set.seed as u64, true);
        sampler.begin();
        let batches = (0..sampler.batches()).map(|turn| sampler.batch(turn).terms);
        self.bend = self.whole.probe(problem, x, batches)?;
        (self.seen, sampler.epoch) = (self.bend, 0);
        self.sampler = Some(sampler);
        self.sure = x.to_vec();
        self.fill(problem, x)?;
        self.whole.judged(problem, x, self.seen)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut sampler = self.sampler.take().expect("made at the start");
        sampler.begin();
        let value = self.epoch(problem, x, &mut sampler);
        self.sampler = Some(sampler);
        let value = value?;
        let finite = value.is_finite() && x.iter().all(|x| x.is_finite());
        let value = value + problem.penalty().value(x);
        let residual = self.whole.residual(problem, x, &self.mean, self.seen);
        let epoch = self.sampler().epoch;
        let due = epoch.is_power_of_two()
            || value > self.whole.value
            || residual <= composite::goal(problem);
        if finite && !due {
            return Ok(Step {
                value,
                sampled: true,
                residual,
                rate: 1.0 / (SAFE * self.bend),
                ..Step::default()
            });
        }
        if finite && self.whole.look(problem, x)? {
            self.sure.copy_from_slice(x);
        } else {
            x.copy_from_slice(&self.sure);
            self.bend *= SHORTER;
            self.fill(problem, x)?;
        }
        self.whole.judged(problem, x, self.seen)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let Some(sampler) = &mut self.sampler else { return Ok(()) };
        sampler.again(self.set.sampling, problem.offers().terms, self.set.seed as u64, true)?;
        if self.last.len() != sampler.batches() * self.sure.len() {
            return Err(Halt::Failed(Box::new(Bad("'method.last' is of other batches".into()))));
        }
        Ok(())
    }
    fn monotone(&self) -> bool {
        true
    }
    fn rate(&self) -> Option<f64> {
        Some(1.0 / (SAFE * self.bend))
    }
}
