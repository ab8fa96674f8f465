//! The crate's linear models beside linfa's and smartcore's, on the same rows in one run: seconds, and how far above the
//! least value of all each ends, relative to it.
//!
//!     cargo run --release --manifest-path benchmarks/rust/Cargo.toml [-- ROWS COLUMNS]
//!
//! Each is asked for the same objective, the sum of the losses and ½ ‖w‖², and has its defaults otherwise.
use linfa::prelude::*;
use ndarray::{Array1, Array2};
use smartcore::linalg::basic::matrix::DenseMatrix;
use std::time::Instant;
use steepest::designs::dense::Dense;
use steepest::linear::{LogisticRegression, Observations, Ridge};

/// A name, seconds, coefficients and the intercept; or why there are none.
type Run = (&'static str, f64, Result<(Vec<f64>, f64), String>);

fn timed(name: &'static str, work: impl FnOnce() -> Result<(Vec<f64>, f64), String>) -> Run {
    let begun = Instant::now();
    let found = work();
    (name, begun.elapsed().as_secs_f64(), found)
}

/// Columns of which each is partly the one before, and targets by some of them.
fn table(n: usize, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut state = 7u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
    };
    let (mut x, mut y) = (Vec::with_capacity(n * d), Vec::with_capacity(n));
    for _ in 0..n {
        let (mut before, mut score) = (0.0, 0.0);
        for j in 0..d {
            before = 0.7 * before + 2.0 * uniform();
            x.push(before);
            score += if j % 5 == 0 { before } else { 0.0 };
        }
        y.push(score + 4.0 * uniform());
    }
    (x, y)
}

fn reported(what: &str, runs: &[Run], value: impl Fn(&[f64], f64) -> f64) {
    let values: Vec<Option<f64>> =
        runs.iter().map(|r| r.2.as_ref().ok().map(|(w, b)| value(w, *b))).collect();
    let least = values.iter().flatten().fold(f64::INFINITY, |m, v| m.min(*v));
    println!("\n{what}\n\n| crate | seconds | above the least |\n|---|---|---|");
    for ((name, seconds, found), value) in runs.iter().zip(values) {
        match (found, value) {
            (_, Some(v)) => println!("| {name} | {seconds:.3} | {:.1e} |", (v - least) / least),
            (Err(why), None) => println!("| {name} | {seconds:.3} | {why} |"),
            _ => {}
        }
    }
}

fn main() {
    let mut given = std::env::args().skip(1).map(|a| a.parse().expect("a number"));
    let (n, d) = (given.next().unwrap_or(100_000), given.next().unwrap_or(50));
    let (x, y) = table(n, d);
    let classes: Vec<bool> = y.iter().map(|y| *y > 0.0).collect();
    let whole: Vec<i32> = classes.iter().map(|c| i32::from(*c)).collect();
    let design = Dense::by_rows(&x, d).expect("a table");
    let records = Array2::from_shape_vec((n, d), x.clone()).expect("a matrix");
    let matrix = DenseMatrix::new(n, d, x.clone(), false).expect("a matrix");
    let margins = |w: &[f64], b: f64| -> Vec<f64> {
        x.chunks_exact(d).map(|r| b + r.iter().zip(w).map(|(x, w)| x * w).sum::<f64>()).collect()
    };
    let half = |w: &[f64]| 0.5 * w.iter().map(|w| w * w).sum::<f64>();
    let text = |why: &dyn std::fmt::Display| format!("{why:.60}");

    let runs = [
        timed("steepest", || {
            let found =
                LogisticRegression::default().fit(&design, &classes).map_err(|e| text(&e))?;
            Ok((found.fitted.coefficients.clone(), found.fitted.intercept[0]))
        }),
        timed("linfa", || {
            let set = Dataset::new(records.clone(), Array1::from(classes.clone()));
            let found =
                linfa_logistic::LogisticRegression::default().fit(&set).map_err(|e| text(&e))?;
            // It may have taken either class for the positive one.
            let sign = if found.labels().pos.class { 1.0 } else { -1.0 };
            Ok((found.params().iter().map(|w| sign * w).collect(), sign * found.intercept()))
        }),
        timed("smartcore", || {
            use smartcore::linalg::basic::arrays::Array;
            use smartcore::linear::logistic_regression::{
                LogisticRegression, LogisticRegressionParameters,
            };
            let asked = LogisticRegressionParameters::default().with_alpha(1.0);
            let found = LogisticRegression::fit(&matrix, &whole, asked).map_err(|e| text(&e))?;
            let w = found.coefficients();
            Ok(((0..d).map(|j| *w.get((0, j))).collect(), *found.intercept().get((0, 0))))
        }),
    ];
    reported(&format!("Logistic regression, {n} rows of {d}"), &runs, |w, b| {
        let one = |(m, c): (f64, &bool)| (if *c { -m } else { m }).exp().ln_1p();
        margins(w, b).into_iter().zip(&classes).map(one).sum::<f64>() + half(w)
    });

    let runs = [
        timed("steepest", || {
            let found =
                Ridge::default().fit(&Observations::new(&design, &y)).map_err(|e| text(&e))?;
            Ok((found.coefficients.clone(), found.intercept[0]))
        }),
        timed("smartcore", || {
            use smartcore::linalg::basic::arrays::Array;
            use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};
            let asked = RidgeRegressionParameters::default().with_normalize(false);
            let found = RidgeRegression::fit(&matrix, &y, asked).map_err(|e| text(&e))?;
            Ok(((0..d).map(|j| *found.coefficients().get((j, 0))).collect(), *found.intercept()))
        }),
    ];
    reported(&format!("Ridge regression, {n} rows of {d}"), &runs, |w, b| {
        margins(w, b).iter().zip(&y).map(|(m, y)| (m - y) * (m - y)).sum::<f64>() + 2.0 * half(w)
    });
}
