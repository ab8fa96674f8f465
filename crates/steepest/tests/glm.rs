//! A loss over a design: its derivatives, its weights, the same bits on any number of threads.
use steepest::designs::dense::Dense;
use steepest::glm::{Glm, Keep};
use steepest::loss::{Block, Each};
use steepest::losses::{huber::Huber, logistic::Logistic, softmax::Classes, squared::Squared};
use steepest::objective::{Ask, Objective, Rows, Work};
use steepest::parallel::pool::with_threads;
use steepest::status::Halt;
use steepest::table::{OfRows, Sample, Slot};

fn table(n: usize, d: usize) -> (Vec<f64>, Vec<f64>) {
    let noise = |k: usize| ((k * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
    let x = (0..n * d).map(|k| noise(k) + 0.3 * noise(k / d + 5)).collect();
    (x, (0..n).map(|i| f64::from(noise(3 * i) > 0.1)).collect())
}

fn losses() -> Vec<Box<dyn Block>> {
    vec![
        Box::new(Each(Squared::default())),
        Box::new(Each(Logistic::default())),
        Box::new(Each(Huber::default())),
        Box::new(Classes { outputs: 2 }),
    ]
}

#[test]
fn derivatives_match_difference_quotients() {
    let (x, y) = table(57, 5);
    let weight: Vec<f64> = (0..57).map(|i| (i % 3) as f64).collect();
    let design = Dense::by_rows(&x, 5).expect("a table");
    for loss in losses() {
        for weight in [None, Some(&weight[..])] {
            let mut glm = Glm::new(&design, &*loss, &y, weight, true).expect("a problem");
            let n = 6 * loss.outputs();
            let at: Vec<f64> = (0..n).map(|j| 0.2 * j as f64 - 0.4).collect();
            let (mut g, mut up, mut down) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            let value = glm.gradient(&at, &mut g).expect("a value");
            assert!((glm.value(&at).expect("a value") - value).abs() < 1e-15);
            let mut hessian = vec![0.0; n * n];
            glm.hessian(&at, &mut hessian).expect("a matrix");
            for j in 0..n {
                let h = 1e-5;
                let mut to = at.clone();
                to[j] += h;
                let high = glm.gradient(&to, &mut up).expect("a value");
                to[j] -= 2.0 * h;
                let low = glm.gradient(&to, &mut down).expect("a value");
                assert!(((high - low) / (2.0 * h) - g[j]).abs() < 1e-8);
                for i in 0..n {
                    let want = (up[i] - down[i]) / (2.0 * h);
                    assert!((want - hessian[j * n + i]).abs() < 1e-6, "{}", loss.name());
                }
            }
        }
    }
}

#[test]
fn a_row_of_weight_0_is_not_there_and_one_of_weight_2_is_there_twice() {
    let (x, y) = table(30, 4);
    let weight: Vec<f64> = (0..30).map(|i| (i % 3) as f64).collect();
    let rows: Vec<usize> = (0..30).flat_map(|i| vec![i; i % 3]).collect();
    let x2: Vec<f64> = rows.iter().flat_map(|&i| x[i * 4..i * 4 + 4].to_vec()).collect();
    let y2: Vec<f64> = rows.iter().map(|&i| y[i]).collect();
    let (a, b) = (Dense::by_rows(&x, 4).expect("a"), Dense::by_rows(&x2, 4).expect("b"));
    for loss in losses() {
        let mut one = Glm::new(&a, &*loss, &y, Some(&weight), true).expect("a problem");
        let mut two = Glm::new(&b, &*loss, &y2, None, true).expect("a problem");
        let at: Vec<f64> =
            (0..5 * loss.outputs()).map(|j| 0.3 - 0.2 * (j * j % 7) as f64).collect();
        let (mut g, mut h) = (vec![0.0; at.len()], vec![0.0; at.len()]);
        let (v, w) = (one.gradient(&at, &mut g).expect("v"), two.gradient(&at, &mut h).expect("w"));
        assert!((v - w).abs() < 1e-14);
        g.iter().zip(h).for_each(|(g, h)| assert!((g - h).abs() < 1e-14));
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads_and_any_instruction_set() {
    let (x, y) = table(40_000, 23);
    let single: Vec<f32> = x.iter().map(|v| *v as f32).collect();
    let (rows, columns) = (Dense::by_rows(&x, 23), Dense::by_columns(&single, 23));
    let (rows, columns) = (rows.expect("a table"), columns.expect("a table"));
    let loss = Each(Logistic::default());
    let at: Vec<f64> = (0..24).map(|j| (j as f64).sin()).collect();
    for glm in [Glm::new(&rows, &loss, &y, None, true), Glm::new(&columns, &loss, &y, None, true)] {
        let mut glm = glm.expect("a problem");
        let mut answer = |threads, level| {
            steepest::numbers::simd::hold(level);
            let mut g = [0.0; 24];
            let v = with_threads(threads, || glm.gradient(&at, &mut g)).expect("a value");
            steepest::numbers::simd::hold(None);
            (v, g)
        };
        let first = answer(1, None);
        for threads in [2, 7] {
            assert_eq!(answer(threads, None), first);
        }
        use steepest::numbers::simd::Level::{Avx2, Baseline};
        assert_eq!(answer(2, Some(Avx2)), first);
        assert_eq!(answer(2, Some(Baseline)), first);
    }
}

#[test]
fn a_sample_of_all_rows_is_all_rows_and_batches_are_unbiased() {
    let (x, y) = table(500, 3);
    let design = Dense::by_rows(&x, 3).expect("a table");
    let loss = Each(Logistic::default());
    let mut glm = Glm::new(&design, &loss, &y, None, true).expect("a problem");
    let at = [0.5, -1.0, 0.2, 0.1];
    let (mut g, mut h) = ([0.0; 4], [0.0; 4]);
    let want = glm.gradient(&at, &mut g).expect("a value");
    let runs = (0..500).step_by(32).map(|i| i..(i + 32).min(500)).collect();
    let sample = Sample::new(runs, vec![1.0 / 500.0; 500]);
    let mut margins = vec![f64::NAN; 500];
    let keep = Keep { margins: Some(&mut margins), ..Keep::default() };
    let got = glm.pass(Some(&sample), &at, Some(&mut h), keep, &mut || Ok(())).expect("a value");
    assert!((got - want).abs() < 1e-15 && margins.iter().all(|m| m.is_finite()));
    g.iter().zip(h).for_each(|(g, h)| assert!((g - h).abs() < 1e-15));
    let (mut mean, mut sum) = (0.0, [0.0; 4]);
    for batch in 0..50u32 {
        let terms: Vec<u32> = (0..10).map(|i| i * 50 + batch).collect();
        mean += glm.batch(&terms, &at, &mut h).expect("a value") / 50.0;
        sum.iter_mut().zip(h).for_each(|(s, h)| *s += h / 50.0);
    }
    assert!((mean - want).abs() < 1e-14);
    g.iter().zip(sum).for_each(|(g, h)| assert!((g - h).abs() < 1e-14));
}

/// Second derivatives over a sample are what the slopes over it change by, whatever its rows' shares are.
#[test]
fn a_sample_bends_as_its_slopes_change() {
    let (x, y) = table(300, 3);
    let design = Dense::by_rows(&x, 3).expect("a table");
    // Runs of several lengths, which begin anywhere: places in the sample are not the table's.
    let runs = vec![5..40, 90..91, 130..200, 299..300];
    let share: Vec<f64> = (0..107).map(|i| (i % 4) as f64 / 160.0).collect();
    let sample = Sample::new(runs, share);
    let (at, keep) = (Slot(0), Slot(1));
    for loss in losses() {
        for threads in [1, 2] {
            let mut glm = Glm::new(&design, &*loss, &y, None, true).expect("a problem");
            let n = glm.dim();
            let point: Vec<f64> = (0..n).map(|j| 0.2 * j as f64 - 0.4).collect();
            let along: Vec<f64> = (0..n).map(|j| 1.0 - 0.3 * j as f64).collect();
            let mut answer = |x: &[f64], asks: &mut [Ask<'_>]| {
                let mut pause = || Ok(());
                let mut work = Work::new(&mut pause);
                with_threads(threads, || glm.answer(x, Rows::Sample(&sample), asks, &mut work))
                    .expect("an answer");
            };
            let (mut bent, mut ends) = (vec![0.0; n], [vec![0.0; n], vec![0.0; n]]);
            answer(&point, &mut [Ask::Rows(OfRows::Keep(at))]);
            let asked = OfRows::Bent { at, along: &along, to: &mut bent, keep };
            answer(&[], &mut [Ask::Rows(asked)]);
            for (side, end) in [-1e-5, 1e-5].into_iter().zip(&mut ends) {
                let there: Vec<f64> = point.iter().zip(&along).map(|(x, a)| x + side * a).collect();
                answer(&there, &mut [Ask::Gradient(end)]);
            }
            for j in 0..n {
                let want = (ends[1][j] - ends[0][j]) / 2e-5;
                assert!((bent[j] - want).abs() < 1e-7, "{}: {} for {want}", loss.name(), bent[j]);
            }
        }
    }
}

#[test]
fn bad_input_is_named() {
    let x = [1.0, 2.0];
    let design = Dense::by_rows(&x, 1).expect("a table");
    let loss = Each(Logistic::default());
    let why = |target: &[f64], weight: Option<&[f64]>| {
        Glm::new(&design, &loss, target, weight, true).err().expect("refused").to_string()
    };
    assert_eq!(why(&[1.0], None), "2 rows need as many targets; got 1");
    assert_eq!(why(&[0.0, 2.0], None), "logistic needs targets 0 and 1; got 2 in row 1");
    assert_eq!(why(&[f64::NAN, 0.0], None), "targets must be finite; got NaN in row 0");
    assert_eq!(why(&[0.0, 1.0], Some(&[1.0])), "2 rows need as many weights; got 1");
    assert!(why(&[0.0, 1.0], Some(&[1.0, -1.0])).contains("got -1 in row 1"));
    assert!(why(&[0.0, 1.0], Some(&[0.0, 0.0])).contains("positive"));
    let none: [f64; 0] = [];
    let empty = Dense::by_rows(&none, 1).expect("a table");
    assert!(Glm::new(&empty, &loss, &[], None, true).is_err());
}

#[test]
fn a_long_pass_can_be_left() {
    let (x, y) = table(1000, 3);
    let design = Dense::by_rows(&x, 3).expect("a table");
    let loss = Each(Logistic::default());
    let glm = Glm::new(&design, &loss, &y, None, false).expect("a problem");
    let stop = &mut || Err(Halt::Stopped);
    assert!(glm.pass(None, &[0.0; 3], None, Keep::default(), stop).is_err());
}

#[test]
fn a_scaled_view_is_the_same_objective() {
    use steepest::glm::Scaled;
    use steepest::penalties::l2::L2;
    use steepest::penalty::{self, Penalty};
    let (mut x, y) = table(200, 3);
    x.chunks_exact_mut(3).for_each(|r| r[1] = 1e4 * (r[1] + 30.0));
    let design = Dense::by_rows(&x, 3).expect("a table");
    let loss = Each(Logistic::default());
    let at = [0.5, -1e-5, 0.2, 0.1];
    let l2 = penalty::PerCoordinate::uniform(L2::default(), 0.3, 3);
    let mut glm = Glm::new(&design, &loss, &y, None, true).expect("a problem");
    let want = glm.value(&at).expect("a value") + l2.value(&at);
    let mut scaled = Scaled::new(&mut glm);
    let inner = scaled.penalty(&l2).expect("rescaled");
    let u = scaled.inward(&at);
    let mut g = [0.0; 4];
    let got = scaled.gradient(&u, &mut g).expect("a value") + inner.value(&u);
    assert!((got - want).abs() < 1e-12);
    scaled.back(&u).iter().zip(at).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
    let mut hessian = vec![0.0; 16];
    scaled.hessian(&u, &mut hessian).expect("a matrix");
    for j in 0..4 {
        let h = 1e-5;
        let (mut to, mut up) = (u.clone(), [0.0; 4]);
        to[j] += h;
        let high = scaled.gradient(&to, &mut up).expect("a value");
        to[j] -= 2.0 * h;
        let low = scaled.value(&to).expect("a value");
        assert!(((high - low) / (2.0 * h) - g[j]).abs() < 1e-8);
        for i in 0..4 {
            assert!(((up[i] - g[i]) / h - hessian[j * 4 + i]).abs() < 1e-4);
        }
    }
}
