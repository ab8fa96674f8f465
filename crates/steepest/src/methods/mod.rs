//! The registry of methods: one line each.
use crate::method::Entry;

/// Every method.
pub static METHODS: &[Entry] = &[];
