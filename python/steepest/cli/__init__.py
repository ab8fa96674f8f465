"""The command ``steepest``: fit a table, predict with what was fitted, watch a descent, choose a portfolio, list what
there is.

Exit status: 0 done; 1 done, but the answer was not reached (the output says how it ended); 2 the input cannot
be used (one line on standard error says what would do); 70 a bug in steepest; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn

from steepest.cli.options import as_options
from steepest.cli.terminal import Terminal, visible
from steepest.errors import InternalError, SteepestError, did_you_mean

__all__ = ["main"]

VERBS = ("fit", "predict", "descend", "portfolio", "list")
EXAMPLES = """examples:
  steepest fit breast_cancer --report report.html   a table, and a page on it
  steepest descend rosenbrock                       a function, descended in sight
  steepest portfolio prices.csv                     weights, proved the best
  steepest list                                     what there is to choose from
  steepest fit --help                               what a verb takes"""
_DONE, _BAD_INPUT, _OWN_MISTAKE, _INTERRUPTED, _PIPE_CLOSED = 0, 2, 70, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (those of the process unless given) and return its exit status.

    >>> from steepest.cli import main
    >>> main(["list", "losses", "huber", "--python"])
    import steepest
    model = steepest.GeneralizedLinear(loss="huber", loss_settings={"width": 1.35})
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    Terminal.gone = False
    try:
        return _run(arguments)
    except SystemExit as end:  # argparse: --help, --version, or a refusal that it has printed
        return end.code if isinstance(end.code, int) else _BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; Python would complain once again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except InternalError as error:
        if debug:
            raise
        return _refuse(str(error), _OWN_MISTAKE)
    except (SteepestError, ValueError, OSError, ModuleNotFoundError) as error:
        if debug:
            raise
        return _refuse(_sentence(error), _BAD_INPUT)
    except Exception as error:
        if debug:
            raise
        text = (
            f"{type(error).__name__}: {error}; this is a bug in steepest; run with --debug for the traceback"
        )
        return _refuse(text, _OWN_MISTAKE)


def _run(arguments: list[str]) -> int:
    """Find the verb and let it run."""
    parser = _parser()
    if not arguments:
        parser.print_help()
        return _BAD_INPUT
    verb_given = next((a for a in arguments if not a.startswith("-")), None)
    if verb_given is not None and verb_given not in VERBS:
        hint = did_you_mean(verb_given, VERBS) or f"; available: {', '.join(VERBS)}"
        return _refuse(f"unknown command {verb_given!r}{hint}", _BAD_INPUT)
    known, rest = parser.parse_known_args(arguments)
    if rest:
        verb: Parser = known.parser
        options = [name for action in verb._actions for name in action.option_strings]
        hint = did_you_mean(rest[0].split("=")[0], options) or f"; see steepest {known.verb} --help"
        if not rest[0].startswith("-") and getattr(known, "target", "none") is None:
            hint = f"; to predict a column of that name, --target {rest[0]}"
        verb.error(f"no option or argument {rest[0]!r}{hint}")
    status: int = known.run(known)
    sys.stdout.flush()
    return _PIPE_CLOSED if Terminal.gone and status == _DONE else status


def _refuse(sentence: str, status: int) -> int:
    """One line on standard error."""
    print(f"steepest: {visible(sentence)}", file=sys.stderr)
    return status


def _sentence(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return as_options(" ".join(str(error).split())) or type(error).__name__


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong on standard error; exit status 2."""
        for theirs, ours in _OURS:
            message = re.sub(theirs, ours, message)
        if message.endswith((" required", "after it")):
            message += f"; see {self.prog} --help"
        self.exit(_BAD_INPUT, f"{self.prog}: {message}\n")


#: what argparse says, in plain words
_OURS = (
    (r"^argument ", ""),
    (r"invalid float value: (.*)", r"must be a number; got \1"),
    (r"invalid int value: (.*)", r"must be a whole number; got \1"),
    (r": expected (one|at least one) argument", r" needs a value after it"),
    (r": expected (\d+) arguments", r" needs \1 values after it"),
    (r"^the following arguments are required: (.*)", r"\1 required"),
)


def _parser() -> Parser:
    """The command and its verbs; each verb's file adds its own arguments."""
    from steepest import __version__
    from steepest.cli import descend, fit, listing, portfolio, predict

    parser = Parser(
        prog="steepest",
        description="Gradient descent, finished: with nothing to tune.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"steepest {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    everywhere = Parser(add_help=False)
    everywhere.add_argument(
        "--python", action="store_true", help="print the Python lines that do the same, and stop"
    )
    everywhere.add_argument("--quiet", action="store_true", help="print only what was asked for, and errors")
    everywhere.add_argument("--debug", action="store_true", help="show the traceback of an error")
    for verb in (fit, predict, descend, portfolio, listing):
        inner = verbs.add_parser(
            verb.NAME,
            usage=getattr(verb, "USAGE", None),
            parents=[everywhere],
            help=verb.HELP,
            description=textwrap.fill(verb.HELP[0].upper() + verb.HELP[1:] + ".", 78),
            epilog=verb.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.arguments(inner)
        inner.set_defaults(run=verb.run, parser=inner)
    return parser
