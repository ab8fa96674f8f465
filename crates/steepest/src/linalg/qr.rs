//! Orthogonal factors of matrices that lie column after column, by Householder's reflections.
//!
//! Golub and Van Loan, Matrix Computations, 4th edition, sections 5.2 and 5.4.
use crate::linalg::factor::take;
use crate::linalg::strided::{MatMut, MatRef, gemm};
use crate::linalg::vectors::dot;
use crate::parallel::cancel;
use crate::parallel::pool::pool;

/// Columns reflected one by one before the rest is, by products.
const PANEL: usize = 32;
/// Columns of the rest that a thread reflects at once.
const STRIP: usize = 128;

/// A matrix, column after column.
#[derive(Clone, Debug, Default)]
pub struct ColumnMajor {
    /// Its rows.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// Its numbers.
    pub data: Vec<f64>,
}

impl ColumnMajor {
    /// Of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        ColumnMajor { rows, columns, data: vec![0.0; rows * columns] }
    }
    /// Of a number for each row and column.
    pub fn of(rows: usize, columns: usize, number: impl Fn(usize, usize) -> f64) -> Self {
        let data = (0..rows * columns).map(|k| number(k % rows, k / rows)).collect();
        ColumnMajor { rows, columns, data }
    }
    /// One number.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[j * self.rows + i]
    }
    /// A column.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }
    /// A column, to be written to.
    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.data[j * self.rows..(j + 1) * self.rows]
    }
    /// The columns.
    pub fn each(&mut self) -> std::slice::ChunksExactMut<'_, f64> {
        self.data.chunks_exact_mut(self.rows.max(1))
    }
    /// A v.
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows];
        for (j, v) in v.iter().enumerate() {
            take(&mut out, -v, self.column(j));
        }
        out
    }
    /// A′ u.
    pub fn across(&self, u: &[f64]) -> Vec<f64> {
        (0..self.columns).map(|j| dot(self.column(j), u)).collect()
    }
}

/// Euclid's length, whatever the size of the numbers.
pub fn length(v: &[f64]) -> f64 {
    let square = dot(v, v);
    if (1e-280..1e280).contains(&square) || square.is_nan() {
        return square.sqrt();
    }
    let top = v.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    if top == 0.0 || !top.is_finite() {
        return top;
    }
    top * v.iter().map(|v| (v / top) * (v / top)).sum::<f64>().sqrt()
}

/// The reflection that takes a column to a multiple of its first entry: that entry becomes the multiple, what is below
/// it the reflector, whose own first entry is 1; its factor is returned.
fn reflector(column: &mut [f64]) -> f64 {
    let (top, below) = column.split_first_mut().expect("a column has rows");
    let rest = length(below);
    if rest == 0.0 {
        return 0.0;
    }
    let norm = if rest.is_finite() { top.hypot(rest) } else { f64::NAN };
    let alpha = if *top > 0.0 { -norm } else { norm };
    let first = *top - alpha;
    below.iter_mut().for_each(|v| *v /= first);
    *top = alpha;
    -first / alpha
}

/// c ← c − tau (c′v) v, the first entry of v being 1.
fn reflect(tau: f64, below: &[f64], c: &mut [f64]) {
    let t = tau * (c[0] + dot(below, &c[1..]));
    c[0] -= t;
    take(&mut c[1..], t, below);
}

/// A matrix as a product of reflections and an upper triangle.
pub struct Qr {
    /// The triangle on and above the diagonal, the reflectors below it.
    m: ColumnMajor,
    /// Of each panel, what its reflections are together: 1 − V T V′.
    together: Vec<Vec<f64>>,
}

impl Qr {
    /// The factors; strips of columns on all threads.
    pub fn new(m: ColumnMajor) -> Self {
        let mut new = Qr { together: Vec::new(), m };
        let (rows, width) = (new.m.rows, new.m.columns);
        for from in (0..rows.min(width)).step_by(PANEL) {
            cancel::check();
            let to = (from + PANEL).min(rows.min(width));
            let mut tau = [0.0; PANEL];
            for j in from..to {
                let (head, tail) = new.m.data.split_at_mut((j + 1) * rows);
                let column = &mut head[j * rows + j..];
                tau[j - from] = reflector(column);
                for other in tail.chunks_exact_mut(rows).take(to - j - 1) {
                    reflect(tau[j - from], &column[1..], &mut other[j..]);
                }
            }
            let v = new.panel(from, to);
            let t = together(&v, &tau[..to - from]);
            block(&v, &t, true, from, rows, &mut new.m.data[to * rows..]);
            new.together.push(t);
        }
        new
    }

