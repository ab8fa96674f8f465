//! What the entries of every registry share: a name, words and parameters.
use crate::numbers::real::Real;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any number of its range.
    Number,
    /// A whole number.
    Whole,
    /// 1 or 0, true or false.
    Switch,
    /// One of these, by its place.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The name that Python knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Whole => "whole",
            Kind::Switch => "switch",
            Kind::Choice(_) => "choice",
        }
    }
    /// Of a setting as it was declared: a default without a decimal point is a whole number, from 0 to 1 a switch; with
    /// names it is one of them.
    pub const fn of(default: &str, low: f64, high: f64, names: &[&'static [&'static str]]) -> Self {
        if let [names] = names {
            return Kind::Choice(names);
        }
        let (bytes, mut i) = (default.as_bytes(), 0);
        while i < bytes.len() {
            if matches!(bytes[i], b'.' | b'e' | b'I') {
                return Kind::Number;
            }
            i += 1;
        }
        if low == 0.0 && high == 1.0 { Kind::Switch } else { Kind::Whole }
    }
}

/// One setting, as Python, the command line and the documentation see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value unless given.
    pub default: f64,
    /// The least value allowed.
    pub low: f64,
    /// The largest value allowed.
    pub high: f64,
    /// What it may be.
    pub kind: Kind,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

/// What has a name, parameters and a meaning. Written by [`settings!`](macro@crate::settings).
pub trait Described: Copy + Send + Sync + 'static {
    /// The same settings as numbers of another kind: traced, they are inputs of the formula.
    type Of<N: Real>: Copy;
    /// The name it is asked for by.
    const NAME: &'static str;
    /// The documentation page's text: what it is, formula, source.
    const DOC: &'static str;
    /// Its settings, in order.
    const PARAMETERS: &'static [Parameter];
    /// From values in the order of [`PARAMETERS`](Self::PARAMETERS), already checked.
    fn of(values: &[f64]) -> Self;
    /// The settings as numbers.
    fn values(&self) -> Vec<f64>;
    /// The settings as numbers of any kind, from values in order.
    fn with<N: Real>(values: &[N]) -> Self::Of<N>;
    /// These settings as literals of any kind; asked for at every block, so nothing is allocated.
    fn lit<N: Real>(&self) -> Self::Of<N>;
}

/// An entry of a registry and its settings, both by name: `("huber", {"width": 2.0})`.
pub type Spec = (String, Vec<(String, f64)>);

/// A row of a registry whose entries are asked for by name.
pub trait Entered {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Its settings.
    fn parameters(&self) -> &'static [Parameter];
}

/// Settings lent.
pub fn borrowed(settings: &[(String, f64)]) -> Vec<(&str, f64)> {
    settings.iter().map(|(k, v)| (k.as_str(), *v)).collect()
}

/// The entry of a registry and its checked settings, or what was wrong with them; `what` is the registry's own word.
pub fn look_up<'r, E: Entered>(
    what: &str,
    registry: &'r [E],
    (name, given): &Spec,
) -> Result<(&'r E, Vec<f64>), String> {
    let entry = registry.iter().find(|e| e.name() == name).ok_or_else(|| {
        let near = nearest(name, registry.iter().map(Entered::name));
        format!("no {what} is called '{name}'{near}")
    })?;
    let settings = checked(entry.name(), entry.parameters(), &borrowed(given))?;
    Ok((entry, settings))
}

