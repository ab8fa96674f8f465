//! Which rows: short runs spread over the table and, where one side is rare, over the targets.
use crate::glm::{Glm, Sample};
use std::ops::Range;

/// Rows that lie side by side in a sample: few enough to spread, enough to be read at the memory's speed.
const RUN: usize = 32;

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
    above: bool,
}

impl Sides {
    /// Looks at the targets once.
    pub fn of(glm: &Glm<'_>) -> Option<Self> {
        if !glm.loss.rare() {
            return None;
        }
        let n = glm.target.len();
        let above = glm.target.iter().filter(|t| **t > 0.0).count();
        let rare_above = above <= n - above;
        if 8 * above.min(n - above) >= n || above.min(n - above) == 0 {
            return None;
        }
        let rows = glm.target.iter().enumerate().filter(|(_, t)| (**t > 0.0) == rare_above);
        Some(Sides { rare: rows.map(|(i, _)| i as u32).collect(), above: rare_above })
    }
    /// Whether a row is on the rarer side.
    pub fn holds(&self, glm: &Glm<'_>, row: usize) -> bool {
        (glm.target[row] > 0.0) == self.above
    }
}

/// About `m` rows of the table with shares that restore the whole.
pub fn rows(glm: &Glm<'_>, sides: Option<&Sides>, m: usize, stream: u64) -> Sample {
    let n = glm.design.rows();
    let plain = runs(m, n, stream);
    let Some(sides) = sides.filter(|_| m < n) else { return shared(glm, plain, None) };
    let wanted = (m / 4).clamp(1, sides.rare.len());
    let picked = (0..wanted).map(|k| {
        let (from, to) = (k * sides.rare.len() / wanted, (k + 1) * sides.rare.len() / wanted);
        let at = from + (noise(stream + 1000, k as u64) % (to - from).max(1) as u64) as usize;
        sides.rare[at] as usize
    });
    let common = plain.into_iter().flatten().filter(|&i| !sides.holds(glm, i));
    let mut all: Vec<usize> = common.chain(picked).collect();
    all.sort_unstable();
    all.dedup();
    shared(glm, joined(all.into_iter()), Some(sides))
}

/// Single rows as runs.
pub fn joined(rows: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for i in rows {
        match runs.last_mut() {
            Some(r) if r.end == i => r.end += 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// Shares in proportion to the weights, so that each side keeps its part of the whole.
fn shared(glm: &Glm<'_>, runs: Vec<Range<usize>>, sides: Option<&Sides>) -> Sample {
    let weight = |i: usize| glm.weight.map_or(1.0, |w| w[i]);
    let rare = |i: usize| sides.is_some_and(|s| s.holds(glm, i));
    let mut sampled = [0.0; 2];
    runs.iter().cloned().flatten().for_each(|i| sampled[usize::from(rare(i))] += weight(i));
    let of_rare: f64 =
        sides.map_or(0.0, |s| s.rare.iter().map(|&i| weight(i as usize)).sum::<f64>());
    let mut part = [(glm.total() - of_rare) / glm.total(), of_rare / glm.total()];
    for side in 0..2 {
        // A side of which no row with a weight was met counts for nothing here.
        part[side] = if sampled[side] > 0.0 { part[side] / sampled[side] } else { 0.0 };
    }
    let share = runs.iter().cloned().flatten().map(|i| weight(i) * part[usize::from(rare(i))]);
    Sample { share: share.collect(), runs }
}
