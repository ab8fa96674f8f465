//! Energies of atoms as Python sees them: energy and forces in one crossing.
use crate::enter::{guarded, refused};
use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};
use steepest::energy::{Lattice, PairForm, Potential as Core, Spring};

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
