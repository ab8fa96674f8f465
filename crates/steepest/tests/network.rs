//! Networks: gradients against differences, ways that must agree, training.
use steepest::activations::ACTIVATIONS;
use steepest::chain;
use steepest::losses::LOSSES;
use steepest::network::data::Picked;
use steepest::network::passes::{Dropping, Number, Passes};
use steepest::network::training::{Falling, Memory, Score, Training, train};
use steepest::network::{Coded, Examples, Head, Layer, Network, Supervised, dense};
use steepest::numbers::random::Random;
use steepest::objective::Objective;
use steepest::parallel::pool::with_threads;
use steepest::rates;
use steepest::rule::Kind;
use steepest::rules::RULES;
use steepest::status::{Budget, Halt, Status};
use steepest::watch::{Progress, Unwatched, Watch};

fn loss(name: &str, outputs: usize) -> Head {
    let entry = LOSSES.iter().find(|l| l.name == name).expect("a registered loss");
    let defaults: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
    let block = (entry.build)(&defaults, if name == "softmax" { outputs } else { 1 });
    Head::new(block, outputs, name == "squared").expect("a loss for a network")
}

fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Random::new(seed, 0, 0, 0);
    (0..count).map(|_| random.normal()).collect()
}

fn all_kinds(hidden: &str, outputs: usize) -> Vec<Layer> {
    vec![
        dense(7, hidden).unwrap(),
        Layer::LayerNorm,
        Layer::Residual(vec![dense(19, hidden).unwrap(), dense(7, "identity").unwrap()]),
        Layer::Residual(vec![]),
        dense(outputs, "identity").unwrap(),
    ]
}

/// Every activation, every kind of layer, losses of one and of several outputs: the gradient is that of central differences.
#[test]
fn gradients_are_those_of_differences() {
    let rows = 9;
    let x = normal(1, rows * 5);
    let weight: Vec<f64> = (0..rows).map(|i| (i % 3) as f64).collect();
    for (a, activation) in ACTIVATIONS.iter().enumerate() {
        let (name, outputs) = [("squared", 3), ("softmax", 4), ("logistic", 1)][a % 3];
        let head = || loss(name, outputs);
        let targets: Vec<f64> = match name {
            "squared" => normal(2, rows * outputs),
            "softmax" => (0..rows).map(|i| (i % outputs) as f64).collect(),
            _ => (0..rows).map(|i| (i % 2) as f64).collect(),
        };
        let network = Network::new(5, &all_kinds(activation.name, outputs)).unwrap();
        let data = Examples { inputs: &x, targets: &targets, weight: Some(&weight), rows };
        let mut objective = Supervised::<f64>::new(&network, data, head(), 0.1).unwrap();
        let mut at = network.start(3);
        // Where no sum is next to 0, so that kinks are not met.
        at.iter_mut().zip(normal(4, network.dim())).for_each(|(x, n)| *x += 0.1 * n);
        let mut gradient = vec![0.0; at.len()];
        let value = objective.gradient(&at, &mut gradient).unwrap();
        assert!((objective.value(&at).unwrap() - value).abs() <= 1e-14 * value.abs());
        for j in 0..at.len() {
            let h = 1e-5;
            let mut there = |by: f64| {
                let mut to = at.clone();
                to[j] += by;
                objective.value(&to).unwrap()
            };
            let difference = (there(h) - there(-h)) / (2.0 * h);
            let error = (difference - gradient[j]).abs();
            assert!(error <= 2e-9 * (1.0 + difference.abs()), "{} {j}: {error}", activation.name);
        }
    }
}

