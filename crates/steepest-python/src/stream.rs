//! Rows that Python reads, on the thread that reads for a table in pieces.
use crate::enter::refused;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use steepest::design::Design;
use steepest::designs::streamed::Streamed;
use steepest::numbers::real::Float;
use steepest::source::{Entries, Source, Unreadable};

/// Rows that are written side by side at a time: columns of so many stay in the nearest caches.
const STRIP: usize = 64;

/// What reads: a Python object with `shape`, `dtype`, `levels`, `sparse` (columns, entries), `memory` and
/// `read_rows(start, stop)`, which gives the parts of these rows in order, each as columns of `dtype` (or a matrix of it),
/// a matrix of codes, a row a category, and the values, columns and starts of sparse rows.
pub struct Stream {
    read: Py<PyAny>,
    /// Rows, numbers a row.
    shape: (usize, usize),
    levels: Vec<usize>,
    sparse: (usize, usize),
    narrow: bool,
    memory: usize,
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl Stream {
    /// None where it is something else.
    pub fn new(x: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let Ok(read) = x.getattr("read_rows") else { return Ok(None) };
        let levels: Vec<usize> = x.getattr("levels")?.extract()?;
        let (rows, columns): (usize, usize) = x.getattr("shape")?.extract()?;
        let sparse: (usize, usize) = x.getattr("sparse")?.extract()?;
        let implied = levels.iter().sum::<usize>() + sparse.0;
        let width =
            columns.checked_sub(implied).ok_or_else(|| refused("fewer columns than levels"))?;
        let kind: String = x.getattr("dtype")?.getattr("name")?.extract()?;
        Ok(Some(Stream {
            read: read.unbind(),
            shape: (rows, width),
            levels,
            sparse,
            narrow: kind == "float32",
            memory: x.getattr("memory")?.extract()?,
            raised: Arc::default(),
        }))
    }
    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.shape.0, self.shape.1 + self.levels.iter().sum::<usize>() + self.sparse.0)
    }
    /// What the reading raised, if it did.
    pub fn raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    /// The table that is read by it.
    pub fn design(&self, py: Python<'_>) -> PyResult<Box<dyn Design>> {
        let rows = Rows {
            read: self.read.clone_ref(py),
            shape: self.shape,
            levels: self.levels.clone(),
            sparse: self.sparse,
            raised: self.raised.clone(),
        };
        if self.narrow {
            Ok(Box::new(Streamed::<f32>::new(rows, self.memory).map_err(refused)?))
        } else {
            Ok(Box::new(Streamed::<f64>::new(rows, self.memory).map_err(refused)?))
        }
    }
}

/// The source that the reading thread has.
struct Rows {
    read: Py<PyAny>,
    shape: (usize, usize),
    levels: Vec<usize>,
    sparse: (usize, usize),
    raised: Arc<Mutex<Option<PyErr>>>,
}

/// A part of what is read: numbers, codes, and values, columns and starts of sparse rows.
type Part<'py, N> = (
    Bound<'py, PyAny>,
    Option<Bound<'py, PyArray2<i32>>>,
    Option<(Bound<'py, PyArray1<N>>, Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<i32>>)>,
);

impl<N: Element + Float> Source<N> for Rows {
    fn rows(&self) -> usize {
        self.shape.0
    }
    fn numbers(&self) -> usize {
        self.shape.1
    }
    fn levels(&self) -> &[usize] {
        &self.levels
    }
    fn sparse(&self) -> (usize, usize) {
        self.sparse
    }
    fn read(
        &mut self,
        rows: Range<usize>,
        numbers: &mut [N],
        codes: &mut [i32],
        entries: &mut Entries<N>,
    ) -> Result<(), Unreadable> {
        Python::attach(|py| {
            self.parts(py, &rows, numbers, codes, entries).map_err(|error| {
                let why = error.value(py).to_string();
                *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Unreadable { what: "the table".into(), group: None, why }
            })
        })
    }
}

