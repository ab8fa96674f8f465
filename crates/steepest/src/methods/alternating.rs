//! Blocks of variables minimised over in turn, exactly, and their rounds extrapolated.
use crate::certificate::{Certificate, Kind};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::{dot, minus};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::State;
use crate::status::{Halt, Status};
use std::collections::VecDeque;

crate::settings! {
    /// Alternating minimisation: of blocks of variables one after the other is put where the objective is least while the
    /// others stay; of two matrices of factors under a squared loss this is alternating least squares. No round leads up.
    /// Rounds are extrapolated by Anderson's method: the next one starts where a combination of the last few would change
    /// nothing, and from the last point again where that led up. For objectives that can be minimised over blocks:
    /// factorisations.
    ///
    /// Koren, Bell and Volinsky 2009, <https://doi.org/10.1109/MC.2009.263>; Anderson 1965,
    /// <https://doi.org/10.1145/321296.321305>.
    "alternating" Alternating {
        /// Rounds that are combined; 0 leaves them as they are.
        memory = 6 in 0 => 50,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Alternating::<f64>::NAME,
    doc: Alternating::<f64>::DOC,
    parameters: Alternating::<f64>::PARAMETERS,
    needs: Needs { blocks: true, penalty: Takes::Pieces, ..Needs::GRADIENT },
    suits: |_| {
        Some(Suit {
            passes: 0.5,
            reason: "each of its blocks can be minimised over exactly".into(),
        })
    },
    build: |settings| {
        let memory = Alternating::of(settings).memory as usize;
        Box::new(InTurn { memory, ..InTurn::default() })
    },
};

/// Falls over as many rounds are compared: how fast they become smaller is what tells how much is left.
const WINDOW: usize = 5;
/// Nothing proves what is left: in long flat stretches it was seen to be up to two hundred times what the last falls show. So
/// that is held to this share of the tolerance, as claims from slopes are.
const HELD: f64 = 1e-4;
/// Falls are taken to become smaller no faster than this from window to window.
const FASTEST: f64 = 0.5;
/// What a sum like F is taken to be wrong by, relative to it.
const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// Of the sum of squares of what is combined, added to each of them.
const RIDGE: f64 = 1e-12;

/// What a round changed, and where it led: of the last block, which all others follow from.
#[derive(Clone, Debug, Default)]
struct Round {
    change: Vec<f64>,
    end: Vec<f64>,
}
crate::state!(Round { change, end });

#[derive(Default)]
struct InTurn {
    memory: usize,
    /// The last rounds, the newest at the end.
    rounds: VecDeque<Round>,
    /// F after each round of late.
    values: VecDeque<f64>,
    /// F at the start.
    first: f64,
    /// Where the next round starts, in the last block, where that is not where the last one ended.
    from: Vec<f64>,
}
crate::state!(InTurn { rounds, values, first, from } but memory);

impl InTurn {
    /// Where the rounds point to: the combination of their ends whose change is least.
    fn extrapolated(&self) -> Option<Vec<f64>> {
        let m = self.rounds.len().checked_sub(1).filter(|m| *m > 0)?;
        let last = &self.rounds[m];
        let n = last.end.len();
        let differences = |of: fn(&Round) -> &Vec<f64>| -> Vec<Vec<f64>> {
            let one = |i: usize| {
                let mut to = vec![0.0; n];
                minus(of(&self.rounds[i + 1]), of(&self.rounds[i]), &mut to);
                to
            };
            (0..m).map(one).collect()
        };
        let change = differences(|r| &r.change);
        let mut square = vec![0.0; m * m];
        for i in 0..m {
            (0..=i).for_each(|j| square[i * m + j] = dot(&change[i], &change[j]));
        }
        let trace: f64 = (0..m).map(|i| square[i * m + i]).sum();
        let mut by: Vec<f64> = change.iter().map(|c| dot(c, &last.change)).collect();
        Cholesky::new(m, &square, |_| RIDGE * trace)?.solve(&mut by);
        let mut to = last.end.clone();
        for (by, end) in by.iter().zip(differences(|r| &r.end)) {
            to.iter_mut().zip(&end).for_each(|(to, e)| *to -= by * e);
        }
        to.iter().all(|v| v.is_finite()).then_some(to)
    }

    /// How much further F would fall, by how its falls became smaller.
    fn left(&self) -> Option<f64> {
        let back = |rounds: usize| {
            let at = self.values.len().checked_sub(rounds + 1)?;
            self.values.get(at).copied()
        };
        let (now, before, first) = (back(0)?, back(WINDOW)?, back(2 * WINDOW)?);
        let fall = (before - now).max(0.0);
        // Rounding has no trend.
        if fall <= ROUNDING * now.abs() {
            return Some(fall);
        }
        let shrinks = (fall / (first - before)).max(FASTEST);
        Some(if shrinks < 1.0 { fall * shrinks / (1.0 - shrinks) } else { f64::INFINITY })
    }

    fn judged(&mut self, problem: &Problem<'_>, value: f64) -> Step {
        self.values.push_back(value);
        if self.values.len() > 2 * WINDOW + 1 {
            self.values.pop_front();
        }
        let size = value.abs().max(1e-12 * self.first.abs()).max(f64::MIN_POSITIVE);
        let Some(left) = self.left() else {
            return Step { value, residual: 1.0, rate: 1.0, ..Step::default() };
        };
        let certificate = Certificate {
            kind: Kind::Estimated,
            bound: left,
            target: HELD * problem.tolerance() * size,
            rounding: ROUNDING * size,
            assumption: "each block is at its least while the others stay, and further rounds gain as the last ones show: the \
                         point need not be the least there is",
        };
        let done = certificate.reached() || certificate.within_rounding();
        Step {
            value,
            residual: (left / size).sqrt().min(1.0),
            rate: 1.0,
            verdict: done.then_some(Status::Converged),
            certificate: Some(certificate),
            ..Step::default()
        }
    }
}

/// All blocks once, from x; F there.
fn round(problem: &mut Problem<'_>, x: &mut [f64]) -> Result<f64, Halt> {
    let mut to = x.to_vec();
    for (block, range) in problem.blocks().into_iter().enumerate() {
        problem.least(x, block, &mut to)?;
        x[range.clone()].copy_from_slice(&to[range]);
    }
    Ok(problem.value(x)? + problem.penalty().value(x))
}

impl Method for InTurn {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut held = x.to_vec();
        // Inside the bounds, where there are some.
        if !problem.penalty().value(x).is_finite() {
            problem.penalty().prox(&mut held, crate::penalty::Steps::Uniform(1e-100));
            x.copy_from_slice(&held);
        }
        self.first = problem.value(x)? + problem.penalty().value(x);
        self.values.push_back(self.first);
        Ok(Step { value: self.first, residual: 1.0, rate: 1.0, ..Step::default() })
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let last = problem.blocks().pop().unwrap_or(0..x.len());
        let before = *self.values.back().expect("it has begun");
        let mut there = x.to_vec();
        let bold = !self.from.is_empty();
        if bold {
            there[last.clone()].copy_from_slice(&std::mem::take(&mut self.from));
        }
        let mut from = there[last.clone()].to_vec();
        let mut value = round(problem, &mut there)?;
        if bold && !(value <= before) {
            // From where it stood, which cannot lead up.
            self.rounds.clear();
            there.copy_from_slice(x);
            from = there[last.clone()].to_vec();
            value = round(problem, &mut there)?;
        }
        let end = there[last.clone()].to_vec();
        let mut change = vec![0.0; end.len()];
        minus(&end, &from, &mut change);
        x.copy_from_slice(&there);
        if self.memory > 0 {
            self.rounds.push_back(Round { change, end });
            if self.rounds.len() > self.memory + 1 {
                self.rounds.pop_front();
            }
            self.from = self.extrapolated().unwrap_or_default();
        }
        Ok(self.judged(problem, value))
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
}
