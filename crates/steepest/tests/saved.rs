//! Stopped between any two steps, saved, loaded into another descent and run on: the same bits as never stopped. Every
//! method and every rule of the registries; a new entry is tried without a line here.
use std::collections::BTreeSet;
use steepest::descend::{Descent, Solution};
use steepest::design::Design;
use steepest::designs::codes::{Category, Codes};
use steepest::designs::dense::Dense;
use steepest::designs::sparse::Sparse;
use steepest::glm::Glm;
use steepest::loss::Outputs;
use steepest::losses::LOSSES;
use steepest::method::{Entry, Method};
use steepest::methods::ruled::Plan;
use steepest::methods::{METHODS, at_work, proved::Proved};
use steepest::objective::Objective;
use steepest::penalties::PENALTIES;
use steepest::penalty::Penalty;
use steepest::problem::facts;
use steepest::problems;
use steepest::rule::Kind;
use steepest::rules::RULES;
use steepest::settings::checked;
use steepest::state::{Data, Saved};
use steepest::watch::{Stop, Unwatched};

mod only;
use only::tried;

const STEPS: u64 = 40;

fn so_many() -> Stop {
    Stop { iterations: STEPS, ..Stop::default() }
}

type Build<'a> = dyn Fn() -> Box<dyn Method + Send> + 'a;

/// What of a solution must be the same to the bit: all but the seconds.
fn bits(s: &Solution) -> Vec<u64> {
    let c = s.counts;
    let mut all = vec![
        c.iterations,
        c.values,
        c.gradients,
        c.products,
        c.passes.to_bits(),
        s.value.to_bits(),
    ];
    all.extend(s.x.iter().chain(s.path.iter().flatten()).map(|x| x.to_bits()));
    for r in &s.history {
        all.extend([
            r.iteration,
            r.evaluations,
            r.value.to_bits(),
            r.residual.to_bits(),
            r.rate.to_bits(),
        ]);
    }
    all.push(s.status.number() as u64);
    all.extend(
        s.certificate.iter().flat_map(|c| [c.bound, c.target, c.rounding]).map(f64::to_bits),
    );
    all.push(s.findings.len() as u64);
    all
}

/// From x0 to the end; stopped before each of the steps named, saved, and gone on with in a new descent.
fn run(
    build: &Build<'_>,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    (x0, stop): (&[f64], Stop),
    at: &[u64],
) -> Solution {
    let mut descent = Descent::new(build(), x0, stop);
    descent.keep_path = true;
    while descent.advance(objective, penalty, &mut Unwatched).expect("no error of its own") {
        if at.contains(&descent.counts.iterations) {
            let saved = descent.save(objective).expect("it stands between two steps");
            let mut next = Descent::new(build(), x0, stop);
            next.keep_path = true;
            next.load(objective, penalty, saved).expect("what was saved is loaded");
            descent = next;
        }
    }
    descent.settle(objective, penalty).expect("no error of its own");
    descent.solution()
}

/// Saved at several places.
const PLACES: [&[u64]; 4] = [&[0], &[1, 2, 3], &[7], &[STEPS / 2, STEPS - 1]];

/// Saved at these places, and before each step.
fn same(
    name: &str,
    build: &Build<'_>,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    (x0, stop): (&[f64], Stop),
    places: &[&[u64]],
) {
    let never = run(build, objective, penalty, (x0, stop), &[]);
    let each: Vec<u64> = (0..STEPS).collect();
    for at in places.iter().copied().chain([&each[..]]) {
        let stopped = run(build, objective, penalty, (x0, stop), at);
        let (a, b) = (bits(&never), bits(&stopped));
        assert!(a == b, "{name}, stopped at {at:?}: {never:?}\n{stopped:?}");
    }
}

