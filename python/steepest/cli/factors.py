"""``steepest fit`` with ``--user`` and ``--item``: a recommender from ratings or clicks; and ``predict`` by one."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from steepest.cli.options import refuse, text_form
from steepest.cli.places import check_place
from steepest.cli.progress import Progress
from steepest.cli.terminal import Terminal
from steepest.errors import InputError, NotConverged, TableError
from steepest.findings import Finding

__all__ = ["predict", "run"]

#: What this verb passes on, under its own name.
PASSED = ("alpha", "tol", "validation", "seed", "threads")
#: What columns may be of.
COLUMNS = ("user", "item", "target", "time", "sample_weight")
#: What is for other tables: none of it is passed over in silence.
NOT_HERE = (
    "test", "coefficients", "task", "penalty", "l1_ratio", "missing", "cv", "scoring", "positive", "threshold",
    "cost", "checkpoint", "memory", "thousands", "missing_target", "no_refit", "class_weight", "drop", "categories",
    "amounts", "hash_columns", "horizon", "by", "known", "level", "forecast",
)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Fit, print the summary, write the report; 1 where the fit did not converge."""
    if args.user is None or args.item is None:
        raise InputError("--user and --item go together: name the columns of both")
    if args.user == args.item:
        raise InputError(f"--user and --item are both {args.user!r}: name the column of each")
    refuse(args, NOT_HERE, "tables of users and items")
    if args.sample_weight is not None and args.target is None:
        raise InputError("--sample-weight is of ratings: name their column by --target")
    for option in ("report", "save"):
        if getattr(args, option) is not None:
            check_place(getattr(args, option), f"--{option}", (args.table,))
    settings = {name: getattr(args, name) for name in PASSED if getattr(args, name) is not None}
    if args.loss is not None:
        if args.target is None and args.loss not in ("squared", "bpr", "warp"):
            raise InputError(
                "--loss is of ratings: name their column by --target; of clicks squared, bpr or warp"
            )
        settings["loss"] = args.loss
    if args.python:
        print("\n".join(lines(args, settings)))
        return 0
    terminal = Terminal(args.quiet)
    columns, found = read(args, {name: getattr(args, name) for name in COLUMNS})
    with Progress(Terminal(args.quiet, sys.stderr)) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)  # the summary says it
        model = fitted(columns, settings | {"watch": progress.watch})
    model.watch = None
    model.result_["findings"] += found
    model.columns_ = tuple(name for name in (args.user, args.item, args.target) if name is not None)
    terminal.say(model.summary(terminal.width))
    if args.save:
        model.save(args.save)
        terminal.say(f"model: {args.save}")
    if args.report is not None:
        from steepest.report.recommenders import recommender_page

        recommender_page(model, args.table, args.report)
        terminal.say(f"report: {args.report}")
    return 0 if model.result_.success else 1


def predict(args: argparse.Namespace) -> int:
    """Rate the pairs of a table by a recommender that was saved."""
    from steepest.cli.predict import answered, check_output
    from steepest.factors import ColdStart
    from steepest.factors.saved import loaded

    refuse(args, ("threshold", "cost", "thousands"), "tables of users and items")
    if args.python:
        print("\n".join(predict_lines(args)))
        return 0
    check_output(args.output, (args.model, args.table))
    model = loaded(args.model)
    user, item, *target = model.columns_
    columns, _ = read(args, {"user": user, "item": item, **{f"keep {name}": name for name in args.keep}})
    ids = [
        like_those(columns[name], known, asked)
        for name, known, asked in (("user", model.user_ids_, user), ("item", model.item_ids_, item))
    ]
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", ColdStart)
        scores = model.predict(*ids)
    kept = {name: columns[f"keep {name}"] for name in args.keep}
    answer = {f"predicted_{target[0]}" if target else "score": scores}
    return answered(args, kept, answer, [str(one.message) for one in noticed])


def like_those(ids: Any, known: Any, asked: str) -> Any:
    """Ids as those of the fit are: in a text file all are texts, and in one of numbers none."""
    if type_of(known) == type_of(ids):
        return ids
    if type_of(known) == "str" and type_of(ids) in ("int", "float"):
        whole = ids.astype(np.int64) if np.isfinite(ids).all() else ids
        return (whole if (whole == ids).all() else ids).astype(str)
    if type_of(ids) == "str" and type_of(known) in ("int", "float"):
        numbers = []
        for row, one in enumerate(ids):
            try:
                # A whole number of many digits is no float.
                numbers.append(int(one) if type_of(known) == "int" else float(one))
            except ValueError:
                raise TableError(
                    f"column {asked!r} row {row} is {one!r}: ids of the fit are numbers, such as {known[0]}"
                ) from None
        return np.array(numbers)
    return ids


def type_of(ids: Any) -> str:
    """What ids are, in Python's words."""
    kinds = {"U": "str", "T": "str", "O": "str", "i": "int", "u": "int", "f": "float"}
    return kinds.get(ids.dtype.kind, str(ids.dtype))


