//! Least squares by orthogonal factors: the rows reduced to a triangle, block by block; the triangle by its most telling
//! columns.
//!
//! Columns are compared with each other in units of their own deviation: a column is not smaller for being measured in
//! other units, so none is dropped for its scale. Where columns depend on each other to rounding, the solution is the
//! one of least norm in the units that they came in.
//!
//! Golub and Van Loan, Matrix Computations, 4th edition, sections 5.3 to 5.5.
mod multi_task;
mod rows;
mod space;

use crate::certificate::{Certificate, Kind};
use crate::descend::Solution;
use crate::design::Design;
use crate::linalg::qr::{ColumnMajor, Pivoted, Qr};
use crate::linalg::vectors::room;
use crate::status::{Status, single};
use crate::watch::Counts;
use rows::CentredRows;
use space::{Bounded, Space, units};
use std::time::Instant;

/// What each reflection's rounding may do to a column, in units of eps.
const ROUNDING: f64 = 4.0;
/// Columns whose lengths differ by more are factored in the order of their lengths, so that none drowns in another's
/// rounding.
const UNLIKE: f64 = 1e3;
const ASSUMPTION: &str = "rounding in the factors is as small as it is known to be";
const UNDETERMINED: &str = "rounding in the factors is as small as it is known to be; directions that are undetermined to rounding are taken for that";

/// Σ share · (y − Xw − b)² / 2 + ridge · ‖w‖² / 2 over a table, for each target; the shares are the weights over their
/// sum.
pub struct Squares<'a> {
    /// The table.
    pub design: &'a dyn Design,
    /// A number a row, one target after another.
    pub targets: &'a [f64],
    /// What rows weigh; all alike where None.
    pub weight: Option<&'a [f64]>,
    /// Whether there is an intercept.
    pub intercept: bool,
    /// The weight of the penalty.
    pub ridge: f64,
    /// What the certificate is held against, relative to F.
    pub tolerance: f64,
    /// Whether coefficients and intercepts are handed over in single precision: they are rounded before the value and
    /// the bound are found, so that these are true of what is handed over.
    pub single: bool,
}

/// What is there instead of an answer: values whose squares overflow, or no room for the factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge(pub String);

/// The answer: a descent's solution for each target, and what the factors tell.
pub struct LeastSquares {
    /// The coefficients and the intercept, if there is one, are the point.
    pub solutions: Vec<Solution>,
    /// The rank of the centred columns.
    pub rank: usize,
    /// A triangle with the singular values of the centred columns.
    pub triangle: ColumnMajor,
}

/// As few rows as columns that stand for all.
pub struct Reduced {
    /// The columns.
    pub square: ColumnMajor,
    /// The targets.
    pub targets: ColumnMajor,
    /// The intercepts are `level` − `centre` · coefficients.
    pub level: Vec<f64>,
    /// See `level`.
    pub centre: Vec<f64>,
}

