//! The bound is true: held to the optimum found by Newton's method, from afar to near, with rows of all kinds.
use super::certify::{Point, bound, bound_by};
use super::few_rows::{Few, factor};
use super::lbfgs::{HERE, NEXT, Walk};
use super::metric::{Inverse, metric};
use super::metric_rows::Recipe;
use super::newton_cg::prove;
use super::shape::{Form, Shape};
use super::stage_rows;
use super::subproblem::{Ground, Seen};
use crate::designs::dense::Dense;
use crate::glm::Glm;
use crate::linalg::vectors::dot;
use crate::loss::{Block, Each};
use crate::losses::{huber::Huber, logistic::Logistic, squared::Squared};
use crate::objective::{Objective, Rows};
use crate::penalties::none::NoPenalty;
use crate::penalty::PerCoordinate;
use crate::problem::with_problem;
use crate::scaling::{Look, Scaling};
use crate::table::Margins;
use proptest::prelude::*;

/// Where Newton's method with halving ends, in standardised variables; none where it has not converged.
fn newton(seen: &mut Seen<'_, '_>) -> Option<Vec<f64>> {
    let dim = seen.table.width();
    let (mut u, mut g) = (vec![0.0; dim], vec![0.0; dim]);
    let mut value = seen.evaluate(&u, &mut g, HERE, false).expect("a value");
    for _ in 0..200 {
        let mut v = g.clone();
        hessian(seen, None).solve(&mut v);
        let promise = dot(&g, &v);
        let mut a = 1.0;
        loop {
            let to: Vec<f64> = u.iter().zip(&v).map(|(u, v)| u - a * v).collect();
            let next = seen.evaluate(&to, &mut g, HERE, false).expect("a value");
            if next <= value - 1e-4 * a * promise || a < 1e-3 {
                (u, value) = (to, next);
                break;
            }
            a *= 0.5;
        }
        if promise <= 1e-15 * value {
            return Some(u);
        }
    }
    None
}

/// At these margins, or those that are kept.
fn hessian(seen: &mut Seen<'_, '_>, margins: Option<Vec<f64>>) -> crate::linalg::factor::Factor {
    let rows: Vec<u32> = (0..seen.table.rows as u32).collect();
    let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
    let mut held = seen.hold(&rows, Some(HERE)).expect("rows");
    held.margins = margins.map_or(held.margins, Into::into);
    let weight: Vec<f64> =
        held.curvatures().iter().zip(&*held.share).map(|(h, share)| h * share).collect();
    factor(Few { held: &held, scaling, penalty }, &weight, 0.0)
}

/// A number of twice the digits: the sum of two.
#[derive(Clone, Copy, Default)]
struct Long(f64, f64);

impl Long {
    fn add(self, v: f64) -> Self {
        let sum = self.0 + v;
        let back = sum - self.0;
        Long(sum, self.1 + ((self.0 - (sum - back)) + (v - back)))
    }
    /// + a·b, a long.
    fn add_product(self, a: Long, b: f64) -> Self {
        let product = a.0 * b;
        self.add(product).add(a.0.mul_add(b, -product)).add(a.1 * b)
    }
    fn short(self) -> f64 {
        self.0 + self.1
    }
}

/// The same objective in its own variables, with long margins: the reference that a bound is held to.
struct Exact<'a> {
    glm: &'a Glm<'a>,
    rows: Vec<Vec<f64>>,
    alpha: f64,
}

impl Exact<'_> {
    fn margins(&self, x: &[Long]) -> Vec<Long> {
        let d = x.len() - 1;
        let margin = |r: &Vec<f64>| r.iter().zip(x).fold(x[d], |z, (r, x)| z.add_product(*x, *r));
        self.rows.iter().map(margin).collect()
    }
    fn gradient(&self, x: &[Long], z: &[Long]) -> Vec<f64> {
        let d = x.len() - 1;
        let pull = |x: &Long| Long::default().add_product(*x, self.alpha);
        let mut g: Vec<Long> = x.iter().map(pull).collect();
        g[d] = Long::default();
        for (i, (row, z)) in self.rows.iter().zip(z).enumerate() {
            let [_, slope, bend] = jet(self.glm.loss, self.glm.target[i], z.0);
            let s = Long(self.glm.share(i) * slope, self.glm.share(i) * bend * z.1);
            (0..d).for_each(|j| g[j] = g[j].add_product(s, row[j]));
            g[d] = g[d].add(s.0).add(s.1);
        }
        g.into_iter().map(Long::short).collect()
    }
    /// F(x) − F(best) as a sum of Bregman distances, which loses no digits.
    fn error(&self, x: &[f64], best: &[Long]) -> f64 {
        let d = best.len() - 1;
        let z = self.margins(best);
        let g = self.gradient(best, &z);
        let off: Vec<Long> = x.iter().zip(best).map(|(x, b)| Long(-b.0, -b.1).add(*x)).collect();
        let short: Vec<f64> = off.iter().map(|o| o.short()).collect();
        let penalty: f64 = short[..d].iter().map(|o| 0.5 * self.alpha * o * o).sum();
        let distances = self.margins(&off).into_iter().enumerate().map(|(i, t)| {
            self.glm.share(i) * bregman(self.glm.loss, self.glm.target[i], z[i].short(), t.short())
        });
        distances.sum::<f64>() + penalty + dot(&g, &short)
    }
}

