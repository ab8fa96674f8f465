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
        if (self.free() || self.one_sided) && seen.settled(&self.walk.z, 0.0) {
            return Ok(Some(true));
        }
        if self.endless < 3 {
            return Ok(None);
        }
        self.endless = 0;
        let last = self.walk.last().iter().zip(&self.penalty);
        let way: Vec<f64> = last.map(|(s, a)| if *a == 0.0 { *s } else { 0.0 }).collect();
        let (d, width) = (glm.design.columns(), glm.width());
        let mut t: Vec<f64> = if way.chunks_exact(width).all(|v| v[..d].iter().all(|v| *v == 0.0)) {
            // Of the intercepts alone no row need be read.
            let shifts = way.chunks_exact(width).map(|v| v[d..].first().copied().unwrap_or(0.0));
            let shifts: Vec<f64> = shifts.collect();
            shifts.iter().copied().cycle().take(self.walk.z.len()).collect()
        } else {
            vec![0.0; self.walk.z.len()]
        };
        if t.iter().all(|t| *t == 0.0) && way.iter().any(|v| *v != 0.0) {
            meter.spend(1.0)?;
            let mut x = vec![0.0; way.len()];
            self.scaling.out(&way, &mut x);
            let keep = Keep { margins: Some(&mut t), ..Keep::default() };
            glm.pass(None, &x, None, keep, &mut || meter.pause())?;
        }
        let largest = t.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
        Ok((largest > 0.0 && seen.settled(&t, 1e-9 * largest)).then_some(false))
    }
}
