//! The same objective in standardised variables, for methods that do not scale by themselves.
use super::Glm;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::penalty::Penalty;
use crate::scaling::{Look, Scaling};
use crate::status::Halt;

/// Rows that centre and scale are taken from.
const LOOK: usize = 10_000;

/// A loss over a table as a function of u instead of x (see [`Scaling`]): columns centred and scaled inside,
/// the objective unchanged. Descend in u with [`penalty`](Self::penalty), and take [`back`](Self::back) what
/// is found: the optimum is that of x exactly.
///
/// ```
/// use steepest::{designs::dense::Dense, glm::{Glm, Scaled}, loss::Each, losses::squared::Squared, objective::Objective};
/// let x = [1000.0, 2000.0, 3000.0];
/// let design = Dense::by_rows(&x, 1).unwrap();
/// let loss = Each(Squared::default());
/// let mut glm = Glm::new(&design, &loss, &[1.0, 2.0, 4.0], None, true).unwrap();
/// let value = glm.value(&[0.001, 0.5]).unwrap();
/// let mut scaled = Scaled::new(&mut glm);
/// let u = scaled.inward(&[0.001, 0.5]);
/// assert!((scaled.value(&u).unwrap() - value).abs() < 1e-12);
/// ```
pub struct Scaled<'g, 'a> {
    glm: &'g mut Glm<'a>,
    scaling: Scaling,
    x: Vec<f64>,
    v: Vec<f64>,
}

impl<'g, 'a> Scaled<'g, 'a> {
    /// Centre and scale from some of the rows, spread over the table; no centre without an intercept.
    pub fn new(glm: &'g mut Glm<'a>) -> Self {
        let n = glm.design.rows();
        let runs = n.min(LOOK).div_ceil(32);
        let rows: Vec<std::ops::Range<usize>> =
            (0..runs).map(|r| r * n / runs..(r * n / runs + 32).min((r + 1) * n / runs)).collect();
        let (dim, table) = (glm.dim(), glm.table());
        let scaling = if table.dense {
            let rows: Vec<u32> = rows.into_iter().flatten().map(|i| i as u32).collect();
            Scaling::of(&table, &Look::Rows(&glm.held(&rows)), table.intercept)
        } else {
            let mut look = (vec![0.0; table.columns], vec![0.0; table.columns]);
            glm.moments(&mut look.0, &mut look.1);
            let look = Look::Moments { sum: look.0, square: look.1 };
            Scaling::of(&table, &look, table.intercept)
        };
        Scaled { glm, scaling, x: vec![0.0; dim], v: vec![0.0; dim] }
    }
    /// x of u.
    pub fn back(&self, u: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; u.len()];
        self.scaling.out(u, &mut x);
        x
    }
    /// u of x.
    pub fn inward(&self, x: &[f64]) -> Vec<f64> {
        let mut u = vec![0.0; x.len()];
        self.scaling.inward(x, &mut u);
        u
    }
    /// The penalty of x as one of u; none where it has no such form. It must leave intercepts free.
    pub fn penalty(&self, penalty: &dyn Penalty) -> Option<Box<dyn Penalty>> {
        let width = self.glm.width();
        let one = |j: usize| self.scaling.scale.get(j % width).map_or(1.0, |s| 1.0 / s);
        penalty.rescaled(&(0..self.x.len()).map(one).collect::<Vec<f64>>())
    }
}

impl Objective for Scaled<'_, '_> {
    fn offers(&self) -> Offers {
        Offers { hessian: false, table: None, ..self.glm.offers() }
    }
    fn wrapped(&self) -> Option<&dyn Objective> {
        Some(self.glm)
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        Some(self.glm)
    }
    fn answer(
        &mut self,
        u: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let Scaled { glm, scaling, x, v } = self;
        if u.len() == x.len() {
            scaling.out(u, x);
        }
        let Sorted { value, mut gradient, others } = Sorted::of(asks);
        if value.is_some() || gradient.is_some() {
            let mut there = Vec::with_capacity(2);
            there.extend(value.map(Ask::Value));
            there.extend(gradient.as_deref_mut().map(Ask::Gradient));
            glm.answer(x, rows, &mut there, work)?;
        }
        if let Some(gradient) = gradient {
            scaling.gradient(gradient);
        }
        for ask in others {
            match ask {
                Ask::Product { along, to } => {
                    scaling.out(along, v);
                    glm.answer(x, rows, &mut [Ask::Product { along: v, to }], work)?;
                    scaling.gradient(to);
                }
                // A product a variable: for tests and small tables.
                Ask::Hessian(to) => {
                    let mut unit = vec![0.0; u.len()];
                    for (j, row) in to.chunks_exact_mut(u.len()).enumerate() {
                        unit[j] = 1.0;
                        scaling.out(&unit, v);
                        glm.answer(x, rows, &mut [Ask::Product { along: v, to: &mut *row }], work)?;
                        scaling.gradient(row);
                        unit[j] = 0.0;
                    }
                }
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::designs::dense::Dense;
    use crate::loss::Each;
    use crate::losses::squared::Squared;
    use crate::objective::tests::keeps;

    #[test]
    fn what_is_around_a_loss_loses_nothing_of_it() {
        let (x, loss) = ([1.0, 2.0, 4.0, 7.0], Each(Squared::default()));
        let design = Dense::by_rows(&x, 1).unwrap();
        let mut glm = Glm::new(&design, &loss, &[1.0, 2.0, 3.0, 5.0], None, true).unwrap();
        keeps(&mut Scaled::new(&mut glm));
    }
}
