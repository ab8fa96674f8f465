//! The end of a quadratic with a piece on each coordinate, exactly: Newton's steps on a face, by orthogonal factors.
//!
//! An active set as in Lawson and Hanson 1974 (nonnegative least squares) and Lee, Battle, Raina and Ng 2007 (feature
//! signs): on the face (coordinates away from their kinks and bounds) the minimiser, as far along the line as the
//! value falls; who reaches a kink or a bound leaves, then the coordinate that promises most enters. The value falls
//! at each step, so there is an end, however nearly the columns depend on each other.
use super::kinked::{Kinked, Signs, Went};
use crate::linalg::cholesky::{backward, forward};
use crate::linalg::vectors::dot;
use crate::parallel::cancel;
use crate::status::Halt;

/// A of A′A, column after column.
#[derive(Default)]
pub(super) struct Root {
    rows: usize,
    data: Vec<f64>,
}

crate::state!(Root { rows, data });

impl Root {
    /// Whether it has so many columns.
    pub fn fits(&self, k: usize) -> bool {
        self.rows.checked_mul(k) == Some(self.data.len())
    }
}

/// What is left of a column, as a part of it, below which it is taken for a combination of others.
const DEPENDENT: f64 = 1e-13;

impl Root {
    /// From rows of k numbers one after another.
    pub fn of(rows: &[f64], k: usize) -> Self {
        let n = rows.len() / k.max(1);
        let mut data = vec![0.0; n * k];
        for (i, row) in rows.chunks_exact(k.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(j, v)| data[j * n + i] = *v);
        }
        Root { rows: n, data }
    }
    fn column(&self, j: usize) -> &[f64] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }
    fn columns(&self) -> usize {
        self.data.len() / self.rows.max(1)
    }
    /// A·step over some columns.
    fn times(&self, face: &[usize], step: &[f64]) -> Vec<f64> {
        let mut t = vec![0.0; self.rows];
        for (&j, s) in face.iter().zip(step).filter(|f| *f.1 != 0.0) {
            t.iter_mut().zip(self.column(j)).for_each(|(t, a)| *t += s * a);
        }
        t
    }
    /// Adds A′A·step over all columns.
    pub fn add_square(&self, step: &[f64], to: &mut [f64]) {
        let all: Vec<usize> = (0..step.len()).collect();
        let turned = self.times(&all, step);
        to.iter_mut().enumerate().for_each(|(j, t)| *t += dot(self.column(j), &turned));
    }
    /// QR with pivots of some columns, below them the roots of `extra` on the diagonal.
    pub fn factor(&self, face: &[usize], extra: impl Fn(usize) -> f64) -> FactoredFace {
        let more: Vec<usize> = (0..face.len()).filter(|&r| extra(face[r]) > 0.0).collect();
        let (n, f) = (self.rows + more.len(), face.len());
        let mut a = vec![0.0; n * f];
        for (c, &j) in face.iter().enumerate() {
            a[c * n..c * n + self.rows].copy_from_slice(self.column(j));
            if let Ok(at) = more.binary_search(&c) {
                a[c * n + self.rows + at] = extra(j).sqrt();
            }
        }
        FactoredFace::new(a, n, f)
    }
}

/// R of QR with pivots: T′T is the matrix over the columns in `order`; those after `rank` depend on the others.
pub(super) struct FactoredFace {
    order: Vec<usize>,
    rank: usize,
    /// Lower triangle of T′ (rows of `rank` numbers), then what T has in the dependent columns.
    lower: Vec<f64>,
    rest: Vec<Vec<f64>>,
    /// How long what is left of the dependent columns is; 0 where that is rounding.
    left: Vec<f64>,
}

/// What is left of a column, as a part of it, that is rounding.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

