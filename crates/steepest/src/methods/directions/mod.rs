//! The registry of directions: one line each. Each is a method by its name.
use super::directed::Row;
use crate::method::Entry;

macro_rules! directions {
    ($($file:ident::$direction:ident),* $(,)?) => {
        $(#[doc = concat!("The direction `", stringify!($file), "`.")] pub mod $file;)*
        /// Every direction, as a method.
        pub const DIRECTIONS: &[Entry] = &[$(Row::<$file::$direction>::ENTRY),*];
    };
}
directions! {
    barzilai_borwein::BarzilaiBorwein,
    bfgs::Bfgs,
    lbfgs::Lbfgs,
    nonlinear_cg::NonlinearCg,
    subsampled_newton::SubsampledNewton,
    truncated_newton::TruncatedNewton,
}
