//! A Python function as an objective.
use crate::watch::failed;
use numpy::{IxDyn, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyTuple};
use steepest::descend::Halt;
use steepest::objective::{Curvature, Objective};

/// Where the gradient comes from.
pub enum Slope {
    /// From `jac(x, *args)`.
    Callable(Py<PyAny>),
    /// From `fun`, which returns (value, gradient).
    WithValue,
    /// Differences to one side: n more values. Relative step √ε, or the one given.
    Forward(Option<f64>),
    /// Differences to both sides: 2n more values. Relative step ε^(1/3), or the one given.
    Central(Option<f64>),
    /// Complex steps: n more values, exact to rounding; `fun` must take complex numbers.
    Complex,
}

/// Where second derivatives come from.
pub enum Bend {
    /// Nowhere.
    None,
    /// From `hess(x, *args)`.
    Whole(Py<PyAny>),
    /// From `hessp(x, p, *args)`.
    Product(Py<PyAny>),
}

/// `fun(x, *args)`, and where its derivatives come from.
pub struct Callable {
    fun: Py<PyAny>,
    args: Py<PyTuple>,
    shape: Vec<usize>,
    dim: usize,
    slope: Slope,
    bend: Bend,
    lent: Option<Py<PyArrayDyn<f64>>>,
    /// The value asked for last: differences start from it.
    value: f64,
    moved: Vec<f64>,
    /// Differences step inwards where a bound is near.
    bounds: Option<(Vec<f64>, Vec<f64>)>,
}

impl Callable {
    /// x has the shape given.
    pub fn new(
        fun: Py<PyAny>,
        args: Py<PyTuple>,
        shape: Vec<usize>,
        slope: Slope,
        bend: Bend,
        bounds: Option<(Vec<f64>, Vec<f64>)>,
    ) -> Self {
        let dim = shape.iter().product();
        let (lent, value, moved) = (None, f64::NAN, Vec::new());
        Callable { fun, args, shape, dim, slope, bend, lent, value, moved, bounds }
    }

