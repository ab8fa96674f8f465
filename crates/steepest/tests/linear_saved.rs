//! Linear models in files: what was written here comes back to the bit, and what Python wrote predicts here as it does there.
use std::path::PathBuf;
use steepest::designs::codes::{Category, Codes};
use steepest::designs::dense::Dense;
use steepest::linear::{How, Label, Linear, LinearModel, LogisticRegression, Observations, Ridge};
use steepest::loss::Outputs;
use steepest::losses::LOSSES;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

/// A file of its own for each test.
fn own(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("steepest-{name}-{}.safetensors", std::process::id()))
}

fn rows() -> (Vec<f64>, Vec<f64>) {
    let wave = |k: usize| ((k * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
    let x: Vec<f64> = (0..240).map(wave).collect();
    let y = x.chunks(3).enumerate().map(|(i, r)| f64::from(r[0] - r[1] + 0.4 * wave(5 * i) > 0.0));
    let y = y.collect();
    (x, y)
}

#[test]
fn a_model_of_any_loss_comes_back_to_the_bit() {
    let (x, y) = rows();
    let design = Dense::by_rows(&x, 3).expect("a table");
    let path = own("losses");
    for entry in LOSSES {
        let several = match entry.outputs {
            Outputs::One => false,
            Outputs::Many => true,
            Outputs::Learnt => entry.classes,
        };
        let classes = if several { 3 } else { 1 };
        let above =
            (entry.build)(&entry.parameters.iter().map(|p| p.default).collect::<Vec<_>>(), classes)
                .refuses(0.0)
                .is_some();
        let target = |i: usize, y: f64| if several { (i % 3) as f64 } else { y + f64::from(above) };
        let y: Vec<f64> = y.iter().enumerate().map(|(i, y)| target(i, *y)).collect();
        for intercept in [true, false] {
            let model =
                Linear { outputs: classes, alpha: 0.1, intercept, ..Linear::of(entry.name) };
            let fitted = model.fit(&Observations::new(&design, &y), How::default());
            let fitted = fitted.unwrap_or_else(|why| panic!("{}: {why}", entry.name));
            fitted.save(&path).expect("a file");
            let again =
                LinearModel::load(&path).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
            assert_eq!(again.coefficients, fitted.coefficients, "{}", entry.name);
            assert_eq!((&again.intercept, &again.learnt), (&fitted.intercept, &fitted.learnt));
            assert_eq!(
                again.margins(&design).expect("margins"),
                fitted.margins(&design).expect("margins")
            );
            assert_eq!((again.loss(), again.columns()), (&model.loss, 3));
        }
    }
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
fn classes_of_any_kind_have_their_names_again() {
    let (x, y) = rows();
    let design = Dense::by_rows(&x, 3).expect("a table");
    let path = own("classes");
    let model = LogisticRegression::default();
    let loaded = || LinearModel::load(&path).expect("a model");
    let texts: Vec<&str> =
        y.iter().map(|y| if *y > 0.0 { "möglich\n" } else { "\"nein\"" }).collect();
    let fitted = model.fit(&design, &texts).expect("a model");
    fitted.save(&path).expect("a file");
    let told: Vec<Label> =
        fitted.predict(&design).expect("classes").into_iter().map(Label::from).collect();
    let again = loaded();
    assert_eq!(again.predict_classes(&design).expect("classes"), told.iter().collect::<Vec<_>>());
    model
        .fit(&design, &y.iter().map(|y| *y > 0.0).collect::<Vec<_>>())
        .expect("a model")
        .save(&path)
        .expect("a file");
    assert_eq!(loaded().classes, [Label::Flag(false), Label::Flag(true)]);
    let whole: Vec<i64> =
        y.iter().enumerate().map(|(i, y)| *y as i64 - (i as i64 % 2) * 7).collect();
    model.fit(&design, &whole).expect("a model").save(&path).expect("a file");
    assert_eq!(loaded().classes, [-7, -6, 0, 1].map(Label::Whole));
    std::fs::remove_file(&path).expect("it is there");
}

/// The rows that a model of Python's was asked about, and what it said, side by side.
fn asked(name: &str, columns: usize) -> (Vec<f64>, Vec<f64>) {
    let text = std::fs::read_to_string(file(&format!("{name}.txt"))).expect("a table");
    let (mut x, mut said) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let numbers: Vec<f64> = line.split(' ').map(|v| v.parse().expect("a number")).collect();
        x.extend(&numbers[..columns]);
        said.extend(&numbers[columns..]);
    }
    (x, said)
}

#[test]
fn what_python_saved_predicts_as_it_does_there() {
    let cases = [
        ("ridge", 3, "squared"),
        ("poisson", 3, "poisson"),
        ("two_classes", 3, "logistic"),
        ("three_classes", 3, "softmax"),
        ("tweedie", 3, "tweedie"),
        ("of_numbers", 5, "squared"),
        ("of_classes", 5, "softmax"),
    ];
    for (name, columns, loss) in cases {
        let model = LinearModel::load(file(&format!("{name}.safetensors"))).expect("a model");
        let (x, said) = asked(name, columns);
        let design = Dense::by_rows(&x, columns).expect("a table");
        let mut found = model.predict(&design).expect("predictions");
        if model.classes.len() == 2 {
            found = found.into_iter().flat_map(|p| [1.0 - p, p]).collect();
        }
        assert_eq!((model.loss().0.as_str(), found.len()), (loss, said.len()), "{name}");
        // What rounding makes of a row is by the size of what is added up.
        let size = |row: &[f64]| {
            let each = model.coefficients.chunks(columns);
            let sums = each.map(|w| w.iter().zip(row).map(|(w, x)| (w * x).abs()).sum::<f64>());
            1.0 + sums.fold(0.0, f64::max)
        };
        let k = said.len() / 12;
        for (i, (a, b)) in found.iter().zip(&said).enumerate() {
            let room = 1e-15 * size(&x[i / k * columns..][..columns]) * (1.0 + b.abs());
            assert!((a - b).abs() <= room.max(1e-12 * b.abs()), "{name}: {a} for {b}");
        }
        let mut one = vec![0.0; model.outputs()];
        model.margin(&x[..columns], &mut one);
        let all = model.margins(&design).expect("margins");
        let room = 1e-15 * size(&x[..columns]);
        one.iter().zip(&all).for_each(|(a, b)| assert!((a - b).abs() <= room));
    }
    let load = |name| LinearModel::load(file(name)).expect("a model");
    assert_eq!(load("two_classes.safetensors").classes, [Label::Flag(false), Label::Flag(true)]);
    assert_eq!(load("three_classes.safetensors").classes[2], Label::Text("möglich".into()));
    let model = load("tweedie.safetensors");
    assert_eq!(model.loss().1, [("power".to_owned(), 1.4)]);
}

#[test]
fn a_model_of_a_table_takes_codes_of_its_categories() {
    let model = LinearModel::load(file("of_numbers.safetensors")).expect("a model");
    assert_eq!(model.names, ["size", "year", "town = Bonn", "town = Köln", "town = Ulm"]);
    let (x, said) = asked("of_numbers", 5);
    let numbers: Vec<f64> = x.chunks(5).flat_map(|r| r[..2].to_vec()).collect();
    let town = |r: &[f64]| r[2..].iter().position(|v| *v == 1.0).expect("a town") as i32;
    let codes: Vec<i32> = x.chunks(5).map(town).collect();
    let towns = Category { codes: &codes, levels: 3 };
    let design = Codes::new(codes.len(), &numbers, 2, &[towns]).expect("a table");
    for (a, b) in model.predict(&design).expect("predictions").iter().zip(&said) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} for {b}");
    }
}

