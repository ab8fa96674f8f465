"""``steepest fit --user --item``: a recommender from a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.cli import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Ratings with texts for ids, codes that begin with 0, and a time."""
    rng = np.random.default_rng(0)
    u, i = np.nonzero(rng.random((50, 30)) < 0.5)
    stars = 3 + rng.normal(size=50)[u] * rng.normal(size=30)[i] + 0.1 * rng.normal(size=len(u))
    rows = [f"{k:03d},book {m},{s:.3f},{t}" for k, m, s, t in zip(u, i, stars, range(len(u)), strict=True)]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["reader,book,stars,when", *rows]) + "\n")
    return path


def test_ratings_are_fitted_and_reported(table: Path, capsys: Any) -> None:
    page = table.with_name("page.html")
    words = [
        "fit",
        str(table),
        "--user",
        "reader",
        "--item",
        "book",
        "--target",
        "stars",
        "--report",
        str(page),
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "50 users and 30 items" in said
    assert "rmse" in said
    assert "item mean" in said
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "<svg" in text
    assert "item mean" in text
    for figure in ("ndcg", "recall", "map", "coverage", "popular"):
        assert figure in said
        assert figure in text


def test_without_a_target_they_are_clicks(table: Path, capsys: Any) -> None:
    assert main(["fit", str(table), "--user", "reader", "--item", "book", "--time", "when"]) == 0
    said = capsys.readouterr().out
    assert "ClicksFactorization" in said
    assert "popular" in said


def test_clicks_are_ranked_where_that_is_asked_for(table: Path, capsys: Any) -> None:
    words = ["fit", str(table), "--user", "reader", "--item", "book", "--loss"]
    assert main([*words, "bpr", "--alpha", "0.1"]) == 0
    assert "ndcg" in capsys.readouterr().out
    assert main([*words, "huber"]) == 2
    assert "--loss is of ratings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--user", "reader"], "--user and --item go together"),
        (["--user", "reader", "--item", "bok"], "did you mean 'book'"),
        (["--user", "book", "--item", "book", "--target", "stars"], "--user and --item are both 'book'"),
        (["--user", "reader", "--item", "book", "--target", "book"], "the target must be numbers"),
        (["--user", "reader", "--item", "book", "--loss", "huber"], "name their column by --target"),
        (["--user", "reader", "--item", "book", "--sample-weight", "when"], "--sample-weight is of ratings"),
        (["--user", "reader", "--item", "book", "--drop", "when"], "--drop is not for"),
        (["--user", "reader", "--item", "book", "--category", "when"], "--category is not for"),
        (["--user", "reader", "--item", "book", "--amount", "when"], "--amount is not for"),
        (["--user", "reader", "--item", "book", "--no-refit"], "--no-refit is not for"),
        (["--user", "reader", "--item", "book", "--l1-ratio", "0.5"], "--l1-ratio is not for"),
        (["--user", "reader", "--item", "book", "--missing", "fill"], "--missing is not for"),
        (["--user", "reader", "--item", "book", "--class-weight", "balanced"], "--class-weight is not for"),
        (["--user", "reader", "--item", "book", "--threshold", "0.5"], "--threshold is not for"),
        (["--user", "reader", "--item", "book", "--cost", "2"], "--cost is not for"),
        (["--user", "reader", "--item", "book", "--positive", "1"], "--positive is not for"),
        (["--user", "reader", "--item", "book", "--horizon", "3"], "--horizon is not for"),
        (["--user", "reader", "--item", "book", "--thousands", ","], "--thousands is not for"),
    ],
)
def test_what_cannot_be_is_named(table: Path, more: list[str], words: str, capsys: Any) -> None:
    assert main(["fit", str(table), *more]) != 0
    said = capsys.readouterr()
    assert words in said.out + said.err


def test_sample_weights_are_those_of_the_column(table: Path, capsys: Any) -> None:
    import csv

    from steepest.factors import RatingsFactorization

    weighed = table.with_name("weighed.csv")
    with table.open() as file:
        rows = list(csv.reader(file))
    weights = np.random.default_rng(1).uniform(0.1, 5.0, len(rows) - 1)
    weighed.write_text(
        "\n".join(
            ",".join(row)
            for row in [
                [*rows[0], "w"],
                *([*r, repr(w)] for r, w in zip(rows[1:], weights.tolist(), strict=True)),
            ]
        )
    )
    words = ["fit", str(weighed), "--user", "reader", "--item", "book", "--target", "stars", "--alpha", "0.1"]
    assert main([*words, "--sample-weight", "w"]) == 0
    said = capsys.readouterr().out
    model = RatingsFactorization(alpha=0.1).fit(
        [row[0] for row in rows[1:]], [row[1] for row in rows[1:]], [float(row[2]) for row in rows[1:]],
        sample_weight=weights,
    )  # fmt: skip
    assert f"{model.held_out_['model']['rmse']:.4g}" in said


def test_a_time_is_what_its_text_writes(table: Path, capsys: Any) -> None:
    words = ["fit", str(table), "--user", "reader", "--item", "book", "--target", "stars", "--alpha", "0.1"]
    head, *rows = table.read_text().splitlines()
    days = np.datetime64("2022-01-01") + np.random.default_rng(0).permutation(len(rows))
    said = []
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%b %d %Y"):
        lines = [f"{row},{day.item().strftime(form)}" for row, day in zip(rows, days, strict=True)]
        table.write_text("\n".join([f"{head},day", *lines]) + "\n")
        assert main([*words, "--time", "day"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("count", [12, 600])
@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("reader", "", "column 'reader' row 7 is missing, ''"),
        ("book", " ", "column 'book' row 7 is missing"),
        ("stars", "good", "column 'stars' row 7 is 'good': the target must be numbers; leave --target out"),
        ("stars", "", "column 'stars' row 7 is missing, ''"),
        ("when", "", "column 'when' row 7 is missing, ''"),
        ("when", "soon", "column 'when' row 7 is 'soon': it must be a date"),
    ],
)
def test_a_row_that_cannot_be_is_named(
    table: Path, column: str, text: str, words: str, count: int, capsys: Any
) -> None:
    rows = [line.split(",") for line in table.read_text().splitlines()[: count + 1]]
    rows[8][rows[0].index(column)] = text
    table.write_text("\n".join(map(",".join, rows)) + "\n")
    asked = ["--user", "reader", "--item", "book", "--target", "stars", "--time", "when"]
    assert main(["fit", str(table), *asked, "--alpha", "0.1"]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_the_last_of_each_user_may_be_held_out(table: Path, capsys: Any) -> None:
    from steepest.factors import RatingsFactorization

    words = ["fit", str(table), "--target", "stars", "--alpha", "0.1", "--validation"]
    pair = ["--user", "reader", "--item", "book"]
    assert main([*words, "last", *pair]) == 0
    said = capsys.readouterr().out
    rows = [row.split(",") for row in table.read_text().splitlines()[1:]]
    model = RatingsFactorization(alpha=0.1, validation="last")
    model.fit([row[0] for row in rows], [row[1] for row in rows], [float(row[2]) for row in rows])
    assert f"{model.held_out_['model']['rmse']:.4g}" in said
    assert main([*words, "last", *pair, "--python"]) == 0
    assert "validation='last'" in capsys.readouterr().out
    assert main([*words, "last"]) == 2
    assert "--validation last is of users" in capsys.readouterr().err
    assert main([*words, "least", *pair]) == 2
    assert "must be a number, or last; got 'least'" in capsys.readouterr().err
