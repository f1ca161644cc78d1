"""The programme of a straight family: the terms that are best while every limit holds, or what limits would have to give.

    best       incentive (or the safety of whoever bears most) subject to every row that touches a limit
    least      how far one limit would have to give, alone or with the others kept
    together   how far all would have to give, as shares of their levels, with the least in all

Rows are added where the answer breaks the measure they touch, until it breaks none by more than a millionth of its level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from capitation.chance.curves.normal import Floats
from capitation.errors import SolverError
from optimiser.engines.answer import Answer
from optimiser.engines.solver import solve
from optimiser.links.terms.measures import Touching, touched, touching
from optimiser.links.terms.straight import Straight
from optimiser.programme.builder import Builder
from optimiser.programme.matrix import Matrix

TOLERANCE = 1e-6
"""Share of its level by which an answer may break a limit."""

ROUNDS = 500
"""How often rows are added at most."""

SMALLEST = 1e-4
"""A level counts as at least this share of plan where what it gives is measured against it."""

EXPOSED = -1
"""Number of what is not a limit: the mean loss of the worst tenth of years of whoever bears most, which safety makes least."""


@dataclass(frozen=True)
class Ask:
    """What is sought: the best terms, or what limits have to give."""

    scales: tuple[float, ...]
    """Times each level."""
    gives: tuple[float | None, ...]
    """What each limit costs where it gives a share of its level; None where it may not."""
    kept: tuple[bool, ...]
    """Limits that count at all."""
    is_best: bool = True
    """Whether the aim of the family is sought as well."""


@dataclass(frozen=True)
class FoundTerms:
    """What a programme found."""

    at: Floats
    """Each figure between 0 at its low end and 1 at its high end."""
    gives: tuple[float, ...]
    """By how much of plan each limit gives."""


@dataclass
class LinearTerms:
    """A straight family with the rows found so far, which hold for every ask."""

    family: Straight
    rows: list[Touching] = field(default_factory=list)

    def level(self, number: int, scales: Sequence[float]) -> float:
        """The level of a limit, tightened."""
        return float(self.family.trial.family.limits[number].level.value) * scales[number]

    def find(self, ask: Ask) -> FoundTerms | None:
        """What is asked for; None where nothing meets the limits that may not give."""
        for _ in range(ROUNDS):
            answer = solve(self._matrix(ask), prices=False)
            if answer.values is None:
                if answer.status != "infeasible":
                    raise SolverError(f"terms by linear programme: {answer.meaning}")
                return None
            found, least = self._read(answer, ask)
            fresh = self._broken(found, ask, least)
            if not fresh:
                return found
            self.rows.extend(fresh)
        message = f"terms by linear programme: found limits still broken after {ROUNDS} rounds; expected fewer"
        raise SolverError(message)

    def _broken(self, found: FoundTerms, ask: Ask, least: float) -> list[Touching]:
        """Rows that touch what the answer breaks, of each limit that of whoever bears most."""
        out, sought = [], self.family.trial.family
        for number, limit in enumerate(sought.limits):
            if not ask.kept[number]:
                continue
            parties = self.family.parties(limit)
            worst = max(
                (touching(self.family, number, limit, party, found.at) for party in parties),
                key=lambda row: row.at(found.at),
            )
            level = self.level(number, ask.scales)
            if worst.at(found.at) > level + found.gives[number] + TOLERANCE * max(level, SMALLEST):
                out.append(worst)
        if ask.is_best and sought.aim == "safety":
            worst = max(
                (touched(self.family, EXPOSED, "worst", 0.1, party, found.at) for party in range(self._localities)),
                key=lambda row: row.at(found.at),
            )
            if worst.at(found.at) > least + TOLERANCE * max(abs(least), SMALLEST):
                out.append(worst)
        return out

    @property
    def _localities(self) -> int:
        return len(self.family.base) - 1

    def _matrix(self, ask: Ask) -> Matrix:
        build, sought = Builder(), self.family.trial.family
        figures = build.columns(
            "figure", pl.DataFrame({"name": self.family.names}), ["name"],
            unit="of its span", label="{name}, from its low to its high end", upper=1.0,
        )  # fmt: skip
        measured = [max(self.level(k, ask.scales), SMALLEST) for k in range(len(sought.limits))]
        most = [np.inf if cost is not None else 0.0 for cost in ask.gives]
        gives = build.columns(
            "gives", pl.DataFrame({"limit": range(len(measured)), "most": most}), ["limit"],
            unit="of its level", label="what limit {limit} gives", upper="most",
        )  # fmt: skip
        least = build.columns(
            "exposed", pl.DataFrame({"of": ["the worst tenth"]}), ["of"],
            unit="share of plan", label="mean loss of {of}", lower=-10.0, upper=10.0,
        )  # fmt: skip
        for number, row in enumerate(self.rows):
            if row.limit != EXPOSED and not ask.kept[row.limit]:
                continue
            size = SMALLEST if row.limit == EXPOSED else measured[row.limit]
            level = 0.0 if row.limit == EXPOSED else self.level(row.limit, ask.scales)
            made = build.rows(
                f"row_{number}", pl.DataFrame({"row_of": [row.limit]}), ["row_of"],
                kind="Q", unit="of its level", label="limit {row_of}", upper=(level - row.constant) / size,
            )["row"].item()  # fmt: skip
            ids = [*figures["col"], least["col"].item() if row.limit == EXPOSED else gives["col"][row.limit]]
            values = [*(slope / size for slope in row.slopes), -1.0 / size if row.limit == EXPOSED else -1.0]
            build.terms(pl.DataFrame({"row": [made] * len(ids), "col": ids, "value": values}))
        costs = [0.0 if cost is None else -cost for cost in ask.gives]
        terms = [gives.select("col", value=pl.Series(costs, dtype=pl.Float64))]
        if ask.is_best and sought.aim == "incentive":
            terms.append(figures.select("col", value=pl.Series(self.family.kept[1:], dtype=pl.Float64)))
        elif ask.is_best:
            terms.append(least.select("col", value=pl.lit(-1.0)))
        build.measure("aim", terms, unit="share", sense="max", label="what is sought")
        return build.matrix("aim")

    def _read(self, answer: Answer, ask: Ask) -> tuple[FoundTerms, float]:
        values = answer.values
        assert values is not None
        count, limits = len(self.family.names), len(ask.scales)
        measured = [max(self.level(k, ask.scales), SMALLEST) for k in range(limits)]
        gives = tuple(float(give) * size for give, size in zip(values[count : count + limits], measured, strict=True))
        return FoundTerms(np.clip(values[:count], 0.0, 1.0), gives), float(values[-1])


__all__ = ["Ask", "FoundTerms", "LinearTerms"]
