//! Whether where the models are at rest is an answer: the Lagrangian's values around it, against what they say.
use super::{LITTLE, Models, Within};
use crate::linalg::vectors::{dot, largest};
use crate::methods::bounds::Bounds;
use crate::methods::gradient_check::{doubtful, scattered};
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// What the promise may be of the last whole step's: more than that, and what is left after it is not known.
const SLOW: f64 = 0.8;
/// Bounds that nothing presses against, at most.
const WEAK: usize = 4;
/// A variable so near a bound, beside its own length, is at it.
const AT: f64 = 1e-9;
/// How much of a look that is to tell of the gradients too leaves the constraints that hold.
const ASIDE: f64 = 1e-2;
/// A constraint or bound whose price is less than this of the slopes may let go.
const STRONG: f64 = 1e-6;
/// How much a look changes the Lagrangian, of what f is.
const LOOK: f64 = 1e-8;
/// What came of looking.
pub(in super::super) enum Confirmed {
    /// Nothing tells against it; at most so much is left, in f.
    Left(f64),
    /// It is over otherwise: a gradient is not that of its function, or f falls without end.
    Ended(Status),
    /// Differences hide more than may be left: their steps can be made better.
    Rough,
    /// What steps gain is not known: another one is to tell.
    Early,
    /// Along this the Lagrangian bends down, or falls.
    Down(Vec<f64>),
    /// Not known.
    Open,
}

/// What is held to at x: multipliers, a promise, and how little matters.
pub(super) struct Claim<'a> {
    pub x: &'a [f64],
    pub price: &'a [f64],
    pub promised: f64,
    pub small: f64,
    /// See [`Models::hidden`].
    pub hidden: f64,
    pub within: Within<'a>,
}

/// What holds where a claim is made.
pub(super) struct Holding {
    /// The slopes of the Lagrangian.
    pub slope: Vec<f64>,
    /// Slopes below this press against nothing.
    strong: f64,
    /// How long each variable is, and no longer than there is room.
    pub own: Vec<f64>,
    /// Which variables are at no bound.
    pub free: Vec<bool>,
    /// Bounds that nothing presses against: which variable, and which way leads inward.
    weak: Vec<(usize, f64)>,
    /// See [`Models::normals`].
    pub normals: Vec<Vec<f64>>,
    /// What is hidden of a value, and of each slope where they are differences.
    pub hidden: f64,
    noise: Vec<f64>,
    /// How large f is.
    size: f64,
}

/// f and the constraints at a point beside, and what the Lagrangian is there less what it is at x.
pub(super) struct Beside {
    pub at: Vec<f64>,
    pub change: f64,
    pub value: f64,
    pub c: Vec<f64>,
}

impl Models {
    /// The slopes of the Lagrangian.
    pub(super) fn slope(&self, price: &[f64]) -> Vec<f64> {
        let mut to = self.gradient.clone();
        for (row, p) in self.jacobian.chunks_exact(to.len().max(1)).zip(price) {
            to.iter_mut().zip(row).for_each(|(to, a)| *to += p * a);
        }
        to
    }

    /// How much the models bend along u.
    pub(super) fn bent(&self, u: &[f64]) -> f64 {
        let rows = self.bend.chunks_exact(u.len().max(1));
        rows.zip(u).map(|(row, by)| by * dot(row, u)).sum()
    }

    /// f and the constraints at x + h u, and what the Lagrangian is there less what it is at x.
    pub(super) fn beside(
        &self,
        problem: &mut Problem<'_>,
        Claim { x, price, .. }: &Claim<'_>,
        (h, u): (f64, &[f64]),
    ) -> Result<Beside, Halt> {
        let at: Vec<f64> = x.iter().zip(u).map(|(x, u)| x + h * u).collect();
        let mut c = vec![0.0; self.c.len()];
        problem.ask(&at, Rows::All, &mut [Ask::Constraints(&mut c)])?;
        let value = problem.total(&at)?;
        let held = |i: usize| if price[i] == 0.0 { 0.0 } else { price[i] * (c[i] - self.c[i]) };
        let change = value - self.value + (0..c.len()).map(held).sum::<f64>();
        Ok(Beside { at, change, value, c })
    }

