//! A linear model by itself: what it predicts, and the file that it is kept in.
use super::Failure;
use super::label::Label;
use crate::design::{Design, rows_per_part};
use crate::designs::centred::Centred;
use crate::linalg::vectors::dot;
use crate::loss::Block;
use crate::losses::LOSSES;
use crate::parallel::pool::pool;
use crate::refusal::Refusal;
use crate::settings::{Spec, look_up};

/// Coefficients, and what margins by them stand for: what a fit leaves, or a file holds.
pub struct LinearModel {
    /// Coefficients: those of the first margin, a column each, then those of the next.
    pub coefficients: Vec<f64>,
    /// The intercept of each margin; empty where there is none.
    pub intercept: Vec<f64>,
    /// What the loss has learnt beside them.
    pub learnt: Vec<f64>,
    /// The names of the columns, where they are known.
    pub names: Vec<String>,
    /// The classes in order, where it tells them and they are known.
    pub classes: Vec<Label>,
    pub(super) spec: Spec,
    /// What the loss was made for: its classes, or 1.
    pub(super) made_for: usize,
    pub(super) loss: Box<dyn Block>,
    pub(super) columns: usize,
    /// Columns (ascending) that are seen less a number each, which keeps the digits of what is far from 0.
    pub(super) less: (Vec<u32>, Vec<f64>),
}

/// Outputs of a model in a file at most.
const MOST: usize = 1 << 20;

impl LinearModel {
    pub(super) fn new(
        spec: Spec,
        outputs: usize,
        columns: usize,
        [coefficients, intercept, learnt]: [Vec<f64>; 3],
    ) -> Result<Self, String> {
        let (entry, settings) = look_up("loss", LOSSES, &spec)?;
        if !(1..=MOST).contains(&outputs) {
            return Err(format!("it has {outputs} outputs; from 1 to {MOST} are allowed"));
        }
        let loss = (entry.build)(&settings, outputs);
        let margins = loss.outputs() - loss.learnt();
        let fits = coefficients.len() == margins * columns
            && (intercept.is_empty() || intercept.len() == margins)
            && learnt.len() == loss.learnt();
        if !fits {
            return Err(format!(
                "its coefficients are not those of {margins} margins of {columns} columns"
            ));
        }
        let (names, classes, less) = Default::default();
        Ok(LinearModel {
            coefficients,
            intercept,
            learnt,
            names,
            classes,
            spec,
            made_for: outputs,
            loss,
            columns,
            less,
        })
    }

    /// The loss that it was fitted by, with its settings.
    pub fn loss(&self) -> &Spec {
        &self.spec
    }

    /// How many columns a table of it has.
    pub fn columns(&self) -> usize {
        self.columns
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
        if design.holds() < design.rows() {
            return Err(
                Refusal::of("X", "X must lie in memory: predict its blocks one by one").into()
            );
        }
        let (columns, by) = &self.less;
        Ok(match columns.is_empty() {
            true => self.products(design),
            false => self.products(&Centred::new(design, columns, by)),
        })
    }

    fn products(&self, design: &dyn Design) -> Vec<f64> {
        let (rows, k) = (design.rows(), self.outputs());
        let part = rows_per_part(design, self.columns.max(1)).max(1);
        let parts = pool().map(rows.div_ceil(part), |p| {
            let at = p * part..((p + 1) * part).min(rows);
            let mut margins = vec![0.0; at.len() * k];
            design.margins(at, 0..0, &self.coefficients, k, &mut margins);
            self.lifted(&mut margins);
            margins
        });
        parts.concat()
    }

    /// The margins of one row: no table, no thread, for the case of a request at a time.
    ///
    /// # Panics
    ///
    /// Where the row has not as many numbers as the table had columns, or `margins` not one for each output.
    pub fn margin(&self, row: &[f64], margins: &mut [f64]) {
        assert_eq!(row.len(), self.columns, "a row needs a number for each column");
        assert_eq!(margins.len(), self.outputs(), "there is a margin for each output");
        let (columns, by) = &self.less;
        if columns.is_empty() {
            return self.products_of(row, margins);
        }
        let mut row = row.to_vec();
        columns.iter().zip(by).for_each(|(j, c)| row[*j as usize] -= c);
        self.products_of(&row, margins);
    }

    fn products_of(&self, row: &[f64], margins: &mut [f64]) {
        let each = self.coefficients.chunks_exact(self.columns.max(1));
        margins.iter_mut().zip(each).for_each(|(m, w)| *m = dot(w, row));
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

    /// The likeliest class of each row, where the classes are known.
    pub fn predict_classes(&self, design: &dyn Design) -> Result<Vec<&Label>, Failure> {
        if self.classes.len() < 2 || !self.learnt.is_empty() {
            return Err(Failure::from(
                "this model names no likeliest class: ask it for what it expects, by predict",
            ));
        }
        let margins = self.margins(design)?;
        Ok(likeliest(&margins, self.outputs()).map(|best| &self.classes[best]).collect())
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

/// The place of each row's largest margin; of one margin whether it is above 0.
pub(super) fn likeliest(margins: &[f64], k: usize) -> impl Iterator<Item = usize> {
    margins.chunks_exact(k).map(move |row| match row {
        [one] => usize::from(*one > 0.0),
        _ => (1..k).fold(0, |best, j| if row[j] > row[best] { j } else { best }),
    })
}
