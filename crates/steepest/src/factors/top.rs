//! The highest scores of each of many rows, without all scores at once.
use crate::linalg::vectors::LANES;
use crate::parallel::pool::pool;

/// Rows that read the other side together, and columns that are scored before any is looked at.
const TOGETHER: usize = 4;
const COLUMNS: usize = 64;
/// Rows of a task.
const ROWS: usize = 128;

/// What is left out of each row: where each row's begin, and which.
#[derive(Clone, Copy)]
pub struct LeftOut<'a> {
    /// A number a row, and one more.
    pub starts: &'a [i64],
    /// Columns.
    pub columns: &'a [u32],
}

/// Columns and scores, the highest first, `n` for each row; what there is none of is [`NONE`] and NaN. Of equal scores the
/// first column stands first.
pub struct Top {
    /// Columns.
    pub columns: Vec<u32>,
    /// Their scores.
    pub scores: Vec<f64>,
}

/// No column.
pub const NONE: u32 = u32::MAX;

crate::simd! {
    /// Scores of four rows and the columns of some tiles.
    fn scored[](rows: &[&[f64]; TOGETHER], tiles: &[f64], rank: usize, added: &[f64], to: &mut [[f64; COLUMNS]; TOGETHER]) {
        for (t, tile) in tiles.chunks_exact(rank * LANES).enumerate() {
            let mut sum = [[0.0; LANES]; TOGETHER];
            for (f, q) in tile.as_chunks::<LANES>().0.iter().enumerate() {
                for r in 0..TOGETHER {
                    let p = rows[r][f];
                    for l in 0..LANES { sum[r][l] += p * q[l] }
                }
            }
            for r in 0..TOGETHER {
                for l in 0..LANES { to[r][t * LANES + l] = sum[r][l] + added[t * LANES + l] }
            }
        }
    }
}
crate::simd! {
    /// Whether any of eight numbers is above a level.
    fn any_above[](scores: &[f64; LANES], level: f64) -> bool {
        let mut above = 0u64;
        for l in 0..LANES { above |= u64::from(scores[l] > level) }
        above != 0
    }
}

/// The best so far of one row, the highest first.
struct Highest<'a> {
    columns: &'a mut [u32],
    scores: &'a mut [f64],
    found: usize,
    level: f64,
}

impl Highest<'_> {
    fn offer(&mut self, column: u32, score: f64) {
        let at = self.scores[..self.found].partition_point(|s| *s >= score);
        let n = self.scores.len();
        self.found = (self.found + 1).min(n);
        self.scores[at..self.found].rotate_right(1);
        self.columns[at..self.found].rotate_right(1);
        (self.scores[at], self.columns[at]) = (score, column);
        if self.found == n {
            self.level = self.scores[n - 1];
        }
    }
}

/// The `n` highest of added_i + p_u′q_i for each row of `p`, rows of `rank` numbers.
pub fn top(
    p: &[f64],
    q: &[f64],
    added: &[f64],
    rank: usize,
    n: usize,
    out: Option<LeftOut<'_>>,
) -> Top {
    let (rows, items) = (p.len() / rank, added.len());
    let wide = items.next_multiple_of(LANES);
    // Eight columns side by side; those that fill up the last eight are never the highest.
    let mut tiles = vec![0.0; wide * rank];
    for i in 0..items {
        for f in 0..rank {
            tiles[(i / LANES * rank + f) * LANES + i % LANES] = q[i * rank + f];
        }
    }
    let mut base = added.to_vec();
    base.resize(wide, f64::NAN);
    let parts = pool().map(rows.div_ceil(ROWS), |part| {
        let named = part * ROWS..((part + 1) * ROWS).min(rows);
        let mut columns = vec![NONE; named.len() * n];
        let mut scores = vec![f64::NAN; named.len() * n];
        let mut seen = vec![vec![false; wide]; TOGETHER];
        let mut to = [[0.0; COLUMNS]; TOGETHER];
        for from in named.clone().step_by(TOGETHER) {
            let these = from..(from + TOGETHER).min(named.end);
            let left = |u: usize| {
                out.map_or(&[][..], |o| &o.columns[o.starts[u] as usize..o.starts[u + 1] as usize])
            };
            for u in these.clone() {
                left(u).iter().for_each(|&i| seen[u - from][i as usize] = true);
            }
            let four: [&[f64]; TOGETHER] = std::array::from_fn(|r| {
                let u = (from + r).min(these.end - 1);
                &p[u * rank..][..rank]
            });
            let at = (from - named.start) * n;
            let mut best: Vec<Highest<'_>> = columns[at..]
                .chunks_mut(n)
                .zip(scores[at..].chunks_mut(n))
                .take(these.len())
                .map(|(columns, scores)| Highest {
                    columns,
                    scores,
                    found: 0,
                    level: f64::NEG_INFINITY,
                })
                .collect();
            for first in (0..wide).step_by(COLUMNS) {
                let end = (first + COLUMNS).min(wide);
                scored(&four, &tiles[first * rank..end * rank], rank, &base[first..end], &mut to);
                for (r, best) in best.iter_mut().enumerate() {
                    for (t, eight) in to[r][..end - first].as_chunks::<LANES>().0.iter().enumerate()
                    {
                        if !any_above(eight, best.level) {
                            continue;
                        }
                        for (l, &score) in eight.iter().enumerate() {
                            let i = first + t * LANES + l;
                            if score > best.level && !seen[r][i] {
                                best.offer(i as u32, score);
                            }
                        }
                    }
                }
            }
            for u in these.clone() {
                left(u).iter().for_each(|&i| seen[u - from][i as usize] = false);
            }
        }
        (columns, scores)
    });
    let mut all =
        Top { columns: Vec::with_capacity(rows * n), scores: Vec::with_capacity(rows * n) };
    for (columns, scores) in parts {
        all.columns.extend(columns);
        all.scores.extend(scores);
    }
    all
}
