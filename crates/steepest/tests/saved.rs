//! Stopped between any two steps, saved, loaded into another descent and run on: the same bits as never stopped. Every
//! method and every rule of the registries; a new entry is tried without a line here.
use steepest::descend::{Descent, Solution};
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
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

/// Methods that have no state to save yet: a run that asks for it is refused.
const WITHOUT: [&str; 1] = ["progressive"];

const STEPS: u64 = 40;

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
    all.push(s.findings.len() as u64);
    all
}

/// From x0 to the end; stopped before each of the steps named, saved, and gone on with in a new descent.
fn run(
    build: &Build<'_>,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    x0: &[f64],
    at: &[u64],
) -> Solution {
    let stop = Stop { iterations: STEPS, ..Stop::default() };
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

/// Whether it can be saved; then it is, at several places.
fn same(
    name: &str,
    build: &Build<'_>,
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    x0: &[f64],
) {
    if build().state().is_none() {
        assert!(
            WITHOUT.contains(&name),
            "{name} has no state: it remembers nothing, or forgets `state`"
        );
        return;
    }
    assert!(!WITHOUT.contains(&name), "{name} has a state now: take it from the list");
    let never = run(build, objective, penalty, x0, &[]);
    for at in [&[0][..], &[1, 2, 3], &[7], &[STEPS / 2, STEPS - 1]] {
        let stopped = run(build, objective, penalty, x0, at);
        let (a, b) = (bits(&never), bits(&stopped));
        assert!(a == b, "{name}, stopped at {at:?}: {never:?}\n{stopped:?}");
    }
}

/// Every method, and every rule as one: over single steps, batches and a rate that falls.
fn all(mut each: impl FnMut(&str, Option<&Entry>, &Build<'_>)) {
    for entry in METHODS {
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        each(entry.name, Some(entry), &|| at_work(entry, &settings));
    }
    for rule in RULES {
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
            let mut objective = problems::Problem::new(name, dim, &[]).expect("registered");
            let facts = facts(&mut objective, &*free);
            if entry.is_none_or(|e| e.refusal(&facts, METHODS).is_none()) {
                same(method, build, &mut objective, &*free, &x0);
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
    for (loss, outputs, penalty) in
        [("logistic", 1, "l2"), ("logistic", 1, "l1"), ("softmax", 2, "l2"), ("huber", 1, "none")]
    {
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
                same(method, build, &mut glm, &*penalty, &vec![0.0; 4 * outputs]);
            }
        });
    }
}

/// A run of a rule that has begun.
fn begun() -> (Descent, impl Objective, Box<dyn Penalty>) {
    let mut objective = problems::Problem::new("rosenbrock", 3, &[]).expect("registered");
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
