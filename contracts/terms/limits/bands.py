"""Bands: a payment that runs along bands of the gap or of a value, such as a corridor, a deductible or a marginal rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from contracts.terms._base import Amount, Case, Row, Term, check_part, check_times, literal, number, said, value


class ShareBand(Document):
    """One band: how far it reaches, and the share in it."""

    upto: Amount | None = None
    """Where the band ends, as a part of the reference, the end included; empty for the last, open band."""
    share: Amount
    """Share or rate inside the band."""


class Bands(Term):
    """The sum over bands of the share of each band times the part of the amount that lies in it.

    Band ends are parts of the base. Amounts below 0 run along `losses`, or along the mirror of `gains` where no
    losses are given. In mode `cliff` the share of the band in which the amount ends applies to the whole amount.
    """

    kind: ClassVar[Kind] = "jump"

    term: Literal["bands"] = "bands"
    """Which clause this is."""
    amount: Amount
    """What runs along the bands: a gap, a cost above target, an activity value."""
    base: Amount = Decimal(1)
    """What the band ends are parts of: benchmark, target, premium, baseline; 1 where they are amounts."""
    gains: tuple[ShareBand, ...] = Field(min_length=1)
    """Bands of amounts above 0, nearest to 0 first."""
    losses: tuple[ShareBand, ...] | None = None
    """Bands of amounts below 0, nearest to 0 first; none means the mirror of `gains`."""
    mode: Literal["marginal", "cliff"] = "marginal"
    """"marginal": each band's share applies inside the band; "cliff": one share applies to the whole amount."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        for side in ("gains", "losses"):
            bands: tuple[ShareBand, ...] = getattr(self, side) or ()
            last = 0.0
            for i, band in enumerate(bands):
                place = f"{where}.{side}.{i + 1}.upto"
                check_times(faults, place, band.upto, self.base)
                check_part(faults, f"{where}.{side}.{i + 1}.share", band.share, low=-2.0, high=2.0)
                if (band.upto is None) != (i == len(bands) - 1):
                    faults.add(
                        place,
                        "an open band before the last" if band.upto is None else "a last band with an end",
                        "an end on each band but the last",
                        "The last band has no `upto`.",
                    )
                upto = literal(band.upto)
                if upto is not None:
                    if upto <= last:
                        faults.add(place, f"{upto:g} after {last:g}", "band ends that rise from above 0")
                    last = upto

    def _sides(self) -> tuple[tuple[ShareBand, ...], tuple[ShareBand, ...]]:
        return self.gains, self.gains if self.losses is None else self.losses

    def _along(self, size: pl.Expr, bands: Sequence[ShareBand]) -> pl.Expr:
        """Payment for a size of 0 or more."""
        reference = value(self.base)
        ends = [None if band.upto is None else value(band.upto) * reference for band in bands]
        if self.mode == "cliff":
            rate: pl.Expr = pl.lit(0.0)
            for band, end in reversed(list(zip(bands, ends, strict=True))):
                share = value(band.share)
                rate = share if end is None else pl.when(size <= end).then(share).otherwise(rate)
            return size * rate
        parts, start = [], None
        for band, end in zip(bands, ends, strict=True):
            top = size if end is None else pl.min_horizontal(size, end)
            inside = top if start is None else pl.max_horizontal(top - start, 0.0)
            parts.append(inside * value(band.share))
            start = end
        return reduce(lambda a, b: a + b, parts) if parts else pl.lit(0.0)

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The sum over bands, with the sign of the amount."""
        amount = value(self.amount)
        gains, losses = self._sides()
        if gains == losses:
            return {self.step: self._along(amount.abs(), gains) * amount.sign()}
        return {
            self.step: pl.when(amount >= 0).then(self._along(amount, gains)).otherwise(-self._along(-amount, losses))
        }

    def _along_on(self, size: float, bands: Sequence[ShareBand], row: Row) -> float:
        reference = number(self.base, row)
        total, start = 0.0, None
        for band in bands:
            end = math.inf if band.upto is None else number(band.upto, row) * reference
            share = number(band.share, row)
            if self.mode == "cliff":
                if size <= end:
                    return size * share
                continue
            top = min(size, end)
            total += (top if start is None else max(top - start, 0.0)) * share
            start = end
        return total

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        gains, losses = self._sides()
        if amount >= 0:
            return {self.step: self._along_on(amount, gains, row)}
        return {self.step: -self._along_on(-amount, losses, row)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {}
        if literal(self.base) is None:
            out[f"{said(self.base)} is 0 or more"] = value(self.base) >= 0
        for bands in self._sides():
            ends = [band.upto for band in bands if band.upto is not None]
            if ends and literal(ends[0]) is None:
                out[f"band end {said(ends[0])} is above 0"] = value(ends[0]) > 0
            for a, b in pairwise(ends):
                if literal(a) is None or literal(b) is None:
                    out[f"band end {said(a)} is below band end {said(b)}"] = value(a) < value(b)
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """One stretch a band on each side of 0."""
        gains, losses = self._sides()
        reference = number(self.base, at)
        right, left = self._stretches(gains, reference, at), self._stretches(losses, reference, at)
        out: list[Piece] = []
        for i, (_, end, intercept, slope) in enumerate(reversed(left)):
            begin = -math.inf if i == 0 else -end
            # Mirrored: the far end of a band belongs to the band that is nearer to 0.
            out.append(Piece(begin, -intercept, slope))
        for start, _, intercept, slope in right:
            out.append(Piece(start, intercept, slope, holds_at_start=self.mode == "marginal" or start == 0.0))
        if not left:
            out.insert(0, Piece(-math.inf, 0.0, 0.0))
        return Pieces(tuple(out)).simplified()

    def _stretches(
        self, bands: Sequence[ShareBand], reference: float, at: Row
    ) -> list[tuple[float, float, float, float]]:
        """Start, end, intercept and slope of each band, for sizes of 0 or more."""
        out, start, paid = [], 0.0, 0.0
        for band in bands:
            end = math.inf if band.upto is None else number(band.upto, at) * reference
            share = number(band.share, at)
            if self.mode == "cliff":
                out.append((start, end, 0.0, share))
            else:
                out.append((start, end, paid - share * start, share))
                paid += share * (end - start) if math.isfinite(end) else 0.0
            start = end
        return out

    def formula(self) -> str:
        base = "" if literal(self.base) == 1 else f" of {said(self.base)}"

        def side(bands: Sequence[ShareBand]) -> str:
            return ", ".join(
                f"{said(b.share)} {'beyond' if b.upto is None else f'up to {said(b.upto)}{base}'}" for b in bands
            )

        gains, losses = self._sides()
        how = "of each band" if self.mode == "marginal" else "of the whole, by the band it ends in"
        below = "losses the same" if gains == losses else f"losses {side(losses) or 'none'}"
        return f"{self.step} = {said(self.amount)} {how}: {side(gains)}; {below}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a corridor: nothing to 3%, half to 8%, four fifths beyond",
            {
                "amount": "excess",
                "base": 100,
                "gains": [{"upto": 0.03, "share": 0}, {"upto": 0.08, "share": 0.5}, {"share": 0.8}],
            },
            [{"excess": -12.0}, {"excess": -8.0}, {"excess": 3.0}, {"excess": 5.0}, {"excess": 12.0}],
            {"": [-5.7, -2.5, 0.0, 1.0, 5.7]},
            "5 x .5 + 4 x .8 = 5.7; 5 x .5; 0; 2 x .5",
        ),
        Case(
            "activity at full price to the baseline and 70% above it",
            {
                "amount": "activity",
                "base": "baseline",
                "gains": [{"upto": 1, "share": 1}, {"share": 0.7}],
                "losses": [],
            },
            [{"activity": 53.0, "baseline": 50.0}, {"activity": 46.0, "baseline": 50.0}],
            {"": [52.1, 46.0]},
            "50 + 3 x .7; 46",
        ),
        Case(
            "a cliff: the share of the band reached applies to all of it",
            {
                "amount": "gain",
                "gains": [{"upto": 10, "share": 0.2}, {"share": 0.5}],
                "losses": [{"share": 0}],
                "mode": "cliff",
            },
            [{"gain": 10.0}, {"gain": 20.0}, {"gain": -5.0}],
            {"": [2.0, 10.0, 0.0]},
            "10 x .2; 20 x .5",
        ),
    )
