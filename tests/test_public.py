"""The public names: complete, sorted, documented, and loaded only when asked for."""

import inspect
import subprocess
import sys

import pytest

import steepest


def test_names_are_sorted_and_all_there() -> None:
    assert steepest.__all__ == sorted(steepest.__all__)
    assert set(steepest.__all__) == set(steepest._PLACES)
    for name in steepest.__all__:
        assert getattr(steepest, name) is not None


@pytest.mark.parametrize("name", steepest.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(steepest, name)
    assert inspect.getdoc(value), f"{name} has no docstring"
    if inspect.ismodule(value):
        for inner in getattr(value, "__all__", []):
            thing = getattr(value, inner)
            if callable(thing):
                assert inspect.getdoc(thing), f"{name}.{inner} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        steepest.nonsense  # noqa: B018


def test_import_loads_numpy_and_no_more() -> None:
    code = (
        "import sys, steepest; import steepest._core;"
        "print(sorted({m.split('.')[0] for m in sys.modules} &"
        " {'scipy', 'sklearn', 'pandas', 'pyarrow', 'matplotlib', 'rich', 'jinja2', 'torch', 'keras'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_functions_stay_functions_when_their_module_is_imported() -> None:
    code = "import steepest.minimize, steepest.descend, steepest; steepest.minimize.__call__; steepest.descend.__call__"
    subprocess.run([sys.executable, "-c", code], check=True)
