"""``steepest fit``: a table fitted with nothing to tune, its progress shown, its summary printed."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import Any

from steepest.cli.options import text_form
from steepest.cli.places import check_place
from steepest.cli.progress import Progress
from steepest.cli.terminal import Terminal
from steepest.errors import InputError, NotConverged

NAME = "fit"
HELP = "fit a table with nothing to tune, and say how good the model is"
EXAMPLES = """TABLE is a CSV, TSV, Parquet, Arrow, Feather or npz file, or one of scikit-learn's data sets:
breast_cancer, diabetes, digits, iris, wine.

examples:
  steepest fit breast_cancer --report report.html
  steepest fit houses.csv --target price --save model.safetensors
  steepest fit ratings.csv --user reader --item book --target stars
  steepest fit sales.csv --time week --target sold --horizon 8 --report forecast.html
  steepest fit train.tsv --target -1 --test test.tsv --drop id --drop name"""

#: options that `steepest.fit` takes under their own name
PASSED = (
    "task",
    "loss",
    "model",
    "test",
    "time",
    "form",
    "alpha",
    "penalty",
    "l1_ratio",
    "missing",
    "validation",
    "cv",
    "scoring",
    "sample_weight",
    "positive",
    "threshold",
    "cost",
    "tol",
    "seed",
    "threads",
    "memory",
    "checkpoint",
)
TEXT = ("delimiter", "encoding", "decimal", "thousands", "missing_target")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments; what is not given is found out."""
    add = parser.add_argument
    add(
        "table",
        metavar="TABLE",
        help="a file, a pattern of Parquet, Arrow or CSV files, or the name of a data set",
    )
    add("--target", metavar="COLUMN", help="what to predict, by name or number (from 0; -1 is the last)")
    add(
        "--user",
        metavar="COLUMN",
        help="whose rating (--target) or click a row is: a recommender, with --item",
    )
    add("--item", metavar="COLUMN", help="of what the rating or click is")
    add("--horizon", type=int, metavar="H", help="forecast the target H steps ahead, with --time")
    add("--by", metavar="COLUMN", help="which series a row is of, for a forecast of several (with --horizon)")
    add(
        "--known",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that is known ahead, for a forecast; again for more",
    )
    add("--level", action="append", type=float, metavar="Q", help="a level of a forecast (0.1, 0.5 and 0.9)")
    add("--forecast", metavar="FILE", help="write the forecast as a table (CSV)")
    add("--test", metavar="FILE", help="a second table, never looked at while fitting, for the figures")
    add("--report", metavar="FILE", help="write the report, one self-contained HTML page")
    add("--save", metavar="FILE", help="save the model (safetensors)")
    add("--coefficients", metavar="FILE", help="write the coefficients as a table (CSV)")
    add(
        "--verbose",
        action="store_true",
        help="print everything: all figures, notes on the data, the certificate",
    )
    add(
        "--task",
        metavar="TASK",
        help="regression, classification, binary or multiclass; found from the target",
    )
    add(
        "--loss",
        metavar="NAME",
        help="of a number: squared (default), huber, poisson, gamma, tweedie, inverse_gaussian; of clicks: bpr, warp",
    )
    add("--model", metavar="KIND", help="linear (default), network, or auto: the better one on held-out rows")
    add("--time", metavar="COLUMN", help="hold out the last rows by this column instead of random ones")
    add("--drop", action="append", default=[], metavar="COLUMN", help="leave a column out; again for more")
    add(
        "--category",
        action="append",
        default=[],
        dest="categories",
        metavar="COLUMN",
        help="take a number column as a category; again for more",
    )
    add(
        "--amount",
        action="append",
        default=[],
        dest="amounts",
        metavar="COLUMN",
        help="take whole numbers with few values as an amount, not as levels; again for more",
    )
    add(
        "--hash-column",
        action="append",
        default=[],
        dest="hash_columns",
        metavar="COLUMN",
        help="hash the texts of a column that has very many to 4096 levels; again for more",
    )
    add("--form", metavar="FORM", help="auto (default): curves, levels and pairs where they pay; or linear")
    add("--alpha", type=float, metavar="A", help="strength of the penalty; chosen on held-out rows")
    add("--penalty", metavar="NAME", help="l2 (default), l1 or elastic_net")
    add("--l1-ratio", type=float, metavar="R", help="share of l1 in the elastic net (0.5)")
    add("--missing", metavar="HOW", help="fill (default), impute or refuse missing values")
    add("--validation", type=float, metavar="SHARE", help="share of the rows held out (0.2)")
    add("--no-refit", action="store_true", help="keep the model fitted without the held-out rows")
    add("--cv", type=int, metavar="K", help="also judge in K folds: mean and spread beside each figure")
    add(
        "--scoring",
        metavar="FIGURE",
        help="choose alpha by this figure and print it first: roc_auc, f1, r2 ...",
    )
    add(
        "--class-weight",
        action="append",
        default=[],
        metavar="W",
        help="balanced, or CLASS=WEIGHT; again for more",
    )
    add("--sample-weight", metavar="COLUMN", help="what each row weighs")
    add("--positive", metavar="CLASS", help="which of two classes is the positive one (the second in order)")
    add("--threshold", type=float, metavar="P", help="predict positive above this probability (0.5)")
    add("--cost", type=float, metavar="C", help="a missed positive costs C false alarms; sets the threshold")
    add(
        "--no-reference",
        action="store_true",
        help="leave out gradient boosting on the same rows (scikit-learn's)",
    )
    add("--tol", type=float, metavar="TOL", help="distance from the best possible to reach, relative (1e-6)")
    add("--seed", type=int, metavar="N", help="seed of the split (0)")
    add("--threads", type=int, metavar="N", help="threads (all); the result does not depend on them")
    add(
        "--memory",
        type=int,
        metavar="BYTES",
        help="bytes that the fit may take (what is free); files that need more are read anew",
    )
    add(
        "--checkpoint",
        metavar="FILE",
        help="keep the fit in a file while it goes on; the same command again goes on from there",
    )
    add("--delimiter", metavar="C", help="what stands between fields; found out")
    add("--encoding", metavar="NAME", help="encoding of a text file; found out")
    header = parser.add_mutually_exclusive_group()
    header.add_argument("--header", action="store_true", help="the first line of a text file holds the names")
    header.add_argument("--no-header", action="store_true", help="the first line of a text file is data")
    add("--decimal", metavar="C", help="decimal mark of numbers, . or , (found out by column)")
    add("--thousands", metavar="C", help="what groups digits by three: , . ' or a blank; found out")
    add(
        "--missing-target",
        action="append",
        metavar="TEXT",
        help="a text that means a missing target, not a class; again for more",
    )


