"""Ladder: a value by rungs of a score, in steps or along straight lines."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from capitation.records.documents import Document
from contracts.language.pieces import Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class Rung(Document):
    """One rung: the score it begins at and its value."""

    since: Amount = Field(alias="from")
    """Lowest score of the rung, itself included."""
    value: Amount
    """Value on the rung."""


class Ladder(Term):
    """The value of the highest rung a score reaches (or, in mode linear, along straight lines between rungs), times an amount."""

    kind: ClassVar[Kind] = "jump"
    primary: ClassVar[str] = "by"

    term: Literal["ladder"] = "ladder"
    """Which clause this is."""
    by: Amount
    """The score."""
    rungs: tuple[Rung, ...] = Field(min_length=1)
    """Rungs, lowest score first."""
    amount: Amount = Decimal(1)
    """What the value is a part of."""
    below: Amount = Decimal(0)
    """Value below the first rung; in mode linear the first rung's value holds there."""
    mode: Literal["step", "linear"] = "step"
    """"step": the value of the rung reached; "linear": a straight line from rung to rung."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        written = [(i, literal(rung.since)) for i, rung in enumerate(self.rungs)]
        known = [(i, x) for i, x in written if x is not None]
        for (_, a), (i, b) in pairwise(known):
            if b <= a:
                faults.add(f"{where}.rungs.{i + 1}.from", f"{b:g} after {a:g}", "rungs in order, lowest first")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x value of the rung."""
        by = value(self.by)
        if self.mode == "step":
            found = reduce(
                lambda below, rung: pl.when(by >= value(rung.since)).then(value(rung.value)).otherwise(below),
                self.rungs,
                value(self.below),
            )
        else:
            found = value(self.rungs[0].value)
            for a, b in pairwise(self.rungs):
                x0, y0, x1, y1 = value(a.since), value(a.value), value(b.since), value(b.value)
                line = y0 + (y1 - y0) * (by - x0) / (x1 - x0)
                found = pl.when(by >= x1).then(y1).when(by > x0).then(line).otherwise(found)
        return {self.step: value(self.amount) * found}

    def _found(self, row: Row) -> float:
        by = number(self.by, row)
        if self.mode == "step":
            found = number(self.below, row)
            for rung in self.rungs:
                if by >= number(rung.since, row):
                    found = number(rung.value, row)
            return found
        found = number(self.rungs[0].value, row)
        for a, b in pairwise(self.rungs):
            x0, y0, x1, y1 = number(a.since, row), number(a.value, row), number(b.since, row), number(b.value, row)
            if by >= x1:
                found = y1
            elif by > x0:
                found = y0 + (y1 - y0) * (by - x0) / (x1 - x0)
        return found

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.amount, row) * self._found(row)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out: dict[str, pl.Expr] = {}
        for a, b in pairwise(self.rungs):
            if literal(a.since) is None or literal(b.since) is None:
                out[f"rung {said(a.since)} is below rung {said(b.since)}"] = value(a.since) < value(b.since)
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A flat stretch a rung, or the line through the rungs."""
        times = number(self.amount, at)
        points = [(number(r.since, at), times * number(r.value, at)) for r in self.rungs]
        if self.mode == "linear":
            return Pieces.through(points, 0.0, 0.0)
        first = Piece(-math.inf, times * number(self.below, at), 0.0)
        return Pieces((first, *(Piece(x, y, 0.0) for x, y in points))).simplified()

    def formula(self) -> str:
        each = ", ".join(f"{said(r.value)} from {said(r.since)}" for r in self.rungs)
        how = "by steps" if self.mode == "step" else "along straight lines"
        times = "" if literal(self.amount) == 1.0 else f"{said(self.amount)} x "
        below = f"; {said(self.below)} below" if self.mode == "step" else ""
        return f"{self.step} = {times}value at {said(self.by)} {how} ({each}{below})"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a bonus by the share of goals met",
            {"by": "met", "amount": "fee", "rungs": [{"from": 0.5, "value": 0.02}, {"from": 0.8, "value": 0.05}]},
            [{"met": 0.49, "fee": 100.0}, {"met": 0.5, "fee": 100.0}, {"met": 0.8, "fee": 100.0}],
            {"": [0.0, 2.0, 5.0]},
            "below; first rung; second rung",
        ),
        Case(
            "a quality rate along a line from 60 to 90",
            {"by": "score", "mode": "linear", "rungs": [{"from": 60, "value": 0}, {"from": 90, "value": 0.1}]},
            [{"score": 50.0}, {"score": 75.0}, {"score": 95.0}],
            {"": [0.0, 0.05, 0.1]},
            "0; half way; full",
        ),
    )
