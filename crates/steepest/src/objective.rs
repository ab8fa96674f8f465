//! What is minimised.
use crate::glm::Glm;
use crate::status::Halt;

/// A function of a vector, with its gradient. The loop never asks for more than a method `Needs`.
///
/// A value that is not finite is an answer (methods step back from it), not an error; an `Err` ends
/// the descent: the user's own exception, or a stop that was asked for.
pub trait Objective {
    /// How many variables there are.
    fn dim(&self) -> usize;
    /// f(x).
    fn value(&mut self, x: &[f64]) -> Result<f64, Halt>;
    /// f(x), and ∇f(x) written to `gradient`.
    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt>;
    /// [`gradient`](Self::gradient) that calls `pause` every few hundredths of a second, where it takes long.
    fn gradient_pausing(
        &mut self,
        x: &[f64],
        gradient: &mut [f64],
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        let _ = pause;
        self.gradient(x, gradient)
    }
    /// Reads of the data that an evaluation takes.
    fn reads(&self) -> f64 {
        0.0
    }
    /// ∇f at the very point whose value was asked for last (its value need not be found out again).
    fn gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        self.gradient(x, gradient).map(|_| ())
    }
    /// Evaluations of the value that a gradient takes beside its own: 0 unless it is differenced.
    fn differences(&self) -> u64 {
        0
    }
    /// How exactly the answers at the last gradient's point are known: the noise of the value, and of each entry of
    /// the gradient, written to `noise`. In their own units, beyond the rounding of the value itself; 0 where exact.
    /// What lies below is not there to be found: a method that has come so far says `precision_limit`.
    fn accuracy(&self, noise: &mut [f64]) -> f64 {
        noise.fill(0.0);
        0.0
    }
    /// Makes the gradients from here on more exact, where that can be had (differences to both sides, say);
    /// false where not. Methods ask for it before they say that nothing lower is to be found.
    fn sharpen(&mut self) -> bool {
        false
    }
    /// Evaluations of the value that were made beside those asked for, since this was asked last.
    fn spent(&mut self) -> u64 {
        0
    }
    /// Whether asking for the value alone is cheaper than value and gradient together.
    fn value_is_cheaper(&self) -> bool {
        true
    }
    /// The mean of many terms, where it is one.
    fn terms(&mut self) -> Option<&mut dyn Terms> {
        None
    }
    /// Second derivatives, where it has them.
    fn curvature(&mut self) -> Option<&mut dyn Curvature> {
        None
    }
    /// The loss over a design that it is, where it is one.
    fn glm(&self) -> Option<&Glm<'_>> {
        None
    }
    /// Lengths of the tensors that x is made of, where it is made of several (rules with norms per tensor).
    fn tensors(&self) -> Vec<Vec<usize>> {
        vec![vec![self.dim()]]
    }
}

/// A mean of many terms, of which some can be asked for.
pub trait Terms {
    /// How many terms.
    fn count(&self) -> usize;
    /// The mean over the terms named, and its gradient.
    fn batch(&mut self, terms: &[u32], x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt>;
}

/// Second derivatives.
pub trait Curvature {
    /// Whether the whole matrix can be had (else only products).
    fn whole(&self) -> bool;
    /// H(x)·v written to `out`.
    fn product(&mut self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Halt>;
    /// H(x), row after row, written to `out` (dim × dim).
    fn hessian(&mut self, x: &[f64], out: &mut [f64]) -> Result<(), Halt>;
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
    fn dim(&self) -> usize {
        self.dim
    }
    fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        Ok((self.value)(x))
    }
    fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        Ok((self.gradient)(x, gradient))
    }
}
