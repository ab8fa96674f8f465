//! A linear model fitted in one crossing: arrays and words in, the core's `linear`, and back.
use crate::arrays::{Table, column};
use crate::checkpoint::{Asked, Checkpoint};
use crate::choose::ITERATIONS;
use crate::enter::{enter, guarded, worded};
use crate::solution::{Story, to_dict};
use crate::watch::Watcher;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::descend::Keeps;
use steepest::design::Design;
use steepest::linear::{Failure, FittedLinear, How, Linear, Observations};
use steepest::parallel::pool::with_threads;
use steepest::refusal::{self, Refusal};
use steepest::watch::Stop;

/// What is fitted, beside the arrays: a mapping with the names of [`Linear`]'s fields.
pub struct Model(pub(crate) Linear);

impl<'py> FromPyObject<'_, 'py> for Model {
    type Error = PyErr;
    fn extract(model: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        macro_rules! read {
            ($($field:ident),*) => {
                Linear { $($field: model.get_item(stringify!($field))?.extract()?),* }
            };
        }
        Ok(Model(read! {
            loss, outputs, penalty, alpha, intercept, intercept_penalty, bounds, scale, factors, groups, method, narrow
        }))
    }
}

/// When to stop; None is without limit, but for the iterations of a method that was named.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Limits {
    tol: f64,
    max_iter: Option<u64>,
    max_passes: Option<f64>,
    max_seconds: Option<f64>,
}

impl Limits {
    pub(crate) fn stop(&self, named: bool) -> Result<Stop, String> {
        let least = |name: &str, v: f64| {
            (v >= 0.0).then_some(v).ok_or_else(|| format!("{name} must be at least 0; got {v}"))
        };
        // Who names a budget knows how long it may take.
        let unasked = named && self.max_passes.is_none() && self.max_seconds.is_none();
        let most = if unasked { ITERATIONS } else { u64::MAX };
        Ok(Stop {
            tolerance: least("tol", self.tol)?,
            iterations: self.max_iter.unwrap_or(most),
            evaluations: u64::MAX,
            passes: least("max_passes", self.max_passes.unwrap_or(f64::INFINITY))?,
            seconds: least("max_seconds", self.max_seconds.unwrap_or(f64::INFINITY))?,
        })
    }
}

/// The words for the first value that is not finite.
pub fn name_of_bad(design: &dyn Design, names: Option<&[String]>) -> Option<String> {
    refusal::table("X", design).map(|refusal| worded(&refusal, names))
}

/// What is refused of a column, by the column's name.
pub(crate) fn in_names(failure: Failure, names: Option<&[String]>) -> Failure {
    match failure.downcast_ref::<Refusal>() {
        Some(refusal) if refusal.column.is_some() => worded(refusal, names).into(),
        _ => failure,
    }
}

/// A table, its targets, its weights, and the patience.
type HeldOutArrays<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, u64);

/// Held-out rows as they came from Python.
struct Aside<'py> {
    table: Table<'py>,
    target: PyReadonlyArray1<'py, f64>,
    weight: Option<PyReadonlyArray1<'py, f64>>,
}

impl<'py> Aside<'py> {
    fn new(
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        weight: Option<Bound<'py, PyAny>>,
        columns: usize,
    ) -> PyResult<Self> {
        let table = Table::new(x, "X of the held-out rows")?;
        let (rows, got) = table.shape();
        if rows == 0 || got != columns {
            return Err(PyValueError::new_err(format!(
                "held-out rows need {columns} columns and at least one row; got {rows} rows and {got} columns"
            )));
        }
        let target = column(y, "y of the held-out rows", rows)?;
        let weight =
            weight.map(|w| column(&w, "sample_weight of the held-out rows", rows)).transpose()?;
        Ok(Aside { table, target, weight })
    }
    fn rows<'a>(&'a self, design: &'a dyn Design) -> PyResult<Observations<'a>> {
        let weight = self.weight.as_ref().map(|w| w.as_slice()).transpose()?;
        Ok(Observations { weight, ..Observations::new(design, self.target.as_slice()?) })
    }
}

