//! What a run remembers, saved and loaded: one walk over every field does both, so that neither can forget what the other knows.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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

impl State for f64 {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.slice(std::slice::from_mut(self))
    }
    fn visit_all(all: &mut Vec<f64>, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.numbers(all)
    }
}

/// Whole numbers: each as a u64.
macro_rules! whole {
    ($($type:ty: $to:expr, $from:expr;)*) => { $(
        impl State for $type {
            fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
                let mut one = vec![*self];
                Self::visit_all(&mut one, v)?;
                let [found] = one[..] else { return Err(v.other()) };
                *self = found;
                Ok(())
            }
            fn visit_all(all: &mut Vec<$type>, v: &mut Visitor<'_>) -> Result<(), Bad> {
                let (to, from): (fn($type) -> u64, fn(u64) -> Option<$type>) = ($to, $from);
                let mut counts = all.iter().map(|one| to(*one)).collect();
                v.counts(&mut counts)?;
                if v.loads() {
                    let found: Option<Vec<$type>> = counts.into_iter().map(from).collect();
                    *all = found.ok_or_else(|| v.other())?;
                }
                Ok(())
            }
        }
    )* };
}
whole! {
    u64: |c| c, Some;
    u32: u64::from, |c| i32::try_from(c).ok()?.try_into().ok();
    usize: |c| c as u64, |c| c.try_into().ok();
    bool: u64::from, |c| (c < 2).then_some(c == 1);
}

impl State for String {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.text(self)
    }
}

/// Words of the program's own. Those that a file brings are kept for good, each once.
impl State for &'static str {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut text = self.to_string();
        v.text(&mut text)?;
        if v.loads() && *self != text {
            let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
            *self = words.get(&text[..]).copied().unwrap_or_else(|| text.leak());
            words.insert(*self);
        }
        Ok(())
    }
}

impl State for [f64] {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.slice(self)
    }
}

impl<T: State + Default> State for Vec<T> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        T::visit_all(self, v)
    }
}

impl<T: State + Default> State for VecDeque<T> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut all = Vec::from(std::mem::take(self));
        let done = all.visit(v);
        *self = all.into();
        done
    }
}

impl<T: State + Default> State for Option<T> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut some = self.is_some();
        v.field("some", &mut some)?;
        if v.loads() {
            *self = some.then(T::default);
        }
        self.as_mut().map_or(Ok(()), |one| v.field("one", one))
    }
}

impl<T: State + Default, const N: usize> State for [T; N] {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        self.iter_mut().enumerate().try_for_each(|(i, one)| v.field(&i.to_string(), one))
    }
    fn visit_all(all: &mut Vec<Self>, v: &mut Visitor<'_>) -> Result<(), Bad>
    where
        Self: Default,
    {
        let mut rows = all.len();
        for i in 0..N {
            let mut column: Vec<T> =
                all.iter_mut().map(|one| std::mem::take(&mut one[i])).collect();
            v.field(&i.to_string(), &mut column)?;
            if v.loads() && i == 0 {
                rows = column.len();
                all.resize_with(rows, Self::default);
            }
            v.check(&i.to_string(), column.len() == rows, "has another length")?;
            all.iter_mut().zip(column).for_each(|(one, c)| one[i] = c);
        }
        Ok(())
    }
}

impl State for Range<usize> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("from", &mut self.start)?;
        v.field("to", &mut self.end)
    }
    fn visit_all(all: &mut Vec<Self>, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut ends: Vec<[usize; 2]> = all.iter().map(|r| [r.start, r.end]).collect();
        ends.visit(v)?;
        *all = ends.into_iter().map(|[from, to]| from..to).collect();
        Ok(())
    }
}

impl<A: State, B: State> State for (A, B) {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("0", &mut self.0)?;
        v.field("1", &mut self.1)
    }
}

