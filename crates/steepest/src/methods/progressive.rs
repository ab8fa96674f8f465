//! Growing samples, then quasi-Newton steps round a Hessian from few rows, then a proof.
//!
//! What was learned on the way:
//! - A read of the table is bound by memory and is most of the time; a metric of 200 rows a column costs a third
//!   of a read at 500 000 x 100 and saves one read in four. Cholesky of the Gram matrix serves wherever its least
//!   pivot is above 1e-8; only below does QR pay.
//! - Rows drawn in proportion to curvature · distance², weighted by one over their chance and joined with an even
//!   sample, do better than the largest such rows with weight 1: rare levels 5.7 reads to 1e-6, not 7.7; heavy
//!   tails on few rows 7.8, not 12.
//! - A sample that separates is learned by heart: on the next one its direction is right and its length wrong,
//!   which a search along it on stored margins mends without a read.
//! - Columns that do not vary in a sample have no scale yet: a row in which they do counts as far, so that the
//!   first metric on all rows holds it.
//! - A column that is constant to rounding has a gradient of rounding alone; the proof must allow for that much,
//!   or it refuses tables with a constant column and no penalty.
use crate::certificate::{Certificate, Kind};
use crate::descend::{Halt, Meter, Problem, Status};
use crate::glm::{Distances, Glm, Keep};
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::penalty::Penalty;
use crate::scaling::Scaling;
use crate::settings::Described;
use ground::{Ground, Seen};
use metric::{Inverse, Metric, Recipe};
use sample::Sides;
use walk::{Taken, Walk};

mod blocked;
mod certify;
mod draw;
mod ground;
mod metric;
mod noticed;
mod null;
mod outputs;
mod sample;
mod search;
mod support;
#[cfg(test)]
mod tests;
mod walk;

crate::settings! {
    /// Progressive descent, for a loss over a table with an l2 penalty or none: the default for linear models.
    ///
    /// It starts on a small sample of the rows, walks there until the sample can teach no more, takes four
    /// times the sample, and so on; then it walks on all rows. Each walk takes quasi-Newton steps (L-BFGS)
    /// round a metric: the Hessian over some 50 rows for each column, by Cholesky or QR. Raw scales do not
    /// matter. It stops when a bound on F − F*, by Fenchel duality with a dual point corrected on those same
    /// rows, says so.
    ///
    /// Adaptive samples: Mokhtari and Ribeiro 2017; sub-sampled Newton: Roosta-Khorasani and Mahoney 2019.
    "progressive" Progressive {}
}

pub(super) const ENTRY: Entry = Entry {
    name: Progressive::<f64>::NAME,
    doc: Progressive::<f64>::DOC,
    parameters: Progressive::<f64>::PARAMETERS,
    needs: Needs { glm: true, penalty: Takes::Quadratic, ..Needs::GRADIENT },
    suits,
    build: |_| Box::new(Descent { work: None }),
};

/// Variables of several outputs up to which their joint Hessian is worth its price.
const JOINT: usize = 2500;

fn suits(facts: &Facts) -> Option<Suit> {
    let moderate = facts.outputs == 1 || facts.dim <= JOINT;
    (facts.glm && facts.dense && moderate).then(|| Suit {
        passes: 5.0,
        reason: "a loss over a dense table with a quadratic penalty: samples, then a metric from few rows".into(),
    })
}

struct Descent {
    work: Option<Work>,
}

/// What is known between steps.
struct Work {
    scaling: Scaling,
    penalty: Vec<f64>,
    sides: Option<Sides>,
    /// Rows of the metric.
    k: usize,
    /// Rows of the stage; none on all rows.
    stage: Option<usize>,
    ground: Ground,
    walk: Walk,
    /// Squared distances of the rows from their centre; empty where they would tell nothing.
    distances: Vec<f32>,
    /// Whether some rows are much farther out than others.
    tailed: bool,
    /// Steps taken with the metric.
    age: usize,
    steps: usize,
    stuck: usize,
    /// Steps in a row that brought what steps along a direction without end bring.
    endless: usize,
    /// 1e-12 of the null model's value, where that can matter.
    floor: Option<f64>,
    first: f64,
}

