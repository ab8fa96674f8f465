//! Factors of a matrix of ratings or clicks: what Python asks for, put together and run.
use crate::choose::{Around, choose};
use crate::enter::{Failure, enter, refused};
use crate::fit::Limits;
use crate::solution::{Story, to_dict};
use crate::watch::Watcher;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::descend::{Descent, HeldOut};
use steepest::factors::features::WithFeatures;
use steepest::factors::pairs::RankedPairs;
use steepest::factors::ranks::SampledRanks;
use steepest::factors::top::{LeftOut, top};
use steepest::factors::{Factors, MatrixShape};
use steepest::losses::LOSSES;
use steepest::objective::{Ask, Objective};
use steepest::parallel::pool::with_threads;
use steepest::penalties::l2::L2;
use steepest::penalty::{Penalty, PerCoordinate};
use steepest::problem::facts;
use steepest::refusal;
use steepest::settings::{Spec, look_up};
use steepest::status::{Budget, Halt, Status};

/// What is fitted, beside the arrays; `pairs` where clicks are ranked: what each is set against, drawn by which seed,
/// whether the items stay, and whether others are drawn until one stands too high.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Model {
    users: usize,
    items: usize,
    rank: usize,
    biases: bool,
    centre: f64,
    background: f64,
    loss: Spec,
    method: Option<Spec>,
    threads: usize,
    pairs: Option<(usize, u64, bool, bool)>,
    /// Whether the start says nothing yet: it is led to where alternating begins best.
    fresh: bool,
    /// How many rounds did best on entries that were held out elsewhere.
    rounds: Option<u64>,
}

/// The known entries, the start and the weight of the penalty of each variable.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Entries<'py> {
    users: PyReadonlyArray1<'py, u32>,
    items: PyReadonlyArray1<'py, u32>,
    target: PyReadonlyArray1<'py, f64>,
    weight: Option<PyReadonlyArray1<'py, f64>>,
    start: PyReadonlyArray1<'py, f64>,
    alpha: PyReadonlyArray1<'py, f64>,
    /// The least that each variable may be; −∞ where it is free.
    low: Option<PyReadonlyArray1<'py, f64>>,
    /// What is known of each user, and of each item, row after row.
    #[pyo3(default)]
    features: [Option<PyReadonlyArray1<'py, f64>>; 2],
    #[pyo3(default)]
    held_out: Option<Aside<'py>>,
}

/// Entries that are held out.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Aside<'py> {
    users: PyReadonlyArray1<'py, u32>,
    items: PyReadonlyArray1<'py, u32>,
    target: PyReadonlyArray1<'py, f64>,
    weight: Option<PyReadonlyArray1<'py, f64>>,
    /// Rounds without a fall of the loss there before the end.
    patience: u64,
    /// The share of the loss that a fall must come to.
    least: f64,
}

/// The arrays, lent to the arithmetic.
struct Lent<'a> {
    codes: [&'a [u32]; 2],
    target: &'a [f64],
    weight: Option<&'a [f64]>,
    start: &'a [f64],
    alpha: &'a [f64],
    low: Option<&'a [f64]>,
    features: [Option<&'a [f64]>; 2],
}

impl Lent<'_> {
    /// An objective over factors and biases, with the maps of what is known of users and items where something is.
    fn described(&self, factors: Box<dyn Objective>) -> Result<Box<dyn Objective>, Failure> {
        if self.features == [None; 2] {
            return Ok(factors);
        }
        Ok(Box::new(WithFeatures::new(factors, self.features)?))
    }
}

/// Entries that are held out, lent.
struct AsideLent<'a> {
    codes: [&'a [u32]; 2],
    target: &'a [f64],
    weight: Option<&'a [f64]>,
    patience: u64,
    least: f64,
}

impl Aside<'_> {
    fn lend(&self) -> PyResult<AsideLent<'_>> {
        Ok(AsideLent {
            codes: [self.users.as_slice()?, self.items.as_slice()?],
            target: self.target.as_slice()?,
            weight: self.weight.as_ref().map(|w| w.as_slice()).transpose()?,
            patience: self.patience,
            least: self.least,
        })
    }
}

impl Entries<'_> {
    fn lend(&self) -> PyResult<Lent<'_>> {
        let [users, items] =
            self.features.each_ref().map(|f| f.as_ref().map(|f| f.as_slice()).transpose());
        Ok(Lent {
            codes: [self.users.as_slice()?, self.items.as_slice()?],
            target: self.target.as_slice()?,
            weight: self.weight.as_ref().map(|w| w.as_slice()).transpose()?,
            start: self.start.as_slice()?,
            alpha: self.alpha.as_slice()?,
            low: self.low.as_ref().map(|l| l.as_slice()).transpose()?,
            features: [users?, items?],
        })
    }
}

