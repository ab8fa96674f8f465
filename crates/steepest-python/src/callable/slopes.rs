//! Gradients from values: nearby, a complex step away, or at angles shifted far.
use super::Callable;
use crate::enter::refused;
use crate::returned::number;
use numpy::{IxDyn, PyArray1, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyList};
use std::cell::RefCell;
use std::collections::HashMap;
use steepest::differences::{Ahead, Differences, Length, Scheme};

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

impl Callable {
    /// The gradient by shifts. At first they are held against differences: not at x, since a start that is symmetric (all
    /// zeros, often) has the slope 0 there whatever the frequencies are, but aside.
    pub(super) fn shifted(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        gradient: &mut [f64],
    ) -> PyResult<()> {
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

    pub(super) fn differenced(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        gradient: &mut [f64],
    ) -> PyResult<()> {
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
    pub(super) fn complex(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        gradient: &mut [f64],
    ) -> PyResult<()> {
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
