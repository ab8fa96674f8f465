//! Rows that can be separated: the loss falls without end.
use super::ground::Seen;
use super::metric::Form;
use super::{Work, renewal};
use crate::problem::Meter;
use crate::status::Halt;
use crate::glm::{Glm, Keep};
use crate::factor::Factor;
use crate::gram::Rounded;

/// Steps on all rows before a way without end is looked for; after that, at twice as many each time.
pub const LOOK: usize = 6;
/// A way of length 1, over columns of scale 1, that changes no margin by more is none.
const MOVED: f64 = 1e-3;
/// Rounds of a look: each puts to the rows that must stay those that the round before took the wrong way.
const ROUNDS: usize = 8;
/// Of rows that must stay, so many for each variable at first.
const FEW: usize = 20;
/// What is added to the diagonal of the matrix of the rows that must stay, beside that diagonal or 1.
const RIDGE: f64 = 1e-6;
/// How often what moves these rows is taken off at most; each time next to nothing is left of it.
const TAKEN_OFF: usize = 6;
/// Beside the largest change, one that is 0 but for rounding.
const STILL: f64 = 1e-9;

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

/// Gives a way a largest entry of 1; whether it has any.
fn unit(way: &mut [f64]) -> bool {
    let size = way.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let some = size > 0.0 && size.is_finite();
    if some {
        way.iter_mut().for_each(|v| *v /= size);
    }
    some
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
        if self.endless >= if end { 1 } else { 3 } {
            self.endless = 0;
            let mut way = self.walk.last().to_vec();
            for look in 0..if end { 3 } else { 1 } {
                if look > 0 {
                    self.walk.metric.factor.solve(&mut way);
                }
                if self.without_end(glm, &mut way, meter)? {
                    return Ok(Some(false));
                }
            }
        }
        if self.steps >= self.next_look {
            self.next_look = 2 * self.steps.max(LOOK);
            return self.apart(glm, meter);
        }
        Ok(None)
    }

    /// Whether the loss falls without end along a way that is looked for: of the point itself and of the last step, what
    /// is left once all that moves rows on their wrong side is taken off; rows that it then takes the wrong way are put
    /// to those that must stay. Many levels that are separated at once each want a length of their own, and no
    /// step says so clearly, but what is left of one does.
    pub(super) fn apart(&self, glm: &Glm<'_>, meter: &mut Meter<'_>) -> Result<Option<bool>, Halt> {
        let columns = &self.penalty[..glm.design.columns().min(self.penalty.len())];
        if glm.outputs() > 1 || self.shape.form != Form::Whole || columns.iter().all(|a| *a > 0.0) {
            return Ok(None);
        }
        let z = &self.walk.z;
        let there = |i: &u32| glm.share(*i as usize) > 0.0;
        let right = |i: usize, t: f64| glm.loss.settled(glm.target[i], &[t]);
        let wrong: Vec<u32> =
            (0..z.len() as u32).filter(|i| there(i) && !right(*i as usize, z[*i as usize])).collect();
        // Few of them tell mostly that there is no such way.
        let few = wrong.len().div_ceil(FEW * glm.width()).max(1);
        for way in [&self.walk.u[..], self.walk.last()] {
            let mut stay: Vec<u32> = wrong.iter().copied().step_by(few).collect();
            let mut way = way.to_vec();
            for _ in 0..ROUNDS {
                if !self.rid(glm, &stay, &mut way, meter)? {
                    break;
                }
                let t = self.changes(glm, &way, meter)?;
                if self.recedes(glm, &way, &t) {
                    return Ok(Some(false));
                }
                let largest = t.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
                if !(largest > MOVED) {
                    // Columns that are nearly copies of each other: it moves no row.
                    break;
                }
                let taken = |i: &u32| {
                    let t = t[*i as usize];
                    there(i) && t.abs() > STILL * largest && !right(*i as usize, t)
                };
                let before = stay.len();
                stay.extend((0..z.len() as u32).filter(taken));
                stay.sort_unstable();
                stay.dedup();
                if stay.len() == before {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Takes off a way what moves some rows, and what is penalised; whether more than rounding is left of it, which is
    /// given a largest entry of 1.
    fn rid(
        &self,
        glm: &Glm<'_>,
        rows: &[u32],
        way: &mut [f64],
        meter: &mut Meter<'_>,
    ) -> Result<bool, Halt> {
        let (rounded, width) = (Rounded { glm, scaling: &self.scaling, rows }, way.len());
        let all: f64 = rows.iter().map(|&i| glm.share(i as usize)).sum();
        let weight: Vec<f64> = rows.iter().map(|&i| glm.share(i as usize) / all).collect();
        meter.spend(renewal::passes(glm, rows.len() as f64 * (width as f64).powi(2)))?;
        let mut gram = rounded.gram(&weight);
        for (j, a) in self.penalty.iter().enumerate() {
            gram[j * width + j] += RIDGE * (1.0 + gram[j * width + j]) + a;
        }
        let Some(factor) = Factor::cholesky(gram, width) else { return Ok(false) };
        let before = unit(way);
        for _ in 0..TAKEN_OFF {
            meter.spend(rows.len() as f64 / glm.design.rows() as f64)?;
            let mut off = rounded.sweep(way, |i, t| (weight[i] * t, 0.0)).sum;
            off.iter_mut().zip(&self.penalty).zip(&*way).for_each(|((o, a), v)| *o += a * v);
            factor.solve(&mut off);
            way.iter_mut().zip(&off).for_each(|(v, o)| *v -= o);
        }
        way.iter_mut().zip(&self.penalty).filter(|(_, a)| **a > 0.0).for_each(|(v, _)| *v = 0.0);
        Ok(before && way.iter().any(|v| v.abs() > STILL) && unit(way))
    }

    /// Whether no row's loss grows along a way, and some row's falls; the way is given a largest entry of 1, and 0
    /// in what is penalised.
    fn without_end(&self, glm: &Glm<'_>, way: &mut [f64], meter: &mut Meter<'_>) -> Result<bool, Halt> {
        way.iter_mut().zip(&self.penalty).filter(|(_, a)| **a > 0.0).for_each(|(v, _)| *v = 0.0);
        if !unit(way) {
            return Ok(false);
        }
        let t = self.changes(glm, way, meter)?;
        Ok(self.recedes(glm, way, &t))
    }

    /// The same of margins that change by `t` along the way. A row that moves the wrong way by next to nothing beside the
    /// largest change does so by rounding only if that is next to nothing beside its own terms too: one row far
    /// out makes all others look still.
    fn recedes(&self, glm: &Glm<'_>, way: &[f64], t: &[f64]) -> bool {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        if !seen.recedes(t) {
            return false;
        }
        let (d, width, k) = (glm.design.columns(), glm.width(), glm.outputs());
        let (mut x, mut row) = (vec![0.0; way.len()], vec![0.0; d]);
        self.scaling.out(way, &mut x);
        t.chunks_exact(k).enumerate().all(|(i, t)| {
            if glm.share(i) == 0.0 || glm.loss.recedes(glm.target[i], t, 0.0) {
                return true;
            }
            glm.design.gather(&[i as u32], &mut row);
            // The way, of which no entry is above 1, is known to rounding; of several outputs, whose metric is made
            // of pieces, to fewer digits.
            let columns = row.iter().zip(&self.scaling.centre).zip(&self.scaling.scale);
            let known = 1.0 + columns.map(|((v, c), s)| (v.abs() + c.abs()) / s).sum::<f64>();
            let terms = x.chunks_exact(width).map(|x| {
                let terms = row.iter().zip(x).map(|(v, w)| (v * w).abs()).sum::<f64>();
                terms + x.get(d).map_or(0.0, |b| b.abs())
            });
            let slack = STILL * terms.fold(0.0, f64::max) + known * if k > 1 { STILL } else { 64.0 * f64::EPSILON };
            glm.loss.recedes(glm.target[i], t, slack)
        })
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
