//! From sample to sample, and on to all rows.
use super::ground::{Ground, Seen};
use super::metric::{self, Form, Recipe, Shape};
use super::renewal;
use super::sample::{self, Sides};
use super::walk::Walk;
use super::{Work, draw, search};
use crate::problem::Meter;
use crate::status::Halt;
use crate::glm::Glm;
use crate::method::Step;
use crate::scaling::Scaling;

/// A sample has four times the rows of the one before.
pub const GROWTH: usize = 4;
impl Work {
    /// Whether this sample can teach no more.
    pub(super) fn taught(&self, glm: &Glm<'_>) -> bool {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        self.known(glm, seen.len())
    }
    /// Whether what is promised is below the statistical accuracy of so many rows.
    pub(super) fn known(&self, glm: &Glm<'_>, rows: usize) -> bool {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let (mut slopes, mut curvatures, mut loss) = (0.0, 0.0, 0.0);
        seen.jets(0..seen.len(), &self.walk.z, |p, value, s, h| {
            let share = seen.share(p);
            slopes += share * s.iter().map(|s| s * s).sum::<f64>();
            curvatures += share * h.iter().sum::<f64>();
            loss += share * value;
        });
        let kappa = if curvatures > 0.0 { (slopes / curvatures).min(2.0 * loss) } else { 2.0 * loss };
        let part = (glm.width() * glm.outputs()) as f64 / rows as f64;
        // Rows that are all on their right side have little left to say.
        let settled = (self.free() || loss < 0.1 * part) && seen.settled(&self.walk.z);
        settled || !(self.walk.promise > 0.1 * part * kappa)
    }

    /// On to the next sample, or to all rows.
    pub(super) fn grow(
        &mut self,
        glm: &Glm<'_>,
        m: usize,
        x: &mut [f64],
        meter: &mut Meter<'_>,
    ) -> Result<Step, Halt> {
        let n = glm.design.rows();
        self.stage = (m * GROWTH * 4 <= n).then_some(m * GROWTH);
        self.settle(glm, self.walk.u.clone(), meter)?;
        self.report(glm, x, 0.0, meter)
    }

    /// On the ground of the stage, evaluated at `u`, with its metric.
    pub(super) fn settle(&mut self, glm: &Glm<'_>, u: Vec<f64>, meter: &mut Meter<'_>) -> Result<(), Halt> {
        if self.stage.is_none() && !self.distances.is_empty() {
            self.tailed = self.scaling.guessed() || draw::tailed(&self.distances);
        }
        self.shape = renewal::shape(glm, self.stage.is_none());
        (self.steps, self.age) = (0, 0);
        self.since = meter.counts.passes;
        let before = std::mem::replace(&mut self.walk, Walk::nowhere()).value;
        (self.ground, self.walk, self.distances) = settle(
            glm,
            &self.scaling,
            (&self.penalty, self.sides.as_ref()),
            self.stage,
            (u, before),
            (&mut self.shape, self.tailed),
            meter,
        )?;
        Ok(())
    }
}

/// A ground, evaluated at `u`, with its metric.
fn settle(
    glm: &Glm<'_>,
    scaling: &Scaling,
    (penalty, sides): (&[f64], Option<&Sides>),
    stage: Option<usize>,
    (mut u, before): (Vec<f64>, f64),
    (shape, tailed): (&mut Shape, bool),
    meter: &mut Meter<'_>,
) -> Result<(Ground, Walk, Vec<f32>), Halt> {
    let ground = match stage {
        Some(m) => {
            let sample = sample::rows(glm, sides, m, m as u64);
            Ground::some(glm, scaling, sample, penalty.to_vec())
        }
        None => Ground::whole(penalty.to_vec()),
    };
    let seen = Seen { glm, scaling, ground: &ground };
    let mut z = vec![0.0; seen.len() * glm.outputs()];
    let mut g = vec![0.0; u.len()];
    let wanted = tailed && shape.form != Form::Diagonal && shape.rows + shape.rows / 4 < seen.len();
    let mut distances = vec![0.0; if wanted { seen.len() } else { 0 }];
    let keep = (!distances.is_empty()).then_some(&mut distances[..]);
    let mut value = seen.evaluate(&u, &mut g, &mut z, keep, meter)?;
    if value > 1.5 * before {
        // The sample before was learned by heart: on more rows the same direction is right, not its length.
        let back: Vec<f64> = u.iter().map(|u| -u).collect();
        let t: Vec<f64> = z.iter().map(|z| -z).collect();
        let length = search::search(seen, (&u, &back), (&z, &t));
        if length > 0.1 {
            u.iter_mut().for_each(|u| *u *= 1.0 - length);
            value = seen.evaluate(&u, &mut g, &mut z, None, meter)?;
        }
    }
    let metric = metric::metric(seen, &Recipe { z: &z, distances: &distances, sides, broad: false }, shape);
    let walk = Walk::new(u, value, g, z, metric);
    Ok((ground, walk, distances))
}
