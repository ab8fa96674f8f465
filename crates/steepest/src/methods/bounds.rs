//! Bounds on the coordinates: projection, and who is free to move.
use crate::linalg::vectors::Aligned;
use crate::problem::Problem;
use crate::units::Units;

/// low ≤ x ≤ high, and the mask of the free coordinates (1 free, 0 held).
#[derive(Default)]
pub struct Bounds {
    low: Vec<f64>,
    high: Vec<f64>,
    /// 1 where a coordinate may move.
    pub free: Aligned,
}

crate::state!(Bounds { low: vector, high: vector, free });

impl Bounds {
    /// Of a problem whose penalty is bounds; none where nothing is bounded.
    pub fn of(problem: &Problem<'_>) -> Option<Self> {
        let n = problem.dim();
        if !problem.penalty().offers().bounds {
            return None;
        }
        let (low, high): (Vec<f64>, Vec<f64>) = (0..n).map(|j| problem.penalty().bounds(j)).unzip();
        let any =
            low.iter().any(|l| *l > f64::NEG_INFINITY) || high.iter().any(|h| *h < f64::INFINITY);
        any.then(|| Bounds { low, high, free: Aligned::zeros(n) })
    }

    /// Whether some interval is empty.
    pub fn infeasible(&self) -> bool {
        self.low.iter().zip(&self.high).any(|(l, h)| l > h)
    }

    /// Both ends of each interval.
    pub fn ends(&self) -> [&[f64]; 2] {
        [&self.low, &self.high]
    }

    /// The nearest point within.
    pub fn project(&self, x: &mut [f64]) {
        for ((x, l), h) in x.iter_mut().zip(&self.low).zip(&self.high) {
            *x = x.max(*l).min(*h);
        }
    }

    /// d ← P(x + d) − x.
    pub fn chord(&self, x: &[f64], d: &mut [f64]) {
        for j in 0..self.low.len() {
            d[j] = (x[j] + d[j]).max(self.low[j]).min(self.high[j]) - x[j];
        }
    }

    /// Whether every coordinate has two finite bounds, and some come to theirs along d.
    pub fn boxes(&self, x: &[f64], d: &[f64]) -> bool {
        let mut all = 0..self.low.len();
        let reached = |j: usize| d[j] != 0.0 && !self.inside(x[j] + d[j], j);
        all.clone().any(reached) && all.all(|j| self.width(j) < f64::INFINITY)
    }

    /// In the units of a problem.
    pub fn measure(&mut self, units: &Units) {
        (0..self.low.len()).for_each(|j| self.low[j] /= units.length(j));
        (0..self.high.len()).for_each(|j| self.high[j] /= units.length(j));
    }

    /// Coordinate j in a unit so many times as long.
    pub fn stretch(&mut self, j: usize, factor: f64) {
        self.low[j] /= factor;
        self.high[j] /= factor;
    }

    /// How far apart the bounds of a coordinate are.
    pub fn width(&self, j: usize) -> f64 {
        self.high[j] - self.low[j]
    }

    /// Whether coordinate j is at neither bound there.
    pub fn inside(&self, x: f64, j: usize) -> bool {
        x > self.low[j] && x < self.high[j]
    }

    /// How far coordinate j can go up (`way` above 0) or down.
    pub fn room(&self, x: &[f64], j: usize, way: f64) -> f64 {
        if way > 0.0 { self.high[j] - x[j] } else { x[j] - self.low[j] }
    }

    /// Frees all but those at a bound that the gradient pushes against.
    pub fn release(&mut self, x: &[f64], g: &[f64]) {
        for j in 0..self.low.len() {
            let held =
                (x[j] <= self.low[j] && g[j] >= 0.0) || (x[j] >= self.high[j] && g[j] <= 0.0);
            self.free[j] = if held { 0.0 } else { 1.0 };
        }
    }

    /// Whether every coordinate is free.
    pub fn all_free(&self) -> bool {
        self.free[..self.low.len()].iter().all(|f| *f == 1.0)
    }

    /// Holds those at a bound that `d` pushes against; how many there were.
    pub fn hold(&mut self, x: &[f64], d: &[f64]) -> usize {
        let mut held = 0;
        for j in 0..self.low.len() {
            let out = (x[j] <= self.low[j] && d[j] < 0.0) || (x[j] >= self.high[j] && d[j] > 0.0);
            if out && self.free[j] == 1.0 {
                self.free[j] = 0.0;
                held += 1;
            }
        }
        held
    }

    /// Where the path x + a d has hit every bound it ever will; infinite where it goes on.
    pub fn last_break(&self, x: &[f64], d: &[f64]) -> f64 {
        let hit = |j: usize| {
            if d[j] > 0.0 {
                (self.high[j] - x[j]) / d[j]
            } else if d[j] < 0.0 {
                (self.low[j] - x[j]) / d[j]
            } else {
                0.0
            }
        };
        (0..self.low.len()).map(hit).fold(0.0, f64::max)
    }
}
