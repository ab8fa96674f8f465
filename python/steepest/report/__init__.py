"""The report: one page on what was fitted, how good it is, and how that is known; and pictures."""

from __future__ import annotations

from typing import Any

__all__ = ["page", "plot_descent", "plot_history"]

_HOMES = {
    "page": "steepest.report.html_page",
    "plot_descent": "steepest.report.plots",
    "plot_history": "steepest.report.plots",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest.report' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
