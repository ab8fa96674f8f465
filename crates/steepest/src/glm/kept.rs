//! What a table keeps of its rows, and what it answers about them from that, without a read.
use super::Glm;
use super::drawn::{PART, draw, sums};
use crate::gram::{add_product, mirror};
use crate::linalg::vectors::ahead;
use crate::parallel::pool::pool;
use crate::table::{Margins, OfRows, Sample, Scores, Slot, Sum};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Numbers as long as the rows.
#[derive(Default)]
pub(super) struct Kept {
    slots: Vec<Vec<f64>>,
    /// Squared distances from a centre.
    pub(super) distances: Vec<f32>,
    scores: Vec<f32>,
}

impl Kept {
    pub(super) fn slot(&self, slot: Slot) -> &[f64] {
        self.slots.get(usize::from(slot.0)).map_or(&[], |s| s)
    }
    /// A slot taken out, as long as it is to be: of the pages that it had where they suffice, for new ones at every step
    /// would cost a tenth of a pass.
    pub(super) fn take(&mut self, slot: Slot, numbers: usize) -> Vec<f64> {
        let at = usize::from(slot.0);
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Vec::new);
        }
        let mut taken = std::mem::take(&mut self.slots[at]);
        if taken.capacity() < numbers {
            drop(taken);
            return vec![0.0; numbers];
        }
        taken.resize(numbers, 0.0);
        taken
    }
    pub(super) fn put(&mut self, slot: Slot, numbers: Vec<f64>) {
        self.slots[usize::from(slot.0)] = numbers;
    }
    fn free(&mut self, slot: Slot) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot.0)) {
            *slot = Vec::new();
        }
    }
}

/// Rows in the order in which numbers of them are kept: all, or those of a sample.
#[derive(Clone, Copy)]
pub(super) struct Places<'g> {
    pub(super) glm: &'g Glm<'g>,
    pub(super) sample: Option<&'g Sample>,
}

