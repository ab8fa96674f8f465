//! Where an objective of straight parts bends: in the margins of its rows, and in its variables themselves.
use crate::held::Held;
use crate::penalty::Piece;

/// All places where it bends. Above its place a tie pulls with the slope `high`, below with `low`; the dual variable lies
/// between. A bound is a tie of which one slope is infinite.
#[derive(Default)]
pub(super) struct Ties {
    /// The row of each, then the variable of each.
    on: Vec<u32>,
    /// How many of them are of rows.
    rows: usize,
    pub at: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// The slope that absolute values add to each variable that its bounds keep on one side of 0.
    pub lean: Vec<f64>,
}

/// An absolute value of less than this beside slopes of 1 and columns of scale 1 is left out: it holds nothing.
pub(super) const FAINT: f64 = 1e-13;

/// How much of each tie's slopes the dual variable leaves, to either side, and how far the primal one is from its place,
/// to either side: all above 0 where there is anything, and over · above = under · below = μ on the central path.
#[derive(Default)]
pub(super) struct Inside {
    pub over: Vec<f64>,
    pub under: Vec<f64>,
    pub above: Vec<f64>,
    pub below: Vec<f64>,
}

crate::state!(Inside { over, under, above, below });

impl Ties {
    /// Of the losses of rows that count, and of pieces.
    pub fn of(held: &Held<'_>, pieces: &[Piece]) -> Self {
        let mut ties = Ties::default();
        for (i, &share) in held.share.iter().enumerate().filter(|s| *s.1 > 0.0) {
            for k in held.kinks(i).iter().filter(|k| k.up + k.down > 0.0) {
                ties.add(i, k.at, (-share * k.down, share * k.up));
            }
        }
        ties.rows = ties.on.len();
        ties.lean = vec![0.0; pieces.len()];
        for (j, p) in pieces.iter().enumerate().filter(|(_, p)| p.low < p.high) {
            if p.low >= 0.0 || p.high <= 0.0 {
                ties.lean[j] = if p.low >= 0.0 { p.l1 } else { -p.l1 };
            } else if p.l1 > FAINT {
                ties.add(j, 0.0, (-p.l1, p.l1));
            }
            if p.low.is_finite() {
                ties.add(j, p.low, (f64::NEG_INFINITY, 0.0));
            }
            if p.high.is_finite() {
                ties.add(j, p.high, (0.0, f64::INFINITY));
            }
        }
        ties
    }
    fn add(&mut self, on: usize, at: f64, (low, high): (f64, f64)) {
        self.on.push(on as u32);
        self.at.push(at);
        self.low.push(low);
        self.high.push(high);
    }
    pub fn len(&self) -> usize {
        self.on.len()
    }
    /// How many are of rows.
    pub fn of_rows(&self) -> usize {
        self.rows
    }
    /// The row of a tie of rows.
    pub fn row(&self, k: usize) -> usize {
        self.on[k] as usize
    }
    /// The variable of a tie of a variable.
    pub fn variable(&self, k: usize) -> Option<usize> {
        (k >= self.rows).then(|| self.on[k] as usize)
    }
    /// What the bounds of each variable take of what pulls at it.
    pub fn prices(&self, inside: &Inside) -> Vec<f64> {
        let mut prices = vec![0.0; self.lean.len()];
        for k in self.rows..self.len() {
            let price = match (self.low[k].is_finite(), self.high[k].is_finite()) {
                (false, _) => -inside.above[k],
                (_, false) => inside.below[k],
                _ => 0.0,
            };
            prices[self.on[k] as usize] += price;
        }
        prices
    }
    /// What the ties of rows cost more than their dual variables say, c times which prove: a sum of terms that are at
    /// least 0, so that nothing is lost where it is small.
    pub fn gap(&self, inside: &Inside, seen: &[f64], c: f64) -> f64 {
        let of = |k: usize| {
            let off = seen[k] - self.at[k];
            if off > 0.0 {
                off * ((1.0 - c) * self.high[k] + c * inside.above[k])
            } else {
                -off * (c * inside.below[k] - (1.0 - c) * self.low[k])
            }
        };
        (0..self.rows).map(of).sum()
    }
    /// The sides on which a tie gives way.
    pub fn sides(&self) -> usize {
        let finite = |v: &[f64]| v.iter().filter(|v| v.is_finite()).count();
        finite(&self.low) + finite(&self.high)
    }
    /// What each tie sees: the margin of its row, or its variable.
    pub fn seen(&self, margins: &[f64], u: &[f64]) -> Vec<f64> {
        let of = |(k, on): (usize, &u32)| {
            if k < self.rows { margins[*on as usize] } else { u[*on as usize] }
        };
        self.on.iter().enumerate().map(of).collect()
    }
    /// The sums over the ties of each row.
    pub fn by_rows(&self, v: &[f64], n: usize) -> Vec<f64> {
        let mut sums = vec![0.0; n];
        self.on[..self.rows].iter().zip(v).for_each(|(i, v)| sums[*i as usize] += v);
        sums
    }
    /// Adds what ties of variables bring.
    pub fn add_own(&self, v: &[f64], to: &mut [f64]) {
        let own = self.on[self.rows..].iter().zip(&v[self.rows..]);
        own.for_each(|(j, v)| to[*j as usize] += v);
    }
    /// Variables with an absolute value, each with the place of its tie.
    pub fn absolute(&self) -> impl Iterator<Item = (usize, usize)> {
        let own = self.rows..self.len();
        own.filter(|&k| self.low[k].is_finite() && self.high[k].is_finite())
            .map(|k| (k, self.on[k] as usize))
    }

