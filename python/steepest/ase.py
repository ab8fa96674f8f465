"""`Descent`: the methods of this package as an optimizer of ASE, the atomic simulation environment.

>>> from ase.build import bulk
>>> from ase.calculators.emt import EMT
>>> from steepest.ase import Descent
>>> atoms = bulk("Cu", cubic=True) * 2
>>> atoms.rattle(0.1, seed=0)
>>> atoms.calc = EMT()
>>> bool(Descent(atoms, logfile=None).run(fmax=0.01))
True
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

try:
    import ase.optimize.optimize as host
    from ase import Atoms
    from ase.filters import Filter
except ModuleNotFoundError as error:
    if error.name != "ase":
        raise
    raise ModuleNotFoundError(
        "steepest.ase needs ASE, which is not installed: pip install 'steepest[ase]'", name="ase"
    ) from None

from steepest._types import Floats
from steepest.chains import settings_by_method
from steepest.descend import Descent as Steps
from steepest.descend import Step
from steepest.errors import InputError
from steepest.objective import Function
from steepest.options import Asked
from steepest.result import Result
from steepest.scipys import METHODS

__all__ = ["Descent"]

#: What the calculator says again of the same positions may differ by so much, relative, where it sums in another order.
_AGAIN = 1e-9
#: Coordinates that come back by no more than this elsewhere than they were put (a filter's, through exponentials of
#: matrices) are where they were put.
_ELSEWHERE = 1e-7
#: Calculators take coordinates no further apart for the same, and would say again that there is no number.
_ALIKE = 1e-14
#: Where so many of a step's calls gave no number, and it lowered the energy by no more than this, relative, the edge of
#: what the calculator knows stands in the way: further steps would call it some hundred times each.
_AT_THE_EDGE, _HARDLY = 20, 1e-8
_EDGE = "the way down leads to where the calculator gives no number (nan or infinity)"
#: After so many calls in a row that gave no number it is asked again where it gave one: a line search would go on for
#: a thousand calls.
_IN_A_ROW = 8
#: What is said where there is no number any more at the positions that had one.
_BROKEN = (
    "the calculator gives no number (nan or infinity) any more where it gave one before; the atoms are {}: look for "
    "what it keeps from call to call, and go on from them"
)
_LOWEST, _LATEST = "at the lowest energy before that", "where it gave one last"


class _BrokenDownError(Exception):
    """The calculator gives no number any more where it gave one."""


class Descent(host.Optimizer):  # type: ignore[misc]
    """A descent of atoms, of a filter or of a band: `run(fmax, steps)`, `irun`, `attach` and the rest are ASE's own.

    Each step of ASE's is a step of the method: it may ask for forces more than once, along one line. Whether it is
    done is ASE's to say, by `fmax`.

    Parameters
    ----------
    atoms : Atoms, a filter, or whatever ASE can optimize
        With a calculator; constraints and cell filters are respected.
    method : str, dataclass or None
        A method of `steepest.methods` or a rule of `steepest.rules`, by name or with settings; None for what suits a
        function with a gradient. Forces that no energy has, as those on a band of images (NEB), need one that looks at
        forces alone: "fire", which is taken for them unless another is named.
    restart : path or None
        A file that the run is kept in after each step; where it is there, the run goes on from it.
    logfile, trajectory, append_trajectory, **kwargs
        As ASE's optimizers have them.
    options : mapping or None
        Settings of the method by name.

    Raises
    ------
    InputError
        If there is no such method or setting.

    Examples
    --------
    >>> from ase.build import molecule
    >>> from ase.calculators.emt import EMT
    >>> from steepest.ase import Descent
    >>> atoms = molecule("H2O", calculator=EMT())
    >>> with Descent(atoms, method="bfgs", logfile=None) as descent:
    ...     bool(descent.run(fmax=1e-4))
    True

    Notes
    -----
    Where atoms are moved, or their calculator is changed, between two steps, the method begins anew from there. Where
    no step lowers the energy any more before `fmax` is met, or forces are not the energy's, `run` warns, says why,
    leaves the atoms at the lowest energy that the method has come to, and returns False. So it does where the
    calculator breaks down and gives no number (nan or infinity) any more, be it of the forces alone: the atoms are then
    at the lowest energy of all calls before (those of a band, which has none, where it gave one last).
    """

    def __init__(
        self,
        atoms: Any,
        method: Any = None,
        restart: Any = None,
        logfile: Any = "-",
        trajectory: Any = None,
        append_trajectory: bool = False,
        *,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._asked = _asked(
            "fire" if method is None and hasattr(atoms, "nimages") else method, options, atoms
        )
        self.method = self._asked.told({"method": self._asked.method or "auto", "reason": ""})["method"]
        self._steps: Steps | None = None
        #: where the steps stand, and the energy there
        self._at: tuple[Floats, float] | None = None
        #: the positions from which displacements are counted
        self._origin: Floats = np.empty(0)
        #: where the last step led
        self._last: Floats = np.empty(0)
        #: where the atoms were put last: a constraint may have moved them from there
        self._asked_for: Floats = np.empty(0)
        self.force_calls = 0
        #: calls of this step that gave no number, and those in a row that it ends with
        self._numberless, self._missed = 0, 0
        #: whether forces are an energy's: not those of bands, nor of climbs along a mode, which "fire" is for
        self._of_energy = self.method != "fire" or isinstance(atoms, Atoms | Filter)
        #: the lowest energy that was met with all of its forces, and where; without an energy the latest
        self._best: tuple[float, Floats] | None = None
        try:
            super().__init__(atoms, restart, logfile, trajectory, append_trajectory, **kwargs)
        except TypeError as error:
            if "unexpected keyword" not in str(error):
                raise
            raise InputError(
                f"{str(error).partition(' got ')[2]}: settings of the method go in options, and how far a step goes is "
                "found out on the way"
            ) from None

    def todict(self) -> dict[str, Any]:
        """What ASE writes of the run into its trajectory."""
        return {**super().todict(), "method": self.method}

    def read(self) -> None:
        """Go on from the restart file: the method as it was, and the positions that it had come to."""
        with warnings.catch_warnings():
            # Of a filter's cell ASE says that its own optimizers do not keep it: it is kept here.
            warnings.filterwarnings("ignore", "WARNING: restart function", UserWarning)
            kept = self.load()
        try:
            arrays, origin = dict(kept["run"]), np.asarray(kept["origin"], dtype=np.float64)
            if kept["method"] != self.method:
                raise InputError(
                    f"the restart file {str(self.restart)!r} is of the method {kept['method']}, and {self.method} is "
                    "asked for: name that one, or delete the file"
                )
            if origin.shape != (self.optimizable.ndofs(),):
                raise InputError(
                    f"the restart file {str(self.restart)!r} is of {origin.size} coordinates, and there are "
                    f"{self.optimizable.ndofs()} here: delete it to begin anew"
                )
            at, energy = np.asarray(kept["at"], dtype=np.float64), float(kept["energy"])
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise host.RestartError(
                f"{str(self.restart)!r} is no restart file of steepest.ase.Descent ({error!r}): delete it to begin anew"
            ) from error
        if kept.get("orig_cell") is not None:
            self.atoms.orig_cell = np.asarray(kept["orig_cell"])
        self.optimizable.set_x(at)
        here = float(self.optimizable.get_value())
        if not abs(here - energy) <= 1e-6 * max(1.0, abs(energy)):
            raise host.RestartError(
                f"the restart file {str(self.restart)!r} is of other atoms, or of another calculator: the energy where "
                f"it goes on was {energy:.10g} and is {here:.10g}"
            )
        self._begin(origin, arrays)
        self._asked_for = at
        self._at = (np.array(self.optimizable.get_x(), dtype=np.float64), here)

    def step(self) -> None:
        """Take one step of the method; ASE calls this."""
        fresh = self._steps is None or self._moved()
        self._numberless = 0
        before, _, known = self._read()
        if fresh and known:
            # Others may be of another calculator.
            self._best = before, np.array(self.optimizable.get_x(), dtype=np.float64)
        try:
            why = self._step(fresh, before)
        except _BrokenDownError:
            self._steps = None
            why = _BROKEN.format(_LOWEST if self._of_energy else _LATEST)
        if why is not None:
            self._end(why)

    def _step(self, fresh: bool, before: float) -> str | None:
        """One step of the method from this energy; why there are no further ones, where that is so."""
        if fresh:
            self._begin(np.array(self.optimizable.get_x(), dtype=np.float64))
        told = self._next()
        if told is None and not fresh and self._ended().outcome != "gradient_inconsistent":
            # What it remembers may be what leads nowhere.
            self._place(self._stood())
            if self._read()[2]:
                self._begin(np.array(self.optimizable.get_x(), dtype=np.float64))
                told = self._next()
        if told is None:
            ended = self._ended()
            # Not where it looked last: that may be a place without an energy.
            self._place(self._positions(np.asarray(ended.x)))
            if not self._read()[2]:
                self._look_again()
            self._steps = None
            # Of forces that are not the energy's that is said, however many calls gave no number.
            edge = self._numberless >= _AT_THE_EDGE and ended.outcome != "gradient_inconsistent"
            return _EDGE if edge else _why(ended)
        x = self._positions(np.asarray(told.x))
        self._place(x)
        energy, _, known = self._read()
        if not known:
            # It had a number there, and still has one at the best: the next step begins anew from that.
            self._look_again()
            self._steps = None
            return None
        at = np.array(self.optimizable.get_x(), dtype=np.float64)
        if np.abs(at - x).max(initial=0.0) > _ELSEWHERE:
            # A constraint has put them elsewhere, as one of bond lengths does: the steps to come begin there.
            self._origin, self._asked_for = self._origin + (at - x), at
        self._at = at, energy
        self._keep()
        fallen = before - energy
        stands = self._numberless >= _AT_THE_EDGE and fallen <= _HARDLY * max(1.0, abs(before))
        return _EDGE if stands else None

    def _end(self, reason: str) -> None:
        """No further step: it would stand here until all that are allowed are used up."""
        self.max_steps = self.nsteps + 1
        warnings.warn(f"steepest.ase.Descent goes no further: {reason}", RuntimeWarning, stacklevel=3)

    def _begin(self, origin: Floats, arrays: Mapping[str, Any] | None = None) -> None:
        """A new run of the method, from an origin or from what was kept."""
        self._origin, self._last, self._at = origin, origin, None
        self._asked_for = np.array(self.optimizable.get_x(), dtype=np.float64)
        function = Function.of(self._ask, np.ones(origin.size), jac=True)
        self._kept = _Kept(arrays) if self.restart is not None else None
        self._steps = Steps(function, self._asked, self._kept, path=False)
        if arrays is None:
            # The first of its steps is the start itself, of which the forces are known.
            next(self._steps)

    def _next(self) -> Step | None:
        """What the next step leads to; None where none leads anywhere."""
        assert self._steps is not None
        while True:
            numberless = self._numberless
            told = next(self._steps, None)
            if told is None:
                return None
            x = self._positions(np.asarray(told.x))
            if not np.array_equal(x, self._last):
                break
            if self._numberless == numberless:
                return None
            # Where a step found no energy the next one is shorter.
        self._last = x
        return told

    def _ended(self) -> Result:
        """What has come of the steps."""
        assert self._steps is not None
        return self._steps.result()

    def _stood(self) -> Floats:
        """Where the last step led."""
        return self._origin if self._at is None else self._at[0]

    def _positions(self, y: Floats) -> Floats:
        """Coordinates, of displacements that are counted from 1."""
        return np.asarray(self._origin + (y - 1.0))

    def _ask(self, y: Floats) -> tuple[float, Floats]:
        """The energy and its gradient at displacements."""
        try:
            if self._place(self._positions(y)):
                self.force_calls += 1
        except (ValueError, RuntimeError):
            if self._at is None:
                raise
            # A constraint that cannot be met from so far away: the step is made shorter.
            self._numberless += 1
            return np.inf, np.zeros(y.size)
        energy, gradient, known = self._read()
        self._numberless += not known
        if self._missed >= _IN_A_ROW:
            self._look_again()
        # Without its forces an energy is none: the step is made shorter.
        return energy if known or self._best is None else np.nan, gradient

    def _read(self) -> tuple[float, Floats, bool]:
        """The energy and its gradient where the atoms are, and whether all of it is numbers."""
        gradient = np.array(self.optimizable.get_gradient(), dtype=np.float64).ravel()
        energy = float(self.optimizable.get_value())
        known = bool(np.isfinite(energy) and np.isfinite(gradient).all())
        self._missed = 0 if known else self._missed + 1
        if known and (self._best is None or not self._of_energy or energy < self._best[0]):
            self._best = energy, np.array(self.optimizable.get_x(), dtype=np.float64)
        return energy, gradient, known

    def _look_again(self) -> None:
        """Put the atoms at the best place, and end where there is no number any more."""
        if self._best is None:
            return
        if self._place(self._best[1]):
            self.force_calls += 1
        if not self._read()[2]:
            raise _BrokenDownError

    def _place(self, x: Floats) -> bool:
        """Put the atoms at x, or where their constraints allow; whether they were not there already."""
        if np.array_equal(x, self._asked_for):
            return False
        alike = self._missed > 0 and np.abs(x - self._asked_for).max() <= _ALIKE
        self.optimizable.set_x(x)
        self._asked_for = x
        if alike:
            for image in self.optimizable.iterimages():
                reset = getattr(getattr(image, "calc", None), "reset", None)
                if reset is not None:
                    reset()
        return True

    def _moved(self) -> bool:
        """Whether someone else has moved the atoms since the last step, or asks another calculator."""
        if self._at is None:
            return not np.array_equal(self._origin, self.optimizable.get_x())
        x, energy = self._at
        here = float(self.optimizable.get_value())
        return not (
            np.array_equal(x, self.optimizable.get_x())
            and abs(here - energy) <= _AGAIN * max(1.0, abs(energy))
        )

    def _keep(self) -> None:
        """Write the restart file, where one is asked for."""
        if self._kept is None or self._kept.arrays is None or self._at is None:
            return
        self.dump(
            {
                "method": self.method,
                "origin": self._origin,
                "at": self._asked_for,
                "energy": self._at[1],
                "orig_cell": getattr(self.atoms, "orig_cell", None),
                "run": self._kept.arrays,
            }
        )


class _Kept:
    """A run between two steps, as the core gives it and takes it back; `Descent` writes it in ASE's own format."""

    def __init__(self, arrays: Mapping[str, Any] | None) -> None:
        self._saved = None if arrays is None else {name: _array(value) for name, value in arrays.items()}
        self.arrays: dict[str, Any] | None = None

    def request(self) -> dict[str, Any]:
        """What the compiled core needs to know of it: it is told of every step."""
        return {"name": "restart", "saved": self._saved, "write": self._write, "seconds": 0.0}

    def findings(self) -> list[dict[str, Any]]:
        """Nothing is written here that could fail."""
        return []

    def _write(self, arrays: dict[str, Any] | None) -> None:
        self.arrays = arrays


