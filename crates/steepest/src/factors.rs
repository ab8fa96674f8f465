//! Factors of a matrix of which some entries are known, or all of them once they are counted together.
use crate::linalg::vectors::padded;
use crate::loss::Block;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::parallel::pool::pool;
use crate::penalty::{Penalty, Piece};
use crate::refusal::Refusal;
use crate::status::Halt;
use cells::Cells;
use normal::Normal;
use other::Other;
use std::ops::Range;

mod cells;
pub mod features;
mod few;
mod lead;
mod normal;
mod other;
pub mod pairs;
pub mod ranks;
pub mod top;

/// How the entries are explained, beside the factors themselves.
#[derive(Clone, Copy, Debug)]
pub struct MatrixShape {
    /// Users (rows of the matrix).
    pub users: usize,
    /// Items (its columns).
    pub items: usize,
    /// Factors of each.
    pub rank: usize,
    /// Whether each has a bias too.
    pub biases: bool,
    /// What is added to every score.
    pub centre: f64,
    /// The weight of each entry that is not known, which counts as 0; 0 where those are left out.
    pub background: f64,
}

/// The mean loss of a matrix of factors over the entries that are known, Σ weight · loss(target, s) / Σ weight with the
/// score s = centre + b_u + c_i + p_u′q_i; with a background weight w₀ over all entries, Σ over the known ones and
/// w₀ Σ ½ s² over the others, divided by all weights.
///
/// Its variables are the users' factors and biases and then the items', two blocks of which each is a convex problem, one
/// small system a row, while the other stays. With a background no pair that is not known is looked at: w₀ Σ p_u′QʹQ p_u
/// stands for all (Hu, Koren and Volinsky 2008, <https://doi.org/10.1109/ICDM.2008.22>).
pub struct Factors {
    shape: MatrixShape,
    loss: Box<dyn Block>,
    /// By user, and by item.
    sides: [Cells; 2],
    total: f64,
}

/// Where a side's factors and biases lie among the variables.
#[derive(Clone, Copy)]
struct SideAt {
    rows: usize,
    from: usize,
    rank: usize,
    biases: bool,
}

impl SideAt {
    fn factors(&self) -> Range<usize> {
        self.from..self.from + self.rows * self.rank
    }
    fn biases(&self) -> Range<usize> {
        let from = self.factors().end;
        from..from + if self.biases { self.rows } else { 0 }
    }
    /// The variables of a row: its factors, and its bias last.
    fn of(&self, row: usize) -> impl Iterator<Item = usize> {
        let from = self.from + row * self.rank;
        let bias = self.biases().start + row;
        (from..from + self.rank).chain(self.biases.then_some(bias))
    }
}

