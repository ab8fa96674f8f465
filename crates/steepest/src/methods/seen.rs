//! What the steps of a method without a metric tell of the coordinates.
use super::gradient_check;
use crate::problem::Problem;

/// Σ s_j², Σ y_j², Σ s_j y_j over the last steps, older ones fading.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    ss: Vec<f64>,
    yy: Vec<f64>,
    sy: Vec<f64>,
    /// Whether a step moved it.
    stirred: Vec<bool>,
    moved: bool,
}

crate::state!(Seen { ss: vector, yy: vector, sy: vector, stirred: vector, moved });

const FADE: f64 = 0.9;

impl Seen {
    /// Of n coordinates, nothing yet.
    pub fn new(n: usize) -> Self {
        Seen {
            ss: vec![0.0; n],
            yy: vec![0.0; n],
            sy: vec![0.0; n],
            stirred: vec![false; n],
            moved: false,
        }
    }
    /// A step s led from a gradient to another.
    pub fn step(&mut self, s: &[f64], before: &[f64], after: &[f64]) {
        for (j, (ss, yy)) in self.ss.iter_mut().zip(&mut self.yy).enumerate() {
            let y = after[j] - before[j];
            if y.abs() <= 16.0 * f64::EPSILON * after[j].abs() {
                // Rounding, or nothing.
                self.stirred[j] |= s[j] != 0.0;
                continue;
            }
            self.stirred[j] = true;
            *ss = FADE * *ss + s[j] * s[j];
            *yy = FADE * *yy + y * y;
            self.sy[j] = FADE * self.sy[j] + s[j] * y;
        }
        self.moved = true;
    }
    /// Units of the coordinates so many times as long.
    pub fn stretch(&mut self, by: &[f64]) {
        for (j, by) in by.iter().enumerate() {
            self.ss[j] /= by * by;
            self.yy[j] *= by * by;
        }
    }
    /// ‖s_j‖ / ‖y_j‖: the inverse curvature along each coordinate, NaN where nothing was seen of it.
    pub fn metric(&self) -> Vec<f64> {
        let one = |(ss, yy): (&f64, &f64)| {
            let d = (ss / yy).sqrt();
            if d.is_normal() { d } else { f64::NAN }
        };
        self.ss.iter().zip(&self.yy).map(one).collect()
    }
    /// Whether no slope was ever seen to change.
    pub fn blind(&self) -> bool {
        self.yy.iter().all(|yy| *yy == 0.0)
    }
    /// Whether steps have told nothing of some coordinate, or that F bends down along it.
    pub fn doubtful(&self) -> bool {
        const CLEARLY: f64 = 0.5;
        let down = |j: usize| self.sy[j] < -CLEARLY * (self.ss[j] * self.yy[j]).sqrt();
        (0..self.ss.len()).any(|j| self.yy[j] == 0.0 || down(j))
    }
    /// How far each coordinate has to go to make a difference.
    pub fn lengths(&self, problem: &Problem<'_>, x: &[f64], g: &[f64], size: [f64; 2]) -> Vec<f64> {
        let n = self.ss.len();
        let room = gradient_check::room(problem, &x[..n]);
        let way = |j: usize, way: f64| room[j][usize::from(way > 0.0)];
        gradient_check::lengths(&self.metric(), &x[..n], &g[..n], size, &way)
    }
    /// A direction along the coordinates that no step has moved, though others were, or, before any step, another one
    /// along all; false where there are none.
    pub fn unmoved(&self, u: &mut [f64]) -> bool {
        gradient_check::scattered_else(u.len(), u);
        if !self.moved {
            return true;
        }
        let still = u.iter_mut().zip(&self.stirred).map(|(u, stirred)| {
            *u *= f64::from(!stirred);
            u32::from(!stirred)
        });
        still.sum::<u32>() > 0
    }
}
