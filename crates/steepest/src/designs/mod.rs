//! The designs: dense, sparse, categorical codes.
pub mod codes;
mod columns;
pub mod dense;
mod rows;
pub mod sparse;
