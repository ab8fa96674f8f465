//! Chains of rules with the memory they keep, which can be saved and put back.
use super::{Plan, Rules, step_rule};
use crate::chain::{self, Chain, Tensor, split};
use crate::rule::{Entry, Moment};
use crate::state::{Bad, State, Visitor};
use std::borrow::Cow;

/// What chains remember between steps.
#[derive(Clone, Debug, Default)]
pub(super) struct ChainState {
    /// By tensor, by name.
    tensors: Vec<Vec<Vec<f64>>>,
    /// Of one chain after the other.
    state: Vec<f64>,
    step: u64,
    /// The parameters, where a chain shows another point; empty before the first step.
    stand: Vec<f64>,
}

/// A chain, over tensors of its own.
struct GroupAtWork {
    chain: Chain<f64>,
    /// Its rate over that of the first.
    ratio: f64,
    /// What that is of, where its rate changes in a way of its own.
    rate: Option<f64>,
    /// The tensors that it was given by name.
    named: Vec<usize>,
    /// How many tensors it moves, and how many numbers of state it keeps.
    tensors: usize,
    state: usize,
}

impl GroupAtWork {
    fn new(rules: &Rules, ratio: f64, named: &[usize]) -> Self {
        let (chain, named) = (Chain::new(rules), named.to_vec());
        GroupAtWork { chain, ratio, rate: None, named, tensors: 0, state: 0 }
    }
}

/// Chains at work on one vector, cut into tensors.
pub(super) struct Mover {
    groups: Vec<GroupAtWork>,
    shapes: Vec<Vec<usize>>,
    /// Which of the chains moves each tensor.
    owner: Vec<usize>,
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
    pub fn new(plan: &Plan, shapes: &[Vec<usize>]) -> Self {
        let usual = step_rule(&plan.rules).rate;
        let mut groups = vec![GroupAtWork::new(&plan.rules, 1.0, &[])];
        groups.extend(plan.groups.iter().map(|group| {
            let ratio = group.ratio.unwrap_or(step_rule(&group.rules).rate / usual);
            GroupAtWork::new(&group.rules, ratio, &group.tensors)
        }));
        let (shapes, memory) = (shapes.to_vec(), ChainState::default());
        let mut mover = Mover { groups, shapes, owner: Vec::new(), memory, step: 0 };
        mover.clear();
        mover
    }
    /// The rule that takes the step, the first where there are several.
    pub fn rule(&self) -> &'static Entry {
        self.groups[0].chain.step_rule()
    }
    /// Whether that holds for every rule that takes a step.
    pub fn all(&self, holds: impl Fn(&Entry) -> bool) -> bool {
        self.groups.iter().all(|p| holds(p.chain.step_rule()))
    }
    /// The rate of the group at a place of the plan's, before its ratio; none: the rate of all.
    pub fn set_rate(&mut self, group: usize, rate: Option<f64>) {
        self.groups[group + 1].rate = rate;
    }
    /// Whether a step asks for a second gradient, at [`place`](Self::place).
    pub fn asks_twice(&self) -> bool {
        self.groups.iter().any(|p| p.chain.asks_twice())
    }
    /// Whether its steps go by what was before them.
    pub fn remembers(&self) -> bool {
        self.memory.tensors.iter().any(|m| !m.is_empty())
    }
    /// Forgets everything: the next step is the first.
    pub fn clear(&mut self) {
        self.owner = vec![0; self.shapes.len()];
        for (k, group) in self.groups.iter().enumerate() {
            for &named in &group.named {
                if let Some(owner) = self.owner.get_mut(named) {
                    *owner = k;
                }
            }
        }
        for (k, group) in self.groups.iter_mut().enumerate() {
            group.tensors = self.owner.iter().filter(|o| **o == k).count();
            group.state = group.chain.state(group.tensors);
        }
        let zeros = |shape: Vec<usize>| vec![0.0; shape.iter().product()];
        let empty = |(s, o): (&Vec<usize>, &usize)| {
            self.groups[*o].chain.memory(s).into_iter().map(zeros).collect()
        };
        self.memory = ChainState {
            tensors: self.shapes.iter().zip(&self.owner).map(empty).collect(),
            state: vec![0.0; self.groups.iter().map(|p| p.state).sum()],
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
        let tensors = chain::tensors(&self.shapes, &mut x, gradient, tensors);
        let to_each = split(&self.shapes, &mut to);
        let mut to_each = dealt(to_each, &self.owner, self.groups.len()).into_iter();
        each(&self.groups, &self.owner, tensors, state, at, |chain, at, tensors, state| {
            let mut to = to_each.next().expect("as many as chains");
            chain.place(at, tensors, state, &mut to);
        });
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
        let (groups, shapes, owner) = (&self.groups[..], &self.shapes[..], &self.owner[..]);
        let ChainState { tensors, state, stand, .. } = &mut self.memory;
        if !groups.iter().any(|p| p.chain.shows()) {
            let tensors = chain::tensors(shapes, x, gradient, tensors);
            each(groups, owner, tensors, state, at, |chain, at, tensors, state| {
                chain.step(at, tensors, state);
            });
            return inside(x);
        }
        if stand.is_empty() {
            *stand = x.to_vec();
        }
        let moved = chain::tensors(shapes, stand, gradient, tensors);
        each(groups, owner, moved, state, at, |chain, at, tensors, state| {
            chain.step(at, tensors, state);
        });
        inside(stand);
        let moved = chain::tensors(shapes, stand, gradient, tensors);
        let mut to = dealt(split(shapes, x), owner, groups.len()).into_iter();
        each(groups, owner, moved, state, at, |chain, at, tensors, state| {
            let mut to = to.next().expect("as many as chains");
            chain.shown(at, tensors, state, &mut to);
        });
        inside(x);
    }
}

/// Hands every chain its own tensors, its own state and its own rate.
fn each<'t>(
    groups: &[GroupAtWork],
    owner: &[usize],
    tensors: Vec<Tensor<'t, f64>>,
    mut state: &mut [f64],
    at: Moment,
    mut act: impl FnMut(&Chain<f64>, Moment, &mut [Tensor<'t, f64>], &mut [f64]),
) {
    let mut before = 0;
    for (group, mut tensors) in groups.iter().zip(dealt(tensors, owner, groups.len())) {
        let (own, rest) = std::mem::take(&mut state).split_at_mut(group.state);
        state = rest;
        let rate = group.rate.unwrap_or(at.rate) * group.ratio;
        act(&group.chain, Moment { rate, before, ..at }, &mut tensors, own);
        before += group.tensors as u32;
    }
}

/// What belongs to the tensors, by the chain that moves them.
fn dealt<T>(all: Vec<T>, owner: &[usize], chains: usize) -> Vec<Vec<T>> {
    if chains == 1 {
        return vec![all];
    }
    let mut dealt: Vec<Vec<T>> = (0..chains).map(|_| Vec::new()).collect();
    all.into_iter().zip(owner).for_each(|(one, &o)| dealt[o].push(one));
    dealt
}
