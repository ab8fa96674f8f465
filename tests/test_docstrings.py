"""Docstrings of all that is public are numpydoc's, and say what the signature and the code say."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import steepest

#: Written by tools/gen.py, each with a page whose Python lines run.
GENERATED = ("losses", "methods", "penalties", "rates", "rules")
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
    assert not re.search(r"^(Args|Arguments|Returns|Raises|Yields|Examples?):$", doc, re.MULTILINE)
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
