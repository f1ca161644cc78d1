"""Waterfall: a need met from sources in order, each to its capacity."""

from __future__ import annotations

import math
from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class FundingSource(Document):
    """One source of money."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Short name; the draw on it is `step.name`."""
    capacity: Amount
    """The most it can give."""


class Waterfall(Term):
    """A need met from sources in order, each used up to its capacity before the next is touched; what none can meet is left."""

    kind: ClassVar[Kind] = "piecewise"
    primary: ClassVar[str] = "need"

    term: Literal["waterfall"] = "waterfall"
    """Which clause this is."""
    need: Amount
    """What is to be met; nothing where it is below 0."""
    sources: tuple[FundingSource, ...] = Field(min_length=1)
    """Sources in the order in which they are used."""

    def parts(self) -> tuple[str, ...]:
        return (*(source.name for source in self.sources), "left")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The need met, each draw, and what is left."""
        need = pl.max_horizontal(value(self.need), 0.0)
        out: dict[str, pl.Expr] = {}
        used: pl.Expr = pl.lit(0.0)
        for source in self.sources:
            before, used = used, used + value(source.capacity)
            out[f"{self.step}.{source.name}"] = pl.min_horizontal(need, used) - pl.min_horizontal(need, before)
        return {
            self.step: pl.min_horizontal(need, used),
            **out,
            f"{self.step}.left": pl.max_horizontal(need - used, 0.0),
        }

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        left = max(number(self.need, row), 0.0)
        out: dict[str, float | None] = {}
        met = 0.0
        for source in self.sources:
            draw = min(left, number(source.capacity, row))
            out[f"{self.step}.{source.name}"] = draw
            met, left = met + draw, left - draw
        return {self.step: met, **out, f"{self.step}.left": left}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {f"{said(s.capacity)} is 0 or more": value(s.capacity) >= 0 for s in self.sources}
        total = reduce(lambda a, b: a + b, (pl.col(o) for o in self.outputs()[1:]))
        need = pl.max_horizontal(value(self.need), 0.0)
        out["draws and what is left add to the need"] = (total - need).abs() <= 1e-9 * pl.max_horizontal(need, 1.0)
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Nothing below 0, then the need, flat once the sources are used up."""
        capacity = math.fsum(number(s.capacity, at) for s in self.sources)
        return Pieces.through([(0.0, 0.0), (capacity, capacity)], 0.0, 0.0)

    def formula(self) -> str:
        each = ", then ".join(f"{s.name} up to {said(s.capacity)}" for s in self.sources)
        return f"{self.step} = {said(self.need)} met from {each}; the rest is left"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an overspend of 1.0m: underspends, the risk pool, uncommitted schemes, then money outside",
            {
                "need": "overspend",
                "sources": [
                    {"name": "underspends", "capacity": 0.3},
                    {"name": "risk_pool", "capacity": 0.5},
                    {"name": "uncommitted", "capacity": 0.1},
                ],
            },
            [{"overspend": 1.0}, {"overspend": 0.4}, {"overspend": -0.2}],
            {
                "": [0.9, 0.4, 0.0],
                "underspends": [0.3, 0.3, 0.0],
                "risk_pool": [0.5, 0.1, 0.0],
                "uncommitted": [0.1, 0.0, 0.0],
                "left": [0.1, 0.0, 0.0],
            },
            "1.0 - .3 - .5 - .1 = .1",
        ),
        Case(
            "one source",
            {"need": "n", "sources": [{"name": "reserve", "capacity": "c"}]},
            [{"n": 5.0, "c": 4.0}],
            {"": [4.0], "reserve": [4.0], "left": [1.0]},
            "5 - 4",
        ),
    )
