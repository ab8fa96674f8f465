//! Model files: arrays and one JSON text in a safetensors file, as `steepest.saving` writes and reads them in Python.
//!
//! The metadata holds one text under "steepest": format, version of the library, kind, a checksum of everything else, and what
//! the kind needs. To load one runs no code; what was cut off or altered is refused.
use crate::status::Failure;
pub use json::Json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

pub mod json;
mod sha256;

/// The newest format that is read, and the one that is written.
const FORMAT: usize = 1;
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
    pub description: Vec<(String, Json)>,
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
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.description.iter().rev().find(|e| e.0 == name).map(|e| &e.1)
    }

    fn checksum(&self, description: &[(String, Json)]) -> String {
        let mut all = Json::Map(description.to_vec()).written().into_bytes();
        for (name, array) in &self.arrays {
            let shape: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
            let end = if shape.len() == 1 { "," } else { "" };
            let (kind, shape) = (TYPES[array.kind].1, shape.join(", "));
            all.extend(format!("\n{name} {kind} ({shape}{end})\n").bytes());
            all.extend(&array.bytes);
        }
        sha256::hex(&all)
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
        let mut description = vec![
            ("format".to_owned(), Json::Number(FORMAT.to_string())),
            ("version".to_owned(), Json::text(env!("CARGO_PKG_VERSION"))),
            ("kind".to_owned(), Json::text(kind)),
        ];
        description.extend(self.description.iter().cloned());
        description.push(("checksum".to_owned(), Json::text(self.checksum(&description))));
        let text = Json::Map(description).written();
        let meta = Json::Map(vec![(KEY.to_owned(), Json::text(text))]);
        let (mut header, mut at) = (vec![("__metadata__".to_owned(), meta)], 0);
        let count = |n: usize| Json::Number(n.to_string());
        for (name, array) in &self.arrays {
            let end = at + array.bytes.len();
            let entry = vec![
                ("dtype".to_owned(), Json::text(TYPES[array.kind].0)),
                ("shape".to_owned(), Json::List(array.shape.iter().map(|n| count(*n)).collect())),
                ("data_offsets".to_owned(), Json::List(vec![count(at), count(end)])),
            ];
            header.push((name.clone(), Json::Map(entry)));
            at = end;
        }
        let mut head = Json::Map(header).written().into_bytes();
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
        let header = std::str::from_utf8(header).map_err(|_| OTHER)?;
        let Ok(Json::Map(header)) = Json::of(header.trim_end_matches(' ')) else {
            return Err(OTHER.into());
        };
        let (mut content, mut text) = (Content::default(), None);
        for (name, entry) in &header {
            if name == "__metadata__" {
                text = entry.get(KEY).and_then(Json::as_text);
            } else {
                let array = array(entry, bytes).ok_or(OTHER)?;
                content.arrays.insert(name.clone(), array);
            }
        }
        let text = text.ok_or("it is a safetensors file, but not one that steepest wrote")?;
        const ALTERED: &str = "it was altered: its description is not what steepest writes";
        let Ok(Json::Map(mut description)) = Json::of(text) else { return Err(ALTERED.into()) };
        let of = |name: &str| description.iter().find(|e| e.0 == name).map(|e| &e.1);
        let format = of("format").and_then(Json::as_count).ok_or(ALTERED)?;
        if format != FORMAT {
            let version = of("version").and_then(Json::as_text).unwrap_or("");
            return Err(format!(
                "it has format {format}, written by steepest {version:.20}; format {FORMAT} is read"
            ));
        }
        let kind = of("kind").and_then(Json::as_text).ok_or(ALTERED)?.to_owned();
        let said = of("checksum").and_then(Json::as_text).ok_or(ALTERED)?.to_owned();
        description.retain(|e| e.0 != "checksum");
        if content.checksum(&description) != said {
            return Err("it was altered or damaged: its checksum does not fit".into());
        }
        description.retain(|e| !["format", "version", "kind"].contains(&e.0.as_str()));
        content.description = description;
        Ok((kind, content))
    }
}

/// An array by what the header says of it; none where that is not there.
fn array(entry: &Json, data: &[u8]) -> Option<Array> {
    let named = entry.get("dtype")?.as_text()?;
    let kind = TYPES.iter().position(|t| t.0 == named)?;
    let counts = |name: &str| -> Option<Vec<usize>> {
        entry.get(name)?.as_list()?.iter().map(Json::as_count).collect()
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
        content.description.push(("what".into(), Json::text("ä test")));
        content.put("numbers", &[2, 3], &[1.0, -2.5, 0.0, 1e-300, 4.0, 5.0]);
        content.put("none", &[0], &[]);
        content
    }

    #[test]
    fn a_file_comes_back_as_it_was_and_no_byte_of_it_may_change() {
        let data = content().packed("thing");
        let (kind, again) = Content::unpacked(&data).expect("a file");
        assert_eq!((kind.as_str(), again.get("what")), ("thing", Some(&Json::text("ä test"))));
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
}
