//! A method by name, or the one that suits, as Python says it: the choice is the core's.
use crate::calling::call;
use crate::enter::{exception, refused};
use crate::watch::failed;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;
use steepest::chain::Named;
use steepest::methods::ruled::{Group, LAST, Schedule};
use steepest::methods::{self, Chosen};
use steepest::problem::Facts;

use steepest::settings::{Spec, borrowed};

/// How a rate changes over the run, as Python says it.
#[derive(FromPyObject)]
pub enum Changing {
    /// A schedule of the registry with its settings.
    Named(String, Vec<(String, f64)>),
    /// Several, each for so many steps; the last for the rest.
    Pieces(Vec<(Changing, Option<u64>)>),
    /// A function of the steps taken so far.
    Function(Py<PyAny>),
}

impl Changing {
    fn schedule(&self) -> PyResult<Schedule> {
        Ok(match self {
            Changing::Named(name, settings) => {
                Schedule::named(name, &borrowed(settings)).map_err(refused)?
            }
            Changing::Pieces(pieces) => Schedule::Pieces(
                pieces
                    .iter()
                    .map(|(piece, steps)| Ok((piece.schedule()?, steps.unwrap_or(LAST))))
                    .collect::<PyResult<_>>()?,
            ),
            Changing::Function(function) => {
                let function = Python::attach(|py| function.clone_ref(py));
                Schedule::Function(Arc::new(move |taken| {
                    Python::attach(|py| factor(function.bind(py), taken)).map_err(failed)
                }))
            }
        })
    }
}

/// What a function of the caller's says of the rate.
fn factor(function: &Bound<'_, PyAny>, taken: u64) -> PyResult<f64> {
    let answer = call(function, &PyTuple::new(function.py(), [taken])?)?;
    let rate = answer.extract::<f64>().or_else(|_| answer.call_method0("item")?.extract());
    match rate {
        Ok(rate) if rate >= 0.0 && rate.is_finite() => Ok(rate),
        _ => Err(refused(format!(
            "the function of the rate must return a number of at least 0; got {} after {taken} steps",
            answer.repr()?
        ))),
    }
}

/// Tensors with rules of their own: those, the ratio of their rate to that of the rule, its schedule, and which tensors.
pub type Grouped = (Vec<Spec>, Option<f64>, Option<Changing>, Vec<usize>);

/// Around a rule: the rules before and after it, tensors that have others, and how its rate changes over the run.
#[derive(Default)]
pub struct Around {
    /// The rules before it, in order.
    pub before: Vec<Spec>,
    /// The rules after it, in order.
    pub after: Vec<Spec>,
    /// Tensors with rules of their own.
    pub groups: Vec<Grouped>,
    /// The schedule of its rate.
    pub schedule: Option<Changing>,
}

/// Rules with their settings lent.
fn lent(rules: &[Spec]) -> Vec<(&str, Vec<(&str, f64)>)> {
    rules.iter().map(|(name, settings)| (name.as_str(), borrowed(settings))).collect()
}

fn named<'a>(rules: &'a [(&'a str, Vec<(&'a str, f64)>)]) -> Vec<Named<'a>> {
    rules.iter().map(|(name, settings)| (*name, &settings[..])).collect()
}

/// The method named, with settings by name; without a name the one that suits best.
pub fn choose(
    name: Option<&str>,
    settings: &[(String, f64)],
    around: &Around,
    facts: &Facts,
) -> PyResult<Chosen> {
    let [before, after] = [&around.before, &around.after].map(|rules| lent(rules));
    let [before, after] = [&before, &after].map(|rules| named(rules));
    let grouped = |(rules, ratio, schedule, tensors): &Grouped| -> PyResult<Group> {
        let group = Group::new(&named(&lent(rules)), tensors).map_err(refused)?;
        let schedule = schedule.as_ref().map(Changing::schedule).transpose()?;
        Ok(Group { ratio: *ratio, schedule, ..group })
    };
    let groups = around.groups.iter().map(grouped).collect::<Result<_, _>>()?;
    let schedule = around.schedule.as_ref().map(Changing::schedule).transpose()?;
    let around = methods::Around { before: &before, after: &after, groups, schedule };
    methods::choose(name, &borrowed(settings), around, facts).map_err(|r| exception(r.into()))
}

/// Unless asked otherwise, a function is given up after as many steps, and a table by a method that was named.
pub const ITERATIONS: u64 = 100_000;
/// The same for evaluations; or, of many variables, after so many for each, since a gradient by differences takes one or
/// two for each.
const EVALUATIONS: u64 = 100_000;
const EACH: u64 = 2_000;

/// Evaluations at most of a function of so many variables, unless asked otherwise.
pub fn evaluations(n: usize) -> u64 {
    EVALUATIONS.max(EACH.saturating_mul(n as u64))
}
