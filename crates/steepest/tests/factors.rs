//! Factors of a matrix: their halves against elimination in the open, and the same bits on any number of threads.
use steepest::descend::descend;
use steepest::factors::features::WithFeatures;
use steepest::factors::pairs::RankedPairs;
use steepest::factors::ranks::SampledRanks;
use steepest::factors::top::{LeftOut, NONE, top};
use steepest::factors::{Factors, MatrixShape};
use steepest::linalg::cholesky::Cholesky;
use steepest::loss::Each;
use steepest::losses::hinge::Hinge;
use steepest::losses::logistic::Logistic;
use steepest::losses::squared::Squared;
use steepest::methods::METHODS;
use steepest::numbers::random::Random;
use steepest::objective::{Ask, Objective};
use steepest::parallel::pool::with_threads;
use steepest::penalties::l1::L1;
use steepest::penalties::l2::L2;
use steepest::penalty::{Penalty, PerCoordinate};
use steepest::watch::{Stop, Unwatched};

struct Known {
    users: Vec<u32>,
    items: Vec<u32>,
    target: Vec<f64>,
    weight: Vec<f64>,
}

/// About a share of all pairs, in an order of no meaning.
fn known(users: u32, items: u32, share: f64) -> Known {
    let mut r = Random::new(3, 0, 0, 0);
    let mut pairs: Vec<(u32, u32)> = (0..users * items)
        .filter(|_| r.uniform() < share)
        .map(|k| (k / items, k % items))
        .collect();
    r.shuffle(&mut pairs);
    let n = pairs.len();
    Known {
        users: pairs.iter().map(|p| p.0).collect(),
        items: pairs.iter().map(|p| p.1).collect(),
        target: (0..n).map(|_| 3.0 + r.normal()).collect(),
        weight: (0..n).map(|_| 0.5 + r.uniform()).collect(),
    }
}

fn start(n: usize) -> Vec<f64> {
    let mut r = Random::new(5, 0, 0, 0);
    (0..n).map(|_| 0.5 * r.normal()).collect()
}

