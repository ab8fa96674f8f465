//! Steps at a rate that was given, and what is said where they lead away.
use super::{Work, copy, evaluate};
use crate::health::{Finding, Severity};
use crate::linalg::vectors::{self, dot, largest};
use crate::method::Step;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// A value this many times the first will not come back.
const GONE: f64 = 1e10;

impl Work {
    /// A step at the rate given, whatever comes of it.
    pub(super) fn fixed(&mut self, problem: &mut Problem<'_>, a: f64) -> Result<Step, Halt> {
        self.a = a;
        let gone = self.go(problem, a);
        let n = self.n;
        let f = evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?;
        let lost = !f.is_finite() || !largest(&self.gn).is_finite();
        if lost || f > GONE * self.first.abs().max(1.0) {
            return self.diverged(problem);
        }
        let rises = f > self.f;
        let (idle, odd) = self.take(problem, f, gone);
        if let Some(status) = self.suspect(problem, odd)? {
            return Ok(self.ended(status));
        }
        match (idle, rises) {
            (true, true) => self.diverged(problem),
            (true, false) => self.rest(problem),
            _ => self.stand(problem),
        }
    }

    /// At a rate that was given the value grows: says below which rate it would not have.
    fn diverged(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let limit = self.limit(problem)?;
        problem.report(Finding {
            kind: "diverging",
            severity: Severity::Problem,
            sentence: format!("The rate {:?} is too large: each step overshoots (divergence).", self.a),
            evidence: [Some(("rate", self.a)), limit.map(|l| ("largest_stable_rate", l))]
                .into_iter()
                .flatten()
                .collect(),
            threshold: limit.unwrap_or(f64::NAN),
            remedy: match limit {
                Some(limit) => {
                    format!(
                        "Take a smaller rate (where it began, one below {:?} is stable; elsewhere that may be another), \
                         or give none: it then finds its own.",
                        rounded(limit)
                    )
                }
                None => "Take a smaller rate, or give none: it then finds its own.".into(),
            },
        });
        Ok(self.ended(Status::Diverged))
    }

    /// The largest rate that is stable where it began: 2 over the curvature there, along the gradient there and
    /// along the one it ended with, which has turned towards the steepest direction.
    fn limit(&mut self, problem: &mut Problem<'_>) -> Result<Option<f64>, Halt> {
        let Some((x, g)) = self.began.take() else { return Ok(None) };
        let last = copy(&self.g);
        let mut curvature = 0.0f64;
        for along in [&g, &last] {
            let length = dot(along, along).sqrt();
            if length > 0.0 && length.is_finite() {
                let h = 1e-4 * (1.0 + largest(&x)) / length;
                vectors::ahead(&x, -h, along, &mut self.xn);
                problem.gradient(&self.xn[..self.n], &mut self.gn[..self.n])?;
                let change = dot(along, &g) - dot(along, &self.gn);
                curvature = curvature.max(change / (h * length * length));
            }
        }
        Ok((curvature > 0.0).then(|| 2.0 / curvature))
    }
}

/// To three digits.
fn rounded(v: f64) -> f64 {
    format!("{v:.2e}").parse().unwrap_or(v)
}
