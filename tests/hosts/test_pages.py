"""The pages and examples for torch, Keras, JAX, ONNX and ASE run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.hosts,
    # Keras's own variables do not know NumPy's `copy` yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["torch", "keras", "jax", "onnx", "ase"])
def test_the_code_of_a_page_runs(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(
        re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{host}.md").read_text(), re.DOTALL)
    )
    assert "steepest" in code
    exec(compile(code, f"{host}.md", "exec"), {})


#: What an example prints, and between which numbers it must lie: three accuracies unless another is said here.
ACCURACIES = (r"test accuracy (\d\.\d+)", [(0.8, 1.0)] * 3)
SAYS = {
    "images_and_codes": [
        (r"test accuracy (\d\.\d+)", [(0.9, 1.0)]),
        (r"squared error (\d\.\d+)", [(0, 0.02), (0.02, 1)]),
    ],
    # A bag of words cannot know what "not" turns; the words of the second kind are new to the readers.
    "sentences": [
        (r"test accuracy (\d\.\d+)", [(0.4, 0.65), (0.95, 1.0), (0.95, 1.0)]),
        (r"tuned +accuracy (\d\.\d+)", [(0.7, 1.0)]),
        (r"nothing accuracy (\d\.\d+)", [(0.3, 0.7)]),
    ],
    # Both know more than the letter before, which alone comes to 2.67.
    "characters": [
        (r"alone: (\d\.\d+)", [(2.6, 2.75)]),
        (r": (\d\.\d+) nats a letter. It", [(1.5, 2.3), (1.5, 2.65)]),
    ],
    # Calls of the calculator by two of ASE's optimizers, then by ours.
    "atoms_with_ase": [(r"at rest after +(\d+) calls", [(20, 200)] * 2 + [(5, 25)])],
    "physics": [(r"largest error (\d\.\d+)", [(0, 0.05)])],
}


@pytest.mark.parametrize("script", sorted((ROOT / "examples" / "hosts").glob("*.py")), ids=lambda p: p.stem)
def test_an_example_runs(script: Path, tmp_path: Path) -> None:
    env = os.environ | {"MPLBACKEND": "agg"}
    ran = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    for words, ranges in SAYS.get(script.stem, [ACCURACIES]):
        said = [float(number) for number in re.findall(words, ran.stdout)]
        assert len(said) == len(ranges) or len(said) > 3
        assert all(low <= number <= high for number, (low, high) in zip(said, ranges, strict=False)), (
            ran.stdout
        )


@pytest.mark.parametrize("module", ["torch", "keras", "jax", "onnx", "ase"])
def test_the_examples_of_docstrings_run(module: str) -> None:
    import doctest
    import importlib

    failed, tried = doctest.testmod(importlib.import_module(f"steepest.{module}"))
    assert tried > 2
    assert failed == 0
