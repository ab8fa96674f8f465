//! A plane.
use super::half_space::{OFFERS, Side};
use crate::penalty::{Alpha, Entry};
use crate::settings::Described;

crate::settings! {
    /// A plane, a′x = right (an affine set of one row): 0 on it and +∞ off it. The normal a is what alpha is, one number
    /// for each variable, of either sign; 0 leaves a variable free. Its prox is the projection,
    /// x − t a (a′x − right)/(a′ t a). Several rows at once are `affine`.
    ///
    /// Parikh and Boyd 2014, section 6.2.1, <https://doi.org/10.1561/2400000003>.
    "hyperplane" Hyperplane {
        /// What a′x is to be.
        right = 0.0 in -f64::MAX => f64::MAX,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Hyperplane::<f64>::NAME,
    doc: Hyperplane::<f64>::DOC,
    parameters: Hyperplane::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        Box::new(Side::new(Hyperplane::<f64>::NAME, weight.to_vec(), settings[0], true))
    },
    structured: None,
    groups: false,
    alpha: Alpha::Normal,
    program: None,
};
