"""Floors on avoided activity and closures that hold by the exact product of effects, not only as the programme claims them.

At part scale the programme over-states overlapping effects a little, so a floor that just holds by the claim is broken by the
exact product, and a ward that closes with nothing to spare has some patients left. What is asked is then raised by what is
missing and the mix is worked out again with its whole numbers as they are, until the exact product keeps every floor and
empties every closed block; the bound of the search stays valid, for asking more only tightens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.answers.exact import effective_scales, exact_avoided
from optimiser.answers.whole.search import completed
from optimiser.blocks.flows import provider_flows
from optimiser.blocks.wards import wards
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
            f"{self.exact:,.0f}: {self.floor - self.exact:,.0f} fewer; set the floor that much higher, or add pieces to the overlap"
        )


@dataclass(frozen=True)
class OpenClosure:
    """Blocks that close though the exact product leaves some of their activity."""

    provider: str
    point_of_delivery: str
    year: str
    column: int
    """The column of what is gone."""
    served: float
    exact: float

    @property
    def sentence(self) -> str:
        """It in words."""
        return (
            f"closed blocks of {self.point_of_delivery} at {self.provider} served {self.served:,.0f} in {self.year}, but by the "
            f"exact product of effects {self.exact:,.0f} are gone: {self.served - self.exact:,.1f} too few"
        )


def exact_of_measures(answer: Answer, tables: ProblemTables) -> dict[str, float]:
    """What the mix avoids by the exact product, all years, under the name of each measure of it."""
    exact = exact_avoided(tables, effective_scales(answer))
    by_kind = exact.group_by("point_of_delivery").agg(pl.col("exact").sum())
    found = {f"avoided_{kind}": float(units) for kind, units in by_kind.iter_rows()}
    found["avoided"] = float(exact["exact"].sum())
    return {name: units for name, units in found.items() if name in answer.matrix.measures}


def kept_by_exact(
    problem: Problem, answer: Answer, tables: ProblemTables
) -> tuple[Answer, tuple[BrokenFloor | OpenClosure, ...]]:
    """The mix with its floors on avoided activity and its closures kept by the exact product, and those that could not be."""
    floors = {f.measure: float(f.at_least) for f in problem.limits if f.at_least is not None}
    closes = bool(problem.blocks) and problem.whole_blocks
    if answer.values is None or not (floors or closes):
        return answer, ()
    asked, now = dict(floors), answer
    gone: dict[int, float] = {}
    broken, left = _broken(floors, exact_of_measures(now, tables)), _left_open(problem, now, tables) if closes else []
    for _ in range(ROUNDS):
        if not (broken or left) or now.values is None:
            break
        for floor in broken:
            asked[floor.measure] += (floor.floor - floor.exact) * 1.01
        for closure in left:
            missing = (closure.served - closure.exact) * 1.01
            gone[closure.column] = gone.get(closure.column, closure.served) + missing
        raised = _raised(answer.matrix, {n: a for n, a in asked.items() if a > floors[n]})
        found = completed(_emptied(raised, gone), now.values)
        if found is None:
            break
        now = replace(answer, values=found.values)
        broken, left = (
            _broken(floors, exact_of_measures(now, tables)),
            _left_open(problem, now, tables) if closes else [],
        )
    if now is not answer:
        note = "floors on avoided activity are kept by the exact product of effects; prices are those of the claim"
        if gone:
            note = "floors and closures are kept by the exact product of effects; prices are those of the claim"
        now = replace(now, notes=(*answer.notes, note))
        if now.status == "optimal":
            now = replace(now, status="gap")
    return now, (*broken, *left)


def _left_open(problem: Problem, answer: Answer, tables: ProblemTables) -> list[OpenClosure]:
    """What closed blocks served, where the exact product leaves more of it than a hair."""
    matrix, values = answer.matrix, answer.values
    if values is None or not any(f.name == "block_released" and f.count for f in matrix.columns):
        return []
    key = ["provider", "point_of_delivery", "year"]
    exact = (
        exact_avoided(tables, effective_scales(answer))
        .join(provider_flows(tables), on=["locality", "point_of_delivery"])
        .join(tables.dates, on="t")
        .group_by(key)
        .agg((pl.col("exact") * pl.col("flow")).sum())
    )
    family = matrix.family("donated")
    columns = family.index.select(key).with_columns(pl.Series("column", np.arange(family.first, family.last)))
    table = (
        answer.column("block_released")
        .join(wards(tables).select("provider", "block", "point_of_delivery", "size", "lag"), on=["provider", "block"])
        .join(tables.dates, on="year")
        .with_columns((pl.col("t") - pl.col("lag")).cast(pl.Int32).alias("t"))
        .drop("year")
        .join(tables.dates, on="t")
        .group_by(key)
        .agg((pl.col("value") * pl.col("size")).sum().alias("served"))
        .filter(pl.col("served") > 0)
        .join(exact, on=key, how="left")
        .join(columns, on=key)
        .with_columns(pl.col("exact").fill_null(0.0))
        .sort(key)
    )
    return [
        OpenClosure(h, pod, year, column, served, units)
        for h, pod, year, served, units, column in table.select(*key, "served", "exact", "column").iter_rows()
        if units < served - _NEAR * max(1.0, served)
    ]


def _emptied(matrix: Matrix, gone: dict[int, float]) -> Matrix:
    """The matrix in which at least so much is gone."""
    lower = matrix.lower.copy()
    for column, least in gone.items():
        lower[column] = max(lower[column], least)
    return replace(matrix, lower=lower)


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
