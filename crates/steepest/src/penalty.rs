//! What is added to an objective, or forbidden: a value and a prox. A constraint is a penalty whose prox projects.
use crate::real::Real;
use crate::settings::{Described, Parameter};

/// The step that a prox is taken in: the same for all coordinates, or one each.
#[derive(Clone, Copy, Debug)]
pub enum Steps<'a> {
    /// One step for all.
    Uniform(f64),
    /// One step a coordinate.
    Diagonal(&'a [f64]),
}

impl Steps<'_> {
    /// The step of a coordinate.
    #[inline]
    pub fn at(&self, j: usize) -> f64 {
        match self {
            Steps::Uniform(t) => *t,
            Steps::Diagonal(t) => t[j],
        }
    }
}

/// What a penalty can do; methods name what they need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Has a gradient everywhere (then [`Penalty::add_gradient`] works).
    pub smooth: bool,
    /// Is ½ Σ a_j x_j² (then [`Penalty::quadratic`] answers).
    pub quadratic: bool,
    /// Its prox can be taken with a step for each coordinate.
    pub diagonal_prox: bool,
    /// Is bounds on the coordinates and nothing else (then [`Penalty::bounds`] answers).
    pub bounds: bool,
    /// Is convex.
    pub convex: bool,
}

/// A penalty over a whole vector; its weight (alpha) is inside.
pub trait Penalty: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What it can do.
    fn offers(&self) -> Offers;
    /// Its value; +∞ outside a constraint.
    fn value(&self, x: &[f64]) -> f64;
    /// x ← argmin_u penalty(u) + Σ (u_j − x_j)² / (2 t_j).
    fn prox(&self, x: &mut [f64], steps: Steps<'_>);
    /// Adds the gradient, where smooth.
    fn add_gradient(&self, x: &[f64], gradient: &mut [f64]) {
        let _ = (x, gradient);
    }
    /// The a_j of ½ Σ a_j x_j², where it is that.
    fn quadratic(&self, j: usize) -> f64 {
        let _ = j;
        0.0
    }
    /// The bounds of a coordinate, where it is that.
    fn bounds(&self, j: usize) -> (f64, f64) {
        let _ = j;
        (f64::NEG_INFINITY, f64::INFINITY)
    }
    /// The same penalty of x where the variables are u = x / scale; none where it has no such form
    /// (then only a common factor may be taken out).
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>>;
}

/// A penalty that is a sum over coordinates, written once over any numbers.
pub trait Separable: Described {
    /// Whether it has a gradient everywhere.
    const SMOOTH: bool = false;
    /// The value of one coordinate.
    fn value<N: Real>(settings: Self::Of<N>, x: N) -> N;
    /// argmin_u step·value(u) + ½ (u − x)².
    fn prox<N: Real>(settings: Self::Of<N>, x: N, step: N) -> N;
}

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// What it can do.
    pub offers: Offers,
    /// The penalty of weight alpha on coordinates `0..penalised` of a vector (those beyond are free).
    pub build: fn(settings: &[f64], alpha: f64, penalised: usize) -> Box<dyn Penalty>,
}
