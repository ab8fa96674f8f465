//! Few columns: how far each pair of coefficients may be together from what it should be.
use super::{BLOCK, Online};

/// Up to which variance of their margin rows surprise nobody, and are learned together.
const FAMILIAR: f64 = 0.05;

impl Online<'_> {
    /// A row, all pairs of coefficients being known.
    pub(super) fn pair(
        &self,
        w: &mut [f64],
        p: &mut [f64],
        x: &[f64],
        waiting: &mut Waiting,
        target: f64,
        weight: f64,
    ) {
        let mut seen = [0.0; 2];
        looked(x, w, &waiting.diagonal, &mut seen);
        let [margin, v] = seen;
        if !(v * weight <= FAMILIAR) || self.straight.is_some() {
            // Rows before it come first.
            if waiting.rows > 0 {
                waiting.flush(w, p, self.grow());
                return self.pair(w, p, x, waiting, target, weight);
            }
            let v = waiting.towards(p, x);
            if v > 0.0 && v.is_finite() {
                let (s, h) = self.implicit(target, margin, v, weight);
                w.iter_mut().zip(&waiting.q).for_each(|(w, q)| *w -= s * q);
                waiting.narrow(p, h / (1.0 + h * v), self.grow());
            }
            return;
        }
        let (s, h) = self.at(target, margin);
        waiting.add(x, weight * s, weight * h);
        if waiting.rows == BLOCK {
            waiting.flush(w, p, self.grow());
        }
    }
}

crate::simd! {
    /// x'w, and what x'P x would be, were no pair of columns alike.
    fn looked[](x: &[f64], w: &[f64], diagonal: &[f64], out: &mut [f64; 2]) {
        let (mut m, mut v) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (x, w, p) = (x.as_chunks::<BLOCK>().0, w.as_chunks::<BLOCK>().0, diagonal.as_chunks::<BLOCK>().0);
        for ((x, w), p) in x.iter().zip(w).zip(p) {
            for l in 0..BLOCK {
                m[l] += x[l] * w[l];
                v[l] += p[l] * x[l] * x[l];
            }
        }
        *out = [m.iter().sum(), v.iter().sum()];
    }
}
crate::simd! {
    /// The sum of slopes, with one more.
    fn added[](sum: &mut [f64], x: &[f64], slope: f64) {
        for (s, x) in sum.as_chunks_mut::<BLOCK>().0.iter_mut().zip(x.as_chunks::<BLOCK>().0) {
            for l in 0..BLOCK {
                s[l] += slope * x[l];
            }
        }
    }
}
crate::simd! {
    /// q ← P x.
    fn product[](p: &[f64], x: &[f64], q: &mut [f64]) {
        q.fill(0.0);
        for (row, x) in p.chunks_exact(q.len()).zip(x) {
            for (q, p) in q.as_chunks_mut::<BLOCK>().0.iter_mut().zip(row.as_chunks::<BLOCK>().0) {
                for l in 0..BLOCK {
                    q[l] += x * p[l];
                }
            }
        }
    }
}
crate::simd! {
    /// P ← (P − k q q′) · grow, symmetric to the last bit: what is not would grow without end.
    fn narrowed[](p: &mut [f64], q: &[f64], k: f64, grow: f64) {
        for (row, own) in p.chunks_exact_mut(q.len()).zip(q) {
            for (p, q) in row.as_chunks_mut::<BLOCK>().0.iter_mut().zip(q.as_chunks::<BLOCK>().0) {
                for l in 0..BLOCK {
                    p[l] = (p[l] - k * (own * q[l])) * grow;
                }
            }
        }
    }
}

/// Rows that are learned together: the sum of their slopes, and one of them that stands for how all bend.
pub(super) struct Waiting {
    rows: usize,
    /// Which of the rows that is: another each time.
    turn: usize,
    slopes: Vec<f64>,
    row: Vec<f64>,
    bend: f64,
    /// P x.
    q: Vec<f64>,
    /// The diagonal of P, and up to which sum of it what is forgotten makes it grow.
    diagonal: Vec<f64>,
    most: f64,
}

impl Waiting {
    pub(super) fn new(n: usize, p: &[f64], most: f64) -> Self {
        let zeros = || vec![0.0; n];
        let (slopes, row, q) = (zeros(), zeros(), zeros());
        let diagonal: Vec<f64> = p.iter().step_by(n + 1).copied().collect();
        Waiting { rows: 0, turn: 0, slopes, row, bend: 0.0, q, diagonal, most }
    }
    fn add(&mut self, x: &[f64], slope: f64, bend: f64) {
        added(&mut self.slopes, x, slope);
        if self.rows == self.turn {
            self.row.copy_from_slice(x);
            self.bend = bend;
        }
        self.rows += 1;
    }
    /// q = P x; returns x'P x.
    fn towards(&mut self, p: &[f64], x: &[f64]) -> f64 {
        product(p, x, &mut self.q);
        self.q.iter().zip(x).map(|(q, x)| q * x).sum()
    }
    /// P − k q q', which then grows.
    fn narrow(&mut self, p: &mut [f64], k: f64, grow: f64) {
        let n = self.q.len();
        let grow = if self.diagonal.iter().sum::<f64>() < self.most { grow } else { 1.0 };
        narrowed(p, &self.q, k, grow);
        self.diagonal.iter_mut().zip(p.iter().step_by(n + 1)).for_each(|(d, p)| *d = *p);
    }
    /// Learns the rows that wait.
    pub(super) fn flush(&mut self, w: &mut [f64], p: &mut [f64], grow: f64) {
        if self.rows == 0 {
            return;
        }
        if self.turn < self.rows {
            let row = std::mem::take(&mut self.row);
            let v = self.towards(p, &row);
            self.row = row;
            let h = self.bend * self.rows as f64;
            self.narrow(p, h / (1.0 + h * v), grow.powi(self.rows as i32));
        }
        product(p, &self.slopes, &mut self.q);
        w.iter_mut().zip(&self.q).for_each(|(w, q)| *w -= q);
        self.slopes.fill(0.0);
        (self.rows, self.turn) = (0, (self.turn + 3) % BLOCK);
    }
    /// A coefficient is pulled to 0 by a row of its own.
    pub(super) fn pull(&mut self, w: &mut [f64], p: &mut [f64], j: usize, bend: f64) {
        let n = self.q.len();
        self.q.copy_from_slice(&p[j * n..(j + 1) * n]);
        let k = bend / (1.0 + bend * self.q[j]);
        let s = k * w[j];
        w.iter_mut().zip(&self.q).for_each(|(w, q)| *w -= s * q);
        self.narrow(p, k, 1.0);
    }
}
