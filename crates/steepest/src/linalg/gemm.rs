//! Multiplies of matrices in caches: c = start + a b, by micro-kernels for each instruction set. Serial; who calls splits the
//! work. As products do elsewhere, they use fused multiplication where the hardware has it.
//!
//! A tile of c stays in registers while k runs; b is read along its rows, from where it lies or packed in panels; a may lie
//! in any way, for its numbers are broadcast one by one. A tile is written once, over `Vector`.
mod lanes;
#[cfg(test)]
mod tests;
mod tiles;

use crate::numbers::real::Float;
use crate::numbers::simd::{Level, level};

/// The most terms that are added up at a time: their rows of b, 512 bytes apart in many a network, take six of the eight
/// places that a cache of 32 KiB has for them. Not above 64: bits of a word say what is not zero.
const DEEP: usize = 48;
/// The same of a packed right factor and rows that lie, in vectors of 32 bytes: a panel is a half of such a cache, and c is
/// written less often. Products over thousands of columns take two thirds of the time.
const DEEPER: usize = 256;
/// How many rows at least say whether there are zeros.
const LOOKS: usize = 4;

/// A matrix that is lent: the next row lies `down` further on, the next column `right`.
#[derive(Clone, Copy)]
pub struct Strides<'a, N> {
    data: &'a [N],
    rows: usize,
    columns: usize,
    down: usize,
    right: usize,
    zeros: bool,
}

impl<'a, N> Strides<'a, N> {
    /// Rows of `columns` numbers, each `down` after the one before.
    pub fn rows(data: &'a [N], rows: usize, columns: usize, down: usize) -> Self {
        let matrix = Strides { data, rows, columns, down, right: 1, zeros: false };
        assert!(down >= columns && matrix.fits(), "a matrix within its numbers");
        matrix
    }
    /// Rows as columns.
    pub fn transposed(self) -> Self {
        let Strides { rows, columns, down, right, .. } = self;
        Strides { rows: columns, columns: rows, down: right, right: down, ..self }
    }
    /// The same; where a quarter or more of the numbers of some of its rows are zero, what all rows of a tile have zeros
    /// for is passed over, which changes no number of a product with finite ones. Of a matrix whose rows lie.
    pub fn looked(self) -> Self
    where
        N: Float,
    {
        if self.right != 1 {
            return self;
        }
        let step = self.rows.div_ceil(LOOKS).max(1);
        let rows =
            (0..self.rows).step_by(step).map(|i| &self.data[i * self.down..][..self.columns]);
        let (mut zeros, mut all) = (0, 0);
        for row in rows {
            zeros += row.iter().map(|v| usize::from(*v == N::default())).sum::<usize>();
            all += row.len();
        }
        Strides { zeros: 4 * zeros >= all, ..self }
    }
    /// Some of its columns.
    pub fn columns(self, from: usize, to: usize) -> Self {
        assert!(from <= to && to <= self.columns, "columns that there are");
        let data = &self.data[(from * self.right).min(self.data.len())..];
        Strides { data, columns: to - from, ..self }
    }
    fn fits(&self) -> bool {
        within(self.data.len(), (self.rows, self.down), (self.columns, self.right))
    }
}

