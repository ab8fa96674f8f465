//! Methods for functions on the standard problems, with bounds, and where something is wrong.
use steepest::certificate::Certificate;
use steepest::descend::{Descent, HeldOut, Solution, descend};
use steepest::differences::Differenced;
use steepest::method::{Method, Step};
use steepest::methods::METHODS;
use steepest::numbers::simd;
use steepest::objective::{Function, Objective};
use steepest::penalties::{bounds::Bounds, none::NoPenalty};
use steepest::penalty::{Penalty, PerCoordinate};
use steepest::problem::Problem;
use steepest::problems::{PROBLEMS, TestProblem};
use steepest::settings::{Described, checked};
use steepest::state::{Bad, State, Visitor};
use steepest::status::{Halt, Status};
use steepest::watch::{Stop, Unwatched};

const OURS: [&str; 3] = ["gradient_descent", "lbfgs", "newton"];

fn nothing(n: usize) -> PerCoordinate<NoPenalty> {
    PerCoordinate::uniform(NoPenalty::default(), 1.0, n)
}

fn run(method: &str, objective: &mut dyn Objective, penalty: &dyn Penalty, x0: &[f64]) -> Solution {
    with(method, &[], objective, penalty, x0, Stop { iterations: 20_000, ..Stop::default() })
}

fn with(
    method: &str,
    settings: &[(&str, f64)],
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    x0: &[f64],
    stop: Stop,
) -> Solution {
    let entry = METHODS.iter().find(|e| e.name == method).expect("a registered method");
    let settings = checked(entry.name, entry.parameters, settings).expect("settings in range");
    descend(objective, penalty, (entry.build)(&settings), x0, stop, &mut Unwatched)
        .expect("no error of its own")
}

#[test]
fn smooth_problems_end_where_the_gradient_vanishes() {
    for entry in PROBLEMS {
        if entry.least.is_none() || ["absolute", "ackley"].contains(&entry.name) {
            continue;
        }
        for method in OURS {
            let mut problem = TestProblem::new(entry.name, 0, &[]).unwrap();
            let (x0, n) = (problem.start(), problem.dim());
            let mut g = vec![0.0; n];
            problem.gradient(&x0, &mut g).unwrap();
            let scale = g.iter().fold(1.0f64, |m, g| m.max(g.abs()));
            let s = run(method, &mut problem, &nothing(n), &x0);
            assert!(s.status.success(), "{method} on {}: {}", entry.name, s.message());
            let f = problem.gradient(&s.x, &mut g).unwrap();
            assert_eq!(f, s.value, "{method} on {}", entry.name);
            assert!(g.iter().all(|g| g.abs() <= 1e-5 * scale), "{method} on {}", entry.name);
            assert!(!s.certificate.unwrap().kind.proves());
        }
    }
}

#[test]
fn there_is_no_success_where_there_is_no_minimum() {
    for name in ["saddle", "monkey_saddle"] {
        for method in OURS {
            let mut problem = TestProblem::new(name, 0, &[]).unwrap();
            let x0 = problem.start();
            let s = run(method, &mut problem, &nothing(2), &x0);
            assert_eq!(s.status, Status::Unbounded, "{method} on {name}");
        }
    }
}

#[test]
fn bounds_hold_and_are_met() {
    let n = 300;
    let at: Vec<f64> = (0..n).map(|j| (j as f64 * 0.7).sin() * 2.0).collect();
    let scale: Vec<f64> = (0..n).map(|j| 10f64.powf(j as f64 * 4.0 / n as f64)).collect();
    let gradient = |x: &[f64], g: &mut [f64]| {
        assert!(x.iter().all(|x| (-1.0..=1.0).contains(x)));
        let mut f = 0.0;
        for j in 0..x.len() {
            g[j] = scale[j] * (x[j] - at[j]);
            f += 0.5 * g[j] * (x[j] - at[j]);
        }
        f
    };
    let mut scratch = vec![0.0; n];
    let mut f = Function::new(n, move |x: &[f64]| gradient(x, &mut scratch), gradient);
    let bounds = PerCoordinate::uniform(Bounds::of(&[-1.0, 1.0]), 1.0, n);
    for method in ["lbfgs", "gradient_descent"] {
        let s = run(method, &mut f, &bounds, &vec![3.0; n]);
        assert!(s.status.success(), "{method}: {}", s.message());
        for (x, at) in s.x.iter().zip(&at) {
            assert!((x - at.clamp(-1.0, 1.0)).abs() < 1e-4, "{method}: {x} {at}");
        }
    }
}

