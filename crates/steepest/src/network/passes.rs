//! Rows through a network, and slopes back.
//!
//! A batch goes in two rounds over the threads: blocks of rows, each there and back, which wait for each other where columns
//! are normalised; then blocks of the weights, whose slopes are sums over all rows in their order. So the bits are the same on any number of threads. No pass allocates
//! but for the jobs that are handed out.
mod block;
mod normal;

use super::data::{Examples, Head, Picked};
use super::room::{Allotted, Room};
use super::{Coded, Kind, Network};
use crate::activation::{Activated, Activates};
use crate::linalg::gemm::{Begin, Multiplies, Packed, Right, Strides, multiply};
use crate::numbers::random::Random;
use crate::numbers::real::Float;
use crate::parallel::pool::pool;
use block::level;
use normal::{Heft, OF_A_COLUMN, follow, gather_back, recall, spread, weighed};
use std::ops::Range;

/// Numbers that networks work with.
pub trait Number: Float + Multiplies + Activates {}
impl<N: Float + Multiplies + Activates> Number for N {}

/// What a row has at one place of the way.
struct Buffer<N> {
    width: usize,
    /// From one row to the next.
    stride: usize,
    value: Room<N>,
    /// The slopes of an activation, the mask of a dropout, or what a normalised row is before gain and shift.
    slope: Room<N>,
    /// The slopes of the loss.
    delta: Room<N>,
    /// Inverse standard deviations of normalised rows.
    inverse: Room<N>,
    /// What normalised columns need, see [`OF_A_COLUMN`].
    columns: Room<f64>,
}

/// A block of weights whose slopes are one task.
#[derive(Clone)]
struct Patch {
    operation: usize,
    inputs: Range<usize>,
}

/// What dropouts are drawn by: the same step drops the same numbers.
#[derive(Clone, Copy)]
pub struct Dropping {
    /// The seed of the run.
    pub seed: u64,
    /// The step.
    pub step: u32,
}

/// Work on batches of at most so many rows: buffers, and nothing else to be asked of the system later.
pub struct Passes<N: Number> {
    network: Network,
    activations: Vec<Option<Box<dyn Activated<N>>>>,
    buffers: Vec<Buffer<N>>,
    /// Weights for the way there, where they cannot be read as they lie, and for the way back.
    there: Vec<Packed<N>>,
    back: Vec<Packed<N>>,
    tiles: Vec<Patch>,
    /// The operations that need all rows of a batch before one can go on.
    gathers: Vec<usize>,
    margin: Room<f64>,
    target: Room<f64>,
    value: Room<f64>,
    share: Room<f64>,
    /// What the rows of a batch weigh, where columns are normalised.
    weight: Room<f64>,
    heft: Heft,
    squares: Room<f64>,
    most: usize,
}

/// Random numbers for dropouts, apart from those of other uses.
const DROPS: u32 = 1 << 16;
/// Weights of a tile.
const TILE: usize = 3 * 1024;
/// Multiplications below which one thread is quicker alone.
const FEW: usize = 400_000;

/// Rows of a block: so many that weights which are read once serve several tiles of the products, and enough blocks to go
/// round.
fn block(rows: usize) -> usize {
    match rows {
        0..=96 => 16,
        97..=384 => 32,
        _ => 48,
    }
}

/// From one row of a buffer to the next: whole lanes, but not a multiple of 512 bytes, where few places of a cache would
/// serve a column.
fn stride<N: Number>(width: usize) -> usize {
    let lanes = width.div_ceil(N::LANES);
    (if lanes % 8 == 0 { lanes + 1 } else { lanes }) * N::LANES
}

crate::simd! {
    fn times[N: Float](a: &mut [N], b: &[N]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a * *b;
        }
    }
}
crate::simd! {
    fn plus[N: Float](a: &mut [N], b: &[N]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a + *b;
        }
    }
}
crate::simd! {
    /// a ← a + by · b.
    fn plus_times[N: Float](a: &mut [N], by: N, b: &[N]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a + by * *b;
        }
    }
}
crate::simd! {
    /// a ← a + b · c.
    fn plus_product[N: Float](a: &mut [N], b: &[N], c: &[N]) {
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            *a = *a + *b * *c;
        }
    }
}

