//! Numbers a formula is written over, the instruction sets that carry them, and random ones.

pub mod jet;
pub mod random;
pub mod real;
pub mod simd;
pub mod trace;
