"""Every marked figure of a plan's documents as one entry of the log, with the change that puts another value in its stead.

    scenario, policy, chain, formulas     the documents themselves
    parameters                            dated values that are assumptions and that policy or chain read
    flows, cost behaviour of lines        tables of the pack
    options, solutions, problem           the documents themselves

Rows that are one judgement in several places (the same line and provider in four places, a ward in three hospitals) are one entry that
names its places and varies them together, each by the same part of its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from optimiser.links.assumed.inputs import Change, PlanInputs, Spot, at, put

VALUES: tuple[tuple[str, str, str], ...] = (
    ("value", "low", "high"),
    ("central", "low", "high"),
    ("pounds", "low_pounds", "high_pounds"),
    ("rate", "", ""),
    ("wte", "", ""),
    ("contacts_per_unit", "", ""),
    ("contacts", "", ""),
    ("amount", "", ""),
    ("saving_pounds", "", ""),
    ("room_share", "", ""),
    ("income_share", "", ""),
)
"""Fields that carry the value of a marked entry, with those of its lowest and highest; the first that it has counts."""

UNITS = {
    "rate": "rate",
    "wte": "whole-time equivalents",
    "central": "share of eligible activity avoided",
    "pounds": "pounds",
    "saving_pounds": "pounds a year",
    "contacts_per_unit": "contacts for one unit avoided",
    "contacts": "contacts a year",
}
_NAMES = (
    "organisation",
    "stream",
    "line",
    "point_of_delivery",
    "received_at",
    "kind",
    "staff_group",
    "provider",
    "id",
    "name",
    "component",
    "year",
)


@dataclass(frozen=True)
class LoggedFigure:
    """One assumption.

    Args:
        id: its name in the log, unique.
        part: what of the plan it belongs to.
        document: document or table that it stands in.
        place: where in it.
        places: every place of it, where the same judgement stands in several.
        value: its value; none for a rule in words.
        unit: what one of it is.
        low: lowest value to test within.
        high: highest value to test within.
        range_from: "declared" by its document, or "stand-in" where it declares none.
        quality: mark of its evidence.
        impact: mark of its effect, as its owner sees it.
        owner: who answers for it.
        about: what it rests on.
        fitted: whether it was set so that a printed figure is hit.
        change: puts another value in its stead; none where it has no value or nothing reads it.
    """

    id: str
    part: str
    document: str
    place: str
    places: tuple[str, ...]
    value: Decimal | None
    unit: str
    low: Decimal | None
    high: Decimal | None
    range_from: str
    quality: str | None
    impact: str | None
    owner: str | None
    about: str
    fitted: bool = False
    change: Change | None = None


@dataclass(frozen=True)
class StandIns:
    """How far figures that declare no range are tested, by the mark of their evidence."""

    red: Decimal
    amber: Decimal

    def range_of(self, entry: LoggedFigure) -> LoggedFigure:
        """The entry with a range: its own, or the stand-in for its evidence, shares kept between 0 and 1."""
        if entry.value is None or entry.low is not None or entry.high is not None:
            return entry
        part = self.amber if entry.quality == "amber" else self.red
        ends = sorted((entry.value * (1 - part), entry.value * (1 + part)))
        if "share" in entry.unit and 0 <= entry.value <= 1:
            ends = [min(max(end, Decimal(0)), Decimal(1)) for end in ends]
        return replace(entry, low=ends[0], high=ends[1], range_from="stand-in")


def marked(thing: object, spot: Spot = (), name: str = "") -> Iterator[tuple[Spot, str, BaseModel]]:
    """Every part of a document that is a judgement: marked red or amber, an assumption, or a rule with an owner."""
    if isinstance(thing, BaseModel):
        quality, source = getattr(thing, "quality", None), getattr(thing, "source", None)
        if quality in ("red", "amber") or source == "assumption":
            yield spot, name, thing
        for key in type(thing).model_fields:
            yield from marked(getattr(thing, key), (*spot, key), f"{name}.{key}" if name else key)
    elif isinstance(thing, list | tuple):
        for number, item in enumerate(thing):
            own = next((str(v) for n in _NAMES if (v := getattr(item, n, None))), str(number + 1))
            yield from marked(item, (*spot, number), f"{name} ({own})")
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from marked(item, (*spot, key), f"{name} ({key})")


def entry_of(part: str, document: str, name: str, node: BaseModel) -> tuple[LoggedFigure, str | None]:
    """The entry of a marked part of a document without its change, and the field that carries its value."""
    field, low, high = next((f for f in VALUES if isinstance(getattr(node, f[0], None), Decimal)), ("", "", ""))
    value = getattr(node, field) if field else None
    ends = [getattr(node, key, None) if key else None for key in (low, high)]
    has_range = any(end is not None for end in ends)
    about = str(getattr(node, "where", "") or getattr(node, "about", "") or "no ground is given")
    made = LoggedFigure(
        id=f"{document}: {name or 'whole document'}",
        part=part,
        document=document,
        place=name or "the whole document",
        places=(name,),
        value=value,
        unit=str(getattr(node, "unit", "") or UNITS.get(field, "")),
        low=(value if ends[0] is None else ends[0]) if has_range else None,
        high=(value if ends[1] is None else ends[1]) if has_range else None,
        range_from="declared" if has_range else "none",
        quality=getattr(node, "quality", None),
        impact=getattr(node, "impact", None),
        owner=getattr(node, "owner", None),
        about=about,
    )
    return made, field or None


def in_document(part: str, title: str, document: str, content: BaseModel) -> list[LoggedFigure]:
    """Entries of one of the plan's own documents ("scenario", "options" or "problem"), each varied by itself."""
    found = []
    for spot, name, node in marked(content):
        made, field = entry_of(part, title, name, node)
        found.append(made if field is None else replace(made, change=_in_own(document, ((*spot, field),), made.value)))
    return found


