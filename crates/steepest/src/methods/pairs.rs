//! What is remembered of the curvature: pairs (s, y) of steps and changes of the gradient, and the steps of L-BFGS by them.
use crate::linalg::vectors::{self, Aligned, dot, padded};
use crate::state::{Bad, State, Visitor};
use loops::{coefficients, combine, products, recursion, renew, whole};

mod compact;
mod from;
mod loops;
#[cfg(test)]
mod tests;
mod told;
pub mod within;

/// From this many variables on, the recursion runs over inner products, which reads the memory twice
/// instead of four times; below, they would cost more than they save.
const GRAM_FROM: usize = 200;

/// A pair is kept if s'y exceeds this times ‖s‖ ‖y‖ (Li and Fukushima 2001).
const CAUTIOUS: f64 = 1e-10;

/// The last `m` pairs, and −H g.
#[derive(Default)]
pub struct Pairs {
    n: usize,
    stride: usize,
    /// One more than are used: the free one takes the next pair, which may turn out not to be fit.
    slots: usize,
    s: Aligned,
    y: Aligned,
    sy: Vec<f64>,
    yy: Vec<f64>,
    order: Vec<usize>,
    have: usize,
    at: usize,
    /// `have` and `at` when it last forgot: what was there is there still until the next pair comes.
    had: (usize, usize),
    alpha: Vec<f64>,
    bent: f64,
    gram: Option<Gram>,
    dense: Option<Dense>,
}

/// Of few variables H as a matrix: no pair is forgotten, and a step costs less than by the pairs. H = γ·start + rest,
/// apart since γ is that of the newest pair, as with pairs; to hold it as it was at first costs half as many steps more.
struct Dense {
    start: Aligned,
    rest: Aligned,
    hy: Aligned,
    /// H as it was when it was last forgotten, and from how many pairs: told at the end where little has come since.
    kept: Option<(usize, Vec<f64>)>,
}

/// Inner products of the pairs with each other, kept up to date by one product with the gradient a step.
struct Gram {
    /// Row i: s_i·y_l over l (right where l is newer than i).
    sy: Vec<f64>,
    /// Row i: s_l·y_i over l (right where l is older than i).
    ys: Vec<f64>,
    /// Row i: y_i·y_l over l.
    yy: Vec<f64>,
    width: usize,
    now: Products,
    before: Products,
    c_s: Vec<f64>,
    c_y: Vec<f64>,
    fresh: Option<usize>,
}

/// Each s and y times a gradient.
#[derive(Clone, Default)]
struct Products {
    s: Vec<f64>,
    y: Vec<f64>,
}

/// No more pairs are ever asked for.
const MOST: usize = 1000;

impl State for Pairs {
    /// All slots as they are, and what has been learned from them: the sums were not formed at once.
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut made =
            [self.slots, usize::from(self.gram.is_some()), usize::from(self.dense.is_some())];
        v.field("made", &mut made)?;
        if v.loads() {
            v.check("made", (1..=MOST + 1).contains(&made[0]), "is no number of pairs")?;
            *self = Pairs::new(v.dim(), made[0] - 1, made[1] + made[2] == 0);
            let alike = [usize::from(self.gram.is_some()), usize::from(self.dense.is_some())];
            v.check("made", made[1..] == alike, "is of another run")?;
        }
        let Pairs {
            n: _,
            stride: _,
            slots,
            s,
            y,
            sy,
            yy,
            order: _,
            have,
            at,
            had,
            alpha: _,
            bent,
            gram,
            dense,
        } = self;
        v.field("s", &mut s[..])?;
        v.field("y", &mut y[..])?;
        v.field("sy", &mut sy[..])?;
        v.field("yy", &mut yy[..])?;
        v.field("have", have)?;
        v.field("at", at)?;
        v.field("had", had)?;
        v.check("have", (*have).max(had.0) < *slots, "is more than there are")?;
        v.check("at", (*at).max(had.1) < *slots, "is no slot")?;
        v.field("bent", bent)?;
        if let Some(Gram { sy, ys, yy, width: _, now, before, c_s, c_y, fresh }) = gram {
            let arrays =
                [sy, ys, yy, &mut now.s, &mut now.y, &mut before.s, &mut before.y, c_s, c_y];
            for (i, array) in arrays.into_iter().enumerate() {
                v.field(&format!("gram.{i}"), &mut array[..])?;
            }
            v.field("fresh", fresh)?;
            v.check("fresh", fresh.is_none_or(|f| f < *slots), "is no slot")?;
        }
        if let Some(Dense { start, rest, hy: _, kept }) = dense {
            v.field("start", &mut start[..])?;
            v.field("rest", &mut rest[..])?;
            v.field("kept", kept)?;
            let fits = kept.as_ref().is_none_or(|k| k.1.len() == v.dim() * v.dim());
            v.check("kept", fits, "has another length")?;
        }
        Ok(())
    }
}

