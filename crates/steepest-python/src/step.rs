//! One step of a chain of rules, in place on NumPy arrays (and so on any CPU tensor that shares its memory).
use crate::enter::guarded;
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
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

    /// How many memories a tensor of that shape needs; each has its shape and starts at 0.
    fn memory(&self, shape: Vec<usize>) -> usize {
        self.f64.memory(&shape)
    }

    /// How many numbers of state so many tensors need; they start at 0.
    fn state(&self, tensors: usize) -> usize {
        self.f64.state(tensors)
    }

    /// Moves `x` and `memory` on in place, all C-contiguous and of one dtype, float32 or float64.
    ///
    /// `memory` has for each tensor a list of arrays of its shape; `state` is a float64 array. `step` counts from 1;
    /// `value` is the loss at x, NaN where the rule needs none.
    #[pyo3(signature = (x, g, memory, state, step, rate, value=f64::NAN))]
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
        let at = Moment { step, rate, value };
        if first.cast::<PyArrayDyn<f32>>().is_ok() {
            advance(py, &self.f32, &x, &g, &memory, state, at)
        } else {
            advance(py, &self.f64, &x, &g, &memory, state, at)
        }
    }
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
    let mut x: Vec<_> =
        x.iter().map(|a| writable::<N>(a, "a parameter")).collect::<PyResult<_>>()?;
    let g: Vec<_> = g.iter().map(readable::<N>).collect::<PyResult<_>>()?;
    let mut memory: Vec<Vec<_>> = memory
        .iter()
        .map(|m| m.iter().map(|a| writable::<N>(a, "a memory")).collect::<PyResult<_>>())
        .collect::<PyResult<_>>()?;
    let shapes: Vec<Vec<usize>> = x.iter().map(|a| a.shape().to_vec()).collect();
    let mut tensors = Vec::with_capacity(x.len());
    for (((x, g), m), shape) in x.iter_mut().zip(&g).zip(&mut memory).zip(&shapes) {
        let alike = g.shape() == shape && m.iter().all(|m| m.len() == x.len());
        if !alike || m.len() != chain.memory(shape) {
            return Err(PyValueError::new_err(format!(
                "a parameter of shape {shape:?} needs a gradient of that shape and {} memories; got {:?} and {}",
                chain.memory(shape),
                g.shape(),
                m.len()
            )));
        }
        let memory = m.iter_mut().map(|m| m.as_slice_mut()).collect::<Result<_, _>>()?;
        tensors.push(Tensor { shape, x: x.as_slice_mut()?, g: g.as_slice()?, memory });
    }
    guarded(|| {
        py.detach(|| chain.step(at, &mut tensors, state));
        Ok(())
    })
}
