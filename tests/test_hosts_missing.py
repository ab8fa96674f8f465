"""torch, Keras and ASE are extras: without them there is a plain message that names the extra."""

import subprocess
import sys

CODE = """
import re, sys
HOSTS = {"torch", "keras", "ase"}
class Missing:  # as if they were not installed
    def find_spec(self, name, *rest):
        if name in HOSTS:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing())
from importlib import import_module
import steepest
for host in HOSTS:
    extra = rf"steepest\\[{host}\\]"
    try:
        import_module("steepest." + host)
    except ModuleNotFoundError as error:
        assert re.search(extra, str(error)) and error.name == host, error
    else:
        raise SystemExit("imported " + host)
    try:
        getattr(steepest, host)
    except AttributeError as error:
        assert re.search(extra, str(error)), error
    else:
        raise SystemExit("found " + host)
    assert not hasattr(steepest, host) and host not in dir(steepest)
from steepest import *
"""


def test_without_the_hosts_their_extras_are_named() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=300)
