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
from contracts.terms._base import Amount, Case, KeyColumn, Name, Row, Term, number, said, value


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

    once_for: tuple[KeyColumn, ...] = ()
    """Columns that name the groups for which a figure is repeated, such as a pool's own on each of its rows: it counts once for each."""

    def runs_across_rows(self) -> bool:
        return self.within is not None

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.weights and len(self.weights) != len(self.of):
            faults.add(f"{where}.weights", f"{len(self.weights)} weights for {len(self.of)} amounts", "one for each")
        if self.once_for and self.within is None:
            faults.add(
                f"{where}.within", "nothing", "the columns whose sum counts each repeated group once; [] for all rows"
            )

    def _terms(self) -> list[tuple[Amount, Amount | None]]:
        return list(zip(self.of, self.weights or [None] * len(self.of), strict=True))

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The weighted sum."""
        each = [value(x) if w is None else value(x) * value(w) for x, w in self._terms()]
        total = reduce(lambda a, b: a + b, each)
        if self.within is None:
            return {self.step: total}
        if self.once_for:
            total = pl.when(pl.struct(self._repeated()).is_first_distinct()).then(total).otherwise(0.0)
        return {self.step: total.sum().over([str(k) for k in self.within]) if self.within else total.sum()}

    def _repeated(self) -> list[str]:
        return list(dict.fromkeys(str(k) for k in (*(self.within or ()), *self.once_for)))

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        if not self.once_for:
            return {}
        group = self._repeated()
        names = [x for pair in self._terms() for x in pair if x is not None]
        return {
            f"{x} is the same on every row of the same {', '.join(map(str, self.once_for))}": value(x).min().over(group)
            == value(x).max().over(group)
            for x in names
            if isinstance(x, Name)
        }

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        each = [number(x, row) if w is None else number(x, row) * number(w, row) for x, w in self._terms()]
        return {self.step: reduce(lambda a, b: a + b, each)}

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        own = [self.reference(row, tables)[self.step] or 0.0 for row in rows]
        if self.within is None:
            return [{self.step: x} for x in own]
        groups = [tuple(row[k] for k in self.within) for row in rows]
        totals: dict[tuple[object, ...], float] = {}
        counted: set[tuple[object, ...]] = set()
        for row, group, x in zip(rows, groups, own, strict=True):
            repeated = tuple(row[k] for k in self._repeated())
            if not self.once_for or repeated not in counted:
                totals[group] = totals.get(group, 0.0) + x
            counted.add(repeated)
        return [{self.step: totals[group]} for group in groups]

    def formula(self) -> str:
        text = " + ".join(said(x) if w is None else f"{said(w)} x {said(x)}" for x, w in self._terms())
        if self.within is None:
            return f"{self.step} = {text}"
        over = f"all rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
        once = f", once for each {', '.join(map(str, self.once_for))}" if self.once_for else ""
        return f"{self.step} = sum over {over} of ({text}){once}"

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
        Case(
            "a pool's fund stands on each of its rows and counts once",
            {"of": ["fund"], "within": ["region"], "once_for": ["pool"]},
            [
                {"region": "n", "pool": "a", "fund": 10.0},
                {"region": "n", "pool": "a", "fund": 10.0},
                {"region": "n", "pool": "b", "fund": 4.0},
                {"region": "s", "pool": "a", "fund": 3.0},
            ],
            {"": [14.0, 14.0, 14.0, 3.0]},
            "10 + 4, each once; 3",
        ),
    )
