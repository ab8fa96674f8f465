"""JSON: an object a line, an array of objects, or an object of columns, as data frames write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from steepest.errors import TableError
from steepest.tables import memory
from steepest.tables.table import Table, unique_names

__all__ = ["looks_like_json", "read_json"]


def looks_like_json(head: bytes) -> bool:
    """Whether a text begins as JSON does: an object in its first line, or an array or object over several.

    >>> [looks_like_json(head) for head in (b'{"a": 1}', b'[{"a": 1}]', b'{a},b', b'[x],y', b'{\\n  "a": [1')]
    [True, True, False, False, True]
    """
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    first, _, _ = text.partition("\n")
    first = first.strip()
    if first in ("{", "["):
        return True
    if not first.startswith(("{", "[")):
        return False
    inner = first[1:].lstrip()
    return inner[:1] in ('"', "{", "[", "]", "}") or (first[0] == "[" and inner[:1].isdigit())


def read_json(data: bytes, name: str) -> Table:
    """A table from JSON.

    Raises
    ------
    TableError
        It is none, is nested too deep, or holds no table.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{name} looks like JSON but is not UTF-8: byte {error.start} does not fit"
        ) from None
    try:
        found = from_lines(text, name) if is_lines(text) else parsed(text, name, name)
    except RecursionError:
        raise TableError(f"{name} looks like JSON but is nested too deep to be a table") from None
    table = from_json(found, name)
    table.notes.append("it was read as JSON")
    return table


def is_lines(text: str) -> bool:
    """Whether the first line is a whole object and not all of the text."""
    first, _, rest = text.strip().partition("\n")
    return first.startswith("{") and first.rstrip().endswith("}") and bool(rest.strip())


def from_lines(text: str, name: str) -> list[Any]:
    """One object a line; empty lines are none."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = parsed(line, f"line {number} of {name}", name)
        if not isinstance(row, dict):
            raise TableError(
                f"line {number} of {name} holds a {type(row).__name__} where the lines before hold objects"
            )
        rows.append(row)
    return rows


def parsed(text: str, where: str, name: str) -> Any:
    """One JSON text; a name that occurs twice in an object is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            unique_names([key for key, _ in pairs], f"an object in {name}")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except TableError:
        raise
    except ValueError as error:
        said = str(error) if isinstance(error, json.JSONDecodeError) else "a number of too many digits"
        raise TableError(f"{where} is no JSON, though it begins as such: {said}") from None


def from_json(found: Any, name: str) -> Table:
    """The table in a JSON value: rows, columns, or what pandas writes with orient="split" or "table"."""
    if isinstance(found, list):
        return memory.from_rows(found)
    if not isinstance(found, dict) or not found:
        raise TableError(f"{name} is JSON but holds no table: an array of objects, or an object of columns")
    data, names = found.get("data"), found.get("columns")
    if isinstance(data, list) and (isinstance(found.get("schema"), dict) or isinstance(names, list)):
        table = memory.from_rows(data)
        if not isinstance(names, list):
            return table
        if len(names) != len(table.names):
            raise TableError(
                f"{name} names {len(names)} columns where its rows have {len(table.names)} values"
            )
        tidy = unique_names([str(column) for column in names], name)
        return Table(table.name, dict(zip(tidy, table.columns.values(), strict=True)), table.rows)
    values = list(found.values())
    if all(isinstance(column, list) for column in values):
        return memory.from_dict(found)
    if all(isinstance(column, Mapping) for column in values):
        rows = list(dict.fromkeys(key for column in values for key in column))
        return memory.from_dict({key: [column.get(row) for row in rows] for key, column in found.items()})
    if not any(isinstance(column, (list, Mapping)) for column in values):
        return memory.from_rows([found])
    raise TableError(f"{name} is JSON but holds no table: an array of objects, or an object of columns")