    /// x as an array. The one lent last time is used again only where nobody kept it, nor a view of it.
    fn lend<'py>(&mut self, py: Python<'py>, x: &[f64]) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        if let Some(kept) = &self.lent {
            let kept = kept.bind(py);
            // SAFETY: the object is alive: we hold a reference.
            if unsafe { pyo3::ffi::Py_REFCNT(kept.as_ptr()) } == 1 {
                // SAFETY: ours is the only reference, we made it contiguous, and Python is not running.
                if let Ok(to) = unsafe { kept.as_slice_mut() } {
                    to.copy_from_slice(x);
                    return Ok(kept.clone());
                }
            }
        }
        let new = PyArrayDyn::zeros(py, IxDyn(&self.shape), false);
        // SAFETY: it was made a line ago, and nobody else has it.
        unsafe { new.as_slice_mut()? }.copy_from_slice(x);
        self.lent = Some(new.clone().unbind());
        Ok(new)
    }

    /// `what(x, *args)`, or `what(x, extra, *args)`.
    fn call<'py>(
        &self,
        what: &Bound<'py, PyAny>,
        x: Bound<'py, PyAny>,
        extra: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = what.py();
        let args = self.args.bind(py);
        if args.is_empty() && extra.is_none() {
            return what.call1((x,));
        }
        let all = [Some(x), extra].into_iter().flatten().chain(args.iter());
        what.call1(PyTuple::new(py, all.collect::<Vec<_>>())?)
    }

    fn evaluate<'py>(&mut self, py: Python<'py>, x: &[f64]) -> PyResult<Bound<'py, PyAny>> {
        let x = self.lend(py, x)?.into_any();
        let fun = self.fun.clone_ref(py).into_bound(py);
        self.call(&fun, x, None)
    }

    fn plain_value(&mut self, py: Python<'_>, x: &[f64]) -> PyResult<f64> {
        let answer = self.evaluate(py, x)?;
        if !matches!(self.slope, Slope::WithValue) {
            return number(&answer);
        }
        number(&pair(&answer)?.0)
    }

    fn whole(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<f64> {
        if matches!(self.slope, Slope::WithValue) {
            let answer = self.evaluate(py, x)?;
            let (value, g) = pair(&answer)?;
            copy(&g, gradient, "the gradient")?;
            self.value = number(&value)?;
        } else {
            self.value = self.plain_value(py, x)?;
            self.there(py, x, gradient)?;
        }
        Ok(self.value)
    }

    /// The gradient at x, where `self.value` is the value.
    fn there(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        match &self.slope {
            Slope::WithValue => self.whole(py, x, gradient).map(|_| ()),
            Slope::Callable(jac) => {
                let jac = jac.clone_ref(py).into_bound(py);
                let x = self.lend(py, x)?.into_any();
                copy(&self.call(&jac, x, None)?, gradient, "the gradient (jac)")
            }
            Slope::Forward(step) => {
                let step = step.unwrap_or(f64::EPSILON.sqrt());
                self.differences(py, x, gradient, step, false)
            }
            Slope::Central(step) => {
                let step = step.unwrap_or(f64::EPSILON.cbrt());
                self.differences(py, x, gradient, step, true)
            }
            Slope::Complex => self.complex(py, x, gradient),
        }
    }

    /// One coordinate after another, by h = step · max(1, |x_j|), never out of the bounds.
    fn differences(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        gradient: &mut [f64],
        step: f64,
        central: bool,
    ) -> PyResult<()> {
        let base = self.value;
        let mut at = std::mem::take(&mut self.moved);
        at.clear();
        at.extend_from_slice(x);
        for j in 0..x.len() {
            let (low, high) = self
                .bounds
                .as_ref()
                .map_or((f64::NEG_INFINITY, f64::INFINITY), |b| (b.0[j], b.1[j]));
            let h = step * x[j].abs().max(1.0);
            // a step of which x + h − x is exactly h
            let (up, down) = ((x[j] + h).min(high), (x[j] - h).max(low));
            let (a, b) = match (central, x[j] + h <= high) {
                (true, _) => (up, down),
                (false, true) => (up, x[j]),
                (false, false) => (x[j], down),
            };
            let mut value = |to: f64| -> PyResult<f64> {
                if to == x[j] {
                    return Ok(base);
                }
                at[j] = to;
                let v = self.plain_value(py, &at);
                at[j] = x[j];
                v
            };
            let rise = value(a)? - value(b)?;
            gradient[j] = if a > b { rise / (a - b) } else { 0.0 };
        }
        self.moved = at;
        self.value = base;
        Ok(())
    }

    fn complex(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        const H: f64 = 1e-40;
        let numpy = py.import("numpy")?;
        let fun = self.fun.clone_ref(py).into_bound(py);
        for j in 0..x.len() {
            let point = self.lend(py, x)?.call_method1("astype", ("complex128",))?;
            let h = pyo3::types::PyComplex::from_doubles(py, 0.0, H);
            let flat = point.call_method1("reshape", (-1,))?;
            flat.set_item(j, flat.get_item(j)?.add(h)?)?;
            let value = self.call(&fun, point, None)?;
            gradient[j] =
                numpy.call_method1("imag", (value,))?.call_method0("item")?.extract::<f64>()? / H;
        }
        Ok(())
    }
}

/// (value, gradient), as `fun` returns them where `jac=True`.
fn pair<'py>(answer: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    if let Ok(pair) = answer.cast::<PyTuple>()
        && pair.len() == 2
    {
        return Ok((pair.get_item(0)?, pair.get_item(1)?));
    }
    answer.extract().map_err(|_| {
        let got = answer.get_type();
        PyTypeError::new_err(format!("with jac=True fun must return (value, gradient); got {got}"))
    })
}

