"""Layer: the part of a loss that a stop-loss or reinsurance takes over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.periods import place_of, places
from contracts.language.pieces import Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, KeyColumn, Name, Row, Term, literal, number, said, value


class Layer(Term):
    """The share of a loss above its deductible and attachment, up to a limit; over a group, an aggregate deductible and limit.

    ceded = share x clip(loss after deductible - attachment, 0, limit). Over a group the sum of what is ceded is cut to
    clip(sum - aggregate deductible, 0, aggregate limit) and given back to the rows in proportion. A limit that is
    reinstated n times is an aggregate limit of (1 + n) x limit. Ceded and net add to the loss. With `order_by` the
    aggregate is used up event by event, in order, instead of in proportion; a premium for reinstatement is then due for
    the part of the limit that each event uses and that is reinstated.
    """

    kind: ClassVar[Kind] = "jump"
    parts_of_one: ClassVar[tuple[str, ...]] = ("share", "premium_rate")

    term: Literal["layer"] = "layer"
    """Which clause this is."""
    amount: Amount
    """The loss or cost; nothing is ceded of one below 0."""
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

    order_by: KeyColumn | None = None
    """Column of the order of events in the group, a date or a number: earlier events are ceded first; none is in proportion."""
    premium: Amount | None = None
    """Premium of the layer; with it the premium due for each reinstatement is `step.premium`."""
    premium_rate: Amount = Decimal(1)
    """Part of the premium that is due for reinstating the whole limit once: 1 is "at 100%"."""

    def runs_across_rows(self) -> bool:
        return self.within is not None

    def parts(self) -> tuple[str, ...]:
        return ("net",) if self.premium is None else ("net", "reinstated", "premium")

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
        if self.order_by is not None and self.within is None:
            faults.add(
                f"{where}.within",
                "nothing",
                "the columns that name the group whose events are in order; [] for all rows",
            )
        if self.premium is not None and (self.reinstatements is None or self.order_by is None):
            faults.add(
                f"{where}.premium",
                said(self.premium),
                "`reinstatements` and `order_by`, by which it falls due event by event",
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
            if self.order_by is not None:
                return self._in_order(ceded)
            ceded = pl.when(total > 0).then(ceded * taken / total).otherwise(0.0)
        return {self.step: ceded, f"{self.step}.net": amount - ceded}

    def _in_order(self, ceded: pl.Expr) -> dict[str, pl.Expr]:
        """The aggregate used up event by event: what is ceded to the end of each event, less what was before it."""
        group: list[pl.Expr] = [pl.col(str(k)) for k in self.within or ()] or [pl.lit(0)]
        order = places(str(self.order_by), "day")
        reached = ceded.cum_sum().over(group, order_by=order)
        after, before = self._used(reached), self._used(reached - ceded)
        out = {self.step: after - before, f"{self.step}.net": value(self.amount) - (after - before)}
        if self.premium is not None and self.limit is not None and self.reinstatements is not None:
            whole = value(self.limit) * value(self.share)
            most = whole * value(self.reinstatements)
            back = pl.min_horizontal(after, most) - pl.min_horizontal(before, most)
            out[f"{self.step}.reinstated"] = back
            out[f"{self.step}.premium"] = value(self.premium) * value(self.premium_rate) * back / whole
        return out

    def _used(self, reached: pl.Expr) -> pl.Expr:
        taken = pl.max_horizontal(reached - value(self.aggregate_deductible), 0.0)
        top = self._top()
        return taken if top is None else pl.min_horizontal(taken, top)

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        if self.order_by is None:
            return {}
        names = [*map(str, self.within or ()), str(self.order_by)]
        return {
            f"{self.order_by} orders the events: a date or a number": places(str(self.order_by), "day").is_not_null(),
            f"one event stands for each {', '.join(names)}": ~pl.struct(names).is_duplicated(),
        }

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
        if self.order_by is not None:
            return self._events(rows, own, groups)
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

    def _events(
        self, rows: Sequence[Row], own: Sequence[float], groups: Sequence[tuple[object, ...]]
    ) -> list[dict[str, float | None]]:
        """Each event in order, in plain Python."""
        at = [place_of(row[str(self.order_by)], "day") or ("", 0) for row in rows]
        reached: dict[tuple[object, ...], float] = {}
        out: list[dict[str, float | None]] = [{} for _ in rows]
        for i in sorted(range(len(rows)), key=lambda i: at[i][1]):
            row, before = rows[i], reached.get(groups[i], 0.0)
            reached[groups[i]] = before + own[i]
            first, last = self._used_on(before, row), self._used_on(before + own[i], row)
            out[i] = {self.step: last - first, f"{self.step}.net": number(self.amount, row) - (last - first)}
            if self.premium is not None and self.limit is not None and self.reinstatements is not None:
                whole = number(self.limit, row) * number(self.share, row)
                most = whole * number(self.reinstatements, row)
                back = min(last, most) - min(first, most)
                due = number(self.premium, row) * number(self.premium_rate, row)
                out[i] |= {
                    f"{self.step}.reinstated": back,
                    f"{self.step}.premium": due * back / whole if whole else math.nan,
                }
        return out

    def _used_on(self, reached: float, row: Row) -> float:
        taken = max(reached - number(self.aggregate_deductible, row), 0.0)
        if self.reinstatements is not None and self.limit is not None:
            top = (number(self.reinstatements, row) + 1.0) * number(self.limit, row) * number(self.share, row)
            return min(taken, top)
        return taken if self.aggregate_limit is None else min(taken, number(self.aggregate_limit, row))

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        ceded, net = pl.col(self.step), pl.col(f"{self.step}.net")
        size = pl.max_horizontal(value(self.amount).abs(), 1.0)
        out = {
            "ceded and net add to the loss": ((ceded + net - value(self.amount)).abs() <= 1e-9 * size),
            "no more than the loss is ceded": ceded <= pl.max_horizontal(value(self.amount), 0.0) + 1e-9 * size,
        }
        for field in ("deductible", "attachment", "limit", "aggregate_deductible", "aggregate_limit", "reinstatements"):
            x = getattr(self, field)
            if isinstance(x, Name) and x != self.amount:
                out[f"{x}, the {field.replace('_', ' ')}, is 0 or more"] = value(x) >= 0
        if self.premium is not None and self.limit is not None:
            out["the limit and the share of a layer that is reinstated are above 0"] = (
                value(self.limit) * value(self.share) > 0
            )
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
            how = "shared in proportion" if self.order_by is None else f"event by event, by {self.order_by}"
            text += f"; the sum over {over} above {said(self.aggregate_deductible)}{top}, {how}"
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
        Case(
            "events in order, the limit reinstated once at 80% of the premium",
            {
                "amount": "loss",
                "attachment": 50,
                "limit": 100,
                "within": ["treaty"],
                "reinstatements": 1,
                "order_by": "event",
                "premium": 20,
                "premium_rate": 0.8,
            },
            [
                {"treaty": "a", "event": 2.0, "loss": 500.0},
                {"treaty": "a", "event": 1.0, "loss": 110.0},
                {"treaty": "a", "event": 3.0, "loss": 120.0},
            ],
            {
                "": [100.0, 60.0, 40.0],
                "net": [400.0, 50.0, 80.0],
                "reinstated": [40.0, 60.0, 0.0],
                "premium": [6.4, 9.6, 0.0],
            },
            "60, then 100, then the 40 left of 200; 20 x .8 x 60/100, then 40/100 until the one reinstatement is used",
        ),
    )
