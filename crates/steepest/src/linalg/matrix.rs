//! Whole matrices, for rules that treat them so: a few named operations, compiled for arrays, recorded for hosts.
use crate::linalg::qr::{ColumnMajor, Qr};
use crate::linalg::strided::{Gemm, MatMut, MatRef, gemm};
use crate::numbers::real::{Float, Real};
use crate::numbers::trace::Symbol;

/// A matrix that a rule is written over: [`RowMajor`] computes, [`Symbol`] records.
pub trait Matrix: Clone {
    /// What it is scaled by.
    type Number: Real;
    /// What its entries are.
    type Entry: Real;
    /// The product self · other.
    fn matmul(&self, other: &Self) -> Self;
    /// The transpose.
    fn transpose(&self) -> Self;
    /// Every entry times a number.
    fn scale(&self, by: Self::Number) -> Self;
    /// The sum, entry by entry.
    fn add(&self, other: &Self) -> Self;
    /// Every entry by itself.
    fn each(&self, f: impl Fn(Self::Entry) -> Self::Entry) -> Self;
    /// Entries of two side by side; a row or a column goes beside every row or column of the other.
    fn pair(&self, other: &Self, f: impl Fn(Self::Entry, Self::Entry) -> Self::Entry) -> Self;
    /// A number as an entry.
    fn entry(number: Self::Number) -> Self::Entry;
    /// The mean of each row, as a column.
    fn row_means(&self) -> Self;
    /// The mean of each column, as a row.
    fn column_means(&self) -> Self;
    /// The mean of all entries.
    fn mean(&self) -> Self::Number;
    /// The Frobenius norm.
    fn norm(&self) -> Self::Number;
    /// The orthogonal factor Q of a square matrix that is QR.
    fn orthonormal(&self) -> Self;
    /// How many rows.
    fn rows(&self) -> Self::Number;
    /// How many columns.
    fn columns(&self) -> Self::Number;
}

impl Matrix for Symbol {
    type Number = Symbol;
    type Entry = Symbol;
    fn matmul(&self, other: &Self) -> Self {
        Symbol::call("matmul", &[*self, *other])
    }
    fn transpose(&self) -> Self {
        Symbol::call("transpose", &[*self])
    }
    fn scale(&self, by: Symbol) -> Self {
        by * *self
    }
    fn add(&self, other: &Self) -> Self {
        *self + *other
    }
    fn each(&self, f: impl Fn(Symbol) -> Symbol) -> Self {
        f(*self)
    }
    fn pair(&self, other: &Self, f: impl Fn(Symbol, Symbol) -> Symbol) -> Self {
        f(*self, *other)
    }
    fn entry(number: Symbol) -> Symbol {
        number
    }
    fn row_means(&self) -> Self {
        Symbol::call("row_means", &[*self])
    }
    fn column_means(&self) -> Self {
        Symbol::call("column_means", &[*self])
    }
    fn mean(&self) -> Symbol {
        Symbol::call("mean", &[*self])
    }
    fn norm(&self) -> Symbol {
        Symbol::call("norm", &[*self])
    }
    fn orthonormal(&self) -> Self {
        Symbol::call("orthonormal", &[*self])
    }
    fn rows(&self) -> Symbol {
        Symbol::input("rows")
    }
    fn columns(&self) -> Symbol {
        Symbol::input("columns")
    }
}

/// A matrix of floats, row after row. Its scalars are f64, whatever its entries are.
#[derive(Clone, Debug, PartialEq)]
pub struct RowMajor<N> {
    rows: usize,
    columns: usize,
    data: Vec<N>,
}

impl<N: Float> RowMajor<N> {
    /// From entries, row after row.
    pub fn new(rows: usize, columns: usize, data: Vec<N>) -> Self {
        assert_eq!(rows * columns, data.len(), "as many entries as rows times columns");
        RowMajor { rows, columns, data }
    }
    /// The entries, row after row.
    pub fn entries(&self) -> &[N] {
        &self.data
    }
}

/// Rows of a product that one task computes: the split depends on the shape alone.
const PANEL: usize = 64;