/// Whether rows and columns, each with what lies from one to the next, are among so many numbers.
fn within(len: usize, (rows, down): (usize, usize), (columns, right): (usize, usize)) -> bool {
    let (Some(last_row), Some(last)) = (rows.checked_sub(1), columns.checked_sub(1)) else {
        return true;
    };
    let end =
        last_row.checked_mul(down).zip(last.checked_mul(right)).and_then(|(i, j)| i.checked_add(j));
    end.is_some_and(|end| end < len)
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub enum Begin<'a, N> {
    /// Nothing.
    Zero,
    /// The same numbers in every row.
    Row(&'a [N]),
    /// What is there already.
    There,
}

/// The right factor of a product.
#[derive(Clone, Copy)]
pub enum Right<'a, N> {
    /// Where it lies: each row in `down` numbers that may be read, a multiple of [`Multiplies::LANES`].
    There {
        /// Rows by `down`.
        data: &'a [N],
        /// Rows.
        rows: usize,
        /// Columns that count.
        columns: usize,
        /// From one row to the next.
        down: usize,
    },
    /// In panels.
    Packed(&'a Packed<N>),
}

/// A matrix in panels of columns, the tail filled up with zeros. Its room is kept from one packing to the next.
#[derive(Clone, Debug)]
pub struct Packed<N> {
    data: Vec<N>,
    rows: usize,
    columns: usize,
    /// How wide the panels are follows from it.
    level: Level,
}

impl<N> Default for Packed<N> {
    fn default() -> Self {
        Packed { data: Vec::new(), rows: 0, columns: 0, level: Level::Baseline }
    }
}

impl<N: Multiplies> Packed<N> {
    /// Packs another matrix.
    pub fn pack(&mut self, m: Strides<'_, N>) {
        let lanes = N::LANES;
        let width = m.columns.next_multiple_of(lanes);
        (self.rows, self.columns, self.level) = (m.rows, m.columns, level());
        self.data.resize(width * m.rows, N::default());
        let mut from = 0;
        while from < width {
            let wide = N::panel(self.level, width - from);
            let panel = &mut self.data[from * m.rows..(from + wide) * m.rows];
            fill(panel, wide, m, from);
            from += wide;
        }
    }
}

/// A panel's rows, in squares of lanes, so that neither side is read in long leaps alone.
fn fill<N: Multiplies>(panel: &mut [N], wide: usize, m: Strides<'_, N>, from: usize) {
    let count = wide.min(m.columns - from.min(m.columns));
    if m.right == 1 {
        for (i, row) in panel.chunks_exact_mut(wide).enumerate() {
            if count > 0 {
                row[..count].copy_from_slice(&m.data[i * m.down + from..][..count]);
            }
            row[count..].fill(N::default());
        }
        return;
    }
    const SQUARE: usize = 16;
    for top in (0..m.rows).step_by(SQUARE) {
        let bottom = (top + SQUARE).min(m.rows);
        for j in 0..wide {
            for i in top..bottom {
                let there = || m.data[i * m.down + (from + j) * m.right];
                panel[i * wide + j] = if j < count { there() } else { N::default() };
            }
        }
    }
}

/// Numbers that products are made of.
pub trait Multiplies: Float {
    /// Numbers of the widest vector; rows of a right factor that is read where it lies are a multiple of it.
    const LANES: usize;
    /// How wide the panel is that so many columns begin with, by the instructions.
    fn panel(level: Level, left: usize) -> usize;
    /// The work of [`multiply`].
    ///
    /// # Safety
    ///
    /// The pointers reach as far as the sizes say, and the machine has the instructions of the level.
    #[doc(hidden)]
    unsafe fn product(level: Level, job: &Product<Self>);
}

/// A product, its sizes checked: some of its terms, the others before or after.
#[doc(hidden)]
pub struct Product<N> {
    rows: usize,
    /// How many terms, and how many of them there are in all and before these.
    k: usize,
    deep: usize,
    above: usize,
    columns: usize,
    a: *const N,
    down: usize,
    right: usize,
    b: *const N,
    /// From one row of b to the next where it is read where it lies; 0 where it is packed.
    along: usize,
    c: *mut N,
    stride: usize,
    /// As many as columns, or null; then `there` says whether c itself is the start.
    start: *const N,
    there: bool,
    /// Whether zeros of a are looked for.
    zeros: bool,
}

/// c ← start + a b, the rows of c `stride` apart.
pub fn multiply<N: Multiplies>(
    a: Strides<'_, N>,
    b: Right<'_, N>,
    start: Begin<'_, N>,
    c: &mut [N],
    stride: usize,
) {
    let (level, data, k, columns, along) = match b {
        Right::There { data, rows, columns, down } => {
            let whole = down % N::LANES == 0 && columns <= down;
            let whole = whole && within(data.len(), (rows, down), (down, 1));
            assert!(whole, "a right factor of whole lanes");
            (level(), data.as_ptr(), rows, columns, down)
        }
        // By the instructions that it was packed for: others have panels of other widths.
        Right::Packed(p) => (p.level, p.data.as_ptr(), p.rows, p.columns, 0),
    };
    assert_eq!(a.columns, k, "as many columns on the left as rows on the right");
    if a.rows == 0 || columns == 0 {
        return;
    }
    let fits = stride >= columns && within(c.len(), (a.rows, stride), (columns, 1));
    assert!(fits && a.fits(), "a product within its numbers");
    let (row, there) = match start {
        Begin::Zero => (std::ptr::null(), false),
        Begin::There => (std::ptr::null(), true),
        Begin::Row(row) => {
            assert_eq!(row.len(), columns, "a start for each column");
            (row.as_ptr(), false)
        }
    };
    if k == 0 {
        // No number lies anywhere: there is nothing to point to.
        for c in c.chunks_mut(stride).take(a.rows).map(|c| &mut c[..columns]) {
            match start {
                Begin::Zero => c.fill(N::default()),
                Begin::Row(row) => c.copy_from_slice(row),
                Begin::There => {}
            }
        }
        return;
    }
    let Strides { data: left, rows, down, right, zeros, .. } = a;
    let (a, c) = (left.as_ptr(), c.as_mut_ptr());
    // So many rows of b stay near while all rows of a go over them. In between c is written and read, which changes no bit.
    let lies = along == 0 && right == 1 && !zeros;
    let deep = if lies && level == Level::Avx2 { DEEPER } else { DEEP };
    for above in (0..k).step_by(deep) {
        let job = Product {
            rows,
            k: deep.min(k - above),
            deep: k,
            above,
            columns,
            a: a.wrapping_add(above * right),
            down,
            right,
            b: data,
            along,
            c,
            stride,
            start: if above == 0 { row } else { std::ptr::null() },
            there: there || above > 0,
            zeros,
        };
        // SAFETY: all three matrices lie within their slices, as was just checked; this machine has the level.
        unsafe { N::product(level, &job) };
    }
}
