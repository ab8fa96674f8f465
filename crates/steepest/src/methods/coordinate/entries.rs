//! The quadratic over a working set of a sparse table, by the entries of its columns: no matrix is made.
use super::frame::Frame;
use super::gram::row_curvature;
use crate::held::{Held, Jets};
use crate::linalg::vectors::dot;
use crate::parallel::cancel;

/// The columns of a working set in units in which each one's curvature is 1, less what the intercept takes up.
#[derive(Default)]
pub(super) struct SparseSet {
    pub rows: usize,
    /// Where each column's entries begin, and at last where they end: the rows, and the numbers there times the roots of the
    /// rows' curvature.
    pub starts: Vec<usize>,
    pub places: Vec<u32>,
    pub values: Vec<f64>,
    /// What is taken off each column, as a multiple of the column of ones, whose square is `total`.
    pub centre: Vec<f64>,
    pub total: f64,
    /// What was added to each curvature.
    pub little: Vec<f64>,
    /// Whether each column has curvature.
    pub there: Vec<bool>,
}

crate::state!(SparseSet { rows, starts, places, values, centre, total, little, there });

/// Working sets of so many coordinates have a matrix: its factors are cheap.
const FEW: usize = 200;
/// Sweeps that a solution may take: so much less than the matrix, entries are worth their going without it.
const SPARSE: usize = 8;
/// Rows looked at to see whether they are.
const LOOKED: usize = 64;

/// What entries say that a working set is in: what is left of a matrix where there is none.
pub(super) struct WorkingColumns {
    pub entries: SparseSet,
    /// Σ share·h·x̃ and Σ share·h.
    pub cross: Vec<f64>,
    pub total: f64,
}

impl WorkingColumns {
    /// The entries of a working set's columns, each times the root of its row's share of the curvature and a unit; none
    /// where they are too many beside a matrix, of which more than `most` coordinates would have none.
    /// A column's entries: the rows, and the numbers.
    pub fn of(
        rows: &Held<'_>,
        frame: &Frame,
        set: &[u32],
        unit: &[f64],
        (guarded, most): (bool, usize),
    ) -> Option<Self> {
        let (n, k) = (rows.len(), set.len());
        if rows.dense() || frame.outputs != 1 || k <= FEW {
            return None;
        }
        let mut seen = Gathering::new(rows, frame, set);
        let step = n.div_ceil(LOOKED).max(1);
        let looked: usize = (0..n).step_by(step).map(|i| seen.row(i).len()).sum();
        let about = looked.saturating_mul(n) / n.div_ceil(step).max(1);
        if k <= most && SPARSE.saturating_mul(about) > k * k {
            return None;
        }
        let Jets { value, slope, curvature } = rows.jets(&rows.margins);
        let (mut columns, mut values) = (Vec::with_capacity(about), Vec::with_capacity(about));
        let mut ends = Vec::with_capacity(n);
        let (mut starts, mut cross, mut total) = (vec![0; k + 1], vec![0.0; k], 0.0);
        for i in 0..n {
            if i % 1024 == 0 {
                cancel::check();
            }
            let share = rows.share[i];
            if share > 0.0 {
                let h = share * row_curvature(guarded, value[i], slope[i], curvature[i]);
                total += h;
                let root = h.sqrt();
                for &(a, x) in seen.row(i).iter().filter(|_| h > 0.0) {
                    let x = x * unit[a as usize];
                    cross[a as usize] += h * x;
                    starts[a as usize + 1] += 1;
                    columns.push(a);
                    values.push(root * x);
                }
            }
            ends.push(columns.len());
        }
        for a in 0..k {
            starts[a + 1] += starts[a];
        }
        let mut next = starts.clone();
        let mut entries = SparseSet {
            rows: n,
            starts,
            places: vec![0; values.len()],
            values: vec![0.0; values.len()],
            total,
            ..SparseSet::default()
        };
        let mut from = 0;
        for (i, end) in ends.into_iter().enumerate() {
            for e in from..end {
                let to = &mut next[columns[e] as usize];
                (entries.places[*to], entries.values[*to]) = (i as u32, values[e]);
                *to += 1;
            }
            from = end;
        }
        Some(WorkingColumns { entries, cross, total })
    }
    /// The curvature of each column in the units given.
    pub fn squares(&self) -> Vec<f64> {
        (0..self.cross.len()).map(|a| dot(self.entries.of(a).1, self.entries.of(a).1)).collect()
    }
    /// With columns in other units, `centre` taken off them (in their new units) and `little` added to each curvature.
    pub fn scaled(self, scale: &[f64], centre: Vec<f64>, little: Vec<f64>) -> SparseSet {
        let mut entries = self.entries;
        for (a, s) in scale.iter().enumerate() {
            let at = entries.starts[a]..entries.starts[a + 1];
            entries.values[at].iter_mut().for_each(|v| *v *= s);
        }
        let there = scale.iter().map(|s| *s > 0.0).collect();
        SparseSet { centre, little, there, ..entries }
    }
}

