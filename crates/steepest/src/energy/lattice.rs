//! A box that repeats along some of its edges.
use crate::refusal::Refusal;

/// Three edges, one a row, along some of which everything repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    edges: [[f64; 3]; 3],
    /// The columns of the inverse: what turns a vector into shares of the edges.
    shares: [[f64; 3]; 3],
    repeats: [bool; 3],
    /// The square of half of the least height: no image is shorter than a vector within.
    near: f64,
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Takes a vector from an edge where that makes it shorter, by more than rounding.
fn shorten(edge: &mut [f64; 3], by: [f64; 3]) {
    let tried = [0, 1, 2].map(|k| edge[k] - by[k]);
    if dot(tried, tried) < SHORTER * dot(*edge, *edge) {
        *edge = tried;
    }
}

/// Rounds of shortening, each by a share at least of an edge: most cells need one or two.
const ROUNDS: usize = 256;
/// Edges are shortened by more than rounding.
const SHORTER: f64 = 1.0 - 1e-9;
/// Less of the volume that edges as long as these could have is none.
const FLAT: f64 = 1e-12;

/// The nearest whole number, without the call that `round` is where the processor may have no instruction for it.
#[inline(always)]
fn whole(v: f64) -> f64 {
    /// From here on numbers are whole; so many and a half more, their last digit stands for 1.
    const WHOLE: f64 = (1u64 << 52) as f64;
    if v.abs() < 0.5 * WHOLE { (v + 1.5 * WHOLE) - 1.5 * WHOLE } else { v }
}

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
        let mut lattice = Lattice { edges, shares, repeats, near: f64::INFINITY };
        lattice.near = lattice.narrowest().map_or(f64::INFINITY, |h| 0.25 * h * h);
        Ok(lattice)
    }

    /// The same images by the shortest edges (Minkowski's): the shortest image of a vector is then that which has at most
    /// half of each edge, or one beside it. An edge along which nothing repeats is made to stand upright on the others.
    pub(super) fn shortened(&self) -> Self {
        let mut edges = self.edges;
        for _ in 0..ROUNDS {
            let before = edges;
            for (i, j) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
                if self.repeats[j] {
                    let share = dot(edges[i], edges[j]) / dot(edges[j], edges[j]);
                    let share = if self.repeats[i] { share.round() } else { share };
                    let by = edges[j].map(|v| share * v);
                    shorten(&mut edges[i], by);
                }
            }
            // Three edges, no two of which shorten each other, may still do so together.
            if self.repeats == [true; 3] {
                for i in 0..3 {
                    let (a, b) = (edges[(i + 1) % 3], edges[(i + 2) % 3]);
                    for (s, t) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
                        shorten(&mut edges[i], [0, 1, 2].map(|k| s * a[k] + t * b[k]));
                    }
                }
            }
            if edges == before {
                break;
            }
        }
        Lattice::new(edges, self.repeats).unwrap_or_else(|_| self.clone())
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
        let turn = |k: usize| if self.repeats[k] { whole(self.share(d, k)) } else { 0.0 };
        let turns = [turn(0), turn(1), turn(2)];
        for (turn, edge) in turns.iter().zip(&self.edges) {
            (0..3).for_each(|k| d[k] -= turn * edge[k]);
        }
        d
    }

    /// The shortest image of a vector, in a cell that was shortened.
    #[inline(always)]
    pub(super) fn shortest(&self, d: [f64; 3]) -> [f64; 3] {
        let d = self.nearest(d);
        if dot(d, d) <= self.near { d } else { self.beside(d) }
    }

    /// The shortest of an image and those beside it.
    fn beside(&self, d: [f64; 3]) -> [f64; 3] {
        let turns = |k: usize| if self.repeats[k] { -1..=1 } else { 0..=0 };
        let mut least = d;
        for a in turns(0) {
            for b in turns(1) {
                for c in turns(2) {
                    let sum = |k: usize| {
                        [a, b, c]
                            .iter()
                            .zip(&self.edges)
                            .map(|(&t, e)| f64::from(t) * e[k])
                            .sum::<f64>()
                    };
                    let tried = [0, 1, 2].map(|k| d[k] + sum(k));
                    if dot(tried, tried) < dot(least, least) {
                        least = tried;
                    }
                }
            }
        }
        least
    }
}
