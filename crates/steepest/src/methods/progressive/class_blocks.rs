//! Several outputs whose Hessian is too large to factor: conjugate gradients over the metric's rows, which never make
//! it, round one matrix a direction among the classes.
//!
//! In the eigenvectors U of the mean of C_i = diag p − p p′ over the rows, the Hessian's blocks off the diagonal hold
//! only how C_i differs from row to row. A block is Σ portion_i (u′C_i u) x_i x_i′ + A, so K classes need K − 1
//! matrices of a column's width and not one of K − 1 times that: at 10 classes the 90th part of the work. Alone they
//! are a poor metric where classes are told apart well, for then C_i differs much; round them some ten steps of
//! conjugate gradients, each a twentieth of a pass, do what the whole matrix would.
//!
//! 200 000 x 200 with 10 classes and correlated columns: 186 passes round a diagonal, 49 with these matrices alone,
//! 10 with conjugate gradients round them, in a tenth of the time.
use super::few_rows::{Few, factor};
use super::joint_metric::{ClassRows, Contrasts};
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::factor::Factor;
use crate::linalg::vectors::dot;
use crate::parallel::pool::pool;

/// The metric, factored.
pub struct Turned {
    /// One direction after another, a number a class.
    directions: Vec<f64>,
    factors: Vec<Factor>,
    rows: ClassRows,
    portion: Vec<f64>,
}

/// Steps of conjugate gradients at most, and what is left of the residual's energy when they end.
const STEPS: usize = 40;
const LEFT: f64 = 1e-3;
/// Rows a column that the matrices of the directions are made from: what they miss costs steps, not accuracy.
const ROUGH: usize = 12;

impl Turned {
    /// Over rows with portions (share times how often a row stands), at their margins.
    pub fn new(few: Few<'_>, portion: &[f64], ridge: f64) -> Self {
        let k = few.held.outputs();
        let rows = ClassRows::of(few);
        let p = &rows.p;
        let directions = directions(k, p, portion);
        let step = (portion.len() / (ROUGH * few.held.width())).max(1);
        let ridge = if step > 1 { ridge.max(1e-3) } else { ridge };
        let some = few.held.every(step);
        let factors = directions.chunks_exact(k).map(|u| {
            let each = p.chunks_exact(k).zip(portion).step_by(step);
            let each = each.map(|(p, portion)| portion * step as f64 * bend(p, u));
            let few = Few { held: &some, ..few };
            factor(few, &each.collect::<Vec<_>>(), ridge)
        });
        let factors = factors.collect();
        Turned { factors, directions, portion: portion.to_vec(), rows }
    }
    /// b ← M⁻¹ b, nearly.
    pub fn solve(&self, b: &mut [f64]) {
        let e = b.to_vec();
        self.roughly(b);
        let mut cg = ConjugateGradients::new(e, b.to_vec());
        let first = cg.energy;
        for _ in 0..STEPS {
            let bent = self.rows.product(&cg.p, &self.portion);
            let length = cg.length(&bent);
            if !(length.is_finite() && length > 0.0) {
                break;
            }
            cg.go(length, &bent);
            let mut y = cg.r.clone();
            self.roughly(&mut y);
            cg.turn(Some(&y));
            if !(cg.energy > LEFT * first) {
                break;
            }
        }
        b.copy_from_slice(&cg.v);
    }
    /// As if the directions had nothing to do with one another.
    fn roughly(&self, b: &mut [f64]) {
        let parts = self.parts(b, |factor, part| factor.solve(part));
        b.fill(0.0);
        for (u, part) in self.directions().zip(parts) {
            for (u, b) in u.iter().zip(b.chunks_exact_mut(part.len())) {
                b.iter_mut().zip(&part).for_each(|(b, y)| *b += u * y);
            }
        }
    }
    /// About b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.parts(b, |factor, part| sum += factor.energy(part));
        sum
    }
    fn directions(&self) -> impl Iterator<Item = &[f64]> {
        self.directions.chunks_exact(self.factors.len() + 1)
    }
    /// What b has along each direction, after `each`.
    fn parts(&self, b: &[f64], mut each: impl FnMut(&Factor, &mut [f64])) -> Vec<Vec<f64>> {
        let width = b.len() / (self.factors.len() + 1);
        let of = |(u, factor): (&[f64], &Factor)| {
            let mut part = vec![0.0; width];
            for (u, b) in u.iter().zip(b.chunks_exact(width)) {
                part.iter_mut().zip(b).for_each(|(y, b)| *y += u * b);
            }
            each(factor, &mut part);
            part
        };
        self.directions().zip(&self.factors).map(of).collect()
    }
}

