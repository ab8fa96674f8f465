//! Quadratic programs, solved to a duality gap: squares and kinks of rows, bounds, and a few linear constraints.
//!
//! min ½ w′Pw + ½ Σ d_i w_i² + c′w + Σ_k φ_k(v_k′w + o_k) + q′x   subject to   l ≤ A x ≤ u,   lower ≤ x ≤ upper,
//!
//! where w = w₀ + E x: a variable adds to one column or is taken off it, so that what is bought and what is sold of a
//! holding are two variables of one weight; φ is a square ½ κ s² (a factor of a covariance, a day's return) or a kink
//! c·max(s, 0) (a loss beyond a quantile). P may be left out: factors are never made a matrix of all columns.
//!
//! Four pieces: an interior point method (`interior`), which needs some fifteen systems of equations whatever the
//! problem; active sets (`settle`), which make of its answer, or of the one to a problem beside this, the exact one,
//! zeros included (`answer`); a set of variables in play, all others at their bounds, which grows until the gap over all
//! of them is closed (`play`); and what is left out of a program before that (`reduced`), or where constraints leave no
//! interior (`tight`). The gap is a sum of terms that are not negative, so that it keeps its digits.
//!
//! Mehrotra 1992, <https://doi.org/10.1137/0802028>; Nocedal and Wright 2006, Numerical Optimization, sections 16.5
//! and 16.6; Hintermüller, Ito and Kunisch 2002, <https://doi.org/10.1137/S1052623401383558>.
mod answer;
mod interior;
mod play;
mod reduced;
mod settle;
mod solve;
mod spent;
mod system;
mod tight;

pub use settle::Active;
pub use solve::Optimum;

use crate::linalg::factor::take;
use crate::linalg::vectors::dot;
use std::borrow::Cow;

/// What a row of the program costs, of s = v′w + o.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// ½ κ s².
    Square(f64),
    /// c·max(s, 0).
    Kink(f64),
}

impl Cost {
    fn is_kink(&self) -> bool {
        matches!(self, Cost::Kink(_))
    }
}

/// A variable: what it adds to, what it costs, and where it may lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variable {
    /// The column that it is a part of.
    pub column: usize,
    /// What it counts there: 1 or −1.
    pub sign: f64,
    /// What one of it costs beside what its column does.
    pub price: f64,
    /// The least that it may be; −∞ where there is none.
    pub lower: f64,
    /// The most that it may be.
    pub upper: f64,
}

/// A quadratic program, see the head of this file. Matrices lie row after row.
#[derive(Clone, Debug, Default)]
pub struct QuadraticProgram<'a> {
    /// P, symmetric, as wide as there are columns.
    pub dense: Option<Cow<'a, [f64]>>,
    /// d: how many columns there are.
    pub diagonal: Cow<'a, [f64]>,
    /// c.
    pub linear: Cow<'a, [f64]>,
    /// w₀.
    pub base: Cow<'a, [f64]>,
    /// v_k.
    pub rows: Cow<'a, [f64]>,
    /// o_k.
    pub shift: Cow<'a, [f64]>,
    /// φ_k.
    pub costs: Cow<'a, [Cost]>,
    /// x.
    pub variables: Vec<Variable>,
    /// Where to begin; need not be allowed.
    pub start: Vec<f64>,
    /// A, as wide as there are variables.
    pub limits: Cow<'a, [f64]>,
    /// l.
    pub least: Cow<'a, [f64]>,
    /// u; where it is l, an equation.
    pub most: Cow<'a, [f64]>,
}

/// A point of a program, and what follows from it.
#[derive(Clone, Debug, Default)]
pub struct ValuedPoint {
    /// The variables.
    pub x: Vec<f64>,
    /// The columns.
    pub w: Vec<f64>,
    /// Pw + Dw.
    bent: Vec<f64>,
    /// s.
    s: Vec<f64>,
    /// A x.
    pub held: Vec<f64>,
    /// The objective.
    pub value: f64,
    /// What it is summed up of, all counted as positive: the measure of its rounding.
    size: f64,
}

/// Multipliers: of the constraints, and of the rows.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// A multiplier a constraint: above 0 where it is held down, below where it is held up.
    pub limits: Vec<f64>,
    /// φ′, or one of its slopes at a kink.
    pub rows: Vec<f64>,
}

/// What is known of a point by its multipliers.
#[derive(Clone, Debug, Default)]
pub struct WholeGap {
    /// The slope along each variable, constraints paid for.
    pub slope: Vec<f64>,
    /// What each variable adds to the gap.
    pub parts: Vec<f64>,
    /// By how much the value can be above the least.
    pub bound: f64,
    /// What rounding may have hidden of that.
    pub rounding: f64,
    /// By how much bounds and constraints are missed, at most.
    pub violation: f64,
}

