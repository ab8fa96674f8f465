//! The pairs as a matrix, B = θ (I − W K⁻¹ W′), and the least value of their quadratic model within bounds.
use super::Pairs;
use crate::linalg::cholesky::{backward, factor, forward};
use crate::linalg::vectors::{Aligned, dot};

/// B over the pairs in use, oldest first: W = (Y, S), where each pair's y is divided and its s multiplied by √θ, and both
/// are divided by √(s'y), so that K = [[−I, L'], [L, S'S]] with L what lies below the diagonal of S'Y.
///
/// Byrd, Nocedal and Schnabel 1994, <https://doi.org/10.1007/BF01582063>.
pub struct Compact<'a> {
    pairs: &'a Pairs,
    order: Vec<usize>,
    theta: f64,
    /// What each pair's y, and its s, are multiplied by.
    scale: Vec<[f64; 2]>,
    /// L, row after row, and the factor of S'S + L L'.
    below: Vec<f64>,
    inner: Vec<f64>,
}

/// B over the free coordinates alone, ready to be solved with.
pub struct FreeBlock {
    /// Those coordinates.
    free: Vec<usize>,
    /// Rows of Y and S there, scaled.
    y: Vec<Aligned>,
    s: Vec<Aligned>,
    /// The factor of E = I + Y'Y; Q = L − S'Y, and the factor of S'S over the others, and Q E⁻¹ Q'.
    e: Vec<f64>,
    q: Vec<f64>,
    g: Vec<f64>,
}

/// Cholesky's factor; false where the matrix is not safely positive.
fn factored(m: &mut [f64], k: usize) -> bool {
    factor(m, k, |_, left, whole| left > 1e-14 * whole)
}

fn solve(l: &[f64], b: &mut [f64]) {
    forward(l, b);
    backward(l, b);
}

