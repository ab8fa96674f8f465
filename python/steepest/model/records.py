"""A small table of named fields: a list of dicts that prints as a table and goes into a CSV file."""

from __future__ import annotations

import csv
import html
import os
from pathlib import Path
from typing import Any

__all__ = ["Records"]

#: rows printed by `repr`
SHOWN = 30


class Records(list[dict[str, Any]]):
    """Rows as dicts with the same keys; ``pandas.DataFrame(records)`` makes a frame of them.

    Examples
    --------
    >>> from steepest.model.records import Records
    >>> records = Records([{"name": "age", "value": 0.25}, {"name": "town = Ulm", "value": None}])
    >>> records
    name        value
    age          0.25
    town = Ulm
    >>> records["value"]
    [0.25, None]
    """

    def __getitem__(self, key: Any) -> Any:
        """A row by its number, some rows by a slice, or a field of every row by its name."""
        if isinstance(key, str):
            return [row[key] for row in self]
        found = super().__getitem__(key)
        return Records(found) if isinstance(key, slice) else found

    @property
    def fields(self) -> list[str]:
        """The names of the fields."""
        return list(self[0]) if self else []

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the table as CSV, every digit kept, and return its text; only the text where no path is given."""
        import io

        out = io.StringIO()
        writer = csv.DictWriter(out, self.fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        if path is not None:
            from steepest.report.writing import write_whole

            write_whole(Path(path), out.getvalue())
        return out.getvalue()

    def __repr__(self) -> str:
        if not self:
            return "(no rows)"
        shown = [[cell(row[name]) for name in self.fields] for row in self[:SHOWN]]
        lines = [self.fields, *shown]
        wide = [max(len(line[k]) for line in lines) for k in range(len(self.fields))]
        right = [all(isinstance(row[name], (int, float, type(None))) for row in self) for name in self.fields]
        texts = [
            "  ".join(
                text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, wide, right, strict=True)
            ).rstrip()
            for line in lines
        ]
        more = [f"… and {len(self) - SHOWN} more rows"] if len(self) > SHOWN else []
        return "\n".join([*texts, *more])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.fields)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell(value))}</td>" for value in row.values()) + "</tr>"
            for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(value: Any) -> str:
    """A value as it is printed: five digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
