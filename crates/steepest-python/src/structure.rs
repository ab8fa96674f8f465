//! Whether a sparse matrix holds together: looked at before anybody follows its places, for SciPy follows them unchecked
//! and reads and writes out of bounds where they are wrong.
use crate::enter::refused;
use numpy::{PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// Refuses by name a sparse matrix whose places lie outside of it. What is not sparse passes, and DOK, whose places Python
/// itself checks.
#[pyfunction]
pub fn check_structure(x: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    let Ok(format) = x.getattr("format").and_then(|f| f.extract::<String>()) else {
        return Ok(());
    };
    let compressed = matches!(format.as_str(), "csr" | "csc" | "bsr");
    if !compressed && !matches!(format.as_str(), "coo" | "lil" | "dia") {
        return Ok(());
    }
    let shape: Vec<usize> = x.getattr("shape")?.extract()?;
    let &[rows, columns] = &shape[..] else { return Ok(()) };
    let broken = |why: String| {
        refused(format!(
            "{name} is a sparse matrix that does not hold together: {why}. Make it again from what it was made of"
        ))
    };
    let values = length(&x.getattr("data")?)?;
    match format.as_str() {
        "coo" => {
            for (places, most) in [("row", rows), ("col", columns)] {
                within(&Places::new(&x.getattr(places)?, places)?, places, values, most)
                    .map_err(broken)?;
            }
        }
        "lil" => lists(x, rows, columns)?.map_or(Ok(()), |why| Err(broken(why)))?,
        "dia" if length(&x.getattr("offsets")?)? != values => {
            return Err(broken(format!("{values} diagonals need as many offsets")));
        }
        _ => {}
    }
    if !compressed {
        return Ok(());
    }
    let (high, wide): (usize, usize) =
        if format == "bsr" { x.getattr("blocksize")?.extract()? } else { (1, 1) };
    let (lines, most) = match format.as_str() {
        "csc" => (columns, rows),
        _ => (rows / high.max(1), columns / wide.max(1)),
    };
    let starts = Places::new(&x.getattr("indptr")?, "indptr")?;
    starts.rise(lines, values).map_err(broken)?;
    let indices = Places::new(&x.getattr("indices")?, "indices")?;
    within(&indices, "indices", values, most).map_err(broken)
}

/// What is wrong with lists of places and of values, one of each a row.
fn lists(x: &Bound<'_, PyAny>, rows: usize, columns: usize) -> PyResult<Option<String>> {
    let (places, values) = (x.getattr("rows")?, x.getattr("data")?);
    if length(&places)? != rows || length(&values)? != rows {
        return Ok(Some(format!("{rows} rows need as many lists of places and of values")));
    }
    for (i, (places, values)) in places.try_iter()?.zip(values.try_iter()?).enumerate() {
        let (places, values) = (places?, values?.len()?);
        if places.len()? != values {
            let got = places.len()?;
            return Ok(Some(format!("row {i} has {got} places for {values} values")));
        }
        let fits = |j: &i64| usize::try_from(*j).is_ok_and(|j| j < columns);
        let places: Vec<i64> = places.extract().unwrap_or_else(|_| vec![-1]);
        if let Some(j) = places.iter().find(|j| !fits(j)) {
            return Ok(Some(format!("row {i} has a place outside of {columns} columns: {j}")));
        }
    }
    Ok(None)
}

/// Entries along the first axis.
fn length(a: &Bound<'_, PyAny>) -> PyResult<usize> {
    let shape: Vec<usize> = a.getattr("shape")?.extract()?;
    Ok(shape.first().copied().unwrap_or(0))
}

/// Places as a sparse matrix stores them.
enum Places<'py> {
    I32(Bound<'py, PyArray1<i32>>),
    I64(Bound<'py, PyArray1<i64>>),
}

impl<'py> Places<'py> {
    fn new(a: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        if let Ok(short) = a.cast::<PyArray1<i32>>() {
            return Ok(Places::I32(short.clone()));
        }
        if let Ok(long) = a.cast::<PyArray1<i64>>() {
            return Ok(Places::I64(long.clone()));
        }
        let got = a.cast::<PyUntypedArray>().map_or_else(
            |_| a.get_type().to_string(),
            |a| format!("dtype {} and {} dimensions", a.dtype(), a.ndim()),
        );
        Err(refused(format!(
            "a sparse matrix's {name} must be one dimension of int32 or int64; got {got}"
        )))
    }

    /// The first place that is not below `most`, and how many there are.
    fn outside(&self, most: usize) -> (Option<(usize, i64)>, usize) {
        // A negative place is a large one without its sign, so one comparison tells both.
        macro_rules! look {
            ($a:expr, $unsigned:ty) => {{
                let a = $a.readonly();
                let most = <$unsigned>::try_from(most).unwrap_or(<$unsigned>::MAX);
                let bad = |v: i64| v < 0 || v as u64 >= most as u64;
                let any = a.as_slice().map_or(true, |all| {
                    all.chunks(4096)
                        .any(|c| c.iter().fold(0, |m, &v| m.max(v as $unsigned)) >= most)
                });
                let first = || a.as_array().iter().position(|&v| bad(v as i64));
                let found = if any { first() } else { None };
                (found.map(|k| (k, a.as_array()[k] as i64)), a.len())
            }};
        }
        match self {
            Places::I32(a) => look!(a, u32),
            Places::I64(a) => look!(a, u64),
        }
    }

    /// Whether they rise from 0, for so many lines, to at most so many values.
    fn rise(&self, lines: usize, values: usize) -> Result<(), String> {
        let all: Vec<i64> = match self {
            Places::I32(a) => a.readonly().as_array().iter().map(|&v| v.into()).collect(),
            Places::I64(a) => a.readonly().as_array().iter().copied().collect(),
        };
        let wanted =
            format!("indptr must be {} places that rise from 0 to at most {values}", lines + 1);
        if all.len() != lines + 1 {
            return Err(format!("{wanted}; got {} places", all.len()));
        }
        let mut before = 0;
        for (k, &v) in all.iter().enumerate() {
            if v < before || v as usize > values || (k == 0 && v != 0) {
                return Err(format!("{wanted}; got {v} at place {k}"));
            }
            before = v;
        }
        Ok(())
    }
}

/// Whether each of so many values has a place below `most`.
fn within(places: &Places<'_>, name: &str, values: usize, most: usize) -> Result<(), String> {
    let (outside, got) = places.outside(most);
    if got < values {
        return Err(format!("{values} values need as many {name}; got {got}"));
    }
    outside.map_or(Ok(()), |(k, v)| {
        Err(format!("{name} must be at least 0 and below {most}; got {v} at place {k}"))
    })
}
