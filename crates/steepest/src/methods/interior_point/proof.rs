//! What the dual variables prove of the point.
use super::ties::FAINT;
use super::{IDLE, InteriorPoint, MARGINS, NewtonMatrix};
use crate::certificate::{Certificate, Kind};
use crate::duality::{Change, RowsAt};
use crate::gram::StandardisedRows;
use crate::held::Held;
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::table::OfRows;

/// The point of the least bound so far.
#[derive(Default)]
pub(super) struct Closest {
    pub bound: f64,
    pub x: Vec<f64>,
    pub step: Step,
}

crate::state!(Closest { bound, x: vector, step });

/// −X′θ by columns, how exactly it is known, and θ by rows.
struct Pull {
    s: Vec<f64>,
    spread: Vec<f64>,
    rows: Vec<f64>,
}

/// Products rounded in a sum of so many.
fn unit(n: usize) -> f64 {
    f64::EPSILON * (4.0 + 0.25 * (n as f64).sqrt().min(64.0))
}

/// What is left of the price of a tie at 0 is so much of its width at least: it stays there.
const STAYS: f64 = 1e-2;

impl InteriorPoint {
    /// The point as the objective has it: within the bounds, and 0 where an absolute value holds it there.
    fn point(&self, problem: &Problem<'_>, mu: f64, x: &mut [f64]) -> Vec<f64> {
        let mut u = self.u.clone();
        for (k, j) in self.ties.absolute() {
            let room = self.inside.above[k].min(self.inside.below[k]);
            let stays = room > STAYS * (self.ties.high[k] - self.ties.low[k]);
            if stays && u[j].abs() * room <= 10.0 * mu {
                u[j] = 0.0;
            }
        }
        u.iter_mut().zip(&self.pieces).for_each(|(u, p)| *u = u.clamp(p.low, p.high));
        self.scaling.out(&u, x);
        for (j, x) in x.iter_mut().enumerate() {
            let p = problem.penalty.piece(j);
            *x = x.clamp(p.low, p.high);
        }
        u
    }

    /// What is known after a step, and whether that is enough.
    pub(super) fn judge(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        normal: Option<&NewtonMatrix>,
    ) -> Result<Step, Halt> {
        let mu = (0..self.ties.len()).map(|k| self.inside.products(k)).map(|p| p.0 + p.1).sum::<f64>()
            / self.ties.sides().max(1) as f64;
        let u = self.point(problem, mu, x);
        let mut loss = f64::NAN;
        let asks = &mut [Ask::Value(&mut loss), Ask::Rows(OfRows::Keep(MARGINS))];
        problem.ask(x, Rows::All, asks)?;
        let value = loss + problem.penalty.value(x);
        let target = problem.stop.tolerance * value.max(1e-12 * self.null);
        let (gap, rounding) = self.gap(problem, (&u, x), value, normal)?;
        let bound = if gap.is_nan() { f64::INFINITY } else { gap * (1.0 + 1e-6) + rounding };
        let certificate = Certificate {
            kind: Kind::DualityGap,
            bound,
            target,
            // Where rounding hides more other coefficients may be rounded better: that is no limit reached.
            rounding: (4.0 * rounding).min(1e-8 * self.null),
            assumption: "the loss and the penalty are convex; a dual point was found on all rows",
        };
        let residual = bound / value.max(self.null).max(f64::MIN_POSITIVE);
        let mut step = Step { value, residual, certificate: Some(certificate), ..Step::default() };
        let fell = mu <= 0.9 * self.least[0] || bound <= 0.9 * self.least[1];
        self.least = [self.least[0].min(mu), self.least[1].min(bound)];
        self.idle = if fell { 0 } else { self.idle + 1 };
        if bound <= target {
            step.verdict = Some(Status::Converged);
        } else if self.idle >= IDLE || mu == 0.0 {
            step.verdict = Some(Status::PrecisionLimit);
        }
        if self.best.as_ref().is_none_or(|b| bound < b.bound) {
            let kept = Step { verdict: None, ..step.clone() };
            self.best = Some(Closest { bound, x: x.to_vec(), step: kept });
        }
        Ok(step)
    }

