//! Gradients from values alone: how far to step aside, and how exact the answer is.
//!
//! The noise of f is measured by Hamming's table of differences along one direction (Moré and Wild, *Estimating
//! computational noise*, 2011). Each variable's bend |∂²f/∂x_j²| is seen by steps to both sides. From both follow the
//! step to one side, 2 √(noise/bend), whose error is 2 √(noise·bend), and the step to both sides,
//! (3 noise · size/bend)^(1/3) (Gill, Murray and Wright, *Practical Optimization*, 1981, section 8.6), which takes the bend
//! to be what it is as far as the variable is large. Far from 0 that is not so: where steps are long one value more, a third
//! difference, tells how far it is.
mod both_sides;
mod differenced;
mod noise;
mod one_side;

use crate::state::Long;
pub use differenced::Differenced;
use noise::scattered;

/// To which sides the values are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// To one side, and to both once one is not exact enough.
    Auto,
    /// To one side: n more values.
    One,
    /// To both sides: 2n more values.
    Both,
}

/// How far to step aside.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// By the noise of f and the bend along each variable.
    Found,
    /// Given: one for all variables, or one for each.
    Absolute(Vec<f64>),
    /// Given as a share of max(1, |x_j|) (SciPy's relative step); one for all, or one for each.
    Relative(Vec<f64>),
}

/// A function of a point that may fail.
type Value<'a, E> = dyn FnMut(&[f64]) -> Result<f64, E> + 'a;

/// Who is told which points will be asked for.
pub type Ahead<'a, E> = dyn FnMut(Vec<Vec<f64>>) -> Result<(), E> + 'a;

/// What is known of one variable.
#[derive(Clone, Copy, Debug, Default)]
struct PerVariable {
    /// The largest |x_j| gone through, or what stands for it where that is 0.
    size: f64,
    /// |f(x+h) − 2 f(x) + f(x−h)|, or what it is known to be below; negative where nothing is known.
    second: f64,
    /// The h of that.
    at: f64,
    /// ∂f/∂x_j as last found.
    slope: f64,
    /// How far from the truth that may be.
    error: f64,
    /// Whether f was seen not to depend on it.
    flat: bool,
    /// How far the bend stays what it is: over the third derivative; 0 where that was not looked at.
    steady: f64,
}

impl PerVariable {
    /// How far the bend is taken to stay what it is.
    fn alike(&self) -> f64 {
        if self.steady > 0.0 { self.steady } else { self.size }
    }

    /// Whether the slope has changed by far more than errors explain where x has hardly moved: f is noisier than it was.
    fn jumps(&self, reach: f64, slope: f64, error: f64) -> bool {
        /// A change by so many times the errors.
        const JUMP: f64 = 30.0;
        let explained = error.max(self.error);
        self.bend().sqrt() * reach <= explained && (slope - self.slope).abs() > JUMP * explained
    }

    /// |∂²f/∂x_j²| as last seen, 0 where it was not.
    fn bend(&self) -> f64 {
        if self.at > 0.0 { (self.second.max(0.0) / self.at) / self.at } else { 0.0 }
    }
}

/// Differences of a function of n variables, and what they have learned of it.
#[derive(Clone, Debug)]
pub struct Differences {
    sides: Scheme,
    length: Length,
    bounds: Option<(Vec<f64>, Vec<f64>)>,
    seen: Vec<PerVariable>,
    /// Noise of f as a share of |f|, and the noise that stays where f goes to 0.
    share: f64,
    floor: f64,
    /// |f| where that noise was seen to be no more than what f takes of x: it falls with √f, as that of a sum of squares; else 0.
    squares: f64,
    /// What f takes of x, as a share of each |x_j|: less where it was seen to round x to fewer digits than x has.
    taken: f64,
    /// The largest power of two that all values asked for since the last gradient are multiples of, and how many they were.
    grain: (f64, u32),
    /// What that was at the last gradient, where no double of that size is so coarse by chance; else 0.
    stored: f64,
    /// |f| where the noise was measured last; none before.
    measured: Option<f64>,
    measures: u32,
    /// Whether to measure again, at the next gradient.
    again: bool,
    /// Whether values are taken to both sides by now.
    both: bool,
    gradients: u64,
    spent: u64,
    value: f64,
    at: Vec<f64>,
    /// The lowest value that the last gradient asked for, below f: which variable was moved, where to, and the value.
    lowest: Option<(usize, f64, f64)>,
    /// The direction along which noise is measured.
    scattered: Vec<f64>,
}

crate::state!(columns PerVariable { size, second, at, slope, error, flat, steady });

impl Long for Vec<PerVariable> {
    fn is_long(&self, n: usize) -> bool {
        self.len() == n
    }
}

crate::state!(Differences {
    seen: vector, share, floor, squares, taken, grain, stored, measured, measures, again, both, gradients, spent, value, at: maybe,
} but sides, length, bounds, scattered, lowest);

