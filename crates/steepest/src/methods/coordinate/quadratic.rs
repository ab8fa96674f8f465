//! A small quadratic with a piece on each coordinate: coordinate descent, Newton's step on the face it finds, and where these
//! do not end soon the face followed to the end (`active`).
use super::active::ActiveSet;
use crate::linalg::cholesky::{backward, factor, forward};
use crate::parallel::cancel;
use crate::penalty::Piece;
use crate::status::Halt;

/// Where a coordinate of curvature h is at its best, and by how much the value falls there; none where it is already.
pub(super) fn best(p: Piece, h: f64, slope: f64, old: f64) -> Option<(f64, f64)> {
    // Nothing but the penalty holds a constant column: 0 where it does, as it is where it does not.
    let new = if h > 0.0 {
        p.prox(old - slope / h, h)
    } else if p.l1 > 0.0 || p.l2 > 0.0 {
        0.0f64.clamp(p.low, p.high)
    } else {
        old.clamp(p.low, p.high)
    };
    let by = new - old;
    if by == 0.0 || !new.is_finite() {
        return None;
    }
    let before = if p.value(old).is_finite() { p.value(old) } else { p.value(new) };
    Some((new, before - p.value(new) - by * slope - 0.5 * h * by * by))
}

/// ½ u′Hu + linear′u + Σ piece_j(u_j).
pub(super) struct Quadratic<'a> {
    /// H, symmetric, row after row.
    pub matrix: &'a [f64],
    /// The pieces.
    pub pieces: &'a [Piece],
    /// A round that lowers the value by no more than this share of what was gained so far is the last but one.
    pub enough: f64,
    /// Rows that the matrix is a sum over.
    pub rows: usize,
    /// Whether something better takes over where this does not get on.
    pub relieved: bool,
}

/// Between two tries of Newton's step on the face.
const SWEEPS: usize = 8;
/// Rounds of sweeps before the face is followed to the end, and between two tries of that.
const SWEPT: usize = 4;
/// Faces of up to so many coordinates are solved by factors made anew each time; on larger ones they are kept.
const FACTORED: usize = 400;
/// What must be left of a pivot of a matrix whose diagonal is 1: below, squares have lost what tells columns apart.
const SAFE: f64 = 1e-9;
/// Rounds of sweeps and a Newton step at most: where nothing takes over, and where orthogonal factors do.
const ROUNDS: usize = 500;
const RELIEVED: usize = 40;

impl Quadratic<'_> {
    /// Descends from `u`, where the gradient of the quadratic part is `gradient` (kept up to date), until a
    /// round lowers the value by less than `least`. Returns by how much it fell in all, and whether it came to that
    /// by steps that can be relied on.
    pub fn descend(
        &self,
        u: &mut [f64],
        gradient: &mut [f64],
        least: f64,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<(f64, bool), Halt> {
        let mut fell = 0.0;
        let mut quiet = 0;
        let mut sure = true;
        for at in 0..if self.relieved { RELIEVED } else { ROUNDS } {
            let mut round = 0.0;
            // Sweeps let in more coordinates than rows tell apart, of which most would have to leave again.
            let kept = (at == 0 && self.crowd(u.len())).then(|| (u.to_vec(), gradient.to_vec()));
            for _ in 0..SWEEPS {
                let by = self.sweep(u, gradient);
                cancel::check();
                round += by;
                if by <= least {
                    break;
                }
            }
            let back = kept.filter(|_| self.crowd(self.face(u).len()));
            let crowded = back.is_some();
            if let Some((start, slopes)) = back {
                u.copy_from_slice(&start);
                gradient.copy_from_slice(&slopes);
                round = 0.0;
            }
            let newton = if !crowded && self.face(u).len() <= FACTORED {
                self.newton(u, gradient)
            } else {
                None
            };
            sure = newton.is_some();
            round += newton.unwrap_or(0.0);
            fell += round;
            quiet = if round <= least.max(self.enough * fell) { quiet + 1 } else { 0 };
            if quiet == 2 && sure {
                return Ok((fell, sure));
            }
            if crowded || (!sure && at % SWEPT == 0) || at == SWEPT {
                let least = least.max(self.enough * fell) / u.len() as f64;
                let (by, ended) =
                    ActiveSet::new(self.matrix, self.pieces, u, gradient).finish(least, pause)?;
                (fell, sure) = (fell + by, ended);
                if sure {
                    return Ok((fell, true));
                }
            }
            if quiet == 2 {
                return Ok((fell, sure));
            }
            // Where columns depend on each other too nearly, sweeps alone creep.
            if !sure && self.relieved && !crowded {
                break;
            }
            pause()?;
        }
        Ok((fell, sure && !self.relieved))
    }

    /// Whether so many coordinates are more than the rows are likely to tell apart.
    fn crowd(&self, coordinates: usize) -> bool {
        4 * coordinates > 3 * self.rows
    }

    /// Each coordinate in turn to its best; returns by how much the value fell.
    fn sweep(&self, u: &mut [f64], gradient: &mut [f64]) -> f64 {
        let n = u.len();
        let mut fell = 0.0;
        for j in 0..n {
            let old = u[j];
            if let Some((new, by)) = best(self.pieces[j], self.matrix[j * n + j], gradient[j], old)
            {
                fell += by;
                u[j] = new;
                let (row, by) = (&self.matrix[j * n..(j + 1) * n], new - old);
                for (g, h) in gradient.iter_mut().zip(row) {
                    *g += h * by;
                }
            }
        }
        fell.max(0.0)
    }

    /// The coordinates that are neither at a kink nor at a bound.
    fn face(&self, u: &[f64]) -> Vec<usize> {
        let n = u.len();
        let inside = |j: usize| {
            let p = self.pieces[j];
            (u[j] != 0.0 || p.l1 == 0.0)
                && u[j] > p.low
                && u[j] < p.high
                && self.matrix[j * n + j] > 0.0
        };
        (0..n).filter(|&j| inside(j)).collect()
    }

    /// Newton's step over the coordinates that are neither at a kink nor at a bound, as far as the face goes.
    /// None where the matrix of the face is not safely positive.
    fn newton(&self, u: &mut [f64], gradient: &mut [f64]) -> Option<f64> {
        let face = self.face(u);
        let m = face.len();
        if m == 0 {
            return Some(0.0);
        }
        let slope: Vec<f64> = (face.iter())
            .map(|&j| {
                let p = self.pieces[j];
                -(gradient[j] + p.l2 * u[j] + p.l1 * u[j].signum() * f64::from(u[j] != 0.0))
            })
            .collect();
        let step = self.factored(&face, &slope)?;
        let n = u.len();
        // Many signs may be in the way at once: past them all, where that is lower.
        for length in [1.0, 0.3, 0.1] {
            let fell = self.past(u, gradient, &face, &step, length);
            if fell > 0.0 {
                return Some(fell);
            }
        }
        // As far as the first sign or bound in the way.
        let (mut length, mut stops) = (1.0f64, None);
        for (r, &j) in face.iter().enumerate() {
            let p = self.pieces[j];
            let (low, high) = match (p.l1 > 0.0, u[j] > 0.0) {
                (true, true) => (p.low.max(0.0), p.high),
                (true, false) => (p.low, p.high.min(0.0)),
                _ => (p.low, p.high),
            };
            let wall = if step[r] > 0.0 { high } else { low };
            let far = (wall - u[j]) / step[r];
            if step[r] != 0.0 && far < length {
                (length, stops) = (far, Some((j, wall)));
            }
        }
        let down: f64 = slope.iter().zip(&step).map(|(s, d)| s * d).sum();
        let fell = length * (1.0 - 0.5 * length) * down;
        if !(fell > 0.0 && fell.is_finite()) {
            return Some(0.0);
        }
        for (r, &j) in face.iter().enumerate() {
            let by = match stops {
                Some((stopped, wall)) if stopped == j => wall - u[j],
                _ => length * step[r],
            };
            u[j] += by;
            if let Some((stopped, wall)) = stops
                && stopped == j
            {
                u[j] = wall;
            }
            for (g, h) in gradient.iter_mut().zip(&self.matrix[j * n..(j + 1) * n]) {
                *g += h * by;
            }
        }
        Some(fell)
    }
}

