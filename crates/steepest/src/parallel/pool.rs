//! Threads: work is split by the data, never by their number; safe after fork.
//!
//! Checked by a model of every interleaving (`crates/pool-model`) and by valgrind.
#[cfg(not(loom))]
use crate::parallel::cancel::{self, Cancelled, within};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicPtr, Ordering::*};

// The model checker has primitives of the same names that try every order of events.
#[cfg(loom)]
use loom::{
    hint,
    sync::atomic::{AtomicBool, AtomicUsize},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};
#[cfg(not(loom))]
use std::{
    hint,
    sync::atomic::{AtomicBool, AtomicUsize},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

type Task = dyn Fn(usize) + Sync;

struct Job {
    /// Alive while done < n: the caller waits for that.
    task: *const Task,
    n: usize,
    /// How many threads beside the caller may still join.
    seats: AtomicUsize,
    next: AtomicUsize,
    done: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Set where it is called off from outside.
    #[cfg(not(loom))]
    off: Arc<AtomicBool>,
}
// SAFETY: `task` is Sync and outlives every call of it (see `Pool::each`).
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    /// Takes tasks until none is left, or until `go_on`, asked after each, says no: then none is left.
    fn help(&self, go_on: &mut dyn FnMut() -> bool) {
        loop {
            let i = self.next.fetch_add(1, AcqRel);
            if i >= self.n {
                return;
            }
            // SAFETY: i < n was claimed, so done < n and the caller still waits.
            let task = unsafe { &*self.task };
            if let Err(p) = catch_unwind(AssertUnwindSafe(|| self.one(task, i))) {
                let off = self.is_called_off(&*p);
                *lock(&self.panic) = Some(p);
                if off {
                    self.leave_the_rest();
                }
            }
            self.done.fetch_add(1, AcqRel);
            if !go_on() {
                return self.leave_the_rest();
            }
        }
    }
    #[cfg(not(loom))]
    fn one(&self, task: &Task, i: usize) {
        within(&self.off, || {
            task(i);
            cancel::check();
        });
    }
    /// For the caller that waits: where other threads have all the tasks, nobody else asks whether to call them off.
    #[cfg(not(loom))]
    fn listen(&self) {
        if self.off.load(Relaxed) {
            return;
        }
        if let Err(p) = catch_unwind(AssertUnwindSafe(|| within(&self.off, cancel::check))) {
            self.is_called_off(&*p);
            *lock(&self.panic) = Some(p);
            self.leave_the_rest();
        }
    }
    #[cfg(not(loom))]
    fn is_called_off(&self, panic: &(dyn Any + Send)) -> bool {
        let off = panic.is::<Cancelled>();
        self.off.fetch_or(off, Relaxed);
        off
    }
    // Threads of the model share what belongs to a thread, and nobody calls its jobs off.
    #[cfg(loom)]
    fn one(&self, task: &Task, i: usize) {
        task(i);
    }
    #[cfg(loom)]
    fn listen(&self) {}
    #[cfg(loom)]
    fn is_called_off(&self, _: &(dyn Any + Send)) -> bool {
        false
    }
    fn leave_the_rest(&self) {
        let claimed = self.next.swap(self.n, AcqRel);
        self.done.fetch_add(self.n.saturating_sub(claimed), AcqRel);
    }
    fn take_seat(&self) -> bool {
        self.seats.fetch_update(AcqRel, Acquire, |s| s.checked_sub(1)).is_ok()
    }
}

struct Shared {
    /// Moves on with each job, under the lock of `job`.
    epoch: AtomicUsize,
    closing: AtomicBool,
    asleep: AtomicUsize,
    job: Mutex<Option<Arc<Job>>>,
    wake: Condvar,
}

/// A set of threads that wait for work; they end when it is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    /// Held while a job runs; how many threads there are, the caller among them.
    busy: Mutex<usize>,
    threads: usize,
}

/// About 40 µs with the pause instruction, then sleep.
const SPINS: u32 = if cfg!(loom) { 0 } else { 4000 };
/// No request gets more threads than that.
const MOST: usize = 256;

fn work(s: &Shared) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while s.epoch.load(Acquire) == seen && spins < SPINS {
            hint::spin_loop();
            spins += 1;
        }
        let job = {
            let mut slot = lock(&s.job);
            while s.epoch.load(Acquire) == seen {
                s.asleep.fetch_add(1, AcqRel);
                slot = s.wake.wait(slot).unwrap_or_else(PoisonError::into_inner);
                s.asleep.fetch_sub(1, AcqRel);
            }
            if s.closing.load(Acquire) {
                return;
            }
            seen = s.epoch.load(Acquire);
            slot.clone()
        };
        if let Some(job) = job.filter(|j| j.take_seat()) {
            job.help(&mut || true);
        }
    }
}

/// Starts threads until there are `wanted`, the caller among them; where the system gives no more, fewer do the work.
fn grow(shared: &Arc<Shared>, mut started: usize, wanted: usize) -> usize {
    while started < wanted {
        let s = shared.clone();
        let name = thread::Builder::new().name("steepest".into());
        if name.spawn(move || work(&s)).is_err() {
            break;
        }
        started += 1;
    }
    started
}

impl Drop for Pool {
    fn drop(&mut self) {
        let slot = lock(&self.shared.job);
        self.shared.closing.store(true, Release);
        self.shared.epoch.fetch_add(1, AcqRel);
        drop(slot);
        self.shared.wake.notify_all();
    }
}

