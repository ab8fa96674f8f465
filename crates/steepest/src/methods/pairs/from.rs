//! The steps of L-BFGS from a matrix that another applies.
use super::Pairs;
use crate::linalg::vectors::{add_scaled, dot, scaled};

impl Pairs {
    /// d ← −H g, H being that of the newest pairs, so many at most, from a matrix on that `first` applies (from, to);
    /// false where it cannot.
    pub fn direction_from<E>(
        &mut self,
        newest: usize,
        g: &[f64],
        [d, room]: [&mut [f64]; 2],
        first: impl FnOnce(&[f64], &mut [f64]) -> Result<bool, E>,
    ) -> Result<bool, E> {
        scaled(-1.0, g, d);
        self.order.clear();
        let newest = self.newest_first().take(newest);
        self.order.extend(newest);
        for &i in &self.order {
            let row = self.row(i);
            let alpha = dot(&self.s[row.clone()], d) / self.sy[i];
            self.alpha[i] = alpha;
            add_scaled(-alpha, &self.y[row], d);
        }
        room.copy_from_slice(d);
        if !first(&room[..self.n], &mut d[..self.n])? {
            return Ok(false);
        }
        for &i in self.order.iter().rev() {
            let row = self.row(i);
            let beta = dot(&self.y[row.clone()], d) / self.sy[i];
            add_scaled(self.alpha[i] - beta, &self.s[row], d);
        }
        Ok(true)
    }
}
