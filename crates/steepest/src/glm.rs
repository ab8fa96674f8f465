//! A loss over a design: the objective of every linear model.
use crate::design::Design;
use crate::loss::Block;
use crate::objective::{Curvature, Objective, Terms};
use crate::status::Halt;

mod curvature;
mod pass;
mod scaled;
mod tamed;
pub(crate) use curvature::bend;
pub use pass::{Distances, Keep, Sample};
pub use scaled::Scaled;
pub use tamed::Tamed;

/// (1/Σ weight) Σ weight_i · loss(target_i, x_i′w + b).
///
/// Its variables are, for each output in turn, one coefficient a column and then the intercept, where
/// there is one. A row of weight 0 is a row that is not there. The design is read where it lies.
///
/// ```
/// use steepest::{designs::dense::Dense, glm::Glm, losses::squared::Squared, loss::Each, objective::Objective};
/// let x = [1.0, 2.0, 3.0];
/// let design = Dense::by_rows(&x, 1).unwrap();
/// let loss = Each(Squared::default());
/// let mut glm = Glm::new(&design, &loss, &[2.0, 4.0, 6.0], None, true).unwrap();
/// assert_eq!(glm.value(&[2.0, 0.0]).unwrap(), 0.0);
/// ```
pub struct Glm<'a> {
    /// The rows.
    pub design: &'a dyn Design,
    /// The loss.
    pub loss: &'a dyn Block,
    /// One target a row.
    pub target: &'a [f64],
    /// One weight a row; none is 1 each.
    pub weight: Option<&'a [f64]>,
    /// Whether each output has an intercept, the last of its coordinates.
    pub intercept: bool,
    total: f64,
    /// Rows of the last mini-batch, dense.
    gathered: Vec<f64>,
}

impl<'a> Glm<'a> {
    /// Checked: lengths, targets that the loss takes, weights that can be weights. Numbers of the design are
    /// checked when it is first read (or by [`not_finite`](Self::not_finite)), for that costs a pass.
    pub fn new(
        design: &'a dyn Design,
        loss: &'a dyn Block,
        target: &'a [f64],
        weight: Option<&'a [f64]>,
        intercept: bool,
    ) -> Result<Self, String> {
        let rows = design.rows();
        if rows == 0 {
            return Err("a table needs at least one row; got none".into());
        }
        if design.columns() == 0 && !intercept {
            return Err("a table without columns needs an intercept".into());
        }
        if target.len() != rows {
            return Err(format!("{rows} rows need as many targets; got {}", target.len()));
        }
        if let Some((i, why)) = first_bad(loss, target) {
            return Err(format!("{why}; got {} in row {i}", target[i]));
        }
        let total = match weight {
            None => rows as f64,
            Some(w) => total(w, rows)?,
        };
        Ok(Glm { design, loss, target, weight, intercept, total, gathered: Vec::new() })
    }

    /// The same loss over other columns for the same rows.
    pub fn over<'b>(&'b self, design: &'b dyn Design) -> Glm<'b> {
        assert_eq!(design.rows(), self.design.rows(), "as many rows");
        Glm {
            design,
            loss: self.loss,
            target: self.target,
            weight: self.weight,
            intercept: self.intercept,
            total: self.total,
            gathered: Vec::new(),
        }
    }
    /// Whether its rows are dense.
    pub fn is_dense(&self) -> bool {
        self.design.dense()
    }
    /// Margins of a row.
    pub fn outputs(&self) -> usize {
        self.loss.outputs()
    }
    /// Variables of one output: a coefficient a column, and the intercept.
    pub fn width(&self) -> usize {
        self.design.columns() + usize::from(self.intercept)
    }
    /// The share of a row in the mean.
    pub fn share(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |w| w[row]) / self.total
    }
    /// The sum of the weights.
    pub fn total(&self) -> f64 {
        self.total
    }
    /// The first number of the design that is not finite, in a sentence.
    pub fn not_finite(&self) -> Option<String> {
        let (row, column) = self.design.not_finite()?;
        Some(format!("the table in row {row}, column {column}: drop or fill it"))
    }
}

/// The first target that cannot be used, and why.
fn first_bad(loss: &dyn Block, target: &[f64]) -> Option<(usize, &'static str)> {
    const PART: usize = 1 << 16;
    let parts = crate::pool::pool().map(target.len().div_ceil(PART), |p| {
        let from = p * PART;
        let part = &target[from..(from + PART).min(target.len())];
        part.iter().enumerate().find_map(|(i, &t)| {
            let finite = t.is_finite();
            let why = if finite { loss.refuses(t) } else { Some("targets must be finite") };
            why.map(|why| (from + i, why))
        })
    });
    parts.into_iter().flatten().next()
}

fn total(weight: &[f64], rows: usize) -> Result<f64, String> {
    if weight.len() != rows {
        return Err(format!("{rows} rows need as many weights; got {}", weight.len()));
    }
    if let Some(i) = weight.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(format!("weights must be at least 0 and finite; got {} in row {i}", weight[i]));
    }
    let sum: f64 = weight.iter().sum();
    if sum <= 0.0 || !sum.is_finite() {
        return Err(format!("the weights must have a positive, finite sum; got {sum}"));
    }
    Ok(sum)
}

impl Objective for Glm<'_> {
    fn dim(&self) -> usize {
        self.outputs() * self.width()
    }
    fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        self.pass(None, x, None, Keep::default(), &mut || Ok(()))
    }
    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        self.pass(None, x, Some(gradient), Keep::default(), &mut || Ok(()))
    }
    fn gradient_pausing(
        &mut self,
        x: &[f64],
        gradient: &mut [f64],
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        self.pass(None, x, Some(gradient), Keep::default(), pause)
    }
    /// A pass is bound by memory: the gradient comes with the value for nothing.
    fn value_is_cheaper(&self) -> bool {
        false
    }
    fn reads(&self) -> f64 {
        1.0
    }
    fn terms(&mut self) -> Option<&mut dyn Terms> {
        Some(self)
    }
    fn curvature(&mut self) -> Option<&mut dyn Curvature> {
        Some(self)
    }
    fn glm(&self) -> Option<&Glm<'_>> {
        Some(self)
    }
}

impl Terms for Glm<'_> {
    fn count(&self) -> usize {
        self.design.rows()
    }
    fn batch(&mut self, terms: &[u32], x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.clear();
        gathered.resize(terms.len() * self.design.columns(), 0.0);
        self.design.gather(terms, &mut gathered);
        let value = self.some(terms, &gathered, x, gradient);
        self.gathered = gathered;
        Ok(value)
    }
}