    /// −X′θ for the dual variables as they are.
    fn pull(&self, rows: &StandardisedRows<'_>) -> Pull {
        let by = self.ties.by_rows(&self.ties.dual(&self.inside), rows.held.len());
        let swept = rows.sweep(&vec![0.0; self.u.len()], |i, _| (by[i], 0.0));
        let per = unit(by.len());
        Pull {
            spread: swept.size.iter().map(|size| per * size).collect(),
            s: swept.sum.iter().map(|s| -s).collect(),
            rows: by,
        }
    }

    /// The duality gap, and what rounding hides of the value.
    fn gap(
        &mut self,
        problem: &mut Problem<'_>,
        (u, x): (&[f64], &[f64]),
        value: f64,
        normal: Option<&NewtonMatrix>,
    ) -> Result<(f64, f64), Halt> {
        let (held, mut meter) = problem.rows(Some(MARGINS))?;
        let slope = held.jets(&held.margins).slope;
        let rounding = 8.0 * f64::EPSILON * value + self.rounded(&held, &slope, x);
        // No loss and no penalty is below 0, so the value itself is a bound.
        let all = value.max(0.0);
        let Some(normal) = normal else { return Ok((all, rounding)) };
        let scaling = self.scaling.clone();
        let rows = StandardisedRows { held: &held, scaling: &scaling };
        meter.spend(1.0)?;
        let mut pull = self.pull(&rows);
        let open: Vec<usize> = (0..u.len()).filter(|&j| self.open(&pull, j, rounding)).collect();
        let over = |pull: &Pull, j: usize| (pull.s[j] - self.ties.lean[j]).abs() > pull.spread[j];
        if open.iter().any(|&j| over(&pull, j)) && self.corrected(&rows, normal, &open, &pull) {
            meter.spend(2.0)?;
            pull = self.pull(&rows);
        }
        let left = self.left(&rows, normal, &open, (u, &pull));
        let others = || (0..u.len()).filter(|j| open.binary_search(j).is_err());
        let shrinks = |j: usize| self.pieces[j].shrinks(pull.s[j], pull.spread[j]);
        let c = others().fold(1.0f64, |c, j| c.min(shrinks(j)));
        let worst = |j: usize| self.pieces[j].worst(u[j], c * pull.s[j], c * pull.spread[j]);
        // The weak penalty of an open variable is left out of what proves: F only falls with it.
        let added = |&j: &usize| match self.ties.lean[j] {
            0.0 => self.pieces[j].value(u[j]),
            _ => 0.0,
        };
        let by: Vec<f64> = (pull.rows.iter().zip(&*held.share).zip(&slope))
            .map(|((t, share), slope)| if *share > 0.0 { t / share - slope } else { 0.0 })
            .collect();
        let distance = RowsAt::of(&held, &slope).distance(c, Change::Each(&by));
        let gap =
            distance + others().map(worst).sum::<f64>() + open.iter().map(added).sum::<f64>() + left;
        Ok((if gap < all { gap } else { all }, rounding))
    }

    /// What the rounding of margins hides of the value: row by row where the table is small.
    fn rounded(&self, held: &Held<'_>, slope: &[f64], x: &[f64]) -> f64 {
        let d = held.columns();
        let per = 2.0 * f64::EPSILON * (x.len() as f64).sqrt().max(4.0);
        let terms = x.iter().filter(|x| **x != 0.0).count();
        if terms <= 1 && x[..d].iter().all(|x| *x == 0.0) {
            // A single term is not rounded beside others.
            return 0.0;
        }
        if held.len() * d > SMALL {
            let steep = held.mean(&slope.iter().map(|s| s * s).collect::<Vec<f64>>()).sqrt();
            let sizes = x.iter().zip(&self.squares).map(|(x, q)| x.abs() * q.sqrt());
            return per * sizes.sum::<f64>() * steep;
        }
        let (mut row, level) = (vec![0.0; d], x.get(d).map_or(0.0, |b| b.abs()));
        let mut off = |i: usize| {
            if held.share[i] == 0.0 || slope[i] == 0.0 {
                return 0.0;
            }
            held.gather(i..i + 1, &mut row);
            let size = row.iter().zip(x).map(|(r, x)| (r * x).abs()).sum::<f64>() + level;
            held.share[i] * slope[i].abs() * per * size
        };
        (0..held.len()).map(&mut off).sum()
    }

