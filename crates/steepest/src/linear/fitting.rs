//! The descent of a linear model: the table as the method sees it, closer than asked for where that is free, and back.
use super::{Failure, FittedLinear, How, Lay, Linear, Observations};
use crate::descend::{Descent, HeldOut, Keeps, Solution, Unkept, kept};
use crate::design::Design;
use crate::designs::standardised::{Standardised, looked_at};
use crate::glm::Glm;
use crate::health::{Finding, Severity};
use crate::loss::Block;
use crate::loss::offset::Offset;
use crate::methods::{Around, choose};
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::problem::facts;
use crate::refusal;
use crate::settings::{Spec, borrowed};
use crate::status::{Halt, Status, single};
use crate::watch::{Progress, Stop, Unwatched, Watch};
use std::time::Instant;

/// Numbers of a table that is small enough to be solved closer than was asked for: where columns are nearly dependent
/// a small distance in F is a large one in the coefficients, and here it costs nothing.
const SMALL: usize = 200_000;
/// What such a table is solved to.
const FINE: f64 = 1e-13;

/// Everything the loop needs, owned or borrowed from arrays that outlive it.
struct Work<'a> {
    design: &'a dyn Design,
    loss: &'a dyn Block,
    /// In turn, each from where the descent under the one before has ended; of the same kind.
    penalties: &'a [Box<dyn Penalty>],
    target: &'a [f64],
    weight: Option<&'a [f64]>,
    intercept: bool,
    /// Whether the intercept is there and nothing holds it.
    free_intercept: bool,
    method: Option<&'a Spec>,
    start: Vec<f64>,
    stop: Stop,
    held: Option<(Observations<'a>, u64)>,
    narrow: bool,
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
    watch: &'a mut dyn Watch,
    seen: Option<&'a Standardised<'a>>,
    intercept: bool,
    /// Variables that are coefficients or intercepts.
    variables: usize,
}

impl Watch for Raw<'_> {
    fn iteration(&mut self, progress: &Progress<'_>) -> Result<(), Halt> {
        let Some(seen) = self.seen else { return self.watch.iteration(progress) };
        let mut x = progress.x.to_vec();
        seen.out(&mut x[..self.variables], self.intercept);
        self.watch.iteration(&Progress { x: &x, ..*progress })
    }
    fn poll(&mut self) -> Result<(), Halt> {
        self.watch.poll()
    }
}

/// What was lost where the descent began, or is lost at the `value` of the point returned, if that is more.
fn lost(s: &Solution, value: f64) -> f64 {
    let first = s.history.first().map_or(0.0, |r| r.value.abs());
    if first.is_finite() { first.max(value.abs()) } else { value.abs() }
}

/// Takes what lies beyond bounds back to them.
fn hold(x: &mut [f64], penalty: &dyn Penalty) {
    for (j, x) in x.iter_mut().enumerate() {
        let (low, high) = penalty.bounds(j);
        // What is no number stays none.
        *x = if *x < low {
            low
        } else if *x > high {
            high
        } else {
            *x
        };
    }
}