/// Every method, and every rule as one: over single steps, batches and a rate that falls.
fn all(mut each: impl FnMut(&str, Option<&Entry>, &Build<'_>)) {
    for entry in METHODS.iter().filter(|e| tried(&[e.name])) {
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        each(entry.name, Some(entry), &|| at_work(entry, &settings));
    }
    for rule in RULES.iter().filter(|r| tried(&[r.name])) {
        let alone: &[(&str, &[(&str, f64)])] = &[(rule.name, &[])];
        let before: &[(&str, &[(&str, f64)])] = &[(rule.name, &[]), ("sgd", &[])];
        let after: &[(&str, &[(&str, f64)])] = &[("sgd", &[]), (rule.name, &[])];
        let chain = match rule.kind {
            Kind::Gradient => before,
            Kind::Change => after,
            _ => alone,
        };
        let plan = || Plan::new(chain).expect("a registered rule");
        let falling = || plan().set(&[("rate", 1e-2)]).and_then(|p| p.schedule("plateau", &[]));
        let cosine = || plan().schedule("cosine", &[]);
        let batches = || plan().set(&[("batch_size", 16.0), ("epochs", 8.0), ("seed", 3.0)]);
        let given = || plan().set(&[("rate", 1e-3), ("batch_size", 16.0), ("epochs", 8.0)]);
        let plans: [&dyn Fn() -> Result<Plan, String>; 5] =
            [&|| Ok(plan()), &falling, &cosine, &batches, &given];
        for plan in plans {
            each(rule.name, None, &|| Box::new(Proved::new(plan().expect("settings").method())));
        }
    }
}

#[test]
fn functions_go_on_to_the_bit() {
    for (name, dim) in [("rosenbrock", 6), ("absolute", 3), ("himmelblau", 2)] {
        let x0 = (problems::find(name).expect("registered").start)(dim);
        let free = (PENALTIES.iter().find(|p| p.name == "none").expect("registered").build)(
            &[],
            &vec![0.0; dim],
        );
        all(|method, entry, build| {
            let mut objective = problems::TestProblem::new(name, dim, &[]).expect("registered");
            let facts = facts(&mut objective, &*free);
            if entry.is_none_or(|e| e.refusal(&facts, METHODS).is_none()) {
                same(method, build, &mut objective, &*free, (&x0, so_many()), &PLACES);
            }
        });
    }
}

/// Rows with a target of 0 or 1.
fn table() -> (Vec<f64>, Vec<f64>) {
    let mut state = 7u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let rows = (0..150).map(|_| [uniform() - 0.5, 3.0 * uniform(), 2.0 * uniform()]);
    let rows: Vec<[f64; 3]> = rows.collect();
    let y = rows.iter().map(|r| f64::from(u8::from(2.0 * r[0] + 0.5 * r[1] + uniform() > 1.4)));
    (rows.concat(), y.collect())
}

#[test]
fn tables_go_on_to_the_bit() {
    let (x, y) = table();
    let design = Dense::by_rows(&x, 3).expect("a table");
    for (loss, outputs, penalty) in [
        ("logistic", 1, "l2"),
        ("logistic", 1, "l1"),
        ("softmax", 2, "l2"),
        ("huber", 1, "none"),
        ("hinge", 1, "l2"),
        ("pinball", 1, "l1"),
    ] {
        let loss = LOSSES.iter().find(|l| l.name == loss).expect("registered");
        let block =
            (loss.build)(&checked(loss.name, loss.parameters, &[]).expect("defaults"), outputs);
        let penalty = PENALTIES.iter().find(|p| p.name == penalty).expect("registered");
        let penalty = (penalty.build)(&[], &vec![1e-3; 4 * outputs]);
        all(|method, entry, build| {
            let mut glm = Glm::new(&design, &*block, &y, None, true).expect("a table");
            let facts = facts(&mut glm, &*penalty);
            let takes = |e: &Entry| e.refusal(&facts, METHODS).is_none();
            let rules = METHODS.iter().find(|e| e.name == "ruled").expect("registered");
            if takes(entry.unwrap_or(rules)) {
                let start = vec![0.0; 4 * outputs];
                same(method, build, &mut glm, &*penalty, (&start, so_many()), &PLACES);
            }
        });
    }
}

/// A number between 0 and 1 that its place says.
fn drawn(place: usize) -> f64 {
    let mut z = (place as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// Raw columns: of different scales, one with heavy tails, one that is mostly 0, one that hardly varies; the last depends
/// on the first.
fn rows(n: usize, d: usize) -> Vec<f64> {
    let column = |i: usize, j: usize| match j {
        1 => (drawn(i * d + j) - 0.5).powi(-3).clamp(-1e5, 1e5),
        2 => f64::from(u8::from(drawn(i * d + j) < 0.01)),
        3 => 1e3 + 1e-3 * drawn(i * d + j),
        _ if j + 1 == d => 3.0 * drawn(i * d),
        _ => 10f64.powi(j as i32 % 5 - 2) * (drawn(i * d + j) + drawn(n * d + i * d + j) - 0.7),
    };
    (0..n * d).map(|k| column(k / d, k % d)).collect()
}

/// Classes that two columns tell of, or that they tell for sure, which separates the rows; the others are rare.
fn classes(x: &[f64], d: usize, k: usize, noise: f64, rare: f64) -> Vec<f64> {
    let score = |(i, row): (usize, &[f64])| {
        let of = row[0] * 1e2 + noise * (drawn(7 * i + 3) - 0.5);
        let class = (0..k - 1).filter(|c| of > rare + 0.6 * (*c as f64)).count();
        class as f64
    };
    x.chunks_exact(d).enumerate().map(score).collect()
}

/// Where a run of progressive can be stopped: on samples, with distances kept, by the form of its metric, and the like.
fn places(
    build: &Build<'_>,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    (x0, stop): (&[f64], Stop),
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut descent = Descent::new(build(), x0, stop);
    while descent.advance(objective, penalty, &mut Unwatched).expect("no error of its own") {
        let saved = descent.save(objective).expect("it stands between two steps");
        for name in
            ["stage.some", "far", "squared_once", "stuck", "walk.metric.broad", "shape.form"]
        {
            if let Some(Data::Counts(c)) = saved.get(&format!("method.work.one.{name}")) {
                found.insert(format!("{name} {}", c[0]));
            }
        }
    }
    found
}

/// That it was stopped there: what is not tried is not tested.
fn were(seen: &BTreeSet<String>, at: &[&str]) {
    for place in at {
        assert!(seen.contains(*place), "no run was stopped at {place}: {seen:?}");
    }
}

/// Of this loss over this table, from nothing and from a point given; under no penalty, a weak one, and one that holds the
/// intercept too; to ordinary tolerances and to none, which ends at the arithmetic's limit.
fn goes_on(
    name: &str,
    design: &dyn Design,
    entry: &steepest::loss::Entry,
    (y, k): (&[f64], usize),
    seen: &mut BTreeSet<String>,
) {
    let settings = checked(entry.name, entry.parameters, &[]).expect("defaults");
    let loss = (entry.build)(&settings, k);
    if loss.straight() {
        // Not for it.
        return;
    }
    let higher: Vec<f64> = y.iter().map(|y| y + 1.0).collect();
    // Some losses take no target of 0.
    let target = if Glm::new(design, &*loss, y, None, true).is_ok() { y } else { &higher };
    let method = METHODS.iter().find(|m| m.name == "progressive").expect("registered");
    let seen_by = (loss.outputs() - loss.learnt()) * (design.columns() + 1);
    let (width, dim) = (design.columns() + 1, seen_by + loss.learnt());
    for (alpha, held, given, tolerance) in [
        (0.0, 0.0, 0.0, 1e-6),
        (1e-3, 0.0, 0.0, 0.0),
        (1e-2, 1.0, 0.0, 1e-9),
        (1e-3, 0.0, 1e-3, 1e-12),
    ] {
        let weight: Vec<f64> = (0..dim)
            .map(|j| if (j + 1) % width == 0 || j >= seen_by { alpha * held } else { alpha })
            .collect();
        let l2 = PENALTIES.iter().find(|p| p.name == "l2").expect("registered");
        let penalty = (l2.build)(&[], &weight);
        let mut glm = Glm::new(design, &*loss, target, None, true).expect("a table");
        let name = format!("{} over {name}, alpha {alpha}, held {held}, from {given}", entry.name);
        if method.refusal(&facts(&mut glm, &*penalty), METHODS).is_none() {
            let (build, x0) = (|| (method.build)(&[]), vec![given; dim]);
            let stop = Stop { tolerance, ..so_many() };
            same(&name, &build, &mut glm, &*penalty, (&x0, stop), &PLACES[1..2]);
            seen.extend(places(&build, &mut glm, &*penalty, (&x0, stop)));
        }
    }
}

#[test]
fn progressive_goes_on_to_the_bit_whatever_the_loss() {
    let mut seen = BTreeSet::new();
    let (n, d) = (5_000, 6);
    let x = rows(n, d);
    let design = Dense::by_rows(&x, d).expect("a table");
    for entry in LOSSES {
        let several =
            entry.outputs == Outputs::Many || entry.outputs == Outputs::Learnt && entry.classes;
        let k = if several { 3 } else { 1 };
        let y = classes(&x, d, k.max(2), 2.0, 0.0);
        goes_on("dense rows", &design, entry, (&y, k), &mut seen);
    }
    were(&seen, &["stage.some 0", "stage.some 1", "far 1", "stuck 1", "walk.metric.broad 1"]);
}

#[test]
fn progressive_goes_on_to_the_bit_whatever_the_table() {
    let mut seen = BTreeSet::new();
    let (n, d) = (17_000, 6);
    let x = rows(n, d);
    let narrow: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let dense = Dense::by_rows(&x, d).expect("a table");
    let single = Dense::by_rows(&narrow, d).expect("a table");
    let (mut values, mut indices, mut starts) = (Vec::new(), Vec::new(), vec![0i32]);
    for row in x.chunks_exact(d) {
        let some = row.iter().enumerate().filter(|(j, x)| **x != 0.0 && *j != 4);
        some.for_each(|(j, x)| {
            values.push(*x);
            indices.push(j as i32);
        });
        starts.push(values.len() as i32);
    }
    let sparse = Sparse::new(&values, &indices, &starts, d).expect("a table");
    let codes: Vec<i32> = (0..n).map(|i| (9.0 * drawn(i).powi(3)) as i32).collect();
    let category = Category { codes: &codes, levels: 9 };
    let coded = Codes::new(n, &x, d, &[category]).expect("a table");
    let tables: [(&str, &dyn Design); 4] =
        [("dense", &dense), ("single precision", &single), ("sparse", &sparse), ("codes", &coded)];
    for (name, design) in tables {
        let cases = [
            ("logistic", 1, 0.0, 1.2),
            ("softmax", 4, 2.0, 0.0),
            ("logistic", 1, 2.0, 0.0),
            ("squared", 1, 2.0, 0.0),
        ];
        let some = if name == "dense" { &cases[..] } else { &cases[..2] };
        for &(loss, k, noise, rare) in some {
            let entry = LOSSES.iter().find(|l| l.name == loss).expect("registered");
            goes_on(name, design, entry, (&classes(&x, d, k.max(2), noise, rare), k), &mut seen);
        }
    }
    were(&seen, &["stage.some 0", "stage.some 1", "far 1", "stuck 1", "walk.metric.broad 1"]);
}

#[test]
fn progressive_goes_on_to_the_bit_where_no_matrix_or_a_smaller_one_pays() {
    let mut seen = BTreeSet::new();
    // Far wider than long, which is made square; wide; many classes, a matrix a direction.
    for (n, d, k) in [(30, 600, 1), (150, 280, 1), (20, 120, 3), (300, 30, 9)] {
        let x = rows(n, d);
        let design = Dense::by_rows(&x, d).expect("a table");
        let loss = if k == 1 { "logistic" } else { "softmax" };
        let entry = LOSSES.iter().find(|l| l.name == loss).expect("registered");
        goes_on(
            &format!("{n} x {d}"),
            &design,
            entry,
            (&classes(&x, d, k.max(2), 2.0, 0.0), k),
            &mut seen,
        );
    }
    were(&seen, &["shape.form 0", "shape.form 1", "shape.form 2", "squared_once 1", "far 0"]);
}

/// A run of a rule that has begun.
fn begun() -> (Descent, impl Objective, Box<dyn Penalty>) {
    let mut objective = problems::TestProblem::new("rosenbrock", 3, &[]).expect("registered");
    let free =
        (PENALTIES.iter().find(|p| p.name == "none").expect("registered").build)(&[], &[0.0; 3]);
    let plan = Plan::new(&[("clip_norm", &[]), ("adam", &[])]).expect("registered");
    let mut descent = Descent::new(plan.method(), &[-1.0, 1.0, 0.5], Stop::default());
    for _ in 0..9 {
        descent.advance(&mut objective, &*free, &mut Unwatched).expect("no error of its own");
    }
    (descent, objective, free)
}

#[test]
fn whatever_is_wrong_with_an_array_is_named_and_nothing_panics() {
    let (mut descent, mut objective, free) = begun();
    let saved = descent.save(&mut objective).expect("between two steps");
    let mut load = |saved: Saved| {
        let (mut fresh, ..) = begun();
        match fresh.load(&mut objective, &*free, saved) {
            Err(why) => Err(why.to_string()),
            Ok(()) => {
                // What is let through must be able to go on, whatever it says.
                for _ in 0..3 {
                    fresh
                        .advance(&mut objective, &*free, &mut Unwatched)
                        .expect("no error of its own");
                }
                Ok(())
            }
        }
    };
    assert_eq!(load(saved.clone()), Ok(()));
    for name in saved.keys() {
        let mut less = saved.clone();
        less.remove(name);
        assert!(load(less).unwrap_err().contains(name), "{name} is taken away");
        let others = [
            Data::Numbers(vec![]),
            Data::Numbers(vec![f64::NAN; 7]),
            Data::Counts(vec![u64::MAX; 3]),
            Data::Counts(vec![u64::MAX]),
            Data::Counts(vec![0]),
            Data::Text("\u{0}".into()),
            match &saved[name] {
                Data::Numbers(v) => Data::Numbers(vec![f64::NAN; v.len()]),
                other => other.clone(),
            },
        ];
        for other in others {
            let mut wrong = saved.clone();
            wrong.insert(name.clone(), other);
            let _ = load(wrong);
        }
    }
    let mut more = saved.clone();
    more.insert("method.inner.own".into(), Data::Numbers(vec![]));
    assert_eq!(load(more), Err("'method.inner.own' is not known".into()));
    let mut far = saved.clone();
    far.insert("loop.x".into(), Data::Numbers(vec![5.0; 3]));
    assert!(load(far).unwrap_err().contains("the function is another"));
}
