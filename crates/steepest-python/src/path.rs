//! Linear models along the weights of a penalty, in one crossing.
use crate::arrays::{Table, column};
use crate::enter::{enter, guarded};
use crate::fit::{Limits, Model, in_names, told};
use crate::watch::Watcher;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::linear::{Failure, How, Observations};
use steepest::parallel::pool::with_threads;

/// The arrays as they came, which are of these rows.
struct Given<'a, 'py> {
    table: &'a Bound<'py, PyAny>,
    target: &'a Bound<'py, PyAny>,
    weight: Option<&'a Bound<'py, PyAny>>,
    offset: Option<&'a Bound<'py, PyAny>>,
    names: Option<Vec<String>>,
    threads: usize,
}

impl Given<'_, '_> {
    /// Work on the rows, without the interpreter.
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Observations<'_>) -> Result<R, Failure> + Send,
    ) -> PyResult<R> {
        let table = Table::new(self.table, "X")?;
        let (rows, columns) = table.shape();
        if rows == 0 || columns == 0 {
            return Err(PyValueError::new_err(format!(
                "X must have at least one row and one column; got {rows} rows and {columns} columns"
            )));
        }
        let target = column(self.target, "y", rows)?;
        let weight = self.weight.map(|w| column(w, "sample_weight", rows)).transpose()?;
        let offset = self.offset.map(|o| column(o, "offset", rows)).transpose()?;
        let design = guarded(|| table.design(py))?;
        let target = target.as_slice()?;
        let weight = weight.as_ref().map(|w| w.as_slice()).transpose()?;
        let offset = offset.as_ref().map(|o| o.as_slice()).transpose()?;
        let (names, threads) = (self.names.as_deref(), self.threads);
        enter(py, || {
            let rows = Observations { design: &*design, target, weight, offset };
            let done = with_threads(threads, || work(&rows));
            done.map_err(|failure| in_names(failure, names))
        })
        .map_err(|error| table.raised().unwrap_or(error))
    }
}

/// Where a path along alpha begins: the largest alpha that tells anything, and all variables there. Arguments are those
/// of `fit_linear`.
#[pyfunction]
#[pyo3(signature = (X, y, model, *, weight=None, threads=0, names=None, offset=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub fn path_beginning<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    model: Model,
    weight: Option<&Bound<'py, PyAny>>,
    threads: usize,
    names: Option<Vec<String>>,
    offset: Option<&Bound<'py, PyAny>>,
) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
    let given = Given { table: X, target: y, weight, offset, names, threads };
    let begins = given.with(py, |rows| model.0.beginning(rows))?;
    Ok((begins.alpha, PyArray1::from_vec(py, begins.start)))
}

/// What `fit_linear` returns, at each of several alphas in turn, each from where the one before has ended; fewer where it
/// was stopped, or the seconds for all of them have run out.
#[pyfunction]
#[pyo3(signature = (X, y, model, stop, alphas, *, weight=None, start=None, watch=None, threads=0, names=None, offset=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub fn fit_path<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    model: Model,
    stop: Limits,
    alphas: Vec<f64>,
    weight: Option<&Bound<'py, PyAny>>,
    start: Option<PyReadonlyArray1<'py, f64>>,
    watch: Option<Py<PyAny>>,
    threads: usize,
    names: Option<Vec<String>>,
    offset: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let start = start.map(|s| s.as_slice().map(<[f64]>::to_vec)).transpose()?;
    let mut watcher = Watcher::new(None, watch);
    let given = Given { table: X, target: y, weight, offset, names, threads };
    let fitted = given.with(py, |rows| {
        let stop = stop.stop(model.0.method.is_some())?;
        let how = How { stop, start, watch: Some(&mut watcher), ..How::default() };
        model.0.along(rows, &alphas, how)
    })?;
    fitted.into_iter().map(|fitted| told(py, fitted)).collect()
}
