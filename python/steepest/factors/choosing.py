"""Rank and strength of the penalty, chosen on ratings that were held out: nothing to tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from steepest import _core
from steepest._types import Floats
from steepest.result import Result

from .cells import Cells
from .problem import Factors, Maps, Problem

__all__ = ["Tried", "choose", "largest_alpha"]

#: From 1/2 of the alpha above which all factors are 0, halved as often at most.
HALVINGS = 12
#: As many alphas in a row that do worse than the best, and the path ends.
WORSE = 2
#: The rank tried first; more are taken while they do better by this share, and else fewer while they do no worse by it.
RANK = 16
MORE, FEWER = (32, 64), (8, 4, 2, 1)
BETTER = 1e-3
#: Of a fresh start, added to where the last fit ended: factors that were 0 there need not stay so.
NUDGE = 0.1


#: Where items are ranked alphas double from this share of the largest on; iterations for the first, and for each that
#: goes on from another.
LEAST, FIRST, NEXT = 2.0**-6, 40, 12
#: Where lists are judged: rounds of each fit on the way, from a start that is led; and those tried for the last one,
#: until `WORSE` in a row do no better than the best.
FEW, ROUNDS = 3, (2, 3, 5, 8, 13, 21)
#: Where others are drawn anew in each round: rounds of a fit on the way, and those tried for the last one.
AFRESH, EPOCHS = 10, (5, 10, 20, 40)
#: By which share of NDCG more factors must do better there: it is known to about so much.
CLEARLY = 2e-2


@dataclass(frozen=True)
class Tried:
    """One rank and alpha, and the loss on what was held out."""

    rank: int
    alpha: float
    loss: float


def largest_alpha(problem: Problem, cells: Cells, centre: float) -> float:
    """The alpha above which factors of 0 are a minimum: the largest singular value of the slopes there, each row and
    column in units of its own penalty. Maps of features are not looked at: they cost little at any alpha."""
    if problem.against:
        return _largest_ranked(problem, cells)
    slopes = cells.ratings - centre
    if problem.loss != "squared":
        # By differences, whatever the loss: those of a link are no residuals.
        loss, step = (problem.loss, list(problem.loss_settings.items())), 1e-6 * max(1.0, abs(centre))
        ends = [np.full(len(cells), centre + side * step) for side in (1.0, -1.0)]
        above, below = (np.asarray(_core.row_losses(loss, 1, cells.ratings, at)) for at in ends)
        slopes = (below - above) / (2.0 * step)
    weight = np.ones(len(cells)) if cells.weight is None else cells.weight
    total = problem.total(cells)
    users, items = (np.sqrt(a) for a in replace(problem, alpha=1.0).alphas(cells))
    entries = weight * slopes / total / (users[cells.users] * items[cells.items])
    matrix = sparse.csr_matrix((entries, (cells.users, cells.items)), shape=cells.shape)
    v = np.random.default_rng(0).standard_normal(cells.shape[1])
    size = 0.0
    for _ in range(20):
        v = matrix.T @ (matrix @ (v / max(float(np.linalg.norm(v)), 1e-300)))
        size = float(np.sqrt(np.linalg.norm(v)))
    return size / problem.unit


def _largest_ranked(problem: Problem, cells: Cells) -> float:
    """The same where items are ranked, whose slopes the core alone knows: with one side's factors 0 those of that side
    are the matrix of slopes times the other's."""
    one = replace(problem, rank=1, alpha=0.0, features=(None, None))
    count = cells.shape[0]
    scale = [np.sqrt(a) for a in replace(problem, alpha=1.0).alphas(cells)]
    none = [np.zeros(width) for width in one.widths(cells.shape)]
    v, size = np.random.default_rng(0).standard_normal(cells.shape[1]), 0.0
    for _ in range(20):
        v = v / max(float(np.linalg.norm(v)), 1e-300) / scale[1]
        at = Factors(np.zeros((count, 1)), none[0], v[:, None], none[1], 0.0)
        u = -one.gradient(cells, at)[1][:count] / scale[0] ** 2
        at = Factors(u[:, None], none[0], np.zeros((len(v), 1)), none[1], 0.0)
        v = -one.gradient(cells, at)[1][count : count + len(v)] / scale[1]
        size = float(np.sqrt(np.linalg.norm(v)))
    return size


