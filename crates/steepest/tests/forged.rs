//! Saved runs in which one entry is another, as a forger with the right checksum could write them. Each is refused by a
//! name, or goes on to an end within its budgets whose claims are true: never a hang, a panic, or a huge allocation.
//!
//! `STEEPEST_FORGED=` part of a name tries every entry, place and number of the runs that have it in theirs; otherwise a share of them that is drawn anew for each entry.
use constrained::Constrained;
use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use steepest::descend::{Descent, Solution};
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::losses::LOSSES;
use steepest::method::Method;
use steepest::methods::ruled::Plan;
use steepest::methods::{METHODS, at_work, proved::Proved};
use steepest::objective::Objective;
use steepest::penalties::PENALTIES;
use steepest::penalty::Penalty;
use steepest::problem::facts;
use steepest::problems;
use steepest::rules::RULES;
use steepest::settings::checked;
use steepest::state::{Data, Saved};
use steepest::status::Status;
use steepest::watch::{Stop, Unwatched};
use tables::{Draw, table};

mod constrained;
#[allow(dead_code)]
mod tables;

/// What is being tried, and since when.
static NOW: Mutex<Option<(String, Instant)>> = Mutex::new(None);
/// So long may one of them take.
const LONGEST: Duration = Duration::from_secs(240);
/// So many bytes no run here needs at once.
const LARGEST: usize = 1 << 28;

/// Memory as the system gives it, in pieces that these runs can need.
struct Bounded;

// SAFETY: the system's own, but that large pieces are refused.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            let now = NOW.try_lock().ok().and_then(|now| now.as_ref().map(|n| n.0.clone()));
            eprintln!("{} bytes at once: {now:?}", layout.size());
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static MEMORY: Bounded = Bounded;

/// Ends the process, by name, where one of them hangs.
fn watch_over() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = NOW.lock().expect("never held in a panic");
            if let Some((what, _)) = now.as_ref().filter(|n| n.1.elapsed() > LONGEST) {
                eprintln!("hangs: {what}");
                std::process::abort();
            }
        }
    });
}

/// What an entry is turned into.
fn others(data: &Data, draw: &mut Draw) -> Vec<(String, Data)> {
    let mut found: Vec<(String, Data)> = Vec::new();
    let mut add = |words: String, data: Data| found.push((words, data));
    match data {
        Data::Numbers(v) => {
            let size = v.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            let numbers =
                [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
            let more = [
                1e-300,
                1e18,
                2f64.powi(60),
                2f64.powi(-60),
                1e3 * size,
                -1e3 * size,
                f64::MIN_POSITIVE / 8.0,
            ];
            for n in numbers.into_iter().chain(more) {
                add(format!("all {n:e}"), Data::Numbers(vec![n; v.len()]));
                if v.len() > 1 {
                    let mut one = v.clone();
                    let at = (draw.uniform() * v.len() as f64) as usize;
                    one[at] = n;
                    add(format!("{n:e} at {at}"), Data::Numbers(one));
                }
            }
            add("turned".into(), Data::Numbers(v.iter().map(|v| -v).collect()));
            add("none".into(), Data::Numbers(Vec::new()));
            add("one more".into(), Data::Numbers([&v[..], &[0.5]].concat()));
            if let Some((_, less)) = v.split_last() {
                add("one less".into(), Data::Numbers(less.to_vec()));
            }
        }
        Data::Counts(v) => {
            let first = v.first().copied().unwrap_or(0);
            for n in [
                0,
                1,
                2,
                3,
                7,
                first.wrapping_add(1),
                first.wrapping_sub(1),
                1 << 20,
                1 << 31,
                1 << 40,
                1 << 53,
            ] {
                add(format!("all {n}"), Data::Counts(vec![n; v.len()]));
                if v.len() > 1 {
                    let mut one = v.clone();
                    let at = (draw.uniform() * v.len() as f64) as usize;
                    one[at] = n;
                    add(format!("{n} at {at}"), Data::Counts(one));
                }
            }
            add("none".into(), Data::Counts(Vec::new()));
            add("one more".into(), Data::Counts([&v[..], &[1]].concat()));
            if let Some((_, less)) = v.split_last() {
                add("one less".into(), Data::Counts(less.to_vec()));
            }
        }
        Data::Text(_) => {
            for text in ["", "\u{0}", "converged", "another"] {
                add(format!("{text:?}"), Data::Text(text.into()));
            }
        }
    }
    found
}

/// A run to forge: how it is built, of what, from where; its least value where that is known.
struct Case<'a> {
    name: String,
    build: &'a dyn Fn() -> Box<dyn Method + Send>,
    penalty: &'a dyn Penalty,
    start: &'a [f64],
    least: f64,
    objective: &'a dyn Fn() -> Box<dyn Objective + 'a>,
}

