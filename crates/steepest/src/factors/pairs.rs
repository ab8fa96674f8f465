//! Clicks set above what was not clicked: pairs of items of one user, drawn once.
use super::MatrixShape;
use super::cells::Cells;
use super::other::{Other, combined, scores};
use crate::linalg::vectors::LANES;
use crate::loss::Block;
use crate::numbers::random::Random;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::parallel::pool::pool;
use crate::refusal::Refusal;
use crate::status::Halt;
use std::ops::Range;

/// What the pairs are drawn for: a stream of random numbers.
const DRAWN: u32 = 2;
/// Tasks at most, each of which sums slopes of all items; pairs of one, about; and numbers of all these sums at most.
const PARTS: usize = 16;
const PART: usize = 1 << 15;
const SUMS: usize = 1 << 23;

/// The mean over pairs of loss(1, s_ui − s_uj) with the score s_ui = c_i + p_u′q_i, where the user u has clicked i and not j:
/// with the logistic loss Bayesian personalised ranking (Rendle, Freudenthaler, Gantner and Schmidt-Thieme 2009,
/// <https://arxiv.org/abs/1205.2618>).
///
/// Each click is set against as many others, each as likely among those that its user has not clicked, drawn once by the
/// seed: a function of the variables like any other, whose terms are the pairs. Its variables are the users' factors, the
/// items', and the items' biases; users need none, it would cancel.
pub struct RankedPairs {
    shape: MatrixShape,
    loss: Box<dyn Block>,
    each: usize,
    /// Where each user's clicks begin, of those who have not clicked everything.
    starts: Vec<usize>,
    /// Each user's clicks, and then what they are set against, `each` for every click.
    items: Vec<u32>,
    parts: Vec<Range<usize>>,
    fixed: bool,
}

/// What a task has summed: losses, and the slopes of its users, of all items and of their biases.
struct PairSums {
    value: f64,
    users: Vec<f64>,
    items: Vec<f64>,
    biases: Vec<f64>,
}

crate::simd! {
    /// q_i ← q_i + slope p for each entry.
    fn scattered[](p: &[f64], w: usize, named: &[u32], slope: &[f64], to: &mut [f64]) {
        for (&i, &s) in named.iter().zip(slope) {
            let row = &mut to[i as usize * w..][..w];
            for (to, p) in row.as_chunks_mut::<LANES>().0.iter_mut().zip(p.as_chunks::<LANES>().0) {
                for l in 0..LANES { to[l] += s * p[l] }
            }
        }
    }
}

