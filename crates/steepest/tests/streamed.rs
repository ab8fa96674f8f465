//! A table that is read in pieces is the table in memory, to the bit; and what cannot be read is named.
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use steepest::descend::{Solution, descend};
use steepest::design::Design;
use steepest::designs::codes::{Category, Codes};
use steepest::designs::{dense::Dense, sparse::Sparse, stack::Stack, streamed::Streamed};
use steepest::glm::Glm;
use steepest::loss::{Block, Each};
use steepest::losses::softmax::Classes;
use steepest::losses::{logistic::Logistic, squared::Squared};
use steepest::methods::METHODS;
use steepest::numbers::real::Float;
use steepest::parallel::pool::with_threads;
use steepest::penalties::{l1::L1, l2::L2};
use steepest::penalty::{self, Penalty};
use steepest::settings::checked;
use steepest::source::{Entries, Source, Unreadable};
use steepest::watch::{Stop, Unwatched};
use tables::table;

#[expect(dead_code)]
mod tables;

/// A table in memory that is read as if it were not.
#[derive(Clone, Default)]
struct Kept<N> {
    numbers: Arc<Vec<N>>,
    width: usize,
    /// Of each category in turn a code a row.
    codes: Arc<Vec<i32>>,
    levels: Vec<usize>,
    /// Sparse columns, and the entries of each row.
    sparse: usize,
    entries: Arc<Vec<Vec<(i32, N)>>>,
    rows: usize,
    /// Reads so far, and after how many of them it fails.
    reads: Arc<AtomicUsize>,
    fails: Option<usize>,
    panics: bool,
}

impl<N: Float> Source<N> for Kept<N> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn numbers(&self) -> usize {
        self.width
    }
    fn levels(&self) -> &[usize] {
        &self.levels
    }
    fn sparse(&self) -> (usize, usize) {
        (self.sparse, self.entries.iter().map(Vec::len).sum())
    }
    fn read(
        &mut self,
        rows: Range<usize>,
        numbers: &mut [N],
        codes: &mut [i32],
        entries: &mut Entries<N>,
    ) -> Result<(), Unreadable> {
        let before = self.reads.fetch_add(1, SeqCst);
        if self.fails.is_some_and(|after| before >= after) {
            assert!(!self.panics, "on purpose");
            let (what, why) = ("part-1.parquet".into(), "the page is corrupt".into());
            return Err(Unreadable { what, group: Some(before), why });
        }
        let w = self.width;
        numbers.copy_from_slice(&self.numbers[rows.start * w..rows.end * w]);
        for (k, codes) in codes.chunks_exact_mut(rows.len()).enumerate() {
            codes.copy_from_slice(&self.codes[k * self.rows..][rows.clone()]);
        }
        for row in self.entries.iter().take(rows.end).skip(rows.start) {
            row.iter().for_each(|(j, v)| entries.push(*j as usize, *v));
            entries.end_row();
        }
        Ok(())
    }
}

fn numbers<N: Float>(rows: usize, width: usize) -> Kept<N> {
    let x =
        (0..rows * width).map(|i| N::lit(((i * i * 7919 + i * 31) % 1013) as f64 / 506.0 - 1.0));
    Kept { numbers: Arc::new(x.collect()), width, rows, ..Kept::default() }
}

