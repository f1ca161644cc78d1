"""Adjust: a benchmark or payment moved by a discount, an uplift, a sum or a carve-out."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Name, Row, Term, check_part, literal, number, said, value


class Adjust(Term):
    """A benchmark or a payment moved by a rate (discount, uplift) or by the share of a sum (add, carve-out, market shift)."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["adjust"] = "adjust"
    """Which clause this is."""
    amount: Amount
    """What is adjusted."""
    how: Literal["discount", "uplift", "add", "carve_out", "market_shift"]
    """"discount": less a rate; "uplift": more by a rate; "add": plus a sum; "carve_out": less a sum;
    "market_shift": plus the share of revenue that moved with activity (below 0 where it left)."""
    by: Amount
    """The rate or the sum."""
    share: Amount = Decimal(1)
    """Part of it that counts."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self._signed()[1]:
            check_part(faults, f"{where}.by", self.by, low=-1.0)
        check_part(faults, f"{where}.share", self.share, low=-1.0)

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        rates = [self.share, *([self.by] if self._signed()[1] else [])]
        return {f"{x} is a part, from -1 to 1": value(x).is_between(-1.0, 1.0) for x in rates if isinstance(x, Name)}

    def _signed(self) -> tuple[float, bool]:
        return (-1.0 if self.how in {"discount", "carve_out"} else 1.0), self.how in {"discount", "uplift"}

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The adjusted amount."""
        sign, is_rate = self._signed()
        move = value(self.by) * value(self.share) * sign
        return {self.step: value(self.amount) * (move + 1.0) if is_rate else value(self.amount) + move}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        sign, is_rate = self._signed()
        amount, move = number(self.amount, row), number(self.by, row) * number(self.share, row) * sign
        return {self.step: amount * (move + 1.0) if is_rate else amount + move}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line."""
        sign, is_rate = self._signed()
        move = number(self.by, at) * number(self.share, at) * sign
        return Pieces.line(1.0 + move) if is_rate else Pieces.line(1.0, move)

    def formula(self) -> str:
        by = said(self.by) if literal(self.share) == 1.0 else f"{said(self.share)} x {said(self.by)}"
        sign = "-" if self._signed()[0] < 0 else "+"
        if self._signed()[1]:
            return f"{self.step} = {said(self.amount)} x (1 {sign} {by})"
        return f"{self.step} = {said(self.amount)} {sign} {by}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a discount of 3.5%",
            {"amount": "b", "how": "discount", "by": 0.035},
            [{"b": 100.0}],
            {"": [96.5]},
            "100 x 0.965",
        ),
        Case(
            "half of revenue that moved away",
            {"amount": "b", "how": "market_shift", "by": "moved", "share": 0.5},
            [{"b": 100.0, "moved": -4.0}],
            {"": [98.0]},
            "100 - 2",
        ),
        Case(
            "drugs carved out",
            {"amount": "b", "how": "carve_out", "by": "drugs"},
            [{"b": 100.0, "drugs": 12.5}],
            {"": [87.5]},
            "100 - 12.5",
        ),
        Case(
            "an uplift of 1.25%",
            {"amount": "b", "how": "uplift", "by": 0.0125},
            [{"b": 200.0}],
            {"": [202.5]},
            "200 x 1.0125",
        ),
    )
