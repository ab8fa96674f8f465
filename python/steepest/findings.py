"""Findings: what was noticed during a descent or in the data, with evidence and a remedy.

A *status* says how a descent ended; a *finding* says what else is worth knowing. Each states a
fact in a sentence, the numbers behind it, the threshold they crossed, and what to do about it.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SEVERITIES", "Finding", "by_severity", "findings_text", "share_text"]

#: The severities, the gravest first.
SEVERITIES = ("problem", "warning", "note")

_MARKS = {"problem": "\N{BALLOT X}", "warning": "!", "note": "i"}
_COLOURS = {"problem": "#c0392b", "warning": "#a86a00", "note": "#3b7a9e"}


@dataclass(frozen=True, repr=False)
class Finding:
    """One thing that was noticed, with the evidence for it and what to do about it.

    Parameters
    ----------
    kind : str
        The term, one word or a few joined by underscores, such as ``"bad_scaling"``.
    severity : {"problem", "warning", "note"}
        A *problem* makes the result doubtful, a *warning* may, a *note* is worth knowing.
    sentence : str
        What was noticed, in plain words.
    evidence : mapping, optional
        The figures behind the sentence, by name.
    threshold : float or str, optional
        What the evidence was held against; None where there is no such figure.
    remedy : str, optional
        What to do about it; empty where nothing needs doing.

    Raises
    ------
    ValueError
        If the severity is none of the three.

    Examples
    --------
    >>> from steepest.findings import Finding
    >>> Finding("bad_scaling", "note", "Column 'area' is 4200 times as wide as 'smoothness'.",
    ...         {"ratio": 4200.0}, 1000.0, "Nothing to do: columns are scaled inside.")
    Note: Column 'area' is 4200 times as wide as 'smoothness'. (bad_scaling)
      evidence: ratio = 4200 (threshold 1000)
      remedy: Nothing to do: columns are scaled inside.
    """

    kind: str
    severity: str
    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    threshold: float | str | None = None
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be problem, warning or note; got {self.severity!r}")
        object.__setattr__(self, "evidence", dict(self.evidence or {}))
        object.__setattr__(self, "remedy", self.remedy or "")

    @classmethod
    def of(cls, values: Finding | Mapping[str, Any]) -> Finding:
        """The finding that a mapping with the fields of this class describes.

        Examples
        --------
        >>> from steepest.findings import Finding
        >>> Finding.of({"kind": "plateau", "severity": "warning", "sentence": "The loss stood still."}).kind
        'plateau'
        """
        if isinstance(values, Finding):
            return values
        known = ("kind", "severity", "sentence", "evidence", "threshold", "remedy")
        return cls(**{name: values[name] for name in known if name in values})

    def as_dict(self) -> dict[str, Any]:
        """The fields as a plain dict, as the report and a saved model keep them."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "threshold": self.threshold,
            "remedy": self.remedy,
        }

    def evidence_text(self) -> str:
        """The evidence and its threshold in one line; empty where there is none."""
        figures = ", ".join(f"{name.replace('_', ' ')} = {_figure(v)}" for name, v in self.evidence.items())
        if self.threshold is None:
            return figures
        limit = f"threshold {_figure(self.threshold)}"
        return f"{figures} ({limit})" if figures else limit

    def __repr__(self) -> str:
        lines = [f"{self.severity.capitalize()}: {self.sentence} ({self.kind})"]
        if self.evidence_text():
            lines.append(f"  evidence: {self.evidence_text()}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The finding for a notebook: self-contained, readable on light and dark pages."""
        colour = _COLOURS[self.severity]
        rest = ""
        if self.evidence_text():
            rest += f'<div style="opacity:.75;font-size:.92em">{html.escape(self.evidence_text())}</div>'
        if self.remedy:
            rest += f"<div>\N{RIGHTWARDS ARROW} {html.escape(self.remedy)}</div>"
        return (
            f'<div style="border-left:4px solid {colour};padding:.2em 0 .2em .8em;margin:.5em 0;'
            f'max-width:46em;overflow-wrap:anywhere"><strong>{self.severity.capitalize()}.</strong> '
            f"{html.escape(self.sentence)} "
            f'<code style="opacity:.75">{html.escape(self.kind)}</code>{rest}</div>'
        )


def by_severity(findings: Iterable[Finding | Mapping[str, Any]]) -> list[Finding]:
    """The findings, the gravest first; those of one severity stay in their order.

    Examples
    --------
    >>> from steepest.findings import Finding, by_severity
    >>> note, problem = Finding("a", "note", "Small."), Finding("b", "problem", "Grave.")
    >>> [finding.kind for finding in by_severity([note, problem])]
    ['b', 'a']
    """
    return sorted((Finding.of(f) for f in findings), key=lambda f: SEVERITIES.index(f.severity))


def findings_text(findings: Iterable[Finding | Mapping[str, Any]], width: int = 88) -> str:
    """The findings as text for a terminal, the gravest first, wrapped to `width` columns.

    Examples
    --------
    >>> from steepest.findings import Finding, findings_text
    >>> print(findings_text([Finding("plateau", "warning", "The loss stood still.", {"iterations": 50})]))
    ! Warning: The loss stood still. (plateau)
        evidence: iterations = 50
    >>> findings_text([])
    'Nothing out of the ordinary was noticed.'
    """
    ordered = by_severity(findings)
    if not ordered:
        return "Nothing out of the ordinary was noticed."
    blocks = []
    for finding in ordered:
        first, *rest = repr(finding).split("\n")
        lines = textwrap.wrap(
            f"{_MARKS[finding.severity]} {first}", width, subsequent_indent="  ", break_on_hyphens=False
        )
        for line in rest:
            lines += textwrap.wrap(line.strip(), width, initial_indent="    ", subsequent_indent="      ")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def share_text(share: float, digits: int = 1) -> str:
    """A share as a percentage: ``97.3 %``; one that only rounds to nothing or to all is not said to be that.

    Examples
    --------
    >>> from steepest.findings import share_text
    >>> [share_text(x, 0) for x in (0.5, 0.004, 0.996, 0.0004, 0.9996, 0.0)]
    ['50 %', '0.4 %', '99.6 %', 'under 0.1 %', 'over 99.9 %', '0 %']
    """
    shown = f"{100 * share:.{digits}f}"
    if float(shown) in (0.0, 100.0) and share not in (0.0, 1.0) and digits < 1:
        shown = f"{100 * share:.1f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    if shown == "100" and share < 1:
        shown = "over 99.9"
    elif shown in ("0", "-0"):
        shown = "0" if share == 0 else "under 0.1" if share > 0 else "above -0.1"
    return f"{shown} %"


def _figure(value: Any) -> str:
    """A value of the evidence as people write it: four digits for a fraction, text as it is."""
    if isinstance(value, bool | str) or value is None:
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_figure(v)}" for name, v in value.items())
    if isinstance(value, list | tuple | set):
        items = [_figure(v) for v in list(value)[:6]]
        return ", ".join(items) + (f", and {len(value) - 6} more" if len(value) > 6 else "")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if number == int(number) if abs(number) < 1e15 else False:
        return str(int(number))
    return f"{number:.4g}"
