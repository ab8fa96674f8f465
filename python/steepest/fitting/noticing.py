"""What is noticed once a table is fitted: in the figures, in the target, in columns and rows that repeat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.findings import Finding
from steepest.fitting.alphas import Path
from steepest.model.weights import Weights
from steepest.report.figures import count, figure, percent, plural
from steepest.tables import Part, Prepared
from steepest.tables.leakage import row_keys
from steepest.tasks import Task
from steepest.tasks.metrics import RARE

__all__ = [
    "about_columns",
    "about_figures",
    "about_target",
    "about_weights",
    "flags_of",
    "gravest_first",
    "level_counts",
    "separated_levels",
    "unsettled",
]

Counts = dict[int, np.ndarray[Any, Any]]
#: how much lower the loss on training rows may be than on held-out rows
OVERFITTED = 1.5
#: beside an error of so little of the baseline's (an R² of .98) nobody asks for more rows
ENOUGH = 0.14
#: rows looked at where a share of them tells as much
SAMPLE = 20_000
#: a level with fewer rows than this says nothing by having one class only
FEW = 10
#: share of the rows that may stand at the target's largest or smallest value
AT_ONE_VALUE = 0.01
#: whole numbers up to this are counts; larger ones amounts, as prices are
MOST_COUNTED = 10_000.0
#: correlation from which on two columns say the same
SAME = 0.9999
#: columns among which repetitions are looked for
MOST_COLUMNS = 600
#: kinds of findings that come before all others of their severity
FIRST = ("too_good_to_be_true", "repeated_rows")


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Problems, warnings, notes; of one severity what gives the target away first."""
    order = {"problem": 0, "warning": 1, "note": 2}
    return sorted(
        findings,
        key=lambda f: (order[f.severity], FIRST.index(f.kind) if f.kind in FIRST else len(FIRST)),
    )


def about_figures(
    figures: list[dict[str, Any]], path: Path | None, later: bool, shifted: bool = False
) -> list[Finding]:
    """No better than the baseline, or too well adapted to the training rows.

    With class weights (`shifted`) probabilities are no frequencies, and what ranks is looked at instead.
    """
    found = []
    known = [f for f in figures if np.isfinite(f["value"]) and np.isfinite(f["baseline"])]
    if known:
        wanted = ("AUC", "balanced accuracy") if shifted else ("log loss", "RMSE")
        chief = next((f for name in wanted for f in known if f["name"] == name), known[0])
        value, base = chief["value"], chief["baseline"]
        better = value > base if chief["better"] == "higher" else value < base
        if not better:
            sentence = (
                f"On held-out rows the model is no better than the baseline, which looks at no column "
                f"({chief['name']} {figure(value, 4)} against {figure(base, 4)})."
            )
            remedy = "look for columns that tell more about the target, or collect more rows"
            evidence = {"value": value, "baseline": base}
            found.append(Finding("no_better_than_baseline", "problem", sentence, evidence, base, remedy))
    if path is not None:
        place = path.alphas.index(path.chosen)
        train, held = path.train_loss[place], path.validation_loss[place]
        # Where next to nothing is left to be explained, many times nothing is no loss.
        left = next((f["value"] / f["baseline"] for f in known if f["name"] == "RMSE" and f["baseline"]), 1.0)
        if held > OVERFITTED * train + 3 * path.error[place] and left > ENOUGH:
            why = "the model fits peculiarities of the training rows (overfitting)"
            if later:
                why += ", or the later rows differ from the earlier ones (drift)"
            sentence = (
                f"The loss on held-out rows ({figure(held, 4)}) is {figure(held / max(train, 1e-300), 2)} times "
                f"the loss on training rows ({figure(train, 4)}): {why}."
            )
            evidence = {"train_loss": train, "validation_loss": held}
            remedy = "collect more rows, or leave out columns that can mean little (drop)"
            found.append(Finding("overfitting", "warning", sentence, evidence, OVERFITTED, remedy))
    return found


