"""``steepest portfolio``: weights from a file of prices, what they would have done, and a page on them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from steepest.cli.fit import show
from steepest.cli.options import (
    COUNT,
    NUMBER,
    SEVERAL,
    SWITCH,
    Add,
    as_options,
    option_of,
    text_arguments,
    text_form,
)
from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal
from steepest.errors import InputError, did_you_mean

NAME = "portfolio"
HELP = "choose the weights of a portfolio from prices, and prove that none are better"
USAGE = "%(prog)s PRICES [--objective NAME] [--report FILE] [--save FILE] [--backtest] [option ...]"
EXAMPLES = """PRICES is a CSV, TSV, Parquet, Arrow or Feather file with a column for each asset and a row for each day
(or week ...); a column of dates puts the rows in order. Weights are at least 0 and sum to 1 unless told.

examples:
  steepest portfolio prices.csv --report portfolio.html
  steepest portfolio prices.csv --objective max_sharpe --bounds 0 0.2 --periods 252
  steepest portfolio prices.csv --objective min_cvar --beta 0.99 --save weights.csv
  steepest portfolio prices.csv --bounds -0.3 none --gross 1.6 --backtest --costs 0.001
  steepest portfolio monthly.parquet --returns --objective risk_parity --periods 12"""

#: what an option is called, and what it is to the objective: of all of them, or of those named
PASSED = ("budget", "at_most", "target_return", "gross", "l2", "shrink", "tol")
OWN = {"risk_aversion": "mean_variance", "beta": "min_cvar", "risk_free": "max_sharpe"}
WALKED = ("window", "every", "costs")
#: what a frontier has of its own, or has no use for
NOT_OF_A_FRONTIER = ("target_return", "at_most")
TEXT = ("delimiter", "encoding", "decimal", "thousands")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments, by what they are about."""
    parser.add_argument(
        "prices", metavar="PRICES", help="a file of prices, a column an asset and a row a day"
    )
    for about in (_asked, _written, _assets, _constraints, _backtest, text_arguments, _run):
        title = (about.__doc__ or "").rstrip(".")
        about(parser.add_argument_group(title).add_argument)


def _asked(add: Add) -> None:
    """What is asked."""
    add(
        "--objective",
        metavar="NAME",
        default="min_variance",
        help="min_variance (default), mean_variance, max_sharpe, min_cvar or risk_parity",
    )
    add("--risk-aversion", metavar="G", help="of mean_variance: how much variance counts (1)", **NUMBER)
    add(
        "--beta",
        metavar="B",
        help="of min_cvar: the mean loss of the worst 1 - B of the periods (0.95)",
        **NUMBER,
    )
    add("--risk-free", metavar="R", help="of max_sharpe: the return of a period without risk (0)", **NUMBER)


def _written(add: Add) -> None:
    """What is written."""
    add("--report", metavar="FILE", help="write the report, one self-contained HTML page")
    add("--save", metavar="FILE", help="save the weights: a table (csv), or with all figures (json)")


def _assets(add: Add) -> None:
    """The assets."""
    add("--returns", help="the columns are returns, as 0.01 for a hundredth more, not prices", **SWITCH)
    add("--drop", metavar="COLUMN", help="leave an asset out; again for more", **SEVERAL)
    add("--periods", metavar="N", help="periods in a year (252 of days), for figures of a year", **NUMBER)
    add(
        "--shrink",
        type=_shrink,
        metavar="HOW",
        help="how the covariance is shrunk: ledoit_wolf (default), none, or a share",
    )


def _constraints(add: Add) -> None:
    """The constraints."""
    add(
        "--bounds",
        nargs=2,
        type=_end,
        metavar=("LOW", "HIGH"),
        help="of each weight; none for no bound (0 none)",
    )
    add("--budget", type=_end, metavar="B", help="what the weights sum to (1); none for any sum")
    add("--at-most", metavar="K", help="names at most", **COUNT)
    add("--target-return", metavar="R", help="the least expected return of a period", **NUMBER)
    add("--gross", metavar="G", help="most of the weights' sizes in all, where some are below 0", **NUMBER)
    add("--l2", metavar="A", help="added to every variance, which spreads the weights (0)", **NUMBER)