impl<N: Float + Gemm> Matrix for RowMajor<N> {
    type Number = f64;
    type Entry = N;
    fn matmul(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows, "as many columns as the other has rows");
        let (k, n) = (self.columns, other.columns);
        let panels = crate::parallel::pool::pool().map(self.rows.div_ceil(PANEL), |p| {
            let rows = PANEL.min(self.rows - p * PANEL);
            let mut out = vec![N::lit(0.0); rows * n];
            let a = MatRef::of(&self.data[p * PANEL * k..], rows, k, k);
            let (b, to) = (MatRef::of(&other.data, k, n, n), MatMut::of(&mut out, rows, n, n));
            gemm(N::lit(1.0), a, b, N::lit(0.0), to);
            out
        });
        RowMajor { rows: self.rows, columns: n, data: panels.concat() }
    }
    fn transpose(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        for j in 0..self.columns {
            data.extend((0..self.rows).map(|i| self.data[i * self.columns + j]));
        }
        RowMajor { rows: self.columns, columns: self.rows, data }
    }
    fn scale(&self, by: f64) -> Self {
        let by = N::of_f64(by);
        RowMajor { data: self.data.iter().map(|&v| by * v).collect(), ..*self }
    }
    fn add(&self, other: &Self) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| a + b).collect();
        RowMajor { data, ..*self }
    }
    fn each(&self, f: impl Fn(N) -> N) -> Self {
        RowMajor { data: self.data.iter().map(|&v| f(v)).collect(), ..*self }
    }
    fn pair(&self, other: &Self, f: impl Fn(N, N) -> N) -> Self {
        let [rows, columns] = [self.rows.max(other.rows), self.columns.max(other.columns)];
        let at = |m: &Self, i: usize, j: usize| {
            let (i, j) = (if m.rows == 1 { 0 } else { i }, if m.columns == 1 { 0 } else { j });
            m.data[i * m.columns + j]
        };
        let one = |i| (0..columns).map(move |j| (i, j));
        let data = (0..rows).flat_map(one).map(|(i, j)| f(at(self, i, j), at(other, i, j)));
        RowMajor { rows, columns, data: data.collect() }
    }
    fn entry(number: f64) -> N {
        N::of_f64(number)
    }
    fn row_means(&self) -> Self {
        let mean = |row: &[N]| row.iter().map(|v| v.to_f64()).sum::<f64>() / self.columns as f64;
        let data = self.data.chunks(self.columns).map(|row| N::of_f64(mean(row))).collect();
        RowMajor { rows: self.rows, columns: 1, data }
    }
    fn column_means(&self) -> Self {
        let mut sums = vec![0.0; self.columns];
        for row in self.data.chunks(self.columns) {
            sums.iter_mut().zip(row).for_each(|(s, v)| *s += v.to_f64());
        }
        let data = sums.iter().map(|s| N::of_f64(s / self.rows as f64)).collect();
        RowMajor { rows: 1, columns: self.columns, data }
    }
    fn mean(&self) -> f64 {
        self.data.iter().map(|v| v.to_f64()).sum::<f64>() / self.data.len() as f64
    }
    fn norm(&self) -> f64 {
        self.data.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt()
    }
    fn orthonormal(&self) -> Self {
        let n = self.rows;
        assert_eq!(n, self.columns, "as many rows as columns");
        let factors = Qr::new(ColumnMajor::of(n, n, |i, j| self.data[i * n + j].to_f64()));
        let mut q = ColumnMajor::of(n, n, |i, j| f64::from(u8::from(i == j)));
        factors.apply(&mut q, false);
        let data = (0..n * n).map(|k| N::of_f64(q.at(k / n, k % n))).collect();
        RowMajor { data, ..*self }
    }
    fn rows(&self) -> f64 {
        self.rows as f64
    }
    fn columns(&self) -> f64 {
        self.columns as f64
    }
}

/// Runs `step` of a rule over the matrix that `shape` says `x` and `g` are, the memories of the shapes `extents`: all
/// of them transposed where it `stands`. What comes out takes the place of `g`; memories move on where they are kept.
#[allow(clippy::too_many_arguments)]
pub fn whole<N: Float + Gemm>(
    shape: [usize; 2],
    extents: &[[usize; 2]],
    stands: bool,
    x: &[N],
    g: &mut [N],
    memory: &mut [&mut [N]],
    keep: bool,
    step: impl FnOnce(RowMajor<N>, RowMajor<N>, &[RowMajor<N>]) -> (RowMajor<N>, Vec<RowMajor<N>>),
) {
    let lie = |[rows, columns]: [usize; 2], data: &[N]| {
        let m = RowMajor::new(rows, columns, data.to_vec());
        if stands { m.transpose() } else { m }
    };
    let before: Vec<RowMajor<N>> = memory.iter().zip(extents).map(|(m, &e)| lie(e, m)).collect();
    let (to, after) = step(lie(shape, x), lie(shape, g), &before);
    let put = |to: &mut [N], m: RowMajor<N>| {
        to.copy_from_slice(&if stands { m.transpose() } else { m }.data);
    };
    put(g, to);
    if keep {
        memory.iter_mut().zip(after).for_each(|(m, after)| put(m, after));
    }
}
