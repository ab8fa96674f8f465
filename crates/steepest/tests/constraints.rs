//! Constraints beside bounds, on textbook problems whose answers are known.
use steepest::descend::{Descent, Solution, descend};
use steepest::methods::{METHODS, at_work};
use steepest::penalties::{bounds::Bounds, none::NoPenalty};
use steepest::penalty::{Penalty, PerCoordinate};
use steepest::problem::facts;
use steepest::settings::Described;
use steepest::state::Data;
use steepest::status::Status;
use steepest::watch::{Stop, Unwatched};

mod constrained;

use constrained::{Constrained, Value};

/// By the rounds alone, and after quadratic models: the same answers.
const BY: [&str; 2] = ["augmented_lagrangian", "sqp"];

fn solved(mut problem: Constrained, x0: &[f64], bounds: Option<(f64, f64)>, by: &str) -> Solution {
    let penalty: Box<dyn Penalty> = match bounds {
        Some((low, high)) => {
            Box::new(PerCoordinate::uniform(Bounds::of(&[low, high]), 1.0, x0.len()))
        }
        None => Box::new(PerCoordinate::uniform(NoPenalty::default(), 1.0, x0.len())),
    };
    let entry = METHODS.iter().find(|e| e.name == by).unwrap();
    assert!(entry.refusal(&facts(&mut problem, &*penalty), METHODS).is_none());
    let stop = Stop { evaluations: 20_000, ..Stop::default() };
    descend(&mut problem, &*penalty, at_work(entry, &[]), x0, stop, &mut Unwatched).unwrap()
}

fn near(found: &Solution, value: f64, x: &[f64]) {
    assert!(
        found.status.success(),
        "{:?} after {} evaluations at {:?}",
        found.status,
        found.counts.values,
        found.x
    );
    assert!(found.violation < 1e-6, "{}", found.violation);
    assert!((found.value - value).abs() < 1e-5 * value.abs().max(1.0), "{} {value}", found.value);
    for (a, b) in found.x.iter().zip(x) {
        assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{:?} {x:?}", found.x);
    }
}

const INF: f64 = f64::INFINITY;

#[test]
fn hock_and_schittkowski_6_an_equation() {
    for by in BY {
        let problem = Constrained {
            n: 2,
            value: |x| (1.0 - x[0]).powi(2),
            constraints: &[|x| 10.0 * (x[1] - x[0] * x[0])],
            low: vec![0.0],
            high: vec![0.0],
        };
        near(&solved(problem, &[-1.2, 1.0], None, by), 0.0, &[1.0, 1.0]);
    }
}

#[test]
fn hock_and_schittkowski_7_a_curved_equation() {
    for by in BY {
        let problem = Constrained {
            n: 2,
            value: |x| (1.0 + x[0] * x[0]).ln() - x[1],
            constraints: &[|x| (1.0 + x[0] * x[0]).powi(2) + x[1] * x[1] - 4.0],
            low: vec![0.0],
            high: vec![0.0],
        };
        near(&solved(problem, &[2.0, 2.0], None, by), -3f64.sqrt(), &[0.0, 3f64.sqrt()]);
    }
}

#[test]
fn hock_and_schittkowski_43_three_inequalities() {
    for by in BY {
        let problem = Constrained {
            n: 4,
            value: |x| {
                x[0] * x[0] + x[1] * x[1] + 2.0 * x[2] * x[2] + x[3] * x[3]
                    - 5.0 * x[0]
                    - 5.0 * x[1]
                    - 21.0 * x[2]
                    + 7.0 * x[3]
            },
            constraints: &[
                |x| 8.0 - x.iter().map(|x| x * x).sum::<f64>() - x[0] + x[1] - x[2] + x[3],
                |x| {
                    10.0 - x[0] * x[0] - 2.0 * x[1] * x[1] - x[2] * x[2] - 2.0 * x[3] * x[3]
                        + x[0]
                        + x[3]
                },
                |x| 5.0 - 2.0 * x[0] * x[0] - x[1] * x[1] - x[2] * x[2] - 2.0 * x[0] + x[1] + x[3],
            ],
            low: vec![0.0; 3],
            high: vec![INF; 3],
        };
        near(&solved(problem, &[0.0; 4], None, by), -44.0, &[0.0, 1.0, 2.0, -1.0]);
    }
}

#[test]
fn hock_and_schittkowski_71_bounds_an_equation_and_an_inequality() {
    for by in BY {
        let problem = Constrained {
            n: 4,
            value: |x| x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
            constraints: &[|x| x.iter().product(), |x| x.iter().map(|x| x * x).sum()],
            low: vec![25.0, 40.0],
            high: vec![INF, 40.0],
        };
        let found = solved(problem, &[1.0, 5.0, 5.0, 1.0], Some((1.0, 5.0)), by);
        near(&found, 17.014_017_3, &[1.0, 4.742_999, 3.821_150, 1.379_408]);
    }
}

