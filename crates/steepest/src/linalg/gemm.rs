//! Multiplies of matrices in caches: c = start + a b, by micro-kernels for each instruction set. Serial; who calls splits the
//! work. As products do elsewhere, they use fused multiplication where the hardware has it.
//!
//! A tile of c stays in registers while k runs; b is read along its rows, from where it lies or packed in panels; a may lie
//! in any way, for its numbers are broadcast one by one. A tile is written once, over `Vector`.
use crate::numbers::real::Float;
use crate::numbers::simd::{Level, level};

/// A matrix that is lent: the next row lies `down` further on, the next column `right`.
#[derive(Clone, Copy)]
pub struct Strides<'a, N> {
    data: &'a [N],
    rows: usize,
    columns: usize,
    down: usize,
    right: usize,
}

impl<'a, N> Strides<'a, N> {
    /// Rows of `columns` numbers, each `down` after the one before.
    pub fn rows(data: &'a [N], rows: usize, columns: usize, down: usize) -> Self {
        let matrix = Strides { data, rows, columns, down, right: 1 };
        assert!(down >= columns && matrix.fits(), "a matrix within its numbers");
        matrix
    }
    /// Rows as columns.
    pub fn transposed(self) -> Self {
        let Strides { data, rows, columns, down, right } = self;
        Strides { data, rows: columns, columns: rows, down: right, right: down }
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

/// A product, its sizes checked.
#[doc(hidden)]
pub struct Product<N> {
    rows: usize,
    k: usize,
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
    let Strides { data: left, rows, down, right, .. } = a;
    let (a, c) = (left.as_ptr(), c.as_mut_ptr());
    let job =
        Product { rows, k, columns, a, down, right, b: data, along, c, stride, start: row, there };
    // SAFETY: all three matrices lie within their slices, as was just checked; this machine has the level.
    unsafe { N::product(level, &job) };
}

/// One tile of c.
struct Tile<N> {
    a: *const N,
    b: *const N,
    c: *mut N,
    start: *const N,
    rows: usize,
    columns: usize,
    /// From one row of b to the next.
    along: usize,
}

/// Numbers that one instruction works on.
trait Vector<N>: Copy {
    /// How many.
    const COUNT: usize;
    /// The same number in each.
    ///
    /// # Safety
    ///
    /// As for all of these: the machine has the instructions, and pointers reach over all lanes.
    unsafe fn splat(v: N) -> Self;
    unsafe fn load(from: *const N) -> Self;
    unsafe fn store(self, to: *mut N);
    /// a · b + self.
    unsafe fn plus(self, a: Self, b: Self) -> Self;
}

macro_rules! lanes {
    ($t:ty, $v:ty, $count:literal, $splat:path, $load:path, $store:path, |$a:ident, $b:ident, $c:ident| $plus:expr) => {
        // SAFETY (of the calls): as the trait demands.
        impl Vector<$t> for $v {
            const COUNT: usize = $count;
            #[inline(always)]
            unsafe fn splat(v: $t) -> Self {
                unsafe { $splat(v) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn plus(self, $a: Self, $b: Self) -> Self {
                let $c = self;
                unsafe { $plus }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::Vector;
    use std::arch::x86_64::*;
    pub type Wide32 = __m512;
    pub type Wide64 = __m512d;
    pub type Half32 = __m256;
    pub type Half64 = __m256d;
    pub type Sse32 = __m128;
    pub type Sse64 = __m128d;
    lanes!(f32, Wide32, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, |a, b, c| {
        _mm512_fmadd_ps(a, b, c)
    });
    lanes!(f64, Wide64, 8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, |a, b, c| {
        _mm512_fmadd_pd(a, b, c)
    });
    lanes!(f32, Half32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, |a, b, c| {
        _mm256_fmadd_ps(a, b, c)
    });
    lanes!(f64, Half64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, |a, b, c| {
        _mm256_fmadd_pd(a, b, c)
    });
    lanes!(f32, Sse32, 4, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, |a, b, c| _mm_add_ps(
        _mm_mul_ps(a, b),
        c
    ));
    lanes!(f64, Sse64, 2, _mm_set1_pd, _mm_loadu_pd, _mm_storeu_pd, |a, b, c| _mm_add_pd(
        _mm_mul_pd(a, b),
        c
    ));
}
#[cfg(target_arch = "aarch64")]
mod vectors {
    use super::Vector;
    use std::arch::aarch64::*;
    pub type Neon32 = float32x4_t;
    pub type Neon64 = float64x2_t;
    lanes!(f32, Neon32, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, |a, b, c| vfmaq_f32(c, a, b));
    lanes!(f64, Neon64, 2, vdupq_n_f64, vld1q_f64, vst1q_f64, |a, b, c| vfmaq_f64(c, a, b));
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod vectors {
    use super::Vector;
    #[derive(Clone, Copy)]
    pub struct Four<N>([N; 4]);
    macro_rules! four {
        ($t:ty) => {
            impl Vector<$t> for Four<$t> {
                const COUNT: usize = 4;
                unsafe fn splat(v: $t) -> Self {
                    Four([v; 4])
                }
                unsafe fn load(from: *const $t) -> Self {
                    // SAFETY: as the trait demands.
                    Four(unsafe { *(from as *const [$t; 4]) })
                }
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: as the trait demands.
                    unsafe { *(to as *mut [$t; 4]) = self.0 }
                }
                unsafe fn plus(self, a: Self, b: Self) -> Self {
                    Four(std::array::from_fn(|i| a.0[i] * b.0[i] + self.0[i]))
                }
            }
        };
    }
    four!(f32);
    four!(f64);
}
#[cfg(target_arch = "x86_64")]
use vectors::{Half32, Half64, Sse32 as Least32, Sse64 as Least64, Wide32, Wide64};
#[cfg(target_arch = "aarch64")]
use vectors::{Neon32 as Least32, Neon64 as Least64};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Least32 = vectors::Four<f32>;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Least64 = vectors::Four<f64>;

/// The most columns of a tile.
const WIDE: usize = 64;

/// # Safety
///
/// The pointers reach as far as the job says; b has `NV` vectors in each row.
#[inline(always)]
unsafe fn tile<N: Multiplies, V: Vector<N>, const MR: usize, const NV: usize>(
    job: &Product<N>,
    t: &Tile<N>,
) {
    let whole = t.rows == MR && t.columns == NV * V::COUNT;
    // SAFETY: rows and columns below those of the tile are within c and the start; a room has `WIDE` columns.
    unsafe {
        let mut acc = [[V::splat(N::default()); NV]; MR];
        if whole && (job.there || !t.start.is_null()) {
            for i in 0..MR {
                let from = if job.there { t.c.add(i * job.stride) } else { t.start.cast_mut() };
                for v in 0..NV {
                    acc[i][v] = V::load(from.add(v * V::COUNT));
                }
            }
        } else if !whole {
            let mut room = [[N::default(); WIDE]; MR];
            begin(job, t, &mut room);
            for i in 0..MR {
                for v in 0..NV {
                    acc[i][v] = V::load(room[i].as_ptr().add(v * V::COUNT));
                }
            }
        }
        // A row beyond the last reads the last again; what it gives is not kept.
        let at: [*const N; MR] = std::array::from_fn(|i| t.a.add(i.min(t.rows - 1) * job.down));
        for p in 0..job.k {
            let row = t.b.add(p * t.along);
            let b: [V; NV] = std::array::from_fn(|v| V::load(row.add(v * V::COUNT)));
            for i in 0..MR {
                let a = V::splat(*at[i].add(p * job.right));
                for v in 0..NV {
                    acc[i][v] = acc[i][v].plus(a, b[v]);
                }
            }
        }
        if whole {
            for i in 0..MR {
                for v in 0..NV {
                    acc[i][v].store(t.c.add(i * job.stride + v * V::COUNT));
                }
            }
        } else {
            let mut room = [[N::default(); WIDE]; MR];
            for i in 0..MR {
                for v in 0..NV {
                    acc[i][v].store(room[i].as_mut_ptr().add(v * V::COUNT));
                }
            }
            end(job, t, &room);
        }
    }
}

/// What a tile at the edge begins with.
///
/// # Safety
///
/// As for [`tile`].
#[inline(never)]
unsafe fn begin<N: Multiplies>(job: &Product<N>, t: &Tile<N>, room: &mut [[N; WIDE]]) {
    if !job.there && t.start.is_null() {
        return;
    }
    for (i, row) in room.iter_mut().enumerate().take(t.rows) {
        for (j, to) in row.iter_mut().enumerate().take(t.columns) {
            // SAFETY: within c, or the start.
            *to = unsafe { if job.there { *t.c.add(i * job.stride + j) } else { *t.start.add(j) } };
        }
    }
}

/// Where it ends.
///
/// # Safety
///
/// As for [`tile`].
#[inline(never)]
unsafe fn end<N: Multiplies>(job: &Product<N>, t: &Tile<N>, room: &[[N; WIDE]]) {
    for (i, row) in room.iter().enumerate().take(t.rows) {
        // SAFETY: within c.
        unsafe { t.c.add(i * job.stride).copy_from_nonoverlapping(row.as_ptr(), t.columns) };
    }
}

/// All tiles of a panel.
///
/// # Safety
///
/// As for [`tile`], from column `from` on.
#[inline(always)]
unsafe fn panel<N: Multiplies, V: Vector<N>, const MR: usize, const FEW: usize, const NV: usize>(
    job: &Product<N>,
    from: usize,
) {
    let wide = NV * V::COUNT;
    let mut top = 0;
    while top < job.rows {
        let left = job.rows - top;
        // SAFETY: `top` and `from` are within the job.
        unsafe {
            let (b, along) = match job.along {
                0 => (job.b.add(from * job.k), wide),
                along => (job.b.add(from), along),
            };
            let start = if job.start.is_null() { job.start } else { job.start.add(from) };
            let mut t = Tile {
                a: job.a.add(top * job.down),
                b,
                c: job.c.add(top * job.stride + from),
                start,
                rows: left,
                columns: wide.min(job.columns - from),
                along,
            };
            if left + 1 >= MR {
                t.rows = left.min(MR);
                tile::<N, V, MR, NV>(job, &t);
            } else {
                t.rows = left.min(FEW);
                tile::<N, V, FEW, NV>(job, &t);
            }
            top += t.rows;
        }
    }
}

macro_rules! products {
    ($t:ty, $lanes:literal, [$($level:ident $feature:literal $v:ident: $($rows:literal x $count:literal),*);*], $least:ident: $m:literal x $n:literal) => {
        impl Multiplies for $t {
            const LANES: usize = $lanes;
            fn panel(level: Level, left: usize) -> usize {
                match level {
                    $(#[cfg(target_arch = "x86_64")]
                    Level::$level => {
                        let fits = |n: &usize| left.next_multiple_of($lanes) >= *n;
                        let widths = [$($count * <$v as Vector<$t>>::COUNT),*];
                        widths.into_iter().find(fits).unwrap_or(widths[widths.len() - 1])
                    })*
                    _ => $n * <$least as Vector<$t>>::COUNT,
                }
            }
            unsafe fn product(level: Level, job: &Product<$t>) {
                let mut from = 0;
                match level {
                    $(#[cfg(target_arch = "x86_64")]
                    Level::$level => {
                        /// # Safety
                        ///
                        /// As for [`panel`], and the features.
                        #[target_feature(enable = $feature)]
                        unsafe fn at(job: &Product<$t>, from: usize, wide: usize) {
                            // SAFETY: as for this function.
                            unsafe {
                                $(if wide == $count * <$v as Vector<$t>>::COUNT {
                                    return panel::<$t, $v, $rows, 2, $count>(job, from);
                                })*
                            }
                        }
                        while from < job.columns {
                            let wide = Self::panel(level, job.columns - from);
                            // SAFETY: `level` has these features.
                            unsafe { at(job, from, wide) };
                            from += wide;
                        }
                    })*
                    _ => {
                        while from < job.columns {
                            // SAFETY: every machine has these.
                            unsafe { panel::<$t, $least, $m, 2, $n>(job, from) };
                            from += $n * <$least as Vector<$t>>::COUNT;
                        }
                    }
                }
            }
        }
    };
}

products!(f32, 16, [
    Avx512 "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma" Wide32: 6 x 4, 6 x 3, 12 x 2, 12 x 1;
    Avx2 "avx2,fma" Half32: 6 x 2
], Least32: 4 x 2);
products!(f64, 8, [
    Avx512 "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma" Wide64: 6 x 4, 6 x 3, 12 x 2, 12 x 1;
    Avx2 "avx2,fma" Half64: 6 x 2
], Least64: 4 x 2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::random::Random;

    /// Multiplies of small whole numbers are exact: every shape, start and way to lie against the schoolbook.
    fn agrees<N: Multiplies>() {
        let mut random = Random::new(1, 0, 0, 0);
        for case in 0..400 {
            let mut size = |most: u32| random.below(most) as usize + 1;
            let (m, k, n) = (size(30), size(40), size(150));
            let mut some = |count: usize| -> Vec<N> {
                (0..count).map(|_| N::of_f64(f64::from(random.below(9)) - 4.0)).collect()
            };
            let (a, b, row, before) = (some(m * k), some(k * n), some(n), some(m * n));
            let stands = case % 2 == 0;
            let left = Strides::rows(
                &a,
                if stands { k } else { m },
                if stands { m } else { k },
                if stands { m } else { k },
            );
            let left = if stands { left.transposed() } else { left };
            let wide = n.next_multiple_of(N::LANES);
            let mut lying = vec![N::of_f64(7.0); k * wide];
            let mut turned = vec![N::default(); k * n];
            for p in 0..k {
                lying[p * wide..p * wide + n].copy_from_slice(&b[p * n..(p + 1) * n]);
                (0..n).for_each(|j| turned[j * k + p] = b[p * n + j]);
            }
            let mut packed = Packed::default();
            packed.pack(Strides::rows(&some(3 * 70), 3, 70, 70));
            packed.pack(Strides::rows(&b, k, n, n));
            let mut from_columns = Packed::default();
            from_columns.pack(Strides::rows(&turned, n, k, k).transposed());
            let (start, begin): (Begin<'_, N>, Vec<N>) = match case % 3 {
                0 => (Begin::Zero, vec![N::default(); m * n]),
                1 => (Begin::Row(&row), row.iter().copied().cycle().take(m * n).collect()),
                _ => (Begin::There, before.clone()),
            };
            let want: Vec<f64> = (0..m * n)
                .map(|at| {
                    let (i, j) = (at / n, at % n);
                    let left = |p: usize| if stands { a[p * m + i] } else { a[i * k + p] };
                    let terms = (0..k).map(|p| left(p).to_f64() * b[p * n + j].to_f64());
                    begin[at].to_f64() + terms.sum::<f64>()
                })
                .collect();
            let there = Right::There { data: &lying, rows: k, columns: n, down: wide };
            for right in [there, Right::Packed(&packed), Right::Packed(&from_columns)] {
                let mut c = before.clone();
                multiply(left, right, start, &mut c, n);
                assert!(c.iter().zip(&want).all(|(c, w)| c.to_f64() == *w), "{m} x {k} x {n}");
            }
        }
    }

    /// What was packed for other instructions than are held when it is used.
    #[test]
    fn what_is_packed_stays_what_it_is() {
        let levels = [Level::Baseline, Level::Avx2, Level::Avx512];
        let (m, k, n) = (7, 5, 100);
        let mut random = Random::new(2, 0, 0, 0);
        let mut some =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.below(9) as f32).collect() };
        let (a, b) = (some(m * k), some(k * n));
        let sum = |at: usize| (0..k).map(|p| a[at / n * k + p] * b[p * n + at % n]).sum::<f32>();
        let want: Vec<f32> = (0..m * n).map(sum).collect();
        let _alone = HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for packing in levels {
            crate::numbers::simd::hold(Some(packing));
            let mut packed = Packed::default();
            packed.pack(Strides::rows(&b, k, n, n));
            for using in levels {
                crate::numbers::simd::hold(Some(using));
                let mut c = vec![0.0; m * n];
                let left = Strides::rows(&a, m, k, k);
                multiply(left, Right::Packed(&packed), Begin::Zero, &mut c, n);
                assert!(c == want, "packed for {packing:?}, used by {using:?}");
            }
        }
        crate::numbers::simd::hold(None);
    }

    /// Sizes whose product is more than can be counted are not within any numbers.
    #[test]
    fn sizes_that_overflow_are_refused() {
        let half = 1 << (usize::BITS / 2);
        let data = [0.0_f32; 64];
        let refused =
            |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        assert!(refused(&|| _ = Strides::rows(&data, half + 1, 16, half)));
        let right = Right::There { data: &data, rows: half, columns: 16, down: half };
        let tall = Strides { data: &data, rows: 1, columns: half, down: half, right: 0 };
        assert!(refused(&|| multiply(tall, right, Begin::Zero, &mut [0.0; 64], 16)));
        let packed = {
            let mut packed = Packed::default();
            packed.pack(Strides::rows(&data, 1, 16, 16));
            packed
        };
        let flat = Strides { data: &data, rows: half + 1, columns: 1, down: 0, right: 1 };
        let right = Right::Packed(&packed);
        assert!(refused(&|| multiply(flat, right, Begin::Zero, &mut [0.0; 64], half)));
    }

    /// A sum of no terms is its start.
    #[test]
    fn no_terms_leave_the_start() {
        let (row, before) = ([1.0, 2.0, 3.0], [9.0_f64; 8]);
        let mut packed = Packed::default();
        packed.pack(Strides::rows(&[], 0, 3, 3));
        let there = Right::There { data: &[], rows: 0, columns: 3, down: 8 };
        for right in [there, Right::Packed(&packed)] {
            let of = |start: Begin<'_, f64>| {
                let mut c = before;
                multiply(Strides::rows(&[], 2, 0, 4), right, start, &mut c[..7], 4);
                c
            };
            assert_eq!(of(Begin::Zero), [0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0]);
            assert_eq!(of(Begin::Row(&row)), [1.0, 2.0, 3.0, 9.0, 1.0, 2.0, 3.0, 9.0]);
            assert_eq!(of(Begin::There), before);
        }
    }

    /// The level is held for the whole process.
    static HELD: std::sync::Mutex<()> = std::sync::Mutex::new(());

    #[test]
    fn products_are_those_of_the_schoolbook() {
        let _alone = HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            crate::numbers::simd::hold(Some(level));
            agrees::<f32>();
            agrees::<f64>();
        }
        crate::numbers::simd::hold(None);
    }
}