    /// How far margins are from their places, in the mean.
    pub fn far(&self, seen: &[f64]) -> f64 {
        let off = |(s, a): (&f64, &f64)| (s - a).abs();
        let mean = seen[..self.rows].iter().zip(&self.at).map(off).sum::<f64>();
        if mean > 0.0 {
            return mean / self.rows as f64;
        }
        let size = self.at[..self.rows].iter().fold(0.0, |m: f64, a| m.max(a.abs()));
        (1e-8 * size).max(f64::MIN_POSITIVE.sqrt())
    }
    /// A start inside, where ties see this and margins are so far from their places: all products alike, or nearly, for
    /// from the edge steps are short.
    pub fn inside(&self, seen: &[f64], far: f64) -> Inside {
        let half = |k: usize| 0.5 * (self.high[k] - self.low[k]);
        let mu = far * (0..self.rows).map(half).sum::<f64>() / self.rows.max(1) as f64;
        let mut inside = Inside::default();
        for k in 0..self.len() {
            let (t, low, high) = (seen[k] - self.at[k], self.low[k], self.high[k]);
            // Of a bound the side that is there has a price to match.
            let price = |t: f64| mu / t.max(1e-3 * far);
            let (above, below, more) = match (low.is_finite(), high.is_finite()) {
                (true, true) => (half(k), half(k), (mu / half(k)).min(MOST * far)),
                (false, _) => (price(t), f64::INFINITY, 0.0),
                _ => (f64::INFINITY, price(-t), 0.0),
            };
            let least = if more > 0.0 { 0.0 } else { 1e-3 * far };
            let side = |t: f64, end: f64| if end.is_finite() { t.max(least) + more } else { 0.0 };
            inside.over.push(side(t, high));
            inside.under.push(side(-t, low));
            inside.above.push(above);
            inside.below.push(below);
        }
        inside
    }
    /// The dual variables.
    pub fn dual(&self, inside: &Inside) -> Vec<f64> {
        let of = |k: usize| {
            let (above, below) = (inside.above[k], inside.below[k]);
            if below <= above { self.low[k] + below } else { self.high[k] - above }
        };
        (0..self.len()).map(of).collect()
    }
    /// Adds a change of the dual variables.
    pub fn turn(&self, inside: &mut Inside, by: &[f64], length: f64) {
        for (k, by) in by.iter().enumerate() {
            let (above, below) = (&mut inside.above[k], &mut inside.below[k]);
            *above -= length * by;
            *below += length * by;
            // The smaller one keeps its digits.
            let width = self.high[k] - self.low[k];
            if width.is_finite() {
                *(if below < above { above } else { below }) = width - below.min(*above);
            }
        }
    }
}

/// How far from its place a tie is at the start, in times of how far margins are.
const MOST: f64 = 1e6;

impl Inside {
    /// Whether it is of so many ties.
    pub fn fits(&self, ties: usize) -> bool {
        [&self.over, &self.under, &self.above, &self.below].iter().all(|v| v.len() == ties)
    }
    /// over · above and under · below of a tie.
    pub fn products(&self, k: usize) -> (f64, f64) {
        let of = |far: f64, room: f64| if room.is_finite() { far * room } else { 0.0 };
        (of(self.over[k], self.above[k]), of(self.under[k], self.below[k]))
    }
    /// By how much the dual variable turns where the primal one moves by 1.
    pub fn stiffness(&self) -> Vec<f64> {
        let of = |k: usize| 1.0 / (self.over[k] / self.above[k] + self.under[k] / self.below[k]);
        (0..self.over.len()).map(of).collect()
    }
}
