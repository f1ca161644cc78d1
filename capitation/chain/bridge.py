"""The bridge: one table from the opening deficit of the system to what is left, exact to the penny in every year.

    opening + volume + price + drugs + specialised growth - allocation growth = do nothing, derived
    derived + not explained by published figures                              = do nothing, as printed
    do nothing - sustainability funding - mix                                 = what is left

Deficits are above nothing and what cures them below, so each column adds downwards. Where a year prints no deficit, the derived one
goes on; the difference from a printed one is a line of its own and never spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.streams.control_total import StreamTotal
from capitation.streams.document import DoNothingGap

TOTALS = ("derived_do_nothing", "printed_do_nothing", "left")
"""Lines that are the sum of those above them."""

TITLES = {
    "opening": "Opening recurrent deficit before sustainability funding",
    "volume": "More people and more care at the prices of the base year",
    "price": "Price growth of pay and other cost",
    "drugs": "Drugs bill: prices and population",
    "specialised_growth": "Specialised services, as their allocation grows",
    "allocation_growth": "Growth of the allocations",
    "derived_do_nothing": "Do nothing, derived from published figures",
    "not_explained": "Not explained by published figures",
    "printed_do_nothing": "Do nothing, as the plan prints it",
    "sustainability": "Sustainability and transformation funding",
    "mix": "The mix of investments: cost released and savings, less its own spend",
    "left": "What is left",
}
"""Lines of the bridge in order, with their titles."""


class BridgeLine(Schema):
    """One line of the chain for one organisation and year."""

    year = YEAR
    organisation = Column(pl.String, "code", "Whose deficit it is", key=True)
    step = Column(pl.Int64, "order", "Place of the line in the chain", key=True, ge=1)
    line = Column(pl.String, "id", "Line of the chain", one_of=tuple(TITLES))
    title = Column(pl.String, "words", "What the line is")
    amount_pence = Column(pl.Int64, "pence", "Deficit, or what moves it; below nothing is what cures it")
    is_total = Column(pl.Boolean, "true or false", "Whether it is the sum of the lines above it")
    source = Column(pl.String, "words", "Where the line comes from")


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


def do_nothing(chain: Chain, drivers: Drivers, system: str, years: Iterable[FinancialYear]) -> Frame[BridgeLine]:
    """The bridge of the system in every year, before any mix is bought.

    Raises:
        ScenarioError: a line of spend without a rule or a rule without its line, an opening deficit that is not printed, a year without
            persons or activity; all together.
    """
    at = [year for year in years if year >= chain.base_year]
    cost = _Cost(chain, drivers)
    rows: list[tuple[str, str, int, str, str, int, bool, str]] = []
    for year in at:
        amounts = cost.of(year)
        printed, where = _printed(
            drivers.gaps, year, chain.opening_part if year == chain.base_year else chain.printed_part
        )
        rows += _rows(
            str(year),
            system,
            amounts,
            cost.sources,
            printed,
            where,
            _stream(drivers.totals, year, chain.sustainability_stream),
        )
    return BridgeLine.validate(pl.DataFrame(rows, schema=BridgeLine.dtypes(), orient="row"))


def with_mix(bridge: Frame[BridgeLine], gains: Mapping[str, int], source: str) -> Frame[BridgeLine]:
    """The bridge once a mix is bought: what it gains in each year (pence, net of its own spend) stands before what is left.

    Raises:
        ScenarioError: a year of the mix that the bridge does not have.
    """
    lacking = sorted(set(gains) - set(bridge.get_column("year")))
    if lacking:
        raise ScenarioError(f"the mix gains money in {', '.join(lacking)}; expected years of the chain only")
    before = bridge.filter(pl.col("line") == "mix").select("year", "organisation", bought_pence="amount_pence")
    kept = bridge.filter(pl.col("line") != "mix").join(before, on=["year", "organisation"], how="left", validate="m:1")
    gain = pl.col("year").replace_strict(dict(gains), default=0, return_dtype=pl.Int64)
    left = pl.col("amount_pence") - pl.col("bought_pence").fill_null(0) - gain
    moved = kept.with_columns(
        pl.when(pl.col("line") == "left").then(left).otherwise(pl.col("amount_pence")).alias("amount_pence")
    )
    mix = kept.filter(pl.col("line") == "left").with_columns(
        pl.lit(_step("mix"), dtype=pl.Int64).alias("step"), pl.lit("mix").alias("line"), pl.lit(TITLES["mix"]).alias("title"),
        (-gain).alias("amount_pence"), pl.lit(value=False).alias("is_total"), pl.lit(source).alias("source"),
    )  # fmt: skip
    return BridgeLine.validate(pl.concat([moved, mix]).select(*BridgeLine.columns()))


def unclosed(bridge: pl.DataFrame) -> pl.DataFrame:
    """Totals that are not the sum of the lines above them, with the difference; none where the chain closes."""
    running: dict[tuple[str, str], int] = {}
    found = []
    for row in bridge.sort("year", "organisation", "step").iter_rows(named=True):
        key = (row["year"], row["organisation"])
        if row["is_total"]:
            if row["amount_pence"] != running.get(key, 0):
                found.append((*key, row["line"], row["amount_pence"] - running.get(key, 0)))
        else:
            running[key] = running.get(key, 0) + row["amount_pence"]
    return pl.DataFrame(
        found,
        schema={"year": pl.String, "organisation": pl.String, "line": pl.String, "difference_pence": pl.Int64},
        orient="row",
    )


class _Cost:
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
        opening, where = _printed(drivers.gaps, chain.base_year, chain.opening_part)
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
        for line, base in self.base.items():
            rule = self.rules[line]
            grown = base * self._volume(line, rule, year)
            volume, price = nearest_fraction(grown), nearest_fraction(grown * self._price(rule, year))
            found["volume"] += volume - base
            found["specialised_growth" if rule.follows_stream else rule.step] += price - volume
        return {"opening": self.opening, **found, "allocation_growth": self.allocation - self._allocation(year)}

    def _allocation(self, year: FinancialYear) -> int:
        return sum(_stream(self.drivers.totals, year, stream) for stream in self.chain.streams)

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
            before = _stream(self.drivers.totals, self.chain.base_year, rule.follows_stream)
            factor = Fraction(_stream(self.drivers.totals, year, rule.follows_stream), before)
        elif rule.price is not None:
            at = self.chain.base_year
            while at < year:
                at = at.next
                factor *= 1 + Fraction(self.drivers.parameters.value(rule.price, at))
        return factor * self._persons(year) if rule.price_follows_persons else factor


def _stream(totals: pl.DataFrame, year: FinancialYear, stream: str | None) -> int:
    return int(
        totals.filter((pl.col("year") == str(year)) & (pl.col("stream") == stream)).get_column("total_pence").sum()
    )


def _printed(gaps: Sequence[DoNothingGap], year: FinancialYear, part: str) -> tuple[int | None, str]:
    """A printed part of a year's deficit in pence, and where it is printed; none where the year prints none."""
    for gap in gaps:
        for each in gap.parts:
            if gap.year == year and each.name == part:
                return nearest(Decimal(each.pounds) * 100), f"{each.source}: {each.where}"
    return None, "not printed for this year"


def _step(line: str) -> int:
    return list(TITLES).index(line) + 1


def _rows(
    year: str,
    system: str,
    amounts: Mapping[str, int],
    sources: Mapping[str, str],
    printed: int | None,
    where: str,
    funding: int,
) -> list[tuple[str, str, int, str, str, int, bool, str]]:
    derived = sum(amounts.values())
    lines = {**amounts, "derived_do_nothing": derived}
    said = {
        **sources,
        "derived_do_nothing": "the sum of the lines above",
        "sustainability": "the scenario's stream of sustainability funding",
    }
    if printed is not None:
        lines |= {"not_explained": printed - derived, "printed_do_nothing": printed}
        said |= {"not_explained": "printed less derived", "printed_do_nothing": where}
    lines |= {"sustainability": -funding, "left": (derived if printed is None else printed) - funding}
    said["left"] = "the sum of the lines above"
    return [
        (year, system, _step(line), line, TITLES[line], amount, line in TOTALS, said[line])
        for line, amount in lines.items()
    ]
