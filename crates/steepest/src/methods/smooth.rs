//! A direction and a search: all that methods share which go along lines, with or without bounds.
use super::convergence::{STEEP, diagonal};
use super::direction::{Directed, Direction, StepTaken};
use super::pairs::Pairs;
use super::standing::{Standing, View};
use crate::curvature::Curvature;
use crate::linalg::vectors::{self, Aligned, dot, largest};
use crate::method::{Method, Step};
use crate::problem::Problem;
use crate::search::{Search, TRIALS};
use crate::searches::SEARCHES;
use crate::state::{Bad, State, Visitor};
use crate::status::{Halt, Status};
use explored::Explored;
use path::Path;

mod aim;
mod claim;
mod explored;
mod path;
mod rest;

/// What was asked for: the direction with its settings, and those that all directions share.
#[derive(Clone)]
struct Asked {
    own: Vec<f64>,
    /// gtol, ftol and verify.
    claims: [f64; 3],
    search: usize,
    build: fn(&[f64]) -> Box<dyn Direction>,
    memory: usize,
    predicts: bool,
    slow: bool,
    by_pairs: bool,
    within: bool,
    preconditioned: bool,
    flat: Option<f64>,
}

/// A method that goes along lines: the direction says which way, the search how far, and this is the rest.
pub struct Smooth {
    set: Asked,
    run: Option<Run>,
}

impl Smooth {
    /// Of a direction's settings and the shared ones.
    pub fn new<D: Directed>(own: &[f64], [gtol, ftol, verify, search]: [f64; 4]) -> Self {
        let set = Asked {
            own: own.to_vec(),
            claims: [gtol, ftol, verify],
            search: search as usize,
            build: |own| D::of(own).direction(),
            memory: D::of(own).memory(),
            predicts: D::PREDICTS,
            slow: D::SLOW,
            by_pairs: D::BY_PAIRS,
            within: D::WITHIN,
            preconditioned: D::PRECONDITIONED,
            flat: D::FLAT,
        };
        Smooth { set, run: None }
    }
}

impl State for Smooth {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        if v.loads() {
            let at = Standing { n: v.dim(), ..Standing::default() };
            let run = Run::of(&self.set, at, false);
            self.run = Some(run.map_err(|_| Bad("there is no room for it".into()))?);
        }
        let Some(run) = &mut self.run else { return Err(Bad("it has not begun".into())) };
        let Run {
            set: _,
            direction,
            search,
            pairs,
            explored,
            at,
            slope,
            length,
            metric,
            gamma,
            failures,
            vain,
            unlearnt_at,
            warned,
        } = run;
        v.field("at", at)?;
        v.check("at", at.n == v.dim(), "is of another run")?;
        v.field("pairs", pairs)?;
        v.check("pairs", pairs.dim() == v.dim(), "are of another run")?;
        v.field("explored", explored)?;
        v.check("explored", explored.fits(v.dim()), "are of another run")?;
        v.field("slope", slope)?;
        v.field("length", length)?;
        v.check("length", *length > 0.0 && length.is_finite(), "is no length")?;
        v.vector("metric", metric)?;
        v.field("gamma", gamma)?;
        v.field("failures", failures)?;
        v.field("vain", vain)?;
        v.field("unlearnt_at", unlearnt_at)?;
        v.field("warned", warned)?;
        direction.state().map_or(Ok(()), |state| v.field("direction", state))?;
        search.state().map_or(Ok(()), |state| v.field("search", state))
    }
}

impl Method for Smooth {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut run = Run::new(&self.set, problem, x)?;
        let step = match run.at.unfit() {
            Some(why) => run.at.ended(why),
            None => run.stand(problem)?,
        };
        problem.units().outward(&run.at.x[..x.len()], x);
        self.run = Some(run);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let run = self.run.as_mut().expect("start is called first");
        let step = run.step(problem)?;
        problem.units().outward(&run.at.x[..x.len()], x);
        Ok(step)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn monotone(&self) -> bool {
        self.run.as_ref().is_none_or(|r| r.search.monotone())
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.run.as_ref().filter(|r| r.at.plain).map(|r| &r.at.g[..r.at.n])
    }
    fn curvature(&self) -> Option<Curvature> {
        self.run.as_ref().and_then(|r| r.direction.curvature().or_else(|| r.pairs.curvature()))
    }
}

