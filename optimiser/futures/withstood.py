"""What a mix is worth when solutions disappoint, by the exact product of effects: every set of them is tried.

The search counts a disappointment on credit, and as if every planned block closed all the same; here each set of solutions falls to its
low end, effects multiply, contracts and contacts follow, and a block whose activity stays is open. On a small programme a second search
closes a block only where its activity is gone whoever disappoints; the mix whose worst case is better is taken. The bound of the first
holds for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from capitation.errors import SolverError
from optimiser.answers.whole.search import MERGE_FROM, completed
from optimiser.engines.answer import Answer
from optimiser.futures.appraisal.score import Model
from optimiser.futures.robust import closures_withstand, credit_lost, worst_case
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import PLAIN
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix
from optimiser.programme.tables import THOUSAND

_USED = 1e-6
MOST_SETS = 2_000
"""So many sets of disappointments are tried; of more solutions, those that lose most are combined."""


@dataclass(frozen=True)
class Withstood:
    """The worth of a mix by the exact product, as planned and in its worst case."""

    planned: float
    worst: float
    solutions: tuple[str, ...]
    """Those whose disappointment is the worst case."""
    short: tuple[tuple[str, str, int, str, float], ...] = ()
    """Closures that some disappointment breaks: provider, point of delivery, lag, year, and the units that are too few at most."""


@dataclass(frozen=True)
class Protected:
    """A programme, what each disappointment loses in it, and what the search of the protected programme found."""

    matrix: Matrix
    losses: Mapping[str, Floats]
    answer: Answer

    def each(self, answer: Answer) -> dict[str, float]:
        """By solution, what the search counts as lost where it disappoints, in the goal's unit."""
        values = self._values(answer)
        return {name: float(row @ values) * self.matrix.scale for name, row in self.losses.items()}

    def planned(self, answer: Answer) -> float:
        """The goal as the search counts it, if nothing disappoints."""
        return (float(self.matrix.cost @ self._values(answer)) + self.matrix.constant) * self.matrix.scale

    def _values(self, answer: Answer) -> Floats:
        if answer.values is None:
            raise SolverError(f"there is no mix: {answer.meaning}")
        return answer.values[: self.matrix.column_count]


def standing(
    problem: Problem,
    found: Protected,
    gamma: float,
    low_share: Mapping[str, float] | None,
    look: Callable[[Matrix], Answer],
) -> tuple[Answer, Withstood | None]:
    """The mix whose worst case by the exact product is best of those found, and what it is then worth.

    Args:
        problem: the document.
        found: the search that takes every planned block as closed.
        gamma: how many may disappoint at once.
        low_share: see `withstood`.
        look: searches a programme.
    """
    answer, losses = found.answer, found.each(found.answer)
    if not problem.blocks or not problem.whole_blocks:
        return answer, withstood(problem, answer, losses, gamma, low_share)
    kept, _ = closures_kept(problem, answer, losses, 0.0, low_share, look)
    exact = withstood(problem, kept, losses, gamma, low_share)
    claimed = found.planned(kept) - worst_case(np.array(list(losses.values())), gamma)
    if exact is None or gamma <= 0 or exact.worst >= claimed - _SAME * max(1.0, abs(claimed)):
        return kept, exact
    if kept.status == "optimal":
        kept = replace(kept, status="gap")
    if answer.matrix.column_count >= MERGE_FROM or answer.stopped_by_user:
        return kept, exact
    safe = look(closures_withstand(answer.matrix, credit_lost(problem, found.matrix, low_share), gamma))
    if safe.values is None:
        return kept, exact
    other, stands = closures_kept(problem, safe, losses, gamma, low_share, look)
    if stands is None or stands.worst <= exact.worst:
        return kept, exact
    return replace(other, bound=answer.bound, status="gap" if other.status == "optimal" else other.status), stands


_SAME = 1e-4
"""A worst case this near to the search's own, as a share of it, is the same: effects at part scale are claimed a little too high."""


