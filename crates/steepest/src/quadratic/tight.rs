//! Where constraints leave no room: a sum of them that can only just be met.
//!
//! Where Σ_i y_i a_i′x can come to no less than Σ_i y_i r_i, r the ends that it must not pass, every point that is allowed
//! has each of these constraints at its end, and at a bound each variable that the sum has anything of. Such a program
//! has no interior: its multipliers are of any size, those of the sum y can be added to them without end, and interior
//! points follow them. With the constraints as equations and the variables put it has one.
//!
//! The sum is one constraint alone, or it is found by the linear program of the least that constraints have to be missed
//! by: its interior points come to multipliers that are none where there is room, and to room where they are (Goldman
//! and Tucker 1956), and its multipliers are bounded. What is proved of the answer is proved without any of this: for
//! the whole program, with as much of each sum added to the multipliers as gives each the sign that it has to have.
use super::interior::Interior;
use super::settle::Settled;
use super::{QuadraticProgram, ValuedPoint, Variable};
use crate::linalg::factor::take;
use crate::linalg::vectors::dot;
use crate::parallel::cancel;

/// What the sum of a constraint is known to, as a part of what it is summed up of.
pub(super) const SUM: f64 = 64.0 * f64::EPSILON;
/// Entries of a constraint below this part of its largest tell too little of where their variables lie.
const TELLING: f64 = 1e-3;
/// Steps of the linear program at most, and what is left of it at its end, beside how large variables are.
const STEPS: usize = 60;
const CLOSE: f64 = 1e-13;
/// Ends that are open stand at so many times the largest that is there.
const FAR: f64 = 1e3;
/// What is left to a sum of constraints that counts as tight, as a part of what it is summed up of: the gap says whether it
/// matters.
const ROOM: f64 = 1e-6;
/// What is left of a vector, as a part of it, where it depends on others.
const APART: f64 = 1e-9;

/// A sum of constraints that can only just be met, and the variables that this puts where they are.
#[derive(Clone, Debug, Default)]
pub(super) struct TightSum {
    /// Constraints with what they count: above 0 where they are held down.
    by: Vec<(usize, f64)>,
    /// Variables at a bound.
    put: Vec<usize>,
    /// Whether its only variable lies between its bounds: what it costs may have any sign.
    between: bool,
}

