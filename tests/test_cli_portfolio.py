"""``steepest portfolio``: weights from a file of prices, what they would have done, and a page on them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.test_report import Page

from steepest.cli import main
from steepest.portfolio import min_variance
from steepest.portfolio.estimators import OBJECTIVES

Run = Callable[..., tuple[int, str, str]]
NAMES = ["oak", "elm", "ash", "fir", "yew"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    returns = 0.01 * rng.normal(0.06, 1.0, (160, 1)) * np.linspace(0.4, 1.4, 5) + 0.006 * rng.normal(
        size=(160, 5)
    )
    prices = 50 * np.cumprod(np.vstack([np.ones(5), 1 + returns]), axis=0)
    days = np.datetime64("2024-01-01") + np.arange(161)
    for name, table in (("prices.csv", prices), ("returns.csv", returns)):
        with Path(name).open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["day", *NAMES])
            # The newest first, as many sources have them.
            rows = zip(days[: len(table)][::-1], table[::-1], strict=True)
            writer.writerows([day, *map(repr, row.tolist())] for day, row in rows)

    def call(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main(["portfolio", *arguments])
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


@pytest.mark.parametrize("columns", [40, 80])
def test_the_weights_are_told_saved_and_reported(run: Run, columns: int) -> None:
    status, out, err = run(
        "prices.csv", "--bounds", "0", "0.4", "--periods", "252", "--save", "w.csv", "--report", "r.html",
        "--backtest", "--window", "80", "--costs", "0.001", columns=columns,
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= columns
    assert "Converged:" in out
    assert "a year" in out
    assert "equal weights" in out
    assert "put in order" in " ".join(out.split())
    if columns == 80:
        assert out.index("Backtest:") <= len("\n".join(out.splitlines()[:24]))
    best = min_variance(prices="prices.csv", bounds=(0, 0.4))
    with Path("w.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["asset", "weight"]
    assert {name: float(weight) for name, weight in rows[1:]} == best.weights
    text = Path("r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert not page.outside
    assert len([p for p in page.pictures if "aria-label" in p]) == 3
    assert {"short", "findings", "weights", "frontier", "backtest", "proof", "python"} <= set(page.ids)
    for words in (*NAMES, "Portfolio from prices.csv", "Drawdown", "it is proved", "found.report('r.html'"):
        assert words in page.text
    assert "nan" not in page.text.split()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_the_function_of_that_name(run: Run, objective: str) -> None:
    status, out, _ = run(
        "returns.csv", "--returns", "--objective", objective, "--save", "w.json", "--report", "r.html"
    )
    assert status == 0, out
    told = json.loads(Path("w.json").read_text())
    function = OBJECTIVES[objective][0]
    assert told["weights"] == function(returns="returns.csv").weights
    assert told["success"]
    assert told["certificate"]["bound"] <= told["certificate"]["target"]
    assert told["annual_return"] is None
    Page(Path("r.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["prices.csv", "--drop", "yew", "--bounds", "-0.2", "none", "--gross", "1.5", "--save", "w.json", "--report",
         "r.html", "--backtest", "--window", "70", "--every", "30"],
        ["prices.csv", "--objective", "mean-variance", "--risk-aversion", "4", "--at-most", "2", "--delimiter", ",",
         "--save", "w.csv", "--report", "r.html", "--target-return", "0.0001", "--shrink", "none", "--l2", "1e-5"],
        ["prices.csv", "--budget", "none", "--bounds", "none", "none", "--objective", "mean_variance", "--report",
         "r.html", "--save", "w.csv"],
    ],
)  # fmt: skip
def test_the_python_lines_do_what_the_command_does(run: Run, arguments: list[str], capsys: Any) -> None:
    status, said, _ = run(*arguments)
    assert status == 0
    made = {path.name: path.read_text() for path in Path().glob("[wr].*")}
    assert len(made) == 2
    for name in made:
        Path(name).unlink()
    status, out, err = run(*arguments, "--python")
    assert (status, err) == (0, "")
    exec(compile(out, "lines", "exec"), {})
    assert capsys.readouterr().out.splitlines()[:8] == said.splitlines()[:8]
    for name, text in made.items():
        if name.startswith("w"):
            assert Path(name).read_text() == text
        else:
            assert ("frontier=efficient" in out) == ('id="frontier"' in Path(name).read_text())
            assert ('id="frontier"' in text) == ('id="frontier"' in Path(name).read_text())


def test_where_there_are_no_weights_nothing_is_written(run: Run) -> None:
    status, out, err = run(
        "prices.csv", "--bounds", "0", "0.1", "--save", "w.csv", "--report", "r.html", "--backtest"
    )
    assert (status, err) == (1, "")
    assert "no weights of 5 assets" in out
    assert "Infeasible:" in out
    assert not Path("w.csv").exists()
    assert not Path("r.html").exists()


def test_quietly_nothing_is_said(run: Run) -> None:
    assert run("prices.csv", "--quiet", "--backtest", "--window", "80", "--save", "w.csv") == (0, "", "")
    assert Path("w.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objective", "min_varance"], "no objective is called 'min_varance'; did you mean 'min_variance'"),
        (["--beta", "0.9"], "--beta is of --objective min_cvar"),
        (["--every", "9"], "--every is of the backtest: add --backtest"),
        (["--bounds", "0"], "--bounds needs 2 values after it"),
        (["--bounds", "0", "much"], "--bounds: must be a number or none; got 'much'"),
        (["--bounds", "0.5", "0.2"], "contradict"),
        (["--objective", "risk_parity", "--gross", "2"], "risk_parity takes no gross"),
        (["--objective", "max_sharpe", "--at-most", "2"], "--at-most is not for max_sharpe"),
        (["--objective", "min_cvar", "--l2", "1"], "--l2 is of a covariance"),
        (["--backtest", "--window", "900"], "--window must be from 2 to below the 160 periods there are"),
        (["--periods", "0"], "--periods must be above 0"),
        (["--drop", "yow"], "did you mean 'yew'?"),
        (["--returns"], "if they are prices, leave out --returns"),
        (["--save", "w.xlsx"], "--save 'w.xlsx' must end in .csv or .json"),
        (["--save", "prices.csv"], "is the file 'prices.csv', which is read"),
        (["--report", "nowhere/r.html"], "there is no folder 'nowhere'"),
    ],
)
def test_what_cannot_be_is_named(run: Run, arguments: list[str], said: str) -> None:
    status, out, err = run("prices.csv", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("steepest")
    assert err.count("\n") == 1
    assert said in err


def test_columns_that_are_no_assets_are_named(run: Run) -> None:
    lines = Path("prices.csv").read_text().splitlines()
    lines = [f"{line},{'note' if k == 0 else 'a' if k % 3 else 'b'}" for k, line in enumerate(lines)]
    Path("noted.csv").write_text("\n".join(lines) + "\n")
    assert "'note' holds no numbers and is no asset" in " ".join(run("noted.csv")[1].split())
    status, _, err = run("noted.csv", "--returns")
    assert status == 2
    assert "leave 'note' out (--drop 'note')" in err


def test_a_name_cannot_write_into_the_page(run: Run) -> None:
    text = Path("prices.csv").read_text().replace("oak", "<script>x</script>", 1)
    Path("odd.csv").write_text(text)
    assert run("odd.csv", "--report", "r.html")[0] == 0
    assert "script" not in Page(Path("r.html").read_text(encoding="utf-8")).tags