    /// The upper triangle, or what there is of it.
    pub fn upper(&self) -> ColumnMajor {
        let rows = self.m.rows.min(self.m.columns);
        ColumnMajor::of(rows, self.m.columns, |i, j| if i <= j { self.m.at(i, j) } else { 0.0 })
    }

    /// The reflectors of a panel, from its first row on.
    fn panel(&self, from: usize, to: usize) -> ColumnMajor {
        ColumnMajor::of(self.m.rows - from, to - from, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => self.m.at(from + i, from + j),
        })
    }

    /// C ← Q′ C, or Q C, for as many columns as there are in `c`.
    pub fn apply(&self, c: &mut ColumnMajor, transposed: bool) {
        let panels = self.together.len();
        for k in 0..panels {
            let p = if transposed { k } else { panels - 1 - k };
            let from = p * PANEL;
            let v = self.panel(from, (from + PANEL).min(self.m.rows.min(self.m.columns)));
            block(&v, &self.together[p], transposed, from, c.rows, &mut c.data);
            cancel::check();
        }
    }
}

/// T of 1 − V T V′, upper triangular, column after column.
fn together(v: &ColumnMajor, tau: &[f64]) -> Vec<f64> {
    let n = tau.len();
    let mut t = vec![0.0; n * n];
    for j in 0..n {
        let seen: Vec<f64> = (0..j).map(|i| dot(v.column(i), v.column(j))).collect();
        for i in 0..j {
            t[j * n + i] = -tau[j] * (i..j).map(|k| t[k * n + i] * seen[k]).sum::<f64>();
        }
        t[j * n + j] = tau[j];
    }
    t
}

/// C ← (1 − V T V′) C or its transpose, from row `from` on, for columns of `rows` numbers.
fn block(v: &ColumnMajor, t: &[f64], transposed: bool, from: usize, rows: usize, c: &mut [f64]) {
    let (n, k) = (v.rows, v.columns);
    let v = MatRef::of(&v.data, k, n, n).transposed();
    let t = MatRef::of(t, k, k, k);
    // T lies column after column, so these rows are those of T′.
    let t = if transposed { t } else { t.transposed() };
    let each = |_, strip: &mut [f64]| {
        let columns = strip.len() / rows;
        let mut room = [0, 1].map(|_| vec![0.0; k * columns]);
        let mut c = MatMut::of(strip, columns, rows, rows).columns(from, rows).transposed();
        let [mut w, mut u] = room.each_mut().map(|m| MatMut::of(m, columns, k, k).transposed());
        gemm(1.0, v.transposed(), c.again().read(), 0.0, w.again());
        gemm(1.0, t, w.read(), 0.0, u.again());
        gemm(-1.0, v, u.read(), 1.0, c);
    };
    let strips = c.chunks_mut(STRIP * rows);
    if strips.len() > 1 {
        pool().each_of(strips, each)
    } else {
        strips.for_each(|strip| each(0, strip))
    }
}

/// A matrix with its columns in the order of what they bring, as a product of reflections and an upper triangle.
pub struct Pivoted {
    m: ColumnMajor,
    tau: Vec<f64>,
    /// Which columns, the most telling first; those beyond the rank follow.
    pub order: Vec<usize>,
    /// Columns before what is left of the others is below what was asked for.
    pub rank: usize,
    /// The size of what is left of the others.
    pub left: f64,
    /// The size of the first.
    pub first: f64,
}

impl Pivoted {
    /// Until what is left of every column is at most `least` times the first.
    pub fn new(mut m: ColumnMajor, least: f64) -> Self {
        let (rows, columns) = (m.rows, m.columns);
        let mut order: Vec<usize> = (0..columns).collect();
        let (mut tau, mut first, mut rank) = (Vec::new(), 0.0, 0);
        let sizes = |m: &ColumnMajor, k: usize| -> Vec<f64> {
            (k..columns).map(|j| length(&m.column(j)[k.min(rows)..])).collect()
        };
        while rank < rows.min(columns) {
            cancel::check();
            let size = sizes(&m, rank);
            let best = (0..size.len()).fold(0, |b, j| if size[j] > size[b] { j } else { b });
            if rank == 0 {
                first = size[best];
            }
            if !(size[best] > least * first) {
                break;
            }
            if best > 0 {
                order.swap(rank, rank + best);
                let (a, b) = m.data.split_at_mut((rank + best) * rows);
                a[rank * rows..(rank + 1) * rows].swap_with_slice(&mut b[..rows]);
            }
            let (head, tail) = m.data.split_at_mut((rank + 1) * rows);
            let column = &mut head[rank * rows + rank..];
            tau.push(reflector(column));
            for other in tail.chunks_exact_mut(rows) {
                reflect(tau[rank], &column[1..], &mut other[rank..]);
            }
            rank += 1;
        }
        let left = if rank < rows { length(&sizes(&m, rank)) } else { 0.0 };
        Pivoted { m, tau, order, rank, left, first }
    }

