//! Whole matrices, for rules that treat them so: a few named operations, compiled for arrays, recorded for hosts.
use crate::real::{Float, Real};
use crate::trace::Symbol;

/// A matrix that a rule is written over: [`Dense`] computes, [`Symbol`] records.
pub trait Matrix: Clone {
    /// What it is scaled by.
    type Number: Real;
    /// The product self · other.
    fn matmul(&self, other: &Self) -> Self;
    /// The transpose.
    fn transpose(&self) -> Self;
    /// Every entry times a number.
    fn scale(&self, by: Self::Number) -> Self;
    /// The sum, entry by entry.
    fn add(&self, other: &Self) -> Self;
    /// The Frobenius norm.
    fn norm(&self) -> Self::Number;
    /// How many rows.
    fn rows(&self) -> Self::Number;
    /// How many columns.
    fn columns(&self) -> Self::Number;
}

impl Matrix for Symbol {
    type Number = Symbol;
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
    fn norm(&self) -> Symbol {
        Symbol::call("norm", &[*self])
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
pub struct Dense<N> {
    rows: usize,
    columns: usize,
    data: Vec<N>,
}

impl<N: Float> Dense<N> {
    /// From entries, row after row.
    pub fn new(rows: usize, columns: usize, data: Vec<N>) -> Self {
        assert_eq!(rows * columns, data.len(), "as many entries as rows times columns");
        Dense { rows, columns, data }
    }
    /// The entries, row after row.
    pub fn entries(&self) -> &[N] {
        &self.data
    }
}

/// Rows of a product that one task computes: the split depends on the shape alone.
const PANEL: usize = 64;

impl<N: Float + Gemm> Matrix for Dense<N> {
    type Number = f64;
    fn matmul(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows, "as many columns as the other has rows");
        let (k, n) = (self.columns, other.columns);
        let panels = crate::pool::pool().map(self.rows.div_ceil(PANEL), |p| {
            let rows = PANEL.min(self.rows - p * PANEL);
            let mut out = vec![N::lit(0.0); rows * n];
            N::gemm(rows, k, n, &self.data[p * PANEL * k..], &other.data, &mut out);
            out
        });
        Dense { rows: self.rows, columns: n, data: panels.concat() }
    }
    fn transpose(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        for j in 0..self.columns {
            data.extend((0..self.rows).map(|i| self.data[i * self.columns + j]));
        }
        Dense { rows: self.columns, columns: self.rows, data }
    }
    fn scale(&self, by: f64) -> Self {
        let by = N::of_f64(by);
        Dense { data: self.data.iter().map(|&v| by * v).collect(), ..*self }
    }
    fn add(&self, other: &Self) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| a + b).collect();
        Dense { data, ..*self }
    }
    fn norm(&self) -> f64 {
        self.data.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt()
    }
    fn rows(&self) -> f64 {
        self.rows as f64
    }
    fn columns(&self) -> f64 {
        self.columns as f64
    }
}

/// Runs a step of a rule over the matrix that `shape` says `x`, `g` and `memory` are: transposed where it stands.
pub fn whole<N: Float + Gemm>(
    [rows, columns]: [usize; 2],
    x: &mut [N],
    g: &[N],
    memory: &mut [&mut [N]],
    step: impl FnOnce(Dense<N>, Dense<N>, &[Dense<N>]) -> (Dense<N>, Vec<Dense<N>>),
) {
    let stands = rows > columns;
    let lie = |data: &[N]| {
        let m = Dense::new(rows, columns, data.to_vec());
        if stands { m.transpose() } else { m }
    };
    let before: Vec<Dense<N>> = memory.iter().map(|m| lie(m)).collect();
    let (to, after) = step(lie(x), lie(g), &before);
    let put = |to: &mut [N], m: Dense<N>| {
        to.copy_from_slice(&if stands { m.transpose() } else { m }.data);
    };
    put(x, to);
    for (m, after) in memory.iter_mut().zip(after) {
        put(m, after);
    }
}

/// The product of row-major blocks, out = a · b.
pub trait Gemm: Sized {
    /// `a` is rows × k, `b` is k × columns.
    fn gemm(rows: usize, k: usize, columns: usize, a: &[Self], b: &[Self], out: &mut [Self]);
}

macro_rules! gemm {
    ($t:ty, $f:ident) => {
        impl Gemm for $t {
            fn gemm(m: usize, k: usize, n: usize, a: &[Self], b: &[Self], out: &mut [Self]) {
                assert!(a.len() >= m * k && b.len() >= k * n && out.len() >= m * n);
                // SAFETY: the three blocks are as long as the strides reach, which was just checked.
                unsafe {
                    matrixmultiply::$f(
                        m,
                        k,
                        n,
                        1.0,
                        a.as_ptr(),
                        k as isize,
                        1,
                        b.as_ptr(),
                        n as isize,
                        1,
                        0.0,
                        out.as_mut_ptr(),
                        n as isize,
                        1,
                    );
                }
            }
        }
    };
}
gemm!(f32, sgemm);
gemm!(f64, dgemm);
