//! Down the pairs' quadratic model within bounds.
use super::Pairs;
use super::compact::Compact;
use crate::linalg::vectors::{Aligned, ahead, dot};

/// Rounds at most, and where they end: the way that is left along the gradient is so much shorter than at first. More
/// of either saves no evaluations.
const ROUNDS: usize = 3;
const CLOSE: f64 = 0.3;
/// The share of the promised fall that is enough along the gradient, and over the free coordinates.
const ENOUGH: f64 = 1e-2;
/// Halvings of a step, along the gradient and over the free coordinates.
const HALVED: [usize; 2] = [30, 3];

/// d ← the way from x to where g'd + ½ d'Bd is least within bounds, nearly: gradient steps that are projected say which
/// coordinates are free, and over those B is solved with, so that many reach their bounds and leave them in one step.
/// False where the pairs make no such model.
///
/// Moré and Toraldo 1991, <https://doi.org/10.1137/0801008>, on the model of Byrd, Lu, Nocedal and Zhu 1995,
/// <https://doi.org/10.1137/0916069>.
pub fn down(
    pairs: &mut Pairs,
    x: &[f64],
    g: &[f64],
    ends: [&[f64]; 2],
    free: bool,
    d: &mut [f64],
) -> bool {
    let [low, high] = ends;
    let inside = |d: &[f64]| (0..low.len()).all(|j| (low[j]..=high[j]).contains(&(x[j] + d[j])));
    if free {
        pairs.direction(g, d);
        if inside(d) {
            return true;
        }
    }
    let Some(b) = Compact::new(pairs) else { return false };
    let mut model = Model::new(&b, x, g, ends);
    let first = model.left();
    for _ in 0..ROUNDS {
        if !model.along_gradient() {
            break;
        }
        model.over_free();
        if model.left() <= CLOSE * first {
            break;
        }
    }
    model.way(x, d);
    true
}

/// The model, and where on it.
struct Model<'a> {
    b: &'a Compact<'a>,
    low: &'a [f64],
    high: &'a [f64],
    /// The point, and the model's gradient there.
    z: Aligned,
    r: Aligned,
    /// A direction from there, the point tried along it, the way there, and what B makes of that.
    d: Aligned,
    trial: Aligned,
    moved: Aligned,
    bent: Aligned,
}

