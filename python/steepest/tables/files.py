"""Files: what kind they are by their first bytes, and the readers for those that are not delimited text."""

from __future__ import annotations

import io
import math
import re
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
from pyarrow import feather, ipc, parquet

from steepest.errors import TableError
from steepest.tables import delimited, memory, unpacking
from steepest.tables.objects import looks_like_json, read_json
from steepest.tables.parsing import first_line
from steepest.tables.sniff import Form
from steepest.tables.table import ON_TEXTS, Table, listed, unique_names
from steepest.tables.unpacking import (
    DAMAGE,
    GZIP,
    PACKED,
    Unpacked,
    check_claim,
    check_room,
    check_unpacked,
    unzipped,
)
from steepest.tables.utf8 import encoding_of

__all__ = ["read"]

#: first bytes of files that are not tables, or not ones that are read here
FOREIGN = {
    b"\x89HDF": "an HDF5 file: read it with pandas.read_hdf or h5py and pass the frame",
    b"SQLite format 3": "an SQLite database: read a query with pandas.read_sql and pass the frame",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x93NUMPY": "a .npy file: load it with numpy.load and pass the matrix",
    b"\x80\x04": "a pickle, which could run code when opened: load it yourself and pass the table",
    b"\x80\x05": "a pickle, which could run code when opened: load it yourself and pass the table",
    b"(\xb5/\xfd": "a zstd file: unpack it first (zstd -d), or pack it with gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x00\x00\x08\x03": "an idx file of pictures: read it with numpy.frombuffer, pass a matrix",
    b"\x00\x00\x08\x01": "an idx file of labels: read it with numpy.frombuffer and pass it as the target",
}
#: first words of texts that are no tables, whatever stands before them being blanks or lines of %
WORDS = {
    b"<!doctype html": "a web page, as is saved where a link leads elsewhere",
    b"<html": "a web page, as is saved where a link leads elsewhere",
    b"<?xml": "an XML file: read it with pandas.read_xml and pass the frame",
    b"@relation": "an ARFF file: read it with scipy.io.arff.loadarff and pass pandas.DataFrame(data)",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: fetch it with git lfs pull",
    b"{\\rtf": "a word processor's file",
}
#: class and number:value fields
LIBSVM = re.compile(rb"\s*[+-]?[0-9.]+(?:[ \t]+[0-9]+:[0-9.eE+-]+)+[ \t]*\r?\n")
TABLES = (".csv", ".tsv", ".tab", ".dat", ".data", ".json", ".jsonl", ".ndjson")
#: how a stream of Arrow record batches begins
STREAM = b"\xff\xff\xff\xff"
ZIP = b"PK\x03\x04"

Open = Callable[[], BinaryIO]


def read(path: Path, form: Form) -> Table:
    """A table from a file of any kind that is known here.

    Files are read, never mapped: a mapped file that is cut off while it is read ends the process.

    Raises
    ------
    TableError
        It cannot be read, holds no table, or was changed meanwhile.
    """
    before = path.stat()
    if not stat.S_ISREG(before.st_mode):
        return read_opened(unpacking.whole(path), path.name, path.suffix, form)
    table = read_opened(lambda: cast(BinaryIO, pa.OSFile(str(path))), path.name, path.suffix, form)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TableError(f"{path.name} was changed while it was read: read it again once it is whole")
    return table


def read_opened(opened: Open, name: str, suffix: str, form: Form) -> Table:
    """A table from bytes that can be read from their start as often as is asked."""
    with opened() as plain:
        head = plain.read(4096)
        size = plain.seek(0, 2)
    if size == 0:
        raise TableError(f"{name} is empty: it has no bytes at all")
    if head.startswith(b"PAR1"):
        return from_parquet(opened, name)
    if head.startswith((b"ARROW1", b"FEA1", STREAM)):
        return from_arrow(opened, name, head)
    if head.startswith((ZIP, b"PK\x05\x06")):
        return from_zip(opened, name, form)
    begins = next((begins for begins in PACKED if head.startswith(begins)), None)
    if begins is not None:
        packed = opened
        if begins == GZIP:
            check_claim(packed, size, name)
        opened = lambda: cast(BinaryIO, Unpacked(packed(), size, name, begins))  # noqa: E731
        with opened() as stream:
            head = stream.read(4096)
        if not head:
            raise TableError(f"{name} is empty once unpacked")
    refuse_foreign(head, name, suffix)
    if looks_like_json(head):
        with opened() as stream:
            return read_json(stream.read(), name)
    return delimited.read(opened, name, form)


def refuse_foreign(head: bytes, name: str, suffix: str) -> None:
    """Refuses what is known not to be a table, and anything else that is not text."""
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise TableError(f"{name} is {what}")
    for kind in ("parquet", "feather", "arrow", "npz"):
        if suffix == f".{kind}":
            raise TableError(f"{name} is not a {kind} file in spite of its name: it begins with {head[:8]!r}")
    text = re.sub(rb"\A(?:\s|\xef\xbb\xbf|%[^\n]*\n)+", b"", head).lower()
    for word, what in WORDS.items():
        if text.startswith(word):
            raise TableError(f"{name} is {what}")
    if LIBSVM.match(head):
        raise TableError(
            f"{name} is in LIBSVM's format (class number:value …): read it with "
            "sklearn.datasets.load_svmlight_file and pass its matrix and target"
        )
    if b"\x00" in head and encoding_of(head) is None:
        before = re.match(rb"[\t\n\r -~]+(?=\x00)", head)
        if before:
            line = before[0].count(b"\n") + 1
            raise TableError(
                f"{name} holds a zero byte in line {line}, where text has none: "
                r"write the file anew, or take such bytes out (tr -d '\000')"
            )
        raise TableError(
            f"{name} is neither text nor a kind of file that is known here (it begins with {head[:8]!r}); "
            "CSV, TSV, Parquet, Arrow, Feather and .npz are read"
        )


