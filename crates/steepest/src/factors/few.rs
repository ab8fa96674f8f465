//! A row of few entries: as many equations as it has entries, in place of as many as there are factors.
//!
//! Where ½ Σ w_j (a_j′x + o_j − t_j)² + ½ Σ d_v x_v² is least, x is D⁻¹A′ of something, and what that is has
//! n equations of its own: with B = W^½ A D^-½, (I + BB′) γ = W^½ (t − o) and x = D^-½ B′γ. With half as many entries as
//! factors it takes a third of the work, with few of them next to none.
use super::cells::RowCells;
use super::other::Other;
use crate::linalg::factor::Factor;
use crate::linalg::vectors::{LANES, add_scaled, dot};
use crate::penalty::Piece;

/// So many times the entries have to be fewer than the factors.
const FEWER: usize = 2;

/// Room for it.
#[derive(Default)]
pub(super) struct FewEntries {
    /// B, a row of `width` and then eight numbers for each entry: the last eight begin with the bias's.
    b: Vec<f64>,
    /// D^-½, likewise.
    root: Vec<f64>,
}

impl FewEntries {
    /// Whether a row with penalties that are squares is solved so.
    pub(super) fn suits(row: RowCells<'_>, rank: usize, pieces: &[Piece]) -> bool {
        FEWER * row.other.len() <= rank && pieces.iter().all(|p| p.l2 > 0.0)
    }
    /// The row's variables where its part is least: its factors, padded, and its bias; whether it could be solved.
    pub(super) fn least(
        &mut self,
        row: RowCells<'_>,
        other: &Other,
        pieces: &[Piece],
        rank: usize,
        x: &mut [f64],
    ) -> bool {
        let (w, n) = (other.width, row.other.len());
        let stride = w + LANES;
        self.root.clear();
        self.root.resize(stride, 0.0);
        for (v, piece) in pieces.iter().enumerate() {
            self.root[if v == rank { w } else { v }] = 1.0 / piece.l2.sqrt();
        }
        self.b.clear();
        self.b.resize(n * stride, 0.0);
        let heavy = |j: usize| row.weight.map_or(1.0, |weight| weight[j].sqrt());
        for (j, (b, &i)) in self.b.chunks_exact_mut(stride).zip(row.other).enumerate() {
            let (heavy, q) = (heavy(j), &other.factors[i as usize * w..][..w]);
            b[..w].iter_mut().zip(q).zip(&self.root).for_each(|((b, q), r)| *b = heavy * q * r);
            b[w] = heavy * self.root[w];
        }
        let one = |i: usize| &self.b[i * stride..][..stride];
        let mut m = vec![0.0; n * n];
        for i in 0..n {
            for j in i..n {
                m[i * n + j] = dot(one(i), one(j));
                m[j * n + i] = m[i * n + j];
            }
            m[i * n + i] += 1.0;
        }
        let mut gamma: Vec<f64> = (0..n)
            .map(|j| heavy(j) * (row.target[j] - other.added[row.other[j] as usize]))
            .collect();
        let Some(factor) = Factor::cholesky(m, n) else { return false };
        factor.solve(&mut gamma);
        x.fill(0.0);
        let mut sum = vec![0.0; stride];
        gamma.iter().enumerate().for_each(|(j, g)| add_scaled(*g, one(j), &mut sum));
        x.iter_mut().zip(&sum).zip(&self.root).for_each(|((x, s), r)| *x = s * r);
        true
    }
}