def about_target(
    prepared: Prepared,
    task: Task,
    part: Part,
    weights: Weights,
    heldout: dict[str, Any],
    figures: list[dict[str, Any]],
) -> list[Finding]:
    """What the target and its predictions show."""
    schema = prepared.schema
    if schema.classes is None:
        held = np.asarray(heldout["y"]), np.asarray(heldout["p"])
        return at_one_value(part.y, schema.target, task.zeros) + below_zero(part.y, *held, schema.target)
    undefined = any(f["name"] == "precision" and not np.isfinite(f["value"]) for f in figures)
    found = imbalance(part.y, schema.classes or (), none_called=undefined)
    return found + told_apart(part, weights, task, figures, np.asarray(heldout["y"]))


def about_weights(by_class: Sequence[float] | None, classes: Sequence[Any] | None) -> list[Finding]:
    """That probabilities of a model with weighted classes are no shares of rows."""
    if by_class is None or classes is None or len(set(by_class)) == 1:
        return []
    shown = ", ".join(f"{label!s} {figure(w)}" for label, w in list(zip(classes, by_class, strict=True))[:6])
    sentence = (
        f"Classes are weighted ({shown}{', …' if len(classes) > 6 else ''}), so predicted probabilities are not "
        "shares of rows, and log loss and calibration suffer."
    )
    remedy = "to predict a rare class more often and keep the probabilities, pass threshold= or cost= instead"
    return [Finding("class_weights", "note", sentence, {"weights": list(by_class)[:20]}, None, remedy)]


def at_one_value(y: Floats, target: str, zeros: bool = False) -> list[Finding]:
    """Many rows at the largest or smallest value, as where a target is capped; `zeros` are expected."""
    values, counts = np.unique(y, return_counts=True)
    usual = float(np.median(counts))
    found = []
    for place, word in ((-1, "largest"), (0, "smallest")):
        rows, value = int(counts[place]), float(values[place])
        if len(values) < 20 or rows < max(10.0, AT_ONE_VALUE * len(y), 5 * usual):
            continue
        if zeros and value == 0:
            continue
        if rows < 2 * counts[place - 1 if place else 1]:
            continue  # its neighbour is as common: an ordinary end of a distribution
        sentence = (
            f"{count(rows)} of {count(len(y))} rows ({percent(rows / len(y))}) have the {word} value of "
            f"{target!r}, {figure(value, 6)}, as if it were capped there."
        )
        remedy = (
            "if it is capped, a straight line is wrong there: look at those rows apart, or leave them out"
        )
        if value == 0:
            remedy = (
                'where many values are 0 for a reason of its own, pass loss="tweedie", or predict zero or not first, '
                "then how much"
            )
        evidence = {"rows": rows, "value": value}
        found.append(Finding("target_at_one_value", "warning", sentence, evidence, AT_ONE_VALUE, remedy))
    return found


def below_zero(y: Floats, held: Floats, p: Floats, target: str) -> list[Finding]:
    """Predictions below zero of what never is."""
    least = float(min(y.min(), held.min(initial=np.inf)))
    wrong = int((p < 0).sum())
    if least < 0 or not wrong:
        return []
    whole = bool((y == np.floor(y)).all())
    whole = whole and float(y.max()) <= MOST_COUNTED
    what = "counts" if whole else "amounts"
    sentence = (
        f"{count(wrong)} of {count(len(p))} held-out rows are predicted below 0, though {target!r} never is: a "
        f"straight line does not suit {what} near 0."
    )
    loss = "poisson" if whole else "gamma" if least > 0 else "tweedie"
    remedy = f'pass loss="{loss}", which predicts what is never below 0'
    return [Finding("negative_predictions", "warning", sentence, {"rows": wrong, "least": least}, 0, remedy)]


