//! What is held against the tolerance: a bound on F − F*, from as many rows as it takes.
use super::few_rows::Few;
use super::metric::{Inverse, Metric};
use super::shape::Form;
use super::subproblem::Rounding;
use super::{Work, certify, joint_bound, newton_cg, null_model, stage_rows};
use crate::certificate::{Certificate, Kind};
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::Margins;

/// A matrix over up to n/width times as many rows more costs less than a pass.
const SPARE: f64 = 6.0;

impl Work {
    pub(super) fn target(&self, problem: &Problem<'_>) -> f64 {
        problem.tolerance() * self.walk.value.max(self.floor.unwrap_or(0.0))
    }

    pub(super) fn proof(&mut self, problem: &mut Problem<'_>) -> Result<Option<Certificate>, Halt> {
        let target = self.target(problem);
        if self.shape.form != Form::Whole {
            return self.wide(problem, target);
        }
        let Metric { rows, weight, factor, broad, .. } = &self.walk.metric;
        let anew = |problem: &mut Problem<'_>, rows: &[u32]| {
            let by = if self.table.outputs > 1 { joint_bound::bound } else { certify::bound };
            self.bound(problem, rows, by)
        };
        let mut bound = match factor {
            Inverse::One(b) => self.bound(problem, rows, |at| certify::bound_by(at, b, weight))?,
            _ => f64::INFINITY,
        };
        if bound.is_infinite() {
            bound = anew(problem, rows)?;
        }
        let blind = bound.is_infinite() && (rows.len() < self.table.rows || !broad);
        // It is loose by about n / |S|: where little is wanting, more rows cost less than another pass.
        let (n, width) = (self.table.rows, self.table.width());
        let wanted = 1.3 * rows.len() as f64 * bound / target;
        let spare = SPARE * n as f64 / (width * self.table.outputs) as f64;
        if bound > target && wanted - (rows.len() as f64) < spare {
            let rows = self.joined(problem, rows, (wanted as usize).min(n))?;
            bound = bound.min(anew(problem, &rows)?);
        }
        self.blind = blind;
        Ok(Some(self.gap(problem, bound, target)?))
    }

    /// What rounding does where it stands.
    pub(super) fn rounding(&self, problem: &mut Problem<'_>) -> Result<Rounding, Halt> {
        self.seen(problem).rounding(&self.walk.u, Margins::Kept(self.walk.here))
    }

    /// Whether coefficients are so large that rounding swamps the loss, so that smaller ones may do better: where it is
    /// no small part of what the null model loses, and more than it is there.
    fn swamped(&self, problem: &mut Problem<'_>, rounding: f64) -> Result<bool, Halt> {
        let (best, null) = null_model::least(problem, &self.table, self.centred)?;
        if rounding <= 1e-6 * null.max(self.walk.value) {
            return Ok(false);
        }
        let mut u = vec![0.0; self.walk.u.len()];
        for (at, b) in self.table.constants().zip(&best) {
            at.into_iter().for_each(|at| u[at] = *b);
        }
        let there = self.seen(problem).rounding(&u, Margins::Same(&best))?;
        Ok(rounding > 2.0 * there.value)
    }

    pub(super) fn gap(
        &self,
        problem: &mut Problem<'_>,
        bound: f64,
        target: f64,
    ) -> Result<Certificate, Halt> {
        let rounding = self.rounding(problem)?.value;
        let plain = bound <= target || self.swamped(problem, rounding)?;
        let explained = if plain { 0.0 } else { 4.0 * rounding };
        Ok(Certificate {
            kind: Kind::DualityGap,
            // The losses are at least 0: F itself is a bound, where the dual point proves nothing.
            bound: bound.min(self.walk.value + rounding),
            target,
            rounding: explained,
            assumption: "the loss is convex; sums are exact to rounding",
        })
    }

    /// By conjugate gradients; where they prove nothing they lead on, and where nothing is left to gain, though it
    /// cannot be proved (columns without a penalty), that is said.
    fn wide(
        &mut self,
        problem: &mut Problem<'_>,
        target: f64,
    ) -> Result<Option<Certificate>, Halt> {
        let found = newton_cg::prove(&mut self.seen(problem), &self.walk, target)?;
        if let Some(bound) = found.bound {
            return Ok(Some(self.gap(problem, bound, target)?));
        }
        if found.promise <= 0.1 * target {
            return Ok(Some(Certificate {
                kind: Kind::Estimated,
                bound: found.promise,
                target,
                rounding: self.rounding(problem)?.value,
                assumption: "what conjugate gradients found of Newton's step is all that there is to gain: nothing is proved",
            }));
        }
        self.walk.follow(found.v);
        Ok(None)
    }

    /// Rows, and so many more drawn evenly.
    fn joined(
        &self,
        problem: &mut Problem<'_>,
        rows: &[u32],
        more: usize,
    ) -> Result<Vec<u32>, Halt> {
        let n = self.table.rows;
        if more * 5 > n * 4 {
            return Ok((0..n as u32).collect());
        }
        let even = stage_rows::rows(problem, &self.table, self.sides.as_ref(), more, 99)?;
        let mut all: Vec<u32> = even.rows().iter().chain(rows).copied().collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// What `by` proves with a dual point corrected on some of all rows.
    fn bound(
        &self,
        problem: &mut Problem<'_>,
        rows: &[u32],
        by: impl FnOnce(&certify::Point<'_>) -> Option<f64>,
    ) -> Result<f64, Halt> {
        let rounding = &self.rounding(problem)?;
        let mut seen = self.seen(problem);
        let held = &seen.hold(rows, Some(self.walk.here))?;
        let few = Few { held, scaling: &self.scaling, penalty: &self.ground.penalty };
        let at = certify::Point { g: &self.walk.g, few, rounding };
        Ok(by(&at).filter(|bound| !bound.is_nan()).unwrap_or(f64::INFINITY))
    }
}
