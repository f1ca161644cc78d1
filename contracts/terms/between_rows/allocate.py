"""Allocate: a total given back to rows in whole pence, by weight."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.money.apportion import apportion, split
from contracts.language.pieces import Kind
from contracts.language.rounding import nearest_unit, nearest_units
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, number, said, value


class Allocate(Term):
    """A total given back to the rows of a group by weight, in whole pence; the parts add to the total exactly.

    Odd pence go by largest remainder, ties by the order columns. So a layer's loss, settled for a group, is carried by
    its lines without a penny gained or lost.
    """

    kind: ClassVar[Kind] = "linear"
    univariate: ClassVar[bool] = False

    term: Literal["allocate"] = "allocate"
    """Which clause this is."""
    amount: Amount
    """The total, the same on every row of the group."""
    weight: Amount
    """What it is shared by, 0 or more."""
    order_by: tuple[KeyColumn, ...] = Field(min_length=1)
    """Columns that name a row in its group and break ties."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the group; none is all rows."""
    smallest: Decimal = Field(default=Decimal("0.01"), gt=0)
    """Smallest sum given, in the contract's money."""

    def runs_across_rows(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Not used: sharing is exact over whole units, see `apply`."""
        return {}

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with each row's part."""
        unit = float(self.smallest)
        work = frame.select(
            nearest_units(value(self.amount) + 0.0 * value(self.weight), 1.0 / unit).alias(_TOTAL),
            nearest_units(value(self.weight), 1_000_000.0).alias(_WEIGHT),
            *(pl.col(str(k)).alias(f"__o{i}") for i, k in enumerate(self.order_by)),
            *(pl.col(str(k)) for k in self.within),
        )
        done = apportion(
            work,
            total=_TOTAL,
            weight=_WEIGHT,
            order_by=[f"__o{i}" for i in range(len(self.order_by))],
            within=[str(k) for k in self.within],
            into="__part",
        )
        return frame.with_columns((done.get_column("__part") * unit).alias(self.step))

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return self.reference_rows([row], tables)[0]

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        unit = float(self.smallest)
        groups: dict[tuple[object, ...], list[int]] = {}
        for i, row in enumerate(rows):
            groups.setdefault(tuple(row[k] for k in self.within), []).append(i)
        out: list[dict[str, float | None]] = [{} for _ in rows]
        for members in groups.values():
            ordered = sorted(members, key=lambda i: tuple(rows[i][k] for k in self.order_by))
            total = nearest_unit(number(self.amount, rows[ordered[0]]), 1.0 / unit)
            parts = split(total, [nearest_unit(number(self.weight, rows[i]), 1_000_000.0) for i in ordered])
            for i, part in zip(ordered, parts, strict=True):
                out[i] = {self.step: part * unit}
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        parts = pl.col(self.step).sum()
        total = parts.over([str(k) for k in self.within]) if self.within else parts
        size = float(self.smallest) * 0.51 + 1e-12 * value(self.amount).abs()
        return {"the parts add to the total": (total - value(self.amount)).abs() <= size}

    def formula(self) -> str:
        over = f"rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
        return f"{self.step} = {said(self.amount)} x {said(self.weight)} / sum of {said(self.weight)} over {over}, in units of {self.smallest}; odd ones by largest remainder"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an upper layer's 1,000 goes back to items of 1,000 and 3,000 as 250 and 750",
            {"amount": "layer", "weight": "loss", "order_by": ["item"]},
            [{"item": "a", "layer": 1000.0, "loss": 1000.0}, {"item": "b", "layer": 1000.0, "loss": 3000.0}],
            {"": [250.0, 750.0]},
            "1,000 x 1/4 and 3/4; never 1,312.50",
        ),
        Case(
            "odd pence by largest remainder in each pool",
            {"amount": "total", "weight": "w", "order_by": ["item"], "within": ["pool"]},
            [
                {"pool": "x", "item": "b", "total": 1.0, "w": 1.0},
                {"pool": "x", "item": "a", "total": 1.0, "w": 1.0},
                {"pool": "x", "item": "c", "total": 1.0, "w": 1.0},
                {"pool": "y", "item": "a", "total": 5.0, "w": 2.0},
            ],
            {"": [0.33, 0.34, 0.33, 5.0]},
            "34 pence to a",
        ),
    )


_TOTAL, _WEIGHT = "total to allocate", "weight"
