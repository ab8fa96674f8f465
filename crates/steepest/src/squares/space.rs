//! What the columns of a matrix span: coefficients of least norm, and how far they are from the least value.
use crate::linalg::qr::{ColumnMajor, Pivoted, length};

/// How far along directions that the columns do not tell from nothing the least value is looked for, in residuals.
const FAR: f64 = 1e7;
/// Directions whose pivot is below this share of the first may cost more, by rounding, than they bring.
const DOUBTFUL: f64 = 1e-8;
/// So many of them are tried without.
const TRIED: usize = 8;
/// What the rounding of the factors may hide of F, as a share of F, for a success.
const FACTORS: f64 = 1e-3;
/// Columns times coefficients so many times as large as the target cancel.
const SWAMPED: f64 = 30.0;

/// The columns of `square` times what stands behind it, if anything; each in units of its own.
pub(super) struct Space {
    /// Rounding of the numbers, relative to a column's length.
    noise: f64,
    /// The columns in their units, and below them the rows that stand for a penalty.
    alike: ColumnMajor,
    /// Those units.
    scale: Vec<f64>,
    /// What stands behind: the coefficients are those of the product.
    twist: Option<ColumnMajor>,
    factors: Pivoted,
    /// |R⁻¹|, at most.
    inverse: f64,
    /// What the directions taken for nothing move the rows by, each as far as rounding may hide it.
    hidden: f64,
}

/// F, how far it is above the least at most, and how much of that rounding may explain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded {
    pub value: f64,
    pub bound: f64,
    pub rounding: f64,
}

impl Space {
    pub fn new(
        square: &ColumnMajor,
        noise: f64,
        scale: Option<Vec<f64>>,
        twist: Option<ColumnMajor>,
        ridge: f64,
    ) -> Self {
        let width = square.columns;
        // The penalty is as many rows more.
        let more = if ridge > 0.0 { width } else { 0 };
        let mut alike = ColumnMajor::zeros(square.rows + more, width);
        for j in 0..width {
            let column = alike.column_mut(j);
            column[..square.rows].copy_from_slice(square.column(j));
            if more > 0 {
                column[square.rows + j] = ridge.sqrt();
            }
        }
        let scale = match scale {
            _ if ridge > 0.0 => units(&alike),
            Some(scale) => scale,
            None => vec![1.0; width],
        };
        for (column, scale) in alike.each().zip(&scale) {
            column.iter_mut().for_each(|v| *v /= scale);
        }
        // With a penalty no direction is undetermined, however little the columns say of it.
        let least = if ridge > 0.0 { 0.0 } else { 4.0 * noise };
        let factors = Pivoted::new(alike.clone(), least);
        let unheld = (alike.rows.min(width) - factors.rank) as f64;
        let hidden = if unheld > 0.0 {
            factors.left + unheld.sqrt() * f64::EPSILON * factors.first
        } else {
            0.0
        };
        let inverse = if factors.rank > 0 { factors.inverse_size() } else { 0.0 };
        Space { noise, alike, scale, twist, factors, inverse, hidden }
    }

    pub fn rank(&self) -> usize {
        self.factors.rank
    }

    /// The targets of the rows that stand for a penalty are 0.
    fn below(&self, target: &[f64]) -> Vec<f64> {
        let mut all = target.to_vec();
        all.resize(self.alike.rows, 0.0);
        all
    }

    /// What the coefficients are in the columns' units.
    fn inner(&self, coef: &[f64]) -> Vec<f64> {
        let inner = match &self.twist {
            Some(twist) => twist.times(coef),
            None => coef.to_vec(),
        };
        inner.iter().zip(&self.scale).map(|(w, s)| w * s).collect()
    }

    fn residual(&self, target: &[f64], coef: &[f64]) -> Vec<f64> {
        let product = self.alike.times(&self.inner(coef));
        self.below(target).iter().zip(&product).map(|(t, p)| t - p).collect()
    }

    /// Coefficients of the targets; those of least norm where there are many. Once more for what rounding has left; and
    /// without directions that hardly differ from rounding, where they make the value larger.
    pub fn solve(&self, targets: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let full = Solver::new(self, self.rank());
        let doubtful =
            |r: &usize| *r > 0 && self.factors.pivot(*r - 1) <= DOUBTFUL * self.factors.first;
        let ranks: Vec<usize> = (1..=self.rank()).rev().take(TRIED).take_while(doubtful).collect();
        let fewer: Vec<Solver<'_>> = ranks.iter().map(|r| Solver::new(self, r - 1)).collect();
        let each = |target: &Vec<f64>| {
            let (mut best, mut size) = self.refined(&full, target);
            for solver in &fewer {
                let (other, less) = self.refined(solver, target);
                if less < 0.5 * size {
                    (best, size) = (other, less);
                }
            }
            best
        };
        targets.iter().map(each).collect()
    }

