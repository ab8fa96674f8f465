//! Some rows of a table, named: the only rows that are seen one by one.
use crate::design::{Design, rows_per_part};
use crate::designs::centred::Centred;
use crate::designs::dense::Dense;
use crate::loss::{Block, KINKS, Kink};
use crate::parallel::pool::pool;
use crate::status::Halt;
use std::borrow::Cow;
use std::ops::Range;

/// Some rows, with their targets, weights, shares and margins; what is sampled works on these and nothing else.
///
/// A table in memory lends them where they lie and copies none. One that lies elsewhere holds a copy.
pub struct Held<'a> {
    lie: Lie<'a>,
    /// Where each lies; none where they are all, in their order.
    names: Option<Vec<u32>>,
    columns: usize,
    dense: bool,
    /// Columns that are seen less a number each.
    less: (&'a [u32], &'a [f64]),
    pub(crate) intercept: bool,
    pub(crate) loss: &'a dyn Block,
    pub(crate) target: Cow<'a, [f64]>,
    /// One weight a row; none is 1 each.
    pub(crate) weight: Option<Cow<'a, [f64]>>,
    /// The share of each in the mean over the rows that it was asked of.
    pub share: Cow<'a, [f64]>,
    /// The margins that were asked for, with what is learnt, a row's side by side; empty where none were.
    pub margins: Cow<'a, [f64]>,
}

/// Where rows lie.
enum Lie<'a> {
    /// In a table.
    There(&'a dyn Design),
    /// Here, one after another.
    Here(Vec<f64>),
}

/// What losses are at some margins: values, and for each output slopes and curvatures.
pub struct Jets {
    /// A row's loss.
    pub value: Vec<f64>,
    /// Its slopes.
    pub slope: Vec<f64>,
    /// Its curvatures, as the loss tells them ([`Block::bending`] numbers a row).
    pub curvature: Vec<f64>,
}

/// Parts that rows are summed in at once.
const PARTS: usize = 128;

