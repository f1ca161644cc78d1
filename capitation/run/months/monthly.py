"""Cash and activity of a run by month, by the profile of each service and line, every year to the penny and the unit.

paid      a year's allocation of commissioner, provider and service by the service's cash profile
earned    the same by the activity profiles of the service's lines, each weighing its cost
activity  a year's activity of a line and locality by the line's profile
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.errors import Faults, SourceError, suggest
from capitation.pack.sources import DataPack
from capitation.profiles.phase import phase
from capitation.profiles.profile import MonthWeight, month_weights, read_profile
from capitation.records.columns import (
    COMMISSIONER,
    IMPACT,
    LOCALITY,
    POINT_OF_DELIVERY,
    PROVIDER,
    QUALITY,
    SERVICE,
    SOURCE,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.run.run import Run

FILE = "profiles/by-service.csv"
MONTH = Column(pl.String, "month", "Month, such as 2018-04", key=True)
_FINE = Decimal(1).scaleb(-12)
_SCALE = 1_000_000


class ServiceProfile(Schema):
    """The profile by which the cash of a service, or the activity of a line, falls into months."""

    of = Column(pl.String, "label", "Cash of a service, or activity of a line", key=True, one_of=("cash", "activity"))
    code = Column(pl.String, "code", "Service, or line", key=True)
    profile = Column(pl.String, "id", "Profile document (profiles/)")
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the choice")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "What it rests on")


class MonthlyCash(Schema):
    """What a commissioner pays a provider for a service in a month, and what of it is earned by care given."""

    year = YEAR
    month = MONTH
    commissioner_code = COMMISSIONER
    provider_code = PROVIDER
    service_code = SERVICE
    paid_pence = Column(pl.Int64, "pence", "Paid in the month; the months add to the year's allocation")
    earned_pence = Column(pl.Int64, "pence", "Earned in the month by care given; the months add to the same")


class MonthlyActivity(Schema):
    """Activity of a line and locality in a month."""

    year = YEAR
    month = MONTH
    case = Column(pl.String, "label", "Activity case", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    activity = Column(pl.Int64, "units of activity", "Activity; the months add to the year", ge=0)


def monthly_cash(run: Run, pack: DataPack, years: Sequence[str] = ()) -> Frame[MonthlyCash]:
    """Cash by month of every flow of a run.

    Args:
        run: a run with providers.
        pack: pack with the profiles.
        years: years wanted; all where none is named.

    Raises:
        SourceError: a service or line without a profile; all together.
    """
    key = ["commissioner_code", "provider_code", "service_code"]
    wanted = _years(run.provider_allocation, years)
    amounts = wanted.group_by("year", *key).agg(pl.col("allocation_pence").sum())
    if amounts.is_empty():
        return MonthlyCash.validate(pl.DataFrame(schema=MonthlyCash.dtypes()))
    services = amounts.get_column("service_code").unique().sort().to_list()
    lines = {service: _lines(run, service) for service in services}
    chosen = _profiles(pack, services, [line for mine in lines.values() for line in mine])
    at = sorted(amounts.get_column("year").unique())
    weights = _weights(pack, chosen.values(), at)
    parts = []
    for service in services:
        mine = amounts.filter(pl.col("service_code") == service)
        paid = phase(mine, weights[chosen["cash", service]], keys=key, amount="allocation_pence")
        mixed = _mixed(lines[service], {line: weights[chosen["activity", line]] for line in lines[service]})
        earned = phase(mine, mixed, keys=key, amount="allocation_pence")
        both = paid.select("year", *key, month="period", paid_pence="allocation_pence").join(
            earned.select("year", *key, month="period", earned_pence="allocation_pence"),
            on=["year", *key, "month"],
            how="left",
            validate="1:1",
        )
        parts.append(both)
    return MonthlyCash.validate(pl.concat(parts).select(*MonthlyCash.columns()))


def monthly_activity(run: Run, pack: DataPack, years: Sequence[str] = ()) -> Frame[MonthlyActivity]:
    """Activity by month of every line and locality of a run.

    Raises:
        SourceError: a line without a profile; all together.
    """
    wanted = _years(run.locality_activity, years)
    if wanted.is_empty():
        return MonthlyActivity.validate(pl.DataFrame(schema=MonthlyActivity.dtypes()))
    lines = wanted.get_column("point_of_delivery").unique().sort().to_list()
    chosen = _profiles(pack, [], lines)
    weights = _weights(pack, chosen.values(), sorted(wanted.get_column("year").unique()))
    key = ["case", "point_of_delivery", "locality_code"]
    parts = [
        phase(
            wanted.filter(pl.col("point_of_delivery") == line),
            weights[chosen["activity", line]],
            keys=key,
            amount="activity",
        )
        for line in lines
    ]
    return MonthlyActivity.validate(pl.concat(parts).rename({"period": "month"}).select(*MonthlyActivity.columns()))


def _years(rows: pl.DataFrame, years: Sequence[str]) -> pl.DataFrame:
    known = rows.get_column("year").unique().sort().to_list()
    faults = Faults()
    for year in years:
        if year not in known:
            faults.add("--year", repr(year), f"a year of the run: {', '.join(known)}", suggest(year, known))
    faults.raise_if_any(SourceError, "months cannot be shown")
    return rows.filter(pl.col("year").is_in(list(years))) if years else rows


def _lines(run: Run, service: str) -> dict[str, int]:
    """Lines of a service with their cost; the service itself where it has none."""
    rows = run.service_line.filter(pl.col("service_code") == service).select("line", "cost_pence")
    return dict(rows.iter_rows()) or {service: 1}


def _profiles(pack: DataPack, services: Sequence[str], lines: Sequence[str]) -> dict[tuple[str, str], str]:
    rows = pack.rows(FILE, ServiceProfile)
    known = {(of, code): profile for of, code, profile in rows.select("of", "code", "profile").iter_rows()}
    faults = Faults()
    for of, codes in (("cash", services), ("activity", lines)):
        for code in codes:
            if (of, code) not in known:
                near = suggest(code, [c for o, c in known if o == of])
                faults.add(f"{FILE}: {of}, {code}", "no row", "a profile for it", near)
    faults.raise_if_any(SourceError, "months cannot be worked out")
    return known


def _weights(pack: DataPack, names: object, years: Sequence[str]) -> dict[str, Frame[MonthWeight]]:
    at = [FinancialYear(year) for year in years]
    return {name: month_weights(read_profile(pack, name), at, pack) for name in sorted(set(names))}  # type: ignore[call-overload]  # names of profiles


def _mixed(costs: Mapping[str, int], weights: Mapping[str, Frame[MonthWeight]]) -> Frame[MonthWeight]:
    """Months weighed by the lines of a service, each by its own profile and as much as it costs."""
    if len(costs) == 1:
        return next(iter(weights.values()))
    whole = sum(costs.values())
    total: dict[str, Fraction] = {}
    for line, cost in costs.items():
        sums = {y: Fraction(w) for y, w in weights[line].group_by("year").agg(pl.col("weight").sum()).iter_rows()}
        for year, month, weight in weights[line].select("year", "month", "weight").iter_rows():
            part = Fraction(cost, whole or 1) * Fraction(weight) / sums[year]
            total[month] = total.get(month, Fraction(0)) + part
    first = next(iter(weights.values()))
    exact = {
        month: (Decimal(n.numerator * _SCALE) / Decimal(n.denominator)).quantize(_FINE) for month, n in total.items()
    }
    mixed = pl.col("month").replace_strict(exact, return_dtype=pl.Decimal(38, 12))
    return MonthWeight.validate(first.with_columns(mixed.alias("weight")))


__all__ = ["MonthlyActivity", "MonthlyCash", "ServiceProfile", "monthly_activity", "monthly_cash"]
