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
    {"_core", "_types", "errors", "findings", "conform"},
    {"_catalog", "constraints", "curvature", "points", "tasks", "terms", "trees", "workers"},
    {"rules", "methods", "penalties", "losses", "searches", "rates"},
    {"formula", "saving", "schedules", "tables"},
    {"report"},
    {"result", "penalised"},
    {"objective", "callbacks", "checkpoint", "problems", "residuals"},
    {"scipys"},
    {"chains"},
    {"options", "starts"},
    {"minimize", "least_squares", "line_search"},
    {"curve_fit"},
    {"descend"},
    {"linear", "network", "factors", "portfolio", "energy"},
    {"forecast", "river"},
    {"model"},
    {"fitting"},
    {"fit"},
    {"hosts", "training"},
    {"torch", "jax", "keras", "dask", "onnx", "mlflow", "ase"},
    {"catalogue"},
    {"cli"},
]
HOSTS = {"torch", "jax", "keras"}
HOST_MAY_USE = {"_core", "_types", "_catalog", "formula", "errors", "rules", "rates", "hosts", "trees"}
# What a loop of a host's own, as `torch.fit`, speaks the package's language with.
HOST_MAY_USE |= {"checkpoint", "findings", "result", "training"}

# Rust: what each module may use of the crate, and nothing else.
MAY: dict[str, set[str]] = {
    "activation": {"numbers", "settings"},
    "activations": {"activation", "numbers", "settings"},
    "certificate": {"state"},
    "chain": {"numbers", "parallel", "rule", "rules", "settings"},
    "curvature": {"units"},
    "descend": {
        "certificate",
        "curvature",
        "evaluated",
        "health",
        "method",
        "objective",
        "penalty",
        "problem",
        "state",
        "status",
        "units",
        "watch",
    },
    "design": {"source"},
    "designs": {"design", "linalg", "numbers", "parallel", "source"},
    "differences": {"numbers", "objective", "state", "status"},
    "duality": {"held", "loss", "parallel", "penalty"},
    "energy": {"linalg", "numbers", "objective", "refusal", "status"},
    "evaluated": set(),
    "factors": {
        "linalg",
        "loss",
        "numbers",
        "objective",
        "parallel",
        "penalty",
        "refusal",
        "state",
        "status",
    },
    "glm": {
        "design",
        "designs",
        "gram",
        "held",
        "linalg",
        "loss",
        "numbers",
        "objective",
        "parallel",
        "penalty",
        "refusal",
        "scaling",
        "status",
        "table",
    },
    "gram": {"held", "linalg", "numbers", "parallel", "scaling"},
    "health": {"state"},
    "held": {"design", "designs", "loss", "parallel", "status"},
    "initialise": {"numbers", "settings"},
    "linalg": {"numbers", "parallel", "state"},
    "linear": {
        "descend",
        "design",
        "designs",
        "glm",
        "health",
        "linalg",
        "loss",
        "losses",
        "methods",
        "objective",
        "parallel",
        "penalties",
        "penalty",
        "problem",
        "refusal",
        "saved",
        "settings",
        "status",
        "table",
        "watch",
    },
    "linfa": {"designs", "linear"},
    "loss": {"numbers", "settings"},
    "losses": {"loss", "numbers", "settings"},
    "method": {"certificate", "curvature", "objective", "penalty", "problem", "settings", "state", "status"},
    "methods": {
        "certificate",
        "chain",
        "curvature",
        "design",
        "designs",
        "duality",
        "gram",
        "health",
        "held",
        "linalg",
        "method",
        "numbers",
        "objective",
        "parallel",
        "penalties",
        "penalty",
        "problem",
        "rate",
        "rates",
        "refusal",
        "rule",
        "rules",
        "scaling",
        "search",
        "searches",
        "settings",
        "state",
        "status",
        "table",
        "units",
    },
    "network": {
        "activation",
        "activations",
        "chain",
        "initialise",
        "linalg",
        "loss",
        "numbers",
        "objective",
        "parallel",
        "rate",
        "rule",
        "status",
        "watch",
    },
    "numbers": set(),
    "objective": {"held", "penalty", "state", "status", "table"},
    "parallel": set(),
    "penalties": {"linalg", "numbers", "penalty", "settings"},
    "penalty": {"numbers", "settings", "state"},
    "problem": {
        "design",
        "evaluated",
        "health",
        "held",
        "objective",
        "penalty",
        "status",
        "table",
        "units",
        "watch",
    },
    "online": {"design", "linalg", "loss", "numbers"},
    "problems": {"numbers", "objective", "settings", "status"},
    "quadratic": {"certificate", "descend", "gram", "linalg", "parallel", "status", "watch"},
    "rate": {"numbers", "settings"},
    "rates": {"numbers", "rate", "settings"},
    "refusal": {"design", "parallel"},
    "residuals": {"objective", "state", "status"},
    "rule": {"linalg", "numbers", "settings"},
    "rules": {"linalg", "numbers", "rule", "settings"},
    "saved": {"status"},
    "scaling": {"held", "linalg", "numbers", "parallel", "table"},
    "search": {"settings", "state"},
    "searches": {"search", "settings", "state"},
    "settings": {"numbers"},
    "source": set(),
    "squares": {"certificate", "descend", "design", "designs", "linalg", "parallel", "status", "watch"},
    "state": set(),
    "status": {"certificate"},
    "table": set(),
    "units": {"state"},
    "watch": {"state", "status"},
}
#: The same of the files in `methods/`, beside what all of them share of the crate: what each of them stands on.
#: `registry` is `mod.rs`, which knows every method.
METHODS_MAY: dict[str, set[str]] = {
    "adapgm": {"epochs", "proved"},
    "alternating": set(),
    "atoms": {"composite", "convergence", "gradient_check"},
    "augmented_lagrangian": {"bounds", "convergence", "directions", "gradient_check", "standing"},
    "bounds": set(),
    "choose": {"proved", "registry", "ruled"},
    "composite": {"gradient_check"},
    "convergence": {"gradient_check"},
    "coordinate": {"shares"},
    "directed": {"direction", "smooth"},
    "direction": {"pairs"},
    "directions": {"directed", "direction", "gradient_check", "newton", "pairs", "progressive"},
    "epochs": {"composite", "convergence", "fista", "gradient_check"},
    "fire": {"gradient_check", "proved", "standing"},
    "fista": {"composite", "convergence", "coordinate", "gradient_check", "proved", "shares"},
    "frank_wolfe": {"atoms", "convergence"},
    "gradient_check": set(),
    "gradient_descent": {"convergence", "gradient_check", "seen", "sizes", "standing"},
    "interior_point": set(),
    "levenberg_marquardt": {"convergence", "gradient_check"},
    "mirror_descent": {"atoms", "convergence", "proved"},
    "natural": set(),
    "newton": {"convergence", "gradient_check", "standing"},
    "pairs": set(),
    "panoc": {"composite", "convergence", "gradient_check", "pairs", "proved"},
    "progressive": set(),
    "proved": {"convergence", "coordinate", "directions", "gradient_check", "natural", "progressive"},
    "ruled": {"convergence", "gradient_check", "sampler", "seen", "standing"},
    "saga": {"composite", "epochs", "proved", "sampler"},
    "sampler": set(),
    "seen": {"gradient_check"},
    "shares": set(),
    "sizes": set(),
    "smooth": {"bounds", "convergence", "direction", "gradient_check", "pairs", "standing"},
    "spsa": set(),
    "sqp": {"augmented_lagrangian"},
    "standing": {"bounds", "convergence", "gradient_check", "sizes"},
    "steepest_descent": {"gradient_descent"},
    "stochastic_lbfgs": {"proved", "sampler", "svrg"},
    "svrg": {"epochs", "pairs", "proved", "sampler"},
}
#: What `mod.rs` hands on of a file under a shorter path.
HANDED_ON = {"lbfgs": "directions", "METHODS": "registry", "at_work": "registry"}
#: Modules that know each other. What lies between a method and what it minimises is to take the first two away.
CIRCLES = {("glm", "objective")}


