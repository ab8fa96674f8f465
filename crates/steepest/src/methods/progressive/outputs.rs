//! Several outputs: Hessians over all of a row's margins, in coordinates in which the classes sum to 0.
//!
//! A softmax does not see a number added to all of a row's margins, so its Hessian is singular that way and its
//! gradient has no part there; with the same penalty for every class the optimum has none either. So of K
//! classes K − 1 contrasts are left, and the metric is Σ portion_i C_i ⊗ x_i x_i′ + A, with C_i = Q′(diag p − p p′)Q
//! for an orthonormal Q whose columns sum to 0.
use super::blocked::Blocked;
use super::certify::{NEXT_TO_NOTHING, Point, close, ended, reach};
use super::metric::Few;
use crate::design::Design;
use crate::designs::dense::Dense;
use crate::factor::Factor;
use crate::pool::pool;
use crate::vectors::dot;

/// An orthonormal basis of what sums to 0 over the classes: column a is e_a − s·(1, …, 1) with −1/√K at the last.
#[derive(Clone, Copy, Debug)]
pub struct Contrasts {
    classes: usize,
    s: f64,
    last: f64,
}

impl Contrasts {
    /// Of so many classes.
    pub fn new(classes: usize) -> Self {
        let last = 1.0 / (classes as f64).sqrt();
        Contrasts { classes, s: (1.0 - last) / (classes as f64 - 1.0), last }
    }
    /// Q′b, for b with a piece of `width` numbers a class.
    pub fn inward(&self, b: &[f64]) -> Vec<f64> {
        let w = b.len() / self.classes;
        let (head, tail) = b.split_at(b.len() - w);
        let mut to = head.to_vec();
        for j in 0..w {
            let sum: f64 = head.iter().skip(j).step_by(w).sum();
            let off = self.s * sum + self.last * tail[j];
            to.iter_mut().skip(j).step_by(w).for_each(|t| *t -= off);
        }
        to
    }
    /// Q y.
    pub fn outward(&self, y: &[f64]) -> Vec<f64> {
        let w = y.len() / (self.classes - 1);
        let mut to = y.to_vec();
        to.resize(w * self.classes, 0.0);
        let (head, tail) = to.split_at_mut(y.len());
        for j in 0..w {
            let sum: f64 = y.iter().skip(j).step_by(w).sum();
            head.iter_mut().skip(j).step_by(w).for_each(|t| *t -= self.s * sum);
            tail[j] = -self.last * sum;
        }
        to
    }
    /// Entry (a, b) of C for probabilities p, with q = Q′p.
    fn curvature(&self, p: &[f64], q: &[f64], (a, b): (usize, usize)) -> f64 {
        let end = p[self.classes - 1];
        let own = if a == b { p[a] } else { 0.0 };
        let common = self.s * self.s * (1.0 - end) + self.last * self.last * end;
        own - self.s * (p[a] + p[b]) + common - q[a] * q[b]
    }
}

/// What the penalty is, where it is the same for every class; contrasts hold only then.
pub fn alike(penalty: &[f64], outputs: usize) -> bool {
    let w = penalty.len() / outputs;
    penalty.iter().enumerate().all(|(j, a)| *a == penalty[j % w])
}

/// Moves a point so that its classes sum to 0: the loss stays, the penalty does not grow.
pub fn level(u: &mut [f64], outputs: usize) {
    if outputs > 1 {
        let contrasts = Contrasts::new(outputs);
        u.copy_from_slice(&contrasts.outward(&contrasts.inward(u)));
    }
}

/// The metric of several outputs, factored.
pub struct Joint {
    contrasts: Contrasts,
    factor: Solid,
}

/// A factor over the contrasts: of the matrix, or of a matrix that it is the square of where it is nearly singular.
enum Solid {
    Square(Blocked),
    Root(Factor),
}

impl Solid {
    fn solve(&self, b: &mut [f64]) {
        match self {
            Solid::Square(factor) => factor.solve(b),
            Solid::Root(factor) => factor.solve(b),
        }
    }
    fn energy(&self, b: &[f64]) -> f64 {
        match self {
            Solid::Square(factor) => factor.energy(b),
            Solid::Root(factor) => factor.energy(b),
        }
    }
    fn energy_at_most(&self, b: &[f64]) -> f64 {
        match self {
            Solid::Square(factor) => factor.energy(b),
            Solid::Root(factor) => factor.energy_at_most(b),
        }
    }
    /// Contrasts that it does not determine: where a matrix was helped along it vouches for none.
    fn dropped(&self, width: usize) -> Vec<usize> {
        match self {
            Solid::Square(factor) if factor.helped => (0..width).collect(),
            Solid::Square(_) => Vec::new(),
            Solid::Root(factor) => factor.dropped(),
        }
    }
}

