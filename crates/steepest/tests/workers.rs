//! A table whose rows lie with three workers, as a method sees it: what is as long as the rows stays with them, what is as
//! long as the variables travels, and no method knows.
use std::ops::Range;
use steepest::descend::{Solution, descend};
use steepest::design::Design;
use steepest::designs::{dense::Dense, sparse::Sparse};
use steepest::glm::Glm;
use steepest::held::Held;
use steepest::loss::{Block, Each};
use steepest::losses::{huber::Huber, logistic::Logistic, softmax::Classes, squared::Squared};
use steepest::methods::METHODS;
use steepest::objective::{Ask, Objective, Offers, Rows, Work};
use steepest::parallel::pool::with_threads;
use steepest::penalties::PENALTIES;
use steepest::status::{Halt, Status};
use steepest::table::{OfRows, Sample, Scores, Slot, Table, joined};
use steepest::watch::{Stop, Unwatched};

/// The parts of a table, one after another.
struct Workers<'a> {
    parts: Vec<Glm<'a>>,
    rows: Vec<Range<usize>>,
}

/// One worker's answer, until it is merged.
#[derive(Default)]
struct Answer {
    numbers: Vec<f64>,
    floats: Vec<f32>,
    rows: Vec<u32>,
    count: usize,
    sides: [usize; 2],
    jet: [f64; 3],
    whether: [bool; 2],
    cell: Option<(usize, usize)>,
}

/// Some of all rows as one worker has them.
struct Share {
    sample: Option<Sample>,
    /// Its rows, and its places among those that are asked about.
    rows: Range<usize>,
    places: Range<usize>,
    /// What its means count for, and its scores.
    part: f64,
    score: f64,
    /// Whether none was asked before it.
    first: bool,
}

/// Where those of a range lie among all.
fn within(all: &[u32], range: &Range<usize>) -> Range<usize> {
    let at = |row: usize| all.partition_point(|&i| (i as usize) < row);
    at(range.start)..at(range.end)
}

fn moved(rows: &[u32], by: usize) -> Vec<u32> {
    rows.iter().map(|&i| (i as usize - by) as u32).collect()
}

impl<'a> Workers<'a> {
    fn table(&self) -> Table {
        let facts = self.parts.iter().map(|p| p.offers().table.expect("a table"));
        facts
            .reduce(|all, part| Table {
                rows: all.rows + part.rows,
                bytes: all.bytes + part.bytes,
                total: all.total + part.total,
                holds: all.holds.min(part.holds),
                ..all
            })
            .expect("a worker")
    }
    /// What each worker has of the rows.
    fn shares(&self, rows: Rows<'_>) -> Result<Vec<Share>, Halt> {
        let (table, mut from) = (self.table(), 0);
        let mut shares = Vec::new();
        for (glm, own) in self.parts.iter().zip(&self.rows) {
            let facts = glm.offers().table.expect("a table");
            let mut share = Share {
                sample: None,
                rows: own.clone(),
                places: own.clone(),
                part: facts.total / table.total,
                score: (facts.total / table.total) * (table.rows as f64 / facts.rows as f64),
                first: shares.is_empty(),
            };
            match rows {
                Rows::All => {}
                Rows::Sample(all) => {
                    let places = within(all.rows(), own);
                    let names = moved(&all.rows()[places.clone()], own.start);
                    let sample = Sample::new(joined(&names), all.share[places.clone()].to_vec());
                    share.part = 1.0;
                    share.score = all.len() as f64 / sample.len().max(1) as f64;
                    share.places = from..from + sample.len();
                    from = share.places.end;
                    share.sample = Some(sample);
                }
                Rows::Terms(_) => return rows.all().map(|()| Vec::new()),
            }
            shares.push(share);
        }
        Ok(shares)
    }
}

