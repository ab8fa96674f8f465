//! Interior points in one number a row, for losses made of half squares: c·max(0, σ(at − z))² at each kink of a row with the margin
//! z. Its slope there is one dual variable a ≥ 0, and with the slack u = a/2c − σ(at − z) ≥ 0 the end is where every a·u is 0.
//! Mehrotra's predictor and corrector (1992, <https://doi.org/10.1137/0802028>) take one matrix over the rows a step and some
//! twelve steps, however many kinks are crossed on the way: Newton's method crosses them one group after another.
use super::kernel_matrix::KernelMatrix;
use super::kernel_newton::{About, KernelPoint};
use crate::linalg::cholesky::Factored;
use crate::status::Halt;

/// A kink of a row that counts.
struct HalfSquare {
    row: usize,
    /// 1 where what lies below it costs, −1 where what lies above it does.
    sign: f64,
    at: f64,
    /// What the square is multiplied by.
    c: f64,
}

/// Steps at most.
const STEPS: usize = 40;
/// How near a step goes to where something would be 0.
const NEAR: f64 = 0.995;
/// The gap beside F at which Newton's method goes on: no row that counts is on a wrong side of a kink by then. At 1e-6 dozens are, on
/// 2000 rows with 5000 raw columns, and steps across them are cut to a millionth; three steps more leave nothing to do.
const ENOUGH: f64 = 1e-10;
/// The gap that will do where the arithmetic ends before.
const NEARLY: f64 = 1e-6;
/// What rows that are left out may sum up to.
const LEFT_OUT: f64 = 1e-3;

/// The dual variables, their slacks and the intercept.
struct SlackedDual {
    a: Vec<f64>,
    u: Vec<f64>,
    b: f64,
}

/// How these change.
struct SlackedStep {
    a: Vec<f64>,
    u: Vec<f64>,
    b: f64,
}

/// A point next to the end; none where it does not get there.
pub fn approach<N: Factored>(
    about: &About<'_, N>,
    b: f64,
    room: &mut Vec<N>,
    pause: &mut dyn FnMut() -> Result<(), Halt>,
) -> Result<Option<KernelPoint>, Halt> {
    let n = about.rows.len();
    let ends = ends(about);
    let mut at = begin(about, &ends, b);
    let mut near = None;
    for _ in 0..STEPS {
        pause()?;
        let mut s = vec![0.0; n];
        ends.iter().zip(&at.a).for_each(|(end, a)| s[end.row] += end.sign * a);
        let mut z = about.times(&s);
        z.iter_mut().for_each(|z| *z += at.b);
        let point = KernelPoint { s, b: at.b, z };
        let missing = about.missing(&point.s, at.b);
        let missed: Vec<f64> =
            ends.iter().map(|end| end.sign * (end.at - point.z[end.row])).collect();
        let (mut value, mut gap) =
            (about.penalty(&point), missing.map_or(0.0, |m| at.b * m.1).abs());
        for ((end, v), a) in ends.iter().zip(&missed).zip(&at.a) {
            value += end.c * v.max(0.0).powi(2);
            gap += end.c * (v.max(0.0) - 0.5 * a / end.c).powi(2) + a * (-v).max(0.0);
        }
        if gap <= ENOUGH * value {
            return Ok(Some(point));
        }
        if !gap.is_finite() {
            break;
        }
        if gap <= NEARLY * value {
            near = Some(point.clone());
        }
        let stiff: Vec<f64> = ends
            .iter()
            .zip(at.a.iter().zip(&at.u))
            .map(|(end, (a, u))| 1.0 / (0.5 / end.c + u / a))
            .collect();
        let mut w = vec![0.0; n];
        ends.iter().zip(&stiff).for_each(|(end, p)| w[end.row] += p);
        let Some(matrix) = KernelMatrix::new(about.kernel, &w, LEFT_OUT, room) else { break };
        // By which products a·u are to change.
        let course = |products: &[f64]| {
            let off = |k: usize| {
                let (end, a, u) = (&ends[k], at.a[k], at.u[k]);
                missed[k] + u - 0.5 * a / end.c + products[k] / a
            };
            let off: Vec<f64> = (0..ends.len()).map(off).collect();
            let mut left = vec![0.0; n];
            for ((end, p), q) in ends.iter().zip(&stiff).zip(&off) {
                left[end.row] -= end.sign * p * q;
            }
            let (ds, b) = matrix.step((&left, &about.times(&left)), missing);
            let dz = about.times(&ds);
            let mut course = SlackedStep { a: Vec::new(), u: Vec::new(), b };
            for (k, (end, p)) in ends.iter().zip(&stiff).enumerate() {
                let da = p * (off[k] - end.sign * (dz[end.row] + b));
                course.a.push(da);
                course.u.push((products[k] - at.u[k] * da) / at.a[k]);
            }
            course
        };
        let mean =
            |of: &dyn Fn(usize) -> f64| (0..ends.len()).map(of).sum::<f64>() / ends.len() as f64;
        let mu = mean(&|k| at.a[k] * at.u[k]);
        let plain: Vec<f64> = at.a.iter().zip(&at.u).map(|(a, u)| -a * u).collect();
        let first = course(&plain);
        let length = at.room(&first).min(1.0);
        let after = mean(&|k| (at.a[k] + length * first.a[k]) * (at.u[k] + length * first.u[k]));
        let target = mu * (after / mu).powi(3);
        let products: Vec<f64> = plain
            .iter()
            .zip(first.a.iter().zip(&first.u))
            .map(|(p, (a, u))| p + target - a * u)
            .collect();
        let course = course(&products);
        let length = (NEAR * at.room(&course)).min(1.0);
        at.a.iter_mut().zip(&course.a).for_each(|(v, d)| *v += length * d);
        at.u.iter_mut().zip(&course.u).for_each(|(v, d)| *v += length * d);
        at.b += length * course.b;
    }
    Ok(near)
}

