//! How numbers, texts and lists of what can be saved are saved.
use super::{Bad, State, Visitor};
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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
