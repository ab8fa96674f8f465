//! Linear regression over plain slices: a table by rows, a target, and nothing to tune.
//!
//!     cargo run --release --example linear_regression
use steepest::designs::dense::Dense;
use steepest::linear::{LinearRegression, Observations};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // 200 rows of (size in square metres, rooms); the price is 2000 a square metre and 5000 a room, and 30 000.
    let rows: Vec<f64> =
        (0..200).flat_map(|i| [40.0 + (i * 37 % 101) as f64, 1.0 + (i % 5) as f64]).collect();
    let price: Vec<f64> =
        rows.chunks(2).map(|r| 2000.0 * r[0] + 5000.0 * r[1] + 30_000.0).collect();

    let design = Dense::by_rows(&rows, 2)?;
    let fitted = LinearRegression::default().fit(&Observations::new(&design, &price))?;
    println!("{}: {}", fitted.method, fitted.reason);
    println!("{}", fitted.solution.message());
    if let Some(c) = &fitted.solution.certificate {
        println!("distance from the best possible: at most {:.2e} ({})", c.bound, c.kind.name());
    }
    let [metre, room] = fitted.coefficients[..] else { unreachable!("two columns") };
    println!(
        "{metre:.2} a square metre, {room:.2} a room, {:.2} to begin with",
        fitted.intercept[0]
    );
    let mut margin = [0.0];
    fitted.margin(&[100.0, 3.0], &mut margin);
    println!("100 square metres in 3 rooms: {:.0}", margin[0]);
    assert!((metre - 2000.0).abs() < 1.0 && (room - 5000.0).abs() < 1.0);
    Ok(())
}