impl Joint {
    /// b ← M⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        let mut y = self.contrasts.inward(b);
        self.factor.solve(&mut y);
        b.copy_from_slice(&self.contrasts.outward(&y));
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        self.factor.energy(&self.contrasts.inward(b))
    }
    /// The same with all pivots that are more than rounding.
    pub fn energy_at_most(&self, b: &[f64]) -> f64 {
        self.factor.energy_at_most(&self.contrasts.inward(b))
    }
}

/// M over rows with portions (share times how often a row stands), at their margins.
pub fn joint(few: Few<'_>, portion: &[f64]) -> Joint {
    let rows = ClassRows::of(few);
    Joint { contrasts: rows.contrasts, factor: rows.factor(portion) }
}

/// Some rows in standardised variables, with their probabilities.
pub struct ClassRows {
    contrasts: Contrasts,
    /// What is added to the diagonal, for one class.
    penalty: Vec<f64>,
    width: usize,
    x: Vec<f64>,
    /// Probabilities, a row's side by side.
    pub p: Vec<f64>,
    q: Vec<f64>,
}

/// Rows worked on at once.
const BLOCK: usize = 128;
/// Parts that rows are summed in.
const PARTS: usize = 16;
/// Multiplications that the root of a nearly singular matrix may take: some tenths of a second.
const ROOT: usize = 1 << 30;

impl ClassRows {
    /// These rows at their margins.
    pub fn of(few: Few<'_>) -> Self {
        let (k, w) = (few.held.outputs(), few.held.width());
        let contrasts = Contrasts::new(k);
        let x = few.standardised().table();
        let p = few.held.curvatures();
        let q = p.chunks_exact(k).flat_map(|p| contrasts.inward(p)).collect();
        ClassRows { contrasts, penalty: few.penalty[..w].to_vec(), width: w, x, p, q }
    }

    /// Σ portion_i C_i ⊗ x_i x_i′ + A, factored.
    fn factor(&self, portion: &[f64]) -> Solid {
        let square = self.square(portion);
        let width = (self.contrasts.classes - 1) * self.width;
        if square.helped && self.p.len() * width * width <= ROOT {
            return Solid::Root(self.root(portion));
        }
        Solid::Square(square)
    }

    /// The same from what it is the square of, row after row √(portion_i p_k) Q′(e_k − p) ⊗ x_i.
    fn root(&self, portion: &[f64]) -> Factor {
        let (k, w) = (self.contrasts.classes, self.width);
        let width = (k - 1) * w;
        let units: Vec<Vec<f64>> = (0..k)
            .map(|class| {
                let mut e = vec![0.0; k];
                e[class] = 1.0;
                self.contrasts.inward(&e)
            })
            .collect();
        let mut r = vec![0.0; width * width];
        let mut rows = Vec::with_capacity(BLOCK * width);
        for (i, x) in self.x.chunks_exact(w).enumerate() {
            for (class, unit) in units.iter().enumerate() {
                let times = (portion[i] * self.p[i * k + class]).sqrt();
                for (e, q) in unit.iter().zip(&self.q[i * (k - 1)..]) {
                    rows.extend(x.iter().map(|x| times * (e - q) * x));
                }
            }
            if rows.len() >= BLOCK * width || (i + 1) * w == self.x.len() {
                crate::factor::append(&mut r, &rows, width);
                rows.clear();
            }
        }
        let mut diagonal = vec![0.0; width * width];
        (0..width).for_each(|j| diagonal[j * (width + 1)] = self.penalty[j % w].sqrt());
        crate::factor::append(&mut r, &diagonal, width);
        Factor::pivoted(r, width)
    }

    fn square(&self, portion: &[f64]) -> Blocked {
        let (r, w) = (self.contrasts.classes - 1, self.width);
        let pairs: Vec<(usize, usize)> = (0..r).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let blocks = pool().map(pairs.len(), |i| self.block(portion, pairs[i]));
        let m = r * w;
        let mut all = vec![0.0; m * m];
        for ((a, b), block) in pairs.into_iter().zip(blocks) {
            for i in 0..w {
                for j in 0..w {
                    let (low, high) = (i.min(j), i.max(j));
                    all[(a * w + i) * m + b * w + j] = block[low * w + high];
                }
            }
        }
        for a in 0..r {
            (0..w).for_each(|j| all[(a * w + j) * (m + 1)] += self.penalty[j]);
        }
        Blocked::new(all, m)
    }

