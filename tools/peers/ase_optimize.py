"""ASE's tests of its optimizers, and of what its tests relax with them, from its wheel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# ASE's cell filters multiply small matrices: threads only stand in each other's way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import ase.optimize  # noqa: E402
import ase.test  # noqa: E402
from peer_tests import names_used  # noqa: E402

from steepest.ase import Descent  # noqa: E402

_FOLDER = Path(ase.test.__file__).parent
# A tenth of the few tests asks for what ours does not offer; each failure has its reason.
LEAST = 0.85
TESTS = [
    str(_FOLDER / name)
    for name in (
        "optimize/test_optimizers.py",
        "optimize/test_optimize_stepwise.py",
        "optimize/test_optimizer_restart.py",
        "optimize/test_restart.py",
        "optimize/test_replay.py",
        "optimize/test_nsteps.py",
        "optimize/test_pure.py",
        "filter",
        "constraints",
        "calculator/test_morse.py",
        "calculator/test_harmonic.py",
        "emt",
        "test_example.py",
        "test_hcp.py",
        "test_linesearch_maxstep.py",
        "test_stress.py",
        "vibrations/test_vibrations_example.py",
    )
]


class _Named(Descent):
    """A method with the arguments of ASE's optimizer of that name; its settings of steps have no meaning here."""

    method_name: Any = None

    def __init__(
        self,
        atoms: Any,
        restart: Any = None,
        logfile: Any = "-",
        trajectory: Any = None,
        append_trajectory: bool = False,
        maxstep: Any = None,
        alpha: Any = None,
        memory: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(atoms, self.method_name, restart, logfile, trajectory, append_trajectory, **kwargs)


class BFGS(_Named):
    """Dense, as ASE's."""

    method_name = "bfgs"


class BFGSLineSearch(BFGS):
    """The same: with a search along each line."""


class LBFGS(_Named):
    """Of limited memory, as ASE's."""

    method_name = "lbfgs"


class LBFGSLineSearch(LBFGS):
    """The same: with a search along each line."""


def replace() -> list[type]:
    """Ours under ASE's public names."""
    kinds: list[type] = [BFGS, BFGSLineSearch, LBFGS, LBFGSLineSearch]
    for kind in kinds:
        theirs = getattr(ase.optimize, kind.__name__)
        for module in list(sys.modules.values()):
            if getattr(module, kind.__name__, None) is theirs and module.__name__.startswith("ase."):
                setattr(module, kind.__name__, kind)
    ase.optimize.QuasiNewton = BFGSLineSearch
    return kinds


def private(function: Any) -> bool:
    """Whether a test reaches into what an optimizer of ASE's keeps: its Hessian, its own names."""
    return bool(names_used(function) & {"H", "H0", "state", "pos0", "forces0", "force_calls"})
