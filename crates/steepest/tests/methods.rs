//! Every method on every problem with every penalty: refused by name, or ended honestly; those that promise to be
//! quick (`suits`) get there within the budget, all others most of the way. A new entry gets all of it without a line here.
use steepest::descend::{Solution, descend};
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::Outputs;
use steepest::losses::LOSSES;
use steepest::method::Entry;
use steepest::methods::METHODS;
use steepest::objective::{Function, Objective};
use steepest::parallel::pool::with_threads;
use steepest::penalties::PENALTIES;
use steepest::penalty::{Penalty, Steps};
use steepest::problem::facts;
use steepest::settings::checked;
use steepest::watch::{Stop, Unwatched};

mod only;
use only::tried;

const ROWS: usize = 150;
const COLUMNS: usize = 3;

/// Raw columns, of scales 300 apart, and targets that every loss takes (0 or 1).
fn table() -> (Vec<f64>, Vec<f64>) {
    let mut state = 7u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let (a, b, c) = (uniform() - 0.5, 30.0 * uniform(), 0.1 * uniform());
        x.extend([a, b, c]);
        y.push(f64::from(u8::from(2.0 * a + 0.05 * (b - 15.0) + 1.5 * (uniform() - 0.5) > 0.0)));
    }
    (x, y)
}

/// Three classes, none of which a plane sets apart: every fifth row is of the third.
fn classes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let third = |i: usize| x[COLUMNS * i + 1] > 25.0 || i.is_multiple_of(5);
    y.iter().enumerate().map(|(i, y)| if third(i) { 2.0 } else { *y }).collect()
}

fn whole(objective: &mut dyn Objective, penalty: &dyn Penalty, x: &[f64]) -> f64 {
    objective.value(x).expect("no error of its own") + penalty.value(x)
}

/// One over the curvature along each coordinate at 0: steps in which columns of any scale are alike.
fn alike(objective: &mut dyn Objective) -> Vec<f64> {
    const APART: f64 = 1e-4;
    let n = objective.dim();
    let (mut x, mut there, mut here) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    objective.gradient(&x, &mut here).expect("no error of its own");
    let mut step = |j: usize| {
        x[j] = APART;
        objective.gradient(&x, &mut there).expect("no error of its own");
        x[j] = 0.0;
        1.0 / ((there[j] - here[j]) / APART).max(1e-3)
    };
    (0..n).map(&mut step).collect()
}

/// The least value of a convex problem, by proximal gradient steps in [`alike`] coordinates, with restarts: slow,
/// simple, independent of the methods under test.
fn least(objective: &mut dyn Objective, penalty: &dyn Penalty) -> f64 {
    let (n, mut alike) = (objective.dim(), alike(objective));
    if !penalty.offers().diagonal_prox {
        let least = alike.iter().fold(f64::INFINITY, |m, s| m.min(*s));
        alike.fill(least);
    }
    let mut x = vec![0.0; n];
    penalty.prox(&mut x, Steps::Uniform(1.0));
    let (mut best, mut ahead, mut momentum, mut rate) = (f64::INFINITY, x.clone(), 1.0f64, 1.0);
    let mut g = vec![0.0; n];
    let (mut seen, mut since) = (f64::INFINITY, 0);
    for k in 0..60_000 {
        let f = objective.gradient(&ahead, &mut g).expect("no error of its own");
        let next = loop {
            let steps: Vec<f64> = alike.iter().map(|s| rate * s).collect();
            let mut next: Vec<f64> = (0..n).map(|j| ahead[j] - steps[j] * g[j]).collect();
            let all = if penalty.offers().diagonal_prox {
                Steps::Diagonal(&steps)
            } else {
                Steps::Uniform(steps[0])
            };
            penalty.prox(&mut next, all);
            let (mut slope, mut square) = (0.0, 0.0);
            for j in 0..n {
                let off = next[j] - ahead[j];
                slope += g[j] * off;
                square += off * off / steps[j];
            }
            let there = objective.value(&next).expect("no error of its own");
            if there <= f + slope + 0.5 * square + 1e-15 * f.abs() || rate < 1e-12 {
                break next;
            }
            rate *= 0.5;
        };
        let turned: f64 = (0..n).map(|j| (ahead[j] - next[j]) * (next[j] - x[j]) / alike[j]).sum();
        momentum = if turned > 0.0 { 1.0 } else { momentum };
        let after = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
        let push = (momentum - 1.0) / after;
        ahead = (0..n).map(|j| next[j] + push * (next[j] - x[j])).collect();
        (x, momentum) = (next, after);
        best = best.min(whole(objective, penalty, &x));
        // Nothing left to gain for so long: it is there.
        if best < seen - 1e-14 * seen.abs() {
            (seen, since) = (best, k);
        } else if k - since > 3000 {
            break;
        }
    }
    best
}

