//! The registry of methods: one line each. A method's file (or folder) has an `ENTRY`.
use crate::method::{Entry, Method};
pub use choose::{Around, Chosen, choose, suited};
use directions::DIRECTIONS;
pub(crate) use directions::lbfgs;
use proved::Proved;

mod atoms;
mod bounds;
mod choose;
mod composite;
pub mod convergence;
pub mod directed;
pub mod direction;
pub mod directions;
mod epochs;
pub mod gradient_check;
mod natural;
pub mod pairs;
pub mod proved;
mod sampler;
mod seen;
mod shares;
mod sizes;
pub mod smooth;
mod standing;

macro_rules! methods {
    ($($file:ident),* $(,)?) => {
        $(#[doc = concat!("The method `", stringify!($file), "`.")] pub mod $file;)*
        const OTHERS: &[Entry] = &[$($file::ENTRY),*];
    };
}
methods! {
    adapgm,
    alternating,
    augmented_lagrangian,
    coordinate,
    fire,
    fista,
    frank_wolfe,
    gradient_descent,
    interior_point,
    levenberg_marquardt,
    mirror_descent,
    newton,
    panoc,
    progressive,
    ruled,
    saga,
    spsa,
    sqp,
    steepest_descent,
    stochastic_lbfgs,
    svrg,
}

/// Every method: the directions, and those that are more than a direction.
pub static METHODS: &[Entry] = &ALL;
const ALL: [Entry; OTHERS.len() + DIRECTIONS.len()] = {
    let (mut all, mut i) = ([OTHERS[0]; OTHERS.len() + DIRECTIONS.len()], 0);
    while i < all.len() {
        all[i] = if i < OTHERS.len() { OTHERS[i] } else { DIRECTIONS[i - OTHERS.len()] };
        i += 1;
    }
    all
};

/// A method at work: one that does not know tables itself has what it claims of them proved.
pub fn at_work(entry: &Entry, settings: &[f64]) -> Box<dyn Method + Send> {
    let method = (entry.build)(settings);
    if entry.needs.glm { method } else { Box::new(Proved::new(method)) }
}
