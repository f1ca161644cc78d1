"""Recoup: a balance taken out of gains, and carried on while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, literal, number, said, value


class Recoup(Term):
    """A balance owed is taken out of what is earned, never more than either; the rest of the balance is carried forward.

    With `order_by` the balance runs through an account's periods: balance = largest of 0 and (balance before + added -
    earned), and what falls off it is recouped.
    """

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["recoup"] = "recoup"
    """Which clause this is."""
    amount: Amount
    """What is earned; an amount below 0 recoups nothing."""
    balance: Amount
    """Balance owed at the start (of the first period)."""
    added: Amount = Decimal(0)
    """What each period adds to the balance, such as a deficit carried."""
    order_by: KeyColumn | None = None
    """Column that orders the periods of an account; none settles each row on its own balance."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the account."""

    def runs_across_rows(self) -> bool:
        return self.order_by is not None

    def parts(self) -> tuple[str, ...]:
        return ("recouped", "balance")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Left to pay, recouped, balance after."""
        amount, earned = value(self.amount), pl.max_horizontal(value(self.amount), 0.0)
        if self.order_by is None:
            owed = value(self.balance) + value(self.added)
            after = pl.max_horizontal(owed - earned, 0.0)
            recouped = owed - after
        else:
            order = str(self.order_by)
            group: list[pl.Expr] = [pl.col(str(k)) for k in self.within] or [pl.lit(0)]
            moves = (value(self.added) + 0.0 * amount - earned).cum_sum().over(group, order_by=order)
            opening = (value(self.balance) + 0.0 * amount).first().over(group, order_by=order)
            level = opening + moves
            lowest = pl.min_horizontal(level.cum_min().over(group, order_by=order), 0.0)
            after = level - lowest
            before = after.shift(1).over(group, order_by=order)
            first = pl.col(order).rank("ordinal").over(group) == 1
            recouped = pl.when(first).then(opening).otherwise(before) + value(self.added) - after
        return {self.step: amount - recouped, f"{self.step}.recouped": recouped, f"{self.step}.balance": after}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount, owed = number(self.amount, row), number(self.balance, row) + number(self.added, row)
        recouped = min(max(amount, 0.0), owed)
        return {
            self.step: amount - recouped,
            f"{self.step}.recouped": recouped,
            f"{self.step}.balance": owed - recouped,
        }

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        if self.order_by is None:
            return [self.reference(row, tables) for row in rows]
        carried: dict[tuple[object, ...], float] = {}
        out: list[dict[str, float | None]] = [{} for _ in rows]
        order = str(self.order_by)
        for i in sorted(range(len(rows)), key=lambda i: rows[i][order]):
            row = rows[i]
            account = tuple(row[k] for k in self.within)
            owed = carried.get(account, number(self.balance, row)) + number(self.added, row)
            amount = number(self.amount, row)
            recouped = min(max(amount, 0.0), owed)
            carried[account] = owed - recouped
            out[i] = {
                self.step: amount - recouped,
                f"{self.step}.recouped": recouped,
                f"{self.step}.balance": owed - recouped,
            }
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {f"{said(x)} is 0 or more": value(x) >= 0 for x in (self.balance, self.added)}
        if self.order_by is not None:
            names = [*map(str, self.within), str(self.order_by)]
            out[f"one row for each {', '.join(names)}"] = ~pl.struct(names).is_duplicated()
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """Slope 1 below 0, flat while the balance lasts, then slope 1; None where the balance runs through periods."""
        if self.order_by is not None:
            return None
        owed = number(self.balance, at) + number(self.added, at)
        return Pieces.through([(0.0, 0.0), (owed, 0.0)], 1.0, 1.0)

    def formula(self) -> str:
        owed = said(self.balance) if literal(self.added) == 0.0 else f"({said(self.balance)} + {said(self.added)})"
        carried = f", the balance carried from {self.order_by} to {self.order_by}" if self.order_by else ""
        return f"{self.step} = {said(self.amount)} - smaller of {said(self.amount)} (not below 0) and {owed}{carried}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an advance is recouped from what is earned",
            {"amount": "earned", "balance": "advance"},
            [
                {"earned": 500.0, "advance": 200.0},
                {"earned": 150.0, "advance": 200.0},
                {"earned": -50.0, "advance": 200.0},
            ],
            {"": [300.0, 0.0, -50.0], "recouped": [200.0, 150.0, 0.0], "balance": [0.0, 50.0, 200.0]},
            "min(500, 200); min(150, 200); nothing from a loss",
        ),
        Case(
            "a deficit carried through three years",
            {"amount": "gain", "balance": 10, "added": "deficit", "order_by": "year", "within": ["account"]},
            [
                {"account": "a", "year": 2.0, "gain": 9.0, "deficit": 3.0},
                {"account": "a", "year": 1.0, "gain": 4.0, "deficit": 0.0},
                {"account": "a", "year": 3.0, "gain": 5.0, "deficit": 1.0},
            ],
            {"": [0.0, 0.0, 4.0], "recouped": [9.0, 4.0, 1.0], "balance": [0.0, 6.0, 0.0]},
            "10 - 4 = 6; 6 + 3 - 9 = 0; 0 + 1 - 1 = 0",
        ),
    )
