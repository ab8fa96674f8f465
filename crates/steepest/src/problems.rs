//! Standard test functions, shared by tests, benchmarks and documentation.
//!
//! Most are sums of pieces of a few variables each, written once over [`Real`]: gradient and Hessian follow by
//! [`Jet`]. Those with cosines have their derivatives written out, and a test holds them against differences.
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::settings::{Parameter, checked, nearest};
use crate::status::Halt;

mod several;
mod two;
mod waves;

/// A test function.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its formula, as text.
    pub formula: &'static str,
    /// What it tests, and its source.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// Whether a number of variables will do.
    pub takes: fn(usize) -> bool,
    /// Variables unless asked otherwise.
    pub dim: usize,
    /// The usual start.
    pub start: fn(usize) -> Vec<f64>,
    /// The region that pictures show, the same for each coordinate.
    pub region: (f64, f64),
    /// The least value; none where there is no least.
    pub least: Option<fn(usize) -> f64>,
    /// Where the least value is reached.
    pub minima: fn(usize) -> Vec<Vec<f64>>,
    /// f(x).
    pub value: fn(settings: &[f64], x: &[f64]) -> f64,
    /// f(x), and ∇f(x) written to the second.
    pub gradient: fn(settings: &[f64], x: &[f64], &mut [f64]) -> f64,
    /// The Hessian, row after row.
    pub hessian: fn(settings: &[f64], x: &[f64], &mut [f64]),
}

/// Every test function.
pub static PROBLEMS: &[Entry] = &[
    several::SPHERE,
    several::QUADRATIC,
    several::ROSENBROCK,
    several::STYBLINSKI_TANG,
    several::POWELL,
    several::ABSOLUTE,
    two::BEALE,
    two::BOOTH,
    two::HIMMELBLAU,
    two::MATYAS,
    two::GOLDSTEIN_PRICE,
    two::SADDLE,
    two::MONKEY_SADDLE,
    two::LOGISTIC,
    waves::RASTRIGIN,
    waves::ACKLEY,
];

/// A sum of pieces, each of a few neighbouring variables.
trait Pieces {
    /// Pieces for n variables.
    fn count(n: usize) -> usize;
    /// The first variable of piece k, and how many it has.
    fn touched(n: usize, k: usize) -> (usize, usize);
    /// Piece k, a function of the variables it touches.
    fn piece<N: Real>(settings: &[f64], n: usize, k: usize, x: &[N]) -> N;
}

/// Variables of one piece at most.
const MOST: usize = 4;

fn value_of<P: Pieces>(settings: &[f64], x: &[f64]) -> f64 {
    let n = x.len();
    let piece = |k| {
        let (at, len) = P::touched(n, k);
        P::piece(settings, n, k, &x[at..at + len])
    };
    (0..P::count(n)).map(piece).sum()
}

/// Piece k along `direction`, with its first two derivatives.
fn along<P: Pieces>(
    settings: &[f64],
    x: &[f64],
    k: usize,
    direction: impl Fn(usize) -> f64,
) -> Jet<f64> {
    let (at, len) = P::touched(x.len(), k);
    let mut jets = [Jet::constant(0.0); MOST];
    for (i, jet) in jets[..len].iter_mut().enumerate() {
        *jet = Jet { value: x[at + i], first: direction(i), second: 0.0 };
    }
    P::piece(settings, x.len(), k, &jets[..len])
}

fn gradient_of<P: Pieces>(settings: &[f64], x: &[f64], gradient: &mut [f64]) -> f64 {
    gradient.fill(0.0);
    for k in 0..P::count(x.len()) {
        let (at, len) = P::touched(x.len(), k);
        for i in 0..len {
            gradient[at + i] += along::<P>(settings, x, k, |j| f64::from(j == i)).first;
        }
    }
    value_of::<P>(settings, x)
}

/// u'Hv from three second derivatives along lines (polarisation).
fn hessian_of<P: Pieces>(settings: &[f64], x: &[f64], out: &mut [f64]) {
    let n = x.len();
    out.fill(0.0);
    for k in 0..P::count(n) {
        let (at, len) = P::touched(n, k);
        let pure: [f64; MOST] = std::array::from_fn(|i| {
            if i < len { along::<P>(settings, x, k, |j| f64::from(j == i)).second } else { 0.0 }
        });
        for i in 0..len {
            out[(at + i) * n + at + i] += pure[i];
            for j in 0..i {
                let both = along::<P>(settings, x, k, |l| f64::from(l == i || l == j)).second;
                let mixed = 0.5 * (both - pure[i] - pure[j]);
                out[(at + i) * n + at + j] += mixed;
                out[(at + j) * n + at + i] += mixed;
            }
        }
    }
}

/// A test function with its settings, as an objective.
pub struct TestProblem {
    /// Which.
    pub entry: &'static Entry,
    /// Its settings.
    pub settings: Vec<f64>,
    n: usize,
}

/// The test function of that name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    PROBLEMS.iter().find(|e| e.name == name).ok_or_else(|| {
        format!("no problem is called '{name}'{}", nearest(name, PROBLEMS.iter().map(|e| e.name)))
    })
}

