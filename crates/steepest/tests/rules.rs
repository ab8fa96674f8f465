//! Every rule of the registry: what must hold for all of them, without a line for any one.
use steepest::chain::{Chain, Named, Tensor, plan};
use steepest::numbers::simd::{Level, hold};
use steepest::parallel::pool::with_threads;
use steepest::rule::{Compiled, Kind, Moment};
use steepest::rules::RULES;

/// A chain that takes steps: a rule that turns gradients stands before sgd, one that turns steps after it.
fn named(rule: &'static str) -> Vec<Named<'static>> {
    match RULES.iter().find(|e| e.name == rule).map(|e| e.kind) {
        Some(Kind::Gradient) => vec![(rule, &[]), ("sgd", &[])],
        Some(Kind::Change) => vec![("sgd", &[]), (rule, &[])],
        _ => vec![(rule, &[])],
    }
}

/// Uneven numbers between −1 and 1, the same on every machine.
fn noise(n: usize, seed: u32) -> Vec<f64> {
    let mut s = seed.wrapping_mul(2_654_435_769).wrapping_add(12345);
    (0..n)
        .map(|_| {
            s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(s >> 8) / f64::from(1 << 23) - 1.0
        })
        .collect()
}

/// Steps on ½ Σ a_i x_i²; the values before each step and after the last, and where it ended.
fn run<N: Compiled>(
    rule: &'static str,
    shapes: &[Vec<usize>],
    rate: f64,
    steps: u64,
) -> (Vec<f64>, Vec<N>) {
    let chain = Chain::<N>::new(&plan(&named(rule)).unwrap());
    let sizes: Vec<usize> = shapes.iter().map(|s| s.iter().product()).collect();
    let mut x: Vec<Vec<N>> = sizes
        .iter()
        .zip(1..)
        .map(|(&n, seed)| noise(n, seed).into_iter().map(|v| N::of_f64(v + 0.2)).collect())
        .collect();
    let curve: Vec<Vec<f64>> = sizes
        .iter()
        .zip(9..)
        .map(|(&n, seed)| noise(n, seed).into_iter().map(|v| 1.1 + v).collect())
        .collect();
    let zeros = |shape: Vec<usize>| vec![N::of_f64(0.0); shape.iter().product()];
    let mut memory: Vec<Vec<Vec<N>>> =
        shapes.iter().map(|s| chain.memory(s).into_iter().map(zeros).collect()).collect();
    let mut state = vec![0.0; chain.state(shapes.len())];
    let value = |x: &[Vec<N>]| -> f64 {
        x.iter()
            .flatten()
            .zip(curve.iter().flatten())
            .map(|(x, a)| 0.5 * a * x.to_f64().powi(2))
            .sum()
    };
    let mut values = vec![value(&x)];
    for step in 1..=steps {
        let g: Vec<Vec<N>> = x
            .iter()
            .zip(&curve)
            .map(|(x, a)| x.iter().zip(a).map(|(x, a)| N::of_f64(a * x.to_f64())).collect())
            .collect();
        let at = Moment { step, rate, value: values[values.len() - 1], before: 0 };
        let mut tensors: Vec<Tensor<N>> = (x.iter_mut().zip(&g))
            .zip(memory.iter_mut().zip(shapes))
            .map(|((x, g), (m, shape))| Tensor {
                shape,
                x,
                g,
                memory: m.iter_mut().map(|m| &mut m[..]).collect(),
            })
            .collect();
        chain.step(at, &mut tensors, &mut state);
        values.push(value(&x));
    }
    (values, x.concat())
}

fn shapes() -> Vec<Vec<usize>> {
    vec![vec![7], vec![12, 5], vec![3, 4, 2], vec![]]
}

#[test]
fn a_small_rate_goes_down_at_every_step() {
    // Lookahead goes back a part of the way, and what finds its own step does not go by the rate.
    for e in RULES.iter().filter(|e| !e.tunes_itself && !e.absolute) {
        for (values, kind) in [
            (run::<f64>(e.name, &shapes(), 1e-3, 20).0, "f64"),
            (run::<f32>(e.name, &shapes(), 1e-3, 20).0, "f32"),
        ] {
            for (k, pair) in values.windows(2).enumerate() {
                assert!(
                    pair[1] < pair[0],
                    "{} {kind} step {}: {} then {}",
                    e.name,
                    k + 1,
                    pair[0],
                    pair[1]
                );
            }
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads_and_any_instruction_set() {
    let large = [vec![150_000], vec![40, 30], vec![3]];
    for e in RULES {
        let bits = |level, threads| {
            hold(level);
            let x = with_threads(threads, || run::<f32>(e.name, &large, 1e-2, 3).1);
            let y = with_threads(threads, || run::<f64>(e.name, &large, 1e-2, 3).1);
            hold(None);
            // A matrix product uses FMA where there is one, so muon's matrices are left out across instruction sets.
            let skip = if level.is_some() && e.whole { 150_000..151_200 } else { 0..0 };
            let x: Vec<u32> = x
                .iter()
                .enumerate()
                .filter(|(i, _)| !skip.contains(i))
                .map(|(_, v)| v.to_bits())
                .collect();
            let y: Vec<u64> = y
                .iter()
                .enumerate()
                .filter(|(i, _)| !skip.contains(i))
                .map(|(_, v)| v.to_bits())
                .collect();
            (x, y)
        };
        let one = bits(None, 1);
        for threads in [2, 7] {
            assert!(one == bits(None, threads), "{} on {threads} threads", e.name);
        }
        let baseline = bits(Some(Level::Baseline), 2);
        for level in [Level::Avx2, Level::Avx512] {
            assert!(baseline == bits(Some(level), 2), "{} with {level:?}", e.name);
        }
    }
}

#[test]
fn names_in_a_program_are_distinct() {
    for e in RULES {
        let settings = e.parameters.iter().map(|p| p.name);
        let mut names: Vec<&str> = settings
            .chain(e.scalars.iter().copied())
            .chain(e.state.iter().copied())
            .chain(e.sums.iter().copied())
            .chain(e.memory.iter().copied())
            .chain(["x", "g", "step", "rate", "value", "rows", "columns"])
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{}: {names:?}", e.name);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let wrong = |rules: &[Named<'_>]| plan(rules).map(|_| ()).unwrap_err();
    assert_eq!(wrong(&[("adm", &[])]), "no rule is called 'adm'; did you mean 'adam'?");
    assert_eq!(
        wrong(&[("adam", &[("epsilon", -1.0)])]),
        "epsilon must be between 0 and 1; got -1.0"
    );
    assert_eq!(
        wrong(&[("adam", &[("epsilom", 1.0)])]),
        "adam has no setting called 'epsilom'; did you mean 'epsilon'?"
    );
    assert!(wrong(&[]).contains("at least one rule"));
    assert!(wrong(&[("clip_norm", &[])]).contains("put a rule that takes a step after it"));
    assert!(wrong(&[("adam", &[]), ("sgd", &[])]).contains("must come last"));
    for e in RULES {
        for p in e.parameters {
            for bad in [p.low - p.low.abs().max(1.0), f64::NAN] {
                if !(bad >= p.low) {
                    assert!(wrong(&[(e.name, &[(p.name, bad)])]).starts_with(p.name));
                }
            }
        }
    }
}

#[test]
fn clipping_bounds_the_gradient_over_all_tensors_together() {
    // One step of sgd at rate 1 moves by the clipped gradient.
    for (rule, norm) in [("clip_norm", true), ("clip_value", false)] {
        let settings: &[(&str, f64)] = &[("most", 0.5)];
        let chain = Chain::<f64>::new(&plan(&[(rule, settings), ("sgd", &[])]).unwrap());
        let g = [noise(1000, 3), noise(50, 4)];
        let (mut a, mut b) = (vec![0.0; 1000], vec![0.0; 50]);
        let mut tensors = [
            Tensor { shape: &[1000], x: &mut a, g: &g[0], memory: vec![] },
            Tensor { shape: &[50], x: &mut b, g: &g[1], memory: vec![] },
        ];
        chain.step(Moment { step: 1, rate: 1.0, value: 0.0, before: 0 }, &mut tensors, &mut []);
        let moved: Vec<f64> = a.iter().chain(&b).copied().collect();
        let length = moved.iter().map(|v| v * v).sum::<f64>().sqrt();
        let most = moved.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(
            if norm { (length - 0.5).abs() < 1e-12 } else { most == 0.5 },
            "{rule}: {length}, {most}"
        );
    }
}
