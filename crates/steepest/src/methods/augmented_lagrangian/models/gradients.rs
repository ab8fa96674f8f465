//! Whether f and the constraints change as their gradients say, where that matters for a claim.
use super::confirm::{Beside, Claim, Confirmed, Holding, room};
use super::{Models, Within};
use crate::linalg::vectors::dot;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// What differs by more than this of all that a change is summed up of is not rounding.
const OFF: f64 = 1e-5;

impl Models {
    /// By how much f, and each constraint, changes along u from one side to the other other than its gradient says.
    pub(super) fn off(&self, u: &[f64], h: f64, [ahead, back]: [&Beside; 2]) -> Vec<f64> {
        let mut off = vec![(ahead.value - back.value) / (2.0 * h) - dot(&self.gradient, u)];
        let rows = self.jacobian.chunks_exact(u.len()).zip(ahead.c.iter().zip(&back.c));
        off.extend(rows.map(|(row, (up, down))| (up - down) / (2.0 * h) - dot(row, u)));
        off
    }

    /// What that is worth.
    pub(super) fn worth(&self, price: &[f64], off: &[f64]) -> f64 {
        off[0].abs()
            + price
                .iter()
                .zip(&off[1..])
                .map(|(p, v)| if *p == 0.0 { 0.0 } else { (p * v).abs() })
                .sum::<f64>()
    }

    /// Whether f and the constraints change along u as their gradients say, as far as that matters.
    pub(super) fn level(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        place: &Holding,
        u: &[f64],
        left: f64,
    ) -> Result<Confirmed, Halt> {
        let Claim { x, price, small, within: Within { bounds, .. }, .. } = *claim;
        if !(dot(u, u) > 0.0) {
            return Ok(Confirmed::Left(left));
        }
        let bent = self.bent(u);
        let Some(most) = room(bounds, x, u) else { return Ok(Confirmed::Open) };
        let mut h = self.seen_at(place, u).min(0.5 * most[0].min(most[1]));
        let mut before: Option<Vec<f64>> = None;
        for _ in 0..2 {
            let ahead = self.beside(problem, claim, (h, u))?;
            let back = self.beside(problem, claim, (-h, u))?;
            if !(ahead.change.is_finite() && back.change.is_finite()) {
                return Ok(Confirmed::Open);
            }
            let off = self.off(u, h, [&ahead, &back]);
            let worth = self.worth(price, &off);
            let rounding = 4.0 * place.hidden / h;
            if 0.5 * worth * worth / bent <= small || worth <= rounding {
                return Ok(Confirmed::Left(left));
            }
            if let Some(before) = before {
                let wrong = self.wrong(problem, u, price, [&before, &off], rounding);
                return Ok(wrong.map_or(Confirmed::Open, Confirmed::Ended));
            }
            before = Some(off);
            h *= 0.25;
        }
        Ok(Confirmed::Open)
    }

    /// What is wrong, by how much each changes along u other than its gradient says, at a step and at a shorter one: of what
    /// bends the shorter one shows less; of what is wrong as much.
    fn wrong(
        &self,
        problem: &Problem<'_>,
        u: &[f64],
        price: &[f64],
        [before, off]: [&[f64]; 2],
        rounding: f64,
    ) -> Option<Status> {
        let weigh = |k: usize| if k == 0 { 1.0 } else { price[k - 1].abs() };
        let worth = |k: &usize| weigh(*k) * off[*k].abs();
        let worst = (0..off.len()).max_by(|a, b| worth(a).total_cmp(&worth(b)))?;
        let gradient = match worst {
            0 => &self.gradient[..],
            k => &self.jacobian[(k - 1) * u.len()..k * u.len()],
        };
        let whole: f64 = gradient.iter().zip(u).map(|(a, u)| (a * u).abs()).sum();
        let (was, is) = (before[worst], off[worst]);
        let same = (was - is).abs() <= 0.2 * is.abs();
        if !(same && worth(&worst) > 10.0 * rounding && is.abs() > OFF * whole) {
            return None;
        }
        let says = dot(gradient, u);
        let (what, unit) = match worst {
            0 => ("the function".to_string(), problem.units().value()),
            k => (format!("constraint {}", k - 1), 1.0),
        };
        Some(Status::GradientInconsistent(format!(
            "{what} changes by {:.9e} along a direction where its gradient says {:.9e}",
            (says + is) * unit,
            says * unit
        )))
    }
}
