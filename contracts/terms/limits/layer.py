"""Layer: the part of a loss that a stop-loss or reinsurance takes over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, KeyColumn, Name, Row, Term, literal, number, said, value


class Layer(Term):
    """The share of a loss above its deductible and attachment, up to a limit; over a group, an aggregate deductible and limit.

    ceded = share x clip(loss after deductible - attachment, 0, limit). Over a group the sum of what is ceded is cut to
    clip(sum - aggregate deductible, 0, aggregate limit) and given back to the rows in proportion. A limit that is
    reinstated n times is an aggregate limit of (1 + n) x limit. Ceded and net add to the loss.
    """

    kind: ClassVar[Kind] = "jump"

    term: Literal["layer"] = "layer"
    """Which clause this is."""
    amount: Amount
    """The loss or cost, 0 or more."""
    deductible: Amount = Decimal(0)
    """What the loss must pass before anything counts; it is taken off."""
    franchise: bool = False
    """True: a loss that reaches the deductible counts whole, nothing is taken off."""
    attachment: Amount = Decimal(0)
    """Where the layer begins."""
    limit: Amount | None = None
    """How far the layer reaches; none is without end."""
    share: Amount = Decimal(1)
    """Part of the layer that is ceded."""
    within: tuple[KeyColumn, ...] | None = None
    """Columns that name the group of an aggregate; [] is all rows; none is no aggregate."""
    aggregate_deductible: Amount = Decimal(0)
    """What the group's ceded losses must pass."""
    aggregate_limit: Amount | None = None
    """The most that is ceded for the group."""
    reinstatements: Amount | None = None
    """How often the limit may be used again in the group: an aggregate limit of (1 + reinstatements) x limit x share."""

    def runs_across_rows(self) -> bool:
        return self.within is not None

    def parts(self) -> tuple[str, ...]:
        return ("net",)

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        aggregate = (
            self.aggregate_limit is not None
            or self.reinstatements is not None
            or literal(self.aggregate_deductible) != 0
        )
        if aggregate and self.within is None:
            faults.add(f"{where}.within", "nothing", "the columns that name the group of the aggregate")
        if self.reinstatements is not None and (self.limit is None or self.aggregate_limit is not None):
            faults.add(
                f"{where}.reinstatements", said(self.reinstatements), "a `limit`, and no `aggregate_limit` besides"
            )
        for field in ("deductible", "attachment", "limit", "aggregate_deductible", "aggregate_limit", "reinstatements"):
            written = literal(getattr(self, field))
            if written is not None and written < 0:
                faults.add(f"{where}.{field}", f"{written:g}", "0 or more")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Ceded and net."""
        amount, deductible = value(self.amount), value(self.deductible)
        after = pl.when(amount >= deductible).then(amount if self.franchise else amount - deductible).otherwise(0.0)
        ceded = pl.max_horizontal(after - value(self.attachment), 0.0)
        if self.limit is not None:
            ceded = pl.min_horizontal(ceded, value(self.limit))
        ceded = ceded * value(self.share)
        if self.within is not None:
            group = [str(k) for k in self.within]
            total = ceded.sum().over(group) if group else ceded.sum()
            taken = pl.max_horizontal(total - value(self.aggregate_deductible), 0.0)
            top = self._top()
            taken = taken if top is None else pl.min_horizontal(taken, top)
            ceded = pl.when(total > 0).then(ceded * taken / total).otherwise(0.0)
        return {self.step: ceded, f"{self.step}.net": amount - ceded}

    def _top(self) -> pl.Expr | None:
        if self.reinstatements is not None and self.limit is not None:
            return (value(self.reinstatements) + 1.0) * value(self.limit) * value(self.share)
        return None if self.aggregate_limit is None else value(self.aggregate_limit)

    def _ceded(self, row: Row) -> float:
        amount, deductible = number(self.amount, row), number(self.deductible, row)
        after = 0.0 if amount < deductible else amount if self.franchise else amount - deductible
        ceded = max(after - number(self.attachment, row), 0.0)
        if self.limit is not None:
            ceded = min(ceded, number(self.limit, row))
        return ceded * number(self.share, row)

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        ceded = self._ceded(row)
        return {self.step: ceded, f"{self.step}.net": number(self.amount, row) - ceded}

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        if self.within is None:
            return [self.reference(row, tables) for row in rows]
        own = [self._ceded(row) for row in rows]
        groups = [tuple(row[k] for k in self.within) for row in rows]
        totals: dict[tuple[object, ...], float] = {}
        for group, x in zip(groups, own, strict=True):
            totals[group] = totals.get(group, 0.0) + x
        out: list[dict[str, float | None]] = []
        for row, group, x in zip(rows, groups, own, strict=True):
            total = totals[group]
            taken = max(total - number(self.aggregate_deductible, row), 0.0)
            if self.reinstatements is not None and self.limit is not None:
                top = (number(self.reinstatements, row) + 1.0) * number(self.limit, row) * number(self.share, row)
                taken = min(taken, top)
            elif self.aggregate_limit is not None:
                taken = min(taken, number(self.aggregate_limit, row))
            ceded = x * taken / total if total > 0 else 0.0
            out.append({self.step: ceded, f"{self.step}.net": number(self.amount, row) - ceded})
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        ceded, net = pl.col(self.step), pl.col(f"{self.step}.net")
        size = pl.max_horizontal(value(self.amount).abs(), 1.0)
        out = {
            "ceded and net add to the loss": ((ceded + net - value(self.amount)).abs() <= 1e-9 * size),
            "no more than the loss is ceded": ceded <= pl.max_horizontal(value(self.amount), 0.0) + 1e-9 * size,
        }
        if self.within is not None:
            group = [str(k) for k in self.within]
            for x in (self.aggregate_deductible, self.aggregate_limit, self.reinstatements):
                if isinstance(x, Name):
                    out[f"{x} is the same on every row of its group"] = (
                        value(x).n_unique().over(group) if group else value(x).n_unique()
                    ) == 1
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """Flat, then the share from attachment to limit, then flat; None under an aggregate or a limit that moves with the loss."""
        if self.within is not None or (self.limit is not None and str(self.limit) == str(self.amount)):
            return None
        deductible, attachment, share = number(self.deductible, at), number(self.attachment, at), number(self.share, at)
        start = attachment if self.franchise else deductible + attachment
        if self.limit is None:
            body = Pieces.through([(start, 0.0)], 0.0, share)
        else:
            limit = number(self.limit, at)
            body = Pieces.through([(start, 0.0), (start + limit, limit * share)], 0.0, 0.0)
        if not self.franchise:
            return body
        kept = [piece for piece in body.pieces if piece.start > deductible]
        holding = [piece for piece in body.pieces if piece.start <= deductible][-1]
        first = Piece(deductible, holding.intercept, holding.slope)
        return Pieces((Piece(-math.inf, 0.0, 0.0), first, *kept)).simplified()

    def formula(self) -> str:
        loss = said(self.amount)
        if literal(self.deductible) != 0:
            loss = (
                f"{loss} where it reaches {said(self.deductible)}"
                if self.franchise
                else f"({loss} - {said(self.deductible)})"
            )
        text = f"{self.step} = {said(self.share)} x ({loss} above {said(self.attachment)}"
        text += ")" if self.limit is None else f", at most {said(self.limit)})"
        if self.within is not None:
            over = f"all rows of the same {', '.join(map(str, self.within))}" if self.within else "all rows"
            top = ""
            if self.reinstatements is not None and self.limit is not None:
                top = f", at most (1 + {said(self.reinstatements)}) x {said(self.limit)} x {said(self.share)}"
            elif self.aggregate_limit is not None:
                top = f", at most {said(self.aggregate_limit)}"
            text += f"; the sum over {over} above {said(self.aggregate_deductible)}{top}, shared in proportion"
        return text

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "deductible 15, attachment 10, limit 30, half",
            {"amount": "loss", "deductible": 15, "attachment": 10, "limit": 30, "share": 0.5},
            [{"loss": float(x)} for x in range(0, 70, 10)],
            {"": [0.0, 0.0, 0.0, 2.5, 7.5, 12.5, 15.0]},
            "(30 - 15 - 10) x .5 = 2.5; (60 - 25) cut to 30, x .5",
        ),
        Case(
            "a franchise of 15 counts a loss whole once it is reached",
            {"amount": "loss", "deductible": 15, "franchise": True, "limit": 30},
            [{"loss": float(x)} for x in range(0, 70, 10)],
            {"": [0.0, 0.0, 20.0, 30.0, 30.0, 30.0, 30.0]},
            "20 whole; 40 cut to 30",
        ),
        Case(
            "three losses to a layer of 100 above 50, reinstated once",
            {"amount": "loss", "attachment": 50, "limit": 100, "within": [], "reinstatements": 1},
            [{"loss": 150.0}, {"loss": 500.0}, {"loss": 100.0}],
            {"": [80.0, 80.0, 40.0], "net": [70.0, 420.0, 60.0]},
            "100 + 100 + 50 = 250, at most 200: 4/5 of each",
        ),
        Case(
            "an aggregate deductible of 30 over each treaty",
            {
                "amount": "loss",
                "attachment": 10,
                "within": ["treaty"],
                "aggregate_deductible": 30,
                "aggregate_limit": 50,
            },
            [{"treaty": "a", "loss": 30.0}, {"treaty": "a", "loss": 50.0}, {"treaty": "b", "loss": 35.0}],
            {"": [10.0, 20.0, 0.0], "net": [20.0, 30.0, 35.0]},
            "20 + 40 - 30 = 30, split 1 to 2; 25 does not reach 30",
        ),
    )
