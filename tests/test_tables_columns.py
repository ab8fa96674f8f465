"""Columns that say what they are: categories of frames, codes that are whole numbers, times, every type of Arrow."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

import steepest
from steepest.errors import TableError
from steepest.tables import prepare, read

RNG = np.random.default_rng(9)
N = 200
K = RNG.integers(0, 5, N)
Y = RNG.normal(size=N)


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        (pd.Series(K).astype("category"), ["0", "1", "2", "3", "4"]),
        (pd.Categorical(K), ["0", "1", "2", "3", "4"]),
        (pd.Series(K.astype(str)).astype("category"), ["0", "1", "2", "3", "4"]),
        (pd.Series(K / 2).astype("category"), ["0", "0.5", "1", "1.5", "2"]),
        (pd.Series(K > 2).astype("category"), ["false", "true"]),
        (pd.cut(Y, [-9, -1, 0, 1, 9]), ["(-1, 0]", "(-9, -1]", "(0, 1]", "(1, 9]"]),
        (pd.Series(pd.arrays.IntervalArray(pd.cut(Y, [-9, 0, 9]))), ["(-9, 0]", "(0, 9]"]),
        (pl.Series(K.astype(str)).cast(pl.Enum(list("01234"))), ["0", "1", "2", "3", "4"]),
        (pl.Series(K.astype(str)).cast(pl.Categorical), ["0", "1", "2", "3", "4"]),
        (pa.array(K).dictionary_encode(), ["0", "1", "2", "3", "4"]),
    ],
)
def test_a_category_that_says_so_is_one(column: Any, levels: list[str]) -> None:
    tables: list[Any] = [{"c": column, "y": Y}]
    if type(column).__module__.startswith("pandas"):
        tables.append(pd.DataFrame({"c": column, "y": Y}))
    if isinstance(column, pl.Series):
        tables.append(pl.DataFrame({"c": column, "y": Y}))
    if isinstance(column, pa.Array):
        tables.append(pa.table({"c": column, "y": Y}))
    for table in tables:
        prepared = prepare(table, "y")
        assert prepared.schema.column("c").kind == "category"
        assert list(prepared.train.design.levels[0]) == levels


def test_a_category_of_numbers_predicts_from_numbers_too() -> None:
    model = steepest.fit(pd.DataFrame({"c": pd.Series(K).astype("category"), "y": Y}), "y")
    expected = model.predict(pd.DataFrame({"c": pd.Series([0, 3]).astype("category")})).tolist()
    for new in ([0, 3], [0.0, 3.0], ["0", "3"], np.array([0, 3], np.int8)):
        assert model.predict({"c": new}).tolist() == expected


def test_a_target_that_says_it_is_a_category_holds_classes() -> None:
    many = pd.Series(RNG.integers(0, 50, N)).astype("category")
    for table, target in (({"x": Y, "y": many}, "y"), ({"x": Y}, many)):
        schema = prepare(table, target).schema
        assert schema.task == "multiclass"
        assert schema.classes == tuple(sorted(many.unique()))
        assert "is a category" in schema.task_reason


def times_of(values: Any) -> list[Any]:
    prepared = prepare({"t": values, "x": Y, "y": Y[::-1].copy()}, "y", validation=0)
    names = prepared.train.design.names
    return [prepared.schema.column("t").kind, names]


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "s", "ms", "us", "ns"])
def test_times_of_every_unit_are_read_alike(unit: str) -> None:
    days = np.datetime64("2000-01-01") + RNG.integers(0, 9000, N).astype("timedelta64[D]")
    values = days.astype(f"datetime64[{unit}]")
    column = read({"t": values}).column("t").to_numpy().astype("datetime64[us]")
    assert (column == values.astype("datetime64[us]")).all()


def test_times_beyond_what_can_be_counted_are_refused() -> None:
    for far in (
        np.full(N, 10**9).astype("datetime64[Y]"),
        pa.array([10**15] * N, pa.timestamp("s")),
        pa.array([2**31 - 1] * N, pa.int32()).cast(pa.date32()),
    ):
        with pytest.raises(TableError, match=r"'t'.*(beyond the years|out of bounds)"):
            prepare({"t": far, "x": Y, "y": Y[::-1].copy()}, "y")


ODD: list[tuple[Any, str]] = [
    (pa.array([[1]] * N), "list"),
    (pa.array([b"x"] * N), "binary"),
    (pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int64())), "map"),
    (pa.array([pa.MonthDayNano([1, 2, 3])] * N), "interval"),
    (
        pa.DictionaryArray.from_arrays(pa.array(K, pa.int32()), pa.array([[i] for i in range(5)])),
        "cannot be read",
    ),
    (
        pa.DictionaryArray.from_arrays(pa.array(K, pa.int32()), pa.array([b"a", b"b", b"c", b"d", b"e"])),
        "binary",
    ),
    (["\ud800"] * N, "no Unicode"),
    ([10**5000] * N, "digits"),
    ([1 + 2j] * N, "complex|Python objects"),
]


@pytest.mark.parametrize(("values", "said"), ODD, ids=range(len(ODD)))
def test_columns_that_are_no_columns_are_named(values: Any, said: str) -> None:
    with pytest.raises(TableError, match=f"column 'c'.*({said})"):
        prepare({"c": values, "y": Y}, "y")


@pytest.mark.parametrize(
    "values",
    [
        pa.array(np.float16(K)),
        pa.array([int(k) for k in K]).cast(pa.decimal128(25, 2)),
        pa.array([str(k) for k in K], pa.string_view()),
        pa.array([str(k) for k in K], pa.large_string()),
        pa.array([datetime.time(int(k)) for k in K]),
        pa.array([int(k) for k in K]).cast(pa.duration("s")),
        K.astype(">f8"),
        K.astype(">i4"),
        K.astype(np.longdouble),
        pd.array(K, dtype="Int64"),
        pd.Series(pd.array(K, dtype="Sparse[int]")),
    ],
)
def test_numbers_of_every_type_are_numbers(values: Any) -> None:
    column = prepare({"c": values, "y": Y}, "y").schema.column("c")
    assert column.kind == "number"
    assert column.max in (4.0, 4 * 3600.0)


def test_masked_values_are_missing() -> None:
    masked = np.ma.masked_array(Y, mask=K > 2)
    assert prepare({"c": masked, "y": Y[::-1].copy()}, "y").schema.column("c").missing == (K > 2).sum()
    matrix = np.ma.masked_array(np.c_[Y, Y[::-1]], mask=np.c_[K > 2, K < 0])
    assert prepare(matrix, 1).schema.column("c0").missing == (K > 2).sum()


def test_damaged_arrow_data_are_refused_before_they_are_looked_at() -> None:
    texts = pa.array(["ab", "cd", "ef"])
    offsets = pa.py_buffer(np.array([0, 2, 2**30, 6], np.int32))
    wrong = pa.StringArray.from_buffers(3, offsets, texts.buffers()[2])
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array(["a"]), safe=False)
    bytes_ = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe" * 2)]
    )
    for damaged in (wrong, codes, bytes_):
        for source in (pa.table({"c": damaged}), {"c": damaged}, {"c": pa.chunked_array([damaged])}):
            with pytest.raises(TableError, match="damaged"):
                read(source)


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo"])
def test_damaged_sparse_matrices_are_refused_before_they_are_looked_at(kind: str) -> None:
    whole = sparse.random(40, 8, 0.3, format="csr", random_state=1).asformat(kind)
    assert read(whole).rows == 40
    for name in ("row", "col") if kind == "coo" else ("indptr", "indices"):
        for new in (10**6, -1):
            damaged = whole.copy()
            array = damaged.coords[name == "col"] if kind == "coo" else getattr(damaged, name)
            array[len(array) // 2] = new
            with pytest.raises(TableError, match="a sparse matrix that does not hold together"):
                read(damaged)


def test_whole_numbers_that_say_more_as_levels_are_levels_and_others_are_named() -> None:
    hour = np.tile(np.arange(24), 30)
    rides = 100 * np.sin(hour / 24 * 2 * np.pi * 2) + RNG.normal(size=720)
    for y in (rides, rides > 0):
        assert prepare({"hr": hour, "y": y}, "y").schema.column("hr").kind == "category"
    prepared = prepare({"hr": hour, "y": 3.0 * hour + RNG.normal(size=720)}, "y")
    assert prepared.schema.column("hr").kind == "number"
    assert next(f for f in prepared.findings if f.kind == "few_whole_numbers").severity == "note"


def test_parts_of_a_date_are_called_by_column_and_part() -> None:
    days = np.datetime64("2023-01-01") + np.arange(700).astype("timedelta64[D]")
    names = prepare({"sold": days, "y": RNG.normal(size=700)}, "y").train.design.names
    assert names[:3] == ["sold: year", "sold: day of the year", "sold: month = 1"]
    assert "sold: weekday = Monday" in names


def test_a_column_without_a_value_in_training_is_left_out_and_said() -> None:
    x = np.full(N, np.nan)
    t = np.arange(N)
    x[-20:] = 3.5 + np.arange(20)
    prepared = prepare({"x": x, "z": Y, "t": t, "y": Y[::-1].copy()}, "y", time="t")
    column = prepared.schema.column("x")
    assert (column.kind, column.used, column.filled_with) == ("empty", False, None)
    assert (column.missing, column.missing_in_training) == (N - 20, len(prepared.train.rows))
    assert any(
        "'x' is left out: it has no values in the training rows" in f.sentence for f in prepared.findings
    )


def test_digits_that_begin_with_0_are_codes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{['01067', '53111', '00042'][i % 3]},{i % 2},{i * i % 7}.5" for i in range(60)]
    path.write_text("plz,y,x\n" + "\n".join(rows))
    prepared = prepare(path, "y")
    assert prepared.schema.column("plz").kind == "category"
    assert prepared.train.design.levels[0] == ("00042", "01067", "53111")
    assert any("begin with 0 are codes, not amounts: 'plz'" in f.sentence for f in prepared.findings)
    (tmp_path / "new.csv").write_text("plz,x\n01067,1.5\n53111,2.5\n")
    assert prepared.schema.apply(tmp_path / "new.csv").design.codes[:, 0].tolist() == [1, 2]
    assert prepared.schema.apply({"plz": ["01067"], "x": [1.5]}).design.codes[0, 0] == 1
    assert prepare(path, "y", amounts=["plz"]).schema.column("plz").max == 53111
    path.write_text("n,y\n" + "".join(f"{i},{i % 2}\n" for i in range(60)))
    assert prepare(path, "n", task="regression").schema.classes is None
    path.write_text("code,x\n" + "".join(f"0{i % 3},{i * i % 7}.5\n" for i in range(60)))
    assert prepare(path, "code").schema.classes == ("00", "01", "02")