/// What it holds while at work.
struct Run {
    set: Asked,
    direction: Box<dyn Direction>,
    search: Box<dyn Search>,
    pairs: Pairs,
    /// The ways that steps have gone since the units of the variables were found.
    explored: Explored,
    at: Standing,
    /// g'd, and the length along d to try first.
    slope: f64,
    length: f64,
    /// Inverse curvatures along the coordinates, as they were when the pairs were last forgotten.
    metric: Option<Vec<f64>>,
    /// How far the gradient alone should be followed where nothing is remembered.
    gamma: Option<f64>,
    /// Searches in a row that found nothing.
    failures: u32,
    /// Long searches in a row that gained nothing that matters.
    vain: u32,
    /// F where slopes gainsaid a claim last, and what steps had learned was forgotten.
    unlearnt_at: Option<f64>,
    warned: bool,
}

impl Run {
    fn new(set: &Asked, problem: &mut Problem<'_>, x0: &[f64]) -> Result<Self, Halt> {
        let mut at = Standing::new(problem, x0, set.claims)?;
        if set.slow {
            at.claims = at.claims.slow();
        }
        let preconditioned = set.preconditioned && problem.offers().preconditioner;
        Run::of(set, at, preconditioned)
    }

    /// Where it begins to go on from.
    fn of(set: &Asked, at: Standing, preconditioned: bool) -> Result<Self, Halt> {
        // Sums over pairs that are kept from step to step are of no use where these are not the whole direction.
        let plain = at.bounds.is_some() || !set.by_pairs || preconditioned;
        let mut direction = (set.build)(&set.own);
        direction.begin(at.n)?;
        Ok(Run {
            set: set.clone(),
            direction,
            search: SEARCHES[set.search].with("curvature", set.flat),
            pairs: Pairs::new(at.n, set.memory, plain),
            explored: Explored::default(),
            slope: 0.0,
            length: 1.0,
            metric: None,
            gamma: None,
            failures: 0,
            vain: 0,
            unlearnt_at: None,
            warned: false,
            at,
        })
    }

    /// One step: search, and where nothing is found forget the pairs and search again.
    fn step(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        loop {
            let at = &mut self.at;
            let path = Path {
                x: &at.x,
                g: &at.g,
                d: &at.d,
                f: at.f,
                slope: self.slope,
                length: self.length,
                bounds: at.bounds.as_ref(),
                first: self.pairs.is_empty() && self.gamma.is_none(),
            };
            let before = problem.counts().values;
            if let Some((a, f)) = path.search(&mut *self.search, problem, &mut at.xn, &mut at.gn)? {
                let spent = problem.counts().values - before;
                return self.take(problem, a, f, spent);
            }
            self.failures += 1;
            let known = self.at.predicted.is_some_and(|p| p <= self.explained(problem));
            if self.pairs.is_empty() || self.failures > 3 || self.at.n == 1 || known {
                return self.rest(problem);
            }
            self.forget();
            if !self.aim(problem)? {
                return self.rest(problem);
            }
        }
    }

    /// Forgets the pairs; what they told of the coordinates is kept.
    fn forget(&mut self) {
        if !self.pairs.is_empty() {
            self.metric = Some(self.pairs.metric());
        }
        self.pairs.forget();
        self.direction.forget();
    }

    /// Moves to the point that the search has left.
    fn take(
        &mut self,
        problem: &mut Problem<'_>,
        a: f64,
        f: f64,
        spent: u64,
    ) -> Result<Step, Halt> {
        let vain = self.in_vain(problem, f, spent);
        let first = self.pairs.is_empty();
        let (kept, at) = (self.remember(problem, a, f), &mut self.at);
        let odd = at.verify && {
            let promised = if at.bounds.is_some() {
                vectors::minus(&at.xn, &at.x, &mut at.d);
                dot(&at.g, &at.d)
            } else {
                a * self.slope
            };
            at.claims.odd(f - at.f, promised + 0.5 * self.pairs.bent())
        };
        if !kept && first && self.gamma.is_none() {
            vectors::minus(&at.xn, &at.x, &mut at.d);
            self.gamma = Some(4.0 * (dot(&at.d, &at.d) / dot(&at.g, &at.g)).sqrt());
        }
        at.adopt(problem, f);
        at.rate = a;
        if odd && let Some(status) = self.suspect(problem, true)? {
            return Ok(self.at.ended(status));
        }
        if self.at.claims.took(f) || vain {
            return self.rest(problem);
        }
        if self.at.claims.due()
            && let Some(status) = self.suspect(problem, false)?
        {
            return Ok(self.at.ended(status));
        }
        if self.at.claims.lowered() {
            self.failures = 0;
        }
        if largest(&self.at.x) > self.at.reach {
            return Ok(self.at.ended(Status::Unbounded));
        }
        self.stand(problem)
    }

