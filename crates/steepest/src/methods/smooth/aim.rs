//! Which way it goes next: the direction over what is free, else down the slopes.
use super::Run;
use crate::linalg::vectors::{self, dot};
use crate::methods::direction::Iterate;
use crate::methods::standing::Standing;
use crate::problem::Problem;
use crate::status::Halt;

impl Run {
    /// Finds the direction; false where no direction leads down.
    pub(super) fn aim(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let offered = self.set.preconditioned && problem.offers().preconditioner;
        let mut begins = offered && self.at.bounds.is_none();
        loop {
            let mut led = false;
            if begins || !self.pairs.is_empty() {
                led = self.direct(problem)?;
                if !led {
                    self.forget();
                }
            }
            if !led {
                self.plain();
            }
            self.slope = dot(&self.at.g, &self.at.d);
            if self.slope < 0.0 && self.slope.is_finite() {
                return Ok(true);
            }
            if !led {
                return Ok(false);
            }
            // What the preconditioner alone leads to is tried once, then the slope.
            begins &= !self.pairs.is_empty();
            self.forget();
        }
    }

    /// d = −a g over the free coordinates.
    fn plain(&mut self) {
        let Standing { x, g, d, bounds, .. } = &mut self.at;
        if let Some(b) = bounds {
            b.release(x, g);
            d.fill(0.0);
            vectors::add_over(&b.free, -1.0, g, d);
        } else {
            vectors::scaled(-1.0, g, d);
        }
        if let (Some(b), None) = (bounds, self.gamma) {
            b.chord(x, d);
            if b.boxes(x, d) {
                // The box is all that is known of how far to go.
                self.length = 1.0;
                return;
            }
        }
        let a = self.gamma.unwrap_or_else(|| (1.0 / dot(d, d).sqrt()).min(1.0));
        d.iter_mut().for_each(|d| *d *= a);
        self.length = 1.0;
    }

    /// The direction over the free coordinates, none of which is pushed out of its bounds; false where there is none.
    fn direct(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let Standing { x, g, d, bounds, .. } = &mut self.at;
        let pairs = &mut self.pairs;
        let Some(b) = bounds else {
            let mut here = Iterate { problem, x, g, pairs, free: None, ends: None };
            let length = self.direction.towards(&mut here, d)?;
            self.length = length.unwrap_or(1.0);
            return Ok(length.is_some());
        };
        b.release(x, g);
        if self.set.within {
            let (free, ends) = (Some(&*b.free), Some(b.ends()));
            let length =
                self.direction.towards(&mut Iterate { problem, x, g, pairs, free, ends }, d)?;
            self.length = length.unwrap_or(1.0);
            return Ok(length.is_some());
        }
        for _ in 0..10 {
            let free = (!b.all_free()).then_some(&*b.free);
            match self
                .direction
                .towards(&mut Iterate { problem, x, g, pairs, free, ends: None }, d)?
            {
                Some(length) => self.length = length,
                None => return Ok(false),
            }
            if b.hold(x, d) == 0 {
                return Ok(true);
            }
        }
        for (d, free) in d.iter_mut().zip(&*b.free) {
            *d *= free;
        }
        Ok(true)
    }
}
