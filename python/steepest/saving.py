"""Model files: arrays and one JSON text in a safetensors file, never a pickle.

A file's metadata holds one JSON text under "steepest": format number, version of the library, kind, a
checksum of everything else, and what the kind needs (schema, classes, settings). Loading runs no code. Writing
is atomic: a temporary file beside the target is flushed to disk and then takes its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.errors import ModelFileError

__all__ = ["FORMAT", "read_file", "write_file"]

#: the newest format that this version reads and writes
FORMAT = 1
KEY = "steepest"

Arrays = dict[str, np.ndarray[Any, Any]]


def write_file(path: str | os.PathLike[str], kind: str, content: dict[str, Any], arrays: Arrays) -> None:
    """Writes a model file; on any failure nothing is left behind and an older file stays as it was.

    Args:
        path: where to.
        kind: what it holds, such as "model".
        content: plain data, without NaN or infinity.
        arrays: the arrays by name.

    Raises:
        ModelFileError: the folder is not there or not writable, or the disk is full.
    """
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    data = {"format": FORMAT, "version": steepest.__version__, "kind": kind, **content}
    data["checksum"] = checksum(data, arrays)
    text = json.dumps(data, allow_nan=False)
    replace(Path(path), save(arrays, metadata={KEY: text}))


def replace(path: Path, data: bytes) -> None:
    """Puts the bytes under the path all at once, or not at all."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, path)
        temporary = None
        flush_folder(path.parent)
    except OSError as error:
        raise ModelFileError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        # Ctrl-C comes here too.
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def current_umask() -> int:
    """The permissions that new files go without; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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

    Raises:
        ModelFileError: it is not there, cut off, altered, of another kind, or from a later version.
    """
    from safetensors import SafetensorError, safe_open

    name = str(path)
    if not Path(path).is_file():
        raise ModelFileError(f"there is no model file {name!r}")
    try:
        with safe_open(path, framework="numpy") as stream:
            text = (stream.metadata() or {}).get(KEY)
            arrays = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFileError(
            f"{name!r} cannot be read as a model: it was cut off or is another kind of file ({error})"
        ) from None
    if text is None:
        raise ModelFileError(f"{name!r} is a safetensors file, but not one that steepest wrote")
    return checked(name, text, arrays, kind), arrays


def checked(name: str, text: str, arrays: Arrays, kind: str) -> dict[str, Any]:
    """The JSON content of a file whose format, kind and checksum are right."""
    try:
        data: dict[str, Any] = json.loads(text)
        found, version = int(data["format"]), data.get("version")
    except (ValueError, KeyError, TypeError):
        raise ModelFileError(f"{name!r} was altered: its description is not what steepest writes") from None
    if found > FORMAT:
        raise ModelFileError(
            f"{name!r} has format {found}, written by steepest {version}; this is "
            f"{steepest.__version__}, which "
            f"reads up to format {FORMAT}: update steepest"
        )
    if data.pop("checksum", None) != checksum(data, arrays):
        raise ModelFileError(
            f"{name!r} was altered or damaged: its checksum does not fit; save the model again"
        )
    if data.get("kind") != kind:
        raise ModelFileError(f"{name!r} holds a {data.get('kind')}, not a {kind}")
    return data


def checksum(data: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 of the description (without the checksum) and of every array's name, type, shape and bytes."""
    sha = hashlib.sha256(json.dumps(data, allow_nan=False, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
