//! Barzilai and Borwein's steps.
use crate::linalg::vectors::{add_over, dot, dot_over, scaled};
use crate::method::{Needs, Takes};
use crate::methods::direction::{Directed, Direction, Iterate, StepTaken};
use crate::state::State;
use crate::status::Halt;

crate::settings! {
    /// Barzilai and Borwein's gradient steps, d = −γ g, by the curvature that the last step met: γ = s's / s'y and the
    /// shorter s'y / y'y by turns. The value need not fall at each step, only below the largest of the last ten.
    ///
    /// Two vectors of memory. `gradient_descent` is the same idea for penalties with a prox.
    ///
    /// Barzilai and Borwein 1988, <https://doi.org/10.1093/imanum/8.1.141>; Raydan 1997; Dai and Fletcher 2005.
    "barzilai_borwein" BarzilaiBorwein {}
}

impl Directed for BarzilaiBorwein {
    const SEARCH: &'static str = "non_monotone";
    const NEEDS: Needs = Needs { penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT };
    const SLOW: bool = true;
    fn direction(self) -> Box<dyn Direction> {
        Box::new(ByLastStep { a: None, gamma: 0.0, turn: 0 })
    }
}

/// Where F bent down over the last step, the next is so many times as long.
const LONGER: f64 = 4.0;

crate::state!(ByLastStep { a, gamma, turn });

struct ByLastStep {
    /// The length of the last step, in gradients, where it met no curvature.
    a: Option<f64>,
    gamma: f64,
    /// Steps taken.
    turn: u64,
}

impl Direction for ByLastStep {
    fn learn(&mut self, step: &StepTaken<'_>) {
        self.turn += 1;
        self.a = (!step.kept).then_some(step.a * self.gamma);
    }

    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        let (s, y) = here.pairs.newest();
        let of = |a: &[f64], b: &[f64]| match here.free {
            Some(free) => dot_over(free, a, b),
            None => dot(a, b),
        };
        let (ss, sy, yy) = (of(s, s), of(s, y), of(y, y));
        let (long, short) = (ss / sy, sy / yy);
        self.gamma = match self.a {
            Some(a) => LONGER * a,
            None if !(sy > 0.0) => return Ok(None),
            None if self.turn % 2 == 1 => short,
            None => long,
        };
        if let Some(free) = here.free {
            d.fill(0.0);
            add_over(free, -self.gamma, here.g, d);
        } else {
            scaled(-self.gamma, here.g, d);
        }
        Ok(Some(1.0))
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }

    fn forget(&mut self) {
        self.a = None;
    }
}
