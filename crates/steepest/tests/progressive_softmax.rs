//! The flagship on several classes: the optimum, with a bound that is true, whatever the classes are like.
use steepest::descend::{Solution, descend};
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::{Block, Each};
use steepest::losses::{logistic::Logistic, softmax::Classes};
use steepest::methods::METHODS;
use steepest::parallel::pool::with_threads;
use steepest::penalties::l2::L2;
use steepest::penalty;
use steepest::settings::checked;
use steepest::status::Status;
use steepest::watch::{Stop, Unwatched};
use tables::Draw;

#[allow(dead_code)]
mod tables;

/// Rows, classes and weights of a problem.
struct Problem {
    x: Vec<f64>,
    y: Vec<f64>,
    weight: Option<Vec<f64>>,
    d: usize,
    classes: usize,
}

/// Raw columns of different scales and levels; classes drawn from a model, or the likeliest where `sure`.
fn problem(n: usize, d: usize, classes: usize, sure: bool, seed: u64) -> Problem {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let w: Vec<f64> = (0..d * classes).map(|_| 1.5 * draw.normal() / (d as f64).sqrt()).collect();
    let scale: Vec<f64> = (0..d).map(|_| 10f64.powf(4.0 * draw.uniform() - 2.0)).collect();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let row: Vec<f64> = (0..d).map(|_| draw.normal()).collect();
        let score = |k: usize| row.iter().zip(&w[k * d..]).map(|(x, w)| x * w).sum::<f64>();
        let noise = |draw: &mut Draw| if sure { 0.0 } else { -(-(1.0 - draw.uniform()).ln()).ln() };
        let scores: Vec<f64> = (0..classes).map(|k| score(k) + noise(&mut draw)).collect();
        y.push((0..classes).fold(0, |m, k| if scores[k] > scores[m] { k } else { m }) as f64);
        x.extend(row.iter().zip(&scale).map(|(x, s)| s * (x + 3.0)));
    }
    Problem { x, y, weight: None, d, classes }
}

fn run(p: &Problem, loss: &dyn Block, method: &str, alpha: f64, stop: Stop) -> Solution {
    let entry = METHODS.iter().find(|m| m.name == method).expect("registered");
    let design = Dense::by_rows(&p.x, p.d).expect("a table");
    let mut glm = Glm::new(&design, loss, &p.y, p.weight.as_deref(), true).expect("a problem");
    let dim = loss.outputs() * (p.d + 1);
    let free = |j: usize| (j + 1).is_multiple_of(p.d + 1);
    let weight: Vec<f64> = (0..dim).map(|j| if free(j) { 0.0 } else { alpha }).collect();
    let penalty = penalty::PerCoordinate::new(L2::default(), &weight);
    let x0 = vec![0.0; dim];
    let settings = checked(entry.name, entry.parameters, &[]).expect("defaults are in range");
    descend(&mut glm, &penalty, (entry.build)(&settings), &x0, stop, &mut Unwatched)
        .expect("an answer")
}

fn fit(p: &Problem, alpha: f64, tolerance: f64) -> Solution {
    let stop = Stop { tolerance, passes: 100.0, ..Stop::default() };
    run(p, &Classes { outputs: p.classes }, "progressive", alpha, stop)
}

fn proved(what: &str, p: &Problem, alpha: f64) -> Solution {
    let tight = fit(p, alpha, 1e-11);
    let got = fit(p, alpha, 1e-6);
    let bound = got.certificate.as_ref().map_or(f64::NAN, |c| c.bound);
    println!(
        "{what}: {:?} in {:.1} passes, F {:.6e}, error {:.1e}, bound {:.1e}; tight {:?} {:.1}",
        got.status,
        got.counts.passes,
        got.value,
        (got.value - tight.value) / tight.value,
        bound / tight.value,
        tight.status,
        tight.counts.passes,
    );
    assert_eq!(got.status, Status::Converged, "{what}");
    assert!(tight.status.success(), "{what}: {:?}", tight.status);
    assert!(bound >= got.value - tight.value, "{what}");
    got
}

#[test]
fn raw_columns_in_few_passes_and_the_same_bits_on_any_number_of_threads() {
    for (n, d, classes) in [(6000, 5, 3), (20_000, 12, 6), (400, 7, 2), (200, 3, 11)] {
        let p = problem(n, d, classes, false, n as u64);
        let what = format!("{n} x {d}, {classes} classes");
        let got = proved(&what, &p, 1e-4);
        assert!(got.counts.passes <= 12.0, "{what}: {}", got.counts.passes);
        for threads in [1, 2, 7] {
            let again = with_threads(threads, || fit(&p, 1e-4, 1e-6));
            assert!(
                again.x == got.x && again.value == got.value,
                "{what}: other bits on {threads} threads"
            );
        }
        if n > 1000 {
            continue;
        }
        let stop = Stop { tolerance: 1e-12, passes: 2000.0, ..Stop::default() };
        let peer = run(&p, &Classes { outputs: classes }, "lbfgs", 1e-4, stop);
        assert!(
            got.value - peer.value <= 1e-6 * peer.value,
            "{what}: {} {}",
            got.value,
            peer.value
        );
    }
}

