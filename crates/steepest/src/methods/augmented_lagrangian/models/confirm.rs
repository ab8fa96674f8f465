//! Whether where the models are at rest is an answer: the Lagrangian's values around it, against what they say.
use super::Models;
use crate::linalg::vectors::dot;
use crate::methods::bounds::Bounds;
use crate::methods::gradient_check::{doubtful, scattered, scattered_else};
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
/// What differs by more than this of all that a change is summed up of is not rounding.
const OFF: f64 = 1e-5;

/// What came of looking.
pub(in super::super) enum Confirmed {
    /// Nothing tells against it; at most so much is left, in f.
    Left(f64),
    /// A gradient is not that of its function.
    Wrong(Status),
    /// Differences hide more than may be left: their steps can be made better.
    Rough,
    /// What steps gain is not known: another one is to tell.
    Early,
    /// Not known.
    Open,
}

/// What is held to: multipliers, a promise, and how little matters.
pub(super) struct Claim<'a> {
    pub price: &'a [f64],
    pub promised: f64,
    pub small: f64,
    pub bounds: Option<&'a Bounds>,
    pub limits: (&'a [f64], &'a [f64]),
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
    fn bent(&self, u: &[f64]) -> f64 {
        let rows = self.bend.chunks_exact(u.len().max(1));
        rows.zip(u).map(|(row, by)| by * dot(row, u)).sum()
    }

    /// f and the constraints at x + h u, and what the Lagrangian is there less what it is at x.
    fn beside(
        &self,
        problem: &mut Problem<'_>,
        x: &[f64],
        by: (f64, &[f64]),
        price: &[f64],
    ) -> Result<(f64, f64, Vec<f64>), Halt> {
        let (h, u) = by;
        let at: Vec<f64> = x.iter().zip(u).map(|(x, u)| x + h * u).collect();
        let mut c = vec![0.0; self.c.len()];
        problem.ask(&at, Rows::All, &mut [Ask::Constraints(&mut c)])?;
        let value = problem.total(&at)?;
        let held = |i: usize| if price[i] == 0.0 { 0.0 } else { price[i] * (c[i] - self.c[i]) };
        let change = value - self.value + (0..c.len()).map(held).sum::<f64>();
        Ok((change, value, c))
    }

    /// Looks at the Lagrangian beside x: along a way within the constraints that hold there (two, where there are), on
    /// which it has to bend up, and where gradients were given to both sides of another, on which it must be level.
    pub(super) fn confirm(
        &mut self,
        problem: &mut Problem<'_>,
        x: &[f64],
        claim: &Claim<'_>,
    ) -> Result<Confirmed, Halt> {
        let Claim { price, promised, small, bounds, limits: (low, high) } = *claim;
        let n = x.len();
        if self.learned == 0 {
            return Ok(Confirmed::Open);
        }
        let slope = self.slope(price);
        let steep = |v: &[f64]| v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let strong = STRONG * steep(&self.gradient);
        // As long as each variable is, and no longer than there is room.
        let mut own: Vec<f64> = (0..n).map(|j| (1.0 / self.bend[j * n + j]).sqrt()).collect();
        own.iter_mut().filter(|own| !own.is_normal()).for_each(|own| *own = 1.0);
        // A bound is strong where the Lagrangian presses against it.
        let (mut free, mut weak) = (vec![true; n], Vec::new());
        for j in 0..if bounds.is_some() { n } else { 0 } {
            let Some(b) = bounds else { break };
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
        if weak.len() > WEAK {
            return Ok(Confirmed::Open);
        }
        let normals_of = |free: &[bool]| {
            let mut normals: Vec<Vec<f64>> = Vec::new();
            for (i, row) in self.jacobian.chunks_exact(n).enumerate() {
                let row: Vec<f64> =
                    row.iter().zip(free).map(|(a, free)| if *free { *a } else { 0.0 }).collect();
                if low[i] == high[i] || price[i].abs() * steep(&row) > strong {
                    let (whole, mut left) = (dot(&row, &row), row);
                    orthogonal(&normals, &mut left);
                    let length = dot(&left, &left).sqrt();
                    if length > 1e-8 * whole.sqrt() {
                        left.iter_mut().for_each(|v| *v /= length);
                        normals.push(left);
                    }
                }
            }
            normals
        };
        let normals = normals_of(&free);
        let within = free.iter().filter(|f| **f).count().saturating_sub(normals.len());
        // What as many more steps as it takes would gain, where each promises that part of the last one.
        let part = -promised / self.last;
        if within > 0 && promised < 0.0 && !(part <= SLOW) {
            return Ok(Confirmed::Early);
        }
        let more = if promised < 0.0 { -promised / (1.0 - part.sqrt()).powi(2) } else { 0.0 };
        let mut left = if within > 0 { more } else { -promised };
        let mut noise = vec![0.0; n];
        let hidden = match problem.offers().differences {
            0 => 0.0,
            _ => problem.accuracy(&mut noise),
        };
        let summed: f64 = price.iter().zip(&self.c).map(|(p, c)| (p * c).abs()).sum();
        let hidden = hidden.max(16.0 * f64::EPSILON * (self.value.abs() + summed));
        if !hidden.is_finite() || noise.iter().any(|v| !v.is_finite()) {
            return Ok(Confirmed::Open);
        }
        let size = small / (1e-4 * problem.tolerance());
        let given = doubtful(problem);
        // Into what a bound does not press against, on one side.
        for &(j, inward) in &weak {
            let mut loose = free.clone();
            loose[j] = true;
            let mut u = vec![0.0; n];
            u[j] = inward * own[j];
            orthogonal(&normals_of(&loose), &mut u);
            if !(u[j] * inward > 1e-6 * own[j]) {
                continue;
            }
            let mut h = (2.0 * (LOOK * size).max(1e3 * hidden) / self.bent(&u)).sqrt();
            let Some([most, _]) = room(bounds, x, &u) else { return Ok(Confirmed::Open) };
            h = h.min(0.5 * most);
            let (change, ..) = self.beside(problem, x, (h, &u), price)?;
            if !(change > 4.0 * hidden) {
                return Ok(Confirmed::Open);
            }
        }
        let mut looked: Vec<Vec<f64>> = Vec::new();
        for k in 0..within.min(2) {
            let mut u = vec![0.0; n];
            if k == 0 {
                scattered(n, &mut u)
            } else {
                scattered_else(n, &mut u)
            };
            for j in 0..n {
                u[j] *= if free[j] { own[j] } else { 0.0 };
            }
            let all = u.clone();
            orthogonal(&normals, &mut u);
            orthogonal(&looked, &mut u);
            if !(dot(&u, &u) > 1e-12 * dot(&all, &all)) {
                return Ok(Confirmed::Open);
            }
            let length = dot(&u, &u).sqrt();
            looked.push(u.iter().map(|u| u / length).collect());
            let both = given && k == 0;
            if both {
                u.iter_mut().zip(&all).for_each(|(u, all)| *u += ASIDE * (all - *u));
            }
            let (bent, along) = (self.bent(&u), dot(&slope, &u));
            let rough: f64 = u.iter().zip(&noise).map(|(u, v)| (u * v).abs()).sum();
            let mut h = (2.0 * (LOOK * size).max(1e3 * hidden) / bent).sqrt();
            h = h.max(10.0 * rough / bent);
            let mut bend = None;
            for _ in 0..3 {
                let Some(most) = room(bounds, x, &u) else { return Ok(Confirmed::Open) };
                // The side with more room.
                let way = if most[0] >= most[1] { 1.0 } else { -1.0 };
                let most = if both { most[0].min(most[1]) } else { most[0].max(most[1]) };
                let reach = h.min(0.5 * most);
                let (up, above, more) = self.beside(problem, x, (way * reach, &u), price)?;
                let mut risen = up - way * reach * along;
                if both {
                    let (down, below, less) = self.beside(problem, x, (-way * reach, &u), price)?;
                    risen = 0.5 * (up + down);
                    let off = self.off(&u, way * reach, [(above, &more), (below, &less)]);
                    let worth = self.worth(price, &off);
                    let matters =
                        0.5 * worth * worth / bent > small && worth > 4.0 * hidden / reach;
                    if matters && risen.is_finite() {
                        match self.level(problem, x, claim, (all.clone(), size, hidden), left)? {
                            Confirmed::Left(_) => {}
                            other => return Ok(other),
                        }
                    }
                }
                if !risen.is_finite() {
                    h *= 0.05;
                    continue;
                }
                let unsure = 4.0 * hidden + reach * rough;
                if risen > 3.0 * unsure {
                    bend = Some(2.0 * risen / (reach * reach));
                    break;
                }
                if risen < -unsure || reach < h {
                    return Ok(Confirmed::Open);
                }
                h *= 30.0;
            }
            let Some(bend) = bend else { return Ok(Confirmed::Open) };
            // What the models have overrated along one way they may have along others.
            left = left.max(more * (bent / bend).max(1.0).powi(2));
            let unseen = 0.5 * (along.abs() + rough).powi(2) / bend;
            if unseen > small && 0.5 * along * along / bend <= small {
                return Ok(Confirmed::Rough);
            }
            left = left.max(unseen);
        }
        if left > small.max(64.0 * f64::EPSILON * self.value.abs()) {
            return Ok(Confirmed::Open);
        }
        if given && within == 0 {
            let mut u = vec![0.0; n];
            scattered(n, &mut u);
            for j in 0..n {
                u[j] *= if free[j] { own[j] } else { 0.0 };
            }
            return self.level(problem, x, claim, (u, size, hidden), left);
        }
        Ok(Confirmed::Left(left))
    }

    /// By how much f, and each constraint, changes along u from one side to the other other than its gradient says.
    fn off(
        &self,
        u: &[f64],
        h: f64,
        [(above, more), (below, less)]: [(f64, &Vec<f64>); 2],
    ) -> Vec<f64> {
        let mut off = vec![(above - below) / (2.0 * h) - dot(&self.gradient, u)];
        let rows = self.jacobian.chunks_exact(u.len()).zip(more.iter().zip(less));
        off.extend(rows.map(|(row, (up, down))| (up - down) / (2.0 * h) - dot(row, u)));
        off
    }

    /// What that is worth.
    fn worth(&self, price: &[f64], off: &[f64]) -> f64 {
        off[0].abs()
            + price
                .iter()
                .zip(&off[1..])
                .map(|(p, v)| if *p == 0.0 { 0.0 } else { (p * v).abs() })
                .sum::<f64>()
    }

    /// Whether f and the constraints change along u as their gradients say, as far as that matters.
    fn level(
        &self,
        problem: &mut Problem<'_>,
        x: &[f64],
        claim: &Claim<'_>,
        (u, size, hidden): (Vec<f64>, f64, f64),
        left: f64,
    ) -> Result<Confirmed, Halt> {
        let Claim { price, small, bounds, .. } = *claim;
        let n = x.len();
        if !(dot(&u, &u) > 0.0) {
            return Ok(Confirmed::Left(left));
        }
        let bent = self.bent(&u);
        let Some(most) = room(bounds, x, &u) else { return Ok(Confirmed::Open) };
        let mut h = (2.0 * (LOOK * size).max(1e3 * hidden) / bent).sqrt();
        h = h.min(0.5 * most[0].min(most[1]));
        let mut before: Option<Vec<f64>> = None;
        for _ in 0..2 {
            let (up, above, more) = self.beside(problem, x, (h, &u), price)?;
            let (down, below, less) = self.beside(problem, x, (-h, &u), price)?;
            if !(up.is_finite() && down.is_finite()) {
                return Ok(Confirmed::Open);
            }
            let off = self.off(&u, h, [(above, &more), (below, &less)]);
            let weigh = |k: usize| if k == 0 { 1.0 } else { price[k - 1].abs() };
            let worth = self.worth(price, &off);
            let rounding = 4.0 * hidden / h;
            if 0.5 * worth * worth / bent <= small || worth <= rounding {
                return Ok(Confirmed::Left(left));
            }
            if let Some(before) = before {
                // Of what bends a shorter step shows less; of what is wrong as much.
                let worst = (0..off.len())
                    .max_by(|a, b| {
                        (weigh(*a) * off[*a].abs()).total_cmp(&(weigh(*b) * off[*b].abs()))
                    })
                    .unwrap_or(0);
                let of = |k: usize| match k {
                    0 => &self.gradient[..],
                    k => &self.jacobian[(k - 1) * n..k * n],
                };
                let whole: f64 = of(worst).iter().zip(&u).map(|(a, u)| (a * u).abs()).sum();
                let (was, is) = (before[worst], off[worst]);
                let same = (was - is).abs() <= 0.2 * is.abs();
                if same && weigh(worst) * is.abs() > 10.0 * rounding && is.abs() > OFF * whole {
                    let (says, does) = (dot(of(worst), &u), dot(of(worst), &u) + is);
                    let what = match worst {
                        0 => "the function".to_string(),
                        k => format!("constraint {}", k - 1),
                    };
                    let unit = if worst == 0 { problem.units().value() } else { 1.0 };
                    return Ok(Confirmed::Wrong(Status::GradientInconsistent(format!(
                        "{what} changes by {:.9e} along a direction where its gradient says {:.9e}",
                        does * unit,
                        says * unit
                    ))));
                }
                return Ok(Confirmed::Open);
            }
            before = Some(off);
            h *= 0.25;
        }
        Ok(Confirmed::Open)
    }
}

/// Takes out of v what lies along the others, which are of length 1 and at right angles.
fn orthogonal(to: &[Vec<f64>], v: &mut [f64]) {
    for _ in 0..2 {
        for of in to {
            let part = dot(of, v);
            v.iter_mut().zip(of).for_each(|(v, o)| *v -= part * o);
        }
    }
}

/// How many u's there is room for within bounds, ahead and back; none where there is none.
fn room(bounds: Option<&Bounds>, x: &[f64], u: &[f64]) -> Option<[f64; 2]> {
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
