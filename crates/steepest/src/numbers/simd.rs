//! Instruction sets, chosen at run time; written once here and nowhere else.
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// An instruction set that loops are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// What every machine of this architecture has (SSE2, NEON).
    Baseline,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, VL, DQ and BW.
    Avx512,
}

const UNKNOWN: u8 = 255;
static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The best level this machine has.
pub fn best() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("fma")
        {
            return Level::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Level::Avx2;
        }
    }
    Level::Baseline
}

/// Holds every loop to a level, for tests and benchmarks; a level the machine lacks becomes its best.
pub fn hold(level: Option<Level>) {
    LEVEL.store(level.map_or(best(), |l| l.min(best())) as u8, Relaxed);
}

/// The level in force. `STEEPEST_SIMD=baseline|avx2` holds it from outside (for valgrind, and to compare).
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Relaxed) {
        0 => Level::Baseline,
        1 => Level::Avx2,
        2 => Level::Avx512,
        _ => {
            hold(match std::env::var("STEEPEST_SIMD").as_deref() {
                Ok("baseline") => Some(Level::Baseline),
                Ok("avx2") => Some(Level::Avx2),
                _ => None,
            });
            level()
        }
    }
}

/// Compiles a function for each instruction set and calls the best of this machine.
///
/// What the body calls must be `#[inline(always)]`: a call left standing would run the baseline.
/// Generics are in brackets and must be inferable from the arguments.
#[macro_export]
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident [$($generics:tt)*] ($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<$($generics)*>($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<$($generics)*>($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx512<$($generics)*>($($arg: $type),*) $(-> $out)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2<$($generics)*>($($arg: $type),*) $(-> $out)? { body($($arg),*) }
            match $crate::numbers::simd::level() {
                // SAFETY: `level` found these features on this machine.
                #[cfg(target_arch = "x86_64")]
                $crate::numbers::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::numbers::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}

/// Asks for memory ahead of its use.
#[inline(always)]
pub fn prefetch<N>(row: &[N]) {
    #[cfg(target_arch = "x86_64")]
    for i in (0..size_of_val(row)).step_by(64) {
        // SAFETY: a prefetch never faults, and the address is inside the row.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast::<i8>().wrapping_add(i));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}
