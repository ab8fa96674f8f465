//! Whether anything lies below a point at rest of whose curvature nothing is known: a maximum, a saddle of any order.
use super::gap::conjugate;
use super::sides::tells_all;
use super::{Gap, Known, NEAR, noise, scattered, within};
use crate::problem::Problem;
use crate::status::Halt;

/// Coordinates that are gone along one by one, and products with the Hessian, at most.
pub const TRIED: usize = 32;
/// As many halvings go back from where F is −∞.
const HALVINGS: u32 = 40;
/// How much shorter, longer and further steps become where nothing moved, where all did, and where it leads down.
const SHORTER: f64 = 1e-2;
const LONGER: f64 = 30.0;
const FURTHER: f64 = 3.0;
/// The shortest further step.
const CLOSE: f64 = 1.001;
/// Halvings of the way to where something moves first.
const EDGE: u32 = 12;
/// The shortest and the longest step, in lengths.
const REACH: (f64, f64) = (1e-12, 1e10);

/// The lowest point seen, and how far it is from where all began.
struct Lowest {
    value: f64,
    gone: Vec<f64>,
    /// The shortest step that was taken.
    near: f64,
    /// Whether any step, however long, changed F.
    moved: bool,
}

impl Lowest {
    fn at(at: &Known<'_>) -> Self {
        Lowest { value: at.value, gone: vec![0.0; at.x.len()], near: NEAR, moved: false }
    }
}

/// Looks for a lower point at all scales, where the slopes at x are 0 or noise: along directions without symmetry, along
/// the coordinates, and along whatever the curvature bends down. True where there is one beyond noise, which is left in
/// `trial`. A few values for each coordinate; where a gradient was given it tells in one which coordinates rise.
pub fn below(problem: &mut Problem<'_>, at: &Known<'_>, trial: &mut [f64]) -> Result<bool, Halt> {
    let n = at.x.len();
    let mut lowest = Lowest::at(at);
    // A slope that leads up from a bound needs no curvature to rise.
    let room = |j: usize| [(at.room)(j, 1.0), (at.room)(j, -1.0)];
    let held = |j: usize| at.gradient[j] != 0.0 && (at.room)(j, -at.gradient[j]) <= 0.0;
    let lengths: Vec<f64> =
        (0..n).map(|j| if held(j) || room(j) == [0.0; 2] { 0.0 } else { at.lengths[j] }).collect();
    let free: Vec<usize> = (0..n).filter(|j| lengths[*j] > 0.0).collect();
    if free.is_empty() {
        return Ok(false);
    }
    let at = &Known { lengths: &lengths, ..*at };
    let (mut u, mut bends) = (vec![0.0; n], vec![0.0; n]);
    scattered(n, &mut u);
    (0..n).for_each(|j| u[j] *= lengths[j]);
    let near = scan(problem, at, &u, &mut lowest, trial)?;
    if at.given && free.len() > 1 && lowest.value == at.value {
        let steady = curvatures(problem, at, near, &mut bends, trial)?;
        // Where the curvature is what it is on both sides, it tells all there is, or leads down.
        if turned(problem, at, near, &bends, &mut lowest, trial)? && steady {
            return Ok(false);
        }
    }
    // Products of coordinates change their sign with one of them or with every second.
    if free.len() > 1 {
        ways(problem, at, &free, &mut lowest, trial)?;
        for j in free.iter().copied().take(TRIED) {
            u.fill(0.0);
            u[j] = lengths[j];
            scan(problem, at, &u, &mut lowest, trial)?;
        }
        // Where each coordinate has gone as far as its bounds and nothing has moved, no other length tells more.
        let whole = |j: &usize| room(*j)[0].max(room(*j)[1]) < REACH.1 * lengths[*j];
        let still = !lowest.moved && free.iter().all(whole);
        if !(lowest.value < at.value) && !still && free.len() <= TRIED {
            let lengths = alike(problem, at, &free, trial)?;
            let at = &Known { lengths: &lengths, ..*at };
            scattered(n, &mut u);
            (0..n).for_each(|j| u[j] *= lengths[j]);
            scan(problem, at, &u, &mut lowest, trial)?;
            ways(problem, at, &free, &mut lowest, trial)?;
        }
    }
    told(problem, at, &lowest, trial)
}

