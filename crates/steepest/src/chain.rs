//! Rules at work on tensors: what turns gradients, what makes a change of one, what turns changes; on all threads, in
//! ordered sums.
use crate::numbers::random::Random;
use crate::parallel::pool::pool;
use crate::rule::{Compiled, Entry, Kernel, Kind, Moment, Scope};
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
    /// As many memories as [`Chain::memory`] says, each as large as it says; they start at 0.
    pub memory: Vec<&'a mut [N]>,
}

/// A vector by tensors.
pub fn split<'a, N>(shapes: &[Vec<usize>], mut rest: &'a mut [N]) -> Vec<&'a mut [N]> {
    let one = |shape: &Vec<usize>| {
        let (here, after) = std::mem::take(&mut rest).split_at_mut(shape.iter().product());
        rest = after;
        here
    };
    shapes.iter().map(one).collect()
}

/// The tensors of a vector, with their gradients and memories.
pub fn tensors<'a, N>(
    shapes: &'a [Vec<usize>],
    x: &'a mut [N],
    mut g: &'a [N],
    memory: &'a mut [Vec<Vec<N>>],
) -> Vec<Tensor<'a, N>> {
    let mut tensors = Vec::with_capacity(shapes.len());
    for ((shape, x), memory) in shapes.iter().zip(split(shapes, x)).zip(memory) {
        let (here, rest) = g.split_at(x.len());
        g = rest;
        let memory = memory.iter_mut().map(|m| &mut m[..]).collect();
        tensors.push(Tensor { shape, x, g: here, memory });
    }
    tensors
}

/// Rules one after the other: those that turn the gradient, the one that makes a change of it, those that turn that.
pub struct Chain<N> {
    stages: Vec<Box<dyn Kernel<N>>>,
    /// Which of them makes the change.
    taking: usize,
}

/// Coordinates that one task moves on: the split depends on the tensors alone.
const BLOCK: usize = 64 * 1024;
/// Below so many coordinates the caller is quicker alone.
const FEW: usize = 64 * 1024;

/// A block of a tensor.
struct Chunk<'a, N> {
    tensor: usize,
    /// Of the tensor.
    shape: &'a [usize],
    /// Which of the tensor's blocks this is, or begins with.
    block: usize,
    /// The tensor's shape where a rule takes it whole, so that this is all of it.
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
    let Some((last, _)) = plan.last() else {
        return Err("a chain needs at least one rule; got none".into());
    };
    if last.kind == Kind::Gradient {
        return Err(format!(
            "{} only turns the gradient: put a rule that takes a step after it, like ['{}', 'adam']",
            last.name, last.name
        ));
    }
    let kinds: Vec<Kind> = plan.iter().map(|(e, _)| e.kind).collect();
    let Some(taking) = kinds.iter().position(|&k| k == Kind::Parameter) else {
        return Err(format!(
            "{} only turns the step of another rule: put one before it, like ['adam', '{}']",
            last.name, last.name
        ));
    };
    let name = |at: usize| plan[at].0.name;
    if let Some(at) = kinds[..taking].iter().position(|&k| k == Kind::Change) {
        let (it, step) = (name(at), name(taking));
        return Err(format!("{it} turns the step, so it must come after {step}, which takes it"));
    }
    if let Some(at) = kinds[taking + 1..].iter().position(|&k| k == Kind::Gradient) {
        let (it, step) = (name(taking + 1 + at), name(taking));
        return Err(format!(
            "{it} turns the gradient, so it must come before {step}, which takes the step"
        ));
    }
    if let Some(at) = kinds[taking + 1..].iter().position(|&k| k == Kind::Parameter) {
        let (it, other) = (name(taking), name(taking + 1 + at));
        return Err(format!("{it} takes the step, so it must come last; it comes before {other}"));
    }
    let twice = plan.iter().filter(|(e, _)| e.evaluations > 1).count();
    if twice > 1 {
        return Err("one rule of a chain may ask for a second gradient; there are more".into());
    }
    Ok(plan)
}