def imbalance(y: Floats, classes: Sequence[Any], none_called: bool = False) -> list[Finding]:
    """A class of two so rare that accuracy says little."""
    counts = np.bincount(y.astype(np.int64), minlength=len(classes))
    if len(classes) != 2 or counts.min() > RARE * len(y):
        return []
    rare, common = int(counts.argmin()), int(counts.argmax())
    share = counts[rare] / len(y)
    sentence = (
        f"Only {percent(share)} of the rows ({count(counts[rare])}) are {classes[rare]!s}: predicting "
        f"{classes[common]!s} always is right for {percent(1 - share)}, so accuracy says little. AUC and balanced "
        "accuracy come first."
    )
    if none_called:
        sentence += f" At the threshold in use no held-out row is predicted {classes[1]!s}."
    remedy = 'set what a missed row costs (cost= or threshold=); class_weight="balanced" weighs classes alike'
    if rare == 0:
        remedy = (
            f"pass positive={classes[0]!r}, so that precision, recall, threshold and cost are of the rare class "
            f"(now {classes[1]!s} is the positive one)"
        )
    evidence = {"rows": int(counts[rare]), "share": float(share)}
    return [Finding("imbalanced_classes", "warning", sentence, evidence, RARE, remedy)]


def by_chance(y: np.ndarray[Any, Any]) -> bool:
    """Whether so few rows would be put in order of their classes without a mistake by chance, once in a thousand."""
    counts = np.bincount(np.asarray(y, dtype=np.int64))
    ways = math.lgamma(counts.sum() + 1) - sum(math.lgamma(count + 1) for count in counts)
    return ways < math.log(1000)


def told_apart(
    part: Part, weights: Weights, task: Task, figures: list[dict[str, Any]], heldout_y: np.ndarray[Any, Any]
) -> list[Finding]:
    """Classes that the columns tell apart without a mistake, in the rows held out or in those fitted."""
    values = {f["name"]: f["value"] for f in figures}
    held = (values.get("accuracy") == 1.0 or values.get("AUC") == 1.0) and not by_chance(heldout_y)
    fitted = all_right(part, weights, task)
    if not held and not fitted:
        return []
    parts = []
    if held:
        names = [f"{name} 1" for name in ("accuracy", "AUC") if values.get(name) == 1.0]
        parts.append(f"on the held-out rows ({', '.join(names)})")
    if fitted:
        parts.append(f"on all {count(len(part.y))} rows fitted")
    sentence = f"The classes can be told apart without a mistake {' and '.join(parts)}."
    if fitted:
        sentence += " Without a penalty no finite coefficients exist; alpha alone keeps them finite."
    remedy = "ask whether a column is known only once the answer is (a leak); the size of coefficients means little"
    evidence = {name: values[name] for name in ("accuracy", "AUC") if name in values}
    return [Finding("separable_classes", "warning", sentence, evidence, 1.0, remedy)]


