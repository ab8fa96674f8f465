//! A solution as the plain dict that `steepest.result.Result` is made of.
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use steepest::certificate::{Certificate, Kind};
use steepest::curvature::Curvature;
use steepest::descend::{Record, Solution};
use steepest::health::{Finding, Severity};
use steepest::status::Status;

/// What a claim to be converged comes to beside a duality gap, for what is proved in Python: through the one gate.
#[pyfunction]
pub fn admitted(
    py: Python<'_>,
    bound: f64,
    target: f64,
    rounding: f64,
) -> PyResult<Bound<'_, PyDict>> {
    let kind = Kind::DualityGap;
    let certificate = Certificate { kind, bound, target, rounding, assumption: "" };
    let status = Status::Converged.admitted(Some(&certificate));
    let d = PyDict::new(py);
    d.set_item("success", status.success())?;
    d.set_item("status", status.number())?;
    d.set_item("outcome", status.name())?;
    d.set_item("message", status.message())?;
    Ok(d)
}

/// Who did it, and why that one: what a solution does not know of itself.
pub struct Story<'a> {
    /// The method's name.
    pub method: &'a str,
    /// Why it was taken.
    pub reason: &'a str,
}

/// The dict, every key always there.
pub fn to_dict<'py>(
    py: Python<'py>,
    s: &Solution,
    chosen: &Story<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("x", PyArray1::from_slice(py, &s.x))?;
    d.set_item("fun", s.value)?;
    d.set_item("jac", s.gradient.as_ref().map(|g| PyArray1::from_slice(py, g)))?;
    d.set_item("hess_inv", py.None())?;
    d.set_item("maxcv", s.violation)?;
    d.set_item("success", s.status.success())?;
    d.set_item("status", s.status.number())?;
    d.set_item("message", s.message())?;
    d.set_item("outcome", s.status.name())?;
    d.set_item("nit", s.counts.iterations)?;
    d.set_item("nfev", s.counts.values)?;
    d.set_item("njev", s.counts.gradients)?;
    d.set_item("nhev", s.counts.products)?;
    d.set_item("passes", s.counts.passes)?;
    d.set_item("seconds", s.seconds)?;
    d.set_item("method", chosen.method)?;
    d.set_item("reason", chosen.reason)?;
    d.set_item("certificate", s.certificate.as_ref().map(|c| certificate(py, c)).transpose()?)?;
    d.set_item("history", history(py, &s.history)?)?;
    d.set_item("findings", findings(py, &s.findings)?)?;
    d.set_item("path", path(py, &s.path)?)?;
    d.set_item("spread", py.None())?;
    d.set_item("resumed", s.resumed)?;
    Ok(d)
}

/// What is known of the second derivatives, under the names of `steepest.curvature.InverseHessian`'s arguments.
pub fn curvature<'py>(
    py: Python<'py>,
    known: Option<Curvature>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(known) = known else { return Ok(None) };
    let d = PyDict::new(py);
    match known {
        Curvature::Hessian(h) => d.set_item("hessian", square(py, h)?)?,
        Curvature::Inverse(h) => d.set_item("inverse", square(py, h)?)?,
        Curvature::Pairs { s, y, diagonal } => {
            let (n, rows) = (diagonal.len(), s.len() / diagonal.len());
            d.set_item("s", PyArray1::from_vec(py, s).reshape([rows, n])?)?;
            d.set_item("y", PyArray1::from_vec(py, y).reshape([rows, n])?)?;
            d.set_item("diagonal", PyArray1::from_vec(py, diagonal))?;
        }
    }
    Ok(Some(d))
}

fn square(py: Python<'_>, matrix: Vec<f64>) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let n = matrix.len().isqrt();
    PyArray1::from_vec(py, matrix).reshape([n, n])
}

fn certificate<'py>(py: Python<'py>, c: &Certificate) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("kind", c.kind.name())?;
    d.set_item("bound", c.bound)?;
    d.set_item("target", c.target)?;
    d.set_item("rounding", c.rounding)?;
    d.set_item("assumption", c.assumption)?;
    Ok(d)
}

type Column = (&'static str, fn(&Record) -> f64);

/// The columns of a history.
pub fn history<'py>(py: Python<'py>, records: &[Record]) -> PyResult<Bound<'py, PyDict>> {
    let columns: [Column; 7] = [
        ("iteration", |r| r.iteration as f64),
        ("loss", |r| r.value),
        ("residual", |r| r.residual),
        ("rate", |r| r.rate),
        ("evaluations", |r| r.evaluations as f64),
        ("passes", |r| r.passes),
        ("seconds", |r| r.seconds),
    ];
    let d = PyDict::new(py);
    for (name, column) in columns {
        d.set_item(name, PyArray1::from_iter(py, records.iter().map(column)))?;
    }
    Ok(d)
}

/// What was noticed, a dict each.
pub fn findings<'py>(py: Python<'py>, found: &[Finding]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for f in found {
        let d = PyDict::new(py);
        let evidence = PyDict::new(py);
        for (name, value) in &f.evidence {
            evidence.set_item(name, value)?;
        }
        d.set_item("kind", f.kind)?;
        d.set_item("severity", severity(f.severity))?;
        d.set_item("sentence", &f.sentence)?;
        d.set_item("evidence", evidence)?;
        d.set_item("threshold", f.threshold)?;
        d.set_item("remedy", &f.remedy)?;
        list.append(d)?;
    }
    Ok(list)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}

fn path<'py>(py: Python<'py>, points: &[Vec<f64>]) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
    if points.is_empty() {
        return Ok(None);
    }
    Ok(Some(PyArray2::from_vec2(py, points)?))
}
