//! Least squares by orthogonal factors, several targets in one crossing.
use crate::arrays::{Table, column};
use crate::enter::{Failure, enter};
use crate::fit::name_of_bad;
use crate::solution::{Story, to_dict};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use steepest::linalg::qr::ColumnMajor;
use steepest::parallel::pool::with_threads;
use steepest::refusal;
use steepest::squares::{Squares, TooLarge};

/// Least squares: the table and its targets (one after another, flat), weights, and what is to be solved.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    intercept: bool,
    ridge: f64,
    tol: f64,
    /// Whether coefficients are handed over in single precision.
    narrow: bool,
    /// The columns' names, for errors.
    names: Option<Vec<String>>,
}

/// Calls `work` with what came from Python; what is not finite is named once it has come through.
fn solved<T: Send>(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    weight: Option<&Bound<'_, PyAny>>,
    asked: &Asked,
    work: impl FnOnce(&Squares<'_>) -> Result<T, TooLarge> + Send,
) -> PyResult<T> {
    let table = Table::new(x, "X")?;
    let rows = table.shape().0;
    let targets: usize = y.len()? / rows.max(1);
    let y = column(y, "y", rows * targets)?;
    let weight = weight.map(|w| column(w, "sample_weight", rows)).transpose()?;
    let design = table.design(py)?;
    let (targets, weight) = (y.as_slice()?, weight.as_ref().map(|w| w.as_slice()).transpose()?);
    enter(py, || {
        with_threads(0, || {
            refusal::finite("y", targets)?;
            weight.map(|w| refusal::weights("sample_weight", w)).transpose()?;
            let squares = Squares {
                design: &*design,
                targets,
                weight,
                intercept: asked.intercept,
                ridge: asked.ridge,
                tolerance: asked.tol,
                single: asked.narrow,
            };
            work(&squares).map_err(|TooLarge(words)| {
                Failure::from(name_of_bad(&*design, asked.names.as_deref()).unwrap_or(words))
            })
        })
    })
}

fn matrix(py: Python<'_>, m: ColumnMajor) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let turned = PyArray1::from_vec(py, m.data).reshape([m.columns, m.rows])?;
    turned.transpose()
}

/// Minimises Σ share · (y − Xw − b)² / 2 + ridge · ‖w‖² / 2 for each target: a dict for each, what `Result.of` takes, with
/// the coefficients and the intercept as the point; the rank; and a triangle with the centred columns' singular values.
#[pyfunction]
#[pyo3(signature = (X, y, asked, weight=None))]
#[allow(non_snake_case)]
pub fn least_squares<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    asked: Asked,
    weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyList>, usize, Bound<'py, PyArray2<f64>>)> {
    let found = solved(py, X, y, weight, &asked, |s| s.solve())?;
    let story = Story { method: "least_squares", reason: "squares have a solution in closed form" };
    let dicts: Vec<Bound<'py, PyDict>> =
        found.solutions.iter().map(|s| to_dict(py, s, &story)).collect::<PyResult<_>>()?;
    Ok((PyList::new(py, dicts)?, found.rank, matrix(py, found.triangle)?))
}

/// Minimises Σ share · |y − xW − b|² / 2 + ridge · ‖W‖² / 2 + lengths · Σ_j |W_j| over all targets together: a dict, what
/// `Result.of` takes, whose point is each target's coefficients, then the intercepts. `start` is such coefficients.
#[pyfunction]
#[pyo3(signature = (X, y, asked, lengths, weight=None, start=None, max_iter=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub fn multi_task<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    asked: Asked,
    lengths: f64,
    weight: Option<&Bound<'py, PyAny>>,
    start: Option<PyReadonlyArray1<'py, f64>>,
    max_iter: Option<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let start = start.as_ref().map(|s| s.as_slice()).transpose()?;
    let most = max_iter.unwrap_or(u64::MAX);
    let found = solved(py, X, y, weight, &asked, |s| s.multi_task(lengths, start, most))?;
    let reason = "columns are kept or dropped by the length of their coefficients over all targets";
    to_dict(py, &found, &Story { method: "block_coordinate", reason })
}

/// As few rows as columns that stand for all, their targets, and the level and the centre that intercepts follow from:
/// level − centre · coefficients.
#[pyfunction]
#[pyo3(signature = (X, y, asked, weight=None))]
#[allow(non_snake_case, clippy::type_complexity)]
pub fn reduced<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    asked: Asked,
    weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<(
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
)> {
    let found = solved(py, X, y, weight, &asked, |s| s.reduced())?;
    Ok((
        matrix(py, found.square)?,
        matrix(py, found.targets)?,
        PyArray1::from_vec(py, found.level),
        PyArray1::from_vec(py, found.centre),
    ))
}
