"""What can go wrong, as exceptions and warnings.

    SteepestError
    ├── InputError (also a ValueError)   what was passed cannot be used
    │   └── TableError                   a table, its columns or its target
    └── ModelFileError                   a saved model that cannot be read or written
    NotConverged (a UserWarning)         a result that stopped before its tolerance

Every message says what was wrong, what was got, and what would do.

    >>> from steepest.errors import InputError
    >>> issubclass(InputError, ValueError)
    True
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "ModelFileError", "NotConverged", "SteepestError", "TableError", "did_you_mean"]


class SteepestError(Exception):
    """Any error that steepest raises on its own account."""


class InputError(SteepestError, ValueError):
    """An argument or a piece of data that cannot be used; the message names it and says what would do."""


class TableError(InputError):
    """A table, a column or a target that cannot be used. Rows are counted from 0, the header not included."""


class ModelFileError(SteepestError):
    """A model file that is cut off, altered, from a later version, or cannot be written."""


class NotConverged(UserWarning):
    """The descent stopped before it reached its tolerance; the result says why."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The tail of an error message that suggests near names, or an empty string.

    >>> did_you_mean("incme", ["age", "income"])
    "; did you mean 'income'?"
    """
    known = {candidate.lower(): candidate for candidate in map(str, names)}
    near = difflib.get_close_matches(str(name).lower(), list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(known[key]) for key in near) + "?"
