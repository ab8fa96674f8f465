//! Factors of a positive semidefinite matrix: Cholesky where it is well-conditioned, pivoted QR of what it
//! is the square of where it is not (squaring would lose half the digits).
use crate::linalg::cholesky;
use crate::linalg::vectors::dot;
use crate::parallel::cancel;

/// M = D P L L′ P′ D: D the square roots of its diagonal, P a permutation, L lower triangular of full rank.
/// Coordinates beyond the rank stay where they are.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Which coordinates, in the order of the factor.
    pub order: Vec<usize>,
    diagonal: Vec<f64>,
    lower: Vec<f64>,
    width: usize,
    /// The same with the coordinates of small pivots, which no step follows; none where there are no such.
    faint: Option<Box<Factor>>,
}

/// The least pivot of a matrix with unit diagonal for which its square root is not needed: what a solve
/// loses is eps over this.
const CHOLESKY: f64 = 1e-8;
/// Pivots of R below this part of the first are taken for 0 by what takes steps.
const RANK: f64 = 1e-13;
/// Below this part of the first a pivot is rounding.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

impl Factor {
    /// Cholesky of a symmetric matrix, unless that would lose too much.
    pub fn cholesky(mut m: Vec<f64>, width: usize) -> Option<Self> {
        let diagonal: Vec<f64> = (0..width).map(|j| m[j * width + j].sqrt()).collect();
        // A NaN is refused too.
        if !diagonal.iter().all(|d| *d > 0.0 && d.is_finite()) {
            return None;
        }
        for i in 0..width {
            for j in 0..=i {
                m[i * width + j] /= diagonal[i] * diagonal[j];
            }
        }
        if !cholesky::factor(&mut m, width, |_, left, _| left > CHOLESKY) {
            return None;
        }
        Some(Factor { order: (0..width).collect(), diagonal, lower: m, width, faint: None })
    }

