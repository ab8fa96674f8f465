//! The ways that steps have explored.
use crate::linalg::vectors::dot;

/// No more variables than these: a basis of all ways is a matrix.
const MOST: usize = 128;
/// A step of which less than this part is new tells little of it: what rounding turns a step aside is none.
const NEW: f64 = 0.1;

/// Ways of length 1 at right angles to each other, which span those that steps have gone, the last as well as the first: along
/// the others no step has learned how F bends, as across the plane of symmetry that a start lies in.
#[derive(Default)]
pub(super) struct Explored {
    ways: Vec<Vec<f64>>,
}

crate::state!(Explored { ways });

impl Explored {
    /// A step s was taken.
    pub(super) fn learn(&mut self, s: &[f64]) {
        if s.len() > MOST || self.ways.len() >= s.len() {
            return;
        }
        let whole = dot(s, s);
        let known: f64 = self.ways.iter().map(|way| dot(way, s).powi(2)).sum();
        if !(whole - known > NEW * NEW * whole) {
            return;
        }
        let mut way = s.to_vec();
        self.take_out(&mut way);
        let size = dot(&way, &way).sqrt();
        way.iter_mut().for_each(|v| *v /= size);
        self.ways.push(way);
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.ways.clear();
    }

    /// Whether they are of so many variables.
    pub(super) fn fits(&self, n: usize) -> bool {
        self.ways.len() <= n && self.ways.iter().all(|way| way.len() == n)
    }

    /// Takes out of u, over the coordinates that are free, what was explored; false where little or nothing is left, or that is
    /// not known.
    pub(super) fn unexplored(&self, u: &mut [f64], free: impl Fn(usize) -> bool) -> bool {
        if self.ways.is_empty() || self.ways.len() >= u.len() {
            return false;
        }
        let held = |u: &mut [f64]| {
            u.iter_mut().enumerate().filter(|(j, _)| !free(*j)).for_each(|(_, u)| *u = 0.0);
            dot(u, u)
        };
        let before = held(u);
        self.take_out(u);
        held(u) > 1e-6 * before
    }

    fn take_out(&self, u: &mut [f64]) {
        for _ in 0..2 {
            for way in &self.ways {
                let part = dot(way, u);
                u.iter_mut().zip(way).for_each(|(u, w)| *u -= part * w);
            }
        }
    }
}
