//! A Python function as an objective.
use crate::calling::call;
use crate::energy::Displaced;
use crate::returned::{entries, number, pair};
use crate::watch::failed;
pub use bends::Bend;
use numpy::{IxDyn, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
pub use slopes::Slope;
use steepest::energy::Displaced as Moved;
use steepest::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use steepest::state::{Bad, State, Visitor};
use steepest::status::Halt;

mod bends;
mod slopes;

/// Constraints: `values(x)`, `pull(x, by)`, and the limits.
#[derive(FromPyObject)]
pub struct Limited(Py<PyAny>, Py<PyAny>, Vec<f64>, Vec<f64>, bool);

/// `fun(x, *args)`, and where its derivatives come from.
pub struct Callable {
    fun: Py<PyAny>,
    args: Py<PyTuple>,
    shape: Vec<usize>,
    /// Shapes of the parts of x, in order: one unless said otherwise.
    pub tensors: Vec<Vec<usize>>,
    /// `batch(x, terms, *args)`, value and gradient of some terms of a mean, and how many terms there are.
    pub batch: Option<(Py<PyAny>, usize)>,
    /// Constraints beside bounds.
    pub limited: Option<Limited>,
    /// Where the function is the core's own: it is asked without Python.
    own: Option<Moved>,
    dim: usize,
    slope: Slope,
    bend: Bend,
    lent: Option<Py<PyArrayDyn<f64>>>,
    /// Where the value was asked for last, and what it was: differences start from it.
    at: Vec<f64>,
    value: f64,
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    /// Where the whole Hessian was asked for last for the sake of products, and what it was.
    bent_at: Option<(Vec<f64>, Py<PyAny>)>,
    /// `many(points)`, the values at several points, which are then found at the same time.
    pub many: Option<Py<PyAny>>,
    /// Whether complex steps, or shifts, were held against differences.
    checked: bool,
    /// Values asked for beside those that the loop asked for.
    spent: u64,
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
        let (lent, value, checked, spent) = (None, f64::NAN, false, 0);
        let tensors = vec![shape.clone()];
        let own =
            Python::attach(|py| fun.bind(py).cast::<Displaced>().ok().map(|own| own.get().core()));
        let own = own.filter(|own| own.dim() == dim && matches!(slope, Slope::WithValue));
        Callable {
            fun,
            args,
            shape,
            tensors,
            batch: None,
            limited: None,
            own,
            dim,
            slope,
            bend,
            lent,
            at: Vec::new(),
            value,
            bounds,
            bent_at: None,
            many: None,
            checked,
            spent,
        }
    }

    /// x as an array. The one lent last time is used again only where nobody kept it, nor a view of it, and it is
    /// still what it was: whoever has it may set its shape, its dtype and its flags.
    fn lend<'py>(&mut self, py: Python<'py>, x: &[f64]) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        if let Some(kept) = self.lent.take() {
            // SAFETY: the object is alive: we hold a reference.
            let alone = unsafe { pyo3::ffi::Py_REFCNT(kept.as_ptr()) } == 1;
            if alone
                && let Ok(kept) = kept.into_bound(py).into_any().cast_into::<PyArrayDyn<f64>>()
                && kept.shape() == self.shape
                && kept.is_c_contiguous()
                && kept.getattr("flags")?.getattr("writeable")?.is_truthy()?
                // SAFETY: ours is the only reference, it is contiguous, and Python is not running.
                && let Ok(to) = unsafe { kept.as_slice_mut() }
            {
                to.copy_from_slice(x);
                self.lent = Some(kept.clone().unbind());
                return Ok(kept);
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
        let all = [Some(x), extra].into_iter().flatten().chain(args.iter());
        call(what, &PyTuple::new(py, all.collect::<Vec<_>>())?)
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

    /// The gradient at x, where `self.value` is the value.
    fn there(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        match &self.slope {
            Slope::WithValue => {
                let answer = self.evaluate(py, x)?;
                let (value, g) = pair(&answer)?;
                entries(&g, gradient, &self.shape, "the gradient")?;
                self.value = number(&value)?;
                Ok(())
            }
            Slope::Callable(jac) => {
                let jac = jac.clone_ref(py).into_bound(py);
                let x = self.lend(py, x)?.into_any();
                let answer = self.call(&jac, x, None)?;
                entries(&answer, gradient, &self.shape, "the gradient (jac)")
            }
            Slope::Differences(_) => self.differenced(py, x, gradient),
            Slope::Complex => self.complex(py, x, gradient),
            Slope::Shifts(_) => self.shifted(py, x, gradient),
        }
    }
}

impl State for Callable {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.long("at", &mut self.at, &[0, self.dim])?;
        v.field("value", &mut self.value)?;
        v.field("checked", &mut self.checked)?;
        v.field("spent", &mut self.spent)?;
        if let Slope::Differences(differences) = &mut self.slope {
            v.field("differences", &mut **differences)?;
        }
        Ok(())
    }
}

