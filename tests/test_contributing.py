"""Follows CONTRIBUTING.md to the letter in a copy of the tree: what it says to add compiles and passes the matrix."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The files that go over the registries: what holds a new entry to what every entry must do.
MATRIX = (
    "claims",
    "learnt",
    "losses",
    "losses_joint",
    "methods",
    "network",
    "penalties",
    "rates",
    "ruled",
    "rules",
    "saved",
    "searches",
)
# Those of them that go over no registry, which cost the most.
OF_NO_ENTRY = (
    "a_table_written_otherwise",
    "progressive_goes_on",
    "units_change_no_word",
    "whatever_is_wrong",
)
BLOCK = re.compile(r"```rust\n// (?P<path>\S+?)(?:: in (?P<where>\w+!?))?\n(?P<code>.*?)```", re.DOTALL)


def follow(page: str, tree: Path) -> list[str]:
    """Adds every block of the page to the tree: a file, or a line at the end of a registry. Returns the paths."""
    paths = []
    for block in BLOCK.finditer(page):
        path, where, code = tree / block["path"], block["where"], block["code"]
        if where is None:
            assert not path.exists(), f"{block['path']} exists already"
            path.write_text(code)
        else:
            before = path.read_text()
            start = before.index(f"\n{where} {{" if where.endswith("!") else f" {where}:")
            ends = [before.find(mark, start) for mark in (";\n    ", "\n}", "\n];")]
            end = min(at for at in ends if at >= 0)
            head = before[:end].rstrip()
            path.write_text(
                head
                + ("" if head.endswith((",", "{", "[")) else ",")
                + "\n"
                + code.rstrip().rstrip(",")
                + before[end:]
            )
        paths.append(block["path"])
    return paths


def test_what_contributing_says_to_add_passes_the_matrix(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("Cargo.toml", "Cargo.lock", "rustfmt.toml", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree)
    for name in ("crates", ".cargo"):
        shutil.copytree(ROOT / name, tree / name)
    paths = follow((ROOT / "CONTRIBUTING.md").read_text(), tree)
    kinds = ["rules", "losses", "penalties", "methods", "directions", "searches", "rates", "activations"]
    assert [Path(p).parent.name for p in paths] == [
        *(k for k in kinds for _ in range(2)),
        "tests",
        "tests",
    ], "a file and a line for each kind, and one file for what stands in no registry"
    # The same place and features as `make test`'s: what the crate stands on is compiled already.
    environment = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ}
    # The others are tried by `make test` itself.
    environment["STEEPEST_ENTRIES"] = ",".join(Path(p).stem for p in paths)
    judges = [*MATRIX, *(Path(p).stem for p in paths if Path(p).parent.name == "tests")]
    done = subprocess.run(
        [
            "cargo",
            "test",
            "--quiet",
            "-p",
            "steepest",
            "--all-features",
            *(f"--test={name}" for name in judges),
            "--",
            *(f"--skip={name}" for name in OF_NO_ENTRY),
        ],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    formatted = subprocess.run(["cargo", "fmt", "--check"], cwd=tree, capture_output=True, text=True)
    assert formatted.returncode == 0, formatted.stdout
