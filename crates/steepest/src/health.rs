//! What a descent noticed beside its status: findings, each with evidence, threshold and remedy.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Look at it.
    Warning,
    /// The answer should not be used before this is mended.
    Problem,
}

/// One thing noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name: `bad_scaling`, `separable`, `diverging` …
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, in a sentence; the plain word first.
    pub sentence: String,
    /// The statistics it rests on, by name.
    pub evidence: Vec<(&'static str, f64)>,
    /// The value beyond which it is said.
    pub threshold: f64,
    /// What would do.
    pub remedy: String,
}