/// Columns of a batch that are normalised, before and behind other layers and in a residual link: the slopes are those of
/// differences, of a loss whose rows hang together.
#[test]
fn slopes_through_a_batch_are_those_of_differences() {
    let rows = 11;
    let (x, targets) = (normal(1, rows * 5), normal(2, rows * 2));
    let weight: Vec<f64> = (0..rows).map(|i| (i % 3) as f64).collect();
    let layers = [
        Layer::BatchNorm,
        dense(7, "tanh").unwrap(),
        Layer::BatchNorm,
        Layer::Residual(vec![dense(7, "silu").unwrap(), Layer::BatchNorm]),
        Layer::LayerNorm,
        dense(2, "identity").unwrap(),
    ];
    let network = Network::new(5, &layers).unwrap();
    assert_eq!(network.size() - network.dim(), 2 * (5 + 7 + 7));
    let (head, data) = (
        loss("squared", 2),
        Examples { inputs: &x, targets: &targets, weight: Some(&weight), rows },
    );
    let mut passes = Passes::<f64>::new(&network, rows, Some(&head));
    let mut ask = |at: &[f64], gradient: &mut [f64]| {
        let all = Picked::From(0, rows);
        passes.gradient(at, &data, &head, all, 0.1, 0.3, None, gradient)
    };
    let mut at = network.start(3);
    at.iter_mut().zip(normal(4, network.dim())).for_each(|(x, n)| *x += 0.2 * n);
    let (mut gradient, mut unused) = (vec![0.0; network.dim()], vec![0.0; network.dim()]);
    ask(&at, &mut gradient);
    for j in 0..network.dim() {
        let mut there = |by: f64| {
            let mut to = at.clone();
            to[j] += by;
            ask(&to, &mut unused)
        };
        let difference = (there(1e-5) - there(-1e-5)) / 2e-5;
        let error = (difference - gradient[j]).abs();
        assert!(error <= 2e-9 * (1.0 + difference.abs()), "{j}: {error}");
    }
}

/// Where columns are normalised a row of weight 2 is two rows, and one of weight 0 is none, whatever it holds.
#[test]
fn a_batch_is_its_rows_by_their_weights() {
    let layers = [
        dense(6, "tanh").unwrap(),
        Layer::BatchNorm,
        Layer::Residual(vec![dense(6, "identity").unwrap(), Layer::BatchNorm]),
        dense(1, "identity").unwrap(),
    ];
    let network = Network::new(3, &layers).unwrap();
    let head = loss("squared", 1);
    let (x, targets) = (normal(1, 8 * 3), normal(2, 8));
    let weight = [2.0, 0.0, 1.0, 1.0, 2.0, 0.0, 3.0, 1.0];
    let mut wild = x.clone();
    wild[3..6].fill(1e300);
    wild[15..18].fill(-1e9);
    let by_weight = Examples { inputs: &wild, targets: &targets, weight: Some(&weight), rows: 8 };
    let names: Vec<usize> =
        (0..8).flat_map(|i| std::iter::repeat_n(i, weight[i] as usize)).collect();
    let again: Vec<f64> = names.iter().flat_map(|i| x[3 * i..3 * i + 3].to_vec()).collect();
    let repeated: Vec<f64> = names.iter().map(|i| targets[*i]).collect();
    let rows = names.len();
    let alone = Examples { inputs: &again, targets: &repeated, weight: None, rows };
    let found = [&by_weight, &alone].map(|data| {
        let mut passes = Passes::<f64>::new(&network, rows, Some(&head));
        let (mut at, mut gradient) = (network.start(3), vec![0.0; network.dim()]);
        let all = Picked::From(0, data.rows);
        let value = passes.gradient(&at, data, &head, all, 0.1, 0.3, None, &mut gradient);
        passes.follow(&mut at, 1);
        (value, gradient, at[network.dim()..network.dim() + 6].to_vec())
    });
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
    assert!(close(found[0].0, found[1].0), "{} {}", found[0].0, found[1].0);
    let both = found[0].1.iter().chain(&found[0].2).zip(found[1].1.iter().chain(&found[1].2));
    for (j, (a, b)) in both.enumerate() {
        assert!(close(*a, *b), "{j}: {a} {b}");
    }
    // Weights of one size are none.
    let seven = Examples { weight: Some(&[7.0; 8]), ..by_weight };
    let none = Examples { weight: None, ..by_weight };
    let variances = [&seven, &none].map(|data| {
        let mut passes = Passes::<f64>::new(&network, 8, Some(&head));
        let (mut at, mut unused) = (network.start(3), vec![0.0; network.dim()]);
        let some = Picked::Named(&[0, 2, 3, 4, 6, 7]);
        passes.gradient(&at, data, &head, some, 0.1, 0.0, None, &mut unused);
        passes.follow(&mut at, 1);
        at[network.dim() + 6..network.dim() + 12].to_vec()
    });
    for (a, b) in variances[0].iter().zip(&variances[1]) {
        assert!(close(*a, *b) && *a > 0.0, "{a} {b}");
    }
}

