//! Programs small enough that every set of bounds can be tried; and what has no answer.
use super::*;
use crate::parallel::pool::with_threads;
use crate::status::Status;
use crate::watch::Stop;

/// Numbers of either sign, the same for the same seed.
fn draw(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

fn simple(n: usize, upper: f64) -> Vec<Variable> {
    let variable = |column| Variable { column, sign: 1.0, price: 0.0, lower: 0.0, upper };
    (0..n).map(variable).collect()
}

/// ½ w′(V′V + D)w + c′w on Σ w = 1 within 0 and `upper`.
fn shares(n: usize, seed: u64, upper: f64, dense: bool) -> QuadraticProgram<'static> {
    let mut next = draw(seed);
    let k = 2;
    let rows: Vec<f64> = (0..k * n).map(|_| next()).collect();
    let diagonal: Vec<f64> = (0..n).map(|_| 0.1 + next().abs()).collect();
    let linear: Vec<f64> = (0..n).map(|_| 0.3 * next()).collect();
    let entry = |i: usize, j: usize| {
        let d = if i == j { diagonal[i] } else { 0.0 };
        (0..k).map(|r| rows[r * n + i] * rows[r * n + j]).sum::<f64>() + d
    };
    let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    QuadraticProgram {
        dense: dense.then(|| matrix.into()),
        diagonal: if dense { vec![0.0; n] } else { diagonal }.into(),
        linear: linear.into(),
        base: vec![0.0; n].into(),
        rows: if dense { Vec::new() } else { rows }.into(),
        shift: vec![0.0; if dense { 0 } else { k }].into(),
        costs: vec![Cost::Square(1.0); if dense { 0 } else { k }].into(),
        variables: simple(n, upper),
        start: vec![1.0 / n as f64; n],
        limits: vec![1.0; n].into(),
        least: vec![1.0].into(),
        most: vec![1.0].into(),
    }
}

/// The least by trying every set of bounds: Gauss's elimination on each, the best that is allowed.
fn tried(of: &QuadraticProgram<'_>) -> f64 {
    let (n, dense) = (of.variables.len(), of.dense.as_ref().unwrap());
    let upper = of.variables[0].upper;
    let mut best = f64::INFINITY;
    for mut code in 0..3usize.pow(n as u32) {
        let sides: Vec<usize> = (0..n).map(|_| (code % 3, code /= 3).0).collect();
        if upper.is_infinite() && sides.contains(&2) {
            continue;
        }
        let mut x: Vec<f64> = sides.iter().map(|s| if *s == 2 { upper } else { 0.0 }).collect();
        let free: Vec<usize> = (0..n).filter(|&j| sides[j] == 1).collect();
        let m = free.len();
        // [P 1; 1′ 0] (x, y) = (−c − P x_held, 1 − Σ x_held), with a right-hand side beside it.
        let mut a = vec![vec![0.0; m + 2]; m + 1];
        for (r, &i) in free.iter().enumerate() {
            free.iter().enumerate().for_each(|(s, &j)| a[r][s] = dense[i * n + j]);
            (a[r][m], a[m][r]) = (1.0, 1.0);
            a[r][m + 1] = -of.linear[i] - dot(&dense[i * n..(i + 1) * n], &x);
        }
        a[m][m + 1] = 1.0 - x.iter().sum::<f64>();
        if m == 0 {
            if a[0][1].abs() > 1e-12 {
                continue;
            }
        } else {
            for p in 0..=m {
                let big = (p..=m).max_by(|&i, &j| a[i][p].abs().total_cmp(&a[j][p].abs())).unwrap();
                a.swap(p, big);
                for r in (0..=m).filter(|r| *r != p) {
                    let times = a[r][p] / a[p][p];
                    let row = a[p].clone();
                    a[r].iter_mut().zip(&row).for_each(|(v, w)| *v -= times * w);
                }
            }
            free.iter().enumerate().for_each(|(r, &j)| x[j] = a[r][m + 1] / a[r][r]);
        }
        if x.iter().all(|x| (-1e-12..=upper + 1e-12).contains(x)) {
            best = best.min(of.at(x).value);
        }
    }
    best
}

