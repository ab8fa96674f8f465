//! Which rows: short runs spread over the table and, where one side is rare, over the targets.
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{OfRows, Sample, Table, joined};
use std::ops::Range;

/// Rows that lie side by side in a sample: few enough to spread, enough to be read at the memory's speed.
const RUN: usize = 32;
/// The stream that a metric's rows are drawn by.
pub const METRIC: u64 = 77;

/// SplitMix64 (Steele, Lea, Flood 2014): a number that depends on the stream and the index alone.
pub fn noise(stream: u64, index: u64) -> u64 {
    let mut z = (stream << 32 ^ index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// About `m` of `n` places: ⌈m / 32⌉ runs, one in each equal part, its start drawn.
pub fn runs(m: usize, n: usize, stream: u64) -> Vec<Range<usize>> {
    let count = m.div_ceil(RUN);
    if m >= n || count * RUN >= n {
        return std::iter::once(0..n).collect();
    }
    (0..count)
        .map(|r| {
            let (from, to) = (r * n / count, (r + 1) * n / count);
            let room = (to - from).saturating_sub(RUN) as u64;
            let start = from + (noise(stream, r as u64) % (room + 1)) as usize;
            start..(start + RUN).min(to)
        })
        .collect()
}

/// The rows of the rarer side, where it is rare; none where both sides will be met often enough.
pub struct Sides {
    /// Rows of the rarer side, ascending.
    pub rare: Vec<u32>,
    /// What they weigh.
    weight: f64,
}

impl Sides {
    /// Looks at the targets once.
    pub fn of(problem: &mut Problem<'_>, table: &Table) -> Result<Option<Self>, Halt> {
        let Some(rare) = rarer(table, &mut |ask| problem.of_rows(ask))? else { return Ok(None) };
        let weight = weights(problem, table, &rare)?.iter().sum();
        Ok(Some(Sides { rare, weight }))
    }
    /// Whether a row is on the rarer side.
    pub fn holds(&self, row: u32) -> bool {
        self.rare.binary_search(&row).is_ok()
    }
}

/// The rows of the rarer side, where it is rare.
pub fn rarer(
    table: &Table,
    ask: &mut dyn FnMut(OfRows<'_>) -> Result<(), Halt>,
) -> Result<Option<Vec<u32>>, Halt> {
    let mut sides = [0; 2];
    ask(OfRows::Sides(&mut sides))?;
    let few = sides[0].min(sides[1]);
    if 8 * few >= table.rows || few == 0 {
        return Ok(None);
    }
    let (mut rare, above) = (Vec::new(), sides[0] <= sides[1]);
    ask(OfRows::Side { above, to: &mut rare })?;
    Ok(Some(rare))
}

/// How many of a metric's `k` rows are spread evenly over all. Others are drawn by what they carry, which is known only
/// after a read: where that means a read more, there are more of these, and others only if they must be.
pub fn even(table: &Table, k: usize) -> usize {
    if table.read_anew() { k + k / 4 } else { k - k / 4 }
}

/// Few places of `n`, evenly apart.
pub fn places(n: usize) -> impl Iterator<Item = u32> {
    const LOOK: usize = 512;
    (0..n as u32).step_by(n.div_ceil(LOOK).max(1))
}

fn weights(problem: &mut Problem<'_>, table: &Table, of: &[u32]) -> Result<Vec<f64>, Halt> {
    let mut to = vec![1.0; of.len()];
    if table.weighted {
        problem.of_rows(OfRows::Weights { of, to: &mut to })?;
    }
    Ok(to)
}

/// About `m` rows of the table with shares that restore the whole.
pub fn rows(
    problem: &mut Problem<'_>,
    table: &Table,
    sides: Option<&Sides>,
    m: usize,
    stream: u64,
) -> Result<Sample, Halt> {
    let rare = sides.filter(|_| m < table.rows);
    let runs = drawn(table.rows, rare.map(|s| &s.rare[..]), m, stream);
    shared(problem, table, runs, rare)
}

/// Which rows these are.
pub fn drawn(n: usize, rare: Option<&[u32]>, m: usize, stream: u64) -> Vec<Range<usize>> {
    let plain = runs(m, n, stream);
    let Some(rare) = rare.filter(|_| m < n) else { return plain };
    let wanted = (m / 4).clamp(1, rare.len());
    let picked = (0..wanted).map(|k| {
        let (from, to) = (k * rare.len() / wanted, (k + 1) * rare.len() / wanted);
        let at = from + (noise(stream + 1000, k as u64) % (to - from).max(1) as u64) as usize;
        rare[at] as usize
    });
    let common = plain.into_iter().flatten().filter(|&i| rare.binary_search(&(i as u32)).is_err());
    let mut all: Vec<u32> = common.chain(picked).map(|i| i as u32).collect();
    all.sort_unstable();
    all.dedup();
    joined(&all)
}

/// Shares in proportion to the weights, so that each side keeps its part of the whole.
fn shared(
    problem: &mut Problem<'_>,
    table: &Table,
    runs: Vec<Range<usize>>,
    sides: Option<&Sides>,
) -> Result<Sample, Halt> {
    let rows: Vec<u32> = runs.iter().cloned().flatten().map(|i| i as u32).collect();
    let weight = weights(problem, table, &rows)?;
    let rare = |i: u32| sides.is_some_and(|s| s.holds(i));
    let mut sampled = [0.0; 2];
    rows.iter().zip(&weight).for_each(|(&i, w)| sampled[usize::from(rare(i))] += w);
    let of_rare = sides.map_or(0.0, |s| s.weight);
    let mut part = [(table.total - of_rare) / table.total, of_rare / table.total];
    for side in 0..2 {
        // A side of which no row with a weight was met counts for nothing here.
        part[side] = if sampled[side] > 0.0 { part[side] / sampled[side] } else { 0.0 };
    }
    let share = rows.iter().zip(&weight).map(|(&i, w)| w * part[usize::from(rare(i))]);
    Ok(Sample::new(runs, share.collect()))
}