#: Names that more than one type of the crate has, and why.
TWICE = {
    **dict.fromkeys(("Entry", "Kind", "Offers"), "one a registry, which stands before it: `rule::Entry`"),
    **dict.fromkeys(
        ("Descent", "Work"), "a method's own two: what a run of it remembers, and what it is made with"
    ),
    **dict.fromkeys(
        ("Dense", "Gram", "Joint", "Judged", "Line", "Model", "Seen"), "inside one method's folder"
    ),
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


def test_an_alias_of_arrays_is_written_once() -> None:
    """What several files call their arrays stands in `_types`."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in FILES:
        for name, kind in re.findall(
            r"^(\w+)(?:: \w+)? = (?:NDArray|np\.ndarray)\[(.*)\]$", path.read_text(), re.MULTILINE
        ):
            key = name, re.sub(r"^Any, np\.dtype\[(.*)\]$", r"\1", kind)
            found.setdefault(key, []).append(str(path.relative_to(PYTHON)))
    assert {key: files for key, files in found.items() if len(files) > 1} == {}


def modules() -> list[str]:
    """The modules of the crate, by their names in `lib.rs`."""
    return sorted({f.relative_to(RUST).parts[0].removesuffix(".rs") for f in RUST.rglob("*.rs")} - {"lib"})


def sources(folder: Path, name: str) -> dict[Path, str]:
    """The code of a module's files, without comments and tests."""
    files = [f for f in [folder / f"{name}.rs"] if f.exists()] + sorted((folder / name).rglob("*.rs"))
    found = {}
    for file in (f for f in files if f.name != "tests.rs"):
        code = re.split(r"#\[cfg\(.*\btest\b.*\)\]\s*mod", file.read_text())[0]
        found[file] = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("//"))
    return found


