//! Work is called off from outside on every thread, however it was handed out.
#![cfg(not(loom))]
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;
use steepest::parallel::cancel::{Cancelled, check, shield, until};
use steepest::parallel::pool::Pool;

thread_local!(static ASKED: Cell<u32> = const { Cell::new(0) });

fn second_time() -> bool {
    ASKED.set(ASKED.get() + 1);
    ASKED.get() >= 2
}
fn endless() {
    loop {
        sleep(Duration::from_millis(1));
        check();
    }
}

#[test]
fn what_takes_for_ever_ends_on_every_thread() {
    for threads in [1, 2, 7] {
        let pool = Pool::new(threads);
        for n in [1, 2, 20] {
            ASKED.set(0);
            assert_eq!(until(second_time, || pool.each(n, |_| endless())), Err(Cancelled));
            assert_eq!(ASKED.get(), 2);
            assert_eq!(until(|| false, || pool.map(3, |i| i)), Ok(vec![0, 1, 2]));
        }
    }
}

#[test]
fn a_caller_that_only_waits_for_others_asks_too() {
    ASKED.set(0);
    let (pool, own) = (Pool::new(2), std::thread::current().id());
    let others = AtomicBool::new(false);
    let task = |_| {
        if std::thread::current().id() != own {
            others.store(true, Relaxed);
            endless();
        }
        // The other thread has one of the tasks before those here are over.
        while !others.load(Relaxed) {
            sleep(Duration::from_micros(50));
        }
    };
    assert_eq!(until(second_time, || pool.each(2, task)), Err(Cancelled));
}

#[test]
fn short_tasks_are_enough_to_be_cancelled() {
    ASKED.set(0);
    let pool = Pool::new(2);
    let long = until(second_time, || pool.each(100_000, |_| sleep(Duration::from_micros(300))));
    assert_eq!(long, Err(Cancelled));
}

#[test]
fn what_is_to_stay_whole_is_not_cancelled_from_around_it() {
    ASKED.set(0);
    let done = until(second_time, || {
        shield(|| {
            (0..60).for_each(|_| {
                sleep(Duration::from_millis(1));
                check();
            })
        })
    });
    assert_eq!((done, ASKED.get()), (Ok(()), 0));
}

#[test]
fn other_panics_go_on_and_outside_nobody_is_asked() {
    check();
    let own = catch_unwind(|| until(|| false, || panic!("its own")));
    assert!(own.is_err_and(|p| p.downcast_ref() == Some(&"its own")));
    check();
}
