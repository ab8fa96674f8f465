//! The registry of rules: one line each.
use crate::rule::Entry;

macro_rules! rules {
    ($($file:ident::$rule:ident),* $(,)?) => {
        $(#[doc = concat!("The rule `", stringify!($file), "`.")] pub mod $file;)*
        /// Every rule.
        pub static RULES: &[Entry] = &[$(Entry::of::<$file::$rule, _, _, _, _>()),*];
    };
}
mod moments;
mod schedule_free;
rules! {
    sgd::Sgd,
    momentum::Momentum,
    nesterov::Nesterov,
    adam::Adam,
    rprop::Rprop,
    momo_adam::MomoAdam,
    lamb::Lamb,
    muon::Muon,
    clip_norm::ClipNorm,
    clip_value::ClipValue,
    lion::Lion,
    sign_sgd::SignSgd,
    adagrad::Adagrad,
    adadelta::Adadelta,
    rmsprop::Rmsprop,
    adamw::Adamw,
    nadam::Nadam,
    radam::Radam,
    amsgrad::Amsgrad,
    adamax::Adamax,
    adabelief::Adabelief,
    yogi::Yogi,
    adan::Adan,
    ademamix::Ademamix,
    lars::Lars,
    coupled_decay::CoupledDecay,
    decoupled_decay::DecoupledDecay,
    lookahead::Lookahead,
    ema::Ema,
    averaging::Averaging,
    sam::Sam,
    schedule_free_sgd::ScheduleFreeSgd,
    schedule_free_adamw::ScheduleFreeAdamw,
    polyak::Polyak,
    momo::Momo,
    dog::Dog,
    l_dog::LDog,
    dowg::Dowg,
    d_adaptation::DAdaptation,
    prodigy::Prodigy,
    cocob::Cocob,
    mechanic::Mechanic,
    adafactor::Adafactor,
    centralise::Centralise,
    clip_adaptive::ClipAdaptive,
    gradient_noise::GradientNoise,
    soap::Soap,
}

/// The rule of that name, or what is wrong with the name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    RULES.iter().find(|e| e.name == name).ok_or_else(|| {
        let near = crate::settings::nearest(name, RULES.iter().map(|e| e.name));
        format!("no rule is called '{name}'{near}")
    })
}