    /// A solution and the size of its residual, corrected by what the residual still has of the columns.
    fn refined(&self, solver: &Solver<'_>, target: &[f64]) -> (Vec<f64>, f64) {
        let mut coef = solver.solve(self.below(target));
        let left = self.residual(target, &coef);
        let size = length(&left);
        let more = solver.solve(left);
        let better: Vec<f64> = coef.iter().zip(&more).map(|(a, b)| a + b).collect();
        let less = length(&self.residual(target, &better));
        if less < size {
            coef = better;
        }
        (coef, size.min(less))
    }

    /// How far coefficients are from the least.
    ///
    /// What the columns could still explain of the residual is the distance; it is computed. What is not seen is that the
    /// triangle itself was rounded: each column by `noise` times its length. Directions taken for nothing bring the more
    /// the farther one goes, and no more than the residual: what they bring within `FAR` times it is added.
    /// `cancelled` is what single coefficients move the rows by before that cancels in what stands behind: F of the rows
    /// themselves is rounded as much.
    pub fn judge(&self, target: &[f64], coef: &[f64], cancelled: f64) -> Bounded {
        let inner = self.inner(coef);
        let mut residual = self.residual(target, coef);
        let size = length(&residual);
        self.factors.apply(&mut residual, true);
        let seen = length(&residual[..self.rank()]);
        let slope = (self.scale.len() as f64).sqrt() * self.inverse;
        let moved: f64 =
            (0..self.scale.len()).map(|j| length(self.alike.column(j)) * inner[j].abs()).sum();
        let own = self.noise * (moved + length(target)) + f64::EPSILON * cancelled;
        let unseen = self.noise * size * slope + own;
        // What the rounding of the factors may hide grows with the residual: no more of it is the rounding of F itself.
        let value = 0.5 * size * size;
        let factors = (2.0 * (unseen * unseen - own * own)).min(FACTORS * value);
        // Where rounding hides all of F, and coefficients cancel, smaller ones may do better: that is no limit.
        let swamped = 2.0 * own * own >= value && moved > SWAMPED * length(target);
        let own = if swamped { 0.0 } else { 2.0 * own * own };
        let hidden = (FAR * self.hidden).min(0.5) * size * size;
        Bounded {
            value,
            bound: 0.5 * (seen + unseen) * (seen + unseen) + hidden,
            rounding: own + factors + hidden,
        }
    }
}

/// Solves with the first so many directions.
struct Solver<'a> {
    space: &'a Space,
    rank: usize,
    /// Where many coefficients do: the rows that they must meet, as columns and in the order of their size.
    rows: Option<(Vec<usize>, Pivoted)>,
}

impl<'a> Solver<'a> {
    fn new(space: &'a Space, rank: usize) -> Self {
        let (width, factors) = (space.scale.len(), &space.factors);
        let mut new = Solver { space, rank, rows: None };
        if rank == width && space.twist.is_none() {
            return new;
        }
        let mut place = vec![0; width];
        factors.order.iter().enumerate().for_each(|(k, &j)| place[j] = k);
        // R · diag(scale) · twist · w = Q′ target, and w in what these rows span.
        let rows = ColumnMajor::of(width, rank, |j, i| factors.upper(i, place[j]) * space.scale[j]);
        let turned = match &space.twist {
            None => rows,
            Some(twist) => {
                let mut turned = ColumnMajor::zeros(twist.columns, rank);
                for i in 0..rank {
                    let row = twist.across(rows.column(i));
                    turned.column_mut(i).copy_from_slice(&row);
                }
                turned
            }
        };
        let mut order: Vec<usize> = (0..turned.rows).collect();
        let largest: Vec<f64> = (0..turned.rows)
            .map(|j| (0..rank).map(|i| turned.at(j, i).abs()).fold(0.0, f64::max))
            .collect();
        order.sort_by(|a, b| largest[*b].total_cmp(&largest[*a]));
        let sorted = ColumnMajor::of(turned.rows, rank, |j, i| turned.at(order[j], i));
        new.rows = Some((order, Pivoted::new(sorted, 0.0)));
        new
    }

    fn solve(&self, mut target: Vec<f64>) -> Vec<f64> {
        let factors = &self.space.factors;
        factors.apply(&mut target, true);
        target.truncate(self.rank);
        let Some((order, rows)) = &self.rows else {
            factors.solve(&mut target, self.rank);
            let mut coef = vec![0.0; self.rank];
            for (k, &j) in factors.order.iter().enumerate() {
                coef[j] = target[k] / self.space.scale[j];
            }
            return coef;
        };
        let mut found: Vec<f64> = (0..rows.rank).map(|k| target[rows.order[k]]).collect();
        rows.solve_turned(&mut found, rows.rank);
        found.resize(order.len(), 0.0);
        rows.apply(&mut found, false);
        let mut coef = vec![0.0; order.len()];
        order.iter().zip(found).for_each(|(&j, v)| coef[j] = v);
        coef
    }
}

/// The columns' lengths as powers of two, which round nothing; 1 for a column of zeros.
pub(super) fn units(m: &ColumnMajor) -> Vec<f64> {
    let unit = |size: f64| if size > 0.0 { size.log2().round().exp2() } else { 1.0 };
    (0..m.columns).map(|j| unit(length(m.column(j)))).collect()
}
