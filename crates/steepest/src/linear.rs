//! Linear models, whole: a loss over a table, a penalty on its coefficients, and one call that fits it.
//!
//! [`Linear`] takes any loss and any penalty of the registries; [`LogisticRegression`], [`Ridge`] and others say the usual ones
//! by name. What comes back tells how the descent ended, what is proved of it, and predicts.
use crate::descend::Keeps;
use crate::design::Design;
use crate::loss::{Block, Outputs};
use crate::losses::LOSSES;
use crate::penalties::PENALTIES;
use crate::penalty::{Penalty, Structure};
use crate::refusal::Refusal;
use crate::settings::{Spec, look_up};
use crate::watch::{Stop, Watch};

mod file;
mod fitted;
mod fitting;
mod label;
mod model;
mod models;
mod path;
pub use crate::status::Failure;
pub use fitted::FittedLinear;
pub use label::Label;
pub use model::LinearModel;
pub use models::{ElasticNet, FittedClasses, Lasso, LinearRegression, LogisticRegression, Ridge};
pub use path::Beginning;

/// (1/Σ weight) Σ weight_i · loss(target_i, x_i′w + b) + alpha · penalty(w).
///
/// ```
/// use steepest::{designs::dense::Dense, linear::{How, Linear, Observations}};
/// let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
/// let counts = [1.0, 1.0, 3.0, 4.0, 9.0, 12.0];
/// let design = Dense::by_rows(&x, 1).unwrap();
/// let model = Linear { alpha: 1e-3, ..Linear::of("poisson") };
/// let fitted = model.fit(&Observations::new(&design, &counts), How::default()).unwrap();
/// assert!(fitted.solution.status.success());
/// assert!(fitted.predict(&design).unwrap()[5] > 10.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The loss.
    pub loss: Spec,
    /// Classes of the targets where the loss takes several; 1 elsewhere.
    pub outputs: usize,
    /// The penalty.
    pub penalty: Spec,
    /// Its weight.
    pub alpha: f64,
    /// Whether each output has an intercept.
    pub intercept: bool,
    /// What alpha is multiplied by for the intercept: 0 leaves it free.
    pub intercept_penalty: f64,
    /// The least and the largest coefficients allowed, beside the penalty: each one number for all, one a column, or one a
    /// column of each output in turn. Equal ones pin a coefficient, infinite ones leave it free.
    pub bounds: Option<(Vec<f64>, Vec<f64>)>,
    /// What each column's coefficient is multiplied by in the penalty.
    pub scale: Option<Vec<f64>>,
    /// What alpha is multiplied by for each column; 0 leaves its coefficient free.
    pub factors: Option<Vec<f64>>,
    /// The group of each column, by any number, for penalties by groups.
    pub groups: Option<Vec<usize>>,
    /// The method; None is the one that suits best.
    pub method: Option<Spec>,
    /// Whether the coefficients are handed over in single precision.
    pub narrow: bool,
}

/// A table in memory or elsewhere, and what belongs to each of its rows.
#[derive(Clone, Copy)]
pub struct Observations<'a> {
    /// The columns.
    pub design: &'a dyn Design,
    /// One target a row.
    pub target: &'a [f64],
    /// One weight a row; none is 1 each.
    pub weight: Option<&'a [f64]>,
    /// One number a row that is added to its margin; none is 0 each.
    pub offset: Option<&'a [f64]>,
}

impl<'a> Observations<'a> {
    /// Observations of equal weight.
    pub fn new(design: &'a dyn Design, target: &'a [f64]) -> Self {
        Observations { design, target, weight: None, offset: None }
    }
}

/// How it is fitted: until when, from where, and who looks on.
#[derive(Default)]
pub struct How<'a> {
    /// When to stop.
    pub stop: Stop,
    /// Where it begins: for each output its coefficients and its intercept, then what the loss learns; none is 0.
    pub start: Option<Vec<f64>>,
    /// Observations that the descent does not see, and iterations without a fall of the loss there before it stops.
    pub held: Option<(Observations<'a>, u64)>,
    /// Who looks on.
    pub watch: Option<&'a mut dyn Watch>,
    /// Who keeps the descent while it runs.
    pub keep: Option<&'a mut dyn Keeps>,
}

/// The least and the largest values allowed.
type Ends = (Vec<f64>, Vec<f64>);

/// How variables lie: of each margin a coefficient a column and the intercept, then what is learnt beside.
#[derive(Clone, Copy)]
struct Lay {
    columns: usize,
    width: usize,
    margins: usize,
    learnt: usize,
}

impl Lay {
    fn new(loss: &dyn Block, columns: usize, intercept: bool) -> Self {
        let (learnt, width) = (loss.learnt(), columns + usize::from(intercept));
        Lay { columns, width, margins: loss.outputs() - learnt, learnt }
    }
    /// Variables that are coefficients or intercepts.
    fn seen(self) -> usize {
        self.margins * self.width
    }
    fn dim(self) -> usize {
        self.seen() + self.learnt
    }
    /// The column of a coefficient.
    fn column(self, j: usize) -> Option<usize> {
        (j < self.seen() && j % self.width < self.columns).then(|| j % self.width)
    }
}

impl Linear {
    /// A loss by its name, without settings and without a penalty; intercepts are free.
    pub fn of(loss: &str) -> Self {
        Linear {
            loss: (loss.to_owned(), Vec::new()),
            outputs: 1,
            penalty: ("l2".to_owned(), Vec::new()),
            alpha: 0.0,
            intercept: true,
            intercept_penalty: 0.0,
            bounds: None,
            scale: None,
            factors: None,
            groups: None,
            method: None,
            narrow: false,
        }
    }

