//! Networks: built, trained and asked in one crossing each.
use crate::choose::{Around, choose};
use crate::enter::{enter, refused};
use crate::solution::{Story, to_dict};
use crate::watch::Watcher;
use numpy::{
    Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use steepest::activations;
use steepest::chain;
use steepest::descend::{Descent, Record, Solution};
use steepest::initialise;
use steepest::losses::LOSSES;
use steepest::network::data::Picked;
use steepest::network::passes::{Number, Passes};
use steepest::network::training::{Falling, Memory, Score, Trained, Training, train};
use steepest::network::{Examples, Head, Layer, Network, Supervised};
use steepest::parallel::pool::{pool, with_threads};
use steepest::penalties::none::NoPenalty;
use steepest::penalty::PerCoordinate;
use steepest::problem::facts;
use steepest::rates::RATES;
use steepest::rule;
use steepest::settings::{Spec, look_up};
use steepest::watch::Stop;

/// A layer, as Python says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    /// "dense", "dropout", "layer_norm", "batch_norm" or "residual".
    kind: String,
    /// Units, or the chance of a dropout.
    size: f64,
    /// Of a dense layer.
    activation: Option<Spec>,
    /// By name, of a dense layer.
    initialiser: Option<String>,
    /// Of a residual link.
    layers: Vec<Asked>,
}

fn pairs(settings: &[(String, f64)]) -> Vec<(&str, f64)> {
    settings.iter().map(|(k, v)| (k.as_str(), *v)).collect()
}

fn layers(asked: &[Asked]) -> Result<Vec<Layer>, String> {
    let one = |a: &Asked| {
        Ok(match a.kind.as_str() {
            "dense" => {
                let (name, settings) =
                    a.activation.as_ref().ok_or("a dense layer needs an activation")?;
                let initialiser = a.initialiser.as_deref().map(initialise::find).transpose()?;
                let activation = activations::named(name, &pairs(settings))?;
                Layer::Dense { outputs: a.size as usize, activation, initialiser }
            }
            "dropout" => Layer::Dropout(a.size),
            "layer_norm" => Layer::LayerNorm,
            "batch_norm" => Layer::BatchNorm,
            "residual" => Layer::Residual(layers(&a.layers)?),
            other => return Err(format!("no layer is called '{other}'")),
        })
    };
    asked.iter().map(one).collect()
}

/// Parameters with running means and variances behind them, and the shapes of the tensors that the parameters are.
type Beginning<'py> = (Bound<'py, PyArray1<f64>>, Vec<Vec<usize>>);

/// Where the parameters begin, and the shapes of the tensors that they are.
#[pyfunction]
pub fn network_start<'py>(
    py: Python<'py>,
    inputs: usize,
    asked: Vec<Asked>,
    seed: u64,
) -> PyResult<Beginning<'py>> {
    let network = layers(&asked).and_then(|l| Network::new(inputs, &l)).map_err(refused)?;
    Ok((PyArray1::from_vec(py, network.start(seed)), network.tensors()))
}

/// The loss at the end.
fn head(loss: &Spec, outputs: usize, mean: bool) -> Result<Head, String> {
    let (entry, settings) = look_up("loss", LOSSES, loss)?;
    let classes = if entry.outputs == steepest::loss::Outputs::Many { outputs } else { 1 };
    Head::new((entry.build)(&settings, classes), outputs, mean)
}

/// What is learnt, beside the arrays.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Learnt {
    layers: Vec<Asked>,
    loss: Spec,
    /// Whether the mean over the outputs is meant, of losses that take each by itself.
    mean: bool,
    decay: f64,
    threads: usize,
}

/// How.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct How {
    rules: Vec<Spec>,
    rate: f64,
    schedule: Option<Spec>,
    batch: usize,
    epochs: u64,
    shuffle: bool,
    seed: u64,
    per_row: bool,
    patience: Option<u64>,
    tolerance: f64,
    /// "power" with the power and the rows of before, or "idle" with a divisor and the least rate.
    falling: Option<(String, f64, f64)>,
    own_weights: bool,
    seconds: f64,
    score: String,
}

