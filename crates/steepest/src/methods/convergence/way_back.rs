//! What slopes say against a claim: the curvature that E rests on may have been met further up, or across a valley, while the
//! slopes are of here. On the way back to the start they would change F by so much.
use super::{Claims, LOUD, PART, SHARE, STEEP, Sight};
use crate::status::Status;

/// What slopes may make of F on the way back where no step lowers it: those of a long way are no finer than x is.
const LARGE: f64 = 0.5;
/// Where F goes to 0: what the decrease to come may be of the way back, and how much of F it has to foretell, or how little
/// F may be of that way. A quadratic foretells all of F; on x⁴ it is a third, and steps take it to next to nothing of the way.
/// A tenth of F let a start far above the least value claim early; less of the way than that costs x⁴ and its like twice
/// their steps, and spares few of such starts.
pub const THIN: f64 = 1e-5;
const WHOLE: f64 = 0.4;
const NOTHING: f64 = 1e-8;
/// The least of F that has to be foretold there too, unless F is as little of the way as rounding leaves.
const SOME: f64 = 0.1;
const ROUNDED: f64 = 1e-13;
/// Where all of F is foretold to go, the step that takes it there is to be short beside each variable, or beside the way that one
/// has come: a start that is far off may be so high that anything near the least value is nothing of it. So much of F is foretold
/// to go where it is a quadratic; of x⁴ two thirds are, and nobody comes so near to its least value.
pub const QUADRATIC: f64 = 0.8;
const SHORT: f64 = 1e-5;
const CLOSE: f64 = 1e-12;

/// Σ |g_j| |x_j − start_j| of what is free.
pub fn on_the_way_back(g: &[f64], x: &[f64], start: &[f64], free: impl Fn(usize) -> bool) -> f64 {
    let one = |j: usize| if free(j) { g[j].abs() * (x[j] - start[j]).abs() } else { 0.0 };
    (0..start.len()).map(one).sum()
}

/// So far from where it stands a variable that has come such a way is as good as there.
pub fn short(x: f64, way: f64) -> f64 {
    (SHORT * x.abs()).max(CLOSE * way)
}

/// Σ |g_j| |x_j − start_j| of what is free: what the slopes here would change F by on the way back to the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WayBack {
    /// Of slopes less what may be their noise.
    pub certain: f64,
    /// Of slopes as they are.
    pub seen: f64,
    /// Of slopes and their noise.
    pub possible: f64,
    /// What they would change F by on so short a way that nothing is left to come nearer for.
    pub near: f64,
}

impl WayBack {
    /// From x to the start, by the slopes of what is free and the noise of each.
    pub fn new(
        g: &[f64],
        noise: &[f64],
        x: &[f64],
        start: &[f64],
        free: impl Fn(usize) -> bool,
    ) -> Self {
        /// A slope may be wrong by so many times its noise.
        const CERTAIN: f64 = 4.0;
        let seen = on_the_way_back(g, x, start, &free);
        let mut sums = WayBack { seen, ..WayBack::default() };
        for j in (0..g.len()).filter(|&j| free(j)) {
            let (slope, way) = (g[j].abs(), (x[j] - start[j]).abs());
            let certain = slope - CERTAIN * noise[j];
            sums.certain += if certain > 0.0 { certain * way } else { 0.0 };
            sums.near += slope * short(x[j], way);
            // Where nothing moves F its noise is infinite, and says nothing.
            sums.possible += (slope + if noise[j].is_finite() { noise[j] } else { 0.0 }) * way;
        }
        sums
    }
}

impl Claims {
    /// What is seen, with the way back where a claim may come.
    pub fn looking_back(&self, at: Sight, back: impl FnOnce() -> Option<WayBack>) -> Sight {
        let near = at.predicted.is_some_and(|p| p <= self.small(at.value));
        Sight { back: if near { back() } else { None }, ..at }
    }

    /// Whether the slopes on the way back to the start say more than was foretold: the curvature that E rests on was met
    /// further up, or across a valley. Beside F they must be slight, as where curvature has brought them near 0; where F goes to
    /// 0 it must be foretold to do so, or next to nothing of the way, and the decrease to come with it.
    pub fn hasty(&self, at: Sight) -> bool {
        let Some(back) = at.back else { return false };
        let little = self.tolerance * at.value.abs();
        let beside = at.predicted.is_some_and(|p| p <= little);
        !beside && !self.as_scipy() && self.plunges(at.value, back.seen)
            || self.far_off(at)
            || self.hastier(at, little, back.seen, STEEP[0])
    }

