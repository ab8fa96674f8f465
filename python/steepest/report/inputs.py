"""The chapters on the data as it was read, on the choice of alpha, and on where the time went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.report import pictures
from steepest.report.figures import count, duration, figure, finite, percent, plural, short, significant

__all__ = ["alpha_path", "columns_read", "timing"]

View = dict[str, Any]
STAGES = {
    "read": "reading the table",
    "prepare": "preparing columns",
    "form": "choosing the form",
    "path": "choosing alpha",
    "fit": "fitting",
    "refit": "fitting again, to all rows",
    "folds": "folds",
    "reference": "the reference (gradient boosting)",
    "evaluate": "judging",
}
FIRST = 10
MOST = 500
PARTS = {
    "train": "training",
    "validation": "validation, held out",
    "test": "test, never looked at while fitting",
    "dropped": "left out",
}


def columns_read(story: Mapping[str, Any]) -> View:
    """What the template needs for the chapter on the data."""
    listed = [_column(c) for c in story.get("columns") or ()]
    listed.sort(key=lambda c: c["rank"])
    columns = [c for c in listed if c["kind"] != "target"]
    used = [c for c in columns if c["used"]]
    kinds: dict[str, int] = {}
    for c in used:
        kinds[c["kind"]] = kinds.get(c["kind"], 0) + 1
    rows = {name: finite((story.get("rows") or {}).get(name)) or 0 for name in PARTS}
    whole = sum(rows.values())
    sampled_of = finite((story.get("fitted") or {}).get("sampled_of"))
    title = ", ".join(f"{PARTS[name]} {count(n)}" for name, n in rows.items() if n)
    filled = [c for c in used if c["missing"]]
    return {
        "first": listed[:FIRST],
        "rest": listed[FIRST:MOST],
        "beyond": count(len(listed) - MOST) if len(listed) > MOST else "",
        "total": plural(len(columns), "column"),
        "made_of": _made_of(len(used), len(columns), whole)
        if sampled_of is None
        else _made_of(len(used), len(columns), sampled_of)
        + f"; its columns' kinds, alpha and all figures come from {count(whole)} of them, drawn at random",
        "kinds": ", ".join(plural(n, kind, _several(kind)) for kind, n in kinds.items()),
        "left_out": len(columns) - len(used),
        "filled": plural(len(filled), "column") if filled else "",
        "rows": [
            {"name": PARTS[name], "count": count(n), "share": percent(n / whole) if whole else "", "part": i}
            for i, (name, n) in enumerate((name, n) for name, n in rows.items() if n)
        ],
        "whole": plural(whole, "row"),
        "strip": pictures.share_strip([(PARTS[n], r) for n, r in rows.items() if r], title) if whole else "",
        "scales": _scales(story),
        "split": str(story.get("split") or ""),
    }


def _made_of(used: int, columns: int, rows: float) -> str:
    """``33 of 34 columns and 7,202 rows``."""
    text = f"{count(used)} of {plural(columns, 'column')}" if used < columns else plural(columns, "column")
    return f"{text} and {plural(rows, 'row')}" if rows else text


def _several(kind: str) -> str:
    """The plural of a kind of column."""
    if kind.endswith("y"):
        return kind[:-1] + "ies"
    return kind if kind.endswith("s") else kind + "s"


def _column(c: Mapping[str, Any]) -> View:
    """One column; those left out or filled come first, since they are what one would want to know."""
    used, missing = bool(c.get("used", True)), int(finite(c.get("missing")) or 0)
    kind, reason = str(c.get("kind") or "unknown"), str(c.get("reason") or "")
    done = []
    if kind == "target":
        done.append("to be predicted")
    elif not used:
        done.append(f"left out: {reason or 'no reason given'}")
    elif missing:
        filled = c.get("filled_with")
        text = (
            figure(filled, 4) if isinstance(filled, int | float) and not isinstance(filled, bool) else filled
        )
        done.append(
            f"{plural(missing, 'gap')} filled with {text}" if filled is not None else plural(missing, "gap")
        )
    if used and reason.lower() not in ("", kind, _several(kind)):
        done.append(reason)
    return {
        "name": str(c.get("name")),
        "kind": kind,
        "used": used or kind == "target",
        "missing": missing,
        "rank": 0 if kind == "target" else 1 if not used else 2 if missing else 3,
        "done": "; ".join(done),
        "levels": plural(c["levels"], "level") if finite(c.get("levels")) is not None else "",
        "middle": figure(significant(c.get("mean"))) if finite(c.get("mean")) is not None else "",
        "spread": figure(significant(c.get("sd"))) if finite(c.get("sd")) is not None else "",
        "range": _range(c),
    }


def _range(c: Mapping[str, Any]) -> str:
    low, high = finite(c.get("min")), finite(c.get("max"))
    if low is not None and high is not None:
        return f"{figure(low)} to {figure(high)}"
    if c.get("min") is not None and c.get("max") is not None and not isinstance(c["min"], float):
        return f"{c['min']} to {c['max']}"
    return ""


def _scales(story: Mapping[str, Any]) -> str:
    """How unlike the columns' scales are, where that is worth a sentence."""
    spreads = [
        (finite(c.get("sd")) or 0.0, str(c.get("name")))
        for c in story.get("columns") or ()
        if c.get("used", True) and c.get("kind") != "target"
    ]
    spreads = sorted(s for s in spreads if s[0] > 0)
    if len(spreads) < 2 or spreads[-1][0] / spreads[0][0] < 100:
        return ""
    (least, narrow), (most, wide) = spreads[0], spreads[-1]
    return (
        f"The widest column, {short(wide)}, spreads {figure(most / least, 2)} times as far as the "
        f"narrowest, {short(narrow)}. Nothing had to be scaled beforehand: that is done inside, "
        "and changes nothing but the speed."
    )


