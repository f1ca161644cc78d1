"""Aggregate: several amounts of a row, or one amount of several rows, added up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, number, said, value


class Aggregate(Term):
    """The sum of amounts, each times its weight; with `within`, the sum over all rows of a group, the same on each of them."""

    kind: ClassVar[Kind] = "linear"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "of"

    term: Literal["aggregate"] = "aggregate"
    """Which clause this is."""
    of: tuple[Amount, ...] = Field(min_length=1)
    """What is added."""
    weights: tuple[Amount, ...] = ()
    """A weight for each, such as -1 to take it away or person-years for rates per person; 1 where none are given."""
    within: tuple[KeyColumn, ...] | None = None
    """Columns that name the group over whose rows the sum runs; [] is all rows; none adds within each row only."""

    def runs_across_rows(self) -> bool:
        return self.within is not None

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.weights and len(self.weights) != len(self.of):
            faults.add(f"{where}.weights", f"{len(self.weights)} weights for {len(self.of)} amounts", "one for each")

    def _terms(self) -> list[tuple[Amount, Amount | None]]:
        return list(zip(self.of, self.weights or [None] * len(self.of), strict=True))

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The weighted sum."""
        each = [value(x) if w is None else value(x) * value(w) for x, w in self._terms()]
        total = reduce(lambda a, b: a + b, each)
        if self.within is None:
            return {self.step: total}
        return {self.step: total.sum().over([str(k) for k in self.within]) if self.within else total.sum()}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        each = [number(x, row) if w is None else number(x, row) * number(w, row) for x, w in self._terms()]
        return {self.step: reduce(lambda a, b: a + b, each)}

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        own = [self.reference(row, tables)[self.step] or 0.0 for row in rows]
        if self.within is None:
            return [{self.step: x} for x in own]
        groups = [tuple(row[k] for k in self.within) for row in rows]
        totals: dict[tuple[object, ...], float] = {}
        for group, x in zip(groups, own, strict=True):
            totals[group] = totals.get(group, 0.0) + x
        return [{self.step: totals[group]} for group in groups]

    def formula(self) -> str:
        text = " + ".join(said(x) if w is None else f"{said(w)} x {said(x)}" for x, w in self._terms())
        if self.within is None:
            return f"{self.step} = {text}"
        over = f"all rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
        return f"{self.step} = sum over {over} of ({text})"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a fixed part, a variable part and a clawback",
            {"of": ["fixed", "variable", "clawback"], "weights": [1, 1, -1]},
            [{"fixed": 200.0, "variable": 41.2, "clawback": 0.5}],
            {"": [240.7]},
            "200.0 + 41.2 - 0.5",
        ),
        Case(
            "spend of all rows of a pool, on each of them",
            {"of": ["spend"], "within": ["pool"]},
            [{"pool": "a", "spend": 1.0}, {"pool": "b", "spend": 5.0}, {"pool": "a", "spend": 2.5}],
            {"": [3.5, 5.0, 3.5]},
            "1.0 + 2.5; 5.0",
        ),
    )
