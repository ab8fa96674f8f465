//! How far along a step: as far as the merit falls, and from a saddle as far as the Lagrangian does.
use super::confirm::{Beside, Claim, room};
use super::proposal::Proposal;
use super::{Models, NOISE, Within};
use crate::linalg::vectors::{dot, largest};
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;

/// Halvings of a step at most.
const TRIALS: u32 = 30;
/// The part of what a step promises that it has to keep.
const KEPT: f64 = 1e-4;
/// How much longer each step from a saddle is than the last.
const LONGER: f64 = 3.0;

/// Where a step led, which part of it was taken, and f and the constraints there.
pub(super) struct Landing {
    pub at: Vec<f64>,
    pub value: f64,
    pub c: Vec<f64>,
    pub along: f64,
}

impl Models {
    /// f, and what is missed at its price.
    pub(super) fn merit(&self, value: f64, c: &[f64], within: Within<'_>) -> f64 {
        let missed = |i: usize| self.weight[i] * within.beyond(i, c[i]).abs();
        value + (0..c.len()).map(missed).sum::<f64>()
    }

    /// As far along the step as the merit, which is so much `here`, falls by a part of what was `promised`; none where it does
    /// not.
    pub(super) fn search(
        &self,
        problem: &mut Problem<'_>,
        x: &[f64],
        within: Within<'_>,
        Proposal { d, .. }: &Proposal,
        [here, promised]: [f64; 2],
    ) -> Result<Option<Landing>, Halt> {
        let (mut at, mut c) = (x.to_vec(), self.c.clone());
        let (mut along, mut corrected) = (1.0, false);
        let enough =
            |merit: f64, along: f64| merit <= here + KEPT * along * promised + NOISE * here.abs();
        for _ in 0..TRIALS {
            at.iter_mut().zip(x).zip(d).for_each(|((at, x), d)| *at = x + along * d);
            let (value, merit) = self.tried(problem, &mut at, &mut c, within)?;
            if enough(merit, along) {
                return Ok(Some(Landing { at, value, c, along }));
            }
            if !corrected && along == 1.0 && merit.is_finite() {
                // Constraints that bend keep a whole step from being taken, however near the end is: once more, with what
                // they are at its end (Mayne and Polak 1982).
                corrected = true;
                let rows = self.jacobian.chunks_exact(x.len());
                let there: Vec<f64> = c.iter().zip(rows).map(|(c, row)| c - dot(row, d)).collect();
                if let Some(Proposal { d, .. }) = self.least(x, &there, within, false) {
                    at.iter_mut().zip(x).zip(&d).for_each(|((at, x), d)| *at = x + d);
                    let (value, merit) = self.tried(problem, &mut at, &mut c, within)?;
                    if enough(merit, along) {
                        return Ok(Some(Landing { at, value, c, along }));
                    }
                }
            }
            let bow = merit - here - along * promised;
            let least = -0.5 * along * along * promised / bow;
            along =
                if least.is_finite() { least.clamp(0.1 * along, 0.5 * along) } else { 0.1 * along };
        }
        Ok(None)
    }

    /// From a saddle on, as long as the Lagrangian falls and the merit does not rise; the first step, which shows little more than
    /// that it falls, even where the merit rises.
    pub(super) fn leave(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        way: &[f64],
    ) -> Result<Option<Landing>, Halt> {
        let here = self.merit(self.value, &self.c, claim.within);
        let room = room(claim.within.bounds, claim.x, way).map_or(0.0, |most| most[0]);
        // Where weights are too small the merit falls without end, beyond all that the constraints say: no further than x is long.
        let most = room.min((largest(claim.x).max(1.0) / largest(way)).max(1.0));
        let mut lowest: Option<Beside> = None;
        let mut by = 1.0f64;
        for _ in 0..TRIALS {
            let beside = self.beside(problem, claim, (by.min(most), way))?;
            let (before, risen) = match &lowest {
                Some(l) => (l.change, self.merit(beside.value, &beside.c, claim.within) > here),
                None => (0.0, false),
            };
            if risen || !(beside.change < before) {
                break;
            }
            lowest = Some(beside);
            if by >= most {
                break;
            }
            by *= LONGER;
        }
        Ok(lowest.map(|Beside { at, value, c, .. }| Landing { at, value, c, along: 1.0 }))
    }

    /// The value and the merit at a point, which is brought within bounds; c becomes what the constraints are there.
    fn tried(
        &self,
        problem: &mut Problem<'_>,
        at: &mut [f64],
        c: &mut [f64],
        within: Within<'_>,
    ) -> Result<(f64, f64), Halt> {
        if let Some(bounds) = within.bounds {
            bounds.project(at);
        }
        problem.ask(at, Rows::All, &mut [Ask::Constraints(c)])?;
        let value = problem.total(at)?;
        let merit = self.merit(value, c, within);
        Ok((value, if merit.is_nan() { f64::INFINITY } else { merit }))
    }
}
