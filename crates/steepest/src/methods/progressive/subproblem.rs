//! What a descent walks on: all rows, or a sample of them; seen in standardised variables.
use super::{rare_levels, stage_rows};
use crate::held::{Held, Jets};
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::scaling::Scaling;
use crate::status::{Halt, Status};
use crate::table::{Margins, OfRows, Sample, Slot, Sum, Table};

/// Rows to walk on, with the penalty ½ Σ a_j u_j² in standardised variables.
pub struct Ground {
    /// The rows; none for all.
    pub sample: Option<Sample>,
    /// a.
    pub penalty: Vec<f64>,
}

/// A problem in standardised variables.
pub struct Seen<'s, 'p> {
    /// The problem.
    pub problem: &'s mut Problem<'p>,
    /// Its table.
    pub table: Table,
    /// The variables.
    pub scaling: &'s Scaling,
    /// The rows.
    pub ground: &'s Ground,
}

/// What rounding does at a point, by the size of what is summed there.
pub struct Rounding {
    /// To F.
    pub value: f64,
    /// To each entry of the gradient, in standardised variables.
    pub gradient: Vec<f64>,
    /// How far margins are from where the loss is 0, were its slope to stay: what it is over that slope.
    pub width: f64,
}

impl Rounding {
    /// F − F* that such an error of the gradient can stand for, where `energy` is g ↦ g′B⁻¹g: of some errors whose
    /// signs are drawn the largest, so that no direction in which B is small is missed.
    pub fn energy(&self, energy: impl Fn(&[f64]) -> f64) -> f64 {
        let drawn = |stream: u64| {
            let sign =
                |j: usize| if stage_rows::noise(stream, j as u64) & 1 == 0 { 1.0 } else { -1.0 };
            let error: Vec<f64> =
                self.gradient.iter().enumerate().map(|(j, g)| sign(j) * g).collect();
            0.5 * energy(&error)
        };
        (1..=8).map(drawn).fold(0.0, f64::max)
    }
    /// A bound on F − F* from one that takes the gradient for exact, where its error may stand for `energy`.
    pub fn upon(&self, bound: f64, energy: f64) -> f64 {
        (bound.sqrt() + energy.sqrt()).powi(2) * (1.0 + 1e-6) + self.value
    }
}

impl Ground {
    /// All rows.
    pub fn whole(penalty: Vec<f64>) -> Self {
        Ground { sample: None, penalty }
    }
    /// A sample, read where it lies: a copy costs more than the few evaluations would gain.
    pub fn some(
        problem: &mut Problem<'_>,
        table: &Table,
        scaling: &Scaling,
        sample: Sample,
        mut penalty: Vec<f64>,
    ) -> Result<Self, Halt> {
        let held = problem.hold(Rows::All, sample.rows(), None)?;
        // One pseudo-observation for columns that hardly vary here.
        for (a, more) in penalty.iter_mut().zip(rare_levels::support(&held, table, scaling)) {
            *a += more;
        }
        drop(held);
        Ok(Ground { sample: Some(sample), penalty })
    }
    fn rows(&self) -> Rows<'_> {
        self.sample.as_ref().map_or(Rows::All, Rows::Sample)
    }
}

