"""``steepest predict``: a saved model applied to new rows."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import Any, TextIO

from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal
from steepest.errors import InputError

NAME = "predict"
HELP = "apply a saved model to new rows"
EXAMPLES = """Columns may stand in any order; the target need not be there; values never seen and missing
ones are taken as the model learned to. One row of output for each row of the table, in its order.

examples:
  steepest predict model.safetensors new.csv -o predictions.csv
  steepest predict model.safetensors new.parquet -o predictions.parquet --keep id
  steepest predict model.safetensors new.csv -o - | head"""

SUFFIXES = (".csv", ".tsv", ".parquet", ".arrow", ".feather")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a file that fit --save wrote")
    add("table", metavar="TABLE", help="the new rows: any file that fit takes")
    add(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="csv, tsv, parquet or arrow by its ending; - for standard output",
    )
    add(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="copy a column of the table too; again for more",
    )


def run(args: argparse.Namespace) -> int:
    """Predict and write."""
    if args.python:
        print("\n".join(lines(args)))
        return 0
    import steepest

    check_output(args.output)
    model = steepest.load(args.model)
    applied = model.encode(args.table)
    columns: dict[str, Any] = {}
    for name in args.keep:
        kept = applied.table.find(name, "column to keep")
        columns[kept] = applied.table.column(kept)
    columns |= predictions(model, applied.table)
    write(columns, args.output)
    notes = Terminal(args.quiet, sys.stderr)
    for remark in remarks(applied):
        notes.paragraph(remark, 0, 2)
    if args.output != "-":
        rows = len(next(iter(columns.values())))
        notes.say(f"{rows} {'row' if rows == 1 else 'rows'} predicted: {args.output}")
    return 0


def predictions(model: Any, table: Any) -> dict[str, Any]:
    """The columns of the answer: the prediction, under the target's name, and each class's probability."""
    target = f"predicted_{model.schema.target}"
    if model.classes is None:
        return {target: model.predict(table)}
    p = model.predict_proba(table)
    classes = {f"probability_{name}": p[:, k] for k, name in enumerate(model.classes.tolist())}
    return {target: model.classes_of(p), **classes}


def remarks(applied: Any) -> list[str]:
    """What was out of the ordinary in the new rows."""
    said = []
    for column, levels in applied.unseen.items():
        names = ", ".join(map(repr, list(levels)[:5])) + (" …" if len(levels) > 5 else "")
        said.append(
            f"{column}: {sum(levels.values())} values never seen while fitting ({names}); taken as unknown"
        )
    for column, count in applied.filled.items():
        said.append(f"{column}: {count} missing values filled as the model learned to")
    if applied.ignored:
        more = f" and {len(applied.ignored) - 8} more" if len(applied.ignored) > 8 else ""
        said.append(f"not used: {', '.join(applied.ignored[:8])}{more}")
    return said


def check_output(output: str) -> None:
    """Refuse, before anything is read, a file that could not be written."""
    if output == "-":
        return
    check_place(output, "-o")
    if Path(output).suffix.lower() not in SUFFIXES:
        raise InputError(
            f"-o {output!r} must end in one of {', '.join(SUFFIXES)}, or be - for standard output"
        )


def write(columns: dict[str, Any], output: str) -> None:
    """The columns as a file, whole or not at all; every digit kept."""
    import pyarrow as pa

    table = pa.table(columns)
    suffix = Path(output).suffix.lower()
    if output == "-":
        write_text(table, sys.stdout, ",")
        return
    out = io.BytesIO()
    if suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(table, out)
    elif suffix in (".arrow", ".feather"):
        from pyarrow import feather

        feather.write_feather(table, out)
    else:
        text = io.TextIOWrapper(out, encoding="utf-8", newline="")
        write_text(table, text, "\t" if suffix == ".tsv" else ",")
        text.flush()
    from steepest.saving import replace

    replace(Path(output), out.getvalue())


def write_text(table: Any, out: TextIO, delimiter: str) -> None:
    """The rows as text; numbers with all the digits that bring them back to the bit."""
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=10_000):
        writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def lines(args: argparse.Namespace) -> list[str]:
    """The Python lines that do the same."""
    made = ["import steepest", f"model = steepest.load({args.model!r})", f"table = {args.table!r}"]
    made.append("predicted = model.predict(table)")
    made.append("probabilities = model.predict_proba(table) if model.classes is not None else None")
    return [*made, "print(predicted)"]
