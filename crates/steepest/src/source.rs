//! Where rows come from that are not in memory: read in order, piece by piece, again for each pass.
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// A table that is read: dense numbers, beside them one code a row for each of its categories, and beside these sparse
/// columns.
///
/// What is read is the same each time. A source that finds that it no longer is (a file that ends, or was changed since
/// it was opened) says so; once it has been read, a block of rows cannot fail any more.
///
/// ```
/// use std::ops::Range;
/// use steepest::source::{Entries, Source, Unreadable};
/// /// The numbers 0, 1, 2 …, two a row.
/// struct Counting;
/// impl Source<f64> for Counting {
///     fn rows(&self) -> usize {
///         1000
///     }
///     fn numbers(&self) -> usize {
///         2
///     }
///     fn read(
///         &mut self,
///         rows: Range<usize>,
///         numbers: &mut [f64],
///         _: &mut [i32],
///         _: &mut Entries<f64>,
///     ) -> Result<(), Unreadable> {
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
    /// Sparse columns, and about how many entries they have in all rows together.
    fn sparse(&self) -> (usize, usize) {
        (0, 0)
    }
    /// Writes some rows: their numbers, a row's side by side (`rows.len() · numbers()`), of each category in turn
    /// one code a row (`rows.len() · levels().len()`; outside of 0..levels a code stands for none of them), and, where
    /// there are sparse columns, each row's entries in them. Rows are mostly asked for in order, from the end of the
    /// last read.
    fn read(
        &mut self,
        rows: Range<usize>,
        numbers: &mut [N],
        codes: &mut [i32],
        entries: &mut Entries<N>,
    ) -> Result<(), Unreadable>;
}

/// What is not zero in the sparse columns of some rows, row after row.
///
/// ```
/// use steepest::source::Entries;
/// let mut rows = Entries::default();
/// rows.push(3, 0.5);
/// rows.end_row();
/// rows.end_row();
/// assert_eq!(rows.rows(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<N> {
    pub(crate) values: Vec<N>,
    pub(crate) columns: Vec<i32>,
    /// Where each row begins, and where the last one ends.
    pub(crate) starts: Vec<i32>,
}

impl<N> Default for Entries<N> {
    fn default() -> Self {
        Entries { values: Vec::new(), columns: Vec::new(), starts: vec![0] }
    }
}

impl<N> Entries<N> {
    /// An entry of the row under way, in the sparse column of that number; those of one column add up.
    ///
    /// # Panics
    /// The column or the number of entries is beyond 2³¹.
    pub fn push(&mut self, column: usize, value: N) {
        self.columns.push(i32::try_from(column).expect("sparse columns below 2^31"));
        self.values.push(value);
    }
    /// The row under way has no more entries.
    ///
    /// # Panics
    /// There are 2³¹ entries.
    pub fn end_row(&mut self) {
        self.starts.push(i32::try_from(self.values.len()).expect("fewer than 2^31 entries"));
    }
    /// Rows that have ended.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.columns.clear();
        self.starts.truncate(1);
    }
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
