//! A number with its first two derivatives: write the value, get slope and curvature.
use crate::numbers::real::Real;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value, and its first and second derivative in the one variable.
#[derive(Clone, Copy, Debug)]
pub struct Jet<N> {
    /// f
    pub value: N,
    /// f′
    pub first: N,
    /// f″
    pub second: N,
}

impl<N: Real> Jet<N> {
    /// The variable itself: dx/dx = 1.
    #[inline(always)]
    pub fn variable(x: N) -> Self {
        Jet { value: x, first: N::lit(1.0), second: N::lit(0.0) }
    }
    /// A number that does not depend on the variable.
    #[inline(always)]
    pub fn constant(x: N) -> Self {
        Jet { value: x, first: N::lit(0.0), second: N::lit(0.0) }
    }
    /// f(u): f, f′·u′, f″·u′² + f′·u″.
    #[inline(always)]
    fn chain(self, f: N, f1: N, f2: N) -> Self {
        Jet {
            value: f,
            first: f1 * self.first,
            second: f2 * self.first.square() + f1 * self.second,
        }
    }
    #[inline(always)]
    fn select(by: N, yes: Self, no: Self) -> Self {
        Jet {
            value: by.positive(yes.value, no.value),
            first: by.positive(yes.first, no.first),
            second: by.positive(yes.second, no.second),
        }
    }
}

macro_rules! linear {
    ($($op:ident $f:ident),*) => {$(
        impl<N: Real> $op for Jet<N> {
            type Output = Self;
            #[inline(always)]
            fn $f(self, o: Self) -> Self {
                Jet { value: self.value.$f(o.value), first: self.first.$f(o.first), second: self.second.$f(o.second) }
            }
        })*};
}
linear!(Add add, Sub sub);

impl<N: Real> Neg for Jet<N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Jet { value: -self.value, first: -self.first, second: -self.second }
    }
}
impl<N: Real> Mul for Jet<N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        let cross = self.first * o.first;
        Jet {
            value: self.value * o.value,
            first: self.first * o.value + self.value * o.first,
            second: self.second * o.value + cross + cross + self.value * o.second,
        }
    }
}
impl<N: Real> Div for Jet<N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        let r = N::lit(1.0) / o.value;
        let product = self * o.chain(r, -r * r, N::lit(2.0) * r * r * r);
        Jet { value: self.value / o.value, ..product }
    }
}
impl<N: Real> Real for Jet<N> {
    #[inline(always)]
    fn lit(v: f64) -> Self {
        Jet::constant(N::lit(v))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let s = self.value.sqrt();
        let d = N::lit(0.5) / s;
        self.chain(s, d, N::lit(-0.5) * d / self.value)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e, e)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        let d = N::lit(1.0) / self.value;
        self.chain(self.value.ln(), d, -d * d)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        let d = N::lit(1.0) / (N::lit(1.0) + self.value);
        self.chain(self.value.ln_1p(), d, -d * d)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        let t = self.value.tanh();
        let d = N::lit(1.0) - t * t;
        self.chain(t, d, N::lit(-2.0) * t * d)
    }
    #[inline(always)]
    fn pow(self, e: Self) -> Self {
        (e * self.ln()).exp()
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Jet::constant(self.value.floor())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self::select(self.value, self, -self)
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        Self::select(o.value - self.value, o, self)
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        Self::select(self.value - o.value, o, self)
    }
    #[inline(always)]
    fn positive(self, yes: Self, no: Self) -> Self {
        Self::select(self.value, yes, no)
    }
    /// Smooth everywhere, though the formula that avoids overflow has a kink: so its own rule.
    #[inline(always)]
    fn softplus(self) -> Self {
        let [value, first, second] = self.value.softplus_jet();
        self.chain(value, first, second)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let p = self.value.sigmoid();
        let d = p * (N::lit(1.0) - p);
        self.chain(p, d, d * (N::lit(1.0) - p - p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slope and curvature of everything `Real` has, against difference quotients.
    #[test]
    fn derivatives_match_difference_quotients() {
        fn formulas<N: Real>(x: N) -> [N; 10] {
            let two = N::lit(2.0);
            [
                x.exp(),
                (x.square() + two).ln(),
                (x.square() + two).sqrt(),
                x.tanh(),
                x.softplus(),
                x.sigmoid(),
                x.abs() * x,
                x / (two + x.square()),
                (x.square() + two).pow(N::lit(1.5)),
                x.max(two) * x.min(-two) + x.square().ln_1p(),
            ]
        }
        for i in -40..=40 {
            let x = i as f64 * 0.1 + 0.013;
            let h = 1e-4;
            let jets = formulas(Jet::variable(x));
            let (low, mid, high) = (formulas(x - h), formulas(x), formulas(x + h));
            for (k, j) in jets.iter().enumerate() {
                let first = (high[k] - low[k]) / (2.0 * h);
                let second = (high[k] - 2.0 * mid[k] + low[k]) / (h * h);
                assert_eq!(j.value, mid[k]);
                assert!((j.first - first).abs() < 1e-5 * (1.0 + first.abs()), "{k} at {x}");
                assert!((j.second - second).abs() < 1e-4 * (1.0 + second.abs()), "{k} at {x}");
            }
        }
        assert_eq!(Jet::variable(0.0f64).softplus().first, 0.5);
    }
}
