"""Neutralise: amounts of a group moved so that they add to a given total, such as 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, KeyColumn, Name, Row, Term, literal, number, said, value


class Neutralise(Term):
    """Amounts moved so that those of a group add to a given total: in proportion (scale), or by a weighted shift of all."""

    kind: ClassVar[Kind] = "linear"
    univariate: ClassVar[bool] = False

    term: Literal["neutralise"] = "neutralise"
    """Which clause this is."""
    amount: Amount
    """What is moved."""
    to: Amount = Decimal(0)
    """What the group's amounts must add to; the same on every row of the group."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the group; none is all rows."""
    how: Literal["shift", "scale", "scale_down"] = "shift"
    """"shift": the difference is taken off by weight; "scale": all times one factor; "scale_down": only where the sum is above the total."""
    weight: Amount = Decimal(1)
    """For a shift: the weight by which the difference is borne, such as premium or members."""

    def runs_across_rows(self) -> bool:
        return True

    def parts(self) -> tuple[str, ...]:
        return ("moved",)

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.how != "shift" and literal(self.to) == 0.0:
            faults.add(
                f"{where}.to", "0", "a total other than 0", "Amounts cannot be scaled to add to 0; use how = 'shift'."
            )

    def _over(self, expr: pl.Expr) -> pl.Expr:
        return expr.sum().over([str(k) for k in self.within]) if self.within else expr.sum()

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The moved amount, and the move."""
        amount, total = value(self.amount), self._over(value(self.amount))
        if self.how == "shift":
            weight = value(self.weight) + 0.0 * amount
            done = amount - (total - value(self.to)) * weight / self._over(weight)
        else:
            factor = value(self.to) / total
            short = pl.when(total > value(self.to)).then(factor).otherwise(1.0)
            done = amount * (factor if self.how == "scale" else short)
        return {self.step: done, f"{self.step}.moved": done - amount}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return self.reference_rows([row], tables)[0]

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        groups: dict[tuple[object, ...], list[int]] = {}
        for i, row in enumerate(rows):
            groups.setdefault(tuple(row[k] for k in self.within), []).append(i)
        out: list[dict[str, float | None]] = [{} for _ in rows]
        for members in groups.values():
            total = math.fsum(number(self.amount, rows[i]) for i in members)
            weights = math.fsum(number(self.weight, rows[i]) for i in members)
            for i in members:
                amount, to = number(self.amount, rows[i]), number(self.to, rows[i])
                if self.how == "shift":
                    done = amount - (total - to) * number(self.weight, rows[i]) / weights
                else:
                    done = amount * (to / total if self.how == "scale" or total > to else 1.0)
                out[i] = {self.step: done, f"{self.step}.moved": done - amount}
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        total, moved = self._over(value(self.amount)), self._over(pl.col(self.step))
        to = value(self.to)
        size = pl.max_horizontal(self._over(value(self.amount).abs()), to.abs(), 1.0)
        same = {}
        if isinstance(self.to, Name):
            words = f"{self.to} is the same on every row of its group"
            group = [str(k) for k in self.within]
            same[words] = (to.min().over(group) == to.max().over(group)) if group else to.min() == to.max()
        if self.how == "shift":
            weight = self._over(value(self.weight) + 0.0 * value(self.amount))
            return {
                **same,
                f"the weights {said(self.weight)} do not add to 0": weight != 0,
                "the group adds to its total": (moved - to).abs() <= 1e-9 * size,
            }
        if self.how == "scale":
            return {
                **same,
                f"the amounts {said(self.amount)} do not add to 0": total != 0,
                "the group adds to its total": (moved - to).abs() <= 1e-9 * size,
            }
        return {
            **same,
            f"{said(self.to)}, to which amounts are scaled down, is 0 or more": to >= 0,
            "the group adds to no more than its total": moved <= to + 1e-9 * size,
        }

    def formula(self) -> str:
        over = f"rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
        if self.how == "shift":
            return f"{self.step} = {said(self.amount)} - (sum over {over} - {said(self.to)}) x {said(self.weight)} / sum of {said(self.weight)}"
        limit = ", at most 1" if self.how == "scale_down" else ""
        return f"{self.step} = {said(self.amount)} x ({said(self.to)} / sum over {over}{limit})"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "transfers between insurers add to 0, the difference borne by members",
            {"amount": "transfer", "weight": "members"},
            [{"transfer": 10.0, "members": 100.0}, {"transfer": -4.0, "members": 300.0}],
            {"": [8.5, -8.5], "moved": [-1.5, -4.5]},
            "6 too much: 1.5 and 4.5",
        ),
        Case(
            "claims scaled to the fund of each state",
            {"amount": "claim", "to": "fund", "within": ["state"], "how": "scale"},
            [
                {"state": "a", "claim": 60.0, "fund": 50.0},
                {"state": "a", "claim": 40.0, "fund": 50.0},
                {"state": "b", "claim": 10.0, "fund": 12.0},
            ],
            {"": [30.0, 20.0, 12.0], "moved": [-30.0, -20.0, 2.0]},
            "50/100; 12/10",
        ),
        Case(
            "scaled down only where the fund is short",
            {"amount": "claim", "to": 100, "how": "scale_down"},
            [{"claim": 30.0}, {"claim": 20.0}],
            {"": [30.0, 20.0], "moved": [0.0, 0.0]},
            "100/50 is above 1",
        ),
        Case(
            "a sum below the fund is left as it is, though it is below 0",
            {"amount": "claim", "to": 100, "how": "scale_down"},
            [{"claim": 50.0}, {"claim": -90.0}],
            {"": [50.0, -90.0], "moved": [0.0, 0.0]},
            "-40 is below 100",
        ),
        Case(
            "scaled down to the fund",
            {"amount": "claim", "to": 100, "how": "scale_down"},
            [{"claim": 150.0}, {"claim": 50.0}],
            {"": [75.0, 25.0], "moved": [-75.0, -25.0]},
            "100/200",
        ),
    )
