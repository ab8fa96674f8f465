//! Inner centring and scaling of columns: other variables for the same objective.
use crate::held::Held;
use crate::linalg::vectors;
use crate::parallel::pool::pool;
use crate::table::Table;

/// What centres and scales are told by.
pub enum Look<'a> {
    /// Some rows, of a dense table.
    Rows(&'a Held<'a>),
    /// Σ weight x and Σ weight x² over all rows, by columns, of a sparse one.
    Moments {
        /// The first.
        sum: Vec<f64>,
        /// The second.
        square: Vec<f64>,
    },
}

/// u_j = scale_j · w_j for each coefficient, and u_b = b + Σ_j centre_j w_j for the intercept: then
/// x_i′w + b = Σ_j ((x_ij − centre_j) / scale_j) u_j + u_b, so the objective is the same, only better conditioned.
///
/// Without an intercept there is nothing that could take up a centre, and it is 0.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// What is taken off a column.
    pub centre: Vec<f64>,
    /// What it is divided by; never 0.
    pub scale: Vec<f64>,
    /// The scale by which a row's distance from the centre is told: smaller for columns that did not vary in
    /// the rows looked at, so that a row in which they do is far.
    pub reach: Vec<f64>,
    /// Whether a column is one number in every row and centred away, so that no margin depends on it.
    flat: Vec<bool>,
    /// Whether what most rows of a column say is rounding beside a number so far out that its squares would overflow.
    lost: Vec<bool>,
    /// Whether in some column most rows lie far from a few.
    pub outlying: bool,
    /// Whether there is an intercept behind the columns.
    pub intercept: bool,
    /// Outputs that see the columns; what lies behind their variables is learnt, and left as it is.
    outputs: usize,
}

/// How many rows tell where most of them lie.
const FEW: usize = 33;
/// How far the mean is from where most rows lie, in times of how far these lie apart, where rows far out have made it.
const OUTLYING: f64 = 1e6;
/// The same of the deviation, so that squares do not overflow.
const FARTHEST: f64 = 1e120;
/// How large a column is beside its scale where what it says is lost: nothing is proved of it.
const LOST: f64 = 1e40;

impl Scaling {
    /// Centres and scales by the mean and the deviation of what was seen.
    pub fn of(table: &Table, seen: &Look<'_>, centred: bool) -> Self {
        let d = table.columns;
        // Around one of the rows: a mean far from 0 would swallow the deviation. Of sparse rows most entries are 0.
        let mut shift = vec![0.0; d];
        let mut unit = vec![1.0; d];
        let ((total, sum, square), all) = match seen {
            Look::Rows(rows) => {
                if !rows.is_empty() {
                    rows.gather(0..1, &mut shift);
                }
                let first = around(rows, (&shift, &unit));
                unit = first.size.iter().map(|s| vectors::unit(*s)).collect();
                let fine = unit.iter().all(|u| *u == 1.0);
                let ColumnSums { total, sum, square, .. } =
                    if fine { first } else { around(rows, (&shift, &unit)) };
                ((total, sum, square), rows.len() >= table.rows)
            }
            Look::Moments { sum, square } => ((table.total, sum.clone(), square.clone()), false),
        };
        let most = if let Look::Rows(rows) = seen { middles(rows, d) } else { Vec::new() };
        let total = if total > 0.0 { total } else { 1.0 };
        // Sums of squares around 0 lose half of their digits where a column hardly varies.
        let varies = if matches!(seen, Look::Rows(_)) { 1e-12 } else { 1e-7 };
        let mut centre = vec![0.0; d];
        let mut scale = vec![1.0; d];
        let mut reach = vec![1.0; d];
        let mut flat = vec![false; d];
        let mut lost = vec![false; d];
        let mut any = false;
        for j in 0..d {
            let mean = sum[j] / total;
            let level = shift[j] + mean / unit[j];
            let deviation = (square[j] / total - mean * mean).max(0.0).sqrt() / unit[j];
            let size = if centred { deviation } else { deviation.hypot(level) };
            let constant = !(size > varies * level.abs());
            scale[j] = if constant { level.abs() } else { size };
            if !(scale[j] > 0.0 && scale[j].is_finite() && (1.0 / scale[j]).is_finite()) {
                scale[j] = 1.0;
            }
            reach[j] = if constant { 1e-3 * scale[j] } else { scale[j] };
            // Where nothing takes up a centre, most rows lie as far from 0 as that.
            let usual = |&(middle, off): &(f64, f64)| match centred {
                true => (middle, off),
                false => (0.0, if off > 0.0 { middle.abs().max(off) } else { 0.0 }),
            };
            let outlying = |(middle, off): &(f64, f64)| {
                let away = if centred { (level - middle).abs() } else { size };
                *off > 0.0 && !(away <= OUTLYING * off)
            };
            let outlying = most.get(j).map(usual).filter(outlying);
            lost[j] = outlying.is_some_and(|(_, off)| !(size < FARTHEST * off));
            any |= outlying.is_some();
            if let Some((middle, off)) = outlying.filter(|_| !lost[j]) {
                // A mean that few rows far out have made would swallow what most rows say, and so would their deviation.
                (centre[j], scale[j], reach[j]) = (middle, off, off);
            } else if centred && level.is_finite() {
                centre[j] = level;
                // Of ordinary numbers, so that no square underflows.
                flat[j] = all && square[j] == 0.0 && level.abs() > 1e-100;
            }
        }
        let (intercept, outputs) = (table.intercept, table.margins());
        Scaling { centre, scale, reach, flat, lost, outlying: any, intercept, outputs }
    }

