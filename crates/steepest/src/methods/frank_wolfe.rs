//! Steps towards the point of a set that the slopes point at most, and away from the worst of those that x is made of.
use super::atoms::{Gaps, gap};
use crate::linalg::vectors::dot;
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::methods::convergence;
use crate::penalty::Steps;
use crate::problem::Problem;
use crate::settings::Described;
use crate::state::State;
use crate::status::{Halt, Status};

crate::settings! {
    /// Frank and Wolfe's method (conditional gradients) with away steps, on a bounded set: x is a mean of points of the set;
    /// each step goes towards s = argmin ∇f(x)′s over the set, or away from the worst of those points, whichever falls more
    /// steeply. How far is found by backtracking on the curvature. No projection is needed, x is made of few points of the
    /// set, and of a convex function the gap ∇f(x)′(x − s) bounds how far the least is.
    ///
    /// Frank and Wolfe 1956, <https://doi.org/10.1002/nav.3800030109>; Lacoste-Julien and Jaggi 2015,
    /// <https://arxiv.org/abs/1511.05932>; Pedregosa, Negiar, Askari and Jaggi 2020, <https://arxiv.org/abs/1806.05123>.
    "frank_wolfe" FrankWolfe {
        /// Whether to step away too: on polytopes that makes convergence linear.
        away = 1 in 0 => 1,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: FrankWolfe::<f64>::NAME,
    doc: FrankWolfe::<f64>::DOC,
    parameters: FrankWolfe::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Atoms, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        Box::new(Conditional {
            away: FrankWolfe::of(settings).away > 0.0,
            ..Conditional::default()
        })
    },
};

/// Points that x may be a mean of before x itself takes their place.
const MOST: usize = 300;
/// What the curvature is lowered by between steps, and raised by at least where it was too low.
const LOWER: f64 = 0.9;
const HIGHER: f64 = 1.5;
/// Changes of the curvature before nothing can be found.
const CHANGES: usize = 100;
/// Steps after which x is summed up anew.
const ANEW: u64 = 50;

#[derive(Default)]
struct Conditional {
    away: bool,
    /// The points that x is a mean of, one after another, and their weights.
    atoms: Vec<f64>,
    weights: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// The curvature along the way.
    bend: f64,
    gaps: Gaps,
    taken: u64,
}

crate::state!(Conditional { atoms, weights, value, gradient: vector, bend, gaps, taken } but away);

impl Conditional {
    /// x itself as the only point.
    fn alone(&mut self, x: &[f64]) {
        (self.atoms, self.weights) = (x.to_vec(), vec![1.0]);
    }
    fn atom(&self, k: usize) -> &[f64] {
        let n = self.gradient.len();
        &self.atoms[k * n..(k + 1) * n]
    }
    /// Moves the weights by a step towards s, or away from a point.
    fn mix(&mut self, from: Option<usize>, s: &[f64], t: f64) {
        let n = self.gradient.len();
        if let Some(k) = from {
            self.weights.iter_mut().for_each(|w| *w *= 1.0 + t);
            self.weights[k] -= t;
        } else {
            self.weights.iter_mut().for_each(|w| *w *= 1.0 - t);
            match (0..self.weights.len()).find(|&k| self.atom(k) == s) {
                Some(k) => self.weights[k] += t,
                None => {
                    self.atoms.extend(s);
                    self.weights.push(t);
                }
            }
        }
        for k in (0..self.weights.len()).rev() {
            if !(self.weights[k] > 1e-15) {
                self.weights.remove(k);
                self.atoms.drain(k * n..(k + 1) * n);
            }
        }
    }
    /// x as the mean that it is, within the set.
    fn sum(&mut self, problem: &Problem<'_>, x: &mut [f64]) {
        let all: f64 = self.weights.iter().sum();
        self.weights.iter_mut().for_each(|w| *w /= all);
        x.fill(0.0);
        for k in 0..self.weights.len() {
            let w = self.weights[k];
            x.iter_mut().zip(self.atom(k)).for_each(|(x, a)| *x += w * a);
        }
        inside(problem, x);
    }
    /// The gap at x and the point that it is to, and what is to be said.
    fn judged(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut s = vec![0.0; x.len()];
        problem.penalty().atom(&self.gradient, &mut s);
        let left = gap(x, &s, &self.gradient);
        let before = x.to_vec();
        let step = self.gaps.judged(problem, x, (self.value, &self.gradient), left, self.bend)?;
        if *x != before[..] {
            inside(problem, x);
            self.alone(x);
            self.value = problem.gradient(x, &mut self.gradient)?;
            return Ok(Step { value: self.value, ..step });
        }
        Ok(step)
    }
}

