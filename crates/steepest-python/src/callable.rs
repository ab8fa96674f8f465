//! A Python function as an objective.
use crate::calling::call;
use crate::energy::Displaced;
use crate::enter::refused;
use crate::returned::{dense, entries, number, pair, real};
use crate::watch::failed;
use numpy::{IxDyn, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyList, PyTuple};
use std::cell::RefCell;
use std::collections::HashMap;
use steepest::differences::{Ahead, Differences, Length, Scheme};
use steepest::energy::Displaced as Moved;
use steepest::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use steepest::state::{Bad, State, Visitor};
use steepest::status::Halt;

/// Where the gradient comes from.
pub enum Slope {
    /// From `jac(x, *args)`.
    Callable(Py<PyAny>),
    /// From `fun`, which returns (value, gradient).
    WithValue,
    /// From values nearby.
    Differences(Box<Differences>),
    /// Complex steps: n more values, exact to rounding; `fun` must take complex numbers, and be analytic.
    Complex,
    /// From values at angles shifted far: exact where f is a trigonometric polynomial along each variable, of so many
    /// frequencies 1, 2, … (one number for all variables, or one for each).
    Shifts(Vec<u32>),
}

/// The shifts of an angle with the frequencies 1 to r, and what each value counts.
fn shifts(r: u32) -> impl Iterator<Item = (f64, f64)> {
    use std::f64::consts::PI;
    (1..=2 * r).map(move |mu| {
        let shift = f64::from(2 * mu - 1) * PI / f64::from(2 * r);
        let weight = 1.0 / (f64::from(4 * r) * (0.5 * shift).sin().powi(2));
        // The same by its period, and nearer.
        (
            if shift > PI { shift - 2.0 * PI } else { shift },
            if mu % 2 == 1 { weight } else { -weight },
        )
    })
}

