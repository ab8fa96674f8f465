//! The flagship on tables that are hard: a true bound within few passes, and honest words where there is none.
use steepest::descend::{Budget, Solution, Status, Stop, Unwatched, descend};
use steepest::design::Design;
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::{Block, Each};
use steepest::losses::{huber::Huber, logistic::Logistic, squared::Squared};
use steepest::methods::METHODS;
use steepest::penalties::l2::L2;
use steepest::penalty;
use steepest::pool::with_threads;
use tables::{NAMES, table};

mod tables;

fn fit(design: &dyn Design, loss: &dyn Block, y: &[f64], alpha: f64, stop: Stop) -> Solution {
    let entry = METHODS.iter().find(|m| m.name == "progressive").expect("registered");
    let mut glm = Glm::new(design, loss, y, None, true).expect("a problem");
    let d = design.columns();
    let penalty = penalty::Each::uniform(L2::default(), alpha, d);
    let x0 = vec![0.0; d + 1];
    descend(&mut glm, &penalty, (entry.build)(&[]), &x0, stop, &mut Unwatched).expect("an answer")
}

fn to(tolerance: f64) -> Stop {
    Stop { tolerance, passes: 60.0, ..Stop::default() }
}

#[test]
fn hard_tables_are_solved_and_proved_in_few_passes() {
    let loss = Each(Logistic::default());
    for name in NAMES {
        let t = table(name, 20_000, 16);
        let design = Dense::by_rows(&t.x, t.d).expect("a table");
        let tight = fit(&design, &loss, &t.y, t.alpha, to(1e-11));
        let got = fit(&design, &loss, &t.y, t.alpha, to(1e-6));
        let bound = got.certificate.as_ref().map(|c| c.bound);
        println!(
            "{name}: {:?} in {:.1} passes, F {:.6e}, error {:.1e}, bound {:.1e}; tight {:?} {:.1}",
            got.status,
            got.counts.passes,
            got.value,
            (got.value - tight.value) / tight.value,
            bound.unwrap_or(f64::NAN) / tight.value,
            tight.status,
            tight.counts.passes,
        );
        assert_eq!(got.status, Status::Converged, "{name}");
        assert!(bound.expect("a bound") >= got.value - tight.value, "{name}");
        let most = if name.starts_with("separable") { 25.0 } else { 10.0 };
        assert!(got.counts.passes <= most, "{name}: {}", got.counts.passes);
        assert!(tight.status.success(), "{name}: {:?}", tight.status);
    }
}

#[test]
fn other_losses_and_single_precision() {
    let t = table("raw, 1e±2, shifted by 3 sigma", 12_000, 12);
    let single: Vec<f32> = t.x.iter().map(|x| *x as f32).collect();
    let target: Vec<f64> = t.x.chunks(12).zip(&t.y).map(|(r, y)| r[7] * 0.1 + 3.0 * y).collect();
    let losses: [Box<dyn Block>; 3] = [
        Box::new(Each(Squared::default())),
        Box::new(Each(Huber::default())),
        Box::new(Each(Logistic::default())),
    ];
    for loss in &losses {
        let y = if loss.name() == "logistic" { &t.y } else { &target };
        for design in [
            Box::new(Dense::by_rows(&t.x, 12).expect("a table")) as Box<dyn Design>,
            Box::new(Dense::by_rows(&single, 12).expect("a table")),
        ] {
            let got = fit(&*design, &**loss, y, 1e-4, to(1e-8));
            let tight = fit(&*design, &**loss, y, 1e-4, to(1e-12));
            println!("{} {:?} {:.1} passes", loss.name(), got.status, got.counts.passes);
            assert_eq!(got.status, Status::Converged, "{}", loss.name());
            assert!(got.certificate.expect("proof").bound >= got.value - tight.value);
            assert!(got.findings.iter().any(|f| f.kind == "bad_scaling"));
        }
    }
}

#[test]
fn separable_rows_without_a_penalty_are_said_to_be() {
    let loss = Each(Logistic::default());
    let t = table("separable, alpha 1e-8", 4_000, 6);
    let design = Dense::by_rows(&t.x, 6).expect("a table");
    let got = fit(&design, &loss, &t.y, 0.0, to(1e-6));
    assert_eq!(got.status, Status::Separable);
    assert!(got.findings.iter().any(|f| f.kind == "separable"));
    // Rows on the border: both sides where the column is 0, apart elsewhere.
    let x: Vec<f64> = (0..400).map(|i| f64::from(i % 3) - 1.0).collect();
    let y: Vec<f64> = (0..400)
        .map(|i| if i % 3 == 1 { f64::from(i % 2) } else { f64::from(i % 3 == 2) })
        .collect();
    let design = Dense::by_rows(&x, 1).expect("a table");
    let got = fit(&design, &loss, &y, 0.0, to(1e-6));
    println!("border: {:?} {} passes", got.status, got.counts.passes);
    assert_eq!(got.status, Status::Separable);
}

