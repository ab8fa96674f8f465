//! Gradient steps in the geometry of a distance that suits the set.
use super::atoms::{Gaps, gap};
use super::proved::Proved;
use crate::linalg::vectors::{dot, largest};
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::methods::convergence::{self, Claims, Sight};
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::State;
use crate::status::{Halt, Status};

crate::settings! {
    /// Mirror descent, x⁺ = argmin ∇f(x)′u + L·D(u, x) by a Bregman distance D. On the simplex D is the relative entropy, and the
    /// step multiplies the shares, x_j ∝ x_j exp(−∇f_j / L) (exponentiated gradients); without a constraint D is that of ½‖x‖_p²,
    /// near p = 1 for many variables of which few matter. L is found by backtracking: no step raises f.
    ///
    /// On the simplex the gap ∇f(x)′x − min_j ∇f_j bounds how far the least of a convex function is.
    ///
    /// Nemirovski and Yudin 1983; Beck and Teboulle 2003, <https://doi.org/10.1016/S0167-6377(02)00231-6>; L by backtracking:
    /// Bauschke, Bolte and Teboulle 2017, <https://doi.org/10.1287/moor.2016.0817>.
    "mirror_descent" MirrorDescent {
        /// The p of ½‖x‖_p² where there is no constraint; 1: 2 ln n / (2 ln n − 1), which is near 1 for many variables.
        p = 1.0 in 1.0 => 2.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: MirrorDescent::<f64>::NAME,
    doc: MirrorDescent::<f64>::DOC,
    parameters: MirrorDescent::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::SharesOrNone, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        Box::new(Proved::followed(Box::new(Mirror {
            p: MirrorDescent::of(settings).p,
            ..Mirror::default()
        })))
    },
};

/// What L is lowered by after a step, and raised by where it was too low.
const LOWER: f64 = 0.7;
const HIGHER: f64 = 2.0;
/// Changes of L before nothing can be found.
const CHANGES: usize = 200;
/// The part of the whole that all shares have at the start: a share of 0 would stay so. Where f has no value there, as
/// exponentials of large margins have none, a hundredth of that, down to the least.
const EVEN: [f64; 2] = [0.1, 1e-13];

#[derive(Default)]
struct Mirror {
    p: f64,
    /// The sum of the shares, where there is one.
    whole: Option<f64>,
    /// x by its dual: the logarithms of the shares, or the slope of ½‖x‖_p².
    dual: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// L.
    bend: f64,
    gaps: Gaps,
    claims: Claims,
}

crate::state!(Mirror {
    p,
    whole,
    dual: vector,
    value: within(-1e300, f64::INFINITY),
    gradient: vector,
    bend,
    gaps,
    claims
});

/// The slope of ½‖x‖_p²: of p it leads to the dual, of p/(p − 1) back.
fn slope(x: &[f64], p: f64) -> Vec<f64> {
    let most = largest(x);
    if !(most > 0.0) {
        return vec![0.0; x.len()];
    }
    let norm = x.iter().map(|x| (x.abs() / most).powf(p)).sum::<f64>().powf(1.0 / p);
    x.iter().map(|x| x.signum() * most * norm * (x.abs() / most / norm).powf(p - 1.0)).collect()
}

/// Logarithms of shares of 1.
fn levelled(logs: &mut [f64]) {
    let most = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(*l));
    let all = most + logs.iter().map(|l| (l - most).exp()).sum::<f64>().ln();
    logs.iter_mut().for_each(|l| *l -= all);
}

