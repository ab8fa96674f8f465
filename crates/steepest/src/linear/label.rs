//! Classes as a file names them.
use serde_json::Value;
use std::fmt;

/// A class as a file names it: a text, a number, or true and false.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

impl Label {
    pub(super) fn json(&self) -> Value {
        match self {
            Label::Text(text) => text.as_str().into(),
            Label::Whole(n) => (*n).into(),
            Label::Number(v) => (*v).into(),
            Label::Flag(flag) => (*flag).into(),
        }
    }
    pub(super) fn of(json: &Value) -> Option<Self> {
        Some(match json {
            Value::String(text) => Label::Text(text.clone()),
            Value::Number(number) => match number.as_i64() {
                Some(n) => Label::Whole(n),
                None => Label::Number(number.as_f64()?),
            },
            Value::Bool(flag) => Label::Flag(*flag),
            _ => return None,
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Text(text) => f.write_str(text),
            Label::Whole(n) => write!(f, "{n}"),
            Label::Number(v) => write!(f, "{v}"),
            Label::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

macro_rules! labels {
    ($($from:ty => |$v:ident| $label:expr),* $(,)?) => {
        $(impl From<&$from> for Label {
            fn from($v: &$from) -> Self {
                $label
            }
        })*
    };
}
labels! {
    &str => |v| Label::Text((*v).to_owned()),
    String => |v| Label::Text(v.clone()),
    bool => |v| Label::Flag(*v),
    u8 => |v| Label::Whole(i64::from(*v)),
    u32 => |v| Label::Whole(i64::from(*v)),
    i32 => |v| Label::Whole(i64::from(*v)),
    i64 => |v| Label::Whole(*v),
    Label => |v| v.clone(),
}