impl Squares<'_> {
    /// The minimisers; of many the ones of least norm.
    pub fn solve(&self) -> Result<LeastSquares, TooLarge> {
        let started = Instant::now();
        let rows = CentredRows::new(self);
        let found = if rows.n() <= rows.d() { self.wide(&rows) } else { self.tall(&rows) }?;
        let seconds = started.elapsed().as_secs_f64();
        let dependent = found.space.rank() < found.columns;
        let solutions = found
            .coefficients
            .into_iter()
            .zip(found.judged)
            .zip(found.shift.iter().zip(rows.null()))
            .enumerate()
            .map(|(k, ((mut x, mut judged), (shift, null)))| {
                if self.intercept {
                    x.push(self.intercept_of(&rows, k, &x, *shift, null, &mut judged));
                }
                self.solution(x, judged, null, dependent, seconds)
            })
            .collect();
        let times = rows.total.sqrt();
        let mut triangle = found.triangle;
        triangle.data.iter_mut().for_each(|v| *v *= times);
        Ok(LeastSquares { solutions, rank: found.space.rank(), triangle })
    }

    /// As few rows as columns that stand for all: F of the rows handed over, each with weight 1 and without an intercept,
    /// is F of the table. Repeated rows and rows of as much weight give the same, but for rounding.
    pub fn reduced(&self) -> Result<Reduced, TooLarge> {
        let rows = CentredRows::new(self);
        let (first, d, t) = (rows.first(), rows.d(), rows.t());
        let (whole, _) = triangle(&rows)?;
        let count = whole.rows - first;
        let root = (count as f64).sqrt();
        let part = |at: usize, columns: usize| {
            ColumnMajor::of(count, columns, |i, j| whole.at(first + i, at + j) * root)
        };
        let over = |j: usize| if first == 1 { whole.at(0, 1 + j) / whole.at(0, 0) } else { 0.0 };
        Ok(Reduced {
            square: part(first, d),
            targets: part(first + d, t),
            level: rows.level.iter().enumerate().map(|(k, l)| l + over(d + k)).collect(),
            centre: rows.centre.iter().enumerate().map(|(j, c)| c + over(j)).collect(),
        })
    }

    /// By blocks of rows.
    fn tall(&self, rows: &CentredRows<'_>) -> Result<Fitted, TooLarge> {
        let (first, d, t) = (rows.first(), rows.d(), rows.t());
        let (whole, blocks) = triangle(rows)?;
        let count = whole.rows - first;
        let mut square = ColumnMajor::of(count, d, |i, j| whole.at(first + i, first + j));
        let noise = f64::EPSILON * ROUNDING * ((d + blocks) as f64).sqrt();
        if first == 1 {
            // What is left of a column beside its mean is nothing where it is as small as the mean's rounding.
            for j in 0..d {
                let head = whole.at(0, 1 + j).abs();
                let column = square.column_mut(j);
                if column.iter().all(|v| v.abs() <= noise * head) {
                    column.fill(0.0);
                }
            }
        }
        let targets: Vec<Vec<f64>> =
            (0..t).map(|k| whole.column(first + d + k)[first..].to_vec()).collect();
        let space = Space::new(&square, noise, Some(units(&square)), None, self.ridge);
        let coefficients = self.rounded(space.solve(&targets));
        let over = |k: usize, coef: &[f64]| {
            if first == 0 {
                return 0.0;
            }
            let explained: f64 = coef.iter().enumerate().map(|(j, w)| whole.at(0, 1 + j) * w).sum();
            (whole.at(0, 1 + d + k) - explained) / whole.at(0, 0)
        };
        Ok(Fitted {
            shift: coefficients.iter().enumerate().map(|(k, coef)| over(k, coef)).collect(),
            judged: targets
                .iter()
                .zip(&coefficients)
                .map(|(y, w)| space.judge(y, w, 0.0))
                .collect(),
            coefficients,
            columns: d.min(count),
            space,
            triangle: ColumnMajor::of(count.min(d), d, |i, j| square.at(i, j)),
        })
    }

    /// By the factors of the rows laid as columns: the solution lies in what they span.
    fn wide(&self, rows: &CentredRows<'_>) -> Result<Fitted, TooLarge> {
        let d = rows.d();
        room(d * rows.n())
            .map_err(|e| TooLarge(format!("least squares needs a copy of X of {e}")))?;
        let Transposed { matrix: mut turned, targets, left, shift } = turned(rows);
        let mut sizes = vec![0.0; d];
        for column in turned.data.chunks_exact(d) {
            sizes.iter_mut().zip(column).for_each(|(s, v)| *s = f64::max(*s, v.abs()));
        }
        let mut lengths = vec![0.0; d];
        for column in turned.data.chunks_exact(d) {
            let parts = column.iter().zip(&sizes).map(|(v, s)| if *s > 0.0 { v / s } else { 0.0 });
            lengths.iter_mut().zip(parts).for_each(|(l, v)| *l += v * v);
        }
        lengths.iter_mut().zip(&sizes).for_each(|(l, s)| *l = l.sqrt() * s);
        if turned.data.iter().any(|v| !v.is_finite())
            || lengths.iter().any(|l| !(l * l).is_finite())
        {
            return Err(TooLarge(SQUARES.into()));
        }
        let noise = f64::EPSILON * ROUNDING * (rows.n() as f64).sqrt();
        for j in 0..d {
            if lengths[j] <= noise * left[j].abs() {
                lengths[j] = 0.0;
                turned.data.iter_mut().skip(j).step_by(d).for_each(|v| *v = 0.0);
            }
        }
        let some = || lengths.iter().copied().filter(|l| *l > 0.0);
        let (longest, shortest) =
            (some().fold(0.0, f64::max), some().fold(f64::INFINITY, f64::min));
        let basis = if longest > UNLIKE * shortest {
            Basis::unlike(turned, &lengths)
        } else {
            Basis::alike(turned)
        };
        let mut square = basis.square();
        let whole = match &basis.twist {
            Some(twist) => product(&square, twist),
            None => square.clone(),
        };
        let twist = if self.ridge > 0.0 && basis.twist.is_some() {
            square = whole.clone();
            None
        } else {
            basis.twist.clone()
        };
        let columns = whole.rows;
        let space = Space::new(&square, noise, None, twist, self.ridge);
        let coefficients: Vec<Vec<f64>> =
            space.solve(&targets).iter().map(|inner| basis.out(inner, d)).collect();
        let coefficients = self.rounded(coefficients);
        let over = |(shift, coef): (&f64, &Vec<f64>)| {
            shift - left.iter().zip(coef).map(|(l, w)| l * w).sum::<f64>()
        };
        let judge = |(y, coef): (&Vec<f64>, &Vec<f64>)| {
            let cancelled = lengths.iter().zip(coef).map(|(l, w)| l * w.abs()).sum();
            space.judge(y, &basis.inward(coef, columns), cancelled)
        };
        Ok(Fitted {
            shift: shift.iter().zip(&coefficients).map(over).collect(),
            judged: targets.iter().zip(&coefficients).map(judge).collect(),
            coefficients,
            columns,
            space,
            triangle: whole,
        })
    }

    fn rounded(&self, mut coefficients: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        if self.single {
            coefficients.iter_mut().flatten().for_each(|w| *w = f64::from(*w as f32));
        }
        coefficients
    }

    /// The intercept of columns that are not centred; rounding it moves every row by as much.
    fn intercept_of(
        &self,
        rows: &CentredRows<'_>,
        k: usize,
        w: &[f64],
        shift: f64,
        null: f64,
        judged: &mut Bounded,
    ) -> f64 {
        // In twice the digits: means may be far from 0.
        let (mut high, mut low) = two_sum(rows.level[k], shift);
        let mut large = 0.0;
        for (c, w) in rows.centre.iter().zip(w) {
            let product = -c * w;
            let (sum, lost) = two_sum(high, product);
            low += lost + (-c).mul_add(*w, -product);
            high = sum;
            large += product.abs();
        }
        let exact = high + low;
        let intercept = if self.single { f64::from(exact as f32) } else { exact };
        let seen = ((high - intercept) + low).abs();
        let unseen = f64::EPSILON * rows.level[k].abs()
            + f64::EPSILON * f64::EPSILON * large * w.len() as f64;
        let off = 0.5 * (seen + unseen) * (seen + unseen);
        judged.rounding +=
            if self.single { (4.0 * off).min(single(judged.value, null)) } else { 4.0 * off };
        judged.bound += off;
        judged.value += 0.5 * seen * seen;
        intercept
    }

    fn solution(
        &self,
        x: Vec<f64>,
        judged: Bounded,
        null: f64,
        dependent: bool,
        seconds: f64,
    ) -> Solution {
        // The value itself is known to rounding only.
        let slack = 8.0 * f64::EPSILON * judged.value;
        let certificate = Certificate {
            kind: Kind::EnergyNorm,
            bound: judged.bound + slack,
            target: (self.tolerance * judged.value.max(1e-12 * null)).max(f64::MIN_POSITIVE),
            rounding: judged.rounding + 2.0 * slack,
            assumption: if dependent { UNDETERMINED } else { ASSUMPTION },
        };
        Solution {
            x,
            value: judged.value,
            violation: 0.0,
            status: Status::Converged.admitted(Some(&certificate)),
            certificate: Some(certificate),
            counts: Counts { iterations: 1, values: 1, gradients: 1, products: 0, passes: 2.0 },
            seconds,
            history: Vec::new(),
            path: Vec::new(),
            findings: Vec::new(),
            gradient: None,
            resumed: None,
        }
    }
}