/// Whether all that a design is asked has the same bits.
fn same(a: &dyn Design, b: &dyn Design) {
    let (n, d) = (a.rows(), a.columns());
    assert_eq!((n, d, a.dense()), (b.rows(), b.columns(), b.dense()));
    assert_eq!(a.block(), b.block());
    // Sparse rows are taken to be as long as others.
    assert!(a.bytes().abs_diff(b.bytes()) <= n * size_of::<f64>() * 2, "{}", a.bytes());
    let both = |f: &mut dyn FnMut(&dyn Design) -> Vec<f64>| {
        let (a, b) = (f(a), f(b));
        assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{n} {d}");
        assert!(!a.is_empty() && a.len() == b.len());
    };
    for outputs in [1, 3] {
        let w: Vec<f64> = (0..outputs * d).map(|k| (k as f64 * 0.7).sin()).collect();
        let s: Vec<f64> = (0..outputs * n).map(|k| (k as f64 * 1.3).cos()).collect();
        for rows in [0..n, n / 3..n - n / 4, 7..8, n - 100..n - 63, 30..62] {
            let of = outputs * rows.len();
            both(&mut |table| {
                let mut out = vec![0.0; of];
                table.margins(rows.clone(), rows.end..n, &w, outputs, &mut out);
                out
            });
            both(&mut |table| {
                let mut g = vec![0.5; outputs * d];
                table.accumulate(rows.clone(), 0..0, &s[..of], outputs, &mut g);
                g
            });
            both(&mut |table| {
                let (mut sum, mut square) = (vec![1.0; d], vec![2.0; d]);
                table.moments(rows.clone(), &s[..rows.len()], &mut sum, &mut square);
                [sum, square].concat()
            });
            both(&mut |table| {
                let mut far = vec![0.0; rows.len()];
                table.distances(rows.clone(), &w[..d], &s[..d], &mut far);
                far
            });
        }
    }
    let scattered: Vec<u32> = (0..200).map(|i| (i * 7919 % n) as u32).collect();
    for rows in [scattered, (0..n as u32).rev().step_by(3).collect(), (5..90).collect()] {
        let columns: Vec<u32> = (0..d as u32).filter(|j| j % 3 != 1).collect();
        both(&mut |table| {
            let mut out = vec![0.0; rows.len() * d];
            table.gather(&rows, &mut out);
            let mut some = vec![0.0; rows.len() * columns.len()];
            table.select(&rows, &columns, &mut some);
            out.append(&mut some);
            out
        });
    }
    assert_eq!(a.not_finite(), b.not_finite());
}

/// In one piece and in many, in no memory, in a little and in enough, before and after a sample was named.
fn streamed<N: Float>(source: &Kept<N>, memory: &dyn Design) {
    let bytes = memory.bytes();
    let runs: Vec<Range<usize>> = (0..30).map(|r| r * 30..r * 30 + 20).collect();
    for pieces in [1, 3, 64] {
        for room in [0, bytes / 2, 2 * bytes] {
            let per = memory.rows() / pieces + 1;
            let table = Streamed::in_pieces(source.clone(), room, per).expect("a table");
            same(&table, memory);
            table.hold(&runs);
            same(&table, memory);
            assert_eq!(table.unreadable(), None);
        }
    }
}

#[test]
fn read_in_pieces_it_is_the_table_in_memory() {
    let double = numbers::<f64>(2000, 5);
    streamed(&double, &Dense::by_rows(&double.numbers, 5).expect("a table"));
    let single = numbers::<f32>(1003, 40);
    streamed(&single, &Dense::by_rows(&single.numbers, 40).expect("a table"));
    let mut mixed = numbers::<f64>(2000, 3);
    mixed.levels = vec![4, 7];
    mixed.codes = Arc::new((0..4000).map(|i| (i * i % 9) - 1).collect());
    let categories: Vec<Category<'_>> = (mixed.codes.chunks(2000).zip(&mixed.levels))
        .map(|(codes, &levels)| Category { codes, levels })
        .collect();
    let codes = Codes::new(2000, &mixed.numbers, 3, &categories).expect("a table");
    streamed(&mixed, &codes);
}

/// Some entries a row, none in some rows.
fn entries<N: Float>(rows: usize, columns: usize) -> Vec<Vec<(i32, N)>> {
    let entry = |i: usize, e: usize| {
        ((i * 31 + e * e * 7) % columns, N::lit(((i * 17 + e * 29) % 101) as f64 / 50.0 - 1.0))
    };
    let mut all: Vec<Vec<(i32, N)>> = (0..rows)
        .map(|i| (0..i % 5).map(|e| entry(i, e)).map(|(j, v)| (j as i32, v)).collect())
        .collect();
    all.iter_mut().for_each(|row| {
        row.sort_by_key(|(j, _)| *j);
        row.dedup_by_key(|(j, _)| *j);
    });
    all
}

