//! Rows and targets with their shares, centred; and the triangle that stands for all of them.
use super::Squares;
use crate::linalg::qr::{ColumnMajor, Qr};
use crate::linalg::vectors::dot;
use crate::parallel::pool::pool;

/// Rows of a block, in units of columns: the factor of a block then costs little beside reading it.
const BLOCK: usize = 8;
/// Parts of a table that are factored side by side: by the data alone, so that no machine's threads change the sums.
const PARTS: usize = 8;
/// Rows gathered at once.
const GATHERED: usize = 64;

/// What a table is centred by, and what each of its rows weighs.
pub(super) struct CentredRows<'a> {
    pub of: &'a Squares<'a>,
    /// What each row weighs, all together 1.
    pub share: Vec<f64>,
    /// What all rows weigh.
    pub total: f64,
    /// The columns' means; 0 without an intercept.
    pub centre: Vec<f64>,
    /// The targets' means; 0 without an intercept.
    pub level: Vec<f64>,
}

impl<'a> CentredRows<'a> {
    pub fn new(of: &'a Squares<'a>) -> Self {
        let (n, d) = (of.design.rows(), of.design.columns());
        let total = of.weight.map_or(n as f64, |w| w.iter().sum());
        let share: Vec<f64> = match of.weight {
            Some(weight) => weight.iter().map(|w| w / total).collect(),
            None => vec![1.0 / n as f64; n],
        };
        let (mut centre, mut level) = (vec![0.0; d], vec![0.0; of.targets.len() / n]);
        if of.intercept {
            let parts = PARTS.min(n);
            let sums = pool().map(parts, |p| {
                let here = n * p / parts..n * (p + 1) / parts;
                let mut sum = vec![0.0; d];
                of.design.accumulate(here.clone(), 0..0, &share[here], 1, &mut sum);
                sum
            });
            for sum in sums {
                centre.iter_mut().zip(sum).for_each(|(c, s)| *c += s);
            }
            let means = of.targets.chunks_exact(n).map(|y| dot(y, &share));
            level.iter_mut().zip(means).for_each(|(l, mean)| *l = mean);
        }
        CentredRows { of, share, total, centre, level }
    }

    pub fn n(&self) -> usize {
        self.share.len()
    }
    /// Columns of the table.
    pub fn d(&self) -> usize {
        self.centre.len()
    }
    /// How many targets there are.
    pub fn t(&self) -> usize {
        self.level.len()
    }
    /// 1 where there is an intercept.
    pub fn first(&self) -> usize {
        usize::from(self.of.intercept)
    }

    /// F of each target where the intercept is alone.
    pub fn null(&self) -> Vec<f64> {
        let each = |(y, level): (&[f64], &f64)| {
            0.5 * y.iter().zip(&self.share).map(|(y, s)| s * (y - level) * (y - level)).sum::<f64>()
        };
        self.of.targets.chunks_exact(self.n()).zip(&self.level).map(each).collect()
    }

    /// Calls `put` with each of some rows, centred and weighted, and with the root of its share.
    pub fn each(&self, from: usize, to: usize, mut put: impl FnMut(usize, &mut [f64], f64)) {
        let d = self.d();
        let mut raw = vec![0.0; GATHERED.min(to - from) * d];
        for at in (from..to).step_by(GATHERED) {
            let rows: Vec<u32> = (at..(at + GATHERED).min(to)).map(|i| i as u32).collect();
            self.of.design.gather(&rows, &mut raw[..rows.len() * d]);
            for (k, row) in raw.chunks_exact_mut(d).take(rows.len()).enumerate() {
                let root = self.share[at + k].sqrt();
                row.iter_mut().zip(&self.centre).for_each(|(x, c)| *x = (*x - c) * root);
                put(at + k, row, root);
            }
        }
    }

    /// The targets of a row, centred and weighted.
    pub fn target(&self, i: usize, root: f64) -> impl Iterator<Item = f64> + '_ {
        let n = self.n();
        self.level.iter().enumerate().map(move |(k, l)| (self.of.targets[k * n + i] - l) * root)
    }

    /// R of the rows (a column of ones where there is an intercept, the columns, the targets), and how many blocks were
    /// factored one after another. The column of ones takes from the others what their rounded means have left.
    pub fn triangle(&self) -> (ColumnMajor, usize) {
        let (n, first, d) = (self.n(), self.first(), self.d());
        let width = first + d + self.t();
        let per = (BLOCK * width).max(1024);
        let blocks = n.div_ceil(per);
        let parts = PARTS.min(blocks);
        let part = |p: usize| {
            let (from, to) = (n * p / parts, n * (p + 1) / parts);
            let mut upper = ColumnMajor::zeros(0, width);
            for at in (from..to).step_by(per) {
                let (end, above) = ((at + per).min(to), upper.rows);
                let mut block = ColumnMajor::zeros(above + end - at, width);
                for j in 0..width {
                    block.column_mut(j)[..above].copy_from_slice(upper.column(j));
                }
                let rows = block.rows;
                self.each(at, end, |i, row, root| {
                    let ones = self.of.intercept.then_some(root);
                    let all =
                        ones.into_iter().chain(row.iter().copied()).chain(self.target(i, root));
                    all.enumerate().for_each(|(j, v)| block.data[j * rows + above + i - at] = v);
                });
                upper = Qr::new(block).upper();
            }
            upper
        };
        let uppers = pool().map(parts, part);
        let deep = blocks.div_ceil(parts) + parts;
        (stacked(uppers), deep)
    }
}

/// R of several one above another.
fn stacked(uppers: Vec<ColumnMajor>) -> ColumnMajor {
    let (rows, width) = (uppers.iter().map(|u| u.rows).sum(), uppers[0].columns);
    if uppers.len() == 1 {
        return uppers.into_iter().next().expect("there is one");
    }
    let mut all = ColumnMajor::zeros(rows, width);
    for j in 0..width {
        let mut at = 0;
        for upper in &uppers {
            all.column_mut(j)[at..at + upper.rows].copy_from_slice(upper.column(j));
            at += upper.rows;
        }
    }
    Qr::new(all).upper()
}