impl Case<'_> {
    fn begin(&self, stop: Stop) -> Descent {
        Descent::new((self.build)(), self.start, stop)
    }

    /// Saved after each of these steps, as far as it comes; forged in every entry, loaded, run on.
    fn forge(&self, at: &[u64], faults: &mut Vec<String>) -> [u64; 2] {
        let all = std::env::var("STEEPEST_FORGED").ok();
        if all.as_ref().is_some_and(|part| !self.name.contains(part)) {
            return [0, 0];
        }
        let mut draw = Draw(0x9e37_79b9 + self.name.len() as u64);
        let mut tried = [0, 0];
        let stop = Stop { iterations: 40, ..Stop::default() };
        let (mut descent, mut own) = (self.begin(stop), (self.objective)());
        while descent.advance(&mut *own, self.penalty, &mut Unwatched).expect("no error of its own")
        {
            let k = descent.counts.iterations;
            if !at.contains(&k) {
                continue;
            }
            let saved = descent.save(&mut *own).expect("between two steps");
            for (entry, data) in &saved {
                for (words, other) in others(data, &mut draw) {
                    if all.is_none() && draw.uniform() > 0.02 {
                        continue;
                    }
                    let mut forged = saved.clone();
                    forged.insert(entry.clone(), other);
                    let what = format!("{} at {k}, {entry}: {words}", self.name);
                    *NOW.lock().expect("never held in a panic") =
                        Some((what.clone(), Instant::now()));
                    let ran = catch_unwind(AssertUnwindSafe(|| {
                        self.goes_on(&mut *(self.objective)(), k, forged)
                    }));
                    NOW.lock().expect("never held in a panic").take();
                    match ran {
                        Ok(Ok(refused)) => tried[usize::from(refused)] += 1,
                        Ok(Err(wrong)) => {
                            eprintln!("{what}: {wrong}");
                            faults.push(format!("{what}: {wrong}"));
                        }
                        Err(_) => {
                            eprintln!("{what}: it panics");
                            faults.push(format!("{what}: it panics"));
                        }
                    }
                }
            }
        }
        tried
    }

    /// Whether it is refused, or what is wrong with the end that it comes to.
    fn goes_on(
        &self,
        objective: &mut dyn Objective,
        k: u64,
        forged: Saved,
    ) -> Result<bool, String> {
        let stop =
            Stop { iterations: k + 12, evaluations: 4000, passes: 4000.0, ..Stop::default() };
        let mut descent = self.begin(stop);
        if let Err(why) = descent.load(objective, self.penalty, forged) {
            let words = why.to_string();
            return if words.contains('\'') || words.contains("another") {
                Ok(true)
            } else {
                Err(format!("refused: {words}"))
            };
        }
        let before = descent.counts;
        while descent.advance(objective, self.penalty, &mut Unwatched).map_err(|e| e.to_string())? {
        }
        descent.settle(objective, self.penalty).map_err(|e| e.to_string())?;
        let s = descent.solution();
        let spent = s.counts.values.saturating_sub(before.values);
        if spent > 4200 {
            return Err(format!("{spent} evaluations"));
        }
        self.claims(objective, &s)
    }

    fn claims(&self, objective: &mut dyn Objective, s: &Solution) -> Result<bool, String> {
        if s.x.iter().any(|x| x.is_nan()) {
            return Err(format!("{:?} at {:?}", s.status, s.x));
        }
        let value = objective.value(&s.x).map_err(|h| format!("{h:?}"))? + self.penalty.value(&s.x);
        if s.status.success() {
            if !(s.violation <= 1e-6) {
                return Err(format!(
                    "{:?}, and constraints are missed by {:e}",
                    s.status, s.violation
                ));
            }
            let Some(c) = &s.certificate else {
                return Err("success without a certificate".into());
            };
            let first = objective.value(self.start).map_err(|h| format!("{h:?}"))?
                + self.penalty.value(self.start);
            // Led far off by a forged point, a claim that nothing proves is one of what lies there.
            if !c.kind.proves() && s.x.iter().any(|x| x.abs() > 1e6) {
                return Ok(false);
            }
            // What nothing proves is held against what F has come down from.
            let from = s.history.iter().map(|r| r.value).fold(first, f64::max);
            let most =
                if c.kind.proves() { c.bound + c.rounding } else { 1e-3 * (from - self.least) };
            if !(value - self.least <= most + 1e-12 * value.abs()) {
                let Solution { status, .. } = s;
                return Err(format!(
                    "{status:?} ({c:?}) at {value:e}, and the least is {:e}",
                    self.least
                ));
            }
            if !((s.value - value).abs() <= 1e-9 * value.abs().max(1e-9 * first)) {
                return Err(format!("the value is said to be {:e} and is {value:e}", s.value));
            }
        }
        match s.status {
            Status::Separable | Status::Unbounded | Status::Infeasible => {
                Err(format!("{:?}", s.status))
            }
            _ => Ok(false),
        }
    }
}

