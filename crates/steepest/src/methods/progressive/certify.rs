//! The bound on F − F*: Fenchel duality with a dual point corrected on few rows only.
//!
//! For any weights h_i ≥ 0 and any v, with u_i = h_i x_i′v on the rows S and p = −g − Σ_S ω_i u_i x_i:
//! F − F* ≤ Σ_S ω_i D_i*(u_i) + ½ p′A⁻¹p, where D_i* is the conjugate of the Bregman distance of the loss at the
//! row's margin and ω_i its share. Why: F(x + y) − F(x) = g′y + Σ ω_i D_i(x_i′y) + ½ y′Ay; drop the rows outside
//! S, for D_i ≥ 0; Fenchel and Young on each term that is left. v = −B⁻¹g with B the Hessian over S makes
//! p = Av, and the bound at most 1 to 2 times ½ g′B⁻¹g. No other read of the table is needed.
use super::few_rows::{Few, factor};
use super::subproblem::Rounding;
use crate::gram::Swept;
use crate::linalg::factor::Factor;
use crate::linalg::vectors::dot;

/// A point whose distance from the optimum is asked for.
pub struct Point<'a> {
    /// The gradient there, the penalty's included.
    pub g: &'a [f64],
    /// The rows S, with their margins.
    pub few: Few<'a>,
    /// What rounding does there.
    pub rounding: &'a Rounding,
}

/// A bound on F − F*; none where this dual point proves nothing.
pub fn bound(at: &Point<'_>) -> Option<f64> {
    let stand = Stand { at };
    let mut h = at.few.held.curvatures();
    h.iter_mut().for_each(|h| *h = h.max(0.0));
    for _ in 0..6 {
        let weight: Vec<f64> = h.iter().zip(&*at.few.held.share).map(|(h, s)| h * s).collect();
        let b = factor(at.few, &weight, 0.0);
        let dual = stand.dual(&b, &h);
        if dual.swept.value.is_finite() {
            return stand.close(&b, &dual, weight.iter().sum());
        }
        stand.shrink(&dual.v, &mut h);
    }
    None
}

/// The same with a metric as it stands, the Hessian of an earlier point over rows drawn with these weights: any
/// h ≥ 0 will do, and no matrix is made. For rows drawn evenly it is the bound that a new matrix would give.
pub fn bound_by(at: &Point<'_>, b: &Factor, weight: &[f64]) -> Option<f64> {
    let stand = Stand { at };
    let each = weight.iter().zip(&*at.few.held.share);
    let h: Vec<f64> = each.map(|(w, s)| if *s > 0.0 { w / s } else { 0.0 }).collect();
    let dual = stand.dual(b, &h);
    stand.close(b, &dual, weight.iter().sum())
}

/// The rows S as a dual point is corrected on them.
struct Stand<'a> {
    at: &'a Point<'a>,
}

/// v, the sums over u that belong to it, and what is left of −g − Σ_S ω_i u_i x_i − A v.
struct Dual {
    v: Vec<f64>,
    swept: Swept,
    e: Vec<f64>,
}

impl Stand<'_> {
    fn swept(&self, h: &[f64], v: Vec<f64>) -> Dual {
        let (at, held) = (self.at, self.at.few.held);
        let swept = at.few.standardised().sweep(&v, |i, t| {
            let (u, share) = (h[i] * t, held.share[i]);
            if share == 0.0 {
                return (0.0, 0.0);
            }
            (share * u, share * held.conjugate_distance(i, &[u]))
        });
        let terms = at.g.iter().zip(&swept.sum).zip(v.iter().zip(at.few.penalty));
        let e = terms.map(|((g, s), (v, a))| -g - s - a * v).collect();
        Dual { v, swept, e }
    }
    /// v = −B⁻¹g, refined while that helps.
    fn dual(&self, b: &Factor, h: &[f64]) -> Dual {
        let energy = b.energy(self.at.g);
        let mut v: Vec<f64> = self.at.g.iter().map(|g| -g).collect();
        b.solve(&mut v);
        let mut dual = self.swept(h, v);
        for _ in 0..2 {
            if b.energy(&dual.e) <= 1e-24 * energy {
                break;
            }
            let mut more = dual.e.clone();
            b.solve(&mut more);
            let next = self.swept(h, dual.v.iter().zip(&more).map(|(v, m)| v + m).collect());
            if !(b.energy(&next.e) < b.energy(&dual.e)) {
                break;
            }
            dual = next;
        }
        dual
    }
    fn close(&self, b: &Factor, dual: &Dual, bend: f64) -> Option<f64> {
        if !dual.swept.value.is_finite() {
            return None;
        }
        let Swept { sum, size, value } = &dual.swept;
        let penalty = self.at.few.penalty;
        let point = (self.at.g, self.at.rounding);
        let dropped = reach(self.at.few, &b.dropped());
        let closed = close(penalty, point, (sum, size), &dropped, (&dual.e, bend))?;
        ended(self.at, value + closed.half, &closed.left, |g| b.energy_at_most(g))
    }
    /// Where u leaves the conjugate's domain, a smaller weight keeps it at half the way.
    fn shrink(&self, v: &[f64], h: &mut [f64]) {
        let Few { held, scaling, .. } = self.at.few;
        let (mut raw, mut row) = (vec![0.0; held.columns()], vec![0.0; held.width()]);
        for (i, h) in h.iter_mut().enumerate() {
            held.gather(i..i + 1, &mut raw);
            scaling.rows(&raw, &[1.0], &mut row);
            let t = dot(&row, v);
            let edge = held.conjugate_edge(i, t);
            if *h * t.abs() >= edge {
                *h = h.min(edge / (2.0 * t.abs()));
            }
        }
    }
}

