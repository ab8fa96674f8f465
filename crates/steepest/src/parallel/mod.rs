//! Threads that share work, and work that is called off from outside, however deep in the arithmetic it is.

pub mod cancel;
pub mod pool;