#[test]
fn what_no_point_meets_is_infeasible() {
    for by in BY {
        let problem = Constrained {
            n: 2,
            value: |x| x[0] * x[0] + x[1] * x[1],
            constraints: &[|x| x[0] + x[1], |x| x[0] + x[1]],
            low: vec![1.0, -INF],
            high: vec![INF, 0.0],
        };
        let found = solved(problem, &[0.0, 0.0], None, by);
        assert_eq!(found.status, Status::Infeasible);
        assert!((found.violation - 0.5).abs() < 1e-2, "{}", found.violation);
    }
}

#[test]
fn other_methods_refuse_constraints() {
    let mut problem = Constrained {
        n: 1,
        value: |x| x[0],
        constraints: &[|x| x[0]],
        low: vec![0.0],
        high: vec![0.0],
    };
    let penalty = PerCoordinate::uniform(NoPenalty::default(), 1.0, 1);
    let facts = facts(&mut problem, &penalty);
    for entry in METHODS {
        let refusal = entry.refusal(&facts, METHODS);
        assert_eq!(
            refusal.is_none(),
            matches!(entry.name, "augmented_lagrangian" | "sqp"),
            "{}",
            entry.name
        );
        if let Some(why) = refusal {
            assert!(why.contains("augmented_lagrangian") || entry.needs.glm, "{why}");
        }
    }
}

#[test]
fn what_f_is_measured_in_makes_no_difference() {
    fn times(by: f64) -> impl Fn(&[f64]) -> f64 {
        move |x| by * (0.5 * x[0] * x[0] + x[1] * x[1] - x[0] * x[1] - 7.0 * x[0] - 7.0 * x[1])
    }
    const SIZES: [(f64, Value); 5] = [
        (1e-200, |x| times(1e-200)(x)),
        (1e-20, |x| times(1e-20)(x)),
        (1e8, |x| times(1e8)(x)),
        (1e20, |x| times(1e20)(x)),
        (1e200, |x| times(1e200)(x)),
    ];
    for by in BY {
        for (size, value) in SIZES {
            let problem = Constrained {
                n: 2,
                value,
                constraints: &[|x| 25.0 - 4.0 * x[0] * x[0] - x[1] * x[1]],
                low: vec![0.0],
                high: vec![INF],
            };
            let mut found = solved(problem, &[0.0, 0.0], None, by);
            found.value /= size;
            near(&found, -30.0, &[2.0, 3.0]);
        }
    }
}

#[test]
fn a_forged_run_is_refused_or_ends_where_the_constraints_are_met() {
    let build = || Constrained {
        n: 2,
        value: |x| (1.0 + x[0] * x[0]).ln() - x[1],
        constraints: &[|x| (1.0 + x[0] * x[0]).powi(2) + x[1] * x[1] - 4.0],
        low: vec![0.0],
        high: vec![0.0],
    };
    let penalty = PerCoordinate::uniform(NoPenalty::default(), 1.0, 2);
    let stop = Stop { evaluations: 3000, iterations: 2000, ..Stop::default() };
    for by in BY {
        let entry = METHODS.iter().find(|e| e.name == by).unwrap();
        let begin = || Descent::new(at_work(entry, &[]), &[2.0, 2.0], stop);
        let mut tried = 0;
        for steps in [1, 4, 9] {
            let (mut own, mut descent) = (build(), begin());
            for _ in 0..steps {
                descent.advance(&mut own, &penalty, &mut Unwatched).unwrap();
            }
            let saved = descent.save(&mut own).unwrap();
            for (name, data) in
                saved.iter().filter(|(name, _)| name.contains("method.") || name.contains("units"))
            {
                let Data::Numbers(numbers) = data else { continue };
                let within = name.contains(".inner.inner");
                for other in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300] {
                    let forged = Data::Numbers(numbers.iter().map(|_| other).collect());
                    if within || forged == *data {
                        continue;
                    }
                    let mut all = saved.clone();
                    all.insert(name.clone(), forged);
                    let (mut own, mut descent) = (build(), begin());
                    tried += 1;
                    if descent.load(&mut own, &penalty, all).is_err() {
                        continue;
                    }
                    while descent.advance(&mut own, &penalty, &mut Unwatched).unwrap() {}
                    descent.settle(&mut own, &penalty).unwrap();
                    let end = descent.solution();
                    let claimed = end.status.success();
                    assert!(
                        !claimed || end.violation < 1e-5,
                        "{by} {name} {other} {}",
                        end.violation
                    );
                    let off = (end.value + 3f64.sqrt()).abs();
                    assert!(!claimed || off < 1e-4, "{by} {steps} {name} {other} {}", end.value);
                }
            }
        }
        assert!(tried > 100, "{by} {tried}");
    }
}
