//! Products of small whole numbers are exact, and what does not fit is refused.
use super::*;
use crate::numbers::random::Random;

/// Multiplies of small whole numbers are exact: every shape, start and way to lie against the schoolbook.
fn agrees<N: Multiplies>() {
    let mut random = Random::new(1, 0, 0, 0);
    for case in 0..400 {
        let mut size = |most: u32| random.below(most) as usize + 1;
        // Some of more terms than are added up at a time.
        let (m, k, n) = (size(30), size(300), size(150));
        let mut some = |count: usize| -> Vec<N> {
            (0..count).map(|_| N::of_f64(f64::from(random.below(9)) - 4.0)).collect()
        };
        let (mut a, b, row, before) = (some(m * k), some(k * n), some(n), some(m * n));
        let stands = case % 2 == 0;
        if case % 4 < 2 {
            // Zeros by columns and here and there.
            for (at, v) in a.iter_mut().enumerate() {
                let p = if stands { at / m } else { at % k };
                *v = if p % 3 == 0 || at % 4 == 1 { N::default() } else { *v };
            }
        }
        let left = Strides::rows(
            &a,
            if stands { k } else { m },
            if stands { m } else { k },
            if stands { m } else { k },
        );
        let left = if case % 4 < 2 { left.looked() } else { left };
        let left = if stands { left.transposed() } else { left };
        let wide = n.next_multiple_of(N::LANES);
        let mut lying = vec![N::of_f64(7.0); k * wide];
        let mut turned = vec![N::default(); k * n];
        for p in 0..k {
            lying[p * wide..p * wide + n].copy_from_slice(&b[p * n..(p + 1) * n]);
            (0..n).for_each(|j| turned[j * k + p] = b[p * n + j]);
        }
        let mut packed = Packed::default();
        packed.pack(Strides::rows(&some(3 * 70), 3, 70, 70));
        packed.pack(Strides::rows(&b, k, n, n));
        let mut from_columns = Packed::default();
        from_columns.pack(Strides::rows(&turned, n, k, k).transposed());
        let (start, begin): (Begin<'_, N>, Vec<N>) = match case % 3 {
            0 => (Begin::Zero, vec![N::default(); m * n]),
            1 => (Begin::Row(&row), row.iter().copied().cycle().take(m * n).collect()),
            _ => (Begin::There, before.clone()),
        };
        let want: Vec<f64> = (0..m * n)
            .map(|at| {
                let (i, j) = (at / n, at % n);
                let left = |p: usize| if stands { a[p * m + i] } else { a[i * k + p] };
                let terms = (0..k).map(|p| left(p).to_f64() * b[p * n + j].to_f64());
                begin[at].to_f64() + terms.sum::<f64>()
            })
            .collect();
        let there = Right::There { data: &lying, rows: k, columns: n, down: wide };
        for right in [there, Right::Packed(&packed), Right::Packed(&from_columns)] {
            let mut c = before.clone();
            multiply(left, right, start, &mut c, n);
            assert!(c.iter().zip(&want).all(|(c, w)| c.to_f64() == *w), "{m} x {k} x {n}");
        }
    }
}

/// What the rows of a tile all have zeros for is passed over: infinite numbers there do not come into the product.
#[test]
fn zeros_are_passed_over() {
    let _alone = HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for held in [Level::Baseline, Level::Avx2, Level::Avx512] {
        crate::numbers::simd::hold(Some(held));
        for (m, k) in [(12, 512), (48, 128)] {
            let n = 128;
            let used = |p: usize| p % 3 == 2;
            let number = |i: usize, p: usize| if used(p) { ((i + p) % 5) as f32 } else { 0.0 };
            let b: Vec<f32> = (0..k * n)
                .map(|at| if used(at / n) { (at % 7) as f32 } else { f32::INFINITY })
                .collect();
            let right = Right::There { data: &b, rows: k, columns: n, down: n };
            let want: Vec<f32> = (0..m * n)
                .map(|at| {
                    let terms =
                        (0..k).filter(|p| used(*p)).map(|p| number(at / n, p) * b[p * n + at % n]);
                    terms.sum()
                })
                .collect();
            let lying: Vec<f32> = (0..m * k).map(|at| number(at / k, at % k)).collect();
            let standing: Vec<f32> = (0..m * k).map(|at| number(at % m, at / m)).collect();
            for left in [
                Strides::rows(&lying, m, k, k).looked(),
                Strides::rows(&standing, k, m, m).looked().transposed(),
            ] {
                let mut c = vec![0.0; m * n];
                multiply(left, right, Begin::Zero, &mut c, n);
                assert!(c == want, "{held:?} {m} x {k}");
            }
        }
    }
    crate::numbers::simd::hold(None);
}

