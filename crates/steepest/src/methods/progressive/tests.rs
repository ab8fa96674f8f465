//! The bound is true: held to the optimum found by Newton's method, from afar to near, with rows of all kinds.
use super::certify::{Point, bound};
use super::ground::{Ground, Seen};
use super::metric::factor;
use super::sample;
use crate::designs::dense::Dense;
use crate::glm::{Glm, Keep};
use crate::loss::{Block, Each};
use crate::losses::{huber::Huber, logistic::Logistic, squared::Squared};
use crate::scaling::Scaling;
use crate::vectors::dot;
use proptest::prelude::*;

/// F and its gradient in the rounder variables.
fn evaluate(seen: Seen<'_>, u: &[f64], g: &mut [f64], z: &mut [f64]) -> f64 {
    let mut x = vec![0.0; u.len()];
    seen.scaling.out(u, &mut x);
    let keep = Keep { margins: Some(z), ..Keep::default() };
    let value = seen.glm.pass(None, &x, Some(g), keep, &mut || Ok(())).expect("a value");
    seen.scaling.gradient(g);
    g.iter_mut().zip(&seen.ground.penalty).zip(u).for_each(|((g, a), u)| *g += a * u);
    value + seen.penalty(u)
}

/// The optimum by Newton's method with halving; none where it runs away.
fn optimum(seen: Seen<'_>) -> Option<(Vec<f64>, f64)> {
    let n = seen.glm.design.rows();
    let rows: Vec<u32> = (0..n as u32).collect();
    let dim = seen.glm.width();
    let (mut u, mut g, mut z) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; n]);
    let mut value = evaluate(seen, &u, &mut g, &mut z);
    let mut best = value;
    for _ in 0..200 {
        let mut weight = vec![0.0; n];
        seen.jets(&z, |p, _, _, h| weight[p] = h[0] * seen.share(p));
        let mut v = g.clone();
        factor(seen, &rows, &weight, 0.0).solve(&mut v);
        let promise = dot(&g, &v);
        let mut a = 1.0;
        loop {
            let to: Vec<f64> = u.iter().zip(&v).map(|(u, v)| u - a * v).collect();
            let next = evaluate(seen, &to, &mut g, &mut z);
            if next <= value - 1e-4 * a * promise || a < 1e-3 {
                (u, value) = (to, next);
                break;
            }
            a *= 0.5;
        }
        best = best.min(value);
        if promise <= 1e-17 * value || z.iter().any(|z| z.abs() > 1e3) {
            break;
        }
    }
    (z.iter().all(|z| z.abs() <= 1e3)).then_some((u, best))
}

fn losses() -> Vec<Box<dyn Block>> {
    vec![
        Box::new(Each(Squared::default())),
        Box::new(Each(Logistic::default())),
        Box::new(Each(Huber::default())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_bound_is_at_least_the_error(
        seed in prop::collection::vec(-1.0..1.0f64, 40..400),
        d in 1..7usize,
        which in 0..3usize,
        alpha in prop::sample::select(vec![0.0, 1e-9, 1e-4, 1e-2, 1.0]),
        away in prop::sample::select(vec![0.0, 1e-8, 1e-5, 1e-3, 0.03, 0.3, 1.0]),
        part in 0.3..1.0f64,
        weighted in any::<bool>(),
        copy in any::<bool>(),
    ) {
        let n = seed.len() / (d + 1);
        prop_assume!(n >= 4);
        let mut x: Vec<f64> = seed[..n * d].iter().map(|v| 3.0 * v + 5.0).collect();
        if copy && d > 1 {
            x.chunks_exact_mut(d).for_each(|r| r[d - 1] = r[0]);
        }
        let y: Vec<f64> = (0..n).map(|i| {
            let v = seed[n * d + i] + 0.2 * (x[i * d] - 5.0);
            if which == 1 { f64::from(v > 0.0) } else { v }
        }).collect();
        let weight: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
        let loss = &losses()[which];
        let table = Dense::by_rows(&x, d).expect("a table");
        let glm = Glm::new(&table, &**loss, &y, weighted.then_some(&weight[..]), true).expect("a problem");
        let everything: Vec<std::ops::Range<usize>> = std::iter::once(0..n).collect();
        let scaling = Scaling::of(&glm, &everything, true);
        let penalty = (0..=d).map(|j| scaling.scale.get(j).map_or(0.0, |s| alpha / (s * s))).collect();
        let ground = Ground::whole(penalty);
        let seen = Seen { glm: &glm, scaling: &scaling, ground: &ground };
        let Some((best, value)) = optimum(seen) else { return Ok(()) };
        let u: Vec<f64> = best.iter().enumerate().map(|(j, u)| u + away * seed[j]).collect();
        let (mut g, mut z) = (vec![0.0; d + 1], vec![0.0; n]);
        let at = evaluate(seen, &u, &mut g, &mut z);
        let rows: Vec<u32> = (0..n as u32)
            .filter(|i| (seed[*i as usize] * 1e4).fract().abs() < part)
            .collect();
        let z: Vec<f64> = rows.iter().map(|&i| z[i as usize]).collect();
        if let Some(bound) = bound(seen, &Point { value: at, g: &g, rows: &rows, z: &z }) {
            prop_assert!(bound >= at - value - 1e-15 * value, "{bound:e} {:e} {}", at - value, loss.name());
        }
    }
}

#[test]
fn a_sample_keeps_the_sum_of_shares() {
    let n = 10_000;
    let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(i % 500 == 3)).collect();
    let table = Dense::by_rows(&x, 1).expect("a table");
    let loss = Each(Logistic::default());
    let glm = Glm::new(&table, &loss, &y, None, true).expect("a problem");
    let sides = sample::Sides::of(&glm).expect("a rare side");
    assert_eq!(sides.rare.len(), 20);
    let some = sample::rows(&glm, Some(&sides), 400, 3);
    assert!((some.share.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let rare: f64 =
        some.rows().zip(&some.share).filter(|(i, _)| y[*i] > 0.0).map(|(_, s)| s).sum();
    assert!((rare - 0.002).abs() < 1e-12);
    assert!(some.rows().collect::<Vec<_>>().is_sorted());
}
