//! A copy of where a descent stood last between two steps: what is saved of a run that ends in the middle of one.
use super::Descent;
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::state::{Bad, Saved};
use crate::status::Failure;
use std::time::{Duration, Instant};

/// Copies are so rare that they take at most one part in so many of the time.
const SHARE: u32 = 200;

/// Keeps the newest copy. A run that a signal, an error or a budget ends in the middle of a step goes on from it.
pub struct Keeper {
    copy: Option<Saved>,
    taken: Instant,
    cost: Duration,
}

impl Default for Keeper {
    fn default() -> Self {
        Keeper { copy: None, taken: Instant::now(), cost: Duration::ZERO }
    }
}

impl Keeper {
    /// Called after each step: copies where the last copy is old enough.
    pub fn look(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
    ) -> Result<(), Bad> {
        if self.taken.elapsed() < SHARE * self.cost {
            return Ok(());
        }
        self.newest(descent, objective).map(|_| ())
    }
    /// The newest copy.
    pub fn copy(&self) -> Option<&Saved> {
        self.copy.as_ref()
    }
    /// Where it stands, or stood last between two steps; none before the first.
    pub fn newest(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
    ) -> Result<Option<&Saved>, Bad> {
        if descent.whole() {
            let began = Instant::now();
            self.copy = Some(descent.save(objective)?);
            self.taken = Instant::now();
            self.cost = self.taken - began;
        }
        Ok(self.copy.as_ref())
    }
}

/// Who keeps a descent while it runs, in a file or elsewhere.
pub trait Keeps {
    /// Before its first step: goes on from what was kept, if anything was.
    fn begin(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<(), Failure> {
        let _ = (descent, objective, penalty);
        Ok(())
    }
    /// After each step.
    fn after(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
    ) -> Result<(), Failure> {
        let _ = (descent, objective);
        Ok(())
    }
    /// Once it has ended: kept where it may go on.
    fn end(&mut self, descent: &mut Descent, objective: &mut dyn Objective) -> Result<(), Failure> {
        let _ = (descent, objective);
        Ok(())
    }
}

/// Nobody keeps it.
pub struct Unkept;
impl Keeps for Unkept {}

/// Runs a descent by `step` to its end, kept all the while, whatever ends it.
pub fn kept(
    keep: &mut dyn Keeps,
    descent: &mut Descent,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    mut step: impl FnMut(&mut Descent, &mut dyn Objective) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    keep.begin(descent, objective, penalty)?;
    let mut run = || -> Result<(), Failure> {
        while step(descent, objective)? {
            keep.after(descent, objective)?;
        }
        Ok(())
    };
    let ran = run();
    ran.and(keep.end(descent, objective))
}