/// Rows of a metric on all rows: what a pass gains grows with them, and so does the Hessian's cost, which is to
/// stay below some passes (44: products run at about 60 GFLOP/s where memory is read at 25 GB/s).
fn metric_rows(glm: &Glm<'_>, on_all: bool) -> usize {
    let (n, width) = (glm.design.rows(), glm.width().max(1));
    let each = if on_all && glm.outputs() == 1 { (n / (16 * width)).clamp(50, 400) } else { 50 };
    (each * width).min((44 * n / width).max(8 * width))
}

/// What a metric of so many rows costs, in passes.
fn price(glm: &Glm<'_>, rows: usize) -> f64 {
    let width = (glm.width() * (glm.outputs() - 1).max(1)) as f64;
    let flops = rows.min(glm.design.rows()) as f64 * width * width + width.powi(3);
    // However small the table, a pass has to begin and end.
    (flops / 60e9) / (glm.design.bytes() as f64 / 25e9 + 20e-6)
}

/// A sample has four times the rows of the one before.
const GROWTH: usize = 4;
/// Variables at most: the metric is a matrix of them.
const WIDEST: usize = 10_000;
/// Steps on one sample at most.
const STEPS: usize = 25;

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let penalty = problem.penalty;
        let (objective, mut meter) = problem.split();
        let Some(glm) = objective.glm() else {
            return Err(Halt::Failed("progressive needs a loss over a table".into()));
        };
        let mut work = Work::begin(glm, penalty, x, &mut meter)?;
        let step = work.report(glm, x, 0.0, &mut meter);
        self.work = Some(work);
        step
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (objective, mut meter) = problem.split();
        let (Some(glm), Some(work)) = (objective.glm(), self.work.as_mut()) else {
            return Err(Halt::Failed("progressive needs a loss over a table".into()));
        };
        work.step(glm, x, &mut meter)
    }
    /// On all rows no step goes up; on samples the values are estimates and the last is the best.
    fn monotone(&self) -> bool {
        true
    }
}

impl Work {
    fn begin(
        glm: &Glm<'_>,
        penalty: &dyn Penalty,
        x: &[f64],
        meter: &mut Meter<'_>,
    ) -> Result<Self, Halt> {
        // Of K outputs that a number added to all does not change K − 1 are free.
        let free = glm.width() * (glm.outputs() - 1).max(1);
        if free > WIDEST {
            let why = format!(
                "progressive holds a matrix of {free} x {free} numbers, at most {WIDEST} wide; use lbfgs or coordinate"
            );
            return Err(Halt::Failed(why.into()));
        }
        let (n, d, width) = (glm.design.rows(), glm.design.columns(), glm.width());
        let weight = |j: usize| penalty.quadratic(j);
        // A penalised intercept must stay what it is.
        let centred = glm.intercept && (0..glm.outputs()).all(|o| weight(o * width + d) == 0.0);
        let first = (20 * free).max(1000);
        let scaling = Scaling::of(glm, &sample::runs(first, n, 1), centred);
        let penalty: Vec<f64> = (0..x.len())
            .map(|j| weight(j) / scaling.scale.get(j % width).map_or(1.0, |s| s * s))
            .collect();
        if !outputs::alike(&penalty, glm.outputs()) {
            let why = "progressive takes penalties that are the same for every output; use lbfgs";
            return Err(Halt::Failed(why.into()));
        }
        let sides = Sides::of(glm);
        let stage = (n >= 80 * free && first * GROWTH <= n).then_some(first);
        // A point that was given is looked at on all rows: it may be nearer than any sample could lead.
        let given = x.iter().any(|x| *x != 0.0);
        let mut work = Work {
            ground: Ground::whole(Vec::new()),
            walk: Walk::nowhere(),
            scaling,
            penalty,
            sides,
            k: 0,
            stage: stage.filter(|_| !given),
            distances: Vec::new(),
            tailed: true,
            age: 0,
            steps: 0,
            stuck: 0,
            endless: 0,
            floor: None,
            first: f64::NAN,
        };
        let mut u = vec![0.0; x.len()];
        work.scaling.inward(x, &mut u);
        outputs::level(&mut u, glm.outputs());
        work.settle(glm, u.clone(), meter)?;
        if given && stage.is_some() && !work.known(glm, n / GROWTH) {
            work.stage = stage;
            work.settle(glm, u, meter)?;
        }
        noticed::scales(&work.scaling, meter);
        noticed::rare(work.sides.as_ref(), n, meter);
        // From a point given the first value says nothing about the null model.
        work.first = if given { f64::NAN } else { work.walk.value };
        Ok(work)
    }

