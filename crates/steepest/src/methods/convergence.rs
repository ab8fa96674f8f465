//! When a method that sees values and gradients only may say that it is done: shared by the methods for functions.
//!
//! All is held against E, the decrease that the method's own metric still predicts: E = ½ Σ |g_j| r_j, with
//! r = |x − P(x − D g)|. Neither a variable's unit nor the function's changes E / S.
use super::gradient_check::NEAR;
use crate::certificate::{Certificate, Kind};
use crate::state::{Bad, Reference, State, Visitor};
use crate::status::Status;
pub use way_back::{QUADRATIC, THIN, WayBack, on_the_way_back, short};

mod way_back;

/// A decrease over as many steps must be small before convergence is claimed.
const WINDOW: usize = 10;
/// The last steps whose decreases, the lesser of them, are what a fast method's next one is held against.
const RECENT: usize = 2;
/// Before so many steps nothing is held against what F has fallen by: a start may be as high as it likes.
const BEGUN: usize = 4;
/// The part of what F has fallen by since the start that is never little.
const PART: f64 = 1e-8;
/// As many steps in a row that change nothing but rounding, and the method stops.
const IDLE: u32 = 20;
/// Steps after which a descent is asked whether it gets anywhere.
const CREEPING: usize = 1024;
/// Noise that hides more than this of F, and of all that it has fallen by, leaves nothing to claim; more is not little of F.
const LOUD: f64 = 1e-3;
/// What [`Claims::steep`] may be for a claim, and where no step is lower any more.
pub const STEEP: [f64; 2] = [1e-2, 0.1];
/// As many steps in a row whose decrease the slopes did not foretell, and the gradient is looked at.
const ODD: u32 = 3;
/// What a sum like F is taken to be wrong by, in units of ε |F|: no step can be trusted to lower it by less.
const ROUNDING: f64 = 16.0;

/// What the predicted and the seen decrease are held to, of the tolerance.
const SHARE: f64 = 1e-4;

/// Keeps what the claims rest on.
#[derive(Clone, Debug)]
pub struct Claims {
    values: Vec<f64>,
    least: f64,
    /// F a variable's own length away, once that was looked at.
    around: f64,
    idle: u32,
    odd: u32,
    tolerance: f64,
    slow: bool,
    scipy: Option<(f64, f64)>,
}

impl State for Claims {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let Claims { values, least, around, idle, odd, tolerance, slow, scipy } = self;
        let seen = |v: &Vec<f64>, known: &Reference| v.iter().all(|v| known.saw(*v));
        v.as_known("values", values, seen)?;
        v.check("values", !values.is_empty(), "is empty")?;
        v.field("least", least)?;
        v.field("around", around)?;
        v.field("idle", idle)?;
        v.field("odd", odd)?;
        v.as_known("tolerance", tolerance, |t, known| *t <= SHARE * known.tolerance)?;
        v.field("slow", slow)?;
        v.field("scipy", scipy)
    }
}

impl Default for Claims {
    fn default() -> Self {
        Claims::new(0.0, 0.0, -1.0, -1.0)
    }
}

/// What a method knows where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// F.
    pub value: f64,
    /// max |P(x − g) − x|, where SciPy's criteria ask for it.
    pub slope: f64,
    /// E; none where the metric is not scaled yet.
    pub predicted: Option<f64>,
    /// None where it was not asked for: then nothing gainsays E.
    pub back: Option<WayBack>,
}

impl Sight {
    /// Without the way back.
    pub fn new(value: f64, slope: f64, predicted: Option<f64>) -> Self {
        Sight { value, slope, predicted, back: None }
    }
}

impl Claims {
    /// From the start; `tolerance` bounds F − F* relative to F. Since nothing proves that bound here, the
    /// predicted and the seen decrease are held to a ten-thousandth of it.
    /// `gtol` and `ftol` at or above 0 replace this by SciPy's criteria of that name.
    pub fn new(value: f64, tolerance: f64, gtol: f64, ftol: f64) -> Self {
        Claims {
            values: vec![value],
            least: value,
            around: f64::NEG_INFINITY,
            idle: 0,
            odd: 0,
            tolerance: SHARE * tolerance,
            slow: false,
            scipy: (gtol >= 0.0 || ftol >= 0.0).then_some((gtol, ftol)),
        }
    }

