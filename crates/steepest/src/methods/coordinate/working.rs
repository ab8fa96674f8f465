//! The working set and the quadratic of the loss over it.
use super::gram::{Gram, gram, runs};
use super::quadratic::Quadratic;
use crate::descend::Halt;
use crate::glm::Glm;
use crate::penalty::Piece;
use crate::pool::pool;

/// By how much a step along one coordinate lowers the objective, where its gradient and curvature are these.
pub(super) fn promise(p: Piece, x: f64, gradient: f64, curvature: f64) -> f64 {
    if curvature <= 0.0 {
        return 0.0;
    }
    let new = p.prox(x - gradient / curvature, curvature);
    let by = new - x;
    p.value(x) - p.value(new) - by * gradient - 0.5 * curvature * by * by
}

/// Columns in a working set at most: its matrix must stay small beside the table.
const MOST: usize = 3000;

/// The columns in use, and those that promise most beside them: as many again, or some scores.
pub(super) fn chosen(d: usize, x: &[f64], promise: impl Fn(usize) -> f64) -> Vec<u32> {
    let mut set: Vec<u32> = (0..d as u32).filter(|&j| x[j as usize] != 0.0).collect();
    let mut others: Vec<(f64, u32)> = (0..d as u32)
        .filter(|&j| x[j as usize] == 0.0)
        .map(|j| (promise(j as usize), j))
        .filter(|p| p.0 > 0.0)
        .collect();
    others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let room = set.len().max(100).min(MOST.saturating_sub(set.len()).max(50));
    set.extend(others.iter().take(room).map(|o| o.1));
    set.sort_unstable();
    set
}

/// A quadratic of the loss over a working set.
pub(super) struct Model {
    pub columns: Vec<u32>,
    gram: Gram,
    intercept: bool,
    shift: Vec<f64>,
    /// Whether it is the loss itself: squares, over all rows.
    pub exact: bool,
    /// The share of the rows that it is made from.
    pub share: f64,
    /// The mean curvature.
    pub curvature: f64,
}

impl Model {
    pub fn new(glm: &Glm<'_>, margin: &[f64], columns: &[u32], mean: &[f64], more: usize) -> Self {
        let (n, k, d) = (glm.design.rows(), columns.len(), glm.design.columns());
        let squares = glm.loss.name() == "squared";
        // A matrix from all rows costs about k²/8d reads; a step from too few rows gains little.
        let affordable = n.saturating_mul(if squares { 64 } else { 16 }) / (k * k / d + 1);
        let m = affordable.max(50 * k).max(1000).saturating_mul(more);
        let runs = runs(n, m);
        let shift: Vec<f64> = columns
            .iter()
            .map(|&j| if glm.intercept && glm.design.dense() { mean[j as usize] } else { 0.0 })
            .collect();
        let mut gram = gram(glm, &runs, margin, columns, &shift);
        let curvature = gram.total;
        if glm.intercept && gram.total > 0.0 {
            // What the intercept takes up.
            for i in 0..k {
                let c = gram.cross[i] / gram.total;
                for j in 0..k {
                    gram.matrix[i * k + j] -= c * gram.cross[j];
                }
            }
        }
        for i in 0..k {
            let v = &mut gram.matrix[i * k + i];
            *v = v.max(0.0);
        }
        Model {
            columns: columns.to_vec(),
            gram,
            intercept: glm.intercept,
            shift,
            exact: squares && m >= n,
            share: (m as f64 / n as f64).min(1.0),
            curvature,
        }
    }

    /// Whether it still serves: it holds all columns asked for, and is exact.
    pub fn holds(&self, columns: &[u32]) -> bool {
        self.exact && columns.iter().all(|j| self.columns.binary_search(j).is_ok())
    }

