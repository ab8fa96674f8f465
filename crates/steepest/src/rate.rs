//! How a rate changes over a run: a factor, written once over any numbers.
use crate::real::Real;
use crate::settings::{Described, Parameter};
use crate::trace::{Program, Symbol, record};

/// A schedule: what the rate is multiplied by. Steps are handed the product, as f64, each time.
pub trait Rate: Described {
    /// The factor when `done` of the run (from 0, below 1) is behind and step number `step` (1, 2, …) is taken.
    fn factor<N: Real>(settings: Self::Of<N>, done: N, step: N) -> N;
}

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// The factor, from checked settings, the part of the run that is done and the step's number.
    pub factor: fn(settings: &[f64], done: f64, step: f64) -> f64,
    /// What it recorded of itself, with inputs `done`, `step` and its settings.
    pub program: fn() -> Program,
}

impl Entry {
    /// The row of a schedule.
    pub const fn of<R: Rate>() -> Self {
        Entry {
            name: R::NAME,
            doc: R::DOC,
            parameters: R::PARAMETERS,
            factor: |settings, done, step| R::factor(R::with(settings), done, step),
            program: || {
                record(|| {
                    let names: Vec<Symbol> =
                        R::PARAMETERS.iter().map(|p| Symbol::input(p.name)).collect();
                    vec![R::factor(R::with(&names), Symbol::input("done"), Symbol::input("step"))]
                })
            },
        }
    }
}
