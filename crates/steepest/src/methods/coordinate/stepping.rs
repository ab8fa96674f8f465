//! A step to where the model is least: whole, or as far that way as the value falls.
use super::working::Model;
use super::{Coordinate, penalty_between};
use crate::problem::Problem;
use crate::status::Halt;

/// Steps with a guarded curvature at most before the true one is tried again.
const PATIENCE: u32 = 32;
/// So many steps in a row that each gain less than this part of what is not proved are slow.
const SLOW: u32 = 3;
const CREEPS: f64 = 1e-2;

impl Coordinate {
    /// Goes to `to`, or as far towards it as the value falls; returns the length of the step.
    pub(super) fn take(
        &mut self,
        problem: &mut Problem<'_>,
        to: &[f64],
        exact: bool,
    ) -> Result<f64, Halt> {
        let (mut kept, other) = (self.gradient.clone(), self.other());
        let mut value = self.read(problem, to, other)?;
        let noise = self.rounding.min(1e-3 * self.value).max(40.0 * f64::EPSILON * self.value);
        let mut length = 1.0;
        let mut point = to.to_vec();
        let enough = value <= self.value - 1e-4 * self.promised + noise;
        if !enough {
            if self.told_from.is_some() {
                self.land(problem)?;
                kept.clone_from(&self.gradient);
            }
            length = self.search(problem, to)?;
            if length > 0.0 {
                for ((p, to), x) in point.iter_mut().zip(to).zip(&self.seen) {
                    *p = x + length * (to - x);
                }
                value = self.read(problem, &point, other)?;
            }
        }
        if length == 0.0 || !(value <= self.value + noise) {
            self.gradient = kept;
            self.stuck += 1;
            self.more = self.more.saturating_mul(4);
            self.guarded = !self.guarded;
            self.model = self.model.take().filter(|m| m.exact);
            self.fell = 0.0;
            return Ok(0.0);
        }
        let fell = (self.value - value).max(0.0);
        // A model that foretells badly is made again from more rows, or with curvature where it had none.
        if !exact && (length < 1.0 || fell > 0.3 * self.fell && self.fell > 0.0) {
            self.more = self.more.saturating_mul(4);
        }
        let flat = self.model.as_ref().is_some_and(Model::flat);
        // Where most rows pull and do not bend, the few that do hold steps back: curvature for all, for a while.
        self.pulled = if self.guarded { self.pulled } else { flat };
        let creeps = self.pulled && fell <= CREEPS * self.bound.min(value);
        self.slow = if creeps { self.slow + 1 } else { 0 };
        if self.slow >= if self.guarded { PATIENCE } else { SLOW } {
            // And without it again, where that creeps too.
            (self.guarded, self.slow) = (!self.guarded, 0);
            self.patience = (2 * self.patience).clamp(8, PATIENCE);
            self.wait = self.patience;
        }
        let short = length < 0.1 && !flat;
        if short || (fell <= noise && !exact && !self.guarded) {
            // Where the curvature says that there is nothing to gain, it may be that it says nothing.
            if !self.guarded {
                self.patience = (2 * self.patience).clamp(1, PATIENCE);
                self.wait = self.patience;
            }
            self.guarded = true;
        } else if length == 1.0 && fell >= 0.25 * self.promised {
            self.wait = self.wait.saturating_sub(1);
            self.guarded &= self.wait > 0;
        }
        self.stuck = if fell <= noise { self.stuck + 1 } else { 0 };
        self.fell = fell;
        self.value = value;
        self.margin = other;
        self.seen = point;
        (self.told_from, self.carried) = (None, 0.0);
        Ok(length)
    }

    /// How far towards `to` the value falls most, from the margins at both ends alone: no read of the table.
    fn search(&self, problem: &mut Problem<'_>, to: &[f64]) -> Result<f64, Halt> {
        let far = problem.rows(Some(self.other()))?.0.margins.into_owned();
        let (rows, _) = problem.rows(Some(self.margin))?;
        let near = &rows.margins;
        let mut margin = vec![0.0; far.len()];
        let mut best = (self.value, 0.0);
        let mut length = 0.5;
        for _ in 0..60 {
            for ((m, a), b) in margin.iter_mut().zip(&**near).zip(&far) {
                *m = a + length * (b - a);
            }
            let loss = rows.mean(&rows.values(&margin));
            let there = penalty_between(&self.pieces, &self.seen, to, length);
            if loss + there < best.0 {
                best = (loss + there, length);
            } else if best.1 > 0.0 {
                break;
            }
            length *= 0.5;
        }
        // Between half of it and twice, by the slope along the line: rows that bend at a kink need the very place.
        let (mut low, mut high) = (0.5 * best.1, (2.0 * best.1).min(1.0));
        for _ in 0..if best.1 > 0.0 { 12 } else { 0 } {
            let middle = 0.5 * (low + high);
            for ((m, a), b) in margin.iter_mut().zip(&**near).zip(&far) {
                *m = a + middle * (b - a);
            }
            let values = rows.slopes(&mut margin);
            let k = far.len() / values.len();
            let along = |i: usize| -> f64 {
                (i * k..(i + 1) * k).map(|a| margin[a] * (far[a] - near[a])).sum()
            };
            let turns: Vec<f64> = (0..values.len()).map(along).collect();
            let added = (self.pieces.iter()).zip(self.seen.iter().zip(to)).map(|(p, (x, to))| {
                let (v, d) = (x + middle * (to - x), to - x);
                d * (p.l2 * v + if v == 0.0 { 0.0 } else { p.l1 * v.signum() })
            });
            let there = rows.mean(&values) + penalty_between(&self.pieces, &self.seen, to, middle);
            if there < best.0 {
                best = (there, middle);
            }
            *(if rows.mean(&turns) + added.sum::<f64>() > 0.0 { &mut high } else { &mut low }) =
                middle;
        }
        Ok(best.1)
    }
}
