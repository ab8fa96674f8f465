//! Rules at work: the loops over blocks of coordinates, compiled for f32 and f64.
use super::{At, Entry, Rule};
use crate::linalg::strided::Gemm;
use crate::numbers::real::Float;

/// A rule at work on the numbers `N`: one virtual call a block of coordinates, never one a coordinate.
pub trait Kernel<N>: Send + Sync {
    /// What the registry says of it.
    fn entry(&self) -> &'static Entry;
    /// What its numbers are drawn by, where it draws some.
    fn seed(&self) -> u64;
    /// Writes the scalars.
    fn scalars(&self, at: Moment, state: &[f64], scalars: &mut [f64]);
    /// Adds a block's terms to the sums.
    fn terms(&self, scalars: &[f64], x: &[N], g: &[N], memory: &[&mut [N]], sums: &mut [f64]);
    /// Completes the scalars and moves the state on.
    fn settle(&self, at: Moment, scalars: &mut [f64], sums: &[f64], state: &mut [f64]);
    /// Moves a block on: x and memory.
    fn element(&self, scalars: &[f64], x: &mut [N], g: &[N], memory: &mut [&mut [N]]);
    /// Makes of a block's gradient the next one, or the change, and of a change the next one; `keep` also moves the
    /// memory on.
    fn turn(&self, scalars: &[f64], x: &[N], g: &mut [N], memory: &mut [&mut [N]], keep: bool);
    /// Where a block's second gradient is asked.
    fn place(&self, scalars: &[f64], x: &[N], g: &[N], memory: &[&mut [N]], to: &mut [N]);
    /// The point to look at, of a point that other rules show already.
    fn shown(&self, scalars: &[f64], x: &mut [N], memory: &[&mut [N]]);
    /// Does with a matrix as a whole what `turn` does with a block.
    fn matrix(
        &self,
        at: Moment,
        shape: [usize; 2],
        x: &[N],
        g: &mut [N],
        memory: &mut [&mut [N]],
        keep: bool,
    );
}

/// The numbers that rules are compiled for.
pub trait Compiled: Float + Gemm {
    /// The rule at work on these numbers, from checked settings.
    fn work(entry: &'static Entry, settings: &[f64]) -> Box<dyn Kernel<Self>>;
}
impl Compiled for f32 {
    fn work(entry: &'static Entry, settings: &[f64]) -> Box<dyn Kernel<f32>> {
        (entry.f32)(entry, settings)
    }
}
impl Compiled for f64 {
    fn work(entry: &'static Entry, settings: &[f64]) -> Box<dyn Kernel<f64>> {
        (entry.f64)(entry, settings)
    }
}

/// [`At`] without the state: what a host knows of a step.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The step's number: 1, 2, …
    pub step: u64,
    /// The rate in force.
    pub rate: f64,
    /// The value of the loss at x; NaN where there is none.
    pub value: f64,
    /// How many tensors stand before the first one, moved on apart from these: each draws numbers of its own.
    pub before: u32,
}

impl Moment {
    fn at<const K: usize>(self, state: [f64; K]) -> At<f64, K> {
        At { step: self.step as f64, rate: self.rate, value: self.value, state }
    }
}

crate::simd! {
    fn element[R: Rule<M, S, T, K>, N: Float, const M: usize, const S: usize, const T: usize, const K: usize]
        (rule: R, s: [N; S], x: &mut [N], g: &[N], memory: [&mut [N]; M]) {
        let _ = rule;
        let n = x.len();
        let g = &g[..n];
        let memory = memory.map(|m| &mut m[..n]);
        for i in 0..n {
            let before = std::array::from_fn(|k| memory[k][i]);
            let (to, after) = R::element(s, x[i], g[i], before);
            x[i] = if R::ABSOLUTE { to } else { x[i] + to };
            for k in 0..M {
                memory[k][i] = after[k];
            }
        }
    }
}
crate::simd! {
    fn turn[R: Rule<M, S, T, K>, N: Float, const M: usize, const S: usize, const T: usize, const K: usize]
        (rule: R, s: [N; S], x: &[N], g: &mut [N], memory: [&mut [N]; M], keep: bool) {
        let _ = rule;
        let n = g.len();
        let x = &x[..n];
        let memory = memory.map(|m| &mut m[..n]);
        for i in 0..n {
            let before = std::array::from_fn(|k| memory[k][i]);
            let (to, after) = R::element(s, x[i], g[i], before);
            g[i] = if R::ABSOLUTE { to - x[i] } else { to };
            for k in 0..M {
                memory[k][i] = if keep { after[k] } else { before[k] };
            }
        }
    }
}
/// Coordinates whose terms are added up in their own precision before they go into a sum in f64.
const SHORT: usize = 256;
const LANES: usize = 16;

#[inline(never)]
fn fold<N: Float>(lanes: [N; LANES]) -> f64 {
    lanes.iter().fold(0.0, |sum, l| sum + l.to_f64())
}

