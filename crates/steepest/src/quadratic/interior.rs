//! The interior point method: a predictor and a corrector share one system of equations.
use super::settle::Active;
use super::system::System;
use super::{Cost, Prices, QuadraticProgram, ValuedPoint};

/// Of the way to the nearest bound, as much as is gone.
const NEAR: f64 = 0.995;
/// Of the mean of distance · multiplier, what is aimed at where it has not fallen.
const CENTRE: f64 = 0.5;

/// Something that may not be passed: by what, on which side, and where. Every variable of the method (those of the
/// program, what each constraint comes to, what is above and below each kink) stands in one row.
struct Bound {
    on: usize,
    sign: f64,
    at: f64,
}

/// The method at work on one program.
pub(super) struct Interior<'p> {
    of: &'p QuadraticProgram<'p>,
    /// x, then r of the constraints, then u and v of the rows: s = u − v.
    z: Vec<f64>,
    prices: Prices,
    bounds: Vec<Bound>,
    multipliers: Vec<f64>,
    /// The point that x stands for.
    pub place: ValuedPoint,
    /// Σ distance · multiplier, and what else is left: of slopes, and of equations.
    pub left: [f64; 3],
    /// By how much the constraints are missed, of which those of the rows, that any x can meet, are no part.
    pub hard: f64,
    /// The mean of distance · multiplier a step before.
    mean: f64,
}

impl<'p> Interior<'p> {
    pub fn new(of: &'p QuadraticProgram<'p>) -> Self {
        let (n, m, k) = (of.variables.len(), of.least.len(), of.costs.len());
        let typical = of.start.iter().map(|x| x.abs()).sum::<f64>() / n.max(1) as f64;
        let typical = if typical > 0.0 { typical } else { 1.0 };
        let mut bounds = Vec::new();
        let mut between = |on: usize, low: f64, high: f64, near: f64, z: f64| {
            if low.is_finite() {
                bounds.push(Bound { on, sign: 1.0, at: low });
            }
            if high.is_finite() {
                bounds.push(Bound { on, sign: -1.0, at: high });
            }
            let room = near.min(0.25 * (high - low));
            z.max(low + room).min(high - room)
        };
        let mut z: Vec<f64> = (of.variables.iter().enumerate())
            .map(|(j, v)| between(j, v.lower, v.upper, typical, of.start[j]))
            .collect();
        let mut prices = Prices { limits: vec![0.0; m], rows: vec![0.0; k] };
        let place = of.at(z.clone());
        for i in 0..m {
            let size: f64 = of.limit(i).iter().zip(&place.x).map(|(a, x)| (a * x).abs()).sum();
            let r = match of.equation(i) {
                true => of.least[i],
                false => {
                    between(n + i, of.least[i], of.most[i], 0.1 * size.max(1e-6), place.held[i])
                }
            };
            z.push(r);
        }
        let spread = place.s.iter().map(|s| s.abs()).sum::<f64>() / k.max(1) as f64;
        let spread = if spread > 0.0 { spread } else { 1.0 };
        z.resize(n + m + 2 * k, 0.0);
        for (i, cost) in of.costs.iter().enumerate() {
            match cost {
                Cost::Square(weight) => prices.rows[i] = weight * place.s[i],
                Cost::Kink(c) => {
                    let (u, v) = (n + m + i, n + m + k + i);
                    prices.rows[i] = 0.5 * c;
                    z[u] = between(u, 0.0, f64::INFINITY, spread, place.s[i].max(0.0) + spread);
                    z[v] = between(v, 0.0, f64::INFINITY, spread, z[u] - place.s[i]);
                }
            }
        }
        let mut interior = Interior {
            of,
            z,
            prices,
            bounds,
            multipliers: Vec::new(),
            place,
            left: [f64::INFINITY; 3],
            hard: f64::INFINITY,
            mean: f64::INFINITY,
        };
        let slope = of.slopes(&interior.place, &interior.prices).0;
        let steep = slope.iter().fold(1e-300, |m: f64, g| m.max(g.abs()));
        let target = steep * typical;
        let distances = interior.distances();
        interior.multipliers = (interior.bounds.iter().zip(&distances))
            .map(|(b, t)| match interior.cost(b.on) {
                Some(c) => 0.5 * c,
                None => target / t,
            })
            .collect();
        interior
    }

