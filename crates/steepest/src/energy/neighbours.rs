//! Which atoms are near each other: found again only after some atom has gone far enough to matter.
use super::{Lattice, between, square};

/// Of the cut-off, how much further is looked: the list holds until an atom has gone half as far.
const SKIN: f64 = 0.3;
/// Fewer atoms are all held against each other.
const FEW: usize = 192;

/// For each atom those after it that are near, in order; so sums come out the same whenever the list was made.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    reach: f64,
    skin: f64,
    /// Where the atoms lay when it was made.
    made: Vec<f64>,
    starts: Vec<usize>,
    others: Vec<u32>,
}

impl Neighbours {
    /// Within a radius, which may be seen beyond as far as there is room.
    pub fn within(radius: f64, room: f64) -> Self {
        let skin = (SKIN * radius).min(room - radius).max(0.0);
        Neighbours { reach: radius + skin, skin, ..Neighbours::default() }
    }

    /// Makes the list again where an atom may have come near unseen.
    pub fn renew(&mut self, positions: &[f64], lattice: Option<&Lattice>) {
        let far = 0.25 * self.skin * self.skin;
        let near = |(a, b): (&[f64], &[f64])| square([a[0] - b[0], a[1] - b[1], a[2] - b[2]]) < far;
        let holds = self.made.len() == positions.len()
            && positions.chunks_exact(3).zip(self.made.chunks_exact(3)).all(near);
        if holds {
            return;
        }
        self.made.clear();
        self.made.extend_from_slice(positions);
        self.starts.clear();
        self.others.clear();
        self.starts.push(0);
        let n = positions.len() / 3;
        let bins = if n > FEW { Bins::of(positions, lattice, self.reach) } else { None };
        let most = self.reach * self.reach;
        for i in 0..n {
            let before = self.others.len();
            let others = &mut self.others;
            let mut see = |j: usize| {
                // A number that is none is near everything: nothing is hidden by it.
                if j > i {
                    let far = square(between(positions, i, j, lattice)) > most;
                    others.extend((!far).then_some(j as u32));
                }
            };
            match &bins {
                None => (i + 1..n).for_each(see),
                Some(bins) => bins.around(i, &mut see),
            }
            self.others[before..].sort_unstable();
            self.starts.push(self.others.len());
        }
    }

    /// The sum over all pairs of the list, in order.
    #[inline(always)]
    pub fn each(
        &self,
        positions: &[f64],
        lattice: Option<&Lattice>,
        mut pair: impl FnMut(usize, usize, [f64; 3]) -> f64,
    ) -> f64 {
        let mut sum = 0.0;
        for (i, range) in self.starts.windows(2).enumerate() {
            for &j in &self.others[range[0]..range[1]] {
                let j = j as usize;
                sum += pair(i, j, between(positions, i, j, lattice));
            }
        }
        sum
    }
}

/// Atoms sorted into bins no narrower than the reach: who is near is in the same bin, or in one beside it.
struct Bins {
    counts: [usize; 3],
    repeats: [bool; 3],
    places: Vec<[usize; 3]>,
    starts: Vec<usize>,
    atoms: Vec<usize>,
}

impl Bins {
    /// None where bins would be no help.
    fn of(positions: &[f64], lattice: Option<&Lattice>, reach: f64) -> Option<Self> {
        if !reach.is_finite() || positions.iter().any(|p| !p.is_finite()) {
            return None;
        }
        let share = |p: &[f64], k: usize| lattice.map_or(p[k], |l| l.share([p[0], p[1], p[2]], k));
        let repeats = [0, 1, 2].map(|k| lattice.is_some_and(|l| l.repeats(k)));
        let mut from = [0.0; 3];
        let mut extent = [1.0; 3];
        for k in 0..3 {
            if !repeats[k] {
                let (low, high) = positions
                    .chunks_exact(3)
                    .map(|p| share(p, k))
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), s| (a.min(s), b.max(s)));
                (from[k], extent[k]) = (low, high - low);
            }
        }
        // No more bins than a few for each atom, however far they lie apart.
        let most = (2.0 * (positions.len() as f64 / 3.0).cbrt()).ceil().max(3.0);
        let height = |k: usize| extent[k] * lattice.map_or(1.0, |l| l.height(k));
        let counts = [0, 1, 2].map(|k| (height(k) / reach).floor().clamp(1.0, most) as usize);
        // Fewer than three along an edge that repeats: those on either side are the same.
        if (0..3).any(|k| repeats[k] && counts[k] < 3) || counts.iter().product::<usize>() < 8 {
            return None;
        }
        let place = |p: &[f64]| {
            [0, 1, 2].map(|k| {
                let s = share(p, k);
                let s = if repeats[k] {
                    s - s.floor()
                } else {
                    (s - from[k]) / extent[k].max(f64::MIN_POSITIVE)
                };
                ((s * counts[k] as f64) as usize).min(counts[k] - 1)
            })
        };
        let places: Vec<[usize; 3]> = positions.chunks_exact(3).map(place).collect();
        let flat = |[a, b, c]: [usize; 3]| (a * counts[1] + b) * counts[2] + c;
        let mut starts = vec![0; counts.iter().product::<usize>() + 1];
        places.iter().for_each(|p| starts[flat(*p) + 1] += 1);
        (1..starts.len()).for_each(|b| starts[b] += starts[b - 1]);
        let mut next = starts.clone();
        let mut atoms = vec![0; places.len()];
        for (i, p) in places.iter().enumerate() {
            let at = &mut next[flat(*p)];
            atoms[*at] = i;
            *at += 1;
        }
        Some(Bins { counts, repeats, places, starts, atoms })
    }

    /// Everyone in the bin of i and in those beside it.
    fn around(&self, i: usize, see: &mut impl FnMut(usize)) {
        let sides = [0, 1, 2].map(|k| {
            let (at, count, repeats) = (self.places[i][k], self.counts[k], self.repeats[k]);
            match (at.checked_sub(1), at + 1 < count) {
                (Some(below), true) => vec![below, at, at + 1],
                // Three bins at least where they repeat: no two of these are one.
                (None, _) if repeats => vec![at, at + 1, count - 1],
                (Some(below), false) if repeats => vec![0, below, at],
                (Some(below), false) => vec![below, at],
                (None, true) => vec![at, at + 1],
                (None, false) => vec![at],
            }
        });
        for &a in &sides[0] {
            for &b in &sides[1] {
                for &c in &sides[2] {
                    let bin = (a * self.counts[1] + b) * self.counts[2] + c;
                    self.atoms[self.starts[bin]..self.starts[bin + 1]].iter().for_each(|&j| see(j));
                }
            }
        }
    }
}
