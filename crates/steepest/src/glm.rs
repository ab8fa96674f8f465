//! A loss over a design: the objective of every linear model.
use crate::design::Design;
use crate::designs::centred::Centred;
use crate::held::Held;
use crate::loss::Block;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::refusal::{self, Refusal};
use crate::status::Halt;
use crate::table::{OfRows, Slot, Table, joined};
use kept::{Kept, Places};
use std::borrow::Cow;
use std::sync::OnceLock;

mod curvature;
mod drawn;
mod kept;
mod pass;
mod scaled;
mod tamed;
pub use pass::{Distances, Keep};
pub use scaled::Scaled;
pub use tamed::Tamed;

/// (1/Σ weight) Σ weight_i · loss(target_i, x_i′w + b).
///
/// Its variables are, for each output in turn, one coefficient a column and then the intercept, where
/// there is one; and then the numbers that are learnt beside, where the loss has such. A row of weight 0 is a row that is not there. The design is read where it lies.
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
    kept: Kept,
    /// The shares of all rows, where they were asked for.
    shares: OnceLock<Vec<f64>>,
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
    ) -> Result<Self, Refusal> {
        let rows = design.rows();
        if rows == 0 {
            return Err(Refusal::of("table", "a table needs at least one row; got none"));
        }
        if design.columns() == 0 && !intercept {
            return Err(Refusal::of("table", "a table without columns needs an intercept"));
        }
        if target.len() != rows {
            let why = format!("{rows} rows need as many targets; got {}", target.len());
            return Err(Refusal::of("targets", why));
        }
        refusal::targets("targets", target, |t| loss.refuses(t))?;
        let total = match weight {
            None => rows as f64,
            Some(w) if w.len() != rows => {
                let why = format!("{rows} rows need as many weights; got {}", w.len());
                return Err(Refusal::of("weights", why));
            }
            Some(w) => refusal::weights("weights", w)?,
        };
        Ok(Glm {
            design,
            loss,
            target,
            weight,
            intercept,
            total,
            gathered: Vec::new(),
            kept: Kept::default(),
            shares: OnceLock::new(),
        })
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
            kept: Kept::default(),
            shares: OnceLock::new(),
        }
    }
    /// Whether its rows are dense.
    pub fn is_dense(&self) -> bool {
        self.design.dense()
    }
    /// Numbers that a row's loss is of.
    pub fn outputs(&self) -> usize {
        self.loss.outputs()
    }
    /// Margins of a row: those of them that are not learnt.
    pub fn margins(&self) -> usize {
        self.loss.outputs() - self.loss.learnt()
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

impl Objective for Glm<'_> {
    /// A pass is bound by memory: the gradient comes with the value for nothing.
    fn offers(&self) -> Offers {
        let dim = self.table().dim();
        Offers {
            terms: self.design.rows(),
            products: true,
            hessian: dim <= WHOLE,
            values_are_cheap: false,
            reads: 1.0,
            scalable: false,
            // What is not convex is a function as any other: nothing can be proved of it.
            table: self.loss.convex().then(|| self.table()),
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
        let mut kept = std::mem::take(&mut self.kept);
        let done = self.answered(x, rows, Sorted::of(asks), &mut kept, work);
        self.kept = kept;
        done
    }
    fn hold(
        &mut self,
        rows: Rows<'_>,
        places: Option<&[u32]>,
        margins: Option<Slot>,
        _: &mut Work<'_>,
    ) -> Result<Held<'_>, Halt> {
        let sample = match rows {
            Rows::All => None,
            Rows::Sample(sample) => Some(sample),
            Rows::Terms(_) => return Err(Halt::Failed("a batch has no places".into())),
        };
        let (all, k) = (Places { glm: self, sample }, self.outputs());
        let z = margins.map_or(&[][..], |slot| self.kept.slot(slot));
        let every: Vec<u32>;
        let places = match (places, sample) {
            (Some(places), None) if places.len() < self.design.rows() => places,
            (Some(places), Some(_)) => places,
            (None, Some(_)) => {
                every = (0..all.len() as u32).collect();
                &every
            }
            // Lent as they lie.
            (_, None) => {
                let mut held = self.lent();
                held.margins = Cow::Borrowed(z);
                self.all_read()?;
                return Ok(held);
            }
        };
        let names: Vec<u32> = places.iter().map(|&p| all.row(p as usize) as u32).collect();
        self.design.hold(&joined(&names));
        let mut held = self.held(&names);
        held.share = places.iter().map(|&p| all.share(p as usize)).collect();
        if !z.is_empty() {
            let of = |p: &u32| &z[*p as usize * k..(*p as usize + 1) * k];
            held.margins = places.iter().flat_map(of).copied().collect();
        }
        self.all_read()?;
        Ok(held)
    }
}

/// Variables up to which the matrix of second derivatives is made.
const WHOLE: usize = 2000;

