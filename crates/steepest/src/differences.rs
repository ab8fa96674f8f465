//! Gradients from values alone: how far to step aside, and how exact the answer is.
//!
//! The noise of f is measured by Hamming's table of differences along one direction (Moré and Wild, *Estimating
//! computational noise*, 2011). Each variable's bend |∂²f/∂x_j²| is seen by steps to both sides. From both follow the
//! step to one side, 2 √(noise/bend), whose error is 2 √(noise·bend), and the step to both sides,
//! (3 noise · size/bend)^(1/3) (Gill, Murray and Wright, *Practical Optimization*, 1981, section 8.6), which takes the bend
//! to be what it is as far as the variable is large. Far from 0 that is not so: where steps are long one value more, a third
//! difference, tells how far it is.
use crate::numbers::random::Random;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::state::Long;
use crate::status::Halt;

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
    seen: vector, share, floor, taken, grain, stored, measured, measures, again, both, gradients, spent, value, at: maybe,
} but sides, length, bounds, scattered);

/// The first step to both sides, relative to a variable's size: near the cube root of the rounding of f.
const FIRST: f64 = 1e-5;
/// The distance of the points of Hamming's table: third differences of what is smooth lie below rounding there.
const TABLE: f64 = 3e-6;
/// Noise of so many roundings is more than arithmetic in double precision leaves.
const NOISY: f64 = 1e3;
/// A change of x by this share of itself is lost in single precision.
const UNSEEN: f64 = 1e-10;
/// A change by as many times the noise tells a slope to three digits.
const CLEAR: f64 = 1e3;
/// Second differences of as many times the noise tell a bend to a digit.
const BENT: f64 = 30.0;
/// Where |f| is less than this of what it was, its noise is measured again.
const FALLEN: f64 = 0.01;
/// Steps that change nothing, shorter than this of the furthest, are lengthened by more each time, beginning with this.
const LOST: f64 = 1e-10;
const LEAP: f64 = 100.0;
/// A change of f by as many times the noise is too much for a step to one side.
const FAR: f64 = 1e10;
/// Steps to both sides that bend f by more than this of it are long: what they take the third derivative for is looked at.
const LONG: f64 = 1e-7;
/// Third differences of as many times the noise are f's own.
const THIRD: f64 = 16.0;
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
        self.value = f;
        self.grain = (f64::INFINITY, 0);
        self.grains(f);
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
        if self.measured.is_none_or(|m| due && f.abs() < FALLEN * m) || self.again {
            self.measure(x, f, value)?;
        }
        let survey = self.gradients == 0 || self.again || due;
        (self.again, self.gradients) = (false, self.gradients + 1);
        if let Some(ahead) = ahead {
            ahead(self.foreseen(x, f, survey))?;
        }
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
            (seen.slope, seen.error, gradient[j]) = (slope, error, slope);
        }
        let (grain, count) = self.grain;
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

    /// More exact from here on: noise measured again, values to both sides; false where nothing is gained by it.
    pub fn sharpen(&mut self) -> bool {
        if self.length != Length::Found || self.again {
            return false;
        }
        let known = self.measured.unwrap_or(f64::NAN);
        let elsewhere = !(self.value.abs() > 0.25 * known && self.value.abs() < 4.0 * known);
        let once_more = self.sides == Scheme::Auto && !self.both;
        if !once_more && (!elsewhere || self.measures >= 8) {
            return false;
        }
        self.again = elsewhere;
        self.both |= self.sides == Scheme::Auto;
        true
    }

    /// Values asked for since it was asked last.
    pub fn spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent)
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

    /// The noise of a value of that size.
    fn noise(&self, f: f64) -> f64 {
        (self.share * f.abs()).max(self.floor).max(0.3 * self.stored).max(f64::MIN_POSITIVE)
    }

    /// Takes note of what a value is a multiple of.
    fn grains(&mut self, value: f64) {
        if value != 0.0 && value.is_finite() {
            self.grain = (self.grain.0.min(lowest_bit(value)), self.grain.1 + 1);
        }
    }

    /// The noise of f along variable j: that of the value, and that of x_j itself as f takes it.
    fn noise_along(&self, j: usize, x: f64, f: f64) -> f64 {
        let seen = &self.seen[j];
        let moved = self.taken * x.abs();
        let bent =
            if seen.at > 0.0 { seen.second.max(0.0) * (moved / seen.at).powi(2) } else { 0.0 };
        self.noise(f) + seen.slope.abs() * moved + bent
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

    /// The step that was given, where one was.
    fn given(&self, j: usize, x: f64) -> Option<f64> {
        let of = |all: &[f64]| if all.len() == 1 { all[0] } else { all[j] };
        match &self.length {
            Length::Found => None,
            Length::Absolute(h) => Some(of(h)),
            Length::Relative(h) => Some(of(h) * x.abs().max(1.0)),
        }
    }

    /// Hamming's table over five points in a line: the noise is what the third and fourth differences are.
    fn measure<E>(&mut self, x: &[f64], f: f64, value: &mut Value<'_, E>) -> Result<(), E> {
        let mut spread = TABLE;
        let mut found: Option<(f64, f64)> = None;
        for _ in 0..5 {
            let Some(line) = self.line(x, f, spread, value)? else {
                spread *= 0.01;
                continue;
            };
            let most = line.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let least = line.iter().copied().fold(f64::INFINITY, f64::min);
            let range = line.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
            if range == 0.0 {
                // Nothing moved: coarser steps, unless a nearer look has been taken on purpose.
                if found.is_some() || spread > 0.01 {
                    break;
                }
                spread *= 100.0;
                continue;
            }
            let noise = table(line);
            let better = found.is_none_or(|b| noise < 0.1 * b.0);
            if better {
                found = Some((noise, most));
            }
            // What is as large as that may be the function itself: it is noise if it stays when looked at from nearer.
            if noise <= 1e3 * EPS * most || !better {
                break;
            }
            spread *= 0.01;
        }
        if let Some((noise, most)) = found {
            let fallen = self.measured.is_some_and(|m| m > most);
            if fallen && noise > 4.0 * self.share * most
                || noise > 0.1 * self.floor && self.floor > 0.0
            {
                // f has fallen and its noise has not.
                self.floor = noise;
            } else {
                self.share = (noise / most).max(0.5 * EPS);
                // Far above rounding and far below f, and nothing says that it falls with f: it was rounded, say.
                let small = (NOISY * EPS..1e-2).contains(&self.share) && noise < 1e-2 * f.abs();
                let stays = self.measured.is_none() && small;
                self.floor = if stays { noise } else { 0.0 };
            }
        }
        self.taken = EPS;
        if self.share > NOISY * EPS && self.unmoved(x, f, value)? {
            // No less than single precision has: what hides more is how f itself is rounded.
            self.taken = self.share.min(f64::from(f32::EPSILON));
        }
        self.measured = Some(f.abs());
        self.measures += 1;
        Ok(())
    }

    /// Whether f does not see so small a change of all of x, as where it takes x in single precision.
    fn unmoved<E>(&mut self, x: &[f64], f: f64, value: &mut Value<'_, E>) -> Result<bool, E> {
        for j in 0..x.len() {
            let (low, high) = self.range(j);
            let side = if high - x[j] >= x[j] - low { UNSEEN } else { -UNSEEN };
            self.at[j] = (x[j] + side * x[j].abs() * self.scattered[j]).clamp(low, high);
        }
        self.spent += 1;
        let there = value(&self.at)?;
        self.at.copy_from_slice(x);
        Ok(there == f)
    }

    /// f at x and at four points in a line from it, inwards; none where one is not finite.
    fn line<E>(
        &mut self,
        x: &[f64],
        f: f64,
        spread: f64,
        value: &mut Value<'_, E>,
    ) -> Result<Option<[f64; 5]>, E> {
        let mut line = [f; 5];
        for (k, to) in line.iter_mut().enumerate().skip(1) {
            for j in 0..x.len() {
                let (low, high) = self.range(j);
                let side = if high - x[j] >= x[j] - low { 1.0 } else { -1.0 };
                let step = side * spread * k as f64 * self.seen[j].size * self.scattered[j];
                self.at[j] = (x[j] + step).clamp(low, high);
            }
            self.spent += 1;
            *to = value(&self.at)?;
            self.at.copy_from_slice(x);
            if !to.is_finite() {
                return Ok(None);
            }
        }
        Ok(Some(line))
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
        }
        answer
    }

    /// The points that the variables begin with: each is gone through in a copy that does not get its values.
    fn foreseen(&self, x: &[f64], f: f64, survey: bool) -> Vec<Vec<f64>> {
        let mut points = Vec::new();
        for j in (0..x.len()).filter(|&j| self.width(j) > 0.0) {
            let both = survey || self.both || self.seen[j].second < 0.0;
            let (mut copy, mut left) = (self.clone(), if both { 2 } else { 1 });
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
        }
        points
    }

    /// To one side: slope and error.
    fn aside<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
    ) -> Result<(f64, f64), E> {
        let noise = self.noise_along(j, x[j], f);
        let PerVariable { second, at, size, flat, .. } = self.seen[j];
        if second < 0.0 {
            return self.survey(j, x, f, value);
        }
        let (low, high) = self.range(j);
        let h = self.given(j, x[j]).unwrap_or_else(|| {
            let found = 2.0 * at * (noise / second).sqrt();
            found.min(0.1 * size).max(16.0 * EPS * x[j].abs())
        });
        let sides = if x[j] + h <= high || high - x[j] >= x[j] - low { [h, -h] } else { [-h, h] };
        let wild = |h: f64, change: f64| h > 0.01 * size && change > FAR * noise;
        for side in sides {
            let to = (x[j] + side).clamp(low, high);
            if to == x[j] {
                continue;
            }
            let moved = self.moved(j, x, to, value)?;
            if moved == f && !flat && self.length == Length::Found {
                // Lost in the storage or the rounding of f: look from further off.
                self.again = self.measured.is_some_and(|m| !(f.abs() > 0.5 * m));
                break;
            }
            if self.length == Length::Found && wild((to - x[j]).abs(), (moved - f).abs()) {
                // So long a step for so large a change: the bend is another by now.
                self.seen[j].second = -1.0;
                break;
            }
            if moved.is_finite() {
                let h = (to - x[j]).abs();
                let bend = (second / at) / at;
                return Ok(((moved - f) / (to - x[j]), 0.5 * bend * h + 2.0 * noise / h));
            }
        }
        self.survey(j, x, f, value)
    }

    /// The step to both sides where nothing was given: by the bend where it is known.
    fn first(&self, j: usize, x: f64, noise: f64) -> f64 {
        let PerVariable { second, at, size, .. } = self.seen[j];
        let found = if second > 0.0 {
            (3.0 * (noise / second) * at * at * self.seen[j].alike()).cbrt()
        } else {
            FIRST * size
        };
        found.min(0.1 * size).max(64.0 * EPS * x.abs())
    }

    /// To both sides (or twice to one, where a bound is near): slope and error, and the bend is seen again.
    fn survey<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
    ) -> Result<(f64, f64), E> {
        let noise = self.noise_along(j, x[j], f);
        let given = self.given(j, x[j]);
        let known = self.seen[j].second > 0.0;
        let furthest = 0.5 * self.width(j).min(2.0 * self.seen[j].size.max(1.0));
        let mut h = given.unwrap_or_else(|| self.first(j, x[j], noise)).min(furthest);
        let (mut shrunk, mut still) = (false, false);
        let (mut answer, mut furthest_seen) = ((f64::NAN, f64::INFINITY), 0.0f64);
        let (mut looks, mut leap) = (0, LEAP);
        let mut last = None;
        while looks < 6 {
            looks += 1;
            let Some(look) = self.look(j, x, f, h, value)? else {
                (h, shrunk) = (0.01 * h, true);
                if given.is_some() || x[j] + h == x[j] {
                    break;
                }
                continue;
            };
            // As far as there is room: once is enough.
            let stuck = look.h <= furthest_seen;
            furthest_seen = look.h.max(furthest_seen);
            h = look.h;
            let clear = look.change >= CLEAR * noise || look.second >= BENT * noise;
            let coarse = (!known || h > 0.01 * self.seen[j].size && look.change > FAR * noise)
                && look.second > 1e-4 * (f.abs() + look.change)
                && look.second > 1e6 * noise
                && h > FIRST * FIRST * self.seen[j].size;
            let (growing, settled) = (!clear && !shrunk && !stuck && h < furthest, given.is_some());
            if leap > LEAP && look.change > 0.0 {
                self.seen[j].size = self.seen[j].size.max(h);
            }
            answer = self.learn(j, &look, noise, still);
            still = look.change == 0.0;
            if settled || !growing && !coarse {
                last = Some(look);
                break;
            }
            if growing && still && h < LOST * furthest {
                // A start of 1e-30 tells nothing of how far it takes to change f: ever further, and not for long.
                (h, leap, looks) = ((leap * h).min(furthest), leap * leap, 0);
            } else if growing {
                let further = if self.share < 1e6 * EPS { 100.0 } else { 10.0 };
                h = (further * h).min(furthest);
            } else {
                (h, shrunk) = (0.01 * h, true);
            }
        }
        match last {
            Some(look) if given.is_none() && self.long(j, f, &look) => {
                self.steadily(j, x, f, (look, answer, known), value)
            }
            _ => Ok(answer),
        }
    }

    /// Whether steps to both sides are so long that how far the bend stays what it is has to be known, and is not.
    fn long(&self, j: usize, f: f64, look: &BothSides) -> bool {
        let noisy = self.share > NOISY * EPS || self.floor > 0.0;
        // Of what f was where its noise was measured: near 0 any bend is much of it.
        let size = self.measured.map_or(f.abs(), |m| m.max(f.abs()));
        look.both && self.seen[j].steady == 0.0 && (noisy || look.second > LONG * size)
    }

    /// Looks how far the bend along variable j stays what it is: shorter steps where that is not far, and what they say.
    fn steadily<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        (mut look, mut answer, known): (BothSides, (f64, f64), bool),
        value: &mut Value<'_, E>,
    ) -> Result<(f64, f64), E> {
        let PerVariable { second, at, .. } = self.seen[j];
        let (first, mut before) = (answer, f64::INFINITY);
        for _ in 0..4 {
            let noise = self.noise_along(j, x[j], f);
            let (low, high) = self.range(j);
            let ahead = [2.0 * look.h, -2.0 * look.h];
            let Some(ahead) = ahead.into_iter().find(|by| (low..=high).contains(&(x[j] + by)))
            else {
                break;
            };
            let there = self.moved(j, x, x[j] + ahead, value)?;
            // Over the third power of h: the third derivative.
            let third = (there - f - ahead * look.slope - 4.0 * look.bent * look.h).abs();
            let seen = &mut self.seen[j];
            if !(third > THIRD * noise && third.is_finite()) {
                // Of steps as short as the first, made before anything was known, longer ones are not told.
                if known || seen.steady > 0.0 {
                    seen.steady = seen.alike();
                }
                break;
            }
            if third > 0.3 * before {
                // What is f's own falls with the third power: this is noise, and larger than it was measured.
                (seen.second, seen.at, seen.steady) = (second, at, seen.size);
                return Ok((first.0, first.1.max(third / at)));
            }
            seen.steady = (look.h * seen.second / third).min(seen.size);
            answer.1 = answer.1.max(noise / look.h + third / (6.0 * look.h));
            let h = self.first(j, x[j], noise);
            if h > 0.5 * look.h {
                break;
            }
            let Some(nearer) = self.look(j, x, f, h, value)?.filter(|l| l.both && l.change > 0.0)
            else {
                break;
            };
            (look, before) = (nearer, third);
            answer = self.learn(j, &look, noise, false);
        }
        Ok(answer)
    }

    /// What a look on both sides tells: slope and error. `still`: nothing moved at a smaller step.
    fn learn(&mut self, j: usize, look: &BothSides, noise: f64, still: bool) -> (f64, f64) {
        let seen = &mut self.seen[j];
        (seen.second, seen.at) = (look.second.max(4.0 * noise), look.h);
        seen.flat = look.change == 0.0;
        // What is smooth and moves as much here moved at a tenth or a hundredth of the step too: this is a stair.
        let stair = still && look.change > 1e4 * CLEAR * noise;
        let cut = seen.second / seen.alike() / if look.both { 6.0 } else { 3.0 };
        let rounding = if look.both { noise } else { 4.0 * noise } / look.h;
        let lost = if stair { look.change / look.h } else { 0.0 };
        (look.slope, rounding + cut + lost)
    }

    /// Values at x ± h e_j, or at x + h e_j and x + 2 h e_j; none where one is not finite.
    fn look<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        h: f64,
        value: &mut Value<'_, E>,
    ) -> Result<Option<BothSides>, E> {
        let (low, high) = self.range(j);
        let both = x[j] + h <= high && x[j] - h >= low;
        let side = if high - x[j] >= x[j] - low { 1.0 } else { -1.0 };
        let h = if both { h } else { h.min(0.5 * (high - x[j]).max(x[j] - low)) };
        let ends =
            if both { [x[j] + h, x[j] - h] } else { [x[j] + side * h, x[j] + 2.0 * side * h] };
        let [mut a, mut b] = ends.map(|to| to.clamp(low, high));
        if a == x[j] || b == x[j] || a == b {
            return Ok(Some(BothSides { h, both, ..BothSides::default() }));
        }
        let (mut fa, mut fb) = (self.moved(j, x, a, value)?, f64::NAN);
        if fa.is_finite() || both {
            fb = self.moved(j, x, b, value)?;
        }
        if both && fa.is_finite() != fb.is_finite() {
            // Beside where f has no values, as beside a bound: twice to the side where it has some.
            if fb.is_finite() {
                (a, fa) = (b, fb);
            }
            b = (a + (a - x[j])).clamp(low, high);
            if (b - a).abs() < 0.5 * (a - x[j]).abs() {
                // No room for it: half as far is the other.
                (b, fb) = (a, fa);
                a = x[j] + 0.5 * (b - x[j]);
                fa = self.moved(j, x, a, value)?;
            } else {
                fb = self.moved(j, x, b, value)?;
            }
            if a == x[j] || a == b {
                return Ok(Some(BothSides { h, both: false, ..BothSides::default() }));
            }
        }
        if !(fa.is_finite() && fb.is_finite()) {
            return Ok(None);
        }
        let both = (a > x[j]) != (b > x[j]);
        let change = (fa - f).abs().max((fb - f).abs());
        // Divided differences: the steps are what rounding made of them.
        let (sa, sb) = ((fa - f) / (a - x[j]), (fb - f) / (b - x[j]));
        let bent = (sa - sb) * ((a - x[j]) / (a - b));
        let h = (a - x[j]).abs();
        let second = 2.0 * (bent * h).abs();
        Ok(Some(BothSides { h, both, change, slope: sa - bent, bent, second }))
    }
}

