//! Calling what Python gave us, where the interpreter may go away meanwhile.
use pyo3::exceptions::PySystemExit;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{ThreadId, current, sleep};
use std::time::{Duration, Instant};

/// Descents of Python functions that are taking steps just now, on any thread.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// The thread on which the interpreter leaves, once it does.
static LEAVING: OnceLock<ThreadId> = OnceLock::new();

/// Counts a descent for as long as it is there.
pub struct Inside;

impl Inside {
    /// Goes in, unless the interpreter is leaving.
    pub fn enter() -> PyResult<Self> {
        stays()?;
        INSIDE.fetch_add(1, SeqCst);
        Ok(Inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, SeqCst);
    }
}

/// Ends a daemon thread (by the exception that ends threads quietly) where the interpreter is leaving.
fn stays() -> PyResult<()> {
    match LEAVING.get() {
        Some(leaver) if *leaver != current().id() => Err(PySystemExit::new_err(())),
        _ => Ok(()),
    }
}

/// Called when the interpreter is about to go: descents on daemon threads end before their next evaluation.
#[pyfunction]
#[pyo3(name = "_leave")]
pub fn leave(py: Python<'_>) {
    let _ = LEAVING.set(current().id());
    py.detach(|| {
        let until = Instant::now() + Duration::from_secs(1);
        while INSIDE.load(SeqCst) > 0 && Instant::now() < until {
            sleep(Duration::from_millis(1));
        }
    });
}

/// `PyObject_Call` as it is declared.
type Plain = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// `PyObject_Call` as what it is: it may unwind (its usual declaration says that it does not).
type Call = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Holds a thread for ever when it is dropped while it unwinds.
struct Held;

impl Drop for Held {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// `what(*args)`.
///
/// Where the interpreter is leaving, a daemon thread is told so before (see [`leave`]). One that a long call kept past
/// that and that comes back to an interpreter on its way out is ended by `pthread_exit` (before Python 3.14),
/// which unwinds through whatever is on its stack; unwound through Rust it would abort the process. It is held here
/// instead, as Python 3.14 holds it, until the process ends a moment later.
pub fn call<'py>(
    what: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    stays()?;
    let plain: Plain = ffi::PyObject_Call;
    // SAFETY: the two types differ in what they say of unwinding only. The compiler must not see through it: it would
    // know the function again, and drop what is to be done while it unwinds.
    let function = std::hint::black_box(unsafe { std::mem::transmute::<Plain, Call>(plain) });
    let held = Held;
    // SAFETY: both are alive and we are attached; what comes back is a new reference, or null with an exception set.
    let answer = unsafe { function(what.as_ptr(), args.as_ptr(), std::ptr::null_mut()) };
    std::mem::forget(held);
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_err(what.py(), answer) }
}