    /// From R with M = R′R: QR of R with pivots.
    pub fn pivoted(mut r: Vec<f64>, width: usize) -> Self {
        let n = width;
        let norm = |r: &[f64], j: usize, from: usize| {
            (from..n).map(|i| r[i * n + j] * r[i * n + j]).sum::<f64>().sqrt()
        };
        let mut diagonal: Vec<f64> = (0..n).map(|j| norm(&r, j, 0)).collect();
        for (j, d) in diagonal.iter_mut().enumerate() {
            if *d > 0.0 && d.is_finite() {
                (0..n).for_each(|i| r[i * n + j] /= *d);
            } else {
                (0..n).for_each(|i| r[i * n + j] = 0.0);
                *d = 1.0;
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        let (mut rank, mut sure) = (0, n);
        let mut first = 0.0;
        while rank < n {
            cancel::check();
            let norms: Vec<f64> = (rank..n).map(|j| norm(&r, j, rank)).collect();
            let best = (0..norms.len()).fold(0, |b, j| if norms[j] > norms[b] { j } else { b });
            if rank == 0 {
                first = norms[best];
            }
            if !(norms[best] > ROUNDING * first) {
                break;
            }
            if norms[best] <= RANK * first {
                sure = sure.min(rank);
            }
            if best > 0 {
                order.swap(rank, rank + best);
                (0..n).for_each(|i| r.swap(i * n + rank, i * n + rank + best));
            }
            reflect(&mut r, n, rank, norms[best]);
            rank += 1;
        }
        let of = |rank: usize, faint| {
            let mut lower = vec![0.0; rank * rank];
            for i in 0..rank {
                for j in 0..=i {
                    lower[i * rank + j] = r[j * n + i];
                }
            }
            Factor {
                order: order[..rank].to_vec(),
                diagonal: diagonal.clone(),
                lower,
                width,
                faint,
            }
        };
        of(rank.min(sure), (sure < rank).then(|| Box::new(of(rank, None))))
    }

    /// How many coordinates it determines.
    pub fn rank(&self) -> usize {
        self.order.len()
    }
    /// How many there are.
    pub fn width(&self) -> usize {
        self.width
    }
    /// Coordinates that it does not determine.
    pub fn dropped(&self) -> Vec<usize> {
        let mut free = vec![true; self.width];
        self.order.iter().for_each(|&j| free[j] = false);
        (0..self.width).filter(|&j| free[j]).collect()
    }
    /// Coordinates of which nothing but rounding is left beside the others: those without the ones of small pivots.
    pub fn lost(&self) -> Vec<usize> {
        self.all().dropped()
    }
    /// With the coordinates of small pivots.
    fn all(&self) -> &Factor {
        self.faint.as_deref().unwrap_or(self)
    }
    /// b ← M⁻¹ b with all pivots that are more than rounding; 0 in the coordinates that are [`lost`](Self::lost).
    pub fn solve_all(&self, b: &mut [f64]) {
        self.all().solve(b);
    }
    /// b ← M⁻¹ b; 0 in the coordinates that it does not determine.
    pub fn solve(&self, b: &mut [f64]) {
        let mut c = self.half(b);
        cholesky::backward(&self.lower, &mut c);
        b.fill(0.0);
        for (c, &j) in c.iter().zip(&self.order) {
            b[j] = c / self.diagonal[j];
        }
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        let c = self.half(b);
        dot(&c, &c)
    }
    /// b′ M⁻¹ b with all pivots that are more than rounding: what a slope along nearly dependent coordinates may stand
    /// for, though no step goes there.
    pub fn energy_at_most(&self, b: &[f64]) -> f64 {
        self.all().energy(b)
    }
    /// L⁻¹ P′ D⁻¹ b.
    fn half(&self, b: &[f64]) -> Vec<f64> {
        let mut c: Vec<f64> = self.order.iter().map(|&j| b[j] / self.diagonal[j]).collect();
        cholesky::forward(&self.lower, &mut c);
        c
    }
}

/// Householder's reflection of column `k` below row `k`, applied to the columns after it.
fn reflect(r: &mut [f64], n: usize, k: usize, norm: f64) {
    let head = r[k * n + k];
    let alpha = if head > 0.0 { -norm } else { norm };
    let mut v: Vec<f64> = (k..n).map(|i| r[i * n + k]).collect();
    v[0] -= alpha;
    let square: f64 = v.iter().map(|v| v * v).sum();
    if square == 0.0 {
        return;
    }
    let mut product = vec![0.0; n - k];
    for (i, v) in v.iter().enumerate() {
        let row = &r[(k + i) * n + k..(k + i + 1) * n];
        product.iter_mut().zip(row).for_each(|(p, x)| *p += v * x);
    }
    for (i, v) in v.iter().enumerate() {
        let times = 2.0 * v / square;
        let row = &mut r[(k + i) * n + k..(k + i + 1) * n];
        row.iter_mut().zip(&product).for_each(|(x, p)| *x -= times * p);
    }
    r[k * n + k] = alpha;
    (k + 1..n).for_each(|i| r[i * n + k] = 0.0);
}

/// R of [R; rows]: upper triangular R of `w` columns, and rows of `w` numbers one after another.
pub fn append(r: &mut [f64], rows: &[f64], w: usize) {
    let n = rows.len() / w;
    // By columns, so that the loops run along them.
    let mut c = vec![0.0; n * w];
    for (i, row) in rows.chunks_exact(w).enumerate() {
        for (j, x) in row.iter().enumerate() {
            c[j * n + i] = *x;
        }
    }
    for j in 0..w {
        let (head, tail) = c.split_at_mut((j + 1) * n);
        let v = &mut head[j * n..];
        let below = dot(v, v);
        if below == 0.0 {
            continue;
        }
        let top = r[j * w + j];
        let norm = (top * top + below).sqrt();
        let alpha = if top > 0.0 { -norm } else { norm };
        let first = top - alpha;
        // The reflector is (1, v / first); tau = −first / alpha.
        v.iter_mut().for_each(|v| *v /= first);
        let tau = -first / alpha;
        r[j * w + j] = alpha;
        if n * (w - j) > 1 << 15 {
            cancel::check();
        }
        for (k, column) in tail.chunks_exact_mut(n).enumerate() {
            let at = j * w + j + 1 + k;
            let t = tau * (r[at] + dot(v, column));
            r[at] -= t;
            take(column, t, v);
        }
    }
}

crate::simd! {
    /// y −= t·x.
    pub fn take[](y: &mut [f64], t: f64, x: &[f64]) {
        let n = y.len();
        let x = &x[..n];
        for i in 0..n { y[i] -= t * x[i] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, w: usize) -> Vec<f64> {
        (0..n * w).map(|k| ((k * k * 7919 + k * 31) % 1013) as f64 / 506.0 - 1.0).collect()
    }
    fn square(x: &[f64], w: usize) -> Vec<f64> {
        let mut m = vec![0.0; w * w];
        for row in x.chunks_exact(w) {
            for i in 0..w {
                for j in 0..w {
                    m[i * w + j] += row[i] * row[j];
                }
            }
        }
        m
    }
    fn times(m: &[f64], x: &[f64]) -> Vec<f64> {
        m.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    #[test]
    fn both_ways_solve_the_same() {
        for w in [1, 2, 7, 30] {
            let x = rows(4 * w + 3, w);
            let m = square(&x, w);
            let b: Vec<f64> = (0..w).map(|j| j as f64 - 1.5).collect();
            let mut r = vec![0.0; w * w];
            x.chunks(w * 5).for_each(|block| append(&mut r, block, w));
            let factors = [Factor::cholesky(m.clone(), w), Some(Factor::pivoted(r, w))];
            for factor in factors {
                let factor = factor.expect("well-conditioned");
                let mut s = b.clone();
                factor.solve(&mut s);
                let back = times(&m, &s);
                back.iter().zip(&b).for_each(|(x, b)| assert!((x - b).abs() < 1e-9, "{w}"));
                let energy: f64 = s.iter().zip(&b).map(|(s, b)| s * b).sum();
                assert!((factor.energy(&b) - energy).abs() < 1e-9 * energy.abs());
            }
        }
    }

    #[test]
    fn dependent_columns_are_dropped_and_near_copies_kept() {
        let w = 6;
        let mut x = rows(40, w);
        for row in x.chunks_exact_mut(w) {
            row[3] = 2.0 * row[0] - row[1];
            row[4] = 0.0;
            row[5] = row[2] * (1.0 + 1e-7) + 1e-7 * row[5];
        }
        assert!(Factor::cholesky(square(&x, w), w).is_none());
        let mut r = vec![0.0; w * w];
        append(&mut r, &x, w);
        let factor = Factor::pivoted(r, w);
        assert_eq!(factor.rank(), 4);
        assert!(factor.dropped().contains(&4));
    }
}
