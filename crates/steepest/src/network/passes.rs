//! Rows through a network, and slopes back.
//!
//! A batch goes in two rounds over the threads: blocks of rows, each there and back; then blocks of the weights, whose
//! slopes are sums over all rows in their order. So the bits are the same on any number of threads. No pass allocates
//! but for the two jobs that are handed out.
use super::data::{Examples, Head, Picked};
use super::room::{Allotted, Room};
use super::{Coded, Kind, Network};
use crate::activation::{Activated, Activates};
use crate::linalg::gemm::{Begin, Multiplies, Packed, Right, Strides, multiply};
use crate::numbers::random::Random;
use crate::numbers::real::Float;
use crate::parallel::pool::pool;
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
    margin: Room<f64>,
    target: Room<f64>,
    value: Room<f64>,
    share: Room<f64>,
    squares: Room<f64>,
    most: usize,
}

/// Random numbers for dropouts, apart from those of other uses.
const DROPS: u32 = 1 << 16;
/// Weights of a tile.
const TILE: usize = 6 * 1024;
/// Multiplications below which one thread is quicker alone.
const FEW: usize = 400_000;
/// What is added to a variance.
const LEAST: f64 = 1e-5;

/// Rows of a block: whole tiles of the products, and enough blocks to go round.
fn block(rows: usize) -> usize {
    match rows {
        0..=96 => 6,
        97..=384 => 12,
        _ => 24,
    }
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
                let stride = width.next_multiple_of(N::LANES);
                let kind = i.checked_sub(1).map(|o| &network.operations[o].kind);
                let trained = head.is_some();
                let bent = match kind {
                    Some(Kind::Dense { activation, .. }) => activation.entry.name != "identity",
                    Some(Kind::Dropout(_) | Kind::LayerNorm) => true,
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
                Kind::LayerNorm | Kind::Embedding { .. } => {
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
            margin: Room::new(most * outputs),
            target: Room::new(most * targets),
            value: Room::new(most * targets),
            share: Room::new(most),
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
                way.go(x, data, some, rows.clone(), None);
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
                way.go(x, data, some, rows.clone(), None);
                way.judge(data, head, some, rows, scale, false);
            });
            sum += self.summed(some.len(), head);
        }
        sum
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
        // SAFETY: the rows of a block are its own.
        self.blocks(picked, |way, rows| unsafe {
            way.go(x, data, picked, rows.clone(), dropping);
            way.judge(data, head, picked, rows.clone(), scale, true);
            way.return_by(x, rows);
        });
        let rows = picked.len();
        self.weigh(x, rows, decay, gradient);
        let squares: f64 = if decay > 0.0 { self.squares.all().iter().sum() } else { 0.0 };
        self.summed(rows, head) + 0.5 * decay * squares
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
        let Passes { network, buffers, tiles, squares, .. } = &*self;
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
            let left = left.columns(inputs.start, inputs.end).transposed();
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