    /// Looks at the Lagrangian beside x: along a way within the constraints that hold there, on which it has to bend up, and
    /// where gradients were given to both sides of another, on which it must be level; then along what it bends least by.
    pub(super) fn confirm(
        &mut self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
    ) -> Result<Confirmed, Halt> {
        let Claim { promised, small, hidden, .. } = *claim;
        if self.learned == 0 {
            return Ok(Confirmed::Open);
        }
        let Some(place) = self.place(problem, claim) else { return Ok(Confirmed::Open) };
        let within = place.within();
        // What as many more steps as it takes would gain, where each promises that part of the last one.
        let part = -promised / self.last;
        if within > 0 && promised < 0.0 && !(part <= SLOW) {
            return Ok(Confirmed::Early);
        }
        let more = if promised < 0.0 { -promised / (1.0 - part.sqrt()).powi(2) } else { 0.0 };
        let mut left = if within > 0 { more } else { -promised };
        if let Some(otherwise) = self.rises_inward(problem, claim, &place)? {
            return Ok(otherwise);
        }
        let given = doubtful(problem);
        if within > 0 {
            let all = place.scattered();
            let mut u = all.clone();
            orthogonal(&place.normals, &mut u);
            if !(dot(&u, &u) > 1e-12 * dot(&all, &all)) {
                return Ok(Confirmed::Open);
            }
            if given {
                u.iter_mut().zip(&all).for_each(|(u, all)| *u += ASIDE * (all - *u));
            }
            let (bent, along, rough) = (self.bent(&u), dot(&place.slope, &u), place.rough(&u));
            let level = given.then_some((&all[..], left));
            let bend = match self.bend_of(problem, claim, &place, &u, level)? {
                Ok(bend) => bend,
                Err(otherwise) => return Ok(otherwise),
            };
            // What the models have overrated along one way they may have along others.
            let mut part = bend / bent;
            let unseen = 0.5 * (along.abs() + rough).powi(2) / bend;
            if unseen > small.max(hidden) && 0.5 * along * along / bend <= small {
                return Ok(Confirmed::Rough);
            }
            if within > 1 {
                match self.least_bend(problem, claim, &place)? {
                    Ok(least) => part = part.min(least),
                    Err(otherwise) => return Ok(otherwise),
                }
            }
            left = left.max(more / part.min(1.0).powi(2)).max(unseen);
        }
        if left > small.max(hidden).max(64.0 * f64::EPSILON * self.value.abs()) {
            return Ok(Confirmed::Open);
        }
        if given && within == 0 {
            return self.level(problem, claim, &place, &place.scattered(), left);
        }
        Ok(Confirmed::Left(left))
    }

    /// What holds at x; none where too much is in the way of a look.
    pub(super) fn place(&self, problem: &mut Problem<'_>, claim: &Claim<'_>) -> Option<Holding> {
        let Claim { x, price, small, within: Within { bounds, .. }, .. } = *claim;
        let n = x.len();
        let slope = self.slope(price);
        let strong = STRONG * largest(&self.gradient);
        let mut own: Vec<f64> = (0..n).map(|j| (1.0 / self.bend[j * n + j]).sqrt()).collect();
        own.iter_mut().filter(|own| !own.is_normal()).for_each(|own| *own = 1.0);
        // A bound is strong where the Lagrangian presses against it.
        let (mut free, mut weak) = (vec![true; n], Vec::new());
        for (j, b) in bounds.into_iter().flat_map(|b| (0..n).map(move |j| (j, b))) {
            let [below, above] = [-1.0, 1.0].map(|way| b.room(x, j, way).max(0.0));
            if below.min(above) > AT * own[j] {
                own[j] = own[j].min(below).min(above);
                continue;
            }
            free[j] = false;
            let pressed = if below <= above { slope[j] } else { -slope[j] };
            if below.max(above) > AT * own[j] && !(pressed > strong) {
                own[j] = own[j].min(below.max(above));
                weak.push((j, if below <= above { 1.0 } else { -1.0 }));
            }
        }
        let mut noise = vec![0.0; n];
        let hidden = match problem.offers().differences {
            0 => 0.0,
            _ => problem.accuracy(&mut noise),
        };
        let summed: f64 = price.iter().zip(&self.c).map(|(p, c)| (p * c).abs()).sum();
        let hidden = hidden.max(16.0 * f64::EPSILON * (self.value.abs() + summed));
        let clear = hidden.is_finite() && noise.iter().all(|v| v.is_finite());
        let size = small / (LITTLE * problem.tolerance());
        let normals = self.normals(claim, &free, strong);
        (clear && weak.len() <= WEAK).then_some(Holding {
            slope,
            strong,
            own,
            free,
            weak,
            normals,
            hidden,
            noise,
            size,
        })
    }

    /// The normals of the constraints that hold, among the variables that are free: of length 1 and at right angles.
    fn normals(&self, claim: &Claim<'_>, free: &[bool], strong: f64) -> Vec<Vec<f64>> {
        let Claim { price, within: Within { low, high, .. }, .. } = *claim;
        let mut normals: Vec<Vec<f64>> = Vec::new();
        for (i, row) in self.jacobian.chunks_exact(free.len()).enumerate() {
            let mut left: Vec<f64> =
                row.iter().zip(free).map(|(a, free)| if *free { *a } else { 0.0 }).collect();
            if low[i] != high[i] && !(price[i].abs() * largest(&left) > strong) {
                continue;
            }
            let whole = dot(&left, &left).sqrt();
            orthogonal(&normals, &mut left);
            let length = dot(&left, &left).sqrt();
            if length > 1e-8 * whole {
                left.iter_mut().for_each(|v| *v /= length);
                normals.push(left);
            }
        }
        normals
    }

    /// How many u's long a look is that changes the Lagrangian by enough to be seen.
    pub(super) fn seen_at(&self, place: &Holding, u: &[f64]) -> f64 {
        (2.0 * (LOOK * place.size).max(1e3 * place.hidden) / self.bent(u)).sqrt()
    }