def _array(value: Any) -> Any:
    """An array as the core has it; what ASE's format makes of one that is empty included."""
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    return array.astype(np.float64) if array.size == 0 else array


def _why(ended: Result) -> str:
    """Why there are no further steps."""
    if ended.outcome == "gradient_inconsistent":
        return f"{ended.message} Forces are minus the gradient, three entries for each atom."
    # Of those that have not come to an end themselves.
    return "its steps lead nowhere" if ended.outcome == "stopped" else str(ended.message)


def _asked(method: Any, options: Mapping[str, Any] | None, atoms: Any) -> Asked:
    """The method with its settings: ASE says when it is done, and nothing else does."""
    given = dict(options or {})
    if isinstance(method, str):
        # ASE's optimizers have their names in capitals.
        method = METHODS.get(method.lower(), method.lower())
    for name in ("gtol", "ftol"):
        if name in given:
            raise InputError(f"{name} says when to stop, and so does the fmax of run: leave {name} out")
    named = Asked.of(method, options=given)
    known = settings_by_method()
    if named.method is None or "gtol" in known[named.method]:
        given["gtol"] = 0.0
    if named.method == "fire" and not isinstance(atoms, Atoms | Filter):
        # Bands, and climbs along a mode: no energy has such forces, and none is asked whether it does.
        given = {"verify": 0} | given
    return Asked.of(method, 0.0, given)
