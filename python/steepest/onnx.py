"""Models as ONNX graphs, for a server or a program that has no Python.

`export` takes what `steepest.fit` returns, table columns, missing values, levels and all, or a fitted linear estimator.
Pipelines of scikit-learn that end in a linear estimator of this package are converted by `skl2onnx` once this module
is imported.

>>> import steepest, steepest.onnx
>>> graph = steepest.onnx.export(steepest.fit("breast_cancer"))
>>> [output.name for output in graph.graph.output]
['label', 'probabilities']
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import onnx
    import skl2onnx
except ModuleNotFoundError as error:
    if error.name not in ("onnx", "skl2onnx"):
        raise
    raise ModuleNotFoundError(
        f"steepest.onnx needs {error.name}, which is not installed: pip install 'steepest[onnx]'",
        name=error.name,
    ) from None
from onnx import TensorProto, helper, numpy_helper
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import is_classifier

from steepest import linear
from steepest.errors import InputError
from steepest.linear.theirs import Counterpart
from steepest.model import Model
from steepest.model.weights import Weights
from steepest.tables.encoders import MISSING, OTHER, HashedPiece, LevelsPiece, NumberPiece
from steepest.tables.form import DEGREE, Pair
from steepest.tables.missing import TOKENS

__all__ = ["export"]

#: Versions of the operators that are used.
_OPSET, _OPSET_ML = 17, 3


def export(model: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """A model as an ONNX graph.

    Parameters
    ----------
    model : Model or linear estimator
        What `steepest.fit` returned: the graph has one input a column of the table, of shape (rows, 1), numbers as
        float64 with NaN where one is missing (0 and 1 for no and yes), categories as texts without blanks round them,
        with "" or any word that `steepest.fit` takes for it where one is missing. Or a fitted estimator of
        `steepest.linear`: one input "X" of float64.
    path : path, optional
        Where to write the graph as well.

    Returns
    -------
    onnx.ModelProto
        Of a `Model` it has the outputs "label" and "probabilities" for classes, "prediction" for numbers (with "_2"
        behind where a column has that name); of an estimator those of skl2onnx: the margins in place of probabilities
        where it has none.

    Raises
    ------
    InputError
        The model uses parts of dates or hashes texts, or has no counterpart in scikit-learn.

    Examples
    --------
    >>> import steepest, steepest.onnx
    >>> graph = steepest.onnx.export(steepest.fit("diabetes"))
    >>> [i.name for i in graph.graph.input][:3]
    ['age', 'sex', 'bmi']
    """
    if isinstance(model, Model):
        graph = _of_table(model)
    elif isinstance(model, Counterpart):
        theirs = model.to_sklearn()
        shown = {} if hasattr(theirs, "predict_proba") else {"raw_scores": True}
        if hasattr(type(theirs), "predict_proba"):
            shown["zipmap"] = False
        options = {id(theirs): shown} if is_classifier(theirs) else None
        kind = [("X", DoubleTensorType([None, theirs.n_features_in_]))]
        graph = skl2onnx.to_onnx(theirs, initial_types=kind, options=options, target_opset=_OPSET)
    else:
        raise InputError(
            f"export takes a model of steepest.fit or a linear estimator; got {type(model).__name__}"
        )
    if path is not None:
        Path(path).write_bytes(graph.SerializeToString())
    return graph


class _Graph:
    """A graph that is being written: nodes and constants whose names no column has."""

    def __init__(self, columns: Iterable[str]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.taken = set(columns)

    def _called(self, name: str) -> str:
        """The name, or the first after it that is free."""
        free = next(n for n in chain([name], (f"{name}_{k}" for k in count(2))) if n not in self.taken)
        self.taken.add(free)
        return free

    def constant(self, value: NDArray[Any]) -> str:
        name = self._called(f"c{len(self.constants)}")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, out: str = "", **settings: Any) -> str:
        out = self._called(out or f"n{len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **settings))
        return out


def _of_table(model: Model) -> Any:
    """The encoding of the columns, the margins, and what they stand for."""
    schema, weights = model.schema, model.weights
    if not isinstance(weights, Weights):
        raise InputError("networks of tables are not exported: fit with model='linear' for a graph")
    graph = _Graph(column.name for column in schema.used)
    dated = [p.column for p in schema.pieces if p.part is not None]
    if dated:
        raise InputError(
            f"the model uses parts of the date {dated[0]!r}, which ONNX cannot take apart: make them columns of "
            "numbers before the fit"
        )
    if hashed := [p.column for p in schema.pieces if isinstance(p, HashedPiece)]:
        raise InputError(
            f"the model hashes the texts of {hashed[0]!r}, for which ONNX has no operator: fit without "
            "hash_columns for a graph"
        )
    inputs = [
        helper.make_tensor_value_info(
            column.name, TensorProto.STRING if column.values == "text" else TensorProto.DOUBLE, [None, 1]
        )
        for column in schema.used
    ]
    numbers = [p for p in schema.pieces if isinstance(p, NumberPiece)]
    levels = [p for p in schema.pieces if isinstance(p, LevelsPiece)]
    margin = graph.constant(weights.offset[None, :])
    named = {name: column for p in numbers for name, column in zip(p.names, _number(graph, p), strict=True)}
    places = {p.name: _level(graph, p) for p in levels}
    form = schema.form
    curves, gone = {curve.name: curve for curve in form.curves}, {step.name for step in form.steps}
    columns = [
        _splines(graph, column, curves[name].knots) if name in curves else column
        for name, column in named.items()
        if name not in gone
    ]
    first = schema.width - form.cells - sum(len(p.levels) for p in levels)
    if columns:
        table = graph.add("Concat", *columns, axis=1)
        centred = graph.add("Sub", table, graph.constant(weights.centre[None, :first]))
        product = graph.add("MatMul", centred, graph.constant(weights.coefficients[:, :first].T))
        margin = graph.add("Add", product, margin)
    coded = [(len(p.levels), places[p.name]) for p in levels]
    coded += [(len(step.levels), _stretch(graph, named[step.name], step.edges)) for step in form.steps]
    coded += [(len(pair.levels), _pair(graph, pair, named, places)) for pair in form.pairs]
    for many, code in coded:
        own = slice(first, first + many)
        absent = -(weights.coefficients[:, own] * weights.centre[own]).sum(axis=1)
        added = np.vstack([absent + weights.coefficients[:, own].T, absent])
        codes = graph.add("Flatten", code, axis=0)  # (1, rows)
        rows = graph.add("Gather", graph.constant(added), codes, axis=0)  # (1, rows, outputs)
        rows = graph.add("Squeeze", rows, graph.constant(np.array([0])))
        margin = graph.add("Add", margin, rows)
        first += many
    outputs = _means(graph, model, margin)
    made = helper.make_graph(graph.nodes, "steepest", inputs, outputs, graph.constants)
    versions = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _OPSET_ML)]
    whole = helper.make_model(made, opset_imports=versions, producer_name="steepest", ir_version=8)
    onnx.checker.check_model(whole)
    return whole


def _number(graph: _Graph, piece: NumberPiece) -> list[str]:
    """A column of numbers with its gaps filled, and where they were."""
    absent = graph.add("Or", graph.add("IsNaN", piece.column), graph.add("IsInf", piece.column))
    columns = [graph.add("Where", absent, graph.constant(np.array(piece.fill)), piece.column)]
    if piece.indicator:
        columns.append(graph.add("Cast", absent, to=TensorProto.DOUBLE))
    return columns


def _level(graph: _Graph, piece: LevelsPiece) -> str:
    """The place of each text among the levels; one further for a text that is none of them."""
    place = {level: i for i, level in enumerate(piece.levels)}
    if piece.pooled:
        place |= dict.fromkeys(piece.pooled, piece.levels.index(OTHER))
    none = len(piece.levels)
    absent = piece.levels.index(MISSING) if MISSING in piece.levels else none
    place = dict.fromkeys(sorted(TOKENS), absent) | place
    return graph.add(
        "LabelEncoder",
        piece.column,
        domain="ai.onnx.ml",
        keys_strings=list(place),
        values_int64s=list(place.values()),
        default_int64=none,
    )


def _splines(graph: _Graph, column: str, knots: Sequence[float]) -> str:
    """The cubic B-splines over knots, by the recursion of Cox and de Boor; constant beyond the ends."""
    inner = np.asarray(knots)
    before = inner[0] - (inner[1] - inner[0]) * np.arange(DEGREE, 0, -1)
    after = inner[-1] + (inner[-1] - inner[-2]) * np.arange(1, DEGREE + 1)
    t = np.concatenate([before, inner, after])
    # The last piece holds its end.
    low, high = graph.constant(inner[0]), graph.constant(np.nextafter(inner[-1], inner[0]))
    x = graph.add("Min", graph.add("Max", column, low), high)
    from_, until = (graph.constant(part[None, :]) for part in (t[:-1], t[1:]))
    inside = graph.add("And", graph.add("GreaterOrEqual", x, from_), graph.add("Less", x, until))
    basis = graph.add("Cast", inside, to=TensorProto.DOUBLE)
    axis, zero, one = (graph.constant(np.array([value])) for value in (1, 0, 1))
    for degree in range(1, DEGREE + 1):
        count = len(t) - 1 - degree
        width = graph.constant(np.array([count])), graph.constant(np.array([count + 1]))
        rises, falls = t[degree : degree + count] - t[:count], t[degree + 1 :] - t[1 : count + 1]
        up = graph.add(
            "Div", graph.add("Sub", x, graph.constant(t[None, :count])), graph.constant(rises[None, :])
        )
        down = graph.add(
            "Div", graph.add("Sub", graph.constant(t[None, degree + 1 :]), x), graph.constant(falls[None, :])
        )
        here = graph.add("Slice", basis, zero, width[0], axis)
        there = graph.add("Slice", basis, one, width[1], axis)
        basis = graph.add("Add", graph.add("Mul", up, here), graph.add("Mul", down, there))
    return basis


def _stretch(graph: _Graph, column: str, edges: Sequence[float]) -> str:
    """Between which edges each number lies: how many of them it reaches."""
    reached = graph.add("GreaterOrEqual", column, graph.constant(np.asarray(edges)[None, :]))
    whole = graph.add("Cast", reached, to=TensorProto.INT64)
    return graph.add("ReduceSum", whole, graph.constant(np.array([1])), keepdims=1)


def _pair(graph: _Graph, pair: Pair, named: dict[str, str], places: dict[str, str]) -> str:
    """The cell of a pair; one further where a side has none of its levels."""
    one, other = (
        _stretch(graph, named[side.name], side.edges) if side.edges else places[side.name]
        for side in (pair.one, pair.other)
    )
    wide, deep = (graph.constant(np.array(len(side.levels))) for side in (pair.one, pair.other))
    cell = graph.add("Add", graph.add("Mul", one, deep), other)
    none = graph.add("Or", graph.add("Equal", one, wide), graph.add("Equal", other, deep))
    return graph.add("Where", none, graph.constant(np.array(len(pair.levels))), cell)


def _means(graph: _Graph, model: Model, margin: str) -> list[Any]:
    """What the margins stand for: the outputs of the graph."""
    task = model._task
    if model.schema.classes is None:
        if task.link not in ("identity", "log"):
            raise InputError(f"a model of the loss {task.loss} has no graph yet")
        out = graph.add("Exp" if task.link == "log" else "Identity", margin, out="prediction")
        return [helper.make_tensor_value_info(out, TensorProto.DOUBLE, [None, 1])]
    if task.several:
        shares = graph.add("Softmax", margin, out="probabilities", axis=1)
        called = graph.add("ArgMax", shares, axis=1, keepdims=0)
    else:
        # Each class from its own side, so that small probabilities keep their digits.
        sides = [graph.add("Sigmoid", m) for m in (graph.add("Neg", margin), margin)]
        shares = graph.add("Concat", *sides, out="probabilities", axis=1)
        above = graph.add("Greater", sides[1], graph.constant(np.array(model.threshold)))
        flat = graph.add("Squeeze", above, graph.constant(np.array([1])))
        called = graph.add("Cast", flat, to=TensorProto.INT64)
    classes = np.array(model.schema.classes)
    kinds = {"b": TensorProto.BOOL, "i": TensorProto.INT64, "u": TensorProto.INT64, "f": TensorProto.DOUBLE}
    kind = kinds.get(classes.dtype.kind, TensorProto.STRING)
    if kind == TensorProto.STRING:
        texts = [str(c) for c in classes.tolist()]
        places = list(range(len(texts)))
        label = graph.add(
            "LabelEncoder",
            called,
            out="label",
            domain="ai.onnx.ml",
            keys_int64s=places,
            values_strings=texts,
        )
    else:
        known = classes.astype(np.int64) if kind == TensorProto.INT64 else classes
        label = graph.add("Gather", graph.constant(known), called, out="label", axis=0)
    return [
        helper.make_tensor_value_info(label, kind, [None]),
        helper.make_tensor_value_info(shares, TensorProto.DOUBLE, [None, len(classes)]),
    ]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """One of our estimators within a pipeline: scikit-learn's own in its place."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    theirs = operator.raw_operator.to_sklearn()
    inner = scope.declare_local_operator(sklearn_operator_name_map[type(theirs)], theirs)
    inner.inputs = operator.inputs
    for output in operator.outputs:
        made = scope.declare_local_variable(output.raw_name, type(output.type)())
        inner.outputs.append(made)
        container.add_node(
            "Identity", made.full_name, output.full_name, name=scope.get_unique_operator_name("Same")
        )


def _register() -> None:
    for name in linear.__all__:
        ours = getattr(linear, name)
        if not (isinstance(ours, type) and issubclass(ours, Counterpart)):
            continue
        classifies = is_classifier(ours())
        shape = (
            calculate_linear_classifier_output_shapes
            if classifies
            else calculate_linear_regressor_output_shapes
        )
        options: dict[str, list[Any]] = {"nocl": [True, False]} if classifies else {}
        if hasattr(ours, "predict_proba") and classifies:
            options["zipmap"] = [True, False, "columns"]
        skl2onnx.update_registered_converter(ours, f"Steepest{name}", shape, _convert, options=options)


_register()
