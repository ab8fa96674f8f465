//! What a descent over a table notices: scales, rare targets, separable rows.
use super::stage_rows::Sides;
use crate::health::{Finding, Severity};
use crate::problem::Problem;
use crate::scaling::Scaling;

/// Scales that differ by more than this are worth a word.
const APART: f64 = 1e3;
/// A side with a smaller part of the rows than this is worth a word.
const RARE: f64 = 0.01;

fn notice(problem: &mut Problem<'_>, finding: Finding) {
    if problem.findings().iter().all(|f| f.kind != finding.kind) {
        problem.report(finding);
    }
}

/// Columns on very different scales; the worst are named.
pub fn scales(scaling: &Scaling, problem: &mut Problem<'_>) {
    let mut order: Vec<usize> = (0..scaling.scale.len()).collect();
    order.sort_by(|a, b| scaling.scale[*a].total_cmp(&scaling.scale[*b]));
    let (Some(&least), Some(&most)) = (order.first(), order.last()) else { return };
    let middle = scaling.scale[order[order.len() / 2]];
    let (low, high) = (scaling.scale[least], scaling.scale[most]);
    if !(high > APART * low) {
        return;
    }
    let name = |j: &usize| format!("{j} ({:.1e})", scaling.scale[*j]);
    let small: Vec<String> =
        order.iter().take(3).filter(|j| scaling.scale[**j] * 30.0 < middle).map(name).collect();
    let large: Vec<String> = order
        .iter()
        .rev()
        .take(3)
        .filter(|j| scaling.scale[**j] > 30.0 * middle)
        .map(name)
        .collect();
    let worst = if small.is_empty() && large.is_empty() {
        vec![name(&least), name(&most)]
    } else {
        small.into_iter().chain(large).collect()
    };
    notice(problem, Finding {
        kind: "bad_scaling",
        severity: Severity::Note,
        sentence: format!(
            "Columns are on very different scales: the largest is {:.1e} times the smallest. Worst: column{} {}.",
            high / low,
            if worst.len() == 1 { "" } else { "s" },
            worst.join(", ")
        ),
        evidence: vec![("ratio", high / low), ("smallest", low), ("largest", high)],
        threshold: APART,
        remedy: "Nothing need be done here: columns are scaled inside. A penalty does weigh raw scales, so standardise the columns if it should not.".into(),
    });
}

/// Columns of which a number far out has swallowed what the other rows say.
pub fn far_out(scaling: &Scaling, problem: &mut Problem<'_>) {
    let lost: Vec<String> = scaling.lost().map(|j| j.to_string()).collect();
    let Some(first) = scaling.lost().next() else { return };
    let scale = scaling.scale[first];
    notice(
        problem,
        Finding {
            kind: "far_out",
            severity: Severity::Problem,
            sentence: format!(
                "Numbers so far out that nothing is left of what the other rows say, in columns: {}. Nothing is proved of their coefficients.",
                lost.join(", ")
            ),
            evidence: vec![("scale", scale)],
            threshold: 1e120,
            remedy: "Look for the largest number in these columns: mend it, or leave its row out."
                .into(),
        },
    );
}

/// One side of the targets is rare.
pub fn rare(sides: Option<&Sides>, rows: usize, problem: &mut Problem<'_>) {
    let Some(sides) = sides else { return };
    let part = sides.rare.len() as f64 / rows as f64;
    if part < RARE {
        notice(
            problem,
            Finding {
                kind: "rare",
                severity: Severity::Note,
                sentence: format!(
                    "One side of the targets is rare: {} of {rows} rows.",
                    sides.rare.len()
                ),
                evidence: vec![("part", part), ("rows", sides.rare.len() as f64)],
                threshold: RARE,
                remedy: "Judge the model by precision and recall, not by accuracy.".into(),
            },
        );
    }
}

/// The rows can be separated, wholly or up to rows on the border.
pub fn separable(wholly: bool, value: f64, problem: &mut Problem<'_>) {
    let how = if wholly { "" } else { ", but for rows on the border" };
    notice(
        problem,
        Finding {
            kind: "separable",
            severity: Severity::Problem,
            sentence: format!(
                "The classes can be separated{how}: the loss falls for ever as the coefficients grow."
            ),
            evidence: vec![("loss", value)],
            threshold: 0.0,
            remedy: "Add an l2 penalty; and look for a column that gives the target away.".into(),
        },
    );
}
