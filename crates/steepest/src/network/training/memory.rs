//! What a run of training remembers between its steps.

/// What a run remembers between its steps: another that goes on from it takes the same steps, to the bit.
#[derive(Clone, Debug)]
pub struct Memory<N> {
    /// Where the rules stand; some of them show another point.
    pub x: Vec<N>,
    /// The rules' memories, by tensor; empty before the first step.
    pub tensors: Vec<Vec<Vec<N>>>,
    /// Their numbers of state.
    pub state: Vec<f64>,
    /// The schedule's.
    pub schedule: Vec<f64>,
    /// Steps taken.
    pub step: u64,
    /// Epochs gone through.
    pub epoch: u64,
    /// Rows of the next epoch that are behind already, and the sum of their losses.
    pub rows: usize,
    /// See [`rows`](Self::rows).
    pub sum: f64,
    /// What gradients are divided by, by [`Falling::Idle`](super::Falling::Idle).
    pub cut: f64,
    /// The loss of the first batch, before anything was learnt; NaN before it.
    pub first: f64,
    /// The best score so far, by the held-out rows or of the loss, negated.
    pub score: f64,
    /// The parameters there, where rows are held out.
    pub best: Vec<N>,
    /// Epochs in a row that brought less than the tolerance.
    pub idle: u64,
}

impl<N> Memory<N> {
    /// Of a run that begins at these parameters.
    pub fn at(x: Vec<N>) -> Self {
        Memory {
            x,
            tensors: Vec::new(),
            state: Vec::new(),
            schedule: Vec::new(),
            step: 0,
            epoch: 0,
            rows: 0,
            sum: 0.0,
            cut: 1.0,
            first: f64::NAN,
            score: f64::NEG_INFINITY,
            best: Vec::new(),
            idle: 0,
        }
    }
}
