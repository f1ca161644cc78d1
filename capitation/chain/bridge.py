"""The bridge: one table from the opening deficit of the system to what is left, exact to the penny in every year.

    opening + volume + price + drugs + specialised growth - allocation growth = do nothing, derived
    derived + not explained by published figures                              = do nothing, as printed
    do nothing - sustainability funding - mix                                 = what is left

Deficits are above nothing and what cures them below, so each column adds downwards. Where a year prints no deficit, the derived one
goes on; the difference from a printed one is a line of its own and never spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from capitation.chain.cost import CostOfDoingNothing, Drivers, printed_deficit, stream_total
from capitation.chain.rules import Chain
from capitation.errors import ScenarioError
from capitation.money.pence import pounds_text
from capitation.money.rounding import nearest
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

TOTALS = ("derived_do_nothing", "printed_do_nothing", "left", "own_do_nothing", "own_left")
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
"""Lines of the system's bridge in order, with their titles."""

KEPT = "kept at the sum that the chain states (not_explained_pounds)"
"""Source of what is not explained where a chain keeps it."""

MOVED = "Do nothing, as the plan prints it and as changed assumptions move it"
"""Title of the printed deficit where a chain keeps what is not explained, and an assumption has moved what is derived."""

OWN = {
    "derived_do_nothing": "own_do_nothing",
    "not_explained": "own_not_explained",
    "sustainability": "own_sustainability",
    "mix": "own_mix",
    "left": "own_left",
}
"""Lines of one organisation that add to a line of the system, by that line; the lines above them have the same name in both."""


class BridgeLine(Schema):
    """One line of the chain for one organisation and year."""

    year = YEAR
    organisation = Column(pl.String, "code", "Whose deficit it is", key=True)
    level = Column(pl.String, "level", "The system, or one organisation of it", one_of=("system", "organisation"))
    step = Column(pl.Int64, "order", "Place of the line in the chain", key=True, ge=1)
    line = Column(pl.String, "id", "Line of the chain", one_of=(*TITLES, *OWN.values()))
    title = Column(pl.String, "words", "What the line is")
    amount_pence = Column(pl.Int64, "pence", "Deficit, or what moves it; below nothing is what cures it")
    is_total = Column(pl.Boolean, "true or false", "Whether it is the sum of the lines above it")
    source = Column(pl.String, "words", "Where the line comes from")


def do_nothing(chain: Chain, drivers: Drivers, system: str, years: Iterable[FinancialYear]) -> Frame[BridgeLine]:
    """The bridge of the system in every year, before any mix is bought.

    Raises:
        ScenarioError: a line of spend without a rule or a rule without its line, an opening deficit that is not printed, a year without
            persons or activity; all together.
    """
    at = [year for year in years if year >= chain.base_year]
    cost = CostOfDoingNothing(chain, drivers)
    rows: list[tuple[object, ...]] = []
    for year in at:
        amounts = cost.of(year)
        printed, where = printed_deficit(
            drivers.gaps, year, chain.opening_part if year == chain.base_year else chain.printed_part
        )
        rows += _rows(
            str(year),
            system,
            amounts,
            cost.sources,
            printed,
            where,
            stream_total(drivers.totals, year, chain.sustainability_stream),
            None
            if chain.not_explained_pounds is None or year == chain.base_year
            else nearest(chain.not_explained_pounds * 100),
        )
    return BridgeLine.validate(pl.DataFrame(rows, schema=BridgeLine.dtypes(), orient="row"))


def with_mix(
    bridge: Frame[BridgeLine], gains: Mapping[str, int] | Mapping[tuple[str, str], int], source: str
) -> Frame[BridgeLine]:
    """The bridge once a mix is bought: what it gains (pence, net of its own spend) stands before what is left.

    Args:
        bridge: the chain.
        gains: by year for the system; or by year and organisation, which add to the system's.
        source: where the mix comes from.

    Raises:
        ScenarioError: a year or an organisation of the mix that the bridge does not have.
    """
    whole: dict[tuple[str, str], int] = {}
    systems = dict(bridge.filter(pl.col("level") == "system").select("year", "organisation").iter_rows())
    known = set(bridge.select("year", "organisation").iter_rows())
    for key, gain in gains.items():
        year, who = (key, None) if isinstance(key, str) else key
        if year not in systems or (who is not None and (year, who) not in known):
            missing = year if who is None else f"{year} for {who}"
            raise ScenarioError(f"the mix gains money in {missing}; expected years and organisations of the chain only")
        for code in {systems[year], systems[year] if who is None else who}:
            whole[year, code] = whole.get((year, code), 0) + gain
    rows = [(year, code, gain) for (year, code), gain in whole.items()]
    added = pl.DataFrame(rows, schema={"year": pl.String, "organisation": pl.String, "gain": pl.Int64}, orient="row")
    on, is_mix = ["year", "organisation"], pl.col("line").is_in(["mix", OWN["mix"]])
    before = bridge.filter(is_mix).select(*on, bought="amount_pence")
    kept = (
        bridge.filter(~is_mix)
        .join(before, on=on, how="left", validate="m:1")
        .join(added, on=on, how="left", validate="m:1")
        .with_columns(pl.col("bought", "gain").fill_null(0))
    )
    is_left = pl.col("line").is_in(["left", OWN["left"]])
    left = (
        pl.when(is_left)
        .then(pl.col("amount_pence") - pl.col("bought") - pl.col("gain"))
        .otherwise(pl.col("amount_pence"))
    )
    is_system = pl.col("level") == "system"
    mix = kept.filter(is_left & (is_system | (pl.col("gain") != 0))).with_columns(
        pl.lit(step_of("mix"), dtype=pl.Int64).alias("step"),
        pl.when(is_system).then(pl.lit("mix")).otherwise(pl.lit(OWN["mix"])).alias("line"),
        pl.lit(TITLES["mix"]).alias("title"), (-pl.col("gain")).alias("amount_pence"),
        pl.lit(value=False).alias("is_total"), pl.lit(source).alias("source"),
    )  # fmt: skip
    columns = list(BridgeLine.columns())
    return BridgeLine.validate(
        pl.concat([kept.with_columns(left.alias("amount_pence")).select(columns), mix.select(columns)])
    )


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


def step_of(line: str) -> int:
    """Place of a line of the system in the chain."""
    return list(TITLES).index(line) + 1


def _rows(
    year: str,
    system: str,
    amounts: Mapping[str, int],
    sources: Mapping[str, str],
    printed: int | None,
    where: str,
    funding: int,
    kept: int | None,
) -> list[tuple[object, ...]]:
    derived = sum(amounts.values())
    lines = {**amounts, "derived_do_nothing": derived}
    said = {
        **sources,
        "derived_do_nothing": "the sum of the lines above",
        "sustainability": "the scenario's stream of sustainability funding",
    }
    titles = dict(TITLES)
    if printed is not None:
        rest = printed - derived if kept is None else kept
        lines |= {"not_explained": rest, "printed_do_nothing": derived + rest}
        said |= {"not_explained": "printed less derived" if kept is None else KEPT, "printed_do_nothing": where}
        if derived + rest != printed:
            titles["printed_do_nothing"] = MOVED
            said["printed_do_nothing"] = (
                f"{where}: {pounds_text(printed)}, and {pounds_text(derived + rest - printed)} by changed assumptions"
            )
    lines |= {"sustainability": -funding, "left": lines.get("printed_do_nothing", derived) - funding}
    said["left"] = "the sum of the lines above"
    return [
        (year, system, "system", step_of(line), line, titles[line], amount, line in TOTALS, said[line])
        for line, amount in lines.items()
    ]
