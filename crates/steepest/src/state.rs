//! What a run remembers, saved and loaded: one walk over every field does both, so that neither can forget what the other knows.
use std::collections::BTreeMap;
use std::fmt;

mod plain;
#[cfg(test)]
mod tests;

/// An array of a saved run.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Numbers, to the bit.
    Numbers(Vec<f64>),
    /// Whole numbers, switches and the like.
    Counts(Vec<u64>),
    /// A text.
    Text(String),
}

/// A saved run: its arrays by name.
pub type Saved = BTreeMap<String, Data>;

/// Why a run cannot be saved, or not go on from what was loaded: a sentence that names what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad(pub String);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Bad {}

/// No run counts further: what is loaded can be counted on from.
const MOST: u64 = 1 << 53;

/// What a run that goes on knows beside its file, which must say the same.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The tolerance that was asked for.
    pub tolerance: f64,
    /// The unit of F, and whether it and those of the variables are 1.
    pub unit: f64,
    /// See `unit`.
    pub plain: bool,
    /// F where it stands, and at its highest; NaN where that is not known.
    pub value: f64,
    /// See `value`.
    pub highest: f64,
}

impl Reference {
    /// Whether a value in the unit of F is this one, to rounding.
    pub fn is(&self, value: f64, known: f64) -> bool {
        let there = value * self.unit;
        known.is_nan() || there == known || (there - known).abs() <= 1e-6 * known.abs()
    }

    /// Whether a value in the unit of F may have been seen: it is no higher than the highest.
    pub fn saw(&self, value: f64) -> bool {
        value <= self.highest / self.unit || self.is(value, self.highest)
    }
}

/// Walks over a run's fields, by name.
pub struct Visitor<'a> {
    saved: &'a mut Saved,
    loading: bool,
    name: String,
    dim: usize,
    /// What is loaded is held to this, where it is known.
    pub known: Option<Reference>,
}

