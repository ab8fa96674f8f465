"""Options that several kinds of fit share: which of them is for another kind, and how a text is to be read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

from steepest.errors import InputError

__all__ = [
    "COUNT",
    "NUMBER",
    "SEVERAL",
    "SWITCH",
    "Add",
    "as_options",
    "option_of",
    "refuse",
    "text_arguments",
    "text_form",
]

#: a number; an option that may be given several times
NUMBER: dict[str, Any] = {"type": float}
COUNT: dict[str, Any] = {"type": int}
SEVERAL: dict[str, Any] = {"action": "append", "default": []}
SWITCH: dict[str, Any] = {"action": "store_true"}
Add = Callable[..., Any]

#: Options whose name is not that of what they are kept as.
SPELT = {"categories": "category", "amounts": "amount", "hash_columns": "hash_column"}
#: arguments of `steepest.fit` that options of the same name stand for
OPTIONS = (
    "target|task|loss|model|form|test|time|alpha|penalty|l1_ratio|missing|validation|tol|seed|threads|memory|checkpoint"
    "|delimiter|encoding|cv|scoring|class_weight|sample_weight|positive|threshold|cost|decimal|thousands|missing_target"
    "|drop|categories|amounts|hash_columns"
)


def option_of(name: str) -> str:
    """The option that stands for an argument of this name.

    >>> option_of("hash_columns"), option_of("class_weight")
    ('--hash-column', '--class-weight')
    """
    return "--" + SPELT.get(name, name).replace("_", "-")


def as_options(text: str) -> str:
    """A remedy in the command's words: what Python calls ``target=`` is ``--target`` here.

    >>> from steepest.cli.options import as_options
    >>> as_options("name the column (target=), or pass missing='impute', or leave it out (drop)")
    'name the column (--target), or pass --missing impute, or leave it out (--drop)'
    >>> as_options("leave it out, in Python with drop=['a b'], on the command line with --drop 'a b'")
    "leave it out, with --drop 'a b'"
    """
    # A remedy that has both has one of them here.
    text = re.sub(r"in Python with \w+=\[[^]]*\], on the command line with ", "with ", text)
    text = text.replace("header=False", "--no-header").replace("header=True", "--header")
    text = re.sub(r"\((drop|categories|amounts|hash_columns)\)", lambda m: f"({option_of(m[1])})", text)
    return re.sub(rf"\b({OPTIONS})=(\[[^]]*\]|'[^']*'|\"[^\"]*\")?", _as_option, text)


def _as_option(match: re.Match[str]) -> str:
    """One argument with its value, or with each of several, as options."""
    option, values = option_of(match[1]), re.findall(r"'[^']*'|\"[^\"]*\"", match[2] or "")
    if values:
        words = [v[1:-1] if re.fullmatch(r"\w[\w.-]*", v[1:-1]) else v for v in values]
        return " ".join(f"{option} {word}" for word in words)
    follows = match.string[match.end() : match.end() + 1]
    return option + (
        f" {match[2]}" if match[2] else " " if follows.isalnum() or (follows in "'\"-[" and follows) else ""
    )


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
            raise InputError(f"{option_of(name)} is not for {what}")


def text_arguments(add: Add) -> None:
    """How a text file is read; found out unless given."""
    add("--delimiter", metavar="C", help="what stands between fields")
    add("--encoding", metavar="NAME", help="its encoding")
    add("--header", help="the first line holds the names", **SWITCH)
    add("--no-header", help="the first line is data", **SWITCH)
    add("--decimal", metavar="C", help="decimal mark of numbers, . or , (found out by column)")
    add("--thousands", metavar="C", help="what groups digits by three: , . ' or a blank")


def text_form(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """How a text is read, as far as it was said: `names`, and whether its first line holds the names of columns."""
    form = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if form.get("delimiter") == r"\t":
        form["delimiter"] = "\t"
    if getattr(args, "header", False) or getattr(args, "no_header", False):
        form["header"] = args.header
    return form
