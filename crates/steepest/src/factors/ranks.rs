//! Clicks set above what was not clicked, the top of the list counting most: others are drawn until one stands too high.
use super::MatrixShape;
use super::cells::Cells;
use super::other::{Other, scores};
use crate::numbers::random::Random;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::parallel::pool::pool;
use crate::refusal::Refusal;
use crate::state::State;
use crate::status::Halt;

/// What others are drawn for: a stream of random numbers.
const DRAWN: u32 = 3;
/// Clicks of a task, and those whose slopes are summed at once.
const TASK: usize = 256;
const STRETCH: usize = 1 << 16;
/// Others that are scored together: at first few, of which one mostly stands too high.
const FIRST: usize = 2;
const TOGETHER: usize = 16;

/// The weighted approximate rank loss, WARP: the mean over clicks of L(r) · max(0, 1 − s_ui + s_uj), where the user u has
/// clicked i, and j is the first of those that u has not, drawn at random, that stands no more than 1 below. It took N
/// draws: some r = ⌊others / N⌋ stand there, at least one, which counts as L(r) = Σ_{k ≤ r} 1 / k. With the score
/// s_ui = c_i + p_u′q_i.
///
/// Each answer about named terms (a term is a click) draws anew, by the seed and how many such answers there were; all
/// terms together are asked with the same draws each time, so that values can be compared. Slopes take r as it is: they
/// are those of a mean whose ranks stay. Its variables are the users' factors, the items', and the items' biases.
///
/// Weston, Bengio and Usunier 2011, <https://www.ijcai.org/Proceedings/11/Papers/460.pdf>.
pub struct SampledRanks {
    shape: MatrixShape,
    /// Draws for a click at most; where none stands too high it counts nothing.
    most: usize,
    seed: u64,
    /// Where each user's clicks begin, of those who have not clicked everything; ascending, once each.
    starts: Vec<usize>,
    own: Vec<u32>,
    /// Whose each click is.
    user: Vec<u32>,
    /// L of each rank.
    weights: Vec<f64>,
    fixed: bool,
    /// Answers about named terms so far.
    turn: u64,
}

crate::state!(SampledRanks { turn } but shape, most, seed, starts, own, user, weights, fixed);

/// A click and another that stands too high: L(r), and how much too high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Above {
    /// Who clicked.
    pub user: usize,
    /// What.
    pub own: usize,
    /// The other.
    pub other: usize,
    /// L(r).
    pub weight: f64,
    /// 1 − s_ui + s_uj.
    pub by: f64,
}

