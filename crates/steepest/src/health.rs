//! What a descent noticed beside its status: findings, each with evidence, threshold and remedy.

use crate::state::{Bad, State, Visitor};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    #[default]
    Note,
    /// Look at it.
    Warning,
    /// The answer should not be used before this is mended.
    Problem,
}

impl State for Severity {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.one_of(self, &[Severity::Note, Severity::Warning, Severity::Problem])
    }
}
crate::state!(Finding { kind, severity, sentence, evidence, threshold, remedy });

/// One thing noticed.
#[derive(Clone, Debug, Default, PartialEq)]
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
