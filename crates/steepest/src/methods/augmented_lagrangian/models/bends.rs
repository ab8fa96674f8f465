//! How the Lagrangian bends within the constraints that hold, against what the models say.
//!
//! Models learn along steps alone: from a start in a plane of symmetry none leaves it, and a saddle across it looks like the
//! least. So the Lagrangian's own products are asked for, by conjugate gradients from a way that no symmetry singles out, in
//! coordinates in which the models bend by 1 along all ways: as few as the models are right about. What of the start lies
//! along a way that bends down grows from one product to the next, so once all that is left is less than that, there is none.
use super::Models;
use super::confirm::{Claim, Confirmed, Holding, orthogonal, room};
use crate::linalg::cholesky;
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::vectors::dot;
use crate::methods::gradient_check::scattered;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;

/// Products at most.
const PRODUCTS: usize = 10;
/// What may be left, as a part of what one way of many has of the start on average.
const EXPLAINED: f64 = 0.03;
/// Bent by less than this part of what the models say: nothing is known along it.
const FLAT: f64 = 1e-2;
/// What of a product may be hidden.
const HIDDEN: f64 = 0.3;

/// Ways within the constraints that hold: u = L⁻ᵀ z over the variables that are free, where the models bend by L L′.
struct Tangent {
    free: Vec<usize>,
    l: Vec<f64>,
    /// L⁻¹ times the normals, of length 1 and at right angles.
    normals: Vec<Vec<f64>>,
}

impl Tangent {
    /// None where the models are not safely positive.
    fn of(bend: &[f64], place: &Holding) -> Option<Self> {
        let n = place.free.len();
        let free: Vec<usize> = (0..n).filter(|j| place.free[*j]).collect();
        let all = free.iter().flat_map(|i| free.iter().map(move |j| bend[i * n + j]));
        let mut l: Vec<f64> = all.collect();
        if !cholesky::factor(&mut l, free.len(), |_, left, _| left > 0.0) {
            return None;
        }
        let mut to = Tangent { free, l, normals: Vec::new() };
        for normal in &place.normals {
            let mut left = to.inward(normal);
            let length = dot(&left, &left).sqrt();
            left.iter_mut().for_each(|v| *v /= length);
            to.normals.push(left);
        }
        Some(to)
    }

    /// L⁻¹ v, within the constraints.
    fn inward(&self, v: &[f64]) -> Vec<f64> {
        let mut z: Vec<f64> = self.free.iter().map(|j| v[*j]).collect();
        cholesky::forward(&self.l, &mut z);
        orthogonal(&self.normals, &mut z);
        z
    }

    /// The way that z stands for, of n variables.
    fn outward(&self, z: &[f64], n: usize) -> Vec<f64> {
        let mut z = z.to_vec();
        cholesky::backward(&self.l, &mut z);
        let mut u = vec![0.0; n];
        self.free.iter().zip(&z).for_each(|(j, z)| u[*j] = *z);
        u
    }
}

impl Models {
    /// The least part of what the models say that the Lagrangian was seen to bend by; else what came of looking.
    pub(super) fn least_bend(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        place: &Holding,
    ) -> Result<Result<f64, Confirmed>, Halt> {
        let Some(tangent) = Tangent::of(&self.bend, place) else {
            return Ok(Err(Confirmed::Open));
        };
        let mut start = vec![0.0; tangent.free.len()];
        scattered(start.len(), &mut start);
        orthogonal(&tangent.normals, &mut start);
        let whole = dot(&start, &start);
        let enough = EXPLAINED * EXPLAINED * whole / place.within() as f64;
        let mut ways = ConjugateGradients::new(start.clone(), start);
        let mut least = 1.0f64;
        for _ in 0..PRODUCTS {
            let u = tangent.outward(&ways.p, claim.x.len());
            let Some((bends, h)) = self.product(problem, claim, place, &u)? else {
                return Ok(Err(Confirmed::Open));
            };
            let product = tangent.inward(&bends);
            let part = dot(&ways.p, &product) / dot(&ways.p, &ways.p);
            if !(part > FLAT) {
                let down = u.iter().map(|u| h * u).collect();
                return Ok(Err(if part < -FLAT { Confirmed::Down(down) } else { Confirmed::Open }));
            }
            least = least.min(part);
            ways.go(ways.length(&product), &product);
            ways.turn(None);
            if ways.energy <= enough {
                break;
            }
        }
        Ok(Ok(least))
    }

    /// What the Lagrangian bends by along u, by how its gradient changes over so many u's; none where too little is seen.
    fn product(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        place: &Holding,
        u: &[f64],
    ) -> Result<Option<(Vec<f64>, f64)>, Halt> {
        let (bent, rough) = (self.bent(u), place.rough(u));
        let Some([ahead, back]) = room(claim.within.bounds, claim.x, u) else { return Ok(None) };
        let mut h = self.seen_at(place, u).max(10.0 * rough / bent).min(0.5 * ahead.max(back));
        let way = if ahead >= back { 1.0 } else { -1.0 };
        let (mut gradient, mut pulled) = (vec![0.0; u.len()], vec![0.0; u.len()]);
        for _ in 0..3 {
            let at: Vec<f64> = claim.x.iter().zip(u).map(|(x, u)| x + way * h * u).collect();
            problem.total_gradient_there(&at, &mut gradient)?;
            let asks = &mut [Ask::Pull { by: claim.price, to: &mut pulled }];
            problem.ask(&at, Rows::All, asks)?;
            gradient.iter_mut().zip(&pulled).for_each(|(g, p)| *g += p);
            if gradient.iter().all(|g| g.is_finite()) {
                let seen = rough <= HIDDEN * h * bent;
                let change = gradient.iter().zip(&place.slope);
                let bends = change.map(|(g, s)| (g - s) / (way * h)).collect();
                return Ok(seen.then_some((bends, way * h)));
            }
            h *= 0.05;
        }
        Ok(None)
    }
}