impl Pool {
    /// A pool of so many threads, the caller among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            job: Mutex::new(None),
            wake: Condvar::new(),
        });
        let started = grow(&shared, 1, threads.min(MOST));
        Pool { shared, busy: Mutex::new(started), threads: started }
    }

    /// How many threads work unless [`with_threads`] asks for another number, the caller among them.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `task(i)` for each i < n, on all threads, in no order; returns when all are done.
    pub fn each(&self, n: usize, task: impl Fn(usize) + Sync) {
        self.each_while(n, task, &mut || true);
    }

    /// [`each`](Self::each) that asks the caller's thread after each of its own tasks whether to go on; what was not
    /// begun when it says no is left out.
    fn each_while(&self, n: usize, task: impl Fn(usize) + Sync, go_on: &mut dyn FnMut() -> bool) {
        let wanted = LIMIT.get().unwrap_or(self.threads).min(MOST);
        // One job at a time; a job inside a job, or from a second caller, runs where it is.
        let guard = (wanted > 1 && n > 1).then(|| self.busy.try_lock().ok()).flatten();
        let Some(mut started) = guard else {
            for i in 0..n {
                task(i);
                #[cfg(not(loom))]
                cancel::check();
                if !go_on() {
                    return;
                }
            }
            return;
        };
        *started = grow(&self.shared, *started, wanted);
        let task: &(dyn Fn(usize) + Sync + '_) = &task;
        // SAFETY: only the lifetime is forgotten; we do not return before the last call is over.
        let task: *const Task =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync + '_), *const Task>(task) };
        let job = Arc::new(Job {
            task,
            n,
            seats: AtomicUsize::new(wanted - 1),
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            panic: Mutex::new(None),
            #[cfg(not(loom))]
            off: Arc::default(),
        });
        {
            let mut slot = lock(&self.shared.job);
            *slot = Some(job.clone());
            self.shared.epoch.fetch_add(1, AcqRel);
        }
        if self.shared.asleep.load(Acquire) > 0 {
            self.shared.wake.notify_all();
        }
        // A panic of `go_on` must not unwind past tasks that other threads still run on what the caller lent.
        let asked = catch_unwind(AssertUnwindSafe(|| job.help(go_on)));
        if asked.is_err() {
            job.leave_the_rest();
        }
        let mut spins = 0u32;
        while job.done.load(Acquire) < n {
            spins = spins.saturating_add(1);
            if spins > SPINS {
                thread::yield_now();
                job.listen();
            } else {
                hint::spin_loop();
            }
        }
        drop(started);
        let panic = lock(&job.panic).take();
        if let Some(p) = panic.or(asked.err()) {
            resume_unwind(p);
        }
    }

    /// Calls `task(i, part)` for each part, on all threads, in no order: what is lent apart is written to apart.
    pub fn each_of<T: Send>(
        &self,
        parts: impl IntoIterator<Item = T>,
        task: impl Fn(usize, T) + Sync,
    ) {
        let parts: Vec<_> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
        self.each(parts.len(), |i| {
            let part = lock(&parts[i]).take();
            task(i, part.expect("each i is called once"));
        });
    }

    /// `make(i)` for each i < n, in order.
    pub fn map<T: Send>(&self, n: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let all = self.map_pausing(n, make, &mut || Ok::<(), std::convert::Infallible>(()));
        all.unwrap_or_else(|never| match never {})
    }

    /// [`map`](Self::map) that calls `pause` on the caller's thread after each task of its own; its error ends the
    /// work as soon as the tasks that were begun are over.
    pub fn map_pausing<T: Send, E>(
        &self,
        n: usize,
        make: impl Fn(usize) -> T + Sync,
        pause: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Vec<T>, E> {
        let out: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
        let mut ended = Ok(());
        self.each_while(n, |i| *lock(&out[i]) = Some(make(i)), &mut || {
            ended = pause();
            ended.is_ok()
        });
        ended?;
        let made = |m: Mutex<Option<T>>| m.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(out.into_iter().map(|m| made(m).expect("each i was called")).collect())
    }
}

thread_local!(static LIMIT: Cell<Option<usize>> = const { Cell::new(None) });

/// Runs `f` on so many threads (0: as many as the pool has). The answer has the same bits whatever the number.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    struct Back(Option<usize>);
    impl Drop for Back {
        fn drop(&mut self) {
            LIMIT.set(self.0);
        }
    }
    let _back = Back(LIMIT.replace((threads > 0).then_some(threads)));
    f()
}

/// The number of threads of the process's pool: `STEEPEST_NUM_THREADS`, or what affinity and cgroup allow.
pub fn threads() -> usize {
    std::env::var("STEEPEST_NUM_THREADS")
        .ok()
        .and_then(|v| v.parse().ok())
        .filter(|&n| n > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// The process's pool. A child of fork has none of its parent's threads, so it gets its own;
/// no lock is taken, since another thread may have held it at the fork.
pub fn pool() -> &'static Pool {
    static POOL: AtomicPtr<(u32, Pool)> = AtomicPtr::new(std::ptr::null_mut());
    let pid = std::process::id();
    loop {
        let at = POOL.load(Acquire);
        // SAFETY: what is stored is never freed.
        if let Some((p, pool)) = unsafe { at.as_ref() }
            && *p == pid
        {
            return pool;
        }
        let new = Box::into_raw(Box::new((pid, Pool::new(threads()))));
        if POOL.compare_exchange(at, new, AcqRel, Acquire).is_err() {
            // SAFETY: another thread was first, so nobody has seen ours.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