/// Codes become learnt numbers: their slopes are those of differences too, and a code beyond the last is the last.
#[test]
fn codes_are_embedded() {
    let rows = 40;
    let mut x = normal(1, rows * 4);
    for row in 0..rows {
        x[row * 4 + 1] = (row % 3) as f64;
        x[row * 4 + 3] = (row % 7) as f64;
    }
    let targets = normal(2, rows);
    let codes =
        vec![Coded { column: 3, levels: 5, width: 3 }, Coded { column: 1, levels: 3, width: 2 }];
    let layers =
        [Layer::Embedding(codes), dense(6, "tanh").unwrap(), dense(1, "identity").unwrap()];
    let network = Network::new(4, &layers).unwrap();
    assert_eq!(network.tensors()[..3], [vec![5, 3], vec![3, 2], vec![7, 6]]);
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows };
    let mut objective = Supervised::<f64>::new(&network, data, loss("squared", 1), 0.1).unwrap();
    let at = network.start(0);
    let mut gradient = vec![0.0; at.len()];
    objective.gradient(&at, &mut gradient).unwrap();
    for j in 0..at.len() {
        let mut there = |by: f64| {
            let mut to = at.clone();
            to[j] += by;
            objective.value(&to).unwrap()
        };
        let difference = (there(1e-5) - there(-1e-5)) / 2e-5;
        assert!((difference - gradient[j]).abs() < 1e-9, "{j}");
    }
}

/// The slope of each activation that stands in its row is that of its value.
#[test]
fn activations_have_the_slopes_of_their_values() {
    for entry in ACTIVATIONS {
        let defaults: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        for i in -60..=60 {
            let z = f64::from(i) * 0.21 + 0.003;
            let jet = (entry.jet)(&defaults, z);
            let value = |z: f64| (entry.jet)(&defaults, z).value;
            let difference = (value(z + 1e-6) - value(z - 1e-6)) / 2e-6;
            assert!((jet.first - difference).abs() < 1e-8, "{} at {z}", entry.name);
        }
    }
}

fn one_gradient<N: Number>(threads: usize, dropout: f64) -> (f64, Vec<f64>) {
    let rows = 130;
    let x: Vec<N> = normal(1, rows * 40).into_iter().map(N::of_f64).collect();
    let targets: Vec<f64> = (0..rows).map(|i| (i % 3) as f64).collect();
    let layers = [
        Layer::Dropout(dropout),
        dense(100, "relu").unwrap(),
        Layer::Dropout(dropout),
        Layer::LayerNorm,
        dense(64, "tanh").unwrap(),
        Layer::BatchNorm,
        dense(3, "identity").unwrap(),
    ];
    let network = Network::new(40, &layers).unwrap();
    let at: Vec<N> = network.start(0).into_iter().map(N::of_f64).collect();
    let head = loss("softmax", 3);
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows };
    let mut passes = Passes::<N>::new(&network, rows, Some(&head));
    let mut gradient = vec![N::default(); network.dim()];
    let drops = Some(Dropping { seed: 5, step: 7 });
    let value = with_threads(threads, || {
        let picked = Picked::From(0, rows);
        passes.gradient(&at, &data, &head, picked, 1.0 / rows as f64, 0.01, drops, &mut gradient)
    });
    (value, gradient.into_iter().map(|g| g.to_f64()).collect())
}

/// The same bits on any number of threads, with dropouts too.
#[test]
fn threads_change_nothing() {
    for dropout in [0.0, 0.3] {
        let one = one_gradient::<f32>(1, dropout);
        for threads in [2, 5] {
            assert_eq!(one, one_gradient::<f32>(threads, dropout));
        }
    }
}

#[test]
fn single_precision_is_near() {
    let (single, double) = (one_gradient::<f32>(1, 0.0), one_gradient::<f64>(1, 0.0));
    assert!((single.0 - double.0).abs() < 1e-5);
    assert!(single.1.iter().zip(&double.1).all(|(a, b)| (a - b).abs() < 1e-5));
}

