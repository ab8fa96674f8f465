//! Sums of losses of residuals: least squares, and what bounds the pull of outliers.
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::state::{Bad, State, Visitor};
use crate::status::Halt;

/// Residuals r(x), and their derivatives.
pub trait Residuals {
    /// Variables.
    fn dim(&self) -> usize;
    /// Residuals.
    fn count(&self) -> usize;
    /// r(x).
    fn residuals(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt>;
    /// The derivatives at the point whose residuals were asked for last, a row for each; how many further evaluations
    /// of r that took.
    fn jacobian(&mut self, x: &[f64], to: &mut [f64]) -> Result<u64, Halt>;
    /// Σ ψ(r_i), and ψ′ and ψ″ at each: half the sum of squares unless it is written otherwise. ψ is least at 0.
    fn price(&mut self, r: &[f64], slope: &mut [f64], bend: &mut [f64]) -> Result<f64, Halt> {
        slope.copy_from_slice(r);
        bend.fill(1.0);
        Ok(half_square(r))
    }
    /// Evaluations of r that the derivatives take: 0 unless they are differenced.
    fn differences(&self) -> u64 {
        0
    }
    /// Makes the derivatives more exact from here on, where that can be had; whether it could.
    fn sharpen(&mut self) -> Result<bool, Halt> {
        Ok(false)
    }
    /// What it remembers between answers, where later ones depend on it; for runs that are stopped and go on.
    fn state(&mut self) -> Option<&mut dyn State> {
        None
    }
}

/// F(x) = Σ_i ψ(r_i(x)) as an objective.
///
/// ```
/// use steepest::{objective::Objective, residuals::{Residuals, SumOfSquares}, status::Halt};
/// struct Rosenbrock;
/// impl Residuals for Rosenbrock {
///     fn dim(&self) -> usize { 2 }
///     fn count(&self) -> usize { 2 }
///     fn residuals(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
///         to.copy_from_slice(&[10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]]);
///         Ok(())
///     }
///     fn jacobian(&mut self, x: &[f64], to: &mut [f64]) -> Result<u64, Halt> {
///         to.copy_from_slice(&[-20.0 * x[0], 10.0, -1.0, 0.0]);
///         Ok(0)
///     }
/// }
/// let mut squares = SumOfSquares::of(Rosenbrock);
/// assert!((squares.value(&[-1.2, 1.0]).unwrap() - 12.1).abs() < 1e-12);
/// ```
pub struct SumOfSquares<R> {
    inner: R,
    /// The residuals at the last point, its losses' derivatives, and the derivatives of the residuals.
    r: Vec<f64>,
    slope: Vec<f64>,
    bend: Vec<f64>,
    jacobian: Vec<f64>,
}

impl<R: Residuals> SumOfSquares<R> {
    /// The sum that these residuals make.
    pub fn of(inner: R) -> Self {
        let row = vec![0.0; inner.count()];
        SumOfSquares { inner, slope: row.clone(), bend: row.clone(), r: row, jacobian: Vec::new() }
    }
    /// What gives the residuals.
    pub fn inner(&mut self) -> &mut R {
        &mut self.inner
    }
}

fn half_square(r: &[f64]) -> f64 {
    0.5 * r.iter().map(|r| r * r).sum::<f64>()
}

impl<R: Residuals> State for SumOfSquares<R> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let SumOfSquares { inner, r, slope, bend, .. } = self;
        let count = [inner.count()];
        v.long("r", r, &count)?;
        v.long("slope", slope, &count)?;
        v.long("bend", bend, &count)?;
        inner.state().map_or(Ok(()), |state| v.field("residuals", state))
    }
}

impl<R: Residuals> Objective for SumOfSquares<R> {
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn offers(&self) -> Offers {
        Offers {
            residuals: self.inner.count(),
            differences: self.inner.differences(),
            ..Offers::gradients(self.inner.dim())
        }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let n = x.len();
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() {
            let SumOfSquares { inner, r, slope, bend, .. } = self;
            inner.residuals(x, r)?;
            let found = inner.price(r, slope, bend)?;
            value.into_iter().for_each(|to| *to = found);
        }
        if let Some(to) = gradient {
            let SumOfSquares { inner, jacobian, slope, r, .. } = self;
            jacobian.resize(r.len() * n, 0.0);
            work.values += inner.jacobian(x, jacobian)?;
            to.fill(0.0);
            for (row, s) in jacobian.chunks_exact(n).zip(slope) {
                to.iter_mut().zip(row).for_each(|(to, j)| *to += *s * j);
            }
        }
        for ask in others {
            match ask {
                Ask::Residuals { to, slope, bend } => {
                    to.copy_from_slice(&self.r);
                    slope.copy_from_slice(&self.slope);
                    bend.copy_from_slice(&self.bend);
                }
                Ask::Jacobian(to) => work.values += self.inner.jacobian(x, to)?,
                Ask::Sharpen { louder, done } => **done = !*louder && self.inner.sharpen()?,
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}