/// Where |f| is less than this of what it was, its noise is measured again.
const FALLEN: f64 = 0.01;
/// Noise of f that is no more than so many times what its slopes make of the rounding of x is that.
const OWN: f64 = 4.0;
/// So many values are no multiples by chance of so many times their own precision.
const TELLING: u32 = 6;
const COARSER: f64 = 8.0;
/// The noise is measured so often at most for the asking.
const MEASURES: u32 = 8;
/// A change of f by as many times the noise is too much for a step to one side.
const FAR: f64 = 1e10;
/// Values that are all multiples of as many times their own precision were rounded when they were larger, as 1 − cos x
/// is near 0. (What is stored in single precision is finer than that: its noise is measured.)
const COARSE: f64 = 1e10;
const EPS: f64 = f64::EPSILON;

impl Differences {
    /// For a function of n variables; none steps out of the bounds.
    pub fn new(
        n: usize,
        sides: Scheme,
        length: Length,
        bounds: Option<(Vec<f64>, Vec<f64>)>,
    ) -> Self {
        Differences {
            both: sides == Scheme::Both,
            sides,
            length,
            bounds,
            seen: vec![PerVariable { second: -1.0, ..PerVariable::default() }; n],
            share: 0.5 * EPS,
            floor: 0.0,
            squares: 0.0,
            taken: EPS,
            grain: (f64::INFINITY, 0),
            stored: 0.0,
            measured: None,
            measures: 0,
            again: false,
            gradients: 0,
            spent: 0,
            value: f64::NAN,
            at: Vec::new(),
            lowest: None,
            scattered: scattered(n),
        }
    }

    /// ∇f at x, where f is `f`, by values of it nearby.
    pub fn gradient<E>(
        &mut self,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
        gradient: &mut [f64],
    ) -> Result<(), E> {
        self.gradient_ahead(x, f, value, None, gradient)
    }

    /// The same; `ahead` is first told the points whose values each variable will ask for whatever the others' are, so that
    /// they can be found at the same time.
    pub fn gradient_ahead<E>(
        &mut self,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
        ahead: Option<&mut Ahead<'_, E>>,
        gradient: &mut [f64],
    ) -> Result<(), E> {
        (self.value, self.lowest) = (f, None);
        self.grain = (f64::INFINITY, 0);
        self.grains(f);
        let reach = self.reach(x);
        self.at.clear();
        self.at.extend_from_slice(x);
        if !f.is_finite() {
            gradient.fill(f64::NAN);
            return Ok(());
        }
        for j in 0..x.len() {
            self.grow(j, x[j]);
        }
        if (0..x.len()).all(|j| self.width(j) <= 0.0) {
            // All of them are fixed.
            gradient.fill(0.0);
            return Ok(());
        }
        // The bends are seen again after 8, 16, 32 … gradients, for they change on the way; so does the noise where f
        // has become another.
        let due = self.gradients >= 8 && self.gradients.is_power_of_two();
        let measures = self.measured.is_none_or(|m| due && f.abs() < FALLEN * m) || self.again;
        if measures {
            self.measure(x, f, value)?;
        }
        let survey = self.gradients == 0 || self.again || due;
        (self.again, self.gradients) = (false, self.gradients + 1);
        if let Some(ahead) = ahead {
            ahead(self.foreseen(x, f, survey))?;
        }
        let mut louder = false;
        for j in 0..x.len() {
            let (slope, error) = if self.width(j) <= 0.0 {
                (0.0, 0.0)
            } else if survey || self.both {
                if survey {
                    self.seen[j].steady = 0.0;
                }
                self.survey(j, x, f, value)?
            } else {
                self.aside(j, x, f, value)?
            };
            let seen = &mut self.seen[j];
            louder |= seen.jumps(reach, slope, error);
            (seen.slope, seen.error, gradient[j]) = (slope, error, slope);
        }
        self.again |= louder && self.measures < MEASURES && self.length == Length::Found;
        let (grain, count) = self.grain;
        if measures {
            // What f takes of x is rounding too; what values are multiples of stays.
            let fixed = count >= TELLING && grain > COARSER * EPS * f.abs();
            let own = !fixed && self.floor <= OWN * self.rounding_of(x);
            self.squares = if own { f.abs() } else { 0.0 };
        }
        self.stored = if count >= 2 && grain > COARSE * EPS * f.abs() { grain } else { 0.0 };
        Ok(())
    }

    /// The noise of the value, and of each entry of the gradient found last.
    pub fn accuracy(&self, noise: &mut [f64]) -> f64 {
        let flat = self.flat();
        for (to, seen) in noise.iter_mut().zip(&self.seen) {
            // Where nothing moves f, nothing is known of it.
            *to = if flat { f64::INFINITY } else { seen.error };
        }
        self.noise(self.value)
    }

