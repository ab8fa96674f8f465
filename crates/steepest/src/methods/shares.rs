//! Newton's steps where coordinates are shares of a whole: each to the least of a quadratic on the simplex, which active
//! sets find exactly.
//!
//! Nocedal and Wright 2006, Numerical Optimization, section 16.5.
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::dot;
use crate::problem::Problem;
use crate::status::Halt;

/// Variables up to which a matrix of them is worth its making.
const MOST: usize = 300;
/// Steps at most.
const STEPS: usize = 200;
/// What rounding does to a value, as a part of it.
pub(super) const NOISE: f64 = 1e-14;
/// Steps that lower nothing but rounding before it is over.
const IDLE: usize = 6;

/// Goes down from `x`, which is on the simplex, as far as Newton's steps lead; the smooth part's value there. None where
/// the penalty is no such constraint, or where there is no second derivative.
pub(super) fn descend(problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Option<f64>, Halt> {
    let (penalty, n) = (problem.penalty(), x.len());
    let Some((inside, whole)) = penalty.shares() else { return Ok(None) };
    if n > MOST || !problem.facts().hessian {
        return Ok(None);
    }
    let (mut g, mut h, mut there) = (vec![0.0; n], vec![0.0; n * n], vec![0.0; n]);
    let mut value = problem.gradient(x, &mut g)?;
    let (mut idle, mut before) = (0, f64::INFINITY);
    for _ in 0..STEPS {
        problem.hessian(x, &mut h)?;
        if !value.is_finite() || g.iter().chain(&h).any(|v| !v.is_finite()) {
            break;
        }
        let to = least(&h, &g, x, inside, whole);
        let step: Vec<f64> = to.iter().zip(&*x).map(|(to, x)| to - x).collect();
        let bent = h.chunks_exact(n).zip(&step).map(|(row, s)| s * dot(row, &step)).sum::<f64>();
        let promise = -dot(&g, &step) - 0.5 * bent;
        // What drowns in rounding is believed while it falls: slopes show what values do not.
        let drowned = promise <= NOISE * value.abs();
        if !(promise > 0.0) || (drowned && promise > 0.25 * before) {
            break;
        }
        before = promise;
        let mut length = 1.0;
        let lower = loop {
            let trial: Vec<f64> = match length {
                1.0 => to.clone(),
                _ => x.iter().zip(&step).map(|(x, s)| x + length * s).collect(),
            };
            let f = problem.gradient(&trial, &mut there)?;
            let enough = value - 1e-4 * length * promise;
            if f <= enough
                || (drowned && f <= value + NOISE * value.abs())
                || (f < value && length < 1e-6)
            {
                x.copy_from_slice(&trial);
                g.copy_from_slice(&there);
                break value - f;
            }
            length *= 0.5;
            if length < 1e-12 {
                return Ok(Some(value));
            }
        };
        value -= lower;
        idle = if lower <= NOISE * value.abs() { idle + 1 } else { 0 };
        if idle >= IDLE {
            break;
        }
    }
    Ok(Some(value))
}

/// argmin g′v + ½ v′Hv over x + v on the simplex, from x: the least on a face, whose coordinates leave where they come
/// to 0, and enter where the slope at the least says that they would lower it.
fn least(h: &[f64], g: &[f64], x: &[f64], inside: &[usize], whole: f64) -> Vec<f64> {
    let n = x.len();
    // In units in which each coordinate's curvature is 1.
    let unit: Vec<f64> = (0..n)
        .map(|j| {
            let u = 1.0 / h[j * n + j].sqrt();
            if u.is_normal() { u } else { 1.0 }
        })
        .collect();
    let alike = |i: usize, j: usize| h[i * n + j] * unit[i] * unit[j];
    let mut share = vec![0.0; n];
    inside.iter().for_each(|&j| share[j] = unit[j]);
    let held = |j: usize| share[j] > 0.0;
    let mut y: Vec<f64> = x.iter().zip(&unit).map(|(x, u)| x / u).collect();
    let mut slope: Vec<f64> = g.iter().zip(&unit).map(|(g, u)| g * u).collect();
    let mut on: Vec<bool> = (0..n).map(|j| !held(j) || y[j] > 0.0).collect();
    let mut settled = false;
    for _ in 0..20 * n + 50 {
        let face: Vec<usize> = (0..n).filter(|&j| on[j]).collect();
        let m = face.len();
        let matrix: Vec<f64> = (0..m * m).map(|k| alike(face[k / m], face[k % m])).collect();
        let ridge = 64.0 * f64::EPSILON * (m + 1) as f64;
        let Some(factor) = Cholesky::new(m, &matrix, |_| ridge) else { break };
        let mut step: Vec<f64> = face.iter().map(|&j| -slope[j]).collect();
        let mut across: Vec<f64> = face.iter().map(|&j| share[j]).collect();
        let normal = across.clone();
        factor.solve(&mut step);
        factor.solve(&mut across);
        // What all shares pay for the whole.
        let price = dot(&normal, &step) / dot(&normal, &across);
        if !price.is_finite() {
            break;
        }
        step.iter_mut().zip(&across).for_each(|(s, a)| *s -= price * a);
        if settled {
            let pull = |j: usize| slope[j] + price * share[j];
            let noise = |j: usize| 1e-13 * (slope[j].abs() + (price * share[j]).abs());
            let most = (0..n)
                .filter(|&j| !on[j] && pull(j) < -noise(j))
                .min_by(|a, b| pull(*a).total_cmp(&pull(*b)));
            let Some(j) = most else { break };
            (on[j], settled) = (true, false);
            continue;
        }
        let mut length = 1.0;
        for (&j, s) in face.iter().zip(&step).filter(|(j, s)| held(**j) && **s < 0.0) {
            length = f64::min(length, y[j] / -s);
        }
        for (&j, s) in face.iter().zip(&step) {
            let to = y[j] + length * s;
            let left = held(j) && *s < 0.0 && y[j] <= length * -s;
            y[j] = if left { 0.0 } else { to };
            on[j] = !left;
        }
        for i in 0..n {
            slope[i] += length * face.iter().zip(&step).map(|(&j, s)| alike(i, j) * s).sum::<f64>();
        }
        settled = length == 1.0;
    }
    let mut to: Vec<f64> = y.iter().zip(&unit).map(|(y, u)| y * u).collect();
    let sum: f64 = inside.iter().map(|&j| to[j]).sum();
    if sum > 0.0 {
        inside.iter().for_each(|&j| to[j] *= whole / sum);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The conditions of Karush, Kuhn and Tucker: one price for all shares in use, and no lower one.
    #[test]
    fn the_least_on_the_simplex_has_one_price() {
        for seed in 0..50u64 {
            let n = 2 + seed as usize % 7;
            let draw = |k: usize| {
                let v =
                    (k as u64 + 1).wrapping_mul(6364136223846793005).wrapping_add(seed * 1442695);
                (v >> 33) as f64 / f64::from(1u32 << 30) - 1.0
            };
            let a: Vec<f64> = (0..n * n).map(draw).collect();
            let entry = |i: usize, j: usize| dot(&a[i * n..(i + 1) * n], &a[j * n..(j + 1) * n]);
            let h: Vec<f64> = (0..n * n)
                .map(|k| entry(k / n, k % n) + f64::from(u8::from(k / n == k % n)))
                .collect();
            let g: Vec<f64> = (0..n).map(|j| 3.0 * draw(1000 + j)).collect();
            // The last is free.
            let inside: Vec<usize> = (0..n - 1).collect();
            let mut x = vec![2.0 / (n - 1) as f64; n];
            x[n - 1] = 0.5;
            let to = least(&h, &g, &x, &inside, 2.0);
            let step: Vec<f64> = to.iter().zip(&x).map(|(t, x)| t - x).collect();
            let slope: Vec<f64> =
                (0..n).map(|i| g[i] + dot(&h[i * n..(i + 1) * n], &step)).collect();
            assert!((inside.iter().map(|&j| to[j]).sum::<f64>() - 2.0).abs() < 1e-12);
            assert!(slope[n - 1].abs() < 1e-8, "{slope:?}");
            let price = inside
                .iter()
                .filter(|j| to[**j] > 0.0)
                .map(|&j| slope[j])
                .fold(f64::INFINITY, f64::min);
            for &j in &inside {
                assert!(to[j] >= 0.0);
                assert!(
                    slope[j] >= price - 1e-8 && (to[j] == 0.0 || slope[j] <= price + 1e-8),
                    "{slope:?} {to:?}"
                );
            }
        }
    }
}