/// Writes [`State`](crate::state::State) for a struct: its fields, each with how long it must be where that is not free
/// (`vector`: as x is; `maybe`: as x is, or empty; `square`: as a matrix over x; `some`: not empty; `begun`: no `None`) or
/// what it must be to steer a loop (`within(1.0, 10.0)`; `point`: as x is, and finite; `value`, `unit`, `plain`: as [`Reference`](crate::state::Reference)), then those that need not be saved, since they follow from the settings or are mere room. A field that is in neither list does not compile. Of a
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
    (@one $v:ident, $field:ident, plain) => {
        $v.as_known(stringify!($field), $field, |p, known| *p == known.plain)?
    };
    (@one $v:ident, $field:ident, some) => {{
        $v.field(stringify!($field), $field)?;
        $v.check(stringify!($field), !$field.is_empty(), "is empty")?
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Inner {
        at: usize,
        words: &'static str,
    }
    state!(Inner { at, words });

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Row {
        at: u64,
        value: f64,
        low: bool,
    }
    state!(columns Row { at, value, low });

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Outer {
        x: Vec<f64>,
        rows: Vec<Vec<f64>>,
        seen: Vec<bool>,
        best: Option<(f64, Vec<f64>)>,
        many: Vec<Inner>,
        table: Vec<Row>,
        pairs: Vec<[f64; 2]>,
        last: [u32; 2],
        queue: VecDeque<f64>,
        room: Vec<f64>,
    }
    state!(Outer { x: vector, rows: vector, seen, best, many, table, pairs, last, queue } but room);

    fn outer() -> Outer {
        Outer {
            x: vec![-0.0, f64::NAN, f64::MIN_POSITIVE / 4.0],
            rows: vec![vec![1.0, 2.0, 3.0]; 2],
            seen: vec![true, false],
            best: Some((f64::NEG_INFINITY, vec![])),
            many: vec![Inner { at: 3, words: "three" }, Inner { at: 4, words: "" }],
            table: vec![Row { at: 1, value: 2.0, low: true }; 3],
            pairs: vec![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
            last: [7, 1 << 30],
            queue: [1.0, 2.0].into(),
            room: vec![9.0],
        }
    }
    fn saved() -> Saved {
        let mut saved = Saved::new();
        outer().visit(&mut Visitor::saving(&mut saved, 3)).unwrap();
        saved
    }
    fn loaded(mut saved: Saved) -> Result<Outer, Bad> {
        let mut to = Outer::default();
        to.visit(&mut Visitor::loading(&mut saved, 3))?;
        assert!(saved.is_empty());
        Ok(to)
    }

    #[test]
    fn what_is_saved_is_loaded_to_the_bit() {
        let bits = |o: &Outer| o.x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let found = loaded(saved()).unwrap();
        assert_eq!(bits(&found), bits(&outer()));
        let rest = |o: Outer| Outer { x: Vec::new(), room: Vec::new(), ..o };
        assert_eq!(rest(found), rest(outer()));
    }

    #[test]
    fn each_array_that_lacks_or_is_another_is_named() {
        for name in saved().into_keys() {
            let mut less = saved();
            less.remove(&name);
            assert_eq!(loaded(less).unwrap_err(), Bad(format!("'{name}' is not there")));
            let mut other = saved();
            let kind = match other[&name] {
                Data::Text(_) => Data::Numbers(vec![0.0]),
                _ => Data::Text("words".into()),
            };
            other.insert(name.clone(), kind);
            assert_eq!(loaded(other).unwrap_err(), Bad(format!("'{name}' is of another kind")));
        }
        for (name, data) in [
            ("x", Data::Numbers(vec![0.0; 2])),
            ("rows.1", Data::Numbers(vec![0.0; 4])),
            ("many.len", Data::Counts(vec![u64::MAX])),
            ("pairs.1", Data::Numbers(vec![1.0; 4])),
            ("table.value", Data::Numbers(vec![1.0; 2])),
            ("last.0", Data::Counts(vec![u64::MAX])),
            ("last.1", Data::Counts(vec![])),
            ("seen", Data::Counts(vec![2])),
            ("best.one.0", Data::Numbers(vec![])),
        ] {
            let mut other = saved();
            other.insert(name.into(), data);
            let why = loaded(other).unwrap_err().0;
            assert!(why.starts_with(&format!("'{}", name.trim_end_matches(".1"))), "{why}");
        }
    }
}
