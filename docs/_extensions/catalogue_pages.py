"""A page for each entry of each kind: rules, losses and so on, written from the registries."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from catalogue_pictures import picture

from steepest.catalogue.pages import KINDS, Entry, entries, spread, usual
from steepest.cli import main

VERBS = ("fit", "predict", "descend", "portfolio", "list")
NOTES = {
    "rules": (
        "A rule turns a gradient into a step. `method=` of `minimize` takes its name, and every "
        "rule is an optimizer for torch and for Keras. *g* is the gradient, *x* the parameter, *Δx* its "
        "change (of a rule that turns the step of another, *g* is the step so far); what a rule "
        "remembers of each coordinate stands among its facts."
    ),
    "losses": (
        "A loss says what a wrong prediction costs. Its *margin* is what the model computes (for `logistic` "
        "the log-odds)."
    ),
    "penalties": "A penalty is added to the loss, `alpha` times; infinite outside a set, it is a constraint.",
    "methods": (
        "A method takes the steps. Left out, the one that promises the fewest reads is taken; the "
        "result says why."
    ),
    "searches": (
        "A line search says how far to go along a direction, from values and slopes. The option `search` of the "
        "methods that go along lines names one; `line_search` is one by itself."
    ),
    "rates": "A rate falls (or not) over the steps of a run: its *factor* multiplies the rate given.",
    "activations": (
        "An activation bends the sums of a dense layer. `activation=` of `MLPClassifier` and `MLPRegressor` takes "
        "its name."
    ),
    "initialisers": (
        "An initialiser draws the weights that a dense layer begins with, with mean 0; what suits the activation "
        "unless `initialiser=` of `MLPClassifier` and `MLPRegressor` says otherwise."
    ),
    "problems": "Standard functions with known minima, to try methods on.",
}


def write(app: Any) -> None:
    """Write the pages of every kind; a page that is already so is left alone, for quick builds."""
    root = Path(app.srcdir) / "catalogue"
    for kind, what in KINDS.items():
        there = entries(kind)
        put(root / f"{kind}.md", kind_page(kind, what, there))
        for entry in there.values():
            put(root / kind / f"{entry.name}.md", entry_page(entry, root))
    for verb in VERBS:
        put(root / "help" / f"{verb}.txt", help_of(verb))


def put(path: Path, text: str) -> None:
    """Write a file that differs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def kind_page(kind: str, what: str, there: dict[str, Entry]) -> str:
    """The names of one kind, each with a sentence."""
    lines = [f"# {kind.capitalize()}", "", f"{what[0].upper()}{what[1:]}.", "", NOTES[kind], ""]
    lines += ["| name | what it is |", "|---|---|"]
    lines += [f"| [`{e.name}`]({kind}/{e.name}.md) | {cell(e.summary)} |" for e in there.values()]
    lines += ["", "```{toctree}", ":hidden:", "", *(f"{kind}/{name}" for name in there), "```", ""]
    return "\n".join(lines)


def entry_page(entry: Entry, root: Path) -> str:
    """All that is known of one entry."""
    lines = [f"# {entry.name}", ""]
    for words in entry.paragraphs:
        lines += [escaped(words), ""]
    drawn = picture(entry, root / "pictures")
    if drawn:
        file, words = drawn
        lines += [
            f"```{{image}} ../pictures/{file}",
            f":alt: {words}",
            ":class: drawn",
            "```",
            "",
            f"*{words}*",
            "",
        ]
    if entry.formulas:
        lines += [
            "## Formula",
            "",
            "```text",
            *(f"{name} = {text}" for name, text in entry.formulas),
            "```",
            "",
        ]
    if entry.parameters:
        lines += ["## Settings", "", "| name | what it does | default | range |", "|---|---|---|---|"]
        lines += [
            f"| `{p.name}` | {cell(p.doc)} | {cell(usual(p))} | {cell(spread(p))} |" for p in entry.parameters
        ]
        lines.append("")
    if entry.facts:
        lines += ["## Facts", "", *(f"- {word}: {escaped(what)}" for word, what in entry.facts.items()), ""]
    lines += ["## In Python", "", "```python", *entry.python, "```", ""]
    lines += ["On the command line: " + command(entry) + ".", ""]
    if entry.source:
        lines += ["## Source", "", linked(entry.source), ""]
    return "\n".join(lines)


def command(entry: Entry) -> str:
    """The command that shows it."""
    if entry.kind == "problems":
        return f"`steepest descend {entry.name}`"
    return f"`steepest list {entry.kind} {entry.name}`"


def help_of(verb: str) -> str:
    """What ``steepest VERB --help`` prints at 80 columns."""
    import os

    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with redirect_stdout(out):
            main([verb, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return out.getvalue()


def escaped(text: str) -> str:
    """Words with what Markdown would take for its own marked as text, code in backticks left alone."""
    parts = text.split("`")
    return "`".join(p if k % 2 else p.replace("*", r"\*").replace("_", r"\_") for k, p in enumerate(parts))


def cell(text: str) -> str:
    """Words that fit into a cell of a table."""
    return escaped(text).replace("|", r"\|")


def linked(text: str) -> str:
    """Words whose links can be clicked; the full stop of a sentence is no part of one."""
    import re

    return re.sub(r"(https?://[^\s;,]+[^\s;,.])", r"<\1>", text)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's door."""
    app.connect("builder-inited", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
