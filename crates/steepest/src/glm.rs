//! A loss over a design: the objective of every linear model.
use crate::design::Design;
use crate::loss::Block;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::status::Halt;

mod curvature;
mod pass;
mod scaled;
mod tamed;
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
    /// Ends where rows could not be read: sums over them are no numbers.
    fn all_read(&self) -> Result<(), Halt> {
        self.design.unreadable().map_or(Ok(()), |why| Err(Halt::Failed(Box::new(why))))
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
    /// A pass is bound by memory: the gradient comes with the value for nothing.
    fn offers(&self) -> Offers {
        let dim = self.outputs() * self.width();
        Offers {
            terms: self.design.rows(),
            products: true,
            hessian: dim <= WHOLE,
            values_are_cheap: false,
            reads: 1.0,
            scalable: false,
            ..Offers::gradients(dim)
        }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() || gradient.is_some() {
            let found = match rows {
                Rows::All => self.pass(None, x, gradient, Keep::default(), work.pause)?,
                Rows::Terms(terms) => self.gathered(terms, x, gradient),
            };
            if let Some(to) = value {
                *to = found;
            }
        }
        for ask in others {
            rows.all()?;
            match ask {
                Ask::Product { along, to } => self.bend(x, along, to),
                Ask::Hessian(to) => self.squared(x, to),
                other => other.unknown()?,
            }
        }
        self.all_read()
    }
    /// What is not convex is a function as any other: nothing can be proved of it.
    fn glm(&self) -> Option<&Glm<'_>> {
        self.loss.convex().then_some(self)
    }
}

/// Variables up to which the matrix of second derivatives is made.
const WHOLE: usize = 2000;

impl Glm<'_> {
    /// The mean over the terms named, and its gradient.
    fn gathered(&mut self, terms: &[u32], x: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let mut rows = std::mem::take(&mut self.gathered);
        rows.clear();
        rows.resize(terms.len() * self.design.columns(), 0.0);
        self.design.gather(terms, &mut rows);
        let value = match gradient {
            Some(gradient) => self.some(terms, &rows, x, gradient),
            None => self.some(terms, &rows, x, &mut vec![0.0; x.len()]),
        };
        self.gathered = rows;
        value
    }
}