/// A penalty of less than this beside the curvature is left out of the proof: F only falls with it, and p in its
/// coordinate, which is rounding, would be divided by next to nothing.
pub const NEXT_TO_NOTHING: f64 = 1e-14;
/// How far off the least value is looked for where the columns say nothing about it, in times of how wide the loss is: as
/// far as this where the slope is rounding, and farther where there is more of it. Columns that are copies but for their
/// last digits may get coefficients of 1e5, with which those digits fit a little; to reckon with that (1e5) proved nothing
/// to 1e-11 of dependent columns without a penalty, and (1e6) nothing to 1e-6 of constant ones.
const FAR: [f64; 2] = [1e4, 1e7];
/// How far margins may be from those of the least value, in times of how wide the loss is.
const WIDE: f64 = 10.0;

/// Coordinates that the Hessian does not determine, each with how far along it margins go that change by 1 in the root
/// of their mean square; 0 where all rows say nothing of it. A Hessian misses rows on straight parts of the loss, and
/// of columns that are nearly dependent little is left: there the least value may lie far off.
pub fn reach(few: Few<'_>, dropped: &[usize]) -> Vec<(usize, f64)> {
    if dropped.is_empty() {
        return Vec::new();
    }
    let (rows, root) =
        (few.standardised(), few.held.share.iter().map(|s| s.sqrt()).collect::<Vec<_>>());
    let width = rows.width();
    let all = Factor::pivoted(rows.triangle(&root), width);
    let seen = few.held.margins() * width;
    let far = |&j: &usize| {
        if j >= seen {
            // What is learnt is the same in every row.
            return (j, 1.0);
        }
        let mut one = vec![0.0; width];
        one[j % width] = 1.0;
        (j, all.energy_at_most(&one).sqrt())
    };
    dropped.iter().map(far).collect()
}

/// What is proved of the penalised coordinates, and what is left of p in the others.
pub struct Closed {
    /// ½ p′A⁻¹p, and what columns that say nothing may bring.
    pub half: f64,
    /// What the solve left of p, and 0 in penalised coordinates.
    pub left: Vec<f64>,
}

/// ½ p′A⁻¹p over the penalised coordinates; none where what is left of p in those that others determine is more
/// than rounding. `left` is what the solve left of p, `bend` the curvature of columns of scale 1. Columns that depend on
/// others to rounding have a slope of rounding, and nothing ends how far along them the least value lies: what that may
/// bring on the way is part of it.
pub fn close(
    penalty: &[f64],
    (g, rounding): (&[f64], &Rounding),
    (sum, size): (&[f64], &[f64]),
    dropped: &[(usize, f64)],
    (left, bend): (&[f64], f64),
) -> Option<Closed> {
    let free = |j: usize| penalty[j] <= NEXT_TO_NOTHING * bend;
    let p = |j: usize| -g[j] - sum[j];
    let mut left = left.to_vec();
    for j in (0..left.len()).filter(|&j| penalty[j] > 0.0) {
        // p = a v + e, of which e alone is what the solve left.
        left[j] = if free(j) { p(j) } else { 0.0 };
    }
    let far = |j: usize| dropped.iter().find(|d| d.0 == j).map(|d| WIDE * d.1);
    let kept = (0..left.len()).filter(|&j| free(j) && far(j).is_none());
    let others = kept.fold(0.0, |m: f64, j| m.max(left[j].abs()));
    let mut half = 0.0;
    for (j, a) in penalty.iter().enumerate() {
        let p = p(j);
        if !free(j) {
            // Where one row is very far out, what all the others say is the rounding of its term.
            half += 0.5 * (p.abs() + 4.0 * f64::EPSILON * size[j]).powi(2) / a;
        } else if let Some(far) = far(j) {
            let off = rounding.gradient[j] + f64::EPSILON * size[j];
            if !(p.abs() <= 16.0 * off + 10.0 * others) {
                return None;
            }
            let more = (p.abs() - 4.0 * off).max(0.0);
            half += rounding.width * (FAR[0].max(far) * off + FAR[1].max(far) * more);
        }
    }
    Some(Closed { half, left })
}

/// The bound, with what may be wrong with the gradient: its rounding, and what is `left` of p in coordinates
/// without a penalty; none where that is more than both a hundredth of the gradient and what rounding explains.
pub fn ended(
    at: &Point<'_>,
    bound: f64,
    left: &[f64],
    energy: impl Fn(&[f64]) -> f64,
) -> Option<f64> {
    let rounded = at.rounding.energy(&energy);
    let left = 0.5 * energy(left);
    if !(left <= 0.005 * energy(at.g) || left <= 100.0 * rounded) {
        return None;
    }
    Some(at.rounding.upon(bound, (rounded.sqrt() + left.sqrt()).powi(2)))
}