impl<'a> Compact<'a> {
    /// Of the pairs; none where they do not make a safely positive matrix.
    pub fn new(pairs: &'a Pairs) -> Option<Self> {
        // More pairs than twice the variables tell little that is new.
        let mut order: Vec<usize> = pairs.newest_first().take(2 * pairs.n).collect();
        order.reverse();
        let k = order.len();
        let theta = 1.0 / pairs.gamma();
        let root = theta.sqrt();
        let scale: Vec<[f64; 2]> = order
            .iter()
            .map(|&i| {
                let q = 1.0 / pairs.sy[i].sqrt();
                [q / root, q * root]
            })
            .collect();
        let (s, y) =
            (|i: usize| &pairs.s[pairs.row(order[i])], |i: usize| &pairs.y[pairs.row(order[i])]);
        let mut below = vec![0.0; k * k];
        let mut inner = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..i {
                below[i * k + j] = scale[i][1] * scale[j][0] * dot(s(i), y(j));
            }
        }
        for i in 0..k {
            for j in 0..=i {
                let ss = scale[i][1] * scale[j][1] * dot(s(i), s(j));
                let ll = dot(&below[i * k..i * k + j], &below[j * k..j * k + j]);
                inner[i * k + j] = ss + ll;
            }
        }
        factored(&mut inner, k).then_some(Compact { pairs, order, theta, scale, below, inner })
    }

    /// θ.
    pub fn theta(&self) -> f64 {
        self.theta
    }

    /// to ← B v.
    pub fn product(&self, v: &[f64], to: &mut [f64]) {
        let k = self.order.len();
        let (mut u, mut w) = (vec![0.0; k], vec![0.0; k]);
        for (i, &p) in self.order.iter().enumerate() {
            u[i] = self.scale[i][0] * dot(&self.pairs.y[self.pairs.row(p)], v);
            w[i] = self.scale[i][1] * dot(&self.pairs.s[self.pairs.row(p)], v);
        }
        // (S'S + L L') b = w + L u, a = L' b − u.
        for i in 0..k {
            w[i] += dot(&self.below[i * k..i * k + i], &u[..i]);
        }
        solve(&self.inner, &mut w);
        let mut a: Vec<f64> = u.iter().map(|u| -u).collect();
        for i in 0..k {
            for j in 0..i {
                a[j] += self.below[i * k + j] * w[i];
            }
        }
        to.copy_from_slice(v);
        for (i, &p) in self.order.iter().enumerate() {
            let (y, s) = (&self.pairs.y[self.pairs.row(p)], &self.pairs.s[self.pairs.row(p)]);
            let (a, b) = (a[i] * self.scale[i][0], w[i] * self.scale[i][1]);
            for j in 0..to.len() {
                to[j] -= a * y[j] + b * s[j];
            }
        }
        to.iter_mut().for_each(|t| *t *= self.theta);
    }

    /// B over these coordinates; none where it is not safely positive there.
    pub fn reduced(&self, free: &[bool]) -> Option<FreeBlock> {
        let (k, n) = (self.order.len(), free.len());
        let over = |keep: bool| -> Vec<usize> { (0..n).filter(|&j| free[j] == keep).collect() };
        let (of, others) = (over(true), over(false));
        let gather = |from: &[f64], by: f64, at: &[usize]| {
            let mut row = Aligned::zeros(at.len());
            row.iter_mut().zip(at).for_each(|(r, &j)| *r = by * from[j]);
            row
        };
        let rows = |of_y: bool, at: &[usize]| -> Vec<Aligned> {
            let from = if of_y { &self.pairs.y } else { &self.pairs.s };
            let which = usize::from(!of_y);
            let each = self.order.iter().enumerate();
            each.map(|(i, &p)| gather(&from[self.pairs.row(p)], self.scale[i][which], at)).collect()
        };
        let (y, s, held) = (rows(true, &of), rows(false, &of), rows(false, &others));
        let [mut e, mut q, mut g] = [0; 3].map(|_| vec![0.0; k * k]);
        for i in 0..k {
            for j in 0..=i {
                e[i * k + j] = dot(&y[i], &y[j]) + f64::from(i == j);
                g[i * k + j] = dot(&held[i], &held[j]);
            }
            for j in 0..k {
                q[i * k + j] = self.below[i * k + j] - dot(&s[i], &y[j]);
            }
        }
        if !factored(&mut e, k) {
            return None;
        }
        // Q E⁻¹ Q' = (F⁻¹ Q')' (F⁻¹ Q'), E = F F'.
        let mut half = q.clone();
        half.chunks_exact_mut(k).for_each(|row| forward(&e, row));
        for i in 0..k {
            for j in 0..=i {
                g[i * k + j] += dot(&half[i * k..(i + 1) * k], &half[j * k..(j + 1) * k]);
            }
        }
        factored(&mut g, k).then_some(FreeBlock { free: of, y, s, e, q, g })
    }

    /// d ← −B⁻¹ r over those coordinates, 0 elsewhere.
    pub fn solve(&self, reduced: &FreeBlock, r: &[f64], d: &mut [f64]) {
        let FreeBlock { free, y, s, e, q, g } = reduced;
        let k = self.order.len();
        let mut v = Aligned::zeros(free.len());
        v.iter_mut().zip(free).for_each(|(v, &j)| *v = r[j]);
        let mut u: Vec<f64> = y.iter().map(|y| dot(y, &v)).collect();
        let mut w: Vec<f64> = s.iter().map(|s| dot(s, &v)).collect();
        // (G + Q E⁻¹ Q') b = w + Q E⁻¹ u, a = E⁻¹ (Q' b − u).
        let mut eu = u.clone();
        solve(e, &mut eu);
        for i in 0..k {
            w[i] += dot(&q[i * k..(i + 1) * k], &eu);
        }
        solve(g, &mut w);
        u.iter_mut().for_each(|u| *u = -*u);
        for i in 0..k {
            for j in 0..k {
                u[j] += q[i * k + j] * w[i];
            }
        }
        solve(e, &mut u);
        for i in 0..k {
            for (v, (y, s)) in v.iter_mut().zip(y[i].iter().zip(s[i].iter())) {
                *v += u[i] * y + w[i] * s;
            }
        }
        d.fill(0.0);
        for (v, &j) in v.iter().zip(free) {
            d[j] = -v / self.theta;
        }
    }
}
