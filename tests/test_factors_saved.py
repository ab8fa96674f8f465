"""Recommenders in files: the same bits in another process, ids of every kind, files that are not right."""

import json
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import steepest
from steepest.cli import main
from steepest.errors import InputError, ModelFileError
from steepest.factors import ClicksFactorization, RatingsFactorization
from steepest.methods import Lbfgs
from steepest.saving import read_file, write_file


def made(kind: Any = RatingsFactorization, ids: Any = str, **settings: Any) -> Any:
    rng = np.random.default_rng(3)
    u, i = np.nonzero(rng.random((40, 25)) < 0.4)
    stars = 3 + rng.normal(size=40)[u] * rng.normal(size=25)[i] + 0.1 * rng.normal(size=len(u))
    users = [ids(k) for k in u]
    model = kind(**{"rank": 3, "alpha": 0.05, "validation": None, **settings})
    return model.fit(users, i, *([stars] if kind is RatingsFactorization else []))


def told(model: Any) -> str:
    """The bits of what a model answers, and of what it has learnt of two cells more."""
    ids, scores = model.recommend(n=5)
    more = model.similar_items(model.item_ids_[:4], 3)
    values = model.predict(model.user_ids_[[0, 7, 3]], model.item_ids_[[5, 2, 2]])
    rated = [] if isinstance(model, ClicksFactorization) else [[1.0, 2.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(model.user_ids_[[0, 1]], model.item_ids_[[3, 4]], *rated)
    return b"".join(a.tobytes() for a in (ids, scores, *more, values, model.user_factors_)).hex()


ASKED = """
import sys
from tests.test_factors_saved import KINDS, told
for (kind, _), path in zip(KINDS, sys.argv[1:], strict=True):
    print(told(kind.load(path)))
"""
KINDS: list[tuple[Any, dict[str, Any]]] = [
    (RatingsFactorization, {}),
    (RatingsFactorization, {"rank": None, "alpha": None, "validation": 0.2}),
    (RatingsFactorization, {"biases": False, "method": Lbfgs(memory=7)}),
    (ClicksFactorization, {}),
    (ClicksFactorization, {"loss": "bpr"}),
]


def test_another_process_answers_with_the_same_bits(tmp_path: Path) -> None:
    paths, expected = [], []
    for n, (kind, settings) in enumerate(KINDS):
        model = made(kind, **settings)
        paths.append(str(tmp_path / f"{n}.safetensors"))
        model.save(paths[-1])
        again = kind.load(paths[-1])
        assert again.get_params() == model.get_params()
        assert again.held_out_ == model.held_out_
        assert again.get_params()["method"] == settings.get("method")
        expected.append(told(model))
    found = subprocess.run(
        [sys.executable, "-c", ASKED, *paths],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == expected


IDS: list[Any] = [
    str, "ä\N{SNOWMAN}{}".format, lambda k: k, lambda k: -k * 10**15, lambda k: k / 8,
    lambda k: np.datetime64("2024-01-01") + int(k), lambda k: str(k).encode(), np.uint8,
]  # fmt: skip


@pytest.mark.parametrize("ids", IDS, ids=range(len(IDS)))
def test_ids_come_back_as_they_were(ids: Any, tmp_path: Path) -> None:
    model = made(ids=ids)
    model.save(tmp_path / "m")
    again = RatingsFactorization.load(tmp_path / "m")
    assert again.user_ids_.dtype == model.user_ids_.dtype
    assert (again.user_ids_ == model.user_ids_).all()
    assert again.item_ids_.dtype == model.item_ids_.dtype
    few = [ids(k) for k in (3, 5)]
    assert again.predict(few, [0, 1]).tobytes() == model.predict(few, [0, 1]).tobytes()


def test_what_it_says_is_the_same(tmp_path: Path) -> None:
    model = made(rank=None, alpha=None, validation=0.2)
    model.save(tmp_path / "m")
    again = RatingsFactorization.load(tmp_path / "m")
    assert again.summary() == model.summary()
    assert again.tried_ == model.tried_
    assert str(again.result_) == str(model.result_)
    assert again.n_iter_ == model.n_iter_
    again.plot(file=tmp_path / "p.svg")
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_ids_that_cannot_be_written_are_named_and_no_file_is_left(tmp_path: Path) -> None:
    model = made(ids=lambda k: date(2024, 1, 1 + int(k) % 28))
    with pytest.raises(InputError, match="user ids of type date cannot be saved: make them texts"):
        model.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_files_of_another_kind_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m"
    made(ClicksFactorization).save(path)
    with pytest.raises(ModelFileError, match="holds a ClicksFactorization, not a RatingsFactorization"):
        RatingsFactorization.load(path)
    with pytest.raises(ModelFileError, match="holds a recommender, not a model"):
        steepest.load(path)
    steepest.fit("diabetes", alpha=1.0).save(path)
    with pytest.raises(ModelFileError, match="holds a model, not a recommender"):
        ClicksFactorization.load(path)
    path.write_text("no model at all")
    with pytest.raises(ModelFileError, match="cut off or is another kind of file"):
        ClicksFactorization.load(path)
    with pytest.raises(ModelFileError, match="there is no recommender file"):
        ClicksFactorization.load(tmp_path / "none")


def test_damaged_files_and_those_of_later_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    made().save(path)
    whole = path.read_bytes()
    for end in (5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ModelFileError):
            RatingsFactorization.load(path)
    for at in (len(whole) - 3, len(whole) // 2):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        with pytest.raises(ModelFileError):
            RatingsFactorization.load(path)
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    told = json.loads(header["__metadata__"]["steepest"])
    header["__metadata__"]["steepest"] = json.dumps(told | {"format": 2, "version": "9.0"})
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :])
    with pytest.raises(ModelFileError, match=r"has format 2, written by steepest 9\.0"):
        RatingsFactorization.load(path)


def test_forged_content_is_a_model_file_error_or_a_model(tmp_path: Path) -> None:
    path = tmp_path / "m"
    made(ClicksFactorization, loss="bpr", method=Lbfgs(), rank=None, alpha=None, validation=0.2).save(path)
    content, arrays = read_file(path, "recommender")
    content = {key: content[key] for key in ("estimator", "parameters", "fitted", "user_ids", "item_ids")}

    def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        pairs = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        return [at, *(place for key, item in pairs for place in places(item, (*at, key)))]

    def altered(value: Any, at: tuple[Any, ...], new: Any) -> Any:
        if not at:
            return new
        copy = dict(value) if isinstance(value, dict) else list(value)
        copy[at[0]] = altered(value[at[0]], at[1:], new)
        return copy

    rng = np.random.default_rng(5)
    every, refused = places(content)[1:], 0
    hostile: list[Any] = [None, {}, [], "x", -1, 1e300, True, {"array": "x"}, {"dict": 3}, 10**30]
    forged = [
        (altered(content, every[rng.integers(len(every))], hostile[k % len(hostile)]), arrays)
        for k in range(150)
    ]
    for name, array in arrays.items():
        changed = [
            array[:-1],
            array.astype(np.float32),
            array[None],
            array[::-1],
            array + array.dtype.type(50),
        ]
        forged += [(content, {**arrays, name: new}) for new in changed]
    for data, parts in forged:
        write_file(path, "recommender", data, parts)
        try:
            model = ClicksFactorization.load(path)
        except ModelFileError:
            refused += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.recommend(n=3)
            model.predict(["1", "x"], [0, 1])
    assert refused > 80


@pytest.mark.parametrize(
    ("part", "key", "value", "words"),
    [
        ("fitted", "alpha", -1.0, "an alpha below 0"),
        ("fitted", "unit", 0.0, "of no size"),
        ("parameters", "watch", "x", "somebody to call"),
        ("parameters", "threads", -1, "threads must be"),
        ("parameters", "seed", 2.5, "seed must be"),
    ],
)
def test_what_a_fit_would_not_take_is_refused(
    part: str, key: str, value: Any, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    made(ClicksFactorization).save(path)
    content, arrays = read_file(path, "recommender")
    content = {key: content[key] for key in ("estimator", "parameters", "fitted", "user_ids", "item_ids")}
    write_file(path, "recommender", content, {**arrays, "cells.weight": -arrays["cells.weight"]})
    with pytest.raises(ModelFileError, match="weighs nothing"):
        ClicksFactorization.load(path)
    content[part]["dict"][key] = value
    write_file(path, "recommender", content, arrays)
    with pytest.raises(ModelFileError, match=words):
        ClicksFactorization.load(path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    u, i = np.nonzero(rng.random((30, 20)) < 0.6)
    stars = 3 + rng.normal(size=30)[u] * rng.normal(size=20)[i]
    path = tmp_path / "ratings.csv"
    lines = [f"{k:03d},book {m},{s:.3f}" for k, m, s in zip(u, i, stars, strict=True)]
    path.write_text("\n".join(["reader,book,stars", *lines]) + "\n")
    return path


def test_the_command_line_saves_and_predicts(table: Path, tmp_path: Path, capsys: Any) -> None:
    path, out = tmp_path / "m.safetensors", tmp_path / "out.csv"
    words = ["fit", str(table), "--user", "reader", "--item", "book"]
    assert main([*words, "--target", "stars", "--save", str(path)]) == 0
    assert f"model: {path}" in capsys.readouterr().out
    new = tmp_path / "new.csv"
    new.write_text("note,book,reader\na,book 3,004\nb,book 99,007\n")
    assert main(["predict", str(path), str(new), "-o", str(out), "--keep", "note"]) == 0
    assert "1 of 2 pairs are of items that the fit has not seen" in capsys.readouterr().err.replace(
        "\n  ", " "
    )
    head, *rows = out.read_text().splitlines()
    assert head == "note,predicted_stars"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = RatingsFactorization.load(path).predict(["004", "007"], ["book 3", "book 99"])
    assert [float(row.split(",")[1]) for row in rows] == expected.tolist()
    new.write_text("book,who\nbook 3,004\n")
    assert main(["predict", str(path), str(new), "-o", str(out)]) == 2
    assert "reader" in capsys.readouterr().err
    assert main(["predict", str(path), str(table), "-o", str(out), "--threshold", "0.5"]) == 2
    assert "--threshold is not for tables of users and items" in capsys.readouterr().err
    assert main([*words, "--save", str(path)]) == 0
    assert main(["predict", str(path), str(table), "-o", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].count(",") == 0
    assert main(["predict", str(path), str(table), "-o", "-", "--python"]) == 0


def test_the_lines_that_are_printed_do_the_same(table: Path, tmp_path: Path, capsys: Any) -> None:
    table.write_text(table.read_text().replace("book ", "0").replace(",", ";"))
    path, told = tmp_path / "m.safetensors", []
    words = ["--user", "reader", "--item", "book", "--target", "stars", "--alpha", "0.05"]
    fit = ["fit", str(table), *words, "--delimiter", ";", "--save", str(path)]
    for printed in (False, True):
        if printed:
            assert main([*fit, "--python"]) == 0
            exec(capsys.readouterr().out, {})
        else:
            assert main(fit) == 0
        capsys.readouterr()
        ask = ["predict", str(path), str(table), "--delimiter", ";", "-o", "-"]
        assert main(ask) == 0
        told.append(capsys.readouterr().out)
        assert main([*ask, "--python"]) == 0
        own = dict[str, Any]()
        exec(capsys.readouterr().out.replace("print(model", "found = (model"), own)
        assert [float(line) for line in told[-1].split()[1:]] == own["found"].tolist()
    assert told[0] == told[1]


def test_ids_of_a_table_are_found_whether_texts_or_numbers_were_fitted(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "who": rng.integers(1, 30, 200),
        "film": rng.integers(1, 20, 200),
        "stars": rng.normal(size=200),
    }
    text, typed = tmp_path / "t.csv", tmp_path / "t.parquet"
    pyarrow.csv.write_csv(pa.table(columns), text)
    pyarrow.parquet.write_table(pa.table(columns), typed)
    # The columns' names are kept with the model, as the command line keeps them.
    model = RatingsFactorization(2, 0.1, validation=None).fit(pa.table(columns))
    model.save(tmp_path / "numbers")
    named = ["--user", "who", "--item", "film", "--target", "stars", "--alpha", "0.1"]
    assert main(["fit", str(text), *named, "--save", str(tmp_path / "texts")]) == 0
    for saved in ("numbers", "texts"):
        told = []
        for table in (text, typed):
            capsys.readouterr()
            ask = ["predict", str(tmp_path / saved), str(table), "-o", "-"]
            assert main(ask) == 0
            said = capsys.readouterr()
            assert "not seen" not in said.err
            told.append([float(line) for line in said.out.split()[1:]])
            assert main([*ask, "--python"]) == 0
            own = dict[str, Any]()
            exec(capsys.readouterr().out.replace("print(model", "found = (model"), own)
            assert own["found"].tolist() == told[-1]
        assert told[0] == told[1]
        if saved == "numbers":
            assert told[0] == model.predict(columns["who"], columns["film"]).tolist()
    text.write_text(text.read_text().replace("\n", "\nx", 1))
    assert main(["predict", str(tmp_path / "numbers"), str(text), "-o", "-"]) == 2
    assert "ids of the fit are numbers, such as 1" in " ".join(capsys.readouterr().err.split())
