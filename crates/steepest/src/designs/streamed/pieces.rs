//! How the rows of a table that is read in pieces lie, and some of them as a table.
use super::super::codes::{Category, Codes};
use super::super::dense::Dense;
use super::super::sparse::Sparse;
use super::super::stack::Stack;
use crate::design::{Design, countable};
use crate::numbers::real::Float;
use crate::source::{Entries, Source, Unreadable};
use std::ops::Range;

/// How the rows lie.
pub(super) struct Layout {
    pub(super) rows: usize,
    /// Numbers a row.
    pub(super) width: usize,
    pub(super) levels: Vec<usize>,
    /// Sparse columns, and entries in them in all.
    pub(super) sparse: (usize, usize),
    pub(super) columns: usize,
    /// Rows of a piece.
    pub(super) per: usize,
}

/// Some rows: numbers a row's side by side, codes of one category after another.
pub(super) struct Decoded<N> {
    pub(super) rows: usize,
    pub(super) numbers: Vec<N>,
    pub(super) codes: Vec<i32>,
    pub(super) entries: Entries<N>,
}

impl Layout {
    pub(super) fn of<N: Float>(source: &dyn Source<N>) -> Result<Self, String> {
        let (rows, width) = (source.rows(), source.numbers());
        let (levels, sparse) = (source.levels().to_vec(), source.sparse());
        countable(rows)?;
        let columns = width + levels.iter().sum::<usize>() + sparse.0;
        Ok(Layout { rows, width, levels, sparse, columns, per: 1 })
    }
    /// Bytes of a row; of one with as many entries as others have, where there are sparse columns.
    pub(super) fn bytes<N>(&self) -> usize {
        let entries = (self.sparse.1).div_ceil(self.rows.max(1)) * (size_of::<N>() + 4) + 4;
        let sparse = if self.sparse.0 > 0 { entries } else { 0 };
        self.width * size_of::<N>() + 4 * self.levels.len() + sparse
    }
    pub(super) fn piece(&self, p: usize) -> Range<usize> {
        p * self.per..((p + 1) * self.per).min(self.rows)
    }
    pub(super) fn block<N: Float>(&self, rows: usize) -> Decoded<N> {
        let numbers = vec![N::default(); rows * self.width];
        let codes = vec![0; rows * self.levels.len()];
        Decoded { rows, numbers, codes, entries: Entries::default() }
    }
    /// Some rows as a table.
    pub(super) fn look<N: Float, R>(
        &self,
        block: &Decoded<N>,
        f: impl FnOnce(&dyn Design) -> R,
    ) -> R {
        if self.sparse.0 == 0 {
            return self.beside_sparse(block, f);
        }
        let Entries { values, columns, starts } = &block.entries;
        let sparse = Sparse::unchecked(values, columns, starts, self.sparse.0);
        if self.columns == self.sparse.0 {
            return f(&sparse);
        }
        self.beside_sparse(block, |left| {
            f(&Stack::new(&[left, &sparse]).expect("as many rows in each"))
        })
    }
    /// The columns that are not sparse.
    pub(super) fn beside_sparse<N: Float, R>(
        &self,
        block: &Decoded<N>,
        f: impl FnOnce(&dyn Design) -> R,
    ) -> R {
        let Decoded { rows, numbers, codes, .. } = block;
        if self.levels.is_empty() {
            let table = Dense::strided(numbers, *rows, self.width, self.width, 1);
            return f(&table.expect("as many numbers as rows"));
        }
        let of =
            |(k, &levels): (usize, &usize)| Category { codes: &codes[k * rows..][..*rows], levels };
        let categories: Vec<Category<'_>> = self.levels.iter().enumerate().map(of).collect();
        f(&Codes::new(*rows, numbers, self.width, &categories).expect("as many codes as rows"))
    }
    /// What a source has written that it should not have.
    pub(super) fn unsound<N>(
        &self,
        entries: &Entries<N>,
        rows: &Range<usize>,
    ) -> Result<(), Unreadable> {
        let outside = |j: &i32| usize::try_from(*j).is_ok_and(|j| j >= self.sparse.0);
        let wanted = if self.sparse.0 > 0 { rows.len() } else { 0 };
        let why = if entries.rows() != wanted {
            format!("their source ended {} of their sparse rows", entries.rows())
        } else if let Some(j) = entries.columns.iter().find(|j| outside(j)) {
            format!("their source has an entry in sparse column {j} of {}", self.sparse.0)
        } else {
            return Ok(());
        };
        Err(Unreadable { what: format!("rows {} to {}", rows.start, rows.end), group: None, why })
    }
    /// Copies rows of one block into another, whose sparse rows before them are there.
    pub(super) fn copy<N: Float>(
        &self,
        from: &Decoded<N>,
        rows: Range<usize>,
        to: &mut Decoded<N>,
        at: usize,
    ) {
        let (n, w) = (rows.len(), self.width);
        to.numbers[at * w..][..n * w].copy_from_slice(&from.numbers[rows.start * w..][..n * w]);
        for k in 0..self.levels.len() {
            to.codes[k * to.rows + at..][..n]
                .copy_from_slice(&from.codes[k * from.rows + rows.start..][..n]);
        }
        if self.sparse.0 > 0 {
            for i in rows {
                let entries = from.entries.starts[i] as usize..from.entries.starts[i + 1] as usize;
                to.entries.values.extend_from_slice(&from.entries.values[entries.clone()]);
                to.entries.columns.extend_from_slice(&from.entries.columns[entries]);
                to.entries.end_row();
            }
        }
    }
}
