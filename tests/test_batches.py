"""Categories as codes, and rows from anything that gives batches: the answer is that in memory, to the bit."""

import gc
import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, dataset, feather, ipc, parquet
from scipy import sparse
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder

import steepest
from steepest.errors import InputError, TableError
from steepest.linear import (
    GeneralizedLinear,
    Lasso,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from steepest.linear.problem import Problem
from steepest.tables.stream import Stream, batches_of

TOWNS = np.array(["Olten", "Bern", "Zug", "Chur"])


def table(rows=9000, dtype=np.float64):
    rng = np.random.default_rng(11)
    x, town, year = (
        rng.normal(size=(rows, 2)) * [1, 100],
        rng.integers(0, 4, rows),
        rng.integers(2020, 2023, rows),
    )
    margin = x[:, 0] - x[:, 1] / 100 + town - 1.5 + 0.3 * (year - 2021)
    y = rng.random(rows) < 1 / (1 + np.exp(-margin))
    return pa.table(
        {
            "a": x[:, 0].astype(dtype),
            "town": TOWNS[town],
            "b": x[:, 1].astype(dtype),
            "year": pa.array(year).dictionary_encode(),
            "y": np.where(y, "yes", "no"),
            "t": margin + rng.normal(size=rows),
            "n": rng.poisson(np.exp(margin / 4)),
            "w": rng.random(rows),
            "e": 0.5 + rng.random(rows),
        }
    )


def files(folder, whole, count=3, **options):
    """In several files, whose dictionaries differ and are in other orders; the last one has plain texts."""
    step = whole.num_rows // count
    for k in range(count):
        part = whole.slice(k * step, step if k < count - 1 else None)
        if k < count - 1 and "town" in part.column_names:
            levels = pa.array([*TOWNS[k + 1 :], "nowhere", *TOWNS[: k + 1]])
            codes = pa.array([levels.to_pylist().index(town) for town in part["town"].to_pylist()], pa.int8())
            part = part.set_column(1, "town", pa.DictionaryArray.from_arrays(codes, levels))
        parquet.write_table(part, folder / f"part-{k}.parquet", row_group_size=1100 + 13 * k, **options)
    return f"{folder}/part-*.parquet"


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setenv("STEEPEST_MEMORY", "0")


def in_memory(monkeypatch):
    """What is read is held as one table of numbers and codes instead."""
    solve = Problem.solve

    def held(self, X, *arguments, **options):
        parts = [(np.column_stack(numbers), codes) for numbers, codes, _ in X.read_rows(0, X.shape[0])]
        whole = SimpleNamespace(
            numbers=np.ascontiguousarray(np.concatenate([n for n, _ in parts])),
            codes=np.ascontiguousarray(np.concatenate([c for _, c in parts], axis=1)),
            levels=X.levels,
        )
        return solve(self, whole, *arguments, **options)

    monkeypatch.setattr(Problem, "solve", held)


CASES = [
    (LogisticRegression(), "y"),
    (LogisticRegression(C=0.01, l1_ratio=1.0, solver="saga"), "y"),
    (Lasso(alpha=0.01), "t"),
    (Ridge(), "t"),
    (PoissonRegressor(), "n"),
    (GeneralizedLinear(loss="huber", alpha=1e-3), "t"),
]


@pytest.mark.parametrize(("model", "target"), CASES)
@pytest.mark.parametrize("memory", ["0", str(1 << 20), str(1 << 30)])
def test_categories_in_files_have_the_bits_of_codes_in_memory(tmp_path, monkeypatch, model, target, memory):
    whole = table().select(["a", "town", "b", "year", target, "w"])
    path = files(tmp_path, whole)
    monkeypatch.setenv("STEEPEST_MEMORY", memory)
    streamed = model.fit(path, target, sample_weight="w")
    coef, intercept, result = streamed.coef_, streamed.intercept_, streamed.result_
    assert list(streamed.feature_names_in_) == ["a", "town", "b", "year"]
    # Parquet keeps codes of texts, not those of numbers.
    assert {name: list(levels) for name, levels in streamed.categories_.items()} == {"town": sorted(TOWNS)}
    assert list(streamed.coef_names_[:4]) == ["a", "b", "year", "town = Bern"]
    in_memory(monkeypatch)
    held = model.fit(path, target, sample_weight="w")
    np.testing.assert_array_equal(coef, held.coef_)
    np.testing.assert_array_equal(intercept, held.intercept_)
    assert result.success
    assert result.certificate == held.result_.certificate


def one_hot(whole):
    encoder = OneHotEncoder(sparse_output=False)
    levels = encoder.fit_transform(whole.select(["town", "year"]).to_pandas())
    return np.column_stack([whole["a"], whole["b"], levels])


@pytest.mark.parametrize(("make", "target"), [(Ridge, "t"), (LogisticRegression, "y")])
def test_codes_stand_for_one_hot_columns(little, make, target):
    whole = table()
    some = whole.select(["a", "town", "b", "year", target])
    X = one_hot(whole)
    model = make(tol=1e-12).fit(lambda: some.to_batches(700), target)
    peer = make(tol=1e-12).fit(X, whole[target].to_numpy(zero_copy_only=False))
    assert list(model.categories_["year"]) == [2020, 2021, 2022]
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-4, atol=1e-5)
    predicted = model.predict(lambda: some.to_batches(700))
    frame = whole.to_pandas().assign(year=whole["year"].to_pandas())
    for table_in_memory in (whole, frame, pl.from_arrow(whole)):
        np.testing.assert_array_equal(predicted, model.predict(table_in_memory))
    if target == "t":
        np.testing.assert_allclose(predicted, peer.predict(X), atol=1e-4)
    else:
        assert np.mean(predicted == peer.predict(X)) > 0.999


