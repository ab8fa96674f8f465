"""Tables read from files and from memory, and every way in which a file can be bad."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather, parquet
from scipy import sparse

from steepest import fit
from steepest.errors import TableError
from steepest.tables import read

ROWS = [(i, 1.5 * i, "xy"[i % 2]) for i in range(50)]
CSV = "n,a,b\n" + "".join(f"{n},{a},{b}\n" for n, a, b in ROWS)


def column(source: Any, name: str, **options: Any) -> list[Any]:
    values: list[Any] = read(source, **options).column(name).to_pylist()
    return values


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def packed(name: str, text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, text)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", CSV),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.csv.bz2", bz2.compress(CSV.encode())),
        ("t.csv.xz", lzma.compress(CSV.encode())),
        ("t.zip", packed("t.csv", CSV)),
        ("t.tsv", CSV.replace(",", "\t")),
        ("t.txt", CSV.replace(",", ";")),
        ("bar.dat", CSV.replace(",", "|")),
        ("crlf.csv", CSV.replace("\n", "\r\n")),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("wide.csv", CSV.encode("utf-16")),
        ("blanks.csv", CSV.replace(",", ", ")),
        ("lines.csv", CSV + "\n\n"),
    ],
)
def test_texts_read_alike(tmp_path: Path, name: str, data: bytes | str) -> None:
    table = read(write(tmp_path / name, data))
    assert table.names == ["n", "a", "b"]
    assert table.rows == 50
    assert table.column("n").to_pylist() == [row[0] for row in ROWS]
    assert table.column("a").to_pylist() == [row[1] for row in ROWS]
    assert [text.strip() for text in table.column("b").to_pylist()] == [row[2] for row in ROWS]


def test_binary_files_and_frames_read_alike(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["n", "a", "b"])
    arrow = pa.table({name: frame[name].tolist() for name in frame})
    parquet.write_table(arrow, tmp_path / "t.parquet")
    feather.write_feather(arrow, tmp_path / "t.feather")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as writer:
        writer.write(arrow)
    structured = np.array(ROWS, dtype=[("n", int), ("a", float), ("b", "U1")])
    sources = [
        *(tmp_path / f"t.{kind}" for kind in ("parquet", "feather", "arrow")),
        frame,
        pl.DataFrame(ROWS, schema=["n", "a", "b"], orient="row"),
        pl.DataFrame(ROWS, schema=["n", "a", "b"], orient="row").lazy(),
        arrow,
        structured,
        frame.to_dict("list"),
        frame.to_dict("records"),
    ]
    for source in sources:
        for j, name in enumerate("nab"):
            assert column(source, name) == [row[j] for row in ROWS], (type(source), name)


def test_matrices_read_alike(tmp_path: Path) -> None:
    matrix = np.arange(12.0).reshape(4, 3)
    matrix[1, 1] = 0
    np.savez(tmp_path / "t.npz", X=matrix, y=np.array([0, 1, 0, 1]))
    sources: list[Any] = [
        matrix,
        np.asfortranarray(matrix),
        matrix.astype(np.float32),
        matrix[::-1][::-1],
        sparse.csr_matrix(matrix),
        sparse.coo_array(matrix),
        matrix.tolist(),
        tmp_path / "t.npz",
    ]
    for source in sources:
        assert column(source, "c1") == [1.0, 0.0, 7.0, 10.0], type(source)
    assert read(tmp_path / "t.npz").target == "y"


def test_a_header_is_found_or_taken_as_asked(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.csv", "1,2,a\n3,4,b\n5,6,a\n")
    assert read(bare).names == ["c0", "c1", "c2"]
    assert read(bare, header=True).names == ["1", "2", "a"]
    words = write(tmp_path / "words.tsv", "ham\thello there\nspam\tbuy now\nham\tsee you\n")
    assert read(words).rows == 3
    assert read(write(tmp_path / "u.csv", ",a\n0,1\n1,3\n")).names == ["column 0", "a"]


def test_quoted_fields_may_hold_anything(tmp_path: Path) -> None:
    text = 'id,said\n1,"a, b"\n2,"line one\nline two"\n3,"she said ""no"""\n'
    assert column(write(tmp_path / "q.csv", text), "said") == ["a, b", "line one\nline two", 'she said "no"']
    stray = 'a\tb\n1\tsay "cheese\n2\tplain\n3\t5" pipe\n4\tend\n'
    assert column(write(tmp_path / "stray.tsv", stray), "b") == ['say "cheese', "plain", '5" pipe', "end"]