/// u′(diag p − p p′)u.
fn bend(p: &[f64], u: &[f64]) -> f64 {
    let mean = dot(p, u);
    p.iter().zip(u).map(|(p, u)| p * (u - mean) * (u - mean)).sum()
}

/// About the eigenvectors of Σ portion_i C_i that sum to 0, one after another.
fn directions(k: usize, p: &[f64], portion: &[f64]) -> Vec<f64> {
    let (r, contrasts) = (k - 1, Contrasts::new(k));
    // Σ portion_i C_i, seen in contrasts from the left and then from the right.
    let parts = pool().map(k.div_ceil(ROWS), |part| {
        let from = part * ROWS;
        let mut c = vec![0.0; k * ROWS.min(k - from)];
        for (p, portion) in p.chunks_exact(k).zip(portion) {
            for (a, row) in c.chunks_exact_mut(k).enumerate().map(|(a, row)| (from + a, row)) {
                let times = portion * p[a];
                row.iter_mut().zip(p).for_each(|(c, p)| *c -= times * p);
                row[a] += times;
            }
        }
        c
    });
    let m: Vec<f64> =
        parts.concat().chunks_exact(k).flat_map(|row| contrasts.inward(row)).collect();
    let vectors = eigenvectors(contrasts.inward(&m), r, NEAR);
    vectors.chunks_exact(r).flat_map(|y| contrasts.outward(y)).collect()
}

/// Rows of a matrix that are summed at once.
const ROWS: usize = 32;
/// Sweeps at most: each squares how far off it is.
const SWEEPS: usize = 8;
/// What two directions may have to do with one another: conjugate gradients see to the rest, and among hundreds of
/// classes most pairs have next to nothing.
const NEAR: f64 = 1e-3;

/// Eigenvectors of a small symmetric matrix, one after another, by Jacobi's rotations of all pairs that have more than
/// `near` to do with one another, beside what each has with itself.
///
/// Golub and Van Loan, *Matrix Computations*, section 8.5.
fn eigenvectors(mut m: Vec<f64>, n: usize, near: f64) -> Vec<f64> {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * (n + 1)] = 1.0);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for (a, b) in (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))) {
            let off = m[a * n + b];
            if off.abs() <= near * (m[a * (n + 1)] * m[b * (n + 1)]).abs().sqrt() {
                continue;
            }
            turned = true;
            let tau = (m[b * (n + 1)] - m[a * (n + 1)]) / (2.0 * off);
            let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
            let (cos, sin) = (1.0 / (1.0 + t * t).sqrt(), t / (1.0 + t * t).sqrt());
            let turn =
                |x: &mut f64, y: &mut f64| (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
            let rows = |m: &mut [f64]| {
                let (head, tail) = m.split_at_mut(b * n);
                head[a * n..][..n].iter_mut().zip(&mut tail[..n]).for_each(|(x, y)| turn(x, y));
            };
            rows(&mut m);
            rows(&mut vectors);
            for row in m.chunks_exact_mut(n) {
                let (head, tail) = row.split_at_mut(b);
                turn(&mut head[a], &mut tail[0]);
            }
        }
        if !turned {
            break;
        }
    }
    vectors
}