/// The nearest number of single precision; where that lies beyond a bound and the next one does not, the next one.
fn narrowed(x: f64, (low, high): (f64, f64)) -> f64 {
    let near = x as f32;
    let inward = match f64::from(near) {
        v if v < low => near.next_up(),
        v if v > high => near.next_down(),
        _ => near,
    };
    let within = (low..=high).contains(&f64::from(inward));
    f64::from(if within { inward } else { near })
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
    // A bound is met exactly, not to an ulp of another variable.
    hold(&mut s.x, penalty);
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
        // The value there is rounded as the margins are that cost it: it may be as much again.
        c.bound += 2.0 * cost;
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

/// A descent, and the method that it took with the reason.
type Descended = (Solution, &'static str, String);

impl Work<'_> {
    /// How close to the optimum it goes: as asked for, or closer where that is as good as free.
    fn aim(&self) -> f64 {
        let offers = self.penalties[0].offers();
        let plain = self.method.is_none() && self.held.is_none() && offers.smooth && !offers.bounds;
        let numbers = self.design.rows() * self.start.len();
        let asked = self.stop.tolerance;
        if plain && numbers <= SMALL { asked.min(FINE) } else { asked }
    }
    /// The descents: fewer than there are penalties where one was stopped, or time has run out.
    fn run(self, watch: &mut dyn Watch, keep: &mut dyn Keeps) -> Result<Vec<Descended>, Failure> {
        let aim = self.aim();
        let Work { design, target, weight, intercept, free_intercept, .. } = self;
        let (loss, first) = (self.loss, &*self.penalties[0]);
        let lay = Lay::new(loss, design.columns(), intercept);
        let mut glm = Glm::new(design, loss, target, weight, intercept)?;
        let name = self.method.map(|m| m.0.as_str());
        let settings = self.method.map_or_else(Vec::new, |m| borrowed(&m.1));
        let known = facts(&mut glm, first);
        let taken = || choose(name, &settings, Around::default(), &known);
        let mut chosen = taken()?;
        if design.holds() < design.rows() {
            let given = self.start.iter().any(|x| *x != 0.0);
            let mut rows = looked_at(design.rows());
            rows.extend(chosen.method.foresees(&mut glm, given).unwrap_or_default());
            rows.sort_unstable();
            rows.dedup();
            design.hold_named(&rows);
        }
        let mut scales: Option<Vec<f64>> = None;
        let mut seen = Standardised::far(design, free_intercept);
        let all = chosen.standardise.then(|| Standardised::all(design, free_intercept));
        for other in [all.clone(), seen.clone()].into_iter().flatten() {
            if other.scale().iter().all(|s| *s == 1.0) {
                continue;
            }
            let scale = |j: usize| lay.column(j).map_or(1.0, |c| 1.0 / other.scale()[c]);
            let each: Vec<f64> = (0..self.start.len()).map(scale).collect();
            if first.rescaled(&each).is_some() {
                (scales, seen) = (Some(each), Some(other));
                break;
            }
        }
        if scales.is_none() {
            seen = all.or(seen).and_then(Standardised::unscaled);
        }
        let rows: &dyn Design = seen.as_ref().map_or(design, |s| s);
        let mut start = self.start.clone();
        if let Some(seen) = &seen {
            seen.inward(&mut start[..lay.seen()], intercept);
            glm = Glm::new(rows, loss, target, weight, intercept)?;
        }
        let variables = lay.seen();
        let mut watch = Raw { watch, seen: seen.as_ref(), intercept, variables };
        let begun = Instant::now();
        let mut found = Vec::with_capacity(self.penalties.len());
        for (k, given) in self.penalties.iter().enumerate() {
            let spent = if k == 0 { 0.0 } else { begun.elapsed().as_secs_f64() };
            let seconds = self.stop.seconds - spent;
            if k > 0 && seconds <= 0.0 {
                break;
            }
            let moved = scales.as_ref().and_then(|scales| given.rescaled(scales));
            let penalty = moved.as_ref().map_or(&**given, |p| &**p);
            let stop = Stop { tolerance: aim, seconds, ..self.stop };
            let mut descent = Descent::new(chosen.method, &start, stop);
            let (mut s, used) = match self.held {
                None => {
                    kept(keep, &mut descent, &mut glm, penalty, |descent, glm| {
                        descent.advance(glm, penalty, &mut watch)
                    })?;
                    descent.settle(&mut glm, penalty)?;
                    (descent.so_far(), Some(descent.method))
                }
                Some((h, patience)) => {
                    let aside = seen.as_ref().map(|s| s.alike(h.design));
                    let rows: &dyn Design = aside.as_ref().map_or(h.design, |s| s);
                    let mut objective = Glm::new(rows, loss, h.target, h.weight, intercept)?;
                    let mut held = HeldOut::new(&mut objective, patience, 0.0);
                    kept(keep, &mut descent, &mut glm, penalty, |descent, glm| {
                        descent.advance_held(glm, penalty, &mut held, &mut watch)
                    })?;
                    (descent.end_held(&mut glm, penalty)?, None)
                }
            };
            if self.stop.iterations == 0 {
                // Not a step was allowed, and so none is taken, not even the first one to the best intercepts.
                s.value = glm.value(&start).map_err(|_| "the value could not be found")?
                    + given.value(&self.start);
                (s.x, s.certificate, s.gradient) = (start.clone(), None, None);
            }
            if s.x.iter().all(|x| x.is_finite()) {
                start.clone_from(&s.x);
            }
            if aim < self.stop.tolerance {
                relax(&mut s, self.stop.tolerance / aim);
            }
            if let Some(seen) = &seen {
                brought_back(&mut s, seen, &mut glm, &**given)?;
            }
            if self.narrow && s.value.is_finite() {
                let mut glm = Glm::new(design, loss, target, weight, intercept)?;
                narrow(&mut s, &mut glm, &**given, self.stop.tolerance)?;
            }
            let stopped = s.status == Status::Stopped;
            found.push((s, chosen.name, chosen.reason.clone()));
            if stopped || k + 1 == self.penalties.len() {
                break;
            }
            match used.filter(|method| method.serves_again()) {
                Some(method) => chosen.method = method,
                None => chosen = taken()?,
            }
        }
        Ok(found)
    }
}

/// Rounds the point to single precision, as it is handed over, and adds what that costs to what is known of it.
fn narrow(
    s: &mut Solution,
    glm: &mut Glm<'_>,
    penalty: &dyn Penalty,
    tolerance: f64,
) -> Result<(), Failure> {
    let width = glm.width();
    if glm.loss.level() && glm.intercept {
        // A common shift of all intercepts changes nothing, and small numbers are rounded less.
        let mean = s.x.iter().skip(width - 1).step_by(width).sum::<f64>() / glm.outputs() as f64;
        s.x.iter_mut().skip(width - 1).step_by(width).for_each(|b| *b -= mean);
    }
    s.x.iter_mut().enumerate().for_each(|(j, x)| *x = narrowed(*x, penalty.bounds(j)));
    // Where no number of single precision lies within bounds, the nearest stands for them.
    let mut held = s.x.clone();
    hold(&mut held, penalty);
    // Of all rows: a claim rests on no sample of them.
    let value = glm.value(&s.x).map_err(|_| "the value could not be found")? + penalty.value(&held);
    let (more, lost) = ((value - s.value).max(0.0), lost(s, value));
    s.value = value;
    // Where it costs more than this, what is handed over is no success.
    let may = single(value, lost);
    let claimed = matches!(s.status, Status::Converged | Status::PrecisionLimit);
    match &mut s.certificate {
        Some(c) if c.kind.proves() => {
            c.bound += more;
            c.rounding += (2.0 * more).min(may);
            if claimed {
                s.status = Status::PrecisionLimit.admitted(Some(c));
            }
        }
        // What such a certificate measures is no distance of values.
        _ if claimed && more > may.max(tolerance * value) => s.status = Status::Plateau,
        _ => {}
    }
    if claimed && s.status == Status::Plateau {
        s.findings.push(Finding {
            kind: "rounded",
            severity: Severity::Problem,
            sentence: format!(
                "Rounded to float32, as they are handed over, the coefficients cost {more:.2e} more than before, beside a value of {value:.2e}."
            ),
            evidence: vec![("cost", more), ("value", value)],
            threshold: may,
            remedy: "Pass X as float64; or take what all numbers of a column have in common off it."
                .into(),
        });
    }
    Ok(())
}

impl Linear {
    /// Fits it. An argument that cannot be used is refused; how the descent ended is on the solution.
    pub fn fit(&self, rows: &Observations<'_>, how: How<'_>) -> Result<FittedLinear, Failure> {
        let mut fitted = self.along(rows, &[self.alpha], how)?;
        fitted.pop().ok_or_else(|| "nothing was fitted".into())
    }

    /// Fits it at each weight of the penalty in turn, each from where the one before has ended; what is known of the table
    /// is found out once. Fewer, where it was stopped or the seconds for all of them have run out; other budgets are those
    /// of each.
    pub fn along(
        &self,
        rows: &Observations<'_>,
        alphas: &[f64],
        how: How<'_>,
    ) -> Result<Vec<FittedLinear>, Failure> {
        let lay = Lay::new(&*self.block()?, rows.design.columns(), self.intercept);
        let at = |alpha: &f64| Linear { alpha: *alpha, ..self.clone() }.bounded(lay);
        let penalties: Vec<_> = alphas.iter().map(at).collect::<Result<_, _>>()?;
        self.under(penalties, rows, how)
    }

    /// The same under each of these penalties.
    pub(super) fn under(
        &self,
        penalties: Vec<Box<dyn Penalty>>,
        rows: &Observations<'_>,
        how: How<'_>,
    ) -> Result<Vec<FittedLinear>, Failure> {
        let Observations { design, target, weight, offset } = *rows;
        let base = self.block()?;
        let lay = Lay::new(&*base, design.columns(), self.intercept);
        let start = how.start.unwrap_or_else(|| vec![0.0; lay.dim()]);
        if start.len() != lay.dim() || start.iter().any(|v| !v.is_finite()) {
            let (want, got) = (lay.dim(), start.len());
            return Err(format!("start must be {want} finite numbers; got {got}").into());
        }
        refusal::targets("y", target, |t| base.refuses(t))?;
        weight.map(|w| refusal::weights("sample_weight", w)).transpose()?;
        let shifted = offset.map(|o| Offset::new(&*base, target, o)).transpose()?;
        let keys = shifted.as_ref().map(Offset::keys);
        let offsets = how.held.is_some_and(|(rows, _)| rows.offset.is_some());
        if (shifted.is_some() && how.held.is_some()) || offsets {
            return Err(
                "held-out rows take no offset: fit without them, or without an offset".into()
            );
        }
        let work = Work {
            design,
            penalties: &penalties,
            target: keys.as_deref().unwrap_or(target),
            weight,
            intercept: self.intercept,
            free_intercept: self.intercept && self.intercept_penalty == 0.0,
            method: self.method.as_ref(),
            start,
            stop: how.stop,
            held: how.held,
            loss: shifted.as_ref().map_or(&*base, |s| s),
            narrow: self.narrow,
        };
        let (mut nobody, mut nowhere) = (Unwatched, Unkept);
        let (watch, keep) = (how.watch.unwrap_or(&mut nobody), how.keep.unwrap_or(&mut nowhere));
        let found = work.run(watch, keep)?;
        // What is not finite reaches the value, so the table is searched only where that happened.
        let sound = |s: &Solution| s.value.is_finite() && s.x.iter().all(|v| v.is_finite());
        let strange = |(s, ..): &Descended| !sound(s) || matches!(s.status, Status::NotFinite(_));
        if let Some(why) = design.unreadable() {
            return Err(why.into());
        }
        if found.iter().any(strange)
            && let Some(bad) = refusal::table("X", design)
        {
            return Err(bad.into());
        }
        let fitted = |((solution, method, reason), penalty): (Descended, &dyn Penalty)| {
            let made = (self.loss.clone(), self.outputs, self.block()?);
            let mut held = solution.x.clone();
            hold(&mut held, penalty);
            let loss = solution.value - penalty.value(&held);
            Ok(FittedLinear { loss, ..FittedLinear::new(solution, method, reason, made, lay) })
        };
        found.into_iter().zip(penalties.iter().map(|p| &**p)).map(fitted).collect()
    }
}