impl Quadratic<'_> {
    /// Goes along the step, each coordinate as far as its sign and bounds let it, if the value falls by a good
    /// part of what the step promises; returns by how much it fell, 0 where it did not go.
    fn past(
        &self,
        u: &mut [f64],
        gradient: &mut [f64],
        face: &[usize],
        step: &[f64],
        length: f64,
    ) -> f64 {
        let n = self.pieces.len();
        let mut by = vec![0.0; face.len()];
        let (mut fell, mut promised) = (0.0, 0.0);
        for ((by, &j), d) in by.iter_mut().zip(face).zip(step) {
            let (p, old) = (self.pieces[j], u[j]);
            let mut new = (old + length * d).clamp(p.low, p.high);
            if p.l1 > 0.0 && new * old < 0.0 {
                new = 0.0;
            }
            *by = new - old;
            fell += p.value(old) - p.value(new) - *by * gradient[j];
            let slope = gradient[j] + p.l2 * old + p.l1 * old.signum() * f64::from(old != 0.0);
            promised -= *by * slope;
        }
        let mut bent = vec![0.0; n];
        for (&j, by) in face.iter().zip(&by).filter(|f| *f.1 != 0.0) {
            for (b, h) in bent.iter_mut().zip(&self.matrix[j * n..(j + 1) * n]) {
                *b += h * by;
            }
        }
        fell -= 0.5 * face.iter().zip(&by).map(|(&j, by)| by * bent[j]).sum::<f64>();
        if !(fell.is_finite() && fell > 0.2 * promised && fell > 0.0) {
            return 0.0;
        }
        for (&j, by) in face.iter().zip(&by) {
            let p = self.pieces[j];
            let new = u[j] + by;
            // Exactly 0 and exactly on the bound, not nearly.
            u[j] = if p.l1 > 0.0 && (new == 0.0 || new * u[j] < 0.0) {
                0.0
            } else {
                new.clamp(p.low, p.high)
            };
        }
        gradient.iter_mut().zip(&bent).for_each(|(g, b)| *g += b);
        fell
    }

    /// (H + l2) step = slope over a face, by Cholesky's factors; none where they are not safe.
    fn factored(&self, face: &[usize], slope: &[f64]) -> Option<Vec<f64>> {
        let (n, m) = (self.pieces.len(), face.len());
        let mut a = vec![0.0; m * m];
        for (r, &i) in face.iter().enumerate() {
            for (c, &j) in face[..=r].iter().enumerate() {
                a[r * m + c] = self.matrix[i * n + j];
            }
            a[r * m + r] += self.pieces[i].l2;
        }
        let mut step = slope.to_vec();
        factor(&mut a, m, |_, left, diagonal| left > SAFE * diagonal).then(|| {
            forward(&a, &mut step);
            backward(&a, &mut step);
            step
        })
    }
}
