//! Rules at work on tensors: what turns gradients, then what moves the parameters; on all threads, in ordered sums.
use crate::pool::pool;
use crate::rule::{Compiled, Entry, Kind, Moment, Scope, Work};
use crate::settings::checked;
use std::sync::{Mutex, PoisonError};

/// A tensor that a chain moves on.
pub struct Tensor<'a, N> {
    /// Its lengths; rules over matrices look at them.
    pub shape: &'a [usize],
    /// The parameters, row after row.
    pub x: &'a mut [N],
    /// The gradient.
    pub g: &'a [N],
    /// As many memories as [`Chain::memory`] says, each as long as `x`; they start at 0.
    pub memory: Vec<&'a mut [N]>,
}

/// Rules one after the other: all but the last turn the gradient, the last moves the parameters.
pub struct Chain<N> {
    stages: Vec<Box<dyn Work<N>>>,
}

/// Coordinates that one task moves on: the split depends on the tensors alone.
const BLOCK: usize = 64 * 1024;
/// Below so many coordinates the caller is quicker alone.
const FEW: usize = 64 * 1024;

/// A block of a tensor.
struct Piece<'a, N> {
    tensor: usize,
    whole: Option<[usize; 2]>,
    x: &'a mut [N],
    g: &'a [N],
    memory: Vec<&'a mut [N]>,
}

/// A rule with its settings by name, not yet checked.
pub type Named<'a> = (&'a str, &'a [(&'a str, f64)]);

