//! Proximal gradient steps whose length follows the curvature of the last one: no search, no rate.
use super::epochs::Whole;
use super::proved::Proved;
use crate::linalg::vectors::largest;
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::State;
use crate::status::Halt;

crate::settings! {
    /// Adaptive proximal gradient (adaPGM; without a penalty it is adaptive gradient descent, AdGD, with a longer step):
    /// x⁺ = prox(x − γ∇f(x)). With ℓ = s′y / s′s and c = y′y / s′y of the last step s and change of the gradient y,
    /// γ⁺ = min { γ √(1 + γ/γ⁻), γ / (2 √(γℓ(γc − 1))) }, the second only where γc > 1. One gradient a step and no value is
    /// needed; of a convex function it converges whatever the first step. Slow in narrow valleys, as all plain gradients are.
    ///
    /// Latafat, Themelis, Stella and Patrinos 2023, <https://arxiv.org/abs/2301.04431>; AdGD: Malitsky and Mishchenko 2020,
    /// <https://arxiv.org/abs/1910.09529>.
    "adapgm" Adapgm {
        /// The first step; 0: one over the curvature along the slope.
        rate = 0.0 in 0.0 => f64::MAX,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Adapgm::<f64>::NAME,
    doc: Adapgm::<f64>::DOC,
    parameters: Adapgm::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        let rate = Adapgm::of(settings).rate;
        Box::new(Proved::followed(Box::new(Adaptive { rates: [rate; 2], ..Adaptive::default() })))
    },
};

/// What a step is made shorter by that led out of where the function is defined.
const SHORTER: f64 = 0.1;
/// What is remembered of the largest curvature from step to step.
const KEPT: f64 = 0.9;

#[derive(Default)]
struct Adaptive {
    /// The last step's length and that of the step to come.
    rates: [f64; 2],
    whole: Whole,
    /// The largest curvature of late: what residuals are measured by.
    seen: f64,
}

crate::state!(Adaptive { rates, whole, seen });

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

impl Method for Adaptive {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (whole, wrong) = Whole::begin(problem, x)?;
        self.whole = whole;
        if let Some(status) = wrong {
            return Ok(Step {
                value: self.whole.value,
                residual: f64::NAN,
                verdict: Some(status),
                ..Step::default()
            });
        }
        let steep = largest(&self.whole.gradient);
        let mut there = x.to_vec();
        if steep > 0.0 {
            self.whole.descend(
                problem,
                &mut there,
                &self.whole.gradient,
                1e-4 * largest(x).max(1.0) / steep,
            );
        }
        let mut change = vec![0.0; x.len()];
        problem.gradient(&there, &mut change)?;
        change.iter_mut().zip(&self.whole.gradient).for_each(|(c, g)| *c -= g);
        let [square, _, length] = self.whole.products(&change, &minus(&there, x));
        let bend = (square / length).sqrt();
        self.seen = if bend.is_normal() { bend } else { 1.0 };
        if self.rates[1] == 0.0 {
            self.rates = [1.0 / self.seen; 2];
        }
        self.whole.judged(problem, x, self.seen)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let [before, rate] = self.rates;
        let gradient = self.whole.gradient.clone();
        let mut there = x.to_vec();
        self.whole.descend(problem, &mut there, &gradient, rate);
        if !self.whole.moved(problem, &there)? {
            self.rates = [rate, SHORTER * rate];
            return self.whole.judged(problem, x, self.seen);
        }
        let change = minus(&self.whole.gradient, &gradient);
        let [yy, sy, ss] = self.whole.products(&change, &minus(&there, x));
        x.copy_from_slice(&there);
        let longer = rate * (1.0 + rate / before).sqrt();
        let (l, c) = (sy / ss, yy / sy);
        // Where f is not convex along the step its curvature is the plain ratio.
        let [l, c] = if sy > 0.0 { [l, c] } else { [(yy / ss).sqrt(); 2] };
        let room = rate * l * (rate * c - 1.0);
        let next = if room > 0.0 { longer.min(rate / (2.0 * room.sqrt())) } else { longer };
        if next.is_normal() {
            self.rates = [rate, next];
        }
        if c.is_normal() {
            self.seen = c.max(KEPT * self.seen);
        }
        self.whole.judged(problem, x, self.seen)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn rate(&self) -> Option<f64> {
        Some(self.rates[1])
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.rates = [rate; 2];
        true
    }
}