#[cfg(test)]
mod tests {
    use super::super::joint_metric::joint;
    use super::*;
    use crate::designs::dense::Dense;
    use crate::held::Held;
    use crate::losses::softmax::Classes;
    use crate::scaling::Scaling;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eigenvectors_are_orthonormal_and_diagonalise(
            n in 1..7usize,
            numbers in prop::collection::vec(-1.0..1.0f64, 36),
            shift in -3.0..0.0f64,
        ) {
            let entry = |i: usize, j: usize| numbers[i.min(j) * 6 + i.max(j)] * 10f64.powf(shift * (i + j) as f64);
            let m: Vec<f64> = (0..n * n).map(|i| entry(i / n, i % n)).collect();
            let vectors = eigenvectors(m.clone(), n, f64::EPSILON);
            let v: Vec<&[f64]> = vectors.chunks_exact(n).collect();
            for a in 0..n {
                for b in 0..n {
                    let unit: f64 = v[a].iter().zip(v[b]).map(|(x, y)| x * y).sum();
                    prop_assert!((unit - f64::from(u8::from(a == b))).abs() < 1e-13);
                    let bent: f64 = (0..n * n).map(|i| v[a][i / n] * m[i] * v[b][i % n]).sum();
                    prop_assert!(a == b || bent.abs() < 1e-12, "{bent}");
                }
            }
        }
    }

    #[test]
    fn conjugate_gradients_find_what_the_whole_matrix_finds() {
        let (n, d, k) = (300, 4, 5);
        let wave = |i: usize, by: f64| ((i as f64) * by).sin();
        let x: Vec<f64> =
            (0..n * d).map(|i| wave(i, 1.7) * [1.0, 100.0, 0.01, 5.0][i % d]).collect();
        let y: Vec<f64> = (0..n).map(|i| (i * i % k) as f64).collect();
        let (table, loss) = (Dense::by_rows(&x, d).expect("a table"), Classes { outputs: k });
        let mut held = Held::lent(&table, None, &loss, y.into(), true);
        // Some classes are far likelier than others, and how sure it is differs from row to row.
        held.margins = (0..n * k).map(|i| (i % k) as f64 + 3.0 * wave(i, 0.9)).collect();
        let look = crate::scaling::Look::Rows(&held);
        let facts = crate::table::Table {
            rows: n,
            columns: d,
            outputs: k,
            learnt: 0,
            level: true,
            straight: false,
            intercept: true,
            dense: true,
            bytes: 8 * n * d,
            total: n as f64,
            weighted: false,
            holds: usize::MAX,
        };
        let scaling = &Scaling::of(&facts, &look, true);
        let penalty: Vec<f64> =
            (0..k * (d + 1)).map(|j| f64::from((j + 1) % (d + 1) != 0) * 1e-3).collect();
        let few = Few { held: &held, scaling, penalty: &penalty };
        let portion: Vec<f64> = (0..n).map(|i| (i % 3) as f64 / n as f64).collect();
        let mut b: Vec<f64> = (0..k * (d + 1)).map(|i| wave(i, 2.3)).collect();
        for j in 0..=d {
            // What a gradient has sums to 0 over the classes.
            let mean = b.iter().skip(j).step_by(d + 1).sum::<f64>() / k as f64;
            b.iter_mut().skip(j).step_by(d + 1).for_each(|b| *b -= mean);
        }
        let (mut whole, mut turned) = (b.clone(), b.clone());
        joint(few, &portion).solve(&mut whole);
        let made = Turned::new(few, &portion, 0.0);
        made.solve(&mut turned);
        let energy = |v: &[f64]| dot(v, &made.rows.product(v, &portion));
        let off: Vec<f64> = whole.iter().zip(&turned).map(|(a, b)| a - b).collect();
        assert!(
            energy(&off) <= 10.0 * LEFT * energy(&whole),
            "{:e}",
            energy(&off) / energy(&whole)
        );
    }
}
