"""``steepest predict``: a saved model applied to new rows."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from steepest.cli.places import check_place
from steepest.cli.terminal import Terminal
from steepest.errors import InputError

NAME = "predict"
HELP = "apply a saved model to new rows"
EXAMPLES = """Columns may stand in any order; the target need not be there; values never seen and missing
ones are taken as the model learned to. One row of output for each row of the table, in its order. A
recommender rates the pairs of the columns that it was fitted to.

examples:
  steepest predict model.safetensors new.csv -o predictions.csv
  steepest predict model.safetensors new.parquet -o predictions.parquet --keep id
  steepest predict model.safetensors new.csv -o - | head"""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
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
        "--threshold",
        type=float,
        metavar="P",
        help="of two classes predict the positive one above this probability",
    )
    add("--cost", type=float, metavar="C", help="in its place: a missed positive costs C false alarms")
    add(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="copy a column of the table too; again for more",
    )
    add("--delimiter", metavar="C", help="what stands between fields of the table; found out")
    add("--encoding", metavar="NAME", help="encoding of the table; found out")
    add("--decimal", metavar="C", help="decimal mark of numbers, . or , (as when the model was fitted)")
    add("--thousands", metavar="C", help="what groups digits by three: , . ' or a blank")
    add("--raw", action="store_true", help="write texts that a spreadsheet would run as formulas as they are")


def run(args: argparse.Namespace) -> int:
    """Predict and write."""
    from steepest.saving import kind_of

    if kind_of(args.model) == "recommender":
        from steepest.cli import factors

        return factors.predict(args)
    if args.python:
        print("\n".join(lines(args)))
        return 0
    import steepest

    check_output(args.output, (args.model, args.table))
    model = steepest.load(args.model)
    applied = model.encode(opened(model, args))
    kept: dict[str, Any] = {}
    for name in args.keep:
        column = applied.table.find(name, "column to keep")
        kept[column] = applied.table.column(column)
    found = predictions(model, applied, args.threshold, args.cost)
    return answered(args, kept, found, remarks(applied))


def answered(
    args: argparse.Namespace, kept: dict[str, Any], found: dict[str, Any], said: Sequence[str]
) -> int:
    """Write the answer beside the columns kept, and what there is to say of it."""
    if both := sorted(set(kept) & set(found)):
        raise InputError(
            f"--keep {both[0]!r} is what a column of the answer is called; rename it in the table"
        )
    columns = kept | found
    guarded = write(columns, args.output, args.raw)
    notes = Terminal(args.quiet, sys.stderr)
    if guarded:
        notes.paragraph(
            f"{guarded} texts begin as formulas do (= + - @) and were written with ' before them, so that no "
            "spreadsheet runs them; --raw keeps them as they are",
            0,
            2,
        )
    for remark in said:
        notes.paragraph(remark, 0, 2)
    if args.output != "-":
        rows = len(next(iter(columns.values())))
        notes.say(f"{rows} {'row' if rows == 1 else 'rows'} predicted: {args.output}")
    return 0


def opened(model: Any, args: argparse.Namespace) -> Any:
    """The new rows, read as the model's table was, unless told otherwise."""
    from steepest.tables import read

    options = {name: getattr(args, name) for name in ("delimiter", "encoding", "decimal", "thousands")}
    if options["delimiter"] == r"\t":
        options["delimiter"] = "\t"
    if options["thousands"] in (",", ".") and options["decimal"] is None:
        options["decimal"] = "." if options["thousands"] == "," else ","
    said = {name: value for name, value in options.items() if value is not None}
    return read(args.table, **{**model.schema.read_options(args.table), **said}) if said else args.table


def predictions(
    model: Any, applied: Any, threshold: float | None = None, cost: float | None = None
) -> dict[str, Any]:
    """The columns of the answer: the prediction, under the target's name, and each class's probability."""
    target = f"predicted_{model.schema.target}"
    cut = model.cut(threshold, cost)
    p = model.means(applied)
    if model.classes is None:
        return {target: p[:, 0]}
    classes = {f"probability_{name}": p[:, k] for k, name in enumerate(model.classes.tolist())}
    return {target: model.classes_of(p, cut), **classes}


