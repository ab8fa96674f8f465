//! The loops of L-BFGS over pairs, inner products and matrices, for each instruction set.
use crate::linalg::vectors::{fold8, fold8_apart};

crate::simd! {
    /// H ← (I − s y′/s′y) H (I − y s′/s′y) + more · s s′/s′y.
    pub(super) fn renew[](h: &mut [f64], hy: &mut [f64], stride: usize, n: usize, s: &[f64], y: &[f64], sy: f64, more: f64) {
        for (hy, h) in hy[..n].iter_mut().zip(h.chunks_exact(stride)) { *hy = along(h, y) }
        let times = (more + along(&hy[..stride], y) / sy) / sy;
        let (hy, s) = (&hy[..stride], &s[..stride]);
        for (i, h) in h.chunks_exact_mut(stride).enumerate() {
            let (a, b) = (times * s[i] - hy[i] / sy, s[i] / sy);
            for j in 0..stride { h[j] += a * s[j] - b * hy[j] }
        }
    }
}
crate::simd! {
    /// d ← −(γ·start + rest) g.
    pub(super) fn whole[](start: &[f64], rest: &[f64], gamma: f64, stride: usize, n: usize, g: &[f64], d: &mut [f64]) {
        let rows = start.chunks_exact(stride).zip(rest.chunks_exact(stride));
        for (d, (p, q)) in d[..n].iter_mut().zip(rows) { *d = -(gamma * along(p, g) + along(q, g)) }
    }
}
crate::simd! {
    /// The two-loop recursion, d ← −H g (Nocedal 1980).
    pub(super) fn recursion[](order: &[usize], stride: usize, s: &[f64], y: &[f64], sy: &[f64], yy: &[f64], alpha: &mut [f64], g: &[f64], d: &mut [f64]) {
        let (d, g) = (d.as_chunks_mut::<8>().0, g.as_chunks::<8>().0);
        for (d, g) in d.iter_mut().zip(g) { for l in 0..8 { d[l] = -g[l] } }
        for &i in order {
            let (s, y) = (s[i * stride..][..stride].as_chunks::<8>().0, y[i * stride..][..stride].as_chunks::<8>().0);
            let mut acc = [0.0; 8];
            for (s, d) in s.iter().zip(&*d) { for l in 0..8 { acc[l] += s[l] * d[l] } }
            let a = fold8(&acc) / sy[i];
            alpha[i] = a;
            for (d, y) in d.iter_mut().zip(y) { for l in 0..8 { d[l] -= a * y[l] } }
        }
        let gamma = sy[order[0]] / yy[order[0]];
        for d in d.iter_mut() { for l in 0..8 { d[l] *= gamma } }
        for &i in order.iter().rev() {
            let (s, y) = (s[i * stride..][..stride].as_chunks::<8>().0, y[i * stride..][..stride].as_chunks::<8>().0);
            let mut acc = [0.0; 8];
            for (y, d) in y.iter().zip(&*d) { for l in 0..8 { acc[l] += y[l] * d[l] } }
            let c = alpha[i] - fold8(&acc) / sy[i];
            for (d, s) in d.iter_mut().zip(s) { for l in 0..8 { d[l] += c * s[l] } }
        }
    }
}
crate::simd! {
    /// The same over inner products: d = −γ g + Σ c_s s + Σ c_y y.
    pub(super) fn coefficients[](
        order: &[usize], w: usize, gamma: f64, diagonal: &[f64], sy: &[f64], ys: &[f64], yy: &[f64],
        s_g: &[f64], y_g: &[f64], alpha: &mut [f64], c_s: &mut [f64], c_y: &mut [f64],
    ) {
        for &i in order {
            // q = −g − Σ alpha y
            let a = (along(&sy[i * w..][..w], c_y) - s_g[i]) / diagonal[i];
            alpha[i] = a;
            c_y[i] -= a;
        }
        for c in c_y.iter_mut() { *c *= gamma }
        for &i in order.iter().rev() {
            let b = along(&yy[i * w..][..w], c_y) + along(&ys[i * w..][..w], c_s) - gamma * y_g[i];
            c_s[i] = alpha[i] - b / diagonal[i];
        }
    }
}

/// Σ a_i b_i over whole lanes.
#[inline(always)]
fn along(a: &[f64], b: &[f64]) -> f64 {
    let mut acc = [0.0; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for l in 0..8 {
            acc[l] += a[l] * b[l];
        }
    }
    fold8(&acc)
}

crate::simd! {
    /// Each row's product with `p`, four rows at a time.
    pub(super) fn products[](rows: &[f64], stride: usize, p: &[f64], out: &mut [f64]) {
        let p = p[..stride].as_chunks::<8>().0;
        let mut k = 0;
        let mut fours = rows.chunks_exact(4 * stride);
        for r in &mut fours {
            let r0 = r[..stride].as_chunks::<8>().0;
            let r1 = r[stride..2 * stride].as_chunks::<8>().0;
            let r2 = r[2 * stride..3 * stride].as_chunks::<8>().0;
            let r3 = r[3 * stride..].as_chunks::<8>().0;
            let mut a = [[0.0; 8]; 4];
            for ((((p, r0), r1), r2), r3) in p.iter().zip(r0).zip(r1).zip(r2).zip(r3) {
                for l in 0..8 { a[0][l] += r0[l] * p[l] }
                for l in 0..8 { a[1][l] += r1[l] * p[l] }
                for l in 0..8 { a[2][l] += r2[l] * p[l] }
                for l in 0..8 { a[3][l] += r3[l] * p[l] }
            }
            for a in &a { out[k] = fold8_apart(a); k += 1; }
        }
        for r in fours.remainder().chunks_exact(stride) {
            let mut a = [0.0; 8];
            for (p, r) in p.iter().zip(r.as_chunks::<8>().0) { for l in 0..8 { a[l] += r[l] * p[l] } }
            out[k] = fold8_apart(&a);
            k += 1;
        }
    }
}
crate::simd! {
    /// to += Σ weight · row, four rows at a time.
    pub(super) fn combine[](rows: &[f64], stride: usize, weight: &[f64], to: &mut [f64]) {
        let to = &mut to[..stride];
        for (r, w) in rows.chunks(4 * stride).zip(weight.chunks(4)) {
            if let ([a, b, c, d], true) = (w, r.len() == 4 * stride) {
                let (r0, r1) = (&r[..stride], &r[stride..2 * stride]);
                let (r2, r3) = (&r[2 * stride..3 * stride], &r[3 * stride..4 * stride]);
                for j in 0..stride { to[j] += (a * r0[j] + b * r1[j]) + (c * r2[j] + d * r3[j]) }
            } else {
                for (r, w) in r.chunks_exact(stride).zip(w) { for j in 0..stride { to[j] += w * r[j] } }
            }
        }
    }
}