impl<'a> Held<'a> {
    /// Rows of a table that it lends, of which all are of this loss: all of them where none are named. The rest is set by
    /// whoever knows it.
    pub fn lent(
        design: &'a dyn Design,
        names: Option<Vec<u32>>,
        loss: &'a dyn Block,
        target: Cow<'a, [f64]>,
        intercept: bool,
    ) -> Self {
        Held {
            lie: Lie::There(design),
            names,
            columns: design.columns(),
            dense: design.dense(),
            less: (&[], &[]),
            intercept,
            loss,
            target,
            weight: None,
            share: Cow::Borrowed(&[]),
            margins: Cow::Borrowed(&[]),
        }
    }
    /// Copies of the rows of several, one after another; none where there is nothing to join.
    pub fn joined(parts: Vec<Held<'a>>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        let mut all = Held { lie: Lie::Here(first.copy()), names: None, ..first };
        for part in parts {
            let copy = part.copy();
            if let Lie::Here(x) = &mut all.lie {
                x.extend(copy);
            }
            all.target.to_mut().extend(&*part.target);
            if let (Some(all), Some(part)) = (&mut all.weight, part.weight) {
                all.to_mut().extend(&*part);
            }
            all.share.to_mut().extend(&*part.share);
            all.margins.to_mut().extend(&*part.margins);
        }
        Some(all)
    }
    /// The same rows, of which some columns (ascending) are seen less a number each.
    pub fn less(self, columns: &'a [u32], by: &'a [f64]) -> Self {
        Held { less: (columns, by), ..self }
    }
    fn copy(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.len() * self.columns];
        self.gather(0..self.len(), &mut x);
        x
    }
    /// The names of some of them.
    fn named(&self, rows: Range<usize>) -> Cow<'_, [u32]> {
        match &self.names {
            Some(names) => Cow::Borrowed(&names[rows]),
            None => Cow::Owned(rows.map(|i| i as u32).collect()),
        }
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.target.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }
    /// Whether the table that they are of is dense.
    pub fn dense(&self) -> bool {
        self.dense
    }
    /// Whether each output has an intercept.
    pub fn intercept(&self) -> bool {
        self.intercept
    }
    /// Numbers of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// Those, and the intercept's.
    pub fn width(&self) -> usize {
        self.columns + usize::from(self.intercept)
    }
    /// Numbers that a row's loss is of.
    pub fn outputs(&self) -> usize {
        self.loss.outputs()
    }
    /// Margins of a row: those of them that are not learnt.
    pub fn margins(&self) -> usize {
        self.loss.outputs() - self.loss.learnt()
    }
    /// Whether a number added to all margins changes nothing.
    pub fn level(&self) -> bool {
        self.loss.level()
    }
    /// The weight of a row.
    pub fn weight(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |w| w[row])
    }
    /// The margins of a row.
    pub fn margin(&self, row: usize) -> &[f64] {
        let k = self.outputs();
        &self.margins[row * k..(row + 1) * k]
    }
    /// Copies rows, one after another.
    pub fn gather(&self, rows: Range<usize>, out: &mut [f64]) {
        let d = self.columns.max(1);
        match &self.lie {
            Lie::There(design) => design.gather(&self.named(rows), out),
            Lie::Here(x) => {
                let named = self.named(rows);
                let from = named.iter().map(|&i| &x[i as usize * self.columns..][..self.columns]);
                out.chunks_exact_mut(d).zip(from).for_each(|(to, x)| to.copy_from_slice(x));
            }
        }
        if !self.less.0.is_empty() {
            let less = || self.less.0.iter().zip(self.less.1);
            out.chunks_exact_mut(d).for_each(|row| less().for_each(|(&j, c)| row[j as usize] -= c));
        }
    }
    /// Copies some columns (ascending) of rows, one row after another.
    pub fn select(&self, rows: Range<usize>, columns: &[u32], out: &mut [f64]) {
        match &self.lie {
            Lie::There(design) => design.select(&self.named(rows), columns, out),
            Lie::Here(x) => {
                let named = self.named(rows);
                for (&i, out) in named.iter().zip(out.chunks_exact_mut(columns.len().max(1))) {
                    let x = &x[i as usize * self.columns..];
                    out.iter_mut().zip(columns).for_each(|(o, &j)| *o = x[j as usize]);
                }
            }
        }
        for (j, c) in self.less.0.iter().zip(self.less.1) {
            if let Ok(k) = columns.binary_search(j) {
                out.chunks_exact_mut(columns.len()).for_each(|row| row[k] -= c);
            }
        }
    }
    /// What is not 0 in a row, before anything is taken off: the columns (one that comes up twice adds up), and the
    /// numbers there.
    pub fn entries(&self, row: usize, columns: &mut Vec<u32>, values: &mut Vec<f64>) {
        match &self.lie {
            Lie::There(design) => {
                let name = self.names.as_ref().map_or(row, |names| names[row] as usize);
                design.entries(name, columns, values);
            }
            Lie::Here(x) => {
                let name = self.named(row..row + 1)[0] as usize;
                let x = &x[name * self.columns..][..self.columns];
                columns.clear();
                columns.extend((0..x.len()).filter(|&j| x[j] != 0.0).map(|j| j as u32));
                values.clear();
                values.extend(x.iter().filter(|v| **v != 0.0));
            }
        }
    }
    /// The table that they are: where it lies, where they are all of one, else of a copy.
    pub fn as_table<T>(&self, work: impl FnOnce(&dyn Design) -> T) -> T {
        match (&self.lie, &self.names) {
            (Lie::There(design), None) if self.less.0.is_empty() => work(*design),
            (Lie::There(design), None) => work(&Centred::new(*design, self.less.0, self.less.1)),
            _ => {
                let (x, d) = (self.copy(), self.columns);
                work(&Dense::strided(&x, self.len(), d, d, 1).expect("as long as it is"))
            }
        }
    }
    /// Σ share x and Σ share x² by columns and, with a slope for each row, Σ share slope x: in one read.
    pub fn moments(
        &self,
        slope: Option<&[f64]>,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<[Vec<f64>; 3], Halt> {
        let (n, d) = (self.len(), self.columns);
        self.as_table(|design| {
            let (per, block) =
                (rows_per_part(design, self.outputs() * self.width()), design.block());
            let mut all = [vec![0.0; d], vec![0.0; d], vec![0.0; d]];
            let sum = |p: usize| {
                let (from, to) = (p * per, ((p + 1) * per).min(n));
                let [mut sum, mut square, mut g] = [vec![0.0; d], vec![0.0; d], vec![0.0; d]];
                for from in (from..to).step_by(block) {
                    let rows = from..(from + block).min(to);
                    let share = &self.share[rows.clone()];
                    design.moments(rows.clone(), share, &mut sum, &mut square);
                    if let Some(slope) = slope {
                        let weighed = |(s, w): (&f64, &f64)| if *w == 0.0 { 0.0 } else { w * s };
                        let s: Vec<f64> =
                            slope[rows.clone()].iter().zip(share).map(weighed).collect();
                        let ahead = rows.end..(rows.end + block).min(to);
                        design.accumulate(rows, ahead, &s, 1, &mut g);
                    }
                }
                [sum, square, g]
            };
            // A part brings sums of its own, so no more of them at once than memory is quick to give again.
            for from in (0..n.div_ceil(per)).step_by(PARTS) {
                let parts = PARTS.min(n.div_ceil(per) - from);
                for part in pool().map_pausing(parts, |p| sum(from + p), pause)? {
                    for (all, part) in all.iter_mut().zip(part) {
                        all.iter_mut().zip(part).for_each(|(a, p)| *a += p);
                    }
                }
            }
            Ok(all)
        })
    }
    /// One in so many of them.
    pub fn every(&self, step: usize) -> Held<'_> {
        let each = |v: &[f64]| v.iter().copied().step_by(step).collect::<Vec<_>>();
        let lie = match &self.lie {
            Lie::There(design) => Lie::There(*design),
            Lie::Here(x) => Lie::Here(x.clone()),
        };
        let k = self.outputs();
        Held {
            lie,
            names: Some(self.named(0..self.len()).iter().copied().step_by(step).collect()),
            target: each(&self.target).into(),
            weight: self.weight.as_deref().map(|w| each(w).into()),
            share: each(&self.share).into(),
            margins: self.margins.chunks_exact(k).step_by(step).flatten().copied().collect(),
            ..*self
        }
    }
    /// Whether their losses are squares.
    pub fn quadratic(&self) -> bool {
        self.loss.quadratic()
    }
    /// The shares of the classes that are the targets, none of them quite 0.
    pub fn classes(&self) -> Vec<f64> {
        let mut shares = vec![1e-12; self.outputs()];
        for (class, share) in self.target.iter().zip(&*self.share) {
            if let Some(all) = shares.get_mut(*class as usize) {
                *all += share;
            }
        }
        shares
    }
    /// The loss of each at these margins.
    pub fn values(&self, margins: &[f64]) -> Vec<f64> {
        let mut value = vec![0.0; self.len()];
        self.loss.values(&self.target, margins, &mut value);
        value
    }
    /// The loss of each at these margins, which become its slopes.
    pub fn slopes(&self, margins: &mut [f64]) -> Vec<f64> {
        let mut value = vec![0.0; self.len()];
        self.loss.slopes(&self.target, margins, &mut value);
        value
    }
    /// What the losses of some are at these margins.
    pub fn jets_of(&self, rows: Range<usize>, margins: &[f64]) -> Jets {
        let mut jets = self.room(rows.len());
        self.jets_in(rows, margins, &mut jets);
        jets
    }
    /// Room for what the losses of so many are.
    pub fn room(&self, rows: usize) -> Jets {
        Jets {
            value: vec![0.0; rows],
            slope: vec![0.0; rows * self.outputs()],
            curvature: vec![0.0; rows * self.loss.bending()],
        }
    }
    /// The same where others were, which are as many.
    pub fn jets_in(&self, rows: Range<usize>, margins: &[f64], jets: &mut Jets) {
        let Jets { value, slope, curvature } = jets;
        self.loss.jets(&self.target[rows], margins, value, slope, curvature);
    }
    /// Changes of margins become those of the slopes, where the curvatures are these.
    pub fn bend(&self, curvature: &[f64], changes: &mut [f64]) {
        self.loss.bend(curvature, changes, &[]);
    }
    /// Σ share_i v_i of a number a row; a share of 0 silences what is not finite.
    pub fn mean(&self, v: &[f64]) -> f64 {
        self.share.iter().zip(v).map(|(s, v)| if *s == 0.0 { 0.0 } else { s * v }).sum()
    }
    /// What their losses are at these margins.
    pub fn jets(&self, margins: &[f64]) -> Jets {
        self.jets_of(0..margins.len() / self.outputs(), margins)
    }
    /// The curvatures at the margins that are held.
    pub fn curvatures(&self) -> Vec<f64> {
        self.jets(&self.margins).curvature
    }
    /// The traces of those curvatures over the margins, one a row.
    pub fn traces(&self) -> Vec<f64> {
        let h = self.curvatures();
        if self.outputs() == 1 {
            return h;
        }
        h.chunks_exact(self.loss.bending()).map(|h| self.loss.trace(h)).collect()
    }
    /// Whether their losses are made of half squares ([`Block::half_squares`]).
    pub fn half_squares(&self) -> bool {
        self.loss.half_squares()
    }
    /// Where a row's loss bends ([`Block::kinks`]).
    pub fn kinks(&self, row: usize) -> [Kink; KINKS] {
        self.loss.kinks(self.target[row])
    }
    /// A dual point of a row by a step of its margins ([`Block::dual`]).
    pub fn dual(&self, row: usize, t: &[f64], u: &mut [f64]) -> f64 {
        self.loss.dual(self.target[row], self.margin(row), t, u)
    }
    /// The curvature of the chord from a row's margin down to where its loss is least ([`Block::chord`]).
    pub fn chord(&self, row: usize) -> f64 {
        self.loss.chord(self.target[row], self.margin(row)[0])
    }
    /// Which of a row's margins are on their wrong side ([`Block::wrong`]).
    pub fn wrong(&self, row: usize, slack: f64, to: &mut [bool]) -> bool {
        self.loss.wrong(self.target[row], self.margin(row), slack, to)
    }
    /// The square of what such margins lie out along ([`Block::astray`]).
    pub fn astray(&self, row: usize, wrong: &[bool], to: &mut [f64]) {
        self.loss.astray(self.target[row], wrong, to);
    }
    /// The conjugate of the Bregman distance of a row's loss at its margin ([`Block::conjugate_distance`]).
    pub fn conjugate_distance(&self, row: usize, u: &[f64]) -> f64 {
        self.loss.conjugate_distance(self.target[row], self.margin(row), u)
    }
    /// How far u may go from 0 ([`Block::conjugate_edge`]).
    pub fn conjugate_edge(&self, row: usize, sign: f64) -> f64 {
        self.loss.conjugate_edge(self.target[row], self.margin(row)[0], sign)
    }
}
