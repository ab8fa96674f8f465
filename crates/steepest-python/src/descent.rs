//! A descent under way, one step at a time.
use crate::callable::Callable;
use crate::checkpoint::Checkpoint;
use crate::enter::{exception, guarded, refused, step};
use crate::minimize::{Posed, Request, complete};
use crate::solution::{Story, curvature, to_dict};
use crate::watch::Watcher;
use numpy::PyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Mutex, MutexGuard};
use steepest::descend::{Descent, Keeps};
use steepest::penalty::Penalty;
use steepest::watch::Stop;

/// What is under way; taken out when its result is asked for is only a copy.
struct Under {
    objective: Callable,
    penalty: Box<dyn Penalty>,
    descent: Descent,
    method: &'static str,
    reason: String,
    stopped: bool,
    checkpoint: Option<Checkpoint>,
    /// The budgets as they were asked for: `go_on` grants the one that ran out once more.
    budget: Stop,
}

/// A descent that Python drives.
#[pyclass(frozen, name = "Descent", module = "steepest._core")]
pub struct Steps {
    under: Mutex<Under>,
}

impl Steps {
    /// Whoever asks while a step is being taken (from inside `fun`, or another thread) is told so.
    fn lock(&self) -> PyResult<MutexGuard<'_, Under>> {
        self.under.try_lock().map_err(|_| {
            PyRuntimeError::new_err(
                "this descent is taking a step just now: ask again when it has been taken",
            )
        })
    }
}

#[pymethods]
impl Steps {
    #[new]
    fn new(py: Python<'_>, request: Request) -> PyResult<Self> {
        let Posed { mut objective, penalty, mut descent, method, reason, mut checkpoint } =
            guarded(|| request.pose(py))?;
        if let Some(checkpoint) = &mut checkpoint {
            step(py, || checkpoint.begin(&mut descent, &mut objective, &*penalty))?;
        }
        let (stopped, budget) = (false, descent.stop);
        let under =
            Under { objective, penalty, descent, method, reason, stopped, checkpoint, budget };
        Ok(Steps { under: Mutex::new(under) })
    }

    /// Takes a step (the first call evaluates the start); what it led to, or None where the descent has ended.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let mut under = self.lock()?;
        let Under { objective, penalty, descent, stopped, checkpoint, .. } = &mut *under;
        if *stopped || descent.status().is_some() {
            return Ok(None);
        }
        let before = descent.counts.iterations;
        let first = !descent.begun();
        let mut watcher = Watcher::new(None, None);
        let taken = step(py, || descent.advance(objective, &**penalty, &mut watcher));
        let going = *taken.as_ref().unwrap_or(&false);
        if let Some(checkpoint) = checkpoint {
            let kept = step(py, || match going {
                true => checkpoint.after(descent, objective),
                false => checkpoint.end(descent, objective),
            });
            taken.and(kept)?;
        } else {
            taken?;
        }
        if !going && descent.counts.iterations == before && !first {
            return Ok(None);
        }
        standing(py, descent).map(Some)
    }

    /// The rate in force; None where the method has none.
    #[getter]
    fn rate(&self) -> PyResult<Option<f64>> {
        Ok(self.lock()?.descent.method.rate())
    }

    /// Sets the rate for the steps to come.
    fn set_rate(&self, rate: f64) -> PyResult<()> {
        let mut under = self.lock()?;
        if !(rate >= 0.0 && rate.is_finite()) {
            return Err(refused(format!("rate must be at least 0; got {rate}")));
        }
        if under.descent.method.set_rate(rate) {
            return Ok(());
        }
        Err(refused(format!(
            "{} has no rate to set: it finds the length of each step",
            under.method
        )))
    }

    /// No further steps.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let mut under = self.lock()?;
        under.stopped = true;
        let Under { objective, descent, checkpoint, .. } = &mut *under;
        match checkpoint {
            Some(checkpoint) => step(py, || checkpoint.end(descent, objective)),
            None => Ok(()),
        }
    }

    /// Allows steps again after `stop`; and more of them, where a budget had ended it.
    fn resume(&self, iterations: Option<u64>, evaluations: Option<u64>) -> PyResult<bool> {
        let mut under = self.lock()?;
        under.stopped = false;
        let Under { descent, budget, .. } = &mut *under;
        let given = iterations.is_some() || evaluations.is_some();
        let spent = descent.counts;
        if let Some(more) = iterations {
            descent.stop.iterations = spent.iterations.saturating_add(more);
        }
        if let Some(more) = evaluations {
            descent.stop.evaluations = spent.values.saturating_add(more);
        }
        Ok(descent.resume((!given).then_some(&*budget)))
    }

    /// What came of it so far, as a dict.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut under = self.lock()?;
        let Under { objective, penalty, descent, method, reason, stopped, .. } = &mut *under;
        // Before the first step nothing is known of the start, as of a point that only samples were seen of.
        descent.last.sampled |= !descent.begun();
        let solution = guarded(|| {
            descent.settle(objective, &**penalty).map_err(exception)?;
            let mut solution = descent.so_far();
            complete(&mut solution, objective).map_err(exception)?;
            Ok(solution)
        })?;
        let answer = to_dict(py, &solution, &Story { method, reason })?;
        answer.set_item("hess_inv", curvature(py, descent.curvature())?)?;
        if descent.status().is_none() {
            answer
                .set_item("message", if *stopped { "Stopped by `stop`." } else { "Under way." })?;
        }
        Ok(answer)
    }

    /// The name of the method.
    #[getter]
    fn method(&self) -> PyResult<&'static str> {
        Ok(self.lock()?.method)
    }
}

fn standing<'py>(py: Python<'py>, descent: &Descent) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("iteration", descent.counts.iterations)?;
    d.set_item("loss", descent.last.value)?;
    d.set_item("residual", descent.last.residual)?;
    d.set_item("rate", descent.last.rate)?;
    d.set_item("x", PyArray1::from_slice(py, &descent.x))?;
    d.set_item("gradient", descent.gradient().map(|g| PyArray1::from_slice(py, g)))?;
    Ok(d)
}