    fn step(&mut self, glm: &Glm<'_>, x: &mut [f64], meter: &mut Meter<'_>) -> Result<Step, Halt> {
        if let Some(m) = self.stage
            && (self.steps >= STEPS || self.taught(glm)) {
                return self.grow(glm, m, x, meter);
            }
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let promise = self.walk.promise;
        let taken = self.walk.step(seen, meter)?;
        self.steps += 1;
        match taken {
            Some(taken) => {
                self.stuck = 0;
                let endless = (1.2..=1.6).contains(&taken.ratio) || taken.length > 1.5;
                self.endless = if endless { self.endless + 1 } else { 0 };
                self.adapt(glm, taken, promise, meter)?;
                self.report(glm, x, taken.length, meter)
            }
            None if self.stage.is_some() => {
                self.steps = STEPS;
                self.report(glm, x, 0.0, meter)
            }
            None => self.retry(glm, x, meter),
        }
    }

    /// Whether this sample can teach no more.
    fn taught(&self, glm: &Glm<'_>) -> bool {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        self.known(glm, seen.len())
    }
    /// Whether what is promised is below the statistical accuracy of so many rows.
    fn known(&self, glm: &Glm<'_>, rows: usize) -> bool {
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
        let settled = (self.free() || loss < 0.1 * part) && seen.settled(&self.walk.z, 0.0);
        settled || !(self.walk.promise > 0.1 * part * kappa)
    }

    /// Whether nothing is penalised.
    fn free(&self) -> bool {
        self.penalty.iter().all(|a| *a == 0.0)
    }

    /// Whether the rows can be separated by what is not penalised: by this point, or in the end by the way it is
    /// going.
    fn separated(&mut self, glm: &Glm<'_>, meter: &mut Meter<'_>) -> Result<Option<bool>, Halt> {
        if self.stage.is_some() {
            return Ok(None);
        }
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        if self.free() && seen.settled(&self.walk.z, 0.0) {
            return Ok(Some(true));
        }
        if self.endless < 3 {
            return Ok(None);
        }
        self.endless = 0;
        let last = self.walk.last().iter().zip(&self.penalty);
        let way: Vec<f64> = last.map(|(s, a)| if *a == 0.0 { *s } else { 0.0 }).collect();
        let (d, width) = (glm.design.columns(), glm.width());
        let mut t: Vec<f64> = if way.chunks_exact(width).all(|v| v[..d].iter().all(|v| *v == 0.0)) {
            // Of the intercepts alone no row need be read.
            let shifts = way.chunks_exact(width).map(|v| v[d..].first().copied().unwrap_or(0.0));
            let shifts: Vec<f64> = shifts.collect();
            shifts.iter().copied().cycle().take(self.walk.z.len()).collect()
        } else {
            vec![0.0; self.walk.z.len()]
        };
        if t.iter().all(|t| *t == 0.0) && way.iter().any(|v| *v != 0.0) {
            meter.spend(1.0)?;
            let mut x = vec![0.0; way.len()];
            self.scaling.out(&way, &mut x);
            let keep = Keep { margins: Some(&mut t), ..Keep::default() };
            glm.pass(None, &x, None, keep, &mut || meter.pause())?;
        }
        let largest = t.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
        Ok((largest > 0.0 && seen.settled(&t, 1e-9 * largest)).then_some(false))
    }