impl Factors {
    /// Cells that are known: user, item, target, and a weight each unless all weigh 1.
    pub fn new(
        shape: MatrixShape,
        loss: Box<dyn Block>,
        [users, items]: [&[u32]; 2],
        target: &[f64],
        weight: Option<&[f64]>,
    ) -> Result<Self, Refusal> {
        let refused = |why: &str| Err(Refusal::of("factors", why));
        if shape.rank == 0 || shape.users == 0 || shape.items == 0 {
            return refused("rank, users and items must be at least 1");
        }
        if loss.outputs() != 1 || !loss.convex() {
            return refused("the loss must be a convex one of one number");
        }
        if loss.straight() {
            return refused(
                "the loss must have a slope everywhere: huber or squared_epsilon_insensitive, of classes logistic or squared_hinge",
            );
        }
        if shape.background > 0.0 && (!loss.quadratic() || shape.biases || shape.centre != 0.0) {
            return refused("entries that are not known have a squared loss, and no biases");
        }
        let by_user = Cells::new([users, items], [shape.users, shape.items], target, weight)?;
        let by_item = by_user.turned(shape.items);
        let known = by_user.total();
        let pairs = shape.users as f64 * shape.items as f64;
        let total = known + shape.background * (pairs - target.len() as f64);
        if !(total > 0.0 && total.is_finite()) {
            return refused("the weights must have a positive and finite sum");
        }
        Ok(Factors { shape, loss, sides: [by_user, by_item], total })
    }
    /// The sum of all weights, by which losses are divided.
    pub fn total(&self) -> f64 {
        self.total
    }
    /// How many entries are of a pair that another one before is of too.
    pub fn repeated(&self) -> usize {
        let rows = (0..self.shape.users).map(|i| self.sides[0].row(i).other);
        rows.map(|row| row.windows(2).filter(|pair| pair[0] == pair[1]).count()).sum()
    }
    fn place(&self, side: usize) -> SideAt {
        let MatrixShape { users, items, rank, biases, .. } = self.shape;
        let first = users * (rank + usize::from(biases));
        let (rows, from) = if side == 0 { (users, 0) } else { (items, first) };
        SideAt { rows, from, rank, biases }
    }
    /// What the other side's rows see of a side.
    fn seen(&self, side: usize, x: &[f64]) -> Other {
        let place = self.place(side);
        let biases = &x[place.biases()];
        Other::new(&x[place.factors()], biases, self.shape)
    }
    /// The rows of a side, in parts by the data alone; what `each` makes of them, in order.
    fn over<T: Send>(&self, side: usize, each: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
        let parts = self.sides[side].parts();
        pool().map(parts.len(), |p| each(parts[p].clone()))
    }
    /// Σ over all pairs of ½ w₀ s², less what the known ones have of it.
    fn background(&self, x: &[f64]) -> f64 {
        let w = padded(self.shape.rank);
        let [p, q] = [0, 1].map(|side| self.seen(side, x).gram());
        let trace: f64 = (0..w * w).map(|j| p[j] * q[j]).sum();
        0.5 * self.shape.background * trace
    }
    /// Σ weight · loss over all entries, by the items: the order in which they are always summed.
    fn mean(&self, x: &[f64]) -> f64 {
        let other = self.seen(0, x);
        let sums = self.over(1, |rows| {
            let mut row = Normal::new(self.shape.rank, self.shape.biases);
            rows.map(|i| {
                row.stand(self.place(1).of(i).map(|j| x[j]));
                row.value(self.sides[1].row(i), &other, &*self.loss)
            })
            .sum::<f64>()
        });
        self.whole(sums.into_iter().sum(), x)
    }
    /// The value from the sum over known entries.
    fn whole(&self, known: f64, x: &[f64]) -> f64 {
        let rest = if self.shape.background > 0.0 { self.background(x) } else { 0.0 };
        (known + rest) / self.total
    }
    /// The gradient in a side's variables.
    fn slopes(&self, side: usize, x: &[f64], to: &mut [f64]) {
        let (other, place) = (self.seen(1 - side, x), self.place(side));
        let gram = (self.shape.background > 0.0).then(|| other.gram());
        let parts = self.over(side, |rows| {
            let mut row = Normal::new(self.shape.rank, self.shape.biases);
            let mut slopes = Vec::new();
            for i in rows {
                row.stand(place.of(i).map(|j| x[j]));
                row.slope(self.sides[side].row(i), &other, &*self.loss, gram.as_deref());
                slopes.extend_from_slice(row.out());
            }
            slopes
        });
        self.spread(side, parts, |j, slope| to[j] = slope / self.total);
    }
    /// What rows made, a number for each of their variables, in order.
    fn spread(&self, side: usize, parts: Vec<Vec<f64>>, mut each: impl FnMut(usize, f64)) {
        let place = self.place(side);
        let mut made = parts.into_iter().flatten();
        for i in 0..place.rows {
            place.of(i).zip(&mut made).for_each(|(j, v)| each(j, v));
        }
    }
    /// Each row of a side where it is least, the other side staying as it is.
    fn least(
        &self,
        side: usize,
        x: &[f64],
        penalty: &dyn Penalty,
        to: &mut [f64],
    ) -> Result<(), Halt> {
        let (other, place) = (self.seen(1 - side, x), self.place(side));
        let squares =
            |p: Piece| p.l1 == 0.0 && p.low == f64::NEG_INFINITY && p.high == f64::INFINITY;
        let all = place.from..place.biases().end;
        if !self.loss.quadratic() && !all.into_iter().all(|j| squares(penalty.piece(j))) {
            let why = "a loss that is not squared takes penalties that are squares, without bounds";
            return Err(Halt::Failed(Box::new(Refusal::of("penalty", why))));
        }
        let gram = (self.shape.background > 0.0).then(|| other.gram());
        let parts = self.over(side, |rows| {
            let mut row = Normal::new(self.shape.rank, self.shape.biases);
            let mut found = Vec::new();
            for i in rows {
                row.stand(place.of(i).map(|j| x[j]));
                row.added(place.of(i).map(|j| penalty.piece(j)), self.total);
                row.least(self.sides[side].row(i), &other, &*self.loss, gram.as_deref());
                found.extend_from_slice(row.out());
            }
            found
        });
        self.spread(side, parts, |j, v| to[j] = v);
        Ok(())
    }
    /// Value and gradient over some entries, counted by user: their mean, as far as each weighs.
    fn terms(&self, named: &[u32], x: &[f64], mut gradient: Option<&mut [f64]>) -> f64 {
        let (place, n) = (self.place(0), self.sides[0].len() as f64);
        let rank = self.shape.rank;
        let (mut value, mut slope) = ([0.0], [0.0]);
        let mut sum = 0.0;
        if let Some(g) = gradient.as_deref_mut() {
            g.fill(0.0);
        }
        let scale = n / (self.total * named.len().max(1) as f64);
        for &t in named {
            let (u, i, target, weight) = self.sides[0].one(t as usize);
            let other = self.place(1);
            let [p, q] = [place.from + u * rank, other.from + i * rank];
            let mut s = self.shape.centre;
            s += (0..rank).map(|f| x[p + f] * x[q + f]).sum::<f64>();
            if self.shape.biases {
                s += x[place.biases().start + u] + x[other.biases().start + i];
            }
            slope[0] = s;
            self.loss.slopes(&[target], &mut slope, &mut value);
            sum += weight * value[0];
            let Some(g) = gradient.as_deref_mut() else { continue };
            let by = scale * weight * slope[0];
            for f in 0..rank {
                g[p + f] += by * x[q + f];
                g[q + f] += by * x[p + f];
            }
            if self.shape.biases {
                g[place.biases().start + u] += by;
                g[other.biases().start + i] += by;
            }
        }
        scale * sum
    }
}