/// What was seen on both sides.
#[derive(Default)]
struct BothSides {
    h: f64,
    both: bool,
    /// The larger change of f.
    change: f64,
    slope: f64,
    /// ½ f″ h, with the sign of the step.
    bent: f64,
    /// |f″| h².
    second: f64,
}

/// The largest power of two that a number other than 0 is a multiple of.
fn lowest_bit(value: f64) -> f64 {
    let bits = value.abs().to_bits();
    let (exponent, rest) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (exponent, whole) = if exponent == 0 { (1, rest) } else { (exponent, rest | 1 << 52) };
    2f64.powi((exponent - 1075 + whole.trailing_zeros() as i32).max(-1074))
}

/// Numbers in [½, 1): a direction that no symmetry singles out, the same each time.
fn scattered(n: usize) -> Vec<f64> {
    let mut random = Random::new(0, 0, 0, 0);
    (0..n).map(|_| 0.5 + 0.5 * random.uniform()).collect()
}

/// The noise that the third and fourth differences of five values in a line tell.
fn table(mut line: [f64; 5]) -> f64 {
    let mut by_order = [0.0; 5];
    let mut scale = 1.0;
    for order in 1..5 {
        for k in 0..5 - order {
            line[k] = line[k + 1] - line[k];
        }
        // E (Δᵏ)² = (2k)!/(k!)² noise²
        scale *= (2 * order * (2 * order - 1)) as f64 / (order * order) as f64;
        let row = &line[..5 - order];
        let most = row.iter().fold(0.0f64, |m, d| m.max(d.abs())).max(f64::MIN_POSITIVE);
        let mean = row.iter().map(|d| (d / most).powi(2)).sum::<f64>() / row.len() as f64;
        by_order[order] = most * (mean / scale).sqrt();
    }
    let [.., third, fourth] = by_order;
    // Where they still fall, the third is the function's own.
    if third > 4.0 * fourth { fourth } else { third.max(fourth) }
}

