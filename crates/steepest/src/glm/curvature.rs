//! Second derivatives of a loss over a design.
use super::Glm;
use crate::descend::Halt;
use crate::objective::Curvature;
use crate::pool::pool;

impl Curvature for Glm<'_> {
    fn whole(&self) -> bool {
        self.outputs() * self.width() <= 2000
    }
    /// (1/Σ weight) Σ weight_i x_i H_i x_i′v, H_i the second derivatives of the loss in the row's margins.
    fn product(&mut self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        let (k, d) = (self.outputs(), self.design.columns());
        let ((w, b), (u, c)) = (self.packed(x), self.packed(v));
        let (block, n) = (self.design.block(), self.design.rows());
        let per = self.rows_per_part();
        let sums = pool().map(n.div_ceil(per), |p| {
            let (from, to) = (p * per, ((p + 1) * per).min(n));
            let (mut g, mut free) = (vec![0.0; k * d], vec![0.0; k]);
            let (mut m, mut t) = (vec![0.0; block * k], vec![0.0; block * k]);
            let (mut s, mut h, mut l) =
                (vec![0.0; block * k], vec![0.0; block * k], vec![0.0; block]);
            for from in (from..to).step_by(block) {
                let rows = from..(from + block).min(to);
                let many = rows.len();
                let (m, t) = (&mut m[..many * k], &mut t[..many * k]);
                self.design.margins(rows.clone(), 0..0, &w, k, m);
                self.design.margins(rows.clone(), 0..0, &u, k, t);
                for (m, t) in m.chunks_exact_mut(k).zip(t.chunks_exact_mut(k)) {
                    for o in 0..k {
                        m[o] += b[o];
                        t[o] += c[o];
                    }
                }
                let target = &self.target[rows.clone()];
                let (s, h) = (&mut s[..many * k], &mut h[..many * k]);
                self.loss.jets(target, m, &mut l[..many], s, h);
                for (i, (t, h)) in t.chunks_exact_mut(k).zip(h.chunks_exact(k)).enumerate() {
                    bend(h, t, self.share(rows.start + i));
                    free.iter_mut().zip(&*t).for_each(|(f, t)| *f += t);
                }
                self.design.accumulate(rows, 0..0, t, k, &mut g);
            }
            (g, free)
        });
        out.fill(0.0);
        for (g, free) in sums {
            for (o, out) in out.chunks_exact_mut(self.width()).enumerate() {
                out.iter_mut().zip(&g[o * d..(o + 1) * d]).for_each(|(t, g)| *t += g);
                if self.intercept {
                    out[d] += free[o];
                }
            }
        }
        Ok(())
    }
    fn hessian(&mut self, x: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        let n = out.len().isqrt();
        let mut unit = vec![0.0; n];
        for (j, row) in out.chunks_exact_mut(n).enumerate() {
            unit[j] = 1.0;
            self.product(x, &unit, row)?;
            unit[j] = 0.0;
        }
        Ok(())
    }
}

/// t ← share · H t for one row: H is h with one output, diag(p) − p p′ with several.
fn bend(h: &[f64], t: &mut [f64], share: f64) {
    if let ([h], [t]) = (h, &mut *t) {
        *t *= h * share;
        return;
    }
    let mean: f64 = h.iter().zip(&*t).map(|(p, t)| p * t).sum();
    for (p, t) in h.iter().zip(t) {
        *t = p * (*t - mean) * share;
    }
}
