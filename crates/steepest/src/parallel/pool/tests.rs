//! Work handed out among threads, as a caller sees it.
use super::*;
use std::collections::HashSet;
use std::sync::Barrier;

#[test]
fn every_task_once_and_results_in_order() {
    for threads in [1, 2, 7] {
        let p = Pool::new(threads);
        for n in [0, 1, 2, 100] {
            assert_eq!(p.map(n, |i| i * i), (0..n).map(|i| i * i).collect::<Vec<_>>());
        }
        with_threads(2, || assert_eq!(p.map(9, |i| i), (0..9).collect::<Vec<_>>()));
    }
}

#[test]
fn as_many_threads_as_asked_for_and_no_more() {
    let p = Pool::new(2);
    for asked in [1, 2, 5, 3, 0] {
        let expected = if asked == 0 { 2 } else { asked };
        // Each task waits until as many threads as expected are inside one.
        let barrier = Barrier::new(expected);
        let who = |_| {
            barrier.wait();
            thread::current().id()
        };
        let ids = with_threads(asked, || p.map(expected, who));
        assert_eq!(ids.into_iter().collect::<HashSet<_>>().len(), expected, "asked for {asked}");
        let ids = with_threads(asked, || p.map(200, |_| thread::current().id()));
        assert!(ids.into_iter().collect::<HashSet<_>>().len() <= expected, "asked for {asked}");
    }
}

#[test]
fn a_panic_comes_out_and_the_pool_goes_on() {
    let p = Pool::new(3);
    let caught = catch_unwind(AssertUnwindSafe(|| p.each(10, |i| assert!(i != 7))));
    assert!(caught.is_err());
    assert_eq!(p.map(5, |i| i).len(), 5);
}

#[test]
fn a_pause_is_on_the_callers_thread_and_its_error_ends_the_work() {
    for threads in [1, 2, 7] {
        let p = Pool::new(threads);
        let (caller, mut pauses) = (thread::current().id(), 0);
        // The others wait until the caller has a task, or they might leave it none.
        let began = AtomicBool::new(false);
        let together = |i| {
            began.fetch_or(thread::current().id() == caller, AcqRel);
            while !began.load(Acquire) {
                thread::yield_now();
            }
            i
        };
        let all = p.map_pausing(50, together, &mut || {
            pauses += 1;
            assert_eq!(thread::current().id(), caller);
            Ok::<(), ()>(())
        });
        assert_eq!(all.map(|a| a.len()), Ok(50));
        assert!(pauses > 0);
        // So many that all of them would take half a minute: however late the caller asks, some are left.
        let (calls, many) = (AtomicUsize::new(0), 1_000_000);
        let slow = |i| {
            calls.fetch_add(1, AcqRel);
            thread::sleep(std::time::Duration::from_micros(200));
            i
        };
        assert_eq!(p.map_pausing(many, slow, &mut || Err("enough")), Err("enough"));
        assert!(calls.load(Acquire) < many);
        assert_eq!(p.map(9, |i| i).len(), 9);
    }
}

#[test]
fn a_pause_that_panics_waits_for_the_tasks_that_run() {
    let p = Pool::new(3);
    for _ in 0..50 {
        let running = AtomicUsize::new(0);
        let slow = |_| {
            running.fetch_add(1, AcqRel);
            thread::sleep(std::time::Duration::from_micros(100));
            running.fetch_sub(1, AcqRel);
        };
        let pause = &mut || -> Result<(), ()> { panic!("in the pause") };
        let caught = catch_unwind(AssertUnwindSafe(|| p.map_pausing(20, slow, pause)));
        assert!(caught.is_err());
        assert_eq!(running.load(Acquire), 0);
    }
    assert_eq!(p.map(5, |i| i).len(), 5);
}

#[test]
fn a_job_inside_a_job_and_jobs_from_many_threads_run() {
    let p = Pool::new(2);
    assert_eq!(p.map(4, |i| p.map(3, |j| i + j).iter().sum::<usize>()), vec![3, 6, 9, 12]);
    thread::scope(|scope| {
        for k in 0..6 {
            let p = &p;
            scope.spawn(move || {
                (0..50).for_each(|r| assert_eq!(p.map(8, |i| i * k + r)[7], 7 * k + r));
            });
        }
    });
}

#[test]
fn threads_end_with_their_pool() {
    let p = Pool::new(4);
    p.each(8, |_| ());
    let shared = Arc::downgrade(&p.shared);
    drop(p);
    while shared.strong_count() > 0 {
        thread::yield_now();
    }
}
