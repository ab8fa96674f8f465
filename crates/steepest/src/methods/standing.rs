//! Where a method for functions stands, and what every one of them may say of it: shared by those that go by directions,
//! by Newton's steps and by the gradient alone.
use super::bounds::Bounds;
use super::convergence::{Claims, Sight, WayBack, not_finite};
use super::gradient_check::{self, Doubt, Front, Gap, HIDES, Known};
use super::sizes::sizes;
use crate::linalg::vectors::{self, Aligned, largest};
use crate::method::Step;
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::units::Units;

mod kinks;
mod low;

/// A point beyond this times the start's size, reached downhill, is taken to be diverging.
pub const FAR: f64 = 1e20;
/// Lower points found by looking around before it is left at that.
pub const ESCAPES: u32 = 20;
/// As many products tell how F bends where nothing is known of it.
const PRODUCTS: usize = 10;

#[derive(Default)]
/// The point, what is known there, and room for the next; in the problem's units. Vectors are padded to whole lanes.
pub struct Standing {
    pub n: usize,
    pub claims: Claims,
    pub bounds: Option<Bounds>,
    /// Where it began.
    pub start: Vec<f64>,
    /// Where all began, before any look led it to begin anew, and F there: in the problem's own units.
    pub from: Vec<f64>,
    pub first: f64,
    pub x: Aligned,
    pub g: Aligned,
    pub f: f64,
    /// The point to come, and its gradient.
    pub xn: Aligned,
    pub gn: Aligned,
    /// The way there.
    pub d: Aligned,
    /// The length of the last step.
    pub rate: f64,
    /// What F is a multiple of.
    pub unit: f64,
    /// Whether its units are the problem's own.
    pub plain: bool,
    /// max |P(x − g) − x| in the problem's own units: only where SciPy's criteria ask for it.
    pub residual: f64,
    /// The decrease that is predicted where it stands; none before anything is known of the curvature.
    pub predicted: Option<f64>,
    /// Whether claims are looked at before they are made.
    pub verify: bool,
    /// Lower points found by looking around, so far.
    pub escapes: u32,
    pub reach: f64,
}

crate::state!(Standing {
    n,
    claims,
    bounds,
    start: vector,
    from: vector,
    first,
    x: point,
    g,
    f: value,
    xn,
    gn,
    d,
    rate,
    unit: unit,
    plain: plain,
    residual,
    predicted,
    verify,
    escapes,
    reach: within(largest(x).max(FAR), f64::INFINITY),
});

/// What its looks need to know of the method.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Inverse curvatures along the coordinates, NaN where not known.
    pub metric: &'a [f64],
    /// Whether the gradient is looked at ahead too.
    pub ahead: bool,
    /// Whether nothing is known of the curvature.
    pub blind: bool,
}

/// The sizes of the variables (see [`sizes`]): a start on a bound says nothing of its variable's.
pub fn sizes_within(bounds: Option<&Bounds>, x: &[f64], value: f64, g: &[f64]) -> Vec<f64> {
    let width = |j| bounds.map_or(f64::INFINITY, |b| b.width(j));
    let inside = |j: usize| bounds.is_none_or(|b| b.inside(x[j], j));
    let own: Vec<f64> = (0..x.len()).map(|j| if inside(j) { x[j] } else { 0.0 }).collect();
    sizes(&own, value, g, width)
}

impl Standing {
    /// At x0, or the nearest point within bounds; `measured` where variables get units of their own.
    pub fn new(
        problem: &mut Problem<'_>,
        x0: &[f64],
        [gtol, ftol, verify]: [f64; 3],
    ) -> Result<Self, Halt> {
        let n = problem.dim();
        let mut bounds = Bounds::of(problem);
        let [mut x, xn, mut g, gn, d] = [0; 5].map(|_| Aligned::zeros(n));
        x[..n].copy_from_slice(x0);
        if let Some(b) = &bounds {
            if b.infeasible() {
                return Err(Halt::Status(Status::Infeasible));
            }
            b.project(&mut x);
        }
        let mut f = problem.total_gradient(&x[..n], &mut g[..n])?;
        let (from, first) = (x[..n].to_vec(), f);
        if problem.scalable() && not_finite(f, &g[..n]).is_none() {
            let at = x[..n].to_vec();
            let lengths = sizes_within(bounds.as_ref(), &at, f, &g[..n]);
            problem.set_units(Units::new(lengths, f, &g[..n]));
            problem.units().inward(&at, &mut x[..n]);
            problem.units().slopes(&mut g[..n]);
            f /= problem.units().value();
            if let Some(b) = &mut bounds {
                b.measure(problem.units());
            }
        }
        let mut at = Standing {
            n,
            claims: Claims::new(f, problem.tolerance(), gtol, ftol),
            reach: FAR * largest(&x).max(1.0),
            verify: verify > 0.0 && gradient_check::cheap(problem),
            unit: problem.units().value(),
            plain: problem.units().plain(),
            rate: 0.0,
            residual: f64::NAN,
            predicted: None,
            escapes: 0,
            start: x[..n].to_vec(),
            from,
            first,
            bounds,
            x,
            xn,
            g,
            gn,
            d,
            f,
        };
        at.measure(problem);
        Ok(at)
    }

