"""What care costs when nothing is done: the spend of the base year, grown line by line by volume and price.

cost_y = base x volume_y x price_y        base = printed spend, scaled to allocation + opening deficit of the base year
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.activity.spread import LocalityActivity
from capitation.activity.unit_costs import UnitCost
from capitation.chain.rules import Chain, GrowthRule
from capitation.errors import Faults, ScenarioError
from capitation.money.apportion import split
from capitation.money.rounding import nearest, nearest_fraction
from capitation.pack.parameters import Parameters
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear
from capitation.streams.control_total import StreamTotal
from capitation.streams.document import DoNothingGap


@dataclass(frozen=True)
class Drivers:
    """What the growth of cost is worked out from."""

    spend: Frame[UnitCost]
    """Printed spend of the base year by line."""
    activity: Frame[LocalityActivity]
    """Activity by year, case, line and locality."""
    totals: Frame[StreamTotal]
    """Money of each stream and year."""
    persons: Mapping[str, int | Decimal]
    """Population by year."""
    parameters: Parameters
    """Prices."""
    gaps: Sequence[DoNothingGap]
    """Printed deficits."""


class CostOfDoingNothing:
    """Cost of every line when nothing is done, exactly, and the lines of the chain that it moves."""

    def __init__(self, chain: Chain, drivers: Drivers) -> None:
        self.chain, self.drivers = chain, drivers
        self.rules = {line: rule for rule in chain.rules for line in rule.lines}
        spend = dict(drivers.spend.sort("line").select("line", "spend_pence").iter_rows())
        faults = Faults()
        for line in sorted(set(spend) - set(self.rules)):
            faults.add(
                f"chain {chain.id}: rules", f"no rule for the spend on {line!r}", "one rule for each line of spend"
            )
        for line in sorted(set(self.rules) - set(spend)):
            faults.add(f"chain {chain.id}: rules", f"a rule for {line!r}", "a line of printed spend")
        opening, where = printed_deficit(drivers.gaps, chain.base_year, chain.opening_part)
        if opening is None:
            faults.add(
                f"chain {chain.id}: opening_part",
                f"no deficit {chain.opening_part!r} printed for {chain.base_year}",
                "a part of the scenario's gaps",
            )
        for year in (chain.base_year, *(g.year for g in drivers.gaps)):
            if year >= chain.base_year and str(year) not in drivers.persons:
                faults.add(f"chain {chain.id}", f"no population of {year}", "persons of every year")
        faults.raise_if_any(ScenarioError, f"chain {chain.id}: the chain cannot be made")
        self.opening = opening or 0
        self.allocation = self._allocation(chain.base_year)
        whole = split(self.allocation + self.opening, list(spend.values()))
        self.base = dict(zip(spend, whole, strict=True))
        case = drivers.activity.filter(pl.col("case") == chain.activity_case)
        self.units: dict[tuple[str, str], int] = {
            (line, year): count
            for line, year, count in case.group_by("point_of_delivery", "year")
            .agg(pl.col("activity").sum())
            .iter_rows()
        }
        share = f"spend of the base year as printed, scaled to the allocations of {chain.base_year} plus the opening deficit"
        self.sources = {
            "opening": where,
            "volume": f"{share}; activity on current trends over that of {chain.base_year}",
            "price": "; ".join(sorted({r.price for r in chain.rules if r.price and r.step == "price"})),
            "drugs": "; ".join(sorted({r.price for r in chain.rules if r.price and r.step == "drugs"})),
            "specialised_growth": f"the scenario's streams {', '.join(sorted({r.follows_stream for r in chain.rules if r.follows_stream}))}",
            "allocation_growth": f"the scenario's streams {', '.join(chain.streams)}",
        }

    def of(self, year: FinancialYear) -> dict[str, int]:
        """Amounts of the lines from the opening to the derived deficit."""
        found = dict.fromkeys(("volume", "price", "drugs", "specialised_growth"), 0)
        for _, step, amount in self.growth(year):
            found[step] += amount
        return {"opening": self.opening, **found, "allocation_growth": self.allocation - self._allocation(year)}

    def growth(self, year: FinancialYear) -> Iterator[tuple[str, str, int]]:
        """Line of spend, line of the chain and pence by which cost has grown since the base year."""
        for line, base in self.base.items():
            rule = self.rules[line]
            grown = base * self._volume(line, rule, year)
            volume, price = nearest_fraction(grown), nearest_fraction(grown * self._price(rule, year))
            yield line, "volume", volume - base
            yield line, "specialised_growth" if rule.follows_stream else rule.step, price - volume

    def _allocation(self, year: FinancialYear) -> int:
        return sum(stream_total(self.drivers.totals, year, stream) for stream in self.chain.streams)

    def _volume(self, line: str, rule: GrowthRule, year: FinancialYear) -> Fraction:
        if rule.volume == "activity":
            return self._growth(line, year)
        if rule.volume == "persons":
            return self._persons(year)
        if rule.volume == "group":
            whole = sum(self.base[each] for each in rule.group)
            return Fraction(sum(self.base[each] * self._growth(each, year) for each in rule.group), whole)
        return Fraction(1)

    def _growth(self, line: str, year: FinancialYear) -> Fraction:
        keys = (line, str(year)), (line, str(self.chain.base_year))
        if any(key not in self.units for key in keys):
            raise ScenarioError(
                f"chain {self.chain.id}: found no {self.chain.activity_case} activity of {line!r} in {year}; expected it in every year"
            )
        return Fraction(self.units[keys[0]], self.units[keys[1]])

    def _persons(self, year: FinancialYear) -> Fraction:
        return Fraction(self.drivers.persons[str(year)]) / Fraction(self.drivers.persons[str(self.chain.base_year)])

    def _price(self, rule: GrowthRule, year: FinancialYear) -> Fraction:
        factor = Fraction(1)
        if rule.follows_stream is not None:
            before = stream_total(self.drivers.totals, self.chain.base_year, rule.follows_stream)
            factor = Fraction(stream_total(self.drivers.totals, year, rule.follows_stream), before)
        elif rule.price is not None:
            at = self.chain.base_year
            while at < year:
                at = at.next
                factor *= 1 + Fraction(self.drivers.parameters.value(rule.price, at))
        return factor * self._persons(year) if rule.price_follows_persons else factor


def stream_total(totals: pl.DataFrame, year: FinancialYear, stream: str | None) -> int:
    """Money of one stream in one year, in pence; nothing where it has none."""
    return int(
        totals.filter((pl.col("year") == str(year)) & (pl.col("stream") == stream)).get_column("total_pence").sum()
    )


def printed_deficit(gaps: Sequence[DoNothingGap], year: FinancialYear, part: str) -> tuple[int | None, str]:
    """A printed part of a year's deficit in pence, and where it is printed; none where the year prints none."""
    for gap in gaps:
        for each in gap.parts:
            if gap.year == year and each.name == part:
                return nearest(Decimal(each.pounds) * 100), f"{each.source}: {each.where}"
    return None, "not printed for this year"