    /// More exact from here on: noise measured again, values to both sides; false where nothing is gained by it. Where the noise
    /// is `louder` than it was it is measured again whatever f is.
    pub fn sharpen(&mut self, louder: bool) -> bool {
        if self.length != Length::Found || (self.again && !louder) {
            return false;
        }
        let known = self.measured.unwrap_or(f64::NAN);
        let elsewhere = !(self.value.abs() > 0.25 * known && self.value.abs() < 4.0 * known);
        let once_more = self.sides == Scheme::Auto && !self.both && !louder;
        let measures = self.measures < MEASURES;
        if !(once_more || measures && (elsewhere || louder)) {
            return false;
        }
        self.again |= elsewhere || louder;
        self.both |= self.sides == Scheme::Auto;
        true
    }

    /// Values asked for since it was asked last.
    pub fn spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent)
    }

    /// The lowest value that the gradient at x asked for, and where, if it is below f.
    pub fn lowest(&self, x: &[f64]) -> Option<(f64, Vec<f64>)> {
        let (j, to, value) = self.lowest?;
        let mut at = x.to_vec();
        at[j] = to;
        Some((value, at))
    }

    /// Values that the next gradient takes at least.
    pub fn least(&self) -> u64 {
        if self.both || self.gradients == 0 {
            2 * self.seen.len() as u64
        } else {
            self.seen.len() as u64
        }
    }

    /// Whether no step in any direction was seen to change f.
    pub fn flat(&self) -> bool {
        self.gradients > 0
            && self.seen.iter().any(|s| s.flat)
            && (0..self.seen.len()).all(|j| self.seen[j].flat || self.width(j) <= 0.0)
    }

    fn range(&self, j: usize) -> (f64, f64) {
        self.bounds.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |b| (b.0[j], b.1[j]))
    }

    fn width(&self, j: usize) -> f64 {
        let (low, high) = self.range(j);
        high - low
    }

    /// The size of variable j: never less than any |x_j| gone through, never more than its bounds are apart.
    fn grow(&mut self, j: usize, x: f64) {
        let width = self.width(j);
        let seen = &mut self.seen[j];
        let size = if seen.size > 0.0 || x != 0.0 { seen.size.max(x.abs()) } else { 1.0 };
        seen.size = size.min(width.max(f64::MIN_POSITIVE));
    }

    /// How far x is from where the last gradient was, each variable in the root of its bend; infinite where there was none.
    fn reach(&self, x: &[f64]) -> f64 {
        if self.gradients == 0 || self.at.len() != x.len() {
            return f64::INFINITY;
        }
        let one =
            |(seen, (x, at)): (&PerVariable, (&f64, &f64))| seen.bend().sqrt() * (x - at).abs();
        self.seen.iter().zip(x.iter().zip(&self.at)).map(one).sum()
    }

    /// The step that was given, where one was.
    fn given(&self, j: usize, x: f64) -> Option<f64> {
        let of = |all: &[f64]| if all.len() == 1 { all[0] } else { all[j] };
        match &self.length {
            Length::Found => None,
            Length::Absolute(h) => Some(of(h)),
            Length::Relative(h) => Some(of(h) * x.abs().max(1.0)),
        }
    }

    /// f where variable j is `to` and the others are as in x.
    fn moved<E>(
        &mut self,
        j: usize,
        x: &[f64],
        to: f64,
        value: &mut Value<'_, E>,
    ) -> Result<f64, E> {
        self.spent += 1;
        self.at[j] = to;
        let answer = value(&self.at);
        self.at[j] = x[j];
        if let Ok(value) = &answer {
            self.grains(*value);
            if *value < self.lowest.map_or(self.value, |l| l.2) {
                self.lowest = Some((j, to, *value));
            }
        }
        answer
    }

    /// The points that the variables begin with: each is gone through in a copy that does not get its values.
    fn foreseen(&self, x: &[f64], f: f64, survey: bool) -> Vec<Vec<f64>> {
        let (mut points, mut copy) = (Vec::new(), self.clone());
        for j in (0..x.len()).filter(|&j| self.width(j) > 0.0) {
            let both = survey || self.both || self.seen[j].second < 0.0;
            let mut left = if both { 2 } else { 1 };
            let mut note = |at: &[f64]| {
                points.push(at.to_vec());
                left -= 1;
                // The second of two does not hang on the first, as long as that is a number.
                if left > 0 { Ok(f) } else { Err(()) }
            };
            let _ = if survey || self.both {
                copy.survey(j, x, f, &mut note)
            } else {
                copy.aside(j, x, f, &mut note)
            };
            // What it learned of the variable and of f is not so.
            (copy.seen[j], copy.again, copy.grain) = (self.seen[j], self.again, self.grain);
        }
        points
    }
}

#[cfg(test)]
mod tests;
