//! A linear model fitted in one crossing: a loss over a table, a penalty, a method, and back.
use crate::arrays::{Table, column};
use crate::checkpoint::{Asked, Checkpoint, run};
use crate::choose::{Around, ITERATIONS, Named, choose, look_up};
use crate::enter::{Failure, enter, guarded, refused, worded};
use crate::solution::{Story, to_dict};
use crate::watch::Watcher;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::descend::{Descent, HeldOut, Solution};
use steepest::design::Design;
use steepest::designs::standardised::{Standardised, looked_at};
use steepest::glm::Glm;
use steepest::loss::offset::Offset;
use steepest::loss::{Block, Outputs};
use steepest::losses::LOSSES;
use steepest::objective::Objective;
use steepest::parallel::pool::with_threads;
use steepest::penalties::PENALTIES;
use steepest::penalty::{Penalty, Structure};
use steepest::problem::facts;
use steepest::refusal;
use steepest::status::{Halt, Status};
use steepest::watch::{Progress, Stop, Watch};

/// What is fitted, beside the arrays.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Model {
    /// The loss.
    loss: Named,
    /// Classes of the targets where the loss takes several; 1 elsewhere.
    outputs: usize,
    /// The penalty.
    penalty: Named,
    /// Its weight.
    alpha: f64,
    /// Whether each output has an intercept.
    intercept: bool,
    /// What alpha is multiplied by for the intercept: 0 leaves it free.
    intercept_penalty: f64,
    /// Bounds of all coefficients, beside the penalty.
    bounds: Option<(f64, f64)>,
    /// What each column's coefficient is multiplied by in the penalty.
    scale: Option<Vec<f64>>,
    /// What alpha is multiplied by for each column; 0 leaves its coefficient free.
    factors: Option<Vec<f64>>,
    /// The group of each column, by any number, for penalties by groups.
    groups: Option<Vec<usize>>,
    /// The method; None is the one that suits best.
    method: Option<Named>,
    /// Whether the coefficients are handed over in single precision.
    narrow: bool,
}

/// Numbers of a table that is small enough to be solved closer than was asked for: where columns are nearly dependent
/// a small distance in F is a large one in the coefficients, and here it costs nothing.
const SMALL: usize = 200_000;
/// What such a table is solved to.
const FINE: f64 = 1e-13;

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

/// How variables lie: of each margin a coefficient a column and the intercept, then what is learnt beside.
#[derive(Clone, Copy)]
struct Lay {
    columns: usize,
    width: usize,
    margins: usize,
    learnt: usize,
}

impl Lay {
    fn new(loss: &dyn Block, columns: usize, intercept: bool) -> Self {
        let (learnt, width) = (loss.learnt(), columns + usize::from(intercept));
        Lay { columns, width, margins: loss.outputs() - learnt, learnt }
    }
    /// Variables that are coefficients or intercepts.
    fn seen(self) -> usize {
        self.margins * self.width
    }
    fn dim(self) -> usize {
        self.seen() + self.learnt
    }
    /// The column of a coefficient.
    fn column(self, j: usize) -> Option<usize> {
        (j < self.seen() && j % self.width < self.columns).then(|| j % self.width)
    }
}

impl Model {
    /// The loss at work.
    fn block(&self) -> Result<Box<dyn Block>, String> {
        let (entry, settings) = look_up!("loss", LOSSES, &self.loss)?;
        let several = match entry.outputs {
            Outputs::One => false,
            Outputs::Many => true,
            Outputs::Learnt => entry.classes,
        };
        if several != (self.outputs > 1) {
            let wanted = if several { "at least 2 outputs" } else { "1 output" };
            return Err(format!("the loss {} needs {wanted}; got {}", entry.name, self.outputs));
        }
        Ok((entry.build)(&settings, self.outputs))
    }