    /// What is wrong with the start, where a number is none.
    pub fn unfit(&self) -> Option<Status> {
        not_finite(self.f, &self.g[..self.n])
    }

    /// SciPy's residual, where it is asked for.
    pub fn measure(&mut self, problem: &Problem<'_>) {
        if !self.claims.as_scipy() {
            return;
        }
        let units = problem.units();
        let one = |j: usize| {
            let (l, g) = (units.length(j), -self.g[j] * units.value() / units.length(j));
            g.abs().min(self.room(j, g) * l)
        };
        self.residual = if self.bounds.is_none() && self.plain {
            largest(&self.g)
        } else {
            (0..self.n).map(one).fold(0.0, f64::max)
        };
    }

    /// The point to come becomes where it stands.
    pub fn adopt(&mut self, problem: &Problem<'_>, f: f64) {
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.measure(problem);
    }

    /// What is known here, and the way back where a claim may come.
    pub fn sight(&self, problem: &mut Problem<'_>) -> Sight {
        self.claims.looking_back(self.seen(), || Some(self.way_back(problem)))
    }

    fn seen(&self) -> Sight {
        Sight::new(self.f, self.residual, self.predicted)
    }

    fn way_back(&self, problem: &mut Problem<'_>) -> WayBack {
        let (n, room) = (self.n, |j: usize| self.room(j, -self.g[j]) > 0.0);
        WayBack::new(&self.g[..n], &problem.noise_of_slopes(n), &self.x, &self.start, room)
    }

    /// Where so much is left, with the way back.
    fn held(&self, problem: &mut Problem<'_>, left: f64) -> Sight {
        Sight { predicted: Some(left), back: Some(self.way_back(problem)), ..self.seen() }
    }

    /// Whether slopes may say that more is left than was foretold, were they more exact.
    pub fn dubious(&self, problem: &mut Problem<'_>, left: f64, explained: f64) -> bool {
        self.claims.dubious(self.held(problem, left), explained)
    }

    /// Whether slopes that are no noise say that more is left than was foretold.
    pub fn gainsaid(&self, problem: &mut Problem<'_>, left: f64, explained: f64) -> bool {
        self.claims.gainsaid(self.held(problem, left), explained)
    }

    /// Whether all that was learned may be of further up: it begins anew from here then.
    pub fn stale(&self, problem: &mut Problem<'_>, left: f64, explained: f64) -> bool {
        self.claims.stale(self.held(problem, left), explained)
    }

    /// The verdict where no step lowers the value, by what is left and what noise can hide of it.
    pub fn at_rest(&self, problem: &mut Problem<'_>, left: f64, explained: f64) -> Status {
        self.claims.held_at_rest(self.held(problem, left), explained)
    }

    pub fn here(&self) -> Step {
        let residual = self.claims.residual(self.f, self.predicted);
        let residual = if self.claims.as_scipy() { self.residual } else { residual };
        Step { value: self.f * self.unit, residual, rate: self.rate, ..Step::default() }
    }

    /// Where it stands, and why it goes no further.
    pub fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// The claim, with what stands behind it.
    pub fn sure(&self, verdict: Status, explained: f64) -> Step {
        let resting = verdict == Status::PrecisionLimit;
        let certificate = Some(self.claims.certificate(self.seen(), resting, explained));
        Step { certificate, ..self.ended(verdict) }
    }

    /// No further, and no success, with what is left beside it, where that can be told.
    pub fn stuck(&self, verdict: Status, explained: f64) -> Step {
        let certificate =
            self.predicted.map(|_| self.claims.certificate(self.seen(), true, explained));
        Step { certificate, ..self.ended(verdict) }
    }

    /// How far coordinate j can go up (`way` above 0) or down.
    pub fn room(&self, j: usize, way: f64) -> f64 {
        self.bounds.as_ref().map_or(f64::INFINITY, |b| b.room(&self.x, j, way))
    }

    /// How far each coordinate has to go to make a difference.
    pub fn lengths(&self, metric: &[f64]) -> Vec<f64> {
        let (n, size) = (self.n, self.claims.looks(self.f));
        gradient_check::lengths(metric, &self.x[..n], &self.g[..n], size, &|j, way| {
            self.room(j, way)
        })
    }

