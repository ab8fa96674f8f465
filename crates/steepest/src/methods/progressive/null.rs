//! The null model: the intercept alone.
use crate::glm::Glm;

/// The mean loss of the best intercept (of margins 0, where there is none), by Newton's method on the targets;
/// not below a millionth of that of margins 0, for with one class alone it would be 0.
pub fn null(glm: &Glm<'_>) -> f64 {
    let k = glm.outputs();
    let mut b = vec![0.0; k];
    let (mut least, _, _) = mean(glm, &b);
    let zero = least;
    for _ in 0..if glm.intercept { 30 } else { 0 } {
        let (value, slope, curvature) = mean(glm, &b);
        least = value.min(least);
        let moved: Vec<f64> = slope.iter().zip(&curvature).map(|(s, h)| s / h.max(1e-300)).collect();
        let far = moved.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        if !(far.is_finite() && far > 1e-6) {
            break;
        }
        // A step of more than 2 leaves what Newton's model knows of a logistic loss.
        let times = if glm.loss.rare() || k > 1 { (2.0 / far).min(1.0) } else { 1.0 };
        b.iter_mut().zip(&moved).for_each(|(b, m)| *b -= times * m);
    }
    least.max(1e-6 * zero)
}

fn mean(glm: &Glm<'_>, b: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    const BLOCK: usize = 256;
    let (k, n) = (b.len(), glm.target.len());
    let z: Vec<f64> = (0..BLOCK * k).map(|i| b[i % k]).collect();
    let (mut value, mut slope, mut h) =
        (vec![0.0; BLOCK], vec![0.0; BLOCK * k], vec![0.0; BLOCK * k]);
    let (mut sum, mut first, mut second) = (0.0, vec![0.0; k], vec![0.0; k]);
    for from in (0..n).step_by(BLOCK) {
        let m = BLOCK.min(n - from);
        let target = &glm.target[from..from + m];
        let (slope, h) = (&mut slope[..m * k], &mut h[..m * k]);
        glm.loss.jets(target, &z[..m * k], &mut value[..m], slope, h);
        for i in 0..m {
            let share = glm.share(from + i);
            sum += share * value[i];
            for o in 0..k {
                let p = h[i * k + o];
                first[o] += share * slope[i * k + o];
                second[o] += share * if k > 1 { p * (1.0 - p) } else { p };
            }
        }
    }
    (sum, first, second)
}