impl Pairs {
    /// Room for `m` pairs in `n` variables; `plain` where the free variables will change (bounds). With no more
    /// variables than pairs nothing is forgotten.
    pub fn new(n: usize, m: usize, plain: bool) -> Self {
        let (stride, slots) = (padded(n), m + 1);
        Pairs {
            n,
            stride,
            slots,
            s: Aligned::zeros(slots * stride),
            y: Aligned::zeros(slots * stride),
            sy: vec![0.0; slots],
            yy: vec![0.0; slots],
            order: Vec::with_capacity(slots),
            have: 0,
            at: 0,
            had: (0, 0),
            alpha: vec![0.0; slots],
            bent: 0.0,
            gram: (!plain && n >= GRAM_FROM).then(|| Gram::new(slots)),
            dense: (!plain && n <= m).then(|| {
                let [start, rest] = [0; 2].map(|_| Aligned::zeros(n * stride));
                Dense { start, rest, hy: Aligned::zeros(n), kept: None }
            }),
        }
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.have == 0
    }

    /// Whether there is room for more that are not of the same steps: fewer than variables.
    pub fn few(&self) -> bool {
        self.have < self.n.min(self.slots - 1)
    }

    /// How many variables.
    pub fn dim(&self) -> usize {
        self.n
    }

    /// s'y / y'y of the newest pair: the length of H along it.
    pub fn gamma(&self) -> f64 {
        let newest = (self.at + self.slots - 1) % self.slots;
        self.sy[newest] / self.yy[newest]
    }

