"""The story in a terminal's words: the plain word first, the term after it."""

from __future__ import annotations

import textwrap
from typing import Any

__all__ = ["summary_text"]

WIDTH = 96
#: columns whose spread differs by less than this from the others' are not worth a word
SCALES = 100.0
PARTS = {
    "validation": "rows held out (they also chose alpha)",
    "test": "rows of the test part, never looked at while fitting",
}


def summary_text(story: dict[str, Any], width: int = WIDTH, notes: bool = False) -> str:
    """The fit in a few lines, no wider than that: how good, whether it converged, scales, findings, time.

    With `notes` the findings that are mere notes (what was filled, what was left out) are told one by one.
    """
    blocks = [
        heading(story),
        quality(story, width),
        convergence(story),
        penalty(story),
        scales(story),
        noticed(story, notes),
        times(story),
    ]
    return "\n\n".join(wrapped(block, width) for block in blocks if block)


def wrapped(block: str, width: int) -> str:
    """Each line of a block within the width, its further lines indented."""
    lines = []
    for line in block.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        fill = textwrap.TextWrapper(
            width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines += fill.wrap(line) if len(line) > width else [line]
    return "\n".join(lines)


def heading(story: dict[str, Any]) -> str:
    """What was fitted."""
    rows = story["rows"]
    counts = ", ".join(f"{rows[part]} {part}" for part in ("train", "validation", "test") if rows[part])
    left = f", {rows['dropped']} left out" if rows["dropped"] else ""
    used = sum(column["used"] for column in story["columns"])
    task = {"binary": "two classes", "multiclass": "several classes", "regression": "a number"}[story["task"]]
    return "\n".join(
        [
            story["title"],
            (f"It predicts {story['target']!r}, {task} (task: {story['task']}): {story['task_reason']}."),
            f"Rows: {counts}{left}. Columns: {used} of {len(story['columns']) - 1} used.",
        ]
    )


def quality(story: dict[str, Any], width: int) -> str:
    """The figures beside the baseline's."""
    heldout = story["heldout"]
    if not story["metrics"]:
        return "How good it is cannot be said: no rows were held out."
    lines = [f"How good it is on {len(heldout['y'])} {PARTS[heldout['part']]}:"]
    names = [f"{figure['plain']} ({figure['name']})" for figure in story["metrics"]]
    if width < 72:
        for name, figure in zip(names, story["metrics"], strict=True):
            lines.append(f"  {name}: {figure['value']:.5g}; knowing no column {figure['baseline']:.5g}")
        return "\n".join(lines)
    wide = min(max(map(len, names)), width - 36)
    lines.append(f"  {'':{wide}}  {'this model':>12}  {'knowing no column':>18}")
    for name, figure in zip(names, story["metrics"], strict=True):
        *above, last = textwrap.wrap(name, wide, subsequent_indent="  ")
        lines += [f"  {line}" for line in above]
        lines.append(f"  {last:{wide}}  {figure['value']:>12.5g}  {figure['baseline']:>18.5g}")
    return "\n".join(lines)


def convergence(story: dict[str, Any]) -> str:
    """Whether it converged, and how that is known."""
    solution = story["solution"]
    mark = "It converged" if solution["success"] else "It did not converge"
    message = solution["message"].strip().rstrip(".").removeprefix("Converged: ")
    lines = [(f"{mark}: {message} (status: {solution['status']}).")]
    certificate = solution["certificate"]
    if certificate:
        lines.append(
            f"Distance from the best possible (certificate, {certificate['kind']}): at most "
            f"{certificate['bound']:.2e}; asked for {certificate['target']:.2e}; "
            f"assuming that {certificate['assumption']}."
        )
    lines.append(
        f"Method: {solution['method']} ({solution['reason'].rstrip('.')}); {solution['iterations']} "
        "steps, "
        f"{solution['passes']:.1f} reads of the data (passes), {solution['seconds']:.3f} s."
    )
    return "\n".join(lines)


def penalty(story: dict[str, Any]) -> str:
    """Which alpha, and why."""
    path = story["path"]
    return (path["sentence"]) if path else ""


def scales(story: dict[str, Any]) -> str:
    """The columns whose scale is furthest from the others'."""
    spread = {c["name"]: c["sd"] for c in story["columns"] if c["used"] and c["kind"] == "number" and c["sd"]}
    if len(spread) < 2:
        return ""
    ordered = sorted(spread, key=lambda name: float(spread[name]))
    low, high = ordered[0], ordered[-1]
    ratio = spread[high] / spread[low]
    if ratio < SCALES:
        return ""
    return (
        f"Worst-scaled columns: {high!r} varies by {spread[high]:.3g} (its standard deviation), {low!r} by "
        f"{spread[low]:.3g}: {ratio:.2g} times less. Nothing to do: columns are scaled inside."
    )


def noticed(story: dict[str, Any], all_of_them: bool) -> str:
    """The findings that are more than notes."""
    marks = {"problem": "Problem", "warning": "Look at this"}
    lines = []
    for finding in story["findings"]:
        if finding["severity"] in marks:
            remedy = f" What would help: {finding['remedy'].rstrip('.')}." if finding["remedy"] else ""
            lines.append(f"{marks[finding['severity']]}: {finding['sentence']}{remedy}")
    notes = [finding["sentence"] for finding in story["findings"] if finding["severity"] == "note"]
    if all_of_them:
        lines += [f"Note: {sentence}" for sentence in notes]
    elif notes:
        lines.append(f"{len(notes)} further note{'s' if len(notes) > 1 else ''} on the data in the report.")
    return "\n".join(lines)


def times(story: dict[str, Any]) -> str:
    """Where the seconds went."""
    timing = story["timing"]
    names = {
        "read": "reading",
        "prepare": "preparing",
        "path": "choosing alpha",
        "fit": "fitting",
        "evaluate": "judging",
    }
    parts = ", ".join(f"{names.get(name, name)} {seconds:.2f}" for name, seconds in timing.items())
    return f"{sum(timing.values()):.2f} s: {parts}."
