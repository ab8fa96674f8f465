//! The end of a quadratic with a piece on each coordinate, where its matrix tells the columns of the face apart: Newton's
//! steps on a face whose factor is kept while coordinates enter and leave, one at a time.
//!
//! As `face`, of which this is the fast way: a change of the face costs its square, not its cube (a row more of Cholesky's
//! factor, or one taken out by rotations: Gill, Golub, Murray and Saunders 1974). Answers with as many columns as rows have
//! hundreds of such changes left where sweeps begin to creep. Beside the face only the slopes of a few that may enter are
//! kept up to date; those of all are looked at where none of these wants to.
use super::kinked::{Kinked, Signs, Went};
use crate::linalg::vectors::{add_scaled, dot};
use crate::parallel::cancel;
use crate::penalty::Piece;
use crate::status::Halt;

/// ½ u′Hu + linear′u + Σ piece_j(u_j), at u.
pub(super) struct ActiveSet<'a> {
    /// H, symmetric, row after row; its diagonal is 1, or 0 where a coordinate has no curvature.
    matrix: &'a [f64],
    here: Kinked<'a>,
    sign: Signs,
    /// The face in the order of the factor, and the factor's rows: L of LL′ = H over the face + l2.
    face: Vec<usize>,
    rows: Vec<Vec<f64>>,
    /// Whether a coordinate is on the face; whether it may not enter before something else has gained.
    on: Vec<bool>,
    refused: Vec<bool>,
    /// Those beside the face whose gradient is up to date, as the face's is; all of it was when u was less by `moved`.
    watched: Vec<usize>,
    before: Vec<f64>,
    moved: Vec<f64>,
    fell: f64,
    /// Whether one that is not told from the others safely is none of them for sure: what it could add is not known.
    doubtful: bool,
}

/// What must be left of a pivot, beside the whole: below, squares have lost what tells columns apart.
const SAFE: f64 = 1e-9;
/// A bend that is so small beside the square of the way's length may be rounding.
const BENDS: f64 = 1e-13;
/// What is left of a pivot of which no more can be left, beside the whole, is nothing.
const CERTAIN: f64 = 1e-11;
/// Coordinates watched at once.
const WATCHED: usize = 64;
/// Changes of the face after which all slopes are made again.
const CHANGES: usize = 64;

impl<'a> ActiveSet<'a> {
    pub fn new(
        matrix: &'a [f64],
        pieces: &'a [Piece],
        u: &'a mut [f64],
        gradient: &'a mut [f64],
    ) -> Self {
        let k = u.len();
        ActiveSet {
            matrix,
            sign: u.iter().map(|u| if *u == 0.0 { 0.0 } else { u.signum() }).collect(),
            face: Vec::new(),
            rows: Vec::new(),
            on: vec![false; k],
            refused: vec![false; k],
            watched: Vec::new(),
            before: gradient.to_vec(),
            moved: vec![0.0; k],
            fell: 0.0,
            doubtful: false,
            here: Kinked { pieces, u, gradient },
        }
    }

