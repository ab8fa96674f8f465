"""The backtest: forecasts from several origins, each from the past alone, beside forecasts that learn nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from steepest._types import Floats, Ints
from steepest.forecast.features import Recipe, View, baseline, bent, beyond, counted, straight, whole
from steepest.forecast.model import Levels, Middle, about, baseline_levels, usual_moves
from steepest.forecast.observed import ages, begins, pairs
from steepest.forecast.series import Series

__all__ = ["Backtest", "Judged", "first_origin", "judge", "origins_of"]


#: groups of horizons that share their levels: each hour of a day ahead has its own
GROUPS = 24
#: the most origins of a series, and of all series together: what bounds time and memory. A mean of 400 that are apart
#: is known to a twentieth of their spread
MOST, ORIGINS = 400, 8000
#: the most horizons beyond those asked for that are learnt, for forecasts from before gaps: what bounds time
FARTHER = 48
#: errors below which levels of such a horizon are not learnt: the tenth of 40 is known to a twentieth of all
FEW = 40
#: what the levels need, which are learnt from errors at what was not seen: cuts before the first origin, as shares of
#: it, the first where models have learnt from something and the others evenly after it
BEFORE = (0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Judged:
    """Forecasts by method, of shape (origins, series, horizon, levels); the last origin is the end of the data."""

    methods: dict[str, Floats]
    #: of shape (origins - 1, series, horizon)
    actual: Floats
    #: the last place that was known at each origin
    origins: Ints
    #: how often the models were learnt anew
    refits: int
    #: those of the end, an entry each horizon
    models: list[Middle]


def first_origin(n: int, horizon: int) -> int:
    """How many places are seen before the first forecast that is judged: half, more where the horizon is long."""
    return max(min(n // 2, n - 3 * horizon), min(horizon + 4, n - horizon), min(n // 3, n - horizon), 1)


def origins_of(n: int, horizon: int, first: int, count: int) -> Ints:
    """The last places known at the origins, evenly spread, as many as tell anything at a bearable cost."""
    most = int(np.clip(ORIGINS // count, 12, MOST))
    every = max(1, -(-(n - horizon - first + 1) // most))
    return np.arange(n - horizon - 1, first - 2, -every)[::-1]


def judge(
    series: Series, recipe: Recipe, horizon: int, levels: tuple[float, ...], first: int, origins: Ints
) -> Judged:
    """Forecasts of the model and of the baselines from each origin and from the end of the data.

    Models are learnt anew at a few cuts, each from what came before it, and used until the next.
    """
    n, count = series.length, len(series.values)
    room = max((n - first) // horizon, 1)
    tested = np.unique(
        np.linspace(first, n, min(6 if horizon < 48 else 3, room) + 1).astype(int)[:-1]
    ).tolist()
    cuts = [*sorted({max(int(share * first), min(8, first)) for share in BEFORE} - {first}), *tested, n]
    after = dict(zip(cuts, [*cuts[1:], n], strict=True))
    here = {cut: origins[(origins >= cut - 1) & (origins < after[cut] - 1)] for cut in tested}
    here[tested[-1]] = origins[origins >= tested[-1] - 1]
    here[n] = np.array([n - 1])
    where = np.cumsum([0, *(len(here[cut]) for cut in (*tested, n))])
    into = {cut: slice(where[k], where[k + 1]) for k, cut in enumerate((*tested, n))}

    farther = {cut: _farther(series.values, here[cut], horizon) for cut in into}
    needed = _some(set().union(*farther.values()))
    reach = max([horizon, *needed])
    pasts = {cut: series.until(cut, reach) for cut in cuts}
    recipes = {cut: _possible(recipe, past) for cut, past in pasts.items()}
    fits = {cut: View(past, recipes[cut], horizon, cut) for cut, past in pasts.items()}
    applied = {cut: View(pasts[after[cut]], recipes[cut], horizon, cut) for cut in cuts}
    shape = (len(origins) + 1, count, horizon, len(levels))
    model = np.empty(shape)
    final: list[Middle] = []
    learnt: dict[int, dict[int, Learnt]] = {cut: {} for cut in cuts}
    asked = [part.tolist() for part in np.array_split(np.arange(1, horizon + 1), min(GROUPS, horizon))]
    for group in [*asked, *([h] for h in needed)]:
        blocks: list[tuple[Any, ...]] = []
        for cut in cuts:
            now = [Middle.fit(fits[cut], h, cut, (recipe.alpha,))[0] for h in group]
            if cut in into and (group[0] <= horizon or group[0] in farther[cut]):
                features, errors = _errors(blocks, pasts[cut], cut, recipe)
                of, wider = Levels.fit(features, errors, levels), 1.0
                if group[0] > horizon and len(errors) < FEW:
                    # Too far ahead for errors to learn from: it is gone as a walk goes, from the last that has them.
                    of, wider = learnt[cut][horizon].levels, np.sqrt(group[0] / horizon)
                learnt[cut].update({one.h: Learnt(one, of, wider) for one in now})
            view, block = applied[cut], np.arange(cut - 1, max(after[cut] - 1, cut))
            for one in now:
                h = one.h
                if cut in into and h <= horizon:
                    found = learnt[cut][h].at(view, here[cut], h)
                    model[into[cut], :, h - 1] = found.transpose(1, 0, 2)
                if cut < n:
                    t = block[block + h < n] if h > horizon else block
                    ahead = one.ahead(view, t)
                    seen = about(view, t, h, ahead)
                    blocks.append((h, t, view.base(t, h), ahead, one.scale, seen, view.recipe))
            if cut == n and group[0] <= horizon:
                final += now
    for cut, part in into.items():
        _from_before(model[part], learnt[cut], applied[cut], here[cut])
    # Whether these are counts is told from what was seen by then, too.
    counts = [into[cut] for cut in (*tested, n) if counted(series.values[:, :cut])]
    methods = {"model": model}
    moved = {cut: usual_moves(pasts[after[cut]].values, max(recipe.seasons, default=0)) for cut in into}
    for name, (kind, season) in baselines(recipe.seasons).items():
        methods[name] = np.concatenate(
            [
                _plain(pasts[after[cut]].values, moved[cut], cut, here[cut], horizon, kind, season, levels)
                for cut in into
            ]
        )
    for found in methods.values():
        for part in counts:
            found[part] = whole(found[part])
    steps = origins[:, None] + np.arange(1, horizon + 1)
    # Nobody forecasts a series that has not begun.
    begun = origins[:, None] >= begins(series.values)[None]
    actual = np.where(begun[..., None], series.values[:, steps].transpose(1, 0, 2), np.nan)
    return Judged(methods, actual, np.append(origins, n - 1), len(tested), final)


@dataclass(frozen=True)
class Learnt:
    """What a cut knows of a horizon: a model, its levels, and by how much these are wider than they were learnt."""

    middle: Middle
    levels: Levels
    wider: float = 1.0

    def at(self, view: View, t: Ints, h: int) -> Floats:
        """Levels of the target `h` steps after origins `t`, in order, of shape (series, origins, levels)."""
        ahead = self.middle.ahead(view, t, h)
        above = ahead[..., None] + self.wider * self.levels.of(about(view, t, h, ahead))
        z = view.base(t, h)[..., None] + above * self.middle.scale[:, None, None]
        return np.sort(straight(z, view.recipe.transform), axis=-1)


def _farther(values: Floats, t: Ints, horizon: int) -> set[int]:
    """Horizons beyond those asked for: how far ahead forecasts go from before a gap that are judged or given."""
    age, n = ages(values)[:, t], values.shape[1]
    found: set[int] = set()
    for h in range(1, horizon + 1):
        # Of the end, where nothing is known of what comes, all are given.
        wanted = (t + h >= n) | ~np.isnan(values[:, np.minimum(t + h, n - 1)])
        found.update(np.unique(age[wanted] + h).tolist())
    return {h for h in found if h > horizon}


def _some(horizons: set[int]) -> list[int]:
    """As many of the horizons as are learnt at a bearable cost, the farthest among them."""
    all_ = sorted(horizons)
    if len(all_) <= FARTHER:
        return all_
    return [all_[k] for k in np.linspace(0, len(all_) - 1, FARTHER).astype(int)]


def _plain(
    values: Floats,
    moved: Floats,
    cut: int,
    t: Ints,
    horizon: int,
    kind: str,
    season: int,
    levels: tuple[float, ...],
) -> Floats:
    """A baseline's levels at origins `t`, from its errors before `cut`: (origins, series, horizon, levels)."""
    found = np.empty((len(t), len(values), horizon, len(levels)))
    known: dict[tuple[int, int], Floats] = {}
    for h in range(1, horizon + 1):
        plain = baseline(values, t, h, kind, season)
        extra = beyond(values, t, h, kind, season)
        above = np.empty((*plain.shape, len(levels)))
        for more in np.unique(extra).tolist():
            # Without a season only the distance matters: many origins and horizons share one.
            key = (h, more) if kind == "seasonal_naive" or more == 0 else (1, h + more - 1)
            own = known.setdefault(key, np.full((len(values), len(levels)), np.nan))
            these = extra == more
            due = these.any(axis=1) & np.isnan(own[:, 0])
            if due.any():
                own[due] = baseline_levels(values[due, :cut], moved[due, :cut], *key, kind, season, levels)
            above[these] = own[np.nonzero(these)[0]]
        found[:, :, h - 1] = (plain[..., None] + above * moved[:, t, None]).transpose(1, 0, 2)
    return found


