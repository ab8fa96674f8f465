//! Linear models of a stream: a row is seen once, and nothing is told of rates or scales.
//!
//! Beside each coefficient stands how far it may be from what it should be (a variance), beside few columns how all
//! pairs of them may be together. A row moves the coefficients by what it costs to move them, and so much less is the next
//! one allowed to: Newton's method of the whole stream, of which each row is the last term. No step goes farther than the
//! row's own loss bears (it is implicit), so that what is far off scale is no danger, and columns that are seldom seen
//! keep their large steps until they are.
//!
//! Amari 1998, <https://doi.org/10.1162/089976698300017746>; Crammer, Kulesza and Dredze 2009 (by themselves),
//! <https://papers.nips.cc/paper/3848>; Toulis and Airoldi 2017 (implicit steps), <https://doi.org/10.1214/16-AOS1506>.
use crate::design::Design;
use crate::linalg::vectors::fold8_apart;
use crate::loss::Block;

mod implicit;
mod pairs;
mod single;

/// Columns up to which all pairs are kept.
pub const PAIRS: usize = 100;
/// Rows that say how columns lie, where a stream begins.
const FIRST: usize = 1000;
/// Rows read at once.
const READ: usize = 64;
/// Rows learned together, and numbers that are added side by side.
const BLOCK: usize = 8;
/// One coefficient is pulled to 0 every so many rows.
const PULL: usize = 16;
/// What a row is taken to tell of a standardised coefficient, where an earlier fit saw rows nobody remembers.
const TOLD: f64 = 0.1;
/// Numbers of a coefficient by itself: itself, its variance, when it was last seen, and its variance at first.
const EACH: usize = 4;

/// What is learned, and how.
pub struct Online<'a> {
    /// A loss of one margin.
    pub loss: &'a dyn Block,
    /// The target of rows of other classes, of several.
    pub low: f64,
    /// The weight of half the squares of the coefficients, beside a row's loss.
    pub alpha: f64,
    /// The share of what is known that is forgotten with each row.
    pub forget: f64,
    /// How far margins are expected to spread before anything is known: a variance.
    pub size: f64,
    /// Whether there is an intercept.
    pub intercept: bool,
}

/// What is known, lent: it is as long as [`len`] says.
pub struct Learned<'a> {
    /// Rows seen.
    pub rows: &'a mut f64,
    /// Where each column lies, and how far it spreads; 0 is not known yet.
    pub centre: &'a mut [f64],
    /// See `centre`.
    pub scale: &'a mut [f64],
    /// Coefficients and their variances, one output after another.
    pub state: &'a mut [f64],
    /// Whether all pairs are kept.
    pub pairs: bool,
    /// Whether columns are taken as they lie.
    pub raw: bool,
}

/// Coefficients of each output and intercepts to begin with, and how many rows they come from.
pub struct Begun<'a> {
    /// Outputs × columns.
    pub coef: &'a [f64],
    /// One an output.
    pub intercept: &'a [f64],
    /// Rows.
    pub rows: f64,
}

/// Numbers of pairs beside the intercept, filled up.
fn width(columns: usize) -> usize {
    (columns + 1).next_multiple_of(BLOCK)
}

/// How many numbers are known of one output.
pub fn len(columns: usize, pairs: bool) -> usize {
    let n = width(columns);
    if pairs { n * (n + 1) } else { EACH * (columns + 1) }
}

