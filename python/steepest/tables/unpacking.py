"""What is packed is unpacked only so far: a small file that unpacks to gigabytes is refused, and ends nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from steepest.errors import TableError

__all__ = ["DAMAGE", "GZIP", "PACKED", "Unpacked", "check_room", "check_unpacked", "refusing", "unzipped"]

#: what readers of packed and binary files raise on damaged or hostile bytes
DAMAGE = (
    ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, MemoryError, SyntaxError, EOFError,
    OSError, NotImplementedError, RuntimeError, AttributeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    struct.error, tokenize.TokenError, pa.ArrowException,
)  # fmt: skip
#: bytes that may come out of a packed file whatever its size
FREE = 1 << 28
#: beyond them, how many times its size it may unpack to; texts of numbers pack five to fifty times
MOST_TIMES = 200
#: bytes of a gzip file's text between two looks
STEP = 1 << 24


class refusing:
    """Turns what a damaged packed file raises into a TableError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, EOFError):
            raise TableError(
                f"{self.name} is cut off: its packed data end in the middle; fetch it again"
            ) from None
        if isinstance(error, NotImplementedError) or type(error) is RuntimeError:
            raise TableError(f"{self.name} cannot be unpacked here: {error}; unpack it first") from None
        if isinstance(error, DAMAGE) and not isinstance(error, TableError):
            raise TableError(f"{self.name} is damaged ({error}); fetch it again") from None


def check_unpacked(count: int, packed: int, name: str) -> None:
    """Refuses to unpack so many bytes from so few.

    Raises
    ------
    TableError
        It is more than 256 MiB and 200 times the file, or more than there is memory.
    """
    if count > FREE and count > MOST_TIMES * packed:
        raise TableError(
            f"{name} unpacks to more than {MOST_TIMES} times its size ({count >> 20} MiB from {packed} bytes), as "
            "files do that are made to fill a memory: if it is meant so, unpack it first and pass what comes out"
        )
    check_room(count, name)


def check_room(count: int, name: str) -> None:
    """Refuses what does not fit in memory."""
    room = available()
    if room is not None and count > room:
        raise TableError(
            f"{name} would take {count / 2**30:.1f} GiB, and {room / 2**30:.1f} GiB of memory are free"
        )


def available() -> int | None:
    """Bytes of memory that are free, where the system says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            return next(int(line.split()[1]) << 10 for line in stream if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


GZIP = b"\x1f\x8b"
#: how files that are one packed file begin, and what unpacks them
PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    GZIP: lambda raw: gzip.GzipFile(fileobj=raw, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


class Unpacked(io.RawIOBase):
    """A packed file's text, of which no more comes out than may."""

    def __init__(self, raw: BinaryIO, packed: int, name: str, begins: bytes = GZIP) -> None:
        self.stream = PACKED[begins](raw)
        self.raw, self.packed, self.name = raw, packed, name
        self.checked = STEP

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, forwards quickly."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a place in the text."""
        return int(self.stream.seek(offset, whence))

    def tell(self) -> int:
        """The place in the text."""
        return int(self.stream.tell())

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the text goes."""
        with refusing(self.name):
            count = int(self.stream.readinto(buffer))
        if self.stream.tell() > self.checked:
            check_unpacked(self.stream.tell(), self.packed, self.name)
            self.checked = self.stream.tell() + STEP
        return count

    def readall(self) -> bytes:
        """The rest of the text."""
        parts = []
        while part := self.read(1 << 20):
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Closes the file too."""
        if not self.closed:
            self.stream.close()
            self.raw.close()
        super().close()


def check_claim(packed: Callable[[], BinaryIO], size: int, name: str) -> None:
    """Refuses a gzip file that says in its last four bytes that its text is too large, and whose text is."""
    with packed() as raw:
        raw.seek(max(0, size - 4))
        claim = int.from_bytes(raw.read(4), "little")
    if claim > FREE and claim > MOST_TIMES * size:
        with Unpacked(packed(), size, name) as stream:
            while stream.read(1 << 20):
                pass


def unzipped(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    """A member of a zip archive, where its own account of its size is not too large."""
    entry = archive.getinfo(member)
    check_unpacked(entry.file_size, max(1, entry.compress_size), name)
    with refusing(name):
        return archive.read(member)


def whole(path: Path) -> Callable[[], BinaryIO]:
    """What a pipe or a device gives, which can be read but once, held in memory."""
    room = available() or (1 << 62)
    data = bytearray()
    with open(path, "rb") as stream:
        while part := stream.read(1 << 20):
            data += part
            if len(data) > room // 2:
                raise TableError(
                    f"{os.fspath(path)!r} does not end: more than {len(data) >> 20} MiB came from it"
                )
    kept = bytes(data)
    return lambda: io.BytesIO(kept)
