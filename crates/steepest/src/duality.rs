//! The duality gap of a loss over a table with a penalty of [`Piece`]s: lasso, elastic net, ridge, bounds.
//!
//! For any dual point θ = slopes + u (a number for each row and output) and s = −X′θ, by Fenchel and Young:
//! F(x) − F* ≤ Σ weight·D*(u) / Σ weight + Σ_j (p_j(x_j) + p_j*(s_j) − s_j x_j),
//! D* the conjugate of the loss's Bregman distance, p_j a coordinate's piece, p_j* its conjugate. A coordinate that
//! nothing holds (an intercept, a bound at infinity) allows s_j = 0 only: u is made so. Then the dual point as a
//! whole is taken by a factor c ≤ 1 to where every p_j* is finite.
//!
//! The s_j are sums of rounded products, so each is only known within a spread: every term is taken at its worst.
//! What is not a number bounds nothing, and is infinite here.
//!
//! Massias, Gramfort and Salmon 2018, <https://proceedings.mlr.press/v80/massias18a.html>.
use crate::held::Held;
use crate::loss::Block;
use crate::parallel::pool::pool;
use crate::penalty::Piece;

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
    /// value(x) + conjugate(s) − s·x, which is at least 0; ∞ where it is not a number.
    pub fn excess(&self, x: f64, s: f64) -> f64 {
        let e = self.value(x) + self.conjugate(s) - s * x;
        if e.is_nan() { f64::INFINITY } else { e.max(0.0) }
    }
    /// argmin_u ½ curvature·(u − x)² + value(u), for curvature + l2 > 0.
    pub fn prox(&self, x: f64, curvature: f64) -> f64 {
        let pull = curvature * x;
        let pull = pull - pull.clamp(-self.l1, self.l1);
        (pull / (curvature + self.l2)).clamp(self.low, self.high)
    }
    /// Nothing added, nothing forbidden.
    pub fn is_free(&self) -> bool {
        *self == Piece::FREE
    }
    /// The largest factor ≤ 1 that takes s, and all up to `spread` beside it, to where the conjugate is finite.
    pub fn shrinks(&self, s: f64, spread: f64) -> f64 {
        let one = |s: f64| {
            let open = if s > 0.0 { self.high } else { self.low };
            if self.l2 > 0.0 || open.is_finite() || s.abs() <= self.l1 {
                1.0
            } else {
                // A hair less than needed: the product must not round to beyond the edge.
                (1.0 - 4.0 * f64::EPSILON) * self.l1 / s.abs()
            }
        };
        let least = one(s - spread).min(one(s + spread));
        if least.is_nan() { 0.0 } else { least }
    }
    /// The largest [`excess`](Self::excess) where s is known within `spread`: convex in s, so it is at an end.
    pub fn worst(&self, x: f64, s: f64, spread: f64) -> f64 {
        self.excess(x, s - spread).max(self.excess(x, s + spread))
    }
}

/// The same for shares of a whole: sup_u s′u − s′x over all u on the simplex, where each s_j is known within a spread.
/// With M the largest s_j it is Σ x_j (M − s_j), whose terms are at least 0.
pub fn shared(
    (inside, whole): (&[usize], f64),
    x: &[f64],
    dual: impl Fn(usize) -> (f64, f64),
) -> f64 {
    let most = inside
        .iter()
        .map(|&j| dual(j))
        .map(|(s, spread)| s + spread)
        .fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut total) = (0.0, 0.0);
    for &j in inside {
        let (s, spread) = dual(j);
        sum += x[j] * (most - (s - spread));
        total += x[j];
    }
    let excess = sum + (whole - total).abs() * most.abs();
    if excess.is_nan() { f64::INFINITY } else { excess }
}

/// The rows at a point, and where their dual point goes.
#[derive(Clone, Copy)]
pub struct RowsAt<'a> {
    /// The loss.
    pub loss: &'a dyn Block,
    /// The targets.
    pub target: &'a [f64],
    /// Weights of the rows; none is 1 each.
    pub weight: Option<&'a [f64]>,
    /// The margins, a row's side by side.
    pub margin: &'a [f64],
    /// The slopes of the loss there, unweighted.
    pub slope: &'a [f64],
}

impl<'a> RowsAt<'a> {
    /// All rows of a table, where they have margins and these slopes.
    pub fn of(rows: &'a Held<'_>, slope: &'a [f64]) -> Self {
        let (loss, weight) = (rows.loss, rows.weight.as_deref());
        RowsAt { loss, target: &rows.target, weight, margin: &rows.margins, slope }
    }
}

/// How the slopes are moved to become a dual point.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Each by the same amount.
    Amount(f64),
    /// Those of this sign give up this share of themselves.
    Share(f64, f64),
    /// Each by a number of its own.
    Each(&'a [f64]),
}

