//! What is added to an objective, or forbidden: a value and a prox. A constraint is a penalty whose prox projects.
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use crate::numbers::trace::{Program, Symbol, record};
use crate::settings::{Described, Parameter};
use over_groups::OverGroups;

mod over_groups;

/// The step that a prox is taken in: the same for all coordinates, or one each.
#[derive(Clone, Copy, Debug)]
pub enum Steps<'a> {
    /// One step for all.
    Uniform(f64),
    /// One step a coordinate.
    Diagonal(&'a [f64]),
}

impl Steps<'_> {
    /// The step of a coordinate.
    #[inline]
    pub fn at(&self, j: usize) -> f64 {
        match self {
            Steps::Uniform(t) => *t,
            Steps::Diagonal(t) => t[j],
        }
    }
}

/// What a penalty can do; methods name what they need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Has a gradient everywhere (then [`Penalty::add_gradient`] works).
    pub smooth: bool,
    /// Is ½ Σ a_j x_j² (then [`Penalty::quadratic`] answers).
    pub quadratic: bool,
    /// Its prox can be taken with a step for each coordinate.
    pub diagonal_prox: bool,
    /// Is bounds on the coordinates and nothing else (then [`Penalty::bounds`] answers).
    pub bounds: bool,
    /// Is a [`Piece`] on each coordinate (then [`Penalty::piece`] answers).
    pub pieces: bool,
    /// Is that all variables are shares of a whole ([`Penalty::shares`]).
    pub shares: bool,
    /// Is a bounded set of all variables over which a linear function can be minimised (then [`Penalty::atom`] answers).
    pub atoms: bool,
    /// Is convex.
    pub convex: bool,
}

impl Offers {
    /// Convex, with a prox that takes a step for each coordinate, and no more: a penalty names what it has beside that.
    pub const CONVEX: Offers = Offers {
        smooth: false,
        quadratic: false,
        diagonal_prox: true,
        bounds: false,
        pieces: false,
        shares: false,
        atoms: false,
        convex: true,
    };
}

/// What a penalty adds for one coordinate: l1·|x| + ½ l2 x² where low ≤ x ≤ high, +∞ elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// The weight of |x|.
    pub l1: f64,
    /// The weight of ½ x².
    pub l2: f64,
    /// The least x allowed.
    pub low: f64,
    /// The largest x allowed.
    pub high: f64,
}

crate::state!(columns Piece { l1, l2, low, high });

impl Default for Piece {
    fn default() -> Self {
        Piece::FREE
    }
}

impl Piece {
    /// Nothing is added, nothing forbidden.
    pub const FREE: Piece = Piece { l1: 0.0, l2: 0.0, low: f64::NEG_INFINITY, high: f64::INFINITY };
}

/// A penalty over a whole vector; its weight (alpha) is inside.
pub trait Penalty: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What it can do.
    fn offers(&self) -> Offers;
    /// Its value; +∞ outside a constraint.
    fn value(&self, x: &[f64]) -> f64;
    /// x ← argmin_u penalty(u) + Σ (u_j − x_j)² / (2 t_j).
    fn prox(&self, x: &mut [f64], steps: Steps<'_>);
    /// Adds the gradient, where smooth.
    fn add_gradient(&self, x: &[f64], gradient: &mut [f64]) {
        let _ = (x, gradient);
    }
    /// The a_j of ½ Σ a_j x_j², where it is that.
    fn quadratic(&self, j: usize) -> f64 {
        self.piece(j).l2
    }
    /// The bounds of a coordinate, where it is that.
    fn bounds(&self, j: usize) -> (f64, f64) {
        let p = self.piece(j);
        (p.low, p.high)
    }
    /// What it adds for a coordinate, where it is made of [`Piece`]s.
    fn piece(&self, j: usize) -> Piece {
        let _ = j;
        Piece::FREE
    }
    /// The coordinates that are shares of a whole (at least 0, their sum that), and the whole, where it is that
    /// constraint; all others are free then.
    fn shares(&self) -> Option<(&[usize], f64)> {
        None
    }
    /// argmin_u s′u over the set that it is, one of its extreme points; false where it is no bounded set of all variables.
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        let _ = (s, to);
        false
    }
    /// Whether it says nothing of a coordinate.
    fn free(&self, j: usize) -> bool {
        self.piece(j).is_free()
    }
    /// The largest factor ≤ 1 that takes s, each known within a spread, to where sup_u s′u − value(u) is finite; 0 where
    /// there is none.
    fn shrinks(&self, s: &[f64], spread: &[f64]) -> f64 {
        let _ = (s, spread);
        1.0
    }
    /// value(x) + sup_u (s′u − value(u)) − s′x at its worst where each s_j is known within a spread; ∞ where the supremum
    /// is. What a proof needs of a convex penalty that is not made of [`Piece`]s; none where it is not written out.
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let _ = (x, s, spread);
        None
    }
    /// Why no point is allowed, where that is so.
    fn nowhere(&self) -> Option<String> {
        None
    }
    /// The same penalty of x where the variables are u = x / scale; none where it has no such form
    /// (then only a common factor may be taken out).
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>>;
    /// The same penalty where each coordinate is also held between two bounds; none where it has no such form.
    fn within(&self, low: &[f64], high: &[f64]) -> Option<Box<dyn Penalty>> {
        let _ = (low, high);
        None
    }
}

