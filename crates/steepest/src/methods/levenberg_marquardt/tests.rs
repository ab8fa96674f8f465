use super::*;
use crate::descend::descend;
use crate::linalg::vectors::largest;
use crate::penalties::none::NoPenalty;
use crate::penalty::PerCoordinate;
use crate::residuals::{Residuals, SumOfSquares};
use crate::watch::{Stop, Unwatched};

struct Curve<F, G>(usize, usize, F, G);
impl<F: FnMut(&[f64], &mut [f64]), G: FnMut(&[f64], &mut [f64])> Residuals for Curve<F, G> {
    fn dim(&self) -> usize {
        self.0
    }
    fn count(&self) -> usize {
        self.1
    }
    fn residuals(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        self.2(x, to);
        Ok(())
    }
    fn jacobian(&mut self, x: &[f64], to: &mut [f64]) -> Result<u64, Halt> {
        self.3(x, to);
        Ok(0)
    }
}

#[test]
fn rosenbrock_in_a_few_steps() {
    let curve = Curve(
        2,
        2,
        |x: &[f64], r: &mut [f64]| r.copy_from_slice(&[10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]]),
        |x: &[f64], j: &mut [f64]| j.copy_from_slice(&[-20.0 * x[0], 10.0, -1.0, 0.0]),
    );
    let method = (ENTRY.build)(&[-1.0, -1.0, 1.0, 1.0]);
    let none = PerCoordinate::uniform(NoPenalty::default(), 1.0, 2);
    let s = descend(
        &mut SumOfSquares::of(curve),
        &none,
        method,
        &[-1.2, 1.0],
        Stop::default(),
        &mut Unwatched,
    )
    .unwrap();
    assert!(s.status.success(), "{:?}", s.status);
    assert!(
        largest(&[s.x[0] - 1.0, s.x[1] - 1.0]) < 1e-8 && s.counts.values < 30,
        "{:?}",
        s.counts
    );
}

#[test]
fn the_top_of_a_hill_is_left() {
    let curve = Curve(
        1,
        1,
        |x: &[f64], r: &mut [f64]| r[0] = 1.0 - x[0] * x[0],
        |x: &[f64], j: &mut [f64]| j[0] = -2.0 * x[0],
    );
    let method = (ENTRY.build)(&[-1.0, -1.0, 1.0, 1.0]);
    let none = PerCoordinate::uniform(NoPenalty::default(), 1.0, 1);
    let s = descend(
        &mut SumOfSquares::of(curve),
        &none,
        method,
        &[0.0],
        Stop::default(),
        &mut Unwatched,
    )
    .unwrap();
    assert!(s.status.success() && (s.x[0].abs() - 1.0).abs() < 1e-6, "{:?} {:?}", s.status, s.x);
}
