//! The equations of a step: what bends, the rows, and the constraints, all at once.
use super::QuadraticProgram;
use crate::gram::{add_product, add_product_apart, mirror};
use crate::linalg::cholesky;
use crate::linalg::factor::take;
use crate::linalg::vectors::dot;

/// What is added to pivots, as a part of them, where they are lost in rounding: at first, and at last.
const RIDGE: (f64, f64) = (1e-15, 1e-8);

/// For right-hand sides (a, b, e) the solution of
///
/// (Θ + E′(P + D)E) x + E′V′p + A′y = a,   V E x − p / Ω = b,   A x − G y = e,
///
/// over the rows and the constraints that are named; a variable whose θ is infinite stays where it is.
pub(super) struct System<'p> {
    of: &'p QuadraticProgram<'p>,
    theta: Vec<f64>,
    /// Rows with their 1/Ω.
    soft: Vec<(usize, f64)>,
    /// Constraints, as wide as there are variables, and G.
    hard: Vec<(Vec<f64>, f64)>,
    /// Columns with a variable that may move.
    columns: Vec<usize>,
    /// What is added to the diagonal of each: θ of the only variable that it has, or 1 / Σ 1/θ.
    stiff: Vec<f64>,
    /// Variables that may move, by column.
    parts: Vec<Vec<usize>>,
    factor: SystemFactor,
    /// The solutions for the constraints, and the factor of what they leave.
    across: Vec<SystemSolution>,
    schur: Vec<f64>,
}

enum SystemFactor {
    /// Of all columns: P + D + T + V′ΩV.
    Whole(Vec<f64>),
    /// Of the rows: 1/Ω + V (D + T)⁻¹ V′, and D + T.
    Rows(Vec<f64>, Vec<f64>),
}

/// A solution.
#[derive(Clone, Debug, Default)]
pub(super) struct SystemSolution {
    pub x: Vec<f64>,
    pub p: Vec<f64>,
    pub y: Vec<f64>,
}

impl<'p> System<'p> {
    /// None where the equations have no solution to rounding.
    pub fn new(
        of: &'p QuadraticProgram<'p>,
        theta: Vec<f64>,
        soft: Vec<(usize, f64)>,
        hard: Vec<(Vec<f64>, f64)>,
    ) -> Option<Self> {
        let mut parts = vec![Vec::new(); of.columns()];
        for (j, v) in of.variables.iter().enumerate().filter(|(j, _)| theta[*j].is_finite()) {
            parts[v.column].push(j);
        }
        let columns: Vec<usize> = (0..of.columns()).filter(|i| !parts[*i].is_empty()).collect();
        let stiff = columns
            .iter()
            .map(|&i| match &parts[i][..] {
                [only] => theta[*only],
                more => 1.0 / more.iter().map(|&j| 1.0 / theta[j]).sum::<f64>(),
            })
            .collect();
        let factor = SystemFactor::Whole(Vec::new());
        let (across, schur) = (Vec::new(), Vec::new());
        let mut system =
            System { of, theta, soft, hard, columns, stiff, parts, factor, across, schur };
        let mut ridge = RIDGE.0;
        while !system.factored(ridge) {
            ridge *= 100.0;
            if ridge > RIDGE.1 {
                return None;
            }
        }
        Some(system)
    }

    fn factored(&mut self, ridge: f64) -> bool {
        let (n, k) = (self.columns.len(), self.soft.len());
        let diagonal: Vec<f64> =
            (self.columns.iter().zip(&self.stiff)).map(|(&i, t)| self.of.diagonal[i] + t).collect();
        let most = diagonal.iter().fold(0.0f64, |m, d| m.max(*d));
        // Fewer rows than columns, and each column stiff enough to be divided by: where there is no row, stiff at all.
        let enough = if k == 0 { 0.0 } else { 1e-14 * most };
        let narrow = self.of.dense.is_none() && k < n && diagonal.iter().all(|d| *d > enough);
        let mut m = if narrow { self.by_rows(&diagonal) } else { self.by_columns(&diagonal) };
        let size = if narrow { k } else { n };
        (0..size).for_each(|i| m[i * size + i] *= 1.0 + ridge * size as f64);
        if !cholesky::factor(&mut m, size, |_, left, whole| left > f64::EPSILON * 0.1 * whole) {
            return false;
        }
        self.factor = if narrow { SystemFactor::Rows(m, diagonal) } else { SystemFactor::Whole(m) };
        self.across.clear();
        let zeros = (vec![0.0; self.theta.len()], vec![0.0; k]);
        let across: Vec<SystemSolution> =
            self.hard.iter().map(|(a, _)| self.plain(a, &zeros.1)).collect();
        let h = self.hard.len();
        let mut schur = vec![0.0; h * h];
        for (i, (a, give)) in self.hard.iter().enumerate() {
            for (j, step) in across.iter().enumerate() {
                schur[i * h + j] = dot(a, &step.x);
            }
            // Constraints may follow from each other.
            schur[i * h + i] = schur[i * h + i] * (1.0 + ridge * h as f64) + give;
        }
        if !cholesky::factor(&mut schur, h, |i, left, whole| {
            left > 4.0 * f64::EPSILON * (i + 1) as f64 * whole
        }) {
            return false;
        }
        (self.across, self.schur) = (across, schur);
        true
    }