/// The question as one worker is asked it, with its own room for the answer.
fn asked<'q>(
    ask: &'q mut Ask<'_>,
    share: &'q Share,
    outputs: usize,
    answer: &'q mut Answer,
    names: &'q mut Vec<u32>,
) -> Option<Ask<'q>> {
    let Answer { numbers, floats, rows, count, sides, jet, whether, cell } = answer;
    let mut room = |n: usize| numbers.resize(n, 0.0);
    Some(match ask {
        Ask::Value(_) => {
            room(1);
            Ask::Value(&mut numbers[0])
        }
        Ask::Gradient(to) => {
            room(to.len());
            Ask::Gradient(numbers)
        }
        Ask::Rows(ask) => Ask::Rows(match ask {
            OfRows::Bent { at, along, to, keep } => {
                room(to.len());
                OfRows::Bent { at: *at, along, to: numbers, keep: *keep }
            }
            OfRows::Combined { by, to } => {
                room(to.len());
                let own = share.rows.start * outputs..share.rows.end * outputs;
                OfRows::Combined { by: &by[own], to: numbers }
            }
            OfRows::Sum { of, at, to } => {
                room(to.len());
                OfRows::Sum { of: *of, at: *at, to: numbers }
            }
            OfRows::Along { from, by, length, at, .. } => {
                OfRows::Along { from: *from, by: *by, length: *length, at: *at, to: jet }
            }
            OfRows::Settled { at, .. } => OfRows::Settled { at: *at, to: &mut whether[0] },
            OfRows::Largest { of, .. } => {
                room(1);
                OfRows::Largest { of: *of, to: &mut numbers[0] }
            }
            OfRows::Recedes { by, largest, way, centre, scale, .. } => {
                OfRows::Recedes { by: *by, largest: *largest, way, centre, scale, to: whether }
            }
            OfRows::Wrong { at, beyond, count: before, every: (first, step), .. } => {
                let before = if share.first { 0 } else { **before };
                let first = if *first >= before {
                    *first - before
                } else {
                    (*step - (before - *first) % *step) % *step
                };
                let every = (first, *step);
                OfRows::Wrong { at: *at, beyond: *beyond, count, every, to: rows }
            }
            OfRows::Sides(_) => OfRows::Sides(sides),
            OfRows::Side { above, .. } => OfRows::Side { above: *above, to: rows },
            OfRows::Weights { of, .. } => {
                *names = moved(&of[within(of, &share.rows)], share.rows.start);
                room(names.len());
                OfRows::Weights { of: names, to: numbers }
            }
            OfRows::Moments { sum, .. } => {
                room(2 * sum.len());
                let (sum, square) = numbers.split_at_mut(sum.len());
                OfRows::Moments { sum, square }
            }
            OfRows::NotFinite(_) => OfRows::NotFinite(cell),
            OfRows::Scores(scores) => OfRows::Scores(match scores {
                Scores::Tails(_) => {
                    room(2);
                    Scores::Tails((&mut numbers[..2]).try_into().expect("two"))
                }
                Scores::Sum { times, most, .. } => {
                    room(1);
                    let times = (f64::from(*times) * share.score) as f32;
                    Scores::Sum { times, most: *most, to: &mut numbers[0] }
                }
                Scores::Draw { times, sum, .. } => {
                    let times = (f64::from(*times) * share.score) as f32;
                    Scores::Draw { times, sum, to: rows }
                }
                Scores::Of { places, .. } => {
                    *names = moved(&places[within(places, &share.places)], share.places.start);
                    floats.resize(names.len(), 0.0);
                    Scores::Of { places: names, to: floats }
                }
                Scores::Keep { at, far } => Scores::Keep { at: *at, far: *far },
                Scores::Free => Scores::Free,
            }),
            other => return Some(Ask::Rows(other.again())),
        }),
        _ => return None,
    })
}

