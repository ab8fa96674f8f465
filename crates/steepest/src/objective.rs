//! What is minimised: one verb, many questions.
use crate::held::Held;
use crate::penalty::Penalty;
use crate::state::State;
use crate::status::Halt;
use crate::table::{OfRows, Sample, Slot, Table};
use std::ops::Range;

#[cfg(test)]
pub(crate) mod tests;

/// What can be asked of an objective at a point. All that is asked at once is answered by one sweep, where there are data.
#[non_exhaustive]
pub enum Ask<'a> {
    /// f(x).
    Value(&'a mut f64),
    /// ∇f(x).
    Gradient(&'a mut [f64]),
    /// ∇²f(x)·along.
    Product {
        /// The vector.
        along: &'a [f64],
        /// Where the product is written.
        to: &'a mut [f64],
    },
    /// ∇²f(x), row after row.
    Hessian(&'a mut [f64]),
    /// P⁻¹·of, where P is positive definite and like ∇²f(x), as well as is worth what it costs; it need not be linear in `of`.
    Preconditioned {
        /// The vector.
        of: &'a [f64],
        /// Where P⁻¹ times it is written.
        to: &'a mut [f64],
        /// How far a variable may go before P is another one; 0 where there is none at x.
        reach: &'a mut f64,
    },
    /// c(x), what is held between the [limits](Objective::limits).
    Constraints(&'a mut [f64]),
    /// Σ by_i ∇c_i(x).
    Pull {
        /// One number a constraint.
        by: &'a [f64],
        /// Where the sum is written.
        to: &'a mut [f64],
    },
    /// r(x), where f(x) = Σ_i ψ(r_i), and the first and second derivative of ψ at each.
    Residuals {
        /// r(x).
        to: &'a mut [f64],
        /// ψ′(r_i).
        slope: &'a mut [f64],
        /// ψ″(r_i).
        bend: &'a mut [f64],
    },
    /// The derivatives of r(x), a row for each residual.
    Jacobian(&'a mut [f64]),
    /// How exactly the answers at the last gradient's point are known: the noise of the value, and of each entry of the
    /// gradient. In their own units, beyond the rounding of the value itself; 0 where exact. What lies below is not there
    /// to be found: a method that has come so far says `precision_limit`.
    Accuracy {
        /// Of the value.
        value: &'a mut f64,
        /// Of each entry of the gradient.
        gradient: &'a mut [f64],
    },
    /// Makes the gradients from here on more exact, where that can be had (differences to both sides, say), and says
    /// whether it could. Methods ask for it before they say that nothing lower is to be found.
    Sharpen {
        /// Whether the noise has grown on the way, and is to be measured again.
        louder: bool,
        /// Whether it could be done.
        done: &'a mut bool,
    },
    /// What can be asked about the rows of a table.
    Rows(OfRows<'a>),
    /// Where f and a penalty are least together over one of the [blocks](Objective::blocks), all other variables staying
    /// as they are.
    Least {
        /// Which block.
        block: usize,
        /// What is added.
        penalty: &'a dyn Penalty,
        /// As long as x: the block's variables are written.
        to: &'a mut [f64],
    },
}

impl Ask<'_> {
    /// The same question, lent for a while: what a wrapper passes on.
    pub fn again(&mut self) -> Ask<'_> {
        match self {
            Ask::Value(to) => Ask::Value(to),
            Ask::Gradient(to) => Ask::Gradient(to),
            Ask::Product { along, to } => Ask::Product { along, to },
            Ask::Hessian(to) => Ask::Hessian(to),
            Ask::Preconditioned { of, to, reach } => Ask::Preconditioned { of, to, reach },
            Ask::Constraints(to) => Ask::Constraints(to),
            Ask::Pull { by, to } => Ask::Pull { by, to },
            Ask::Residuals { to, slope, bend } => Ask::Residuals { to, slope, bend },
            Ask::Jacobian(to) => Ask::Jacobian(to),
            Ask::Accuracy { value, gradient } => Ask::Accuracy { value, gradient },
            Ask::Sharpen { louder, done } => Ask::Sharpen { louder: *louder, done },
            Ask::Rows(ask) => Ask::Rows(ask.again()),
            Ask::Least { block, penalty, to } => {
                Ask::Least { block: *block, penalty: *penalty, to }
            }
        }
    }
    /// What it asks for, in words.
    pub fn what(&self) -> &'static str {
        match self {
            Ask::Value(_) => "values",
            Ask::Gradient(_) => "gradients",
            Ask::Product { .. } => "Hessian products",
            Ask::Hessian(_) => "Hessians",
            Ask::Preconditioned { .. } => "preconditioner",
            Ask::Constraints(_) => "constraints",
            Ask::Pull { .. } => "gradients of constraints",
            Ask::Residuals { .. } => "residuals",
            Ask::Jacobian(_) => "derivatives of residuals",
            Ask::Accuracy { .. } => "accuracies",
            Ask::Sharpen { .. } => "sharper gradients",
            Ask::Rows(_) => "rows of a table",
            Ask::Least { .. } => "blocks that it can be minimised over",
        }
    }
    /// The answer of an objective that does not know the question: its numbers are exact; anything else is refused by
    /// name, so that no wrapper loses what it forgets.
    pub fn unknown(&mut self) -> Result<(), Halt> {
        match self {
            Ask::Accuracy { value, gradient } => {
                **value = 0.0;
                gradient.fill(0.0);
            }
            Ask::Sharpen { done, .. } => **done = false,
            other => {
                return Err(Halt::Failed(format!("this objective has no {}", other.what()).into()));
            }
        }
        Ok(())
    }
}

/// Which terms of the mean are meant.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// All of them.
    All,
    /// Those named: their mean.
    Terms(&'a [u32]),
    /// Those of a sample, which stand for all by their shares.
    Sample(&'a Sample),
}

impl Rows<'_> {
    /// For an objective that is no mean of terms.
    pub fn all(self) -> Result<(), Halt> {
        match self {
            Rows::All => Ok(()),
            Rows::Terms(_) | Rows::Sample(_) => {
                Err(Halt::Failed("this objective is no mean of terms".into()))
            }
        }
    }
}

/// Questions sorted: value and gradient, which nearly every objective finds together, and the others.
pub struct Sorted<'s, 'a> {
    /// Where the value goes, if it was asked for.
    pub value: Option<&'s mut f64>,
    /// Where the gradient goes, if it was asked for.
    pub gradient: Option<&'s mut [f64]>,
    /// The others, in order.
    pub others: Vec<&'s mut Ask<'a>>,
}

impl<'s, 'a> Sorted<'s, 'a> {
    /// Of questions of which no two are alike.
    pub fn of(asks: &'s mut [Ask<'a>]) -> Self {
        let mut sorted = Sorted { value: None, gradient: None, others: Vec::new() };
        for ask in asks {
            match ask {
                Ask::Value(to) => sorted.value = Some(to),
                Ask::Gradient(to) => sorted.gradient = Some(to),
                other => sorted.others.push(other),
            }
        }
        sorted
    }
    /// Value and gradient from what gives them; everything else refused.
    pub fn plainly(
        self,
        value: impl FnOnce() -> Result<f64, Halt>,
        both: impl FnOnce(&mut [f64]) -> Result<f64, Halt>,
    ) -> Result<(), Halt> {
        let found = match self.gradient {
            Some(gradient) => Some(both(gradient)?),
            None if self.value.is_some() => Some(value()?),
            None => None,
        };
        if let (Some(to), Some(found)) = (self.value, found) {
            *to = found;
        }
        self.others.into_iter().try_for_each(Ask::unknown)
    }
}

/// What an objective can answer, and what that costs: data, which refusals and budgets are read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offers {
    /// Variables.
    pub dim: usize,
    /// Terms of the mean; 0 where it is not one.
    pub terms: usize,
    /// Whether products with second derivatives can be had.
    pub products: bool,
    /// Whether the matrix of second derivatives can be had at once.
    pub hessian: bool,
    /// Whether it knows a [preconditioner](Ask::Preconditioned) that is cheap beside an evaluation.
    pub preconditioner: bool,
    /// Whether a value alone costs less than value and gradient together.
    pub values_are_cheap: bool,
    /// Values that a gradient takes beside its own: 0 unless it is differenced.
    pub differences: u64,
    /// Reads of the data that an evaluation takes.
    pub reads: f64,
    /// How much is constrained beside bounds on the variables.
    pub constraints: usize,
    /// Residuals of whose losses it is the sum; 0 where it is not one.
    pub residuals: usize,
    /// Whether a method may set units of its own: not where the variables have been made alike already.
    pub scalable: bool,
    /// The table that it is a loss over, where it is one and [its rows can be asked about](Ask::Rows).
    pub table: Option<Table>,
}