    /// What tells against it that the Lagrangian rises from every bound that it does not press against.
    fn rises_inward(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        place: &Holding,
    ) -> Result<Option<Confirmed>, Halt> {
        for &(j, inward) in &place.weak {
            let mut loose = place.free.clone();
            loose[j] = true;
            let mut u = vec![0.0; claim.x.len()];
            u[j] = inward * place.own[j];
            orthogonal(&self.normals(claim, &loose, place.strong), &mut u);
            if !(u[j] * inward > 1e-6 * place.own[j]) {
                continue;
            }
            let Some([most, _]) = room(claim.within.bounds, claim.x, &u) else {
                return Ok(Some(Confirmed::Open));
            };
            let h = self.seen_at(place, &u).min(0.5 * most);
            let change = self.beside(problem, claim, (h, &u))?.change;
            if change < -4.0 * place.hidden {
                return Ok(Some(Confirmed::Down(u.iter().map(|u| h * u).collect())));
            }
            if !(change > 4.0 * place.hidden) {
                return Ok(Some(Confirmed::Open));
            }
        }
        Ok(None)
    }

    /// How much the Lagrangian bends along u, or what else came of looking. With `level`, a way that leaves the constraints
    /// and what is left so far, on both sides, where given gradients have to foretell what is seen.
    fn bend_of(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        place: &Holding,
        u: &[f64],
        level: Option<(&[f64], f64)>,
    ) -> Result<Result<f64, Confirmed>, Halt> {
        let Claim { x, price, small, within: Within { bounds, .. }, .. } = *claim;
        let (bent, along, rough) = (self.bent(u), dot(&place.slope, u), place.rough(u));
        let mut h = self.seen_at(place, u).max(10.0 * rough / bent);
        for _ in 0..3 {
            let Some(most) = room(bounds, x, u) else { return Ok(Err(Confirmed::Open)) };
            // The side with more room.
            let way = if most[0] >= most[1] { 1.0 } else { -1.0 };
            let both = level.is_some();
            let most = if both { most[0].min(most[1]) } else { most[0].max(most[1]) };
            let reach = h.min(0.5 * most);
            let ahead = self.beside(problem, claim, (way * reach, u))?;
            let mut risen = ahead.change - way * reach * along;
            if let Some((all, left)) = level {
                let back = self.beside(problem, claim, (-way * reach, u))?;
                risen = 0.5 * (ahead.change + back.change);
                let off = self.off(u, way * reach, [&ahead, &back]);
                let worth = self.worth(price, &off);
                let matters =
                    0.5 * worth * worth / bent > small && worth > 4.0 * place.hidden / reach;
                if matters && risen.is_finite() {
                    match self.level(problem, claim, place, all, left)? {
                        Confirmed::Left(_) => {}
                        other => return Ok(Err(other)),
                    }
                }
            }
            if !risen.is_finite() {
                h *= 0.05;
                continue;
            }
            let unsure = 4.0 * place.hidden + reach * rough;
            if risen > 3.0 * unsure {
                return Ok(Ok(2.0 * risen / (reach * reach)));
            }
            if risen < -unsure {
                let down = u.iter().map(|u| way * reach * u).collect();
                return Ok(Err(Confirmed::Down(down)));
            }
            if reach < h {
                break;
            }
            h *= 30.0;
        }
        Ok(Err(Confirmed::Open))
    }
}

impl Holding {
    /// How many ways there are within the constraints that hold.
    pub fn within(&self) -> usize {
        self.free.iter().filter(|f| **f).count().saturating_sub(self.normals.len())
    }
    /// A way that no symmetry singles out, along what is free.
    pub fn scattered(&self) -> Vec<f64> {
        let n = self.own.len();
        let mut u = vec![0.0; n];
        scattered(n, &mut u);
        for j in 0..n {
            u[j] *= if self.free[j] { self.own[j] } else { 0.0 };
        }
        u
    }
    /// What differences hide of the slope along u.
    pub fn rough(&self, u: &[f64]) -> f64 {
        u.iter().zip(&self.noise).map(|(u, v)| (u * v).abs()).sum()
    }
}

/// Takes out of v what lies along the others, which are of length 1 and at right angles.
pub(super) fn orthogonal(to: &[Vec<f64>], v: &mut [f64]) {
    for _ in 0..2 {
        for of in to {
            let part = dot(of, v);
            v.iter_mut().zip(of).for_each(|(v, o)| *v -= part * o);
        }
    }
}

/// How many u's there is room for within bounds, ahead and back; none where there is none.
pub(super) fn room(bounds: Option<&Bounds>, x: &[f64], u: &[f64]) -> Option<[f64; 2]> {
    let mut most = [f64::INFINITY; 2];
    if let Some(b) = bounds {
        for (j, u) in u.iter().enumerate().filter(|(_, u)| **u != 0.0) {
            for (most, way) in most.iter_mut().zip([*u, -*u]) {
                *most = most.min(b.room(x, j, way) / u.abs());
            }
        }
    }
    (most[0].max(most[1]) > 0.0).then_some(most)
}
