//! The thread pool's own source, compiled for a model checker without the rest of the crate: `make model`.
#![cfg(loom)]

#[path = "../../steepest/src/parallel/mod.rs"]
pub mod parallel;
