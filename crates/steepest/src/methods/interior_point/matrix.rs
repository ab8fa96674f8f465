//! The matrix of a step, and the steps that are taken by it.
use super::InteriorPoint;
use super::wide::Wide;
use crate::gram::StandardisedRows;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::factor::{Factor, append};
use crate::penalty::Piece;

/// How often a step by a matrix that is next to singular is refined.
const REFINED: u32 = 2;
/// Beside the largest curvature: what holds a variable where it is.
const HELD: f64 = 1e30;
/// What is left of a pivot at least, beside the pivot, for squares to do.
const SAFE: f64 = 1e-11;

/// The matrix of a step, and how stiff the ties are that it is made of.
pub(super) struct NewtonMatrix {
    pub factor: Rooted,
    pub stiff: Vec<f64>,
}

/// The factor of a matrix; of one that is next to singular by its rows, since squares lose half of the digits.
pub(super) enum Rooted {
    Plain(Cholesky),
    Pivoted(Box<Factor>),
    Wide(Box<Wide>),
}

impl Rooted {
    /// v ← H⁻¹ v, where it is determined: elsewhere steps are 0.
    pub fn solve(&self, v: &mut [f64]) {
        match self {
            Rooted::Plain(factor) => factor.solve(v),
            Rooted::Pivoted(factor) => factor.solve(v),
            Rooted::Wide(wide) => wide.solve(v),
        }
    }
    /// The root of the entry of H⁻¹ on its diagonal, at most, for a variable that is not [`lost`](Self::lost). What
    /// rounding leaves of it is more than 1e-4 of it only where pivots are faint.
    pub fn energy(&self, j: usize, width: usize) -> f64 {
        let mut one = vec![0.0; width];
        one[j] = 1.0;
        match self {
            Rooted::Pivoted(factor) => 2.0 * factor.energy_at_most(&one).sqrt(),
            Rooted::Plain(_) => {
                self.solve(&mut one);
                1.01 * one[j].sqrt()
            }
            Rooted::Wide(wide) => {
                wide.solve(&mut one);
                1.01 * (one[j] + wide.doubt(j)).sqrt()
            }
        }
    }
    /// Variables of which nothing but rounding is left beside the others.
    pub fn lost(&self) -> Vec<usize> {
        match self {
            Rooted::Pivoted(factor) => factor.lost(),
            Rooted::Plain(_) | Rooted::Wide(_) => Vec::new(),
        }
    }
}

impl InteriorPoint {
    /// Newton's matrix where the ties are so stiff.
    pub(super) fn normal(&self, rows: &StandardisedRows<'_>) -> NewtonMatrix {
        let (stiff, w) = (self.inside.stiffness(), self.u.len());
        let of_rows = self.ties.by_rows(&stiff, rows.held.len());
        // What is given cannot move.
        let given = |p: &Piece| p.low == p.high;
        let first = |p: &Piece| if given(p) { f64::INFINITY } else { p.l2 };
        let mut own: Vec<f64> = self.pieces.iter().map(first).collect();
        self.ties.add_own(&stiff, &mut own);
        if let Some(columns) = &self.columns
            && let Some(wide) = Wide::new(columns, &of_rows, &own)
        {
            return NewtonMatrix { factor: Rooted::Wide(Box::new(wide)), stiff };
        }
        let h = rows.gram(&of_rows);
        let each = (0..w).filter(|&j| own[j].is_finite()).map(|j| h[j * w + j] + own[j]);
        let most = each.fold(f64::MIN_POSITIVE, f64::max);
        for (own, _) in own.iter_mut().zip(&self.pieces).filter(|(_, p)| given(p)) {
            *own = HELD * most;
        }
        let plain = Cholesky::with(w, &h, |j| own[j], SAFE);
        let factor = plain.map(Rooted::Plain).unwrap_or_else(|| {
            let root = |v: &[f64]| v.iter().map(|v| v.sqrt()).collect::<Vec<f64>>();
            let mut r = rows.triangle(&root(&of_rows));
            let mut each = vec![0.0; w * w];
            root(&own).iter().enumerate().for_each(|(j, own)| each[j * w + j] = *own);
            append(&mut r, &each, w);
            Rooted::Pivoted(Box::new(Factor::pivoted(r, w)))
        });
        NewtonMatrix { factor, stiff }
    }

