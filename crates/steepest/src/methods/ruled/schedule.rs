//! How the rate of a rule changes over a run.
use crate::rate::Entry;
use crate::settings::checked;
use crate::state::{Bad, State, Visitor};
use crate::status::Halt;
use std::sync::Arc;

/// Steps taken so far to a factor.
pub type RateFactor = dyn Fn(u64) -> Result<f64, Halt> + Send + Sync;

/// What the rate is multiplied by, step by step.
#[derive(Clone)]
pub enum Schedule {
    /// A schedule of the registry, its settings, and what it remembers.
    Entry(&'static Entry, Vec<f64>, Vec<f64>),
    /// Several, each for so many steps; the last for the rest of the run.
    Pieces(Vec<(Schedule, u64)>),
    /// Any function of the steps taken so far.
    Function(Arc<RateFactor>),
}

impl State for Schedule {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        match self {
            Schedule::Entry(_, _, state) => v.field("state", &mut state[..]),
            Schedule::Pieces(pieces) => pieces
                .iter_mut()
                .enumerate()
                .try_for_each(|(i, piece)| v.field(&i.to_string(), &mut piece.0)),
            Schedule::Function(_) => Ok(()),
        }
    }
}

impl Schedule {
    /// A schedule of the registry by name.
    pub fn named(name: &str, given: &[(&str, f64)]) -> Result<Self, String> {
        let entry = crate::rates::find(name)?;
        let settings = checked(name, entry.parameters, given)?;
        Ok(Schedule::Entry(entry, settings, vec![0.0; entry.state.len()]))
    }
    /// The factor of the next step, with so many behind, and `done` of the run.
    pub fn factor(&self, done: f64, taken: u64) -> Result<f64, Halt> {
        match self {
            Schedule::Entry(entry, settings, state) => {
                Ok((entry.factor)(settings, done, (taken + 1) as f64, state))
            }
            Schedule::Function(factor) => factor(taken),
            Schedule::Pieces(pieces) => {
                let (piece, from) = at(pieces, taken);
                let here = (taken - from) as f64;
                let done = match piece.1 {
                    LAST => {
                        // `done` tells how long the run is.
                        let all = if done > 0.0 { taken as f64 / done } else { f64::INFINITY };
                        here / (all - from as f64)
                    }
                    steps => here / steps as f64,
                };
                piece.0.factor(done, taken - from)
            }
        }
    }
    /// Moves what is remembered on, by the value of the whole objective.
    pub fn look(&mut self, value: f64, taken: u64) {
        match self {
            Schedule::Entry(entry, settings, state) => (entry.look)(settings, value, state),
            Schedule::Function(_) => {}
            Schedule::Pieces(pieces) => {
                let from = at(pieces, taken).1;
                let mut start = 0;
                for (piece, steps) in pieces {
                    if start == from {
                        return piece.look(value, taken - from);
                    }
                    start += *steps;
                }
            }
        }
    }
}

/// Steps of a piece that lasts to the end of the run.
pub const LAST: u64 = u64::MAX;

/// The piece in force after so many steps, and the step that it began with.
fn at(pieces: &[(Schedule, u64)], taken: u64) -> (&(Schedule, u64), u64) {
    let mut from = 0u64;
    for piece in pieces {
        match from.checked_add(piece.1) {
            Some(end) if end <= taken => from = end,
            _ => return (piece, from),
        }
    }
    (&pieces[pieces.len() - 1], from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_one_another() {
        let linear = || Schedule::named("linear", &[]).unwrap();
        let constant = Schedule::named("constant", &[]).unwrap();
        let pieces = Schedule::Pieces(vec![(constant, 2), (linear(), 4), (linear(), LAST)]);
        let of = |taken: u64| pieces.factor(taken as f64 / 10.0, taken).unwrap();
        let found: Vec<f64> = (0..10).map(of).collect();
        assert_eq!(found, [1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 1.0, 0.75, 0.5, 0.25]);
    }
}
