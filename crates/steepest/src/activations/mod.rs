//! The registry of activations: one line each.
use crate::activation::{Activity, Entry};

macro_rules! activations {
    ($($file:ident::$activation:ident),* $(,)?) => {
        $(#[doc = concat!("The activation `", stringify!($file), "`.")] pub mod $file;)*
        /// Every activation.
        pub static ACTIVATIONS: &[Entry] = &[$(Entry::of::<$file::$activation>()),*];
    };
}
activations! {
    identity::Identity,
    relu::Relu,
    leaky_relu::LeakyRelu,
    elu::Elu,
    gelu::Gelu,
    silu::Silu,
    tanh::Tanh,
    sigmoid::Sigmoid,
    softplus::Softplus,
}

/// The activation of that name, or what is wrong with the name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    ACTIVATIONS.iter().find(|e| e.name == name).ok_or_else(|| {
        let near = crate::settings::nearest(name, ACTIVATIONS.iter().map(|e| e.name));
        format!("no activation is called '{name}'{near}")
    })
}

/// The activation of that name with its settings, or what is wrong with them.
pub fn named(name: &str, given: &[(&str, f64)]) -> Result<Activity, String> {
    let entry = find(name)?;
    let settings = crate::settings::checked(entry.name, entry.parameters, given)?;
    Ok(Activity { entry, settings })
}
