//! What methods on a bounded convex set know where they stand: the point of the set that the slopes point at most, and how
//! much lower a convex function can be at most (the Frank-Wolfe gap).
use super::composite;
use super::gradient_check::{self, Doubt};
use crate::certificate::{Certificate, Kind};
use crate::method::Step;
use crate::methods::convergence::Claims;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Points of the set that are looked at before a claim, and how far on the way to each.
const LOOKS: usize = 4;
const FAR: [f64; 4] = [1e-3, 1e-2, 0.1, 1.0];
/// Steps in which the gap has not fallen before the arithmetic is at its end.
const PATIENCE: u64 = 100;
/// Lower points left for, at most.
const ESCAPES: u64 = 5;

/// The gap and what is claimed by it.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    claims: Claims,
    escapes: u64,
    /// The least gap seen, and steps since it fell: slopes go on to tell where values drown in rounding.
    least: f64,
    since: u64,
}

crate::state!(Gaps { claims, escapes, least, since });

/// g′(x − s), summed so that parts that cancel are small.
pub fn gap(x: &[f64], s: &[f64], g: &[f64]) -> f64 {
    x.iter().zip(s).zip(g).map(|((x, s), g)| (x - s) * g).sum::<f64>()
}

impl Gaps {
    /// From the start.
    pub fn new(value: f64, tolerance: f64) -> Self {
        Gaps {
            claims: Claims::new(value, tolerance, -1.0, -1.0).slow(),
            escapes: 0,
            least: f64::INFINITY,
            since: 0,
        }
    }
    /// What a gap is held against: a tenth of the tolerance, of F or of what it has fallen by where that is less.
    fn target(&self, value: f64) -> f64 {
        (1e3 * self.claims.slight(value)).max(self.claims.rounding(value))
    }
    /// What is to be said of a step that led to x, where F is `value` and bends by no more than `bend`.
    pub fn judged(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        (value, gradient): (f64, &[f64]),
        gap: f64,
        bend: f64,
    ) -> Result<Step, Halt> {
        let idle = self.claims.took(value);
        let falls = gap < 0.9 * self.least;
        self.since = if falls { 0 } else { self.since + 1 };
        self.least = if falls { gap } else { self.least };
        let rests = idle && self.since >= PATIENCE;
        let target = self.target(value);
        let rounding = self.claims.rounding(value)
            + 4.0 * f64::EPSILON * x.iter().zip(gradient).map(|(x, g)| (x * g).abs()).sum::<f64>();
        let left = if gap.is_nan() { f64::INFINITY } else { gap.max(0.0) };
        let residual = (left / target.max(f64::MIN_POSITIVE)).sqrt();
        let step = Step { value, residual, rate: 1.0 / bend, ..Step::default() };
        let status = if left <= target {
            Status::Converged
        } else if rests {
            if left <= rounding { Status::PrecisionLimit } else { Status::Plateau }
        } else {
            return Ok(step);
        };
        if let Some(found) = self.doubted(problem, x, value, bend)? {
            return Ok(Step { verdict: found, ..step });
        }
        let certificate = Certificate {
            kind: Kind::Estimated,
            bound: left,
            target,
            rounding,
            assumption: "the function is convex, which its values and gradients do not tell: the Frank-Wolfe gap bounds how far \
                         below any point of the set may be then",
        };
        Ok(Step { verdict: Some(status), certificate: Some(certificate), ..step })
    }

    /// What the function itself says against a claim: a status, or none and a lower point in x.
    fn doubted(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        value: f64,
        bend: f64,
    ) -> Result<Option<Option<Status>>, Halt> {
        if !gradient_check::cheap(problem) {
            return Ok(None);
        }
        let n = x.len();
        if gradient_check::doubtful(problem) {
            let mut trial = vec![0.0; n];
            let steps = vec![1.0 / bend; n];
            if let Doubt::Inconsistent(status) = composite::look(problem, x, &steps, &mut trial)? {
                return Ok(Some(Some(status)));
            }
        }
        // At a saddle or a maximum the gap is 0 too: along ways into the set it is seen.
        let (mut u, mut s) = (vec![0.0; n], vec![0.0; n]);
        let enough = self.target(value);
        gradient_check::scattered(n, &mut u);
        for k in 0..LOOKS {
            if !problem.penalty().atom(&u, &mut s) {
                break;
            }
            for far in FAR {
                let there: Vec<f64> = x.iter().zip(&s).map(|(x, s)| x + far * (s - x)).collect();
                if problem.value(&there)? < value - enough {
                    self.escapes += 1;
                    if self.escapes > ESCAPES {
                        return Ok(Some(Some(Status::Plateau)));
                    }
                    x.copy_from_slice(&there);
                    return Ok(Some(None));
                }
            }
            if k.is_multiple_of(2) {
                u.iter_mut().for_each(|u| *u = -*u)
            } else {
                gradient_check::scattered_else(n, &mut u)
            }
        }
        Ok(None)
    }
    /// What of a value is rounding.
    pub fn noise(&self, value: f64) -> f64 {
        4.0 * f64::EPSILON * value.abs()
    }
}
