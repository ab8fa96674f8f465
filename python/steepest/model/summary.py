"""The story on one screen: warnings, figures with intervals beside the baseline, a line of convergence."""

from __future__ import annotations

import html
import math
import textwrap
from typing import Any

from steepest import tasks
from steepest.report.figures import figure, plural, significant

__all__ = ["summary_html", "summary_text"]

WIDTH = 80
#: lines of the summary at most, on a terminal of 80 columns
SCREEN = 24
#: columns whose spread differs by less than this from the others' are not worth a word
SCALES = 100.0
#: figures shown where not all are asked for
FIGURES = 8
#: lines that problems and warnings get before figures are left out for them
LINES_OF_FINDINGS = 4
MARKS = {"problem": "Problem", "warning": "Warning", "note": "Note"}
STAGES = {
    "read": "reading",
    "prepare": "preparing",
    "form": "choosing the form",
    "path": "choosing alpha",
    "fit": "fitting",
    "refit": "fitting again",
    "network": "a network",
    "folds": "folds",
    "reference": "gradient boosting beside it",
    "evaluate": "judging",
}


def summary_text(story: dict[str, Any], width: int = WIDTH, verbose: bool = False) -> str:
    """The fit on one screen of at least 80 columns, no line wider than `width`.

    With `verbose` everything: all findings with their remedies, all figures in words, the certificate, the times.
    """
    if verbose:
        figures = quality(story, width, story["metrics"], verbose)
        blocks = [
            heading(story, True),
            findings(story),
            figures,
            ending(story, True),
            scales(story),
            times(story),
        ]
        return plain("\n\n".join(wrapped(block, width) for block in blocks if block))
    first, last = (wrapped(block, width) for block in (heading(story, False), ending(story, False)))
    wanted = len(few_findings(story, width, LINES_OF_FINDINGS))
    shown = shortest(story["metrics"])
    while True:
        middle = wrapped(quality(story, width, shown, verbose), width)
        left = SCREEN - sum(block.count("\n") + 2 for block in (first, middle, last))
        if left >= wanted or len(shown) <= 3:
            break
        shown = shown[:-1]
    noticed = "\n".join(few_findings(story, width, max(2, left)))
    return plain("\n\n".join(block for block in (first, noticed, middle, last) if block))


def summary_html(story: dict[str, Any]) -> str:
    """The fit for a notebook: what was fitted, problems and warnings, all figures as a table, how it ended."""
    title, *rows = heading(story, False).split("\n")
    noticed = [
        f"<li><b>{MARKS[f['severity']]}:</b> {html.escape(capital(f['sentence']))}"
        + (f" <i>What to do:</i> {html.escape(f['remedy'].rstrip('.'))}." if f["remedy"] else "")
        for f in story["findings"]
        if f["severity"] != "note"
    ]
    judged, *_ = quality(story, WIDTH, story["metrics"], False).split("\n")
    folds = story.get("folds") and story["metrics"] and "folds_mean" in story["metrics"][0]
    referred = any("reference" in f for f in story["metrics"])
    head = ["", "model", "95 % interval", "baseline", *(["reference"] if referred else [])]
    head += [f"{story['folds']} folds"] if folds else []
    lines = [
        [f"{f['name']}: {f['plain']}", number(f["value"]), interval_text(f), number(f["baseline"])]
        + ([number(f["reference"]) if "reference" in f else ""] if referred else [])
        + ([f"{f['folds_mean']:.4g} ± {f['folds_sd']:.2g}"] if folds else [])
        for f in story["metrics"]
    ]
    cells = "".join(
        f'<tr><td style="text-align:left">{html.escape(name)}</td>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        + "</tr>"
        for name, *others in lines
    )
    table = f"<table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>{cells}</table>" if lines else ""
    end = ending(story, False).replace(
        "--verbose, summary(verbose=True) or the report", "summary(verbose=True), report()"
    )
    paragraphs = [f"<b>{html.escape(title)}</b><br>{html.escape(' '.join(rows))}"]
    if noticed:
        paragraphs.append(f"<ul>{''.join(f'{item}</li>' for item in noticed)}</ul>")
    paragraphs += [f"{html.escape(judged)}{table}", "<br>".join(map(html.escape, end.split("\n")))]
    return plain("<div>" + "".join(f"<div>{part}</div>" for part in paragraphs) + "</div>")


