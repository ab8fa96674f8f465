//! Model files: arrays and one JSON text in a safetensors file, as `steepest.saving` writes and reads them in Python.
//!
//! The metadata holds one text under "steepest": format, version of the library, kind, a checksum of everything else, and what
//! the kind needs. To load one runs no code; what was cut off or altered is refused.
use crate::status::Failure;
use json::as_python;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

mod json;

/// The newest format that is read, and the one that is written.
const FORMAT: u64 = 1;
const KEY: &str = "steepest";
/// Bytes of a safetensors header at most.
const MOST_HEADER: u64 = 100_000_000;
/// Types of numbers: safetensors' name, NumPy's, bytes.
const TYPES: &[(&str, &str, usize)] = &[
    ("F64", "<f8", 8),
    ("F32", "<f4", 4),
    ("F16", "<f2", 2),
    ("I64", "<i8", 8),
    ("I32", "<i4", 4),
    ("I16", "<i2", 2),
    ("I8", "|i1", 1),
    ("U64", "<u8", 8),
    ("U32", "<u4", 4),
    ("U16", "<u2", 2),
    ("U8", "|u1", 1),
    ("BOOL", "|b1", 1),
];

/// An array of a file, as bytes.
struct Array {
    /// Its place among the types.
    kind: usize,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// What a file holds, of a kind.
#[derive(Default)]
pub struct Content {
    /// What the kind needs, without what every file has.
    pub description: Map<String, Value>,
    arrays: BTreeMap<String, Array>,
}

impl Content {
    /// Puts an array of numbers in, the last of the shape side by side.
    pub fn put(&mut self, name: &str, shape: &[usize], numbers: &[f64]) {
        let bytes = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.arrays.insert(name.into(), Array { kind: 0, shape: shape.to_vec(), bytes });
    }
    /// An array of finite numbers of 64 bits, and its shape.
    pub fn array(&self, name: &str) -> Result<(&[usize], Vec<f64>), String> {
        let Some(array) = self.arrays.get(name) else { return Err(format!("it has no {name}")) };
        if array.kind != 0 {
            return Err(format!("its {name} are no numbers of 64 bits"));
        }
        let eight = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight"));
        let numbers: Vec<f64> = array.bytes.chunks_exact(8).map(eight).collect();
        if numbers.iter().any(|v| !v.is_finite()) {
            return Err(format!("its {name} are not finite"));
        }
        Ok((&array.shape, numbers))
    }
    /// What the description has under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.description.get(name)
    }

