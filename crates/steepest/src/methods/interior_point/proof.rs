//! What the dual variables prove of the point.
use super::matrix::NewtonMatrix;
use super::ties::FAINT;
use super::{IDLE, InteriorPoint, MARGINS};
use crate::certificate::{Certificate, Kind};
use crate::gram::StandardisedRows;
use crate::held::Held;
use crate::linalg::factor::Factor;
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::penalty::Piece;
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

/// −X′θ by columns, and how exactly it is known.
struct Pull {
    s: Vec<f64>,
    spread: Vec<f64>,
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
            let p = problem.penalty().piece(j);
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
        let mu =
            (0..self.ties.len()).map(|k| self.inside.products(k)).map(|p| p.0 + p.1).sum::<f64>()
                / self.ties.sides().max(1) as f64;
        let u = self.point(problem, mu, x);
        let mut loss = f64::NAN;
        let asks = &mut [Ask::Value(&mut loss), Ask::Rows(OfRows::Keep(MARGINS))];
        problem.ask(x, Rows::All, asks)?;
        let value = loss + problem.penalty().value(x);
        let target = problem.tolerance() * value.max(1e-12 * self.null);
        let (gap, rounding) = self.gap(problem, (&u, x), value, normal)?;
        let bound = if gap.is_nan() { f64::INFINITY } else { gap * (1.0 + 1e-6) + rounding };
        let certificate = Certificate {
            kind: Kind::DualityGap,
            bound,
            target,
            // Where rounding hides more other coefficients may be rounded better: that is no limit reached.
            rounding: (4.0 * rounding).min(1e-8 * self.null),
            assumption: "the loss and the penalty are convex; a dual point was found on all rows; columns that others make up to \
                         the last digits are taken for what those make",
        };
        let residual = bound / value.max(self.null).max(f64::MIN_POSITIVE);
        let mut step = Step { value, residual, certificate: Some(certificate), ..Step::default() };
        // A μ that is nothing beside what is asked for may fall for ever.
        let matters = mu * self.ties.sides() as f64 > 1e-3 * target.max(rounding);
        let fell = (matters && mu <= 0.9 * self.least[0]) || bound <= 0.9 * self.least[1];
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
        let mut prices = self.ties.prices(&self.inside);
        let open: Vec<usize> = (0..u.len()).filter(|&j| self.open(&pull, j, rounding)).collect();
        let off = |pull: &Pull, prices: &[f64], j: usize| pull.s[j] - self.ties.lean[j] - prices[j];
        if open.iter().any(|&j| off(&pull, &prices, j).abs() > pull.spread[j]) {
            let mut v = vec![0.0; u.len()];
            open.iter().for_each(|&j| v[j] = off(&pull, &prices, j));
            if self.corrected(&rows, normal, v) {
                meter.spend(2.0)?;
                (pull, prices) = (self.pull(&rows), self.ties.prices(&self.inside));
            }
        }
        let is_open = |j: &usize| open.binary_search(j).is_ok();
        let shrinks = |j: usize| self.pieces[j].shrinks(pull.s[j], pull.spread[j]);
        let c = (0..u.len()).filter(|j| !is_open(j)).fold(1.0f64, |c, j| c.min(shrinks(j)));
        let pulls: Vec<Pulled> = (0..u.len())
            .map(|j| {
                let (s, spread) = (c * pull.s[j], c * pull.spread[j]);
                let at = if is_open(&j) { c * (self.ties.lean[j] + prices[j]) } else { s };
                if is_open(&j) {
                    Pulled { s: at, spread: 0.0, left: (s - at).abs() + spread }
                } else {
                    Pulled { s, spread, left: 0.0 }
                }
            })
            .collect();
        let worst = |(j, p): (usize, &Pulled)| self.pieces[j].worst(u[j], p.s, p.spread);
        let own: f64 = pulls.iter().enumerate().map(worst).sum();
        let seen = self.ties.seen(&held.margins, u);
        let gap = self.ties.gap(&self.inside, &seen, c) + own;
        let gap =
            if gap < all { gap + self.left(&rows, normal, (&pulls, c), (u, &seen)) } else { all };
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

