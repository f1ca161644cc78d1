"""Choose: one of several amounts, by condition or by size."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from capitation.records.documents import Document
from contracts.language.condition import Condition, columnar, holds, undecided, undecided_on
from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, Name, Row, Term, number, said, value


class Branch(Document):
    """One alternative and when it counts."""

    when: Condition
    """The condition; the first branch whose condition holds gives the value."""
    value: Amount
    """The value of the branch."""


class Choose(Term):
    """The value of the first branch whose condition holds, otherwise the else-value; or the smallest or largest of options."""

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "otherwise"

    term: Literal["choose"] = "choose"
    """Which clause this is."""
    branches: tuple[Branch, ...] = ()
    """Alternatives in order; give these with `otherwise`, or `options`."""
    otherwise: Amount | None = None
    """The value where no branch holds."""
    options: tuple[Amount, ...] = ()
    """Alternatives of which the smallest or largest counts; give these with `rule`."""
    rule: Literal["first", "smallest", "largest"] = "first"
    """"first": by the branches' conditions; "smallest", "largest": by size among the options."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.rule == "first" and (not self.branches or self.otherwise is None or self.options):
            faults.add(where, "rule first", "`branches` and `otherwise`, and no `options`")
        if self.rule != "first" and (len(self.options) < 2 or self.branches or self.otherwise is not None):
            faults.add(where, f"rule {self.rule}", "two or more `options`, and no `branches` or `otherwise`")

    def needs(self) -> tuple[str, ...]:
        """By size every option; by conditions only the value chosen, which is missing where it is not known."""
        return tuple(str(o) for o in self.options if isinstance(o, Name))

    def undecided(self, fails_where_empty: frozenset[str]) -> pl.Expr | None:
        """Open where a condition is open and no condition before it holds."""
        open_: pl.Expr = pl.lit(value=False)
        for branch in reversed(self.branches):
            own = undecided(branch.when, fails_where_empty)
            open_ = pl.when(own).then(True).when(columnar(branch.when)).then(False).otherwise(open_)
        return open_ if self.branches else None

    def undecided_on(self, row: Row, fails_where_empty: frozenset[str]) -> bool:
        for branch in self.branches:
            if undecided_on(branch.when, row, fails_where_empty):
                return True
            if holds(branch.when, row):
                return False
        return False

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The value chosen."""
        if self.rule == "smallest":
            return {self.step: pl.min_horizontal([value(o) for o in self.options])}
        if self.rule == "largest":
            return {self.step: pl.max_horizontal([value(o) for o in self.options])}
        last = value(self.otherwise if self.otherwise is not None else self.branches[-1].value)
        chosen = reduce(
            lambda below, branch: pl.when(columnar(branch.when)).then(value(branch.value)).otherwise(below),
            reversed(self.branches),
            last,
        )
        return {self.step: chosen}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        if self.rule != "first":
            sizes = [number(o, row) for o in self.options]
            return {self.step: min(sizes) if self.rule == "smallest" else max(sizes)}
        for branch in self.branches:
            if holds(branch.when, row):
                return {self.step: number(branch.value, row)}
        return {self.step: number(self.otherwise if self.otherwise is not None else self.branches[-1].value, row)}

    def formula(self) -> str:
        if self.rule != "first":
            return f"{self.step} = {self.rule} of ({', '.join(map(said, self.options))})"
        each = "; ".join(f"{said(b.value)} if {b.when}" for b in self.branches)
        return f"{self.step} = {each}; otherwise {said(self.otherwise if self.otherwise is not None else 0)}"  # type: ignore[arg-type]

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "the quality rule of the year",
            {"branches": [{"when": "met and scored", "value": "score"}, {"when": "met", "value": 1}], "otherwise": 0},
            [
                {"met": 1.0, "scored": 1.0, "score": 0.8},
                {"met": 1.0, "scored": 0.0, "score": 0.8},
                {"met": 0.0, "scored": 1.0, "score": 0.8},
            ],
            {"": [0.8, 1.0, 0.0]},
            "scaled; whole; none",
        ),
        Case(
            "the smaller of two targets",
            {"options": ["three_part", "two_part"], "rule": "smallest"},
            [{"three_part": 97.0, "two_part": 99.0}],
            {"": [97.0]},
            "min(97, 99)",
        ),
    )
