//! Whether anything leads lower from a kink: slopes all around it have 0 in their hull where nothing does.
use super::{Known, step};
use crate::linalg::vectors::{dot, largest};
use crate::numbers::random::Random;
use crate::problem::Problem;
use crate::status::Halt;

/// How far around x slopes are asked for, in lengths: of all kinks about at first, then of those that meet at x alone.
const AROUND: [f64; 4] = [1e-3, 1e-4, 1e-5, 1e-6];
/// Slopes are asked for in so many coordinates at most; each kink of a vertex needs some of its own.
const MOST: usize = 32;
/// Exchanges between two slopes.
const EXCHANGES: usize = 20_000;
/// Where the ways to the points around come from.
const STREAM: u32 = 0x48;
/// The longest step along the least slope, in lengths, and how often a tenth of it is tried.
const REACH: (f64, u32) = (1.0, 9);

/// What the slopes around a kink say.
pub enum Hull {
    /// Within a length of every coordinate nothing lies lower by more than counts, where F is convex.
    Whole,
    /// The lower point is in the vector given.
    Lower,
    /// Something may, and was not found.
    Open,
    /// Slopes are what noise makes of them.
    Loud,
}

/// The least slope in the hull of those around x (gradient sampling; Burke, Lewis & Overton, SIAM J. Optim. 15, 2005), in
/// coordinates counted by the `way` they have come. If it is not small, F falls along it if it does at all, which is tried. Beyond
/// a bound F is taken to be what it is there, and to rise from there by more than it does anywhere near.
pub fn hull(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    way: &[f64],
    enough: f64,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<Hull, Halt> {
    let n = at.x.len();
    if n > MOST {
        return Ok(Hull::Open);
    }
    let (mut random, mut lengths) = (Random::new(0, STREAM, 0, 0), way.to_vec());
    for around in AROUND {
        let sides = [around, -around];
        let seen = sampled(problem, at, &lengths, sides, &mut random, trial)?;
        let (slopes, short) = walled(at, seen);
        if slopes.iter().flatten().chain(&short).any(|s| !s.is_finite()) {
            return Ok(Hull::Open);
        }
        if slopes.len() <= n {
            continue;
        }
        if around == AROUND[0] {
            alike(at, &slopes, &mut lengths);
        }
        let scaled = |g: &Vec<f64>| g.iter().zip(&lengths).map(|(g, l)| g * l).collect();
        let slopes: Vec<Vec<f64>> = slopes.iter().map(scaled).collect();
        let shares = least(&slopes);
        let one = |j: usize| shares.iter().zip(&slopes).map(|(share, g)| share * g[j]).sum::<f64>();
        let w: Vec<f64> = (0..n).map(one).collect();
        if dot(&shares, &short) + w.iter().map(|w| w.abs()).sum::<f64>() <= enough {
            return Ok(Hull::Whole);
        }
        (0..n).for_each(|j| u[j] = -w[j] / largest(&w) * lengths[j]);
        let (mut h, mut best) = (REACH.0, (at.value - at.small, 0.0));
        for _ in 0..REACH.1 {
            step(at, u, h, trial);
            let value = problem.total(&trial[..n])?;
            if value < best.0 {
                best = (value, h);
            }
            h *= 0.1;
        }
        if best.1 != 0.0 {
            step(at, u, best.1, trial);
            return Ok(Hull::Lower);
        }
    }
    Ok(Hull::Open)
}

/// Makes the lengths longer, until F changes along each as along the one that changes it most: a coordinate that has come
/// less far than it has to go would seem to hold nothing.
fn alike(at: &Known<'_>, slopes: &[Vec<f64>], lengths: &mut [f64]) {
    let mean = |j: usize| slopes.iter().map(|g| g[j].abs()).sum::<f64>() / slopes.len() as f64;
    let most = (0..lengths.len()).map(|j| mean(j) * lengths[j]).fold(0.0, f64::max);
    for j in 0..lengths.len() {
        let length = most / mean(j);
        if length.is_normal() {
            lengths[j] = length.min(((at.room)(j, 1.0) + (at.room)(j, -1.0)).max(lengths[j]));
        }
    }
}

/// F and its slope at a point, or at the nearest within bounds, and which coordinates lie beyond: above 0 where up.
struct SlopeAt {
    there: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
    beyond: Vec<f64>,
}

/// Slopes at points so far on both sides of x.
fn sampled(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    lengths: &[f64],
    sides: [f64; 2],
    random: &mut Random,
    trial: &mut [f64],
) -> Result<Vec<SlopeAt>, Halt> {
    let n = at.x.len();
    let (mut seen, mut u) = (Vec::new(), vec![0.0; n]);
    for _ in 0..2 * (n + 1) {
        u.iter_mut().zip(lengths).for_each(|(u, l)| *u = l * (2.0 * random.uniform() - 1.0));
        for side in sides {
            step(at, &u, side, trial);
            let beyond = |j: usize| {
                let by = side * u[j];
                if by.abs() < (at.room)(j, by) { 0.0 } else { by }
            };
            let beyond = (0..n).map(beyond).collect();
            let mut one =
                SlopeAt { there: trial[..n].to_vec(), value: 0.0, slope: vec![0.0; n], beyond };
            if slope(problem, at, &mut one, lengths, side, trial)? {
                seen.push(one);
            }
        }
    }
    Ok(seen)
}

/// The slopes, with those of walls beyond bounds, and what each by itself promises F to be below its value at x.
fn walled(at: &Known<'_>, seen: Vec<SlopeAt>) -> (Vec<Vec<f64>>, Vec<f64>) {
    const STEEPER: f64 = 10.0;
    let n = at.x.len();
    let most = |j: usize| seen.iter().map(|one| one.slope[j].abs()).fold(0.0, f64::max);
    let walls: Vec<f64> = (0..n).map(|j| STEEPER * most(j)).collect();
    let one = |mut one: SlopeAt| {
        for j in (0..n).filter(|j| one.beyond[*j] != 0.0) {
            one.slope[j] = walls[j].copysign(one.beyond[j]);
        }
        let back: f64 = (0..n).map(|j| one.slope[j] * (at.x[j] - one.there[j])).sum();
        (one.slope, (at.value - one.value - back).max(0.0))
    };
    seen.into_iter().map(one).unzip()
}

/// F and its slope at a point so far from x. Differences are taken over a part of that, and have to agree on both sides: what
/// they are between two kinks for one coordinate and across one for another is no slope of F. False where they do not, and
/// where a bound is too near.
fn slope(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    one: &mut SlopeAt,
    lengths: &[f64],
    side: f64,
    trial: &mut [f64],
) -> Result<bool, Halt> {
    const PART: f64 = 0.01;
    const AGREE: f64 = 1e-3;
    let n = at.x.len();
    one.value = problem.total(&one.there)?;
    let noise = 16.0 * f64::EPSILON * one.value.abs();
    for j in (0..n).filter(|j| one.beyond[*j] == 0.0) {
        let mut ends = [(0.0, 0.0); 2];
        for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
            trial[..n].copy_from_slice(&one.there);
            trial[j] += sign * PART * side * lengths[j];
            let gone = trial[j] - at.x[j];
            if !(gone.abs() <= (at.room)(j, gone)) {
                return Ok(false);
            }
            *end = (trial[j] - one.there[j], problem.total(&trial[..n])? - one.value);
        }
        let [(up, rise), (down, fall)] = ends;
        one.slope[j] = (rise - fall) / (up - down);
        if !((rise + fall).abs() <= AGREE * (rise.abs() + fall.abs()) + noise) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The shares of the vectors in the least element of their hull, by exchanges between two of them.
fn least(vectors: &[Vec<f64>]) -> Vec<f64> {
    let m = vectors.len();
    let gram: Vec<Vec<f64>> =
        vectors.iter().map(|a| vectors.iter().map(|b| dot(a, b)).collect()).collect();
    let mut shares = vec![1.0 / m as f64; m];
    let mut slopes: Vec<f64> = gram.iter().map(|row| row.iter().sum::<f64>() / m as f64).collect();
    for _ in 0..EXCHANGES {
        let by = |a: &usize, b: &usize| slopes[*a].total_cmp(&slopes[*b]);
        let to = (0..m).min_by(by).expect("vectors");
        let from = (0..m).filter(|i| shares[*i] > 0.0).max_by(by).expect("shares");
        let bend = gram[to][to] + gram[from][from] - 2.0 * gram[to][from];
        let by = ((slopes[from] - slopes[to]) / bend).min(shares[from]);
        if !(by > 0.0 && bend > 0.0) {
            break;
        }
        shares[to] += by;
        shares[from] = if by == shares[from] { 0.0 } else { shares[from] - by };
        for i in 0..m {
            slopes[i] += by * (gram[i][to] - gram[i][from]);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::least;

    #[test]
    fn the_least_of_a_hull() {
        let corners = [vec![1.0, 2.0], vec![1.0, -1.0], vec![3.0, 0.0]];
        let shares = least(&corners);
        let at = |j: usize| (0..3).map(|i| shares[i] * corners[i][j]).sum::<f64>();
        assert!((at(0) - 1.0).abs() < 1e-12 && at(1).abs() < 1e-12, "{shares:?}");
    }
}
