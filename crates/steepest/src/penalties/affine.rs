//! Affine sets: what solves several linear equations.
use super::secular::{SLACK, norm};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::dot;
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps, Structure};
use crate::settings::Described;

crate::settings! {
    /// What solves linear equations, A x = b (an affine set): 0 there and +∞ elsewhere. The rows of A are what alpha is, with
    /// their right sides b beside them (0 unless given); one row is a `hyperplane`. Its prox is the projection,
    /// x − t A′(A t A′)⁻¹(A x − b), by rows that are made orthogonal once. A row that depends on those before it (its
    /// angle to them is below 1e-10) says nothing where its right side is theirs; else no point is allowed, and
    /// the row is named.
    ///
    /// Parikh and Boyd 2014, section 6.2.1, <https://doi.org/10.1561/2400000003>.
    "affine" Affine {}
}

/// The sine of a row's angle to those before it below which it depends on them, and how well its right side fits theirs then.
const DEPENDENT: f64 = 1e-10;
/// What Cholesky's factor has to leave of each pivot: below that rows are made orthogonal anew.
const SURE: f64 = 1e-6;
/// What rounding makes of that sine, at least.
const ROUNDED: f64 = 64.0 * f64::EPSILON;

/// Rows at right angles, of length 1, that say what some equations say.
#[derive(Default)]
struct OrthogonalRows {
    rows: Vec<Vec<f64>>,
    right: Vec<f64>,
}

impl OrthogonalRows {
    /// By Gram and Schmidt, each row twice; and what is wrong with the first equation that the others contradict.
    fn new(rows: &[Vec<f64>], right: &[f64]) -> (Self, Option<String>) {
        let mut basis = OrthogonalRows::default();
        let mut wrong = None;
        // How each row of the basis is made of those given.
        let mut made: Vec<Vec<f64>> = Vec::new();
        for (i, (row, &b)) in rows.iter().zip(right).enumerate() {
            let size = norm(row.iter().copied());
            if size == 0.0 {
                if b != 0.0 {
                    wrong = wrong
                        .or(Some(format!("row {i} is 0, and 0 does not reach its right side {b}")));
                }
                continue;
            }
            let mut q: Vec<f64> = row.iter().map(|a| a / size).collect();
            let mut c = b / size;
            let mut of = vec![0.0; rows.len()];
            of[i] = 1.0 / size;
            // What those before make its right side of.
            let mut parts = vec![0.0; basis.rows.len()];
            for _ in 0..2 {
                let those = basis.rows.iter().zip(&basis.right).zip(&made);
                for (((p, &d), made), part) in those.zip(&mut parts) {
                    let along = dot(p, &q);
                    *part += along * d;
                    q.iter_mut().zip(p).for_each(|(q, p)| *q -= along * p);
                    of.iter_mut().zip(made).for_each(|(o, m)| *o -= along * m);
                    c -= along * d;
                }
            }
            let left = norm(q.iter().copied());
            if left > DEPENDENT {
                basis.rows.push(q.into_iter().map(|q| q / left).collect());
                basis.right.push(c / left);
                made.push(of.into_iter().map(|o| o / left).collect());
                continue;
            }
            // All but parallel rows make the others' right sides huge: of these it may differ by its own angle alone.
            let own = (b / size).abs() + norm(parts.iter().copied());
            let others = (1e2 * left).clamp(ROUNDED, DEPENDENT) * norm(basis.right.iter().copied());
            if c.abs() > (DEPENDENT * own).max(others) {
                wrong = wrong.or_else(|| Some(contradicted(i, &of, rows, right)));
            }
        }
        (basis, wrong)
    }

    /// How far x is off an equation, and what rounding alone may make of that; x is measured in units.
    fn off(&self, k: usize, x: &[f64], unit: impl Fn(usize) -> f64) -> (f64, f64) {
        let (mut sum, mut size) = (-self.right[k], self.right[k].abs());
        for (j, (q, x)) in self.rows[k].iter().zip(x).enumerate() {
            let part = q * (x / unit(j));
            (sum, size) = (sum + part, size + part.abs());
        }
        (sum, SLACK * size)
    }