def together(entries: Sequence[LoggedFigure], spots: Sequence[Spot], document: str, entry_id: str) -> LoggedFigure:
    """One entry for the same judgement in several places of one of the plan's own documents, all varied by the same part."""
    first = entries[0]
    places = tuple(place for each in entries for place in each.places)
    return replace(first, id=entry_id, places=places, change=_in_own(document, tuple(spots), first.value))


def _in_own(document: str, spots: Sequence[Spot], value: Decimal | None) -> Change:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        content = inputs.of(document)
        for spot in spots:
            own = at(content, spot)
            content = put(content, spot, to if len(spots) == 1 or not value else own * to / value)
        return inputs.with_document(document, content)

    return change


def in_pack(part: str, title: str, relative: str, model: type[BaseModel], content: BaseModel) -> list[LoggedFigure]:
    """Entries of a document of the pack, each varied by itself."""
    found = []
    for spot, name, node in marked(content):
        made, field = entry_of(part, title, name, node)
        if field is not None:
            made = replace(made, change=reads_otherwise(relative, model, (*spot, field)))
        found.append(made)
    return found


def reads_otherwise(relative: str, model: type[BaseModel], spot: Spot) -> Change:
    """A change of one value of a document of the pack."""

    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        content: Any = inputs.pack.document(relative, model)  # type: ignore[type-var]  # a document of the pack
        return replace(inputs, pack=inputs.pack.with_reading(relative, model, put(content, spot, to)))

    return change


def once(entries: Iterable[LoggedFigure]) -> list[LoggedFigure]:
    """Entries with different ids; a second of one id is numbered."""
    seen: dict[str, int] = {}
    out = []
    for each in entries:
        seen[each.id] = seen.get(each.id, 0) + 1
        out.append(each if seen[each.id] == 1 else replace(each, id=f"{each.id} #{seen[each.id]}"))
    return out


__all__ = [
    "LoggedFigure",
    "StandIns",
    "entry_of",
    "in_document",
    "in_pack",
    "marked",
    "once",
    "reads_otherwise",
    "together",
]
