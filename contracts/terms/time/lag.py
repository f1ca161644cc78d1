"""Lag: an amount of an earlier period, for payments that follow later."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, number, said, value


class Lag(Term):
    """The amount that the same account had a number of periods earlier; the first periods take an opening amount."""

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False

    term: Literal["lag"] = "lag"
    """Which clause this is."""
    amount: Amount
    """What is carried to a later period."""
    order_by: KeyColumn
    """Column that orders the periods of an account."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the account; none is all rows."""
    periods: int = Field(default=1, ge=1)
    """How many periods later it counts."""
    opening: Amount = Decimal(0)
    """Amount of the periods that have none before them."""

    def runs_across_rows(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The earlier amount."""
        shifted = value(self.amount).shift(self.periods)
        group: list[pl.Expr] = [pl.col(str(k)) for k in self.within] or [pl.lit(0)]
        earlier = shifted.over(group, order_by=str(self.order_by))
        first = pl.col(str(self.order_by)).rank("ordinal").over(group) <= self.periods
        return {self.step: pl.when(first).then(value(self.opening)).otherwise(earlier)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.opening, row)}

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        accounts: dict[tuple[object, ...], list[int]] = {}
        for i in sorted(range(len(rows)), key=lambda i: rows[i][self.order_by]):
            accounts.setdefault(tuple(rows[i][k] for k in self.within), []).append(i)
        out: list[dict[str, float | None]] = [{} for _ in rows]
        for members in accounts.values():
            for place, i in enumerate(members):
                earlier = members[place - self.periods] if place >= self.periods else None
                amount = number(self.opening, rows[i]) if earlier is None else number(self.amount, rows[earlier])
                out[i] = {self.step: amount}
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        one = pl.struct([*map(str, self.within), str(self.order_by)]).is_duplicated()
        return {f"one row for each {', '.join([*map(str, self.within), str(self.order_by)])}": ~one}

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} of {self.periods} period{'s' if self.periods > 1 else ''} before, at first {said(self.opening)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "last year's gain is paid this year",
            {"amount": "gain", "order_by": "year", "within": ["account"]},
            [
                {"account": "a", "year": "2017/18", "gain": 5.0},
                {"account": "a", "year": "2016/17", "gain": 3.0},
                {"account": "b", "year": "2016/17", "gain": 9.0},
            ],
            {"": [3.0, 0.0, 0.0]},
            "a 2017/18 takes a 2016/17",
        ),
        Case(
            "two periods later, with an opening amount",
            {"amount": "gain", "order_by": "quarter", "periods": 2, "opening": 1},
            [{"quarter": 1.0, "gain": 10.0}, {"quarter": 2.0, "gain": 20.0}, {"quarter": 3.0, "gain": 30.0}],
            {"": [1.0, 1.0, 10.0]},
            "the third takes the first",
        ),
    )
