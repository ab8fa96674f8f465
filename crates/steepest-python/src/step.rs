//! One step of a chain of rules, in place on NumPy arrays (and so on any CPU tensor that shares its memory).
use crate::enter::guarded;
use numpy::{Element, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use numpy::{PyReadonlyArrayDyn, PyReadwriteArray1, PyReadwriteArrayDyn};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use steepest::chain::{Chain, Named, Tensor, plan};
use steepest::rule::{Compiled, Moment};

/// Rules one after the other, ready to take steps: those that turn the gradient, then the one that moves parameters.
///
/// `Rule([("clip_norm", {"most": 1.0}), ("adam", {})])`; settings that are not named have their defaults.
#[pyclass(frozen, module = "steepest._core")]
pub struct Rule {
    f32: Chain<f32>,
    f64: Chain<f64>,
}

type Settings = Vec<(String, Vec<(String, f64)>)>;

/// A list of names with dictionaries of settings.
fn named(rules: &Bound<'_, PyAny>) -> PyResult<Settings> {
    rules
        .try_iter()?
        .map(|pair| {
            let (name, given): (String, std::collections::BTreeMap<String, f64>) =
                pair?.extract()?;
            Ok((name, given.into_iter().collect()))
        })
        .collect()
}

#[pymethods]
impl Rule {
    #[new]
    fn new(rules: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rules = named(rules)?;
        let given: Vec<Vec<(&str, f64)>> =
            rules.iter().map(|(_, s)| s.iter().map(|(k, v)| (k.as_str(), *v)).collect()).collect();
        let rules: Vec<Named<'_>> =
            rules.iter().zip(&given).map(|((name, _), s)| (name.as_str(), &s[..])).collect();
        let plan = plan(&rules).map_err(PyValueError::new_err)?;
        Ok(Rule { f32: Chain::new(&plan), f64: Chain::new(&plan) })
    }

    /// The shapes of the memories that a tensor of that shape needs; each starts at 0.
    fn memory(&self, shape: Vec<usize>) -> Vec<Vec<usize>> {
        self.f64.memory(&shape)
    }

    /// How many numbers of state so many tensors need; they start at 0.
    fn state(&self, tensors: usize) -> usize {
        self.f64.state(tensors)
    }

    /// Moves `x` and `memory` on in place, all C-contiguous and of one dtype, float32 or float64.
    ///
    /// `memory` has for each tensor a list of arrays of its shape; `state` is a float64 array. `step` counts from 1;
    /// `value` is the loss at x, NaN where the rule needs none; `before`, how many tensors are moved on apart from these,
    /// before them: what is drawn at random goes by the tensor's number.
    #[pyo3(signature = (x, g, memory, state, step, rate, value=f64::NAN, before=0))]
    #[allow(clippy::too_many_arguments)]
    fn step<'py>(
        &self,
        x: Vec<Bound<'py, PyAny>>,
        g: Vec<Bound<'py, PyAny>>,
        memory: Vec<Vec<Bound<'py, PyAny>>>,
        mut state: PyReadwriteArray1<'py, f64>,
        step: u64,
        rate: f64,
        value: f64,
        before: u32,
    ) -> PyResult<()> {
        let Some(first) = x.first() else { return Ok(()) };
        if g.len() != x.len() || memory.len() != x.len() {
            return Err(PyValueError::new_err(format!(
                "as many gradients and memories as parameters are needed; got {}, {} and {}",
                g.len(),
                memory.len(),
                x.len()
            )));
        }
        let (py, state) = (first.py(), state.as_slice_mut()?);
        let needed = self.f64.state(x.len());
        if state.len() != needed || step == 0 {
            return Err(PyValueError::new_err(format!(
                "state must hold {needed} numbers and step be at least 1; got {} and {step}",
                state.len()
            )));
        }
        let at = Moment { step, rate, value, before };
        if first.cast::<PyArrayDyn<f32>>().is_ok() {
            advance(py, &self.f32, &x, &g, &memory, state, at)
        } else {
            advance(py, &self.f64, &x, &g, &memory, state, at)
        }
    }

    /// Writes to `to` where the second gradient of that step is asked; `x`, `g`, `memory` and `state` as for `step`.
    #[pyo3(signature = (x, g, memory, state, to, step, rate, value=f64::NAN, before=0))]
    #[allow(clippy::too_many_arguments)]
    fn place<'py>(
        &self,
        x: Vec<Bound<'py, PyAny>>,
        g: Vec<Bound<'py, PyAny>>,
        memory: Vec<Vec<Bound<'py, PyAny>>>,
        mut state: PyReadwriteArray1<'py, f64>,
        to: Vec<Bound<'py, PyAny>>,
        step: u64,
        rate: f64,
        value: f64,
        before: u32,
    ) -> PyResult<()> {
        let Some(first) = x.first() else { return Ok(()) };
        let (state, at) = (state.as_slice_mut()?, Moment { step, rate, value, before });
        let seen = Seen::Place;
        if first.cast::<PyArrayDyn<f32>>().is_ok() {
            look(&self.f32, &x, &g, &memory, state, &to, at, seen)
        } else {
            look(&self.f64, &x, &g, &memory, state, &to, at, seen)
        }
    }

    /// Writes to `to` the point to look at after that step: an average, say.
    #[pyo3(signature = (x, memory, state, to, step, rate, value=f64::NAN))]
    #[allow(clippy::too_many_arguments)]
    fn shown<'py>(
        &self,
        x: Vec<Bound<'py, PyAny>>,
        memory: Vec<Vec<Bound<'py, PyAny>>>,
        mut state: PyReadwriteArray1<'py, f64>,
        to: Vec<Bound<'py, PyAny>>,
        step: u64,
        rate: f64,
        value: f64,
    ) -> PyResult<()> {
        let Some(first) = x.first() else { return Ok(()) };
        let (state, at) = (state.as_slice_mut()?, Moment { step, rate, value, before: 0 });
        let seen = Seen::Shown;
        if first.cast::<PyArrayDyn<f32>>().is_ok() {
            look(&self.f32, &x, &to, &memory, state, &to, at, seen)
        } else {
            look(&self.f64, &x, &to, &memory, state, &to, at, seen)
        }
    }
}

