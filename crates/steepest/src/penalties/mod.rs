//! The registry of penalties: one line each.
use crate::penalty::Entry;

pub mod l2;
pub mod none;

/// Every penalty.
pub static PENALTIES: &[Entry] = &[none::ENTRY, l2::ENTRY];
