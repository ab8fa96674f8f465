//! The exact answer from a guess of which bounds hold: as equations, until no bound is passed and no multiplier pulls.
use super::system::System;
use super::{Cost, Prices, QuadraticProgram, ValuedPoint, WholeGap};

/// Which bounds hold: −1 the lower one, 1 the upper one, 0 neither. Of a row −1 and 1 are the sides of its kink, 0 the
/// kink itself.
#[derive(Clone, Debug, Default)]
pub struct Active {
    /// Of the variables.
    pub variables: Vec<i8>,
    /// Of the constraints.
    pub limits: Vec<i8>,
    /// Of the rows.
    pub rows: Vec<i8>,
}

impl Active {
    /// No bound holds.
    pub(super) fn nothing(of: &QuadraticProgram<'_>) -> Self {
        Active {
            variables: vec![0; of.variables.len()],
            limits: vec![0; of.least.len()],
            rows: vec![0; of.costs.len()],
        }
    }
}

/// An answer with what is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    pub place: ValuedPoint,
    pub prices: Prices,
    pub gap: WholeGap,
    pub active: Active,
    pub rounds: u64,
}

/// How long active sets are tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettleLimits {
    /// The gap at which they have come to an answer.
    pub enough: f64,
    /// Rounds at most.
    pub rounds: u64,
    /// Whether each round has to change fewer bounds than the one before: nothing is known of the guess.
    pub blind: bool,
}

/// What is active, as equations.
struct ActiveEquations<'p> {
    /// None where nothing is free.
    system: Option<System<'p>>,
    /// The constraints among them, then the kinks.
    limits: Vec<usize>,
    kinks: Vec<usize>,
    /// Rows that cost squares.
    squares: Vec<usize>,
}

