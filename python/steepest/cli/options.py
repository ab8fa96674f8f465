"""Options that several kinds of fit share: which of them is for another kind, and how a text is to be read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from steepest.errors import InputError

__all__ = ["refuse", "text_form"]

#: Options whose name is not that of what they are kept as.
SPELT = {"categories": "category", "amounts": "amount", "hash_columns": "hash_column"}


def refuse(args: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Refuse what was given and would be passed over in silence.

    Parameters
    ----------
    args : Namespace
        What was given.
    names : sequence of str
        What is not for this kind of fit.
    what : str
        The kind, for the message.

    Raises
    ------
    InputError
        One of them was given.
    """
    for name in names:
        if getattr(args, name) not in (None, False, []):
            raise InputError(f"--{SPELT.get(name, name).replace('_', '-')} is not for {what}")


def text_form(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """How a text is read, as far as it was said: `names`, and whether its first line holds the names of columns."""
    form = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if form.get("delimiter") == r"\t":
        form["delimiter"] = "\t"
    if getattr(args, "header", False) or getattr(args, "no_header", False):
        form["header"] = args.header
    return form
