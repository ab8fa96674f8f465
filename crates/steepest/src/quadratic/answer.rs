//! The answer over all variables of a program: by active sets where they are known to be near, else by interior points.
use super::interior::Interior;
use super::settle::{Active, SettleLimits, Settled};
use super::solve::MET;
use super::spent::Spent;
use super::{Cost, Prices, QuadraticProgram, ValuedPoint};
use crate::parallel::cancel;

/// Steps of the interior point method at most.
const STEPS: usize = 100;
/// Steps in a row that do not halve what the constraints are missed by: those few that are in play cannot meet them.
const PATIENCE: usize = 12;
/// What the active sets are tried at, and what is the end, as parts of the tolerance.
const TRY: f64 = 1.0;
const END: f64 = 1e-4;
/// From this part of what the value is summed up of on, the gap is looked at in each step: rounding may hide it.
const NEARLY: f64 = 1e-9;
/// Rounds of active sets from another answer, and from the interior point method's.
const ROUNDS: (u64, u64) = (12, 8);

impl QuadraticProgram<'_> {
    /// The answer by active sets, from x where there is a guess, else by interior points; `few` where others may follow.
    pub(super) fn answer(
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
        let mut way = InteriorWay::new(self, within);
        for _ in 0..STEPS {
            cancel::check();
            if spent.over().is_some() || !way.interior.step() {
                break;
            }
            spent.counts.iterations += 1;
            spent.record(way.interior.place.value, way.interior.left[0]);
            let target = Self::target(&way.interior.place, spent);
            match way.look(target, spent.null) {
                AfterStep::Step if few && way.too_few() => break,
                AfterStep::Step => {}
                AfterStep::Settle => {
                    if let Some(settled) = way.settled(END * target) {
                        spent.counts.iterations += settled.rounds;
                        return (settled, true);
                    }
                    if !way.nearer(target) {
                        break;
                    }
                }
                AfterStep::End => break,
            }
        }
        let found = way.nearest();
        let good = found.gap.bound <= Self::target(&found.place, spent).max(found.gap.rounding);
        let met = found.gap.violation <= MET;
        (found, good && met)
    }
}

/// What is to be done after a step.
enum AfterStep {
    /// One more.
    Step,
    /// The active sets are tried.
    Settle,
    /// Nothing: steps gain no more.
    End,
}

/// The way of the interior point method, and what was seen on it.
struct InteriorWay<'p> {
    of: &'p QuadraticProgram<'p>,
    within: &'p [(f64, f64)],
    interior: Interior<'p>,
    /// The part of the tolerance at which active sets are tried next.
    aim: f64,
    /// Whether they were tried because rounding may hide what is left.
    rounded: bool,
    /// The best of those whose gap was looked at: beyond the limit of precision steps lead away.
    best: Option<Settled>,
    /// What constraints were missed by when that had last been halved, and the steps since.
    halved: f64,
    waited: usize,
}

impl<'p> InteriorWay<'p> {
    fn new(of: &'p QuadraticProgram<'p>, within: &'p [(f64, f64)]) -> Self {
        InteriorWay {
            of,
            within,
            interior: Interior::new(of),
            aim: TRY,
            rounded: false,
            best: None,
            halved: f64::INFINITY,
            waited: 0,
        }
    }

    /// Where it is, with its gap.
    fn here(&self) -> Settled {
        let x = self.interior.place.x.clone();
        let found = self.of.unsettled(x, self.interior.prices(), self.within);
        Settled { active: self.interior.active(), ..found }
    }

    /// What is to be done, where the gap should be `target` and next to nothing beside `null` is nothing.
    fn look(&mut self, target: f64, null: f64) -> AfterStep {
        let [products, slopes, missed] = self.interior.left;
        let left = products + slopes;
        let mut due = left <= self.aim * target;
        if !due && left <= NEARLY * self.interior.place.size.max(null) {
            let seen = self.here();
            // The first time that rounding may hide what is left.
            due = !self.rounded && seen.gap.bound <= seen.gap.rounding && missed <= MET;
            self.rounded |= due;
            // From there on a step that gains nothing is the last.
            let gains = self.best.as_ref().is_none_or(|b| seen.gap.bound < b.gap.bound);
            if self.rounded && !due && !gains {
                return AfterStep::End;
            }
            if gains && seen.gap.violation <= MET {
                self.best = Some(seen);
            }
        }
        if due && missed <= MET {
            return AfterStep::Settle;
        }
        match self.interior.hard <= 0.5 * self.halved {
            true => (self.halved, self.waited) = (self.interior.hard, 0),
            false => self.waited += 1,
        }
        AfterStep::Step
    }

    /// Whether those that are in play seem not to meet the constraints.
    fn too_few(&self) -> bool {
        self.waited >= PATIENCE && self.interior.hard > 1e-6
    }

    /// The answer of the active sets from here.
    fn settled(&self, enough: f64) -> Option<Settled> {
        let (x, active) = (self.interior.place.x.clone(), self.interior.active());
        let trial = SettleLimits { enough, rounds: ROUNDS.1, blind: false };
        self.of.settle(x, &self.interior.prices(), active, self.within, trial)
    }

    /// Has them tried again when it is nearer; false where that is near enough.
    fn nearer(&mut self, target: f64) -> bool {
        let [products, slopes, _] = self.interior.left;
        if products + slopes <= self.aim * target {
            self.aim *= 1e-2;
        }
        self.aim >= END
    }

    /// The best that was seen, or where it is.
    fn nearest(self) -> Settled {
        let found = self.here();
        match self.best {
            Some(best) if !(found.gap.bound <= best.gap.bound && found.gap.violation <= MET) => {
                best
            }
            _ => found,
        }
    }
}