/// What was packed for other instructions than are held when it is used.
#[test]
fn what_is_packed_stays_what_it_is() {
    let levels = [Level::Baseline, Level::Avx2, Level::Avx512];
    let (m, k, n) = (7, 5, 100);
    let mut random = Random::new(2, 0, 0, 0);
    let mut some =
        |count: usize| -> Vec<f32> { (0..count).map(|_| random.below(9) as f32).collect() };
    let (a, b) = (some(m * k), some(k * n));
    let sum = |at: usize| (0..k).map(|p| a[at / n * k + p] * b[p * n + at % n]).sum::<f32>();
    let want: Vec<f32> = (0..m * n).map(sum).collect();
    let _alone = HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for packing in levels {
        crate::numbers::simd::hold(Some(packing));
        let mut packed = Packed::default();
        packed.pack(Strides::rows(&b, k, n, n));
        for using in levels {
            crate::numbers::simd::hold(Some(using));
            let mut c = vec![0.0; m * n];
            let left = Strides::rows(&a, m, k, k);
            multiply(left, Right::Packed(&packed), Begin::Zero, &mut c, n);
            assert!(c == want, "packed for {packing:?}, used by {using:?}");
        }
    }
    crate::numbers::simd::hold(None);
}

/// Sizes whose product is more than can be counted are not within any numbers.
#[test]
fn sizes_that_overflow_are_refused() {
    let half = 1 << (usize::BITS / 2);
    let data = [0.0_f32; 64];
    let refused =
        |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
    assert!(refused(&|| _ = Strides::rows(&data, half + 1, 16, half)));
    let right = Right::There { data: &data, rows: half, columns: 16, down: half };
    let tall = Strides { data: &data, rows: 1, columns: half, down: half, right: 0, zeros: false };
    assert!(refused(&|| multiply(tall, right, Begin::Zero, &mut [0.0; 64], 16)));
    let packed = {
        let mut packed = Packed::default();
        packed.pack(Strides::rows(&data, 1, 16, 16));
        packed
    };
    let flat = Strides { data: &data, rows: half + 1, columns: 1, down: 0, right: 1, zeros: false };
    let right = Right::Packed(&packed);
    assert!(refused(&|| multiply(flat, right, Begin::Zero, &mut [0.0; 64], half)));
}

/// A sum of no terms is its start.
#[test]
fn no_terms_leave_the_start() {
    let (row, before) = ([1.0, 2.0, 3.0], [9.0_f64; 8]);
    let mut packed = Packed::default();
    packed.pack(Strides::rows(&[], 0, 3, 3));
    let there = Right::There { data: &[], rows: 0, columns: 3, down: 8 };
    for right in [there, Right::Packed(&packed)] {
        let of = |start: Begin<'_, f64>| {
            let mut c = before;
            multiply(Strides::rows(&[], 2, 0, 4), right, start, &mut c[..7], 4);
            c
        };
        assert_eq!(of(Begin::Zero), [0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0]);
        assert_eq!(of(Begin::Row(&row)), [1.0, 2.0, 3.0, 9.0, 1.0, 2.0, 3.0, 9.0]);
        assert_eq!(of(Begin::There), before);
    }
}

/// The level is held for the whole process.
static HELD: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn products_are_those_of_the_schoolbook() {
    let _alone = HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
        crate::numbers::simd::hold(Some(level));
        agrees::<f32>();
        agrees::<f64>();
    }
    crate::numbers::simd::hold(None);
}