    /// Descends until no step along one coordinate promises more than `least`; returns by how much the value fell, and
    /// whether it came to that.
    pub fn finish(
        mut self,
        least: f64,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<(f64, bool), Halt> {
        let k = self.on.len();
        for j in 0..k {
            if self.curvature(j) > 0.0 && self.here.inside(j) {
                self.enter(j, least);
                pause()?;
            }
        }
        self.settle();
        let (mut entered, mut since, mut taken) = (None, 0, false);
        for _ in 0..10 * k + 200 {
            pause()?;
            cancel::check();
            let slope: Vec<f64> =
                self.face.iter().map(|&j| self.here.slope(j, self.sign[j])).collect();
            let step = self.solve(slope.clone());
            // Who enters must go where it was pulled; rounding can turn it.
            if let Some(j) = entered.take()
                && self.face.last() == Some(&j)
                && step[step.len() - 1] * self.sign[j] < 0.0
            {
                self.leave(j);
                self.refused[j] = true;
                continue;
            }
            let (by, left) = self.newton(&slope, &step);
            since += 1;
            if by > least {
                self.refused.fill(false);
            }
            if let Some(j) = left {
                self.leave(j);
                // Who gained nothing does not enter again before something else has.
                self.refused[j] = by <= least;
                continue;
            }
            // The face is at its best: who promises most beside it?
            if since >= CHANGES {
                self.settle();
                since = 0;
            }
            let mut best = self.best(least);
            if best.is_none() {
                self.settle();
                since = 0;
                self.watch(least);
                best = self.best(least);
            }
            let Some((j, pull)) = best else {
                // What rounding left of the steps before is taken once more.
                if by > least || !taken {
                    taken = by <= least;
                    continue;
                }
                let sure = !self.doubtful
                    && self.told()
                    && (0..k).all(|j| self.on[j] || self.promise(j).0 <= least);
                return Ok((self.fell, sure));
            };
            taken = false;
            self.sign[j] = pull.signum();
            let gained = self.fell;
            self.enter(j, least);
            if self.fell > gained + least {
                self.refused.fill(false);
            }
            self.refused[j] |= !self.on[j];
            entered = self.on[j].then_some(j);
        }
        self.settle();
        Ok((self.fell, false))
    }

    /// Whether the slopes, which are sums of parts as large as u, tell on which side of a kink they are.
    fn told(&self) -> bool {
        let rounding = f64::EPSILON * self.here.u.iter().fold(0.0, |m: f64, u| m.max(u.abs()));
        self.here.pieces.iter().all(|p| p.l1 == 0.0 || p.l1 > 100.0 * rounding)
    }
    /// H_jj + l2.
    fn curvature(&self, j: usize) -> f64 {
        let h = self.row(j)[j];
        if h > 0.0 { h + self.here.pieces[j].l2 } else { 0.0 }
    }
    fn row(&self, j: usize) -> &'a [f64] {
        let k = self.on.len();
        &self.matrix[j * k..(j + 1) * k]
    }
    /// What a step along a coordinate beside the face promises, and how it is pulled.
    fn promise(&self, j: usize) -> (f64, f64) {
        let (pull, h) = (self.here.pull(j), self.curvature(j));
        (if h > 0.0 { 0.5 * pull * pull / h } else { 0.0 }, pull)
    }
    /// Who promises most of those watched, more than `least`.
    fn best(&self, least: f64) -> Option<(usize, f64)> {
        let mut best = (least, None);
        for &j in self.watched.iter().filter(|&&j| !self.on[j] && !self.refused[j]) {
            let (promise, pull) = self.promise(j);
            if promise > best.0 {
                best = (promise, Some((j, pull)));
            }
        }
        best.1
    }
    /// Those that promise most are watched; all slopes are up to date.
    fn watch(&mut self, least: f64) {
        let others = (0..self.on.len()).filter(|&j| !self.on[j] && !self.refused[j]);
        let mut others: Vec<(f64, usize)> =
            others.map(|j| (self.promise(j).0, j)).filter(|o| o.0 > least).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.watched = others.iter().take(WATCHED).map(|o| o.1).collect();
    }
    /// Makes all slopes again.
    fn settle(&mut self) {
        self.here.gradient.copy_from_slice(&self.before);
        for (j, by) in self.moved.iter_mut().enumerate().filter(|m| *m.1 != 0.0) {
            let k = self.on.len();
            add_scaled(*by, &self.matrix[j * k..(j + 1) * k], self.here.gradient);
            *by = 0.0;
        }
        self.before.copy_from_slice(self.here.gradient);
    }
    /// Makes the slope of one coordinate again.
    fn refresh(&mut self, j: usize) {
        self.here.gradient[j] = self.before[j] + dot(self.row(j), &self.moved);
    }

    /// A coordinate joins the face, if the matrix tells it from those that are there. Along what does not the value is all
    /// but straight: as far as a kink or a bound, whose coordinate leaves, until there is room or it leaves itself.
    fn enter(&mut self, j: usize, least: f64) {
        while !self.on[j] {
            let row = self.row(j);
            let mut l: Vec<f64> = self.face.iter().map(|&i| row[i]).collect();
            self.forward(&mut l);
            let (whole, taken) = (self.curvature(j), dot(&l, &l));
            let left = whole - taken;
            self.refresh(j);
            if left > SAFE * whole {
                l.push(left.sqrt());
                self.rows.push(l);
                self.face.push(j);
                self.on[j] = true;
                return;
            }
            self.backward(&mut l);
            let mut way: Vec<f64> = l.iter().map(|w| -w).collect();
            way.push(1.0);
            let mut over = self.face.clone();
            over.push(j);
            let down: f64 =
                over.iter().zip(&way).map(|(&i, w)| w * self.here.slope(i, self.sign[i])).sum();
            way.iter_mut().for_each(|w| *w *= down.signum());
            // What is left of the pivot is the bend of the way, and may be rounding: no more than it may be is trusted.
            let bend = left.max(BENDS * way.iter().map(|w| w.abs()).sum::<f64>().powi(2));
            // Where rounding is all that slopes, there is nowhere to go.
            let stopped = if 0.5 * down * down <= least * bend {
                None
            } else {
                self.along(&over, &way, f64::MAX, bend).left
            };
            match stopped {
                Some(i) if i != j => self.leave(i),
                _ => {
                    // Where the way is straight after all it leads as far as the next kink.
                    let further = bend > left && down.abs() * self.room(&over, &way) > least;
                    self.doubtful |= further || self.here.u[j] != 0.0 && bend > CERTAIN * whole;
                    self.watched.push(j);
                    self.follow();
                    return;
                }
            }
        }
    }

