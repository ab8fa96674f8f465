"""One factorisation, handed to the core in one crossing and brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _core
from steepest._catalog import Settings, checked
from steepest._types import Floats
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.result import Result

from .cells import Cells

__all__ = ["Factors", "Problem", "method_of"]


#: What a fit on the way is solved to, and rounds at most; iterations where items are ranked.
TOLERANCE, ROUNDS, RANKED = 1.0, 20, 30
#: What the fit is solved to whose figures are given, and iterations at most where items are ranked: the order of items
#: stands long before the mean over pairs does.
ROUGH, JUDGED = 0.1, 100
#: Iterations of a fit on the way where there are features, and the method then.
STEPS = 60
LBFGS: tuple[str, list[tuple[str, float]]] = ("lbfgs", [])
#: Rounds without a fall of the held-out loss before a fit ends, and the share of it that a fall must come to.
PATIENCE, FALL = 3, 1e-3
#: The size of the first factors where items are ranked.
SLIGHT = 0.1
#: Where others are drawn until one stands too high: the rule and its rate, in the unit of scores, the margin of 1 (a
#: race of rates by a mean so noisy is won by chance); rounds through all clicks unless told; clicks of a step, a share
#: of all between these, and as many variables as each of them has to come up for.
RULE, RATE, EPOCHS = "adagrad", 0.05, 20
SHARE, BATCH, EACH = 64, (64, 4096), 128


def _repeated(count: int) -> Finding:
    return Finding(
        "repeated_pairs",
        "note",
        f"{count} ratings are of a pair that was rated before: each counts as one.",
        {"ratings": count},
        0,
        "Keep the last of each, if that is the one that counts.",
    )


def method_of(given: Any) -> tuple[str, list[tuple[str, float]]] | None:
    """A method by its name or with settings, as the core has it."""
    if given is None or isinstance(given, str):
        return None if given is None else (given, [])
    if not isinstance(given, Settings):
        raise InputError(
            f"method must be a name or an object of steepest.methods or steepest.rules; got {given!r}"
        )
    return given.name, list(checked(given.registry, given.name, given.settings).items())


#: What a map makes of each column: of the factors, a row for each, and of the bias.
Map = tuple[Floats, Floats]
Maps = tuple[Map | None, Map | None]


@dataclass(frozen=True)
class Factors:
    """Factors and biases of users and items, and what is added to every score."""

    users: Floats
    user_biases: Floats
    items: Floats
    item_biases: Floats
    centre: float
    fresh: bool = False
    """Whether they say nothing yet."""
    maps: Maps = (None, None)
    """What features say of the users' factors and biases, and of the items', which hold it; None without any."""

    def times(self, unit: float) -> Factors:
        """The same with scores so many times as far from the centre."""
        root = np.sqrt(unit)
        sides = root * self.users, unit * self.user_biases, root * self.items, unit * self.item_biases
        maps = tuple(None if own is None else (root * own[0], unit * own[1]) for own in self.maps)
        return Factors(*sides, self.centre, self.fresh, (maps[0], maps[1]))

    def only(self, there: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> Factors:
        """The same of some users and items alone."""
        users, items = there
        biases = [
            own[rows] if len(own) else own
            for own, rows in ((self.user_biases, users), (self.item_biases, items))
        ]
        return replace(
            self,
            users=self.users[users],
            user_biases=biases[0],
            items=self.items[items],
            item_biases=biases[1],
        )

    def scores(self, users: NDArray[Any], items: NDArray[Any]) -> Floats:
        """The score of each pair, by codes; a code of -1 has no factors and no bias."""
        known = [np.where(codes >= 0, 1.0, 0.0) for codes in (users, items)]
        found = np.full(len(users), self.centre)
        for codes, biases, there in zip(
            (users, items), (self.user_biases, self.item_biases), known, strict=True
        ):
            found += there * biases[codes] if len(biases) else 0.0
        both = known[0] * known[1]
        for start in range(0, len(users), 1 << 16):
            part = slice(start, start + (1 << 16))
            if len(self.users) and len(self.items):
                products = np.einsum("ij,ij->i", self.users[users[part]], self.items[items[part]])
                found[part] += both[part] * products
        return found


@dataclass(frozen=True, kw_only=True)
class Problem:
    """sum(weight * loss(rating, score)) / sum(weight) + alpha / 2 (users' mean + items' mean of squared variables).

    Of a squared loss ratings and scores are taken from the centre on and in units of `unit`, biases too, and factors in
    units of its root: ratings in another unit make the same model in that unit, by the same steps. The means of the
    penalty are over the ratings (``by_count``: a user counts as often as there are ratings of theirs) or over the
    users, and over the items. ``background`` is the weight of each pair that is not there, which counts as 0. With
    ``against`` it is the mean over so many items that each click is set against, drawn by `seed` among those without
    one, of loss(1, score of the click - score of the other); users have no biases then. With ``by_rank`` `against` is
    how many are drawn at most until one stands no more than 1 below, and the rank that this tells is what counts.
    """

    rank: int
    alpha: float
    unit: float = 1.0
    biases: bool = True
    loss: str = "squared"
    loss_settings: Mapping[str, float] = field(default_factory=dict)
    background: float = 0.0
    against: int = 0
    by_rank: bool = False
    seed: int = 0
    by_count: bool = True
    nonnegative: bool = False
    method: tuple[str, list[tuple[str, float]]] | None = None
    tol: float = 1e-3
    max_iter: int | None = None
    max_seconds: float | None = None
    threads: int = 0
    rounds: int | None = None
    """How many did best on ratings that were held out elsewhere; None to go on to the tolerance."""
    features: tuple[Floats | None, Floats | None] = (None, None)
    """Rows of numbers of each user, and of each item, that a part of the factors and biases is a linear map of; each
    of its entries weighs in the penalty as much as one of a user or item does in the mean. The core has columns of
    length 1, and maps as much longer: their bends are then like those of what one user or item has of its own."""

    @property
    def has_features(self) -> bool:
        """Whether there are any, of users or of items."""
        return any(rows is not None for rows in self.features)

    @property
    def led(self) -> bool:
        """Whether a fresh start is led to where alternating begins best."""
        return self.loss == "squared" and not self.nonnegative and not self.against

    @property
    def alternates(self) -> bool:
        """Whether its iterations are rounds of exact minimisation: a few without a gain say that none follows."""
        return not self.against and (self.method is None or self.method[0] == "alternating")

    @property
    def counts_rounds(self) -> bool:
        """Whether it makes as many rounds as rank held-out clicks best, which are tried before."""
        return self.by_rank or (self.background > 0 and self.alternates and self.led)

    def described(self, features: tuple[Floats | None, Floats | None]) -> Problem:
        """The same with features, where it can have them."""
        if features[0] is None and features[1] is None:
            return self
        said = "user_features and item_features are"
        if self.by_rank:
            raise InputError(f'{said} for losses that have slopes: take loss="bpr", or leave them out')
        if self.nonnegative:
            raise InputError(f"{said} not for nonnegative factors: leave one of the two out")
        if self.method is not None and self.method[0] == "alternating":
            raise InputError(f"{said} not for the method alternating: leave method out, which takes lbfgs")
        return replace(self, features=features, method=self.method or LBFGS)

    def widths(self, shape: tuple[int, int]) -> list[int]:
        """How many biases users have, and items."""
        return [shape[0] if self.biases and not self.against else 0, shape[1] if self.biases else 0]

    def judged(self) -> Problem:
        """The same for the fit whose figures on what was held out are given."""
        rough = replace(self, tol=max(self.tol, ROUGH))
        if not self.against or self.by_rank:
            return rough
        return replace(rough, max_iter=min(self.max_iter or JUDGED, JUDGED))

    def quick(self) -> Problem:
        """The same for fits on the way to a rank and an alpha."""
        rounds = RANKED if self.against else STEPS if self.has_features else ROUNDS
        return replace(self, tol=max(self.tol, TOLERANCE), max_iter=rounds)

    def start(self, cells: Cells, centre: float, seed: int) -> Factors:
        """Random factors of the ratings' own size; the items' biases are their mean, drawn to 0 as alpha says."""
        users, items = cells.shape
        rng = np.random.default_rng(seed)
        size = np.sqrt(self.unit)
        if self.loss != "squared" or self.background > 0:
            # Where items are ranked a start that says much would first have to be unlearnt.
            size = SLIGHT if self.against else 1.0
        factors = [
            size * rng.standard_normal((rows, self.rank)) / np.sqrt(self.rank) for rows in (users, items)
        ]
        if self.nonnegative:
            factors = [np.abs(f) for f in factors]
        maps: list[Any] = [None, None]
        for side, (rows, codes) in enumerate(zip(self.features, (cells.users, cells.items), strict=True)):
            if rows is not None:
                # Of whom there is no rating, features say all.
                factors[side][np.bincount(codes, minlength=cells.shape[side]) == 0] = 0.0
                width = rows.shape[1] if self.widths(cells.shape)[side] else 0
                maps[side] = np.zeros((rows.shape[1], self.rank)), np.zeros(width)
        biases = [np.zeros(width) for width in self.widths(cells.shape)]
        if self.biases and self.loss == "squared":
            weight = np.ones(len(cells)) if cells.weight is None else cells.weight
            summed = np.bincount(cells.items, weight * (cells.ratings - centre), minlength=items)
            counts = np.bincount(cells.items, weight, minlength=items)
            biases[1] = summed / np.maximum(counts + self.alphas(cells)[1] * counts.sum(), 1e-300)
        if self.biases and self.against:
            # Were people all alike, an item would stand above another as often as it is clicked more.
            often = np.bincount(cells.items, minlength=items) + 1.0
            biases[1] = np.log(often / often.mean())
        return Factors(
            factors[0], biases[0], factors[1], biases[1], centre, fresh=True, maps=(maps[0], maps[1])
        )

    def alphas(self, cells: Cells) -> list[Floats]:
        """alpha of each user, and of each item."""
        found = []
        for codes, rows in zip((cells.users, cells.items), cells.shape, strict=True):
            if self.by_count:
                counted = np.bincount(codes, cells.weight, minlength=rows).astype(np.float64)
                share = counted / max(float(counted.sum()), 1e-300)
            else:
                share = np.full(rows, 1.0 / max(rows, 1))
            # Who has no rating still is at 0: the mean of nothing would leave them anywhere.
            found.append(self.alpha * np.where(share > 0, share, 1.0 / max(len(cells), 1)))
        return found

    def total(self, cells: Cells) -> float:
        """The sum of all weights, those of pairs that are not there among them."""
        if self.against:
            # Nothing stands against the clicks of who has every item: they are no term.
            counts = np.bincount(cells.users, minlength=cells.shape[0])
            return float(counts[counts < cells.shape[1]].sum())
        known = float(len(cells)) if cells.weight is None else float(cells.weight.sum())
        return known + self.background * (float(cells.shape[0]) * cells.shape[1] - len(cells))

    def solve(
        self,
        cells: Cells,
        start: Factors,
        watch: Callable[..., Any] | None = None,
        held: Cells | None = None,
    ) -> tuple[Factors, Result]:
        """Descends from `start`, with `held` for as long as the loss there falls."""
        answer = self._answer(cells, start, watch, held)
        repeated = answer.pop("repeated")
        x = np.asarray(answer["x"])
        if self.by_rank and answer["nit"] == self.rounds and answer["outcome"] == "noise_floor":
            # As many rounds as were asked for: that more would gain nothing is no failure.
            answer |= {"success": True, "status": 0, "outcome": "held_out"}
        if self.rounds is not None and answer["outcome"] == "held_out":
            what = "clicks" if self.background > 0 or self.against else "ratings"
            answer["message"] = (
                f"Stopped early, after the {self.rounds} rounds that did best on {what} held out"
                + ("." if self.by_rank else "; early_stopping=False goes on to the tolerance.")
            )
        result = Result.of(answer)
        if repeated:
            result["findings"] += [_repeated(repeated)]
        return self._unpacked(x, cells, start), result

    def ended(self, result: Result) -> Problem:
        """The same for a fit to all ratings, which makes as many rounds as one with some held out did."""
        early = result.outcome == "held_out"
        return replace(self, rounds=max(result.nit - PATIENCE, 1)) if early else self

    def _answer(
        self,
        cells: Cells,
        start: Factors,
        watch: Any = None,
        held: Cells | None = None,
        *,
        fixed: bool = False,
    ) -> dict[str, Any]:
        stop = {
            "tol": self.tol,
            "max_iter": None if fixed else self.max_iter,
            "max_passes": None,
            "max_seconds": self.max_seconds,
        }
        entries, model = self._cells(cells, start), self._model(cells, start)
        if held is not None:
            entries["held_out"] = {
                "users": held.users,
                "items": held.items,
                "target": self._targets(held, start),
                "weight": held.weight,
                "patience": PATIENCE,
                "least": FALL,
            }
        if fixed:
            # What stays has no penalty either.
            entries["alpha"][start.users.size :] = 0.0
            model["pairs"] = (self.against, self.seed, True, self.by_rank)
        return _core.fit_factors(entries, model, stop, watch)

    def fold(self, cells: Cells, start: Factors) -> Factors:
        """The users where they fit best, the items staying as they are: exact, for a squared loss in one step."""
        if self.against:
            answer = self._answer(cells, start, fixed=True)
            return self._unpacked(np.asarray(answer["x"]), cells, start)
        x = _core.fold_factors(self._cells(cells, start), self._model(cells, start), 0)
        return self._unpacked(np.asarray(x), cells, start)

    def gradient(self, cells: Cells, at: Factors) -> tuple[float, Floats]:
        """The objective and its gradient, packed."""
        value, slopes = _core.factors_gradient(self._cells(cells, at), self._model(cells, at))
        return value, np.asarray(slopes)

    def _cells(self, cells: Cells, start: Factors) -> dict[str, Any]:
        penalty, parts = [], []
        for alpha, width in zip(self.alphas(cells), self.widths(cells.shape), strict=True):
            penalty += [np.repeat(alpha, self.rank), alpha[:width]]
            parts += [np.zeros(len(alpha) * self.rank), np.full(width, -np.inf)]
        features: list[Any] = []
        for rows, width in zip(self.features, self.widths(cells.shape), strict=True):
            if rows is not None:
                count = rows.shape[1] * (self.rank + (1 if width else 0))
                penalty.append(np.full(count, self.alpha / len(rows) ** 2))
            features.append(None if rows is None else rows.ravel() / np.sqrt(len(rows)))
        low = np.concatenate(parts) if self.nonnegative else None
        return {
            "users": cells.users,
            "items": cells.items,
            "target": self._targets(cells, start),
            "weight": cells.weight,
            "start": self.packed(start.times(1.0 / self.unit)),
            "alpha": np.concatenate(penalty),
            "low": low,
            "features": features,
        }

    def _model(self, cells: Cells, start: Factors) -> dict[str, Any]:
        users, items = cells.shape
        return {
            "users": users,
            "items": items,
            "rank": self.rank,
            "biases": self.biases,
            "centre": 0.0 if self.loss == "squared" else start.centre,
            "background": self.background,
            "loss": (self.loss, list(self.loss_settings.items())),
            "method": self._method(cells) if self.by_rank else self.method,
            "threads": self.threads,
            "pairs": (self.against, self.seed, False, self.by_rank) if self.against else None,
            "fresh": start.fresh and self.led,
            "rounds": self.rounds,
        }

    def _method(self, cells: Cells) -> tuple[str, list[tuple[str, float]]]:
        """The rule, over batches of clicks."""
        name, given = self.method or (RULE, [("rate", RATE)])
        variables = sum(cells.shape) * (self.rank + 1)
        batch = max(min(max(len(cells) // SHARE, BATCH[0]), BATCH[1]), variables // EACH)
        epochs = EPOCHS if self.max_iter is None else max(self.max_iter, 1)
        run = {"batch_size": batch, "epochs": self.rounds or epochs, "seed": self.seed}
        return name, list((run | dict(given)).items())

    def _unpacked(self, x: Floats, cells: Cells, start: Factors) -> Factors:
        at = 0
        parts: list[Any] = []
        for rows, width in zip(cells.shape, self.widths(cells.shape), strict=True):
            parts.append(x[at : at + rows * self.rank].reshape(rows, self.rank).copy())
            at += rows * self.rank
            parts.append(x[at : at + width].copy())
            at += width
        maps: list[Any] = [None, None]
        for side, (known, width) in enumerate(zip(self.features, self.widths(cells.shape), strict=True)):
            if known is None:
                continue
            root, end = np.sqrt(len(known)), at + known.shape[1] * self.rank
            weights = x[at:end].reshape(-1, self.rank) / root
            at = end + (known.shape[1] if width else 0)
            maps[side] = weights, x[end:at] / root
            parts[2 * side] += known @ weights
            if width:
                parts[2 * side + 1] += known @ maps[side][1]
        found = Factors(parts[0], parts[1], parts[2], parts[3], start.centre, maps=(maps[0], maps[1]))
        return found.times(self.unit)

    def packed(self, at: Factors) -> Floats:
        """All in one row, as the core has them: what each has of its own, and then the maps."""
        own, maps = [], []
        sides = (at.users, at.user_biases), (at.items, at.item_biases)
        for (factors, biases), rows, map_ in zip(sides, self.features, at.maps, strict=True):
            if rows is not None and map_ is not None:
                factors = factors - rows @ map_[0]
                biases = biases - rows @ map_[1] if len(biases) else biases
                maps += [np.sqrt(len(rows)) * part.ravel() for part in map_]
            own += [factors.ravel(), biases]
        return np.concatenate(own + maps)

    def _targets(self, cells: Cells, start: Factors) -> Floats:
        return (cells.ratings - start.centre) / self.unit if self.loss == "squared" else cells.ratings
