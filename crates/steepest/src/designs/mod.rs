//! The designs: dense, sparse, categorical codes, any of them centred.
pub mod centred;
pub mod codes;
mod columns;
pub mod dense;
mod rows;
pub mod sparse;
