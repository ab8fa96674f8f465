//! Energies of atoms as Python sees them: energy and forces in one crossing.
use crate::enter::{guarded, refused};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};
use steepest::energy::{Displaced as Moved, Lattice, PairForm, Potential as Core, Spring};

/// A potential of the core's own, with the list of neighbours that it keeps between calls.
#[pyclass(frozen, module = "steepest._core")]
pub struct Potential(Mutex<Core>);

type Positions<'py> = PyReadonlyArray2<'py, f64>;
type Edges = ([[f64; 3]; 3], [bool; 3]);

fn lattice(cell: Option<Edges>) -> PyResult<Option<Lattice>> {
    cell.map(|(edges, repeats)| Lattice::new(edges, repeats))
        .transpose()
        .map_err(|e| refused(e.why))
}

#[pymethods]
impl Potential {
    /// All pairs by one form: its name, its numbers, where it ends and how; the cell that repeats.
    #[staticmethod]
    #[pyo3(signature = (form, numbers, cutoff, smooth, cell))]
    fn pairs(
        form: &str,
        numbers: Vec<f64>,
        cutoff: Option<f64>,
        smooth: bool,
        cell: Option<Edges>,
    ) -> PyResult<Self> {
        let form = match (form, &numbers[..]) {
            ("lennard_jones", &[epsilon, sigma]) => PairForm::LennardJones { epsilon, sigma },
            ("morse", &[depth, steepness, distance]) => {
                PairForm::Morse { depth, steepness, distance }
            }
            ("yukawa", &[strength, screening]) => PairForm::Yukawa { strength, screening },
            _ => {
                return Err(refused(format!(
                    "no such potential: {form} of {} numbers",
                    numbers.len()
                )));
            }
        };
        let core = Core::pairs(form, cutoff, smooth, lattice(cell)?).map_err(|e| refused(e.why))?;
        Ok(Potential(Mutex::new(core)))
    }

    /// Springs: their ends, stiffnesses and lengths at rest.
    #[staticmethod]
    #[pyo3(signature = (ends, stiffness, length, cell))]
    fn springs(
        ends: Vec<[usize; 2]>,
        stiffness: Vec<f64>,
        length: Vec<f64>,
        cell: Option<Edges>,
    ) -> PyResult<Self> {
        let one = |((ends, stiffness), length)| Spring { ends, stiffness, length };
        let springs = ends.into_iter().zip(stiffness).zip(length).map(one).collect();
        Ok(Potential(Mutex::new(Core::springs(springs, lattice(cell)?))))
    }

    /// The energy at positions in rows of three, and the forces, one row an atom.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        positions: Positions<'py>,
    ) -> PyResult<(f64, Bound<'py, PyArray2<f64>>)> {
        let x = positions.as_slice()?;
        let to = PyArray2::zeros(py, positions.dims(), false);
        // SAFETY: it was made a line ago, and nobody else has it.
        let forces = unsafe { to.as_slice_mut()? };
        let energy = guarded(|| {
            let mut core = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(core.evaluate(x, forces))
        })?;
        Ok((energy, to))
    }

    /// The first two atoms that lie within a distance of each other.
    fn coincident(&self, positions: Positions<'_>, distance: f64) -> PyResult<Option<[usize; 2]>> {
        let x = positions.as_slice()?;
        guarded(|| {
            let core = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(core.coincident(x, distance))
        })
    }
}

/// The energy of displacements: what a descent asks without Python. Called from Python, it answers too.
#[pyclass(frozen, module = "steepest._core")]
pub struct Displaced(Mutex<Moved>);

#[pymethods]
impl Displaced {
    /// Of a potential: the positions, the coordinates that may move (None for all), and the unit.
    #[new]
    #[pyo3(signature = (potential, start, free, unit))]
    fn new(
        potential: &Potential,
        start: Positions<'_>,
        free: Option<Vec<usize>>,
        unit: f64,
    ) -> PyResult<Self> {
        let start = start.as_slice()?.to_vec();
        if free.iter().flatten().any(|i| *i >= start.len()) {
            return Err(refused("a coordinate that may move is not there".to_owned()));
        }
        let core = potential.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Displaced(Mutex::new(Moved::new(core, start, free, unit))))
    }

    /// The energy and its gradient.
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        y: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        let mut core = self.core();
        let y = y.as_slice()?;
        if y.len() != core.dim() {
            return Err(refused(format!(
                "{} displacements are needed; got {}",
                core.dim(),
                y.len()
            )));
        }
        let mut gradient = vec![0.0; y.len()];
        let value = core.evaluate(y, &mut gradient);
        Ok((value, PyArray1::from_vec(py, gradient)))
    }
}

impl Displaced {
    /// A copy for one descent.
    pub fn core(&self) -> Moved {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
