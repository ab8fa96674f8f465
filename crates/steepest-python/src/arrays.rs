//! Arrays as they come in: dtype and storage are settled here, once, and nowhere else.
//!
//! Dense tables of native, aligned `float32` or `float64` in C or Fortran order, and CSR matrices of these, are
//! borrowed as they lie. Everything else is converted once: other numbers to `float64`, views with gaps to C
//! order, other sparse formats to CSR with sorted rows. What is not numbers is refused by name.
use crate::stream::{Lent, Stream};
use crate::structure::check_structure;
use numpy::{
    Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1,
    PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use steepest::design::Design;
use steepest::designs::codes::{Category, Codes};
use steepest::designs::dense::Dense;
use steepest::designs::sparse::Sparse;
use steepest::numbers::real::Float;

/// A table of numbers, borrowed from Python.
pub enum Table<'py> {
    /// Rows or columns of `float64`.
    Dense64(PyReadonlyArray2<'py, f64>),
    /// Rows or columns of `float32`.
    Dense32(PyReadonlyArray2<'py, f32>),
    /// A CSR matrix.
    Sparse {
        /// The entries.
        values: Values<'py>,
        /// Their columns.
        indices: Places<'py>,
        /// Where each row starts.
        starts: Places<'py>,
        /// Rows and columns.
        shape: (usize, usize),
    },
    /// Categories beside numbers.
    Codes {
        /// Rows of `float64`.
        numbers: PyReadonlyArray2<'py, f64>,
        /// A row a category: a code for each row of the table.
        codes: PyReadonlyArray2<'py, i32>,
        /// How many levels each category has.
        levels: Vec<usize>,
    },
    /// Rows that are read while it is computed with them.
    Stream(Stream),
}

/// The entries of a CSR matrix.
pub enum Values<'py> {
    /// `float64`.
    F64(PyReadonlyArray1<'py, f64>),
    /// `float32`.
    F32(PyReadonlyArray1<'py, f32>),
}

/// Places in a CSR matrix.
pub enum Places<'py> {
    /// `int32`.
    I32(PyReadonlyArray1<'py, i32>),
    /// `int64`.
    I64(PyReadonlyArray1<'py, i64>),
}

fn numpy(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("numpy")
}

/// `numpy.<function>(x, dtype=dtype)`.
fn convert<'py>(x: &Bound<'py, PyAny>, function: &str, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
    let keywords = PyDict::new(x.py());
    keywords.set_item("dtype", dtype)?;
    numpy(x.py())?.call_method(function, (x,), Some(&keywords))
}

/// The letter and size of a dtype, and whether its bytes are in this machine's order.
fn kind(a: &Bound<'_, PyUntypedArray>) -> (u8, usize, bool) {
    let d = a.dtype();
    (d.kind(), d.itemsize(), d.is_native_byteorder().unwrap_or(true))
}

/// Numbers of any dtype as `float64`; text and objects that are no numbers are refused.
fn to_f64<'py>(a: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    match kind(a).0 {
        b'b' | b'i' | b'u' | b'f' => convert(a.as_any(), "ascontiguousarray", "float64"),
        b'O' => convert(a.as_any(), "ascontiguousarray", "float64").map_err(|e| {
            let words = format!(
                "{name} must be numbers; got objects that are not all numbers ({}): encode categories as numbers first",
                e.value(a.py())
            );
            if e.is_instance_of::<PyTypeError>(a.py()) {
                PyTypeError::new_err(words)
            } else {
                PyValueError::new_err(words)
            }
        }),
        b'c' => Err(PyValueError::new_err(format!(
            "Complex data not supported: {name} must be real numbers; got dtype {}",
            a.dtype()
        ))),
        _ => Err(PyValueError::new_err(format!(
            "{name} must be numbers; got dtype {}: encode categories as numbers first",
            a.dtype()
        ))),
    }
}

fn read<'py, T: Element>(a: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray2<'py, T>> {
    Ok(a.cast::<PyArray2<T>>()?.try_readonly()?)
}
fn read1<'py, T: Element>(a: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray1<'py, T>> {
    Ok(a.cast::<PyArray1<T>>()?.try_readonly()?)
}

fn gapless(a: &Bound<'_, PyUntypedArray>) -> bool {
    let aligned = a.getattr("flags").and_then(|f| f.getattr("aligned")?.is_truthy());
    (a.is_c_contiguous() || a.is_fortran_contiguous()) && aligned.unwrap_or(false)
}

impl<'py> Table<'py> {
    /// A table from an array, a sparse matrix or array, or whatever `numpy.asarray` understands.
    pub fn new(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        if let Some(stream) = Stream::new(x)? {
            return Ok(Table::Stream(stream));
        }
        if x.hasattr("levels")? && x.hasattr("codes")? {
            return Self::codes(x, name);
        }
        if x.hasattr("tocsr")? {
            return Self::sparse(x, name);
        }
        let a = numpy(x.py())?.call_method1("asarray", (x,))?.cast_into::<PyUntypedArray>()?;
        if a.ndim() != 2 {
            return Err(PyValueError::new_err(format!(
                "{name} must have two dimensions, rows and columns; got shape {}. Reshape your data: {name}.reshape(-1, 1) is one column, {name}.reshape(1, -1) one row",
                a.getattr("shape")?
            )));
        }
        match kind(&a) {
            (b'f', 8, true) if gapless(&a) => Ok(Table::Dense64(read(a.as_any())?)),
            (b'f', 4, true) if gapless(&a) => Ok(Table::Dense32(read(a.as_any())?)),
            (b'f', 4, _) => {
                Ok(Table::Dense32(read(&convert(a.as_any(), "ascontiguousarray", "float32")?)?))
            }
            _ => Ok(Table::Dense64(read(&to_f64(&a, name)?)?)),
        }
    }

    fn sparse(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        check_structure(x, name)?;
        let mut m = x.call_method0("tocsr")?;
        let shape: (usize, usize) = m.getattr("shape")?.extract()?;
        if !m.is(x) {
            check_structure(&m, name)?;
        }
        if !m.getattr("has_canonical_format")?.is_truthy()? {
            m = m.call_method0("copy")?;
            m.call_method0("sum_duplicates")?;
        }
        let data = m.getattr("data")?.cast_into::<PyUntypedArray>()?;
        let values = match kind(&data) {
            (b'f', 8, true) if gapless(&data) => Values::F64(read1(data.as_any())?),
            (b'f', 4, true) if gapless(&data) => Values::F32(read1(data.as_any())?),
            _ => Values::F64(read1(&to_f64(&data, name)?)?),
        };
        let (indices, starts) = (m.getattr("indices")?, m.getattr("indptr")?);
        let short = |a: &Bound<'py, PyAny>| a.cast::<PyArray1<i32>>().is_ok();
        let contiguous = |a: &Bound<'py, PyAny>, dtype| convert(a, "ascontiguousarray", dtype);
        let (indices, starts) = if short(&indices) && short(&starts) {
            let (i, s) = (contiguous(&indices, "int32")?, contiguous(&starts, "int32")?);
            (Places::I32(read1(&i)?), Places::I32(read1(&s)?))
        } else {
            let (i, s) = (contiguous(&indices, "int64")?, contiguous(&starts, "int64")?);
            (Places::I64(read1(&i)?), Places::I64(read1(&s)?))
        };
        Ok(Table::Sparse { values, indices, starts, shape })
    }

    /// `numbers` (rows × numbers), `codes` (categories × rows, `int32`) and `levels`.
    fn codes(x: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let Table::Dense64(numbers) = Self::new(&x.getattr("numbers")?, name)? else {
            return Err(PyValueError::new_err(format!("{name}.numbers must be float64")));
        };
        let codes: PyReadonlyArray2<'py, i32> = read(&x.getattr("codes")?)?;
        let levels: Vec<usize> = x.getattr("levels")?.extract()?;
        if !(numbers.is_c_contiguous() && codes.is_c_contiguous()) {
            return Err(PyValueError::new_err(format!(
                "{name}.numbers and {name}.codes must be in C order"
            )));
        }
        Ok(Table::Codes { numbers, codes, levels })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Table::Dense64(a) => (a.shape()[0], a.shape()[1]),
            Table::Dense32(a) => (a.shape()[0], a.shape()[1]),
            Table::Sparse { shape, .. } => *shape,
            Table::Stream(stream) => stream.shape(),
            Table::Codes { numbers, levels, .. } => {
                (numbers.shape()[0], numbers.shape()[1] + levels.iter().sum::<usize>())
            }
        }
    }

    /// The table as the core reads it; nothing is copied.
    pub fn design(&self, py: Python<'_>) -> PyResult<Lent<'_>> {
        self.boxed(py).map(Lent::new)
    }
    /// What reading it raised: the reason why it is unreadable.
    pub fn raised(&self) -> Option<PyErr> {
        match self {
            Table::Stream(stream) => stream.raised(),
            _ => None,
        }
    }
    fn boxed(&self, py: Python<'_>) -> PyResult<Box<dyn Design + '_>> {
        match self {
            Table::Stream(stream) => Ok(stream.design(py)?),
            Table::Dense64(a) => dense(a),
            Table::Dense32(a) => dense(a),
            Table::Codes { numbers, codes, levels } => {
                let (rows, width) = (numbers.shape()[0], numbers.shape()[1]);
                if codes.shape() != [levels.len(), rows] {
                    return Err(PyValueError::new_err(format!(
                        "{} categories of {rows} rows need as many codes; got shape {:?}",
                        levels.len(),
                        codes.shape()
                    )));
                }
                let all = codes.as_slice()?;
                let of = |(k, &levels): (usize, &usize)| Category {
                    codes: &all[k * rows..(k + 1) * rows],
                    levels,
                };
                let categories: Vec<Category<'_>> = levels.iter().enumerate().map(of).collect();
                let design = Codes::new(rows, numbers.as_slice()?, width, &categories);
                Ok(Box::new(design.map_err(PyValueError::new_err)?))
            }
            Table::Sparse { values, indices, starts, shape } => {
                macro_rules! rows {
                    ($v:expr, $i:expr, $s:expr) => {
                        Sparse::new($v.as_slice()?, $i.as_slice()?, $s.as_slice()?, shape.1)
                            .map(|s| Box::new(s) as Box<dyn Design + '_>)
                    };
                }
                match (values, indices, starts) {
                    (Values::F64(v), Places::I32(i), Places::I32(s)) => rows!(v, i, s),
                    (Values::F64(v), Places::I64(i), Places::I64(s)) => rows!(v, i, s),
                    (Values::F32(v), Places::I32(i), Places::I32(s)) => rows!(v, i, s),
                    (Values::F32(v), Places::I64(i), Places::I64(s)) => rows!(v, i, s),
                    _ => unreachable!("indices and starts are of one type"),
                }
                .map_err(PyValueError::new_err)
            }
        }
    }
}

fn dense<'a, T: Element + Float>(a: &'a PyReadonlyArray2<'_, T>) -> PyResult<Box<dyn Design + 'a>> {
    let (rows, columns) = (a.shape()[0], a.shape()[1]);
    let (along, across) = if a.is_c_contiguous() { (columns, 1) } else { (1, rows) };
    let table = Dense::strided(a.as_slice()?, rows, columns, along, across);
    Ok(Box::new(table.map_err(PyValueError::new_err)?))
}

/// One number a row, as `float64`; wrong lengths and dtypes are named.
pub fn column<'py>(
    x: &Bound<'py, PyAny>,
    name: &str,
    rows: usize,
) -> PyResult<PyReadonlyArray1<'py, f64>> {
    let a = numpy(x.py())?.call_method1("asarray", (x,))?.cast_into::<PyUntypedArray>()?;
    if a.ndim() != 1 || a.len() != rows {
        return Err(PyValueError::new_err(format!(
            "{name} must be one number for each of the {rows} rows; got shape {}",
            a.getattr("shape")?
        )));
    }
    match kind(&a) {
        (b'f', 8, true) if gapless(&a) => read1(a.as_any()),
        _ => read1(&to_f64(&a, name)?),
    }
}
