"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, so that a reader sees the old file or the new one, never a part.

    The text goes to a new file beside it, which then takes its name; where that is no ordinary file
    (a pipe, `/dev/stdout`), it is written to directly.

    Raises
    ------
    OSError
        If the folder is not there or cannot be written to, or the disk is full; nothing is left behind.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        if target.is_dir():
            raise IsADirectoryError(f"{str(target)!r} is a folder; a file name is needed")
        target.write_text(text, encoding="utf-8")
        return
    folder = target.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r} to write {target.name!r} in")
    beside = folder / f".{target.name[:40]}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
        beside.replace(target.resolve())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
