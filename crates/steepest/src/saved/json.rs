//! JSON text as Python's `json.dumps(…, sort_keys=True)` writes it, so that a checksum over it is the same on both sides.
use serde_json::value::RawValue;
use serde_json::{Result, Value, from_str};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A JSON text as Python would write it again. Whole numbers keep their digits, however many: a `Value` has room for 64 bits.
pub fn as_python(text: &str) -> Result<String> {
    // Values lie no deeper within each other than a `Value` may have them; raw ones have no such limit.
    from_str::<Value>(text)?;
    let mut out = String::new();
    write(from_str(text)?, &mut out)?;
    Ok(out)
}

fn write(value: &RawValue, out: &mut String) -> Result<()> {
    let text = value.get();
    match text.as_bytes()[0] {
        b'{' => {
            // In the order of their bytes in UTF-8, which is that of Python's characters.
            let entries: BTreeMap<String, &RawValue> = from_str(text)?;
            out.push('{');
            for (i, (name, item)) in entries.into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                quoted(&name, out)?;
                out.push_str(": ");
                write(item, out)?;
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<&RawValue> = from_str(text)?;
            out.push('[');
            for (i, item) in items.into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, out)?;
            }
            out.push(']');
        }
        b'"' => quoted(&from_str::<String>(text)?, out)?,
        b'-' | b'0'..=b'9' if text.contains(['.', 'e', 'E']) => {
            out.push_str(&repr(from_str(text)?))
        }
        _ => out.push_str(text),
    }
    Ok(())
}

/// In quotes, in printable ASCII alone.
fn quoted(text: &str, out: &mut String) -> Result<()> {
    for c in serde_json::to_string(text)?.chars() {
        if (' '..='~').contains(&c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Ok(())
}

/// A number as Python's `repr` has it: the fewest digits that tell it apart.
fn repr(v: f64) -> String {
    let short = format!("{v:e}");
    let (digits, power) = short.split_once('e').unwrap_or((&short, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if (-4..16).contains(&power) {
        format!("{v:?}")
    } else {
        format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_comes_back_as_python_writes_it() {
        // json.dumps({"b": [1, 2.5, 1e-05, 1e+16, -0.0], "a": {"é": "ü\n\"\\/𝄞\x7f"}, "z": None, "A": True}, sort_keys=True)
        let text = r#"{"A": true, "a": {"\u00e9": "\u00fc\n\"\\/\ud834\udd1e\u007f"}, "b": [1, 2.5, 1e-05, 1e+16, -0.0], "z": null}"#;
        assert_eq!(as_python(text).expect("a text"), text);
        let spaced = " {\"b\" : [ ] , \"a\":{ } } ";
        assert_eq!(as_python(spaced).expect("a text"), r#"{"a": {}, "b": []}"#);
    }

    #[test]
    fn what_others_write_becomes_what_python_writes() {
        // json.dumps(json.loads(…), sort_keys=True)
        let known = [
            ("[1,false,\"é\"]", r#"[1, false, "\u00e9"]"#),
            (r#""\/\u0041\u001F\b\f\r\t\uD834\uDD1E""#, r#""/A\u001f\b\f\r\t\ud834\udd1e""#),
            ("{\"\u{ff5e}\":1,\"𝄞\":2,\"~\":3}", r#"{"~": 3, "\uff5e": 1, "\ud834\udd1e": 2}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            ("[1E5,1.50,1e16,0.00001,0e0]", "[100000.0, 1.5, 1e+16, 1e-05, 0.0]"),
            // 2⁷⁰, which a number of 64 bits has no room for.
            ("[1180591620717411303424,-7]", "[1180591620717411303424, -7]"),
        ];
        for (text, want) in known {
            assert_eq!(as_python(text).expect("a text"), want);
        }
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
            assert_eq!(repr(v), want);
            assert_eq!(as_python(&Value::from(v).to_string()).expect("a number"), want);
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(1_000_000);
        let closed = format!("{deep}{}", "]".repeat(1_000_000));
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "nul",
            "NaN",
            "+1",
            "1.",
            "1e999",
            "\"\\ud800\"",
            "\"\\u12\"",
            "\"a",
            "[1] 2",
            "\"\u{1}\"",
            "--1",
            &deep,
            &closed,
        ] {
            assert!(as_python(text).is_err(), "{text:.20}");
        }
    }
}
