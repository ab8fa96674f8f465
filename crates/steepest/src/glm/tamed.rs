//! A loss that no start can overflow.
use crate::loss::Block;

/// The loss with all that grows faster than a square far from the target made a square there, so that it is finite
/// wherever its margins are, and least where the loss is wherever that is near.
pub struct Tamed<'a>(pub &'a dyn Block);

/// Beyond so much more than the logarithm of the target a margin is far.
const FAR: f64 = 20.0;

impl Tamed<'_> {
    fn edge(target: f64) -> f64 {
        FAR + target.abs().ln_1p()
    }
}

impl Block for Tamed<'_> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        self.jets(
            target,
            margin,
            value,
            &mut vec![0.0; target.len()],
            &mut vec![0.0; target.len()],
        );
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        let at = margin.to_vec();
        self.jets(target, &at, value, margin, &mut vec![0.0; target.len()]);
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        let near = |(m, t): (&f64, &f64)| m.clamp(-Self::edge(*t), Self::edge(*t));
        let at: Vec<f64> = margin.iter().zip(target).map(near).collect();
        self.0.jets(target, &at, value, slope, curvature);
        for i in 0..target.len() {
            let by = margin[i] - at[i];
            value[i] += by * (slope[i] + 0.5 * curvature[i] * by);
            slope[i] += curvature[i] * by;
        }
    }
    /// Of no use where nothing is to be proved.
    fn conjugate_distance(&self, _: f64, _: &[f64], _: &[f64]) -> f64 {
        f64::INFINITY
    }
    fn conjugate_edge(&self, _: f64, _: f64, _: f64) -> f64 {
        0.0
    }
    fn refuses(&self, target: f64) -> Option<&'static str> {
        self.0.refuses(target)
    }
    fn means(&self, margin: &mut [f64]) {
        self.0.means(margin);
    }
    fn quadratic(&self) -> bool {
        self.0.quadratic()
    }
    fn rare(&self) -> bool {
        self.0.rare()
    }
}
