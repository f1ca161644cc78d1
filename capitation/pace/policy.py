"""The document that says how fast money moves towards target: floors, bands, caps, limits, and what gives way first.

A policy holds rules by stream, each from a year on, and optionally a rule for the place total over all streams. Every number is
either a `Figure` with its source (for a judgement, its owner and quality mark) or the name of a dated parameter of the data pack;
`resolved` puts the parameters' values in. Nothing here computes money; `pace.py` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from capitation.errors import ParameterError, UnknownNameError
from capitation.pack.parameters import Parameters
from capitation.records.documents import Document, Figure, Judged, parse_document
from capitation.records.years import FinancialYear

Method = Literal["water-fill", "pro-rata"]
ShortfallRule = Literal["place_max_under", "max_under", "bands", "floors"]
SurplusRule = Literal["target_ceiling", "max_growth", "over_target_cap"]

DECIMALS = 8
"""Most decimals of a rate, so that bounds are exact in 128-bit whole numbers."""


class FromParameter(Document):
    """A number that stands in a dated parameter of the data pack."""

    parameter: str
    """Name of the parameter, such as "pace.floor_growth"."""
    as_at: FinancialYear | None = None
    """Year whose value is meant; none means the year of the round."""


Rate = Figure | FromParameter


class DistanceBand(Document):
    """One line of a band table."""

    opening_dft: Decimal = Field(ge=-1, decimal_places=DECIMALS)
    """Opening distance from target as a share of target; negative is under target."""
    minimum_growth: Decimal = Field(ge=-1, decimal_places=DECIMALS)
    """Least growth for an area at this opening distance, as a rate: 0.04 is 4%."""


class BandTable(Judged):
    """Least growth by opening distance from target."""

    mode: Literal["step", "linear"]
    """"step": an area at or below a line's opening distance has that line's growth, the lowest such line first, and an area above
    all lines has no band; "linear": growth runs in straight lines between the lines and is level beyond the first and last, so
    that a small change of target never changes money by a leap."""
    lines: tuple[DistanceBand, ...]
    """Lines from the furthest under target to the least."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Page, table, row and column; for an assumption what it rests on."""

    @model_validator(mode="after")
    def _falls_with_distance(self) -> BandTable:
        if not self.lines:
            raise ValueError("a band table needs at least one line")
        at = [line.opening_dft for line in self.lines]
        growth = [line.minimum_growth for line in self.lines]
        if at != sorted(set(at)):
            raise ValueError("lines must rise in opening_dft, each once")
        if growth != sorted(growth, reverse=True):
            raise ValueError("minimum_growth may not rise with opening_dft, or more need would bring less money")
        _require_marks(self, self.source)
        return self