/// As CSR.
fn csr<N: Float>(rows: &[Vec<(i32, N)>]) -> (Vec<N>, Vec<i32>, Vec<i32>) {
    let mut starts = vec![0];
    rows.iter().for_each(|row| starts.push(starts[starts.len() - 1] + row.len() as i32));
    let (columns, values) = rows.iter().flatten().copied().unzip();
    (values, columns, starts)
}

#[test]
fn dense_sparse_and_codes_stand_side_by_side() {
    let mut all = numbers::<f64>(2000, 3);
    all.levels = vec![4];
    all.codes = Arc::new((0..2000).map(|i| (i * i % 6) - 1).collect());
    (all.sparse, all.entries) = (40, Arc::new(entries(2000, 40)));
    let (values, columns, starts) = csr(&all.entries);
    let sparse = Sparse::new(&values, &columns, &starts, 40).expect("a table");
    let category = Category { codes: &all.codes, levels: 4 };
    let codes = Codes::new(2000, &all.numbers, 3, &[category]).expect("a table");
    let stack = Stack::new(&[&codes, &sparse]).expect("a table");
    streamed(&all, &stack);
    // The same as one matrix that has all of them, written out.
    let (d, mut dense) = (47, vec![0.0; 2000 * 47]);
    stack.gather(&(0..2000).collect::<Vec<u32>>(), &mut dense);
    for i in 0..2000 {
        assert_eq!(dense[i * d..][..3], all.numbers[i * 3..][..3]);
        let ones = dense[i * d + 3..][..4].iter().position(|v| *v == 1.0);
        assert_eq!(ones.map_or(-1, |k| k as i32), if all.codes[i] < 4 { all.codes[i] } else { -1 });
        for (j, v) in &all.entries[i] {
            assert_eq!(dense[i * d + 7 + *j as usize], *v);
        }
    }
    let written = Dense::by_rows(&dense, d).expect("a table");
    let close = |a: &[f64], b: &[f64]| {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs())));
    };
    for outputs in [1, 3] {
        let w: Vec<f64> = (0..outputs * d).map(|k| (k as f64 * 0.7).sin()).collect();
        let (mut a, mut b) = (vec![0.0; 2000 * outputs], vec![0.0; 2000 * outputs]);
        stack.margins(0..2000, 0..0, &w, outputs, &mut a);
        written.margins(0..2000, 0..0, &w, outputs, &mut b);
        close(&a, &b);
        let (mut g, mut h) = (vec![0.0; outputs * d], vec![0.0; outputs * d]);
        stack.accumulate(0..2000, 0..0, &a, outputs, &mut g);
        written.accumulate(0..2000, 0..0, &a, outputs, &mut h);
        close(&g, &h);
    }
    let only = Kept { width: 0, numbers: Arc::default(), levels: vec![], ..all.clone() };
    streamed(&Kept { codes: Arc::default(), ..only }, &sparse);
    let short = Dense::by_rows(&[1.0, 2.0], 1).expect("a table");
    let words = Stack::new(&[&sparse, &short]).err().expect("refused");
    assert_eq!(words, "tables of 2000 and of 2 rows cannot stand side by side");
}

#[test]
fn entries_outside_of_the_sparse_columns_are_refused() {
    let mut table = numbers::<f64>(2000, 3);
    (table.sparse, table.entries) = (40, Arc::new(entries(2000, 41)));
    let read = Streamed::in_pieces(table.clone(), 0, 500).expect("a table");
    read.margins(0..2000, 0..0, &[0.0; 43], 1, &mut vec![0.0; 2000]);
    let words = read.unreadable().expect("it cannot be read").to_string();
    assert!(words.contains("an entry in sparse column 40 of 40"), "{words}");
    table.entries = Arc::new(entries(700, 40));
    let read = Streamed::in_pieces(table, 0, 500).expect("a table");
    read.margins(0..2000, 0..0, &[0.0; 43], 1, &mut vec![0.0; 2000]);
    let words = read.unreadable().expect("it cannot be read").to_string();
    assert!(words.contains("their source ended"), "{words}");
}

/// Waits for what never comes.
struct Waiting(Receiver<()>);

