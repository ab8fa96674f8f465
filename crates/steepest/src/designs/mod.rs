//! The designs: dense, sparse, categorical codes.

pub mod codes;
pub mod sparse;