impl Mirror {
    /// The point of a dual.
    fn point(&self, dual: &[f64]) -> Vec<f64> {
        match self.whole {
            Some(whole) => {
                let mut x: Vec<f64> = dual.iter().map(|l| whole * l.exp()).collect();
                let sum: f64 = x.iter().sum();
                x.iter_mut().for_each(|x| *x *= whole / sum);
                x
            }
            None => slope(dual, self.p / (self.p - 1.0)),
        }
    }
    /// The dual after a step by one over L.
    fn ahead(&self, bend: f64) -> Vec<f64> {
        let mut dual: Vec<f64> =
            self.dual.iter().zip(&self.gradient).map(|(u, g)| u - g / bend).collect();
        if self.whole.is_some() {
            levelled(&mut dual);
        }
        dual
    }
    /// D(to, from).
    fn distance(&self, [to, from]: [&[f64]; 2], dual: &[f64]) -> f64 {
        if self.whole.is_some() {
            return to
                .iter()
                .zip(dual)
                .zip(&self.dual)
                .map(|((x, l), before)| x * (l - before))
                .sum();
        }
        // Of ½‖·‖_p², whose value is half of what its slope makes of the point.
        0.5 * dot(dual, to) + 0.5 * dot(&self.dual, from) - dot(&self.dual, to)
    }
    fn judged(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        promised: f64,
    ) -> Result<Step, Halt> {
        if self.whole.is_none() {
            let rests = self.claims.took(self.value);
            let at = Sight {
                value: self.value,
                slope: largest(&self.gradient),
                predicted: Some(promised),
                back: None,
            };
            let residual = self.claims.residual(at.value, at.predicted);
            let rounding = self.claims.rounding(self.value);
            let verdict = if rests {
                Some(self.claims.at_rest(self.value, promised, rounding))
            } else {
                self.claims.converged(at, || 0.0).then_some(Status::Converged)
            };
            let certificate = self.claims.certificate(at, rests, rounding);
            let certificate = verdict.is_some().then_some(certificate);
            return Ok(Step {
                value: self.value,
                residual,
                rate: 1.0 / self.bend,
                verdict,
                certificate,
                ..Step::default()
            });
        }
        let mut s = vec![0.0; x.len()];
        problem.penalty().atom(&self.gradient, &mut s);
        let left = gap(x, &s, &self.gradient);
        let before = x.to_vec();
        let bend = self.bend / self.whole.unwrap_or(1.0);
        let step = self.gaps.judged(problem, x, (self.value, &self.gradient), left, bend)?;
        if *x != before[..] {
            self.begin(problem, x)?;
        }
        Ok(Step { value: self.value, rate: 1.0 / self.bend, ..step })
    }
    /// From a point, or near by where a share is 0.
    fn begin(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<(), Halt> {
        let (asked, mut even) = (x.to_vec(), EVEN[0]);
        loop {
            let lacking = self.whole.filter(|_| asked.iter().any(|x| !(*x > 0.0)));
            if let Some(whole) = lacking {
                let least = even * whole / x.len() as f64;
                x.iter_mut()
                    .zip(&asked)
                    .for_each(|(x, asked)| *x = (1.0 - even) * asked.max(0.0) + least);
            }
            if self.whole.is_some() {
                self.dual = x.iter().map(|x| x.ln()).collect();
                levelled(&mut self.dual);
            } else {
                self.dual = slope(x, self.p);
            }
            x.copy_from_slice(&self.point(&self.dual));
            self.value = problem.gradient(x, &mut self.gradient)?;
            if lacking.is_none() || self.value.is_finite() || even <= EVEN[1] {
                return Ok(());
            }
            even *= 1e-2;
        }
    }
}

impl Method for Mirror {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        self.whole = problem.penalty().shares().map(|(_, whole)| whole);
        if !problem.penalty().value(x).is_finite() {
            problem.penalty().prox(x, crate::penalty::Steps::Uniform(1.0));
        }
        if self.p <= 1.0 {
            let twice = 2.0 * (n as f64).ln();
            self.p = if twice > 2.0 { (twice / (twice - 1.0)).min(2.0) } else { 2.0 };
        }
        self.gradient = vec![0.0; n];
        self.begin(problem, x)?;
        if let Some(status) = convergence::not_finite(self.value, &self.gradient) {
            let table = if problem.table().is_some() { problem.not_finite()? } else { None };
            let status = table.map_or(status, Status::NotFinite);
            return Ok(Step {
                value: self.value,
                residual: f64::NAN,
                verdict: Some(status),
                ..Step::default()
            });
        }
        self.gaps = Gaps::new(self.value, problem.tolerance());
        self.claims = Claims::new(self.value, problem.tolerance(), -1.0, -1.0).slow();
        let spread = |v: &[f64]| {
            let (low, high) = v
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            high - low
        };
        let first = if self.whole.is_some() {
            spread(&self.gradient)
        } else {
            largest(&self.gradient) / largest(x).max(1.0)
        };
        self.bend = if first.is_normal() { first } else { 1.0 };
        let still = if first == 0.0 { 0.0 } else { f64::INFINITY };
        self.judged(problem, x, still)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let noise = self.gaps.noise(self.value);
        let mut promised = 0.0;
        for _ in 0..CHANGES {
            let dual = self.ahead(self.bend);
            let there = self.point(&dual);
            let along: f64 =
                there.iter().zip(&*x).zip(&self.gradient).map(|((z, x), g)| (z - x) * g).sum();
            let far = self.distance([&there, x], &dual).max(0.0);
            promised = -along - self.bend * far;
            let value = problem.value(&there)?;
            if value <= self.value + along + self.bend * far + noise {
                (self.dual, self.value) = (dual, value);
                x.copy_from_slice(&there);
                problem.gradient_there(x, &mut self.gradient)?;
                // Where decreases drown in rounding nothing would say that it is too low.
                if promised > 1e2 * noise {
                    self.bend *= LOWER;
                }
                break;
            }
            if along.is_nan() || along.abs() <= 1e-3 * noise {
                break;
            }
            self.bend *= HIGHER;
        }
        if self.value == f64::NEG_INFINITY || self.value < -1e300 {
            return Ok(Step {
                value: self.value,
                verdict: Some(Status::Unbounded),
                ..Step::default()
            });
        }
        self.judged(problem, x, promised.max(0.0))
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn monotone(&self) -> bool {
        true
    }
}