impl Places<'_> {
    pub(super) fn len(&self) -> usize {
        self.sample.map_or(self.glm.design.rows(), Sample::len)
    }
    /// The row of the table that stands at a place.
    pub(super) fn row(&self, place: usize) -> usize {
        self.sample.map_or(place, |s| s.rows()[place] as usize)
    }
    pub(super) fn share(&self, place: usize) -> f64 {
        self.sample.map_or_else(|| self.glm.share(place), |s| s.share[place])
    }
    fn target(&self, place: usize) -> f64 {
        self.glm.target[self.row(place)]
    }

    /// Value, slope and curvature of the losses at margins `z` of some places, handed to `each` in their order.
    fn jets(
        &self,
        places: Range<usize>,
        z: &[f64],
        mut each: impl FnMut(usize, f64, &[f64], &[f64]),
    ) {
        const BLOCK: usize = 512;
        let k = self.glm.outputs();
        let (mut target, mut value) = ([0.0; BLOCK], [0.0; BLOCK]);
        let bending = self.glm.loss.bending();
        let (mut slope, mut curvature) = (vec![0.0; BLOCK * k], vec![0.0; BLOCK * bending]);
        for from in places.clone().step_by(BLOCK) {
            let n = BLOCK.min(places.end - from);
            (0..n).for_each(|i| target[i] = self.target(from + i));
            let (s, c) = (&mut slope[..n * k], &mut curvature[..n * bending]);
            let z = &z[(from - places.start) * k..][..n * k];
            self.glm.loss.jets(&target[..n], z, &mut value[..n], s, c);
            for i in 0..n {
                let c = &c[i * bending..(i + 1) * bending];
                each(from + i, value[i], &s[i * k..(i + 1) * k], c);
            }
        }
    }

    /// An answer without a read.
    pub(super) fn answer(&self, ask: &mut OfRows<'_>, kept: &mut Kept) {
        match ask {
            OfRows::Free(slot) => kept.free(*slot),
            OfRows::Fill { slot, margins } => {
                let mut to = kept.take(*slot, self.len() * margins.len());
                to.chunks_exact_mut(margins.len()).for_each(|to| to.copy_from_slice(margins));
                kept.put(*slot, to);
            }
            OfRows::Sum { of, at, to } => self.sum(*of, *at, kept, to),
            OfRows::Along { from, by, length, at, to } => {
                **to = self.along(kept.slot(*from), (*by, *length), *at, kept);
            }
            OfRows::Settled { at, to } => {
                **to = (0..self.len()).all(|p| {
                    self.share(p) == 0.0
                        || self.glm.loss.settled(self.target(p), self.margin(*at, p, kept))
                });
            }
            OfRows::Largest { of, to } => {
                **to = kept.slot(*of).iter().fold(0.0, |m: f64, t| m.max(t.abs()));
            }
            OfRows::Recedes { by, largest, way, centre, scale, to } => {
                **to = self.recedes(kept.slot(*by), *largest, way, (centre, scale));
            }
            OfRows::Wrong { at, beyond, count, every: (first, step), to } => {
                let z = kept.slot(*at);
                to.clear();
                **count = 0;
                let mut which = vec![false; self.glm.outputs()];
                for (p, z) in z.chunks_exact(self.glm.outputs()).enumerate() {
                    if self.share(p) > 0.0
                        && self.glm.loss.wrong(self.target(p), z, *beyond, &mut which)
                    {
                        if **count >= *first && (**count - *first).is_multiple_of(*step) {
                            to.push(p as u32);
                        }
                        **count += 1;
                    }
                }
            }
            OfRows::Sides(to) => {
                let above = self.glm.target.iter().filter(|t| **t > 0.0).count();
                let rare = self.glm.loss.rare();
                **to = if rare { [above, self.glm.target.len() - above] } else { [0, 0] };
            }
            OfRows::Side { above, to } => {
                let rows =
                    self.glm.target.iter().enumerate().filter(|(_, t)| (**t > 0.0) == *above);
                **to = rows.map(|(i, _)| i as u32).collect();
            }
            OfRows::Weights { of, to } => match self.glm.weight {
                Some(weight) => {
                    of.iter().zip(&mut **to).for_each(|(&i, w)| *w = weight[i as usize])
                }
                None => to.fill(1.0),
            },
            OfRows::Moments { sum, square } => self.glm.moments(sum, square),
            OfRows::NotFinite(to) => **to = self.glm.design.not_finite(),
            OfRows::Scores(scores) => self.scores(scores, kept),
            // What is read is answered before.
            OfRows::Keep(_)
            | OfRows::Far { .. }
            | OfRows::Bent { .. }
            | OfRows::Combined { .. }
            | OfRows::Less { .. } => {}
        }
    }

    fn margin<'m>(&self, at: Margins<'m>, place: usize, kept: &'m Kept) -> &'m [f64] {
        let k = self.glm.outputs();
        match at {
            Margins::Kept(slot) => &kept.slot(slot)[place * k..(place + 1) * k],
            Margins::Same(margin) => margin,
        }
    }

    fn sum(&self, of: Sum, at: Margins<'_>, kept: &Kept, to: &mut [f64]) {
        let (n, k) = (self.len(), self.glm.outputs());
        to.fill(0.0);
        match (of, at) {
            (Sum::Losses, _) => self.losses(at, kept, to),
            (Sum::Curvatures, Margins::Kept(at)) => self.curvatures(kept.slot(at), to),
            (Sum::Distances(by), Margins::Kept(at)) => {
                to[0] = self.distances(kept.slot(at), kept.slot(by));
            }
            (Sum::Chords, Margins::Kept(at)) => {
                let z = kept.slot(at);
                let chord = |p| self.share(p) * self.glm.loss.chord(self.target(p), z[p * k]);
                to[0] = (0..n).map(chord).sum();
            }
            (Sum::Spread, Margins::Kept(at)) => self.jets(0..n, kept.slot(at), |p, value, s, h| {
                let share = self.share(p);
                to[0] += share * s.iter().map(|s| s * s).sum::<f64>();
                to[1] += share * h.iter().sum::<f64>();
                to[2] += share * value;
            }),
            (Sum::Traces, Margins::Kept(at)) => self.jets(0..n, kept.slot(at), |p, _, _, h| {
                to[0] += self.share(p) * self.glm.loss.trace(h) / k as f64;
            }),
            // Of margins that are the same in every row only the losses are of use.
            (_, Margins::Same(_)) => to.fill(f64::NAN),
        }
    }

    fn losses(&self, at: Margins<'_>, kept: &Kept, to: &mut [f64]) {
        const BLOCK: usize = 256;
        let (n, k) = (self.len(), self.glm.outputs());
        let same: Vec<f64> = match at {
            Margins::Same(b) => (0..BLOCK * k).map(|i| b[i % k]).collect(),
            Margins::Kept(_) => Vec::new(),
        };
        let bending = self.glm.loss.bending();
        let (mut value, mut slope, mut h) =
            (vec![0.0; BLOCK], vec![0.0; BLOCK * k], vec![0.0; BLOCK * bending]);
        let mut target = vec![0.0; BLOCK];
        let part = 1.0 / self.glm.total;
        for from in (0..n).step_by(BLOCK) {
            let m = BLOCK.min(n - from);
            let z = match at {
                Margins::Same(_) => &same[..m * k],
                Margins::Kept(slot) => &kept.slot(slot)[from * k..(from + m) * k],
            };
            (0..m).for_each(|i| target[i] = self.target(from + i));
            let (slope, h) = (&mut slope[..m * k], &mut h[..m * bending]);
            self.glm.loss.jets(&target[..m], z, &mut value[..m], slope, h);
            for i in 0..m {
                let share = match self.sample {
                    Some(sample) => sample.share[from + i],
                    None => self.glm.weight.map_or(1.0, |w| w[from + i]) * part,
                };
                if share == 0.0 {
                    continue;
                }
                to[0] += share;
                to[1] += share * value[i];
                let h = &h[i * bending..(i + 1) * bending];
                for o in 0..k {
                    to[2 + o] += share * slope[i * k + o];
                    to[2 + k + o] += share * self.glm.loss.bends(h, o, o);
                }
            }
        }
    }

    fn along(&self, z: &[f64], (by, length): (Margins<'_>, f64), a: f64, kept: &Kept) -> [f64; 3] {
        const PART: usize = 8192;
        let (n, k) = (self.len(), self.glm.outputs());
        let parts = pool().map(n.div_ceil(PART), |part| {
            let places = part * PART..n.min((part + 1) * PART);
            let numbers = places.start * k..places.end * k;
            let z = &z[numbers.clone()];
            let mut t = match by {
                Margins::Kept(slot) => kept.slot(slot)[numbers].to_vec(),
                Margins::Same(margin) => margin.iter().copied().cycle().take(z.len()).collect(),
            };
            t.iter_mut().zip(z).for_each(|(t, z)| *t = (*t - z) / length);
            let mut moved = vec![0.0; z.len()];
            ahead(z, a, &t, &mut moved);
            let mut sum = [0.0; 3];
            self.jets(places.clone(), &moved, |p, value, slope, h| {
                let (share, at) = (self.share(p), p - places.start);
                if share == 0.0 {
                    return;
                }
                let t = &t[at * k..(at + 1) * k];
                sum[0] += share * value;
                sum[1] += share * slope.iter().zip(t).map(|(s, t)| s * t).sum::<f64>();
                sum[2] += share * self.glm.loss.bent(h, t);
            });
            sum
        });
        added(parts)
    }

    /// Σ share H; where a number added to all margins changes nothing that is Σ share (diag h − h h′).
    fn curvatures(&self, z: &[f64], to: &mut [f64]) {
        /// Rows summed at once, and parts at most: each has a matrix of its own.
        const ROWS: usize = 128;
        const PARTS: usize = 8;
        let (n, k) = (self.len(), self.glm.outputs());
        let loss = self.glm.loss;
        if k > 1 && !loss.level() {
            self.jets(0..n, z, |p, _, _, h| {
                let share = self.share(p);
                (0..k * k).for_each(|at| to[at] += share * loss.bends(h, at / k, at % k));
            });
            return;
        }
        let per = n.div_ceil(PARTS).max(64 * ROWS);
        let parts = pool().map(n.div_ceil(per), |part| {
            let end = n.min((part + 1) * per);
            let (mut c, mut own) = (vec![0.0; k * k], vec![0.0; k]);
            let (mut plain, mut times) = (Vec::new(), Vec::new());
            for from in (part * per..end).step_by(ROWS) {
                let places = from..end.min(from + ROWS);
                plain.clear();
                times.clear();
                self.jets(places.clone(), &z[places.start * k..places.end * k], |p, _, _, h| {
                    let share = self.share(p);
                    plain.extend_from_slice(h);
                    times.extend(h.iter().map(|h| -share * h));
                    own.iter_mut().zip(h).for_each(|(own, h)| *own += share * h);
                });
                if k > 1 {
                    add_product(&plain, &times, k, &mut c);
                }
            }
            (0..k).for_each(|a| c[a * (k + 1)] += own[a]);
            c
        });
        for part in parts {
            to.iter_mut().zip(part).for_each(|(c, p)| *c += p);
        }
        mirror(to, k);
    }

    /// Σ share_i D_i*(H_i t_i).
    fn distances(&self, z: &[f64], t: &[f64]) -> f64 {
        const PART: usize = 8192;
        let (n, k) = (self.len(), self.glm.outputs());
        let parts = pool().map(n.div_ceil(PART), |part| {
            let places = part * PART..n.min((part + 1) * PART);
            let (mut sum, mut u) = (0.0, vec![0.0; k]);
            self.jets(places.clone(), &z[places.start * k..places.end * k], |p, _, _, h| {
                let share = self.share(p);
                if share == 0.0 {
                    return;
                }
                u.copy_from_slice(&t[p * k..(p + 1) * k]);
                self.glm.loss.bend(h, &mut u, &[]);
                let z = &z[p * k..(p + 1) * k];
                sum += share * self.glm.loss.conjugate_distance(self.target(p), z, &u);
            });
            sum
        });
        parts.iter().sum()
    }

    /// Whether no row's loss grows, and some row's falls, as margins go on changing by `t` without end.
    fn recedes(
        &self,
        t: &[f64],
        largest: f64,
        way: &[f64],
        (centre, scale): (&[f64], &[f64]),
    ) -> [bool; 2] {
        /// Beside the largest change, one that is 0 but for rounding.
        const STILL: f64 = 1e-9;
        let (d, width, k) = (self.glm.design.columns(), self.glm.width(), self.glm.outputs());
        let loss = self.glm.loss;
        let rows = || t.chunks_exact(k).enumerate().filter(|(p, _)| self.share(*p) > 0.0);
        let falls = |(p, t): (usize, &[f64])| {
            let back: Vec<f64> = t.iter().map(|t| -t).collect();
            !loss.recedes(self.target(p), &back, 1e-3 * largest)
        };
        if !rows().all(|(p, t)| loss.recedes(self.target(p), t, STILL * largest)) {
            return [false, false];
        }
        let falls = rows().any(falls);
        let mut row = vec![0.0; d];
        let none_grows = rows().all(|(p, t)| {
            if loss.recedes(self.target(p), t, 0.0) {
                return true;
            }
            self.glm.design.gather(&[self.row(p) as u32], &mut row);
            // The way, of which no entry is above 1, is known to rounding; of several outputs, whose metric is made
            // of pieces, to fewer digits.
            let columns = row.iter().zip(centre).zip(scale);
            let known = 1.0 + columns.map(|((v, c), s)| (v.abs() + c.abs()) / s).sum::<f64>();
            let terms = way.chunks_exact(width).take(k - loss.learnt()).map(|x| {
                let terms = row.iter().zip(x).map(|(v, w)| (v * w).abs()).sum::<f64>();
                terms + x.get(d).map_or(0.0, |b| b.abs())
            });
            let rounding = known * if k > 1 { STILL } else { 64.0 * f64::EPSILON };
            loss.recedes(self.target(p), t, STILL * terms.fold(0.0, f64::max) + rounding)
        });
        [none_grows, falls]
    }

    fn scores(&self, ask: &mut Scores<'_>, kept: &mut Kept) {
        match ask {
            Scores::Tails(to) => {
                to[0] = f64::from(kept.distances.iter().fold(0.0f32, |m, d| m.max(*d)));
                to[1] = kept.distances.iter().map(|d| f64::from(*d)).sum();
            }
            Scores::Keep { at, far } => {
                let mut scores = std::mem::take(&mut kept.scores);
                scores.clear();
                scores.resize(self.len(), 0.0);
                let distances = if *far { &kept.distances[..] } else { &[] };
                self.score(kept.slot(*at), distances, &mut scores);
                kept.scores = scores;
            }
            Scores::Sum { times, most, to } => {
                **to = sums(&kept.scores, *times, *most).iter().sum();
            }
            Scores::Draw { times, sum, to } => **to = draw(&kept.scores, *times, sum),
            Scores::Of { places, to } => {
                places.iter().zip(&mut **to).for_each(|(&p, to)| *to = kept.scores[p as usize]);
            }
            Scores::Free => kept.scores = Vec::new(),
        }
    }

    /// Share · curvature · (1 + distance²) by places, up to a common factor; without distances they count as alike.
    fn score(&self, z: &[f64], distances: &[f32], scores: &mut [f32]) {
        let (n, k) = (self.len(), self.glm.outputs());
        let mean = 1.0 / n as f64;
        let parts: Vec<_> = scores.chunks_mut(PART).map(Mutex::new).collect();
        pool().each(parts.len(), |part| {
            let mut to = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            let from = part * PART;
            let places = from..from + to.len();
            let z = &z[places.start * k..places.end * k];
            self.jets(places, z, |p, _, _, h| {
                let bend = if k == 1 { h[0] } else { self.glm.loss.trace(h) };
                let far = distances.get(p).map_or(1.0, |d| 1.0 + d);
                to[p - from] = (bend.max(0.0) * self.share(p) / mean) as f32 * far;
            });
        });
    }
}

fn added(parts: Vec<[f64; 3]>) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
}