    /// Whether nothing holds a variable, or what holds it is rounding, or only a bound that it is not at: what pulls at it
    /// has to be 0 then, or what its absolute value leans by.
    fn open(&self, pull: &Pull, j: usize, rounding: f64) -> bool {
        let (p, noise) = (self.pieces[j], pull.spread[j]);
        let lean = self.ties.lean[j];
        let (off, one) = (pull.s[j] - lean, p.l2 == 0.0 && (lean != 0.0 || p.l1 <= FAINT));
        match (p.low.is_infinite(), p.high.is_infinite()) {
            (true, true) => {
                let weak = p.l2 == 0.0 || noise * noise / p.l2 > 1e-3 * rounding;
                weak && p.l1 <= FAINT.max(4.0 * noise)
            }
            (false, true) => one && off > -noise,
            (true, false) => one && off < noise,
            (false, false) => false,
        }
    }

    /// Takes the dual variables, by a step of their own, to where nothing is left of what no penalty holds; false where
    /// that would lead out.
    fn corrected(&mut self, rows: &StandardisedRows<'_>, normal: &NewtonMatrix, open: &[usize], pull: &Pull) -> bool {
        let mut v = vec![0.0; self.u.len()];
        open.iter().for_each(|&j| v[j] = pull.s[j] - self.ties.lean[j]);
        normal.factor.solve(&mut v);
        let seen = self.ties.seen(&rows.margins(&v), &v);
        let by: Vec<f64> = seen.iter().zip(&normal.stiff).map(|(s, d)| s * d).collect();
        let room = |k: usize| self.inside.above[k].min(self.inside.below[k]);
        if !by.iter().enumerate().all(|(k, by)| by.abs() <= 0.5 * room(k)) {
            return false;
        }
        self.ties.turn(&mut self.inside, &by, 1.0);
        true
    }

    /// What is left where no penalty holds is taken away by some change δ of the dual variables with Σ δ² / stiffness
    /// no more than that of Newton's, which changes the gap by no more than its product with Σ stiffness · distance²;
    /// ∞ where it might lead out. Columns that depend on others to rounding are looked at so far only.
    fn left(
        &self,
        rows: &StandardisedRows<'_>,
        normal: &NewtonMatrix,
        open: &[usize],
        (u, pull): (&[f64], &Pull),
    ) -> f64 {
        let (mut energy, mut dropped, mut weakest) = (0.0, 0.0, f64::INFINITY);
        for &j in open {
            let left = (pull.s[j] - self.ties.lean[j]).abs() + pull.spread[j];
            match normal.factor.energy(j, u.len()) {
                Some(root) => {
                    energy += left * root;
                    weakest = weakest.min(1.0 / (root * root));
                }
                None => dropped += left,
            }
        }
        if energy + dropped == 0.0 {
            return 0.0;
        }
        let seen = self.ties.seen(&rows.margins(u), u);
        let (mut sum, mut out, mut far) = (0.0, 0.0, 0.0f64);
        for (k, d) in normal.stiff.iter().enumerate() {
            if d.sqrt() * energy > self.inside.above[k].min(self.inside.below[k]) {
                out += d;
            }
            let off = (seen[k] - self.ties.at[k]).abs();
            sum += d * off * off;
            far = far.max(off);
        }
        // Ties that do without a share in it must be next to nothing in the matrix.
        if out > 1e-3 * weakest {
            return f64::INFINITY;
        }
        energy * (sum.sqrt() + energy) + FAR * far * dropped
    }
}

/// Numbers of a table up to which rounding is looked at row by row.
const SMALL: usize = 200_000;
/// How far off the least value is looked for where the columns say nothing about it, in times of the farthest margin.
const FAR: f64 = 1e4;
