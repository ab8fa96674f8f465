//! The usual models by their names, with scikit-learn's parameters, defaults and optima. Where several coefficients are equally
//! good (dependent columns without a penalty) it is one of them, not that of least norm.
use super::model::likeliest;
use super::{Failure, FittedLinear, How, Label, Linear, Observations};
use crate::design::Design;
use crate::refusal::{self, Refusal};
use crate::settings::Spec;
use crate::watch::Stop;
use std::collections::BTreeSet;
use std::path::Path;

/// Until that much is proved.
fn until(tolerance: f64) -> Stop {
    Stop { tolerance, ..Stop::default() }
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

/// Absolute values and squares.
fn mixed(l1_ratio: f64) -> Spec {
    ("elastic_net".to_owned(), vec![("ratio".to_owned(), l1_ratio)])
}

/// Declares models of half the mean squared error: their own fields, and by these and the
/// sum of the weights the penalty and alpha.
macro_rules! regressions {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $pdoc:literal])* $p:ident = $default:literal),* }
       => $held:expr;)*) => {$(
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
                let held: fn(&Self, f64) -> (Spec, f64) = $held;
                let (penalty, alpha) = held(self, total(rows)?);
                let model = Linear { penalty, alpha, intercept: self.intercept, ..Linear::of("squared") };
                model.fit(rows, How { stop: until(self.tolerance), ..How::default() })
            }
        }
    )*};
}
regressions! {
    /// Least squares: Σ weight (y − x′w − b)² is least.
    LinearRegression {} => |_, _| (plain("l2"), 0.0);
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
    } => |model, total| (plain("l2"), model.alpha / total);
    /// Least squares with few columns in use: Σ weight (y − x′w − b)² / (2 Σ weight) + alpha ‖w‖₁ is least.
    Lasso {
        /// The strength of the penalty.
        alpha = 1.0
    } => |model, _| (plain("l1"), model.alpha);
    /// Between the lasso and ridge: the mean of ½ (y − x′w − b)², and
    /// alpha (l1_ratio ‖w‖₁ + ½ (1 − l1_ratio) ‖w‖²).
    ElasticNet {
        /// The strength of the penalty.
        alpha = 1.0,
        /// The share of the absolute values.
        l1_ratio = 0.5
    } => |model, _| (mixed(model.l1_ratio), model.alpha);
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
        let classes: Vec<T> = BTreeSet::from_iter(labels).into_iter().cloned().collect();
        let k = classes.len();
        if k < 2 {
            let why = format!("labels of at least two classes are needed; got {k}");
            return Err(Refusal::of("y", why).into());
        }
        let place = |label: &T| classes.binary_search(label).expect("is among them") as f64;
        let target: Vec<f64> = labels.iter().map(place).collect();
        let rows = Observations { weight, ..Observations::new(design, &target) };
        let model = Linear {
            outputs: if k == 2 { 1 } else { k },
            penalty: if self.l1_ratio == 0.0 { plain("l2") } else { mixed(self.l1_ratio) },
            alpha: 1.0 / (self.c * total(&rows)?),
            intercept: self.intercept,
            ..Linear::of(if k == 2 { "logistic" } else { "softmax" })
        };
        let fitted = model.fit(&rows, How { stop: until(self.tolerance), ..How::default() })?;
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
        Ok(likeliest(&margins, self.fitted.outputs()).map(|best| &self.classes[best]).collect())
    }

    /// Writes it to a file, its classes with it: see [`LinearModel::save`](super::LinearModel::save).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Failure>
    where
        for<'a> Label: From<&'a T>,
    {
        self.fitted.saved(path.as_ref(), &self.classes.iter().map(Label::from).collect::<Vec<_>>())
    }
}
