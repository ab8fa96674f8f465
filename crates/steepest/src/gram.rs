//! Σ weight_i x_i x_i′ over some rows of a design, in standardised variables, and what else is summed over them.
use crate::held::Held;
use crate::linalg::strided::{MatMut, MatRef, gemm};
use crate::linalg::vectors::dot;
use crate::parallel::cancel;
use crate::parallel::pool::pool;
use crate::scaling::Scaling;

/// Rows gathered at once.
const BLOCK: usize = 128;
/// Columns of a product computed at once: the upper triangle only, in steps of this.
const STEP: usize = 48;

/// Columns from which the parts of a sum are parts of the matrix, not of the rows.
const WIDE: usize = 256;

/// Some rows of a table, seen in standardised variables; gathered as they are needed.
#[derive(Clone, Copy)]
pub struct StandardisedRows<'a> {
    /// The rows.
    pub held: &'a Held<'a>,
    /// The variables.
    pub scaling: &'a Scaling,
}

impl StandardisedRows<'_> {
    /// Numbers of a row: the columns, and the intercept's.
    pub fn width(&self) -> usize {
        self.held.width()
    }
    /// Parts by the data alone, each in blocks: calls `make` with a part's blocks.
    fn parts<T: Send>(&self, make: impl Fn(&mut dyn FnMut(&mut Visit<'_>)) -> T + Sync) -> Vec<T> {
        let parts = self.held.len().div_ceil(4 * BLOCK).clamp(1, 16);
        let per = self.held.len().div_ceil(parts).next_multiple_of(BLOCK).max(BLOCK);
        let d = self.held.columns();
        pool().map(self.held.len().div_ceil(per).max(1), |p| {
            make(&mut |visit| {
                let (from, to) = (p * per, ((p + 1) * per).min(self.held.len()));
                let mut raw = vec![0.0; BLOCK * d];
                let mut block = vec![0.0; BLOCK * self.width()];
                for from in (from..to).step_by(BLOCK) {
                    let rows = from..(from + BLOCK).min(to);
                    self.held.gather(rows.clone(), &mut raw[..rows.len() * d]);
                    visit(from, rows.len(), &raw, &mut block);
                    cancel::check();
                }
            })
        })
    }
    /// The rows, one after another.
    pub fn table(&self) -> Vec<f64> {
        let w = self.width();
        let ones = [1.0; BLOCK];
        let parts = self.parts(|blocks| {
            let mut x = Vec::new();
            blocks(&mut |_, n, raw, block| {
                self.scaling.rows(raw, &ones[..n], block);
                x.extend_from_slice(&block[..n * w]);
            });
            x
        });
        parts.concat()
    }
    /// Σ weight_i x_i x_i′ (weights ≥ 0), whole, row after row.
    pub fn gram(&self, weight: &[f64]) -> Vec<f64> {
        let w = self.width();
        if w > WIDE {
            return self.wide_gram(weight);
        }
        let parts = self.parts(|blocks| {
            let mut sum = vec![0.0; w * w];
            blocks(&mut |from, n, raw, block| {
                let root: Vec<f64> = weight[from..from + n].iter().map(|w| w.sqrt()).collect();
                self.scaling.rows(raw, &root, block);
                add_square(&block[..n * w], w, &mut sum);
            });
            sum
        });
        let mut sum = vec![0.0; w * w];
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        mirror(&mut sum, w);
        sum
    }
    /// The same where a matrix for each part would take more memory than the table: the parts are of the matrix.
    fn wide_gram(&self, weight: &[f64]) -> Vec<f64> {
        const ROWS: usize = 512;
        const STRIP: usize = 128;
        let (w, d) = (self.width(), self.held.columns());
        let mut sum = vec![0.0; w * w];
        let mut table = vec![0.0; ROWS.min(self.held.len()) * w];
        for (first, weight) in weight.chunks(ROWS).enumerate() {
            let table = &mut table[..weight.len() * w];
            pool().each_of(table.chunks_mut(BLOCK * w), |b, to| {
                let (from, n) = (b * BLOCK, to.len() / w);
                let mut raw = vec![0.0; n * d];
                let rows = first * ROWS + from..first * ROWS + from + n;
                self.held.gather(rows, &mut raw);
                let root: Vec<f64> = weight[from..from + n].iter().map(|w| w.sqrt()).collect();
                self.scaling.rows(&raw, &root, to);
            });
            add_product_apart(table, table, w, &mut sum, STRIP);
        }
        mirror(&mut sum, w);
        sum
    }
    /// The R of a QR factorisation of the rows, each times its number, row after row.
    pub fn triangle(&self, times: &[f64]) -> Vec<f64> {
        let w = self.width();
        let parts = self.parts(|blocks| {
            let mut r = vec![0.0; w * w];
            blocks(&mut |from, n, raw, block| {
                self.scaling.rows(raw, &times[from..from + n], block);
                crate::linalg::factor::append(&mut r, &block[..n * w], w);
            });
            r
        });
        let mut parts = parts.into_iter();
        let mut r = parts.next().unwrap_or_else(|| vec![0.0; w * w]);
        for part in parts {
            crate::linalg::factor::append(&mut r, &part, w);
        }
        r
    }
    /// x_i′v of each row.
    pub fn margins(&self, v: &[f64]) -> Vec<f64> {
        let w = self.width();
        let ones = [1.0; BLOCK];
        let parts = self.parts(|blocks| {
            let mut all = Vec::new();
            blocks(&mut |_, n, raw, block| {
                self.scaling.rows(raw, &ones[..n], block);
                all.extend(block[..n * w].chunks_exact(w.max(1)).map(|row| dot(row, v)));
            });
            all
        });
        parts.concat()
    }
    /// With t_i = x_i′v: Σ c_i x_i, Σ |c_i x_ij| by columns, and Σ value_i, where `each(i, t_i)` is (c_i, value_i).
    pub fn sweep(&self, v: &[f64], each: impl Fn(usize, f64) -> (f64, f64) + Sync) -> Swept {
        let w = self.width();
        let parts = self.parts(|blocks| {
            let mut s = Swept { sum: vec![0.0; w], size: vec![0.0; w], value: 0.0 };
            let ones = [1.0; BLOCK];
            blocks(&mut |from, n, raw, block| {
                self.scaling.rows(raw, &ones[..n], block);
                for (i, row) in block[..n * w].chunks_exact(w).enumerate() {
                    let (c, value) = each(from + i, dot(row, v));
                    s.value += value;
                    add(row, c, &mut s.sum, &mut s.size);
                }
            });
            s
        });
        let mut all = Swept { sum: vec![0.0; w], size: vec![0.0; w], value: 0.0 };
        for part in parts {
            all.value += part.value;
            all.sum.iter_mut().zip(part.sum).for_each(|(a, p)| *a += p);
            all.size.iter_mut().zip(part.size).for_each(|(a, p)| *a += p);
        }
        all
    }
}

type Visit<'v> = dyn FnMut(usize, usize, &[f64], &mut [f64]) + 'v;

/// What a sweep over some rows summed up.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Σ c_i x_i.
    pub sum: Vec<f64>,
    /// Σ |c_i x_ij|.
    pub size: Vec<f64>,
    /// Σ value_i.
    pub value: f64,
}

