//! Every loss of the registry, held to what makes it a loss: a new entry gets all of it without a line here.
//! What a loss of several margins must do besides is in `losses_joint.rs`.
use proptest::prelude::*;
use steepest::loss::{Block, Entry, Outputs};
use steepest::losses::LOSSES;
use steepest::numbers::simd::{self, Level};

/// Settings: the defaults, and the defaults pulled a little towards both ends of their ranges.
fn settings(e: &Entry) -> Vec<Vec<f64>> {
    let at = |f: fn(f64) -> f64| {
        e.parameters.iter().map(|p| f(p.default).clamp(p.low, p.high)).collect::<Vec<f64>>()
    };
    vec![at(|v| v), at(|v| v * 0.5), at(|v| v * 1.7)]
}

/// Targets that the loss takes, of those tried.
fn targets(b: &dyn Block) -> Vec<f64> {
    [0.0, 1.0, 2.0, 0.5, -1.3, 17.0].into_iter().filter(|&t| b.refuses(t).is_none()).collect()
}

fn value(b: &dyn Block, target: f64, margin: f64) -> f64 {
    let mut v = [0.0];
    b.values(&[target], &[margin], &mut v);
    v[0]
}

fn jet(b: &dyn Block, target: f64, margin: f64) -> [f64; 3] {
    let (mut v, mut s, mut c) = ([0.0], [0.0], [0.0]);
    b.jets(&[target], &[margin], &mut v, &mut s, &mut c);
    [v[0], s[0], c[0]]
}

