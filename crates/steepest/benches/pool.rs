//! Handing out work: this crate's pool beside rayon's, in turns. `cargo bench --bench pool`.
//!
//! A job is 16 tasks of so many microseconds in all on one thread; what is shown is the time until all are done.
use rayon::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};
use steepest::parallel::pool::Pool;

const TASKS: usize = 16;

/// Arithmetic that cannot be left out.
fn work(rounds: u64) -> f64 {
    (0..rounds).fold(1.0f64, |s, i| s + (s + black_box(i) as f64).sqrt())
}

/// Rounds of [`work`] that take so long.
fn rounds(time: Duration) -> u64 {
    let start = Instant::now();
    black_box(work(1_000_000));
    (time.as_secs_f64() / start.elapsed().as_secs_f64() * 1e6) as u64
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn main() {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    let ours = Pool::new(threads);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    println!(
        "microseconds a job of {TASKS} tasks, {threads} threads, median of 400 (rayon {threads} threads)\n"
    );
    println!("| work in all | before | steepest | rayon | inline |");
    println!("|---|---|---|---|---|");
    for micros in [0, 5, 20, 100, 1000] {
        let each = rounds(Duration::from_micros(micros)) / TASKS as u64;
        for idle in [0, 200] {
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..400 {
                let runs: [&dyn Fn(); 3] = [
                    &|| ours.each(TASKS, |_| _ = black_box(work(each))),
                    &|| {
                        rayon.install(|| {
                            (0..TASKS).into_par_iter().for_each(|_| _ = black_box(work(each)))
                        })
                    },
                    &|| (0..TASKS).for_each(|_| _ = black_box(work(each))),
                ];
                for (run, times) in runs.iter().zip(&mut times) {
                    // Hot: straight after another job of its own; idle: after a pause, when threads may sleep.
                    if idle == 0 {
                        run()
                    } else {
                        std::thread::sleep(Duration::from_micros(idle))
                    }
                    let start = Instant::now();
                    run();
                    times.push(start.elapsed());
                }
            }
            let [a, b, c] = times.map(median);
            let before = if idle == 0 { "hot" } else { "200 us idle" };
            println!("| {micros} us | {before} | {a:.1} | {b:.1} | {c:.1} |");
        }
    }
}