/// Settings by name, filled up with the defaults and checked against their ranges.
pub fn checked(
    name: &str,
    parameters: &[Parameter],
    given: &[(&str, f64)],
) -> Result<Vec<f64>, String> {
    for (key, _) in given {
        if !parameters.iter().any(|p| p.name == *key) {
            let near = nearest(key, parameters.iter().map(|p| p.name));
            return Err(format!("{name} has no setting called '{key}'{near}"));
        }
    }
    parameters
        .iter()
        .map(|p| {
            let v = given.iter().rev().find(|(k, _)| *k == p.name).map_or(p.default, |g| g.1);
            let whole = v.fract() == 0.0 || p.kind == Kind::Number;
            if v >= p.low && v <= p.high && whole {
                return Ok(v);
            }
            if let Kind::Choice(names) = p.kind {
                return Err(format!("{} must be one of {}; got {v:?}", p.name, names.join(", ")));
            }
            if p.kind == Kind::Switch {
                return Err(format!("{} must be true or false (1 or 0); got {v:?}", p.name));
            }
            if v.is_finite() && !whole {
                return Err(format!("{} must be a whole number; got {v:?}", p.name));
            }
            // The largest finite number stands for no limit; infinity itself is no setting.
            let (low, high) = (p.low > f64::MIN, p.high < f64::MAX);
            Err(match (low, high) {
                _ if !v.is_finite() => format!("{} must be a finite number; got {v}", p.name),
                (true, true) => {
                    format!("{} must be between {} and {}; got {v:?}", p.name, p.low, p.high)
                }
                (true, false) => format!("{} must be at least {}; got {v:?}", p.name, p.low),
                (false, true) => format!("{} must be at most {}; got {v:?}", p.name, p.high),
                (false, false) => format!("{} must be a number; got {v:?}", p.name),
            })
        })
        .collect()
}

/// `; did you mean 'adam'?` where a name is near, the list of names otherwise.
pub fn nearest<'a>(to: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let best = names.iter().map(|n| (distance(to, n), *n)).min();
    match best {
        Some((d, n)) if d <= 1 + to.len() / 4 => format!("; did you mean '{n}'?"),
        Some(_) => format!("; available: {}", names.join(", ")),
        None => String::new(),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let here = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = here;
        }
    }
    row[b.len()]
}

/// Says of types with fields `name` and `parameters` that they are [`Entered`](crate::settings::Entered).
macro_rules! entered {
    ($($entry:ty),* $(,)?) => {$(
        impl $crate::settings::Entered for $entry {
            fn name(&self) -> &'static str {
                self.name
            }
            fn parameters(&self) -> &'static [$crate::settings::Parameter] {
                self.parameters
            }
        }
    )*};
}
pub(crate) use entered;

/// Declares a struct of settings together with their defaults, ranges and words:
/// `settings! { /// words  "name" Type { /// words  setting = default in low => high, … } }`.
/// A default is written with its decimal point, unless the setting is a whole number, or a switch (`1 in 0 => 1`), or the
/// place of a name (`0 in 0 => 2; NAMES`); the ends of the range are allowed values.
#[macro_export]
macro_rules! settings {
    ($(#[doc = $doc:literal])* $name:literal $type:ident {
        $($(#[doc = $pdoc:literal])* $p:ident = $default:literal in $low:expr => $high:expr $(; $names:expr)?),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $type<N = f64> {
            $($(#[doc = $pdoc])* pub $p: N,)*
            #[doc(hidden)]
            pub of: std::marker::PhantomData<N>,
        }
        impl Default for $type {
            fn default() -> Self { Self { $($p: $default as f64,)* of: std::marker::PhantomData } }
        }
        impl $crate::settings::Described for $type {
            type Of<N: $crate::numbers::real::Real> = $type<N>;
            const NAME: &'static str = $name;
            const DOC: &'static str = concat!($($doc, "\n"),*);
            const PARAMETERS: &'static [$crate::settings::Parameter] = &[$($crate::settings::Parameter {
                name: stringify!($p), default: $default as f64, low: $low as f64, high: $high as f64,
                kind: $crate::settings::Kind::of(stringify!($default), $low as f64, $high as f64, &[$($names)?]), doc: concat!($($pdoc),*).trim_ascii() }),*];
            fn of(values: &[f64]) -> Self {
                let [$($p),*] = *values else { unreachable!("every parameter is passed") };
                Self { $($p,)* of: std::marker::PhantomData }
            }
            fn values(&self) -> Vec<f64> { vec![$(self.$p),*] }
            #[inline(always)]
            fn lit<N: $crate::numbers::real::Real>(&self) -> $type<N> {
                $type { $($p: N::lit(self.$p),)* of: std::marker::PhantomData }
            }
            fn with<N: $crate::numbers::real::Real>(values: &[N]) -> $type<N> {
                let [$($p),*] = *values else { unreachable!("every parameter is passed") };
                $type { $($p,)* of: std::marker::PhantomData }
            }
        }
    };
}
