//! A search along a line on stored margins: no read of the table.
use super::ground::Seen;
use crate::pool::pool;
use crate::vectors::ahead;

/// How far to go from `u` along `v`, where margins change from `z` at the rate `t`: safeguarded Newton on the
/// slope, until it is a tenth of the first. 0 where no step lowers F.
pub fn search(seen: Seen<'_>, (u, v): (&[f64], &[f64]), (z, t): (&[f64], &[f64])) -> f64 {
    let at = |a: f64| along(seen, (u, v), (z, t), a);
    let first = at(0.0);
    if !(first.slope < 0.0) {
        return 0.0;
    }
    let (mut low, mut high, mut a) = (0.0f64, f64::INFINITY, 1.0);
    let mut best = (first.value, 0.0);
    for _ in 0..120 {
        let here = at(a);
        if here.value < best.0 {
            best = (here.value, a);
        }
        if here.slope.abs() <= 0.1 * first.slope.abs() && here.value <= first.value {
            return a;
        }
        // A value that is not finite, or above the start, is too far whatever its slope.
        let over = !(here.value <= first.value);
        if here.slope < 0.0 && !over {
            low = a;
        } else {
            high = a;
        }
        let newton = a - here.slope / here.curvature;
        let reach = (10.0 * low.max(0.1)).min(high);
        // Above the start Newton's step would come back in steps of the same length: where the loss grows
        // exponentially there may be hundreds of them.
        a = if newton > low && newton < reach && !over {
            newton
        } else if high.is_finite() && low > 0.0 {
            (low * high).sqrt()
        } else if high.is_finite() {
            0.1 * high
        } else {
            reach
        };
        if high - low <= 1e-12 * high || high < 1e-30 {
            break;
        }
    }
    best.1
}

#[derive(Default)]
struct Along {
    value: f64,
    slope: f64,
    curvature: f64,
}

fn along(
    seen: Seen<'_>,
    (u, v): (&[f64], &[f64]),
    (z, t): (&[f64], &[f64]),
    a: f64,
) -> Along {
    const PART: usize = 8192;
    let (n, k) = (seen.len(), seen.glm.outputs());
    let parts = pool().map(n.div_ceil(PART), |part| {
        let places = part * PART..n.min((part + 1) * PART);
        let (z, t) = (&z[places.start * k..places.end * k], &t[places.start * k..places.end * k]);
        let mut moved = vec![0.0; z.len()];
        ahead(z, a, t, &mut moved);
        let mut sum = Along::default();
        seen.jets(places.clone(), &moved, |p, value, slope, h| {
            let (share, at) = (seen.share(p), p - places.start);
            if share == 0.0 {
                return;
            }
            let t = &t[at * k..(at + 1) * k];
            sum.value += share * value;
            sum.slope += share * slope.iter().zip(t).map(|(s, t)| s * t).sum::<f64>();
            let bent: f64 = h.iter().zip(t).map(|(h, t)| h * t * t).sum();
            let mean: f64 = if k > 1 { h.iter().zip(t).map(|(h, t)| h * t).sum() } else { 0.0 };
            sum.curvature += share * (bent - mean * mean);
        });
        sum
    });
    let mut sum = Along::default();
    for part in parts {
        sum.value += part.value;
        sum.slope += part.slope;
        sum.curvature += part.curvature;
    }
    for ((pen, u), v) in seen.ground.penalty.iter().zip(u).zip(v) {
        let x = u + a * v;
        sum.value += 0.5 * pen * x * x;
        sum.slope += pen * x * v;
        sum.curvature += pen * v * v;
    }
    sum
}
