//! Tables for which no matrix pays (wide, or sparse): conjugate gradients find the dual point of the proof over all
//! rows, and with it Newton's step.
//!
//! The bound is that of `certify` with S all rows. For any v, with r = −g − Bv and so p = r + Av, it is to second
//! order ½ (v′Bv + Σ r_j (r_j / a_j + 2 v_j)), which costs nothing to follow from one v to the next; where that is
//! small enough the bound itself is computed, in one more read. Intercepts, which nothing penalises, are moved so
//! that nothing is left of r in them.
use super::lbfgs::{CHANGE, Walk};
use super::subproblem::Seen;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::conjugate::ConjugateGradients;
use crate::objective::{Ask, Rows};
use crate::status::Halt;
use crate::table::{Margins, OfRows, Sum};

/// Reads at most.
const READS: usize = 400;
/// What is left of the residual's square when a step is as good as Newton's.
const LEFT: f64 = 1e-2;

/// What conjugate gradients found.
pub struct Found {
    /// F − F* is at most this; none where that was not proved.
    pub bound: Option<f64>,
    /// The step −B⁻¹g, nearly.
    pub v: Vec<f64>,
    /// What it promises: F − F* to second order.
    pub promise: f64,
}

/// At the point where `walk` stands, with its idea of B⁻¹ as the preconditioner.
pub fn prove(seen: &mut Seen<'_, '_>, walk: &Walk, target: f64) -> Result<Found, Halt> {
    let mut bent = Bent::of(seen, walk);
    let r: Vec<f64> = walk.g.iter().map(|g| -g).collect();
    let mut y = r.clone();
    walk.inverse(&mut y);
    let mut cg = ConjugateGradients::new(r, y.clone());
    let (first, mut promise, mut goal) = (cg.energy, 0.0, 0.9 * target);
    // Where the slope itself is next to nothing no step need be found.
    if bent.nearly(&cg.v, &cg.r) <= goal {
        let level = bent.levelled(&cg.v, &cg.r)?;
        if let Some(bound) = bent.bound(&level)?
            && bound <= target
        {
            return Ok(Found { bound: Some(bound), v: level, promise });
        }
    }
    for _ in 0..READS {
        let product = bent.product(&cg.p)?;
        let length = cg.length(&product);
        if !(length.is_finite() && length > 0.0) {
            break;
        }
        cg.go(length, &product);
        promise += 0.5 * length * cg.energy;
        if bent.nearly(&cg.v, &cg.r) <= goal {
            let level = bent.levelled(&cg.v, &cg.r)?;
            if let Some(bound) = bent.bound(&level)?
                && bound <= target
            {
                return Ok(Found { bound: Some(bound), v: level, promise });
            }
            goal *= 0.5;
        }
        y.copy_from_slice(&cg.r);
        walk.inverse(&mut y);
        cg.turn(Some(&y));
        // More than the target is wanting here: no dual point will do, but the step will.
        let enough = if promise > target || !bent.provable { LEFT } else { 1e-24 };
        if !(cg.energy > enough * first) {
            break;
        }
    }
    Ok(Found { bound: None, v: cg.v, promise })
}

/// The second derivatives over all rows at the walk's point, and the penalty.
struct Bent<'a, 's, 'p> {
    seen: &'a mut Seen<'s, 'p>,
    walk: &'a Walk,
    /// Whether all but the intercepts are penalised.
    provable: bool,
}

