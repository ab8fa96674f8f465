//! Several outputs: Hessians over all of a row's margins, in coordinates in which the classes sum to 0.
//!
//! A softmax does not see a number added to all of a row's margins, so its Hessian is singular that way and its
//! gradient has no part there; with the same penalty for every class the optimum has none either. So of K
//! classes K − 1 contrasts are left, and the metric is Σ portion_i C_i ⊗ x_i x_i′ + A, with C_i = Q′(diag p − p p′)Q
//! for an orthonormal Q whose columns sum to 0. Losses of other numbers (a margin and cuts that are learnt beside the
//! coefficients) have no such direction: there C_i is the row's Hessian itself, and what is learnt, which no column counts
//! for, is one more row of the matrix.
use super::blocked::Blocked;
use super::few_rows::Few;
use crate::design::Design;
use crate::designs::dense::Dense;
use crate::linalg::factor::Factor;
use crate::linalg::vectors::dot;
use crate::parallel::pool::pool;

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

/// What the matrix is over.
#[derive(Clone, Copy, Debug)]
pub enum Span {
    /// Contrasts, each with a piece of as many variables as a class has.
    Contrasts(Contrasts),
    /// The outputs as they are: so many margins, and numbers that are learnt, of one variable each.
    Plain {
        /// Margins.
        margins: usize,
        /// Numbers in all.
        outputs: usize,
    },
}

impl Span {
    /// From all outputs to what the matrix is over.
    pub fn inward(&self, b: &[f64]) -> Vec<f64> {
        if let Span::Contrasts(c) = self { c.inward(b) } else { b.to_vec() }
    }
    /// The way back.
    pub fn outward(&self, y: Vec<f64>) -> Vec<f64> {
        if let Span::Contrasts(c) = self { c.outward(&y) } else { y }
    }
    /// Where each piece begins and how long it is, where a margin has `width` variables.
    fn pieces(&self, width: usize) -> Vec<(usize, usize)> {
        let (margins, all) = match self {
            Span::Contrasts(c) => (c.classes - 1, c.classes - 1),
            Span::Plain { margins, outputs } => (*margins, *outputs),
        };
        let learnt = (0..all - margins).map(|a| (margins * width + a, 1));
        (0..margins).map(|a| (a * width, width)).chain(learnt).collect()
    }
}

/// The metric of several outputs, factored.
pub struct Joint {
    basis: Span,
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
        let mut y = self.basis.inward(b);
        self.factor.solve(&mut y);
        b.copy_from_slice(&self.basis.outward(y));
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        self.factor.energy(&self.basis.inward(b))
    }
    /// The same with all pivots that are more than rounding.
    pub fn energy_at_most(&self, b: &[f64]) -> f64 {
        self.factor.energy_at_most(&self.basis.inward(b))
    }
    /// What it does not determine, of so many numbers.
    pub fn dropped(&self, width: usize) -> Vec<usize> {
        self.factor.dropped(width)
    }
}

/// M over rows with portions (share times how often a row stands), at their margins.
pub fn joint(few: Few<'_>, portion: &[f64]) -> Joint {
    ClassRows::of(few).joint(portion)
}

/// Some rows in standardised variables, with what their curvature is told by.
pub struct ClassRows {
    /// What their matrix is over.
    pub basis: Span,
    /// What is added to the diagonal, for all outputs.
    penalty: Vec<f64>,
    /// Variables a row has for each margin.
    pub width: usize,
    /// The rows, one after another.
    pub x: Vec<f64>,
    /// Probabilities, a row's side by side; of outputs as they are the matrices of second derivatives.
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
    fn outputs(&self) -> usize {
        match self.basis {
            Span::Contrasts(c) => c.classes,
            Span::Plain { outputs, .. } => outputs,
        }
    }
    /// These rows at their margins.
    pub fn of(few: Few<'_>) -> Self {
        let (k, width) = (few.held.outputs(), few.held.width());
        let x = few.standardised().table();
        let (p, penalty) = (few.held.curvatures(), few.penalty.to_vec());
        if !few.held.level() {
            let basis = Span::Plain { margins: few.held.margins(), outputs: k };
            return ClassRows { basis, penalty, width, x, p, q: Vec::new() };
        }
        let contrasts = Contrasts::new(k);
        let q = p.chunks_exact(k).flat_map(|p| contrasts.inward(p)).collect();
        ClassRows { basis: Span::Contrasts(contrasts), penalty, width, x, p, q }
    }

