"""Files: what kind they are by their first bytes, and the readers for those that are not delimited text."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
from pyarrow import feather, ipc, parquet

from steepest.errors import TableError
from steepest.tables import delimited, memory
from steepest.tables.sniff import Form
from steepest.tables.table import ON_TEXTS, Table, listed, unique_names

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
    b"BZh": "a bzip2 file: unpack it first, or pack it with gzip",
    b"\xfd7zXZ": "an xz file: unpack it first, or pack it with gzip",
    b"(\xb5/\xfd": "a zstd file: unpack it first, or pack it with gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x00\x00\x08\x03": "an idx file of pictures: read it with numpy.frombuffer, pass a matrix",
    b"\x00\x00\x08\x01": "an idx file of labels: read it with numpy.frombuffer and pass it as the target",
}
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


def read(path: Path, form: Form) -> Table:
    """A table from a file of any kind that is known here."""
    name = path.name
    size = path.stat().st_size
    if size == 0:
        raise TableError(f"{name} is empty: it has no bytes at all")
    with path.open("rb") as plain:
        head = plain.read(4096)
    if head.startswith(b"PAR1"):
        return from_parquet(path)
    if head.startswith((b"ARROW1", b"FEA1")):
        return from_arrow(path)
    if head.startswith((ZIP, b"PK\x05\x06")):
        return from_zip(path, form)
    packed = head.startswith(GZIP)

    def opened() -> BinaryIO:
        return cast(BinaryIO, gzip.open(path, "rb") if packed else pa.memory_map(str(path)))

    if packed:
        with refusing(name), opened() as stream:
            head = stream.read(4096)
        if not head:
            raise TableError(f"{name} is empty once unpacked")
    refuse_foreign(head, name, path.suffix)
    with refusing(name):
        return delimited.read(opened, name, form)


class refusing:
    """Turns what a damaged gzip or zip file raises into a TableError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, EOFError):
            raise TableError(
                f"{self.name} is cut off: its packed data end in the middle; fetch it again"
            ) from None
        if isinstance(error, (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)):
            raise TableError(f"{self.name} is damaged ({error}); fetch it again") from None


def refuse_foreign(head: bytes, name: str, suffix: str) -> None:
    """Refuses what is known not to be a table, and anything else that is not text."""
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise TableError(f"{name} is {what}")
    for kind in ("parquet", "feather", "arrow", "npz"):
        if suffix == f".{kind}":
            raise TableError(f"{name} is not a {kind} file in spite of its name: it begins with {head[:8]!r}")
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\x00" in head and not wide:
        raise TableError(
            f"{name} is neither text nor a kind of file that is known here (it begins with {head[:8]!r}); "
            "CSV, TSV, Parquet, Arrow, Feather and .npz are read"
        )


def from_parquet(path: Path) -> Table:
    """A Parquet file."""
    try:
        table = parquet.read_table(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise TableError(damaged(path, "Parquet", error)) from None
    return memory.from_arrow(table, path.name)


def from_arrow(path: Path) -> Table:
    """An Arrow IPC or Feather file."""
    try:
        with path.open("rb") as stream:
            old = stream.read(4) == b"FEA1"
        if old:
            table = feather.read_table(path)
        else:
            with pa.memory_map(str(path)) as source:
                table = ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise TableError(damaged(path, "Arrow", error)) from None
    return memory.from_arrow(table, path.name)


def damaged(path: Path, kind: str, error: Exception) -> str:
    """The message on a binary file that cannot be read."""
    why = delimited.first_line(error)
    return f"{path.name} begins as {kind} but cannot be read, as when it was cut off: {why}"


def from_zip(path: Path, form: Form) -> Table:
    """A zip archive: `.npz`, or one delimited text."""
    name = path.name
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise TableError(
            f"{name} is cut off or damaged: its table of contents is missing; fetch it again"
        ) from None
    with archive:
        members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        members = [member for member in members if not member.startswith("__MACOSX/")]
        if members and all(member.endswith(".npy") for member in members):
            return from_npz(path)
        if "xl/workbook.xml" in members:
            raise TableError(
                f"{name} is an Excel workbook: save the sheet as CSV, or read it with pandas.read_excel"
            )
        tables = [m for m in members if m.lower().endswith((".csv", ".tsv", ".tab", ".dat", ".data"))]
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
        with refusing(name):
            data = archive.read(tables[0])
    if not data:
        raise TableError(f"{tables[0]} in {name} is empty")
    refuse_foreign(data[:4096], f"{tables[0]} in {name}", "")
    return delimited.read(lambda: io.BytesIO(data), name, form)


def from_npz(path: Path) -> Table:
    """A `.npz` file: a matrix and perhaps a target vector, or vectors of one length; pickles are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise TableError(f"{path.name} cannot be read: {delimited.first_line(error)}") from None
        raise TableError(
            f"{path.name} holds Python objects, which could run code when opened: save it with plain dtypes"
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TableError(f"{path.name} is cut off or damaged: {delimited.first_line(error)}") from None
    matrices = {key: array for key, array in arrays.items() if array.ndim == 2}
    vectors = {key: array for key, array in arrays.items() if array.ndim == 1}
    if len(matrices) > 1:
        raise TableError(
            f"{path.name} holds {len(matrices)} matrices ({listed(list(matrices))}): keep one, with the "
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
    unique_names([*columns, *extra], path.name)
    columns |= extra
    target = next((key for key in ("y", "target", "label", "labels") if key in extra), None)
    if target is None and matrices and len(extra) == 1:
        target = next(iter(extra))
    unread = [key for key in arrays if key not in extra and key not in matrices]
    notes = [f"not read, since their shape is another: {listed(unread)}"] if unread else []
    return Table(path.name, columns, rows, named=not matrices, target=target, notes=notes)
