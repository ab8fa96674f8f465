//! One row's problem while the other side stays: a small convex one, solved exactly.
use super::cells::RowCells;
use super::few::FewEntries;
use super::other::{Other, Summed, combined, scores, squares};
use crate::linalg::vectors::{LANES, padded};
use crate::loss::Block;
use crate::penalty::Piece;

/// Newton's steps for a loss that is not quadratic, and halvings of one, at most.
const STEPS: usize = 100;
const HALVINGS: usize = 40;
/// Rounds over the coordinates at most, where the penalty has a kink or a bound.
const ROUNDS: usize = 10_000;

crate::simd! {
    /// Eliminates the factors from all rows below, in rows of w + 8 numbers of which the last is the bias's. What is left of a
    /// pivot must be more than the rounding of what was taken from it: else nothing is known of that variable, and it stays.
    fn eliminate[](m: &mut [f64], w: usize, rank: usize, bias: bool, size: &[f64]) {
        let stride = w + LANES;
        for v in 0..rank + usize::from(bias) {
            let at = if v == rank { w } else { v };
            let (above, below) = m.split_at_mut((at + 1) * stride);
            let above = &mut above[at * stride..][..stride];
            if !(above[at] > 64.0 * f64::EPSILON * size[v]) {
                above.fill(0.0);
                above[at] = 1.0;
                continue;
            }
            let d = 1.0 / above[at];
            for i in (v + 1..rank).chain((bias && v < rank).then_some(w)) {
                let (f, first) = (above[i] * d, i / LANES);
                let row = below[(i - at - 1) * stride..][..stride].as_chunks_mut::<LANES>().0;
                let above = above.as_chunks::<LANES>().0;
                for (row, above) in row[first..].iter_mut().zip(&above[first..]) {
                    for l in 0..LANES { row[l] -= f * above[l] }
                }
            }
        }
    }
}

/// A row's problem, and room to solve it in.
pub(super) struct Normal {
    rank: usize,
    width: usize,
    biases: bool,
    /// Where the row stands: its factors, padded, and then its bias.
    x: Vec<f64>,
    /// The same without the padding: what comes of it.
    out: Vec<f64>,
    pieces: Vec<Piece>,
    /// The matrix, rows of w + 8 numbers of which the upper triangle counts: the factors', and in the last eight the bias's
    /// column and the right-hand side. The bias's own row is the last.
    m: Vec<f64>,
    weight: Vec<f64>,
    slope: Vec<f64>,
    margin: Vec<f64>,
    value: Vec<f64>,
    bend: Vec<f64>,
    few: FewEntries,
}

