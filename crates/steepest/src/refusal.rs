//! What cannot be used, and why: one error for every argument, with the place that it is about.
use crate::design::Design;
use crate::parallel::pool::pool;
use std::error::Error;
use std::fmt;

/// An argument that cannot be used. Who knows the names of columns words it with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The argument, by the caller's name for it.
    pub what: &'static str,
    /// The row, from 0, where it is about one.
    pub row: Option<usize>,
    /// The column, from 0, where it is about one.
    pub column: Option<usize>,
    /// The number that was found there.
    pub found: Option<f64>,
    /// What is wrong with it, and what would do; a sentence of its own.
    pub why: String,
}

impl Refusal {
    /// Of an argument as a whole.
    pub fn of(what: &'static str, why: impl Into<String>) -> Self {
        Refusal { what, row: None, column: None, found: None, why: why.into() }
    }
    /// Of the number in a row.
    pub fn row(what: &'static str, row: usize, found: f64, why: impl Into<String>) -> Self {
        Refusal { row: Some(row), found: Some(found), ..Refusal::of(what, why) }
    }
    /// Whether it is about an entry that is not finite.
    pub fn not_finite(&self) -> bool {
        self.row.is_some() && self.found.is_some_and(|v| !v.is_finite())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if let Some(found) = self.found {
            write!(f, "; got {found}")?;
        }
        if let Some(row) = self.row {
            write!(f, " in row {row}")?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        Ok(())
    }
}

impl Error for Refusal {}

/// Rows looked at by one task.
const PART: usize = 1 << 16;

/// The first number that `refuses` has words for.
fn first(
    what: &'static str,
    values: &[f64],
    refuses: impl Fn(f64) -> Option<&'static str> + Sync,
) -> Result<(), Refusal> {
    let parts = pool().map(values.len().div_ceil(PART), |p| {
        let from = p * PART;
        let part = &values[from..(from + PART).min(values.len())];
        let bad = |(i, &v): (usize, &f64)| {
            if !v.is_finite() {
                return Some(Refusal::row(what, from + i, v, format!("{what} must be finite")));
            }
            refuses(v).map(|why| Refusal::row(what, from + i, v, why))
        };
        part.iter().enumerate().find_map(bad)
    });
    parts.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Refuses numbers that are not finite.
pub fn finite(what: &'static str, values: &[f64]) -> Result<(), Refusal> {
    first(what, values, |_| None)
}

/// Refuses targets that are not finite, or that a loss refuses.
pub fn targets(
    what: &'static str,
    values: &[f64],
    refuses: impl Fn(f64) -> Option<&'static str> + Sync,
) -> Result<(), Refusal> {
    first(what, values, refuses)
}

/// The sum of weights; refuses what are no weights.
pub fn weights(what: &'static str, values: &[f64]) -> Result<f64, Refusal> {
    finite(what, values)?;
    if let Some(i) = values.iter().position(|w| *w < 0.0) {
        return Err(Refusal::row(what, i, values[i], format!("{what} must be at least 0")));
    }
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        let why = format!("{what} must have a positive sum; got all zeros");
        return Err(Refusal::of(what, why));
    }
    if !sum.is_finite() {
        return Err(Refusal::of(what, format!("{what} must have a finite sum; got {sum}")));
    }
    Ok(sum)
}

/// The first number of a table that is not finite; finding it reads the table.
pub fn table(what: &'static str, design: &dyn Design) -> Option<Refusal> {
    let (row, column) = design.not_finite()?;
    let mut values = vec![0.0; design.columns()];
    design.gather(&[row as u32], &mut values);
    let why = format!("{what} must be finite: drop the row, or fill the value");
    Some(Refusal { column: Some(column), ..Refusal::row(what, row, values[column], why) })
}
