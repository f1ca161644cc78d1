"""What a solver said, in one shape for every engine: status in plain words, values, bound, prices, seconds by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from capitation.errors import SolverError
from optimiser.engines.certify import Certificate
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

Status = Literal["optimal", "gap", "time_limit", "no_solution_by_limit", "infeasible", "unbounded", "interrupted"]

MEANING: dict[str, str] = {
    "optimal": "proved best",
    "gap": "proved within the gap asked for; a better mix may exist within the bound",
    "time_limit": "best mix found by the time limit; not proved best, see the bound",
    "no_solution_by_limit": "no mix that meets every limit was found within the time limit, but that does not prove that there is none",
    "infeasible": "no mix keeps every limit",
    "unbounded": "the objective can grow without end: a limit is missing",
    "interrupted": "stopped by the user; the best mix found so far, see the bound",
}

KEPT_EXACT = (
    "kept by the exact product of effects; the bound is that of the claim, and a better mix may exist within it"
)
"""What "gap" means where a mix was moved after it was proved best, further than the gap asked for."""

STOPPED_FIRST = (
    "stopped by the user before a mix that meets every limit was found, which does not prove that there is none"
)
"""What "no_solution_by_limit" means where it was not the time that ended the search."""

STOPPED_WITHOUT_MIX = "stopped by the user before a mix was found"
"""Note of an answer that Ctrl-C ended before there was a mix."""

STOPPED_AFTER = "stopped by the user; this solve was ended first, and nothing after it was begun"
"""Note of an answer during whose solve Ctrl-C came, where that solve could be ended."""

PROVED = 1e-6
"""A relative gap at or below this is called optimal."""


PriceBasis = Literal["linear", "whole numbers fixed", "relaxed"]


@dataclass(frozen=True)
class Prices:
    """Shadow prices of rows and columns, the programme they hold for, their certificate and their ranges.

    A price is the change of the objective, in the programme's unit, per unit more of the row's right-hand side.
    """

    rows: Floats
    columns: Floats
    basis: PriceBasis
    certificate: Certificate
    lowest: Floats
    """Smallest right-hand side for which each row's price holds; not a number where the engine gives no range."""
    highest: Floats
    """Largest right-hand side for which each row's price holds."""
    route: str
    """Where the prices came from, such as "highspy" or "HiGHS through PuLP, recomputed"."""


@dataclass(frozen=True)
class Answer:
    """The outcome of one solve; `values` is None where there is no mix."""

    matrix: Matrix
    status: Status
    values: Floats | None
    bound: float | None
    engine: str
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    prices: Prices | None = None
    no_prices_because: str = ""
    asked_gap: float = 0.0
    missing_limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def stopped_by_user(self) -> bool:
        """Whether Ctrl-C ended the search, with a mix or without one."""
        return self.status == "interrupted" or STOPPED_WITHOUT_MIX in self.notes or STOPPED_AFTER in self.notes

    @property
    def has_mix(self) -> bool:
        """Whether there is a mix that keeps every limit."""
        return self.values is not None

    @property
    def objective(self) -> float | None:
        """The objective in the measure's own unit, recomputed from the column values."""
        if self.values is None:
            return None
        return (float(self.matrix.cost @ self.values) + self.matrix.constant) * self.matrix.scale

    @property
    def best_possible(self) -> float | None:
        """The proved bound on the objective, in the measure's own unit."""
        return None if self.bound is None else self.bound * self.matrix.scale

    @property
    def gap(self) -> float | None:
        """The distance from objective to bound as a share of the objective."""
        if self.objective is None or self.best_possible is None:
            return None
        return relative_gap(self.objective, self.best_possible)

    @property
    def meaning(self) -> str:
        """The status in a sentence."""
        text = MEANING[self.status]
        if self.status == "gap" and (self.gap or 0.0) > max(self.asked_gap, PROVED):
            text = KEPT_EXACT
        elif self.status == "no_solution_by_limit" and self.stopped_by_user:
            text = STOPPED_FIRST
        return f"{text} ({'; '.join(self.missing_limits)})" if self.missing_limits else text

    def column(self, family: str) -> pl.DataFrame:
        """The index columns of a family of variables, with the Float64 column `value`.

        Raises:
            SolverError: there is no mix to read.
        """
        if self.values is None:
            raise SolverError(f"there is no mix to read '{family}' from: {self.meaning}")
        block = self.matrix.family(family)
        return block.index.with_columns(pl.Series("value", self.values[block.first : block.last]))

    def measure(self, name: str) -> float:
        """A named measure of the mix, in its own unit.

        Raises:
            SolverError: there is no mix.
        """
        if self.values is None:
            raise SolverError(f"there is no mix to measure '{name}' on: {self.meaning}")
        return self.matrix.measures[name].value(self.values)


def relative_gap(objective: float, bound: float) -> float:
    """How far the bound lies from the objective, as a share of the objective (of 1 where it is smaller than 1)."""
    return abs(bound - objective) / max(1.0, abs(objective)) if np.isfinite(bound) else float("inf")
