//! Looking on from Python: signals, the callback of each iteration, and the watch ten times a second.
use crate::calling::call;
use numpy::PyArray1;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::time::{Duration, Instant};
use steepest::status::Halt;
use steepest::watch::{Progress, Watch};

/// Between two calls of `watch`.
const SHOW: Duration = Duration::from_millis(100);

/// Where a descent stands; what callbacks and `watch` are given.
#[pyclass(frozen, get_all, name = "Progress", module = "steepest")]
pub struct Standing {
    /// Steps so far.
    iteration: u64,
    /// The objective at `x`, penalty included.
    loss: f64,
    /// The scaled residual: 0 at a stationary point.
    residual: f64,
    /// The rate or length of the last step.
    rate: f64,
    /// Evaluations so far.
    evaluations: u64,
    /// Reads of the data so far.
    passes: f64,
    /// Wall-clock seconds so far.
    seconds: f64,
    /// The point, a copy.
    x: Py<PyArray1<f64>>,
}

impl Standing {
    /// A copy of what the loop tells.
    pub fn of(py: Python<'_>, p: &Progress<'_>) -> Self {
        Standing {
            iteration: p.counts.iterations,
            loss: p.value,
            residual: p.residual,
            rate: p.rate,
            evaluations: p.counts.values,
            passes: p.counts.passes,
            seconds: p.seconds,
            x: PyArray1::from_slice(py, p.x).unbind(),
        }
    }
}

#[pymethods]
impl Standing {
    fn __repr__(&self) -> String {
        let Standing { iteration, loss, residual, seconds, .. } = self;
        format!(
            "Progress(iteration={iteration}, loss={loss:.6e}, residual={residual:.2e}, seconds={seconds:.3})"
        )
    }
}

/// Hears Ctrl-C, and calls back; attaches for as long as that takes.
pub struct Watcher {
    callback: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
    shown: Option<Instant>,
}

impl Watcher {
    /// `callback(progress)` after each iteration, `watch(progress)` at most ten times a second; either
    /// stops the descent by returning something true or raising `StopIteration`.
    pub fn new(callback: Option<Py<PyAny>>, watch: Option<Py<PyAny>>) -> Self {
        Watcher { callback, watch, shown: None }
    }
}

/// An exception on its way out of the loop.
pub fn failed(error: PyErr) -> Halt {
    Halt::Failed(Box::new(error))
}

fn report(py: Python<'_>, who: &Py<PyAny>, p: &Progress<'_>) -> Result<(), Halt> {
    let answer = Standing::of(py, p)
        .into_pyobject(py)
        .and_then(|standing| call(who.bind(py), &PyTuple::new(py, [standing])?))
        .and_then(|answer| Ok(!answer.is_none() && answer.is_truthy()?));
    match answer {
        Ok(false) => Ok(()),
        Ok(true) => Err(Halt::Stopped),
        Err(e) if e.is_instance_of::<PyStopIteration>(py) => Err(Halt::Stopped),
        Err(e) => Err(failed(e)),
    }
}

impl Watch for Watcher {
    fn iteration(&mut self, progress: &Progress<'_>) -> Result<(), Halt> {
        if let Some(callback) = &self.callback {
            Python::attach(|py| report(py, callback, progress))?;
        }
        if let Some(watch) = &self.watch
            && self.shown.is_none_or(|t| t.elapsed() >= SHOW)
        {
            self.shown = Some(Instant::now());
            Python::attach(|py| report(py, watch, progress))?;
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<(), Halt> {
        // Letting go for a moment gives other threads a turn while an objective in C keeps us attached.
        Python::attach(|py| {
            py.detach(|| ());
            py.check_signals()
        })
        .map_err(failed)
    }
}