#[test]
fn empty_intervals_are_infeasible() {
    let mut sphere = TestProblem::new("sphere", 2, &[]).unwrap();
    let bounds = PerCoordinate::uniform(Bounds::of(&[1.0, -1.0]), 1.0, 2);
    assert_eq!(run("lbfgs", &mut sphere, &bounds, &[0.0, 0.0]).status, Status::Infeasible);
}

#[test]
fn the_same_bits_on_every_instruction_set() {
    let go = |n: usize, method: &str| {
        let mut f = TestProblem::new("rosenbrock", n, &[]).unwrap();
        let x0 = f.start();
        let stop = Stop { iterations: 60, ..Stop::default() };
        with(method, &[], &mut f, &nothing(n), &x0, stop)
    };
    for (n, method) in [(7, "lbfgs"), (250, "lbfgs"), (250, "gradient_descent"), (7, "newton")] {
        let runs = [simd::Level::Baseline, simd::Level::Avx2, simd::Level::Avx512].map(|level| {
            simd::hold(Some(level));
            let s = go(n, method);
            simd::hold(None);
            s
        });
        for s in &runs {
            assert_eq!(s.x, runs[0].x, "{method} {n}");
            assert_eq!(s.counts, runs[0].counts);
        }
    }
}

#[test]
fn a_rate_that_was_given_is_kept_to() {
    let mut f = TestProblem::new("quadratic", 3, &[("condition", 10.0)]).unwrap();
    let stop = Stop { iterations: 5, ..Stop::default() };
    let s = with("gradient_descent", &[("rate", 0.1)], &mut f, &nothing(3), &[1.0; 3], stop);
    for (j, x) in s.x.iter().enumerate() {
        let curvature = 10f64.powf(j as f64 / 2.0);
        assert!((x - (1.0 - 0.1 * curvature).powi(5)).abs() < 1e-14);
    }
    let s =
        with("gradient_descent", &[("rate", 0.3)], &mut f, &nothing(3), &[1.0; 3], Stop::default());
    assert_eq!(s.status, Status::Diverged);
    let limit = s.findings[0].evidence.iter().find(|e| e.0 == "largest_stable_rate").unwrap().1;
    assert!((0.2..0.3).contains(&limit), "{limit}");
}

#[test]
fn held_out_loss_stops_early_and_keeps_its_best_point() {
    let bowl = |at: f64| {
        Function::new(
            1,
            move |x: &[f64]| (x[0] - at).powi(2),
            move |x: &[f64], g: &mut [f64]| {
                g[0] = 2.0 * (x[0] - at);
                (x[0] - at).powi(2)
            },
        )
    };
    let (mut train, mut other) = (bowl(1.0), bowl(0.5));
    let entry = METHODS.iter().find(|e| e.name == "gradient_descent").unwrap();
    let settings = checked(entry.name, entry.parameters, &[("rate", 0.02)]).unwrap();
    let mut d = Descent::new((entry.build)(&settings), &[0.0], Stop::default());
    let mut held = HeldOut::new(&mut other, 5, 0.0);
    while d.advance_held(&mut train, &nothing(1), &mut held, &mut Unwatched).unwrap() {}
    let s = d.solution();
    assert_eq!(s.status, Status::HeldOut);
    assert!((s.x[0] - 0.5).abs() < 0.03, "{}", s.x[0]);

    // Falls by less than a share of what is left count for nothing, however many there are; together they do.
    let (mut train, mut other) = (bowl(1.0), bowl(1.5));
    let run = |train: &mut dyn Objective, other: &mut dyn Objective, least: f64| {
        let d = Descent::new((entry.build)(&settings), &[0.0], Stop::default());
        d.run_held(train, &nothing(1), &mut HeldOut::new(other, 5, least), &mut Unwatched).unwrap()
    };
    let [one, some, all] = [0.5, 0.03, 0.0].map(|least| run(&mut train, &mut other, least));
    assert_eq!((one.status.clone(), some.status.clone()), (Status::HeldOut, Status::HeldOut));
    assert!(one.counts.iterations == 5 && one.x[0] < some.x[0], "{:?}", one.counts);
    assert!(some.x[0] < 0.99 && all.status == Status::Converged, "{} {:?}", some.x[0], all.status);

    // Where each step leads up the start is the best, unless it may not be: then the first step is.
    let mut behind = bowl(-1.0);
    let mut from = |start: bool| {
        let held = HeldOut::new(&mut behind, 5, 0.0);
        let mut held = if start { held } else { held.after_a_step() };
        let d = Descent::new((entry.build)(&settings), &[0.0], Stop::default());
        d.run_held(&mut train, &nothing(1), &mut held, &mut Unwatched).unwrap()
    };
    let [start, step] = [true, false].map(&mut from);
    assert_eq!((start.x[0], step.counts.iterations), (0.0, start.counts.iterations + 1));
    assert!(step.x[0] > 0.0 && step.x[0] < 0.05, "{}", step.x[0]);
}

