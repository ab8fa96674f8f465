//! A block of rows through the layers, there and back.
use super::normal::{normalise, normalise_back, normalise_columns, normalise_columns_back};
use super::*;

/// What a block of rows does on its way.
//
// SAFETY, of all of these: no other task works on these rows meanwhile. An operation writes the buffer behind it and reads
// those before it (two of them may be the same one); on the way back it has the slopes of its own buffer, and those of one
// other at a time.
impl<N: Number> Passes<N> {
    pub(super) unsafe fn read(&self, buffer: usize, rows: &Range<usize>) -> &[N] {
        let p = &self.buffers[buffer];
        unsafe { p.value.read(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    unsafe fn values(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.value.part(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn slopes(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.slope.part(rows.start * p.stride, rows.end * p.stride) }
    }
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn deltas(&self, buffer: usize, rows: &Range<usize>) -> &mut [N] {
        let p = &self.buffers[buffer];
        unsafe { p.delta.part(rows.start * p.stride, rows.end * p.stride) }
    }
    /// The way there, by some of the operations.
    pub(super) unsafe fn go(
        &self,
        x: &[N],
        data: &Examples<'_, N>,
        picked: Picked<'_>,
        rows: Range<usize>,
        dropping: Option<Dropping>,
        some: Range<usize>,
    ) {
        if some.start == 0 {
            let first = &self.buffers[0];
            let to = (unsafe { self.values(0, &rows) }, first.stride);
            data.gather(picked, rows.clone(), first.width, to);
        }
        for i in some {
            let o = &self.network.operations[i];
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
                    let left = if o.source == 0 { left.looked() } else { left };
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
                Kind::BatchNorm(_) => {
                    let numbers = x[o.at..o.at + 2 * to.width].split_at(to.width);
                    let plain = unsafe { self.slopes_if_trained(i + 1, &rows) };
                    let columns = unsafe { to.columns.read(0, to.columns.len()) };
                    let shape = (to.width, to.stride);
                    normalise_columns(before, after, shape, columns, numbers, plain);
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
    pub(super) unsafe fn margins(&self, rows: Range<usize>, to: &mut [f64]) {
        let last = self.buffers.len() - 1;
        let place = &self.buffers[last];
        let from = unsafe { self.read(last, &rows) };
        let each = from.chunks_exact(place.stride).zip(to.chunks_exact_mut(place.width));
        each.for_each(|(z, to)| to.iter_mut().zip(z).for_each(|(to, z)| *to = z.to_f64()));
    }
    /// The losses of the rows and, where asked for, their slopes.
    pub(super) unsafe fn judge(
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
    /// The way back, by some of the operations.
    pub(super) unsafe fn return_by(&self, x: &[N], rows: Range<usize>, some: Range<usize>) {
        for i in some.rev() {
            let o = &self.network.operations[i];
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
                Kind::BatchNorm(_) => {
                    let gain = &x[o.at..o.at + to.width];
                    let columns = unsafe { to.columns.read(0, to.columns.len()) };
                    let slopes = (&*delta, unsafe { &*self.slopes(i + 1, &rows) });
                    let weights = unsafe { self.weight.read(rows.start, rows.end) };
                    let shape = (to.stride, weights);
                    normalise_columns_back(slopes, columns, gain, shape, before, o.adds);
                }
            }
        }
    }
}

/// The level of a row; what is no code, or beyond the last, is the first, or the last.
pub(super) fn level<N: Float>(row: &[N], code: &Coded) -> usize {
    (row[code.column].to_f64() as usize).min(code.levels - 1)
}

fn pass<N: Float>(to: &mut [N], delta: &[N], adds: bool) {
    if adds { plus(to, delta) } else { to.copy_from_slice(delta) }
}
