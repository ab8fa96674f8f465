//! Few columns: how far each pair of coefficients may be together from what it should be.
use super::{BLOCK, Gathered, Incoming, Learned, Online, PULL, Placing, READ, len, looked, width};

/// Up to which variance of their margin rows surprise nobody, and are learned together.
const FAMILIAR: f64 = 0.05;
/// Numbers of a product that are added up at once, in as many registers of [`BLOCK`] numbers each.
const WIDE: usize = 4;

impl Online<'_> {
    /// Learns rows, all pairs of coefficients being known.
    pub(super) fn learn_pairs(&self, rows: &Incoming<'_>, known: &mut Learned<'_>) {
        let d = rows.design.columns();
        let (n, each) = (width(d), len(d, true));
        let outputs = known.state.len() / each;
        let begin = |state: &[f64]| Waiting::new(n, &state[n..], 2.0 * self.size);
        let mut waiting: Vec<Waiting> = known.state.chunks_exact(each).map(begin).collect();
        let mut placing = Placing::new(known);
        let (mut these, mut target) = (Gathered::default(), Vec::with_capacity(READ));
        let (mut table, mut x) = (vec![0.0; READ * d], vec![0.0; READ * n]);
        x.chunks_exact_mut(n).for_each(|x| x[d] = f64::from(self.intercept));
        for from in (0..rows.design.rows()).step_by(READ) {
            these.take(rows, from);
            let table = &mut table[..these.named.len() * d];
            rows.design.gather(&these.named, table);
            placing.place(table, known, &mut x, n);
            let mut at = 0;
            while at < these.named.len() {
                // As many as there are before a coefficient is pulled.
                let row = *known.rows as usize;
                let run = at..these.named.len().min(at + PULL - row % PULL);
                let row = row + run.len();
                *known.rows = row as f64;
                let (x, weight) = (&x[run.start * n..run.end * n], &these.weight[run.clone()]);
                let j = row / PULL % d;
                let pulled = self.alpha > 0.0 && row.is_multiple_of(PULL) && known.scale[j] > 0.0;
                let states = known.state.chunks_exact_mut(each).zip(&mut waiting).enumerate();
                for (k, (state, waiting)) in states {
                    let (w, p) = state.split_at_mut(n);
                    self.targets(&these.target[run.clone()], outputs, k, &mut target);
                    self.rows(w, p, waiting, x, &target, weight);
                    if pulled {
                        let bend = self.alpha * (PULL * d) as f64 / known.scale[j].powi(2);
                        waiting.flush(w, p, self.grow());
                        waiting.pull(w, p, j, bend);
                    }
                }
                at = run.end;
            }
        }
        for (waiting, state) in waiting.iter_mut().zip(known.state.chunks_exact_mut(each)) {
            let (w, p) = state.split_at_mut(n);
            waiting.flush(w, p, self.grow());
        }
    }

    /// Rows of one output, one after another in `x`: those that surprise nobody together, each other by itself.
    fn rows(
        &self,
        w: &mut [f64],
        p: &mut [f64],
        waiting: &mut Waiting,
        x: &[f64],
        target: &[f64],
        weight: &[f64],
    ) {
        let (n, straight) = (w.len(), self.loss.straight());
        let mut at = 0;
        while at < target.len() {
            let rows = at..target.len().min(at + BLOCK - waiting.rows);
            let (mut margin, mut v) = ([0.0; BLOCK], [0.0; BLOCK]);
            looked(&x[rows.start * n..rows.end * n], w, &waiting.diagonal, &mut margin, &mut v);
            let familiar = |&(v, w): &(&f64, &f64)| !straight && v * w <= FAMILIAR;
            let some = v.iter().zip(&weight[rows.clone()]).take_while(familiar).count();
            if some > 0 {
                waiting.add(
                    self,
                    &x[at * n..(at + some) * n],
                    &target[at..],
                    &margin,
                    &weight[at..],
                );
                if waiting.rows == BLOCK {
                    waiting.flush(w, p, self.grow());
                }
                at += some;
            } else if waiting.rows > 0 {
                // Rows before it come first.
                waiting.flush(w, p, self.grow());
            } else {
                let v = waiting.towards(p, &x[at * n..(at + 1) * n]);
                if v > 0.0 && v.is_finite() {
                    let (s, h) = self.implicit(target[at], margin[0], v, weight[at]);
                    w.iter_mut().zip(&waiting.q).for_each(|(w, q)| *w -= s * q);
                    waiting.narrow(p, h / (1.0 + h * v), self.grow());
                }
                at += 1;
            }
        }
    }
}

