//! Factors of which a part is a linear map of what else is known of users and items.
use crate::linalg::strided::{MatMut, MatRef, gemm};
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::parallel::pool::pool;
use crate::refusal::Refusal;
use crate::status::Halt;
use std::ops::Range;

/// Rows of users or items of a task.
const TASK: usize = 1024;

/// An objective over factors p and biases b of users and items as one over what each has of its own and a map of its
/// features, p_u = e_u + W′f_u and b_u = d_u + w′f_u: on either side, or on both.
///
/// Its variables are e and d, as the objective within has p and b, and then W and w of the users and of the items, W row after
/// row, a row for each feature. The map is linear, so slopes come back by its transpose, those of named terms too. Features
/// are taken as they are: columns of one size make steps of one size.
pub struct WithFeatures {
    within: Box<dyn Objective>,
    maps: Vec<Map>,
    /// p and b, and the slopes there.
    inner: Vec<f64>,
    slopes: Vec<f64>,
}

/// The map of a side: where its factors and biases lie, and where W and w.
struct Map {
    features: Vec<f64>,
    columns: usize,
    rows: usize,
    rank: usize,
    factors: usize,
    biases: Option<usize>,
    from: usize,
}

impl Map {
    /// W, and w.
    fn weights(&self) -> [Range<usize>; 2] {
        let end = self.from + self.columns * self.rank;
        [self.from..end, end..end + if self.biases.is_some() { self.columns } else { 0 }]
    }
    /// What the map says, and where to: W with the factors, and w with the biases where there are any.
    fn parts(&self) -> impl Iterator<Item = (Range<usize>, usize, usize)> {
        let [factors, biases] = self.weights();
        let own = self.biases.map(|at| (biases, at, 1));
        [(factors, self.factors, self.rank)].into_iter().chain(own)
    }
    /// Some of the rows.
    fn some(&self, rows: Range<usize>) -> MatRef<'_, f64> {
        let k = self.columns;
        MatRef::of(&self.features[rows.start * k..], rows.len(), k, k)
    }
    /// The rows in parts, by their number alone.
    fn tasks(&self) -> impl Fn(usize) -> Range<usize> + Sync {
        let rows = self.rows;
        move |task| task * TASK..((task + 1) * TASK).min(rows)
    }
    /// Adds what the map says.
    fn add(&self, x: &[f64], to: &mut [f64]) {
        let tasks = self.tasks();
        for (weights, at, width) in self.parts() {
            let w = MatRef::of(&x[weights], self.columns, width, width);
            let found = pool().map(self.rows.div_ceil(TASK), |task| {
                let rows = tasks(task);
                let mut said = vec![0.0; rows.len() * width];
                let to = MatMut::of(&mut said, rows.len(), width, width);
                gemm(1.0, self.some(rows), w, 0.0, to);
                said
            });
            let to = &mut to[at..at + self.rows * width];
            to.iter_mut().zip(found.iter().flatten()).for_each(|(to, said)| *to += said);
        }
    }
    /// The slopes in W and w, from those in factors and biases.
    fn back(&self, slopes: &[f64], to: &mut [f64]) {
        let tasks = self.tasks();
        for (weights, at, width) in self.parts() {
            let found = pool().map(self.rows.div_ceil(TASK), |task| {
                let rows = tasks(task);
                let own = &slopes[at + rows.start * width..];
                let own = MatRef::of(own, rows.len(), width, width);
                let mut sum = vec![0.0; self.columns * width];
                let to = MatMut::of(&mut sum, self.columns, width, width);
                gemm(1.0, self.some(rows).transposed(), own, 0.0, to);
                sum
            });
            let to = &mut to[weights];
            to.fill(0.0);
            // In their order, whoever found them.
            for part in found {
                to.iter_mut().zip(part).for_each(|(to, sum)| *to += sum);
            }
        }
    }
}

