//! The one verb between methods and objectives: what is asked is what is counted, and a wrapper changes nothing.
use steepest::descend::{Solution, descend};
use steepest::designs::dense::Dense;
use steepest::differences::Differenced;
use steepest::glm::Glm;
use steepest::loss::Each;
use steepest::losses::{logistic::Logistic, squared::Squared};
use steepest::methods::ruled::Plan;
use steepest::methods::{METHODS, at_work};
use steepest::objective::{Ask, Objective, Offers, Rows, Work};
use steepest::penalties::none::NoPenalty;
use steepest::penalty::{Penalty, PerCoordinate};
use steepest::problem::facts;
use steepest::problems::TestProblem;
use steepest::status::{Budget, Halt, Status};
use steepest::table::OfRows;
use steepest::watch::{Counts, Stop, Unwatched};

/// Passes every question on, and counts it.
struct Counted<'a> {
    inner: &'a mut dyn Objective,
    counts: Counts,
}

impl Objective for Counted<'_> {
    fn offers(&self) -> Offers {
        self.inner.offers()
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let mut reads = false;
        for ask in &*asks {
            reads |= match ask {
                Ask::Rows(ask) => ask.reads(),
                Ask::Preconditioned { .. } | Ask::Accuracy { .. } | Ask::Sharpen { .. } => false,
                _ => true,
            };
            match ask {
                Ask::Rows(OfRows::Bent { .. }) => self.counts.products += 1,
                Ask::Value(_) => self.counts.values += 1,
                Ask::Gradient(_) => self.counts.gradients += 1,
                Ask::Product { .. } | Ask::Hessian(_) => self.counts.products += 1,
                _ => {}
            }
        }
        let Offers { reads: each, terms, .. } = self.inner.offers();
        if reads {
            self.counts.passes += match rows {
                Rows::All => each,
                Rows::Terms(some) => some.len() as f64 / terms.max(1) as f64,
                Rows::Sample(some) => some.len() as f64 / terms.max(1) as f64,
            };
        }
        let before = work.values;
        let done = self.inner.answer(x, rows, asks, work);
        self.counts.values += work.values - before;
        done
    }
    fn wrapped(&self) -> Option<&dyn Objective> {
        Some(self.inner)
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        Some(self.inner)
    }
}

fn run(method: usize, objective: &mut dyn Objective, x0: &[f64], stop: Stop) -> Option<Solution> {
    let penalty = PerCoordinate::uniform(NoPenalty::default(), 1.0, x0.len());
    let entry = METHODS.get(method);
    let method = match entry {
        Some(entry) => {
            if entry.refusal(&facts(objective, &penalty), METHODS).is_some() {
                return None;
            }
            let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
            at_work(entry, &settings)
        }
        None => Plan::new(&[("momentum", &[])]).unwrap().method(),
    };
    let penalty: &dyn Penalty = &penalty;
    Some(descend(objective, penalty, method, x0, stop, &mut Unwatched).unwrap())
}

fn each(mut check: impl FnMut(usize, &mut dyn Objective, &[f64], Stop)) {
    for name in ["rosenbrock", "quadratic", "himmelblau", "sphere"] {
        for stop in [
            Stop::default(),
            Stop { evaluations: 17, ..Stop::default() },
            Stop { iterations: 5, ..Stop::default() },
        ] {
            let stop = Stop { iterations: stop.iterations.min(2000), ..stop };
            for method in 0..=METHODS.len() {
                let mut known = TestProblem::new(name, 0, &[]).unwrap();
                let start = known.start();
                check(method, &mut known, &start, stop);
                let entry = known.entry;
                let settings = known.settings.clone();
                let value = |x: &[f64]| (entry.value)(&settings, x);
                check(method, &mut Differenced::new(start.len(), value), &start, stop);
            }
        }
    }
}

