//! Sums of long vectors, products and factors of matrices.

pub mod cholesky;
pub mod conjugate;
pub mod factor;
pub mod gemm;
pub mod matrix;
pub mod qr;
pub mod strided;
pub mod vectors;
