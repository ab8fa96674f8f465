//! The same program with less in it: constraints in like units, some variables only.
use super::settle::Settled;
use super::{QuadraticProgram, Variable};
use std::borrow::Cow;

/// A program over some of the variables, and which of the constraints are of any of them and have an end.
pub(super) struct Restricted<'p> {
    pub of: QuadraticProgram<'p>,
    limits: Vec<usize>,
}

impl Restricted<'_> {
    /// What there is a number a constraint of, for these alone.
    pub fn some<N: Copy>(&self, all: &[N]) -> Vec<N> {
        self.limits.iter().map(|&i| all[i]).collect()
    }
    /// An answer with a multiplier for every constraint again; those that nothing can help cost nothing.
    pub fn whole(&self, mut settled: Settled, limits: usize) -> Settled {
        let mut prices = vec![0.0; limits];
        let mut sides = vec![0; limits];
        for (at, &i) in self.limits.iter().enumerate() {
            (prices[i], sides[i]) = (settled.prices.limits[at], settled.active.limits[at]);
        }
        (settled.prices.limits, settled.active.limits) = (prices, sides);
        settled
    }
}

impl QuadraticProgram<'_> {
    /// The same with constraints whose largest entry is 1, and what they were divided by.
    pub(super) fn alike(&self) -> (QuadraticProgram<'_>, Vec<f64>) {
        let units: Vec<f64> = (0..self.least.len())
            .map(|i| self.limit(i).iter().fold(0.0f64, |m, a| m.max(a.abs())))
            .map(|unit| if unit > 0.0 && unit.is_finite() { unit } else { 1.0 })
            .collect();
        let n = self.variables.len().max(1);
        let over = |v: &[f64]| v.iter().zip(&units).map(|(v, u)| v / u).collect::<Vec<f64>>();
        let rows = self.limits.chunks_exact(n).zip(&units);
        let scaled = QuadraticProgram {
            limits: rows.flat_map(|(row, u)| row.iter().map(move |a| a / u)).collect(),
            least: over(&self.least).into(),
            most: over(&self.most).into(),
            ..self.lent()
        };
        (scaled, units)
    }
    pub(super) fn lent(&self) -> QuadraticProgram<'_> {
        QuadraticProgram {
            dense: self.dense.as_deref().map(Cow::Borrowed),
            diagonal: Cow::Borrowed(&self.diagonal),
            linear: Cow::Borrowed(&self.linear),
            base: Cow::Borrowed(&self.base),
            rows: Cow::Borrowed(&self.rows),
            shift: Cow::Borrowed(&self.shift),
            costs: Cow::Borrowed(&self.costs),
            variables: self.variables.clone(),
            start: self.start.clone(),
            limits: Cow::Borrowed(&self.limits),
            least: Cow::Borrowed(&self.least),
            most: Cow::Borrowed(&self.most),
        }
    }

    /// What is there without any variable, beside which the ends of constraints may be differences.
    pub(super) fn held(&self) -> f64 {
        self.base.iter().map(|w| w.abs()).sum()
    }

    /// The program over some of its variables, the others where they are.
    pub(super) fn restricted(&self, play: &[bool], x: &[f64]) -> Restricted<'_> {
        let (n, all) = (self.columns(), self.variables.len());
        let chosen: Vec<usize> = (0..all).filter(|&j| play[j]).collect();
        let some_of = |i: &usize| chosen.iter().any(|&j| self.limit(*i)[j] != 0.0);
        let ends = |i: &usize| self.least[*i].is_finite() || self.most[*i].is_finite();
        let kept: Vec<usize> = (0..self.least.len()).filter(some_of).filter(ends).collect();
        if chosen.len() == all && kept.len() == self.least.len() {
            return Restricted { of: self.lent(), limits: kept };
        }
        let mut place = vec![usize::MAX; n];
        chosen.iter().for_each(|&j| place[self.variables[j].column] = 0);
        let columns: Vec<usize> = (0..n).filter(|&i| place[i] == 0).collect();
        columns.iter().enumerate().for_each(|(k, &i)| place[i] = k);
        let still: Vec<f64> = x.iter().zip(play).map(|(x, p)| if *p { 0.0 } else { *x }).collect();
        let mut out = self.weights(&still, true);
        let some = |v: &[f64]| columns.iter().map(|&i| v[i]).collect::<Vec<f64>>();
        let base = some(&out);
        columns.iter().for_each(|&i| out[i] = 0.0);
        let (pulled, shifted, held) = (self.bend(&out), self.sums(&out), self.holds(&still));
        let linear = some(&self.linear).iter().zip(some(&pulled)).map(|(c, p)| c + p).collect();
        let some_left = !columns.is_empty();
        let dense = self.dense.as_ref().filter(|_| some_left).map(|dense| {
            let rows = columns.iter().map(|&i| &dense[i * n..(i + 1) * n]);
            rows.flat_map(|row| columns.iter().map(|&j| row[j])).collect()
        });
        let rows = (0..self.costs.len()).flat_map(|k| some(self.row(k))).collect();
        let limits = kept.iter().flat_map(|&i| chosen.iter().map(move |&j| (i, j)));
        // As much in all as there was over all variables.
        let room = |j: usize| self.start[j] - self.variables[j].lower;
        let spread: f64 = (0..all).map(room).filter(|r| r.is_finite()).sum();
        let start = chosen.iter().map(|&j| match room(j).is_finite() {
            true => self.variables[j].lower + spread / chosen.len() as f64,
            false => self.start[j],
        });
        let minus = |a: &[f64]| kept.iter().map(|&i| a[i] - held[i]).collect();
        let of = QuadraticProgram {
            dense,
            diagonal: some(&self.diagonal).into(),
            linear,
            base: base.into(),
            rows,
            shift: self.shift.iter().zip(&shifted).map(|(a, b)| a + b).collect(),
            costs: Cow::Borrowed(&self.costs),
            start: start.collect(),
            variables: chosen
                .iter()
                .map(|&j| Variable { column: place[self.variables[j].column], ..self.variables[j] })
                .collect(),
            limits: limits.map(|(i, j)| self.limit(i)[j]).collect(),
            least: minus(&self.least),
            most: minus(&self.most),
        };
        Restricted { of, limits: kept }
    }
}
