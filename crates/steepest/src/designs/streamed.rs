//! A table that is not in memory: read in pieces by a thread of its own while the pool computes.
use super::codes::{Category, Codes};
use super::dense::Dense;
use super::sparse::Sparse;
use super::stack::Stack;
use crate::cancel;
use crate::design::{Design, countable};
use crate::real::Float;
use crate::source::{Entries, Source, Unreadable};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Bytes of a piece at least and at most: enough that reading it is no matter of beginnings, few enough that some fit
/// anywhere.
const PIECE: [usize; 2] = [1 << 16, 8 << 20];
/// Bytes of rows that a thread takes at once.
const TAKEN: usize = 2 << 20;
/// Bytes for samples at least.
const SAMPLES: usize = 4 << 20;
/// Pieces that are read before anybody asks.
const AHEAD: usize = 2;
/// Dense rows are added four at a time: stretches are whole fours, so that no sum depends on where pieces end.
const GRAIN: usize = 4;
/// How long a thread waits for a piece before it looks whether the work was called off.
const WAIT: Duration = Duration::from_millis(20);
/// How long the thread that reads is waited for once nobody asks any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rows of a [`Source`], in pieces on a fixed grid: what fits into so many bytes stays in memory, the rest is read again
/// in each pass, the next pieces while the last ones are computed with. Sums have the bits of the same table in memory.
///
/// Rows that are asked for by name are found piece by piece; those of a sample are kept once they were named
/// ([`hold`](Design::hold)).
///
/// ```
/// use std::ops::Range;
/// use steepest::{design::Design, designs::streamed::Streamed, source::{Entries, Source, Unreadable}};
/// /// The numbers 0, 1, 2 …, two a row.
/// struct Counting;
/// impl Source<f64> for Counting {
///     fn rows(&self) -> usize {
///         1000
///     }
///     fn numbers(&self) -> usize {
///         2
///     }
///     fn read(
///         &mut self,
///         rows: Range<usize>,
///         numbers: &mut [f64],
///         _: &mut [i32],
///         _: &mut Entries<f64>,
///     ) -> Result<(), Unreadable> {
///         let first = 2 * rows.start;
///         numbers.iter_mut().enumerate().for_each(|(i, x)| *x = (first + i) as f64);
///         Ok(())
///     }
/// }
/// let table = Streamed::new(Counting, 4096).unwrap();
/// let mut margins = [0.0; 2];
/// table.margins(998..1000, 0..0, &[1.0, -1.0], 1, &mut margins);
/// assert_eq!((margins, table.unreadable()), ([-1.0; 2], None));
/// ```
pub struct Streamed<N: Float> {
    shape: Arc<Layout>,
    shared: Arc<Reading<N>>,
    /// The rows of samples, the last one last.
    held: RwLock<Vec<Arc<HeldSample<N>>>>,
    /// Bytes for rows in all, and of those for samples.
    memory: usize,
    room: usize,
    reader: Option<JoinHandle<()>>,
}

/// How the rows lie.
struct Layout {
    rows: usize,
    /// Numbers a row.
    width: usize,
    levels: Vec<usize>,
    /// Sparse columns, and entries in them in all.
    sparse: (usize, usize),
    columns: usize,
    /// Rows of a piece.
    per: usize,
}

/// Some rows: numbers a row's side by side, codes of one category after another.
struct Decoded<N> {
    rows: usize,
    numbers: Vec<N>,
    codes: Vec<i32>,
    entries: Entries<N>,
}

/// What the threads that compute and the one that reads have in common.
struct Reading<N> {
    pieces: Vec<RwLock<Option<Arc<Decoded<N>>>>>,
    /// Pieces that stay once they were read: the first ones. Fewer where samples take their room.
    kept: AtomicUsize,
    /// How many others there may be at a time.
    others: usize,
    /// The piece that was come to last, and whether in order.
    at: AtomicUsize,
    in_order: AtomicBool,
    reads: AtomicU64,
    state: Mutex<Waits>,
    /// Heard by those who wait for a piece.
    read: Condvar,
    /// Heard by the thread that reads.
    asked: Condvar,
}

#[derive(Default)]
struct Waits {
    /// How many threads wait for a piece.
    waiting: BTreeMap<usize, usize>,
    /// The pieces there are beside those that stay.
    others: Vec<usize>,
    unreadable: Option<Unreadable>,
    closing: bool,
}