impl FactoredFace {
    fn new(mut a: Vec<f64>, n: usize, f: usize) -> Self {
        let full: Vec<f64> = a.chunks_exact(n.max(1)).map(|c| dot(c, c).sqrt()).collect();
        let mut order: Vec<usize> = (0..f).collect();
        let mut rank = 0;
        while rank < f.min(n) {
            cancel::check();
            // What is left of a column beside its own length: units do not matter.
            let left = |c: usize| {
                let v = &a[order[c] * n + rank..(order[c] + 1) * n];
                dot(v, v).sqrt() / full[order[c]].max(f64::MIN_POSITIVE)
            };
            let best = (rank..f)
                .map(|c| (left(c), c))
                .fold((0.0, rank), |m, v| if v.0 > m.0 { v } else { m });
            if !(best.0 > DEPENDENT) {
                break;
            }
            order.swap(rank, best.1);
            let c = order[rank];
            let mut v = a[c * n + rank..(c + 1) * n].to_vec();
            let norm = dot(&v, &v).sqrt();
            let top = if v[0] > 0.0 { -norm } else { norm };
            v[0] -= top;
            let square = dot(&v, &v);
            for &c in &order[rank + 1..] {
                let column = &mut a[c * n + rank..(c + 1) * n];
                let times = 2.0 * dot(&v, column) / square;
                column.iter_mut().zip(&v).for_each(|(x, v)| *x -= times * v);
            }
            a[c * n + rank] = top;
            rank += 1;
        }
        let mut lower = vec![0.0; rank * rank];
        for (i, &c) in order[..rank].iter().enumerate() {
            lower[i * rank..=i * rank + i].copy_from_slice(&a[c * n..=c * n + i]);
        }
        let rest = order[rank..].iter().map(|&c| a[c * n..c * n + rank].to_vec()).collect();
        let left = order[rank..].iter().map(|&c| {
            let left = &a[c * n + rank..(c + 1) * n];
            let left = dot(left, left).sqrt();
            if left > ROUNDING * full[c] { left } else { 0.0 }
        });
        let left = left.collect();
        FactoredFace { order, rank, lower, rest, left }
    }
    /// The minimiser of ½ s′Ms − slope′s, 0 in the dependent places.
    pub fn solve(&self, slope: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = self.order[..self.rank].iter().map(|&p| slope[p]).collect();
        forward(&self.lower, &mut y);
        backward(&self.lower, &mut y);
        let mut step = vec![0.0; slope.len()];
        self.order.iter().zip(y).for_each(|(&p, y)| step[p] = y);
        step
    }
    /// For each dependent place a direction along which the matrix is 0.
    fn flat(&self) -> Vec<Vec<f64>> {
        let one = |(q, t): (&usize, &Vec<f64>)| {
            let mut y = t.clone();
            backward(&self.lower, &mut y);
            let mut way = vec![0.0; self.order.len()];
            self.order.iter().zip(y).for_each(|(&p, y)| way[p] = -y);
            way[*q] = 1.0;
            way
        };
        self.order[self.rank..].iter().zip(&self.rest).map(one).collect()
    }
    /// For each dependent place how far along it the rows' root mean square grows by 1; 0 where it is the others' but
    /// for rounding.
    pub fn faint(&self) -> Vec<f64> {
        let mut faint = vec![0.0; self.order.len()];
        for (&p, left) in
            self.order[self.rank..].iter().zip(&self.left).filter(|(_, left)| **left > 0.0)
        {
            faint[p] = 1.0 / left;
        }
        faint
    }
    /// The diagonal of the inverse; 0 in the dependent places.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let mut diagonal = vec![0.0; self.order.len()];
        for (i, &p) in self.order[..self.rank].iter().enumerate() {
            // L y = e_i: zeros above.
            let m = self.rank - i;
            let mut y = vec![0.0; m];
            for r in 0..m {
                let row = &self.lower[(i + r) * self.rank + i..];
                let e = f64::from(u8::from(r == 0));
                y[r] = (e - dot(&row[..r], &y[..r])) / row[r];
            }
            diagonal[p] = dot(&y, &y);
        }
        diagonal
    }
}

/// ½ u′A′Au + linear′u + Σ piece_j(u_j), at u.
pub(super) struct Ending<'a> {
    pub root: &'a Root,
    pub here: Kinked<'a>,
}

