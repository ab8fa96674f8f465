//! The problem over a working set with lengths that are round at 0, √(|w_j|² + μ²) − μ, and μ smaller and smaller.
//!
//! Near interpolation, of columns next to parallel, which of them are in use is a question that no sweep and no step over those in
//! use settles. Here all of them are: at the least with μ the slopes are within what the penalty allows, so that the gap of the
//! problem itself is no more than Σ_j λ |w_j| (1 − |w_j| / √(|w_j|² + μ²)), below λ μ / 3 a column.
use super::face::Face;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::{add_scaled, dot};
use crate::parallel::cancel;

/// Coefficients at most: a step takes a factor of as many rows.
const MOST: usize = 2000;
/// Steps at most, of which each halves at most so often.
const STEPS: u32 = 200;
const HALVED: u32 = 40;
/// The part of what μ costs that a step may still promise before μ becomes this part of itself.
const ENOUGH: f64 = 0.1;
const LESS: f64 = 0.1;

impl Face {
    /// Goes on to where the gap is no more than `goal`, as far as it gets. Whether it went anywhere.
    pub(super) fn smoothed(&mut self, goal: f64) -> bool {
        let s = self.set.len();
        if self.w.len() > MOST || s == 0 {
            return false;
        }
        let each = self.lengths * s as f64;
        let (begun, mut mu) = (self.gap(), self.gap() / each);
        for _ in 0..STEPS {
            cancel::check();
            let Some(promised) = self.smoothed_step(mu) else { break };
            if promised > ENOUGH * each * mu {
                continue;
            }
            if self.gap() <= goal || each * mu < LESS * goal {
                break;
            }
            mu *= LESS;
        }
        self.gap() < begun
    }

    /// Newton's step with lengths round at 0. What it promised; none where it leads nowhere.
    fn smoothed_step(&mut self, mu: f64) -> Option<f64> {
        let (s, all) = (self.set.len(), self.w.len());
        let long = |w: &[f64], j: usize| w.iter().skip(j).step_by(s).fold(mu, |l, w| l.hypot(*w));
        let here: Vec<f64> = (0..s).map(|j| long(&self.w, j)).collect();
        let bend: Vec<f64> = here.iter().map(|l| self.lengths / l).collect();
        let down: Vec<f64> =
            (0..all).map(|a| self.q[a] - self.w[a] * (bend[a % s] + self.ridge)).collect();
        let mut matrix = vec![0.0; all * all];
        for a in 0..all {
            let (k, j) = (a / s, a % s);
            let row = &mut matrix[a * all..(a + 1) * all];
            row[k * s..(k + 1) * s].copy_from_slice(&self.gram[j * s..(j + 1) * s]);
            row[a] += self.ridge + bend[j];
            for b in (j..all).step_by(s) {
                row[b] -= bend[j] * (self.w[a] / here[j]) * (self.w[b] / here[j]);
            }
        }
        let scale: Vec<f64> = (0..all).map(|a| 1.0 / matrix[a * all + a].sqrt()).collect();
        for (row, by) in matrix.chunks_exact_mut(all).zip(&scale) {
            row.iter_mut().zip(&scale).for_each(|(v, s)| *v *= by * s);
        }
        let factors = [0.0, 1e-14, 1e-11, 1e-8];
        let factor = factors.iter().find_map(|more| Cholesky::new(all, &matrix, |_| *more))?;
        let mut step: Vec<f64> = down.iter().zip(&scale).map(|(d, s)| d * s).collect();
        factor.solve(&mut step);
        step.iter_mut().zip(&scale).for_each(|(v, s)| *v *= s);
        let promised = dot(&down, &step);
        if !(promised > 0.0) {
            return None;
        }
        let mut turned = vec![0.0; all];
        for (to, step) in turned.chunks_exact_mut(s).zip(step.chunks_exact(s)) {
            let rows = self.gram.chunks_exact(s).zip(step);
            rows.for_each(|(row, by)| add_scaled(-by, row, to));
        }
        let (falls, bent) = (dot(&step, &self.q), -dot(&step, &turned));
        let mut length = 1.0;
        for _ in 0..HALVED {
            let there: Vec<f64> =
                self.w.iter().zip(&step).map(|(w, step)| w + length * step).collect();
            let mut rise = length * (0.5 * length * bent - falls);
            for (j, here) in here.iter().enumerate() {
                let there = long(&there, j);
                rise += (there - here) * (self.lengths + 0.5 * self.ridge * (there + here));
            }
            if rise <= -1e-4 * length * promised {
                self.w = there;
                add_scaled(length, &turned, &mut self.q);
                return Some(promised);
            }
            length *= 0.5;
        }
        None
    }
}
