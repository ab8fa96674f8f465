//! Steepest descent: at a rate that is given, or at its own.
use crate::descend::{Halt, Problem, Status};
use crate::health::{Finding, Severity};
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::methods::claims::{Claims, not_finite};
use crate::methods::doubt::{self, Doubt, Known};
use crate::penalty::Steps;
use crate::settings::Described;
use crate::vectors::{self, Aligned, dot, largest};

crate::settings! {
    /// Gradient descent, x ← prox(x − rate · ∇f(x)); without a penalty that is x − rate · ∇f(x).
    ///
    /// With no rate it finds its own from the curvature that the last step met, s's / s'y, shortened until the
    /// value is below the largest of the last ten: so over any ten steps it goes down.
    ///
    /// Cauchy 1847; Barzilai and Borwein 1988; Grippo, Lampariello and Lucidi 1986; Wright, Nowak and Figueiredo 2009.
    "gradient_descent" GradientDescent {
        /// The step length; 0 to let it find its own at each step.
        rate = 0.0 in 0.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        gtol = -1.0 in -1.0 => f64::INFINITY,
        /// SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.
        ftol = -1.0 in -1.0 => f64::INFINITY,
        /// 1 to look at both sides of the point before convergence is claimed (two evaluations), 0 not to.
        verify = 1.0 in 0.0 => 1.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: GradientDescent::<f64>::NAME,
    doc: GradientDescent::<f64>::DOC,
    parameters: GradientDescent::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits,
    build: |settings| {
        let set = GradientDescent::of(settings);
        Box::new(Descent { rate: set.rate, set, work: None })
    },
};

fn suits(_: &Facts) -> Option<Suit> {
    Some(Suit {
        passes: 2000.0,
        reason: "plain gradient steps can take any penalty with a prox".into(),
    })
}

/// Values that a new one is held against.
const RECENT: usize = 10;
const SHORTEST: f64 = 1e-30;
const LONGEST: f64 = 1e30;
/// A value this many times the first, at a rate that was given, will not come back.
const GONE: f64 = 1e10;

struct Descent {
    set: GradientDescent,
    /// 0: its own.
    rate: f64,
    work: Option<Work>,
}

struct Work {
    n: usize,
    /// Whether the penalty is added to the gradient (else its prox is taken).
    smooth: bool,
    claims: Claims,
    x: Aligned,
    xn: Aligned,
    g: Aligned,
    gn: Aligned,
    s: Aligned,
    f: f64,
    first: f64,
    /// A point beyond this, reached downhill, is on its way to nowhere.
    reach: f64,
    /// Where a rate that was given began: to say which would have done.
    began: Option<(Aligned, Aligned)>,
    residual: f64,
    recent: [f64; RECENT],
    steps: usize,
    /// s's / s'y of the last step, where the function bent upwards along it.
    bent: Option<f64>,
    /// The rate in force.
    a: f64,
    verify: bool,
    escapes: u32,
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut work = Work::new(&self.set, problem, x)?;
        let step = match not_finite(work.f, &work.g[..x.len()]) {
            Some(why) => work.ended(why),
            None => work.stand(problem)?,
        };
        x.copy_from_slice(&work.x[..x.len()]);
        self.work = Some(work);
        Ok(step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let work = self.work.as_mut().expect("start is called first");
        let step =
            if self.rate > 0.0 { work.fixed(problem, self.rate)? } else { work.own(problem)? };
        x.copy_from_slice(&work.x[..x.len()]);
        Ok(step)
    }
    fn rate(&self) -> Option<f64> {
        let own = self.work.as_ref().map_or(0.0, |w| w.a);
        Some(if self.rate > 0.0 { self.rate } else { own })
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.rate = rate;
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.work.as_ref().map(|w| &w.g[..w.n])
    }
}

impl Work {
    fn new(set: &GradientDescent, problem: &mut Problem<'_>, x0: &[f64]) -> Result<Self, Halt> {
        let n = problem.dim();
        let smooth = problem.penalty.offers().smooth;
        let [mut x, xn, mut g, gn, s] = [0; 5].map(|_| Aligned::zeros(n));
        x[..n].copy_from_slice(x0);
        if !smooth && !problem.penalty.value(&x[..n]).is_finite() {
            // outside a constraint: its projection is the nearest point within
            problem.penalty.prox(&mut x[..n], Steps::Uniform(1.0));
        }
        let f = evaluate(problem, smooth, &x[..n], &mut g[..n])?;
        let mut work = Work {
            n,
            smooth,
            claims: Claims::new(f, 1.0, problem.stop.tolerance, set.gtol, set.ftol),
            xn,
            gn,
            s,
            f,
            first: f,
            reach: 1e20 * largest(&x).max(1.0),
            began: (set.rate > 0.0).then(|| (copy(&x), copy(&g))),
            x,
            g,
            residual: f64::NAN,
            recent: [f; RECENT],
            steps: 0,
            bent: None,
            a: 0.0,
            verify: set.verify > 0.0 && doubt::doubtful(problem),
            escapes: 0,
        };
        work.residual = work.residual(problem);
        work.a = (1.0 / dot(&work.g, &work.g).sqrt()).clamp(SHORTEST, 1.0);
        let steep = work.steepest();
        work.claims =
            Claims::new(f, work.residual, problem.stop.tolerance, set.gtol, set.ftol).steep(steep);
        Ok(work)
    }

    /// max |x − prox(x − g)|, which is max |g| where there is no prox.
    fn residual(&mut self, problem: &Problem<'_>) -> f64 {
        if self.smooth {
            return largest(&self.g);
        }
        vectors::minus(&self.x, &self.g, &mut self.s);
        problem.penalty.prox(&mut self.s[..self.n], Steps::Uniform(1.0));
        (0..self.n).map(|j| (self.s[j] - self.x[j]).abs()).fold(0.0, f64::max)
    }

    /// The largest slope along a coordinate that the prox lets move (the residual's step is in `s`).
    fn steepest(&self) -> f64 {
        if self.smooth {
            return self.residual;
        }
        let slope = |j: usize| if self.s[j] == self.x[j] { 0.0 } else { self.g[j].abs() };
        (0..self.n).map(slope).fold(0.0, f64::max)
    }

    /// The point at rate `a`, left in `xn`; the square of how far it is.
    fn go(&mut self, problem: &Problem<'_>, a: f64) -> f64 {
        vectors::ahead(&self.x, -a, &self.g, &mut self.xn);
        if !self.smooth {
            problem.penalty.prox(&mut self.xn[..self.n], Steps::Uniform(a));
        }
        vectors::minus(&self.xn, &self.x, &mut self.s);
        dot(&self.s, &self.s)
    }

    /// A step at the rate given, whatever comes of it.
    fn fixed(&mut self, problem: &mut Problem<'_>, a: f64) -> Result<Step, Halt> {
        self.a = a;
        let gone = self.go(problem, a);
        let n = self.n;
        let f = evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?;
        let lost = !f.is_finite() || !largest(&self.gn).is_finite();
        if lost || f > GONE * self.first.abs().max(1.0) {
            return self.diverged(problem);
        }
        let rises = f > self.f;
        let idle = self.take(problem, f, gone);
        match (idle, rises) {
            (true, true) => self.diverged(problem),
            (true, false) => self.rest(problem),
            _ => self.stand(problem),
        }
    }

    /// A step at a rate of its own: the last curvature's, shortened until the value is low enough.
    fn own(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.n;
        let top = self.recent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut a = self.bent.unwrap_or(if self.steps > 0 { 4.0 * self.a } else { self.a });
        a = a.clamp(SHORTEST, LONGEST);
        for _ in 0..60 {
            let gone = self.go(problem, a);
            if gone == 0.0 {
                break;
            }
            let (f, known) = self.try_there(problem)?;
            if f == f64::NEG_INFINITY {
                return Ok(self.ended(Status::Unbounded));
            }
            if f <= top - 1e-4 / (2.0 * a) * gone {
                if !known {
                    problem.total_gradient_there(&self.xn[..n], &mut self.gn[..n])?;
                }
                if largest(&self.gn).is_finite() {
                    self.a = a;
                    let idle = self.take(problem, f, gone);
                    return if idle { self.rest(problem) } else { self.stand(problem) };
                }
            }
            a *= if f.is_finite() { shorter(self.f, f, gone / a) } else { 0.1 };
        }
        self.rest(problem)
    }

    /// The value at `xn`, and whether its gradient came along.
    fn try_there(&mut self, problem: &mut Problem<'_>) -> Result<(f64, bool), Halt> {
        let n = self.n;
        if problem.objective.value_is_cheaper() && self.smooth {
            return Ok((problem.total(&self.xn[..n])?, false));
        }
        Ok((evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?, true))
    }

    /// Moves to `xn`; whether nothing has changed for a while.
    fn take(&mut self, problem: &Problem<'_>, f: f64, ss: f64) -> bool {
        // s'y before the buffers change places
        let sy = dot(&self.s, &self.gn) - dot(&self.s, &self.g);
        self.bent = (sy > 0.0).then_some(ss / sy);
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.steps += 1;
        self.recent[self.steps % RECENT] = f;
        self.residual = self.residual(problem);
        self.claims.took(f)
    }

    fn here(&self) -> Step {
        Step { value: self.f, residual: self.residual, rate: self.a, ..Step::default() }
    }

    fn ended(&self, verdict: Status) -> Step {
        Step { verdict: Some(verdict), ..self.here() }
    }

    /// Claims convergence where it may: the decrease that the curvature predicts is small too.
    fn stand(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let predicted = self.bent.map(|b| 0.5 * b * dot(&self.g, &self.g));
        if largest(&self.x) > self.reach && self.f < self.first {
            return Ok(self.ended(Status::Unbounded));
        }
        if !self.claims.converged(self.f, self.residual, predicted) {
            return Ok(self.here());
        }
        self.claim(problem, Status::Converged)
    }

    fn claim(&mut self, problem: &mut Problem<'_>, verdict: Status) -> Result<Step, Halt> {
        if self.verify && self.smooth {
            doubt::scattered(self.n, &mut self.s);
            match self.look(problem)? {
                Doubt::Inconsistent(status) => return Ok(self.ended(status)),
                Doubt::Lower(_) if self.escapes < 5 => return self.escape(problem),
                _ => {}
            }
        }
        let certificate = Some(self.claims.certificate(self.residual));
        Ok(Step { certificate, ..self.ended(verdict) })
    }

    /// Leaves a saddle or a maximum by the lower side that was seen.
    fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.escapes += 1;
        let n = self.n;
        let f = evaluate(problem, self.smooth, &self.xn[..n], &mut self.gn[..n])?;
        vectors::minus(&self.xn, &self.x, &mut self.s);
        let ss = dot(&self.s, &self.s);
        self.take(problem, f, ss);
        Ok(self.here())
    }

    /// No step lowers the value any more.
    fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let verdict = self.claims.at_rest(self.residual);
        if verdict == Status::PrecisionLimit {
            return self.claim(problem, verdict);
        }
        if !self.verify || !self.smooth {
            return Ok(self.ended(verdict));
        }
        vectors::scaled(-1.0 / dot(&self.g, &self.g).sqrt(), &self.g, &mut self.s);
        let verdict = match self.look(problem)? {
            Doubt::Inconsistent(status) => status,
            Doubt::Kink(slopes) => {
                problem.findings.push(doubt::kink(slopes));
                verdict
            }
            _ => verdict,
        };
        Ok(self.ended(verdict))
    }

    /// Looks at both sides along s (which is lost).
    fn look(&mut self, problem: &mut Problem<'_>) -> Result<Doubt, Halt> {
        let known = Known {
            x: &self.x[..self.n],
            value: self.f,
            gradient: &self.g[..self.n],
            scale: self.claims.scale(),
            free: None,
        };
        doubt::look(problem, &known, &mut self.s, &mut self.xn)
    }

    /// At a rate that was given the value grows: says below which rate it would not have.
    fn diverged(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let limit = self.limit(problem)?;
        problem.findings.push(Finding {
            kind: "diverging",
            severity: Severity::Problem,
            sentence: format!("The rate {:?} is too large: each step overshoots (divergence).", self.a),
            evidence: [Some(("rate", self.a)), limit.map(|l| ("largest_stable_rate", l))]
                .into_iter()
                .flatten()
                .collect(),
            threshold: limit.unwrap_or(f64::NAN),
            remedy: match limit {
                Some(limit) => {
                    format!("Take a rate below {:?}, or give none: it then finds its own.", rounded(limit))
                }
                None => "Take a smaller rate, or give none: it then finds its own.".into(),
            },
        });
        Ok(self.ended(Status::Diverged))
    }

    /// The largest rate that is stable where it began: 2 over the curvature there, along the gradient there and
    /// along the one it ended with, which has turned towards the steepest direction.
    fn limit(&mut self, problem: &mut Problem<'_>) -> Result<Option<f64>, Halt> {
        let Some((x, g)) = self.began.take() else { return Ok(None) };
        let last = copy(&self.g);
        let mut curvature = 0.0f64;
        for along in [&g, &last] {
            let length = dot(along, along).sqrt();
            if length > 0.0 && length.is_finite() {
                let h = 1e-4 * (1.0 + largest(&x)) / length;
                vectors::ahead(&x, -h, along, &mut self.xn);
                problem.gradient(&self.xn[..self.n], &mut self.gn[..self.n])?;
                let change = dot(along, &g) - dot(along, &self.gn);
                curvature = curvature.max(change / (h * length * length));
            }
        }
        Ok((curvature > 0.0).then(|| 2.0 / curvature))
    }
}

/// To three digits.
fn rounded(v: f64) -> f64 {
    format!("{v:.2e}").parse().unwrap_or(v)
}

fn copy(v: &Aligned) -> Aligned {
    let mut to = Aligned::zeros(v.len());
    to.copy_from_slice(v);
    to
}

/// How much to shorten a step that was too long: the parabola through both values, within a tenth and a half.
fn shorter(f: f64, beyond: f64, slope: f64) -> f64 {
    let least = 0.5 * slope / (beyond - f + slope);
    if least.is_finite() { least.clamp(0.1, 0.5) } else { 0.5 }
}

/// F and the gradient of what has one.
fn evaluate(problem: &mut Problem<'_>, smooth: bool, x: &[f64], g: &mut [f64]) -> Result<f64, Halt> {
    if smooth {
        return problem.total_gradient(x, g);
    }
    Ok(problem.gradient(x, g)? + problem.penalty.value(x))
}
