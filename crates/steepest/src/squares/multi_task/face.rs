//! The problem over a working set, by its Gram matrix: descent by columns, and Newton's steps over the columns in use where
//! they get there sooner.
use super::seen::Read;
use crate::linalg::cholesky::{Cholesky, factor};
use crate::linalg::gemm::{Begin, Packed, Right, Strides, multiply};
use crate::linalg::vectors::{add_scaled, dot};
use crate::parallel::cancel;

/// Rounds, and how many of them in a row may bring nothing.
const ROUNDS: u32 = 3000;
const IDLE: u32 = 60;
/// Newton's steps that were tried meanwhile, at least: sweeps alone may bring next to nothing for long.
const IDLE_STEPS: u32 = 2;
/// Newton's steps that it takes, about.
const STEPS: f64 = 4.0;
/// What a step costs over m columns: so many times m³ products that are added to numbers far apart, as those of sweeps are.
const STEP: f64 = 0.15;
/// What sweeps have cost before a step, in times of its own cost.
const TRIED: f64 = 1.0;
/// Sweeps between Newton's steps, at most.
const SWEEPS: u32 = 32;
/// Columns of a product, and rows of a triangle that is inverted row by row.
const STRIP: usize = 128;
const SMALL: usize = 32;
/// How often a step is halved.
const HALVED: u32 = 12;

/// A working set, and the point over it.
pub(super) struct Face {
    targets: usize,
    /// What a column's length costs.
    pub lengths: f64,
    pub ridge: f64,
    /// Its columns in the order in which they came, and Σ share · x x′ over them.
    pub set: Vec<u32>,
    pub gram: Vec<f64>,
    /// Coefficients and slopes: of each target those of the set.
    pub w: Vec<f64>,
    pub q: Vec<f64>,
    begun: Vec<f64>,
    slopes: Vec<f64>,
    loss: f64,
}

impl Face {
    pub fn new(targets: usize, lengths: f64, ridge: f64) -> Self {
        Face {
            targets,
            lengths,
            ridge,
            set: Vec::new(),
            gram: Vec::new(),
            w: Vec::new(),
            q: Vec::new(),
            begun: Vec::new(),
            slopes: Vec::new(),
            loss: 0.0,
        }
    }

    /// How many columns were in use when it was last solved.
    pub fn used(&self) -> usize {
        let s = self.w.len() / self.targets.max(1);
        (0..s).filter(|&j| self.w.iter().skip(j).step_by(s).any(|w| *w != 0.0)).count()
    }

    /// Goes from `w`, where the table was read, to where the problem over the set is solved up to `goal`.
    pub fn solve(&mut self, w: &mut [f64], read: &Read, goal: f64) {
        let (s, t) = (self.set.len(), self.targets);
        let d = w.len() / t;
        let pick = |from: &[f64]| -> Vec<f64> {
            from.chunks_exact(d).flat_map(|v| self.set.iter().map(|&j| v[j as usize])).collect()
        };
        (self.w, self.q) = (pick(w), pick(&read.slopes));
        (self.begun, self.slopes, self.loss) = (self.w.clone(), self.q.clone(), read.loss);
        let (mut last, mut least, mut idle, mut sweeps) = (f64::INFINITY, f64::INFINITY, 0, 1);
        let (mut since, mut steps, mut whole, mut fresh) = (0, 0, false, true);
        for round in 0..ROUNDS {
            cancel::check();
            let changed = (0..sweeps).fold(false, |changed, _| self.sweep() || changed);
            let mut gap = self.gap();
            if gap <= goal || !changed {
                break;
            }
            let rate = (gap / last).powf(1.0 / f64::from(sweeps));
            let more = if rate < 1.0 { (goal / gap).ln() / rate.ln() } else { f64::INFINITY };
            let used = self.used() as f64;
            let step = STEP * used * used / (s * t) as f64;
            since += sweeps;
            // A rate of a few sweeps is a poor guess: sweeps have to have cost as much as a step.
            let tried = round > 0 && f64::from(since) >= TRIED * step;
            if whole || tried && more > STEPS * (1.0 + step) {
                (since, steps) = (0, steps + 1);
                let went = self.newton();
                // Next to its end a step is worth more than any sweep.
                whole = went == Some(true);
                sweeps = match went {
                    Some(true) => 1,
                    Some(false) => (2 * sweeps).min(SWEEPS),
                    None => SWEEPS,
                };
                gap = self.gap();
                if gap <= goal {
                    break;
                }
            }
            last = gap;
            (idle, steps) = if gap < 0.9 * least { (0, 0) } else { (idle + 1, steps) };
            least = least.min(gap);
            if idle > IDLE && steps > IDLE_STEPS {
                if !std::mem::take(&mut fresh) || !self.smoothed(goal) {
                    break;
                }
                (least, idle, sweeps, whole) = (f64::INFINITY, 0, 1, false);
            }
        }
        for (w, own) in w.chunks_exact_mut(d).zip(self.w.chunks_exact(s.max(1))) {
            self.set.iter().zip(own).for_each(|(&j, v)| w[j as usize] = *v);
        }
    }

