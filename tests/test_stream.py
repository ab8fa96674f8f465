"""Tables that are read while a fit computes: the answer is that in memory, and what cannot be read is named."""

import html
import itertools
import os
import signal
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.base import clone

import steepest
from steepest.errors import InputError, TableError
from steepest.linear import GeneralizedLinear, Lasso, LinearRegression, LogisticRegression, Ridge
from steepest.tables.stream import Files, Stream, files_of

ROWS, GROUP = 30_000, 4000


def columns(dtype=np.float64):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(ROWS, 6)) * [1, 30, 0.01, 1, 1, 1] + [0, 500, 0, 0, 2, 0]
    X[:, 3] += X[:, 0]
    margin = X[:, 0] - (X[:, 1] - 500) / 30 + 0.5 * X[:, 4]
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-margin))).astype(np.int8)
    return X.astype(dtype), y, margin + rng.normal(size=ROWS), rng.random(ROWS)


def written(folder, dtype=np.float64, also=("y",), files=3):
    """The table in several files, in row groups of which none ends where a piece does."""
    X, y, t, w = columns(dtype)
    beside = {name: values for name, values in {"y": y, "t": t, "w": w}.items() if name in also}
    table = pa.table({f"x{j}": X[:, j] for j in range(X.shape[1])} | beside)
    for k in range(files):
        first, last = k * ROWS // files, (k + 1) * ROWS // files
        parquet.write_table(
            table.slice(first, last - first), folder / f"part-{k}.parquet", row_group_size=GROUP + 7 * k
        )
    return f"{folder}/part-*.parquet", np.ascontiguousarray(X), y, t, w


@pytest.fixture
def little(monkeypatch):
    """Next to no memory for rows: pieces as small as they come, none of them kept."""
    monkeypatch.setenv("STEEPEST_MEMORY", "0")


def drop(files, *names):
    return Stream(files, [name for name in files.names if name not in names])


@pytest.mark.parametrize("memory", ["0", str(1 << 22), str(1 << 30)])
def test_the_same_bits_as_in_memory(tmp_path, monkeypatch, memory):
    monkeypatch.setenv("STEEPEST_MEMORY", memory)
    cases = [
        (LogisticRegression(), "y"),
        (LogisticRegression(C=0.01, l1_ratio=1.0, solver="saga"), "y"),
        (Lasso(alpha=0.01), "t"),
        (GeneralizedLinear(loss="huber", alpha=1e-3), "t"),
    ]
    for dtype, (model, target) in itertools.product((np.float64, np.float32), cases):
        path, X, y, t, w = written(tmp_path, dtype, (target, "w"))
        streamed = clone(model).fit(path, target, sample_weight="w")
        whole = clone(model).fit(X, y if target == "y" else t, sample_weight=w)
        np.testing.assert_array_equal(streamed.coef_, whole.coef_)
        np.testing.assert_array_equal(streamed.intercept_, whole.intercept_)
        assert streamed.result_.certificate == whole.result_.certificate
        assert list(streamed.feature_names_in_) == [f"x{j}" for j in range(6)]
        # They are sums whose terms are as large as the largest prediction, in an order that the machine chooses.
        predicted = whole.predict(X)
        rounding = 8 * np.finfo(predicted.dtype if target == "t" else float).eps * np.abs(predicted).max()
        np.testing.assert_allclose(streamed.predict(path), predicted, rtol=1e-4, atol=rounding)


def test_least_squares_without_factors(tmp_path, little):
    path, X, _, t, _ = written(tmp_path, also=("t",))
    for make in (LinearRegression, Ridge):
        streamed, whole = make(tol=1e-13).fit(path, "t"), make(tol=1e-13).fit(X, t)
        assert streamed.result_.success
        np.testing.assert_allclose(streamed.coef_, whole.coef_, rtol=1e-5)


def test_rows_are_those_of_the_files_wherever_they_are_asked_for(tmp_path):
    path, X, *_ = written(tmp_path)
    stream = drop(Files(files_of(path)), "y")
    for first, last in ((0, 10), (10, 13_000), (13_000, 30_000), (5, 6), (9_990, 10_010), (29_999, 30_000)):
        parts = [np.column_stack(numbers) for numbers, *_ in stream.read_rows(first, last)]
        np.testing.assert_array_equal(np.concatenate(parts), X[first:last])
    np.testing.assert_array_equal(stream.products(np.eye(6)), X)


def test_partitioned_folders_and_texts_as_classes(tmp_path):
    for year in (2023, 2024):
        folder = tmp_path / f"year={year}"
        folder.mkdir()
        table = pa.table({"x": [0.5, 1.0, 2.0, 4.0], "y": ["no", "yes", "no", "yes"]})
        parquet.write_table(table, folder / "part.parquet")
    model = LogisticRegression().fit(tmp_path, "y")
    assert list(model.feature_names_in_) == ["x", "year"]
    assert list(model.classes_) == ["no", "yes"]
    x = np.array([[x, year] for year in (2023, 2024) for x in (0.5, 1, 2, 4)])
    whole = LogisticRegression().fit(x, ["no", "yes"] * 4)
    np.testing.assert_array_equal(model.coef_, whole.coef_)
    assert list(model.predict(tmp_path)) == list(whole.predict(x))


