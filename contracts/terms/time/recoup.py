"""Recoup: a balance taken out of gains, and carried on while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.periods import Every, place_of, places
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, KeyColumn, Row, Term, literal, number, said, value
from contracts.terms._periods import before_periods, has_earlier

Floats = npt.NDArray[np.float64]


class Recoup(Term):
    """A balance owed is taken out of what is earned, never more than either; the rest of the balance is carried forward.

    With `order_by` the balance runs through an account's periods, which follow each other without a gap: balance =
    largest of 0 and (balance before + interest + added - earned), and what falls off it is recouped, the oldest first.
    With `lapses_after` n, what a period adds can be recouped in it and in the n periods after it; the rest lapses.
    """

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["recoup"] = "recoup"
    """Which clause this is."""
    amount: Amount
    """What is earned; an amount below 0 recoups nothing."""
    balance: Amount
    """Balance owed at the start (of the first period)."""
    added: Amount = Decimal(0)
    """What each period adds to the balance, such as a deficit carried."""
    order_by: KeyColumn | None = None
    """Column of the period of each row: a year, a quarter, a month, a date or a number; none settles each row on its own balance."""
    within: tuple[KeyColumn, ...] = ()
    """Columns that name the account."""
    lapses_after: int | None = Field(default=None, ge=1)
    """After how many periods what is left of a balance lapses; none is never."""
    interest: Amount = Decimal(0)
    """Interest for one period on the balance that is carried into it, 0.03 for 3%."""
    every: Every | None = None
    """Where the column holds dates: how long the periods are that they begin."""

    def runs_across_rows(self) -> bool:
        return self.order_by is not None

    def parts(self) -> tuple[str, ...]:
        more = [] if self.lapses_after is None else ["lapsed"]
        return ("recouped", "balance", *more, *([] if literal(self.interest) == 0.0 else ["interest"]))

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.order_by is None and (self.lapses_after is not None or literal(self.interest) != 0.0):
            faults.add(
                where,
                "a balance that lapses or bears interest",
                "`order_by`, the column of the periods it runs through",
            )
        rate = literal(self.interest)
        if rate is not None and not 0.0 <= rate <= 1.0:
            faults.add(f"{where}.interest", f"{rate:g}", "a fraction from 0 to 1, such as 0.03 for 3%")

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        if self.order_by is None:
            return {}
        out = before_periods(self.order_by, self.within, self.every)
        if literal(self.interest) is None:
            out[f"{said(self.interest)} is between 0 and 1"] = value(self.interest).is_between(0.0, 1.0)
        return out

    def works_on_frames(self) -> bool:
        return self.order_by is not None

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Left to pay, recouped, balance after, each row on its own."""
        amount, earned = value(self.amount), pl.max_horizontal(value(self.amount), 0.0)
        owed = value(self.balance) + value(self.added)
        after = pl.max_horizontal(owed - earned, 0.0)
        recouped = owed - after
        return {self.step: amount - recouped, f"{self.step}.recouped": recouped, f"{self.step}.balance": after}

    def apply(self, frame: pl.DataFrame, tables: Tables) -> pl.DataFrame:
        """The frame with the results; through an account's periods one after the other, all accounts at once."""
        if self.order_by is None:
            return frame.with_columns(**self.evaluate(tables))
        account = [pl.col(str(k)) for k in self.within] or [pl.lit(0)]
        own = frame.select(
            pl.struct(account).rank("dense").cast(pl.Int64).alias("account") - 1,
            places(str(self.order_by), self.every).rank("ordinal").over(account).cast(pl.Int64).alias("turn") - 1,
            *(
                value(x).cast(pl.Float64).alias(name)
                for name, x in (
                    ("amount", self.amount),
                    ("balance", self.balance),
                    ("added", self.added),
                    ("interest", self.interest),
                )
            ),
        )
        columns: dict[str, npt.NDArray[Any]] = {name: own.get_column(name).to_numpy() for name in own.columns}
        done = self._through(columns)
        return frame.with_columns(
            pl.Series(name, done[part]) for part, name in zip(("", *self.parts()), self.outputs(), strict=True)
        )

    def _through(self, given: dict[str, npt.NDArray[Any]]) -> dict[str, Floats]:
        """Every result by its part, period by period over all accounts; `owed` has one column for each age of a balance."""
        ages = 1 if self.lapses_after is None else self.lapses_after + 1
        rows = len(given["account"])
        out = {part: np.zeros(rows) for part in ("", "recouped", "balance", "lapsed", "interest")}
        owed = np.zeros((int(given["account"].max(initial=-1)) + 1, ages))
        turns = np.argsort(given["turn"], kind="stable")
        ends = np.searchsorted(given["turn"][turns], np.arange(int(given["turn"].max(initial=-1)) + 2))
        for turn in range(len(ends) - 1):
            here = turns[ends[turn] : ends[turn + 1]]
            mine = owed[given["account"][here]]
            if turn == 0:
                mine[:, min(1, ages - 1)] = given["balance"][here]
            else:
                if self.lapses_after is not None:
                    out["lapsed"][here] = mine[:, -1]
                    mine = np.hstack([np.zeros((len(here), 1)), mine[:, :-1]])
                charged = mine * given["interest"][here][:, None]
                out["interest"][here] = charged.sum(axis=1)
                mine = mine + charged
            mine[:, 0] += given["added"][here]
            left = np.maximum(given["amount"][here], 0.0)
            for age in reversed(range(ages)):
                taken = np.minimum(left, mine[:, age])
                mine[:, age] -= taken
                left = left - taken
                out["recouped"][here] += taken
            owed[given["account"][here]] = mine
            out["balance"][here] = mine.sum(axis=1)
        out[""] = given["amount"] - out["recouped"]
        return out

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return self._one(row, [number(self.balance, row)], first=True)[0]

    def _one(self, row: Row, tranches: list[float], *, first: bool) -> tuple[dict[str, float | None], list[float]]:
        """One period of an account: what it gives, and the balance by age (youngest first) that it leaves."""
        amount, lapsed, charged = number(self.amount, row), 0.0, 0.0
        if first:
            tranches = [0.0, *tranches]
        else:
            tranches = [0.0, *tranches]
            if self.lapses_after is not None and len(tranches) > self.lapses_after + 1:
                lapsed = tranches.pop()
            rate = number(self.interest, row)
            charged = sum(x * rate for x in tranches)
            tranches = [x + x * rate for x in tranches]
        tranches[0] += number(self.added, row)
        left, recouped = max(amount, 0.0), 0.0
        for age in reversed(range(len(tranches))):
            taken = min(left, tranches[age])
            tranches[age] -= taken
            left, recouped = left - taken, recouped + taken
        every = {
            "": amount - recouped,
            "recouped": recouped,
            "balance": sum(tranches),
            "lapsed": lapsed,
            "interest": charged,
        }
        parts = zip(self.outputs(), ("", *self.parts()), strict=True)
        return {name: every[part] for name, part in parts}, tranches

    def reference_rows(self, rows: Sequence[Row], tables: Tables) -> list[dict[str, float | None]]:
        if self.order_by is None:
            return [self.reference(row, tables) for row in rows]
        order = str(self.order_by)
        at = [place_of(row[order], self.every) or ("", 0) for row in rows]
        carried: dict[tuple[object, ...], list[float]] = {}
        out: list[dict[str, float | None]] = [{} for _ in rows]
        for i in sorted(range(len(rows)), key=lambda i: at[i][1]):
            account = tuple(rows[i][k] for k in self.within)
            before = carried.get(account)
            out[i], carried[account] = self._one(
                rows[i], [number(self.balance, rows[i])] if before is None else before, first=before is None
            )
        return out

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {f"{said(x)} is 0 or more": value(x) >= 0 for x in (self.balance, self.added)}
        if self.order_by is not None:
            out.update(has_earlier(self.order_by, self.within, self.every))
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """Slope 1 below 0, flat while the balance lasts, then slope 1; None where the balance runs through periods."""
        if self.order_by is not None:
            return None
        owed = number(self.balance, at) + number(self.added, at)
        return Pieces.through([(0.0, 0.0), (owed, 0.0)], 1.0, 1.0)

    def formula(self) -> str:
        owed = said(self.balance) if literal(self.added) == 0.0 else f"({said(self.balance)} + {said(self.added)})"
        carried = f", the balance carried from {self.order_by} to {self.order_by}" if self.order_by else ""
        carried += "" if literal(self.interest) == 0.0 else f" with interest of {said(self.interest)}"
        carried += "" if self.lapses_after is None else f", what is left lapsing after {self.lapses_after}"
        return f"{self.step} = {said(self.amount)} - smaller of {said(self.amount)} (not below 0) and {owed}{carried}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an advance is recouped from what is earned",
            {"amount": "earned", "balance": "advance"},
            [
                {"earned": 500.0, "advance": 200.0},
                {"earned": 150.0, "advance": 200.0},
                {"earned": -50.0, "advance": 200.0},
            ],
            {"": [300.0, 0.0, -50.0], "recouped": [200.0, 150.0, 0.0], "balance": [0.0, 50.0, 200.0]},
            "min(500, 200); min(150, 200); nothing from a loss",
        ),
        Case(
            "a deficit carried through three years",
            {"amount": "gain", "balance": 10, "added": "deficit", "order_by": "year", "within": ["account"]},
            [
                {"account": "a", "year": 2.0, "gain": 9.0, "deficit": 3.0},
                {"account": "a", "year": 1.0, "gain": 4.0, "deficit": 0.0},
                {"account": "a", "year": 3.0, "gain": 5.0, "deficit": 1.0},
            ],
            {"": [0.0, 0.0, 4.0], "recouped": [9.0, 4.0, 1.0], "balance": [0.0, 6.0, 0.0]},
            "10 - 4 = 6; 6 + 3 - 9 = 0; 0 + 1 - 1 = 0",
        ),
        Case(
            "a deficit bears interest and lapses after two years",
            {
                "amount": "gain",
                "balance": 0,
                "added": "deficit",
                "order_by": "year",
                "lapses_after": 2,
                "interest": 0.1,
            },
            [
                {"year": "2016/17", "gain": 0.0, "deficit": 100.0},
                {"year": "2017/18", "gain": 30.0, "deficit": 20.0},
                {"year": "2018/19", "gain": 8.0, "deficit": 0.0},
                {"year": "2019/20", "gain": 50.0, "deficit": 0.0},
            ],
            {
                "": [0.0, 0.0, 0.0, 25.8],
                "recouped": [0.0, 30.0, 8.0, 24.2],
                "balance": [100.0, 100.0, 102.0, 0.0],
                "lapsed": [0.0, 0.0, 0.0, 80.0],
                "interest": [0.0, 10.0, 10.0, 2.2],
            },
            "100 x 1.1 - 30 + 20; 80 x 1.1 - 8 + 20 x 1.1; 80 lapses, 22 x 1.1 = 24.2",
        ),
    )