#[test]
fn many_classes_need_no_matrix_of_all_variables() {
    // 20 classes and 30 columns: 589 variables are free.
    let p = problem(8000, 30, 20, false, 9);
    let got = proved("8000 x 30, 20 classes", &p, 1e-4);
    assert!(got.counts.passes <= 20.0, "{}", got.counts.passes);
    for threads in [1, 2, 7] {
        let again = with_threads(threads, || fit(&p, 1e-4, 1e-6));
        assert!(again.x == got.x, "other bits on {threads} threads");
    }
}

#[test]
fn the_bound_is_never_below_the_error_from_the_start_to_the_optimum() {
    let mut finite = 0;
    for seed in 0..60 {
        let (n, d, classes) =
            (30 + 7 * (seed as usize % 20), 1 + seed as usize % 4, 2 + seed as usize % 5);
        let mut p = problem(n, d, classes, seed % 7 == 0, seed + 1);
        if seed % 3 == 0 {
            p.weight = Some((0..n).map(|i| (i % 4) as f64).collect());
        }
        let alpha = [1e-6, 1e-3, 0.1][seed as usize % 3];
        let tight = fit(&p, alpha, 1e-13);
        for tolerance in [1.0, 0.1, 1e-2, 1e-3, 1e-5, 1e-8] {
            let got = fit(&p, alpha, tolerance);
            let Some(c) = got.certificate else { continue };
            finite += usize::from(c.bound < 0.99 * got.value);
            let error = got.value - tight.value;
            assert!(
                c.bound >= error - 1e-14 * got.value,
                "{seed} {tolerance}: {:e} {error:e}",
                c.bound
            );
        }
    }
    assert!(finite > 200, "{finite}");
}

#[test]
fn two_classes_are_the_logistic_loss_with_half_the_penalty() {
    let p = problem(3000, 6, 2, false, 5);
    let two = fit(&p, 2e-3, 1e-10);
    let stop = Stop { tolerance: 1e-10, ..Stop::default() };
    let one = run(&p, &Each(Logistic::default()), "progressive", 1e-3, stop);
    assert!((two.value - one.value).abs() <= 1e-9 * one.value, "{} {}", two.value, one.value);
    for j in 0..6 {
        let apart = two.x[7 + j] - two.x[j];
        assert!(
            (apart - one.x[j]).abs() <= 1e-4 * one.x[j].abs().max(1e-3),
            "{j}: {apart} {}",
            one.x[j]
        );
    }
}

#[test]
fn classes_that_are_rare_missing_weightless_or_set_apart() {
    let mut rare = problem(20_000, 6, 4, false, 11);
    rare.y.iter_mut().enumerate().for_each(|(i, y)| {
        let rest = if *y == 3.0 { 0.0 } else { *y };
        *y = if i % 4001 == 7 { 3.0 } else { rest };
    });
    proved("a class with five rows", &rare, 1e-4);
    rare.y
        .iter_mut()
        .enumerate()
        .for_each(|(i, y)| *y = if *y == 3.0 && i > 10 { 0.0 } else { *y });
    proved("a class with one row", &rare, 1e-4);
    let mut sorted = problem(20_000, 6, 4, false, 12);
    sorted.y.sort_by(f64::total_cmp);
    proved("rows sorted by class", &sorted, 1e-4);
    let mut weightless = problem(5000, 6, 4, false, 13);
    weightless.weight = Some((0..5000).map(|i| f64::from(u8::from(i % 2 == 0))).collect());
    let got = proved("weights of 0", &weightless, 1e-4);
    let half = Problem {
        x: weightless.x.chunks(12).flat_map(|two| two[..6].to_vec()).collect(),
        y: weightless.y.iter().copied().step_by(2).collect(),
        weight: None,
        d: 6,
        classes: 4,
    };
    assert!((fit(&half, 1e-4, 1e-6).value - got.value).abs() <= 2e-6 * got.value);
    let apart = problem(5000, 6, 4, true, 14);
    proved("separable, a tiny penalty", &apart, 1e-8);
    let mut copied = problem(5000, 6, 3, false, 15);
    copied.x.chunks_exact_mut(6).for_each(|r| {
        r[5] = r[0];
        r[4] = 7.0;
    });
    proved("a column twice and a constant one", &copied, 1e-6);
}

#[test]
fn what_cannot_be_answered_is_said() {
    // A class without rows: its intercept runs away, the value has no least point but a bound of it.
    let mut missing = problem(2000, 4, 3, false, 21);
    missing.y.iter_mut().for_each(|y| *y = if *y == 2.0 { 0.0 } else { *y });
    let got = fit(&missing, 1e-3, 1e-6);
    assert!(got.value.is_finite() && got.x.iter().all(|x| x.is_finite()), "{:?}", got.status);
    // Without a penalty separable rows are said to be.
    let got = fit(&problem(500, 4, 3, true, 22), 0.0, 1e-6);
    println!("{:?} {}", got.status, got.value);
    assert!(matches!(got.status, Status::Separable | Status::Converged), "{:?}", got.status);
    // Others than that have an optimum.
    let got = fit(&problem(500, 4, 3, false, 23), 0.0, 1e-6);
    assert!(got.status.success(), "{:?}", got.status);
}