    /// For a method that creeps: what it has fallen by in the whole last eighth of its steps counts.
    pub fn slow(self) -> Self {
        Claims { slow: true, ..self }
    }

    /// Whether a descent has come so far without a claim that its gradient is to be looked at: after 256, 512, 1024 … steps.
    pub fn due(&self) -> bool {
        self.steps() >= 256 && self.steps().is_power_of_two()
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.values.len() - 1
    }

    /// Whether SciPy's criteria are asked for.
    pub fn as_scipy(&self) -> bool {
        self.scipy.is_some()
    }

    /// Whether this is above where it began: a method that may climb has nothing to claim there.
    pub fn risen(&self, value: f64) -> bool {
        value > self.values[0] && !self.as_scipy()
    }

    /// F as many steps ago.
    pub fn before(&self, steps: usize) -> f64 {
        self.values[self.values.len().saturating_sub(steps + 1)]
    }

    /// What the function has fallen by since a step.
    fn since(&self, step: usize, value: f64) -> f64 {
        (self.values[step] - value).clamp(0.0, f64::MAX)
    }

    /// The least that F fell by in one of the last steps; of a method that creeps: in the last eighth of them together.
    pub fn fallen(&self, value: f64) -> f64 {
        if self.steps() < BEGUN {
            return 0.0;
        }
        let recent = if self.slow {
            self.before((self.steps() / 8).max(RECENT)) - value
        } else {
            let fall = |k: usize| self.before(k + 1) - self.before(k);
            (0..RECENT).map(fall).fold(f64::INFINITY, f64::min)
        };
        recent.clamp(0.0, f64::MAX)
    }

    /// What a decrease is held against where F goes to 0: what it fell by in the last steps together, or a part of what
    /// it has fallen by before.
    fn falling(&self, value: f64) -> f64 {
        // The first step may have come from anywhere.
        let lately = if self.slow { 0.0 } else { self.lately(value, self.first()) };
        self.fallen(value).max(lately).max(self.part(value))
    }

    /// The step from which on what F falls by counts.
    fn first(&self) -> usize {
        if self.slow { 0 } else { self.steps().min(1) }
    }

    /// What F fell by in the last steps together, in no more than half of all of them; of a method that creeps: in that half.
    fn lately(&self, value: f64, first: usize) -> f64 {
        let half = self.steps() / 2;
        let back = if self.slow { half } else { half.max(self.steps().saturating_sub(RECENT)) };
        self.since(back.max(first), value)
    }

    /// A hundred-millionth of what F has fallen by since the start, or all that it has since a quarter of the steps: the
    /// start may have been as high as it likes. One that creeps comes no nearer to 0 in the later steps than in the first.
    fn part(&self, value: f64) -> f64 {
        let all = PART * self.height(value);
        if self.slow {
            all
        } else {
            let lately = self.since((self.steps() / 4).max(self.first()), value);
            all.min(lately.max(self.above(value)))
        }
    }

    /// How far above where it stands F was seen: at the start, or around.
    fn height(&self, value: f64) -> f64 {
        self.since(0, value).max(self.above(value))
    }

    /// How far above it F is around.
    fn above(&self, value: f64) -> f64 {
        (self.around - value).clamp(0.0, f64::MAX)
    }

    /// F a variable's own length away, beside which all of it is next to nothing: a run that began as low as it ends has seen
    /// nothing of F's size, and counts as one that came down from there.
    pub fn saw(&mut self, around: f64) {
        self.around = self.around.max(around);
    }

    /// Whether all of F is next to nothing of what it is around.
    fn nothing(&self, value: f64) -> bool {
        self.nothing_of(value, self.above(value))
    }