def test_mixed_encodings_are_read_and_said(tmp_path: Path) -> None:
    data = "town,n\nK\u00f6ln,1\n".encode() + "M\u00fcnchen,2\n".encode("cp1252") * 3
    table = read(write(tmp_path / "mixed.csv", data))
    assert table.column("town").to_pylist() == ["K\u00f6ln", *["M\u00fcnchen"] * 3]
    assert any("Windows-1252" in note for note in table.notes)
    late = b"town,n\n" + b"Bonn,1\n" * 60_000 + b"M\xfcnchen,2\n"
    assert column(write(tmp_path / "late.csv", late), "town")[-1] == "M\u00fcnchen"


GZIPPED = gzip.compress("".join(f"{i},{i * i % 977}\n" for i in range(20_000)).encode(), mtime=0)
PARQUET = io.BytesIO()
parquet.write_table(pa.table({"a": list(range(1000))}), PARQUET)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n\n  \n", "is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("head.csv", b"a,b\n", "no rows"),
        ("one.csv", b"a\n1\n2\n", "one column only"),
        ("cut.csv", b"a,b,c\n1,2,3\n3,4,5\n5\n", "line 4 of cut.csv has 1 field where the header has 3"),
        ("ragged.csv", b"a,b\n1,2\n3,4\n5,6,7\n", "line 4 of ragged.csv has 3 fields where the header has 2"),
        ("short.csv", b"a,b,c\n" + b"1,2,3\n" * 40 + b"1,2\n", "line 42 of short.csv has 2 fields"),
        ("cut.csv.gz", GZIPPED[: len(GZIPPED) // 2], "cut off"),
        ("cut.gz", GZIPPED[:5], "cut off"),
        ("cut.csv.bz2", bz2.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], "cut off"),
        ("cut.csv.xz", lzma.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], "cut off"),
        ("t.csv.zst", b"(\xb5/\xfd" + b"0" * 40, "zstd -d"),
        ("bad.csv.gz", GZIPPED[:100] + b"\xff" * 50 + GZIPPED[150:], "damaged|cut off|table"),
        ("cut.parquet", PARQUET.getvalue()[:200], "cut off"),
        ("cut.npz", b"PK\x03\x04" + b"\x00" * 100, "cut off or damaged"),
        ("fake.parquet", b"a,b\n1,2\n", "not a parquet file"),
        ("t.h5", b"\x89HDF\r\n\x1a\n" + b"\x00" * 99, "HDF5"),
        ("t.pkl", b"\x80\x04\x95" + b"\x00" * 99, "could run code"),
        ("noise.bin", bytes(range(256)) * 8, "neither text nor"),
        ("cut.csv", b"a,b\n1,2\n3,\x00\x00\x00\n" + b"5,6\n" * 40, "a zero byte in line 3"),
        ("page.csv", b"\n<!DOCTYPE html>\n<html><body>a,b</body></html>\n", "a web page"),
        ("t.arff", b"% mine\n@RELATION x\n@ATTRIBUTE a NUMERIC\n@DATA\n1,2\n", "scipy.io.arff"),
        ("t.svm", b"1 1:0.5 3:2\n0 2:-1e-3\n" * 20, "load_svmlight_file"),
        ("lfs.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git lfs pull"),
        (
            "prose.txt",
            b"It was a dark night,\nand the rain fell.\nNobody, not one, came.\nOh.\n" * 9,
            "running text",
        ),
        ("two.zip", packed("a.txt", "It was a dark night.\nAnd so on it went.\n"), "running text"),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read(write(tmp_path / name, data))