def test_what_a_model_of_categories_does_not_know(tmp_path):
    whole = table(600).select(["a", "town", "t"])
    model = Ridge().fit(files(tmp_path, whole), "t")
    frame = pd.DataFrame({"a": [0.0, 0.0], "town": ["Genf", "Bern"]})
    first, second = model.predict(frame)
    assert first == pytest.approx(model.intercept_)
    assert second == pytest.approx(
        model.intercept_ + model.coef_[list(model.coef_names_).index("town = Bern")]
    )
    with pytest.raises(TableError, match="'town' has categories in the model, and numbers here"):
        model.predict(pd.DataFrame({"a": [0.0], "town": [1.0]}))
    with pytest.raises(TableError, match="'a' has numbers in the model, and categories here"):
        model.predict(pd.DataFrame({"a": ["0"], "town": ["Bern"]}))
    with pytest.raises(
        InputError, match=r"this model has categories or sparse columns, .* pass a frame; got ndarray"
    ):
        model.predict(np.zeros((2, 2)))
    with pytest.raises(TableError, match="no column 'town'"):
        model.predict(pd.DataFrame({"a": [0.0]}))
    model.fit(np.zeros((3, 1)), [1.0, 2.0, 3.0])
    assert not hasattr(model, "categories_")


def test_only_categories_and_missing_ones(tmp_path, little):
    whole = table(600).select(["town", "t"])
    model = Ridge().fit(lambda: whole.to_batches(100), "t")
    assert model.coef_.shape == (4,)
    gaps = whole.set_column(0, "town", pa.array([None if k == 250 else "x" for k in range(600)]))
    with pytest.raises(
        TableError, match="column 'town' is missing in row 50 of batch 2: fill it or drop the row"
    ):
        Ridge().fit(lambda: gaps.to_batches(100), "t")
    parquet.write_table(gaps, tmp_path / "gaps.parquet", row_group_size=200)
    with pytest.raises(TableError, match=r"'town' is missing in row 50 of row group 1 of gaps\.parquet"):
        Ridge().fit(tmp_path / "gaps.parquet", "t")


class Once:
    """An Arrow stream that can be taken as often as is asked, as of a query, and is nothing else."""

    def __init__(self, whole):
        self.whole = whole

    def __arrow_c_stream__(self, requested_schema=None):
        return self.whole.__arrow_c_stream__(requested_schema)


