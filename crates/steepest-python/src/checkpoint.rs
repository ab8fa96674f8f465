//! A descent kept in a file while it runs: gone on with from what was saved, copied between steps, handed to Python to write.
use crate::enter::{Failure, refused};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use steepest::descend::{Descent, Keeper, Keeps};
use steepest::objective::Objective;
use steepest::penalty::Penalty;
use steepest::state::{Bad, Data, Saved};

/// What Python asks for (`steepest.checkpoint.Checkpoint.request`).
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    /// The file, in words.
    name: String,
    /// Its arrays, where there is one: numbers, whole numbers, texts.
    saved: Option<HashMap<String, Py<PyAny>>>,
    /// Writes a dict of arrays to it; None takes it away.
    write: Py<PyAny>,
    /// Seconds between two writings.
    seconds: f64,
}

/// Keeps a descent in a file.
pub struct Checkpoint {
    name: String,
    saved: Option<Saved>,
    write: Py<PyAny>,
    every: f64,
    written: Instant,
    /// Whether the run has come to an end, and its file been seen to.
    ended: bool,
    /// The iteration that is in the file.
    at: Option<u64>,
    keeper: Keeper,
}

impl Checkpoint {
    /// From what was asked for.
    pub fn new(py: Python<'_>, asked: Asked) -> PyResult<Self> {
        let Asked { name, saved, write, seconds: every } = asked;
        let read = |saved: HashMap<String, Py<PyAny>>| -> PyResult<Saved> {
            saved.into_iter().map(|(name, array)| Ok((name, data(array.bind(py))?))).collect()
        };
        let saved = saved.map(read).transpose()?;
        Ok(Checkpoint {
            name,
            saved,
            write,
            every,
            written: Instant::now(),
            at: None,
            ended: false,
            keeper: Keeper::default(),
        })
    }

    /// Where a signal has called the run off in the middle of the arithmetic: the newest copy is written.
    pub fn called_off(&mut self, py: Python<'_>) -> PyResult<()> {
        match self.keeper.copy() {
            Some(saved) if !self.ended => self.write.call1(py, (arrays(py, saved)?,)).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn save(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
    ) -> Result<(), Failure> {
        if self.at == Some(descent.counts.iterations) && descent.whole() {
            return Ok(());
        }
        let Some(saved) = self.keeper.newest(descent, objective)? else { return Ok(()) };
        Python::attach(|py| self.write.call1(py, (arrays(py, saved)?,)).map(|_| ()))?;
        (self.written, self.at) =
            (Instant::now(), descent.whole().then_some(descent.counts.iterations));
        Ok(())
    }
}

impl Keeps for Checkpoint {
    /// Goes on from the file, where there is one; what does not fit is refused by name.
    fn begin(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<(), Failure> {
        let Some(saved) = self.saved.take() else { return Ok(()) };
        let loaded = descent.load(objective, penalty, saved);
        self.at = Some(descent.counts.iterations);
        loaded.map_err(|why| match why.downcast::<Bad>() {
            Ok(bad) => Box::new(refused(format!(
                "the checkpoint {} does not fit this run: {bad}; delete it to begin anew",
                self.name
            ))) as Failure,
            Err(own) => own,
        })
    }

    /// After each step: a copy is kept, and written where the last one is old.
    fn after(
        &mut self,
        descent: &mut Descent,
        objective: &mut dyn Objective,
    ) -> Result<(), Failure> {
        self.keeper.look(descent, objective)?;
        if self.written.elapsed()
            >= Duration::try_from_secs_f64(self.every).unwrap_or(Duration::MAX)
        {
            self.save(descent, objective)?;
        }
        Ok(())
    }

    /// At the end: kept where it may go on, else taken away.
    fn end(&mut self, descent: &mut Descent, objective: &mut dyn Objective) -> Result<(), Failure> {
        self.ended = true;
        if descent.unfinished() {
            return self.save(descent, objective);
        }
        Python::attach(|py| self.write.call1(py, (py.None(),)).map(|_| ()))?;
        Ok(())
    }
}

/// Runs a descent by `step`, in a file where that was asked for; whatever ends it, what can go on is kept.
pub fn run(
    checkpoint: &mut Option<Checkpoint>,
    descent: &mut Descent,
    objective: &mut dyn Objective,
    mut step: impl FnMut(&mut Descent, &mut dyn Objective) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    while step(descent, objective)? {
        if let Some(checkpoint) = checkpoint {
            checkpoint.after(descent, objective)?;
        }
    }
    Ok(())
}

fn data(array: &Bound<'_, PyAny>) -> PyResult<Data> {
    if let Ok(numbers) = array.extract::<PyReadonlyArray1<'_, f64>>() {
        return Ok(Data::Numbers(numbers.to_vec()?));
    }
    if let Ok(counts) = array.extract::<PyReadonlyArray1<'_, u64>>() {
        return Ok(Data::Counts(counts.to_vec()?));
    }
    Ok(Data::Text(array.extract()?))
}

fn arrays<'py>(py: Python<'py>, saved: &Saved) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    for (name, data) in saved {
        match data {
            Data::Numbers(numbers) => d.set_item(name, PyArray1::from_slice(py, numbers))?,
            Data::Counts(counts) => d.set_item(name, PyArray1::from_slice(py, counts))?,
            Data::Text(text) => d.set_item(name, text)?,
        }
    }
    Ok(d)
}
