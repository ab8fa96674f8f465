//! The known entries of a matrix, row after row.
use crate::refusal::{self, Refusal};
use std::ops::Range;

/// Cells that one task works on, about.
const PART: usize = 8192;

/// The known entries, a row after the other, by column within each.
pub struct Cells {
    starts: Vec<usize>,
    other: Vec<u32>,
    target: Vec<f64>,
    /// Empty where all weigh 1.
    weight: Vec<f64>,
    parts: Vec<Range<usize>>,
}

/// A row's entries.
#[derive(Clone, Copy)]
pub struct RowCells<'a> {
    /// Their columns.
    pub other: &'a [u32],
    /// What they are.
    pub target: &'a [f64],
    /// What each weighs; none where all weigh 1.
    pub weight: Option<&'a [f64]>,
}

/// The places of entries in the order of their keys; those of one key stay in order. And where each key begins.
fn sorted(keys: impl Iterator<Item = u32> + Clone, count: usize) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0usize; count + 1];
    keys.clone().for_each(|k| starts[k as usize + 1] += 1);
    (0..count).for_each(|k| starts[k + 1] += starts[k]);
    let mut next = starts.clone();
    let mut order = vec![0; starts[count]];
    for (place, k) in keys.enumerate() {
        order[next[k as usize]] = place as u32;
        next[k as usize] += 1;
    }
    (starts, order)
}

/// Ranges of rows that have about as many entries each: by the data alone.
fn parts(starts: &[usize]) -> Vec<Range<usize>> {
    let rows = starts.len() - 1;
    let (mut all, mut from) = (Vec::new(), 0);
    for row in 0..rows {
        // A row without entries costs as much as some.
        if starts[row + 1] - starts[from] + 8 * (row + 1 - from) >= PART || row + 1 == rows {
            all.push(from..row + 1);
            from = row + 1;
        }
    }
    all
}

impl Cells {
    /// From rows and columns of the entries, in any order.
    pub fn new(
        [rows, columns]: [&[u32]; 2],
        [height, width]: [usize; 2],
        target: &[f64],
        weight: Option<&[f64]>,
    ) -> Result<Self, Refusal> {
        let n = target.len();
        if rows.len() != n || columns.len() != n || weight.is_some_and(|w| w.len() != n) {
            return Err(Refusal::of(
                "entries",
                "rows, columns, targets and weights must be as many",
            ));
        }
        if u32::try_from(n).is_err() {
            return Err(Refusal::of("entries", "more than 4 294 967 295 entries"));
        }
        let inside = |codes: &[u32], count: usize| codes.iter().all(|&c| (c as usize) < count);
        if !inside(rows, height) || !inside(columns, width) {
            return Err(Refusal::of("entries", "a row or a column lies outside the matrix"));
        }
        refusal::finite("ratings", target)?;
        weight.map(|w| refusal::weights("sample_weight", w)).transpose()?;
        let (_, by_column) = sorted(columns.iter().copied(), width);
        let keys = by_column.iter().map(|&place| rows[place as usize]);
        let (starts, order) = sorted(keys, height);
        let place = |k: &u32| by_column[*k as usize] as usize;
        Ok(Cells {
            parts: parts(&starts),
            starts,
            other: order.iter().map(|k| columns[place(k)]).collect(),
            target: order.iter().map(|k| target[place(k)]).collect(),
            weight: weight.map_or(Vec::new(), |w| order.iter().map(|k| w[place(k)]).collect()),
        })
    }
    /// The same entries by their columns, of which there are so many.
    pub fn turned(&self, columns: usize) -> Self {
        let (starts, order) = sorted(self.other.iter().copied(), columns);
        let mut row_of = Vec::with_capacity(self.len());
        for row in 0..self.starts.len() - 1 {
            row_of.resize(self.starts[row + 1], row as u32);
        }
        let of = |from: &[f64]| order.iter().map(|&k| from[k as usize]).collect();
        Cells {
            parts: parts(&starts),
            starts,
            other: order.iter().map(|&k| row_of[k as usize]).collect(),
            target: of(&self.target),
            weight: if self.weight.is_empty() { Vec::new() } else { of(&self.weight) },
        }
    }
    /// How many entries.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.target.len()
    }
    /// The sum of their weights.
    pub fn total(&self) -> f64 {
        if self.weight.is_empty() { self.len() as f64 } else { self.weight.iter().sum() }
    }
    /// Ranges of rows for a task each.
    pub fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }
    /// The entries of a row.
    pub fn row(&self, row: usize) -> RowCells<'_> {
        let at = self.starts[row]..self.starts[row + 1];
        let weight = (!self.weight.is_empty()).then(|| &self.weight[at.clone()]);
        RowCells { other: &self.other[at.clone()], target: &self.target[at], weight }
    }
    /// An entry by its number: row, column, target and weight.
    pub fn one(&self, k: usize) -> (usize, usize, f64, f64) {
        let row = self.starts.partition_point(|&start| start <= k) - 1;
        let weight = self.weight.get(k).copied().unwrap_or(1.0);
        (row, self.other[k] as usize, self.target[k], weight)
    }
}