impl Seen<'_, '_> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.ground.sample.as_ref().map_or(self.table.rows, Sample::len)
    }
    /// The penalty's value.
    pub fn penalty(&self, u: &[f64]) -> f64 {
        0.5 * self.ground.penalty.iter().zip(u).map(|(a, u)| a * u * u).sum::<f64>()
    }
    /// F(u) with its gradient; the margins are kept, and where wanted the squared distances of the rows from their centre.
    /// Refused where the table is not finite.
    pub fn evaluate(
        &mut self,
        u: &[f64],
        g: &mut [f64],
        keep: Slot,
        far: bool,
    ) -> Result<f64, Halt> {
        let mut x = vec![0.0; u.len()];
        self.scaling.out(u, &mut x);
        let s = self.scaling;
        let inverse: Vec<f64> = s.reach.iter().map(|r| 1.0 / r).collect();
        let (mut value, centre) = (f64::NAN, &s.centre[..]);
        let mut asks = Vec::with_capacity(4);
        asks.push(Ask::Value(&mut value));
        asks.push(Ask::Gradient(&mut *g));
        asks.push(Ask::Rows(OfRows::Keep(keep)));
        if far {
            asks.push(Ask::Rows(OfRows::Far { centre, inverse: &inverse }));
        }
        self.problem.ask(&x, self.ground.rows(), &mut asks)?;
        drop(asks);
        if !(value.is_finite() && g.iter().all(|g| g.is_finite()))
            && let Some(where_) = self.problem.not_finite()?
        {
            return Err(Halt::Status(Status::NotFinite(where_)));
        }
        s.gradient(g);
        for ((g, a), u) in g.iter_mut().zip(&self.ground.penalty).zip(u) {
            *g += a * u;
        }
        Ok(value + self.penalty(u))
    }
    /// Asks about these rows where nothing is read.
    pub fn of_rows(&mut self, ask: OfRows<'_>) -> Result<(), Halt> {
        self.problem.ask(&[], self.ground.rows(), &mut [Ask::Rows(ask)])
    }
    /// What the losses sum up to at margins that are kept.
    pub fn sum(&mut self, of: Sum, at: Slot) -> Result<Vec<f64>, Halt> {
        let mut to = vec![0.0; of.len(self.table.outputs)];
        self.of_rows(OfRows::Sum { of, at: Margins::Kept(at), to: &mut to })?;
        Ok(to)
    }
    /// Some of these rows, with the margins that are kept.
    pub fn hold(&mut self, places: &[u32], margins: Option<Slot>) -> Result<Held<'_>, Halt> {
        self.problem.hold(self.ground.rows(), places, margins)
    }
    /// Whether every row that counts is on its right side by margins that are kept.
    pub fn settled(&mut self, at: Slot) -> Result<bool, Halt> {
        let mut settled = false;
        self.of_rows(OfRows::Settled { at: Margins::Kept(at), to: &mut settled })?;
        Ok(settled)
    }
    /// What rounding does to F and to its gradient at `u`, where the rows have margins `z`.
    ///
    /// A margin is as exact as the terms Σ_j |x_ij w_j| + |b| that it is the sum of; F by a row's slope times that, its
    /// own terms, and the penalty's. Where a loss bends on a stretch shorter than that, as Huber's does, its values so far
    /// to both sides tell: no more. Rows spread over the table tell it as well as all.
    pub fn rounding(&mut self, u: &[f64], at: Margins<'_>) -> Result<Rounding, Halt> {
        const EPS: f64 = 4.0 * f64::EPSILON;
        let (n, k, penalty) = (self.len(), self.table.outputs, self.penalty(u));
        let (d, width, scaling) = (self.table.columns, self.table.width(), self.scaling);
        let places: Vec<u32> = stage_rows::places(n).collect();
        let kept = if let Margins::Kept(slot) = at { Some(slot) } else { None };
        let mut held = self.hold(&places, kept)?;
        if let Margins::Same(z) = at {
            held.margins = z.iter().copied().cycle().take(places.len() * k).collect();
        }
        let Jets { value: values, slope: s, curvature: h } = held.jets(&held.margins);
        let mut x = vec![0.0; u.len()];
        scaling.out(u, &mut x);
        let mut row = vec![0.0; d];
        let (margins, bending) = (held.margins(), held.loss.bending());
        let mut sizes = vec![0.0; held.share.len() * k];
        for (i, sizes) in sizes.chunks_exact_mut(k).enumerate() {
            held.gather(i..i + 1, &mut row);
            for (o, size) in sizes.iter_mut().enumerate() {
                let x = if o < margins { &x[o * width..(o + 1) * width] } else { &[] };
                let terms: f64 = row.iter().zip(x).map(|(v, w)| (v * w).abs()).sum();
                *size = terms + x.get(d).map_or(0.0, |b| b.abs()) + held.margin(i)[o].abs();
            }
        }
        let sides = if k == 1 {
            [EPS, -EPS].map(|e| {
                let there = held.margins.iter().zip(&sizes).map(|(z, size)| z + e * size);
                Some(held.jets(&there.collect::<Vec<_>>()))
            })
        } else {
            [None, None]
        };
        // What changes at most that far off, in units of what the margins are wrong by.
        let most = |at: fn(&Jets) -> &[f64], i: usize, here: f64| {
            let sides =
                sides.iter().flatten().map(|jets| (at(jets)[i] - here).abs() / EPS + here.abs());
            sides.reduce(f64::max).filter(|m| m.is_finite()).unwrap_or(f64::INFINITY)
        };
        let (mut all, mut squares, mut lost, mut sum, mut slopes, mut bends) =
            (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, &share) in held.share.iter().enumerate() {
            if share == 0.0 {
                continue;
            }
            all += share;
            squares += share * share;
            lost += share * values[i].abs();
            for o in 0..k {
                let (s, size) = (s[i * k + o], sizes[i * k + o]);
                // Probabilities tell no less than the curvature that they stand for.
                let told = bending == k;
                let h = if told { h[i * k + o] } else { held.loss.bends(&h[i * bending..], o, o) }
                    .abs();
                sum += share
                    * (size * (s.abs() + EPS * h * size)).min(most(|j| &j.value, i, values[i]));
                slopes += share * s * s;
                bends += share * (h * size).min(most(|j| &j.slope, i, s)).powi(2);
            }
        }
        let all = if all > 0.0 { all } else { 1.0 };
        // Rows err independently: of a mean over many, less is left than of one.
        let rows = n as f64 * all * all / (places.len() as f64 * squares.max(f64::MIN_POSITIVE));
        let averaged = (4.0 / rows.sqrt()).min(1.0);
        let gradient = averaged * EPS * ((slopes / all).sqrt() + (bends / all).sqrt());
        Ok(Rounding {
            width: if slopes > 0.0 { lost / (slopes * all).sqrt() } else { 0.0 },
            value: EPS * ((lost + sum) / all + penalty),
            gradient: (0..u.len()).map(|j| gradient * scaling.offset(j)).collect(),
        })
    }
}
