//! The registry of losses: one line each.
use crate::loss::Entry;

macro_rules! losses {
    ($($file:ident::$loss:ident),* $(,)?) => {
        $(#[doc = concat!("The loss `", stringify!($file), "`.")] pub mod $file;)*
        /// Every loss of one margin a sample.
        pub static LOSSES: &[Entry] = &[$(Entry::of::<$file::$loss>()),*];
    };
}
losses! {
    squared::Squared,
    logistic::Logistic,
    huber::Huber,
}

pub mod softmax;

/// Every loss of several margins a sample.
pub static JOINT: &[Entry] = &[softmax::ENTRY];
