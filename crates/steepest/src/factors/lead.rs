//! Where alternating begins: near the leading directions of what biases leave unexplained.
use super::other::combined;
use super::{Factors, SideAt};
use crate::linalg::cholesky;
use crate::linalg::vectors::padded;
use crate::penalty::Penalty;

/// Times that the items' directions are multiplied by the matrix and its transpose. Generated and real ratings of ranks 8 to
/// 40 need four or five rounds less then, to within 1 % of the best held-out error, for the price of one; more gain nothing.
const TIMES: usize = 4;
/// Of the trace, added to the square of directions before they are made orthogonal: fewer items than factors have no inverse.
const RIDGE: f64 = 1e-12;

impl Factors {
    /// Moves the items' factors of a start, of the size that they have, into the subspace to which subspace iteration leads:
    /// they are multiplied by the known entries less all biases, row sums shrunk as the penalty says, and made orthogonal. The
    /// users' biases become their means. For a squared loss; others stay as they are.
    ///
    /// Halko, Martinsson and Tropp 2011, <https://doi.org/10.1137/090771806>.
    pub fn lead(&self, penalty: &dyn Penalty, x: &mut [f64]) {
        if !self.loss.quadratic() {
            return;
        }
        let items = self.place(1);
        let size = |x: &[f64]| x[items.factors()].iter().map(|q| q * q).sum::<f64>().sqrt();
        let (first, wanted) = (x.to_vec(), size(x));
        if self.shape.biases {
            self.pull(0, penalty, x, true);
        }
        for _ in 0..TIMES {
            [0, 1].iter().for_each(|&side| self.pull(side, penalty, x, false));
            if !self.orthogonal(&items, x) {
                // Nothing is left to explain.
                return x.copy_from_slice(&first);
            }
        }
        let times = wanted / size(x);
        x[items.factors()].iter_mut().for_each(|q| *q *= times);
    }

    /// Puts a side's factors, or its biases, to the sums of what is left of its entries, weighted by the other side's factors, or
    /// by 1, over the weights and the penalty.
    fn pull(&self, side: usize, penalty: &dyn Penalty, x: &mut [f64], biases: bool) {
        let (other, place) = (self.seen(1 - side, x), self.place(side));
        let (rank, width) = (self.shape.rank, padded(self.shape.rank));
        let parts = self.over(side, |rows| {
            let (mut left, mut sum, mut found) = (Vec::new(), vec![0.0; width], Vec::new());
            for i in rows {
                let row = self.sides[side].row(i);
                let own = if self.shape.biases { x[place.biases().start + i] } else { 0.0 };
                let base = if biases { 0.0 } else { own };
                left.clear();
                left.extend((row.other.iter().zip(row.target).enumerate()).map(|(k, (&j, t))| {
                    row.weight.map_or(1.0, |w| w[k]) * (t - other.added[j as usize] - base)
                }));
                let weight: f64 = row.weight.map_or(row.other.len() as f64, |w| w.iter().sum());
                let over = |j: usize| weight + self.total * penalty.piece(j).l2;
                // Who has no entries and no penalty has sums of 0.
                let by = |j: usize| 1.0 / over(j).max(f64::MIN_POSITIVE);
                if biases {
                    found.push(left.iter().sum::<f64>() * by(place.biases().start + i));
                    continue;
                }
                sum.fill(0.0);
                combined(&other.factors, width, row.other, &left, &mut sum);
                let by = by(place.from + i * rank);
                found.extend(sum[..rank].iter().map(|s| s * by));
            }
            found
        });
        let to = if biases { place.biases() } else { place.factors() };
        x[to].iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, v)| *to = v);
    }

    /// Makes a side's factors orthogonal to each other, of length 1 each; false where they are all 0, or no numbers.
    fn orthogonal(&self, place: &SideAt, x: &mut [f64]) -> bool {
        let (rank, width) = (self.shape.rank, padded(self.shape.rank));
        let whole = self.seen(1, x).gram();
        let mut square: Vec<f64> =
            (0..rank * rank).map(|at| whole[at / rank * width + at % rank]).collect();
        let trace: f64 = (0..rank).map(|i| square[i * (rank + 1)]).sum();
        (0..rank).for_each(|i| square[i * (rank + 1)] += RIDGE * trace);
        if !cholesky::factor(&mut square, rank, |_, left, _| left > 0.0) {
            return false;
        }
        let rows = x[place.factors()].chunks_exact_mut(rank);
        rows.for_each(|row| cholesky::forward(&square, row));
        true
    }
}
