use crate::loss::{Block, Joint, Outputs, entropy};
use crate::numbers::real::Real;

crate::settings! {
    /// Log-loss of several classes: the target is the class, 0, 1, 2 …, and a row has one margin a class.
    /// ln Σ_k e^(z_k) − z_target, the probability of class k being e^(z_k) / Σ_l e^(z_l).
    ///
    /// Bridle 1990, <https://doi.org/10.1007/978-3-642-76153-9_28>.
    "softmax" Softmax {}
}

impl Joint for Softmax {
    const NUMBERS: &'static [&'static str] = &["margin_0", "margin_1", "margin_2"];
    const OUTPUTS: Outputs = Outputs::Many;
    const CLASSES: bool = true;
    /// With d_k = z_k − z_target and m the largest of them and 0: m + ln(1 + Σ_{k ≠ target} e^(d_k − m) + e^−m − 1),
    /// exact where the target's probability is next to 1 (m = 0, a small sum) and where it is next to 0.
    fn value<N: Real>(_: Softmax<N>, target: N, margin: &[N]) -> N {
        let zero = N::lit(0.0);
        // > 0 for the target's own margin.
        let own = |k: usize| N::lit(0.5) - (target - N::lit(k as f64)).abs();
        let picked = margin.iter().enumerate().map(|(k, z)| own(k).positive(*z, zero));
        let at = picked.reduce(|a, b| a + b).unwrap_or(zero);
        let m = margin.iter().fold(zero, |m, z| m.max(*z - at));
        let others =
            margin.iter().enumerate().map(|(k, z)| own(k).positive(zero, (*z - at - m).exp()));
        let sum = others.reduce(|a, b| a + b).unwrap_or(zero);
        m + (sum + ((-m).exp() - N::lit(1.0))).ln_1p()
    }
    fn refuses(_: &Self, target: f64, classes: usize) -> Option<&'static str> {
        let class = target >= 0.0 && target < classes as f64 && target.fract() == 0.0;
        (!class).then_some("softmax needs targets 0, 1, 2 … up to one less than the classes")
    }
    fn block(self, outputs: usize) -> Box<dyn Block> {
        Box::new(Classes { outputs: outputs.max(2) })
    }
}

/// [`Softmax`] at work on rows of so many margins.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    /// Classes.
    pub outputs: usize,
}

const LANES: usize = 8;

/// The sum in lanes, so that it is the same on every instruction set.
#[inline(always)]
fn sum(x: &[f64]) -> f64 {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut acc = [0.0; LANES];
    for c in chunks {
        for l in 0..LANES {
            acc[l] += c[l];
        }
    }
    let rest: f64 = tail.iter().fold(0.0, |a, b| a + b);
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7])) + rest
}

/// Turns the margins of rows into e^(z_k − z_target − m), 0 at the target, and `value` into m.
#[inline(always)]
fn exponentials(target: &[f64], z: &mut [f64], value: &mut [f64], k: usize) {
    for ((z, t), value) in z.chunks_exact_mut(k).zip(target).zip(&mut *value) {
        let t = *t as usize;
        let at = z[t];
        let mut m = 0.0f64;
        for z in z.iter_mut() {
            *z -= at;
            m = Real::max(*z, m);
        }
        z.iter_mut().for_each(|z| *z -= m);
        z[t] = f64::NEG_INFINITY;
        *value = m;
    }
    for z in z {
        *z = Real::exp(*z);
    }
}

crate::simd! {
    fn values[](target: &[f64], z: &mut [f64], value: &mut [f64], k: usize) {
        exponentials(target, z, value, k);
        for (z, value) in z.chunks_exact(k).zip(value) {
            let m = *value;
            *value = m + Real::ln_1p(sum(z) + (Real::exp(-m) - 1.0));
        }
    }
}
crate::simd! {
    /// `probability` where asked for (as long as z) gets p.
    fn slopes[](target: &[f64], z: &mut [f64], value: &mut [f64], probability: &mut [f64], k: usize) {
        exponentials(target, z, value, k);
        for (i, (z, value)) in z.chunks_exact_mut(k).zip(value).enumerate() {
            let (m, others, t) = (*value, sum(z), target[i] as usize);
            let own = Real::exp(-m);
            *value = m + Real::ln_1p(others + (own - 1.0));
            let inverse = 1.0 / (others + own);
            z.iter_mut().for_each(|z| *z *= inverse);
            if !probability.is_empty() {
                let p = &mut probability[i * k..(i + 1) * k];
                p.copy_from_slice(z);
                p[t] = own * inverse;
            }
            // p − 1 without the loss of digits where p is next to 1.
            z[t] = -others * inverse;
        }
    }
}

