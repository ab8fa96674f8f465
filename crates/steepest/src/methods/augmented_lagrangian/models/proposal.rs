//! What the models propose: a step to the least of the quadratic over the constraints as they are bent.
use super::program::{self, LinearConstraint};
use super::{Models, Within};

/// A step, what the constraints cost along it, and the part of what is missed that it leaves.
pub(super) struct Proposal {
    pub d: Vec<f64>,
    pub price: Vec<f64>,
    pub left: f64,
}

impl Models {
    /// The rows of a step from x, where the constraints are c, as they are bent at x: those that hold, of which each is named with
    /// the sign of its price, and then the bounds.
    fn rows(
        &self,
        x: &[f64],
        c: &[f64],
        Within { low, high, bounds }: Within<'_>,
    ) -> (Vec<LinearConstraint>, Vec<(usize, f64)>) {
        let n = x.len();
        let (mut rows, mut of) = (Vec::new(), Vec::new());
        for (i, row) in self.jacobian.chunks_exact(n).enumerate() {
            let equation = low[i] == high[i];
            if low[i].is_finite() {
                let (normal, offset) = (row.to_vec(), c[i] - low[i]);
                rows.push(LinearConstraint { normal, offset, equation });
                of.push((i, -1.0));
            }
            if high[i].is_finite() && !equation {
                let normal = row.iter().map(|a| -a).collect();
                rows.push(LinearConstraint { normal, offset: high[i] - c[i], equation });
                of.push((i, 1.0));
            }
        }
        for (j, b) in bounds.into_iter().flat_map(|b| (0..n).map(move |j| (j, b))) {
            let (below, above) = (x[j] - b.ends()[0][j], b.ends()[1][j] - x[j]);
            let equation = below == 0.0 && above == 0.0;
            for (room, sign) in [(below, 1.0), (above, -1.0)] {
                if room.is_finite() && !(equation && sign < 0.0) {
                    let mut normal = vec![0.0; n];
                    normal[j] = sign;
                    rows.push(LinearConstraint { normal, offset: room, equation });
                }
            }
        }
        (rows, of)
    }

    /// The step to the least of the model, with constraints that are `c` where it begins; where no step meets them all, and
    /// `nearer` is enough, as near as one comes.
    pub(super) fn least(
        &self,
        x: &[f64],
        c: &[f64],
        within: Within<'_>,
        nearer: bool,
    ) -> Option<Proposal> {
        let (rows, of) = self.rows(x, c, within);
        let (d, u, left) = match program::least(&self.bend, &self.gradient, &rows) {
            Some((d, u)) => (d, u, 0.0),
            None if nearer => self.nearest(rows, of.len())?,
            None => return None,
        };
        let mut price = vec![0.0; c.len()];
        of.iter().zip(&u).for_each(|((i, sign), u)| price[*i] += sign * u);
        Some(Proposal { d, price, left })
    }

    /// The least where a share of what is missed of the first rows may be left, at a price: that step, multipliers, that share.
    fn nearest(
        &self,
        mut rows: Vec<LinearConstraint>,
        constraints: usize,
    ) -> Option<(Vec<f64>, Vec<f64>, f64)> {
        let n = self.gradient.len();
        let wide = n + 1;
        let mut bend = vec![0.0; wide * wide];
        for j in 0..n {
            bend[j * wide..j * wide + n].copy_from_slice(&self.bend[j * n..(j + 1) * n]);
        }
        let mut gradient = self.gradient.clone();
        gradient.push(0.0);
        for (k, row) in rows.iter_mut().enumerate() {
            let lifted = k < constraints && (row.equation || row.offset < 0.0);
            row.normal.push(if lifted { -row.offset } else { 0.0 });
        }
        let mut share = vec![0.0; wide];
        share[n] = 1.0;
        rows.push(LinearConstraint { normal: share, offset: 0.0, equation: false });
        let own = |j: usize| self.bend[j * n + j];
        let scale: f64 = (0..n).map(|j| self.gradient[j] * self.gradient[j] / own(j)).sum();
        let scale = scale + (0..n).map(own).fold(0.0, f64::max);
        for dear in [1e2, 1e4, 1e6] {
            (bend[wide * wide - 1], gradient[n]) = (1e-3 * dear * scale, dear * scale);
            let (mut d, u) = program::least(&bend, &gradient, &rows)?;
            let left = d.pop()?.clamp(0.0, 1.0);
            if left <= 0.9 {
                return Some((d, u, left));
            }
        }
        None
    }
}