/// Rows, targets and weights.
type Table<'py, N> =
    (PyReadonlyArray2<'py, N>, PyReadonlyArray1<'py, f64>, Option<PyReadonlyArray1<'py, f64>>);

/// What a run remembers: the rules' memories by tensor, their state, steps and epochs; what the rate is divided by, the
/// best score and the epochs since. Where it stands comes beside.
type Kept<'py, N> = (Vec<Vec<PyReadonlyArray1<'py, N>>>, Vec<f64>, u64, u64, f64, f64, u64);

fn examples<'a, N: Element>(table: &'a Table<'_, N>) -> PyResult<Examples<'a, N>> {
    Ok(Examples {
        inputs: table.0.as_slice()?,
        targets: table.1.as_slice()?,
        weight: table.2.as_ref().map(|w| w.as_slice()).transpose()?,
        rows: table.0.shape()[0],
    })
}

/// Numbers that a task looks over.
const PIECE: usize = 1 << 18;

/// What the core would read beyond its numbers, or not believe.
fn checked<N: steepest::numbers::real::Float>(
    table: &Examples<'_, N>,
    head: &Head,
    inputs: usize,
) -> Result<(), String> {
    let pieces: Vec<&[N]> = table.inputs.chunks(PIECE).collect();
    let finite = |k: usize| pieces[k].iter().fold(true, |all, x| all & x.is_finite());
    let wrong = pool().map(pieces.len(), finite).iter().position(|fine| !fine);
    let found =
        wrong.and_then(|k| Some(k * PIECE + pieces[k].iter().position(|x| !x.is_finite())?));
    if let Some(at) = found {
        let (row, column) = (at / inputs, at % inputs);
        return Err(format!("column {column} row {row} is not finite: drop the row, or fill it"));
    }
    if table.targets.len() != table.rows * head.targets()
        || table.weight.is_some_and(|w| w.len() != table.rows)
    {
        return Err("targets and weights must be one a row".into());
    }
    let wrong = |(i, t): (usize, &f64)| {
        head.loss.refuses(*t).map(|why| format!("{why}; got {t} in row {}", i / head.targets()))
    };
    table.targets.iter().enumerate().find_map(wrong).map_or(Ok(()), Err)
}

fn score(name: &str) -> Result<Score, String> {
    Ok(match name {
        "loss" => Score::Loss,
        "accuracy" => Score::Accuracy,
        "r2" => Score::Variance,
        other => {
            return Err(format!("no score is called '{other}'; available: loss, accuracy, r2"));
        }
    })
}

fn falling(asked: &(String, f64, f64)) -> Result<Falling, String> {
    Ok(match *asked {
        (ref kind, power, before) if kind == "power" => Falling::Power { power, before },
        (ref kind, by, least) if kind == "idle" => Falling::Idle { by, least },
        (ref other, ..) => {
            return Err(format!("no rate falls by '{other}'; available: power, idle"));
        }
    })
}

#[allow(clippy::too_many_arguments)]
fn rows_of<'py, N: Number + rule::Compiled + Element>(
    py: Python<'py>,
    table: Table<'py, N>,
    held: Option<Table<'py, N>>,
    learnt: &Learnt,
    how: &How,
    start: PyReadonlyArray1<'py, N>,
    memory: Option<Kept<'py, N>>,
    watcher: &mut Watcher,
) -> PyResult<Bound<'py, PyDict>> {
    let inputs = table.0.shape()[1];
    let network = layers(&learnt.layers).and_then(|l| Network::new(inputs, &l)).map_err(refused)?;
    let head = head(&learnt.loss, network.outputs(), learnt.mean).map_err(refused)?;
    let rules: Vec<(&str, Vec<(&str, f64)>)> =
        how.rules.iter().map(|(n, s)| (n.as_str(), pairs(s))).collect();
    let rules: Vec<chain::Named<'_>> = rules.iter().map(|(n, s)| (*n, &s[..])).collect();
    let schedule = how.schedule.as_ref().map(|s| look_up("rate schedule", RATES, s)).transpose();
    let training = Training {
        rules: chain::plan(&rules).map_err(refused)?,
        rate: how.rate,
        schedule: schedule.map_err(refused)?,
        batch: how.batch,
        epochs: how.epochs,
        shuffle: how.shuffle,
        seed: how.seed,
        decay: learnt.decay,
        per_row: how.per_row,
        patience: how.patience,
        tolerance: how.tolerance,
        falling: how.falling.as_ref().map(falling).transpose().map_err(refused)?,
        own_weights: how.own_weights,
        seconds: how.seconds,
    };
    let score = score(&how.score).map_err(refused)?;
    let (data, aside) = (examples(&table)?, held.as_ref().map(examples).transpose()?);
    let mut from = Memory::at(start.as_slice()?.to_vec());
    if let Some((tensors, state, step, epoch, cut, score, idle)) = memory {
        let tensor = |t: Vec<PyReadonlyArray1<'_, N>>| -> PyResult<Vec<Vec<N>>> {
            t.iter().map(|m| Ok(m.as_slice()?.to_vec())).collect()
        };
        let tensors = tensors.into_iter().map(tensor).collect::<PyResult<_>>()?;
        from = Memory { tensors, state, step, epoch, cut, score, idle, ..from };
    }
    let done = enter(py, || {
        checked(&data, &head, inputs)?;
        aside.as_ref().map_or(Ok(()), |held| checked(held, &head, inputs))?;
        let held = aside.as_ref().map(|held| (held, score));
        with_threads(learnt.threads, || {
            train(&network, &training, &data, &head, held, from, watcher)
        })
    })?;
    trained(py, done)
}

