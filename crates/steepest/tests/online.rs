//! Rows of a stream, as Rust lends them.
use steepest::designs::sparse::Sparse;
use steepest::losses::LOSSES;
use steepest::online::{Learned, Online, len};

/// The coefficients after sparse rows of 200 columns, each known by itself.
fn learned(values: &[f64], places: &[i32], starts: &[i32], target: &[f64]) -> Vec<f64> {
    let d = 200;
    let entry = LOSSES.iter().find(|entry| entry.name == "logistic").unwrap();
    let loss = (entry.build)(&[], 1);
    let online =
        Online { loss: &*loss, low: 0.0, alpha: 1e-4, forget: 0.0, size: 3.0, intercept: true };
    let (mut rows, mut lie, mut state) =
        (0.0, [vec![0.0; d], vec![0.0; d]], vec![0.0; len(d, false)]);
    let [centre, scale] = &mut lie;
    let mut known =
        Learned { rows: &mut rows, centre, scale, state: &mut state, pairs: false, raw: true };
    let design = Sparse::new(values, places, starts, d).unwrap();
    online.learn(&design, target, None, &mut known, None);
    let mut coef = vec![0.0; d];
    online.told(&known, 0, &mut coef);
    coef
}

#[test]
fn entries_that_name_one_column_add_up_and_zeros_are_none() {
    let target = [1.0, 0.0, 1.0];
    let plain = learned(&[1.0, 0.5, -2.0, 3.0, 0.25], &[3, 7, 7, 0, 199], &[0, 2, 3, 5], &target);
    assert!(plain[3] > 0.0 && plain[7] > 0.0 && plain[199] > 0.0);
    // Halves, out of order, and what cancels; all exact in binary.
    let values = [0.5, 0.5, 0.5, 4.0, -4.0, -2.0, 0.0, 0.25, 1.0, 2.0];
    let places = [7, 3, 3, 9, 9, 7, 5, 199, 0, 0];
    assert_eq!(learned(&values, &places, &[0, 5, 7, 10], &target), plain);
}