def written(folder, whole, kind):
    """Two files of a kind, and a pattern for them."""
    for k in range(2):
        part, path = whole.slice(4000 * k, 4000 if k == 0 else None), folder / f"p-{k}.{kind}"
        if kind == "csv":
            csv.write_csv(part, path)
        elif kind == "csv.gz":
            with pa.output_stream(path, compression="gzip") as stream:
                csv.write_csv(part, stream)
        elif kind == "feather":
            feather.write_feather(part, path, chunksize=700)
        else:
            with ipc.new_stream(path, part.schema) as stream:
                stream.write_table(part, max_chunksize=700)
    return f"{folder}/p-*.{kind}"


SOURCES = {
    "function": lambda whole, _: lambda: iter(whole.to_batches(700)),
    "frames": lambda whole, _: lambda: (whole.slice(k, 900).to_pandas() for k in range(0, 9000, 900)),
    "dicts": lambda whole, _: lambda: (whole.slice(k, 900).to_pydict() for k in range(0, 9000, 900)),
    "polars frames": lambda whole, _: lambda: pl.from_arrow(whole).iter_slices(1000),
    "iterator": lambda whole, _: iter(whole.to_batches(700)),
    "reader": lambda whole, _: whole.to_reader(700),
    "list": lambda whole, _: whole.to_batches(700),
    "stream": lambda whole, _: Once(whole),
    "lazy frame": lambda whole, _: pl.from_arrow(whole).lazy(),
    "categories": lambda whole, _: pl.from_arrow(whole).cast({"town": pl.Categorical}).lazy(),
    "Enums": lambda whole, _: (
        lambda: pl.from_arrow(whole).cast({"town": pl.Enum(whole["town"].unique())}).iter_slices(4000)
    ),
    "data set": lambda whole, _: dataset.dataset(whole.to_batches(700), whole.schema),
    "parquet data set": lambda whole, folder: dataset.dataset(
        [f"{folder}/part-{k}.parquet" for k in range(3)] if files(folder, whole) else ()
    ),
    "csv": lambda whole, folder: written(folder, whole, "csv"),
    "csv in gzip": lambda whole, folder: written(folder, whole, "csv.gz"),
    "Arrow file": lambda whole, folder: written(folder, whole, "feather"),
    "Arrow stream": lambda whole, folder: written(folder, whole, "arrows"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_rows_from_anything_that_gives_batches(tmp_path, monkeypatch, name):
    whole = table().select(["a", "town", "b", "n", "w", "e"])
    again = tmp_path / "again"
    again.mkdir()
    model = GeneralizedLinear(loss="poisson", alpha=1e-3)
    peer = model.fit(files(again, whole), "n", sample_weight="w", exposure="e")
    coef, intercept, certificate = peer.coef_, peer.intercept_, peer.result_.certificate
    mean = peer.predict(f"{again}/part-*.parquet", exposure="e")
    # What can be read only once is held: there must be room.
    monkeypatch.setenv("STEEPEST_MEMORY", str(1 << 21))
    source = SOURCES[name](whole, tmp_path)
    streamed = model.fit(source, "n", sample_weight="w", exposure="e")
    np.testing.assert_array_equal(streamed.coef_, coef)
    np.testing.assert_array_equal(streamed.intercept_, intercept)
    assert streamed.result_.certificate == certificate
    assert list(streamed.feature_names_in_) == ["a", "town", "b"]
    np.testing.assert_allclose(
        streamed.predict(SOURCES[name](whole, tmp_path), exposure="e"), mean, rtol=1e-12
    )


def test_texts_as_views_are_texts_like_others(tmp_path):
    """As polars hands them over, and as Parquet files may have them."""
    plain = table().select(["a", "town", "n"]).slice(0, 400)
    views = plain.set_column(1, "town", plain["town"].cast(pa.string_view()))
    for k in range(2):
        parquet.write_table(views, tmp_path / f"{k}.parquet")
    peer = steepest.fit(plain, "n", alpha=0.1, validation=0)
    for given in (views, pl.from_arrow(plain).lazy(), views.to_batches()):
        model = steepest.fit(given, "n", alpha=0.1, validation=0)
        np.testing.assert_array_equal(model.predict(plain), peer.predict(plain))
    assert steepest.fit([f"{tmp_path}/{k}.parquet" for k in range(2)], "n", alpha=0.1, validation=0)
    ridge = Ridge().fit(plain.to_batches(), "n")
    coded = pl.from_arrow(plain).cast({"town": pl.Categorical})
    np.testing.assert_array_equal(ridge.predict(coded), ridge.predict(plain))


def test_what_can_be_read_only_once_is_held_or_refused(monkeypatch, little):
    whole = table()
    with pytest.raises(
        InputError, match=r"RecordBatchReader, which can be read only once, .* pass a function"
    ):
        Ridge().fit(whole.select(["a", "t"]).to_reader(500), "t")
    reader = whole.select(["a", "t"]).to_reader(500)
    with pytest.raises(
        TableError, match="gave 0 rows where there were 9000 the first time: it can be read only once"
    ):
        Ridge().fit(lambda: reader, "t")


def test_other_rows_at_each_call_are_refused(little):
    rng = np.random.default_rng(0)

    def anew():
        return ({"x": rng.normal(size=500), "y": rng.normal(size=500)} for _ in range(4))

    with pytest.raises(TableError, match=r"gave another row 0 than the first time: .* same order"):
        Ridge().fit(anew, "y")
    lengths = iter([4, 3, 5])

    def shorter():
        return [{"x": np.arange(500.0), "y": np.arange(500.0)}] * next(lengths)

    with pytest.raises(TableError, match="gave 1500 rows where there were 2000 the first time"):
        Ridge().fit(shorter, "y")
    lengths = iter([4, 5, 5])
    with pytest.raises(TableError, match="gave 2500 rows where there were 2000"):
        Ridge().fit(shorter, "y")


@pytest.mark.parametrize("after", [0, 3, 12, 25])
def test_what_a_function_raises_comes_out_and_no_thread_is_lost(little, after):
    whole, given = table().select(["a", "town", "t"]), []

    def failing():
        for batch in whole.to_batches(1000):
            given.append(batch)
            if len(given) > after:
                raise ZeroDivisionError("on purpose")
            yield batch

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        Lasso(alpha=0.01).fit(failing, "t")
    gc.collect()
    assert threading.active_count() == before


def test_strange_batches_are_named():
    good = {"x": [1.0, 2.0], "y": [1.0, 2.0]}
    for given, words in (
        ([good, {"x": [1.0]}], "batch 1 lacks 'y', which batch 0 has"),
        ([good, 3], "a batch must be a record batch .* got int"),
        (3, "X must give batches of rows, one after another; it gave a int"),
        ([], "the function has no rows"),
        ([good, {"x": ["1"], "y": [1.0]}], "'x' is of type double in batch 0 and of type string in batch 1"),
        ([good, {"x": [np.inf], "y": [1.0]}], "column 'x' is not finite in row 0 of batch 1"),
        ([good, {"x": [1.0], "y": [np.nan]}], "column 'y' is not finite in row 0 of batch 1"),
    ):
        with pytest.raises((InputError, TableError), match=words):
            Ridge().fit(lambda given=given: given, "y")
    with pytest.raises(
        InputError, match="sample_weight is 'w', a column's name, which files and batches have"
    ):
        Ridge().fit(np.eye(3), np.arange(3.0), sample_weight="w")


@pytest.mark.parametrize(
    ("number", "refused"), [(2**53, False), (2**53 + 1, True), (2**60, False), (-(2**54) - 2, True)]
)
def test_whole_numbers_beyond_a_float64_are_refused(tmp_path, number, refused):
    parquet.write_table(pa.table({"id": [1, 2, number], "y": [1.0, 2.0, 4.0]}), tmp_path / "p.parquet")
    if not refused:
        Ridge().fit(tmp_path / "p.parquet", "y")
        return
    with pytest.raises(
        TableError, match=rf"column 'id' has {number} in row 2 of row group 0 of p\.parquet, .*float64"
    ):
        Ridge().fit(tmp_path / "p.parquet", "y")
    with pytest.raises(InputError, match=f"y row 2 is {number}, more digits"):
        LinearRegression().fit(tmp_path / "p.parquet", "id")


def test_keys_of_folders_have_one_type_over_all_files(tmp_path):
    for name in ("2023", "2024", "later", "La%20Punt"):
        folder = tmp_path / f"key={name}"
        folder.mkdir()
        parquet.write_table(pa.table({"x": [1.0, 2.0], "y": [1.0, 4.0]}), folder / "part.parquet")
    model = Ridge().fit(tmp_path, "y")
    assert list(model.categories_["key"]) == ["2023", "2024", "La Punt", "later"]
    (tmp_path / "key=later").rename(tmp_path / "key=__HIVE_DEFAULT_PARTITION__")
    with pytest.raises(TableError, match=r"column 'key' is missing in row 0 of row group 0 of part\.parquet"):
        Ridge().fit(tmp_path, "y")


def test_texts_are_numbers_where_all_of_them_are(tmp_path):
    (tmp_path / "p-0.csv").write_text("a,b,c,y\n1,1,01,1\n2,2,02,2\n3,3,03,4\n")
    (tmp_path / "p-1.csv").write_text("a,b,c,y\n1.5,x,01,1.5\n2,y,04,2\n")
    (tmp_path / "p-2.csv").write_text("a,b,c,y\n")
    rows = batches_of(f"{tmp_path}/p-*.csv")
    assert [next(rows.kinds(name))[0] for name in "abcy"] == [
        pa.float64(),
        pa.string(),
        pa.string(),
        pa.float64(),
    ]
    stream = Stream(rows, ["a", "b", "c"])
    assert stream.design_names[:4] == ["a", "b = 1", "b = 2", "b = 3"]
    assert rows.rows == 5
    (tmp_path / "p-1.csv").write_text("a,b,c,y\n1.5,x,01,1.5\n,y,04,2\n")
    with pytest.raises(TableError, match=r"column 'a' is missing in row 1 of p-1\.csv"):
        Ridge().fit(f"{tmp_path}/p-*.csv", "y")


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("kind", [LinearRegression, Ridge])
def test_least_squares_of_categories_are_of_least_norm_as_in_memory(kind, intercept):
    """And it is said that others fit as well."""
    whole = table(500).select(["a", "b", "town", "year", "t"])
    given = {"fit_intercept": intercept} | ({"alpha": 0.0} if kind is Ridge else {})
    model = kind(**given).fit(lambda: iter(whole.to_batches(100)), "t")
    levels = [whole[name].to_numpy()[:, None] == np.unique(whole[name]) for name in ("town", "year")]
    dense = np.hstack([np.column_stack([whole["a"], whole["b"]]), *levels]).astype(float)
    peer = kind(**given).fit(dense, whole["t"].to_numpy())
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(model.result_.x[:9], model.coef_)
    for one in (model, peer):
        assert [finding.kind for finding in one.result_.findings] == ["dependent_columns"]
    assert not kind(**given).fit(dense[:, :2], whole["t"].to_numpy()).result_.findings


def test_a_boolean_is_one_number_in_a_text_as_in_other_files(tmp_path):
    flags = [True, False, True, True]
    frame = pd.DataFrame({"f": flags, "n": flags, "m": flags, "c": flags, "y": [1.0, 2.0, 4.0, 3.0]})
    frame.to_parquet(tmp_path / "p.parquet")
    # Beside others a text is a text.
    frame.assign(n=[1, 0, 1, "True"], m=["maybe", *flags[1:]]).to_csv(tmp_path / "p-0.csv", index=False)
    lower = {name: frame[name].map({True: "true", False: "FALSE"}) for name in "fc"}
    frame.assign(**lower).to_csv(tmp_path / "p-1.csv", index=False)
    rows = batches_of(f"{tmp_path}/p-*.csv")
    kinds = {name: [str(kind) for kind, _ in rows.kinds(name)] for name in rows.names}
    assert kinds == {"f": ["bool"], "n": ["string"], "m": ["string"], "c": ["bool"], "y": ["double"]}
    one, other = (Ridge().fit(f"{tmp_path}/{name}", "y") for name in ("p-1.csv", "p.parquet"))
    np.testing.assert_allclose(one.coef_, other.coef_)
    classes = LogisticRegression().fit(str(tmp_path / "p-1.csv"), "c").classes_
    assert classes.tolist() == [False, True]


@pytest.mark.parametrize(("kind", "passes"), [("csv", 0.0), ("feather", 0.2), ("arrows", 0.2)])
def test_a_file_that_ends_or_changes_is_named(tmp_path, little, monkeypatch, kind, passes):
    whole = table().select(["a", "b", "t"])
    path = written(tmp_path, whole, kind)
    victim, read = tmp_path / f"p-1.{kind}", Stream.read_rows

    def meanwhile(stream, start, stop):
        if stream.passes >= passes:
            with victim.open("ab") as opened:
                opened.write(b"1,2,3\n")
        return read(stream, start, stop)

    with monkeypatch.context() as patch:
        patch.setattr(Stream, "read_rows", meanwhile)
        with pytest.raises(TableError, match=rf"p-1\.{kind} cannot be read: the file was changed"):
            Lasso(alpha=0.01).fit(path, "t")
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) // 2 - 3])
    with pytest.raises(TableError, match=rf"p-1\.{kind} cannot be read|missing in row \d+ of p-1"):
        Lasso(alpha=0.01).fit(path, "t")


def test_fit_takes_batches_too():
    whole = table(6000).select(["a", "town", "b", "y"])
    held = steepest.fit(whole, "y", alpha=1e-3)
    model = steepest.fit(lambda: whole.to_batches(500), "y", alpha=1e-3)
    assert model.metrics() == held.metrics()
    streamed = steepest.fit(lambda: whole.to_batches(500), "y", alpha=1e-3, memory=1_100_000)
    assert [f.evidence["rows"] for f in streamed.findings if f.kind == "sampled"] == [6000]


def sparse_rows(rows=6000, width=50):
    """A sparse block beside numbers and categories, the same as one CSR matrix, and targets."""
    rng = np.random.default_rng(4)
    block = sparse.random_array((rows, width), density=0.06, rng=rng, format="csr")
    block = sparse.csr_matrix(block)
    x, town = rng.normal(size=rows), rng.integers(0, 4, rows)
    y = (block @ rng.normal(size=width) + x + town / 2 + 0.1 * rng.normal(size=rows)) * 0.5
    hot = OneHotEncoder().fit_transform(TOWNS[town][:, None])
    return x, TOWNS[town], block, y, sparse.hstack([x[:, None], hot, block], format="csr")


def batches_of_all(x, town, block, y, dtype=np.float64):
    def give():
        for k in range(0, len(x), 700):
            rows = slice(k, k + 700)
            yield {
                "text": block[rows].astype(dtype),
                "x": x[rows].astype(dtype),
                "town": town[rows],
                "y": y[rows],
            }

    return give


def test_dense_sparse_and_codes_stand_side_by_side(tmp_path, monkeypatch):
    x, town, block, y, X = sparse_rows()
    given = batches_of_all(x, town, block, y)
    whole = pa.Table.from_batches(
        [batch for _, batch in batches_of(given).batches(["text", "x", "town", "y"])]
    )
    pairs = pa.array(
        [
            list(zip(row.indices.tolist(), row.data.tolist(), strict=True))
            for row in map(block.getrow, range(len(x)))
        ],
        pa.list_(pa.struct([("place", pa.int64()), ("value", pa.float64())])),
    )
    parquet.write_table(whole, tmp_path / "map.parquet", row_group_size=999)
    parquet.write_table(whole.set_column(0, "text", pairs), tmp_path / "list.parquet", row_group_size=999)
    for memory in ("0", str(1 << 30)):
        monkeypatch.setenv("STEEPEST_MEMORY", memory)
        for model in (Ridge(alpha=0.3, tol=1e-13), Lasso(alpha=1e-3, tol=1e-13)):
            peer = model.fit(X, y)
            coef = peer.coef_
            for source in (given, tmp_path / "map.parquet", tmp_path / "list.parquet"):
                fitted = model.fit(source, "y")
                assert fitted.result_.success
                assert fitted.sparse_columns_ == {"text": 50}
                assert list(fitted.coef_names_[[0, 1, 5, 54]]) == ["x", "town = Bern", "text[0]", "text[49]"]
                np.testing.assert_allclose(fitted.coef_, coef, rtol=1e-5, atol=1e-7)
                np.testing.assert_allclose(
                    fitted.predict(source), X @ fitted.coef_ + fitted.intercept_, atol=1e-12
                )


def test_sparse_columns_that_cannot_be_used_are_named():
    x, town, block, y, _ = sparse_rows(1400)
    model = Ridge().fit(batches_of_all(x, town, block, y), "y")
    beyond = sparse.csr_matrix(([3.0], ([0], [70])), shape=(1, 80))
    row = {"text": beyond, "x": [0.0], "town": ["Genf"]}
    assert model.predict(lambda: [row]) == pytest.approx(model.intercept_)
    assert model.predict(
        pa.table(
            {
                "text": pa.array([[(1, 2.0)]], pa.map_(pa.int8(), pa.float32())),
                **{"x": [0.0], "town": ["Genf"]},
            }
        )
    ) == pytest.approx(model.intercept_ + 2 * model.coef_[6])
    with pytest.raises(TableError, match="'text' must be sparse columns here as in the model"):
        model.predict(lambda: [row | {"text": [1.0]}])
    pairs = pa.map_(pa.int64(), pa.float64())
    for bad, words in (
        ([[(0, 1.0)], [(1, np.inf)]], "column 'text' is not finite in row 1 of batch 0"),
        ([[(0, 1.0)], [(-1, 1.0)]], "column 'text' has an entry .* below 0, .* from row 0 of batch 0 on"),
        ([[(0, 1.0)], [(1, None)]], "column 'text' has an entry .* without a value"),
        ([[(0, 1.0)], [(2**40, 1.0)]], "column 'text' has a place beyond"),
        ([[(0, 1.0)], None], "column 'text' is missing in row 1 of batch 0"),
    ):
        with pytest.raises(TableError, match=words):
            Ridge().fit(lambda bad=bad: [{"text": pa.array(bad, pairs), "y": [1.0, 2.0]}], "y")


def test_ctrl_c_where_batches_do_not_come(little):
    whole, calls, gate = table().select(["a", "b", "t"]), [], threading.Event()

    def give():
        calls.append(None)
        for batch in whole.to_batches(1000):
            if len(calls) > 1:
                os.kill(os.getpid(), signal.SIGINT)
                gate.wait()
            yield batch

    with pytest.raises(KeyboardInterrupt):
        Lasso(alpha=0.01).fit(give, "t")
    gate.set()


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (LogisticRegression(), "y"),
        (LinearSVC(), "y"),
        (Ridge(), "t"),
        (PoissonRegressor(), "n"),
        (GeneralizedLinear(), "t"),
    ],
)
def test_scores_of_what_is_read(model, target):
    whole = table(2000).select(["a", "b", "w", target])
    X, y = np.column_stack([whole["a"], whole["b"]]), whole[target].to_numpy(zero_copy_only=False)
    # What can be read only once is opened once.
    model.fit(whole.to_reader(300), target, sample_weight="w")
    streamed = model.score(whole.to_reader(300), target, sample_weight="w")
    held = (
        clone(model)
        .fit(X, y, sample_weight=whole["w"].to_numpy())
        .score(X, y, sample_weight=whole["w"].to_numpy())
    )
    # In memory Ridge solves by factors, which are not formed of what is read.
    assert streamed == pytest.approx(held, rel=1e-9)
