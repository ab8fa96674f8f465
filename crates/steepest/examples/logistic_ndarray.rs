//! Logistic regression over an `ndarray` matrix, which is borrowed as it lies: by rows, by columns or strided.
//!
//!     cargo run --release --example logistic_ndarray
use ndarray::{Array1, Array2, s};
use steepest::descend::descend;
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::Each;
use steepest::losses::logistic::Logistic;
use steepest::methods::METHODS;
use steepest::penalties::l2::L2;
use steepest::penalty::PerCoordinate;
use steepest::settings::checked;
use steepest::watch::{Stop, Unwatched};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // columns of very different scales: nothing needs to be standardised
    let table = Array2::from_shape_fn((1000, 4), |(i, j)| {
        let wave = ((i * (j + 3) * 7919) % 1009) as f64 / 1009.0 - 0.5;
        wave * 10f64.powi(2 * j as i32 - 3)
    });
    let target: Array1<f64> = table
        .rows()
        .into_iter()
        .enumerate()
        .map(|(i, row)| {
            f64::from(row[0] * 3e3 - row[2] * 0.4 + ((i * 31) % 17) as f64 / 17.0 > 0.5)
        })
        .collect();
    let every_second = table.slice(s![..;2, ..]); // a view: no copy is made
    let labels: Vec<f64> = target.iter().step_by(2).copied().collect();

    let (rows, columns) = every_second.dim();
    let [by_row, by_column] = [0, 1].map(|axis| every_second.strides()[axis] as usize);
    let flat = table.as_slice().expect("made by rows");
    let design = Dense::strided(flat, rows, columns, by_row, by_column)?;
    let loss = Each(Logistic::default());
    let mut objective = Glm::new(&design, &loss, &labels, None, true)?;
    let penalty = PerCoordinate::new(L2::default(), &[1e-6, 1e-6, 1e-6, 1e-6, 0.0]);

    for name in ["progressive", "lbfgs"] {
        let method = METHODS.iter().find(|m| m.name == name).expect("a registered method");
        let settings = checked(method.name, method.parameters, &[])?;
        let x0 = vec![0.0; columns + 1];
        let stop = Stop { iterations: 5000, ..Stop::default() };
        let solution = descend(
            &mut objective,
            &penalty,
            (method.build)(&settings),
            &x0,
            stop,
            &mut Unwatched,
        )?;
        println!(
            "{name}: {} Loss {:.9} after {:.2} passes.",
            solution.message(),
            solution.value,
            solution.counts.passes
        );
        println!("  coefficients {:.4?}", solution.x);
    }
    Ok(())
}