/// A penalty that is a sum over coordinates, written once over any numbers; see [`PerCoordinate`].
pub trait Separable: Described {
    /// What it can do. With `pieces`, weight and slope are read off the formula.
    const OFFERS: Offers;
    /// The value of one coordinate.
    fn value<N: Real>(settings: Self::Of<N>, x: N) -> N;
    /// argmin_u step·value(u) + ½ (u − x)².
    fn prox<N: Real>(settings: Self::Of<N>, x: N, step: N) -> N;
    /// The value of one coordinate at a weight (alpha), where that is more than its product.
    fn weighted<N: Real>(settings: Self::Of<N>, x: N, weight: N) -> N {
        weight * Self::value(settings, x)
    }
    /// argmin_u step·scale²·weighted(u) + ½ (u − x)².
    fn weighted_prox<N: Real>(settings: Self::Of<N>, x: N, step: N, weight: N, scale: N) -> N {
        Self::prox(settings, x, step * weight * scale * scale)
    }
    /// The bounds that it sets, where it sets some.
    fn bounds(settings: &Self) -> (f64, f64) {
        let _ = settings;
        (f64::NEG_INFINITY, f64::INFINITY)
    }
}

/// A [`Separable`] penalty at work: Σ_j weight_j · value(scale_j x_j), each coordinate also held within
/// bounds where some are set. A coordinate of weight 0 is free.
#[derive(Clone)]
pub struct PerCoordinate<P> {
    settings: P,
    weight: Vec<f64>,
    scale: Option<Vec<f64>>,
    within: Option<(Vec<f64>, Vec<f64>)>,
    /// Whether it is a box, all of whose sides are finite.
    boxed: bool,
}

impl<P: Separable> PerCoordinate<P> {
    /// The penalty with a weight (alpha) for each coordinate; 0 leaves a coordinate free.
    pub fn new(settings: P, weight: &[f64]) -> Self {
        PerCoordinate { settings, weight: weight.to_vec(), scale: None, within: None, boxed: false }
            .measured()
    }
    /// The penalty of weight `alpha` on all of `n` coordinates.
    pub fn uniform(settings: P, alpha: f64, n: usize) -> Self {
        PerCoordinate { settings, weight: vec![alpha; n], scale: None, within: None, boxed: false }
            .measured()
    }
    fn measured(mut self) -> Self {
        let finite = |j: usize| {
            let Piece { low, high, .. } = self.piece(j);
            low.is_finite() && high.is_finite()
        };
        self.boxed = P::OFFERS.bounds && (0..self.weight.len()).all(finite);
        self
    }
    #[inline]
    fn scale(&self, j: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |s| s[j])
    }
    #[inline]
    fn held(&self, j: usize, x: f64) -> f64 {
        self.within.as_ref().map_or(x, |(low, high)| Real::clamp(x, low[j], high[j]))
    }
}