def uses(name: str) -> set[str]:
    """The modules of the crate that a module names, its tests left out."""
    found: set[str] = set()
    for code in sources(RUST, name).values():
        # A macro stands at the root, wherever it is written.
        code = code.replace("crate::simd!", "crate::numbers::simd!")
        found |= set(re.findall(r"crate::(\w+)", code))
        for group in re.findall(r"crate::\{([^}]*)", code):
            found |= set(re.findall(r"(\w+)(?:::|,|$)", group))
    return found - {name}


def heads(tree: str) -> set[str]:
    """The first names of what stands at the head of a `use`: of `{a::b, c::{d, e}}` a and c."""
    while (inner := re.sub(r"(?<=.)\{[^{}]*\}", "", tree)) != tree:
        tree = inner
    return set(re.findall(r"[{,]\s*(\w+)", "{" + tree.strip("{}")))


def used_by_method(name: str) -> set[str]:
    """The files and folders of `methods/` that one of them names, by `super` or from the root."""
    found: set[str] = set()
    for file, code in sources(RUST / "methods", name).items():
        up = len(file.relative_to(RUST / "methods").parts) - (file.name == "mod.rs")
        path = rf"(?<![\w:])(?:(?:super::){{{up}}}|crate::methods::)"
        for tree in re.findall(rf"{path}(\w+|\{{[^;]*\}})", code):
            found |= heads(tree) - {"super"}
    return {HANDED_ON.get(used, used) for used in found} - {name}


METHOD_FILES = sorted({f.stem for f in (RUST / "methods").iterdir()} - {"mod"})


@pytest.mark.parametrize("name", METHOD_FILES)
def test_a_method_uses_only_what_it_may(name: str) -> None:
    assert name in METHODS_MAY, f"methods/{name} has no row: say what it may use"
    assert used_by_method(name) == METHODS_MAY[name], "a row says what is used, no more and no less"


