//! The noise of f: measured along one direction, and what is told of it by the bits that values are multiples of.
use super::{Differences, EPS, PerVariable, Value};
use crate::numbers::random::Random;

/// The distance of the points of Hamming's table: third differences of what is smooth lie below rounding there.
const TABLE: f64 = 3e-6;
/// Noise of so many roundings is more than arithmetic in double precision leaves.
pub(super) const NOISY: f64 = 1e3;
/// A change of x by this share of itself is lost in single precision.
const UNSEEN: f64 = 1e-10;
/// The deviation of rounding to stairs, in steps of theirs.
const STAIRS: f64 = 0.29;

impl Differences {
    /// The noise of a value of that size.
    pub(super) fn noise(&self, f: f64) -> f64 {
        let stays = self.floor_at(f).max(0.3 * self.stored);
        (self.share * f.abs()).max(stays).max(f64::MIN_POSITIVE)
    }

    /// What is left of the noise where f goes to 0.
    pub(super) fn floor_at(&self, f: f64) -> f64 {
        let falls = self.squares > f.abs();
        if falls { self.floor * (f.abs() / self.squares).sqrt() } else { self.floor }
    }

    /// Takes note of what a value is a multiple of.
    pub(super) fn grains(&mut self, value: f64) {
        if value != 0.0 && value.is_finite() {
            self.grain = (self.grain.0.min(lowest_bit(value)), self.grain.1 + 1);
        }
    }

    /// The noise of f along variable j by what was seen of it last: that of the value, and that of x_j itself as f takes it.
    pub(super) fn noise_along(&self, j: usize, x: f64, f: f64) -> f64 {
        let PerVariable { slope, second, at, .. } = self.seen[j];
        self.noise_by(x, f, slope, [second, at])
    }

    /// The same by a slope and by what f bends over a step.
    pub(super) fn noise_by(&self, x: f64, f: f64, slope: f64, [second, at]: [f64; 2]) -> f64 {
        let moved = self.taken * x.abs();
        let bent = if at > 0.0 { second.max(0.0) * (moved / at).powi(2) } else { 0.0 };
        self.noise(f) + slope.abs() * moved + bent
    }

    /// What the slopes found last make of the rounding of x.
    pub(super) fn rounding_of(&self, x: &[f64]) -> f64 {
        x.iter().zip(&self.seen).map(|(x, seen)| seen.slope.abs() * EPS * x.abs()).sum()
    }

    /// Hamming's table over five points in a line: the noise is what the third and fourth differences are.
    pub(super) fn measure<E>(
        &mut self,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
    ) -> Result<(), E> {
        let mut spread = TABLE.min(self.spread_of(f));
        let mut found: Option<(f64, f64)> = None;
        for _ in 0..5 {
            let Some(line) = self.line(x, f, spread, value)? else {
                spread *= 0.01;
                continue;
            };
            let most = line.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let range = range(&line);
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
            if noise <= 1e3 * EPS * most {
                // Rounded values may lie a step of their stairs apart each: nearer by, a line falls by as much less. Not
                // asked where the table is a nearer one: there f is short beside its variable, and by the smaller noise
                // steps to both sides are found to be too long for it.
                if spread >= TABLE
                    && straight(&line, most)
                    && let Some(near) = self.line(x, f, 0.01 * spread, value)?
                    && (100.0 * self::range(&near) - range).abs() > 0.5 * range
                {
                    found = Some((STAIRS * 0.25 * range, most));
                }
                break;
            }
            // What is as large as that may be the function itself: it is noise if it stays when looked at from nearer.
            if !better {
                break;
            }
            spread *= 0.01;
        }
        if let Some((noise, most)) = found {
            let fallen = self.measured.is_some_and(|m| m > most);
            if fallen && noise > 4.0 * self.share * most
                || noise > 0.1 * self.floor_at(f) && self.floor > 0.0
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

    /// How far the table's points may lie apart that what f bends by on the way is no more than f, or stands out from its
    /// noise: values that are larger have larger roundings. As far as they like where nothing is known of the bends.
    fn spread_of(&self, f: f64) -> f64 {
        /// Bends of so many times the noise stand out.
        const CLEAR: f64 = 1e8;
        /// Nearer, x itself is too coarse.
        const LEAST: f64 = 1e-11;
        let one = |(seen, part): (&PerVariable, &f64)| seen.bend() * (seen.size * part).powi(2);
        let bends: f64 = self.seen.iter().zip(&self.scattered).map(one).sum();
        let most = f.abs().max(CLEAR * self.noise(f));
        if bends > 0.0 { (most / bends).sqrt().max(LEAST) } else { f64::INFINITY }
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
}

/// The largest power of two that a number other than 0 is a multiple of.
pub(super) fn lowest_bit(value: f64) -> f64 {
    let bits = value.abs().to_bits();
    let (exponent, rest) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (exponent, whole) = if exponent == 0 { (1, rest) } else { (exponent, rest | 1 << 52) };
    2f64.powi((exponent - 1075 + whole.trailing_zeros() as i32).max(-1074))
}

/// Numbers in [½, 1): a direction that no symmetry singles out, the same each time.
pub(super) fn scattered(n: usize) -> Vec<f64> {
    let mut random = Random::new(0, 0, 0, 0);
    (0..n).map(|_| 0.5 + 0.5 * random.uniform()).collect()
}

/// How far values in a line lie apart.
fn range(line: &[f64; 5]) -> f64 {
    let least = line.iter().copied().fold(f64::INFINITY, f64::min);
    line.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least
}

/// Whether five values in a line rise by one and the same, as far as their rounding tells.
fn straight(line: &[f64; 5], most: f64) -> bool {
    line.windows(3).all(|v| (v[2] - 2.0 * v[1] + v[0]).abs() <= 4.0 * EPS * most)
}

/// The noise that the third and fourth differences of five values in a line tell.
pub(super) fn table(mut line: [f64; 5]) -> f64 {
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
    let [.., second, third, fourth] = by_order;
    // Where they still fall, the third is the function's own; of stairs the fourth may be none by chance.
    if third > 4.0 * fourth && third < 0.1 * second { fourth } else { third.max(fourth) }
}