    /// Whether some column did not vary in the rows looked at, so that its scale is a guess.
    pub fn guessed(&self) -> bool {
        self.reach.iter().zip(&self.scale).any(|(r, s)| r != s)
    }
    /// Whether a column is one number in every row and centred away, so that no margin depends on it.
    pub fn flat(&self, column: usize) -> bool {
        self.flat.get(column).is_some_and(|flat| *flat)
    }
    fn width(&self) -> usize {
        self.scale.len() + usize::from(self.intercept)
    }
    /// Variables that are coefficients or intercepts.
    fn seen(&self) -> usize {
        self.outputs * self.width()
    }
    /// How large a column is beside its scale.
    pub fn offset(&self, coordinate: usize) -> f64 {
        if coordinate >= self.seen() {
            return 1.0;
        }
        let j = coordinate % self.width();
        match self.flat.get(j) {
            Some(true) => 0.0,
            Some(false) if self.lost[j] => LOST,
            Some(false) => 1.0 + self.centre[j].abs() / self.scale[j],
            None => 1.0,
        }
    }
    /// A column so small that its penalty would overflow is made no larger than that allows: it stays at 0.
    pub fn keep_finite(&mut self, weight: impl Fn(usize) -> f64) {
        for (j, (scale, reach)) in self.scale.iter_mut().zip(&mut self.reach).enumerate() {
            let least = 1e-130 * weight(j).sqrt();
            if *scale < least {
                (*scale, *reach) = (least, least / *scale * *reach);
            }
        }
    }
    /// Columns whose penalty is less than `least`, though there is one: numbers far out may have made their scale.
    pub fn faint(&self, weight: impl Fn(usize) -> f64, least: f64) -> Vec<usize> {
        let faint = |j: &usize| weight(*j) > 0.0 && self.penalty(*j, weight(*j)) < least;
        (0..self.scale.len()).filter(faint).collect()
    }
    /// Looks for numbers far out in columns of a sparse table, whose sums tell nothing of most rows: in `rows`, where what
    /// is not 0 counts.
    pub fn look(&mut self, rows: &Held<'_>, far: &[usize]) {
        let mut row = vec![0.0; self.scale.len()];
        let mut entries = vec![Vec::new(); far.len()];
        for i in 0..rows.len() {
            rows.gather(i..i + 1, &mut row);
            let there = entries.iter_mut().zip(far).filter(|(_, j)| row[**j] != 0.0);
            there.for_each(|(entries, j)| entries.push(row[*j].abs()));
        }
        for (entries, &j) in entries.iter_mut().zip(far) {
            let usual = median(entries);
            if usual > 0.0 && !(self.scale[j] <= OUTLYING * usual) {
                self.lost[j] = !(self.scale[j] < FARTHEST * usual);
                self.outlying = true;
                if !self.lost[j] {
                    (self.centre[j], self.scale[j], self.reach[j]) = (0.0, usual, usual);
                }
            }
        }
    }
    /// Columns of which a number far out has swallowed what the other rows say.
    pub fn lost(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.lost.len()).filter(move |&j| self.lost[j])
    }
    /// The weight of a penalty w²/2 on a column's coefficient (or what lies behind the columns), in u²/2: one that
    /// underflows is one none the less.
    pub fn penalty(&self, column: usize, weight: f64) -> f64 {
        let least = if weight > 0.0 { f64::MIN_POSITIVE } else { 0.0 };
        self.scale.get(column).map_or(weight, |s| (weight / s / s).max(least))
    }
    /// From the standardised variables to the objective's.
    pub fn out(&self, u: &[f64], x: &mut [f64]) {
        let d = self.scale.len();
        let ((u, learnt), (x, to)) = (u.split_at(self.seen()), x.split_at_mut(self.seen()));
        to.copy_from_slice(learnt);
        for (u, x) in u.chunks_exact(self.width()).zip(x.chunks_exact_mut(self.width())) {
            let mut taken = 0.0;
            for j in 0..d {
                x[j] = u[j] / self.scale[j];
                taken += self.centre[j] * x[j];
            }
            if self.intercept {
                x[d] = u[d] - taken;
            }
        }
    }
    /// From the objective's variables to the standardised ones.
    pub fn inward(&self, x: &[f64], u: &mut [f64]) {
        let d = self.scale.len();
        let ((x, learnt), (u, to)) = (x.split_at(self.seen()), u.split_at_mut(self.seen()));
        to.copy_from_slice(learnt);
        for (x, u) in x.chunks_exact(self.width()).zip(u.chunks_exact_mut(self.width())) {
            let mut taken = 0.0;
            for j in 0..d {
                u[j] = x[j] * self.scale[j];
                taken += self.centre[j] * x[j];
            }
            if self.intercept {
                u[d] = x[d] + taken;
            }
        }
    }
    /// A gradient in the objective's variables becomes the one in the standardised ones.
    pub fn gradient(&self, g: &mut [f64]) {
        let (d, seen) = (self.scale.len(), self.seen());
        for g in g[..seen].chunks_exact_mut(self.width()) {
            let free = if self.intercept { g[d] } else { 0.0 };
            for j in 0..d {
                let moved = (g[j] - self.centre[j] * free) / self.scale[j];
                g[j] = if self.flat[j] { 0.0 } else { moved };
            }
        }
    }
    /// Rows of the design, in place, become rows of the standardised problem, each times its number; `width`
    /// numbers a row, of which the last stands for the intercept.
    pub fn rows(&self, raw: &[f64], times: &[f64], to: &mut [f64]) {
        let d = self.scale.len();
        let inverse: Vec<f64> = self.scale.iter().map(|s| 1.0 / s).collect();
        standardise(raw, times, &self.centre, &inverse, self.width(), to);
        if self.intercept {
            for (to, t) in to.chunks_exact_mut(self.width()).zip(times) {
                to[d] = *t;
            }
        }
    }
}