/// Both sides along directions where every second coordinate is turned, or one of them.
fn ways(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    free: &[usize],
    lowest: &mut Lowest,
    trial: &mut [f64],
) -> Result<(), Halt> {
    let mut u = vec![0.0; at.x.len()];
    for turned in [free.len(), 2].into_iter().take(free.len() - 1) {
        scattered(u.len(), &mut u);
        free[..turned].iter().skip(1).step_by(2).for_each(|j| u[*j] = -u[*j]);
        u.iter_mut().zip(at.lengths).for_each(|(u, l)| *u *= l);
        scan(problem, at, &u, lowest, trial)?;
    }
    Ok(())
}

/// Lengths along which all the coordinates change F alike, each on its own: units may lie far apart.
fn alike(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    free: &[usize],
    trial: &mut [f64],
) -> Result<Vec<f64>, Halt> {
    let n = at.x.len();
    let mut change = |j: usize, h: f64| -> Result<f64, Halt> {
        let mut u = vec![0.0; n];
        u[j] = h * at.lengths[j];
        go(at, &vec![0.0; n], 1.0, &u, trial);
        let change = (problem.total(&trial[..n])? - at.value).abs();
        Ok(if change.is_nan() { f64::INFINITY } else { change })
    };
    let mut changes = free.iter().map(|j| change(*j, NEAR)).collect::<Result<Vec<_>, _>>()?;
    changes.sort_by(f64::total_cmp);
    let most = 1e6 * 64.0 * f64::EPSILON * at.value.abs();
    let moved: Vec<f64> = changes.iter().copied().filter(|c| *c > 0.0).collect();
    let target = moved.get(moved.len() / 2).copied().unwrap_or(0.0).max(most);
    let mut lengths = at.lengths.to_vec();
    for j in free {
        let mut h = NEAR;
        let mut larger = None;
        // Tens up or down, until the change passes the target.
        for _ in 0..24 {
            let over = change(*j, h)? > target;
            if larger.is_some_and(|l| l != over) {
                lengths[*j] = at.lengths[*j] * h / NEAR;
                break;
            }
            larger = Some(over);
            h *= if over { 0.1 } else { 10.0 };
        }
    }
    Ok(lengths)
}

/// The same along the coordinates named, where F was seen to bend down, and along all of those where nothing was seen.
pub fn below_along(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    named: &[usize],
    unseen: &[usize],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let n = at.x.len();
    let mut lowest = Lowest::at(at);
    let (mut u, mut way) = (vec![0.0; n], vec![0.0; n]);
    if !unseen.is_empty() {
        scattered(n, &mut way);
        unseen.iter().for_each(|j| u[*j] = way[*j] * at.lengths[*j]);
        scan(problem, at, &u, &mut lowest, trial)?;
    }
    for j in named.iter().take(TRIED) {
        u.fill(0.0);
        u[*j] = at.lengths[*j];
        if at.given && bends_up(problem, at, *j, &mut way, trial)? {
            continue;
        }
        scan(problem, at, &u, &mut lowest, trial)?;
    }
    told(problem, at, &lowest, trial)
}

/// Whether F bends up along coordinate j, by a value and a slope that tell the same: what steps that moved others besides
/// made it look like was those.
fn bends_up(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    j: usize,
    ahead: &mut [f64],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let n = at.x.len();
    let h = if (at.room)(j, 1.0) > NEAR * at.lengths[j] { NEAR } else { -NEAR } * at.lengths[j];
    trial[..n].copy_from_slice(at.x);
    trial[j] = within(at.x[j], h, (at.room)(j, h));
    let h = trial[j] - at.x[j];
    let value = problem.total_gradient(&trial[..n], ahead)?;
    let rounding = 16.0 * f64::EPSILON * at.value.abs();
    Ok(h != 0.0 && tells_all(at, [at.gradient[j], rounding, h], value, ahead[j]))
}

