//! Second derivatives, whole or as products.
use super::Callable;
use crate::enter::refused;
use crate::returned::{dense, entries};
use numpy::{IxDyn, PyArray1, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Where second derivatives come from.
pub enum Bend {
    /// Nowhere.
    None,
    /// From `hess(x, *args)`.
    Whole(Py<PyAny>),
    /// From `hessp(x, p, *args)`.
    Product(Py<PyAny>),
}

impl Callable {
    pub(super) fn product_with(
        &mut self,
        py: Python<'_>,
        x: &[f64],
        along: &[f64],
        to: &mut [f64],
    ) -> PyResult<()> {
        let hessp = match &self.bend {
            Bend::Product(hessp) => hessp.clone_ref(py).into_bound(py),
            Bend::Whole(hess) => {
                let hess = hess.clone_ref(py).into_bound(py);
                let answer = self
                    .hessian_at(&hess, x)?
                    .call_method1("dot", (PyArray1::from_slice(py, along),))?;
                return entries(&answer, to, &[self.dim], "the Hessian (hess) times a vector");
            }
            Bend::None => {
                return Err(PyTypeError::new_err("products were asked of a function without any"));
            }
        };
        let point = self.lend(py, x)?.into_any();
        let p = PyArrayDyn::zeros(py, IxDyn(&self.shape), false);
        // SAFETY: it was made a line ago, and nobody else has it.
        unsafe { p.as_slice_mut()? }.copy_from_slice(along);
        let answer = self.call(&hessp, point, Some(p.into_any()))?;
        entries(&answer, to, &self.shape, "the product (hessp)")
    }

    /// What `hess` returns at x, sparse or an operator as it may be; asked for once however many products are taken there.
    fn hessian_at<'py>(
        &mut self,
        hess: &Bound<'py, PyAny>,
        x: &[f64],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = hess.py();
        if let Some((at, matrix)) = &self.bent_at
            && at[..] == *x
        {
            return Ok(matrix.bind(py).clone());
        }
        let point = self.lend(py, x)?.into_any();
        let mut matrix = self.call(hess, point, None)?;
        if !matrix.hasattr("dot")? || matrix.hasattr("mask")? {
            matrix = py.import("numpy")?.call_method1("asarray", (matrix, "float64"))?;
        }
        let shape: Vec<usize> = matrix.getattr("shape")?.extract()?;
        if shape != [self.dim, self.dim] {
            let n = self.dim;
            return Err(refused(format!(
                "the Hessian (hess) must have the shape ({n}, {n}); got {shape:?}"
            )));
        }
        self.bent_at = Some((x.to_vec(), matrix.clone().unbind()));
        Ok(matrix)
    }

    pub(super) fn bent(&mut self, py: Python<'_>, x: &[f64], to: &mut [f64]) -> PyResult<()> {
        let Bend::Whole(hess) = &self.bend else {
            return Err(PyTypeError::new_err("a whole Hessian was asked of products"));
        };
        let hess = hess.clone_ref(py).into_bound(py);
        let point = self.lend(py, x)?.into_any();
        let answer = dense(self.call(&hess, point, None)?, self.dim)?;
        entries(&answer, to, &[self.dim, self.dim], "the Hessian (hess)")
    }
}