#[test]
fn budgets_are_held() {
    for method in OURS {
        let mut f = TestProblem::new("rosenbrock", 2, &[]).unwrap();
        let stop = Stop { evaluations: 9, ..Stop::default() };
        let s = with(method, &[], &mut f, &nothing(2), &[-1.2, 1.0], stop);
        assert!(matches!(s.status, Status::Budget(_)), "{method}");
        assert!(s.counts.values <= 9 && s.value <= 24.2);
    }
}

/// Says that it is done, with the value of a point beside the one that it leaves.
struct Beside(f64);

impl State for Beside {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("off", &mut self.0)
    }
}

impl Method for Beside {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let value = problem.value(x)?;
        x[0] += self.0;
        let certificate = Some(Certificate { target: 1.0, ..Certificate::default() });
        Ok(Step { value, verdict: Some(Status::Converged), certificate, ..Step::default() })
    }
    fn step(&mut self, _: &mut Problem<'_>, _: &mut [f64]) -> Result<Step, Halt> {
        unreachable!("it is done")
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
}

#[test]
fn a_value_is_that_of_the_point_handed_over_and_so_is_a_claim() {
    for (off, success, values) in [(0.0, true, 1), (3.0, false, 2)] {
        let value = |x: &[f64]| x[0] * x[0] + x[1];
        let mut f = Function::new(2, value, |x: &[f64], _: &mut [f64]| value(x));
        let none = nothing(2);
        let beside = Box::new(Beside(off));
        let s =
            descend(&mut f, &none, beside, &[1.0, 5.0], Stop::default(), &mut Unwatched).unwrap();
        assert_eq!(s.value, s.x[0] * s.x[0] + s.x[1], "{off}");
        assert_eq!((s.status.success(), s.counts.values), (success, values), "{off}");
    }
}

/// A method that claims success where it begins, wherever that is.
struct Hasty;

impl State for Hasty {
    fn visit(&mut self, _: &mut Visitor<'_>) -> Result<(), Bad> {
        Ok(())
    }
}

impl Method for Hasty {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        // A look further on, of which nothing is made.
        problem.total(&[x[0] - 1.0])?;
        Ok(Step { value: problem.total(x)?, ..Step::default() })
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (value, kind) = (problem.total(x)?, steepest::certificate::Kind::Stationary);
        let certificate = Some(Certificate { kind, ..Certificate::default() });
        Ok(Step { value, certificate, verdict: Some(Status::Converged), ..Step::default() })
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
}

#[test]
fn what_lies_lower_than_a_claim_and_was_seen_is_gone_on_from() {
    let descent = |x0: f64, noisy: bool| {
        let mut asked = 0;
        let value = |x: &[f64]| {
            asked += 1;
            // What is found once and not again is noise.
            let noise = if noisy && asked == 1 { -10.0 } else { 0.0 };
            (x[0] * x[0] + 1.0) + noise
        };
        let mut f = Differenced::new(1, value);
        descend(&mut f, &nothing(1), Box::new(Hasty), &[x0], Stop::default(), &mut Unwatched)
            .expect("no error of its own")
    };
    // From 3.25 each claim is of where it stands, and a lower point lies one further on, until the least.
    let s = descent(3.25, false);
    assert_eq!((s.x[0], s.status), (0.25, Status::Converged));
    // Of as many steps there is an end.
    assert_eq!(descent(30.0, false).x[0], 22.0);
    let s = descent(-3.0, true);
    assert_eq!((s.x[0], s.status), (-3.0, Status::Converged));
}
