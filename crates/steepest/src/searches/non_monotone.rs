//! A search whose values need not fall at each step.
use super::armijo::Halving;
use crate::search::{Line, Next, Search, Searching, Trial};
use crate::state::State;

crate::settings! {
    /// Non-monotone backtracking: the value has to fall below the largest of the last few, max φ + c₁ a φ′(0), and not
    /// below the last. Steps that the curvature along the last one gives (Barzilai and Borwein's) are quick because they
    /// may rise.
    ///
    /// Grippo, Lampariello and Lucidi 1986, <https://doi.org/10.1137/0723046>.
    "non_monotone" NonMonotone {
        /// c₁, the share of the promised fall that is enough.
        decrease = 1e-4 in 0.0 => 0.5,
        /// Values that a new one is held against.
        values = 10 in 1 => 1000,
    }
}

impl Searching for NonMonotone {
    fn search(self) -> Box<dyn Search> {
        let back = Halving { decrease: self.decrease, top: f64::NAN, line: None };
        Box::new(Window { back, recent: Vec::new(), most: self.values as usize, begun: 0 })
    }
}

crate::state!(Window { recent, begun } but back, most);

struct Window {
    back: Halving,
    recent: Vec<f64>,
    most: usize,
    begun: usize,
}

impl Search for Window {
    fn begin(&mut self, line: Line) -> f64 {
        if self.begun < self.most {
            self.recent.push(line.value);
        } else {
            let oldest = self.begun % self.recent.len();
            self.recent[oldest] = line.value;
        }
        self.begun += 1;
        let a = self.back.begin(line);
        self.back.top = self.recent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        a
    }
    fn next(&mut self, trial: Trial) -> Next {
        self.back.next(trial)
    }
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn monotone(&self) -> bool {
        false
    }
}
