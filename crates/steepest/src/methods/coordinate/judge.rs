//! What is known at a point: the duality gap, and whether that is enough.
use super::face::Root;
use super::frame::Frame;
use super::gram::{Set, runs};
use super::{Best, CHANGES, Coordinate, STUCK};
use crate::certificate::{Certificate, Kind};
use crate::duality::{Change, RowsAt, shared};
use crate::held::{Held, Jets};
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::table::OfRows;

/// The rows at the point.
pub(super) struct Here {
    slope: Vec<f64>,
    bend: Vec<f64>,
    /// Root of the mean square of the slopes.
    steep: f64,
    /// Mean and largest curvature.
    bent: f64,
    most: f64,
}

impl Here {
    /// Of squares, at a point of which the loss is told: nothing row by row.
    pub fn told(loss: f64) -> Self {
        let steep = (2.0 * loss.max(0.0)).sqrt();
        Here { slope: Vec::new(), bend: Vec::new(), steep, bent: 1.0, most: 1.0 }
    }
    fn at(rows: &Held<'_>) -> Self {
        let k = rows.outputs();
        let Jets { slope, curvature: bend, .. } = rows.jets(&rows.margins);
        let (mut square, mut bent, mut most) = (0.0, 0.0, 0.0f64);
        for ((s, h), &share) in slope.chunks_exact(k).zip(bend.chunks_exact(k)).zip(&*rows.share) {
            if share == 0.0 {
                continue;
            }
            square += share * s.iter().map(|s| s * s).sum::<f64>();
            let h =
                if k == 1 { h[0] } else { h.iter().fold(0.0, |m: f64, p| m.max(p * (1.0 - p))) };
            bent += share * h;
            most = most.max(h);
        }
        Here { slope, bend, steep: square.sqrt(), bent, most }
    }
}

/// Products rounded in a sum of so many: what a sum of n terms is off by, beside the sum of their sizes.
pub(super) fn unit(n: usize) -> f64 {
    f64::EPSILON * (4.0 + 0.25 * (n as f64).sqrt().min(64.0))
}

/// Numbers of a table up to which rounding is looked at row by row.
const SMALL: usize = 200_000;
/// Coordinates of a face up to which the dual point is corrected on it.
const FACE: usize = 400;
/// What more than so much of what rounding may explain is no rounding.
const SLACK: f64 = 16.0;
/// The same where rounding was looked at row by row, which leaves little to guess.
const CLOSE: f64 = 4.0;
/// Rounding so many times what margins of the same size would have is that of coefficients which cancel.
const SWAMPED: f64 = 1e3;

