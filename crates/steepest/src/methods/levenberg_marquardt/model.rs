//! The model that a step is least for: ½ ‖c + W J p‖², in a region of trust, within bounds.
use crate::linalg::factor::append;
use crate::linalg::vectors::dot;

/// Rows that go into the triangle at once, in columns.
const BLOCK: usize = 4;
/// Of the largest pivot, the least damping: what columns that depend on each other leave undetermined stays where it is.
const LEAST: f64 = 1e-13;
/// A step this much off the radius is near enough.
const NEAR: f64 = 0.1;

/// J by its scales, weighed, as a triangle.
pub(super) struct Model<'a> {
    rows: Vec<f64>,
    c: &'a [f64],
    scale: Vec<f64>,
    /// R with its last column Qᵀc, of all variables.
    whole: Vec<f64>,
}

/// A step that the model takes.
pub(super) struct Moved {
    /// Where to.
    pub x: Vec<f64>,
    /// ‖D p‖.
    pub length: f64,
    /// By how much the model falls.
    pub promise: f64,
    /// ∇F·p.
    pub slope: f64,
    /// λ, and whether the radius asked for it.
    pub damping: f64,
    pub damped: bool,
}

impl<'a> Model<'a> {
    pub fn new(jacobian: &[f64], weight: &[f64], c: &'a [f64], scale: &[f64]) -> Self {
        let n = scale.len();
        let scale: Vec<f64> =
            scale.iter().map(|s| if *s > 0.0 && s.is_finite() { *s } else { 1.0 }).collect();
        let mut rows = vec![0.0; jacobian.len()];
        for ((to, from), w) in rows.chunks_exact_mut(n).zip(jacobian.chunks_exact(n)).zip(weight) {
            to.iter_mut().zip(from).zip(&scale).for_each(|((to, j), s)| *to = w * j / s);
        }
        let mut model = Model { rows, c, scale, whole: Vec::new() };
        let all: Vec<usize> = (0..n).collect();
        model.whole = model.triangle(&all, model.c);
        model
    }

    /// R of [J c] for some columns.
    fn triangle(&self, free: &[usize], c: &[f64]) -> Vec<f64> {
        let (n, k) = (self.scale.len(), free.len());
        let w = k + 1;
        let mut r = vec![0.0; w * w];
        let mut block = Vec::with_capacity(BLOCK * w * w);
        let last = c.len().saturating_sub(1);
        for (i, row) in self.rows.chunks_exact(n).enumerate() {
            block.extend(free.iter().map(|&j| row[j]));
            block.push(c[i]);
            if block.len() >= BLOCK * w * w || i == last {
                append(&mut r, &block, w);
                block.clear();
            }
        }
        // A column that depends on those before it leaves rounding on the diagonal, in a direction that means nothing.
        let most = (0..k).map(|j| r[j * w + j].abs()).fold(0.0, f64::max);
        let rounding = 10.0 * f64::EPSILON * (c.len() + k) as f64 * most;
        for j in (0..k).filter(|j| r[j * w + j].abs() <= rounding).collect::<Vec<_>>() {
            r[j * w + j] = 0.0;
        }
        r
    }

    /// The least p of ½‖c + R p‖² + ½λ‖p‖²; R comes back as the triangle of [R; √λ].
    fn damped(r: &[f64], k: usize, lambda: f64) -> (Vec<f64>, Vec<f64>) {
        let w = k + 1;
        let mut r = r.to_vec();
        let mut below = vec![0.0; k * w];
        (0..k).for_each(|j| below[j * w + j] = lambda.sqrt());
        append(&mut r, &below, w);
        let mut p = vec![0.0; k];
        for i in (0..k).rev() {
            let rest: f64 = (i + 1..k).map(|j| r[i * w + j] * p[j]).sum();
            let pivot = r[i * w + i];
            p[i] = if pivot == 0.0 { 0.0 } else { (-r[i * w + k] - rest) / pivot };
        }
        (p, r)
    }

    fn least(r: &[f64], k: usize) -> f64 {
        let most = (0..k).map(|j| r[j * (k + 1) + j].abs()).fold(0.0, f64::max);
        (LEAST * most).powi(2).max(f64::MIN_POSITIVE)
    }

    /// The p that is no longer than the radius, with its λ, and whether the radius cut it short.
    fn within(r: &[f64], k: usize, radius: f64) -> (Vec<f64>, f64, bool) {
        let least = Self::least(r, k);
        let (p, _) = Self::damped(r, k, least);
        let norm = |p: &[f64]| dot(p, p).sqrt();
        if !(norm(&p) > (1.0 + NEAR) * radius) {
            return (p, least, false);
        }
        let w = k + 1;
        // Rᵀc bounds λ from above.
        let pull: f64 = (0..k)
            .map(|j| (0..=j).map(|i| r[i * w + j] * r[i * w + k]).sum::<f64>().powi(2))
            .sum::<f64>()
            .sqrt();
        let (mut low, mut high) = (least, pull / radius);
        let most = (0..k).map(|j| r[j * w + j].powi(2)).fold(0.0, f64::max);
        let mut lambda = (1e-3 * most).clamp(least, high.max(least));
        let mut found = (p, least);
        for _ in 0..40 {
            let (p, factor) = Self::damped(r, k, lambda);
            let length = norm(&p);
            if (length - radius).abs() <= NEAR * radius {
                return (p, lambda, true);
            }
            *(if length > radius { &mut low } else { &mut high }) = lambda;
            // d‖p‖/dλ = −‖R⁻ᵀp‖²/‖p‖.
            let mut q = p.clone();
            for i in 0..k {
                let before: f64 = (0..i).map(|j| factor[j * w + i] * q[j]).sum();
                let pivot = factor[i * w + i];
                q[i] = if pivot == 0.0 { 0.0 } else { (q[i] - before) / pivot };
            }
            let rate = dot(&q, &q) / length;
            found = (p, lambda);
            let newton = lambda + (length - radius) / radius * length / rate;
            lambda = if newton > low && newton < high {
                newton
            } else {
                (low * high).sqrt().max(1e-3 * high)
            };
        }
        (found.0, found.1, true)
    }

