"""What was asked of a descent beside the function: the method with its settings, and when to stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from steepest import _core
from steepest.errors import InputError, did_you_mean

__all__ = ["Asked", "name_of"]

#: SciPy's names of methods, and ours that does the same.
SCIPY = {
    "l-bfgs-b": "lbfgs",
    "bfgs": "lbfgs",
    "newton-cg": "newton",
    "trust-exact": "newton",
    "dogleg": "newton",
}

#: SciPy's names of methods that nothing here does.
_NOT_HERE = (
    "nelder-mead", "powell", "cg", "tnc", "cobyla", "cobyqa", "slsqp",
    "trust-constr", "trust-ncg", "trust-krylov",
)  # fmt: skip

#: Options of the loop (and SciPy's names for them).
_LOOP = {
    "maxiter": "iterations",
    "max_iter": "iterations",
    "maxfun": "evaluations",
    "maxfev": "evaluations",
    "max_evaluations": "evaluations",
    "max_seconds": "seconds",
}

#: SciPy's steps of differences, and whether they are relative to max(1, |x|).
_STEPS = {"eps": False, "finite_diff_rel_step": True}

#: SciPy's names of settings, and ours.
_SETTINGS = {"maxcor": "memory"}


@cache
def settings_by_method() -> dict[str, tuple[str, ...]]:
    """The names of each method's settings."""
    everything = _core.catalog()

    def own(entry: dict[str, Any]) -> tuple[str, ...]:
        return tuple(p["name"] for p in entry["parameters"])

    methods = {e["name"]: own(e) for e in everything["methods"]}
    return methods | {e["name"]: own(e) + methods["ruled"] for e in everything["rules"]}


def name_of(method: Any) -> str:
    """A method's name, whether it was given by name or as an instance."""
    return str(getattr(method, "name", method))


@dataclasses.dataclass(frozen=True)
class Asked:
    """The method by name (None for whichever suits), its settings, tolerance and budgets."""

    method: str | None
    settings: tuple[tuple[str, float], ...]
    loop: dict[str, Any]
    tolerance: float | None
    disp: bool = False
    reason: str = ""

    @classmethod
    def of(cls, method: Any, tol: Any = None, options: Mapping[str, Any] | None = None) -> Asked:
        """Read and check; unknown names are errors that name near ones."""
        name, settings, reason = _read_method(method)
        loop: dict[str, Any] = {"iterations": None, "evaluations": None, "seconds": None, "step": None}
        disp = False
        for key, value in dict(options or {}).items():
            if key == "disp":
                disp = bool(value)
            elif key in _STEPS:
                loop["step"] = _read_step(key, value)
            elif key in _LOOP:
                loop[_LOOP[key]] = _read_budget(key, value)
            else:
                setting = _SETTINGS.get(key, key)
                _check_setting(setting, name)
                settings[setting] = _read_number(key, value)
        if tol is not None and not (0 <= (tol := _read_number("tol", tol)) < float("inf")):
            raise InputError(f"tol must be at least 0 and finite; got {tol}")
        return cls(name, tuple(settings.items()), loop, tol, disp, reason)

    def request(self) -> dict[str, Any]:
        """What the compiled core is told of it."""
        return {
            "method": self.method,
            "settings": list(self.settings),
            "tolerance": self.tolerance,
            **self.loop,
        }


def _read_method(method: Any) -> tuple[str | None, dict[str, float], str]:
    if method is None:
        return None, {}, ""
    known = settings_by_method()
    if isinstance(method, str):
        if method in known:
            return method, {}, ""
        same = SCIPY.get(method.lower())
        if same is not None:
            return same, {}, f"asked for as {method}, of which {same} does the work"
        raise InputError(_unknown(method, known))
    name = getattr(method, "name", None)
    if dataclasses.is_dataclass(method) and not isinstance(method, type) and isinstance(name, str):
        fields = {f.name for f in dataclasses.fields(method)} - {"name"}
        if name in known:
            return name, {f: _read_number(f, getattr(method, f)) for f in sorted(fields)}, ""
    raise InputError(
        f"method must be a name or an instance from steepest.methods or steepest.rules; got {method!r}"
    )


def _unknown(method: str, known: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(known))
    if method.lower() in _NOT_HERE:
        return f"SciPy's method {method!r} is not here; there is {names}"
    hint = did_you_mean(method, [*known, "L-BFGS-B", "BFGS", "Newton-CG"])
    return f"no method is called {method!r}{hint or f'; there is {names}'}"


def _check_setting(key: str, method: str | None) -> None:
    known = settings_by_method()
    of_method = known[method] if method else tuple(s for all_ in known.values() for s in all_)
    if key not in of_method:
        hint = did_you_mean(key, [*of_method, *_LOOP, *_SETTINGS, "disp"])
        raise InputError(
            f"no option is called {key!r}{hint or '; there is ' + ', '.join([*_LOOP, 'disp', *of_method])}"
        )


def _read_number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number; got {value!r}") from None


def _read_budget(name: str, value: Any) -> Any:
    if value is None:
        return None
    number = _read_number(name, value)
    if not number >= 0:
        raise InputError(f"{name} must be at least 0; got {value!r}")
    if _LOOP[name] == "seconds":
        return number
    return int(min(number, 2.0**62))


def _read_step(name: str, value: Any) -> tuple[list[float], bool] | None:
    """A step for all variables, or one for each; None leaves them to be found."""
    if value is None:
        return None
    try:
        steps = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be a number above 0, or one for each variable; got {value!r}"
        ) from None
    if not (steps.size and (steps > 0).all() and np.isfinite(steps).all()):
        raise InputError(f"{name} must be a number above 0, or one for each variable; got {value!r}")
    return steps.tolist(), _STEPS[name]
