//! A program with few variables in play at first, and with those that the gap asks for.
use super::settle::{Active, Settled};
use super::spent::Spent;
use super::{Cost, Optimum, Prices, QuadraticProgram, Variable};
use crate::status::Status;

/// Variables up to which all are in play at once; and how many are in play at first where there are more.
const FEW: usize = 200;
const FIRST: usize = 100;
/// Where not all are in play yet, the end as a part of the tolerance.
const END: f64 = 1e-4;

impl QuadraticProgram<'_> {
    /// With more and more variables in play, until the gap over all of them is closed.
    pub(super) fn grow(
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
}