impl<N: Compiled> Chain<N> {
    /// From a [`plan`].
    pub fn new(plan: &[(&'static Entry, Vec<f64>)]) -> Self {
        let taking = plan.iter().position(|(e, _)| e.kind == Kind::Parameter);
        Chain {
            stages: plan.iter().map(|(entry, settings)| N::work(entry, settings)).collect(),
            taking: taking.expect("a chain that was planned has a rule that takes the step"),
        }
    }
    fn entries(&self) -> impl DoubleEndedIterator<Item = &'static Entry> {
        self.stages.iter().map(|s| s.entry())
    }
    /// The rule that takes the step.
    pub fn step_rule(&self) -> &'static Entry {
        self.stages[self.taking].entry()
    }
    /// The memories that a tensor of that shape needs, as their shapes.
    pub fn memory(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        self.entries().flat_map(|e| e.memory_of(shape)).map(|(_, shape)| shape).collect()
    }
    /// How many numbers of state so many tensors need; they start at 0.
    pub fn state(&self, tensors: usize) -> usize {
        self.entries().map(|e| groups(e, tensors) * e.state.len()).sum()
    }
    /// Whether a step asks for a second gradient, at [`place`](Self::place).
    pub fn asks_twice(&self) -> bool {
        self.entries().any(|e| e.evaluations > 1)
    }
    /// Whether the point to look at is another than the parameters: [`shown`](Self::shown).
    pub fn shows(&self) -> bool {
        self.entries().any(|e| e.shown)
    }