    fn penalty(&self, lay: Lay) -> Result<Box<dyn Penalty>, String> {
        let alpha = self.alpha;
        if !(alpha >= 0.0 && alpha.is_finite()) {
            return Err(format!("alpha must be at least 0 and finite; got {alpha}"));
        }
        let (entry, settings) = look_up!("penalty", PENALTIES, &self.penalty)?;
        let (n, columns) = (lay.dim(), lay.columns);
        let factors = self.factors.as_deref();
        if let Some(f) = factors
            && (f.len() != columns || f.iter().any(|f| !(*f >= 0.0 && f.is_finite())))
        {
            return Err(format!(
                "factors must be {columns} finite numbers of at least 0; got {}",
                f.len()
            ));
        }
        let factor = |j: usize| match (lay.column(j), factors) {
            (None, _) if j >= lay.seen() => 0.0,
            (None, _) => self.intercept_penalty,
            (Some(_), None) => 1.0,
            (Some(c), Some(f)) => f[c],
        };
        let weight: Vec<f64> = (0..n).map(|j| alpha * factor(j)).collect();
        if let Some(g) = self.groups.as_ref().filter(|g| g.len() != columns) {
            return Err(format!("groups must be {columns} numbers, one a column; got {}", g.len()));
        }
        // An intercept that is penalised is a group of its own; coefficients of one column go together.
        let most = self.groups.iter().flatten().max().map_or(columns, |m| m + 1);
        let of = |j: usize| match (lay.column(j), &self.groups) {
            (None, _) => most + j,
            (Some(k), Some(g)) => g[k],
            (Some(k), None) => k,
        };
        let groups =
            (entry.groups || self.groups.is_some()).then(|| (0..n).map(of).collect::<Vec<_>>());
        let shape = (lay.learnt == 0).then_some([lay.margins, lay.width]);
        let on = Structure { weight: &weight, groups: groups.as_deref(), shape, right: None };
        let mut plain = entry.over(&settings, &on)?;
        if let Some(scale) = &self.scale {
            if scale.len() != columns || scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
                return Err(format!(
                    "scale must be {columns} numbers above 0; got {}",
                    scale.len()
                ));
            }
            let of = |j: usize| lay.column(j).map_or(1.0, |c| scale[c]);
            plain = plain
                .rescaled(&(0..n).map(of).collect::<Vec<f64>>())
                .ok_or_else(|| format!("the penalty {} takes no scale a column", entry.name))?;
        }
        let Some((low, high)) = self.bounds else { return Ok(plain) };
        let held = |bound: f64, free: f64| -> Vec<f64> {
            (0..n).map(|j| if lay.column(j).is_some() { bound } else { free }).collect()
        };
        plain
            .within(&held(low, f64::NEG_INFINITY), &held(high, f64::INFINITY))
            .ok_or_else(|| format!("the penalty {} cannot be held within bounds", entry.name))
    }
}

/// Everything the loop needs, owned or borrowed from arrays that outlive it.
struct Work<'a> {
    design: &'a dyn Design,
    loss: &'a dyn Block,
    penalty: Box<dyn Penalty>,
    target: &'a [f64],
    weight: Option<&'a [f64]>,
    intercept: bool,
    /// Whether the intercept is there and nothing holds it.
    free_intercept: bool,
    method: Option<Named>,
    start: Vec<f64>,
    stop: Stop,
    held: Option<Held<'a>>,
    narrow: bool,
}

/// Rows that the descent does not see, and iterations without a fall there before it stops.
struct Held<'a> {
    design: &'a dyn Design,
    target: &'a [f64],
    weight: Option<&'a [f64]>,
    patience: u64,
}

/// What was solved closer than asked for is held against what was asked for.
fn relax(s: &mut Solution, times: f64) {
    let Some(c) = &mut s.certificate else { return };
    c.target *= times;
    let short = matches!(s.status, Status::Plateau | Status::PrecisionLimit | Status::Budget(_));
    if short && c.kind.proves() && c.reached() {
        s.status = Status::Converged.admitted(Some(c));
    }
}

/// Shows points as they are over the table as it lies.
struct Raw<'a> {
    watcher: &'a mut Watcher,
    seen: Option<&'a Standardised<'a>>,
    intercept: bool,
    /// Variables that are coefficients or intercepts.
    variables: usize,
}

impl Watch for Raw<'_> {
    fn iteration(&mut self, progress: &Progress<'_>) -> Result<(), Halt> {
        let Some(seen) = self.seen else { return self.watcher.iteration(progress) };
        let mut x = progress.x.to_vec();
        seen.out(&mut x[..self.variables], self.intercept);
        self.watcher.iteration(&Progress { x: &x, ..*progress })
    }
    fn poll(&mut self) -> Result<(), Halt> {
        self.watcher.poll()
    }
}

