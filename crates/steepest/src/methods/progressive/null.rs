//! The null model: the intercept alone.
use super::sample;
use crate::glm::{Glm, Sample};

/// The best intercept over all rows and its mean loss; margins 0, where there is none that is free.
pub fn least(glm: &Glm<'_>, free: bool) -> (Vec<f64>, f64) {
    let all = sample::rows(glm, None, glm.target.len(), 0);
    let zero = vec![0.0; glm.outputs()];
    let nothing = mean(glm, &all, &zero).0;
    if !free {
        return (zero, nothing);
    }
    let (best, value) = model(glm, &all);
    if value < nothing { (best, value) } else { (zero, nothing) }
}

/// The best intercept over some rows and its mean loss, by Newton's method on the targets: of one output within a bracket, so that no
/// size or offset of the targets, and no start without curvature, leads it astray.
pub fn model(glm: &Glm<'_>, rows: &Sample) -> (Vec<f64>, f64) {
    let best = if glm.outputs() == 1 { vec![single(glm, rows)] } else { several(glm, rows) };
    let value = mean(glm, rows, &best).0;
    (best, value)
}

fn single(glm: &Glm<'_>, rows: &Sample) -> f64 {
    let at = |b: f64| {
        let (value, slope, curvature) = mean(glm, rows, &[b]);
        (value, slope[0], curvature[0])
    };
    let (start, first, bend) = at(0.0);
    if !(first.abs() > 0.0 && start.is_finite()) {
        return 0.0;
    }
    let way = -first.signum();
    let newton = first.abs() / bend;
    let (mut low, mut high) = (0.0, if newton <= 1.0 { newton } else { 1.0 });
    // Out until the slope turns, or is next to nothing: with one class alone it never turns.
    loop {
        let (value, slope, _) = at(way * high);
        if !value.is_finite() || slope * way >= 0.0 {
            break;
        }
        if slope.abs() <= 1e-6 * first.abs() || high > 1e300 {
            return way * high;
        }
        (low, high) = (high, 4.0 * high);
    }
    let mut b = 0.5 * (low + high);
    for _ in 0..100 {
        let (value, slope, bend) = at(way * b);
        let below = value.is_finite() && slope * way < 0.0;
        *(if below { &mut low } else { &mut high }) = b;
        if value.is_finite() && slope.abs() <= 1e-9 * first.abs() || high - low <= 1e-9 * high {
            break;
        }
        let newton = b - slope * way / bend;
        b = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
    }
    way * b
}

fn several(glm: &Glm<'_>, rows: &Sample) -> Vec<f64> {
    let mut b = vec![0.0; glm.outputs()];
    let mut best = (mean(glm, rows, &b).0, b.clone());
    for _ in 0..30 {
        let (value, slope, curvature) = mean(glm, rows, &b);
        if value < best.0 {
            best = (value, b.clone());
        }
        let moved: Vec<f64> = slope.iter().zip(&curvature).map(|(s, h)| s / h.max(1e-300)).collect();
        let far = moved.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        if !(far.is_finite() && far > 1e-6) {
            break;
        }
        // A step of more than 2 leaves what Newton's model knows of a logistic loss.
        let times = (2.0 / far).min(1.0);
        b.iter_mut().zip(&moved).for_each(|(b, m)| *b -= times * m);
    }
    best.1
}

fn mean(glm: &Glm<'_>, rows: &Sample, b: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    const BLOCK: usize = 256;
    let k = b.len();
    let z: Vec<f64> = (0..BLOCK * k).map(|i| b[i % k]).collect();
    let (mut value, mut slope, mut h) =
        (vec![0.0; BLOCK], vec![0.0; BLOCK * k], vec![0.0; BLOCK * k]);
    let (mut all, mut sum, mut first, mut second) = (0.0, 0.0, vec![0.0; k], vec![0.0; k]);
    let target: Vec<f64> = rows.rows().map(|i| glm.target[i]).collect();
    for (target, share) in target.chunks(BLOCK).zip(rows.share.chunks(BLOCK)) {
        let m = target.len();
        let (slope, h) = (&mut slope[..m * k], &mut h[..m * k]);
        glm.loss.jets(target, &z[..m * k], &mut value[..m], slope, h);
        for (i, &share) in share.iter().enumerate() {
            if share == 0.0 {
                continue;
            }
            all += share;
            sum += share * value[i];
            for o in 0..k {
                let p = h[i * k + o];
                first[o] += share * slope[i * k + o];
                second[o] += share * if k > 1 { p * (1.0 - p) } else { p };
            }
        }
    }
    let times = if all > 0.0 { 1.0 / all } else { 0.0 };
    first.iter_mut().chain(&mut second).for_each(|v| *v *= times);
    (sum * times, first, second)
}
