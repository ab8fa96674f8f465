//! The standard test functions as Python sees them.
use crate::enter::{guarded, refused};
use numpy::{PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::problems::{Entry, PROBLEMS, find};
use steepest::settings::checked;

/// A test function with its settings; of as many variables as x has.
#[pyclass(frozen, name = "TestFunction", module = "steepest._core")]
pub struct TestFunction {
    entry: &'static Entry,
    settings: Vec<f64>,
}

/// x flat, as float64.
fn flat(x: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    if let Ok(array) = x.cast::<PyArrayDyn<f64>>()
        && array.is_c_contiguous()
    {
        return Ok(array.to_vec()?);
    }
    let numpy = x.py().import("numpy")?;
    let array = numpy.call_method1("ascontiguousarray", (x, "float64"))?;
    Ok(array.cast::<PyArrayDyn<f64>>()?.to_vec()?)
}

impl TestFunction {
    fn read(&self, x: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
        let x = flat(x)?;
        self.fits(x.len())?;
        Ok(x)
    }
    fn fits(&self, n: usize) -> PyResult<()> {
        if (self.entry.takes)(n) {
            return Ok(());
        }
        let Entry { name, dim, .. } = self.entry;
        Err(refused(format!("{name} has no form in {n} variables; {dim} will do")))
    }
}

#[pymethods]
impl TestFunction {
    #[new]
    #[pyo3(signature = (name, settings=Vec::new()))]
    fn new(name: &str, settings: Vec<(String, f64)>) -> PyResult<Self> {
        let entry = find(name).map_err(refused)?;
        let given: Vec<(&str, f64)> = settings.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let settings = checked(name, entry.parameters, &given).map_err(refused)?;
        Ok(TestFunction { entry, settings })
    }
    /// f(x).
    fn value(&self, x: &Bound<'_, PyAny>) -> PyResult<f64> {
        let point = self.read(x)?;
        guarded(|| Ok((self.entry.value)(&self.settings, &point)))
    }
    /// ∇f(x), flat.
    fn gradient<'py>(&self, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let point = self.read(x)?;
        let mut g = vec![0.0; point.len()];
        guarded(|| Ok((self.entry.gradient)(&self.settings, &point, &mut g)))?;
        Ok(PyArray1::from_vec(x.py(), g))
    }
    /// The Hessian over the flat variables.
    fn hessian<'py>(&self, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let point = self.read(x)?;
        let n = point.len();
        let mut h = vec![0.0; n * n];
        guarded(|| {
            (self.entry.hessian)(&self.settings, &point, &mut h);
            Ok(())
        })?;
        PyArray1::from_vec(x.py(), h).reshape([n, n])
    }
    /// The usual start in n variables.
    fn start<'py>(&self, py: Python<'py>, n: usize) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.fits(n)?;
        Ok(PyArray1::from_vec(py, (self.entry.start)(n)))
    }
    /// Where the least value is reached in n variables.
    fn minima(&self, py: Python<'_>, n: usize) -> PyResult<Vec<Py<PyArray1<f64>>>> {
        self.fits(n)?;
        Ok((self.entry.minima)(n).into_iter().map(|m| PyArray1::from_vec(py, m).unbind()).collect())
    }
    /// The least value in n variables; None where there is none.
    fn least(&self, n: usize) -> PyResult<Option<f64>> {
        self.fits(n)?;
        Ok(self.entry.least.map(|least| least(n)))
    }
    /// Everything that is said of it.
    fn told<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let e = self.entry;
        let d = PyDict::new(py);
        d.set_item("name", e.name)?;
        d.set_item("formula", e.formula)?;
        d.set_item("doc", e.doc)?;
        d.set_item("dim", e.dim)?;
        d.set_item("region", e.region)?;
        let settings = PyDict::new(py);
        for (p, v) in e.parameters.iter().zip(&self.settings) {
            settings.set_item(p.name, v)?;
        }
        d.set_item("settings", settings)?;
        Ok(d)
    }
}

/// The names of all test functions.
#[pyfunction]
pub fn problem_names() -> Vec<&'static str> {
    PROBLEMS.iter().map(|e| e.name).collect()
}