    /// Whether it is of such a height.
    pub fn nothing_of(&self, value: f64, height: f64) -> bool {
        height > 0.0 && value.abs() <= self.tolerance * PART * height
    }

    /// So little of what F has fallen by in the last half of the steps that nobody would miss it.
    pub fn lost(&self, value: f64) -> f64 {
        1e-12 * self.since(self.steps() / 2, value)
    }

    /// S: what a decrease is held against, |F| or what the function has fallen by.
    pub fn size(&self, value: f64) -> f64 {
        value.abs().max(self.falling(value))
    }

    /// Whether a decrease is little beside F itself, and not only beside what F has fallen by.
    fn beside(&self, value: f64, predicted: f64) -> bool {
        predicted <= self.tolerance * value.abs()
    }

    /// What F is of where it stands: |F|, or what it has fallen by where that is less. For looks around.
    pub fn near(&self, value: f64) -> f64 {
        let fallen = (self.values[0] - value).max(self.above(value));
        let size = if fallen > 0.0 { value.abs().min(fallen) } else { value.abs() };
        let fallen = self.lately(value, 0).max(PART * self.height(value));
        size.max(1e-8 * value.abs().max(fallen))
    }

    /// What a look at both sides changes F by: [`near`](Self::near), and as much as takes it beyond where F may have another
    /// side. Steps that claim what is fine may be so far before that point still: 3 times as far, in shares of [`NEAR`].
    pub fn looks(&self, value: f64) -> [f64; 2] {
        let near = self.near(value);
        let fine = self.fine_of(self.lately(value, 0).max(PART * self.height(value)), value);
        [near, near.max(18.0 * fine / NEAR.powi(2))]
    }

    /// A decrease that does not matter to one who looks around: of where F stands, or, once it has come down to its rounding,
    /// of what it has fallen by of late.
    pub fn slight(&self, value: f64) -> f64 {
        (self.tolerance * self.near(value)).max(self.small(value).min(self.lost(value)))
    }

    /// Decreases below this are rounding.
    pub fn rounding(&self, value: f64) -> f64 {
        ROUNDING * f64::EPSILON * value.abs()
    }

    /// The scaled residual √(E/S), 1 where nothing is known yet.
    pub fn residual(&self, value: f64, predicted: Option<f64>) -> f64 {
        match predicted {
            None => 1.0,
            Some(p) if p <= 0.0 => 0.0,
            Some(p) => (p / self.size(value).max(f64::MIN_POSITIVE)).sqrt(),
        }
    }

    /// What is small enough a decrease for a claim.
    pub fn small(&self, value: f64) -> f64 {
        self.tolerance * self.size(value)
    }

    /// A step was taken; true where the last twenty changed nothing but rounding, or where it only creeps.
    pub fn took(&mut self, value: f64) -> bool {
        let before = self.before(0);
        self.values.push(value);
        let still = before - value <= 4.0 * f64::EPSILON * value.abs();
        self.idle = if still { self.idle + 1 } else { 0 };
        self.least = self.least.min(value);
        self.idle >= IDLE || self.creeps()
    }

    /// Whether so many steps have lowered the least value by so little that as many more would not help: looked at
    /// after 1024, 2048, 4096 … steps.
    fn creeps(&self) -> bool {
        let steps = self.steps();
        if steps < CREEPING || !steps.is_power_of_two() || self.scipy.is_some() {
            return false;
        }
        let least = self.values[..=steps / 2].iter().copied().fold(f64::INFINITY, f64::min);
        // A method that creeps by its nature has to have come to a stop.
        let small = if self.slow { self.tolerance } else { 1e4 * self.tolerance };
        least - self.least <= small * self.least.abs().min((self.values[0] - self.least).abs())
    }

    /// Whether the last step lowered the value by more than rounding.
    pub fn lowered(&self) -> bool {
        self.idle == 0
    }