/// Whether the lowest point is lower by more than noise; it is left in `trial`.
fn told(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    lowest: &Lowest,
    trial: &mut [f64],
) -> Result<bool, Halt> {
    if !(lowest.value < at.value - at.small) {
        return Ok(false);
    }
    let found = lowest.value == f64::NEG_INFINITY
        || lowest.value < at.value - 4.0 * noise(problem, at, lowest.near, trial)?;
    go(at, &lowest.gone, 0.0, &lowest.gone, trial);
    Ok(found)
}

/// What F bends by along each coordinate, as one gradient tells it: exactly where the coordinates do not mix. 0 where
/// nothing moved. Whether another gradient, half as far on the other side, tells the same: as it does where F is quadratic.
fn curvatures(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    near: f64,
    bends: &mut [f64],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let n = at.x.len();
    let mut u = vec![0.0; n];
    scattered(n, &mut u);
    (0..n).for_each(|j| u[j] *= near * at.lengths[j]);
    let mut ahead = vec![0.0; n];
    let mut steady = true;
    for h in [-0.5, 1.0] {
        go(at, &vec![0.0; n], h, &u, trial);
        problem.total_gradient(&trial[..n], &mut ahead)?;
        for j in 0..n {
            let (moved, turned) = (trial[j] - at.x[j], ahead[j] - at.gradient[j]);
            let clear = turned.abs() > 1e3 * f64::EPSILON * at.gradient[j].abs();
            let bend = turned / moved;
            let bend = if clear && bend.is_finite() { bend } else { 0.0 };
            let before = std::mem::replace(&mut bends[j], bend);
            let same = bend != 0.0 && (bend - before).abs() <= 0.1 * bend.abs();
            steady &= h < 0.0 || same || at.lengths[j] == 0.0;
        }
    }
    Ok(steady)
}

/// Where the coordinates mix: along what the curvature bends down, if anything. Whether it bends up whichever way.
fn turned(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    near: f64,
    bends: &[f64],
    lowest: &mut Lowest,
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let n = at.x.len();
    // As long as makes all of them bend alike, and none longer than it was.
    let size = |j: usize| at.lengths[j] * bends[j].abs().sqrt();
    let least = (0..n).map(size).filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    let share = |j: usize| if size(j) > 0.0 { least / size(j) } else { 1.0 };
    let lengths: Vec<f64> = (0..n).map(|j| at.lengths[j] * share(j) * (near / NEAR)).collect();
    let there = Known { lengths: &lengths, ..*at };
    let mut r = vec![0.0; n];
    scattered(n, &mut r);
    r.iter_mut().zip(at.lengths).for_each(|(r, l)| *r *= f64::from(u8::from(*l > 0.0)));
    let mut along = vec![0.0; n];
    let (seen, whole) = conjugate(problem, &there, r, TRIED, None, &mut along, trial)?;
    if matches!(seen, Gap::Down) {
        (0..n).for_each(|j| along[j] *= lengths[j]);
        scan(problem, at, &along, lowest, trial)?;
        return Ok(false);
    }
    Ok(whole)
}

/// x + gone + h u, within its room.
fn go(at: &Known<'_>, gone: &[f64], h: f64, u: &[f64], trial: &mut [f64]) {
    for (j, x) in at.x.iter().enumerate() {
        let by = gone[j] + h * u[j];
        trial[j] = within(*x, by, (at.room)(j, by));
    }
}

/// The values along a line: x + gone + h u.
struct Line<'a> {
    at: &'a Known<'a>,
    gone: &'a [f64],
    u: &'a [f64],
    /// The lowest value, or what one must be below, and how far off.
    best: (f64, f64),
}

impl Line<'_> {
    fn value(&mut self, problem: &mut Problem<'_>, h: f64, trial: &mut [f64]) -> Result<f64, Halt> {
        go(self.at, self.gone, h, self.u, trial);
        let value = problem.total(&trial[..self.u.len()])?;
        if value == f64::NEG_INFINITY && !self.falls_to(problem, h, trial)? {
            return Ok(f64::INFINITY);
        }
        if value < self.best.0 {
            self.best = (value, h);
        }
        Ok(value)
    }
    /// Whether F falls towards the −∞ that it is so far off: it may be how F overflows there, as ln Σ exp does. The first
    /// value that is finite on the way back tells, by as much as counts.
    fn falls_to(
        &self,
        problem: &mut Problem<'_>,
        mut h: f64,
        trial: &mut [f64],
    ) -> Result<bool, Halt> {
        for _ in 0..HALVINGS {
            h *= 0.5;
            go(self.at, self.gone, h, self.u, trial);
            let value = problem.total(&trial[..self.u.len()])?;
            if value != f64::NEG_INFINITY {
                return Ok(value < self.at.value - self.at.small);
            }
        }
        Ok(true)
    }
    fn pair(
        &mut self,
        problem: &mut Problem<'_>,
        h: f64,
        trial: &mut [f64],
    ) -> Result<[f64; 2], Halt> {
        Ok([self.value(problem, h, trial)?, self.value(problem, -h, trial)?])
    }
}

