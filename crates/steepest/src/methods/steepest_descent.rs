//! Steepest descent as in textbooks: every step against the gradient, at a fixed rate or by Armijo's rule.
use crate::method::{Entry, Needs};
use crate::methods::gradient_descent::{GradientDescent, plain};
use crate::settings::Described;

crate::settings! {
    /// Plain gradient descent, x ← x − rate · ∇f(x): the textbook's, at a fixed rate or by Armijo's rule.
    ///
    /// With no rate each step tries the last rate, or twice that where it was taken at once, and halves it until f falls by
    /// at least 1e-4 · rate · ‖∇f‖² (backtracking). Slow in narrow valleys, and meant to be seen so: `gradient_descent` takes the same gradients and
    /// far fewer of them.
    ///
    /// Cauchy 1847; Armijo 1966.
    "steepest_descent" SteepestDescent {
        /// The step length; 0 for Armijo's rule.
        rate = 0.0 in 0.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// Whether to look at both sides of the point before convergence is claimed (a few evaluations).
        verify = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: SteepestDescent::<f64>::NAME,
    doc: SteepestDescent::<f64>::DOC,
    parameters: SteepestDescent::<f64>::PARAMETERS,
    needs: Needs::GRADIENT,
    suits: |_| None,
    build: |settings| plain(GradientDescent::of(settings)),
};