/// A point, to look its value up by.
fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The values at several points, by the point.
fn at_once(
    many: &Bound<'_, PyAny>,
    shape: &[usize],
    points: Vec<Vec<f64>>,
) -> PyResult<HashMap<Vec<u64>, f64>> {
    let py = many.py();
    let array = |x: &Vec<f64>| PyArray1::from_slice(py, x).reshape(IxDyn(shape));
    let arrays = points.iter().map(array).collect::<PyResult<Vec<_>>>()?;
    let values: Vec<Bound<'_, PyAny>> = many.call1((PyList::new(py, arrays)?,))?.extract()?;
    if values.len() != points.len() {
        let (asked, got) = (points.len(), values.len());
        return Err(refused(format!(
            "workers must return a value for each point; got {got} for {asked}"
        )));
    }
    points.iter().zip(values).map(|(x, value)| Ok((bits(x), number(&value)?))).collect()
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
        if matches!(self.slope, Slope::Complex) {
            return real(&answer);
        }
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

    /// The gradient by shifts. At first they are held against differences: not at x, since a start that is symmetric (all
    /// zeros, often) has the slope 0 there whatever the frequencies are, but aside.
    fn shifted(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let value = self.value;
        if !self.checked {
            self.checked = true;
            let off = |j: usize| 0.25 + (GOLDEN * (j + 1) as f64).fract();
            let aside: Vec<f64> = x.iter().enumerate().map(|(j, x)| x + off(j)).collect();
            self.by_shifts(py, &aside, gradient)?;
            self.value = self.plain_value(py, &aside)?;
            self.spent += 1;
            if let Some([told, seen]) = self.disagrees(py, &aside, gradient)? {
                return Err(refused(format!(
                    "jac=\"parameter-shift\" needs a function of angles that has no frequencies along each but 1 (or 1 to \
                     R, with jac=(\"parameter-shift\", R)): along one direction shifts tell a slope of {told:.6} where \
                     values nearby tell {seen:.6}. Say what R is, or leave jac out (differences)"
                )));
            }
        }
        self.by_shifts(py, x, gradient)?;
        self.value = value;
        Ok(())
    }

    /// Σ_μ (−1)^(μ−1) f(x + s_μ e_j) / (4R sin²(s_μ/2)) over the 2R shifts s_μ = (2μ − 1) π/(2R), which is ∂f/∂x_j where f
    /// has the frequencies 1 to R along x_j; with R = 1, ½ (f(x + π/2 e_j) − f(x − π/2 e_j)). Wierichs, Izaac, Wang and Lin
    /// 2022, <https://doi.org/10.22331/q-2022-03-30-677>.
    fn by_shifts(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        let Slope::Shifts(frequencies) = &self.slope else { return Ok(()) };
        let frequencies = frequencies.clone();
        let mut at = x.to_vec();
        let mut found = HashMap::new();
        if let Some(many) = &self.many {
            let mut points = Vec::new();
            for j in 0..x.len() {
                for (near, _) in shifts(frequencies[j.min(frequencies.len() - 1)]) {
                    at[j] = x[j] + near;
                    points.push(at.clone());
                }
                at[j] = x[j];
            }
            found = at_once(many.bind(py), &self.shape, points)?;
        }
        for (j, slope) in gradient.iter_mut().enumerate() {
            *slope = 0.0;
            for (near, weight) in shifts(frequencies[j.min(frequencies.len() - 1)]) {
                at[j] = x[j] + near;
                self.spent += 1;
                let value = match found.remove(&bits(&at)) {
                    Some(value) => value,
                    None => self.plain_value(py, &at)?,
                };
                *slope += weight * value;
            }
            at[j] = x[j];
        }
        Ok(())
    }

    fn differenced(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        let Slope::Differences(mut differences) =
            std::mem::replace(&mut self.slope, Slope::Complex)
        else {
            return Err(PyTypeError::new_err(
                "differences were asked of a function with a gradient",
            ));
        };
        let value = self.value;
        let many = self.many.as_ref().map(|many| (many.clone_ref(py), self.shape.clone()));
        let found = RefCell::new(HashMap::new());
        let mut ahead = |points: Vec<Vec<f64>>| -> PyResult<()> {
            let Some((many, shape)) = &many else { return Ok(()) };
            found.replace(at_once(many.bind(py), shape, points)?);
            Ok(())
        };
        let ahead = many.is_some().then_some(&mut ahead as &mut Ahead<'_, PyErr>);
        let mut one = |at: &[f64]| match found.borrow_mut().remove(&bits(at)) {
            Some(value) => Ok(value),
            None => self.plain_value(py, at),
        };
        let done = differences.gradient_ahead(x, value, &mut one, ahead, gradient);
        // Those that were not asked for after all count too.
        self.spent += differences.spent() + found.into_inner().len() as u64;
        (self.slope, self.value) = (Slope::Differences(differences), value);
        done
    }

    /// Im f(x + i h e_j) / h: nothing is subtracted, so h may be as small as one likes.
    fn complex(&mut self, py: Python<'_>, x: &[f64], gradient: &mut [f64]) -> PyResult<()> {
        const H: f64 = 1e-20;
        let fun = self.fun.clone_ref(py).into_bound(py);
        for j in 0..x.len() {
            let point = self.lend(py, x)?.call_method1("astype", ("complex128",))?;
            // Not so small that it is no number any more.
            let h = (H * if x[j] == 0.0 { 1.0 } else { x[j].abs() }).max(1e-280);
            let flat = point.call_method1("reshape", (-1,))?;
            flat.set_item(j, flat.get_item(j)?.add(PyComplex::from_doubles(py, 0.0, h))?)?;
            self.spent += 1;
            let value = self.call(&fun, point, None)?;
            gradient[j] = number(&py.import("numpy")?.call_method1("imag", (value,))?)? / h;
        }
        if !self.checked && self.value.is_finite() {
            self.checked = true;
            if let Some([told, real]) = self.disagrees(py, x, gradient)? {
                return Err(refused(format!(
                    "jac=\"cs\" needs a function that is analytic: along one direction complex steps tell a slope of \
                     {told:.6} where real ones tell {real:.6}. Leave jac out (differences), or do without abs, comparisons \
                     and parts that are cast to real numbers"
                )));
            }
        }
        Ok(())
    }

    /// Holds a gradient against differences along one direction: what is not analytic (abs, conj, comparisons, parts cast
    /// to real) has another slope there than complex steps tell, and so has what has other frequencies than shifts are for.
    /// Both slopes, where they are not the same but for noise.
    fn disagrees(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        gradient: &[f64],
    ) -> PyResult<Option<[f64; 2]>> {
        let (mut u, mut ahead, mut back) = (vec![0.0; x.len()], f64::INFINITY, f64::INFINITY);
        let bounds = self.bounds.clone();
        let range = |j: usize| {
            bounds.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |b| (b.0[j], b.1[j]))
        };
        for j in 0..x.len() {
            let (low, high) = range(j);
            let (up, down) = (high - x[j], x[j] - low);
            let size = (if x[j] == 0.0 { 1.0 } else { x[j].abs() }).min(up.max(down));
            u[j] = size * (0.5 + 0.5 / (j + 1) as f64) * if up >= down { 1.0 } else { -1.0 };
            if size > 0.0 {
                ahead = ahead.min(up.max(down) / u[j].abs());
                back = back.min(up.min(down) / u[j].abs());
            }
        }
        let (mut real, mut noise) = ([0.0], [0.0]);
        let mut along =
            Differences::new(1, Scheme::Both, Length::Found, Some((vec![-back], vec![ahead])));
        let value = self.value;
        let mut f = |t: &[f64]| -> PyResult<f64> {
            let inside = |j: usize| (x[j] + t[0] * u[j]).clamp(range(j).0, range(j).1);
            let at: Vec<f64> = (0..x.len()).map(inside).collect();
            self.plain_value(py, &at)
        };
        along.gradient(&[0.0], value, &mut f, &mut real)?;
        along.accuracy(&mut noise);
        self.spent += along.spent();
        self.value = value;
        let told: f64 = gradient.iter().zip(&u).map(|(g, u)| g * u).sum();
        let size: f64 = gradient.iter().zip(&u).map(|(g, u)| (g * u).abs()).sum();
        let off = (told - real[0]).abs() > 1e-4 * size.max(real[0].abs()) + 10.0 * noise[0];
        Ok(off.then_some([told, real[0]]))
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
                (Ask::Constraints(to), _) if self.limited.is_some() => {
                    Python::attach(|py| self.limits_met(py, x, None, to)).map_err(failed)?;
                }
                (Ask::Pull { by, to }, _) if self.limited.is_some() => {
                    Python::attach(|py| self.limits_met(py, x, Some(by), to)).map_err(failed)?;
                }
                (Ask::Accuracy { value, gradient }, Slope::Differences(d)) => {
                    **value = d.accuracy(gradient);
                }
                (Ask::Sharpen(done), Slope::Differences(d)) => **done = d.sharpen(),
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

    fn product_with(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        along: &[f64],
        to: &mut [f64],
    ) -> PyResult<()> {
        let hessp = match &self.bend {
            Bend::Product(hessp) => hessp.clone_ref(py).into_bound(py),
            Bend::Whole(hess) => {
                let hess = hess.clone_ref(py).into_bound(py);
                let answer = self
                    .hessian_at(&hess, x)?
                    .call_method1("dot", (PyArray1::from_slice(py, along),))?;
                return entries(&answer, to, &[self.dim], "the Hessian (hess) times a vector");
            }
            Bend::None => {
                return Err(PyTypeError::new_err("products were asked of a function without any"));
            }
        };
        let point = self.lend(py, x)?.into_any();
        let p = PyArrayDyn::zeros(py, IxDyn(&self.shape), false);
        // SAFETY: it was made a line ago, and nobody else has it.
        unsafe { p.as_slice_mut()? }.copy_from_slice(along);
        let answer = self.call(&hessp, point, Some(p.into_any()))?;
        entries(&answer, to, &self.shape, "the product (hessp)")
    }

    /// What `hess` returns at x, sparse or an operator as it may be; asked for once however many products are taken there.
    fn hessian_at<'py>(
        &mut self,
        hess: &Bound<'py, PyAny>,
        x: &[f64],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = hess.py();
        if let Some((at, matrix)) = &self.bent_at
            && at[..] == *x
        {
            return Ok(matrix.bind(py).clone());
        }
        let point = self.lend(py, x)?.into_any();
        let mut matrix = self.call(hess, point, None)?;
        if !matrix.hasattr("dot")? || matrix.hasattr("mask")? {
            matrix = py.import("numpy")?.call_method1("asarray", (matrix, "float64"))?;
        }
        let shape: Vec<usize> = matrix.getattr("shape")?.extract()?;
        if shape != [self.dim, self.dim] {
            let n = self.dim;
            return Err(refused(format!(
                "the Hessian (hess) must have the shape ({n}, {n}); got {shape:?}"
            )));
        }
        self.bent_at = Some((x.to_vec(), matrix.clone().unbind()));
        Ok(matrix)
    }

    fn bent(&mut self, py: Python<'_>, x: &[f64], to: &mut [f64]) -> PyResult<()> {
        let Bend::Whole(hess) = &self.bend else {
            return Err(PyTypeError::new_err("a whole Hessian was asked of products"));
        };
        let hess = hess.clone_ref(py).into_bound(py);
        let point = self.lend(py, x)?.into_any();
        let answer = dense(self.call(&hess, point, None)?, self.dim)?;
        entries(&answer, to, &[self.dim, self.dim], "the Hessian (hess)")
    }
}
