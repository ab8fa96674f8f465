//! A program solved: with few variables in play at first, and with those that the gap asks for.
use super::interior::Interior;
use super::settle::{Active, SettleLimits, Settled};
use super::{Cost, Prices, QuadraticProgram, ValuedPoint, Variable};
use crate::certificate::{Certificate, Kind};
use crate::descend::{Record, Solution};
use crate::parallel::cancel;
use crate::status::{Budget, Status};
use crate::watch::{Counts, Stop};
use std::time::Instant;

/// Variables up to which all are in play at once; and how many are in play at first where there are more.
const FEW: usize = 200;
const FIRST: usize = 100;
/// Steps of the interior point method at most.
const STEPS: usize = 100;
/// Steps in a row that do not halve what the constraints are missed by: those few that are in play cannot meet them.
const PATIENCE: usize = 12;
/// What the active sets are tried at, and what is the end, as parts of the tolerance.
const TRY: f64 = 1.0;
const END: f64 = 1e-4;
/// Where rounding may hide more than this part of what the value is summed up of, there is no answer: weights ran away.
const HIDDEN: f64 = 1e-6;
/// By how much constraints may be missed.
const MET: f64 = 1e-9;
/// What is left of a program that sums up nothing: a variance of 0.
const NONE: f64 = 1e-280;
/// From this part of what the value is summed up of on, the gap is looked at in each step: rounding may hide it.
const NEARLY: f64 = 1e-9;
/// Rounds of active sets from another answer, and from the interior point method's.
const ROUNDS: (u64, u64) = (12, 8);
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

/// What is spent, and the history of it.
pub(super) struct Spent<'s> {
    stop: &'s Stop,
    started: Instant,
    counts: Counts,
    history: Vec<Record>,
    /// What the value is summed up of where it begins: what is next to nothing beside that is nothing.
    null: f64,
}

impl<'s> Spent<'s> {
    pub(super) fn new(stop: &'s Stop, null: f64) -> Self {
        Spent {
            stop,
            started: Instant::now(),
            counts: Counts::default(),
            history: Vec::new(),
            null,
        }
    }
    fn record(&mut self, value: f64, residual: f64) {
        self.counts.values += 1;
        self.counts.gradients += 1;
        let Counts { iterations: iteration, values: evaluations, .. } = self.counts;
        let seconds = self.started.elapsed().as_secs_f64();
        self.history.push(Record {
            iteration,
            value,
            residual,
            evaluations,
            seconds,
            ..Record::default()
        });
    }
    fn over(&self) -> Option<Budget> {
        if self.counts.iterations >= self.stop.iterations {
            return Some(Budget::Iterations);
        }
        let late = self.started.elapsed().as_secs_f64() > self.stop.seconds;
        late.then_some(Budget::Seconds)
    }
}