impl Online<'_> {
    /// Learns all rows, in their order.
    ///
    /// `target` is one number a row: of several outputs the one that is 1, the others being [`low`](Self::low).
    pub fn learn(
        &self,
        design: &dyn Design,
        target: &[f64],
        weight: Option<&[f64]>,
        known: &mut Learned<'_>,
        begun: Option<&Begun<'_>>,
    ) {
        if *known.rows == 0.0 {
            if !known.raw {
                lie(design, known.centre, known.scale);
            }
            self.begin(known, begun, design.columns());
        }
        let rows = Incoming { design, target, weight };
        if known.pairs {
            self.learn_pairs(&rows, known);
        } else {
            // Where nobody remembers how often a column was seen, as often as any other.
            self.learn_singly(&rows, known, begun.map_or(0.0, |b| b.rows * TOLD));
        }
    }

    /// The targets of some rows for one of so many outputs.
    fn targets(&self, all: &[f64], outputs: usize, k: usize, to: &mut Vec<f64>) {
        let own = |t: &f64| match outputs {
            1 => *t,
            _ if *t as usize == k => 1.0,
            _ => self.low,
        };
        to.clear();
        to.extend(all.iter().map(own));
    }

    /// What is known before the first row.
    fn begin(&self, known: &mut Learned<'_>, begun: Option<&Begun<'_>>, d: usize) {
        let each = len(d, known.pairs);
        let n = width(d);
        let before = begun.map_or(0.0, |b| b.rows * TOLD);
        let spread = |first: f64| 1.0 / (1.0 / first + before);
        for (k, state) in known.state.chunks_exact_mut(each).enumerate() {
            state.fill(0.0);
            // Coefficients, one every so many numbers, and variances from there on, one every so many.
            let (step, to, along) = if known.pairs { (1, n, n + 1) } else { (EACH, 1, EACH) };
            for j in 0..=d {
                let first = match j == d {
                    true => self.size * f64::from(self.intercept),
                    false if known.raw => 0.0,
                    false => self.size / d as f64,
                };
                state[to + along * j] = if first > 0.0 { spread(first) } else { 0.0 };
                if !known.pairs {
                    state[EACH * j + 3] = first;
                }
            }
            let Some(b) = begun else { continue };
            let coef = &b.coef[k * d..(k + 1) * d];
            state[step * d] = b.intercept[k];
            for (j, c) in coef.iter().enumerate() {
                let (centre, scale) =
                    if known.raw { (0.0, 1.0) } else { (known.centre[j], known.scale[j]) };
                // Of a column that has not varied yet it is kept as it is.
                let scale = if scale > 0.0 { scale } else { 1.0 };
                state[step * j] = c * scale;
                state[step * d] += c * centre;
            }
        }
    }

    /// The coefficients over columns as they lie, and the intercept, of one output.
    pub fn told(&self, known: &Learned<'_>, output: usize, coef: &mut [f64]) -> f64 {
        let d = coef.len();
        let each = len(d, known.pairs);
        let state = &known.state[output * each..(output + 1) * each];
        if known.raw {
            let (each, level) = state.as_chunks::<EACH>().0.split_at(d);
            single::read(each, self.alpha, *known.rows, coef);
            return level[0][0];
        }
        let step = if known.pairs { 1 } else { EACH };
        let mut intercept = state[step * d];
        for (j, c) in coef.iter_mut().enumerate() {
            let scale = if known.scale[j] == 0.0 { 1.0 } else { known.scale[j] };
            *c = state[step * j] / scale;
            if !known.pairs {
                *c *= self.pulled(&state[EACH * j..], *known.rows, scale);
            }
            intercept -= *c * known.centre[j];
        }
        intercept
    }

    fn grow(&self) -> f64 {
        1.0 / (1.0 - self.forget)
    }
}

/// Where columns lie and how far they spread, by the first rows. Of sparse rows the zeros stay 0.
fn lie(design: &dyn Design, centre: &mut [f64], scale: &mut [f64]) {
    let d = design.columns();
    let rows = design.rows().min(FIRST.min((1 << 22) / d.max(1)).max(16));
    let mut x = vec![0.0; rows * d];
    design.gather(&(0..rows as u32).collect::<Vec<_>>(), &mut x);
    let (mut count, dense) = (vec![rows as f64; d], design.dense());
    for (j, (c, n)) in centre.iter_mut().zip(&mut count).enumerate() {
        let column = || x.iter().skip(j).step_by(d);
        *c = if dense { column().sum::<f64>() / rows as f64 } else { 0.0 };
        // What never varies lies exactly where it is.
        if dense && column().all(|v| *v == x[j]) {
            *c = x[j];
        }
        if !dense {
            *n = column().filter(|v| **v != 0.0).count().max(1) as f64;
        }
    }
    for (j, s) in scale.iter_mut().enumerate() {
        let square = |v: &f64| (v - centre[j]).powi(2);
        *s = (x.iter().skip(j).step_by(d).map(square).sum::<f64>() / count[j]).sqrt();
    }
}

