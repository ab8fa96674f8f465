//! The registry of losses: one line each.
use crate::loss::Entry;

macro_rules! losses {
    ($($file:ident::$loss:ident),* $(,)?; joint: $($several:ident::$many:ident),* $(,)?) => {
        $(#[doc = concat!("The loss `", stringify!($file), "`.")] pub mod $file;)*
        $(#[doc = concat!("The loss `", stringify!($several), "`.")] pub mod $several;)*
        /// Every loss: those of one margin a sample, then those of several numbers taken together.
        pub static LOSSES: &[Entry] =
            &[$(Entry::of::<$file::$loss>(),)* $(Entry::joint::<$several::$many>()),*];
    };
}
losses! {
    squared::Squared,
    logistic::Logistic,
    huber::Huber,
    poisson::Poisson,
    gamma::Gamma,
    tweedie::Tweedie,
    inverse_gaussian::InverseGaussian,
    cloglog::Cloglog,
    probit::Probit,
    gaussian_log::GaussianLog,
    squared_hinge::SquaredHinge,
    modified_huber::ModifiedHuber,
    squared_epsilon_insensitive::SquaredEpsilonInsensitive,
    hinge::Hinge,
    pinball::Pinball,
    epsilon_insensitive::EpsilonInsensitive;
    joint: softmax::Softmax,
    ordinal::Ordinal,
    huber_scale::HuberScale,
}