/// What is minimised.
struct Built {
    objective: Box<dyn Objective>,
    start: Vec<f64>,
    /// How many entries are of a pair that was there before.
    repeated: usize,
}

impl Model {
    fn shape(&self) -> MatrixShape {
        MatrixShape {
            users: self.users,
            items: self.items,
            rank: self.rank,
            biases: self.biases,
            centre: self.centre,
            background: self.background,
        }
    }
    /// The loss of what is held out, of which there is no penalty.
    fn held(&self, aside: &AsideLent<'_>) -> Result<Factors, Failure> {
        let (entry, settings) = look_up("loss", LOSSES, &self.loss)?;
        let loss = (entry.build)(&settings, 1);
        Ok(Factors::new(self.shape(), loss, aside.codes, aside.target, aside.weight)?)
    }
    /// The objective, and where it starts.
    fn objective(&self, lent: &Lent<'_>) -> Result<Built, Failure> {
        let (entry, settings) = look_up("loss", LOSSES, &self.loss)?;
        let loss = (entry.build)(&settings, 1);
        refusal::targets("ratings", lent.target, |t| loss.refuses(t))?;
        let shape = self.shape();
        if lent.low.is_some() && !loss.quadratic() {
            let why = format!("{} has no non-negative factors: take the squared loss", entry.name);
            return Err(why.into());
        }
        let fits = |n: usize| {
            let all = [lent.start.len(), lent.alpha.len(), lent.low.map_or(n, <[f64]>::len)];
            let told = || format!("start, alpha and bounds must be {n} numbers each");
            (all == [n; 3]).then_some(()).ok_or_else(told)
        };
        let mut start = lent.start.to_vec();
        let built = |factors: Box<dyn Objective>, start: Vec<f64>, repeated: usize| {
            let objective = lent.described(factors)?;
            fits(objective.dim())?;
            Ok(Built { objective, start, repeated })
        };
        if let Some((most, seed, fixed, true)) = self.pairs {
            let ranks = SampledRanks::new(shape, lent.codes, most, seed, fixed)?;
            return built(Box::new(ranks), start, 0);
        }
        if let Some((each, seed, fixed, false)) = self.pairs {
            let pairs = RankedPairs::new(shape, loss, lent.codes, each, seed, fixed)?;
            return built(Box::new(pairs), start, 0);
        }
        let factors = Factors::new(shape, loss, lent.codes, lent.target, lent.weight)?;
        let own = factors.dim();
        if self.fresh && start.len() >= own && lent.alpha.len() >= own {
            // Maps are 0 in a start that says nothing: what users and items have of their own is all.
            factors.lead(&*penalty(lent), &mut start[..own]);
        }
        let repeated = factors.repeated();
        built(Box::new(factors), start, repeated)
    }
}

fn penalty(lent: &Lent<'_>) -> Box<dyn Penalty> {
    let l2 = PerCoordinate::new(L2::default(), lent.alpha);
    match lent.low {
        None => Box::new(l2),
        Some(low) => {
            l2.within(low, &vec![f64::INFINITY; low.len()]).expect("a square takes bounds")
        }
    }
}

/// Runs a descent over factors and biases to its end; the dict of its result.
#[pyfunction]
#[pyo3(signature = (entries, model, stop, watch=None))]
pub fn fit_factors<'py>(
    py: Python<'py>,
    entries: Entries<'py>,
    model: Model,
    stop: Limits,
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let lent = entries.lend()?;
    let aside = entries.held_out.as_ref().map(Aside::lend).transpose()?;
    let mut stop = stop.stop(true).map_err(refused)?;
    let enough = model.rounds.filter(|rounds| *rounds <= stop.iterations);
    stop.iterations = enough.unwrap_or(stop.iterations);
    let mut watcher = Watcher::new(None, watch);
    let (mut solution, name, reason, repeated) = enter(py, || {
        with_threads(model.threads, || {
            let Built { mut objective, start, repeated } = model.objective(&lent)?;
            let penalty = penalty(&lent);
            let facts = facts(&mut *objective, &*penalty);
            let (name, settings) = match &model.method {
                Some((name, settings)) => (Some(name.as_str()), &settings[..]),
                None => (None, &[][..]),
            };
            let chosen = choose(name, settings, &Around::default(), &facts)?;
            let (name, reason) = (chosen.name, chosen.reason);
            let descent = Descent::new(chosen.method, &start, stop);
            let solution = match &aside {
                None => descent.run(&mut *objective, &*penalty, &mut watcher)?,
                Some(aside) => {
                    let mut loss = lent.described(Box::new(model.held(aside)?))?;
                    // A start that is led predicts well at times: the fit to all entries goes on from its own.
                    let held = HeldOut::new(&mut *loss, aside.patience, aside.least);
                    let mut held = held.after_a_step();
                    descent.run_held(&mut *objective, &*penalty, &mut held, &mut watcher)?
                }
            };
            Ok((solution, name, reason, repeated))
        })
    })?;
    let all = matches!(solution.status, Status::Budget(Budget::Iterations | Budget::Epochs));
    if enough.is_some() && all {
        solution.status = Status::HeldOut;
    }
    let told = to_dict(py, &solution, &Story { method: name, reason: &reason })?;
    told.set_item("repeated", repeated)?;
    Ok(told)
}