/// What rounding took out of the set is taken back.
fn inside(problem: &Problem<'_>, x: &mut [f64]) {
    if !problem.penalty().value(x).is_finite() {
        problem.penalty().prox(x, Steps::Uniform(1e-100));
    }
}

impl Method for Conditional {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        inside(problem, x);
        self.gradient = vec![0.0; n];
        self.value = problem.gradient(x, &mut self.gradient)?;
        self.alone(x);
        let mut wrong = convergence::not_finite(self.value, &self.gradient);
        if wrong.is_some() && problem.table().is_some() {
            wrong = problem.not_finite()?.map(Status::NotFinite).or(wrong);
        }
        if let Some(status) = wrong {
            return Ok(Step {
                value: self.value,
                residual: f64::NAN,
                verdict: Some(status),
                ..Step::default()
            });
        }
        self.gaps = Gaps::new(self.value, problem.tolerance());
        // The first step is all the way, if that is not too far.
        let mut s = vec![0.0; n];
        problem.penalty().atom(&self.gradient, &mut s);
        let square: f64 = x.iter().zip(&s).map(|(x, s)| (x - s) * (x - s)).sum();
        let first = gap(x, &s, &self.gradient) / square;
        self.bend = if first.is_normal() { first } else { 1.0 };
        self.judged(problem, x)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        let mut s = vec![0.0; n];
        problem.penalty().atom(&self.gradient, &mut s);
        let towards = gap(x, &s, &self.gradient);
        let scores: Vec<f64> =
            (0..self.weights.len()).map(|k| dot(self.atom(k), &self.gradient)).collect();
        let worst = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        let back = -gap(x, self.atom(worst), &self.gradient);
        let from = (self.away && back > towards && self.weights.len() > 1).then_some(worst);
        let (way, steep, most): (Vec<f64>, f64, f64) = match from {
            Some(k) => {
                let w = self.weights[k];
                (x.iter().zip(self.atom(k)).map(|(x, a)| x - a).collect(), back, w / (1.0 - w))
            }
            None => (s.iter().zip(&*x).map(|(s, x)| s - x).collect(), towards, 1.0),
        };
        let square = dot(&way, &way);
        if !(steep > 0.0 && square > 0.0) {
            return self.judged(problem, x);
        }
        let noise = self.gaps.noise(self.value);
        // Where decreases drown in rounding nothing would say that it is too low.
        if steep * (steep / (self.bend * square)).min(most) > 1e2 * noise {
            self.bend *= LOWER;
        }
        let mut found = None;
        for _ in 0..CHANGES {
            let t = (steep / (self.bend * square)).min(most);
            let mut there: Vec<f64> = x.iter().zip(&way).map(|(x, d)| x + t * d).collect();
            inside(problem, &mut there);
            let value = problem.value(&there)?;
            if value <= self.value - t * steep + 0.5 * t * t * self.bend * square + noise {
                found = Some((t, there, value));
                break;
            }
            if t * steep <= 1e-3 * noise {
                break;
            }
            // What a parabola through what was seen bends by.
            let seen = 2.0 * (value - self.value + t * steep) / (t * t * square);
            self.bend = if seen.is_finite() {
                seen.clamp(HIGHER * self.bend, 10.0 * self.bend)
            } else {
                10.0 * self.bend
            };
        }
        let Some((t, there, value)) = found else { return self.judged(problem, x) };
        self.mix(from, &s, t);
        self.taken += 1;
        x.copy_from_slice(&there);
        self.value = value;
        if self.weights.len() > MOST {
            self.alone(x);
        }
        if self.taken.is_multiple_of(ANEW) {
            self.sum(problem, x);
            self.value = problem.value(x)?;
        }
        problem.gradient_there(x, &mut self.gradient)?;
        self.judged(problem, x)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
}