/// Evaluations and iterations.
const BUDGET: u64 = 3000;
/// Reads of all terms, where a method looks at them one by one: more where a prox takes one step for all columns, which
/// is that of the largest.
const PASSES: [f64; 2] = [60.0, 1000.0];

fn run(e: &Entry, objective: &mut dyn Objective, penalty: &dyn Penalty, x0: &[f64]) -> Solution {
    let settings = checked(e.name, e.parameters, &[]).expect("defaults are in range");
    let many = PASSES[usize::from(!penalty.offers().diagonal_prox)];
    let passes = if e.needs.terms { many } else { f64::INFINITY };
    let stop =
        Stop { evaluations: BUDGET, iterations: BUDGET, seconds: 30.0, passes, ..Stop::default() };
    descend(objective, penalty, (e.build)(&settings), x0, stop, &mut Unwatched)
        .expect("no error of its own")
}

/// What must hold of any answer.
fn hold(
    what: &str,
    s: &Solution,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    best: Option<f64>,
) {
    assert!(s.x.iter().all(|x| x.is_finite()), "{what}: {:?}", s.x);
    assert!(s.counts.values <= BUDGET, "{what}: the budget of evaluations, {:?}", s.counts);
    let start = whole(objective, penalty, &vec![0.0; s.x.len()]);
    let here = whole(objective, penalty, &s.x);
    assert!(
        (here - s.value).abs() <= 1e-9 * (1.0 + here.abs()),
        "{what}: {here} is told as {}",
        s.value
    );
    assert!(here <= start || start.is_infinite(), "{what}: worse than the start");
    assert!(!s.history.is_empty(), "{what}: no history");
    let Some(best) = best else { return };
    let scale = here.abs().max(1e-3);
    assert!(
        here >= best - 1e-7 * scale,
        "{what}: {here} is below the reference {best}: the value is wrong, or the reference has not got there"
    );
    let (way, left) = (start - best, here - best);
    assert!(left <= 0.25 * way.max(1e-6 * scale), "{what}: {left} of {way} is left");
    if s.status.success() {
        assert!(
            here - best <= 1e-5 * scale,
            "{what}: claims {:?} at {here}, best {best}",
            s.status
        );
    }
    if let Some(c) = s.certificate.as_ref().filter(|c| c.kind.proves()) {
        assert!(
            c.bound >= here - best - 1e-9 * scale,
            "{what}: bound {} below {}",
            c.bound,
            here - best
        );
    }
}