    /// The best coefficients of each column in turn; whether any changed.
    fn sweep(&mut self) -> bool {
        let (s, t) = (self.set.len(), self.targets);
        let mut changed = false;
        let mut to = vec![0.0; t];
        for j in 0..s {
            let row = &self.gram[j * s..(j + 1) * s];
            let h = row[j];
            if !(h + self.ridge > 0.0) {
                continue;
            }
            for (k, to) in to.iter_mut().enumerate() {
                *to = self.q[k * s + j] + h * self.w[k * s + j];
            }
            let long = dot(&to, &to).sqrt();
            let times = if long > self.lengths {
                (1.0 - self.lengths / long) / (h + self.ridge)
            } else {
                0.0
            };
            for (k, to) in to.iter().enumerate() {
                let (to, own) = (times * to, &mut self.w[k * s + j]);
                if to != *own {
                    add_scaled(*own - to, row, &mut self.q[k * s..(k + 1) * s]);
                    *own = to;
                    changed = true;
                }
            }
        }
        changed
    }

    fn length(&self, v: &[f64], j: usize) -> f64 {
        v.iter().skip(j).step_by(self.set.len()).map(|v| v * v).sum::<f64>().sqrt()
    }

    /// How far from the least over the set, at most.
    pub fn gap(&self) -> f64 {
        let s = self.set.len();
        let moved = self.w.iter().zip(&self.begun).zip(self.q.iter().zip(&self.slopes));
        let fell: f64 = moved.map(|((w, b), (q, g))| (q + g) * (w - b)).sum();
        let loss = (self.loss - 0.5 * fell).max(0.0);
        let each: Vec<[f64; 3]> = (0..s)
            .map(|j| {
                let both = self.w.iter().zip(&self.q).skip(j).step_by(s).map(|(w, q)| w * q).sum();
                [self.length(&self.w, j), self.length(&self.q, j), both]
            })
            .collect();
        let gap = |c: f64| {
            let of = |&[own, slope, both]: &[f64; 3]| {
                let past = (c * slope - self.lengths).max(0.0);
                let conjugate = if self.ridge > 0.0 { 0.5 * past * past / self.ridge } else { 0.0 };
                (self.lengths * own + 0.5 * self.ridge * own * own + conjugate - c * both).max(0.0)
            };
            (1.0 - c).powi(2) * loss + each.iter().map(of).sum::<f64>()
        };
        let most = each.iter().fold(0.0, |m: f64, e| m.max(e[1]));
        let within = gap((self.lengths / most).min(1.0));
        if self.ridge > 0.0 { within.min(gap(1.0)) } else { within }
    }

