//! The log-loss of several classes.
use super::logistic::entropy;
use crate::loss::{Block, Entry};
use crate::real::Real;
use crate::trace::{Symbol, record};

/// ln Σ_k e^{margin_k} − margin_target: a margin for each class, the target a class counted from 0.
pub struct Softmax {
    classes: usize,
}

impl Softmax {
    /// For so many classes.
    pub fn new(classes: usize) -> Self {
        Softmax { classes }
    }
}

/// Turns margins into probabilities; ln Σ e^margin.
#[inline(always)]
fn share_out(margin: &mut [f64]) -> f64 {
    let most = margin.iter().fold(f64::NEG_INFINITY, |a, &b| Real::max(b, a));
    let mut sum = 0.0;
    for m in &mut *margin {
        *m = Real::exp(*m - most);
        sum += *m;
    }
    for m in &mut *margin {
        *m /= sum;
    }
    most + Real::ln(sum)
}

crate::simd! {
    fn slopes[](classes: usize, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        for ((m, t), v) in margin.chunks_exact_mut(classes).zip(target).zip(value) {
            let at = m[*t as usize];
            *v = share_out(m) - at;
            m[*t as usize] -= 1.0;
        }
    }
}

impl Block for Softmax {
    fn name(&self) -> &'static str {
        ENTRY.name
    }
    fn outputs(&self) -> usize {
        self.classes
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        slopes(self.classes, target, &mut margin.to_vec(), value);
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        slopes(self.classes, target, margin, value);
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        slope.copy_from_slice(margin);
        slopes(self.classes, target, slope, value);
        curvature.copy_from_slice(slope);
        for (c, t) in curvature.chunks_exact_mut(self.classes).zip(target) {
            c[*t as usize] += 1.0;
        }
    }
    /// KL(p + u ‖ p), where u sums to 0 (elsewhere there is no bound).
    fn conjugate_distance(&self, _: f64, margin: &[f64], u: &[f64]) -> f64 {
        let mut p = margin.to_vec();
        share_out(&mut p);
        let (sum, size) = u.iter().fold((0.0, 0.0), |a, u| (a.0 + u, a.1 + u.abs()));
        if f64::abs(sum) > 1e-12 * size + 1e-15 {
            return f64::INFINITY;
        }
        let part = |(p, u): (&f64, &f64)| match (*p, *u) {
            (_, 0.0) => 0.0,
            (0.0, _) => f64::INFINITY,
            (p, u) => p * entropy(u / p),
        };
        p.iter().zip(u).map(part).sum()
    }
    /// Margins cannot move one by one: u must sum to 0.
    fn conjugate_edge(&self, _: f64, _: f64, _: f64) -> f64 {
        0.0
    }
    fn refuses(&self, target: f64) -> Option<&'static str> {
        let class = target >= 0.0 && target < self.classes as f64 && target.fract() == 0.0;
        (!class).then_some("softmax needs targets 0, 1, 2 … up to one less than the classes")
    }
    fn rare(&self) -> bool {
        false
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "softmax",
    doc: "Log-loss of several classes, a margin for each, the target a class counted from 0: \
          ln Σ e^margin − margin of the target.\n\nBridle 1990, \
          <https://doi.org/10.1007/978-3-642-76153-9_28>.",
    parameters: &[],
    build: |_, outputs| Box::new(Softmax::new(outputs.max(2))),
    program: || {
        record(|| {
            let (target, margin) = (Symbol::input("target"), Symbol::input("margin"));
            vec![Symbol::call("logsumexp", &[margin]) - Symbol::call("take", &[margin, target])]
        })
    },
    jet: None,
};