impl<'a, 's, 'p> Bent<'a, 's, 'p> {
    fn of(seen: &'a mut Seen<'s, 'p>, walk: &'a Walk) -> Self {
        let (d, width) = (seen.table.columns, seen.table.width());
        let a = seen.ground.penalty.iter().enumerate();
        let provable = a.into_iter().all(|(j, a)| *a > 0.0 || j % width == d);
        Bent { seen, walk, provable }
    }
    /// X′HX v, without the penalty; how margins change along v is kept.
    fn loss(&mut self, v: &[f64]) -> Result<Vec<f64>, Halt> {
        let scaling = self.seen.scaling;
        let (mut x, mut to) = (vec![0.0; v.len()], vec![0.0; v.len()]);
        scaling.out(v, &mut x);
        let (at, keep) = (self.walk.here, CHANGE);
        let bent = OfRows::Bent { at, along: &x, to: &mut to, keep };
        self.seen.problem.ask(&[], Rows::All, &mut [Ask::Rows(bent)])?;
        scaling.gradient(&mut to);
        Ok(to)
    }
    /// B v.
    fn product(&mut self, v: &[f64]) -> Result<Vec<f64>, Halt> {
        let mut to = self.loss(v)?;
        let terms = to.iter_mut().zip(&self.seen.ground.penalty).zip(v);
        terms.for_each(|((to, a), v)| *to += a * v);
        Ok(to)
    }
    /// The bound to second order; intercepts count as levelled.
    fn nearly(&self, v: &[f64], r: &[f64]) -> f64 {
        if !self.provable {
            return f64::INFINITY;
        }
        let mut sum = 0.0;
        for (((v, r), a), g) in v.iter().zip(r).zip(&self.seen.ground.penalty).zip(&self.walk.g) {
            sum -= v * (g + r);
            if *a > 0.0 {
                sum += r * (r / a + 2.0 * v);
            }
        }
        0.5 * sum
    }
    /// v with the intercepts moved so that nothing is left of r in them.
    fn levelled(&mut self, v: &[f64], r: &[f64]) -> Result<Vec<f64>, Halt> {
        let (k, d, width) =
            (self.seen.table.outputs, self.seen.table.columns, self.seen.table.width());
        let mut v = v.to_vec();
        if width == d || self.seen.ground.penalty[d] > 0.0 {
            return Ok(v);
        }
        let c = self.intercepts()?;
        let mut left: Vec<f64> = (0..k).map(|o| r[o * width + d]).collect();
        if let Some(factor) = Cholesky::new(k, &c, |_| 0.0) {
            factor.solve(&mut left);
            left.iter().enumerate().for_each(|(o, l)| v[o * width + d] += l);
        }
        Ok(v)
    }
    /// The curvature of the intercepts alone.
    fn intercepts(&mut self) -> Result<Vec<f64>, Halt> {
        let k = self.seen.table.outputs;
        let mut c = self.seen.sum(Sum::Curvatures, self.walk.here)?;
        if k > 1 {
            // Nothing is known, or asked, of a number added to all classes.
            let mean = (0..k).map(|a| c[a * (k + 1)]).sum::<f64>() / (k * k) as f64;
            c.iter_mut().for_each(|c| *c += mean);
        }
        Ok(c)
    }
    /// The bound by v; none where its dual point leaves the conjugates' domain.
    fn bound(&mut self, v: &[f64]) -> Result<Option<f64>, Halt> {
        let sum = self.loss(v)?;
        let (d, width, ground) =
            (self.seen.table.columns, self.seen.table.width(), self.seen.ground);
        let (mut half, mut rounded) = (0.0, 0.0);
        let rounding = self.seen.rounding(&self.walk.u, Margins::Kept(self.walk.here))?;
        for (j, ((g, s), a)) in self.walk.g.iter().zip(&sum).zip(&ground.penalty).enumerate() {
            let p = -g - s;
            if *a > 0.0 {
                half += 0.5 * p * p / a;
                rounded += 0.5 * rounding.gradient[j] * rounding.gradient[j] / a;
            } else if j % width != d
                || p.abs() > 1e-12 * (g.abs() + s.abs()) + 16.0 * rounding.gradient[j]
            {
                return Ok(None);
            }
        }
        let distance = self.seen.sum(Sum::Distances(CHANGE), self.walk.here)?[0];
        let bound = rounding.upon(distance + half, rounded);
        Ok(distance.is_finite().then_some(bound))
    }
}
