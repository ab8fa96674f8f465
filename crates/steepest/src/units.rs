//! The units in which a method sees a problem: powers of two, so that nothing is rounded by them.
use crate::state::{Bad, State, Visitor};

/// x = lengths · z and F = value · φ, where a method sees z and φ. A function at 1e-200 overflows no square then,
/// and variables whose sizes lie far apart look alike.
#[derive(Clone, Debug)]
pub struct Units {
    value: f64,
    /// Empty: 1 for all.
    lengths: Vec<f64>,
    room: Vec<f64>,
}

impl State for Units {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("value", &mut self.value)?;
        v.long("lengths", &mut self.lengths, &[0, v.dim()])?;
        let sound = |u: &f64| u.is_normal() && *u == power(*u);
        v.check("value", sound(&self.value), "is no power of two")?;
        v.check("lengths", self.lengths.iter().all(sound), "are no powers of two")
    }
}

impl Default for Units {
    fn default() -> Self {
        Units { value: 1.0, lengths: Vec::new(), room: Vec::new() }
    }
}

/// Slopes within these bounds need no unit of their own: a first step by the slope leads somewhere, and fourth powers are
/// numbers still.
const TAME: (f64, f64) = (1e-4, 1e60);

/// The power of two next to `v` (1 where there is none).
fn power(v: f64) -> f64 {
    let exponent = v.abs().log2().round();
    if exponent.is_finite() { 2f64.powi(exponent.clamp(-1000.0, 1000.0) as i32) } else { 1.0 }
}

impl Units {
    /// Those that `lengths` give (empty: 1), and a unit of F if the slopes are far from 1 in them.
    pub fn new(lengths: Vec<f64>, value: f64, gradient: &[f64]) -> Self {
        let lengths: Vec<f64> = lengths.into_iter().map(power).collect();
        let slope = |(j, g): (usize, &f64)| g.abs() * lengths.get(j).unwrap_or(&1.0);
        let steepest = gradient.iter().enumerate().map(slope).fold(0.0, f64::max);
        let size = if steepest > 0.0 { steepest } else { value.abs() };
        let tame = size == 0.0 || (TAME.0..TAME.1).contains(&size);
        Units { value: if tame { 1.0 } else { power(size) }, lengths, room: Vec::new() }
    }
    /// Those that `lengths` give (empty: 1), and a unit of F in which its slopes are next to 1, however far they were from it.
    pub fn of_slopes(lengths: Vec<f64>, value: f64, gradient: &[f64]) -> Self {
        let units = Units::new(lengths, value, gradient);
        let slope = |(j, g): (usize, &f64)| g.abs() * units.length(j);
        let steepest = gradient.iter().enumerate().map(slope).fold(0.0, f64::max);
        let size = if steepest > 0.0 { steepest } else { value.abs() };
        Units { value: power(size), ..units }
    }
    /// Lengths so many times as long; the unit of F stays.
    pub fn stretched(&self, by: &[f64]) -> Self {
        let lengths = by.iter().enumerate().map(|(j, b)| power(*b) * self.length(j)).collect();
        Units { value: self.value, lengths, room: Vec::new() }
    }
    /// Whether they are all 1.
    #[inline]
    pub fn plain(&self) -> bool {
        self.value == 1.0 && self.lengths.is_empty()
    }
    /// One of φ in units of F.
    pub fn value(&self) -> f64 {
        self.value
    }
    /// The length of coordinate j.
    pub fn length(&self, j: usize) -> f64 {
        self.lengths.get(j).copied().unwrap_or(1.0)
    }
    /// z as x.
    pub fn outward(&self, z: &[f64], x: &mut [f64]) {
        x.copy_from_slice(z);
        x.iter_mut().zip(&self.lengths).for_each(|(x, l)| *x *= l);
    }
    /// x as z.
    pub fn inward(&self, x: &[f64], z: &mut [f64]) {
        z.copy_from_slice(x);
        z.iter_mut().zip(&self.lengths).for_each(|(z, l)| *z /= l);
    }
    /// ∇F at x as ∇φ at z.
    pub fn slopes(&self, gradient: &mut [f64]) {
        gradient.iter_mut().zip(&self.lengths).for_each(|(g, l)| *g *= l);
        gradient.iter_mut().for_each(|g| *g /= self.value);
    }
    /// Lends z as x: give it back by [`back`](Self::back).
    pub(crate) fn lend(&mut self, z: &[f64]) -> Vec<f64> {
        let mut room = std::mem::take(&mut self.room);
        room.resize(z.len(), 0.0);
        self.outward(z, &mut room);
        room
    }
    /// What was lent is no longer needed.
    pub(crate) fn back(&mut self, room: Vec<f64>) {
        self.room = room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_without_rounding() {
        let units = Units::new(vec![1e-9, 3e8], 1.0, &[1e-200, 1e-215]);
        assert!(!units.plain() && units.value() < 1e-200);
        let (x, mut z, mut back) = ([0.1e-9, 0.7e8], [0.0; 2], [0.0; 2]);
        units.inward(&x, &mut z);
        units.outward(&z, &mut back);
        assert_eq!(x, back);
        let mut g = [1e-200, 1e-215];
        units.slopes(&mut g);
        assert!((0.1..10.0).contains(&g[1]) && g[0] > 0.0);
        assert!(Units::new(Vec::new(), 1.0, &[1e-20, 1e20]).plain());
        assert!(Units::new(Vec::new(), 0.0, &[0.0]).plain());
    }
}
