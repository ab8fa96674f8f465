//! The one door between Python and the arithmetic.
use crate::calling::Inside;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, PoisonError};
use steepest::parallel::cancel::{shield, until};
use steepest::refusal::Refusal;
pub use steepest::status::Failure;

/// Runs the arithmetic with the interpreter detached, so that other Python threads go on.
///
/// Everything that takes time goes through here, once a call. Inside, only the calling thread attaches
/// again: a [`Watcher`](crate::watch::Watcher), for signals and callbacks. Where the objective itself is
/// Python, [`stay`] instead: attaching for each evaluation would cost more than it frees.
pub fn enter<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> PyResult<T> {
    guarded(|| py.detach(|| cancellable(work)).map_err(exception))
}

thread_local!(static SIGNAL: RefCell<Option<PyErr>> = const { RefCell::new(None) });

/// Whether a signal's handler raised; what it raised is kept.
fn signalled() -> bool {
    Python::attach(|py| {
        let raised = py.check_signals().err();
        let some = raised.is_some();
        if some {
            SIGNAL.set(raised);
        }
        some
    })
}

/// Ends the work where a signal's handler raises, wherever in the arithmetic it is.
fn cancellable<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    until(signalled, work).unwrap_or_else(|_| {
        Err(SIGNAL.take().map_or_else(|| "cancelled".into(), |raised| Box::new(raised) as Failure))
    })
}

/// Runs arithmetic whose objective is Python: attached throughout.
pub fn stay<T>(_: Python<'_>, work: impl FnOnce() -> Result<T, Failure>) -> PyResult<T> {
    let _inside = Inside::enter()?;
    guarded(|| cancellable(work).map_err(exception))
}

/// One step of a descent that may go on afterwards: it hears signals between its evaluations only, and stays whole.
pub fn step<T>(_: Python<'_>, work: impl FnOnce() -> Result<T, Failure>) -> PyResult<T> {
    let _inside = Inside::enter()?;
    guarded(|| shield(work).map_err(exception))
}

/// What the last panic said, on whatever thread it was, and where.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Keeps what a panic says for [`guarded`], instead of printing it; with `RUST_BACKTRACE` set it is printed too.
pub fn keep_panics() {
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        let said = panic.payload();
        let words = said.downcast_ref::<String>().map(String::as_str);
        let said = words.or(said.downcast_ref::<&str>().copied()).unwrap_or("no words");
        let at = panic.location().map(|l| format!(" at {}:{}", l.file(), l.line()));
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) =
            format!("{said}{}", at.unwrap_or_default());
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            print(panic);
        }
    }));
}

/// Runs what no panic may leave: a panic is a mistake of ours, and becomes an exception that `except Exception` meets.
pub fn guarded<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let words = PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(Python::attach(|py| bug(py, &words)))
    })
}

/// Panics on purpose, on this thread and on those of the pool: what a test of the door needs.
#[pyfunction]
pub fn panics(py: Python<'_>, words: String) -> PyResult<()> {
    enter(py, || {
        steepest::parallel::pool::pool().each(8, |_| panic!("{words}"));
        Ok(())
    })
}

/// The package's own `InternalError`.
fn bug(py: Python<'_>, words: &str) -> PyErr {
    let class = py.import("steepest.errors").and_then(|m| m.getattr("InternalError"));
    match class.and_then(|c| c.call_method1("of", (words,))) {
        Ok(error) => PyErr::from_value(error),
        Err(_) => PyRuntimeError::new_err(words.to_owned()),
    }
}

/// An exception of a callable or a callback comes out as itself; what the core refuses becomes an `InputError`.
pub fn exception(failure: Failure) -> PyErr {
    match failure.downcast::<PyErr>() {
        Ok(own) => *own,
        Err(failure) => refused(match failure.downcast_ref::<Refusal>() {
            Some(refusal) => worded(refusal, None),
            None => failure.to_string(),
        }),
    }
}

/// A refusal in words; what is not finite as scikit-learn says it, a column by its name.
pub fn worded(refusal: &Refusal, names: Option<&[String]>) -> String {
    let called =
        |j: usize| names.and_then(|n| n.get(j)).map_or_else(|| j.to_string(), |n| format!("'{n}'"));
    if let Refusal { row: None, column: Some(j), why, .. } = refusal {
        return format!("{why}, column {}", called(*j));
    }
    let Refusal { what, row: Some(row), column, found: Some(found), .. } = refusal else {
        return refusal.to_string();
    };
    if !refusal.not_finite() {
        return refusal.to_string();
    }
    let kind = if found.is_nan() { "NaN" } else { "infinity (inf)" };
    let Some(j) = *column else {
        return format!("{what} row {row} is not finite: Input {what} contains {kind}");
    };
    let column = called(j);
    format!(
        "column {column} row {row} is not finite: Input {what} contains {kind}. Drop the row, or impute the value first"
    )
}

/// The package's own `InputError`: an argument that cannot be used.
pub fn refused(words: impl Into<String>) -> PyErr {
    let words: String = words.into();
    Python::attach(|py| {
        let class = py.import("steepest.errors").and_then(|m| m.getattr("InputError"));
        match class.and_then(|c| c.call1((&words,))) {
            Ok(error) => PyErr::from_value(error),
            Err(_) => PyValueError::new_err(words),
        }
    })
}