    /// Takes the dual variables, by a step of their own, to where nothing is left of what no penalty holds, `v`; false
    /// where that would lead out.
    fn corrected(
        &mut self,
        rows: &StandardisedRows<'_>,
        normal: &NewtonMatrix,
        mut v: Vec<f64>,
    ) -> bool {
        v.iter_mut().for_each(|v| *v = -*v);
        let (_, by) = self.solved(rows, normal, &v, (&vec![0.0; self.ties.len()], false));
        let room = |k: usize| self.inside.above[k].min(self.inside.below[k]);
        if !by.iter().enumerate().all(|(k, by)| by.abs() <= 0.5 * room(k)) {
            return false;
        }
        self.ties.turn(&mut self.inside, &by, 1.0);
        true
    }

    /// What is left where no penalty holds, r, is taken away by the change δ = D X H⁻¹ r of the dual variables, for any
    /// stiffness D ≥ 0 and H = X′DX with the squares of the penalty: Σ δ² / D with what those squares take up is r′H⁻¹r,
    /// no more than `energy`² below. So δ_k is within √D_k · energy, which has to be within its room, and the gap grows
    /// by no more than the energy times the root of Σ D · distance², and by half of its square. Ties without room do
    /// without a share in D: with τ = Σ D_k x_k′H⁻¹x_k over them H is not less than 1 − τ of itself. ∞ where some of this
    /// cannot be shown.
    fn left(
        &mut self,
        rows: &StandardisedRows<'_>,
        normal: &NewtonMatrix,
        (pulls, c): (&[Pulled], f64),
        (u, seen): (&[f64], &[f64]),
    ) -> f64 {
        let lost = normal.factor.lost();
        if pulls.iter().all(|p| p.left == 0.0) {
            return 0.0;
        }
        if !lost.is_empty() && !self.dependent(rows, &lost) {
            return f64::INFINITY;
        }
        // Columns that are combinations of others have left what that combination has.
        let root =
            |j: usize| if lost.contains(&j) { 0.0 } else { normal.factor.energy(j, u.len()) };
        let with = (0..u.len()).filter(|&j| pulls[j].left > 0.0);
        let mut energy: f64 = with.map(|j| pulls[j].left * root(j)).sum();
        let parts: Vec<Split> = (0..u.len()).map(|j| self.parts(j, pulls[j].s, u[j])).collect();
        let room = |k: usize| match self.ties.variable(k) {
            None => c * self.inside.above[k].min(self.inside.below[k]),
            Some(j) => {
                let (p, room) =
                    (&parts[j], (self.ties.low[k].is_finite(), self.ties.high[k].is_finite()));
                let room = match room {
                    (true, true) => self.ties.high[k] - p.absolute.abs(),
                    (false, _) => -p.past,
                    _ => p.past,
                };
                (room - pulls[j].spread).max(0.0)
            }
        };
        let rooms: Vec<f64> = (0..self.ties.len()).map(room).collect();
        let is_out = |k: usize, energy: f64| !(normal.stiff[k].sqrt() * energy <= rooms[k]);
        if (0..self.ties.len()).any(|k| is_out(k, energy)) {
            energy *= 2.0;
            let roots: Vec<f64> = (0..u.len()).map(root).collect();
            let (mut raw, mut row) = (vec![0.0; rows.held.columns()], vec![0.0; u.len()]);
            let mut share = 0.0;
            for k in (0..self.ties.len()).filter(|&k| is_out(k, energy)) {
                let size = match self.ties.variable(k) {
                    Some(j) => roots[j],
                    None => {
                        let i = self.ties.row(k);
                        rows.held.gather(i..i + 1, &mut raw);
                        rows.scaling.rows(&raw, &[1.0], &mut row);
                        row.iter().zip(&roots).map(|(x, r)| x.abs() * r).sum()
                    }
                };
                share += normal.stiff[k] * size * size;
                if !(share <= 0.75) {
                    return f64::INFINITY;
                }
            }
        }
        let inside = (0..self.ties.len()).filter(|&k| !is_out(k, energy));
        let far: f64 =
            inside.map(|k| (normal.stiff[k].sqrt() * (seen[k] - self.ties.at[k])).powi(2)).sum();
        let square = |(p, (piece, u)): (&Split, (&Piece, &f64))| {
            if piece.l2 > 0.0 { (piece.l2.sqrt() * (u - p.free)).powi(2) } else { 0.0 }
        };
        let far = far + parts.iter().zip(self.pieces.iter().zip(u)).map(square).sum::<f64>();
        energy * (far.sqrt() + 0.5 * energy)
    }

