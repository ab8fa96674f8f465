//! Test functions of two variables.
use super::{Pieces, pieces};
use crate::numbers::real::Real;

/// A function of two variables is one piece.
macro_rules! two {
    ($type:ident, |$x:ident, $y:ident, $lit:ident| $formula:expr) => {
        impl Pieces for $type {
            fn count(_: usize) -> usize {
                1
            }
            fn touched(_: usize, _: usize) -> (usize, usize) {
                (0, 2)
            }
            fn piece<N: Real>(_: &[f64], _: usize, _: usize, xy: &[N]) -> N {
                let ($x, $y, $lit) = (xy[0], xy[1], N::lit);
                $formula
            }
        }
    };
}

pieces!(BEALE: Beale, "beale", "(1.5 − x + x y)² + (2.25 − x + x y²)² + (2.625 − x + x y³)²",
    "Flat, with sharp peaks at the corners. Beale 1958.",
    &[], dim 2, takes |n| n == 2, start |_| vec![1.0, 1.0], region (-4.5, 4.5),
    least Some(|_| 0.0), minima |_| vec![vec![3.0, 0.5]]);
two!(Beale, |x, y, lit| {
    (lit(1.5) - x + x * y).square()
        + (lit(2.25) - x + x * y.square()).square()
        + (lit(2.625) - x + x * y.square() * y).square()
});

pieces!(BOOTH: Booth, "booth", "(x + 2 y − 7)² + (2 x + y − 5)²",
    "A tilted bowl.",
    &[], dim 2, takes |n| n == 2, start |_| vec![-5.0, 5.0], region (-10.0, 10.0),
    least Some(|_| 0.0), minima |_| vec![vec![1.0, 3.0]]);
two!(Booth, |x, y, lit| (x + y + y - lit(7.0)).square() + (x + x + y - lit(5.0)).square());

pieces!(HIMMELBLAU: Himmelblau, "himmelblau", "(x² + y − 11)² + (x + y² − 7)²",
"Four minima of the same depth. Himmelblau 1972.",
&[], dim 2, takes |n| n == 2, start |_| vec![0.0, 0.0], region (-6.0, 6.0),
least Some(|_| 0.0), minima |_| vec![
    vec![3.0, 2.0],
    vec![-2.805_118_086_952_745, 3.131_312_518_250_573],
    vec![-3.779_310_253_377_747, -3.283_185_991_286_17],
    vec![3.584_428_340_330_492, -1.848_126_526_964_404],
]);
two!(Himmelblau, |x, y, lit| (x.square() + y - lit(11.0)).square()
    + (x + y.square() - lit(7.0)).square());

pieces!(MATYAS: Matyas, "matyas", "0.26 (x² + y²) − 0.48 x y",
    "A long plate-like valley.",
    &[], dim 2, takes |n| n == 2, start |_| vec![8.0, -4.0], region (-10.0, 10.0),
    least Some(|_| 0.0), minima |_| vec![vec![0.0, 0.0]]);
two!(Matyas, |x, y, lit| lit(0.26) * (x.square() + y.square()) - lit(0.48) * x * y);

pieces!(GOLDSTEIN_PRICE: GoldsteinPrice, "goldstein_price",
    "(1 + (x+y+1)² (19−14x+3x²−14y+6xy+3y²)) (30 + (2x−3y)² (18−32x+12x²+48y−36xy+27y²))",
    "Values over six orders of magnitude. Goldstein and Price 1971.",
    &[], dim 2, takes |n| n == 2, start |_| vec![-0.5, -0.5], region (-2.0, 2.0),
    least Some(|_| 3.0), minima |_| vec![vec![0.0, -1.0]]);
two!(GoldsteinPrice, |x, y, lit| {
    let a =
        lit(19.0) - lit(14.0) * (x + y) + lit(3.0) * (x.square() + y.square()) + lit(6.0) * x * y;
    let b = lit(18.0) - lit(32.0) * x + lit(12.0) * x.square() + lit(48.0) * y - lit(36.0) * x * y
        + lit(27.0) * y.square();
    (lit(1.0) + (x + y + lit(1.0)).square() * a)
        * (lit(30.0) + (lit(2.0) * x - lit(3.0) * y).square() * b)
});

pieces!(SADDLE: Saddle, "saddle", "x² − y²",
    "No least value: down along y without end. Its stationary point is no minimum.",
    &[], dim 2, takes |n| n == 2, start |_| vec![1.0, 0.0], region (-2.0, 2.0),
    least None, minima |_| vec![]);
two!(Saddle, |x, y, _lit| x.square() - y.square());

pieces!(MONKEY_SADDLE: MonkeySaddle, "monkey_saddle", "x³ − 3 x y²",
    "Three ways down from a point where gradient and Hessian both vanish.",
    &[], dim 2, takes |n| n == 2, start |_| vec![1.0, 0.1], region (-2.0, 2.0),
    least None, minima |_| vec![]);
two!(MonkeySaddle, |x, y, lit| x.square() * x - lit(3.0) * x * y.square());

/// Two clouds of points that overlap: (first, second, class).
const CLOUDS: [(f64, f64, f64); 12] = [
    (1.2, 0.4, 1.0),
    (2.0, 1.1, 1.0),
    (0.3, 1.6, 1.0),
    (1.5, -0.2, 1.0),
    (-0.4, 0.5, 1.0),
    (0.9, 0.8, 1.0),
    (-1.1, -0.6, -1.0),
    (-1.9, 0.3, -1.0),
    (-0.2, -1.4, -1.0),
    (-1.4, -1.2, -1.0),
    (0.5, -0.3, -1.0),
    (-0.8, 0.1, -1.0),
];

/// Found by Newton's method to the last digit.
const LOGISTIC_AT: [f64; 2] = [1.5337619133785545, 2.0374085735361356];

pieces!(LOGISTIC: Logistic, "logistic", "1/12 Σ ln(1 + exp(−c_i (x a_i + y b_i))) + 0.01 (x² + y²)",
    "Logistic regression on twelve points without an intercept: convex, smooth, flat far out.",
    &[], dim 2, takes |n| n == 2, start |_| vec![-2.0, 3.0], region (-4.0, 6.0),
    least Some(|_| 0.23813204202319843), minima |_| vec![LOGISTIC_AT.to_vec()]);
two!(Logistic, |x, y, lit| {
    let mut sum = lit(0.0);
    for (a, b, c) in CLOUDS {
        sum = sum + (lit(-c * a) * x + lit(-c * b) * y).softplus();
    }
    sum / lit(CLOUDS.len() as f64) + lit(0.01) * (x.square() + y.square())
});