impl<'a> Visitor<'a> {
    /// One that saves a run of so many variables.
    pub fn saving(saved: &'a mut Saved, dim: usize) -> Self {
        Visitor { saved, loading: false, name: String::new(), dim, known: None }
    }
    /// One that loads it: what is loaded is taken out.
    pub fn loading(saved: &'a mut Saved, dim: usize) -> Self {
        Visitor { loading: true, ..Visitor::saving(saved, dim) }
    }
    /// Whether it loads.
    pub fn loads(&self) -> bool {
        self.loading
    }
    /// How many variables the run has.
    pub fn dim(&self) -> usize {
        self.dim
    }
    /// A field by its name.
    pub fn field<T: State + ?Sized>(&mut self, name: &str, field: &mut T) -> Result<(), Bad> {
        let before = self.name.len();
        if before > 0 {
            self.name.push('.');
        }
        self.name.push_str(name);
        let done = field.visit(self);
        self.name.truncate(before);
        done
    }
    /// A field that is as long as x: see [`Long`].
    pub fn vector<T: State + Long>(&mut self, name: &str, field: &mut T) -> Result<(), Bad> {
        self.long(name, field, &[self.dim])
    }
    /// A field of one of these lengths.
    pub fn long<T: State + Long>(
        &mut self,
        name: &str,
        field: &mut T,
        lengths: &[usize],
    ) -> Result<(), Bad> {
        self.field(name, field)?;
        self.check(name, lengths.iter().any(|n| field.is_long(*n)), "has another length")
    }
    /// A field of which something is known.
    pub fn as_known<T: State + ?Sized>(
        &mut self,
        name: &str,
        field: &mut T,
        same: impl Fn(&T, &Reference) -> bool,
    ) -> Result<(), Bad> {
        self.field(name, field)?;
        let holds = self.known.as_ref().is_none_or(|known| same(field, known));
        self.check(name, holds, "is that of another run")
    }
    /// What must hold of a loaded field.
    pub fn check(&self, name: &str, holds: bool, words: &str) -> Result<(), Bad> {
        if holds || !self.loading {
            return Ok(());
        }
        let dot = if self.name.is_empty() { "" } else { "." };
        Err(Bad(format!("'{}{dot}{name}' {words}", self.name)))
    }
    fn take(&mut self) -> Result<Data, Bad> {
        self.saved.remove(&self.name).ok_or_else(|| Bad(format!("'{}' is not there", self.name)))
    }
    fn other(&self) -> Bad {
        Bad(format!("'{}' is of another kind", self.name))
    }
    fn put(&mut self, data: Data) {
        self.saved.insert(self.name.clone(), data);
    }
    /// Numbers under the name reached.
    pub fn numbers(&mut self, numbers: &mut Vec<f64>) -> Result<(), Bad> {
        if !self.loading {
            self.put(Data::Numbers(numbers.clone()));
            return Ok(());
        }
        let Data::Numbers(found) = self.take()? else { return Err(self.other()) };
        *numbers = found;
        Ok(())
    }
    /// Numbers into room that is there already, and stays as long as it is.
    pub fn slice(&mut self, to: &mut [f64]) -> Result<(), Bad> {
        let mut numbers = if self.loading { Vec::new() } else { to.to_vec() };
        self.numbers(&mut numbers)?;
        if self.loading && numbers.len() != to.len() {
            return Err(Bad(format!("'{}' has another length", self.name)));
        }
        to.copy_from_slice(&numbers);
        Ok(())
    }
    /// Whole numbers under the name reached.
    pub fn counts(&mut self, counts: &mut Vec<u64>) -> Result<(), Bad> {
        if !self.loading {
            self.put(Data::Counts(counts.clone()));
            return Ok(());
        }
        let Data::Counts(found) = self.take()? else { return Err(self.other()) };
        if found.iter().any(|c| *c > MOST) {
            return Err(Bad(format!("'{}' is no count", self.name)));
        }
        *counts = found;
        Ok(())
    }
    /// One of these, by its place among them.
    pub fn one_of<T: Copy + PartialEq>(&mut self, one: &mut T, of: &[T]) -> Result<(), Bad> {
        let mut place = of.iter().position(|t| t == one).unwrap_or_default();
        place.visit(self)?;
        *one = *of.get(place).ok_or_else(|| self.other())?;
        Ok(())
    }
    /// A text under the name reached.
    pub fn text(&mut self, text: &mut String) -> Result<(), Bad> {
        if !self.loading {
            self.put(Data::Text(text.clone()));
            return Ok(());
        }
        let Data::Text(found) = self.take()? else { return Err(self.other()) };
        *text = found;
        Ok(())
    }
}

