"""What the verbs do: a fit to a saved model and a report, predictions to the bit, descents with their pictures."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    # A busy machine takes so long that progress is told.
    monkeypatch.setattr("steepest.cli.progress.EVERY", float("inf"))

    def call(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main(arguments)
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with numbers, categories, missing values and an identifier."""
    random = np.random.default_rng(1)
    n = 300
    age, town = random.integers(18, 80, n), random.choice(["Ulm", "Bonn", "Köln"], n)
    paid = np.where(age + 10 * (town == "Ulm") + random.normal(0, 8, n) > 50, "yes", "no")
    path = tmp_path_factory.mktemp("tables") / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "age", "town", "paid"])
        for k in range(n):
            writer.writerow([f"p{k:05}", "" if k % 17 == 0 else age[k], town[k], paid[k]])
    return path


@pytest.mark.parametrize("columns", [40, 80])
def test_fit_tells_saves_and_reports(run: Run, people: Path, columns: int) -> None:
    arguments = ["fit", str(people), "--target", "paid", "--report", "r.html", "--save", "m.safetensors"]
    status, out, err = run(*arguments, columns=columns)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "report: r.html"
    assert Path("r.html").read_text().startswith("<!DOCTYPE html>")
    assert "Converged:" in out
    assert "baseline" in out
    assert max(map(len, out.splitlines())) <= columns
    assert steepest.load("m.safetensors").task == "binary"


def test_fit_quietly_says_nothing(run: Run) -> None:
    assert run("fit", "iris", "--quiet") == (0, "", "")


def test_the_target_may_be_a_number(run: Run, people: Path) -> None:
    assert run("fit", str(people), "--target", "-1")[1].startswith("paid from")
    assert run("fit", str(people), "--target", "3", "--drop", "id")[1].startswith("paid from")


def test_a_test_part_judges(run: Run, people: Path) -> None:
    _, out, _ = run("fit", str(people), "--target", "paid", "--test", str(people))
    assert "300 test rows" in " ".join(out.split())


def test_a_fit_that_does_not_converge_has_status_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = steepest.fit

    def stopped(*arguments: Any, **settings: Any) -> Any:
        return honest(*arguments, **settings | {"watch": lambda seen: seen["stage"] == "fit"})

    monkeypatch.setattr(steepest, "fit", stopped)
    status, out, _ = run("fit", "breast_cancer", "--alpha", "1e-9")
    assert status == 1
    assert "Did not converge" in out


def test_predictions_are_those_of_the_process_that_fitted(run: Run, people: Path) -> None:
    model = steepest.fit(people, "paid")
    model.save("m.safetensors")
    mine = model.predict_proba(people)
    status, out, err = run("predict", "m.safetensors", str(people), "-o", "-", "--keep", "id")
    assert status == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["id"] for row in rows] == [f"p{k:05}" for k in range(300)]
    assert [row["predicted_paid"] for row in rows] == model.predict(people).tolist()
    for k, name in enumerate(["no", "yes"]):
        assert [float(row[f"probability_{name}"]) for row in rows] == mine[:, k].tolist()
    assert "missing values filled" in err


