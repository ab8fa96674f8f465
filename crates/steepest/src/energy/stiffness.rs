//! What near pairs resist being moved by, and its inverse by conjugate gradients: a metric of atoms.
use super::Spring;

/// Of the mean on the diagonal, what is added to it: nothing resists what moves all atoms alike.
const ADDED: f64 = 0.1;
/// Conjugate gradients stop where so much of the right-hand side is left: further on steps get no better for what they cost.
const LEFT: f64 = 0.1;
/// They take no more iterations.
const MOST: usize = 50;

/// A vector of an atom, and a 0 that fills a whole register.
pub(super) type Triple = [f64; 4];

/// What a pair adds: of how much further its atoms are moved apart, so much of a force along the line between them (beside
/// what is across, and over the square of its length), and across.
#[derive(Clone, Copy, Debug)]
struct Link {
    ends: [u32; 2],
    d: Triple,
    along: f64,
    across: f64,
}

/// The matrix Σ over pairs of the positive parts of V″ along the line and of V′/r across it, over the coordinates that are
/// free. It is positive definite by what is added to its diagonal.
#[derive(Clone, Debug, Default)]
pub(super) struct Stiffness {
    pairs: Vec<Link>,
    /// 1 for coordinates that move, 0 for those that stay.
    free: Vec<Triple>,
    /// Of each atom's own block its rows; then those of its inverse.
    own: Vec<[Triple; 3]>,
    added: f64,
    room: [Vec<Triple>; 4],
}

impl Stiffness {
    /// Begins with no pairs, over the coordinates that move.
    pub fn begin(&mut self, atoms: usize, free: Option<&[usize]>) {
        self.pairs.clear();
        self.own.clear();
        self.own.resize(atoms, [[0.0; 4]; 3]);
        if self.free.len() != atoms {
            let one = if free.is_some() { 0.0 } else { 1.0 };
            self.free.clear();
            self.free.resize(atoms, [one, one, one, 0.0]);
            free.into_iter().flatten().for_each(|i| self.free[i / 3][i % 3] = 1.0);
        }
    }

    /// Adds a pair that lies d apart: V″ and V′/r there, and the square of its length.
    #[inline(always)]
    pub fn add(&mut self, ends: [usize; 2], d: [f64; 3], (bend, over, q): (f64, f64, f64)) {
        let (bend, across) = (bend.max(0.0), over.max(0.0));
        if bend > 0.0 || across > 0.0 {
            let (ends, along) = ([ends[0] as u32, ends[1] as u32], (bend - across) / q);
            self.pairs.push(Link { ends, d: [d[0], d[1], d[2], 0.0], along, across });
        }
    }

    /// Adds a spring.
    pub fn spring(&mut self, spring: &Spring, d: [f64; 3]) {
        let q = super::square(d);
        if q > 0.0 {
            let over = spring.stiffness * (1.0 - spring.length / q.sqrt());
            self.add(spring.ends, d, (spring.stiffness, over, q));
        }
    }

    /// All pairs are there: false where they tell nothing, or what is no number.
    pub fn done(&mut self) -> bool {
        let Stiffness { pairs, free, own, added, .. } = self;
        sum_own(pairs, own);
        let (mut sum, mut count) = (0.0, 0.0);
        for (own, free) in own.iter().zip(&*free) {
            for k in 0..3 {
                sum += free[k] * own[k][k];
                count += free[k];
            }
        }
        *added = ADDED * sum / count;
        if !(added.is_finite() && *added > 0.0) {
            return false;
        }
        for (own, free) in own.iter_mut().zip(&*free) {
            for k in 0..3 {
                (0..3).for_each(|l| own[k][l] *= free[k] * free[l]);
                own[k][k] += if free[k] == 0.0 { 1.0 } else { *added };
            }
            *own = inverse(own);
        }
        true
    }

    /// The inverse times what `of` gives of each coordinate, within a tenth, each coordinate to `to`; false where it was not found.
    pub fn solve(&mut self, of: impl Fn(usize) -> f64, mut to: impl FnMut(usize, f64)) -> bool {
        let Stiffness { pairs, free, own, added, room } = self;
        for room in room.iter_mut() {
            room.clear();
            room.resize(free.len(), [0.0; 4]);
        }
        let [z, r, p, q] = room;
        for (i, (r, free)) in r.iter_mut().zip(&*free).enumerate() {
            (0..3).for_each(|k| r[k] = if free[k] == 0.0 { 0.0 } else { of(3 * i + k) });
        }
        let found = solved(pairs, free, own, *added, z, r, p, q);
        for (i, (z, free)) in z.iter().zip(&*free).enumerate() {
            (0..3).filter(|k| free[*k] != 0.0).for_each(|k| to(3 * i + k, z[k]));
        }
        found
    }
}