/// A batch named row by row is the mean of its rows, and all of them together the whole.
#[test]
fn batches_are_parts_of_the_whole() {
    let (rows, x) = (1000, normal(1, 4000));
    let targets = normal(2, rows);
    let network = Network::new(4, &all_kinds("silu", 1)).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows };
    let mut objective = Supervised::<f64>::new(&network, data, loss("squared", 1), 0.0).unwrap();
    let at = network.start(1);
    let (mut whole, mut part) = (vec![0.0; at.len()], vec![0.0; at.len()]);
    let value = objective.gradient(&at, &mut whole).unwrap();
    let mut sum = 0.0;
    for half in 0..2u32 {
        let named: Vec<u32> = (0..1000).filter(|i| i % 2 == half).collect();
        sum += objective.batch(&named, &at, &mut part).unwrap() / 2.0;
        whole.iter_mut().zip(&part).for_each(|(w, p)| *w -= p / 2.0);
    }
    assert!((sum - value).abs() < 1e-13 && whole.iter().all(|w| w.abs() < 1e-13));
}

fn settings(rules: &[chain::Named<'_>], rate: f64, epochs: u64) -> Training {
    Training {
        rules: chain::plan(rules).unwrap(),
        rate,
        schedule: None,
        batch: 32,
        epochs,
        shuffle: true,
        seed: 0,
        decay: 0.0,
        per_row: false,
        patience: None,
        tolerance: 0.0,
        falling: None,
        own_weights: false,
        seconds: f64::INFINITY,
    }
}

/// Two half moons: a network tells them apart, by rules of every make.
#[test]
fn it_learns() {
    let rows = 400;
    let (x, targets) = moons(rows);
    let network =
        Network::new(2, &[dense(16, "tanh").unwrap(), dense(1, "identity").unwrap()]).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows };
    let head = loss("logistic", 1);
    let chains: [(&[chain::Named<'_>], f64); 6] = [
        (&[("adam", &[])], 0.02),
        (&[("clip_norm", &[]), ("momentum", &[])], 0.1),
        (&[("schedule_free_adamw", &[])], 0.05),
        (&[("sam", &[]), ("adam", &[])], 0.02),
        (&[("muon", &[])], 0.02),
        (&[("soap", &[])], 0.05),
    ];
    for (rules, rate) in chains {
        let start = network.start(0);
        let held = Some((&data, Score::Accuracy));
        let t = settings(rules, rate, 30);
        let begun = Memory::at(start.clone());
        let whole = train(&network, &t, &data, &head, held, begun, &mut Unwatched).unwrap();
        let best = whole.epochs[whole.best - 1].score;
        assert!(best > 0.97, "{rules:?}: {best}");
        assert_eq!(whole.status, Status::Budget(Budget::Epochs));
    }
}

/// Two half moons.
fn moons(rows: usize) -> (Vec<f64>, Vec<f64>) {
    let noise = normal(3, 2 * rows);
    let (mut x, mut targets) = (Vec::new(), Vec::new());
    for i in 0..rows {
        let (t, upper) = (std::f64::consts::PI * (i / 2) as f64 * 2.0 / rows as f64, i % 2 == 0);
        let at = if upper { [t.cos(), t.sin()] } else { [1.0 - t.cos(), 0.5 - t.sin()] };
        x.extend([at[0] + 0.1 * noise[2 * i], at[1] + 0.1 * noise[2 * i + 1]]);
        targets.push(f64::from(u8::from(upper)));
    }
    (x, targets)
}

/// Says stop at some step of its own.
struct Stopping(u64);
impl Watch for Stopping {
    fn iteration(&mut self, at: &Progress<'_>) -> Result<(), Halt> {
        if at.counts.iterations == self.0 { Err(Halt::Stopped) } else { Ok(()) }
    }
    fn poll(&mut self) -> Result<(), Halt> {
        Ok(())
    }
}

/// Every rule, a schedule that remembers, rates that fall: stopped and going on is never having stopped, to the bit; with
/// held-out rows too, of which the best are known still.
#[test]
fn a_run_goes_on_as_if_it_had_not_stopped() {
    let (x, targets) = moons(200);
    let network =
        Network::new(2, &[dense(9, "tanh").unwrap(), dense(1, "identity").unwrap()]).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows: 200 };
    let head = loss("logistic", 1);
    let takes = RULES.iter().filter(|e| e.kind == Kind::Parameter);
    for (i, rule) in takes.enumerate() {
        for held in [None, Some((&data, Score::Loss))] {
            let run = |epochs, memory, watch: &mut dyn Watch| {
                let mut t = settings(&[(rule.name, &[])], 0.01, epochs);
                t.patience = Some(2);
                t.tolerance = 1e-3;
                if i % 2 == 0 {
                    t.falling = Some(Falling::Idle { by: 5.0, least: 1e-6 });
                } else {
                    let schedule = rates::find("plateau").unwrap();
                    let defaults = schedule.parameters.iter().map(|p| p.default).collect();
                    t.schedule = Some((schedule, defaults));
                }
                train(&network, &t, &data, &head, held, memory, watch).unwrap()
            };
            let start = || Memory::at(network.start(0));
            let whole = run(12, start(), &mut Unwatched);
            let part = run(12, start(), &mut Stopping(2));
            assert_eq!(part.status, Status::Stopped, "{}", rule.name);
            let rest = run(12, part.memory, &mut Unwatched);
            assert_eq!(rest.x, whole.x, "{}", rule.name);
            assert_eq!(rest.memory.x, whole.memory.x, "{}", rule.name);
            assert_eq!(rest.status, whole.status, "{}", rule.name);
            assert_eq!(rest.epochs.len() + 2, whole.epochs.len(), "{}", rule.name);
        }
    }
}

/// With batch normalisation the running means and variances go on as well, to the bit; and what is asked of one row does not
/// depend on the rows beside it.
#[test]
fn running_means_are_kept() {
    let (x, targets) = moons(200);
    let layers = [dense(9, "tanh").unwrap(), Layer::BatchNorm, dense(1, "identity").unwrap()];
    let network = Network::new(2, &layers).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows: 200 };
    let head = loss("logistic", 1);
    for rule in ["adam", "schedule_free_adamw"] {
        for held in [None, Some((&data, Score::Loss))] {
            let run = |memory, watch: &mut dyn Watch| {
                let t = settings(&[("sam", &[]), (rule, &[])], 0.03, 20);
                train(&network, &t, &data, &head, held, memory, watch).unwrap()
            };
            let whole = run(Memory::at(network.start(0)), &mut Unwatched);
            let part = run(Memory::at(network.start(0)), &mut Stopping(2));
            let rest = run(part.memory, &mut Unwatched);
            assert_eq!(rest.x, whole.x, "{rule}");
            assert_eq!(rest.memory.x, whole.memory.x, "{rule}");
            let mut passes = Passes::<f64>::new(&network, 200, None);
            let (mut all, mut one) = (vec![0.0; 200], [0.0]);
            passes.outputs(&whole.x, &data, Picked::From(0, 200), &mut all);
            passes.outputs(&whole.x, &data, Picked::From(77, 1), &mut one);
            assert_eq!(one[0], all[77], "{rule}");
            let right = |(z, t): &(&f64, &f64)| (**z > 0.0) == (**t > 0.5);
            let count = all.iter().zip(&targets).filter(right).count();
            assert!(count > 180, "{rule}: {count}");
        }
    }
}

