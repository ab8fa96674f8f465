"""How tables write that a value is not there."""

from __future__ import annotations

__all__ = ["NO_CLASS", "TOKENS", "is_missing"]

#: texts that mean "missing"; compared after blanks are taken off both ends
TOKENS = frozenset(
    {
        "", "?", "-", "--", ".", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NaN", "NaT", "None",
        "NULL", "Null", "n/a", "na", "nan", "null", "missing", "-nan", "-NaN", "1.#QNAN", "1.#IND",
        "n.a.", "N.A.", "n.a", "N.A", "n. a.", "k.A.", "k. A.", "#DIV/0!", "#REF!", "#VALUE!", "#NUM!", "#NAME?",
        "#NULL!", "\\N", "0000-00-00", "0000-00-00 00:00:00",
    }
)  # fmt: skip
#: those of them that no class is called by: in a target of texts the others ("None", "NA", "-") are classes
NO_CLASS = frozenset(
    {"", "?", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "NaT", "nan", "-nan", "-NaN", "1.#QNAN", "1.#IND", "#DIV/0!",
     "#REF!", "#VALUE!", "#NUM!", "#NAME?", "#NULL!", "\\N"}
)  # fmt: skip


def is_missing(text: str) -> bool:
    """Whether a field's text means that the value is missing.

    >>> [is_missing(text) for text in ("?", " NA ", "none of these")]
    [True, True, False]
    """
    return text.strip() in TOKENS
