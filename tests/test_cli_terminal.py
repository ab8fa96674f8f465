"""What verbs write with: wrapped text, tables, the falling loss in characters, formulas."""

import io
import os
import re

import numpy as np
import pytest

from steepest import _catalog, formula
from steepest.catalogue.formula_text import written
from steepest.cli.curve import draw
from steepest.cli.terminal import Terminal


class Stream(io.StringIO):
    """A stream that says whether it is a terminal, and which letters it has."""

    def __init__(self, tty: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self.tty, self.letters = tty, encoding

    def isatty(self) -> bool:
        return self.tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.letters


@pytest.fixture(params=[40, 80])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return Terminal(out=Stream())


def text(terminal: Terminal) -> list[str]:
    assert isinstance(terminal.out, io.StringIO)
    return terminal.out.getvalue().splitlines()


def test_a_reader_who_goes_away_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `head` does: what a verb writes after its summary, a model or a report, is asked for still."""
    monkeypatch.setattr(Terminal, "gone", False)
    reads, writes = os.pipe()
    with os.fdopen(writes, "w", buffering=1) as out:
        terminal = Terminal(out=out)
        terminal.say("read")
        os.close(reads)
        terminal.say("not read")
        terminal.say("nor this")
    assert Terminal.gone


def test_a_table_fits_its_terminal(terminal: Terminal) -> None:
    rows = [("adam", "0.001", "long words that say what it does " * 3), ("a_much_longer_name", "1", "short")]
    terminal.table(rows, ("name", "default", "what"))
    assert max(map(len, text(terminal))) <= terminal.width
    words = " ".join(" ".join(text(terminal)).split())
    assert all(" ".join(cell.split())[:20] in words for row in rows for cell in row)


def test_colours_are_for_terminals_and_not_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in Terminal(out=Stream(tty=True)).style("x", "red")
    assert Terminal(out=Stream()).style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal(out=Stream(tty=True)).style("x", "red") == "x"


def test_a_stream_without_unicode_gets_letters_it_has() -> None:
    out = Stream(encoding="ascii")
    Terminal(out=out).say("x ← x − rate·g ≤ ½ ☃")
    assert out.getvalue() == "x <- x - rate*g <= 1/2 ?\n"


def test_quiet_says_nothing_but_what_was_asked_for() -> None:
    out = Stream()
    terminal = Terminal(quiet=True, out=out)
    terminal.say("a word")
    terminal.always("the answer")
    assert out.getvalue() == "the answer\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_curve_falls_from_the_upper_left_to_the_lower_right(terminal: Terminal, encoding: str) -> None:
    terminal = Terminal(out=Stream(encoding=encoding))
    lines = draw({"gd": (np.arange(100), 10.0 ** -np.linspace(0, 8, 100))}, terminal)
    assert max(map(len, lines)) <= terminal.width
    picture = [re.split(r"[┤│|]", line, maxsplit=1)[1] for line in lines[:-2]]
    starts = [len(row) - len(row.lstrip()) for row in picture if row.strip()]
    assert starts == sorted(starts)
    assert "1e-08" in lines[9]
    assert lines[-1].strip().startswith("0")
    assert lines[-1].endswith("99")
    assert all(line.isascii() for line in lines) == (encoding == "ascii")


def test_several_curves_have_a_mark_each(terminal: Terminal) -> None:
    x = np.arange(1000)
    lines = draw({"slow": (x, 1.0 / (1 + x)), "quick": (x[:9], 10.0 ** -x[:9])}, terminal)
    assert "* slow" in lines[-1]
    assert "o quick" in lines[-1]
    assert "log scale" in lines[-2]
    assert any("*" in line for line in lines[:-2])
    assert any("o" in line for line in lines[:-2])


@pytest.mark.parametrize(
    "losses", [[], [0.0], [float("nan")], [-1.0, float("inf")], [5.0], [3.0, 3.0, 3.0], [1e300, 1e-300]]
)
def test_a_curve_of_anything_is_no_error(terminal: Terminal, losses: list[float]) -> None:
    lines = draw({"x": (range(len(losses)), losses)}, terminal)
    assert all(len(line) <= terminal.width for line in lines)


REGISTERED = [(kind, name) for kind in ("rules", "losses", "rates") for name in _catalog.registry(kind)]


@pytest.mark.parametrize(("kind", "name"), REGISTERED)
def test_a_written_formula_computes_what_the_program_does(kind: str, name: str) -> None:
    entry = _catalog.find(kind, name)
    for stage, program in entry.programs.items():
        if stage == "matrix":
            continue
        inputs = {word: 0.3 + 0.1 * k for k, word in enumerate(dict.fromkeys(program.inputs))}
        titles = [f"out{k}" for k in range(len(program.outputs))]
        known = dict(inputs)
        for title, text in written(program.ops, program.outputs, titles):
            known[title] = eval(as_python(text), {"__builtins__": {}}, {**OPERATIONS, **known})
        for title, value in zip(titles, formula.evaluate(program, inputs), strict=True):
            assert known[title] == pytest.approx(value, rel=1e-12), (stage, title)


OPERATIONS = dict(formula.NUMPY.operations) | {"abs": abs}


def as_python(text: str) -> str:
    text = (
        text.replace("·", "*")
        .replace("−", "-")
        .replace("²", "**2")
        .replace("^", "**")
        .replace("π", "3.141592653589793")
    )
    return re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