/// A run that is cut off by the clock in an epoch goes on in that epoch.
#[test]
fn a_run_that_ran_out_of_seconds_goes_on_within_its_epoch() {
    // Many small steps: the clock is looked at now and then, and twice before a fast machine is through.
    let (x, targets) = moons(40_000);
    let network =
        Network::new(2, &[dense(200, "tanh").unwrap(), dense(1, "identity").unwrap()]).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows: 40_000 };
    let head = loss("logistic", 1);
    let run = |seconds, memory| {
        let t = Training { seconds, batch: 2, ..settings(&[("adam", &[])], 0.01, 2) };
        train(&network, &t, &data, &head, None, memory, &mut Unwatched).unwrap()
    };
    let start = || Memory::at(network.start(0));
    let whole = run(f64::INFINITY, start());
    let mut memory = run(1e-3, start()).memory;
    assert!(memory.rows > 0, "it stops within an epoch");
    memory = run(1e-3, memory).memory;
    let rest = run(f64::INFINITY, memory);
    assert_eq!(rest.x, whole.x);
    assert_eq!(rest.epochs.last().unwrap().loss, whole.epochs.last().unwrap().loss);
}

/// Where the first loss is no number there is nothing to go down from, and where a later one is none it grew: both end.
#[test]
fn a_loss_that_is_not_finite_ends_the_run() {
    let network = Network::new(1, &[dense(1, "identity").unwrap()]).unwrap();
    let head = loss("squared", 1);
    let run = |x: f64, rate| {
        let (x, targets) = ([x, x, x, x], [1.0; 4]);
        let data = Examples { inputs: &x, targets: &targets, weight: None, rows: 4 };
        let t = Training { batch: 1, ..settings(&[("sgd", &[])], rate, 500) };
        let start = Memory::at(vec![0.5, 0.0]);
        train(&network, &t, &data, &head, None, start, &mut Unwatched).unwrap()
    };
    let first = run(1e200, 0.1);
    assert!(first.status.message().contains("inf"), "{}", first.status.message());
    assert!(matches!(first.status, Status::NotFinite(_)));
    assert_eq!(first.x, [0.5, 0.0]);
    let later = run(1e60, 1.0);
    assert_eq!(later.status, Status::Diverged);
    assert_eq!(later.x, [0.5, 0.0]);
}