impl Ending<'_> {
    /// Descends until no step promises more than `least`; returns by how much the value fell.
    pub fn finish(
        &mut self,
        least: f64,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        let k = self.here.u.len();
        let square: Vec<f64> =
            (0..k).map(|j| dot(self.root.column(j), self.root.column(j))).collect();
        debug_assert_eq!(self.root.columns(), k);
        let mut sign: Signs =
            self.here.u.iter().map(|u| if *u == 0.0 { 0.0 } else { u.signum() }).collect();
        let mut on: Vec<bool> = (0..k).map(|j| square[j] > 0.0 && self.here.inside(j)).collect();
        let mut refused = vec![false; k];
        let (mut fell, mut entered) = (0.0, None);
        for _ in 0..40 * k + 200 {
            pause()?;
            cancel::check();
            let face: Vec<usize> = (0..k).filter(|&j| on[j]).collect();
            let factored = self.root.factor(&face, |j| self.here.pieces[j].l2);
            let slope: Vec<f64> = face.iter().map(|&j| self.here.slope(j, sign[j])).collect();
            let step = factored.solve(&slope);
            // Who enters must go where it was pulled; rounding can turn it.
            if let Some(j) = entered.take() {
                let at = face.iter().position(|f| *f == j).expect("just entered");
                if step[at] * sign[j] < 0.0 {
                    (on[j], refused[j]) = (false, true);
                    continue;
                }
            }
            let (mut by, mut left) = self.along(&face, &step, &mut sign, 1.0);
            if left.is_none()
                && let Some(slid) = self.slide(&face, &factored, &mut sign)
            {
                (by, left) = (by + slid.0, Some(slid.1));
            }
            fell += by;
            if by > least {
                refused.fill(false);
            }
            if let Some(j) = left {
                on[j] = false;
                // Who gained nothing does not enter again before something else has.
                refused[j] = by <= least;
                continue;
            }
            // The face is at its best: who promises most beside it?
            let promise = |j: usize| {
                let pull = self.here.pull(j);
                (0.5 * pull * pull / (square[j] + self.here.pieces[j].l2), j, pull)
            };
            let others = (0..k).filter(|&j| !on[j] && !refused[j] && square[j] > 0.0).map(promise);
            let best = others.fold((least, k, 0.0), |m, v| if v.0 > m.0 { v } else { m });
            if best.1 == k {
                // What rounding left of the step before is taken once more.
                if by > least {
                    continue;
                }
                break;
            }
            (on[best.1], sign[best.1], entered) = (true, best.2.signum(), Some(best.1));
        }
        Ok(fell)
    }

    /// Along what depends on the others the value is straight: as far as the next kink or bound, where it falls.
    fn slide(
        &mut self,
        face: &[usize],
        factored: &FactoredFace,
        sign: &mut Signs,
    ) -> Option<(f64, usize)> {
        for mut way in factored.flat() {
            // What is 0 but for rounding leads nowhere.
            let most = way.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
            way.iter_mut().filter(|w| w.abs() <= 1e-10 * most).for_each(|w| *w = 0.0);
            let down: f64 =
                face.iter().zip(&way).map(|(&j, w)| w * self.here.slope(j, sign[j])).sum();
            let size: f64 = (face.iter().zip(&way))
                .map(|(&j, w)| w.abs() * (self.here.gradient[j].abs() + self.here.pieces[j].l1))
                .sum();
            if down.abs() <= 1e-11 * size {
                continue;
            }
            way.iter_mut().for_each(|w| *w *= down.signum());
            if let (by, Some(j)) = self.along(face, &way, sign, f64::INFINITY) {
                return Some((by, j));
            }
        }
        None
    }

    /// The least value along a line, as far as bounds allow and at most `most` steps: returns by how much it fell,
    /// and the coordinate that came to rest at a kink or a bound, if that was what ended it.
    fn along(
        &mut self,
        face: &[usize],
        step: &[f64],
        sign: &mut Signs,
        most: f64,
    ) -> (f64, Option<usize>) {
        let turned = self.root.times(face, step);
        let Went { fell, left, length } =
            self.here.along(face, step, sign, most, dot(&turned, &turned));
        if length != 0.0 {
            for (j, g) in self.here.gradient.iter_mut().enumerate() {
                *g += length * dot(self.root.column(j), &turned);
            }
        }
        (fell, left)
    }
}
