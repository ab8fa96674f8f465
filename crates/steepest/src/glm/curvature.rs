//! Second derivatives of a loss over a design.
use super::Glm;
use crate::linalg::strided::{MatMut, MatRef, gemm};
use crate::parallel::cancel;
use crate::parallel::pool::pool;

impl Glm<'_> {
    /// (1/Σ weight) Σ weight_i x_i H_i x_i′v, H_i the second derivatives of the loss in the row's margins.
    pub(super) fn bend(&self, x: &[f64], v: &[f64], out: &mut [f64]) {
        let (k, d, bending) = (self.outputs(), self.design.columns(), self.loss.bending());
        let ((w, b), (u, c)) = (self.packed(x), self.packed(v));
        let (block, n) = (self.design.block(), self.design.rows());
        let per = self.rows_per_part();
        let sums = pool().map(n.div_ceil(per), |p| {
            let (from, to) = (p * per, ((p + 1) * per).min(n));
            let (mut g, mut free) = (vec![0.0; self.margins() * d], vec![0.0; k]);
            let (mut m, mut t) = (vec![0.0; block * k], vec![0.0; block * k]);
            let (mut s, mut h, mut l) =
                (vec![0.0; block * k], vec![0.0; block * bending], vec![0.0; block]);
            for from in (from..to).step_by(block) {
                let rows = from..(from + block).min(to);
                let many = rows.len();
                let (m, t) = (&mut m[..many * k], &mut t[..many * k]);
                self.numbers(self.design, (rows.clone(), 0..0), (&w, &b), m);
                self.numbers(self.design, (rows.clone(), 0..0), (&u, &c), t);
                let target = &self.target[rows.clone()];
                let (s, h) = (&mut s[..many * k], &mut h[..many * bending]);
                self.loss.jets(target, m, &mut l[..many], s, h);
                let share: Vec<f64> = rows.clone().map(|i| self.share(i)).collect();
                self.loss.bend(h, t, &share);
                for t in t.chunks_exact(k) {
                    free.iter_mut().zip(t).for_each(|(f, t)| *f += t);
                }
                self.accumulated(self.design, (rows, 0..0), t, &mut g);
            }
            (g, free)
        });
        out.fill(0.0);
        for (g, free) in sums {
            self.spread(&g, &free, out);
        }
    }
    /// In one read: for each pair of outputs the weighted square of the rows.
    pub(super) fn squared(&self, x: &[f64], out: &mut [f64]) {
        let (n, rows) = (out.len().isqrt(), self.design.rows());
        // A part brings a matrix of its own: fewer where it is large.
        let parts = if n > 700 { 2 } else { 8 };
        let per = rows.div_ceil(parts).next_multiple_of(SQUARE);
        let sums = pool()
            .map(rows.div_ceil(per), |p| self.squares(p * per, ((p + 1) * per).min(rows), x, n));
        out.fill(0.0);
        for sum in sums {
            out.iter_mut().zip(sum).for_each(|(o, s)| *o += s);
        }
        for i in 0..n {
            for j in 0..i {
                out[j * n + i] = out[i * n + j];
            }
        }
    }
}

/// Rows that are squared at once.
const SQUARE: usize = 128;

impl Glm<'_> {
    /// The lower triangle of the Hessian's share of some rows.
    fn squares(&self, from: usize, to: usize, x: &[f64], n: usize) -> Vec<f64> {
        let (k, d, width) = (self.outputs(), self.design.columns(), self.width());
        let (margins, bending) = (self.margins(), self.loss.bending());
        // Of what is learnt a row holds a 1 alone.
        let of = |o: usize| {
            if o < margins { (o * width, width) } else { (margins * (width - 1) + o, 1) }
        };
        let (w, b) = self.packed(x);
        let mut sum = vec![0.0; n * n];
        let mut m = vec![0.0; SQUARE * k];
        let (mut s, mut h, mut l) = (m.clone(), vec![0.0; SQUARE * bending], vec![0.0; SQUARE]);
        let (mut gathered, mut z) = (vec![0.0; SQUARE * d], vec![1.0; SQUARE * width]);
        let (mut scaled, ones) = (z.clone(), [1.0; SQUARE]);
        for from in (from..to).step_by(SQUARE) {
            cancel::check();
            let rows = from..(from + SQUARE).min(to);
            let many = rows.len();
            let m = &mut m[..many * k];
            self.numbers(self.design, (rows.clone(), 0..0), (&w, &b), m);
            let target = &self.target[rows.clone()];
            let h = &mut h[..many * bending];
            self.loss.jets(target, m, &mut l[..many], &mut s[..many * k], h);
            let named: Vec<u32> = rows.clone().map(|i| i as u32).collect();
            self.design.gather(&named, &mut gathered[..many * d]);
            for (z, g) in z.chunks_exact_mut(width).zip(gathered.chunks_exact(d.max(1))).take(many)
            {
                z[..d].copy_from_slice(g);
            }
            for a in 0..k {
                for c in 0..=a {
                    let ((at, tall), (from, wide)) = (of(a), of(c));
                    for i in 0..many {
                        let p = &h[i * bending..(i + 1) * bending];
                        let by = self.loss.bends(p, a, c) * self.share(rows.start + i);
                        let to = &mut scaled[i * tall..][..tall];
                        if a < margins {
                            to.iter_mut().zip(&z[i * width..]).for_each(|(t, z)| *t = by * z);
                        } else {
                            to[0] = by;
                        }
                    }
                    let z = if c < margins { &z[..] } else { &ones[..] };
                    let left = MatRef::of(&scaled, many, tall, tall).transposed();
                    let to = MatMut::of(&mut sum[at * n + from..], tall, wide, n);
                    gemm(1.0, left, MatRef::of(z, many, wide, wide), 1.0, to);
                }
            }
        }
        sum
    }
}