/// The standard normal numbers that a rule draws for a tensor of so many at a step.
#[pyfunction]
pub fn normal(
    py: Python<'_>,
    seed: u64,
    step: u64,
    tensor: u32,
    count: usize,
) -> Bound<'_, PyArray1<f64>> {
    let at = Moment { step, rate: 0.0, value: f64::NAN, before: 0 };
    let mut numbers = vec![0.0; count];
    steepest::chain::normal(seed, at, tensor as usize, 0, &mut numbers);
    PyArray1::from_vec(py, numbers)
}

fn writable<'py, N: Element>(
    a: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<PyReadwriteArrayDyn<'py, N>> {
    let a = a.cast::<PyArrayDyn<N>>().map_err(|_| refusal(a, what))?;
    if !a.is_c_contiguous() {
        return Err(PyValueError::new_err(format!("{what} must be C-contiguous")));
    }
    a.try_readwrite().map_err(|e| PyValueError::new_err(format!("{what} cannot be written: {e}")))
}

fn readable<'py, N: Element>(a: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, N>> {
    let a = a.cast::<PyArrayDyn<N>>().map_err(|_| refusal(a, "a gradient"))?;
    if !a.is_c_contiguous() {
        return Err(PyValueError::new_err("a gradient must be C-contiguous"));
    }
    a.try_readonly().map_err(|e| PyValueError::new_err(format!("a gradient cannot be read: {e}")))
}

fn refusal(a: &Bound<'_, PyAny>, what: &str) -> PyErr {
    let got = a.getattr("dtype").map_or_else(|_| a.get_type().to_string(), |d| d.to_string());
    PyTypeError::new_err(format!(
        "{what} must be a NumPy array of the first parameter's dtype, float32 or float64; got {got}"
    ))
}

/// What is looked for beside a step.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Place,
    Shown,
}

/// Arrays of Python's that a step works on, taken hold of.
struct Held<'py, N: Element> {
    x: Vec<PyReadwriteArrayDyn<'py, N>>,
    g: Vec<PyReadonlyArrayDyn<'py, N>>,
    memory: Vec<Vec<PyReadwriteArrayDyn<'py, N>>>,
    shapes: Vec<Vec<usize>>,
}