/// The registry's rows and checked settings of a chain, or what is wrong with it.
pub fn plan(rules: &[Named<'_>]) -> Result<Vec<(&'static Entry, Vec<f64>)>, String> {
    let plan = rules
        .iter()
        .map(|(name, given)| {
            let entry = crate::rules::find(name)?;
            Ok((entry, checked(entry.name, entry.parameters, given)?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let Some(((last, _), before)) = plan.split_last() else {
        return Err("a chain needs at least one rule; got none".into());
    };
    if last.kind == Kind::Gradient {
        return Err(format!(
            "{} only turns the gradient: put a rule that takes a step after it, like ['{}', 'adam']",
            last.name, last.name
        ));
    }
    if let Some((early, _)) = before.iter().find(|(e, _)| e.kind == Kind::Parameter) {
        return Err(format!(
            "{} takes the step, so it must come last; it comes before {}",
            early.name, last.name
        ));
    }
    Ok(plan)
}

impl<N: Compiled> Chain<N> {
    /// From a [`plan`].
    pub fn new(plan: &[(&'static Entry, Vec<f64>)]) -> Self {
        Chain { stages: plan.iter().map(|(entry, settings)| N::work(entry, settings)).collect() }
    }
    /// The rule that moves the parameters.
    pub fn last(&self) -> &'static Entry {
        self.stages[self.stages.len() - 1].entry()
    }
    /// How many memories a tensor of that shape needs.
    pub fn memory(&self, shape: &[usize]) -> usize {
        self.stages.iter().map(|s| s.entry().memory_of(shape).len()).sum()
    }
    /// How many numbers of state so many tensors need; they start at 0.
    pub fn state(&self, tensors: usize) -> usize {
        self.stages.iter().map(|s| groups(s.entry(), tensors) * s.entry().state.len()).sum()
    }

    /// One step: moves parameters, memory and state on.
    pub fn step(&self, at: Moment, tensors: &mut [Tensor<'_, N>], state: &mut [f64]) {
        let count = tensors.len();
        let coordinates: usize = tensors.iter().map(|t| t.x.len()).sum();
        let last = self.last();
        let pieces: Vec<_> =
            tensors.iter_mut().enumerate().flat_map(|(i, t)| cut(i, t, last)).collect();
        let pieces: Vec<Mutex<Piece<'_, N>>> = pieces.into_iter().map(Mutex::new).collect();
        let spread = coordinates > FEW;
        let mut scalars: Vec<Vec<f64>> = Vec::with_capacity(self.stages.len());
        let mut from = 0;
        for (k, stage) in self.stages.iter().enumerate() {
            let entry = stage.entry();
            let (groups, kept) = (groups(entry, count), entry.state.len());
            let state = &mut state[from..from + groups * kept];
            from += groups * kept;
            let mut here = vec![0.0; groups * entry.scalars.len()];
            for group in 0..groups {
                let s = &mut here[group * entry.scalars.len()..][..entry.scalars.len()];
                stage.scalars(at, &state[group * kept..][..kept], s);
            }
            scalars.push(here);
            if entry.sums.is_empty() {
                continue;
            }
            let sums = self.sums(k, &pieces, groups, &scalars, spread);
            for group in 0..groups {
                let s = &mut scalars[k][group * entry.scalars.len()..][..entry.scalars.len()];
                let sums = &sums[group * entry.sums.len()..][..entry.sums.len()];
                stage.settle(at, s, sums, &mut state[group * kept..][..kept]);
            }
        }
        each(spread, pieces.len(), |i| {
            let piece = &mut *pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
            if piece.whole.is_none() {
                self.advance(at, piece, &scalars);
            }
        });
        // A matrix spreads its products over the threads by itself.
        for piece in pieces {
            let mut piece = piece.into_inner().unwrap_or_else(PoisonError::into_inner);
            if piece.whole.is_some() {
                self.advance(at, &mut piece, &scalars);
            }
        }
    }

    /// The sums of stage `k`, group after group, added up in the order of the blocks.
    fn sums(
        &self,
        k: usize,
        pieces: &[Mutex<Piece<'_, N>>],
        groups: usize,
        scalars: &[Vec<f64>],
        spread: bool,
    ) -> Vec<f64> {
        let stage = &self.stages[k];
        let width = stage.entry().sums.len();
        let parts: Vec<Mutex<Vec<f64>>> =
            pieces.iter().map(|_| Mutex::new(vec![0.0; width])).collect();
        each(spread, pieces.len(), |i| {
            let piece = &mut *pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
            let mut sums = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
            let (turned, memory) = self.turned(k, piece, scalars, false);
            let g = turned.as_deref().unwrap_or(piece.g);
            // A matrix taken whole has no terms of its own: only what turns gradients sums over it.
            if piece.whole.is_none() || k + 1 < self.stages.len() {
                let s = own(&scalars[k], stage.entry(), piece.tensor);
                stage.terms(s, piece.x, g, &piece.memory[memory..], &mut sums);
            }
        });
        let mut sums = vec![0.0; groups * width];
        for (piece, part) in pieces.iter().zip(&parts) {
            let tensor = piece.lock().unwrap_or_else(PoisonError::into_inner).tensor;
            let group = if groups > 1 { tensor } else { 0 };
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (sum, p) in sums[group * width..].iter_mut().zip(part.iter()) {
                *sum += p;
            }
        }
        sums
    }

    /// The gradient as stage `k` sees it, where it is not the piece's own, and where that stage's memory begins.
    fn turned(
        &self,
        k: usize,
        piece: &mut Piece<'_, N>,
        scalars: &[Vec<f64>],
        keep: bool,
    ) -> (Option<Vec<N>>, usize) {
        if k == 0 {
            return (None, 0);
        }
        let (mut g, mut from) = (piece.g.to_vec(), 0);
        for (stage, s) in self.stages[..k].iter().zip(scalars) {
            let entry = stage.entry();
            let memory = &mut piece.memory[from..from + entry.memory.len()];
            stage.turn(own(s, entry, piece.tensor), piece.x, &mut g, memory, keep);
            from += entry.memory.len();
        }
        (Some(g), from)
    }

    /// Moves a block on.
    fn advance(&self, at: Moment, piece: &mut Piece<'_, N>, scalars: &[Vec<f64>]) {
        let last = self.stages.len() - 1;
        let (turned, from) = self.turned(last, piece, scalars, true);
        let g = turned.as_deref().unwrap_or(piece.g);
        let memory = &mut piece.memory[from..];
        match piece.whole {
            Some(shape) => self.stages[last].matrix(at, shape, piece.x, g, memory),
            None => {
                let s = own(&scalars[last], self.stages[last].entry(), piece.tensor);
                self.stages[last].element(s, piece.x, g, memory);
            }
        }
    }
}

fn groups(entry: &Entry, tensors: usize) -> usize {
    if entry.scope == Scope::Tensor && !entry.sums.is_empty() { tensors } else { 1 }
}

/// The scalars of a tensor's group.
fn own<'s>(scalars: &'s [f64], entry: &Entry, tensor: usize) -> &'s [f64] {
    let width = entry.scalars.len();
    let group = if scalars.len() > width { tensor } else { 0 };
    &scalars[group * width..][..width]
}

fn each(spread: bool, n: usize, task: impl Fn(usize) + Sync) {
    if spread { pool().each(n, task) } else { (0..n).for_each(task) }
}

/// A tensor in blocks, or whole where the rule takes it so.
fn cut<'t, N>(tensor: usize, t: &'t mut Tensor<'_, N>, last: &Entry) -> Vec<Piece<'t, N>> {
    let whole = last.takes_whole(t.shape).then(|| [t.shape[0], t.shape[1]]);
    let size = if whole.is_some() { t.x.len() } else { BLOCK };
    let mut memory: Vec<_> = t.memory.iter_mut().map(|m| m.chunks_mut(size)).collect();
    (t.x.chunks_mut(size).zip(t.g.chunks(size)))
        .map(|(x, g)| Piece {
            tensor,
            whole,
            x,
            g,
            memory: memory.iter_mut().map(|m| m.next().expect("as long as x")).collect(),
        })
        .collect()
}
