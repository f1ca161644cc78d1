"""A month or a quarter of a year's movements, by a profile; the parts of a year add to it to the penny.

part of a movement = its year x weight of the months / weight of all, whole pence by largest remainder (capitation.profiles)
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from api.service.ledger.lines import JournalError
from api.service.records.periods import period_of, year_of
from capitation.errors import CapitationError
from capitation.pack.sources import DataPack
from capitation.profiles.phase import Every, phase
from capitation.profiles.profile import MonthWeight, month_weights, read_profile
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear


@dataclass(frozen=True)
class YearPart:
    """A month or a quarter of a year.

    Args:
        period: the month, such as "2018-04", or the quarter, such as "2018/19 Q1".
        profile: name of the profile.
        weights: what each month of the year weighs.
    """

    period: str
    profile: str
    weights: Frame[MonthWeight]

    @property
    def every(self) -> Every:
        """How long it is."""
        return "quarter" if "Q" in self.period else "month"

    @property
    def last_day(self) -> dt.date:
        """Its last day."""
        found = period_of(self.period)
        if found is None:
            raise JournalError(f"found {self.period!r}; expected a month or a quarter")
        return found.last_day

    def of(self, moves: pl.DataFrame, year: str) -> pl.DataFrame:
        """The part of each movement of a year; what names a movement also names the part."""
        numbered = moves.with_row_index("__row").with_columns(pl.lit(year).alias("year"))
        parts = phase(numbered, self.weights, keys=["__row"], amount="amount_pence", every=self.every)
        mine = parts.filter(pl.col("period") == self.period).select("__row", "amount_pence")
        return (
            numbered.drop("amount_pence", "year")
            .join(mine, on="__row", how="inner", validate="1:1")
            .drop("__row")
            .with_columns(pl.concat_str("reference", pl.lit(f"|{self.period}")).alias("reference"))
        )


def part_of(year: str, part: str, profile: str, pack: DataPack) -> YearPart:
    """A month or quarter of a financial year by a profile of the pack.

    Raises:
        JournalError: the part is none of the year, or the year has no months.
        UnknownNameError: the pack has no profile of this name.
    """
    if year_of(part) is None or str(year_of(part)) != year:
        first, _, _ = year.partition("/")
        raise JournalError(f"found part {part!r}; expected a month of {year} such as '{first}-04', or '{year} Q1'")
    try:
        weights = month_weights(read_profile(pack, profile), [FinancialYear(year)], pack)
    except CapitationError as error:
        raise JournalError(f"{year} cannot be parted by profile {profile!r}: {error.message}", error.faults) from error
    return YearPart(part, profile, weights)


def parts_of(year: str, every: Every) -> list[str]:
    """The months or quarters of a financial year, in order; the year itself where it is not parted."""
    first = FinancialYear(year).first_calendar_year
    if every == "quarter":
        return [f"{year} Q{number}" for number in range(1, 5)]
    if every == "month":
        return [f"{first + (number + 3) // 12}-{(number + 3) % 12 + 1:02d}" for number in range(12)]
    return [year]


__all__ = ["YearPart", "part_of", "parts_of"]
