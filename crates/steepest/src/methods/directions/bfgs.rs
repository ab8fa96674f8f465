//! BFGS with the whole matrix.
use crate::curvature::Curvature;
use crate::linalg::vectors::{Aligned, dot, fold8, padded, room};
use crate::methods::direction::{Directed, Direction, Iterate, StepTaken};
use crate::parallel::pool::pool;
use crate::state::{Bad, State, Visitor};
use crate::status::Halt;
use std::sync::{Mutex, PoisonError};

crate::settings! {
    /// BFGS: quasi-Newton steps d = −H g, H the inverse Hessian as all steps together have told it, an n × n matrix.
    ///
    /// H ← (I − s y' / s'y) H (I − y s' / s'y) + s s' / s'y, from (s'y / y'y) I at the first step. One pass over H a step:
    /// the update of one step is made while the next direction is multiplied. For up to some thousand variables; `lbfgs`
    /// remembers the last steps only, and is as good on most functions.
    ///
    /// Broyden, Fletcher, Goldfarb and Shanno 1970; Nocedal and Wright 2006, section 6.1.
    "bfgs" Bfgs {}
}

impl Directed for Bfgs {
    const SEARCH: &'static str = "approximate_wolfe";
    const PREDICTS: bool = true;
    fn direction(self) -> Box<dyn Direction> {
        Box::new(InverseHessian::default())
    }
}

#[derive(Default)]
struct InverseHessian {
    n: usize,
    stride: usize,
    /// H, but for what is due; empty before the first step.
    h: Aligned,
    due: Option<Update>,
    /// H g where the last direction was asked for.
    hg: Aligned,
    /// Whether a step was taken since.
    stepped: bool,
    /// The product under way.
    p: Aligned,
}

/// H ← H + s w' − r s'.
#[derive(Default)]
struct Update {
    s: Aligned,
    w: Aligned,
    r: Aligned,
}

crate::state!(Update { s, w, r });

impl State for InverseHessian {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut some = !self.h.is_empty();
        v.field("some", &mut some)?;
        if v.loads() {
            self.h = if some { Aligned::zeros(self.n * self.stride) } else { Aligned::default() };
        }
        v.field("h", &mut self.h[..])?;
        v.field("due", &mut self.due)?;
        v.field("hg", &mut self.hg)?;
        v.field("stepped", &mut self.stepped)
    }
}

/// From this many rows on they are shared out.
const ROWS: usize = 64;

impl Direction for InverseHessian {
    fn begin(&mut self, n: usize) -> Result<(), Halt> {
        let stride = padded(n);
        room(n.saturating_mul(stride)).map_err(|why| {
            Halt::Failed(
                format!("bfgs holds a matrix of {n} x {n} numbers, and {why}: take lbfgs").into(),
            )
        })?;
        let [hg, p] = [0; 2].map(|_| Aligned::zeros(n));
        *self = InverseHessian { n, stride, hg, p, ..InverseHessian::default() };
        Ok(())
    }

    fn learn(&mut self, step: &StepTaken<'_>) {
        self.stepped |= step.kept;
    }

    fn towards(&mut self, here: &mut Iterate<'_, '_>, d: &mut [f64]) -> Result<Option<f64>, Halt> {
        if self.h.is_empty() {
            let gamma = here.pairs.gamma();
            self.h = Aligned::zeros(self.n * self.stride);
            (0..self.n).for_each(|j| self.h[j * self.stride + j] = gamma);
            let (_, y) = here.pairs.newest();
            (0..self.n).for_each(|j| self.hg[j] = gamma * (here.g[j] - y[j]));
        }
        self.multiply(here.g);
        if std::mem::take(&mut self.stepped) {
            let (s, y) = here.pairs.newest();
            self.renew(s, y, here.g);
        }
        self.hg.copy_from_slice(&self.p);
        d.iter_mut().zip(&*self.p).for_each(|(d, p)| *d = -p);
        Ok(Some(1.0))
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }

    fn forget(&mut self) {
        (self.h, self.due, self.stepped) = (Aligned::default(), None, false);
    }