impl Source<f64> for Waiting {
    fn rows(&self) -> usize {
        1000
    }
    fn numbers(&self) -> usize {
        1
    }
    fn read(
        &mut self,
        _: Range<usize>,
        _: &mut [f64],
        _: &mut [i32],
        _: &mut Entries<f64>,
    ) -> Result<(), Unreadable> {
        // Whether somebody speaks or all are gone.
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn a_source_that_does_not_come_back_holds_nobody_up() {
    let (never, waiting) = channel();
    // Its first piece is read before anybody asks.
    drop(Streamed::in_pieces(Waiting(waiting), 0, 100).expect("a table"));
    drop(never);
}

#[test]
fn what_is_kept_is_not_read_again() {
    let source = numbers::<f64>(64_000, 4);
    let pass = |table: &Streamed<f64>| {
        let mut out = vec![0.0; 64];
        for from in (0..64_000).step_by(64) {
            table.margins(from..from + 64, 0..0, &[1.0; 4], 1, &mut out);
        }
    };
    let bytes = 64_000 * 4 * 8;
    let whole = Streamed::in_pieces(source.clone(), bytes, 1000).expect("a table");
    (0..3).for_each(|_| pass(&whole));
    assert_eq!(whole.reads(), 1.0);
    let half = Streamed::in_pieces(source.clone(), bytes * 3 / 4, 1000).expect("a table");
    (0..11).for_each(|_| pass(&half));
    assert!(half.reads() < 7.5, "{}", half.reads());
    let none = Streamed::in_pieces(source, 0, 1000).expect("a table");
    (0..10).for_each(|_| pass(&none));
    assert!((9.0..11.0).contains(&none.reads()), "{}", none.reads());
    let runs: Vec<Range<usize>> = (0..60).map(|r| r * 1000..r * 1000 + 30).collect();
    half.hold(&runs);
    let before = half.reads();
    let rows: Vec<u32> = runs.iter().flat_map(|run| run.clone().map(|i| i as u32)).collect();
    half.gather(&rows, &mut vec![0.0; rows.len() * 4]);
    // At most what it had begun to read by itself.
    assert!(half.reads() - before <= 3.0 / 64.0);
}

fn fit(
    design: &dyn Design,
    (loss, y): (&dyn Block, &[f64]),
    penalty: &dyn Penalty,
    method: &str,
) -> Result<Solution, Box<dyn std::error::Error + Send + Sync>> {
    let entry = METHODS.iter().find(|m| m.name == method).expect("registered");
    let mut glm = Glm::new(design, loss, y, None, true)?;
    let x0 = vec![0.0; loss.outputs() * (design.columns() + 1)];
    let stop = Stop { tolerance: 1e-9, passes: 60.0, ..Stop::default() };
    let settings = checked(entry.name, entry.parameters, &[])?;
    descend(&mut glm, penalty, (entry.build)(&settings), &x0, stop, &mut Unwatched)
}

fn weights(outputs: usize, d: usize) -> Vec<f64> {
    (0..outputs * (d + 1)).map(|j| if j % (d + 1) < d { 1e-4 } else { 0.0 }).collect()
}

/// Fits the table in memory and in pieces.
fn fitted_alike(
    loss: &dyn Block,
    y: &[f64],
    x: &[f64],
    d: usize,
    penalty: &dyn Penalty,
    method: &str,
) {
    let memory = Dense::by_rows(x, d).expect("a table");
    let want = fit(&memory, (loss, y), penalty, method).expect("an answer");
    let rows = x.len() / d;
    let source = Kept { numbers: Arc::new(x.to_vec()), width: d, rows, ..Kept::default() };
    for (room, threads) in [(0, 1), (memory.bytes() / 3, 2), (2 * memory.bytes(), 5)] {
        let table = Streamed::in_pieces(source.clone(), room, rows / 9).expect("a table");
        let got = with_threads(threads, || fit(&table, (loss, y), penalty, method));
        let got = got.expect("an answer");
        assert_eq!(got.status, want.status, "{method}");
        assert_eq!(got.counts, want.counts, "{method}");
        assert!(got.x.iter().zip(&want.x).all(|(a, b)| a.to_bits() == b.to_bits()), "{method}");
        let bound = |s: &Solution| s.certificate.as_ref().map(|c| c.bound.to_bits());
        assert_eq!(bound(&got), bound(&want), "{method}");
    }
}

#[test]
fn a_fit_has_the_same_bits_from_pieces_as_from_memory() {
    let t = table("raw, 1e±2, shifted by 3 sigma", 12_000, 8);
    let logistic = Each(Logistic::default());
    let (l2, l1) = (
        penalty::PerCoordinate::new(L2::default(), &weights(1, 8)),
        penalty::PerCoordinate::new(L1::default(), &weights(1, 8)),
    );
    for method in ["progressive", "lbfgs", "newton"] {
        fitted_alike(&logistic, &t.y, &t.x, 8, &l2, method);
    }
    for method in ["coordinate", "fista"] {
        fitted_alike(&logistic, &t.y, &t.x, 8, &l1, method);
    }
    let target: Vec<f64> = t.x.chunks(8).zip(&t.y).map(|(r, y)| r[3] * 0.1 + y).collect();
    fitted_alike(&Each(Squared::default()), &target, &t.x, 8, &l1, "coordinate");
    let three: Vec<f64> = t.x.chunks(8).zip(&t.y).map(|(r, y)| y + f64::from(r[5] > 0.0)).collect();
    let l2 = penalty::PerCoordinate::new(L2::default(), &weights(3, 8));
    fitted_alike(&Classes { outputs: 3 }, &three, &t.x, 8, &l2, "progressive");
}

#[test]
fn what_cannot_be_read_ends_the_descent_and_is_named() {
    let t = table("raw, 1e±2, shifted by 3 sigma", 12_000, 8);
    let loss = Each(Logistic::default());
    let penalties: [Box<dyn Penalty>; 2] = [
        Box::new(penalty::PerCoordinate::new(L2::default(), &weights(1, 8))),
        Box::new(penalty::PerCoordinate::new(L1::default(), &weights(1, 8))),
    ];
    let methods =
        [("progressive", 0), ("lbfgs", 0), ("newton", 0), ("coordinate", 1), ("fista", 1)];
    for (method, penalty) in methods {
        for fails in [0, 1, 7, 15, 23, 40] {
            for panics in [false, true] {
                let numbers = Arc::new(t.x.clone());
                let fails = Some(fails);
                let source =
                    Kept { numbers, width: 8, rows: 12_000, fails, panics, ..Kept::default() };
                let table = Streamed::in_pieces(source, 0, 1000).expect("a table");
                let got = fit(&table, (&loss, &t.y), &*penalties[penalty], method);
                let words = got.expect_err("it cannot be read").to_string();
                let named = if panics { "rows " } else { "part-1.parquet, row group " };
                assert!(words.starts_with(named), "{method}: {words}");
                assert!(words.ends_with(if panics { "panicked" } else { "the page is corrupt" }));
            }
        }
    }
}

#[test]
fn samples_scales_and_metrics_are_held_from_one_read() {
    // More than the little that samples have in any case, so that this table is truly read anew.
    let t = table("raw, 1e±2, shifted by 3 sigma", 150_000, 8);
    let loss = Each(Logistic::default());
    let l2 = penalty::PerCoordinate::new(L2::default(), &weights(1, 8));
    let source =
        Kept { numbers: Arc::new(t.x.clone()), width: 8, rows: 150_000, ..Kept::default() };
    let table = Streamed::in_pieces(source, 0, 3000).expect("a table");
    assert!(table.holds() < table.rows());
    // One thread comes to the pieces in order: several, whose parts are larger than these, would read some twice.
    let got = with_threads(1, || fit(&table, (&loss, &t.y), &l2, "progressive"));
    let got = got.expect("an answer");
    assert!(got.status.success(), "{:?}", got.status);
    // Each pass is a read, and the samples are another.
    assert!(table.reads() <= got.counts.passes + 1.7, "{} {}", table.reads(), got.counts.passes);
    let memory = Dense::by_rows(&t.x, 8).expect("a table");
    let want = fit(&memory, (&loss, &t.y), &l2, "progressive").expect("an answer");
    let bound = |s: &Solution| s.certificate.as_ref().map_or(f64::INFINITY, |c| c.bound);
    assert!((got.value - want.value).abs() <= bound(&got).max(bound(&want)));
}