/// What was lost where the descent began, or is lost at the `value` of the point returned, if that is more.
fn lost(s: &Solution, value: f64) -> f64 {
    let first = s.history.first().map_or(0.0, |r| r.value.abs());
    if first.is_finite() { first.max(value.abs()) } else { value.abs() }
}

/// Brings a solution over standardised columns back to the table as it lies. Coefficients are rounded on the way: the
/// value is that of the point returned (`penalty` is that of the table as it lies), and the certificate tells what the
/// rounding has cost.
fn brought_back(
    s: &mut Solution,
    seen: &Standardised<'_>,
    objective: &mut Glm<'_>,
    penalty: &dyn Penalty,
) -> Result<(), Failure> {
    let intercept = objective.intercept;
    let n = s.x.len() - objective.loss.learnt();
    seen.out(&mut s.x[..n], intercept);
    if penalty.offers().bounds || penalty.offers().pieces {
        // A bound is met exactly, not to an ulp of another variable.
        for (j, x) in s.x.iter_mut().enumerate() {
            let piece = penalty.piece(j);
            *x = x.max(piece.low).min(piece.high);
        }
    }
    s.path.iter_mut().for_each(|x| seen.out(&mut x[..n], intercept));
    s.gradient.iter_mut().for_each(|g| seen.gradient(&mut g[..n], intercept));
    let mut x = s.x.clone();
    seen.inward(&mut x[..n], intercept);
    let value = match objective.value(&x) {
        Ok(value) => value + penalty.value(&s.x),
        Err(Halt::Failed(error)) => return Err(error),
        Err(_) => return Err("the value of the answer could not be computed".into()),
    };
    let cost = (value - s.value).max(0.0);
    let lost = lost(s, value);
    s.value = value;
    if let Some(c) = &mut s.certificate
        && c.kind.proves()
    {
        c.bound += cost;
        // Rounding that costs more than a millionth of what was lost at the start is no limit of the arithmetic: other
        // coefficients may be rounded better. Of straight parts it costs as much as it moves margins, not its square: a
        // millionth of what is lost at the end is what it may cost there, or of an exact fit what rounding has left.
        let straight = objective.loss.straight();
        c.rounding +=
            (4.0 * cost).min(if straight { (1e-6 * value).max(1e-12 * lost) } else { 1e-6 * lost });
    }
    s.status = s.status.clone().admitted(s.certificate.as_ref());
    Ok(())
}

/// Runs a descent to its end, kept in a file where that was asked for, whatever ends it.
fn drive(
    kept: &mut Option<Checkpoint>,
    descent: &mut Descent,
    glm: &mut dyn Objective,
    penalty: &dyn Penalty,
    step: impl FnMut(&mut Descent, &mut dyn Objective) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    if let Some(kept) = kept {
        kept.begin(descent, glm, penalty)?;
    }
    let ran = run(kept, descent, glm, step);
    match kept {
        Some(kept) => ran.and(kept.end(descent, glm)),
        None => ran,
    }
}

