//! What a function and its constraints are as one: how each constraint is measured and priced, and what that adds.
use crate::linalg::vectors::largest;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::problem::Problem;
use crate::status::Halt;
use std::ops::Range;

/// A slope that has become so many times what it was, or that part of it, is another.
const OTHER: f64 = 100.0;

/// The constraints: their limits, scales and multipliers, and what they are at the point looked at last.
#[derive(Default)]
pub(super) struct Terms {
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// One over the length of each constraint's gradient: at the start, and anew where a round ends and it is another.
    pub scale: Vec<f64>,
    pub lambda: Vec<f64>,
    pub rho: f64,
    /// c at the point looked at last, and its price there, in the constraints' own units.
    pub c: Vec<f64>,
    pub price: Vec<f64>,
    pub pulled: Vec<f64>,
    /// How large x is, where it is less than the unit of the variables.
    pub reach: f64,
}

crate::state!(Terms { low, high, scale, lambda, rho, c, price, pulled: maybe, reach });

impl Terms {
    /// What c_i misses [low_i, high_i] by at most, times what `unit` says.
    pub fn most(&self, unit: impl Fn(usize) -> f64) -> f64 {
        let one = |i: usize| {
            let c = self.c[i];
            unit(i) * (c - c.clamp(self.low[i], self.high[i])).abs()
        };
        let all = (0..self.c.len()).map(one);
        all.fold(0.0, |m: f64, v| if v.is_nan() { f64::INFINITY } else { m.max(v) })
    }
    /// One over what a constraint may be missed by in its own numbers, beside the tolerance: its limit where that is above 1,
    /// and no less than what x is known to.
    pub fn unit(&self, i: usize) -> f64 {
        let size = |limit: f64| if limit.is_finite() { limit.abs() } else { 0.0 };
        let steep = 1e-6 * self.reach / self.scale[i];
        1.0 / size(self.low[i]).max(size(self.high[i])).max(1.0).max(steep)
    }
    /// The same by the constraints' scales.
    pub fn missed(&self) -> f64 {
        self.most(|i| self.scale[i])
    }
    /// λ as the prices at c would have it, scaled.
    pub fn prices(&self) -> Vec<f64> {
        let one = |i: usize| {
            let at = self.scale[i] * self.c[i] + self.lambda[i] / self.rho;
            self.rho * (at - at.clamp(self.scale[i] * self.low[i], self.scale[i] * self.high[i]))
        };
        (0..self.c.len()).map(one).collect()
    }
    /// Where the slopes are far less steep than they were, what is missed counts by those.
    pub fn flatten(&mut self, slopes: impl Iterator<Item = f64>, x: &[f64]) {
        let far = largest(x).max(1.0);
        for (i, steepest) in slopes.enumerate() {
            let missed = (self.c[i] - self.c[i].clamp(self.low[i], self.high[i])).abs();
            if steepest * self.scale[i] < 1.0 / OTHER && steepest * far >= missed && steepest > 0.0
            {
                self.scale[i] = 1.0 / steepest;
            }
        }
    }
    /// The scales by the slopes at x, of the constraints that are at work there: one that was e^40 times as steep where the
    /// descent began would be taken as met wherever it is, and f be drowned by what its λ adds. Whether any is another.
    pub fn measure(&mut self, problem: &mut Problem<'_>, x: &[f64]) -> Result<bool, Halt> {
        let mut others = false;
        let mut by = vec![0.0; self.c.len()];
        let far = largest(x).max(1.0);
        self.pulled.resize(x.len(), 0.0);
        for i in 0..self.c.len() {
            let (c, low, high) = (self.c[i], self.low[i], self.high[i]);
            if self.lambda[i] == 0.0 && low < c && c < high {
                continue;
            }
            by[i] = 1.0;
            problem.ask(x, Rows::All, &mut [Ask::Pull { by: &by, to: &mut self.pulled }])?;
            by[i] = 0.0;
            let steepest = self.pulled.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            let times = steepest * self.scale[i];
            // As near to it as any point around, there is no slope, in whatever unit.
            if times < 1.0 && steepest * far < (c - c.clamp(low, high)).abs() {
                continue;
            }
            if (steepest.is_finite() && times > 0.0) && !(1.0 / OTHER..OTHER).contains(&times) {
                self.lambda[i] *= times;
                self.scale[i] = 1.0 / steepest;
                others = true;
            }
        }
        Ok(others)
    }
}

