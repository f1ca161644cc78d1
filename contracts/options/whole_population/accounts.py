"""The years of a body in order: paid, spent, shared, carried on, against what it can lose.

    left        = income - improvement not earned - care in scope
    hospitals   = their part of what is left, by what the body pays each
    returned    = part of the rest that goes back to commissioners, by what each is due
    carried on  = the rest and what came before, less the body's part of what section 75 pools overspend

Every sum is whole pence, and parts add to it. The same rule makes the plan's account and that of every activity case of an option.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from capitation.money.apportion import split
from capitation.money.rounding import nearest
from capitation.records.columns import PROVIDER, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from contracts.options.whole_population.document import CareBody

IS_SHADOW = Column(pl.Boolean, "true or false", "Whether it is worked out and not paid")


class BodyAccount(Schema):
    """The year of the body: paid, spent, shared and carried on."""

    year = YEAR
    is_shadow = IS_SHADOW
    listed_persons = Column(pl.Float64, "persons", "Persons of the lists, the sum of weighted persons", ge=0)
    rate_pence = Column(pl.Int64, "pence per weighted person and year", "Rate", ge=0)
    income_pence = Column(pl.Int64, "pence", "Weighted persons at the rate, trued up to the lists")
    unearned_pence = Column(pl.Int64, "pence", "Improvement payment kept back and not earned", ge=0)
    care_pence = Column(pl.Int64, "pence", "What it pays for care in scope")
    left_pence = Column(pl.Int64, "pence", "Income less what is not earned and less care")
    hospitals_pence = Column(pl.Int64, "pence", "Part of it that the hospitals take or bear")
    returned_pence = Column(pl.Int64, "pence", "Part of the rest that goes back to commissioners, or that they bear")
    pool_pence = Column(
        pl.Int64,
        "pence",
        "Its part of what section 75 pools overspend; empty where no activity is settled",
        nullable=True,
    )
    carried_in_pence = Column(pl.Int64, "pence", "Carried in from the year before")
    carried_on_pence = Column(pl.Int64, "pence", "Carried into the next year")
    reserve_pence = Column(pl.Int64, "pence", "What the body can lose", ge=0)
    can_bear = Column(pl.Boolean, "true or false", "Whether what is carried on is within what it can lose")
    is_rebased = Column(pl.Boolean, "true or false", "Whether the rate is due to be agreed anew")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """What is left is what it says it is."""
        left = pl.col("income_pence") - pl.col("unearned_pence") - pl.col("care_pence")
        return {"left = income - not earned - care": pl.col("left_pence") == left}


class HospitalShare(Schema):
    """What one hospital takes of a gain of the body, below nothing bears of its loss."""

    year = YEAR
    provider_code = PROVIDER
    is_shadow = IS_SHADOW
    share_pence = Column(pl.Int64, "pence", "Its part")


@dataclass(frozen=True)
class BodyYear:
    """What a year of the body rests on."""

    year: FinancialYear
    persons: float
    """Weighted persons of the lists."""
    income: int
    """Due from commissioners."""
    unearned: int
    """Improvement payment that is not earned."""
    paid: Mapping[str, int]
    """Care in scope by provider."""
    pool: int | None = None
    """The body's part of what section 75 pools overspend."""

    @property
    def left(self) -> int:
        """Income less what is not earned and less care."""
        return self.income - self.unearned - sum(self.paid.values())


def hospital_shares(body: CareBody, year: BodyYear) -> dict[str, int]:
    """What each hospital takes of what a year leaves, by what the body pays each; they bear a loss alike."""
    whole = nearest(Decimal(year.left) * body.sharers_part.value)
    weights = [max(year.paid.get(code, 0), 0) for code in body.sharers]
    return (
        dict(zip(body.sharers, split(whole, weights), strict=True)) if sum(weights) else dict.fromkeys(body.sharers, 0)
    )


def returned(body: CareBody, year: BodyYear, shared: int) -> int:
    """What goes back to commissioners of what the hospitals leave."""
    rest = year.left - shared
    return rest - nearest(Decimal(rest) * body.carried_forward.value)


def account_rows(
    body: CareBody, years: Sequence[BodyYear]
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Rows of `BodyAccount` and of `HospitalShare`; what a shadow year leaves is shared by nobody and carried nowhere."""
    rows: list[tuple[object, ...]] = []
    shares: list[tuple[object, ...]] = []
    carried = 0
    for each in years:
        year, shadow = each.year, each.year in body.shadow_years
        mine = hospital_shares(body, each)
        part = sum(mine.values())
        shares += [(str(year), who, shadow, amount) for who, amount in mine.items()]
        back = returned(body, each, part)
        kept = each.left - part - back - (each.pool or 0)
        before, carried = (0, carried) if shadow else (carried, carried + kept)
        on = kept if shadow else carried
        reserve = nearest(Decimal(each.income) * body.reserve.value)
        since = year.years_after(body.first_year)
        rows.append(
            (str(year), shadow, each.persons, nearest(body.rate(year)), each.income, each.unearned, sum(each.paid.values()),
             each.left, part, back, each.pool, before, on, reserve, on >= -reserve, since > 0 and since % body.rebased_every == 0)
        )  # fmt: skip
    return rows, shares


def accounts(body: CareBody, years: Sequence[BodyYear]) -> tuple[Frame[HospitalShare], Frame[BodyAccount]]:
    """The account of every year, and what each hospital takes of it."""
    rows, shares = account_rows(body, years)
    return (
        HospitalShare.validate(pl.DataFrame(shares, schema=HospitalShare.dtypes(), orient="row")),
        BodyAccount.validate(pl.DataFrame(rows, schema=BodyAccount.dtypes(), orient="row")),
    )


__all__ = [
    "IS_SHADOW",
    "BodyAccount",
    "BodyYear",
    "HospitalShare",
    "account_rows",
    "accounts",
    "hospital_shares",
    "returned",
]