impl Work<'_> {
    /// How close to the optimum it goes: as asked for, or closer where that is as good as free.
    fn aim(&self) -> f64 {
        let offers = self.penalty.offers();
        let plain = self.method.is_none() && self.held.is_none() && offers.smooth && !offers.bounds;
        let numbers = self.design.rows() * self.start.len();
        let asked = self.stop.tolerance;
        if plain && numbers <= SMALL { asked.min(FINE) } else { asked }
    }
    /// The descent, and the method that it took with the reason.
    fn run(
        self,
        watcher: &mut Watcher,
        kept: &mut Option<Checkpoint>,
    ) -> Result<(Solution, &'static str, String), Failure> {
        let aim = self.aim();
        let Work { design, target, weight, intercept, free_intercept, .. } = self;
        let loss = self.loss;
        let lay = Lay::new(loss, design.columns(), intercept);
        let mut glm = Glm::new(design, loss, target, weight, intercept)?;
        let name = self.method.as_ref().map(|m| m.0.as_str());
        let settings = self.method.as_ref().map_or(&[][..], |m| &m.1);
        let chosen = choose(name, settings, &Around::default(), &facts(&mut glm, &*self.penalty))?;
        let mut moved: Option<Box<dyn Penalty>> = None;
        if design.holds() < design.rows() {
            let given = self.start.iter().any(|x| *x != 0.0);
            let mut rows = looked_at(design.rows());
            rows.extend(chosen.method.foresees(&mut glm, given).unwrap_or_default());
            rows.sort_unstable();
            rows.dedup();
            design.hold_named(&rows);
        }
        let mut seen = Standardised::far(design, free_intercept);
        let all = chosen.standardise.then(|| Standardised::all(design, free_intercept));
        for other in [all.clone(), seen.clone()].into_iter().flatten() {
            if other.scale().iter().all(|s| *s == 1.0) {
                continue;
            }
            let scale = |j: usize| lay.column(j).map_or(1.0, |c| 1.0 / other.scale()[c]);
            let scales: Vec<f64> = (0..self.start.len()).map(scale).collect();
            if let Some(penalty) = self.penalty.rescaled(&scales) {
                (moved, seen) = (Some(penalty), Some(other));
                break;
            }
        }
        if moved.is_none() {
            seen = all.or(seen).and_then(Standardised::unscaled);
        }
        let penalty = moved.as_ref().map_or(&*self.penalty, |p| &**p);
        let rows: &dyn Design = seen.as_ref().map_or(design, |s| s);
        let mut start = self.start.clone();
        if let Some(seen) = &seen {
            seen.inward(&mut start[..lay.seen()], intercept);
            glm = Glm::new(rows, loss, target, weight, intercept)?;
        }
        let variables = lay.seen();
        let mut watch = Raw { watcher, seen: seen.as_ref(), intercept, variables };
        let mut descent = Descent::new(chosen.method, &start, Stop { tolerance: aim, ..self.stop });
        let mut s = match self.held {
            None => {
                drive(kept, &mut descent, &mut glm, penalty, |descent, glm| {
                    descent.advance(glm, penalty, &mut watch)
                })?;
                descent.settle(&mut glm, penalty)?;
                descent.solution()
            }
            Some(h) => {
                let aside = seen.as_ref().map(|s| s.alike(h.design));
                let rows: &dyn Design = aside.as_ref().map_or(h.design, |s| s);
                let mut objective = Glm::new(rows, loss, h.target, h.weight, intercept)?;
                let mut held = HeldOut { objective: &mut objective, patience: h.patience };
                drive(kept, &mut descent, &mut glm, penalty, |descent, glm| {
                    descent.advance_held(glm, penalty, &mut held, &mut watch)
                })?;
                descent.end_held(&mut glm, penalty)?
            }
        };
        if self.stop.iterations == 0 {
            // Not a step was allowed, and so none is taken, not even the first one to the best intercepts.
            s.value = glm.value(&start).map_err(|_| "the value could not be found")?
                + self.penalty.value(&self.start);
            (s.x, s.certificate, s.gradient) = (start.clone(), None, None);
        }
        if aim < self.stop.tolerance {
            relax(&mut s, self.stop.tolerance / aim);
        }
        if let Some(seen) = &seen {
            brought_back(&mut s, seen, &mut glm, &*self.penalty)?;
        }
        if self.narrow && s.value.is_finite() {
            let mut glm = Glm::new(design, loss, target, weight, intercept)?;
            narrow(&mut s, &mut glm, &*self.penalty)?;
        }
        Ok((s, chosen.name, chosen.reason))
    }
}

/// Rounds the point to single precision, as it is handed over, and adds what that costs to what is known of it.
fn narrow(s: &mut Solution, glm: &mut Glm<'_>, penalty: &dyn Penalty) -> Result<(), Failure> {
    let width = glm.width();
    if glm.loss.level() && glm.intercept {
        // A common shift of all intercepts changes nothing, and small numbers are rounded less.
        let mean = s.x.iter().skip(width - 1).step_by(width).sum::<f64>() / glm.outputs() as f64;
        s.x.iter_mut().skip(width - 1).step_by(width).for_each(|b| *b -= mean);
    }
    s.x.iter_mut().for_each(|x| *x = f64::from(*x as f32));
    // Of all rows: a claim rests on no sample of them.
    let value = glm.value(&s.x).map_err(|_| "the value could not be found")? + penalty.value(&s.x);
    let (more, lost) = ((value - s.value).max(0.0), lost(s, value));
    s.value = value;
    if let Some(c) = &mut s.certificate {
        c.bound += more;
        // Where single precision costs more than this, what is handed over is no success.
        c.rounding += (2.0 * more).min(1e-6 * lost);
        if s.status.success() && c.kind.proves() {
            s.status = Status::PrecisionLimit.admitted(Some(c));
        }
    }
    Ok(())
}

