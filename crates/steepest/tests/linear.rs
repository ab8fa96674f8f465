//! The linear models of the crate's front, judged by their own conditions of optimality, written out here.
use nalgebra::{DMatrix, DVector};
use steepest::designs::dense::Dense;
use steepest::linear::{
    ElasticNet, How, Lasso, Linear, LinearRegression, LogisticRegression, Observations, Ridge,
};
use steepest::numbers::random::Random;
use steepest::watch::Stop;

const N: usize = 300;
const D: usize = 6;

/// Raw columns: scales from 1e-2 to 1e3, shifted.
fn table(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut random = Random::new(seed, 0, 0, 0);
    let mut draw = || random.normal();
    let x: Vec<f64> = (0..N * D).map(|i| (draw() + 3.0) * 10f64.powi((i % D) as i32 - 2)).collect();
    let y = x
        .chunks(D)
        .map(|row| {
            let exact: f64 =
                row.iter().enumerate().map(|(j, v)| v * 10f64.powi(2 - j as i32)).sum();
            exact - 17.0 + 0.5 * draw()
        })
        .collect();
    (x, y)
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[test]
fn ridge_solves_its_normal_equations() {
    let (x, y) = table(1);
    let weight: Vec<f64> = (0..N).map(|i| 0.5 + (i % 3) as f64).collect();
    let design = Dense::by_rows(&x, D).unwrap();
    let rows = Observations { weight: Some(&weight), ..Observations::new(&design, &y) };
    for alpha in [0.0, 3.0] {
        let fitted = Ridge { alpha, ..Ridge::default() }.fit(&rows).unwrap();
        assert!(fitted.solution.status.success());
        let a = DMatrix::from_fn(N, D + 1, |i, j| if j < D { x[i * D + j] } else { 1.0 });
        let w = DMatrix::from_diagonal(&DVector::from_column_slice(&weight));
        let mut square = a.transpose() * &w * &a;
        (0..D).for_each(|j| square[(j, j)] += alpha);
        let right = a.transpose() * &w * DVector::from_column_slice(&y);
        let exact = square.lu().solve(&right).unwrap();
        for j in 0..D {
            assert!((fitted.coefficients[j] / exact[j] - 1.0).abs() < 1e-5, "{alpha} {j}");
        }
        assert!((fitted.intercept[0] / exact[D] - 1.0).abs() < 1e-5);
        let predicted = fitted.predict(&design).unwrap();
        let row: f64 = (0..D).map(|j| x[j] * fitted.coefficients[j]).sum();
        assert!((predicted[0] - row - fitted.intercept[0]).abs() < 1e-9);
        let mut margin = [0.0];
        fitted.margin(&x[..D], &mut margin);
        assert!((margin[0] - predicted[0]).abs() < 1e-12 * predicted[0].abs());
    }
    let free = LinearRegression::default().fit(&rows).unwrap();
    let none = Ridge { alpha: 0.0, ..Ridge::default() }.fit(&rows).unwrap();
    assert_eq!(free.coefficients, none.coefficients);
}

#[test]
fn the_lasso_and_the_elastic_net_meet_their_subgradients() {
    let (x, y) = table(2);
    let design = Dense::by_rows(&x, D).unwrap();
    let rows = Observations::new(&design, &y);
    let lasso = Lasso { alpha: 0.4, tolerance: 1e-12, ..Lasso::default() };
    let net = ElasticNet { alpha: 0.4, l1_ratio: 0.7, tolerance: 1e-12, ..ElasticNet::default() };
    for (fitted, l1, l2) in
        [(lasso.fit(&rows).unwrap(), 0.4, 0.0), (net.fit(&rows).unwrap(), 0.28, 0.12)]
    {
        assert!(fitted.solution.status.success());
        let mut slope = [0.0; D];
        for (row, (y, p)) in x.chunks(D).zip(y.iter().zip(fitted.predict(&design).unwrap())) {
            row.iter().zip(&mut slope).for_each(|(v, s)| *s += v * (p - y) / N as f64);
        }
        for j in 0..D {
            let w = fitted.coefficients[j];
            let s = slope[j] + l2 * w;
            let scale = 10f64.powi(j as i32 - 2);
            if w == 0.0 {
                assert!(s.abs() <= l1 + 1e-4, "{j}: {s}");
            } else {
                assert!((s + l1 * w.signum()).abs() <= 1e-4 * scale.max(1.0), "{j}: {s}");
            }
        }
        assert!(fitted.coefficients.contains(&0.0));
    }
}

#[test]
fn logistic_regression_of_two_and_of_three_classes_is_stationary() {
    let (x, y) = table(3);
    let design = Dense::by_rows(&x, D).unwrap();
    let mut sorted = y.clone();
    sorted.sort_by(f64::total_cmp);
    for cuts in [vec![sorted[N / 2]], vec![sorted[N / 3], sorted[2 * N / 3]]] {
        let names = ["low", "middle", "top"];
        // every seventh label is another's, so that the classes are not separated
        let class = |i: usize| {
            let own = cuts.iter().filter(|c| y[i] > **c).count();
            if i.is_multiple_of(7) { (own + 1) % (cuts.len() + 1) } else { own }
        };
        let labels: Vec<&str> = (0..N).map(|i| names[class(i)]).collect();
        let model = LogisticRegression { tolerance: 1e-12, ..LogisticRegression::default() };
        let found = model.fit(&design, &labels).unwrap();
        assert!(found.fitted.solution.status.success());
        let k = cuts.len() + 1;
        assert_eq!(found.classes, names[..k]);
        let p = found.probabilities(&design).unwrap();
        let outputs = if k == 2 { 1 } else { k };
        for a in 0..outputs {
            let own = if k == 2 { 1 } else { a };
            for j in 0..=D {
                let slope: f64 = (0..N)
                    .map(|i| {
                        let v = if j < D { x[i * D + j] } else { 1.0 };
                        (p[i * k + own] - f64::from(class(i) == own)) * v
                    })
                    .sum();
                let pull = if j < D { found.fitted.coefficients[a * D + j] } else { 0.0 };
                let scale = 10f64.powi(j.min(D - 1) as i32 - 2).max(1.0);
                assert!((slope + pull).abs() < 2e-2 * scale, "{k} {a} {j}: {}", slope + pull);
            }
        }
        for (i, said) in found.predict(&design).unwrap().into_iter().enumerate() {
            let best = (0..k).max_by(|a, b| p[i * k + a].total_cmp(&p[i * k + b])).unwrap();
            assert_eq!(*said, names[best]);
        }
        if k == 2 {
            let margin = found.fitted.margins(&design).unwrap()[0];
            assert!((p[1] - sigmoid(margin)).abs() < 1e-15);
        }
    }
}

#[test]
fn counts_with_offsets_and_weights_are_stationary_and_predicted_with_them() {
    let (x, y) = table(5);
    let design = Dense::by_rows(&x, D).unwrap();
    let years: Vec<f64> = (0..N).map(|i| 1.0 + (i % 4) as f64).collect();
    let offset: Vec<f64> = years.iter().map(|y| y.ln()).collect();
    let weight: Vec<f64> = (0..N).map(|i| (i % 3) as f64).collect();
    let counts: Vec<f64> = y.iter().zip(&years).map(|(y, t)| (y.abs() * t).floor()).collect();
    let rows = Observations {
        weight: Some(&weight),
        offset: Some(&offset),
        ..Observations::new(&design, &counts)
    };
    let how = How { stop: Stop { tolerance: 1e-12, ..Stop::default() }, ..How::default() };
    let fitted = Linear::of("poisson").fit(&rows, how).unwrap();
    assert!(fitted.solution.status.success());
    let mut expected = fitted.margins(&design).unwrap();
    expected.iter_mut().zip(&offset).for_each(|(m, o)| *m += o);
    fitted.means(&mut expected);
    for j in 0..=D {
        let v = |i: usize| if j < D { x[i * D + j] } else { 1.0 };
        let slope: f64 = (0..N).map(|i| weight[i] * (expected[i] - counts[i]) * v(i)).sum();
        let size: f64 = (0..N).map(|i| weight[i] * counts[i] * v(i).abs()).sum();
        assert!(slope.abs() < 1e-6 * size, "{j}: {slope} of {size}");
    }
}

#[test]
fn bounds_of_each_column_hold_and_slopes_press_against_them() {
    let (x, y) = table(6);
    let design = Dense::by_rows(&x, D).unwrap();
    let free = f64::INFINITY;
    // A sign, another, pinned, between two numbers, away from 0, free.
    let low = vec![0.0, -free, 0.5, -0.1, -2e-3, -free];
    let high = vec![free, 0.0, 0.5, 0.1, -1e-3, free];
    let model = Linear { bounds: Some((low.clone(), high.clone())), ..Linear::of("squared") };
    let how = How { stop: Stop { tolerance: 1e-12, ..Stop::default() }, ..How::default() };
    let fitted = model.fit(&Observations::new(&design, &y), how).unwrap();
    assert!(fitted.solution.status.success());
    let margins = fitted.margins(&design).unwrap();
    for j in 0..D {
        let w = fitted.coefficients[j];
        assert!(low[j] <= w && w <= high[j], "{j}: {w}");
        let slope: f64 = (0..N).map(|i| (margins[i] - y[i]) * x[i * D + j]).sum();
        let size: f64 = (0..N).map(|i| (y[i] * x[i * D + j]).abs()).sum();
        let up = w < high[j] && slope < -1e-5 * size;
        let down = w > low[j] && slope > 1e-5 * size;
        assert!(!up && !down, "{j}: {w} {slope} of {size}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let (x, y) = table(4);
    let design = Dense::by_rows(&x, D).unwrap();
    let said = |r: Result<_, steepest::linear::Failure>| match r {
        Err(why) => why.to_string(),
        Ok(()) => "nothing".to_owned(),
    };
    let logistic = LogisticRegression::default();
    let one = said(logistic.fit(&design, &[7; N]).map(|_| ()));
    assert!(one.contains("at least two classes") && one.contains("got 1"), "{one}");
    let short = said(logistic.fit(&design, &[0, 1]).map(|_| ()));
    assert!(short.contains("300") && short.contains('2'), "{short}");
    let c = LogisticRegression { c: 0.0, ..logistic };
    assert!(said(c.fit(&design, &vec![1; N]).map(|_| ())).contains("C must be above 0"));
    let below = said(
        Ridge { alpha: -1.0, ..Ridge::default() }.fit(&Observations::new(&design, &y)).map(|_| ()),
    );
    assert!(below.contains("alpha must be at least 0"), "{below}");
    let rows = Observations::new(&design, &y);
    let far = said(Linear::of("poison").fit(&rows, How::default()).map(|_| ()));
    assert!(far.contains("did you mean 'poisson'"), "{far}");
    let minus = said(Linear::of("gamma").fit(&rows, How::default()).map(|_| ()));
    assert!(minus.contains("row"), "{minus}");
    let within = |low: &[f64], high: &[f64]| {
        let bounds = Some((low.to_vec(), high.to_vec()));
        said(Linear { bounds, ..Linear::of("squared") }.fit(&rows, How::default()).map(|_| ()))
    };
    let few = within(&[0.0; 2], &[1.0]);
    assert!(few.contains("lower bounds") && few.contains("6") && few.contains("got 2"), "{few}");
    let crossed = within(&[0.0], &[1.0, 1.0, -1.0, 1.0, 1.0, 1.0]);
    assert!(crossed.contains("got (0, -1), column 2"), "{crossed}");
    let nan = within(&[f64::NAN], &[1.0]);
    assert!(nan.contains("must not be NaN"), "{nan}");
    let mut holed = x.clone();
    holed[5 * D + 2] = f64::NAN;
    let design = Dense::by_rows(&holed, D).unwrap();
    let nan = said(Lasso::default().fit(&Observations::new(&design, &y)).map(|_| ()));
    assert!(nan.contains("row 5, column 2"), "{nan}");
    let fitted = Ridge::default().fit(&rows).unwrap();
    let other = Dense::by_rows(&x, D / 2).unwrap();
    let columns = said(fitted.predict(&other).map(|_| ()));
    assert!(columns.contains("6 columns") && columns.contains("got 3"), "{columns}");
}

/// Each point of a path is that of a fit alone, and the table is read once for it where that one reads it four times.
#[test]
fn a_path_goes_on_with_what_it_knows_of_the_table() {
    let (x, y) = table(5);
    let design = Dense::by_rows(&x, D).unwrap();
    let rows = Observations::new(&design, &y);
    let classes: Vec<f64> = y.iter().map(|y| f64::from(*y > 0.0)).collect();
    for (loss, target) in [("squared", &y), ("logistic", &classes)] {
        let model = Linear { penalty: ("l1".to_owned(), Vec::new()), ..Linear::of(loss) };
        let rows = Observations { target, ..rows };
        let begins = model.beginning(&rows).unwrap();
        let alphas: Vec<f64> = (0..20).map(|k| begins.alpha * 0.7f64.powi(k)).collect();
        let how = How { start: Some(begins.start), ..How::default() };
        let path = model.along(&rows, &alphas, how).unwrap();
        assert_eq!(path.len(), alphas.len());
        assert!(path[0].coefficients.iter().all(|w| *w == 0.0), "{loss}");
        assert!(path[1].coefficients.iter().any(|w| *w != 0.0), "{loss}");
        for (at, alpha) in path.iter().zip(&alphas) {
            let alone = Linear { alpha: *alpha, ..model.clone() };
            let alone = alone.fit(&rows, How::default()).unwrap();
            assert!(at.solution.status.success(), "{loss} {alpha}: {:?}", at.solution.status);
            let (here, there) = (at.solution.value, alone.solution.value);
            assert!(here <= there * (1.0 + 2e-6), "{loss} {alpha}: {here} {there}");
            let size: f64 = at.coefficients.iter().map(|w| w.abs()).sum();
            assert!((at.loss + alpha * size - here).abs() <= 1e-12 * here, "{loss} {alpha}");
        }
        if loss == "squared" {
            let passes = path.iter().map(|at| at.solution.counts.passes).fold(0.0, f64::max);
            assert!(passes <= 2.5, "{passes}");
        }
    }
}

#[test]
fn what_weighs_nothing_has_no_path() {
    let (x, y) = table(6);
    let design = Dense::by_rows(&x, D).unwrap();
    let rows = Observations::new(&design, &y);
    for (loss, penalty, word) in
        [("squared", "simplex", "weighs nothing"), ("pinball", "l1", "give alphas")]
    {
        let model = Linear { penalty: (penalty.to_owned(), Vec::new()), ..Linear::of(loss) };
        let why = model.beginning(&rows).unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
}
