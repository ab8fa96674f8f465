//! Variables in parts, each with a penalty of its own.
use crate::penalty::{Offers, Penalty, Piece, Steps};
use std::ops::Range;

/// One penalty after another over the parts of a vector.
pub struct Parts {
    parts: Vec<(Range<usize>, Box<dyn Penalty>)>,
}

impl Parts {
    /// Each with how many coordinates it lies on, in their order.
    pub fn new(parts: Vec<(usize, Box<dyn Penalty>)>) -> Self {
        let mut from = 0;
        let placed = parts.into_iter().map(|(n, penalty)| {
            from += n;
            (from - n..from, penalty)
        });
        Parts { parts: placed.collect() }
    }
    /// The part that a coordinate lies in, and its place there.
    fn of(&self, j: usize) -> Option<(&dyn Penalty, usize)> {
        let k = self.parts.partition_point(|(range, _)| range.end <= j);
        self.parts.get(k).map(|(range, penalty)| (&**penalty, j - range.start))
    }
    /// The same of each part; none where one has no such form.
    fn each(
        &self,
        form: impl Fn(&dyn Penalty, Range<usize>) -> Option<Box<dyn Penalty>>,
    ) -> Option<Self> {
        let parts = self.parts.iter().map(|(r, p)| Some((r.clone(), form(&**p, r.clone())?)));
        Some(Parts { parts: parts.collect::<Option<_>>()? })
    }
}

impl Penalty for Parts {
    fn name(&self) -> &'static str {
        "parts"
    }
    fn offers(&self) -> Offers {
        let mut all = self.parts.iter().map(|(_, p)| p.offers());
        let first = all.next().expect("a vector has parts");
        all.fold(first, |a, b| Offers {
            smooth: a.smooth && b.smooth,
            quadratic: a.quadratic && b.quadratic,
            diagonal_prox: a.diagonal_prox && b.diagonal_prox,
            bounds: a.bounds && b.bounds,
            pieces: a.pieces && b.pieces,
            shares: false,
            atoms: a.atoms && b.atoms,
            convex: a.convex && b.convex,
        })
    }
    fn value(&self, x: &[f64]) -> f64 {
        self.parts.iter().map(|(r, p)| p.value(&x[r.clone()])).sum()
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        for (r, p) in &self.parts {
            let steps = match steps {
                Steps::Uniform(t) => Steps::Uniform(t),
                Steps::Diagonal(t) => Steps::Diagonal(&t[r.clone()]),
            };
            p.prox(&mut x[r.clone()], steps);
        }
    }
    fn add_gradient(&self, x: &[f64], gradient: &mut [f64]) {
        self.parts
            .iter()
            .for_each(|(r, p)| p.add_gradient(&x[r.clone()], &mut gradient[r.clone()]));
    }
    fn quadratic(&self, j: usize) -> f64 {
        self.of(j).map_or(0.0, |(p, j)| p.quadratic(j))
    }
    fn bounds(&self, j: usize) -> (f64, f64) {
        self.of(j).map_or((f64::NEG_INFINITY, f64::INFINITY), |(p, j)| p.bounds(j))
    }
    fn piece(&self, j: usize) -> Piece {
        self.of(j).map_or(Piece::FREE, |(p, j)| p.piece(j))
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        let one =
            |(r, p): &(Range<usize>, Box<dyn Penalty>)| p.atom(&s[r.clone()], &mut to[r.clone()]);
        self.parts.iter().all(one)
    }
    fn free(&self, j: usize) -> bool {
        self.of(j).is_none_or(|(p, j)| p.free(j))
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        Some(Box::new(self.each(|p, r| p.rescaled(&scale[r]))?))
    }
    fn within(&self, low: &[f64], high: &[f64]) -> Option<Box<dyn Penalty>> {
        Some(Box::new(self.each(|p, r| p.within(&low[r.clone()], &high[r]))?))
    }
}
