//! Conjugate gradients round a preconditioner: A v = b, A positive definite and known by its products.
//!
//! Hestenes and Stiefel 1952, <https://doi.org/10.6028/jres.049.044>. Atoms have them in one kernel over blocks of three
//! (`energy`), as they are too few to hand over.
use crate::linalg::vectors::dot;
use std::ops::DerefMut;

/// The recurrences under way. Who goes them brings the products and the preconditioned residuals, and says where they end:
/// at an accuracy, in rounding, where the matrix bends down, at the edge of what it can be trusted with.
pub struct ConjugateGradients<V = Vec<f64>> {
    /// The solution so far.
    pub v: V,
    /// What is left, b − A v.
    pub r: V,
    /// What to go along next.
    pub p: V,
    /// r′M⁻¹r.
    pub energy: f64,
}

impl ConjugateGradients {
    /// From v = 0, where `y` is M⁻¹b.
    pub fn new(b: Vec<f64>, y: Vec<f64>) -> Self {
        ConjugateGradients::within(vec![0.0; b.len()], b, y)
    }
}

impl<V: DerefMut<Target = [f64]>> ConjugateGradients<V> {
    /// The same in this room, of which `v` is 0.
    pub fn within(v: V, b: V, y: V) -> Self {
        let energy = dot(&b, &y);
        ConjugateGradients { v, r: b, p: y, energy }
    }
    /// How far along p all is least, where A p is `product`.
    pub fn length(&self, product: &[f64]) -> f64 {
        self.energy / dot(&self.p, product)
    }
    /// So far along p.
    pub fn go(&mut self, length: f64, product: &[f64]) {
        self.v.iter_mut().zip(&*self.p).for_each(|(v, p)| *v += length * p);
        self.r.iter_mut().zip(product).for_each(|(r, b)| *r -= length * b);
    }
    /// Turns p, where `y` is M⁻¹r; r itself where there is none.
    pub fn turn(&mut self, y: Option<&[f64]>) {
        let ConjugateGradients { r, p, energy, .. } = self;
        let y = y.unwrap_or(r);
        let before = std::mem::replace(energy, dot(r, y));
        let keep = *energy / before;
        p.iter_mut().zip(y).for_each(|(p, y)| *p = y + keep * *p);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_steps_as_there_are_values_of_the_preconditioned_matrix() {
        // A = D^½ (1 + u u′) D^½ round M = D: two values.
        let n = 40;
        let d: Vec<f64> = (0..n).map(|j| 10f64.powf(j as f64 / 8.0)).collect();
        let u: Vec<f64> = (0..n).map(|j| ((j * j) as f64).sin()).collect();
        let times = |v: &[f64]| -> Vec<f64> {
            let along: f64 = (0..n).map(|j| u[j] * d[j].sqrt() * v[j]).sum();
            (0..n).map(|j| d[j] * v[j] + d[j].sqrt() * u[j] * along).collect()
        };
        let want: Vec<f64> = (0..n).map(|j| (j as f64).cos()).collect();
        let solved = |r: &[f64]| -> Vec<f64> { r.iter().zip(&d).map(|(r, d)| r / d).collect() };
        let (b, off) = (times(&want), |v: &[f64]| {
            v.iter().zip(&want).map(|(v, w)| (v - w).abs()).fold(0.0, f64::max)
        });
        for preconditioned in [true, false] {
            let y = if preconditioned { solved(&b) } else { b.clone() };
            let mut cg = ConjugateGradients::new(b.clone(), y);
            for _ in 0..2 {
                let product = times(&cg.p);
                cg.go(cg.length(&product), &product);
                let y = preconditioned.then(|| solved(&cg.r));
                cg.turn(y.as_deref());
            }
            assert_eq!(off(&cg.v) < 1e-9, preconditioned, "{}", off(&cg.v));
        }
    }
}
