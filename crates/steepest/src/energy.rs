//! Energies of atoms, and the forces on them: pairs within a cut-off, springs; in free space or in a box that repeats.
use crate::linalg::vectors::fold8;
use crate::refusal::Refusal;
pub use displaced::Displaced;
pub use lattice::Lattice;
use neighbours::Neighbours;
use stiffness::Stiffness;

mod displaced;
mod lattice;
mod neighbours;
mod stiffness;
#[cfg(test)]
mod tests;

/// What two atoms at a distance have of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PairForm {
    /// 4 ε ((σ/r)¹² − (σ/r)⁶).
    LennardJones {
        /// The depth ε.
        epsilon: f64,
        /// The distance σ at which it is 0.
        sigma: f64,
    },
    /// D ((1 − exp(−a (r − r₀)))² − 1).
    Morse {
        /// The depth D.
        depth: f64,
        /// The steepness a.
        steepness: f64,
        /// The distance r₀ at which it is least.
        distance: f64,
    },
    /// A exp(−κ r) / r; Coulomb's where κ is 0.
    Yukawa {
        /// The strength A.
        strength: f64,
        /// One over the screening length, κ.
        screening: f64,
    },
}

/// 4 ε ((σ/r)¹² − (σ/r)⁶) at the square of a distance, and its derivative by the distance over the distance.
#[inline(always)]
fn lennard_jones(epsilon: f64, sigma: f64, q: f64) -> (f64, f64) {
    let over = 1.0 / q;
    let s2 = sigma * sigma * over;
    let s6 = s2 * s2 * s2;
    (4.0 * epsilon * (s6 * s6 - s6), -24.0 * epsilon * (2.0 * s6 * s6 - s6) * over)
}

impl PairForm {
    /// The value at the square of a distance, and its derivative by the distance over the distance.
    #[inline(always)]
    fn at(self, q: f64) -> (f64, f64) {
        match self {
            PairForm::LennardJones { epsilon, sigma } => lennard_jones(epsilon, sigma, q),
            PairForm::Morse { depth, steepness, distance } => {
                let r = q.sqrt();
                let e = (-steepness * (r - distance)).exp();
                // At no distance at all there is no direction to be pushed in.
                let over = if r > 0.0 { 1.0 / r } else { 0.0 };
                (depth * e * (e - 2.0), 2.0 * depth * steepness * e * (1.0 - e) * over)
            }
            PairForm::Yukawa { strength, screening } => {
                let r = q.sqrt();
                let value = strength * (-screening * r).exp() / r;
                (value, -value * (1.0 / r + screening) / r)
            }
        }
    }
    /// V″ and V′/r at the square of a distance.
    #[inline(always)]
    fn bends(self, q: f64) -> (f64, f64) {
        match self {
            PairForm::LennardJones { epsilon, sigma } => {
                let over = 1.0 / q;
                let s2 = sigma * sigma * over;
                let s6 = s2 * s2 * s2;
                let (twelve, six) = (epsilon * s6 * s6 * over, epsilon * s6 * over);
                (624.0 * twelve - 168.0 * six, 24.0 * six - 48.0 * twelve)
            }
            PairForm::Morse { depth, steepness, distance } => {
                let r = q.sqrt();
                let e = (-steepness * (r - distance)).exp();
                let by = 2.0 * depth * steepness * e;
                (by * steepness * (2.0 * e - 1.0), by * (1.0 - e) / r)
            }
            PairForm::Yukawa { strength, screening } => {
                let r = q.sqrt();
                let over = 1.0 / r;
                let value = strength * (-screening * r).exp() * over;
                let slope = -value * (screening + over);
                (value * screening * screening - 2.0 * slope * over, slope * over)
            }
        }
    }
    /// The distance up to which V bends upward around its least value; none where it has no least value.
    fn inflection(self) -> Option<f64> {
        match self {
            PairForm::LennardJones { sigma, .. } => Some((26.0f64 / 7.0).powf(1.0 / 6.0) * sigma),
            PairForm::Morse { steepness, distance, .. } => {
                Some(distance + std::f64::consts::LN_2 / steepness)
            }
            PairForm::Yukawa { .. } => None,
        }
    }
}