/// The lower median; 0 of nothing.
fn median(v: &mut [f64]) -> f64 {
    match v.len() {
        0 => 0.0,
        n => *v.select_nth_unstable_by((n - 1) / 2, f64::total_cmp).1,
    }
}

/// The median of some rows, and of how far those are off it that are off it, by columns; 0 where none is.
fn middles(rows: &Held<'_>, d: usize) -> Vec<(f64, f64)> {
    let count = rows.len().min(FEW);
    let mut x = vec![0.0; count * d];
    for (i, row) in x.chunks_exact_mut(d.max(1)).enumerate() {
        let at = i * rows.len() / count;
        rows.gather(at..at + 1, row);
    }
    let of = |j: usize| {
        let mut column: Vec<f64> = x.iter().skip(j).step_by(d).copied().collect();
        let middle = median(&mut column);
        let mut off: Vec<f64> =
            column.iter().map(|v| (v - middle).abs()).filter(|off| *off > 0.0).collect();
        (middle, median(&mut off))
    };
    if count == 0 { Vec::new() } else { (0..d).map(of).collect() }
}

/// Σ weight and, of y = (x − shift) · unit, Σ weight y, Σ weight y² and the largest |y|, by columns.
struct ColumnSums {
    total: f64,
    sum: Vec<f64>,
    square: Vec<f64>,
    size: Vec<f64>,
}

/// Those sums over some rows.
fn around(rows: &Held<'_>, (shift, unit): (&[f64], &[f64])) -> ColumnSums {
    /// Rows held at once, and numbers of a part.
    const BLOCK: usize = 32;
    const PART: usize = 1 << 20;
    let (n, d) = (rows.len(), shift.len());
    let per = PART.div_ceil(BLOCK * d.max(1)) * BLOCK;
    let parts = pool().map(n.div_ceil(per), |p| {
        let mut a =
            ColumnSums { total: 0.0, sum: vec![0.0; d], square: vec![0.0; d], size: vec![0.0; d] };
        let mut x = vec![0.0; BLOCK * d];
        let end = n.min((p + 1) * per);
        for from in (p * per..end).step_by(BLOCK) {
            let block = from..end.min(from + BLOCK);
            rows.gather(block.clone(), &mut x[..block.len() * d]);
            for (row, i) in x.chunks_exact(d.max(1)).zip(block) {
                let w = rows.weight(i);
                a.total += w;
                for j in 0..d {
                    let x = row[j] * unit[j] - shift[j] * unit[j];
                    a.sum[j] += w * x;
                    a.square[j] += w * x * x;
                    a.size[j] = a.size[j].max(x.abs());
                }
            }
        }
        a
    });
    let mut all =
        ColumnSums { total: 0.0, sum: vec![0.0; d], square: vec![0.0; d], size: vec![0.0; d] };
    for part in parts {
        all.total += part.total;
        all.sum.iter_mut().zip(part.sum).for_each(|(a, b)| *a += b);
        all.square.iter_mut().zip(part.square).for_each(|(a, b)| *a += b);
        all.size.iter_mut().zip(part.size).for_each(|(a, b)| *a = a.max(b));
    }
    all
}

crate::simd! {
    fn standardise[](raw: &[f64], times: &[f64], centre: &[f64], inverse: &[f64], width: usize, to: &mut [f64]) {
        let d = centre.len();
        let inverse = &inverse[..d];
        for (i, t) in times.iter().enumerate() {
            let (row, to) = (&raw[i * d..(i + 1) * d], &mut to[i * width..i * width + d]);
            for j in 0..d {
                to[j] = (row[j] - centre[j]) * inverse[j] * t;
            }
        }
    }
}