#[test]
fn what_is_asked_is_what_is_counted() {
    let mut runs = 0;
    each(|method, objective, x0, stop| {
        let mut counted = Counted { inner: objective, counts: Counts::default() };
        let Some(solution) = run(method, &mut counted, x0, stop) else { return };
        let told = Counts { iterations: 0, passes: 0.0, ..solution.counts };
        let name = METHODS.get(method).map_or("momentum", |e| e.name);
        assert_eq!(told, counted.counts, "{name} {stop:?}");
        runs += 1;
    });
    assert!(runs > 100, "{runs}");
}

#[test]
fn what_is_asked_of_a_table_is_what_is_counted() {
    let progressive = METHODS.iter().position(|m| m.name == "progressive").expect("registered");
    let (squared, logistic) = (Each(Squared::default()), Each(Logistic::default()));
    let wave = |i: usize| ((i * i % 7919) as f64 * 0.37 + i as f64).sin();
    // Growing samples and a matrix; a diagonal, with products over all rows.
    for (n, d) in [(20_000, 6), (400, 900)] {
        let x: Vec<f64> = (0..n * d).map(wave).collect();
        let y: Vec<f64> = (0..n).map(|i| f64::from(x[i * d] + wave(i + 3) > 0.0)).collect();
        let table = Dense::by_rows(&x, d).expect("a table");
        for squares in [true, false] {
            let loss: &dyn steepest::loss::Block = if squares { &squared } else { &logistic };
            for passes in [f64::INFINITY, 3.0] {
                let glm = || Glm::new(&table, loss, &y, None, true).expect("a problem");
                let stop = Stop { passes, ..Stop::default() };
                let (mut inner, x0) = (glm(), vec![0.0; d + 1]);
                let mut counted = Counted { inner: &mut inner, counts: Counts::default() };
                let seen = run(progressive, &mut counted, &x0, stop).expect("it is for tables");
                let told = Counts { iterations: 0, ..seen.counts };
                assert_eq!(told, counted.counts, "{n} x {d} {stop:?}");
                assert!(told.passes <= passes + 1.0);
                // More columns than rows, and no penalty: classes can be separated.
                let ended = [Status::Converged, Status::Separable, Status::Budget(Budget::Passes)];
                assert!(ended.contains(&seen.status), "{:?}", seen.status);
                let plain = run(progressive, &mut glm(), &x0, stop).expect("it is for tables");
                assert_eq!((plain.x, plain.counts), (seen.x, seen.counts));
            }
        }
    }
}

#[test]
fn a_wrapper_that_passes_questions_on_changes_no_bit() {
    each(|method, objective, x0, stop| {
        let differences = objective.offers().differences;
        let mut counted = Counted { inner: objective, counts: Counts::default() };
        let Some(wrapped) = run(method, &mut counted, x0, stop) else { return };
        if differences > 0 {
            // Differences remember what they have seen.
            return;
        }
        let plain = run(method, counted.inner, x0, stop).expect("taken before");
        assert_eq!(plain.x, wrapped.x);
        assert_eq!(plain.counts, wrapped.counts);
    });
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let mut plain = steepest::objective::Function::new(
        1,
        |x: &[f64]| x[0] * x[0],
        |x: &[f64], g: &mut [f64]| {
            g[0] = 2.0 * x[0];
            x[0] * x[0]
        },
    );
    let mut to = [0.0];
    for (error, what) in [
        (plain.hessian(&[1.0], &mut to), "Hessians"),
        (plain.product(&[1.0], &[1.0], &mut [0.0]), "Hessian products"),
        (plain.batch(&[0], &[1.0], &mut [0.0]).map(|_| ()), "mean of terms"),
    ] {
        match error {
            Err(Halt::Failed(error)) => assert!(error.to_string().contains(what), "{error}"),
            other => panic!("{other:?}"),
        }
    }
    let (mut value, mut noise, mut sharper) = (1.0, [1.0], true);
    let asks = &mut [
        Ask::Accuracy { value: &mut value, gradient: &mut noise },
        Ask::Sharpen { louder: false, done: &mut sharper },
    ];
    plain.asked(&[1.0], asks).unwrap();
    assert_eq!((value, noise, sharper), (0.0, [0.0], false));
}