    /// A step, and how the dual variables of the ties turn, where A u + X′y = −slope and X u − y / D = rest; `roughly` where only
    /// its lengths are asked for.
    pub(super) fn solved(
        &self,
        rows: &StandardisedRows<'_>,
        normal: &NewtonMatrix,
        slope: &[f64],
        (rest, roughly): (&[f64], bool),
    ) -> (Vec<f64>, Vec<f64>) {
        let (ties, stiff, n) = (&self.ties, &normal.stiff, rows.held.len());
        if let Rooted::Wide(wide) = &normal.factor {
            return self.by_rows(wide, stiff, slope, (rest, n));
        }
        let (mut u, mut dual) = self.by_columns(rows, normal, slope, rest);
        // By a matrix that is next to singular, once more with what both equations are off by: of stiff ties' duals a difference
        // of what is next to the same leaves few digits.
        let singular = matches!(normal.factor, Rooted::Pivoted(_));
        let rounds = if singular && !roughly { REFINED } else { 0 };
        for _ in 0..rounds {
            let seen = ties.seen(&rows.margins(&u), &u);
            let off: Vec<f64> = (0..ties.len())
                .map(|k| if stiff[k] > 0.0 { rest[k] - seen[k] + dual[k] / stiff[k] } else { 0.0 })
                .collect();
            let by = ties.by_rows(&dual, n);
            let mut left = rows.sweep(&vec![0.0; u.len()], |i, _| (by[i], 0.0)).sum;
            ties.add_own(&dual, &mut left);
            for (j, left) in left.iter_mut().enumerate() {
                *left += slope[j] + self.pieces[j].l2 * u[j];
            }
            let (more, turned) = self.by_columns(rows, normal, &left, &off);
            u.iter_mut().zip(more).for_each(|(u, more)| *u += more);
            dual.iter_mut().zip(turned).for_each(|(d, more)| *d += more);
        }
        (u, dual)
    }

    /// The same by a matrix over the columns.
    fn by_columns(
        &self,
        rows: &StandardisedRows<'_>,
        NewtonMatrix { factor, stiff }: &NewtonMatrix,
        slope: &[f64],
        rest: &[f64],
    ) -> (Vec<f64>, Vec<f64>) {
        let ties = &self.ties;
        let pull: Vec<f64> = rest.iter().zip(stiff).map(|(r, d)| r * d).collect();
        let by = ties.by_rows(&pull, rows.held.len());
        let mut u = rows.sweep(&vec![0.0; self.u.len()], |i, _| (by[i], 0.0)).sum;
        ties.add_own(&pull, &mut u);
        u.iter_mut().zip(slope).for_each(|(u, g)| *u -= g);
        factor.solve(&mut u);
        let seen = ties.seen(&rows.margins(&u), &u);
        let off = seen.iter().zip(rest).zip(stiff);
        let dual = off.map(|((seen, rest), stiff)| stiff * (seen - rest)).collect();
        (u, dual)
    }

    /// The same by a matrix over the rows: dual variables keep their digits.
    fn by_rows(
        &self,
        wide: &Wide,
        stiff: &[f64],
        slope: &[f64],
        (rest, n): (&[f64], usize),
    ) -> (Vec<f64>, Vec<f64>) {
        let ties = &self.ties;
        let pull: Vec<f64> = rest.iter().zip(stiff).map(|(r, d)| r * d).collect();
        let (each, by) = (ties.by_rows(stiff, n), ties.by_rows(&pull, n));
        let mean: Vec<f64> =
            by.iter().zip(&each).map(|(by, d)| if *d > 0.0 { by / d } else { 0.0 }).collect();
        let mut u: Vec<f64> = slope.iter().map(|g| -g).collect();
        ties.add_own(&pull, &mut u);
        let y = wide.solve_both(&mut u, &mean);
        // Of several ties of a row each sees the row's margin: y with what the others' rests are beside its own.
        let mut beside = vec![0.0; ties.len()];
        let rows: Vec<usize> = (0..ties.of_rows()).map(|k| ties.row(k)).collect();
        for same in rows.chunk_by(|a, b| a == b).scan(0, |at, c| {
            *at += c.len();
            Some(*at - c.len()..*at)
        }) {
            for k in same.clone() {
                beside[k] = same.clone().map(|l| stiff[l] * (rest[l] - rest[k])).sum();
            }
        }
        let turned = |k: usize| match ties.variable(k) {
            Some(j) => stiff[k] * (u[j] - rest[k]),
            None => stiff[k] * ((y[rows[k]] + beside[k]) / each[rows[k]]),
        };
        let dual = (0..ties.len()).map(turned).collect();
        (u, dual)
    }
}