    /// The minimiser of the model, and by how much it says the objective falls.
    pub fn solve(
        &self,
        x: &[f64],
        gradient: &[f64],
        pieces: &[Piece],
        least: f64,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<(Vec<f64>, f64), Halt> {
        let k = self.columns.len();
        let d = x.len() - usize::from(self.intercept);
        let of = |v: &[f64]| -> Vec<f64> { self.columns.iter().map(|&j| v[j as usize]).collect() };
        let g = if self.intercept { gradient[d] } else { 0.0 };
        let centre: Vec<f64> = (0..k)
            .map(|i| self.shift[i] + if self.intercept { self.gram.cross[i] / self.gram.total } else { 0.0 })
            .collect();
        let old = of(x);
        let mut u = old.clone();
        let mut slope: Vec<f64> =
            of(gradient).iter().zip(&centre).map(|(v, c)| v - g * c).collect();
        let pieces: Vec<Piece> = self.columns.iter().map(|&j| pieces[j as usize]).collect();
        let quadratic = Quadratic {
            matrix: &self.gram.matrix,
            pieces: &pieces,
            // A model that is not the loss itself is worth no more.
            enough: if self.exact { 0.0 } else { 1e-3 },
        };
        let mut fell = quadratic.descend(&mut u, &mut slope, least, pause)?;
        let mut to = x.to_vec();
        for (&j, u) in self.columns.iter().zip(&u) {
            to[j as usize] = *u;
        }
        if self.intercept && self.gram.total > 0.0 {
            let along: f64 = (0..k).map(|i| centre[i] * (u[i] - old[i])).sum();
            to[d] -= g / self.gram.total + along;
            fell += 0.5 * g * g / self.gram.total;
        }
        Ok((to, fell))
    }
}

/// Weighted means and deviations of the columns.
pub(super) struct Moments {
    pub mean: Vec<f64>,
    pub deviation: Vec<f64>,
    /// Σ slope_i x_i, where slopes were given.
    pub gradient: Vec<f64>,
}

/// Moments and, with a slope for each row, the gradient of the coefficients: in one read of the table.
pub(super) fn moments(
    glm: &Glm<'_>,
    slope: Option<&[f64]>,
    pause: &mut dyn FnMut() -> Result<(), Halt>,
) -> Result<Moments, Halt> {
    let (n, d) = (glm.design.rows(), glm.design.columns());
    let (per, block) = (glm.rows_per_part(), glm.design.block());
    let (mut mean, mut square, mut gradient) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
    let parts: Vec<usize> = (0..n.div_ceil(per)).collect();
    // Some hundred parts between two pauses are some hundredths of a second.
    for parts in parts.chunks(128) {
        let sums = pool().map(parts.len(), |p| {
            let (from, to) = (parts[p] * per, ((parts[p] + 1) * per).min(n));
            let (mut sum, mut square, mut g) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
            for from in (from..to).step_by(block) {
                let rows = from..(from + block).min(to);
                let share: Vec<f64> = rows.clone().map(|i| glm.share(i)).collect();
                glm.design.moments(rows.clone(), &share, &mut sum, &mut square);
                if let Some(slope) = slope {
                    let s: Vec<f64> = rows.clone().zip(&share).map(|(i, w)| w * slope[i]).collect();
                    let ahead = rows.end..(rows.end + block).min(to);
                    glm.design.accumulate(rows, ahead, &s, 1, &mut g);
                }
            }
            (sum, square, g)
        });
        for (s, q, g) in sums {
            mean.iter_mut().zip(s).for_each(|(a, b)| *a += b);
            square.iter_mut().zip(q).for_each(|(a, b)| *a += b);
            gradient.iter_mut().zip(g).for_each(|(a, b)| *a += b);
        }
        pause()?;
    }
    let deviation = square.iter().zip(&mean).map(|(q, m)| (q - m * m).max(0.0).sqrt()).collect();
    Ok(Moments { mean, deviation, gradient })
}

/// The best intercept without any column (0 where there is none) and the objective there: from the targets alone.
pub(super) fn null(glm: &Glm<'_>) -> (f64, f64) {
    let n = glm.design.rows();
    let (mut value, mut slope, mut curvature) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let (mut b, mut best) = (0.0, (0.0, f64::INFINITY));
    for _ in 0..40 {
        glm.loss.jets(glm.target, &vec![b; n], &mut value, &mut slope, &mut curvature);
        let mean = |v: &[f64]| -> f64 { (0..n).map(|i| glm.share(i) * v[i]).sum() };
        let (f, g, h) = (mean(&value), mean(&slope), mean(&curvature));
        if f.is_nan() || f >= best.1 {
            b = 0.5 * (b + best.0);
            if (b - best.0).abs() <= 1e-12 * b.abs() {
                break;
            }
            continue;
        }
        best = (b, f);
        if !glm.intercept || h.is_nan() || h <= 0.0 || g * g <= 1e-16 * h * f {
            break;
        }
        b -= g / h;
    }
    best
}
