//! What every penalty must do; a new entry of the registry is tested without a line here.
use proptest::prelude::*;
use steepest::penalties::PENALTIES;
use steepest::penalty::{Entry, Penalty, Steps, Structure};

const N: usize = 5;

/// Settings somewhere within their ranges.
fn settings(e: &Entry, at: &[f64]) -> Vec<f64> {
    let mut s: Vec<f64> = e
        .parameters
        .iter()
        .zip(at)
        .map(|(p, u)| {
            let (low, high) = (p.low.max(p.default - 2.0), p.high.min(p.default + 2.0));
            low + u * (high - low)
        })
        .collect();
    if let [low, high] = &mut s[..]
        && low > high
    {
        std::mem::swap(low, high);
    }
    s
}

/// What the prox minimises.
fn objective(p: &dyn Penalty, u: &[f64], x: &[f64], t: &[f64]) -> f64 {
    p.value(u) + u.iter().zip(x).zip(t).map(|((u, x), t)| (u - x).powi(2) / (2.0 * t)).sum::<f64>()
}

fn vector(low: f64, high: f64) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(low..high, N)
}

/// Every form of a penalty: plain, rescaled, within bounds.
fn forms(e: &Entry, s: &[f64], weight: &[f64]) -> Vec<Box<dyn Penalty>> {
    let plain = (e.build)(s, weight);
    let rescaled = plain.rescaled(&[0.5, 2.0, 1.0, 3.0, 0.1]);
    let wide: Vec<f64> = vec![f64::INFINITY; N];
    let low = if e.offers.bounds { [f64::NEG_INFINITY; N] } else { [-0.5; N] };
    let within = plain.within(&low, &wide);
    [Some(plain), rescaled, within].into_iter().flatten().collect()
}