/// What all workers answered so far.
fn merged(ask: &mut Ask<'_>, share: &Share, answer: &Answer) {
    let add = |to: &mut [f64], times: f64| {
        if share.first {
            to.fill(0.0);
        }
        to.iter_mut().zip(&answer.numbers).for_each(|(to, v)| *to += times * v);
    };
    let first = share.first;
    let join = |to: &mut Vec<u32>, by: usize| {
        if first {
            to.clear();
        }
        to.extend(answer.rows.iter().map(|&i| i + by as u32));
    };
    match ask {
        Ask::Value(to) => add(std::slice::from_mut(to), share.part),
        Ask::Gradient(to) => add(to, share.part),
        Ask::Rows(ask) => match ask {
            OfRows::Bent { to, .. } | OfRows::Sum { to, .. } => add(to, share.part),
            OfRows::Combined { to, .. } => add(to, 1.0),
            OfRows::Along { to, .. } => {
                let before = if first { [0.0; 3] } else { **to };
                **to = std::array::from_fn(|i| before[i] + share.part * answer.jet[i]);
            }
            OfRows::Settled { to, .. } => **to = answer.whether[0] && (first || **to),
            OfRows::Largest { to, .. } => {
                **to = if first { answer.numbers[0] } else { to.max(answer.numbers[0]) };
            }
            OfRows::Recedes { to, .. } => {
                let [all, any] = answer.whether;
                **to = [all && (first || to[0]), any || (!first && to[1])];
            }
            OfRows::Wrong { count, to, .. } => {
                **count = answer.count + if first { 0 } else { **count };
                join(to, share.places.start);
            }
            OfRows::Sides(to) => {
                let before = if first { [0; 2] } else { **to };
                **to = [before[0] + answer.sides[0], before[1] + answer.sides[1]];
            }
            OfRows::Side { to, .. } => join(to, share.rows.start),
            OfRows::Weights { of, to } => {
                to[within(of, &share.rows)].copy_from_slice(&answer.numbers);
            }
            OfRows::Moments { sum, square } => {
                let (s, q) = answer.numbers.split_at(sum.len());
                let before = if first { 0.0 } else { 1.0 };
                sum.iter_mut().zip(s).for_each(|(to, v)| *to = before * *to + v);
                square.iter_mut().zip(q).for_each(|(to, v)| *to = before * *to + v);
            }
            OfRows::NotFinite(to) => {
                let found = answer.cell.map(|(row, column)| (share.rows.start + row, column));
                **to = if first { found } else { to.or(found) };
            }
            OfRows::Scores(scores) => match scores {
                Scores::Tails(to) => {
                    let [most, sum] = if first { [0.0; 2] } else { **to };
                    **to = [most.max(answer.numbers[0]), sum + answer.numbers[1]];
                }
                Scores::Sum { to, .. } => add(std::slice::from_mut(to), 1.0),
                Scores::Draw { to, .. } => join(to, share.places.start),
                Scores::Of { places, to } => {
                    let to = &mut to[within(places, &share.places)];
                    let times = share.score;
                    let each = to.iter_mut().zip(&answer.floats);
                    each.for_each(|(to, v)| *to = (f64::from(*v) * times) as f32);
                }
                Scores::Keep { .. } | Scores::Free => {}
            },
            _ => {}
        },
        _ => {}
    }
}

impl Objective for Workers<'_> {
    fn offers(&self) -> Offers {
        let table = self.table();
        let one = self.parts[0].offers();
        Offers { terms: table.rows, products: false, hessian: false, table: Some(table), ..one }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let outputs = self.table().outputs;
        for (part, share) in self.shares(rows)?.iter().enumerate() {
            let mut answers: Vec<Answer> = asks.iter().map(|_| Answer::default()).collect();
            let mut names = vec![Vec::new(); asks.len()];
            let mut own = Vec::new();
            for ((ask, answer), names) in asks.iter_mut().zip(&mut answers).zip(&mut names) {
                match asked(ask, share, outputs, answer, names) {
                    Some(ask) => own.push(ask),
                    None => return Err(Halt::Failed("workers do not know this question".into())),
                }
            }
            let of = share.sample.as_ref().map_or(Rows::All, Rows::Sample);
            self.parts[part].answer(x, of, &mut own, work)?;
            drop(own);
            asks.iter_mut().zip(&answers).for_each(|(ask, answer)| merged(ask, share, answer));
        }
        Ok(())
    }
    fn hold(
        &mut self,
        rows: Rows<'_>,
        places: Option<&[u32]>,
        margins: Option<Slot>,
        work: &mut Work<'_>,
    ) -> Result<Held<'_>, Halt> {
        let shares = self.shares(rows)?;
        let all: Vec<u32> = (0..shares.last().map_or(0, |s| s.places.end) as u32).collect();
        let places = places.unwrap_or(&all);
        let asked: Vec<_> = shares
            .into_iter()
            .map(|s| (moved(&places[within(places, &s.places)], s.places.start), s.sample, s.part))
            .collect();
        let mut held = Vec::new();
        for (part, (own, sample, times)) in self.parts.iter_mut().zip(&asked) {
            let of = sample.as_ref().map_or(Rows::All, Rows::Sample);
            let mut some = part.hold(of, Some(own), margins, work)?;
            some.share.to_mut().iter_mut().for_each(|s| *s *= times);
            held.push(some);
        }
        Ok(Held::joined(held).expect("a worker"))
    }
}

