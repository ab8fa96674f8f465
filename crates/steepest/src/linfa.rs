//! The linear models where linfa's are: its `Fit` and `Predict`, with its datasets.
//!
//! ```
//! use linfa::prelude::*;
//! use linfa_ndarray::array;
//! use steepest::{linear::Ridge, linfa::ForLinfa};
//! let train = Dataset::new(array![[0.0], [1.0], [2.0]], array![0.0, 1.0, 2.0]);
//! let model = ForLinfa(Ridge::default()).fit(&train).unwrap();
//! assert!((model.predict(&array![[3.0]])[0] - 7.0 / 3.0).abs() < 1e-6);
//! ```
use crate::designs::dense::Dense;
use crate::linear::{
    ElasticNet, Failure, FittedClasses, FittedLinear, Lasso, LinearRegression, LogisticRegression,
    Observations, Ridge,
};
use linfa::dataset::{AsSingleTargets, DatasetBase};
use linfa::traits::{Fit, PredictInplace};
use linfa_ndarray::{Array1, ArrayBase, Data, Ix2};
use std::fmt;

/// One of `steepest`'s models, or what has been fitted of it, as linfa calls it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForLinfa<M>(pub M);

/// What a fit was refused for.
#[derive(Debug)]
pub struct Error(Failure);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl std::error::Error for Error {}
impl From<linfa::Error> for Error {
    fn from(error: linfa::Error) -> Self {
        Error(error.into())
    }
}

/// The weights of a dataset; linfa keeps them in single precision, and none where there are none.
fn weights<R, T>(dataset: &DatasetBase<R, T>) -> Option<Vec<f64>>
where
    R: linfa::dataset::Records,
{
    dataset.weights().map(|w| w.iter().map(|w| f64::from(*w)).collect())
}

/// A matrix as a table where it lies, or a copy of one that lies in pieces.
fn with_table<D: Data<Elem = f64>, A>(
    x: &ArrayBase<D, Ix2>,
    then: impl FnOnce(&Dense<'_, f64>) -> Result<A, Failure>,
) -> Result<A, Failure> {
    match Dense::try_from(x) {
        Ok(table) => then(&table),
        Err(_) => then(&Dense::try_from(&x.as_standard_layout())?),
    }
}

macro_rules! regressions {
    ($($model:ident),*) => {$(
        impl<D: Data<Elem = f64>, T: AsSingleTargets<Elem = f64>> Fit<ArrayBase<D, Ix2>, T, Error>
            for ForLinfa<$model>
        {
            type Object = ForLinfa<FittedLinear>;
            fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object, Error> {
                let target = dataset.as_single_targets().to_vec();
                let weight = weights(dataset);
                let fitted = with_table(dataset.records(), |design| {
                    let weight = weight.as_deref();
                    self.0.fit(&Observations { weight, ..Observations::new(design, &target) })
                });
                fitted.map(ForLinfa).map_err(Error)
            }
        }
    )*};
}
regressions!(LinearRegression, Ridge, Lasso, ElasticNet);

impl<C: Ord + Clone, D: Data<Elem = f64>, T: AsSingleTargets<Elem = C>>
    Fit<ArrayBase<D, Ix2>, T, Error> for ForLinfa<LogisticRegression>
{
    type Object = ForLinfa<FittedClasses<C>>;
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object, Error> {
        let labels = dataset.as_single_targets().to_vec();
        let weight = weights(dataset);
        let fitted = with_table(dataset.records(), |design| {
            self.0.fit_weighted(design, &labels, weight.as_deref())
        });
        fitted.map(ForLinfa).map_err(Error)
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>>
    for ForLinfa<FittedLinear>
{
    /// # Panics
    ///
    /// Where X has other columns than the table that was fitted: linfa's predictions know no refusal.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<f64>) {
        let found = with_table(x, |table| self.0.predict(table));
        *y = Array1::from_vec(found.unwrap_or_else(|why| panic!("{why}")));
    }
    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(x.nrows())
    }
}

impl<C: Clone, D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<C>>
    for ForLinfa<FittedClasses<C>>
{
    /// # Panics
    ///
    /// Where X has other columns than the table that was fitted: linfa's predictions know no refusal.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<C>) {
        let found = with_table(x, |table| self.0.predict(table));
        *y = found.unwrap_or_else(|why| panic!("{why}")).into_iter().cloned().collect();
    }
    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<C> {
        Array1::from_elem(x.nrows(), self.0.classes[0].clone())
    }
}
