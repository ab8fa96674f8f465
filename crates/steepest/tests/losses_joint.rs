//! Every loss of several margins, held to what makes it one: a new entry gets all of it without a line here.
use proptest::prelude::*;
use steepest::loss::{Block, Entry, Outputs};
use steepest::losses::LOSSES;
use steepest::numbers::simd::{self, Level};

/// Margins of a row: few, three (those that are traced), as many as a vector's lanes and more.
const MANY: [usize; 6] = [2, 3, 7, 8, 10, 37];

/// Calls `check(entry, block, settings, outputs, target)` for all of them.
fn every(check: impl Fn(&Entry, &dyn Block, &[f64], usize, f64)) {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::Many) {
        let settings: Vec<f64> = e.parameters.iter().map(|p| p.default).collect();
        for outputs in MANY {
            let block = (e.build)(&settings, outputs);
            assert_eq!(block.outputs(), outputs);
            for target in [0, outputs / 2, outputs - 1] {
                if block.refuses(target as f64).is_none() {
                    check(e, &*block, &settings, outputs, target as f64);
                }
            }
        }
    }
}

/// Value, slopes and the row from which the curvature is diag(p) − p p′.
fn jet(b: &dyn Block, target: f64, margin: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let (mut v, mut s, mut p) = ([0.0], margin.to_vec(), margin.to_vec());
    b.jets(&[target], margin, &mut v, &mut s, &mut p);
    (v[0], s, p)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The curvature times a direction.
fn bend(p: &[f64], t: &[f64]) -> Vec<f64> {
    let mean = dot(p, t);
    p.iter().zip(t).map(|(p, t)| p * (t - mean)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn derivatives_are_difference_quotients(all in prop::collection::vec(-12.0..12.0f64, 37), d in prop::collection::vec(-1.0..1.0f64, 37)) {
        every(|e, b, _, k, t| {
            let (z, d) = (&all[..k], &d[..k]);
            let (v, s, p) = jet(b, t, z);
            let h = 1e-5;
            let at = |h: f64| jet(b, t, &z.iter().zip(d).map(|(z, d)| z + h * d).collect::<Vec<_>>());
            let (low, high) = (at(-h), at(h));
            assert!((dot(&s, d) - (high.0 - low.0) / (2.0 * h)).abs() <= 1e-8 * (1.0 + v), "{} {k}", e.name);
            for (j, bent) in bend(&p, d).iter().enumerate() {
                let quotient = (high.1[j] - low.1[j]) / (2.0 * h);
                assert!((bent - quotient).abs() <= 1e-8, "{} {k}: {bent} {quotient}", e.name);
            }
        });
    }

    #[test]
    fn compiled_is_traced(z in prop::collection::vec(-30.0..30.0f64, 3)) {
        every(|e, b, s, k, t| {
            if k != 3 {
                return;
            }
            let traced = (e.program)().evaluate(|name| match name {
                "target" => Some(t),
                "margin_0" => Some(z[0]),
                "margin_1" => Some(z[1]),
                "margin_2" => Some(z[2]),
                name => e.parameters.iter().position(|p| p.name == name).map(|k| s[k]),
            });
            let traced = traced.expect("the program has the loss's own inputs")[0];
            let (compiled, mut alone) = (jet(b, t, &z).0, [0.0]);
            b.values(&[t], &z, &mut alone);
            assert_eq!(compiled, alone[0]);
            assert!(compiled >= 0.0);
            assert!((traced - compiled).abs() <= 4e-16 * compiled, "{}: {traced} {compiled}", e.name);
        });
    }

    /// D(d) + D*(u) ≥ u·d, with equality where u is the change of the slopes: D* is the conjugate.
    #[test]
    fn the_conjugate_is_the_conjugate(
        all in prop::collection::vec(-6.0..6.0f64, 37), d in prop::collection::vec(-3.0..3.0f64, 37),
        other in prop::collection::vec(-3.0..3.0f64, 37),
    ) {
        every(|e, b, _, k, t| {
            let (z, d, other) = (&all[..k], &d[..k], &other[..k]);
            let (v, s, _) = jet(b, t, z);
            let moved = |d: &[f64]| jet(b, t, &z.iter().zip(d).map(|(z, d)| z + d).collect::<Vec<_>>());
            let change = |d: &[f64]| moved(d).1.iter().zip(&s).map(|(a, b)| a - b).collect::<Vec<_>>();
            let distance = (moved(d).0 - v - dot(&s, d)).max(0.0);
            let touching = change(d);
            let scale = 1.0 + v + distance;
            let at = b.conjugate_distance(t, z, &touching);
            assert!((distance + at - dot(&touching, d)).abs() <= 1e-9 * scale, "{} {k}: {at}", e.name);
            let u = change(other);
            let at = b.conjugate_distance(t, z, &u);
            assert!(distance + at >= dot(&u, d) - 1e-9 * scale, "{} {k}", e.name);
            let beyond: Vec<f64> = u.iter().map(|u| 1e6 * u).collect();
            assert!(dot(&u, &u) < 1e-6 || b.conjugate_distance(t, z, &beyond) == f64::INFINITY);
        });
    }

    #[test]
    fn same_bits_on_every_instruction_set_and_beside_any_row(all in prop::collection::vec(-20.0..20.0f64, 5 * 37)) {
        every(|e, b, _, k, t| {
            let (target, z) = ([t; 5], &all[..5 * k]);
            let run = |level| {
                simd::hold(Some(level));
                let (mut v, mut s, mut c) = ([0.0; 5], z.to_vec(), z.to_vec());
                b.jets(&target, z, &mut v, &mut s, &mut c);
                let (mut values, mut slopes) = ([0.0; 5], z.to_vec());
                b.slopes(&target, &mut slopes, &mut values);
                assert!(slopes == s && values == v);
                b.values(&target, z, &mut values);
                assert!(values == v);
                simd::hold(None);
                [&v[..], &s, &c].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let baseline = run(Level::Baseline);
            assert_eq!(baseline, run(Level::Avx2), "{}", e.name);
            assert_eq!(baseline, run(Level::Avx512), "{}", e.name);
            let alone = jet(b, t, &z[2 * k..3 * k]);
            assert_eq!(alone.0.to_bits(), baseline[2]);
        });
    }
}

#[test]
fn exact_in_the_tails() {
    let softmax = LOSSES.iter().find(|e| e.name == "softmax").expect("softmax");
    let b = (softmax.build)(&[], 3);
    let (v, s, p) = jet(&*b, 1.0, &[0.0, 100.0, -3.0]);
    let far = (-100.0f64).exp();
    assert!((v / (far * (1.0 + (-3.0f64).exp())) - 1.0).abs() < 1e-14);
    assert!((s[1] / -v - 1.0).abs() < 1e-14 && p[1] == 1.0);
    let (v, s, _) = jet(&*b, 0.0, &[-800.0, 800.0, 0.0]);
    assert_eq!((v, s), (1600.0, vec![-1.0, 1.0, 0.0]));
}

#[test]
fn targets_that_are_no_class_are_refused() {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::Many) {
        let b = (e.build)(&e.parameters.iter().map(|p| p.default).collect::<Vec<_>>(), 3);
        for target in [-1.0, 0.5, 3.0, f64::NAN, f64::INFINITY] {
            assert!(b.refuses(target).is_some_and(|why| why.starts_with(e.name)), "{target}");
        }
    }
}
