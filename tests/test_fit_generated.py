"""Tables of all shapes, generated: a fit refuses in words or gives a summary on a screen, a sound page and a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import Page

import steepest
from steepest.errors import SteepestError

pytestmark = pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")


def column(rng: np.random.Generator, rows: int) -> Any:
    """A column of one of eight kinds."""
    kind = rng.integers(0, 8)
    if kind == 0:
        return rng.normal(size=rows) * 10.0 ** rng.integers(-6, 7)
    if kind == 1:
        return rng.choice(["a", "b b", "c=1", "(missing)", "ü"], rows, p=[0.6, 0.3, 0.05, 0.025, 0.025])
    if kind == 2:
        return rng.random(rows) < rng.choice([0.01, 0.5])
    if kind == 3:
        return np.where(rng.random(rows) < 0.5, np.nan, rng.normal(size=rows))
    if kind == 4:
        return rng.integers(0, rng.integers(2, 30), rows)
    if kind == 5:
        return (np.datetime64("2024-01-01") + rng.integers(0, 400, rows)).astype(str)
    return np.ones(rows) if kind == 6 else rng.standard_cauchy(rows)


def target(rng: np.random.Generator, table: dict[str, Any], rows: int) -> Any:
    """Numbers of any size, counts, capped numbers, two classes (one may be rare), several."""
    base = rng.normal(size=rows)
    for values in table.values():
        if values.dtype.kind == "f" and np.nanstd(values) > 0:
            base = base + np.nan_to_num(values) / np.nanstd(values)
    kind = rng.integers(0, 7)
    if kind == 0:
        return base * 10.0 ** rng.integers(-100, 100)
    if kind == 1:
        return np.where(base > np.quantile(base, rng.choice([0.5, 0.9, 0.97])), "yes", "no")
    if kind == 2:
        return np.digitize(base, np.quantile(base, [0.2, 0.5, 0.9]))
    if kind == 3:
        return rng.poisson(np.exp(np.clip(base, -2, 3)))
    if kind == 4:
        return np.minimum(base, np.quantile(base, 0.8))
    return base > 0 if kind == 5 else np.array([f"k{c}" for c in rng.integers(0, 6, rows)])


def options(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Some settings."""
    given: dict[str, Any] = {}
    if rng.random() < 0.3:
        given["cv"] = int(rng.integers(2, 5))
    if rng.random() < 0.2:
        given["class_weight"] = "balanced"
    if rng.random() < 0.2:
        given["sample_weight"] = rng.random(rows) * (rng.random(rows) < 0.8)
    if rng.random() < 0.2:
        given["threshold"] = float(rng.random())
    if rng.random() < 0.2:
        given["scoring"] = str(rng.choice(["roc_auc", "f1", "r2", "accuracy", "average_precision"]))
    if rng.random() < 0.2:
        given["refit"] = False
    if rng.random() < 0.2:
        given["penalty"] = str(rng.choice(["l1", "elastic_net"]))
    return given | ({"validation": 0, "alpha": 0.1} if rng.random() < 0.1 else {})


@pytest.mark.filterwarnings("ignore:.* far outside:UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_any_table_is_told_or_refused(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([8, 15, 30, 60, 200, 500]))
    table = {f"column {j}": column(rng, rows) for j in range(int(rng.integers(1, 7)))}
    table["y"] = target(rng, table, rows)
    try:
        model = steepest.fit(table, "y", **options(rng, rows))
    except SteepestError:
        return
    lines = model.summary().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = Page(model.report(tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert not re.search(r"\b(nan|inf|None|undefined)\b", text)
    model.save(tmp_path / "m.safetensors")
    again = steepest.load(tmp_path / "m.safetensors")
    assert again.summary(verbose=True) == model.summary(verbose=True)
    assert again.predict(table).tolist() == model.predict(table).tolist()
    for figure in model.metrics():
        if np.isfinite(figure["low"]):
            assert figure["low"] <= figure["value"] + 1e-12
            assert figure["value"] <= figure["high"] + 1e-12
    numbers = model.row_numbers
    assert len(set(numbers["train"]) & set(numbers.get("validation", []))) == 0
    story = model.story()
    assert story["fitted"]["rows"] in (len(numbers["train"]), sum(map(len, numbers.values())))
