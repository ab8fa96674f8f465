"""Files whose bytes are damaged, hostile, endless or changed meanwhile: refused by name, never a crash."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

import steepest.tables.files as files
from steepest.errors import TableError
from steepest.tables import read, unpacking

FRAME = pa.table(
    {"a": list(range(60)), "b": [f"text {i}" for i in range(60)], "c": [i / 7 for i in range(60)]}
)


def arrow(kind: str, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    if kind == "feather":
        feather.write_feather(FRAME, sink, compression=compression or "uncompressed")
    elif kind == "parquet":
        parquet.write_table(FRAME, sink, compression=compression or "none")
    else:
        make = ipc.new_file if kind == "file" else ipc.new_stream
        with make(sink, FRAME.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write(FRAME)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["file", "stream", "feather", "parquet"])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_damaged_binary_files_are_read_or_refused(tmp_path: Path, kind: str, compression: str | None) -> None:
    whole = arrow(kind, compression)
    path = tmp_path / "t.bin"
    path.write_bytes(whole)
    assert read(path).column("b").to_pylist() == FRAME["b"].to_pylist()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), rng.integers(1, 4)):
            data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)])
        path.write_bytes(data)
        try:
            table = read(path)
            for name in table.names:
                table.column(name).to_pylist()
        except TableError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize("kind", ["file", "stream", "feather", "parquet"])
def test_cut_binary_files_are_refused(tmp_path: Path, kind: str) -> None:
    whole = arrow(kind)
    path = tmp_path / "t.bin"
    for length in (8, 20, len(whole) // 3, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(TableError):
            read(path)


def test_a_wrong_offset_in_an_arrow_file_is_named(tmp_path: Path) -> None:
    whole = arrow("file")
    offsets = np.arange(61, dtype=np.int32)
    at = next(
        i
        for i in range(0, len(whole) - 8, 8)
        if whole[i : i + 12] == np.array([0, 6, 12], np.int32).tobytes()
    )
    for wrong in (-5, 2**31 - 1, 10**6):
        data = bytearray(whole)
        data[at + 4 * 30 : at + 4 * 31] = np.int32(wrong).tobytes()
        (tmp_path / "t.arrow").write_bytes(data)
        with pytest.raises(TableError, match=r"t\.arrow begins as Arrow but cannot be read"):
            read(tmp_path / "t.arrow")
    assert len(offsets) == 61


def test_a_small_file_that_unpacks_to_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "FREE", 1 << 20)
    monkeypatch.setattr(unpacking, "STEP", 1 << 18)
    text = b"a,b\n" + b"1,2\n" * (1 << 20)
    packed = gzip.compress(text)
    (tmp_path / "t.csv.gz").write_bytes(packed)
    with pytest.raises(TableError, match=r"unpacks to more than 200 times its size.*unpack it first"):
        read(tmp_path / "t.csv.gz")
    # Two members: the last four bytes tell of the second alone.
    (tmp_path / "two.csv.gz").write_bytes(packed + gzip.compress(b"1,2\n"))
    with pytest.raises(TableError, match="unpacks to more than 200 times"):
        read(tmp_path / "two.csv.gz")
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    with pytest.raises(TableError, match="unpacks to more than 200 times"):
        read(tmp_path / "t.zip")
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((1 << 16, 8)))
    with pytest.raises(TableError, match="unpacks to more than 200 times"):
        read(tmp_path / "t.npz")
    rng = np.random.default_rng(0)
    honest = b"a,b\n" + b"".join(b"%d,%d\n" % tuple(row) for row in rng.integers(0, 9, (300_000, 2)))
    (tmp_path / "honest.csv.gz").write_bytes(gzip.compress(honest))
    assert read(tmp_path / "honest.csv.gz").rows == 300_000


def npz(path: Path, header: bytes, body: bytes) -> Path:
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", start + body)
    return path


HEADERS = [
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**9), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 8), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,), }",
    b"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }",
    b"{'descr': '<f99', 'fortran_order': False, 'shape': (2, 2), }",
    b"{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2, 2), }",
    b"{'descr': '<f8', 'fortran_order': 3, 'shape': (2, 2), }",
    b"{'descr': '<f8'}",
    b"(" * 3000,
    b"[]",
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_hostile_npz_headers_are_refused(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(TableError, match=r"t\.npz (is cut off or damaged|holds Python objects)"):
        read(npz(tmp_path / "t.npz", header, bytes(32)))


def test_hostile_zip_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", "a,b\n" + "1,2\n" * 99)
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(4, len(data), rng.integers(1, 4)):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(TableError):
            read(path)


def test_a_file_that_is_cut_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 200_000)
    plain = files.delimited.read

    def cut(*arguments: Any) -> Any:
        os.truncate(path, 400_004)
        return plain(*arguments)

    monkeypatch.setattr(files.delimited, "read", cut)
    with pytest.raises(TableError, match=r"t\.csv was changed while it was read"):
        read(path)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for data in (b"a,b\n" + b"1,2\n" * 50_000, arrow("parquet"), gzip.compress(b"a,b\n1,2\n3,4\n")):
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert len(read(pipe).names) in (2, 3)
        writer.join(300)


def test_a_device_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "available", lambda: 8 << 20)
    with pytest.raises(TableError, match="'/dev/zero' does not end"):
        read("/dev/zero")


def test_what_does_not_fit_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"a": np.zeros(100_000)}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(unpacking, "available", lambda: 1000)
    with pytest.raises(TableError, match=r"would take 0.0 GiB, and 0.0 GiB of memory are free"):
        read(tmp_path / "t.parquet")


def test_a_folder_in_the_path_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "year=2020"
    folder.mkdir()
    parquet.write_table(FRAME, folder / "t.parquet")
    assert read(folder / "t.parquet").names == ["a", "b", "c"]
