//! Numbers a formula is written over.
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number: `f32`, `f64`, [`Jet`](crate::numbers::jet::Jet) (which differentiates) or
/// [`Symbol`](crate::numbers::trace::Symbol) (which records).
///
/// There is no comparison, so a formula cannot branch, so a loop over it vectorises.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The constant `v`.
    fn lit(v: f64) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// `e` to the power of `self`.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + self)`, exact where `self` is small.
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `self` to the power `e`, for `self` ≥ 0.
    fn pow(self, e: Self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// The largest whole number that is not larger.
    fn floor(self) -> Self;
    /// The larger; a NaN in `self` comes through.
    fn max(self, o: Self) -> Self;
    /// The smaller; a NaN in `self` comes through.
    fn min(self, o: Self) -> Self;
    /// `yes` where `self > 0`, `no` elsewhere; both are always evaluated.
    fn positive(self, yes: Self, no: Self) -> Self;

    /// `e^self − 1`, exact where `self` is small.
    #[inline(always)]
    fn exp_m1(self) -> Self {
        let (one, half) = (Self::lit(1.0), Self::lit(0.5));
        let t = (half * self).tanh();
        (self.abs() - half).positive(self.exp() - one, (t + t) / (one - t))
    }
    /// `self · self`.
    #[inline(always)]
    fn square(self) -> Self {
        self * self
    }
    /// −1, 0 or 1.
    #[inline(always)]
    fn sign(self) -> Self {
        self.positive(Self::lit(1.0), (-self).positive(Self::lit(-1.0), Self::lit(0.0)))
    }
    /// Not below `low`, not above `high`.
    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }
    /// `ln(1 + e^x)`, exact in both tails.
    #[inline(always)]
    fn softplus(self) -> Self {
        self.max(Self::lit(0.0)) + (-self.abs()).exp().ln_1p()
    }
    /// Softplus and its first two derivatives, p = sigmoid and p (1 − p), which share one exponential; the second
    /// keeps its digits where p is next to 1.
    #[inline(always)]
    fn softplus_jet(self) -> [Self; 3] {
        let one = Self::lit(1.0);
        let t = (-self.abs()).exp();
        let inverse = one / (one + t);
        let value = self.max(Self::lit(0.0)) + t.ln_1p();
        [value, self.positive(one, t) * inverse, t * inverse * inverse]
    }
    /// Cosine, for |x| ≤ π: as the sine of π/2 − |x|, by Taylor's series to the last digits.
    #[inline(always)]
    fn cos(self) -> Self {
        let u = Self::lit(std::f64::consts::FRAC_PI_2) - self.abs();
        let z = u.square();
        let mut sine = Self::lit(1.0);
        for k in (1..=10).rev() {
            let k = f64::from(k);
            sine = Self::lit(1.0) - sine * z / Self::lit(2.0 * k * (2.0 * k + 1.0));
        }
        u * sine
    }
    /// `1 / (1 + e^-x)`, exact in both tails.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let t = (-self.abs()).exp();
        self.positive(Self::lit(1.0), t) / (Self::lit(1.0) + t)
    }
}

/// `f32` and `f64`: the formulas are compiled over them, and they live in arrays.
pub trait Float: Real + Default + Send + Sync + PartialOrd + std::fmt::Debug + 'static {
    /// The same number as an `f64`.
    fn to_f64(self) -> f64;
    /// The nearest number of this type.
    fn of_f64(v: f64) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

/// c0 + c1·x + c2·x² + … in Estrin's order: the chain is short, so the loop is not bound by latency.
/// A macro, since a loop over an array of coefficients keeps the outer loop from vectorising.
macro_rules! polynomial {
    ($x:ident, [$one:expr]) => { $one };
    ($x:ident, [$($c:expr),+]) => { polynomial!(@pairs $x, [] $($c),+) };
    (@pairs $x:ident, [$($done:expr),*] $a:expr, $b:expr $(, $rest:expr)*) => {
        polynomial!(@pairs $x, [$($done,)* $a + $b * $x] $($rest),*)
    };
    (@pairs $x:ident, [$($done:expr),*] $a:expr) => { polynomial!(@pairs $x, [$($done,)* $a]) };
    (@pairs $x:ident, [$one:expr]) => { $one };
    (@pairs $x:ident, [$($done:expr),+]) => {{ let x2 = $x * $x; polynomial!(x2, [$($done),+]) }};
}