def _from_before(model: Floats, learnt: dict[int, Learnt], view: View, t: Ints) -> None:
    """Puts in forecasts from origins in a gap: those from the last observation, as many steps farther ahead."""
    age, horizon = ages(view.series.values)[:, t], model.shape[2]
    has = np.array(sorted(learnt))
    for far in np.unique(age[age > 0][:, None] + np.arange(1, horizon + 1)).tolist():
        h = far - age
        of, at = np.nonzero((age > 0) & (h >= 1) & (h <= horizon))
        last, where = np.unique(t[at] - age[of, at], return_inverse=True)
        # What was learnt of this horizon; where nothing is judged so far from an observation, of the next.
        nearest = int(has[min(np.searchsorted(has, far), len(has) - 1)])
        one = learnt[nearest]
        if nearest < far:
            one = replace(one, wider=one.wider * np.sqrt(far / nearest))
        model[at, of, h[of, at] - 1] = one.at(view, last, far)[of, where]


def baselines(seasons: tuple[int, ...]) -> dict[str, tuple[str, int]]:
    """The forecasts that learn nothing, by name."""
    found = {"naive": ("naive", 0)}
    for m in seasons:
        found["seasonal naive" if len(seasons) == 1 else f"seasonal naive ({m})"] = ("seasonal_naive", m)
    found["drift"] = ("drift", 0)
    return found


