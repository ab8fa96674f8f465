//! Rules as methods: with nothing tuned, at a given rate, over batches; honest about how they ended.
use steepest::descend::{Solution, descend};
use steepest::methods::ruled::{Group, Plan};
use steepest::numbers::random::Random;
use steepest::objective::{Ask, Function, Objective, Offers, Rows as Which, Sorted, Work};
use steepest::parallel::pool::with_threads;
use steepest::penalties::PENALTIES;
use steepest::penalty::Penalty;
use steepest::rule::Kind;
use steepest::rules::RULES;
use steepest::status::{Halt, Status};
use steepest::watch::{Counts, Stop, Unwatched};

fn penalty(name: &str, settings: &[f64], alpha: f64, dim: usize) -> Box<dyn Penalty> {
    let entry = PENALTIES.iter().find(|p| p.name == name).expect("a registered penalty");
    (entry.build)(settings, &vec![alpha; dim])
}

fn run(plan: Plan, objective: &mut dyn Objective, x0: &[f64], stop: Stop) -> Solution {
    let none = penalty("none", &[], 0.0, x0.len());
    descend(objective, &*none, plan.method(), x0, stop, &mut Unwatched)
        .expect("no failure of its own")
}

fn few(iterations: u64) -> Stop {
    Stop { iterations, ..Stop::default() }
}

/// ½ Σ a_j (x_j − 1)², a_j from 1 to `condition`.
fn quadratic(n: usize, condition: f64) -> impl Objective {
    let a = move |j: usize| condition.powf(j as f64 / (n - 1) as f64);
    let value = move |x: &[f64]| {
        x.iter().enumerate().map(|(j, x)| 0.5 * a(j) * (x - 1.0).powi(2)).sum::<f64>()
    };
    Function::new(n, value, move |x: &[f64], g: &mut [f64]| {
        for (j, (g, x)) in g.iter_mut().zip(x).enumerate() {
            *g = a(j) * (x - 1.0);
        }
        value(x)
    })
}

/// Mean of ½ (row·x − target)² over rows drawn at random; targets with or without noise.
struct Rows {
    rows: Vec<Vec<f64>>,
    target: Vec<f64>,
}

impl Rows {
    fn new(n: usize, d: usize, noise: f64) -> Self {
        let mut r = Random::new(1, 0, 0, 0);
        let rows: Vec<Vec<f64>> = (0..n).map(|_| (0..d).map(|_| r.normal()).collect()).collect();
        let target = rows.iter().map(|row| row.iter().sum::<f64>() + noise * r.normal()).collect();
        Rows { rows, target }
    }
}

impl Rows {
    fn mean(&self, terms: &[u32], x: &[f64], g: &mut [f64]) -> f64 {
        g.fill(0.0);
        let mut value = 0.0;
        for &i in terms {
            let row = &self.rows[i as usize];
            let r = row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() - self.target[i as usize];
            value += 0.5 * r * r / terms.len() as f64;
            g.iter_mut().zip(row).for_each(|(g, a)| *g += r * a / terms.len() as f64);
        }
        value
    }
}