/// A table's numbers, targets and weights, drawn by a fixed recipe.
struct Drawn {
    x: Vec<f64>,
    y: Vec<f64>,
    weight: Option<Vec<f64>>,
    d: usize,
}

fn wave(i: usize) -> f64 {
    let mut z = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

impl Drawn {
    fn new(n: usize, d: usize, loss: &dyn Block, how: &str) -> Self {
        let scale = |j: usize| if how == "raw" { 10f64.powi((j % 7) as i32 - 3) } else { 1.0 };
        let centre = |j: usize| match how {
            "raw" => 50.0 * scale(j),
            "far" if j.is_multiple_of(3) => 1e6,
            _ => 0.0,
        };
        let there = |i: usize| how != "sparse" || wave(i + 7) > 0.7;
        let heavy = |v: f64| if how == "heavy" { v / (1.001 - v.abs()) } else { v };
        let x: Vec<f64> = (0..n * d)
            .map(|i| if there(i) { centre(i % d) + scale(i % d) * heavy(wave(i)) } else { 0.0 })
            .collect();
        let y = (0..n).map(|i| {
            let terms = (0..d).map(|j| wave(j + 99) * (x[i * d + j] - centre(j)) / scale(j));
            let z = terms.sum::<f64>() / (d as f64).sqrt() + 0.5 * wave(n * d + i);
            match (loss.name(), how) {
                ("logistic", "separable") => f64::from(x[i * d] > 0.0),
                ("logistic", "rare") => f64::from(z > 0.9),
                ("logistic", _) => f64::from(z > 0.0),
                ("softmax", _) => (2.0 * z + 1.5).clamp(0.0, 2.0).floor(),
                _ => z,
            }
        });
        let y: Vec<f64> = y.collect();
        // Some 0; of none that are small whole numbers, whose sums come to 1 exactly: there rounding decides what is drawn.
        let one = |i: usize| if i.is_multiple_of(4) { 0.0 } else { 1.5 + wave(i + 5) };
        let weight = (how == "weighted").then(|| (0..n).map(one).collect());
        Drawn { x, y, weight, d }
    }
    fn solve(&self, objective: &mut dyn Objective, by: &By) -> Solution {
        let entry = METHODS.iter().find(|m| m.name == by.method).expect("registered");
        let penalty = PENALTIES.iter().find(|p| p.name == by.penalty).expect("registered");
        let (dim, d) = (objective.dim(), self.d);
        let weight: Vec<f64> =
            (0..dim).map(|j| if j % (d + 1) < d { by.alpha } else { 0.0 }).collect();
        let settings: Vec<f64> = penalty.parameters.iter().map(|p| p.default).collect();
        let penalty = (penalty.build)(&settings, &weight);
        let stop = Stop { tolerance: by.tolerance, passes: by.passes, ..Stop::default() };
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        let method = (entry.build)(&settings);
        descend(objective, &*penalty, method, &vec![0.0; dim], stop, &mut Unwatched)
            .expect("an answer")
    }
}

/// How a problem is solved.
struct By {
    method: &'static str,
    penalty: &'static str,
    alpha: f64,
    tolerance: f64,
    passes: f64,
}

/// Rows by what is not zero: values, columns, starts.
type Stored = (Vec<f64>, Vec<i64>, Vec<i64>);

fn stored(x: &[f64], d: usize) -> Stored {
    let (mut values, mut columns, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    for row in x.chunks_exact(d) {
        for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            values.push(*v);
            columns.push(j as i64);
        }
        starts.push(values.len() as i64);
    }
    (values, columns, starts)
}

/// Solves it with its rows where they are, and with three workers of unequal length.
fn both(drawn: &Drawn, loss: &dyn Block, sparse: bool, by: &By) -> [Solution; 2] {
    let (n, d) = (drawn.y.len(), drawn.d);
    let rows = [0..n / 4, n / 4..n / 2 + 3, n / 2 + 3..n];
    let all = std::iter::once(0..n).chain(rows.iter().cloned());
    let numbers: Vec<&[f64]> = all.map(|r| &drawn.x[r.start * d..r.end * d]).collect();
    let kept: Vec<Stored> = numbers.iter().map(|x| stored(x, d)).collect();
    let tables: Vec<Box<dyn Design + '_>> = numbers
        .iter()
        .zip(&kept)
        .map(|(x, (values, columns, starts))| -> Box<dyn Design + '_> {
            match sparse {
                true => Box::new(Sparse::new(values, columns, starts, d).expect("a table")),
                false => Box::new(Dense::by_rows(x, d).expect("a table")),
            }
        })
        .collect();
    let glm = |table: usize, r: Range<usize>| {
        let weight = drawn.weight.as_ref().map(|w| &w[r.clone()]);
        Glm::new(&*tables[table], loss, &drawn.y[r], weight, true).expect("a problem")
    };
    let mut one = glm(0, 0..n);
    let parts = rows.iter().enumerate().map(|(p, r)| glm(p + 1, r.clone())).collect();
    let mut three = Workers { parts, rows: rows.to_vec() };
    [drawn.solve(&mut one, by), drawn.solve(&mut three, by)]
}