impl Rows {
    fn parts<N: Element + Float>(
        &self,
        py: Python<'_>,
        rows: &Range<usize>,
        numbers: &mut [N],
        codes: &mut [i32],
        entries: &mut Entries<N>,
    ) -> PyResult<()> {
        let (width, count) = (self.shape.1, rows.len());
        let mut done = 0;
        for part in self.read.bind(py).call1((rows.start, rows.end))?.try_iter()? {
            let (given, coded, sparse): Part<'_, N> = part?.extract()?;
            let left = &mut numbers[done * width..];
            let some = match given.cast::<PyList>() {
                Ok(columns) => side_by_side(columns, width, left)?,
                Err(_) => {
                    let matrix = given.cast::<PyArray2<N>>()?.readonly();
                    let all = matrix.as_slice()?;
                    let fits = matrix.shape()[1] == width && all.len() <= left.len();
                    fits.then(|| left[..all.len()].copy_from_slice(all)).ok_or_else(strange)?;
                    matrix.shape()[0]
                }
            };
            if let Some(coded) = coded {
                let coded = coded.readonly();
                if coded.shape() != [self.levels.len(), some] || done + some > count {
                    return Err(strange());
                }
                let to = codes.chunks_exact_mut(count);
                for (to, from) in to.zip(coded.as_slice()?.chunks_exact(some.max(1))) {
                    to[done..done + some].copy_from_slice(from);
                }
            }
            if let Some((values, columns, starts)) = sparse {
                let (values, columns, starts) =
                    (values.readonly(), columns.readonly(), starts.readonly());
                let (values, columns) = (values.as_slice()?, columns.as_slice()?);
                let starts = starts.as_slice()?;
                if starts.len() != some + 1 {
                    return Err(strange());
                }
                for row in starts.windows(2) {
                    let row = row[0] as usize..row[1] as usize;
                    let (values, columns) =
                        values.get(row.clone()).zip(columns.get(row)).ok_or_else(strange)?;
                    for (v, j) in values.iter().zip(columns) {
                        entries.push(usize::try_from(*j).map_err(|_| strange())?, *v);
                    }
                    entries.end_row();
                }
            }
            done += some;
        }
        if done == count { Ok(()) } else { Err(strange()) }
    }
}

fn strange() -> PyErr {
    refused("read_rows gave other rows than were asked for")
}

/// Writes columns of one length as rows; how many rows.
fn side_by_side<N: Element + Float>(
    columns: &Bound<'_, PyList>,
    width: usize,
    to: &mut [N],
) -> PyResult<usize> {
    let columns = columns.iter().map(|c| Ok(c.cast::<PyArray1<N>>()?.readonly()));
    let columns: Vec<PyReadonlyArray1<'_, N>> = columns.collect::<PyResult<_>>()?;
    let slices: Vec<&[N]> = columns.iter().map(|c| c.as_slice()).collect::<Result<_, _>>()?;
    let rows = slices.first().map_or(0, |c| c.len());
    if slices.len() != width || slices.iter().any(|c| c.len() != rows) || rows * width > to.len() {
        return Err(strange());
    }
    for from in (0..rows).step_by(STRIP) {
        let end = (from + STRIP).min(rows);
        let to = &mut to[from * width..end * width];
        for (j, column) in slices.iter().enumerate() {
            for (to, x) in to.iter_mut().skip(j).step_by(width).zip(&column[from..end]) {
                *to = *x;
            }
        }
    }
    Ok(rows)
}

/// A table as the core reads it, given up where the thread that reads for it may come to its end.
pub struct Lent<'a>(Option<Box<dyn Design + 'a>>);

impl<'a> Lent<'a> {
    /// Takes it.
    pub fn new(design: Box<dyn Design + 'a>) -> Self {
        Lent(Some(design))
    }
}

impl<'a> std::ops::Deref for Lent<'a> {
    type Target = dyn Design + 'a;
    fn deref(&self) -> &Self::Target {
        &**self.0.as_ref().expect("only dropping takes it")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let design = self.0.take();
        Python::attach(|py| py.detach(|| drop(design)));
    }
}
