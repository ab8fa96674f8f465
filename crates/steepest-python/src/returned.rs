//! What functions of Python return, read: a number, a gradient, a matrix.
use crate::enter::refused;
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyFloat, PyString, PyTuple};

/// (value, gradient), as `fun` returns them where `jac=True`; what comes after is left alone, as SciPy does.
pub fn pair<'py>(answer: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let wrong = || {
        let got = shown(answer);
        PyTypeError::new_err(format!("with jac=True fun must return (value, gradient); got {got}"))
    };
    if answer.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    let both = answer.get_item(0).and_then(|f| Ok((f, answer.get_item(1)?)));
    both.map_err(|_| wrong())
}

/// A value: a float, or an array with one entry.
pub fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(v) = value.cast::<PyFloat>() {
        return Ok(v.value());
    }
    let wrong = || {
        let got = shown(value);
        let both = value.is_instance_of::<PyTuple>() && value.len().is_ok_and(|n| n > 1);
        let hint = if both { " (for value and gradient pass jac=True)" } else { "" };
        PyTypeError::new_err(format!("fun must return one real number; got {got}{hint}"))
    };
    if value.is_none() || value.hasattr("mask")? {
        return Err(wrong());
    }
    // NumPy's complex numbers turn into their real part where a float is asked for: one that is real is taken for it.
    if complex(value) {
        let zero =
            value.getattr("imag").and_then(|imag| number(&imag)).is_ok_and(|imag| imag == 0.0);
        return if zero { number(&value.getattr("real")?) } else { Err(wrong()) };
    }
    match value.extract() {
        Ok(v) => Ok(v),
        Err(_) => value.call_method0("item").and_then(|v| v.extract()).map_err(|_| wrong()),
    }
}

/// Whether it is complex by its type.
fn complex(value: &Bound<'_, PyAny>) -> bool {
    let kind = || value.getattr("dtype").and_then(|d| d.getattr("kind"));
    value.is_instance_of::<PyComplex>()
        || kind().is_ok_and(|kind| kind.extract::<&str>().is_ok_and(|kind| kind == "c"))
}

/// What was got, short enough for a message.
fn shown(what: &Bound<'_, PyAny>) -> String {
    let all = what.repr().map_or_else(|_| "what cannot be shown".into(), |r| r.to_string());
    all.chars().take(60).collect()
}

/// Numbers of any kind and layout in the shape given (axes of length 1 aside) or flat, copied to a slice.
pub fn entries(
    from: &Bound<'_, PyAny>,
    to: &mut [f64],
    shape: &[usize],
    what: &str,
) -> PyResult<()> {
    // A subclass may be a masked array: it is looked at more closely.
    if from.is_exact_instance_of::<PyArrayDyn<f64>>()
        && let Ok(array) = from.cast::<PyArrayDyn<f64>>()
        && array.len() == to.len()
        && (array.shape().len() == 1 || array.shape() == shape)
        && array.is_c_contiguous()
        // SAFETY: contiguous, and nothing else runs while it is copied.
        && let Ok(from) = unsafe { array.as_slice() }
    {
        to.copy_from_slice(from);
        return Ok(());
    }
    let numpy = from.py().import("numpy")?;
    if from.is_none() || numpy.call_method1("iscomplexobj", (from,))?.is_truthy()? {
        return Err(refused(format!("{what} must be real numbers; got {}", shown(from))));
    }
    if numpy.getattr("ma")?.call_method1("is_masked", (from,))?.is_truthy()? {
        return Err(refused(format!("{what} must not be masked; got {}", shown(from))));
    }
    let Ok(array) = numpy.call_method1("asarray", (from, "float64")) else {
        return Err(refused(format!("{what} must be real numbers; got {}", shown(from))));
    };
    let got: Vec<usize> = array.getattr("shape")?.extract()?;
    let long = |s: &[usize]| s.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
    let flat = long(&got).len() <= 1 && got.iter().product::<usize>() == to.len();
    if !flat && long(&got) != long(shape) {
        let (wanted, got) = (tuple(shape), tuple(&got));
        return Err(refused(format!("{what} must have the shape {wanted}; got {got}")));
    }
    let flat = numpy.call_method1("ascontiguousarray", (array,))?;
    let flat = flat.cast::<PyArrayDyn<f64>>()?;
    // SAFETY: contiguous, and ours alone.
    to.copy_from_slice(unsafe { flat.as_slice()? });
    Ok(())
}

/// A shape as Python writes it.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [n] => format!("({n},)"),
        all => format!("{all:?}").replace('[', "(").replace(']', ")"),
    }
}

/// A matrix that may be sparse, or an operator with products only, as an array.
pub fn dense(matrix: Bound<'_, PyAny>, n: usize) -> PyResult<Bound<'_, PyAny>> {
    if matrix.hasattr("toarray")? {
        return matrix.call_method0("toarray");
    }
    if matrix.hasattr("matmat")? {
        let axes = matrix.py().import("numpy")?.call_method1("eye", (n,))?;
        return matrix.call_method1("matmat", (axes,));
    }
    Ok(matrix)
}
