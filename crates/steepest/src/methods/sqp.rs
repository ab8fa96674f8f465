//! Quadratic models of what is minimised under constraints.
use super::augmented_lagrangian::{self, models::MOST};
use crate::method::{Entry, Suit};
use crate::settings::Described;

crate::settings! {
    /// Sequential quadratic programming, for constraints low ≤ c(x) ≤ high beside bounds: each step d goes to the least of
    ///
    /// ```text
    /// g′d + ½ d′Bd   where   low ≤ c + J d ≤ high   and   x + d within bounds
    /// ```
    ///
    /// as far as f + Σ_i w_i dist(c_i, [low_i, high_i]) falls, w_i no less than the multipliers. B learns from the gradients of
    /// the Lagrangian (BFGS, damped); a whole step that is refused since constraints bend is tried once more with what they
    /// are at its end. Where no step meets the constraints as they are bent, it goes as near as one comes. Where the models have
    /// nothing more to gain, what they say is held against values around: the Lagrangian has to bend up along the constraints
    /// that hold, which conjugate gradients ask of its gradients, and where gradients were given they have to foretell it on
    /// both sides. Where it bends down, a saddle, the models go on from below it. Where the looks leave a doubt, or no step that
    /// is proposed is one, the rounds of `augmented_lagrangian` go on, from that point and its multipliers, and what is claimed
    /// is what they find. Each step solves a dense program by active sets: above 500 variables or constraints it is
    /// `augmented_lagrangian` from the start.
    ///
    /// Powell 1978, <https://doi.org/10.1007/BFb0067703>; Goldfarb and Idnani 1983, <https://doi.org/10.1007/BF02591962>; Mayne
    /// and Polak 1982, <https://doi.org/10.1007/BFb0120980>; Nocedal and Wright, *Numerical Optimization*, chapter 18.
    "sqp" SequentialQuadratic {}
}

pub(super) const ENTRY: Entry = Entry {
    name: SequentialQuadratic::<f64>::NAME,
    doc: SequentialQuadratic::<f64>::DOC,
    parameters: SequentialQuadratic::<f64>::PARAMETERS,
    suits: |facts| {
        let few = facts.constraints > 0 && facts.dim.max(facts.constraints) <= MOST;
        few.then(|| Suit {
            passes: 40.0,
            reason: "there are constraints beside bounds, and few variables: quadratic models of both lead to the answer".into(),
        })
    },
    build: |_| augmented_lagrangian::rounds(true),
    ..augmented_lagrangian::ENTRY
};