def all_right(part: Part, weights: Weights, task: Task) -> bool:
    """Whether every row of a part is predicted right; a sample is looked at first."""
    step = max(1, len(part.y) // SAMPLE)
    for rows in dict.fromkeys((step, 1)):
        p = task.predictions(weights.margins(slim(part, rows).design))
        if not (task.called(p) == part.y[::rows]).all():
            return False
    return True


def slim(part: Part, step: int) -> Part:
    """Every `step`-th row of a part."""
    if step == 1:
        return part
    from steepest.fitting.splits import taken

    return taken(part, slice(None, None, step))


def level_counts(part: Part, classes: int, flags: Sequence[int]) -> Counts:
    """For each column of the dense design that is 0 or 1: the rows at 1, by class (or as one number).

    `flags` are the places of number columns that hold 0 and 1 only.
    """
    y = part.y.astype(np.int64) if classes else np.zeros(len(part.y), np.int64)
    kinds = max(1, classes)
    found: Counts = {}
    for j in flags:
        found[j] = np.bincount(y[part.design.numbers[:, j] == 1], minlength=kinds)
    first = part.design.numbers.shape[1]
    for codes, levels in zip(part.design.codes.T, part.design.levels, strict=True):
        known = codes >= 0
        both = np.bincount(codes[known] * kinds + y[known], minlength=len(levels) * kinds)
        for k, row in enumerate(both.reshape(len(levels), kinds)):
            found[first + k] = row
        first += len(levels)
    return found


def separated_levels(coefficients: list[dict[str, Any]], classes: Sequence[Any] | None) -> list[Finding]:
    """Levels at which the rows are all of one class: nothing but the penalty limits their coefficients."""
    if classes is None or len(classes) != 2:
        return []
    names, seen = [], []
    for c in coefficients:
        rows = c.get("rows", 0)
        if rows < FEW or c["of_class"] not in (0, rows):
            continue
        names.append(str(c["name"]))
        seen.append(f"{c['name']} ({count(c['of_class'])} of {count(rows)} {classes[1]!s})")
    if not names:
        return []
    shown = "; ".join(seen[:4]) + (f"; and {len(seen) - 4} more" if len(seen) > 4 else "")
    what = "At this level" if len(seen) == 1 else "At these levels"
    sentence = (
        f"{what} all rows are of one class (quasi-separation), so nothing but the penalty limits the coefficient: "
        f"{shown}."
    )
    remedy = "do not read their odds as measured; pool rare levels, or collect more rows"
    return [Finding("separated_levels", "warning", sentence, {"levels": names[:20]}, FEW, remedy)]


def about_columns(prepared: Prepared, part: Part) -> list[Finding]:
    """Columns that repeat each other, and rows that do."""
    return repeated_columns(prepared.train) + repeated_rows(part)


def repeated_rows(part: Part) -> list[Finding]:
    """Rows that are the same as an earlier one, target included."""
    keys = np.sort(row_keys(part))
    again = int((keys[1:] == keys[:-1]).sum())
    if not again:
        return []
    sentence = (
        f"{count(again)} of {plural(len(keys), 'row')} ({percent(again / len(keys))}) "
        f"{'is' if again == 1 else 'are'} the same as an earlier one, target included."
    )
    remedy = "if they are copies, take them out: held-out rows that were fitted too flatter the figures"
    # Where held-out rows are among them there is a warning already.
    return [Finding("equal_rows", "note", sentence, {"rows": again}, None, remedy)]


def repeated_columns(train: Part) -> list[Finding]:
    """Columns that say the same: proportional, one to one, or the sum of others."""
    rows = slice(None, None, max(1, len(train.y) // 5000))
    numbers, features = train.design.numbers[rows], train.design.number_features
    if len(numbers) < 20:
        return []
    found = proportional(numbers[:, :MOST_COLUMNS], [f.name for f in features][:MOST_COLUMNS])
    pairs = one_to_one(train, rows)
    said = [f"{one!r} and {other!r} ({how})" for one, other, how in found + pairs]
    if not said:
        return []
    shown = "; ".join(said[:4]) + (f"; and {len(said) - 4} more" if len(said) > 4 else "")
    sentence = f"Columns repeat each other: {shown}. They share one effect, in a way that means little."
    evidence = {"columns": [[one, other] for one, other, _ in (found + pairs)[:20]]}
    remedy = "keep one of each (drop) to read the coefficients; predictions are the same"
    return [Finding("repeated_columns", "warning", sentence, evidence, SAME, remedy)]


def proportional(numbers: Floats, names: list[str]) -> list[tuple[str, str, str]]:
    """Pairs of number columns on a straight line, and columns that are a weighted sum of others."""
    if numbers.shape[1] < 2:
        return []
    top = np.abs(numbers).max(axis=0)
    scaled = numbers / np.where(top == 0, 1.0, top)
    scaled = scaled - scaled.mean(axis=0)
    size = np.sqrt((scaled**2).sum(axis=0))
    varies = np.flatnonzero(size > 1e-11 * np.sqrt(len(scaled)))
    columns = scaled[:, varies] / size[varies]
    matrix = columns.T @ columns
    found, gone = [], set()
    for j in range(len(varies)):
        for i in np.flatnonzero(np.abs(matrix[j, :j]) > SAME):
            if i in gone:
                continue
            ratio = size[varies[j]] * top[varies[j]] / (size[varies[i]] * top[varies[i]])
            how = f"correlation {figure(matrix[j, i], 6)}"
            if abs(matrix[j, i]) > 1 - 1e-9:
                how = proportion(float(ratio * np.sign(matrix[j, i])))
            found.append((names[varies[i]], names[varies[j]], how))
            gone.add(j)
            break
    kept = [j for j in range(len(varies)) if j not in gone]
    return found + sums(columns[:, kept], [names[varies[j]] for j in kept])


def proportion(ratio: float) -> str:
    """What the second of two columns on a straight line is, in words.

    >>> proportion(1.0), proportion(100.0)
    ('they differ by a constant at most', 'the second is 100 times the first, plus a constant')
    """
    if abs(ratio - 1) < 1e-4:
        return "they differ by a constant at most"
    times = "minus" if abs(ratio + 1) < 1e-4 else f"{figure(ratio, 4)} times"
    return f"the second is {times} the first, plus a constant"


def sums(columns: Floats, names: list[str]) -> list[tuple[str, str, str]]:
    """Columns that are weighted sums of earlier ones: those at which a Cholesky factor of the correlations ends."""
    from scipy.linalg import solve_triangular

    width, found = columns.shape[1], []
    if len(columns) < 2 * width:
        return []
    matrix = columns.T @ columns
    factor = np.zeros((width, width))
    kept: list[int] = []
    for j in range(width):
        done = len(kept)
        across = (
            solve_triangular(factor[:done, :done], matrix[np.array(kept), j], lower=True)
            if done
            else np.empty(0)
        )
        left = matrix[j, j] - float(across @ across)
        if left < 1e-8:
            weights = solve_triangular(factor[:done, :done], across, lower=True, trans=1)
            parts = [names[kept[i]] for i in np.flatnonzero(np.abs(weights) > 1e-5)]
            if len(parts) <= 6:
                found.append((" + ".join(parts), names[j], "the last is a weighted sum of the others"))
            continue
        factor[done, :done], factor[done, done] = across, np.sqrt(left)
        kept.append(j)
    return found


def one_to_one(train: Part, rows: slice) -> list[tuple[str, str, str]]:
    """A category and another column of few values of which each determines the other."""
    design = train.design
    coded: list[tuple[str, np.ndarray[Any, Any]]] = [
        (name, design.codes[rows, k]) for k, name in enumerate(design.categories) if len(design.levels[k]) > 1
    ]
    if not coded:
        return []
    categories = len(coded)
    for j, feature in enumerate(design.number_features[:MOST_COLUMNS]):
        values, codes = np.unique(design.numbers[rows, j], return_inverse=True)
        if 1 < len(values) <= min(1000, len(codes) // 10):
            coded.append((feature.name, codes))
    found = []
    for i in range(min(categories, 60)):
        for name, other in coded[i + 1 :]:
            if same_grouping(coded[i][1], other):
                found.append((coded[i][0], name, "each value of one goes with one of the other"))
    return found


def same_grouping(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Whether two codings put the same rows together."""
    one, other = one - one.min(), other - other.min()
    first, second = len(np.unique(one)), len(np.unique(other))
    return first == second == len(np.unique(one.astype(np.int64) * (int(other.max()) + 1) + other))


def flags_of(prepared: Prepared) -> list[int]:
    """The places of number columns that hold 0 and 1 only."""
    kinds = {column.name: column.kind for column in prepared.schema.columns}
    return [
        j
        for j, feature in enumerate(prepared.train.design.number_features)
        if feature.name != feature.column or kinds.get(feature.column) == "boolean"
        if np.isin(prepared.train.design.numbers[:1000, j], (0.0, 1.0)).all()
    ]


def unsettled(judged: Any, final: Any) -> list[Finding]:
    """The model that was judged did not converge, though the one that comes back did."""
    if judged is final or judged.solution["success"]:
        return []
    sentence = f"The fit to the training rows, which the figures judge, did not converge: {judged.solution['message']}"
    return [Finding("judged_not_converged", "warning", sentence.rstrip(".") + ".")]