/// What can be saved and loaded. Structs have it by [`state!`](macro@crate::state).
pub trait State {
    /// Saves or loads all that later steps depend on.
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad>;
    /// Many of them in a row.
    fn visit_all(all: &mut Vec<Self>, v: &mut Visitor<'_>) -> Result<(), Bad>
    where
        Self: Sized + Default,
    {
        let mut count = all.len() as u64;
        v.field("len", &mut count)?;
        if v.loads() {
            // As many as there are names for, so that a number alone takes no memory.
            let most = v.saved.len() as u64;
            v.check("len", count <= most, "is more than there are")?;
            all.clear();
            all.resize_with(count as usize, Self::default);
        }
        all.iter_mut().enumerate().try_for_each(|(i, one)| v.field(&i.to_string(), one))
    }
}

/// How long a loaded field is.
pub trait Long {
    /// Whether it is that long, or each of its parts.
    fn is_long(&self, n: usize) -> bool;
}
impl Long for Vec<f64> {
    fn is_long(&self, n: usize) -> bool {
        self.len() == n
    }
}
impl Long for Vec<bool> {
    fn is_long(&self, n: usize) -> bool {
        self.len() == n
    }
}
impl Long for Vec<Vec<f64>> {
    fn is_long(&self, n: usize) -> bool {
        self.iter().all(|v| v.len() == n)
    }
}
impl<T: Long> Long for Option<T> {
    fn is_long(&self, n: usize) -> bool {
        self.as_ref().is_none_or(|v| v.is_long(n))
    }
}

/// Writes [`State`](crate::state::State) for a struct: its fields, each with how long it must be where that is not free
/// (`vector`: as x is; `maybe`: as x is, or empty; `square`: as a matrix over x; `some`: not empty; `begun`: no `None`) or
/// what it must be to steer a loop (`within(1.0, 10.0)`; `point`: as x is, and finite; `value`, `seen`, `unit`, `plain`: as [`Reference`](crate::state::Reference)), then those that need not be saved, since they follow from the settings or are mere room. A field that is in neither list does not compile. Of a
/// struct of plain numbers that there are many of, `columns` saves a column a field.
#[macro_export]
macro_rules! state {
    (columns $type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::state::State for $type {
            $crate::state!(@visit $($field)*;);
            fn visit_all(all: &mut Vec<Self>, v: &mut $crate::state::Visitor<'_>) -> Result<(), $crate::state::Bad> {
                let mut rows = (!v.loads()).then_some(all.len());
                $(
                    let mut column: Vec<_> = all.iter().map(|one| one.$field).collect();
                    v.field(stringify!($field), &mut column)?;
                    let same = *rows.get_or_insert(column.len()) == column.len();
                    v.check(stringify!($field), same, "has another length")?;
                    all.resize_with(column.len(), Default::default);
                    all.iter_mut().zip(column).for_each(|(one, c)| one.$field = c);
                )*
                let _ = rows;
                Ok(())
            }
        }
    };
    ($type:ty { $($field:ident $(: $kind:ident $(($low:expr, $high:expr))?)?),* $(,)? } $(but $($left:ident),* $(,)?)?) => {
        impl $crate::state::State for $type {
            $crate::state!(@visit $($field $(: $kind $(($low, $high))?)?)*; $($($left)*)?);
        }
    };
    (@visit $($field:ident $(: $kind:ident $(($low:expr, $high:expr))?)?)*; $($left:ident)*) => {
        fn visit(&mut self, v: &mut $crate::state::Visitor<'_>) -> Result<(), $crate::state::Bad> {
            let Self { $($field,)* $($left: _,)* } = self;
            $($crate::state!(@one v, $field $(, $kind $(, $low, $high)?)?);)*
            let _ = v;
            Ok(())
        }
    };
    (@one $v:ident, $field:ident) => { $v.field(stringify!($field), $field)? };
    (@one $v:ident, $field:ident, vector) => { $v.vector(stringify!($field), $field)? };
    (@one $v:ident, $field:ident, maybe) => { $v.long(stringify!($field), $field, &[0, $v.dim()])? };
    (@one $v:ident, $field:ident, square) => { $v.long(stringify!($field), $field, &[$v.dim() * $v.dim()])? };
    (@one $v:ident, $field:ident, begun) => {{
        $v.field(stringify!($field), $field)?;
        $v.check(stringify!($field), $field.is_some(), "has not begun")?
    }};
    (@one $v:ident, $field:ident, within, $low:expr, $high:expr) => {{
        $v.field(stringify!($field), $field)?;
        $v.check(stringify!($field), ($low..=$high).contains($field), "is out of its range")?
    }};
    (@one $v:ident, $field:ident, point) => {{
        $v.vector(stringify!($field), $field)?;
        $v.check(stringify!($field), $field.iter().all(|x| x.is_finite()), "is not finite")?
    }};
    (@one $v:ident, $field:ident, unit) => {
        $v.as_known(stringify!($field), $field, |u, known| *u == known.unit)?
    };
    (@one $v:ident, $field:ident, value) => {
        $v.as_known(stringify!($field), $field, |f, known| known.is(*f, known.value))?
    };
    (@one $v:ident, $field:ident, seen) => {
        $v.as_known(stringify!($field), $field, |f, known| known.saw(*f))?
    };
    (@one $v:ident, $field:ident, plain) => {
        $v.as_known(stringify!($field), $field, |p, known| *p == known.plain)?
    };
    (@one $v:ident, $field:ident, some) => {{
        $v.field(stringify!($field), $field)?;
        $v.check(stringify!($field), !$field.is_empty(), "is empty")?
    }};
}
