//! The usual models by their names, with scikit-learn's parameters, defaults and optima.
use super::{Failure, FittedLinear, How, Linear, Observations};
use crate::design::Design;
use crate::refusal::{self, Refusal};
use crate::settings::Spec;
use crate::watch::Stop;

/// Fits half the mean squared error under a penalty.
fn squares(
    rows: &Observations<'_>,
    penalty: Spec,
    alpha: f64,
    intercept: bool,
    tolerance: f64,
) -> Result<FittedLinear, Failure> {
    let model = Linear { penalty, alpha, intercept, ..Linear::of("squared") };
    model.fit(rows, How { stop: Stop { tolerance, ..Stop::default() }, ..How::default() })
}

/// The sum of the weights, or the number of rows.
fn total(rows: &Observations<'_>) -> Result<f64, Refusal> {
    match rows.weight {
        Some(weight) => refusal::weights("sample_weight", weight),
        None => Ok(rows.target.len() as f64),
    }
}

fn plain(name: &str) -> Spec {
    (name.to_owned(), Vec::new())
}

/// Declares models of half the mean squared error: their own fields, and alpha and penalty by them.
macro_rules! regressions {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $pdoc:literal])* $p:ident = $default:literal),* }
       ($self:ident, $total:ident) => $alpha:expr, $penalty:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $pdoc])* pub $p: f64,)*
            /// Whether there is an intercept; nothing holds it.
            pub intercept: bool,
            /// What is asked of the proof: no model of this kind has a loss lower by more than this part of it.
            pub tolerance: f64,
        }
        impl Default for $name {
            fn default() -> Self {
                Self { $($p: $default,)* intercept: true, tolerance: 1e-6 }
            }
        }
        impl $name {
            /// Fits it; rows may have weights and offsets.
            pub fn fit(&self, rows: &Observations<'_>) -> Result<FittedLinear, Failure> {
                let ($self, $total) = (self, total(rows)?);
                let _ = ($self, $total);
                squares(rows, $penalty, $alpha, self.intercept, self.tolerance)
            }
        }
    )*};
}
regressions! {
    /// Least squares: Σ weight (y − x′w − b)² is least.
    LinearRegression {} (m, total) => 0.0, plain("l2");
    /// Least squares with a penalty on large coefficients: Σ weight (y − x′w − b)² + alpha ‖w‖² is least.
    ///
    /// ```
    /// use steepest::{designs::dense::Dense, linear::{Ridge, Observations}};
    /// let design = Dense::by_rows(&[0.0, 1.0, 2.0], 1).unwrap();
    /// let fitted = Ridge::default().fit(&Observations::new(&design, &[0.0, 1.0, 2.0])).unwrap();
    /// assert!((fitted.coefficients[0] - 2.0 / 3.0).abs() < 1e-6);
    /// ```
    Ridge {
        /// The strength of the penalty.
        alpha = 1.0
    } (m, total) => m.alpha / total, plain("l2");
    /// Least squares with few columns in use: Σ weight (y − x′w − b)² / (2 Σ weight) + alpha ‖w‖₁ is least.
    Lasso {
        /// The strength of the penalty.
        alpha = 1.0
    } (m, total) => m.alpha, plain("l1");
    /// Between the lasso and ridge: the mean of ½ (y − x′w − b)², and
    /// alpha (l1_ratio ‖w‖₁ + ½ (1 − l1_ratio) ‖w‖²).
    ElasticNet {
        /// The strength of the penalty.
        alpha = 1.0,
        /// The share of the absolute values.
        l1_ratio = 0.5
    } (m, total) => m.alpha, ("elastic_net".to_owned(), vec![("ratio".to_owned(), m.l1_ratio)]);
}