macro_rules! real {
    ($t:ident, $bits:ident, $mantissa:literal, $bias:literal, $magic:literal,
     exp: $over:literal, $under:literal, $hi:literal, $lo:literal, [$($e:literal),*],
     log: [$($l:literal),*]) => {
        const _: () = {
            /// x = k ln2 + r with r in ±ln2/2: (e^r − 1, 2^(k−1)). Adding 1.5·2^mantissa rounds and
            /// leaves k in the low bits; 2^k itself would be infinite at the top.
            #[inline(always)]
            fn exp_parts(x: $t) -> ($t, $t) {
                let x = x.clamp($under, $over);
                let shifted = x * std::$t::consts::LOG2_E + $magic;
                let k = shifted - $magic;
                let r = x - k * $hi - k * $lo;
                let p = polynomial!(r, [$($e),*]);
                (r + r * r * p, <$t>::from_bits(shifted.to_bits().wrapping_add($bias - 1) << $mantissa))
            }
            /// ln(u + lost) for normal u > 0: u = 2^k (1 + f), f in [1/√2 − 1, √2 − 1].
            #[inline(always)]
            fn ln_parts(u: $t, lost: $t) -> $t {
                const ONE: $bits = (1.0 as $t).to_bits();
                const HALF: $bits = (std::$t::consts::FRAC_1_SQRT_2).to_bits();
                let b = u.to_bits().wrapping_add(ONE - HALF);
                let kb = b >> $mantissa;
                let m = <$t>::from_bits((b & ((1 << $mantissa) - 1)).wrapping_add(HALF));
                // 2^-k, and k itself as a number, without an integer conversion
                let down = <$t>::from_bits(((2 * $bias as $bits).wrapping_sub(kb)) << $mantissa);
                const TWO: $t = (1u64 << $mantissa) as $t;
                let k = <$t>::from_bits(kb | TWO.to_bits()) - (TWO + $bias as $t);
                let f = (m - 1.0) + if u < 1e30 { lost * down } else { 0.0 };
                let s = f / (2.0 + f);
                let z = s * s;
                let p = polynomial!(z, [$($l),*]);
                let h = 0.5 * f * f;
                k * $hi + (f - (h - (s * (h + z * p) + k * $lo)))
            }

            impl Real for $t {
                #[inline(always)]
                fn lit(v: f64) -> Self { v as $t }
                #[inline(always)]
                fn sqrt(self) -> Self { <$t>::sqrt(self) }
                #[inline(always)]
                fn abs(self) -> Self { <$t>::abs(self) }
                #[inline(always)]
                fn floor(self) -> Self { <$t>::floor(self) }
                // Written as the hardware's `max`: one instruction.
                #[inline(always)]
                fn max(self, o: Self) -> Self { if o > self { o } else { self } }
                #[inline(always)]
                fn min(self, o: Self) -> Self { if o < self { o } else { self } }
                #[inline(always)]
                fn positive(self, yes: Self, no: Self) -> Self { if self > 0.0 { yes } else { no } }

                #[inline(always)]
                fn exp(self) -> Self {
                    let (less_one, half) = exp_parts(self);
                    let e = (1.0 + less_one) * half * 2.0;
                    let e = if self > $over { <$t>::INFINITY } else { e };
                    let e = if self < $under { 0.0 } else { e };
                    if self == self { e } else { self }
                }

                #[inline(always)]
                fn ln(self) -> Self {
                    const UP: $t = (1u64 << ($mantissa + 2)) as $t;
                    let tiny = self < <$t>::MIN_POSITIVE;
                    let y = ln_parts(if tiny { self * UP } else { self }, 0.0);
                    let y = if tiny { y - (($mantissa + 2) as $t) * std::$t::consts::LN_2 } else { y };
                    let y = if self < <$t>::INFINITY { y } else { self };
                    if self > 0.0 { y } else if self == 0.0 { -<$t>::INFINITY } else { <$t>::NAN }
                }

                /// What rounding 1 + x lost is added back.
                #[inline(always)]
                fn ln_1p(self) -> Self {
                    let u = 1.0 + self;
                    let back = u - 1.0;
                    let y = ln_parts(u, (1.0 - (u - back)) + (self - back));
                    let y = if u < <$t>::INFINITY { y } else { u };
                    if u > 0.0 { y } else if u == 0.0 { -<$t>::INFINITY } else { <$t>::NAN }
                }

                /// (e^2|x| − 1) / (e^2|x| + 1), with the sign of x; exact where x is small.
                #[inline(always)]
                fn tanh(self) -> Self {
                    let (less_one, half) = exp_parts((2.0 * <$t>::abs(self)).min(60.0));
                    let e = less_one * half * 2.0 + (half * 2.0 - 1.0);
                    let t = (e / (e + 2.0)).copysign(self);
                    if self == self { t } else { self }
                }

                #[inline(always)]
                fn pow(self, e: Self) -> Self {
                    let y = Real::exp(e * Real::ln(self));
                    if e == 0.0 { 1.0 } else { y }
                }
            }
            impl Float for $t {
                #[inline(always)]
                fn to_f64(self) -> f64 { self as f64 }
                #[inline(always)]
                fn of_f64(v: f64) -> Self { v as $t }
                #[inline(always)]
                fn is_finite(self) -> bool { <$t>::is_finite(self) }
            }
        };
    };
}

