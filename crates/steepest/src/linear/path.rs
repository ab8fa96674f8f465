//! Where a path along the weights of a penalty begins: the model of what it does not weigh.
use super::{Failure, How, Lay, Linear, Observations};
use crate::designs::dense::Dense;
use crate::designs::standardised::moments;
use crate::glm::Glm;
use crate::loss::offset::Offset;
use crate::objective::{Ask, Objective, Rows, Work};
use crate::penalties::none::NoPenalty;
use crate::penalty::{Penalty, PerCoordinate, Steps};
use crate::refusal::{self, Refusal};
use crate::status::Halt;
use crate::table::{OfRows, Slot};
use crate::watch::Stop;

/// The model that is left where a penalty weighs all, and from which weight on that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// The least alpha at which all coefficients that are weighed are 0; where none takes them there (a smooth penalty),
    /// the largest slope of a coefficient, per what alpha is multiplied by for it, times a thousand.
    pub alpha: f64,
    /// All variables there.
    pub start: Vec<f64>,
}

/// Where no alpha takes coefficients to 0: as if a thousandth of the penalty were absolute values.
///
/// Friedman, Hastie and Tibshirani 2010, <https://doi.org/10.18637/jss.v033.i01>.
const FAR: f64 = 1e3;
/// A length of step that is below the reach of every penalty that bends down.
const STEP: f64 = 1e-6;
/// By how much the answer is above the least alpha: what rounding leaves of a coefficient there is 0. Beside numbers that are
/// learnt slopes are no more exact than these, which come of a descent.
const ABOVE: f64 = 1e-13;
const LEARNT: f64 = 1e-6;
/// Of the roots of the mean squares of a column and of the rows' slopes, what rounding leaves of their product's mean.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The gradient at a point, and for each output the root of the mean square of the rows' slopes there.
fn pulls(glm: &mut Glm<'_>, x: &[f64], gradient: &mut [f64]) -> Result<Vec<f64>, Halt> {
    let mut pause = || Ok(());
    let mut work = Work::new(&mut pause);
    let asks = &mut [Ask::Gradient(gradient), Ask::Rows(OfRows::Keep(Slot(0)))];
    glm.answer(x, Rows::All, asks, &mut work)?;
    let held = glm.hold(Rows::All, None, Some(Slot(0)), &mut work)?;
    let (k, slope) = (held.outputs(), held.jets(&held.margins).slope);
    let square = |o: usize| {
        let squares: Vec<f64> = slope.iter().skip(o).step_by(k).map(|s| s * s).collect();
        held.mean(&squares).sqrt()
    };
    Ok((0..held.margins()).map(square).collect())
}

impl Linear {
    /// Where a path over these rows begins.
    pub fn beginning(&self, rows: &Observations<'_>) -> Result<Beginning, Failure> {
        let base = self.block()?;
        let lay = Lay::new(&*base, rows.design.columns(), self.intercept);
        if base.straight() {
            let why = format!(
                "the loss {} has no slope where its parts meet, from which the largest alpha would follow: give alphas",
                self.loss.0
            );
            return Err(Refusal::of("alphas", why).into());
        }
        let at = |alpha: f64| Linear { alpha, ..self.clone() }.bounded(lay);
        self.weighs(lay)?;
        let weighed = |j: usize| self.factor(lay, j);
        let start = self.without(rows, lay)?;
        if !at(1.0)?.value(&start).is_finite() {
            let why = "the bounds keep coefficients from 0, where a path begins: give alphas";
            return Err(Refusal::of("alphas", why).into());
        }
        let shifted = rows.offset.map(|o| Offset::new(&*base, rows.target, o)).transpose()?;
        let keys = shifted.as_ref().map(Offset::keys);
        let loss = shifted.as_ref().map_or(&*base, |s| s);
        let target = keys.as_deref().unwrap_or(rows.target);
        let mut glm = Glm::new(rows.design, loss, target, rows.weight, self.intercept)?;
        let mut slope = vec![0.0; lay.dim()];
        let pulls = pulls(&mut glm, &start, &mut slope).map_err(|halt| match halt {
            Halt::Failed(failure) => failure,
            _ => "the slopes without coefficients could not be computed".into(),
        })?;
        if slope.iter().any(|s| !s.is_finite()) {
            return Err(match refusal::table("X", rows.design) {
                Some(bad) => bad.into(),
                None => "the slopes without coefficients are not finite".into(),
            });
        }
        let steep = (0..lay.dim())
            .filter(|&j| weighed(j) > 0.0)
            .map(|j| slope[j].abs() / weighed(j))
            .fold(0.0, f64::max);
        let (mean, deviation) = moments(rows.design);
        let nothing = |j: usize| {
            let Some(c) = lay.column(j) else { return true };
            let free =
                if self.intercept { slope[j / lay.width * lay.width + lay.columns] } else { 0.0 };
            let noise = ROUNDING * pulls[j / lay.width] * mean[c].hypot(deviation[c]);
            (slope[j] - free * mean[c]).abs() <= noise
        };
        if (0..lay.dim()).filter(|&j| weighed(j) > 0.0).all(nothing) {
            // Columns that do not vary, or that have nothing to do with the targets: what is left of slopes is rounding.
            return Ok(Beginning { alpha: 0.0, start });
        }
        let rest = |alpha: f64| -> Result<bool, Failure> {
            let mut x: Vec<f64> = start.iter().zip(&slope).map(|(x, s)| x - STEP * s).collect();
            at(alpha)?.prox(&mut x, Steps::Uniform(STEP));
            Ok((0..lay.dim()).all(|j| weighed(j) == 0.0 || x[j] == 0.0))
        };
        let mut high = steep * FAR.max(2.0 * lay.dim() as f64);
        if steep == 0.0 || !rest(high)? {
            return Ok(Beginning { alpha: FAR * steep, start });
        }
        let mut low = 0.0;
        while high - low > 0.5 * f64::EPSILON * high {
            let middle = 0.5 * (low + high);
            if middle == low || middle == high {
                break;
            }
            *(if rest(middle)? { &mut high } else { &mut low }) = middle;
        }
        let above = if lay.learnt > 0 { LEARNT } else { ABOVE };
        Ok(Beginning { alpha: high * (1.0 + above), start })
    }