    /// The newest pair, s and y.
    pub fn newest(&self) -> (&[f64], &[f64]) {
        let row = self.row((self.at + self.slots - 1) % self.slots);
        (&self.s[row.clone()], &self.y[row])
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.have, self.at, self.had) = (0, 0, (0, 0));
        if let Some(gram) = &mut self.gram {
            gram.fresh = None;
        }
        if let Some(dense) = &mut self.dense {
            dense.kept = None;
        }
    }

    /// Forgets the pairs, but for [`curvature`](Self::curvature).
    pub fn forget(&mut self) {
        if self.have == 0 {
            return;
        }
        let (had, kept) = ((self.have, self.at), self.matrix());
        self.clear();
        self.had = had;
        if let Some(dense) = &mut self.dense {
            dense.kept = kept;
        }
    }

    /// H, with from how many pairs it is, where it is a matrix; the one before where little has come since.
    fn matrix(&self) -> Option<(usize, Vec<f64>)> {
        let Dense { start, rest, kept, .. } = self.dense.as_ref()?;
        let enough = kept.as_ref().map_or(1, |k| k.0.min(self.n));
        if self.have < enough {
            return kept.clone();
        }
        let (n, gamma) = (self.n, self.gamma());
        let one =
            |i: usize, j: usize| gamma * start[i * self.stride + j] + rest[i * self.stride + j];
        Some((
            self.have,
            (0..n * n).map(|k| 0.5 * (one(k / n, k % n) + one(k % n, k / n))).collect(),
        ))
    }

    fn row(&self, i: usize) -> std::ops::Range<usize> {
        i * self.stride..(i + 1) * self.stride
    }

    /// The slots in use, newest first.
    fn newest_first(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (at, slots) = (self.at, self.slots);
        (1..=self.have).map(move |j| (at + slots - j) % slots)
    }

    /// Remembers the step from x to `xn` (of which s is given ready made) unless it bends the wrong way.
    /// All are padded. Returns whether it was kept.
    pub fn store(&mut self, x: &[f64], xn: &[f64], g: &[f64], gn: &[f64]) -> bool {
        self.store_above(0.0, x, xn, g, gn)
    }

    /// The same, unless s'y is no more than the noise of the gradients.
    pub fn store_above(
        &mut self,
        noise: f64,
        x: &[f64],
        xn: &[f64],
        g: &[f64],
        gn: &[f64],
    ) -> bool {
        let row = self.row(self.at);
        vectors::minus(xn, x, &mut self.s[row.clone()]);
        vectors::minus(gn, g, &mut self.y[row.clone()]);
        let (s, y) = (&self.s[row.clone()], &self.y[row]);
        let (sy, yy, ss) = (dot(s, y), dot(y, y), dot(s, s));
        self.bent = sy;
        if !(sy > (CAUTIOUS * (ss * yy).sqrt()).max(noise) && yy.is_finite()) {
            if !yy.is_finite() {
                let row = self.row(self.at);
                self.s[row.clone()].fill(0.0);
                self.y[row].fill(0.0);
            }
            return false;
        }
        (self.sy[self.at], self.yy[self.at]) = (sy, yy);
        if let Some(gram) = &mut self.gram {
            gram.fresh = Some(self.at);
        }
        if let Some(Dense { start, rest, hy, .. }) = &mut self.dense {
            let row = self.at * self.stride..(self.at + 1) * self.stride;
            if self.have == 0 {
                start.fill(0.0);
                rest.fill(0.0);
                (0..self.n).for_each(|j| start[j * self.stride + j] = 1.0);
            }
            let (s, y) = (&self.s[row.clone()], &self.y[row]);
            renew(start, hy, self.stride, self.n, s, y, sy, 0.0);
            renew(rest, hy, self.stride, self.n, s, y, sy, 1.0);
        }
        self.at = (self.at + 1) % self.slots;
        self.have = (self.have + 1).min(self.slots - 1);
        true
    }

    /// d ← −H g, where there are pairs.
    pub fn direction(&mut self, g: &[f64], d: &mut [f64]) {
        if let Some(dense) = &self.dense {
            whole(&dense.start, &dense.rest, self.gamma(), self.stride, self.n, g, d);
        } else if self.gram.is_some() {
            self.by_products(g, d)
        } else {
            self.two_loop(g, d)
        }
    }

    /// d ← −H g over the coordinates where `free` is 1 (all of them where there is no mask); false where no pair is fit there.
    pub fn down(&mut self, free: Option<&[f64]>, g: &[f64], d: &mut [f64]) -> bool {
        match free {
            Some(free) => self.direction_over(free, g, d),
            None => {
                self.direction(g, d);
                true
            }
        }
    }

    /// The same of a vector that is no gradient of a step.
    pub fn applied(&mut self, free: Option<&[f64]>, v: &[f64], d: &mut [f64]) {
        match free {
            Some(free) => {
                self.direction_over(free, v, d);
            }
            None if self.gram.is_some() => self.two_loop(v, d),
            None => self.direction(v, d),
        }
    }

    fn two_loop(&mut self, g: &[f64], d: &mut [f64]) {
        self.order.clear();
        let newest_first = self.newest_first();
        self.order.extend(newest_first);
        recursion(
            &self.order,
            self.stride,
            &self.s,
            &self.y,
            &self.sy,
            &self.yy,
            &mut self.alpha,
            g,
            d,
        );
    }

    /// The same over the coordinates where `free` is 1; none where no pair is fit there.
    pub fn direction_over(&mut self, free: &[f64], g: &[f64], d: &mut [f64]) -> bool {
        use vectors::{add_over, dot_over};
        d.fill(0.0);
        add_over(free, -1.0, g, d);
        let mut gamma = None;
        let mut fit = Vec::with_capacity(self.have);
        for i in self.newest_first() {
            let row = self.row(i);
            let (s, y) = (&self.s[row.clone()], &self.y[row]);
            let sy = dot_over(free, s, y);
            let (ss, yy) = (dot_over(free, s, s), dot_over(free, y, y));
            if !(sy > CAUTIOUS * (ss * yy).sqrt()) {
                continue;
            }
            gamma.get_or_insert(sy / yy);
            let alpha = dot_over(free, s, d) / sy;
            add_over(free, -alpha, y, d);
            fit.push((i, alpha, sy));
        }
        let Some(gamma) = gamma else { return false };
        d.iter_mut().for_each(|d| *d *= gamma);
        for (i, alpha, sy) in fit.into_iter().rev() {
            let row = self.row(i);
            let beta = dot_over(free, &self.y[row.clone()], d) / sy;
            add_over(free, alpha - beta, &self.s[row], d);
        }
        true
    }

    fn by_products(&mut self, g: &[f64], d: &mut [f64]) {
        self.order.clear();
        let newest_first = self.newest_first();
        self.order.extend(newest_first);
        let newest = self.order[0];
        let rows = if self.have + 1 < self.slots { self.have } else { self.slots };
        let gram = self.gram.as_mut().expect("asked for by direction");
        std::mem::swap(&mut gram.now, &mut gram.before);
        products(&self.s[..rows * self.stride], self.stride, g, &mut gram.now.s);
        products(&self.y[..rows * self.stride], self.stride, g, &mut gram.now.y);
        if let Some(p) = gram.fresh.take() {
            gram.learn(p, self.sy[p], self.yy[p]);
        }
        let gamma = self.sy[newest] / self.yy[newest];
        let w = gram.width;
        gram.c_s.fill(0.0);
        gram.c_y.fill(0.0);
        coefficients(
            &self.order,
            w,
            gamma,
            &self.sy,
            &gram.sy,
            &gram.ys,
            &gram.yy,
            &gram.now.s,
            &gram.now.y,
            &mut self.alpha,
            &mut gram.c_s,
            &mut gram.c_y,
        );
        vectors::scaled(-gamma, g, d);
        combine(&self.s[..rows * self.stride], self.stride, &gram.c_s, d);
        combine(&self.y[..rows * self.stride], self.stride, &gram.c_y, d);
    }

    /// s'y of the last step, kept or not.
    pub fn bent(&self) -> f64 {
        self.bent
    }
}

impl Gram {
    fn new(slots: usize) -> Self {
        let width = padded(slots);
        let products = Products { s: vec![0.0; width], y: vec![0.0; width] };
        let table = vec![0.0; width * width];
        Gram {
            sy: table.clone(),
            ys: table.clone(),
            yy: table,
            width,
            now: products.clone(),
            before: products,
            c_s: vec![0.0; width],
            c_y: vec![0.0; width],
            fresh: None,
        }
    }

    /// Row times y, for the pair in slot `p`: y = g − g before, so by subtraction (y has that error already).
    fn learn(&mut self, p: usize, sy: f64, yy: f64) {
        let w = self.width;
        for i in 0..w {
            let (s, y) = if i == p {
                (sy, yy)
            } else {
                (self.now.s[i] - self.before.s[i], self.now.y[i] - self.before.y[i])
            };
            self.sy[i * w + p] = s;
            self.ys[p * w + i] = s;
            self.yy[i * w + p] = y;
            self.yy[p * w + i] = y;
        }
        // s_p times an older y stays as it was: the recursion only asks for older s times newer y.
    }
}