/// Fits Σ weight · loss(target, x′w + b) / Σ weight + alpha · penalty(w).
///
/// `X`: a dense or sparse table; `y`: one number a row; `offset`: one number a row, added to its margin; `model`: loss, outputs, penalty, alpha, intercept,
/// intercept_penalty, bounds and method; `stop`: tol, max_iter, max_passes, max_seconds. Returns a dict of
/// `held_out`: a table, its targets, its weights or None, and iterations without a fall of the loss there before the
/// descent stops; the best point there is returned. Returns a dict of `coefficients` (margins × columns, flat), `intercept` (margins), `learnt` (what the
/// loss learns beside them) and what `Result.of` takes.
#[pyfunction]
#[pyo3(signature = (X, y, model, stop, *, weight=None, start=None, watch=None, callback=None, threads=0, names=None, held_out=None, offset=None, checkpoint=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub fn fit_linear<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    model: Model,
    stop: Limits,
    weight: Option<&Bound<'py, PyAny>>,
    start: Option<PyReadonlyArray1<'py, f64>>,
    watch: Option<Py<PyAny>>,
    callback: Option<Py<PyAny>>,
    threads: usize,
    names: Option<Vec<String>>,
    held_out: Option<HeldOutArrays<'py>>,
    offset: Option<&Bound<'py, PyAny>>,
    checkpoint: Option<Asked>,
) -> PyResult<Bound<'py, PyDict>> {
    let table = Table::new(X, "X")?;
    let (rows, columns) = table.shape();
    if rows == 0 || columns == 0 {
        return Err(PyValueError::new_err(format!(
            "X must have at least one row and one column; got {rows} rows and {columns} columns"
        )));
    }
    let target = column(y, "y", rows)?;
    let weight = weight.map(|w| column(w, "sample_weight", rows)).transpose()?;
    let offset = offset.map(|o| column(o, "offset", rows)).transpose()?;
    let offset = offset.as_ref().map(|o| o.as_slice()).transpose()?;
    let design = guarded(|| table.design(py))?;
    let (target, weight) = (target.as_slice()?, weight.as_ref().map(|w| w.as_slice()).transpose()?);
    let held = held_out
        .map(|(x, y, w, patience)| Ok::<_, PyErr>((Aside::new(&x, &y, w, columns)?, patience)))
        .transpose()?;
    let held_design = held.as_ref().map(|(aside, _)| aside.table.design(py)).transpose()?;
    let held = match (&held, &held_design) {
        (Some((aside, patience)), Some(design)) => Some((aside.rows(&**design)?, *patience)),
        _ => None,
    };
    let start = start.map(|s| s.as_slice().map(<[f64]>::to_vec)).transpose()?;
    let mut watcher = Watcher::new(callback, watch);
    let mut kept = checkpoint.map(|asked| Checkpoint::new(py, asked)).transpose()?;
    let fitted = enter(py, || {
        let how = How {
            stop: stop.stop(model.0.method.is_some())?,
            start,
            held,
            watch: Some(&mut watcher),
            keep: kept.as_mut().map(|kept| kept as &mut dyn Keeps),
        };
        let rows = Observations { design: &*design, target, weight, offset };
        let fitted = with_threads(threads, || model.0.fit(&rows, how));
        fitted.map_err(|failure| in_names(failure, names.as_deref()))
    })
    .map_err(|error| table.raised().unwrap_or(error));
    if let (Err(_), Some(kept)) = (&fitted, &mut kept) {
        kept.called_off(py)?;
    }
    told(py, fitted?)
}

/// What `Result.of` takes, with the coefficients, the intercepts, what is learnt and what the rows cost by themselves.
pub(crate) fn told(py: Python<'_>, fitted: FittedLinear) -> PyResult<Bound<'_, PyDict>> {
    let story = Story { method: fitted.method, reason: &fitted.reason };
    let d = to_dict(py, &fitted.solution, &story)?;
    d.set_item("coefficients", PyArray1::from_vec(py, fitted.model.coefficients))?;
    d.set_item("intercept", PyArray1::from_vec(py, fitted.model.intercept))?;
    d.set_item("learnt", PyArray1::from_vec(py, fitted.model.learnt))?;
    d.set_item("loss", fitted.loss)?;
    Ok(d)
}
