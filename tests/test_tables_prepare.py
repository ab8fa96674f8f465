"""Tables prepared: task, kinds of columns, filling, split, what gives the target away, and new rows."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import InputError, TableError
from steepest.tables import Prepared, Schema, dates, prepare, read, remarks
from steepest.tables.leakage import auc

RNG = np.random.default_rng(3)
N = 400


def frame() -> dict[str, Any]:
    """A table with a column of every kind."""
    rng = np.random.default_rng(1)
    age = rng.normal(40, 9, N)
    age[::10] = np.nan
    town = rng.choice(["Bonn", "Kiel", "Ulm"], N).astype(object)
    town[::40] = "?"
    town[1] = "Rheda"
    town[3] = "Wesel"
    days = np.datetime64("2023-01-01") + rng.integers(0, 700, N)
    return {
        "row": np.arange(N),
        "customer_id": rng.permutation(10_000)[:N],
        "age": age,
        "town": town,
        "member": rng.choice(["yes", "no"], N),
        "since": [str(day) for day in days],
        "note": [f"this is note number {i} of many" for i in range(N)],
        "code": [f"x{i:05d}" for i in range(N)],
        "always": ["a"] * N,
        "age_again": age,
        "nothing": [None] * N,
        "spent": np.exp(rng.normal(3, 1, N)),
        "bought": rng.choice(["no", "yes"], N),
    }


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(frame(), "bought")


def kinds_of(result: Prepared) -> dict[str, tuple[str, bool]]:
    return {column.name: (column.kind, column.used) for column in result.schema.columns}


def test_every_kind_of_column_is_found(prepared: Prepared) -> None:
    assert kinds_of(prepared) == {
        "row": ("identifier", False),
        "customer_id": ("identifier", False),
        "age": ("number", True),
        "town": ("category", True),
        "member": ("boolean", True),
        "since": ("date", True),
        "note": ("text", False),
        "code": ("identifier", False),
        "always": ("constant", False),
        "age_again": ("duplicate", False),
        "nothing": ("empty", False),
        "spent": ("number", True),
        "bought": ("target", False),
    }
    left_out = [finding.sentence for finding in prepared.findings if finding.kind == "column_left_out"]
    assert len(left_out) == 7
    assert any("same as 'age'" in sentence for sentence in left_out)


def test_what_is_filled_is_said(prepared: Prepared) -> None:
    age = prepared.schema.column("age")
    training = np.asarray(frame()["age"])[prepared.train.rows]
    assert age.missing == N // 10
    assert age.filled_with == np.nanmedian(training)
    assert "age is missing" in prepared.train.design.names
    town = prepared.schema.column("town")
    assert town.filled_with == "(missing)"
    sentence = next(f.sentence for f in prepared.findings if "'town' are missing" in f.sentence)
    assert "(written '?')" in sentence


def test_the_dense_design_is_the_numbers_and_the_one_hot_codes(prepared: Prepared) -> None:
    design = prepared.train.design
    dense = design.to_dense()
    assert dense.dtype == np.float64
    assert dense.flags.c_contiguous
    assert dense.shape == (len(prepared.train.y), design.width) == (len(prepared.train.y), len(design.names))
    assert design.codes.dtype == np.int32
    raw = frame()
    for level in ("Bonn", "Kiel", "Ulm"):
        expected = (raw["town"] == level)[prepared.train.rows]
        assert (dense[:, design.names.index(f"town = {level}")] == expected).all()
    month = np.array([int(day[5:7]) for day in raw["since"]])[prepared.train.rows]
    assert (dense[:, design.names.index("since: month = 3")] == (month == 3)).all()
    friday = np.array([np.datetime64(day).item().weekday() == 4 for day in raw["since"]])[prepared.train.rows]
    assert (dense[:, design.names.index("since: weekday = Friday")] == friday).all()


def test_the_split_is_seeded_and_keeps_proportions(prepared: Prepared) -> None:
    again = prepare(frame(), "bought")
    assert (again.train.rows == prepared.train.rows).all()
    other = prepare(frame(), "bought", seed=1)
    assert other.train.rows.tolist() != prepared.train.rows.tolist()
    assert prepared.validation is not None
    together = np.concatenate([prepared.train.rows, prepared.validation.rows])
    assert sorted(together) == list(range(N))
    assert abs(prepared.train.y.mean() - prepared.validation.y.mean()) < 0.02
    assert len(prepared.validation.rows) == N // 5


def test_a_split_by_time_holds_out_the_last(prepared: Prepared) -> None:
    result = prepare(frame(), "bought", time="since")
    since = np.array(frame()["since"], "datetime64[D]")
    assert result.validation is not None
    assert since[result.train.rows].max() < since[result.validation.rows].min()
    with pytest.raises(TableError, match="must hold dates or numbers"):
        prepare(frame(), "bought", time="town")
    with pytest.raises(TableError, match="one time only"):
        prepare({"t": [1.0] * 40, "x": RNG.normal(size=40), "y": [0, 1] * 20}, "y", time="t")


def test_the_schema_survives_json_and_encodes_alike(prepared: Prepared) -> None:
    schema = Schema.from_json(prepared.schema.to_json())
    assert schema == prepared.schema
    table = pd.DataFrame(frame())[list(frame())[::-1]].drop(columns=["bought"])
    table["further"] = 1
    applied = schema.apply(table)
    dense = applied.design.to_dense()
    assert dense[prepared.train.rows].tobytes() == prepared.train.design.to_dense().tobytes()
    assert applied.ignored == ["further"]
    with pytest.raises(InputError, match="this is no schema"):
        Schema.from_json("{}")
    with pytest.raises(InputError, match="update steepest"):
        Schema.from_json(prepared.schema.to_json().replace('{"format": 1', '{"format": 99'))


def test_new_rows_from_a_file_are_encoded_as_from_memory(prepared: Prepared, tmp_path: Path) -> None:
    table = pd.DataFrame(frame())
    table.to_csv(tmp_path / "new.csv", index=False)
    from_file = prepared.schema.apply(tmp_path / "new.csv").design.to_dense()
    assert from_file.tobytes() == prepared.schema.apply(table).design.to_dense().tobytes()


def test_unseen_and_missing_values_in_new_rows(prepared: Prepared) -> None:
    row = {name: values[5:8] for name, values in frame().items() if name != "bought"}
    row["town"] = ["Atlantis", "?", "Wesel"]
    row["spent"] = [None, 2.0, 3.0]
    applied = prepared.schema.apply(row)
    names = applied.design.names
    town = applied.design.to_dense()[:, [names.index(n) for n in names if n.startswith("town = ")]]
    levels = [n for n in names if n.startswith("town = ")]
    assert town[0].sum() == 0
    assert levels[int(town[1].argmax())] == "town = (missing)"
    assert levels[int(town[2].argmax())] == "town = (other)"
    assert applied.unseen["town"] == {"Atlantis": 1}
    assert applied.filled["spent"] == 1
    assert (
        applied.design.to_dense()[0, names.index("spent")] == prepared.schema.column("spent").pieces[0].fill
    )


def test_surprises_in_new_rows_are_named(prepared: Prepared) -> None:
    rows = {name: list(values[:5]) for name, values in frame().items() if name != "bought"}
    with pytest.raises(TableError, match=r"lacks 'town', which the model needs; did you mean 'twon'"):
        prepared.schema.apply({**{k: v for k, v in rows.items() if k != "town"}, "twon": rows["town"]})
    with pytest.raises(TableError, match="column 'age' row 2 holds 'old' where a number was expected"):
        prepared.schema.apply({**rows, "age": ["1", "2", "old", "4", "5"]})
    with pytest.raises(TableError, match="column 'since' row 1 holds 'soon' where a date was expected"):
        prepared.schema.apply({**rows, "since": ["2024-01-01", "soon"] + ["2024-01-03"] * 3})
    with pytest.raises(TableError, match="column 'spent' row 3 is not finite"):
        prepared.schema.apply({**rows, "spent": [1.0, 2.0, 3.0, np.inf, 1.0]})
    one = {name: values[:1] for name, values in rows.items()}
    assert prepared.schema.apply(one).design.rows == 1


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes"] * 50, "binary", ("no", "yes")),
        ([True, False] * 50, "binary", (False, True)),
        ([0, 1] * 50, "binary", (0, 1)),
        ([1.0, 2.0] * 50, "binary", (1, 2)),
        (["a", "b", "c", "d"] * 25, "multiclass", ("a", "b", "c", "d")),
        ([3, 4, 5, 6, 7] * 20, "multiclass", (3, 4, 5, 6, 7)),
        (list(range(100)), "regression", None),
        ([0.5, 1.5] * 50, "regression", None),
    ],
)
def test_the_task_follows_from_the_target(values: list[Any], task: str, classes: Any) -> None:
    result = prepare({"x": RNG.normal(size=100), "y": values}, "y")
    assert (result.schema.task, result.schema.classes) == (task, classes)
    assert "'y'" in result.schema.task_reason


def test_the_task_may_be_asked_for() -> None:
    table = {"x": RNG.normal(size=100), "y": [3, 4, 5, 6, 7] * 20, "words": ["a", "b"] * 50}
    assert prepare(table, "y", task="regression").schema.classes is None
    with pytest.raises(InputError, match="did you mean 'regression'"):
        prepare(table, "y", task="regresion")
    with pytest.raises(TableError, match="holds texts such as 'a'"):
        prepare(table, "words", task="regression")
    with pytest.raises(TableError, match="5 different values"):
        prepare(table, "y", task="binary")


@pytest.mark.parametrize(
    ("table", "target", "said"),
    [
        ({"x": [1.0, 2.0], "y": [1, 1]}, "y", "one class only"),
        ({"x": [1.0, 2.0], "y": [0.5, 0.5]}, "y", "one value only"),
        ({"x": [1.0, 2.0], "y": [None, None]}, "y", "has no values"),
        ({"x": [1.0], "y": [1]}, "y", "one row with a target"),
        ({"x": [1.0, 2.0], "y": [0, 1]}, "z", "no column 'z' to be the target"),
        ({"x": [1.0, 2.0], "y": [0, 1]}, None, "name the column"),
        ({"y": [0, 1] * 20}, "y", "no column besides the target"),
        ({"x": [1.0] * 40, "y": [0, 1] * 20}, "y", "no column of the dict is left"),
        ({"x": [np.inf, *range(39)], "y": [0, 1] * 20}, "y", "column 'x' row 0 is not finite"),
        ({"x": range(40), "y": [np.inf, *range(39)]}, "y", "target 'y' row 0 is not finite"),
        ({"x": [1, 2] * 20, "y": [f"t{i}" for i in range(40)]}, "y", "those are no classes"),
        ({"x": [1, 2] * 20, "y": [f"2024-01-{i % 4 + 1:02d}" for i in range(40)]}, "y", None),
        ({"x": ["abc", *map(str, range(39))], "y": [0, 1] * 20}, "y", "column 'x' row 0 holds 'abc'"),
        ({"x": [2**60, 2**60 + 2] * 20, "y": [0, 1] * 20}, "y", r"beyond 2\^53"),
        ({"x": [[1, 2]] * 40, "y": [0, 1] * 20}, "y", "column 'x' must have one dimension|holds list"),
    ],
)
def test_bad_tables_are_refused_in_words(table: dict[str, Any], target: str | None, said: str | None) -> None:
    if said is None:
        assert prepare(table, target).schema.task == "multiclass"
        return
    with pytest.raises(TableError, match=said):
        prepare(table, target)


def test_bad_options_are_refused_in_words() -> None:
    table = {"x": RNG.normal(size=40), "y": [0, 1] * 20}
    for options, said in [
        ({"validation": 1.0}, "validation must be at least 0 and below 1"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"missing": "ignore"}, "missing must be 'fill', 'impute' or 'refuse'"),
        ({"drop": "x"}, r"pass \['x'\]"),
        ({"drop": ["y"]}, "cannot be dropped"),
        ({"drop": ["z"]}, "no column 'z'"),
    ]:
        with pytest.raises(InputError, match=said):
            prepare(table, "y", **options)  # type: ignore[arg-type]


def test_missing_values_as_asked() -> None:
    x = RNG.normal(size=40)
    x[3], x[5] = np.nan, np.inf
    table = {"x": x, "y": [0, 1] * 20}
    filled = prepare(table, "y", missing="impute", validation=0)
    assert np.isfinite(filled.train.design.numbers).all()
    with pytest.raises(TableError, match="column 'x' row 3 is missing"):
        prepare(table, "y", missing="refuse")
    words = {"x": ["abc", *map(str, range(39))], "y": [0, 1] * 20}
    assert prepare(words, "y", missing="impute").schema.column("x").missing == 1


def test_rows_without_a_target_are_left_out_and_said() -> None:
    result = prepare({"x": RNG.normal(size=42), "y": ["a", "b"] * 20 + ["?", ""]}, "y")
    assert result.dropped == 2
    assert any("2 of 42 rows have no target" in finding.sentence for finding in result.findings)


def giveaway(table: dict[str, Any], **options: Any) -> list[str]:
    result = prepare(table, "y", **options)
    found = [finding for finding in result.findings if finding.kind == "too_good_to_be_true"]
    return found[0].evidence["columns"] if found else []


def test_columns_that_give_the_target_away_are_named() -> None:
    rng = np.random.default_rng(5)
    noise = {f"x{j}": rng.normal(size=600) for j in range(6)}
    y = rng.normal(size=600)
    assert giveaway({**noise, "y": y}) == []
    assert giveaway({**noise, "copy": 3 * y + 1, "y": y}) == ["copy"]
    part = rng.normal(size=600)
    assert sorted(giveaway({**noise, "part": part, "rest": y - part, "y": y})) == ["part", "rest"]
    third = rng.normal(size=600)
    split = {"p": 1e4 * part, "q": third, "r": y - part - third}
    assert sorted(giveaway({**noise, **split, "y": y})) == ["p", "q", "r"]
    yes = y > 0.3
    assert giveaway({**noise, "y": yes}) == []
    assert giveaway({**noise, "score": np.exp(y), "y": yes}) == ["score"]
    assert giveaway({**noise, "word": np.where(yes, "in", "out"), "y": yes}) == ["word"]
    assert sorted(giveaway({**noise, "part": part, "rest": y - part, "y": yes})) == ["part", "rest"]
    three = np.digitize(y, [-0.5, 0.5])
    assert giveaway({**noise, "y": three}) == []
    assert giveaway({**noise, "score": y, "y": three}) == ["score"]


@pytest.mark.parametrize(
    ("leak", "columns", "said"),
    [
        (lambda y, a, b: {"l": -(y**3)}, ["l"], "rises or falls with it throughout"),
        (lambda y, a, b: {"l": np.log(y)}, ["l"], "one of them is a function of the other"),
        (lambda y, a, b: {"l": 2 * y + 1}, ["l"], "a straight line in it"),
        (lambda y, a, b: {"a": a, "b": y / a}, ["b", "a"], r"y = (b · a|a · b) \("),
        (lambda y, a, b: {"a": a, "b": 5 * y * a * a}, ["a", "b"], r"y = 0\.2 · (a\^-2 · b|b · a\^-2) \("),
        (lambda y, a, b: {"a": a, "b": 3 * y - a}, ["b", "a"], r"y = 0\.3333 · "),
    ],
)
def test_what_is_made_of_the_target_gives_it_away(leak: Any, columns: list[str], said: str) -> None:
    rng = np.random.default_rng(5)
    y, a, b = np.exp(rng.normal(size=N)), rng.uniform(1, 9, N), rng.uniform(1, 9, N)
    findings = prepare({"x": rng.normal(size=N) + y, **leak(y, a, b), "y": y}, "y").findings
    found = next(f for f in findings if f.kind == "too_good_to_be_true")
    assert sorted(found.evidence["columns"]) == sorted(columns)
    assert re.search(said, found.sentence)


def test_numbers_that_stand_for_missing_ones_are_named() -> None:
    rng = np.random.default_rng(5)
    table = {"x": rng.normal(size=N), "c": rng.integers(0, 100, N), "y": rng.normal(size=N)}
    assert not [f for f in prepare(table, "y").findings if f.kind == "may_mean_missing"]
    for mark in (-999, 9999):
        table["c"][::10] = mark
        found = next(f for f in prepare(table, "y").findings if f.kind == "may_mean_missing")
        assert found.evidence == {"value": mark, "rows": N // 10}
        assert f"is {mark} in 40 rows (10" in found.sentence


def test_what_is_missing_in_a_target_is_said_where_nothing_is_left() -> None:
    x = RNG.normal(size=60)
    with pytest.raises(TableError, match=r"one class only, 'ok'.*'nan' \(30 rows\) counts as missing"):
        prepare({"x": x, "y": ["nan", "ok"] * 30}, "y")
    assert prepare({"x": x, "y": ["nan", "ok"] * 30}, "y", missing_target=[]).schema.classes == ("nan", "ok")
    with pytest.raises(TableError, match=r"one class only, 'ok'.*\(30 rows have no value\)"):
        prepare({"x": x, "y": ["", "ok"] * 30}, "y")
    with pytest.raises(TableError, match=r"target 'y' row 0 holds 'n\.k\.' .*missing_target="):
        prepare({"x": x, "y": ["n.k.", *(f"{v:.3f}" for v in x[1:])]}, "y")
    with pytest.raises(TableError, match="the target 'y' holds dates"):
        prepare({"x": x, "y": pd.date_range("2024", periods=60).astype(str)}, "y")
    assert prepare({"x": x, "y": ["01", "02"] * 30}, "y").schema.classes == ("01", "02")


def test_bundled_data_raise_no_false_alarm() -> None:
    for name in ("breast_cancer", "diabetes", "digits", "iris", "wine"):
        severe = [f.sentence for f in prepare(name).findings if f.severity != "note"]
        assert severe == [], name


def test_rows_on_both_sides_of_the_split_are_counted() -> None:
    x = np.tile(RNG.normal(size=100), 4)
    result = prepare({"x": x, "y": np.tile([0, 1], 200)}, "y")
    assert any(finding.kind == "repeated_rows" for finding in result.findings)


def test_a_test_table_is_matched_by_name_or_by_position(tmp_path: Path) -> None:
    table = pd.DataFrame(frame())
    swapped = table[list(table)[::-1]]
    result = prepare(table, "bought", test=swapped)
    assert result.test is not None
    assert (result.test.y == result.schema.apply(table).table.column("bought").to_numpy().__eq__("yes")).all()
    lines = [f"{i % 3},{i * 7 % 11},{i % 2}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    (tmp_path / "test.csv").write_text("\n".join(lines[:10]))
    bare = prepare(tmp_path / "train.csv", -1, test=tmp_path / "test.csv")
    assert bare.test is not None
    assert bare.test.design.rows == 10
    assert bare.schema.apply(np.array([[1, 2], [0, 4]])).design.rows == 2
    with pytest.raises(TableError, match="matched by position"):
        bare.schema.apply(np.ones((2, 7)))
    with pytest.raises(TableError, match="none of the classes"):
        prepare(table, "bought", test=table.assign(bought="maybe"))
    with pytest.raises(TableError, match="lacks the target"):
        prepare(table, "bought", test=table.drop(columns="bought"))


def test_the_target_may_be_passed_as_values() -> None:
    x = RNG.normal(size=(80, 3))
    y = np.tile(["a", "b"], 40)
    result = prepare(x, y)
    assert (result.schema.target, result.schema.classes) == ("target", ("a", "b"))
    assert result.train.design.width == 3
    assert result.schema.apply(x[:4]).design.rows == 4
    assert prepare({"x": x[:, 0]}, pd.Series(y)).schema.task == "binary"
    with pytest.raises(TableError, match=r"one value a row \(80 here\); got 3 values"):
        prepare(x, [1, 2, 3])
    with pytest.raises(TableError, match="'target' already"):
        prepare({"target": y, "x": x[:, 0]}, y)


def test_a_file_without_header_is_read_alike_when_applied(tmp_path: Path) -> None:
    lines = [f"{'uvw'[i % 3]};{i * 7 % 11}.5;{['no', 'yes'][i % 2]}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    schema = prepare(tmp_path / "train.csv", -1).schema
    (tmp_path / "new.csv").write_text("u;1.5;no\nw;2.5;yes\n")
    assert schema.apply(tmp_path / "new.csv").design.rows == 2
    (tmp_path / "bare.csv").write_text("u;1.5\nw;2.5\n")
    assert schema.apply(tmp_path / "bare.csv").design.numbers[:, 0].tolist() == [1.5, 2.5]


def test_categories_may_be_asked_for() -> None:
    table = {"hour": np.tile(np.arange(24), 20), "y": RNG.normal(size=480)}
    plain = prepare(table, "y")
    assert any(finding.kind == "few_whole_numbers" for finding in plain.findings)
    chosen = prepare(table, "y", categories=["hour"])
    assert chosen.train.design.width == 24
    as_floats = chosen.schema.apply({"hour": [3.0, np.nan, 30.0]}).design.codes[:, 0]
    assert chosen.train.design.levels[0][as_floats[0]] == "3"
    assert as_floats.tolist()[1:] == [-1, -1]


def test_dates_in_many_forms() -> None:
    days = pd.date_range("2024-01-15", periods=60, freq="D")
    y = RNG.normal(size=60)
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%B %d, %Y", "%Y-%m-%dT%H:%M:%S"):
        result = prepare({"d": [day.strftime(form) for day in days], "x": y, "y": y[::-1].copy()}, "y")
        piece = next(piece for piece in result.schema.pieces if piece.part == "day_of_year")
        column = result.train.design.names.index(piece.name)
        assert (result.train.design.numbers[:, column] == days.day_of_year[result.train.rows]).all(), form
    unsure = prepare({"d": [f"{i % 12 + 1}/{i % 11 + 1}/2024" for i in range(60)], "y": y}, "y")
    assert any(finding.kind == "ambiguous_date" for finding in unsure.findings)


@pytest.mark.parametrize(
    ("texts", "format", "first", "last"),
    [
        (["31.12.99", "01.01.00", "02.03.05"], "%d.%m.%y", "1999-12-31", "2005-03-02"),
        (["12/31/68", "1/2/69", "3/4/24"], "%m/%d/%y", "2068-12-31", "2024-03-04"),
        (["31-12-99", "01-02-03"], "%d-%m-%y", "1999-12-31", "2003-02-01"),
        (["31.1.2024", "1.2.2024"], "%d.%m.%Y", "2024-01-31", "2024-02-01"),
        (["0099-12-31", "0024-01-01"], "iso", "0099-12-31", "0024-01-01"),
    ],
)
def test_years_in_two_digits_are_years_of_a_century(
    texts: list[str], format: str, first: str, last: str
) -> None:
    found = dates.recognise(texts)
    assert found is not None
    assert (found.format, found.ambiguous) == (format, False)
    assert found.times.astype("datetime64[D]").astype(str).tolist()[:: len(texts) - 1] == [first, last]


def test_days_that_are_none_are_no_dates() -> None:
    assert dates.recognise(["2024-02-29"]) is not None
    assert dates.recognise(["2024-02-30", "2023-02-01"]) is None
    assert dates.recognise(["31.4.2024"]) is None
    texts = [f"2024-02-{i % 28 + 1:02d}" for i in range(59)] + ["2024-02-30"]
    table = {"d": texts, "x": RNG.normal(size=60), "y": RNG.normal(size=60)}
    with pytest.raises(TableError, match="'d' row 59 holds '2024-02-30' where 59 of 60 values are dates"):
        prepare(table, "y")
    assert prepare(table, "y", missing="impute").schema.column("d").missing == 1
    table["d"] = [*texts[:-1], "0000-00-00"]
    assert prepare(table, "y").schema.column("d").missing == 1


def test_whole_numbers_that_write_days_are_dates(tmp_path: Path) -> None:
    days = pd.date_range("2023-11-15", periods=60, freq="D")
    table = {"d": [int(f"{day:%Y%m%d}") for day in days], "x": RNG.normal(size=60), "y": RNG.normal(size=60)}
    result = prepare(table, "y")
    assert (result.schema.column("d").kind, result.schema.column("d").format) == ("date", "%Y%m%d")
    assert any("whole numbers that write dates" in finding.sentence for finding in result.findings)
    again = Schema.from_json(result.schema.to_json())
    number = [piece.part for piece in again.pieces if piece.part in ("year", "day_of_year")].index("year")
    assert again.apply({"d": [20240229], "x": [0.0]}).design.numbers[0, number] == 2024
    assert again.apply({"d": ["20240229"], "x": [0.0]}).design.numbers[0, number] == 2024
    with pytest.raises(TableError, match="'d' held dates when the model was fitted; now it holds numbers"):
        again.apply({"d": [20240230], "x": [0.0]})
    assert prepare(table, "y", amounts=["d"]).schema.column("d").kind == "number"
    table["d"][30] += 40
    assert prepare(table, "y").schema.column("d").kind == "number"
    table["d"] = [int(f"{day:%Y%m}") for day in pd.date_range("2019-01-01", periods=60, freq="MS")]
    assert prepare(table, "y").schema.column("d").format == "%Y%m"


def test_times_of_the_day_are_held_to_what_they_are(tmp_path: Path) -> None:
    texts = [f"{i % 24}:{i:02d}" for i in range(60)]
    table = {"t": texts, "x": RNG.normal(size=60), "y": RNG.normal(size=60)}
    (tmp_path / "t.csv").write_text(
        "t,x,y\n" + "\n".join(f"{t},{x},{y}" for t, x, y in zip(*table.values(), strict=True))
    )
    for source in (table, tmp_path / "t.csv"):
        schema = Schema.from_json(prepare(source, "y").schema.to_json())
        place = [piece.name for piece in schema.pieces].index("t")
        assert schema.apply({"t": ["01:00"], "x": [0.0]}).design.numbers[0, place] == 3600
        assert schema.apply({"t": [time(1)], "x": [0.0]}).design.numbers[0, place] == 3600
        with pytest.raises(TableError, match="held times of the day when the model was fitted"):
            schema.apply({"t": [3600.0], "x": [0.0]})
        with pytest.raises(TableError, match="row 0 holds 'noon' where a time of the day was expected"):
            schema.apply({"t": ["noon"], "x": [0.0]})
    numbers = prepare({"t": RNG.normal(size=60), "x": table["x"], "y": table["y"]}, "y").schema
    with pytest.raises(
        TableError, match="held numbers when the model was fitted; now it holds times of the day"
    ):
        numbers.apply({"t": [time(1)], "x": [0.0]})


def test_values_far_from_those_fitted_to_are_counted() -> None:
    schema = prepare({"x": RNG.uniform(0, 10, 60), "y": RNG.normal(size=60)}, "y").schema
    applied = schema.apply({"x": [1274.0, 5.0, 19.0, -11.0, None]})
    assert applied.far["x"][0] == 2
    assert any(
        "2 values of 'x' in the dict lie far outside" in f.sentence for f in remarks.about_applied(applied)
    )
    assert not schema.apply({"x": [0.0, 10.0]}).far
    huge = prepare({"x": np.linspace(-1, 1, 60) * 1.7e308, "y": RNG.normal(size=60)}, "y", validation=0.1)
    assert not huge.schema.apply({"x": [-1.7e308, 1.7e308]}).far


def test_codes_in_memory_are_codes_as_in_files() -> None:
    codes = [["01067", "53111", "00042"][i % 3] for i in range(60)]
    table = {"plz": codes, "y": RNG.normal(size=60)}
    assert prepare(table, "y").schema.column("plz").kind == "category"
    assert prepare(table, "y", amounts=["plz"]).schema.column("plz").max == 53111


def test_levels_called_as_ours_are_levels() -> None:
    levels = [["(other)", "(missing)", "a"][i % 3] for i in range(57)] + ["p", "q", None]
    result = prepare({"v": levels, "y": RNG.normal(size=60)}, "y", validation=0.1)
    found = result.schema.apply({"v": ["(other)", "(missing)", "a", None]}).design
    assert len(set(found.levels[0])) == len(found.levels[0])
    assert found.codes[0, 0] >= 0
    assert found.codes[1, 0] == found.codes[3, 0] >= 0


def test_texts_that_each_stand_in_few_rows_are_said_to() -> None:
    table = {"v": [f"L{i % 30}" for i in range(60)], "x": RNG.normal(size=60), "y": RNG.normal(size=60)}
    column = prepare(table, "y").schema.column("v")
    assert (column.used, column.reason) == (False, "each of its 30 texts stands in few rows")
    table["v"] = [f"{v:.2f} kg" for v in RNG.normal(size=60) ** 2]
    left = next(f for f in prepare(table, "y").findings if f.kind == "column_left_out")
    assert left.severity == "warning"
    assert "numbers with more beside them" in left.sentence


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=4, max_size=40).filter(
        lambda rows: 0 < sum(row[1] for row in rows) < len(rows)
    )
)
def test_the_area_under_the_curve_counts_ordered_pairs(rows: list[tuple[float, bool]]) -> None:
    score = np.array([row[0] for row in rows])
    positive = np.array([row[1] for row in rows])
    pairs = score[positive][:, None] - score[~positive][None]
    assert auc(score, positive) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6)),
            st.one_of(st.none(), st.sampled_from(["a", "b", "c", "?", " d "])),
            st.sampled_from([0, 1]),
        ),
        min_size=6,
        max_size=60,
    )
)
def test_the_training_table_is_encoded_to_the_same_bits(rows: list[tuple[Any, Any, int]]) -> None:
    table = {"x": [r[0] for r in rows], "c": [r[1] for r in rows], "y": [r[2] for r in rows]}
    table["z"] = list(np.sin(np.arange(len(rows))))
    try:
        result = prepare(table, "y", validation=0)
    except TableError:
        return
    assert np.isfinite(result.train.design.numbers).all()
    again = Schema.from_json(result.schema.to_json()).apply(table).design
    assert again.to_dense().tobytes() == result.train.design.to_dense().tobytes()


def test_the_caller_s_data_are_not_written() -> None:
    matrix = RNG.normal(size=(60, 3))
    matrix[4, 1] = np.nan
    matrix[:, 2] = np.tile([0, 1], 30)
    before = matrix.copy()
    prepare(matrix, 2)
    assert matrix.tobytes() == before.tobytes()
    assert read(matrix).rows == 60


def test_a_date_that_gives_the_target_away_is_left_out_by_its_own_name() -> None:
    days = np.arange(np.datetime64("2023-01-02"), np.datetime64("2023-12-02"))
    table = {"sold on": days, "b": RNG.normal(size=len(days)), "y": 0.5 * np.arange(len(days))}
    found = next(f for f in prepare(table, "y").findings if f.kind == "too_good_to_be_true")
    assert found.evidence["columns"] == ["sold on: day of the year"]
    assert found.remedy.endswith(
        "leave it out, in Python with drop=['sold on'], on the command line with --drop 'sold on'"
    )


def test_a_column_of_the_frame_itself_as_target_is_not_learned_from() -> None:
    frame = pd.DataFrame({"a": [1.5, 2.0, 0.5] * 9, "y": [0.25, np.nan, 1.0] * 9})
    schema = prepare(frame, frame["y"]).schema
    assert (schema.target, [c.name for c in schema.columns if c.used]) == ("y", ["a"])
    other = frame["y"] + 1
    assert prepare(frame, other).schema.target == "target"
    texts = pd.DataFrame({"a": [1.5, 2.0, 0.5] * 9, "y": ["p", "q", "q"] * 9})
    assert prepare(texts, texts["y"]).schema.target == "y"


def test_levels_and_classes_that_differ_in_capitals_are_said_to() -> None:
    table = {"city": ["Bern", "bern", "Zug", "e\u0301a", "éa"] * 8, "y": ["Yes", "yes ", "no", "No"] * 10}
    found = [f for f in prepare(table, "y").findings if f.kind == "spelt_alike"]
    assert [f.severity for f in found] == ["warning", "note"]
    assert "'No' and 'no'; 'Yes' and 'yes'" in found[0].sentence
    assert "'Bern' and 'bern'" in found[1].sentence
    codes = {"allele": ["A", "a"] * 20, "y": np.arange(40) + 0.5}
    assert not [f for f in prepare(codes, "y").findings if f.kind == "spelt_alike"]


def test_a_number_beyond_the_range_of_a_few_rows_is_not_called_far() -> None:
    """Of three values others lie beyond by more than their width one time in some; of many hardly ever."""
    few = prepare({"x": [1.0, 2.0, 3.0, 1.5, 2.5], "y": [1.0, 2.0, 3.0, 1.0, 2.0]}, "y", validation=0).schema
    assert few.column("x").max == 3.0
    assert not few.apply({"x": [5.3]}).far
    assert few.apply({"x": [50.0]}).far


def test_a_decimal_mark_of_other_rows_is_named_with_how_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{i + 0.5},{i}\n" for i in range(30)))
    schema = prepare(path, "y").schema
    path.write_text('x,y\n"1500,5",1\n')
    with pytest.raises(
        TableError, match=r"'1500,5' where a number was expected: .*read these rows with decimal=','"
    ):
        schema.apply(path)
    path.write_text("x,y\nold,1\n")
    with pytest.raises(TableError, match="'old' where a number was expected: mend it"):
        schema.apply(path)


@pytest.mark.parametrize("what", ["target", "sample_weight"])
def test_values_whose_labels_stand_in_another_order_are_refused(what: str) -> None:
    frame = pd.DataFrame({"x": np.arange(40.0)}, index=[f"r{i}" for i in range(40)])
    values = frame["x"].rename("y") + 1
    turned = values[::-1]
    given = {"target": turned} if what == "target" else {"target": values, "weight": turned}
    with pytest.raises(
        TableError, match=rf"{what} has the labels .* another order \(row 0 is 'r0' .*'r39' there\)"
    ):
        prepare(frame, **given)
    # Values of other rows, or without labels, stand as they are.
    for other in (values, values.to_numpy(), values.reset_index(drop=True)):
        prepare(frame, other)