impl Glm<'_> {
    /// What is known of it without a read.
    fn table(&self) -> Table {
        Table {
            rows: self.design.rows(),
            columns: self.design.columns(),
            outputs: self.outputs(),
            learnt: self.loss.learnt(),
            level: self.loss.level(),
            straight: self.loss.straight(),
            intercept: self.intercept,
            dense: self.design.dense(),
            bytes: self.design.bytes(),
            total: self.total,
            weighted: self.weight.is_some(),
            holds: self.design.holds(),
        }
    }
    /// Some rows, lent.
    fn held(&self, rows: &[u32]) -> Held<'_> {
        let of = |v: &[f64]| rows.iter().map(|&i| v[i as usize]).collect::<Cow<'_, [f64]>>();
        let (names, target) = (Some(rows.to_vec()), of(self.target));
        let mut held = Held::lent(self.design, names, self.loss, target, self.intercept);
        held.weight = self.weight.map(of);
        held
    }
    /// All rows, lent.
    fn lent(&self) -> Held<'_> {
        let target = Cow::Borrowed(self.target);
        let mut held = Held::lent(self.design, None, self.loss, target, self.intercept);
        held.weight = self.weight.map(Cow::Borrowed);
        let shares = || (0..self.design.rows()).map(|i| self.share(i)).collect();
        held.share = Cow::Borrowed(self.shares.get_or_init(shares));
        held
    }

    fn answered(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: Sorted<'_, '_>,
        kept: &mut Kept,
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let Sorted { value, gradient, mut others } = asks;
        let less = others.iter().position(|ask| matches!(ask, Ask::Rows(OfRows::Less { .. })));
        if let Some(Ask::Rows(OfRows::Less { columns, by })) = less.map(|at| others.remove(at))
            && !columns.is_empty()
        {
            let centred = Centred::new(self.design, columns, by);
            let asks = Sorted { value, gradient, others };
            return self.over(&centred).answered(x, rows, asks, kept, work);
        }
        let (mut keep, mut far) = (None, None);
        for ask in &others {
            match ask {
                Ask::Rows(OfRows::Keep(slot)) => keep = Some(*slot),
                Ask::Rows(OfRows::Far { centre, inverse }) => far = Some((*centre, *inverse)),
                _ => {}
            }
        }
        let reads = keep.is_some() || far.is_some();
        let sample = match rows {
            Rows::All => None,
            Rows::Sample(sample) => Some(sample),
            Rows::Terms(_) if reads => return rows.all(),
            Rows::Terms(terms) => {
                let found = self.gathered(terms, x, gradient);
                value.into_iter().for_each(|to| *to = found);
                return others.into_iter().try_for_each(Ask::unknown);
            }
        };
        let (n, k) = (sample.map_or(self.design.rows(), |s| s.len()), self.outputs());
        if value.is_some() || gradient.is_some() || reads {
            let mut margins = keep.map(|slot| kept.take(slot, n * k));
            if far.is_some() {
                kept.distances.resize(n, 0.0);
            }
            let distances = far.map(|(centre, inverse)| {
                let to = &mut kept.distances[..];
                Distances { centre, inverse, to }
            });
            let to = Keep { margins: margins.as_deref_mut(), distances };
            let found = self.pass(sample, x, gradient, to, work.pause);
            if let (Some(slot), Some(margins)) = (keep, margins) {
                kept.put(slot, margins);
            }
            let found = found?;
            value.into_iter().for_each(|to| *to = found);
        }
        for ask in others {
            match ask {
                Ask::Product { along, to } => rows.all().map(|()| self.bend(x, along, to))?,
                Ask::Hessian(to) => rows.all().map(|()| self.squared(x, to))?,
                Ask::Rows(OfRows::Bent { at, along, to, keep }) => {
                    let mut changes = kept.take(*keep, n * k);
                    let done =
                        self.bent(sample, kept.slot(*at), along, &mut changes, to, work.pause);
                    kept.put(*keep, changes);
                    done?;
                }
                Ask::Rows(OfRows::Combined { by, to }) => to.copy_from_slice(&self.combined(by)),
                Ask::Rows(ask) => Places { glm: self, sample }.answer(ask, kept),
                other => other.unknown()?,
            }
        }
        self.all_read()
    }

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

impl Held<'_> {
    /// The losses of these rows over other columns: those of a table that is made of them.
    pub fn over<'b>(&'b self, design: &'b dyn Design) -> Result<Glm<'b>, Refusal> {
        Glm::new(design, self.loss, &self.target, self.weight.as_deref(), self.intercept)
    }
    /// The same rows under a loss that no start overflows ([`Tamed`]).
    pub fn tamed<T>(&self, work: impl FnOnce(&mut dyn Objective) -> T) -> Result<T, Refusal> {
        let loss = Tamed(self.loss);
        self.as_table(|design| {
            let weight = self.weight.as_deref();
            Ok(work(&mut Glm::new(design, &loss, &self.target, weight, self.intercept)?))
        })
    }
}