    /// The cost of the kink that a variable is a side of.
    fn cost(&self, on: usize) -> Option<f64> {
        let first = self.of.variables.len() + self.of.least.len();
        let k = self.of.costs.len();
        match self.of.costs[(on.checked_sub(first)?) % k] {
            Cost::Kink(c) => Some(c),
            Cost::Square(_) => None,
        }
    }
    fn distances(&self) -> Vec<f64> {
        self.bounds.iter().map(|b| b.sign * (self.z[b.on] - b.at)).collect()
    }

    /// One step; false where there is none to be taken any more.
    pub fn step(&mut self) -> bool {
        let of = self.of;
        let (n, m, k) = (of.variables.len(), of.least.len(), of.costs.len());
        let distance = self.distances();
        let (slope, _) = of.slopes(&self.place, &self.prices);
        // The slope of the Lagrangian along each variable of the method.
        let mut g = slope;
        g.extend(self.prices.limits.iter().map(|y| -y));
        g.resize(n + m + 2 * k, 0.0);
        for (i, p) in self.prices.rows.iter().enumerate() {
            if let Cost::Kink(c) = of.costs[i] {
                (g[n + m + i], g[n + m + k + i]) = (c - p, *p);
            }
        }
        let mut theta = vec![0.0; self.z.len()];
        let mut complementarity = 0.0;
        for ((b, t), y) in self.bounds.iter().zip(&distance).zip(&self.multipliers) {
            theta[b.on] += y / t;
            complementarity += y * t;
        }
        let mean = complementarity / self.bounds.len().max(1) as f64;
        // What is missing in the equations.
        let hard: Vec<f64> = (0..m).map(|i| self.place.held[i] - self.z[n + i]).collect();
        let soft: Vec<f64> = (of.costs.iter().enumerate())
            .map(|(i, cost)| match cost {
                Cost::Square(weight) => self.place.s[i] - self.prices.rows[i] / weight,
                Cost::Kink(_) => self.place.s[i] - self.z[n + m + i] + self.z[n + m + k + i],
            })
            .collect();
        let give = |i: usize| match of.costs[i] {
            Cost::Square(weight) => 1.0 / weight,
            Cost::Kink(_) => 1.0 / theta[n + m + i] + 1.0 / theta[n + m + k + i],
        };
        let rows = (0..k).map(|i| (i, give(i))).collect();
        let limits = (0..m)
            .map(|i| (of.limit(i).to_vec(), if of.equation(i) { 0.0 } else { 1.0 / theta[n + i] }))
            .collect();
        let Some(system) = System::new(of, theta[..n].to_vec(), rows, limits) else { return false };
        // Towards distance · multiplier = target, for each bound.
        let towards = |target: &[f64], sharp: bool| {
            let mut rho: Vec<f64> = g.iter().map(|g| -g).collect();
            for ((b, t), target) in self.bounds.iter().zip(&distance).zip(target) {
                rho[b.on] += b.sign * target / t;
            }
            let b: Vec<f64> = (0..k)
                .map(|i| match of.costs[i] {
                    Cost::Square(_) => -soft[i],
                    Cost::Kink(_) => {
                        let (u, v) = (n + m + i, n + m + k + i);
                        rho[u] / theta[u] - rho[v] / theta[v] - soft[i]
                    }
                })
                .collect();
            let own = |i: usize| if of.equation(i) { 0.0 } else { rho[n + i] / theta[n + i] };
            let e: Vec<f64> = (0..m).map(|i| own(i) - hard[i]).collect();
            let found = system.solve(&rho[..n], &b, &e, sharp);
            let mut dz = found.x;
            dz.extend((0..m).map(|i| match of.equation(i) {
                true => 0.0,
                false => (rho[n + i] + found.y[i]) / theta[n + i],
            }));
            for (first, sign) in [(n + m, 1.0), (n + m + k, -1.0)] {
                dz.extend((0..k).map(|i| match of.costs[i] {
                    Cost::Square(_) => 0.0,
                    Cost::Kink(_) => (rho[first + i] + sign * found.p[i]) / theta[first + i],
                }));
            }
            let dt: Vec<f64> = self.bounds.iter().map(|b| b.sign * dz[b.on]).collect();
            let dm: Vec<f64> = (0..dt.len())
                .map(|b| {
                    (target[b] - self.multipliers[b] * dt[b]) / distance[b] - self.multipliers[b]
                })
                .collect();
            (dz, found.p, found.y, dt, dm)
        };
        let longest = |dt: &[f64], dm: &[f64]| {
            let ratio = |v: &[f64], d: &[f64]| {
                v.iter()
                    .zip(d)
                    .filter(|(_, d)| **d < 0.0)
                    .fold(f64::INFINITY, |a: f64, (v, d)| a.min(-v / d))
            };
            ratio(&distance, dt).min(ratio(&self.multipliers, dm))
        };
        let (_, _, _, dt, dm) = towards(&vec![0.0; distance.len()], false);
        let far = longest(&dt, &dm).min(1.0);
        let after: f64 = (0..dt.len())
            .map(|b| (distance[b] + far * dt[b]) * (self.multipliers[b] + far * dm[b]))
            .sum();
        let centre = if complementarity > 0.0 { (after / complementarity).powi(3) } else { 0.0 };
        // The corrector may lead round in a circle: where the mean has not fallen, one step goes to the centre without it.
        let (centre, bent) =
            if mean < self.mean { (centre, 1.0) } else { (centre.max(CENTRE), 0.0) };
        self.mean = mean;
        let target: Vec<f64> =
            dt.iter().zip(&dm).map(|(t, y)| centre * mean - bent * t * y).collect();
        let (dz, dp, dy, dt, dm) = towards(&target, true);
        let far = longest(&dt, &dm);
        // No bound is met, by a whole step neither: nothing is divided by 0.
        let far = if far <= 1.0 { NEAR * far } else { 1.0 };
        if !(far > 1e-10) || !dz.iter().chain(&dp).chain(&dy).all(|v| v.is_finite()) {
            return false;
        }
        let go =
            |to: &mut [f64], by: &[f64]| to.iter_mut().zip(by).for_each(|(a, b)| *a += far * b);
        go(&mut self.z, &dz);
        go(&mut self.prices.rows, &dp);
        go(&mut self.prices.limits, &dy);
        go(&mut self.multipliers, &dm);
        self.place = of.at(self.z[..n].to_vec());
        self.judge();
        true
    }

