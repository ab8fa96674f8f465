//! What a rule is: how a gradient changes a parameter.
//!
//! A rule is written once, over the numbers trait [`Real`], in up to four short functions. `f32` and `f64` compile
//! it into the hot loops, [`Symbol`] records it for torch, Keras, NumPy and the documentation.
use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::numbers::trace::{Program, Symbol, record};
use crate::settings::{Described, Parameter};
use kernel::PerElement;
pub use kernel::{Compiled, Kernel, Moment};

mod kernel;

/// What is known when a step is taken.
#[derive(Clone, Copy, Debug)]
pub struct At<N, const K: usize = 0> {
    /// The step's number: 1, 2, …
    pub step: N,
    /// The rate in force.
    pub rate: N,
    /// The value of the loss at x (NaN where the host has none; see [`Rule::VALUE`]).
    pub value: N,
    /// The rule's state numbers before this step.
    pub state: [N; K],
}

/// What a rule's sums run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each tensor has sums of its own.
    Tensor,
    /// One sum over every coordinate of every tensor.
    All,
}

/// What a rule does in a chain: those before the step turn the gradient, those after it turn the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It makes another gradient of the gradient, for the rule that follows.
    Gradient,
    /// It makes the change of the parameter of the gradient: the step.
    Parameter,
    /// It makes another change of the change.
    Change,
}

/// How large a memory of a matrix is, the matrix lying (with at least as many columns as rows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As the matrix.
    Whole,
    /// A number a row.
    Rows,
    /// A number a column.
    Columns,
    /// A square as high as the matrix.
    Left,
    /// A square as wide as the matrix.
    Right,
}

impl Extent {
    /// The shape of such a memory beside a matrix of that shape, lying or not.
    pub fn of(self, [rows, columns]: [usize; 2]) -> [usize; 2] {
        let stands = rows > columns;
        let (short, long) = if stands { (columns, rows) } else { (rows, columns) };
        let [a, b] = match self {
            Extent::Whole => [short, long],
            Extent::Rows => [short, 1],
            Extent::Columns => [1, long],
            Extent::Left => [short, short],
            Extent::Right => [long, long],
        };
        if stands { [b, a] } else { [a, b] }
    }
}

