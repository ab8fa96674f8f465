//! Test functions of any number of variables.
use super::{Pieces, pieces};
use crate::numbers::real::Real;
use crate::settings::{Kind, Parameter};

pieces!(SPHERE: Sphere, "sphere", "Σ x_j²",
    "The roundest bowl: one gradient step of rate 1/2 ends in its middle.",
    &[], dim 2, takes |n| n > 0, start |n| vec![1.0; n], region (-2.0, 2.0),
    least Some(|_| 0.0), minima |n| vec![vec![0.0; n]]);

impl Pieces for Sphere {
    fn count(n: usize) -> usize {
        n
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (k, 1)
    }
    fn piece<N: Real>(_: &[f64], _: usize, _: usize, x: &[N]) -> N {
        x[0].square()
    }
}

pieces!(QUADRATIC: Quadratic, "quadratic", "½ Σ condition^((j−1)/(n−1)) x_j²",
    "A bowl as stretched as the condition number says: gradient descent needs some condition · log(1/ε) steps.",
    &[Parameter { name: "condition", default: 100.0, low: 1.0, high: f64::MAX, kind: Kind::Number, doc: "The largest curvature over the smallest." }],
    dim 2, takes |n| n > 0, start |n| vec![1.0; n], region (-2.0, 2.0),
    least Some(|_| 0.0), minima |n| vec![vec![0.0; n]]);

impl Pieces for Quadratic {
    fn count(n: usize) -> usize {
        n
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (k, 1)
    }
    fn piece<N: Real>(settings: &[f64], n: usize, k: usize, x: &[N]) -> N {
        let place = k as f64 / (n.max(2) - 1) as f64;
        N::lit(0.5 * settings[0].powf(place)) * x[0].square()
    }
}

pieces!(ROSENBROCK: Rosenbrock, "rosenbrock", "Σ 100 (x_{j+1} − x_j²)² + (1 − x_j)²",
    "A curved valley with a nearly flat floor. Rosenbrock 1960, <https://doi.org/10.1093/comjnl/3.3.175>.",
    &[], dim 2, takes |n| n > 1, start |n| (0..n).map(|j| if j % 2 == 0 { -1.2 } else { 1.0 }).collect(),
    region (-2.0, 2.0), least Some(|_| 0.0), minima |n| vec![vec![1.0; n]]);

impl Pieces for Rosenbrock {
    fn count(n: usize) -> usize {
        n - 1
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (k, 2)
    }
    fn piece<N: Real>(_: &[f64], _: usize, _: usize, x: &[N]) -> N {
        N::lit(100.0) * (x[1] - x[0].square()).square() + (N::lit(1.0) - x[0]).square()
    }
}

/// Where x⁴ − 16 x² + 5 x is least: the smallest root of 4 x³ − 32 x + 5.
const STYBLINSKI_AT: f64 = -2.903_534_027_771_177;

pieces!(STYBLINSKI_TANG: StyblinskiTang, "styblinski_tang", "½ Σ x_j⁴ − 16 x_j² + 5 x_j",
    "Two valleys along each axis, one of them a little deeper. Styblinski and Tang 1990, <https://doi.org/10.1016/0893-6080(90)90035-H>.",
    &[], dim 2, takes |n| n > 0, start |n| vec![0.0; n], region (-5.0, 5.0),
    least Some(|n| -39.166_165_703_771_42 * n as f64), minima |n| vec![vec![STYBLINSKI_AT; n]]);

impl Pieces for StyblinskiTang {
    fn count(n: usize) -> usize {
        n
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (k, 1)
    }
    fn piece<N: Real>(_: &[f64], _: usize, _: usize, x: &[N]) -> N {
        let q = x[0].square();
        N::lit(0.5) * (q * q - N::lit(16.0) * q + N::lit(5.0) * x[0])
    }
}

pieces!(POWELL: Powell, "powell", "Σ (x₁ + 10 x₂)² + 5 (x₃ − x₄)² + (x₂ − 2 x₃)⁴ + 10 (x₁ − x₄)⁴",
    "Its Hessian is singular where it is least. Powell 1962, <https://doi.org/10.1093/comjnl/5.2.147>.",
    &[], dim 4, takes |n| n > 0 && n.is_multiple_of(4),
    start |n| (0..n).map(|j| [3.0, -1.0, 0.0, 1.0][j % 4]).collect(),
    region (-4.0, 4.0), least Some(|_| 0.0), minima |n| vec![vec![0.0; n]]);

impl Pieces for Powell {
    fn count(n: usize) -> usize {
        n / 4
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (4 * k, 4)
    }
    fn piece<N: Real>(_: &[f64], _: usize, _: usize, x: &[N]) -> N {
        let ten = N::lit(10.0);
        (x[0] + ten * x[1]).square()
            + N::lit(5.0) * (x[2] - x[3]).square()
            + (x[1] - x[2] - x[2]).square().square()
            + ten * (x[0] - x[3]).square().square()
    }
}

pieces!(ABSOLUTE: Absolute, "absolute", "Σ |x_j|",
    "Not smooth: the gradient does not fade towards the middle, so a constant rate never gets there.",
    &[], dim 2, takes |n| n > 0, start |n| (0..n).map(|j| 1.0 + 0.3 * j as f64).collect(), region (-2.0, 2.0),
    least Some(|_| 0.0), minima |n| vec![vec![0.0; n]]);

impl Pieces for Absolute {
    fn count(n: usize) -> usize {
        n
    }
    fn touched(_: usize, k: usize) -> (usize, usize) {
        (k, 1)
    }
    fn piece<N: Real>(_: &[f64], _: usize, _: usize, x: &[N]) -> N {
        x[0].abs()
    }
}