    /// The upper triangle of Σ portion_i C_i[a, b] x_i x_i′.
    fn block(&self, portion: &[f64], pair: (usize, usize)) -> Vec<f64> {
        let (k, w) = (self.contrasts.classes, self.width);
        let mut sum = vec![0.0; w * w];
        let mut times = vec![0.0; BLOCK * w];
        for (at, x) in self.x.chunks(BLOCK * w).enumerate() {
            let n = x.len() / w;
            for i in 0..n {
                let row = at * BLOCK + i;
                let (p, q) = (&self.p[row * k..(row + 1) * k], &self.q[row * (k - 1)..(row + 1) * (k - 1)]);
                let c = portion[row] * self.contrasts.curvature(p, q, pair);
                let from = &x[i * w..(i + 1) * w];
                times[i * w..(i + 1) * w].iter_mut().zip(from).for_each(|(t, x)| *t = c * x);
            }
            crate::gram::add_product(x, &times[..n * w], w, &mut sum);
        }
        sum
    }

    /// (Σ portion_i C_i ⊗ x_i x_i′ + A) v.
    pub fn product(&self, v: &[f64], portion: &[f64]) -> Vec<f64> {
        let (k, w, n) = (self.contrasts.classes, self.width, portion.len());
        let mut to: Vec<f64> = v.iter().enumerate().map(|(j, v)| self.penalty[j % w] * v).collect();
        let Ok(table) = Dense::by_rows(&self.x, w) else { return to };
        let block = table.block();
        let per = n.div_ceil(PARTS).max(1).next_multiple_of(block);
        let parts = pool().map(n.div_ceil(per), |part| {
            let (mut sum, mut t) = (vec![0.0; k * w], vec![0.0; block * k]);
            let end = n.min((part + 1) * per);
            for from in (part * per..end).step_by(block) {
                let rows = from..end.min(from + block);
                let t = &mut t[..rows.len() * k];
                table.margins(rows.clone(), 0..0, v, k, t);
                for (i, t) in rows.clone().zip(t.chunks_exact_mut(k)) {
                    bend(&self.p[i * k..(i + 1) * k], t, portion[i]);
                }
                table.accumulate(rows, 0..0, t, k, &mut sum);
            }
            sum
        });
        for sum in parts {
            to.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
        }
        to
    }

    /// With t_i the margins' change along v (all classes) and u = `each(i, t_i)`: Σ u_i ⊗ x_i, Σ |u_ik x_ij| and the
    /// sum of the values that `each` returns.
    fn sweep(&self, v: &[f64], each: impl Fn(usize, &mut [f64]) -> f64 + Sync) -> (Vec<f64>, Vec<f64>, f64) {
        let (k, w) = (self.contrasts.classes, self.width);
        let per = (self.x.len() / w).div_ceil(PARTS).max(1);
        let parts = pool().map(PARTS, |part| {
            let (mut sum, mut size, mut value) = (vec![0.0; k * w], vec![0.0; k * w], 0.0);
            let mut t = vec![0.0; k];
            for (i, x) in self.x.chunks_exact(w).enumerate().skip(part * per).take(per) {
                t.iter_mut().zip(v.chunks_exact(w)).for_each(|(t, v)| *t = dot(x, v));
                value += each(i, &mut t);
                let to = sum.chunks_exact_mut(w).zip(size.chunks_exact_mut(w));
                for ((sum, size), u) in to.zip(&t) {
                    for j in 0..w {
                        let add = u * x[j];
                        sum[j] += add;
                        size[j] += add.abs();
                    }
                }
            }
            (sum, size, value)
        });
        let mut all = (vec![0.0; k * w], vec![0.0; k * w], 0.0);
        for (sum, size, value) in parts {
            all.0.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
            all.1.iter_mut().zip(size).for_each(|(a, b)| *a += b);
            all.2 += value;
        }
        all
    }
}

/// Rounds in which rows beyond their domain are given less to say.
const ROUNDS: usize = 6;
/// Steps of conjugate gradients that take the factor's rounding out of the dual point.
const REFINEMENTS: usize = 12;

