//! The method that was asked for, or the one that suits: methods and rules share one namespace.
use super::proved::Proved;
use super::ruled::{Group, PARAMETERS, Plan, Schedule};
use super::{METHODS, at_work};
use crate::chain::Named;
use crate::method::{Entry, Method};
use crate::problem::Facts;
use crate::refusal::Refusal;
use crate::rules::RULES;
use crate::settings::{checked, nearest};

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

/// Around a rule: the rules that turn the gradient before it and the step after it, tensors that have others, and how its
/// rate changes over the run.
#[derive(Default)]
pub struct Around<'a> {
    /// The rules before it, in order.
    pub before: &'a [Named<'a>],
    /// The rules after it, in order.
    pub after: &'a [Named<'a>],
    /// Tensors with rules of their own.
    pub groups: Vec<Group>,
    /// The schedule of its rate.
    pub schedule: Option<Schedule>,
}

fn refusal(why: impl Into<String>) -> Refusal {
    Refusal::of("method", why)
}

/// The method named, with settings by name; without a name the one that promises the fewest passes.
pub fn choose(
    name: Option<&str>,
    settings: &[(&str, f64)],
    around: Around<'_>,
    facts: &Facts,
) -> Result<Chosen, Refusal> {
    let Some(name) = name else {
        let (entry, reason) = suited(settings, facts)?;
        return built(entry, settings, reason);
    };
    if let Some(entry) = METHODS.iter().find(|e| e.name == name) {
        accepted(entry, facts)?;
        return built(entry, settings, "asked for".into());
    }
    if RULES.iter().all(|r| r.name != name) {
        let names = METHODS.iter().map(|e| e.name).chain(RULES.iter().map(|r| r.name));
        return Err(refusal(format!("no method is called '{name}'{}", nearest(name, names))));
    }
    ruled(name, settings, around, facts)
}

/// Of those that can take the problem on and have the settings given, the one of fewest predicted passes.
pub fn suited(
    settings: &[(&str, f64)],
    facts: &Facts,
) -> Result<(&'static Entry, String), Refusal> {
    let knows =
        |e: &Entry| settings.iter().all(|(key, _)| e.parameters.iter().any(|p| p.name == *key));
    let able = METHODS.iter().filter(|e| knows(e) && e.refusal(facts, METHODS).is_none());
    able.filter_map(|e| Some((e, (e.suits)(facts)?)))
        .min_by(|a, b| a.1.passes.total_cmp(&b.1.passes))
        .map(|(e, suit)| (e, suit.reason))
        .ok_or_else(|| refusal(none_suits(settings, facts)))
}

/// Why no method takes a problem on: what goes wrong together, as far as that is known.
fn none_suits(settings: &[(&str, f64)], facts: &Facts) -> String {
    if facts.constraints > 0 && !facts.offers.bounds {
        return format!(
            "constraints cannot go with the penalty {}: leave one of them out, or write the penalty as constraints",
            facts.penalty
        );
    }
    let names: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
    if names.is_empty() {
        return "no method can take this problem on".into();
    }
    format!(
        "no method takes this problem on that has the options {}: name a method, or leave them out",
        names.join(", ")
    )
}

/// The rule of that name as a method: what it does not know itself is how it is run.
fn ruled(
    name: &str,
    settings: &[(&str, f64)],
    around: Around<'_>,
    facts: &Facts,
) -> Result<Chosen, Refusal> {
    let run = |key: &str| PARAMETERS.iter().any(|p| p.name == key);
    let (how, own): (Vec<_>, Vec<_>) = settings.iter().copied().partition(|(key, _)| run(key));
    let chain = [around.before, &[(name, &own)], around.after].concat();
    let mut plan = Plan::new(&chain).and_then(|p| p.set(&how)).map_err(refusal)?;
    (plan.groups, plan.schedule) = (around.groups, around.schedule);
    let entry = plan.entry();
    accepted(&entry, facts)?;
    let method = Box::new(Proved::new(plan.method()));
    Ok(Chosen { name: entry.name, reason: "asked for".into(), method, standardise: true })
}

fn built(entry: &Entry, settings: &[(&str, f64)], reason: String) -> Result<Chosen, Refusal> {
    let values = checked(entry.name, entry.parameters, settings).map_err(refusal)?;
    let (name, method) = (entry.name, at_work(entry, &values));
    Ok(Chosen { name, reason, method, standardise: !entry.needs.glm })
}

fn accepted(entry: &Entry, facts: &Facts) -> Result<(), Refusal> {
    entry.refusal(facts, METHODS).map_or(Ok(()), |why| Err(refusal(why)))
}
