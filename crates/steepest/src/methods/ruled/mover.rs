//! A chain of rules with the memory it keeps, which can be saved and put back.
use crate::chain::{Chain, Tensor};
use crate::rule::{Entry, Moment};
use crate::state::{Bad, State, Visitor};

/// What a chain remembers between steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// By tensor, by name.
    tensors: Vec<Vec<Vec<f64>>>,
    state: Vec<f64>,
    step: u64,
}

/// A chain at work on one vector, cut into tensors.
pub(super) struct Mover {
    chain: Chain<f64>,
    shapes: Vec<Vec<usize>>,
    memory: Memory,
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
        v.field("step", &mut self.step)
    }
}

impl Mover {
    pub fn new(rules: &[(&'static Entry, Vec<f64>)], shapes: &[Vec<usize>]) -> Self {
        let chain = Chain::new(rules);
        let mut mover =
            Mover { chain, shapes: shapes.to_vec(), memory: Memory::default(), step: 0 };
        mover.clear();
        mover
    }
    /// Forgets everything: the next step is the first.
    pub fn clear(&mut self) {
        let empty = |s: &Vec<usize>| vec![vec![0.0; s.iter().product()]; self.chain.memory(s)];
        self.memory = Memory {
            tensors: self.shapes.iter().map(empty).collect(),
            state: vec![0.0; self.chain.state(self.shapes.len())],
            step: 0,
        };
        self.step = 0;
    }
    pub fn save(&self) -> Memory {
        Memory { step: self.step, ..self.memory.clone() }
    }
    pub fn restore(&mut self, memory: &Memory) {
        self.memory.clone_from(memory);
        self.step = memory.step;
    }
    /// Moves x on by one step.
    pub fn advance(&mut self, rate: f64, value: f64, x: &mut [f64], gradient: &[f64]) {
        self.step += 1;
        let (mut x, mut g) = (x, gradient);
        let mut tensors = Vec::with_capacity(self.shapes.len());
        for (shape, memory) in self.shapes.iter().zip(&mut self.memory.tensors) {
            let n = shape.iter().product();
            let (here, rest) = x.split_at_mut(n);
            let (g_here, g_rest) = g.split_at(n);
            (x, g) = (rest, g_rest);
            let memory = memory.iter_mut().map(|m| &mut m[..]).collect();
            tensors.push(Tensor { shape, x: here, g: g_here, memory });
        }
        let at = Moment { step: self.step, rate, value };
        self.chain.step(at, &mut tensors, &mut self.memory.state);
    }
}