fn report(tried: [u64; 2], faults: &[String]) {
    println!("{} went on, {} were refused", tried[0], tried[1]);
    assert!(faults.is_empty(), "{} of {tried:?}:\n{}", faults.len(), faults.join("\n"));
}

fn free(n: usize) -> Box<dyn Penalty> {
    (PENALTIES.iter().find(|p| p.name == "none").expect("registered").build)(&[], &vec![0.0; n])
}

#[test]
fn a_forged_run_of_a_function_is_refused_or_ends_well() {
    watch_over();
    let (mut faults, mut tried) = (Vec::new(), [0, 0]);
    let (dim, free) = (4, free(4));
    let start = (problems::find("rosenbrock").expect("registered").start)(dim);
    let mut forge = |name: &str, build: &dyn Fn() -> Box<dyn Method + Send>| {
        let objective = || -> Box<dyn Objective> {
            Box::new(problems::TestProblem::new("rosenbrock", dim, &[]).expect("registered"))
        };
        let (name, objective) = (name.into(), &objective);
        let case = Case { name, build, penalty: &*free, start: &start, least: 0.0, objective };
        let [on, refused] = case.forge(&[9], &mut faults);
        tried = [tried[0] + on, tried[1] + refused];
    };
    for entry in METHODS {
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        let mut objective = problems::TestProblem::new("rosenbrock", dim, &[]).expect("registered");
        if entry.refusal(&facts(&mut objective, &*free), METHODS).is_none() {
            forge(entry.name, &|| at_work(entry, &settings));
        }
    }
    for rule in RULES {
        if let Ok(plan) = Plan::new(&[(rule.name, &[])]) {
            drop(plan);
            forge(rule.name, &|| Plan::new(&[(rule.name, &[])]).expect("registered").method());
        }
    }
    report(tried, &faults);
}

