"""Where files are to be written, checked before the work is done."""

from __future__ import annotations

from pathlib import Path

from steepest.errors import InputError

__all__ = ["check_place"]


def check_place(place: str, option: str) -> None:
    """Refuse a file that could not be written: a folder, or one in a folder that is not there.

    >>> from steepest.cli.places import check_place
    >>> check_place("nowhere/report.html", "--report")
    Traceback (most recent call last):
    steepest.errors.InputError: --report 'nowhere/report.html': there is no folder 'nowhere'; make it first
    """
    if Path(place).is_dir():
        raise InputError(f"{option} {place!r} is a folder; give a file's name in it")
    if not Path(place).resolve().parent.is_dir():
        raise InputError(f"{option} {place!r}: there is no folder {str(Path(place).parent)!r}; make it first")