/// Runs what is not refused on one problem with every penalty; `convex` problems have a known least value. Of
/// every `width` variables the last is an intercept, where `width` is not 0.
fn matrix(name: &str, objective: &mut dyn Objective, width: usize, convex: bool) {
    let n = objective.dim();
    let weight: Vec<f64> =
        (0..n).map(|j| if width > 0 && (j + 1) % width == 0 { 0.0 } else { 0.05 }).collect();
    for p in PENALTIES {
        let settings = checked(p.name, p.parameters, &[]).expect("defaults are in range");
        let penalty = (p.build)(&settings, &weight);
        let facts = facts(objective, &*penalty);
        // What is added may make the least one of several.
        let (single, several) = (convex && p.offers.convex, !convex && p.offers.convex);
        let (mut best, mut reached) = (None, Vec::new());
        let own = |e: &&Entry| tried(&[e.name, p.name, name.trim_end_matches(" rows")]);
        for e in METHODS.iter().filter(own) {
            let what = format!("{} on {name} with {}", e.name, p.name);
            if let Some(why) = e.refusal(&facts, METHODS) {
                assert!(why.starts_with(e.name), "{why}");
                continue;
            }
            if single && best.is_none() {
                best = Some(with_threads(1, || least(objective, &*penalty)));
            }
            let one = with_threads(1, || run(e, objective, &*penalty, &vec![0.0; n]));
            hold(&what, &one, objective, &*penalty, best);
            // Who says that it takes a third of the budget at most has to get there.
            if (e.suits)(&facts).is_some_and(|s| s.passes <= BUDGET as f64 / 3.0) {
                assert!(one.status.success(), "{what}: {:?} at {}", one.status, one.value);
            }
            if one.status.success() && several {
                reached.push((what.clone(), one.value));
            }
            let seven = with_threads(7, || run(e, objective, &*penalty, &vec![0.0; n]));
            assert!(
                one.x == seven.x && one.value == seven.value,
                "{what}: other bits on other threads"
            );
        }
        let lowest = reached.iter().fold(f64::INFINITY, |m, (_, value)| m.min(*value));
        for (what, value) in reached {
            assert!(
                value <= lowest + 1e-5 * lowest.abs().max(1e-3),
                "{what}: {value} above {lowest}"
            );
        }
    }
}

#[test]
fn quadratic() {
    let scale = [1.0, 10.0, 300.0, 1000.0];
    let value = move |x: &[f64]| -> f64 {
        1.0 + x.iter().zip(&scale).map(|(x, s)| 0.5 * s * (x - 0.3) * (x - 0.3)).sum::<f64>()
    };
    let mut f = Function::new(4, value, move |x: &[f64], g: &mut [f64]| {
        for j in 0..4 {
            g[j] = scale[j] * (x[j] - 0.3);
        }
        value(x)
    });
    matrix("a quadratic", &mut f, 0, true);
}

#[test]
fn rosenbrock() {
    let value = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
    let mut f = Function::new(2, value, move |x: &[f64], g: &mut [f64]| {
        let b = x[1] - x[0] * x[0];
        g[0] = -400.0 * x[0] * b - 2.0 * (1.0 - x[0]);
        g[1] = 200.0 * b;
        value(x)
    });
    matrix("rosenbrock", &mut f, 0, false);
}

/// Every loss of the registry over raw columns.
#[test]
fn tables() {
    let (x, y) = table();
    let design = Dense::by_rows(&x, COLUMNS).expect("whole rows");
    for l in LOSSES {
        let settings = checked(l.name, l.parameters, &[]).expect("defaults are in range");
        let (outputs, y) = match l.outputs {
            Outputs::One => (1, y.clone()),
            Outputs::Many => (3, classes(&x, &y)),
            // Not every penalty leaves what is learnt alone: tests/learnt.rs has them.
            Outputs::Learnt => continue,
        };
        let loss = (l.build)(&settings, outputs);
        if !loss.convex() || loss.straight() {
            // A function as any other, which raw columns make slow, or one that gradients do not lead to the least of:
            // tests/test_linear_losses.py has them.
            continue;
        }
        // Amounts above 0 where a loss takes no others.
        let above = loss.refuses(0.0).is_some();
        let y: Vec<f64> = y.iter().map(|t| if above { t + 0.5 } else { *t }).collect();
        let mut glm = Glm::new(&design, &*loss, &y, None, true).expect("a good table");
        matrix(&format!("{} rows", l.name), &mut glm, COLUMNS + 1, true);
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for e in METHODS {
        for p in e.parameters {
            let below = if p.low.is_finite() { p.low - 1.0 } else { f64::NAN };
            let error = checked(e.name, e.parameters, &[(p.name, below)]).unwrap_err();
            assert!(error.contains(p.name), "{error}");
        }
    }
}

#[test]
fn names_are_unique_and_every_page_has_a_text() {
    for (i, e) in METHODS.iter().enumerate() {
        assert!(METHODS[..i].iter().all(|o| o.name != e.name));
        assert!(e.doc.len() > 40, "{} needs a page", e.name);
        assert!(e.parameters.iter().all(|p| !p.doc.is_empty()), "{}", e.name);
    }
}