def _backtest(add: Add) -> None:
    """The backtest."""
    add("--backtest", help="walk forward through the past, beside equal weights", **SWITCH)
    add("--window", metavar="N", help="periods that the weights are chosen from (252)", **COUNT)
    add("--every", metavar="N", help="periods from one choice to the next (21)", **COUNT)
    add("--costs", metavar="C", help="of a unit traded, as 0.001 for a tenth of a percent (0)", **NUMBER)


def _run(add: Add) -> None:
    """The run."""
    add("--tol", metavar="TOL", help="the duality gap to reach, relative (1e-6)", **NUMBER)


def _end(text: str) -> float | str:
    """A number, or the word none."""
    if text.lower() == "none":
        return "none"
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or none; got {text!r}") from None


def _shrink(text: str) -> float | str:
    """The name of the way to shrink, a share, or none."""
    return text if text == "ledoit_wolf" else _end(text)


def run(args: argparse.Namespace) -> int:
    """Choose the weights, print the summary, write what was asked for; 1 where they are not proved the best."""
    from steepest.portfolio.estimators import OBJECTIVES

    if args.header and args.no_header:
        raise InputError("--header and --no-header contradict each other: give one of them")
    args.objective = args.objective.lower().replace("-", "_")
    if args.objective not in OBJECTIVES:
        hint = did_you_mean(args.objective, OBJECTIVES) or f"; there are {', '.join(OBJECTIVES)}"
        raise InputError(f"no objective is called {args.objective!r}{hint}")
    settings = given(args)
    if args.python:
        print("\n".join(lines(args, settings)))
        return 0
    for option in ("report", "save"):
        if getattr(args, option) is not None:
            check_place(getattr(args, option), f"--{option}", (args.prices,))
    if args.save is not None:
        from steepest.portfolio.writing import ENDINGS

        if Path(args.save).suffix.lower() not in ENDINGS:
            raise InputError(f"--save {args.save!r} must end in {' or '.join(ENDINGS)}")
    try:
        return _chosen(args, settings)
    except InputError as error:
        raise InputError(in_options(str(error))) from error


def _chosen(args: argparse.Namespace, settings: dict[str, Any]) -> int:
    """The weights and all that was asked for beside them, before anything is printed."""
    from steepest import portfolio
    from steepest.portfolio.estimators import OBJECTIVES
    from steepest.portfolio.summary import found as is_found
    from steepest.tables import read

    function = OBJECTIVES[args.objective][0]
    table = read(args.prices, **text_form(args, TEXT))
    if args.drop:
        table = table.without(*args.drop)
    source: dict[str, Any] = {"returns" if args.returns else "prices": table}
    year = {"periods": args.periods} if args.periods is not None else {}
    found = function(**source, **settings, **year)
    there = is_found(found)
    walked = frontier = None
    if there and args.backtest:
        walked = portfolio.backtest(
            **source, strategy=lambda past: function(returns=past, **settings), **walk(args), **year
        )
    if there and has_frontier(args):
        frontier = portfolio.frontier(**source, **of_a_frontier(settings), **year)
    terminal = Terminal(args.quiet)
    found["message"] = in_options(found["message"])
    found["findings"] = [in_words(finding.as_dict()) for finding in found.findings]
    show(found.summary(terminal.width), terminal)
    if walked is not None:
        first, *rows = repr(walked).splitlines()
        terminal.say()
        terminal.paragraph(first, 0, 2)
        for line in rows:
            terminal.say(line)
    if not there:
        return 1
    if args.save is not None:
        found.save(args.save)
        terminal.say(f"weights: {args.save}")
    if args.report is not None:
        found.report(
            args.report,
            frontier=frontier,
            backtest=walked,
            title=title(args),
            python="\n".join(lines(args, settings)),
        )
        terminal.say(f"report: {args.report}")
    return 0 if found.success else 1


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by the names of the functions of `steepest.portfolio`."""
    for name, objective in OWN.items():
        if getattr(args, name) is not None and args.objective != objective:
            raise InputError(f"{option_of(name)} is of --objective {objective}")
    for name in WALKED:
        if getattr(args, name) is not None and not args.backtest:
            raise InputError(f"{option_of(name)} is of the backtest: add --backtest")
    settings = {name: getattr(args, name) for name in (*OWN, *PASSED) if getattr(args, name) is not None}
    if args.bounds is not None:
        settings["bounds"] = tuple(args.bounds)
    return {name: plain(value) for name, value in settings.items()}


def plain(value: Any) -> Any:
    """What was given, ``none`` as Python writes it."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return None if value == "none" else value