impl Objective for Factors {
    fn offers(&self) -> Offers {
        let dim = self.place(1).biases().end;
        let terms = if self.shape.background > 0.0 { 0 } else { self.sides[0].len() };
        Offers { terms, reads: 1.0, ..Offers::gradients(dim) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let mut sorted = Sorted::of(asks);
        if let Rows::Terms(named) = rows
            && self.shape.background == 0.0
        {
            let value = self.terms(named, x, sorted.gradient);
            if let Some(to) = sorted.value {
                *to = value;
            }
            return sorted.others.into_iter().try_for_each(Ask::unknown);
        }
        rows.all()?;
        if let Some(to) = sorted.value.as_deref_mut() {
            *to = self.mean(x);
        }
        if let Some(to) = sorted.gradient {
            [0, 1].iter().for_each(|&side| self.slopes(side, x, to));
        }
        for ask in sorted.others {
            match ask {
                Ask::Least { block, penalty, to } => self.least(*block, x, *penalty, to)?,
                other => other.unknown()?,
            }
        }
        Ok(())
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        for side in [0, 1].map(|side| self.place(side)) {
            all.push(vec![side.rows, side.rank]);
            all.extend(side.biases.then_some(vec![side.rows]));
        }
        all
    }
    fn blocks(&self) -> Vec<Range<usize>> {
        [0, 1].map(|side| self.place(side)).map(|p| p.from..p.biases().end).to_vec()
    }
}
