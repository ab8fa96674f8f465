//! A point between the kinks and the bounds of a quadratic: how each coordinate is pulled, and how far a line leads down.
use crate::penalty::Piece;

/// ½ u′Hu + linear′u + Σ piece_j(u_j), at u.
pub(super) struct Kinked<'a> {
    pub pieces: &'a [Piece],
    pub u: &'a mut [f64],
    /// The gradient of the quadratic part, kept up to date.
    pub gradient: &'a mut [f64],
}

/// Which way a coordinate at 0 goes when it enters a face; 0 for those that are on their way already.
pub(super) type Signs = Vec<f64>;

/// What came of a line.
pub(super) struct Went {
    /// By how much the value fell.
    pub fell: f64,
    /// The coordinate that came to rest at a kink or a bound, if that was what ended it.
    pub left: Option<usize>,
    /// How many steps it went.
    pub length: f64,
}

impl Went {
    const NOWHERE: Self = Went { fell: 0.0, left: None, length: 0.0 };
}

impl Kinked<'_> {
    /// Away from kinks and bounds.
    pub fn inside(&self, j: usize) -> bool {
        let (p, u) = (self.pieces[j], self.u[j]);
        (u != 0.0 || p.l1 == 0.0) && u > p.low && u < p.high
    }
    /// Minus the slope of the value along a coordinate that is at `sign` of its kink.
    pub fn slope(&self, j: usize, sign: f64) -> f64 {
        let p = self.pieces[j];
        -(self.gradient[j]
            + p.l2 * self.u[j]
            + p.l1 * if self.u[j] == 0.0 { sign } else { self.u[j].signum() })
    }
    /// How a coordinate that is at a kink or a bound is pulled off it: minus the slope there, 0 where it is held.
    pub fn pull(&self, j: usize) -> f64 {
        let (p, u) = (self.pieces[j], self.u[j]);
        let (up, down) = if u == 0.0 {
            (self.slope(j, 1.0), self.slope(j, -1.0))
        } else {
            (self.slope(j, 0.0), self.slope(j, 0.0))
        };
        if up > 0.0 && u < p.high {
            up
        } else if down < 0.0 && u > p.low {
            down
        } else {
            0.0
        }
    }

    /// Goes to the least value along a line whose bend is this, as far as bounds allow and at most `most` steps. The
    /// gradient is as it was.
    pub fn along(
        &mut self,
        face: &[usize],
        step: &[f64],
        sign: &mut Signs,
        most: f64,
        bend: f64,
    ) -> Went {
        // The derivative just after the start, and how it grows.
        let mut down: f64 = face.iter().zip(step).map(|(&j, s)| s * self.slope(j, sign[j])).sum();
        let mut grows = bend;
        let mut stops: Vec<(f64, usize, f64)> = Vec::new();
        for (r, &j) in face.iter().enumerate() {
            let (p, u, s) = (self.pieces[j], self.u[j], step[r]);
            if s == 0.0 {
                continue;
            }
            grows += p.l2 * s * s;
            if p.l1 > 0.0 && u * s < 0.0 {
                stops.push((-u / s, r, 2.0 * p.l1 * s.abs()));
            } else if p.l1 > 0.0 && u == 0.0 && sign[j] * s < 0.0 {
                stops.push((0.0, r, f64::INFINITY));
            }
            let wall = if s > 0.0 { p.high } else { p.low };
            if wall.is_finite() {
                stops.push((((wall - u) / s).max(0.0), r, f64::INFINITY));
            }
        }
        if !(down > 0.0 && grows.is_finite()) {
            return Went::NOWHERE;
        }
        stops.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut at, mut ended, mut fell) = (0.0, None, 0.0);
        let straight = most.is_infinite();
        for &(far, r, jump) in &stops {
            // To where the derivative is 0, where that is before the next stop.
            let rest = if straight || grows <= 0.0 { f64::INFINITY } else { down / grows };
            if at + rest < far || far > most {
                break;
            }
            let by = far - at;
            fell += by * (down - if straight { 0.0 } else { 0.5 * by * grows });
            down -= if straight { 0.0 } else { by * grows };
            at = far;
            down -= jump;
            if down <= 0.0 {
                ended = Some(r);
                break;
            }
        }
        if ended.is_none() {
            if straight {
                // Nothing ends it: what is unbounded, or rounding, is left alone.
                return Went::NOWHERE;
            }
            let by = (down / grows).min(most - at);
            if by.is_finite() && by > 0.0 {
                fell += by * (down - 0.5 * by * grows);
                at += by;
            }
        }
        if !(fell.is_finite() && at.is_finite()) {
            return Went::NOWHERE;
        }
        for (r, &j) in face.iter().enumerate() {
            let (p, old) = (self.pieces[j], self.u[j]);
            let new = (old + at * step[r]).clamp(p.low, p.high);
            self.u[j] = match ended {
                // Exactly on its kink or bound, not nearly.
                Some(e) if e == r => {
                    let crossed = p.l1 > 0.0 && old * step[r] <= 0.0 && (-old / step[r]) >= at;
                    let wall = if step[r] > 0.0 { p.high } else { p.low };
                    if crossed { 0.0f64.clamp(p.low, p.high) } else { wall }
                }
                _ => new,
            };
            sign[j] = if self.u[j] != 0.0 { self.u[j].signum() } else { sign[j] };
        }
        Went { fell: fell.max(0.0), left: ended.map(|r| face[r]), length: at }
    }
}