    /// 1/Ω + V (D + T)⁻¹ V′.
    fn by_rows(&self, diagonal: &[f64]) -> Vec<f64> {
        let k = self.soft.len();
        // Columns of the program's rows become rows: those in play only, times the root of what they are divided by.
        let mut table = vec![0.0; self.columns.len() * k];
        for (at, (i, d)) in self.columns.iter().zip(diagonal).enumerate() {
            let root = 1.0 / d.sqrt();
            for (to, (row, _)) in table[at * k..(at + 1) * k].iter_mut().zip(&self.soft) {
                *to = root * self.of.row(*row)[*i];
            }
        }
        let mut m = vec![0.0; k * k];
        square(&table, k, &mut m);
        self.soft.iter().enumerate().for_each(|(i, (_, give))| m[i * k + i] += give);
        m
    }

    /// P + D + T + V′ΩV.
    fn by_columns(&self, diagonal: &[f64]) -> Vec<f64> {
        let (n, all) = (self.columns.len(), self.of.columns());
        let mut m = vec![0.0; n * n];
        if n > 0 && !self.soft.is_empty() {
            let mut table = vec![0.0; self.soft.len() * n];
            for (to, (row, give)) in table.chunks_exact_mut(n).zip(&self.soft) {
                let (root, row) = (1.0 / give.sqrt(), self.of.row(*row));
                to.iter_mut().zip(&self.columns).for_each(|(to, &i)| *to = root * row[i]);
            }
            square(&table, n, &mut m);
        }
        if let Some(dense) = &self.of.dense {
            for (to, (at, &i)) in m.chunks_exact_mut(n.max(1)).zip(self.columns.iter().enumerate())
            {
                let row = &dense[i * all..(i + 1) * all];
                if n == all {
                    to[..=at].iter_mut().zip(row).for_each(|(to, p)| *to += p);
                } else {
                    to[..=at].iter_mut().zip(&self.columns).for_each(|(to, &j)| *to += row[j]);
                }
            }
        }
        (0..n).for_each(|i| m[i * n + i] += diagonal[i]);
        m
    }

    /// E x over the columns in play: what the variables' own stiffness makes of a right-hand side, and what solves for it.
    fn plain(&self, a: &[f64], b: &[f64]) -> SystemSolution {
        let sign = |j: usize| self.of.variables[j].sign;
        // Where several variables share a column, what each would do alone.
        let alone: Vec<f64> = self
            .columns
            .iter()
            .map(|&i| self.parts[i].iter().map(|&j| sign(j) * a[j] / self.theta[j]).sum::<f64>())
            .collect();
        let right: Vec<f64> = (self.columns.iter().zip(&alone).zip(&self.stiff))
            .map(|((&i, alone), stiff)| match &self.parts[i][..] {
                [only] => sign(*only) * a[*only],
                _ => alone * stiff,
            })
            .collect();
        let (w, p) = self.inner(right, b);
        let mut x = vec![0.0; self.theta.len()];
        for (at, &i) in self.columns.iter().enumerate() {
            match &self.parts[i][..] {
                [only] => x[*only] = sign(*only) * w[at],
                more => {
                    // Of what all of them have in common nothing is left: it is not taken off what is large beside it.
                    for &j in more {
                        let beside = |&i: &usize| (a[j] - sign(j) * sign(i) * a[i]) / self.theta[i];
                        let apart = sign(j) * w[at] + more.iter().map(beside).sum::<f64>();
                        x[j] = apart * self.stiff[at] / self.theta[j];
                    }
                }
            }
        }
        SystemSolution { x, p, y: Vec::new() }
    }

