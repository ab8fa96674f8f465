//! Numbers that one instruction works on, by machine.

/// Numbers that one instruction works on.
pub trait Vector<N>: Copy {
    /// How many.
    const COUNT: usize;
    /// The same number in each.
    ///
    /// # Safety
    ///
    /// As for all of these: the machine has the instructions, and pointers reach over all lanes.
    unsafe fn splat(v: N) -> Self;
    unsafe fn load(from: *const N) -> Self;
    unsafe fn store(self, to: *mut N);
    /// a · b + self.
    unsafe fn plus(self, a: Self, b: Self) -> Self;
    /// A bit for each, the first one lowest: whether it is another number than 0 (a NaN is).
    unsafe fn not_zero(self) -> u64;
}

/// A bit for each, the first one lowest: whether it is another number than 0.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn each<N: Default + PartialEq, const COUNT: usize>(lanes: [N; COUNT]) -> u64 {
    let bit = |(i, v): (usize, &N)| u64::from(*v != N::default()) << i;
    lanes.iter().enumerate().map(bit).sum()
}

macro_rules! lanes {
    ($t:ty, $v:ty, $count:literal, $splat:path, $load:path, $store:path, |$a:ident, $b:ident, $c:ident| $plus:expr, |$d:ident| $some:expr) => {
        // SAFETY (of the calls): as the trait demands.
        impl Vector<$t> for $v {
            const COUNT: usize = $count;
            #[inline(always)]
            unsafe fn splat(v: $t) -> Self {
                unsafe { $splat(v) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn plus(self, $a: Self, $b: Self) -> Self {
                let $c = self;
                unsafe { $plus }
            }
            #[inline(always)]
            unsafe fn not_zero(self) -> u64 {
                let $d = self;
                #[allow(unused_unsafe)]
                unsafe {
                    $some
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::Vector;
    use std::arch::x86_64::*;
    pub type Wide32 = __m512;
    pub type Wide64 = __m512d;
    pub type Half32 = __m256;
    pub type Half64 = __m256d;
    pub type Sse32 = __m128;
    pub type Sse64 = __m128d;
    lanes!(
        f32,
        Wide32,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        |a, b, c| _mm512_fmadd_ps(a, b, c),
        |d| u64::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(d, _mm512_setzero_ps()))
    );
    lanes!(
        f64,
        Wide64,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        |a, b, c| _mm512_fmadd_pd(a, b, c),
        |d| u64::from(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(d, _mm512_setzero_pd()))
    );
    lanes!(
        f32,
        Half32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        |a, b, c| _mm256_fmadd_ps(a, b, c),
        |d| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(d, _mm256_setzero_ps())) as u64
    );
    lanes!(
        f64,
        Half64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        |a, b, c| _mm256_fmadd_pd(a, b, c),
        |d| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(d, _mm256_setzero_pd())) as u64
    );
    lanes!(
        f32,
        Sse32,
        4,
        _mm_set1_ps,
        _mm_loadu_ps,
        _mm_storeu_ps,
        |a, b, c| _mm_add_ps(_mm_mul_ps(a, b), c),
        |d| _mm_movemask_ps(_mm_cmpneq_ps(d, _mm_setzero_ps())) as u64
    );
    lanes!(
        f64,
        Sse64,
        2,
        _mm_set1_pd,
        _mm_loadu_pd,
        _mm_storeu_pd,
        |a, b, c| _mm_add_pd(_mm_mul_pd(a, b), c),
        |d| _mm_movemask_pd(_mm_cmpneq_pd(d, _mm_setzero_pd())) as u64
    );
}
#[cfg(target_arch = "aarch64")]
mod vectors {
    use super::{Vector, each};
    use std::arch::aarch64::*;
    pub type Neon32 = float32x4_t;
    pub type Neon64 = float64x2_t;
    lanes!(f32, Neon32, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, |a, b, c| vfmaq_f32(c, a, b), |d| {
        each(std::mem::transmute::<float32x4_t, [f32; 4]>(d))
    });
    lanes!(f64, Neon64, 2, vdupq_n_f64, vld1q_f64, vst1q_f64, |a, b, c| vfmaq_f64(c, a, b), |d| {
        each(std::mem::transmute::<float64x2_t, [f64; 2]>(d))
    });
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod vectors {
    use super::Vector;
    #[derive(Clone, Copy)]
    pub struct Four<N>([N; 4]);
    macro_rules! four {
        ($t:ty) => {
            impl Vector<$t> for Four<$t> {
                const COUNT: usize = 4;
                unsafe fn splat(v: $t) -> Self {
                    Four([v; 4])
                }
                unsafe fn load(from: *const $t) -> Self {
                    // SAFETY: as the trait demands.
                    Four(unsafe { *(from as *const [$t; 4]) })
                }
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: as the trait demands.
                    unsafe { *(to as *mut [$t; 4]) = self.0 }
                }
                unsafe fn plus(self, a: Self, b: Self) -> Self {
                    Four(std::array::from_fn(|i| a.0[i] * b.0[i] + self.0[i]))
                }
                unsafe fn not_zero(self) -> u64 {
                    super::each(self.0)
                }
            }
        };
    }
    four!(f32);
    four!(f64);
}
#[cfg(target_arch = "x86_64")]
pub use vectors::{Half32, Half64, Sse32 as Least32, Sse64 as Least64, Wide32, Wide64};
#[cfg(target_arch = "aarch64")]
pub use vectors::{Neon32 as Least32, Neon64 as Least64};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub type Least32 = vectors::Four<f32>;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub type Least64 = vectors::Four<f64>;