def test_a_file_that_ends_is_named(tmp_path, little):
    path, *_ = written(tmp_path)
    victim = tmp_path / "part-1.parquet"
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) // 2])
    with pytest.raises(TableError, match=r"part-1\.parquet cannot be read, as when it was cut off"):
        LogisticRegression().fit(path, "y")


def test_a_damaged_row_group_is_named(tmp_path, little):
    path, *_ = written(tmp_path)
    victim = tmp_path / "part-1.parquet"
    start = parquet.read_metadata(victim).row_group(1).column(2).data_page_offset
    data = bytearray(victim.read_bytes())
    data[start : start + 400] = bytes(400)
    victim.write_bytes(data)
    with pytest.raises(TableError, match=r"part-1\.parquet, row group 1, cannot be read"):
        LogisticRegression().fit(path, "y")


@pytest.mark.parametrize("passes", [0.5, 1.5, 3.2])
def test_a_file_that_changes_while_it_is_read_is_named(tmp_path, little, passes):
    path, *_ = written(tmp_path)
    victim = tmp_path / "part-2.parquet"
    read = Stream.read_rows

    def meanwhile(stream, start, stop):
        if stream.passes > passes:
            os.utime(victim, ns=(1, 1))
        return read(stream, start, stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "read_rows", meanwhile)
        for model in (LogisticRegression(), LogisticRegression(C=0.01, l1_ratio=1.0, solver="saga")):
            with pytest.raises(
                TableError, match=r"part-2\.parquet, row group \d+, cannot be read: .*was changed"
            ):
                model.fit(path, "y")
            victim.touch()


@pytest.mark.parametrize("when", [1, 4, 9])
def test_ctrl_c_while_files_are_read(tmp_path, little, monkeypatch, when):
    path, *_ = written(tmp_path)
    read, calls = Stream.read_rows, []

    def pressed(stream, start, stop):
        calls.append(start)
        if len(calls) == when:
            os.kill(os.getpid(), signal.SIGINT)
        return read(stream, start, stop)

    monkeypatch.setattr(Stream, "read_rows", pressed)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        LogisticRegression(C=1e6, tol=1e-12, max_iter=100_000).fit(path, "y")
    # Nothing reads on once the fit has ended.
    seen = len(calls)
    time.sleep(0.05)
    assert len(calls) == seen
    assert threading.active_count() == before
    monkeypatch.setattr(Stream, "read_rows", read)
    assert LogisticRegression().fit(path, "y").result_.outcome == "converged"


def test_an_error_of_the_reading_comes_out_as_itself(tmp_path, little, monkeypatch):
    path, *_ = written(tmp_path)

    def interrupted(stream, start, stop):
        raise KeyError("on purpose")

    monkeypatch.setattr(Stream, "read_rows", interrupted)
    with pytest.raises(KeyError, match="on purpose"):
        LogisticRegression().fit(path, "y")


def test_what_does_not_fit_is_refused_by_name(tmp_path):
    path, *_ = written(tmp_path)
    with pytest.raises(InputError, match="y must be the name of the target's column"):
        Ridge().fit(path, np.zeros(ROWS))
    with pytest.raises(TableError, match="no column 'yy', which is to be the target; did you mean 'y'"):
        Ridge().fit(path, "yy")
    with pytest.raises(TableError, match="no file matches"):
        Ridge().fit(f"{tmp_path}/none-*.parquet", "y")
    with pytest.raises(TableError, match=r"no file '.*part-9.parquet'"):
        Ridge().fit(f"{tmp_path}/part-9.parquet", "y")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match=r"no file in it that ends in .\.parquet"):
        Ridge().fit(tmp_path / "empty", "y")
    with pytest.raises(InputError, match="early_stopping=False"):
        GeneralizedLinear(early_stopping=True).fit(path, "y")
    extra = pa.table({"x0": [1.0], "day": pa.array([1], pa.date32())})
    parquet.write_table(extra, tmp_path / "other.parquet")
    with pytest.raises(
        TableError, match=r"column 'day' is of type date32\[day\], neither .* in other\.parquet"
    ):
        Ridge().fit(tmp_path / "other.parquet", "x0")
    with pytest.raises(TableError, match=r"other\.parquet lacks 'x1'"):
        Ridge().fit([tmp_path / "part-0.parquet", tmp_path / "other.parquet"], "x0")
    gaps = pa.table({"a": [1.0, 2.0, None, 4.0], "b": [1, 2, 3, 4]})
    parquet.write_table(gaps, tmp_path / "gaps.parquet", row_group_size=2)
    with pytest.raises(TableError, match=r"column 'a' is missing in row 0 of row group 1 of gaps\.parquet"):
        Ridge().fit(tmp_path / "gaps.parquet", "b")
    not_finite = pa.table({"a": [1.0, 2.0, np.nan, 4.0], "b": [1, 2, 3, 4]})
    parquet.write_table(not_finite, tmp_path / "nan.parquet")
    with pytest.raises(TableError, match=r"column 'a' is not finite in row 2 of row group 0 of nan\.parquet"):
        Ridge().fit(tmp_path / "nan.parquet", "b")