impl QuadraticProgram<'_> {
    /// The least, from another program's answer where that is much the same.
    pub fn solve(&self, warm: Option<&Optimum>, stop: &Stop) -> Optimum {
        let mut spent = Spent::new(stop, self.at(self.start.clone()).size);
        let (mut scaled, units) = self.alike();
        scaled.pin();
        let within = scaled.within();
        let crossed = within.iter().any(|(low, high)| low - high > 1e-9 * (low.abs() + high.abs()))
            || (0..self.least.len()).any(|i| self.least[i] > self.most[i]);
        if crossed {
            let point = scaled.unsettled(scaled.start.clone(), Prices::zeros(&scaled), &within);
            return scaled.told(point, Status::Infeasible, spent, &units);
        }
        let (point, status) = scaled.grow(warm, &within, &mut spent);
        let status = match status {
            Status::Plateau if scaled.refuted(&point.prices.limits) => Status::Infeasible,
            status => status,
        };
        scaled.told(point, status, spent, &units)
    }

    /// With more and more variables in play, until the gap over all of them is closed.
    fn grow(
        &self,
        warm: Option<&Optimum>,
        within: &[(f64, f64)],
        spent: &mut Spent<'_>,
    ) -> (Settled, Status) {
        let n = self.variables.len();
        let fixed = |v: &Variable| v.lower == v.upper;
        let every = || -> Vec<bool> { self.variables.iter().map(|v| !fixed(v)).collect() };
        let rest = |v: &Variable| if v.lower.is_finite() { v.lower } else { v.upper };
        // Where those that are not in play lie.
        let mut x: Vec<f64> = self.variables.iter().map(rest).collect();
        let mut prices = Prices::zeros(self);
        let mut guess = None;
        let mut play = match warm {
            Some(warm) => {
                let side = &warm.active.variables;
                let free = |j: &usize| side[*j] != -1 && !fixed(&self.variables[*j]);
                (0..n).filter(free).for_each(|j| x[j] = warm.solution.x[j]);
                prices = warm.prices.clone();
                guess = Some(warm.active.clone());
                side.iter().map(|side| *side != -1).collect()
            }
            None => self.first(within),
        };
        for (j, v) in self.variables.iter().enumerate() {
            play[j] = !fixed(v) && (play[j] || !v.lower.is_finite());
        }
        loop {
            let all = (0..n).all(|j| play[j] || fixed(&self.variables[j]));
            let (part, good) = self.part(&play, &x, &prices, guess.take(), spent);
            let budget = if good { None } else { spent.over() };
            if !good && !all && budget.is_none() {
                // Too few of them to meet the constraints.
                play = every();
                continue;
            }
            let mut inside = part.place.x.iter();
            let mut sides = part.active.variables.iter();
            let mut active = Active {
                limits: part.active.limits,
                rows: part.active.rows,
                variables: vec![-1; n],
            };
            for (j, v) in self.variables.iter().enumerate() {
                if play[j] {
                    x[j] = *inside.next().expect("one for each in play");
                    active.variables[j] = *sides.next().expect("one for each in play");
                } else {
                    x[j] = rest(v);
                }
            }
            prices = part.prices;
            let mut whole = self.unsettled(x.clone(), prices.clone(), within);
            whole.active = active.clone();
            if !good {
                return (whole, budget.map_or(Status::Plateau, Status::Budget));
            }
            let target = Self::target(&whole.place, spent);
            spent.record(
                whole.place.value,
                whole.gap.bound / target.max(f64::MIN_POSITIVE) * spent.stop.tolerance,
            );
            let mut lower: Vec<usize> = (0..n)
                .filter(|&j| !play[j] && !fixed(&self.variables[j]))
                .filter(|&j| whole.gap.slope[j] < 0.0 && whole.gap.parts[j] > 0.0)
                .collect();
            let near = if lower.is_empty() { target } else { END * target };
            if all || whole.gap.bound <= near {
                return (whole, Status::Converged);
            }
            lower.sort_by(|&a, &b| whole.gap.slope[a].total_cmp(&whole.gap.slope[b]));
            let now = play.iter().filter(|p| **p).count();
            lower.truncate(now.max(FIRST));
            lower.iter().for_each(|&j| play[j] = true);
            // Those in play that cannot move (what is bought has to be sold) tell nothing of what constraints cost.
            if lower.is_empty() || 2 * (now + lower.len()) > n {
                play = every();
            }
            guess = (!lower.is_empty()).then_some(active);
        }
    }

    /// What is asked of the gap.
    fn target(place: &ValuedPoint, spent: &Spent<'_>) -> f64 {
        spent.stop.tolerance * place.value.abs().max(1e-12 * place.size.max(spent.null))
    }

    /// The variables that look best where it begins, enough of them to meet the constraints.
    fn first(&self, within: &[(f64, f64)]) -> Vec<bool> {
        let n = self.variables.len();
        if n <= FEW {
            return vec![true; n];
        }
        let place = self.at(self.start.clone());
        let mut prices = Prices::zeros(self);
        for (k, p) in prices.rows.iter_mut().enumerate() {
            if let Cost::Kink(c) = self.costs[k] {
                *p = if place.s[k] > 0.0 { c } else { 0.0 };
            }
        }
        self.sound(&place, &mut prices);
        let slope = self.slopes(&place, &prices).0;
        let mut best: Vec<usize> = (0..n).collect();
        best.sort_by(|&a, &b| slope[a].total_cmp(&slope[b]));
        let mut play = vec![false; n];
        best[..FIRST].iter().for_each(|&j| play[j] = true);
        // What a constraint can come to at most and at least.
        let reaches = |play: &[bool]| {
            (0..self.least.len()).all(|i| {
                let (mut low, mut high) = (0.0, 0.0);
                for (j, a) in self.limit(i).iter().enumerate().filter(|(_, a)| **a != 0.0) {
                    let v = &self.variables[j];
                    let (from, to) = if play[j] { within[j] } else { (v.lower, v.lower) };
                    low += (a * from).min(a * to);
                    high += (a * from).max(a * to);
                }
                low <= self.most[i] && high >= self.least[i]
            })
        };
        let mut size = FIRST;
        while !reaches(&play) {
            if size > n / 2 {
                return vec![true; n];
            }
            size *= 2;
            // As many again, to choose among.
            best[..(2 * size).min(n)].iter().for_each(|&j| play[j] = true);
        }
        // Those that count most in each constraint, where they do not all count alike; the best first.
        let rows: Vec<&[f64]> = (0..self.least.len()).map(|i| self.limit(i)).collect();
        let unlike = rows.iter().filter(|a| a.iter().any(|v| *v != a[0]));
        let many = (size / rows.len().max(1)).max(FIRST / 20);
        for a in unlike {
            for times in [1.0, -1.0] {
                let mut order = best.clone();
                order.sort_by(|&i, &j| (times * a[i]).total_cmp(&(times * a[j])));
                order.iter().take(many).for_each(|&j| play[j] = true);
            }
        }
        play
    }

    /// The answer over those in play, all others at x; whether it is one, or only how far it came.
    pub(super) fn part(
        &self,
        play: &[bool],
        x: &[f64],
        prices: &Prices,
        guess: Option<Active>,
        spent: &mut Spent<'_>,
    ) -> (Settled, bool) {
        let part = self.restricted(play, x);
        let kept: Vec<usize> = (0..x.len()).filter(|&j| play[j]).collect();
        let prices = Prices { limits: part.some(&prices.limits), rows: prices.rows.clone() };
        let guess = guess.map(|guess| Active {
            variables: kept.iter().map(|&j| guess.variables[j]).collect(),
            limits: part.some(&guess.limits),
            rows: guess.rows,
        });
        // Those that cannot move are no help where constraints are missed.
        let few = play.iter().zip(&self.variables).any(|(p, v)| !p && v.lower < v.upper);
        let x = kept.iter().map(|&j| x[j]).collect();
        let (found, good) = part.of.answer(x, &prices, guess, few, spent);
        (part.whole(found, self.least.len()), good)
    }

    /// The answer by active sets, from x where there is a guess, else by interior points; `few` where others may follow.
    fn answer(
        &self,
        x: Vec<f64>,
        prices: &Prices,
        guess: Option<Active>,
        few: bool,
        spent: &mut Spent<'_>,
    ) -> (Settled, bool) {
        let within = self.within();
        if self.variables.is_empty() {
            return (self.unsettled(Vec::new(), Prices::zeros(self), &within), true);
        }
        let place = self.at(self.start.clone());
        let enough = |place: &ValuedPoint| END * Self::target(place, spent);
        if let Some(active) = guess {
            let trial = SettleLimits { enough: enough(&place), rounds: ROUNDS.0, blind: false };
            if let Some(settled) = self.settle(x, prices, active, &within, trial) {
                spent.counts.iterations += settled.rounds;
                return (settled, true);
            }
        } else if self.variables.len() == self.columns() && !self.costs.iter().any(Cost::is_kink) {
            // Where each weight is one variable, nothing held is often a good guess: a few rounds in place of many steps.
            let left = spent.stop.iterations.saturating_sub(spent.counts.iterations);
            let rounds = ROUNDS.0.min(left);
            let trial = SettleLimits { enough: enough(&place), rounds, blind: true };
            let (active, prices) = (Active::nothing(self), Prices::zeros(self));
            if let Some(settled) = self.settle(place.x, &prices, active, &within, trial) {
                spent.counts.iterations += settled.rounds;
                return (settled, true);
            }
        }
        self.by_interior_points(&within, few, spent)
    }

    /// The answer of the interior point method, exact where active sets make it so.
    fn by_interior_points(
        &self,
        within: &[(f64, f64)],
        few: bool,
        spent: &mut Spent<'_>,
    ) -> (Settled, bool) {
        let mut interior = Interior::new(self);
        let (mut aim, mut rounded) = (TRY, false);
        let (mut halved, mut waited) = (f64::INFINITY, 0);
        // The best of those whose gap was looked at: beyond the limit of precision steps lead away.
        let mut best: Option<Settled> = None;
        for _ in 0..STEPS {
            cancel::check();
            if spent.over().is_some() || !interior.step() {
                break;
            }
            spent.counts.iterations += 1;
            let target = Self::target(&interior.place, spent);
            let [products, slopes, missed] = interior.left;
            spent.record(interior.place.value, products);
            let mut due = products + slopes <= aim * target;
            if !due && products + slopes <= NEARLY * interior.place.size.max(spent.null) {
                let mut seen = self.unsettled(interior.place.x.clone(), interior.prices(), within);
                seen.active = interior.active();
                // The first time that rounding may hide what is left.
                due = !rounded && seen.gap.bound <= seen.gap.rounding && missed <= MET;
                rounded |= due;
                // From there on a step that gains nothing is the last.
                let gains = best.as_ref().is_none_or(|b| seen.gap.bound < b.gap.bound);
                if rounded && !due && !gains {
                    break;
                }
                if gains && seen.gap.violation <= MET {
                    best = Some(seen);
                }
            }
            if !due || missed > MET {
                match interior.hard <= 0.5 * halved {
                    true => (halved, waited) = (interior.hard, 0),
                    false => waited += 1,
                }
                if few && waited >= PATIENCE && interior.hard > 1e-6 {
                    break;
                }
                continue;
            }
            let x = interior.place.x.clone();
            let active = interior.active();
            let trial = SettleLimits { enough: END * target, rounds: ROUNDS.1, blind: false };
            if let Some(settled) = self.settle(x, &interior.prices(), active, within, trial) {
                spent.counts.iterations += settled.rounds;
                return (settled, true);
            }
            if products + slopes <= aim * target {
                aim *= 1e-2;
            }
            if aim < END {
                break;
            }
        }
        let mut found = self.unsettled(interior.place.x.clone(), interior.prices(), within);
        found.active = interior.active();
        let found = match best {
            Some(best) if !(found.gap.bound <= best.gap.bound && found.gap.violation <= MET) => {
                best
            }
            _ => found,
        };
        let good = found.gap.bound <= Self::target(&found.place, spent).max(found.gap.rounding);
        let met = found.gap.violation <= MET;
        (found, good && met)
    }

    /// A point with its multipliers and their gap.
    fn unsettled(&self, x: Vec<f64>, mut prices: Prices, within: &[(f64, f64)]) -> Settled {
        let place = self.at(x);
        self.sound(&place, &mut prices);
        let gap = self.gap(&place, &prices, within);
        Settled { place, prices, gap, active: Active::nothing(self), rounds: 0 }
    }

    /// Whether multipliers of the constraints prove that no x meets them all: y′A x ≤ max y′r is never so.
    fn refuted(&self, y: &[f64]) -> bool {
        let size = y.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        if !(size > 0.0) || !size.is_finite() {
            return false;
        }
        let (mut pull, mut most, mut noise) = (vec![0.0; self.variables.len()], 0.0, 0.0);
        for (i, y) in y.iter().enumerate() {
            let y = if y.abs() > 1e-9 * size { y / size } else { 0.0 };
            if y != 0.0 {
                let end = y * if y > 0.0 { self.most[i] } else { self.least[i] };
                most += end;
                noise += end.abs();
                pull.iter_mut().zip(self.limit(i)).for_each(|(p, a)| *p += y * a);
            }
        }
        let mut least = 0.0;
        for (p, v) in pull.iter().zip(&self.variables) {
            let end = p * if *p > 0.0 { v.lower } else { v.upper };
            if *p != 0.0 {
                least += end;
                noise += end.abs();
            }
        }
        least - most > 1e-9 * noise
    }

    fn told(&self, point: Settled, status: Status, mut spent: Spent<'_>, units: &[f64]) -> Optimum {
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
