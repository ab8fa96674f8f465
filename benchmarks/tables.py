"""Held-out loss of `steepest.fit` on tables: straight lines, the form that it finds, and gradient boosting on the same rows.

    python benchmarks/tables.py [TABLE ...] [--seeds 3] [--no-bundled] [--only NAME] [--json FILE]

TABLE is ``PATH@TARGET`` or ``PATH@TARGET@COLUMN,COLUMN`` (columns to leave out); the target by name or number. scikit-learn's
bundled tables come first unless ``--no-bundled``. A table is split anew with each seed, and losses are means over the seeds: the mean
square error of numbers, the log loss of classes, on rows that no model saw (they chose alpha, and nothing of the form). The reference is
scikit-learn's HistGradientBoosting at its defaults. The worst beside the reference comes first; seconds are those of one fit.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from _given import keep, parser

import steepest

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")


@dataclass
class Case:
    """A table and its target."""

    name: str
    table: str
    target: str | int | None = None
    drop: tuple[str | int, ...] = ()


def case(text: str) -> Case:
    """A case from ``PATH@TARGET@COLUMN,COLUMN``."""
    path, target, drop = [*text.split("@"), "", ""][:3]
    name = os.path.basename(path).split(".")[0]
    return Case(
        name, path, column(target) if target else None, tuple(map(column, filter(None, drop.split(","))))
    )


def column(text: str) -> str | int:
    """A column by its name or its number."""
    return int(text) if text.lstrip("-").isdigit() else text


def loss(model: Any, what: str) -> float:
    """The held-out loss of the model ("value") or of the reference."""
    figures = {f["name"]: f for f in model.metrics()}
    if "log loss" in figures:
        return float(figures["log loss"][what])
    return float(figures["RMSE"][what] ** 2)


def measured(one: Case, seeds: int) -> dict[str, Any]:
    """The losses of one table, means over the seeds, and the seconds of a fit."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        for name, form in (("linear", "linear"), ("form", "auto")):
            began = time.perf_counter()
            model = steepest.fit(
                one.table, one.target, drop=one.drop, form=form, seed=seed, reference=False, refit=False
            )
            found.setdefault(f"{name} seconds", []).append(time.perf_counter() - began)
            found.setdefault(name, []).append(loss(model, "value"))
            certificate = model.story()["solution"]["certificate"] or {"kind": "none"}
            found.setdefault("proved", []).append(float(certificate["kind"] == "duality_gap"))
        beside = steepest.fit(one.table, one.target, drop=one.drop, form="linear", seed=seed, refit=False)
        found.setdefault("reference", []).append(loss(beside, "reference"))
        found.setdefault("reference seconds", []).append(beside.story()["reference"]["seconds"])
    formed = model.story()["form"]
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {
        "name": one.name,
        "rows": sum(model.story()["rows"].values()),
        "ratio": means["form"] / means["reference"],
        "terms": [" x ".join(term["columns"]) + f" ({term['kind']})" for term in formed["terms"]],
        **means,
    }


def main() -> None:
    """Measures the tables that were asked for."""
    asked = parser(__doc__, "only", seeds=3)
    asked.add_argument("tables", nargs="*", type=case)
    asked.add_argument("--no-bundled", action="store_true")
    given = asked.parse_args()
    cases = [] if given.no_bundled else [Case(name, name) for name in BUNDLED]
    warnings.simplefilter("ignore")
    found = []
    for one in [*cases, *given.tables]:
        if given.only is None or given.only in one.name:
            found.append(measured(one, given.seeds))
            print(f"{one.name}: {found[-1]['ratio']:.3f}", file=sys.stderr, flush=True)
    found.sort(key=lambda row: -row["ratio"])
    print(f"{'table':22} {'rows':>7} {'linear':>10} {'form':>10} {'reference':>10} {'ratio':>6}  "
          f"{'seconds: linear':>15} {'form':>6} {'reference':>9}  terms")  # fmt: skip
    for row in found:
        print(
            f"{row['name']:22} {row['rows']:7} {row['linear']:10.4g} {row['form']:10.4g} {row['reference']:10.4g} "
            f"{row['ratio']:6.3f}  {row['linear seconds']:15.2f} {row['form seconds']:6.2f} "
            f"{row['reference seconds']:9.2f}  {len(row['terms'])}"
        )
    within = sum(row["ratio"] <= 1.02 for row in found)
    print(f"within 2 % of the reference, or better: {within} of {len(found)}")
    keep(given, found)


if __name__ == "__main__":
    main()