    /// On to the next sample, or to all rows.
    fn grow(
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
    fn settle(&mut self, glm: &Glm<'_>, u: Vec<f64>, meter: &mut Meter<'_>) -> Result<(), Halt> {
        if self.stage.is_none() && !self.distances.is_empty() {
            self.tailed = self.scaling.guessed() || draw::tailed(&self.distances);
        }
        self.k = metric_rows(glm, self.stage.is_none());
        (self.steps, self.age) = (0, 0);
        let before = std::mem::replace(&mut self.walk, Walk::nowhere()).value;
        (self.ground, self.walk, self.distances) = settle(
            glm,
            &self.scaling,
            (&self.penalty, self.sides.as_ref()),
            self.stage,
            (u, before),
            (&mut self.k, self.tailed),
            meter,
        )?;
        Ok(())
    }

    /// A new metric where the old one no longer fits.
    fn adapt(
        &mut self,
        glm: &Glm<'_>,
        taken: Taken,
        promised: f64,
        meter: &mut Meter<'_>,
    ) -> Result<(), Halt> {
        if self.stage.is_some() {
            let slow = self.steps > 1 && self.walk.promise > 0.3 * promised;
            if !(0.3..=3.0).contains(&taken.ratio) || slow {
                self.refresh(glm, true);
            }
            return Ok(());
        }
        self.age += 1;
        let fits = (0.5..=2.0).contains(&taken.ratio);
        // As much is spent on metrics as on steps, not more: on wide tables pairs make up for an old one.
        let due = self.age as f64 >= 0.5 * price(glm, self.k);
        if due && (taken.length != 1.0 || !fits || taken.contraction > 0.3) {
            // A new metric that is slow has too few rows; an old one is that of a place left behind.
            if taken.length == 1.0 && fits && self.age == 1 {
                let (n, more) = (glm.design.rows(), 4 * self.k);
                // On wide tables a larger Hessian costs more than the passes it saves; pairs make up for it.
                if more > 176 * n / glm.width().max(1) {
                    return Ok(());
                }
                self.k = more.min(n);
            }
            self.look(glm, meter)?;
            self.refresh(glm, !fits);
        }
        Ok(())
    }

    /// Where a metric failed that was drawn without regard to distances, they are told after all.
    fn look(&mut self, glm: &Glm<'_>, meter: &mut Meter<'_>) -> Result<(), Halt> {
        if std::mem::replace(&mut self.tailed, true) || self.k + self.k / 4 >= glm.design.rows() {
            return Ok(());
        }
        meter.spend(1.0)?;
        self.distances = vec![0.0; glm.design.rows()];
        let inverse: Vec<f64> = self.scaling.reach.iter().map(|r| 1.0 / r).collect();
        let to = &mut self.distances[..];
        let distances = Distances { centre: &self.scaling.centre, inverse: &inverse, to };
        let keep = Keep { margins: None, distances: Some(distances) };
        glm.pass(None, &vec![0.0; self.walk.u.len()], None, keep, &mut || meter.pause())?;
        Ok(())
    }

    fn refresh(&mut self, glm: &Glm<'_>, forget: bool) {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let recipe = Recipe {
            z: &self.walk.z,
            distances: &self.distances,
            sides: self.sides.as_ref(),
        };
        self.walk.metric = metric::metric(seen, &recipe, &mut self.k);
        self.age = 0;
        if forget {
            self.walk.forget();
        }
        self.walk.aim();
    }

    /// No step was found on all rows: a better metric, and in the end the arithmetic's limit.
    fn retry(&mut self, glm: &Glm<'_>, x: &mut [f64], meter: &mut Meter<'_>) -> Result<Step, Halt> {
        self.stuck += 1;
        self.walk.forget();
        if self.stuck > 3 {
            let mut step = self.report(glm, x, 0.0, meter)?;
            if step.verdict.is_none() {
                step.certificate = self.proof(glm, meter);
                step.verdict = Some(Status::PrecisionLimit);
            }
            return Ok(step);
        }
        self.k = if self.stuck == 3 { glm.design.rows() } else { self.k * 4 };
        self.look(glm, meter)?;
        self.refresh(glm, true);
        self.report(glm, x, 0.0, meter)
    }

