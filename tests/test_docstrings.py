"""Docstrings are numpydoc's; those of all that is public say what the signature and the code say."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import steepest

#: Written by tools/gen.py, each with a page whose Python lines run.
GENERATED = ("losses", "methods", "penalties", "rates", "rules", "searches")
ROOT = Path(steepest.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
#: A section in another style.
OTHER = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Attributes|Examples?):$", re.MULTILINE)
SECTION = re.compile(r"^(\w[\w ]*)\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", re.MULTILINE | re.DOTALL)


def things() -> Iterator[tuple[str, Any]]:
    """The public functions and classes, and the methods that classes declare themselves."""
    seen = set()
    for name in steepest.__all__:
        value = getattr(steepest, name)
        inner = getattr(value, "__all__", []) if inspect.ismodule(value) else [""]
        for part in inner:
            thing = getattr(value, part) if part else value
            if not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing in seen:
                continue
            seen.add(thing)
            label = f"{name}.{part}".rstrip(".")
            yield label, thing
            for method, member in vars(thing).items() if inspect.isclass(thing) else ():
                function = getattr(member, "__func__", member)
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{label}.{method}", function


THINGS = dict(things())


def documented(text: str) -> set[str]:
    """The names that a section of parameters has entries for."""
    heads = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", text, re.MULTILINE)
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def raised(thing: Any) -> set[str]:
    """The errors of ours that its own lines raise, or those that make one of it."""
    parts = [thing]
    if inspect.isclass(thing):
        parts = [vars(thing)[made] for made in ("__init__", "__post_init__") if made in vars(thing)]
    found = set()
    for part in parts:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
        except OSError:  # made by `dataclass`
            continue
        for node in ast.walk(tree):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                found.add(call.func.id)
    return found & set(steepest.errors.__all__)


@pytest.mark.parametrize("name", THINGS)
def test_docstrings_say_what_signatures_and_code_say(name: str) -> None:
    thing = THINGS[name]
    doc = inspect.getdoc(thing)
    assert doc, "no docstring"
    assert not OTHER.search(doc), "sections are numpydoc's, underlined"
    generated = name.partition(".")[0] in GENERATED
    assert generated or re.match(r"\S[^\n]*(\n[^\n]+)*[.:]+(\n\n|$)", doc), "a sentence comes first"
    sections = dict(SECTION.findall(doc))

    exception = inspect.isclass(thing) and issubclass(thing, BaseException)
    signature = None if exception else inspect.signature(thing)
    parameters = [] if signature is None else list(signature.parameters.values())
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p.name for p in parameters if p.name not in ("self", "cls") and p.kind not in variadic]
    entries = documented(sections.get("Parameters", ""))
    words = re.findall(r"`(\w+)`", doc)
    assert not [p for p in named if p not in entries and p not in words], "parameters without a word"
    assert entries <= {p.name for p in parameters}, "parameters that the signature does not have"
    assert not named or entries, "no parameters"

    if inspect.isfunction(thing) and (named or "\n" in doc):
        gives = thing.__annotations__.get("return") not in (None, "None")
        assert not gives or sections.keys() & {"Returns", "Yields"}, "what it returns"
    missing = {error for error in raised(thing) if error not in sections.get("Raises", "")}
    assert not missing, "errors that its lines raise"
    whole = inspect.isclass(thing) or thing.__qualname__ == thing.__name__
    if whole and not generated and not exception:
        assert ">>> " in sections.get("Examples", ""), "an example"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_private_docstrings_have_the_same_style(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        doc = ast.get_docstring(node) or ""
        assert not OTHER.search(doc), f"{node.name}: sections are numpydoc's, underlined"
        sections = dict(SECTION.findall(doc))
        bare = [
            name for name, text in sections.items() if ">>>" in text and name not in ("Examples", "Notes")
        ]
        assert not bare, f"{node.name}: an example has a head of its own"
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            known = {a.arg for a in [*arguments, node.args.vararg, node.args.kwarg] if a is not None}
            unknown = documented(sections.get("Parameters", "")) - known
            assert not unknown, f"{node.name}: {unknown} are no parameters of it"
