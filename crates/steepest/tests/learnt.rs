//! Losses with numbers that are learnt beside the coefficients: derivatives, and the optimum with a bound that is true.
use proptest::prelude::*;
use steepest::certificate::Kind;
use steepest::descend::{Solution, descend};
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::{Block, Entry, Outputs};
use steepest::losses::LOSSES;
use steepest::methods::METHODS;
use steepest::objective::Objective;
use steepest::penalties::l2::L2;
use steepest::penalty;
use steepest::problem::facts;
use steepest::settings::checked;
use steepest::status::Status;
use steepest::watch::{Stop, Unwatched};
use tables::Draw;

#[allow(dead_code)]
mod tables;

/// Classes, where targets are classes; the registered losses are tried with each.
const CLASSES: [usize; 4] = [2, 3, 4, 7];

/// Calls `check(entry, block, target)` for all of them.
fn every(check: impl Fn(&Entry, &dyn Block, f64)) {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::Learnt) {
        let settings: Vec<f64> = e.parameters.iter().map(|p| p.default).collect();
        for classes in if e.classes { &CLASSES[..] } else { &[1] } {
            let block = (e.build)(&settings, *classes);
            let targets = [0.0, 1.0, (*classes - 1) as f64, -0.7, 2.4];
            for t in targets.into_iter().filter(|t| block.refuses(*t).is_none()) {
                check(e, &*block, t);
            }
        }
    }
}

fn jets(b: &dyn Block, target: f64, at: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let (mut v, mut s, mut h) = ([0.0], at.to_vec(), vec![0.0; b.bending()]);
    b.jets(&[target], at, &mut v, &mut s, &mut h);
    (v[0], s, h)
}

fn moved(at: &[f64], by: f64, d: &[f64]) -> Vec<f64> {
    at.iter().zip(d).map(|(z, d)| z + by * d).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn derivatives_are_difference_quotients(
        all in prop::collection::vec(-0.4..0.4f64, 7), d in prop::collection::vec(-1.0..1.0f64, 7), margin in -9.0..9.0f64,
    ) {
        every(|e, b, t| {
            let k = b.outputs();
            let (mut at, d) = (all[..k].to_vec(), &d[..k]);
            at[0] = margin;
            let (v, s, h) = jets(b, t, &at);
            let step = 1e-5;
            let (low, high) = (jets(b, t, &moved(&at, -step, d)), jets(b, t, &moved(&at, step, d)));
            assert!((dot(&s, d) - (high.0 - low.0) / (2.0 * step)).abs() <= 1e-7 * (1.0 + v), "{} {k}", e.name);
            let mut bent = d.to_vec();
            b.bend(&h, &mut bent, &[]);
            // A kink of the slopes lies somewhere, and a quotient across it is of either side.
            let smooth = jets(b, t, &moved(&at, step, d)).2.iter().zip(&h).all(|(a, b)| (a - b).abs() < 1e-2);
            for j in (0..k).filter(|_| smooth) {
                let quotient = (high.1[j] - low.1[j]) / (2.0 * step);
                assert!((bent[j] - quotient).abs() <= 1e-5 * (1.0 + quotient.abs()), "{} {k} {j}: {} {quotient}", e.name, bent[j]);
                for i in 0..k {
                    assert_eq!(b.bends(&h, i, j), b.bends(&h, j, i));
                }
            }
            assert!((b.bent(&h, d) - dot(&bent, d)).abs() <= 1e-12 * (1.0 + dot(&bent, d)));
            assert!(dot(&bent, d) >= -1e-9, "{} is convex", e.name);
        });
    }

    /// D(d) + D*(u) ≥ u·d for any d, with equality at the step that made u.
    #[test]
    fn a_dual_point_bounds_every_step(
        all in prop::collection::vec(-0.4..0.4f64, 7), t in prop::collection::vec(-0.3..0.3f64, 7),
        d in prop::collection::vec(-0.4..0.4f64, 7), margin in -5.0..5.0f64,
    ) {
        every(|e, b, target| {
            let k = b.outputs();
            let (mut at, t, d) = (all[..k].to_vec(), &t[..k], &d[..k]);
            at[0] = margin;
            let mut u = vec![0.0; k];
            let distance = b.dual(target, &at, t, &mut u);
            let (v, s, _) = jets(b, target, &at);
            let bregman = |d: &[f64]| jets(b, target, &moved(&at, 1.0, d)).0 - v - dot(&s, d);
            assert!((distance + bregman(t) - dot(&u, t)).abs() <= 1e-12 * (1.0 + v), "{}", e.name);
            assert!(distance + bregman(d) >= dot(&u, d) - 1e-12 * (1.0 + v), "{}", e.name);
            assert!(distance >= 0.0);
        });
    }
}

/// Rows on scales of their own, with targets that a loss takes.
fn problem(e: &Entry, classes: usize, n: usize, d: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..n {
        let row: Vec<f64> = (0..d).map(|_| draw.normal()).collect();
        let z = row.iter().sum::<f64>() / (d as f64).sqrt() + draw.normal();
        y.push(match e.classes {
            // Every class is there.
            true if i < classes => i as f64,
            true => (z + 0.5 * classes as f64).clamp(0.0, (classes - 1) as f64).floor(),
            false => 3.0 * z + if i % 11 == 0 { 40.0 * draw.normal() } else { 0.0 } + 100.0,
        });
        x.extend(row.iter().enumerate().map(|(j, v)| (v + 2.0) * 10f64.powi(j as i32 % 5 - 2)));
    }
    (x, y)
}