/// Value, and gradient, of the objective with its penalty where `start` is.
#[pyfunction]
pub fn factors_gradient<'py>(
    py: Python<'py>,
    entries: Entries<'py>,
    model: Model,
) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
    let lent = entries.lend()?;
    let (value, gradient) = enter(py, || {
        with_threads(model.threads, || {
            let Built { mut objective, .. } = model.objective(&lent)?;
            let penalty = penalty(&lent);
            let mut gradient = vec![0.0; lent.start.len()];
            let value = objective.gradient(lent.start, &mut gradient).map_err(failure)?;
            penalty.add_gradient(lent.start, &mut gradient);
            Ok((value + penalty.value(lent.start), gradient))
        })
    })?;
    Ok((value, PyArray1::from_vec(py, gradient)))
}

/// One side's factors and biases where all is least while the other's stay as in `start`: all variables, those of the side
/// replaced.
#[pyfunction]
pub fn fold_factors<'py>(
    py: Python<'py>,
    entries: Entries<'py>,
    model: Model,
    side: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let lent = entries.lend()?;
    let found = enter(py, || {
        with_threads(model.threads, || {
            let Built { mut objective, .. } = model.objective(&lent)?;
            let penalty = penalty(&lent);
            let mut to = lent.start.to_vec();
            let penalty = &*penalty;
            let asks = &mut [Ask::Least { block: side.min(1), penalty, to: &mut to }];
            objective.asked(lent.start, asks).map_err(failure)?;
            Ok(to)
        })
    })?;
    Ok(PyArray1::from_vec(py, found))
}

fn failure(halt: Halt) -> Failure {
    match halt {
        Halt::Failed(error) => error,
        other => format!("{other:?}").into(),
    }
}

/// Columns and scores of the `n` highest of added + p·q for each row of p, without those that are left out; flat.
#[pyfunction]
#[pyo3(signature = (p, q, added, rank, n, left_out=None, threads=0))]
#[allow(clippy::type_complexity, clippy::too_many_arguments)]
pub fn top_factors<'py>(
    py: Python<'py>,
    p: PyReadonlyArray1<'py, f64>,
    q: PyReadonlyArray1<'py, f64>,
    added: PyReadonlyArray1<'py, f64>,
    rank: usize,
    n: usize,
    left_out: Option<(PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, u32>)>,
    threads: usize,
) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<f64>>)> {
    let (p, q, added) = (p.as_slice()?, q.as_slice()?, added.as_slice()?);
    let out = match &left_out {
        Some((starts, columns)) => {
            Some(LeftOut { starts: starts.as_slice()?, columns: columns.as_slice()? })
        }
        None => None,
    };
    let rows = p.len() / rank.max(1);
    let inside = out.is_none_or(|o| {
        o.starts.len() == rows + 1
            && o.starts.windows(2).all(|w| 0 <= w[0] && w[0] <= w[1])
            && o.starts[rows] as usize <= o.columns.len()
            && o.columns.iter().all(|&c| (c as usize) < added.len())
    });
    if rank == 0 || p.len() % rank != 0 || q.len() != added.len() * rank || n == 0 || !inside {
        return Err(refused("factors, scores and what is left out do not fit together"));
    }
    let found = enter(py, || with_threads(threads, || Ok(top(p, q, added, rank, n, out))))?;
    Ok((PyArray1::from_vec(py, found.columns), PyArray1::from_vec(py, found.scores)))
}