def _possible(recipe: Recipe, past: Series) -> Recipe:
    """The recipe, its logarithms and roots left out where what is past has none."""
    return recipe if not (past.values < 0).any() else replace(recipe, transform="none")


def _errors(blocks: list[tuple[Any, ...]], past: Series, end: int, recipe: Recipe) -> tuple[Floats, Floats]:
    """Errors of earlier models at what they had not seen and is known by now, the latest last."""
    features, errors, when = [np.empty((0, 3 + len(recipe.seasons)))], [np.empty(0)], [np.empty(0)]
    for h, t, base, ahead, scale, seen, like in blocks:
        known = t + h < end
        t = t[known]
        above = (bent(past.values[:, t + h], like) - base[:, known]) / scale[:, None] - ahead[:, known]
        use = pairs(past.values, t, h)
        features.append(seen[:, known][use])
        errors.append(above[use])
        when.append(np.broadcast_to(t + h, above.shape)[use])
    order = np.argsort(np.concatenate(when), kind="stable")
    return np.concatenate(features)[order], np.concatenate(errors)[order]


def scales(series: Series, end: int, seasons: tuple[int, ...]) -> Floats:
    """What an error is held against: the mean error of the seasonal naive forecast, a season ahead, before `end`."""
    y = series.values[:, :end]
    m = seasons[0] if seasons and seasons[0] < end else 1
    apart = np.abs(y[:, m:] - y[:, :-m])
    count = (~np.isnan(apart)).sum(axis=1)
    scale = np.nansum(apart, axis=1) / np.maximum(count, 1)
    return np.where(scale > 0, scale, np.nan)


def losses(forecasts: Floats, actual: Floats, scale: Floats, middle: int) -> Floats:
    """The scaled absolute error of each origin and series, of shape (origins, series)."""
    error = np.abs(forecasts[: len(actual), :, :, middle] - actual) / scale[:, None]
    there = ~np.isnan(error)
    count = np.where(there.any(axis=2), there.sum(axis=2), np.nan)
    found: Floats = np.where(there, error, 0.0).sum(axis=2) / count
    return found


