//! The bound on F − F* of several outputs, as `certify` has it of one.
use super::certify::{NEXT_TO_NOTHING, Point, close, ended, reach};
use super::joint_metric::{ClassRows, Joint, Span, bend};
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::vectors::dot;

/// Rounds in which rows beyond their domain are given less to say.
const ROUNDS: usize = 6;
/// Steps of conjugate gradients that take the factor's rounding out of the dual point.
const REFINEMENTS: usize = 12;

/// A bound on F − F*, as for one output, with u_i = c_i (diag p − p p′) t_i and 0 ≤ c_i ≤ 1; none where this dual
/// point proves nothing.
pub fn bound(at: &Point<'_>) -> Option<f64> {
    let (of, k, held) = (at.few.held, at.few.held.outputs(), ClassRows::of(at.few));
    let share = &*of.share;
    if let Span::Plain { margins, .. } = held.basis {
        return plain(at, &held, margins);
    }
    let mut c = vec![1.0; share.len()];
    for _ in 0..ROUNDS {
        let portion: Vec<f64> = share.iter().zip(&c).map(|(s, c)| s * c).collect();
        let b = held.joint(&portion);
        let (v, e) = dual(&held, &b, &portion, at.g);
        let (sum, size, value) = held.sweep(&v, |i, t| {
            if share[i] == 0.0 {
                t.fill(0.0);
                return 0.0;
            }
            bend(&held.p[i * k..(i + 1) * k], t, c[i]);
            let distance = of.conjugate_distance(i, t);
            t.iter_mut().for_each(|t| *t *= share[i]);
            share[i] * distance
        });
        if value.is_finite() {
            let inward = |v: &[f64]| held.basis.inward(v);
            let (g, sum, left) = (inward(at.g), inward(&sum), inward(&e));
            // Each contrast takes from all classes.
            let all = size.chunks_exact(held.width).fold(vec![0.0; held.width], |mut all, size| {
                all.iter_mut().zip(size).for_each(|(a, s)| *a += s);
                all
            });
            let size = all.repeat(k - 1);
            let dropped = reach(at.few, &b.dropped(g.len()));
            let each = held.p.chunks_exact(k).zip(&portion);
            let bend: f64 =
                each.map(|(p, w)| w * p.iter().map(|p| p * (1.0 - p)).sum::<f64>()).sum();
            let (penalty, point) = (&at.few.penalty[..g.len()], (&g[..], at.rounding));
            let closed = close(penalty, point, (&sum, &size), &dropped, (&left, bend / k as f64))?;
            let left = held.basis.outward(closed.left);
            let shared = shared(at.g, held.width, penalty, bend / k as f64);
            return ended(at, value + closed.half + shared, &left, |g| b.energy_at_most(g));
        }
        for (i, x) in held.x.chunks_exact(held.width).enumerate() {
            let t: Vec<f64> = v.chunks_exact(held.width).map(|v| dot(x, v)).collect();
            let p = &held.p[i * k..(i + 1) * k];
            let tau = dot(p, &t) - t.iter().fold(f64::INFINITY, |a, b| a.min(*b));
            if c[i] * tau >= 1.0 {
                c[i] = c[i].min(0.5 / tau);
            }
        }
    }
    None
}

/// What may be left of p, squared, beside the gradient: none is asked for where it is `EXACT`, nothing is proved with more
/// than `LEFT`, which is counted to first order.
const EXACT: f64 = 1e-24;
const LEFT: f64 = 1e-8;
/// Halvings of a row's step that ends where its loss is not finite.
const HALVINGS: usize = 30;

/// The same over outputs as they are, with u_i the change of a row's slopes where its margins move by t_i: at the end of
/// that step the loss touches its tangent, so that no conjugate need be written out, or looked for; nor does a change ever
/// leave its domain. It is H_i t_i to first order, and so for a loss of margins and a scale, of which no H_i t_i is
/// inside.
fn plain(at: &Point<'_>, held: &ClassRows, margins: usize) -> Option<f64> {
    let (of, share) = (at.few.held, &*at.few.held.share);
    let b = held.joint(share);
    let swept = |v: &[f64]| {
        let (sum, size, value) = held.sweep(v, |i, t| {
            if share[i] == 0.0 {
                t.fill(0.0);
                return 0.0;
            }
            let mut u = vec![0.0; t.len()];
            for _ in 0..HALVINGS {
                let distance = of.dual(i, t, &mut u);
                if distance.is_finite() {
                    t.iter_mut().zip(&u).for_each(|(t, u)| *t = share[i] * u);
                    return share[i] * distance;
                }
                t.iter_mut().for_each(|t| *t *= 0.5);
            }
            t.fill(0.0);
            0.0
        });
        let terms = at.g.iter().zip(&sum).zip(v.iter().zip(at.few.penalty));
        let left: Vec<f64> = terms.map(|((g, s), (v, a))| -g - s - a * v).collect();
        (sum, size, value, left)
    };
    let (mut v, _) = dual(held, &b, share, at.g);
    let mut found = swept(&v);
    // What is left of p, of second order, is of fourth after another of Newton's steps, and so on: until it is rounding.
    for _ in 0..REFINEMENTS {
        if !(b.energy(&found.3) > EXACT * b.energy(at.g)) {
            break;
        }
        let mut more = found.3.clone();
        b.solve(&mut more);
        let next: Vec<f64> = v.iter().zip(&more).map(|(v, m)| v + m).collect();
        let there = swept(&next);
        if !(b.energy(&there.3) < b.energy(&found.3)) {
            break;
        }
        (v, found) = (next, there);
    }
    let (sum, size, value, left) = found;
    if !(b.energy(&left) <= LEFT * b.energy(at.g)
        || 0.5 * b.energy(&left) <= at.rounding.energy(|g| b.energy(g)))
    {
        return None;
    }
    let dropped = reach(at.few, &b.dropped(v.len()));
    let bend: f64 = of.traces().iter().zip(share).map(|(h, s)| h * s).sum();
    let (point, sums) = ((at.g, at.rounding), (&sum[..], &size[..]));
    let closed = close(at.few.penalty, point, sums, &dropped, (&left, bend / margins as f64))?;
    ended(at, value + closed.half, &closed.left, |g| b.energy_at_most(g))
}

/// ½ p′A⁻¹p of what the classes have in common, which no contrast has: the losses do not mind it, a penalty does.
fn shared(g: &[f64], width: usize, penalty: &[f64], bend: f64) -> f64 {
    let k = (g.len() / width) as f64;
    let of = |j: usize| g.iter().skip(j).step_by(width).sum::<f64>();
    let held = (0..width).filter(|&j| penalty[j] > NEXT_TO_NOTHING * bend);
    held.map(|j| 0.5 * of(j).powi(2) / (k * penalty[j])).sum()
}

/// v = −B⁻¹g by conjugate gradients round the factor, and what is left of −g − Bv.
fn dual(held: &ClassRows, b: &Joint, portion: &[f64], g: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let solved = |e: &[f64]| {
        let mut y = e.to_vec();
        b.solve(&mut y);
        y
    };
    let e: Vec<f64> = g.iter().map(|g| -g).collect();
    let y = solved(&e);
    let mut cg = ConjugateGradients::new(e, y);
    let first = cg.energy;
    for _ in 0..REFINEMENTS {
        if !(cg.energy > 1e-26 * first) {
            break;
        }
        let bent = held.product(&cg.p, portion);
        let length = cg.length(&bent);
        if !length.is_finite() {
            break;
        }
        cg.go(length, &bent);
        let y = solved(&cg.r);
        cg.turn(Some(&y));
    }
    (cg.v, cg.r)
}
