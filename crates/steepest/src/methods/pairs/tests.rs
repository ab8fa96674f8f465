//! The forms of the recursion agree.
use super::*;

fn noise(k: u64) -> f64 {
    let h = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// Plain, over inner products, and over a mask of ones: the same direction while pairs come and go.
#[test]
fn three_forms_agree() {
    for (n, m) in [(230, 7), (200, 30), (12, 40)] {
        let point = |k: u64| {
            let mut v = Aligned::zeros(n);
            (0..n).for_each(|j| v[j] = noise(k * 1000 + j as u64) + 1.0 / (k + 1) as f64);
            v
        };
        let bend = |x: &[f64]| {
            let mut g = Aligned::zeros(n);
            (0..n).for_each(|j| g[j] = x[j] * (1.0 + j as f64));
            g
        };
        let (mut gram, mut plain) = (Pairs::new(n, m, false), Pairs::new(n, m, true));
        assert!(
            (gram.gram.is_some() || gram.dense.is_some())
                && plain.gram.is_none()
                && plain.dense.is_none()
        );
        let (mut x, mut ones) = (point(0), Aligned::zeros(n));
        ones[..n].fill(1.0);
        // Where nothing is forgotten the pairs must not forget either.
        let end = if n > m { 3 * m } else { m } as u64;
        for k in 1..end {
            let xn = point(k);
            let (g, gn) = (bend(&x), bend(&xn));
            if k == 2 * end / 3 {
                gram.clear();
                plain.clear();
            }
            if k % 5 != 3 {
                assert!(gram.store(&x, &xn, &g, &gn) && plain.store(&x, &xn, &g, &gn));
            }
            x = xn;
            if gram.is_empty() {
                continue;
            }
            let [mut a, mut b, mut c] = [0; 3].map(|_| Aligned::zeros(n));
            gram.direction(&gn, &mut a);
            plain.direction(&gn, &mut b);
            assert!(plain.direction_over(&ones, &gn, &mut c));
            let size = vectors::largest(&b);
            for j in 0..n {
                assert!((a[j] - b[j]).abs() < 1e-9 * size, "{k} {j}: {} {}", a[j], b[j]);
                assert!((c[j] - b[j]).abs() < 1e-9 * size, "{k} {j}: {} {}", c[j], b[j]);
            }
        }
    }
}