#[test]
fn the_least_is_that_of_the_best_set_of_bounds() {
    for seed in 0..60 {
        let n = 2 + seed as usize % 5;
        let upper = [f64::INFINITY, 0.6, 1.0 / n as f64 + 0.05][seed as usize % 3];
        let dense = shares(n, seed, upper, true);
        let best = tried(&dense);
        for of in [&dense, &shares(n, seed, upper, false)] {
            let found = of.solve(None, &Stop::default());
            let solution = &found.solution;
            assert_eq!(solution.status, Status::Converged, "{seed}");
            assert!((solution.value - best).abs() <= 1e-12 * best.abs().max(1.0), "{seed}");
            assert!(solution.violation <= 1e-12);
            // From its own answer, and from another's.
            let again = of.solve(Some(&found), &Stop::default()).solution;
            assert_eq!(again.status, Status::Converged);
            assert!((again.value - best).abs() <= 1e-12 * best.abs().max(1.0), "{seed}");
        }
    }
}

#[test]
fn with_many_variables_few_are_in_play_and_the_gap_is_over_all() {
    for seed in 0..6 {
        let n = 400;
        let upper = if seed % 2 == 0 { f64::INFINITY } else { 4.0 / n as f64 };
        let (by_rows, dense) = (shares(n, seed, upper, false), shares(n, seed, upper, true));
        let one = by_rows.solve(None, &Stop::default());
        let two = dense.solve(None, &Stop::default());
        for found in [&one, &two] {
            assert_eq!(found.solution.status, Status::Converged);
            let sum: f64 = found.weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12);
            // The conditions of Karush, Kuhn and Tucker, over all of them.
            let far = found.slope.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            for (x, g) in found.weights.iter().zip(&found.slope) {
                assert!((*x <= 0.0 || *g <= 1e-9 * far) && (*x >= upper || *g >= -1e-9 * far));
            }
        }
        let size = one.solution.value.abs();
        assert!((one.solution.value - two.solution.value).abs() < 1e-10 * size, "{seed}");
    }
}

#[test]
fn kinks_end_where_a_quantile_lies() {
    // The mean of |s − t|, its price 2 max(s − t, 0) − (s − t): least at the median.
    let s = [3.0, -1.0, 7.0, 2.0, 100.0];
    let of = QuadraticProgram {
        diagonal: vec![0.0].into(),
        linear: vec![5.0].into(),
        base: vec![0.0].into(),
        rows: vec![-1.0; 5].into(),
        shift: s.to_vec().into(),
        costs: vec![Cost::Kink(2.0); 5].into(),
        variables: vec![Variable { column: 0, sign: 1.0, price: 0.0, lower: -1e3, upper: 1e3 }],
        start: vec![0.0],
        ..QuadraticProgram::default()
    };
    let found = of.solve(None, &Stop::default());
    assert_eq!(found.solution.status, Status::Converged);
    assert!((found.weights[0] - 3.0).abs() < 1e-9, "{:?}", found.weights);
}