crate::simd! {
    fn terms[R: Rule<M, S, T, K>, N: Float, const M: usize, const S: usize, const T: usize, const K: usize]
        (rule: R, s: [N; S], x: &[N], g: &[N], memory: [&[N]; M], sums: &mut [f64; T]) {
        let _ = rule;
        let n = x.len();
        let g = &g[..n];
        let memory = memory.map(|m| &m[..n]);
        let mut at = 0;
        while at < n {
            let here = SHORT.min(n - at);
            let (x, g, memory) = (&x[at..at + here], &g[at..at + here], memory.map(|m| &m[at..at + here]));
            let mut each = [[N::lit(0.0); SHORT]; T];
            for i in 0..here {
                let t = R::terms(s, x[i], g[i], std::array::from_fn(|k| memory[k][i]));
                for k in 0..T {
                    each[k][i] = t[k];
                }
            }
            // What is beyond the end is 0 and adds nothing.
            for k in 0..T {
                let mut lanes = [N::lit(0.0); LANES];
                for chunk in each[k].as_chunks::<LANES>().0 {
                    for l in 0..LANES {
                        lanes[l] = lanes[l] + chunk[l];
                    }
                }
                sums[k] += fold(lanes);
            }
            at += here;
        }
    }
}

/// A [`Rule`] with its settings, at work.
pub(super) struct PerElement<R, const M: usize, const S: usize, const T: usize, const K: usize> {
    pub(super) rule: R,
    pub(super) entry: &'static Entry,
}

fn fixed<const L: usize>(values: &[f64]) -> [f64; L] {
    values.try_into().expect("as many numbers as the rule declares")
}

impl<N: Float + Gemm, R, const M: usize, const S: usize, const T: usize, const K: usize> Kernel<N>
    for PerElement<R, M, S, T, K>
where
    R: Rule<M, S, T, K>,
{
    fn entry(&self) -> &'static Entry {
        self.entry
    }
    fn seed(&self) -> u64 {
        let at = R::PARAMETERS.iter().position(|p| p.name == "seed");
        at.map_or(0, |at| self.rule.values()[at] as u64)
    }
    fn scalars(&self, at: Moment, state: &[f64], scalars: &mut [f64]) {
        scalars.copy_from_slice(&R::scalars(self.rule.lit::<f64>(), at.at(fixed::<K>(state))));
    }
    fn terms(&self, scalars: &[f64], x: &[N], g: &[N], memory: &[&mut [N]], sums: &mut [f64]) {
        if T == 0 {
            return;
        }
        let memory: [&[N]; M] = std::array::from_fn(|k| &*memory[k]);
        let sums = sums.try_into().expect("as many sums as the rule declares");
        terms(self.rule, fixed::<S>(scalars).map(N::of_f64), x, g, memory, sums);
    }
    fn settle(&self, at: Moment, scalars: &mut [f64], sums: &[f64], state: &mut [f64]) {
        let (s, k) = R::settle(
            self.rule.lit::<f64>(),
            at.at(fixed::<K>(state)),
            fixed(scalars),
            fixed(sums),
        );
        scalars.copy_from_slice(&s);
        state.copy_from_slice(&k);
    }
    fn element(&self, scalars: &[f64], x: &mut [N], g: &[N], memory: &mut [&mut [N]]) {
        let memory: &mut [&mut [N]; M] = memory.try_into().expect("as many memories as declared");
        let memory = memory.each_mut().map(|m| &mut **m);
        element(self.rule, fixed::<S>(scalars).map(N::of_f64), x, g, memory);
    }
    fn turn(&self, scalars: &[f64], x: &[N], g: &mut [N], memory: &mut [&mut [N]], keep: bool) {
        let memory: &mut [&mut [N]; M] = memory.try_into().expect("as many memories as declared");
        let memory = memory.each_mut().map(|m| &mut **m);
        turn(self.rule, fixed::<S>(scalars).map(N::of_f64), x, g, memory, keep);
    }
    fn place(&self, scalars: &[f64], x: &[N], g: &[N], memory: &[&mut [N]], to: &mut [N]) {
        let s = fixed::<S>(scalars).map(N::of_f64);
        for (i, to) in to.iter_mut().enumerate() {
            *to = R::place(s, x[i], g[i], std::array::from_fn(|k| memory[k][i]));
        }
    }
    fn shown(&self, scalars: &[f64], x: &mut [N], memory: &[&mut [N]]) {
        let s = fixed::<S>(scalars).map(N::of_f64);
        for (i, x) in x.iter_mut().enumerate() {
            *x = R::shown(s, *x, std::array::from_fn(|k| memory[k][i]));
        }
    }
    fn matrix(
        &self,
        at: Moment,
        shape: [usize; 2],
        x: &[N],
        g: &mut [N],
        memory: &mut [&mut [N]],
        keep: bool,
    ) {
        let extents: Vec<_> = R::MATRIX_MEMORY.iter().map(|(_, extent)| extent.of(shape)).collect();
        let stands = R::LYING && shape[0] > shape[1];
        crate::linalg::matrix::whole(
            shape,
            &extents,
            stands,
            x,
            g,
            memory,
            keep,
            |x, g, memory| R::matrix(self.rule.lit(), at.at([]), x, g, memory),
        );
    }
}