def alpha_path(story: Mapping[str, Any]) -> View | None:
    """What the template needs for the chapter on alpha; None where it was not chosen along a path."""
    path = story.get("path") or {}
    alphas = pictures.as_floats(path.get("alphas"))
    sentence = str(path.get("sentence") or "")
    if not len(alphas):
        return {"sentence": sentence, "picture": ""} if sentence else None
    train = pictures.as_floats(path["train_loss"]) if path.get("train_loss") is not None else None
    held = pictures.as_floats(path["validation_loss"]) if path.get("validation_loss") is not None else None
    chosen = finite(path.get("chosen"))
    error = pictures.as_floats(path["standard_error"]) if path.get("standard_error") is not None else None
    view: View = {
        "sentence": sentence,
        "picture": pictures.path_picture(alphas, train, held, chosen, error),
        "chosen": figure(chosen),
        "tried": count(len(alphas)),
        "range": f"{figure(np.nanmin(alphas), 2)} to {figure(np.nanmax(alphas), 2)}",
        "held": held is not None,
        "train": train is not None,
        "banded": held is not None and error is not None and len(error) == len(alphas),
        "edge": "",
    }
    if chosen is not None and len(alphas) > 2 and chosen in (alphas.min(), alphas.max()):
        view["edge"] = "It lies at the end of the path: a value beyond might do better still."
    return view


def timing(story: Mapping[str, Any]) -> View | None:
    """Where the time went, the longest first; None where it was not taken."""
    taken = [
        (STAGES.get(str(k), str(k).replace("_", " ")), finite(v) or 0.0)
        for k, v in (story.get("timing") or {}).items()
    ]
    total = next((v for k, v in taken if k == "total"), None)
    parts = sorted((p for p in taken if p[0] != "total"), key=lambda p: -p[1])
    whole = total if total is not None else sum(v for _, v in parts)
    if not parts and total is None:
        return None
    return {
        "total": duration(whole),
        "parts": [
            {
                "name": name,
                "seconds": duration(v),
                "share": percent(v / whole) if whole else "",
                "meter": pictures.meter(v / whole if whole else 0.0, "two"),
            }
            for name, v in parts
        ],
    }
