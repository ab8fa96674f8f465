//! A function of which only values are known, as an objective.
use super::{Differences, Length, Scheme};
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::status::Halt;

/// A function of which only values are known, as an objective: its gradients are differences.
///
/// ```
/// use steepest::differences::{Differenced, Length, Scheme};
/// use steepest::objective::{Ask, Objective};
/// let mut f = Differenced::new(2, |x: &[f64]| (x[0] - 1.0).powi(2) + 1e6 * x[1] * x[1]);
/// let (mut g, mut noise) = ([0.0; 2], [0.0; 2]);
/// f.gradient(&[3.0, 0.5], &mut g).unwrap();
/// f.asked(&[3.0, 0.5], &mut [Ask::Accuracy { value: &mut 0.0, gradient: &mut noise }]).unwrap();
/// assert!((g[0] - 4.0).abs() < 4.0 * noise[0] && noise[0] < 1e-3 * g[0]);
/// ```
pub struct Differenced<V> {
    function: V,
    differences: Differences,
    /// Where the value was asked for last, and what it was: differences start from it.
    at: Vec<f64>,
    value: f64,
}

impl<V: FnMut(&[f64]) -> f64> Differenced<V> {
    /// f of n variables, its steps found by its noise.
    pub fn new(n: usize, function: V) -> Self {
        Self::by(function, Differences::new(n, Scheme::Auto, Length::Found, None))
    }
    /// f, by differences as they are given.
    pub fn by(function: V, differences: Differences) -> Self {
        Differenced { function, differences, at: Vec::new(), value: f64::NAN }
    }
}

impl<V: FnMut(&[f64]) -> f64> Objective for Differenced<V> {
    fn offers(&self) -> Offers {
        let n = self.differences.seen.len();
        Offers { differences: self.differences.least(), ..Offers::gradients(n) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() || (gradient.is_some() && self.at != x) {
            work.values += u64::from(value.is_none());
            self.value = (self.function)(x);
            self.at.clear();
            self.at.extend_from_slice(x);
        }
        if let Some(to) = value {
            *to = self.value;
        }
        if let Some(to) = gradient {
            let function = &mut self.function;
            let mut values = |x: &[f64]| Ok::<f64, Halt>(function(x));
            self.differences.gradient(x, self.value, &mut values, to)?;
            work.values += self.differences.spent();
            work.lowest = self.differences.lowest(x);
        }
        for ask in others {
            match ask {
                Ask::Accuracy { value, gradient } => **value = self.differences.accuracy(gradient),
                Ask::Sharpen { louder, done } => **done = self.differences.sharpen(*louder),
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}
