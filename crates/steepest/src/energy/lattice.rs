//! A box that repeats along some of its edges.
use crate::refusal::Refusal;

/// Three edges, one a row, along some of which everything repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    edges: [[f64; 3]; 3],
    /// The columns of the inverse: what turns a vector into shares of the edges.
    shares: [[f64; 3]; 3],
    repeats: [bool; 3],
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Less of the volume that edges as long as these could have is none.
const FLAT: f64 = 1e-12;

impl Lattice {
    /// By its edges.
    ///
    /// # Errors
    /// Where they are not finite, or span no volume.
    pub fn new(edges: [[f64; 3]; 3], repeats: [bool; 3]) -> Result<Self, Refusal> {
        let [a, b, c] = edges;
        let lengths = edges.iter().map(|e| dot(*e, *e).sqrt()).product::<f64>();
        let volume = dot(a, cross(b, c));
        if !lengths.is_finite() || volume.is_nan() || volume.abs() <= FLAT * lengths {
            let why = format!(
                "cell must span a volume; got {volume:.3e} for the edges {a:?}, {b:?}, {c:?}: an edge along which nothing \
                 repeats may have any length but 0"
            );
            return Err(Refusal::of("cell", why));
        }
        let shares = [cross(b, c), cross(c, a), cross(a, b)].map(|n| n.map(|v| v / volume));
        Ok(Lattice { edges, shares, repeats })
    }

    /// The least distance between two faces that repeat; none where nothing repeats.
    pub fn narrowest(&self) -> Option<f64> {
        (0..3).filter(|&k| self.repeats[k]).map(|k| self.height(k)).reduce(f64::min)
    }

    /// The distance between the two faces that edge k leads between.
    pub(super) fn height(&self, k: usize) -> f64 {
        1.0 / dot(self.shares[k], self.shares[k]).sqrt()
    }

    /// Whether it repeats along edge k.
    pub(super) fn repeats(&self, k: usize) -> bool {
        self.repeats[k]
    }

    /// How much of edge k a vector has.
    #[inline(always)]
    pub(super) fn share(&self, d: [f64; 3], k: usize) -> f64 {
        dot(d, self.shares[k])
    }

    /// The image of a vector that has at most half of each edge: the shortest one, if that is within half of each height.
    #[inline(always)]
    pub(super) fn nearest(&self, mut d: [f64; 3]) -> [f64; 3] {
        let turns = [0, 1, 2].map(|k| if self.repeats[k] { self.share(d, k).round() } else { 0.0 });
        for (turn, edge) in turns.iter().zip(&self.edges) {
            (0..3).for_each(|k| d[k] -= turn * edge[k]);
        }
        d
    }
}
