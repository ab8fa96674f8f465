//! A program solved: what is left out of it, who solves the rest, and what is told of the answer.
use super::settle::{Active, Settled};
use super::spent::Spent;
use super::tight::{SUM, TightSum};
use super::{Prices, QuadraticProgram, ValuedPoint};
use crate::certificate::{Certificate, Kind};
use crate::descend::Solution;
use crate::linalg::factor::take;
use crate::status::Status;
use crate::watch::Stop;

/// Where rounding may hide more than this part of what the value is summed up of, there is no answer: weights ran away.
const HIDDEN: f64 = 1e-6;
/// By how much constraints may be missed.
pub(super) const MET: f64 = 1e-9;
/// What is left of a program that sums up nothing: a variance of 0.
const NONE: f64 = 1e-280;
const ASSUMPTION: &str = "the matrix is positive semidefinite; weights without limits lie within a thousand times the largest found";

/// The answer, and what the next program may begin with.
#[derive(Clone, Debug)]
pub struct Optimum {
    /// The story; its point is that of the variables.
    pub solution: Solution,
    /// w.
    pub weights: Vec<f64>,
    /// The multipliers.
    pub prices: Prices,
    /// The slope along each variable, constraints paid for.
    pub slope: Vec<f64>,
    /// Which bounds hold.
    pub active: Active,
}

impl QuadraticProgram<'_> {
    /// The least, from another program's answer where that is much the same.
    pub fn solve(&self, warm: Option<&Optimum>, stop: &Stop) -> Optimum {
        let mut spent = Spent::new(stop, self.at(self.start.clone()).size);
        let (whole, units) = self.alike();
        let mut pinned = whole.lent();
        let sums = pinned.pin();
        let within = pinned.within();
        let crossed = within.iter().any(|(low, high)| low - high > 1e-9 * (low.abs() + high.abs()))
            || (0..self.least.len()).any(|i| self.least[i] > self.most[i]);
        if crossed {
            let point = pinned.unsettled(pinned.start.clone(), Prices::zeros(&pinned), &within);
            return Self::told(point, Status::Infeasible, spent, &units);
        }
        let (mut point, status) = pinned.grow(warm, &within, &mut spent);
        if status == Status::Plateau {
            if pinned.refuted(&point.prices.limits) {
                return Self::told(point, Status::Infeasible, spent, &units);
            }
            if let Some((point, status)) = whole.on_face(&pinned, &sums, &point, &mut spent) {
                return Self::told(point, status, spent, &units);
            }
        }
        if !sums.is_empty() {
            let loosened = whole.loosened(&point, &sums, &whole.within());
            let enough = Self::target(&loosened.place, &spent).max(loosened.gap.rounding);
            // What single constraints can only just meet is so up to rounding, beside which nothing may be proved.
            if loosened.gap.bound <= enough {
                point = loosened;
            }
        }
        Self::told(point, status, spent, &units)
    }

    /// The answer where what is tight of a program is equations, told as one of this program, of which that one is what
    /// some sums leave; none where it is no better than another point.
    fn on_face(
        &self,
        pinned: &QuadraticProgram<'_>,
        sums: &[TightSum],
        other: &Settled,
        spent: &mut Spent<'_>,
    ) -> Option<(Settled, Status)> {
        let sum = pinned.tight();
        if pinned.refuted_by(&sum) {
            return Some((other.clone(), Status::Infeasible));
        }
        let face = pinned.face(&sum)?;
        let (point, status) = face.grow(None, &face.within(), spent);
        let sums: Vec<TightSum> = sums.iter().cloned().chain([sum]).collect();
        let point = self.loosened(&point, &sums, &self.within());
        let better = status == Status::Converged || point.gap.bound < other.gap.bound;
        better.then_some((point, status))
    }

    /// What is asked of the gap.
    pub(super) fn target(place: &ValuedPoint, spent: &Spent<'_>) -> f64 {
        spent.stop.tolerance * place.value.abs().max(1e-12 * place.size.max(spent.null))
    }

    /// A point with its multipliers and their gap.
    pub(super) fn unsettled(
        &self,
        x: Vec<f64>,
        mut prices: Prices,
        within: &[(f64, f64)],
    ) -> Settled {
        let place = self.at(x);
        self.sound(&place, &mut prices);
        let gap = self.gap(&place, &prices, within);
        Settled { place, prices, gap, active: Active::nothing(self), rounds: 0 }
    }

    /// Whether multipliers of the constraints prove that no x meets them all: y′A x ≤ max y′r is never so.
    pub(super) fn refuted(&self, y: &[f64]) -> bool {
        let size = y.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        if !(size > 0.0) || !size.is_finite() {
            return false;
        }
        let n = self.variables.len();
        let (mut pull, mut sizes) = (vec![0.0; n], vec![0.0; n]);
        // What is held without any variable is no part of the ends, but of their rounding.
        let (mut most, mut noise) = (0.0, self.held());
        for (i, y) in y.iter().enumerate() {
            let y = if y.abs() > 1e-9 * size { y / size } else { 0.0 };
            if y != 0.0 {
                let end = y * if y > 0.0 { self.most[i] } else { self.least[i] };
                most += end;
                noise += end.abs();
                take(&mut pull, -y, self.limit(i));
                sizes.iter_mut().zip(self.limit(i)).for_each(|(s, a)| *s += (y * a).abs());
            }
        }
        let mut least = 0.0;
        for ((p, size), (low, high)) in pull.iter().zip(&sizes).zip(self.within()) {
            let end = p * if *p > 0.0 { low } else { high };
            // Rounding alone leads to no end that is open.
            if *p != 0.0 && (end.is_finite() || p.abs() > SUM * size) {
                least += end;
                noise += end.abs();
            }
        }
        least - most > 1e-9 * noise
    }

    fn told(point: Settled, status: Status, mut spent: Spent<'_>, units: &[f64]) -> Optimum {
        let Settled { place, mut prices, gap, active, .. } = point;
        let target = Self::target(&place, &spent);
        let rounding = gap.rounding;
        let certificate = Certificate {
            kind: Kind::DualityGap,
            bound: gap.bound.max(rounding),
            target,
            rounding,
            assumption: ASSUMPTION,
        };
        let status = match status {
            Status::Converged if gap.violation > MET => Status::Plateau,
            other => other.admitted(Some(&certificate)),
        };
        let status = match status {
            Status::PrecisionLimit if gap.bound > HIDDEN * place.size.max(spent.null) + NONE => {
                Status::Plateau
            }
            other => other,
        };
        if spent.history.is_empty() {
            spent.record(place.value, certificate.bound);
        }
        prices.limits.iter_mut().zip(units).for_each(|(y, unit)| *y /= unit);
        let solution = Solution {
            x: place.x,
            value: place.value,
            violation: gap.violation,
            status,
            certificate: Some(certificate),
            counts: spent.counts,
            seconds: spent.started.elapsed().as_secs_f64(),
            history: spent.history,
            path: Vec::new(),
            findings: Vec::new(),
            resumed: None,
            gradient: None,
        };
        Optimum { solution, weights: place.w, prices, slope: gap.slope, active }
    }
}

impl Prices {
    pub(super) fn zeros(of: &QuadraticProgram<'_>) -> Self {
        Prices { limits: vec![0.0; of.least.len()], rows: vec![0.0; of.costs.len()] }
    }
}