def from_parquet(opened: Open, name: str) -> Table:
    """A Parquet file."""
    try:
        with opened() as stream:
            file = parquet.ParquetFile(stream)
            check_room(8 * file.metadata.num_rows * file.metadata.num_columns, name)
            table = file.read()
        table.validate(full=True)
    except DAMAGE as error:
        raise refused(error, name, "Parquet") from None
    return memory.from_arrow(table, name)


def from_arrow(opened: Open, name: str, head: bytes) -> Table:
    """An Arrow IPC file or stream, or a Feather file.

    Arrow trusts offsets that it finds; without the full validation a wrong one ends the process later.
    """
    try:
        with opened() as stream:
            if head.startswith(b"FEA1"):
                table = feather.read_table(stream)
            elif head.startswith(STREAM):
                table = ipc.open_stream(stream).read_all()
            else:
                table = ipc.open_file(stream).read_all()
        table.validate(full=True)
    except DAMAGE as error:
        raise refused(error, name, "Arrow") from None
    return memory.from_arrow(table, name)


def refused(error: Exception, name: str, kind: str) -> TableError:
    """The error on a binary file that cannot be read."""
    if isinstance(error, TableError):
        return error
    why = first_line(error)
    return TableError(f"{name} begins as {kind} but cannot be read, as when it was cut off: {why}")


def from_zip(opened: Open, name: str, form: Form) -> Table:
    """A zip archive: `.npz`, or one delimited text."""
    with opened() as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except DAMAGE:
            raise TableError(
                f"{name} is cut off or damaged: its table of contents is missing; fetch it again"
            ) from None
        members = [entry.filename for entry in archive.infolist()]
        members = [m for m in members if m and not m.endswith("/") and not m.startswith("__MACOSX/")]
        if members and all(member.endswith(".npy") for member in members):
            return from_npz(archive, members, name)
        if "xl/workbook.xml" in members:
            raise TableError(
                f"{name} is an Excel workbook: save the sheet as CSV, or read it with pandas.read_excel"
            )
        tables = [m for m in members if m.lower().endswith(TABLES)]
        if not tables and len(members) == 1:
            tables = members
        if not tables:
            raise TableError(
                f"{name} holds no table: its files are {listed(members)}. Running text is not rows and "
                f"columns. {ON_TEXTS}"
            )
        if len(tables) > 1:
            raise TableError(
                f"{name} holds {len(tables)} tables ({listed(tables)}): unpack it and pass one of them"
            )
        data = unzipped(archive, tables[0], name)
    if not data:
        raise TableError(f"{tables[0]} in {name} is empty")
    refuse_foreign(data[:4096], f"{tables[0]} in {name}", "")
    if looks_like_json(data[:4096]):
        return read_json(data, name)
    return delimited.read(lambda: io.BytesIO(data), name, form)


def npy(data: bytes, member: str, name: str) -> np.ndarray[Any, Any]:
    """An array as `numpy.save` writes it, whose bytes are as many as it says; pickles are refused.

    Raises
    ------
    TableError
        It is damaged, or holds Python objects.
    """
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = header(stream)
        if not kind.hasobject and math.prod(shape) * kind.itemsize != len(data) - stream.tell():
            raise ValueError(f"{member} has {len(data) - stream.tell()} bytes for an array of {kind} {shape}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise TableError(
                f"{name} holds Python objects, which could run code when opened: save it with plain dtypes"
            ) from None
        raise TableError(f"{name} is cut off or damaged: {first_line(error)}") from None


def from_npz(archive: zipfile.ZipFile, members: list[str], name: str) -> Table:
    """A `.npz` file: a matrix and perhaps a target vector, or vectors of one length; pickles are refused."""
    sizes = [archive.getinfo(member) for member in members]
    check_unpacked(sum(s.file_size for s in sizes), max(1, sum(s.compress_size for s in sizes)), name)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for member in members:
        arrays[member.removesuffix(".npy")] = npy(unzipped(archive, member, name), member, name)
    matrices = {key: array for key, array in arrays.items() if array.ndim == 2}
    vectors = {key: array for key, array in arrays.items() if array.ndim == 1}
    if len(matrices) > 1:
        raise TableError(
            f"{name} holds {len(matrices)} matrices ({listed(list(matrices))}): keep one, with the "
            "target "
            "as a vector beside it"
        )
    columns: dict[str, Any] = {}
    rows = None
    for matrix in matrices.values():
        rows = len(matrix)
        columns |= {f"c{j}": matrix[:, j] for j in range(matrix.shape[1])}
    rows = rows if rows is not None else max((len(vector) for vector in vectors.values()), default=0)
    extra = {key: vector for key, vector in vectors.items() if len(vector) == rows}
    unique_names([*columns, *extra], name)
    columns |= extra
    target: str | None = next((key for key in ("y", "target", "label", "labels") if key in extra), None)
    if target is None and matrices and len(extra) == 1:
        target = next(iter(extra))
    unread = [key for key in arrays if key not in extra and key not in matrices]
    notes = [f"not read, since their shape is another: {listed(unread)}"] if unread else []
    return Table(name, columns, rows, named=not matrices, target=target, notes=notes)
