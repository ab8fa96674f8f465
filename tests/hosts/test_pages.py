"""The pages and examples for torch, Keras, JAX and ONNX run as they stand."""

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


@pytest.mark.parametrize("host", ["torch", "keras", "jax", "onnx"])
def test_the_code_of_a_page_runs(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(
        re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{host}.md").read_text(), re.DOTALL)
    )
    assert code.count("steepest.") > 2
    exec(compile(code, f"{host}.md", "exec"), {})


@pytest.mark.parametrize("script", sorted((ROOT / "examples" / "hosts").glob("*.py")), ids=lambda p: p.stem)
def test_an_example_runs(script: Path, tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    right = [float(a) for a in re.findall(r"test accuracy (\S+)", ran.stdout)]
    assert len(right) >= 3
    assert min(right) > 0.8


@pytest.mark.parametrize("module", ["torch", "keras", "jax", "onnx"])
def test_the_examples_of_docstrings_run(module: str) -> None:
    import doctest
    import importlib

    failed, tried = doctest.testmod(importlib.import_module(f"steepest.{module}"))
    assert tried > 2
    assert failed == 0
