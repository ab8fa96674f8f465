//! The sum of a matrix's singular values: matrices of low rank.
use super::secular::{excess, penalised};
use crate::linalg::vectors::dot;
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps, Structure};
use crate::settings::Described;

crate::settings! {
    /// The sum of the singular values of a matrix (trace norm): most become exactly 0, so that the matrix is of low rank. Its
    /// prox shortens each by the step. Coordinates that are no matrix count as one column, whose singular value is its length.
    ///
    /// Fazel, Hindi and Boyd 2001, <https://doi.org/10.1109/ACC.2001.945730>; the prox: Cai, Candès and Shen 2010,
    /// <https://doi.org/10.1137/080738970>.
    "nuclear_norm" NuclearNorm {}
}

/// weight · Σ σ_i over the coordinates of weight > 0 as a matrix; those of weight 0 are free.
struct Trace {
    weight: f64,
    /// The coordinates of the matrix by columns, of which there are no more than rows: it may stand on its side.
    columns: Vec<Vec<usize>>,
    /// All of them, in order.
    inside: Vec<usize>,
}

const OFFERS: Offers = Offers { diagonal_prox: false, ..Offers::CONVEX };

/// Sweeps of rotations at most: they end after five to ten.
const SWEEPS: usize = 60;

impl Trace {
    fn new(on: &Structure<'_>) -> Self {
        let inside = penalised(on.weight);
        let mean = inside.iter().map(|&j| on.weight[j]).sum::<f64>() / inside.len().max(1) as f64;
        let [rows, width] = on.shape.unwrap_or([on.weight.len(), 1]);
        // A column is in it where any of its coordinates is: what is free in it is then not, being one of the matrix.
        let column = |k: usize| (0..rows).map(|i| i * width + k).collect::<Vec<usize>>();
        let mut columns: Vec<Vec<usize>> =
            (0..width).map(column).filter(|c| c.iter().any(|&j| on.weight[j] != 0.0)).collect();
        if columns.len() > rows {
            columns = (0..rows).map(|i| columns.iter().map(|c| c[i]).collect()).collect();
        }
        let mut inside: Vec<usize> = columns.iter().flatten().copied().collect();
        inside.sort_unstable();
        Trace { weight: mean, columns, inside }
    }
    fn matrix(&self, x: &[f64]) -> Vec<Vec<f64>> {
        self.columns.iter().map(|c| c.iter().map(|&j| x[j]).collect()).collect()
    }
    fn singular(&self, x: &[f64]) -> Vec<f64> {
        let mut a = self.matrix(x);
        rotate(&mut a, None);
        a.iter().map(|column| length(column)).collect()
    }
    /// The largest singular value, of numbers that are each known within a spread.
    fn dual(&self, s: &[f64], spread: &[f64]) -> f64 {
        let off = length(&self.columns.iter().flatten().map(|&j| spread[j]).collect::<Vec<_>>());
        self.singular(s)
            .into_iter()
            .fold(off, |most, v| if v.is_nan() { v } else { most.max(v + off) })
            * (1.0 + 1e-14 * self.columns.len() as f64)
    }
}

fn length(v: &[f64]) -> f64 {
    super::secular::norm(v.iter().copied())
}

/// Rotates pairs of columns until all are at right angles (one-sided Jacobi; Hestenes 1958): their lengths are then the
/// singular values. What is rotated along, `v`, began as the unit matrix and ends as the right singular vectors.
fn rotate(a: &mut [Vec<f64>], mut v: Option<&mut Vec<Vec<f64>>>) {
    let turn = |m: &mut [Vec<f64>], p: usize, q: usize, c: f64, s: f64| {
        let (left, right) = m.split_at_mut(q);
        for (x, y) in left[p].iter_mut().zip(&mut right[0]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    };
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..a.len() {
            for q in p + 1..a.len() {
                let (alpha, beta, gamma) =
                    (dot(&a[p], &a[p]), dot(&a[q], &a[q]), dot(&a[p], &a[q]));
                if !(gamma.abs() > f64::EPSILON * (alpha * beta).sqrt()) {
                    continue;
                }
                turned = true;
                let zeta = (beta - alpha) / (2.0 * gamma);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                turn(a, p, q, c, c * t);
                if let Some(v) = v.as_deref_mut() {
                    turn(v, p, q, c, c * t);
                }
            }
        }
        if !turned {
            return;
        }
    }
}

impl Penalty for Trace {
    fn name(&self) -> &'static str {
        NuclearNorm::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        self.weight * self.singular(x).iter().sum::<f64>()
    }
    /// X V is U Σ by columns; with each column shortened and V′ behind it is the prox.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        let n = self.columns.len();
        // Powers of 2 take far values to near 1, where squares neither overflow nor vanish.
        let most = self.inside.iter().fold(0.0f64, |m, &j| m.max(x[j].abs()));
        if !(most > 0.0 && most.is_finite()) {
            return;
        }
        let unit = most.log2().floor().exp2();
        let mut a = self.matrix(x);
        a.iter_mut().flatten().for_each(|v| *v /= unit);
        let mut v: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect();
        rotate(&mut a, Some(&mut v));
        let step = steps.at(self.columns[0][0]) * self.weight / unit;
        let mut out = vec![vec![0.0; self.columns[0].len()]; n];
        for (u, right) in a.iter().zip(&v) {
            let sigma = length(u);
            if sigma > step {
                let left = 1.0 - step / sigma;
                for (column, w) in out.iter_mut().zip(right) {
                    column.iter_mut().zip(u).for_each(|(o, u)| *o += left * w * u);
                }
            }
        }
        for (column, values) in self.columns.iter().zip(&out) {
            column.iter().zip(values).for_each(|(&j, v)| x[j] = v * unit);
        }
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn shrinks(&self, s: &[f64], spread: &[f64]) -> f64 {
        let size = self.dual(s, spread);
        if size <= self.weight { 1.0 } else { (1.0 - 8.0 * f64::EPSILON) * self.weight / size }
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let within = self.dual(s, spread) <= self.weight * (1.0 + 1e-14);
        excess(within, self.value(x), &self.inside, [x, s, spread])
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: NuclearNorm::<f64>::NAME,
    doc: NuclearNorm::<f64>::DOC,
    parameters: NuclearNorm::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |_, weight| Box::new(Trace::new(&Structure::plain(weight))),
    structured: Some(|_, on| Box::new(Trace::new(on))),
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