impl Objective for Callable {
    fn offers(&self) -> Offers {
        Offers {
            terms: self.batch.as_ref().map_or(0, |b| b.1),
            constraints: self.limited.as_ref().map_or(0, |l| l.2.len()),
            products: !matches!(self.bend, Bend::None),
            hessian: matches!(self.bend, Bend::Whole(_)),
            preconditioner: self.own.as_ref().is_some_and(|own| own.offers().preconditioner),
            values_are_cheap: !matches!(self.slope, Slope::WithValue),
            differences: match &self.slope {
                // Of the Lagrangian, whose gradient is no better than the Jacobian is.
                Slope::Callable(_) | Slope::WithValue => {
                    let found = self.limited.as_ref().is_some_and(|l| l.4);
                    if found { 2 * self.dim as u64 } else { 0 }
                }
                Slope::Differences(d) => d.least(),
                Slope::Complex => self.dim as u64,
                Slope::Shifts(r) => {
                    (0..self.dim).map(|j| 2 * u64::from(r[j.min(r.len() - 1)])).sum()
                }
            },
            ..Offers::gradients(self.dim)
        }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        if matches!(rows, Rows::Sample(_)) {
            return rows.all();
        }
        let Sorted { value, gradient, others } = Sorted::of(asks);
        let sloped = gradient.is_some();
        if let Some(own) = self.own.as_mut().filter(|_| value.is_some() || gradient.is_some()) {
            let found = match gradient {
                Some(to) => own.evaluate(x, to),
                None => own.evaluate(x, &mut vec![0.0; x.len()]),
            };
            if let Some(to) = value {
                *to = found;
            }
        } else if value.is_some() || gradient.is_some() {
            let found = Python::attach(|py| match rows {
                Rows::Terms(terms) => self.some(py, terms, x, gradient),
                _ => self.both(py, x, value.is_some(), gradient),
            });
            work.values += std::mem::take(&mut self.spent);
            let found = found.map_err(failed)?;
            if let (true, Slope::Differences(d)) = (sloped, &self.slope) {
                work.lowest = d.lowest(x);
            }
            if let Some(to) = value {
                *to = found;
            }
        }
        for ask in others {
            match (ask, &mut self.slope) {
                (Ask::Hessian(to), _) if matches!(self.bend, Bend::Whole(_)) => {
                    Python::attach(|py| self.bent(py, x, to)).map_err(failed)?;
                }
                (Ask::Product { along, to }, _) if !matches!(self.bend, Bend::None) => {
                    Python::attach(|py| self.product_with(py, x, along, to)).map_err(failed)?;
                }
                (ask @ Ask::Preconditioned { .. }, _) if self.own.is_some() => {
                    let own = self.own.as_mut().expect("just seen");
                    own.answer(x, rows, &mut [ask.again()], work)?;
                }
                (Ask::Constraints(to), _) if self.limited.is_some() => {
                    Python::attach(|py| self.limits_met(py, x, None, to)).map_err(failed)?;
                }
                (Ask::Pull { by, to }, _) if self.limited.is_some() => {
                    Python::attach(|py| self.limits_met(py, x, Some(by), to)).map_err(failed)?;
                }
                (Ask::Accuracy { value, gradient }, Slope::Differences(d)) => {
                    **value = d.accuracy(gradient);
                }
                (Ask::Sharpen { louder, done }, Slope::Differences(d)) => {
                    **done = d.sharpen(*louder)
                }
                (other, _) => other.unknown()?,
            }
        }
        Ok(())
    }
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        self.tensors.clone()
    }
    fn limits(&self) -> (&[f64], &[f64]) {
        self.limited.as_ref().map_or((&[], &[]), |l| (&l.2, &l.3))
    }
}

impl Callable {
    /// The value where it is wanted or not known, and the gradient where it is; the value.
    fn both(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        wanted: bool,
        gradient: Option<&mut [f64]>,
    ) -> PyResult<f64> {
        let together = matches!(self.slope, Slope::WithValue);
        if let Some(gradient) = gradient {
            let from = matches!(self.slope, Slope::Differences(_) | Slope::Complex);
            if (wanted && !together) || (from && self.at != x) {
                self.spent += u64::from(!wanted);
                self.valued(py, x)?;
            }
            self.there(py, x, gradient)?;
        } else {
            self.valued(py, x)?;
        }
        Ok(self.value)
    }

    /// The value at x, kept.
    fn valued(&mut self, py: Python<'_>, x: &[f64]) -> PyResult<()> {
        self.value = self.plain_value(py, x)?;
        self.at.clear();
        self.at.extend_from_slice(x);
        Ok(())
    }

    /// The constraints' values, or the sum of their gradients by these weights.
    fn limits_met(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        by: Option<&[f64]>,
        to: &mut [f64],
    ) -> PyResult<()> {
        let Some(Limited(values, pull, ..)) = &self.limited else { return Ok(()) };
        let point = PyArray1::from_slice(py, x).into_any();
        let answer = match by {
            None => call(values.bind(py), &PyTuple::new(py, [point])?)?,
            Some(by) => {
                let by = PyArray1::from_slice(py, by).into_any();
                call(pull.bind(py), &PyTuple::new(py, [point, by])?)?
            }
        };
        let shape = [to.len()];
        entries(&answer, to, &shape, "the constraints")
    }

    /// The mean of some terms, and its gradient.
    fn some(
        &mut self,
        py: Python<'_>,
        terms: &[u32],
        x: &[f64],
        gradient: Option<&mut [f64]>,
    ) -> PyResult<f64> {
        let Some((batch, _)) = &self.batch else {
            return Err(PyTypeError::new_err("a batch was asked of a function without terms"));
        };
        let batch = batch.clone_ref(py).into_bound(py);
        let rows = PyArray1::from_iter(py, terms.iter().map(|&i| i64::from(i)));
        let x = self.lend(py, x)?.into_any();
        let (value, g) = pair(&self.call(&batch, x, Some(rows.into_any()))?)?;
        if let Some(to) = gradient {
            entries(&g, to, &self.shape, "the gradient of a batch")?;
        }
        number(&value)
    }
}