    /// x ← the nearest point that solves the equations of x / unit, near being measured in units.
    fn project(&self, x: &mut [f64], unit: impl Fn(usize) -> f64) {
        // Once is enough but for rounding, which a far x leaves much of.
        for _ in 0..3 {
            let mut moved = false;
            for (k, row) in self.rows.iter().enumerate() {
                let (off, rounding) = self.off(k, x, &unit);
                if off.abs() > 0.1 * rounding {
                    moved = true;
                    x.iter_mut()
                        .zip(row)
                        .enumerate()
                        .for_each(|(j, (x, q))| *x -= unit(j) * q * off);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// The same where far is measured by Σ (u_j − x_j)² / t_j, by Cholesky's factor of what the rows' products with each other
    /// are then; false, and x as it was, where that says too little of them.
    fn project_by(&self, x: &mut [f64], t: &[f64]) -> bool {
        let k = self.rows.len();
        let most = t.iter().fold(0.0, |m: f64, t| m.max(*t));
        let (mut products, mut scaled) = (vec![0.0; k * k], vec![0.0; t.len()]);
        for (i, row) in self.rows.iter().enumerate() {
            scaled.iter_mut().zip(t).zip(row).for_each(|((s, t), q)| *s = t / most * q);
            for (j, other) in self.rows[..=i].iter().enumerate() {
                products[i * k + j] = dot(&scaled, other);
            }
        }
        let Some(factor) = Cholesky::with(k, &products, |_| 0.0, SURE) else { return false };
        // Once is enough but for rounding.
        for _ in 0..2 {
            let mut off: Vec<f64> = (0..k).map(|k| self.off(k, x, |_| 1.0).0).collect();
            factor.solve(&mut off);
            scaled.fill(0.0);
            for (row, by) in self.rows.iter().zip(&off) {
                scaled.iter_mut().zip(row).for_each(|(s, q)| *s += by * q);
            }
            x.iter_mut().zip(&scaled).zip(t).for_each(|((x, s), t)| *x -= t / most * s);
        }
        true
    }

    /// The equations of x / unit.
    fn in_units(&self, unit: impl Fn(usize) -> f64) -> Self {
        let scaled = |row: &Vec<f64>| row.iter().enumerate().map(|(j, q)| q * unit(j)).collect();
        OrthogonalRows::new(&self.rows.iter().map(scaled).collect::<Vec<_>>(), &self.right).0
    }
}

/// That row i, of which `of` says how it is made up of those before it, has another right side than they make.
fn contradicted(i: usize, of: &[f64], rows: &[Vec<f64>], right: &[f64]) -> String {
    let part = |k: usize| -of[k] / of[i];
    let weight = |k: usize| part(k).abs() * norm(rows[k].iter().copied());
    let most = (0..i).map(weight).fold(0.0, f64::max);
    let from: Vec<usize> = (0..i).filter(|&k| weight(k) > 1e-8 * most).collect();
    let make: f64 = from.iter().map(|&k| part(k) * right[k]).sum();
    let (these, plural) =
        (from.iter().map(ToString::to_string).collect::<Vec<_>>(), from.len() > 1);
    let (rows, make_it) = if plural { ("rows", "make") } else { ("row", "makes") };
    format!(
        "row {i} follows from {rows} {}, which {make_it} its right side {make}; got {}",
        these.join(", "),
        right[i]
    )
}

/// What solves some equations.
struct Equations {
    basis: OrthogonalRows,
    /// What is wrong with them.
    wrong: Option<String>,
}

const OFFERS: Offers = Offers::CONVEX;

impl Equations {
    /// The rows one after the other, as many as right sides; without these one row, of right side 0.
    fn new(on: &Structure<'_>) -> Self {
        let right = on.right.unwrap_or(&[0.0]);
        let width = (on.weight.len() / right.len().max(1)).max(1);
        let rows: Vec<Vec<f64>> = on.weight.chunks(width).map(<[f64]>::to_vec).collect();
        let (basis, wrong) = OrthogonalRows::new(&rows, right);
        Equations { basis, wrong }
    }
}

impl Penalty for Equations {
    fn name(&self) -> &'static str {
        Affine::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let solved = |k: usize| {
            let (off, rounding) = self.basis.off(k, x, |_| 1.0);
            off.abs() <= rounding
        };
        if (0..self.basis.rows.len()).all(solved) { 0.0 } else { f64::INFINITY }
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        if let Steps::Diagonal(t) = steps
            && !self.basis.project_by(x, t)
        {
            let roots: Vec<f64> = t.iter().map(|t| t.sqrt()).collect();
            self.basis.in_units(|j| roots[j]).project(x, |j| roots[j]);
        }
        // In the variables themselves there is rounding left then.
        self.basis.project(x, |_| 1.0);
    }
    fn free(&self, j: usize) -> bool {
        self.basis.rows.iter().all(|row| row[j] == 0.0)
    }
    fn nowhere(&self) -> Option<String> {
        self.wrong.clone()
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let basis = self.basis.in_units(|j| scale[j]);
        // Rows that units make all but parallel would lose an equation.
        let whole = basis.rows.len() == self.basis.rows.len();
        whole.then(|| Box::new(Equations { basis, wrong: self.wrong.clone() }) as Box<dyn Penalty>)
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Affine::<f64>::NAME,
    doc: Affine::<f64>::DOC,
    parameters: Affine::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |_, weight| Box::new(Equations::new(&Structure::plain(weight))),
    structured: Some(|_, on| Box::new(Equations::new(on))),
    groups: false,
    alpha: Alpha::Rows,
    program: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(k: usize) -> f64 {
        ((k * 7919 + 13) % 1009) as f64 / 504.5 - 1.0
    }

    /// In a metric both ways lead to one point; where that is too uneven rows are made orthogonal anew.
    #[test]
    fn both_ways_to_the_nearest_point_are_one() {
        let mut refused = 0;
        for (k, n) in [(1, 1), (1, 9), (4, 9), (9, 9), (20, 50)] {
            let rows: Vec<Vec<f64>> =
                (0..k).map(|i| (0..n).map(|j| wave(i * n + j)).collect()).collect();
            let right: Vec<f64> = (0..k).map(|i| wave(3 * i + 1)).collect();
            let basis = OrthogonalRows::new(&rows, &right).0;
            for (spread, near) in [(1.0, 1e-10), (3.0, 1e-10), (1e9, 1e-6)] {
                let t: Vec<f64> =
                    (0..n).map(|j| 1e3 * f64::powf(spread, wave(5 * j + 2))).collect();
                let start: Vec<f64> = (0..n).map(|j| 10.0 * wave(7 * j + 3)).collect();
                let (mut by, mut anew) = (start.clone(), start.clone());
                let roots: Vec<f64> = t.iter().map(|t| t.sqrt()).collect();
                basis.in_units(|j| roots[j]).project(&mut anew, |j| roots[j]);
                if basis.project_by(&mut by, &t) {
                    by.iter()
                        .zip(&anew)
                        .for_each(|(a, b)| assert!((a - b).abs() < near, "{a} {b}"));
                } else {
                    assert!(spread > 3.0 && by == start, "left as it was");
                    refused += 1;
                }
            }
        }
        assert!(refused > 1);
    }
}