    /// What the slopes at x would still change F by on the way back to the start, as a share of what it has fallen by.
    /// Small where F is smooth; where steps have only closed in on a kink, the slopes are what they were.
    pub fn steep(&self, x: &[f64], start: &[f64], g: &[f64], free: impl Fn(usize) -> bool) -> f64 {
        let value = self.before(0);
        let change = on_the_way_back(g, x, start, free);
        let fallen = (self.values[0] - value).max(1e3 * self.rounding(value));
        if change == 0.0 { 0.0 } else { change / fallen }
    }

    /// Whether the slopes would still change F by so much on the way back to the start that it may stand at a kink.
    pub fn abrupt(
        &self,
        x: &[f64],
        start: &[f64],
        g: &[f64],
        free: impl Fn(usize) -> bool,
    ) -> bool {
        !self.as_scipy() && self.steep(x, start, g, free) > STEEP[0]
    }

    /// Whether the step to come lowers F by a share of what the last one did: steps that close in on a point from one
    /// side, as on x³, x⁴ or a kink, and not as fast as curvature lets them.
    pub fn crawls(&self, predicted: f64) -> bool {
        let last = self.before(1) - self.before(0);
        last > 0.0 && predicted > 1e-3 * last
    }

    /// Whether so many of the last steps as n variables need, and no more than ten, have lowered F by no more than that.
    pub fn hovers(&self, n: usize, by: f64) -> bool {
        let back = (n + RECENT).min(WINDOW);
        self.steps() > back && self.before(back) - self.before(0) <= by
    }

    /// Whether the last step alone made a tenth of all that F has fallen by: what is left after it is not yet known.
    pub fn plunged(&self) -> bool {
        let value = self.before(0);
        self.before(1) - value > 0.1 * (self.values[0] - value)
    }

    /// Whether F has fallen since the start by more than rounding: else nothing was seen of it.
    pub fn left(&self, value: f64) -> bool {
        self.values[0] - value > 64.0 * self.rounding(value)
    }

    /// Whether a change of F is far above rounding.
    pub fn matters(&self, change: f64) -> bool {
        change.abs() > 1e3 * self.rounding(self.before(0))
    }

    /// A step changed F by `change` where the mean of the slopes at its ends foretold `foretold`: true once that is
    /// far off a few times in a row, as it is where a gradient is not the function's.
    pub fn odd(&mut self, change: f64, foretold: f64) -> bool {
        let counts = self.matters(change.abs().max(foretold.abs()));
        let off = (change - foretold).abs() > 0.3 * change.abs().max(foretold.abs());
        self.odd = if counts && off { self.odd + 1 } else { 0 };
        if self.odd < ODD {
            return false;
        }
        // Where the look finds nothing, the next one is further off.
        self.odd = 0;
        true
    }

    /// Whether convergence may be claimed: the predicted decrease and that over the last ten steps are both small, and
    /// the diagonal metric's too, which is asked for last.
    pub fn converged(&self, at: Sight, diagonal: impl FnOnce() -> f64) -> bool {
        if let Some((gtol, ftol)) = self.scipy {
            return at.slope <= gtol || (self.values.len() > 1 && self.fell(at.value) <= ftol);
        }
        let small = self.small(at.value);
        let Some(predicted) = at.predicted.filter(|p| *p <= small) else { return false };
        let fine = self.fine(at.value, predicted);
        // Where far less than what counts is left. Not at 1e-2 of it, nor at rounding: the claim then comes before
        // the steps that would cross a kink that lies just beyond.
        let waived = predicted <= 1e-4 * fine;
        let still = self.before(WINDOW) - at.value <= small || self.values.len() == 1 || waived;
        still && predicted <= fine && diagonal() <= fine && !self.hasty(at)
    }

    /// The same for a method whose model, the function's own curvature, has foretold its last decrease well:
    /// what it predicts then needs no ten steps to be believed.
    pub fn foretold(&self, at: Sight) -> bool {
        if self.scipy.is_some() {
            return self.converged(at, || 0.0);
        }
        let fine = |p: f64| (1e-2 * self.fine(at.value, p)).max(self.rounding(at.value));
        at.predicted.is_some_and(|p| p <= self.small(at.value).min(fine(p))) && !self.hasty(at)
    }