impl<'a> Model<'a> {
    fn new(b: &'a Compact<'a>, x: &[f64], g: &[f64], [low, high]: [&'a [f64]; 2]) -> Self {
        let [mut z, mut r, d, trial, moved, bent] = [0; 6].map(|_| Aligned::zeros(low.len()));
        z.copy_from_slice(x);
        r.copy_from_slice(g);
        Model { b, low, high, z, r, d, trial, moved, bent }
    }

    fn within(&self, j: usize, z: f64) -> f64 {
        z.max(self.low[j]).min(self.high[j])
    }

    fn free(&self, j: usize) -> bool {
        let (z, r) = (self.z[j], self.r[j]);
        !(z <= self.low[j] && r >= 0.0 || z >= self.high[j] && r <= 0.0)
    }

    /// How far a gradient step leads.
    fn left(&self) -> f64 {
        let theta = self.b.theta();
        let one = |j: usize| (self.within(j, self.z[j] - self.r[j] / theta) - self.z[j]).powi(2);
        (0..self.low.len()).map(one).sum::<f64>().sqrt()
    }

    /// From the least value along the gradient of the free coordinates; false where there is nothing lower.
    fn along_gradient(&mut self) -> bool {
        for j in 0..self.low.len() {
            self.d[j] = if self.free(j) { -self.r[j] } else { 0.0 };
        }
        self.b.product(&self.d, &mut self.bent);
        let (size, bend) = (dot(&self.d, &self.d), dot(&self.d, &self.bent));
        size > 0.0 && self.go(size / bend, HALVED[0])
    }

    /// Newton's step over the free coordinates; as far as the first bound where no projected one is lower.
    fn over_free(&mut self) {
        let free: Vec<bool> = (0..self.low.len()).map(|j| self.free(j)).collect();
        let Some(reduced) = self.b.reduced(&free) else { return };
        self.b.solve(&reduced, &self.r, &mut self.d);
        if self.go(1.0, HALVED[1]) {
            return;
        }
        let room = |(j, d): (usize, &f64)| match *d {
            d if d > 0.0 => (self.high[j] - self.z[j]) / d,
            d if d < 0.0 => (self.low[j] - self.z[j]) / d,
            _ => f64::INFINITY,
        };
        let nearest = self.d[..self.low.len()].iter().enumerate().map(room).fold(1.0, f64::min);
        if nearest > 0.0 {
            self.go(nearest, 0);
        }
    }

    /// z ← P(z + t d), t halved until that is low enough; false where it never is.
    fn go(&mut self, mut t: f64, halved: usize) -> bool {
        for _ in 0..=halved {
            for j in 0..self.low.len() {
                self.trial[j] = self.within(j, self.z[j] + t * self.d[j]);
                self.moved[j] = self.trial[j] - self.z[j];
            }
            self.b.product(&self.moved, &mut self.bent);
            let slope = dot(&self.r, &self.moved);
            if slope < 0.0 && slope + 0.5 * dot(&self.moved, &self.bent) <= ENOUGH * slope {
                std::mem::swap(&mut self.z, &mut self.trial);
                ahead(&self.r, 1.0, &self.bent, &mut self.trial);
                std::mem::swap(&mut self.r, &mut self.trial);
                return true;
            }
            t *= 0.5;
        }
        false
    }

    /// d ← z − x; a coordinate that comes to its bound is not to stop short of it by rounding.
    fn way(&self, x: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for j in 0..self.low.len() {
            d[j] = self.z[j] - x[j];
            for _ in 0..4 {
                if self.z[j] == self.low[j] && x[j] + d[j] > self.low[j] {
                    d[j] = d[j].next_down();
                } else if self.z[j] == self.high[j] && x[j] + d[j] < self.high[j] {
                    d[j] = d[j].next_up();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(k: u64) -> f64 {
        let h = (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64
            - 0.5
    }

    fn vector(n: usize, seed: u64) -> Aligned {
        let mut v = Aligned::zeros(n);
        (0..n).for_each(|j| v[j] = noise(seed * 1000 + j as u64));
        v
    }

    /// Pairs of a function that bends by 1 to n along its coordinates.
    fn pairs(n: usize, m: usize) -> Pairs {
        let mut pairs = Pairs::new(n, m, true);
        for k in 0..m as u64 {
            let ([x, xn], [mut g, mut gn]) =
                ([vector(n, 2 * k), vector(n, 2 * k + 1)], [0; 2].map(|_| Aligned::zeros(n)));
            for j in 0..n {
                let next = (j + 1) % n;
                g[j] = x[j] * (1.0 + j as f64) + 0.3 * x[next];
                gn[j] = xn[j] * (1.0 + j as f64) + 0.3 * xn[next];
            }
            pairs.store(&x, &xn, &g, &gn);
        }
        pairs
    }

    /// B as a matrix, a column by the formula of BFGS after another: B ← B − B s s'B / s'B s + y y' / s'y.
    fn dense(pairs: &Pairs, theta: f64) -> Vec<Vec<f64>> {
        let n = pairs.dim();
        let mut b = vec![vec![0.0; n]; n];
        (0..n).for_each(|j| b[j][j] = theta);
        let order: Vec<usize> = pairs.newest_first().collect();
        for i in order.into_iter().rev() {
            let (s, y) = (&pairs.s[pairs.row(i)], &pairs.y[pairs.row(i)]);
            let bs: Vec<f64> = b.iter().map(|row| dot(row, &s[..n])).collect();
            let (sbs, sy) = (dot(&bs, &s[..n]), dot(s, y));
            for j in 0..n {
                for k in 0..n {
                    b[j][k] += y[j] * y[k] / sy - bs[j] * bs[k] / sbs;
                }
            }
        }
        b
    }

    #[test]
    fn it_is_the_matrix_of_bfgs_whole_and_over_free_coordinates() {
        for (n, m) in [(7, 5), (40, 12), (9, 9)] {
            let pairs = pairs(n, m);
            let compact = Compact::new(&pairs).expect("positive");
            let matrix = dense(&pairs, compact.theta());
            let (v, mut bv) = (vector(n, 77), Aligned::zeros(n));
            compact.product(&v, &mut bv);
            for (row, bv) in matrix.iter().zip(&*bv) {
                assert!((dot(row, &v[..n]) - bv).abs() < 1e-9 * compact.theta() * n as f64);
            }
            for share in [0, 2, 3] {
                let free: Vec<bool> = (0..n).map(|j| share == 0 || j % share != 0).collect();
                let block = compact.reduced(&free).expect("positive");
                let mut d = Aligned::zeros(n);
                compact.solve(&block, &v, &mut d);
                for j in 0..n {
                    let there = if free[j] { dot(&matrix[j], &d[..n]) + v[j] } else { d[j] };
                    assert!(there.abs() < 1e-8, "{n} {m} {share} {j}: {there}");
                }
            }
        }
    }

    /// Within the bounds, those it comes to reached exactly, and lower on the model than any projected gradient step.
    #[test]
    fn its_way_beats_every_projected_gradient_step() {
        for seed in 0..40u64 {
            let n = 5 + (seed % 30) as usize;
            let (mut pairs, g) = (pairs(n, 3 + (seed % 9) as usize), vector(n, 100 + seed));
            let mut x = vector(n, 200 + seed);
            let low: Vec<f64> =
                (0..n).map(|j| x[j] - (0.4 * noise(j as u64 + seed)).max(0.0)).collect();
            let high: Vec<f64> = (0..n).map(|j| x[j] + 0.01 * (1.0 + noise(j as u64))).collect();
            (0..n).step_by(4).for_each(|j| x[j] = high[j]);
            let mut d = Aligned::zeros(n);
            assert!(down(&mut pairs, &x, &g, [&low, &high], false, &mut d));
            let b = Compact::new(&pairs).expect("positive");
            let value = |d: &[f64]| {
                let mut bd = Aligned::zeros(n);
                b.product(d, &mut bd);
                dot(&g, d) + 0.5 * dot(d, &bd)
            };
            let (least, mut step) = (value(&d), Aligned::zeros(n));
            for k in -30..10 {
                for j in 0..n {
                    let to = x[j] - 1.5f64.powi(k) / b.theta() * g[j];
                    step[j] = to.max(low[j]).min(high[j]) - x[j];
                }
                assert!(least <= value(&step) + 1e-12 * least.abs(), "{seed} {k}");
            }
            for j in 0..n {
                let there = (x[j] + d[j]).max(low[j]).min(high[j]);
                assert!((there - x[j] - d[j]).abs() < 1e-15);
                let rim = (there - low[j]).min(high[j] - there);
                assert!(rim == 0.0 || rim > 1e-12, "{seed} {j}: {rim}");
            }
        }
    }
}