impl TestProblem {
    /// By name, in `n` variables (0: its usual number), with settings by name.
    ///
    /// ```
    /// use steepest::problems::TestProblem;
    /// let rosenbrock = TestProblem::new("rosenbrock", 2, &[]).unwrap();
    /// assert_eq!((rosenbrock.entry.value)(&rosenbrock.settings, &[1.0, 1.0]), 0.0);
    /// ```
    pub fn new(name: &str, n: usize, settings: &[(&str, f64)]) -> Result<Self, String> {
        let entry = find(name)?;
        let settings = checked(name, entry.parameters, settings)?;
        let n = if n == 0 { entry.dim } else { n };
        if !(entry.takes)(n) {
            return Err(format!("{name} has no form in {n} variables; {} will do", entry.dim));
        }
        Ok(TestProblem { entry, settings, n })
    }
    /// The usual start.
    pub fn start(&self) -> Vec<f64> {
        (self.entry.start)(self.n)
    }
}

impl Objective for TestProblem {
    fn offers(&self) -> Offers {
        Offers { products: true, hessian: true, ..Offers::gradients(self.n) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let (entry, settings) = (self.entry, &self.settings[..]);
        let mut sorted = Sorted::of(asks);
        for ask in std::mem::take(&mut sorted.others) {
            match ask {
                Ask::Hessian(to) => (entry.hessian)(settings, x, to),
                Ask::Product { along, to } => {
                    let mut h = vec![0.0; self.n * self.n];
                    (entry.hessian)(settings, x, &mut h);
                    for (to, row) in to.iter_mut().zip(h.chunks(self.n)) {
                        *to = row.iter().zip(*along).map(|(h, v)| h * v).sum();
                    }
                }
                other => other.unknown()?,
            }
        }
        sorted
            .plainly(|| Ok((entry.value)(settings, x)), |to| Ok((entry.gradient)(settings, x, to)))
    }
}

/// An entry made of pieces: only what is its own is said.
macro_rules! pieces {
    ($name:ident: $type:ident, $text:literal, $formula:literal, $doc:literal, $parameters:expr, dim $dim:expr, takes $takes:expr,
     start $start:expr, region $region:expr, least $least:expr, minima $minima:expr) => {
        struct $type;
        pub(super) const $name: $crate::problems::Entry = $crate::problems::Entry {
            name: $text,
            formula: $formula,
            doc: $doc,
            parameters: $parameters,
            takes: $takes,
            dim: $dim,
            start: $start,
            region: $region,
            least: $least,
            minima: $minima,
            value: $crate::problems::value_of::<$type>,
            gradient: $crate::problems::gradient_of::<$type>,
            hessian: $crate::problems::hessian_of::<$type>,
        };
    };
}
use pieces;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_difference_quotients() {
        for entry in PROBLEMS {
            for n in [1, 2, 4, 5, 8].into_iter().filter(|n| (entry.takes)(*n)) {
                let s: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
                let x: Vec<f64> =
                    (0..n).map(|j| 0.3 + 0.37 * j as f64 - 0.11 * (j * j) as f64).collect();
                let (mut g, mut up, mut down) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
                let mut h = vec![0.0; n * n];
                assert_eq!(
                    (entry.gradient)(&s, &x, &mut g),
                    (entry.value)(&s, &x),
                    "{}",
                    entry.name
                );
                (entry.hessian)(&s, &x, &mut h);
                let size = 1.0 + g.iter().chain(&h).fold(0.0f64, |m, v| m.max(v.abs()));
                for j in 0..n {
                    let mut y = x.clone();
                    let step = 1e-5;
                    y[j] = x[j] + step;
                    let above = (entry.gradient)(&s, &y, &mut up);
                    y[j] = x[j] - step;
                    let below = (entry.gradient)(&s, &y, &mut down);
                    let slope = (above - below) / (2.0 * step);
                    assert!(
                        (slope - g[j]).abs() < 1e-6 * size,
                        "{} {j}: {slope} {}",
                        entry.name,
                        g[j]
                    );
                    for k in 0..n {
                        let bend = (up[k] - down[k]) / (2.0 * step);
                        assert!(
                            (bend - h[j * n + k]).abs() < 1e-6 * size,
                            "{} {j} {k}",
                            entry.name
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_least_is_where_it_is_said_to_be() {
        for entry in PROBLEMS {
            let Some(least) = entry.least else { continue };
            for n in [entry.dim, 8].into_iter().filter(|n| (entry.takes)(*n)) {
                let s: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
                assert!(!(entry.minima)(n).is_empty(), "{}", entry.name);
                for x in (entry.minima)(n) {
                    let f = (entry.value)(&s, &x);
                    assert!(
                        (f - least(n)).abs() < 1e-8 * (1.0 + f.abs()),
                        "{}: {f} {}",
                        entry.name,
                        least(n)
                    );
                    for j in 0..n {
                        for h in [-1e-3, 1e-3] {
                            let mut y = x.clone();
                            y[j] += h;
                            assert!((entry.value)(&s, &y) >= f, "{}", entry.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn names_that_are_not_there_are_refused_with_near_ones() {
        assert!(
            TestProblem::new("rosenbrok", 2, &[])
                .err()
                .unwrap()
                .contains("did you mean 'rosenbrock'?")
        );
        assert!(
            TestProblem::new("beale", 3, &[]).err().unwrap().contains("no form in 3 variables")
        );
    }
}