    /// How many steps of a way there are before a coordinate comes to a kink or a bound: as many as make it as long as u,
    /// where none does.
    fn room(&self, over: &[usize], way: &[f64]) -> f64 {
        let size = |of: &mut dyn Iterator<Item = f64>| of.fold(0.0, |m: f64, v| m.max(v.abs()));
        let longest = size(&mut self.here.u.iter().copied()) / size(&mut way.iter().copied());
        let one = |(&i, w): (&usize, &f64)| {
            let (p, u) = (self.here.pieces[i], self.here.u[i]);
            let wall = if *w > 0.0 { p.high } else { p.low };
            let kink = if p.l1 > 0.0 && u * w < 0.0 { -u / w } else { f64::INFINITY };
            if *w == 0.0 { f64::INFINITY } else { kink.min((wall - u) / w) }
        };
        over.iter().zip(way).map(one).fold(longest, f64::min)
    }

    /// Newton's step on the face, as far as the value falls along it.
    fn newton(&mut self, slope: &[f64], step: &[f64]) -> (f64, Option<usize>) {
        let face = std::mem::take(&mut self.face);
        let squares =
            face.iter().zip(step).map(|(&j, s)| self.here.pieces[j].l2 * s * s).sum::<f64>();
        let bend = dot(slope, step) - squares;
        let Went { fell, left, length } = self.along(&face, step, 1.0, bend.max(0.0));
        // What the step was solved for is what it changed.
        for ((&j, slope), step) in face.iter().zip(slope).zip(step) {
            self.here.gradient[j] += length * (slope - self.here.pieces[j].l2 * step);
        }
        self.face = face;
        self.follow();
        (fell, left)
    }
    /// Slopes of those watched, after a step.
    fn follow(&mut self) {
        for at in 0..self.watched.len() {
            let j = self.watched[at];
            if !self.on[j] {
                self.refresh(j);
            }
        }
    }

    /// Along a step over some coordinates, as `Kinked` goes.
    fn along(&mut self, over: &[usize], step: &[f64], most: f64, bend: f64) -> Went {
        over.iter().for_each(|&j| self.moved[j] -= self.here.u[j]);
        let went = self.here.along(over, step, &mut self.sign, most, bend);
        over.iter().for_each(|&j| self.moved[j] += self.here.u[j]);
        self.fell += went.fell;
        went
    }

    /// A coordinate leaves: its row goes, and rotations take what it had in the rows below.
    fn leave(&mut self, j: usize) {
        let at = self.face.iter().position(|i| *i == j).expect("on the face");
        self.face.remove(at);
        self.rows.remove(at);
        self.on[j] = false;
        self.watched.push(j);
        let mut turns: Vec<(f64, f64)> = Vec::with_capacity(self.rows.len() - at);
        for row in &mut self.rows[at..] {
            let mut a = row[at];
            for (x, (c, s)) in (at..).zip(&turns) {
                let b = row[x + 1];
                row[x] = c * a + s * b;
                a = c * b - s * a;
            }
            let b = row.pop().expect("not empty");
            let h = a.hypot(b);
            turns.push((a / h, b / h));
            *row.last_mut().expect("as long as its place") = h;
        }
    }

    /// (H + l2) step = slope over the face.
    fn solve(&self, mut slope: Vec<f64>) -> Vec<f64> {
        self.forward(&mut slope);
        self.backward(&mut slope);
        slope
    }
    fn forward(&self, b: &mut [f64]) {
        let first = b.iter().position(|b| *b != 0.0).unwrap_or(b.len());
        for (i, row) in self.rows.iter().enumerate().skip(first) {
            b[i] = (b[i] - dot(&row[first..i], &b[first..i])) / row[i];
        }
    }
    fn backward(&self, b: &mut [f64]) {
        for (i, row) in self.rows.iter().enumerate().rev() {
            let v = b[i] / row[i];
            add_scaled(-v, &row[..i], &mut b[..i]);
            b[i] = v;
        }
    }
}