def test_wrong_options_say_what_would_do(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV.replace(",", ";"))
    with pytest.raises(TableError, match=r"a semicolon \(delimiter=';'\) it has 3"):
        read(path, delimiter=",")
    with pytest.raises(TableError, match="must be one character"):
        read(path, delimiter=";;")
    with pytest.raises(TableError, match="no encoding is called 'utf9'"):
        read(path, encoding="utf9")
    with pytest.raises(TableError, match="not in ascii"):
        read(write(tmp_path / "u.csv", "a,b\n\u00e4,1\n"), encoding="ascii")


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "sales.csv", CSV)
    with pytest.raises(TableError, match=r"did you mean 'sales\.csv'"):
        read(tmp_path / "sale.csv")
    with pytest.raises(TableError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(TableError, match="did you mean 'breast_cancer'"):
        read("breastcancer")
    with pytest.raises(TableError, match="three targets"):
        read("linnerud")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros(3), "two dimensions"),
        (np.zeros((2, 2, 2)), "two dimensions"),
        (np.zeros((0, 3)), "no rows"),
        (np.zeros((3, 0)), "no columns"),
        ({"a": [1, 2], "b": [1]}, "one length"),
        ({"a": 3}, "sequence of values"),
        ([[1, 2], [3]], "row 1 has 1 values where row 0 has 2"),
        ([], "empty"),
        ([1, 2], "holds lists"),
        (42, "got int"),
        (None, "got NoneType"),
    ],
)
def test_bad_objects_are_refused_in_words(source: Any, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read(source)


def test_bad_columns_are_refused_by_name() -> None:
    for bad, said in [
        ([object(), object()], "Python objects"),
        (np.array([1 + 2j, 3]), "complex"),
    ]:
        with pytest.raises(TableError, match=f"column 'z' .*{said}"):
            read({"z": bad, "y": [0, 1]}).column("z")
    mixed = read({"z": [1, "a", None, 2.5], "y": [0, 1, 0, 1]})
    assert mixed.column("z").to_pylist() == ["1", "a", None, "2.5"]
    huge = read({"z": [2**70, 5], "y": [0, 1]})
    assert huge.column("z").to_pylist() == [str(2**70), "5"]


def test_pandas_types_are_read() -> None:
    frame = pd.DataFrame(
        {
            "category": pd.Categorical(["a", "b", None]),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "when": pd.to_datetime(["2024-01-01", None, "2024-03-01"]),
            "text": pd.array(["x", None, "y"], dtype="string"),
            "objects": np.array(["x", None, np.nan], dtype=object),
        }
    )
    table = read(frame)
    assert {name: table.column(name).null_count for name in table.names} == dict.fromkeys(
        ["category", "whole", "flag", "when", "text"], 1
    ) | {"objects": 2}
    with pytest.raises(TableError, match="several levels"):
        read(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])))


def test_columns_are_found_by_name_or_number() -> None:
    table = read({"age": [1], "income": [2]})
    assert [table.find(column) for column in ("age", 1, -1, "0", "-2")] == [
        "age",
        "income",
        "income",
        "age",
        "age",
    ]
    with pytest.raises(TableError, match="did you mean 'income'"):
        table.find("incme", "target")
    with pytest.raises(TableError, match="did you mean 'age'"):
        table.find("Age")
    with pytest.raises(TableError, match="numbered 0 to 1"):
        table.find(2)
    with pytest.raises(TableError, match="by its name or number"):
        table.find(1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_bundled_data_are_scikit_learn_s(name: str) -> None:
    from sklearn import datasets

    load = getattr(datasets, f"load_{name}")
    peer = load(scaled=False) if name == "diabetes" else load()
    table = read(name)
    assert table.names[:-1] == list(peer.feature_names)
    for j, column in enumerate(table.names[:-1]):
        assert np.array_equal(table.column(column).to_numpy(), peer.data[:, j])
    target = peer.target if name in ("diabetes", "digits") else peer.target_names[peer.target]
    assert table.column(table.names[-1]).to_pylist() == target.tolist()


def test_a_sparse_matrix_too_large_to_look_at_is_refused_with_who_takes_it() -> None:
    matrix = sparse.csr_matrix((200_000, 50_000))
    with pytest.raises(TableError, match=r"75 GiB as a table.*LogisticRegression"):
        read(matrix)


def test_rows_of_unequal_length_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b,y\n" + "1,2,3\n4,5\n6,7,8\n" * 10)
    with pytest.raises(TableError, match=r"rows of unequal length.*line 3 with 2"):
        read(path)


def test_a_name_that_comes_twice_is_told_apart_and_can_be_left_out_by_number(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(80, 3))
    rows = "".join(f"{a},{b},{c},{a + 2 * b}\n" for a, b, c in numbers)
    path.write_text(f"size,size,size.1,y\n{rows}")
    table = read(path)
    assert table.names == ["size", "size.2", "size.1", "y"]
    assert table.find(1) == "size.2"
    with pytest.raises(
        TableError, match=r"more than one column called 'size': say which by its number \(0 and 1\)"
    ):
        table.find("size")
    model = fit(path, "y", reference=False, form="linear")
    said = next(f for f in model.findings if f.kind == "repeated_name")
    assert said.severity == "warning"
    assert "2 columns are called 'size': all but the first are read as 'size.2'." in said.sentence
    assert [c.kind for c in fit(path, "y", drop=[1], reference=False).schema.columns][:2] == [
        "number",
        "dropped",
    ]