def mixed(folder, rows=12_000):
    rng = np.random.default_rng(5)
    for k in range(3):
        X, town = rng.normal(size=(rows, 2)) * [1, 100], rng.integers(0, 3, rows)
        y = rng.random(rows) < 1 / (1 + np.exp(-(X[:, 0] + X[:, 1] / 100 + town - 1)))
        names = pa.array(np.array(["Bern", "Chur", "Olten"])[town]).dictionary_encode()
        gaps = pa.array(X[:, 0], mask=rng.random(rows) < 0.02)
        table = pa.table({"a": gaps, "b": X[:, 1], "town": names, "y": np.where(y, "yes", "no")})
        parquet.write_table(table, folder / f"part-{k}.parquet", row_group_size=5000)
    return f"{folder}/part-*.parquet"


def test_fit_of_files_larger_than_memory(tmp_path):
    path = mixed(tmp_path)
    whole = steepest.fit(path, "y", alpha=1e-6)
    model = steepest.fit(path, "y", alpha=1e-6, memory=8_000_000)
    # What the sample taught differs (the fill of gaps, by a sample's median); next to no penalty leaves the rest alike.
    probe = {"a": [0.0, 1.0, None], "b": [3.0, -80.0, 10.0], "town": ["Bern", "Chur", "Olten"]}
    np.testing.assert_allclose(
        np.asarray(model.predict_proba(probe)), np.asarray(whole.predict_proba(probe)), atol=2e-3
    )
    assert "fitted to all 36,000 rows" in " ".join(model.summary().split())
    # The figures themselves say that they are those of a sample.
    for words in (
        ", a sample of 7,812 of 36,000 rows drawn at random. ",
        "On 1,563 held-out rows of the sample, by",
    ):
        assert words in " ".join(model.summary().split())
        assert "sample" not in whole.summary()
    page = html.unescape(model.report(tmp_path / "report.html").read_text()).replace("\xa0", " ")
    for words in (
        "3 columns and 36,000 rows; its columns' kinds, alpha and all figures come from 7,812 of them",
        "Judged on 1,563 held-out rows (validation) of a sample of 7,812 of 36,000 rows by",
    ):
        assert words in page
    (said,) = [finding for finding in model.findings if finding.kind == "sampled"]
    assert said.evidence["rows"] == 36_000
    assert said.evidence["sampled"] < 36_000
    assert not [finding for finding in whole.findings if finding.kind == "sampled"]
    for name, value in {"time": "b", "cv": 3, "sample_weight": "b"}.items():
        with pytest.raises(InputError, match=f"{name}= needs all rows in memory"):
            steepest.fit(path, "y", memory=8_000_000, **{name: value})
    with pytest.raises(InputError, match="leave room for a sample of"):
        steepest.fit(path, "y", memory=100_000)


def test_columns_that_are_of_another_type_in_a_later_file(tmp_path):
    random = np.random.default_rng(5)
    X, y = random.normal(size=(60, 2)), random.normal(size=60)

    def written(number, **changed):
        rows = slice(0, 30) if number == 0 else slice(30, 60)
        wide = np.float32 if number == 0 else np.float64
        columns = {"a": X[rows, 0].astype(wide), "b": X[rows, 1].astype(wide), "y": y[rows]} | changed
        parquet.write_table(pa.table(columns), tmp_path / f"part-{number}.parquet")

    written(0)
    written(1)
    pattern = f"{tmp_path}/part-*.parquet"
    stream = Stream(Files(files_of(pattern)), ["a", "b"])
    exact = np.vstack([X[:30].astype(np.float32).astype(float), X[30:]])
    # The first file is float32: the digits of the second must not be rounded to it.
    np.testing.assert_array_equal(stream.products(np.eye(2)), exact)
    held = Ridge(alpha=0.1).fit(exact, y)
    np.testing.assert_allclose(Ridge(alpha=0.1).fit(pattern, "y").coef_, held.coef_, rtol=1e-9)
    written(1, b=["one"] * 30)
    with pytest.raises(
        TableError, match=r"'b' is of type float in part-0\.parquet and of type string in part-1"
    ):
        Ridge().fit(pattern, "y")
    written(1, y=["one", "two"] * 15)
    with pytest.raises(
        TableError, match=r"'y' is of type double in part-0\.parquet and of type string in part-1"
    ):
        LogisticRegression().fit(pattern, "y")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_named_by_file_and_row(tmp_path, bad):
    for number, y in enumerate(([1.0, 2.0, 4.0, 3.0], [2.0, 1.0, 5.0, bad])):
        table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": y})
        parquet.write_table(table, tmp_path / f"part-{number}.parquet", row_group_size=2)
    with pytest.raises(
        TableError, match=r"'y' is not finite in row 1 of row group 1 of part-1\.parquet: drop the row"
    ):
        Ridge().fit(f"{tmp_path}/part-*.parquet", "y")
