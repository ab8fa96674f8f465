//! Work that is cancelled from outside, however deep in the arithmetic it is.
//!
//! There are two ways to end early, for two wishes, and each ends in one place.
//!
//! *Stop here and keep what there is* (a budget of seconds, a callback that says so, an exception of the user's) is an
//! answer: [`Problem::pause`](crate::problem::Problem::pause), or [`Work::pause`](crate::objective::Work::pause) within an
//! objective, returns `Err(Halt)`, which goes up through `?` to [`descend`](mod@crate::descend). All that a method holds
//! is whole then, so that there is a solution, and the run can be saved and go on. It is asked on the calling thread,
//! between steps and blocks of a read, where a `Result` is at hand.
//!
//! *Stop, and forget it* (a signal, while a matrix of seconds is factored) unwinds. Products of matrices and their factors
//! lie below all that, on any thread of the pool, and return numbers, no `Result`; they call [`check`] every few
//! milliseconds, as the pool does after each task, and where [`until`] learns that enough is enough the stack unwinds to
//! it, through jobs whose other tasks are over first. Nothing of what was under way is used after that: a descent that
//! is to go on stands behind [`shield`], and hears its watch alone.
//!
//! One way for both does not do. If budgets unwound, the best point would be lost with the step in which they ended; if
//! signals were answers, each product and factor (and each task of each pool that computes one) would have to carry a
//! `Result` through code that has no other way to fail. rust-analyzer's salsa cancels its queries by unwinding too. Under
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
