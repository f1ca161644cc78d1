"""Floors on avoided activity that hold by the exact product of effects, not only as the programme claims them.

At part scale the programme over-states overlapping effects a little, so a floor that just holds by the claim is broken by the
exact product. Such a floor is raised by what is missing and the mix is worked out again with its whole numbers as they
are, until the exact product keeps every floor; the bound of the search stays valid, for a raised floor only tightens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.answers.exact import effective_scales, exact_avoided
from optimiser.answers.whole.search import completed
from optimiser.engines.answer import Answer
from optimiser.problem.document import Problem
from optimiser.programme.family import Family
from optimiser.programme.matrix import Matrix
from optimiser.programme.tables import ProblemTables

ROUNDS = 4
_NEAR = 1e-6
"""A floor is kept where it is missed by no more than this part of it."""


@dataclass(frozen=True)
class BrokenFloor:
    """A floor on avoided activity that the exact product does not reach."""

    measure: str
    floor: float
    exact: float

    @property
    def sentence(self) -> str:
        """It in words."""
        return (
            f"the floor on '{self.measure}' is {self.floor:,.0f}, but by the exact product of effects the mix avoids "
            f"{self.exact:,.0f}: {self.floor - self.exact:,.0f} fewer; set the floor so much higher, or add pieces to the overlap"
        )


def exact_of_measures(answer: Answer, tables: ProblemTables) -> dict[str, float]:
    """What the mix avoids by the exact product, all years, under the name of each measure of it."""
    exact = exact_avoided(tables, effective_scales(answer))
    by_kind = exact.group_by("point_of_delivery").agg(pl.col("exact").sum())
    found = {f"avoided_{kind}": float(units) for kind, units in by_kind.iter_rows()}
    found["avoided"] = float(exact["exact"].sum())
    return {name: units for name, units in found.items() if name in answer.matrix.measures}


def kept_by_exact(problem: Problem, answer: Answer, tables: ProblemTables) -> tuple[Answer, tuple[BrokenFloor, ...]]:
    """The mix with its floors on avoided activity kept by the exact product, and those that could not be."""
    floors = {f.measure: float(f.at_least) for f in problem.limits if f.at_least is not None}
    if answer.values is None or not floors:
        return answer, ()
    asked, now = dict(floors), answer
    broken = _broken(floors, exact_of_measures(now, tables))
    for _ in range(ROUNDS):
        if not broken or now.values is None:
            break
        for floor in broken:
            asked[floor.measure] += (floor.floor - floor.exact) * 1.01
        found = completed(_raised(answer.matrix, {n: a for n, a in asked.items() if a > floors[n]}), now.values)
        if found is None:
            break
        now = replace(answer, values=found.values)
        broken = _broken(floors, exact_of_measures(now, tables))
    if now is not answer:
        note = "floors on avoided activity are kept by the exact product of effects; prices are those of the claim"
        now = replace(now, notes=(*answer.notes, note))
        if now.status == "optimal":
            now = replace(now, status="gap")
    return now, tuple(broken)


def _broken(floors: dict[str, float], exact: dict[str, float]) -> list[BrokenFloor]:
    return [
        BrokenFloor(name, floor, exact[name])
        for name, floor in floors.items()
        if name in exact and exact[name] < floor - _NEAR * max(1.0, abs(floor))
    ]


def _raised(matrix: Matrix, asked: dict[str, float]) -> Matrix:
    """The matrix with further rows that ask more of the measures."""
    for name, least in asked.items():
        m = matrix.measures[name]
        used = np.flatnonzero(m.vector)
        terms = pl.DataFrame(
            {"row": np.zeros(len(used), np.int32), "col": used.astype(np.int32), "value": m.vector[used]}
        )
        family = Family(
            f"exact_{name}",
            0,
            1,
            pl.DataFrame({"measure": [name]}),
            m.unit,
            f"floor on exact {m.label}",
            "Q",
            "measures",
        )
        matrix = matrix.with_rows(family, terms, np.array([least / m.scale - m.constant]), np.array([np.inf]))
    return matrix
