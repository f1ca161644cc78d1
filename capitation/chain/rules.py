"""A chain document: what each line of spend grows by when nothing is done, and which printed deficit the chain must end on.

cost_y = base x volume_y x price_y
volume   units of activity on current trends, persons of the population, the other lines of a group, or none
price    a parameter compounded from the year after the base, the growth of an allocation, or none
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from capitation.pack.sources import DataPack
from capitation.records.documents import Document, Judged
from capitation.records.years import FinancialYear

Step = Literal["price", "drugs", "specialised_growth"]


class GrowthRule(Judged):
    """How some lines of spend grow when nothing is done."""

    lines: tuple[str, ...] = Field(min_length=1)
    """Points of delivery, or services whose spend no activity counts."""
    volume: Literal["activity", "persons", "group", "none"]
    """What the quantity follows: the line's own activity, the population, the activity of the lines of `group` by spend, or nothing."""
    group: tuple[str, ...] = ()
    """Lines whose average growth by spend stands in, for the volume "group"."""
    price: str | None = None
    """Parameter of yearly price growth, compounded from the year after the base."""
    price_follows_persons: bool = False
    """Whether the price grows with the population as well, as a drugs bill does."""
    follows_stream: str | None = None
    """Stream whose recurrent allocation the cost follows instead of a price."""
    step: Step = "price"
    """The line of the chain that the growth of price is shown in."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Place in the source, or what the assumption rests on."""

    @model_validator(mode="after")
    def _one_price(self) -> GrowthRule:
        if (self.volume == "group") != bool(self.group):
            raise ValueError('a group for the volume "group", and for no other')
        if self.price is not None and self.follows_stream is not None:
            raise ValueError("a price parameter or a stream to follow, not both")
        return self


class Chain(Document):
    """From the opening deficit to what doing nothing leads to."""

    id: str
    """Name of the chain, the file's own."""
    title: str
    """Title for people."""
    about: str
    """What it rests on."""
    base_year: FinancialYear
    """Year whose spend and opening deficit the chain starts from."""
    opening_part: str
    """Name of the printed deficit of the base year, before sustainability funding."""
    printed_part: str
    """Name of the printed deficit that doing nothing ends on, where a year prints one."""
    not_explained_pounds: Decimal | None = None
    """What no published figure explains, kept at this sum: what is left then moves with every changed assumption. By default it is what is
    printed less what is derived, so that the deficit stays as printed whatever is assumed."""
    streams: tuple[str, ...] = Field(min_length=1)
    """Streams whose recurrent money meets the cost."""
    sustainability_stream: str | None = None
    """Stream of sustainability funding: income without cost."""
    organisations: str | None = None
    """Name of the book of organisations (a file of organisations/) that the chain is followed to; none means the system only."""
    specialised: str | None = None
    """Commissioner of specialised services, whose payments are a source of income of their own."""
    activity_case: str = "unmitigated"
    """Activity that doing nothing leads to."""
    rules: tuple[GrowthRule, ...] = Field(min_length=1)
    """How each line of spend grows; every line has one rule."""

    @model_validator(mode="after")
    def _each_line_once(self) -> Chain:
        lines = [line for rule in self.rules for line in rule.lines]
        twice = sorted({line for line in lines if lines.count(line) > 1})
        if twice:
            raise ValueError(f"one rule for each line of spend; found two for {', '.join(twice)}")
        return self


def read_chain(pack: DataPack, name: str) -> Chain:
    """The chain document of this name."""
    return pack.document(f"chains/{name}.toml", Chain)
