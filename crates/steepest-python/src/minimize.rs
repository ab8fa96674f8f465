//! Minimising a function: what Python asks for, put together and run.
use crate::callable::{Bend, Callable, Slope};
use crate::enter::{refused, stay};
use crate::solution::{Chosen, to_dict};
use crate::watch::Watcher;
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use steepest::descend::{Descent, Stop, facts};
use steepest::method::{Entry, Facts, Method};
use steepest::methods::METHODS;
use steepest::objective::Objective;
use steepest::penalties::bounds::Bounds;
use steepest::penalties::none::NoPenalty;
use steepest::penalty::{Each, Penalty};
use steepest::settings::{Described, checked, nearest};

/// What Python hands over, already checked for kind by `steepest.minimize`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request {
    fun: Py<PyAny>,
    x0: Py<PyArrayDyn<f64>>,
    args: Py<PyTuple>,
    jac: Py<PyAny>,
    hess: Option<Py<PyAny>>,
    hessp: Option<Py<PyAny>>,
    step: Option<f64>,
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    method: Option<String>,
    settings: Vec<(String, f64)>,
    tolerance: Option<f64>,
    iterations: Option<u64>,
    evaluations: Option<u64>,
    seconds: Option<f64>,
    path: bool,
}

/// A problem with its start and its method, ready to run.
pub struct Posed {
    /// What is minimised.
    pub objective: Callable,
    /// What is forbidden.
    pub penalty: Box<dyn Penalty>,
    /// The loop, before its first step.
    pub descent: Descent,
    /// The method's name.
    pub method: &'static str,
    /// Why that one.
    pub reason: String,
}

impl Request {
    /// Puts everything together; refuses what cannot be.
    pub fn pose(self, py: Python<'_>) -> PyResult<Posed> {
        let x0 = self.x0.bind(py);
        let start = x0.to_vec()?;
        let slope = slope(self.jac.bind(py), self.step)?;
        let bend = match (self.hess, self.hessp) {
            (Some(h), _) => Bend::Whole(h),
            (None, Some(p)) => Bend::Product(p),
            (None, None) => Bend::None,
        };
        let shape = x0.shape().to_vec();
        let bounds = self.bounds.clone();
        let mut objective = Callable::new(self.fun, self.args, shape, slope, bend, bounds);
        let penalty: Box<dyn Penalty> = match self.bounds {
            Some((low, high)) => {
                Each::uniform(Bounds::of(&[f64::NEG_INFINITY, f64::INFINITY]), 1.0, start.len())
                    .within(&low, &high)
                    .ok_or_else(|| refused("these bounds cannot be set"))?
            }
            None => Box::new(Each::uniform(NoPenalty::default(), 1.0, start.len())),
        };
        let facts = facts(&mut objective, &*penalty);
        let (entry, reason) = choose(self.method.as_deref(), &facts)?;
        let method = build(entry, &self.settings)?;
        let stop = Stop {
            tolerance: self.tolerance.unwrap_or(Stop::default().tolerance),
            iterations: self.iterations.unwrap_or(ITERATIONS),
            evaluations: self.evaluations.unwrap_or(u64::MAX),
            seconds: self.seconds.unwrap_or(f64::INFINITY),
            ..Stop::default()
        };
        let mut descent = Descent::new(method, &start, stop);
        descent.keep_path = self.path;
        Ok(Posed { objective, penalty, descent, method: entry.name, reason })
    }
}

/// Unless asked otherwise, a function is given up after as many steps.
const ITERATIONS: u64 = 100_000;

fn slope(jac: &Bound<'_, PyAny>, step: Option<f64>) -> PyResult<Slope> {
    if jac.is_callable() {
        return Ok(Slope::Callable(jac.clone().unbind()));
    }
    Ok(match jac.extract::<&str>()? {
        "pair" => Slope::WithValue,
        "2-point" => Slope::Forward(step),
        "3-point" => Slope::Central(step),
        "cs" => Slope::Complex,
        other => return Err(PyTypeError::new_err(format!("no such jac: {other}"))),
    })
}

/// The method named, or the one that promises the fewest passes; why.
pub fn choose(name: Option<&str>, facts: &Facts) -> PyResult<(&'static Entry, String)> {
    let Some(name) = name else {
        let suited = METHODS.iter().filter(|e| e.refusal(facts, METHODS).is_none());
        let best = suited
            .filter_map(|e| Some((e, (e.suits)(facts)?)))
            .min_by(|a, b| a.1.passes.total_cmp(&b.1.passes));
        let (entry, suit) = best.ok_or_else(|| refused("no method can handle this problem"))?;
        return Ok((entry, suit.reason));
    };
    let Some(entry) = METHODS.iter().find(|e| e.name == name) else {
        let near = nearest(name, METHODS.iter().map(|e| e.name));
        return Err(refused(format!("no method is called '{name}'{near}")));
    };
    match entry.refusal(facts, METHODS) {
        Some(refusal) => Err(refused(refusal)),
        None => Ok((entry, "asked for".into())),
    }
}

/// The method at work, from settings by name.
pub fn build(entry: &Entry, settings: &[(String, f64)]) -> PyResult<Box<dyn Method + Send>> {
    let given: Vec<(&str, f64)> = settings.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let values = checked(entry.name, entry.parameters, &given).map_err(refused)?;
    Ok((entry.build)(&values))
}

/// Runs a descent to its end; the dict of its result.
#[pyfunction]
#[pyo3(signature = (request, callback=None, watch=None))]
pub fn minimize<'py>(
    py: Python<'py>,
    request: Request,
    callback: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let Posed { mut objective, penalty, mut descent, method, reason } = request.pose(py)?;
    let mut watcher = Watcher::new(callback, watch);
    let solution = stay(py, || {
        while descent.advance(&mut objective, &*penalty, &mut watcher)? {}
        let mut solution = descent.solution();
        if solution.gradient.is_none() && solution.value.is_finite() && objective.differences() == 0
        {
            let mut gradient = vec![0.0; objective.dim()];
            if objective.gradient(&solution.x, &mut gradient).is_ok() {
                solution.gradient = Some(gradient);
            }
        }
        Ok(solution)
    })?;
    to_dict(py, &solution, &Chosen { method, reason: &reason })
}
