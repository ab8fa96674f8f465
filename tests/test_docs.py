"""What is shown runs: the examples of public docstrings, of the README and of the guide."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import steepest
from steepest.catalogue.pages import KINDS, entries

ROOT = Path(__file__).parents[1]
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
#: modules that need what is not always installed
HOSTS = {"steepest.torch", "steepest.keras", "steepest.jax", "steepest.onnx", "steepest.ase"}
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(steepest.__path__, "steepest.")
    if module.name not in HOSTS and not module.name.endswith(("._core", "__main__"))
)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files that examples write go where they harm nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.mark.parametrize("name", ["steepest", *MODULES])
def test_examples_of_docstrings_run(name: str) -> None:
    importlib.import_module(name)
    module = __import__("sys").modules[name]
    failed, _ = doctest.testmod(module, optionflags=OPTIONS)
    assert failed == 0


@pytest.mark.parametrize("page", ["docs/guide.md", "docs/network.md", "docs/questions.md"])
def test_sessions_of_a_page_run(page: str) -> None:
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False, optionflags=OPTIONS)
    assert tried > 5
    assert failed == 0


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/index.md",
        "docs/command_line.md",
        "docs/portfolio.md",
        "docs/forecast.md",
        "docs/energy.md",
    ],
)
@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
def test_code_of_a_page_runs(page: str) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    exec(compile(code, page, "exec"), {})


def test_every_page_of_the_catalogue_is_linked_from_one() -> None:
    catalogue = (ROOT / "docs" / "catalogue.md").read_text()
    from steepest.catalogue.pages import KINDS

    for kind in KINDS:
        assert f"catalogue/{kind}" in catalogue


def test_no_link_of_a_source_ends_in_a_full_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    pages = importlib.import_module("catalogue_pages")
    sources = [entry.source for kind in KINDS for entry in entries(kind).values() if "http" in entry.source]
    assert len(sources) > 50
    assert not [source for source in sources if re.search(r"[.,;]>", pages.linked(source))]
    assert pages.linked("See https://arxiv.org/abs/1711.05101.") == "See <https://arxiv.org/abs/1711.05101>."
