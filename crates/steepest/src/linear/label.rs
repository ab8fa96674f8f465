//! Classes as a file names them.
use crate::saved::Json;
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
    pub(super) fn json(&self) -> Json {
        match self {
            Label::Text(text) => Json::text(text.clone()),
            Label::Whole(n) => Json::Number(n.to_string()),
            Label::Number(v) => Json::number(*v),
            Label::Flag(flag) => Json::Flag(*flag),
        }
    }
    pub(super) fn of(json: &Json) -> Option<Self> {
        Some(match json {
            Json::Text(text) => Label::Text(text.clone()),
            Json::Number(digits) => match digits.parse() {
                Ok(n) => Label::Whole(n),
                Err(_) => Label::Number(digits.parse().ok().filter(|v: &f64| v.is_finite())?),
            },
            Json::Flag(flag) => Label::Flag(*flag),
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
