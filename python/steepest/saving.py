"""Model files: arrays and one JSON text in a safetensors file, never a pickle.

A file's metadata holds one JSON text under "steepest": format number, version of the library, kind, a
checksum of everything else, and what the kind needs (schema, classes, settings). Loading runs no code. Writing
is atomic: a temporary file beside the target is flushed to disk and then takes its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

import steepest
from steepest.errors import ModelFileError

__all__ = ["FORMAT", "kind_of", "pack", "read_file", "unpack", "write_file"]

#: the newest format that this version reads and writes
FORMAT = 1
KEY = "steepest"
#: formats from here on are no formats
MOST_FORMAT = 10**6
#: bytes of a safetensors header
MOST_HEADER = 100_000_000
#: seconds after which an unfinished file is one that nobody finishes
STALE = 3600

Arrays = dict[str, np.ndarray[Any, Any]]


def write_file(path: str | os.PathLike[str], kind: str, content: dict[str, Any], arrays: Arrays) -> None:
    """Writes a model file; on any failure nothing is left behind and an older file stays as it was.

    Parameters
    ----------
    path
        Where to.
    kind
        What it holds, such as "model".
    content
        Plain data, without NaN or infinity.
    arrays
        The arrays by name.

    Raises
    ------
    ModelFileError
        The folder is not there or not writable, or the disk is full.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    data = {"format": FORMAT, "version": steepest.__version__, "kind": kind, **content}
    data["checksum"] = checksum(data, arrays)
    text = json.dumps(data, allow_nan=False)
    try:
        replace(path, save(arrays, metadata={KEY: text}))
    except OSError as error:
        raise ModelFileError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error