impl SampledRanks {
    /// Clicks by user and item, a pair that is there twice counting once; `most` others are drawn for each at most. Where
    /// the items are `fixed` only users have slopes. `shape.biases` is of the items; it has no centre and no background.
    pub fn new(
        shape: MatrixShape,
        clicks: [&[u32]; 2],
        most: usize,
        seed: u64,
        fixed: bool,
    ) -> Result<Self, Refusal> {
        let refused = |why: &str| Err(Refusal::of("factors", why));
        let MatrixShape { users, items, rank, .. } = shape;
        if rank == 0 || users == 0 || items == 0 || most == 0 {
            return refused("rank, users, items and draws must be at least 1");
        }
        let ones = vec![1.0; clicks[0].len()];
        let cells = Cells::new(clicks, [users, items], &ones, None)?;
        let (mut starts, mut own, mut user) = (vec![0], Vec::with_capacity(cells.len()), vec![]);
        for u in 0..users {
            let mut row = cells.row(u).other.to_vec();
            row.dedup();
            // Nothing stands above the clicks of who has every item.
            if row.len() < items {
                own.append(&mut row);
            }
            user.resize(own.len(), u as u32);
            starts.push(own.len());
        }
        if own.is_empty() {
            return refused("every user has clicked every item: there is nothing to rank");
        }
        let mut sum = 0.0;
        let weights = (0..=items).map(|r| {
            sum += if r > 0 { 1.0 / r as f64 } else { 0.0 };
            sum
        });
        let weights = weights.collect();
        Ok(SampledRanks { shape, most, seed, starts, own, user, weights, fixed, turn: 0 })
    }
    /// How many clicks count.
    pub fn terms(&self) -> usize {
        self.own.len()
    }
    /// Where the items' factors and their biases begin.
    fn places(&self) -> [usize; 2] {
        let MatrixShape { users, items, rank, .. } = self.shape;
        [users * rank, (users + items) * rank]
    }
    fn seen(&self, x: &[f64]) -> Other {
        let [items, biases] = self.places();
        let own = if self.shape.biases { &x[biases..] } else { &[] };
        Other::new(&x[items..biases], own, self.shape)
    }
    /// The first other that stands too high, of those drawn for a click at a turn; none where none does.
    pub fn above(&self, term: usize, turn: u64, x: &[f64]) -> Option<Above> {
        let mut found = Vec::with_capacity(1);
        self.drawn(&[term as u32], turn, x, &self.seen(x), &mut found);
        found.pop()
    }
    fn drawn(&self, terms: &[u32], turn: u64, x: &[f64], other: &Other, to: &mut Vec<Above>) {
        let rank = self.shape.rank;
        let mut p = vec![0.0; other.width];
        let (mut named, mut score) = ([0u32; TOGETHER], [0.0; TOGETHER]);
        for &term in terms {
            let (user, own) = (self.user[term as usize] as usize, self.own[term as usize]);
            let clicked = &self.own[self.starts[user]..self.starts[user + 1]];
            let others = self.shape.items - clicked.len();
            p[..rank].copy_from_slice(&x[user * rank..][..rank]);
            let mut high = [0.0];
            scores(&other.factors, other.width, &[own], &p, &other.added, 0.0, &mut high);
            let mut random = Random::new(self.seed, DRAWN, turn as u32, term);
            let (mut before, mut count) = (0, FIRST);
            let first = loop {
                count = count.min(self.most - before);
                if count == 0 {
                    break None;
                }
                for to in &mut named[..count] {
                    let place = random.below(others as u32);
                    *to = missing(clicked, place);
                }
                let (named, score) = (&named[..count], &mut score[..count]);
                scores(&other.factors, other.width, named, &p, &other.added, 0.0, score);
                if let Some(k) = score.iter().position(|s| 1.0 + s > high[0]) {
                    break Some((before + k + 1, named[k] as usize, 1.0 + score[k] - high[0]));
                }
                before += count;
                count = (2 * count).min(TOGETHER);
            };
            if let Some((draws, other, by)) = first {
                let weight = self.weights[(others / draws).max(1)];
                to.push(Above { user, own: own as usize, other, weight, by });
            }
        }
    }
    /// The mean over some clicks, and its slopes where they are to be written.
    fn mean(
        &self,
        terms: &[u32],
        turn: u64,
        x: &[f64],
        gradient: Option<&mut [f64]>,
        work: &mut Work<'_>,
    ) -> Result<f64, Halt> {
        let other = self.seen(x);
        let scale = 1.0 / terms.len().max(1) as f64;
        let mut gradient = gradient;
        let mut sum = 0.0;
        if let Some(g) = gradient.as_deref_mut() {
            g.fill(0.0);
        }
        for stretch in terms.chunks(STRETCH) {
            let tasks: Vec<&[u32]> = stretch.chunks(TASK).collect();
            let found = pool().map(tasks.len(), |k| {
                let mut found = Vec::with_capacity(TASK);
                self.drawn(tasks[k], turn, x, &other, &mut found);
                found
            });
            // In their order, whoever found them.
            for one in found.iter().flatten() {
                sum += one.weight * one.by;
                if let Some(g) = gradient.as_deref_mut() {
                    self.push(one, scale * one.weight, x, g);
                }
            }
            (work.pause)()?;
        }
        Ok(scale * sum)
    }
    /// Adds the slopes of a click and what stands above it.
    fn push(&self, one: &Above, by: f64, x: &[f64], g: &mut [f64]) {
        let rank = self.shape.rank;
        let [items, biases] = self.places();
        let [p, a, b] = [one.user * rank, items + one.own * rank, items + one.other * rank];
        for f in 0..rank {
            g[p + f] += by * (x[b + f] - x[a + f]);
        }
        if self.fixed {
            return;
        }
        for f in 0..rank {
            g[a + f] -= by * x[p + f];
            g[b + f] += by * x[p + f];
        }
        if self.shape.biases {
            g[biases + one.own] -= by;
            g[biases + one.other] += by;
        }
    }
}

/// The item at a place among those that are not in the list, which is ascending.
fn missing(list: &[u32], place: u32) -> u32 {
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = (low + high) / 2;
        // As many of those before it are missing.
        if list[middle] - middle as u32 <= place { low = middle + 1 } else { high = middle }
    }
    place + low as u32
}

impl Objective for SampledRanks {
    fn offers(&self) -> Offers {
        let dim = self.places()[1] + if self.shape.biases { self.shape.items } else { 0 };
        // Its slopes are not those of its values: nothing is to be told from how the two differ.
        Offers { terms: self.terms(), reads: 1.0, scalable: false, ..Offers::gradients(dim) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let sorted = Sorted::of(asks);
        if sorted.value.is_some() || sorted.gradient.is_some() {
            let value = match rows {
                Rows::Terms(named) => {
                    self.turn += 1;
                    self.mean(named, self.turn, x, sorted.gradient, work)?
                }
                _ => {
                    rows.all()?;
                    let all: Vec<u32> = (0..self.terms() as u32).collect();
                    self.mean(&all, 0, x, sorted.gradient, work)?
                }
            };
            if let Some(to) = sorted.value {
                *to = value;
            }
        }
        sorted.others.into_iter().try_for_each(Ask::unknown)
    }
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        let MatrixShape { users, items, rank, biases, .. } = self.shape;
        let mut all = vec![vec![users, rank], vec![items, rank]];
        all.extend(biases.then_some(vec![items]));
        all
    }
}