/// A rule: `M` numbers of memory for each coordinate, `S` scalars that are the same for all, `T` sums over the
/// coordinates, `K` numbers of state. Most rules have no sums and no state, and write `scalars` and `element` only.
pub trait Rule<const M: usize, const S: usize, const T: usize = 0, const K: usize = 0>:
    Described
{
    /// Names of the memories; they start at 0.
    const MEMORY: [&'static str; M];
    /// Names of the scalars (other names than the settings').
    const SCALARS: [&'static str; S];
    /// Names of the sums.
    const SUMS: [&'static str; T] = [""; T];
    /// Names of the state's numbers; they start at 0.
    const STATE: [&'static str; K] = [""; K];
    /// What the sums run over.
    const SCOPE: Scope = Scope::All;
    /// Whether `element` returns the change of the parameter, or what it makes of a gradient or of a change.
    const KIND: Kind = Kind::Parameter;
    /// Whether `element` returns the next parameter itself, where a change would lose digits.
    const ABSOLUTE: bool = false;
    /// Gradients that a step asks for: with 2, the second is asked at [`Rule::place`].
    const EVALUATIONS: u32 = 1;
    /// Whether the point to look at is another than the parameter: [`Rule::shown`].
    const SHOWN: bool = false;
    /// The rate where none is given and none can be searched for.
    const RATE: f64 = 1e-3;
    /// The same where it falls to 0 over a run of known length: what is too long to stay may be a good start.
    const FALLING_RATE: f64 = Self::RATE;
    /// Whether it finds its step by itself, the rate being a start or a cap only.
    const TUNES_ITSELF: bool = false;
    /// Whether it needs the value of the loss.
    const VALUE: bool = false;
    /// Whether it finds a rate where none is given by going down at every step, in full batches; a rule whose steps do
    /// not depend on the rate after the first does not.
    const SEARCHED: bool = true;
    /// Whether its last memory is none, but a standard normal number for each coordinate, drawn anew at each step by the
    /// setting `seed`: `element` may use it.
    const DRAWS: bool = false;
    /// Whether it treats matrices as a whole (see [`Rule::matrix`]).
    const WHOLE: bool = false;
    /// Whether tall matrices are transposed for it, so that they lie.
    const LYING: bool = true;
    /// Names and sizes of a matrix's memories.
    const MATRIX_MEMORY: &'static [(&'static str, Extent)] = &[];

    /// What is the same for every coordinate, in f64.
    fn scalars<N: Real>(rule: Self::Of<N>, at: At<N, K>) -> [N; S];
    /// What a coordinate adds to the sums.
    #[inline(always)]
    fn terms<N: Real>(scalars: [N; S], x: N, g: N, memory: [N; M]) -> [N; T] {
        let _ = (scalars, x, g, memory);
        [N::lit(0.0); T]
    }
    /// The scalars completed from the sums, and the next state.
    fn settle<N: Real>(
        rule: Self::Of<N>,
        at: At<N, K>,
        scalars: [N; S],
        sums: [N; T],
    ) -> ([N; S], [N; K]) {
        let _ = (rule, sums);
        (scalars, at.state)
    }
    /// The change of a coordinate and its memory; see [`Rule::KIND`] and [`Rule::ABSOLUTE`]. For what turns a change, `g`
    /// is the change so far, while its sums are over the gradient that the step saw. Must be `#[inline(always)]`.
    fn element<N: Real>(scalars: [N; S], x: N, g: N, memory: [N; M]) -> (N, [N; M]);
    /// Where the second gradient of a step is asked, seen from x and the first one (the sums are over that one; the
    /// memory stays as it is).
    #[inline(always)]
    fn place<N: Real>(scalars: [N; S], x: N, g: N, memory: [N; M]) -> N {
        let _ = (scalars, g, memory);
        x
    }
    /// The point to look at after a step: an average, say. `scalars` are those of [`Rule::scalars`].
    #[inline(always)]
    fn shown<N: Real>(scalars: [N; S], x: N, memory: [N; M]) -> N {
        let _ = (scalars, memory);
        x
    }
    /// The change (or gradient) and memory of a matrix, where the rule treats matrices as a whole. They are wide, with
    /// at least as many columns as rows: the host transposes tall ones (see [`Rule::LYING`]).
    fn matrix<A: Matrix>(
        rule: Self::Of<A::Number>,
        at: At<A::Number, 0>,
        x: A,
        g: A,
        memory: &[A],
    ) -> (A, Vec<A>) {
        let _ = (rule, at, x);
        (g, memory.to_vec())
    }
}

/// A row of the registry: everything that hosts, documentation and loops need of a rule.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// Its memories' names.
    pub memory: &'static [&'static str],
    /// The name of the numbers that it draws, where it does: see [`Rule::DRAWS`].
    pub drawn: Option<&'static str>,
    /// Whether it treats matrices as a whole, and whether they lie for it.
    pub whole: bool,
    /// See [`Rule::LYING`].
    pub lying: bool,
    /// A matrix's memories, where it treats matrices as a whole.
    pub matrix_memory: &'static [(&'static str, Extent)],
    /// Its scalars' names.
    pub scalars: &'static [&'static str],
    /// Its sums' names.
    pub sums: &'static [&'static str],
    /// Its state's names.
    pub state: &'static [&'static str],
    /// What its sums run over.
    pub scope: Scope,
    /// What it does in a chain.
    pub kind: Kind,
    /// See [`Rule::ABSOLUTE`].
    pub absolute: bool,
    /// See [`Rule::EVALUATIONS`].
    pub evaluations: u32,
    /// See [`Rule::SHOWN`].
    pub shown: bool,
    /// See [`Rule::RATE`].
    pub rate: f64,
    /// See [`Rule::FALLING_RATE`].
    pub falling_rate: f64,
    /// See [`Rule::TUNES_ITSELF`].
    pub tunes_itself: bool,
    /// See [`Rule::SEARCHED`].
    pub searched: bool,
    /// Whether it needs the value of the loss.
    pub value: bool,
    /// The rule at work on f32, from checked settings.
    pub f32: fn(&'static Entry, &[f64]) -> Box<dyn Kernel<f32>>,
    /// The rule at work on f64, from checked settings.
    pub f64: fn(&'static Entry, &[f64]) -> Box<dyn Kernel<f64>>,
    /// What it recorded of itself: `scalars`, `terms`, `settle`, `element`, `place`, `shown`, `matrix`, those it has.
    pub programs: fn() -> Vec<(&'static str, Program)>,
}

impl Entry {
    /// The row of a rule.
    pub const fn of<
        R: Rule<M, S, T, K>,
        const M: usize,
        const S: usize,
        const T: usize,
        const K: usize,
    >() -> Self {
        Entry {
            name: R::NAME,
            doc: R::DOC,
            parameters: R::PARAMETERS,
            memory: const { R::MEMORY.split_at(M - R::DRAWS as usize).0 },
            drawn: const { if R::DRAWS { R::MEMORY.last().copied() } else { None } },
            whole: R::WHOLE,
            lying: R::LYING,
            matrix_memory: R::MATRIX_MEMORY,
            scalars: const { &R::SCALARS },
            sums: const { &R::SUMS },
            state: const { &R::STATE },
            scope: R::SCOPE,
            kind: R::KIND,
            absolute: R::ABSOLUTE,
            evaluations: R::EVALUATIONS,
            shown: R::SHOWN,
            rate: R::RATE,
            falling_rate: R::FALLING_RATE,
            tunes_itself: R::TUNES_ITSELF,
            searched: R::SEARCHED,
            value: R::VALUE,
            f32: |entry, v| Box::new(PerElement::<R, M, S, T, K> { rule: R::of(v), entry }),
            f64: |entry, v| Box::new(PerElement::<R, M, S, T, K> { rule: R::of(v), entry }),
            programs: programs::<R, M, S, T, K>,
        }
    }
    /// The memories of a tensor of that shape: name and shape of each.
    pub fn memory_of(&self, shape: &[usize]) -> Vec<(&'static str, Vec<usize>)> {
        match *shape {
            [rows, columns] if self.takes_whole(shape) => {
                let one =
                    |&(name, e): &(&'static str, Extent)| (name, e.of([rows, columns]).to_vec());
                self.matrix_memory.iter().map(one).collect()
            }
            _ => self.memory.iter().map(|&name| (name, shape.to_vec())).collect(),
        }
    }
    /// How many memories a tensor of that shape has.
    pub fn memories(&self, shape: &[usize]) -> usize {
        if self.takes_whole(shape) { self.matrix_memory.len() } else { self.memory.len() }
    }
    /// Whether a tensor of that shape is treated as a matrix.
    pub fn takes_whole(&self, shape: &[usize]) -> bool {
        self.whole && shape.len() == 2 && shape.iter().all(|&n| n > 1)
    }
}

fn programs<R: Rule<M, S, T, K>, const M: usize, const S: usize, const T: usize, const K: usize>()
-> Vec<(&'static str, Program)> {
    let i = Symbol::input;
    let settings = || R::with(&R::PARAMETERS.iter().map(|p| i(p.name)).collect::<Vec<_>>());
    let at = || At { step: i("step"), rate: i("rate"), value: i("value"), state: R::STATE.map(i) };
    let element = || {
        let (x, memory) = R::element(R::SCALARS.map(i), i("x"), i("g"), R::MEMORY.map(i));
        std::iter::once(x).chain(memory).collect()
    };
    let mut all = vec![("scalars", record(|| R::scalars(settings(), at()).to_vec()))];
    if T > 0 {
        let terms = || R::terms(R::SCALARS.map(i), i("x"), i("g"), R::MEMORY.map(i)).to_vec();
        all.push(("terms", record(terms)));
    }
    if T + K > 0 {
        all.push((
            "settle",
            record(|| {
                let (s, k) = R::settle(settings(), at(), R::SCALARS.map(i), R::SUMS.map(i));
                s.into_iter().chain(k).collect()
            }),
        ));
    }
    all.push(("element", record(element)));
    if R::EVALUATIONS > 1 {
        let place = || vec![R::place(R::SCALARS.map(i), i("x"), i("g"), R::MEMORY.map(i))];
        all.push(("place", record(place)));
    }
    if R::SHOWN {
        all.push(("shown", record(|| vec![R::shown(R::SCALARS.map(i), i("x"), R::MEMORY.map(i))])));
    }
    if R::WHOLE {
        all.push((
            "matrix",
            record(|| {
                let at = At { step: i("step"), rate: i("rate"), value: i("value"), state: [] };
                let memory: Vec<Symbol> = R::MATRIX_MEMORY.iter().map(|m| i(m.0)).collect();
                let (x, memory) = R::matrix(settings(), at, i("x"), i("g"), &memory);
                std::iter::once(x).chain(memory).collect()
            }),
        ));
    }
    all
}