    /// The step within the radius and the bounds: a variable that meets a bound stays there, and the others go on.
    pub fn step(&self, radius: f64, gradient: &[f64], within: [&[f64]; 3]) -> Moved {
        self.least_step(gradient, within, |r, k, gone| {
            let left = (radius * radius - gone).max((NEAR * radius).powi(2)).sqrt();
            Self::within(r, k, left)
        })
    }

    /// The step under so much damping, within the bounds.
    pub fn step_damped(&self, damping: f64, gradient: &[f64], within: [&[f64]; 3]) -> Moved {
        self.least_step(gradient, within, |r, k, _| (Self::damped(r, k, damping).0, damping, true))
    }

    /// `solve` is given a triangle, its columns, and the square of the length gone by variables that stay at bounds.
    fn least_step(
        &self,
        gradient: &[f64],
        [x, low, high]: [&[f64]; 3],
        solve: impl Fn(&[f64], usize, f64) -> (Vec<f64>, f64, bool),
    ) -> Moved {
        let n = x.len();
        let held = |j: usize| {
            x[j] <= low[j] && gradient[j] >= 0.0 || x[j] >= high[j] && gradient[j] <= 0.0
        };
        let mut free: Vec<usize> = (0..n).filter(|&j| !held(j)).collect();
        let mut to = x.to_vec();
        let (mut damping, mut damped) = (0.0, false);
        let mut shifted = None::<Vec<f64>>;
        while !free.is_empty() {
            let k = free.len();
            let own;
            let r = if k == n && shifted.is_none() {
                &self.whole
            } else {
                own = self.triangle(&free, shifted.as_deref().unwrap_or(self.c));
                &own
            };
            let gone: f64 = (0..n)
                .filter(|j| !free.contains(j))
                .map(|j| (self.scale[j] * (to[j] - x[j])).powi(2))
                .sum();
            let (p, lambda, short) = solve(r, k, gone);
            (damping, damped) = (lambda, damped || short);
            let ahead: Vec<f64> =
                free.iter().zip(&p).map(|(&j, p)| x[j] + p / self.scale[j]).collect();
            let crossed: Vec<bool> =
                free.iter().zip(&ahead).map(|(&j, a)| *a < low[j] || *a > high[j]).collect();
            for (&j, a) in free.iter().zip(&ahead) {
                to[j] = a.clamp(low[j], high[j]);
            }
            if !crossed.contains(&true) {
                break;
            }
            let mut stays = crossed.iter().map(|c| !c);
            free.retain(|_| stays.next().expect("one each"));
            let c: Vec<f64> = self
                .rows
                .chunks_exact(n)
                .zip(self.c)
                .map(|(row, c)| {
                    let moved = (0..n)
                        .filter(|j| !free.contains(j))
                        .map(|j| row[j] * self.scale[j] * (to[j] - x[j]));
                    c + moved.sum::<f64>()
                })
                .collect();
            shifted = Some(c);
        }
        self.moved(to, x, gradient, damping, damped)
    }

    fn moved(
        &self,
        to: Vec<f64>,
        x: &[f64],
        gradient: &[f64],
        damping: f64,
        damped: bool,
    ) -> Moved {
        let n = x.len();
        let by: Vec<f64> = to.iter().zip(x).map(|(t, x)| t - x).collect();
        let scaled: Vec<f64> = by.iter().zip(&self.scale).map(|(b, s)| b * s).collect();
        let w = n + 1;
        // ‖J p‖ by the triangle of all variables.
        let image: f64 = (0..n)
            .map(|i| (i..n).map(|j| self.whole[i * w + j] * scaled[j]).sum::<f64>().powi(2))
            .sum();
        let slope = dot(gradient, &by);
        Moved {
            x: to,
            length: dot(&scaled, &scaled).sqrt(),
            promise: -slope - 0.5 * image,
            slope,
            damping,
            damped,
        }
    }

    /// What answers other residuals under the same damping: −(JᵀJ + λD²)⁻¹Jᵀ times them.
    pub fn answer(
        &self,
        jacobian: &[f64],
        weight: &[f64],
        residuals: &[f64],
        lambda: f64,
    ) -> Vec<f64> {
        let n = self.scale.len();
        let w = n + 1;
        let (_, factor) = Self::damped(&self.whole, n, lambda);
        let mut p = vec![0.0; n];
        for ((row, w), r) in jacobian.chunks_exact(n).zip(weight).zip(residuals) {
            for ((p, j), s) in p.iter_mut().zip(row).zip(&self.scale) {
                *p -= w * w * r * j / s;
            }
        }
        for i in 0..n {
            let before: f64 = (0..i).map(|j| factor[j * w + i] * p[j]).sum();
            p[i] = quotient(p[i] - before, factor[i * w + i]);
        }
        for i in (0..n).rev() {
            let rest: f64 = (i + 1..n).map(|j| factor[i * w + j] * p[j]).sum();
            p[i] = quotient(p[i] - rest, factor[i * w + i]);
        }
        p.iter_mut().zip(&self.scale).for_each(|(p, s)| *p /= s);
        p
    }
}

/// 0 where nothing is known of a coordinate.
fn quotient(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}