    /// Asks with what is known where it stands: `d` and `xn` are lent.
    pub fn known<T>(
        &mut self,
        problem: &mut Problem<'_>,
        View { metric, ahead, blind }: View<'_>,
        ask: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> T,
    ) -> T {
        let (n, lengths) = (self.n, self.lengths(metric));
        // Of stairs the curvature that was met on the way tells nothing: differences that are 0 altogether may be between two.
        let still = || problem.offers().differences > 0 && largest(&self.g) == 0.0;
        let blind = blind || still() || self.claims.left(self.f) && self.flat(problem);
        let (bounds, x) = (&self.bounds, &self.x);
        let room =
            |j: usize, way: f64| bounds.as_ref().map_or(f64::INFINITY, |b| b.room(x, j, way));
        let known = Known {
            x: &self.x[..n],
            value: self.f,
            gradient: &self.g[..n],
            lengths: &lengths,
            room: &room,
            enough: self.claims.small(self.f),
            small: self.claims.slight(self.f),
            given: gradient_check::doubtful(problem),
            ahead,
            blind,
        };
        ask(problem, &known, &mut self.d, &mut self.xn)
    }

    /// Looks at both sides along d (which is lost), a multiple of the lengths.
    pub fn look(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<Doubt, Halt> {
        self.look_ahead(problem, view, &mut Front::default())
    }

    /// The same, which leaves in `front` what was seen at x ± [`NEAR`](gradient_check::NEAR) d.
    pub fn look_ahead(
        &mut self,
        problem: &mut Problem<'_>,
        view: View<'_>,
        front: &mut Front,
    ) -> Result<Doubt, Halt> {
        self.known(problem, view, |problem, at, u, trial| {
            gradient_check::look_ahead(problem, at, u, trial, front)
        })
    }

    /// Into d a direction that no symmetry singles out.
    pub fn scatter(&mut self) {
        gradient_check::scattered(self.n, &mut self.d);
        gradient_check::onward(&self.start, &self.x, &mut self.d);
    }

    /// Looks along it.
    pub fn look_scattered(
        &mut self,
        problem: &mut Problem<'_>,
        view: View<'_>,
    ) -> Result<Doubt, Halt> {
        self.scatter();
        self.look(problem, view)
    }

    /// Looks along the direction in which the slopes lead down, in lengths.
    pub fn look_downhill(
        &mut self,
        problem: &mut Problem<'_>,
        view: View<'_>,
    ) -> Result<Doubt, Halt> {
        let lengths = self.lengths(view.metric);
        (0..self.n).for_each(|j| self.d[j] = -self.g[j] * lengths[j]);
        let size = largest(&self.d[..self.n]);
        self.d.iter_mut().for_each(|d| *d /= size);
        self.look(problem, view)
    }

    /// Where F changes by other than its slopes say, or after a long way: whether the gradient is not the function's.
    pub fn suspect(
        &mut self,
        problem: &mut Problem<'_>,
        odd: bool,
        view: View<'_>,
    ) -> Result<Option<Status>, Halt> {
        if !self.verify || !gradient_check::doubtful(problem) {
            return Ok(None);
        }
        let doubt = if odd {
            self.look_downhill(problem, view)?
        } else {
            self.look_scattered(problem, view)?
        };
        Ok(if let Doubt::Inconsistent(status) = doubt { Some(status) } else { None })
    }

    /// What rounding, and the noise of what is differenced, can hide of a decrease.
    pub fn explained(&self, problem: &mut Problem<'_>, metric: Option<&[f64]>) -> f64 {
        let rounding = self.claims.rounding(self.f);
        if problem.offers().differences == 0 {
            return rounding;
        }
        let mut noise = vec![0.0; self.n];
        let value = problem.accuracy(&mut noise);
        let Some(metric) = metric else { return rounding.max(value) };
        let slopes = metric.iter().zip(&noise).map(|(d, v)| d * v * v).filter(|e| !e.is_nan());
        rounding.max(HIDES * value).max(slopes.sum::<f64>().min(1e4 * self.claims.small(self.f)))
    }

    /// What the noise of the value alone hides of a decrease.
    pub fn hidden(&self, problem: &mut Problem<'_>) -> f64 {
        if problem.offers().differences == 0 {
            return 0.0;
        }
        HIDES * problem.accuracy(&mut vec![0.0; self.n])
    }

    /// Whether values around lead lower than the noise of differences hides, where slopes say that no more is left: that
    /// point in `xn`. Not asked of values that are exact to rounding.
    pub fn curved(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<bool, Halt> {
        let rounding = self.claims.rounding(self.f);
        self.known(problem, view, |problem, at, _, xn| {
            gradient_check::curved(problem, at, rounding, xn)
        })
    }

    /// What the noise of differences can make of s'y, s being the step to `xn`.
    pub fn noise_along(&self, problem: &mut Problem<'_>) -> f64 {
        if problem.offers().differences == 0 {
            return 0.0;
        }
        let mut noise = vec![0.0; self.n];
        problem.accuracy(&mut noise);
        let one = |j: usize| {
            let moved = (self.xn[j] - self.x[j]).abs();
            if moved == 0.0 { 0.0 } else { moved * noise[j] }
        };
        2.0 * (0..self.n).map(one).sum::<f64>()
    }

    /// Whether no difference has seen F move where it stands.
    fn flat(&self, problem: &mut Problem<'_>) -> bool {
        let mut noise = vec![0.0; self.n];
        problem.offers().differences > 0 && {
            problem.accuracy(&mut noise);
            noise.iter().all(|v| v.is_infinite())
        }
    }

    /// Whether F is flat near by and moves further off, as on stairs: in more than one dimension no look around tells
    /// that nothing is lower. Two values.
    pub fn on_stairs(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<bool, Halt> {
        if self.n < 2 || !self.flat(problem) {
            return Ok(false);
        }
        self.known(problem, view, |problem, at, u, xn| {
            gradient_check::scattered(at.x.len(), u);
            gradient_check::moves(problem, at, u, xn)
        })
    }

    /// What the noise of F can hide, measured: up to a thousandth of F's size.
    pub fn noise(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<f64, Halt> {
        let most = 1e-3 * self.claims.size(self.f);
        let noise = self.known(problem, view, |problem, at, _, xn| {
            gradient_check::noise(problem, at, gradient_check::NEAR, xn)
        })?;
        Ok((4.0 * noise).min(most))
    }

    /// Whether steps close in from one side only, as far as can be told: the next one promises a share of the last.
    pub fn closes_in(&self) -> bool {
        !self.claims.as_scipy() && self.claims.crawls(self.predicted.unwrap_or(0.0))
    }

    /// Whether F goes on to fall some steps of this length along d beyond where they close in, as x³ does behind 0. One
    /// value, which the noise of values alone can make lower: what that of slopes hides is lower. The point is in `xn`.
    pub fn beyond(&mut self, problem: &mut Problem<'_>, length: f64) -> Result<bool, Halt> {
        const STEPS: f64 = 8.0;
        vectors::ahead(&self.x, STEPS * length, &self.d, &mut self.xn);
        if let Some(b) = &self.bounds {
            b.project(&mut self.xn);
        }
        let f = problem.total(&self.xn[..self.n])?;
        let hidden = self.hidden(problem).max(self.claims.rounding(self.f));
        Ok(f < self.f - 4.0 * self.predicted.unwrap_or(0.0) - hidden)
    }

    /// The same of the steps that the function's own curvature asks for, which is looked at.
    pub fn past(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<bool, Halt> {
        let hidden = self.hidden(problem).max(self.claims.rounding(self.f));
        self.known(problem, view, |problem, at, d, xn| {
            match gradient_check::gap(problem, at, PRODUCTS, f64::INFINITY, d, xn)? {
                Gap::Left(left) => gradient_check::beyond(problem, at, d, [left, hidden], xn),
                // It bends down there: that way on both sides.
                Gap::Down => {
                    let size = largest(d);
                    d.iter_mut().for_each(|d| *d /= size);
                    Ok(matches!(gradient_check::look(problem, at, d, xn)?, Doubt::Lower))
                }
            }
        })
    }

    /// The value and the gradient of the lower point in `xn`, found by looking around; or why it is left at that.
    pub fn lower(&mut self, problem: &mut Problem<'_>) -> Result<Result<f64, Step>, Halt> {
        self.escapes += 1;
        let f = problem.total_gradient(&self.xn[..self.n], &mut self.gn[..self.n])?;
        if f == f64::NEG_INFINITY {
            return Ok(Err(self.ended(Status::Unbounded)));
        }
        if !(f < self.f && largest(&self.gn[..self.n]).is_finite()) || self.escapes > ESCAPES {
            self.predicted = None;
            return Ok(Err(self.ended(Status::Plateau)));
        }
        Ok(Ok(f))
    }

    /// Nothing lower is found by steps, and that this is the limit of the arithmetic is not known: what a look at the
    /// gradient downhill, and then across, says.
    pub fn look_stuck(&mut self, problem: &mut Problem<'_>, view: View<'_>) -> Result<Doubt, Halt> {
        match self.look_downhill(problem, view)? {
            Doubt::None => self.look_scattered(problem, view),
            found => Ok(found),
        }
    }
}
