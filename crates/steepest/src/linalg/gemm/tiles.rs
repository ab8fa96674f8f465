//! Tiles of a product that stay in registers, and the panels that they are of, for each instruction set.
use super::lanes::*;
use super::{Multiplies, Product};
use crate::numbers::simd::Level;
use std::ops::BitOr;

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

/// The most columns of a tile.
const WIDE: usize = 64;
/// Columns of a that are noted for all tiles of a product, and the most tiles.
const NOTED: usize = 2048;
const TILES: usize = 64;

/// Which columns of a have a number that is not zero, for each whole tile's rows, one after another.
struct Noted {
    /// Rows of a tile; 0 before they were looked at.
    height: usize,
    picks: [u16; NOTED],
    counts: [u16; TILES],
}

impl Noted {
    /// Of no tile yet; None where no zeros are looked for, or there is no room.
    fn of<N>(job: &Product<N>) -> Option<Self> {
        let lies = job.right == 1 || job.down == 1;
        if !job.zeros || !lies || job.k > NOTED {
            return None;
        }
        Some(Noted { height: 0, picks: [0; NOTED], counts: [0; TILES] })
    }
    /// The columns of the tile that begins at a row.
    #[inline(always)]
    fn tile(&self, top: usize, k: usize) -> Option<&[u16]> {
        let tile = top / self.height;
        let (from, count) = (tile * k, usize::from(*self.counts.get(tile)?));
        self.picks.get(from..from + k).map(|picks| &picks[..count])
    }
    /// Looks at tiles of `MR` rows, as far as there is room.
    ///
    /// # Safety
    ///
    /// As for [`tile`]; `B` has the size of a number.
    #[inline(always)]
    unsafe fn look<N, B, const MR: usize>(&mut self, job: &Product<N>)
    where
        B: Copy + Default + PartialEq + BitOr<Output = B>,
    {
        self.height = MR;
        let tiles = (job.rows / MR).min(TILES);
        let noted = self.picks.chunks_exact_mut(job.k.max(1)).zip(&mut self.counts);
        for (tile, (picks, count)) in noted.enumerate().take(tiles) {
            let mut some = 0;
            for from in (0..job.k).step_by(WIDE) {
                let len = WIDE.min(job.k - from);
                let mut bits = [B::default(); WIDE];
                // SAFETY: below the rows of the tile and the columns of a.
                unsafe {
                    let first: *const B = job.a.add(tile * MR * job.down).cast();
                    if job.right == 1 {
                        for i in 0..MR {
                            let row = first.add(i * job.down + from);
                            let row = std::slice::from_raw_parts(row, len);
                            bits.iter_mut().zip(row).for_each(|(bits, b)| *bits = *bits | *b);
                        }
                    } else {
                        for (p, bits) in bits[..len].iter_mut().enumerate() {
                            let column = first.add((from + p) * job.right).cast::<[B; MR]>();
                            *bits = column.read().into_iter().fold(*bits, B::bitor);
                        }
                    }
                    for (p, bits) in bits[..len].iter().enumerate() {
                        // As many as were seen before it, which is below k.
                        *picks.get_unchecked_mut(some) = (from + p) as u16;
                        some += usize::from(*bits != B::default());
                    }
                }
            }
            *count = some as u16;
        }
    }
}

/// # Safety
///
/// The pointers reach as far as the job says; b has `NV` vectors in each row.
#[inline(always)]
unsafe fn tile<
    N: Multiplies,
    V: Vector<N>,
    const MR: usize,
    const NV: usize,
    const PICKED: bool,
>(
    job: &Product<N>,
    t: &Tile<N>,
    picks: &[u16],
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
        for q in 0..if PICKED { picks.len() } else { job.k } {
            let p = if PICKED { usize::from(*picks.get_unchecked(q)) } else { q };
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
    noted: &mut Option<Noted>,
) {
    let wide = NV * V::COUNT;
    let mut top = 0;
    if let Some(noted) = noted
        && noted.height == 0
    {
        // SAFETY: numbers of four or of eight bytes.
        match size_of::<N>() {
            4 => unsafe { noted.look::<N, u32, MR>(job) },
            _ => unsafe { noted.look::<N, u64, MR>(job) },
        }
    }
    let noted = noted.as_ref().filter(|noted| noted.height == MR);
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
                match noted.filter(|_| t.rows == MR).and_then(|noted| noted.tile(top, job.k)) {
                    Some(picks) => tile::<N, V, MR, NV, true>(job, &t, picks),
                    None => tile::<N, V, MR, NV, false>(job, &t, &[]),
                }
            } else {
                t.rows = left.min(FEW);
                tile::<N, V, FEW, NV, false>(job, &t, &[]);
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
                let mut noted = Noted::of(job);
                match level {
                    $(#[cfg(target_arch = "x86_64")]
                    Level::$level => {
                        /// # Safety
                        ///
                        /// As for [`panel`], and the features.
                        #[target_feature(enable = $feature)]
                        unsafe fn at(
                            job: &Product<$t>,
                            from: usize,
                            wide: usize,
                            noted: &mut Option<Noted>,
                        ) {
                            // SAFETY: as for this function.
                            unsafe {
                                $(if wide == $count * <$v as Vector<$t>>::COUNT {
                                    return panel::<$t, $v, $rows, 2, $count>(job, from, noted);
                                })*
                            }
                        }
                        while from < job.columns {
                            let wide = Self::panel(level, job.columns - from);
                            // SAFETY: `level` has these features.
                            unsafe { at(job, from, wide, &mut noted) };
                            from += wide;
                        }
                    })*
                    _ => {
                        while from < job.columns {
                            // SAFETY: every machine has these.
                            unsafe { panel::<$t, $least, $m, 2, $n>(job, from, &mut noted) };
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
