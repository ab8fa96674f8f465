//! The Python binding of steepest.
use pyo3::prelude::*;

pub mod arrays;
pub mod callable;
mod calling;
mod catalog;
pub mod checkpoint;
mod choose;
pub mod descent;
pub mod energy;
pub mod enter;
pub mod factors;
pub mod fit;
pub mod losses;
pub mod minimize;
pub mod network;
pub mod online;
pub mod path;
pub mod problems;
mod quadratic;
pub mod residuals;
mod returned;
pub mod searches;
pub mod solution;
pub mod squares;
mod step;
mod stream;
pub mod structure;
pub mod watch;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::catalog::{catalog, checked};
    #[pymodule_export]
    use super::descent::Steps;
    #[pymodule_export]
    use super::energy::{Displaced, Potential};
    #[pymodule_export]
    use super::enter::panics;
    #[pymodule_export]
    use super::factors::{factors_gradient, fit_factors, fold_factors, top_factors};
    #[pymodule_export]
    use super::fit::fit_linear;
    #[pymodule_export]
    use super::losses::{means, row_losses};
    #[pymodule_export]
    use super::minimize::minimize;
    #[pymodule_export]
    use super::network::{descend_network, network_outputs, network_start, train_network};
    #[pymodule_export]
    use super::online::{learn, learned_numbers};
    #[pymodule_export]
    use super::path::{fit_path, path_beginning};
    #[pymodule_export]
    use super::problems::{TestFunction, problem_names};
    #[pymodule_export]
    use super::quadratic::{Optimum, definiteness, quadratic};
    #[pymodule_export]
    use super::residuals::minimize_residuals;
    #[pymodule_export]
    use super::searches::line_search;
    #[pymodule_export]
    use super::solution::admitted;
    #[pymodule_export]
    use super::squares::{least_squares, multi_task, reduced};
    #[pymodule_export]
    use super::step::{Rule, normal};
    #[pymodule_export]
    use super::structure::check_structure;
    #[pymodule_export]
    use super::watch::Standing;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::enter::keep_panics();
        let leave = pyo3::wrap_pyfunction!(super::calling::leave, module)?;
        module.py().import("atexit")?.call_method1("register", (leave,))?;
        Ok(())
    }
}
