//! Rows that can be separated: the loss falls without end.
use super::Work;
use super::ground::Seen;
use crate::problem::Meter;
use crate::status::Halt;
use crate::glm::{Glm, Keep};

/// Whether margins that are the same for every row take all losses to 0: one class alone, counts that are all 0.
pub fn one_sided(glm: &Glm<'_>) -> bool {
    let there = || (0..glm.target.len()).filter(|i| glm.share(*i) > 0.0).map(|i| glm.target[i]);
    let all = |margin: &[f64]| there().all(|t| glm.loss.settled(t, margin));
    if glm.outputs() == 1 {
        return all(&[1.0]) || all(&[-1.0]);
    }
    let own = there().next().map_or(0, |t| t as usize);
    let margin: Vec<f64> = (0..glm.outputs()).map(|k| f64::from(k == own)).collect();
    all(&margin)
}

impl Work {
    /// Whether the rows can be separated by what is not penalised: by this point, or in the end by the way it is
    /// going.
    pub(super) fn separated(&mut self, glm: &Glm<'_>, meter: &mut Meter<'_>) -> Result<Option<bool>, Halt> {
        if self.stage.is_some() {
            return Ok(None);
        }
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        if (self.free() || self.one_sided) && seen.settled(&self.walk.z) {
            return Ok(Some(true));
        }
        // Before the end one such step is enough to look, and worth a second look: the inverse of the metric takes out of
        // the way what rows with curvature still have of it.
        let end = self.walk.promise <= 2.0 * self.target(meter);
        if self.endless < if end { 1 } else { 3 } {
            return Ok(None);
        }
        self.endless = 0;
        let mut way = self.walk.last().to_vec();
        for look in 0..if end { 3 } else { 1 } {
            if look > 0 {
                self.walk.metric.factor.solve(&mut way);
            }
            way.iter_mut().zip(&self.penalty).filter(|(_, a)| **a > 0.0).for_each(|(v, _)| *v = 0.0);
            let size = way.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            if !(size > 0.0 && size.is_finite()) {
                break;
            }
            way.iter_mut().for_each(|v| *v /= size);
            let t = self.changes(glm, &way, meter)?;
            let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
            if seen.recedes(&t) {
                return Ok(Some(false));
            }
        }
        Ok(None)
    }

    /// How margins change along a way.
    fn changes(&self, glm: &Glm<'_>, way: &[f64], meter: &mut Meter<'_>) -> Result<Vec<f64>, Halt> {
        let (d, width) = (glm.design.columns(), glm.width());
        if way.chunks_exact(width).all(|v| v[..d].iter().all(|v| *v == 0.0)) {
            // Of the intercepts alone no row need be read.
            let shifts = way.chunks_exact(width).map(|v| v[d..].first().copied().unwrap_or(0.0));
            let shifts: Vec<f64> = shifts.collect();
            return Ok(shifts.iter().copied().cycle().take(self.walk.z.len()).collect());
        }
        let (mut t, mut x) = (vec![0.0; self.walk.z.len()], vec![0.0; way.len()]);
        meter.spend(1.0)?;
        self.scaling.out(way, &mut x);
        let keep = Keep { margins: Some(&mut t), ..Keep::default() };
        glm.pass(None, &x, None, keep, &mut || meter.pause())?;
        Ok(t)
    }
}
