"""The money of a scenario as its document writes it: streams by year, top-slices with their releases, and the do-nothing gap."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from capitation.money.pence import pence_of
from capitation.records.documents import Document, Judged
from capitation.records.years import FinancialYear

Stream = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
"""Code of a stream of money, of the scenario's own choosing, such as "ccg", "icb" or "primary-medical"."""
Recurrence = Literal["recurrent", "non-recurrent"]
SliceKind = Literal["earmark", "non-recurrent reserve", "contingency"]


class Amount(Judged):
    """An amount of money as a source prints it."""

    pounds: Decimal = Field(decimal_places=2)
    """The amount in pounds, exact to the penny."""
    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """Page, table, row and column; for an assumption what it rests on."""

    @model_validator(mode="after")
    def _assumption_has_an_owner(self) -> Amount:
        if self.source == "assumption" and (self.owner is None or self.quality is None):
            raise ValueError("an assumption needs an owner and a quality mark")
        return self

    @property
    def pence(self) -> int:
        """The amount in whole pence."""
        return pence_of(self.pounds)


class StreamAmount(Amount):
    """The allocation of one stream in one year."""

    year: FinancialYear
    """Financial year of the money."""
    recurrence: Recurrence = "recurrent"
    """Whether the money comes again next year."""


class StreamSeries(Document):
    """One stream of money over the years of the plan."""

    stream: Stream
    """Code of the stream."""
    since: FinancialYear | None = Field(default=None, alias="from")
    """First year in which the stream exists; none means the first year of the plan."""
    amounts: tuple[StreamAmount, ...]
    """Amounts by year and recurrence; every year from the first must have one, a year without money says 0."""


class Release(Document):
    """Part of a top-slice given back in a year."""

    year: FinancialYear
    """Year in which it is given back."""
    rate: Decimal = Field(gt=0, le=1)
    """Part of the slice that is given back: 1 is all of it."""
    recurrence: Recurrence = "non-recurrent"
    """How the money given back may be used; a reserve kept for a year comes back non-recurrently."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Where the release is decided."""


class TopSlice(Judged):
    """Money taken off the top of a stream before it is deployed."""

    name: str
    """What it is called, such as "Better Care Fund" or "1% non-recurrent reserve"."""
    kind: SliceKind
    """An earmark is spent for a named purpose; a reserve and a contingency are set aside."""
    stream: Stream
    """Stream it is taken from."""
    since: FinancialYear = Field(alias="from")
    """First year in which it is taken."""
    until: FinancialYear | None = None
    """Last year in which it is taken; none means to the end of the plan."""
    takes: Recurrence = "recurrent"
    """Which money it takes."""
    pounds: Decimal | None = Field(default=None, ge=0, decimal_places=2)
    """Fixed amount in pounds a year; give this or `rate`."""
    rate: Decimal | None = Field(default=None, ge=0, le=1)
    """Rate on `base`; give this or `pounds`."""
    base: Literal["stream total", "opening balance"] = "stream total"
    """What the rate is of: all money of the stream in the year before any slice, or the balance as it stands when its turn comes."""
    rounding: Literal["nearest", "down", "up"] = "nearest"
    """How rate x base becomes whole pence: "nearest" with half a penny away from nil, "down" in favour of the stream, "up" of the
    slice."""
    releases: tuple[Release, ...] = ()
    """Years in which it is given back; none means kept."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Page, table, row and column; for an assumption what it rests on."""

    @model_validator(mode="after")
    def _is_an_amount_or_a_rate(self) -> TopSlice:
        if (self.pounds is None) == (self.rate is None):
            raise ValueError("give either pounds or rate")
        if self.until is not None and self.until < self.since:
            raise ValueError(f"until {self.until} lies before from {self.since}")
        if self.source == "assumption" and (self.owner is None or self.quality is None):
            raise ValueError("an assumption needs an owner and a quality mark")
        return self

    def applies(self, year: str) -> bool:
        """Whether it is taken in a year."""
        return self.since <= year and (self.until is None or year <= self.until)


class PrintedTotal(Amount):
    """A total that the source prints beside its streams."""

    year: FinancialYear
    """Financial year of the total."""
    streams: tuple[Stream, ...]
    """Streams it should be the sum of."""


class StreamPlan(Document):
    """All money of a system over a span of years."""

    first_year: FinancialYear
    """First year of the plan."""
    last_year: FinancialYear
    """Last year of the plan."""
    streams: tuple[StreamSeries, ...]
    """Streams of money; at least one."""
    top_slices: tuple[TopSlice, ...] = ()
    """Top-slices in the order in which they are taken."""
    totals: tuple[PrintedTotal, ...] = ()
    """Printed totals to compare the streams with."""


class GapPart(Amount):
    """One printed part of a gap; positive widens it, negative closes it."""

    name: str
    """What the part is."""


class DoNothingGap(Document):
    """The deficit of one year if nothing is done, and the parts its source prints."""

    year: FinancialYear
    """Financial year of the deficit."""
    parts: tuple[GapPart, ...] = ()
    """Printed parts in their order."""
    total: Amount | None = None
    """The printed deficit; none means that only its parts are printed, and the bridge ends at their sum."""
