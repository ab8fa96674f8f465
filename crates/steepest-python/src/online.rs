//! Rows of a stream, learned as they come: what is known lies in arrays of Python's.
use crate::arrays::{Table, column};
use crate::enter::{enter, refused};
use crate::fit::name_of_bad;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use steepest::loss::Entry;
use steepest::losses::LOSSES;
use steepest::online::{Begun, Learned, Online, PAIRS, len};
use steepest::refusal;
use steepest::settings::{Spec, look_up};

/// How rows are learned.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Learning {
    /// The loss.
    loss: Spec,
    /// The target of the other classes, of several outputs.
    low: f64,
    /// The weight of half the squares.
    alpha: f64,
    /// The share that is forgotten with each row.
    forget: f64,
    /// How far margins are expected to spread.
    size: f64,
    /// Whether there is an intercept.
    intercept: bool,
    /// Whether columns are taken as they lie.
    raw: bool,
}

/// How many numbers `learn` keeps of one output, and whether they are of all pairs of columns.
#[pyfunction]
pub fn learned_numbers(columns: usize) -> (usize, bool) {
    let pairs = columns <= PAIRS;
    (len(columns, pairs), pairs)
}

fn known_loss(named: &Spec) -> Result<(&'static Entry, Vec<f64>), String> {
    look_up("loss", LOSSES, named)
}

/// Learns the rows of `X` in their order: `known` (rows, centre, scale, state) is written to, and so are `coef` (outputs ×
/// columns, flat) and `intercept`, in which a model begins that was fitted to `begun` rows.
#[pyfunction]
#[pyo3(signature = (X, y, learning, known, coef, intercept, *, weight=None, begun=None, names=None))]
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn learn<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    learning: Learning,
    known: (
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray1<f64>>,
    ),
    coef: Bound<'py, PyArray1<f64>>,
    intercept: Bound<'py, PyArray1<f64>>,
    weight: Option<&Bound<'py, PyAny>>,
    begun: Option<f64>,
    names: Option<Vec<String>>,
) -> PyResult<()> {
    let table = Table::new(X, "X")?;
    let (rows, columns) = table.shape();
    let target = column(y, "y", rows)?;
    let weight = weight.map(|w| column(w, "sample_weight", rows)).transpose()?;
    let design = table.design(py)?;
    let (target, weight) = (target.as_slice()?, weight.as_ref().map(|w| w.as_slice()).transpose()?);
    let (mut seen, mut centre) = (known.0.try_readwrite()?, known.1.try_readwrite()?);
    let (mut scale, mut state) = (known.2.try_readwrite()?, known.3.try_readwrite()?);
    let (mut coef, mut intercept) = (coef.try_readwrite()?, intercept.try_readwrite()?);
    let (seen, centre) = (seen.as_slice_mut()?, centre.as_slice_mut()?);
    let (scale, state) = (scale.as_slice_mut()?, state.as_slice_mut()?);
    let (coef, intercept) = (coef.as_slice_mut()?, intercept.as_slice_mut()?);
    let (each, pairs) = learned_numbers(columns);
    let outputs = intercept.len();
    let fits = seen.len() == 1
        && centre.len() == columns
        && scale.len() == columns
        && state.len() == outputs * each
        && coef.len() == outputs * columns
        && outputs > 0;
    if !fits || columns == 0 {
        return Err(PyValueError::new_err(format!(
            "what is known is of another number of columns or outputs than {columns} and {outputs}"
        )));
    }
    let raw = learning.raw && !pairs;
    let mut known = Learned { rows: &mut seen[0], centre, scale, state, pairs, raw };
    let (entry, settings) = known_loss(&learning.loss).map_err(refused)?;
    if entry.jet.is_none() {
        return Err(PyValueError::new_err(format!("{} is no loss of one margin", entry.name)));
    }
    let block = (entry.build)(&settings, 1);
    enter(py, || {
        if let Some(bad) = name_of_bad(&*design, names.as_deref()) {
            return Err(bad.into());
        }
        refusal::targets("y", target, |t| match outputs {
            1 => block.refuses(t),
            _ if t >= 0.0 && t < outputs as f64 && t.fract() == 0.0 => None,
            _ => Some("of several outputs the target is one of them: 0, 1, 2 …"),
        })?;
        weight.map(|w| refusal::weights("sample_weight", w)).transpose()?;
        let online = Online {
            loss: &*block,
            low: learning.low,
            alpha: learning.alpha,
            forget: learning.forget,
            size: learning.size,
            intercept: learning.intercept,
        };
        let (first, level) = (coef.to_vec(), intercept.to_vec());
        let begun = begun.map(|rows| Begun { coef: &first, intercept: &level, rows });
        online.learn(&*design, target, weight, &mut known, begun.as_ref());
        for (k, (coef, b)) in coef.chunks_exact_mut(columns).zip(intercept.iter_mut()).enumerate() {
            *b = online.told(&known, k, coef);
        }
        if coef.iter().chain(intercept.iter()).any(|c| !c.is_finite()) {
            return Err(
                "the numbers of X or y are too large to be learned from: divide them".into()
            );
        }
        Ok(())
    })
}
