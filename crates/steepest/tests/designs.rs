//! Every way rows can lie says the same as the dense rows it stands for.
use proptest::prelude::*;
use steepest::design::Design;
use steepest::designs::codes::{Category, Codes};
use steepest::designs::dense::Dense;
use steepest::designs::sparse::Sparse;

/// Holds a design to the rows it stands for, one after another.
fn same(design: &dyn Design, x: &[f64]) {
    let (n, d) = (design.rows(), design.columns());
    assert_eq!(x.len(), n * d);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    for outputs in [1, 3] {
        let w: Vec<f64> = (0..outputs * d).map(|k| (k as f64 * 0.7).sin()).collect();
        let s: Vec<f64> = (0..outputs * n).map(|k| (k as f64 * 1.3).cos()).collect();
        for rows in [0..n, n / 3..n - n / 4] {
            let mut out = vec![f64::NAN; rows.len() * outputs];
            design.margins(rows.clone(), 0..0, &w, outputs, &mut out);
            for (at, i) in rows.clone().enumerate() {
                for k in 0..outputs {
                    let want: f64 = (0..d).map(|j| x[i * d + j] * w[k * d + j]).sum();
                    assert!(near(out[at * outputs + k], want));
                }
            }
            let mut g = vec![1.0; outputs * d];
            design.accumulate(rows.clone(), 0..0, &s[..rows.len() * outputs], outputs, &mut g);
            for k in 0..outputs {
                for j in 0..d {
                    let terms = rows.clone().enumerate();
                    let want: f64 = terms.map(|(at, i)| s[at * outputs + k] * x[i * d + j]).sum();
                    assert!(near(g[k * d + j], 1.0 + want));
                }
            }
            let (mut sum, mut square) = (vec![1.0; d], vec![2.0; d]);
            design.moments(rows.clone(), &s[..rows.len()], &mut sum, &mut square);
            for j in 0..d {
                let terms = || rows.clone().enumerate().map(|(at, i)| (s[at], x[i * d + j]));
                assert!(near(sum[j], 1.0 + terms().map(|(s, x)| s * x).sum::<f64>()));
                assert!(near(square[j], 2.0 + terms().map(|(s, x)| s * x * x).sum::<f64>()));
            }
        }
    }
    let rows: Vec<u32> = (0..n as u32).rev().step_by(2).collect();
    let mut out = vec![f64::NAN; rows.len() * d];
    design.gather(&rows, &mut out);
    for (at, &i) in rows.iter().enumerate() {
        assert_eq!(out[at * d..(at + 1) * d], x[i as usize * d..(i as usize + 1) * d]);
    }
    let columns: Vec<u32> = (0..d as u32).filter(|j| j % 3 != 1).collect();
    let mut out = vec![f64::NAN; rows.len() * columns.len()];
    design.select(&rows, &columns, &mut out);
    for (at, &i) in rows.iter().enumerate() {
        for (k, &j) in columns.iter().enumerate() {
            assert_eq!(out[at * columns.len() + k], x[i as usize * d + j as usize]);
        }
    }
    assert_eq!(design.not_finite(), None);
}

