"""``steepest fit``: a table fitted with nothing to tune, its progress shown, its summary printed."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import Any

from steepest.cli.options import COUNT, NUMBER, SEVERAL, SWITCH, Add, as_options, text_arguments, text_form
from steepest.cli.places import check_place
from steepest.cli.progress import Progress
from steepest.cli.terminal import Terminal
from steepest.errors import InputError, NotConverged

NAME = "fit"
HELP = "fit a table with nothing to tune, and say how good the model is"
USAGE = "%(prog)s TABLE [--target COLUMN] [--report FILE] [--save FILE] [option ...]"
EXAMPLES = """TABLE is a CSV, TSV, JSON, Parquet, Arrow, Feather or npz file, or one of scikit-learn's data sets:
breast_cancer, diabetes, digits, iris, wine. A folder or a pattern of Parquet, Arrow or CSV files is one
table too, which is read while it is fitted; for --test, --user, --horizon and predict pass one file.

examples:
  steepest fit breast_cancer --report report.html
  steepest fit houses.csv --target price --save model.safetensors
  steepest fit readings/ --target load
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
    """The verb's arguments, by what they are about; what is not given is found out."""
    parser.add_argument(
        "table",
        metavar="TABLE",
        help="a file, a pattern or folder of Parquet, Arrow or CSV files, or the name of a data set",
    )
    for about in (_predicted, _written, _columns, _model, _judged, _recommenders, _forecasts, _text, _run):
        title = (about.__doc__ or "").rstrip(".")
        about(parser.add_argument_group(title).add_argument)


def share(text: str) -> float | str:
    """A share of the rows, or the word for the last of each user."""
    if text == "last":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, or last; got {text!r}") from None


def _predicted(add: Add) -> None:
    """What is predicted."""
    add("--target", metavar="COLUMN", help="what to predict, by name or number (from 0; -1 is the last)")
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
    add("--positive", metavar="CLASS", help="which of two classes is the positive one (the second in order)")
    add("--threshold", metavar="P", help="predict positive above this probability (0.5)", **NUMBER)
    add("--cost", metavar="C", help="a missed positive costs C false alarms; sets the threshold", **NUMBER)


def _written(add: Add) -> None:
    """What is written."""
    add("--report", metavar="FILE", help="write the report, one self-contained HTML page")
    add("--save", metavar="FILE", help="save the model (safetensors), for steepest predict")
    add("--coefficients", metavar="FILE", help="write the coefficients as a table (CSV)")
    add("--verbose", help="print everything: all figures, notes on the data, the certificate", **SWITCH)


def _columns(add: Add) -> None:
    """The columns."""
    add("--drop", metavar="COLUMN", help="leave a column out; again for more", **SEVERAL)
    add(
        "--category",
        dest="categories",
        metavar="COLUMN",
        help="take a number column as a category; again for more",
        **SEVERAL,
    )
    add(
        "--amount",
        dest="amounts",
        metavar="COLUMN",
        help="take whole numbers with few values as an amount, not as levels; again for more",
        **SEVERAL,
    )
    add(
        "--hash-column",
        dest="hash_columns",
        metavar="COLUMN",
        help="hash the texts of a column that has very many to 4096 levels; again for more",
        **SEVERAL,
    )
    add("--missing", metavar="HOW", help="fill (default), impute or refuse missing values")
    add("--form", metavar="FORM", help="auto (default): curves, levels and pairs where they pay; or linear")


def _model(add: Add) -> None:
    """The model."""
    add("--model", metavar="KIND", help="linear (default), network, or auto: the better one on held-out rows")
    add("--penalty", metavar="NAME", help="l2 (default), l1 or elastic_net")
    add("--alpha", metavar="A", help="strength of the penalty; chosen on held-out rows", **NUMBER)
    add("--l1-ratio", metavar="R", help="share of l1 in the elastic net (0.5)", **NUMBER)
    add("--class-weight", metavar="W", help="balanced, or CLASS=WEIGHT; again for more", **SEVERAL)
    add("--sample-weight", metavar="COLUMN", help="what each row weighs")


def _judged(add: Add) -> None:
    """How it is judged."""
    add("--test", metavar="FILE", help="a second table, never looked at while fitting, for the figures")
    add(
        "--validation",
        type=share,
        metavar="SHARE",
        help="share of the rows held out (0.2); last: with --user the last row of each",
    )
    add("--time", metavar="COLUMN", help="hold out the last rows by this column instead of random ones")
    add("--cv", metavar="K", help="also judge in K folds: mean and spread beside each figure", **COUNT)
    add(
        "--scoring",
        metavar="FIGURE",
        help="choose alpha by this figure and print it first: roc_auc, f1, r2 ...",
    )
    add("--no-refit", help="keep the model fitted without the held-out rows", **SWITCH)
    add("--no-reference", help="leave out gradient boosting on the same rows (scikit-learn's)", **SWITCH)
    add("--seed", metavar="N", help="seed of the split (0)", **COUNT)


def _recommenders(add: Add) -> None:
    """Recommenders, from ratings (--target) or clicks (without)."""
    add("--user", metavar="COLUMN", help="whose rating or click a row is")
    add("--item", metavar="COLUMN", help="of what the rating or click is")


def _forecasts(add: Add) -> None:
    """Forecasts, with --time and --target."""
    add("--horizon", metavar="H", help="forecast the target H steps ahead", **COUNT)
    add("--by", metavar="COLUMN", help="which series a row is of, where there are several")
    add("--known", metavar="COLUMN", help="a column that is known ahead; again for more", **SEVERAL)
    add(
        "--level", action="append", type=float, metavar="Q", help="a level of the forecast (0.1, 0.5 and 0.9)"
    )
    add("--forecast", metavar="FILE", help="write the forecast as a table (CSV)")


def _text(add: Add) -> None:
    """How a text file is read; found out unless given."""
    text_arguments(add)
    add(
        "--missing-target",
        action="append",
        metavar="TEXT",
        help="a text that means a missing target, not a class; again for more",
    )


def _run(add: Add) -> None:
    """The run."""
    add("--tol", metavar="TOL", help="distance from the best possible to reach, relative (1e-6)", **NUMBER)
    add("--threads", metavar="N", help="threads (all); the result does not depend on them", **COUNT)
    add(
        "--memory",
        metavar="BYTES",
        help="bytes that the fit may take (what is free); files that need more are read anew",
        **COUNT,
    )
    add(
        "--checkpoint",
        metavar="FILE",
        help="keep the fit in a file while it goes on; the same command again goes on from there",
    )


def run(args: argparse.Namespace) -> int:
    """Fit, print the summary, write what was asked for; 1 where the fit did not converge."""
    import steepest
    from steepest.model.summary import summary_text

    if args.header and args.no_header:
        raise InputError("--header and --no-header contradict each other: give one of them")
    if args.user is not None or args.item is not None:
        from steepest.cli import factors

        return factors.run(args)
    if args.validation == "last":
        raise InputError(
            "--validation last is of users: name their column by --user, and --item; else give a share"
        )
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
    told = model.story()
    told["findings"] = [f | {"remedy": as_options(f["remedy"])} for f in told["findings"]]
    show(summary_text(told, terminal.width, args.verbose), terminal)
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
