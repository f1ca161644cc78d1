"""Formulas of the bridge: every line from the opening deficit to what is left, worked out again from spend, activity, money and prices."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from capitation.chain.bridge import KEPT
from capitation.chain.rules import Chain, GrowthRule, read_chain
from capitation.money.apportion import split
from capitation.money.pence import pounds_text
from capitation.money.rounding import nearest, nearest_fraction
from capitation.pack.parameters import Parameters
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import Row, all_rows, at, cell, choice, published, scenario_of
from capitation.run.trace import Context, FigureAddress, Node, Worked

Parts = list[FigureAddress | Node]

AS_IT_IS = "shown as the engine has it, not recomputed"

GROWTH = ("volume", "price", "drugs", "specialised_growth")
"""Lines that the growth of cost is shown in."""


@published("bridge", "amount_pence", "a line of the chain from the opening deficit to what is left")
def _line(context: Context, row: Row) -> Worked:
    chain, year, line = _chain(context), FinancialYear(row["year"]), row["line"]
    if row["organisation"] != scenario_of(context).system_code and not row["is_total"]:
        leaf = Node("figure", row["title"], pounds_text(row["amount_pence"]), "pounds", row["source"])
        return Worked(row["amount_pence"], [leaf], "a line of the organisation's own account, as its source has it")
    if row["is_total"]:
        return _total(context, row)
    if row["level"] != "system":
        leaf = Node("figure", row["title"], pounds_text(row["amount_pence"]), "pounds", row["source"])
        return Worked(row["amount_pence"], [leaf], f"the organisation's own part of the line: {AS_IT_IS}")
    if line in GROWTH:
        return _growth(context, chain, year, line)
    if line == "opening":
        return _printed(context, chain.base_year, chain.opening_part)
    if line == "allocation_growth":
        first, now = (_money(context, chain, each) for each in (chain.base_year, year))
        return Worked(
            first - now, _streams(context, year, chain.streams), "money of the base year less that of the year"
        )
    if line == "sustainability":
        stream = chain.sustainability_stream or ""
        return Worked(
            -_stream(context, year, stream), _streams(context, year, (stream,)), "funding of the year, as income"
        )
    if line == "not_explained":
        ends = {r["line"]: r["amount_pence"] for r in context.rows("bridge", year=row["year"], level="system")}
        found = ends["printed_do_nothing"] - ends["derived_do_nothing"]
        kept = chain.not_explained_pounds is not None and year != chain.base_year
        return Worked(found, [], KEPT if kept else "the deficit that the plan prints less the derived one")
    return Worked(row["amount_pence"], [], f"a mix that was bought after the run: {AS_IT_IS}")


@published(
    "organisation_account", "amount_pence", "a line of an organisation's account; its last line adds the others up"
)
def _account(context: Context, row: Row) -> Worked:
    if row["line"] != "position":
        leaf = Node("figure", row["title"], pounds_text(row["amount_pence"]), "pounds", row["source"])
        return Worked(row["amount_pence"], [leaf], f"income above nothing, cost below: {AS_IT_IS}")
    key = {"year": row["year"], "organisation_code": row["organisation_code"]}
    above = [r for r in context.rows("organisation_account", **key) if r["line"] != "position"]
    parts: Parts = [Node("figure", r["title"], pounds_text(r["amount_pence"]), "pounds", r["source"]) for r in above]
    return Worked(sum(r["amount_pence"] for r in above), parts, "the lines above it added up")


@published(
    "organisation_position",
    "control_total_pence",
    "the surplus that the organisation must reach; empty where it has none",
)
def _control(_context: Context, row: Row) -> Worked:
    found = row["control_total_pence"]
    if found is None:
        return Worked(None, [], "it has no control total")
    leaf = Node("figure", "control total", pounds_text(found), "pounds", row["control_total_source"] or "")
    return Worked(found, [leaf], f"the control total of the year: {AS_IT_IS}")


def _total(context: Context, row: Row) -> Worked:
    """A total: of the lines above it, or, for a printed deficit, what its source prints."""
    if row["line"] == "printed_do_nothing":
        chain = _chain(context)
        year = FinancialYear(row["year"])
        printed = _printed(context, year, chain.opening_part if year == chain.base_year else chain.printed_part)
        if printed.value == row["amount_pence"] or chain.not_explained_pounds is None:
            return printed
    above = [
        r
        for r in context.rows("bridge", year=row["year"], organisation=row["organisation"])
        if r["step"] < row["step"] and not r["is_total"]
    ]
    parts: Parts = [Node("figure", r["title"], pounds_text(r["amount_pence"]), "pounds", r["source"]) for r in above]
    return Worked(sum(r["amount_pence"] for r in above), parts, "the lines above it added up")


def _chain(context: Context) -> Chain:
    if "chain" not in context.memory:
        context.memory["chain"] = read_chain(context.pack, scenario_of(context).chain or "")
    chain: Chain = context.memory["chain"]
    return chain


def _printed(context: Context, year: FinancialYear, name: str) -> Worked:
    part = next(p for gap in scenario_of(context).gaps if gap.year == year for p in gap.parts if p.name == name)
    return Worked(
        nearest(Decimal(part.pounds) * 100), [cell(context, part.source, part.where, part.name)], "as printed"
    )


def _stream(context: Context, year: FinancialYear, stream: str) -> int:
    return sum(r["total_pence"] for r in context.rows("stream_total", year=str(year), stream=stream))


def _money(context: Context, chain: Chain, year: FinancialYear) -> int:
    return sum(_stream(context, year, stream) for stream in chain.streams)


def _streams(context: Context, year: FinancialYear, streams: tuple[str, ...]) -> Parts:
    return [
        at("stream_total", "total_pence", year=r["year"], stream=stream, recurrence=r["recurrence"])
        for stream in streams
        for r in context.rows("stream_total", year=str(year), stream=stream)
    ]


def _growth(context: Context, chain: Chain, year: FinancialYear, line: str) -> Worked:
    """What the growth of cost adds to one line of the chain."""
    key = ("growth of cost", str(year))
    if key not in context.memory:
        context.memory[key] = _all_growth(context, chain, year)
    rules = [
        r for r in chain.rules if line == "volume" or ("specialised_growth" if r.follows_stream else r.step) == line
    ]
    parts: Parts = []
    for rule in rules:
        basis = rule.price or rule.follows_stream or "no growth of price"
        grows = rule.volume if line == "volume" else basis
        parts.append(choice(f"rule for {', '.join(rule.lines)}", grows, f"chains/{chain.id}.toml: {rule.where}"))
    words = f"cost of each line from {chain.base_year} to {year}: its spend scaled to money and deficit of the base year, times growth"
    return Worked(context.memory[key][line], parts, words)


def _all_growth(context: Context, chain: Chain, year: FinancialYear) -> dict[str, int]:
    spend = {r["line"]: r["spend_pence"] for r in sorted(all_rows(context, "unit_cost"), key=lambda r: r["line"])}
    opening = _printed(context, chain.base_year, chain.opening_part).value
    start = split(_money(context, chain, chain.base_year) + int(opening or 0), list(spend.values()))
    base = dict(zip(spend, start, strict=True))
    found = dict.fromkeys(GROWTH, 0)
    for rule in chain.rules:
        for line in rule.lines:
            more = base[line] * _volume(context, chain, base, rule, line, year)
            volume, price = nearest_fraction(more), nearest_fraction(more * _price(context, chain, rule, year))
            found["volume"] += volume - base[line]
            found["specialised_growth" if rule.follows_stream else rule.step] += price - volume
    return found


# Reason: a volume needs the chain, its rule, the line, the year and the spend that a group is weighed by, beside the context.
def _volume(
    context: Context, chain: Chain, base: Mapping[str, int], rule: GrowthRule, line: str, year: FinancialYear
) -> Fraction:
    if rule.volume == "activity":
        return _activity(context, chain, line, year)
    if rule.volume == "persons":
        return _persons(context, chain, year)
    if rule.volume == "group":
        grown = sum(base[each] * _activity(context, chain, each, year) for each in rule.group)
        return Fraction(grown) / sum(base[each] for each in rule.group)
    return Fraction(1)


def _activity(context: Context, chain: Chain, line: str, year: FinancialYear) -> Fraction:
    now, first = (
        sum(
            r["activity"]
            for r in context.rows("locality_activity", case=chain.activity_case, point_of_delivery=line, year=str(each))
        )
        for each in (year, chain.base_year)
    )
    return Fraction(now, first)


def _persons(context: Context, chain: Chain, year: FinancialYear) -> Fraction:
    heads = {str(t.year): Fraction(t.persons) for t in scenario_of(context).population.totals}
    return heads[str(year)] / heads[str(chain.base_year)]


def _price(context: Context, chain: Chain, rule: GrowthRule, year: FinancialYear) -> Fraction:
    factor = Fraction(1)
    if rule.follows_stream is not None:
        now, first = (_stream(context, each, rule.follows_stream) for each in (year, chain.base_year))
        factor = Fraction(now, first)
    elif rule.price is not None:
        prices = Parameters(context.pack)
        each = chain.base_year
        while each < year:
            each = each.next
            factor *= 1 + Fraction(prices.value(rule.price, each))
    return factor * _persons(context, chain, year) if rule.price_follows_persons else factor