/// A bound on F − F*, as for one output, with u_i = c_i (diag p − p p′) t_i and 0 ≤ c_i ≤ 1; none where this dual
/// point proves nothing.
pub fn bound(at: &Point<'_>) -> Option<f64> {
    let (of, k, held) = (at.few.held, at.few.held.outputs(), ClassRows::of(at.few));
    let share = &of.share;
    let mut c = vec![1.0; share.len()];
    for _ in 0..ROUNDS {
        let portion: Vec<f64> = share.iter().zip(&c).map(|(s, c)| s * c).collect();
        let b = Joint { contrasts: held.contrasts, factor: held.factor(&portion) };
        let (v, e) = dual(&held, &b, &portion, at.g);
        let (sum, size, value) = held.sweep(&v, |i, t| {
            if share[i] == 0.0 {
                t.fill(0.0);
                return 0.0;
            }
            bend(&held.p[i * k..(i + 1) * k], t, c[i]);
            let distance = of.conjugate_distance(i, t);
            t.iter_mut().for_each(|t| *t *= share[i]);
            share[i] * distance
        });
        if value.is_finite() {
            let inward = |v: &[f64]| held.contrasts.inward(v);
            let (g, sum, left) = (inward(at.g), inward(&sum), inward(&e));
            // Each contrast takes from all classes.
            let all = size.chunks_exact(held.width).fold(vec![0.0; held.width], |mut all, size| {
                all.iter_mut().zip(size).for_each(|(a, s)| *a += s);
                all
            });
            let size = all.repeat(k - 1);
            let dropped = reach(at.few, &b.factor.dropped(g.len()));
            let each = held.p.chunks_exact(k).zip(&portion);
            let bend: f64 = each.map(|(p, w)| w * p.iter().map(|p| p * (1.0 - p)).sum::<f64>()).sum();
            let (penalty, point) = (&at.few.penalty[..g.len()], (&g[..], at.rounding));
            let closed = close(penalty, point, (&sum, &size), &dropped, (&left, bend / k as f64))?;
            let left = held.contrasts.outward(&closed.left);
            let shared = shared(at.g, held.width, penalty, bend / k as f64);
            return ended(at, value + closed.half + shared, &left, |g| b.energy_at_most(g));
        }
        for (i, x) in held.x.chunks_exact(held.width).enumerate() {
            let t: Vec<f64> = v.chunks_exact(held.width).map(|v| dot(x, v)).collect();
            let p = &held.p[i * k..(i + 1) * k];
            let tau = dot(p, &t) - t.iter().fold(f64::INFINITY, |a, b| a.min(*b));
            if c[i] * tau >= 1.0 {
                c[i] = c[i].min(0.5 / tau);
            }
        }
    }
    None
}

/// ½ p′A⁻¹p of what the classes have in common, which no contrast has: the losses do not mind it, a penalty does.
fn shared(g: &[f64], width: usize, penalty: &[f64], bend: f64) -> f64 {
    let k = (g.len() / width) as f64;
    let of = |j: usize| g.iter().skip(j).step_by(width).sum::<f64>();
    let held = (0..width).filter(|&j| penalty[j] > NEXT_TO_NOTHING * bend);
    held.map(|j| 0.5 * of(j).powi(2) / (k * penalty[j])).sum()
}

/// t ← times · (diag p − p p′) t.
fn bend(p: &[f64], t: &mut [f64], times: f64) {
    let mean = dot(p, t);
    t.iter_mut().zip(p).for_each(|(t, p)| *t = times * p * (*t - mean));
    // The rounding of the sum goes to the likeliest class.
    let off: f64 = t.iter().sum();
    let most = (0..p.len()).fold(0, |m, k| if p[k] > p[m] { k } else { m });
    t[most] -= off;
}

/// v = −B⁻¹g by conjugate gradients round the factor, and what is left of −g − Bv.
fn dual(held: &ClassRows, b: &Joint, portion: &[f64], g: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut v = vec![0.0; g.len()];
    let mut e: Vec<f64> = g.iter().map(|g| -g).collect();
    let mut along = e.clone();
    b.solve(&mut along);
    let mut energy = dot(&e, &along);
    let first = energy;
    for _ in 0..REFINEMENTS {
        if !(energy > 1e-26 * first) {
            break;
        }
        let bent = held.product(&along, portion);
        let length = energy / dot(&along, &bent);
        if !length.is_finite() {
            break;
        }
        v.iter_mut().zip(&along).for_each(|(v, a)| *v += length * a);
        e.iter_mut().zip(&bent).for_each(|(e, b)| *e -= length * b);
        let mut next = e.clone();
        b.solve(&mut next);
        let after = dot(&e, &next);
        let keep = after / energy;
        along.iter_mut().zip(&next).for_each(|(a, n)| *a = n + keep * *a);
        energy = after;
    }
    (v, e)
}