fn run(glm: &mut Glm<'_>, method: &str, alpha: f64, tolerance: f64) -> Solution {
    let (dim, d, k) = (glm.dim(), glm.design.columns(), glm.margins());
    let width = glm.width();
    let weight: Vec<f64> =
        (0..dim).map(|j| if j < k * width && j % width < d { alpha } else { 0.0 }).collect();
    let penalty = penalty::PerCoordinate::new(L2::default(), &weight);
    let entry = METHODS.iter().find(|m| m.name == method).expect("registered");
    let settings = checked(entry.name, entry.parameters, &[]).expect("defaults are in range");
    let stop = Stop { tolerance, passes: 3000.0, ..Stop::default() };
    descend(glm, &penalty, (entry.build)(&settings), &vec![0.0; dim], stop, &mut Unwatched)
        .expect("an answer")
}

/// The bound is there, and is true: against Newton's method on the same function, to the end of the arithmetic.
fn proved(e: &Entry, of: (usize, usize, usize, bool), alpha: f64, method: &str) -> Solution {
    let (classes, n, d, intercept) = of;
    let classes = if e.classes { classes } else { 1 };
    let settings: Vec<f64> = e.parameters.iter().map(|p| p.default).collect();
    let block = (e.build)(&settings, classes);
    let (x, y) = problem(e, classes, n, d, 7 + n as u64);
    let design = Dense::by_rows(&x, d).expect("a table");
    let weight: Vec<f64> = (0..n).map(|i| [1.0, 2.0, 0.5][i % 3]).collect();
    let weight = (n == 2000).then_some(&weight[..]);
    let mut glm = Glm::new(&design, &*block, &y, weight, intercept).expect("a problem");
    let best = run(&mut glm, "newton", alpha, 1e-13).value;
    let got = run(&mut glm, method, alpha, 1e-6);
    let what = format!("{} {of:?} {alpha:e} {method}", e.name);
    println!(
        "{what}: {:?} in {:.1} passes, F {:.9e}, off {:.1e}",
        got.status,
        got.counts.passes,
        got.value,
        got.value - best
    );
    assert_eq!(got.status, Status::Converged, "{what}");
    let certificate = got.certificate.as_ref().expect("a certificate");
    assert_eq!(certificate.kind, Kind::DualityGap, "{what}");
    assert!(certificate.bound <= 1e-6 * got.value, "{what}: {}", certificate.bound);
    assert!(got.value - best <= certificate.bound, "{what}");
    assert!(got.value >= best - 1e-11 * best.abs(), "{what}");
    got
}

#[test]
fn proved_and_true() {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::Learnt) {
        for of in [(3, 60, 3, true), (5, 2000, 6, true), (4, 20_000, 8, true), (4, 500, 4, false)] {
            for alpha in [1e-2, 1e-5, 0.0] {
                proved(e, of, alpha, "progressive");
            }
        }
        proved(e, (3, 60, 3, true), 1e-2, "fista");
    }
}

/// What has no table's method to prove it (an l1 penalty) is refused by those that would need one, and said to be level by
/// the others.
#[test]
fn methods_that_know_no_learnt_numbers_refuse_them() {
    for e in LOSSES.iter().filter(|e| e.outputs == Outputs::Learnt) {
        let settings: Vec<f64> = e.parameters.iter().map(|p| p.default).collect();
        let block = (e.build)(&settings, if e.classes { 3 } else { 1 });
        let (x, y) = problem(e, 3, 40, 2, 5);
        let design = Dense::by_rows(&x, 2).expect("a table");
        let mut glm = Glm::new(&design, &*block, &y, None, true).expect("a problem");
        let penalty = penalty::PerCoordinate::new(L2::default(), &vec![0.1; glm.dim()]);
        let facts = facts(&mut glm, &penalty);
        let of = |name: &str| {
            METHODS.iter().find(|m| m.name == name).expect("registered").refusal(&facts, METHODS)
        };
        assert!(of("progressive").is_none() && of("lbfgs").is_none() && of("fista").is_none());
        assert!(of("coordinate").expect("refused").contains("learnt"), "{:?}", of("coordinate"));
    }
}

/// Two classes in an order are two classes.
#[test]
fn two_classes_are_logistic() {
    let of = |name: &str| LOSSES.iter().find(|e| e.name == name).expect("registered");
    let (x, y) = problem(of("ordinal"), 2, 300, 3, 11);
    let design = Dense::by_rows(&x, 3).expect("a table");
    let fit = |name: &str, classes: usize| {
        let block = (of(name).build)(&[], classes);
        let mut glm = Glm::new(&design, &*block, &y, None, true).expect("a problem");
        run(&mut glm, "progressive", 1e-3, 1e-9).x
    };
    assert_eq!(fit("ordinal", 2), fit("logistic", 1));
}
