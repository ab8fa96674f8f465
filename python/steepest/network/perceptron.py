"""What the two estimators share: how a network is trained."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from steepest import _core
from steepest.errors import InputError
from steepest.result import Result

from .layered import Layered

__all__ = ["Perceptron"]

#: Steps that `solver="auto"` takes, and between how many epochs it takes them.
_STEPS, _FEWEST = 8000, 20
#: Rows from which on some are held out where nobody says.
_ENOUGH = 100
#: What an answer has beside the fields of a result.
_BESIDE = ("scores", "best", "losses", "memory")
#: By how much of itself, times tol, the loss must fall in a step of lbfgs: at the default tol SciPy's 2.2e-9, which
#: scikit-learn leaves at that.
_FLAT = 1e11 * np.finfo(float).eps
_STILL = (
    "The last step hardly lowered the loss: that this is a least one is not known; a smaller tol goes on."
)
#: How training ends where there is no network to hand over.
_LOST = ("diverged", "not_finite")
#: The cap of the rule that finds its own rate, from which it falls to 0 along a cosine.
_CAP = 0.01
#: Over about how many epochs the weights are averaged that are judged and kept: steps stay so long that the noise of
#: the batches does not die away before the end, and the best weights are mostly those of an earlier epoch.
_AVERAGED = 2


class Perceptron(Layered):
    """Dense layers, one after another, and how they are trained."""

    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    #: what the rule remembers, for `partial_fit`
    _memory: Any

    # What the two decide.
    _score: ClassVar[str]

    def _targets(self, y: Any, first: bool, incremental: bool) -> tuple[NDArray[np.float64], int]:
        """The targets as numbers, and how many outputs they need."""
        raise NotImplementedError

    def _how(self, rows: int, epochs: int, seed: int, **more: Any) -> dict[str, Any]:
        """How a rule goes through the rows; but for what `more` says, as scikit-learn does."""
        batch = self.batch_size
        if batch == "auto":
            batch = min(200, rows) if self.solver != "auto" else _batch(rows)
        elif batch > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=4,
            )
        patience = None if np.isinf(self.n_iter_no_change) else int(self.n_iter_no_change)
        return {
            "rules": self._rules(),
            "rate": float(self.learning_rate_init),
            "schedule": None,
            "batch": int(min(batch, rows)),
            "epochs": int(epochs),
            "shuffle": bool(self.shuffle),
            "seed": seed,
            "per_row": True,
            "patience": patience,
            "tolerance": float(self.tol),
            "falling": self._falling() if self.solver == "sgd" else None,
            "own_weights": True,
            "seconds": float("inf"),
            "score": self._score,
            **more,
        }

    def _falling(self) -> tuple[str, float, float] | None:
        """How the rate falls from epoch to epoch."""
        if self.learning_rate == "invscaling":
            return "power", float(self.power_t), float(self.t_)
        return ("idle", 5.0, 1e-6) if self.learning_rate == "adaptive" else None

    def _rules(self) -> list[tuple[str, list[tuple[str, float]]]]:
        if self.solver == "sgd":
            rule = "nesterov" if self.nesterovs_momentum and self.momentum > 0 else "momentum"
            return [(rule, [("momentum", float(self.momentum))])]
        settings = {"mean_decay": self.beta_1, "square_decay": self.beta_2, "epsilon": self.epsilon}
        return [("adam", [(name, float(value)) for name, value in settings.items()])]

    def _learnt(self) -> dict[str, Any]:
        mean = not is_classifier(self)
        layers = self._layers(self.n_outputs_)
        return {"layers": layers, "loss": self._loss, "mean": mean, "decay": float(self.alpha), "threads": 0}

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False) -> Any:
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        if self.solver == "lbfgs" and self.dropout:
            raise InputError(
                f"solver='lbfgs' sees all rows at once and drops nothing: got dropout={self.dropout}; take "
                "solver='auto', 'adam' or 'sgd', or dropout=0"
            )
        if self.batch_norm and (self.layer_norm or self.solver == "lbfgs"):
            other = "layer_norm=True" if self.layer_norm else "solver='lbfgs', which has no batches"
            raise InputError(f"batch_norm=True does not go with {other}: take one of the two")
        X, y = self._rows(X, first, y, **self._options())
        if not first:  # a network keeps the precision that it began with
            X = X.astype(self.coefs_[0].dtype, copy=False)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        targets, outputs = self._targets(y, first, incremental)
        weight = self._class_weights(targets, weight)
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        self.n_outputs_ = outputs
        layers = self._layers(outputs)
        self.n_layers_ = len(self._sizes()) + 2
        if first:
            self._fits(X.shape[1], outputs)
            start, self._shapes = _core.network_start(X.shape[1], layers, seed)
            self._unpack(start.astype(X.dtype))
            self.t_, self.loss_curve_, self._memory = 0, [], None
            self.best_loss_, self.best_validation_score_, self.validation_scores_ = np.inf, None, None
        table = (X, targets, weight)
        if self.solver == "lbfgs":
            self._descend(table)
        elif incremental:
            self._part(table, seed)
        elif self.solver == "auto":
            self._train(table, y, random, seed)
        else:
            self._epochs(table, y, random, seed)
        finite = all(np.isfinite(w).all() for w in self._numbers())
        if self.result_.outcome == "not_finite":
            raise ValueError(f"Training found no finite loss: {self.result_.message}")
        if self.result_.outcome in _LOST or not finite:
            raise ValueError(
                f"Training diverged: the loss grew without end, or the weights are non-finite. Take a smaller "
                f"learning_rate_init than {self.learning_rate_init}, columns of a like scale, or solver='auto'."
            )
        return self

    def _options(self) -> dict[str, Any]:
        return {}

    def _class_weights(self, targets: Any, weight: Any) -> Any:
        return weight

    def _descend(self, table: Any) -> None:
        """All rows at once, by lbfgs."""
        X, targets, weight = table
        total = len(X) if weight is None else float(weight.sum())
        learnt = {**self._learnt(), "decay": self.alpha / total}
        start = self._packed().astype(np.float64)
        # Layers with kinks have no point at which the slope fades: SciPy's criteria, as scikit-learn has them.
        flat = _FLAT * float(self.tol)
        answer = _core.descend_network(
            (X, targets.ravel(), weight),
            learnt,
            start,
            ("lbfgs", [("gtol", float(self.tol)), ("ftol", flat)]),
            float(self.tol),
            int(self.max_iter),
            int(self.max_fun),
            self._says(),
            None,
        )
        self._unpack(answer["x"].astype(X.dtype))
        by = answer["certificate"]
        if by is not None and by["target"] == flat:
            # Not by the slopes: as at a kink, where more of other steps may well go lower.
            answer |= {
                "outcome": "plateau",
                "success": False,
                "status": 1,
                "certificate": None,
                "message": _STILL,
            }
        self.result_ = Result(answer)
        self.loss_, self.n_iter_ = float(answer["fun"]), max(int(answer["nit"]), 1)
        if answer["outcome"] == "budget":
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iterations. Increase the number of iterations "
                "(max_iter).",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _part(self, table: Any, seed: int) -> None:
        """One epoch, from where the last one ended."""
        X, targets, weight = table
        if self.early_stopping is True:
            raise ValueError("partial_fit does not support early_stopping=True")
        done = 0 if self._memory is None else self._memory[3]
        how = self._how(len(X), done + 1, seed)
        if how["falling"] is None or how["falling"][0] != "idle":
            how["patience"] = None
        if how["falling"] is not None and how["falling"][0] == "power":
            how["falling"] = ("power", float(self.power_t), float(self.t_ - done * len(X)))
        answer = _core.train_network(
            (X, targets.ravel(), weight), None, self._learnt(), how, self._packed(), self._memory, None, None
        )
        self._took(answer, len(X))

    def _took(self, answer: dict[str, Any], rows: int) -> None:
        """Keeps what a run of epochs came to."""
        self._unpack(answer["x"])
        self._memory = answer.pop("memory")
        losses = answer.pop("losses")
        self.loss_curve_ += losses
        self.t_ += rows * len(losses)
        if losses:
            self.loss_ = losses[-1]
            self.best_loss_ = min([self.best_loss_ if self.best_loss_ is not None else np.inf, *losses])
        self.n_iter_ = len(self.loss_curve_)
        self.result_ = Result({k: v for k, v in answer.items() if k not in _BESIDE})

    def _split(self, table: Any, y: Any, random: Any, early: bool) -> tuple[Any, Any]:
        """Rows to learn from, and rows held out."""
        X, targets, weight = table
        if not early:
            return table, None
        stratify = y if is_classifier(self) and np.ndim(y) == 1 else None
        try:
            seen, held = train_test_split(
                np.arange(len(X)), random_state=random, test_size=self.validation_fraction, stratify=stratify
            )
        except ValueError:
            if self.early_stopping is True:
                raise
            return table, None
        if len(held) < 2:
            if self.early_stopping is True:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
                )
            return table, None
        seen = np.sort(seen)

        def some(rows: Any) -> Any:
            return X[rows], targets[rows], None if weight is None else weight[rows]

        if weight is not None and not (weight[seen].sum() > 0 and weight[held].sum() > 0):
            return table, None
        return some(seen), some(held)

    def _epochs(self, table: Any, y: Any, random: Any, seed: int) -> None:
        """scikit-learn's own course: a rate, and stopping where nothing is gained."""
        seen, held = self._split(table, y, random, self.early_stopping is True)
        if held is not None:
            self.validation_scores_, self.best_loss_ = [], None
        rows = len(seen[0])
        lent = (seen[0], seen[1].ravel(), seen[2])
        aside = None if held is None else (held[0], held[1].ravel(), held[2])
        how = self._how(rows, self.max_iter, seed)
        answer = _core.train_network(
            lent, aside, self._learnt(), how, self._packed(), None, self._says(), None
        )
        over = answer["outcome"] == "budget"
        self._judged(answer, held)
        self._took(answer, rows)
        if over:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _judged(self, answer: dict[str, Any], held: Any) -> None:
        if held is None:
            return
        scores = answer["scores"]
        self.validation_scores_ = [*(self.validation_scores_ or []), *scores]
        self.best_validation_score_ = max(self.validation_scores_, default=None)

    def _says(self) -> Any:
        """Prints an epoch, where asked for."""
        if not self.verbose:
            return None
        return lambda at: print(f"Iteration {at.iteration}, loss = {at.loss:.8f}")

    def _train(self, table: Any, y: Any, random: Any, seed: int) -> None:
        """With nothing to tune: columns (and targets) made alike within, a rule that finds its own rate below a cap
        that falls to 0 over the epochs, averages of the weights, and those that were best on held-out rows."""
        early = self.early_stopping is True or (self.early_stopping == "auto" and len(y) >= _ENOUGH)
        seen, held = self._split(table, y, random, early)
        X, targets, weight = seen
        centre, scale = _spread(X, weight)
        middle, unit = self._units(targets, weight)
        rows = len(X)

        def alike(part: Any) -> Any:
            x = ((part[0] - centre) / scale).astype(part[0].dtype)
            return np.ascontiguousarray(x), ((part[1] - middle) / unit).ravel(), part[2]

        start = (
            self._packed()
            if not self.warm_start or self.t_ == 0
            else self._moved(centre, scale, middle, unit)
        )
        batch = _batch(rows) if self.batch_size == "auto" else min(int(self.batch_size), rows)
        steps = -(-rows // batch)
        epochs = min(int(self.max_iter), max(_FEWEST, -(-_STEPS // steps)))
        how = self._how(
            rows,
            epochs,
            seed,
            rules=[("momo_adam", []), ("ema", [("decay", 1.0 - 1.0 / (1 + _AVERAGED * steps))])],
            rate=_CAP,
            schedule=("cosine", []),
            patience=None,
            falling=None,
            own_weights=False,
            score="loss",
        )
        aside = None if held is None else alike(held)
        answer = _core.train_network(alike(seen), aside, self._learnt(), how, start, None, self._says(), None)
        self._judged(answer, held)
        self._took(answer, rows)
        self._memory = None
        self._back(centre, scale, middle, unit)

    def _units(self, targets: NDArray[Any], weight: Any) -> tuple[Any, Any]:
        """What is taken off the targets, and what they are divided by."""
        return np.zeros(1), np.ones(1)

    def _back(self, centre: Any, scale: Any, middle: Any, unit: Any) -> None:
        """The same network, of the columns and targets as they came."""
        dtype = self.coefs_[0].dtype
        first = self.coefs_[0].astype(np.float64) / scale[:, None]
        self.intercepts_[0] = (self.intercepts_[0] - centre @ first).astype(dtype)
        self.coefs_[0] = first.astype(dtype)
        self.intercepts_[-1] = (self.intercepts_[-1] * unit + middle).astype(dtype)
        self.coefs_[-1] = (self.coefs_[-1] * unit).astype(dtype)

    def _moved(self, centre: Any, scale: Any, middle: Any, unit: Any) -> NDArray[Any]:
        """The network as it is, of the columns and targets made alike."""
        kept = [c.copy() for c in self.coefs_], [b.copy() for b in self.intercepts_]
        self.intercepts_[0] = (self.intercepts_[0] + centre @ self.coefs_[0]).astype(self.coefs_[0].dtype)
        self.coefs_[0] = (self.coefs_[0] * scale[:, None]).astype(self.coefs_[0].dtype)
        self.coefs_[-1] = (self.coefs_[-1] / unit).astype(self.coefs_[0].dtype)
        self.intercepts_[-1] = ((self.intercepts_[-1] - middle) / unit).astype(self.coefs_[0].dtype)
        flat = self._packed()
        self.coefs_, self.intercepts_ = kept
        return flat

    def _stochastic(self) -> bool:
        """Whether there are epochs, so that `partial_fit` can take one."""
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit takes an epoch, and solver='lbfgs' has none: use 'auto', 'adam' or 'sgd'"
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _batch(rows: int) -> int:
    """Rows a step: more of them where there are more, so that an epoch of few rows still has some steps."""
    return int(np.clip(2 ** round(np.log2(max(rows, 1)) / 2), 32, 256))


def _spread(X: NDArray[Any], weight: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the standard deviation of each column; 1 where it does not change."""
    centre = X.mean(axis=0, dtype=np.float64) if weight is None else np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
    scale[~(scale > 1e-12 * np.abs(centre))] = 1.0
    return centre, scale