    /// What is left to do.
    fn judge(&mut self) {
        let of = self.of;
        let (n, m, k) = (of.variables.len(), of.least.len(), of.costs.len());
        let distance = self.distances();
        let mut slope = of.slopes(&self.place, &self.prices).0;
        let mut complementarity = 0.0;
        for ((b, t), y) in self.bounds.iter().zip(&distance).zip(&self.multipliers) {
            complementarity += t * y;
            if b.on < n {
                slope[b.on] -= b.sign * y;
            }
        }
        let slopes = slope.iter().zip(&self.place.x).map(|(g, x)| (g * x).abs()).sum();
        let hard = (0..m).map(|i| (self.place.held[i] - self.z[n + i]).abs());
        let soft = (0..k).map(|i| match of.costs[i] {
            Cost::Square(_) => 0.0,
            Cost::Kink(_) => (self.place.s[i] - self.z[n + m + i] + self.z[n + m + k + i]).abs(),
        });
        self.hard = hard.fold(0.0, f64::max);
        self.left = [complementarity, slopes, soft.fold(self.hard, f64::max)];
    }

    /// Its multipliers.
    pub fn prices(&self) -> Prices {
        self.prices.clone()
    }

    /// Which bounds hold, as far as it is known: those whose multiplier is the larger, each in its own measure.
    pub fn active(&self) -> Active {
        let (n, m, k) = (self.of.variables.len(), self.of.least.len(), self.of.costs.len());
        let distance = self.distances();
        let typical = self.place.x.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
        let steep = (self.bounds.iter().zip(&self.multipliers))
            .filter(|(b, _)| b.on < n + m)
            .fold(1e-300, |m: f64, (_, y)| m.max(*y));
        let mut found = Active { variables: vec![0; n], limits: vec![0; m], rows: vec![0; k] };
        for ((b, t), y) in self.bounds.iter().zip(&distance).zip(&self.multipliers) {
            let side = if b.sign > 0.0 { -1 } else { 1 };
            match self.cost(b.on) {
                None if y * typical > t * steep => match b.on < n {
                    true => found.variables[b.on] = side,
                    false => found.limits[b.on - n] = side,
                },
                // The side of a kink on which it is, where its price is at the end.
                Some(c) if y * typical < t * c => {
                    found.rows[(b.on - n - m) % k] = if b.on < n + m + k { 1 } else { -1 };
                }
                _ => {}
            }
        }
        found
    }
}