/// The distance from a point to a plane within a ball, of which a step along the plane leaves nothing.
#[test]
fn a_forged_run_under_constraints_is_refused_or_ends_well() {
    watch_over();
    let (mut faults, mut tried) = (Vec::new(), [0, 0]);
    let (free, start) = (free(4), [3.0, -2.0, 0.5, 1.0]);
    let away: fn(&[f64]) -> f64 = |x| {
        let a = [1.0, 2.0, 0.0, -1.0];
        x.iter().zip(a).map(|(x, a)| (x - a).powi(2) + 0.1 * (x - a).powi(4)).sum()
    };
    // By symmetry all four are off by a quarter of what the sum is.
    let least = 4.0 * (0.0625 + 0.1 * 0.25f64.powi(4));
    let mut forge = |name: &str, build: &dyn Fn() -> Box<dyn Method + Send>| {
        let objective = || -> Box<dyn Objective> {
            Box::new(Constrained {
                n: 4,
                value: away,
                constraints: &[|x| x.iter().sum(), |x| x.iter().map(|x| x * x).sum()],
                low: vec![1.0, f64::NEG_INFINITY],
                high: vec![1.0, 100.0],
            })
        };
        let (name, objective) = (name.into(), &objective);
        let case = Case { name, build, penalty: &*free, start: &start, least, objective };
        let [on, refused] = case.forge(&[1, 3, 6], &mut faults);
        tried = [tried[0] + on, tried[1] + refused];
    };
    for entry in METHODS.iter().filter(|entry| entry.needs.constraints) {
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        forge(entry.name, &|| at_work(entry, &settings));
    }
    report(tried, &faults);
    let some = std::env::var_os("STEEPEST_FORGED").is_some();
    assert!(some || tried[0] > 10 && tried[1] > 10, "{tried:?}");
}

#[test]
fn a_forged_run_over_a_table_is_refused_or_ends_well() {
    watch_over();
    let (mut faults, mut tried) = (Vec::new(), [0, 0]);
    for (n, loss, outputs, penalty) in [
        (4000, "logistic", 1, "l2"),
        (4000, "softmax", 2, "l2"),
        (200, "logistic", 1, "l1"),
        (60, "logistic", 1, "l2"),
    ] {
        let d = if n == 60 { 90 } else { 6 };
        let t = table("raw, 1e±2, shifted by 3 sigma", n, d);
        let design = Dense::by_rows(&t.x, d).expect("a table");
        let loss = LOSSES.iter().find(|l| l.name == loss).expect("registered");
        let block =
            (loss.build)(&checked(loss.name, loss.parameters, &[]).expect("defaults"), outputs);
        let dim = outputs * (d + 1);
        let weight: Vec<f64> =
            (0..dim).map(|j| if (j + 1) % (d + 1) == 0 { 0.0 } else { 1e-3 }).collect();
        let entry = PENALTIES.iter().find(|p| p.name == penalty).expect("registered");
        let penalty = (entry.build)(&[], &weight);
        let start = vec![0.0; dim];
        let glm = || Glm::new(&design, &*block, &t.y, None, true).expect("a table");
        let mut fine = Descent::new(
            (METHODS
                .iter()
                .find(|m| m.name == if entry.name == "l1" { "coordinate" } else { "progressive" })
                .expect("registered")
                .build)(&[]),
            &start,
            Stop { tolerance: 1e-13, iterations: 2000, ..Stop::default() },
        );
        let mut own = glm();
        while fine.advance(&mut own, &*penalty, &mut Unwatched).expect("no error of its own") {}
        let least = fine.so_far().value;
        for name in METHODS.iter().map(|e| e.name).chain(["adam", "momentum"]) {
            let method = METHODS.iter().find(|e| e.name == name);
            let settings: Vec<f64> =
                method.iter().flat_map(|e| e.parameters).map(|p| p.default).collect();
            let build = || -> Box<dyn Method + Send> {
                match method {
                    Some(entry) => at_work(entry, &settings),
                    None => Box::new(Proved::new(
                        Plan::new(&[(name, &[])])
                            .and_then(|p| p.set(&[("batch_size", 16.0), ("epochs", 2.0)]))
                            .expect("registered")
                            .method(),
                    )),
                }
            };
            let of = glm();
            let facts = facts(&mut { of }, &*penalty);
            let rules = METHODS.iter().find(|e| e.name == "ruled").expect("registered");
            if method.unwrap_or(rules).refusal(&facts, METHODS).is_some() {
                continue;
            }
            let name = format!("{name} over {n} rows, {} and {}", loss.name, entry.name);
            let objective = || -> Box<dyn Objective + '_> { Box::new(glm()) };
            let (build, objective) = (&build, &objective);
            let case = Case { name, build, penalty: &*penalty, start: &start, least, objective };
            let [on, refused] = case.forge(&[1, 4], &mut faults);
            tried = [tried[0] + on, tried[1] + refused];
        }
    }
    report(tried, &faults);
}
