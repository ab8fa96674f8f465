"""Model files: whole or not there, checked, and read without running code."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import steepest
from steepest.errors import InputError, ModelFileError
from steepest.saving import FORMAT, read_file, replace, write_file

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


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "folder" / "link"
    link.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    replace(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "not yet there")
    replace(dangling, b"made")
    assert (tmp_path / "not yet there").read_bytes() == b"made"
    assert sorted(os.listdir(tmp_path)) == ["dangling", "folder", "not yet there", "real"]


def test_a_pipe_and_a_device_are_written_to_as_they_are(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(pipe.read_bytes)
        replace(pipe, b"x" * 200_000)
        assert heard.result(300) == b"x" * 200_000
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    replace("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_process_s_umask_is_never_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
        replace(tmp_path / "m", b"x")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    names = [".m.abcd1234.part", ".m.00ff00ff.part", ".m.part", ".n.abcd1234.part", "m.part"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".m.beef0000.part").write_bytes(b"still being written")
    replace(tmp_path / "m", b"x")
    assert sorted(os.listdir(tmp_path)) == sorted([*names[2:], ".m.beef0000.part", "m"])


def test_a_writer_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
import os, signal, steepest.saving as saving
saving.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
saving.replace({str(tmp_path / "m")!r}, b"x" * 100_000)
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=300)
    assert done.returncode == -signal.SIGKILL
    # Where the system knows no files without a name, one is left, and removed an hour later.
    assert all(name.endswith(".part") for name in os.listdir(tmp_path))
    with contextlib.suppress(OSError):
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR))
        assert os.listdir(tmp_path) == []


def test_where_no_file_can_be_without_a_name_one_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    replace(tmp_path / "m", b"x")
    assert (tmp_path / "m").read_bytes() == b"x"
    assert os.listdir(tmp_path) == ["m"]


HEADERS = [
    b'{"a":' * 5000,
    b"[" * 90_000,
    b'{"__metadata__":{"steepest":1}}',
    b'{"__metadata__":[]}',
    b"[]",
    b"null",
    b'{"a":{"dtype":"F64","shape":[1e999],"data_offsets":[0,8]}}',
    b'{"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}',
    b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,8]}}',
    b'{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}',
    b'{"a":{"dtype":"F64","shape":[99999999999,99999999999],"data_offsets":[0,8]}}',
    b'{"a":7}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_hostile_headers_are_refused_as_model_files(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "m"
    for size in (len(header), 10**18, 2**63):
        path.write_bytes(size.to_bytes(8, "little") + header + bytes(8))
        with pytest.raises(ModelFileError):
            read_file(path, "model")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": 1e999, "version": "1"}',
        '{"format": NaN, "version": "1"}',
        '{"format": ' + "9" * 5000 + ', "version": "1"}',
        '{"format": true, "version": "1"}',
        '{"format": [], "version": "1"}',
        '{"format": 1}',
        '{"format": 1, "version": {}}',
        '{"format": -5, "version": "1"}',
        '"text"',
        "7",
        "",
        "\ud800",
    ],
)
def test_hostile_descriptions_are_refused_as_model_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m"
    header = json.dumps({"__metadata__": {"steepest": text}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError):
        read_file(path, "model")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What is in the files of three models, as they were written."""
    rng = np.random.default_rng(4)
    frame = {
        "x": rng.normal(size=120),
        "town": rng.choice(["a", "b", "c"], 120),
        "day": [str(d) for d in np.datetime64("2024-01-01") + rng.integers(0, 300, 120)],
    }
    found = {}
    for task, y in (
        ("binary", [0, 1] * 60),
        ("multiclass", list("uvw") * 40),
        ("regression", rng.normal(size=120)),
    ):
        path = tmp_path_factory.mktemp("models") / task
        steepest.fit({**frame, "y": y}, "y").save(path)
        content, arrays = read_file(path, "model")
        found[task] = ({k: v for k, v in content.items() if k in ("schema", "settings", "story")}, arrays)
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each value of plain data stands."""
    found = [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        found += places(item, (*path, key))
    return found


def altered(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The same data with one value changed, or left out where it becomes an ellipsis."""
    if not path:
        return new
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if not rest and new is ...:
        del copy[key]
    else:
        copy[key] = altered(value[key], tuple(rest), new)
    return copy


HOSTILE: list[Any] = [None, {}, [], "x", -1, 1e300, True, [[]], {"array": "x"}, {"dict": 3}, {"a": {}}, ...]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_forged_content_is_a_model_file_error_or_a_model(
    models: dict[str, tuple[dict[str, Any], dict[str, Any]]], task: str, tmp_path: Path
) -> None:
    content, arrays = models[task]
    content = {**content, "schema": json.loads(content["schema"])}
    rng = np.random.default_rng(11)
    every = places(content)[1:]
    row = {"x": [0.5, None], "town": ["a", "z"], "day": ["2024-02-03", None]}
    path, refused = tmp_path / "m", 0
    for pick in rng.choice(len(every), 100):
        changed = altered(content, every[pick], HOSTILE[rng.integers(len(HOSTILE))])
        try:
            text = json.dumps(changed["schema"])
        except (KeyError, TypeError):
            text = None
        with contextlib.suppress(TypeError):
            write_file(path, "model", {**changed, "schema": text}, arrays)
        try:
            model = steepest.load(path)
        except ModelFileError:
            refused += 1
            continue
        with contextlib.suppress(InputError):
            model.predict(row)
    assert refused > 25


def test_arrays_of_another_kind_are_refused(
    models: dict[str, tuple[dict[str, Any], dict[str, Any]]], tmp_path: Path
) -> None:
    content, arrays = models["multiclass"]
    path = tmp_path / "m"
    for name in [name for name in arrays if name.startswith("weights.")]:
        for new in (arrays[name].astype(np.float32), arrays[name][..., :-1], arrays[name][None], None):
            kept = {key: array for key, array in arrays.items() if key != name}
            write_file(path, "model", content, kept if new is None else {**kept, name: new})
            with pytest.raises(ModelFileError, match="was altered, or a fault wrote it"):
                steepest.load(path)