    /// Newton's step over the columns in use, whose lengths bend: the Hessian is a matrix M = G + diag(ridge + lengths / |w_j|),
    /// the same of each target, less lengths / |w_j| along each w_j, so it takes two factors of as many rows as columns.
    /// Columns that it would take through 0 end there. Whether it went all the way; none where it went nowhere.
    fn newton(&mut self) -> Option<bool> {
        let (s, t) = (self.set.len(), self.targets);
        let used: Vec<usize> = (0..s).filter(|&j| self.length(&self.w, j) > 0.0).collect();
        let m = used.len();
        let long: Vec<f64> = used.iter().map(|&j| self.length(&self.w, j)).collect();
        // With one target a length does not bend.
        let bend: Vec<f64> =
            long.iter().map(|l| if t == 1 { 0.0 } else { self.lengths / l }).collect();
        let own = |k: usize, i: usize| self.w[k * s + used[i]];
        let grad: Vec<f64> = (0..t * m)
            .map(|a| {
                let (k, i) = (a / m, a % m);
                own(k, i) * (self.lengths / long[i] + self.ridge) - self.q[k * s + used[i]]
            })
            .collect();
        let more = |i: usize| self.ridge + bend[i];
        let scale: Vec<f64> =
            (0..m).map(|i| 1.0 / (self.gram[used[i] * s + used[i]] + more(i)).sqrt()).collect();
        let of = |a: usize| {
            let (i, l) = (a / m, a % m);
            let g = self.gram[used[i] * s + used[l]] + if i == l { more(i) } else { 0.0 };
            g * scale[i] * scale[l]
        };
        let matrix: Vec<f64> = (0..m * m).map(of).collect();
        let inverse = inverse(&matrix, m)?;
        let times = |v: &[f64]| -> Vec<f64> {
            let scaled: Vec<f64> = v.iter().enumerate().map(|(a, v)| v * scale[a % m]).collect();
            let row = |a: usize| {
                scale[a % m] * dot(&inverse[(a % m) * m..][..m], &scaled[a / m * m..][..m])
            };
            (0..t * m).map(row).collect()
        };
        let mut step = times(&grad.iter().map(|g| -g).collect::<Vec<_>>());
        if t > 1 {
            let unit: Vec<f64> = (0..m * t).map(|a| own(a % t, a / t) / long[a / t]).collect();
            let along = |i: usize, l: usize| {
                let of = |i: usize| &unit[i * t..(i + 1) * t];
                of(i).iter().zip(of(l)).map(|(a, b)| a * b).sum::<f64>()
            };
            let root: Vec<f64> = bend.iter().map(|b| b.sqrt()).collect();
            let mut less = vec![0.0; m * m];
            for i in 0..m {
                for l in 0..=i {
                    less[i * m + l] =
                        -root[i] * root[l] * scale[i] * scale[l] * inverse[i * m + l] * along(i, l);
                }
                less[i * m + i] += 1.0;
            }
            let small =
                Cholesky::new(m, &less, |_| 0.0).or_else(|| Cholesky::new(m, &less, |_| 1e-8))?;
            let mut z: Vec<f64> = (0..m)
                .map(|i| {
                    root[i] * (0..t).map(|k| own(k, i) * step[k * m + i]).sum::<f64>() / long[i]
                })
                .collect();
            small.solve(&mut z);
            let back: Vec<f64> = (0..t * m)
                .map(|a| own(a / m, a % m) / long[a % m] * root[a % m] * z[a % m])
                .collect();
            step.iter_mut().zip(times(&back)).for_each(|(s, b)| *s += b);
        }
        let slope: f64 = grad.iter().zip(&step).map(|(g, s)| g * s).sum();
        if !(slope < 0.0) {
            return None;
        }
        let mut length = 1.0;
        for _ in 0..HALVED {
            let (go, crossed) = self.towards(&used, &step, length);
            let mut turned = vec![0.0; t * s];
            for (k, to) in turned.chunks_exact_mut(s).enumerate() {
                for (i, &j) in used.iter().enumerate() {
                    add_scaled(-go[k * m + i], &self.gram[j * s..(j + 1) * s], to);
                }
            }
            let mut rise = 0.0;
            for (i, &j) in used.iter().enumerate() {
                let mut there = 0.0;
                for k in 0..t {
                    let (g, to) = (go[k * m + i], own(k, i) + go[k * m + i]);
                    rise -= g * (self.q[k * s + j] + 0.5 * turned[k * s + j]);
                    there += to * to;
                }
                let (there, here) = (there.sqrt(), long[i]);
                rise += (there - here) * (self.lengths + 0.5 * self.ridge * (there + here));
            }
            if rise <= 1e-4 * length * slope {
                for (i, &j) in used.iter().enumerate() {
                    (0..t).for_each(|k| self.w[k * s + j] += go[k * m + i]);
                }
                for &j in &crossed {
                    (0..t).for_each(|k| self.w[k * s + j] = 0.0);
                }
                self.q.iter_mut().zip(&turned).for_each(|(q, b)| *q += b);
                return Some(length == 1.0 && crossed.is_empty());
            }
            length *= 0.5;
        }
        None
    }

