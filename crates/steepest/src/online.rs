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
use crate::loss::{Block, JetOf};
use pairs::Waiting;

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
    /// Value, slope and curvature of the loss.
    pub jet: JetOf,
    /// Its settings.
    pub settings: &'a [f64],
    /// The loss itself where it is made of straight parts.
    pub straight: Option<&'a dyn Block>,
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
        let d = design.columns();
        let each = len(d, known.pairs);
        let outputs = known.state.len() / each;
        if *known.rows == 0.0 {
            if !known.raw {
                lie(design, known.centre, known.scale);
            }
            self.begin(known, begun, d);
        }
        // Where nobody remembers how often a column was seen, as often as any other.
        let before = begun.map_or(0.0, |b| b.rows * TOLD);
        let n = width(d);
        let (mut table, mut x) = (vec![0.0; READ * d], vec![0.0; n]);
        let (mut places, mut values): (Vec<u32>, Vec<f64>) = ((0..d as u32).collect(), Vec::new());
        let mut waiting = Vec::new();
        if known.pairs {
            waiting.extend(
                known.state.chunks_exact(each).map(|s| Waiting::new(n, &s[n..], 2.0 * self.size)),
            );
        }
        x[d] = f64::from(self.intercept);
        let of = |s: &f64| if *s > 0.0 { 1.0 / s } else { 0.0 };
        let mut inverse: Vec<f64> = known.scale.iter().map(of).collect();
        let mut varied = known.scale.iter().all(|s| *s > 0.0);
        for from in (0..design.rows()).step_by(READ) {
            let rows = READ.min(design.rows() - from);
            if !known.raw {
                let named: Vec<u32> = (from..from + rows).map(|i| i as u32).collect();
                design.gather(&named, &mut table[..rows * d]);
            }
            for i in 0..rows {
                let (t, weight) = (target[from + i], weight.map_or(1.0, |w| w[from + i]));
                if weight == 0.0 {
                    continue;
                }
                *known.rows += 1.0;
                if known.raw {
                    design.entries(from + i, &mut places, &mut values);
                } else {
                    let row = &table[i * d..(i + 1) * d];
                    if varied {
                        placed(row, known.centre, &inverse, &mut x[..d]);
                    } else {
                        self.place(row, known, &mut inverse, &mut x[..d]);
                        varied = known.scale.iter().all(|s| *s > 0.0);
                    }
                }
                for (k, state) in known.state.chunks_exact_mut(each).enumerate() {
                    let t = match outputs {
                        1 => t,
                        _ if t as usize == k => 1.0,
                        _ => self.low,
                    };
                    if !known.pairs {
                        let values = if known.raw { &values[..] } else { &x[..d] };
                        let scale = (!known.raw).then_some(&*known.scale);
                        self.single(
                            state,
                            (&places, values),
                            scale,
                            *known.rows,
                            before,
                            t,
                            weight,
                        );
                        continue;
                    }
                    let (w, p) = state.split_at_mut(n);
                    self.pair(w, p, &x, &mut waiting[k], t, weight);
                    let row = *known.rows as usize;
                    let j = row / PULL % d;
                    if self.alpha > 0.0 && row.is_multiple_of(PULL) && known.scale[j] > 0.0 {
                        let bend = self.alpha * (PULL * d) as f64 / known.scale[j].powi(2);
                        waiting[k].flush(w, p, self.grow());
                        waiting[k].pull(w, p, j, bend);
                    }
                }
            }
        }
        for (waiting, state) in waiting.iter_mut().zip(known.state.chunks_exact_mut(each)) {
            let (w, p) = state.split_at_mut(n);
            waiting.flush(w, p, self.grow());
        }
    }

    /// A row in which some columns have not varied yet: one that does now is as wide as it is, and rare if that is late.
    fn place(&self, row: &[f64], known: &mut Learned<'_>, inverse: &mut [f64], x: &mut [f64]) {
        let d = row.len();
        for (j, raw) in row.iter().enumerate() {
            let off = raw - known.centre[j];
            if known.scale[j] == 0.0 && off != 0.0 {
                let scale = off.abs() / known.rows.min(d as f64).sqrt();
                (known.scale[j], inverse[j]) = (scale, 1.0 / scale);
                let (step, each) = (if known.pairs { 1 } else { EACH }, len(d, known.pairs));
                known.state.chunks_exact_mut(each).for_each(|state| state[step * j] *= scale);
            }
        }
        placed(row, known.centre, inverse, x);
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
        let step = if known.pairs { 1 } else { EACH };
        let mut intercept = state[step * d];
        for (j, c) in coef.iter_mut().enumerate() {
            let scale = if known.raw || known.scale[j] == 0.0 { 1.0 } else { known.scale[j] };
            *c = state[step * j] / scale;
            if !known.pairs {
                *c *= self.pulled(&state[EACH * j..], *known.rows, scale);
            }
            if !known.raw {
                intercept -= *c * known.centre[j];
            }
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

crate::simd! {
    /// (x − centre) / scale.
    fn placed[](row: &[f64], centre: &[f64], inverse: &[f64], x: &mut [f64]) {
        for (((x, raw), c), i) in x.iter_mut().zip(row).zip(centre).zip(inverse) {
            *x = (raw - c) * i;
        }
    }
}