impl RowsAt<'_> {
    /// A change that takes the mean slope, which is `mean`, to 0, for one output; and the deviation of the change
    /// from its mean. None where there is none at hand.
    pub fn balanced(&self, mean: f64) -> Option<(Change<'static>, f64)> {
        if mean == 0.0 {
            return Some((Change::Amount(0.0), 0.0));
        }
        if self.loss.conjugate_edge(self.target[0], self.margin[0], -mean.signum()).is_infinite()
            && self.loss.conjugate_edge(self.target[0], self.margin[0], mean.signum()).is_infinite()
        {
            return Some((Change::Amount(-mean), 0.0));
        }
        // A slope made smaller never leaves the domain: those that pull too hard give way.
        let weight = |i: usize| self.weight.map_or(1.0, |w| w[i]);
        let (mut total, mut pull, mut square) = (0.0, 0.0, 0.0);
        for (i, &r) in self.slope.iter().enumerate() {
            total += weight(i);
            if r * mean > 0.0 && weight(i) != 0.0 {
                pull += weight(i) * r;
                square += weight(i) * r * r;
            }
        }
        let share = mean * total / pull;
        let spread = share * (square / total).sqrt();
        (share <= 1.0 && spread.is_finite())
            .then_some((Change::Share(mean.signum(), share), spread))
    }

    /// Σ weight·D*(c·(slope + change) − slope) / Σ weight.
    pub fn distance(&self, c: f64, change: Change<'_>) -> f64 {
        if c == 1.0 && matches!(change, Change::Amount(0.0)) {
            return 0.0;
        }
        const ROWS: usize = 8192;
        let n = self.target.len();
        let k = self.margin.len() / n.max(1);
        let parts = pool().map(n.div_ceil(ROWS), |p| {
            let (mut sum, mut total) = (0.0, 0.0);
            let mut u = vec![0.0; k];
            for i in p * ROWS..((p + 1) * ROWS).min(n) {
                let w = self.weight.map_or(1.0, |w| w[i]);
                total += w;
                if w == 0.0 {
                    continue;
                }
                let rows = i * k..(i + 1) * k;
                for (u, at) in u.iter_mut().zip(rows.clone()) {
                    let r = self.slope[at];
                    let by = match change {
                        Change::Amount(by) => by,
                        Change::Share(sign, share) if r * sign > 0.0 => -share * r,
                        Change::Share(..) => 0.0,
                        Change::Each(by) => by[at],
                    };
                    *u = c * by - (1.0 - c) * r;
                }
                sum += w * self.loss.conjugate_distance(self.target[i], &self.margin[rows], &u);
            }
            (sum, total)
        });
        let (sum, total) = parts.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let distance = sum / total;
        if distance.is_nan() { f64::INFINITY } else { distance.max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Each;
    use crate::losses::{huber::Huber, squared::Squared};

    #[test]
    fn what_is_no_number_bounds_nothing() {
        let lasso = Piece { l1: 1.0, ..Piece::FREE };
        for s in [f64::NAN, 1.0 + 1e-15, f64::INFINITY] {
            assert_eq!(lasso.excess(0.0, s), f64::INFINITY, "{s}");
        }
        assert_eq!(lasso.excess(2.0, 1.0), 0.0);
        assert_eq!(lasso.worst(2.0, 0.5, f64::NAN), f64::INFINITY);
        assert_eq!(lasso.shrinks(f64::NAN, 0.0), 0.0);
        assert_eq!(Piece::FREE.excess(1.0, 0.0), 0.0);
        assert_eq!(Piece::FREE.excess(1.0, 1e-300), f64::INFINITY);
    }

    #[test]
    fn shares_of_a_whole_are_held_against_the_best_of_all() {
        let s = [1.0, 3.0, -2.0];
        let at = |x: &[f64]| shared((&[0, 1, 2], 2.0), x, |j| (s[j], 0.0));
        assert_eq!(at(&[0.0, 2.0, 0.0]), 0.0);
        // 3·2 − (1·1 + 3·½ − 2·½)
        assert_eq!(at(&[1.0, 0.5, 0.5]), 4.5);
        assert_eq!(shared((&[0], 1.0), &[1.0], |_| (f64::NAN, 0.0)), f64::INFINITY);
    }

    #[test]
    fn shrunk_it_is_inside() {
        for l1 in [1e-12, 0.3, 7.0] {
            let p = Piece { l1, ..Piece::FREE };
            for k in 1..2000 {
                let s = l1 * (1.0 + k as f64 * f64::EPSILON);
                let c = p.shrinks(s, 0.1 * l1);
                assert!(p.worst(1.0, c * s, c * 0.1 * l1).is_finite());
            }
        }
    }

    #[test]
    fn bounds_without_zero_are_paid_for() {
        let p = Piece { low: 0.5, high: 1.0, l1: 0.1, l2: 0.0 };
        // sup over [0.5, 1] of s·x − 0.1 x.
        assert!((p.conjugate(0.0) + 0.05).abs() < 1e-15);
        assert!((p.excess(1.0, 0.0) - 0.05).abs() < 1e-15);
        assert!((p.excess(0.5, 3.0) - 2.9 * 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_mean_slope_too_large_to_be_shared_has_no_dual_point() {
        let loss = Each(Huber::default());
        let (target, margin) = ([100.0, 101.0], [0.0, 0.0]);
        let rows = RowsAt {
            loss: &loss,
            target: &target,
            weight: None,
            margin: &margin,
            slope: &[-1.35; 2],
        };
        // The slopes sum to −2.7: only all of them given up will do.
        let (change, spread) = rows.balanced(-1.35).expect("all given up");
        assert!(matches!(change, Change::Share(..)) && (spread - 1.35).abs() < 1e-12);
        assert!(rows.balanced(-2.0).is_none());
        let loss = Each(Squared::default());
        let rows = RowsAt {
            loss: &loss,
            target: &target,
            weight: None,
            margin: &margin,
            slope: &[-100.0, -101.0],
        };
        assert!(matches!(rows.balanced(-100.5), Some((Change::Amount(_), 0.0))));
    }
}
