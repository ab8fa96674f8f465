//! Matrices of other crates, lent as tables where they lie.
use super::dense::Dense;
use crate::numbers::real::Float;

/// A matrix of an `ndarray`, by rows or by columns in one piece.
#[cfg(any(feature = "ndarray", feature = "linfa"))]
macro_rules! lent {
    ($ndarray:ident) => {
        impl<'a, N: Float, S: $ndarray::Data<Elem = N>>
            TryFrom<&'a $ndarray::ArrayBase<S, $ndarray::Ix2>> for Dense<'a, N>
        {
            type Error = String;
            /// Refused where it is neither by rows nor by columns in one piece: `as_standard_layout` copies it so.
            fn try_from(
                matrix: &'a $ndarray::ArrayBase<S, $ndarray::Ix2>,
            ) -> Result<Self, String> {
                let (rows, columns) = matrix.dim();
                let numbers = matrix.as_slice_memory_order().ok_or_else(|| {
                    "X must lie in one piece, by rows or by columns: as_standard_layout() copies it so"
                        .to_owned()
                })?;
                if matrix.is_standard_layout() {
                    return Dense::strided(numbers, rows, columns, columns, 1);
                }
                if matrix.t().is_standard_layout() {
                    return Dense::strided(numbers, rows, columns, 1, rows);
                }
                Err("X must not run backwards: as_standard_layout() copies it forwards".to_owned())
            }
        }
    };
}
#[cfg(feature = "ndarray")]
lent!(ndarray);
#[cfg(feature = "linfa")]
lent!(linfa_ndarray);

#[cfg(feature = "nalgebra")]
impl<'a, N: Float> TryFrom<&'a nalgebra::DMatrix<N>> for Dense<'a, N> {
    type Error = String;
    fn try_from(matrix: &'a nalgebra::DMatrix<N>) -> Result<Self, String> {
        let (rows, columns) = matrix.shape();
        Dense::strided(matrix.as_slice(), rows, columns, 1, rows)
    }
}
