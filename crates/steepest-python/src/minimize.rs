//! Minimising a function: what Python asks for, put together and run.
use crate::callable::{Bend, Callable, Limited, Slope};
use crate::checkpoint::{self, Checkpoint, run};
use crate::choose::{Around, Changing, Grouped, ITERATIONS, choose, evaluations};
use crate::enter::{Failure, guarded, refused, stay};
use crate::solution::{Story, curvature, to_dict};
use crate::watch::Watcher;
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use steepest::descend::{Descent, Keeps, Solution};
use steepest::differences::{Differences, Length, Scheme};
use steepest::objective::{Ask, Objective, Rows, Work};
use steepest::penalties::PENALTIES;
use steepest::penalties::bounds::Bounds;
use steepest::penalties::none::NoPenalty;
use steepest::penalties::parts::Parts;
use steepest::penalty::{Penalty, PerCoordinate, Structure};
use steepest::problem::facts;
use steepest::settings::Described;
use steepest::settings::{Spec, look_up};
use steepest::status::Halt;
use steepest::watch::Stop;

/// What Python hands over, already checked for kind by `steepest.minimize`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request {
    fun: Py<PyAny>,
    x0: Py<PyArrayDyn<f64>>,
    tensors: Option<Vec<Vec<usize>>>,
    batch: Option<Py<PyAny>>,
    terms: usize,
    constraints: Option<Limited>,
    many: Option<Py<PyAny>>,
    args: Py<PyTuple>,
    jac: Py<PyAny>,
    hess: Option<Py<PyAny>>,
    hessp: Option<Py<PyAny>>,
    step: Option<(Vec<f64>, bool)>,
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    penalty: Option<Vec<Part>>,
    method: Option<String>,
    settings: Vec<(String, f64)>,
    before: Vec<Spec>,
    after: Vec<Spec>,
    groups: Vec<Grouped>,
    schedule: Option<Changing>,
    tolerance: Option<f64>,
    iterations: Option<u64>,
    evaluations: Option<u64>,
    seconds: Option<f64>,
    path: bool,
    checkpoint: Option<checkpoint::Asked>,
}

/// The penalty of a part of the variables.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Part {
    penalty: Spec,
    /// The weight (alpha) of each of its variables; rows of them where it has right sides.
    weight: Vec<f64>,
    right: Option<Vec<f64>>,
    groups: Option<Vec<usize>>,
    shape: Vec<usize>,
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
    /// Where it is kept while it runs.
    pub checkpoint: Option<Checkpoint>,
}

impl Request {
    /// Puts everything together; refuses what cannot be.
    pub fn pose(self, py: Python<'_>) -> PyResult<Posed> {
        let x0 = self.x0.bind(py);
        let start = x0.to_vec()?;
        if let Some((steps, _)) = &self.step
            && ![1, start.len()].contains(&steps.len())
        {
            let (n, got) = (start.len(), steps.len());
            return Err(refused(format!(
                "the step of differences must be one number, or one for each of the {n} variables; got {got}"
            )));
        }
        let slope = slope(self.jac.bind(py), self.step, start.len(), &self.bounds)?;
        let bend = match (self.hess, self.hessp) {
            (Some(h), _) => Bend::Whole(h),
            (None, Some(p)) => Bend::Product(p),
            (None, None) => Bend::None,
        };
        let shape = x0.shape().to_vec();
        let bounds = self.bounds.clone();
        let mut objective = Callable::new(self.fun, self.args, shape, slope, bend, bounds);
        objective.limited = self.constraints;
        objective.many = self.many;
        objective.batch = self.batch.map(|batch| (batch, self.terms));
        if let Some(tensors) = self.tensors {
            objective.tensors = tensors;
        }
        let penalty = match self.penalty {
            None => box_of(self.bounds.as_ref(), start.len())?,
            Some(parts) => penalised(&parts, self.bounds.as_ref()).map_err(refused)?,
        };
        let facts = facts(&mut objective, &*penalty);
        let Request { before, after, groups, schedule, .. } = self;
        let around = Around { before, after, groups, schedule };
        let chosen = choose(self.method.as_deref(), &self.settings, &around, &facts)?;
        // Who names a budget knows how long it may take.
        let asked = self.iterations.is_some() || self.seconds.is_some();
        let stop = Stop {
            tolerance: self.tolerance.unwrap_or(Stop::default().tolerance),
            iterations: self.iterations.unwrap_or(ITERATIONS),
            evaluations: self.evaluations.unwrap_or(if asked {
                u64::MAX
            } else {
                evaluations(start.len())
            }),
            seconds: self.seconds.unwrap_or(f64::INFINITY),
            ..Stop::default()
        };
        let mut descent = Descent::new(chosen.method, &start, stop);
        descent.keep_path = self.path;
        let checkpoint = self.checkpoint.map(|asked| Checkpoint::new(py, asked)).transpose()?;
        let (method, reason) = (chosen.name, chosen.reason);
        Ok(Posed { objective, penalty, descent, method, reason, checkpoint })
    }
}