    /// How a variable's penalty shares what pulls at it.
    fn parts(&self, j: usize, s: f64, u: f64) -> Split {
        let p = self.pieces[j];
        let absolute =
            if p.low < 0.0 && p.high > 0.0 { s.clamp(-p.l1, p.l1) } else { self.ties.lean[j] };
        let rest = s - absolute;
        let free = if p.l2 > 0.0 { (rest / p.l2).clamp(p.low, p.high) } else { u };
        Split { absolute, free, past: rest - p.l2 * free }
    }

    /// Whether these columns are combinations of the others up to the last digits of the numbers in them, in every row.
    fn dependent(&mut self, rows: &StandardisedRows<'_>, lost: &[usize]) -> bool {
        if let Some((of, known)) = &self.dependent
            && of == lost
        {
            return *known;
        }
        let known = combinations(rows, lost);
        self.dependent = Some((lost.to_vec(), known));
        known
    }
}

/// What pulls at a variable, how exactly it is known, and what is left of it that nothing holds.
struct Pulled {
    s: f64,
    spread: f64,
    left: f64,
}

/// What its absolute value takes, where its squares would have the variable, and what bounds take.
struct Split {
    absolute: f64,
    free: f64,
    past: f64,
}

/// Whether each of these columns, in every row, is the same combination of all others, but for rounding: of a table whose
/// numbers differ from these by some units in their last place it is exactly that.
fn combinations(rows: &StandardisedRows<'_>, lost: &[usize]) -> bool {
    let (held, w) = (rows.held, rows.width());
    let root: Vec<f64> = held.share.iter().map(|s| s.sqrt()).collect();
    let mut r = rows.triangle(&root);
    for row in r.chunks_exact_mut(w) {
        lost.iter().for_each(|&j| row[j] = 0.0);
    }
    let kept = Factor::pivoted(r, w);
    if kept.lost() != lost {
        return false;
    }
    let offset: Vec<f64> = (0..w).map(|k| rows.scaling.offset(k)).collect();
    let one = |&j: &usize| {
        let mut by = vec![0.0; w];
        by[j] = 1.0;
        for _ in 0..3 {
            let mut more = rows.sweep(&by, |i, t| (held.share[i] * t, 0.0)).sum;
            kept.solve_all(&mut more);
            (0..w).for_each(|k| by[k] -= more[k]);
        }
        let level: f64 = by.iter().zip(&offset).map(|(by, o)| by.abs() * (o - 1.0).max(0.0)).sum();
        let (mut raw, mut row) = (vec![0.0; held.columns()], vec![0.0; w]);
        (0..held.len()).filter(|&i| held.share[i] > 0.0).all(|i| {
            held.gather(i..i + 1, &mut raw);
            rows.scaling.rows(&raw, &[1.0], &mut row);
            let terms = row.iter().zip(&by).map(|(x, by)| x * by);
            let (sum, size) = terms.fold((0.0, level), |(s, a), t| (s + t, a + t.abs()));
            sum.abs() <= LAST * f64::EPSILON * size
        })
    };
    lost.iter().all(one)
}

/// Units in the last place that columns may be off the combination for which they are taken.
const LAST: f64 = 4.0;
/// Numbers of a table up to which rounding is looked at row by row.
const SMALL: usize = 200_000;
