//! The thread that reads: which piece comes next, which ones stay, and waiting for one.
use super::pieces::{Decoded, Layout};
use crate::numbers::real::Float;
use crate::parallel::cancel;
use crate::source::{Source, Unreadable};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Pieces that are read before anybody asks.
pub(super) const AHEAD: usize = 2;
/// How long a thread waits for a piece before it looks whether the work was called off.
pub(super) const WAIT: Duration = Duration::from_millis(20);

/// What the threads that compute and the one that reads have in common.
pub(super) struct Reading<N> {
    pub(super) pieces: Vec<RwLock<Option<Arc<Decoded<N>>>>>,
    /// Pieces that stay once they were read: the first ones. Fewer where samples take their room.
    pub(super) kept: AtomicUsize,
    /// How many others there may be at a time.
    pub(super) others: usize,
    /// The piece that was come to last, and whether in order.
    pub(super) at: AtomicUsize,
    pub(super) in_order: AtomicBool,
    pub(super) reads: AtomicU64,
    pub(super) state: Mutex<Waits>,
    /// Heard by those who wait for a piece.
    pub(super) read: Condvar,
    /// Heard by the thread that reads.
    pub(super) asked: Condvar,
}

#[derive(Default)]
pub(super) struct Waits {
    /// How many threads wait for a piece.
    pub(super) waiting: BTreeMap<usize, usize>,
    /// The pieces there are beside those that stay.
    pub(super) others: Vec<usize>,
    pub(super) unreadable: Option<Unreadable>,
    pub(super) closing: bool,
}

pub(super) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<N: Float> Reading<N> {
    pub(super) fn there(&self, p: usize) -> Option<Arc<Decoded<N>>> {
        self.pieces[p].read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// How far a piece lies ahead, in the order of the passes, one after another.
    pub(super) fn ahead(&self, p: usize) -> usize {
        let n = self.pieces.len();
        (p + n - self.at.load(Relaxed)) % n
    }
    /// A thread has come to this piece: the next ones may be read. Threads that lag a little behind tell nothing new.
    pub(super) fn come_to(&self, p: usize) {
        let (n, ahead) = (self.pieces.len(), self.ahead(p));
        if ahead == 0 || n - ahead <= self.others.min(n / 2) {
            return;
        }
        self.in_order.store(ahead <= self.others, Relaxed);
        self.at.store(p, Relaxed);
        drop(lock(&self.state));
        self.asked.notify_one();
    }
    /// What to read: what somebody waits for, else what will be asked for next.
    pub(super) fn next(&self, state: &Waits) -> Option<usize> {
        let missing = |p: &usize| self.there(*p).is_none();
        if let Some(p) = state.waiting.keys().copied().find(missing) {
            return Some(p);
        }
        if !self.in_order.load(Relaxed) {
            return None;
        }
        let (n, at) = (self.pieces.len(), self.at.load(Relaxed));
        let p = (1..=n).map(|step| (at + step) % n).find(missing)?;
        let before = state.others.iter().filter(|q| (1..self.ahead(p)).contains(&self.ahead(**q)));
        (p < self.kept() || before.count() < AHEAD).then_some(p)
    }
    pub(super) fn kept(&self) -> usize {
        self.kept.load(Relaxed)
    }
    pub(super) fn set(&self, p: usize, block: Option<Arc<Decoded<N>>>) -> Option<Arc<Decoded<N>>> {
        let mut place = self.pieces[p].write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, block)
    }
    /// As many pieces stay from now on; what lies beyond them is dropped.
    pub(super) fn keep(&self, count: usize) {
        let mut state = lock(&self.state);
        let before = self.kept.swap(count, Relaxed);
        state.others.retain(|q| *q >= count);
        (count..before).for_each(|p| drop(self.set(p, None)));
    }
    /// Puts a piece in its place; what makes room for it is handed back: what will be asked for last.
    pub(super) fn put(&self, state: &mut Waits, p: usize, block: Decoded<N>) -> Option<Decoded<N>> {
        self.set(p, Some(Arc::new(block)));
        if p < self.kept() {
            return None;
        }
        state.others.push(p);
        if state.others.len() <= self.others {
            return None;
        }
        let free = |q: &usize| *q != p && self.ahead(*q) > 0 && !state.waiting.contains_key(q);
        let last = state.others.iter().copied().filter(free).max_by_key(|q| self.ahead(*q))?;
        state.others.retain(|q| *q != last);
        self.set(last, None).and_then(Arc::into_inner)
    }
    /// Reads until the table is dropped or something cannot be read.
    pub(super) fn serve(&self, shape: &Layout, source: &mut dyn Source<N>) {
        let mut spare: Option<Decoded<N>> = None;
        loop {
            let mut state = lock(&self.state);
            let p = loop {
                if state.closing || state.unreadable.is_some() {
                    return;
                }
                match self.next(&state) {
                    Some(p) => break p,
                    None => {
                        state = self.asked.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            let rows = shape.piece(p);
            let fits = spare.take().filter(|block| block.rows == rows.len());
            let mut block = fits.unwrap_or_else(|| shape.block(rows.len()));
            let Decoded { numbers, codes, entries, .. } = &mut block;
            entries.clear();
            let read = catch_unwind(AssertUnwindSafe(|| {
                source.read(rows.clone(), numbers, codes, entries)?;
                shape.unsound(entries, &rows)
            }));
            let read = read.unwrap_or_else(|_| {
                let what = format!("rows {} to {} of the table", rows.start, rows.end);
                Err(Unreadable { what, group: None, why: "their source panicked".into() })
            });
            let mut state = lock(&self.state);
            match read {
                Ok(()) => {
                    self.reads.fetch_add(1, Relaxed);
                    spare = self.put(&mut state, p, block);
                }
                Err(why) => state.unreadable = Some(why),
            }
            drop(state);
            self.read.notify_all();
        }
    }
    /// A piece, once it is read; none where something could not be.
    pub(super) fn wait(&self, p: usize) -> Option<Arc<Decoded<N>>> {
        self.come_to(p);
        if let Some(block) = self.there(p) {
            return Some(block);
        }
        loop {
            let mut state = lock(&self.state);
            if let Some(block) = self.there(p) {
                return Some(block);
            }
            if state.unreadable.is_some() || state.closing {
                return None;
            }
            *state.waiting.entry(p).or_default() += 1;
            self.asked.notify_one();
            state = match self.read.wait_timeout(state, WAIT) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            let block = self.there(p);
            if let Some(threads) = state.waiting.get_mut(&p) {
                *threads -= 1;
                if *threads == 0 {
                    state.waiting.remove(&p);
                }
            }
            drop(state);
            if block.is_some() {
                return block;
            }
            cancel::check();
        }
    }
}
