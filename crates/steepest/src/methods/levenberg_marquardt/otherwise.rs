//! When variables go off, or lose their influence: how that is seen, and the other ways from the start that are tried then.
use super::{FLOOR, LevenbergMarquardt, TRAIL, Work};
use crate::health::{Finding, Severity};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Of its largest length a column may lose so much before its variable is said to have lost its influence.
const FADED: f64 = 1e-9;
/// A variable that has grown so often while F fell by no more than this part of itself has no end to go to.
const GROWN: f64 = 4.0;
const HARDLY: f64 = 1e-4;
/// Other ways from the start: what is left at each step of the lengths that columns have had, and the part of the first
/// radius.
const WAYS: [(f64, f64); 3] = [(0.25, 1.0), (0.25, 1e-2), (0.5, 1e-4)];
/// Each may take twice the evaluations of the way that led off, but so many at least and at most.
const LEAST: u64 = 500;
const MOST: u64 = 2000;

impl Work {
    /// Where it stands, as a step on the way.
    pub(super) fn remember(&mut self) {
        self.since += 1;
        if self.since < self.apart {
            return;
        }
        (self.since, self.apart) = (0, self.apart.max(1));
        let width = self.n + 1;
        if self.trail.len() >= TRAIL * width {
            let every_other = self.trail.chunks_exact(width).step_by(2);
            self.trail = every_other.flatten().copied().collect();
            self.apart *= 2;
        }
        self.trail.push(self.f);
        self.trail.extend_from_slice(&self.x);
    }

    /// Which variables have lost their influence on the way: at such a point F is flat, and seldom least.
    pub(super) fn faded(&self) -> Vec<Finding> {
        let one = |j: usize| {
            let share = self.length(j) / self.largest[j];
            (self.largest[j] > 0.0 && share < FADED).then(|| Finding {
                kind: "without_influence",
                severity: Severity::Warning,
                sentence: format!(
                    "Variable {j} has lost its influence on the way: the residuals change by {share:.1e} of what they did with it."
                ),
                evidence: vec![("variable", j as f64), ("share", share)],
                threshold: FADED,
                remedy: "Start elsewhere, or bound the variable: this may be a plateau far from the least sum of squares.".into(),
            })
        };
        (0..self.n).filter_map(one).collect()
    }

    /// The length of column j.
    fn length(&self, j: usize) -> f64 {
        self.jacobian.iter().skip(j).step_by(self.n).map(|d| d * d).sum::<f64>().sqrt()
    }

    /// A variable that has grown on and on while F hardly fell: F falls on as it goes off, with others that make up for it,
    /// and no least is that way.
    pub(super) fn runs_off(&self) -> Option<Finding> {
        let level = (2.0 * self.height()).sqrt();
        let then = self
            .trail
            .chunks_exact(self.n + 1)
            .find(|step| step[0] <= self.f * (1.0 + HARDLY) && self.f > FLOOR * self.first)?;
        let (j, grown) = (0..self.n)
            .map(|j| (j, self.x[j].abs() / then[1 + j].abs()))
            // By itself it does more than a fall so small can come of: others make up for it.
            .filter(|&(j, grown)| grown >= GROWN && self.length(j) * self.x[j].abs() >= 0.1 * level)
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Finding {
            kind: "runs_off",
            severity: Severity::Warning,
            sentence: format!(
                "Variable {j} has grown {grown:.0} times while the sum fell by less than {HARDLY:.0e} of itself: it falls on as the variables go off, and there is no least sum that way."
            ),
            evidence: vec![("variable", j as f64), ("grown", grown)],
            threshold: GROWN,
            remedy: "Start elsewhere, bound the variables, or fit a curve of fewer of them.".into(),
        })
    }

    /// From the start again with lengths of columns that are forgotten, and shorter first steps: what is lowest, if that is
    /// lower than here.
    pub(super) fn another_way(
        &self,
        problem: &mut Problem<'_>,
        set: &LevenbergMarquardt,
    ) -> Result<Option<(Work, Status, f64)>, Halt> {
        let mut best: Option<(Work, Status, f64)> = None;
        let most = (2 * problem.counts().values).clamp(LEAST, MOST);
        for (decay, part) in WAYS {
            let began = problem.counts().values;
            if problem.stop().evaluations.saturating_sub(began) <= most {
                break;
            }
            let sides = (self.low.clone(), self.high.clone());
            let mut other = Work::new(&self.start, self.r.len(), sides);
            (other.decay, other.again, other.inner) = (decay, true, true);
            other.verify = self.verify;
            if other.begin(problem, part * set.factor)?.is_some() {
                continue;
            }
            let mut end = other.stand(problem, 0.0, set)?;
            while end.verdict.is_none() && problem.counts().values - began <= most {
                end = other.step(problem, set)?;
            }
            let lowest = best.as_ref().map_or(self.f, |(work, ..)| work.f);
            let lower = |v: &Status| other.f < lowest && (v.success() || *v == Status::Plateau);
            let Some(verdict) = end.verdict.filter(lower) else { continue };
            let explained = end.certificate.map_or(0.0, |c| c.rounding);
            let done = verdict.success();
            other.inner = false;
            best = Some((other, verdict, explained));
            if done {
                break;
            }
        }
        Ok(best)
    }
}