impl RankedPairs {
    /// Clicks by user and item; `each` is how many others every one is set against. Where the items are `fixed` only users
    /// have slopes. `shape.biases` is of the items; it has no centre and no background.
    pub fn new(
        shape: MatrixShape,
        loss: Box<dyn Block>,
        clicks: [&[u32]; 2],
        each: usize,
        seed: u64,
        fixed: bool,
    ) -> Result<Self, Refusal> {
        let refused = |why: &str| Err(Refusal::of("factors", why));
        let MatrixShape { users, items, rank, .. } = shape;
        if rank == 0 || users == 0 || items == 0 || each == 0 {
            return refused("rank, users, items and pairs must be at least 1");
        }
        if loss.outputs() != 1 || loss.refuses(1.0).is_some() {
            return refused("the loss must be one of two classes");
        }
        let ones = vec![1.0; clicks[0].len()];
        let cells = Cells::new(clicks, [users, items], &ones, None)?;
        if u32::try_from(cells.len().saturating_mul(each)).is_err() {
            return refused("more than 4 294 967 295 pairs");
        }
        let (mut starts, mut all) = (vec![0], Vec::with_capacity(cells.len() * (1 + each)));
        let mut seen = vec![false; items];
        let mut others = Vec::new();
        for user in 0..users {
            let own = cells.row(user).other;
            own.iter().for_each(|&i| seen[i as usize] = true);
            let known = own.windows(2).filter(|two| two[0] != two[1]).count() + own.len().min(1);
            let last = starts[user];
            if known == items {
                starts.push(last);
            } else {
                starts.push(last + own.len());
                all.extend_from_slice(own);
                let mut random = Random::new(seed, DRAWN, 0, user as u32);
                // Where most are clicked, what is not is listed: draws would seldom find it.
                others.clear();
                if 2 * known > items {
                    others.extend((0..items as u32).filter(|&i| !seen[i as usize]));
                }
                for _ in 0..own.len() * each {
                    all.push(if others.is_empty() {
                        loop {
                            let i = random.below(items as u32);
                            if !seen[i as usize] {
                                break i;
                            }
                        }
                    } else {
                        others[random.below(others.len() as u32) as usize]
                    });
                }
            }
            own.iter().for_each(|&i| seen[i as usize] = false);
        }
        if all.is_empty() {
            return refused("every user has clicked every item: there is nothing to rank");
        }
        let parts = parts(&starts, each, items * (rank + 1));
        Ok(RankedPairs { shape, loss, each, starts, items: all, parts, fixed })
    }
    /// How many pairs.
    pub fn terms(&self) -> usize {
        self.starts[self.shape.users] * self.each
    }
    /// The user, the item clicked and the other of a pair.
    pub fn pair(&self, term: usize) -> [usize; 3] {
        let (click, other) = (term / self.each, term % self.each);
        let user = self.starts.partition_point(|&start| start <= click) - 1;
        let (own, k) = (self.of(user), click - self.starts[user]);
        let count = self.starts[user + 1] - self.starts[user];
        [user, own[k] as usize, own[count + k * self.each + other] as usize]
    }
    /// A user's clicks, and then what they are set against.
    fn of(&self, user: usize) -> &[u32] {
        let wide = 1 + self.each;
        &self.items[self.starts[user] * wide..self.starts[user + 1] * wide]
    }
    /// Where the items' factors and their biases begin.
    fn places(&self) -> [usize; 2] {
        let MatrixShape { users, items, rank, .. } = self.shape;
        [users * rank, (users + items) * rank]
    }
    fn dim(&self) -> usize {
        self.places()[1] + if self.shape.biases { self.shape.items } else { 0 }
    }
    /// What some users have of the sum, and of its slopes where those are asked for.
    fn summed(&self, users: Range<usize>, x: &[f64], other: &Other, slopes: bool) -> PairSums {
        let MatrixShape { items, rank, biases, .. } = self.shape;
        let (w, each) = (other.width, self.each);
        let all = if slopes && !self.fixed { items } else { 0 };
        let mut sum = PairSums {
            value: 0.0,
            users: Vec::new(),
            items: vec![0.0; all * w],
            biases: vec![0.0; if biases { all } else { 0 }],
        };
        let (mut p, mut slope) = (vec![0.0; w], vec![0.0; w]);
        let (mut score, mut margin) = (Vec::new(), Vec::new());
        let (mut value, mut ones) = (Vec::new(), Vec::new());
        for user in users {
            let named = self.of(user);
            let count = self.starts[user + 1] - self.starts[user];
            p[..rank].copy_from_slice(&x[user * rank..][..rank]);
            score.resize(named.len(), 0.0);
            scores(&other.factors, w, named, &p, &other.added, 0.0, &mut score);
            margin.clear();
            let (own, others) = score.split_at(count);
            for (own, others) in own.iter().zip(others.chunks_exact(each)) {
                margin.extend(others.iter().map(|other| own - other));
            }
            value.resize(margin.len(), 0.0);
            ones.resize(margin.len(), 1.0);
            if !slopes {
                self.loss.values(&ones, &margin, &mut value);
                sum.value += value.iter().sum::<f64>();
                continue;
            }
            self.loss.slopes(&ones, &mut margin, &mut value);
            sum.value += value.iter().sum::<f64>();
            let (own, others) = score.split_at_mut(count);
            for (k, four) in margin.chunks_exact(each).enumerate() {
                own[k] = four.iter().sum();
                others[k * each..][..each].iter_mut().zip(four).for_each(|(to, s)| *to = -s);
            }
            slope.fill(0.0);
            combined(&other.factors, w, named, &score, &mut slope);
            sum.users.extend_from_slice(&slope[..rank]);
            if self.fixed {
                continue;
            }
            scattered(&p, w, named, &score, &mut sum.items);
            if biases {
                named.iter().zip(&score).for_each(|(&i, s)| sum.biases[i as usize] += s);
            }
        }
        sum
    }
    /// The mean, and its slopes where they are to be written.
    fn mean(&self, x: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let [items, biases] = self.places();
        let own = if self.shape.biases { &x[biases..] } else { &[] };
        let other = Other::new(&x[items..biases], own, self.shape);
        let slopes = gradient.is_some();
        let parts =
            pool().map(self.parts.len(), |k| self.summed(self.parts[k].clone(), x, &other, slopes));
        let scale = 1.0 / self.terms() as f64;
        if let Some(g) = gradient {
            g.fill(0.0);
            let (rank, w) = (self.shape.rank, other.width);
            let (users, rest) = g.split_at_mut(items);
            let (factors, added) = rest.split_at_mut(biases - items);
            users.iter_mut().zip(parts.iter().flat_map(|p| &p.users)).for_each(|(g, s)| *g = *s);
            for part in &parts {
                for (g, s) in factors.chunks_exact_mut(rank).zip(part.items.chunks_exact(w)) {
                    g.iter_mut().zip(s).for_each(|(g, s)| *g += s);
                }
                added.iter_mut().zip(&part.biases).for_each(|(g, s)| *g += s);
            }
            g.iter_mut().for_each(|g| *g *= scale);
        }
        scale * parts.iter().map(|part| part.value).sum::<f64>()
    }
    /// The mean over some pairs, and its slopes where they are to be written.
    fn some(&self, named: &[u32], x: &[f64], mut gradient: Option<&mut [f64]>) -> f64 {
        let rank = self.shape.rank;
        let [items, biases] = self.places();
        let (mut value, mut slope, mut sum) = ([0.0], [0.0], 0.0);
        if let Some(g) = gradient.as_deref_mut() {
            g.fill(0.0);
        }
        let scale = 1.0 / named.len().max(1) as f64;
        for &term in named {
            let [user, own, other] = self.pair(term as usize);
            let [p, a, b] = [user * rank, items + own * rank, items + other * rank];
            slope[0] = (0..rank).map(|f| x[p + f] * (x[a + f] - x[b + f])).sum();
            if self.shape.biases {
                slope[0] += x[biases + own] - x[biases + other];
            }
            self.loss.slopes(&[1.0], &mut slope, &mut value);
            sum += value[0];
            let Some(g) = gradient.as_deref_mut() else { continue };
            let by = scale * slope[0];
            for f in 0..rank {
                g[p + f] += by * (x[a + f] - x[b + f]);
                if !self.fixed {
                    g[a + f] += by * x[p + f];
                    g[b + f] -= by * x[p + f];
                }
            }
            if self.shape.biases && !self.fixed {
                g[biases + own] += by;
                g[biases + other] -= by;
            }
        }
        scale * sum
    }
}