impl<'py, N: Compiled + Element> Held<'py, N> {
    /// Without a gradient where there is none.
    fn of(
        x: &[Bound<'py, PyAny>],
        g: &[Bound<'py, PyAny>],
        memory: &[Vec<Bound<'py, PyAny>>],
    ) -> PyResult<Self> {
        let memory = memory
            .iter()
            .map(|m| m.iter().map(|a| writable::<N>(a, "a memory")).collect::<PyResult<_>>());
        let x: Vec<_> =
            x.iter().map(|a| writable::<N>(a, "a parameter")).collect::<PyResult<_>>()?;
        Ok(Held {
            g: g.iter().map(readable::<N>).collect::<PyResult<_>>()?,
            memory: memory.collect::<PyResult<_>>()?,
            shapes: x.iter().map(|a| a.shape().to_vec()).collect(),
            x,
        })
    }
    /// The tensors, where all is of its shape.
    fn tensors(&mut self, chain: &Chain<N>) -> PyResult<Vec<Tensor<'_, N>>> {
        let mut tensors = Vec::with_capacity(self.x.len());
        for (i, (x, m)) in self.x.iter_mut().zip(&mut self.memory).enumerate() {
            let (shape, needed) = (&self.shapes[i], chain.memory(&self.shapes[i]));
            let g = self.g.get(i);
            let alike = g.is_none_or(|g| g.shape() == shape)
                && m.iter().zip(&needed).all(|(m, n)| m.len() == n.iter().product::<usize>());
            if !alike || m.len() != needed.len() {
                return Err(PyValueError::new_err(format!(
                    "a parameter of shape {shape:?} needs a gradient of that shape and {} memories; got {:?} and {}",
                    needed.len(),
                    g.map_or(&[][..], |g| g.shape()),
                    m.len()
                )));
            }
            let memory = m.iter_mut().map(|m| m.as_slice_mut()).collect::<Result<_, _>>()?;
            let g = g.map_or(Ok(&[][..]), |g| g.as_slice())?;
            tensors.push(Tensor { shape, x: x.as_slice_mut()?, g, memory });
        }
        Ok(tensors)
    }
}

/// One step with the interpreter let go.
fn advance<'py, N: Compiled + Element>(
    py: Python<'py>,
    chain: &Chain<N>,
    x: &[Bound<'py, PyAny>],
    g: &[Bound<'py, PyAny>],
    memory: &[Vec<Bound<'py, PyAny>>],
    state: &mut [f64],
    at: Moment,
) -> PyResult<()> {
    let mut held = Held::of(x, g, memory)?;
    let mut tensors = held.tensors(chain)?;
    guarded(|| {
        py.detach(|| chain.step(at, &mut tensors, state));
        Ok(())
    })
}

/// A point beside the step, written to `to`.
#[allow(clippy::too_many_arguments)]
fn look<'py, N: Compiled + Element>(
    chain: &Chain<N>,
    x: &[Bound<'py, PyAny>],
    g: &[Bound<'py, PyAny>],
    memory: &[Vec<Bound<'py, PyAny>>],
    state: &[f64],
    to: &[Bound<'py, PyAny>],
    at: Moment,
    seen: Seen,
) -> PyResult<()> {
    let needed = chain.state(x.len());
    if [g.len(), memory.len(), to.len()] != [x.len(); 3] || state.len() != needed {
        return Err(PyValueError::new_err(format!(
            "as many gradients, memories and places as parameters, and {needed} numbers of state are needed"
        )));
    }
    let none = if seen == Seen::Shown { &[] } else { g };
    let mut held = Held::of(x, none, memory)?;
    let mut to: Vec<_> = to.iter().map(|a| writable::<N>(a, "a place")).collect::<PyResult<_>>()?;
    if to.iter().zip(&held.shapes).any(|(to, shape)| to.shape() != shape) {
        return Err(PyValueError::new_err("a place must have its parameter's shape"));
    }
    let mut tensors = held.tensors(chain)?;
    let mut to: Vec<_> = to.iter_mut().map(|a| a.as_slice_mut()).collect::<Result<_, _>>()?;
    match seen {
        Seen::Place => chain.place(at, &mut tensors, state, &mut to),
        Seen::Shown => chain.shown(at, &tensors, state, &mut to),
    }
    Ok(())
}