    /// These rows with matrices of their own, over the outputs as they are.
    pub fn squared(few: Few<'_>, matrices: Vec<f64>) -> Self {
        let k = few.held.outputs();
        ClassRows {
            basis: Span::Plain { margins: few.held.margins(), outputs: k },
            penalty: few.penalty.to_vec(),
            width: few.held.width(),
            x: few.standardised().table(),
            p: matrices,
            q: Vec::new(),
        }
    }
    /// Their matrix with so much added to the diagonal, over that of columns of scale 1, factored.
    pub fn raised(&mut self, portion: &[f64], ridge: f64) -> Blocked {
        let penalty = self.penalty.clone();
        self.penalty.iter_mut().for_each(|a| *a += ridge);
        let factor = self.square(portion);
        self.penalty = penalty;
        factor
    }

    /// Σ portion_i C_i ⊗ x_i x_i′ + A, factored.
    pub fn joint(&self, portion: &[f64]) -> Joint {
        Joint { basis: self.basis, factor: self.factor(portion) }
    }
    fn factor(&self, portion: &[f64]) -> Solid {
        let square = self.square(portion);
        if let (true, Span::Contrasts(contrasts)) = (square.helped, self.basis) {
            let width = (contrasts.classes - 1) * self.width;
            if self.p.len() * width * width <= ROOT {
                return Solid::Root(self.root(contrasts, portion));
            }
        }
        Solid::Square(square)
    }

    /// The same from what it is the square of, row after row √(portion_i p_k) Q′(e_k − p) ⊗ x_i.
    fn root(&self, contrasts: Contrasts, portion: &[f64]) -> Factor {
        let (k, w) = (contrasts.classes, self.width);
        let width = (k - 1) * w;
        let units: Vec<Vec<f64>> = (0..k)
            .map(|class| {
                let mut e = vec![0.0; k];
                e[class] = 1.0;
                contrasts.inward(&e)
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
                crate::linalg::factor::append(&mut r, &rows, width);
                rows.clear();
            }
        }
        let mut diagonal = vec![0.0; width * width];
        (0..width).for_each(|j| diagonal[j * (width + 1)] = self.penalty[j % w].sqrt());
        crate::linalg::factor::append(&mut r, &diagonal, width);
        Factor::pivoted(r, width)
    }

    fn square(&self, portion: &[f64]) -> Blocked {
        let pieces = self.basis.pieces(self.width);
        let r = pieces.len();
        let pairs: Vec<(usize, usize)> =
            (0..r).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let wide = |a: usize| pieces[a].1;
        let blocks = pool().map(pairs.len(), |i| {
            let (a, b) = pairs[i];
            if a < self.seeing() {
                self.block(portion, (a, b))
            } else {
                self.beside(portion, (a, b), wide(b))
            }
        });
        let m = pieces.iter().map(|p| p.1).sum();
        let mut all = vec![0.0; m * m];
        for ((a, b), block) in pairs.into_iter().zip(blocks) {
            let ((at, tall), (from, wide)) = (pieces[a], pieces[b]);
            for i in 0..tall {
                for j in 0..wide {
                    // Of two that are as long the upper triangle is there.
                    let (low, high) = if tall == wide { (i.min(j), i.max(j)) } else { (i, j) };
                    all[(at + i) * m + from + j] = block[low * wide + high];
                }
            }
        }
        (0..m).for_each(|j| all[j * (m + 1)] += self.penalty[j]);
        Blocked::new(all, m)
    }

    /// Pieces that see the columns.
    fn seeing(&self) -> usize {
        match self.basis {
            Span::Contrasts(c) => c.classes - 1,
            Span::Plain { margins, .. } => margins,
        }
    }
    /// Entry (a, b) of C_i.
    fn entry(&self, i: usize, (a, b): (usize, usize)) -> f64 {
        match self.basis {
            Span::Contrasts(contrasts) => {
                let k = contrasts.classes;
                contrasts.curvature(
                    &self.p[i * k..(i + 1) * k],
                    &self.q[i * (k - 1)..(i + 1) * (k - 1)],
                    (a, b),
                )
            }
            Span::Plain { outputs: k, .. } => self.p[(i * k + a) * k + b],
        }
    }