/// Rows of a table over the coordinates of a working set.
struct Gathering<'a> {
    held: &'a Held<'a>,
    /// The coordinate of each column.
    place: Vec<u32>,
    /// Coordinates that have an entry in each row, and what is taken off it.
    all: Vec<(u32, f64)>,
    columns: Vec<u32>,
    values: Vec<f64>,
    /// Rows looked at so far; of each coordinate the one that it was last seen in, and where.
    looked: usize,
    last: Vec<(usize, usize)>,
    row: Vec<(u32, f64)>,
}

impl<'a> Gathering<'a> {
    fn new(held: &'a Held<'a>, frame: &Frame, set: &[u32]) -> Self {
        let mut place = vec![u32::MAX; held.columns()];
        let mut all = Vec::new();
        for (a, &j) in set.iter().enumerate() {
            let Some(j) = frame.column(j as usize) else {
                all.push((a as u32, -1.0));
                continue;
            };
            place[j] = a as u32;
            if let Ok(at) = frame.far.binary_search(&(j as u32)) {
                all.push((a as u32, frame.centre[at]));
            }
        }
        let (columns, values, row) = (Vec::new(), Vec::new(), Vec::new());
        Gathering {
            held,
            place,
            all,
            columns,
            values,
            looked: 0,
            last: vec![(0, 0); set.len()],
            row,
        }
    }
    /// What is not 0 in a row: each coordinate once.
    fn row(&mut self, i: usize) -> &[(u32, f64)] {
        self.held.entries(i, &mut self.columns, &mut self.values);
        self.row.clear();
        self.looked += 1;
        let Gathering { place, all, columns, values, looked, last, row, .. } = self;
        let mut add = |a: u32, v: f64| {
            let (seen, at) = last[a as usize];
            if seen == *looked {
                row[at].1 += v;
            } else {
                last[a as usize] = (*looked, row.len());
                row.push((a, v));
            }
        };
        for (&j, &v) in columns.iter().zip(&*values) {
            if place[j as usize] != u32::MAX {
                add(place[j as usize], v);
            }
        }
        all.iter().for_each(|&(a, c)| add(a, -c));
        row
    }
}

impl SparseSet {
    /// Whether it is one of so many coordinates over so many rows.
    pub fn fits(&self, k: usize, rows: usize) -> bool {
        self.rows == rows
            && self.starts.len() == k + 1
            && self.starts.is_sorted()
            && self.starts.first() == Some(&0)
            && self.starts.last() == Some(&self.values.len())
            && self.places.len() == self.values.len()
            && self.places.iter().all(|i| (*i as usize) < rows)
            && self.centre.len() == k
            && self.little.len() == k
            && self.there.len() == k
    }
    /// How often all entries are read for the price of a matrix and the way to the end of it.
    pub fn reads(&self) -> f64 {
        let k = self.there.len() as f64;
        k * k * k / (16 * self.values.len().max(1)) as f64
    }
    pub fn of(&self, a: usize) -> (&[u32], &[f64]) {
        let at = self.starts[a]..self.starts[a + 1];
        (&self.places[at.clone()], &self.values[at])
    }
    /// A column times numbers of the rows.
    pub fn times(&self, a: usize, rows: &[f64]) -> f64 {
        let (places, values) = self.of(a);
        places.iter().zip(values).map(|(&i, v)| v * rows[i as usize]).sum()
    }
    /// Adds a multiple of a column to numbers of the rows.
    pub fn add(&self, a: usize, by: f64, rows: &mut [f64]) {
        let (places, values) = self.of(a);
        places.iter().zip(values).for_each(|(&i, v)| rows[i as usize] += by * v);
    }
    /// The root of a step's rows, but for what the intercept takes up, and what that is.
    pub fn along(&self, face: &[usize], step: &[f64]) -> (Vec<f64>, f64) {
        let (mut rows, mut taken) = (vec![0.0; self.rows], 0.0);
        for (&a, &s) in face.iter().zip(step).filter(|f| *f.1 != 0.0) {
            self.add(a, s, &mut rows);
            taken += s * self.centre[a];
        }
        (rows, taken)
    }
    /// A coordinate of the curvature times a step of which this came.
    pub fn back(&self, a: usize, (rows, taken): &(Vec<f64>, f64), by: f64) -> f64 {
        self.times(a, rows) - taken * self.centre[a] * self.total + self.little[a] * by
    }
}
