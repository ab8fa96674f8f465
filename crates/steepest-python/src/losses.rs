//! What a loss says of margins by itself.
use crate::enter::{enter, refused};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use steepest::loss::Block;
use steepest::losses::LOSSES;
use steepest::refusal;
use steepest::settings::{Spec, look_up};

/// What margins stand for under a loss: means, or the probabilities of classes (flat, as the margins are).
#[pyfunction]
pub fn means(
    py: Python<'_>,
    loss: Spec,
    outputs: usize,
    margin: PyReadonlyArray1<'_, f64>,
) -> PyResult<Py<PyArray1<f64>>> {
    let block = at_work(&loss, outputs)?;
    let mut mean = margin.as_slice()?.to_vec();
    enter(py, || {
        block.means(&mut mean);
        Ok(())
    })?;
    Ok(PyArray1::from_vec(py, mean).unbind())
}

/// Each row's loss, given its margins (flat).
#[pyfunction]
pub fn row_losses(
    py: Python<'_>,
    loss: Spec,
    outputs: usize,
    target: PyReadonlyArray1<'_, f64>,
    margin: PyReadonlyArray1<'_, f64>,
) -> PyResult<Py<PyArray1<f64>>> {
    let block = at_work(&loss, outputs)?;
    let (target, margin, outputs) = (target.as_slice()?, margin.as_slice()?, block.outputs());
    if margin.len() != outputs * target.len() {
        return Err(refused("as many margins as rows times outputs are needed"));
    }
    let mut value = vec![0.0; target.len()];
    enter(py, || {
        refusal::targets("y", target, |t| block.refuses(t))?;
        block.values(target, margin, &mut value);
        Ok(())
    })?;
    Ok(PyArray1::from_vec(py, value).unbind())
}

fn at_work(loss: &Spec, outputs: usize) -> PyResult<Box<dyn Block>> {
    let build = || {
        let (entry, settings) = look_up("loss", LOSSES, loss)?;
        Ok((entry.build)(&settings, outputs))
    };
    build().map_err(|words: String| refused(words))
}