impl<P: Separable> Penalty for PerCoordinate<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }
    fn offers(&self) -> Offers {
        let o = Offers { atoms: self.boxed, ..P::OFFERS };
        if self.within.is_none() {
            return o;
        }
        // Only what adds nothing stays pure bounds.
        Offers { smooth: false, quadratic: false, bounds: o.bounds, ..o }
    }
    fn value(&self, x: &[f64]) -> f64 {
        let s = self.settings.lit::<f64>();
        let mut sum = 0.0;
        for (j, (&w, &x)) in self.weight.iter().zip(x).enumerate() {
            if self.held(j, x) != x {
                return f64::INFINITY;
            }
            // 0·∞ would be NaN, so a free coordinate is not asked; bounds are held in x itself, since
            // rounding in scale·x would put a point on its bound outside.
            if w != 0.0 && P::OFFERS.bounds && self.scale.is_some() {
                if Real::clamp(x, self.piece(j).low, self.piece(j).high) != x {
                    return f64::INFINITY;
                }
            } else if w != 0.0 {
                sum += P::weighted(s, self.scale(j) * x, w);
            }
        }
        sum
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        let s = self.settings.lit::<f64>();
        for (j, (&w, x)) in self.weight.iter().zip(x).enumerate() {
            if w != 0.0 {
                let c = self.scale(j);
                *x = P::weighted_prox(s, c * *x, steps.at(j), w, c) / c;
                if P::OFFERS.bounds && self.scale.is_some() {
                    *x = Real::clamp(*x, self.piece(j).low, self.piece(j).high);
                }
            }
            // In one dimension the minimiser over an interval is the clamped minimiser.
            *x = self.held(j, *x);
        }
    }
    fn add_gradient(&self, x: &[f64], gradient: &mut [f64]) {
        if P::OFFERS.smooth {
            let s = self.settings.lit::<Jet<f64>>();
            for (j, ((&w, &x), g)) in self.weight.iter().zip(x).zip(gradient).enumerate() {
                let c = self.scale(j);
                *g += w * c * P::value(s, Jet::variable(c * x)).first;
            }
        }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        for (j, (s, to)) in s.iter().zip(to).enumerate() {
            let Piece { low, high, .. } = self.piece(j);
            *to = if *s > 0.0 { low } else { high };
        }
        self.boxed
    }
    fn piece(&self, j: usize) -> Piece {
        let w = self.weight.get(j).copied().unwrap_or(0.0);
        let c = if j < self.weight.len() { self.scale(j) } else { 1.0 };
        let mut p = Piece::FREE;
        if w != 0.0 {
            // value = l1 |x| + ½ l2 x² has slope l1 + l2 and curvature l2 at 1; a bound has neither.
            if !P::OFFERS.bounds {
                let one = P::value(self.settings.lit::<Jet<f64>>(), Jet::variable(1.0));
                p.l2 = w * c * c * one.second;
                p.l1 = w * c * (one.first - one.second);
            }
            let (low, high) = P::bounds(&self.settings);
            (p.low, p.high) = (low / c, high / c);
        }
        if let Some((low, high)) = self.within.as_ref().filter(|_| j < self.weight.len()) {
            (p.low, p.high) = (p.low.max(low[j]), p.high.min(high[j]));
        }
        p
    }
    fn nowhere(&self) -> Option<String> {
        let apart = |j: usize| {
            let Piece { low, high, .. } = self.piece(j);
            (low > high).then(|| format!("low={low} is above high={high}"))
        };
        (0..self.weight.len()).find_map(apart)
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let n = self.weight.len();
        let scaled = |v: &[f64]| -> Vec<f64> { v.iter().zip(scale).map(|(v, s)| v / s).collect() };
        Some(Box::new(PerCoordinate {
            settings: self.settings,
            weight: self.weight.clone(),
            scale: Some((0..n).map(|j| self.scale(j) * scale[j]).collect()),
            within: self.within.as_ref().map(|(low, high)| (scaled(low), scaled(high))),
            boxed: self.boxed,
        }))
    }
    fn within(&self, low: &[f64], high: &[f64]) -> Option<Box<dyn Penalty>> {
        if !P::OFFERS.convex {
            // The least within bounds is then not the least without, clipped.
            return None;
        }
        let mut both = (low.to_vec(), high.to_vec());
        if let Some((l, h)) = &self.within {
            both.0.iter_mut().zip(l).for_each(|(a, b)| *a = a.max(*b));
            both.1.iter_mut().zip(h).for_each(|(a, b)| *a = a.min(*b));
        }
        Some(Box::new(PerCoordinate { within: Some(both), ..self.clone() }.measured()))
    }
}

