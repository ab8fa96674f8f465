//! A table that is not in memory: read in pieces by a thread of its own while the pool computes.
mod pieces;
mod reading;

use crate::design::Design;
use crate::numbers::real::Float;
use crate::source::{Source, Unreadable};
use pieces::{Decoded, Layout};
use reading::{AHEAD, Reading, WAIT, lock};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Bytes of a piece at least and at most: enough that reading it is no matter of beginnings, few enough that some fit
/// anywhere.
const PIECE: [usize; 2] = [1 << 16, 8 << 20];
/// Bytes of rows that a thread takes at once.
const TAKEN: usize = 2 << 20;
/// Bytes for samples at least.
const SAMPLES: usize = 4 << 20;
/// Dense rows are added four at a time: stretches are whole fours, so that no sum depends on where pieces end.
const GRAIN: usize = 4;
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

/// The rows of a sample, in order.
struct HeldSample<N> {
    runs: Vec<Range<usize>>,
    /// Where each run begins in the block.
    first: Vec<usize>,
    block: Decoded<N>,
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
        let threads = crate::parallel::pool::pool().threads();
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
