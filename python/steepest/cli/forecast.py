"""``steepest fit`` with ``--horizon``: a forecast from a table with a column of times."""

from __future__ import annotations

import argparse
from typing import Any

from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal
from steepest.errors import InputError

__all__ = ["run"]

#: What is for other tables.
NOT_HERE = (
    "test", "save", "task", "loss", "penalty", "l1_ratio", "alpha", "cv", "scoring", "sample_weight", "positive",
    "threshold", "cost", "tol", "validation", "missing", "checkpoint", "memory", "seed", "threads", "missing_target",
)  # fmt: skip
#: How a text is read.
TEXT = ("delimiter", "encoding", "decimal", "thousands")


def run(args: argparse.Namespace) -> int:
    """Forecast, print the summary, write what was asked for."""
    if args.time is None:
        raise InputError("--horizon goes with --time: name the column of times")
    for name in NOT_HERE:
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} is not for forecasts")
    for name in ("class_weight", "categories", "amounts"):
        if getattr(args, name):
            raise InputError(f"--{name.replace('_', '-')} is not for forecasts")
    for option in ("report", "forecast", "coefficients"):
        if getattr(args, option) is not None:
            check_place(getattr(args, option), f"--{option}", (args.table,))
    from steepest.tables import read

    form: dict[str, Any] = {name: getattr(args, name) for name in TEXT if getattr(args, name) is not None}
    if form.get("delimiter") == r"\t":
        form["delimiter"] = "\t"
    if args.header or args.no_header:
        form["header"] = args.header
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
        print("\n".join(lines(args, target, settings)))
        return 0
    from steepest.forecast import forecast

    terminal = Terminal(args.quiet)
    found = forecast(table, target, **settings)
    terminal.say(found.summary(terminal.width))
    if args.report is not None:
        found.report(args.report)
        terminal.say(f"report: {args.report}")
    for option, written in (("forecast", found.forecast), ("coefficients", found.coefficients)):
        if getattr(args, option) is not None:
            from pyarrow import csv

            csv.write_csv(written, getattr(args, option))
            terminal.say(f"{option}: {getattr(args, option)}")
    return 0


def lines(args: argparse.Namespace, target: Any, settings: dict[str, Any]) -> list[str]:
    """The Python lines that do the same."""
    words = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    end = ["print(found)"]
    if args.report is not None:
        end.append(f"found.report({args.report!r})")
    return [
        "from steepest.forecast import forecast",
        f"found = forecast({args.table!r}, {target!r}, {words})",
        *end,
    ]