/// A value: a float, or an array with one entry.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(v) = value.cast::<PyFloat>() {
        return Ok(v.value());
    }
    let wrong = || {
        let got = value.repr().map_or_else(|_| "what cannot be shown".into(), |r| r.to_string());
        let got: String = got.chars().take(60).collect();
        PyTypeError::new_err(format!("fun must return one real number; got {got}"))
    };
    if value.is_none() {
        return Err(wrong());
    }
    match value.extract() {
        Ok(v) => Ok(v),
        Err(_) => value.call_method0("item").and_then(|v| v.extract()).map_err(|_| wrong()),
    }
}

/// Numbers of any kind and layout, copied to a slice of their number.
fn copy(from: &Bound<'_, PyAny>, to: &mut [f64], what: &str) -> PyResult<()> {
    if let Ok(array) = from.cast::<PyArrayDyn<f64>>()
        && array.len() == to.len()
        && array.is_c_contiguous()
        // SAFETY: contiguous, and nothing else runs while it is copied.
        && let Ok(from) = unsafe { array.as_slice() }
    {
        to.copy_from_slice(from);
        return Ok(());
    }
    let numpy = from.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (from, "float64"))?;
    let size: usize = array.getattr("size")?.extract()?;
    if size != to.len() {
        let n = to.len();
        return Err(PyValueError::new_err(format!("{what} must have {n} entries; got {size}")));
    }
    let flat = numpy.call_method1("ascontiguousarray", (array,))?;
    let flat = flat.cast::<PyArrayDyn<f64>>()?;
    // SAFETY: contiguous, and ours alone.
    to.copy_from_slice(unsafe { flat.as_slice()? });
    Ok(())
}

impl Objective for Callable {
    fn dim(&self) -> usize {
        self.dim
    }
    fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        self.value = Python::attach(|py| self.plain_value(py, x)).map_err(failed)?;
        Ok(self.value)
    }
    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        Python::attach(|py| self.whole(py, x, gradient)).map_err(failed)
    }
    fn gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        Python::attach(|py| self.there(py, x, gradient)).map_err(failed)
    }
    fn differences(&self) -> u64 {
        match self.slope {
            Slope::Callable(_) | Slope::WithValue => 0,
            Slope::Forward(_) | Slope::Complex => self.dim as u64,
            Slope::Central(_) => 2 * self.dim as u64,
        }
    }
    fn value_is_cheaper(&self) -> bool {
        !matches!(self.slope, Slope::WithValue)
    }
    fn curvature(&mut self) -> Option<&mut dyn Curvature> {
        if matches!(self.bend, Bend::None) { None } else { Some(self) }
    }
}

impl Curvature for Callable {
    fn whole(&self) -> bool {
        matches!(self.bend, Bend::Whole(_))
    }
    fn product(&mut self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        Python::attach(|py| {
            let Bend::Product(hessp) = &self.bend else {
                return Err(PyTypeError::new_err("products were asked of a whole Hessian"));
            };
            let hessp = hessp.clone_ref(py).into_bound(py);
            let point = self.lend(py, x)?.into_any();
            let p = PyArrayDyn::zeros(py, IxDyn(&self.shape), false);
            // SAFETY: it was made a line ago, and nobody else has it.
            unsafe { p.as_slice_mut()? }.copy_from_slice(v);
            copy(&self.call(&hessp, point, Some(p.into_any()))?, out, "the product (hessp)")
        })
        .map_err(failed)
    }
    fn hessian(&mut self, x: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        Python::attach(|py| {
            let Bend::Whole(hess) = &self.bend else {
                return Err(PyTypeError::new_err("a whole Hessian was asked of products"));
            };
            let hess = hess.clone_ref(py).into_bound(py);
            let point = self.lend(py, x)?.into_any();
            copy(&self.call(&hess, point, None)?, out, "the Hessian (hess)")
        })
        .map_err(failed)
    }
}