proptest! {
    #[test]
    fn prox_decreases_its_objective_and_is_firmly_non_expansive(
        at in vector(0.0, 1.0), alpha in 0.01..3.0, x in vector(-4.0, 4.0), y in vector(-4.0, 4.0),
        t in vector(0.05, 3.0), nudge in vector(-1.0, 1.0),
    ) {
        for e in PENALTIES {
            let mut weight = [alpha; N];
            weight[N - 1] = 0.0;
            for p in forms(e, &settings(e, &at), &weight) {
                let steps = [Steps::Uniform(t[0]), Steps::Diagonal(&t)];
                for s in &steps[..if e.offers.diagonal_prox { 2 } else { 1 }] {
                    let t: Vec<f64> = (0..N).map(|j| s.at(j)).collect();
                    let (mut px, mut py) = (x.clone(), y.clone());
                    p.prox(&mut px, *s);
                    p.prox(&mut py, *s);
                    let best = objective(&*p, &px, &x, &t);
                    prop_assert!(best.is_finite(), "{}: the prox is outside: {px:?}", e.name);
                    // Against points near and far that satisfy the constraint, being proxes themselves.
                    for far in [1e-4, 1e-2, 1.0] {
                        let mut z: Vec<f64> = px.iter().zip(&nudge).map(|(p, n)| p + far * n).collect();
                        for project in [false, true] {
                            if project { p.prox(&mut z, *s); }
                            let there = objective(&*p, &z, &x, &t);
                            prop_assert!(best <= there + 1e-9 * there.abs().max(1.0), "{} {best} {there}", e.name);
                        }
                    }
                    if e.offers.convex {
                        let inner: f64 = (0..N).map(|j| (px[j] - py[j]) * (x[j] - y[j]) / t[j]).sum();
                        let square: f64 = (0..N).map(|j| (px[j] - py[j]).powi(2) / t[j]).sum();
                        prop_assert!(square <= inner + 1e-9, "{} {square} {inner}", e.name);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_offered_holds(at in vector(0.0, 1.0), alpha in 0.01..3.0, x in vector(-4.0, 4.0)) {
        for e in PENALTIES {
            for p in forms(e, &settings(e, &at), &[alpha; N]) {
                let (o, value) = (p.offers(), p.value(&x));
                if o.smooth {
                    let mut g = vec![0.0; N];
                    p.add_gradient(&x, &mut g);
                    for (j, g) in g.iter().enumerate() {
                        let h = 1e-5;
                        let (mut low, mut high) = (x.clone(), x.clone());
                        low[j] -= h;
                        high[j] += h;
                        let quotient = (p.value(&high) - p.value(&low)) / (2.0 * h);
                        prop_assert!((g - quotient).abs() <= 1e-6 * (1.0 + g.abs()), "{}", e.name);
                    }
                }
                if o.quadratic {
                    let sum: f64 = (0..N).map(|j| 0.5 * p.quadratic(j) * x[j] * x[j]).sum();
                    prop_assert!((sum - value).abs() <= 1e-12 * sum.abs().max(1.0), "{}", e.name);
                }
                if o.bounds {
                    let inside = (0..N).all(|j| p.bounds(j).0 <= x[j] && x[j] <= p.bounds(j).1);
                    prop_assert_eq!(value, if inside { 0.0 } else { f64::INFINITY }, "{}", e.name);
                }
                if o.pieces {
                    let sum: f64 = (0..N).map(|j| {
                        let q = p.piece(j);
                        let inside = q.low <= x[j] && x[j] <= q.high;
                        if inside { q.l1 * x[j].abs() + 0.5 * q.l2 * x[j] * x[j] } else { f64::INFINITY }
                    }).sum();
                    prop_assert!(sum == value || (sum - value).abs() <= 1e-12 * sum.abs().max(1.0), "{}", e.name);
                }
            }
        }
    }

    #[test]
    fn rescaled_is_the_same_penalty(at in vector(0.0, 1.0), u in vector(-1.0, 1.0), scale in vector(0.1, 5.0)) {
        for e in PENALTIES {
            let p = (e.build)(&settings(e, &at), &[0.7; N]);
            if let Some(r) = p.rescaled(&scale) {
                let x: Vec<f64> = u.iter().zip(&scale).map(|(u, s)| u * s).collect();
                let (a, b) = (p.value(&x), r.value(&u));
                prop_assert!(a == b || (a - b).abs() <= 1e-12 * a.abs(), "{}", e.name);
            }
        }
    }

    /// What is found by a projection is left there by the next.
    #[test]
    fn a_projection_stays(at in vector(0.0, 1.0), x in vector(-4.0, 4.0), t in vector(0.05, 3.0)) {
        for e in PENALTIES {
            let p = (e.build)(&settings(e, &at), &[0.7; N]);
            let mut once = x.clone();
            p.prox(&mut once, Steps::Diagonal(&t));
            // Only what is 0 or infinite everywhere projects.
            let constraint = [0.0, 0.3, 1.0].iter().all(|c| {
                let v = p.value(&once.iter().map(|u| c * u).collect::<Vec<_>>());
                v == 0.0 || v == f64::INFINITY
            });
            if constraint && p.value(&once) == 0.0 {
                let mut twice = once.clone();
                p.prox(&mut twice, Steps::Diagonal(&t));
                for (a, b) in once.iter().zip(&twice) {
                    prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{}: {once:?} {twice:?}", e.name);
                }
            }
        }
    }

    /// value(x) + value*(s) ≥ s′x, and value(u) + value*(s) ≥ s′u wherever else; next to nothing is lost where s pulls to x.
    #[test]
    fn the_conjugate_is_the_conjugate(
        at in vector(0.0, 1.0), x in vector(-3.0, 3.0), u in vector(-3.0, 3.0), pull in vector(-4.0, 4.0),
    ) {
        for e in PENALTIES {
            let p = (e.build)(&settings(e, &at), &[0.7; N]);
            let none = [0.0; N];
            let (mut x, mut u) = (x.clone(), u.clone());
            p.prox(&mut x, Steps::Uniform(1.0));
            p.prox(&mut u, Steps::Uniform(1.0));
            let c = p.shrinks(&pull, &none);
            let s: Vec<f64> = pull.iter().map(|s| c * s).collect();
            let Some(excess) = p.excess(&x, &s, &none) else { continue };
            prop_assert!(excess.is_finite() && excess >= 0.0, "{}: {c} {excess}", e.name);
            let dot = |u: &[f64]| u.iter().zip(&s).map(|(u, s)| u * s).sum::<f64>();
            let conjugate = excess - p.value(&x) + dot(&x);
            prop_assert!(p.value(&u) + conjugate >= dot(&u) - 1e-9, "{}: {u:?} {s:?}", e.name);
            // y = prox(z) is where z − y is a slope of the penalty: there nothing is lost.
            let mut y = pull.clone();
            p.prox(&mut y, Steps::Uniform(1.0));
            let slope: Vec<f64> = pull.iter().zip(&y).map(|(z, y)| z - y).collect();
            let c = p.shrinks(&slope, &none);
            prop_assert!(c > 1.0 - 1e-9, "{}: {c}", e.name);
            let slope: Vec<f64> = slope.iter().map(|s| c * s).collect();
            let left = p.excess(&y, &slope, &none).expect("written out");
            prop_assert!(left <= 1e-8, "{}: {left}", e.name);
            let spread = [1e-3; N];
            prop_assert!(p.excess(&y, &slope, &spread).expect("written out") >= left, "{}", e.name);
        }
    }

    /// Groups whose coordinates have weights, units and steps of their own: the slopes say that the prox is the least.
    #[test]
    fn the_prox_of_a_group_is_where_its_slope_is_0(
        x in vector(-4.0, 4.0), t in vector(0.05, 3.0), weight in vector(0.1, 2.0), scale in vector(0.1, 4.0), by_size in 0..2,
    ) {
        let e = PENALTIES.iter().find(|e| e.name == "group_lasso").expect("registered");
        let labels = [7, 3, 7, 3, 9];
        let on = Structure { groups: Some(&labels), ..Structure::plain(&weight) };
        let p = (e.structured.expect("it knows groups"))(&[f64::from(by_size)], &on);
        let p = p.rescaled(&scale).expect("it has units");
        // Its value, written once more.
        let members = [vec![0, 2], vec![1, 3], vec![4]];
        let root = |g: &[usize]| if by_size == 1 { (g.len() as f64).sqrt() } else { 1.0 };
        let size = |g: &[usize], u: &[f64]| g.iter().map(|&j| (weight[j] * scale[j] * u[j]).powi(2)).sum::<f64>().sqrt();
        let value = |u: &[f64]| members.iter().map(|g| root(g) * size(g, u)).sum::<f64>();
        prop_assert!((p.value(&x) - value(&x)).abs() <= 1e-12 * value(&x));
        let mut u = x.clone();
        p.prox(&mut u, Steps::Diagonal(&t));
        for g in &members {
            if g.iter().all(|&j| u[j] == 0.0) {
                let reach = g.iter().map(|&j| (x[j] / (t[j] * weight[j] * scale[j])).powi(2)).sum::<f64>().sqrt();
                prop_assert!(reach <= root(g) * (1.0 + 1e-12), "{reach}");
                continue;
            }
            for &j in g {
                let slope = root(g) * (weight[j] * scale[j]).powi(2) * u[j] / size(g, &u);
                let left = slope + (u[j] - x[j]) / t[j];
                prop_assert!(left.abs() <= 1e-9 * (1.0 + slope.abs()), "{left}");
            }
        }
    }

    #[test]
    fn compiled_is_traced(at in vector(0.0, 1.0), x in -4.0..4.0f64, step in 0.05..3.0f64) {
        for e in PENALTIES {
            let Some(program) = e.program else { continue };
            let s = settings(e, &at);
            let mut inputs = vec![("x", x), ("step", step)];
            inputs.extend(e.parameters.iter().map(|p| p.name).zip(s.iter().copied()));
            let traced = program().evaluate(|n| inputs.iter().find(|i| i.0 == n).map(|i| i.1)).expect("known inputs");
            let p = (e.build)(&s, &[1.0]);
            let mut u = [x];
            p.prox(&mut u, Steps::Uniform(step));
            prop_assert_eq!((traced[0], traced[1]), (p.value(&[x]), u[0]), "{}", e.name);
        }
    }
}

#[test]
fn the_formula_reads_as_one_would_write_it() {
    let program = |name: &str| {
        let e = PENALTIES.iter().find(|e| e.name == name).expect("an entry");
        (e.program.expect("a formula"))()
    };
    assert_eq!(program("l1").text(0), "|x|");
    assert_eq!(program("l2").text(0), "0.5·x²");
    assert_eq!(program("elastic_net").text(0), "ratio·|x| + 0.5·(1 - ratio)·x²");
}

proptest! {
    /// The least of a linear function over a bounded set: allowed, and no higher than at any point that the prox leads to.
    #[test]
    fn no_point_of_a_set_lies_below_its_atom(
        at in vector(0.0, 1.0), s in vector(-3.0, 3.0), points in prop::collection::vec(vector(-5.0, 5.0), 10),
    ) {
        let along = |u: &[f64]| u.iter().zip(&s).map(|(u, s)| u * s).sum::<f64>();
        for e in PENALTIES.iter().filter(|e| e.offers.atoms) {
            let p = (e.build)(&settings(e, &at), &[1.0; N]);
            let mut atom = vec![f64::NAN; N];
            prop_assert!(p.offers().atoms && p.atom(&s, &mut atom), "{}", e.name);
            // Caps that do not reach the whole allow nothing.
            let mut any = vec![0.0; N];
            p.prox(&mut any, Steps::Uniform(1.0));
            if !p.value(&any).is_finite() {
                continue;
            }
            prop_assert!(p.value(&atom).is_finite(), "{}: {atom:?} is outside", e.name);
            for x in &points {
                let mut u = x.clone();
                p.prox(&mut u, Steps::Uniform(1.0));
                prop_assert!(along(&atom) <= along(&u) + 1e-9, "{}: {u:?} is below {atom:?}", e.name);
            }
            let free = (e.build)(&settings(e, &at), &[1.0, 1.0, 0.0, 1.0, 1.0]);
            prop_assert!(!free.offers().atoms && !free.offers().shares, "{}: a free variable has no bound", e.name);
        }
    }
}

proptest! {
    /// Several equations, in the metric of the steps: what is left solves them, and what was moved is made of T A′.
    #[test]
    fn equations_are_met_along_their_rows(
        a in prop::collection::vec(-1.0..1.0f64, 2 * N), at in vector(-3.0, 3.0), x in vector(-100.0, 100.0),
        t in vector(0.01, 10.0), scale in vector(0.1, 5.0),
    ) {
        let e = PENALTIES.iter().find(|e| e.name == "affine").expect("it is there");
        // The third row follows from the first two.
        let third: Vec<f64> = (0..N).map(|j| a[j] - 2.0 * a[N + j]).collect();
        let rows = [&a[..], &third].concat();
        let times = |x: &[f64]| -> Vec<f64> {
            rows.chunks(N).map(|r| r.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
        };
        let right = times(&at);
        let on = Structure { right: Some(&right), ..Structure::plain(&rows) };
        let plain = e.over(&[], &on).expect("they fit together");
        let scaled = plain.rescaled(&scale).expect("it has units");
        for (p, unit) in [(&plain, [1.0; N].to_vec()), (&scaled, scale.clone())] {
            let mut u = x.clone();
            p.prox(&mut u, Steps::Diagonal(&t));
            prop_assert_eq!(p.value(&u), 0.0);
            let there: Vec<f64> = u.iter().zip(&unit).map(|(u, s)| u * s).collect();
            for (got, want) in times(&there).iter().zip(&right) {
                prop_assert!((got - want).abs() <= 1e-9, "{got} {want}");
            }
            // Two numbers explain all of (x − u) / t: the rest is at right angles to both rows' complement.
            let moved: Vec<f64> = (0..N).map(|j| (x[j] - u[j]) / t[j]).collect();
            let row = |i: usize| -> Vec<f64> { (0..N).map(|j| a[i * N + j] * unit[j]).collect() };
            let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let (r, s) = (row(0), row(1));
            let (rr, rs, ss) = (inner(&r, &r), inner(&r, &s), inner(&s, &s));
            let det = rr * ss - rs * rs;
            prop_assume!(det > 1e-3 * rr * ss);
            let (mr, ms) = (inner(&moved, &r), inner(&moved, &s));
            let (c, d) = ((mr * ss - ms * rs) / det, (ms * rr - mr * rs) / det);
            let size = inner(&moved, &moved).sqrt();
            for j in 0..N {
                prop_assert!((moved[j] - c * r[j] - d * s[j]).abs() <= 1e-8 * (1.0 + size), "{moved:?}");
            }
        }
    }
}
