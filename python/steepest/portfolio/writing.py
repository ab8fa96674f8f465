"""Weights as a file: a table, or all figures by name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.portfolio.summary import found
from steepest.report.writing import write_whole

__all__ = ["ENDINGS", "write_weights"]

ENDINGS = (".csv", ".json")
#: what a json file has beside the weights
FIGURES = ("fun", "expected_return", "volatility", "periods", "annual_return", "annual_volatility", "sharpe")


def write_weights(portfolio: Mapping[str, Any], path: str | Path) -> None:
    """Write the weights with all the digits that bring them back to the bit, whole or not at all."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"weights are written to a file that ends in {' or '.join(ENDINGS)}; got {str(path)!r}"
        )
    if not found(portfolio):
        raise InputError(f"there are no weights to write: {portfolio['message']}")
    weights = {str(name): weight for name, weight in portfolio["weights"].items()}
    out = io.StringIO()
    if ending == ".csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["asset", "weight"])
        writer.writerows((name, repr(weight)) for name, weight in weights.items())
    else:
        told = {name: portfolio[name] for name in ("reason", "outcome", "success", "message")}
        told |= {name: _number(portfolio[name]) for name in FIGURES}
        certificate = portfolio["certificate"] or {}
        told["certificate"] = {k: _number(v) for k, v in certificate.items()}
        json.dump({"weights": weights, **told}, out, indent=2, ensure_ascii=False)
        out.write("\n")
    write_whole(path, out.getvalue())


def _number(value: Any) -> Any:
    """A number as JSON has it, which knows none that is not finite; a text as it is."""
    if value is None or isinstance(value, str | bool):
        return value
    return float(value) if np.isfinite(value) else None