/// Of a symmetric block, by its cofactors.
fn inverse(a: &[Triple; 3]) -> [Triple; 3] {
    let two = |i: usize, j: usize, k: usize, l: usize| a[i][k] * a[j][l] - a[i][l] * a[j][k];
    let (c00, c01, c02) = (two(1, 2, 1, 2), two(1, 2, 2, 0), two(1, 2, 0, 1));
    let (c11, c12, c22) = (two(0, 2, 0, 2), -two(0, 2, 0, 1), two(0, 1, 0, 1));
    let over = 1.0 / (a[0][0] * c00 + a[0][1] * c01 + a[0][2] * c02);
    [
        [over * c00, over * c01, over * c02, 0.0],
        [over * c01, over * c11, over * c12, 0.0],
        [over * c02, over * c12, over * c22, 0.0],
    ]
}

crate::simd! {
    /// Adds to the atoms' own blocks what each pair resists.
    fn sum_own[](pairs: &[Link], own: &mut [[Triple; 3]]) {
        for pair in pairs {
            let (d, along, across) = (pair.d, pair.along, pair.across);
            let mut block = [[0.0; 4]; 3];
            for k in 0..3 {
                for l in 0..4 { block[k][l] = along * d[k] * d[l] }
                block[k][k] += across;
            }
            for end in pair.ends {
                let to = &mut own[end as usize];
                for k in 0..3 {
                    for l in 0..4 { to[k][l] += block[k][l] }
                }
            }
        }
    }
}

crate::simd! {
    /// Conjugate gradients, preconditioned by the inverses of the atoms' own blocks: z from r; false where it is not found.
    fn solved[](
        pairs: &[Link], free: &[Triple], own: &[[Triple; 3]], added: f64,
        z: &mut [Triple], r: &mut [Triple], p: &mut [Triple], q: &mut [Triple],
    ) -> bool {
        let n = free.len();
        let mut left = alone(own, r, p);
        let enough = LEFT * LEFT * left;
        if !left.is_finite() { return false }
        if left == 0.0 { return true }
        for _ in 0..MOST {
            for (q, p) in q.iter_mut().zip(&*p) { for l in 0..4 { q[l] = added * p[l] } }
            // In order of their first atoms: what these get is summed before it is written.
            for own in pairs.chunk_by(|a, b| a.ends[0] == b.ends[0]) {
                let i = own[0].ends[0] as usize;
                let (here, mut sum) = (p[i], [0.0; 4]);
                for pair in own {
                    let (j, way) = (pair.ends[1] as usize, pair.d);
                    let (there, mut d) = (p[j], [0.0; 4]);
                    for l in 0..4 { d[l] = here[l] - there[l] }
                    let along = pair.along * (way[0] * d[0] + way[1] * d[1] + way[2] * d[2]);
                    for l in 0..4 {
                        d[l] = along * way[l] + pair.across * d[l];
                        sum[l] += d[l];
                    }
                    let to = &mut q[j];
                    for l in 0..4 { to[l] -= d[l] }
                }
                let to = &mut q[i];
                for l in 0..4 { to[l] += sum[l] }
            }
            let mut sums = [0.0; 4];
            for i in 0..n {
                for l in 0..4 {
                    q[i][l] *= free[i][l];
                    sums[l] += p[i][l] * q[i][l];
                }
            }
            let bend = (sums[0] + sums[1]) + sums[2];
            if !(bend > 0.0 && bend.is_finite()) { return false }
            let a = left / bend;
            for i in 0..n {
                for l in 0..4 {
                    z[i][l] += a * p[i][l];
                    r[i][l] -= a * q[i][l];
                }
            }
            let before = left;
            left = alone(own, r, q);
            if left <= enough { break }
            let b = left / before;
            for (p, q) in p.iter_mut().zip(&*q) { for l in 0..4 { p[l] = q[l] + b * p[l] } }
        }
        true
    }
}

/// The atoms' own inverses times r, to `to`; r times that.
#[inline(always)]
fn alone(own: &[[Triple; 3]], r: &[Triple], to: &mut [Triple]) -> f64 {
    let mut sums = [0.0; 4];
    for ((own, r), to) in own.iter().zip(r).zip(to) {
        for l in 0..4 {
            to[l] = (own[0][l] * r[0] + own[1][l] * r[1]) + own[2][l] * r[2];
            sums[l] += r[l] * to[l];
        }
    }
    (sums[0] + sums[1]) + sums[2]
}