impl Normal {
    pub(super) fn new(rank: usize, biases: bool) -> Self {
        let width = padded(rank);
        Normal {
            rank,
            width,
            biases,
            x: vec![0.0; width + 1],
            out: vec![0.0; rank + usize::from(biases)],
            pieces: Vec::new(),
            m: vec![0.0; (width + 1) * (width + LANES)],
            weight: Vec::new(),
            slope: Vec::new(),
            margin: Vec::new(),
            value: Vec::new(),
            bend: Vec::new(),
            few: FewEntries::default(),
        }
    }
    /// The row's variables, its bias last.
    pub(super) fn stand(&mut self, at: impl Iterator<Item = f64>) {
        self.out.iter_mut().zip(at).for_each(|(to, x)| *to = x);
        self.x[..self.rank].copy_from_slice(&self.out[..self.rank]);
        self.x[self.width] = if self.biases { self.out[self.rank] } else { 0.0 };
    }
    /// What is added for each of its variables, in units of the sum of the losses.
    pub(super) fn added(&mut self, pieces: impl Iterator<Item = Piece>, total: f64) {
        self.pieces.clear();
        self.pieces.extend(pieces.map(|p| Piece { l1: total * p.l1, l2: total * p.l2, ..p }));
    }
    pub(super) fn out(&self) -> &[f64] {
        &self.out
    }
    /// Where variable `v` stands in `x` and in the matrix.
    fn at(&self, v: usize) -> usize {
        if v == self.rank { self.width } else { v }
    }
    fn scored(&mut self, row: RowCells<'_>, other: &Other) {
        self.margin.resize(row.other.len(), 0.0);
        let (x, base) = self.x.split_at(self.width);
        scores(&other.factors, self.width, row.other, x, &other.added, base[0], &mut self.margin);
    }
    /// Σ weight · loss here, less the background that is counted for all pairs.
    pub(super) fn value(&mut self, row: RowCells<'_>, other: &Other, loss: &dyn Block) -> f64 {
        self.scored(row, other);
        self.value.resize(row.other.len(), 0.0);
        loss.values(row.target, &self.margin, &mut self.value);
        let known: f64 = match row.weight {
            None => self.value.iter().sum(),
            Some(weight) => self.value.iter().zip(weight).map(|(v, w)| v * w).sum(),
        };
        if other.background == 0.0 {
            return known;
        }
        known - 0.5 * other.background * self.margin.iter().map(|s| s * s).sum::<f64>()
    }
    /// Σ weight · slope of each variable, left in `out`.
    pub(super) fn slope(
        &mut self,
        row: RowCells<'_>,
        other: &Other,
        loss: &dyn Block,
        gram: Option<&[f64]>,
    ) {
        self.scored(row, other);
        self.jets(row, other, loss);
        let w = self.width;
        self.m[..w].fill(0.0);
        combined(&other.factors, w, row.other, &self.slope, &mut self.m);
        for v in 0..self.rank {
            self.out[v] = self.m[v];
            if let Some(gram) = gram {
                let all: f64 = gram[v * w..][..w].iter().zip(&self.x).map(|(g, x)| g * x).sum();
                self.out[v] += other.background * all;
            }
        }
        if self.biases {
            self.out[self.rank] = self.slope.iter().sum();
        }
    }
    /// Slopes and curvatures of the entries at their scores, weighted, less the background.
    fn jets(&mut self, row: RowCells<'_>, other: &Other, loss: &dyn Block) {
        let n = row.other.len();
        for all in [&mut self.weight, &mut self.slope, &mut self.value, &mut self.bend] {
            all.resize(n, 0.0);
        }
        let Normal { margin, value, slope, bend, weight, .. } = self;
        if loss.quadratic() {
            // ½ (margin − target)².
            slope.iter_mut().zip(&*margin).zip(row.target).for_each(|((s, m), t)| *s = m - t);
            bend.fill(1.0);
        } else {
            loss.jets(row.target, margin, value, slope, bend);
        }
        let own = |j: usize| row.weight.map_or(1.0, |w| w[j]);
        for j in 0..n {
            slope[j] = own(j) * slope[j] - other.background * margin[j];
            weight[j] = own(j) * bend[j] - other.background;
        }
    }
    /// The row where its part of the objective is least, left in `out`.
    pub(super) fn least(
        &mut self,
        row: RowCells<'_>,
        other: &Other,
        loss: &dyn Block,
        gram: Option<&[f64]>,
    ) {
        let plain = self
            .pieces
            .iter()
            .all(|p| p.l1 == 0.0 && p.low == f64::NEG_INFINITY && p.high == f64::INFINITY);
        let few = plain && gram.is_none() && loss.quadratic();
        let few = few && FewEntries::suits(row, self.rank, &self.pieces);
        let done = few && self.few.least(row, other, &self.pieces, self.rank, &mut self.x);
        if !done && loss.quadratic() {
            // From 0, so that what is solved for is the row itself.
            let warm = if plain { Vec::new() } else { self.x.clone() };
            self.x.fill(0.0);
            self.margin.clear();
            self.margin.extend(row.other.iter().map(|&i| other.added[i as usize]));
            self.assemble(row, other, loss, gram);
            if plain {
                self.solve();
            } else {
                self.x = warm;
                self.rounds();
            }
        } else if !done {
            self.newton(row, other, loss, gram);
        }
        self.out[..self.rank].copy_from_slice(&self.x[..self.rank]);
        if self.biases {
            self.out[self.rank] = self.x[self.width];
        }
    }
    /// The second derivatives and, as right-hand side, what lies against the slopes; both with the quadratic part of
    /// what is added.
    fn assemble(
        &mut self,
        row: RowCells<'_>,
        other: &Other,
        loss: &dyn Block,
        gram: Option<&[f64]>,
    ) {
        self.jets(row, other, loss);
        let (w, stride) = (self.width, self.width + LANES);
        self.m.fill(0.0);
        self.slope.iter_mut().for_each(|s| *s = -*s);
        let entries = Summed { named: row.other, weight: &self.weight, slope: &self.slope };
        squares(&other.factors, w, entries, &mut self.m);
        if let Some(gram) = gram {
            for a in 0..w {
                let mut all = 0.0;
                for b in 0..w {
                    self.m[a * stride + b] += other.background * gram[a * w + b];
                    all += gram[a * w + b] * self.x[b];
                }
                self.m[a * stride + w + 1] -= other.background * all;
            }
        }
        if self.biases {
            self.m[w * stride + w] = self.weight.iter().sum();
            self.m[w * stride + w + 1] = self.slope.iter().sum();
        }
        for v in 0..self.out.len() {
            let (at, l2) = (self.at(v), self.pieces[v].l2);
            self.m[at * stride + at] += l2;
            self.m[at * stride + w + 1] -= l2 * self.x[at];
        }
    }
    /// x ← x + m⁻¹ of the right-hand side, by elimination. A variable of which nothing is known stays where it is.
    fn solve(&mut self) {
        let (w, stride, rank) = (self.width, self.width + LANES, self.rank);
        let count = self.out.len();
        let size: Vec<f64> = (0..count).map(|v| self.m[self.at(v) * (stride + 1)]).collect();
        eliminate(&mut self.m, w, rank, self.biases, &size);
        let bias =
            if self.biases { self.m[w * stride + w + 1] / self.m[w * stride + w] } else { 0.0 };
        let mut d = vec![0.0; rank];
        for v in (0..rank).rev() {
            let row = &self.m[v * stride..][..stride];
            let known: f64 = (v + 1..rank).map(|c| row[c] * d[c]).sum();
            d[v] = (row[w + 1] - row[w] * bias - known) / row[v];
        }
        self.x.iter_mut().zip(&d).for_each(|(x, d)| *x += d);
        self.x[w] += bias;
    }
    /// x where ½ x′m x − right′x and what is added are least, coordinate by coordinate.
    fn rounds(&mut self) {
        let (w, stride, count) = (self.width, self.width + LANES, self.out.len());
        let places: Vec<usize> = (0..count).map(|v| self.at(v)).collect();
        let mut full = vec![0.0; count * count];
        for (a, &p) in places.iter().enumerate() {
            for (b, &q) in places.iter().enumerate().skip(a) {
                full[a * count + b] = self.m[p * stride + q];
                full[b * count + a] = self.m[p * stride + q];
            }
        }
        let held = |p: &Piece, x: f64| x.max(p.low).min(p.high);
        let mut x: Vec<f64> =
            places.iter().zip(&self.pieces).map(|(&at, p)| held(p, self.x[at])).collect();
        let right: Vec<f64> = places.iter().map(|&at| self.m[at * stride + w + 1]).collect();
        for _ in 0..ROUNDS {
            let (mut moved, mut most) = (0.0f64, 0.0f64);
            for a in 0..count {
                let bend = full[a * count + a];
                if !(bend > 0.0) {
                    continue;
                }
                let row = &full[a * count..][..count];
                let pull: f64 = right[a] - row.iter().zip(&x).map(|(m, x)| m * x).sum::<f64>();
                let piece = self.pieces[a];
                let free = x[a] + pull / bend;
                let shrunk = free.signum() * (free.abs() - piece.l1 / bend).max(0.0);
                let next = held(&piece, shrunk);
                moved = moved.max((next - x[a]).abs());
                most = most.max(next.abs());
                x[a] = next;
            }
            if moved <= 4.0 * f64::EPSILON * most {
                break;
            }
        }
        places.iter().zip(&x).for_each(|(&at, x)| self.x[at] = *x);
    }
    /// Newton's steps with halving, for a loss that is not quadratic and pieces that are squares.
    fn newton(&mut self, row: RowCells<'_>, other: &Other, loss: &dyn Block, gram: Option<&[f64]>) {
        let mut here = self.added_value() + self.value(row, other, loss);
        for _ in 0..STEPS {
            let from = self.x.clone();
            self.scored(row, other);
            self.assemble(row, other, loss, gram);
            let right: Vec<f64> = (0..self.out.len())
                .map(|v| self.m[self.at(v) * (self.width + LANES) + self.width + 1])
                .collect();
            self.solve();
            let step: Vec<f64> = self.x.iter().zip(&from).map(|(x, f)| x - f).collect();
            let fall: f64 = right.iter().enumerate().map(|(v, r)| r * step[self.at(v)]).sum();
            if !(fall > 4.0 * f64::EPSILON * here.abs()) {
                self.x = from;
                break;
            }
            let mut t = 1.0;
            let mut taken = false;
            for _ in 0..HALVINGS {
                self.x.iter_mut().zip(&from).zip(&step).for_each(|((x, f), s)| *x = f + t * s);
                let there = self.added_value() + self.value(row, other, loss);
                if there <= here - 1e-4 * t * fall {
                    (here, taken) = (there, true);
                    break;
                }
                t *= 0.5;
            }
            if !taken {
                self.x = from;
                break;
            }
        }
    }
    fn added_value(&self) -> f64 {
        let one = |(v, p): (usize, &Piece)| 0.5 * p.l2 * self.x[self.at(v)].powi(2);
        self.pieces.iter().enumerate().map(one).sum()
    }
}