impl<N: Number> Passes<N> {
    /// Of batches of at most so many rows.
    pub fn new(network: &Network, most: usize, head: Option<&Head>) -> Self {
        let buffers: Vec<Buffer<N>> = (network.widths.iter().enumerate())
            .map(|(i, &width)| {
                let stride = stride::<N>(width);
                let kind = i.checked_sub(1).map(|o| &network.operations[o].kind);
                let trained = head.is_some();
                let columns = matches!(kind, Some(Kind::BatchNorm(_)));
                let bent = match kind {
                    Some(Kind::Dense { activation, .. }) => activation.entry.name != "identity",
                    Some(Kind::Dropout(_) | Kind::LayerNorm | Kind::BatchNorm(_)) => true,
                    _ => false,
                };
                Buffer {
                    width,
                    stride,
                    value: Room::new(most * stride),
                    slope: Room::new(if bent && trained { most * stride } else { 0 }),
                    delta: Room::new(if i > 0 && trained { most * stride } else { 0 }),
                    inverse: Room::new(if matches!(kind, Some(Kind::LayerNorm)) {
                        most
                    } else {
                        0
                    }),
                    columns: Room::new(if columns { OF_A_COLUMN * width } else { 0 }),
                }
            })
            .collect();
        let activations = network.operations.iter().map(|o| match &o.kind {
            Kind::Dense { activation, .. } if activation.entry.name != "identity" => {
                Some(N::activated(activation))
            }
            _ => None,
        });
        let mut tiles = Vec::new();
        for (operation, o) in network.operations.iter().enumerate() {
            let (before, after) = (network.widths[o.source], network.widths[operation + 1]);
            match &o.kind {
                Kind::Dense { .. } => {
                    let rows = (TILE / after).next_multiple_of(12).max(12);
                    let cut = |from: usize| from..(from + rows).min(before);
                    let cuts = (0..before).step_by(rows).map(cut);
                    tiles.extend(cuts.map(|inputs| Patch { operation, inputs }));
                }
                Kind::LayerNorm | Kind::BatchNorm(_) | Kind::Embedding { .. } => {
                    tiles.push(Patch { operation, inputs: 0..0 });
                }
                _ => {}
            }
        }
        let (outputs, targets) = head.map_or((0, 0), |h| (h.outputs, h.targets()));
        Passes {
            activations: activations.collect(),
            buffers,
            there: vec![Packed::default(); network.operations.len()],
            back: vec![Packed::default(); network.operations.len()],
            squares: Room::new(tiles.len()),
            tiles,
            gathers: network.gathers().collect(),
            margin: Room::new(most * outputs),
            target: Room::new(most * targets),
            value: Room::new(most * targets),
            share: Room::new(most),
            weight: Room::new(if network.gathers().next().is_some() { most } else { 0 }),
            heft: Heft::default(),
            most,
            network: network.clone(),
        }
    }
    /// Rows at most.
    pub fn most(&self) -> usize {
        self.most
    }
    /// Packs weights that are not read as they lie.
    fn pack(&mut self, x: &[N], trained: bool) {
        for (i, o) in self.network.operations.iter().enumerate() {
            if let Kind::BatchNorm(running) = o.kind
                && !trained
            {
                let to = &mut self.buffers[i + 1];
                recall(&x[self.network.dim + running..], to.width, to.columns.all());
            }
            if !matches!(o.kind, Kind::Dense { .. }) {
                continue;
            }
            let (before, after) = (self.network.widths[o.source], self.network.widths[i + 1]);
            let weights = Strides::rows(&x[o.at..o.at + before * after], before, after, after);
            if after % N::LANES != 0 {
                self.there[i].pack(weights);
            }
            if trained && o.source > 0 {
                self.back[i].pack(weights.transposed());
            }
        }
    }
    /// Writes the outputs of some rows, side by side.
    pub fn outputs(&mut self, x: &[N], data: &Examples<'_, N>, picked: Picked<'_>, to: &mut [f64]) {
        self.pack(x, false);
        let k = self.network.outputs();
        let (most, all) = (self.most, picked.len());
        for from in (0..all).step_by(most) {
            let some = picked.some(from..(from + most).min(all));
            let to = Allotted::new(&mut to[from * k..(from + some.len()) * k]);
            // SAFETY: the rows of a block are its own.
            self.blocks(some, |way, rows| unsafe {
                way.go(x, data, some, rows.clone(), None, 0..way.activations.len());
                let to = to.part(rows.start * k, rows.end * k);
                way.margins(rows, to);
            });
        }
    }
    /// Σ scale · weight · loss over some rows.
    pub fn loss(
        &mut self,
        x: &[N],
        data: &Examples<'_, N>,
        head: &Head,
        picked: Picked<'_>,
        scale: f64,
    ) -> f64 {
        self.pack(x, false);
        let (most, all) = (self.most, picked.len());
        let mut sum = 0.0;
        for from in (0..all).step_by(most) {
            let some = picked.some(from..(from + most).min(all));
            // SAFETY: the rows of a block are its own.
            self.blocks(some, |way, rows| unsafe {
                way.go(x, data, some, rows.clone(), None, 0..way.activations.len());
                way.judge(data, head, some, rows, scale, false);
            });
            sum += self.summed(some.len(), head);
        }
        sum
    }
    /// Brings the running means and variances, which lie behind the parameters, nearer to those of the rows whose gradient was
    /// asked last, by a tenth; at first they are the means of all so far. `step` counts from 1.
    pub fn follow(&mut self, x: &mut [N], step: u64) {
        let share = (1.0 / step as f64).max(0.1);
        for (i, o) in self.network.operations.iter().enumerate() {
            if let Kind::BatchNorm(running) = o.kind {
                let to = &mut self.buffers[i + 1];
                let numbers = &mut x[self.network.dim + running..];
                follow(numbers, to.width, to.columns.all(), self.heft.rows, share);
            }
        }
    }
    /// Σ scale · weight · loss over at most [`most`](Self::most) rows, and its slopes; with ½ `decay` ‖W‖² of all weights
    /// of dense layers.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient(
        &mut self,
        x: &[N],
        data: &Examples<'_, N>,
        head: &Head,
        picked: Picked<'_>,
        scale: f64,
        decay: f64,
        dropping: Option<Dropping>,
        gradient: &mut [N],
    ) -> f64 {
        self.pack(x, true);
        // Where columns are normalised, all rows must be there before one goes on, on the way back too.
        let rows = picked.len();
        if !self.gathers.is_empty() {
            let weights = &mut self.weight.all()[..rows];
            weights.iter_mut().enumerate().for_each(|(i, w)| *w = data.weight(picked.row(i)));
            self.heft = weighed(weights);
        }
        let mut first = 0;
        for g in 0..self.gathers.len() {
            let i = self.gathers[g];
            // SAFETY: the rows of a block are its own.
            self.blocks(picked, |way, rows| unsafe {
                way.go(x, data, picked, rows, dropping, first..i);
            });
            self.gather(i, rows, false);
            first = i;
        }
        let mut last = self.activations.len();
        let after = self.gathers.last().map_or(0, |i| i + 1);
        // SAFETY: as above.
        self.blocks(picked, |way, rows| unsafe {
            way.go(x, data, picked, rows.clone(), dropping, first..last);
            way.judge(data, head, picked, rows.clone(), scale, true);
            way.return_by(x, rows, after..last);
        });
        last = after;
        for g in (0..self.gathers.len()).rev() {
            self.gather(self.gathers[g], rows, true);
            let after = g.checked_sub(1).map_or(0, |g| self.gathers[g] + 1);
            // SAFETY: as above.
            self.blocks(picked, |way, rows| unsafe { way.return_by(x, rows, after..last) });
            last = after;
        }
        self.weigh(x, rows, decay, gradient);
        let squares: f64 = if decay > 0.0 { self.squares.all().iter().sum() } else { 0.0 };
        self.summed(rows, head) + 0.5 * decay * squares
    }
    /// What all rows together say of the columns before an operation, or of the slopes behind it.
    fn gather(&mut self, i: usize, rows: usize, back: bool) {
        let (from, to) = (&self.buffers[self.network.operations[i].source], &self.buffers[i + 1]);
        let (shape, all) = ((to.width, to.stride), rows * to.stride);
        // SAFETY: no task is under way.
        unsafe {
            let columns = to.columns.part(0, to.columns.len());
            let weights = (self.weight.read(0, rows), self.heft);
            if back {
                gather_back(to.delta.read(0, all), to.slope.read(0, all), shape, weights, columns);
            } else {
                spread(from.value.read(0, all), shape, weights, columns);
            }
        }
    }
    /// Sums in the order of the rows.
    fn summed(&mut self, rows: usize, head: &Head) -> f64 {
        let each = self.value.all()[..rows * head.targets()].chunks_exact(head.targets());
        let one = |(v, s): (&[f64], &f64)| if *s == 0.0 { 0.0 } else { s * v.iter().sum::<f64>() };
        each.zip(&*self.share.all()).map(one).sum()
    }
    /// Blocks of rows on all threads.
    fn blocks(&mut self, picked: Picked<'_>, work: impl Fn(&Self, Range<usize>) + Sync) {
        let rows = picked.len();
        assert!(rows <= self.most, "no more rows than there is room for");
        let few = rows * self.network.dim() < FEW;
        let per = if few { rows.max(1) } else { block(rows) };
        let way = &*self;
        pool().each(rows.div_ceil(per), |b| {
            work(way, b * per..((b + 1) * per).min(rows));
        });
    }
    /// Slopes of the parameters, by what lies in the buffers.
    fn weigh(&mut self, x: &[N], rows: usize, decay: f64, gradient: &mut [N]) {
        let Passes { network, buffers, tiles, squares, heft, .. } = &*self;
        let all = Allotted::new(gradient);
        let task = |t: usize| {
            let tile = &tiles[t];
            let o = &network.operations[tile.operation];
            let (from, to) = (&buffers[o.source], &buffers[tile.operation + 1]);
            let (n, inputs) = (to.width, tile.inputs.clone());
            // SAFETY: all tasks of this round read the buffers, and none writes there.
            let [delta, plain, value] = unsafe {
                [
                    to.delta.read(0, rows * to.stride),
                    to.slope.read(0, (rows * to.stride).min(to.slope.len())),
                    from.value.read(0, rows * from.stride),
                ]
            };
            if let Kind::LayerNorm = o.kind {
                // SAFETY: the parameters of an operation without other tiles.
                let (gain, shift) = unsafe { all.part(o.at, o.at + 2 * n) }.split_at_mut(n);
                gain.fill(N::default());
                shift.fill(N::default());
                let each = delta.chunks_exact(to.stride).zip(plain.chunks_exact(to.stride));
                for (delta, plain) in each {
                    plus_product(gain, delta, plain);
                    plus(shift, delta);
                }
                return;
            }
            if let Kind::BatchNorm(_) = o.kind {
                // SAFETY: as above; what was gathered is read alone.
                let (gain, shift) = unsafe { all.part(o.at, o.at + 2 * n) }.split_at_mut(n);
                let means = unsafe { to.columns.read(3 * n, 5 * n) };
                let sum = |to: &mut N, mean: &f64| *to = N::of_f64(mean * heft.total);
                shift.iter_mut().zip(means).for_each(|(to, m)| sum(to, m));
                gain.iter_mut().zip(&means[n..]).for_each(|(to, m)| sum(to, m));
                return;
            }
            if let Kind::Embedding { codes, numbers } = &o.kind {
                let len: usize = codes.iter().map(|c| c.levels * c.width).sum();
                // SAFETY: the parameters of an operation without other tiles.
                let tables = unsafe { all.part(o.at, o.at + len) };
                tables.fill(N::default());
                for (row, delta) in
                    value.chunks_exact(from.stride).zip(delta.chunks_exact(to.stride))
                {
                    let (mut at, mut put) = (0, numbers.len());
                    for code in codes {
                        let from = at + level(row, code) * code.width;
                        plus(&mut tables[from..from + code.width], &delta[put..put + code.width]);
                        (at, put) = (at + code.levels * code.width, put + code.width);
                    }
                }
                return;
            }
            let (first, last) = (o.at + inputs.start * n, o.at + inputs.end * n);
            // SAFETY: tiles are apart.
            let (g, square) = unsafe { (all.part(first, last), squares.part(t, t + 1)) };
            let left = Strides::rows(value, rows, from.width, from.stride);
            let left = left.columns(inputs.start, inputs.end);
            let left = if o.source == 0 { left.looked() } else { left }.transposed();
            let right = Right::There { data: delta, rows, columns: n, down: to.stride };
            multiply(left, right, Begin::Zero, g, n);
            if decay > 0.0 {
                let weights = &x[first..last];
                plus_times(g, N::of_f64(decay), weights);
                square[0] = weights.iter().map(|w| w.to_f64() * w.to_f64()).sum();
            }
            if inputs.start == 0 {
                let at = o.at + from.width * n;
                // SAFETY: the first tile alone writes the shifts.
                let shift = unsafe { all.part(at, at + n) };
                shift.fill(N::default());
                delta.chunks_exact(to.stride).for_each(|delta| plus(shift, delta));
            }
        };
        if rows * network.dim() < FEW {
            (0..tiles.len()).for_each(task);
        } else {
            pool().each(tiles.len(), task);
        }
    }
}