    /// (P + D + T) w + V′p = a, V w − p / Ω = b.
    fn inner(&self, mut a: Vec<f64>, b: &[f64]) -> (Vec<f64>, Vec<f64>) {
        match &self.factor {
            SystemFactor::Whole(l) => {
                for ((row, give), b) in self.soft.iter().zip(b).filter(|(_, b)| **b != 0.0) {
                    self.add(*row, b / give, &mut a);
                }
                cholesky::forward(l, &mut a);
                cholesky::backward(l, &mut a);
                let sums = self.soft.iter().zip(b);
                let p = sums.map(|((row, give), b)| (self.along(*row, &a) - b) / give).collect();
                (a, p)
            }
            SystemFactor::Rows(l, diagonal) => {
                let over: Vec<f64> = a.iter().zip(diagonal).map(|(a, d)| a / d).collect();
                let sums = self.soft.iter().zip(b);
                let mut p: Vec<f64> =
                    sums.map(|((row, _), b)| self.along(*row, &over) - b).collect();
                cholesky::forward(l, &mut p);
                cholesky::backward(l, &mut p);
                self.soft.iter().zip(&p).for_each(|((row, _), p)| self.add(*row, -p, &mut a));
                a.iter_mut().zip(diagonal).for_each(|(a, d)| *a /= d);
                (a, p)
            }
        }
    }
    /// A row over the columns in play, times w.
    fn along(&self, row: usize, w: &[f64]) -> f64 {
        let row = self.of.row(row);
        if w.len() == row.len() {
            return dot(row, w);
        }
        self.columns.iter().zip(w).map(|(&i, w)| row[i] * w).sum()
    }
    fn add(&self, row: usize, times: f64, to: &mut [f64]) {
        let row = self.of.row(row);
        if to.len() == row.len() {
            return take(to, -times, row);
        }
        to.iter_mut().zip(&self.columns).for_each(|(to, &i)| *to += times * row[i]);
    }

    fn once(&self, a: &[f64], b: &[f64], e: &[f64]) -> SystemSolution {
        let mut found = self.plain(a, b);
        let mut y: Vec<f64> =
            self.hard.iter().zip(e).map(|((row, _), e)| dot(row, &found.x) - e).collect();
        cholesky::forward(&self.schur, &mut y);
        cholesky::backward(&self.schur, &mut y);
        for (y, step) in y.iter().zip(&self.across) {
            take(&mut found.x, *y, &step.x);
            take(&mut found.p, *y, &step.p);
        }
        found.y = y;
        found
    }

    /// The solution; once more for what it leaves, where `sharp`.
    pub fn solve(&self, a: &[f64], b: &[f64], e: &[f64], sharp: bool) -> SystemSolution {
        let mut found = self.once(a, b, e);
        if sharp {
            let [a, b, e] = self.left(&found, a, b, e);
            let more = self.once(&a, &b, &e);
            for (to, by) in
                [(&mut found.x, &more.x), (&mut found.p, &more.p), (&mut found.y, &more.y)]
            {
                take(to, -1.0, by);
            }
        }
        found
    }

    /// What a solution leaves of its right-hand sides.
    fn left(&self, at: &SystemSolution, a: &[f64], b: &[f64], e: &[f64]) -> [Vec<f64>; 3] {
        let of = self.of;
        let w = of.weights(&at.x, false);
        let mut bent = of.bend(&w);
        for ((row, _), p) in self.soft.iter().zip(&at.p) {
            take(&mut bent, -p, of.row(*row));
        }
        let mut left = a.to_vec();
        for (j, (left, v)) in left.iter_mut().zip(&of.variables).enumerate() {
            *left -= v.sign * bent[v.column];
            if self.theta[j].is_finite() {
                *left -= self.theta[j] * at.x[j];
            }
        }
        for ((row, _), y) in self.hard.iter().zip(&at.y) {
            take(&mut left, *y, row);
        }
        let stays = left.iter_mut().zip(&self.theta).filter(|(_, t)| t.is_infinite());
        stays.for_each(|(left, _)| *left = 0.0);
        let soft = self.soft.iter().zip(b).zip(&at.p);
        let b = soft.map(|(((row, give), b), p)| b - dot(of.row(*row), &w) + p * give).collect();
        let hard = self.hard.iter().zip(e).zip(&at.y);
        let e = hard.map(|(((row, give), e), y)| e - dot(row, &at.x) + y * give).collect();
        [left, b, e]
    }
}

/// table′·table, of rows of `w` numbers, its lower triangle.
fn square(table: &[f64], w: usize, to: &mut [f64]) {
    if table.len() * w > 1 << 20 {
        add_product_apart(table, table, w, to, 64);
    } else {
        add_product(table, table, w, to);
    }
    mirror(to, w);
}