impl Coordinate {
    /// What is known after a read, and whether that is enough.
    pub(super) fn judge(&mut self, problem: &mut Problem<'_>, rate: f64) -> Result<Step, Halt> {
        if !self.value.is_finite() || self.gradient.iter().any(|g| !g.is_finite()) {
            let what = problem.not_finite()?.unwrap_or_else(|| "the value at the start".into());
            return Err(Halt::Status(Status::NotFinite(what)));
        }
        let frame = self.frame.as_ref().expect("made at the start");
        let shares = problem.penalty().shares();
        let (rows, _) = problem.rows(Some(self.margin))?;
        let told = self.told_from.as_ref();
        let here = told.map_or_else(|| Here::at(&rows), |told| Here::told(told.loss));
        let hidden = self.hidden(frame, &here, &rows, &self.seen);
        // No loss and no penalty is below 0, so the value itself is a bound.
        let all = self.value.max(0.0);
        let free = if frame.taken_out { self.gradient[frame.columns] } else { 0.0 };
        let natural = match told {
            Some(told) => self.natural(frame, &here, shares, 0.0, |c| told.distance(c, free)),
            None => {
                let rows = RowsAt::of(&rows, &here.slope);
                let balanced = rows.balanced(free);
                balanced.map_or(f64::INFINITY, |(change, beside)| {
                    self.natural(frame, &here, shares, beside, |c| rows.distance(c, change))
                })
            }
        };
        self.rounding = hidden + self.carried;
        if let Some(told) = told {
            let margins = self.hidden(frame, &here, &rows, &told.from.seen);
            self.rounding += told.off + margins;
        }
        let mut gap = natural.min(all);
        let target = problem.tolerance() * self.value.max(1e-12 * self.null);
        // What is only told of is looked at row by row where it is read.
        let near = told.is_none() && (self.promised <= target.max(self.rounding) || self.stuck > 0);
        if gap + self.rounding > target && near {
            let kept = self.gradient.clone();
            let beside = shares.map_or(0.0, |whole| self.charge(whole));
            gap = gap.min(self.corrected(problem, &here)? + beside);
            self.gradient = kept;
        }
        let (mut rounding, mut slack) = (self.rounding, SLACK);
        let mut swamped = false;
        if gap + rounding > target && near {
            let [seen, least] = self.by_rows(problem, &here)?;
            (rounding, slack) = (rounding.min(seen), if seen.is_finite() { CLOSE } else { SLACK });
            swamped = self.value <= slack * rounding && rounding > SWAMPED * least;
        }
        let bound = gap * (1.0 + 1e-6) + rounding;
        self.bound = bound;
        let residual = (2.0 * self.wants() / self.null.max(f64::MIN_POSITIVE)).sqrt();
        let mut step = Step { value: self.value, residual, rate, ..Step::default() };
        step.certificate = Some(Certificate {
            kind: Kind::DualityGap,
            bound,
            target,
            // Where coefficients run away rounding hides everything, and where it hides all of the value smaller ones may
            // do better: that is no limit reached.
            rounding: if swamped { 0.0 } else { slack * rounding }.min(1e-6 * self.scale),
            assumption: "the loss and the penalty are convex; a dual point was found on all rows",
        });
        if bound <= target {
            step.verdict = Some(Status::Converged);
            return Ok(step);
        }
        if self.stuck > 0 && self.best.as_ref().is_none_or(|b| bound < b.bound) {
            self.best = Some(Best { bound, seen: self.seen.clone(), step: step.clone() });
        } else if self.stuck == 0 {
            self.best = None;
        }
        step.verdict = (self.stuck >= STUCK).then_some(Status::PrecisionLimit);
        Ok(step)
    }

    /// What rounding can hide of the value: of the margins, first and second order, and of its own sum.
    pub(super) fn hidden(&self, frame: &Frame, here: &Here, rows: &Held<'_>, seen: &[f64]) -> f64 {
        let per = unit(frame.width);
        let sizes = seen.chunks_exact(frame.width).enumerate().map(|(o, v)| {
            v.iter()
                .enumerate()
                .map(|(j, v)| v.abs() * frame.size(o * frame.width + j))
                .sum::<f64>()
        });
        let margins = per * sizes.fold(0.0, f64::max);
        // The intercept that is returned is rounded once more where centres are taken off it.
        let taken = 2.0 * f64::EPSILON * frame.taken(seen);
        let free = if rows.intercept() { self.gradient[frame.columns].abs() } else { 0.0 };
        unit(rows.len()).min(per * 4.0) * self.value.abs()
            + margins * here.steep
            + taken * free
            + 0.5 * here.bent.max(here.most.min(4.0 * here.bent)) * (margins + taken).powi(2)
    }

