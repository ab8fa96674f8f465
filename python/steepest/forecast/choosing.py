"""Whose forecast a series has: the model's where it is shown to be better than what learns nothing; what is said."""

from __future__ import annotations

import numpy as np

from steepest._types import Floats
from steepest.findings import Finding
from steepest.forecast.series import Series

__all__ = ["chosen_of", "said_of"]


#: how many standard errors a gain must be above 0: Diebold and Mariano's test at 5 %, of one side, whose statistic has
#: the normal law: 95 % of it lie below 1.6449, here rounded up
SURE = 1.645
#: stretches as long as the horizon below which nothing is shown: the spread of two values is known no better than
#: they are
FEWEST = 3


def chosen_of(by_method: dict[str, Floats], overlap: int, room: int) -> tuple[list[str], float, float]:
    """The method of each series; by how much the model is better than the best baseline over all, and how sure."""
    means = {name: _mean(loss, 0) for name, loss in by_method.items()}
    names = [name for name in means if name != "model"]
    table = np.nan_to_num(np.stack([means[name] for name in names]), nan=np.inf)
    best = [names[k] for k in table.argmin(axis=0)]
    gains = np.stack(
        [by_method[name][:, i] - by_method["model"][:, i] for i, name in enumerate(best)], axis=1
    )
    whole, error = _sure(_mean(gains, 1), overlap)
    found = []
    for i, name in enumerate(best):
        if room >= FEWEST and name != "naive":
            # Of forecasts that learn nothing too, the simplest that is not clearly worse.
            better, how_sure = _sure(by_method["naive"][:, i] - by_method[name][:, i], overlap)
            name = name if better > SURE * how_sure else "naive"
        own, own_error = _sure(gains[:, i], overlap)
        alone = own > SURE * own_error
        together = whole > SURE * error and own > 0
        found.append("model" if room >= FEWEST and (alone or together) else name)
    return found, whole, error


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is there."""
    there = ~np.isnan(values)
    count = there.sum(axis=axis)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def _sure(gains: Floats, overlap: int) -> tuple[float, float]:
    """A mean over origins and its standard error, of which `overlap` in a row share what they forecast."""
    gains = gains[~np.isnan(gains)]
    n = len(gains)
    if n < 2:
        return (float(gains[0]) if n else 0.0), float("inf")
    mean = float(gains.mean())
    apart = gains - mean
    # Bartlett's weights: the variance of a mean of values that go together (Newey and West 1987).
    most = min(max(overlap, int(np.ceil(n ** (1 / 3)))), n - 1)
    total = float(apart @ apart)
    for lag in range(1, most):
        total += 2 * (1 - lag / most) * float(apart[lag:] @ apart[:-lag])
    return mean, float(np.sqrt(max(total, 0.0) / n / max(n - most, 1)))


def said_of(
    findings: list[Finding],
    chosen: list[str],
    by_method: dict[str, Floats],
    gain: float,
    error: float,
    room: int,
    series: Series,
) -> None:
    """What is to be known of the choice."""
    naive = [name for name in chosen if name != "model"]
    if room < FEWEST:
        least = "the naive, seasonal naive or drift forecast that was the least wrong there"
        given = f"the forecast is the {chosen[0]} one" if len(chosen) == 1 else f"each series has {least}"
        findings.append(
            Finding(
                "too_short",
                "warning",
                f"The history has room for {room} stretches as long as the horizon to be judged on: nothing can be "
                f"proved of a model, so {given}.",
                {"stretches": room, "steps": series.length},
                FEWEST,
                "Bring a longer history, or forecast fewer steps.",
            )
        )
        return
    if not naive or (len(chosen) == 1 and "constant" in {f.kind for f in findings}):
        return
    if not np.isfinite(by_method["model"]).any():
        what = "Nothing" if len(chosen) == 1 else "No series that is observed after it"
        findings.append(
            Finding(
                "nothing_to_compare",
                "warning",
                f"{what} moved before the first origin of the backtest, so no error has a size to be held against: "
                f"the forecast is the {naive[0]} one.",
                remedy="Bring a history that moved, or wait for one.",
            )
        )
        return
    those = max(set(naive), key=naive.count)
    if len(naive) == len(chosen):
        sentence = f"The model does not beat what learns nothing: the forecast is the {those} one."
    else:
        sentence = (
            f"For {len(naive)} of {len(chosen)} series the model does not beat what learns nothing: "
            "they have the naive, seasonal naive or drift forecast."
        )
    findings.append(
        Finding(
            "naive_stands",
            "warning" if len(naive) == len(chosen) else "note",
            sentence,
            {
                "gain": gain,
                "standard_error": error,
                "mase_of_the_model": float(np.nanmean(by_method["model"])),
            },
            f"{SURE:g} standard errors, the test of Diebold and Mariano at 5 %",
            "Columns that are known ahead (known=) or a longer history may help; a price often has no more to give.",
        )
    )
