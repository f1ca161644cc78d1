"""Relief: an amount forgiven, as a share of it or as a sum, never past 0."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import (
    Amount,
    Case,
    Row,
    Side,
    Term,
    check_part,
    is_on_side,
    literal,
    number,
    on_side,
    said,
    side_said,
    value,
)


class Relief(Term):
    """An amount owed, reduced by a share p or by a sum, such as for a disaster: amount x (1 - p), or amount less the sum but never past 0."""

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["relief"] = "relief"
    """Which clause this is."""
    amount: Amount
    """What is owed."""
    share: Amount | None = None
    """Part of it that is forgiven, 0 to 1; give this or `sum`."""
    sum: Amount | None = None
    """Sum that is forgiven, 0 or more; give this or `share`."""
    side: Side = "both"
    """Which amounts are relieved."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if (self.share is None) == (self.sum is None):
            faults.add(where, f"share {self.share} and sum {self.sum}", "exactly one of `share` and `sum`")
        check_part(faults, f"{where}.share", self.share)
        if (literal(self.sum) or 0.0) < 0:
            faults.add(f"{where}.sum", f"{literal(self.sum):g}", "0 or more")

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The amount moved towards 0 by the relief."""
        amount = value(self.amount)
        if self.share is not None:
            left = amount * (1.0 - value(self.share))
        else:
            less = amount.abs() - value(self.sum if self.sum is not None else self.amount)
            left = pl.when(less < 0).then(0.0).otherwise(less) * amount.sign()
        return {self.step: on_side(self.side, amount, left)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        if not is_on_side(self.side, amount):
            return {self.step: amount}
        if self.share is not None:
            return {self.step: amount * (1.0 - number(self.share, row))}
        less = abs(amount) - number(self.sum if self.sum is not None else self.amount, row)
        return {self.step: math.copysign(max(less, 0.0), amount)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        if self.share is not None:
            return {f"{said(self.share)} is between 0 and 1": value(self.share).is_between(0.0, 1.0)}
        return {} if self.sum is None else {f"{said(self.sum)} is 0 or more": value(self.sum) >= 0.0}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Slope 1 - p; or flat at 0 up to the sum, then slope 1."""
        if self.share is not None:
            left = 1.0 - number(self.share, at)
            return Pieces.through(
                [(0.0, 0.0)], 1.0 if self.side == "gains" else left, 1.0 if self.side == "losses" else left
            )
        sum_ = number(self.sum if self.sum is not None else self.amount, at)
        points = [(0.0, 0.0)]
        if self.side != "gains":
            points.insert(0, (-sum_, 0.0))
        if self.side != "losses":
            points.append((sum_, 0.0))
        return Pieces.through(points, 1.0, 1.0)

    def formula(self) -> str:
        if self.share is not None:
            return f"{self.step} = {said(self.amount)} x (1 - {said(self.share)}){side_said(self.side)}"
        sum_ = said(self.sum if self.sum is not None else self.amount)
        return f"{self.step} = {said(self.amount)} less {sum_}, never past 0{side_said(self.side)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a loss relieved by a published sum",
            {"amount": "owed", "sum": "relief"},
            [{"owed": 6_353_999.2, "relief": 2_649_296.0}, {"owed": 100.0, "relief": 250.0}],
            {"": [3_704_703.2, 0.0]},
            "6,353,999.20 - 2,649,296; never below 0",
        ),
        Case(
            "five months of twelve forgiven on losses only",
            {"amount": "result", "share": "p", "side": "losses"},
            [{"result": -1200.0, "p": 5 / 12}, {"result": 1200.0, "p": 5 / 12}],
            {"": [-700.0, 1200.0]},
            "-1,200 x 7/12; a gain passes",
        ),
    )