def has_frontier(args: argparse.Namespace) -> bool:
    """Whether a report has a frontier: expected returns have an upper end where sums or bounds hold the weights."""
    low, high = args.bounds or (0.0, "none")
    ends = (low != "none") + (high != "none") + (args.budget != "none")
    return args.report is not None and (args.gross is not None or ends > 1)


def walk(args: argparse.Namespace) -> dict[str, Any]:
    """How the backtest walks, as far as it was said."""
    return {name: getattr(args, name) for name in WALKED if getattr(args, name) is not None}


def of_a_frontier(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a frontier takes too."""
    return {name: value for name, value in settings.items() if name not in (*OWN, *NOT_OF_A_FRONTIER)}


def title(args: argparse.Namespace) -> str:
    """What to call the page."""
    return f"Portfolio from {Path(args.prices).name}"


def in_options(text: str) -> str:
    """What Python calls by a name, by its option."""
    text = text.replace("pass prices=", "leave out --returns").replace(
        "at all: leave it out", "at all: leave it out (--drop)"
    )
    text = re.sub(r"\b([Ll]eave ('[^']*') out)\b", r"\1 (--drop \2)", text)
    names = "|".join(("at_most", "target_return", "risk_aversion", "risk_free"))
    text = re.sub(rf"(?<!')\b({names})\b", lambda m: option_of(m[1]), text)
    numbers = "|".join((*WALKED, "periods", "bounds", "budget", "gross", "l2", "beta", "tol", "shrink"))
    return re.sub(rf"\b({numbers}) (must|is of)\b", lambda m: f"{option_of(m[1])} {m[2]}", as_options(text))


def in_words(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding in the command's words."""
    return finding | {part: in_options(finding[part]) for part in ("sentence", "remedy")}


def lines(args: argparse.Namespace, settings: dict[str, Any]) -> list[str]:
    """The Python lines that do the same."""
    form, what = text_form(args, TEXT), "returns" if args.returns else "prices"
    table = repr(args.prices)
    if form or args.drop:
        table = f"read({', '.join([table, *words(form)])})"
        table += f".without({', '.join(map(repr, args.drop))})" if args.drop else ""
    year = {} if args.periods is None else {"periods": args.periods}
    source = f"{what}={what}"
    made = [
        f"{what} = {table}",
        f"found = {args.objective}({', '.join([source, *words(settings | year)])})",
        "print(found.summary())",
    ]
    more = []
    if args.backtest:
        chosen = f"lambda past: {args.objective}({', '.join(['returns=past', *words(settings)])})"
        made += [
            f"walked = backtest({', '.join([source, f'strategy={chosen}', *words(walk(args) | year)])})",
            "print(walked)",
        ]
        more.append("backtest=walked")
    if args.save is not None:
        made.append(f"found.save({args.save!r})")
    if args.report is not None:
        if has_frontier(args):
            made.append(
                f"efficient = frontier({', '.join([source, *words(of_a_frontier(settings) | year)])})"
            )
            more.insert(0, "frontier=efficient")
        made.append(f"found.report({', '.join([repr(args.report), *more, f'title={title(args)!r}'])})")
    names = [args.objective, *["backtest"] * args.backtest, *["frontier"] * has_frontier(args)]
    head = [f"from steepest.portfolio import {', '.join(sorted(names))}"]
    return [*head, *(["from steepest.tables import read"] if form or args.drop else []), *made]


def words(settings: dict[str, Any]) -> list[str]:
    """Settings as the arguments of a call."""
    return [f"{name}={value!r}" for name, value in settings.items()]
