//! Descriptions as JSON text: read with every number as it was written, and written as Python's `json` does, so that a
//! checksum over the text is the same on both sides.
use std::fmt::Write;

/// A value of a description.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// null.
    Null,
    /// true or false.
    Flag(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Json>),
    /// Several, by name, in the order in which they came.
    Map(Vec<(String, Json)>),
}

/// Values within each other at most.
const DEEP: usize = 100;

impl Json {
    /// What a text says.
    pub fn of(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at < text.len() { Err(reader.wrong("nothing more")) } else { Ok(value) }
    }
    /// A number as Python writes it: the fewest digits that tell it apart.
    pub fn number(v: f64) -> Json {
        let short = format!("{v:e}");
        let (digits, power) = short.split_once('e').unwrap_or((&short, "0"));
        let power: i32 = power.parse().unwrap_or(0);
        Json::Number(if (-4..16).contains(&power) {
            format!("{v:?}")
        } else {
            format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        })
    }
    /// A text.
    pub fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }
    /// What has this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Map(entries) = self else { return None };
        // Of the same name the last one counts, as Python has it.
        entries.iter().rev().find(|e| e.0 == name).map(|e| &e.1)
    }
    /// As a text.
    pub fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }
    /// As a number.
    pub fn as_number(&self) -> Option<f64> {
        if let Json::Number(digits) = self { digits.parse().ok() } else { None }
    }
    /// As a whole number of at least 0.
    pub fn as_count(&self) -> Option<usize> {
        if let Json::Number(digits) = self { digits.parse().ok() } else { None }
    }
    /// As several.
    pub fn as_list(&self) -> Option<&[Json]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }
    /// As several by name.
    pub fn as_map(&self) -> Option<&[(String, Json)]> {
        if let Json::Map(entries) = self { Some(entries) } else { None }
    }
    /// As Python's `json.dumps(…, sort_keys=True)` has it.
    pub fn written(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
    fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Json::Number(digits) => out.push_str(digits),
            Json::Text(text) => quoted(text, out),
            Json::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Json::Map(entries) => {
                let mut sorted: Vec<&(String, Json)> = entries.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                out.push('{');
                for (i, (name, item)) in sorted.into_iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    quoted(name, out);
                    out.push_str(": ");
                    item.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// In quotes, in ASCII alone.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, wanted: &str) -> String {
        format!("byte {} of its description: {wanted} is wanted", self.at)
    }
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }
    /// Passes over what is there, if it is.
    fn takes(&mut self, word: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }
    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > DEEP {
            return Err(self.wrong("an end of what lies within each other"));
        }
        self.space();
        match self.peek() {
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'[') => {
                let mut items = Vec::new();
                self.several(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Json::List(items))
            }
            Some(b'{') => {
                let mut entries = Vec::new();
                self.several(b'}', |reader| {
                    reader.space();
                    let name = reader.string()?;
                    reader.space();
                    if !reader.takes(":") {
                        return Err(reader.wrong("a colon"));
                    }
                    entries.push((name, reader.value(depth + 1)?));
                    Ok(())
                })?;
                Ok(Json::Map(entries))
            }
            _ if self.takes("null") => Ok(Json::Null),
            _ if self.takes("true") => Ok(Json::Flag(true)),
            _ if self.takes("false") => Ok(Json::Flag(false)),
            _ => self.digits(),
        }
    }
    /// What stands between brackets, commas in between.
    fn several(
        &mut self,
        end: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.at += 1;
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            one(self)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(c) if c == end => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.wrong("a comma or an end")),
            }
        }
    }
    fn digits(&mut self) -> Result<Json, String> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let digits = &self.text[from..self.at];
        // Rust reads more than JSON has: a plus in front, a point at an end.
        let plain = digits.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let fits = plain && !digits.ends_with('.') && digits.parse::<f64>().is_ok();
        if fits { Ok(Json::Number(digits.to_owned())) } else { Err(self.wrong("a value")) }
    }
    fn string(&mut self) -> Result<String, String> {
        if !self.takes("\"") {
            return Err(self.wrong("a text"));
        }
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else { return Err(self.wrong("the end of a text")) };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escaped()?),
                c if c < ' ' => return Err(self.wrong("a text without control characters")),
                c => out.push(c),
            }
        }
    }
    fn escaped(&mut self) -> Result<char, String> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        Ok(match c {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let first = self.unit()?;
                let pair = (0xD800..0xDC00).contains(&first) && self.takes("\\u");
                let units = [first, if pair { self.unit()? } else { 0 }];
                let found =
                    char::decode_utf16(units[..1 + usize::from(pair)].iter().copied()).next();
                match found {
                    Some(Ok(c)) => c,
                    _ => return Err(self.wrong("a character that there is")),
                }
            }
            _ => return Err(self.wrong("a character after a backslash")),
        })
    }
    fn unit(&mut self) -> Result<u16, String> {
        let four = self.text.as_bytes().get(self.at..self.at + 4);
        let hex = four.filter(|four| four.iter().all(u8::is_ascii_hexdigit));
        let Some(hex) = hex.and_then(|hex| std::str::from_utf8(hex).ok()) else {
            return Err(self.wrong("four hexadecimal digits"));
        };
        self.at += 4;
        u16::from_str_radix(hex, 16).map_err(|_| self.wrong("four hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_comes_back_as_python_writes_it() {
        // json.dumps({"b": [1, 2.5, 1e-05, 1e+16, -0.0], "a": {"é": "ü\n\"\\/𝄞\x7f"}, "z": None, "A": True}, sort_keys=True)
        let text = r#"{"A": true, "a": {"\u00e9": "\u00fc\n\"\\/\ud834\udd1e\u007f"}, "b": [1, 2.5, 1e-05, 1e+16, -0.0], "z": null}"#;
        assert_eq!(Json::of(text).expect("a value").written(), text);
        let spaced = " {\"b\" : [ ] , \"a\":{ } } ";
        assert_eq!(Json::of(spaced).expect("a value").written(), r#"{"a": {}, "b": []}"#);
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        // [repr(v) for v in …]
        let known = [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e-300, "-2.5e-300"),
            (123456789.125, "123456789.125"),
            (-0.0, "-0.0"),
            (5e-324, "5e-324"),
        ];
        for (v, want) in known {
            assert_eq!(Json::number(v), Json::Number(want.into()));
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "nul",
            "NaN",
            "+1",
            "1.",
            "\"\\ud800\"",
            "\"\\u12\"",
            "\"a",
            "[1] 2",
            "\"\u{1}\"",
            "--1",
            &deep,
        ] {
            assert!(Json::of(text).is_err(), "{text:.20}");
        }
    }
}
