//! Numbers of 106 bits, as a sum of two f64: what is recorded of a formula is evaluated over them.
//!
//! Dekker 1971, <https://doi.org/10.1007/BF01397083>; Hida, Li and Bailey 2001, "Library for double-double and
//! quad-double arithmetic".
use std::ops::{Add, Div, Mul, Neg, Sub};
use steepest::numbers::real::Real;

#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64, pub f64);

fn sum(a: f64, b: f64) -> Double {
    let s = a + b;
    let t = s - a;
    Double(s, if s.is_finite() { (a - (s - t)) + (b - t) } else { 0.0 })
}

fn product(a: f64, b: f64) -> Double {
    let p = a * b;
    Double(p, if p.is_finite() { a.mul_add(b, -p) } else { 0.0 })
}

impl Add for Double {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        let (s, t) = (sum(self.0, o.0), sum(self.1, o.1));
        let u = sum(s.0, s.1 + t.0);
        sum(u.0, u.1 + t.1)
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Double(-self.0, -self.1)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self + -o
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        let p = product(self.0, o.0);
        sum(p.0, p.1 + self.0 * o.1 + self.1 * o.0)
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let q = self.0 / o.0;
        if !q.is_finite() {
            return Double(q, 0.0);
        }
        let r = self - o * Double(q, 0.0);
        let p = r.0 / o.0;
        let r = r - o * Double(p, 0.0);
        sum(q, p) + Double(r.0 / o.0, 0.0)
    }
}

const LN_2: Double = Double(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

impl Double {
    /// e^x − 1 for |x| below 1/2: by its series at x / 512, and nine doublings.
    fn near(self) -> Self {
        let r = self * Double::lit(1.0 / 512.0);
        let mut s = Double::lit(0.0);
        for k in (1..=11).rev() {
            s = r * (Double::lit(1.0) + s) / Double::lit(f64::from(k));
        }
        (0..9).fold(s, |s, _| s + s + s * s)
    }
}

impl Real for Double {
    fn lit(v: f64) -> Self {
        Double(v, 0.0)
    }
    fn sqrt(self) -> Self {
        if self.0 <= 0.0 {
            return Double(self.0.sqrt(), 0.0);
        }
        let s = Double(self.0.sqrt(), 0.0);
        s + (self - s * s) / (s + s)
    }
    fn exp(self) -> Self {
        if !(-740.0..709.7).contains(&self.0) {
            return Double(self.0.exp(), 0.0);
        }
        let k = (self.0 / LN_2.0).round();
        let e = Double::lit(1.0) + (self - LN_2 * Double::lit(k)).near();
        // In two steps: 2^k alone may be no normal number.
        let (a, b) = (2f64.powi(k as i32 / 2), 2f64.powi(k as i32 - k as i32 / 2));
        Double(e.0 * a * b, e.1 * a * b)
    }
    fn ln(self) -> Self {
        let y = self.0.ln();
        if !y.is_finite() {
            return Double(y, 0.0);
        }
        let y = Double(y, 0.0);
        y + (self * (-y).exp() - Double::lit(1.0))
    }
    fn ln_1p(self) -> Self {
        if self.0.abs() > 1e-4 {
            return (Double::lit(1.0) + self).ln();
        }
        let term = |s, k: i32| self * (Double::lit(1.0 / f64::from(k)) - s);
        // 1/k is rounded to 53 bits only in terms that are 1e-12 of the first.
        let tail = (4..=9).rev().fold(Double::lit(0.0), term);
        let third = Double::lit(1.0) / Double::lit(3.0);
        self * (Double::lit(1.0) - self * (Double::lit(0.5) - self * (third - tail)))
    }
    fn tanh(self) -> Self {
        let two = Double::lit(2.0);
        if self.0.abs() < 0.2 {
            let e = (self + self).near();
            return e / (e + two);
        }
        let e = (-(self.abs() + self.abs())).exp();
        let t = (Double::lit(1.0) - e) / (Double::lit(1.0) + e);
        self.positive(t, -t)
    }
    fn pow(self, e: Self) -> Self {
        if self.0 == 0.0 { Double(self.0.powf(e.0), 0.0) } else { (e * self.ln()).exp() }
    }
    fn abs(self) -> Self {
        if self.0 < 0.0 { -self } else { self }
    }
    fn floor(self) -> Self {
        let whole = self.0.floor();
        if whole == self.0 { sum(whole, self.1.floor()) } else { Double(whole, 0.0) }
    }
    fn max(self, o: Self) -> Self {
        if (o - self).0 > 0.0 { o } else { self }
    }
    fn min(self, o: Self) -> Self {
        if (self - o).0 > 0.0 { o } else { self }
    }
    fn positive(self, yes: Self, no: Self) -> Self {
        if self.0 > 0.0 { yes } else { no }
    }
}