    /// Whether long searches, one after another, have only found what rounding makes lower: no more is left than matters, and
    /// what they gain is less.
    fn in_vain(&mut self, problem: &Problem<'_>, f: f64, spent: u64) -> bool {
        const LONG: u64 = TRIALS as u64 / 2;
        const VAIN: u32 = 3;
        let (at, small) = (&self.at, self.at.claims.small(self.at.f));
        let left = at.predicted.is_some_and(|p| p <= small) && at.f - f <= small;
        let long = spent >= LONG && problem.offers().differences == 0 && !at.claims.as_scipy();
        self.vain = if left && long { self.vain + 1 } else { 0 };
        self.vain >= VAIN && std::mem::take(&mut self.vain) > 0
    }

    /// Remembers the step to `xn`, if the gradient grew along it by more than the noise of differences; whether it did.
    fn remember(&mut self, problem: &mut Problem<'_>, a: f64, f: f64) -> bool {
        let at = &self.at;
        // A fall that was seen for certain is no noise, and neither is the curvature met on the way.
        let seen = (at.f - f).abs() > at.hidden(problem);
        let noise = if seen { 0.0 } else { at.noise_along(problem) };
        let kept = self.pairs.store_above(noise, &at.x, &at.xn, &at.g, &at.gn);
        if kept {
            self.gamma = Some(self.pairs.gamma());
            if at.verify {
                self.explored.learn(&self.pairs.newest().0[..at.n]);
            }
        }
        self.direction.learn(&StepTaken {
            g: [&at.g, &at.gn],
            d: &at.d,
            slope: self.slope,
            fall: at.f - f,
            a,
            kept,
        });
        kept
    }

    /// Aims from where it stands, and claims convergence if it may.
    fn stand(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        if self.still() {
            // To aim along no slope would forget what steps have learned, which the looks before a claim ask for.
            let at = &mut self.at;
            if let Some(b) = &mut at.bounds {
                b.release(&at.x, &at.g);
            }
            at.predicted = Some(0.0);
            return self.claim(problem, Status::Converged, 0.0);
        }
        let mut down = self.aim(problem)?;
        let exactly = self.at.claims.as_scipy();
        let mut scaled = self.predict(down);
        if self.done(problem) {
            if exactly || !self.direction.exactly() {
                return self.claim(problem, Status::Converged, 0.0);
            }
            down = self.aim(problem)?;
            scaled = self.predict(down);
            if self.done(problem) {
                return self.claim(problem, Status::Converged, 0.0);
            }
        }
        if !down {
            return self.rest(problem);
        }
        if scaled && problem.offers().differences > 0 && !exactly {
            let explained = self.explained(problem);
            if self.drowned(problem, explained) {
                return self.claim(problem, Status::PrecisionLimit, explained);
            }
            let hidden = self.at.hidden(problem);
            if self.at.predicted.is_some_and(|p| p <= hidden)
                && self.at.claims.hovers(self.at.n, 4.0 * hidden)
            {
                // Steps would only follow the noise.
                return self.drown(problem);
            }
        }
        Ok(self.at.here())
    }

    /// What is left by the direction just found; whether anything is known of the curvature.
    fn predict(&mut self, down: bool) -> bool {
        let scaled = !self.pairs.is_empty() && down;
        self.at.predicted = scaled.then_some(-0.5 * self.slope);
        if let Some(foretold) = self.direction.foretells().filter(|_| scaled) {
            self.at.predicted = Some(foretold.fall);
        }
        if !self.set.predicts
            && scaled
            && self.at.predicted.is_some_and(|p| p <= self.at.claims.small(self.at.f))
        {
            let left = self.by_pairs().max(self.at.predicted.unwrap_or(0.0));
            self.at.predicted = Some(left);
        }
        scaled
    }

