"""Distribute: a pool shared to named parties, exact to the penny, with caps and a residual party."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.pieces import Kind
from contracts.language.rounding import nearest_unit, nearest_units
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value
from contracts.terms._sharing import (
    GOT,
    MOST,
    OPEN,
    TOTAL,
    WEIGHT,
    share_whole,
    share_whole_on,
    whole_most,
    whole_most_on,
    within_exact,
)


class Distribute(Term):
    """A pool shared to named parties by shares that add to 1 (or by weights), in whole pence, with a cap for each.

    Odd pence go by largest remainder, ties by party code, so that the order of the shares never matters. What a party's cap leaves is shared among the
    others by their shares; what all caps leave goes to the residual party, or stays as `step.left`. A loss is shared as
    its mirror. The parties and what is left add to the pool, rounded to the smallest unit.
    """

    kind: ClassVar[Kind] = "piecewise"
    univariate: ClassVar[bool] = False

    term: Literal["distribute"] = "distribute"
    """Which clause this is."""
    amount: Amount
    """The pool: a gain above 0, a loss below."""
    shares: dict[str, Amount] = Field(min_length=1)
    """Share (or weight) by party code."""
    by: Literal["shares", "weights"] = "shares"
    """"shares": they add to 1; "weights": each gets its part of their sum."""
    caps: dict[str, Amount] = Field(default_factory=dict)
    """The most a party can receive or bear, by party code."""
    residual: str | None = None
    """Party that takes what the caps leave."""
    smallest: Decimal = Field(default=Decimal("0.01"), gt=0)
    """Smallest sum paid, in the contract's money: 0.01 for pence where amounts are in pounds, 1 where they are in pence."""

    def parts(self) -> tuple[str, ...]:
        return (*self.shares, "left")

    def parties(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.shares, *self.caps, *([self.residual] if self.residual else [])]))

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        written = {party: literal(share) for party, share in self.shares.items()}
        known = [share for share in written.values() if share is not None]
        if self.by == "shares" and len(known) == len(written) and abs(math.fsum(known) - 1.0) > 1e-9:
            faults.add(f"{where}.shares", f"shares that add to {math.fsum(known):g}", "shares that add to 1")
        for party, share in written.items():
            if share is not None and share < 0:
                faults.add(f"{where}.shares.{party}", f"{share:g}", "0 or more")
        for party, most in self.caps.items():
            cap = literal(most)
            if cap is not None and cap < 0:
                faults.add(f"{where}.caps.{party}", f"{cap:g}", "0 or more")
            if party not in self.shares:
                faults.add(f"{where}.caps.{party}", "a cap without a share", "a party that shares")
        if self.residual is not None and self.residual not in self.shares:
            faults.add(f"{where}.residual", repr(self.residual), "a party that shares (its share may be 0)")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Not used: sharing is exact over whole units, see `apply`."""
        return {}

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        unit = float(self.smallest)
        whole = within_exact(value(self.amount), unit)
        out = {f"{said(self.amount)} can be shared to the unit, at most a thousand billion": whole}
        for party, share in self.shares.items():
            if literal(share) is None:
                out[f"the share {said(share)} of {party} is 0 or more"] = value(share) >= 0
        for party, cap in self.caps.items():
            if literal(cap) is None:
                out[f"the cap {said(cap)} of {party} is 0 or more"] = value(cap) >= 0
        return out

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with each party's part, the left part, and the step: what the parties have together."""
        unit = float(self.smallest)
        parties = sorted(self.shares)
        rows = frame.with_row_index("__line")
        without = pl.lit(None, dtype=pl.Int64)
        tall = pl.concat(
            rows.select(
                "__line",
                pl.lit(i, dtype=pl.Int64).alias("__party"),
                nearest_units(value(self.amount), 1.0 / unit).alias(TOTAL),
                value(self.shares[party]).cast(pl.Float64).alias(WEIGHT),
                (whole_most(value(self.caps[party]), unit) if party in self.caps else without).alias(MOST),
            )
            for i, party in enumerate(parties)
        )
        tall = share_whole(tall, within=["__line"], order_by=["__party"])
        if self.residual is not None:
            is_residual = pl.col("__party") == parties.index(self.residual)
            rest = pl.when(is_residual).then(pl.col(GOT) + pl.col(OPEN).abs()).otherwise(pl.col(GOT))
            tall = tall.with_columns(rest.alias(GOT), pl.lit(0, dtype=pl.Int64).alias(OPEN))
        tall = tall.sort("__party", "__line").with_columns((pl.col(GOT) * pl.col(TOTAL).sign()).alias(GOT))
        each = tall.partition_by("__party", maintain_order=True)
        together = reduce(lambda a, b: a + b, (part.get_column(GOT) for part in each))
        return frame.with_columns(
            (together * unit).alias(self.step),
            *(
                (part.get_column(GOT) * unit).alias(f"{self.step}.{party}")
                for part, party in zip(each, parties, strict=True)
            ),
            (each[0].get_column(OPEN) * unit).alias(f"{self.step}.left"),
        )

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        unit = float(self.smallest)
        pool = nearest_unit(number(self.amount, row), 1.0 / unit)
        sign = -1 if pool < 0 else 1
        parties = sorted(self.shares)
        caps = {p: whole_most_on(number(cap, row), unit) for p, cap in self.caps.items()}
        weights = [number(self.shares[p], row) for p in parties]
        parts, left = share_whole_on(pool, weights, [caps.get(p) for p in parties])
        got = dict(zip(parties, parts, strict=True))
        if self.residual is not None:
            got[self.residual] += left
            left = 0
        out: dict[str, float | None] = {self.step: sign * sum(got.values()) * unit}
        out.update({f"{self.step}.{p}": sign * x * unit for p, x in got.items()})
        out[f"{self.step}.left"] = sign * left * unit
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        parts = reduce(lambda a, b: a + b, (pl.col(o) for o in self.outputs()[1:]))
        half = float(self.smallest) * 0.51
        out = {
            "the parties and what is left add to the pool": (parts - value(self.amount)).abs()
            <= half + 1e-12 * value(self.amount).abs()
        }
        if self.by == "shares" and any(literal(s) is None for s in self.shares.values()):
            total = reduce(lambda a, b: a + b, (value(s) for s in self.shares.values()))
            out["the shares add to 1"] = (total - 1.0).abs() <= 1e-9
        return out

    def formula(self) -> str:
        each = ", ".join(
            f"{party} {said(share)}" + (f" (at most {said(self.caps[party])})" if party in self.caps else "")
            for party, share in self.shares.items()
        )
        rest = f"; what caps leave to {self.residual}" if self.residual else ""
        how = "shares" if self.by == "shares" else "weights"
        return f"{self.step} = {said(self.amount)} by {how} {each}{rest}; odd pence by largest remainder"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a pound in three equal parts keeps its odd penny",
            {"amount": "pool", "shares": {"a": 1, "b": 1, "c": 1}, "by": "weights"},
            [{"pool": 1.0}, {"pool": -1.0}],
            {"": [1.0, -1.0], "a": [0.34, -0.34], "b": [0.33, -0.33], "c": [0.33, -0.33], "left": [0.0, 0.0]},
            "34 + 33 + 33 pence, ties by code",
        ),
        Case(
            "a partner's exposure is capped and the others take up the rest",
            {"amount": "loss", "shares": {"a": 0.5, "b": 0.3, "c": 0.2}, "caps": {"a": 2}},
            [{"loss": -10.0}],
            {"": [-10.0], "a": [-2.0], "b": [-4.8], "c": [-3.2], "left": [0.0]},
            "5 cut to 2; 8 left: 3 to 2",
        ),
        Case(
            "all capped: what is left goes to the commissioner",
            {
                "amount": "loss",
                "shares": {"a": 0.6, "b": 0.4, "ccg": 0},
                "caps": {"a": 1, "b": "limit"},
                "residual": "ccg",
            },
            [{"loss": -10.0, "limit": 0.5}],
            {"": [-10.0], "a": [-1.0], "b": [-0.5], "ccg": [-8.5], "left": [0.0]},
            "1 + 0.5 + 8.5",
        ),
        Case(
            "budgets of billions and of thousand-millionths share alike",
            {"amount": "pool", "shares": {"a": "big", "b": "small"}, "by": "weights"},
            [{"pool": 10.0, "big": 6e9, "small": 4e9}, {"pool": 10.0, "big": 6e-9, "small": 4e-9}],
            {"": [10.0, 10.0], "a": [6.0, 6.0], "b": [4.0, 4.0], "left": [0.0, 0.0]},
            "6 to 4",
        ),
    )
