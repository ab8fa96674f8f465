//! Nonlinear conjugate gradients.
use crate::linalg::vectors::{Aligned, ahead, dot, minus};
use crate::methods::direction::{Directed, Direction, Iterate, StepTaken};
use crate::state::State;
use crate::status::Halt;

/// How much of the last direction is kept.
const BETAS: &[&str] = &["polak_ribiere", "hager_zhang"];

crate::settings! {
    /// Nonlinear conjugate gradients, d ← −g + β d: the last direction is kept as far as it does not spoil what it gained.
    ///
    /// Polak and Ribière's β = max(g'y / ‖g before‖², 0) starts anew by itself where a step went wrong; Hager and Zhang's,
    /// (y − 2 d ‖y‖² / d'y)'g / d'y, no less than −1 / (‖d‖ min(0.01, ‖g‖)), leads down whatever the search. Memory for a few vectors, and nothing else:
    /// `lbfgs` takes fewer gradients where a few more vectors fit.
    ///
    /// Hager and Zhang 2006, <https://doi.org/10.1145/1132973.1132979>; Nocedal and Wright 2006, section 5.2.
    "nonlinear_cg" NonlinearCg {
        /// How much of the last direction is kept.
        beta = 0 in 0 => 1; BETAS,
    }
}

impl Directed for NonlinearCg {
    const SEARCH: &'static str = "more_thuente";
    const FLAT: Option<f64> = Some(0.1);
    fn direction(self) -> Box<dyn Direction> {
        Box::new(Conjugate { textbook: self.beta == 0.0, last: None })
    }
}

crate::state!(Conjugate { last } but textbook);
crate::state!(Last { d, y, fall, gg });

struct Conjugate {
    textbook: bool,
    last: Option<Last>,
}

/// The last step.
#[derive(Default)]
struct Last {
    d: Aligned,
    /// The change of the gradient over it.
    y: Aligned,
    /// Its slope where it began, times its length: what the next one's is held against.
    fall: f64,
    /// ‖g‖² where it began.
    gg: f64,
}

impl Direction for Conjugate {
    fn learn(&mut self, step: &StepTaken<'_>) {
        let [mut d, mut y] = [0; 2].map(|_| Aligned::zeros(step.d.len()));
        d.copy_from_slice(step.d);
        minus(step.g[1], step.g[0], &mut y);
        let gg = dot(step.g[0], step.g[0]);
        self.last = Some(Last { d, y, fall: step.a * step.slope, gg });
    }

    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        let (Some(last), g) = (&self.last, here.g) else { return Ok(None) };
        let y = &last.y;
        let (gy, dy) = (dot(g, y), dot(&last.d, y));
        let beta = if self.textbook {
            (gy / last.gg).max(0.0)
        } else {
            let least = -1.0 / (dot(&last.d, &last.d).sqrt() * dot(g, g).sqrt().min(0.01));
            ((gy - 2.0 * dot(y, y) * dot(&last.d, g) / dy) / dy).max(least)
        };
        ahead(g, -beta, &last.d, d);
        d.iter_mut().for_each(|d| *d = -*d);
        // As far as the last step's fall, were this slope as steep as that: exact where F is quadratic and well scaled.
        let length = last.fall / dot(g, d);
        Ok((length > 0.0 && length.is_finite()).then_some(length))
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }

    fn forget(&mut self) {
        self.last = None;
    }
}
