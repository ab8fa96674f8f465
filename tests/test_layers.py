"""Who may use whom: the table of the architecture page, held against the imports themselves."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / "python" / "steepest"
RUST = ROOT / "crates" / "steepest" / "src"

# Python: a module may use those in layers before its own, and its own package.
LAYERS = [
    {"_core", "errors", "findings", "conform"},
    {"_catalog"},
    {"rules", "methods", "penalties", "losses", "rates", "formula", "saving", "tables"},
    {"report"},
    {"result"},
    {"objective", "callbacks", "problems", "options"},
    {"minimize"},
    {"descend"},
    {"linear", "network", "factors", "portfolio", "energy"},
    {"model"},
    {"fitting"},
    {"fit"},
    {"hosts"},
    {"torch", "jax", "keras", "dask", "onnx", "mlflow"},
    {"cli"},
]
HOSTS = {"torch", "jax", "keras"}
HOST_MAY_USE = {"_core", "_catalog", "formula", "errors", "rules", "rates", "hosts"}

# Rust: what each module must never use.
NEVER = {
    "real": {"jet", "trace", "rule", "loss", "method", "descend"},
    "jet": {"rule", "loss", "method", "descend"},
    "trace": {"rule", "loss", "method", "descend"},
    "rule": {"rules", "method", "methods", "objective", "descend"},
    "rules": {"method", "methods", "objective", "descend"},
    "loss": {"losses", "design", "glm", "method", "methods", "descend"},
    "losses": {"design", "glm", "method", "methods", "descend"},
    "design": {"loss", "glm", "method", "methods", "descend"},
    "designs": {"loss", "glm", "method", "methods", "descend"},
    "penalty": {"penalties", "method", "methods", "objective", "descend"},
    "penalties": {"method", "methods", "objective", "descend"},
    "objective": {"method", "methods", "penalty", "penalties"},
    "glm": {"method", "methods", "losses"},
    "method": {"methods", "penalties", "losses"},
    "methods": {"losses"},
    "descend": {"methods", "penalties", "losses", "rules"},
}


def room(path: Path) -> str:
    """The layer's name of a Python file: its module, or the package it lies in."""
    return path.relative_to(PYTHON).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The rooms of this package that a file imports anywhere, at its head or inside a function."""
    inside = path.relative_to(PYTHON).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["steepest", *inside[: len(inside) - (node.level - 1)]] if node.level else []
            start = ".".join([*package, *([node.module] if node.module else [])])
            names = [start, *(f"{start}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "steepest" and len(parts) > 1:
                found.add(parts[1])
    return found


FILES = sorted(p for p in PYTHON.rglob("*.py") if p.parent != PYTHON or not p.name.startswith("__"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PYTHON)))
def test_python_uses_only_what_lies_below(path: Path) -> None:
    order = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    here = room(path)
    assert here in order, f"{path.name} has no place in the layers: give it one"
    for used in imports(path) & order.keys():
        assert used == here or order[used] < order[here], f"{here} may not use {used}"
        if here in HOSTS:
            assert used in HOST_MAY_USE | {here}, (
                f"the host {here} may use the catalogue, the formula and _core"
            )


@pytest.mark.parametrize("name", sorted(NEVER))
def test_rust_uses_only_what_it_may(name: str) -> None:
    files = [f for f in [RUST / f"{name}.rs"] if f.exists()] + sorted((RUST / name).rglob("*.rs"))
    files = [f for f in files if f.name != "tests.rs"]
    assert files, f"there is no module {name}"
    for file in (f for f in files if f.name != "tests.rs"):
        code = re.split(r"#\[cfg\(test\)\]", file.read_text())[0]
        code = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("//"))
        used = set(re.findall(r"crate::(\w+)", code)) | {
            m
            for group in re.findall(r"crate::\{([^}]*)", code)
            for m in re.findall(r"(\w+)(?:::|,|$)", group)
        }
        assert not used & NEVER[name], f"{file.name} uses {sorted(used & NEVER[name])}"


def test_the_core_knows_no_python() -> None:
    manifest = (ROOT / "crates" / "steepest" / "Cargo.toml").read_text()
    assert "pyo3" not in manifest
