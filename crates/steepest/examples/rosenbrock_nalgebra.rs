//! A function of `nalgebra` vectors, minimised: a pair of closures over slices is all that is asked for.
//!
//!     cargo run --release --example rosenbrock_nalgebra
use nalgebra::{DVector, DVectorView, DVectorViewMut};
use steepest::descend::descend;
use steepest::methods::METHODS;
use steepest::objective::Function;
use steepest::penalties::none::NoPenalty;
use steepest::penalty::PerCoordinate;
use steepest::settings::checked;
use steepest::watch::{Stop, Unwatched};

const N: usize = 10;

fn rosenbrock(x: DVectorView<'_, f64>) -> f64 {
    (0..N - 1).map(|i| 100.0 * (x[i + 1] - x[i] * x[i]).powi(2) + (1.0 - x[i]).powi(2)).sum()
}

fn slope(x: DVectorView<'_, f64>, mut g: DVectorViewMut<'_, f64>) {
    g.fill(0.0);
    for i in 0..N - 1 {
        let gap = x[i + 1] - x[i] * x[i];
        g[i] -= 400.0 * x[i] * gap + 2.0 * (1.0 - x[i]);
        g[i + 1] += 200.0 * gap;
    }
}

/// A slice as a vector, without a copy.
fn view(x: &[f64]) -> DVectorView<'_, f64> {
    DVectorView::from_slice(x, N)
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut objective = Function::new(
        N,
        |x: &[f64]| rosenbrock(view(x)),
        |x: &[f64], g: &mut [f64]| {
            slope(view(x), DVectorViewMut::from_slice(g, N));
            rosenbrock(view(x))
        },
    );
    let start = DVector::from_fn(N, |i, _| if i % 2 == 0 { -1.2 } else { 1.0 });
    for name in ["lbfgs", "newton", "gradient_descent"] {
        let method = METHODS.iter().find(|m| m.name == name).expect("a registered method");
        let settings = checked(method.name, method.parameters, &[])?;
        let solution = descend(
            &mut objective,
            &PerCoordinate::uniform(NoPenalty::default(), 1.0, N),
            (method.build)(&settings),
            start.as_slice(),
            Stop { iterations: 50_000, ..Stop::default() },
            &mut Unwatched,
        )?;
        let x = DVector::from_vec(solution.x.clone());
        println!("{name}: {}", solution.message());
        println!(
            "  f {:.3e}, {} evaluations, |x - 1| {:.1e}",
            solution.value,
            solution.counts.values,
            x.add_scalar(-1.0).norm()
        );
        assert!(solution.status.success());
    }
    Ok(())
}
