//! The registry of methods: one line each. A method's file (or folder) has an `ENTRY`.
use crate::method::{Entry, Method};
pub use choose::{Around, Chosen, choose, suited};
use proved::Proved;

mod choose;
pub mod claims;
mod composite;
pub mod doubt;
mod natural;
pub mod proved;
mod seen;
mod shares;

macro_rules! methods {
    ($($file:ident),* $(,)?) => {
        $(#[doc = concat!("The method `", stringify!($file), "`.")] pub mod $file;)*
        /// Every method.
        pub static METHODS: &[Entry] = &[$($file::ENTRY),*];
    };
}
methods! {
    augmented_lagrangian,
    coordinate,
    fista,
    gradient_descent,
    lbfgs,
    levenberg_marquardt,
    newton,
    panoc,
    progressive,
    ruled,
    steepest_descent,
}

/// A method at work: one that does not know tables itself has what it claims of them proved.
pub fn at_work(entry: &Entry, settings: &[f64]) -> Box<dyn Method + Send> {
    let method = (entry.build)(settings);
    if entry.needs.glm { method } else { Box::new(Proved::new(method)) }
}
