//! Stochastic steps in the metric of L-BFGS.
use super::proved::Proved;
use super::sampler::NAMES;
use super::svrg::Anchored;
use crate::method::{Entry, Needs};
use crate::settings::Described;

crate::settings! {
    /// Stochastic L-BFGS with reduced variance: the steps of `svrg`, x ← x − η H (∇f_B(x) − ∇f_B(x̃) + ∇f(x̃)), in the metric H
    /// of the last pairs of changes of the point and of the gradient. A pair is of the mean of twenty points and of ten times as
    /// many terms as a batch has; the gradients of all terms at the ends of epochs make one more. η is one over what
    /// curvature the differences show in that metric.
    ///
    /// Moritz, Nishihara and Jordan 2016, <https://proceedings.mlr.press/v51/moritz16.html>; Byrd, Hansen, Nocedal and Singer
    /// 2016, <https://doi.org/10.1137/140954362>.
    "stochastic_lbfgs" StochasticLbfgs {
        /// Pairs remembered.
        memory = 10 in 1 => 1000,
        /// Terms a step looks at; 0: a thousandth of them.
        batch_size = 0 in 0 => 4294967295.0,
        /// How batches are drawn: `shuffle` (each term once an epoch), `replacement`, `blocks` (runs of neighbours), `importance`.
        sampling = 0 in 0 => 3; NAMES,
        /// Of the order in which batches are drawn.
        seed = 0 in 0 => 9007199254740992.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: StochasticLbfgs::<f64>::NAME,
    doc: StochasticLbfgs::<f64>::DOC,
    parameters: StochasticLbfgs::<f64>::PARAMETERS,
    needs: Needs { terms: true, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        let StochasticLbfgs { memory, batch_size, sampling, seed, .. } =
            StochasticLbfgs::of(settings);
        let work = Anchored::new(batch_size as usize, sampling, seed as u64, memory as usize);
        Box::new(Proved::followed(Box::new(work)))
    },
};
