"""What the benchmarks share: how they are called, and where their figures are kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def parser(doc: str | None, *also: str, **numbers: int) -> argparse.ArgumentParser:
    """Takes --json, also --quick and --only, and numbers by their names, with what they are unless given."""
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--json", type=Path, help="where to keep the figures")
    if "quick" in also:
        found.add_argument("--quick", action="store_true", help="small, and once")
    if "only" in also:
        found.add_argument("--only", help="cases whose name holds this")
    for name, number in numbers.items():
        found.add_argument(f"--{name}", type=int, default=number)
    return found


def keep(given: argparse.Namespace, found: Any) -> None:
    """Writes the figures, where that was asked for."""
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def each(
    given: argparse.Namespace, cases: Iterable[Any], measured: Callable[[Any], tuple[dict[str, Any], str]]
) -> None:
    """Measures the cases asked for, prints what there is to say of each as it comes, and keeps the figures."""
    results = []
    for case in cases:
        if given.only is None or given.only in case.name:
            found, words = measured(case)
            results.append(found)
            print(words, flush=True)
    keep(given, results)