crate::simd! {
    fn add[](row: &[f64], c: f64, sum: &mut [f64], size: &mut [f64]) {
        let n = row.len();
        let (sum, size) = (&mut sum[..n], &mut size[..n]);
        for j in 0..n {
            let p = c * row[j];
            sum[j] += p;
            size[j] += p.abs();
        }
    }
}

/// Adds the upper triangle of block′·block.
fn add_square(block: &[f64], w: usize, sum: &mut [f64]) {
    add_product(block, block, w, sum);
}

/// The lower triangle from the upper, by squares: one side would be read in long leaps alone.
pub fn mirror<N: Copy>(m: &mut [N], w: usize) {
    const SQUARE: usize = 16;
    for top in (0..w).step_by(SQUARE) {
        for left in (0..=top).step_by(SQUARE) {
            for i in top..(top + SQUARE).min(w) {
                for j in left..(left + SQUARE).min(i) {
                    m[i * w + j] = m[j * w + i];
                }
            }
        }
    }
}

/// Adds the upper triangle of a′·b, where that is symmetric: rows of `w` numbers each, as many in a as in b.
pub fn add_product(a: &[f64], b: &[f64], w: usize, sum: &mut [f64]) {
    upper(sum, w, STEP).for_each(|strip| add_columns(a, b, w, strip));
}

/// The same by strips of so many columns, on all threads.
pub fn add_product_apart(a: &[f64], b: &[f64], w: usize, sum: &mut [f64], wide: usize) {
    pool().each_of(upper(sum, w, wide), |_, strip| add_columns(a, b, w, strip));
}

/// The columns of a matrix of `w` by `w` numbers, so many at a time, down to the diagonal; each strip with where it begins.
fn upper(m: &mut [f64], w: usize, wide: usize) -> impl Iterator<Item = (usize, MatMut<'_, f64>)> {
    let strips = MatMut::of(m, w, w, w).transposed().strips(wide).map(MatMut::transposed);
    strips.enumerate().map(move |(s, strip)| (s * wide, strip.rows(0, ((s + 1) * wide).min(w))))
}

/// Adds these columns of a′·b.
fn add_columns(a: &[f64], b: &[f64], w: usize, (from, to): (usize, MatMut<'_, f64>)) {
    assert_eq!(a.len(), b.len());
    let (n, end) = (a.len() / w, to.shape().0);
    let (a, b) = (MatRef::of(a, n, w, w), MatRef::of(b, n, w, w));
    gemm(1.0, a.columns(0, end).transposed(), b.columns(from, end), 1.0, to);
}