class PaceRules(Document):
    """The rules of one stream from a year on."""

    since: FinancialYear = Field(alias="from")
    """First financial year for which these rules hold."""
    stream: str = "any"
    """Stream the rules are for; "any" holds for streams that have no rules of their own."""
    method: Method = "water-fill"
    """How money above the lower bounds is placed: "water-fill" brings the furthest under target to one common closing distance;
    "pro-rata" shares it by what each area still lacks to its target."""
    floor_total: Rate | None = None
    """Least growth of every area, as a rate; the "floor total"."""
    floor_per_head: Rate | None = None
    """Least growth per registered person of every area, as a rate."""
    bands: BandTable | None = None
    """Least growth by opening distance from target."""
    cap_threshold: Rate | None = None
    """Opening distance above which an area's growth is fixed at `cap_growth`."""
    cap_growth: Rate | None = None
    """Growth of areas above `cap_threshold`, as a rate."""
    cap_from: Rate | None = None
    """Opening distance from which the cap is phased in: an area's floor falls in a straight line from its own at this distance to
    `cap_growth` at `cap_threshold`; none means that the cap begins at the threshold at once."""
    max_under: Rate | None = None
    """Furthest an area may close under target, as a share of target: 0.05 is the five per cent rule."""
    max_growth: Rate | None = None
    """Most an area may grow, as a rate; with it no area is lifted past its target. An area without an opening has no growth
    and is not limited."""
    max_growth_place: Rate | None = None
    """Most an area may grow where the place rule asks for it, as a rate at or above `max_growth`; none means that `max_growth`
    holds there as well."""
    relaxation: tuple[ShortfallRule, ...] = ()
    """Which rules give way, in order, where lower bounds cost more than the quantum; none means that this is an error."""
    surplus_relaxation: tuple[SurplusRule, ...] = ()
    """Which limits give way, in order, where upper bounds hold less than the quantum; none means that this is an error."""
    note: str = ""
    """What a reader should know about these rules."""

    @model_validator(mode="after")
    def _is_consistent(self) -> PaceRules:
        _require_range(self.floor_total, "floor_total", low=-1)
        _require_range(self.floor_per_head, "floor_per_head", low=-1)
        _require_range(self.cap_threshold, "cap_threshold", low=0)
        _require_range(self.cap_growth, "cap_growth", low=-1)
        _require_range(self.cap_from, "cap_from", low=0)
        _require_range(self.max_under, "max_under", low=0, high=1)
        _require_range(self.max_growth, "max_growth", low=-1)
        _require_range(self.max_growth_place, "max_growth_place", low=-1)
        if self.max_growth_place is not None and (
            self.max_growth is None or _exceeds(self.max_growth, self.max_growth_place)
        ):
            raise ValueError(
                "max_growth_place needs a max_growth at or below it: it lets an area far under its place target grow faster"
            )
        if (self.cap_threshold is None) != (self.cap_growth is None):
            raise ValueError("cap_threshold and cap_growth are given together or not at all")
        if self.cap_from is not None and (
            self.cap_threshold is None or not _exceeds_or_open(self.cap_threshold, self.cap_from)
        ):
            raise ValueError("cap_from needs a cap_threshold above it: the cap is phased in between the two")
        if self.cap_growth is not None and (self.floor_total is None or _exceeds(self.cap_growth, self.floor_total)):
            raise ValueError(
                "cap_growth needs a floor_total at or above it, or an area just past the threshold would gain by it"
            )
        for name in ("relaxation", "surplus_relaxation"):
            order = getattr(self, name)
            if len(order) != len(set(order)):
                raise ValueError(f"{name} names a rule twice")
        return self


class PlaceRules(Document):
    """The rule for the total of all streams of an area, from a year on."""

    since: FinancialYear = Field(alias="from")
    """First financial year for which the rule holds."""
    core_stream: str
    """Stream that is lifted where a place total is too far under target."""
    max_under: Rate
    """Furthest the place total may close under the place target, as a share of it."""

    @model_validator(mode="after")
    def _is_a_share(self) -> PlaceRules:
        _require_range(self.max_under, "max_under", low=0, high=1)
        return self


