//! L-BFGS, for smooth functions of any size.
use crate::linalg::vectors::{Aligned, largest};
use crate::method::{Entry, Needs, Suit, Takes};
use crate::methods::directed::Row;
use crate::methods::direction::{Directed, Direction, Iterate};
use crate::methods::pairs::within;
use crate::objective::{Ask, Rows};
use crate::problem::Facts;
use crate::status::Halt;

crate::settings! {
    /// L-BFGS: quasi-Newton steps from the last `memory` changes of the gradient; where there are bounds to the least
    /// value of their quadratic model within them. A line search by approximate Wolfe conditions.
    ///
    /// d = −H g, x ← P(x + a d); within bounds d = argmin g'd + ½ d'Bd over low ≤ x + d ≤ high, B = H⁻¹. Convergence is claimed only where the decrease that the next step predicts, by H
    /// and by its diagonal alone, and the decrease over the last ten steps are all small. Variables whose sizes at
    /// the start lie far apart are measured in units of their own.
    ///
    /// Where the function offers a preconditioner (the potentials of `energy` do: what near pairs resist), H is that and
    /// the three newest pairs, and no variable is moved further at first than the preconditioner holds.
    ///
    /// Nocedal 1980; Liu and Nocedal 1989; Hager and Zhang 2005; Byrd, Lu, Nocedal and Zhu 1995 (bounds); Packwood et al. 2016
    /// (preconditioners of atoms).
    "lbfgs" Lbfgs {
        /// Pairs of steps and changes of the gradient that are remembered; all of them where there are no more variables.
        memory = 30 in 1 => 1000,
    }
}

/// Its row among the methods.
pub const ENTRY: Entry = Row::<Lbfgs>::ENTRY;

impl Directed for Lbfgs {
    const SEARCH: &'static str = "approximate_wolfe";
    const NEEDS: Needs = Needs { penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT };
    const PREDICTS: bool = true;
    const BY_PAIRS: bool = true;
    const WITHIN: bool = true;
    const PRECONDITIONED: bool = true;
    fn memory(&self) -> usize {
        self.memory as usize
    }
    fn direction(self) -> Box<dyn Direction> {
        Box::new(ByPairs::default())
    }
    fn suits(_: &Facts) -> Option<Suit> {
        Some(Suit {
            passes: 60.0,
            reason: "the function is smooth, and L-BFGS needs nothing but its values and gradients"
                .into(),
        })
    }
}

/// So many of the newest pairs count beside a preconditioner, which knows of what is further back itself.
const NEWEST: usize = 3;

/// All that it knows are the pairs, and the preconditioner that is offered.
#[derive(Default)]
struct ByPairs {
    room: Aligned,
}

impl Direction for ByPairs {
    fn begin(&mut self, n: usize) -> Result<(), Halt> {
        self.room = Aligned::zeros(n);
        Ok(())
    }
    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        if here.ends.is_none() && here.problem.offers().preconditioner {
            let Iterate { problem, x, g, pairs, .. } = here;
            let (mut reach, n) = (0.0, pairs.dim());
            let found = pairs.direction_from(NEWEST, g, [d, &mut self.room], |of, to| {
                let reach = &mut reach;
                let asks = &mut [Ask::Preconditioned { of, to, reach: &mut *reach }];
                problem.ask(&x[..n], Rows::All, asks)?;
                Ok::<_, Halt>(*reach > 0.0)
            })?;
            let long = largest(d);
            if found && long.is_finite() {
                return Ok(Some(if long > reach { reach / long } else { 1.0 }));
            }
        }
        if here.pairs.is_empty() {
            return Ok(None);
        }
        let known = match here.ends {
            Some(ends) => {
                let free = here.free.is_none_or(|f| f[..ends[0].len()].iter().all(|f| *f == 1.0));
                within::down(here.pairs, here.x, here.g, ends, free, d)
            }
            None => here.pairs.down(here.free, here.g, d),
        };
        Ok(known.then_some(1.0))
    }
}
