//! Many columns: each coefficient and how far it may be from what it should be, by itself.
use super::{BLOCK, EACH, Gathered, Incoming, Learned, Online, Placing, READ, len};
use crate::linalg::vectors::fold8_apart;
use crate::numbers::simd::prefetch;

/// What is known of one, see [`EACH`].
pub(super) type Coefficient = [f64; EACH];

impl Online<'_> {
    /// Learns rows, each coefficient being known by itself; `before` rows told of each that a fit left.
    pub(super) fn learn_singly(&self, rows: &Incoming<'_>, known: &mut Learned<'_>, before: f64) {
        let d = rows.design.columns();
        let each = len(d, false);
        let outputs = known.state.len() / each;
        let mut placing = (!known.raw).then(|| Placing::new(known));
        let (mut these, mut target) = (Gathered::default(), Vec::new());
        let (mut row, mut next) = (OneRow::default(), OneRow::default());
        let (mut table, mut x) = (Vec::new(), Vec::new());
        let mut told = Told::default();
        for from in (0..rows.design.rows()).step_by(READ) {
            these.take(rows, from);
            if !known.raw {
                table.resize(these.named.len() * d, 0.0);
                x.resize(d, 0.0);
                rows.design.gather(&these.named, &mut table);
            }
            for at in 0..these.named.len() {
                match &mut placing {
                    None if at == 0 => row.read(rows, these.named[at]),
                    None => std::mem::swap(&mut row, &mut next),
                    Some(placing) => {
                        placing.place(&table[at * d..(at + 1) * d], known, &mut x, d);
                        row.places.clear();
                        row.places.extend(0..d as u32);
                        row.x.clone_from(&x);
                        row.tidy();
                    }
                }
                *known.rows += 1.0;
                let after = these.named.get(at + 1).filter(|_| known.raw);
                after.iter().for_each(|&&i| next.read(rows, i));
                told.pull.clear();
                told.pull.extend(row.places.iter().map(|&j| match known.raw {
                    true => self.alpha,
                    false => self.alpha / known.scale[j as usize].powi(2),
                }));
                for (k, state) in known.state.chunks_exact_mut(each).enumerate() {
                    self.targets(&these.target[at..=at], outputs, k, &mut target);
                    let (each, level) = state.as_chunks_mut::<EACH>().0.split_at_mut(d);
                    self.recall(each, &row, &mut told, *known.rows, before);
                    if after.is_some() {
                        next.places.iter().for_each(|&j| prefetch(&each[j as usize]));
                    }
                    self.single(
                        (each, &mut level[0]),
                        &row,
                        &mut told,
                        *known.rows,
                        (target[0], these.weight[at]),
                    );
                }
            }
        }
    }

    /// What is known of a row's coefficients, and of one that was not seen before, what is expected.
    fn recall(
        &self,
        each: &mut [Coefficient],
        row: &OneRow,
        told: &mut Told,
        now: f64,
        before: f64,
    ) {
        let (d, entries) = (each.len() as f64, row.places.len() as f64);
        let [ws, vs, lasts, firsts] = told.of(row.places.len());
        let parts = ws.iter_mut().zip(vs).zip(lasts).zip(firsts);
        for ((&j, x), (((w, v), last), first)) in row.places.iter().zip(&row.x).zip(parts) {
            let c = &mut each[j as usize];
            if c[3] == 0.0 {
                *c = self.expected(c[0], x * x * entries, before / d, now);
            }
            [*w, *v, *last, *first] = *c;
        }
    }

    /// What is known of a coefficient that is seen for the first time.
    #[cold]
    fn expected(&self, w: f64, square: f64, before: f64, now: f64) -> Coefficient {
        let first = self.size / square;
        [w, 1.0 / (1.0 / first + before * square), now - 1.0, first]
    }

    /// A row, each coefficient being known by itself.
    fn single(
        &self,
        (each, level): (&mut [Coefficient], &mut Coefficient),
        row: &OneRow,
        told: &mut Told,
        now: f64,
        (target, weight): (f64, f64),
    ) {
        let [margin, v] = recalled(&row.x, &told.pull, &told.last, now, &mut told.w, &mut told.v);
        let (margin, v) = (margin + level[0], v + level[1]);
        if !(v > 0.0 && v.is_finite()) {
            return;
        }
        let (s, h) = self.implicit(target, margin, v, weight);
        let by = [s, h / (1.0 + h * v), self.grow()];
        moved(&row.x, &told.first, by, &mut told.w, &mut told.v);
        let known = told.w.iter().zip(&told.v).zip(&told.first);
        for (&j, ((w, v), first)) in row.places.iter().zip(known) {
            each[j as usize] = [*w, *v, now, *first];
        }
        if self.intercept {
            (level[0], level[1]) = stepped(1.0, level[3], by, level[0], level[1]);
        }
    }

    /// What the penalty has left of a coefficient since it was last seen.
    pub(super) fn pulled(&self, c: &[f64], now: f64, scale: f64) -> f64 {
        left(self.alpha / (scale * scale), now - c[2], c[1])
    }
}