class PacePolicy(Document):
    """A pace-of-change policy: the rules of each stream by year."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """What the policy is called."""
    about: str
    """What it does and how far it is known."""
    rules: tuple[PaceRules, ...]
    """Rules by stream and year."""
    place: tuple[PlaceRules, ...] = ()
    """Rules for the total of all streams, by year; none means that streams stand alone."""

    @model_validator(mode="after")
    def _has_one_rule_at_a_time(self) -> PacePolicy:
        if not self.rules:
            raise ValueError("a policy needs rules for at least one stream")
        keys = [(r.stream, r.since) for r in self.rules]
        twice = sorted({f"{stream} from {since}" for stream, since in keys if keys.count((stream, since)) > 1})
        if twice:
            raise ValueError(f"rules are given twice for {', '.join(twice)}")
        years = [p.since for p in self.place]
        if len(years) != len(set(years)):
            raise ValueError("place rules are given twice for one year")
        return self

    def rules_for(self, year: str, stream: str) -> PaceRules:
        """The rules that hold for a stream in a year: the latest of its own, else the latest for "any".

        Raises:
            UnknownNameError: no rules name the stream or "any".
            ParameterError: the rules start later.
        """
        named = [r for r in self.rules if r.stream == stream] or [r for r in self.rules if r.stream == "any"]
        if not named:
            raise UnknownNameError("stream", stream, {r.stream for r in self.rules}, where=f"policy {self.id}")
        in_force = sorted((r for r in named if r.since <= year), key=lambda r: r.since)
        if not in_force:
            first = min(r.since for r in named)
            raise ParameterError(
                f"policy {self.id}: found no rules for {stream} in {year}; its rules start in {first}. Add rules from {year}"
            )
        return in_force[-1]

    def place_for(self, year: str) -> PlaceRules | None:
        """The place rule that holds in a year, or None."""
        in_force = sorted((p for p in self.place if p.since <= year), key=lambda p: p.since)
        return in_force[-1] if in_force else None


def _require_range(figure: Rate | None, name: str, *, low: float, high: float | None = None) -> None:
    if not isinstance(figure, Figure):
        return
    exponent = figure.value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > DECIMALS:
        raise ValueError(f"{name} has more than {DECIMALS} decimals: {figure.value}")
    if figure.value < low or (high is not None and figure.value > high):
        span = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {span} (a rate: 0.05 is 5%); found {figure.value}")


def _require_marks(judged: Judged, source: str) -> None:
    if source == "assumption" and (judged.owner is None or judged.quality is None):
        raise ValueError("an assumption needs an owner and a quality mark")


def rate(number: Rate) -> Decimal:
    """The value of a number of a policy.

    Raises:
        ParameterError: it still names a parameter; put the values in with `resolved`.
    """
    if isinstance(number, FromParameter):
        raise ParameterError(
            f"the policy's {number.parameter!r} has no value yet; put parameters in with resolved(policy, parameters, years)"
        )
    return number.value


def resolved(policy: PacePolicy, parameters: Parameters, years: Iterable[FinancialYear]) -> PacePolicy:
    """The policy with every named parameter replaced by its value, with source and marks, in each of `years`.

    Args:
        policy: rules that may name parameters.
        parameters: the parameters of the data pack.
        years: years for which the policy is to be used; each has rules of its own in what comes back.

    Raises:
        UnknownNameError: a parameter is not known.
        ParameterError: a parameter has no value for a year, or the policy has no rules for it.
        DocumentError: a value lies outside what the rule allows, such as a cap growth above the floor.

    Example:
        `floor_total = {parameter = "pace.floor_growth"}` becomes the figure that this parameter holds in each year.
    """
    wanted = sorted(set(years))
    streams = sorted({r.stream for r in policy.rules})
    rules = []
    for stream in streams:
        first = min(r.since for r in policy.rules if r.stream == stream)
        rules += [_filled(policy.rules_for(year, stream), year, parameters) for year in wanted if year >= first]
    for year in wanted:
        if not any(r.since <= year for r in policy.rules):
            policy.rules_for(year, "any" if "any" in streams else streams[0])
    place = [_filled(in_force, year, parameters) for year in wanted if (in_force := policy.place_for(year)) is not None]
    return PacePolicy(id=policy.id, title=policy.title, about=policy.about, rules=tuple(rules), place=tuple(place))


def _filled(document: Any, year: FinancialYear, parameters: Parameters) -> Any:  # noqa: ANN401  # either kind of rules
    values: dict[str, Any] = {name: getattr(document, name) for name in type(document).model_fields}
    for name, value in values.items():
        if isinstance(value, FromParameter):
            values[name] = _figure(value, year, parameters)
    values["from"] = year
    values.pop("since")
    return parse_document(values, type(document), where=f"{type(document).__name__} {year} with parameters put in")


def _figure(named: FromParameter, year: FinancialYear, parameters: Parameters) -> Figure:
    parameter = parameters.parameter(named.parameter)
    dated = parameter.at(named.as_at or year, named.parameter)
    return Figure(
        value=dated.value,
        unit=parameter.unit,
        source=dated.source,
        where=dated.where,
        owner=parameter.owner,
        quality=parameter.quality,
        impact=parameter.impact,
        low=parameter.low,
        high=parameter.high,
    )


def _exceeds(one: Rate, other: Rate) -> bool:
    """Whether both values are known and the first is larger; named parameters are compared once they are put in."""
    return isinstance(one, Figure) and isinstance(other, Figure) and one.value > other.value


def _exceeds_or_open(one: Rate, other: Rate) -> bool:
    """Whether the first is larger, or one of them is a named parameter that has no value yet."""
    return not (isinstance(one, Figure) and isinstance(other, Figure)) or one.value > other.value
