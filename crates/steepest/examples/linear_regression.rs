//! Linear regression over plain slices: a table by rows, a target, and nothing to tune.
//!
//!     cargo run --release --example linear_regression
use steepest::descend::descend;
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::Each;
use steepest::losses::squared::Squared;
use steepest::methods::{Around, choose};
use steepest::penalties::l2::L2;
use steepest::penalty::PerCoordinate;
use steepest::problem::facts;
use steepest::watch::{Stop, Unwatched};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // 200 rows of (size in square metres, rooms); the price is 2000 a square metre and 5000 a room, and 30 000.
    let rows: Vec<f64> =
        (0..200).flat_map(|i| [40.0 + (i * 37 % 101) as f64, 1.0 + (i % 5) as f64]).collect();
    let price: Vec<f64> =
        rows.chunks(2).map(|r| 2000.0 * r[0] + 5000.0 * r[1] + 30_000.0).collect();

    let design = Dense::by_rows(&rows, 2)?;
    let loss = Each(Squared::default());
    let mut objective = Glm::new(&design, &loss, &price, None, true)?;
    // alpha on the two coefficients; the intercept, the last coordinate, is free
    let penalty = PerCoordinate::new(L2::default(), &[1e-9, 1e-9, 0.0]);

    let known = facts(&mut objective, &penalty);
    let chosen = choose(None, &[], Around::default(), &known)?;
    println!("{}: {}", chosen.name, chosen.reason);

    let stop = Stop { tolerance: 1e-12, ..Stop::default() };
    let solution =
        descend(&mut objective, &penalty, chosen.method, &[0.0; 3], stop, &mut Unwatched)?;
    println!("{}", solution.message());
    println!(
        "{:.2} a square metre, {:.2} a room, {:.2} to begin with",
        solution.x[0], solution.x[1], solution.x[2]
    );
    if let Some(c) = solution.certificate {
        println!("distance from the best possible: at most {:.2e} ({})", c.bound, c.kind.name());
    }
    assert!((solution.x[0] - 2000.0).abs() < 1.0 && (solution.x[1] - 5000.0).abs() < 1.0);
    Ok(())
}
