//! The registry of methods: one line each. A method's file (or folder) has an `ENTRY`.
use crate::method::Entry;

pub mod claims;
pub mod doubt;
mod seen;

macro_rules! methods {
    ($($file:ident),* $(,)?) => {
        $(#[doc = concat!("The method `", stringify!($file), "`.")] pub mod $file;)*
        /// Every method.
        pub static METHODS: &[Entry] = &[$($file::ENTRY),*];
    };
}
methods! {
    coordinate,
    fista,
    gradient_descent,
    lbfgs,
    newton,
    progressive,
    ruled,
    steepest_descent,
}