impl QuadraticProgram<'_> {
    /// Puts variables to which single constraints leave no room but rounding where they have to be: no step goes anywhere
    /// there. Those that are the only one left of an equation, and all those of a constraint that can only just be met.
    pub(super) fn pin(&mut self) -> Vec<TightSum> {
        let mut found = Vec::new();
        loop {
            let before = found.len();
            for i in 0..self.least.len() {
                found.extend(self.last(i));
                found.extend(self.forced(i, 1.0));
                found.extend(self.forced(i, -1.0));
            }
            if found.len() == before {
                return found;
            }
        }
    }
    /// The only variable of an equation that may move.
    fn last(&mut self, i: usize) -> Option<TightSum> {
        let free = |j: &usize| self.limit(i)[*j] != 0.0 && self.movable(*j);
        let mut all = (0..self.variables.len()).filter(free);
        let (Some(j), None, true) = (all.next(), all.next(), self.equation(i)) else {
            return None;
        };
        let a = self.limit(i);
        let others = a.iter().zip(&self.variables).enumerate().filter(|(k, _)| *k != j);
        let (mut left, mut size) = (self.most[i], self.most[i].abs() + self.held());
        for (_, (a, v)) in others.filter(|(_, (a, _))| **a != 0.0) {
            left -= a * v.lower;
            size += (a * v.lower).abs();
        }
        let (a, slack) = (a[j], SUM * size);
        let (to, v) = (left / a, &mut self.variables[j]);
        if a.abs() < TELLING || to < v.lower - slack / a.abs() || to > v.upper + slack / a.abs() {
            return None;
        }
        let to = to.max(v.lower).min(v.upper);
        (v.lower, v.upper) = (to, to);
        Some(TightSum { by: vec![(i, 1.0)], put: vec![j], between: true })
    }
    /// All variables of a constraint that comes to no more than it has to, on one of its sides.
    fn forced(&mut self, i: usize, times: f64) -> Option<TightSum> {
        let most = if times > 0.0 { self.most[i] } else { -self.least[i] };
        let end = |a: f64, v: &Variable| if times * a > 0.0 { v.lower } else { v.upper };
        let telling = |a: &f64| a.abs() >= TELLING;
        let (mut spare, mut size) = (most, most.abs() + self.held());
        for (a, v) in self.limit(i).iter().zip(&self.variables).filter(|(a, _)| **a != 0.0) {
            let term = times * a * end(*a, v);
            spare -= term;
            size += term.abs();
        }
        if !(spare.abs() <= SUM * size) || !size.is_finite() {
            return None;
        }
        let row = self.limit(i).to_vec();
        let put: Vec<usize> =
            (0..row.len()).filter(|&j| telling(&row[j]) && self.movable(j)).collect();
        for &j in &put {
            let v = &mut self.variables[j];
            let to = end(row[j], v);
            (v.lower, v.upper) = (to, to);
        }
        (!put.is_empty()).then(|| TightSum { by: vec![(i, times)], put, between: false })
    }
    pub(super) fn movable(&self, j: usize) -> bool {
        self.variables[j].lower < self.variables[j].upper
    }

    /// The sum of all constraints that are tight wherever all of them are met; of none where there is room.
    pub(super) fn tight(&self) -> TightSum {
        let used = |j: &usize| (0..self.least.len()).any(|i| self.limit(i)[*j] != 0.0);
        let free: Vec<usize> =
            (0..self.variables.len()).filter(|j| self.movable(*j)).filter(used).collect();
        if free.is_empty() {
            return TightSum::default();
        }
        let apart = self.apart(&free);
        let size = apart.start[0];
        let mut interior = Interior::new(&apart);
        for _ in 0..STEPS {
            cancel::check();
            let [products, slopes, missed] = interior.left;
            if products + slopes <= CLOSE * size && missed <= CLOSE * size || !interior.step() {
                break;
            }
        }
        self.proved(&free, &apart, &interior.place, &interior.prices().limits).unwrap_or_default()
    }

    /// The linear program of the least that all constraints are missed by, over some variables and by how much each
    /// constraint is missed on either side; it begins at one size for all.
    fn apart(&self, free: &[usize]) -> QuadraticProgram<'static> {
        let (n, m) = (free.len(), self.least.len());
        let still: Vec<f64> = (0..self.variables.len())
            .map(|j| if self.movable(j) { 0.0 } else { self.variables[j].lower })
            .collect();
        let held = self.holds(&still);
        let ends = free.iter().flat_map(|&j| [self.variables[j].lower, self.variables[j].upper]);
        let ends =
            ends.chain((0..m).flat_map(|i| [self.least[i] - held[i], self.most[i] - held[i]]));
        let large = ends.filter(|e| e.is_finite()).fold(0.0, |m: f64, e| m.max(e.abs()));
        let large = if large > 0.0 { large } else { 1.0 };
        let size = large / n as f64;
        let own = |column: usize, v: &Variable| Variable {
            column,
            sign: 1.0,
            price: 0.0,
            lower: v.lower.max(-FAR * large),
            upper: v.upper.min(FAR * large),
        };
        let missed =
            |column| Variable { column, sign: 1.0, price: 1.0, lower: 0.0, upper: f64::INFINITY };
        let all = n + 2 * m;
        let mut limits = vec![0.0; m * all];
        for (i, row) in limits.chunks_exact_mut(all).enumerate() {
            free.iter().zip(&mut *row).for_each(|(&j, to)| *to = self.limit(i)[j]);
            (row[n + i], row[n + m + i]) = (1.0, -1.0);
        }
        let minus = |a: &[f64]| a.iter().zip(&held).map(|(a, h)| a - h).collect();
        QuadraticProgram {
            diagonal: vec![0.0; all].into(),
            linear: vec![0.0; all].into(),
            base: vec![0.0; all].into(),
            variables: (free.iter().enumerate().map(|(k, &j)| own(k, &self.variables[j])))
                .chain((n..all).map(missed))
                .collect(),
            start: vec![size; all],
            limits: limits.into(),
            least: minus(&self.least),
            most: minus(&self.most),
            ..QuadraticProgram::default()
        }
    }

    /// What multipliers of that program prove to be tight, cleared of what they still have of variables with room.
    fn proved(
        &self,
        free: &[usize],
        apart: &QuadraticProgram<'_>,
        at: &ValuedPoint,
        y: &[f64],
    ) -> Option<TightSum> {
        let (n, m, size) = (free.len(), y.len(), apart.start[0]);
        let row = |i: usize| &apart.limit(i)[..n];
        let end = |i: usize, y: f64| {
            if y > 0.0 { apart.most[i] } else { apart.least[i] }
        };
        let bound = |k: usize, pull: f64| {
            let v = &self.variables[free[k]];
            if pull > 0.0 { v.lower } else { v.upper }
        };
        let pull = |y: &[f64]| {
            let mut pull = vec![0.0; n];
            y.iter().enumerate().for_each(|(i, y)| take(&mut pull, -y, row(i)));
            pull
        };
        // Tight is what is nearer to its end than its multiplier is to 0, or beyond it.
        let near = |room: f64, price: f64| room * price.signum() < size * price.abs();
        let first = pull(y);
        let mut put: Vec<bool> =
            (0..n).map(|k| near(at.x[k] - bound(k, first[k]), first[k])).collect();
        let mut rows: Vec<bool> = (0..m)
            .map(|i| self.equation(i) || near(end(i, y[i]) - dot(row(i), &at.x[..n]), y[i]))
            .collect();
        loop {
            let by = cleared(
                &rows,
                y,
                (0..n)
                    .filter(|&k| !put[k])
                    .map(|k| (0..m).map(|i| if rows[i] { row(i)[k] } else { 0.0 }).collect()),
            );
            let pull = pull(&by);
            let least = APART * by.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
            // Without those whose part of the sum was what is cleared away now.
            let lost = |now: f64, before: f64| !(now * before > 0.0 && now.abs() > least);
            let wrong: Vec<usize> =
                (0..m).filter(|&i| rows[i] && !self.equation(i) && lost(by[i], y[i])).collect();
            let loose: Vec<usize> = (0..n).filter(|&k| put[k] && lost(pull[k], first[k])).collect();
            wrong.iter().for_each(|&i| rows[i] = false);
            loose.iter().for_each(|&k| put[k] = false);
            if wrong.is_empty() && loose.is_empty() {
                let ends = (0..m).filter(|&i| by[i] != 0.0).map(|i| by[i] * end(i, by[i]));
                let bounds = (0..n).filter(|&k| put[k]).map(|k| -pull[k] * bound(k, pull[k]));
                let (spare, size) = ends
                    .chain(bounds)
                    .fold((0.0, 0.0), |(sum, size): (f64, f64), v| (sum + v, size + v.abs()));
                let tells = put.contains(&true) || (0..m).any(|i| rows[i] && !self.equation(i));
                return (tells && spare <= ROOM * (size + self.held())).then(|| TightSum {
                    by: (0..m).filter(|&i| by[i] != 0.0).map(|i| (i, by[i])).collect(),
                    put: (0..n).filter(|&k| put[k]).map(|k| free[k]).collect(),
                    between: false,
                });
            }
        }
    }

    /// The same with what a sum holds tight as equations, its variables put, and without equations that follow from others;
    /// none where that is the same program.
    pub(super) fn face(&self, sum: &TightSum) -> Option<QuadraticProgram<'_>> {
        let mut face = self.lent();
        let pull = self.pull_of(sum);
        for &j in &sum.put {
            let v = &mut face.variables[j];
            let to = if pull[j] > 0.0 { v.lower } else { v.upper };
            (v.lower, v.upper) = (to, to);
        }
        let (mut least, mut most) = (self.least.to_vec(), self.most.to_vec());
        for &(i, y) in &sum.by {
            let end = if y > 0.0 { most[i] } else { least[i] };
            (least[i], most[i]) = (end, end);
        }
        let (mut basis, mut follows) = (Vec::new(), false);
        // Those that were equations before come first.
        let (old, new): (Vec<usize>, Vec<usize>) =
            (0..least.len()).filter(|&i| least[i] == most[i]).partition(|&i| self.equation(i));
        for i in old.into_iter().chain(new) {
            let all = self.limit(i).iter().enumerate();
            let row: Vec<f64> = all.map(|(j, a)| if face.movable(j) { *a } else { 0.0 }).collect();
            if row.iter().any(|a| *a != 0.0) && !widen(&mut basis, row) {
                (least[i], most[i]) = (f64::NEG_INFINITY, f64::INFINITY);
                follows = true;
            }
        }
        (face.least, face.most) = (least.into(), most.into());
        (follows || !sum.put.is_empty() || !sum.by.is_empty()).then_some(face)
    }

    /// Whether a sum proves that no x meets all constraints.
    pub(super) fn refuted_by(&self, sum: &TightSum) -> bool {
        let mut y = vec![0.0; self.least.len()];
        sum.by.iter().for_each(|&(i, by)| y[i] = by);
        self.refuted(&y)
    }

    /// What a sum of constraints has of each variable.
    fn pull_of(&self, sum: &TightSum) -> Vec<f64> {
        let mut pull = vec![0.0; self.variables.len()];
        sum.by.iter().for_each(|(i, y)| take(&mut pull, -y, self.limit(*i)));
        pull
    }

    /// An answer of the program with sums that are tight, the last found last, as one of this: with so much of each sum
    /// added to its multipliers as gives all of its constraints and variables the sign that they have to have.
    pub(super) fn loosened(
        &self,
        point: &Settled,
        sums: &[TightSum],
        within: &[(f64, f64)],
    ) -> Settled {
        let mut prices = point.prices.clone();
        let mut active = point.active.clone();
        let mut slope = self.slopes(&point.place, &prices).0;
        for sum in sums.iter().rev() {
            let pull = self.pull_of(sum);
            let rows = sum.by.iter().filter(|(i, _)| !self.equation(*i));
            let needed = rows.map(|&(i, y)| -prices.limits[i] / y);
            let needed = needed.chain(sum.put.iter().map(|&j| -slope[j] / pull[j]));
            let first = if sum.between { f64::NEG_INFINITY } else { 0.0 };
            let times = needed.fold(first, f64::max);
            take(&mut slope, -times, &pull);
            for &(i, y) in &sum.by {
                prices.limits[i] += times * y;
                if !self.equation(i) {
                    active.limits[i] = if y > 0.0 { 1 } else { -1 };
                }
            }
            for &j in sum.put.iter().filter(|_| !sum.between) {
                active.variables[j] = if pull[j] > 0.0 { -1 } else { 1 };
            }
        }
        let found = self.unsettled(point.place.x.clone(), prices, within);
        Settled { active, ..found }
    }
}

/// Multipliers of some rows without what any column still has of them.
fn cleared(rows: &[bool], y: &[f64], columns: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut basis = Vec::new();
    for column in columns {
        widen(&mut basis, column);
    }
    let mut left: Vec<f64> =
        y.iter().zip(rows).map(|(y, row)| if *row { *y } else { 0.0 }).collect();
    clear(&basis, &mut left);
    left
}

/// Adds to an orthonormal basis what a vector has beside it; false where that is nothing.
fn widen(basis: &mut Vec<Vec<f64>>, mut v: Vec<f64>) -> bool {
    let size = dot(&v, &v).sqrt();
    clear(basis, &mut v);
    let left = dot(&v, &v).sqrt();
    if !(left > APART * size) {
        return false;
    }
    v.iter_mut().for_each(|v| *v /= left);
    basis.push(v);
    true
}
fn clear(basis: &[Vec<f64>], v: &mut [f64]) {
    for _ in 0..2 {
        basis.iter().for_each(|b| take(v, dot(b, v), b));
    }
}