impl Offers {
    /// Values and gradients of so many variables, and nothing else.
    pub fn gradients(dim: usize) -> Self {
        Offers {
            dim,
            terms: 0,
            products: false,
            hessian: false,
            preconditioner: false,
            values_are_cheap: true,
            differences: 0,
            reads: 0.0,
            constraints: 0,
            residuals: 0,
            scalable: true,
            table: None,
        }
    }
}

/// What an answer may use while it works, and what it has spent.
pub struct Work<'a> {
    /// Called every few hundredths of a second, where it takes long: an `Err` is returned as it is, and everything stays whole.
    /// (What takes seconds and cannot fail is [cancelled](crate::parallel::cancel) by unwinding.)
    pub pause: &'a mut dyn FnMut() -> Result<(), Halt>,
    /// Evaluations of the value beside those asked for.
    pub values: u64,
    /// The lowest of those, and where, if it is below the value asked for.
    pub lowest: Option<(f64, Vec<f64>)>,
}

impl<'a> Work<'a> {
    /// Nothing spent yet.
    pub fn new(pause: &'a mut dyn FnMut() -> Result<(), Halt>) -> Self {
        Work { pause, values: 0, lowest: None }
    }
}

/// A function of a vector.
///
/// An objective has one verb: it answers what it is asked. What it can answer it says by [`offers`](Self::offers); the
/// methods below that are put in terms of the verb and are not to be written again.
///
/// A value that is not finite is an answer (methods step back from it), not an error; an `Err` ends the descent: the
/// user's own exception, or a stop that was asked for.
pub trait Objective {
    /// What can be asked, and what it costs.
    fn offers(&self) -> Offers;
    /// Answers all that is asked at x. Where a gradient is asked for without a value, the value there was asked for just
    /// before, as a rule.
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt>;
    /// The objective that this one stands around, where it is a wrapper: what it does not say of itself below is said by
    /// that one, so that nothing is lost in between. Of a wrapper, this and [`wrapped_mut`](Self::wrapped_mut).
    fn wrapped(&self) -> Option<&dyn Objective> {
        None
    }
    /// The same, to be asked.
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        None
    }
    /// Some places of the rows (all of them in their order, where none are named), with the margins that a slot keeps: a
    /// small copy, or lent. The only rows that are seen one by one.
    fn hold(
        &mut self,
        rows: Rows<'_>,
        places: Option<&[u32]>,
        margins: Option<Slot>,
        work: &mut Work<'_>,
    ) -> Result<Held<'_>, Halt> {
        let offered = self.offers().table.is_some();
        match self.wrapped_mut().filter(|_| offered) {
            Some(wrapped) => wrapped.hold(rows, places, margins, work),
            None => Err(Halt::Failed("this objective has no rows of a table".into())),
        }
    }
    /// What it remembers between answers, where later ones depend on it; for runs that are stopped and go on.
    fn state(&mut self) -> Option<&mut dyn State> {
        self.wrapped_mut()?.state()
    }
    /// Lengths of the tensors that x is made of, where it is made of several (rules with norms per tensor).
    fn tensors(&self) -> Vec<Vec<usize>> {
        self.wrapped().map_or_else(|| vec![vec![self.dim()]], |wrapped| wrapped.tensors())
    }

    /// Variables that it can be minimised over exactly while all others stay ([`Ask::Least`]), a range each; together they
    /// are all variables. A wrapper that refuses to has none.
    fn blocks(&self) -> Vec<Range<usize>> {
        self.wrapped().map_or_else(Vec::new, |wrapped| wrapped.blocks())
    }
    /// The least and the largest that each constraint may be; equal where it is an equation.
    fn limits(&self) -> (&[f64], &[f64]) {
        let offered = self.offers().constraints > 0;
        self.wrapped().filter(|_| offered).map_or((&[], &[]), |wrapped| wrapped.limits())
    }

    /// How many variables there are.
    fn dim(&self) -> usize {
        self.offers().dim
    }
    /// f(x).
    fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        self.asked(x, &mut [Ask::Value(&mut value)])?;
        Ok(value)
    }
    /// f(x), and ∇f(x) written to `gradient`.
    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        self.asked(x, &mut [Ask::Value(&mut value), Ask::Gradient(gradient)])?;
        Ok(value)
    }
    /// ∇²f(x)·v written to `to`.
    fn product(&mut self, x: &[f64], v: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        self.asked(x, &mut [Ask::Product { along: v, to }])
    }
    /// ∇²f(x), row after row, written to `to`.
    fn hessian(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        self.asked(x, &mut [Ask::Hessian(to)])
    }
    /// The mean over the terms named, and its gradient.
    fn batch(&mut self, terms: &[u32], x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        let asks = &mut [Ask::Value(&mut value), Ask::Gradient(gradient)];
        let mut pause = || Ok(());
        let mut work = Work::new(&mut pause);
        self.answer(x, Rows::Terms(terms), asks, &mut work)?;
        Ok(value)
    }
    /// Asks of all terms, uncounted.
    fn asked(&mut self, x: &[f64], asks: &mut [Ask<'_>]) -> Result<(), Halt> {
        self.answer(x, Rows::All, asks, &mut Work::new(&mut || Ok(())))
    }
}

/// A pair of closures as an objective: what Rust users and tests hand over.
pub struct Function<V, G> {
    dim: usize,
    value: V,
    gradient: G,
}

impl<V: FnMut(&[f64]) -> f64, G: FnMut(&[f64], &mut [f64]) -> f64> Function<V, G> {
    /// `value(x)`, and `gradient(x, to)` which writes the gradient and returns the value.
    pub fn new(dim: usize, value: V, gradient: G) -> Self {
        Function { dim, value, gradient }
    }
}

impl<V: FnMut(&[f64]) -> f64, G: FnMut(&[f64], &mut [f64]) -> f64> Objective for Function<V, G> {
    fn offers(&self) -> Offers {
        Offers::gradients(self.dim)
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let Function { value, gradient, .. } = self;
        Sorted::of(asks).plainly(|| Ok(value(x)), |to| Ok(gradient(x, to)))
    }
}
