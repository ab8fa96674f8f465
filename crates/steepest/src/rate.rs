//! How a rate changes over a run: a factor, written once over any numbers.
use crate::numbers::real::Real;
use crate::numbers::trace::{Program, Symbol, record};
use crate::settings::{Described, Parameter};

/// A schedule: what the rate is multiplied by. Steps are handed the product, as f64, each time.
pub trait Rate<const S: usize = 0>: Described {
    /// What it remembers, by name; all of it starts at 0.
    const STATE: [&'static str; S];

    /// The factor when `done` of the run (from 0, below 1) is behind and step number `step` (1, 2, …) is taken.
    fn factor<N: Real>(settings: Self::Of<N>, done: N, step: N, state: [N; S]) -> N;

    /// What it remembers once the objective has been looked at whole: at each step, or at the end of an epoch of batches.
    fn look<N: Real>(settings: Self::Of<N>, value: N, state: [N; S]) -> [N; S] {
        let _ = (settings, value);
        state
    }
}

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// What it remembers.
    pub state: &'static [&'static str],
    /// The factor, from checked settings, the part of the run that is done, the step's number and the state.
    pub factor: fn(settings: &[f64], done: f64, step: f64, state: &[f64]) -> f64,
    /// Moves the state on, once the objective has been looked at.
    pub look: fn(settings: &[f64], value: f64, state: &mut [f64]),
    /// What it recorded of itself, by stage, with inputs `done`, `step`, `value`, its settings and its state.
    pub programs: fn() -> Vec<(&'static str, Program)>,
}
crate::settings::entered!(Entry);

/// Numbers as an array.
fn fixed<const S: usize>(state: &[f64]) -> [f64; S] {
    state.try_into().expect("a state is as long as its names")
}

impl Entry {
    /// The row of a schedule.
    pub const fn of<R: Rate<S>, const S: usize>() -> Self {
        Entry {
            name: R::NAME,
            doc: R::DOC,
            parameters: R::PARAMETERS,
            state: &R::STATE,
            factor: |settings, done, step, state| {
                R::factor(R::with(settings), done, step, fixed(state))
            },
            look: |settings, value, state| {
                let next = R::look(R::with(settings), value, fixed(state));
                state.copy_from_slice(&next);
            },
            programs: programs::<R, S>,
        }
    }
}

fn programs<R: Rate<S>, const S: usize>() -> Vec<(&'static str, Program)> {
    let i = Symbol::input;
    let settings = || R::with(&R::PARAMETERS.iter().map(|p| i(p.name)).collect::<Vec<_>>());
    let state = || R::STATE.map(i);
    let factor = record(|| vec![R::factor(settings(), i("done"), i("step"), state())]);
    let look = record(|| R::look(settings(), i("value"), state()).to_vec());
    let mut all = vec![("factor", factor)];
    if S > 0 {
        all.push(("look", look));
    }
    all
}
