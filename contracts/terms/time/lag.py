"""Lag: an amount of an earlier period, for payments that follow later."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from contracts.language.periods import Every, place_of, places
from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, number, said, value
from contracts.terms._periods import AT, before_periods, has_earlier


class Lag(Term):
    """The amount that the same account had a number of periods earlier; the first periods take an opening amount.

    The earlier period is looked up by date and never by row: 2019/20 takes 2018/19. Where an account has rows before and
    that period is not among them, the row is refused, or takes the opening amount where the clause says so.
    """

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False

    term: Literal["lag"] = "lag"
    """Which clause this is."""
    amount: Amount
    """What is carried to a later period."""
    order_by: KeyColumn
    """Column of the period of each row: a year, a quarter, a month, a date or a number."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the account; none is all rows."""
    periods: int = Field(default=1, ge=1)
    """How many periods later it counts."""
    opening: Amount = Decimal(0)
    """Amount of the periods that have none before them."""
    gap: Literal["refused", "opening"] = "refused"
    """What a missing period in between means: the row is refused, or takes the opening amount."""
    every: Every | None = None
    """Where the column holds dates: how long the periods are that they begin."""

    def runs_across_rows(self) -> bool:
        return True

    def needs(self) -> tuple[str, ...]:
        """The period and the account; an amount is asked for on the row that takes it."""
        return tuple(dict.fromkeys(map(str, (*self.within, self.order_by))))

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        return before_periods(self.order_by, self.within, self.every)

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Not used: the earlier period is looked up among all rows, see `apply`."""
        return {}

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with the earlier amount."""
        account = [str(k) for k in self.within]
        own = frame.select(
            *account,
            places(str(self.order_by), self.every).alias(AT),
            value(self.amount).cast(pl.Float64).alias("__earlier"),
            value(self.opening).cast(pl.Float64).alias("__opening"),
        )
        later = own.select(*account, pl.col(AT) + self.periods, "__earlier", pl.lit(value=True).alias("__there"))
        found = own.drop("__earlier").join(
            later, on=[*account, AT], how="left", maintain_order="left", nulls_equal=True
        )
        taken = pl.when(pl.col("__there")).then(pl.col("__earlier")).otherwise(pl.col("__opening"))
        return frame.with_columns(found.select(taken.alias(self.step)).to_series())

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.opening, row)}

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        at = [place_of(row[self.order_by], self.every) for row in rows]
        known: dict[tuple[object, ...], Row] = {}
        for row, place in zip(rows, at, strict=True):
            if place is not None:
                known[(*(row[k] for k in self.within), place)] = row
        out: list[dict[str, float | None]] = []
        for row, place in zip(rows, at, strict=True):
            earlier = None
            if place is not None:
                earlier = known.get((*(row[k] for k in self.within), (place[0], place[1] - self.periods)))
            out.append({self.step: number(self.opening, row) if earlier is None else number(self.amount, earlier)})
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        if self.gap == "opening":
            return {}
        return has_earlier(self.order_by, self.within, self.every, self.periods)

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
        Case(
            "months as texts stand in time, and a gap takes the opening amount where the clause says so",
            {"amount": "gain", "order_by": "month", "gap": "opening", "opening": 7},
            [
                {"month": "April 2016", "gain": 1.0},
                {"month": "May 2016", "gain": 2.0},
                {"month": "August 2016", "gain": 3.0},
            ],
            {"": [7.0, 1.0, 7.0]},
            "May takes April; there is no July",
        ),
    )
