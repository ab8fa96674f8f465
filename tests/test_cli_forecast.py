"""``steepest fit --time --horizon``: a forecast from a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sales by day, with a week's season and a plan that goes on after the last sale."""
    rng = np.random.default_rng(0)
    lines = ["day,sold,plan,shop"]
    for k in range(127):
        day = np.datetime64("2024-01-01") + k
        sold = f"{20 + 6 * np.sin(2 * np.pi * k / 7) + rng.normal():.4f}" if k < 120 else ""
        lines.append(f"{day},{sold},{k % 3},north")
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_forecast_is_made_and_reported(file: Path, capsys: Any) -> None:
    page, out = file.with_name("page.html"), file.with_name("out.csv")
    words = ["fit", str(file), "--time", "day", "--target", "sold", "--horizon", "7", "--known", "plan"]
    assert (
        main([*words, "--report", str(page), "--forecast", str(out), "--level", "0.2", "--level", "0.8"]) == 0
    )
    said = capsys.readouterr().out
    assert "seasonal naive" in said
    assert "MASE" in said
    assert page.read_text().startswith("<!DOCTYPE html>")
    rows = out.read_text().splitlines()
    assert len(rows) == 8
    assert rows[0].replace('"', "") == "time,series,method,forecast,0.2,0.8"
    assert rows[1].startswith("2024-04-30")


def test_the_target_is_the_only_column_left(file: Path, capsys: Any) -> None:
    words = [
        "fit",
        str(file),
        "--time",
        "day",
        "--horizon",
        "7",
        "--by",
        "shop",
        "--drop",
        "plan",
        "--python",
    ]
    assert main(words) == 0
    assert (
        f"forecast({str(file)!r}, 'sold', time='day', horizon=7, by='shop', drop=('plan',))"
        in capsys.readouterr().out
    )


def test_the_python_lines_do_what_the_command_does(file: Path, capsys: Any) -> None:
    file.write_text(file.read_text().replace(",", ";").replace(".", ","))
    out = file.with_name("out.csv")
    words = ["fit", str(file), "--time", "day", "--target", "sold", "--horizon", "7", "--drop", "plan", "--forecast",
             str(out), "--delimiter", ";", "--decimal", ","]  # fmt: skip
    assert main(words) == 0
    written = out.read_text()
    out.unlink()
    capsys.readouterr()
    assert main([*words, "--python"]) == 0
    exec(capsys.readouterr().out, {})
    assert out.read_text() == written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--horizon", "7"], "--horizon goes with --time"),
        (
            ["--time", "day", "--horizon", "7"],
            "name what to forecast by --target: it may be any of 'sold', 'plan'",
        ),
        (
            ["--time", "day", "--horizon", "7", "--target", "sold", "--save", "m"],
            "--save is not for forecasts",
        ),
        (["--time", "day", "--horizon", "7", "--no-refit"], "--no-refit is not for forecasts"),
        (["--time", "day", "--horizon", "7", "--category", "shop"], "--category is not for forecasts"),
        (["--time", "day", "--horizon", "500", "--target", "sold"], "horizon must be below the 120 steps"),
        (["--time", "day", "--target", "sold", "--known", "plan"], "--known is of forecasts"),
    ],
)
def test_what_cannot_be_is_named(file: Path, words: list[str], said: str, capsys: Any) -> None:
    assert main(["fit", str(file), *words]) == 2
    assert said in capsys.readouterr().err