/// Where pairs end.
#[derive(Clone, Copy, Debug)]
struct CutOff {
    radius: f64,
    /// What is taken from each value, so that it is 0 there.
    value: f64,
    /// What is taken for each unit of distance short of it, so that the force is 0 there too.
    slope: f64,
}

/// A pair at rest at a distance, ½ k (r − l)².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spring {
    /// The atoms.
    pub ends: [usize; 2],
    /// The stiffness k.
    pub stiffness: f64,
    /// The length l at rest.
    pub length: f64,
}

/// An energy of the positions of atoms, three numbers each. The same positions have the same energy to the last bit,
/// whatever was asked before.
#[derive(Clone, Debug)]
pub struct Potential {
    kind: Kind,
    lattice: Option<Lattice>,
    neighbours: Neighbours,
    /// Those within which a pair bends upward.
    near: Neighbours,
    /// Coordinates and forces axis by axis, while all pairs are summed.
    room: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Pairs(PairForm, Option<CutOff>),
    Springs(Vec<Spring>),
}

impl Potential {
    /// Of all pairs, within a radius where one is given: the value is shifted to 0 there, and where `smooth` the force too.
    ///
    /// # Errors
    /// Where a box that repeats has no cut-off, or one that reaches more than half-way across.
    pub fn pairs(
        form: PairForm,
        radius: Option<f64>,
        smooth: bool,
        lattice: Option<Lattice>,
    ) -> Result<Self, Refusal> {
        if let Some(across) = lattice.as_ref().and_then(Lattice::narrowest) {
            let Some(radius) = radius else {
                let why = format!(
                    "cutoff must be given in a cell that repeats: at most half of its least height, {:.6}",
                    0.5 * across
                );
                return Err(Refusal::of("cutoff", why));
            };
            if radius > 0.5 * across {
                let why = format!(
                    "cutoff must be at most half of the least height of the cell, {:.6}, for an atom to see one image \
                     of each other; got {radius}: repeat the cell, or shorten the cutoff",
                    0.5 * across
                );
                return Err(Refusal::of("cutoff", why));
            }
        }
        let cut = radius.filter(|r| r.is_finite()).map(|radius| {
            let (value, over) = form.at(radius * radius);
            CutOff { radius, value, slope: if smooth { over * radius } else { 0.0 } }
        });
        let room = lattice.as_ref().and_then(Lattice::narrowest).map_or(f64::INFINITY, |h| 0.5 * h);
        let neighbours = Neighbours::within(cut.map_or(f64::INFINITY, |c| c.radius), room);
        let bound = form.inflection().unwrap_or(0.0).min(cut.map_or(f64::INFINITY, |c| c.radius));
        let near = Neighbours::within(bound, room);
        Ok(Potential { kind: Kind::Pairs(form, cut), lattice, neighbours, near, room: Vec::new() })
    }

    /// Of springs between some of the atoms, each by the shortest way.
    pub fn springs(springs: Vec<Spring>, lattice: Option<Lattice>) -> Self {
        let neighbours = Neighbours::within(f64::INFINITY, f64::INFINITY);
        let (lattice, near) = (lattice.map(|l| l.shortened()), Neighbours::default());
        Potential { kind: Kind::Springs(springs), lattice, neighbours, near, room: Vec::new() }
    }

    /// Whether it is known which pairs hold atoms in their places: of a form that has a least value, and of springs.
    fn is_stiff(&self) -> bool {
        match &self.kind {
            Kind::Pairs(form, _) => form.inflection().is_some(),
            Kind::Springs(springs) => !springs.is_empty(),
        }
    }

