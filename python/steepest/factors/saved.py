"""A recommender as a model file, and back."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from steepest._catalog import Settings
from steepest.conform import REAL, Each, conforms
from steepest.errors import InputError, ModelFileError
from steepest.findings import Finding
from steepest.result import Result
from steepest.saving import Arrays, pack, read_file, unpack, write_file

from .cells import Cells
from .choosing import Tried, as_dicts
from .features import SIDES, Columns
from .problem import Factors, Map

__all__ = ["KIND", "Saved", "loaded"]

Own = TypeVar("Own", bound="Saved")

#: What such a file holds.
KIND = "recommender"
#: What follows from the factors, or is as long as they are and of the descent alone.
NOT_KEPT = ("x", "jac", "hess_inv", "path")
#: Ids that are numbers, and their bytes at most.
NUMBERS, WIDEST = "biuf", 8

_RESULT = {
    "success": bool, "message": str, "outcome": str, "method": str, "reason": str, "nit": int,
    "history": Each(np.ndarray),
    "findings": [
        {
            "kind": str, "severity": {"problem", "warning", "note"}, "sentence": str, "evidence": Each(object),
            "threshold": (None, REAL, str), "remedy": str,
        }
    ],
    "certificate": (None, Each((REAL, str))),
    "*": object,
}  # fmt: skip
_FITTED = {
    "rank": int, "alpha": float, "unit": float, "rounds": (None, int), "mean": float, "held_out": Each(Each(REAL)),
    "tried": [{"rank": int, "alpha": REAL, "loss": REAL}], "columns": [str], "result": _RESULT,
    "features?": {"user": (None, [str]), "item": (None, [str])},
}  # fmt: skip


class Saved:
    """What goes into a file and comes back."""

    #: Columns of users and items that ``steepest predict`` looks for in a table, and what is predicted.
    columns_: tuple[str, ...]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file, all at once or not at all.

        The ratings or clicks, and features, are in it, so that what was seen can be left out and `partial_fit` go on;
        of `result_` what is as long as the factors is not.

        Parameters
        ----------
        path : path
            Where to.

        Raises
        ------
        ModelFileError
            It cannot be written.
        InputError
            Ids are neither texts, bytes, numbers nor times.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from steepest.factors import RatingsFactorization
        >>> users, items = ["ann", "ann", "bob", "bob", "cy"], ["tea", "rum", "tea", "rum", "tea"]
        >>> model = RatingsFactorization(rank=1, alpha=0.1).fit(users, items, [5, 1, 4, 1, 5])
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "drinks.safetensors"
        >>> model.save(path)
        >>> again = RatingsFactorization.load(path)
        >>> bool(again.predict(["cy"], ["rum"]) == model.predict(["cy"], ["rum"]))
        True
        """
        check_is_fitted(self, "user_factors_")
        content, arrays = taken_apart(self)
        write_file(path, KIND, content, arrays)

    @classmethod
    def load(cls: type[Own], path: str | os.PathLike[str]) -> Own:
        """Read a model that `save` wrote; no code in the file is run.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        RatingsFactorization or ClicksFactorization
            As it was saved: it answers with the same bits.

        Raises
        ------
        ModelFileError
            The file is not there, cut off, altered, of another kind, or from a later version.
        """
        model = loaded(path)
        if not isinstance(model, cls):
            raise ModelFileError(f"{str(path)!r} holds a {type(model).__name__}, not a {cls.__name__}")
        return model


def taken_apart(model: Any) -> tuple[dict[str, Any], Arrays]:
    """A fitted model as plain data and arrays."""
    cells, factors = model._cells, model._factors
    arrays: Arrays = {
        "factors.users": factors.users,
        "factors.items": factors.items,
        "factors.user_biases": factors.user_biases,
        "factors.item_biases": factors.item_biases,
        "cells.users": cells.users,
        "cells.items": cells.items,
        "cells.ratings": cells.ratings,
    }
    if cells.weight is not None:
        arrays["cells.weight"] = cells.weight
    result = {name: value for name, value in model.result_.items() if name not in NOT_KEPT}
    result["findings"] = [vars(finding) for finding in model.result_.findings]
    fitted = {
        "rank": model.rank_,
        "alpha": float(model.alpha_),
        "unit": model._at.unit,
        "rounds": model._at.rounds,
        "mean": float(model.mean_),
        "held_out": model.held_out_,
        "tried": as_dicts(model.tried_),
        "columns": list(model.columns_),
        "result": result,
    }
    if model._at.has_features:
        fitted["features"] = {
            name: None if own is None else list(own.names)
            for name, own in zip(SIDES, model._columns, strict=True)
        }
    for name, own, map_ in zip(SIDES, model._columns, factors.maps, strict=True):
        if own is not None and map_ is not None:
            arrays |= {
                f"features.{name}s": own.rows,
                f"features.{name}_centre": own.centre,
                f"features.{name}_scale": own.scale,
                f"maps.{name}": map_[0],
                f"maps.{name}_bias": map_[1],
            }
    # Where nobody was taken in later, or by features alone, the fit saw all.
    arrays |= {
        f"seen.{name}s": there for name, there in zip(SIDES, model._in_fit(), strict=True) if not there.all()
    }
    parameters = {name: value for name, value in model.get_params().items() if name != "watch"}
    if isinstance(model.method, Settings):
        method = model.method
        parameters["method"] = {"registry": method.registry, "name": method.name, "settings": method.settings}
    content: dict[str, Any] = {"estimator": type(model).__name__}
    for name, part in (("parameters", parameters), ("fitted", fitted)):
        content[name], more = pack(part, name)
        arrays |= more
    for name in SIDES:
        content[f"{name}_ids"], more = ids_apart(name, getattr(cells, f"{name}_ids"))
        arrays |= more
    return content, arrays


