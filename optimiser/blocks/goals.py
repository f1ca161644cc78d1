"""Goals in order, and the benefits beside money that solutions bring."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from optimiser.programme.programme import Programme, measures
from optimiser.programme.tables import NUMBER, TEXT, long


class Goal(Document):
    """One goal; goals are met in order, each without giving up the ones before."""

    measure: str
    """Which measure."""
    tolerance: Decimal = Field(default=Decimal("1e-6"), ge=0, le=1)
    """Share of the goal that later goals may give up."""


@measures(70)
def benefits(p: Programme) -> None:
    """Each benefit that is not money, in its own unit."""
    found = [(s.id, b.id, b.unit, float(b.amount)) for s in p.problem.solutions for b in s.benefits]
    table = long(found, solution=TEXT, benefit=TEXT, benefit_unit=TEXT, amount=NUMBER)
    for name, unit in table.select("benefit", "benefit_unit").unique(maintain_order=True).iter_rows():
        mine = p["effective"].join(table.filter(pl.col("benefit") == name), on="solution")
        terms = mine.select("col", (pl.col("amount") * pl.col("weight")).alias("value"))
        p.count(name, terms, unit, "max", f"{name}, all years")
