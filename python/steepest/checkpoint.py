"""A run kept in a file while it goes on, so that the same call again goes on from there.

The file is a safetensors file as models are, never a pickle: the arrays of the run by name, and what the run is, in
words and digests, by which a file of another run is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest._catalog import number
from steepest.errors import InputError, ModelFileError
from steepest.saving import read_file, write_file

__all__ = ["EVERY", "Checkpoint", "Series", "check", "digest"]

#: seconds between two writings, unless asked otherwise
EVERY = 30.0

#: what a run is, in words by name; texts that begin so are not shown
About = Mapping[str, str]
_DIGEST = "blake2b:"


class Checkpoint:
    """A file that a run is kept in.

    Parameters
    ----------
    given : path or (path, seconds)
        The file, and how often it is written (every 30 seconds unless said).
    about : mapping of str
        What the run is, each part a text; a file of a run that is another in any of them is refused.

    Raises
    ------
    InputError
        If there can be no such file, or the one there is of another run.
    ModelFileError
        If the file there was cut off, altered, or is no checkpoint.
    """

    def __init__(self, given: Any, about: About) -> None:
        self._path, self._seconds = _read(given)
        self._about = {"version": steepest.__version__, **about}
        self._failed = ""
        self._written = time.monotonic()
        self._owned = _identity(self._path)
        self._saved = None if self._owned is None else self._load()

    def request(self) -> dict[str, Any]:
        """What the compiled core needs to know of it."""
        return {
            "name": repr(str(self._path)),
            "saved": self._saved,
            "write": self._write,
            "seconds": self._seconds,
        }

    def findings(self) -> list[dict[str, Any]]:
        """What there is to say of it: that it could not be written."""
        if not self._failed:
            return []
        return [
            {
                "kind": "checkpoint_not_written",
                "severity": "warning",
                "sentence": self._failed,
                "remedy": "Give checkpoint a place that can be written, for this run alone.",
            }
        ]

    def _load(self) -> dict[str, Any] | None:
        content, arrays = read_file(self._path, "checkpoint")
        there = content.get("about")
        if not isinstance(there, dict):
            raise ModelFileError(f"{str(self._path)!r} was altered: it does not say of what run it is")
        if differs := _differences(there, self._about):
            raise InputError(
                f"the checkpoint {str(self._path)!r} is of another run: {'; '.join(differs)}. Make the same call "
                "again, or delete the file to begin anew"
            )
        try:
            return self._taken(arrays)
        except (ValueError, TypeError, LookupError) as error:
            raise ModelFileError(f"{str(self._path)!r} was altered: {error}") from None

    def _taken(self, arrays: dict[str, Any]) -> dict[str, Any] | None:
        """The arrays of a descent, as the core takes them."""
        return {name: _array(array) for name, array in arrays.items()}

    def _write(self, arrays: dict[str, Any] | None) -> None:
        """Puts the arrays into the file; None takes it away. A run does not end because its file cannot be written:
        that is warned of, and the older file stays."""
        if self._path.is_dir() or _identity(self._path) not in (None, self._owned):
            self._warn(f"the checkpoint {str(self._path)!r} was changed by another run: it is left as it is")
            return
        if arrays is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            return
        stored = {
            name: np.frombuffer(array.encode(), np.uint8) if isinstance(array, str) else array
            for name, array in arrays.items()
        }
        try:
            write_file(self._path, "checkpoint", {"about": self._about}, stored)
        except ModelFileError as error:
            self._warn(f"the checkpoint {error}: the run goes on without")
            return
        self._owned, self._failed, self._written = _identity(self._path), "", time.monotonic()

    def _warn(self, words: str) -> None:
        if not self._failed:
            warnings.warn(words, RuntimeWarning, stacklevel=2)
        self._failed = words[0].upper() + words[1:] + "."


class Series(Checkpoint):
    """A file that several descents of one call are kept in, one after the other: what those done have come to, and the
    one in force. What a call does between them it does again.

    As a context: where the call fails, what was done is written.

    Parameters
    ----------
    given, about
        As of `Checkpoint`.
    ends : sequence of str
        Outcomes of a descent that the same call may go on with later: what comes after it is not kept.
    """

    def __init__(self, given: Any, about: About, ends: Sequence[str] = ("stopped",)) -> None:
        self._done: list[dict[str, Any]] = []
        super().__init__(given, about)
        #: how many descents the call has asked for; whether some are done that are not in the file
        self._asked, self._new = 0, False
        self._ends, self._ended = ends, False

    def __enter__(self) -> Series:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None and not self._ended:
            super()._write(None)
        elif self._new:
            self._write({})

    def run(self, length: int, work: Callable[[Series | None], dict[str, Any]]) -> dict[str, Any]:
        """What the next descent comes to: as it is kept, or by `work`, whose descent is kept in what it is given.

        Parameters
        ----------
        length : int
            Of the point `x` that it comes to.
        """
        if self._ended:
            return work(None)
        self._asked += 1
        if self._asked <= len(self._done):
            answer = self._done[self._asked - 1]
            if getattr(answer.get("x"), "shape", None) != (length,):
                raise ModelFileError(f"{str(self._path)!r} was altered: a descent in it has another length")
            return answer
        answer = work(self)
        self._ended = answer["outcome"] in self._ends
        if not self._ended:
            self._done.append(answer)
            self._saved, self._new = None, True
        if self._new and (self._ended or time.monotonic() - self._written >= self._seconds):
            self._write({})
        return answer

    def _taken(self, arrays: dict[str, Any]) -> dict[str, Any] | None:
        told = json.loads(arrays.pop("done").tobytes())
        self._done = [_unpacked(answer, arrays) for answer in told]
        if not isinstance(told, list) or not all(isinstance(answer, dict) for answer in self._done):
            raise ValueError("it has no descents")
        of = "descent."
        return super()._taken({n.removeprefix(of): a for n, a in arrays.items() if n.startswith(of)}) or None

    def _write(self, arrays: dict[str, Any] | None) -> None:
        # At the end of a descent the call goes on.
        if arrays is None:
            return
        stored: dict[str, Any] = {f"descent.{name}": array for name, array in arrays.items()}
        stored["done"] = json.dumps([_packed(answer, stored) for answer in self._done])
        super()._write(stored)
        self._new = False


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """A value as JSON has it, its arrays put among `arrays`."""
    if isinstance(value, np.ndarray):
        name = f"array.{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Mapping):
        return {"dict": {key: _packed(part, arrays) for key, part in value.items()}}
    if isinstance(value, list | tuple):
        return [_packed(part, arrays) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    """The value that was packed."""
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {key: _unpacked(part, arrays) for key, part in value["dict"].items()}


def check(given: Any) -> None:
    """Refuses what cannot be a checkpoint, before anything is computed."""
    if given is not None:
        _read(given)


def digest(value: Any) -> str:
    """A value in a short text that tells it from others: of arrays their bytes, of functions their names.

    >>> digest(0.5), digest(None), digest(len)
    ('0.5', 'None', 'len')
    >>> digest(np.zeros(3)) == digest(np.zeros(3)), digest(np.zeros(3)) == digest(np.zeros((3, 1)))
    (True, False)
    """
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    sha = hashlib.blake2b(digest_size=16)
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        sha.update(f"{value.dtype.str} {value.shape}".encode())
        # As it lies, so that nothing is copied.
        sha.update(
            np.ascontiguousarray(value.T if np.isfortran(value) else value).reshape(-1).view(np.uint8).data
        )
    elif hasattr(value, "indptr"):
        return digest([value.shape, value.data, value.indices, value.indptr])
    elif hasattr(value, "identity"):
        if value.identity is None:
            raise InputError(
                "checkpoint keeps fits of tables in memory and of files; got batches that only whoever gives them can "
                "tell from others: leave checkpoint out, or write them to a file first"
            )
        return digest(value.identity)
    elif hasattr(value, "files"):
        return digest([value.files, value.names, value.shape, value.levels])
    elif isinstance(value, Mapping):
        for key, part in value.items():
            sha.update(f"{key!r} {digest(part)}\n".encode())
    elif isinstance(value, list | tuple):
        for part in value:
            sha.update(f"{digest(part)}\n".encode())
    else:
        # Not its module, which is another where a script is run and where it is imported.
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return _DIGEST + sha.hexdigest()


def _read(given: Any) -> tuple[Path, float]:
    """The file and the seconds, checked: a run is not begun that could not be kept."""
    path, seconds = given if isinstance(given, tuple) and len(given) == 2 else (given, EVERY)
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise InputError(f"checkpoint must be a path, or (path, seconds); got {given!r}")
    seconds = number("the seconds of checkpoint", seconds)
    if not seconds >= 0:
        raise InputError(f"the seconds of checkpoint must be at least 0; got {seconds:g}")
    try:
        place = Path(os.path.realpath(path))
        exists = place.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"checkpoint must be a path; got {path!r} ({error})") from None
    name = repr(str(path))
    if exists and not place.is_file():
        what = "a folder" if place.is_dir() else "no plain file"
        raise InputError(f"checkpoint must name a file; {name} is {what}")
    if not place.parent.is_dir():
        raise InputError(f"checkpoint {name} cannot be written: there is no folder {str(place.parent)!r}")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"checkpoint {name} cannot be written: the folder {str(place.parent)!r} is read-only"
        )
    return place, seconds


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from one that took its place; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _differences(there: Mapping[str, Any], here: About) -> list[str]:
    """What of a run is another, each in a few words."""
    changes = []
    for name in dict.fromkeys([*here, *there]):
        was, now = there.get(name), here.get(name)
        if was != now:
            shown = all(isinstance(v, str) and not v.startswith(_DIGEST) and len(v) < 80 for v in (was, now))
            changes.append(f"{name} was {was} and is {now} now" if shown else f"{name} is another")
    return changes


def _array(array: np.ndarray[Any, Any]) -> Any:
    """An array of a run as the core takes it."""
    if array.ndim == 1 and array.dtype == np.uint8:
        return array.tobytes().decode()
    if array.ndim == 1 and array.dtype in (np.float64, np.uint64):
        return array
    raise ValueError(f"no run has arrays of {array.dtype} and shape {array.shape}")