    /// The same row by row, where the table is small: rows that pull may be others than those of large margins. And what it
    /// would be if no margin were a sum of larger terms.
    fn by_rows(&self, problem: &mut Problem<'_>, here: &Here) -> Result<[f64; 2], Halt> {
        let frame = self.frame.as_ref().expect("made at the start");
        let (d, k) = (frame.columns, frame.outputs);
        if here.slope.len() / k * d > SMALL {
            return Ok([f64::INFINITY; 2]);
        }
        let (rows, mut meter) = problem.rows(Some(self.margin))?;
        let (rows, n) = (rows.less(&frame.far, &frame.centre), here.slope.len() / k);
        meter.spend(1.0)?;
        let per = unit(frame.width);
        let taken = 2.0 * f64::EPSILON * frame.taken(&self.seen);
        let mut row = vec![0.0; d];
        let (mut sum, mut least) = (0.0, 0.0);
        for i in (0..n).filter(|&i| rows.share[i] > 0.0) {
            rows.gather(i..i + 1, &mut row);
            for (o, v) in self.seen.chunks_exact(frame.width).enumerate() {
                let terms: f64 = row.iter().zip(v).map(|(x, v)| (x * v).abs()).sum();
                let own = rows.margins[i * k + o].abs();
                let off = per * (terms + v.get(d).map_or(0.0, |b| b.abs()) + own) + taken;
                let (s, h) = (here.slope[i * k + o].abs(), here.bend[i * k + o]);
                let h = if k == 1 { h } else { h * (1.0 - h) };
                let of = |off: f64| rows.share[i] * off * (s + 0.5 * h * off);
                (sum, least) = (sum + of(off), least + of(per * own));
            }
        }
        let value = unit(n).min(per * 4.0) * self.value.abs();
        Ok([value + sum, value + least])
    }

    /// By how much an entry of the gradient may be off.
    fn noise(&self, frame: &Frame, here: &Here, a: usize) -> f64 {
        let told = self.told_from.as_ref().map_or(0.0, |told| told.noise(frame, a));
        2.0 * f64::EPSILON * here.steep * frame.size(a) + told
    }

    /// Whether this value and this gradient are, but for rounding, those that were just read.
    pub(super) fn as_read(&self, rows: &Held<'_>, value: f64, saved: &[f64]) -> bool {
        let frame = self.frame.as_ref().expect("made at the start");
        let here = Here::at(rows);
        let near = |a: usize| {
            let sizes = self.gradient[a].abs() + saved[a].abs();
            let noise = self.noise(frame, &here, a) + f64::EPSILON * sizes;
            (saved[a] - self.gradient[a]).abs() <= 4.0 * noise
        };
        let off = 4.0 * unit(rows.len()) * value.abs();
        (self.value - value).abs() <= off && (0..saved.len()).all(near)
    }

    /// The gap at the slopes themselves, set right for one free intercept (by a change whose deviation is `beside`) and
    /// taken in as a whole; `distance` is what the change costs and being taken in by a factor.
    fn natural(
        &self,
        frame: &Frame,
        here: &Here,
        shares: Option<(&[usize], f64)>,
        beside: f64,
        distance: impl Fn(f64) -> f64,
    ) -> f64 {
        let free = if frame.taken_out { self.gradient[frame.columns] } else { 0.0 };
        let dual = |a: usize| {
            let j = frame.column(a);
            let s = -self.gradient[a] + free * j.map_or(0.0, |j| frame.mean[j]);
            let spread = beside * j.map_or(0.0, |j| frame.deviation[j]);
            (s, spread + self.noise(frame, here, a))
        };
        let n = frame.coordinates();
        let c = (0..n).fold(1.0f64, |c, a| {
            let (s, spread) = dual(a);
            c.min(self.pieces[a].shrinks(s, spread))
        });
        if c == 0.0 {
            return f64::INFINITY;
        }
        let worst = |a: usize| {
            let (s, spread) = dual(a);
            self.pieces[a].worst(self.seen[a], c * s, c * spread)
        };
        let of_shares = shares.map_or(0.0, |whole| shared(whole, &self.seen, dual));
        let of_share =
            |a: &usize| shares.is_some_and(|(inside, _)| inside.binary_search(a).is_ok());
        let penalties: f64 = (0..n).filter(|a| !of_share(a)).map(worst).sum();
        of_shares + penalties + distance(c)
    }