    /// So small a decrease that the steps may be counted as exact: of what the last steps fell by, where it is little beside F
    /// itself, of what F falls by on its way to 0, or rounding.
    pub fn fine(&self, value: f64, predicted: f64) -> f64 {
        let fallen = match self.beside(value, predicted) {
            true => self.fallen(value),
            false => self.falling(value),
        };
        self.fine_of(fallen, value)
    }
    fn fine_of(&self, fallen: f64, value: f64) -> f64 {
        (1e-1 * self.tolerance * fallen).max(self.rounding(value))
    }

    /// SciPy's relative decrease of the last step.
    fn fell(&self, value: f64) -> f64 {
        let before = self.before(1);
        (before - value) / before.abs().max(value.abs()).max(1.0)
    }

    /// The verdict where no step lowers the value any more, and `explained` is what noise can hide.
    pub fn at_rest(&self, value: f64, predicted: f64, explained: f64) -> Status {
        if predicted <= self.small(value).max(self.resting(value)) {
            return Status::PrecisionLimit;
        }
        if predicted <= explained { self.limit(value, explained) } else { Status::Plateau }
    }

    /// What it is where noise can hide all that is left: a success only where that is little beside F or its fall.
    pub fn limit(&self, value: f64, explained: f64) -> Status {
        let size = value.abs().max(self.since(0, value));
        // Noise beside the height around may hide where a valley leads, unless all of F is next to nothing of that.
        let around = if self.nothing(value) { self.tolerance * self.above(value) } else { 0.0 };
        if explained <= (LOUD * size).max(around) {
            Status::PrecisionLimit
        } else {
            Status::NoiseFloor
        }
    }

    /// Where no step is lower, a tenth of the tolerance is near enough: of F, or of what it has fallen by where that is
    /// less, for F may stand on anything.
    fn resting(&self, value: f64) -> f64 {
        1e3 * self.tolerance * self.near(value)
    }

    /// What stands behind a claim; `explained` is what rounding or noise can hide.
    pub fn certificate(&self, at: Sight, resting: bool, explained: f64) -> Certificate {
        if let Some((gtol, ftol)) = self.scipy {
            let (bound, target) =
                if at.slope <= gtol { (at.slope, gtol) } else { (self.fell(at.value), ftol) };
            let assumption = "SciPy's criterion was asked for (gtol or ftol), and nothing else";
            return Certificate { kind: Kind::Criterion, bound, target, rounding: 0.0, assumption };
        }
        let near = self.small(at.value).max(if resting { self.resting(at.value) } else { 0.0 });
        Certificate {
            kind: Kind::Stationary,
            bound: self.residual(at.value, at.predicted),
            target: self.residual(at.value, Some(near)),
            rounding: self.residual(at.value, Some(explained)),
            assumption: "nothing is known of the function but values and gradients: a stationary point, \
                         the least only where the function is convex",
        }
    }
}

/// E in a diagonal metric, within bounds: ½ Σ |g_j| min(D_j |g_j|, room_j). Infinite where some D_j is not known.
pub fn diagonal(gradient: &[f64], metric: &[f64], room: impl Fn(usize, f64) -> f64) -> f64 {
    let one = |(j, (g, d)): (usize, (&f64, &f64))| {
        if *g == 0.0 {
            return 0.0;
        }
        let step = (d * g.abs()).min(room(j, -g));
        0.5 * g.abs() * if step.is_nan() { f64::INFINITY } else { step }
    };
    gradient.iter().zip(metric).enumerate().map(one).sum()
}

/// What is wrong with a start that is not finite.
pub fn not_finite(value: f64, gradient: &[f64]) -> Option<Status> {
    if !value.is_finite() {
        return Some(Status::NotFinite(format!("the value at the start is {value}")));
    }
    let j = gradient.iter().position(|g| !g.is_finite())?;
    let g = gradient[j];
    Some(Status::NotFinite(format!("entry {j} of the gradient at the start is {g}")))
}

#[cfg(test)]
mod tests;
