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

macro_rules! regressions {
    ($($model:ident),*) => {$(
        impl<D: Data<Elem = f64>, T: AsSingleTargets<Elem = f64>> Fit<ArrayBase<D, Ix2>, T, Error>
            for ForLinfa<$model>
        {
            type Object = ForLinfa<FittedLinear>;
            fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object, Error> {
                let target = dataset.as_single_targets().to_vec();
                let weight = weights(dataset);
                let design = Dense::try_from(dataset.records()).map_err(|why| Error(why.into()))?;
                let rows = Observations { weight: weight.as_deref(), ..Observations::new(&design, &target) };
                self.0.fit(&rows).map(ForLinfa).map_err(Error)
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
        let design = Dense::try_from(dataset.records()).map_err(|why| Error(why.into()))?;
        let fitted = self.0.fit_weighted(&design, &labels, weight.as_deref());
        fitted.map(ForLinfa).map_err(Error)
    }
}

/// linfa's predictions know no refusal: what does not fit is a mistake of the caller's.
fn table<D: Data<Elem = f64>>(x: &ArrayBase<D, Ix2>) -> Dense<'_, f64> {
    Dense::try_from(x).unwrap_or_else(|why| panic!("{why}"))
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>>
    for ForLinfa<FittedLinear>
{
    /// # Panics
    ///
    /// Where X has other columns than the table that was fitted, or does not lie in one piece.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<f64>) {
        let found = self.0.predict(&table(x)).unwrap_or_else(|why| panic!("{why}"));
        *y = Array1::from_vec(found);
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
    /// Where X has other columns than the table that was fitted, or does not lie in one piece.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<C>) {
        let found = self.0.predict(&table(x)).unwrap_or_else(|why| panic!("{why}"));
        *y = found.into_iter().cloned().collect();
    }
    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<C> {
        Array1::from_elem(x.nrows(), self.0.classes[0].clone())
    }
}