#[inline(always)]
fn left(pull: f64, rows: f64, v: f64) -> f64 {
    1.0 / (1.0 + pull * rows * v)
}

/// A coefficient and its variance after a row.
#[inline(always)]
fn stepped(x: f64, first: f64, [s, k, grow]: [f64; 3], w: f64, v: f64) -> (f64, f64) {
    let q = v * x;
    (w - s * q, ((v - k * q * q) * grow).min(first))
}

/// The entries of a row.
#[derive(Default)]
struct OneRow {
    places: Vec<u32>,
    x: Vec<f64>,
}

impl OneRow {
    fn read(&mut self, rows: &Incoming<'_>, i: u32) {
        rows.design.entries(i as usize, &mut self.places, &mut self.x);
        self.tidy();
    }
    /// Entries that name the same column add up, and a zero that is written out is none.
    fn tidy(&mut self) {
        let [ascending, none] = looked_over(&self.places, &self.x);
        if !ascending {
            let mut all: Vec<(u32, f64)> =
                self.places.iter().copied().zip(self.x.iter().copied()).collect();
            all.sort_by_key(|(j, _)| *j);
            all.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
            (self.places, self.x) = all.into_iter().unzip();
        }
        if none || !ascending {
            let mut there = self.x.iter().map(|x| *x != 0.0);
            self.places.retain(|_| there.next().unwrap_or(false));
            self.x.retain(|x| *x != 0.0);
        }
    }
}

crate::simd! {
    /// Whether places ascend, and whether a number is 0.
    fn looked_over[](places: &[u32], x: &[f64]) -> [bool; 2] {
        let next = places.get(1..).unwrap_or_default();
        let ascending = places.iter().zip(next).fold(true, |all, (a, b)| all & (a < b));
        [ascending, x.iter().fold(false, |any, x| any | (*x == 0.0))]
    }
}
crate::simd! {
    /// The coefficients of columns taken as they lie, as the penalty has left them by now.
    pub(super) fn read[](each: &[Coefficient], alpha: f64, now: f64, coef: &mut [f64]) {
        for (to, [w, v, last, _]) in coef.iter_mut().zip(each) {
            *to = w * left(alpha, now - last, *v);
        }
    }
}

/// What is known of a row's coefficients, side by side, and how each is pulled to 0.
#[derive(Default)]
struct Told {
    w: Vec<f64>,
    v: Vec<f64>,
    last: Vec<f64>,
    first: Vec<f64>,
    pull: Vec<f64>,
}

impl Told {
    /// Room for so many.
    fn of(&mut self, n: usize) -> [&mut [f64]; 4] {
        [&mut self.w, &mut self.v, &mut self.last, &mut self.first].map(|part| {
            part.resize(n, 0.0);
            &mut part[..]
        })
    }
}

crate::simd! {
    /// What the penalty has left of coefficients and variances; their margin, and its variance.
    fn recalled[](x: &[f64], pull: &[f64], last: &[f64], now: f64, w: &mut [f64], v: &mut [f64]) -> [f64; 2] {
        let each = w.iter_mut().zip(v.iter_mut()).zip(pull).zip(last);
        for (((w, v), pull), last) in each {
            let left = left(*pull, now - last, *v);
            *w *= left;
            *v *= left;
        }
        let (mut m, mut s) = ([0.0; BLOCK], [0.0; BLOCK]);
        let ((x, xt), (w, wt), (v, vt)) = (x.as_chunks::<BLOCK>(), w.as_chunks::<BLOCK>(), v.as_chunks::<BLOCK>());
        for ((x, w), v) in x.iter().zip(w).zip(v) {
            for l in 0..BLOCK {
                m[l] += x[l] * w[l];
                s[l] += v[l] * x[l] * x[l];
            }
        }
        for (l, ((x, w), v)) in xt.iter().zip(wt).zip(vt).enumerate() {
            m[l] += x * w;
            s[l] += v * x * x;
        }
        [fold8_apart(&m), fold8_apart(&s)]
    }
}
crate::simd! {
    /// Coefficients and variances after a row, see [`stepped`].
    fn moved[](x: &[f64], first: &[f64], by: [f64; 3], w: &mut [f64], v: &mut [f64]) {
        for (((w, v), x), first) in w.iter_mut().zip(v.iter_mut()).zip(x).zip(first) {
            (*w, *v) = stepped(*x, *first, by, *w, *v);
        }
    }
}