    /// The length within which pairs hold each other; none of springs, which have lengths of their own.
    fn near(&self) -> Option<f64> {
        match &self.kind {
            Kind::Pairs(form, _) => form.inflection(),
            Kind::Springs(_) => None,
        }
    }

    /// What pairs that bend upward, and springs, resist being moved by; false where there is nothing of the kind.
    fn stiffness(&mut self, positions: &[f64], to: &mut Stiffness) -> bool {
        let lattice = self.lattice.as_ref();
        match &self.kind {
            Kind::Springs(springs) => {
                for spring in springs {
                    let [i, j] = spring.ends;
                    let across = between(positions, i, j, None);
                    to.spring(spring, lattice.map_or(across, |l| l.shortest(across)));
                }
            }
            Kind::Pairs(form, cut) => {
                let Some(bound) = form.inflection() else { return false };
                let (radius, slope) = cut.map_or((bound, 0.0), |c| (bound.min(c.radius), c.slope));
                self.near.renew(positions, lattice);
                self.near.each(positions, lattice, |i, j, d| {
                    let q = square(d);
                    if q < radius * radius {
                        let (bend, over) = form.bends(q);
                        let lifted = if slope == 0.0 { 0.0 } else { slope / q.sqrt() };
                        to.add([i, j], d, (bend, over - lifted, q));
                    }
                    0.0
                });
            }
        }
        to.done()
    }

    /// The energy; the force on each atom into `forces`.
    pub fn evaluate(&mut self, positions: &[f64], forces: &mut [f64]) -> f64 {
        forces.fill(0.0);
        let lattice = self.lattice.as_ref();
        match &self.kind {
            Kind::Springs(springs) => springs.iter().fold(0.0, |sum, spring| {
                let [i, j] = spring.ends;
                let across = between(positions, i, j, None);
                let d = lattice.map_or(across, |l| l.shortest(across));
                let r = square(d).sqrt();
                let stretch = r - spring.length;
                let over = if r > 0.0 { spring.stiffness * stretch / r } else { 0.0 };
                push(forces, i, j, d, over);
                sum + 0.5 * spring.stiffness * stretch * stretch
            }),
            Kind::Pairs(PairForm::LennardJones { epsilon, sigma }, None) => {
                all_by_lanes(*epsilon, *sigma, positions, forces, &mut self.room)
            }
            Kind::Pairs(form, None) => all(positions, forces, |q| form.at(q)),
            Kind::Pairs(form, Some(cut)) => {
                let most = cut.radius * cut.radius;
                let near = |q: f64| {
                    let (value, over) = form.at(q);
                    if cut.slope == 0.0 {
                        return (value - cut.value, over);
                    }
                    let r = q.sqrt();
                    let lifted = value - cut.value - (r - cut.radius) * cut.slope;
                    // At no distance at all there is no direction to be pushed in.
                    let push = if r > 0.0 { cut.slope / r } else { 0.0 };
                    (lifted, over - push)
                };
                self.neighbours.renew(positions, lattice);
                self.neighbours.each(positions, lattice, |i, j, d| {
                    let q = square(d);
                    if q >= most {
                        return 0.0;
                    }
                    let (value, over) = near(q);
                    push(forces, i, j, d, over);
                    value
                })
            }
        }
    }

    /// The first two atoms that lie on each other, within a distance along each axis (a square of it may be no number).
    pub fn coincident(&self, positions: &[f64], distance: f64) -> Option<[usize; 2]> {
        let mut search = Neighbours::within(distance, f64::INFINITY);
        search.renew(positions, self.lattice.as_ref());
        let mut found = None;
        search.each(positions, self.lattice.as_ref(), |i, j, d| {
            if found.is_none() && d.iter().all(|d| d.abs() <= distance) {
                found = Some([i, j]);
            }
            0.0
        });
        found
    }
}