    /// Whether F goes to 0, or a method that creeps takes it to be nothing of the way back, and the step that would take it there
    /// is none that is short.
    pub fn far_off(&self, at: Sight) -> bool {
        let (Some(back), Some(predicted)) = (at.back, at.predicted) else { return false };
        let size = at.value.abs();
        let goes =
            predicted >= QUADRATIC * size || self.slow && predicted > self.tolerance / SHARE * size;
        goes && predicted > 0.5 * back.near && !self.nothing(at.value) && !self.as_scipy()
    }

    /// Whether the last step took all but a thousandth of F, and left more than rounding does of what slopes make of the way back:
    /// where that ends is not seen yet, and one more step shows it. From a start far above, what is left of F may be next to
    /// nothing of what it fell by and far from its least value still.
    fn plunges(&self, value: f64, back: f64) -> bool {
        const TAKEN: f64 = 1e-3;
        let size = value.abs();
        !self.slow && size > ROUNDED * back && size <= TAKEN * self.before(1).abs()
    }

    /// The same, where as much is `little` beside F, and what `slopes` would make of it slight.
    pub fn hastier(&self, at: Sight, little: f64, slopes: f64, slight: f64) -> bool {
        let (Some(predicted), Some(back), false) = (at.predicted, at.back, self.as_scipy()) else {
            return false;
        };
        let size = at.value.abs();
        let beside = predicted <= little.min(LOUD * size) && slopes <= slight * size;
        let nothing = if self.slow || predicted >= SOME * size { NOTHING } else { ROUNDED };
        let to_nothing = predicted <= THIN * back.seen
            && (predicted >= WHOLE * size || size <= nothing * back.seen);
        !(beside || to_nothing || self.nothing(at.value))
    }

    /// [`at_rest`](Self::at_rest), unless slopes that are no noise gainsay it.
    pub fn held_at_rest(&self, at: Sight, explained: f64) -> Status {
        match self.at_rest(at.value, at.predicted.unwrap_or(f64::INFINITY), explained) {
            Status::PrecisionLimit if self.gainsaid(at, explained) => Status::Plateau,
            verdict => verdict,
        }
    }

    /// Whether slopes that are no noise gainsay a claim where no step lowers the value, or noise hides what is left: see
    /// [`hasty`](Self::hasty).
    pub fn gainsaid(&self, at: Sight, explained: f64) -> bool {
        at.back
            .is_some_and(|back| self.hastier(at, self.little(at, explained), back.certain, LARGE))
    }

    /// Whether slopes that are no noise are not slight beside F, and the start was so far above it that all that was learned of
    /// curvature and of size may be of there.
    pub fn stale(&self, at: Sight, explained: f64) -> bool {
        let slopes =
            |back: WayBack| self.hastier(at, self.little(at, explained), back.certain, STEEP[0]);
        at.value.abs() < PART * self.height(at.value) && at.back.is_some_and(slopes)
    }

    /// Whether it came down from so far above that nothing of F here counts beside that, though `slopes`, of the way back, are
    /// slight beside F, which stands on something then: what is little is to be told by F here.
    pub fn came_down(&self, value: f64, slopes: f64) -> bool {
        let far = value.abs() < PART * self.height(value);
        far && value != 0.0 && slopes <= LOUD * value.abs() && !self.as_scipy()
    }

    /// The same of all that slopes may be with their noise, were it a thousandth of F: worth a nearer look.
    pub fn dubious(&self, at: Sight, explained: f64) -> bool {
        let little = self.little(at, explained);
        at.back.is_some_and(|back| self.hastier(at, little, back.possible, LOUD))
    }

    /// What is little beside F, at rest; nothing where noise hides much of F.
    fn little(&self, at: Sight, explained: f64) -> f64 {
        let loud = explained > LOUD * at.value.abs();
        let little = self.small(at.value).max(self.resting(at.value)).max(explained);
        if loud { 0.0 } else { little }
    }
}