/// The penalties of all parts, within bounds where there are some.
fn penalised(
    parts: &[Part],
    bounds: Option<&(Vec<f64>, Vec<f64>)>,
) -> Result<Box<dyn Penalty>, String> {
    let mut names = Vec::new();
    let mut all = Vec::new();
    for part in parts {
        let (entry, settings) = look_up("penalty", PENALTIES, &part.penalty)?;
        let shape = <[usize; 2]>::try_from(&part.shape[..]).ok();
        let (groups, right) = (part.groups.as_deref(), part.right.as_deref());
        let on = Structure { weight: &part.weight, groups, shape, right };
        names.push(entry.name);
        all.push((part.shape.iter().product(), entry.over(&settings, &on)?));
    }
    // One part needs no parts: it may be more than they can be.
    let whole = if all.len() == 1 { all.remove(0).1 } else { Box::new(Parts::new(all)) };
    let Some((low, high)) = bounds else { return Ok(whole) };
    whole.within(low, high).ok_or_else(|| {
        format!("bounds cannot go with the penalty {}: leave one of them out", names.join(", "))
    })
}

/// Bounds as a penalty; nothing where there are none.
pub fn box_of(bounds: Option<&(Vec<f64>, Vec<f64>)>, n: usize) -> PyResult<Box<dyn Penalty>> {
    let Some((low, high)) = bounds else {
        return Ok(Box::new(PerCoordinate::uniform(NoPenalty::default(), 1.0, n)));
    };
    PerCoordinate::uniform(Bounds::of(&[f64::NEG_INFINITY, f64::INFINITY]), 1.0, n)
        .within(low, high)
        .ok_or_else(|| refused("these bounds cannot be set"))
}

fn slope(
    jac: &Bound<'_, PyAny>,
    step: Option<(Vec<f64>, bool)>,
    n: usize,
    bounds: &Option<(Vec<f64>, Vec<f64>)>,
) -> PyResult<Slope> {
    if jac.is_callable() {
        return Ok(Slope::Callable(jac.clone().unbind()));
    }
    let sides = match jac.extract::<&str>()? {
        "pair" => return Ok(Slope::WithValue),
        "cs" => return Ok(Slope::Complex),
        "found" => Scheme::Auto,
        "2-point" => Scheme::One,
        "3-point" => Scheme::Both,
        other => {
            let frequencies = other
                .strip_prefix("parameter-shift:")
                .map(|list| list.split(',').map(str::parse).collect());
            return match frequencies {
                Some(Ok(frequencies)) => Ok(Slope::Shifts(frequencies)),
                _ => Err(PyTypeError::new_err(format!("no such jac: {other}"))),
            };
        }
    };
    let length = match step {
        None => Length::Found,
        Some((h, true)) => Length::Relative(h),
        Some((h, false)) => Length::Absolute(h),
    };
    Ok(Slope::Differences(Box::new(Differences::new(n, sides, length, bounds.clone()))))
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
    let Posed { mut objective, penalty, mut descent, method, reason, mut checkpoint } =
        guarded(|| request.pose(py))?;
    let mut watcher = Watcher::new(callback, watch);
    if let Some(checkpoint) = &mut checkpoint {
        stay(py, || checkpoint.begin(&mut descent, &mut objective, &*penalty))?;
    }
    let ran = stay(py, || {
        run(&mut checkpoint, &mut descent, &mut objective, |descent, objective| {
            descent.advance(objective, &*penalty, &mut watcher)
        })
    });
    // Whatever ended it: Ctrl-C and errors too.
    if let Some(checkpoint) = &mut checkpoint {
        let kept = stay(py, || checkpoint.end(&mut descent, &mut objective));
        ran.and(kept)?;
    } else {
        ran?;
    }
    let (solution, known) = stay(py, || {
        descent.settle(&mut objective, &*penalty)?;
        let known = descent.curvature();
        let mut solution = descent.solution();
        complete(&mut solution, &mut objective)?;
        Ok((solution, known))
    })?;
    let answer = to_dict(py, &solution, &Story { method, reason: &reason })?;
    answer.set_item("hess_inv", curvature(py, known)?)?;
    Ok(answer)
}

/// The gradient at the best point, where the method had none and it costs one evaluation; within constraints, where a
/// method only has that of its Lagrangian, whatever it costs.
pub fn complete(solution: &mut Solution, objective: &mut Callable) -> Result<(), Failure> {
    if solution.gradient.is_some()
        || !solution.value.is_finite()
        || (objective.offers().differences > 0 && objective.limited.is_none())
    {
        return Ok(());
    }
    let (mut value, mut gradient) = (f64::NAN, vec![0.0; objective.dim()]);
    let mut pause = || Ok(());
    let mut work = Work { values: 1, ..Work::new(&mut pause) };
    let asks = &mut [Ask::Value(&mut value), Ask::Gradient(&mut gradient)];
    match objective.answer(&solution.x, Rows::All, asks, &mut work) {
        Ok(()) => {
            solution.counts.values += work.values;
            solution.counts.gradients += 1;
            solution.gradient = Some(gradient);
            Ok(())
        }
        Err(Halt::Failed(error)) => Err(error),
        Err(_) => Ok(()),
    }
}