#[test]
fn a_half_is_what_elimination_in_the_open_makes_of_it() {
    // With entries that are not known, all pairs are looked at here and none there.
    for (rank, biases, background) in [(3, true, 0.0), (8, false, 0.3), (11, false, 0.0)] {
        let (users, items) = (13, 9);
        let all = known(users, items, 0.5);
        let centre = if biases { 2.5 } else { 0.0 };
        let shape = MatrixShape {
            users: users as usize,
            items: items as usize,
            rank,
            biases,
            centre,
            background,
        };
        let loss = Box::new(Each(Squared::default()));
        let mut factors =
            Factors::new(shape, loss, [&all.users, &all.items], &all.target, Some(&all.weight))
                .expect("a matrix");
        let (n, m) = (factors.dim(), rank + usize::from(biases));
        let x = start(n);
        let penalty = PerCoordinate::uniform(L2::default(), 1e-3, n);
        let mut to = x.clone();
        let asks = &mut [Ask::Least { block: 0, penalty: &penalty, to: &mut to }];
        factors.asked(&x, asks).expect("a half");
        let first = users as usize * m;
        for u in 0..users {
            let (mut a, mut b) = (vec![0.0; m * m], vec![0.0; m]);
            for i in 0..items as usize {
                let at = all.users.iter().zip(&all.items).position(|p| p == (&u, &(i as u32)));
                let (w, t) = at.map_or((background, 0.0), |k| (all.weight[k], all.target[k]));
                let mut q = x[first + i * rank..][..rank].to_vec();
                let bias = if biases { x[first + items as usize * rank + i] } else { 0.0 };
                q.extend(biases.then_some(1.0));
                for r in 0..m {
                    b[r] += w * q[r] * (t - centre - bias);
                    (0..m).for_each(|c| a[r * m + c] += w * q[r] * q[c]);
                }
            }
            let alpha = 1e-3 * factors.total();
            Cholesky::new(m, &a, |_| alpha).expect("a factor").solve(&mut b);
            let mut found = to[u as usize * rank..][..rank].to_vec();
            found.extend(biases.then(|| to[users as usize * rank + u as usize]));
            for (f, b) in found.iter().zip(&b) {
                assert!((f - b).abs() < 1e-10, "rank {rank} user {u}: {f} and {b}");
            }
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads_and_in_any_order_of_the_entries() {
    let all = known(300, 200, 0.4);
    let shape =
        MatrixShape { users: 300, items: 200, rank: 6, biases: true, centre: 3.0, background: 0.0 };
    let entry = METHODS.iter().find(|m| m.name == "alternating").expect("it is there");
    let run = |threads: usize, order: &[usize]| {
        let of = |codes: &[u32]| -> Vec<u32> { order.iter().map(|&k| codes[k]).collect() };
        let target: Vec<f64> = order.iter().map(|&k| all.target[k]).collect();
        let codes = [of(&all.users), of(&all.items)];
        with_threads(threads, || {
            let loss = Box::new(Each(Squared::default()));
            let mut factors =
                Factors::new(shape, loss, [&codes[0], &codes[1]], &target, None).expect("a matrix");
            let n = factors.dim();
            let penalty = PerCoordinate::uniform(L2::default(), 1e-4, n);
            let stop = Stop { iterations: 15, ..Stop::default() };
            let method = (entry.build)(&[6.0]);
            descend(&mut factors, &penalty, method, &start(n), stop, &mut Unwatched)
                .expect("a solution")
                .x
        })
    };
    let order: Vec<usize> = (0..all.target.len()).collect();
    let back: Vec<usize> = order.iter().rev().copied().collect();
    let one = run(1, &order);
    assert!(one == run(2, &order) && one == run(5, &order) && one == run(3, &back));
}

#[test]
fn a_gradient_is_the_slope_of_the_value_and_terms_are_its_parts() {
    let all = known(12, 7, 0.6);
    let shape =
        MatrixShape { users: 12, items: 7, rank: 4, biases: true, centre: 0.1, background: 0.0 };
    let target: Vec<f64> = all.target.iter().map(|t| f64::from(*t > 3.0)).collect();
    let codes = [&all.users[..], &all.items[..]];
    let loss = Box::new(Each(Logistic::default()));
    let mut factors =
        Factors::new(shape, loss, codes, &target, Some(&all.weight)).expect("a matrix");
    let (n, entries) = (factors.dim(), target.len());
    let x = start(n);
    let mut gradient = vec![0.0; n];
    let value = factors.gradient(&x, &mut gradient).expect("a gradient");
    for j in 0..n {
        let mut at = |by: f64| {
            let mut there = x.clone();
            there[j] += by;
            factors.value(&there).expect("a value")
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - gradient[j]).abs() < 1e-8, "{j}: {slope} and {}", gradient[j]);
    }
    let (mut mean, mut slopes, mut one) = (0.0, vec![0.0; n], vec![0.0; n]);
    for k in 0..entries {
        mean += factors.batch(&[k as u32], &x, &mut one).expect("a term") / entries as f64;
        slopes.iter_mut().zip(&one).for_each(|(s, g)| *s += g / entries as f64);
    }
    assert!((mean - value).abs() < 1e-12);
    assert!(slopes.iter().zip(&gradient).all(|(s, g)| (s - g).abs() < 1e-12));
}

#[test]
fn the_highest_scores_are_those_of_all_sorted() {
    let mut r = Random::new(9, 0, 0, 0);
    for (rows, items, rank, n) in [(1, 3, 1, 5), (150, 203, 7, 10), (9, 64, 16, 64)] {
        let mut some = |k: usize| (0..k).map(|_| r.normal()).collect::<Vec<f64>>();
        let (p, q, mut added) = (some(rows * rank), some(items * rank), some(items));
        // Equal scores: the first stands first.
        added[items - 1] = f64::NEG_INFINITY;
        let columns: Vec<u32> =
            (0..rows).flat_map(|u| [(u % items) as u32, (u * 7 % items) as u32]).collect();
        let starts: Vec<i64> = (0..=rows).map(|u| 2 * u as i64).collect();
        let found =
            top(&p, &q, &added, rank, n, Some(LeftOut { starts: &starts, columns: &columns }));
        for u in 0..rows {
            let score = |i: usize| {
                (0..rank).fold(0.0, |s, f| s + p[u * rank + f] * q[i * rank + f]) + added[i]
            };
            let mut all: Vec<usize> = (0..items)
                .filter(|i| {
                    !columns[2 * u..2 * u + 2].contains(&(*i as u32))
                        && score(*i) > f64::NEG_INFINITY
                })
                .collect();
            all.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
            for place in 0..n {
                let want = all.get(place).map_or(NONE, |i| *i as u32);
                assert_eq!(found.columns[u * n + place], want, "row {u} place {place}");
            }
        }
    }
}

#[test]
fn what_newton_does_not_solve_is_refused() {
    let all = known(5, 4, 0.9);
    let shape =
        MatrixShape { users: 5, items: 4, rank: 2, biases: false, centre: 0.0, background: 0.0 };
    let target: Vec<f64> = all.target.iter().map(|t| f64::from(*t > 3.0)).collect();
    let codes = [&all.users[..], &all.items[..]];
    let loss = Box::new(Each(Logistic::default()));
    let mut factors = Factors::new(shape, loss, codes, &target, None).expect("a matrix");
    let x = start(factors.dim());
    let n = x.len();
    let mut half = |penalty: &dyn Penalty| {
        let mut to = x.clone();
        factors.asked(&x, &mut [Ask::Least { block: 0, penalty, to: &mut to }])
    };
    assert!(half(&PerCoordinate::uniform(L2::default(), 0.1, n)).is_ok());
    assert!(half(&PerCoordinate::uniform(L1::default(), 0.1, n)).is_err());
    let loss = Box::new(Each(Hinge::default()));
    assert!(Factors::new(shape, loss, codes, &target, None).is_err());
}

/// Clicks of which the first user has all and the second all but one.
fn clicked(users: u32, items: u32) -> Known {
    let mut all = known(users, items, 0.3);
    for user in 0..2 {
        let kept = |k: &usize| all.users[*k] != user;
        let order: Vec<usize> = (0..all.users.len()).filter(kept).collect();
        all.users = order.iter().map(|&k| all.users[k]).collect();
        all.items = order.iter().map(|&k| all.items[k]).collect();
        let more = items - user;
        all.users.extend((0..more).map(|_| user));
        all.items.extend(0..more);
    }
    all
}

#[test]
fn a_click_is_set_against_what_its_user_has_not_clicked_each_as_likely() {
    let all = clicked(60, 20);
    let shape =
        MatrixShape { users: 60, items: 20, rank: 1, biases: false, centre: 0.0, background: 0.0 };
    let pairs = |seed| {
        let loss = Box::new(Each(Logistic::default()));
        RankedPairs::new(shape, loss, [&all.users, &all.items], 200, seed, false).expect("pairs")
    };
    let (drawn, again, another) = (pairs(1), pairs(1), pairs(2));
    // Nothing stands against the clicks of one who has clicked everything.
    let left = all.users.iter().filter(|u| **u != 0).count();
    assert_eq!(drawn.terms(), 200 * left);
    let has: std::collections::HashSet<(usize, usize)> =
        all.users.iter().zip(&all.items).map(|(u, i)| (*u as usize, *i as usize)).collect();
    let mut counts = vec![vec![0usize; 20]; 60];
    let mut differ = 0;
    for term in 0..drawn.terms() {
        let [user, own, other] = drawn.pair(term);
        assert!(user != 0 && has.contains(&(user, own)) && !has.contains(&(user, other)));
        assert_eq!(drawn.pair(term), again.pair(term));
        differ += usize::from(drawn.pair(term) != another.pair(term));
        counts[user][other] += 1;
    }
    assert!(differ > drawn.terms() / 2);
    for (user, counts) in counts.iter().enumerate().skip(1) {
        let own = (0..20).filter(|i| has.contains(&(user, *i))).count();
        let mean = (200 * own) as f64 / (20 - own) as f64;
        for i in (0..20).filter(|i| !has.contains(&(user, *i))) {
            // Six standard deviations.
            assert!((counts[i] as f64 - mean).abs() < 6.0 * mean.sqrt(), "user {user}, item {i}");
        }
    }
}

#[test]
fn the_mean_over_pairs_is_that_of_its_terms_written_out_and_its_gradient_its_slope() {
    let all = clicked(12, 7);
    for (rank, biases, fixed) in [(4, true, false), (9, false, false), (3, true, true)] {
        let shape = MatrixShape { users: 12, items: 7, rank, biases, centre: 0.0, background: 0.0 };
        let loss = Box::new(Each(Logistic::default()));
        let mut pairs =
            RankedPairs::new(shape, loss, [&all.users, &all.items], 3, 1, fixed).expect("pairs");
        let (n, terms) = (pairs.dim(), pairs.terms());
        let x = start(n);
        let score = |u: usize, i: usize| {
            let dot: f64 = (0..rank).map(|f| x[u * rank + f] * x[(12 + i) * rank + f]).sum();
            dot + if biases { x[19 * rank + i] } else { 0.0 }
        };
        let one = |term: usize| {
            let [u, i, j] = pairs.pair(term);
            (1.0 + (score(u, j) - score(u, i)).exp()).ln() / terms as f64
        };
        let whole: f64 = (0..terms).map(one).sum();
        let mut gradient = vec![0.0; n];
        let value = pairs.gradient(&x, &mut gradient).expect("a gradient");
        assert!((value - whole).abs() < 1e-14 * whole && value == pairs.value(&x).expect("one"));
        for j in 0..n {
            let mut at = |by: f64| {
                let mut there = x.clone();
                there[j] += by;
                pairs.value(&there).expect("a value")
            };
            let slope = if fixed && j >= 12 * rank { 0.0 } else { (at(1e-5) - at(-1e-5)) / 2e-5 };
            assert!((slope - gradient[j]).abs() < 1e-9, "{j}: {slope} and {}", gradient[j]);
        }
        let (mut slopes, mut one) = (vec![0.0; n], vec![0.0; n]);
        for k in 0..terms {
            pairs.batch(&[k as u32], &x, &mut one).expect("a term");
            slopes.iter_mut().zip(&one).for_each(|(s, g)| *s += g / terms as f64);
        }
        assert!(slopes.iter().zip(&gradient).all(|(s, g)| (s - g).abs() < 1e-14));
        // What is asked of no point finds nothing there.
        let (mut noise, mut sharper) = (1.0, true);
        let asks = &mut [
            Ask::Accuracy { value: &mut noise, gradient: &mut slopes },
            Ask::Sharpen { louder: false, done: &mut sharper },
        ];
        pairs.asked(&[], asks).expect("answers");
        assert!(noise == 0.0 && !sharper);
    }
}

#[test]
fn pairs_have_the_same_bits_on_any_number_of_threads() {
    let all = known(900, 700, 0.3);
    let shape =
        MatrixShape { users: 900, items: 700, rank: 5, biases: true, centre: 0.0, background: 0.0 };
    let run = |threads: usize| {
        with_threads(threads, || {
            let loss = Box::new(Each(Logistic::default()));
            let mut pairs = RankedPairs::new(shape, loss, [&all.users, &all.items], 2, 1, false)
                .expect("pairs");
            let mut gradient = vec![0.0; pairs.dim()];
            let value = pairs.gradient(&start(gradient.len()), &mut gradient).expect("a gradient");
            (value, gradient)
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

#[test]
fn pairs_that_cannot_be_are_refused() {
    let shape =
        MatrixShape { users: 2, items: 2, rank: 1, biases: true, centre: 0.0, background: 0.0 };
    let refused = |clicks: [&[u32]; 2]| {
        let loss = Box::new(Each(Logistic::default()));
        RankedPairs::new(shape, loss, clicks, 2, 1, false).err().expect("refused").to_string()
    };
    assert!(refused([&[0, 0, 1, 1], &[0, 1, 0, 1]]).contains("clicked every item"));
    assert!(refused([&[0, 2], &[0, 1]]).contains("outside"));
}

/// Items' biases alone, so that it is known what stands above what.
fn by_biases(heights: &[f64], users: usize) -> Vec<f64> {
    let mut x = vec![0.0; users + heights.len()];
    x.extend_from_slice(heights);
    x
}

#[test]
fn the_rank_of_a_click_is_told_by_how_long_it_takes_to_draw_what_stands_above() {
    // One user, who clicked the first of 41 items; of the others 10 stand above it, and 30 far below.
    let shape =
        MatrixShape { users: 1, items: 41, rank: 1, biases: true, centre: 0.0, background: 0.0 };
    let ranks = SampledRanks::new(shape, [&[0], &[0]], 200, 7, false).expect("ranks");
    let mut heights = vec![-5.0; 41];
    heights[0] = 0.0;
    (31..41).for_each(|i| heights[i] = 0.1 * i as f64);
    let x = by_biases(&heights, 1);
    let harmonic = |r: usize| (1..=r).map(|k| 1.0 / k as f64).sum::<f64>();
    let turns = 4000;
    let (mut first, mut each) = (0, [0usize; 41]);
    for turn in 0..turns {
        let above = ranks.above(0, turn, &x).expect("a tenth of a draw stands above");
        assert_eq!((above.user, above.own), (0, 0));
        assert!((above.by - (1.0 + heights[above.other])).abs() < 1e-15);
        each[above.other] += 1;
        let known = (1..=40).any(|r| above.weight == harmonic(r));
        assert!(known, "{above:?}");
        first += usize::from(above.weight == harmonic(40));
    }
    // A quarter is found at once, to five standard deviations; and each as often.
    assert!((first as f64 - 1000.0).abs() < 5.0 * 750f64.sqrt(), "{first}");
    assert!(each[..31].iter().all(|n| *n == 0));
    assert!(each[31..].iter().all(|n| (*n as f64 - 400.0).abs() < 5.0 * 360f64.sqrt()), "{each:?}");
    // What nothing stands above counts nothing, and has no slope.
    heights[0] = 10.0;
    let (x, mut slopes) = (by_biases(&heights, 1), vec![1.0; 83]);
    assert_eq!(ranks.above(0, 0, &x), None);
    let mut ranks = ranks;
    assert_eq!(ranks.gradient(&x, &mut slopes).expect("a gradient"), 0.0);
    assert!(slopes.iter().all(|g| *g == 0.0));
}

#[test]
fn ranked_clicks_have_the_mean_and_the_slopes_of_what_stands_above_them() {
    let all = clicked(12, 7);
    for (rank, biases, fixed) in [(3, true, false), (9, false, false), (2, true, true)] {
        let shape = MatrixShape { users: 12, items: 7, rank, biases, centre: 0.0, background: 0.0 };
        let clicks = [&all.users[..], &all.items[..]];
        let mut ranks = SampledRanks::new(shape, clicks, 5, 1, fixed).expect("ranks");
        let (n, terms) = (ranks.dim(), ranks.terms());
        let x = start(n);
        let above: Vec<_> = (0..terms).filter_map(|t| ranks.above(t, 0, &x)).collect();
        let score = |x: &[f64], u: usize, i: usize| {
            let dot: f64 = (0..rank).map(|f| x[u * rank + f] * x[(12 + i) * rank + f]).sum();
            dot + if biases { x[19 * rank + i] } else { 0.0 }
        };
        let mean = |x: &[f64]| {
            let one = |a: &steepest::factors::ranks::Above| {
                a.weight * (1.0 - score(x, a.user, a.own) + score(x, a.user, a.other))
            };
            above.iter().map(one).sum::<f64>() / terms as f64
        };
        let mut gradient = vec![0.0; n];
        let value = ranks.gradient(&x, &mut gradient).expect("a gradient");
        assert!((value - mean(&x)).abs() < 1e-13 * value);
        assert_eq!(value, ranks.value(&x).expect("the same draws"));
        for j in 0..n {
            let mut ends = [x.clone(), x.clone()];
            (ends[0][j], ends[1][j]) = (x[j] + 1e-4, x[j] - 1e-4);
            let still = fixed && j >= 12 * rank;
            let slope = if still { 0.0 } else { (mean(&ends[0]) - mean(&ends[1])) / 2e-4 };
            assert!((slope - gradient[j]).abs() < 1e-10, "{j}: {slope} and {}", gradient[j]);
        }
        // Named terms draw anew each time.
        let named: Vec<u32> = (0..terms as u32).collect();
        let mut slopes = vec![0.0; n];
        let drawn: Vec<f64> =
            (0..3).map(|_| ranks.batch(&named, &x, &mut slopes).expect("a batch")).collect();
        assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != value);
    }
}

#[test]
fn ranked_clicks_are_the_same_bits_on_any_number_of_threads() {
    let all = known(300, 200, 0.3);
    let shape =
        MatrixShape { users: 300, items: 200, rank: 5, biases: true, centre: 0.0, background: 0.0 };
    let run = |threads: usize| {
        with_threads(threads, || {
            let clicks = [&all.users[..], &all.items[..]];
            let mut ranks = SampledRanks::new(shape, clicks, 30, 1, false).expect("ranks");
            let mut gradient = vec![0.0; ranks.dim()];
            let x = start(gradient.len());
            let value = ranks.gradient(&x, &mut gradient).expect("a gradient");
            let named: Vec<u32> = (0..ranks.terms() as u32).step_by(3).collect();
            let mut slopes = gradient.clone();
            let batch = ranks.batch(&named, &x, &mut slopes).expect("a batch");
            (value, gradient, batch, slopes)
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

#[test]
fn clicks_that_cannot_be_ranked_are_refused() {
    let shape =
        MatrixShape { users: 2, items: 2, rank: 1, biases: true, centre: 0.0, background: 0.0 };
    let refused = |shape, most, clicks: [&[u32]; 2]| {
        SampledRanks::new(shape, clicks, most, 0, false).err().expect("refused").to_string()
    };
    assert!(refused(shape, 0, [&[0], &[0]]).contains("at least 1"));
    let whole: [&[u32]; 2] = [&[0, 0, 1, 1, 1], &[0, 1, 0, 1, 1]];
    assert!(refused(shape, 5, whole).contains("nothing to rank"));
    // Twice the same is once: the other user has one of two left.
    let twice = SampledRanks::new(shape, [&[0, 0, 1, 1], &[0, 1, 1, 1]], 5, 0, false);
    assert_eq!(twice.expect("ranks").terms(), 1);
}

#[test]
fn maps_of_features_are_parts_of_the_factors_and_slopes_come_back_by_their_transpose() {
    let all = known(2100, 7, 0.3);
    let shape =
        MatrixShape { users: 2100, items: 7, rank: 3, biases: true, centre: 3.0, background: 0.0 };
    let codes = [&all.users[..], &all.items[..]];
    let (of_users, of_items) = (start(2 * 2100), start(4 * 7));
    let factors = || {
        let loss = Box::new(Each(Squared::default()));
        let made = Factors::new(shape, loss, codes, &all.target, Some(&all.weight));
        Box::new(made.expect("a matrix"))
    };
    let ranked = || {
        let loss = Box::new(Each(Logistic::default()));
        Box::new(RankedPairs::new(shape, loss, codes, 2, 1, false).expect("pairs"))
    };
    let (users, items) = (Some(&of_users[..]), Some(&of_items[..]));
    type Boxed = Box<dyn Objective>;
    let around: [(Boxed, Boxed, _); 4] = [
        (factors(), factors(), [users, items]),
        (factors(), factors(), [users, None]),
        (factors(), factors(), [None, items]),
        (ranked(), ranked(), [users, items]),
    ];
    for (within, mut alone, features) in around {
        let (inner, terms) = (within.dim(), within.offers().terms);
        let mut described = WithFeatures::new(within, features).expect("features that fit");
        let n = described.dim();
        let lengths =
            described.tensors().iter().map(|t| t.iter().product::<usize>()).sum::<usize>();
        assert_eq!(n, lengths);
        assert!(described.blocks().is_empty() && described.offers().terms == terms);
        let x = start(n);
        // By hand: W and w of the users come first, and the ranked have no biases of users.
        let (mut by_hand, mut from) = (x[..inner].to_vec(), inner);
        let tensors = alone.tensors();
        let (mut at, mut side) = (0, 0);
        for (k, tensor) in tensors.iter().enumerate() {
            side += usize::from(k > 0 && tensor.len() == 2);
            let (rows, width) = (tensor[0], tensor.get(1).copied().unwrap_or(1));
            if let Some(f) = features[side] {
                let columns = f.len() / rows;
                for r in 0..rows {
                    for c in 0..width {
                        by_hand[at + r * width + c] += (0..columns)
                            .map(|j| f[r * columns + j] * x[from + j * width + c])
                            .sum::<f64>();
                    }
                }
                from += columns * width;
            }
            at += rows * width;
        }
        assert_eq!(from, n);
        let off = |(a, b): (&f64, &f64)| (a - b).abs();
        assert!(described.inner(&x).iter().zip(&by_hand).map(off).fold(0.0, f64::max) < 1e-12);
        let mut gradient = vec![0.0; n];
        let value = described.gradient(&x, &mut gradient).expect("a gradient");
        assert!((value - alone.value(&by_hand).expect("a value")).abs() < 1e-12 * value);
        let named = [5, 2, 9, 2];
        let mut of_terms = vec![0.0; n];
        described.batch(&named, &x, &mut of_terms).expect("terms");
        // A few of what is the rows' own, and all of the maps.
        for j in (0..inner).step_by(inner / 40).chain(inner..n) {
            let mut there = x.clone();
            let mut at = |by: f64| {
                there[j] = x[j] + by;
                let mut unused = vec![0.0; n];
                let some = described.batch(&named, &there, &mut unused).expect("terms");
                [described.value(&there).expect("a value"), some]
            };
            let ends = [at(1e-5), at(-1e-5)];
            for (k, slope) in [gradient[j], of_terms[j]].into_iter().enumerate() {
                let told = (ends[0][k] - ends[1][k]) / 2e-5;
                assert!((told - slope).abs() < 1e-7 * (1.0 + slope.abs()), "{j}: {told}, {slope}");
            }
        }
        let threads = [1, 3].map(|many| {
            with_threads(many, || {
                let mut g = vec![0.0; n];
                described.gradient(&x, &mut g).expect("a gradient");
                g
            })
        });
        assert!(threads[0] == threads[1] && threads[0] == gradient);
    }
    let refused = |features: &[f64]| WithFeatures::new(factors(), [Some(features), None]).is_err();
    assert!(refused(&of_users[1..]) && refused(&[]) && refused(&[f64::NAN; 2100]));
}