def choose(
    problem: Problem,
    cells: Cells,
    centre: float,
    loss: Callable[[Problem, Factors], float],
    *,
    rank: int | None,
    alpha: float | None,
    seed: int,
    held: Cells | None = None,
) -> tuple[Problem, list[Tried], Factors | None]:
    """The problem with the rank and alpha whose loss on what was held out is least; what was tried on the way; and
    where its fit was left, if that is where to go on from."""
    tried: list[Tried] = []
    top = largest_alpha(problem, cells, centre)
    if problem.against:
        search = _Ranked(problem, cells, loss, max(top, 1e-12), tried)
        found, at = search.best(rank, alpha, centre, seed)
        # Rounds whose steps become small are gone through as a whole.
        return replace(problem, rank=found.rank, alpha=found.alpha), tried, None if problem.by_rank else at
    quick = problem.quick()
    # What ends early has to begin as the last fit will: along a path it would end elsewhere than that does.
    own = held is not None and problem.led
    # Lists have no loss that rounds could end by: all make a few, and how many are best is found afterwards.
    few = own and problem.background > 0
    quick = replace(quick, rounds=FEW) if few else quick

    def path(rank: int, alphas: Iterator[float]) -> Tried:
        """Down the alphas until it gets worse, each from where the last one ended, or from a start of its own."""
        best, worse, at = Tried(rank, np.nan, np.inf), 0, None
        for value in alphas:
            one = replace(quick, rank=rank, alpha=value)
            fresh = one.start(cells, centre, seed)
            if own or at is None:
                from_ = fresh
            else:
                # From factors of 0 no round leads away.
                from_ = replace(at, items=at.items + NUDGE * fresh.items)
            at, _ = one.solve(cells, from_, held=held if own and not few else None)
            found = Tried(rank, value, loss(one, at))
            tried.append(found)
            if found.loss < best.loss:
                best, worse = found, 0
            else:
                worse += 1
            if worse >= WORSE:
                break
        return best

    def down(first: float, count: int) -> Iterator[float]:
        return (first * 0.5**i for i in range(count))

    largest = min(cells.shape)
    fixed = None if alpha is None else [alpha]

    def near(other: int, known: Tried) -> Tried:
        """Another rank at the alphas near the best one of a rank that is known."""
        # After a few rounds the best alpha is nearly that of any rank.
        return path(other, iter(fixed or ([known.alpha] if few else down(2.0 * known.alpha, 4))))

    first = min(RANK, largest) if rank is None else rank
    best = path(first, iter(fixed or down(0.5 * max(top, 1e-12), HALVINGS)))
    if rank is None:
        best = (_rank_of_lists if few else _rank_of_errors)(best, largest, near)
    if few and fixed is None and best.rank > first:
        # More factors may be held less firmly.
        best = min(best, path(best.rank, down(0.5 * best.alpha, 2)), key=lambda one: one.loss)
    return replace(problem, rank=best.rank, alpha=best.alpha), tried, None


def _rank_of_lists(first: Tried, largest: int, near: Callable[[int, Tried], Tried]) -> Tried:
    """The rank by lists: more factors while they do clearly better, else fewer while they do as well."""
    best, least = first, first.loss
    for ranks in (MORE, FEWER):
        for other in ranks:
            if min(other, largest) == best.rank or (ranks is FEWER and best.rank > first.rank):
                continue
            found = near(min(other, largest), best)
            # What is judged is 1 - loss, and fewer factors stand beside the best of all.
            if not found.loss < 1.0 - (1.0 - least) * (1.0 + CLEARLY if ranks is MORE else 1.0 - BETTER):
                break
            best, least = found, min(least, found.loss)
    return best