/// Users for a task each, of about as many clicks: by the data alone.
fn parts(starts: &[usize], each: usize, sums: usize) -> Vec<Range<usize>> {
    let (users, clicks) = (starts.len() - 1, starts[starts.len() - 1]);
    let most = PARTS.min(clicks * each / PART).min(SUMS / sums).max(1);
    let (mut all, mut from) = (Vec::with_capacity(most), 0);
    for part in 1..=most {
        let end = starts.partition_point(|&start| start < clicks * part / most);
        let end = if part == most { users } else { end.clamp(from, users) };
        all.push(from..end);
        from = end;
    }
    all
}

impl Objective for RankedPairs {
    fn offers(&self) -> Offers {
        Offers { terms: self.terms(), reads: 1.0, ..Offers::gradients(self.dim()) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let sorted = Sorted::of(asks);
        if sorted.value.is_some() || sorted.gradient.is_some() {
            let value = match rows {
                Rows::Terms(named) => self.some(named, x, sorted.gradient),
                _ => {
                    rows.all()?;
                    self.mean(x, sorted.gradient)
                }
            };
            if let Some(to) = sorted.value {
                *to = value;
            }
        }
        sorted.others.into_iter().try_for_each(Ask::unknown)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        let MatrixShape { users, items, rank, biases, .. } = self.shape;
        let mut all = vec![vec![users, rank], vec![items, rank]];
        all.extend(biases.then_some(vec![items]));
        all
    }
}
