//! The method that was asked for, or the one that suits: methods and rules share one namespace.
use crate::calling::call;
use crate::enter::refused;
use crate::watch::failed;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;
use steepest::method::{Entry, Method};
use steepest::methods::proved::Proved;
use steepest::methods::ruled::{LAST, PARAMETERS, Plan, Schedule};
use steepest::methods::{METHODS, at_work};
use steepest::problem::Facts;
use steepest::rules::RULES;
use steepest::settings::{checked, nearest};

/// A method ready to run.
pub struct Chosen {
    /// Its name.
    pub name: &'static str,
    /// Why that one.
    pub reason: String,
    /// It.
    pub method: Box<dyn Method + Send>,
    /// Whether it depends on the scales of a table's columns, having none of its own.
    pub standardise: bool,
}

/// An entry of a registry with settings by name.
pub type Given = (String, Vec<(String, f64)>);

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

/// Around a rule: the rules that turn the gradient before it and the step after it, and how its rate changes over the run.
#[derive(Default)]
pub struct Around {
    /// The rules before it, in order.
    pub before: Vec<Given>,
    /// The rules after it, in order.
    pub after: Vec<Given>,
    /// The schedule of its rate.
    pub schedule: Option<Changing>,
}

/// The method named, with settings by name; without a name the one that promises the fewest passes.
pub fn choose(
    name: Option<&str>,
    settings: &[(String, f64)],
    around: &Around,
    facts: &Facts,
) -> PyResult<Chosen> {
    let given = borrowed(settings);
    let Some(name) = name else {
        let (entry, reason) = suited(&given, facts)?;
        return built(entry, &given, reason);
    };
    if let Some(entry) = METHODS.iter().find(|e| e.name == name) {
        accepted(entry, facts)?;
        return built(entry, &given, "asked for".into());
    }
    if RULES.iter().all(|r| r.name != name) {
        let near =
            nearest(name, METHODS.iter().map(|e| e.name).chain(RULES.iter().map(|r| r.name)));
        return Err(refused(format!("no method is called '{name}'{near}")));
    }
    ruled(name, &given, around, facts)
}

fn borrowed(settings: &[(String, f64)]) -> Vec<(&str, f64)> {
    settings.iter().map(|(k, v)| (k.as_str(), *v)).collect()
}

/// The rule of that name as a method: what it does not know itself is how it is run.
fn ruled(name: &str, given: &[(&str, f64)], around: &Around, facts: &Facts) -> PyResult<Chosen> {
    let run = |key: &str| PARAMETERS.iter().any(|p| p.name == key);
    let (how, own): (Vec<_>, Vec<_>) = given.iter().copied().partition(|(key, _)| run(key));
    let [before, after] = [&around.before, &around.after]
        .map(|rules| rules.iter().map(|(n, s)| (n.as_str(), borrowed(s))).collect::<Vec<_>>());
    let chain: Vec<_> = (before.iter().map(|(n, s)| (*n, &s[..])))
        .chain([(name, &own[..])])
        .chain(after.iter().map(|(n, s)| (*n, &s[..])))
        .collect();
    let mut plan = Plan::new(&chain).and_then(|p| p.set(&how)).map_err(refused)?;
    plan.schedule = around.schedule.as_ref().map(Changing::schedule).transpose()?;
    let entry = plan.entry();
    accepted(&entry, facts)?;
    let method = Box::new(Proved::new(plan.method()));
    Ok(Chosen { name: entry.name, reason: "asked for".into(), method, standardise: true })
}

fn built(entry: &Entry, given: &[(&str, f64)], reason: String) -> PyResult<Chosen> {
    let values = checked(entry.name, entry.parameters, given).map_err(refused)?;
    Ok(Chosen {
        name: entry.name,
        reason,
        method: at_work(entry, &values),
        standardise: !entry.needs.glm,
    })
}

fn accepted(entry: &Entry, facts: &Facts) -> PyResult<()> {
    entry.refusal(facts, METHODS).map_or(Ok(()), |refusal| Err(refused(refusal)))
}

/// Of those that can take the problem on and have the settings given, the one of fewest predicted passes.
fn suited(given: &[(&str, f64)], facts: &Facts) -> PyResult<(&'static Entry, String)> {
    let knows =
        |e: &Entry| given.iter().all(|(key, _)| e.parameters.iter().any(|p| p.name == *key));
    let able = METHODS.iter().filter(|e| knows(e) && e.refusal(facts, METHODS).is_none());
    able.filter_map(|e| Some((e, (e.suits)(facts)?)))
        .min_by(|a, b| a.1.passes.total_cmp(&b.1.passes))
        .map(|(e, suit)| (e, suit.reason))
        .ok_or_else(|| refused("no method can take this problem on with these options"))
}
