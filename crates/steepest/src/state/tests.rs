//! What is saved is loaded, and what is not so is refused.
use super::*;
use crate::state;
use std::collections::VecDeque;

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
