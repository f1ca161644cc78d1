"""Floor: an amount raised to a limit that is the largest or smallest of several bases."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Name, Row, Term, number, said, value
from contracts.terms._limit import Limit, check_limits, limit_of, limit_on, needed_of


class Floor(Term):
    """An amount raised to at least a limit, such as a minimum income or a minimum remittance; the limit is the largest (or smallest) of several."""

    kind: ClassVar[Kind] = "convex"

    term: Literal["floor"] = "floor"
    """Which clause this is."""
    amount: Amount
    """What is raised."""
    limits: tuple[Limit, ...] = Field(min_length=1)
    """The limits, each a rate of a base."""
    of: Literal["smallest", "largest"] = "largest"
    """Which of the limits counts."""

    def needs(self) -> tuple[str, ...]:
        own = [str(self.amount)] if isinstance(self.amount, Name) else []
        return tuple(dict.fromkeys([*own, *needed_of(self.limits)]))

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        check_limits(faults, f"{where}.limits", self.limits)

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """max(amount, limit)."""
        amount, limit = value(self.amount), limit_of(self.limits, self.of)
        return {self.step: pl.when(amount < limit).then(limit).otherwise(amount)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount, limit = number(self.amount, row), limit_on(self.limits, self.of, row)
        return {self.step: limit if amount < limit else amount}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Flat below the limit, then slope 1."""
        limit = limit_on(self.limits, self.of, at)
        return Pieces.through([(limit, limit)], 0.0, 1.0)

    def formula(self) -> str:
        each = ", ".join(limit.said() for limit in self.limits)
        limit = each if len(self.limits) == 1 else f"{self.of} of ({each})"
        return f"{self.step} = {said(self.amount)}, at least {limit}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a minimum income of 95% of last year",
            {"amount": "income", "limits": [{"rate": 0.95, "base": "last"}]},
            [{"income": 90.0, "last": 100.0}, {"income": 97.0, "last": 100.0}],
            {"": [95.0, 97.0]},
            "max(90, 95); max(97, 95)",
        ),
        Case(
            "nothing below 0",
            {"amount": "x", "limits": [{"base": 0}]},
            [{"x": -3.0}, {"x": 2.0}],
            {"": [0.0, 2.0]},
            "max(-3, 0)",
        ),
    )
