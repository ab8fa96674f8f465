//! What is refused names its place, and the choice of a method is the core's own.
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::Each;
use steepest::losses::poisson::Poisson;
use steepest::losses::squared::Squared;
use steepest::methods::{Around, METHODS, choose};
use steepest::penalties::l1::L1;
use steepest::penalties::l2::L2;
use steepest::penalty::PerCoordinate;
use steepest::problem::facts;
use steepest::refusal::{self, Refusal};

const X: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];

/// What is refused of targets and weights of a Poisson model.
fn refused(target: &[f64], weight: &[f64]) -> Refusal {
    let design = Dense::by_rows(&X, 2).expect("a table");
    let loss = Each(Poisson::default());
    let made = Glm::new(&design, &loss, target, Some(weight), true);
    made.err().expect("it cannot be used")
}

#[test]
fn a_refusal_names_argument_row_and_number() {
    let (y, w) = ([1.0, 0.0, 2.0], [1.0, 1.0, 1.0]);
    for (refusal, what, row, found) in [
        (refused(&[1.0, -3.0, -4.0], &w), "targets", Some(1), Some(-3.0)),
        (refused(&[1.0, 1.0, f64::INFINITY], &w), "targets", Some(2), Some(f64::INFINITY)),
        (refused(&[1.0, 2.0], &w), "targets", None, None),
        (refused(&y, &[1.0, 1.0, -0.5]), "weights", Some(2), Some(-0.5)),
        (refused(&y, &[0.0; 3]), "weights", None, None),
        (refused(&y, &[f64::MAX; 3]), "weights", None, None),
        (refused(&y, &[1.0, 1.0]), "weights", None, None),
    ] {
        assert_eq!((refusal.what, refusal.row, refusal.found), (what, row, found), "{refusal}");
        let words = refusal.to_string();
        assert_eq!(words.contains(&format!("in row {}", row.unwrap_or(9))), row.is_some());
        assert_eq!(refusal.not_finite(), found == Some(f64::INFINITY));
    }
    let mut x = X;
    x[3] = f64::NAN;
    let refusal = refusal::table("X", &Dense::by_rows(&x, 2).expect("a table"));
    let refusal = refusal.expect("a value is missing");
    assert_eq!((refusal.row, refusal.column, refusal.not_finite()), (Some(1), Some(1), true));
    let far: Vec<f64> = (0..200_000).map(|i| if i < 150_000 { 1.0 } else { -1.0 }).collect();
    let first = refusal::weights("weight", &far).expect_err("most are below 0");
    assert_eq!(first.row, Some(150_000), "the first of them, whoever looked");
}

#[test]
fn the_choice_is_the_least_prediction_of_those_that_can() {
    let design = Dense::by_rows(&X, 2).expect("a table");
    let loss = Each(Squared::default());
    let mut glm = Glm::new(&design, &loss, &[1.0, 2.0, 4.0], None, true).expect("a problem");
    let smooth = facts(&mut glm, &PerCoordinate::uniform(L2::default(), 0.1, 3));
    let sharp = facts(&mut glm, &PerCoordinate::uniform(L1::default(), 0.1, 3));
    for known in [&smooth, &sharp] {
        let chosen = choose(None, &[], Around::default(), known).expect("one of them suits");
        let passes = |name: &str| {
            let entry = METHODS.iter().find(|e| e.name == name).expect("a registered method");
            assert_eq!(entry.refusal(known, METHODS), None);
            (entry.suits)(known).map_or(f64::INFINITY, |s| s.passes)
        };
        let own = passes(chosen.name);
        for other in METHODS.iter().filter(|e| e.refusal(known, METHODS).is_none()) {
            assert!(own <= passes(other.name), "{} rather than {}", chosen.name, other.name);
        }
        // A setting leaves those that know it.
        let chosen = choose(None, &[("memory", 5.0)], Around::default(), known);
        if let Ok(chosen) = chosen {
            let entry = METHODS.iter().find(|e| e.name == chosen.name).expect("a method");
            assert!(entry.parameters.iter().any(|p| p.name == "memory"));
        }
    }
    for (name, settings, why) in [
        ("lbfsg", &[][..], "did you mean 'lbfgs'?"),
        ("lbfgs", &[][..], "lbfgs cannot handle the penalty l1"),
        ("adam", &[][..], "adam cannot handle the penalty l1"),
        ("fista", &[("memory", 3.0)][..], "fista has no setting called 'memory'"),
    ] {
        let refused = choose(Some(name), settings, Around::default(), &sharp).err();
        let refused = refused.expect("it cannot be run");
        assert_eq!(refused.what, "method");
        assert!(refused.why.contains(why), "{refused}");
    }
    let rule =
        choose(Some("adam"), &[("mean_decay", 0.5), ("rate", 0.1)], Around::default(), &smooth);
    assert!(rule.is_ok_and(|r| r.standardise && r.name == "adam"));
}
