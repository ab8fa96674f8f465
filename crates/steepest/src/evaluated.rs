//! Which values belong to which points: what is handed over as F(x) is what was evaluated at x.

/// So many of the last evaluations are kept.
const KEPT: usize = 1024;

/// The last values of f, each with a mark of its point; and what F was where a run that goes on had come to.
#[derive(Debug, Default)]
pub struct Evaluated {
    ring: Vec<(u64, f64)>,
    next: usize,
    before: Vec<(u64, f64)>,
    /// The lowest finite value of f, and where: of a run that goes on, since it does.
    lowest: Option<(f64, Vec<f64>)>,
}

impl Evaluated {
    /// A value at x, of which nothing more is to be known.
    pub fn saw(&mut self, x: &[f64], value: f64) {
        if value.is_finite() && self.lowest.as_ref().is_none_or(|l| value < l.0) {
            let (least, at) = self.lowest.get_or_insert_default();
            *least = value;
            at.clear();
            at.extend_from_slice(x);
        }
    }
    /// A value at x.
    pub fn keep(&mut self, x: &[f64], value: f64) {
        self.saw(x, value);
        let one = (mark(x), value);
        if self.ring.len() < KEPT {
            self.ring.push(one);
        } else {
            self.ring[self.next] = one;
            self.next = (self.next + 1) % KEPT;
        }
    }
    /// The lowest finite value of f, and where.
    pub fn lowest(&self) -> Option<(f64, &[f64])> {
        self.lowest.as_ref().map(|(value, x)| (*value, &x[..]))
    }
    /// Forgets what was lowest.
    pub fn forget(&mut self) {
        self.lowest = None;
    }
    /// What was lowest, as it is saved.
    pub fn saved(&mut self) -> &mut Option<(f64, Vec<f64>)> {
        &mut self.lowest
    }
    /// Of F at x, before the run was stopped.
    pub fn keep_before(&mut self, x: &[f64], whole: f64) {
        self.before.push((mark(x), whole));
    }
    /// Whether F was `whole` at x, where the penalty is `added`.
    pub fn holds(&self, x: &[f64], whole: f64, added: f64) -> bool {
        let at = mark(x);
        self.before.contains(&(at, whole))
            || self.ring.iter().any(|(mark, f)| *mark == at && f + added == whole)
    }
}

/// 64 bits of x, in four lanes.
fn mark(x: &[f64]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1, 2, 3, 4u64];
    let mut mix = |part: &[f64]| {
        for (lane, v) in lanes.iter_mut().zip(part) {
            *lane = (*lane ^ v.to_bits()).wrapping_mul(ODD).rotate_left(29);
        }
    };
    let parts = x.chunks_exact(4);
    let rest = parts.remainder();
    parts.for_each(&mut mix);
    mix(rest);
    lanes.iter().fold(x.len() as u64, |all, lane| (all ^ lane).wrapping_mul(ODD).rotate_left(31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_its_point() {
        let mut kept = Evaluated::default();
        let point = |k: usize| [k as f64, 2.0, -3.0, 0.5, 1.0 / (k as f64 + 1.0)];
        for k in 0..2 * KEPT {
            kept.keep(&point(k), k as f64);
        }
        let value = KEPT as f64;
        assert!(kept.holds(&point(KEPT), value, 0.0) && kept.holds(&point(KEPT), value + 1.0, 1.0));
        assert!(!kept.holds(&point(KEPT), value + 1.0, 0.0));
        assert!(!kept.holds(&point(KEPT)[..4], value, 0.0) && !kept.holds(&point(0), 0.0, 0.0));
        kept.keep_before(&point(0), 0.0);
        assert!(kept.holds(&point(0), 0.0, 7.0));
        kept.keep(&point(7), -1.0);
        [f64::NEG_INFINITY, f64::NAN, 3.0].into_iter().for_each(|f| kept.keep(&point(8), f));
        assert_eq!(kept.lowest(), Some((-1.0, &point(7)[..])));
    }
}
