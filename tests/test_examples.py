"""The examples run: scripts as they stand, the notebook cell by cell; what it shows is what is promised."""

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SCRIPTS = sorted([*EXAMPLES.glob("*.py"), *EXAMPLES.glob("gallery/*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_runs(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process: a fresh one would spend more time on what it imports than on the script."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        pyplot.close("all")
    said, complained = capfd.readouterr()
    assert said.strip()
    assert complained == ""


def read(path: Path) -> Any:
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(path, as_version=4)


def shown(cell: Any) -> str:
    return "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_committed_as_it_ran(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert all(out.output_type != "error" and out.get("name") != "stderr" for out in cell.outputs)
        assert not re.search(r"/(home|work|root|Users)/", str(cell.outputs))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("default")
def test_a_notebook_runs(path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = read(path)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            errors = "".join(out.get("text", "") for out in cell.outputs if out.get("name") == "stderr")
            # Which fonts a machine has is not the notebook's affair.
            assert not [line for line in errors.splitlines() if not line.startswith("findfont:")], shown(cell)


def test_the_first_descent_shows_what_it_promises() -> None:
    cells = [c for c in read(EXAMPLES / "first_descent.ipynb").cells if c.cell_type == "code"]
    story = "\n".join(map(shown, cells))
    for words in (
        "same points: True",
        "diverged",
        "it rose at rate",
        "above the best possible",
        "noise floor",
        "The gradient is not the function's",
        "Separable classes, and no penalty",
        "together give the target 'progression' away",
        "largest stable rate = 0.2 ",
    ):
        assert words in story
    assert sum("image/png" in out.get("data", {}) for c in cells for out in c.outputs) >= 4
