"""Runs the tests that a peer ships with itself, with ours in the place of theirs.

python tools/peer_tests.py scikit             a table: how many passed, and each failure's kind
python tools/peer_tests.py scikit -k ridge    what follows the peer's name goes to pytest

A peer is a module of `tools/peers` with

- ``TESTS``: arguments of pytest that name the peer's tests;
- ``replace()``: puts our classes under the peer's public names, before a test is imported; returns these classes;
- ``LEAST``, optional: the share that must pass, .95 unless it says so;
- ``private(function)``: whether a test reaches into what the peer does not promise, by a name that it uses;

and a file ``<peer>.toml`` beside it: for each failure that has a reason, ``[[reason]]`` with ``tests`` (patterns of
the tests' names), ``kind`` (``private``, ``deliberate`` or ``open``) and ``why``. A test counts if it uses public
names only and makes one of our classes. Ends with an error where a failure has no reason, where a reason meets no
failure (only in a whole run), or where fewer pass than must.
"""

from __future__ import annotations

import functools
import importlib
import sys
import tomllib
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

PEERS = Path(__file__).parent / "peers"
LEAST = 0.95
KINDS = {
    "private": "theirs alone: it tests what the peer keeps to itself",
    "deliberate": "deliberately different",
    "open": "ours, open",
}


def names_used(function: Any) -> set[str]:
    """The names that a test uses, those of the functions of its own module that it calls included."""
    function = getattr(function, "__wrapped__", function)
    if not isinstance(function, FunctionType):
        return set()
    names: set[str] = set()
    seen: set[CodeType] = set()
    todo = [function.__code__]
    while todo:
        code = todo.pop()
        if code in seen:
            continue
        seen.add(code)
        names.update(code.co_names)
        todo += [c for c in code.co_consts if isinstance(c, CodeType)]
        for name in code.co_names:
            other = function.__globals__.get(name)
            if isinstance(other, FunctionType) and other.__module__ == function.__module__:
                todo.append(other.__code__)
    return names


class Peers:
    """A plugin of pytest: notes which tests make one of our classes, and how each ended."""

    def __init__(self, peer: Any, classes: list[type]) -> None:
        self.peer, self.classes = peer, tuple(classes)
        self.made = False
        #: by the test's name: whether it counts, how it ended, the last line of its error
        self.ended: dict[str, tuple[bool, str, str]] = {}
        for kind in classes:
            self._listen(kind)

    def _listen(self, kind: type) -> None:
        make = kind.__init__  # type: ignore[misc]

        @functools.wraps(make)
        def noting(own: Any, *arguments: Any, **named: Any) -> None:
            self.made = True
            make(own, *arguments, **named)

        kind.__init__ = noting  # type: ignore[misc]

    def _given(self, item: Any) -> bool:
        """Whether the test is handed one of ours, or is asked to make one."""
        values = getattr(getattr(item, "callspec", None), "params", {}).values()
        return any(isinstance(v, self.classes) or v in self.classes for v in values if _plain(v))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        report = yield
        if report.when == "setup":
            self.made = self._given(item)
        if report.when == "call" or report.outcome != "passed":
            counts = self.made and not self.peer.private(item.function)
            last = str(call.excinfo.value).strip().splitlines()[:1] if call.excinfo else []
            # with its class, which may share its tests' names with another
            name = f"{Path(str(item.fspath)).name}::{item.nodeid.partition('::')[2]}"
            words = f"{call.excinfo.typename}: {last[0] if last else ''}" if call.excinfo else ""
            self.ended[name] = (counts, "skipped" if report.skipped else report.outcome, words)
        return report


def _plain(value: Any) -> bool:
    """Whether a value may be looked for among classes: an array compares element by element."""
    return isinstance(value, type) or not hasattr(value, "__array__")


def _reason(reasons: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((r for r in reasons if any(fnmatchcase(name, p) for p in r["tests"])), None)


def table(peer: str, ended: dict[str, tuple[bool, str, str]], whole: bool, least: float = LEAST) -> int:
    """Prints what came of it; 0 where all is as it should be."""
    file = PEERS / f"{peer}.toml"
    reasons = tomllib.loads(file.read_text())["reason"] if file.exists() else []
    counted = {n: e for n, e in ended.items() if e[0] and e[1] != "skipped"}
    failed = {n: e[2] for n, e in counted.items() if e[1] == "failed"}
    kinds: Counter[str] = Counter()
    used: set[int] = set()
    print(f"\n{peer}: {len(ended)} tests, of which {len(counted)} are public and make one of ours")
    unknown = []
    for name, words in failed.items():
        reason = _reason(reasons, name)
        if reason is None:
            unknown.append(f"  {name}\n      {words}")
            continue
        used.add(id(reason))
        kinds[reason["kind"]] += 1
    counts = len(counted) - kinds["private"]
    passed = len(counted) - len(failed)
    for number, reason in enumerate(reasons):
        hit = [n for n in failed if _reason(reasons, n) is reason]
        if hit:
            print(f"  {len(hit):4}  {KINDS[reason['kind']]}: {reason['why']}")
        elif whole:
            unknown.append(f"  reason {number + 1} meets no failure: {reason['tests']}")
    print(f"  {passed} of {counts} pass ({passed / max(counts, 1):.1%}); without a reason: {len(unknown)}")
    print("\n".join(unknown))
    return int(bool(unknown) or passed < least * counts)


def main(peer: str, arguments: list[str]) -> int:
    sys.path.insert(0, str(PEERS))
    module = importlib.import_module(peer)
    plugin = Peers(module, module.replace())
    plain = [
        "-q",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--no-header",
        "--tb=no",
        "--no-summary",
    ]
    pytest.main([*plain, *module.TESTS, *arguments], plugins=[plugin])
    return table(peer, plugin.ended, not arguments, getattr(module, "LEAST", LEAST))


if __name__ == "__main__":
    if len(sys.argv) < 2 or not (PEERS / f"{sys.argv[1]}.py").exists():
        known = ", ".join(sorted(p.stem for p in PEERS.glob("*.py")))
        sys.exit(f"python tools/peer_tests.py PEER [arguments of pytest]; PEER is one of {known}")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
