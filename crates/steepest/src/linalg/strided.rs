//! Matrices that are lent, whole or in part, and the one product of such: c ← beta c + alpha a b, by `matrixmultiply`.
//!
//! What is to be multiplied again and again by the same right factor, in caches, is [`gemm`](super::gemm)'s.
use crate::numbers::real::Float;
use std::marker::PhantomData;

/// A matrix that is lent to be read: the next row lies `down` further on, the next column `right`.
pub struct MatRef<'a, N> {
    at: *const N,
    rows: usize,
    columns: usize,
    down: usize,
    right: usize,
    lent: PhantomData<&'a [N]>,
}

impl<N> Clone for MatRef<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N> Copy for MatRef<'_, N> {}
// SAFETY: it reads what a slice lent, of which nobody writes these numbers meanwhile.
unsafe impl<N: Sync> Send for MatRef<'_, N> {}
// SAFETY: the same.
unsafe impl<N: Sync> Sync for MatRef<'_, N> {}

/// A matrix that is lent to be written to. Its parts are matrices that have no number in common.
pub struct MatMut<'a, N> {
    at: *mut N,
    rows: usize,
    columns: usize,
    down: usize,
    right: usize,
    lent: PhantomData<&'a mut [N]>,
}

// SAFETY: it writes what a slice lent, and no other view has a number of it.
unsafe impl<N: Send> Send for MatMut<'_, N> {}

/// Whether rows of `columns` numbers, each `down` after the one before, are among so many.
fn within(len: usize, rows: usize, columns: usize, down: usize) -> bool {
    let last = rows.saturating_sub(1).checked_mul(down);
    let end = last.and_then(|from| from.checked_add(columns));
    columns <= down && (rows == 0 || end.is_some_and(|end| end <= len))
}

impl<'a, N> MatRef<'a, N> {
    /// Rows of `columns` numbers, each `down` after the one before.
    pub fn of(data: &'a [N], rows: usize, columns: usize, down: usize) -> Self {
        assert!(within(data.len(), rows, columns, down), "a matrix within its numbers");
        MatRef { at: data.as_ptr(), rows, columns, down, right: 1, lent: PhantomData }
    }
    /// Rows as columns.
    pub fn transposed(self) -> Self {
        let MatRef { rows, columns, down, right, .. } = self;
        MatRef { rows: columns, columns: rows, down: right, right: down, ..self }
    }
    /// Some of its rows.
    pub fn rows(self, from: usize, to: usize) -> Self {
        assert!(from <= to && to <= self.rows, "rows that there are");
        MatRef { at: self.at.wrapping_add(from * self.down), rows: to - from, ..self }
    }
    /// Some of its columns.
    pub fn columns(self, from: usize, to: usize) -> Self {
        self.transposed().rows(from, to).transposed()
    }
}

impl<'a, N> MatMut<'a, N> {
    /// Rows of `columns` numbers, each `down` after the one before.
    pub fn of(data: &'a mut [N], rows: usize, columns: usize, down: usize) -> Self {
        assert!(within(data.len(), rows, columns, down), "a matrix within its numbers");
        MatMut { at: data.as_mut_ptr(), rows, columns, down, right: 1, lent: PhantomData }
    }
    /// Lent on for a while.
    pub fn again(&mut self) -> MatMut<'_, N> {
        MatMut { lent: PhantomData, ..*self }
    }
    /// To be read only from here on.
    pub fn read(self) -> MatRef<'a, N> {
        let MatMut { at, rows, columns, down, right, .. } = self;
        MatRef { at, rows, columns, down, right, lent: PhantomData }
    }
    /// Rows as columns.
    pub fn transposed(self) -> Self {
        let MatMut { rows, columns, down, right, .. } = self;
        MatMut { rows: columns, columns: rows, down: right, right: down, ..self }
    }
    /// The rows before this one, and the others.
    pub fn split_rows(self, at: usize) -> (Self, Self) {
        assert!(at <= self.rows, "rows that there are");
        let below = self.at.wrapping_add(at * self.down);
        (MatMut { rows: at, ..self }, MatMut { at: below, rows: self.rows - at, ..self })
    }
    /// The columns before this one, and the others.
    pub fn split_columns(self, at: usize) -> (Self, Self) {
        let (left, right) = self.transposed().split_rows(at);
        (left.transposed(), right.transposed())
    }
    /// Some of its rows.
    pub fn rows(self, from: usize, to: usize) -> Self {
        self.split_rows(to).0.split_rows(from).1
    }
    /// Some of its columns.
    pub fn columns(self, from: usize, to: usize) -> Self {
        self.split_columns(to).0.split_columns(from).1
    }
    /// Its rows, so many at a time.
    pub fn strips(self, high: usize) -> impl Iterator<Item = Self> {
        let mut left = Some(self);
        std::iter::from_fn(move || {
            let all = left.take().filter(|m| m.rows > 0)?;
            let high = high.min(all.rows);
            let (strip, below) = all.split_rows(high);
            left = Some(below);
            Some(strip)
        })
    }
    /// How many rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }
}

