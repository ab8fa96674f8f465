//! What a descent walks on: all rows, or a sample of them; seen in the rounder variables.
use super::{sample, support};
use crate::problem::Meter;
use crate::status::{Halt, Status};
use crate::glm::{Distances, Glm, Keep, Sample};
use crate::pool::pool;
use crate::scaling::Scaling;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Rows to walk on, with the penalty ½ Σ a_j u_j² in the rounder variables.
pub struct Ground {
    /// The rows; none for all.
    pub sample: Option<Sample>,
    /// Their names, in order.
    rows: Vec<u32>,
    /// a.
    pub penalty: Vec<f64>,
}

/// A problem in the rounder variables.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The table and its loss.
    pub glm: &'a Glm<'a>,
    /// The variables.
    pub scaling: &'a Scaling,
    /// The rows.
    pub ground: &'a Ground,
}

/// What rounding does at a point, by the size of what is summed there.
pub struct Rounding {
    /// To F.
    pub value: f64,
    /// To each entry of the gradient, in the rounder variables.
    pub gradient: Vec<f64>,
    /// How far margins are from where the loss is 0, were its slope to stay: what it is over that slope.
    pub width: f64,
}

impl Rounding {
    /// F − F* that such an error of the gradient can stand for, where `energy` is g ↦ g′B⁻¹g: of some errors whose
    /// signs are drawn the largest, so that no direction in which B is small is missed.
    pub fn energy(&self, energy: impl Fn(&[f64]) -> f64) -> f64 {
        let drawn = |stream: u64| {
            let sign = |j: usize| if sample::noise(stream, j as u64) & 1 == 0 { 1.0 } else { -1.0 };
            let error: Vec<f64> = self.gradient.iter().enumerate().map(|(j, g)| sign(j) * g).collect();
            0.5 * energy(&error)
        };
        (1..=8).map(drawn).fold(0.0, f64::max)
    }
    /// A bound on F − F* from one that takes the gradient for exact, where its error may stand for `energy`.
    pub fn upon(&self, bound: f64, energy: f64) -> f64 {
        (bound.sqrt() + energy.sqrt()).powi(2) * (1.0 + 1e-6) + self.value
    }
}

impl Ground {
    /// All rows.
    pub fn whole(penalty: Vec<f64>) -> Self {
        Ground { sample: None, rows: Vec::new(), penalty }
    }
    /// A sample, read where it lies: a copy costs more than the few evaluations would gain.
    pub fn some(glm: &Glm<'_>, scaling: &Scaling, sample: Sample, mut penalty: Vec<f64>) -> Self {
        let rows: Vec<u32> = sample.rows().map(|i| i as u32).collect();
        // One pseudo-observation for columns that hardly vary here.
        for (a, more) in penalty.iter_mut().zip(support::support(glm, scaling, &rows)) {
            *a += more;
        }
        Ground { sample: Some(sample), rows, penalty }
    }
}