    /// The loss at work.
    fn block(&self) -> Result<Box<dyn Block>, String> {
        let (entry, settings) = look_up("loss", LOSSES, &self.loss)?;
        let several = match entry.outputs {
            Outputs::One => false,
            Outputs::Many => true,
            Outputs::Learnt => entry.classes,
        };
        if several != (self.outputs > 1) {
            let wanted = if several { "at least 2 outputs" } else { "1 output" };
            return Err(format!("the loss {} needs {wanted}; got {}", entry.name, self.outputs));
        }
        Ok((entry.build)(&settings, self.outputs))
    }

    /// The bounds of all variables; none where nothing is bounded.
    fn limits(&self, lay: Lay) -> Result<Option<Ends>, Failure> {
        let Some((low, high)) = &self.bounds else { return Ok(None) };
        let (columns, all) = (lay.columns, lay.columns * lay.margins);
        for (side, ends) in [("lower", low), ("upper", high)] {
            if ![1, columns, all].contains(&ends.len()) {
                let of = if all > columns { format!(" or {all}") } else { String::new() };
                let got = ends.len();
                return Err(format!(
                    "{side} bounds must be one number, or {columns}{of}, one a column; got {got}"
                )
                .into());
            }
        }
        let none = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut lowest, mut highest) = (vec![none.0; lay.dim()], vec![none.1; lay.dim()]);
        for j in 0..lay.seen() {
            let Some(column) = lay.column(j) else { continue };
            let place = j / lay.width * columns + column;
            let (l, h) = (low[place % low.len()], high[place % high.len()]);
            if !(l <= h && l < none.1 && h > none.0) {
                let must = if l.is_nan() || h.is_nan() { "not be NaN" } else { "have low <= high" };
                let why = format!("bounds must {must}; got ({l}, {h})");
                let column = (low.len().max(high.len()) > 1).then_some(column);
                return Err(Refusal { column, ..Refusal::of("bounds", why) }.into());
            }
            (lowest[j], highest[j]) = (l, h);
        }
        let bounded = lowest.iter().chain(&highest).any(|end| end.is_finite());
        Ok(bounded.then_some((lowest, highest)))
    }

    fn penalty(&self, lay: Lay) -> Result<Box<dyn Penalty>, String> {
        let alpha = self.alpha;
        if !(alpha >= 0.0 && alpha.is_finite()) {
            return Err(format!("alpha must be at least 0 and finite; got {alpha}"));
        }
        let (entry, settings) = look_up("penalty", PENALTIES, &self.penalty)?;
        let (n, columns) = (lay.dim(), lay.columns);
        let factors = self.factors.as_deref();
        if let Some(f) = factors
            && (f.len() != columns || f.iter().any(|f| !(*f >= 0.0 && f.is_finite())))
        {
            return Err(format!(
                "factors must be {columns} finite numbers of at least 0; got {}",
                f.len()
            ));
        }
        let factor = |j: usize| match (lay.column(j), factors) {
            (None, _) if j >= lay.seen() => 0.0,
            (None, _) => self.intercept_penalty,
            (Some(_), None) => 1.0,
            (Some(c), Some(f)) => f[c],
        };
        let weight: Vec<f64> = (0..n).map(|j| alpha * factor(j)).collect();
        if let Some(g) = self.groups.as_ref().filter(|g| g.len() != columns) {
            return Err(format!("groups must be {columns} numbers, one a column; got {}", g.len()));
        }
        // An intercept that is penalised is a group of its own; coefficients of one column go together.
        let most = self.groups.iter().flatten().max().map_or(columns, |m| m + 1);
        let of = |j: usize| match (lay.column(j), &self.groups) {
            (None, _) => most + j,
            (Some(k), Some(g)) => g[k],
            (Some(k), None) => k,
        };
        let groups =
            (entry.groups || self.groups.is_some()).then(|| (0..n).map(of).collect::<Vec<_>>());
        let shape = (lay.learnt == 0).then_some([lay.margins, lay.width]);
        let on = Structure { weight: &weight, groups: groups.as_deref(), shape, right: None };
        let mut plain = entry.over(&settings, &on)?;
        if let Some(scale) = &self.scale {
            if scale.len() != columns || scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
                return Err(format!(
                    "scale must be {columns} numbers above 0; got {}",
                    scale.len()
                ));
            }
            let of = |j: usize| lay.column(j).map_or(1.0, |c| scale[c]);
            plain = plain
                .rescaled(&(0..n).map(of).collect::<Vec<f64>>())
                .ok_or_else(|| format!("the penalty {} takes no scale a column", entry.name))?;
        }
        Ok(plain)
    }

    /// The penalty within the bounds.
    fn bounded(&self, lay: Lay) -> Result<Box<dyn Penalty>, Failure> {
        let plain = self.penalty(lay)?;
        let Some((low, high)) = self.limits(lay)? else { return Ok(plain) };
        let name = &self.penalty.0;
        let held = plain
            .within(&low, &high)
            .ok_or_else(|| format!("the penalty {name} cannot be held within bounds"))?;
        match held.nowhere() {
            Some(why) => Err(format!("bounds and the penalty {name} allow no point: {why}").into()),
            None => Ok(held),
        }
    }
}