#[test]
fn what_is_no_linear_model_is_refused_by_name() {
    let why = |path: PathBuf| LinearModel::load(path).err().expect("refused").to_string();
    assert!(why(file("network.safetensors")).contains("made of a table's by Python"));
    assert!(why(file("nothing.safetensors")).contains("cannot be read"));
    assert!(why(file("ridge.txt")).contains("another kind of file"));
    let (x, y) = rows();
    let design = Dense::by_rows(&x, 3).expect("a table");
    let fitted = Ridge::default().fit(&Observations::new(&design, &y)).expect("a model");
    let path = own("altered");
    fitted.save(&path).expect("a file");
    let whole = std::fs::read(&path).expect("a file");
    let mut last = whole.clone();
    *last.last_mut().expect("a byte") ^= 1;
    std::fs::write(&path, &last).expect("a file");
    assert!(why(path.clone()).contains("its checksum does not fit"));
    std::fs::write(&path, &whole[..whole.len() - 1]).expect("a file");
    assert!(why(path.clone()).contains("it was cut off"));
    std::fs::remove_file(&path).expect("it is there");
    assert!(fitted.save(file("no/such/folder")).is_err());
    let other = Dense::by_rows(&x, 4).expect("a table");
    assert!(fitted.margins(&other).expect_err("refused").to_string().contains("3 columns"));
}
