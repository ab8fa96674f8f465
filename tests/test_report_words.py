"""What a reader of a summary or a report meets: few digits, words that fit the table, labels in the clear."""

import io
import re

import numpy as np
import pytest

import steepest
from steepest.cli import main
from steepest.cli.progress import Progress
from steepest.cli.terminal import Terminal
from steepest.model import Model
from steepest.model.summary import summary_text
from steepest.report import page
from steepest.report.forms import cells_picture
from steepest.report.pictures import descent_picture


def _looked_at(begin, live: bool):
    def begins(self: Terminal, *arguments, **named) -> None:
        begin(self, *arguments, **named)
        self.live = live

    return begins


@pytest.fixture(scope="module")
def towns() -> Model:
    """Prices in millions, from texts alone."""
    rng = np.random.default_rng(0)
    town, kind = rng.choice(["Bern", "Chur", "Zug"], 600), rng.choice(["flat", "house"], 600)
    price = 5e7 + 2e7 * (town == "Zug") + 1e7 * (kind == "house") + rng.normal(0, 3e6, 600)
    return steepest.fit({"town": town, "kind": kind, "price": price}, "price", reference=False)


def test_large_figures_are_written_out_in_a_few_digits(towns: Model) -> None:
    text = towns.summary()
    assert "e+0" not in text
    (line,) = (line for line in text.splitlines() if line.strip().startswith("RMSE"))
    shown = line.split()[-5].replace(",", "")  # the value, its interval (low to high), the baseline's
    value = next(f["value"] for f in towns.metrics() if f["name"] == "RMSE")
    assert float(shown) == float(f"{value:.4g}")
    # The report says the same, and shows no more digits than mean something.
    told = page(towns.story())
    assert f"{float(shown):,.0f}" in told
    assert f"{value:,.0f}" not in told


@pytest.mark.parametrize("width", [40, 72, 80, 100])
def test_columns_of_figures_are_as_wide_as_what_stands_in_them(towns: Model, width: int) -> None:
    story = towns.story()
    assert max(map(len, summary_text(story, width).splitlines())) <= width
    lines = [line for line in towns.summary().splitlines() if line.startswith("  ") and "  " in line.strip()]
    assert len({len(line) for line in lines}) == 1


def test_a_table_without_numbers_is_told_as_one(towns: Model) -> None:
    assert "0 curves" not in towns.summary(verbose=True)
    assert "of 1 pair tried" in towns.summary(verbose=True).replace("\n  ", " ")
    told = page(towns.story())
    assert "Without levels, it predicts" in told
    assert "Where every column is 0" not in told


def test_what_calls_for_nothing_is_no_finding() -> None:
    model = steepest.fit("breast_cancer", reference=False)
    assert "bad_scaling" not in {finding.kind for finding in model.findings}
    assert "Scales: 'worst area'" in model.summary(verbose=True)


def test_remedies_speak_the_language_of_who_reads(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=800)
    y = rng.poisson(np.exp(1.3 * x))
    model = steepest.fit({"x": x, "y": y}, "y", form="linear", reference=False)
    assert 'pass loss="poisson"' in model.summary().replace("\n  ", " ")
    file = tmp_path / "counts.csv"
    np.savetxt(file, np.c_[x, y], delimiter=",", header="x,y", comments="", fmt="%g")
    main(["fit", str(file), "--target", "y", "--form", "linear", "--no-reference"])
    assert "pass --loss poisson" in capsys.readouterr().out.replace("\n  ", " ")


@pytest.mark.parametrize("speed", [0.3, 1.0, 3.0])
def test_the_words_beside_a_line_keep_clear_of_the_curve(speed: float) -> None:
    """The label of what was asked for lies on no part of the curve, however soon it is reached."""
    x = np.arange(26.0)
    y = 10.0 ** (-1 - speed * x)
    svg = str(descent_picture(x, y, "Distance", "at most", "passes", np.zeros(0, dtype=bool), 1e-7))
    left, base = map(float, re.search(r'class="note" x="([\d.]+)" y="([\d.]+)">asked for', svg).groups())
    corners = re.search(r'class="line one" d="M([^"]*)"', svg)[1].split("L")
    points = np.array([corner.split() for corner in corners], dtype=float)
    under = np.interp(np.linspace(left, left + 110, 50), points[:, 0], points[:, 1])
    assert not ((under > base - 9) & (under < base + 2)).any()


def test_ranges_of_a_pair_have_room_and_real_minus_signs() -> None:
    one = ["-10.3 to 5.5", "5.6 to 40"]
    svg = str(
        cells_picture(np.array([[0.1, -0.2], [0.3, 0.0]]), one, ["a-b", "c"], ["temperature", "way"], "rides")
    )
    assert "\N{MINUS SIGN}10.3 to 5.5" in svg
    assert "a-b" in svg


def test_nothing_is_said_once_all_is_done() -> None:
    out = io.StringIO()
    progress = Progress(Terminal(out=out))
    for stage, fraction in (("path", 0.5), ("done", 1.0)):
        progress.said -= 60
        progress.watch({"stage": stage, "fraction": fraction, "seconds_left": 0.0})
    assert out.getvalue().startswith("50 % choosing alpha")
    assert "done" not in out.getvalue()


def test_a_recommender_shows_its_progress_where_somebody_looks(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its descent tells has no share done: the bar goes on without one, and lines elsewhere."""
    rng = np.random.default_rng(0)
    file = tmp_path / "ratings.csv"
    rows = np.c_[rng.integers(0, 60, (3000, 2)), rng.integers(1, 6, 3000)]
    np.savetxt(file, rows, fmt="%d", delimiter=",", header="user,item,stars", comments="")
    monkeypatch.setattr("steepest.cli.progress.EVERY", 0.0)
    words = ["fit", str(file), "--user", "user", "--item", "item", "--target", "stars"]
    for live in (True, False):
        monkeypatch.setattr(Terminal, "__init__", _looked_at(Terminal.__init__, live))
        assert main(words) == 0
