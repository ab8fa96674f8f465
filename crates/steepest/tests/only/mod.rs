//! Which entries of the registries are tried: all, or, where STEEPEST_ENTRIES names some, what has to do with these.

/// Whether one of the names is tried.
pub fn tried(names: &[&str]) -> bool {
    let Ok(only) = std::env::var("STEEPEST_ENTRIES") else { return true };
    only.split(',').any(|one| names.contains(&one.trim()))
}