real! { f64, u64, 52, 1023, 6755399441055744.0,
exp: 709.782712893384, -708.0, 6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10,
[0.500_000_000_000_000_1, 0.166_666_666_666_666_69, 0.041_666_666_666_623_824, 0.008_333_333_333_330_039,
 0.001_388_888_891_736_708_1, 0.000_198_412_698_631_715_57, 2.480_152_105_786_820_4e-5, 2.755_726_827_690_569_6e-6,
 2.762_020_159_103_154_7e-7, 2.510_047_250_569_499_6e-8],
log: [0.666_666_666_666_667, 0.399_999_999_998_993_1, 0.285_714_286_260_633_8, 0.222_222_111_204_492_98,
 0.181_828_901_703_139_7, 0.153_316_868_686_384_28, 0.146_168_789_190_298_22] }
real! { f32, u32, 23, 127, 12582912.0,
exp: 88.72283, -86.9, 6.931_381e-1, 9.058_001e-6,
[0.5, 0.166_665_76, 0.041_666_552, 0.008_363_233, 0.001_392_625],
log: [0.666_666_7, 0.400_001_23, 0.285_508_07, 0.233_308_3] }

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units of the last place.
    fn ulps(got: f64, want: f64) -> f64 {
        if got == want || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        (got - want).abs() / (want.abs() * f64::EPSILON).max(f64::MIN_POSITIVE)
    }

    #[test]
    fn close_to_the_standard_library() {
        for i in -200_000..200_000 {
            let x = i as f64 * 3.7e-4;
            assert!(ulps(Real::exp(x), x.exp()) <= 2.0, "exp({x})");
            assert!(ulps(Real::tanh(x), x.tanh()) <= 3.0, "tanh({x})");
            let angle = x * (std::f64::consts::PI / 74.0);
            assert!((Real::cos(angle) - angle.cos()).abs() <= 4e-16, "cos({angle})");
            let p = x.abs() * 1e3 + 1e-300;
            assert!(ulps(Real::ln(p), p.ln()) <= 2.0, "ln({p})");
            let q = x.max(-0.999_999);
            assert!(ulps(Real::ln_1p(q), q.ln_1p()) <= 2.0, "ln_1p({q})");
        }
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(Real::exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(Real::exp(f64::NEG_INFINITY), 0.0);
        assert!(Real::exp(f64::NAN).is_nan() && Real::tanh(f64::NAN).is_nan());
        assert_eq!(Real::ln(0.0f64), f64::NEG_INFINITY);
        assert!(Real::ln(-1.0f64).is_nan());
        assert!((Real::ln(5e-324f64) - 5e-324f64.ln()).abs() < 1e-12);
        assert_eq!(Real::ln_1p(-1.0f64), f64::NEG_INFINITY);
        assert_eq!(Real::tanh(1e300f64), 1.0);
        assert_eq!(Real::tanh(-1e-320f64), -1e-320);
        assert_eq!(Real::pow(0.9f64, 0.0), 1.0);
        assert_eq!(Real::softplus(800.0f64), 800.0);
    }
}
