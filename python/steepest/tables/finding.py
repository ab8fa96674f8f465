"""A finding: something noticed about the data, with its evidence and its remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """Something noticed: a sentence, what it was seen from, the threshold it passed, what would help.

    `severity` is "note" (said so that it is known), "warning" (look at it before you trust the result) or
    "problem" (the result cannot be trusted as it is).
    """

    kind: str
    severity: Literal["note", "warning", "problem"]
    sentence: str
    evidence: Any = None
    threshold: Any = None
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As a plain dict, ready for JSON."""
        return asdict(self)