/// Rows that come: their numbers, targets and weights.
struct Incoming<'a> {
    design: &'a dyn Design,
    target: &'a [f64],
    weight: Option<&'a [f64]>,
}

/// Some of them, those of weight 0 left out.
#[derive(Default)]
struct Gathered {
    named: Vec<u32>,
    target: Vec<f64>,
    weight: Vec<f64>,
}

impl Gathered {
    fn take(&mut self, rows: &Incoming<'_>, from: usize) {
        let weight = |i: usize| rows.weight.map_or(1.0, |w| w[i]);
        let there = from..rows.design.rows().min(from + READ);
        self.named.clear();
        self.named.extend(there.filter(|&i| weight(i) != 0.0).map(|i| i as u32));
        let each = || self.named.iter().map(|&i| i as usize);
        self.target.clear();
        self.target.extend(each().map(|i| rows.target[i]));
        self.weight.clear();
        self.weight.extend(each().map(weight));
    }
}

/// Where columns lie, at work: rows are turned into those of columns centred and scaled.
struct Placing {
    inverse: Vec<f64>,
    /// Whether every column has varied.
    varied: bool,
}

impl Placing {
    fn new(known: &Learned<'_>) -> Self {
        let of = |s: &f64| if *s > 0.0 { 1.0 / s } else { 0.0 };
        let varied = known.scale.iter().all(|s| *s > 0.0);
        Placing { inverse: known.scale.iter().map(of).collect(), varied }
    }

    /// Rows one after another become such, each `n` numbers from the next. A column that varies for the first time is as
    /// wide as it does, and rare if that is late.
    fn place(&mut self, table: &[f64], known: &mut Learned<'_>, x: &mut [f64], n: usize) {
        let d = known.centre.len();
        for (i, row) in table.chunks_exact(d).enumerate() {
            if self.varied {
                break;
            }
            let rows = *known.rows + 1.0 + i as f64;
            for (j, raw) in row.iter().enumerate() {
                let off = raw - known.centre[j];
                if known.scale[j] == 0.0 && off != 0.0 {
                    let scale = off.abs() / rows.min(d as f64).sqrt();
                    (known.scale[j], self.inverse[j]) = (scale, 1.0 / scale);
                    let (step, each) = (if known.pairs { 1 } else { EACH }, len(d, known.pairs));
                    known.state.chunks_exact_mut(each).for_each(|state| state[step * j] *= scale);
                }
            }
            self.varied = known.scale.iter().all(|s| *s > 0.0);
        }
        placed(table, known.centre, &self.inverse, x, n);
    }
}

crate::simd! {
    /// (x − centre) / scale.
    fn placed[](table: &[f64], centre: &[f64], inverse: &[f64], x: &mut [f64], n: usize) {
        for (row, x) in table.chunks_exact(centre.len()).zip(x.chunks_exact_mut(n)) {
            for (((x, raw), c), i) in x.iter_mut().zip(row).zip(centre).zip(inverse) {
                *x = (raw - c) * i;
            }
        }
    }
}

crate::simd! {
    /// x′w and Σ v x² of rows one after another.
    fn looked[](rows: &[f64], w: &[f64], v: &[f64], margin: &mut [f64], spread: &mut [f64]) {
        let (w, v) = (w.as_chunks::<BLOCK>().0, v.as_chunks::<BLOCK>().0);
        for ((x, margin), spread) in rows.chunks_exact(BLOCK * w.len()).zip(margin).zip(spread) {
            let (mut m, mut s) = ([0.0; BLOCK], [0.0; BLOCK]);
            for ((x, w), v) in x.as_chunks::<BLOCK>().0.iter().zip(w).zip(v) {
                for l in 0..BLOCK {
                    m[l] += x[l] * w[l];
                    s[l] += v[l] * x[l] * x[l];
                }
            }
            (*margin, *spread) = (fold8_apart(&m), fold8_apart(&s));
        }
    }
}
