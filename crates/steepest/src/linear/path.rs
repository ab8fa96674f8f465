//! Where a path along the weights of a penalty begins: the model of what it does not weigh.
use super::{Failure, How, Lay, Linear, Observations};
use crate::glm::Glm;
use crate::loss::offset::Offset;
use crate::objective::Objective;
use crate::penalties::none::NoPenalty;
use crate::penalty::{Penalty, PerCoordinate, Steps};
use crate::refusal::Refusal;
use crate::status::Halt;
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
        glm.gradient(&start, &mut slope).map_err(|halt| match halt {
            Halt::Failed(failure) => failure,
            _ => "the slopes without coefficients could not be computed".into(),
        })?;
        let steep = (0..lay.dim())
            .filter(|&j| weighed(j) > 0.0)
            .map(|j| slope[j].abs() / weighed(j))
            .fold(0.0, f64::max);
        if !steep.is_finite() {
            return Err("the slopes without coefficients are not finite".into());
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
