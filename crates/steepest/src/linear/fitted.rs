//! What came of fitting a linear model, and what it predicts.
use super::{Failure, Lay};
use crate::descend::Solution;
use crate::design::{Design, rows_per_part};
use crate::loss::Block;
use crate::parallel::pool::pool;
use crate::refusal::Refusal;

/// A linear model that was fitted.
pub struct FittedLinear {
    /// How the descent went, and what is proved of its end; its `x` is the coefficients with their intercepts.
    pub solution: Solution,
    /// The method that was taken.
    pub method: &'static str,
    /// Why that one.
    pub reason: String,
    /// Coefficients: those of the first margin, a column each, then those of the next.
    pub coefficients: Vec<f64>,
    /// The intercept of each margin; empty where there is none.
    pub intercept: Vec<f64>,
    /// What the loss has learnt beside them.
    pub learnt: Vec<f64>,
    loss: Box<dyn Block>,
    columns: usize,
}

impl FittedLinear {
    pub(super) fn new(
        solution: Solution,
        method: &'static str,
        reason: String,
        loss: Box<dyn Block>,
        lay: Lay,
    ) -> Self {
        let (mut coefficients, mut intercept) = (Vec::with_capacity(lay.seen()), Vec::new());
        for x in solution.x[..lay.seen()].chunks_exact(lay.width.max(1)) {
            coefficients.extend_from_slice(&x[..lay.columns]);
            intercept.extend_from_slice(&x[lay.columns..]);
        }
        let learnt = solution.x[lay.seen()..].to_vec();
        let columns = lay.columns;
        FittedLinear { solution, method, reason, coefficients, intercept, learnt, loss, columns }
    }

    /// Margins of a row, side by side.
    pub fn outputs(&self) -> usize {
        self.loss.outputs() - self.loss.learnt()
    }

    /// x′w + b of each row of a table in memory, its margins side by side.
    pub fn margins(&self, design: &dyn Design) -> Result<Vec<f64>, Failure> {
        if design.columns() != self.columns {
            let why = format!(
                "X must have {} columns, as the table had that was fitted; got {}",
                self.columns,
                design.columns()
            );
            return Err(Refusal::of("X", why).into());
        }
        let (rows, k) = (design.rows(), self.outputs());
        if design.holds() < rows {
            return Err(
                Refusal::of("X", "X must lie in memory: predict its blocks one by one").into()
            );
        }
        let part = rows_per_part(design, self.columns.max(1)).max(1);
        let parts = pool().map(rows.div_ceil(part), |p| {
            let at = p * part..((p + 1) * part).min(rows);
            let mut margins = vec![0.0; at.len() * k];
            design.margins(at, 0..0, &self.coefficients, k, &mut margins);
            self.lifted(&mut margins);
            margins
        });
        Ok(parts.concat())
    }

    /// The margins of one row: no table, no thread, for the case of a request at a time.
    ///
    /// # Panics
    ///
    /// Where the row has not as many numbers as the table had columns, or `margins` not one for each output.
    pub fn margin(&self, row: &[f64], margins: &mut [f64]) {
        assert_eq!(row.len(), self.columns, "a row needs a number for each column");
        assert_eq!(margins.len(), self.outputs(), "there is a margin for each output");
        let each = self.coefficients.chunks_exact(self.columns.max(1));
        margins.iter_mut().zip(each).for_each(|(m, w)| *m = crate::linalg::vectors::dot(w, row));
        self.lifted(margins);
    }

    /// What the targets are expected to be: means, or of classes their probabilities side by side.
    pub fn predict(&self, design: &dyn Design) -> Result<Vec<f64>, Failure> {
        let mut margins = self.margins(design)?;
        self.means(&mut margins);
        Ok(margins)
    }

    /// What margins stand for, in their place: where rows have offsets, these are added to the margins before.
    pub fn means(&self, margins: &mut [f64]) {
        self.loss.means(margins);
    }

    fn lifted(&self, margins: &mut [f64]) {
        if self.intercept.is_empty() {
            return;
        }
        for margins in margins.chunks_exact_mut(self.intercept.len()) {
            margins.iter_mut().zip(&self.intercept).for_each(|(m, b)| *m += b);
        }
    }
}