/// Calls `check(entry, block, settings, target)` for all of them.
fn every(check: impl Fn(&Entry, &dyn Block, &[f64], f64)) {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::One) {
        for s in settings(e) {
            let block = (e.build)(&s, 1);
            for t in targets(&*block) {
                check(e, &*block, &s, t);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn derivatives_are_difference_quotients(margin in -20.0..20.0f64) {
        every(|e, b, _, t| {
            let [v, slope, curvature] = jet(b, t, margin);
            assert_eq!(v, value(b, t, margin));
            let h = 1e-5 * (1.0 + margin.abs());
            if b.kinks(t).iter().any(|k| (k.at - margin).abs() <= h) {
                // It has no slope there.
                return;
            }
            let (low, high) = (jet(b, t, margin - h), jet(b, t, margin + h));
            let scale = 1.0 + slope.abs() + (high[1] - low[1]).abs() / h;
            let quotient = (high[0] - low[0]) / (2.0 * h);
            assert!((quotient - slope).abs() <= 1e-5 * scale * (1.0 + v.abs()), "{} at {margin}: {slope} {quotient}", e.name);
            // Across a kink of the slope the quotient lies between the curvatures.
            let second = (high[1] - low[1]) / (2.0 * h);
            let (least, most) = (low[2].min(high[2]).min(curvature), low[2].max(high[2]).max(curvature));
            assert!(second >= least - 1e-4 * scale && second <= most + 1e-4 * scale, "{} at {margin}", e.name);
        });
    }

    #[test]
    fn never_below_zero_and_convex_where_curvature_says_so(margin in -30.0..30.0f64) {
        every(|e, b, _, t| {
            let [v, _, curvature] = jet(b, t, margin);
            assert!(v >= -1e-12, "{} at {margin}: {v}", e.name);
            assert!(curvature >= 0.0 || !b.convex(), "{} at {margin}: {curvature}", e.name);
        });
    }

    #[test]
    fn compiled_is_traced(margin in -20.0..20.0f64) {
        every(|e, b, s, t| {
            let program = (e.program)();
            let traced = program.evaluate(|name| match name {
                "target" => Some(t),
                "margin" => Some(margin),
                name => e.parameters.iter().position(|p| p.name == name).map(|k| s[k]),
            });
            let traced = traced.expect("the program has the loss's own inputs")[0];
            let compiled = value(b, t, margin);
            assert!((traced - compiled).abs() <= 4e-16 * (1.0 + compiled.abs()), "{} at {margin}: {traced} {compiled}", e.name);
        });
    }

    /// D(d) + D*(u) ≥ u·d, with equality where u is the change of the slope: D* is the conjugate.
    #[test]
    fn the_conjugate_is_the_conjugate(margin in -8.0..8.0f64, d in -6.0..6.0f64, share in -1.0..1.0f64) {
        every(|e, b, _, t| {
            if !b.convex() {
                return;
            }
            let [v, slope, _] = jet(b, t, margin);
            let there = jet(b, t, margin + d);
            let distance = (there[0] - v - slope * d).max(0.0);
            let touching = there[1] - slope;
            let at = b.conjugate_distance(t, &[margin], &[touching * (1.0 - 1e-12)]);
            let scale = 1.0 + v.abs() + distance + (touching * d).abs();
            assert!((distance + at - touching * d).abs() <= 1e-6 * scale, "{} at {margin}, {d}: {at}", e.name);
            let edge = b.conjugate_edge(t, margin, share).min(1e3);
            let u = share.abs() * edge * share.signum();
            let conjugate = b.conjugate_distance(t, &[margin], &[u]);
            assert!(distance + conjugate >= u * d - 1e-9 * scale, "{} at {margin}, {d}, {u}", e.name);
            assert!(conjugate.is_finite() || share.abs() > 1.0 - 1e-9, "{} inside its domain", e.name);
        });
    }

    #[test]
    fn same_bits_on_every_instruction_set(margins in prop::collection::vec(-20.0..20.0f64, 1..40)) {
        every(|e, b, _, t| {
            let target = vec![t; margins.len()];
            let run = |level| {
                simd::hold(Some(level));
                let (mut v, mut s, mut c) = (margins.clone(), margins.clone(), margins.clone());
                b.jets(&target, &margins, &mut v, &mut s, &mut c);
                let mut slopes = margins.clone();
                let mut values = margins.clone();
                b.slopes(&target, &mut slopes, &mut values);
                simd::hold(None);
                [v, s, c, slopes, values].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let baseline = run(Level::Baseline);
            assert_eq!(baseline, run(Level::Avx2), "{}", e.name);
            assert_eq!(baseline, run(Level::Avx512), "{}", e.name);
        });
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for e in LOSSES {
        for p in e.parameters {
            let below = if p.low.is_finite() { p.low - 1.0 } else { f64::NAN };
            let error =
                steepest::settings::checked(e.name, e.parameters, &[(p.name, below)]).unwrap_err();
            assert!(error.contains(p.name), "{error}");
        }
        let error =
            steepest::settings::checked(e.name, e.parameters, &[("nonsense", 1.0)]).unwrap_err();
        assert!(error.contains("nonsense") && error.contains(e.name), "{error}");
    }
}

#[test]
fn names_are_unique_and_every_page_has_a_text() {
    for (i, e) in LOSSES.iter().enumerate() {
        assert!(LOSSES[..i].iter().all(|o| o.name != e.name));
        assert!(e.doc.len() > 40, "{} needs a page", e.name);
        assert!(e.parameters.iter().all(|p| !p.doc.is_empty()), "{}", e.name);
    }
}

/// What a loss of straight parts, or of half squares, tells of its kinks is what its formula says, and it is no other loss's.
#[test]
fn kinks_make_the_loss_up() {
    every(|e, b, _, t| {
        let kinks = b.kinks(t);
        let told = |m: f64| -> f64 {
            let far = |d: f64| if b.half_squares() { d.max(0.0).powi(2) } else { d.max(0.0) };
            kinks.iter().map(|k| (k.up * far(m - k.at)).max(k.down * far(k.at - m))).sum()
        };
        let bent = b.straight() || b.half_squares();
        assert_eq!(bent, kinks.iter().any(|k| k.up + k.down > 0.0), "{}", e.name);
        for i in -80..80 {
            let m = 0.37 * f64::from(i);
            let off = (told(m) - value(b, t, m)).abs();
            assert!(!bent || off <= 1e-13 * (1.0 + m * m), "{} at {m}", e.name);
        }
    });
}