/// c ← beta c + alpha a b; where beta is 0, what is in c does not matter.
pub fn gemm<N: Gemm>(alpha: N, a: MatRef<'_, N>, b: MatRef<'_, N>, beta: N, c: MatMut<'_, N>) {
    assert_eq!(a.columns, b.rows, "as many columns on the left as rows on the right");
    assert_eq!((c.rows, c.columns), (a.rows, b.columns), "a product of this shape");
    let [ra, ca, rb, cb] = [a.down, a.right, b.down, b.right].map(|s| s as isize);
    let [rc, cc] = [c.down, c.right].map(|s| s as isize);
    let (m, k, n) = (a.rows, a.columns, b.columns);
    // SAFETY: the shapes fit. Each view reaches over numbers that were lent to it, which was checked where it was made; those
    // of c are its own, and no two of its places are one number.
    unsafe { (N::PRODUCT)(m, k, n, alpha, a.at, ra, ca, b.at, rb, cb, beta, c.at, rc, cc) }
}

/// `matrixmultiply`'s product: m, k and n; alpha; a, with what lies between its rows and between its columns; b; beta; c.
type Product<N> = unsafe fn(
    usize,
    usize,
    usize,
    N,
    *const N,
    isize,
    isize,
    *const N,
    isize,
    isize,
    N,
    *mut N,
    isize,
    isize,
);

/// Numbers that matrices are multiplied of.
pub trait Gemm: Float {
    /// What [`gemm`] calls.
    #[doc(hidden)]
    const PRODUCT: Product<Self>;
}
impl Gemm for f32 {
    const PRODUCT: Product<f32> = matrixmultiply::sgemm;
}
impl Gemm for f64 {
    const PRODUCT: Product<f64> = matrixmultiply::dgemm;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(i: usize, j: usize) -> f64 {
        ((7 * i + 3 * j) % 11) as f64 - 5.0
    }

    #[test]
    fn parts_of_matrices_are_multiplied() {
        let data: Vec<f64> = (0..60).map(|k| number(k / 6, k % 6)).collect();
        let m = MatRef::of(&data, 10, 6, 6);
        // Rows 2..7 of columns 1..4, transposed, times rows 4..9 of columns 0..2.
        let (a, b) = (m.rows(2, 7).columns(1, 4).transposed(), m.rows(4, 9).columns(0, 2));
        let mut to = vec![0.5; 20];
        let (left, right) = MatMut::of(&mut to, 4, 5, 5).split_columns(2);
        gemm(2.0, a, b, -1.0, left.rows(1, 4));
        gemm(1.0, a, b, 0.0, right.rows(0, 3).columns(1, 3));
        let sum = |i: usize, j: usize| -> f64 {
            (0..5).map(|k| number(2 + k, 1 + i) * number(4 + k, j)).sum()
        };
        for (i, row) in to.chunks(5).enumerate() {
            for (j, v) in row.iter().enumerate() {
                let want = match (i, j) {
                    (1.., 0 | 1) => 2.0 * sum(i - 1, j) - 0.5,
                    (0..=2, 3..) => sum(i, j - 3),
                    _ => 0.5,
                };
                assert_eq!(*v, want, "{i} {j}");
            }
        }
        let strips: Vec<usize> = MatMut::of(&mut to, 4, 5, 5).strips(3).map(|s| s.rows).collect();
        assert_eq!(strips, [3, 1]);
    }

    #[test]
    fn what_does_not_fit_is_no_matrix() {
        let wrong = |work: fn()| assert!(std::panic::catch_unwind(work).is_err());
        wrong(|| _ = MatRef::of(&[0.0; 11], 3, 4, 4));
        wrong(|| _ = MatMut::of(&mut [0.0; 12], 3, 4, 3));
        wrong(|| _ = MatRef::of(&[0.0; 12], 2, 2, usize::MAX));
        wrong(|| _ = MatRef::of(&[0.0; 12], 3, 4, 4).rows(2, 4));
        wrong(|| _ = MatMut::of(&mut [0.0; 12], 3, 4, 4).split_columns(5));
        wrong(|| {
            let data = [0.0; 12];
            let (a, b) = (MatRef::of(&data, 3, 4, 4), MatRef::of(&data, 3, 4, 4));
            gemm(1.0, a, b, 0.0, MatMut::of(&mut [0.0; 12], 3, 4, 4));
        });
        wrong(|| {
            let data = [0.0; 12];
            let (a, b) = (MatRef::of(&data, 3, 4, 4), MatRef::of(&data, 4, 3, 3));
            gemm(1.0, a, b, 0.0, MatMut::of(&mut [0.0; 12], 4, 3, 3));
        });
    }
}
