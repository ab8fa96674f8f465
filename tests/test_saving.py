"""Model files: whole or not there, checked, and read without running code."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import steepest
from steepest.errors import ModelFileError
from steepest.saving import FORMAT, read_file, write_file

ARRAYS: dict[str, Any] = {
    "a": np.arange(12.0).reshape(3, 4),
    "b": np.array([1, 2], np.int32),
    "none": np.empty((0, 3)),
}
CONTENT = {"settings": {"alpha": 0.1}, "schema": "{}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    write_file(path, "model", CONTENT, ARRAYS)
    return path


def test_what_was_written_is_read(file: Path) -> None:
    content, arrays = read_file(file, "model")
    assert content["settings"] == CONTENT["settings"]
    assert content["format"] == FORMAT
    assert content["version"] == steepest.__version__
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in ARRAYS.items()
    }
    with safe_open(file, framework="numpy") as stream:
        assert list(stream.metadata()) == ["steepest"]
    assert os.listdir(file.parent) == [file.name]


def rewritten(file: Path, arrays: dict[str, Any], **changes: Any) -> None:
    with safe_open(file, framework="numpy") as stream:
        data = json.loads(stream.metadata()["steepest"])
    save_file(arrays, file, metadata={"steepest": json.dumps(data | changes)})


def test_files_that_are_not_right_are_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="cut off"):
            read_file(file, "model")
    file.write_bytes(whole[:-3] + b"\x01" + whole[-2:])
    with pytest.raises(ModelFileError, match="checksum"):
        read_file(file, "model")
    file.write_bytes(whole)
    rewritten(file, ARRAYS, settings={"alpha": 0.2})
    with pytest.raises(ModelFileError, match="checksum"):
        read_file(file, "model")
    file.write_bytes(whole)
    rewritten(file, {**ARRAYS, "a": ARRAYS["a"] + 1})
    with pytest.raises(ModelFileError, match="checksum"):
        read_file(file, "model")
    file.write_bytes(whole)
    rewritten(file, ARRAYS, format=FORMAT + 1, version="99.0")
    with pytest.raises(ModelFileError, match=r"written by steepest 99\.0.*update steepest"):
        read_file(file, "model")
    file.write_bytes(whole)
    with pytest.raises(ModelFileError, match="holds a model, not a checkpoint"):
        read_file(file, "checkpoint")
    save_file(ARRAYS, file)
    with pytest.raises(ModelFileError, match="not one that steepest wrote"):
        read_file(file, "model")
    save_file(ARRAYS, file, metadata={"steepest": "[]"})
    with pytest.raises(ModelFileError, match="was altered"):
        read_file(file, "model")
    with pytest.raises(ModelFileError, match="there is no model file"):
        read_file(tmp_path / "none.safetensors", "model")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="No space left"):
        write_file(file, "model", CONTENT, {"a": np.zeros(1000)})
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_ctrl_c_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "m", "model", CONTENT, ARRAYS)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file or directory"):
        write_file(tmp_path / "nowhere" / "m", "model", CONTENT, ARRAYS)


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"

    def write(value: int) -> None:
        write_file(path, "model", {"value": value}, {"a": np.full(20_000, float(value))})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    content, arrays = read_file(path, "model")
    assert (arrays["a"] == content["value"]).all()
    assert os.listdir(tmp_path) == [path.name]
