"""What can go wrong, as exceptions and warnings::

    SteepestError
    ├── InputError (also a ValueError)   what was passed cannot be used
    │   └── TableError                   a table, its columns or its target
    ├── ModelFileError                   a saved model that cannot be read or written
    └── InternalError (also a RuntimeError)    a bug of steepest's own, to be reported
    NotConverged                         a result that stopped before its tolerance (a warning, and
                                         scikit-learn's ConvergenceWarning)

Every message says what was wrong, what was got, and what would do.

    >>> from steepest.errors import InputError
    >>> issubclass(InputError, ValueError)
    True
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

__all__ = [
    "InputError",
    "InternalError",
    "ModelFileError",
    "NotConverged",
    "SteepestError",
    "TableError",
    "did_you_mean",
]


class SteepestError(Exception):
    """Any error that steepest raises on its own account."""


class InputError(SteepestError, ValueError):
    """An argument or a piece of data that cannot be used; the message names it and says what would do."""


class TableError(InputError):
    """A table, a column or a target that cannot be used. Rows are counted from 0, the header not included."""


class ModelFileError(SteepestError):
    """A model file that is cut off, altered, from a later version, or cannot be written."""


class InternalError(SteepestError, RuntimeError):
    """A bug of steepest's own: something happened that its code takes for impossible.

    The message says what to report."""

    @classmethod
    def of(cls, what: str) -> InternalError:
        """The error for what the core said, with the versions that a report needs.

        Parameters
        ----------
        what : str
            The core's own words.

        Returns
        -------
        InternalError
            To be raised.
        """
        import platform
        from importlib.metadata import PackageNotFoundError, version

        try:
            own = version("steepest")
        except PackageNotFoundError:
            own = "of unknown version"
        return cls(
            f"a bug in steepest ({what}): please report it with this message, the call, and data that bring it about "
            f"if you can. steepest {own}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        )


if TYPE_CHECKING:
    from sklearn.exceptions import ConvergenceWarning

    class NotConverged(ConvergenceWarning):  # type: ignore[misc]
        """The descent stopped before it reached its tolerance; the result says why."""


def __getattr__(name: str) -> type[Warning]:
    """`NotConverged` is made when first asked for: scikit-learn takes a second to load, and functions need none."""
    if name != "NotConverged":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sklearn.exceptions import ConvergenceWarning

    doc = "The descent stopped before it reached its tolerance; the result says why."
    made = type(name, (ConvergenceWarning,), {"__doc__": doc, "__module__": __name__})
    globals()[name] = made
    return made


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The tail of an error message that suggests near names, or an empty string.

    Parameters
    ----------
    name : str
        What was asked for.
    names : iterable of str
        What there is.

    Returns
    -------
    str
        Empty where none is near.

    Examples
    --------
    >>> did_you_mean("incme", ["age", "income"])
    "; did you mean 'income'?"
    """
    known = {candidate.lower(): candidate for candidate in map(str, names)}
    near = difflib.get_close_matches(str(name).lower(), list(known), n=6, cutoff=0.6)
    if not near:
        return ""
    # The same letters in another order are nearest of all; of others the few that are alike.
    swapped = [key for key in near if sorted(key) == sorted(str(name).lower())]
    near = swapped or near[:3]
    return "; did you mean " + " or ".join(repr(known[key]) for key in near) + "?"