/// A loss that is 0 where nothing is learnt yet may rise from there: that is no divergence.
#[test]
fn a_loss_of_nothing_at_first_is_no_measure_of_divergence() {
    let rows = 600;
    let targets: Vec<f64> = (0..rows).map(|i| f64::from(u8::from(i >= 480))).collect();
    let network = Network::new(1, &[dense(1, "identity").unwrap()]).unwrap();
    let data = Examples { inputs: &targets, targets: &targets, weight: None, rows };
    let t = Training { shuffle: false, ..settings(&[("sgd", &[])], 0.1, 50) };
    let (start, head) = (Memory::at(vec![0.0, 0.0]), loss("epsilon_insensitive", 1));
    let done = train(&network, &t, &data, &head, None, start, &mut Unwatched).unwrap();
    assert_eq!(done.status, Status::Budget(Budget::Epochs));
    assert!(done.epochs[49].loss < 0.5 * done.epochs[0].loss);
}

/// Memory of another network, table or rule.
#[test]
fn memory_of_something_else_is_refused() {
    let (x, targets) = moons(20);
    let network = Network::new(2, &[dense(1, "identity").unwrap()]).unwrap();
    let data = Examples { inputs: &x, targets: &targets, weight: None, rows: 20 };
    let head = loss("logistic", 1);
    let run = |rule, memory| {
        let t = settings(&[(rule, &[])], 0.1, 5);
        train(&network, &t, &data, &head, None, memory, &mut Unwatched)
    };
    let why = |rule, memory| run(rule, memory).err().expect("a refusal").to_string();
    let there = || run("adam", Memory::at(network.start(0))).unwrap().memory;
    assert!(why("momentum", there()).contains("of other rules"));
    assert!(why("adam", Memory::at(vec![0.0; 4])).contains("has 3 parameters; got 4"));
    assert!(why("adam", Memory { rows: 21, ..there() }).contains("of another table"));
}

#[test]
fn what_cannot_be_is_refused() {
    let layers = [dense(2, "relu").unwrap(), Layer::BatchNorm, dense(1, "identity").unwrap()];
    let network = Network::new(2, &layers).unwrap();
    let data = Examples { inputs: &[1.0; 8], targets: &[1.0; 4], weight: None, rows: 4 };
    let whole = Supervised::<f64>::new(&network, data, loss("squared", 1), 0.0);
    assert!(whole.err().unwrap().contains("mini-batches"));
    let t = Training { batch: 1, ..settings(&[("sgd", &[])], 0.1, 5) };
    let begun = Memory::at(network.start(0));
    let alone = train(&network, &t, &data, &loss("squared", 1), None, begun, &mut Unwatched);
    assert!(alone.err().unwrap().to_string().contains("at least two rows a batch"));
    let why = |layers: &[Layer]| Network::new(3, layers).err().unwrap();
    assert!(why(&[]).contains("at least one dense layer"));
    assert!(why(&[Layer::Dropout(1.0)]).contains("below 1; got 1"));
    let link = [Layer::Residual(vec![dense(4, "relu").unwrap()])];
    assert!(why(&link).contains("as many numbers after its layers as before; got 4 and 3"));
    let code = Coded { column: 3, levels: 2, width: 2 };
    assert!(why(&[Layer::Embedding(vec![code])]).contains("a column below 3, once; got 3"));
    let half = 1 << (usize::BITS / 2);
    assert!(why(&[dense(half, "relu").unwrap(), dense(half, "relu").unwrap()]).contains("fewer"));
    let code = Coded { column: 0, levels: half, width: half };
    assert!(why(&[Layer::Embedding(vec![code])]).contains("fewer units"));
    assert!(dense(3, "rellu").err().unwrap().contains("did you mean 'relu'"));
}
