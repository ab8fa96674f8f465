//! The same loops where each column lies in one piece: four columns at a time.
use super::rows::{add4, dot4};
use crate::numbers::real::Float;
use crate::numbers::simd::prefetch;
use std::ops::Range;

/// Columns of a slice with a stride between them.
#[derive(Clone, Copy)]
pub(super) struct StridedColumns<'a, N> {
    pub x: &'a [N],
    pub stride: usize,
    pub count: usize,
}

impl<'a, N> StridedColumns<'a, N> {
    #[inline(always)]
    fn piece(&self, j: usize, rows: &Range<usize>) -> &'a [N] {
        &self.x[j * self.stride + rows.start..j * self.stride + rows.end]
    }
    #[inline(always)]
    fn four(&self, j: usize, rows: &Range<usize>) -> [&'a [N]; 4] {
        let last = self.count - 1;
        [
            self.piece(j, rows),
            self.piece((j + 1).min(last), rows),
            self.piece((j + 2).min(last), rows),
            self.piece((j + 3).min(last), rows),
        ]
    }
    #[inline(always)]
    fn bring(&self, j: usize, ahead: &Range<usize>) {
        for j in j..(j + 4).min(self.count) {
            prefetch(self.piece(j, ahead));
        }
    }
}

crate::simd! {
    /// Writes x_i′w for one vector.
    pub(super) fn product[N: Float](x: StridedColumns<'_, N>, rows: Range<usize>, ahead: Range<usize>, w: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for j in (0..x.count).step_by(4) {
            x.bring(j, &ahead);
            let at = |r: usize| if j + r < x.count { w[j + r] } else { 0.0 };
            add4(out, x.four(j, &rows), [at(0), at(1), at(2), at(3)]);
        }
    }
}
crate::simd! {
    /// Adds Σ_i s_i x_i to one vector.
    pub(super) fn sum[N: Float](x: StridedColumns<'_, N>, rows: Range<usize>, ahead: Range<usize>, s: &[f64], g: &mut [f64]) {
        for j in (0..x.count).step_by(4) {
            x.bring(j, &ahead);
            let sums = dot4(x.four(j, &rows), s);
            for (g, s) in g[j..].iter_mut().zip(sums) {
                *g += s;
            }
        }
    }
}
crate::simd! {
    /// Σ_j ((x_ij − centre_j) · inverse_j)².
    pub(super) fn distances[N: Float](x: StridedColumns<'_, N>, rows: Range<usize>, centre: &[f64], inverse: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for j in 0..x.count {
            let (c, v) = (centre[j], inverse[j]);
            let piece = x.piece(j, &rows);
            for (o, x) in out.iter_mut().zip(piece) {
                let u = (x.to_f64() - c) * v;
                *o += u * u;
            }
        }
    }
}