impl Block for Classes {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        values(target, &mut margin.to_vec(), value, self.outputs);
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        slopes(target, margin, value, &mut [], self.outputs);
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        slope.copy_from_slice(margin);
        slopes(target, slope, value, curvature, self.outputs);
    }
    /// diag(p) − p p′, h being p.
    fn bend(&self, h: &[f64], t: &mut [f64], share: &[f64]) {
        let rows = t.chunks_exact_mut(self.outputs).zip(h.chunks_exact(self.outputs));
        for (i, (t, h)) in rows.enumerate() {
            let share = share.get(i).copied().unwrap_or(1.0);
            let mean: f64 = h.iter().zip(&*t).map(|(p, t)| p * t).sum();
            t.iter_mut().zip(h).for_each(|(t, p)| *t = p * (*t - mean) * share);
        }
    }
    fn bends(&self, p: &[f64], a: usize, b: usize) -> f64 {
        p[a] * (f64::from(a == b) - p[b])
    }
    fn bent(&self, p: &[f64], t: &[f64]) -> f64 {
        let mean: f64 = p.iter().zip(t).map(|(p, t)| p * t).sum();
        p.iter().zip(t).map(|(p, t)| p * t * t).sum::<f64>() - mean * mean
    }
    fn level(&self) -> bool {
        true
    }
    /// KL(p + u ‖ p) where u sums to 0, as every change of the slopes does.
    fn conjugate_distance(&self, target: f64, margin: &[f64], u: &[f64]) -> f64 {
        let size: f64 = u.iter().map(|u| u.abs()).sum();
        if u.iter().sum::<f64>().abs() > 1e-12 * size.max(1e-3) {
            return f64::INFINITY;
        }
        let (mut p, mut slope) = (vec![0.0; u.len()], margin.to_vec());
        slopes(&[target], &mut slope, &mut [0.0], &mut p, self.outputs);
        let terms = p.iter().zip(u).map(|(p, u)| match (*p > 0.0, *u == 0.0) {
            (_, true) => 0.0,
            (true, false) => p * entropy(u / p),
            (false, false) => f64::INFINITY,
        });
        terms.sum()
    }
    /// Where u ends depends on more than a sign: [`conjugate_distance`](Block::conjugate_distance) says so.
    fn conjugate_edge(&self, _: f64, _: f64, _: f64) -> f64 {
        0.0
    }
    fn refuses(&self, target: f64) -> Option<&'static str> {
        Softmax::refuses(&Softmax::default(), target, self.outputs)
    }
    fn means(&self, margin: &mut [f64]) {
        for z in margin.chunks_exact_mut(self.outputs) {
            let most = z.iter().fold(f64::NEG_INFINITY, |m, z| m.max(*z));
            z.iter_mut().for_each(|z| *z = Real::exp(*z - most));
            let all = sum(z);
            z.iter_mut().for_each(|z| *z /= all);
        }
    }
    /// Where the target's margin is above all others.
    fn settled(&self, target: f64, margin: &[f64]) -> bool {
        let own = target as usize;
        margin.iter().enumerate().all(|(k, z)| k == own || *z < margin[own])
    }
    /// Where no other margin grows faster than the target's own.
    fn recedes(&self, target: f64, t: &[f64], slack: f64) -> bool {
        t.iter().all(|other| *other <= t[target as usize] + slack)
    }
    /// Classes that are as likely as the target's own.
    fn wrong(&self, target: f64, margin: &[f64], slack: f64, to: &mut [bool]) -> bool {
        let own = target as usize;
        to.iter_mut()
            .enumerate()
            .for_each(|(k, to)| *to = k != own && !(margin[k] - margin[own] < slack));
        to.contains(&true)
    }
    /// By each of them the difference to the target's own.
    fn astray(&self, target: f64, wrong: &[bool], to: &mut [f64]) {
        let (own, n) = (target as usize, wrong.len());
        for k in (0..n).filter(|&k| wrong[k]) {
            to[own * n + own] += 1.0;
            to[k * n + k] += 1.0;
            to[own * n + k] -= 1.0;
            to[k * n + own] -= 1.0;
        }
    }
    fn rare(&self) -> bool {
        false
    }
}
