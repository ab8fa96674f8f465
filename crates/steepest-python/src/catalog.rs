//! The registries as Python sees them: plain dictionaries, read once by `_catalog.py`.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use steepest::loss::Outputs;
use steepest::numbers::trace::{Op, Program};
use steepest::rule::Scope;
use steepest::settings::{Parameter, nearest};

/// Everything of every registry: `{"rules": [...], "losses": [...], "penalties": [...], "methods": [...], "searches": [...], "rates": [...], "activations": [...], "initialisers": [...], "problems": [...]}`.
///
/// Each entry is a dictionary with at least `name`, `doc` and `parameters`, a list of dictionaries with `name`,
/// `default`, `low`, `high` and `doc`. What is written as a formula has `programs`: by stage, a dictionary with
/// `ops` (`["input", name]`, `["lit", value]`, `[operation, place, ...]`), `outputs` (places) and `text` (the formulas).
#[pyfunction]
pub fn catalog(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("rules", rules(py)?)?;
    all.set_item("losses", losses(py)?)?;
    all.set_item("penalties", penalties(py)?)?;
    all.set_item("methods", methods(py)?)?;
    all.set_item("searches", searches(py)?)?;
    all.set_item("rates", rates(py)?)?;
    all.set_item("activations", activations(py)?)?;
    all.set_item("initialisers", initialisers(py)?)?;
    all.set_item("problems", problems(py)?)?;
    Ok(all)
}

macro_rules! named {
    ($registry:expr) => {
        $registry.iter().map(|e| (e.name, e.parameters)).collect::<Vec<_>>()
    };
}

/// Every setting of an entry by name: those given, checked, and the defaults of the others.
///
/// `checked("rules", "adam", {"epsilon": 1e-6})`; what is wrong is a `ValueError` that names it.
#[pyfunction]
pub fn checked(
    registry: &str,
    name: &str,
    given: std::collections::BTreeMap<String, f64>,
) -> PyResult<std::collections::BTreeMap<&'static str, f64>> {
    let (entries, what) = match registry {
        "rules" => (named!(steepest::rules::RULES), "rule"),
        "losses" => (named!(steepest::losses::LOSSES), "loss"),
        "penalties" => (named!(steepest::penalties::PENALTIES), "penalty"),
        "methods" => (named!(steepest::methods::METHODS), "method"),
        "searches" => (named!(steepest::searches::SEARCHES), "line search"),
        "rates" => (named!(steepest::rates::RATES), "rate schedule"),
        "activations" => (named!(steepest::activations::ACTIVATIONS), "activation"),
        "initialisers" => {
            let all = steepest::initialise::INITIALISERS.iter();
            (all.map(|i| (i.name, &[][..])).collect(), "initialiser")
        }
        _ => return Err(PyValueError::new_err(format!("no registry is called '{registry}'"))),
    };
    let Some((name, parameters)) = entries.iter().find(|e| e.0 == name) else {
        let near = nearest(name, entries.iter().map(|e| e.0));
        return Err(PyValueError::new_err(format!("no {what} is called '{name}'{near}")));
    };
    let given: Vec<(&str, f64)> = given.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let values = steepest::settings::checked(name, parameters, &given);
    let names = parameters.iter().map(|p| p.name);
    Ok(names.zip(values.map_err(PyValueError::new_err)?).collect())
}

fn entry<'py>(
    py: Python<'py>,
    name: &str,
    doc: &str,
    parameters: &[Parameter],
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("name", name)?;
    d.set_item("doc", doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim())?;
    let list = PyList::empty(py);
    for p in parameters {
        let d = PyDict::new(py);
        d.set_item("name", p.name)?;
        d.set_item("default", p.default)?;
        // The largest finite number stands for no limit.
        d.set_item("low", if p.low == f64::MIN { f64::NEG_INFINITY } else { p.low })?;
        d.set_item("high", if p.high == f64::MAX { f64::INFINITY } else { p.high })?;
        d.set_item("kind", p.kind.name())?;
        let choices: &[&str] =
            if let steepest::settings::Kind::Choice(names) = p.kind { names } else { &[] };
        d.set_item("choices", PyTuple::new(py, choices)?)?;
        d.set_item("doc", p.doc)?;
        list.append(d)?;
    }
    d.set_item("parameters", list)?;
    Ok(d)
}

/// Operations beyond which a formula is not written out as text: shared parts would be repeated without end.
const READABLE: usize = 64;

fn program<'py>(py: Python<'py>, program: &Program) -> PyResult<Bound<'py, PyDict>> {
    let ops = PyList::empty(py);
    for op in &program.ops {
        let line = PyList::empty(py);
        match op {
            Op::Input(name) => {
                line.append("input")?;
                line.append(name)?;
            }
            Op::Lit(v) => {
                line.append("lit")?;
                line.append(v)?;
            }
            Op::Call(name, places) => {
                line.append(name)?;
                places.iter().try_for_each(|p| line.append(p))?;
            }
        }
        ops.append(line)?;
    }
    let d = PyDict::new(py);
    d.set_item("ops", ops)?;
    d.set_item("outputs", program.outputs.clone())?;
    let outputs = if program.ops.len() > READABLE { 0 } else { program.outputs.len() };
    let text: Vec<String> = (0..outputs).map(|k| program.text(k)).collect();
    d.set_item("text", text)?;
    Ok(d)
}