/// What the factors gave: coefficients a target, what the targets are above what these explain, and how far off they are.
struct Fitted {
    coefficients: Vec<Vec<f64>>,
    shift: Vec<f64>,
    judged: Vec<Bounded>,
    /// How many directions there could be.
    columns: usize,
    space: Space,
    triangle: ColumnMajor,
}

const SQUARES: &str = "Input X or y contains values so large that their sums of squares are infinity: divide the column by a constant first";

fn triangle(rows: &CentredRows<'_>) -> Result<(ColumnMajor, usize), TooLarge> {
    let width = rows.first() + rows.d() + rows.t();
    room(2 * width * width)
        .map_err(|e| TooLarge(format!("least squares needs a triangle of {e}")))?;
    let (whole, blocks) = rows.triangle();
    match whole.data.iter().all(|v| v.is_finite()) {
        true => Ok((whole, blocks)),
        false => Err(TooLarge(SQUARES.into())),
    }
}

/// The centred rows as columns, their targets, and what the rounded means had left, of columns and of targets.
struct Transposed {
    matrix: ColumnMajor,
    targets: Vec<Vec<f64>>,
    left: Vec<f64>,
    shift: Vec<f64>,
}

fn turned(rows: &CentredRows<'_>) -> Transposed {
    let (n, d, t) = (rows.n(), rows.d(), rows.t());
    let mut matrix = ColumnMajor::zeros(d, n);
    let mut targets = vec![vec![0.0; n]; t];
    rows.each(0, n, |i, row, root| {
        matrix.column_mut(i).copy_from_slice(row);
        rows.target(i, root).enumerate().for_each(|(k, v)| targets[k][i] = v);
    });
    if !rows.of.intercept {
        return Transposed { matrix, targets, left: vec![0.0; d], shift: vec![0.0; t] };
    }
    // A reflection that lays all of the mean into the first row, which then is left out.
    let root: Vec<f64> = rows.share.iter().map(|s| s.sqrt()).collect();
    let (left, shift) = (matrix.times(&root), targets.iter().map(|y| dot(y, &root)).collect());
    let mut across = root;
    across[0] += 1.0;
    let mut most = matrix.times(&across);
    most.iter_mut().for_each(|m| *m /= across[0]);
    for k in 1..n {
        let column = matrix.column_mut(k);
        column.iter_mut().zip(&most).for_each(|(v, m)| *v -= m * across[k]);
    }
    for y in &mut targets {
        let far = dot(y, &across) / across[0];
        y.iter_mut().zip(&across).for_each(|(v, a)| *v -= far * a);
        y.remove(0);
    }
    matrix.data.drain(..d);
    matrix.columns -= 1;
    Transposed { matrix, targets, left, shift }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    crate::linalg::vectors::dot(a, b)
}