impl SlackedDual {
    /// How far along a course nothing is below 0.
    fn room(&self, along: &SlackedStep) -> f64 {
        let of = |v: &[f64], d: &[f64]| {
            let each = v.iter().zip(d).filter(|(_, d)| **d < 0.0).map(|(v, d)| -v / d);
            each.fold(f64::INFINITY, f64::min)
        };
        of(&self.a, &along.a).min(of(&self.u, &along.u))
    }
}

/// The kinks of all rows that count.
fn ends<N>(about: &About<'_, N>) -> Vec<HalfSquare> {
    let rows = about.rows;
    let of = |row: usize| {
        let share = rows.share[row];
        let each = rows.kinks(row).into_iter().flat_map(move |kink| {
            [(1.0, kink.down), (-1.0, kink.up)].map(|(sign, c)| HalfSquare {
                row,
                sign,
                at: kink.at,
                c: share * c,
            })
        });
        each.filter(|end| end.c > 0.0)
    };
    (0..rows.len()).flat_map(of).collect()
}

/// Every dual variable as if its row were the only one, those of both signs in balance where there is an intercept.
fn begin<N: Factored>(about: &About<'_, N>, ends: &[HalfSquare], b: f64) -> SlackedDual {
    let n = about.rows.len();
    let count = ends.len().max(1) as f64;
    let far = ends.iter().map(|end| (end.at - b).abs()).sum::<f64>() / count;
    let mut a: Vec<f64> = ends
        .iter()
        .map(|end| far / (about.kernel[end.row * (n + 1)].to_f64() + 0.5 / end.c))
        .collect();
    let sum = |a: &[f64], sign: f64| {
        ends.iter().zip(a).filter(|(e, _)| e.sign == sign).map(|(_, a)| a).sum::<f64>()
    };
    let (up, down) = (sum(&a, 1.0), sum(&a, -1.0));
    if about.intercept.is_some() && up > 0.0 && down > 0.0 {
        for (end, a) in ends.iter().zip(&mut a) {
            *a *= 2.0 * if end.sign > 0.0 { down } else { up } / (up + down);
        }
    }
    let mut s = vec![0.0; n];
    ends.iter().zip(&a).for_each(|(end, a)| s[end.row] += end.sign * a);
    let z = about.times(&s);
    let slack = |(end, a): (&HalfSquare, &f64)| {
        (0.5 * a / end.c - end.sign * (end.at - z[end.row] - b)).max(0.0) + far
    };
    let u = ends.iter().zip(&a).map(slack).collect();
    SlackedDual { a, u, b }
}
