//! A classifier inside linfa: its datasets, its split, its confusion matrix; raw columns, and a proof.
//!
//!     cargo run --release --features linfa --example logistic_linfa
use linfa::prelude::*;
use linfa_ndarray::{Array1, Array2};
use steepest::linear::LogisticRegression;
use steepest::linfa::ForLinfa;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // height in millimetres and weight in tonnes: nothing needs to be standardised
    let records = Array2::from_shape_fn((400, 2), |(i, j)| {
        let wave = ((i * (j + 3) * 7919) % 1009) as f64 / 1009.0;
        if j == 0 { 1500.0 + 500.0 * wave } else { 0.05 + 0.05 * wave }
    });
    let labels: Array1<&str> = (0..400)
        .map(|i| {
            let large = (records[[i, 0]] - 1750.0) / 500.0 + (records[[i, 1]] - 0.075) / 0.05;
            if large + ((i * 31) % 17) as f64 / 85.0 > 0.1 { "large" } else { "small" }
        })
        .collect();
    let (train, test) = Dataset::new(records, labels).split_with_ratio(0.8);

    let model = ForLinfa(LogisticRegression { c: 100.0, ..Default::default() }).fit(&train)?;
    let solution = &model.0.fitted.solution;
    println!("{}", solution.message());
    if let Some(c) = &solution.certificate {
        println!("distance from the best possible: at most {:.2e} ({})", c.bound, c.kind.name());
    }
    let confusion = model.predict(&test).confusion_matrix(&test)?;
    println!("accuracy on rows kept back: {:.3}", confusion.accuracy());
    assert!(confusion.accuracy() > 0.8);
    Ok(())
}
