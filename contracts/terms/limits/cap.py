"""Cap: an amount kept within a limit that is the smallest or largest of several bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Name, Row, Side, Term, literal, number, said, side_said, value
from contracts.terms._limit import Limit, check_limits, limit_of, limit_on, needed_of


class Cap(Term):
    """An amount kept within a limit: a gain is at most the limit, a loss at least its mirror below 0.

    The limit is the smallest (or the largest) of several, each a rate of a base. Losses may have limits of their own.
    """

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["cap"] = "cap"
    """Which clause this is."""
    amount: Amount
    """What is kept within the limit."""
    limits: tuple[Limit, ...] = Field(min_length=1)
    """The limits."""
    of: Literal["smallest", "largest"] = "smallest"
    """Which of the limits counts."""
    loss_limits: tuple[Limit, ...] = ()
    """Limits of losses where they differ from those of gains; with these both sides are limited."""
    side: Side = "gains"
    """Which amounts are limited: gains at most the limit, losses at least its mirror, or both; both where losses have limits."""

    @model_validator(mode="before")
    @classmethod
    def _both_sides(cls, given: Any) -> Any:  # noqa: ANN401  # a document's content
        """Where losses have limits of their own and no side is named, both sides are limited."""
        if isinstance(given, Mapping) and given.get("loss_limits") and "side" not in given:
            return {**given, "side": "both"}
        return given

    def needs(self) -> tuple[str, ...]:
        own = [str(self.amount)] if isinstance(self.amount, Name) else []
        return tuple(dict.fromkeys([*own, *needed_of(self.limits), *needed_of(self.loss_limits)]))

    def limit(self) -> pl.Expr:
        """The limit that counts, as an expression."""
        return limit_of(self.limits, self.of)

    def loss_limit(self) -> pl.Expr:
        """The limit that counts for losses, as an expression above 0."""
        return limit_of(self.loss_limits or self.limits, self.of)

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.loss_limits and self.side != "both":
            faults.add(f"{where}.side", repr(self.side), "'both', as losses have limits of their own")
        check_limits(faults, f"{where}.limits", self.limits)
        check_limits(faults, f"{where}.loss_limits", self.loss_limits)
        for field, limits in (("limits", self.limits), ("loss_limits", self.loss_limits)):
            for i, limit in enumerate(limits, start=1):
                if (literal(limit.rate) or 0.0) < 0:
                    faults.add(f"{where}.{field}.{i}.rate", said(limit.rate), "0 or more; a limit is a distance from 0")

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The amount, no further from 0 than the limit on the side limited."""
        amount, limit, lowest = value(self.amount), self.limit(), -self.loss_limit()
        if self.side == "gains":
            return {self.step: pl.when(amount > limit).then(limit).otherwise(amount)}
        if self.side == "losses":
            return {self.step: pl.when(amount < lowest).then(lowest).otherwise(amount)}
        return {self.step: pl.when(amount > limit).then(limit).when(amount < lowest).then(lowest).otherwise(amount)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount, limit = number(self.amount, row), limit_on(self.limits, self.of, row)
        lowest = -limit_on(self.loss_limits or self.limits, self.of, row)
        if self.side != "losses" and amount > limit:
            return {self.step: limit}
        if self.side != "gains" and amount < lowest:
            return {self.step: lowest}
        return {self.step: amount}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {f"the limit of {self.step} is 0 or more": (self.limit() >= 0).fill_null(True)}
        if self.loss_limits:
            out[f"the limit of losses of {self.step} is 0 or more"] = (self.loss_limit() >= 0).fill_null(True)
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Slope 1 within the limit, flat beyond it."""
        limit = limit_on(self.limits, self.of, at)
        lowest = -limit_on(self.loss_limits or self.limits, self.of, at)
        if self.side == "gains":
            return Pieces.through([(limit, limit)], 1.0, 0.0)
        if self.side == "losses":
            return Pieces.through([(lowest, lowest)], 0.0, 1.0)
        return Pieces.through([(lowest, lowest), (limit, limit)], 0.0, 0.0)

    def formula(self) -> str:
        limit = self._said(self.limits)
        losses = f" above it and {self._said(self.loss_limits)} below" if self.loss_limits else ""
        return f"{self.step} = {said(self.amount)}, at most {limit} away from 0{losses}{side_said(self.side)}"

    def _said(self, limits: Sequence[Limit]) -> str:
        each = ", ".join(limit.said() for limit in limits)
        return each if len(limits) == 1 else f"{self.of} of ({each})"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a gain of 14.7 on a benchmark of 100 is paid at most 10%",
            {"amount": "gain", "limits": [{"rate": 0.1, "base": "benchmark"}]},
            [
                {"gain": 14.7, "benchmark": 100.0},
                {"gain": 9.0, "benchmark": 100.0},
                {"gain": -40.0, "benchmark": 100.0},
            ],
            {"": [10.0, 9.0, -40.0]},
            "min(14.7, 10); min(9, 10); a loss passes",
        ),
        Case(
            "the smaller of 4% of benchmark and 8% of revenue, where the revenue is known",
            {
                "amount": "loss",
                "limits": [{"rate": 0.04, "base": "benchmark"}, {"rate": 0.08, "base": "revenue", "optional": True}],
            },
            [{"loss": 9.0, "benchmark": 100.0, "revenue": 30.0}, {"loss": 9.0, "benchmark": 100.0, "revenue": None}],
            {"": [2.4, 4.0]},
            "min(9, 4, 2.4); min(9, 4)",
        ),
        Case(
            "a gap kept to 5% of benchmark both ways",
            {"amount": "gap", "limits": [{"rate": 0.05, "base": 100}], "side": "both"},
            [{"gap": 9.0}, {"gap": -9.0}, {"gap": 5.0}],
            {"": [5.0, -5.0, 5.0]},
            "+-5% of 100",
        ),
        Case(
            "gains kept to 10% of benchmark, losses to 4%",
            {
                "amount": "gap",
                "limits": [{"rate": 0.1, "base": "benchmark"}],
                "loss_limits": [{"rate": 0.04, "base": "benchmark"}],
                "side": "both",
            },
            [
                {"gap": 19.0, "benchmark": 100.0},
                {"gap": -19.0, "benchmark": 100.0},
                {"gap": -3.0, "benchmark": 100.0},
            ],
            {"": [10.0, -4.0, -3.0]},
            "10% of 100; 4% of 100",
        ),
    )