@dataclass(frozen=True, repr=False)
class Backtest:
    """How good each method was at origins in the past, from what had been seen by then.

    Parameters
    ----------
    figures : dict of dict
        By method (``answer`` is what was chosen, by these very figures): ``mase``, the mean absolute error against that
        of the seasonal naive forecast a season ahead (the naive one step ahead where there is no season); ``scrps``,
        twice the mean pinball loss over the levels against the mean size of the target; ``coverage``, by level, the
        share that lay at it or below.
    forecasts : pyarrow.Table
        Each forecast with what came: ``method``, ``origin`` (the last time that was known), ``series``, ``time``,
        ``step``, ``actual``, ``forecast`` and a column for each level.
    origins, refits : int
        From how many times a forecast was made, and how often models were learnt anew on the way.
    levels : tuple of float
    mean_gain, standard_error : float
        By how much the best baseline's scaled error is above the model's over all series, and how sure that is: the
        error of Diebold and Mariano's test (1995, https://doi.org/10.1080/07350015.1995.10524599), which knows that
        forecasts from neighbouring origins go wrong together.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.forecast import forecast
    >>> table = {"week": np.arange(80), "sales": np.tile([3.0, 9.0, 4.0, 6.0], 20) + np.arange(80)}
    >>> found = forecast(table, "sales", time="week", horizon=2).backtest
    >>> found.figures["model"]["mase"] < found.figures["naive"]["mase"]
    True
    """

    figures: dict[str, dict[str, Any]]
    forecasts: pa.Table
    origins: int
    refits: int
    levels: tuple[float, ...]
    mean_gain: float
    standard_error: float

    def __repr__(self) -> str:
        head = f"{'':<22}{'MASE':>9}{'sCRPS':>11}" + "".join(f"{f'<= {q:g}':>9}" for q in self.levels)
        lines = [f"Backtest from {self.origins} origins, learnt anew {self.refits} times", head]
        for name, row in self.figures.items():
            shares = "".join(f"{row['coverage'][q]:>9.3f}" for q in self.levels)
            lines.append(f"{name:<21}{row['mase']:>10.4g}{row['scrps']:>11.4g}{shares}")
        return "\n".join(lines)


def figures(
    forecasts: Floats, actual: Floats, scale: Floats, levels: tuple[float, ...], asked: tuple[float, ...]
) -> dict[str, Any]:
    """The figures of a method: see `Backtest`."""
    forecasts = forecasts[: len(actual)]
    middle = levels.index(0.5)
    loss = losses(forecasts, actual, scale, middle)
    there = ~np.isnan(actual)
    size = np.abs(actual[there]).sum()
    pinball, coverage = [], {}
    for level in asked:
        above = actual - forecasts[..., levels.index(level)]
        pinball.append(np.maximum(level * above, (level - 1) * above)[there].sum())
        coverage[level] = float((above[there] <= 0).mean()) if there.any() else float("nan")
    with np.errstate(invalid="ignore"):
        return {
            "mase": float(np.nanmean(loss)) if not np.isnan(loss).all() else float("nan"),
            "scrps": float(2 * np.mean(pinball) / size) if size > 0 else float("nan"),
            "coverage": coverage,
        }


def table_of(
    methods: dict[str, Floats],
    judged: Judged,
    series: Series,
    levels: tuple[float, ...],
    asked: tuple[float, ...],
) -> pa.Table:
    """All forecasts of the backtest, as `Backtest` has them."""
    origins = judged.origins[:-1]
    count, many, horizon = judged.actual.shape
    k, s, h = (a.ravel() for a in np.meshgrid(range(count), range(many), range(horizon), indexing="ij"))
    parts = []
    for name, found in methods.items():
        flat = found[:count].reshape(-1, len(levels))
        parts.append(
            pa.table(
                {
                    "method": pa.array([name] * len(k)),
                    "origin": series.grid.column(origins[k]),
                    "series": pa.array([series.names[i] for i in s]),
                    "time": series.grid.column(origins[k] + h + 1),
                    "step": pa.array(h + 1),
                    "actual": pa.array(judged.actual.ravel(), from_pandas=True),
                    "forecast": pa.array(flat[:, levels.index(0.5)]),
                    **{f"{q:g}": pa.array(flat[:, levels.index(q)]) for q in asked},
                }
            )
        )
    return pa.concat_tables(parts)