    /// Σ portion_i C_i[a, b] of what is learnt, times x_i where b sees it.
    fn beside(&self, portion: &[f64], pair: (usize, usize), wide: usize) -> Vec<f64> {
        let (mut sum, sees) = (vec![0.0; wide], pair.1 < self.seeing());
        for (i, portion) in portion.iter().enumerate() {
            let c = portion * self.entry(i, pair);
            if sees {
                let x = &self.x[i * wide..(i + 1) * wide];
                sum.iter_mut().zip(x).for_each(|(s, x)| *s += c * x);
            } else {
                sum[0] += c;
            }
        }
        sum
    }

    /// The upper triangle of Σ portion_i C_i[a, b] x_i x_i′.
    fn block(&self, portion: &[f64], pair: (usize, usize)) -> Vec<f64> {
        let w = self.width;
        let mut sum = vec![0.0; w * w];
        let mut times = vec![0.0; BLOCK * w];
        for (at, x) in self.x.chunks(BLOCK * w).enumerate() {
            let n = x.len() / w;
            for i in 0..n {
                let row = at * BLOCK + i;
                let c = portion[row] * self.entry(row, pair);
                let from = &x[i * w..(i + 1) * w];
                times[i * w..(i + 1) * w].iter_mut().zip(from).for_each(|(t, x)| *t = c * x);
            }
            crate::gram::add_product(x, &times[..n * w], w, &mut sum);
        }
        sum
    }

    /// (Σ portion_i C_i ⊗ x_i x_i′ + A) v.
    pub fn product(&self, v: &[f64], portion: &[f64]) -> Vec<f64> {
        let (k, w, n) = (self.outputs(), self.width, portion.len());
        let mut to: Vec<f64> = v.iter().zip(&self.penalty).map(|(v, a)| a * v).collect();
        if let Span::Plain { .. } = self.basis {
            let (sum, ..) = self.sweep(v, |i, t| {
                let h = &self.p[i * k * k..(i + 1) * k * k];
                let bent = |h: &[f64]| portion[i] * dot(h, t);
                let u: Vec<f64> = h.chunks_exact(k).map(bent).collect();
                t.copy_from_slice(&u);
                0.0
            });
            to.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
            return to;
        }
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
    pub fn sweep(
        &self,
        v: &[f64],
        each: impl Fn(usize, &mut [f64]) -> f64 + Sync,
    ) -> (Vec<f64>, Vec<f64>, f64) {
        let (k, w) = (self.outputs(), self.width);
        let margins = if let Span::Plain { margins, .. } = self.basis { margins } else { k };
        let (seen, dim) = (margins * w, v.len());
        let per = (self.x.len() / w).div_ceil(PARTS).max(1);
        let parts = pool().map(PARTS, |part| {
            let (mut sum, mut size, mut value) = (vec![0.0; dim], vec![0.0; dim], 0.0);
            let mut t = vec![0.0; k];
            for (i, x) in self.x.chunks_exact(w).enumerate().skip(part * per).take(per) {
                t[margins..].copy_from_slice(&v[seen..]);
                t.iter_mut().zip(v[..seen].chunks_exact(w)).for_each(|(t, v)| *t = dot(x, v));
                value += each(i, &mut t);
                let to = sum[..seen].chunks_exact_mut(w).zip(size[..seen].chunks_exact_mut(w));
                for ((sum, size), u) in to.zip(&t) {
                    for j in 0..w {
                        let add = u * x[j];
                        sum[j] += add;
                        size[j] += add.abs();
                    }
                }
                for ((sum, size), u) in
                    sum[seen..].iter_mut().zip(&mut size[seen..]).zip(&t[margins..])
                {
                    *sum += u;
                    *size += u.abs();
                }
            }
            (sum, size, value)
        });
        let mut all = (vec![0.0; dim], vec![0.0; dim], 0.0);
        for (sum, size, value) in parts {
            all.0.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
            all.1.iter_mut().zip(size).for_each(|(a, b)| *a += b);
            all.2 += value;
        }
        all
    }
}

/// t ← times · (diag p − p p′) t.
pub fn bend(p: &[f64], t: &mut [f64], times: f64) {
    let mean = dot(p, t);
    t.iter_mut().zip(p).for_each(|(t, p)| *t = times * p * (*t - mean));
    // The rounding of the sum goes to the likeliest class.
    let off: f64 = t.iter().sum();
    let most = (0..p.len()).fold(0, |m, k| if p[k] > p[m] { k } else { m });
    t[most] -= off;
}