/// The rows of a sample, in order.
struct HeldSample<N> {
    runs: Vec<Range<usize>>,
    /// Where each run begins in the block.
    first: Vec<usize>,
    block: Decoded<N>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Layout {
    fn of<N: Float>(source: &dyn Source<N>) -> Result<Self, String> {
        let (rows, width) = (source.rows(), source.numbers());
        let (levels, sparse) = (source.levels().to_vec(), source.sparse());
        countable(rows)?;
        let columns = width + levels.iter().sum::<usize>() + sparse.0;
        Ok(Layout { rows, width, levels, sparse, columns, per: 1 })
    }
    /// Bytes of a row; of one with as many entries as others have, where there are sparse columns.
    fn bytes<N>(&self) -> usize {
        let entries = (self.sparse.1).div_ceil(self.rows.max(1)) * (size_of::<N>() + 4) + 4;
        let sparse = if self.sparse.0 > 0 { entries } else { 0 };
        self.width * size_of::<N>() + 4 * self.levels.len() + sparse
    }
    fn piece(&self, p: usize) -> Range<usize> {
        p * self.per..((p + 1) * self.per).min(self.rows)
    }
    fn block<N: Float>(&self, rows: usize) -> Decoded<N> {
        let numbers = vec![N::default(); rows * self.width];
        let codes = vec![0; rows * self.levels.len()];
        Decoded { rows, numbers, codes, entries: Entries::default() }
    }
    /// Some rows as a table.
    fn look<N: Float, R>(&self, block: &Decoded<N>, f: impl FnOnce(&dyn Design) -> R) -> R {
        if self.sparse.0 == 0 {
            return self.beside_sparse(block, f);
        }
        let Entries { values, columns, starts } = &block.entries;
        let sparse = Sparse::unchecked(values, columns, starts, self.sparse.0);
        if self.columns == self.sparse.0 {
            return f(&sparse);
        }
        self.beside_sparse(block, |left| {
            f(&Stack::new(&[left, &sparse]).expect("as many rows in each"))
        })
    }
    /// The columns that are not sparse.
    fn beside_sparse<N: Float, R>(
        &self,
        block: &Decoded<N>,
        f: impl FnOnce(&dyn Design) -> R,
    ) -> R {
        let Decoded { rows, numbers, codes, .. } = block;
        if self.levels.is_empty() {
            let table = Dense::strided(numbers, *rows, self.width, self.width, 1);
            return f(&table.expect("as many numbers as rows"));
        }
        let of =
            |(k, &levels): (usize, &usize)| Category { codes: &codes[k * rows..][..*rows], levels };
        let categories: Vec<Category<'_>> = self.levels.iter().enumerate().map(of).collect();
        f(&Codes::new(*rows, numbers, self.width, &categories).expect("as many codes as rows"))
    }
    /// What a source has written that it should not have.
    fn unsound<N>(&self, entries: &Entries<N>, rows: &Range<usize>) -> Result<(), Unreadable> {
        let outside = |j: &i32| usize::try_from(*j).is_ok_and(|j| j >= self.sparse.0);
        let wanted = if self.sparse.0 > 0 { rows.len() } else { 0 };
        let why = if entries.rows() != wanted {
            format!("their source ended {} of their sparse rows", entries.rows())
        } else if let Some(j) = entries.columns.iter().find(|j| outside(j)) {
            format!("their source has an entry in sparse column {j} of {}", self.sparse.0)
        } else {
            return Ok(());
        };
        Err(Unreadable { what: format!("rows {} to {}", rows.start, rows.end), group: None, why })
    }
    /// Copies rows of one block into another, whose sparse rows before them are there.
    fn copy<N: Float>(
        &self,
        from: &Decoded<N>,
        rows: Range<usize>,
        to: &mut Decoded<N>,
        at: usize,
    ) {
        let (n, w) = (rows.len(), self.width);
        to.numbers[at * w..][..n * w].copy_from_slice(&from.numbers[rows.start * w..][..n * w]);
        for k in 0..self.levels.len() {
            to.codes[k * to.rows + at..][..n]
                .copy_from_slice(&from.codes[k * from.rows + rows.start..][..n]);
        }
        if self.sparse.0 > 0 {
            for i in rows {
                let entries = from.entries.starts[i] as usize..from.entries.starts[i + 1] as usize;
                to.entries.values.extend_from_slice(&from.entries.values[entries.clone()]);
                to.entries.columns.extend_from_slice(&from.entries.columns[entries]);
                to.entries.end_row();
            }
        }
    }
}

impl<N: Float> Reading<N> {
    fn there(&self, p: usize) -> Option<Arc<Decoded<N>>> {
        self.pieces[p].read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// How far a piece lies ahead, in the order of the passes, one after another.
    fn ahead(&self, p: usize) -> usize {
        let n = self.pieces.len();
        (p + n - self.at.load(Relaxed)) % n
    }
    /// A thread has come to this piece: the next ones may be read. Threads that lag a little behind tell nothing new.
    fn come_to(&self, p: usize) {
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
    fn next(&self, state: &Waits) -> Option<usize> {
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
    fn kept(&self) -> usize {
        self.kept.load(Relaxed)
    }
    fn set(&self, p: usize, block: Option<Arc<Decoded<N>>>) -> Option<Arc<Decoded<N>>> {
        let mut place = self.pieces[p].write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, block)
    }
    /// As many pieces stay from now on; what lies beyond them is dropped.
    fn keep(&self, count: usize) {
        let mut state = lock(&self.state);
        let before = self.kept.swap(count, Relaxed);
        state.others.retain(|q| *q >= count);
        (count..before).for_each(|p| drop(self.set(p, None)));
    }
    /// Puts a piece in its place; what makes room for it is handed back: what will be asked for last.
    fn put(&self, state: &mut Waits, p: usize, block: Decoded<N>) -> Option<Decoded<N>> {
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
    fn serve(&self, shape: &Layout, source: &mut dyn Source<N>) {
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
    fn wait(&self, p: usize) -> Option<Arc<Decoded<N>>> {
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

impl<N: Float> HeldSample<N> {
    /// Where a run of rows lies, if all of them are here.
    fn find(&self, rows: &Range<usize>) -> Option<usize> {
        let r = self.runs.partition_point(|run| run.end <= rows.start);
        let run = self.runs.get(r)?;
        (run.start <= rows.start && rows.end <= run.end)
            .then(|| self.first[r] + rows.start - run.start)
    }
}

impl<N: Float> Streamed<N> {
    /// A table that takes up to about so many bytes of memory.
    pub fn new(source: impl Source<N> + 'static, memory: usize) -> Result<Self, String> {
        let row = Layout::of(&source)?.bytes::<N>();
        let bytes = (memory / 32).clamp(PIECE[0], PIECE[1]);
        Self::in_pieces(source, memory, bytes / row.max(1))
    }
    /// The same in pieces of about so many rows.
    pub fn in_pieces(
        source: impl Source<N> + 'static,
        memory: usize,
        rows: usize,
    ) -> Result<Self, String> {
        let mut shape = Layout::of(&source)?;
        // Blocks of rows lie within a piece: nothing has to be put together to compute with it.
        let grid = shape.look(&shape.block::<N>(0), |none| none.block());
        shape.per = (rows / grid).max(1) * grid;
        let (pieces, piece) = (shape.rows.div_ceil(shape.per), shape.per * shape.bytes::<N>());
        // Threads are as far apart as the rows that each takes at once: what one has passed another may still come to.
        let threads = crate::pool::pool().threads();
        let apart = (threads * TAKEN).min(memory / 2).div_ceil(piece.max(1));
        let others = 2 + AHEAD + threads.div_ceil(4).max(apart);
        let whole = shape.rows * shape.bytes::<N>() <= memory;
        // A little for samples in any case: which rows a method looks at is then no matter of memory on small tables.
        let room = if whole { 0 } else { memory.saturating_sub(others * piece).max(SAMPLES) };
        let kept = memory.saturating_sub(others * piece) / piece.max(1);
        let shared = Arc::new(Reading {
            pieces: (0..pieces).map(|_| RwLock::default()).collect(),
            kept: AtomicUsize::new(if whole { pieces } else { kept.min(pieces) }),
            others,
            at: AtomicUsize::new(pieces.saturating_sub(1)),
            in_order: AtomicBool::new(true),
            reads: AtomicU64::new(0),
            state: Mutex::default(),
            read: Condvar::new(),
            asked: Condvar::new(),
        });
        let shape = Arc::new(shape);
        let (common, own) = (shared.clone(), shape.clone());
        let mut source = source;
        let reader = thread::Builder::new()
            .name("steepest-reader".into())
            .spawn(move || common.serve(&own, &mut source))
            .map_err(|e| format!("no thread could be started to read the table: {e}"))?;
        let held = RwLock::default();
        Ok(Streamed { shape, shared, held, memory, room, reader: Some(reader) })
    }
    /// How often the table has been read so far: pieces read, over all pieces.
    pub fn reads(&self) -> f64 {
        self.shared.reads.load(Relaxed) as f64 / self.shared.pieces.len().max(1) as f64
    }

    /// Keeps as many pieces as there is room for beside samples of so many bytes.
    fn keep_beside(&self, samples: usize) {
        let piece = (self.shape.per * self.shape.bytes::<N>()).max(1);
        let kept = self.memory.saturating_sub(samples + self.shared.others * piece) / piece;
        self.shared.keep(kept.min(self.shared.pieces.len()));
    }

    fn held(&self, rows: &Range<usize>) -> Option<(Arc<HeldSample<N>>, usize)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().rev().find_map(|h| Some((h.clone(), h.find(rows)?)))
    }
    /// Calls `f` with the rows, as a table and where they lie in it, in stretches of one piece each. False where they
    /// cannot be read.
    fn stretches(
        &self,
        rows: Range<usize>,
        mut f: impl FnMut(Range<usize>, &dyn Design, usize),
    ) -> bool {
        if let Some((held, at)) = self.held(&rows) {
            self.shape.look(&held.block, |table| f(rows, table, at));
            return true;
        }
        let per = self.shape.per;
        let apart = rows.start / per < rows.end.saturating_sub(1) / per;
        if apart && !(per - rows.start % per).is_multiple_of(GRAIN) {
            let mut block = self.shape.block(rows.len());
            let read = self.copied(&rows, &mut block, 0);
            if read {
                self.shape.look(&block, |table| f(rows, table, 0));
            }
            return read;
        }
        let mut from = rows.start;
        while from < rows.end {
            let p = from / per;
            let to = rows.end.min((p + 1) * per);
            let Some(block) = self.shared.wait(p) else { return false };
            self.shape.look(&block, |table| f(from..to, table, from - p * per));
            from = to;
        }
        true
    }
    /// Copies rows into a block.
    fn copied(&self, rows: &Range<usize>, to: &mut Decoded<N>, at: usize) -> bool {
        let (per, mut from) = (self.shape.per, rows.start);
        while from < rows.end {
            let p = from / per;
            let end = rows.end.min((p + 1) * per);
            let Some(block) = self.shared.wait(p) else { return false };
            self.shape.copy(&block, from - p * per..end - p * per, to, at + from - rows.start);
            from = end;
        }
        true
    }
    /// Calls `f` with each named row, or each run of them that lies side by side in `rows` and in one piece, as a table,
    /// their names in it and where they stand in `rows`: each piece once, in order.
    fn named(&self, rows: &[u32], mut f: impl FnMut(&dyn Design, &[u32], usize)) -> bool {
        let per = self.shape.per;
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        let mut local: Vec<u32> = Vec::with_capacity(rows.len());
        order.retain(|&at| {
            let i = rows[at as usize] as usize;
            let held = self.held(&(i..i + 1));
            if let Some((held, place)) = &held {
                let look = |table: &dyn Design| f(table, &[*place as u32], at as usize);
                self.shape.look(&held.block, look);
            }
            held.is_none()
        });
        order.sort_by_key(|&at| rows[at as usize]);
        let mut from = 0;
        while from < order.len() {
            let p = rows[order[from] as usize] as usize / per;
            let Some(block) = self.shared.wait(p) else { return false };
            let first = (p * per) as u32;
            self.shape.look(&block, |table| {
                while from < order.len() && rows[order[from] as usize] as usize / per == p {
                    let start = order[from];
                    local.clear();
                    while let Some(&at) = order.get(from)
                        && at == start + local.len() as u32
                        && rows[at as usize] as usize / per == p
                    {
                        local.push(rows[at as usize] - first);
                        from += 1;
                    }
                    f(table, &local, start as usize);
                }
            });
        }
        true
    }
}

impl<N: Float> Drop for Streamed<N> {
    fn drop(&mut self) {
        lock(&self.shared.state).closing = true;
        self.shared.asked.notify_all();
        let Some(reader) = self.reader.take() else { return };
        let (until, mut pause) = (Instant::now() + PATIENCE, Duration::from_micros(50));
        while !reader.is_finished() {
            if Instant::now() > until {
                // Its source does not come back (a queue that nobody fills): it ends once that does.
                return;
            }
            thread::sleep(pause);
            pause = (2 * pause).min(WAIT);
        }
        // It has caught what its source panicked with.
        let _ = reader.join();
    }
}

/// The rows that are asked for next, where they lie in the same block.
fn hint(ahead: &Range<usize>, rows: &Range<usize>, at: usize, there: usize) -> Range<usize> {
    let inside = |i: usize| (at + i).saturating_sub(rows.start).min(there);
    if ahead.start < rows.start { 0..0 } else { inside(ahead.start)..inside(ahead.end) }
}

impl<N: Float> Design for Streamed<N> {
    fn rows(&self) -> usize {
        self.shape.rows
    }
    fn columns(&self) -> usize {
        self.shape.columns
    }
    fn dense(&self) -> bool {
        self.shape.levels.is_empty() && self.shape.sparse.0 == 0
    }
    fn bytes(&self) -> usize {
        self.shape.rows * self.shape.bytes::<N>()
    }
    fn margins(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        let first = rows.start;
        let read = self.stretches(rows, |part, table, at| {
            let out = &mut out[(part.start - first) * outputs..(part.end - first) * outputs];
            let next = hint(&ahead, &part, at, table.rows());
            table.margins(at..at + part.len(), next, w, outputs, out);
        });
        if !read {
            out.fill(f64::NAN);
        }
    }
    fn accumulate(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        s: &[f64],
        outputs: usize,
        gradient: &mut [f64],
    ) {
        let first = rows.start;
        let read = self.stretches(rows, |part, table, at| {
            let s = &s[(part.start - first) * outputs..(part.end - first) * outputs];
            let next = hint(&ahead, &part, at, table.rows());
            table.accumulate(at..at + part.len(), next, s, outputs, gradient);
        });
        if !read {
            gradient.fill(f64::NAN);
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        let d = self.shape.columns;
        let read = self.named(rows, |table, rows, at| {
            table.gather(rows, &mut out[at * d..(at + rows.len()) * d]);
        });
        if !read {
            out.fill(f64::NAN);
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        let k = columns.len();
        let read = self.named(rows, |table, rows, at| {
            table.select(rows, columns, &mut out[at * k..(at + rows.len()) * k]);
        });
        if !read {
            out.fill(f64::NAN);
        }
    }
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        let first = rows.start;
        let read = self.stretches(rows, |part, table, at| {
            let weight = &weight[part.start - first..part.end - first];
            table.moments(at..at + part.len(), weight, sum, square);
        });
        if !read {
            sum.fill(f64::NAN);
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        (0..self.shared.pieces.len()).find_map(|p| {
            let block = self.shared.wait(p)?;
            let (row, column) = self.shape.look(&block, |table| table.not_finite())?;
            Some((p * self.shape.per + row, column))
        })
    }
    fn distances(&self, rows: Range<usize>, centre: &[f64], inverse: &[f64], out: &mut [f64]) {
        let first = rows.start;
        let read = self.stretches(rows, |part, table, at| {
            let out = &mut out[part.start - first..part.end - first];
            table.distances(at..at + part.len(), centre, inverse, out);
        });
        if !read {
            out.fill(f64::NAN);
        }
    }
    fn holds(&self) -> usize {
        if self.room == 0 { usize::MAX } else { self.room / self.shape.bytes::<N>().max(1) }
    }
    fn hold(&self, runs: &[Range<usize>]) {
        let count = |runs: &[Range<usize>]| runs.iter().map(|run| run.len()).sum::<usize>();
        if count(runs) == self.shape.rows {
            return;
        }
        let runs: Vec<Range<usize>> =
            runs.iter().filter(|run| self.held(run).is_none()).cloned().collect();
        let (rows, row) = (count(&runs), self.shape.bytes::<N>());
        if rows == 0 || rows > self.holds() || self.room == 0 {
            return;
        }
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            let bytes = |held: &[Arc<HeldSample<N>>]| {
                held.iter().map(|h| h.block.rows * row).sum::<usize>()
            };
            while !held.is_empty() && bytes(&held) + rows * row > self.room {
                held.remove(0);
            }
            self.keep_beside(bytes(&held) + rows * row);
        }
        let (mut first, mut at) = (Vec::with_capacity(runs.len()), 0);
        let mut block = self.shape.block(rows);
        for run in &runs {
            if !self.copied(run, &mut block, at) {
                return;
            }
            first.push(at);
            at += run.len();
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.push(Arc::new(HeldSample { runs, first, block }));
    }
    fn hold_named(&self, rows: &[u32]) {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for i in rows.iter().map(|i| *i as usize) {
            match runs.last_mut() {
                Some(run) if run.end == i => run.end += 1,
                Some(run) if i < run.end => return,
                _ => runs.push(i..i + 1),
            }
        }
        self.hold(&runs);
    }
    fn unreadable(&self) -> Option<Unreadable> {
        lock(&self.shared.state).unreadable.clone()
    }
    fn block(&self) -> usize {
        self.shape.look(&self.shape.block::<N>(0), |none| none.block())
    }
}
