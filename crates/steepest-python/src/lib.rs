//! The Python binding of steepest.
use pyo3::prelude::*;

pub mod arrays;
pub mod callable;
mod catalog;
pub mod enter;
pub mod fit;
pub mod minimize;
pub mod solution;
pub mod watch;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::catalog::catalog;
    #[pymodule_export]
    use super::fit::fit_linear;
    #[pymodule_export]
    use super::minimize::minimize;
    #[pymodule_export]
    use super::watch::Standing;
}
