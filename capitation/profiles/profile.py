"""A profile: a document that says how a year falls into its months.

twelfths       each month has the same weight
days           a month weighs its calendar days
working days   a month weighs its working days
shares         a month weighs what the document gives it, such as a season measured over years, or a contract's own plan
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from capitation.pack.sources import DataPack
from capitation.profiles.calendar import bank_holidays, months_of, working_days
from capitation.records.columns import YEAR
from capitation.records.documents import Document, Judged
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

Kind = Literal["twelfths", "days", "working days", "shares"]

MONTHS = (
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "january",
    "february",
    "march",
)
"""The months of a financial year, in order."""


class Shares(Document):
    """The weight of each month; only their proportions count, so they need not add to one."""

    april: Decimal = Field(ge=0)
    """Weight of April."""
    may: Decimal = Field(ge=0)
    """Weight of May."""
    june: Decimal = Field(ge=0)
    """Weight of June."""
    july: Decimal = Field(ge=0)
    """Weight of July."""
    august: Decimal = Field(ge=0)
    """Weight of August."""
    september: Decimal = Field(ge=0)
    """Weight of September."""
    october: Decimal = Field(ge=0)
    """Weight of October."""
    november: Decimal = Field(ge=0)
    """Weight of November."""
    december: Decimal = Field(ge=0)
    """Weight of December."""
    january: Decimal = Field(ge=0)
    """Weight of January."""
    february: Decimal = Field(ge=0)
    """Weight of February."""
    march: Decimal = Field(ge=0)
    """Weight of March."""

    @model_validator(mode="after")
    def _some_month_has_weight(self) -> Shares:
        if not any(getattr(self, month) for month in MONTHS):
            raise ValueError("at least one month with a weight above 0")
        return self


class Profile(Judged):
    """How a year's money or activity falls into its months."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    """Name of the profile, the file's own."""
    title: str
    """Title for people."""
    about: str
    """When to use it."""
    kind: Kind
    """What a month weighs: one twelfth, its days, its working days, or the shares given."""
    shares: Shares | None = None
    """Weights of the months, for the kind "shares" only."""
    source: str
    """Id of the source of the shares or of the rule, or "assumption"."""
    where: str
    """Place in the source, or what the assumption rests on."""

    @model_validator(mode="after")
    def _shares_where_they_are_used(self) -> Profile:
        if (self.kind == "shares") != (self.shares is not None):
            raise ValueError('shares for the kind "shares", and for no other')
        if self.source == "assumption" and (self.owner is None or self.quality is None):
            raise ValueError("an assumption needs an owner and a quality mark")
        return self


class MonthWeight(Schema):
    """What a month of a year weighs under a profile."""

    year = YEAR
    month = Column(pl.String, "month", "Month, such as 2018-04", key=True)
    quarter = Column(pl.String, "quarter", "Quarter, such as 2018/19 Q1")
    first_day = Column(pl.Date, "date", "First day of the month")
    last_day = Column(pl.Date, "date", "Last day of the month")
    weight = Column(pl.Decimal(38, 12), "as the profile says", "Weight of the month within its year", ge=0)


def read_profile(pack: DataPack, name: str) -> Profile:
    """The profile of this name.

    Raises:
        UnknownNameError: the pack has none of this name.
        DocumentError: it cannot be used.
    """
    return pack.document(f"profiles/{name}.toml", Profile)


def month_weights(profile: Profile, years: list[FinancialYear], pack: DataPack) -> Frame[MonthWeight]:
    """What every month of these years weighs.

    Raises:
        DataError: working days are asked for and the pack lists no bank holidays of a year.
    """
    months: pl.DataFrame = months_of(years)
    exact = pl.Decimal(38, 12)
    if profile.kind == "twelfths":
        weight = pl.lit(1).cast(exact)
    elif profile.kind == "days":
        weight = pl.col("calendar_days").cast(exact)
    elif profile.kind == "working days":
        months = working_days(months_of(years), bank_holidays(pack))
        weight = pl.col("working_days").cast(exact)
    else:
        table = pl.DataFrame(
            {
                "number": [(n + 3) % 12 + 1 for n in range(12)],
                "weight": [getattr(profile.shares, month) for month in MONTHS],
            },
            schema={"number": pl.Int8, "weight": exact},
        )
        months = months.with_columns(pl.col("first_day").dt.month().alias("number")).join(
            table, on="number", how="left", validate="m:1"
        )
        weight = pl.col("weight")
    return MonthWeight.validate(months.with_columns(weight.alias("weight")).select(*MonthWeight.columns()))
