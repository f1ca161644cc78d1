"""The log in sentences: what an assumption is, within what it was tested, and which headline it moves by how much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from capitation.money.pence import board_text
from capitation.sentences import capital
from optimiser.links.assumed.kept import AssumptionLog, KeptAssumption, KeptEffect

EVIDENCE = {
    "red": "weak evidence",
    "amber": "partial evidence",
    "green": "strong evidence",
    None: "evidence not graded",
}


def sentences(log: AssumptionLog, names: Mapping[str, str] | None = None, most: int = 10) -> list[str]:
    """The first assumptions of a log in words, one sentence each.

    Args:
        log: the log.
        names: names of providers and areas by code.
        most: how many.
    """
    return [sentence(each, log.titles, names or {}) for each in log.assumptions[:most]]


def sentence(assumption: KeptAssumption, titles: Mapping[str, str], names: Mapping[str, str]) -> str:
    """One assumption in words.

    Example:
        "Share of ae that goes to one hospital (0.84, tested from 0.67 to 1; partial evidence; owner: Director of commissioning):
        the position of providers under blended in 2017/18 is -£8.1m at the low end and -£1.2m at the high end, against -£4.6m as assumed."
    """
    largest = assumption.largest
    said = f"{subject(assumption, names)} ({_range(assumption)}; {EVIDENCE[assumption.quality]}; owner: {assumption.owner or 'none named'})"
    fitted = " It was set so as to reproduce a printed figure." if assumption.fitted else ""
    if largest is None:
        return f"{said}: {assumption.note or 'it moves no headline'}.{fitted}"
    title = titles.get(largest.headline, largest.headline)
    return f"{said}: {title} is {_ends(largest)}, against {board_text(largest.base_pence)} as assumed.{fitted}"


def log_table(log: AssumptionLog, names: Mapping[str, str]) -> pl.DataFrame:
    """A row an assumption, in the order of the log: what it is, within what it was tested, and the headline that it moves most.

    Args:
        log: the log.
        names: names of organisations, places and options by code.
    """
    rows = []
    for each in log.assumptions:
        most = each.largest
        moved = (
            (None,) * 4
            if most is None
            else (log.titles.get(most.headline, most.headline), most.low_pence, most.base_pence, most.high_pence)
        )
        rows.append(
            (each.rank, subject(each, names), _range(each), EVIDENCE[each.quality], each.owner or "none named", *moved)
        )
    return pl.DataFrame(rows, schema=_LOG, orient="row")


_LOG = {
    "rank": pl.Int64, "assumed": pl.String, "tested": pl.String, "evidence": pl.String, "owner": pl.String, "headline": pl.String,
    "low_pence": pl.Int64, "base_pence": pl.Int64, "high_pence": pl.Int64,
}  # fmt: skip


def subject(assumption: KeptAssumption, names: Mapping[str, str]) -> str:
    """What is assumed, in words."""
    place, document = _named(assumption.place, names), assumption.document
    if assumption.part == "organisations":
        return capital(place).replace("_", " ")
    if document.startswith("body "):
        return f"Accountable care body: {_each(place)}"
    if assumption.part == "options":
        return capital(_each(place))
    if assumption.part == "flows":
        line, _, provider = place.partition(", ")
        return f"Share of {line} that goes to {names.get(provider, provider)}"
    if assumption.part == "parameter":
        return f"{assumption.about.partition('.')[0]}, {place.removeprefix('value ')}"
    if assumption.part == "cost behaviour":
        return f"Cost behaviour of {place}"
    if assumption.id.startswith("contacts at "):
        return f"C{assumption.id[1:]}".replace("_", " ")
    if assumption.part in ("problem", "options") and assumption.id.startswith(f"{document}: "):
        said = assumption.id.removeprefix(f"{document}: ")
        return capital(said).replace("_", " ")
    where = "" if document in assumption.id and not assumption.id.startswith(document) else f"{document}: "
    return f"{capital(where)}{place}".replace("_", " ")


def _named(place: str, names: Mapping[str, str]) -> str:
    """A place in a document with names where it has codes in brackets."""
    return _IN_BRACKETS.sub(lambda found: f"({names.get(found[1], found[1])})", place)


def _each(place: str) -> str:
    """A place in a document as words: "options (The alliance).quality (Scheme).cost" is "The alliance, Scheme, cost"."""
    parts = []
    for part in _DOTS.split(place):
        found = _IN_BRACKETS.search(part)
        parts.append(found[1] if found else part.removesuffix("_pence").replace("_", " "))
    return ", ".join(parts)


_IN_BRACKETS = re.compile(r"\(([^()]+)\)")
_DOTS = re.compile(r"\.(?![^()]*\))")


def _range(assumption: KeptAssumption) -> str:
    if assumption.value is None:
        return "a rule stated in words"
    unit = assumption.unit
    ends = f"{_number(assumption.low, unit)} to {_number(assumption.high, unit)}"
    stand_in = ", a placeholder range" if assumption.range_from == "stand-in" else ""
    each = unit.removeprefix("pence ") if unit.startswith("pence per ") else ""
    return f"{_number(assumption.value, unit)}{each and f' {each}'}, tested from {ends}{stand_in}"


def _number(value: Decimal | None, unit: str = "") -> str:
    if value is None:
        return "none"
    if unit.startswith("1 where"):
        return "met" if value else "not met"
    if unit.startswith("pence"):
        return f"£{value / 100:,.2f}"
    if unit.startswith("pounds") and abs(value) >= 1000:
        return f"£{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.3g}'):f}" if value else "0"


def _ends(effect: KeptEffect) -> str:
    low, high = effect.low_pence, effect.high_pence
    if low is None and high is not None:
        return f"{board_text(high)} at the high end, and at the low end no plan can be made"
    if high is None and low is not None:
        return f"{board_text(low)} at the low end, and at the high end no plan can be made"
    return f"{board_text(low or 0)} at the low end and {board_text(high or 0)} at the high end"


__all__ = ["EVIDENCE", "log_table", "sentence", "sentences", "subject"]