def wrapped(block: str, width: int) -> str:
    """Each line of a block within the width, its further lines indented."""
    lines = []
    for line in block.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        fill = textwrap.TextWrapper(
            width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines += fill.wrap(line) if len(line.rstrip()) > width else [line.rstrip()]
    return "\n".join(lines)


def plain(text: str) -> str:
    """The text with ordinary blanks, at which lines may end."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def heading(story: dict[str, Any], verbose: bool) -> str:
    """What was fitted, to which rows."""
    rows, fitted = story["rows"], story.get("fitted") or {"rows": story["rows"]["train"], "again": False}
    used = sum(column["used"] for column in story["columns"])
    columns = max(len(story["columns"]) - 1, used)
    classes = story.get("classes") or []
    positive = story.get("positive") or (classes[1] if len(classes) == 2 else None)
    heading = tasks.find(story["task"], story.get("loss")).heading
    lines = [f"{story['title']}: {heading.format(*classes, count=len(classes), positive=positive)}"]
    if verbose:
        lines.append(f"Why this task: {story['task_reason']}.")
    parts = [f"{rows['train']:,} training"] + [f"{rows[p]:,} {p}" for p in ("validation", "test") if rows[p]]
    said = f"Rows: {', '.join(parts)}"
    if rows["dropped"]:
        why = "no target, or weight 0" if "weight" in story["heldout"] else "no target"
        said += f"; {rows['dropped']:,} left out ({why})"
    if sampled := sample_of(fitted):
        said += f", {sampled}"
    said += f". Columns: {used} of {columns} used."
    whole = rows["train"] + rows["validation"]
    if fitted["again"] or fitted["rows"] > rows["train"]:
        which = "rows" if sampled else "training and validation rows"
        said += f" The model is fitted to all {fitted['rows']:,} {which}."
    elif rows["validation"]:
        said += f" The model is fitted to {fitted['rows']:,} of {whole:,} rows."
    return "\n".join([*lines, said])


def sample_of(fitted: dict[str, Any]) -> str:
    """Which rows those are that kinds of columns, alpha and figures come from, where they are not all."""
    if "sampled" not in fitted:
        return ""
    return f"a sample of {fitted['sampled']:,} of {fitted['sampled_of']:,} rows drawn at random"


def quality(story: dict[str, Any], width: int, figures: list[dict[str, Any]], verbose: bool) -> str:
    """Some of the figures, each with its interval and the baseline's."""
    if not story["metrics"]:
        return "How good the model is cannot be said: no rows were held out."
    folds, narrow = int(story.get("folds") or 0), width < 72
    lines = [
        judged_on(story),
        *(in_words(figures, folds) if narrow else in_columns(figures, folds, width, verbose)),
    ]
    if any("reference" in f for f in figures):
        # Folds leave no room for a column of it.
        lines.append(f"  {reference_of(story, figures if folds and not narrow else [])}")
    cut = story.get("threshold")
    two = tasks.find(story["task"], story.get("loss")).two
    if two and cut is not None and (verbose or cut != 0.5):
        lines.append(f"  A row is predicted {story['positive']} where its probability is above {cut:.4g}.")
    return "\n".join(lines)


def judged_on(story: dict[str, Any]) -> str:
    """Which rows the figures are of, and what else those have told."""
    rows = len(story["heldout"]["y"])
    if not rows:
        return f"No rows were held out; the figures are means over {story.get('folds')} folds"
    if story["heldout"]["part"] == "test":
        return f"On the {plural(rows, 'test row')}, never looked at while fitting"
    fitted = story.get("fitted") or {}
    judged = fitted.get("judged_rows", story["rows"]["train"])
    chose = ["alpha"] if (story.get("path") or {}).get("alphas") else []
    chose += ["the model"] if (story.get("choice") or {}).get("asked") == "auto" else []
    also = f", which also chose {' and '.join(chose)}," if chose else ","
    drawn, the = (" of the sample", "its") if sample_of(fitted) else ("", "the")
    return f"On {plural(rows, 'held-out row')}{drawn}{also} by a fit to {the} other {judged:,}"


def spread_of(figure: dict[str, Any]) -> str:
    """A figure's mean and spread over the folds, where there are folds."""
    return f"{figure['folds_mean']:.4g} ± {figure['folds_sd']:.2g}" if "folds_mean" in figure else ""


def in_words(figures: list[dict[str, Any]], folds: int) -> list[str]:
    """A line for each figure, where there is no room for columns."""
    lines = []
    for f in figures:
        ends, own = interval_text(f), spread_of(f)
        within = f" ({ends})" if ends else ""
        other = f"; reference {number(f['reference'])}" if "reference" in f else ""
        beside = f"; {folds} folds {own}" if own else ""
        lines.append(
            f"  {f['name']}: {number(f['value'])}{within}; baseline {number(f['baseline'])}{other}{beside}"
        )
    return lines


def in_columns(figures: list[dict[str, Any]], folds: int, width: int, verbose: bool) -> list[str]:
    """The figures as a table, their names wrapped, with what they mean where there is room."""
    head = ["model", "95 % interval", "baseline"]
    cells = [[number(f["value"]), interval_text(f), number(f["baseline"])] for f in figures]
    further: list[str] = []
    if folds:
        head, further = [*head, f"{folds} folds"], [spread_of(f) for f in figures]
    elif any("reference" in f for f in figures):
        head, further = (
            [*head, "reference"],
            [number(f["reference"]) if "reference" in f else "" for f in figures],
        )
    if further:
        cells = [[*row, last] for row, last in zip(cells, further, strict=True)]
    wides = [max(9, *map(len, parts)) for parts in zip(head, *cells, strict=True)]
    most = width - 4 - sum(wide + 2 for wide in wides)
    names = [f"{f['name']}: {f['plain']}" for f in figures]
    if not verbose:
        names = [name if len(name) <= most else f["name"] for name, f in zip(names, figures, strict=True)]
    wide = min(max(map(len, names)), most)
    lines = []
    for name, row in zip(["", *names], [head, *cells], strict=True):
        *first, last = textwrap.wrap(name, wide, subsequent_indent="  ") or [""]
        lines += [f"  {line}" for line in first]
        lines.append(
            f"  {last:{wide}}" + "".join(f"  {cell:>{w}}" for cell, w in zip(row, wides, strict=True))
        )
    return lines


def reference_of(story: dict[str, Any], figures: list[dict[str, Any]]) -> str:
    """What the reference is, and its figures where they have no column."""
    reference = story["reference"]
    remark = f" ({reference['remark']})" if reference["remark"] else ""
    own = ", ".join(f"{f['name']} {number(f['reference'])}" for f in figures if "reference" in f)
    return f"Reference: scikit-learn's gradient boosting on the same rows{remark}{f': {own}' if own else ''}."


def shortest(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures that fit a screen."""
    if len(figures) <= FIGURES:
        return figures
    left_out = ("Brier score",) if figures[0]["name"] != "Brier score" else ("balanced accuracy",)
    return [f for f in figures if f["name"] not in left_out][:FIGURES]


def rounded(value: float, digits: int) -> str:
    """A figure with so many digits, written out where it has up to nine places before the point."""
    if 1e4 <= abs(value) < 1e9:
        return f"{significant(value, digits):,.0f}"
    return f"{value:.{digits}g}"


def number(value: float) -> str:
    """A figure with four digits."""
    if not math.isfinite(value):
        return "undefined"
    return "0" if -5e-4 < value <= 0 else rounded(value, 4)


def interval_text(f: dict[str, Any]) -> str:
    """``0.93 to 0.99``; empty where there is no interval."""
    low, high = f.get("low", math.nan), f.get("high", math.nan)
    if 0.99995 <= low < 1:
        return "over 0.9999"
    return f"{below_one(low)} to {below_one(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def below_one(value: float) -> str:
    """Three digits; more where they would round what is below 1 up to it."""
    text = rounded(value, 3)
    return text if value >= 1 or text != "1" else f"{value:.4g}" if f"{value:.4g}" != "1" else "0.9999"


def _bound(certificate: dict[str, Any], digits: int) -> str:
    """What a certificate's bound is, in words, by its kind."""
    kind, bound = certificate["kind"], f"{certificate['bound']:.{digits}e}"
    if kind == "stationary":
        return f"scaled residual {bound}"
    if kind == "criterion":
        return f"{bound} of what was asked for"
    how = "about {} above the least loss nearby" if kind == "estimated" else "at most {} above the least loss"
    return f"{how.format(bound)} ({kind.replace('_', ' ')})"


def ending(story: dict[str, Any], verbose: bool) -> str:
    """Whether it converged and how that is known, which alpha, and how long it took."""
    solution, certificate = story["solution"], story["solution"]["certificate"]
    message = solution["message"].strip().rstrip(".")
    ended = "Converged" if solution["success"] else "Did not converge"
    known = message.removeprefix("Converged: ")
    if solution["success"] and certificate and not verbose:
        known = _bound(certificate, 1)
    effort = f"{figure(solution['passes'], 2)} passes over the data"
    lines = [f"{ended}: {known}; {effort}, {figure(sum(story['timing'].values()), 2)} s in all."]
    if verbose:
        lines = [f"{ended}: {known} (status: {solution['status']})."]
        if certificate:
            lines.append(
                f"Certificate: {_bound(certificate, 2)}; {certificate['target']:.2e} asked for. "
                f"Assumes: {certificate['assumption']}."
            )
        lines.append(
            f"Method: {solution['method']} ({solution['reason'].rstrip('.')}); "
            f"{plural(solution['iterations'], 'step')}, {effort}, {figure(solution['seconds'], 2)} s."
        )
        if solution.get("start"):
            lines.append(f"It started from {solution['start']} solution, so it had little left to do.")
    if (form := story.get("form")) and (verbose or form["terms"]):
        lines.append(form["sentence" if verbose else "short"])
    path = story.get("path") or {}
    if story.get("model") == "network":
        # It is trained for a while, and no optimum of it is known: that it did not converge says nothing.
        lines = [
            f"Network: {path['sentence'].rstrip('.')}; {effort}, {figure(sum(story['timing'].values()), 2)} s in all."
        ]
    elif path.get("sentence"):
        lines.append(
            path["sentence"]
            if verbose
            else f"Penalty alpha {path['chosen']:.3g}, {path.get('short') or 'as given'}."
        )
    if not verbose and (story.get("choice") or {}).get("asked") == "auto":
        lines.append(story["choice"]["sentence"])
    if not verbose:
        notes = sum(f["severity"] == "note" for f in story["findings"])
        also = f" ({plural(notes, 'note')} on the data)" if notes else ""
        lines.append(f"More{also}: --verbose, summary(verbose=True) or the report.")
    return "\n".join(lines)


def findings(story: dict[str, Any]) -> str:
    """The findings with their remedies, the gravest first."""
    lines = []
    for finding in story["findings"]:
        remedy = f" What to do: {finding['remedy'].rstrip('.')}." if finding["remedy"] else ""
        lines.append(f"{MARKS[finding['severity']]}: {capital(finding['sentence'])}{remedy}")
    return "\n".join(lines)


def few_findings(story: dict[str, Any], width: int, most: int) -> list[str]:
    """Problems and warnings in at most so many lines; remedies where there is room."""
    grave = [f for f in story["findings"] if f["severity"] != "note"]
    lines: list[str] = []
    for place, finding in enumerate(grave):
        others, room = len(grave) - place - 1, most - len(lines)
        if place and room <= 1 and others:
            lines.append(f"… and {plural(others + 1, 'more warning')}: see --verbose or the report.")
            break
        text = f"{MARKS[finding['severity']]}: {capital(finding['sentence'])}"
        block = wrapped(text, width).split("\n")
        room = max(1, room - min(others, 2))
        if finding["remedy"]:
            full = wrapped(f"{text} What to do: {finding['remedy'].rstrip('.')}.", width).split("\n")
            block = full if len(full) <= room else block
        lines += block if len(block) <= room else cut(block[:room], width)
    return lines


def cut(block: list[str], width: int) -> list[str]:
    """The lines with three dots after the last word that leaves room for them."""
    last = block[-1]
    if len(last) > width - 2:
        last = last[: width - 2].rpartition(" ")[0]
    return [*block[:-1], f"{last.rstrip()} …"]


def capital(sentence: str) -> str:
    """The sentence with a capital."""
    return sentence[:1].upper() + sentence[1:]


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
        f"Scales: {high!r} has standard deviation {spread[high]:.3g}, {low!r} {spread[low]:.3g} "
        f"({figure(ratio, 2)} times less). Nothing to do: columns are scaled inside."
    )


def times(story: dict[str, Any]) -> str:
    """Where the seconds went."""
    timing = story["timing"]
    parts = ", ".join(f"{STAGES.get(name, name)} {seconds:.2f}" for name, seconds in timing.items())
    return f"{sum(timing.values()):.2f} s: {parts}."