impl<'a> Seen<'a> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.ground.sample.as_ref().map_or(self.glm.design.rows(), Sample::len)
    }
    /// The row of the table that stands at a place.
    pub fn row(&self, place: usize) -> usize {
        if self.ground.sample.is_some() { self.ground.rows[place] as usize } else { place }
    }
    /// The share of the row at a place.
    pub fn share(&self, place: usize) -> f64 {
        self.ground.sample.as_ref().map_or_else(|| self.glm.share(place), |s| s.share[place])
    }
    /// The target of the row at a place.
    pub fn target(&self, place: usize) -> f64 {
        self.glm.target[self.row(place)]
    }
    /// The penalty's value.
    pub fn penalty(&self, u: &[f64]) -> f64 {
        0.5 * self.ground.penalty.iter().zip(u).map(|(a, u)| a * u * u).sum::<f64>()
    }
    /// F(u) with its gradient and margins; counted, and refused where the table is not finite.
    pub fn evaluate(
        &self,
        u: &[f64],
        g: &mut [f64],
        z: &mut [f64],
        distances: Option<&mut [f32]>,
        meter: &mut Meter<'_>,
    ) -> Result<f64, Halt> {
        meter.spend(self.len() as f64 / self.glm.design.rows() as f64)?;
        let mut x = vec![0.0; u.len()];
        self.scaling.out(u, &mut x);
        let s = self.scaling;
        let inverse: Vec<f64> = s.reach.iter().map(|r| 1.0 / r).collect();
        let distances = distances.map(|to| Distances { centre: &s.centre, inverse: &inverse, to });
        let keep = Keep { margins: Some(z), distances };
        let mut pause = || meter.pause();
        let value = self.glm.pass(self.ground.sample.as_ref(), &x, Some(g), keep, &mut pause)?;
        if !(value.is_finite() && g.iter().all(|g| g.is_finite()))
            && let Some(where_) = self.glm.not_finite() {
                return Err(Halt::Status(Status::NotFinite(where_)));
            }
        s.gradient(g);
        for ((g, a), u) in g.iter_mut().zip(&self.ground.penalty).zip(u) {
            *g += a * u;
        }
        Ok(value + self.penalty(u))
    }
    /// What rounding does to F and to its gradient at `u`, where the rows have margins `z`.
    ///
    /// A margin is as exact as the terms Σ_j |x_ij w_j| + |b| that it is the sum of; F by a row's slope times that, its
    /// own terms, and the penalty's. Rows spread over the table tell it as well as all.
    pub fn rounding(&self, u: &[f64], z: &[f64]) -> Rounding {
        const LOOK: usize = 512;
        const EPS: f64 = 4.0 * f64::EPSILON;
        let (n, k, glm) = (self.len(), self.glm.outputs(), self.glm);
        let (d, width) = (glm.design.columns(), glm.width());
        let places: Vec<usize> = (0..n).step_by(n.div_ceil(LOOK).max(1)).collect();
        let target: Vec<f64> = places.iter().map(|&p| self.target(p)).collect();
        let at: Vec<f64> =
            places.iter().flat_map(|&p| &z[p * k..(p + 1) * k]).copied().collect();
        let (mut values, mut s, mut h) =
            (vec![0.0; places.len()], vec![0.0; at.len()], vec![0.0; at.len()]);
        glm.loss.jets(&target, &at, &mut values, &mut s, &mut h);
        let mut x = vec![0.0; u.len()];
        self.scaling.out(u, &mut x);
        let mut row = vec![0.0; d];
        let (mut all, mut squares, mut lost, mut sum, mut slopes, mut bends) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, &p) in places.iter().enumerate() {
            let share = self.share(p);
            if share == 0.0 {
                continue;
            }
            glm.design.gather(&[self.row(p) as u32], &mut row);
            all += share;
            squares += share * share;
            lost += share * values[i].abs();
            for (o, x) in x.chunks_exact(width).enumerate() {
                let (s, h, z) = (s[i * k + o].abs(), h[i * k + o].abs(), at[i * k + o].abs());
                let terms: f64 = row.iter().zip(x).map(|(v, w)| (v * w).abs()).sum();
                let size = terms + x.get(d).map_or(0.0, |b| b.abs()) + z;
                sum += share * size * (s + EPS * h * size);
                slopes += share * s * s;
                bends += share * h * h * size * size;
            }
        }
        let all = if all > 0.0 { all } else { 1.0 };
        // Rows err independently: of a mean over many, less is left than of one.
        let rows = n as f64 * all * all / (places.len() as f64 * squares.max(f64::MIN_POSITIVE));
        let averaged = (4.0 / rows.sqrt()).min(1.0);
        let gradient = averaged * EPS * ((slopes / all).sqrt() + (bends / all).sqrt());
        Rounding {
            width: if slopes > 0.0 { lost / (slopes * all).sqrt() } else { 0.0 },
            value: EPS * ((lost + sum) / all + self.penalty(u)),
            gradient: (0..u.len()).map(|j| gradient * self.scaling.offset(j)).collect(),
        }
    }
    /// Whether every row that counts is on its right side by the margins `z`.
    pub fn settled(&self, z: &[f64]) -> bool {
        let k = self.glm.outputs();
        let mut rows = z.chunks_exact(k).enumerate();
        rows.all(|(p, z)| self.share(p) == 0.0 || self.glm.loss.settled(self.target(p), z))
    }
    /// Whether no row's loss grows, and some row's falls, as margins go on changing by `t` without end; changes are told
    /// to a billionth of the largest.
    pub fn recedes(&self, t: &[f64]) -> bool {
        let k = self.glm.outputs();
        let largest = t.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
        let rows = || t.chunks_exact(k).enumerate().filter(|(p, _)| self.share(*p) > 0.0);
        let loss = self.glm.loss;
        let falls = |(p, t): (usize, &[f64])| {
            let back: Vec<f64> = t.iter().map(|t| -t).collect();
            !loss.recedes(self.target(p), &back, 1e-3 * largest)
        };
        largest > 0.0
            && largest.is_finite()
            && rows().all(|(p, t)| loss.recedes(self.target(p), t, 1e-9 * largest))
            && rows().any(falls)
    }
    /// Share · curvature · (1 + distance²) by places, up to a common factor; without distances they count as alike.
    pub fn scores(&self, z: &[f64], distances: &[f32]) -> Vec<f32> {
        const PART: usize = 16_384;
        let (n, k) = (self.len(), self.glm.outputs());
        let mean = 1.0 / n as f64;
        let mut scores = vec![0.0; n];
        let parts: Vec<_> = scores.chunks_mut(PART).map(Mutex::new).collect();
        pool().each(parts.len(), |part| {
            let mut to = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            let from = part * PART;
            let places = from..from + to.len();
            let z = &z[places.start * k..places.end * k];
            self.jets(places, z, |p, _, _, h| {
                let bend = if k == 1 { h[0] } else { h.iter().map(|p| p * (1.0 - p)).sum() };
                let far = distances.get(p).map_or(1.0, |d| 1.0 + d);
                to[p - from] = (bend.max(0.0) * self.share(p) / mean) as f32 * far;
            });
        });
        drop(parts);
        scores
    }
    /// Value, slope and curvature of the losses at margins `z` of some places, handed to `each` in their order.
    pub fn jets(
        &self,
        places: Range<usize>,
        z: &[f64],
        mut each: impl FnMut(usize, f64, &[f64], &[f64]),
    ) {
        const BLOCK: usize = 512;
        let k = self.glm.outputs();
        let (mut target, mut value) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mut slope, mut curvature) = (vec![0.0; BLOCK * k], vec![0.0; BLOCK * k]);
        for from in places.clone().step_by(BLOCK) {
            let n = BLOCK.min(places.end - from);
            (0..n).for_each(|i| target[i] = self.target(from + i));
            let (s, c) = (&mut slope[..n * k], &mut curvature[..n * k]);
            let z = &z[(from - places.start) * k..][..n * k];
            self.glm.loss.jets(&target[..n], z, &mut value[..n], s, c);
            for i in 0..n {
                each(from + i, value[i], &s[i * k..(i + 1) * k], &c[i * k..(i + 1) * k]);
            }
        }
    }
}