/// A function of which only values are known, as an objective: its gradients are differences.
///
/// ```
/// use steepest::differences::{Differenced, Length, Scheme};
/// use steepest::objective::{Ask, Objective};
/// let mut f = Differenced::new(2, |x: &[f64]| (x[0] - 1.0).powi(2) + 1e6 * x[1] * x[1]);
/// let (mut g, mut noise) = ([0.0; 2], [0.0; 2]);
/// f.gradient(&[3.0, 0.5], &mut g).unwrap();
/// f.asked(&[3.0, 0.5], &mut [Ask::Accuracy { value: &mut 0.0, gradient: &mut noise }]).unwrap();
/// assert!((g[0] - 4.0).abs() < 4.0 * noise[0] && noise[0] < 1e-3 * g[0]);
/// ```
pub struct Differenced<V> {
    function: V,
    differences: Differences,
    /// Where the value was asked for last, and what it was: differences start from it.
    at: Vec<f64>,
    value: f64,
}

impl<V: FnMut(&[f64]) -> f64> Differenced<V> {
    /// f of n variables, its steps found by its noise.
    pub fn new(n: usize, function: V) -> Self {
        Self::by(function, Differences::new(n, Scheme::Auto, Length::Found, None))
    }
    /// f, by differences as they are given.
    pub fn by(function: V, differences: Differences) -> Self {
        Differenced { function, differences, at: Vec::new(), value: f64::NAN }
    }
}

impl<V: FnMut(&[f64]) -> f64> Objective for Differenced<V> {
    fn offers(&self) -> Offers {
        let n = self.differences.seen.len();
        Offers { differences: self.differences.least(), ..Offers::gradients(n) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() || (gradient.is_some() && self.at != x) {
            work.values += u64::from(value.is_none());
            self.value = (self.function)(x);
            self.at.clear();
            self.at.extend_from_slice(x);
        }
        if let Some(to) = value {
            *to = self.value;
        }
        if let Some(to) = gradient {
            let function = &mut self.function;
            let mut values = |x: &[f64]| Ok::<f64, Halt>(function(x));
            self.differences.gradient(x, self.value, &mut values, to)?;
            work.values += self.differences.spent();
        }
        for ask in others {
            match ask {
                Ask::Accuracy { value, gradient } => **value = self.differences.accuracy(gradient),
                Ask::Sharpen(done) => **done = self.differences.sharpen(),
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
