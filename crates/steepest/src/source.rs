//! Where rows come from that are not in memory: read in order, piece by piece, again for each pass.
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// A table that is read: dense numbers, and beside them one code a row for each of its categories.
///
/// What is read is the same each time. A source that finds that it no longer is (a file that ends, or was changed since
/// it was opened) says so; once it has been read, a block of rows cannot fail any more.
///
/// ```
/// use std::ops::Range;
/// use steepest::source::{Source, Unreadable};
/// /// The numbers 0, 1, 2 …, two a row.
/// struct Counting;
/// impl Source<f64> for Counting {
///     fn rows(&self) -> usize {
///         1000
///     }
///     fn numbers(&self) -> usize {
///         2
///     }
///     fn read(&mut self, rows: Range<usize>, numbers: &mut [f64], _: &mut [i32]) -> Result<(), Unreadable> {
///         let first = 2 * rows.start;
///         numbers.iter_mut().enumerate().for_each(|(i, x)| *x = (first + i) as f64);
///         Ok(())
///     }
/// }
/// ```
pub trait Source<N>: Send {
    /// Rows.
    fn rows(&self) -> usize;
    /// Dense numbers a row.
    fn numbers(&self) -> usize;
    /// How many levels each category has.
    fn levels(&self) -> &[usize] {
        &[]
    }
    /// Writes some rows: their numbers, a row's side by side (`rows.len() · numbers()`), and of each category in turn
    /// one code a row (`rows.len() · levels().len()`; outside of 0..levels a code stands for none of them). Rows are
    /// mostly asked for in order, from the end of the last read.
    fn read(
        &mut self,
        rows: Range<usize>,
        numbers: &mut [N],
        codes: &mut [i32],
    ) -> Result<(), Unreadable>;
}

/// What could not be read, and why: a sentence that names the file and the part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file, or what else it is.
    pub what: String,
    /// Which group of its rows, from 0, where it has groups.
    pub group: Option<usize>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(group) = self.group {
            write!(f, ", row group {group},")?;
        }
        write!(f, " cannot be read: {}", self.why)
    }
}

impl Error for Unreadable {}