    /// The best variables where all coefficients that are weighed are 0.
    fn without(&self, rows: &Observations<'_>, lay: Lay) -> Result<Vec<f64>, Failure> {
        let all = (0..lay.dim()).all(|j| lay.column(j).is_none() || self.factor(lay, j) > 0.0);
        if self.intercept && lay.learnt == 0 && lay.columns > 0 && all {
            // Nothing of the table is left: rows of no columns are read for nothing.
            let bare = Dense::<f64>::strided(&[], rows.design.rows(), 0, 0, 1)?;
            let alone =
                Linear { factors: None, scale: None, groups: None, bounds: None, ..self.clone() };
            let few = Lay { columns: 0, width: 1, ..lay };
            let found = alone.without(&Observations { design: &bare, ..*rows }, few)?;
            let mut start = vec![0.0; lay.dim()];
            start
                .iter_mut()
                .skip(lay.columns)
                .step_by(lay.width)
                .zip(found)
                .for_each(|(b, v)| *b = v);
            return Ok(start);
        }
        let free = |end: f64| vec![end; lay.dim()];
        let (mut low, mut high) =
            self.limits(lay)?.unwrap_or_else(|| (free(f64::NEG_INFINITY), free(f64::INFINITY)));
        for j in (0..lay.dim()).filter(|&j| self.factor(lay, j) > 0.0) {
            (low[j], high[j]) = (0.0, 0.0);
        }
        let none = PerCoordinate::uniform(NoPenalty::default(), 0.0, lay.dim());
        let held = none.within(&low, &high);
        // Nearer than anybody asks for: slopes are off by as much as variables, not by its square.
        let stop = Stop { tolerance: 1e-15, ..Stop::default() };
        let plain = Linear { method: None, narrow: false, ..self.clone() };
        let how = How { stop, ..How::default() };
        let fitted = plain.under(held.into_iter().collect(), rows, how)?.pop();
        Ok(fitted.ok_or("nothing was fitted")?.solution.x)
    }

    /// What alpha is multiplied by for a variable; 0 for what is no coefficient.
    fn factor(&self, lay: Lay, j: usize) -> f64 {
        let of = |c: usize| self.factors.as_ref().map_or(1.0, |f| f[c]);
        lay.column(j).map_or(0.0, of)
    }

    /// Refuses what adds nothing at any point, or as much at any weight: a constraint.
    fn weighs(&self, lay: Lay) -> Result<(), Failure> {
        let at = |alpha: f64| Linear { alpha, ..self.clone() }.penalty(lay);
        let x: Vec<f64> = (0..lay.dim()).map(|j| 1.0 + (j as f64).sin()).collect();
        let (one, two) = (at(1.0)?.value(&x), at(2.0)?.value(&x));
        if one == two {
            let why = format!(
                "the penalty {} weighs nothing, so there is no path along alpha",
                self.penalty.0
            );
            return Err(Refusal::of("penalty", why).into());
        }
        Ok(())
    }
}