def run(args: argparse.Namespace) -> int:
    """Fit, print the summary, write what was asked for; 1 where the fit did not converge."""
    import steepest

    if args.user is not None or args.item is not None:
        from steepest.cli import factors

        return factors.run(args)
    if args.horizon is not None:
        from steepest.cli import forecast

        return forecast.run(args)
    for option in ("by", "known", "level", "forecast"):
        if getattr(args, option):
            raise InputError(f"--{option} is of forecasts: say how many steps ahead by --horizon")
    settings = given(args)
    if args.python:
        print("\n".join(lines(args, settings)))
        return 0
    for option in ("report", "save", "coefficients"):
        if getattr(args, option) is not None:
            check_place(getattr(args, option), f"--{option}", (args.table, args.test))
    terminal = Terminal(args.quiet)
    with Progress(Terminal(args.quiet, sys.stderr)) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)  # the summary says it
        model = steepest.fit(args.table, args.target, **settings, watch=progress.watch)
    show(model.summary(terminal.width, verbose=args.verbose), terminal)
    if args.save:
        model.save(args.save)
        terminal.say(f"model: {args.save}")
    if args.report:
        terminal.say(f"report: {model.report(args.report)}")
    if args.coefficients:
        model.coefficients.to_csv(args.coefficients)
        terminal.say(f"coefficients: {args.coefficients}")
    # A network is trained for a while, and does not converge.
    network = model.story().get("model") == "network"
    return 0 if network or model.story()["solution"]["success"] else 1


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by the names of `steepest.fit`."""
    settings = {name: getattr(args, name) for name in PASSED if getattr(args, name) is not None}
    settings |= text_form(args, TEXT)
    for name in ("drop", "categories", "amounts", "hash_columns"):
        if getattr(args, name):
            settings[name] = getattr(args, name)
    if args.no_refit:
        settings["refit"] = False
    if args.no_reference:
        settings["reference"] = False
    if args.class_weight:
        settings["class_weight"] = class_weight(args.class_weight)
    return settings


def class_weight(given: list[str]) -> str | dict[str, float]:
    """``balanced``, or a weight for each class as CLASS=WEIGHT."""
    if given == ["balanced"]:
        return "balanced"
    weights = {}
    for text in given:
        name, equals, value = text.rpartition("=")
        try:
            weights[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise InputError(f"--class-weight must be balanced or CLASS=WEIGHT; got {text!r}")
    return weights


def lines(args: argparse.Namespace, settings: dict[str, Any]) -> list[str]:
    """The Python lines that do the same."""
    words = [repr(args.table), *([repr(args.target)] if args.target is not None else [])]
    words += [f"{name}={value!r}" for name, value in settings.items()]
    end = ["print(model.summary(verbose=True))" if args.verbose else "print(model.summary())"]
    if args.save:
        end.append(f"model.save({args.save!r})")
    if args.report:
        end.append(f"model.report({args.report!r})")
    if args.coefficients:
        end.append(f"model.coefficients.to_csv({args.coefficients!r})")
    return ["import steepest", f"model = steepest.fit({', '.join(words)})", *end]


def show(summary: str, terminal: Terminal) -> None:
    """The summary, as wide as the terminal, its verdicts in colour."""
    for number, line in enumerate(summary.splitlines()):
        styles = (
            ["bold"] if number == 0 else [style for start, style in COLOURS.items() if line.startswith(start)]
        )
        terminal.say(line, *styles)


COLOURS = {
    "Converged:": "green",
    "Did not converge:": "red",
    "Problem:": "red",
    "Warning:": "yellow",
}