#[test]
fn kinks_that_are_late_to_fit_do_not_bring_all_variables_into_play() {
    // The mean of the worst twentieth of 400 days: t + Σ max(−r′w − t, 0) / 20, w the shares of 300 names, t any number.
    let (n, days) = (300, 400);
    let mut next = draw(7);
    let market: Vec<f64> = (0..days).map(|_| 0.02 * next()).collect();
    let rows: Vec<f64> = (market.iter())
        .flat_map(|m| {
            (0..=n).map(|j| if j < n { m + 0.05 * next() } else { -1.0 }).collect::<Vec<_>>()
        })
        .collect();
    let mut variables = simple(n + 1, f64::INFINITY);
    (variables[n].lower, variables[n].upper) = (f64::NEG_INFINITY, f64::INFINITY);
    let last = |last: f64, others: f64| [vec![others; n], vec![last]].concat();
    let of = QuadraticProgram {
        diagonal: vec![0.0; n + 1].into(),
        linear: last(1.0, 0.0).into(),
        base: vec![0.0; n + 1].into(),
        rows: rows.into(),
        shift: vec![0.0; days].into(),
        costs: vec![Cost::Kink(1.0 / 20.0); days].into(),
        variables,
        start: last(0.0, 1.0 / n as f64),
        limits: last(0.0, 1.0).into(),
        least: vec![1.0].into(),
        most: vec![1.0].into(),
        ..QuadraticProgram::default()
    };
    let (prices, stop) = (Prices::zeros(&of), Stop::default());
    let mut spent = spent::Spent::new(&stop, 0.0);
    for few in [20, 60] {
        let play: Vec<bool> = (0..=n).map(|j| j < few || j == n).collect();
        let (part, good) = of.part(&play, &vec![0.0; n + 1], &prices, None, &mut spent);
        assert!(good && part.gap.violation <= 1e-9, "{few}: {:?}", part.gap.bound);
    }
    assert_eq!(of.solve(None, &stop).solution.status, Status::Converged);
}

/// The mean of the worst fifth of 40 days, of weights bought or sold short that sum up to 1, and a further constraint.
fn tail(
    n: usize,
    seed: u64,
    limit: impl Fn(&Variable) -> f64,
    most: f64,
) -> QuadraticProgram<'static> {
    let days = 40;
    let mut next = draw(seed);
    let rows: Vec<f64> =
        (0..days * (n + 1)).map(|at| if at % (n + 1) < n { next() } else { -1.0 }).collect();
    let piece = |j: usize| Variable {
        column: j % n,
        sign: if j < n { 1.0 } else { -1.0 },
        price: 0.0,
        lower: 0.0,
        upper: 1.0,
    };
    let (lower, upper) = (f64::NEG_INFINITY, f64::INFINITY);
    let any = Variable { column: n, sign: 1.0, price: 0.0, lower, upper };
    let variables: Vec<Variable> = (0..2 * n).map(piece).chain([any]).collect();
    let of_weights = |of: &dyn Fn(&Variable) -> f64| -> Vec<f64> {
        variables.iter().map(|v| if v.column < n { of(v) } else { 0.0 }).collect()
    };
    QuadraticProgram {
        diagonal: vec![0.0; n + 1].into(),
        linear: [vec![0.0; n], vec![1.0]].concat().into(),
        base: vec![0.0; n + 1].into(),
        rows: rows.into(),
        shift: vec![0.0; days].into(),
        costs: vec![Cost::Kink(1.0 / 8.0); days].into(),
        start: of_weights(&|v| if v.sign > 0.0 { 1.0 } else { 0.5 } / (2 * n) as f64),
        limits: [of_weights(&|v| v.sign), of_weights(&limit)].concat().into(),
        least: vec![1.0, f64::NEG_INFINITY].into(),
        most: vec![1.0, most].into(),
        variables,
        ..QuadraticProgram::default()
    }
}

#[test]
fn constraints_that_leave_no_room_are_equations_and_their_multipliers_are_those_of_the_whole() {
    for seed in 0..24 {
        let n = 4 + seed as usize % 5;
        // Sizes that sum up to no more than the weights do: none is below 0. A load of the least that an asset has.
        let of = match seed % 2 {
            0 => tail(n, seed, |_| 1.0, 1.0),
            _ => {
                tail(n, seed, |v| if v.sign < 0.0 { 3.0 } else { 1.0 + (v.column % 3) as f64 }, 1.0)
            }
        };
        let found = of.solve(None, &Stop::default());
        assert_eq!(found.solution.status, Status::Converged, "{seed}");
        assert!(found.solution.violation <= 1e-12 && found.weights[..n].iter().all(|w| *w >= 0.0));
        // The gap by hand, for the program as it was given.
        let ends: Vec<(f64, f64)> = of.variables.iter().map(|v| (v.lower, v.upper)).collect();
        let gap = of.gap(&of.at(found.solution.x.clone()), &found.prices, &ends);
        assert!(found.prices.limits[1] >= 0.0, "{seed}");
        assert!(gap.bound <= 1e-6 * found.solution.value.abs(), "{seed}: {:.2e}", gap.bound);
    }
}

