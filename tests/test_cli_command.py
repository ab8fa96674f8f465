"""The command itself: verbs, refusals in one line, exit statuses, silence where it is due."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from steepest import _catalog
from steepest.catalogue.pages import KINDS, entries
from steepest.cli import VERBS, main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main(arguments)
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run: Run, verb: str) -> None:
    status, out, _ = run(verb, "--help")
    assert status == 0
    assert "examples:" in out
    assert "--python" in out
    assert "--quiet" in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["list", "rule", "adma"], "no rule is called 'adma'; did you mean 'adam'?"),
        (["list", "adma"], "nothing is called 'adma'; did you mean 'adam'"),
        (["list", "losses", "qqqq"], "no loss is called 'qqqq'; there are squared"),
        (["list", "rules", "adam", "more"], "more"),
        (["list", "--pyton"], "no option or argument '--pyton'; did you mean '--python'?"),
        (["descend", "rosenbrok"], "no problem is called 'rosenbrok'; did you mean 'rosenbrock'?"),
        (["descend", "rosenbrock", "--iterations", "0"], "must be a whole number of at least 1; got 0"),
        (["descend", "rosenbrock", "--rate", "fast"], "fast"),
        (["descend", "rosenbrock", "--method", "lbfg"], "no method is called 'lbfg'; did you mean 'lbfgs'"),
        (["descend", "rosenbrock", "--rate", "-1"], "-1"),
        (["descend", "rosenbrock", "--x0", "1", "2", "3", "4", "nan"], "x0"),
        (["descend", "rosenbrock", "--plot", "nowhere/path.png"], "nowhere"),
        (["descend"], "FUNCTION"),
        (["fit", "no_such_table.csv"], "no_such_table.csv"),
        (["fit", "irs"], "did you mean 'iris'?"),
        (["fit", "iris", "--alpha", "-1"], "alpha must be at least 0; got -1.0"),
        (["fit", "iris", "--target", "specie"], "species"),
        (["fit", "iris", "--alpha", "strong"], "--alpha: must be a number; got 'strong'"),
        (["fit", "iris", "--cv", "2.5"], "--cv: must be a whole number; got '2.5'"),
        (
            ["fit", "iris", "species"],
            "no option or argument 'species'; to predict a column of that name, --target",
        ),
        (["fit", "iris", "--target"], "--target needs a value after it; see steepest fit --help"),
        (["fit", "iris", "--header", "--no-header"], "contradict each other"),
        (
            ["fit", "iris", "--loss", "poisson"],
            "a number is to be predicted (by the task or the loss that was given)",
        ),
        (["fit"], "TABLE required; see steepest fit --help"),
        (["fit", "iris", "--penalty", "l3"], "l3"),
        (["fit", "iris", "--report", "nowhere/report.html"], "there is no folder 'nowhere'; make it first"),
        (["predict", "no_such_model.safetensors", "iris", "-o", "-"], "no_such_model.safetensors"),
        (["predict", "no_such_model.safetensors", "iris", "-o", "out.xlsx"], "must end in one of"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(run: Run, arguments: list[str], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("steepest")
    assert err.count("\n") == 1
    assert said in err


def test_a_remedy_speaks_of_options(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "two.csv"
    table.write_text("a,b\n1,2\n3,4\n5,6\n")
    assert "(--target)" in run("fit", str(table))[2]


def test_without_a_verb_the_verbs_are_shown(run: Run) -> None:
    status, out, _ = run()
    assert status == 2
    assert all(verb in out for verb in VERBS)
    assert "examples:" in out


def test_the_help_of_fit_begins_with_what_is_mostly_wanted(run: Run) -> None:
    out = run("fit", "--help")[1]
    assert len(out.split("\n\n")[0].splitlines()) == 1
    places = [
        out.index(title) for title in ("What is predicted:", "What is written:", "The columns:", "The run:")
    ]
    assert places == sorted(places)


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ValueError, match="adma"):
        main(["list", "adma", "--debug"])


def test_a_mistake_of_our_own_is_told_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from steepest.cli import listing

    monkeypatch.setattr(listing, "entries", lambda kind: {}[kind])
    status, _, err = run("list", "rules")
    assert status == 70
    assert "KeyError" in err
    assert "--debug" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("columns", [40, 80])
def test_list_names_everything(run: Run, columns: int) -> None:
    status, out, err = run("list", columns=columns)
    assert (status, err) == (0, "")
    for kind in KINDS:
        assert kind in out
        assert all(name in out for name in entries(kind))
    assert max(map(len, out.splitlines())) <= columns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [40, 80])
def test_every_entry_has_a_page(run: Run, kind: str, columns: int) -> None:
    assert run("list", kind, columns=columns)[0] == 0
    for name, entry in entries(kind).items():
        status, out, _ = run("list", kind, name, columns=columns)
        assert status == 0
        flat = " ".join(out.split())
        assert name in flat
        assert (entry.source or entry.paragraphs[0])[:20] in flat
        for parameter in entry.parameters:
            assert parameter.name in flat
        prose = [line for line in out.split("in Python")[0].splitlines() if " " in line.strip()]
        assert max(map(len, prose)) <= columns, name


@pytest.mark.parametrize("kind", KINDS)
def test_the_python_lines_of_every_entry_run(run: Run, kind: str) -> None:
    code = []
    for name in entries(kind):
        status, out, _ = run("list", kind, name, "--python")
        assert status == 0
        code.append(out)
    exec(compile("\n".join(code).replace("print(", "("), kind, "exec"), {})


def test_a_name_alone_is_found(run: Run) -> None:
    assert run("list", "adam")[1] == run("list", "rules", "adam")[1]
    assert run("list", "rule")[1] == run("list", "rules")[1]


def test_list_says_the_defaults_that_there_are(run: Run) -> None:
    out = " ".join(run("list", "rules", "adam")[1].split())
    for parameter in _catalog.find("rules", "adam").parameters:
        assert f"{parameter.name} {parameter.default:g}" in out


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "steepest", *arguments]


def test_a_reader_who_goes_away_is_no_error() -> None:
    reads = subprocess.Popen(command("list", "rules", "adam"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reads.stdout is not None
    assert reads.stderr is not None
    reads.stdout.close()
    assert reads.stderr.read() == b""
    assert reads.wait() == 141
    reads.stderr.close()


def test_ctrl_c_ends_quietly() -> None:
    arguments = ["descend", "rosenbrock", "--rate", "1e-9", "--iterations", "2000000000"]
    # What is loaded slowly, on a busy machine, is no part of it: it says when it begins.
    begun = f"import sys; from steepest.cli import main; print(flush=True); sys.exit(main({arguments}))"
    runs = subprocess.Popen([sys.executable, "-c", begun], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert runs.stdout is not None
    assert runs.stdout.readline() == b"\n"
    time.sleep(1.0)
    os.kill(runs.pid, signal.SIGINT)
    out, err = runs.communicate(timeout=300)
    assert (runs.returncode, out, err) == (130, b"", b"")


def test_a_version_is_told(run: Run) -> None:
    import steepest

    assert run("--version") == (0, f"steepest {steepest.__version__}\n", "")
