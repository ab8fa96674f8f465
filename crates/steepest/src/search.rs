//! What a line search is: how far to go along a direction, from values and slopes alone.
use crate::settings::{Described, Parameter};
use crate::state::State;

/// A line before the first trial: φ(a) = F(x + a d).
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// φ(0).
    pub value: f64,
    /// φ′(0), below 0.
    pub slope: f64,
    /// The length to try first.
    pub length: f64,
    /// Beyond this length nothing changes any more (bounds); infinite where the line goes on.
    pub last: f64,
    /// Whether nothing is known yet of the right length.
    pub first: bool,
}

/// A point of the line that was tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// How far out.
    pub a: f64,
    /// φ(a); may be no number.
    pub value: f64,
    /// What φ′(0) promises for the way gone: a φ′(0), less where bounds bend the line.
    pub expected: f64,
    /// φ′(a), where it was asked for; NaN where there is none.
    pub slope: Option<f64>,
}

impl Trial {
    /// Whether there is neither an infinity nor a NaN in it.
    pub fn finite(&self) -> bool {
        self.value.is_finite() && self.slope.is_none_or(f64::is_finite)
    }
}

/// What a search wants next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// The slope at the point just tried: it is then shown again.
    Slope,
    /// A trial at this length.
    Try(f64),
    /// The point just tried.
    Take,
    /// No further trial: there is none that would do.
    Stop,
}

/// How far to go along a direction. It sees lengths, values and slopes and nothing else; slopes are asked for only where
/// they are needed, since a gradient may cost as much as the value again.
pub trait Search: Send {
    /// A line begins; the first length to try.
    fn begin(&mut self, line: Line) -> f64;
    /// What a trial was good for.
    fn next(&mut self, trial: Trial) -> Next;
    /// What it remembers from one line to the next, where it does.
    fn state(&mut self) -> Option<&mut dyn State> {
        None
    }
    /// Whether it takes lower points only.
    fn monotone(&self) -> bool {
        true
    }
}

/// A row of the registry.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// The search, from checked settings.
    pub build: fn(&[f64]) -> Box<dyn Search>,
}

/// Settings of which a search is made.
pub trait Searching: Described {
    /// The search at work.
    fn search(self) -> Box<dyn Search>;
}

impl Entry {
    /// Of a search's settings.
    pub const fn of<S: Searching>() -> Self {
        Entry {
            name: S::NAME,
            doc: S::DOC,
            parameters: S::PARAMETERS,
            build: |settings| S::of(settings).search(),
        }
    }
    /// The search with its defaults, but for this setting, where it has it and a value is given.
    pub fn with(&self, name: &str, value: Option<f64>) -> Box<dyn Search> {
        let one = |p: &Parameter| value.filter(|_| p.name == name).unwrap_or(p.default);
        (self.build)(&self.parameters.iter().map(one).collect::<Vec<f64>>())
    }
}

/// No search takes more trials along a line.
pub const TRIALS: usize = 40;

/// φ, as it is asked for along a line.
pub trait Phi {
    /// What ends the search at once.
    type End;
    /// φ(a), and what φ′(0) promises for the way gone; none where a is too short to lead anywhere.
    fn value(&mut self, a: f64) -> Result<Option<[f64; 2]>, Self::End>;
    /// φ′ at the length whose value was asked for last.
    fn slope(&mut self, a: f64) -> Result<f64, Self::End>;
    /// Whether the point that the search takes will do; where it will not, shorter lengths are tried.
    fn fits(&mut self, a: f64, value: f64) -> Result<bool, Self::End> {
        let _ = (a, value);
        Ok(true)
    }
}

/// The length that a search takes, and φ there; none where it finds none in so many trials.
///
/// ```
/// use steepest::search::{Line, Phi, Searching, TRIALS, along};
/// use steepest::searches::strong_wolfe::StrongWolfe;
///
/// struct Bowl;
/// impl Phi for Bowl {
///     type End = std::convert::Infallible;
///     fn value(&mut self, a: f64) -> Result<Option<[f64; 2]>, Self::End> {
///         Ok(Some([(a - 3.0) * (a - 3.0), -6.0 * a]))
///     }
///     fn slope(&mut self, a: f64) -> Result<f64, Self::End> {
///         Ok(2.0 * (a - 3.0))
///     }
/// }
/// let line = Line { value: 9.0, slope: -6.0, length: 1.0, last: f64::INFINITY, first: true };
/// let tight = StrongWolfe { curvature: 1e-3, ..StrongWolfe::default() };
/// let (a, _) = along(&mut *tight.search(), line, TRIALS, &mut Bowl)?.unwrap();
/// assert!((a - 3.0).abs() < 1e-2);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
pub fn along<P: Phi>(
    search: &mut dyn Search,
    line: Line,
    trials: usize,
    phi: &mut P,
) -> Result<Option<(f64, f64)>, P::End> {
    let mut a = search.begin(line);
    for _ in 0..trials {
        let Some([value, expected]) = phi.value(a)? else { break };
        let mut trial = Trial { a, value, expected, slope: None };
        let mut next = search.next(trial);
        if next == Next::Slope {
            trial.slope = Some(phi.slope(a)?);
            next = search.next(trial);
        }
        if next == Next::Take {
            if phi.fits(a, value)? {
                return Ok(Some((a, value)));
            }
            // As where φ has no value.
            next = search.next(Trial { value: f64::NAN, ..trial });
        }
        match next {
            Next::Try(further) => a = further,
            Next::Take | Next::Stop | Next::Slope => break,
        }
    }
    Ok(None)
}

/// One end of what a search has narrowed down: the slope where it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// How far out.
    pub a: f64,
    /// φ(a).
    pub value: f64,
    /// φ′(a).
    pub slope: Option<f64>,
}

/// How far from `low` the parabola through its value and slope and the other value has its least; half way where it has none.
pub fn parabola(low: End, high: End) -> f64 {
    let w = high.a - low.a;
    let slope = low.slope.unwrap_or(0.0);
    let bend = high.value - low.value - slope * w;
    let least = -0.5 * slope * w * w / bend;
    if least.is_finite() { least } else { 0.5 * w }
}

/// Where the cubic through the values and slopes of both ends has its least (Nocedal and Wright 2006, equation 3.59); NaN
/// where it has none.
pub fn cubic(low: End, high: End) -> f64 {
    let (Some(s0), Some(s1)) = (low.slope, high.slope) else { return f64::NAN };
    let w = high.a - low.a;
    let d1 = s0 + s1 - 3.0 * (high.value - low.value) / w;
    let d2 = (d1 * d1 - s0 * s1).sqrt().copysign(w);
    high.a - w * (s1 + d2 - d1) / (s1 - s0 + 2.0 * d2)
}