#[test]
fn what_is_bought_and_what_is_sold_are_one_weight() {
    // From (1, 0), a trade costs 0.1 a unit: half of what would be free is not worth its cost.
    let piece = |column, sign, upper| Variable { column, sign, price: 0.1, lower: 0.0, upper };
    let of = QuadraticProgram {
        diagonal: vec![1.0, 1.0].into(),
        linear: vec![0.0; 2].into(),
        base: vec![1.0, 0.0].into(),
        variables: vec![
            piece(0, 1.0, f64::INFINITY),
            piece(0, -1.0, 1.0),
            piece(1, 1.0, f64::INFINITY),
            piece(1, -1.0, 0.0),
        ],
        start: vec![0.1; 4],
        limits: vec![1.0, -1.0, 1.0, -1.0].into(),
        least: vec![0.0].into(),
        most: vec![0.0].into(),
        ..QuadraticProgram::default()
    };
    let found = of.solve(None, &Stop::default());
    assert_eq!(found.solution.status, Status::Converged);
    assert!((found.weights[0] - 0.6).abs() < 1e-12 && (found.weights[1] - 0.4).abs() < 1e-12);
    assert_eq!((found.solution.x[0], found.solution.x[3]), (0.0, 0.0));
}

#[test]
fn trades_that_begin_where_all_is_held_are_found_among_many() {
    // Of 300 equal holdings the best hundred pieces are bought alone, and nothing can be without what is sold.
    let n = 300;
    let all = shares(n, 5, f64::INFINITY, false);
    let piece = |j: usize| {
        let (column, sold) = (j % n, j >= n);
        let (sign, upper) = if sold { (-1.0, 1.0 / n as f64) } else { (1.0, f64::INFINITY) };
        Variable { column, sign, price: 1e-3, lower: 0.0, upper }
    };
    let variables: Vec<Variable> = (0..2 * n).map(piece).collect();
    let of = QuadraticProgram {
        // To buy any looks better than to sell it.
        linear: all.linear.iter().map(|c| c - 1.0).collect(),
        base: vec![1.0 / n as f64; n].into(),
        start: vec![0.0; 2 * n],
        limits: variables.iter().map(|v| v.sign).collect(),
        variables,
        least: vec![0.0].into(),
        most: vec![0.0].into(),
        ..all
    };
    let found = of.solve(None, &Stop::default());
    assert_eq!(found.solution.status, Status::Converged);
    assert!(found.solution.value < of.at(vec![0.0; 2 * n]).value);
}

#[test]
fn what_cannot_be_met_is_infeasible_and_budgets_hold() {
    let mut of = shares(5, 1, 0.1, true);
    assert_eq!(of.solve(None, &Stop::default()).solution.status, Status::Infeasible);
    of = shares(5, 1, 1.0, true);
    of.limits = [[1.0; 5], [1.0, 1.0, 0.0, 0.0, 0.0]].concat().into();
    (of.least, of.most) = (vec![1.0, 0.9].into(), vec![0.5, 1.0].into());
    assert_eq!(of.solve(None, &Stop::default()).solution.status, Status::Infeasible);
    // Where so many bounds hold, one round of active sets guesses some of them wrong.
    for (n, upper, iterations) in [(5, 1.0, 0), (60, 0.05, 1)] {
        let stop = Stop { iterations, ..Stop::default() };
        let found = shares(n, 1, upper, true).solve(None, &stop).solution;
        assert!(matches!(found.status, Status::Budget(_)), "{n}: {:?}", found.status);
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let of = shares(500, 3, 0.004, true);
    let run = |threads| with_threads(threads, || of.solve(None, &Stop::default()).weights);
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
}
