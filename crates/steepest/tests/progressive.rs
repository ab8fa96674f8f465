//! The flagship on tables that are hard: a true bound within few passes, and honest words where there is none.
use steepest::descend::{Solution, descend};
use steepest::design::Design;
use steepest::designs::{dense::Dense, sparse::Sparse};
use steepest::glm::Glm;
use steepest::loss::{Block, Each};
use steepest::losses::softmax::Classes;
use steepest::losses::{huber::Huber, logistic::Logistic, squared::Squared};
use steepest::methods::METHODS;
use steepest::parallel::pool::with_threads;
use steepest::penalties::l2::L2;
use steepest::penalty;
use steepest::status::{Budget, Status};
use steepest::watch::{Stop, Unwatched};
use tables::{NAMES, table};

mod tables;

fn fit(design: &dyn Design, loss: &dyn Block, y: &[f64], alpha: f64, stop: Stop) -> Solution {
    let entry = METHODS.iter().find(|m| m.name == "progressive").expect("registered");
    let mut glm = Glm::new(design, loss, y, None, true).expect("a problem");
    let d = design.columns();
    let dim = loss.outputs() * (d + 1);
    let weight: Vec<f64> = (0..dim).map(|j| if j % (d + 1) < d { alpha } else { 0.0 }).collect();
    let penalty = penalty::PerCoordinate::new(L2::default(), &weight);
    let x0 = vec![0.0; dim];
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
        assert!(tight.status.success(), "{name}: {:?} {:?}", tight.status, tight.certificate);
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
    let penalty = penalty::PerCoordinate::uniform(L2::default(), 1e-4, 10);
    let method = (entry.build)(&[]);
    let again = descend(&mut glm, &penalty, method, &best.x, to(1e-6), &mut Unwatched);
    let again = again.expect("an answer");
    assert_eq!(again.status, Status::Converged);
    assert_eq!(again.counts.passes, 1.0);
}

/// Rows of which most entries are 0, on scales from 1e-2 to 1e2: their values, columns and starts, and dense.
fn sparse(n: usize, d: usize) -> (Vec<f64>, Vec<i32>, Vec<i32>, Vec<f64>) {
    let mut draw = tables::Draw(77 + n as u64);
    let (mut values, mut columns, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    let mut dense = vec![0.0; n * d];
    for i in 0..n {
        for j in 0..d {
            // Some columns are common, most are rare.
            if draw.uniform() < 2.0 / (4.0 + j as f64) {
                let v = (1.0 + draw.normal())
                    * 10f64.powf(4.0 * draw.uniform() - 2.0).powi((j % 2) as i32);
                values.push(v);
                columns.push(j as i32);
                dense[i * d + j] = v;
            }
        }
        starts.push(values.len() as i32);
    }
    (values, columns, starts, dense)
}

#[test]
fn wide_and_sparse_tables_are_solved_and_proved() {
    // Fewer rows than columns; more, but too few for a matrix to pay; many.
    for (n, d, alpha) in [(60, 400, 1e-3), (700, 300, 1e-4), (60, 900, 1e-9), (4_000, 40, 1e-4)] {
        let (values, columns, starts, dense) = sparse(n, d);
        let mut draw = tables::Draw(n as u64);
        let y: Vec<f64> =
            dense.chunks(d).map(|r| f64::from(r[0] + r[3] + draw.normal() > 0.5)).collect();
        let classes: Vec<f64> =
            dense.chunks(d).map(|r| f64::from(r[0] > 0.5) + f64::from(r[2] > 0.3)).collect();
        let table = Sparse::new(&values, &columns, &starts, d).expect("a table");
        let lying = Dense::by_rows(&dense, d).expect("a table");
        let standing: Vec<f64> =
            (0..d).flat_map(|j| dense.iter().skip(j).step_by(d).copied()).collect();
        let standing = Dense::by_columns(&standing, d).expect("a table");
        let losses: [(Box<dyn Block>, &[f64]); 3] = [
            (Box::new(Each(Logistic::default())), &y),
            (Box::new(Each(Squared::default())), &y),
            (Box::new(Classes { outputs: 3 }), &classes),
        ];
        for (loss, y) in &losses {
            let what = format!("{n} x {d}, alpha {alpha:e}, {}", loss.name());
            let tight = fit(&lying, &**loss, y, alpha, to_end(1e-11));
            // Where the penalty is next to nothing the gradient's rounding alone may stand for more than 1e-11 of F: then
            // no success is claimed, and what is proved is still near enough to hold the others to.
            let proved = tight.certificate.as_ref().map_or(f64::NAN, |c| c.bound);
            assert!(proved <= 2e-7 * tight.value, "{what}: {:?} {proved:e}", tight.status);
            let near = tight.certificate.as_ref().is_some_and(|c| c.bound <= c.target);
            assert_eq!(tight.status == Status::Converged, near, "{what}");
            for design in [&table as &dyn Design, &lying, &standing] {
                let got = fit(design, &**loss, y, alpha, to_end(1e-6));
                let bound = got.certificate.as_ref().map_or(f64::NAN, |c| c.bound);
                let error = got.value - tight.value;
                println!(
                    "{what}: {:?} {:.1} passes, error {error:e}, bound {bound:e}",
                    got.status, got.counts.passes
                );
                assert_eq!(got.status, Status::Converged, "{what}");
                assert!(got.certificate.is_some_and(|c| c.kind.proves()), "{what}");
                assert!(bound >= error && bound <= 1.001e-6 * got.value, "{what}");
                for threads in [1, 7] {
                    let again =
                        with_threads(threads, || fit(design, &**loss, y, alpha, to_end(1e-6)));
                    assert!(again.x == got.x, "{what}: other bits on {threads} threads");
                }
            }
        }
    }
}

fn to_end(tolerance: f64) -> Stop {
    Stop { tolerance, ..Stop::default() }
}
