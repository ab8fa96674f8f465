//! The same objective in rounder variables, for methods that do not scale by themselves.
use super::Glm;
use crate::objective::{Curvature, Objective};
use crate::penalty::Penalty;
use crate::scaling::Scaling;
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
        let rows: Vec<_> =
            (0..runs).map(|r| r * n / runs..(r * n / runs + 32).min((r + 1) * n / runs)).collect();
        let scaling = Scaling::of(glm, &rows, glm.intercept);
        let dim = glm.dim();
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
    fn dim(&self) -> usize {
        self.x.len()
    }
    fn value(&mut self, u: &[f64]) -> Result<f64, Halt> {
        self.scaling.out(u, &mut self.x);
        self.glm.value(&self.x)
    }
    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        self.gradient_pausing(u, gradient, &mut || Ok(()))
    }
    fn gradient_pausing(
        &mut self,
        u: &[f64],
        gradient: &mut [f64],
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        self.scaling.out(u, &mut self.x);
        let value = self.glm.gradient_pausing(&self.x, gradient, pause)?;
        self.scaling.gradient(gradient);
        Ok(value)
    }
    fn value_is_cheaper(&self) -> bool {
        false
    }
    fn reads(&self) -> f64 {
        1.0
    }
    fn curvature(&mut self) -> Option<&mut dyn Curvature> {
        Some(self)
    }
}

impl Curvature for Scaled<'_, '_> {
    fn whole(&self) -> bool {
        false
    }
    fn product(&mut self, u: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        self.scaling.out(u, &mut self.x);
        self.scaling.out(v, &mut self.v);
        self.glm.product(&self.x, &self.v, out)?;
        self.scaling.gradient(out);
        Ok(())
    }
    fn hessian(&mut self, u: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        let n = u.len();
        let mut unit = vec![0.0; n];
        for (j, row) in out.chunks_exact_mut(n).enumerate() {
            unit[j] = 1.0;
            self.product(u, &unit, row)?;
            unit[j] = 0.0;
        }
        Ok(())
    }
}
