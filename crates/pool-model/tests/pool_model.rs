//! The pool under a model checker: every order of events that three threads can have, up to three preemptions.
//!
//! It was seen to fail where it should: with `done` counted by relaxed additions, with no wait for the last task, and with
//! one task too few called off.
//!
//! `make model`
#![cfg(loom)]
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use pool_model::parallel::pool::{Pool, with_threads};

/// Places that tasks write without a lock: the checker fails where a read is not ordered after the write.
struct Places(Vec<UnsafeCell<usize>>);
// SAFETY: each task writes its own place; the checker is there to find where that is not enough.
unsafe impl Sync for Places {}
// SAFETY: as above.
unsafe impl Send for Places {}

impl Places {
    fn new(n: usize) -> Self {
        Places((0..n).map(|_| UnsafeCell::new(0)).collect())
    }
    fn write(&self, i: usize, v: usize) {
        // SAFETY: as above.
        self.0[i].with_mut(|p| unsafe { *p += v });
    }
    fn read(&self) -> Vec<usize> {
        // SAFETY: as above.
        self.0.iter().map(|c| c.with(|p| unsafe { *p })).collect()
    }
}

#[test]
fn every_task_runs_once_and_is_over_when_each_returns() {
    loom::model(|| {
        let (pool, places) = (Pool::new(2), Places::new(2));
        pool.each(2, |i| places.write(i, i + 1));
        assert_eq!(places.read(), [1, 2]);
    });
}

#[test]
fn a_late_thread_never_touches_a_job_that_is_over() {
    loom::model(|| {
        let pool = Pool::new(2);
        for round in 1..3 {
            // What the task borrows ends with the round.
            let places = Places::new(2);
            pool.each(2, |i| places.write(i, round));
            assert_eq!(places.read(), [round, round]);
        }
    });
}

#[test]
fn a_second_caller_works_by_itself() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(2));
        let other = {
            let pool = pool.clone();
            loom::thread::spawn(move || {
                let places = Places::new(2);
                pool.each(2, |i| places.write(i, 5));
                assert_eq!(places.read(), [5, 5]);
            })
        };
        let places = Places::new(2);
        pool.each(2, |i| places.write(i, 7));
        assert_eq!(places.read(), [7, 7]);
        other.join().expect("no failure there");
    });
}

#[test]
fn threads_join_while_it_grows() {
    loom::model(|| {
        let (pool, places) = (Pool::new(1), Places::new(2));
        with_threads(2, || pool.each(2, |i| places.write(i, 3)));
        assert_eq!(places.read(), [3, 3]);
    });
}

#[test]
fn what_is_called_off_is_over_when_it_returns() {
    loom::model(|| {
        let pool = Pool::new(2);
        let places = Places::new(3);
        let ended = pool.map_pausing(3, |i| places.write(i, 1), &mut || Err(()));
        let done = places.read().iter().sum::<usize>();
        assert!(ended.is_err() && (1..=3).contains(&done) || ended.is_ok() && done == 3);
    });
}