/// What came of it, as a result's dictionary with the epochs beside.
fn trained<N: Number + Element>(py: Python<'_>, done: Trained<N>) -> PyResult<Bound<'_, PyDict>> {
    let record = |(i, e): (usize, &steepest::network::training::Epoch)| Record {
        iteration: i as u64 + 1,
        value: e.loss,
        residual: f64::NAN,
        rate: e.rate,
        evaluations: 0,
        passes: i as f64 + 1.0,
        seconds: e.seconds,
    };
    let last = done.epochs.last();
    let solution = Solution {
        x: done.x.iter().map(|x| x.to_f64()).collect(),
        value: last.map_or(f64::NAN, |e| e.loss),
        violation: 0.0,
        status: done.status,
        certificate: None,
        counts: done.counts,
        seconds: last.map_or(0.0, |e| e.seconds),
        history: done.epochs.iter().enumerate().map(record).collect(),
        path: Vec::new(),
        findings: Vec::new(),
        resumed: None,
        gradient: None,
    };
    let d = to_dict(py, &solution, &Story { method: "training", reason: "mini-batches of rows" })?;
    d.set_item("x", PyArray1::from_vec(py, done.x))?;
    d.set_item("losses", done.epochs.iter().map(|e| e.loss).collect::<Vec<_>>())?;
    d.set_item("scores", done.epochs.iter().map(|e| e.score).collect::<Vec<_>>())?;
    d.set_item("best", done.best)?;
    let tensors = PyList::empty(py);
    for tensor in done.memory.tensors {
        let arrays: Vec<_> = tensor.into_iter().map(|m| PyArray1::from_vec(py, m)).collect();
        tensors.append(arrays)?;
    }
    let Memory { state, step, epoch, cut, score, idle, .. } = done.memory;
    d.set_item("memory", (tensors, state, step, epoch, cut, score, idle))?;
    Ok(d)
}

/// Trains a network on rows by mini-batches; `table` and `held` are rows, targets and weights.
#[pyfunction]
#[pyo3(signature = (table, held, learnt, how, start, memory, callback, watch))]
#[allow(clippy::too_many_arguments)]
pub fn train_network<'py>(
    py: Python<'py>,
    table: Bound<'py, PyAny>,
    held: Option<Bound<'py, PyAny>>,
    learnt: Learnt,
    how: How,
    start: Bound<'py, PyAny>,
    memory: Option<Bound<'py, PyAny>>,
    callback: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut watcher = Watcher::new(callback, watch);
    macro_rules! of {
        ($n:ty) => {{
            let held = held.map(|h| h.extract::<Table<'py, $n>>()).transpose()?;
            let memory = memory.map(|m| m.extract::<Kept<'py, $n>>()).transpose()?;
            rows_of::<$n>(
                py,
                table.extract()?,
                held,
                &learnt,
                &how,
                start.extract()?,
                memory,
                &mut watcher,
            )
        }};
    }
    if start.cast::<PyArray1<f32>>().is_ok() { of!(f32) } else { of!(f64) }
}

/// Minimises the loss of a network over all rows at once by a method; None is lbfgs.
#[pyfunction]
#[pyo3(signature = (table, learnt, start, method, tol, max_iter, max_evaluations, callback, watch))]
#[allow(clippy::too_many_arguments)]
pub fn descend_network<'py>(
    py: Python<'py>,
    table: Bound<'py, PyAny>,
    learnt: Learnt,
    start: PyReadonlyArray1<'py, f64>,
    method: Spec,
    tol: f64,
    max_iter: u64,
    max_evaluations: u64,
    callback: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    fn go<'py, N: Number + Element>(
        py: Python<'py>,
        table: Table<'py, N>,
        learnt: &Learnt,
        start: &[f64],
        method: &Spec,
        stop: Stop,
        watcher: &mut Watcher,
    ) -> PyResult<Bound<'py, PyDict>> {
        let inputs = table.0.shape()[1];
        let network =
            layers(&learnt.layers).and_then(|l| Network::new(inputs, &l)).map_err(refused)?;
        let ending = head(&learnt.loss, network.outputs(), learnt.mean).map_err(refused)?;
        let data = examples(&table)?;
        checked(&data, &ending, inputs).map_err(refused)?;
        let mut objective =
            Supervised::new(&network, data, ending, learnt.decay).map_err(refused)?;
        let nothing = PerCoordinate::uniform(NoPenalty::default(), 1.0, start.len());
        let facts = facts(&mut objective, &nothing);
        let chosen = choose(Some(&method.0), &method.1, &Around::default(), &facts)?;
        let descent = Descent::new(chosen.method, start, stop);
        let solution = enter(py, || {
            with_threads(learnt.threads, || descent.run(&mut objective, &nothing, watcher))
        })?;
        to_dict(py, &solution, &Story { method: chosen.name, reason: &chosen.reason })
    }
    let stop = Stop {
        tolerance: tol,
        iterations: max_iter,
        evaluations: max_evaluations,
        ..Stop::default()
    };
    let mut watcher = Watcher::new(callback, watch);
    let start = start.as_slice()?;
    match table.extract::<Table<'py, f32>>() {
        Ok(table) => go(py, table, &learnt, start, &method, stop, &mut watcher),
        Err(_) => go::<f64>(py, table.extract()?, &learnt, start, &method, stop, &mut watcher),
    }
}

