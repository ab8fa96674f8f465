//! The registry of penalties: one line each.
use crate::penalty::Entry;

pub mod parts;
mod secular;

macro_rules! penalties {
    ($($file:ident::$penalty:ident),* $(,)? ; $($whole:ident),* $(,)?) => {
        $(#[doc = concat!("The penalty in `", stringify!($file), "`.")] pub mod $file;)*
        $(#[doc = concat!("The penalty `", stringify!($whole), "`.")] pub mod $whole;)*
        /// Every penalty: those that are sums over coordinates, then those over the whole vector.
        pub static PENALTIES: &[Entry] = &[$(Entry::of::<$file::$penalty>(),)* $($whole::ENTRY),*];
    };
}
penalties! {
    none::NoPenalty,
    l2::L2,
    l1::L1,
    elastic_net::ElasticNet,
    bounds::Bounds,
    linf_ball::LinfBall,
    mcp::Mcp,
    scad::Scad,
    smooth_l1::SmoothL1;
    simplex,
    capped_simplex,
    l1_ball,
    l2_ball,
    linf,
    group_lasso,
    total_variation,
    monotone,
    nuclear_norm,
    half_space,
    hyperplane,
    affine,
}
