"""steepest predict: places that are wrong, texts that are formulas, decimal marks, names that command a terminal."""

from __future__ import annotations

import csv
import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

import steepest
import steepest.saving
from steepest.cli import main

RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x = RNG.normal(size=100)
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    labels = np.where(x > 0, "=cmd()", "no")
    steepest.fit({"x": x, "y": labels}, "y").save(path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    path.write_text('x,note\n3.5,=1+1\n-3.5,plain\n2.5,-5\n1.5,"@x, +y"\n')
    return path


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_texts_that_a_spreadsheet_would_run_are_written_as_texts(
    model: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert main(["predict", str(model), str(table), "-o", str(out), "--keep", "note"]) == 0
    found = rows(out)
    assert [row[0] for row in found] == ["note", "'=1+1", "plain", "-5", "'@x, +y"]
    assert {row[1] for row in found[1:]} == {"'=cmd()", "no"}
    assert "--raw keeps them as they are" in capsys.readouterr().err
    assert main(["predict", str(model), str(table), "-o", str(out), "--keep", "note", "--raw"]) == 0
    assert [row[0] for row in rows(out)] == ["note", "=1+1", "plain", "-5", "@x, +y"]


def test_what_is_read_is_not_written_over(
    model: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(table)
    for out in (table, link):
        assert main(["predict", str(model), str(table), "-o", str(out)]) == 2
        assert "which is read; give another name" in capsys.readouterr().err
    assert main(["fit", str(table), "--target", "x", "--save", str(table)]) == 2
    assert table.read_bytes() == before


@pytest.mark.parametrize("option", ["--save", "--report"])
def test_a_place_that_cannot_be_written_to_is_found_before_the_fit(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steepest, "fit", lambda *args, **kwargs: pytest.fail("it was fitted"))
    (tmp_path / "file").write_text("x")
    for place, said in [
        (tmp_path, "is a folder"),
        (tmp_path / "nowhere" / "m", "no folder"),
        (tmp_path / "file" / "m", "no folder"),
        (tmp_path / ("n" * 300), "at most 255 bytes"),
    ]:
        assert main(["fit", "iris", option, str(place)]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(["fit", "iris", option, str(tmp_path / "m")]) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_a_full_disk_is_named_with_the_file(
    model: Path,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(steepest.saving.os, "fsync", full)
    out = tmp_path / "out.csv"
    assert main(["predict", str(model), str(table), "-o", str(out)]) == 2
    assert capsys.readouterr().err == f"steepest: {out}: No space left on device\n"
    assert not out.exists()


def test_a_kept_column_called_as_the_answer_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("x,predicted_y\n1.5,a\n2.5,b\n")
    arguments = ["predict", str(model), str(tmp_path / "t.csv"), "-o", "-", "--keep", "predicted_y"]
    assert main(arguments) == 2
    assert "is what a column of the answer is called" in capsys.readouterr().err


def test_decimal_marks_and_headers_are_said_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.arange(60)
    lines = [f"{v + 1},{v * 37 % 900 + 100};{v % 7},5;{v % 2}" for v in x]
    path, saved = tmp_path / "t.csv", tmp_path / "m"
    path.write_text("a;b;y\n" + "\n".join(lines))
    assert main(["fit", str(path), "--target", "y"]) == 2
    assert "pass --decimal ',' or --decimal '.'" in capsys.readouterr().err
    fit = ["fit", str(path), "--target", "y", "--drop", "b", "--save", str(saved), "--quiet"]
    assert main([*fit, "--thousands", ","]) == 0
    assert steepest.load(saved).schema.column("a").max == 60_000 + 59 * 37 % 900 + 100
    assert main([*fit, "--decimal", ","]) == 0
    model = steepest.load(saved)
    assert model.schema.column("a").max < 61
    assert main(["predict", str(saved), str(path), "-o", str(tmp_path / "o.csv"), "--decimal", ","]) == 0
    assert main(["fit", str(path), "--header", "--no-header"]) == 2
    assert "contradict each other" in capsys.readouterr().err
    (tmp_path / "years.csv").write_text("town,2001\n" + "".join(f"t{v % 3},{v}\n" for v in range(30)))
    assert main(["fit", str(tmp_path / "years.csv"), "--target", "2001"]) == 2
    assert "pass --header if it holds the names, --no-header if not" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "years.csv"), "--target", "2001", "--header", "--quiet"]) in (0, 1)


def test_values_far_from_those_fitted_to_are_said_by_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1,274 among numbers from 26 to 77 is 1274, as a mark of thousands makes it: that is not passed over."""
    path, saved = tmp_path / "t.csv", tmp_path / "m"
    path.write_text("x,y\n" + "".join(f"{26 + v * 37 % 511 / 10},{v % 2}\n" for v in range(60)))
    assert main(["fit", str(path), "--target", "y", "--save", str(saved), "--quiet"]) == 0
    new = tmp_path / "new.csv"
    new.write_text('x\n30.5\n"1,274"\n')
    model, said = (
        steepest.load(saved),
        r"1 value of 'x' in new\.csv lies far outside 26 to 7",
    )
    with pytest.warns(UserWarning, match=said) as seen:
        model.predict(new)
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match=said):
        model.predict_proba(new)
    capsys.readouterr()
    assert main(["predict", str(saved), str(new), "-o", str(tmp_path / "o.csv")]) == 0
    assert re.search(said, " ".join(capsys.readouterr().err.split()))
    new.write_text("x\n30.5\n31\n")
    assert len(model.predict(new)) == 2


def test_names_in_files_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "a\x1b]0;owned\x07\u202eb"
    path = tmp_path / f"t{evil}.csv"
    path.write_text(f"{evil},z,y\n" + "".join(f"{v},{v * v % 11},{v % 2}\n" for v in range(60)))
    main(["fit", str(path), "--target", "y", "--verbose"])
    main(["fit", str(path), "--target", "nothing"])
    main(["fit", str(path) + "x"])
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "owned" in text
        assert not set("\x1b\x07\u202e") & set(text)
