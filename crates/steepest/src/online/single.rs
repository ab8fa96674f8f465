//! Many columns: each coefficient and how far it may be from what it should be, by itself.
use super::{EACH, Online};

impl Online<'_> {
    /// A row, each coefficient being known by itself.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn single(
        &self,
        state: &mut [f64],
        (places, values): (&[u32], &[f64]),
        scale: Option<&[f64]>,
        now: f64,
        before: f64,
        target: f64,
        weight: f64,
    ) {
        let (each, intercept) = state.split_at_mut(state.len() - EACH);
        let each = each.as_chunks_mut::<EACH>().0;
        let d = each.len();
        let grow = self.grow();
        let (mut margin, mut v) = (intercept[0], intercept[1]);
        for (&j, &x) in places.iter().zip(values) {
            let c = &mut each[j as usize];
            if x == 0.0 {
                continue;
            }
            if c[3] == 0.0 {
                // A zero that is written out is no entry.
                let entries = values.iter().filter(|x| **x != 0.0).count() as f64;
                c[3] = self.size / (entries * x * x);
                c[1] = 1.0 / (1.0 / c[3] + before * x * x * entries / d as f64);
                c[2] = now - 1.0;
            }
            if self.alpha > 0.0 {
                let left = self.pulled(c, now, scale.map_or(1.0, |s| s[j as usize]));
                (c[0], c[1]) = (c[0] * left, c[1] * left);
            }
            c[2] = now;
            margin += c[0] * x;
            v += c[1] * x * x;
        }
        if !(v > 0.0 && v.is_finite()) {
            return;
        }
        let (s, h) = self.implicit(target, margin, v, weight);
        let k = h / (1.0 + h * v);
        let moved = |c: &mut [f64], x: f64| {
            let q = c[1] * x;
            c[0] -= s * q;
            c[1] -= k * q * q;
            if self.forget > 0.0 {
                c[1] = (c[1] * grow).min(c[3]);
            }
        };
        for (&j, &x) in places.iter().zip(values) {
            if x != 0.0 {
                moved(&mut each[j as usize], x);
            }
        }
        if self.intercept {
            moved(intercept, 1.0);
        }
    }

    /// What the penalty has left of a coefficient since it was last seen.
    pub(super) fn pulled(&self, c: &[f64], now: f64, scale: f64) -> f64 {
        1.0 / (1.0 + self.alpha / (scale * scale) * (now - c[2]) * c[1])
    }
}
