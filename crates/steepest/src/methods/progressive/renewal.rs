//! When a metric is renewed, and with how many rows.
use super::Work;
use super::ground::Seen;
use super::metric::{self, Form, Recipe, Shape};
use super::square;
use super::walk::Taken;
use crate::problem::Meter;
use crate::status::{Halt, Status};
use crate::glm::{Distances, Glm, Keep};
use crate::method::Step;

/// A matrix that costs more passes than this is not made: pairs round the diagonal need fewer.
const DEAR: f64 = 20.0;

/// What a metric is at first: the most telling that is not too dear.
pub fn shape(glm: &Glm<'_>, on_all: bool) -> Shape {
    let rows = matrix_rows(glm, on_all);
    let of = |form| Shape { form, rows };
    let cheap = |shape: &Shape| price(glm, *shape) <= DEAR;
    [of(Form::Whole), of(Form::Turned)].into_iter().find(cheap).unwrap_or(of(Form::Diagonal))
}

/// Rows of a matrix. On all rows: what a pass gains grows with them, and so does the Hessian's cost, which is to stay
/// below some passes (44: products run at about 60 GFLOP/s where memory is read at 25 GB/s).
fn matrix_rows(glm: &Glm<'_>, on_all: bool) -> usize {
    let (n, width) = (glm.design.rows(), glm.width().max(1));
    let each = if on_all && glm.outputs() == 1 { (n / (16 * width)).clamp(50, 400) } else { 50 };
    (each * width).min((44 * n / width).max(8 * width))
}

/// Whether there is room for matrices of so many numbers: as much as the table takes, or a little.
pub fn fits(glm: &Glm<'_>, numbers: usize) -> bool {
    8 * numbers <= glm.design.bytes().max(32 << 20)
}

/// What is made where steps alone were dear.
pub enum Dear {
    /// The square table.
    Square,
    /// A metric of this shape.
    Matrix(Shape),
}

/// How many matrices a metric has, and their width.
fn matrices(glm: &Glm<'_>, form: Form) -> (usize, usize) {
    let free = (glm.outputs() - 1).max(1);
    match form {
        Form::Diagonal => (0, 0),
        Form::Turned => (free, glm.width()),
        Form::Whole => (1, free * glm.width()),
    }
}

/// What a metric costs, in passes.
pub fn price(glm: &Glm<'_>, shape: Shape) -> f64 {
    let (count, width) = matrices(glm, shape.form);
    let rows = shape.rows.min(glm.design.rows());
    passes(glm, count as f64 * (rows + width) as f64 * (width as f64).powi(2))
}

/// As many passes as so many multiplications and additions take.
pub fn passes(glm: &Glm<'_>, flops: f64) -> f64 {
    // A pass reads memory, or multiplies each number twice for each output; however small the table, it has to begin
    // and end.
    let read = glm.design.bytes() as f64 * (1.0 / 25e9f64).max(glm.outputs() as f64 / (4.0 * 60e9));
    (flops / 60e9) / (read + 20e-6)
}

impl Work {
    /// A new metric where the old one no longer fits.
    pub(super) fn adapt(
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
        if self.shape.form == Form::Diagonal {
            return Ok(());
        }
        self.age += 1;
        let fits = (0.5..=2.0).contains(&taken.ratio);
        // As much is spent on metrics as on steps, not more: on wide tables pairs make up for an old one.
        let due = self.age as f64 >= 0.5 * price(glm, self.shape);
        if due && (taken.length != 1.0 || !fits || taken.contraction > 0.3) {
            // A new metric that is slow has too few rows; an old one is that of a place left behind.
            if taken.length == 1.0 && fits && self.age == 1 {
                let (n, more) = (glm.design.rows(), 4 * self.shape.rows);
                // On wide tables a larger Hessian costs more than the passes it saves; pairs make up for it.
                if more > 176 * n / glm.width().max(1) {
                    return Ok(());
                }
                self.shape.rows = more.min(n);
            }
            self.look(glm, meter)?;
            self.refresh(glm, !fits);
        }
        Ok(())
    }

    /// As much as a matrix costs was spent on steps without one: it is made now. Whatever would have been best, this
    /// costs no more than twice as much.
    pub(super) fn pays(&mut self, glm: &Glm<'_>, meter: &Meter<'_>) -> Option<Dear> {
        let form = match self.shape.form {
            Form::Whole => return None,
            Form::Diagonal if glm.outputs() > 2 => Form::Turned,
            Form::Diagonal | Form::Turned => Form::Whole,
        };
        if self.stage.is_some() {
            return None;
        }
        let spent = meter.counts.passes - self.since;
        if let Some(price) = square::price(glm, &self.penalty).filter(|_| !self.squared_once) {
            return (spent >= price).then_some(Dear::Square);
        }
        let shape = Shape { form, rows: matrix_rows(glm, true) };
        let (count, width) = matrices(glm, form);
        let pays = fits(glm, count * width * width) && spent >= price(glm, shape);
        pays.then_some(Dear::Matrix(shape))
    }

    /// Where a metric failed that was drawn without regard to distances, they are told after all.
    fn look(&mut self, glm: &Glm<'_>, meter: &mut Meter<'_>) -> Result<(), Halt> {
        let rows = self.shape.rows;
        let whole = self.shape.form == Form::Diagonal || rows + rows / 4 >= glm.design.rows();
        if std::mem::replace(&mut self.tailed, true) || whole {
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

    pub(super) fn refresh(&mut self, glm: &Glm<'_>, forget: bool) {
        let seen = Seen { glm, scaling: &self.scaling, ground: &self.ground };
        let recipe = Recipe {
            z: &self.walk.z,
            distances: &self.distances,
            sides: self.sides.as_ref(),
            broad: self.stuck > 0,
        };
        self.walk.metric = metric::metric(seen, &recipe, &mut self.shape);
        self.age = 0;
        if forget {
            self.walk.forget();
        }
        self.walk.aim();
    }

    /// The arithmetic's end: what is proved here tells whether it is near enough.
    pub(super) fn ended(&mut self, glm: &Glm<'_>, x: &mut [f64], meter: &mut Meter<'_>) -> Result<Step, Halt> {
        let mut step = self.report(glm, x, 0.0, meter)?;
        if step.verdict.is_none() {
            if let Some(wholly) = self.apart(glm, meter)? {
                self.endless_fall(glm, wholly, &mut step, meter);
                return Ok(step);
            }
            step.certificate = self.proof(glm, meter)?;
            step.verdict = Some(Status::PrecisionLimit);
        }
        Ok(step)
    }

    /// No step was found on all rows: a better metric, and in the end the arithmetic's limit.
    pub(super) fn retry(&mut self, glm: &Glm<'_>, x: &mut [f64], meter: &mut Meter<'_>) -> Result<Step, Halt> {
        self.stuck += 1;
        self.walk.forget();
        if self.stuck > 3 {
            return self.ended(glm, x, meter);
        }
        if self.shape.form != Form::Diagonal {
            self.shape.rows = if self.stuck == 3 { glm.design.rows() } else { self.shape.rows * 4 };
        }
        self.look(glm, meter)?;
        self.refresh(glm, true);
        self.report(glm, x, 0.0, meter)
    }
}