    /// One step: moves parameters, memory and state on.
    pub fn step(&self, at: Moment, tensors: &mut [Tensor<'_, N>], state: &mut [f64]) {
        let (count, coordinates) = (tensors.len(), size(tensors));
        let pieces = self.pieces(tensors);
        let spread = coordinates > FEW;
        let scalars = self.settled(at, &pieces, count, state, spread);
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

    /// Where the second gradient of this step is asked, in `to`, tensor after tensor; nothing moves on.
    pub fn place(
        &self,
        at: Moment,
        tensors: &mut [Tensor<'_, N>],
        state: &[f64],
        to: &mut [&mut [N]],
    ) {
        let Some(k) = self.entries().position(|e| e.evaluations > 1) else {
            tensors.iter().zip(to).for_each(|(t, to)| to.copy_from_slice(t.x));
            return;
        };
        let (count, coordinates) = (tensors.len(), size(tensors));
        let pieces = self.pieces(tensors);
        let scalars = self.settled(at, &pieces, count, &mut state.to_vec(), coordinates > FEW);
        let mut from = vec![0; count];
        for piece in pieces {
            let mut piece = piece.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (turned, memory) = self.turned(at, k, k, &mut piece, &scalars, false);
            let g = turned.as_deref().unwrap_or(piece.g);
            let s = own(&scalars[k], self.stages[k].entry(), piece.tensor);
            let begin = from[piece.tensor];
            from[piece.tensor] += piece.x.len();
            let to = &mut to[piece.tensor][begin..from[piece.tensor]];
            self.stages[k].place(s, piece.x, g, &piece.memory[memory..], to);
        }
    }

    /// The point to look at after a step, in `to`, tensor after tensor.
    pub fn shown(&self, at: Moment, tensors: &[Tensor<'_, N>], state: &[f64], to: &mut [&mut [N]]) {
        for (i, (t, to)) in tensors.iter().zip(to).enumerate() {
            to.copy_from_slice(t.x);
            let (mut from, mut of) = (0, 0);
            for stage in &self.stages {
                let entry = stage.entry();
                let (groups, kept) = (groups(entry, tensors.len()), entry.state.len());
                let own = of + if groups > 1 { i * kept } else { 0 };
                if entry.shown && at.step > 0 {
                    let mut scalars = vec![0.0; entry.scalars.len()];
                    stage.scalars(at, &state[own..own + kept], &mut scalars);
                    stage.shown(&scalars, to, &t.memory[from..]);
                }
                from += entry.memories(t.shape);
                of += groups * kept;
            }
        }
    }

    /// The tensors in blocks.
    fn pieces<'t>(&self, tensors: &'t mut [Tensor<'_, N>]) -> Vec<Mutex<Chunk<'t, N>>> {
        let whole = |shape: &[usize]| self.entries().any(|e| e.takes_whole(shape));
        let each = |(i, t): (usize, &'t mut Tensor<'_, N>)| {
            let whole = whole(t.shape);
            cut(i, t, whole)
        };
        tensors.iter_mut().enumerate().flat_map(each).map(Mutex::new).collect()
    }
    /// The scalars of every stage, group after group, with the state moved on.
    fn settled(
        &self,
        at: Moment,
        pieces: &[Mutex<Chunk<'_, N>>],
        tensors: usize,
        state: &mut [f64],
        spread: bool,
    ) -> Vec<Vec<f64>> {
        let mut scalars: Vec<Vec<f64>> = Vec::with_capacity(self.stages.len());
        let mut from = 0;
        for (k, stage) in self.stages.iter().enumerate() {
            let entry = stage.entry();
            let (groups, kept) = (groups(entry, tensors), entry.state.len());
            let state = &mut state[from..from + groups * kept];
            from += groups * kept;
            let mut here = vec![0.0; groups * entry.scalars.len()];
            for group in 0..groups {
                let s = &mut here[group * entry.scalars.len()..][..entry.scalars.len()];
                stage.scalars(at, &state[group * kept..][..kept], s);
            }
            scalars.push(here);
            if entry.sums.is_empty() && entry.state.is_empty() {
                continue;
            }
            let sums = self.sums(at, k, pieces, groups, &scalars, spread);
            for group in 0..groups {
                let s = &mut scalars[k][group * entry.scalars.len()..][..entry.scalars.len()];
                let sums = &sums[group * entry.sums.len()..][..entry.sums.len()];
                stage.settle(at, s, sums, &mut state[group * kept..][..kept]);
            }
        }
        scalars
    }

    /// The sums of stage `k`, group after group, added up in the order of the blocks.
    fn sums(
        &self,
        at: Moment,
        k: usize,
        pieces: &[Mutex<Chunk<'_, N>>],
        groups: usize,
        scalars: &[Vec<f64>],
        spread: bool,
    ) -> Vec<f64> {
        let stage = &self.stages[k];
        let width = stage.entry().sums.len();
        if width == 0 {
            return Vec::new();
        }
        let parts: Vec<Mutex<Vec<f64>>> =
            pieces.iter().map(|_| Mutex::new(vec![0.0; width])).collect();
        each(spread, pieces.len(), |i| {
            let piece = &mut *pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
            // A matrix taken whole has no terms of its own.
            if piece.whole.is_some_and(|shape| stage.entry().takes_whole(&shape)) {
                return;
            }
            let mut sums = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
            let (turned, memory) = self.turned(at, k, k.min(self.taking), piece, scalars, false);
            let g = turned.as_deref().unwrap_or(piece.g);
            let s = own(&scalars[k], stage.entry(), piece.tensor);
            stage.terms(s, piece.x, g, &piece.memory[memory..], &mut sums);
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

    /// What the first `through` stages make of the gradient, where that is not the piece's own, and where the memory of
    /// stage `k` begins.
    fn turned(
        &self,
        at: Moment,
        k: usize,
        through: usize,
        piece: &mut Chunk<'_, N>,
        scalars: &[Vec<f64>],
        keep: bool,
    ) -> (Option<Vec<N>>, usize) {
        let mut g = (through > 0).then(|| piece.g.to_vec());
        let mut from = 0;
        for (i, (stage, s)) in self.stages[..k].iter().zip(scalars).enumerate() {
            let count = stage.entry().memories(piece.shape);
            if let (Some(g), true) = (&mut g, i < through) {
                let memory = &mut piece.memory[from..from + count];
                let s = own(s, stage.entry(), piece.tensor);
                let place = [piece.tensor, piece.block];
                turn(&**stage, at, place, s, piece.whole, piece.x, g, memory, keep);
            }
            from += count;
        }
        (g, from)
    }

    /// Moves a block on.
    fn advance(&self, at: Moment, piece: &mut Chunk<'_, N>, scalars: &[Vec<f64>]) {
        let last = self.stages.len() - 1;
        let (turned, from) = self.turned(at, last, last, piece, scalars, true);
        let stage = &*self.stages[last];
        let (entry, memory) = (stage.entry(), &mut piece.memory[from..]);
        let s = own(&scalars[last], entry, piece.tensor);
        if entry.takes_whole(piece.shape) || entry.drawn.is_some() {
            let place = [piece.tensor, piece.block];
            let mut change = turned.unwrap_or_else(|| piece.g.to_vec());
            turn(stage, at, place, s, piece.whole, piece.x, &mut change, memory, true);
            piece.x.iter_mut().zip(change).for_each(|(x, change)| *x = *x + change);
        } else {
            stage.element(s, piece.x, turned.as_deref().unwrap_or(piece.g), memory);
        }
    }
}

/// Makes of a gradient or a change the next one, over a block or a matrix taken whole.
#[allow(clippy::too_many_arguments)]
fn turn<N: Compiled>(
    stage: &dyn Kernel<N>,
    at: Moment,
    place: [usize; 2],
    scalars: &[f64],
    whole: Option<[usize; 2]>,
    x: &[N],
    g: &mut [N],
    memory: &mut [&mut [N]],
    keep: bool,
) {
    match whole {
        Some(shape) if stage.entry().takes_whole(&shape) => {
            stage.matrix(at, shape, x, g, memory, keep)
        }
        _ if stage.entry().drawn.is_some() => {
            let [tensor, block] = place;
            let mut drawn = vec![N::lit(0.0); g.len()];
            normal(stage.seed(), at, tensor, block, &mut drawn);
            let kept = memory.iter_mut().map(|m| &mut **m);
            stage.turn(scalars, x, g, &mut kept.chain([&mut drawn[..]]).collect::<Vec<_>>(), keep)
        }
        _ => stage.turn(scalars, x, g, memory, keep),
    }
}

/// The stream of the numbers that rules draw, tensor after tensor.
const DRAWN: u32 = 1 << 24;

/// Standard normal numbers for a tensor from one of its blocks on: a function of seed, step and place alone.
pub fn normal<N: Compiled>(seed: u64, at: Moment, tensor: usize, block: usize, to: &mut [N]) {
    for (b, to) in to.chunks_mut(BLOCK).enumerate() {
        let stream = DRAWN + at.before + tensor as u32;
        let mut random = Random::new(seed, stream, at.step as u32, (block + b) as u32);
        to.iter_mut().for_each(|v| *v = N::of_f64(random.normal()));
    }
}

fn size<N>(tensors: &[Tensor<'_, N>]) -> usize {
    tensors.iter().map(|t| t.x.len()).sum()
}

fn groups(entry: &Entry, tensors: usize) -> usize {
    let own = entry.scope == Scope::Tensor && !(entry.sums.is_empty() && entry.state.is_empty());
    if own { tensors } else { 1 }
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

/// A tensor in blocks, or whole where a rule takes it so.
fn cut<'t, N>(tensor: usize, t: &'t mut Tensor<'_, N>, whole: bool) -> Vec<Chunk<'t, N>> {
    let shape = t.shape;
    let whole = whole.then(|| [shape[0], shape[1]]);
    if whole.is_some() {
        let memory = t.memory.iter_mut().map(|m| &mut **m).collect();
        return vec![Chunk { tensor, shape, block: 0, whole, x: t.x, g: t.g, memory }];
    }
    let mut memory: Vec<_> = t.memory.iter_mut().map(|m| m.chunks_mut(BLOCK)).collect();
    (t.x.chunks_mut(BLOCK).zip(t.g.chunks(BLOCK)))
        .enumerate()
        .map(|(block, (x, g))| Chunk {
            tensor,
            shape,
            block,
            whole,
            x,
            g,
            memory: memory.iter_mut().map(|m| m.next().expect("as long as x")).collect(),
        })
        .collect()
}
