"""The book of organisations: what each opened with, what it earns elsewhere, and what it must reach, as dated data.

Openings are surpluses (below nothing a deficit) and add to the printed deficits of the scenario. What a hospital earns that neither the
run nor a source explains is left over from its printed size and is marked so; an organisation that money reaches and the book does not
name is a fault, never a silent break-even.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from capitation.pack.sources import DataPack
from capitation.records.documents import Document, Judged
from capitation.records.years import FinancialYear
from capitation.streams.document import Amount

IncomeKind = Literal["other commissioners", "education and training", "private and other"]
Condition = Literal["finance", "ae", "rtt", "cancer"]


class Opening(Amount):
    """The surplus of a year before sustainability funding, of one organisation or of several together."""

    year: FinancialYear
    """Year of the surplus."""
    organisations: tuple[str, ...] = Field(min_length=1)
    """Whose it is; several share it by their income of the base year."""


class OtherIncome(Amount):
    """Income that does not come from the system's own commissioners, in the base year."""

    organisation: str
    """Who earns it."""
    kind: IncomeKind
    """What it is for."""


class Size(Amount):
    """The whole cost of an organisation in the base year, from its accounts or from what is printed of them."""

    organisation: str
    """Whose cost it is."""


class Standard(Judged):
    """One condition of sustainability funding and how an organisation stood against it."""

    organisation: str
    """Who earns the funding."""
    condition: Condition
    """What earns it."""
    standard: Decimal
    """What must be reached."""
    value: Decimal
    """What was reached."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Table, row and column."""

    @property
    def is_met(self) -> bool:
        """Whether the standard was reached."""
        return self.value >= self.standard


class BodyTarget(Amount):
    """The surplus that a body must reach in a year, after sustainability funding."""

    organisation: str
    """Which body."""
    since: FinancialYear = Field(alias="from")
    """First year in which it holds; it holds until a later one."""


class Repayment(Judged):
    """An accumulated deficit that its owners pay back out of later surpluses."""

    on: bool
    """Whether the rule is applied."""
    pounds: Decimal = Field(ge=0, decimal_places=2)
    """The accumulated deficit."""
    organisations: tuple[str, ...] = Field(min_length=1)
    """Who pays it back, by their income of the base year."""
    first_year: FinancialYear
    """First year of repayment."""
    years: int = Field(ge=1)
    """Years in which it is paid back in equal parts."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Table, row and column, or what the assumption rests on."""


class Rules(Document):
    """Rules of the commissioners that can be switched on and off."""

    surplus: bool
    """Whether a commissioner must keep the surplus of the parameter `top_slices.cumulative_surplus`."""
    running_costs: bool
    """Whether running costs stand beside the allocations, as an allowance a head that is spent."""
    repayment: Repayment | None = None
    """Repayment of an accumulated deficit."""


class OrganisationBook(Document):
    """Every organisation of a system with its opening, its other income and its targets."""

    id: str
    """Name of the book, the file's own."""
    about: str
    """What it rests on."""
    commissioners: tuple[str, ...] = Field(min_length=1)
    """Organisations that hold an allocation."""
    providers: tuple[str, ...] = Field(min_length=1)
    """Organisations that give care."""
    unshared: str
    """Code under which stands what no organisation can be shown to bear."""
    fund: str
    """Code under which stands sustainability funding that is not earned."""
    names: dict[str, str]
    """Names for people of commissioners, of the fund and of what is not shared; providers have theirs elsewhere."""
    openings: tuple[Opening, ...]
    """Surpluses by year; those of the base year and before add to the printed deficits."""
    printed_parts: tuple[str, ...] = ()
    """Parts of the scenario's gaps that the openings of their year must add to, with the sign turned."""
    income: tuple[OtherIncome, ...] = ()
    """Other income of the base year."""
    sizes: tuple[Size, ...] = ()
    """Whole cost of organisations in the base year."""
    standards: tuple[Standard, ...] = ()
    """Conditions of sustainability funding."""
    control_totals: tuple[BodyTarget, ...] = ()
    """Control totals by body."""
    most_unpublished: Decimal = Field(gt=0, le=1)
    """Largest part of a body's income that may stand without a source before the run says so."""
    rules: Rules
    """Rules of the commissioners."""

    @model_validator(mode="after")
    def _names_hold(self) -> OrganisationBook:
        codes = [*self.commissioners, *self.providers, self.unshared, self.fund]
        wrong = [f"organisation {c!r} stands twice" for c in sorted({c for c in codes if codes.count(c) > 1})]
        known = {*self.commissioners, *self.providers}
        repays = self.rules.repayment.organisations if self.rules.repayment else ()
        wrong += [
            f"names: found none of {c!r}; expected its name"
            for c in (*self.commissioners, self.fund, self.unshared)
            if c not in self.names
        ]
        cited = [
            *(o for each in self.openings for o in each.organisations), *(i.organisation for i in self.income),
            *(s.organisation for s in self.sizes), *(s.organisation for s in self.standards),
            *(c.organisation for c in self.control_totals), *repays,
        ]  # fmt: skip
        wrong += [
            f"found {c!r}, which is no commissioner and no provider of the book" for c in sorted({*cited} - known)
        ]
        for year in sorted({each.year for each in self.openings}):
            opened = [o for each in self.openings if each.year == year for o in each.organisations]
            wrong += [
                f"found two openings of {o!r} in {year}; expected one"
                for o in sorted({o for o in opened if opened.count(o) > 1})
            ]
        pairs = [(s.organisation, s.condition) for s in self.standards]
        wrong += [f"found two standards {p}; expected one" for p in sorted({p for p in pairs if pairs.count(p) > 1})]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def control_total(self, organisation: str, year: FinancialYear) -> BodyTarget | None:
        """The control total of a body in a year; none where it has none."""
        mine = [c for c in self.control_totals if c.organisation == organisation and c.since <= year]
        return max(mine, key=lambda c: c.since, default=None)


def organisation_names(pack: DataPack) -> dict[str, str]:
    """Names of commissioners, funds and what is not shared, from every book of the pack."""
    return {code: name for book in pack.names("organisations") for code, name in read_book(pack, book).names.items()}


def read_book(pack: DataPack, name: str) -> OrganisationBook:
    """The book of organisations of this name."""
    return pack.document(f"organisations/{name}.toml", OrganisationBook)
