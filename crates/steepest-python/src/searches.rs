//! A line search by itself, of a Python function along a line.
use crate::enter::{guarded, refused};
use pyo3::prelude::*;
use steepest::search::{Line, Phi, along};
use steepest::searches::find;
use steepest::settings::checked;

/// Functions of the length: φ, φ′ at the length asked for last, and whether a point will do.
struct Functions<'py> {
    value: Bound<'py, PyAny>,
    slope: Bound<'py, PyAny>,
    fits: Option<Bound<'py, PyAny>>,
    /// φ′(0).
    first: f64,
}

impl Phi for Functions<'_> {
    type End = PyErr;
    fn value(&mut self, a: f64) -> PyResult<Option<[f64; 2]>> {
        Ok(Some([self.value.call1((a,))?.extract()?, a * self.first]))
    }
    fn slope(&mut self, a: f64) -> PyResult<f64> {
        self.slope.call1((a,))?.extract()
    }
    fn fits(&mut self, a: f64, value: f64) -> PyResult<bool> {
        self.fits.as_ref().map_or(Ok(true), |fits| fits.call1((a, value))?.is_truthy())
    }
}

/// The length that the search of this name takes, and φ there; `line` is φ(0), φ′(0), the first length to try and the last.
#[pyfunction]
#[pyo3(signature = (search, settings, line, trials, value, slope, fits=None))]
pub fn line_search<'py>(
    search: &str,
    settings: Vec<(String, f64)>,
    line: [f64; 4],
    trials: usize,
    value: Bound<'py, PyAny>,
    slope: Bound<'py, PyAny>,
    fits: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<(f64, f64)>> {
    let entry = find(search).map_err(refused)?;
    let given: Vec<(&str, f64)> = settings.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let settings = checked(entry.name, entry.parameters, &given).map_err(refused)?;
    let [at, first, length, last] = line;
    let line = Line { value: at, slope: first, length, last, first: true };
    let mut phi = Functions { value, slope, fits, first };
    guarded(|| along(&mut *(entry.build)(&settings), line, trials, &mut phi))
}
