//! What is held against the tolerance: a bound on F − F*, from as many rows as it takes.
use super::ground::{Rounding, Seen};
use super::metric::{self, Form, Inverse, Metric};
use super::{Work, certify, null, outputs, sample, wide};
use crate::certificate::{Certificate, Kind};
use crate::problem::Meter;
use crate::status::Halt;
use crate::glm::Glm;

/// A matrix over up to n/width times as many rows more costs less than a pass.
const SPARE: f64 = 6.0;

impl Work {
    pub(super) fn target(&self, meter: &Meter<'_>) -> f64 {
        meter.stop.tolerance * self.walk.value.max(self.floor.unwrap_or(0.0))
    }

    pub(super) fn proof(
        &mut self,
        glm: &Glm<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Certificate>, Halt> {
        let target = self.target(meter);
        if self.shape.form != Form::Whole {
            return self.wide(glm, target, meter);
        }
        let Metric { rows, weight, factor } = &self.walk.metric;
        let anew = |rows: &[u32]| {
            let outputs = glm.outputs();
            self.bound(glm, rows, |seen, at| {
                if outputs > 1 { outputs::bound(seen, at) } else { certify::bound(seen, at) }
            })
        };
        let mut bound = match factor {
            Inverse::One(b) => self.bound(glm, rows, |seen, at| certify::bound_by(seen, at, b, weight)),
            _ => f64::INFINITY,
        };
        if bound.is_infinite() {
            bound = anew(rows);
        }
        // It is loose by about n / |S|: where little is wanting, more rows cost less than another pass.
        let (n, width) = (glm.design.rows(), glm.width());
        let wanted = 1.3 * rows.len() as f64 * bound / target;
        let spare = SPARE * n as f64 / (width * glm.outputs()) as f64;
        if bound > target && wanted - (rows.len() as f64) < spare {
            bound = bound.min(anew(&self.joined(glm, rows, (wanted as usize).min(n))));
        }
        Ok(Some(self.gap(glm, bound, target)))
    }

    /// What rounding does where it stands.
    pub(super) fn rounding(&self, glm: &Glm<'_>) -> Rounding {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        seen.rounding(&self.walk.u, &self.walk.z)
    }

    /// Whether coefficients are so large that rounding swamps the loss, so that smaller ones may do better: where it is
    /// no small part of what the null model loses, and more than it is there.
    fn swamped(&self, glm: &Glm<'_>, rounding: f64) -> bool {
        let (best, null) = null::least(glm, self.centred);
        if rounding <= 1e-6 * null.max(self.walk.value) {
            return false;
        }
        let (d, width) = (glm.design.columns(), glm.width());
        let mut u = vec![0.0; self.walk.u.len()];
        u.iter_mut().skip(d).step_by(width).zip(&best).for_each(|(u, b)| *u = *b);
        let z: Vec<f64> = best.iter().copied().cycle().take(self.walk.z.len()).collect();
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        rounding > 2.0 * seen.rounding(&u, &z).value
    }

    pub(super) fn gap(&self, glm: &Glm<'_>, bound: f64, target: f64) -> Certificate {
        let rounding = self.rounding(glm).value;
        let explained = if bound <= target || self.swamped(glm, rounding) { 0.0 } else { 4.0 * rounding };
        Certificate {
            kind: Kind::DualityGap,
            // The losses are at least 0: F itself is a bound, where the dual point proves nothing.
            bound: bound.min(self.walk.value + rounding),
            target,
            rounding: explained,
            assumption: "the loss is convex; sums are exact to rounding",
        }
    }

    /// By conjugate gradients; where they prove nothing they lead on, and where nothing is left to gain, though it
    /// cannot be proved (columns without a penalty), that is said.
    fn wide(
        &mut self,
        glm: &Glm<'_>,
        target: f64,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Certificate>, Halt> {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let found = wide::prove(seen, &self.walk, target, meter)?;
        if let Some(bound) = found.bound {
            return Ok(Some(self.gap(glm, bound, target)));
        }
        if found.promise <= 0.1 * target {
            return Ok(Some(Certificate {
                kind: Kind::Stationary,
                bound: found.promise,
                target,
                rounding: self.rounding(glm).value,
                assumption: "Newton's step, by conjugate gradients, promises no more: nothing is proved",
            }));
        }
        self.walk.follow(found.v);
        Ok(None)
    }

    /// Rows, and so many more drawn evenly.
    fn joined(&self, glm: &Glm<'_>, rows: &[u32], more: usize) -> Vec<u32> {
        let n = glm.design.rows();
        if more * 5 > n * 4 {
            return (0..n as u32).collect();
        }
        let even = sample::rows(glm, self.sides.as_ref(), more, 99);
        let mut all: Vec<u32> = even.rows().map(|i| i as u32).chain(rows.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What `by` proves with a dual point corrected on some of all rows.
    fn bound(
        &self,
        glm: &Glm<'_>,
        rows: &[u32],
        by: impl FnOnce(Seen<'_>, &certify::Point<'_>) -> Option<f64>,
    ) -> f64 {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let z = metric::margins(seen, &self.walk.z, rows);
        let at = certify::Point { g: &self.walk.g, rows, z: &z, rounding: &self.rounding(glm) };
        by(seen, &at).filter(|bound| !bound.is_nan()).unwrap_or(f64::INFINITY)
    }
}
