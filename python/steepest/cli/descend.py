"""``steepest descend``: a standard function descended in sight, by one method or several side by side."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.catalogue.pages import number
from steepest.chains import name_of
from steepest.cli.curve import draw
from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal

if TYPE_CHECKING:
    from steepest.result import Result

NAME = "descend"
HELP = "go down a standard function in sight, by one method or several"
EXAMPLES = """examples:
  steepest descend rosenbrock
  steepest descend rosenbrock --rate 0.001 --plot path.png
  steepest descend rosenbrock --method gradient_descent --method lbfgs --method adam
  steepest descend himmelblau --x0 0 0 --path"""

#: labels up to this leave room for the seconds in a table of 80 columns
LABEL = 18
_POINTS = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add = parser.add_argument
    add("problem", metavar="FUNCTION", help="a standard function; steepest list problems shows them")
    add(
        "--method",
        action="append",
        metavar="NAME",
        dest="methods",
        help="a method or a rule (gradient_descent), or rules one after another: clip_norm,adam; again for more",
    )
    add(
        "--schedule",
        metavar="NAME",
        help="how a rule's rate changes over the run; steepest list rates shows them",
    )
    add(
        "--rate",
        action="append",
        type=_rate,
        metavar="R",
        dest="rates",
        help="the rate (step size); without it the method finds its own; again for more",
    )
    add(
        "--x0", type=float, nargs="+", metavar="X", help="where to start; the function's own start without it"
    )
    add("--variables", type=_count, metavar="N", help="how many variables, where the function has a choice")
    add("--iterations", type=_count, default=10_000, metavar="N", help="iterations at most (10000)")
    add("--tol", type=float, metavar="TOL", help="how near the least value is near enough (1e-6)")
    add("--plot", metavar="FILE", help="save the path over contours, or the falling loss (png, svg, pdf)")
    add("--path", action="store_true", help=f"print points passed on the way, {_POINTS} or so of them")


def _count(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1; got {text}")
    return value


def _rate(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"must be a number above 0; got {text}")
    return value


def run(args: argparse.Namespace) -> int:
    """Descend, draw, tell; 0 where a method got there, 1 where none did."""
    import steepest

    problem = steepest.problems.get(args.problem.lower().replace("-", "_"), args.variables)
    asked = _asked(args)
    if args.python:
        print("\n".join(_lines(args, problem, asked)))
        return 0
    if args.plot:
        check_place(args.plot, "--plot")
    terminal = Terminal(args.quiet)
    results: dict[str, Result] = {}
    for label, (method, options) in asked.items():
        sight = _Sight(label, terminal)
        results[label] = steepest.minimize(
            problem,
            args.x0 or problem.x0,
            method=method,
            tol=args.tol,
            options=options,
            path=bool(args.plot or args.path),
            **sight.hooks(),
        )
        sight.clear()
    _picture(results, terminal)
    _summarise(problem.name, results, terminal, bool(args.rates))
    if args.path:
        for label, result in results.items():
            _points(label, result, terminal, several=len(results) > 1)
    if args.plot:
        _save(problem, results, args.plot)
        terminal.say(f"picture: {args.plot}")
    return 0 if any(result.success for result in results.values()) else 1


def _asked(args: argparse.Namespace) -> dict[str, tuple[str | list[str], dict[str, Any]]]:
    """Method and options of each run, by its label: every method at every rate."""
    methods = list(
        dict.fromkeys(name.lower().replace("-", "_") for name in args.methods or ["gradient_descent"])
    )
    rates: list[float | None] = list(dict.fromkeys(args.rates or [])) or [None]
    more = {"schedule": args.schedule.lower().replace("-", "_")} if args.schedule else {}
    asked = {}
    for name in methods:
        chain = name.split(",")
        method: str | list[str] = chain if len(chain) > 1 else name
        for rate in rates:
            label = name_of(method) if len(rates) == 1 else f"{name_of(method)} {rate:g}"
            options = {"maxiter": args.iterations} | ({} if rate is None else {"rate": rate}) | more
            asked[label] = (method, options)
    return asked


class _Sight:
    """The falling loss, redrawn in place while it falls; nothing where nobody looks at a terminal."""

    def __init__(self, name: str, terminal: Terminal) -> None:
        self.name, self.terminal = name, terminal
        self.iterations: list[float] = []
        self.losses: list[float] = []
        self.drawn = 0

    def hooks(self) -> dict[str, Any]:
        """What `minimize` is to call, at most ten times a second."""
        return {"watch": self.draw} if self.terminal.live else {}

    def draw(self, progress: Any) -> None:
        """The curve so far, over the one before."""
        self.iterations.append(progress.iteration)
        self.losses.append(progress.loss)
        if progress.seconds < 0.2:
            return
        self.clear()
        lines = draw({self.name: (self.iterations, self.losses)}, self.terminal)
        line = (
            f"{self.name}: iteration {progress.iteration}, loss {progress.loss:.6g}, {progress.seconds:.1f} s"
        )
        lines.append(line[: self.terminal.width - 1])
        self.terminal.out.write("\n".join(lines) + "\n")
        self.terminal.out.flush()
        self.drawn = len(lines)

    def clear(self) -> None:
        """Take the last picture away."""
        if self.drawn:
            self.terminal.out.write(f"\x1b[{self.drawn}A\x1b[J")
            self.drawn = 0


def _picture(results: dict[str, Result], terminal: Terminal) -> None:
    """The falling losses, one picture."""
    if terminal.quiet:
        return
    curves = {m: (r.history["iteration"], r.history["loss"]) for m, r in results.items()}
    lines = draw(curves, terminal)
    if lines:
        terminal.say("loss (log scale)", "faint")
        for line in lines:
            terminal.say(line)
        terminal.say()


def _summarise(name: str, results: dict[str, Result], terminal: Terminal, rated: bool) -> None:
    """What came of it: a few sentences for one method, a table for several."""
    from steepest.findings import findings_text

    if len(results) > 1:
        rows = [
            (label, f"{r.fun:.4g}", str(r.nit), str(r.nfev), f"{r.seconds:.2g}", _ended(r))
            for label, r in results.items()
        ]
        head = ("method", "least value", "steps", "evaluations", "seconds", "how it ended")
        kept = [
            k for k in range(6) if k != 4 or max(map(len, results)) <= LABEL
        ]  # seconds where there is room
        terminal.table(
            [[row[k] for k in kept] for row in rows], [head[k] for k in kept], right=range(1, len(kept) - 1)
        )
        return
    ((method, result),) = results.items()
    losses = result.history["loss"]
    first = f"from {losses[0]:.6g} " if len(losses) else ""
    sentence = f"{method} took {name} {first}to {result.fun:.6g} at {_point(result.x)}"
    iterations = f"{result.nit} iteration{'' if result.nit == 1 else 's'}"
    terminal.paragraph(f"{sentence} in {iterations}, {result.nfev} evaluations and {result.seconds:.3g} s.")
    message = result.message
    if result.outcome == "budget":
        message = message.removesuffix("; raise max_iter to go on.").rstrip(".") + "."
    terminal.paragraph(message, 0, 0, "green" if result.success else "yellow")
    if result.outcome == "budget" and not any(f.kind == "oscillating" for f in result.findings):
        instead = ", or no --rate" if rated else ", or another --method"
        terminal.paragraph(f"To go on: --iterations {10 * result.nit}{instead}.", 0, 0, "faint")
    if result.findings:
        for line in findings_text(result.findings, terminal.width).splitlines():
            terminal.say(line)


def _ended(result: Result) -> str:
    """How a run ended, in a few words."""
    words = {"budget": "out of iterations", "precision_limit": "converged"}
    outcome = str(result.outcome)
    return words.get(outcome, outcome.replace("_", " "))


def _point(x: np.ndarray) -> str:
    """A point in brackets, the middle of a long one left out."""
    values = [f"{v:.6g}" for v in np.ravel(x)]
    if len(values) > 6:
        values = [*values[:3], "…", *values[-2:]]
    return f"({', '.join(values)})"


def _points(method: str, result: Result, terminal: Terminal, several: bool) -> None:
    """Points passed on the way, the first and the last among them."""
    if result.path is None:
        return
    points = np.atleast_2d(result.path)
    chosen = np.unique(np.linspace(0, len(points) - 1, _POINTS).round().astype(int))
    if several:
        terminal.say(method, "bold")
    for k in chosen:
        terminal.always(f"{k:>8}  " + " ".join(f"{v:>13.6g}" for v in points[k]))


def _save(problem: Any, results: dict[str, Result], file: str) -> None:
    """The path over contours for two variables, the falling loss otherwise."""
    from steepest.report.plots import plot_descent, plot_history

    if np.size(problem.x0) == 2:
        plot_descent(problem, results, file=file)
    else:
        plot_history(results, file=file)


def _lines(args: argparse.Namespace, problem: Any, asked: dict[str, tuple[Any, dict[str, Any]]]) -> list[str]:
    """The Python lines that do the same."""
    more = f", {args.variables}" if args.variables else ""
    lines = ["import steepest", f"problem = steepest.problems.get({problem.name!r}{more})"]
    start = f"[{', '.join(map(number, args.x0))}]" if args.x0 else "problem.x0"
    more = f", tol={args.tol!r}" if args.tol is not None else ""
    more += ", path=True" if args.path or args.plot else ""
    if len(asked) == 1:
        ((method, options),) = asked.values()
        lines.append(
            f"result = steepest.minimize(problem, {start}, method={method!r}, options={options!r}{more})"
        )
        return [*lines, f"result.plot(file={args.plot!r})" if args.plot else "print(result)"]
    lines += ["runs = {"]
    for label, (method, options) in asked.items():
        call = f"steepest.minimize(problem, {start}, method={method!r}, options={options!r}{more})"
        lines.append(f"    {label!r}: {call},")
    lines += ["}"]
    if not args.plot:
        return [*lines, "print(runs)"]
    picture = "plot_descent(problem, runs" if np.size(problem.x0) == 2 else "plot_history(runs"
    return [*lines, "from steepest.report import plots", f"plots.{picture}, file={args.plot!r})"]
