"""Transfer: payment for people treated across the boundary, out and in."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Transfer(Term):
    """Net income from people who cross the boundary: receives a rate for those who come in, pays a rate for those who go out."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "outflow"

    term: Literal["transfer"] = "transfer"
    """Which clause this is."""
    outflow: Amount
    """Cost of care of own residents elsewhere."""
    inflow: Amount
    """Cost, or reference cost, of care given to residents of other areas."""
    pay_rate: Amount = Decimal(1)
    """Part of the outflow's cost that is paid."""
    receive_rate: Amount = Decimal(1)
    """Part of the inflow's cost that is received."""

    def parts(self) -> tuple[str, ...]:
        return ("paid", "received")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Received - paid, and both."""
        paid, received = value(self.outflow) * value(self.pay_rate), value(self.inflow) * value(self.receive_rate)
        return {self.step: received - paid, f"{self.step}.paid": paid, f"{self.step}.received": received}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        paid = number(self.outflow, row) * number(self.pay_rate, row)
        received = number(self.inflow, row) * number(self.receive_rate, row)
        return {self.step: received - paid, f"{self.step}.paid": paid, f"{self.step}.received": received}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line that falls by the pay rate."""
        return Pieces.line(-number(self.pay_rate, at), number(self.inflow, at) * number(self.receive_rate, at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.receive_rate)} x {said(self.inflow)} - {said(self.pay_rate)} x {said(self.outflow)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "pays 100% for residents elsewhere, receives 80% for incomers",
            {"outflow": "out", "inflow": "in_", "receive_rate": 0.8},
            [{"out": 10.0, "in_": 5.0}],
            {"": [-6.0], "paid": [10.0], "received": [4.0]},
            "5 x .8 - 10",
        ),
        Case(
            "equal flows at one price net to nothing",
            {"outflow": "out", "inflow": "in_"},
            [{"out": 7.0, "in_": 7.0}],
            {"": [0.0], "paid": [7.0], "received": [7.0]},
            "7 - 7",
        ),
    )
