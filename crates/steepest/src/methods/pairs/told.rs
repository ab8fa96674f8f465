//! What the pairs tell of the function: curvatures along its coordinates, how far apart they are, ways not gone yet.
use super::Pairs;
use crate::curvature::Curvature;
use crate::linalg::vectors::{Aligned, dot};
use crate::units::Units;

impl Pairs {
    /// The largest change of the slope along a coordinate that is remembered.
    pub fn turned(&self, j: usize) -> f64 {
        self.newest_first().map(|i| self.y[i * self.stride + j].abs()).fold(0.0, f64::max)
    }

    /// Inverse curvatures along the coordinates: the diagonal of H, or ‖s_j‖ / ‖y_j‖ over the pairs. NaN where no step
    /// had a part of its curvature to speak of along a coordinate: then what H says there is said of others.
    pub fn metric(&self) -> Vec<f64> {
        const PART: f64 = 1e-6;
        let one = |j: usize| {
            let (mut ss, mut yy, mut part) = (0.0f64, 0.0f64, 0.0f64);
            for i in self.newest_first() {
                let (s, y) = (self.s[i * self.stride + j], self.y[i * self.stride + j]);
                (ss, yy) = (ss + s * s, yy + y * y);
                part = part.max((s * y).abs() / self.sy[i]);
            }
            if part < PART {
                return f64::NAN;
            }
            match &self.dense {
                Some(dense) => {
                    let at = j * self.stride + j;
                    self.gamma() * dense.start[at] + dense.rest[at]
                }
                None => (ss / yy).sqrt(),
            }
        };
        (0..self.n).map(one).collect()
    }

    /// The coordinates along which the slope fell as steps went up them: F bends down there.
    pub fn bent_down(&self) -> Vec<usize> {
        const CLEARLY: f64 = 0.5;
        let down = |j: &usize| {
            let (mut sy, mut ss, mut yy) = (0.0f64, 0.0f64, 0.0f64);
            for i in self.newest_first() {
                let (s, y) = (self.s[i * self.stride + j], self.y[i * self.stride + j]);
                (sy, ss, yy) = (sy + s * y, ss + s * s, yy + y * y);
            }
            sy < -CLEARLY * ss.sqrt() * yy.sqrt()
        };
        (0..self.n).filter(down).collect()
    }

    /// The matrix, or the newest pairs; those last forgotten where none have come since.
    pub fn curvature(&self) -> Option<Curvature> {
        /// No more numbers than these are handed out.
        const MOST: usize = 1 << 24;
        if self.dense.is_some() {
            return self.matrix().map(|m| Curvature::Inverse(m.1));
        }
        let (have, at) = if self.have > 0 { (self.have, self.at) } else { self.had };
        if have == 0 {
            return None;
        }
        let (n, slot) = (self.n, |back: usize| (at + self.slots - back) % self.slots);
        let gamma = self.sy[slot(1)] / self.yy[slot(1)];
        let rows = (MOST / (2 * n)).clamp(1, have);
        let newest = |of: &Aligned| {
            (1..=rows).rev().flat_map(|back| of[slot(back) * self.stride..][..n].to_vec()).collect()
        };
        Some(Curvature::Pairs { s: newest(&self.s), y: newest(&self.y), diagonal: vec![gamma; n] })
    }

    /// Takes out of `u` what steps have explored; false where little or nothing is left, or it would cost much.
    pub fn unexplored(&self, u: &mut [f64]) -> bool {
        const NUMBERS: usize = 1 << 20;
        if self.have * self.n > NUMBERS {
            return false;
        }
        let before = dot(u, u);
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for i in self.newest_first() {
            let mut s = self.s[self.row(i)].to_vec();
            let size = dot(&s, &s).sqrt();
            for _ in 0..2 {
                for b in &basis {
                    let part = dot(b, &s);
                    s.iter_mut().zip(b).for_each(|(s, b)| *s -= part * b);
                }
            }
            let left = dot(&s, &s).sqrt();
            if left > 1e-8 * size {
                s.iter_mut().for_each(|s| *s /= left);
                basis.push(s);
            }
            if basis.len() >= self.n {
                return false;
            }
        }
        for _ in 0..2 {
            for b in &basis {
                let part = dot(b, u);
                u.iter_mut().zip(b).for_each(|(u, b)| *u -= part * b);
            }
        }
        dot(u, u) > 1e-6 * before
    }

    /// The ratio of the largest to the smallest curvature seen along single coordinates, and where they are.
    pub fn scales(&self, units: &Units) -> Option<(f64, usize, usize)> {
        let mut ends: Option<[(f64, usize); 2]> = None;
        for j in 0..self.n {
            let (mut ss, mut yy) = (0.0, 0.0);
            for i in self.newest_first() {
                ss += self.s[i * self.stride + j].powi(2);
                yy += self.y[i * self.stride + j].powi(2);
            }
            let scale = (yy / ss).sqrt() / units.length(j).powi(2);
            if scale.is_finite() && scale > 0.0 {
                let [low, high] = ends.get_or_insert([(scale, j); 2]);
                if scale < low.0 {
                    *low = (scale, j);
                }
                if scale > high.0 {
                    *high = (scale, j);
                }
            }
        }
        ends.map(|[low, high]| (high.0 / low.0, high.1, low.1))
    }
}