/// Every pair in free space, row by row: the force on the first is summed before it is written.
fn all(positions: &[f64], forces: &mut [f64], at: impl Fn(f64) -> (f64, f64)) -> f64 {
    let n = positions.len() / 3;
    let mut energy = 0.0;
    for i in 0..n {
        let [x, y, z] = [0, 1, 2].map(|k| positions[3 * i + k]);
        let (before, rest) = forces.split_at_mut(3 * i + 3);
        let mut own = [0.0; 3];
        let mut row = 0.0;
        for (p, f) in positions[3 * i + 3..].chunks_exact(3).zip(rest.chunks_exact_mut(3)) {
            let d = [x - p[0], y - p[1], z - p[2]];
            let (value, over) = at(square(d));
            row += value;
            for k in 0..3 {
                let pushed = over * d[k];
                own[k] -= pushed;
                f[k] += pushed;
            }
        }
        energy += row;
        (0..3).for_each(|k| before[3 * i + k] += own[k]);
    }
    energy
}

/// Of pairs that are seen at once.
const LANES: usize = 8;

crate::simd! {
    /// As [`all`], eight atoms at a time: for a form without exponentials, whose pairs cost next to nothing.
    fn all_by_lanes[](epsilon: f64, sigma: f64, positions: &[f64], forces: &mut [f64], room: &mut Vec<f64>) -> f64 {
        let n = positions.len() / 3;
        let long = n + LANES;
        room.clear();
        room.resize(6 * long, 0.0);
        let (places, pushes) = room.split_at_mut(3 * long);
        for (i, p) in positions.chunks_exact(3).enumerate() {
            for k in 0..3 { places[k * long + i] = p[k] }
        }
        let mut energy = 0.0;
        for i in 0..n {
            let here = [places[i], places[long + i], places[2 * long + i]];
            let (mut row, mut own) = ([0.0; LANES], [[0.0; LANES]; 3]);
            let mut j = i + 1;
            while j < n {
                let mut d = [[0.0; LANES]; 3];
                for k in 0..3 {
                    let there: &[f64; LANES] = places[k * long + j..][..LANES].try_into().expect("eight");
                    for l in 0..LANES { d[k][l] = if j + l < n { here[k] - there[l] } else { 1.0 } }
                }
                let mut over = [0.0; LANES];
                for l in 0..LANES {
                    let q = d[0][l] * d[0][l] + d[1][l] * d[1][l] + d[2][l] * d[2][l];
                    let (value, slope) = lennard_jones(epsilon, sigma, q);
                    row[l] += if j + l < n { value } else { 0.0 };
                    over[l] = if j + l < n { slope } else { 0.0 };
                }
                for k in 0..3 {
                    let to: &mut [f64; LANES] = (&mut pushes[k * long + j..][..LANES]).try_into().expect("eight");
                    for l in 0..LANES {
                        let pushed = over[l] * d[k][l];
                        own[k][l] -= pushed;
                        to[l] += pushed;
                    }
                }
                j += LANES;
            }
            energy += fold8(&row);
            for k in 0..3 { pushes[k * long + i] += fold8(&own[k]) }
        }
        for (i, f) in forces.chunks_exact_mut(3).enumerate() {
            for k in 0..3 { f[k] = pushes[k * long + i] }
        }
        energy
    }
}

#[inline(always)]
fn square(d: [f64; 3]) -> f64 {
    d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
}

/// From j to i, by the shortest way where the box repeats.
#[inline(always)]
fn between(positions: &[f64], i: usize, j: usize, lattice: Option<&Lattice>) -> [f64; 3] {
    let (a, b) = (&positions[3 * i..3 * i + 3], &positions[3 * j..3 * j + 3]);
    let d = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    match lattice {
        Some(lattice) => lattice.nearest(d),
        None => d,
    }
}

/// Adds the force of a pair, −V′(r)/r · d on i and its opposite on j.
#[inline(always)]
fn push(forces: &mut [f64], i: usize, j: usize, d: [f64; 3], over: f64) {
    for (k, d) in d.iter().enumerate() {
        forces[3 * i + k] -= over * d;
        forces[3 * j + k] += over * d;
    }
}