    /// Where it stands, and whether that is near enough.
    fn report(
        &mut self,
        glm: &Glm<'_>,
        x: &mut [f64],
        length: f64,
        meter: &mut Meter<'_>,
    ) -> Result<Step, Halt> {
        self.scaling.out(&self.walk.u, x);
        let value = self.walk.value;
        let mut step = Step {
            value,
            sampled: self.stage.is_some(),
            residual: self.walk.promise.max(0.0) / value.abs().max(f64::MIN_POSITIVE),
            rate: length,
            ..Step::default()
        };
        if self.stage.is_some() {
            return Ok(step);
        }
        if let Some(wholly) = self.separated(glm, meter)? {
            noticed::separable(wholly, value, meter);
            step.certificate = Some(Certificate {
                kind: Kind::ExactGap,
                bound: value,
                target: self.target(meter),
                assumption: "the loss is at least 0 (and comes as near to it as you like, where rows are separated wholly)",
            });
            step.verdict = Some(Status::Separable);
            return Ok(step);
        }
        // The null model can matter only where the loss is next to nothing beside what it was.
        if self.floor.is_none() && !(value > 1e-3 * self.first) {
            self.floor = Some(1e-12 * null::null(glm));
        }
        let target = self.target(meter);
        if !(self.walk.promise > target) {
            self.walk.tidy();
            let proof = self.proof(glm, meter);
            if proof.as_ref().is_some_and(|c| c.bound <= target) {
                step.verdict = Some(Status::Converged);
            }
            step.certificate = proof;
        }
        Ok(step)
    }

    fn target(&self, meter: &Meter<'_>) -> f64 {
        meter.stop.tolerance * self.walk.value.max(self.floor.unwrap_or(0.0))
    }

    fn proof(&self, glm: &Glm<'_>, meter: &Meter<'_>) -> Option<Certificate> {
        let target = self.target(meter);
        let Metric { rows, weight, factor } = &self.walk.metric;
        let anew = |rows: &[u32]| {
            let outputs = glm.outputs();
            self.bound(glm, rows, |seen, at| {
                if outputs > 1 { outputs::bound(seen, at) } else { certify::bound(seen, at) }
            })
        };
        let mut bound = match factor {
            Inverse::One(b) => self.bound(glm, rows, |seen, at| certify::bound_by(seen, at, b, weight)),
            Inverse::Several(_) => f64::INFINITY,
        };
        if bound.is_infinite() {
            bound = anew(rows);
        }
        // It is loose by about n / |S|: where little is wanting, more rows cost less than another pass.
        let (n, width) = (glm.design.rows(), glm.width());
        let wanted = 1.3 * rows.len() as f64 * bound / target;
        let spare = SPARE * n as f64 / (width * glm.outputs()) as f64;
        if bound > target && wanted - (rows.len() as f64) < spare {
            bound = bound.min(anew(&self.joined(glm, rows, (wanted as usize).min(n))));
        }
        Some(Certificate {
            kind: Kind::DualityGap,
            // The losses are at least 0: F itself is a bound, where the dual point proves nothing.
            bound: bound.min(self.walk.value),
            target,
            assumption: "the loss is convex; sums are exact to rounding",
        })
    }

    /// Rows, and so many more drawn evenly.
    fn joined(&self, glm: &Glm<'_>, rows: &[u32], more: usize) -> Vec<u32> {
        let n = glm.design.rows();
        if more * 5 > n * 4 {
            return (0..n as u32).collect();
        }
        let even = sample::rows(glm, self.sides.as_ref(), more, 99);
        let mut all: Vec<u32> = even.rows().map(|i| i as u32).chain(rows.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What `by` proves with a dual point corrected on some of all rows.
    fn bound(
        &self,
        glm: &Glm<'_>,
        rows: &[u32],
        by: impl FnOnce(Seen<'_>, &certify::Point<'_>) -> Option<f64>,
    ) -> f64 {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let z = metric::margins(seen, &self.walk.z, rows);
        let at = certify::Point { value: self.walk.value, g: &self.walk.g, rows, z: &z };
        by(seen, &at).unwrap_or(f64::INFINITY)
    }
}

/// A matrix over up to n/width times as many rows more costs less than a pass.
const SPARE: f64 = 6.0;

/// A ground, evaluated at `u`, with its metric.
fn settle(
    glm: &Glm<'_>,
    scaling: &Scaling,
    (penalty, sides): (&[f64], Option<&Sides>),
    stage: Option<usize>,
    (mut u, before): (Vec<f64>, f64),
    (k, tailed): (&mut usize, bool),
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
    let wanted = tailed && *k + *k / 4 < seen.len();
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
    let metric = metric::metric(seen, &Recipe { z: &z, distances: &distances, sides }, k);
    let walk = Walk::new(u, value, g, z, metric);
    Ok((ground, walk, distances))
}
