//! The designs: dense, sparse, categorical codes, several of these side by side, read piece by piece; and any of them seen in other variables.
pub mod centred;
pub mod codes;
mod columns;
pub mod dense;
#[cfg(any(feature = "ndarray", feature = "nalgebra", feature = "linfa"))]
mod foreign;
mod rows;
pub mod sparse;
pub mod stack;
pub mod standardised;
pub mod streamed;
