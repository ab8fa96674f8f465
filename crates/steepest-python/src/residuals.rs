//! Sums of squared residuals: what `steepest.least_squares` asks for, put together and run.
use crate::calling::call;
use crate::checkpoint::{Asked, Checkpoint, run};
use crate::choose::{Around, ITERATIONS, choose, evaluations};
use crate::enter::{guarded, stay};
use crate::minimize::box_of;
use crate::returned::{entries, number};
use crate::solution::{Story, to_dict};
use crate::watch::{Watcher, failed};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use steepest::descend::{Descent, Keeps};
use steepest::problem::facts;
use steepest::residuals::{Residuals, SumOfSquares};
use steepest::state::{Bad, State, Visitor};
use steepest::status::Halt;
use steepest::watch::Stop;

/// What Python hands over, already checked by `steepest.least_squares`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request {
    /// `residuals(x)`, `jacobian(x) -> (J, evaluations)`, `price(r) -> (value, slope, bend)`, `sharpen()`.
    fit: Py<PyAny>,
    x0: Vec<f64>,
    count: usize,
    differences: u64,
    weighed: bool,
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    method: Option<String>,
    settings: Vec<(String, f64)>,
    tolerance: Option<f64>,
    iterations: Option<u64>,
    evaluations: Option<u64>,
    seconds: Option<f64>,
    path: bool,
    /// Where it is kept while it runs.
    checkpoint: Option<Asked>,
}

/// Residuals that Python computes.
struct Fit {
    fit: Py<PyAny>,
    dim: usize,
    count: usize,
    differences: u64,
    /// Whether another loss than the square is asked for.
    weighed: bool,
}

impl Fit {
    fn ask<T>(
        &self,
        what: &str,
        of: &[f64],
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T, Halt> {
        let asked = Python::attach(|py| {
            let method = self.fit.bind(py).getattr(what)?;
            let args = PyTuple::new(py, [PyArray1::from_slice(py, of)])?;
            read(&call(&method, &args)?)
        });
        asked.map_err(failed)
    }
}

impl State for Fit {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let failed = |error: PyErr| Bad(error.to_string());
        let mut kept: Vec<f64> = Vec::new();
        if !v.loads() {
            let asked = Python::attach(|py| self.fit.bind(py).call_method0("remembers")?.extract());
            kept = asked.map_err(failed)?;
        }
        v.long("differences", &mut kept, &[self.dim + 1])?;
        if !v.loads() {
            return Ok(());
        }
        let sound = kept.iter().all(|size| size.is_finite() && *size >= 0.0);
        v.check("differences", sound, "is no size")?;
        Python::attach(|py| self.fit.bind(py).call_method1("remember", (kept,)).map(|_| ()))
            .map_err(failed)
    }
}

impl Residuals for Fit {
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn dim(&self) -> usize {
        self.dim
    }
    fn count(&self) -> usize {
        self.count
    }
    fn residuals(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        let shape = [to.len()];
        self.ask("residuals", x, |r| entries(r, to, &shape, "the residuals (fun)"))
    }
    fn jacobian(&mut self, x: &[f64], to: &mut [f64]) -> Result<u64, Halt> {
        let shape = [self.count, self.dim];
        self.ask("jacobian", x, |answer| {
            entries(&answer.get_item(0)?, to, &shape, "the Jacobian (jac)")?;
            answer.get_item(1)?.extract()
        })
    }
    fn price(&mut self, r: &[f64], slope: &mut [f64], bend: &mut [f64]) -> Result<f64, Halt> {
        if !self.weighed {
            slope.copy_from_slice(r);
            bend.fill(1.0);
            return Ok(0.5 * r.iter().map(|r| r * r).sum::<f64>());
        }
        let shape = [r.len()];
        self.ask("price", r, |answer| {
            entries(&answer.get_item(1)?, slope, &shape, "the slopes of the loss")?;
            entries(&answer.get_item(2)?, bend, &shape, "the curvatures of the loss")?;
            number(&answer.get_item(0)?)
        })
    }
    fn differences(&self) -> u64 {
        self.differences
    }
    fn sharpen(&mut self) -> Result<bool, Halt> {
        let asked =
            Python::attach(|py| self.fit.bind(py).call_method0("sharpen")?.extract::<bool>());
        asked.map_err(failed)
    }
}

/// Goes down to its end; the dict of its result.
#[pyfunction]
#[pyo3(signature = (request, callback=None, watch=None))]
pub fn minimize_residuals<'py>(
    py: Python<'py>,
    request: Request,
    callback: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let Request { fit, x0, count, differences, weighed, .. } = request;
    let mut objective = SumOfSquares::of(Fit { fit, dim: x0.len(), count, differences, weighed });
    let (penalty, chosen) = guarded(|| {
        let penalty = box_of(request.bounds.as_ref(), x0.len())?;
        let facts = facts(&mut objective, &*penalty);
        let chosen =
            choose(request.method.as_deref(), &request.settings, &Around::default(), &facts)?;
        Ok((penalty, chosen))
    })?;
    let asked = request.iterations.is_some() || request.seconds.is_some();
    let most = evaluations(x0.len());
    let stop = Stop {
        tolerance: request.tolerance.unwrap_or(Stop::default().tolerance),
        iterations: request.iterations.unwrap_or(ITERATIONS),
        evaluations: request.evaluations.unwrap_or(if asked { u64::MAX } else { most }),
        seconds: request.seconds.unwrap_or(f64::INFINITY),
        ..Stop::default()
    };
    let mut descent = Descent::new(chosen.method, &x0, stop);
    descent.keep_path = request.path;
    let mut watcher = Watcher::new(callback, watch);
    let mut kept = request.checkpoint.map(|asked| Checkpoint::new(py, asked)).transpose()?;
    if let Some(kept) = &mut kept {
        stay(py, || kept.begin(&mut descent, &mut objective, &*penalty))?;
    }
    let ran = stay(py, || {
        run(&mut kept, &mut descent, &mut objective, |descent, objective| {
            descent.advance(objective, &*penalty, &mut watcher)
        })
    });
    // Whatever ended it: Ctrl-C and errors too.
    match &mut kept {
        Some(kept) => ran.and(stay(py, || kept.end(&mut descent, &mut objective)))?,
        None => ran?,
    }
    let solution = stay(py, || {
        descent.settle(&mut objective, &*penalty)?;
        Ok(descent.solution())
    })?;
    to_dict(py, &solution, &Story { method: chosen.name, reason: &chosen.reason })
}
