"""How far a fit has come: a bar on a terminal, a line now and then elsewhere, nothing where quiet."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from steepest.cli.terminal import Terminal

__all__ = ["Progress"]

STAGES = {
    "read": "reading",
    "form": "choosing the form",
    "path": "choosing alpha",
    "fit": "fitting",
    "refit": "fitting all rows",
    "folds": "fitting folds",
    "reference": "gradient boosting beside it",
    "evaluate": "judging",
    "done": "done",
}
#: seconds between two lines where there is no terminal
EVERY = 4.0


class Progress:
    """Shows what `steepest.fit` gives its watch: stage, loss, residual, share done, time left.

    Parameters
    ----------
    terminal : Terminal
        Standard error, so that standard output holds the summary alone.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.bar: Any = None
        self.task: Any = None
        self.said = time.monotonic()

    def __enter__(self) -> Progress:
        if self.terminal.live:
            self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def watch(self, seen: Any) -> None:
        """What a fit calls, at most ten times a second: with a dict of `steepest.fit`'s, or what a descent tells."""
        if not isinstance(seen, dict):  # how far a recommender has come is not known
            seen = {"stage": "fit", "fraction": None, "loss": seen.loss, "residual": seen.residual}
        if self.bar is not None:
            self.bar.update(
                self.task,
                total=None if seen["fraction"] is None else 1.0,
                completed=seen["fraction"] or 0.0,
                stage=stage(seen),
                share=share(seen),
                figures=self._figures(seen),
            )
        elif not self.terminal.quiet and seen["stage"] != "done" and time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            self.terminal.say(f"{share(seen)} {stage(seen)} {figures(seen)}".strip())
            self.terminal.out.flush()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(file=self.terminal.out, no_color=not self.terminal.colours, highlight=False)
        self.bar = Bar(
            TextColumn("{task.fields[stage]}"),
            BarColumn(bar_width=max(8, min(30, self.terminal.width - 60))),
            TextColumn("{task.fields[share]}"),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=1.0, stage="reading", share="", figures="")
        self.bar.start()

    def _figures(self, seen: dict[str, Any]) -> str:
        """What fits beside the bar: all on a wide terminal, the time left on a narrow one."""
        return figures(seen) if self.terminal.width >= 76 else left(seen)


def stage(seen: dict[str, Any]) -> str:
    """The stage in a word or two."""
    return STAGES.get(seen["stage"], str(seen["stage"]))


def share(seen: dict[str, Any]) -> str:
    """The share done, where it is known."""
    return "" if seen["fraction"] is None else f"{100 * seen['fraction']:.0f} %"


def figures(seen: dict[str, Any]) -> str:
    """Loss, residual and time left, those that are known."""
    parts = [f"{name} {seen[name]:.4g}" for name in ("loss", "residual") if seen.get(name) is not None]
    return "  ".join([*parts, *filter(None, [left(seen)])])


def left(seen: dict[str, Any]) -> str:
    """The time left in words; nothing until enough has been done."""
    seconds = seen.get("seconds_left")
    if seconds is None or not seen["fraction"] or seen["fraction"] < 0.1:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s left"
    return f"{seconds // 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"
