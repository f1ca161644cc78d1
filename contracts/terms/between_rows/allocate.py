"""Allocate: a total given back to rows in whole pence, by weight."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from contracts.language.pieces import Kind
from contracts.language.rounding import nearest_unit, nearest_units
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, number, said, value
from contracts.terms._sharing import (
    GOT,
    MOST,
    TOTAL,
    WEIGHT,
    share_whole,
    share_whole_on,
    whole_most,
    whole_most_on,
    within_exact,
)


class Allocate(Term):
    """A total given back to the rows of a group by weight, in whole pence; the parts add to the total exactly.

    Weights may be of any scale. Odd pence go by largest remainder, ties by the order columns. So a layer's loss, settled
    for a group, is carried by its lines without a penny gained or lost. With `at_most` no row gets more than its own
    limit, such as its own loss; what that leaves goes to the others by their weights.
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
    at_most: Amount | None = None
    """The most that a row gets (of a loss: bears), such as its own loss; none is without end."""
    weights_add_to: Amount | None = None
    """What the weights of a group must add to, such as 1 where they are shares of one pool; none is any sum above 0."""
    smallest: Decimal = Field(default=Decimal("0.01"), gt=0)
    """Smallest sum given, in the contract's money."""

    def runs_across_rows(self) -> bool:
        return True

    def _over(self, expr: pl.Expr) -> pl.Expr:
        return expr.over([str(k) for k in self.within]) if self.within else expr

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        amount, weight, unit = value(self.amount), value(self.weight), float(self.smallest)
        every = 0.0 * weight + 0.0 * amount
        names = [str(k) for k in (*self.within, *self.order_by)]
        most = amount + every
        out = {
            f"{said(self.amount)} can be shared to the unit, at most a thousand billion": within_exact(amount, unit),
            f"{said(self.amount)} is the same on every row of its group": self._over(most.max() == most.min()),
            f"{said(self.weight)} is 0 or more": weight >= 0.0,
            f"{said(self.weight)} adds to more than 0 over its group": self._over((weight + every).sum() > 0.0)
            | (amount == 0.0),
            f"one row stands for each {', '.join(names)}": ~pl.struct(names).is_duplicated(),
        }
        if self.weights_add_to is not None:
            total = value(self.weights_add_to)
            near = (self._over((weight + every).sum()) - total).abs() <= 1e-9 * pl.max_horizontal(total.abs(), 1.0)
            out[f"{said(self.weight)} adds to {said(self.weights_add_to)} over its group"] = near
        if self.at_most is not None:
            own = value(self.at_most) + every
            out[f"{said(self.at_most)}, the most of a row, is 0 or more"] = value(self.at_most) >= 0.0
            fits = self._over(pl.when(weight > 0.0).then(own).otherwise(0.0).sum())
            out[f"the rows together can take {said(self.amount)}"] = fits >= amount.abs() - unit / 2
        return out

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Not used: sharing is exact over whole units, see `apply`."""
        return {}

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with each row's part."""
        unit = float(self.smallest)
        order = [f"__o{i}" for i in range(len(self.order_by))]
        work = frame.select(
            nearest_units(value(self.amount) + 0.0 * value(self.weight), 1.0 / unit).alias(TOTAL),
            (value(self.weight) + 0.0 * value(self.amount)).alias(WEIGHT),
            (pl.lit(None, dtype=pl.Int64) if self.at_most is None else whole_most(value(self.at_most), unit)).alias(
                MOST
            ),
            *(pl.col(str(k)).alias(name) for name, k in zip(order, self.order_by, strict=True)),
            *(pl.col(str(k)) for k in self.within),
        )
        done = share_whole(work, within=[str(k) for k in self.within], order_by=order)
        part = done.get_column(GOT) * done.get_column(TOTAL).sign()
        return frame.with_columns((part * unit).alias(self.step))

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
            weights = [number(self.weight, rows[i]) for i in ordered]
            most = [
                None if self.at_most is None else whole_most_on(number(self.at_most, rows[i]), unit) for i in ordered
            ]
            parts, _ = share_whole_on(total, weights, most)
            for i, part in zip(ordered, parts, strict=True):
                out[i] = {self.step: (part if total >= 0 else -part) * unit}
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        total = self._over(pl.col(self.step).sum())
        size = float(self.smallest) * 0.51 + 1e-12 * value(self.amount).abs()
        return {"the parts add to the total": (total - value(self.amount)).abs() <= size}

    def formula(self) -> str:
        over = f"rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
        most = "" if self.at_most is None else f"; no row more than {said(self.at_most)}"
        return f"{self.step} = {said(self.amount)} x {said(self.weight)} / sum of {said(self.weight)} over {over}, in units of {self.smallest}; odd ones by largest remainder{most}"

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
        Case(
            "no row carries more than its own loss; the others carry what that leaves",
            {"amount": "ceded", "weight": "sum_insured", "at_most": "loss", "order_by": ["item"]},
            [
                {"item": "a", "ceded": 90.0, "sum_insured": 6.0, "loss": 10.0},
                {"item": "b", "ceded": 90.0, "sum_insured": 3.0, "loss": 70.0},
                {"item": "c", "ceded": 90.0, "sum_insured": 1.0, "loss": 100.0},
            ],
            {"": [10.0, 60.0, 20.0]},
            "54 cut to 10; 80 left for 3 to 1: 60 and 20",
        ),
        Case(
            "weights of any scale, exact to the penny",
            {"amount": 10, "weight": "w", "order_by": ["item"]},
            [{"item": "a", "w": 1.4e-9}, {"item": "b", "w": 0.6e-9}],
            {"": [7.0, 3.0]},
            "7 to 3",
        ),
    )
