"""What a forecast is made from: for each origin and each horizon a row of what was known then."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steepest._types import Floats, Ints
from steepest.forecast.grid import DAY, HOUR
from steepest.forecast.observed import ages, begins, bridged, filled, last_seen, lately, moves, seasonal_moves
from steepest.forecast.series import Series
from steepest.tables.dates import WEEKDAYS

__all__ = [
    "Recipe",
    "View",
    "baseline",
    "behind",
    "bent",
    "beyond",
    "counted",
    "straight",
    "terms_of",
    "whole",
    "windows_of",
]


#: how many seasons back it is looked how much they differ: two months of weeks
PAST = 8
#: waves of a year, or of a season too long for a column for each of its places: the third is four months long
WAVES = 3


@dataclass(frozen=True)
class Recipe:
    """What was chosen: how the target is bent, what the model corrects, how far it looks back, how strongly it shrinks.

    Parameters
    ----------
    transform : {"none", "log", "sqrt"}
        What the model sees of the target.
    base : int
        The forecast that the model corrects, and that a strong penalty leaves: that of this many steps before, season
        by season; 0 is the last value.
    lags : int
        How many values before the last are used, one by one.
    alpha : float
        The penalty on standardised columns, for each row.
    seasons : tuple of int
        The periods in steps.
    windows : tuple of int
        How many steps rolling means are of.
    terms : tuple of str
        What of the calendar is used.
    least : float
        What logarithms are taken of at least: half the least target before the first origin.
    """

    transform: str
    base: int
    lags: int
    alpha: float
    seasons: tuple[int, ...] = ()
    windows: tuple[int, ...] = ()
    terms: tuple[str, ...] = ()
    least: float = 1.0


@dataclass
class View:
    """Series as a recipe sees them: bent, gaps bridged, scaled by their usual step.

    Nothing that is looked up from an origin depends on what came after it where the origin was observed, but for the
    scale and what gaps are in step with, which are of the series given: whoever may not know the future passes
    `Series.until`. Rows in a gap are none.
    """

    series: Series
    recipe: Recipe
    horizon: int
    #: the place that the scale is taken up to
    end: int
    z: Floats = field(init=False)
    scale: Floats = field(init=False)
    begin: Ints = field(init=False)
    means: dict[int, Floats] = field(init=False)
    #: how much moved lately, in units of the scale; and from season to season at the same place of it
    spread: Floats = field(init=False)
    seasonal: dict[int, Floats] = field(init=False)

    def __post_init__(self) -> None:
        y = self.series.values
        self.begin = begins(y)
        seen = bent(y, self.recipe)
        steps = moves(seen)
        used = ~np.isnan(steps[:, 1:])
        used[:, max(self.end - 1, 1) :] = False
        count = used.sum(axis=1)
        scale = np.where(used, steps[:, 1:], 0.0).sum(axis=1) / np.maximum(count, 1)
        usual = scale[scale > 0].mean() if (scale > 0).any() else 1.0
        self.scale = np.where(scale > 0, scale, usual)
        z = self.z = bridged(seen, *self._steady(seen))
        total = np.concatenate([np.zeros((len(z), 1)), np.cumsum(z, axis=1)], axis=1)
        places = np.arange(y.shape[1])
        begin = np.minimum(self.begin[:, None], places)
        self.means = {}
        for w in (0, *self.recipe.windows):
            low = np.maximum(places + 1 - w, begin) if w else begin
            before = np.take_along_axis(total, low, axis=1)
            self.means[w] = (total[:, 1:] - before) / (places + 1 - low)
        self.spread = lately(steps, max(8, *self.recipe.seasons, 8)) / self.scale[:, None]
        self.seasonal = {m: seasonal_moves(seen, m, PAST) / self.scale[:, None] for m in self.recipe.seasons}

    def _steady(self, seen: Floats) -> tuple[int, float]:
        """The season that moved least from one to the next, before the end, 0 for a step; what share of a move lasts.

        A level that wanders stays where it went until the next step, what only scatters does not.
        """
        found, least = (0, 1.0), np.inf
        if not np.isnan(seen).any():
            return found
        for m in (0, *self.recipe.seasons):
            then, now = seen[:, : max(self.end - (m or 1), 0)], seen[:, m or 1 : self.end]
            moved = (now - then) / self.scale[:, None]
            size = float(np.abs(moved[~np.isnan(moved)]).mean()) if (~np.isnan(moved)).any() else np.inf
            if size >= least:
                continue
            both = ~np.isnan(moved[:, 1:] * moved[:, :-1])
            a, b = moved[:, :-1][both], moved[:, 1:][both]
            share = float(a @ b) / max(float(a @ a), 1e-300)
            found, least = (m, min(max(share, 0.0), 1.0) if m else 1.0), size
        return found

    @property
    def reach(self) -> int:
        """How many places before a row of training its columns look."""
        return max([self.recipe.lags, *self.recipe.seasons, 1])

    def base(self, t: Ints, h: int) -> Floats:
        """The forecast that the model corrects, bent, of shape (series, origins)."""
        return self.z[:, behind(t, h, self.recipe.base)]

    def truth(self, t: Ints, h: int) -> Floats:
        """What it was to be, bent, NaN where there is no observation."""
        return bent(self.series.values[:, t + h], self.recipe)

    def rows(self, t: Ints, h: int) -> Floats:
        """The columns at origins `t` for `h` steps ahead, of shape (series, origins, columns)."""
        z, now, scale = self.z, self.z[:, t], self.scale[:, None]
        columns = [(z[:, np.maximum(t - lag, 0)] - now) / scale for lag in range(1, self.recipe.lags + 1)]
        columns += [(mean[:, t] - now) / scale for mean in self.means.values()]
        for m in self.recipe.seasons:
            at = behind(t, h, m)
            columns.append((z[:, at] - now) / scale)
            columns.append((z[:, np.maximum(at - m, 0)] - now) / scale)
        for x in self.series.known.values():
            columns += [_at(x, t + h), _at(x, t), _at(x, behind(t, h, self.recipe.base))]
        for x in self.series.seen.values():
            columns += [_at(x, t), _at(x, np.maximum(t - 1, 0))]
        terms = calendar(self.series, t + h, self.recipe)
        found = np.empty((len(z), len(t), len(columns) + terms.shape[1]))
        for j, column in enumerate(columns):
            found[:, :, j] = column
        found[:, :, len(columns) :] = terms[None]
        return found

    def names(self) -> list[str]:
        """What the columns of `rows` are called."""
        found = [f"{lag} before" for lag in range(1, self.recipe.lags + 1)]
        found += [f"mean of {w}" if w else "mean so far" for w in self.means]
        for m in self.recipe.seasons:
            found += [f"season of {m} before", f"two seasons of {m} before"]
        for name in self.series.known:
            found += [f"{name} ahead", f"{name} now", f"{name} at the base"]
        for name in self.series.seen:
            found += [f"{name} now", f"{name} before"]
        return found + calendar_names(self.series, self.recipe)


def behind(t: Ints, h: int, season: int) -> Ints:
    """The last place at `t` or before that lies whole seasons before t + h; t itself without a season."""
    if season == 0:
        return t
    return np.maximum(t + h - season * -(-h // season), 0)


def baseline(values: Floats, t: Ints, h: int, kind: str, season: int) -> Floats:
    """A forecast that learns nothing, of shape (series, origins): naive, seasonal_naive or drift."""
    if kind == "seasonal_naive":
        return filled(values, season)[:, behind(t, h, season)]
    z = filled(values)
    now: Floats = z[:, t]
    if kind == "naive":
        return now
    begin = (~np.isnan(values)).argmax(axis=1)[:, None]
    first = np.take_along_axis(z, begin, axis=1)
    age = ages(values)[:, t]
    slope: Floats = (now - first) / np.maximum(t[None] - age - begin, 1)
    return now + (h + age) * slope


def beyond(values: Floats, t: Ints, h: int, kind: str, season: int) -> Ints:
    """How many steps farther back than usual the observation lies that a baseline starts from: 0 without gaps."""
    if kind != "seasonal_naive":
        return ages(values)[:, t]
    at = behind(t, h, season)
    farther: Ints = np.maximum(at - last_seen(values, season)[:, at], 0)
    return farther * (at >= begins(values)[:, None])


def _at(x: Floats, places: Ints) -> Floats:
    """A column outside at places: gaps as the value before, 0 where there is none."""
    there = ~np.isnan(x)
    last = np.maximum.accumulate(np.where(there, np.arange(x.shape[1]), -1), axis=1)
    found = np.take_along_axis(x, np.maximum(last, 0), axis=1)
    return np.where(last < 0, 0.0, found)[:, places]


def bent(y: Floats, recipe: Recipe) -> Floats:
    """The target as the model sees it."""
    if recipe.transform == "log":
        return np.log(np.maximum(y, recipe.least))
    return np.sqrt(np.maximum(y, 0.0)) if recipe.transform == "sqrt" else y


def straight(z: Floats, transform: str) -> Floats:
    """Back from what the model sees."""
    if transform == "log":
        return np.exp(np.minimum(z, 700.0))
    return np.square(np.maximum(z, 0.0)) if transform == "sqrt" else z


def counted(y: Floats) -> bool:
    """Whether these are counts: whole numbers from 0 on."""
    there = y[~np.isnan(y)]
    return bool(((there >= 0) & (there == np.floor(there))).all())


def whole(levels: Floats) -> Floats:
    """Levels of counts: the nearest whole numbers from 0 on, of two the lower."""
    found: Floats = np.maximum(np.ceil(levels - 0.5), 0.0)
    return found


def windows_of(n: int, seasons: tuple[int, ...]) -> tuple[int, ...]:
    """The rolling means that a history of n steps has room for."""
    return tuple(sorted({w for w in (3, *seasons, *(4 * m for m in seasons)) if 2 * w < n}))


def terms_of(series: Series, seasons: tuple[int, ...]) -> tuple[str, ...]:
    """What of the calendar may matter: what the steps are fine enough for, and the history long enough."""
    grid = series.grid
    if grid.unit == "number":
        return ("season",) if seasons else ()
    if grid.unit == "month":
        return ("month",) if seasons else ()
    days = series.length * (1.4 if grid.unit == "workday" else grid.step / DAY)
    found = []
    if grid.unit == "time" and grid.step < DAY and days >= 3:
        found.append("hour")
        if days >= 28:
            found.append("weekend's hour")
    if (grid.unit == "workday" or grid.step <= DAY) and days >= 21:
        found.append("weekday")
    if days >= 730:
        found.append("year")
    return tuple(found)


def calendar(series: Series, places: Ints, recipe: Recipe) -> Floats:
    """What the clock and the calendar say of places: a column for each hour, weekday or month, waves for a year."""
    columns: list[Floats] = []
    for _, count, values in _terms(series, places, recipe):
        if count:
            columns += [(values == k).astype(np.float64) for k in range(count)]
        else:
            for k in range(1, WAVES + 1):
                columns += [np.sin(2 * np.pi * k * values), np.cos(2 * np.pi * k * values)]
    return np.column_stack(columns) if columns else np.empty((len(places), 0))


def calendar_names(series: Series, recipe: Recipe) -> list[str]:
    """What the columns of `calendar` are called."""
    found = []
    for name, count, _ in _terms(series, np.arange(1), recipe):
        if count:
            found += [_level(name, k) for k in range(count)]
        else:
            found += [f"{name}, {wave} {k}" for k in range(1, WAVES + 1) for wave in ("sine", "cosine")]
    return found


def _level(name: str, k: int) -> str:
    """What a value of a part of the calendar is called."""
    return WEEKDAYS[k] if name == "weekday" else f"{name} {k + 1 if name == 'month' else k}"


def _terms(series: Series, places: Ints, recipe: Recipe) -> list[tuple[str, int, Floats]]:
    """Each part of the calendar: how many values it has (0: waves of its share of the period), and those at places."""
    grid = series.grid
    if "season" in recipe.terms:
        of = [(m, (places % m).astype(np.float64)) for m in recipe.seasons]
        return [(f"place in {m}", m, at) if m <= 24 else (f"place in {m}", 0, at / m) for m, at in of]
    if not recipe.terms:
        return []
    when = grid.local(places)
    days, months = when.astype("datetime64[D]"), when.astype("datetime64[M]")
    years = when.astype("datetime64[Y]")
    weekday = ((days.astype(np.int64) + 3) % 7).astype(np.float64)
    hour = np.floor((when - days.astype("datetime64[us]")).astype(np.int64) / HOUR)
    parts = {
        "month": (12, (months - years.astype("datetime64[M]")).astype(np.int64).astype(np.float64)),
        "hour": (24, hour),
        "weekend's hour": (24, np.where(weekday >= 5, hour, -1.0)),
        "weekday": (7, weekday),
        "year": (0, (days - years.astype("datetime64[D]")).astype(np.int64) / 365.25),
    }
    return [(name, *parts[name]) for name in recipe.terms]
