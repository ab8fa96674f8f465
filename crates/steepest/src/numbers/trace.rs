//! The number that records what is done to it.
//!
//! A formula run over [`Symbol`]s leaves a [`Program`]: a list of named operations that torch, JAX
//! or NumPy can evaluate, that the documentation prints, and that tests hold against the compiled
//! formula.
use crate::numbers::real::Real;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// One recorded operation; arguments are places in the program.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A named input.
    Input(&'static str),
    /// A constant.
    Lit(f64),
    /// A named operation of up to three arguments.
    Call(&'static str, Vec<u32>),
}

/// A place in the thread's current [`record`]ing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Symbol(u32);

/// What a formula did: operations in order, and where its outputs are.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Every operation; what is alike is recorded once.
    pub ops: Vec<Op>,
    /// The places of the outputs.
    pub outputs: Vec<u32>,
}

thread_local!(static TAPE: RefCell<Vec<Op>> = const { RefCell::new(Vec::new()) });

fn push(op: Op) -> Symbol {
    TAPE.with_borrow_mut(|t| {
        let at = t.iter().position(|o| *o == op).unwrap_or_else(|| {
            t.push(op);
            t.len() - 1
        });
        Symbol(at as u32)
    })
}

fn op(of: Symbol) -> Op {
    TAPE.with_borrow(|t| t[of.0 as usize].clone())
}

fn literal(of: Symbol) -> Option<f64> {
    match op(of) {
        Op::Lit(v) => Some(v),
        _ => None,
    }
}

impl Symbol {
    /// A named input of the formula.
    pub fn input(name: &'static str) -> Self {
        push(Op::Input(name))
    }
    /// A named operation that `Real` does not have (`matmul`, `transpose`, `norm` …).
    pub fn call(name: &'static str, arguments: &[Symbol]) -> Self {
        push(Op::Call(name, arguments.iter().map(|a| a.0).collect()))
    }
}

/// Runs a formula over symbols and returns what it did.
pub fn record(formula: impl FnOnce() -> Vec<Symbol>) -> Program {
    let outer = TAPE.take();
    let outputs: Vec<u32> = formula().into_iter().map(|s| s.0).collect();
    let ops = TAPE.replace(outer);
    Program { ops, outputs }.pruned()
}

impl Program {
    /// Without what no output needs (folding leaves such things behind).
    fn pruned(self) -> Self {
        let mut needed = vec![false; self.ops.len()];
        for &o in &self.outputs {
            needed[o as usize] = true;
        }
        for at in (0..self.ops.len()).rev() {
            if let (true, Op::Call(_, arguments)) = (needed[at], &self.ops[at]) {
                arguments.iter().for_each(|&a| needed[a as usize] = true);
            }
        }
        let mut to = vec![0; self.ops.len()];
        let mut ops = Vec::new();
        for (at, op) in self.ops.into_iter().enumerate().filter(|(at, _)| needed[*at]) {
            to[at] = ops.len() as u32;
            ops.push(match op {
                Op::Call(name, arguments) => {
                    Op::Call(name, arguments.into_iter().map(|a| to[a as usize]).collect())
                }
                other => other,
            });
        }
        Program { ops, outputs: self.outputs.into_iter().map(|o| to[o as usize]).collect() }
    }

    /// The outputs for inputs given by name, computed operation by operation over any numbers; none where
    /// an input is missing or an operation is not one of `Real`'s.
    pub fn evaluate<N: Real>(&self, input: impl Fn(&str) -> Option<N>) -> Option<Vec<N>> {
        let mut at: Vec<N> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let value = match op {
                Op::Input(name) => input(name)?,
                Op::Lit(v) => N::lit(*v),
                Op::Call(name, a) => {
                    let a: Vec<N> = a.iter().map(|&i| at[i as usize]).collect();
                    apply(name, &a)?
                }
            };
            at.push(value);
        }
        Some(self.outputs.iter().map(|&o| at[o as usize]).collect())
    }

    /// Output `k` as text, with only the brackets that precedence asks for.
    pub fn text(&self, k: usize) -> String {
        self.at(self.outputs[k]).0
    }

    /// The text at a place and how tightly it binds: 1 sum, 2 product, 3 sign, 4 anything closed.
    fn at(&self, place: u32) -> (String, u8) {
        let wrapped = |a: u32, least: u8| {
            let (t, p) = self.at(a);
            if p < least { format!("({t})") } else { t }
        };
        match &self.ops[place as usize] {
            Op::Input(name) => (name.to_string(), 4),
            Op::Lit(v) => (literal_text(*v), if *v < 0.0 { 3 } else { 4 }),
            Op::Call(name, a) => match (*name, a.as_slice()) {
                ("add", &[l, r]) => (format!("{} + {}", wrapped(l, 1), wrapped(r, 1)), 1),
                ("sub", &[l, r]) => (format!("{} - {}", wrapped(l, 1), wrapped(r, 2)), 1),
                ("mul", &[l, r]) => (format!("{}·{}", wrapped(l, 2), wrapped(r, 2)), 2),
                ("div", &[l, r]) => (format!("{} / {}", wrapped(l, 2), wrapped(r, 3)), 2),
                ("neg", &[l]) => (format!("-{}", wrapped(l, 3)), 3),
                ("square", &[l]) => (format!("{}²", wrapped(l, 4)), 4),
                ("abs", &[l]) => (format!("|{}|", self.at(l).0), 4),
                (name, arguments) => {
                    let mut text = format!("{name}(");
                    for (i, &a) in arguments.iter().enumerate() {
                        let _ = write!(text, "{}{}", if i > 0 { ", " } else { "" }, self.at(a).0);
                    }
                    (text + ")", 4)
                }
            },
        }
    }
}

