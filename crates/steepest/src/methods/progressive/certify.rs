//! The bound on F − F*: Fenchel duality with a dual point corrected on few rows only.
//!
//! For any weights h_i ≥ 0 and any v, with u_i = h_i x_i′v on the rows S and p = −g − Σ_S ω_i u_i x_i:
//! F − F* ≤ Σ_S ω_i D_i*(u_i) + ½ p′A⁻¹p, where D_i* is the conjugate of the Bregman distance of the loss at the
//! row's margin and ω_i its share. Why: F(x + y) − F(x) = g′y + Σ ω_i D_i(x_i′y) + ½ y′Ay; drop the rows outside
//! S, for D_i ≥ 0; Fenchel and Young on each term that is left. v = −B⁻¹g with B the Hessian over S makes
//! p = Av, and the bound at most 1 to 2 times ½ g′B⁻¹g. No other read of the table is needed.
use super::ground::Seen;
use super::metric::{curvatures, factor};
use crate::gram::Rounded;
use crate::vectors::dot;

/// A point whose distance from the optimum is asked for.
pub struct Point<'a> {
    /// F there.
    pub value: f64,
    /// Its gradient, the penalty's included.
    pub g: &'a [f64],
    /// The rows S.
    pub rows: &'a [u32],
    /// Their margins.
    pub z: &'a [f64],
}

/// A bound on F − F*; none where this dual point proves nothing.
pub fn bound(seen: Seen<'_>, at: &Point<'_>) -> Option<f64> {
    let rounded = Rounded { glm: seen.glm, scaling: seen.scaling, rows: at.rows };
    let target: Vec<f64> = at.rows.iter().map(|&i| seen.glm.target[i as usize]).collect();
    let share: Vec<f64> = at.rows.iter().map(|&i| seen.glm.share(i as usize)).collect();
    let mut h = curvatures(seen, &target, at.z);
    h.iter_mut().for_each(|h| *h = h.max(0.0));
    for _ in 0..6 {
        let weight: Vec<f64> = h.iter().zip(&share).map(|(h, s)| h * s).collect();
        let b = factor(seen, at.rows, &weight, 0.0);
        let energy = b.energy(at.g);
        let mut v: Vec<f64> = at.g.iter().map(|g| -g).collect();
        b.solve(&mut v);
        let each = |i: usize, t: f64| {
            let u = h[i] * t;
            let d = if share[i] == 0.0 {
                0.0
            } else {
                share[i] * seen.glm.loss.conjugate_distance(target[i], &[at.z[i]], &[u])
            };
            (share[i] * u, d)
        };
        let mut swept = rounded.sweep(&v, each);
        let residual = |v: &[f64], sum: &[f64]| -> Vec<f64> {
            let terms = at.g.iter().zip(sum).zip(v.iter().zip(&seen.ground.penalty));
            terms.map(|((g, s), (v, a))| -g - s - a * v).collect()
        };
        let mut e = residual(&v, &swept.sum);
        for _ in 0..2 {
            if b.energy(&e) <= 1e-24 * energy {
                break;
            }
            let mut more = e.clone();
            b.solve(&mut more);
            let next: Vec<f64> = v.iter().zip(&more).map(|(v, m)| v + m).collect();
            let again = rounded.sweep(&next, each);
            let left = residual(&next, &again.sum);
            if !(b.energy(&left) < b.energy(&e)) {
                break;
            }
            (v, swept, e) = (next, again, left);
        }
        if swept.value.is_finite() {
            let allowance = (b.energy(&e) / energy).sqrt();
            return close(seen, at, &swept.sum, &swept.size, &b.dropped(), allowance)
                .map(|rest| (swept.value + rest.0) * rest.1 * (1.0 + 1e-6))
                .map(|bound| bound + 8.0 * f64::EPSILON * at.value.abs());
        }
        shrink(seen, at, &rounded, &v, &target, &mut h);
    }
    None
}

/// ½ p′A⁻¹p over the penalised coordinates and the factor for what is left of p in the others; none where too
/// much is left.
pub fn close(
    seen: Seen<'_>,
    at: &Point<'_>,
    sum: &[f64],
    size: &[f64],
    dropped: &[usize],
    allowance: f64,
) -> Option<(f64, f64)> {
    let mut half = 0.0;
    let mut free = false;
    for (j, a) in seen.ground.penalty.iter().enumerate() {
        let p = -at.g[j] - sum[j];
        if *a > 0.0 {
            half += 0.5 * p * p / a;
        } else if dropped.contains(&j) {
            // Sums that should be 0 are only as small as rounding leaves them.
            let rounding = 1e-14 * seen.scaling.offset(j) * at.value.abs().sqrt().max(at.value.abs());
            if p.abs() > 1e-9 * (at.g[j].abs() + size[j]) + rounding {
                return None;
            }
        } else {
            free = true;
        }
    }
    if free && !(allowance <= 0.1) {
        return None;
    }
    Some((half, if free { 1.0 + 3.0 * allowance } else { 1.0 }))
}

/// Where u leaves the conjugate's domain, a smaller weight keeps it at half the way.
fn shrink(
    seen: Seen<'_>,
    at: &Point<'_>,
    rounded: &Rounded<'_>,
    v: &[f64],
    target: &[f64],
    h: &mut [f64],
) {
    let w = rounded.width();
    let (d, mut raw, mut row) = (seen.glm.design.columns(), Vec::new(), vec![0.0; w]);
    raw.resize(d, 0.0);
    for i in 0..h.len() {
        seen.glm.design.gather(&at.rows[i..i + 1], &mut raw);
        seen.scaling.rows(&raw, &[1.0], &mut row);
        let t = dot(&row, v);
        let edge = seen.glm.loss.conjugate_edge(target[i], at.z[i], t);
        if h[i] * t.abs() >= edge {
            h[i] = h[i].min(edge / (2.0 * t.abs()));
        }
    }
}
