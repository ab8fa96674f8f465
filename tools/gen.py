"""Writes the typed classes of the registries: rules, losses, penalties, methods, searches and rates.

python tools/gen.py            writes python/steepest/{rules,losses,penalties,methods,searches,rates}.py
python tools/gen.py --check    fails where one of them is not what it would write
"""

import argparse
import keyword
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from steepest import _catalog

PACKAGE = Path(__file__).parents[1] / "python" / "steepest"
SINGULAR = {
    "rules": "rule",
    "losses": "loss",
    "penalties": "penalty",
    "methods": "method",
    "searches": "search",
    "rates": "schedule",
}
WORDS = {
    "rules": "Rules: how a gradient changes a parameter.",
    "losses": "Losses: what a prediction that misses its target costs.",
    "penalties": "Penalties: what is added to an objective, or forbidden.",
    "methods": "Methods: how to take one step.",
    "searches": "Line searches: how far to go along a direction.",
    "rates": "Schedules: how a rate changes over a run.",
}
EXAMPLES = {
    "rules": (
        "rules.Adam(mean_decay=0.8)",
        "Adam(mean_decay=0.8, square_decay=0.999, epsilon=1e-08, weight_decay=0.0)",
    ),
    "losses": ("losses.Huber(width=2.0)", "Huber(width=2.0)"),
    "penalties": ("penalties.L2().name", "'l2'"),
    "methods": ("methods.Ruled(batch_size=1).name", "'ruled'"),
    "searches": ("searches.Armijo(decrease=0.1)", "Armijo(decrease=0.1)"),
    "rates": ("rates.Cosine(end=0.1)", "Cosine(end=0.1)"),
}


def class_name(name: str, registry: str) -> str:
    """`momo_adam` is `MomoAdam`; a word of Python's gets the registry's: `none` is `NonePenalty`."""
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return camel + SINGULAR[registry].capitalize() if keyword.iskeyword(camel) else camel


def wrapped(text: str, indent: str) -> list[str]:
    """Paragraphs in lines of at most 108 characters, what is fenced set in as it is; links into Rust become words."""
    out: list[str] = []
    text = re.sub(r"\[`?([^\]`]*)`?\]\(crate::[^)]*\)", r"`\1`", text)
    for paragraph in text.split("\n\n"):
        lines = textwrap.dedent(paragraph.strip("\n")).splitlines()
        if lines and lines[0].startswith("```"):
            lines = ["    " + line for line in lines[1:-1]]
        else:
            words = " ".join(paragraph.split())
            lines = textwrap.wrap(words, 108 - len(indent), break_long_words=False, break_on_hyphens=False)
        out += ["", *(indent + line for line in lines)] if out else [indent + line for line in lines]
    return out


def formulas(entry: _catalog.Entry) -> list[str]:
    """The recorded formulas that are short enough to be read, as a block."""
    lines = []
    for stage, program in entry.programs.items():
        names = {
            "scalars": entry.about.get("scalars", ()),
            "terms": entry.about.get("sums", ()),
            "look": list(entry.about.get("state", ())),
            "settle": [*entry.about.get("scalars", ()), *entry.about.get("state", ())],
            "element": [_catalog.made(entry), *entry.about.get("memory", ())],
        }.get(stage, [stage])
        lines += [f"{n} ← {t}" for n, t in zip(names, program.text, strict=False) if n != t and len(t) < 160]
    return lines


def render_class(entry: _catalog.Entry) -> list[str]:
    """The lines of one class."""
    lines = ["", "", "@dataclass(frozen=True)", f"class {class_name(entry.name, entry.registry)}(Settings):"]
    doc = wrapped('"""' + entry.doc, "    ")
    if entry.parameters:
        doc += ["", "    Parameters", "    ----------"]
        for p in entry.parameters:
            doc.append(f"    {p.name} : {p.type.__name__}, default {p.usual!r}")
            allowed = (
                "" if p.kind == "switch" else f" One of: {p.range}." if p.choices else f" Allowed: {p.range}."
            )
            doc += wrapped(f"{p.doc.strip()}{allowed}", "        ")
    if shown := formulas(entry):
        doc += ["", "    Notes", "    -----", "    As recorded from the core::", ""]
        doc += [piece for line in shown for piece in wrapped(line, "        ")]
    lines += [*doc, '    """', ""]
    lines.append(f'    registry: ClassVar[str] = "{entry.registry}"')
    lines.append(f'    name: ClassVar[str] = "{entry.name}"')
    for p in entry.parameters:
        default = f'float("{p.default}")' if abs(p.default) == float("inf") else repr(p.usual)
        of = f"Literal[{', '.join(map(repr, p.choices))}]" if p.choices else p.type.__name__
        lines.append(f"    {p.name}: {of} = {default}")
    return lines


def render(registry: str) -> str:
    """The whole file of a registry."""
    entries = _catalog.registry(registry).values()
    names = sorted((class_name(e.name, registry) for e in entries), key=lambda n: (not n.isupper(), n))
    call, answer = EXAMPLES[registry]
    literal = ", Literal" if any(p.choices for e in entries for p in e.parameters) else ""
    head = [
        f'"""{WORDS[registry]}',
        "",
        "Written by tools/gen.py from the core's registry; not by hand.",
        "",
        f">>> from steepest import {registry}",
        f">>> {call}",
        answer,
        '"""',
        "",
        "from dataclasses import dataclass",
        f"from typing import ClassVar{literal}",
        "",
        "from steepest._catalog import Settings",
        "",
        "__all__ = [" + ", ".join(f'"{n}"' for n in names) + "]",
    ]
    body = [line for e in entries for line in render_class(e)]
    text = "\n".join(line.rstrip() for line in head + body) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", f"{registry}.py", "-"]
    root = PACKAGE.parents[1]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=root).stdout


def main() -> int:
    """Writes or checks every file; the exit status."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where one is out of date")
    check = parser.parse_args().check
    stale = []
    for registry in _catalog.REGISTRIES:
        path, text = PACKAGE / f"{registry}.py", render(registry)
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text)
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run python tools/gen.py", file=sys.stderr)
        return 1
    print(f"{'checked' if check else 'written'}: {', '.join(stale) or 'all up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