    /// Shares of a whole have a price λ each: λ (Σ x − whole) is 0 where they may be, so adding it changes no value there,
    /// and bounds of each alone are left. The slopes with the price that is best for those in use; what λ (Σ x − whole)
    /// is here, but for its sign.
    fn charge(&mut self, (inside, whole): (&[usize], f64)) -> f64 {
        let frame = self.frame.as_ref().expect("made at the start");
        let (mut sum, mut all, mut total) = (0.0, 0.0, 0.0);
        for &a in inside.iter().filter(|a| self.seen[**a] > 0.0) {
            let weight = frame.size(a).max(1e-150).powi(-2);
            sum += weight * self.gradient[a];
            all += weight;
            total += self.seen[a];
        }
        let price = -sum / all;
        inside.iter().for_each(|&a| self.gradient[a] += price);
        (price * (total - whole)).abs()
    }

    /// The gap at a dual point that is corrected on the face, by Newton's step: second order in what is left there,
    /// and the only one where nothing holds a coordinate. One read of the face's columns, and one of the
    /// table.
    fn corrected(&self, problem: &mut Problem<'_>, here: &Here) -> Result<f64, Halt> {
        let frame = self.frame.as_ref().expect("made at the start");
        let width = frame.width;
        let all = frame.outputs * width;
        // Where a step in either direction is open, what is added is smooth there.
        let smooth = |a: usize| {
            let (p, x) = (self.pieces[a], self.seen[a]);
            (x != 0.0 || p.l1 == 0.0) && x > p.low && x < p.high && frame.size(a) > 0.0
        };
        let mut face: Vec<u32> = (0..all as u32).filter(|&a| smooth(a as usize)).collect();
        if face.len() > FACE {
            // At least those that nothing holds: the others are taken in as a whole.
            face.retain(|&a| {
                self.pieces[a as usize].l1 == 0.0 && self.pieces[a as usize].l2 == 0.0
            });
        }
        if face.len() > FACE || face.is_empty() {
            return Ok(f64::INFINITY);
        }
        let about = width > frame.columns
            && (0..frame.outputs).all(|o| self.pieces[o * width + frame.columns].is_free());
        let shift: Vec<f64> = face
            .iter()
            .map(|&a| match frame.column(a as usize) {
                Some(j) if about => frame.mean[j],
                _ => 0.0,
            })
            .collect();
        let size = |a: u32| match frame.column(a as usize) {
            Some(j) if about => frame.deviation[j],
            _ => frame.size(a as usize),
        };
        let per: Vec<f64> = face.iter().map(|&a| 1.0 / size(a).max(f64::MIN_POSITIVE)).collect();
        let (rows, mut meter) = problem.rows(Some(self.margin))?;
        let (rows, n) = (rows.less(&frame.far, &frame.centre), here.slope.len() / frame.outputs);
        meter.spend(face.len() as f64 / all as f64)?;
        let set = Set::new(&rows, frame, &face, &shift, &per, false);
        let root = Root::of(&set.root(&runs(n, n), frame.outputs), face.len());
        let places: Vec<usize> = (0..face.len()).collect();
        let factor = root.factor(&places, |i| self.pieces[face[i] as usize].l2 * per[i] * per[i]);
        // What is left of the slope of the whole in the units of the face.
        let added = |a: usize| {
            let (p, x) = (self.pieces[a], self.seen[a]);
            p.l2 * x + if x == 0.0 { 0.0 } else { p.l1 * x.signum() }
        };
        let held = |g: &[f64], a: usize| g[a] + added(a);
        let turned = |g: &[f64], i: usize| {
            let a = face[i] as usize;
            let free =
                if shift[i] == 0.0 { 0.0 } else { frame.intercept(a).map_or(0.0, |b| held(g, b)) };
            (held(g, a) - shift[i] * free) * per[i]
        };
        let slope: Vec<f64> = places.iter().map(|&i| -turned(&self.gradient, i)).collect();
        let step = factor.solve(&slope);
        let mut v = vec![0.0; all];
        for (i, &a) in face.iter().enumerate() {
            v[a as usize] += step[i] * per[i];
            if let (true, Some(b)) = (shift[i] != 0.0, frame.intercept(a as usize)) {
                v[b] -= shift[i] * step[i] * per[i];
            }
        }
        let mut by = vec![0.0; all];
        let bent = OfRows::Bent { at: self.margin, along: &v, to: &mut by, keep: CHANGES };
        problem.ask(&[], Rows::All, &mut [Ask::Rows(bent), Ask::Rows(frame.less())])?;
        let mut change = problem.rows(Some(CHANGES))?.0.margins.into_owned();
        let (rows, _) = problem.rows(Some(self.margin))?;
        rows.bend(&here.bend, &mut change);
        let gradient: Vec<f64> = self.gradient.iter().zip(&by).map(|(g, b)| g + b).collect();
        // What is left on the face is corrected by a step of which only the length need be known.
        let (inverse, faint) = (factor.inverse_diagonal(), factor.faint());
        let mut exact = vec![false; all];
        let (mut off, mut depend) = (0.0, Vec::new());
        for &i in &places {
            let a = face[i] as usize;
            let noise = self.noise(frame, here, a) * per[i];
            let l2 = self.pieces[a].l2;
            let left = (turned(&gradient, i) + l2 * v[a] * per[i]).abs() + noise;
            if inverse[i] > 0.0 {
                off += left * inverse[i].sqrt();
                exact[a] = true;
            } else if self.pieces[a].l1 == 0.0 && l2 == 0.0 {
                depend.push((i, left, noise));
            }
        }
        // Where the slopes of a row sum to 0 so do a column's over the outputs: what is held of all of them but one is of that
        // one too. It often is at the very edge of what its absolute value allows, where no spread has room.
        let others = |a: usize| {
            (0..frame.outputs).map(move |o| o * width + a % width).filter(move |b| *b != a)
        };
        let level = rows.loss.level();
        let follows: Vec<bool> = (0..all)
            .map(|a| {
                let told = |b: usize| exact[b] && self.pieces[b].l2 == 0.0;
                level && !exact[a] && self.pieces[a].l2 == 0.0 && others(a).all(told)
            })
            .collect();
        for (i, left, noise) in depend {
            let a = face[i] as usize;
            if !follows[a] {
                // It depends on the others, so it is held where they are; if it is, to rounding.
                exact[a] = left <= 1e3 * noise + 1e-9 * turned(&self.gradient, i).abs();
                off += left * faint[i];
            }
        }
        let dual = |a: usize| {
            if exact[a] {
                return (added(a) + self.pieces[a].l2 * v[a], 0.0);
            }
            if follows[a] {
                return (-others(a).map(added).sum::<f64>(), 0.0);
            }
            (-gradient[a], off * here.most.sqrt() * frame.size(a) + self.noise(frame, here, a))
        };
        let c = (0..all).fold(1.0f64, |c, a| {
            let (s, spread) = dual(a);
            c.min(self.pieces[a].shrinks(s, spread))
        });
        if c == 0.0 {
            return Ok(f64::INFINITY);
        }
        let worst = |a: usize| {
            let (s, spread) = dual(a);
            self.pieces[a].worst(self.seen[a], c * s, c * spread)
        };
        let sum = |on: bool| (0..all).filter(|&a| exact[a] == on).map(worst).sum::<f64>();
        let distance = RowsAt::of(&rows, &here.slope).distance(c, Change::Each(&change));
        // The length of both steps together, in the metric of the curvature and of the squares added.
        Ok(sum(false) + 0.5 * ((2.0 * (distance + sum(true))).sqrt() + off).powi(2))
    }
}