/// What a network makes of rows: an output a column; with a loss, the means that they stand for.
#[pyfunction]
#[pyo3(signature = (x, rows, asked, loss=None))]
pub fn network_outputs<'py>(
    py: Python<'py>,
    x: Bound<'py, PyAny>,
    rows: Bound<'py, PyAny>,
    asked: Vec<Asked>,
    loss: Option<Spec>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    fn go<'py, N: Number + Element>(
        py: Python<'py>,
        x: &[N],
        rows: PyReadonlyArray2<'py, N>,
        asked: &[Asked],
        loss: Option<&Spec>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (n, inputs) = (rows.shape()[0], rows.shape()[1]);
        let network = layers(asked).and_then(|l| Network::new(inputs, &l)).map_err(refused)?;
        if x.len() != network.size() {
            return Err(refused(format!(
                "the network has {} parameters; got {}",
                network.size(),
                x.len()
            )));
        }
        let k = network.outputs();
        let ending = loss.map(|l| head(l, k, false)).transpose().map_err(refused)?;
        let data = Examples { inputs: rows.as_slice()?, targets: &[], weight: None, rows: n };
        let out = enter(py, || {
            let mut out = vec![0.0; n * k];
            let mut passes = Passes::new(&network, n.clamp(1, 480), None);
            passes.outputs(x, &data, Picked::From(0, n), &mut out);
            if let Some(head) = &ending {
                head.loss.means(&mut out);
            }
            Ok(out)
        })?;
        PyArray1::from_vec(py, out).reshape([n, k])
    }
    if let Ok(x) = x.extract::<PyReadonlyArray1<'py, f32>>() {
        return go(py, x.as_slice()?, rows.extract()?, &asked, loss.as_ref());
    }
    let x: PyReadonlyArray1<'py, f64> = x.extract()?;
    go(py, x.as_slice()?, rows.extract()?, &asked, loss.as_ref())
}