#[test]
fn three_workers_find_what_one_finds() {
    let classes = Classes { outputs: 3 };
    let (squared, logistic, huber) =
        (Each(Squared::default()), Each(Logistic::default()), Each(Huber::default()));
    let problems: [(&dyn Block, &str, usize, usize, f64); 13] = [
        (&squared, "plain", 20_000, 8, 1e-4),
        (&squared, "raw", 3000, 8, 1e-9),
        (&squared, "wide", 150, 400, 1e-3),
        (&logistic, "plain", 20_000, 8, 1e-4),
        (&logistic, "weighted", 20_000, 8, 1e-4),
        (&logistic, "rare", 20_000, 8, 1e-6),
        (&logistic, "heavy", 20_000, 20, 1e-6),
        (&logistic, "separable", 3000, 5, 0.0),
        (&logistic, "sparse", 3000, 600, 1e-3),
        (&huber, "weighted", 5000, 12, 1e-5),
        (&huber, "plain", 20_000, 8, 1e-4),
        (&classes, "plain", 20_000, 6, 1e-4),
        (&classes, "weighted", 1500, 150, 1e-3),
    ];
    for (loss, how, n, d, alpha) in problems {
        let (method, penalty) = ("progressive", "l2");
        let by = By { method, penalty, alpha, tolerance: 1e-9, passes: 80.0 };
        alike(&Drawn::new(n, d, loss, how), loss, how, &by);
    }
}

#[test]
fn nor_do_coordinate_and_fista_know_where_rows_lie() {
    let classes = Classes { outputs: 3 };
    let (squared, logistic, huber) =
        (Each(Squared::default()), Each(Logistic::default()), Each(Huber::default()));
    let problems: [(&dyn Block, &str, usize, usize, &str, f64); 8] = [
        (&squared, "plain", 5000, 20, "l1", 1e-2),
        (&squared, "weighted", 2000, 8, "box", 1.0),
        (&squared, "far", 2000, 8, "l1", 1e-2),
        (&squared, "wide", 150, 400, "elastic_net", 1e-1),
        (&logistic, "weighted", 5000, 20, "l1", 1e-2),
        (&logistic, "sparse", 1000, 200, "l1", 1e-3),
        (&huber, "plain", 3000, 10, "elastic_net", 1e-2),
        (&classes, "plain", 2000, 6, "l1", 1e-2),
    ];
    for (loss, how, n, d, penalty, alpha) in problems {
        let drawn = Drawn::new(n, d, loss, how);
        for (method, tolerance) in [("coordinate", 1e-9), ("fista", 1e-6)] {
            let by = By { method, penalty, alpha, tolerance, passes: 800.0 };
            alike(&drawn, loss, how, &by);
        }
    }
}

/// Three workers find what one finds, at any number of threads.
fn alike(drawn: &Drawn, loss: &dyn Block, how: &str, by: &By) {
    let solved = |threads| with_threads(threads, || both(drawn, loss, how == "sparse", by));
    let [one, three] = solved(1);
    let name = format!("{} {how} {} {}", loss.name(), by.method, by.penalty);

    assert_eq!(one.status, three.status, "{name}");
    assert!((one.counts.passes - three.counts.passes).abs() < 1e-9, "{name}");
    assert!((one.value - three.value).abs() <= 1e-12 * (1e-3 + one.value.abs()), "{name}");
    if one.status != Status::Separable {
        let size = one.x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let off = one.x.iter().zip(&three.x).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert!(off <= 1e-8 * size, "{name}: {off:e} of {size:e}");
    }
    for threads in [2, 7] {
        let [_, again] = solved(threads);
        assert_eq!((&again.x, again.counts), (&three.x, three.counts), "{name}");
    }
}
