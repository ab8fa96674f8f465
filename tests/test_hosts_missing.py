"""torch, Keras and ASE are extras: without them there is a plain message that names the extra."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("host", "extra"),
    [("torch", r"steepest\[torch\]"), ("keras", r"steepest\[keras\]"), ("ase", r"steepest\[ase\]")],
)
def test_without_the_host_the_extra_is_named(host: str, extra: str) -> None:
    code = f"""
import re, sys
class Missing:  # as if it were not installed
    def find_spec(self, name, *rest):
        if name == {host!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing())
import steepest
try:
    import steepest.{host}
except ModuleNotFoundError as error:
    assert re.search({extra!r}, str(error)) and error.name == {host!r}, error
else:
    raise SystemExit("imported")
try:
    steepest.{host}
except AttributeError as error:
    assert re.search({extra!r}, str(error)), error
else:
    raise SystemExit("found")
assert not hasattr(steepest, {host!r}) and {host!r} not in dir(steepest)
from steepest import *
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
