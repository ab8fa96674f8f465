"""The page: the report of a fit as one self-contained HTML document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from steepest.findings import by_severity
from steepest.report.coefficients import coefficients
from steepest.report.convergence import convergence
from steepest.report.figures import NONE, plural, short, value_text
from steepest.report.forms import forms
from steepest.report.goodness import goodness
from steepest.report.inputs import alpha_path, columns_read, timing
from steepest.report.writing import write_whole
from steepest.tasks import of_story

__all__ = ["date_words", "findings_view", "noticed", "page", "template"]

#: So many notes stand beside the problems and warnings; more stand with the data.
FEW_NOTES = 2


def page(story: Mapping[str, Any], path: str | Path | None = None) -> str:
    """Write the report of a fit as one HTML page that needs nothing else: no network, no script.

    Parameters
    ----------
    story : mapping
        What was fitted and what came of it: ``title``, ``version``, ``created``, ``task``
        (binary, multiclass or regression), ``loss``, ``task_reason``, ``target``, ``classes``, ``rows``,
        ``columns``, ``metrics``, ``heldout``, ``path``, ``solution``, ``coefficients``, ``intercept``,
        ``findings``, ``timing`` and ``python``. A part that is not there is left out.
    path : path, optional
        Where to write the page, whole or not at all.

    Returns
    -------
    str
        The page.

    Raises
    ------
    OSError
        If the page cannot be written there.

    Examples
    --------
    >>> from steepest.report import page
    >>> text = page({"title": "Prices", "task": "regression", "target": "price",
    ...              "metrics": [{"name": "r2", "plain": "share explained", "value": 0.81, "baseline": 0.0,
    ...                           "better": "higher"}]})
    >>> text.startswith("<!DOCTYPE html>"), "81 % of the way" in text.replace("\\u00a0", " ")
    (True, True)
    """
    text: str = template("page.html.j2").render(**_view(story))
    if path is not None:
        write_whole(path, text)
    return text


@cache
def template(name: str) -> Any:
    """A template that lies beside this file; pages stand on ``sheet.html.j2``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("steepest.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["options"] = _options
    return environment.get_template(name)


def _options(text: str) -> Markup:
    """Text with options and the names after them kept on one line: ``--drop age``."""
    return Markup(_OPTION.sub(r'<span class="nowrap">\g<0></span>', str(escape(text))))


#: an option of the command line with its value, which may stand in (escaped) quotation marks
_OPTION = re.compile(r"--[a-z][a-z-]*(?: (?:&#39;.*?&#39;|&#34;.*?&#34;|[^\s-][^\s]*))?")


def _view(story: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template shows, in the page's words."""
    findings = findings_view(story.get("findings") or ())
    few = sum(f["severity"] == "note" for f in findings) <= FEW_NOTES
    return {
        "title": short(story.get("title") or "A fitted model", 200),
        "version": str(story.get("version") or ""),
        "created": date_words(story.get("created")),
        "task": task.title if (task := of_story(story)) else str(story.get("task") or ""),
        "two_classes": task is not None and task.two,
        "task_reason": str(story.get("task_reason") or ""),
        "target": short(story.get("target") or "", 80),
        "classes": _classes(story.get("classes")),
        "findings": [f for f in findings if f["severity"] != "note" or few],
        "notes": [] if few else [f for f in findings if f["severity"] == "note"],
        "noticed": noticed(findings),
        "good": goodness(story),
        "descent": convergence(story),
        "coefficients": coefficients(story),
        "form": forms(story),
        "alpha": alpha_path(story),
        "data": columns_read(story),
        "timing": timing(story),
        "python": str(story.get("python") or "").strip("\n"),
        "dash": NONE,
    }


def findings_view(findings: Iterable[Any]) -> list[dict[str, Any]]:
    """What was noticed in the page's words, the gravest first."""
    return [
        {
            "kind": finding.kind.replace("_", " "),
            "severity": finding.severity,
            "sentence": _capital(finding.sentence),
            "evidence": [(name.replace("_", " "), value_text(v)) for name, v in finding.evidence.items()],
            "threshold": "" if finding.threshold is None else value_text(finding.threshold),
            "remedy": finding.remedy.rstrip(". "),
        }
        for finding in by_severity(findings)
    ]


def _capital(sentence: str) -> str:
    """The sentence with a capital; one that begins with a quoted name stays as it is."""
    return sentence[:1].upper() + sentence[1:]


def _classes(classes: Any, most: int = 10) -> str:
    names = [short(c, 32) for c in classes or []]
    if len(names) == 2:
        return f"{names[0]} or {names[1]}"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def noticed(findings: list[dict[str, Any]]) -> dict[str, str]:
    """How much was noticed, in a word or two, and how grave the gravest is."""
    if not findings:
        return {
            "answer": "Nothing",
            "severity": "fine",
            "sentence": "Nothing out of the ordinary was noticed.",
        }
    severities = [f["severity"] for f in findings]
    if severities[0] == "note" and len(findings) > FEW_NOTES:
        sentence = "Nothing grave: notes on how the data were read and what was done with them."
        return {"answer": plural(len(findings), "note"), "severity": "note", "sentence": sentence}
    parts = [plural(severities.count(s), s) for s in ("problem", "warning", "note") if s in severities]
    return {"answer": ", ".join(parts), "severity": severities[0], "sentence": findings[0]["sentence"]}


def date_words(created: Any) -> str:
    """A date and time as people write it; text that is no date stays as it is."""
    if created is None:
        return ""
    try:
        moment = created if isinstance(created, datetime) else datetime.fromisoformat(str(created))
    except ValueError:
        return str(created)
    return f"{moment.day} {moment:%B %Y, %H:%M}"