/// The words for the first value that is not finite.
pub fn name_of_bad(design: &dyn Design, names: Option<&[String]>) -> Option<String> {
    refusal::table("X", design).map(|refusal| worded(&refusal, names))
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
    fn rows<'a>(&'a self, design: &'a dyn Design, patience: u64) -> PyResult<Held<'a>> {
        let weight = self.weight.as_ref().map(|w| w.as_slice()).transpose()?;
        Ok(Held { design, target: self.target.as_slice()?, weight, patience })
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
        (Some((aside, patience)), Some(design)) => Some(aside.rows(&**design, *patience)?),
        _ => None,
    };
    let base = model.block().map_err(refused)?;
    let lay = Lay::new(&*base, columns, model.intercept);
    let start = match start {
        Some(s) => s.as_slice()?.to_vec(),
        None => vec![0.0; lay.dim()],
    };
    let mut watcher = Watcher::new(callback, watch);
    let intercept = model.intercept;
    let mut kept = checkpoint.map(|asked| Checkpoint::new(py, asked)).transpose()?;
    let fitted = enter(py, || {
        if start.len() != lay.dim() || start.iter().any(|v| !v.is_finite()) {
            let (want, got) = (lay.dim(), start.len());
            return Err(format!("start must be {want} finite numbers; got {got}").into());
        }
        refusal::targets("y", target, |t| base.refuses(t))?;
        weight.map(|w| refusal::weights("sample_weight", w)).transpose()?;
        let shifted = offset.map(|o| Offset::new(&*base, target, o)).transpose()?;
        let keys = shifted.as_ref().map(Offset::keys);
        if shifted.is_some() && held.is_some() {
            return Err(
                "held-out rows take no offset: fit without them, or without an offset".into()
            );
        }
        let work = Work {
            design: &*design,
            penalty: model.penalty(lay)?,
            target: keys.as_deref().unwrap_or(target),
            weight,
            intercept: model.intercept,
            free_intercept: model.intercept && model.intercept_penalty == 0.0,
            method: model.method.clone(),
            start,
            stop: stop.stop(model.method.is_some())?,
            held,
            loss: shifted.as_ref().map_or(&*base, |s| s),
            narrow: model.narrow,
        };
        with_threads(threads, || {
            let answer = work.run(&mut watcher, &mut kept)?;
            // What is not finite reaches the value, so the table is searched only where that happened.
            let sound = answer.0.value.is_finite() && answer.0.x.iter().all(|v| v.is_finite());
            if let Some(why) = design.unreadable() {
                return Err(why.into());
            }
            if (!sound || matches!(answer.0.status, Status::NotFinite(_)))
                && let Some(bad) = name_of_bad(&*design, names.as_deref())
            {
                return Err(bad.into());
            }
            Ok(answer)
        })
    })
    .map_err(|error| table.raised().unwrap_or(error));
    if let (Err(_), Some(kept)) = (&fitted, &mut kept) {
        kept.called_off(py)?;
    }
    let (s, method, reason) = fitted?;
    let d = to_dict(py, &s, &Story { method, reason: &reason })?;
    let mut coefficients = Vec::with_capacity(lay.seen());
    let mut intercepts = Vec::with_capacity(lay.margins);
    for x in s.x[..lay.seen()].chunks_exact(lay.width) {
        coefficients.extend_from_slice(&x[..columns]);
        intercepts.extend(intercept.then(|| x[columns]));
    }
    d.set_item("coefficients", PyArray1::from_vec(py, coefficients))?;
    d.set_item("intercept", PyArray1::from_vec(py, intercepts))?;
    d.set_item("learnt", PyArray1::from_vec(py, s.x[lay.seen()..].to_vec()))?;
    Ok(d)
}