/// Logistic regression, of two classes or of several at once: the sum of the log-losses times C, and
/// l1_ratio ‖w‖₁ + ½ (1 − l1_ratio) ‖w‖², is least.
///
/// ```
/// use steepest::{designs::dense::Dense, linear::LogisticRegression};
/// let x = [0.5, 1.0, 1.5, 2.5, 3.0, 4.0];
/// let design = Dense::by_rows(&x, 1).unwrap();
/// let model = LogisticRegression::default().fit(&design, &["no", "no", "yes", "no", "yes", "yes"]).unwrap();
/// assert_eq!(model.predict(&design).unwrap()[5], &"yes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticRegression {
    /// How much the losses count beside the penalty: the less, the smaller the coefficients.
    pub c: f64,
    /// The share of the absolute values in the penalty.
    pub l1_ratio: f64,
    /// Whether there are intercepts; nothing holds them.
    pub intercept: bool,
    /// What is asked of the proof: no model of this kind has a loss lower by more than this part of it.
    pub tolerance: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        LogisticRegression { c: 1.0, l1_ratio: 0.0, intercept: true, tolerance: 1e-6 }
    }
}

impl LogisticRegression {
    /// Fits it to labels of any kind that has an order.
    pub fn fit<T: Ord + Clone>(
        &self,
        design: &dyn Design,
        labels: &[T],
    ) -> Result<FittedClasses<T>, Failure> {
        self.fit_weighted(design, labels, None)
    }

    /// The same where rows have weights.
    pub fn fit_weighted<T: Ord + Clone>(
        &self,
        design: &dyn Design,
        labels: &[T],
        weight: Option<&[f64]>,
    ) -> Result<FittedClasses<T>, Failure> {
        if !(self.c > 0.0 && self.c.is_finite()) {
            let why = format!("C must be above 0 and finite; got {}", self.c);
            return Err(Refusal::of("C", why).into());
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let k = classes.len();
        if k < 2 {
            let why = format!("labels of at least two classes are needed; got {k}");
            return Err(Refusal::of("y", why).into());
        }
        let place = |label: &T| classes.binary_search(label).expect("is among them") as f64;
        let target: Vec<f64> = labels.iter().map(place).collect();
        let rows = Observations { weight, ..Observations::new(design, &target) };
        let mixed = || ("elastic_net".to_owned(), vec![("ratio".to_owned(), self.l1_ratio)]);
        let model = Linear {
            outputs: if k == 2 { 1 } else { k },
            penalty: if self.l1_ratio == 0.0 { plain("l2") } else { mixed() },
            alpha: 1.0 / (self.c * total(&rows)?),
            intercept: self.intercept,
            ..Linear::of(if k == 2 { "logistic" } else { "softmax" })
        };
        let stop = Stop { tolerance: self.tolerance, ..Stop::default() };
        let fitted = model.fit(&rows, How { stop, ..How::default() })?;
        Ok(FittedClasses { classes, fitted })
    }
}

/// A model of classes that was fitted.
pub struct FittedClasses<T> {
    /// The classes, in order.
    pub classes: Vec<T>,
    /// Their coefficients, and how the descent went; of two classes the margins are those of the second.
    pub fitted: FittedLinear,
}

impl<T> FittedClasses<T> {
    /// The probability of each class in each row, those of a row side by side.
    pub fn probabilities(&self, design: &dyn Design) -> Result<Vec<f64>, Failure> {
        let means = self.fitted.predict(design)?;
        if self.classes.len() > 2 {
            return Ok(means);
        }
        Ok(means.into_iter().flat_map(|p| [1.0 - p, p]).collect())
    }

    /// The likeliest class of each row.
    pub fn predict(&self, design: &dyn Design) -> Result<Vec<&T>, Failure> {
        let margins = self.fitted.margins(design)?;
        let k = self.fitted.outputs();
        if k == 1 {
            return Ok(margins.iter().map(|m| &self.classes[usize::from(*m > 0.0)]).collect());
        }
        let likeliest = |row: &[f64]| {
            let first = |best: usize, j: usize| if row[j] > row[best] { j } else { best };
            &self.classes[(1..k).fold(0, first)]
        };
        Ok(margins.chunks_exact(k).map(likeliest).collect())
    }
}
