"""The picture of an entry's page: a loss's shape, a rate's fall, a path over contours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from steepest import _catalog, formula
from steepest.catalogue.pages import Entry

matplotlib.use("agg")

INK, SECOND, FAINT = "#0072B2", "#D55E00", "#d9dce0"
STEPS = 200


def picture(entry: Entry, folder: Path) -> tuple[str, str] | None:
    """The picture's file in `folder` and its caption; None where a picture would tell nothing.

    One that is there and newer than the compiled core is kept.
    """
    if entry.kind not in DRAWN:
        return None
    drawn = DRAWN[entry.kind]
    name = f"{entry.kind}_{entry.name}.png"
    words = drawn.caption(entry)
    if words is None:
        return None
    path = folder / name
    if not path.exists() or path.stat().st_mtime < core_made():
        folder.mkdir(parents=True, exist_ok=True)
        drawn.draw(entry, path)
    return name, words


def core_made() -> float:
    """When the compiled core was built."""
    from steepest import _core

    return os.path.getmtime(str(_core.__file__))


class Losses:
    """The loss over what the model computes."""

    @staticmethod
    def caption(entry: Entry) -> str | None:
        program = program_of(entry)
        if program is None or not {"target", "margin"} >= set(program.inputs) - set(defaults(entry)):
            return None
        if two_classes(entry):
            return f"{entry.name} for targets 1 and 0, over the margin."
        return f"{entry.name} over the error, margin − target."

    @staticmethod
    def draw(entry: Entry, path: Path) -> None:
        x = np.linspace(-4, 4, 401)
        targets = [1.0, 0.0] if two_classes(entry) else [0.0]
        curves = {}
        for target in targets:
            inputs = {**defaults(entry), "margin": x, "target": np.full_like(x, target)}
            curves[f"target {target:g}"] = np.broadcast_to(
                formula.evaluate(program_of(entry), inputs)[0], x.shape
            )
        lines(path, x, curves, "margin" if len(targets) == 2 else "margin − target", "loss")


class Rates:
    """The factor over a run."""

    @staticmethod
    def caption(entry: Entry) -> str | None:
        stalls = ", whose value stops falling halfway" if state_of(entry) else ""
        return f"The factor of {entry.name} over a run of {STEPS} steps{stalls}."

    @staticmethod
    def draw(entry: Entry, path: Path) -> None:
        step = np.arange(1.0, STEPS + 1)
        inputs = {**defaults(entry), "step": step, "done": (step - 1) / (STEPS - 1), **looked(entry, step)}
        factor = np.broadcast_to(formula.evaluate(program_of(entry), inputs)[0], step.shape)
        lines(path, step, {"factor": factor}, "step", "factor", floor=0.0)


class Problems:
    """Contours, with the ways down of gradient descent and of a quasi-Newton method."""

    @staticmethod
    def caption(entry: Entry) -> str | None:
        if np.size(problem(entry.name).x0) != 2:
            return None
        return f"Contours of {entry.name}, the ways down of gradient_descent and lbfgs; stars are minima."

    @staticmethod
    def draw(entry: Entry, path: Path) -> None:
        descents(path, problem(entry.name), {"gradient_descent": "gradient_descent", "lbfgs": "lbfgs"})


class Methods:
    """The way down Rosenbrock's valley."""

    @staticmethod
    def caption(entry: Entry) -> str | None:
        lines = "".join(entry.python)
        if "minimize" not in lines or "constraints" in lines or "penalty" in lines:
            return None
        return f"The way of {entry.name} down Rosenbrock's valley, nothing set."

    @staticmethod
    def draw(entry: Entry, path: Path) -> None:
        descents(path, problem("rosenbrock"), {entry.name: entry.name})


DRAWN: dict[str, Any] = {
    "losses": Losses,
    "rates": Rates,
    "problems": Problems,
    "rules": Methods,
    "methods": Methods,
}


def problem(name: str) -> Any:
    """A standard function."""
    from steepest import problems

    return problems.get(name)


def program_of(entry: Entry) -> Any:
    """The one formula of a loss or a rate, where it has one."""
    return next(iter(_catalog.find(entry.kind, entry.name).programs.values()), None)


def state_of(entry: Entry) -> list[str]:
    """What a rate remembers."""
    return list(_catalog.find(entry.kind, entry.name).about.get("state", ()))


def looked(entry: Entry, step: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What a rate remembers at each step of a run whose value stops falling halfway."""
    names = state_of(entry)
    if not names:
        return {}
    look = _catalog.find(entry.kind, entry.name).programs["look"]
    kept = [np.zeros(len(names))]
    for value in np.maximum(len(step) / 2 - step, 0) + 1:
        known = {**defaults(entry), **dict(zip(names, kept[-1], strict=True)), "value": value}
        kept.append(np.array(formula.evaluate(look, known), dtype=np.float64))
    return dict(zip(names, np.transpose(kept[1:]), strict=True))


def defaults(entry: Entry) -> dict[str, float]:
    """The settings' defaults by name."""
    return {parameter.name: parameter.default for parameter in entry.parameters}


def two_classes(entry: Entry) -> bool:
    """Whether its targets are 0 and 1: then the loss is no function of the error alone."""
    inputs = {**defaults(entry), "margin": np.array([1.0, 2.0]), "target": np.array([0.0, 1.0])}
    apart = formula.evaluate(program_of(entry), inputs)[0]
    return bool(abs(apart[0] - apart[1]) > 1e-12)


def descents(path: Path, function: Any, methods: dict[str, str]) -> None:
    """Paths over contours."""
    import steepest
    from steepest.report.plots import plot_descent

    runs = {
        name: steepest.minimize(function, function.x0, method=method, path=True, options={"maxiter": 2000})
        for name, method in methods.items()
    }
    plot_descent(function, runs, file=path)


def lines(
    path: Path, x: Any, curves: dict[str, Any], across: str, up: str, floor: float | None = None
) -> None:
    """Curves on plain axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.0), dpi=150, layout="constrained")
    ax = figure.subplots()
    for (name, y), colour, dash in zip(curves.items(), (INK, SECOND), ("-", "--"), strict=False):
        ax.plot(x, y, dash, color=colour, linewidth=2, label=name)
    if len(curves) > 1:
        ax.legend(frameon=False)
    ax.set(xlabel=across, ylabel=up)
    if floor is not None:
        ax.set_ylim(bottom=floor)
    ax.grid(color=FAINT, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Software": None})