    /// Whether what is left is little enough for a claim.
    fn done(&self, problem: &mut Problem<'_>) -> bool {
        let (claims, sight) = (&self.at.claims, self.at.sight(problem));
        let known = self.direction.foretells().is_some_and(|f| f.believed);
        let converged = known && claims.foretold(sight)
            || claims.converged(sight, || self.by_diagonal(&self.pairs.metric()));
        converged && (claims.as_scipy() || self.steep() <= STEEP[0])
    }

    /// The decrease that L-BFGS predicts over the pairs, or what the direction does, where that is more.
    fn by_pairs(&mut self) -> f64 {
        let mut d = Aligned::zeros(self.at.n);
        let known = match &self.at.bounds {
            Some(b) if !b.all_free() => self.pairs.down(Some(&b.free), &self.at.g, &mut d),
            _ => self.pairs.down(None, &self.at.g, &mut d),
        };
        let left = if known { -0.5 * dot(&self.at.g, &d) } else { f64::INFINITY };
        left.max(-0.5 * self.slope)
    }

    /// Whether what is left lies below the noise of the differences, and all that this noise can hide, by what the steps
    /// have met, is far below the tolerance: ten steps more would only wander about.
    fn drowned(&mut self, problem: &mut Problem<'_>, explained: f64) -> bool {
        if self.at.claims.plunged() {
            return false;
        }
        let (n, f) = (self.at.n, self.at.f);
        let mut noise = Aligned::zeros(n);
        // F is 0 but for its rounding: nothing is small beside that, but what it has fallen by is known.
        let zero = f.abs() <= 1e2 * problem.accuracy(&mut noise[..n]);
        let lost = if zero { self.at.claims.lost(f) } else { 0.0 };
        let small = 1e2 * self.at.claims.small(f).max(lost);
        let diagonal = self.by_diagonal(&self.pairs.metric());
        let left = self.at.predicted.unwrap_or(f64::INFINITY).max(diagonal);
        if !(left <= explained.min(small)) || self.steep() > STEEP[0] {
            return false;
        }
        if self.at.gainsaid(problem, left, explained) {
            return false;
        }
        let mut hidden = Aligned::zeros(n);
        self.pairs.direction(&noise, &mut hidden);
        -0.5 * dot(&noise, &hidden) <= small
    }

    /// See [`Claims::steep`](super::convergence::Claims::steep).
    fn steep(&self) -> f64 {
        let at = &self.at;
        // A slope far below those that the steps went through is no kink's.
        let counts =
            |j: usize| at.room(j, -at.g[j]) > 0.0 && at.g[j].abs() > 0.03 * self.pairs.turned(j);
        at.claims.steep(&at.x, &at.start, &at.g, counts)
    }

    /// Whether no coordinate has a slope that it could follow.
    fn still(&self) -> bool {
        let at = &self.at;
        (0..at.n).all(|j| at.g[j] == 0.0 || at.room(j, -at.g[j]) == 0.0)
    }

    /// The decrease that the diagonal metric predicts; where it is not known of a coordinate, the length of the whole.
    fn by_diagonal(&self, metric: &[f64]) -> f64 {
        let whole = self.gamma.unwrap_or(f64::INFINITY);
        let known: Vec<f64> = metric.iter().map(|d| if d.is_nan() { whole } else { *d }).collect();
        diagonal(&self.at.g[..self.at.n], &known, |j, way| self.at.room(j, way))
    }

    /// What the pairs tell of the coordinates, or told when they were last forgotten.
    fn learned(&self) -> Option<Vec<f64>> {
        if self.pairs.is_empty() { self.metric.clone() } else { Some(self.pairs.metric()) }
    }

    /// What rounding, and the noise of what is differenced, can hide of a decrease.
    fn explained(&self, problem: &mut Problem<'_>) -> f64 {
        let exact = problem.offers().differences == 0;
        let metric = if exact { None } else { self.learned() };
        self.at.explained(problem, metric.as_deref())
    }

    /// Looks around with what the pairs tell.
    fn with<T>(&mut self, ahead: bool, look: impl FnOnce(&mut Standing, View<'_>) -> T) -> T {
        let metric = self.learned();
        // A claim looks at all lengths itself.
        let blind = !ahead && metric.is_none();
        let metric = metric.unwrap_or_else(|| vec![f64::NAN; self.at.n]);
        look(&mut self.at, View { metric: &metric, ahead, blind })
    }

    fn suspect(&mut self, problem: &mut Problem<'_>, odd: bool) -> Result<Option<Status>, Halt> {
        self.with(false, |at, view| at.suspect(problem, odd, view))
    }
}
