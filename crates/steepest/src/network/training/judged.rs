//! What held-out rows say of a network, and how large its loss is where nothing is learnt.
use super::super::data::{Examples, Head, Picked};
use super::super::passes::{Number, Passes};

/// What held-out rows are judged by; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// The mean loss, negated.
    Loss,
    /// The part of the rows of which all outputs are on the right side, or whose class has the largest.
    Accuracy,
    /// The part of the targets' variance that is explained; the mean over the outputs.
    Variance,
}

/// What held-out rows say of the parameters.
pub fn judge<N: Number>(
    passes: &mut Passes<N>,
    x: &[N],
    data: &Examples<'_, N>,
    head: &Head,
    score: Score,
) -> f64 {
    let (all, k) = (Picked::From(0, data.rows), head.outputs);
    if score == Score::Loss {
        return -passes.loss(x, data, head, all, 1.0 / data.total());
    }
    let mut z = vec![0.0; data.rows * k];
    passes.outputs(x, data, all, &mut z);
    let targets = data.targets.chunks_exact(head.targets());
    let rows = || z.chunks_exact(k).zip(targets.clone()).enumerate();
    if score == Score::Accuracy {
        let right = |z: &[f64], t: &[f64]| {
            if head.loss.outputs() == 1 {
                return z.iter().zip(t).all(|(z, t)| (*z > 0.0) == (*t > 0.5));
            }
            z.iter().enumerate().all(|(j, v)| j == t[0] as usize || *v < z[t[0] as usize])
        };
        let sum: f64 = rows().map(|(i, (z, t))| data.weight(i) * f64::from(right(z, t))).sum();
        return sum / data.total();
    }
    head.loss.means(&mut z);
    let rows = || z.chunks_exact(k).zip(targets.clone()).enumerate();
    let explained = |j: usize| {
        let mean = rows().map(|(i, (_, t))| data.weight(i) * t[j]).sum::<f64>() / data.total();
        let sum = |from: &dyn Fn(&[f64]) -> f64| -> f64 {
            rows().map(|(i, (z, t))| data.weight(i) * (t[j] - from(z)).powi(2)).sum()
        };
        let (left, spread) = (sum(&|z| z[j]), sum(&|_| mean));
        if spread > 0.0 { 1.0 - left / spread } else { f64::from(left == 0.0) }
    };
    (0..k).map(explained).sum::<f64>() / k as f64
}

/// How large the loss of a few rows is where every output is 0; where that is nothing, where every output is 1 or -1.
pub(super) fn null<N: Number>(data: &Examples<'_, N>, head: &Head) -> f64 {
    let (rows, t) = (data.rows.min(480), head.targets());
    let mean = |z: f64| {
        let (margin, mut value) = (vec![z; rows * head.outputs], vec![0.0; rows * t]);
        head.loss.values(&data.targets[..rows * t], &margin, &mut value);
        head.factor * value.iter().map(|v| v.abs()).sum::<f64>() / rows as f64
    };
    let there = mean(0.0);
    if there > 0.0 { there } else { mean(1.0).max(mean(-1.0)) }
}