    /// Of the description, as Python writes it, and the arrays.
    fn checksum(&self, description: &str) -> String {
        let mut sha = Sha256::new_with_prefix(description);
        for (name, array) in &self.arrays {
            let shape: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
            let end = if shape.len() == 1 { "," } else { "" };
            let (kind, shape) = (TYPES[array.kind].1, shape.join(", "));
            sha.update(format!("\n{name} {kind} ({shape}{end})\n"));
            sha.update(&array.bytes);
        }
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes a file of a kind; on any failure an older one stays as it was.
    pub fn write(&self, path: &Path, kind: &str) -> Result<(), Failure> {
        let data = self.packed(kind);
        let named =
            |why: std::io::Error| Failure::from(format!("{path:?} cannot be written: {why}"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let whole = || {
            let mut file = File::create(&beside)?;
            file.write_all(&data)?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        whole().map_err(|why| {
            let _ = fs::remove_file(&beside);
            named(why)
        })
    }

    fn packed(&self, kind: &str) -> Vec<u8> {
        let text = |value: &Value| as_python(&value.to_string()).expect("JSON, as it was written");
        let mut description = Value::Object(self.description.clone());
        description["format"] = FORMAT.into();
        description["version"] = env!("CARGO_PKG_VERSION").into();
        description["kind"] = kind.into();
        description["checksum"] = self.checksum(&text(&description)).into();
        let (mut header, mut at) = (json!({"__metadata__": {KEY: text(&description)}}), 0);
        for (name, array) in &self.arrays {
            let end = at + array.bytes.len();
            let dtype = TYPES[array.kind].0;
            header[name] = json!({"dtype": dtype, "shape": array.shape, "data_offsets": [at, end]});
            at = end;
        }
        let mut head = text(&header).into_bytes();
        // Arrays begin at a multiple of 8, for whoever maps them.
        head.resize(head.len().next_multiple_of(8), b' ');
        let mut data = (head.len() as u64).to_le_bytes().to_vec();
        data.extend(head);
        self.arrays.values().for_each(|array| data.extend(&array.bytes));
        data
    }

    /// Reads a file and checks it: its kind, and what it holds.
    pub fn read(path: &Path) -> Result<(String, Content), Failure> {
        let data = fs::read(path).map_err(|why| format!("{path:?} cannot be read: {why}"))?;
        Content::unpacked(&data).map_err(|why| format!("{path:?}: {why}").into())
    }

    fn unpacked(data: &[u8]) -> Result<(String, Content), String> {
        const OTHER: &str = "it was cut off, or is another kind of file than steepest writes";
        let head: [u8; 8] = data.get(..8).and_then(|h| h.try_into().ok()).ok_or(OTHER)?;
        let size = u64::from_le_bytes(head);
        if size > MOST_HEADER || data.len() - 8 < size as usize {
            return Err(OTHER.into());
        }
        let (header, bytes) = data[8..].split_at(size as usize);
        let Ok(Value::Object(header)) = serde_json::from_slice(header) else {
            return Err(OTHER.into());
        };
        let (mut content, mut text) = (Content::default(), None);
        for (name, entry) in &header {
            if name == "__metadata__" {
                text = entry.get(KEY).and_then(Value::as_str);
            } else {
                let array = array(entry, bytes).ok_or(OTHER)?;
                content.arrays.insert(name.clone(), array);
            }
        }
        let text = text.ok_or("it is a safetensors file, but not one that steepest wrote")?;
        const ALTERED: &str = "it was altered: its description is not what steepest writes";
        content.description = serde_json::from_str(text).map_err(|_| ALTERED)?;
        let format = content.get("format").and_then(Value::as_u64).ok_or(ALTERED)?;
        if format != FORMAT {
            let version = content.get("version").and_then(Value::as_str).unwrap_or("");
            return Err(format!(
                "it has format {format}, written by steepest {version:.20}; format {FORMAT} is read"
            ));
        }
        let kind = content.get("kind").and_then(Value::as_str).ok_or(ALTERED)?.to_owned();
        let said = content.get("checksum").and_then(Value::as_str).ok_or(ALTERED)?;
        // Each value as it was written: a number may have more digits than `Value` keeps.
        let mut written: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|_| ALTERED)?;
        written.remove("checksum");
        let written = serde_json::to_string(&written).and_then(|text| as_python(&text));
        if content.checksum(&written.map_err(|_| ALTERED)?) != said {
            return Err("it was altered or damaged: its checksum does not fit".into());
        }
        content
            .description
            .retain(|name, _| !["format", "version", "kind", "checksum"].contains(&name.as_str()));
        Ok((kind, content))
    }
}

/// A whole number of at least 0.
pub fn count(value: &Value) -> Option<usize> {
    value.as_u64()?.try_into().ok()
}

/// An array by what the header says of it; none where that is not there.
fn array(entry: &Value, data: &[u8]) -> Option<Array> {
    let named = entry.get("dtype")?.as_str()?;
    let kind = TYPES.iter().position(|t| t.0 == named)?;
    let counts = |name: &str| -> Option<Vec<usize>> {
        entry.get(name)?.as_array()?.iter().map(count).collect()
    };
    let (shape, ends) = (counts("shape")?, counts("data_offsets")?);
    let [from, to] = ends[..] else { return None };
    let numbers = shape.iter().try_fold(TYPES[kind].2, |n, side| n.checked_mul(*side))?;
    let bytes = data.get(from..to).filter(|bytes| bytes.len() == numbers)?.to_vec();
    Some(Array { kind, shape, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        let mut content = Content::default();
        content.description.insert("what".into(), "ä test".into());
        content.put("numbers", &[2, 3], &[1.0, -2.5, 0.0, 1e-300, 4.0, 5.0]);
        content.put("none", &[0], &[]);
        content
    }

    #[test]
    fn a_file_comes_back_as_it_was_and_no_byte_of_it_may_change() {
        let data = content().packed("thing");
        let (kind, again) = Content::unpacked(&data).expect("a file");
        assert_eq!((kind.as_str(), again.get("what")), ("thing", Some(&Value::from("ä test"))));
        let (shape, numbers) = again.array("numbers").expect("an array");
        assert_eq!((shape, &numbers[1..4]), (&[2, 3][..], &[-2.5, 0.0, 1e-300][..]));
        assert!(again.array("none").expect("an array").1.is_empty());
        // Any byte but one of the spaces between the header's words.
        for at in 0..data.len() {
            let mut other = data.clone();
            other[at] ^= 0x10;
            if let Ok((_, found)) = Content::unpacked(&other) {
                assert!(
                    at > 8 && found.array("numbers").expect("an array").1 == numbers,
                    "byte {at}"
                );
            }
            assert!(Content::unpacked(&data[..at]).is_err(), "cut off at {at}");
        }
    }

    /// By Python: `write_file(path, "thing", {"seed": 2**70, "b": {"é": 1e16}}, {})` of `steepest.saving`.
    #[test]
    fn digits_beyond_64_bits_are_part_of_the_checksum() {
        let text = r#"{"format": 1, "version": "0.1.0", "kind": "thing", "seed": 1180591620717411303424, "b": {"\u00e9": 1e+16}, "checksum": "56afcc9e24d028311a036f41458ca40792fc57530831cca860b70ab7fbb55c4e"}"#;
        let packed = |text: &str| {
            let head = json!({"__metadata__": {KEY: text}}).to_string().into_bytes();
            [&(head.len() as u64).to_le_bytes()[..], &head].concat()
        };
        let (kind, content) = Content::unpacked(&packed(text)).expect("a file");
        assert_eq!((kind.as_str(), &content.description["b"]["é"]), ("thing", &Value::from(1e16)));
        let other = text.replace("303424", "303425");
        assert!(Content::unpacked(&packed(&other)).is_err_and(|why| why.contains("checksum")));
    }

    #[test]
    fn a_description_that_is_too_deep_or_no_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let packed =
            |head: &str| [&(head.len() as u64).to_le_bytes()[..], head.as_bytes()].concat();
        let why = |head: &str| Content::unpacked(&packed(head)).err().expect("refused");
        assert!(why(&deep).contains("another kind of file"));
        for inner in [&deep, "{\"format\": 1e999}", "{\"format\": 1.0}", "[]", ""] {
            let head = json!({"__metadata__": {KEY: inner}}).to_string();
            assert!(why(&head).contains("it was altered"), "{inner:.20}");
        }
    }

    /// FIPS 180-4's own, and one that fills its last block; Python's hashlib says the same.
    #[test]
    fn the_checksum_is_sha_256() {
        let known = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                &"a".repeat(1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ];
        for (text, want) in known {
            assert_eq!(Content::default().checksum(text), want);
        }
    }
}