def withstood(
    problem: Problem,
    answer: Answer,
    losses: Mapping[str, float],
    gamma: float,
    low_share: Mapping[str, float] | None = None,
) -> Withstood | None:
    """The worst case of the mix in `answer` over every set of at most `gamma` solutions; None for a goal that is no present value.

    Args:
        problem: the document.
        answer: the mix.
        losses: by solution, what the search counts as lost where it disappoints, to combine those that lose most.
        gamma: how many may disappoint at once; part of one where it is not whole.
        low_share: by solution, share of every planned effect and saving that a disappointment leaves, in place of the low ends.
    """
    goal = problem.goals[0].measure
    if goal not in ("npv", "system_npv", "commissioner_npv"):
        return None
    model = Model(problem, answer, tables_of(problem, PLAIN))
    ids = [s.id for s in problem.solutions]
    used = model.effective.filter(model.effective["effective"] > _USED)["solution"].unique().to_list()
    sets = [(), *_sets(sorted(used, key=lambda name: (-losses.get(name, 0.0), name)), gamma)]
    falls = np.zeros((len(sets), len(ids)))
    for at, chosen in enumerate(sets):
        for n, name in enumerate(chosen):
            falls[at, ids.index(name)] = min(1.0, gamma - n)
    acting, planned = model.acting, model.planned_effects()
    names = acting["solution"].to_list()
    shares = np.array([1.0 if low_share is None else low_share[name] for name in names])
    low = acting["low"].to_numpy() if low_share is None else planned * shares
    owner = acting["s"].to_numpy()
    effects = planned - falls[:, owner] * (planned - np.minimum(low, planned))
    saved: list[Floats] = []
    each = iter(model.planned_savings())
    for s in problem.solutions:
        for v in s.savings:
            full = next(each)
            factor = model.tables.factor(s.id) / THOUSAND
            least = float(v.at("low")) * factor if low_share is None else full * low_share[s.id]
            saved.append(full - falls[:, ids.index(s.id)] * (full - min(least, full)))
    worth = model.score_at(effects, saved)[goal] * THOUSAND
    worst = int(np.argmin(worth))
    return Withstood(float(worth[0]), float(worth[worst]), tuple(sorted(sets[worst])), _short(model, effects))


def closures_kept(
    problem: Problem,
    answer: Answer,
    losses: Mapping[str, float],
    gamma: float,
    low_share: Mapping[str, float] | None,
    look: Callable[[Matrix], Answer],
) -> tuple[Answer, Withstood | None]:
    """The mix with every closure kept by the exact product whoever disappoints, as far as that was found, and what it is then worth.

    What a closure asks for is raised by what is missing and the mix worked out again with its whole numbers as they are, or, where
    those leave none, searched anew by `look` (a small programme); the bound stays valid, for asking more only tightens.
    """
    found = withstood(problem, answer, losses, gamma, low_share)
    for _ in range(ROUNDS):
        if found is None or not found.short or answer.values is None:
            break
        asked = _raised(answer.matrix, found)
        again = completed(asked, answer.values)
        if again is None and asked.column_count < MERGE_FROM:
            again = look(asked)
        if again is None or again.values is None:
            break
        said = f"{KEPT}{' whoever disappoints' if gamma > 0 else ''}"
        notes = answer.notes if said in answer.notes else (*answer.notes, said)
        status = "gap" if answer.status == "optimal" else answer.status
        answer = replace(answer, matrix=asked, values=again.values, status=status, notes=notes)
        found = withstood(problem, answer, losses, gamma, low_share)
    return answer, found


KEPT = "closures are kept by the exact product of effects"
ROUNDS = 6
_NEAR = 1e-6
"""A closure is kept where it is missed by no more than this part of what it served."""


def _short(model: Model, effects: Floats) -> tuple[tuple[str, str, int, str, float], ...]:
    if not model.planned_blocks or not model.problem.whole_blocks:
        return ()
    donated = model.donated(effects)
    found = []
    for h, where, lag, blocks in model.planned_blocks:
        served = np.sum([size * planned for size, _, planned in blocks], axis=0)
        at = {t + lag: j for t, j in where}
        for t in range(model.horizon):
            if served[t] <= 0:
                continue
            least = float(donated[:, at[t]].min()) if t in at else 0.0
            if least < served[t] * (1 - _NEAR):
                pod = model.gone["point_of_delivery"][at[t]] if t in at else ""
                found.append((model.providers[h], str(pod), lag, str(model.problem.years[t]), float(served[t]) - least))
    return tuple(found)


def _raised(matrix: Matrix, found: Withstood) -> Matrix:
    """The matrix in which the closures that were broken ask for so much more."""
    missing = {(h, pod, lag, year): units for h, pod, lag, year, units in found.short}
    upper = matrix.row_upper.copy()
    for family in (f for f in matrix.rows if f.name == "block_release"):
        keys = family.index.select("provider", "point_of_delivery", "lag", "year").iter_rows()
        for n, (h, pod, lag, year) in enumerate(keys):
            upper[family.first + n] -= missing.get((str(h), str(pod), int(lag), str(year)), 0.0) * _MORE
    return replace(matrix, row_upper=upper)


_MORE = 1.01


def _sets(losing: Sequence[str], gamma: float) -> list[tuple[str, ...]]:
    """Sets of the most solutions that may disappoint; where part of one may, it is the last of the set, each in turn."""
    size = min(int(np.ceil(gamma)), len(losing))
    if size == 0:
        return []
    kept = list(losing)
    while len(kept) > size and _count(len(kept), size, gamma) > MOST_SETS:
        kept.pop()
    sets = list(itertools.combinations(kept, size))
    if gamma >= size:
        return sets
    return [(*(x for x in chosen if x != last), last) for chosen in sets for last in chosen]


def _count(names: int, size: int, gamma: float) -> int:
    found = 1
    for n in range(size):
        found = found * (names - n) // (n + 1)
    return found if gamma >= size else found * size
