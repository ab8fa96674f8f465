"""``steepest list``: what there is, with formula, parameters, defaults, ranges and source."""

from __future__ import annotations

import argparse

from steepest.catalogue.pages import KINDS, Entry, entries, spread, usual
from steepest.cli.terminal import Terminal
from steepest.errors import InputError, did_you_mean

NAME = "list"
HELP = (
    "what there is: rules, losses, penalties, methods, searches, rates, activations, initialisers, problems"
)
EXAMPLES = """examples:
  steepest list
  steepest list rules
  steepest list rules adam
  steepest list lbfgs --python"""

#: a kind by its name, and by the word for one of it
SPELLINGS = {
    **{kind: kind for kind in KINDS},
    **{kind[:-1]: kind for kind in KINDS},
    "loss": "losses",
    "penalty": "penalties",
    "search": "searches",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"one of {', '.join(KINDS)}, or a name")
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of them")


def run(args: argparse.Namespace) -> int:
    """Print the kinds, the entries of one, or one entry."""
    terminal = Terminal(args.quiet)
    kind, name = args.kind, args.name
    if kind is not None and name is None and not _is_kind(kind):
        kind, name = _kind_of(kind), kind
    if name is not None:
        entry = find(_kind(kind), name)
        print("\n".join(entry.python)) if args.python else _page(entry, terminal)
    elif args.python:
        print("\n".join(_lines(kind and _kind(kind))))
    elif kind is not None:
        _names(_kind(kind), terminal)
    else:
        _everything(terminal)
    return 0


def find(kind: str, name: str) -> Entry:
    """The entry of that name, or an error with near names."""
    there = entries(kind)
    wanted = name.lower().replace("-", "_")
    if wanted not in there:
        one = next(iter(there.values())).kind_of_one
        near = did_you_mean(wanted, there) or f"; there are {', '.join(there)}"
        raise InputError(f"no {one} is called {name!r}{near}")
    return there[wanted]


def _is_kind(kind: str) -> bool:
    return kind.lower() in SPELLINGS


def _kind(kind: str) -> str:
    """The kind, also where one of them was named (`rule`), or an error with near names."""
    if _is_kind(kind):
        return SPELLINGS[kind.lower()]
    near = did_you_mean(kind, KINDS) or f"; there are {', '.join(KINDS)}"
    raise InputError(f"no kind is called {kind!r}{near}")


def _kind_of(name: str) -> str:
    """The kind that has an entry of this name, where a name alone was given."""
    wanted = name.lower().replace("-", "_")
    for kind in KINDS:
        if wanted in entries(kind):
            return kind
    every = [*KINDS, *(n for kind in KINDS for n in entries(kind))]
    raise InputError(
        f"nothing is called {name!r}{did_you_mean(wanted, every) or '; steepest list shows what there is'}"
    )


def _lines(kind: str | None) -> list[str]:
    """The Python lines for a list of names."""
    lines = ["import steepest"]
    for one in KINDS if kind is None else [kind]:
        network = one in ("activations", "initialisers")
        lines.append(f"print(steepest.{f'network.{one.upper()}' if network else f'{one}.__all__'})")
    return lines


def _everything(terminal: Terminal) -> None:
    for kind, what in KINDS.items():
        there = entries(kind)
        terminal.paragraph(f"{terminal.style(kind, 'bold')}: {what}", 0, 2)
        terminal.paragraph(", ".join(there), 2)
    terminal.say()
    terminal.paragraph("steepest list rules shows one kind, steepest list adam one of them.", 0, 0, "faint")


def _names(kind: str, terminal: Terminal) -> None:
    there = entries(kind)
    terminal.paragraph(f"{kind}: {KINDS[kind]}", 0, 0, "bold")
    terminal.table([(name, entry.summary) for name, entry in there.items()])


def _page(entry: Entry, terminal: Terminal) -> None:
    """All that is known of one entry."""
    terminal.say(f"{terminal.style(entry.name, 'bold')} ({entry.kind_of_one})")
    for words in entry.paragraphs:
        terminal.say()
        terminal.paragraph(words)
    if entry.formulas:
        terminal.say()
        terminal.say("formula", "bold")
        for name, text in entry.formulas:
            terminal.paragraph(f"{name} = {text}" if name else text, 2, 4)
    if entry.parameters:
        terminal.say()
        terminal.say("settings", "bold")
        rows = [(p.name, usual(p), spread(p), p.doc) for p in entry.parameters]
        terminal.table(
            [tuple("  " * (k == 0) + c for k, c in enumerate(r)) for r in rows],
            ("  name", "default", "range", ""),
        )
    if entry.facts:
        terminal.say()
        for word, what in entry.facts.items():
            terminal.paragraph(f"{terminal.style(word, 'bold')}: {what}", 0, 2)
    terminal.say()
    if entry.source:
        terminal.paragraph(f"{terminal.style('source', 'bold')}: {entry.source}", 0, 2)
    terminal.say("in Python", "bold")
    for line in entry.python:
        terminal.say("  " + line)