    fn curvature(&self) -> Option<Curvature> {
        let (n, stride) = (self.n, self.stride);
        let one = |k: usize| {
            let (i, j) = (k / n, k % n);
            let due = self.due.as_ref().map_or(0.0, |u| u.s[i] * u.w[j] - u.r[i] * u.s[j]);
            self.h[i * stride + j] + due
        };
        let even = |k: usize| 0.5 * (one(k) + one(k % n * n + k / n));
        (!self.h.is_empty()).then(|| Curvature::Inverse((0..n * n).map(even).collect()))
    }
}

impl InverseHessian {
    /// p ← H g, with what is due made in the same pass.
    fn multiply(&mut self, g: &[f64]) {
        let (n, stride, due) = (self.n, self.stride, self.due.take());
        let parts: Vec<_> = self
            .h
            .chunks_mut(ROWS * stride)
            .zip(self.p[..n].chunks_mut(ROWS))
            .map(Mutex::new)
            .collect();
        let each = |k: usize| {
            let mut part = parts[k].lock().unwrap_or_else(PoisonError::into_inner);
            let (h, p) = &mut *part;
            match &due {
                Some(u) => {
                    renewed(h, p, stride, g, &u.s, &u.w, &u.s[k * ROWS..], &u.r[k * ROWS..]);
                }
                None => product(h, p, stride, g),
            }
        };
        if n < 4 * ROWS { (0..parts.len()).for_each(each) } else { pool().each(parts.len(), each) }
    }

    /// The pair (s, y) comes to H, which is made later; what it does to p = H g, at once.
    fn renew(&mut self, s: &[f64], y: &[f64], g: &[f64]) {
        // y = g − g before, and H g before is known.
        let mut hy = Aligned::zeros(self.n);
        hy.iter_mut().zip(&*self.p).zip(&*self.hg).for_each(|((hy, p), hg)| *hy = p - hg);
        let (sy, yhy) = (dot(s, y), dot(y, &hy));
        let times = (1.0 + yhy / sy) / sy;
        let [mut own, mut w, mut r] = [0; 3].map(|_| Aligned::zeros(self.n));
        own.copy_from_slice(s);
        for j in 0..self.n {
            r[j] = hy[j] / sy;
            w[j] = times * s[j] - r[j];
        }
        let (wg, sg) = (dot(&w, g), dot(s, g));
        (0..self.n).for_each(|j| self.p[j] += s[j] * wg - r[j] * sg);
        self.due = Some(Update { s: own, w, r });
    }
}

crate::simd! {
    /// p ← H g, some rows of it.
    fn product[](h: &[f64], p: &mut [f64], stride: usize, g: &[f64]) {
        for (p, h) in p.iter_mut().zip(h.chunks_exact(stride)) {
            let mut acc = [0.0; 8];
            for (h, g) in h.as_chunks::<8>().0.iter().zip(g.as_chunks::<8>().0) {
                for l in 0..8 { acc[l] += h[l] * g[l] }
            }
            *p = fold8(&acc);
        }
    }
}
crate::simd! {
    /// The same, after h_ij ← h_ij + s_i w_j − r_i s_j; of `si` and `ri` the rows' own.
    fn renewed[](h: &mut [f64], p: &mut [f64], stride: usize, g: &[f64], s: &[f64], w: &[f64], si: &[f64], ri: &[f64]) {
        let (g, s, w) = (g.as_chunks::<8>().0, s.as_chunks::<8>().0, w.as_chunks::<8>().0);
        for (((p, h), si), ri) in p.iter_mut().zip(h.chunks_exact_mut(stride)).zip(si).zip(ri) {
            let mut acc = [0.0; 8];
            for (((h, g), s), w) in h.as_chunks_mut::<8>().0.iter_mut().zip(g).zip(s).zip(w) {
                for l in 0..8 { h[l] += si * w[l] - ri * s[l] }
                for l in 0..8 { acc[l] += h[l] * g[l] }
            }
            *p = fold8(&acc);
        }
    }
}
