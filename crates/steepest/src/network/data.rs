//! Rows, targets and weights that a network learns from, and the loss at its end.
use crate::loss::Block;
use crate::numbers::real::Float;
use std::ops::Range;

/// A table to learn from.
#[derive(Clone, Copy)]
pub struct Examples<'a, N> {
    /// The rows, one after another.
    pub inputs: &'a [N],
    /// As many numbers a row as [`Head::targets`] says.
    pub targets: &'a [f64],
    /// One a row; none: each counts the same.
    pub weight: Option<&'a [f64]>,
    /// How many.
    pub rows: usize,
}

impl<N: Float> Examples<'_, N> {
    /// The weight of a row.
    pub fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |w| w[row])
    }
    /// The sum of the weights.
    pub fn total(&self) -> f64 {
        self.weight.map_or(self.rows as f64, |w| w.iter().sum())
    }
    /// Copies rows, each to the beginning of `stride` numbers.
    pub(super) fn gather(
        &self,
        picked: Picked<'_>,
        range: Range<usize>,
        columns: usize,
        (to, stride): (&mut [N], usize),
    ) {
        for (i, to) in range.zip(to.chunks_exact_mut(stride)) {
            let row = picked.row(i);
            to[..columns].copy_from_slice(&self.inputs[row * columns..(row + 1) * columns]);
        }
    }
}

/// Which rows are taken.
#[derive(Clone, Copy)]
pub enum Picked<'a> {
    /// So many from one on.
    From(usize, usize),
    /// Those named.
    Named(&'a [u32]),
}

impl<'a> Picked<'a> {
    /// How many.
    pub fn len(self) -> usize {
        match self {
            Picked::From(_, count) => count,
            Picked::Named(rows) => rows.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// One of them.
    pub fn row(self, i: usize) -> usize {
        match self {
            Picked::From(first, _) => first + i,
            Picked::Named(rows) => rows[i] as usize,
        }
    }
    /// Some of them.
    pub fn some(self, range: Range<usize>) -> Picked<'a> {
        match self {
            Picked::From(first, _) => Picked::From(first + range.start, range.len()),
            Picked::Named(rows) => Picked::Named(&rows[range]),
        }
    }
}

/// The loss at the end of a network, of any number of outputs.
pub struct Head {
    /// Of a row's outputs taken together, or of each by itself.
    pub loss: Box<dyn Block>,
    /// What a row's loss is multiplied by: one over the outputs, where their mean is meant.
    pub factor: f64,
    /// Outputs.
    pub outputs: usize,
}

impl Head {
    /// A loss that takes all outputs together, or one that takes each by itself: then they are added up, or their mean is
    /// taken.
    pub fn new(loss: Box<dyn Block>, outputs: usize, mean: bool) -> Result<Self, String> {
        if loss.learnt() > 0 {
            return Err(format!(
                "the loss {} learns numbers beside the margins, which a network has no place for",
                loss.name()
            ));
        }
        let each = loss.outputs() == 1;
        if !each && loss.outputs() != outputs {
            return Err(format!(
                "the loss {} needs {} outputs; got {outputs}",
                loss.name(),
                loss.outputs()
            ));
        }
        let factor = if mean && each { 1.0 / outputs as f64 } else { 1.0 };
        Ok(Head { loss, factor, outputs })
    }
    /// Targets of a row.
    pub fn targets(&self) -> usize {
        if self.loss.outputs() == 1 { self.outputs } else { 1 }
    }
}
