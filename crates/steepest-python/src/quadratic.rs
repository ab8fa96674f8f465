//! Quadratic programs: what `steepest.portfolio` asks for, put together and run.
use crate::enter::enter;
use crate::solution::{Story, to_dict};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::borrow::Cow;
use steepest::descend::Solution;
use steepest::parallel::pool::with_threads;
use steepest::quadratic::{Cost, QuadraticProgram, Variable};
use steepest::watch::Stop;

type Row<'py> = PyReadonlyArray1<'py, f64>;
type Matrix<'py> = PyReadonlyArray2<'py, f64>;

/// A program as `steepest.portfolio` writes it; all arrays without gaps, in C order.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request<'py> {
    dense: Option<Matrix<'py>>,
    diagonal: Row<'py>,
    linear: Row<'py>,
    base: Row<'py>,
    rows: Matrix<'py>,
    shift: Row<'py>,
    costs: Row<'py>,
    /// Whether rows cost c·max(s, 0), not ½ κ s².
    kinks: bool,
    column: PyReadonlyArray1<'py, i64>,
    sign: Row<'py>,
    price: Row<'py>,
    lower: Row<'py>,
    upper: Row<'py>,
    start: Row<'py>,
    limits: Matrix<'py>,
    least: Row<'py>,
    most: Row<'py>,
    /// What the value is multiplied by to be what was asked for, and what is added to it.
    times: f64,
    fixed: f64,
    tolerance: f64,
    iterations: Option<u64>,
    seconds: Option<f64>,
}

/// An answer that the next program may begin with.
#[pyclass(frozen, module = "steepest._core")]
pub struct Optimum(steepest::quadratic::Optimum);

/// The answer: what `Result.of` takes, with the columns' weights and the multipliers; and itself.
#[pyfunction]
#[pyo3(signature = (request, warm=None))]
pub fn quadratic<'py>(
    py: Python<'py>,
    request: Request<'py>,
    warm: Option<&Bound<'py, Optimum>>,
) -> PyResult<(Bound<'py, PyDict>, Optimum)> {
    let r = &request;
    let cost = |c: &f64| if r.kinks { Cost::Kink(*c) } else { Cost::Square(*c) };
    let (column, sign, price) = (r.column.as_slice()?, r.sign.as_slice()?, r.price.as_slice()?);
    let (lower, upper) = (r.lower.as_slice()?, r.upper.as_slice()?);
    let variable = |j: usize| Variable {
        column: column[j] as usize,
        sign: sign[j],
        price: price[j],
        lower: lower[j],
        upper: upper[j],
    };
    let program = QuadraticProgram {
        dense: r.dense.as_ref().map(|m| m.as_slice()).transpose()?.map(Cow::Borrowed),
        diagonal: Cow::Borrowed(r.diagonal.as_slice()?),
        linear: Cow::Borrowed(r.linear.as_slice()?),
        base: Cow::Borrowed(r.base.as_slice()?),
        rows: Cow::Borrowed(r.rows.as_slice()?),
        shift: Cow::Borrowed(r.shift.as_slice()?),
        costs: r.costs.as_slice()?.iter().map(cost).collect(),
        variables: (0..column.len()).map(variable).collect(),
        start: r.start.as_slice()?.to_vec(),
        limits: Cow::Borrowed(r.limits.as_slice()?),
        least: Cow::Borrowed(r.least.as_slice()?),
        most: Cow::Borrowed(r.most.as_slice()?),
    };
    let stop = Stop {
        tolerance: r.tolerance,
        iterations: r.iterations.unwrap_or(u64::MAX),
        seconds: r.seconds.unwrap_or(f64::INFINITY),
        ..Stop::default()
    };
    let warm = warm.map(|w| &w.get().0);
    let found = enter(py, || with_threads(0, || Ok(program.solve(warm, &stop))))?;
    let story = Story { method: "quadratic", reason: "a convex quadratic program" };
    let d = to_dict(py, &asked(found.solution.clone(), r.times, r.fixed), &story)?;
    d.set_item("weights", PyArray1::from_slice(py, &found.weights))?;
    let prices: Vec<f64> = found.prices.limits.iter().map(|y| y * r.times).collect();
    d.set_item("prices", PyArray1::from_vec(py, prices))?;
    Ok((d, Optimum(found)))
}

/// The story in the units that were asked for, so that its words have the figures of its certificate.
fn asked(mut solution: Solution, times: f64, fixed: f64) -> Solution {
    solution.value = solution.value * times + fixed;
    for record in &mut solution.history {
        record.value = record.value * times + fixed;
    }
    if let Some(c) = &mut solution.certificate {
        (c.bound, c.target, c.rounding) = (c.bound * times, c.target * times, c.rounding * times);
    }
    solution
}

/// By how much a square matrix misses symmetry at most, and where; and whether it is positive definite once `shift` is
/// added to its diagonal.
#[pyfunction]
pub fn definiteness(
    py: Python<'_>,
    matrix: Matrix<'_>,
    shift: f64,
) -> PyResult<(f64, usize, usize, bool)> {
    /// Entries that are compared with those across the diagonal lie in blocks of so many rows and columns.
    const BLOCK: usize = 32;
    let n = matrix.as_array().nrows();
    let all = matrix.as_slice()?;
    enter(py, || {
        with_threads(0, || {
            let mut worst = (0.0, 0, 0);
            for (from, to) in
                (0..n).step_by(BLOCK).flat_map(|i| (0..=i).step_by(BLOCK).map(move |j| (i, j)))
            {
                for i in from..(from + BLOCK).min(n) {
                    for j in to..(to + BLOCK).min(i) {
                        let off = (all[i * n + j] - all[j * n + i]).abs();
                        if off > worst.0 {
                            worst = (off, i, j);
                        }
                    }
                }
            }
            let mut m = all.to_vec();
            (0..n).for_each(|i| m[i * n + i] += shift);
            let definite = steepest::linalg::cholesky::factor(&mut m, n, |_, left, _| left > 0.0);
            Ok((worst.0, worst.1, worst.2, definite))
        })
    })
}