    /// b ← Q′ b, or Q b.
    pub fn apply(&self, b: &mut [f64], transposed: bool) {
        let one = |k: usize| (self.tau[k], &self.m.column(k)[k + 1..]);
        for k in 0..self.rank {
            let k = if transposed { k } else { self.rank - 1 - k };
            let (tau, below) = one(k);
            reflect(tau, below, &mut b[k..]);
        }
    }
    /// The size of a pivot.
    pub fn pivot(&self, k: usize) -> f64 {
        self.m.at(k, k).abs()
    }
    /// An entry of the triangle.
    pub fn upper(&self, i: usize, j: usize) -> f64 {
        if i <= j { self.m.at(i, j) } else { 0.0 }
    }
    /// b ← R⁻¹ b with the first `rank` rows and columns of the triangle.
    pub fn solve(&self, b: &mut [f64], rank: usize) {
        for k in (0..rank).rev() {
            b[k] /= self.m.at(k, k);
            let (head, tail) = b.split_at_mut(k);
            take(head, tail[0], &self.m.column(k)[..k]);
        }
    }
    /// b ← R′⁻¹ b.
    pub fn solve_turned(&self, b: &mut [f64], rank: usize) {
        for k in 0..rank {
            b[k] = (b[k] - dot(&self.m.column(k)[..k], &b[..k])) / self.m.at(k, k);
        }
    }
    /// The largest singular value of R⁻¹, within a factor of about 2 above it, by the power method.
    pub fn inverse_size(&self) -> f64 {
        let mut v: Vec<f64> = (0..self.rank).map(|k| 1.0 + (k as f64 * 0.7).sin()).collect();
        let mut size = 0.0;
        for _ in 0..8 {
            let norm = length(&v);
            v.iter_mut().for_each(|v| *v /= norm);
            self.solve_turned(&mut v, self.rank);
            size = length(&v);
            self.solve(&mut v, self.rank);
        }
        2.0 * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize) -> ColumnMajor {
        ColumnMajor::of(rows, columns, |i, j| (((i * 31 + j * 17 + i * j * 7) % 1013) as f64).sin())
    }

    #[test]
    fn factors_give_the_matrix_back() {
        for (rows, columns) in [(1, 1), (5, 3), (3, 5), (40, 33), (200, 97), (70, 300)] {
            let m = matrix(rows, columns);
            let qr = Qr::new(m.clone());
            let upper = qr.upper();
            let mut back =
                ColumnMajor::of(
                    rows,
                    columns,
                    |i, j| if i < upper.rows { upper.at(i, j) } else { 0.0 },
                );
            qr.apply(&mut back, false);
            let off = back.data.iter().zip(&m.data).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{rows} {columns} {off}");
            qr.apply(&mut back, true);
            let low = back.column(0)[1..].iter().fold(0.0, |top: f64, v| top.max(v.abs()));
            assert!(low < 1e-12);
            let pivoted = Pivoted::new(m.clone(), 0.0);
            for j in 0..columns {
                let mut column: Vec<f64> = (0..rows).map(|i| pivoted.upper(i, j)).collect();
                pivoted.apply(&mut column, false);
                let own = m.column(pivoted.order[j]);
                assert!(column.iter().zip(own).all(|(a, b)| (a - b).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn the_rank_is_found_and_the_inverse_measured() {
        let mut m = matrix(30, 6);
        let (one, two) = (m.column(0).to_vec(), m.column(1).to_vec());
        m.column_mut(4)
            .iter_mut()
            .zip(one.iter().zip(&two))
            .for_each(|(v, (a, b))| *v = a - 3.0 * b);
        m.column_mut(2).iter_mut().for_each(|v| *v *= 1e-6);
        let pivoted = Pivoted::new(m, 1e-13);
        assert_eq!(pivoted.rank, 5);
        assert!(
            pivoted.left < 1e-13 && pivoted.inverse_size() > 1e5 && pivoted.inverse_size() < 1e8
        );
    }
}
