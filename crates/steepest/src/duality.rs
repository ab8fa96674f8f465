//! The duality gap of a loss over a table with a penalty of [`Piece`]s: lasso, elastic net, ridge, bounds.
//!
//! For any dual point θ = slopes + u with Σ weight·θ = 0 (where there is an intercept) and s = −X′θ:
//! F(x) − F* ≤ Σ weight·D*(u) / Σ weight + Σ_j (p_j(x_j) + p_j*(s_j) − s_j x_j),
//! D* the conjugate of the loss's Bregman distance, p_j a coordinate's piece, p_j* its conjugate.
//! Slopes are scaled down until s is where every p_j* is finite.
//!
//! Massias, Gramfort and Salmon 2018, <https://proceedings.mlr.press/v80/massias18a.html>.
use crate::loss::Block;
use crate::penalty::Piece;
use crate::pool::pool;

impl Piece {
    /// l1·|x| + ½ l2 x² within the bounds.
    pub fn value(&self, x: f64) -> f64 {
        if x < self.low || x > self.high {
            return f64::INFINITY;
        }
        self.l1 * x.abs() + 0.5 * self.l2 * x * x
    }
    /// sup_x s·x − value(x).
    pub fn conjugate(&self, s: f64) -> f64 {
        let over = s - s.clamp(-self.l1, self.l1);
        let free = if over == 0.0 { 0.0 } else { over / self.l2 };
        let x = free.clamp(self.low, self.high);
        if x.is_infinite() { f64::INFINITY } else { s * x - self.value(x) }
    }
    /// argmin_u ½ curvature·(u − x)² + value(u), for curvature + l2 > 0.
    pub fn prox(&self, x: f64, curvature: f64) -> f64 {
        let pull = curvature * x;
        let pull = pull - pull.clamp(-self.l1, self.l1);
        (pull / (curvature + self.l2)).clamp(self.low, self.high)
    }
    /// The largest factor ≤ 1 that takes s to where the conjugate is finite.
    fn shrinks(&self, s: f64) -> f64 {
        let open = if s > 0.0 { self.high } else { self.low };
        if self.l2 > 0.0 || open.is_finite() || s.abs() <= self.l1 {
            1.0
        } else {
            self.l1 / s.abs()
        }
    }
}

/// What is known at a point after one read of the table.
pub struct At<'a> {
    /// The loss.
    pub loss: &'a dyn Block,
    /// The targets.
    pub target: &'a [f64],
    /// Weights of the rows; none is 1 each.
    pub weight: Option<&'a [f64]>,
    /// The scores of the rows.
    pub margin: &'a [f64],
    /// The slopes of the loss there, unweighted.
    pub slope: &'a [f64],
    /// The coefficients.
    pub x: &'a [f64],
    /// The gradient of the mean loss in them.
    pub gradient: &'a [f64],
    /// The same for the intercept, where there is one.
    pub intercept: Option<f64>,
    /// Weighted means of the columns.
    pub mean: &'a [f64],
    /// Their weighted standard deviations.
    pub deviation: &'a [f64],
}

impl At<'_> {
    /// F(x) − F* is at most this; +∞ where no dual point is near.
    pub fn gap(&self, piece: impl Fn(usize) -> Piece) -> f64 {
        let (shift, spread) = self.shift();
        let dual = |j: usize| {
            let s = -self.gradient[j] + self.intercept.unwrap_or(0.0) * self.mean[j];
            (s, spread * self.deviation[j])
        };
        let c = (0..self.x.len()).fold(1.0f64, |c, j| {
            let (s, d) = dual(j);
            c.min(piece(j).shrinks(s + d.copysign(s)))
        });
        if c == 0.0 {
            // Nothing holds a column, so no slope but 0 will do.
            return f64::INFINITY;
        }
        let mut penalties = 0.0;
        for (j, &x) in self.x.iter().enumerate() {
            let (p, (s, d)) = (piece(j), dual(j));
            let at = |s: f64| p.value(x) + p.conjugate(s) - s * x;
            let worst = if d > 0.0 { at(c * (s - d)).max(at(c * (s + d))) } else { at(c * s) };
            penalties += worst.max(0.0);
        }
        penalties + self.distance(c, shift)
    }

    /// The u that takes the sum of the slopes to 0, and the deviation of u from its mean.
    fn shift(&self) -> (Shift, f64) {
        let Some(g) = self.intercept.filter(|g| *g != 0.0) else {
            return (Shift::Amount(0.0), 0.0);
        };
        if self.loss.conjugate_edge(self.target[0], self.margin[0], -g.signum()).is_infinite() {
            return (Shift::Amount(-g), 0.0);
        }
        // A slope made smaller never leaves the domain: those that pull too hard give way.
        let weight = |i: usize| self.weight.map_or(1.0, |w| w[i]);
        let (mut total, mut pull, mut square) = (0.0, 0.0, 0.0);
        for (i, &r) in self.slope.iter().enumerate() {
            total += weight(i);
            if r * g > 0.0 && weight(i) != 0.0 {
                pull += weight(i) * r;
                square += weight(i) * r * r;
            }
        }
        let share = g * total / pull;
        if !(share.is_finite() && share <= 1.0) {
            return (Shift::Share(0.0, 1.0), f64::INFINITY);
        }
        (Shift::Share(g.signum(), share), share * (square / total).sqrt())
    }

    /// Σ weight·D*(c·(slope + shift) − slope) / Σ weight.
    fn distance(&self, c: f64, shift: Shift) -> f64 {
        if c == 1.0 && matches!(shift, Shift::Amount(0.0)) {
            return 0.0;
        }
        const ROWS: usize = 8192;
        let n = self.margin.len();
        let parts = pool().map(n.div_ceil(ROWS), |k| {
            let (mut sum, mut total) = (0.0, 0.0);
            for i in k * ROWS..((k + 1) * ROWS).min(n) {
                let w = self.weight.map_or(1.0, |w| w[i]);
                total += w;
                if w == 0.0 {
                    continue;
                }
                let (t, z, r) = (self.target[i], self.margin[i], self.slope[i]);
                let u = match shift {
                    Shift::Amount(u) => u,
                    Shift::Share(sign, share) if r * sign > 0.0 => -share * r,
                    Shift::Share(..) => 0.0,
                };
                sum += w * self.loss.conjugate_distance(t, &[z], &[c * u - (1.0 - c) * r]);
            }
            (sum, total)
        });
        let (sum, total) = parts.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        sum / total
    }
}

/// How each row's slope is moved.
#[derive(Clone, Copy)]
enum Shift {
    /// By the same amount.
    Amount(f64),
    /// Those of this sign give up this share of themselves.
    Share(f64, f64),
}