/// What a penalty lies on.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'a> {
    /// The weight (alpha) of each coordinate; 0 leaves it free.
    pub weight: &'a [f64],
    /// The group of each coordinate, by any number; none where each is its own.
    pub groups: Option<&'a [usize]>,
    /// Rows and columns, where the coordinates are a matrix, a row after the other.
    pub shape: Option<[usize; 2]>,
    /// A right side for each row, where the weights are the rows of several equations, one after the other.
    pub right: Option<&'a [f64]>,
}

impl<'a> Structure<'a> {
    /// Coordinates without groups, in no matrix.
    pub fn plain(weight: &'a [f64]) -> Self {
        Structure { weight, groups: None, shape: None, right: None }
    }
}

/// What the weights of a penalty are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpha {
    /// How much it counts at each coordinate, at least 0.
    Weight,
    /// A normal vector, of any sign.
    Normal,
    /// The rows of a matrix, of any sign, each with a right side.
    Rows,
}

/// (settings, structure) → the penalty.
pub type BuildOn = fn(settings: &[f64], on: &Structure<'_>) -> Box<dyn Penalty>;

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// What it can do.
    pub offers: Offers,
    /// The penalty, from checked settings and the weight (alpha) of each coordinate; a weight of 0
    /// leaves a coordinate free (an intercept).
    pub build: fn(settings: &[f64], weight: &[f64]) -> Box<dyn Penalty>,
    /// The same where coordinates go together; none where that means nothing to it.
    pub structured: Option<BuildOn>,
    /// Whether that is by groups.
    pub groups: bool,
    /// What the weights (alpha) are.
    pub alpha: Alpha,
    /// What its formula recorded of itself: value and prox of one coordinate, with inputs `x`, `step` and
    /// its settings. None where it is no sum over coordinates.
    pub program: Option<fn() -> Program>,
}
crate::settings::entered!(Entry);

impl Entry {
    /// The penalty over coordinates of such a structure. Of what knows no groups itself, but is over a whole vector, there
    /// is one over each group; a sum over coordinates refuses them, and so does what allows no point at all.
    pub fn over(&self, settings: &[f64], on: &Structure<'_>) -> Result<Box<dyn Penalty>, String> {
        let penalty: Box<dyn Penalty> = match (self.structured, on.groups) {
            (None, Some(groups)) if self.program.is_none() => {
                Box::new(OverGroups::new(on, groups, |weight| (self.build)(settings, weight)))
            }
            (_, Some(_)) if !self.groups => {
                return Err(format!("the penalty {} knows no groups", self.name));
            }
            (Some(build), _) => build(settings, on),
            (None, _) => (self.build)(settings, on.weight),
        };
        match penalty.nowhere() {
            Some(why) => Err(format!("the penalty {} allows no point: {why}", self.name)),
            None => Ok(penalty),
        }
    }
    /// The row of a separable penalty.
    pub const fn of<P: Separable>() -> Self {
        Entry {
            name: P::NAME,
            doc: P::DOC,
            parameters: P::PARAMETERS,
            offers: P::OFFERS,
            build: |settings, weight| Box::new(PerCoordinate::new(P::of(settings), weight)),
            structured: None,
            groups: false,
            alpha: Alpha::Weight,
            program: Some(|| {
                record(|| {
                    let names: Vec<Symbol> =
                        P::PARAMETERS.iter().map(|p| Symbol::input(p.name)).collect();
                    let (x, step) = (Symbol::input("x"), Symbol::input("step"));
                    vec![P::value(P::with(&names), x), P::prox(P::with(&names), x, step)]
                })
            }),
        }
    }
}