def test_a_threshold_and_the_table_of_coefficients(run: Run, people: Path) -> None:
    options = ["--cost", "4", "--cv", "3", "--scoring", "roc_auc", "--class-weight", "yes=2", "--no-refit"]
    status, out, err = run("fit", str(people), "--target", "paid", "--save", "m.safetensors", *options,
                           "--coefficients", "c.csv", "--positive", "yes")  # fmt: skip
    assert (status, err) == (0, "")
    assert "3 folds" in out
    assert "above 0.2" in out
    assert out.splitlines()[-1] == "coefficients: c.csv"
    rows = list(csv.DictReader(Path("c.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows][:2] == ["(intercept)", "age"]
    model = steepest.load("m.safetensors")
    assert model.threshold == 0.2
    p = model.predict_proba(people)[:, 1]
    for more, cut in ([], 0.2), (["--threshold", "0.7"], 0.7), (["--cost", "1"], 0.5):
        _, out, _ = run("predict", "m.safetensors", str(people), "-o", "-", "--quiet", *more)
        called = [row["predicted_paid"] == "yes" for row in csv.DictReader(out.splitlines())]
        assert called == (p > cut).tolist()
    status, _, err = run("fit", str(people), "--target", "paid", "--class-weight", "yes")
    assert (status, "must be balanced or CLASS=WEIGHT; got 'yes'" in err) == (2, True)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow"])
def test_predictions_go_where_the_ending_says(run: Run, suffix: str) -> None:
    model = steepest.fit("diabetes")
    model.save("m.safetensors")
    status, out, err = run("predict", "m.safetensors", "diabetes", "-o", f"out.{suffix}", "--quiet")
    assert (status, out, err) == (0, "", "")
    if suffix in ("csv", "tsv"):
        head, *rows = Path(f"out.{suffix}").read_text().splitlines()
        names, predicted = [head], [float(row) for row in rows]
    else:
        table = steepest.tables.read(f"out.{suffix}")
        names, predicted = table.names, table.column("predicted_progression").to_pylist()
    assert names == ["predicted_progression"]
    assert predicted == model.predict("diabetes").tolist()


def test_new_rows_may_be_shuffled_unseen_and_missing(run: Run, people: Path) -> None:
    steepest.fit(people, "paid").save("m.safetensors")
    Path("new.csv").write_text("town,more,age,id\nUlm,1,60,a\nParis,2,30,b\n,3,,c\n", encoding="utf-8")
    status, out, err = run("predict", "m.safetensors", "new.csv", "-o", "-")
    assert status == 0
    assert len(out.splitlines()) == 4
    assert "never seen while fitting ('Paris'" in " ".join(err.split())
    assert "not used: more" in " ".join(err.split())


def test_a_column_that_is_missing_is_named(run: Run, people: Path) -> None:
    steepest.fit(people, "paid").save("m.safetensors")
    Path("new.csv").write_text("town,id\nUlm,a\nBonn,b\n", encoding="utf-8")
    status, out, err = run("predict", "m.safetensors", "new.csv", "-o", "out.csv")
    assert (status, out) == (2, "")
    assert "'age'" in err
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("columns", [40, 80])
def test_descend_draws_and_tells(run: Run, columns: int) -> None:
    status, out, err = run("descend", "rosenbrock", columns=columns)
    assert (status, err) == (0, "")
    assert "gradient_descent took rosenbrock" in " ".join(out.split())
    assert "Converged" in out
    assert max(map(len, out.splitlines())) <= columns


def test_descend_draws_while_it_falls_where_somebody_looks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from steepest.cli import descend

    class Live(descend.Terminal):
        def __init__(self, quiet: bool = False) -> None:
            super().__init__(quiet)
            self.live = True

    monkeypatch.setattr(descend, "Terminal", Live)
    monkeypatch.setenv("NO_COLOR", "1")
    status, out, err = run("descend", "rosenbrock", "--rate", "1e-6", "--iterations", "300000")
    assert (status, err) == (1, "")
    assert "\x1b[J" in out
    assert "gradient_descent: iteration" in out
    assert out.count("A\x1b[J") == out.count("gradient_descent: iteration")


def test_descend_at_a_rate_ends_at_its_budget(run: Run) -> None:
    status, out, _ = run("descend", "rosenbrock", "--rate", "0.001", "--iterations", "500")
    assert status == 1
    assert "--iterations 5000" in out


def test_descend_says_when_a_rate_is_too_large(run: Run) -> None:
    status, out, _ = run("descend", "quadratic", "--rate", "1")
    assert status == 1
    assert "too large" in " ".join(out.split())


def test_several_methods_share_a_picture_and_a_table(run: Run) -> None:
    names = ["gradient_descent", "lbfgs", "newton"]
    methods = [word for name in names for word in ("--method", name)]
    status, out, _ = run("descend", "himmelblau", *methods, "--plot", "path.png")
    assert status == 0
    assert Path("path.png").read_bytes().startswith(b"\x89PNG")
    rows = [line.split()[0] for line in out.splitlines() if line.split() and line.split()[0] in names]
    assert rows == names


def test_several_rates_are_compared(run: Run) -> None:
    status, out, _ = run(
        "descend", "rosenbrock", "--rate", "0.0001", "--rate", "0.001", "--iterations", "200"
    )
    assert status == 1
    assert "gradient_descent 0.0001" in out
    assert "gradient_descent 0.001" in out
    assert "how it ended" in out
    assert "out of iterations" in out
    assert max(map(len, out.splitlines())) <= 80


def test_scipys_own_methods_are_run(run: Run) -> None:
    status, out, _ = run("descend", "rosenbrock", "--method", "Nelder-Mead")
    assert status == 0
    assert out.startswith("nelder_mead took rosenbrock to ")


def test_the_path_is_printed_from_start_to_end(run: Run) -> None:
    _, out, _ = run("descend", "booth", "--path", "--quiet", "--x0", "-5", "4")
    rows = [[float(word) for word in line.split()] for line in out.splitlines()]
    assert rows[0][1:] == [-5.0, 4.0]
    assert rows[-1][1:] == pytest.approx([1.0, 3.0], abs=1e-4)


def test_more_variables_are_drawn_by_their_loss(run: Run) -> None:
    status, out, _ = run(
        "descend", "rosenbrock", "--variables", "10", "--method", "lbfgs", "--plot", "loss.svg"
    )
    assert status == 0
    assert "…" in out
    assert "<svg" in Path("loss.svg").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "iris", "--save", "m.safetensors", "--report", "r.html", "--drop", "petal width (cm)"],
        ["predict", "made.safetensors", "iris", "-o", "-"],
        ["fit", "breast_cancer", "--cost", "5", "--cv", "3", "--coefficients", "m.safetensors", "--verbose"],
        ["descend", "rosenbrock", "--rate", "0.001", "--iterations", "10"],
        ["descend", "rosenbrock", "--plot", "p.png", "--x0", "0", "0"],
        ["descend", "booth", "--method", "lbfgs", "--method", "adam", "--plot", "p.png"],
        ["descend", "sphere", "--variables", "5", "--method", "lbfgs", "--method", "adam", "--plot", "p.png"],
        ["list"],
        ["list", "rules"],
    ],
)
def test_the_python_lines_of_every_verb_run(run: Run, arguments: list[str]) -> None:
    steepest.fit("iris").save("made.safetensors")
    status, out, err = run(*arguments, "--python")
    assert (status, err) == (0, "")
    before = set(Path().iterdir())
    exec(compile(out, "lines", "exec"), {})
    promised = {"m.safetensors", "r.html", "p.png"} & set(arguments)
    assert promised == {path.name for path in set(Path().iterdir()) - before}