/// The objective and what its constraints are missed by, as one.
pub(super) struct Lagrangian<'a> {
    pub inner: &'a mut dyn Objective,
    pub terms: &'a mut Terms,
    /// What f is divided by.
    pub unit: f64,
    /// What is added, so that its value is measured by what f has come by where little of it is left.
    pub raised: f64,
}

impl Objective for Lagrangian<'_> {
    fn offers(&self) -> Offers {
        let of = self.inner.offers();
        Offers {
            values_are_cheap: of.values_are_cheap,
            differences: of.differences,
            reads: of.reads,
            scalable: of.scalable,
            ..Offers::gradients(of.dim)
        }
    }
    fn wrapped(&self) -> Option<&dyn Objective> {
        Some(self.inner)
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        Some(self.inner)
    }
    fn blocks(&self) -> Vec<Range<usize>> {
        // What the constraints cost is not least where f is.
        Vec::new()
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let Lagrangian { inner, terms, unit, raised } = self;
        let Sorted { value, gradient, others } = Sorted::of(asks);
        for ask in others {
            match ask {
                Ask::Sharpen { .. } => inner.answer(x, rows, &mut [ask.again()], work)?,
                Ask::Accuracy { value, gradient } => {
                    let asks = &mut [Ask::Accuracy { value, gradient }];
                    inner.answer(x, rows, asks, work)?;
                    **value /= *unit;
                    gradient.iter_mut().for_each(|g| *g /= *unit);
                }
                other => other.unknown()?,
            }
        }
        if value.is_none() && gradient.is_none() {
            return Ok(());
        }
        let mut c = std::mem::take(&mut terms.c);
        let mut own = f64::NAN;
        let mut there = Vec::with_capacity(3);
        if value.is_some() {
            there.push(Ask::Value(&mut own));
        }
        let wanted = gradient.is_some();
        let gradient = match gradient {
            Some(to) => to,
            None => &mut [][..],
        };
        if wanted {
            there.push(Ask::Gradient(&mut *gradient));
        }
        there.push(Ask::Constraints(&mut c));
        let done = inner.answer(x, rows, &mut there, work);
        drop(there);
        terms.c = c;
        done?;
        let prices = terms.prices();
        if let Some(to) = value {
            *to =
                own / *unit + *raised + 0.5 * prices.iter().map(|u| u * u).sum::<f64>() / terms.rho;
        }
        if wanted {
            terms.price.clear();
            terms.price.extend(prices.iter().zip(&terms.scale).map(|(u, s)| u * s));
            terms.pulled.resize(x.len(), 0.0);
            let Terms { price, pulled, .. } = &mut **terms;
            inner.answer(x, rows, &mut [Ask::Pull { by: price, to: pulled }], work)?;
            gradient.iter_mut().zip(&*pulled).for_each(|(g, p)| *g = *g / *unit + p);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::tests::{Whole, keeps};

    #[test]
    fn what_is_around_an_objective_loses_nothing_of_it() {
        let mut terms = Terms {
            low: vec![0.0; 2],
            high: vec![1.0; 2],
            scale: vec![1.0; 2],
            lambda: vec![0.0; 2],
            c: vec![0.0; 2],
            rho: 1.0,
            ..Terms::default()
        };
        let mut inner = Whole::default();
        keeps(&mut Lagrangian { inner: &mut inner, terms: &mut terms, unit: 1.0, raised: 0.0 });
    }
}