/// What a block of rows does on its way.
//
// SAFETY, of all of these: no other task works on these rows meanwhile. An operation writes the buffer behind it and reads
// those before it (two of them may be the same one); on the way back it has the slopes of its own buffer, and those of one
// other at a time.
impl<N: Number> Passes<N> {
    unsafe fn read(&self, buffer: usize, rows: &Range<usize>) -> &[N] {
        let p = &self.buffers[buffer];
        unsafe { p.value.read(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    unsafe fn values(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.value.part(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    unsafe fn slopes(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.slope.part(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    unsafe fn deltas(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.delta.part(rows.start * p.stride, rows.end * p.stride) }
    }
    /// The way there.
    unsafe fn go(
        &self,
        x: &[N],
        data: &Examples<'_, N>,
        picked: Picked<'_>,
        rows: Range<usize>,
        dropping: Option<Dropping>,
    ) {
        let first = &self.buffers[0];
        let to = (unsafe { self.values(0, &rows) }, first.stride);
        data.gather(picked, rows.clone(), first.width, to);
        for (i, o) in self.network.operations.iter().enumerate() {
            let (from, to) = (&self.buffers[o.source], &self.buffers[i + 1]);
            let (before, after) =
                (unsafe { self.read(o.source, &rows) }, unsafe { self.values(i + 1, &rows) });
            match &o.kind {
                Kind::Dense { .. } => {
                    let (weights, shift) = x[o.at..].split_at(from.width * to.width);
                    let right = if to.width % N::LANES == 0 {
                        let (rows, columns) = (from.width, to.width);
                        Right::There { data: weights, rows, columns, down: to.width }
                    } else {
                        Right::Packed(&self.there[i])
                    };
                    let left = Strides::rows(before, rows.len(), from.width, from.stride);
                    multiply(left, right, Begin::Row(&shift[..to.width]), after, to.stride);
                    if let Some(activation) = &self.activations[i] {
                        match unsafe { self.slopes_if_trained(i + 1, &rows) } {
                            Some(slope) => activation.slopes(after, slope),
                            None => activation.values(after),
                        }
                    }
                }
                Kind::Dropout(chance) => {
                    after.copy_from_slice(before);
                    if let Some(mask) = unsafe { self.slopes_if_trained(i + 1, &rows) } {
                        let keep = N::of_f64(1.0 / (1.0 - chance));
                        let each = rows.clone().zip(mask.chunks_exact_mut(to.stride));
                        for (row, mask) in each {
                            let Some(Dropping { seed, step }) = dropping else {
                                mask.fill(N::lit(1.0));
                                continue;
                            };
                            let mut random = Random::new(seed, DROPS + i as u32, step, row as u32);
                            let limit = (chance * 4_294_967_296.0) as u32;
                            for m in mask {
                                *m = if random.next_u32() < limit { N::default() } else { keep };
                            }
                        }
                        times(after, mask);
                    }
                }
                Kind::Embedding { codes, numbers } => {
                    let each =
                        before.chunks_exact(from.stride).zip(after.chunks_exact_mut(to.stride));
                    for (row, after) in each {
                        after.iter_mut().zip(numbers).for_each(|(to, j)| *to = row[*j]);
                        let (mut at, mut put) = (o.at, numbers.len());
                        for code in codes {
                            let table = &x[at + level(row, code) * code.width..][..code.width];
                            after[put..put + code.width].copy_from_slice(table);
                            (at, put) = (at + code.levels * code.width, put + code.width);
                        }
                    }
                }
                Kind::LayerNorm => {
                    let (gain, shift) = x[o.at..o.at + 2 * to.width].split_at(to.width);
                    let plain = unsafe { self.slopes_if_trained(i + 1, &rows) };
                    let inverse =
                        plain.is_some().then(|| unsafe { to.inverse.part(rows.start, rows.end) });
                    normalise(before, after, (to.width, to.stride), gain, shift, plain, inverse);
                }
                Kind::Add { other, .. } => {
                    after.copy_from_slice(before);
                    plus(after, unsafe { self.read(*other, &rows) });
                }
            }
        }
    }
    /// None where there are no slopes to keep.
    #[allow(clippy::mut_from_ref)]
    unsafe fn slopes_if_trained(&self, buffer: usize, rows: &Range<usize>) -> Option<&mut [N]> {
        (self.buffers[buffer].slope.len() > 0).then(|| unsafe { self.slopes(buffer, rows) })
    }
    /// The outputs, side by side.
    unsafe fn margins(&self, rows: Range<usize>, to: &mut [f64]) {
        let last = self.buffers.len() - 1;
        let place = &self.buffers[last];
        let from = unsafe { self.read(last, &rows) };
        let each = from.chunks_exact(place.stride).zip(to.chunks_exact_mut(place.width));
        each.for_each(|(z, to)| to.iter_mut().zip(z).for_each(|(to, z)| *to = z.to_f64()));
    }
    /// The losses of the rows and, where asked for, their slopes.
    unsafe fn judge(
        &self,
        data: &Examples<'_, N>,
        head: &Head,
        picked: Picked<'_>,
        rows: Range<usize>,
        scale: f64,
        slopes: bool,
    ) {
        let (k, t) = (head.outputs, head.targets());
        let (margin, target, value, share) = unsafe {
            (
                self.margin.part(rows.start * k, rows.end * k),
                self.target.part(rows.start * t, rows.end * t),
                self.value.part(rows.start * t, rows.end * t),
                self.share.part(rows.start, rows.end),
            )
        };
        unsafe { self.margins(rows.clone(), margin) };
        for ((i, target), share) in rows.clone().zip(target.chunks_exact_mut(t)).zip(&mut *share) {
            let row = picked.row(i);
            target.copy_from_slice(&data.targets[row * t..(row + 1) * t]);
            *share = scale * head.factor * data.weight(row);
        }
        if !slopes {
            return head.loss.values(target, margin, value);
        }
        head.loss.slopes(target, margin, value);
        let last = self.buffers.len() - 1;
        let stride = self.buffers[last].stride;
        let each = unsafe { self.deltas(last, &rows) }
            .chunks_exact_mut(stride)
            .zip(margin.chunks_exact(k));
        for ((delta, slope), share) in each.zip(&*share) {
            for (delta, slope) in delta.iter_mut().zip(slope) {
                // A row that does not count may have any loss.
                *delta = if *share == 0.0 { N::default() } else { N::of_f64(share * slope) };
            }
        }
    }
    /// The way back.
    unsafe fn return_by(&self, x: &[N], rows: Range<usize>) {
        for (i, o) in self.network.operations.iter().enumerate().rev() {
            let (from, to) = (&self.buffers[o.source], &self.buffers[i + 1]);
            let delta = unsafe { self.deltas(i + 1, &rows) };
            if self.activations[i].is_some() || matches!(o.kind, Kind::Dropout(_)) {
                times(delta, unsafe { self.slopes(i + 1, &rows) });
            }
            if let Kind::Add { other, adds } = o.kind
                && other > 0
            {
                pass(unsafe { self.deltas(other, &rows) }, delta, adds);
            }
            if o.source == 0 {
                continue;
            }
            let before = unsafe { self.deltas(o.source, &rows) };
            match &o.kind {
                Kind::Dense { .. } => {
                    let left = Strides::rows(delta, rows.len(), to.width, to.stride);
                    let start = if o.adds { Begin::There } else { Begin::Zero };
                    multiply(left, Right::Packed(&self.back[i]), start, before, from.stride);
                }
                Kind::Embedding { .. } => {}
                Kind::Dropout(_) | Kind::Add { .. } => pass(before, delta, o.adds),
                Kind::LayerNorm => {
                    let gain = &x[o.at..o.at + to.width];
                    let inverse = unsafe { to.inverse.part(rows.start, rows.end) };
                    let plain = unsafe { self.slopes(i + 1, &rows) };
                    normalise_back(delta, plain, inverse, gain, to.stride, before, o.adds);
                }
            }
        }
    }
}

/// The level of a row; what is no code, or beyond the last, is the first, or the last.
fn level<N: Float>(row: &[N], code: &Coded) -> usize {
    (row[code.column].to_f64() as usize).min(code.levels - 1)
}

fn pass<N: Float>(to: &mut [N], delta: &[N], adds: bool) {
    if adds { plus(to, delta) } else { to.copy_from_slice(delta) }
}

/// Each row less its mean, over its deviation; then gain and shift.
fn normalise<N: Float>(
    before: &[N],
    after: &mut [N],
    (width, stride): (usize, usize),
    gain: &[N],
    shift: &[N],
    mut plain: Option<&mut [N]>,
    mut inverse: Option<&mut [N]>,
) {
    let rows = before.chunks_exact(stride).zip(after.chunks_exact_mut(stride));
    for (row, (before, after)) in rows.enumerate() {
        let (z, n) = (&before[..width], width as f64);
        let mean = z.iter().map(|z| z.to_f64()).sum::<f64>() / n;
        let spread = z.iter().map(|z| (z.to_f64() - mean).powi(2)).sum::<f64>() / n;
        let by = 1.0 / (spread + LEAST).sqrt();
        if let Some(inverse) = &mut inverse {
            inverse[row] = N::of_f64(by);
        }
        for j in 0..width {
            let v = N::of_f64((z[j].to_f64() - mean) * by);
            after[j] = gain[j] * v + shift[j];
            if let Some(plain) = &mut plain {
                plain[row * stride + j] = v;
            }
        }
    }
}

/// With v the normalised row and d = gain · slope: (d − mean d − v · mean(d v)) / deviation.
fn normalise_back<N: Float>(
    delta: &[N],
    plain: &[N],
    inverse: &[N],
    gain: &[N],
    stride: usize,
    before: &mut [N],
    adds: bool,
) {
    let n = gain.len() as f64;
    let rows = delta.chunks_exact(stride).zip(plain.chunks_exact(stride));
    for ((row, (delta, v)), before) in rows.enumerate().zip(before.chunks_exact_mut(stride)) {
        let (mut mean, mut along) = (0.0, 0.0);
        for j in 0..gain.len() {
            let d = (gain[j] * delta[j]).to_f64();
            mean += d / n;
            along += d * v[j].to_f64() / n;
        }
        for j in 0..gain.len() {
            let d = (gain[j] * delta[j]).to_f64() - mean - v[j].to_f64() * along;
            let d = N::of_f64(d * inverse[row].to_f64());
            before[j] = if adds { before[j] + d } else { d };
        }
    }
}