impl WithFeatures {
    /// Around factors of users and items; the features of each side's rows, as many of each, row after row; none where the
    /// side has none.
    pub fn new(within: Box<dyn Objective>, features: [Option<&[f64]>; 2]) -> Result<Self, Refusal> {
        let refused = |why: &str| Err(Refusal::of("features", why));
        let dim = within.dim();
        let (mut from, mut at) = (dim, 0);
        let mut sides: Vec<Map> = Vec::new();
        for tensor in within.tensors() {
            match (&tensor[..], sides.last_mut()) {
                (&[rows, rank], _) => {
                    let (factors, features) = (at, Vec::new());
                    sides.push(Map {
                        features,
                        columns: 0,
                        rows,
                        rank,
                        factors,
                        biases: None,
                        from,
                    });
                }
                (&[rows], Some(side)) if side.rows == rows => side.biases = Some(at),
                _ => return refused("the objective must be one of factors and biases"),
            }
            at += tensor.iter().product::<usize>();
        }
        if sides.len() != 2 || at != dim {
            return refused("the objective must be one of users' factors and items'");
        }
        for (side, own) in sides.iter_mut().zip(features) {
            let Some(own) = own else { continue };
            if own.is_empty() || own.len() % side.rows != 0 {
                return refused("each user or item must have as many, at least one");
            }
            if !own.iter().all(|f| f.is_finite()) {
                return refused("they must be finite numbers");
            }
            side.features = own.to_vec();
            side.columns = own.len() / side.rows;
            side.from = from;
            from = side.weights()[1].end;
        }
        sides.retain(|side| side.columns > 0);
        Ok(WithFeatures { within, maps: sides, inner: vec![0.0; dim], slopes: vec![0.0; dim] })
    }
    /// Factors and biases as the objective within has them.
    pub fn inner(&self, x: &[f64]) -> Vec<f64> {
        let mut inner = x[..self.inner.len()].to_vec();
        self.maps.iter().for_each(|map| map.add(x, &mut inner));
        inner
    }
}

impl Objective for WithFeatures {
    fn offers(&self) -> Offers {
        let dim = self.maps.last().map_or(self.inner.len(), |map| map.weights()[1].end);
        let Offers { terms, values_are_cheap, differences, reads, scalable, .. } =
            self.within.offers();
        Offers { terms, values_are_cheap, differences, reads, scalable, ..Offers::gradients(dim) }
    }
    fn wrapped(&self) -> Option<&dyn Objective> {
        Some(&*self.within)
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        Some(&mut *self.within)
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() || gradient.is_some() {
            self.inner = self.inner(x);
            let mut there = Vec::with_capacity(2);
            there.extend(value.map(Ask::Value));
            there.extend(gradient.as_ref().map(|_| Ask::Gradient(&mut self.slopes)));
            self.within.answer(&self.inner, rows, &mut there, work)?;
        }
        if let Some(to) = gradient {
            to[..self.slopes.len()].copy_from_slice(&self.slopes);
            self.maps.iter().for_each(|map| map.back(&self.slopes, to));
        }
        others.into_iter().try_for_each(Ask::unknown)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        let mut all = self.within.tensors();
        for map in &self.maps {
            all.push(vec![map.columns, map.rank]);
            all.extend(map.biases.map(|_| vec![map.columns]));
        }
        all
    }
    /// None: what a row has of its own and what the map says of it stand for each other, and in turn they go nowhere.
    fn blocks(&self) -> Vec<Range<usize>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::{Factors, MatrixShape};
    use crate::loss::Each;
    use crate::losses::squared::Squared;
    use crate::objective::tests::keeps;

    #[test]
    fn what_is_around_factors_loses_nothing_of_them() {
        let shape =
            MatrixShape { users: 2, items: 2, rank: 1, biases: true, centre: 0.0, background: 0.0 };
        let (codes, loss) = ([&[0, 1, 1][..], &[0, 0, 1]], Box::new(Each(Squared::default())));
        let factors = Factors::new(shape, loss, codes, &[1.0, 2.0, 3.0], None).unwrap();
        keeps(&mut WithFeatures::new(Box::new(factors), [None, None]).unwrap());
    }
}
