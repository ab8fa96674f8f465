//! Some rows of a table, named: the only rows that are seen one by one.
use crate::design::Design;
use crate::loss::Block;
use std::ops::Range;

/// Some rows, with their targets, weights, shares and margins; what is sampled works on these and nothing else.
///
/// A table in memory lends them where they lie and copies none. One that lies elsewhere holds a copy.
pub struct Held<'a> {
    lie: Lie<'a>,
    /// Where each lies.
    names: Vec<u32>,
    columns: usize,
    pub(crate) intercept: bool,
    pub(crate) loss: &'a dyn Block,
    pub(crate) target: Vec<f64>,
    /// One weight a row; none is 1 each.
    pub(crate) weight: Option<Vec<f64>>,
    /// The share of each in the mean over the rows that it was asked of.
    pub share: Vec<f64>,
    /// The margins that were asked for, a row's side by side; empty where none were.
    pub margins: Vec<f64>,
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
    /// Its curvatures; with several outputs its probabilities, which tell them.
    pub curvature: Vec<f64>,
}

impl<'a> Held<'a> {
    /// Rows of a table that it lends, which are of this loss and have these targets; the rest is set by whoever knows it.
    pub fn lent(
        design: &'a dyn Design,
        names: Vec<u32>,
        loss: &'a dyn Block,
        target: Vec<f64>,
        intercept: bool,
    ) -> Self {
        let share = Vec::new();
        let (lie, columns) = (Lie::There(design), design.columns());
        let (weight, margins) = (None, Vec::new());
        Held { lie, names, columns, intercept, loss, target, weight, share, margins }
    }
    /// Copies of the rows of several, one after another; none where there is nothing to join.
    pub fn joined(parts: Vec<Held<'a>>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        let mut all = Held {
            lie: Lie::Here(first.copy()),
            names: (0..first.len() as u32).collect(),
            ..first
        };
        for part in parts {
            let (from, copy) = (all.len() as u32, part.copy());
            if let Lie::Here(x) = &mut all.lie {
                x.extend(copy);
            }
            all.names.extend(from..from + part.len() as u32);
            all.target.extend(&part.target);
            if let (Some(all), Some(part)) = (&mut all.weight, part.weight) {
                all.extend(part);
            }
            all.share.extend(part.share);
            all.margins.extend(part.margins);
        }
        Some(all)
    }
    fn copy(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.len() * self.columns];
        self.gather(0..self.len(), &mut x);
        x
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.names.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
    /// Numbers of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// Those, and the intercept's.
    pub fn width(&self) -> usize {
        self.columns + usize::from(self.intercept)
    }
    /// Margins of a row.
    pub fn outputs(&self) -> usize {
        self.loss.outputs()
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
        match &self.lie {
            Lie::There(design) => design.gather(&self.names[rows], out),
            Lie::Here(x) => {
                let d = self.columns;
                let from = self.names[rows].iter().map(|&i| &x[i as usize * d..][..d]);
                out.chunks_exact_mut(d.max(1)).zip(from).for_each(|(to, x)| to.copy_from_slice(x));
            }
        }
    }
    /// Copies some columns (ascending) of rows, one row after another.
    pub fn select(&self, rows: Range<usize>, columns: &[u32], out: &mut [f64]) {
        match &self.lie {
            Lie::There(design) => design.select(&self.names[rows], columns, out),
            Lie::Here(x) => {
                let names = &self.names[rows];
                for (&i, out) in names.iter().zip(out.chunks_exact_mut(columns.len().max(1))) {
                    let x = &x[i as usize * self.columns..];
                    out.iter_mut().zip(columns).for_each(|(o, &j)| *o = x[j as usize]);
                }
            }
        }
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
            names: self.names.iter().copied().step_by(step).collect(),
            target: each(&self.target),
            weight: self.weight.as_deref().map(each),
            share: each(&self.share),
            margins: self.margins.chunks_exact(k).step_by(step).flatten().copied().collect(),
            ..*self
        }
    }
    /// What their losses are at these margins.
    pub fn jets(&self, margins: &[f64]) -> Jets {
        let n = margins.len() / self.outputs();
        let empty = || vec![0.0; margins.len()];
        let mut jets = Jets { value: vec![0.0; n], slope: empty(), curvature: empty() };
        let Jets { value, slope, curvature } = &mut jets;
        self.loss.jets(&self.target[..n], margins, value, slope, curvature);
        jets
    }
    /// The curvatures at the margins that are held.
    pub fn curvatures(&self) -> Vec<f64> {
        self.jets(&self.margins).curvature
    }
    /// The curvature of the chord from a row's margin down to where its loss is least ([`Block::chord`]).
    pub fn chord(&self, row: usize) -> f64 {
        self.loss.chord(self.target[row], self.margin(row)[0])
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