proptest! {
    #[test]
    fn any_order_is_dense(n in 1..40usize, d in 0..21usize, gap in 0..3usize) {
        let at = |i: usize, j: usize| ((i * 31 + j * 17) % 23) as f64 * 0.25 - 2.0;
        let x: Vec<f64> = (0..n * d).map(|k| at(k / d, k % d)).collect();
        let lay = |row: usize, column: usize, len: usize| {
            let mut store = vec![0.0; len];
            for i in 0..n {
                for j in 0..d {
                    store[i * row + j * column] = at(i, j);
                }
            }
            store
        };
        let orders = [(d + gap, 1), (1, n + gap), (2 * d + gap, 2), (3, 3 * n + gap)];
        for (row, column) in &orders {
            let store = lay(*row, *column, n * row + d * column + 1);
            let strided = Dense::strided(&store, n, d, *row, *column);
            same(&strided.expect("a table"), &x);
            let half: Vec<f32> = store.iter().map(|v| *v as f32).collect();
            let strided = Dense::strided(&half, n, d, *row, *column);
            same(&strided.expect("a table"), &x);
        }
        if n > 1 && d > 1 {
            prop_assert!(Dense::strided(&x, n, d, d, 2).is_err());
        }
    }

    #[test]
    fn sparse_is_dense(d in 1..9usize, picks in prop::collection::vec(-3.0..1.0f64, 1..90)) {
        let n = picks.len() / d;
        let x: Vec<f64> = picks[..n * d].iter().map(|v| v.max(0.0)).collect();
        let (mut values, mut indices, mut starts) = (vec![], vec![], vec![0i32]);
        for i in 0..n {
            for j in (0..d).filter(|j| x[i * d + j] != 0.0) {
                values.push(x[i * d + j]);
                indices.push(j as i32);
            }
            starts.push(values.len() as i32);
        }
        same(&Sparse::new(&values, &indices, &starts, d).expect("a matrix"), &x);
        let long = |v: &[i32]| v.iter().map(|&i| i64::from(i)).collect::<Vec<_>>();
        same(&Sparse::new(&values, &long(&indices), &long(&starts), d).expect("a matrix"), &x);
    }

    #[test]
    fn codes_are_dense(width in 0..4usize, codes in prop::collection::vec((0..5i32, -1..3i32), 1..30)) {
        let n = codes.len();
        let numbers: Vec<f64> = (0..n * width).map(|k| (k as f64).sin()).collect();
        let (first, second): (Vec<i32>, Vec<i32>) = codes.into_iter().unzip();
        // The first has codes beyond its levels, the second below 0: rows of none of them.
        let categories = [Category { codes: &first, levels: 4 }, Category { codes: &second, levels: 3 }];
        let design = Codes::new(n, &numbers, width, &categories).expect("a table");
        let d = width + 7;
        let mut x = vec![0.0; n * d];
        for i in 0..n {
            x[i * d..i * d + width].copy_from_slice(&numbers[i * width..(i + 1) * width]);
            if first[i] < 4 {
                x[i * d + width + first[i] as usize] = 1.0;
            }
            if second[i] >= 0 {
                x[i * d + width + 4 + second[i] as usize] = 1.0;
            }
        }
        same(&design, &x);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let bad = |v: &[f64], i: &[i32], s: &[i32]| Sparse::new(v, i, s, 2).err();
    assert!(bad(&[1.0], &[], &[0, 1]).is_some_and(|e| e.contains("one index a value")));
    for starts in [&[0, 2][..], &[1, 1], &[0, 1, 0], &[], &[0, -1]] {
        assert!(bad(&[1.0], &[0], starts).is_some_and(|e| e.contains("indptr")));
    }
    for index in [2, -1] {
        assert!(bad(&[1.0], &[index], &[0, 1]).is_some_and(|e| e.contains("outside")));
    }
    assert!(Codes::new(2, &[1.0], 1, &[]).is_err());
    let category = Category { codes: &[0], levels: 1 };
    assert!(Codes::<f64>::new(2, &[], 0, &[category]).is_err());
}

#[test]
fn what_is_not_finite_is_found() {
    let x = [1.0, 2.0, 3.0, f64::NEG_INFINITY];
    assert_eq!(Dense::by_rows(&x, 2).expect("a table").not_finite(), Some((1, 1)));
    let sparse = Sparse::new(&[1.0, f64::NAN], &[3i32, 1], &[0i32, 1, 1, 2], 4).expect("a matrix");
    assert_eq!(sparse.not_finite(), Some((2, 1)));
    let codes = Codes::new(2, &[1.0, 2.0, 3.0, f64::INFINITY], 2, &[]).expect("a table");
    assert_eq!(codes.not_finite(), Some((1, 1)));
}