def ids_apart(name: str, ids: NDArray[Any]) -> tuple[str, Arrays]:
    """What type ids are of, and arrays of numbers that they are made of."""
    kind, at = ids.dtype.kind, f"{name}_ids"
    if kind in NUMBERS and ids.dtype.itemsize <= WIDEST:
        return "numbers", {at: ids.astype(ids.dtype.newbyteorder("="))}
    if kind in "Mm":
        native = ids.astype(ids.dtype.newbyteorder("="))
        return native.dtype.str[1:], {at: native.view(np.int64)}
    if kind in "UTS":
        texts = [
            text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass") for text in ids
        ]
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        flat = np.frombuffer(b"".join(texts), dtype=np.uint8)
        return "bytes" if kind == "S" else "texts", {at: flat, f"{at}.ends": ends}
    found = type(ids[0]).__name__ if kind == "O" else ids.dtype.name
    raise InputError(f"{name} ids of type {found} cannot be saved: make them texts or whole numbers")


def ids_again(name: str, described: Any, arrays: Arrays) -> NDArray[Any]:
    """The ids that `ids_apart` took apart."""
    at = f"{name}_ids"
    flat = arrays[at]
    if described == "numbers":
        ids = flat
    elif described in ("texts", "bytes"):
        ends = arrays[f"{at}.ends"].tolist()
        whole = flat.tobytes()
        if flat.dtype != np.uint8 or ends != sorted(ends) or (ends or [0])[-1] != len(whole):
            raise InputError(f"the {name} ids do not end where they should")
        texts = [whole[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        ids = np.array(
            texts if described == "bytes" else [text.decode("utf-8", "surrogatepass") for text in texts]
        )
    elif isinstance(described, str) and described[:2] in ("M8", "m8") and flat.dtype == np.int64:
        ids = flat.view(np.dtype(described))
    else:
        raise InputError(f"the {name} ids are of no known type")
    if ids.ndim != 1 or not (ids[1:] > ids[:-1]).all():
        raise InputError(f"the {name} ids are not in order")
    return ids


def loaded(path: str | os.PathLike[str]) -> Any:
    """The model in a file, of whichever kind.

    Raises
    ------
    ModelFileError
        The file is not there, cut off, altered, of another kind, or from a later version.
    """
    content, arrays = read_file(path, KIND)
    try:
        return put_together(content, arrays)
    except Exception as error:
        said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise ModelFileError(f"{str(path)!r} was altered, or a fault wrote it: {said}") from error


def put_together(content: dict[str, Any], arrays: Arrays) -> Any:
    """The model that `taken_apart` took apart, everything checked."""
    from . import ClicksFactorization, RatingsFactorization

    kinds: dict[str, Any] = {kind.__name__: kind for kind in (ClicksFactorization, RatingsFactorization)}
    parameters, fitted = (unpack(content[name], arrays) for name in ("parameters", "fitted"))
    if content["estimator"] not in kinds:
        raise InputError(f"it holds a {str(content['estimator'])[:40]}, which is no recommender")
    if (wrong := conforms(fitted, _FITTED, "the fit")) is not None:
        raise InputError(wrong)
    if isinstance(parameters["method"], dict):
        parameters["method"] = settings_again(**parameters["method"])
    if len(fitted["columns"]) not in (2, 3):
        raise InputError("its columns are not those of users, items and ratings")
    if fitted["alpha"] < 0 or not 0 < fitted["unit"] < np.inf:
        raise InputError("it has an alpha below 0, or ratings of no size")
    if (fitted["rounds"] or 1) < 1 or "watch" in parameters:
        raise InputError("it has fewer rounds than one, or somebody to call")
    model = kinds[content["estimator"]](**parameters)
    model._check()
    ids = [ids_again(name, content[f"{name}_ids"], arrays) for name in SIDES]
    weight = arrays.get("cells.weight")
    codes = arrays["cells.users"], arrays["cells.items"]
    cells = Cells(*codes, arrays["cells.ratings"], ids[0], ids[1], None, weight)
    chosen = {name: fitted[name] for name in ("rank", "alpha", "unit", "rounds")}
    problem = replace(model._problem(cells), **chosen)
    sides = [(arrays[f"factors.{name}s"], arrays[f"factors.{name}_biases"]) for name in SIDES]
    named = fitted.get("features") or {}
    widths = problem.widths(cells.shape)
    described = [
        _described(name, named.get(name), arrays, (len(own), problem.rank, width))
        for name, own, width in zip(SIDES, ids, widths, strict=True)
    ]
    columns = described[0][0], described[1][0]
    factors = Factors(*sides[0], *sides[1], fitted["mean"], maps=(described[0][1], described[1][1]))
    shapes = {
        "users": (len(ids[0]), problem.rank),
        "items": (len(ids[1]), problem.rank),
        "user_biases": widths[:1],
        "item_biases": widths[1:],
    }
    for name, shape in shapes.items():
        real("factors", getattr(factors, name), tuple(shape))
    real("ratings", cells.ratings, (len(cells.users),))
    if weight is not None:
        real("weights", weight, (len(cells.users),))
        if not (weight > 0).all():
            raise InputError("a rating weighs nothing, or less")
    for own, count in zip(codes, cells.shape, strict=True):
        if own.dtype != np.uint32 or own.shape != cells.ratings.shape or not len(own) or own.max() >= count:
            raise InputError("a rating is of a user or an item that is not there")
    seen = [
        arrays.get(f"seen.{name}s", np.ones(len(own), dtype=bool))
        for name, own in zip(SIDES, ids, strict=True)
    ]
    for own, count in zip(seen, cells.shape, strict=True):
        if own.dtype != np.bool_ or own.shape != (count,):
            raise InputError("whom the fit saw is not said of each")
    if not (seen[0][codes[0]] & seen[1][codes[1]]).any():
        raise InputError("the fit saw no rating")
    rows = [None if own is None else own.rows[there] for own, there in zip(columns, seen, strict=True)]
    problem = problem.described((rows[0], rows[1]))
    model._keep(problem, cells, factors, columns)
    model._fitted_ids = ids[0][seen[0]], ids[1][seen[1]]
    model.tried_ = [Tried(**row) for row in fitted["tried"]]
    model.held_out_, model.columns_ = fitted["held_out"], tuple(fitted["columns"])
    result = fitted["result"] | {"x": problem.packed(model._fitted()[1].times(1.0 / problem.unit))}
    result["findings"] = [Finding.of(finding) for finding in result["findings"]]
    model.result_ = Result.of(result)
    model.n_iter_ = model.result_.nit
    # What prints it must be able to.
    _ = model.summary(), repr(model.result_)
    return model


def _described(
    name: str, named: list[str] | None, arrays: Arrays, shape: tuple[int, int, int]
) -> tuple[Columns | None, Map | None]:
    """A side's features and what its map makes of them, checked; None and None where there are none."""
    if named is None:
        return None, None
    (count, rank, width), k = shape, len(named)
    found = [
        arrays[key] for key in (f"features.{name}s", f"features.{name}_centre", f"features.{name}_scale")
    ]
    weights, bias = arrays[f"maps.{name}"], arrays[f"maps.{name}_bias"]
    shapes = (count, k), (k,), (k,), (k, rank), (k if width else 0,)
    for array, own in zip((*found, weights, bias), shapes, strict=True):
        real("features", array, own)
    if k == 0 or not (found[2] >= 0).all():
        raise InputError("its features are none, or of a size below 0")
    return Columns(tuple(named), found[1], found[2], found[0]), (weights, bias)


def real(what: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuses what is not an array of finite numbers of that shape."""
    if array.dtype != np.float64 or array.shape != shape or not np.isfinite(array).all():
        raise InputError(
            f"the {what} must be {shape} finite numbers of 64 bits; got {array.dtype} of shape {array.shape}"
        )


def settings_again(registry: str, name: str, settings: dict[str, Any]) -> Any:
    """A method or rule with its settings, by the registry that it stands in."""
    if registry not in ("methods", "rules"):
        raise InputError(f"method is of no registry: {registry!r:.40}")
    module = import_module(f"steepest.{registry}")
    known = {getattr(getattr(module, each), "name", None): getattr(module, each) for each in module.__all__}
    return known[name](**settings)
