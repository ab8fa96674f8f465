//! Work that is cancelled from outside, however deep in the arithmetic it is.
//!
//! A method asks its watch between steps and reads of the data. Products of matrices and their factors lie below all
//! that and may take seconds; they call [`check`] every few milliseconds, as the pool does after each task, and where
//! [`until`] learns that enough is enough the stack unwinds to it, through jobs whose other tasks are over first.
//! Nothing of what was under way is used after that. rust-analyzer's salsa cancels its queries in this way. Under
//! `panic = "abort"` there is no unwinding, and so no cancelling.
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What unwinds, and what [`until`] returns then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// Between two questions.
const EVERY: Duration = Duration::from_millis(20);

/// Who is asked whether it is enough, and when that was last done.
#[derive(Clone, Copy)]
struct Token {
    enough: fn() -> bool,
    asked: Instant,
}

thread_local! {
    static TOKEN: Cell<Option<Token>> = const { Cell::new(None) };
    /// Whether the job is cancelled that this thread works for.
    static JOB: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Gives the thread its token back.
struct Restored(Option<Token>);
impl Drop for Restored {
    fn drop(&mut self) {
        TOKEN.set(self.0);
    }
}

/// Runs `work` on this thread and asks `enough` some fifty times a second whether to cancel it.
pub fn until<R>(enough: fn() -> bool, work: impl FnOnce() -> R) -> Result<R, Cancelled> {
    let _back = Restored(TOKEN.replace(Some(Token { enough, asked: Instant::now() })));
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done),
        Err(panic) if panic.is::<Cancelled>() => Err(Cancelled),
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs `work` as if nobody could cancel it: what is to stay whole, though something that can be cancelled calls it.
pub fn shield<R>(work: impl FnOnce() -> R) -> R {
    let _back = Restored(TOKEN.replace(None));
    work()
}

/// Unwinds where the work on this thread is cancelled. Costs some ten nanoseconds otherwise.
pub fn check() {
    let off = || JOB.with_borrow(|job| job.as_ref().is_some_and(|off| off.load(Relaxed)));
    let called = TOKEN.get().is_some_and(|token| {
        let due = token.asked.elapsed() >= EVERY;
        if due {
            TOKEN.set(Some(Token { asked: Instant::now(), ..token }));
        }
        due && (token.enough)()
    });
    if called {
        JOB.with_borrow(|job| job.iter().for_each(|off| off.store(true, Relaxed)));
    }
    if called || off() {
        resume_unwind(Box::new(Cancelled));
    }
}

#[cfg(not(loom))]
/// Runs a task of a job whose flag is `off`: what it calls learns through [`check`] that the flag is set.
pub(crate) fn within<R>(off: &Arc<AtomicBool>, task: impl FnOnce() -> R) -> R {
    struct RestoredJob(Option<Arc<AtomicBool>>);
    impl Drop for RestoredJob {
        fn drop(&mut self) {
            JOB.set(self.0.take());
        }
    }
    let _back = RestoredJob(JOB.replace(Some(off.clone())));
    task()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::parallel::pool::Pool;
    use std::thread::sleep;

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
}
