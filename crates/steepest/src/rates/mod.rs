//! The registry of schedules: one line each.
use crate::rate::Entry;

macro_rules! rates {
    ($($file:ident::$rate:ident),* $(,)?) => {
        $(#[doc = concat!("The schedule `", stringify!($file), "`.")] pub mod $file;)*
        /// Every schedule.
        pub static RATES: &[Entry] = &[$(Entry::of::<$file::$rate, _>()),*];
    };
}
rates! {
    constant::Constant,
    linear::Linear,
    cosine::Cosine,
    exponential::Exponential,
    inverse_root::InverseRoot,
    plateau::Plateau,
    step::Step,
    multi_step::MultiStep,
    polynomial::Polynomial,
    warm_up::WarmUp,
    warm_restarts::WarmRestarts,
    one_cycle::OneCycle,
    triangular::Triangular,
    stable::Stable,
}

/// The schedule of that name, or what is wrong with the name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    RATES.iter().find(|e| e.name == name).ok_or_else(|| {
        let near = crate::settings::nearest(name, RATES.iter().map(|e| e.name));
        format!("no rate schedule is called '{name}'{near}")
    })
}