def _rank_of_errors(first: Tried, largest: int, near: Callable[[int, Tried], Tried]) -> Tried:
    """The rank by errors: fewer factors while they do as well, more where none of these does better, and those between.

    As many factors as there are, firmly held, and no more of them than explain something, held loosely, may both do
    better than what lies between: so two in a row have to do worse before fewer are not looked at.
    """
    best, known, worse = first, {first.rank}, 0
    for rank in FEWER:
        if rank >= first.rank or worse >= WORSE:
            continue
        found = near(rank, best)
        known.add(rank)
        worse = 0 if found.loss < best.loss * (1.0 + BETTER) else worse + 1
        best = best if worse else found
    if not best.loss < first.loss * (1.0 - BETTER):
        for rank in MORE:
            if rank > largest:
                break
            found = near(rank, best)
            known.add(rank)
            if not found.loss < best.loss * (1.0 - BETTER):
                break
            best = found
    # A factor more than explain something explains noise: of few that is much. Halfway to the next that are known while
    # one of these does better.
    before = None
    while best is not before and best.rank <= first.rank:
        before = best
        below = max((k for k in known if k < best.rank), default=0)
        above = min((k for k in known if k > best.rank), default=best.rank)
        for rank in sorted({(best.rank + below) // 2, (best.rank + above) // 2} - known - {0}):
            found = near(rank, before)
            known.add(rank)
            best = found if found.loss < best.loss * (1.0 - BETTER) else best
    return best


def most_useful_rounds(
    problem: Problem,
    cells: Cells,
    start: Factors,
    loss: Callable[[Problem, Factors], float],
    tried: Sequence[Tried] = (),
) -> tuple[Problem, tuple[Factors, Result] | None]:
    """The problem with as many rounds as do best on what was held out, and its fit where that was made; the problem
    as it is where the tolerance is met before that is seen, or the most that are tried still help."""
    most = problem.max_iter or np.inf
    all_rounds = [r for r in (EPOCHS if problem.by_rank else ROUNDS) if r <= most] or [int(most)]
    fits: dict[int, tuple[Factors, Result]] = {}

    def after(rounds: int) -> float:
        one = replace(problem.judged(), rounds=rounds)
        fits[rounds] = one.solve(cells, start)
        return loss(one, fits[rounds][0])

    if problem.by_rank:
        known = [t.loss for t in tried if (t.rank, t.alpha) == (problem.rank, problem.alpha)]
        found = _most_useful_epochs(all_rounds, after, min(known, default=None))
        return replace(problem, rounds=found), fits.get(found)
    best, found = 1.0, all_rounds[0]
    for rounds in all_rounds:
        here = after(rounds)
        if 1.0 - here > (1.0 + BETTER) * (1.0 - best):
            best, found = here, rounds
        elif all_rounds.index(rounds) >= all_rounds.index(found) + WORSE:
            return replace(problem, rounds=found), fits[found]
        if fits[rounds][1].outcome != "held_out":
            break
    return problem, None


def _most_useful_epochs(all_rounds: list[int], after: Callable[[int], float], known: float | None) -> int:
    """From what is known after `AFRESH` rounds on to more, while they do better; where they do not, back to fewer."""
    found = AFRESH if known is not None and AFRESH in all_rounds else all_rounds[0]
    first = found
    best = known if known is not None and found == AFRESH else after(found)
    for rounds in all_rounds[all_rounds.index(first) + 1 :]:
        here = after(rounds)
        if not 1.0 - here > (1.0 + BETTER) * (1.0 - best):
            break
        best, found = here, rounds
    if found == first and first != all_rounds[0]:
        fewer = all_rounds[all_rounds.index(first) - 1]
        found = found if 1.0 - best > (1.0 + BETTER) * (1.0 - after(fewer)) else fewer
    return found


@dataclass
class _Ranked:
    """The choice where items are ranked: each fit goes on from another, for a few iterations.

    From factors near 0 those of a smaller alpha take long to grow, and then the path seems to get worse; larger ones
    shrink at once. So alphas go up.
    """

    problem: Problem
    cells: Cells
    loss: Callable[[Problem, Factors], float]
    top: float
    tried: list[Tried]

    def fit(self, rank: int, alpha: float, at: Factors, iterations: int) -> tuple[Tried, Factors]:
        if self.problem.by_rank:
            # By a rule whose steps become shorter: each from a start of its own.
            iterations, at = (
                AFRESH,
                replace(self.problem, rank=rank).start(self.cells, 0.0, self.problem.seed),
            )
        quick = replace(self.problem.quick(), max_iter=min(iterations, self.problem.max_iter or iterations))
        one = replace(quick, rank=rank, alpha=alpha)
        at, _ = one.solve(self.cells, at)
        found = Tried(rank, alpha, self.loss(one, at))
        self.tried.append(found)
        return found, at

    def best(self, rank: int | None, alpha: float | None, centre: float, seed: int) -> tuple[Tried, Factors]:
        largest = min(self.cells.shape)
        first = min(RANK, largest) if rank is None else rank
        start = replace(self.problem, rank=first).start(self.cells, centre, seed)
        best = self.alphas(first, alpha, start)
        if rank is not None:
            return best
        least = best[0].loss
        for other in MORE:
            if other > largest:
                break
            found = self.fit(other, best[0].alpha, _widened(best[1], other, seed), 2 * NEXT)
            if not 1.0 - found[0].loss > (1.0 + BETTER) * (1.0 - least):
                break
            best, least = found, found[0].loss
        for other in FEWER:
            # Beside the best of all: many small losses would be a large one.
            if best[0].rank > first or other >= best[0].rank:
                continue
            found = self.fit(other, best[0].alpha, _narrowed(best[1], other), NEXT)
            if not 1.0 - found[0].loss >= (1.0 - BETTER) * (1.0 - least):
                break
            best, least = found, min(least, found[0].loss)
        return best

    def alphas(self, rank: int, alpha: float | None, start: Factors) -> tuple[Tried, Factors]:
        if alpha is None and self.problem.by_rank:
            return self.down(rank, start)
        low = alpha if alpha is not None else LEAST * self.top
        best = self.fit(rank, low, start, FIRST)
        if alpha is not None:
            return best
        for way in (2.0, 0.5):
            worse, (found, at) = 0, best
            if way < 1 and found.alpha > low:
                break
            while worse < WORSE and LEAST**2 * self.top < way * found.alpha < self.top:
                found, at = self.fit(rank, way * found.alpha, at, NEXT)
                worse = 0 if found.loss < best[0].loss else worse + 1
                if not worse:
                    best = found, at
        return best

    def down(self, rank: int, start: Factors) -> tuple[Tried, Factors]:
        """The same from large alphas down, where no fit goes on from another."""
        best, worse = None, 0
        for halvings in range(1, HALVINGS + 1):
            one = self.fit(rank, 0.5**halvings * self.top, start, FIRST)
            worse = 0 if best is None or one[0].loss < best[0].loss else worse + 1
            best = one if best is None or not worse else best
            if worse >= WORSE:
                break
        assert best is not None
        return best


def _widened(at: Factors, rank: int, seed: int) -> Factors:
    """The same with more factors, small beside those that there are."""
    rng = np.random.default_rng(seed)
    parts = []
    for side in (at.users, at.items):
        more = rng.standard_normal((len(side), rank - side.shape[1]))
        size = NUDGE * float(np.sqrt(np.mean(side**2)))
        parts.append(np.concatenate([side, size * more], axis=1))
    wider = np.eye(at.users.shape[1], rank)
    return replace(at, users=parts[0], items=parts[1], maps=_turned(at, (wider, wider)))


def _narrowed(at: Factors, rank: int) -> Factors:
    """The scores as near as so few factors come, both sides of one size."""
    (left, inner), (right, outer) = np.linalg.qr(at.users), np.linalg.qr(at.items)
    u, sizes, v = np.linalg.svd(inner @ outer.T)
    root = np.sqrt(sizes[:rank])
    at = replace(at, users=(left @ u[:, :rank]) * root, items=(right @ v[:rank].T) * root)
    if at.maps == (None, None):
        return at
    # What maps say turns as the factors do.
    turns = np.linalg.pinv(inner) @ (u[:, :rank] * root), np.linalg.pinv(outer) @ (v[:rank].T * root)
    return replace(at, maps=_turned(at, turns))


def _turned(at: Factors, by: Sequence[Floats]) -> Maps:
    """What maps say of factors that are multiplied by a matrix, a side each."""
    maps = [None if own is None else (own[0] @ turn, own[1]) for own, turn in zip(at.maps, by, strict=True)]
    return maps[0], maps[1]


def as_dicts(tried: list[Tried]) -> list[dict[str, Any]]:
    """What was tried, for results."""
    return [{"rank": t.rank, "alpha": t.alpha, "loss": t.loss} for t in tried]
