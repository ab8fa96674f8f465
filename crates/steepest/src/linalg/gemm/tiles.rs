//! Tiles of a product that stay in registers, and the panels that they are of, for each instruction set.
use super::lanes::*;
use super::{Multiplies, Product};
use crate::numbers::simd::Level;

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
/// Rows of the tiles at the lower edge.
const SOME: usize = 4;
const FEW: usize = 2;
/// The most tiles that are noted.
const TILES: usize = 64;

/// Which columns of a have a number that is not zero, for each whole tile's rows, as bits.
struct Noted {
    /// Rows of a tile; 0 before they were looked at.
    height: usize,
    bits: [u64; TILES],
}

impl Noted {
    /// Of no tile yet; None where no zeros are looked for.
    fn of<N>(job: &Product<N>) -> Option<Self> {
        let lies = job.right == 1 || job.down == 1;
        (job.zeros && lies).then_some(Noted { height: 0, bits: [0; TILES] })
    }
    /// The columns of the tile that begins at a row.
    #[inline(always)]
    fn tile(&self, top: usize) -> Option<u64> {
        self.bits.get(top / self.height).copied()
    }
    /// Looks at tiles of `MR` rows, as far as there is room.
    ///
    /// # Safety
    ///
    /// As for [`tile`].
    #[inline(always)]
    unsafe fn look<N: Multiplies, V: Vector<N>, const MR: usize>(&mut self, job: &Product<N>) {
        (self.height, self.bits) = (MR, [0; TILES]);
        for (tile, bits) in self.bits.iter_mut().enumerate().take(job.rows / MR) {
            // SAFETY: below the rows of the tile and the columns of a.
            unsafe {
                let first = job.a.add(tile * MR * job.down);
                if job.right == 1 {
                    let whole = job.k - job.k % V::COUNT;
                    for i in 0..MR {
                        let row = first.add(i * job.down);
                        for p in (0..whole).step_by(V::COUNT) {
                            *bits |= V::load(row.add(p)).not_zero() << p;
                        }
                        for p in whole..job.k {
                            *bits |= u64::from(*row.add(p) != N::default()) << p;
                        }
                    }
                } else {
                    for p in 0..job.k {
                        let column = first.add(p * job.right).cast::<[N; MR]>().read();
                        let some = column.iter().fold(false, |some, v| some | (*v != N::default()));
                        *bits |= u64::from(some) << p;
                    }
                }
            }
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
    picked: u64,
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
        let (mut q, mut left) = (0, picked);
        while if PICKED { left != 0 } else { q < job.k } {
            let p = if PICKED { left.trailing_zeros() as usize } else { q };
            left &= left.wrapping_sub(1);
            q += 1;
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
unsafe fn panel<N: Multiplies, V: Vector<N>, const MR: usize, const NV: usize>(
    job: &Product<N>,
    from: usize,
    noted: &mut Option<Noted>,
) {
    let wide = NV * V::COUNT;
    let mut top = 0;
    if let Some(noted) = noted
        && noted.height != MR
    {
        // SAFETY: as for this function.
        unsafe { noted.look::<N, V, MR>(job) };
    }
    let noted = noted.as_ref();
    while top < job.rows {
        let left = job.rows - top;
        // SAFETY: `top` and `from` are within the job.
        unsafe {
            let (b, along) = match job.along {
                0 => (job.b.add(from * job.deep + job.above * wide), wide),
                along => (job.b.add(job.above * along + from), along),
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
            if MR == 1 || left + 1 >= MR {
                t.rows = left.min(MR);
                match noted.filter(|_| t.rows == MR).and_then(|noted| noted.tile(top)) {
                    Some(picked) => tile::<N, V, MR, NV, true>(job, &t, picked),
                    None => tile::<N, V, MR, NV, false>(job, &t, 0),
                }
            } else if left > FEW {
                t.rows = left.min(SOME);
                tile::<N, V, SOME, NV, false>(job, &t, 0);
            } else {
                tile::<N, V, FEW, NV, false>(job, &t, 0);
            }
            top += t.rows;
        }
    }
}

macro_rules! products {
    ($t:ty, $lanes:literal, [$($level:ident $feature:literal $v:ident: $($rows:literal x $count:literal),*; alone $alone:literal);*], $least:ident: $m:literal x $n:literal) => {
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
                let mut noted = Noted::of(job);
                let mut from = 0;
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
                                    return panel::<$t, $v, $rows, $count>(job, from, noted);
                                })*
                            }
                        }
                        /// # Safety
                        ///
                        /// As above.
                        #[target_feature(enable = $feature)]
                        unsafe fn alone(job: &Product<$t>, from: usize, noted: &mut Option<Noted>) {
                            // SAFETY: as for this function.
                            unsafe { panel::<$t, $v, 1, $alone>(job, from, noted) };
                        }
                        // Rows that lie have zeros each of its own.
                        let wide = $alone * <$v as Vector<$t>>::COUNT;
                        let lies = noted.is_some() && job.right == 1 && job.along > 0 && job.rows <= TILES;
                        while lies && wide > 0 && job.columns - from >= wide {
                            // SAFETY: `level` has these features.
                            unsafe { alone(job, from, &mut noted) };
                            from += wide;
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
                            unsafe { panel::<$t, $least, $m, $n>(job, from, &mut noted) };
                            from += $n * <$least as Vector<$t>>::COUNT;
                        }
                    }
                }
            }
        }
    };
}

products!(f32, 16, [
    Avx512 "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma" Wide32: 6 x 4, 6 x 3, 12 x 2, 12 x 1; alone 0;
    Avx2 "avx2,fma" Half32: 6 x 2; alone 8
], Least32: 4 x 2);
products!(f64, 8, [
    Avx512 "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma" Wide64: 6 x 4, 6 x 3, 12 x 2, 12 x 1; alone 0;
    Avx2 "avx2,fma" Half64: 6 x 2; alone 8
], Least64: 4 x 2);