fn product(a: &ColumnMajor, b: &ColumnMajor) -> ColumnMajor {
    let columns: Vec<Vec<f64>> = (0..b.columns).map(|j| a.times(b.column(j))).collect();
    ColumnMajor { rows: a.rows, columns: b.columns, data: columns.concat() }
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let other = sum - a;
    (sum, (a - (sum - other)) + (b - other))
}

/// Orthonormal columns that span what the rows span: the rows are `square` · `twist` · those columns.
struct Basis {
    factors: Qr,
    /// R of the rows laid as columns.
    upper: ColumnMajor,
    /// Where lengths are unlike: the columns in the order of their lengths, and what was taken out put back.
    order: Option<Vec<usize>>,
    across: Option<Pivoted>,
    twist: Option<ColumnMajor>,
}

impl Basis {
    fn alike(turned: ColumnMajor) -> Self {
        let factors = Qr::new(turned);
        let upper = factors.upper();
        Basis { factors, upper, order: None, across: None, twist: None }
    }

    /// Factored with the lengths taken out, in their order; then they are put back, and it is factored once more.
    fn unlike(turned: ColumnMajor, lengths: &[f64]) -> Self {
        let (d, n) = (turned.rows, turned.columns);
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
        let size: Vec<f64> =
            order.iter().map(|j| if lengths[*j] > 0.0 { lengths[*j] } else { 1.0 }).collect();
        let sorted = ColumnMajor::of(d, n, |i, k| turned.at(order[i], k) / size[i]);
        drop(turned);
        let factors = Qr::new(sorted);
        let upper = factors.upper();
        let mut across = ColumnMajor::of(d, upper.rows, |i, k| f64::from(i == k));
        factors.apply(&mut across, false);
        for column in across.each() {
            column.iter_mut().zip(&size).for_each(|(v, s)| *v *= s);
        }
        let across = Pivoted::new(across, 0.0);
        let mut place = vec![0; upper.rows];
        across.order.iter().enumerate().for_each(|(k, &j)| place[j] = k);
        // (D Q)′ = P R′ Q₂′.
        let twist = ColumnMajor::of(upper.rows, across.rank, |j, k| across.upper(k, place[j]));
        Basis { factors, upper, order: Some(order), across: Some(across), twist: Some(twist) }
    }

    /// The rows in terms of the columns.
    fn square(&self) -> ColumnMajor {
        ColumnMajor::of(self.upper.columns, self.upper.rows, |i, j| self.upper.at(j, i))
    }

    /// Coefficients of the table's columns.
    fn out(&self, inner: &[f64], d: usize) -> Vec<f64> {
        let mut coef = inner.to_vec();
        coef.resize(d, 0.0);
        let (Some(order), Some(across)) = (&self.order, &self.across) else {
            let mut one = ColumnMajor { rows: d, columns: 1, data: coef };
            self.factors.apply(&mut one, false);
            return one.data;
        };
        across.apply(&mut coef, false);
        let mut out = vec![0.0; d];
        order.iter().zip(coef).for_each(|(&j, v)| out[j] = v);
        out
    }

    /// And back.
    fn inward(&self, coef: &[f64], rows: usize) -> Vec<f64> {
        let (Some(order), Some(across)) = (&self.order, &self.across) else {
            let mut one = ColumnMajor { rows: coef.len(), columns: 1, data: coef.to_vec() };
            self.factors.apply(&mut one, true);
            one.data.truncate(self.upper.rows.min(rows));
            return one.data;
        };
        let mut inner: Vec<f64> = order.iter().map(|&j| coef[j]).collect();
        across.apply(&mut inner, true);
        inner.truncate(across.rank);
        inner
    }
}