impl QuadraticProgram<'_> {
    /// From x and a guess; none where it comes to no answer whose gap is enough.
    pub(super) fn settle(
        &self,
        mut x: Vec<f64>,
        prices: &Prices,
        mut active: Active,
        within: &[(f64, f64)],
        trial: SettleLimits,
    ) -> Option<Settled> {
        let mut prices = prices.clone();
        let mut before = usize::MAX;
        for round in 1..=trial.rounds {
            self.at_bounds(&mut x, &active);
            let mut place = self.at(x);
            self.enough_free(&place, &prices, &mut active);
            // Once more where the first time leaves rounding.
            let equations = self.equations(&active)?;
            for _ in 0..2 {
                let (to, priced) = self.newton(&equations, &place, &prices, &active)?;
                (place, prices) = (self.at(to), priced);
            }
            let held = active.clone();
            let changes = self.correct(&place, &prices, &mut active);
            let changed = changes > 0;
            // Where bounds hold by a hair, rounding decides which; the gap says whether it matters.
            let to: Vec<f64> = place
                .x
                .iter()
                .zip(&self.variables)
                .map(|(x, v)| x.max(v.lower).min(v.upper))
                .collect();
            if !changed || round == trial.rounds || to == place.x {
                let at = self.at(to);
                let mut sound = prices.clone();
                self.sound(&at, &mut sound);
                let gap = self.gap(&at, &sound, within);
                if gap.bound <= trial.enough.max(gap.rounding) && gap.violation <= 1e-11 {
                    return Some(Settled {
                        place: at,
                        prices: sound,
                        gap,
                        active: held,
                        rounds: round,
                    });
                }
            }
            if !changed || trial.blind && changes >= before {
                return None;
            }
            before = changes;
            x = place.x;
        }
        None
    }

    /// Frees the variables that pull least, where there are fewer of them than equations: a vertex at which more bounds
    /// meet than need to.
    fn enough_free(&self, at: &ValuedPoint, prices: &Prices, active: &mut Active) {
        let kink = |k: &usize| matches!(self.costs[*k], Cost::Kink(_)) && active.rows[*k] == 0;
        let held = |i: &usize| self.equation(*i) || active.limits[*i] != 0;
        let equations =
            (0..self.least.len()).filter(held).count() + (0..self.costs.len()).filter(kink).count();
        let free = active.variables.iter().filter(|side| **side == 0).count();
        if free >= equations {
            return;
        }
        let slope = self.slopes(at, prices).0;
        let mut bound: Vec<usize> =
            (0..slope.len()).filter(|&j| active.variables[j] != 0).collect();
        bound.sort_by(|&a, &b| slope[a].abs().total_cmp(&slope[b].abs()));
        bound.iter().take(equations - free).for_each(|&j| active.variables[j] = 0);
    }

    /// The largest entry on the diagonal of what bends, of columns with a variable that is free: beside others it may be
    /// next to nothing.
    fn steepest_bend(&self, active: &Active) -> f64 {
        let n = self.columns();
        let mut diagonal = self.diagonal.to_vec();
        if let Some(dense) = &self.dense {
            (0..n).for_each(|i| diagonal[i] += dense[i * n + i]);
        }
        for (k, cost) in self.costs.iter().enumerate() {
            if let Cost::Square(weight) = cost {
                diagonal.iter_mut().zip(self.row(k)).for_each(|(d, v)| *d += weight * v * v);
            }
        }
        let free = self.variables.iter().zip(&active.variables).filter(|(_, side)| **side == 0);
        free.fold(0.0, |most, (v, _)| f64::max(most, diagonal[v.column]))
    }

    fn at_bounds(&self, x: &mut [f64], active: &Active) {
        for ((x, v), side) in x.iter_mut().zip(&self.variables).zip(&active.variables) {
            match side {
                -1 => *x = v.lower,
                1 => *x = v.upper,
                _ => {}
            }
        }
    }

    /// What is active as equations; none where there are more of them than what is free, or they have no solution.
    fn equations(&self, active: &Active) -> Option<ActiveEquations<'_>> {
        let limits: Vec<usize> =
            (0..self.least.len()).filter(|&i| self.equation(i) || active.limits[i] != 0).collect();
        let mut hard: Vec<(Vec<f64>, f64)> =
            limits.iter().map(|&i| (self.limit(i).to_vec(), 0.0)).collect();
        let (mut kinks, mut squares, mut soft) = (Vec::new(), Vec::new(), Vec::new());
        for (k, cost) in self.costs.iter().enumerate() {
            match (cost, active.rows[k]) {
                (Cost::Square(weight), _) => {
                    squares.push(k);
                    soft.push((k, 1.0 / weight));
                }
                (Cost::Kink(_), 0) => {
                    let row = self.row(k);
                    let own = self.variables.iter().map(|v| v.sign * row[v.column]).collect();
                    hard.push((own, 0.0));
                    kinks.push(k);
                }
                (Cost::Kink(_), _) => {}
            }
        }
        let free = active.variables.iter().filter(|side| **side == 0).count();
        if hard.len() > free {
            return None;
        }
        let mut system = None;
        if free > 0 {
            // Where nothing bends, as much as keeps what the equations leave open where it is.
            let bent = match self.steepest_bend(active) {
                0.0 => 1.0,
                bent => 1e-13 * bent,
            };
            let steep = |side: &i8| if *side == 0 { bent } else { f64::INFINITY };
            let theta = active.variables.iter().map(steep).collect();
            system = Some(System::new(self, theta, soft, hard)?);
        }
        Some(ActiveEquations { system, limits, kinks, squares })
    }

    /// Newton's step where what is active is equations: the least there, with its multipliers.
    fn newton(
        &self,
        equations: &ActiveEquations<'_>,
        at: &ValuedPoint,
        prices: &Prices,
        active: &Active,
    ) -> Option<(Vec<f64>, Prices)> {
        let ActiveEquations { system, limits, kinks, squares } = equations;
        let mut priced = prices.clone();
        for i in 0..self.least.len() {
            if !self.equation(i) && active.limits[i] == 0 {
                priced.limits[i] = 0.0;
            }
        }
        for (k, cost) in self.costs.iter().enumerate() {
            match (cost, active.rows[k]) {
                (Cost::Square(weight), _) => priced.rows[k] = weight * at.s[k],
                (Cost::Kink(_), 0) => {}
                (Cost::Kink(c), side) => priced.rows[k] = if side > 0 { *c } else { 0.0 },
            }
        }
        let Some(system) = system else { return Some((at.x.clone(), priced)) };
        let end = |i: usize| if active.limits[i] > 0 { self.most[i] } else { self.least[i] };
        let missing = limits.iter().map(|&i| end(i) - at.held[i]);
        let missing: Vec<f64> = missing.chain(kinks.iter().map(|&k| -at.s[k])).collect();
        let down: Vec<f64> = self.slopes(at, &priced).0.iter().map(|g| -g).collect();
        let step = system.solve(&down, &vec![0.0; squares.len()], &missing, true);
        let x: Vec<f64> = at.x.iter().zip(&step.x).map(|(x, d)| x + d).collect();
        limits.iter().zip(&step.y).for_each(|(&i, y)| priced.limits[i] += y);
        kinks.iter().zip(&step.y[limits.len()..]).for_each(|(&k, y)| priced.rows[k] += y);
        squares.iter().zip(&step.p).for_each(|(&k, p)| priced.rows[k] += p);
        x.iter().all(|x| x.is_finite()).then_some((x, priced))
    }

    /// Lets go of what pulls the wrong way, holds what has been passed; how much there was of it.
    fn correct(&self, at: &ValuedPoint, prices: &Prices, active: &mut Active) -> usize {
        let (slope, sizes) = self.slopes(at, prices);
        let far = at.x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let (near, flat) = (1e-13 * far, 64.0 * f64::EPSILON);
        let mut changed = 0;
        let mut put = |side: &mut i8, to: i8| {
            changed += usize::from(*side != to);
            *side = to;
        };
        for (j, v) in self.variables.iter().enumerate() {
            let side = &mut active.variables[j];
            let noise = flat * sizes[j];
            match *side {
                0 if at.x[j] < v.lower - near => put(side, -1),
                0 if at.x[j] > v.upper + near => put(side, 1),
                -1 if slope[j] < -noise && v.lower < v.upper => put(side, 0),
                1 if slope[j] > noise && v.lower < v.upper => put(side, 0),
                _ => {}
            }
        }
        for i in (0..self.least.len()).filter(|i| !self.equation(*i)) {
            let (side, r, y) = (&mut active.limits[i], at.held[i], prices.limits[i]);
            let size: f64 = self.limit(i).iter().zip(&at.x).map(|(a, x)| (a * x).abs()).sum();
            let near = 1e-13 * size;
            match *side {
                0 if r < self.least[i] - near => put(side, -1),
                0 if r > self.most[i] + near => put(side, 1),
                -1 if y > 0.0 => put(side, 0),
                1 if y < 0.0 => put(side, 0),
                _ => {}
            }
        }
        let spread = at.s.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
        for (k, cost) in self.costs.iter().enumerate() {
            let Cost::Kink(c) = *cost else { continue };
            let (side, s, p, near) = (&mut active.rows[k], at.s[k], prices.rows[k], 1e-13 * spread);
            match *side {
                0 if p < -1e-12 * c => put(side, -1),
                0 if p > c + 1e-12 * c => put(side, 1),
                -1 if s > near => put(side, 0),
                1 if s < -near => put(side, 0),
                _ => {}
            }
        }
        changed
    }
}
