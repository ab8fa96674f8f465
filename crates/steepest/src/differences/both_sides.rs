//! Steps to both sides, which see the bend too, and how far it stays what it is.
use super::noise::NOISY;
use super::{Differences, EPS, FAR, PerVariable, Value};

/// The first step to both sides, relative to a variable's size: near the cube root of the rounding of f.
const FIRST: f64 = 1e-5;
/// A change by as many times the noise tells a slope to three digits.
const CLEAR: f64 = 1e3;
/// Second differences of as many times the noise tell a bend to a digit.
const BENT: f64 = 30.0;
/// A change by so many times the noise tells nothing.
const HIDDEN: f64 = 4.0;
/// Steps that tell nothing, shorter than this of the furthest, are lengthened by more each time, beginning with this.
const LOST: f64 = 1e-10;
const LEAP: f64 = 100.0;
/// Steps to both sides that bend f by more than this of it are long: what they take the third derivative for is looked at.
const LONG: f64 = 1e-7;
/// Third differences of as many times the noise are f's own.
const THIRD: f64 = 16.0;

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

impl Differences {
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
    pub(super) fn survey<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
    ) -> Result<(f64, f64), E> {
        let mut noise = self.noise_along(j, x[j], f);
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
            // What was seen last may be of where f was larger by far.
            noise = noise.min(self.noise_by(x[j], f, look.slope, [look.second, look.h]));
            let clear = look.change >= CLEAR * noise || look.second >= BENT * noise;
            let coarse = (!known || h > 0.01 * self.seen[j].size && look.change > FAR * noise)
                && look.second > 1e-4 * (f.abs() + look.change)
                && look.second > 1e6 * noise
                && h > FIRST * FIRST * self.seen[j].size;
            let (growing, settled) = (!clear && !shrunk && !stuck && h < furthest, given.is_some());
            let hidden = look.change <= HIDDEN * noise;
            if leap > LEAP && !hidden {
                self.seen[j].size = self.seen[j].size.max(h);
            }
            answer = self.learn(j, &look, noise, still);
            still = look.change == 0.0;
            if settled || !growing && !coarse {
                last = Some(look);
                break;
            }
            if growing && hidden && h < LOST * furthest {
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
        let noisy = self.share > NOISY * EPS || self.floor > 0.0 && self.squares == 0.0;
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
        (seen.second, seen.at, seen.slope) = (look.second.max(4.0 * noise), look.h, look.slope);
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
