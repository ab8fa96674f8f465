//! Newton's matrix in one number a row, I + √W K √W, of the rows that count.
use crate::linalg::cholesky::{Factored, backward, factor, forward};
use crate::parallel::pool::pool;
use std::sync::{Mutex, PoisonError};

/// Solves (I + WK) ds = −left − w db, and Σ (s + ds) = a (b + db) where there is an intercept with the penalty ½ a b².
pub struct KernelMatrix<'a, N> {
    kept: Vec<usize>,
    root: Vec<f64>,
    l: &'a [N],
}

impl<'a, N: Factored> KernelMatrix<'a, N> {
    /// Of curvatures `w`. Rows are left out as long as their w·K_ii sum up to no more than `out`: steps are off by at most
    /// that part. None where the numbers are too short for it.
    pub fn new(kernel: &[N], w: &[f64], out: f64, room: &'a mut Vec<N>) -> Option<Self> {
        let n = w.len();
        let kept = kept(kernel, w, out);
        let root: Vec<f64> = kept.iter().map(|&i| w[i].sqrt()).collect();
        let m = kept.len();
        room.resize(room.len().max(m * m), N::default());
        let l = &mut room[..m * m];
        let rows: Vec<_> = l.chunks_mut(m.max(1)).map(Mutex::new).collect();
        pool().each(m, |i| {
            let mut row = rows[i].lock().unwrap_or_else(PoisonError::into_inner);
            let from = &kernel[kept[i] * n..][..n];
            for (j, to) in row[..=i].iter_mut().enumerate() {
                *to = N::of_f64(root[i] * from[kept[j]].to_f64() * root[j]);
            }
            row[i] = row[i] + N::lit(1.0);
        });
        drop(rows);
        factor(l, m, |_, left, _| left > 0.0).then_some(KernelMatrix { kept, root, l })
    }

    /// √W (I + √W K √W)⁻¹ √W v, of the rows that are kept.
    fn solved(&self, v: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut y: Vec<f64> =
            self.kept.iter().zip(&self.root).map(|(&i, root)| root * v(i)).collect();
        forward(self.l, &mut y);
        backward(self.l, &mut y);
        y.iter_mut().zip(&self.root).for_each(|(y, root)| *y *= root);
        y
    }

    /// ds and db, `turned` being K times `left`. Where there is an intercept: a, and Σ s − a b.
    pub fn step(
        &self,
        (left, turned): (&[f64], &[f64]),
        intercept: Option<(f64, f64)>,
    ) -> (Vec<f64>, f64) {
        let mut ds: Vec<f64> = left.iter().map(|l| -l).collect();
        self.kept.iter().zip(self.solved(|i| turned[i])).for_each(|(&i, y)| ds[i] += y);
        let mut db = 0.0;
        if let Some((a, missing)) = intercept {
            let ones = self.solved(|_| 1.0);
            let sum = a + ones.iter().sum::<f64>();
            if sum > 0.0 {
                db = (ds.iter().sum::<f64>() + missing) / sum;
                self.kept.iter().zip(ones).for_each(|(&i, o)| ds[i] -= db * o);
            }
        }
        (ds, db)
    }
}

/// The rows whose curvature counts, ascending.
fn kept<N: Factored>(kernel: &[N], w: &[f64], most: f64) -> Vec<usize> {
    let n = w.len();
    let says = |i: usize| w[i] * kernel[i * (n + 1)].to_f64();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| says(a).total_cmp(&says(b)).then(a.cmp(&b)));
    let mut sum = 0.0;
    let out = order.iter().take_while(|&&i| {
        sum += says(i);
        sum <= most
    });
    let out = out.count();
    let mut kept = order.split_off(out);
    kept.sort_unstable();
    kept
}