#[test]
fn small_and_odd_tables() {
    let loss = Each(Squared::default());
    // One row; fewer rows than columns; no column; a constant column; all copies.
    let one = Dense::by_rows(&[1.0, 2.0], 2).map(|d| fit(&d, &loss, &[3.0], 0.0, to(1e-6)));
    let one = one.expect("a table");
    assert!(one.status.success() && one.value < 1e-12, "{:?} {}", one.status, one.value);
    let x: Vec<f64> = (0..60).map(|k| ((k * k) % 17) as f64).collect();
    let wide = Dense::by_rows(&x, 20).expect("a table");
    for alpha in [0.0, 1e-3] {
        let got = fit(&wide, &loss, &[1.0, -1.0, 2.0], alpha, to(1e-6));
        assert!(got.status.success(), "{:?}", got.status);
    }
    let none: [f64; 0] = [];
    let empty = Dense::strided(&none, 5, 0, 0, 1).expect("a table");
    let got = fit(&empty, &loss, &[1.0, 2.0, 3.0, 4.0, 5.0], 0.0, to(1e-9));
    assert_eq!(got.status, Status::Converged);
    assert!((got.x[0] - 3.0).abs() < 1e-9);
    let flat = [7.0; 40];
    let logistic = Each(Logistic::default());
    let y: Vec<f64> = (0..20).map(|i| f64::from(i % 4 == 0)).collect();
    let got = fit(&Dense::by_rows(&flat, 2).expect("a table"), &logistic, &y, 0.0, to(1e-9));
    assert_eq!(got.status, Status::Converged);
    assert!((got.value - 0.5623351446188083).abs() < 1e-9);
    // One class only: the intercept, which is free, runs away, whatever holds the coefficients.
    for alpha in [0.0, 1e-2] {
        let got = fit(&wide, &logistic, &[1.0, 1.0, 1.0], alpha, to(1e-6));
        assert_eq!(got.status, Status::Separable, "alpha {alpha}, {} passes", got.counts.passes);
    }
}

#[test]
fn what_is_not_finite_is_named_and_budgets_hold() {
    let loss = Each(Logistic::default());
    let mut t = table("plain", 20_000, 8);
    let design = Dense::by_rows(&t.x, 8).expect("a table");
    let few = fit(&design, &loss, &t.y, 1e-4, Stop { passes: 0.01, ..Stop::default() });
    assert_eq!(few.status, Status::Budget(Budget::Passes));
    let start = std::f64::consts::LN_2;
    assert!(few.value.is_finite() && few.value <= start + 0.2, "{}", few.value);
    t.x[8 * 1234 + 5] = f64::NAN;
    let design = Dense::by_rows(&t.x, 8).expect("a table");
    let got = fit(&design, &loss, &t.y, 1e-4, to(1e-6));
    let Status::NotFinite(why) = got.status else { panic!("{:?}", got.status) };
    assert!(why.contains("row 1234, column 5"), "{why}");
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let loss = Each(Logistic::default());
    let t = table("heavy tails", 30_000, 12);
    let design = Dense::by_rows(&t.x, 12).expect("a table");
    let run = |threads| with_threads(threads, || fit(&design, &loss, &t.y, t.alpha, to(1e-8)));
    let first = run(1);
    for threads in [2, 7] {
        let got = run(threads);
        assert_eq!(got.x, first.x);
        assert_eq!(got.value, first.value);
        assert_eq!(got.counts, first.counts);
    }
}

#[test]
fn from_the_optimum_it_needs_one_pass() {
    let loss = Each(Logistic::default());
    let t = table("raw, 1e±2, shifted by 3 sigma", 20_000, 10);
    let design = Dense::by_rows(&t.x, 10).expect("a table");
    let best = fit(&design, &loss, &t.y, 1e-4, to(1e-10));
    let entry = METHODS.iter().find(|m| m.name == "progressive").expect("registered");
    let mut glm = Glm::new(&design, &loss, &t.y, None, true).expect("a problem");
    let penalty = penalty::Each::uniform(L2::default(), 1e-4, 10);
    let method = (entry.build)(&[]);
    let again = descend(&mut glm, &penalty, method, &best.x, to(1e-6), &mut Unwatched);
    let again = again.expect("an answer");
    assert_eq!(again.status, Status::Converged);
    assert_eq!(again.counts.passes, 1.0);
}