    /// The way along a step, on which columns that would pass through 0 end there; and which these are.
    fn towards(&self, used: &[usize], step: &[f64], length: f64) -> (Vec<f64>, Vec<usize>) {
        let (s, t, m) = (self.set.len(), self.targets, used.len());
        let mut go: Vec<f64> = step.iter().map(|v| length * v).collect();
        let mut crossed = Vec::new();
        for (i, &j) in used.iter().enumerate() {
            let still: f64 =
                (0..t).map(|k| self.w[k * s + j] * (self.w[k * s + j] + go[k * m + i])).sum();
            if still <= 0.0 {
                (0..t).for_each(|k| go[k * m + i] = -self.w[k * s + j]);
                crossed.push(j);
            }
        }
        (go, crossed)
    }
}

/// The inverse of a symmetric matrix of m rows with ones on its diagonal; none where it is singular beyond repair.
fn inverse(matrix: &[f64], m: usize) -> Option<Vec<f64>> {
    let enough =
        |i: usize, left: f64, pivot: f64| left > 16.0 * f64::EPSILON * (i + 1) as f64 * pivot.abs();
    let l = [0.0, 1e-12, 1e-8].iter().find_map(|more| {
        let mut l = matrix.to_vec();
        (0..m).for_each(|i| l[i * m + i] += more);
        factor(&mut l, m, enough).then_some(l)
    })?;
    let mut low = vec![0.0; m * m];
    turn(&l, m, (0, m), &mut low);
    // Of L⁻ᵀL⁻¹ what lies left of the diagonal: below the first row of a strip there is nothing above it.
    let mut whole = vec![0.0; m * m];
    let mut packed = Packed::default();
    for from in (0..m).step_by(STRIP) {
        cancel::check();
        let to = (from + STRIP).min(m);
        let below = Strides::rows(&low[from * m..], m - from, m, m);
        packed.pack(below.columns(0, to));
        let left = below.columns(from, to).transposed();
        multiply(left, Right::Packed(&packed), Begin::Zero, &mut whole[from * m..], m);
    }
    for i in 0..m {
        (0..i).for_each(|j| whole[j * m + i] = whole[i * m + j]);
    }
    Some(whole)
}

/// The inverse of rows and columns from..to of a lower triangle, into the same of `low`: of both halves, and what lies below
/// the first of them, −L₂₂⁻¹ L₂₁ L₁₁⁻¹.
fn turn(l: &[f64], m: usize, (from, to): (usize, usize), low: &mut [f64]) {
    if to - from <= SMALL {
        for i in from..to {
            let (above, row) = low.split_at_mut(i * m);
            row[i] = 1.0;
            for j in from..i {
                add_scaled(-l[i * m + j], &above[j * m + from..=j * m + j], &mut row[from..=j]);
            }
            row[from..=i].iter_mut().for_each(|v| *v /= l[i * m + i]);
        }
        return;
    }
    let middle = from + (to - from) / 2;
    turn(l, m, (from, middle), low);
    turn(l, m, (middle, to), low);
    let (upper, lower) = (middle - from, to - middle);
    let (mut packed, mut half) = (Packed::default(), vec![0.0; lower * upper]);
    packed.pack(Strides::rows(&low[from * m..], upper, m, m).columns(from, middle));
    let left = Strides::rows(&l[middle * m..], lower, m, m).columns(from, middle);
    multiply(left, Right::Packed(&packed), Begin::Zero, &mut half, upper);
    half.iter_mut().for_each(|v| *v = -*v);
    packed.pack(Strides::rows(&half, lower, upper, upper));
    let whole: Vec<f64> =
        (middle..to).flat_map(|i| low[i * m + middle..i * m + to].to_vec()).collect();
    let left = Strides::rows(&whole, lower, lower, lower);
    multiply(left, Right::Packed(&packed), Begin::Zero, &mut low[middle * m + from..], m);
}