impl QuadraticProgram<'_> {
    fn columns(&self) -> usize {
        self.diagonal.len()
    }
    fn row(&self, k: usize) -> &[f64] {
        let n = self.columns();
        &self.rows[k * n..(k + 1) * n]
    }
    fn limit(&self, i: usize) -> &[f64] {
        let n = self.variables.len();
        &self.limits[i * n..(i + 1) * n]
    }
    fn equation(&self, i: usize) -> bool {
        self.least[i] == self.most[i]
    }

    /// w₀ + E x, or E x alone.
    fn weights(&self, x: &[f64], base: bool) -> Vec<f64> {
        let mut w = if base { self.base.to_vec() } else { vec![0.0; self.columns()] };
        for (v, x) in self.variables.iter().zip(x) {
            w[v.column] += v.sign * x;
        }
        w
    }
    /// Pw + Dw.
    fn bend(&self, w: &[f64]) -> Vec<f64> {
        let mut to: Vec<f64> = self.diagonal.iter().zip(w).map(|(d, w)| d * w).collect();
        if let Some(dense) = &self.dense {
            for (row, w) in dense.chunks_exact(w.len()).zip(w).filter(|(_, w)| **w != 0.0) {
                take(&mut to, -w, row);
            }
        }
        to
    }
    /// The products of all rows.
    fn sums(&self, w: &[f64]) -> Vec<f64> {
        (0..self.costs.len()).map(|k| dot(self.row(k), w)).collect()
    }
    /// Σ by_k v_k, added.
    fn pull(&self, by: &[f64], to: &mut [f64]) {
        for (k, by) in by.iter().enumerate().filter(|(_, by)| **by != 0.0) {
            take(to, -by, self.row(k));
        }
    }
    /// A x.
    fn holds(&self, x: &[f64]) -> Vec<f64> {
        (0..self.least.len()).map(|i| dot(self.limit(i), x)).collect()
    }

    /// What follows from x.
    pub fn at(&self, x: Vec<f64>) -> ValuedPoint {
        let w = self.weights(&x, true);
        let bent = self.bend(&w);
        let mut s = self.sums(&w);
        s.iter_mut().zip(&*self.shift).for_each(|(s, o)| *s += o);
        let held = self.holds(&x);
        let costs = s.iter().zip(&*self.costs).map(|(s, cost)| match cost {
            Cost::Square(k) => 0.5 * k * s * s,
            Cost::Kink(c) => c * s.max(0.0),
        });
        let parts = w
            .iter()
            .enumerate()
            .flat_map(|(i, w)| [0.5 * w * bent[i], self.linear[i] * w])
            .chain(self.variables.iter().zip(&x).map(|(v, x)| v.price * x))
            .chain(costs);
        let (value, size) = parts.fold((0.0, 0.0), |(sum, size), v| (sum + v, size + v.abs()));
        ValuedPoint { x, w, bent, s, held, value, size }
    }

    /// The slope along each variable at a point, by multipliers; and what it is summed up of.
    fn slopes(&self, at: &ValuedPoint, prices: &Prices) -> (Vec<f64>, Vec<f64>) {
        let mut pull = vec![0.0; self.columns()];
        self.pull(&prices.rows, &mut pull);
        let column = |i: usize| at.bent[i] + self.linear[i] + pull[i];
        let size = |i: usize| at.bent[i].abs() + self.linear[i].abs() + pull[i].abs();
        let mut slope: Vec<f64> =
            self.variables.iter().map(|v| v.sign * column(v.column) + v.price).collect();
        let mut sizes: Vec<f64> =
            self.variables.iter().map(|v| size(v.column) + v.price.abs()).collect();
        for (i, y) in prices.limits.iter().enumerate().filter(|(_, y)| **y != 0.0) {
            take(&mut slope, -y, self.limit(i));
            sizes.iter_mut().zip(self.limit(i)).for_each(|(s, a)| *s += (y * a).abs());
        }
        (slope, sizes)
    }

    /// Multipliers of the signs and the sizes that a bound can be made of.
    fn sound(&self, at: &ValuedPoint, prices: &mut Prices) {
        for (k, p) in prices.rows.iter_mut().enumerate() {
            *p = match self.costs[k] {
                Cost::Square(weight) => weight * at.s[k],
                Cost::Kink(c) => p.clamp(0.0, c),
            };
        }
        for (i, y) in prices.limits.iter_mut().enumerate() {
            let endless = if *y > 0.0 { self.most[i] } else { self.least[i] }.is_infinite();
            *y = if endless || !y.is_finite() { 0.0 } else { *y };
        }
    }

    /// By how much the value at a point can be above the least, by Fenchel's inequality: for every x̃ that is allowed
    ///
    /// F(x̃) ≥ F(x) − Σ_j (h_j x_j − min h_j x̃_j) − Σ_i (max y_i r̃_i − y_i r_i) − Σ_k (φ_k(s_k) − p_k s_k + φ*_k(p_k)),
    ///
    /// with h the slopes, over `within`, the bounds of the variables; those that are endless are taken to end at `FAR`
    /// times what is there.
    pub fn gap(&self, at: &ValuedPoint, prices: &Prices, within: &[(f64, f64)]) -> WholeGap {
        /// Beyond so many times the largest variable nothing is looked for.
        const FAR: f64 = 1e3;
        let (slope, sizes) = self.slopes(at, prices);
        let far = FAR * at.x.iter().fold(1e-3, |far: f64, x| far.max(x.abs()));
        let blur = self.blur(at, prices);
        let (mut rounding, mut violation) = (0.0, 0.0f64);
        let noise = 4.0 * f64::EPSILON * (self.columns().max(self.costs.len()) as f64).sqrt();
        let parts: Vec<f64> = (0..at.x.len())
            .map(|j| {
                let (x, v) = (at.x[j], &self.variables[j]);
                violation = violation.max(v.lower - x).max(x - v.upper);
                let (low, high) = (within[j].0.max(-far), within[j].1.min(far));
                let to = if slope[j] > 0.0 { low } else { high };
                rounding += noise * (sizes[j] + blur[v.column]) * (x - to).abs();
                slope[j] * (x - to)
            })
            .collect();
        let mut bound: f64 = parts.iter().sum();
        for (i, y) in prices.limits.iter().enumerate() {
            let r = at.held[i];
            let size =
                self.limit(i).iter().zip(&at.x).fold(0.0, |m: f64, (a, x)| m.max((a * x).abs()));
            violation = violation.max((self.least[i] - r).max(r - self.most[i]) / size.max(1.0));
            if *y != 0.0 {
                bound += y * (if *y > 0.0 { self.most[i] } else { self.least[i] } - r);
            }
        }
        for (k, p) in prices.rows.iter().enumerate() {
            if let Cost::Kink(c) = self.costs[k] {
                bound += c * at.s[k].max(0.0) - p * at.s[k];
            }
        }
        rounding += noise * at.size + 1e-290;
        WholeGap { slope, parts, bound: bound.max(0.0), rounding, violation: violation.max(0.0) }
    }

    /// What each column's slope is summed up of, all counted as positive: where much cancels, its rounding does not.
    fn blur(&self, at: &ValuedPoint, prices: &Prices) -> Vec<f64> {
        let size: Vec<f64> = at.w.iter().map(|w| w.abs()).collect();
        let mut blur: Vec<f64> =
            (0..size.len()).map(|i| self.diagonal[i] * size[i] + self.linear[i].abs()).collect();
        if let Some(dense) = &self.dense {
            let rows = dense.chunks_exact(size.len()).zip(&size);
            for (row, w) in rows.filter(|(_, w)| **w != 0.0) {
                blur.iter_mut().zip(row).for_each(|(b, p)| *b += p.abs() * w);
            }
        }
        for (k, cost) in self.costs.iter().enumerate() {
            let row = self.row(k);
            let times = match cost {
                Cost::Square(weight) => {
                    let sum: f64 = row.iter().zip(&size).map(|(v, w)| v.abs() * w).sum();
                    weight * (sum + self.shift[k].abs())
                }
                Cost::Kink(_) => prices.rows[k].abs(),
            };
            if times != 0.0 {
                blur.iter_mut().zip(row).for_each(|(b, v)| *b += times * v.abs());
            }
        }
        blur
    }

    /// Bounds of the variables, those that follow from a constraint and the other bounds included.
    fn within(&self) -> Vec<(f64, f64)> {
        let mut within: Vec<(f64, f64)> =
            self.variables.iter().map(|v| (v.lower, v.upper)).collect();
        for _ in 0..2 {
            for i in 0..self.least.len() {
                for (times, most) in [(1.0, self.most[i]), (-1.0, -self.least[i])] {
                    self.follow(&mut within, i, times, most);
                }
            }
        }
        within
    }
    /// What follows for each variable from times · a′x ≤ most.
    fn follow(&self, within: &mut [(f64, f64)], i: usize, times: f64, most: f64) {
        if most.is_infinite() {
            return;
        }
        // The least that all together come to, and how many of them have none.
        let least = |a: f64, (low, high): (f64, f64)| if a > 0.0 { a * low } else { a * high };
        let (mut sum, mut endless, held) = (0.0, 0, self.held());
        for (a, b) in self.limit(i).iter().zip(&*within).filter(|(a, _)| **a != 0.0) {
            match least(times * a, *b) {
                v if v.is_finite() => sum += v,
                _ => endless += 1,
            }
        }
        for (a, b) in self.limit(i).iter().zip(within).filter(|(a, _)| **a != 0.0) {
            let (a, own) = (times * a, least(times * a, *b));
            let others = match (endless, own.is_finite()) {
                (0, _) => sum - own,
                (1, false) => sum,
                _ => continue,
            };
            // A little further out, for the rounding of the sum, and of the end where it is one beside what is held.
            let room = (most - others) / a;
            let slack = 1e-12 * (most.abs() + others.abs() + held) / a.abs();
            if a > 0.0 {
                b.1 = b.1.min(room + slack);
            } else {
                b.0 = b.0.max(room - slack);
            }
        }
    }
}

#[cfg(test)]
mod tests;
