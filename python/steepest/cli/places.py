"""Where files are to be written, checked before the work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from steepest.errors import InputError

__all__ = ["check_place"]


def check_place(place: str, option: str, inputs: Sequence[str | None] = ()) -> None:
    """Refuse a file that could not be written, or that is one of those to be read.

    Parameters
    ----------
    place : str
        The path. A symbolic link stands for what it points to.
    option : str
        The option that gave it, for messages.
    inputs : sequence of str or None
        The files that are read, which would be lost.

    Raises
    ------
    InputError
        It is a folder, in a folder that is not there or cannot be written to, too long a name, or one of the inputs.

    Examples
    --------
    >>> from steepest.cli.places import check_place
    >>> check_place("nowhere/report.html", "--report")
    Traceback (most recent call last):
    steepest.errors.InputError: --report 'nowhere/report.html': there is no folder 'nowhere'; make it first
    """
    said = f"{option} {place!r}"
    if not place or "\0" in place:
        raise InputError(f"{said} is no file's name")
    path = Path(place)
    if os.path.isdir(path):
        raise InputError(f"{said} is a folder; give a file's name in it")
    real = Path(os.path.realpath(place))
    folder = real.parent
    if not folder.is_dir():
        raise InputError(f"{said}: there is no folder {str(path.parent)!r}; make it first")
    if len(os.fsencode(real.name)) > NAME_MAX:
        raise InputError(f"{said}: a file's name has at most {NAME_MAX} bytes")
    special = os.path.exists(path) and not os.path.isfile(path)
    if not os.access(path if special else folder, os.W_OK):
        raise InputError(f"{said}: {str(real if special else folder)!r} cannot be written to")
    for read in inputs:
        here = read and not special and os.path.exists(place) and os.path.exists(read)
        if here and read and os.path.samefile(place, read):
            raise InputError(f"{said} is the file {read!r}, which is read; give another name")


#: bytes of a file's name on every common system
NAME_MAX = 255
