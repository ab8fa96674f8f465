//! Calling what Python gave us, where the interpreter may go away meanwhile.
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

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
/// A daemon thread that comes back to an interpreter on its way out is ended by `pthread_exit` (before Python 3.14),
/// which unwinds through whatever is on its stack; unwound through Rust it would abort the process. It is held here
/// instead, as Python 3.14 holds it, until the process ends a moment later.
pub fn call<'py>(
    what: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
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
