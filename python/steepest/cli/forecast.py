"""``steepest fit`` with ``--horizon``: a forecast from a table with a column of times."""

from __future__ import annotations

import argparse
from typing import Any

from steepest.cli.options import refuse, text_form
from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal
from steepest.errors import InputError

__all__ = ["run"]

#: What is for other tables.
NOT_HERE = (
    "test", "save", "task", "loss", "penalty", "l1_ratio", "alpha", "cv", "scoring", "sample_weight", "positive",
    "threshold", "cost", "tol", "validation", "missing", "checkpoint", "memory", "seed", "threads", "missing_target",
    "no_refit", "class_weight", "categories", "amounts", "hash_columns",
)  # fmt: skip
#: What is written as a table of commas where it is asked for, by its name in the answer too.
TABLES = ("forecast", "coefficients")
#: How a text is read.
TEXT = ("delimiter", "encoding", "decimal", "thousands")


def run(args: argparse.Namespace) -> int:
    """Forecast, print the summary, write what was asked for."""
    if args.time is None:
        raise InputError("--horizon goes with --time: name the column of times")
    refuse(args, NOT_HERE, "forecasts")
    for option in ("report", *TABLES):
        if getattr(args, option) is not None:
            check_place(getattr(args, option), f"--{option}", (args.table,))
    from steepest.tables import read

    form = text_form(args, TEXT)
    table = read(args.table, **form)
    target = args.target
    if target is None:
        given = {table.find(c) for c in (args.time, *([args.by] if args.by else []), *args.known, *args.drop)}
        left = [name for name in table.names if name not in given]
        if len(left) != 1:
            raise InputError(
                f"name what to forecast by --target: it may be any of {', '.join(map(repr, left))}"
            )
        target = left[0]
    settings: dict[str, Any] = {"time": args.time, "horizon": args.horizon}
    if args.by is not None:
        settings["by"] = args.by
    if args.level:
        settings["levels"] = tuple(args.level)
    for name in ("known", "drop"):
        if getattr(args, name):
            settings[name] = tuple(getattr(args, name))
    if args.python:
        print("\n".join(lines(args, form, target, settings)))
        return 0
    from steepest.forecast import forecast

    terminal = Terminal(args.quiet)
    found = forecast(table, target, **settings)
    terminal.say(found.summary(terminal.width))
    if args.report is not None:
        found.report(args.report)
        terminal.say(f"report: {args.report}")
    for name in TABLES:
        if getattr(args, name) is not None:
            from pyarrow import csv

            csv.write_csv(getattr(found, name), getattr(args, name))
            terminal.say(f"{name}: {getattr(args, name)}")
    return 0


def lines(args: argparse.Namespace, form: dict[str, Any], target: Any, settings: dict[str, Any]) -> list[str]:
    """The Python lines that do the same."""
    start, table = ["from steepest.forecast import forecast"], repr(args.table)
    if form:
        read = ", ".join([table, *(f"{name}={value!r}" for name, value in form.items())])
        start += ["from steepest.tables import read", f"table = read({read})"]
        table = "table"
    words = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    end = ["print(found)"]
    if args.report is not None:
        end.append(f"found.report({args.report!r})")
    written = [
        f"csv.write_csv(found.{name}, {getattr(args, name)!r})"
        for name in TABLES
        if getattr(args, name) is not None
    ]
    if written:
        start.insert(0, "from pyarrow import csv")
    return [*start, f"found = forecast({table}, {target!r}, {words})", *end, *written]