fn rules(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::rules::RULES {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        d.set_item("memory", e.memory.to_vec())?;
        d.set_item("drawn", e.drawn)?;
        d.set_item("whole", e.whole)?;
        d.set_item("lying", e.lying)?;
        let named = e.matrix_memory.iter().map(|m| m.0).collect::<Vec<_>>();
        d.set_item("matrix_memory", named)?;
        let extents = e.matrix_memory.iter().map(|m| snake(&format!("{:?}", m.1)));
        d.set_item("matrix_extents", extents.collect::<Vec<_>>())?;
        d.set_item("scalars", e.scalars.to_vec())?;
        d.set_item("sums", e.sums.to_vec())?;
        d.set_item("state", e.state.to_vec())?;
        d.set_item("scope", if e.scope == Scope::All { "all" } else { "tensor" })?;
        d.set_item("kind", snake(&format!("{:?}", e.kind)))?;
        d.set_item("absolute", e.absolute)?;
        d.set_item("evaluations", e.evaluations)?;
        d.set_item("shown", e.shown)?;
        d.set_item("rate", e.rate)?;
        d.set_item("tunes_itself", e.tunes_itself)?;
        d.set_item("value", e.value)?;
        let programs = PyDict::new(py);
        for (stage, p) in (e.programs)() {
            programs.set_item(stage, program(py, &p)?)?;
        }
        d.set_item("programs", programs)?;
        all.append(d)?;
    }
    Ok(all)
}

fn losses(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::losses::LOSSES {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        let programs = PyDict::new(py);
        programs.set_item("value", program(py, &(e.program)())?)?;
        d.set_item("programs", programs)?;
        d.set_item(
            "outputs",
            match e.outputs {
                Outputs::One => "one",
                Outputs::Many => "many",
                Outputs::Learnt => "learnt",
            },
        )?;
        d.set_item("classes", e.classes)?;
        d.set_item("probabilities", e.probabilities)?;
        d.set_item("straight", e.straight)?;
        all.append(d)?;
    }
    Ok(all)
}

fn penalties(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::penalties::PENALTIES {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        let o = e.offers;
        let offers = PyDict::new(py);
        offers.set_item("smooth", o.smooth)?;
        offers.set_item("quadratic", o.quadratic)?;
        offers.set_item("diagonal_prox", o.diagonal_prox)?;
        offers.set_item("bounds", o.bounds)?;
        offers.set_item("convex", o.convex)?;
        offers.set_item("groups", e.structured.is_some())?;
        offers.set_item("alpha", snake(&format!("{:?}", e.alpha)))?;
        d.set_item("offers", offers)?;
        all.append(d)?;
    }
    Ok(all)
}

fn methods(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::methods::METHODS {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        let n = e.needs;
        let needs = PyDict::new(py);
        needs.set_item("terms", n.terms)?;
        needs.set_item("products", n.products)?;
        needs.set_item("hessian", n.hessian)?;
        needs.set_item("residuals", n.residuals)?;
        needs.set_item("blocks", n.blocks)?;
        needs.set_item("glm", n.glm)?;
        needs.set_item("constraints", n.constraints)?;
        needs.set_item("penalty", snake(&format!("{:?}", n.penalty)))?;
        d.set_item("needs", needs)?;
        all.append(d)?;
    }
    Ok(all)
}

fn searches(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let entries = steepest::searches::SEARCHES.iter();
    let all =
        entries.map(|e| entry(py, e.name, e.doc, e.parameters)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, all)
}

fn rates(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::rates::RATES {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        let programs = PyDict::new(py);
        for (stage, recorded) in (e.programs)() {
            programs.set_item(stage, program(py, &recorded)?)?;
        }
        d.set_item("state", e.state)?;
        d.set_item("programs", programs)?;
        all.append(d)?;
    }
    Ok(all)
}

fn activations(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::activations::ACTIVATIONS {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        let programs = PyDict::new(py);
        programs.set_item("value", program(py, &(e.program)())?)?;
        d.set_item("programs", programs)?;
        d.set_item("initialiser", e.initialiser)?;
        all.append(d)?;
    }
    Ok(all)
}

fn initialisers(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = steepest::initialise::INITIALISERS.iter();
    let all = all.map(|i| entry(py, i.name, i.doc, &[])).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, all)
}

fn problems(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let all = PyList::empty(py);
    for e in steepest::problems::PROBLEMS {
        let d = entry(py, e.name, e.doc, e.parameters)?;
        d.set_item("formula", e.formula)?;
        d.set_item("dim", e.dim)?;
        d.set_item("start", (e.start)(e.dim))?;
        d.set_item("region", e.region)?;
        d.set_item("least", e.least.map(|f| f(e.dim)))?;
        all.append(d)?;
    }
    Ok(all)
}

/// `SmoothOrBounds` as `smooth_or_bounds`.
fn snake(name: &str) -> String {
    name.chars().enumerate().fold(String::new(), |mut out, (at, c)| {
        if at > 0 && c.is_uppercase() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
        out
    })
}