def remarks(applied: Any) -> list[str]:
    """What was out of the ordinary in the new rows."""
    from steepest.tables.remarks import about_applied, plural

    said = []
    for column, levels in applied.unseen.items():
        names = ", ".join(map(repr, list(levels)[:5])) + (" …" if len(levels) > 5 else "")
        many = plural(sum(levels.values()), "value")
        said.append(f"{column}: {many} never seen while fitting ({names}); taken as unknown")
    for column, count in applied.filled.items():
        said.append(f"{column}: {plural(count, 'missing value')} filled as the model learned to")
    said += [finding.sentence for finding in about_applied(applied) if finding.severity == "warning"]
    if applied.ignored:
        more = f" and {len(applied.ignored) - 8} more" if len(applied.ignored) > 8 else ""
        said.append(f"not used: {', '.join(applied.ignored[:8])}{more}")
    return said


def check_output(output: str, inputs: Sequence[str]) -> None:
    """Refuse, before anything is read, a file that could not be written."""
    if output == "-":
        return
    check_place(output, "-o", inputs)
    if Path(output).suffix.lower() not in SUFFIXES and not is_special(output):
        raise InputError(
            f"-o {output!r} must end in one of {', '.join(SUFFIXES)}, or be - for standard output"
        )


def is_special(output: str) -> bool:
    """Whether the output is a pipe or a device, which is written to as it is."""
    return Path(output).exists() and not Path(output).is_file()


def write(columns: dict[str, Any], output: str, raw: bool) -> int:
    """The columns as a file, whole or not at all, every digit kept; how many texts were kept from being formulas."""
    import pyarrow as pa

    table = pa.table(columns)
    suffix = Path(output).suffix.lower()
    if output == "-":
        return write_text(table, sys.stdout, ",", raw)
    out, guarded = io.BytesIO(), 0
    if suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(table, out)
    elif suffix in (".arrow", ".feather"):
        from pyarrow import feather

        feather.write_feather(table, out)
    else:
        text = io.TextIOWrapper(out, encoding="utf-8", newline="")
        guarded = write_text(table, text, "\t" if suffix == ".tsv" else ",", raw)
        text.flush()
    from steepest.saving import replace

    try:
        replace(output, out.getvalue())
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), output) from error
    return guarded


def write_text(table: Any, out: TextIO, delimiter: str, raw: bool) -> int:
    """The rows as text; numbers with all the digits that bring them back to the bit."""
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    guard = Guard()
    writer.writerow(table.column_names if raw else [guard(name) for name in table.column_names])
    for batch in table.to_batches(max_chunksize=10_000):
        cells = [column.to_pylist() for column in batch.columns]
        if not raw:
            cells = [[guard(c) if isinstance(c, str) else c for c in column] for column in cells]
        writer.writerows(zip(*cells, strict=True))
    return guard.count


class Guard:
    """Puts ' before texts that a spreadsheet would run as a formula, and counts them.

    A text that begins with =, +, -, @, a tab or a carriage return is one, unless it is a number.
    OWASP, CSV Injection, <https://owasp.org/www-community/attacks/CSV_Injection>.

    >>> guard = Guard()
    >>> [guard(text) for text in ("=1+1", "-5", "- none", "a=b", "+49 1", "-")], guard.count
    (["'=1+1", '-5', "'- none", 'a=b', "'+49 1", '-'], 3)
    """

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        """The text, with ' before it where it needs one."""
        if text[:1] not in FORMULA or len(text) < 2 or not text[:1]:
            return text
        try:
            float(text)
        except ValueError:
            self.count += 1
            return "'" + text
        return text


def lines(args: argparse.Namespace) -> list[str]:
    """The Python lines that do the same."""
    options = {name: getattr(args, name) for name in ("delimiter", "encoding", "decimal", "thousands")}
    said = "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)
    table = f"{args.table!r}" if not said else f"steepest.tables.read({args.table!r}{said})"
    made = ["import steepest", f"model = steepest.load({args.model!r})", f"table = {table}"]
    if said:
        made.insert(1, "import steepest.tables")
    given = {name: getattr(args, name) for name in ("threshold", "cost") if getattr(args, name) is not None}
    settings = "".join(f", {name}={value!r}" for name, value in given.items())
    made.append(f"predicted = model.predict(table{settings})")
    made.append("probabilities = model.predict_proba(table) if model.classes is not None else None")
    return [*made, "print(predicted)"]