fn jet(loss: &dyn Block, target: f64, margin: f64) -> [f64; 3] {
    let (mut v, mut s, mut h) = ([0.0], [0.0], [0.0]);
    loss.jets(&[target], &[margin], &mut v, &mut s, &mut h);
    [v[0], s[0], h[0]]
}

/// φ(z + t) − φ(z) − φ′(z) t without the loss of digits where t is small: t² ∫ (1 − τ) φ″(z + τ t) dτ by Gauss and
/// Legendre; for a slope with kinks in closed form.
fn bregman(loss: &dyn Block, target: f64, z: f64, t: f64) -> f64 {
    if loss.name() == "huber" {
        let width = Huber::default().width;
        let (r, c) = (z + t - target, |r: f64| r.clamp(-width, width));
        let (from, to) = (c(z - target), c(r));
        return (to - from) * (r - 0.5 * (to + from));
    }
    if t.abs() > 0.3 {
        let ([from, slope, _], [to, _, _]) = (jet(loss, target, z), jet(loss, target, z + t));
        return to - from - slope * t;
    }
    const NODES: [(f64, f64); 3] = [
        (0.0, 128.0 / 225.0),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    let at = |x: f64| 0.5 * (1.0 - x) * jet(loss, target, z + 0.5 * (1.0 + x) * t)[2];
    let sum = |(x, w): &(f64, f64)| if *x == 0.0 { w * at(0.0) } else { w * (at(*x) + at(-x)) };
    0.5 * t * t * NODES.iter().map(sum).sum::<f64>()
}

/// The optimum to twice the digits; none where there is none.
fn optimum(seen: &mut Seen<'_, '_>, exact: &Exact<'_>) -> Option<(Vec<f64>, Vec<Long>)> {
    let u = newton(seen)?;
    let mut x = vec![0.0; u.len()];
    seen.scaling.out(&u, &mut x);
    let mut best: Vec<Long> = x.iter().map(|x| Long(*x, 0.0)).collect();
    for _ in 0..8 {
        let z = exact.margins(&best);
        let mut g = exact.gradient(&best, &z);
        seen.scaling.gradient(&mut g);
        let short: Vec<f64> = z.iter().map(|z| z.short()).collect();
        hessian(seen, Some(short)).solve(&mut g);
        let mut step = vec![0.0; g.len()];
        seen.scaling.out(&g, &mut step);
        best.iter_mut().zip(&step).for_each(|(b, s)| *b = b.add(-s));
    }
    Some((u, best))
}

fn losses() -> Vec<Box<dyn Block>> {
    vec![
        Box::new(Each(Squared::default())),
        Box::new(Each(Logistic::default())),
        Box::new(Each(Huber::default())),
    ]
}

/// A table, its targets and weights, drawn at random.
#[derive(Debug)]
struct Drawn {
    d: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    weight: Option<Vec<f64>>,
    noise: Vec<f64>,
    which: usize,
    alpha: f64,
    away: f64,
}

prop_compose! {
    fn drawn()(
        seed in prop::collection::vec(-1.0..1.0f64, 40..400),
        d in 1..7usize,
        which in 0..3usize,
        alpha in prop::sample::select(vec![0.0, 1e-9, 1e-4, 1e-2, 1.0]),
        away in prop::sample::select(vec![0.0, 1e-8, 1e-5, 1e-3, 0.03, 0.3, 1.0]),
        weighted in any::<bool>(),
        copy in any::<bool>(),
    ) -> Drawn {
        let n = seed.len() / (d + 1);
        let mut x: Vec<f64> = seed[..n * d].iter().map(|v| 3.0 * v + 5.0).collect();
        if copy && d > 1 {
            x.chunks_exact_mut(d).for_each(|r| r[d - 1] = r[0]);
        }
        let y = (0..n).map(|i| {
            let v = seed[n * d + i] + 0.2 * (x[i * d] - 5.0);
            if which == 1 { f64::from(v > 0.0) } else { v }
        }).collect();
        let weight = weighted.then(|| (0..n).map(|i| (i % 4) as f64).collect());
        Drawn { d, x, y, weight, noise: seed, which, alpha, away }
    }
}

impl Drawn {
    /// Calls `check` with the problem at a point, the rows' margins kept, and its true distance from the optimum.
    fn at_a_point(&self, check: impl FnOnce(&mut Seen<'_, '_>, &Walk, f64)) {
        let (d, n) = (self.d, self.y.len());
        let loss = &losses()[self.which];
        let table = Dense::by_rows(&self.x, d).expect("a table");
        let weight = self.weight.as_deref();
        let glm = || Glm::new(&table, &**loss, &self.y, weight, true).expect("a problem");
        let (mut asked, glm) = (glm(), glm());
        let facts = glm.offers().table.expect("a table");
        let none = PerCoordinate::uniform(NoPenalty::default(), 1.0, d + 1);
        with_problem(&mut asked, &none, |problem| {
            let everything: Vec<u32> = (0..n as u32).collect();
            let held = problem.hold(Rows::All, &everything, None).expect("rows");
            let scaling = Scaling::of(&facts, &Look::Rows(&held), true);
            drop(held);
            let weigh = |j: usize| scaling.scale.get(j).map_or(0.0, |s| self.alpha / (s * s));
            let ground = Ground::whole((0..=d).map(weigh).collect());
            let seen = &mut Seen { problem, table: facts, scaling: &scaling, ground: &ground };
            let rows: Vec<Vec<f64>> = self.x.chunks_exact(d).map(<[f64]>::to_vec).collect();
            let exact = Exact { glm: &glm, rows, alpha: self.alpha };
            let Some((near, best)) = optimum(seen, &exact) else { return };
            let away = |(u, v): (&f64, &f64)| u + self.away * v;
            let u: Vec<f64> = near.iter().zip(&self.noise).map(away).collect();
            let (mut g, mut point) = (vec![0.0; d + 1], vec![0.0; d + 1]);
            let value = seen.evaluate(&u, &mut g, HERE, false).expect("a value");
            scaling.out(&u, &mut point);
            let recipe = Recipe { at: HERE, far: false, sides: None, broad: false };
            let mut shape = Shape { form: Form::Diagonal, rows: 0 };
            let diagonal = metric(seen, &recipe, &mut shape).expect("a metric");
            let error = exact.error(&point, &best);
            check(seen, &Walk::new(u, value, g, [HERE, NEXT], diagonal), error);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_bound_is_at_least_the_error(drawn in drawn(), part in 0.3..1.0f64) {
        drawn.at_a_point(|seen, walk, error| {
            let rows: Vec<u32> = (0..seen.table.rows as u32)
                .filter(|i| (drawn.noise[*i as usize] * 1e4).fract().abs() < part)
                .collect();
            let rounding = &seen.rounding(&walk.u, Margins::Kept(HERE)).expect("rows");
            let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
            let held = &seen.hold(&rows, Some(HERE)).expect("rows");
            let at = Point { g: &walk.g, few: Few { held, scaling, penalty }, rounding };
            if let Some(bound) = bound(&at) {
                assert!(bound >= error, "{bound:e} {error:e} of {:e} {drawn:?}", walk.value);
            }
        });
    }

    #[test]
    fn the_bound_by_an_older_metric_is_at_least_the_error(drawn in drawn(), k in 2..200usize) {
        drawn.at_a_point(|seen, walk, error| {
            // Of a point nearer to 0, and of some rows, weighted by how many they stand for.
            let older: Vec<f64> = walk.u.iter().map(|u| 0.9 * u).collect();
            seen.evaluate(&older, &mut vec![0.0; older.len()], NEXT, false).expect("a value");
            let recipe = Recipe { at: NEXT, far: false, sides: None, broad: false };
            let mut shape = Shape { form: Form::Whole, rows: k };
            let made = metric(seen, &recipe, &mut shape).expect("a metric");
            let Inverse::One(factor) = &made.factor else { panic!("of one output") };
            let rounding = &seen.rounding(&walk.u, Margins::Kept(HERE)).expect("rows");
            let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
            let held = &seen.hold(&made.rows, Some(HERE)).expect("rows");
            let at = Point { g: &walk.g, few: Few { held, scaling, penalty }, rounding };
            if let Some(bound) = bound_by(&at, factor, &made.weight) {
                assert!(bound >= error, "{bound:e} {error:e} of {:e} {drawn:?}", walk.value);
            }
        });
    }

    #[test]
    fn the_bound_by_conjugate_gradients_is_at_least_the_error(drawn in drawn(), times in 1.001..100.0f64) {
        drawn.at_a_point(|seen, walk, error| {
            let target = times * error + 1e-15 * walk.value;
            let found = prove(seen, walk, target).expect("no end is set");
            if let Some(bound) = found.bound {
                assert!(bound >= error, "{bound:e} {error:e} of {:e} {drawn:?}", walk.value);
            }
        });
    }
}

#[test]
fn a_sample_keeps_the_sum_of_shares() {
    let n = 10_000;
    let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(i % 500 == 3)).collect();
    let table = Dense::by_rows(&x, 1).expect("a table");
    let loss = Each(Logistic::default());
    let mut glm = Glm::new(&table, &loss, &y, None, true).expect("a problem");
    let facts = glm.offers().table.expect("a table");
    let none = PerCoordinate::uniform(NoPenalty::default(), 1.0, 2);
    with_problem(&mut glm, &none, |problem| {
        let sides =
            stage_rows::Sides::of(problem, &facts).expect("an answer").expect("a rare side");
        assert_eq!(sides.rare.len(), 20);
        let some = stage_rows::rows(problem, &facts, Some(&sides), 400, 3).expect("rows");
        assert!((some.share.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let rows = some.rows().iter().zip(&*some.share);
        let rare: f64 = rows.filter(|(i, _)| y[**i as usize] > 0.0).map(|(_, s)| s).sum();
        assert!((rare - 0.002).abs() < 1e-12);
        assert!(some.rows().is_sorted());
    });
}