impl Objective for Rows {
    fn offers(&self) -> Offers {
        Offers { terms: self.rows.len(), ..Offers::gradients(self.rows[0].len()) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Which<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let all: Vec<u32> = (0..self.rows.len() as u32).collect();
        let terms = match rows {
            Which::All => &all[..],
            Which::Terms(terms) => terms,
            Which::Sample(_) => return rows.all(),
        };
        Sorted::of(asks).plainly(
            || Ok(self.mean(terms, x, &mut vec![0.0; x.len()])),
            |g| Ok(self.mean(terms, x, g)),
        )
    }
}

/// Every rule as a plan by itself; one that turns gradients stands before sgd, one that turns steps after it.
fn plans() -> impl Iterator<Item = (&'static str, Plan)> {
    RULES.iter().map(|e| {
        let rules: &[(&str, &[(&str, f64)])] = match e.kind {
            Kind::Gradient => &[(e.name, &[]), ("sgd", &[])],
            Kind::Parameter => &[(e.name, &[])],
            Kind::Change => &[("sgd", &[]), (e.name, &[])],
        };
        (e.name, Plan::new(rules).expect("a registered rule"))
    })
}

#[test]
fn with_nothing_set_every_rule_solves_a_quadratic_whatever_its_scale() {
    let mut far = Vec::new();
    for scale in [1e-6, 1.0, 1e6] {
        // An average of fading memory lags behind; noise has a size of its own, whatever the function's.
        for (name, plan) in plans().filter(|(name, _)| !["ema", "gradient_noise"].contains(name)) {
            let mut base = quadratic(10, 20.0);
            let value = |x: &[f64]| scale * base.value(x).unwrap();
            let mut inner = quadratic(10, 20.0);
            let mut f = Function::new(10, value, |x: &[f64], g: &mut [f64]| {
                let v = inner.gradient(x, g).unwrap();
                g.iter_mut().for_each(|g| *g *= scale);
                scale * v
            });
            let s = run(plan, &mut f, &[3.0; 10], few(3000));
            let gap = s.value / (scale * 1e3);
            if !(gap < 1e-6) {
                far.push(format!("{name} at scale {scale}: {gap:e}: {:?}", s.status));
            }
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn a_given_rate_is_kept_and_one_too_large_is_called_divergence() {
    let plan = |rate| Plan::new(&[("sgd", &[])]).unwrap().set(&[("rate", rate)]).unwrap();
    let s = run(plan(0.1), &mut quadratic(3, 5.0), &[0.0; 3], few(2000));
    assert_eq!(s.status, Status::Converged);
    assert!(s.history.iter().all(|r| r.rate == 0.1) && s.value < 1e-6);
    let s = run(plan(0.5), &mut quadratic(3, 5.0), &[0.0; 3], few(2000));
    assert_eq!(s.status, Status::Diverged);
    let start: f64 = [1.0f64, 5f64.sqrt(), 5.0].iter().map(|a| 0.5 * a).sum();
    assert!(s.value <= start, "the best point is returned, not the last");
}

/// ½ Σ a_j (x_j − 1)² over two tensors, the first two variables and the rest.
struct Apart(Box<dyn Objective>);

impl Objective for Apart {
    fn offers(&self) -> Offers {
        self.0.offers()
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Which<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        self.0.answer(x, rows, asks, work)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        vec![vec![2], vec![self.0.dim() - 2]]
    }
}

#[test]
fn tensors_may_have_rules_and_rates_of_their_own() {
    let plan = |name: &str| Plan::new(&[(name, &[])]).and_then(|p| p.set(&[("rate", 0.01)]));
    let mut apart = plan("adam").expect("a registered rule");
    let group = Group::new(&[("momentum", &[])], &[1]).expect("a registered rule");
    apart.groups = vec![Group { ratio: Some(0.5), ..group }];
    let start = [3.0, -2.0, 0.5, 2.0, -1.0];
    let both = run(apart.clone(), &mut Apart(Box::new(quadratic(5, 4.0))), &start, few(5));
    // Each part of a quadratic without products of its variables is a problem of its own.
    let adam = run(plan("adam").unwrap(), &mut quadratic(5, 4.0), &start, few(5));
    let half = plan("momentum").and_then(|p| p.set(&[("rate", 0.005)])).unwrap();
    let momentum = run(half, &mut quadratic(5, 4.0), &start, few(5));
    assert_eq!(both.x, [&adam.x[..2], &momentum.x[2..]].concat());
    // A tensor that is not there is named.
    apart.groups[0].tensors = vec![2];
    let none = penalty("none", &[], 0.0, 5);
    let mut objective = Apart(Box::new(quadratic(5, 4.0)));
    let refused = descend(&mut objective, &*none, apart.method(), &start, few(5), &mut Unwatched);
    assert!(refused.expect_err("no such tensor").to_string().contains("tensor 2 of 2"));
}

#[test]
fn stochastic_and_mini_batches_come_close_with_nothing_set() {
    let mut far = Vec::new();
    for batch in [1.0, 16.0] {
        // Rprop is for full batches, lars for large ones; an average of a thousand steps lags behind.
        for (name, plan) in plans().filter(|(name, _)| !["rprop", "lars", "ema"].contains(name)) {
            let mut f = Rows::new(400, 5, 0.1);
            let plan = plan.set(&[("batch_size", batch), ("epochs", 20.0)]).unwrap();
            let s = run(plan, &mut f, &[0.0; 5], Stop::default());
            let start = f.value(&[0.0; 5]).unwrap();
            let least =
                run(Plan::new(&[("adam", &[])]).unwrap(), &mut f, &[1.0; 5], few(2000)).value;
            let share = (s.value - least) / (start - least);
            if !(share < 1e-2) {
                far.push(format!(
                    "{name}, batch {batch}: {share:e} of the way left: {:?}",
                    s.status
                ));
            }
            let honest = [
                Status::NoiseFloor,
                Status::Converged,
                Status::Budget(steepest::status::Budget::Epochs),
            ];
            assert!(honest.contains(&s.status), "{name}, batch {batch}: {:?}", s.status);
            // A second gradient at each step is read too.
            let most = if name == "sam" { 80.0 } else { 40.0 };
            assert!(s.counts.passes > 1.0 && s.counts.passes < most, "{name}: {:?}", s.counts);
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn the_seed_and_nothing_else_decides() {
    let run_with = |seed, threads| {
        let plan = Plan::new(&[("adam", &[])]).unwrap();
        let plan = plan.set(&[("batch_size", 8.0), ("epochs", 3.0), ("seed", seed)]).unwrap();
        with_threads(threads, || {
            run(plan, &mut Rows::new(100, 4, 0.5), &[0.0; 4], Stop::default()).x
        })
    };
    assert_eq!(run_with(1.0, 1), run_with(1.0, 2));
    assert_ne!(run_with(1.0, 1), run_with(2.0, 1));
}

#[test]
fn penalties_join_in_and_bounds_hold() {
    let x0 = [0.5; 3];
    for (name, plan) in plans() {
        let bounds = penalty("box", &[0.0, 0.75], 1.0, 3);
        let s = descend(
            &mut quadratic(3, 4.0),
            &*bounds,
            plan.clone().method(),
            &x0,
            few(3000),
            &mut Unwatched,
        )
        .unwrap();
        assert!(s.x.iter().all(|x| (x - 0.75).abs() < 1e-4), "{name}: {:?}", s.x);
        let l2 = penalty("l2", &[], 1.0, 3);
        let s = descend(
            &mut quadratic(3, 1.0 + 1e-12),
            &*l2,
            plan.method(),
            &x0,
            few(3000),
            &mut Unwatched,
        )
        .unwrap();
        assert!(s.x.iter().all(|x| (x - 0.5).abs() < 2e-3), "{name}: {:?} {:?}", s.x, s.status);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let plan = Plan::new(&[("adam", &[])]).unwrap();
    let l1 = penalty("l1", &[], 1.0, 3);
    let facts = steepest::problem::facts(&mut quadratic(3, 2.0), &*l1);
    let refusal = plan.entry().refusal(&facts, &[]).expect("adam cannot take l1");
    assert!(refusal.starts_with("adam cannot handle the penalty l1"), "{refusal}");
    let bad =
        |given: &[(&str, f64)]| Plan::new(&[("adam", &[])]).unwrap().set(given).err().unwrap();
    assert_eq!(bad(&[("epochs", 0.0)]), "epochs must be between 1 and 4294967295; got 0.0");
    assert_eq!(
        bad(&[("batchsize", 8.0)]),
        "adam has no setting called 'batchsize'; did you mean 'batch_size'?"
    );
    let wrong = Plan::new(&[("adam", &[])]).unwrap().schedule("cosin", &[]).err().unwrap();
    assert_eq!(wrong, "no rate schedule is called 'cosin'; did you mean 'cosine'?");
}

#[test]
fn a_value_that_is_not_finite_is_stepped_back_from() {
    // ln x + 1/x has its minimum at 1 and no value at or below 0.
    let value = |x: &[f64]| if x[0] > 0.0 { x[0].ln() + 1.0 / x[0] } else { f64::NAN };
    for (name, plan) in plans().filter(|(name, _)| *name != "rprop") {
        let mut f = Function::new(1, value, |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 / x[0] - 1.0 / (x[0] * x[0]);
            value(x)
        });
        let s = run(plan, &mut f, &[0.05], few(5000));
        assert!((s.x[0] - 1.0).abs() < 1e-2, "{name}: {:?} {:?}", s.x, s.status);
    }
}

#[test]
fn counts_are_kept() {
    let plan = Plan::new(&[("sgd", &[])]).unwrap().set(&[("rate", 0.01)]).unwrap();
    let s = run(plan, &mut quadratic(3, 5.0), &[0.0; 3], few(7));
    assert_eq!(s.counts, Counts { iterations: 7, values: 8, gradients: 8, ..Counts::default() });
}
