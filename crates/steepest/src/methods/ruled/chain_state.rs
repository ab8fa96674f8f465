//! A chain of rules with the memory it keeps, which can be saved and put back.
use crate::chain::{self, Chain, split};
use crate::rule::{Entry, Moment};
use crate::state::{Bad, State, Visitor};
use std::borrow::Cow;

/// What a chain remembers between steps.
#[derive(Clone, Debug, Default)]
pub(super) struct ChainState {
    /// By tensor, by name.
    tensors: Vec<Vec<Vec<f64>>>,
    state: Vec<f64>,
    step: u64,
    /// The parameters, where the chain shows another point; empty before its first step.
    stand: Vec<f64>,
}

/// A chain at work on one vector, cut into tensors.
pub(super) struct Mover {
    chain: Chain<f64>,
    shapes: Vec<Vec<usize>>,
    memory: ChainState,
    /// Steps since the memory was empty.
    pub step: u64,
}

impl State for Mover {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("shapes", &mut self.shapes)?;
        let long = |s: &Vec<usize>| s.iter().try_fold(1usize, |n, l| n.checked_mul(*l));
        let all = self.shapes.iter().try_fold(0usize, |n, s| n.checked_add(long(s)?));
        v.check("shapes", all == Some(v.dim()), "is not that of x")?;
        if v.loads() {
            self.clear();
        }
        for (i, tensor) in self.memory.tensors.iter_mut().enumerate() {
            for (k, memory) in tensor.iter_mut().enumerate() {
                v.field(&format!("memory.{i}.{k}"), &mut memory[..])?;
            }
        }
        v.field("state", &mut self.memory.state[..])?;
        let lengths = [0, v.dim()];
        v.long("stand", &mut self.memory.stand, &lengths)?;
        v.field("step", &mut self.step)
    }
}

impl Mover {
    pub fn new(rules: &[(&'static Entry, Vec<f64>)], shapes: &[Vec<usize>]) -> Self {
        let chain = Chain::new(rules);
        let mut mover =
            Mover { chain, shapes: shapes.to_vec(), memory: ChainState::default(), step: 0 };
        mover.clear();
        mover
    }
    /// The rule that takes the step.
    pub fn rule(&self) -> &'static Entry {
        self.chain.step_rule()
    }
    /// Whether a step asks for a second gradient, at [`place`](Self::place).
    pub fn asks_twice(&self) -> bool {
        self.chain.asks_twice()
    }
    /// Whether its steps go by what was before them.
    pub fn remembers(&self) -> bool {
        self.memory.tensors.iter().any(|m| !m.is_empty())
    }
    /// Forgets everything: the next step is the first.
    pub fn clear(&mut self) {
        let zeros = |shape: Vec<usize>| vec![0.0; shape.iter().product()];
        let empty = |s: &Vec<usize>| self.chain.memory(s).into_iter().map(zeros).collect();
        self.memory = ChainState {
            tensors: self.shapes.iter().map(empty).collect(),
            state: vec![0.0; self.chain.state(self.shapes.len())],
            ..ChainState::default()
        };
        self.step = 0;
    }
    pub fn save(&self) -> ChainState {
        ChainState { step: self.step, ..self.memory.clone() }
    }
    pub fn restore(&mut self, memory: &ChainState) {
        self.memory.clone_from(memory);
        self.step = memory.step;
    }
    /// Where the gradient of the next step is asked, seen from the point shown.
    pub fn stand<'x>(&self, x: &'x [f64]) -> Cow<'x, [f64]> {
        match &self.memory.stand[..] {
            [] => Cow::Borrowed(x),
            stand => Cow::Owned(stand.to_vec()),
        }
    }
    /// Where the second gradient of the next step is asked, by the first one.
    pub fn place(&mut self, rate: f64, value: f64, stand: &[f64], gradient: &[f64]) -> Vec<f64> {
        let (mut x, mut to) = (stand.to_vec(), vec![0.0; stand.len()]);
        let at = Moment { step: self.step + 1, rate, value, before: 0 };
        let ChainState { tensors, state, .. } = &mut self.memory;
        let mut tensors = chain::tensors(&self.shapes, &mut x, gradient, tensors);
        self.chain.place(at, &mut tensors, state, &mut split(&self.shapes, &mut to));
        to
    }
    /// Moves x on by one step, by the gradient where it stands; `inside` keeps what it is given within bounds.
    pub fn advance(
        &mut self,
        rate: f64,
        value: f64,
        x: &mut [f64],
        gradient: &[f64],
        inside: impl Fn(&mut [f64]),
    ) {
        self.step += 1;
        let at = Moment { step: self.step, rate, value, before: 0 };
        let ChainState { tensors, state, stand, .. } = &mut self.memory;
        if !self.chain.shows() {
            self.chain.step(at, &mut chain::tensors(&self.shapes, x, gradient, tensors), state);
            return inside(x);
        }
        if stand.is_empty() {
            *stand = x.to_vec();
        }
        self.chain.step(at, &mut chain::tensors(&self.shapes, stand, gradient, tensors), state);
        inside(stand);
        let tensors = chain::tensors(&self.shapes, stand, gradient, tensors);
        self.chain.shown(at, &tensors, state, &mut split(&self.shapes, x));
        inside(x);
    }
}
