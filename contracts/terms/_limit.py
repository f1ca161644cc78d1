"""Limits of caps and floors: each a rate of a base, of which the smallest or the largest counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import polars as pl

from capitation.errors import Faults
from capitation.records.documents import Document
from contracts.terms._base import Amount, Name, Row, check_times, number, said, value

Which = Literal["smallest", "largest"]


class Limit(Document):
    """One limit: a rate of a base."""

    base: Amount
    """What the limit is a part of: benchmark, revenue, fees, turnover, persons, or an absolute sum."""
    rate: Amount = Decimal(1)
    """Part of the base; 1 where the base is the limit itself."""
    optional: bool = False
    """True: on a row that has no value for the base, this limit is left out; false: the base must be there."""

    def expression(self) -> pl.Expr:
        """Rate times base."""
        return value(self.base) * value(self.rate)

    def on(self, row: Row) -> float:
        """Rate times base on one row."""
        return number(self.base, row) * number(self.rate, row)

    def said(self) -> str:
        """The limit in words."""
        text = said(self.base) if self.rate == 1 else f"{said(self.rate)} x {said(self.base)}"
        return f"{text} where known" if self.optional else text


def check_limits(faults: Faults, where: str, limits: Sequence[Limit]) -> None:
    """Add a fault for each rate that looks like a percentage written as a number."""
    for i, limit in enumerate(limits, start=1):
        check_times(faults, f"{where}.{i}.rate", limit.rate, limit.base)


def needed_of(limits: Sequence[Limit]) -> list[str]:
    """Names without whose value a limit is not known: all but the bases of limits that may be left out."""
    each = [x for limit in limits for x in (limit.rate, *(() if limit.optional else (limit.base,)))]
    return [str(x) for x in each if isinstance(x, Name)]


def limit_of(limits: Sequence[Limit], which: Which) -> pl.Expr:
    """The limit that counts, as an expression."""
    each = [limit.expression() for limit in limits]
    if len(each) == 1:
        return each[0]
    return pl.min_horizontal(each) if which == "smallest" else pl.max_horizontal(each)


def limit_on(limits: Sequence[Limit], which: Which, row: Row) -> float:
    """The limit that counts on one row; not-a-number where none is known."""
    known = [x for x in (limit.on(row) for limit in limits) if not math.isnan(x)]
    return math.nan if not known else min(known) if which == "smallest" else max(known)