def replace(path: str | os.PathLike[str], data: bytes) -> None:
    """Puts the bytes under the path all at once, or not at all.

    A symbolic link stays one: what it points to is written. A pipe or a device is written to as it is. An older
    file's permissions are kept; a new file has those that the process gives to new files.

    Raises
    ------
    OSError
        It cannot be written; an older file stays as it was.
    """
    place = Path(os.path.realpath(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(place)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            with open(place, "wb", buffering=0) as stream:
                write_all(stream.fileno(), data)
            return
        mode = stat.S_IMODE(found.st_mode)
    remove_stale(place)
    temporary = place.parent / f".{place.name[:200]}.{secrets.token_hex(4)}.part"
    try:
        try:
            nameless(temporary, data, mode)
        except OSError:
            named(temporary, data, mode)
        os.replace(temporary, place)
    except BaseException:
        # Ctrl-C comes here too.
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    flush_folder(place.parent)


def nameless(path: Path, data: bytes, mode: int | None) -> None:
    """Writes a file that gets its name once it is whole: it is gone with the process that wrote it, however that ends.

    Raises
    ------
    OSError
        The system or the disk has no such files, or it cannot be written.
    """
    if not hasattr(os, "O_TMPFILE"):
        raise OSError("no files without a name here")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The system takes from 0o666 what new files go without; to ask it for that would change it for other threads.
        handle = os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fill(handle, data, mode)
            # With a folder given, the link in /proc is followed to the file.
            os.link(f"/proc/self/fd/{handle}", path.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(handle)
    finally:
        os.close(folder)


def named(path: Path, data: bytes, mode: int | None) -> None:
    """Writes a new file.

    Raises
    ------
    OSError
        It cannot be written.
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
    try:
        fill(handle, data, mode)
    finally:
        os.close(handle)


def fill(handle: int, data: bytes, mode: int | None) -> None:
    """Writes all of the bytes through to the disk."""
    write_all(handle, data)
    os.fsync(handle)
    if mode is not None:
        os.fchmod(handle, mode)


def write_all(handle: int, data: bytes) -> None:
    """Writes all of the bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def remove_stale(place: Path) -> None:
    """Removes what writers of this file left behind that were killed more than an hour ago."""
    ours = re.compile(rf"\.{re.escape(place.name[:200])}\.[0-9a-z_]{{8}}\.part")
    with contextlib.suppress(OSError), os.scandir(place.parent) as entries:
        for entry in entries:
            if (
                ours.fullmatch(entry.name)
                and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE
            ):
                os.unlink(entry.path)


def flush_folder(folder: Path) -> None:
    """Makes the new name last through a loss of power, where the system knows how."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_file(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], Arrays]:
    """Reads a model file and checks it.

    Raises
    ------
    ModelFileError
        It is not there, cut off, altered, of another kind, or from a later version.
    """
    name = str(path)
    if not Path(path).is_file():
        raise ModelFileError(f"there is no {kind} file {name!r}")
    try:
        data = whole(path)
        text = metadata(data)
        arrays = load(data)
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
        OverflowError,
        MemoryError,
    ) as error:
        raise ModelFileError(
            f"{name!r} cannot be read as a {kind}: it was cut off or is another kind of file ({error})"
        ) from None
    if text is None:
        raise ModelFileError(f"{name!r} is a safetensors file, but not one that steepest wrote")
    return checked(name, text, arrays, kind), arrays


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What kind of file it says it is; None where it says nothing. Only `read_file` checks it."""
    if not Path(path).is_file():
        return None
    try:
        with open(path, "rb") as stream:
            head = stream.read(8)
            size = int.from_bytes(head, "little")
            text = metadata(head + stream.read(size)) if len(head) == 8 and size <= MOST_HEADER else None
        found = None if text is None else json.loads(text)["kind"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def whole(path: str | os.PathLike[str]) -> bytes:
    """The file's bytes; read, not mapped, since a mapped file that is cut off meanwhile ends the process."""
    with open(path, "rb") as stream:
        head = stream.read(8)
        size = int.from_bytes(head, "little")
        if len(head) < 8 or size > MOST_HEADER:
            raise ValueError("it does not begin as safetensors files do")
        return head + stream.read()


def metadata(data: bytes) -> str | None:
    """The text under "steepest" in a safetensors header, or None."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    found = header.get("__metadata__") if isinstance(header, dict) else None
    text = found.get(KEY) if isinstance(found, dict) else None
    return text if isinstance(text, str) else None


def checked(name: str, text: str, arrays: Arrays, kind: str) -> dict[str, Any]:
    """The JSON content of a file whose format, kind and checksum are right."""
    again = f"; save the {kind} again" if kind == "model" else ""
    altered = f"{name!r} was altered: its description is not what steepest writes"
    try:
        data = json.loads(text, parse_constant=not_json)
        found, version = data["format"], data["version"]
        if not isinstance(version, str) or type(found) is not int or not 0 < found < MOST_FORMAT:
            raise ModelFileError(altered)
        if found > FORMAT:
            raise ModelFileError(
                f"{name!r} has format {found}, written by steepest {version[:20]}; this is {steepest.__version__}, "
                f"which reads up to format {FORMAT}: update steepest"
            )
        if data.pop("checksum", None) != checksum(data, arrays):
            raise ModelFileError(f"{name!r} was altered or damaged: its checksum does not fit{again}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ModelFileError(altered) from None
    if data.get("kind") != kind:
        raise ModelFileError(f"{name!r} holds a {str(data.get('kind'))[:40]}, not a {kind}")
    return dict(data)


def not_json(constant: str) -> None:
    """JSON knows neither NaN nor infinity."""
    raise ValueError(f"{constant} is not JSON")


def checksum(data: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 of the description (without the checksum) and of every array's name, type, shape and bytes."""
    sha = hashlib.sha256(json.dumps(data, allow_nan=False, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def pack(facts: dict[str, Any], name: str) -> tuple[dict[str, Any], Arrays]:
    """Plain data as JSON data and arrays, whose names begin with the one given: each array is replaced by its name.

    Numbers that are not finite become texts, since JSON has none.
    """
    arrays: Arrays = {}

    def walk(value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[name] = value
            return {"array": name}
        if isinstance(value, dict):
            return {"dict": {str(key): walk(item, f"{name}.{key}") for key, item in value.items()}}
        if isinstance(value, (list, tuple)):
            return [walk(item, f"{name}.{i}") for i, item in enumerate(value)]
        value = plain(value)
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(value)}
        return value

    return walk(facts, name), arrays


def unpack(data: Any, arrays: Arrays) -> Any:
    """What `pack` took apart."""
    if isinstance(data, list):
        return [unpack(item, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    if "array" in data:
        return arrays[data["array"]]
    if "float" in data:
        return float(data["float"])
    return {key: unpack(item, arrays) for key, item in data["dict"].items()}


def plain(value: Any) -> Any:
    """NumPy's scalars as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