def test_no_two_methods_know_each_other() -> None:
    left = {name: used - {"registry"} for name, used in METHODS_MAY.items()}
    assert left.keys() == set(METHOD_FILES)
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"a ring among {sorted(left)}"


def test_what_stands_around_an_objective_says_so() -> None:
    """State, tensors, blocks, limits and rows are then those of what it stands around, and `keeps` holds it to that."""
    around = r"(?:&'\w+ mut|Box<)\s*(?:dyn Objective|Glm<)"
    wrappers = []
    for file in sorted((ROOT / "crates").rglob("*.rs")):
        code = file.read_text()
        for name in re.findall(r"^impl.* Objective for (\w+)", code, re.MULTILINE):
            fields = re.search(rf"struct {name}\b[^;{{]*\{{(.*?)^\}}", code, re.MULTILINE | re.DOTALL)
            if fields and re.search(around, fields[1]):
                impl = re.search(rf"^impl.* Objective for {name}\b.*?^\}}", code, re.MULTILINE | re.DOTALL)
                said = set(re.findall(r"fn (\w+)\(", impl[0])) if impl else set()
                assert {"wrapped", "wrapped_mut"} <= said, name
                assert RUST not in file.parents or re.search(rf"keeps\(&mut {name}\b", code), name
                wrappers.append(name)
    assert {"Counted", "Lagrangian", "Scaled"} <= set(wrappers)


@pytest.mark.parametrize("name", modules())
def test_rust_uses_only_what_it_may(name: str) -> None:
    assert name in MAY, f"{name} has no row: say what it may use"
    assert uses(name) & set(modules()) <= MAY[name]


def test_no_two_rust_modules_know_each_other() -> None:
    """Nor do more of them in a ring, but for those that are named."""
    left = {name: {u for u in used if tuple(sorted((name, u))) not in CIRCLES} for name, used in MAY.items()}
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"a ring among {sorted(left)}"


def test_what_may_be_used_is_used() -> None:
    """A row that allows more than is needed holds nothing."""
    assert {n: MAY[n] - uses(n) for n in MAY if MAY[n] - uses(n)} == {}


def test_every_module_stands_in_the_architecture() -> None:
    """The map shows all that is there, each name in the part of its own."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    parts = {
        part.split()[0]: part for part in re.split(r"^(?=crates/|python/)", page, flags=re.MULTILINE)[1:]
    }
    binding = ROOT / "crates" / "steepest-python" / "src"
    there = {
        "crates/steepest/src": set(modules()),
        "crates/steepest-python/src": {f.stem for f in binding.iterdir()} - {"lib"},
        "python/steepest": {room(f) for f in FILES} | {"_core"},
    }
    for folder, names in there.items():
        assert {name for name in names if not re.search(rf"\b{name}\b", parts[folder])} == set(), folder


def types() -> dict[str, list[str]]:
    """Where each type of the crate is declared, its tests left out."""
    found: dict[str, list[str]] = {}
    for file in sorted(f for f in RUST.rglob("*.rs") if f.name != "tests.rs"):
        code = re.split(r"#\[cfg\(.*\btest\b.*\)\]\s*mod", file.read_text())[0]
        declared = r"^ *(?:pub(?:\([\w: ]+\))? )?(?:struct|enum|union|trait) (\w+)|^(?:pub(?:\([\w: ]+\))? )?type (\w+)"
        for kind, alias in re.findall(declared, code, re.MULTILINE):
            found.setdefault(kind or alias, []).append(str(file.relative_to(RUST)))
    return found


def test_a_name_is_used_once_for_types() -> None:
    """Whoever meets a type in the crate knows which one it is."""
    twice = {name: files for name, files in types().items() if len(files) > 1 and name not in TWICE}
    assert not twice, "choose another name, or give a reason in TWICE"


def test_the_core_knows_no_python() -> None:
    manifest = (ROOT / "crates" / "steepest" / "Cargo.toml").read_text()
    assert "pyo3" not in manifest