crate::simd! {
    /// The sum of slopes, with those of more rows.
    fn added[](sum: &mut [f64], rows: &[f64], slopes: &[f64]) {
        for (row, slope) in rows.chunks_exact(sum.len()).zip(slopes) {
            for (s, x) in sum.as_chunks_mut::<BLOCK>().0.iter_mut().zip(row.as_chunks::<BLOCK>().0) {
                for l in 0..BLOCK {
                    s[l] += slope * x[l];
                }
            }
        }
    }
}
crate::simd! {
    /// P x and P y in one read of P.
    fn products[](p: &[f64], x: &[f64], y: &[f64], px: &mut [f64], py: &mut [f64]) {
        let n = x.len();
        let mut at = 0;
        while at < n {
            if at + WIDE * BLOCK <= n {
                strip::<WIDE>(p, at, (x, y), (px, py));
                at += WIDE * BLOCK;
            } else {
                strip::<1>(p, at, (x, y), (px, py));
                at += BLOCK;
            }
        }
    }
}
/// Of [`products`] the numbers from `at` on.
#[inline(always)]
fn strip<const W: usize>(
    p: &[f64],
    at: usize,
    from: (&[f64], &[f64]),
    to: (&mut [f64], &mut [f64]),
) {
    let (mut a, mut b) = ([[0.0; BLOCK]; W], [[0.0; BLOCK]; W]);
    for ((row, x), y) in p.chunks_exact(from.0.len()).zip(from.0).zip(from.1) {
        let row = &row.as_chunks::<BLOCK>().0[at / BLOCK..at / BLOCK + W];
        for i in 0..W {
            for l in 0..BLOCK {
                a[i][l] += x * row[i][l];
                b[i][l] += y * row[i][l];
            }
        }
    }
    to.0[at..at + W * BLOCK].copy_from_slice(a.as_flattened());
    to.1[at..at + W * BLOCK].copy_from_slice(b.as_flattened());
}
crate::simd! {
    /// P ← (P − q q′) · grow, symmetric to the last bit: what is not would grow without end.
    fn narrowed[](p: &mut [f64], q: &[f64], grow: f64) {
        for (row, own) in p.chunks_exact_mut(q.len()).zip(q) {
            for (p, q) in row.as_chunks_mut::<BLOCK>().0.iter_mut().zip(q.as_chunks::<BLOCK>().0) {
                for l in 0..BLOCK {
                    p[l] = (p[l] - own * q[l]) * grow;
                }
            }
        }
    }
}

/// Rows that are learned together: the sum of their slopes, and one of them that stands for how all bend.
struct Waiting {
    rows: usize,
    /// Which of the rows that is: another each time.
    turn: usize,
    slopes: Vec<f64>,
    row: Vec<f64>,
    bend: f64,
    /// P times that row, and times the slopes.
    q: Vec<f64>,
    step: Vec<f64>,
    /// The diagonal of P, and up to which sum of it what is forgotten makes it grow.
    diagonal: Vec<f64>,
    most: f64,
}

impl Waiting {
    fn new(n: usize, p: &[f64], most: f64) -> Self {
        let zeros = || vec![0.0; n];
        let (slopes, row, q, step) = (zeros(), zeros(), zeros(), zeros());
        let diagonal: Vec<f64> = p.iter().step_by(n + 1).copied().collect();
        Waiting { rows: 0, turn: 0, slopes, row, bend: 0.0, q, step, diagonal, most }
    }
    /// Rows one after another, of these margins.
    fn add(&mut self, of: &Online<'_>, x: &[f64], target: &[f64], margin: &[f64], weight: &[f64]) {
        let n = self.slopes.len();
        let k = x.len() / n;
        let (mut value, mut slope, mut bend) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (value, slope, bend) = (&mut value[..k], &mut slope[..k], &mut bend[..k]);
        of.loss.jets(&target[..k], &margin[..k], value, slope, bend);
        slope.iter_mut().zip(weight).for_each(|(s, w)| *s *= w);
        added(&mut self.slopes, x, slope);
        if let Some(i) = self.turn.checked_sub(self.rows).filter(|i| *i < k) {
            self.row.copy_from_slice(&x[i * n..(i + 1) * n]);
            self.bend = weight[i] * bend[i];
        }
        self.rows += k;
    }
    /// q = P x; returns x'P x.
    fn towards(&mut self, p: &[f64], x: &[f64]) -> f64 {
        products(p, x, x, &mut self.q, &mut self.step);
        dot(&self.q, x)
    }
    /// P − k q q', which then grows; returns by how much.
    fn narrow(&mut self, p: &mut [f64], k: f64, grow: f64) -> f64 {
        let n = self.q.len();
        let fits = grow == 1.0 || self.diagonal.iter().sum::<f64>() < self.most;
        let grow = if fits { grow } else { 1.0 };
        let root = k.max(0.0).sqrt();
        self.q.iter_mut().for_each(|q| *q *= root);
        narrowed(p, &self.q, grow);
        self.diagonal.iter_mut().zip(p.iter().step_by(n + 1)).for_each(|(d, p)| *d = *p);
        grow
    }
    /// Learns the rows that wait.
    fn flush(&mut self, w: &mut [f64], p: &mut [f64], grow: f64) {
        if self.rows == 0 {
            return;
        }
        products(p, &self.row, &self.slopes, &mut self.q, &mut self.step);
        if self.turn < self.rows {
            let h = self.bend * self.rows as f64;
            let k = h / (1.0 + h * dot(&self.q, &self.row));
            let along = k * dot(&self.q, &self.slopes);
            self.step.iter_mut().zip(&self.q).for_each(|(s, q)| *s -= along * q);
            let grown = self.narrow(p, k, grow.powi(self.rows as i32));
            self.step.iter_mut().for_each(|s| *s *= grown);
        }
        w.iter_mut().zip(&self.step).for_each(|(w, s)| *w -= s);
        self.slopes.fill(0.0);
        (self.rows, self.turn) = (0, (self.turn + 3) % BLOCK);
    }
    /// A coefficient is pulled to 0 by a row of its own.
    fn pull(&mut self, w: &mut [f64], p: &mut [f64], j: usize, bend: f64) {
        let n = self.q.len();
        self.q.copy_from_slice(&p[j * n..(j + 1) * n]);
        let k = bend / (1.0 + bend * self.q[j]);
        let s = k * w[j];
        w.iter_mut().zip(&self.q).for_each(|(w, q)| *w -= s * q);
        self.narrow(p, k, 1.0);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut spread) = ([0.0], [0.0]);
    looked(a, b, b, &mut sum, &mut spread);
    sum[0]
}
