//! The variables that the work is done in: columns far from 0 are seen less a centre, which the intercept takes up.
use crate::held::Held;
use crate::parallel::pool::pool;
use crate::penalty::Piece;
use crate::problem::Meter;
use crate::status::Halt;
use crate::table::OfRows;

/// Beyond so many deviations a mean costs digits that matter.
const FAR: f64 = 1e3;

/// Coordinates as the objective has them (of each output its coefficients, then its intercept), the intercept b seen
/// as b + Σ centre_j w_j where some columns are centred.
#[derive(Default)]
pub(super) struct Frame {
    /// Columns of the table.
    pub columns: usize,
    /// Margins of a row.
    pub outputs: usize,
    /// Variables of an output.
    pub width: usize,
    /// Whether the intercept is one output's and free, so that it is no coordinate of working sets: what is best for
    /// it follows.
    pub taken_out: bool,
    /// Columns that are centred, and their centres.
    pub far: Vec<u32>,
    pub centre: Vec<f64>,
    /// Weighted means of the columns as they are seen, and their deviations.
    pub mean: Vec<f64>,
    pub deviation: Vec<f64>,
}

impl Frame {
    /// From one read of the table, and two more of those columns that are far; with slopes, the gradient of the
    /// coefficients too (one output only).
    pub fn new(
        rows: &Held<'_>,
        pieces: &[Piece],
        slope: Option<&[f64]>,
        meter: &mut Meter<'_>,
    ) -> Result<(Self, Vec<f64>), Halt> {
        let (d, outputs, width) = (rows.columns(), rows.outputs(), rows.width());
        meter.spend(1.0)?;
        let [mean, square, mut gradient] = rows.moments(slope, &mut || meter.pause())?;
        let deviation =
            square.iter().zip(&mean).map(|(q, m)| (q - m * m).max(0.0).sqrt()).collect();
        let free = rows.intercept() && (0..outputs).all(|o| pieces[o * width + d].is_free());
        let mut frame = Frame {
            columns: d,
            outputs,
            width,
            taken_out: free && outputs == 1,
            far: Vec::new(),
            centre: Vec::new(),
            mean,
            deviation,
        };
        if free {
            frame.far = (0..d as u32)
                .filter(|&j| frame.mean[j as usize].abs() > FAR * frame.deviation[j as usize])
                .filter(|&j| frame.mean[j as usize].is_finite())
                .collect();
        }
        if !frame.far.is_empty() {
            meter.spend(2.0 * frame.far.len() as f64 / d as f64)?;
            frame.centre_far(rows, slope, &mut gradient);
            meter.pause()?;
        }
        Ok((frame, gradient))
    }

    /// Means and deviations of the far columns around one of their own entries, and the gradient there.
    fn centre_far(&mut self, rows: &Held<'_>, slope: Option<&[f64]>, gradient: &mut [f64]) {
        const BLOCK: usize = 1024;
        let (n, f) = (rows.len(), self.far.len());
        let first = (0..n).find(|&i| rows.share[i] > 0.0).unwrap_or(0);
        let mut shift = vec![0.0; f];
        rows.select(first..first + 1, &self.far, &mut shift);
        let sums = |centre: &[f64]| {
            let parts = pool().map(n.div_ceil(BLOCK), |p| {
                let some = p * BLOCK..((p + 1) * BLOCK).min(n);
                let mut x = vec![0.0; some.len() * f];
                rows.select(some.clone(), &self.far, &mut x);
                let mut s = vec![[0.0; 3]; f];
                for (row, i) in x.chunks_exact(f).zip(some).filter(|r| rows.share[r.1] > 0.0) {
                    let (share, slope) = (rows.share[i], slope.map_or(0.0, |s| s[i]));
                    for ((x, c), s) in row.iter().zip(centre).zip(&mut s) {
                        let v = x - c;
                        s[0] += share * v;
                        s[1] += share * v * v;
                        s[2] += share * slope * v;
                    }
                }
                s
            });
            let mut all = vec![[0.0; 3]; f];
            for part in parts {
                for (a, s) in all.iter_mut().zip(part) {
                    (0..3).for_each(|k| a[k] += s[k]);
                }
            }
            all
        };
        self.centre = sums(&shift).iter().zip(&shift).map(|(s, c)| c + s[0]).collect();
        for (s, &j) in sums(&self.centre).iter().zip(&self.far) {
            let j = j as usize;
            self.mean[j] = s[0];
            self.deviation[j] = (s[1] - s[0] * s[0]).max(0.0).sqrt();
            if slope.is_some() {
                gradient[j] = s[2];
            }
        }
    }

    /// The table as it is seen, for a read.
    pub fn less(&self) -> OfRows<'_> {
        OfRows::Less { columns: &self.far, by: &self.centre }
    }
    /// The column of a coordinate; none is an intercept.
    pub fn column(&self, a: usize) -> Option<usize> {
        Some(a % self.width).filter(|j| *j < self.columns)
    }
    /// The output of a coordinate.
    pub fn output(&self, a: usize) -> usize {
        a / self.width
    }
    /// Where the intercept of a coordinate's output is, if there is one.
    pub fn intercept(&self, a: usize) -> Option<usize> {
        (self.width > self.columns).then(|| self.output(a) * self.width + self.columns)
    }
    /// Coordinates that working sets are made of.
    pub fn coordinates(&self) -> usize {
        if self.taken_out { self.columns } else { self.outputs * self.width }
    }
    /// The root mean square of a coordinate's column as it is seen; 1 for an intercept.
    pub fn size(&self, a: usize) -> f64 {
        self.column(a).map_or(1.0, |j| self.mean[j].hypot(self.deviation[j]))
    }
    /// The same about what an intercept takes up, where there is one that may.
    pub fn spread(&self, a: usize) -> f64 {
        match self.column(a) {
            Some(j) if self.taken_out => self.deviation[j],
            _ => self.size(a),
        }
    }
    /// From the objective's variables to those seen.
    pub fn inward(&self, x: &[f64], v: &mut [f64]) {
        v.copy_from_slice(x);
        self.shift(v, 1.0);
    }
    /// And back.
    pub fn out(&self, v: &[f64], x: &mut [f64]) {
        x.copy_from_slice(v);
        self.shift(x, -1.0);
    }
    fn shift(&self, v: &mut [f64], sign: f64) {
        if self.far.is_empty() {
            return;
        }
        for v in v.chunks_exact_mut(self.width) {
            let taken: f64 =
                self.far.iter().zip(&self.centre).map(|(&j, c)| c * v[j as usize]).sum();
            v[self.columns] += sign * taken;
        }
    }
    /// How large the numbers are that the intercept is a difference of, on the way out: what its rounding is of.
    pub fn taken(&self, v: &[f64]) -> f64 {
        let of = |v: &[f64]| -> f64 {
            self.far.iter().zip(&self.centre).map(|(&j, c)| (c * v[j as usize]).abs()).sum()
        };
        if self.far.is_empty() {
            0.0
        } else {
            v.chunks_exact(self.width).map(of).fold(0.0, f64::max)
        }
    }
    /// The gradient in the objective's variables.
    pub fn gradient(&self, seen: &[f64], to: &mut [f64]) {
        to.copy_from_slice(seen);
        if self.far.is_empty() {
            return;
        }
        for g in to.chunks_exact_mut(self.width) {
            let free = g[self.columns];
            self.far.iter().zip(&self.centre).for_each(|(&j, c)| g[j as usize] += c * free);
        }
    }
}
