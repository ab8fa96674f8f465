//! Matrices of other crates: lent as they lie, or refused. `cargo test --all-features`.
#![cfg(all(feature = "ndarray", feature = "nalgebra", feature = "linfa"))]
use ::linfa::prelude::*;
use linfa_ndarray as nd16;
use ndarray::{Array2, s};
use steepest::design::Design;
use steepest::designs::dense::Dense;
use steepest::linear::{LinearRegression, LogisticRegression, Observations, Ridge};
use steepest::linfa::ForLinfa;

/// Each row's numbers, read through the table.
fn read(design: &dyn Design) -> Vec<f64> {
    let mut out = vec![0.0; design.rows() * design.columns()];
    let all: Vec<u32> = (0..design.rows() as u32).collect();
    design.gather(&all, &mut out);
    out
}

#[test]
fn matrices_are_lent_by_rows_and_by_columns() {
    let by_rows = Array2::from_shape_fn((4, 3), |(i, j)| (10 * i + j) as f64);
    let want: Vec<f64> = by_rows.iter().copied().collect();
    assert_eq!(read(&Dense::try_from(&by_rows).unwrap()), want);
    let turned = by_rows.t();
    let seen = read(&Dense::try_from(&turned).unwrap());
    assert_eq!(seen, turned.iter().copied().collect::<Vec<_>>());
    let matrix = nalgebra::DMatrix::from_row_slice(4, 3, &want);
    assert_eq!(read(&Dense::try_from(&matrix).unwrap()), want);
    let single = by_rows.mapv(|v| v as f32);
    assert_eq!(read(&Dense::try_from(&single).unwrap()), want);
    let block = by_rows.slice(s![1..3, ..]);
    assert_eq!(read(&Dense::try_from(&block).unwrap()), want[3..9]);
}

#[test]
fn what_lies_in_pieces_or_backwards_is_refused() {
    let matrix = Array2::<f64>::zeros((6, 4));
    for view in [matrix.slice(s![..;2, ..]), matrix.slice(s![.., 1..3])] {
        let why = Dense::try_from(&view).unwrap_err();
        assert!(why.contains("as_standard_layout"), "{why}");
        let copied = view.as_standard_layout();
        assert!(Dense::try_from(&copied).is_ok());
    }
    let backwards = matrix.slice(s![..;-1, ..]);
    assert!(Dense::try_from(&backwards).unwrap_err().contains("backwards"));
}

#[test]
fn a_pipeline_of_linfas_is_the_model_itself() {
    let x: Vec<f64> = (0..120).map(|i| ((i * 37) % 101) as f64 / 10.0).collect();
    let y: Vec<f64> = x.chunks(3).map(|r| r[0] - 2.0 * r[1] + 0.1 * r[2] * r[2]).collect();
    let weight: Vec<f32> = (0..40).map(|i| 1.0 + (i % 2) as f32).collect();
    let records = nd16::Array2::from_shape_vec((40, 3), x.clone()).unwrap();
    let dataset = Dataset::new(records.clone(), nd16::Array1::from(y.clone()))
        .with_weights(nd16::Array1::from(weight.clone()));
    let linfas = ForLinfa(Ridge::default()).fit(&dataset).unwrap();

    let design = Dense::by_rows(&x, 3).unwrap();
    let weight: Vec<f64> = weight.iter().map(|w| f64::from(*w)).collect();
    let rows = Observations { weight: Some(&weight), ..Observations::new(&design, &y) };
    let own = Ridge::default().fit(&rows).unwrap();
    assert_eq!(linfas.0.coefficients, own.coefficients);
    assert_eq!(linfas.predict(&records).to_vec(), own.predict(&design).unwrap());

    // what lies in pieces is copied: linfa's predictions know no refusal
    let wide =
        nd16::Array2::from_shape_fn((40, 5), |(i, j)| if j < 3 { x[3 * i + j] } else { f64::NAN });
    let piece = wide.slice(nd16::s![.., ..3]);
    assert_eq!(linfas.predict(&piece).to_vec(), own.predict(&design).unwrap());
    let some = DatasetBase::new(piece, nd16::Array1::from(y.clone()));
    let again = ForLinfa(LinearRegression::default()).fit(&some).unwrap();
    let exact = LinearRegression::default().fit(&Observations::new(&design, &y)).unwrap();
    assert_eq!(again.0.coefficients, exact.coefficients);

    let labels = nd16::Array1::from_iter(y.iter().map(|y| *y > -5.0));
    let dataset = Dataset::new(records.clone(), labels);
    let model = ForLinfa(LogisticRegression::default()).fit(&dataset).unwrap();
    let right = model.predict(&dataset).confusion_matrix(&dataset).unwrap().accuracy();
    assert!(right > 0.9, "{right}");
    let one = Dataset::new(records, nd16::Array1::from_elem(40, true));
    let why = ForLinfa(LogisticRegression::default()).fit(&one).err().unwrap().to_string();
    assert!(why.contains("two classes"), "{why}");
}
