//! The designs: dense, sparse, categorical codes; and any of them seen in other variables.
pub mod centred;
pub mod codes;
mod columns;
pub mod dense;
mod rows;
pub mod sparse;
pub mod standardised;