/// 0.5, 1e-18: with an exponent where the digits would be mostly zeros.
fn literal_text(v: f64) -> String {
    let plain = v == 0.0 || (1e-4..1e7).contains(&v.abs());
    if plain { v.to_string() } else { format!("{v:e}") }
}

/// One of `Real`'s operations, by its name.
fn apply<N: Real>(name: &str, a: &[N]) -> Option<N> {
    Some(match (name, a) {
        ("add", &[l, r]) => l + r,
        ("sub", &[l, r]) => l - r,
        ("mul", &[l, r]) => l * r,
        ("div", &[l, r]) => l / r,
        ("neg", &[x]) => -x,
        ("sqrt", &[x]) => x.sqrt(),
        ("exp", &[x]) => x.exp(),
        ("ln", &[x]) => x.ln(),
        ("ln_1p", &[x]) => x.ln_1p(),
        ("tanh", &[x]) => x.tanh(),
        ("abs", &[x]) => x.abs(),
        ("floor", &[x]) => x.floor(),
        ("cos", &[x]) => x.cos(),
        ("square", &[x]) => x.square(),
        ("sign", &[x]) => x.sign(),
        ("softplus", &[x]) => x.softplus(),
        ("sigmoid", &[x]) => x.sigmoid(),
        ("pow", &[x, e]) => x.pow(e),
        ("max", &[x, o]) => x.max(o),
        ("min", &[x, o]) => x.min(o),
        ("clamp", &[x, low, high]) => x.clamp(low, high),
        ("positive", &[x, yes, no]) => x.positive(yes, no),
        _ => return None,
    })
}

// 0 and 1 fold away, constants are computed: what is printed is what one would write.
impl Add for Symbol {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        match (literal(self), literal(o)) {
            (Some(a), Some(b)) => Symbol::lit(a + b),
            (Some(0.0), _) => o,
            (_, Some(0.0)) => self,
            _ => Symbol::call("add", &[self, o]),
        }
    }
}
impl Sub for Symbol {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        match (literal(self), literal(o)) {
            (Some(a), Some(b)) => Symbol::lit(a - b),
            (Some(0.0), _) => -o,
            (_, Some(0.0)) => self,
            _ => Symbol::call("sub", &[self, o]),
        }
    }
}
impl Mul for Symbol {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        match (literal(self), literal(o)) {
            (Some(a), Some(b)) => Symbol::lit(a * b),
            (Some(1.0), _) => o,
            (_, Some(1.0)) => self,
            _ => Symbol::call("mul", &[self, o]),
        }
    }
}
impl Div for Symbol {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        match (literal(self), literal(o)) {
            (Some(a), Some(b)) => Symbol::lit(a / b),
            (_, Some(1.0)) => self,
            _ => Symbol::call("div", &[self, o]),
        }
    }
}
impl Neg for Symbol {
    type Output = Self;
    fn neg(self) -> Self {
        match op(self) {
            Op::Lit(v) => Symbol::lit(-v),
            Op::Call("neg", a) => Symbol(a[0]),
            _ => Symbol::call("neg", &[self]),
        }
    }
}

macro_rules! calls {
    ($($f:ident($($a:ident),*)),* $(,)?) => {
        $(fn $f(self $(, $a: Self)*) -> Self { Symbol::call(stringify!($f), &[self $(, $a)*]) })*
    };
}
impl Real for Symbol {
    fn lit(v: f64) -> Self {
        push(Op::Lit(v))
    }
    calls!(
        sqrt(),
        exp(),
        ln(),
        ln_1p(),
        tanh(),
        pow(e),
        abs(),
        floor(),
        max(o),
        min(o),
        positive(yes, no),
        square(),
        sign(),
        softplus(),
        sigmoid(),
        cos(),
        clamp(low, high),
    );
    fn softplus_jet(self) -> [Self; 3] {
        let p = self.sigmoid();
        [self.softplus(), p, p * (Symbol::lit(1.0) - p)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_one_would_write() {
        let p = record(|| {
            let (x, y) = (Symbol::input("x"), Symbol::input("y"));
            vec![
                (x + y) * (x - (y - x)) / (x * y),
                -(x + Symbol::lit(0.0)).square() * Symbol::lit(1.0),
                x,
            ]
        });
        assert_eq!(p.text(0), "(x + y)·(x - (y - x)) / (x·y)");
        assert_eq!(p.text(1), "-x²");
        assert_eq!(p.text(2), "x");
        assert!(!p.ops.contains(&Op::Lit(1.0)), "what no output needs is left out");
    }
}