def predict_lines(args: argparse.Namespace) -> list[str]:
    """The Python lines that do the same."""
    from steepest.factors.saved import loaded

    model = loaded(args.model)
    types = [type_of(known) for known in (model.user_ids_, model.item_ids_)]
    # What is read as texts need not be made texts.
    as_read = [name == "str" and binary(args.table) is None for name in types]
    casts = [
        "" if plain or name not in ("str", "int", "float") else f".astype({name})"
        for name, plain in zip(types, as_read, strict=True)
    ]
    return [
        "import pandas",
        "from steepest.factors.saved import loaded",
        f"model = loaded({args.model!r})",
        f"table = {opening(args, 'str')}",
        "user, item = model.columns_[:2]",
        f"print(model.predict(table[user]{casts[0]}, table[item]{casts[1]}))",
    ]


def binary(table: str) -> str | None:
    """What pandas reads a file by whose columns have types of their own; None for texts."""
    readers = {".parquet": "read_parquet", ".feather": "read_feather", ".arrow": "read_feather"}
    return readers.get(PurePath(table).suffix.lower())


def opening(args: argparse.Namespace, dtype: str) -> str:
    """The call of pandas that reads the table, texts of the type given."""
    if (reader := binary(args.table)) is not None:
        return f"pandas.{reader}({args.table!r})"
    form = text_form(args, ("delimiter", "encoding", "decimal"))
    said = "".join(f", {name}={form[name]!r}" for name in form if name != "header")
    return f"pandas.read_csv({args.table!r}, dtype={dtype}{said})"


def read(args: argparse.Namespace, names: Mapping[str, str | None]) -> tuple[dict[str, Any], list[Finding]]:
    """The columns that were named, by what they are of, as arrays; and what is to be said of how they were read.

    Raises
    ------
    TableError
        A row is missing, or no number or time where it must be one; the row is named.
    """
    from steepest.factors.when import read_times
    from steepest.tables import read as read_table

    form = text_form(args, ("delimiter", "encoding", "decimal"))
    table = read_table(args.table, **form, as_texts=None)
    columns: dict[str, Any] = {}
    found: list[Finding] = []
    for name, asked in names.items():
        if asked is None:
            continue
        column = table.column(table.find(asked, name))
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise TableError(f"column {asked!r} row {row} is missing: drop the row")
        values = column.to_numpy()
        texts = values.dtype.kind in "OUT"
        if name == "time":
            values, found = read_times(values, asked, called=f"column {asked!r}", notation=table.notation)
        elif texts and name in ("target", "sample_weight"):
            values = numbers(column, asked, name, table.notation)
        elif texts and name in ("user", "item"):
            check_ids(column, asked)
        columns[name] = values
    return columns, found


def numbers(column: Any, asked: str, name: str, notation: Any) -> Any:
    """Texts as the numbers that all of them are."""
    from steepest.tables.unread import whole_column

    must = "the sample weight must be numbers"
    if name == "target":
        must = "the target must be numbers; leave --target out for clicks"
    return whole_column(column, asked, ("number", "boolean"), must, notation=notation).numbers


def check_ids(column: Any, asked: str) -> None:
    """Refuse an id that is not there: all rows without one would be of one user."""
    from steepest.tables.missing import NO_CLASS
    from steepest.tables.values import read_values

    missing = read_values(column, asked, plain=True, tokens=NO_CLASS).missing
    if missing.any():
        row = int(missing.argmax())
        raise TableError(f"column {asked!r} row {row} is missing, {column[row].as_py()!r}: drop the row")


def fitted(columns: dict[str, Any], settings: dict[str, Any]) -> Any:
    """The recommender that the columns are of: ratings where there is a target, clicks where there is none."""
    from steepest.factors import ClicksFactorization, RatingsFactorization

    ids, time = (columns["user"], columns["item"]), columns.get("time")
    if "target" in columns:
        return RatingsFactorization(**settings).fit(
            *ids, columns["target"], time=time, sample_weight=columns.get("sample_weight")
        )
    return ClicksFactorization(**settings).fit(*ids, time=time)


def lines(args: argparse.Namespace, settings: dict[str, Any]) -> list[str]:
    """The Python lines that do the same."""
    kind = "ClicksFactorization" if args.target is None else "RatingsFactorization"
    words = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    named = tuple(name for name in (args.user, args.item, args.target) if name is not None)
    columns = [f"table[{name!r}]" for name in named]
    time = "" if args.time is None else f", time=table[{args.time!r}]"
    if args.sample_weight is not None:
        time += f", sample_weight=table[{args.sample_weight!r}]"
    return [
        "import pandas",
        f"from steepest.factors import {kind}",
        f"table = {opening(args, f'{{{args.user!r}: str, {args.item!r}: str}}')}",
        f"model = {kind}({words}).fit({', '.join(columns)}{time})",
        "print(model.summary())",
        *([] if args.save is None else [f"model.columns_ = {named!r}", f"model.save({args.save!r})"]),
    ]