/// Both sides along u at all scales, from the shortest step that changes F to as far as it falls; the shortest step.
fn scan(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    lowest: &mut Lowest,
    trial: &mut [f64],
) -> Result<f64, Halt> {
    let value = lowest.value;
    if value == f64::NEG_INFINITY {
        return Ok(NEAR);
    }
    let noise = 64.0 * f64::EPSILON * value.abs();
    let moves = |v: &f64| !((v - value).abs() <= noise);
    let rise = |pair: [f64; 2]| pair[0] + pair[1] - 2.0 * value;
    let mut line = Line { at, gone: &lowest.gone, u, best: (value - noise, 0.0) };
    let mut h = NEAR;
    let mut pair = line.pair(problem, h, trial)?;
    let faded = !pair.iter().any(moves);
    if !faded {
        // Nearer, unless it rises on both sides as what is smooth does.
        while line.best.1 == 0.0 && h > REACH.0 {
            let before = rise(pair);
            h *= SHORTER;
            pair = line.pair(problem, h, trial)?;
            let smooth = (rise(pair) / before / SHORTER.powi(2) - 1.0).abs() < 0.1;
            if smooth || !pair.iter().any(moves) {
                break;
            }
        }
    } else {
        // Further than there is room for, nothing changes any more.
        let ends = |j: usize| (at.room)(j, 1.0).max((at.room)(j, -1.0)) / u[j].abs();
        let reach = (0..u.len()).filter(|j| u[*j] != 0.0).map(ends).fold(0.0, f64::max);
        let (mut side, reach) = (1.0, reach.min(REACH.1));
        while !moves(&pair[0]) && h < reach {
            (h, side) = (LONGER * h, -side);
            pair[0] = line.value(problem, side * h, trial)?;
        }
        // The other side too, until it moves.
        let mut other = h;
        let mut there = line.value(problem, -side * other, trial)?;
        while line.best.1 == 0.0 && moves(&pair[0]) && !moves(&there) && other < reach {
            other *= LONGER;
            there = line.value(problem, -side * other, trial)?;
        }
        if line.best.1 == 0.0 && moves(&pair[0]) {
            // What moves first may be a stair that leads down, and what lies behind it one that leads up.
            for (side, far) in [(side, h), (-side, other)] {
                let (mut still, mut moved) = (far / LONGER.powi(2), far);
                for _ in 0..EDGE {
                    let middle = (still * moved).sqrt();
                    let value = line.value(problem, side * middle, trial)?;
                    *(if moves(&value) { &mut moved } else { &mut still }) = middle;
                }
            }
        }
    }
    let near = h.min(NEAR);
    lowest.moved |= line.best.1 != 0.0 || pair.iter().any(moves);
    lowest.near = lowest.near.min(near);
    // What has faded away begins to count close to where it is large.
    let closest = if faded { CLOSE } else { FURTHER };
    let mut further = FURTHER;
    while line.best.1 != 0.0
        && line.best.1.abs() < REACH.1
        && line.best.0.is_finite()
        && further >= closest
    {
        let (value, h) = line.best;
        if !(line.value(problem, further * h, trial)? < value) {
            further = further.sqrt();
        }
    }
    let (value, h) = line.best;
    if h != 0.0 {
        go(at, &lowest.gone, h, u, trial);
        lowest.gone.iter_mut().enumerate().for_each(|(j, gone)| *gone = trial[j] - at.x[j]);
        lowest.value = value;
    }
    Ok(near)
}
